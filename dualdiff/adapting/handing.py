"""Callables of the user's, handed to code that is not adapted: SciPy's solvers, threads.

What is called there is the view; all else that can be seen is the user's own object: attributes (``terminal`` of an
event, also one of the class), class, name and signature.  What is handed on to the user's own functions (``args=``)
is left as it is: those are adapted, and see the very object that was given.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any

from .calls import LEFT

FUNCTIONS = (FunctionType, MethodType, functools.partial)
# Arguments that a solver hands on to the functions that it calls.
HANDED_ON = frozenset({"args", "kwargs", "fargs", "extra_args"})


class Handed:
    """An object of the user's, but for what is called."""

    __slots__ = ("_call", "_original")

    def __init__(self, original: Any, call: Callable[..., Any]) -> None:
        object.__setattr__(self, "_original", original)
        object.__setattr__(self, "_call", call)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._call(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name == "__signature__":
            return _signature(self._original)
        return getattr(self._original, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._original, name, value)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self._original)

    def __repr__(self) -> str:
        return repr(self._original)


def _signature(x: Any) -> Any:
    try:
        return inspect.signature(x)
    except (TypeError, ValueError):
        raise AttributeError("__signature__") from None


def handed(x: Any, call: Callable[..., Any]) -> Any:
    """``call`` in place of ``x``, with everything else that there is to be seen of ``x``."""
    if type(x) is FunctionType:
        return functools.wraps(x)(lambda *args, **kwargs: call(*args, **kwargs))
    return Handed(x, call)


def is_callable(x: Any) -> bool:
    """Whether it is a function of the user's, or an object that is called like one."""
    return isinstance(x, FUNCTIONS) or is_callable_instance(x)


def is_callable_instance(x: Any) -> bool:
    cls = type(x)
    return (
        not isinstance(x, type)
        and type(getattr(cls, "__call__", None)) is FunctionType  # noqa: B004
        and str(cls.__module__).partition(".")[0] not in LEFT | {"scipy"}
    )


@functools.cache
def of_functions(original: Any) -> tuple[frozenset[int], frozenset[str]]:
    """The positions and names of the parameters of a solver that are handed on to functions."""
    try:
        names = list(inspect.signature(original).parameters)
    except (TypeError, ValueError):
        return frozenset(), HANDED_ON
    return frozenset(i for i, name in enumerate(names) if name in HANDED_ON), HANDED_ON


def changed(original: Any, change: Callable[[Any], Any], args: Any, kwargs: Any) -> tuple[Any, Any]:
    """The arguments of a call of ``original`` with ``change`` of each that is not handed on to functions."""
    positions, names = of_functions(original)
    return (
        tuple(arg if i in positions else change(arg) for i, arg in enumerate(args)),
        {name: arg if name in names else change(arg) for name, arg in kwargs.items()},
    )
