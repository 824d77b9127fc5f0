"""New arrays: ``np.zeros(n)`` as a lazy buffer, ``np.array([x, y], dtype=float)`` as one Dual; scalars."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..values import kinds
from ..values.dual import Dual, primal
from ..values.levels import duals_in, innermost
from ..values.objects import carries, fused
from .buffers import Buffer, buffered, plain
from .builtins import is_dual, plain_value
from .calls import OF_LISTS, enter, method

_ndarray = np.ndarray
_FLOATS = frozenset({float, int, np.float64})


def _fresh(original: Any) -> None:
    """A function that makes a plain array: a buffer of it."""

    @functools.wraps(original)
    def make(*args: Any, **kwargs: Any) -> Any:
        if "like" in kwargs:
            return original(*args, **kwargs)
        return buffered(original(*args, **kwargs))

    enter(original, make)


for _original in (np.zeros, np.ones, np.empty, np.eye, np.identity):
    _fresh(_original)


def _like(original: Any) -> None:
    """The same for one that makes an array like another: of a Dual, a Dual as ever."""

    @functools.wraps(original)
    def make(*args: Any, **kwargs: Any) -> Any:
        if carries(args) or carries(kwargs):
            return original(*args, **kwargs)
        return buffered(original(*map(plain, args), **{name: plain(arg) for name, arg in kwargs.items()}))

    enter(original, make)


for _likeness in (np.zeros_like, np.ones_like, np.empty_like, np.copy):
    _like(_likeness)


def like_of(*trees: Any) -> Any:
    """The Dual for ``like=``: one of the innermost level among what carries a derivative."""
    duals = duals_in(*[_with_duals(tree) for tree in trees])
    perturbation = innermost(duals)
    return next(dual for dual in duals if dual.perturbation is perturbation)


def _with_duals(tree: Any) -> Any:
    if isinstance(tree, (list, tuple)):
        return [_with_duals(item) for item in tree]
    return fused(tree) if type(tree) is not Dual else tree


def _full(original: Any) -> None:
    @functools.wraps(original)
    def make(*args: Any, **kwargs: Any) -> Any:
        if "like" in kwargs:
            return original(*args, **kwargs)
        if not (carries(args) or carries(kwargs)):
            return buffered(original(*map(plain, args), **{name: plain(arg) for name, arg in kwargs.items()}))
        if original is np.full_like:
            return _full_like(*args, **kwargs)
        return original(*args, **kwargs, like=like_of(args, kwargs))

    enter(original, make)


def _full_like(a: Any, fill_value: Any, *args: Any, **kwargs: Any) -> Any:
    if carries(a):
        return np.full_like(a, fill_value, *args, **kwargs)
    made = buffered(np.empty_like(plain(a), *args, **kwargs))
    made[...] = fill_value if type(made) is Buffer else primal(fused(fill_value))
    return made


_full(np.full)
_full(np.full_like)


def _ranged(original: Any) -> None:
    @functools.wraps(original)
    def make(*args: Any, **kwargs: Any) -> Any:
        if "like" not in kwargs and (carries(args) or carries(kwargs)):
            return original(*args, **kwargs, like=like_of(args, kwargs))
        made = original(*args, **kwargs)
        return made if "like" in kwargs else buffered(made)

    enter(original, make)


_ranged(np.arange)


def _spaced(original: Any) -> None:
    """A function of NumPy's, whose result is new memory."""

    @functools.wraps(original)
    def make(*args: Any, **kwargs: Any) -> Any:
        made = original(*args, **kwargs)
        if type(made) is tuple:  # with the step
            return (buffered(made[0]), *made[1:])
        return buffered(made) if type(made) is _ndarray else made

    enter(original, make)


for _spacing in (np.linspace, np.logspace, np.geomspace, np.tri):
    _spaced(_spacing)


@functools.wraps(np.fromiter)
def fromiter(*args: Any, **kwargs: Any) -> Any:
    given = dict(zip(("iter", "dtype", "count"), args, strict=False)) | kwargs
    count, dtype = given.get("count", -1), given.get("dtype")
    if (
        not set(given) <= {"iter", "dtype", "count"}
        or len(args) > 3
        or not _is_source(given.get("iter"))
        or type(count) is not int
    ):
        return np.fromiter(*args, **kwargs)
    try:
        if dtype is None or np.dtype(dtype).kind not in "biufc":
            return np.fromiter(*args, **kwargs)
    except TypeError:  # no dtype: NumPy's own error
        return np.fromiter(*args, **kwargs)
    items: list[Any] = []
    source = iter(given["iter"])
    while len(items) != count:
        try:
            items.append(next(source))
        except StopIteration:
            break
    if carries(items):
        return np.fromiter(items, dtype, count, like=like_of(items))
    return buffered(np.fromiter(items, dtype, count))


def _is_source(x: Any) -> bool:
    return hasattr(x, "__iter__") and not (isinstance(x, np.ndarray) and x.ndim == 0)


enter(np.fromiter, fromiter)


# Conversions.


