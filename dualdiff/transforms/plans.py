"""Plans: how the entries of a sparse derivative are taken from few directions.

Entry (i, j) of a Jacobian whose columns are coloured is entry i of the derivative along the colour of j; with coloured
rows it is entry j of the row sent back from the colour of i.  Dense rows may go back one by one, and the colours of the
columns then tell apart the rest alone; in a symmetric matrix a dense row is a column, with a colour of its own.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from .colouring import colour, dense_rows
from .jacobian import ROW_COST

# Entries of the seeds of one shape that are kept.
_KEPT = 2**20
# Entries up to which the check adds up the rows by itself.
_FEW = 2**16


class Plan:
    """A pattern, its colours, and where each entry is found."""

    def __init__(self, pattern: Any, column_colours: Any, row_colours: Any, by_rows: Any) -> None:
        self.pattern = pattern
        self.column_colours = column_colours  # -1 for a column that no direction needs
        self.row_colours = row_colours  # None, or for each row; -1 for a row that is taken from columns
        self.by_rows = by_rows  # which entries are taken from rows; None for all or none
        self.from_columns: Any = None  # for each entry its place in the block of directions
        self.from_rows: Any = None
        self.m, self.n = pattern.shape
        n = self.n
        rng = np.random.default_rng(n)
        # Exact in every dtype; of both signs, so that no sum of rows grows.
        self.random = (1.0 + rng.integers(1, 1024, n) / 1024.0) * rng.choice([-1.0, 1.0], n)
        self.n_forward = 0 if column_colours is None else int(column_colours.max(initial=-1)) + 1
        self.n_backward = 0 if row_colours is None else int(row_colours.max(initial=-1)) + 1
        self._seeds: dict[bool, Any] = {}
        self._random_of_entries: Any = None

    def along_random(self, data: Any) -> Any:
        """The matrix of these entries times the random direction, in their precision."""
        if 0 < len(data) <= _FEW:  # making a sparse matrix takes longer than this
            return self._summed(data * self._weights().astype(_real(data.dtype), copy=False))
        return self.matrix(data) @ self.random.astype(_real(data.dtype))

    def magnitudes(self, data: Any, rows: Any) -> Any:
        """The sums of magnitudes that `along_random` has in some rows."""
        if 0 < len(data) <= _FEW:
            return self._summed(np.abs(data * self._weights()))[rows]
        return abs(self.matrix(data)[rows]) @ np.abs(self.random)

    def _weights(self) -> Any:
        if self._random_of_entries is None:
            self._random_of_entries = self.random[self.pattern.indices]
        return self._random_of_entries

    def _summed(self, terms: Any) -> Any:
        """The sum of each row."""
        starts = self.pattern.indptr[:-1]
        filled = starts < self.pattern.indptr[1:]
        if filled.all():
            return np.add.reduceat(terms, starts)
        whole = np.zeros(self.m, terms.dtype)
        whole[filled] = np.add.reduceat(terms, starts[filled])
        return whole

    def matrix(self, data: Any) -> Any:
        """The entries as a sparse matrix on the memory of the pattern."""
        from scipy.sparse import csr_array

        return csr_array((data, self.pattern.indices, self.pattern.indptr), shape=self.pattern.shape)

    def count(self, check: bool) -> int:
        """How many directions forwards there are: one for each colour of columns, and with ``check`` the random one."""
        if self.column_colours is None and not check:
            return 0
        return self.n_forward + check

    def forward_seeds(self, start: int, stop: int, check: bool) -> Any:
        """Directions ``start`` to ``stop``: the columns of one colour each, ``check``: at last the random one."""
        whole = start == 0 and stop == self.count(check)
        if whole and (known := self._seeds.get(check)) is not None:
            return known
        seeds = np.zeros((stop - start, self.n))
        if self.column_colours is not None:
            for i in range(start, min(stop, self.n_forward)):
                np.equal(self.column_colours, i, out=seeds[i - start], casting="unsafe")
        if check and stop == self.count(check):
            seeds[-1] = self.random
        if whole and seeds.size <= _KEPT:
            seeds.flags.writeable = False
            self._seeds[check] = seeds
        return seeds

    def backward_seeds(self, start: int, stop: int) -> Any:
        """One cotangent for each colour of rows from ``start`` to ``stop``."""
        return np.equal(self.row_colours, np.arange(start, stop)[:, None]).astype(float)

    def of_directions(self) -> Plan:
        """What makes the directions alone, for those who are sent it."""
        plan = copy.copy(self)
        plan.pattern = plan.by_rows = plan.from_columns = plan.from_rows = None
        plan._seeds, plan._random_of_entries = {}, None
        return plan

    def described(self) -> str:
        m, n = self.pattern.shape
        parts = []
        if self.column_colours is not None:
            parts.append(f"{self.n_forward} direction{'s' * (self.n_forward != 1)} forwards")
        if self.row_colours is not None:
            parts.append(f"{self.n_backward} backwards")
        colours = self.n_forward + self.n_backward
        return f"{m} x {n}, {self.pattern.nnz} entries; {colours} colour{'s' * (colours != 1)}: {', '.join(parts)}"


def _real(dtype: Any) -> Any:
    return np.dtype(dtype.char.lower()) if dtype.kind == "c" else dtype


def plan_for(pattern: Any, mode: str) -> Plan:
    """The plan of a Jacobian, by the mode that is asked for, or that is cheaper."""
    if mode == "fwd":
        return _by_columns(pattern)
    if mode == "rev":
        return _by_rows(pattern)
    dense = dense_rows(pattern, ROW_COST)
    forward = _by_both(pattern, dense) if len(dense) else _by_columns(pattern)
    cost = forward.n_forward + ROW_COST * forward.n_backward
    longest = int(np.bincount(pattern.indices, minlength=1).max(initial=0))  # at least as many colours of rows
    if ROW_COST * longest < cost and pattern.nnz:
        backward = _by_rows(pattern)
        if ROW_COST * backward.n_backward < cost:
            return backward
    return forward


def symmetric_plan(pattern: Any) -> Plan:
    """The plan of a Hessian: its dense rows are read from their columns, by symmetry."""
    from scipy.sparse import csr_array

    whole = csr_array(pattern + pattern.T)
    whole.sort_indices()
    dense = dense_rows(whole, 1.0)
    if not len(dense):
        return _by_columns(whole)
    row, column = _rows_of(whole), whole.indices
    is_dense = np.zeros(whole.shape[0], bool)
    is_dense[dense] = True
    rest = ~is_dense[row] & ~is_dense[column]
    kept = csr_array((np.ones(int(rest.sum()), bool), (row[rest], column[rest])), shape=whole.shape)
    colours = colour(kept)
    first = int(colours[~is_dense].max(initial=-1)) + 1
    colours = np.array(colours)
    colours[dense] = first + np.arange(len(dense))
    if first + len(dense) >= _most(whole):
        plain = _by_columns(whole)
        if plain.n_forward <= first + len(dense):
            return plain
    plan = Plan(whole, colours, None, None)
    mirrored = is_dense[row]
    at = np.where(mirrored, row, column)
    plan.from_columns = colours[at] * whole.shape[0] + np.where(mirrored, column, row)
    return plan


def _most(pattern: Any) -> int:
    return int(np.diff(pattern.indptr).max(initial=0))


def _rows_of(pattern: Any) -> Any:
    return np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))


def _by_columns(pattern: Any) -> Plan:
    plan = Plan(pattern, colour(pattern), None, None)
    plan.from_columns = plan.column_colours[pattern.indices] * pattern.shape[0] + _rows_of(pattern)
    return plan


def _by_rows(pattern: Any) -> Plan:
    from scipy.sparse import csr_array

    plan = Plan(pattern, None, colour(csr_array(pattern.T)), None)
    plan.from_rows = plan.row_colours[_rows_of(pattern)] * pattern.shape[1] + pattern.indices
    return plan


def _by_both(pattern: Any, dense: Any) -> Plan:
    """Dense rows one by one backwards, the rest by columns."""
    from scipy.sparse import csr_array

    m, n = pattern.shape
    row = _rows_of(pattern)
    row_colours = np.full(m, -1)
    row_colours[dense] = np.arange(len(dense))
    by_rows = row_colours[row] >= 0
    there = row[~by_rows], pattern.indices[~by_rows]
    colours = colour(csr_array((np.ones(len(there[0]), bool), there), shape=(m, n)))
    plan = Plan(pattern, colours, row_colours, by_rows)
    plan.from_columns = colours[there[1]] * m + there[0]
    plan.from_rows = row_colours[row[by_rows]] * n + pattern.indices[by_rows]
    return plan
