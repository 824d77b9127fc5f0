"""Gauges: what a matrix leaves open in its vectors, and which results do not depend on it.

An eigenvector has any phase, a null space any orthonormal basis.  Such vectors V move by U + V Θ, where U is known and
Θ, anti-Hermitian, is not known.  A result has a derivative if it is the same for every Θ: |v|², the projector V Vᴴ.

Reverse mode sees the cotangent V̄ of the vectors, hence whether Θ matters: not if Vᵀ V̄ is Hermitian.
Forward mode finds out by trying: Θ is nan at first.  Where a result has a nan, the sweep is repeated
(structural_zeros.py) without a turn, with a random turn, and with vectors that move at random: what the turn changes,
measured by what any motion changes, is nan.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..values.dual import primal as plain
from . import Like, dtype_of
from .expression import Tangent, real_dtype

# What a sweep puts for the unknown turns; None stands for nan.
STILL, TURNED, MOVED = "still", "turned", "moved"

_TIMES = 1e4  # a turn changes nothing if it changes less than this many times the rounding
_FEW = 16.0  # the same, of entries that nothing moves


def unknown_turns(vectors: Any, free: Any, da: Tangent, size: Any) -> Tangent:
    """V Θ, with Θ unknown in the entries that are ``free``, for vectors V that are functions of a matrix.

    ``vectors`` has shape (..., m, p), ``free`` is boolean, symmetric, of shape (..., p, p); ``size`` is that of V̇ along
    a direction of size 1, so that what is tried is neither lost in the known part nor hides it.
    """
    return da.map(
        lambda block: _turned(block, vectors, free, size, da.perturbation),
        lambda block: _sensitivity(block, vectors, free, da.like),
        Like(vectors.shape, vectors.dtype),
    )


def _turned(block: Any, vectors: Any, free: Any, size: Any, perturbation: Any) -> Any:
    block = plain(block)
    shape = (block.shape[0], *vectors.shape)
    columns = np.any(free, axis=-2)[..., None, :]
    length = size * np.max(np.abs(block), axis=(-2, -1), keepdims=True, initial=0.0)
    turn = getattr(perturbation, "turn", None)
    if turn is None:
        return np.where(columns & (length != 0), np.nan, np.zeros(shape, vectors.dtype))
    perturbation.undetermined = max(perturbation.undetermined, _rounding(vectors))
    if turn is STILL:
        return np.zeros(shape, vectors.dtype)
    known = plain(vectors)
    # The same vectors turn alike, wherever they come from; others on their own.
    import zlib

    rng = np.random.default_rng(zlib.crc32(known.tobytes()) if type(known) is np.ndarray else known.size)
    if turn is MOVED:
        return (_random(rng, shape, vectors.dtype) * (columns * length)).astype(vectors.dtype)
    theta = _random(rng, (shape[0], *free.shape), vectors.dtype)
    theta = (theta - np.conj(np.swapaxes(theta, -1, -2))) * free
    return vectors @ (theta * length).astype(vectors.dtype)


def _random(rng: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    x = rng.uniform(0.5, 1.5, shape)
    return x + 1j * rng.uniform(0.5, 1.5, shape) if dtype.kind == "c" else x


def _sensitivity(block: Any, vectors: Any, free: Any, like: Like) -> Any:
    """The cotangent of the matrix: 0, or nan where the turn matters."""
    K = np.swapaxes(vectors, -1, -2) @ block
    skew = (K - np.conj(np.swapaxes(K, -1, -2))) * free
    V, V_bar = np.abs(plain(vectors)), np.abs(plain(block))
    size = np.swapaxes(V, -1, -2) @ V_bar
    size = size + np.swapaxes(size, -1, -2)
    same = np.abs(plain(skew)) <= _TIMES * _rounding(vectors) * size
    unknown = np.where(np.all(same, axis=(-2, -1)), 0.0, np.nan)
    lower = np.tri(free.shape[-1])
    # As a product, so that a derivative of what is not known is not known either.
    total = np.sum((np.real(skew) + np.imag(skew)) * lower, axis=(-2, -1)) * unknown
    total = total * (1 + 1j) if like.dtype.kind == "c" else total
    return np.broadcast_to(total[..., None, None], (block.shape[0], *like.shape)).astype(like.dtype)


def determined(still: Any, turned: Any, moved: Any, rounding: float) -> Any:
    """A result with nan in the entries that a turn changes by more than the rounding of the vectors."""
    a, b, c = plain(still), plain(turned), plain(moved)
    with np.errstate(all="ignore"):
        change = np.abs(c - a)
        # An entry that is 0 whatever moves, as the imaginary part of a real number, has the rounding of the others.
        floor = _FEW * np.max(np.where(np.isfinite(change), change, 0.0), initial=0.0)
        same = (a == b) | (np.abs(b - a) <= rounding * (_TIMES * change + np.abs(a) + floor))
    return still if np.all(same) else still * np.where(same, 1.0, np.nan).astype(real_dtype(dtype_of(a)))


def _rounding(x: Any) -> float:
    return float(np.finfo(x.dtype).eps)
