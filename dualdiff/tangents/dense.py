"""Dense tangents: k directions side by side in one block of shape ``(k, *value.shape)``.

The tangent axis comes first, so each direction is an array like the value, partials broadcast
against it as they are, and products with a matrix take all k directions in one call of BLAS.

A block may be a `Dual` of an outer level; then each operation below is differentiated in turn.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from . import MINUS_ONE, ONE, Like, Perturbation, blocks

_BOOL = np.dtype(bool)
_ndarray = np.ndarray


class Dense(Perturbation):
    """The ε of one sweep of forward mode with ``k`` directions."""

    __slots__ = ("k",)

    def __init__(self, k: int) -> None:
        super().__init__()
        self.k = k

    def combine(self, terms: Iterable[tuple[Any, Any]], like: Any) -> Any:
        total: Any = None
        borrowed = False  # whether total is an argument, not ours to return
        ndim = getattr(like, "ndim", 0)
        for partial, tangent in terms:
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
            if type(partial) is _ndarray:
                if partial.dtype is _BOOL:
                    term = np.where(partial, tangent, 0.0)
                else:
                    # One direction: equal shapes take NumPy's fast loop, twice as fast as broadcasting a small array.
                    term = (partial[None] if self.k == 1 and partial.ndim == ndim else partial) * tangent
            else:
                term = partial * tangent
            total = term if total is None else total + term if borrowed else _add(total, term)
            borrowed = False
        if borrowed:
            total = total.copy("K")
        # All of one rank here, so the shape is right if the size is.
        if ndim and total.nbytes == self.k * like.nbytes and total.dtype is like.dtype:
            return total
        return _conform(total, like, self.k)

    def scale(self, partial: Any, tangent: Any) -> Any:
        if type(partial) is _ndarray and self.k == 1:
            return partial[None] * tangent
        if partial is ONE:
            return tangent.copy("K")
        return -tangent if partial is MINUS_ONE else partial * tangent

    def rearrange(self, tangents: tuple[Any, ...], move: Callable[..., Any], like: Any) -> Any:
        return move(*tangents)

    def contract(self, tangent: Any, subscripts: str, operand: Any = None) -> Any:
        if operand is None:
            axes = _sum_axes(subscripts)
            return np.add.reduce(tangent, axis=axes) if axes else tangent.copy()
        return _PLANS(subscripts)(tangent, operand)

    def linear_map(self, tangent: Any, apply: Callable[[Any], Any], transpose: Callable[[Any], Any], like: Any) -> Any:
        return apply(tangent)

    def zeros(self, value: Any) -> Any:
        if type(value) is np.ndarray:
            return zeros_block(self.k, value)
        return np.zeros((self.k, *np.shape(value)), dtype=getattr(value, "dtype", np.result_type(type(value))))

    def assign(self, tangent: Any, index: Any, item: Any) -> None:
        blocks.put(tangent, index, 0.0 if item is None else item)

    def as_buffer(self, tangent: Any, value: Any) -> Any:
        if parallel(tangent, value):
            return tangent
        buffer = zeros_block(self.k, value)
        buffer[...] = tangent
        return buffer

    def like(self, tangent: Any) -> Like:
        return Like(tangent.shape[1:], tangent.dtype)


def zeros_block(k: int, value: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Zeros whose every direction has the memory order of ``value``, so that views of both stay views."""
    if value.flags.c_contiguous:
        return np.zeros((k, *value.shape), value.dtype)
    order = sorted(range(value.ndim), key=lambda axis: -abs(value.strides[axis]))
    block = np.zeros((k, *(value.shape[axis] for axis in order)), value.dtype)
    return block.transpose(0, *(1 + order.index(axis) for axis in range(value.ndim)))


def parallel(block: Any, value: Any) -> bool:
    """Whether each direction of the block has the strides of the value."""
    return type(block) is not np.ndarray or type(value) is not np.ndarray or block.strides[1:] == value.strides


def _add(total: Any, term: Any) -> Any:
    """``total + term``, in the memory of ``total``, which is ours, where that saves a large array."""
    if total.size > 4096 and type(term) is _ndarray and total.shape == term.shape and total.dtype is term.dtype:
        return np.add(total, term, out=total)
    return total + term


