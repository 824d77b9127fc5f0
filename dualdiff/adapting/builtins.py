"""Python's own functions: ``float``, ``int``, ``isinstance``, ``type``, and those that take functions.

On arguments that carry nothing each returns what the original returns.  A question about a type is answered for the
plain value, so that the branch taken is the one that plain NumPy takes.
"""

from __future__ import annotations

import abc
import bisect
import builtins
import functools
import heapq
import itertools
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from ..rules.call import wrapped
from ..tangents.expression import Tangent
from ..values import kinds
from ..values.choices import decided
from ..values.dual import Dual, primal
from ..values.objects import carries
from .buffers import Buffer
from .calls import INSTANCES, PATTERN, enter, hook, method

_PLAIN = frozenset({float, int, str, bool, np.float64, np.ndarray, list, tuple, dict, type(None)})
NOT_GIVEN: Any = object()


def is_dual(x: Any) -> bool:
    """Whether this is a Dual or a Variable: one value that carries a derivative, or a buffer."""
    return hasattr(type(x), "__dual__") or type(x) is Dual


def plain_value(x: Any) -> Any:
    """What plain NumPy would have in place of a Dual, a Variable or a buffer."""
    if type(x) is not Dual:
        x = x.__dual__()
    return primal(x)


def _standing_in(original: Any) -> Callable[[Any], Any]:
    def declare(replacement: Any) -> Any:
        enter(original, replacement)
        return replacement

    return declare


# Numbers.


def number_of(x: Any, convert: Callable[[Any], Any]) -> Any:
    """A Dual as a Dual of a Python number, where ``convert`` (float, complex) takes its plain value."""
    value = plain_value(x)
    if type(value) not in kinds.OTHERS:
        convert(value)  # Python's own errors, and NumPy's
    if type(x) is Buffer:
        return convert(value)
    if type(x) is not Dual:  # a Variable
        x = x.__dual__()
    if value.ndim if isinstance(value, np.ndarray) else 0:  # an array of one entry, which NumPy deprecates
        x = x.reshape(())[()]
    if convert is complex:
        return x.item() if np.iscomplexobj(value) else (x + 0j).item()
    if np.iscomplexobj(value):
        x = x.real  # as numpy.complex128 gives, with a warning
    return x.item()


@_standing_in(float)
def float_(x: Any = NOT_GIVEN, /, *args: Any, **kwargs: Any) -> Any:
    kind = type(x)
    if kind in _PLAIN and not args and not kwargs:
        return float(x)
    if x is not NOT_GIVEN and not args and not kwargs:
        if is_dual(x):
            return presented(number_of(x, float))
        if kind in kinds.OTHERS:
            return x.as_number(float)
        if type(own := getattr(kind, "__float__", None)) is FunctionType:
            y = hook(own)(x)
            if type(y) is not float and is_dual(y):
                return presented(number_of(y, float))
            return y if type(y) is float else _own_error(x, y)
    return float(*_given(x, args), **kwargs)


