"""Patterns: which entries of the result can depend on which entries of the arguments.

A pattern tangent is one sorted set of columns for each entry of an array, rows of a sparse matrix without values.
It is never carried through NumPy: a recording (tape.py) is run forwards with it, so that views, aliases and writes
have been resolved.  Two primitives carry everything: take rows by positions, and merge rows.

Conventions: partials are taken to be nonzero, and so is every factor that depends on the arguments; the zeros of a
constant matrix are structure.  A linear map known only by its action is probed (`reach`).  Where an index, a mask or a
branch depends on values, the pattern is that of the point: `sparse_jacobian` checks every evaluation for that.
Source: Griewank & Walther, *Evaluating Derivatives*, ch. 7; Walther, ACM TOMS 34 (2008).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from . import Perturbation, blocks
from .einsum import LETTERS, terms_of
from .reach import reach
from .rows import INDEX, Rows, empty, keys_of, matrix_of, same_rows, stacked, starts_of
from .tape import memory_of
from .transposes import positions_of
from .writes import Overwrite

# Entries beyond which a pattern is no longer sparse in any useful sense: half a gigabyte of them.
MOST_ENTRIES = 10**8
# Entries up to which a union by NumPy is quicker than a sparse matrix.
_FEW = 256


class Written:
    """A buffer after a write that nobody has read yet: many writes are one rearrangement."""

    __slots__ = ("before", "item", "node", "whole")

    def __init__(self, node: Overwrite, before: Any, item: Rows | None) -> None:
        self.node = node
        self.before = before
        self.item = item
        self.whole: Rows | None = None


class Patterns(Perturbation):
    """Index sets in place of numbers: a kind of tangent that a record is run forwards with."""

    __slots__ = ("colour", "constants", "k", "n", "unions")

    def __init__(self, n: int, colour: Callable[[Any], Any], constants: set[int]) -> None:
        super().__init__()
        self.n = n  # how many columns there are
        self.k = 1
        self.colour = colour  # of the columns of a sparse matrix, so that no row has a colour twice
        self.constants = constants  # whose memory does not depend on the arguments
        self.unions: dict[tuple[int, ...], tuple[Rows, Rows, Rows]] = {}

    def seed(self, block: Any) -> Rows:
        return empty(block.shape[1:], block.dtype)

    def combine(self, terms: Iterable[tuple[Any, Any]], like: Any, held: tuple[Any, ...] | None = None) -> Rows:
        total: Rows | None = None
        for _, rows in terms:
            spread = self._broadcast(rows, like.shape)
            total = spread if total is None else self.union(total, spread)
        assert total is not None
        return total.labelled(like.shape, like.dtype)

    def _broadcast(self, rows: Rows, shape: tuple[int, ...]) -> Rows:
        if rows.shape == shape:
            return rows
        places = np.arange(1, rows.size + 1, dtype=INDEX).reshape(rows.shape)
        if rows.size == math.prod(shape):
            return rows.labelled(shape, rows.dtype)
        self._expect(len(rows.columns) * (math.prod(shape) // max(rows.size, 1)))
        return rows.take(np.broadcast_to(places, shape), shape, rows.dtype)

    def union(self, a: Rows, b: Rows) -> Rows:
        """Row by row; an operand that holds the other is the result itself."""
        if (a.columns is b.columns and a.starts is b.starts) or not len(b.columns):
            return a
        if not len(a.columns):
            return b
        key = (id(a.starts), id(a.columns), id(b.starts), id(b.columns))
        known = self.unions.get(key)
        if known is None:
            known = self.unions[key] = (a, b, self._united(a, b))
        return known[2]

    def _united(self, a: Rows, b: Rows) -> Rows:
        if a.size == 1:
            columns = np.union1d(a.columns, b.columns)
            starts = np.array([0, len(columns)], INDEX)
        elif len(a.columns) + len(b.columns) <= _FEW:
            keys = np.union1d(keys_of(a, self.n), keys_of(b, self.n))
            row, columns = np.divmod(keys, self.n)
            starts, columns = starts_of(np.bincount(row, minlength=a.size)), columns.astype(INDEX)
        elif len(a.columns) == len(b.columns) and same_rows(a, b):
            return a
        else:
            whole = matrix_of(a, self.n) + matrix_of(b, self.n)
            starts, columns = whole.indptr, whole.indices
        if len(columns) == len(a.columns):
            return a
        if len(columns) == len(b.columns):
            return b
        self._expect(len(columns))
        return Rows(a.shape, a.dtype, starts, columns)

    def rearrange(self, tangents: tuple[Any, ...], move: Callable[..., Any], like: Any) -> Rows:
        if isinstance(move, blocks.Chosen):
            return self._chosen(tangents[0], move.axis, like)
        positions = getattr(move, "positions", None)
        if positions is None:
            positions = positions_of(move, tangents)
        rows = stacked(tangents)
        return rows.take(positions, like.shape, like.dtype)

    def _chosen(self, rows: Rows, axis: int, like: Any) -> Rows:
        """Entries chosen by their values along an axis: each may be any of them."""
        letters = LETTERS[: rows.ndim]
        merged = self._summed(rows, letters, letters.replace(letters[axis], ""))
        here = (*rows.shape[:axis], 1, *rows.shape[axis + 1 :])
        return self._broadcast(merged.labelled(here, rows.dtype), like.shape).labelled(like.shape, like.dtype)

    def view(self, tangent: Rows, move: Callable[[Any], Any], like: Any) -> Rows:
        places = np.arange(1, tangent.size + 1, dtype=INDEX).reshape(1, *tangent.shape)
        taken = move(places)
        if taken.size and taken.flags.c_contiguous and np.may_share_memory(taken, places):
            start = int(taken.reshape(-1)[0]) - 1
            return tangent.part(start, start + taken.size, like.shape, like.dtype)
        return tangent.take(taken, like.shape, like.dtype)

    def join(self, parts: list[tuple[Any, tuple[int, ...]]], axis: int, like: Any) -> Rows:
        given = [rows for rows, _ in parts if rows is not None]
        places = []
        start = 1
        for rows, shape in parts:
            size = math.prod(shape)
            if rows is None:
                places.append(np.zeros(shape, INDEX))
            else:
                places.append(np.arange(start, start + size, dtype=INDEX).reshape(shape))
                start += size
        return stacked(given).take(np.concatenate(places, axis=axis), like.shape, like.dtype)

    def contract(self, tangent: Rows, subscripts: str, operand: Any = None) -> Rows:
        letters, operand_letters, out = terms_of(subscripts)
        size = dict(zip(letters, tangent.shape, strict=True))
        dtype = tangent.dtype
        if operand is not None:
            size.update(zip(operand_letters, np.shape(operand), strict=True))
            dtype = np.result_type(dtype, getattr(operand, "dtype", type(operand)))
            if id(memory_of(operand)) in self.constants:
                found = np.nonzero(operand) if operand_letters else ()
                if found and len(found[0]) < operand.size:
                    return self._through(
                        tangent, letters, dict(zip(operand_letters, found, strict=True)), out, size, dtype
                    )
        kept = "".join(c for c in out if c in letters)
        rows = self._summed(tangent, letters, kept)
        shape = tuple(size[c] for c in out)
        here = tuple(size[c] if c in letters else 1 for c in out)
        return self._broadcast(rows.labelled(here, dtype), shape).labelled(shape, dtype)

    def _through(
        self, tangent: Rows, letters: str, found: dict[str, Any], out: str, size: dict[str, int], dtype: Any
    ) -> Rows:
        """The product with a constant array, given by the places of its nonzero entries."""
        free = [c for c in letters if c not in found]
        sizes = [size[c] for c in free]
        grid = np.indices(sizes, INDEX).reshape(len(free), math.prod(sizes))
        at = {c: index.astype(np.intp)[:, None] for c, index in found.items()}
        at |= {c: index[None, :] for c, index in zip(free, grid, strict=True)}
        shape = tuple(size[c] for c in out)
        n_pairs = len(next(iter(found.values()))) * grid.shape[1]
        self._expect(n_pairs)

        def flat(word: str) -> Any:
            total: Any = 0
            for c in word:
                total = total * size[c] + at[c]
            return np.broadcast_to(total, (len(next(iter(found.values()))), grid.shape[1])).ravel()

        return self._merged(tangent, flat(out), flat(letters), shape, dtype)

    def _summed(self, rows: Rows, letters: str, kept: str) -> Rows:
        """Rows merged over the axes whose letters are not kept."""
        if letters == kept:
            return rows
        size = dict(zip(letters, rows.shape, strict=True))
        shape = tuple(size[c] for c in kept)
        order = "".join(c for c in letters if c in kept)
        group = np.arange(math.prod(shape), dtype=INDEX).reshape(shape)
        group = group.transpose([kept.index(c) for c in order])
        group = group.reshape([size[c] if c in kept else 1 for c in letters])
        group = np.broadcast_to(group, rows.shape).ravel()
        if len(order) == len(letters):
            return rows.take(np.argsort(group) + 1, shape, rows.dtype)
        return self._merged(rows, group, np.arange(rows.size, dtype=INDEX), shape, rows.dtype)

    def _merged(self, rows: Rows, to: Any, of: Any, shape: tuple[int, ...], dtype: Any) -> Rows:
        """Row ``to[i]`` of the result holds row ``of[i]``, for every i."""
        m = math.prod(shape)
        if m == 1:
            reached = np.zeros(self.n, bool)
            reached[rows.columns if len(of) >= rows.size else rows.take(of + 1, of.shape, dtype).columns] = True
            columns = np.flatnonzero(reached).astype(INDEX)
            return Rows(shape, dtype, np.array([0, len(columns)], INDEX), columns)
        from scipy.sparse import csr_array

        upper = int(np.diff(rows.starts)[of].sum(dtype=np.int64)) if len(of) else 0
        self._expect(min(upper // 10, m * self.n // 10))
        which = csr_array((np.ones(len(of), bool), (to, of)), shape=(m, rows.size))
        return self._product(which, rows, shape, dtype)

    def _product(self, which: Any, rows: Rows, shape: tuple[int, ...], dtype: Any) -> Rows:
        whole = which @ matrix_of(rows, self.n)
        self._expect(whole.nnz)
        whole.sort_indices()
        return Rows(shape, dtype, whole.indptr.astype(INDEX, copy=False), whole.indices.astype(INDEX, copy=False))

    def everywhere(self, tangents: Iterable[Rows], like: Any) -> Rows:
        """Of a map of which nothing is known: every entry of the result may depend on every entry of these."""
        whole = stacked(tuple(tangents))
        one = self._merged(whole, np.zeros(whole.size, INDEX), np.arange(whole.size), (), like.dtype)
        return self._broadcast(one, like.shape).labelled(like.shape, like.dtype)

    def linear_map(
        self, tangent: Rows, apply: Callable[[Any], Any], transpose: Callable[[Any], Any], like: Any
    ) -> Rows:
        known = getattr(apply, "pattern", None)
        if known is not None:
            return self._product(known(), tangent, like.shape, like.dtype)
        which = reach(apply, tangent.shape, tangent.dtype, like.shape, self.colour, self._expect)
        return self._product(which, tangent, like.shape, like.dtype)

    def written(self, chain: Any) -> Rows | None:
        """The rows of a buffer as its last write left it."""
        if not isinstance(chain, Written):
            return chain
        if chain.whole is not None:
            return chain.whole
        writes = []
        base: Any = chain
        while isinstance(base, Written) and base.whole is None:
            writes.append(base)
            base = base.before
        base = base.whole if isinstance(base, Written) else base
        shape, dtype = chain.node.shape, chain.node.dtype
        sources = [empty(shape, dtype) if base is None else base]
        place = np.arange(1, math.prod(shape) + 1, dtype=np.intp).reshape(1, *shape)
        start = place.size + 1
        for write in reversed(writes):
            node, item = write.node, write.item
            if node.part is not None and item is not None:
                # The other part of the complex numbers stays what it was.
                before = stacked(sources).take(place, shape, dtype)
                place = np.arange(1, before.size + 1, dtype=np.intp).reshape(1, *shape)
                sources, start = [before], place.size + 1
                only = np.zeros_like(place)
                node.put(node.move(only), np.arange(1, item.size + 1).reshape(1, *item.shape))
                sources = [self.union(before, item.take(only, shape, dtype))]
            elif node.part is None:
                if item is None:
                    node.put(node.move(place), None)
                else:
                    node.put(node.move(place), np.arange(start, start + item.size).reshape(1, *item.shape))
                    sources.append(item)
                    start += item.size
        chain.whole = stacked(sources).take(place, shape, dtype)
        chain.before = chain.item = None
        self._expect(len(chain.whole.columns))
        return chain.whole

    def _expect(self, entries: int) -> None:
        if entries > MOST_ENTRIES:
            raise TooManyEntries(entries)


class TooManyEntries(Exception):
    """A pattern that is to grow beyond what is sparse."""