def _conform(block: Any, like: Any, k: int) -> Any:
    """Broadcast and cast a block to the shape and dtype of the primal result."""
    dtype = getattr(like, "dtype", None)
    if dtype is None:  # a Python number
        return block
    if block.dtype is not dtype and block.dtype != dtype:
        block = block.astype(dtype)
    if block.shape[1:] != like.shape:
        block = np.broadcast_to(block, (k, *like.shape)).copy()
    return block


@functools.lru_cache(maxsize=1024)
def _sum_axes(subscripts: str) -> int | tuple[int, ...]:
    source, _, target = subscripts.partition("->")
    axes = tuple(axis for axis, letter in enumerate(source, 1) if letter not in target)
    return axes[0] if len(axes) == 1 else axes  # one axis takes NumPy a shorter way than a tuple of one


class _Contraction:
    """``einsum(subscripts, tangent, operand)`` as transposes, reshapes and one ``matmul``.

    Letters fall into five groups: batch (in all three terms), summed (in both inputs only), free in the tangent,
    free in the operand, and those that one input has alone, which are summed before the product.
    """

    def __init__(self, subscripts: str) -> None:
        inputs, _, self.target = subscripts.partition("->")
        tangent, _, operand = inputs.partition(",")
        target = self.target
        self.alone_in_tangent = tuple(i for i, c in enumerate(tangent, 1) if c not in operand and c not in target)
        self.alone_in_operand = tuple(i for i, c in enumerate(operand) if c not in tangent and c not in target)
        self.tangent = "".join(c for c in tangent if c in operand or c in target)
        self.operand = "".join(c for c in operand if c in tangent or c in target)
        self.batch = "".join(c for c in target if c in tangent and c in operand)
        self.summed = "".join(c for c in self.tangent if c in self.operand and c not in target)
        self.free = "".join(c for c in target if c in tangent and c not in operand)
        self.operand_free = "".join(c for c in target if c in operand and c not in tangent)

    def __call__(self, tangent: Any, operand: Any) -> Any:
        if self.alone_in_tangent:
            tangent = np.sum(tangent, axis=self.alone_in_tangent)
        if self.alone_in_operand:
            operand = np.sum(operand, axis=self.alone_in_operand)
        if not self.summed and not self.operand_free:
            return self._scale(tangent, operand)
        size = dict(zip(self.tangent, tangent.shape[1:], strict=True))
        size.update(zip(self.operand, operand.shape, strict=True))
        k = tangent.shape[0]
        batch, summed, free, operand_free = self.batch, self.summed, self.free, self.operand_free
        shape_of = lambda letters: tuple(size[c] for c in letters)
        n_summed = math.prod(shape_of(summed))
        if self.tangent == batch + summed + free and self.target == batch + operand_free + free and free:
            # As it lies in memory: operand @ tangent, one product per direction.
            left = _permuted(operand, self.operand, batch + operand_free + summed)
            left = left.reshape(*shape_of(batch), math.prod(shape_of(operand_free)), n_summed)
            right = tangent.reshape(k, *shape_of(batch), n_summed, math.prod(shape_of(free)))
            return np.matmul(left, right).reshape(k, *shape_of(self.target))
        # All directions in one product: (k · free, summed) @ (summed, operand_free).
        left = _permuted(tangent, "\0" + self.tangent, batch + "\0" + free + summed)
        left = left.reshape(*shape_of(batch), k * math.prod(shape_of(free)), n_summed)
        right = _permuted(operand, self.operand, batch + summed + operand_free)
        right = right.reshape(*shape_of(batch), n_summed, math.prod(shape_of(operand_free)))
        product = np.matmul(left, right).reshape(*shape_of(batch), k, *shape_of(free), *shape_of(operand_free))
        return _permuted(product, batch + "\0" + free + operand_free, "\0" + self.target)

    def _scale(self, tangent: Any, operand: Any) -> Any:
        """No letter is summed over both and the operand brings none: a broadcast product."""
        tangent = _permuted(tangent, "\0" + self.tangent, "\0" + self.target)
        shared = "".join(c for c in self.target if c in self.operand)
        operand = _permuted(operand, self.operand, shared)
        return operand[tuple(_ALL if c in shared else None for c in self.target)] * tangent


_ALL = slice(None)
_PLANS = functools.lru_cache(maxsize=1024)(_Contraction)


def _permuted(array: Any, letters: str, wanted: str) -> Any:
    return array if letters == wanted else np.transpose(array, [letters.index(c) for c in wanted])
