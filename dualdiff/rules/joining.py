"""Arrays laid end to end, and entries chosen among several arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import errors
from ..tangents import ONE, Perturbation, blocks
from ..values.dual import Dual, primal
from ..values.kinds import as_array
from ..values.levels import innermost, value_of
from ..values.objects import fused, stripped
from .call import constant, refuse_overlap, written
from .forms import custom
from .splitting import at_least_1d, at_least_2d, at_least_3d

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
    _refuse_overlap("np.concatenate", out, arrays)
    result = joined(np.concatenate, arrays, axis or 0, place, axis=axis, **options)
    return result if out is None else written(np.concatenate, out, result)


def _refuse_overlap(name: str, out: Any, arrays: Any) -> None:
    for array in arrays if out is not None else ():
        refuse_overlap(f"{name}(..., out=)", out, array)


def _as_it_is(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape


def _as_row(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (math.prod(shape),)


@custom("joining", np.stack)
def stack(arrays: Any, axis: int = 0, out: Any = None, **options: Any) -> Any:
    def place(shape: tuple[int, ...]) -> tuple[int, ...]:
        at = axis % (len(shape) + 1)
        return (*shape[:at], 1, *shape[at:])

    arrays = list(arrays)
    _refuse_overlap("np.stack", out, arrays)
    result = joined(np.stack, arrays, axis, place, axis=axis, **options)
    return result if out is None else written(np.stack, out, result)


@custom("joining", np.vstack)
def vstack(tup: Any, **options: Any) -> Any:
    return joined(np.vstack, list(tup), 0, at_least_2d, **options)


@custom("joining", np.hstack)
def hstack(tup: Any, **options: Any) -> Any:
    arrays = [fused(array) for array in tup]
    axis = 0 if arrays and np.ndim(primal(arrays[0])) <= 1 else 1
    return joined(np.hstack, arrays, axis, at_least_1d, **options)


@custom("joining", np.dstack)
def dstack(tup: Any) -> Any:
    return joined(np.dstack, list(tup), 2, at_least_3d)


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
