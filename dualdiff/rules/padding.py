"""`np.pad`: what stands at the ends of each axis, made of the array."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import errors
from ..values.objects import fused
from .composites import along, formula


def _pairs(x: Any, ndim: int) -> Any:
    """(before, after) for each axis."""
    return np.broadcast_to(x, (ndim, 2))


_STATISTICS: dict[str, Any] = {"mean": np.mean, "maximum": np.max, "minimum": np.min, "median": np.median}
_COPYING = ("edge", "reflect", "symmetric", "wrap")


@formula(np.pad, active="array constant_values end_values")
def pad(array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Any:
    """Axis by axis, as NumPy does, so that corners are padded from what has been padded before."""
    if callable(mode):
        raise errors.unsupported(np.pad, "with a function of your own it writes into plain arrays", [array.shape])
    if isinstance(pad_width, dict):
        widths = np.zeros((array.ndim, 2), np.intp)
        for axis, width in pad_width.items():
            widths[axis] = width
    else:
        widths = _pairs(pad_width, array.ndim)
    ends = _pairs(fused(options.get("constant_values" if mode == "constant" else "end_values", 0.0)), array.ndim)
    lengths = _pairs(options.get("stat_length"), array.ndim)
    result = array
    for axis, (before, after) in enumerate((int(a), int(b)) for a, b in widths):
        n = array.shape[axis]
        if mode in _COPYING and options.get("reflect_type") != "odd":
            result = np.take(result, np.pad(np.arange(n), (before, after), mode), axis=axis)
            continue
        if mode in _COPYING:  # NumPy's own padding of the unit matrix says what each entry is the sum of
            unit = np.pad(np.eye(n), ((before, after), (0, 0)), mode, **options)
            result = np.moveaxis(np.tensordot(unit, result, (1, axis)), 0, axis)
            continue
        sides = []
        for side, (width, at) in enumerate(((before, 0), (after, n - 1))):
            shape = (*result.shape[:axis], width, *result.shape[axis + 1 :])
            edge = result[along(axis, array.ndim, slice(at, at + 1))]
            if mode == "linear_ramp":
                t = np.reshape(np.arange(width) / max(width, 1), [-1 if i == axis else 1 for i in range(array.ndim)])
                ramp = ends[axis, side] * (1 - t) + edge * t
                sides.append(np.flip(ramp, axis) if side else ramp)
            elif mode in _STATISTICS:
                length = n if lengths[axis, side] is None else min(int(lengths[axis, side]), n)
                chunk = result[along(axis, array.ndim, slice(n - length, n) if side else slice(0, length))]
                sides.append(np.broadcast_to(_STATISTICS[mode](chunk, axis=axis, keepdims=True), shape))
            else:  # constant, or empty, whose entries are nothing in particular
                sides.append(np.broadcast_to(ends[axis, side], shape))
        result = np.concatenate([sides[0], result, sides[1]], axis=axis)
    return result
