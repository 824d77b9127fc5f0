"""Contractions: ``einsum(subscripts, tangent, operand)`` of a block with a constant operand, and its transpose.

Subscripts are explicit letters, each at most once per term; axis 0 of the block is not among them.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ..values.kinds import ARRAYS
from . import blocks

_ndarray = np.ndarray
_ALL = slice(None)
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"  # that subscripts are made of
# Entries from which on memory that is written again is worth a question.
BIG = 4096


def contracted(block: Any, subscripts: str, operand: Any = None) -> Any:
    """``einsum(subscripts, block, operand)``, axis 0 of the block not being in the subscripts."""
    if operand is None:
        axes = sum_axes(subscripts)
        if axes == block.ndim - 1 and type(block) in ARRAYS and block.shape[-1] <= 16 and block.size > BIG:
            return block @ np.ones(block.shape[-1], block.dtype)  # a short last axis costs NumPy's sums ten times that
        return block.copy() if axes == () else blocks.summed(block, axes)
    return plan_of(subscripts)(block, operand)


@functools.lru_cache(maxsize=1024)
def sum_axes(subscripts: str) -> int | tuple[int, ...]:
    source, _, target = subscripts.partition("->")
    axes = tuple(axis for axis, letter in enumerate(source, 1) if letter not in target)
    return axes[0] if len(axes) == 1 else axes  # one axis takes NumPy a shorter way than a tuple of one


class _Contraction:
    """``einsum(subscripts, tangent, operand)`` as transposes, reshapes and one product of matrices.

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
        self.spread = [_spread("\0" + self.tangent, "\0" + target), _spread(self.operand, target)]
        self.plans: dict[Any, Any] = {}
        self.takes_rows = len(tangent) == 1 and self.summed == tangent and len(operand) == len(target) + 1

    def __call__(self, tangent: Any, operand: Any) -> Any:
        if self.alone_in_tangent:
            tangent = np.sum(tangent, axis=self.alone_in_tangent)
        if self.alone_in_operand:
            operand = np.sum(operand, axis=self.alone_in_operand)
        if not self.summed:
            return self._outer(tangent, operand)
        plan = self.plans.get((tangent.shape, operand.shape))
        if plan is None:
            plan = self._plan(tangent.shape, operand.shape)
        product_of, in_place, (tangent_axes, tangent_shape), (operand_axes, operand_shape), product_shape, axes = plan
        if tangent_axes is not None:
            tangent = tangent.transpose(tangent_axes)
        if tangent_shape is not None:
            tangent = tangent.reshape(tangent_shape)
        if operand_axes is not None:
            operand = operand.transpose(operand_axes)
        if operand_shape is not None:
            operand = operand.reshape(operand_shape)
        product = product_of(operand, tangent) if in_place else product_of(tangent, operand)
        if product_shape is not None:
            product = product.reshape(product_shape)
        return product if axes is None else product.transpose(axes)

    def _plan(self, tangent: tuple[int, ...], operand: tuple[int, ...]) -> Any:
        """Axes and shapes for blocks of one shape, None where nothing changes."""
        k, size = tangent[0], dict(zip(self.tangent, tangent[1:], strict=True))
        size.update(zip(self.operand, operand, strict=True))
        batch, summed, free, operand_free = self.batch, self.summed, self.free, self.operand_free
        shape_of = lambda letters: tuple(size[c] for c in letters)
        n_summed, n_operand = math.prod(shape_of(summed)), math.prod(shape_of(operand_free))
        in_place = bool(free) and self.tangent == batch + summed + free and self.target == batch + operand_free + free
        if in_place:
            # As it lies in memory: operand @ tangent, one product per direction.
            left: Any = (None, (k, *shape_of(batch), n_summed, math.prod(shape_of(free))))
            right = (_axes(self.operand, batch + operand_free + summed), (*shape_of(batch), n_operand, n_summed))
            product = (k, *shape_of(batch), n_operand, left[1][-1])
            product_shape, axes = (k, *shape_of(self.target)), None
        else:
            # All directions in one product: (k · free, summed) @ (summed, operand_free).
            n_left = k * math.prod(shape_of(free))
            left = (_axes("\0" + self.tangent, batch + "\0" + free + summed), (*shape_of(batch), n_left, n_summed))
            right = (_axes(self.operand, batch + summed + operand_free), (*shape_of(batch), n_summed, n_operand))
            product = (*shape_of(batch), n_left, n_operand)
            product_shape = (*shape_of(batch), k, *shape_of(free), *shape_of(operand_free))
            axes = _axes(batch + "\0" + free + operand_free, "\0" + self.target)
        blocks.settle_allocator(8 * math.prod(product))
        plan = (
            np.multiply if n_summed == 1 else np.matmul,  # a column times a row costs BLAS twice as much
            in_place,
            (left[0], _new_shape(tangent, *left)),
            (right[0], _new_shape(operand, *right)),
            product_shape if product_shape != product else None,
            axes,
        )
        if len(self.plans) >= 256:
            self.plans.clear()
        self.plans[tangent, operand] = plan
        return plan

    def rows(self, operand: Any, start: int, stop: int) -> Any:
        """The contraction of unit vectors ``start`` to ``stop``: the operand, its summed axis that of directions."""
        return np.copy(_permuted(operand, self.operand, self.summed + self.target)[start:stop])

    def _outer(self, tangent: Any, operand: Any) -> Any:
        """No letter is summed over both: a broadcast product, with less to do than a product of matrices."""
        (tangent_axes, tangent_at), (operand_axes, operand_at) = self.spread
        if tangent_axes is not None:
            tangent = tangent.transpose(tangent_axes)
        if operand_axes is not None:
            operand = operand.transpose(operand_axes)
        return operand[operand_at] * tangent[tangent_at]


