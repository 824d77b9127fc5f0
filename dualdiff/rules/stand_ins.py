"""Functions that NumPy's protocols do not reach, with a rule: another function stands in for each.

It has the same name, signature and values: plain arguments go to the original, Duals and Variables to the rule.
The original makes every value; below an outer level of differentiation the stand-in calls itself.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ..pytrees.trees import presented
from ..table import Rule
from ..values import kinds
from ..values.levels import duals_in
from .call import fused_tree, owned
from .forms import Composite


def standing_in(
    plain: Callable[..., Any], make: Callable[[Any], Rule], described_by: Any = None, unknown: bool = False
) -> Callable[..., Any]:
    """A function in the place of ``plain``, with the rule that ``make`` makes for it, in its attribute ``rule``.

    Messages name the module of ``described_by``, the formula of the rule, where one is given.  Of an ``unknown`` one,
    which may write into its arguments, or return one of them or a work array, the memory is kept apart.
    """
    overwriting: set[int] = set()
    with contextlib.suppress(TypeError, ValueError):  # a function in C may not say what it takes
        names = inspect.signature(plain).parameters
        overwriting = {place for place, name in enumerate(names) if name.startswith("overwrite_")}

    @functools.wraps(plain)
    def function(*args: Any, **kwargs: Any) -> Any:
        from_user = _holds_variable((args, kwargs))
        args, kwargs = fused_tree(args), fused_tree(kwargs)
        if not duals_in(args, kwargs):
            result = kinds.call(plain, *args, **kwargs)
            return owned(result) if unknown else result
        if overwriting:  # only a permission: what the user, or the record, still reads is not destroyed
            args = tuple(False if place in overwriting else arg for place, arg in enumerate(args))
            kwargs = {name: False if name.startswith("overwrite_") else arg for name, arg in kwargs.items()}
        result = rule(*args, **kwargs)
        # Inside a formula, or as the value of an inner level, Variables are Duals and stay so.
        return presented(result) if from_user else result

    if described_by is not None:
        function.__module__ = described_by.__module__  # messages name the function that was called
        text = described_by.__doc__ or ""
        function.__doc__ = f"As ``{plain.__module__}.{plain.__name__}``, with derivatives.\n\n    {text}"
    rule = function.rule = make(on_copies(function) if unknown else function)  # type: ignore[attr-defined]
    return function


def on_copies(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function on copies of its arguments, which are the caller's and which the rule reads again, for a copy."""

    @functools.wraps(function)
    def apart(*args: Any, **kwargs: Any) -> Any:
        own = lambda arg: owned(arg) if isinstance(arg, np.ndarray) else arg
        return owned(function(*map(own, args), **{name: own(arg) for name, arg in kwargs.items()}))

    return apart


class ByFormula(Composite):
    """A composite whose formula may make Variables on its way (with an object that holds them): here they are Duals."""

    def __init__(self, function: Any, formula: Callable[..., Any], active: str | None = None) -> None:
        super().__init__(
            function, functools.wraps(formula)(lambda *args, **kwargs: _duals_of(formula(*args, **kwargs))), active
        )


def _duals_of(result: Any) -> Any:
    if isinstance(result, (list, tuple)):
        parts = [_duals_of(part) for part in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    return result.__dual__() if _is_variable(result) else result


def _holds_variable(tree: Any) -> bool:
    if isinstance(tree, dict):
        return any(_holds_variable(item) for item in tree.values())
    if isinstance(tree, (list, tuple)):
        return any(_holds_variable(item) for item in tree)
    return _is_variable(tree)


def _is_variable(x: Any) -> bool:
    return hasattr(type(x), "__dual__")