def _converting(original: Any) -> None:
    """``np.array`` and its kin: of what carries a derivative one Dual of the dtype asked for."""

    @functools.wraps(original)
    def convert(*args: Any, **kwargs: Any) -> Any:
        if "like" in kwargs or not args:
            return original(*args, **kwargs)
        given = args[0]
        kind = type(given)
        if kind is list and given and not kwargs and len(args) == 1:
            for item in given:
                if type(item) is not Dual:
                    break
            else:
                return np.stack(given)
            for item in given:
                if type(item) not in _FLOATS:
                    break
            else:
                return buffered(original(given))
        if kind is Buffer:
            return _of_buffer(original, given, args[1:], kwargs)
        if kind is _ndarray or not carries(given):
            other = kinds.other_in(given) if kinds.RUNNING[0] else None
            if other is not None:
                return original(given, *args[1:], like=other, **kwargs)
            array = original(plain(given), *args[1:], **kwargs)
            if type(array) is _ndarray and array is not given and not _shares(array, given):
                return buffered(array)
            return array
        dtype = args[1] if len(args) > 1 else kwargs.get("dtype")
        if dtype is not None and np.dtype(dtype) == object:
            return original(*args, **kwargs)
        if dtype is not None and np.dtype(dtype).kind not in "fc":
            return original(plain_array(given), *args[1:], **kwargs)
        return original(given, *args[1:], like=like_of(given), **kwargs)

    enter(original, convert)


def _shares(array: Any, given: Any) -> bool:
    return isinstance(given, _ndarray) and np.may_share_memory(array, given)


def plain_array(given: Any) -> Any:
    return np.asarray(primal(fused(given)))


def _of_buffer(original: Any, buffer: Any, rest: Any, kwargs: Any) -> Any:
    if type(buffer.value) in kinds.OTHERS:
        array = original(buffer.value, *rest, **kwargs, like=buffer.value)
    else:
        array = original(buffer.value, *rest, **kwargs)
    if array is buffer.value:
        return buffer
    if np.may_share_memory(array, buffer.value):
        return buffer.reshape(array.shape) if array.dtype == buffer.value.dtype else buffer.view(array.dtype)
    return buffered(array)


for _conversion in (np.array, np.asarray, np.asanyarray, np.ascontiguousarray, np.asfortranarray, np.require):
    _converting(_conversion)


def _of_lists(g: Any, *args: Any, **kwargs: Any) -> Any:
    """A function of NumPy, each list that carries a derivative as the array that NumPy would make of it."""
    given = [_whole(arg) for arg in args]
    named = {name: arg if name == "out" else _whole(arg) for name, arg in kwargs.items()}
    return g(*given, **named)


def _whole(x: Any) -> Any:
    kind = type(x)
    if (kind is list or kind is tuple) and carries(x):
        try:
            return np.asarray(x, like=like_of(x))
        except ValueError:  # of several lengths: NumPy's own error, or a list of arrays
            return x
    return x


OF_LISTS[0] = _of_lists


def _scalar(kind: Any) -> None:
    """``np.float64(x)`` of a number is that number, in the precision of the type."""

    def convert(*args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and not kwargs and type(args[0]) not in _FLOATS:
            x = args[0]
            if carries(x):
                x = x if is_dual(x) else fused(x)
                if np.dtype(kind).kind in "fc":
                    whole = np.asarray(x, dtype=kind, like=x if type(x) is Dual else x.__dual__())
                    return whole[()]
                return kind(plain_value(x))
            return kinds.call(kind, plain(x))
        return kind(*args, **kwargs)

    convert.__name__ = kind.__name__
    enter(kind, convert)


for _kind in {np.float64, np.float32, np.float16, np.longdouble, np.complex128, np.complex64, np.clongdouble,
              np.int64, np.int32, np.int16, np.int8, np.uint64, np.uint32, np.uint16, np.uint8, np.intp,
              np.longlong, np.bool_}:  # fmt: skip
    _scalar(_kind)


# Copies of plain arrays by method, in C.


def _copy(owner: Any, *args: Any, **kwargs: Any) -> Any:
    return buffered(owner.copy(*args, **kwargs))


def _astype(owner: Any, *args: Any, **kwargs: Any) -> Any:
    array = owner.astype(*args, **kwargs)
    return array if array is owner or np.may_share_memory(array, owner) else buffered(array)


def _dot(owner: Any, b: Any, out: Any = None) -> Any:
    return np.dot(owner, b) if out is None else np.dot(owner, b, out)


method(_ndarray, "copy", _copy)
method(_ndarray, "astype", _astype)
method(_ndarray, "dot", _dot)


def _into_buffers(name: str, function: Any) -> None:
    """A method with ``out=``, into a buffer: in C it takes arrays of NumPy's own, or divides its sums elsewhere."""

    def call(owner: Any, *args: Any, **kwargs: Any) -> Any:
        if any(type(arg) in _HOLDING for arg in (*args, *kwargs.values())):
            return function(owner, *args, **kwargs)
        return getattr(owner, name)(*args, **kwargs)

    method(_ndarray, name, call)


_HOLDING = frozenset({Buffer, Dual})
for _name in ("argmax", "argmin", "cumprod", "cumsum", "mean", "round", "std", "take", "trace", "var"):
    _into_buffers(_name, getattr(np, _name))
_into_buffers("compress", lambda owner, condition, *args, **kwargs: np.compress(condition, owner, *args, **kwargs))
_into_buffers(
    "choose", lambda a, *given, **kwargs: np.choose(a, given if len(given) > 1 else given[0], **kwargs)
)  # fmt: skip


# Iteration over entries, which takes a buffer's memory for as long as it runs.


@functools.wraps(np.ndenumerate, updated=())
def ndenumerate(*args: Any, **kwargs: Any) -> Any:
    if len(args) == 1 and not kwargs and type(args[0]) is Buffer:
        buffer: Any = args[0]
        return ((index, buffer[index]) for index in np.ndindex(buffer.shape))
    return np.ndenumerate(*args, **kwargs)


enter(np.ndenumerate, ndenumerate)
