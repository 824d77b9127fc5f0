"""Rows of a sparse matrix without values: for each entry of an array, the sorted columns that it depends on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

INDEX = np.int32


class Rows:
    """The pattern of one array: row i are the columns that its entry i, in row-major order, depends on."""

    __slots__ = ("columns", "dtype", "shape", "starts")

    def __init__(self, shape: tuple[int, ...], dtype: Any, starts: Any, columns: Any) -> None:
        self.shape = shape
        self.dtype = dtype
        self.starts = starts
        self.columns = columns

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return len(self.starts) - 1

    def labelled(self, shape: tuple[int, ...], dtype: Any) -> Rows:
        """The same rows as those of an array of another shape and dtype."""
        return self if self.shape == shape and self.dtype is dtype else Rows(shape, dtype, self.starts, self.columns)

    def take(self, positions: Any, shape: tuple[int, ...], dtype: Any) -> Rows:
        """Rows by their numbers, counted from 1; 0 is an empty row."""
        flat = np.ravel(positions)
        begin = np.concatenate([np.zeros(1, INDEX), self.starts[:-1]])[flat]
        counts = np.concatenate([np.zeros(1, INDEX), np.diff(self.starts)])[flat]
        starts = starts_of(counts)
        total = int(starts[-1])
        if total == flat.size and (total == 0 or int(counts.min()) == 1):
            return Rows(shape, dtype, starts, self.columns[begin])
        begin -= starts[:-1]
        return Rows(shape, dtype, starts, self.columns[np.repeat(begin, counts) + np.arange(total, dtype=INDEX)])

    def part(self, start: int, stop: int, shape: tuple[int, ...], dtype: Any) -> Rows:
        """Rows ``start`` to ``stop``."""
        if start == 0 and stop == self.size:
            return self.labelled(shape, dtype)
        begin = self.starts[start]
        return Rows(shape, dtype, self.starts[start : stop + 1] - begin, self.columns[begin : self.starts[stop]])


def identity(shape: tuple[int, ...], dtype: Any, first: int) -> Rows:
    """The pattern of an argument whose entries are the columns from ``first`` on."""
    n = math.prod(shape)
    return Rows(shape, dtype, np.arange(n + 1, dtype=INDEX), np.arange(first, first + n, dtype=INDEX))


def empty(shape: tuple[int, ...], dtype: Any) -> Rows:
    return Rows(shape, dtype, np.zeros(math.prod(shape) + 1, INDEX), np.zeros(0, INDEX))


def stacked(parts: Sequence[Rows]) -> Rows:
    """Rows of several arrays, one after the other."""
    if len(parts) == 1:
        return parts[0]
    starts = [parts[0].starts]
    at = parts[0].starts[-1]
    for rows in parts[1:]:
        starts.append(rows.starts[1:] + at)
        at = at + rows.starts[-1]
    whole = np.concatenate(starts)
    return Rows((len(whole) - 1,), parts[0].dtype, whole, np.concatenate([rows.columns for rows in parts]))


def starts_of(counts: Any) -> Any:
    """Where each row begins, from how many columns it has."""
    starts = np.zeros(len(counts) + 1, INDEX)
    np.cumsum(counts, out=starts[1:])
    return starts


def keys_of(rows: Rows, n: int) -> Any:
    """Row and column of every entry as one number, in order."""
    return np.repeat(np.arange(rows.size, dtype=np.int64) * n, np.diff(rows.starts)) + rows.columns


def same_rows(a: Rows, b: Rows) -> bool:
    return bool(np.array_equal(a.columns, b.columns) and np.array_equal(a.starts, b.starts))


def matrix_of(rows: Rows, n: int) -> Any:
    """The rows as a sparse matrix of truth values, on the same memory."""
    from scipy.sparse import csr_array

    whole = csr_array((np.ones(len(rows.columns), bool), rows.columns, rows.starts), shape=(rows.size, n))
    whole.has_sorted_indices = whole.has_canonical_format = True
    return whole


def as_matrix(parts: Sequence[tuple[Rows | None, int]], n: int) -> Any:
    """The patterns of several results, with their sizes, as one sparse matrix of truth values."""
    return matrix_of(stacked([empty((size,), float) if rows is None else rows for rows, size in parts]), n)
