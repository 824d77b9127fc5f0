"""Norms of vectors and matrices: ẏ = Re Σ conj(W) ẋ, with the weights W of each norm.

Conventions: 0 at 0; ties (of the largest entry, sum or singular value) share evenly; an entry of 0 has weight 0.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..table import register
from ..tangents.expression import Tangent, normalized, sum_subscripts
from ..values.dual import Dual, primal
from ..values.kinds import ARRAYS
from .contractions import conj
from .forms import TangentRule, tangent_rule
from .matrices import rounding_of, weighted_sum
from .singular_values import nonzero


def _sign(x: Any) -> Any:
    """x / |x|, and 0 at 0."""
    if not np.iscomplexobj(x):
        return np.sign(x)
    size = np.abs(x)
    return np.where(size == 0, 0.0, x / np.where(size == 0, 1.0, size))


def _share(hit: Any, axes: Any) -> Any:
    """Ties share evenly."""
    return hit / np.maximum(np.sum(hit, axis=axes, keepdims=True), 1)


def _vector_weights(y: Any, x: Any, ord: Any, axes: tuple[int, ...]) -> Any:
    """W of ẏ = Re Σ conj(W) ẋ for one norm ``y`` (its axes kept) of vectors along ``axes``."""
    if ord is None or ord == 2:
        return np.where(y == 0, 0.0, x / np.where(y == 0, 1.0, y))
    if ord == 1:
        return _sign(x)
    size = np.abs(x)
    if ord in (np.inf, -np.inf):
        # Not compared with y: NumPy may have rounded the sizes of complex numbers differently there.
        largest, initial = (np.max, 0.0) if ord > 0 else (np.min, np.inf)
        extreme = largest(size, axis=axes, keepdims=True, initial=initial)
        return _cast(_share((size == extreme) | np.isnan(size), axes), y) * _sign(x)
    # |x|ᵖ⁻¹ y¹⁻ᵖ; an entry of 0 has weight 0, also where a power of it is infinite.
    zero = (size == 0) | (y == 0)
    ratio = np.where(zero, 1.0, size) / np.where(zero, 1.0, y)
    return np.where(zero, 0.0, ratio ** (ord - 1)) * _sign(x)


def _cast(weights: Any, y: Any) -> Any:
    return weights.astype(y.dtype)


def _sums_weights(x: Any, ord: Any, axes: tuple[int, ...]) -> Any:
    """W for the largest (or smallest) sum of absolute values of a row or a column."""
    row, column = axes
    summed, compared = (row, column) if abs(ord) == 1 else (column, row)
    sums = np.sum(np.abs(x), axis=summed, keepdims=True)
    extreme = (np.max if ord > 0 else np.min)(sums, axis=compared, keepdims=True)
    hit = (sums == extreme) | np.isnan(sums)
    return _cast(_share(hit, compared), sums) * _sign(x)


def _spectral_weights(x: Any, ord: Any) -> Any:
    """W = U diag(w) Vᴴ for a sum of singular values with weights w, over the last two axes."""
    U, s, Vh = np.linalg.svd(x, full_matrices=False)
    if ord == "nuc":
        w = nonzero(s, x.shape)
    else:
        extreme = s[..., :1] if ord == 2 else s[..., -1:]
        w = _share(np.abs(s - extreme) <= rounding_of(s) * s[..., :1], -1) * nonzero(s, x.shape)
    return (U * _cast(w, s)[..., None, :]) @ Vh


def _norm_tangent(y: Any, x: Any, dx: Tangent, ord: Any, axes: tuple[int, ...], matrix: bool) -> Tangent | None:
    kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    if not matrix:
        if ord == 0:  # a count
            return None
        weights = _vector_weights(np.reshape(y, kept), x, ord, axes)
    elif ord is None or ord in ("fro", "f"):
        weights = _vector_weights(np.reshape(y, kept), x, 2, axes)
    elif ord in ("nuc", 2, -2):
        weights = np.moveaxis(_spectral_weights(np.moveaxis(x, axes, (-2, -1)), ord), (-2, -1), axes)
    else:
        weights = _sums_weights(x, ord, axes)
    return weighted_sum(dx, conj(weights), axes).real().reshape(np.shape(y))


def norm(y: Any, x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, *, dx: Tangent) -> Tangent | None:
    ndim = np.ndim(x)
    axes = tuple(range(ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(normalized(operator.index(i), ndim) for i in axes)
    return _norm_tangent(y, x, dx, ord, axes, len(axes) == 2 and not (axis is None and ord is None))


def vector_norm(y: Any, x: Any, axis: Any = None, keepdims: bool = False, ord: Any = 2, *, dx: Tangent) -> Any:
    axes = tuple(range(np.ndim(x))) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return _norm_tangent(y, x, dx, ord, tuple(normalized(i, np.ndim(x)) for i in axes), False)


class Norm(TangentRule):
    """A norm, with a short way to √Σ x² over all entries or along one axis: what most programs ask for."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and type(args[0]) is Dual and kwargs.keys() <= _SHORT:
            y = _euclidean(self.function, args[0], kwargs) if args[0].perturbation.live else None
            if y is not None:
                return y
        return super().__call__(*args, **kwargs)


_SHORT = {"axis", "keepdims"}


def _euclidean(function: Any, a: Dual, options: dict[str, Any]) -> Any:
    """y = √Σ x²  implies  ẏ = Σ (x / y) ẋ.

    None where y is 0 or not finite, and for all but float arrays and an int for ``axis``.
    """
    x, p, axis = a.value, a.perturbation, options.get("axis")
    plain = x if type(x) in ARRAYS else primal(x)
    if type(plain) not in ARRAYS or plain.dtype.kind != "f" or not plain.ndim:
        return None
    if axis is None and not options:
        y = function(x)
        if not 0.0 < primal(y) < np.inf:
            return None
        return Dual(y, p.contract(p.scale(x / y, a.tangent, True), sum_subscripts(plain.ndim, None)[0]), p)
    if type(axis) is not int or type(options.get("keepdims", False)) is not bool:
        return None
    y = function(x, **options)
    sizes = primal(y)
    if not sizes.ndim or not sizes.size or not (sizes.min() > 0.0 and sizes.max() < np.inf):
        return None
    kept = options.get("keepdims", False)
    handle = p.scale(x / (y if kept else np.expand_dims(y, axis)), a.tangent, True)
    handle = p.contract(handle, sum_subscripts(plain.ndim, axis)[0])
    return Dual(y, Tangent(p, handle).reshape(y.shape).handle if kept else handle, p)


register(Norm(np.linalg.norm, norm))
register(Norm(np.linalg.vector_norm, vector_norm))


@tangent_rule(np.linalg.matrix_norm)
def matrix_norm(y: Any, x: Any, keepdims: bool = False, ord: Any = "fro", *, dx: Tangent) -> Any:
    return _norm_tangent(y, x, dx, ord, (x.ndim - 2, x.ndim - 1), True)
