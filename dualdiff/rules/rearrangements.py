"""Rearrangements: every element of the result copies one element of an argument, or is constant.

A function named in `rearranging` needs no formula: an array of positions is moved by NumPy itself, and the tangent is
gathered by it.  Views get a batched form, so that they stay views: a write through them reaches the whole buffer.
Where NumPy returns its argument itself (``np.atleast_1d`` of a vector), so do the rules here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import errors
from ..table import RULES
from ..tangents import ONE, Perturbation, blocks
from ..tangents.expression import Tangent, normalized
from ..values import storage as shared
from ..values.dual import Dual, is_array, may_share_memory, primal
from ..values.kinds import ARRAYS, as_array
from ..values.levels import innermost, value_of
from ..values.objects import carries, fused, stripped
from .call import constant, wrapped, written
from .forms import Once, block_axis, custom, rearranging, view

_ALL = slice(None)
Move = Callable[[Any], Any]


# Views.


@view(np.reshape)
def reshape(x: Any, shape: Any = None, order: str = "C", *, newshape: Any = None, copy: Any = None) -> Move:
    shape = shape if shape is not None else newshape
    shape = tuple(shape) if np.iterable(shape) else (shape,)
    if order == "A":
        flags = primal(x).flags  # an array without them has no order "A" either
        order = "F" if flags.f_contiguous and not flags.c_contiguous else "C"
    if any(n < 0 for n in shape):  # the length that NumPy is to work out
        rest = math.prod(n for n in shape if n >= 0)
        shape = tuple((np.size(x) // rest if rest else 0) if n < 0 else n for n in shape)
    if order == "F":
        return lambda block: _reversed(_reversed(block).reshape(block.shape[0], *shape[::-1]))
    return Once(lambda block: block.reshape(block.shape[0], *shape))


@view(np.ravel)
def ravel(x: Any, order: str = "C") -> Move:
    if x.size == 0:
        return Once(_flat)
    if order == "K":
        axes = _memory_order(primal(x))
        return lambda block: _flat(block.transpose(0, *(axis + 1 for axis in axes)))
    return reshape(x, -1, order)


def _flat(block: Any) -> Any:
    """Each array of the block as a vector; the length is spelled out, for a block may be of no directions."""
    return block.reshape(block.shape[0], math.prod(block.shape[1:]))


def _memory_order(value: Any) -> list[int]:
    """Axes from the slowest to the fastest, as NumPy's iterator takes them: axes of stride 0 stay where they are."""
    if type(value) in ARRAYS and type(value) is not np.ndarray:
        value = value.memory
    if not isinstance(value, np.ndarray):
        raise errors.unsupported(np.ravel, "order='K' asks for the memory of a NumPy array", [value.shape])
    pair: Any = [value, None]
    strides = np.nditer(pair, [], [["readonly"], ["writeonly", "allocate"]], order="K").operands[1].strides
    return sorted(range(value.ndim), key=lambda axis: -abs(strides[axis]))


def _reversed(block: Any) -> Any:
    """Each array of the block transposed."""
    return block.transpose(0, *range(block.ndim - 1, 0, -1))


@view(np.transpose, once=True)
def transpose(x: Any, axes: Any = None) -> Move:
    if axes is None:
        return _reversed
    axes = block_axis(axes, x.ndim)
    return lambda block: block.transpose(0, *axes)


@view(np.swapaxes, once=True)
def swapaxes(x: Any, axis1: int, axis2: int) -> Move:
    axis1, axis2 = block_axis((axis1, axis2), x.ndim)
    return lambda block: block.swapaxes(axis1, axis2)


@view(np.matrix_transpose, np.linalg.matrix_transpose, once=True)
def matrix_transpose(x: Any, /) -> Move:
    return lambda block: block.swapaxes(-1, -2)


@view(np.moveaxis, once=True)
def moveaxis(a: Any, source: Any, destination: Any) -> Move:
    source, destination = block_axis(source, a.ndim), block_axis(destination, a.ndim)
    return lambda block: np.moveaxis(block, source, destination)


