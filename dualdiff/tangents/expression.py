"""`Tangent`: a tangent with the operators of a linear expression, so that longer rules read as their equations.

    A x = b   implies   ẋ = A⁻¹ (ḃ − Ȧ x)          solve(A, db - dA @ x)

Constants may stand on either side; the product of two tangents is an error, being no linear expression.
Everything is one of the four operations of `dualdiff.tangents.Perturbation`; a zero tangent stays zero.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from . import MINUS_ONE, ONE, Like, Perturbation, blocks
from .einsum import LETTERS


class Tangent:
    """A linear expression in the tangents of one perturbation; ``handle`` None is the zero tangent."""

    __slots__ = ("handle", "perturbation")
    __array_ufunc__ = None  # constant * Tangent comes here, not to NumPy

    def __init__(self, perturbation: Perturbation, handle: Any) -> None:
        self.perturbation = perturbation
        self.handle = handle

    @property
    def like(self) -> Like:
        return self.perturbation.like(self.handle)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.like.shape

    @property
    def ndim(self) -> int:
        return len(self.like.shape)

    def __bool__(self) -> bool:
        return self.handle is not None

    def _new(self, handle: Any) -> Tangent:
        return Tangent(self.perturbation, handle)

    def _combine(self, *terms: tuple[Any, Tangent]) -> Tangent:
        active = [(partial, term.handle) for partial, term in terms if term]
        if not active:
            return self
        likes = [self.perturbation.like(handle) for _, handle in active]
        constants = [partial for partial, _ in active if partial is not ONE and partial is not MINUS_ONE]
        shape = np.broadcast_shapes(*(like.shape for like in likes), *(np.shape(c) for c in constants))
        dtype = np.result_type(*(like.dtype for like in likes), *(getattr(c, "dtype", c) for c in constants))
        return self._new(self.perturbation.combine(active, Like(shape, dtype)))

    def __add__(self, other: Tangent) -> Tangent:
        return self._combine((ONE, self), (ONE, other))

    def __sub__(self, other: Tangent) -> Tangent:
        return self._combine((ONE, self), (MINUS_ONE, other))

    def __neg__(self) -> Tangent:
        return self._combine((MINUS_ONE, self))

    def __mul__(self, constant: Any) -> Tangent:
        return self._combine((constant, self))

    __rmul__ = __mul__

    def __truediv__(self, constant: Any) -> Tangent:
        return self._combine((1 / constant, self))

    def __matmul__(self, constant: Any) -> Tangent:
        if not self:
            return self
        left, right, out = matmul_subscripts(self.shape, np.shape(constant))
        return self.contract(f"{left},{right}->{out}", constant)

    def __rmatmul__(self, constant: Any) -> Tangent:
        if not self:
            return self
        left, right, out = matmul_subscripts(np.shape(constant), self.shape)
        return self.contract(f"{right},{left}->{out}", constant)

    def contract(self, subscripts: str, operand: Any = None) -> Tangent:
        return self._new(self.perturbation.contract(self.handle, subscripts, operand)) if self else self

    def map(self, apply: Callable[[Any], Any], transpose: Callable[[Any], Any], like: Any = None) -> Tangent:
        """A linear map given with its transpose, on blocks; ``like`` its result (by default, its argument)."""
        if not self:
            return self
        return self._new(
            self.perturbation.linear_map(self.handle, apply, transpose, self.like if like is None else like)
        )

    def move(self, move: Callable[[Any], Any], shape: tuple[int, ...]) -> Tangent:
        """A rearrangement, on blocks."""
        if not self:
            return self
        like = Like(tuple(shape), self.like.dtype)
        return self._new(self.perturbation.rearrange((self.handle,), move, like))

    def __getitem__(self, index: Any) -> Tangent:
        if not self:
            return self
        shape = np.broadcast_to(np.empty(()), self.shape)[index].shape
        return self.move(lambda block: blocks.get(block, index), shape)

    def reshape(self, shape: tuple[int, ...]) -> Tangent:
        return self._view(lambda block: block.reshape(block.shape[0], *shape), shape)

    @property
    def mT(self) -> Tangent:
        if not self:
            return self
        shape = self.shape
        return self._view(lambda block: np.swapaxes(block, -1, -2), (*shape[:-2], shape[-1], shape[-2]))

    def _view(self, move: Callable[[Any], Any], shape: tuple[int, ...]) -> Tangent:
        if not self:
            return self
        like = Like(tuple(shape), self.like.dtype)
        return self._new(self.perturbation.view(self.handle, move, like))

    def sum(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tangent:
        if not self:
            return self
        shape = self.shape
        subscripts, kept = sum_subscripts(len(shape), axis)
        total = self.contract(subscripts)
        return total.reshape(tuple(n if i in kept else 1 for i, n in enumerate(shape))) if keepdims else total

    def real(self) -> Tangent:
        if not self or self.like.dtype.kind != "c":
            return self
        like = Like(self.shape, real_dtype(self.like.dtype))
        return self.map(lambda block: block.real.copy(), lambda block: block + 0j, like)

    def conj(self) -> Tangent:
        if not self or self.like.dtype.kind != "c":
            return self
        return self.map(np.conjugate, np.conjugate)


def real_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.empty(0, dtype).real.dtype


@functools.lru_cache(maxsize=1024)
def matmul_subscripts(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[str, str, str]:
    """Subscripts of ``left @ right`` for two shapes; a batch axis of length 1 that broadcasts has its own letter."""
    letters = iter(LETTERS)
    summed = next(letters)
    row = next(letters) if len(left) > 1 else ""
    column = next(letters) if len(right) > 1 else ""
    left_batch, right_batch, out_batch = batch_subscripts(left[:-2], right[:-2], "".join(letters))
    return (
        left_batch + row + summed,
        right_batch + summed + column,
        out_batch + row + column,
    )


def batch_subscripts(left: tuple[int, ...], right: tuple[int, ...], letters: str) -> tuple[str, str, str]:
    """Subscripts of two shapes that broadcast together, and of the result."""
    supply = iter(letters)
    terms: tuple[list[str], list[str], list[str]] = ([], [], [])
    for i in range(1, max(len(left), len(right)) + 1):
        shared = next(supply)
        n, m = left[-i] if i <= len(left) else 0, right[-i] if i <= len(right) else 0
        if i <= len(left):
            terms[0].append(next(supply) if n == 1 and i <= len(right) and m != 1 else shared)
        if i <= len(right):
            terms[1].append(next(supply) if m == 1 and i <= len(left) and n != 1 else shared)
        terms[2].append(shared)
    return "".join(terms[0][::-1]), "".join(terms[1][::-1]), "".join(terms[2][::-1])


@functools.lru_cache(maxsize=1024)
def sum_subscripts(ndim: int, axis: int | tuple[int, ...] | None) -> tuple[str, frozenset[int]]:
    """Subscripts of a sum over ``axis``, and the axes that stay."""
    if axis is None or ndim == 0:  # NumPy sums a scalar over axis 0 or -1 too, and refuses others before this
        summed = set(range(ndim))
    else:
        summed = {normalized(a, ndim) for a in (axis if isinstance(axis, tuple) else (axis,))}
    source = LETTERS[:ndim]
    target = "".join(letter for i, letter in enumerate(source) if i not in summed)
    return f"{source}->{target}", frozenset(range(ndim)) - summed


def normalized(axis: int, ndim: int) -> int:
    """A non-negative axis, or NumPy's own `AxisError`."""
    return np.lib.array_utils.normalize_axis_index(axis, ndim)
