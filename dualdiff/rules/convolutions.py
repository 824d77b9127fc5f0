"""Convolutions of one axis: sums of products of entries whose positions add up, and correlations, one factor backwards.

y = a * v is bilinear, so ẏ = ȧ * v + a * v̇; the transpose of a convolution is a correlation.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..tangents import Like
from ..tangents.expression import Tangent
from .contractions import as_array, conj
from .forms import tangent_rule


@tangent_rule(np.convolve)
def convolve(y: Any, a: Any, v: Any, mode: Any = "full", *, da: Tangent, dv: Tangent) -> Tangent:
    """yₘ = Σᵢ aᵢ vₘ₋ᵢ, of which "same" and "valid" keep the middle."""
    n, m = np.size(a), np.size(v)
    start = _start(y, n, m, (min(n, m) - 1) // 2)
    return _part_of_convolution(y, da, v, start) + _part_of_convolution(y, dv, a, start)


@tangent_rule(np.correlate)
def correlate(y: Any, a: Any, v: Any, mode: Any = "valid", *, da: Tangent, dv: Tangent) -> Tangent:
    """Convolution with the second factor conjugated and backwards."""
    n, m = np.size(a), np.size(v)
    start = _start(y, n, m, (min(n, m) - 1) // 2 if n >= m else n // 2)
    reverse = slice(None, None, -1)
    w, dw = conj(np.atleast_1d(as_array(v)))[reverse], dv.conj().reshape((m,))[reverse]
    return _part_of_convolution(y, da, w, start) + _part_of_convolution(y, dw, a, start)


def _start(y: Any, n: int, m: int, same: int) -> int:
    """Where ``y`` begins in the full convolution; its length tells the mode."""
    length = y.shape[0]
    return 0 if length == n + m - 1 else same if length == max(n, m) else min(n, m) - 1


def _part_of_convolution(y: Any, da: Tangent, v: Any, start: int) -> Tangent:
    if not da:
        return da
    v = np.atleast_1d(as_array(v))
    shape = da.shape
    n, m, length = math.prod(shape), v.shape[0], y.shape[0]

    def apply(block: Any) -> Any:
        block = block.reshape(block.shape[0], n)
        return _rows(lambda row: np.convolve(row, v)[start : start + length], block, length)

    def transpose(block: Any) -> Any:
        k = block.shape[0]
        before, after = np.zeros((k, start), block.dtype), np.zeros((k, n + m - 1 - start - length), block.dtype)
        full = np.concatenate([before, block, after], axis=1)
        return _rows(lambda row: np.correlate(row, conj(v), "valid"), full, n).reshape(k, *shape)

    return da.map(apply, transpose, Like(y.shape, y.dtype))


def _rows(f: Callable[[Any], Any], block: Any, length: int) -> Any:
    """``f`` of every row, which it makes ``length`` long."""
    if not block.shape[0]:
        return np.zeros((0, length), block.dtype)
    return np.stack([f(block[i]) for i in range(block.shape[0])])
