"""Forms of rules that give no derivative: passive functions, and refused ones."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from .. import errors
from ..table import RULES, Rule, register
from ..values import storage as shared
from ..values.choices import MADE, WATCHES, note
from ..values.dual import Dual, primal
from ..values.levels import duals_in, innermost
from ..values.objects import stripped
from .called import Called as Called
from .called import Composite as Composite
from .called import Custom as Custom
from .called import composite as composite
from .called import creation as creation
from .called import custom as custom
from .called import with_out_named as with_out_named
from .called import writing as writing
from .ufuncs import elementwise as elementwise

# Everything else.


class Passive(Rule):
    """No useful derivative: what NumPy returns."""

    form = "passive"
    chooses = True  # by values, which shapes and dtypes are not

    @functools.cached_property
    def from_out(self) -> tuple[int, list[str]]:
        """Where ``out`` stands among the parameters, and those from it on, which may be given by position."""
        if not isinstance(self.function, np.ufunc):  # whose out= NumPy names before it comes here
            with contextlib.suppress(TypeError, ValueError):
                names = list(inspect.signature(self.function).parameters)
                return names.index("out"), names[names.index("out") :]
        return 0, []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        before_out, from_out = self.from_out
        if from_out and len(args) > before_out:
            kwargs |= dict(zip(from_out, args[before_out:], strict=False))
            args = args[:before_out]
        return self._plain(self.function, args, kwargs)

    def tangent(self, y: Any, values: dict[str, Any], tangents: dict[str, Any]) -> None:
        return None

    def _plain(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What NumPy returns; a Dual given as ``out=`` receives it as a constant."""
        target = kwargs.get("out")
        if isinstance(target, tuple) and len(target) == 1:
            target = target[0]
        MADE[0] += 1
        if type(target) is not Dual:
            y = function(*stripped(args), **{name: stripped(arg) for name, arg in kwargs.items()})
            if WATCHES and self.chooses:
                note(function, args if not kwargs else (*args, kwargs), y)
            return y
        kwargs = {name: stripped(arg) for name, arg in kwargs.items() if name != "out"}
        # In NumPy's own buffer, a copy, for its checks and for what ``where`` leaves alone.
        y = function(*stripped(args), **kwargs, out=primal(target).copy())
        if WATCHES and self.chooses:
            note(function, (*args, kwargs), y)
        where = kwargs.get("where", True)
        # Elsewhere where= selects operands, not results.
        selects = function is self.function or function.__name__ == "outer"
        if where is not True and selects and isinstance(self.function, np.ufunc):
            y = RULES[np.where](where, y, target)
        shared.write(target, ..., y)
        return target

    def __getattr__(self, method: str) -> Any:
        """``np.logical_and.reduce`` and its like."""
        if method not in ("reduce", "accumulate", "reduceat", "outer", "at"):
            raise AttributeError(method)
        bound = getattr(self.function, method)
        if method == "at":
            return functools.partial(self._at, bound)
        return lambda *args, **kwargs: self._plain(bound, args, kwargs)

    def _at(self, at: Callable[..., Any], a: Any, indices: Any, *operand: Any) -> None:
        """The entries written become constants."""
        if type(a) is not Dual:
            at(a, indices, *stripped(operand))
            return
        y = primal(a).copy()
        at(y, indices, *stripped(operand))
        shared.write(a, indices, y[indices])


def passive(*functions: Any, chooses: bool = True) -> None:
    for function in functions:
        rule = Passive(function)
        rule.chooses = chooses
        register(rule)


class Refused(Rule):
    """Cannot be differentiated, and says why."""

    form = "refused"

    def __init__(self, function: Any, reason: str) -> None:
        super().__init__(function)
        self.reason = reason

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        duals = duals_in(args, kwargs)
        innermost(duals)
        raise errors.unsupported(self.function, self.reason, [dual.shape for dual in duals])

    def tangent(self, y: Any, values: dict[str, Any], tangents: dict[str, Any]) -> NoReturn:
        raise errors.unsupported(self.function, self.reason, [])


def refused(*functions: Any, reason: str) -> None:
    for function in functions:
        register(Refused(function, reason))
