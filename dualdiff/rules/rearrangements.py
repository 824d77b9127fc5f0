"""Rearrangements: every element of the result copies one element of an argument, or is constant.

A function named in `rearranging` needs no formula: an array of positions is moved by NumPy itself, and the tangent is
gathered by it.  Views get a batched form, so that they stay views: a write through them reaches the whole buffer.
Where NumPy returns its argument itself (``np.atleast_1d`` of a vector), so do the rules here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from ..table import RULES
from ..tangents import blocks
from ..tangents.expression import Tangent, normalized
from ..tangents.views import Windows
from ..values import storage as shared
from ..values.dual import Dual, is_array, is_lazy, may_share_memory, primal, size_of
from ..values.kinds import ARRAYS
from ..values.levels import innermost
from ..values.objects import fused
from .call import constant, wrapped
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
        shape = tuple((size_of(x) // rest if rest else 0) if n < 0 else n for n in shape)
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
    return Windows(lambda block: np.lib.stride_tricks.sliding_window_view(block, window_shape, axis, **options))


@custom("copy", np.copy)
def copy(a: Any, order: Any = "K", subok: Any = False) -> Any:
    a = fused(a)
    perturbation = innermost((a,))
    assert perturbation is not None
    # Dask lacks np.copy: it would calculate the array and hand out what NumPy copies.
    y = a.value.copy() if is_lazy(primal(a)) else np.copy(a.value, order=order, subok=subok)
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
