"""Colouring: groups of columns that no row has two of, so that one direction carries a whole group.

`colour` gives a number to each column.  It tries colours that repeat (along a line, or on a grid), the natural order
(greedy, compiled in SciPy), and a few rounds of iterated greedy, and takes the fewest.  `dense_rows` finds the rows
that are cheaper one by one than all columns that they would tell apart.

Source: Curtis, Powell & Reid, IMA J. Appl. Math. 13 (1974); Culberson, UVic DCS-190 (1992), for iterated greedy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

# Rounds of iterated greedy, and the entries above which a round costs more than a colour saves.
_ROUNDS = 6
_CHEAP = 10**6
# Periods that are tried above the lower bound.
_PERIODS = 13


def colour(pattern: Any) -> Any:
    """A colour for each column of a sparse matrix, from 0 on, so that no row has two entries of one colour."""
    n = pattern.shape[1]
    counts = np.diff(pattern.indptr)
    bound = int(counts.max(initial=0))  # no row has fewer colours than entries
    if bound <= 1:
        return np.zeros(n, np.intp)
    if bound > 64:
        reached = np.zeros(n, bool)
        reached[pattern.indices] = True
        if bound == np.count_nonzero(reached):  # a full row: no two columns share a colour
            return np.where(reached, np.cumsum(reached) - 1, 0)
    best = _of_lattice(pattern, bound)
    if best is not None and int(best.max()) + 1 == bound:
        return best
    columns = _by_columns(pattern)
    greedy = _greedy(columns, np.arange(n))
    if best is None or greedy.max() < best.max():
        best = greedy
    for _ in range(_ROUNDS if pattern.nnz <= _CHEAP else 0):
        if int(best.max()) + 1 == bound:
            break
        # Whole colours in the opposite order: never more colours than before.
        greedy = _greedy(columns, np.argsort(-greedy, kind="stable"))
        if greedy.max() < best.max():
            best = greedy
    return best


def dense_rows(pattern: Any, row_cost: float) -> Any:
    """The rows, by number, that are cheaper one by one: ``row_cost`` each, in units of a direction for all columns."""
    counts = np.diff(pattern.indptr)
    order = np.argsort(-counts, kind="stable")
    most = min(len(order), 64)
    if not most:
        return order[:0]
    # With the densest i rows gone at least the entries of the next are told apart.
    left = np.append(counts[order], 0)[: most + 1]
    total = np.arange(most + 1) * row_cost + left
    return np.sort(order[: int(np.argmin(total))])


def _of_lattice(pattern: Any, bound: int) -> Any:
    """Colours that repeat along a line or along both axes of a grid, the fewest found; None if there are none.

    Column j of a grid of width w is at (j mod w, j // w); it has colour ``(j mod w + skew · (j // w)) mod period``.
    Most are ruled out by some rows.
    """
    n = pattern.shape[1]
    filled = np.flatnonzero(np.diff(pattern.indptr))
    some = pattern
    if len(filled) > 4096:
        some = pattern[np.sort(np.random.default_rng(0).choice(filled, 256))]
    widths = _widths(pattern)
    for period in range(bound, min(bound + _PERIODS, 64)):
        for width, skew in [(n, 0), *((w, s) for w in widths for s in range(2, period))]:
            if period > bound + 1 and width < n:
                break
            colour_of = lambda column, w=width, s=skew, p=period: (column + (s - w) * (column // w)) % p
            if _tells_apart(some, colour_of(some.indices)):
                colours = colour_of(np.arange(n))
                if some is pattern or _tells_apart(pattern, colours[pattern.indices]):
                    return colours
    return None


def _widths(pattern: Any) -> list[int]:
    """How wide a grid may be whose points a square pattern couples: the most frequent distances."""
    m, n = pattern.shape
    if m != n:
        return []
    columns = pattern.indices[: 2**16]
    row = np.searchsorted(pattern.indptr, np.arange(len(columns)), side="right") - 1
    distances, counts = np.unique(np.abs(columns - row), return_counts=True)
    often = distances[np.argsort(-counts, kind="stable")]
    return [int(w) for w in often if w > 2][:2]


def _tells_apart(pattern: Any, colours: Any) -> bool:
    """Whether no row has two entries of one colour, of less than 64; ``colours`` are those of the entries."""
    counts = np.diff(pattern.indptr)
    filled = counts > 0
    bits = np.left_shift(np.uint64(1), colours.astype(np.uint64))
    each = np.bitwise_or.reduceat(bits, pattern.indptr[:-1][filled])
    return bool(np.array_equal(np.bitwise_count(each), counts[filled]))


def _by_columns(pattern: Any) -> Any:
    from scipy.sparse import csc_array

    return csc_array(pattern)


def _greedy(columns: Any, order: Any) -> Any:
    """Colours, each column in turn with the first group that has none of its rows."""
    group = _compiled()
    if group is None:
        return _greedy_in_numpy(columns, order)
    whole = columns[:, order] if not np.array_equal(order, np.arange(len(order))) else columns
    groups = np.asarray(group(*whole.shape, _as_int32(whole.indices), _as_int32(whole.indptr)))
    colours = np.empty(len(order), np.intp)
    colours[order] = groups
    return colours


def _as_int32(array: Any) -> Any:
    return np.ascontiguousarray(array, np.int32)


def _compiled() -> Any:
    """SciPy's grouping of columns, which is no public function of it; None where it is not found."""
    try:
        from scipy.optimize._group_columns import group_sparse
    except ImportError:
        return None
    return group_sparse


def _greedy_in_numpy(columns: Any, order: Any) -> Any:
    """The same a colour at a time: of the columns left, those that share no row with an earlier one of the colour.

    In each round a column takes the colour if it is the first left in all of its rows: Jones & Plassmann, 1993.
    """
    m, n = columns.shape
    rank = np.empty(n, np.intp)
    rank[order] = np.arange(n)
    column = np.repeat(np.arange(n), np.diff(columns.indptr))
    row = columns.indices
    colours = np.full(n, -1, np.intp)
    colours[np.diff(columns.indptr) == 0] = 0
    number = 0
    while (colours < 0).any():
        allowed = colours < 0
        while True:
            here = allowed[column]
            if not here.any():
                break
            first = np.full(m, n, np.intp)
            np.minimum.at(first, row[here], rank[column[here]])
            loses = np.zeros(n, bool)
            loses[column[here][first[row[here]] < rank[column[here]]]] = True
            wins = allowed & ~loses
            colours[wins] = number
            taken = np.zeros(m, bool)
            taken[row[wins[column]]] = True
            allowed &= ~wins
            allowed[column[taken[row]]] = False
        number += 1
    return colours
