"""Dense tangents: k directions side by side in one block of shape ``(k, *value.shape)``.

The tangent axis comes first, so each direction is an array like the value, partials broadcast
against it as they are, and products with a matrix take all k directions in one call of BLAS.

A block may be a `Dual` of an outer level; then each operation below is differentiated in turn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..values import kinds
from ..values.dual import Dual, is_array, primal
from ..values.kinds import ARRAYS, type_of
from . import MINUS_ONE, ONE, Like, Perturbation, blocks, dtype_of
from .einsum import BIG, contracted, plan_of

_BOOL = np.dtype(bool)
_FLOAT64 = np.dtype(np.float64)
_float64 = np.float64
_ndarray = np.ndarray
_IN_MEMORY = frozenset({np.ndarray, np.float64})


def product(partial: Any, cotangent: Any) -> Any:
    if getattr(partial, "dtype", None) is _BOOL:
        return np.where(partial, cotangent, 0.0)
    # In the other order np.float64 would leave Python's complex, which has no dtype.
    return cotangent * partial if type_of(partial) is complex else partial * cotangent


class Dense(Perturbation):
    """The ε of one sweep of forward mode with ``k`` directions."""

    __slots__ = ("first", "identity", "k")

    def __init__(self, k: int) -> None:
        super().__init__()
        self.k = k
        # A seed of unit vectors, from number ``first`` on: its product with a matrix is no work.
        self.identity: Any = None
        self.first = 0

    def expect_unit_directions(self, seed: Any, first: int) -> None:
        """The seed of the only argument, a vector, has unit vectors for directions, from number ``first`` on."""
        self.identity, self.first = seed, first

    def owned(self, tangent: Any) -> Any:
        self.identity = None
        return blocks.copied(tangent)

    def combine(self, terms: Iterable[tuple[Any, Any]], like: Any, held: tuple[Any, ...] | None = None) -> Any:
        total: Any = None
        borrowed = False  # whether total is an argument, not ours to return
        ndim = getattr(like, "ndim", 0)
        if self.identity is not None:
            terms = tuple(terms)
            if len(terms) == 2 and terms[0][1] is self.identity:
                terms = terms[::-1]
        for partial, tangent in terms:
            if total is not None and tangent is self.identity and _fits_diagonal(partial, total, tangent):
                total = total.copy("K") if borrowed else total
                self._add_diagonal(total, partial)
                borrowed = False
                continue
            if tangent.ndim <= ndim:
                tangent = blocks.expand(tangent, ndim)
            if partial is ONE:
                borrowed = total is None
                total = tangent if borrowed else total + tangent
                continue
            if partial is MINUS_ONE:
                total = -tangent if total is None else total - tangent
                borrowed = False
                continue
            if type(partial) in ARRAYS:
                if partial.dtype is _BOOL:
                    term = np.where(partial, tangent, 0.0)
                else:
                    term = partial * tangent
            elif getattr(partial, "dtype", None) is _BOOL:
                term = np.where(partial, tangent, 0.0)
            else:
                term = partial * tangent
            total = term if total is None else total + term if borrowed else _add(total, term)
            borrowed = False
        if borrowed:
            total = blocks.copied(total)
        if type(like) is _float64 and total.dtype is _FLOAT64:
            return total
        # All of one rank here, so the shape is right if the size is, unless that is 0.
        if ndim and 0 != total.nbytes == self.k * like.nbytes and total.dtype is like.dtype:
            return total
        return _conform(total, like, self.k)

    def plus(self, a: Any, b: Any, like: Any) -> Any:
        if a.ndim == b.ndim and self.identity is None and type(like) in _IN_MEMORY:
            total = a + b
            if total.dtype is like.dtype:
                return total
        return self.combine(((ONE, a), (ONE, b)), like)

    def minus(self, a: Any, b: Any, like: Any) -> Any:
        if a.ndim == b.ndim and self.identity is None and type(like) in _IN_MEMORY:
            total = a - b
            if total.dtype is like.dtype:
                return total
        return self.combine(((ONE, a), (MINUS_ONE, b)), like)

    def _add_diagonal(self, total: Any, partial: Any) -> None:
        """``total += partial * identity``, which leaves all but one entry of each direction alone."""
        here = slice(self.first, self.first + self.k)
        diagonal = np.einsum("ii->i", total[:, here])
        if type(partial) in ARRAYS:
            diagonal += partial[here]
        else:
            diagonal += 1.0 if partial is ONE else -1.0

    def scale(self, partial: Any, tangent: Any, made: bool = False) -> Any:
        if partial is ONE:
            return blocks.copied(tangent)
        elif partial is MINUS_ONE:
            return -tangent
        else:
            product = partial * tangent
        # A partial made with np.where of Python floats is wider than a float32 tangent.
        return product if product.dtype is tangent.dtype else product.astype(tangent.dtype)

    def rearrange(self, tangents: tuple[Any, ...], move: Callable[..., Any], like: Any) -> Any:
        return move(*tangents)

    def take_scalar(self, tangent: Any, index: Any, like: Any) -> Any:
        return (tangent[:, index] if type(index) is int else blocks.get(tangent, index)).copy()

    def view(self, tangent: Any, move: Callable[[Any], Any], like: Any) -> Any:
        return move(tangent)

    def join(self, parts: list[tuple[Any, tuple[int, ...]]], axis: int, like: Any) -> Any:
        return joined(parts, axis, like, self.k)

    def contract(self, tangent: Any, subscripts: str, operand: Any = None) -> Any:
        if tangent is self.identity and operand is not None and plan_of(subscripts).takes_rows:
            return plan_of(subscripts).rows(operand, self.first, self.first + self.k)
        return contracted(tangent, subscripts, operand)

    def linear_map(self, tangent: Any, apply: Callable[[Any], Any], transpose: Callable[[Any], Any], like: Any) -> Any:
        return apply(tangent)

    def zeros(self, value: Any) -> Any:
        plain = primal(value)
        if type(plain) in ARRAYS:
            return zeros_block(self.k, plain)
        shape, dtype = (self.k, *np.shape(value)), dtype_of(plain)
        return np.zeros(shape, dtype, like=plain) if is_array(plain) else np.zeros(shape, dtype)

    def put(self, tangent: Any, index: Any, item: Any) -> None:
        blocks.put(tangent, index, 0.0 if item is None else item)

    def has_room(self, tangent: Any, item: Any) -> bool:
        return type(item) is not Dual or type(tangent) is Dual

    def with_room(self, tangent: Any, item: Any) -> Any:
        return Dual(tangent, item.perturbation.zeros(tangent), item.perturbation)

    def expect_infinity(self) -> None:
        if type(self) is Dense:
            self.__class__ = Careful  # so that tangents without an infinity pay nothing for those with one

    def separate(self, result: Any, tangents: Any) -> None:
        for dual in result if isinstance(result, tuple) else (result,):
            block: Any = getattr(dual, "tangent", None)
            if any(block is tangent for tangent in tangents) or (
                type(block) in ARRAYS
                and block.base is not None
                and any(np.may_share_memory(block, t) for t in tangents if type(t) in ARRAYS)
            ):
                dual.tangent = np.copy(block, order="K")

    def as_buffer(self, tangent: Any, value: Any) -> Any:
        if parallel(tangent, value):
            return tangent
        buffer: Any = zeros_block(self.k, primal(value))
        if type(tangent) is Dual:  # of an outer level
            buffer = Dual(buffer, tangent.perturbation.zeros(buffer), tangent.perturbation)
        buffer[...] = tangent
        return buffer

    def like(self, tangent: Any) -> Like:
        return Like(tangent.shape[1:], tangent.dtype)

    # The way back.

    times = staticmethod(product)

    def summed_to(self, cotangent: Any, shape: tuple[int, ...]) -> Any:
        return blocks.unbroadcast(cotangent, shape)

    def parts(self, cotangent: Any) -> tuple[Any, ...]:
        return (cotangent,)

    def whole(self, parts: Sequence[Any]) -> Any:
        return parts[0]

    def spread(self, cotangent: Any, index: Any, shape: tuple[int, ...]) -> Any:
        block = cotangent[index]
        shape = (len(cotangent), *shape)
        if type(block) not in ARRAYS or math.prod(shape) > 4096:
            return np.broadcast_to(block, shape)
        whole = kinds.empty(shape, block.dtype, block)  # a small one is written out, which is quicker
        whole[...] = block
        return whole

    def pull_back(self, cotangent: Any, transpose: Callable[[Any], Any]) -> Any:
        return transpose(cotangent)

    def memory(self, cotangent: Any) -> bool:
        return type(cotangent) in ARRAYS

    def nothing(self, shape: tuple[int, ...], cotangent: Any, dtype: Any) -> Any:
        return kinds.zeros((self.k, *shape), dtype, cotangent)

    def add_at(self, total: Any, index: Any, cotangent: Any) -> None:
        view = blocks.view(total, index)
        np.add(view, cotangent, view)


def _fits_diagonal(partial: Any, total: Any, identity: Any) -> bool:
    if type(total) not in ARRAYS or total.shape != identity.shape:
        return False
    if type(partial) in ARRAYS:
        return partial.shape == total.shape[1:] and partial.dtype is total.dtype
    return partial is ONE or partial is MINUS_ONE


class Quiet(Perturbation):
    """Mixed into tangents that hold an infinity: 0 · inf is NaN without a warning."""

    __slots__ = ()

    def combine(self, terms: Iterable[tuple[Any, Any]], like: Any, held: tuple[Any, ...] | None = None) -> Any:
        terms = tuple(terms)
        for _, tangent in terms:
            warn_outer(tangent)
        return blocks.silently(super().combine, terms, like, held)

    def scale(self, partial: Any, tangent: Any, made: bool = False) -> Any:
        warn_outer(tangent)
        return blocks.silently(super().scale, partial, tangent, made)

    plus, minus = Perturbation.plus, Perturbation.minus

    def contract(self, tangent: Any, subscripts: str, operand: Any = None) -> Any:
        return blocks.silently(super().contract, tangent, subscripts, operand)

    def linear_map(self, tangent: Any, apply: Any, transpose: Any, like: Any) -> Any:
        return blocks.silently(super().linear_map, tangent, apply, transpose, like)


class Careful(Quiet, Dense):
    """Dense tangents that hold an infinity."""

    __slots__ = ()


def warn_outer(tangent: Any) -> None:
    """A tangent meets an infinite partial: the outer levels that it carries will meet it as a factor."""
    while type(tangent) is Dual:
        tangent.perturbation.expect_infinity()
        tangent = tangent.value


def joined(parts: list[tuple[Any, tuple[int, ...]]], axis: int, like: Any, k: int) -> Any:
    """Blocks of ``k`` directions laid end to end along an axis of their arrays."""
    if like.ndim == 1 and all(type(block) is _ndarray and block.ndim == 1 for block, _ in parts):  # of scalars
        columns = np.empty((k, len(parts)), like.dtype)
        for i, (block, _) in enumerate(parts):
            columns[:, i] = block
        return columns
    laid = [
        np.zeros((k, *shape), like.dtype) if block is None else block.reshape((k, *shape)) for block, shape in parts
    ]
    return _conform(np.concatenate(laid, axis=axis + 1), like, k)


def as_block(array: Any) -> Any:
    """A block of one direction; of an outer level, the value may be a Python number, which takes no index."""
    if type(array) is Dual and type(primal(array)) in (float, complex):
        return np.stack([array])
    return array[None]


def real_part(block: Any, dtype: Any) -> Any:
    """A cotangent in the dtype of its primal."""
    if block.dtype.kind == "c" and dtype.kind != "c":
        block = block.real
    return block if block.dtype == dtype else block.astype(dtype)


def zeros_block(k: int, value: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Zeros whose every direction has the memory order of ``value``, so that views of both stay views."""
    if value.flags.c_contiguous:
        return kinds.zeros((k, *value.shape), value.dtype, value)
    order = sorted(range(value.ndim), key=lambda axis: -abs(value.strides[axis]))
    block = kinds.zeros((k, *(value.shape[axis] for axis in order)), value.dtype, value)
    return block.transpose(0, *(1 + order.index(axis) for axis in range(value.ndim)))


def parallel(block: Any, value: Any) -> bool:
    """Whether each direction of the block has the strides of the value, below all outer levels."""
    if type(block) is Dual or type(value) is Dual:
        block, value = primal(block), primal(value)
    return type(block) not in ARRAYS or type(value) not in ARRAYS or block.strides[1:] == value.strides


def _add(total: Any, term: Any) -> Any:
    """``total + term``, in the memory of ``total``, which is ours, where that saves a large array."""
    if total.size > BIG and type(term) in ARRAYS and total.shape == term.shape and total.dtype is term.dtype:
        return np.add(total, term, out=total)
    return total + term


def _conform(block: Any, like: Any, k: int) -> Any:
    """Broadcast and cast a block to the shape and dtype of the primal result."""
    dtype = dtype_of(like)
    if block.dtype is not dtype and block.dtype != dtype:
        block = block.astype(dtype)
    shape = getattr(like, "shape", ())
    return block if block.shape[1:] == shape else np.broadcast_to(block, (k, *shape)).copy()