plan_of = functools.lru_cache(maxsize=1024)(_Contraction)


def _spread(letters: str, target: str) -> tuple[list[int] | None, tuple[Any, ...]]:
    """The order of axes, and the index that puts axes of length 1 in, with which a term broadcasts to the target."""
    wanted = "".join(c for c in target if c in letters)
    at = tuple(_ALL if c in letters else None for c in target)
    return (_axes(letters, wanted) if len(wanted) == len(letters) else None), at


def _permuted(array: Any, letters: str, wanted: str) -> Any:
    return array if letters == wanted else np.transpose(array, [letters.index(c) for c in wanted])


def _axes(letters: str, wanted: str) -> list[int] | None:
    return None if letters == wanted else [letters.index(c) for c in wanted]


def _new_shape(shape: tuple[int, ...], axes: list[int] | None, wanted: tuple[int, ...]) -> tuple[int, ...] | None:
    return None if (shape if axes is None else tuple(shape[i] for i in axes)) == wanted else wanted


@functools.lru_cache(maxsize=1024)
def pulled(subscripts: str) -> tuple[str, list[int] | None, Any]:
    """The transpose of a contraction: subscripts of the cotangent and operand, the order of the axes that they give
    (None if it is that of the tangent), and the index that inserts the axes which were only summed over."""
    letters, operand, out = terms_of(subscripts)
    known = "".join(c for c in letters if c in operand or c in out)
    order = None
    if not operand:
        positions = sorted(range(len(out)), key=lambda i: letters.index(out[i]))
        if positions != list(range(len(out))):
            order = [0, *(i + 1 for i in positions)]
    spread = None if known == letters else (slice(None), *(slice(None) if c in known else None for c in letters))
    return f"{out},{operand}->{known}", order, spread


@functools.lru_cache(maxsize=1024)
def terms_of(subscripts: str) -> tuple[str, str, str]:
    inputs, _, out = subscripts.partition("->")
    tangent, _, operand = inputs.partition(",")
    return tangent, operand, out