@view(np.rollaxis, once=True)
def rollaxis(a: Any, axis: int, start: int = 0) -> Move:
    axes = list(range(a.ndim))
    axis = normalized(axis, a.ndim)
    start = start + a.ndim if start < 0 else start
    axes.remove(axis)
    axes.insert(start - 1 if axis < start else start, axis)
    return transpose(a, axes)


@view(np.expand_dims, once=True)
def expand_dims(a: Any, axis: Any) -> Move:
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    ndim = a.ndim + len(axes)
    places = {normalized(i, ndim) for i in axes}
    return lambda block: block[(_ALL, *(None if i in places else _ALL for i in range(ndim)))]


@view(np.squeeze, once=True)
def squeeze(a: Any, axis: Any = None) -> Move:
    if axis is None or not a.shape:  # NumPy squeezes a scalar along axis 0 or -1 too, and refused others before this
        places = {i for i, n in enumerate(a.shape) if n == 1}
    else:
        places = {normalized(i, a.ndim) for i in (axis if isinstance(axis, tuple) else (axis,))}
    return lambda block: block[(_ALL, *(0 if i in places else _ALL for i in range(a.ndim)))]


@view(np.flip, once=True)
def flip(m: Any, axis: Any = None) -> Move:
    axes = range(m.ndim) if axis is None else axis if isinstance(axis, (tuple, list)) else (axis,)
    places = {normalized(i, m.ndim) for i in axes}
    index = (_ALL, *(slice(None, None, -1) if i in places else _ALL for i in range(m.ndim)))
    return lambda block: block[index]


@view(np.flipud, once=True)
def flipud(m: Any) -> Move:
    return flip(m, 0)


@view(np.fliplr, once=True)
def fliplr(m: Any) -> Move:
    return flip(m, 1)


@view(np.rot90, once=True)
def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Move:
    axes = block_axis(tuple(axes), m.ndim)
    return lambda block: np.rot90(block, k, axes)


@view(np.diagonal, once=True)
def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Move:
    axis1, axis2 = block_axis((axis1, axis2), a.ndim)
    return lambda block: _diagonal(block, offset, axis1, axis2)


@view(np.linalg.diagonal, once=True)
def linalg_diagonal(x: Any, /, *, offset: int = 0) -> Move:
    return lambda block: _diagonal(block, offset, -2, -1)


def _diagonal(block: Any, offset: int, axis1: int, axis2: int) -> Any:
    """A diagonal as a view that can be written, for a cotangent is added into it; that of `np.diagonal` is not."""
    if type(block) is Dual:  # einsum's is, below all levels
        square: Any = RULES[np.moveaxis](block, (axis1, axis2), (-2, -1))
        square = square[..., offset:] if offset >= 0 else square[..., -offset:, :]
        n = min(square.shape[-2:])
        return np.einsum("...ii->...i", square[..., :n, :n])
    part = np.diagonal(block, offset, axis1, axis2)
    if type(part) in ARRAYS and block.flags.writeable:
        part.setflags(write=True)
    return part


@view(np.broadcast_to)
def broadcast_to(array: Any, shape: Any, subok: bool = False) -> Move:
    shape = tuple(shape) if np.iterable(shape) else (shape,)
    return lambda block: np.broadcast_to(blocks.expand(block, len(shape)), (block.shape[0], *shape))


