"""One array into several, and several to one shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from ..tangents.expression import normalized
from ..values.dual import Dual, is_array
from ..values.levels import innermost
from ..values.objects import carries, fused, stripped
from .forms import custom

_ALL = slice(None)

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


def at_least_1d(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape or (1,)


def at_least_2d(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (1,) * (2 - len(shape)) + shape


def at_least_3d(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape + (1,) if len(shape) == 2 else (1, *(shape or (1,)), 1) if len(shape) < 2 else shape


_of_rank(1, at_least_1d, np.atleast_1d)


_of_rank(2, at_least_2d, np.atleast_2d)


_of_rank(3, at_least_3d, np.atleast_3d)


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
