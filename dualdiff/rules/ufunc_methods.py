"""reduce, accumulate, reduceat, outer and at, for every elementwise function of two arguments.

``f.accumulate`` is the recurrence yᵢ = f(yᵢ₋₁, xᵢ), so its tangent is the linear recurrence
ẏᵢ = αᵢ ẏᵢ₋₁ + βᵢ ẋᵢ with αᵢ = ∂₁f, βᵢ = ∂₂f at (yᵢ₋₁, xᵢ).  Recurrences compose, so windows of length 1, 2, 4, ...
give it in log n array operations (Blelloch 1990), without a division: zeros in a product are no special case.
The sum, the product and the extrema have shorter ways (reductions.py).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import errors, storage
from ..dispatch import duals_in, fused, innermost, stripped, value_of
from ..dual import Dual, primal
from ..tangents import Trivial
from ..tangents.expression import Tangent, normalized

# ufunc -> function of arrays with NumPy's signature that reduces (or accumulates) in a shorter way.
REDUCTIONS: dict[Any, Any] = {}
ACCUMULATIONS: dict[Any, Any] = {}


class UfuncMethods:
    """The methods of a ufunc, for its rule."""

    function: Any
    partials: tuple[Any, ...]

    def reduce(
        self, a: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False, **options: Any
    ) -> Any:
        if self.function in REDUCTIONS:
            return REDUCTIONS[self.function](a, axis=axis, dtype=dtype, out=out, keepdims=keepdims, **options)
        from .forms import written

        a = fused(a)
        if not duals_in(a):
            raise errors.no_derivative_in(self.function, "out, initial or where")
        where = options.pop("where", True)
        initial = options.pop("initial", None)
        if where is not True or initial is not None:
            raise errors.unsupported(self.function, "reduce with where= or initial= has no rule here", [a.shape])
        y = self.function.reduce(stripped(a), axis=axis, dtype=dtype, keepdims=keepdims)  # NumPy's errors first
        axes = tuple(range(a.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        axes = tuple(normalized(i, a.ndim) for i in axes)
        if dtype is not None:
            a = a.astype(dtype)
        if not axes:
            return written(self.function, out, a)
        kept = [i for i in range(a.ndim) if i not in axes]
        rows = a.transpose([*kept, *axes]).reshape([a.shape[i] for i in kept] + [-1])
        if rows.shape[-1] == 0:
            return y
        result = self.accumulate(rows, axis=-1)[..., -1]
        perturbation = result.perturbation
        value = self.function.reduce(value_of(a, perturbation), axis=axis, dtype=dtype, keepdims=keepdims)
        tangent = Tangent(perturbation, result.tangent).reshape(np.shape(primal(value)))
        return written(self.function, out, Dual(value, tangent.handle, perturbation))

    def accumulate(self, array: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
        if self.function in ACCUMULATIONS:
            return ACCUMULATIONS[self.function](array, axis=axis, dtype=dtype, out=out)
        from .forms import wrapped, written

        array = fused(array)
        perturbation = innermost([array])
        if perturbation is None or len(self.partials) != 2:
            return self.function.accumulate(array, axis=axis, dtype=dtype, out=out)
        x = value_of(array, perturbation)
        y = self.function.accumulate(x, axis=axis, dtype=dtype)
        dy = recurrence(self.partials, y, x, Tangent(perturbation, array.tangent), normalized(axis, array.ndim))
        return written(self.function, out, wrapped(y, dy, perturbation))

    def reduceat(self, array: Any, indices: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
        from .forms import wrapped, written

        array = fused(array)
        if duals_in(indices):
            raise errors.no_derivative_in(self.function, "indices")
        perturbation = innermost([array])
        assert perturbation is not None
        y = self.function.reduceat(value_of(array, perturbation), indices, axis=axis, dtype=dtype)
        n = array.shape[axis]
        rows = np.moveaxis(array, axis, 0)
        starts = [int(i) for i in np.asarray(indices)]
        ends = [*starts[1:], n]
        pieces = [
            self.reduce(rows[start:end], axis=0) if start < end else rows[start]
            for start, end in zip(starts, ends, strict=True)
        ]
        if not pieces:
            return y
        whole = np.moveaxis(np.stack(pieces), 0, axis)
        return written(self.function, out, wrapped(y, Tangent(perturbation, whole.tangent), perturbation))

    def outer(self, a: Any, b: Any, /, **options: Any) -> Any:
        a, b = fused(a), fused(b)
        a = a if isinstance(a, Dual) else np.asarray(a)
        b = b if isinstance(b, Dual) else np.asarray(b)
        return self(a[(..., *(None,) * b.ndim)], b, **options)  # type: ignore[operator]

    def at(self, a: Any, indices: Any, b: Any = None, /) -> None:
        """``a[indices] = f(a[indices], b)``, one after the other where an index comes twice."""
        b = fused(b)
        if not isinstance(a, Dual):
            raise errors.plain_buffer()
        if duals_in(indices):
            raise errors.no_derivative_in(self.function, "indices")
        places = np.arange(a.size).reshape(a.shape)[indices]
        flat = np.ravel(places)
        if len(self.partials) == 1:
            operands: list[Any] = []
        else:
            operands = [np.ravel(np.broadcast_to(b, places.shape))]
        # Round r holds the r-th occurrence of every place, in order.
        order = np.argsort(flat, kind="stable")
        ranked = flat[order]
        first = np.searchsorted(ranked, ranked, side="left")
        occurrence = np.empty_like(flat)
        occurrence[order] = np.arange(flat.size) - first
        for r in range(int(occurrence.max(initial=-1)) + 1):
            now = np.nonzero(occurrence == r)[0]
            index = np.unravel_index(flat[now], a.shape)
            storage.write(a, index, self(a[index], *(operand[now] for operand in operands)))  # type: ignore[operator]


def recurrence(partials: tuple[Any, ...], y: Any, x: Any, dx: Tangent, axis: int) -> Tangent:
    """The tangent of yᵢ = f(yᵢ₋₁, xᵢ) along an axis."""
    n = np.shape(x)[axis]
    if n < 2:
        return dx * 1.0
    before = _shifted(y, 1, axis)
    alpha, beta = (_as_array(partial, y) if type(partial) is Trivial else partial(y, before, x) for partial in partials)
    first = np.arange(n).reshape([-1 if i == axis else 1 for i in range(np.ndim(y))]) == 0
    alpha, beta = np.where(first, 0.0, alpha), np.where(first, 1.0, beta)
    d = dx * beta
    step = 1
    while step < n:
        d = d + _shift_tangent(d, step, axis) * alpha
        alpha = alpha * _shifted(alpha, step, axis)
        step *= 2
    return d


def _as_array(partial: Trivial, y: Any) -> Any:
    return np.ones_like(y) if partial.name == "ONE" else -np.ones_like(y)


def _shifted(a: Any, step: int, axis: int) -> Any:
    """``a`` moved by ``step`` along an axis; the first entries repeat the first one and are never used."""
    index = np.maximum(np.arange(np.shape(a)[axis]) - step, 0)
    return np.take(a, index, axis=axis)


def _shift_tangent(d: Tangent, step: int, axis: int) -> Tangent:
    def move(block: Any) -> Any:
        kept = (slice(None),) * (axis + 1)
        gap = np.zeros_like(block[(*kept, slice(0, step))])
        return np.concatenate([gap, block[(*kept, slice(0, block.shape[axis + 1] - step))]], axis=axis + 1)

    return d.move(move, d.shape)