@view(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(x: Any, window_shape: Any, axis: Any = None, **options: Any) -> Move:
    if axis is None:
        axis = tuple(range(x.ndim))
    axis = block_axis(axis, x.ndim)
    return lambda block: np.lib.stride_tricks.sliding_window_view(block, window_shape, axis, **options)


# The whole array, or a part of it chosen by basic indexing: NumPy's own definitions, on Duals.


def _of_rank(ndim: int, place: Callable[[tuple[int, ...]], tuple[int, ...]], function: Any) -> None:
    """`np.atleast_1d` and its like: an array of rank ``ndim`` or more is returned itself."""

    @custom("view", function)
    def at_least(*arrays: Any) -> Any:
        arrays = tuple(fused(array) for array in arrays)
        innermost(arrays)
        results = [
            (array if array.ndim >= ndim else np.reshape(array, place(array.shape)))
            if type(array) is Dual
            else function(array)
            for array in arrays
        ]
        return results[0] if len(results) == 1 else type(function(0, 0))(results)


def _rank_1(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape or (1,)


def _rank_2(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (1,) * (2 - len(shape)) + shape


def _rank_3(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape + (1,) if len(shape) == 2 else (1, *(shape or (1,)), 1) if len(shape) < 2 else shape


_of_rank(1, _rank_1, np.atleast_1d)
_of_rank(2, _rank_2, np.atleast_2d)
_of_rank(3, _rank_3, np.atleast_3d)


def _splitting(function: Any, axis_of: Callable[[Any, int], int], has_axis: bool) -> None:
    @custom("view", function, active="ary")
    def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
        ary = fused(ary)
        if carries(indices_or_sections):
            raise errors.no_derivative_in(function, "indices_or_sections")
        innermost((ary,))
        # NumPy's errors first, on an array of one number that looks like this one.
        function(np.broadcast_to(0.0, ary.shape), indices_or_sections, *((axis,) if has_axis else ()))
        axis = axis_of(ary, axis)
        pieces = np.array_split(np.arange(ary.shape[axis]), indices_or_sections)
        before = (_ALL,) * normalized(axis, ary.ndim)
        return [ary[(*before, slice(p[0], p[-1] + 1) if p.size else slice(0, 0))] for p in pieces]


_splitting(np.split, lambda ary, axis: axis, has_axis=True)
_splitting(np.array_split, lambda ary, axis: axis, has_axis=True)
_splitting(np.hsplit, lambda ary, axis: 0 if ary.ndim == 1 else 1, has_axis=False)
_splitting(np.vsplit, lambda ary, axis: 0, has_axis=False)
_splitting(np.dsplit, lambda ary, axis: 2, has_axis=False)

if hasattr(np, "unstack"):  # NumPy 2.1

    @custom("view", np.unstack)
    def unstack(x: Any, /, *, axis: int = 0) -> Any:
        if x.ndim == 0:
            raise ValueError("Input array must be at least 1-d.")
        return tuple(np.moveaxis(x, axis, 0))


def _broadcast(x: Dual, shape: tuple[int, ...]) -> Any:
    if x.shape != shape:
        return np.broadcast_to(x, shape)
    return x if is_array(x.value) else np.copy(x)


@custom("view", np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    args = tuple(fused(arg) for arg in args)
    innermost(args)
    plain = np.broadcast_arrays(*stripped(args), subok=subok)
    return type(plain)(
        [_broadcast(arg, np.shape(part)) if type(arg) is Dual else part for arg, part in zip(args, plain, strict=True)]
    )


@custom("view", np.meshgrid, active="xi")
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: Any = "xy") -> Any:
    xi = tuple(fused(x) for x in xi)
    innermost(xi)
    plain = np.meshgrid(*stripped(xi), copy=copy, sparse=sparse, indexing=indexing)
    swap = {0: 1, 1: 0} if indexing == "xy" and len(xi) > 1 else {}
    results = []
    for i, (x, part) in enumerate(zip(xi, plain, strict=True)):
        if type(x) is not Dual:
            results.append(part)
            continue
        open_shape = tuple(-1 if axis == swap.get(i, i) else 1 for axis in range(len(xi)))
        opened: Any = np.reshape(x, open_shape)
        whole = opened if sparse else _broadcast(opened, np.shape(part))
        results.append(np.copy(whole, order="C") if copy else whole)
    return type(plain)(results)


@custom("view", np.ix_)
def ix_(*args: Any) -> Any:
    """An open mesh: of float vectors too, for formulas that broadcast."""
    innermost(args)
    plain = np.ix_(*stripped(args))
    return tuple(
        np.reshape(arg, part.shape) if type(arg) is Dual and arg.dtype.kind in "fc" else part
        for arg, part in zip(args, plain, strict=True)
    )


@custom("copy", np.copy)
def copy(a: Any, order: Any = "K", subok: Any = False) -> Any:
    a = fused(a)
    perturbation = innermost((a,))
    assert perturbation is not None
    y = np.copy(a.value, order=order, subok=subok)
    return Dual(y, perturbation.rearrange((a.tangent,), lambda block: block.copy(), y), perturbation)


if hasattr(np, "astype"):  # NumPy 2.1

    @custom("copy", np.astype)
    def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
        perturbation = innermost((x,))
        assert perturbation is not None
        y = np.astype(x.value, dtype, copy=copy, **({} if device is None else {"device": device}))
        if constant(y.dtype):
            return primal(y)
        if y is x.value:
            return x
        tangent = Tangent(perturbation, x.tangent)
        return wrapped(y, tangent.real() * 1.0 if y.dtype.kind == "f" else tangent * 1.0, perturbation)


# Parts of complex numbers: views, yet no rearrangements, for the transpose goes into the other dtype.


def _part(function: Any, x: Any, transpose: Move) -> Any:
    perturbation = innermost((x,))
    assert perturbation is not None
    y = function(x.value)
    if not is_array(y) or not may_share_memory(y, x.value):
        copied = lambda block: function(block).copy()
        return Dual(y, perturbation.linear_map(x.tangent, copied, transpose, y), perturbation)
    if x.storage is None:
        shared.anchor(x)
    handle = perturbation.linear_map(x.tangent, function, transpose, y)
    return shared.attach(Dual(y, handle, perturbation), x, (RULES[function],), function)


@custom("view", np.real)
def real(val: Any) -> Any:
    val = fused(val)
    innermost((val,))
    return _part(np.real, val, lambda block: block + 0j) if val.dtype.kind == "c" else val


@custom("view", np.imag)
def imag(val: Any) -> Any:
    """Of ⟨c, Im t⟩ = Re(−i c · t); the imaginary part of a real array is the constant 0."""
    val = fused(val)
    innermost((val,))
    return _part(np.imag, val, lambda block: block * -1j) if val.dtype.kind == "c" else np.imag(primal(val))


@custom("view", np.real_if_close, active="a")
def real_if_close(a: Any, tol: float = 100) -> Any:
    a = fused(a)
    innermost((a,))
    y = np.real_if_close(primal(a), tol)
    if y.ndim == 0:  # of a scalar NumPy makes an array
        a = np.reshape(np.reshape(a, (1,)), ())
    return np.real(a) if a.dtype.kind == "c" and y.dtype.kind != "c" else a


# One row a function: positions do the rest.

rearranging(np.resize, np.repeat, np.take, np.delete, np.tile)
rearranging(np.compress, data=(1,))
rearranging(np.insert, data=(0, 2))


# Joining.


def joined(
    function: Any,
    arrays: Sequence[Any],
    at: int,
    place: Callable[[tuple[int, ...]], tuple[int, ...]],
    /,
    **options: Any,
) -> Any:
    """Arrays laid end to end along the axis ``at`` of the result, where each has the shape ``place(its shape)``."""
    arrays = [array if type(array) is Dual else fused(array) for array in arrays]
    perturbation = innermost(arrays)
    if perturbation is None:
        return function(arrays, **options)
    values = [value_of(array, perturbation) for array in arrays]
    y = function(values, **options)
    if constant(y.dtype):  # cast to whole numbers: constant
        return y
    parts = [
        (
            array.tangent if value is not array else None,
            place(value.shape if hasattr(value, "shape") else np.shape(value)),
        )
        for array, value in zip(arrays, values, strict=True)
    ]
    return Dual(y, perturbation.join(parts, at % y.ndim, y), perturbation)


def _cast(handle: Any, y: Any, perturbation: Perturbation) -> Any:
    return handle if perturbation.like(handle).dtype == y.dtype else perturbation.combine(((ONE, handle),), y)


@custom("joining", np.concatenate)
def concatenate(arrays: Any, /, axis: int | None = 0, out: Any = None, **options: Any) -> Any:
    place = _as_row if axis is None else _as_it_is
    result = joined(np.concatenate, arrays, axis or 0, place, axis=axis, **options)
    return result if out is None else written(np.concatenate, out, result)


def _as_it_is(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape


def _as_row(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (math.prod(shape),)


@custom("joining", np.stack)
def stack(arrays: Any, axis: int = 0, out: Any = None, **options: Any) -> Any:
    def place(shape: tuple[int, ...]) -> tuple[int, ...]:
        at = axis % (len(shape) + 1)
        return (*shape[:at], 1, *shape[at:])

    result = joined(np.stack, list(arrays), axis, place, axis=axis, **options)
    return result if out is None else written(np.stack, out, result)


@custom("joining", np.vstack)
def vstack(tup: Any, **options: Any) -> Any:
    return joined(np.vstack, list(tup), 0, _rank_2, **options)


@custom("joining", np.hstack)
def hstack(tup: Any, **options: Any) -> Any:
    arrays = [fused(array) for array in tup]
    axis = 0 if arrays and np.ndim(primal(arrays[0])) <= 1 else 1
    return joined(np.hstack, arrays, axis, _rank_1, **options)


@custom("joining", np.dstack)
def dstack(tup: Any) -> Any:
    return joined(np.dstack, list(tup), 2, _rank_3)


@custom("joining", np.column_stack)
def column_stack(tup: Any) -> Any:
    return joined(np.column_stack, list(tup), 1, lambda shape: shape if len(shape) > 1 else (*(shape or (1,)), 1))


@custom("joining", np.append)
def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    arr, values = fused(arr), fused(values)
    if axis is None:
        return np.concatenate((np.ravel(arr), np.ravel(values)))
    return np.concatenate((arr, values), axis=axis)


@custom("joining", np.block)
def block(arrays: Any) -> Any:
    """Nested lists: their leaves are joined along the last axes, so all parts get the rank of the result."""
    leaves: list[Any] = []

    def collect(tree: Any) -> None:
        if type(tree) is list:
            for item in tree:
                collect(item)
        else:
            leaves.append(tree)

    def refilled(tree: Any, parts: Any) -> Any:
        return [refilled(item, parts) for item in tree] if type(tree) is list else next(parts)

    collect(arrays)
    made = lambda values: np.block(refilled(arrays, iter(values)))
    leaves = [fused(leaf) for leaf in leaves]
    perturbation = innermost(leaves)
    if perturbation is None:
        return made(leaves)
    values = [value_of(leaf, perturbation) for leaf in leaves]
    y = made(values)
    if constant(y.dtype):
        return y
    active = [leaf.tangent if leaf is not value else None for leaf, value in zip(leaves, values, strict=True)]

    def moved(*given: Any) -> Any:
        k, rest = given[0].shape[0], iter(given)
        parts = [
            np.zeros((k, *np.shape(value)), given[0].dtype) if tangent is None else next(rest)
            for tangent, value in zip(active, values, strict=True)
        ]
        return made([blocks.expand(part, y.ndim) for part in parts])

    handle = perturbation.rearrange(tuple(tangent for tangent in active if tangent is not None), moved, y)
    return Dual(y, _cast(handle, y, perturbation), perturbation)


# Selecting.


@custom("elementwise", np.where, active="choices")
def where(condition: Any, /, *choices: Any) -> Any:
    """A boolean partial selects: what is dropped is zero, even where its tangent is infinite."""
    condition = stripped(condition)
    if len(choices) != 2:
        return np.where(condition, *stripped(choices))
    a, b = (fused(choice) for choice in choices)
    perturbation = innermost((a, b))
    if perturbation is None:
        return np.where(condition, a, b)
    y = np.where(condition, value_of(a, perturbation), value_of(b, perturbation))
    if y.dtype.kind not in "fc":
        raise errors.strange_objects(b if type(a) is Dual else a)
    terms = [
        (perturbation.keep(_mask(condition, chosen)), arg.tangent)
        for chosen, arg in ((True, a), (False, b))
        if type(arg) is Dual and arg.perturbation is perturbation
    ]
    return Dual(y, perturbation.combine(terms, y), perturbation)


def _mask(condition: Any, chosen: bool) -> Any:
    """Where a condition is true (or false), as a boolean array, which selects, and not a scalar, which multiplies."""
    if hasattr(condition, "__array_function__") and not isinstance(condition, np.ndarray):
        return condition != 0 if chosen else condition == 0
    mask = as_array(condition, bool)
    return mask if chosen else as_array(~mask)
