"""reduce, accumulate, reduceat, outer and at, for every elementwise function of two arguments.

``f.accumulate`` is the recurrence yᵢ = f(yᵢ₋₁, xᵢ), so its tangent is the linear recurrence
ẏᵢ = αᵢ ẏᵢ₋₁ + βᵢ ẋᵢ with αᵢ = ∂₁f, βᵢ = ∂₂f at (yᵢ₋₁, xᵢ).  Recurrences compose, so windows of length 1, 2, 4, ...
give it in log n array operations (Blelloch 1990), without a division: zeros in a product are no special case.
The sum, the product and the extrema have shorter ways (reductions.py).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import errors
from ..tangents import Like, Perturbation, Trivial
from ..tangents.expression import Tangent, normalized
from ..tangents.transposes import scatter
from ..values import kinds, storage
from ..values.dual import Dual, is_array, primal
from ..values.kinds import as_array
from ..values.levels import innermost, lifted, value_of
from ..values.objects import carries, fused, stripped
from .axes import rows_of
from .call import constant, wrapped, written

# Of real numbers these are rounded correctly, so whatever loop NumPy takes gives the same bits.
ROUNDED_CORRECTLY = frozenset({
    np.add, np.subtract, np.multiply, np.divide, np.negative, np.positive, np.square, np.sqrt, np.absolute,
    np.maximum, np.minimum, np.fmax, np.fmin,
})  # fmt: skip

# ufunc -> function of arrays with NumPy's signature that reduces (or accumulates) in a shorter way.
REDUCTIONS: dict[Any, Any] = {}
ACCUMULATIONS: dict[Any, Any] = {}


class UfuncMethods:
    """The methods of a ufunc, for its rule."""

    function: Any
    partials: tuple[Any, ...]
    complex_rule: Any

    def reduce(
        self, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: Any = False, **options: Any
    ) -> Any:
        given = {"dtype": dtype, "out": out} | options
        given = {name: option for name, option in given.items() if option is not None and option is not np._NoValue}
        if keepdims:
            given["keepdims"] = True
        if self.function in REDUCTIONS:
            if "initial" in options and options["initial"] is None:
                given["initial"] = None  # no identity: an empty array has no result then
            return REDUCTIONS[self.function](array, axis=axis, **given)
        return self._reduce_by_recurrence(array, axis, **given)

    def _reduce_by_recurrence(self, array: Any, axis: Any, out: Any = None, **options: Any) -> Any:
        """y = f(... f(f(x₀, x₁), x₂) ..., xₙ), the last of the accumulated results."""
        array, initial, where = fused(array), options.get("initial"), options.get("where", True)
        if carries(where):
            raise errors.no_derivative_in(self.function, "where")
        perturbation = innermost([array, initial])
        if isinstance(out, tuple):
            out = out[0]
        if "dtype" not in options and (dtype := working_dtype(array, out)) is not None:
            options["dtype"] = dtype
        if perturbation is None:
            return written(self.function, out, self.function.reduce(array, axis=axis, **options))
        values = {name: value_of(option, perturbation) for name, option in options.items()}
        y = self.function.reduce(value_of(array, perturbation), axis=axis, **values)
        if constant(y.dtype):
            return written(self.function, out, y)
        if array.dtype != y.dtype:
            array = np.positive(array, dtype=y.dtype)
        rows = rows_of(array, axis)
        if initial is not None:
            first = np.zeros_like(rows, shape=(*rows.shape[:-1], 1)) + initial
            rows = np.concatenate([first, rows], axis=-1)
        if where is not True:
            result = self._fold(rows, rows_of(np.broadcast_to(where, array.shape), axis))
        elif rows.shape[-1] == 0:
            return written(self.function, out, y)
        else:
            result = self.accumulate(rows, axis=-1)[..., -1]
        if type(result) is Dual and result.perturbation is perturbation:
            self._check(stripped(y), stripped(result), array.shape)
            y = wrapped(y, Tangent(perturbation, result.tangent).reshape(np.shape(y)), perturbation)
        return written(self.function, out, y)

    def _check(self, y: Any, folded: Any, shape: tuple[int, ...]) -> None:
        """NumPy's vectorized loops return x₀ ** xₙ for ``np.power.reduce(x)`` on some processors (NumPy 2.4)."""
        tolerance = 1e4 * float(np.finfo(y.dtype).eps)
        if not np.allclose(np.reshape(folded, np.shape(y)), y, rtol=tolerance, atol=tolerance, equal_nan=True):
            raise errors.unsupported(
                self.function, "NumPy's reduce differs here from the operations one after the other", [shape]
            )

    def _fold(self, rows: Any, where: Any) -> Any:
        """The entries of the last axis one after the other, after a first that is always used."""
        y = rows[..., 0]
        for i in range(1, rows.shape[-1]):
            chosen = where[..., i - 1]
            with np.errstate(all="ignore"):
                # An operand that is not used gets a harmless value, so that its partials are finite.
                operand = np.where(chosen, rows[..., i], 1.0)
                y = np.where(chosen, self(np.where(chosen, y, 1.0), operand), y)  # type: ignore[operator]
        return y

    def accumulate(self, array: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
        given = {name: option for name, option in {"dtype": dtype, "out": out}.items() if option is not None}
        if self.function in ACCUMULATIONS:
            return ACCUMULATIONS[self.function](array, axis=axis, **given)
        array = fused(array)
        if isinstance(out, tuple):
            out = out[0]
        if dtype is None:
            dtype = working_dtype(array, out)
        perturbation = innermost([array])
        if perturbation is None or len(self.partials) != 2:
            return written(self.function, out, self.function.accumulate(stripped(array), axis=axis, dtype=dtype))
        x = value_of(array, perturbation)
        y = self.function.accumulate(x, axis=axis, dtype=dtype)
        if constant(y.dtype):
            return written(self.function, out, y)
        if self.complex_rule is not None and y.dtype.kind == "c":
            raise errors.unsupported(self.function, "accumulate and reduce of complex numbers", [array.shape])
        if x.dtype != y.dtype:
            x = np.positive(x, dtype=y.dtype)
        dy = recurrence(self.partials, y, x, Tangent(perturbation, array.tangent), normalized(axis, array.ndim))
        return written(self.function, out, wrapped(y, dy, perturbation))

    def reduceat(self, array: Any, indices: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
        """Piece by piece: from each index to the next one, or the one entry if the next one is not larger."""
        array = fused(array)
        if carries(indices):
            raise errors.no_derivative_in(self.function, "indices")
        if isinstance(out, tuple):
            out = out[0]
        if dtype is None:
            dtype = working_dtype(array, out)
        perturbation = innermost([array])
        if perturbation is None:
            return written(self.function, out, self.function.reduceat(array, indices, axis=axis, dtype=dtype))
        y = self.function.reduceat(value_of(array, perturbation), indices, axis=axis, dtype=dtype)
        starts = [int(i) for i in indices]
        if not starts or constant(y.dtype):
            return written(self.function, out, y)
        if array.dtype != y.dtype:
            array = np.positive(array, dtype=y.dtype)
        rows = np.moveaxis(array, axis, 0)
        ends = [*starts[1:], rows.shape[0]]
        pieces = [
            self.reduce(rows[start:end], axis=0) if start < end else rows[start]
            for start, end in zip(starts, ends, strict=True)
        ]
        whole: Any = np.moveaxis(np.stack(pieces), 0, axis)
        self._check(stripped(y), stripped(whole), array.shape)
        return written(self.function, out, wrapped(y, Tangent(perturbation, whole.tangent), perturbation))

    def outer(self, a: Any, b: Any, /, **options: Any) -> Any:
        a, b = fused(a), fused(b)
        a = a if hasattr(a, "dtype") else as_array(a)
        b = b if hasattr(b, "dtype") else as_array(b)
        if len(self.partials) != 2:
            return self.function.outer(stripped(a), stripped(b), **stripped(options))  # NumPy's own error
        return self(np.reshape(a, (*a.shape, *(1,) * b.ndim)), b, **options)  # type: ignore[operator]

    def at(self, a: Any, indices: Any, b: Any = None, /) -> None:
        """``a[indices] = f(a[indices], b)``, one after the other where an index comes twice."""
        b = fused(b)
        if not isinstance(a, Dual):
            raise errors.plain_buffer()
        if carries(indices):
            raise errors.no_derivative_in(self.function, "indices")
        if not is_array(a.value):
            self.function.at(primal(a), indices, *(() if b is None else (stripped(b),)))  # NumPy's own error
        if self.function.nout > 1:
            raise ValueError("Only single output ufuncs supported at this time")  # as NumPy says
        places = kinds.beside(np.arange(a.size).reshape(a.shape), kinds.other_in(indices))[indices]
        if not a.shape:  # its one entry, as that of a row
            self.at(np.reshape(a, 1), places, *(() if b is None else (b,)))
            return
        flat = np.ravel(places)
        if self.function in _ADDING and b is not None:
            self._add_at(a, indices, places, b)
            return
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
        exact = self.function in ROUNDED_CORRECTLY and a.dtype.kind != "c" and np.result_type(a, *operands).kind != "c"
        result: Any = a if exact else np.copy(a)
        for r in range(int(occurrence.max(initial=-1)) + 1):
            now = np.nonzero(occurrence == r)[0]
            index = np.unravel_index(flat[now], a.shape)
            y = self(result[index], *(operand[now] for operand in operands))  # type: ignore[operator]
            storage.write(result, index, y)
        perturbation = innermost([a, b])
        if not exact and perturbation is not None:
            # NumPy's loop over indices may round differently from its loop over arrays.
            value: Any = np.copy(value_of(a, perturbation))
            operand = () if b is None else (_as_places(value_of(b, perturbation), places),)
            if type(value) is not Dual and (outer := innermost(operand)) is not None:
                value = lifted(value, outer)  # to hold what the operand brings
            self.function.at(value, indices, *operand)
            touched = np.unravel_index(np.unique(flat), a.shape)
            storage.write(a, touched, Dual(value[touched], result[touched].tangent, perturbation))

    def _add_at(self, a: Any, indices: Any, places: Any, b: Any) -> None:
        """The tangents of what is added are summed by their places, in one operation of the perturbation."""
        perturbation = innermost((a, b))
        if perturbation is None:
            self.function.at(a, indices, b)
            return
        y: Any = np.copy(value_of(a, perturbation))
        operand = _as_places(value_of(b, perturbation), places)
        if type(y) is not Dual and (outer := innermost((operand,))) is not None:
            y = lifted(y, outer)  # to hold what the operand brings
        self.function.at(y, indices, operand)
        partials = dict(zip("ab", self.partials, strict=True))
        terms = [(partials["a"], a.tangent)] if a is not value_of(a, perturbation) else []
        if b is not value_of(b, perturbation):
            b = b if b.shape == places.shape else np.broadcast_to(b, places.shape)
            terms.append((partials["b"], _summed_by_place(perturbation, b.tangent, places, a.shape)))
        storage.write(a, ..., Dual(y, perturbation.combine(terms, y), perturbation))


def _as_places(operand: Any, places: Any) -> Any:
    """An operand of ``at`` in the shape of an index of several axes: of a shorter one NumPy reads beyond the end."""
    if places.ndim < 2 or not np.ndim(operand) or np.shape(operand) == places.shape:
        return operand
    return np.copy(np.broadcast_to(operand, places.shape))


_ADDING = frozenset({np.add, np.subtract})


def _summed_by_place(p: Perturbation, tangent: Any, places: Any, shape: tuple[int, ...]) -> Any:
    """Entry i of a tangent added to entry ``places[i]`` of zeros: the transpose of a gather."""
    like, flat = p.like(tangent), np.ravel(places)
    return p.linear_map(
        tangent,
        lambda block: scatter(flat + 1, block, [shape])[0],
        lambda block: np.take(block.reshape((block.shape[0], math.prod(shape))), places, axis=1),
        Like(shape, like.dtype),
    )


def working_dtype(array: Any, out: Any) -> Any:
    """The dtype that a reduction calculates in because of its ``out=``, if it is not that of the array."""
    if out is None or not hasattr(array, "dtype") or out.dtype == object:
        return None
    wider = np.promote_types(array.dtype, out.dtype)
    return None if wider == array.dtype else wider


def recurrence(partials: tuple[Any, ...], y: Any, x: Any, dx: Tangent, axis: int) -> Tangent:
    """The tangent of yᵢ = f(yᵢ₋₁, xᵢ) along an axis."""
    n = np.shape(x)[axis]
    if n < 2:
        return dx * 1.0
    before = _shifted(y, 1, axis)
    with np.errstate(all="ignore"):  # a partial may be infinite, at the first entry even where nobody uses it
        alpha, beta = (
            _as_array(partial, y) if type(partial) is Trivial else partial(y, before, x) for partial in partials
        )
    first = np.arange(n).reshape([-1 if i == axis else 1 for i in range(np.ndim(y))]) == 0
    return linear_recurrence(np.where(first, 0.0, alpha), np.where(first, 1.0, beta), dx, axis)


def linear_recurrence(alpha: Any, beta: Any, dx: Tangent, axis: int) -> Tangent:
    """ẏᵢ = αᵢ ẏᵢ₋₁ + βᵢ ẋᵢ along an axis, where α₀ = 0; boolean α and β select."""
    d = dx * beta
    step = 1
    while step < np.shape(alpha)[axis]:
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
