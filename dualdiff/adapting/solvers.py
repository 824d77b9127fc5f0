"""`scipy.optimize` in adapted code: `dualdiff.scipy.optimize` where something that enters carries a derivative.
The solvers of differential equations likewise: `dualdiff.scipy.integrate`.

What a solver is given may carry one in plain sight, or by what a function among its arguments closes over.  SciPy's own
solver begins; where a value of such a function is found to carry a derivative, as at its first call, it stops, and the
solver with derivatives takes its place.  So a solver that nothing enters returns what SciPy returns.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

from .. import errors
from ..values.choices import MADE
from ..values.levels import duals_in
from ..values.objects import carries, fused
from .buffers import settled, stripped_of
from .calls import enter, hook
from .handing import HANDED_ON, changed, handed, is_callable

# Functions of scipy.optimize that solve nothing: code like any other.
_FORMULAS = frozenset({"rosen", "rosen_der", "rosen_hess", "rosen_hess_prod"})


def enter_solvers(package: ModuleType, ours: ModuleType) -> None:
    """Enter the stand-ins of a package's solvers: of all of them, since none is to be differentiated step by step."""
    for name in package.__all__:
        original = getattr(package, name)
        if isinstance(original, FunctionType) and name not in _FORMULAS:
            reason = "dualdiff.scipy.optimize has no derivative of its solution"
            if name in ours.REASONS:
                reason += f": {ours.REASONS[name]}"
            enter(original, _solver(original, getattr(ours, name) if name in ours.__all__ else None, reason))
    enter(package.LinearConstraint, functools.partial(_of_arrays, package.LinearConstraint))


def _of_arrays(constraint: Any, *args: Any, **kwargs: Any) -> Any:
    """A constraint whose matrix and limits may be lists of scalars that carry derivatives, as of numbers."""
    part = lambda x: fused(x) if carries(x) else x
    return constraint(*map(part, args), **{name: part(x) for name, x in kwargs.items()})


def _solver(original: Any, own: Any, reason: str) -> Callable[..., Any]:
    @functools.wraps(original)
    def solve(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = stripped_of(args, []), stripped_of(kwargs, [])
        found: Any = [args, kwargs]
        if not carries(found) and not any(map(_limits_carry, (*args, *kwargs.values()))):
            plain_args, plain_kwargs = changed(original, _watched, args, kwargs)
            before = MADE[0]
            try:
                solution = original(*plain_args, **plain_kwargs)
                if MADE[0] == before or own is None:  # else a derivative may decide what a function returns
                    return solution
            except _Entered as entered:
                found = entered.value
        if own is None:
            shapes = [dual.shape for dual in duals_in(found)][:1]
            raise errors.unsupported(original, reason, shapes)
        args, kwargs = changed(original, viewed, args, kwargs)
        return own(*args, **kwargs)

    return solve


def enter_integrators(package: ModuleType, ours: ModuleType) -> None:
    """Enter the solvers of differential equations, which call SciPy once and return its result if nothing entered."""
    for name, own in ours.IN_ADAPTED_CODE.items():
        original = getattr(package, name)
        enter(original, _integrator(original, own))


def _integrator(original: Any, own: Any) -> Callable[..., Any]:
    @functools.wraps(original)
    def solve(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = stripped_of(args, []), stripped_of(kwargs, [])
        args, kwargs = changed(original, viewed, args, kwargs)
        return own(*args, **kwargs)

    return solve


def viewed(x: Any) -> Any:
    """A function as adapted code calls it, for somebody who is not adapted; all else as it is."""
    if not is_callable(x):
        return in_tree(viewed, x)
    view = hook(x)
    return handed(x, lambda *args, **kwargs: settled(view(*args, **kwargs)))


class _Entered(BaseException):
    """A function returned a derivative; no error, and none that a solver may catch."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


def _watched(x: Any) -> Any:
    """A function that stops everything where it returns what carries a derivative."""
    if not is_callable(x):
        return in_tree(_watched, x)
    view = hook(x)

    def call(*args: Any, **kwargs: Any) -> Any:
        y = settled(view(*args, **kwargs))
        if carries(y):
            raise _Entered(y)
        return y

    return handed(x, call)


def in_tree(change: Callable[[Any], Any], x: Any) -> Any:
    """The same for functions in lists, tuples and dicts, and in a constraint of SciPy's (callbacks by name)."""
    if type(x) is list or type(x) is tuple:
        items = [change(item) for item in x]
        return type(x)(items) if any(map(operator.is_not, items, x)) else x
    if type(x) is dict:
        named = {name: item if name in HANDED_ON else change(item) for name, item in x.items()}
        return named if any(map(operator.is_not, named.values(), x.values())) else x
    if _is_constraint(x) and any(map(is_callable, vars(x).values())):
        import copy

        changed = copy.copy(x)
        for name, item in vars(x).items():
            setattr(changed, name, change(item))
        return changed
    return x


def _is_constraint(x: Any) -> bool:
    """Whether it is a Bounds, LinearConstraint or NonlinearConstraint."""
    return type(x).__module__ == "scipy.optimize._constraints"


def _limits_carry(x: Any) -> bool:
    """Whether a constraint of SciPy's has limits or a matrix that carry a derivative."""
    if type(x) in (list, tuple):
        return any(map(_limits_carry, x))
    return _is_constraint(x) and any(map(carries, vars(x).values()))
