"""Where it begins: the function that a transform runs; `adapt`, `as_written`, `stand_in`."""

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any, TypeVar

from . import calls
from .calls import INSTANCES, enter, hook, of_new_function, plan_of

F = TypeVar("F", bound=Callable[..., Any])


def adapted(f: Any) -> Any:
    """The function as a transform runs it."""
    if not calls.ON:
        return f
    if type(f) is FunctionType:
        plan, namespace = plan_of(id(f.__code__)), f.__globals__
        if plan is not None and plan.of is namespace:
            for name, meant in plan.assumed:
                if namespace.get(name) is not meant:  # it means another module now
                    calls.forget()
                    return of_new_function(f)
            if plan.code is None:
                return f
            view = plan.view
            if view is not None and plan.defaults is f.__defaults__ and plan.kwdefaults is f.__kwdefaults__:
                return view
            return plan.view_of(f)
    if not calls.arrived:
        calls.arrive()
    view = hook(f)
    if view is f or type(view) is FunctionType:
        return view
    from .compiled import WithArrays

    return f if type(view) is WithArrays else view


class as_written:
    """Function that runs as written, and with it what it calls: ``dd.grad(dd.as_written(f))``; a decorator too.

    What `adapt` would help with (``float``, ``math``, arrays made by ``np.zeros``) then raises.

    Parameters
    ----------
    f : callable
        Any function.

    Notes
    -----
    Cost: one call more.

    Examples
    --------
    >>> import math
    >>> import dualdiff as dd
    >>> dd.derivative(lambda x: math.exp(x))(0.0)
    1.0
    >>> dd.derivative(dd.as_written(lambda x: math.exp(x)))(0.0)  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    DerivativeLost: float(x), or a function of the math module, of a Dual of shape (): the derivative would be lost.
    """

    def __init__(self, f: Callable[..., Any]) -> None:
        if not callable(f):
            raise TypeError(f"as_written: the argument is a function, not {f!r}.")
        functools.update_wrapper(self, f, updated=())
        self.f = f

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.f(*args, **kwargs)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __reduce__(self) -> Any:
        return as_written, (self.f,)

    def __repr__(self) -> str:
        return f"<as_written {self.f!r}>"


class Adapted:
    """What `adapt` returns of a function that needs help."""

    __slots__ = ("__dict__", "__weakref__", "f")

    def __init__(self, f: Callable[..., Any], settled: Callable[[Any], Any]) -> None:
        functools.update_wrapper(self, f, updated=())
        self.f = f
        self.__dict__["_settled"] = settled

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__dict__["_settled"](adapted(self.f)(*args, **kwargs))

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __reduce__(self) -> Any:
        return getattr(sys.modules[calls.OURS], "adapt"), (self.f,)  # noqa: B009

    def __repr__(self) -> str:
        return f"<adapt of {self.f!r}>"


INSTANCES[as_written] = lambda g: g
INSTANCES[Adapted] = lambda g: hook(g.f)


_adapted_of: weakref.WeakValueDictionary[int, Adapted] = weakref.WeakValueDictionary()


def adapt_with(f: Any, settled: Callable[[Any], Any]) -> Any:
    if not callable(f):
        raise TypeError(f"adapt: the argument is a function, not {f!r}.")
    if isinstance(f, (Adapted, as_written)) or adapted(f) is f:
        return f
    found = _adapted_of.get(id(f))
    if found is None or found.f is not f:
        found = _adapted_of[id(f)] = Adapted(f, settled)
    return found


def stand_in(original: Callable[..., Any]) -> Callable[[F], F]:
    """Declare what is called in place of ``original`` in adapted functions: ``stand_in(original)(replacement)``.

    Meant for functions that neither NumPy's protocols nor a view of their source reaches, compiled ones say.  A later
    declaration replaces an earlier one.

    Parameters
    ----------
    original : callable
        The function that adapted code calls.

    Returns
    -------
    callable
        A decorator of the replacement, which receives Duals and is typically a `custom_jvp` function.  On arguments
        that carry no derivative it should return what the original returns.

    Notes
    -----
    Cost: none but that of the replacement.

    Examples
    --------
    >>> import math
    >>> import numpy as np
    >>> import dualdiff as dd
    >>> def compiled(x):  # think of a function in C, of which no source is at hand
    ...     return math.sin(math.floor(x) + (x - math.floor(x)))
    >>> @dd.stand_in(compiled)
    ... def differentiable(x):
    ...     return np.sin(x)
    >>> dd.derivative(lambda x: compiled(x))(0.0)
    1.0
    """
    if not callable(original):
        raise TypeError(f"stand_in: the original is a function or class, not {original!r}.")

    def declare(replacement: F) -> F:
        if not callable(replacement):
            raise TypeError(f"stand_in: the replacement is a function, not {replacement!r}.")
        calls.arrive()
        enter(original, replacement)
        calls.PLANS.clear()
        calls.forget()
        return replacement

    return declare