def _given(x: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    return args if x is NOT_GIVEN else (x, *args)


def _own_error(x: Any, y: Any) -> float:
    """Python's own conversion, or error, of what a ``__float__`` has returned, which is not called again."""
    returning = type(type(x).__name__, (), {"__float__": lambda self: y})
    return float(returning())


@_standing_in(complex)
def complex_(*args: Any, **kwargs: Any) -> Any:
    given = dict(zip(("real", "imag"), args, strict=False)) | kwargs
    if len(args) > 2 or len(given) != len(args) + len(kwargs) or not any(map(is_dual, given.values())):
        return complex(*args, **kwargs)
    values = {name: plain_value(x) if is_dual(x) else x for name, x in given.items()}
    whole = complex(*[values[name] for name in list(given)[: len(args)]], **{name: values[name] for name in kwargs})
    parts = {name: number_of(x, complex) if is_dual(x) else complex(x) for name, x in given.items()}
    made = parts.get("real", 0j) + parts["imag"] * 1j if "imag" in parts else parts["real"]
    return presented(with_primal(made, whole))


@_standing_in(int)
def int_(x: Any = NOT_GIVEN, /, *args: Any, **kwargs: Any) -> Any:
    """The plain integer: piecewise constant, with derivative 0."""
    if args or kwargs or x is NOT_GIVEN:
        return int(*_given(x, args), **kwargs)
    if type(x) in _PLAIN or not is_dual(x):
        return int(x)
    whole = int(plain_value(x))
    decided(np.trunc, (x,), whole)
    return whole


@_standing_in(round)
def round_(*args: Any, **kwargs: Any) -> Any:
    if args and type(args[0]) not in _PLAIN and is_dual(args[0]):
        y = round(plain_value(args[0]), *args[1:], **kwargs)
        decided(round, args[:1], y)
        return y
    return round(*args, **kwargs)


def presented(x: Any) -> Any:
    """A number as its users see it: what Variables carry is a Variable."""
    return x.perturbation.present(x) if type(x) is Dual else x


def with_primal(x: Any, value: Any) -> Any:
    """A Dual with another plain value, its derivatives as they are: what a function computes in its own way."""
    if type(x) is not Dual:
        return value
    y = with_primal(x.value, value)
    return wrapped(y, Tangent(x.perturbation, x.tangent) * 1.0, x.perturbation)


# Types.


@_standing_in(isinstance)
def isinstance_(x: Any = NOT_GIVEN, classes: Any = NOT_GIVEN, /, *args: Any, **kwargs: Any) -> bool:
    if classes is not NOT_GIVEN and not args and not kwargs:
        if type(x) in _PLAIN:
            return isinstance(x, classes)
        if is_dual(x):
            return isinstance(kinds.shown(plain_value(x)), classes) or (
                _asks_for_ours(classes) and isinstance(x, classes)
            )
        if type(x) in kinds.OTHERS:
            return isinstance(kinds.shown(x), classes)
        return isinstance(x, classes)
    return isinstance(*(one for one in (x, classes) if one is not NOT_GIVEN), *args, **kwargs)


def _asks_for_ours(classes: Any) -> bool:
    """Whether it is asked for a Dual or a Variable by name."""
    if isinstance(classes, tuple):
        return any(map(_asks_for_ours, classes))
    return hasattr(classes, "__dual__") or classes is Dual


class _Matching(type):
    """The class of a class that matches, in a pattern, what its original matches for the plain value."""

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance_(x, cls.__mro__[1])


class _MatchingABC(_Matching, abc.ABCMeta):
    """The same for abstract classes."""


@functools.cache
def _pattern(cls: Any) -> Any:
    own = cls.__module__.partition(".")[0]
    if cls is bool or own not in ("builtins", "numpy", "numbers", "collections", "typing"):
        return cls
    kind = {type: _Matching, abc.ABCMeta: _MatchingABC}.get(type(cls))
    return cls if kind is None else kind(cls.__name__, (cls,), {})


def pattern(cls: Any) -> Any:
    """The hook of classes in patterns."""
    return _pattern(cls) if isinstance(cls, type) else cls


PATTERN[0] = pattern


@_standing_in(type)
def type_(x: Any = NOT_GIVEN, /, *args: Any, **kwargs: Any) -> Any:
    if args or kwargs or x is NOT_GIVEN:
        return type(*_given(x, args), **kwargs)
    if type(x) in _PLAIN:
        return type(x)
    return kinds.type_of(plain_value(x) if is_dual(x) else x)


@_standing_in(hasattr)
def hasattr_(*args: Any, **kwargs: Any) -> bool:
    if len(args) == 2 and type(args[0]) not in _PLAIN:
        args = (kinds.shown(plain_value(args[0]) if is_dual(args[0]) else args[0]), args[1])
    return hasattr(*args, **kwargs)


@_standing_in(np.isscalar)
def isscalar(element: Any) -> Any:
    return np.isscalar(kinds.shown(plain_value(element) if is_dual(element) else element))


# Functions of functions.


def hooked(x: Any) -> Any:
    return hook(x) if callable(x) and not is_dual(x) else x


def _first_hooked(original: Any) -> None:
    @_standing_in(original)
    @functools.wraps(original, updated=())
    def replacement(*args: Any, **kwargs: Any) -> Any:
        if args:
            args = (hooked(args[0]), *args[1:])
        return original(*args, **kwargs)


for _original in (
    builtins.map, builtins.filter, functools.reduce, itertools.starmap, itertools.takewhile, itertools.dropwhile,
    itertools.filterfalse, functools.cmp_to_key,
    np.apply_along_axis, np.apply_over_axes, np.fromfunction, np.frompyfunc,
):  # fmt: skip
    _first_hooked(_original)


def _key_hooked(original: Any) -> None:
    @_standing_in(original)
    @functools.wraps(original, updated=())
    def replacement(*args: Any, **kwargs: Any) -> Any:
        if kwargs.get("key") is not None:
            kwargs["key"] = hooked(kwargs["key"])
        return original(*args, **kwargs)


for _taking_key in (
    builtins.sorted, builtins.min, builtins.max, itertools.groupby, heapq.merge, heapq.nlargest, heapq.nsmallest,
    bisect.bisect_left, bisect.bisect_right, bisect.insort_left, bisect.insort_right,
):  # fmt: skip
    _key_hooked(_taking_key)


@functools.partial(method, list, "sort")
def _sort(owner: Any, **kwargs: Any) -> None:
    if kwargs.get("key") is not None:
        kwargs["key"] = hooked(kwargs["key"])
    owner.sort(**kwargs)


@_standing_in(itertools.accumulate)
def accumulate(*args: Any, **kwargs: Any) -> Any:
    if len(args) > 1:
        args = (args[0], hooked(args[1]), *args[2:])
    if "func" in kwargs:
        kwargs["func"] = hooked(kwargs["func"])
    return itertools.accumulate(*args, **kwargs)


@_standing_in(np.piecewise)
def piecewise(*args: Any, **kwargs: Any) -> Any:
    if len(args) > 2 and isinstance(args[2], (list, tuple)):
        args = (*args[:2], [hooked(f) for f in args[2]], *args[3:])
    return np.piecewise(*args, **kwargs)


def _partial(g: functools.partial[Any]) -> Any:
    """The function viewed; its arguments are the user's own objects, and are looked at where they are called."""
    viewed = hook(g.func)
    return g if viewed is g.func else functools.partial(viewed, *g.args, **g.keywords)


INSTANCES[functools.partial] = _partial


def _cached(g: Any) -> Any:
    """What carries a derivative passes by the cache, which compares values."""

    @functools.wraps(g)
    def call(*args: Any, **kwargs: Any) -> Any:
        if carries(args) or carries(kwargs) or any(map(_is_buffer, (*args, *kwargs.values()))):
            return hook(g.__wrapped__)(*args, **kwargs)
        return g(*args, **kwargs)

    return call


def _is_buffer(x: Any) -> bool:
    return type(x) is Buffer


INSTANCES[functools._lru_cache_wrapper] = _cached
