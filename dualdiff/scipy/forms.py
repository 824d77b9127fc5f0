"""How a Python-level function of SciPy is given a derivative rule.

    @tangent_rule(scipy.linalg.expm)            an expression in the tangents, as for NumPy's functions
    def expm(y, A, dA): ...

    @composite(scipy.integrate.trapezoid)       a formula in NumPy calls that have rules
    def trapezoid(y, x=None, dx=1.0, axis=-1): ...

The name declared becomes a function with SciPy's signature: SciPy's own on plain arguments, the rule on Duals and
Variables.  SciPy's own call makes every value; below an outer level of differentiation the function calls itself.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from .. import errors
from ..rules import forms
from ..rules.call import fused_tree
from ..rules.stand_ins import ByFormula, standing_in
from ..table import RULES, Rule, register
from ..values.levels import duals_in
from ..values.objects import fused


def tangent_rule(plain: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare ``rule(y, a, b, ..., da, db)`` as `dualdiff.rules.forms.tangent_rule` does; it need not name `_HOW`."""
    return lambda rule: standing_in(plain, lambda function: forms.TangentRule(function, _taking(plain, rule)), rule)


# Parameters of SciPy's that say how it calculates, not what.
_HOW = frozenset({"check_finite", "driver", "lapack_driver", "lwork", "overwrite_a", "overwrite_ab", "overwrite_b"})


def _taking(plain: Callable[..., Any], rule: Callable[..., Any]) -> Callable[..., Any]:
    """The rule with those of SciPy's parameters in their places that it does not name and that change no value."""
    own = list(inspect.signature(rule).parameters)
    try:
        theirs = inspect.signature(plain).parameters
    except (TypeError, ValueError):  # a function in C may not say what it takes
        return rule
    unread = [name for name in theirs if name in _HOW and name not in own]
    if not unread:
        return rule

    @functools.wraps(rule)
    def taking(y: Any, **values: Any) -> Any:
        return rule(y, **{name: value for name, value in values.items() if name not in unread})

    named = [own[0], *(name for name in theirs if name in own or name in unread)]
    named += [name for name in own if name not in named]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    taking.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in named])  # type: ignore[attr-defined]
    return taking


def composite(
    plain: Callable[..., Any], active: str | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a formula with SciPy's signature; only its tangent is used.  ``active`` as for NumPy's composites."""
    return lambda formula: standing_in(plain, lambda function: ByFormula(function, formula, active), formula)


class Assembled(Rule):
    """A class, a distribution or a function whose parts have rules: here the table says where derivatives go."""

    form = "class"

    def __init__(self, function: Any, active: str) -> None:
        super().__init__(function)
        self.names = self.active = tuple(active.split())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def tangent(self, y: Any, values: dict[str, Any], tangents: dict[str, Any]) -> Any:
        raise TypeError(f"{errors.name_of(self.function)} is no function of arrays: its parts have rules, it has none.")


def enter(module: dict[str, Any], package: ModuleType, **active: str) -> None:
    """Enter what a module has under SciPy's names into the table, under SciPy's functions.

    ``active`` are the differentiable arguments of those that are put together from others.
    """
    for name in package.__all__:
        own, plain = module.get(name), getattr(package, name)
        if own is None or own is plain or (plain in RULES and RULES[plain].function is own):
            continue
        own.__module__ = module["__name__"]  # messages name what the user typed
        if not hasattr(own, "__name__"):  # a distribution
            own.__name__ = name
        register(getattr(own, "rule", None) or Assembled(own, active.get(name) or own.active), plain)


def double(x: Any) -> Any:
    """An argument in double precision, for functions of SciPy that calculate in nothing else."""
    x = fused(fused_tree(x))
    x = x if hasattr(x, "dtype") else np.asarray(x)
    return x if x.dtype in (np.float64, np.complex128) else x.astype(complex if x.dtype.kind == "c" else float)


def undefined_where(result: Any, where: Any) -> Any:
    """The derivative of a value that is nan is nan."""
    return result * np.where(where, np.nan, 1.0) if np.any(where) else result


def without_rule(package: ModuleType, name: str) -> Any:
    """What else SciPy has under a name, for a module's ``__getattr__``; a function of it refuses Duals."""
    found = getattr(package, name)
    if isinstance(found, (np.ufunc, type, ModuleType)) or not callable(found):
        return found

    @functools.wraps(found)
    def function(*args: Any, **kwargs: Any) -> Any:
        if duals := duals_in(fused_tree(args), fused_tree(kwargs)):
            raise errors.unsupported(found, "dualdiff.scipy has none", [dual.shape for dual in duals])
        return found(*args, **kwargs)

    return function
