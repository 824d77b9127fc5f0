"""New arrays: ``np.zeros_like(x)``, ``np.zeros(n, like=x)``, and values between given ends.

A float array made from a Dual is a Dual with zero tangent, so that it can be written into; an integer or boolean one
is plain.  With ``like=`` of nested differentiation the buffer carries every level that ``like`` does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..table import RULES
from ..tangents import ONE
from ..tangents.expression import Tangent
from ..values import kinds
from ..values.dual import Dual, is_array, may_share_memory, primal
from ..values.kinds import OTHERS, as_array
from ..values.levels import duals_in, innermost, lifted
from ..values.objects import fused, stripped
from ..values.storage import may_be_seen_elsewhere
from .call import constant, wrapped
from .forms import composite, creation, custom

# Like another array.


def _buffer(value: Any, like: Dual) -> Any:
    """A new array as a Dual that can be written, if its numbers can have derivatives."""
    return lifted(value, like.perturbation) if value.dtype.kind in "fc" else value


def _like(function: Any) -> None:
    @custom("creation like an array", function, active="")
    def made(a: Any, *args: Any, **kwargs: Any) -> Any:
        a = fused(a)
        innermost((a,))
        return _buffer(function(a.value, *args, **kwargs), a)


_like(np.zeros_like)
_like(np.ones_like)
_like(np.empty_like)


@custom("creation like an array", np.full_like, active="fill_value")
def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None, **options: Any
) -> Any:
    options |= {"order": order, "subok": subok, "shape": shape}
    a, fill_value = fused(a), fused(fill_value)
    if innermost((a,)) is None or not duals_in(fill_value):
        innermost((fill_value,))
        y = np.full_like(a.value if type(a) is Dual else a, fill_value, dtype, **options)
        return _buffer(y, a) if type(a) is Dual else y
    y = np.full_like(primal(a), primal(fill_value), dtype, **options)
    if constant(y.dtype):
        return y
    y = np.empty_like(a, dtype, **options)
    y[...] = fill_value
    return y


# With like=.  NumPy calls the rule with the Dual given there first, and without the keyword.


def _plain(function: Any, like: Dual, args: Any, kwargs: Any) -> Any:
    """The array itself, of the kind that the value of ``like`` is."""
    value = like.value
    if (isinstance(value, (np.ndarray, np.generic)) and type(value) not in OTHERS) or not hasattr(
        value, "__array_function__"
    ):
        return function(*args, **kwargs)
    return function(*args, **kwargs, like=value)


def _created(function: Any) -> None:
    @creation(function)
    def made(like: Dual, *args: Any, **kwargs: Any) -> Any:
        innermost((like, *duals_in(args, kwargs)))
        return _buffer(_plain(function, like, args, kwargs), like)


for _function in (
    np.zeros, np.ones, np.empty, np.eye, np.identity, np.tri,
    np.frombuffer, np.fromfile, np.fromstring, np.loadtxt, np.genfromtxt,
):  # fmt: skip
    _created(_function)


@creation(np.full, active="fill_value")
def full(like: Dual, shape: Any, fill_value: Any, dtype: Any = None, order: Any = "C", **options: Any) -> Any:
    fill_value = fused(fill_value)
    if not duals_in(fill_value):
        return _buffer(_plain(np.full, like, (shape, fill_value, dtype, order), options), like)
    dtype = np.dtype(fill_value.dtype if dtype is None else dtype)
    if constant(dtype):
        return kinds.call(np.full, shape, primal(fill_value), dtype, order, **options)
    y: Any = np.empty(shape, dtype, order, like=like, **options)
    y[...] = fill_value
    return y


@creation(np.arange, active="args start step")
def arange(like: Dual, *args: Any, **kwargs: Any) -> Any:
    """start + i step; ``stop`` only says how many."""
    names = ("stop",) if len(args) == 1 and "stop" not in kwargs else ("start", "stop", "step", "dtype")
    bound = dict(zip(names, args, strict=False)) | kwargs
    innermost((like, *duals_in(bound)))
    y = _plain(np.arange, like, stripped(args), stripped_values(kwargs))
    if constant(y.dtype):
        return y
    start, step = bound.get("start", 0), bound.get("step")
    result = _buffer(y, like)
    if duals_in(start, step):
        number = np.arange(y.size, dtype=y.dtype)
        # Only the tangent of this formula counts: the differences are zero.
        moved = (start - primal(start)) + number * (0.0 if step is None else step - primal(step))
        result = result + moved
    return result


def stripped_values(options: dict[str, Any]) -> dict[str, Any]:
    return {name: stripped(option) for name, option in options.items()}


@creation(np.fromfunction)
def fromfunction(like: Dual, function: Any, shape: Any, *, dtype: Any = float, **kwargs: Any) -> Any:
    innermost((like,))
    y = fused(np.fromfunction(function, shape, dtype=dtype, **kwargs))
    return _buffer(y, like) if isinstance(y, np.ndarray) else y


@creation(np.fromiter, active="iter")
def fromiter(like: Dual, iter: Any, dtype: Any, count: int = -1) -> Any:
    items = list(iter)
    if not duals_in(items):
        return _buffer(_plain(np.fromiter, like, (items, dtype, count), {}), like)
    if count > len(items):
        raise ValueError("iterator too short")
    whole: Any = fused(items if count < 0 else items[:count])
    return RULES[np.asarray](like, whole, dtype=dtype)


# Conversions.


def _converted(function: Any, x: Dual, like: Dual, args: Any, kwargs: Any) -> Any:
    """A Dual as an array of the asked dtype, order and rank: itself, a view of it, or a copy, as NumPy has it."""
    innermost((x, like))
    y = _plain(function, x, (x.value, *args), kwargs)
    if constant(y.dtype):
        return y
    if y is x.value:
        return x
    if is_array(x.value) and y.dtype == x.dtype and may_share_memory(y, x.value):
        return x if y.shape == x.shape else np.reshape(x, y.shape)
    perturbation = x.perturbation
    tangent = Tangent(perturbation, x.tangent)
    if y.dtype.kind != "c":
        tangent = tangent.real()
    if y.shape != x.shape:  # ndmin
        tangent = tangent.reshape(y.shape)
    owned = perturbation.combine(((ONE, tangent.handle),), y)
    return wrapped(y, Tangent(perturbation, owned), perturbation)


def _conversion(function: Any) -> None:
    @creation(function, active="a")
    def converted(like: Dual, a: Any, *args: Any, **kwargs: Any) -> Any:
        x = fused(a)
        if not duals_in(x):
            innermost((like,))
            y = _plain(function, like, (x, *args), kwargs)
            # Into a copy: what is written to the result must not reach the plain argument without its derivative.
            return _buffer(np.copy(y) if y is x or np.may_share_memory(y, x) else y, like)
        return _converted(function, x, like, args, kwargs)


for _conversion_function in (np.array, np.asarray, np.asanyarray, np.ascontiguousarray, np.asfortranarray):
    _conversion(_conversion_function)


@creation(np.require, active="a")
def require(like: Dual, a: Any, dtype: Any = None, requirements: Any = None) -> Any:
    x = fused(a)
    if not duals_in(x):
        return _buffer(np.copy(_plain(np.require, like, (x, dtype, requirements), {})), like)
    letters = {str(name)[0].upper() for name in requirements or ()}
    order: Any = "F" if "F" in letters else "C" if "C" in letters else None
    y: Any = np.asarray(x, dtype=dtype, order=order, like=like)
    return np.copy(y) if "O" in letters and type(y) is Dual and may_be_seen_elsewhere(y) else y


# Values between two ends.


def _fractions(num: int, endpoint: bool, ndim: int, axis: int) -> Any:
    """0, 1/n, 2/n, ... along ``axis`` of an array that has ``ndim`` more."""
    intervals = max(num - 1 if endpoint else num, 1)
    place = axis % (ndim + 1)
    return (np.arange(num) / intervals).reshape([-1 if i == place else 1 for i in range(ndim + 1)])


def _ends(*ends: Any) -> tuple[Any, ...]:
    fused_ends = (fused(end) for end in ends)
    return tuple(end if hasattr(end, "__array_function__") else as_array(end) for end in fused_ends)


@composite(np.linspace, active="start stop")
def linspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None,
    axis: int = 0, **options: Any,
) -> Any:  # fmt: skip
    start, stop = _ends(start, stop)
    y = None
    if dtype is None or not constant(np.dtype(dtype)):  # whole numbers are constant
        ndim = max(start.ndim, stop.ndim)
        t = _fractions(num, endpoint, ndim, axis)
        y = _open(start, ndim, axis) * (1 - t) + _open(stop, ndim, axis) * t
    intervals = num - 1 if endpoint else num
    return (y, (stop - start) / intervals if intervals > 0 else None) if retstep else y


def _open(end: Any, ndim: int, axis: int) -> Any:
    """An end with the axis of the numbers between, after its shape has been filled up to ``ndim`` axes."""
    filled = np.reshape(end, (1,) * (ndim - end.ndim) + end.shape)
    return np.expand_dims(filled, axis)


@composite(np.logspace, active="start stop base")
def logspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0
) -> Any:
    if dtype is not None and constant(np.dtype(dtype)):
        return None
    start, stop, base = _ends(start, stop, base)
    ndim = max(start.ndim, stop.ndim, base.ndim)
    t = _fractions(num, endpoint, ndim, axis)
    exponent = _open(start, ndim, axis) * (1 - t) + _open(stop, ndim, axis) * t
    return np.power(_open(base, ndim, axis), exponent)


@composite(np.geomspace, active="start stop")
def geomspace(start: Any, stop: Any, num: Any = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    """start (stop / start)**t, also for complex ends and for negative ones, whose quotient is positive."""
    if dtype is not None and constant(np.dtype(dtype)):
        return None
    start, stop = _ends(start, stop)
    ndim = max(start.ndim, stop.ndim)
    t = _fractions(num, endpoint, ndim, axis)
    start, stop = _open(start, ndim, axis), _open(stop, ndim, axis)
    return start * np.exp(np.log(stop / start) * t)
