"""Rearrangements: every element of the result copies one element of an argument, or is constant.

A function named in `rearranging` needs no formula: an array of positions is moved by NumPy itself, and the tangent is
gathered by it.  Views get a batched form, so that they stay views: a write through them reaches the whole buffer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..dispatch import fused, innermost, value_of
from ..dual import Dual, primal
from ..tangents import Perturbation, blocks
from ..tangents.expression import normalized
from .forms import block_axis, custom, rearranging, view

_ALL = slice(None)
Move = Callable[[Any], Any]


# Views.


@view(np.reshape)
def reshape(x: Any, shape: Any = None, order: str = "C", *, newshape: Any = None, copy: Any = None) -> Move:
    shape = shape if shape is not None else newshape
    shape = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    if order == "A":
        flags = primal(x).flags
        order = "F" if flags.f_contiguous and not flags.c_contiguous else "C"
    if -1 in shape:
        rest = int(np.prod([n for n in shape if n != -1]))
        shape = tuple((np.size(x) // rest if rest else 0) if n == -1 else n for n in shape)
    if order == "F":
        return lambda block: _reversed(_reversed(block).reshape(block.shape[0], *shape[::-1]))
    return lambda block: block.reshape(block.shape[0], *shape)


@view(np.ravel)
def ravel(x: Any, order: str = "C") -> Move:
    if order == "K":
        value = primal(x)
        axes = sorted(range(value.ndim), key=lambda axis: -abs(value.strides[axis]))
        backwards = tuple(_ALL if value.strides[axis] >= 0 else slice(None, None, -1) for axis in axes)
        return lambda block: block.transpose(0, *(axis + 1 for axis in axes))[(_ALL, *backwards)].reshape(
            block.shape[0], -1
        )
    if x.size == 0:
        return lambda block: block.reshape(block.shape[0], 0)
    return reshape(x, -1, order)


def _reversed(block: Any) -> Any:
    """Each array of the block transposed."""
    return block.transpose(0, *range(block.ndim - 1, 0, -1))


@view(np.transpose)
def transpose(x: Any, axes: Any = None) -> Move:
    if axes is None:
        return _reversed
    axes = block_axis(axes, x.ndim)
    return lambda block: block.transpose(0, *axes)


@view(np.swapaxes)
def swapaxes(x: Any, axis1: int, axis2: int) -> Move:
    axis1, axis2 = block_axis((axis1, axis2), x.ndim)
    return lambda block: block.swapaxes(axis1, axis2)


@view(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x: Any, /) -> Move:
    return lambda block: block.swapaxes(-1, -2)


@view(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Move:
    source, destination = block_axis(source, a.ndim), block_axis(destination, a.ndim)
    return lambda block: np.moveaxis(block, source, destination)


@view(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Move:
    axes = list(range(a.ndim))
    axis = normalized(axis, a.ndim)
    start = start + a.ndim if start < 0 else start
    axes.remove(axis)
    axes.insert(start - 1 if axis < start else start, axis)
    return transpose(a, axes)


@view(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Move:
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    ndim = a.ndim + len(axes)
    places = {normalized(i, ndim) for i in axes}
    return lambda block: block[(_ALL, *(None if i in places else _ALL for i in range(ndim)))]


@view(np.squeeze)
def squeeze(a: Any, axis: Any = None) -> Move:
    if axis is None:
        places = {i for i, n in enumerate(a.shape) if n == 1}
    else:
        places = {normalized(i, a.ndim) for i in (axis if isinstance(axis, tuple) else (axis,))}
    return lambda block: block[(_ALL, *(0 if i in places else _ALL for i in range(a.ndim)))]


@view(np.flip)
def flip(m: Any, axis: Any = None) -> Move:
    axes = range(m.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    places = {normalized(i, m.ndim) for i in axes}
    index = (_ALL, *(slice(None, None, -1) if i in places else _ALL for i in range(m.ndim)))
    return lambda block: block[index]


@view(np.flipud)
def flipud(m: Any) -> Move:
    return flip(m, 0)


@view(np.fliplr)
def fliplr(m: Any) -> Move:
    return flip(m, 1)


@view(np.rot90)
def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Move:
    axes = block_axis(tuple(axes), m.ndim)
    return lambda block: np.rot90(block, k, axes)


@view(np.diagonal)
def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Move:
    axis1, axis2 = block_axis((axis1, axis2), a.ndim)
    return lambda block: np.diagonal(block, offset, axis1, axis2)


@view(np.linalg.diagonal)
def linalg_diagonal(x: Any, /, *, offset: int = 0) -> Move:
    return lambda block: np.diagonal(block, offset, -2, -1)


@view(np.broadcast_to)
def broadcast_to(array: Any, shape: Any, subok: bool = False) -> Move:
    shape = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    return lambda block: np.broadcast_to(blocks.expand(block, len(shape)), (block.shape[0], *shape))


@view(np.lib.stride_tricks.sliding_window_view)
def sliding_window_view(x: Any, window_shape: Any, axis: Any = None, **options: Any) -> Move:
    if axis is None:
        axis = tuple(range(x.ndim))
    axis = block_axis(axis, x.ndim)
    return lambda block: np.lib.stride_tricks.sliding_window_view(block, window_shape, axis)


# One row a function: positions do the rest.

rearranging(np.roll, np.tril, np.triu, np.diag, np.diagflat, np.resize)
rearranging(np.repeat, np.take, np.delete, np.compress, data=(0, "a", "arr"))
rearranging(np.tile, data=(0, "A"))


# Joining.


def joined(function: Any, arrays: Sequence[Any], move: Callable[..., Any], **options: Any) -> Any:
    """Several arrays made one; ``move`` does to their blocks what ``function`` does to them."""
    arrays = [fused(array) for array in arrays]
    perturbation = innermost(arrays)
    if perturbation is None:
        return function(arrays, **options)
    values = [value_of(array, perturbation) for array in arrays]
    y = function(values, **options)
    active = [i for i, array in enumerate(arrays) if type(array) is Dual and array.perturbation is perturbation]

    def moved(*given: Any) -> Any:
        k = given[0].shape[0]
        parts = [np.zeros((k, *np.shape(primal(value))), dtype=given[0].dtype) for value in values]
        for i, block in zip(active, given, strict=True):
            parts[i] = block
        return move(parts)

    tangents = tuple(arrays[i].tangent for i in active)
    handle = perturbation.rearrange(tangents, moved, y)
    return Dual(y, _cast(handle, y, perturbation), perturbation)


def _cast(handle: Any, y: Any, perturbation: Perturbation) -> Any:
    from ..tangents import ONE

    return handle if perturbation.like(handle).dtype == y.dtype else perturbation.combine(((ONE, handle),), y)


@custom("joining", np.concatenate)
def concatenate(arrays: Any, /, axis: int | None = 0, out: Any = None, **options: Any) -> Any:
    from .forms import written

    if axis is None:
        move = lambda parts: np.concatenate([p.reshape(p.shape[0], -1) for p in parts], axis=1)
    else:
        at = axis if axis < 0 else axis + 1
        move = lambda parts: np.concatenate(parts, axis=at)
    result = joined(np.concatenate, arrays, move, axis=axis, **options)
    return result if out is None else written(np.concatenate, out, result)


@custom("joining", np.stack)
def stack(arrays: Any, axis: int = 0, out: Any = None, **options: Any) -> Any:
    from .forms import written

    at = axis if axis < 0 else axis + 1
    result = joined(np.stack, list(arrays), lambda parts: np.stack(parts, axis=at), axis=axis, **options)
    return result if out is None else written(np.stack, out, result)


# Selecting.


@custom("elementwise", np.where)
def where(condition: Any, /, *choices: Any) -> Any:
    """A boolean partial selects: what is dropped is zero, even where its tangent is infinite."""
    from ..dispatch import stripped

    condition = stripped(condition)
    if len(choices) != 2:
        return np.where(condition, *stripped(choices))
    a, b = (fused(choice) for choice in choices)
    perturbation = innermost((a, b))
    if perturbation is None:
        return np.where(condition, a, b)
    y = np.where(condition, value_of(a, perturbation), value_of(b, perturbation))
    mask = np.asarray(condition, dtype=bool)
    terms = [
        (chosen, arg.tangent)
        for chosen, arg in ((mask, a), (~mask, b))
        if type(arg) is Dual and arg.perturbation is perturbation
    ]
    return Dual(y, perturbation.combine(terms, y), perturbation)
