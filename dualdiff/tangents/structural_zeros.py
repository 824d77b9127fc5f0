"""Dense tangents with their supports: which entries a seed has reached.

A structural zero is an entry that no seed reached, or that where, select or indexing dropped.  Where it meets an
infinite partial, 0 · inf would make it NaN, although the derivative is 0: one infinite column of a Jacobian would spoil
the others.  A sweep of forward mode whose result has a NaN is repeated with these tangents: a block and a boolean block
side by side.  What is off the support stays zero; a computed 0 · inf is on the support and stays NaN.

The other NaN that is not the last word is that of an unknown gauge: see gauges.py.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ..values.dual import is_lazy
from ..values.kinds import ARRAYS
from ..values.kinds import innermost as plain
from . import Like, Perturbation, Trivial, blocks
from .dense import Dense, joined, product
from .einsum import contracted
from .gauges import MOVED, STILL, TURNED, determined

_BOOL = np.dtype(bool)


class Marked:
    """A block and its support, of one shape."""

    __slots__ = ("block", "support")
    __array_ufunc__ = None  # NumPy's numbers leave a product to `__rmul__`

    def __init__(self, block: Any, support: Any) -> None:
        self.block = block
        self.support = support

    def __iter__(self) -> Iterator[Any]:
        return iter((self.block, self.support))

    @property
    def ndim(self) -> int:
        return int(self.block.ndim)

    # What a cotangent knows.

    @property
    def dtype(self) -> Any:
        return self.block.dtype

    @property
    def real(self) -> Marked:
        return Marked(self.block.real, self.support)

    def astype(self, dtype: Any) -> Marked:
        return Marked(self.block.astype(dtype), self.support)

    def __neg__(self) -> Marked:
        return Marked(-self.block, self.support)

    def __add__(self, other: Marked) -> Marked:
        return Marked(blocks.silently(operator.add, self.block, other.block), self.support | other.support)

    def __rmul__(self, partial: Any) -> Marked:
        """The product with a partial; one that selects drops entries from the support."""
        if getattr(partial, "dtype", None) == _BOOL:
            support = self.support & plain(partial)
        else:
            support = self.support
        return Marked(np.where(support, blocks.silently(product, partial, self.block), 0.0), support)


class Part(Marked):
    """A view of the real or the imaginary parts of a block: an entry of its support counts for both of them."""

    __slots__ = ()


class Supported(Dense):
    """The ε of a repeated sweep with ``k`` directions; ``turn`` is what unknown gauges do in it."""

    __slots__ = ("turn", "undetermined")

    def __init__(self, k: int, turn: Any = STILL) -> None:
        super().__init__(k)
        self.turn = turn
        self.undetermined = 0.0  # the rounding of vectors that had one

    def seed(self, block: Any) -> Marked:
        return Marked(block, reached(block))

    def combine(self, terms: Iterable[tuple[Any, Any]], like: Any, held: Any = None) -> Marked:
        total: Any = None
        union: Any = False
        ndim = getattr(like, "ndim", 0)
        for partial, tangent in terms:
            block = blocks.silently(super().combine, ((partial, tangent.block),), like)
            support = blocks.expand(tangent.support, ndim)
            if type(partial) is not Trivial and getattr(partial, "dtype", None) == _BOOL:
                support = support & plain(partial)
            support = np.broadcast_to(support, block.shape)
            block = np.where(support, block, 0.0)
            total = block if total is None else blocks.silently(operator.add, total, block)
            union = union | support
        return Marked(total, union)

    plus, minus = Perturbation.plus, Perturbation.minus

    def scale(self, partial: Any, tangent: Marked, made: bool = False) -> Marked:
        return self.combine(((partial, tangent),), self.like(tangent))

    def rearrange(self, tangents: tuple[Any, ...], move: Callable[..., Any], like: Any) -> Marked:
        moved = move(*(tangent.block for tangent in tangents))
        shown = plain(moved)
        if len(tangents) == 1 and not is_lazy(shown) and np.may_share_memory(shown, plain(tangents[0].block)):
            return Marked(moved, move(tangents[0].support))  # a view: what is written through it is reached
        # As numbers: a move may join them with zeros of its own.
        return Marked(moved, move(*(tangent.support * 1.0 for tangent in tangents)) != 0)

    def view(self, tangent: Marked, move: Callable[[Any], Any], like: Any) -> Marked:
        return type(tangent)(move(tangent.block), move(tangent.support))

    def join(self, parts: list[tuple[Any, tuple[int, ...]]], axis: int, like: Any) -> Marked:
        given = [(Marked(None, None) if tangent is None else tangent, shape) for tangent, shape in parts]
        block = joined([(tangent.block, shape) for tangent, shape in given], axis, like, self.k)
        support = joined([(tangent.support, shape) for tangent, shape in given], axis, Like(like.shape, _BOOL), self.k)
        return Marked(block, support)

    def contract(self, tangent: Marked, subscripts: str, operand: Any = None) -> Marked:
        if operand is None:
            return Marked(contracted(tangent.block, subscripts), contracted(tangent.support * 1.0, subscripts) > 0)
        block = blocks.silently(contracted_on_support, tangent.block, tangent.support, subscripts, operand)
        return Marked(
            block,
            contracted(tangent.support * 1.0, subscripts, np.ones(np.shape(plain(operand)))) > 0,
        )

    def linear_map(self, tangent: Marked, apply: Any, transpose: Any, like: Any) -> Marked:
        block = blocks.silently(apply, tangent.block)
        if apply is np.real or apply is np.imag:  # what is written through it is reached
            return Part(block, tangent.support)
        return Marked(block, reached_through(apply, tangent.support, tangent.block))

    def zeros(self, value: Any) -> Marked:
        block = super().zeros(value)
        return Marked(block, np.zeros(block.shape, bool))

    def put(self, tangent: Marked, index: Any, item: Marked | None) -> None:
        block, support = (None, None) if item is None else item
        super().put(tangent.block, index, block)
        if type(tangent) is not Part:
            super().put(tangent.support, index, support)
        elif item is not None:  # the other part stays what it was
            written = np.zeros_like(tangent.support)
            super().put(written, index, support)
            tangent.support |= written

    def has_room(self, tangent: Marked, item: Marked) -> bool:
        return super().has_room(tangent.block, item.block)

    def with_room(self, tangent: Marked, item: Marked) -> Marked:
        return Marked(super().with_room(tangent.block, item.block), tangent.support)

    def owned(self, tangent: Marked) -> Marked:
        return Marked(blocks.copied(tangent.block), blocks.copied(tangent.support))

    def as_buffer(self, tangent: Marked, value: Any) -> Marked:
        block = super().as_buffer(tangent.block, value)
        support = blocks.copied(tangent.support)
        if type(plain(block)) in ARRAYS:  # laid out alike, so that the same views are views of both
            support = np.empty_like(plain(block), _BOOL)
            support[...] = tangent.support
        return Marked(block, support)

    def take_scalar(self, tangent: Marked, index: Any, like: Any) -> Marked:
        return Marked(*(blocks.get(part, index).copy() for part in tangent))

    def like(self, tangent: Marked) -> Like:
        return Like(tangent.block.shape[1:], tangent.block.dtype)

    def separate(self, result: Any, tangents: Any) -> None:
        for dual in result if isinstance(result, tuple) else (result,):
            if isinstance(getattr(dual, "tangent", None), Marked):
                dual.tangent = self.owned(dual.tangent)

    def index_view(self, tangent: Marked, index: Any, like: Any) -> Marked:
        return type(tangent)(*(blocks.get(part, index) for part in tangent))

    def gather(self, tangent: Marked, index: Any, like: Any) -> Marked:
        return Marked(*(blocks.get(part, index) for part in tangent))

    def block_of(self, tangent: Marked) -> Any:
        return tangent.block

    # The way back.

    def times(self, partial: Any, cotangent: Marked) -> Marked:
        return cotangent.__rmul__(partial)

    def summed_to(self, cotangent: Marked, shape: tuple[int, ...]) -> Marked:
        return self.whole([blocks.unbroadcast(part, shape) for part in cotangent])

    def parts(self, cotangent: Marked) -> tuple[Any, ...]:
        return (cotangent.block, cotangent.support)

    def whole(self, parts: Sequence[Any]) -> Marked:
        block, support = parts
        return Marked(block, support if support.dtype == _BOOL else plain(support) != 0)

    def spread(self, cotangent: Marked, index: Any, shape: tuple[int, ...]) -> Marked:
        return Marked(*(super(Supported, self).spread(part, index, shape) for part in cotangent))

    def pull_back(self, cotangent: Marked, transpose: Callable[[Any], Any]) -> Marked:
        block = blocks.silently(transpose, cotangent.block)
        return Marked(block, reached_through(transpose, cotangent.support, cotangent.block))

    def memory(self, cotangent: Marked) -> bool:
        return type(cotangent.block) in ARRAYS

    def nothing(self, shape: tuple[int, ...], cotangent: Any, dtype: Any) -> Marked:
        return Marked(np.zeros((self.k, *shape), dtype), np.zeros((self.k, *shape), bool))

    def add_at(self, total: Marked, index: Any, cotangent: Marked) -> None:
        for part, added in zip(total, cotangent, strict=True):
            super().add_at(part, index, added)


def repeated(k: int, sweep: Callable[[Supported], tuple[list[Any], Any]]) -> tuple[list[Any], Any]:
    """The tangents of results (plain blocks), and what else ``sweep`` returns, where the first sweep had a NaN."""
    still = Supported(k)
    results, rest = sweep(still)
    if still.undetermined:
        turned, moved = sweep(Supported(k, TURNED))[0], sweep(Supported(k, MOVED))[0]
        results = [determined(*three, still.undetermined) for three in zip(results, turned, moved, strict=True)]
    return results, rest


def contracted_on_support(block: Any, support: Any, subscripts: str, operand: Any) -> Any:
    """`contracted`, with the terms off the support left out."""
    if is_lazy(support) or is_lazy(plain(operand)) or np.all(np.isfinite(plain(operand))) or np.all(support):
        return contracted(block, subscripts, operand)
    inputs, _, out = subscripts.partition("->")
    letters, _, operand_letters = inputs.partition(",")
    everything = letters + "".join(c for c in operand_letters if c not in letters)
    at = (slice(None), *(slice(None) if c in letters else None for c in everything))
    order = [operand_letters.index(c) for c in everything if c in operand_letters]
    spread = np.transpose(operand, order)[tuple(slice(None) if c in operand_letters else None for c in everything)]
    terms = np.where(support[at], block[at] * spread, 0.0)
    total = np.sum(terms, axis=tuple(i for i, c in enumerate(everything, 1) if c not in out))
    kept = [c for c in everything if c in out]
    return np.transpose(total, [0, *(kept.index(c) + 1 for c in out)])


def reached(seed: Any) -> Any:
    """The support of a seed.  A zero that an outer level differentiates is a computed one, not a structural one."""
    return np.ones(seed.shape, bool) if hasattr(seed, "perturbation") else plain(seed) != 0


def reached_through(linear: Callable[[Any], Any], support: Any, like: Any) -> Any:
    """Which entries a linear map reaches from a support: where generic numbers on it give no zero.

    A probe of distinct numbers does not cancel by chance; what rounding leaves is counted as reached.
    """
    weights: Any = 2.0 + np.cos(np.arange(1.0, support.size + 1.0)).reshape(support.shape)
    if like.dtype.kind == "c":
        weights = weights * (1.0 + 0.7j)
    return plain(linear(np.where(support, weights, 0.0))) != 0
