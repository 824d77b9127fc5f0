"""The pattern of a linear map that is known by its action alone, found by probing it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..values.kinds import innermost as plain
from . import blocks
from .rows import INDEX


def reach(
    apply: Callable[[Any], Any],
    shape: tuple[int, ...],
    dtype: Any,
    out: tuple[int, ...],
    colour: Callable[[Any], Any],
    expect: Callable[[int], None] = lambda entries: None,
) -> Any:
    """The pattern of a linear map that is known by its action, a sparse matrix: by probes of generic numbers.

    Runs of inputs are halved again and again.  Runs that no output depends on together have one colour and are probed
    together, so that the cost is about ``log(n)`` times the entries in a row, not ``n``, for a map that mixes little.
    Generic numbers do not cancel by chance; what rounding leaves is counted as reached.
    """
    from scipy.sparse import csr_array

    n, m = math.prod(shape), math.prod(out)
    weights: Any = (2.0 + np.cos(np.arange(1.0, n + 1.0))).astype(np.result_type(dtype, np.float32))
    if np.dtype(dtype).kind == "c":
        weights = weights * dtype.type(1.0 + 0.7j)
    width, parts = (n, n) if n <= 512 else (4 ** math.ceil(math.log(n, 4)), 4)
    row, run = np.arange(m, dtype=INDEX), np.zeros(m, INDEX)  # output row[i] depends on inputs of run[i]
    if n == 0 or m == 0:
        row, width = row[:0], 1
        run = row
    while width > 1:
        smaller = width // parts
        colours = colour(csr_array((np.ones(len(row), bool), (row, run)), shape=(m, -(-n // width))))
        entries = np.arange(n)
        probe_of = colours[entries // width] * parts + entries % width // smaller
        probes = (int(colours.max(initial=0)) + 1) * parts
        at_once = max(1, 2**20 // max(n, m))
        rows, runs = [], []
        for start in range(0, probes, at_once):
            numbers = np.arange(start, min(start + at_once, probes))
            block = np.where(probe_of == numbers[:, None], weights, weights.dtype.type(0.0))
            reached = plain(blocks.silently(apply, block.reshape(len(numbers), *shape))).reshape(len(numbers), m) != 0
            for number, one in zip(numbers.tolist(), reached, strict=True):
                hit = one[row] & (colours[run] == number // parts)
                rows.append(row[hit])
                runs.append(run[hit] * parts + number % parts)
        row, run = np.concatenate(rows), np.concatenate(runs)
        expect(len(row))
        width, parts = smaller, 4
    return csr_array((np.ones(len(row), bool), (row, run)), shape=(m, n))
