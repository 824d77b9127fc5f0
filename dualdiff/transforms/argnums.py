"""Which arguments are differentiated: ``argnums``, checked when a transform is made and when it is called."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from .. import errors


def checked_argnums(argnums: Any, f: Callable[..., Any], transform: str) -> Any:
    """``argnums`` of a transform that is being made: an int, or a tuple of them, for which ``f`` has arguments."""
    if type(argnums) is int and type(f) is FunctionType and 0 <= argnums < f.__code__.co_argcount:  # as most
        return argnums
    several = isinstance(argnums, (tuple, list))
    if several and not argnums:
        of_weights = "\n  argnums=None together with weights= differentiates captured Variables alone."
        raise ValueError(
            f"{transform}: argnums={argnums!r} names no argument to differentiate."
            f"{of_weights if transform in ('grad', 'value_and_grad') else ''}"
        )
    if type(argnums) is not int:
        argnums = (
            tuple([_whole(n, argnums, transform) for n in argnums]) if several else _whole(argnums, argnums, transform)
        )
        if several and len(set(argnums)) != len(argnums):
            raise ValueError(f"{transform}: argnums={argnums!r} names an argument twice.")
    most = _most_positional(f, inspected=argnums != 0)
    if most is not None:
        for number in argnums if several else (argnums,):
            if not -most <= number < most:
                raise ValueError(
                    f"{transform}: argnums={argnums!r}, but {errors.name_of_user_function(f)} takes {most} positional "
                    f"argument{'s' * (most != 1)}; only positional arguments can be differentiated."
                    f"{_where_the_point_goes(transform)}"
                )
    return argnums


def _whole(number: Any, given: Any, transform: str) -> int:
    try:
        if isinstance(number, (bool, np.ndarray)):
            raise TypeError
        return operator.index(number)
    except TypeError:
        shown = f"an array of shape {given.shape}" if isinstance(given, np.ndarray) else repr(given)
        raise TypeError(
            f"{transform}: argnums is an int or a tuple of ints, not {shown}.{_where_the_point_goes(transform)}"
        ) from None


def _where_the_point_goes(transform: str) -> str:
    if transform == "compare_modes":
        return ""
    return f"\n  {transform}(f) returns a function: the point goes there, {transform}(f)(x)."


def _most_positional(f: Any, inspected: bool) -> int | None:
    """How many positional arguments ``f`` takes; None where that is not known, or not bounded."""
    if type(f) is FunctionType:
        return None if f.__code__.co_flags & inspect.CO_VARARGS else f.__code__.co_argcount
    if not inspected:  # of other callables a signature takes a while
        return None
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return None
    return sum(
        parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD) for parameter in parameters
    )


def selected(argnums: Any, n_args: int, transform: str) -> tuple[int, ...]:
    """The positions in a call that checked ``argnums`` name, each once and non-negative."""
    if type(argnums) is int and 0 <= argnums < n_args:
        return (argnums,)
    positions = []
    for number in argnums if isinstance(argnums, tuple) else (argnums,):
        if not -n_args <= number < n_args:
            raise ValueError(
                f"{transform}: argnums={argnums!r}, but the function was called with {n_args} positional "
                f"argument{'s' * (n_args != 1)}; only positional arguments can be differentiated."
            )
        positions.append(number % n_args)
    if len(set(positions)) != len(positions):
        raise ValueError(f"{transform}: argnums={argnums!r} names an argument twice.")
    return tuple(positions)
