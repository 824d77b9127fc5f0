"""Jacobians by columns: unit directions sent forward through runs of the function, many side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..pytrees.trees import LEAF, unflatten
from ..tangents import dtype_of
from ..tangents.blocks import settle_allocator
from ..tangents.dense import Dense
from ..tangents.einsum import BIG
from ..tangents.structural_zeros import repeated
from ..values.dual import has_nan, is_array, is_lazy, primal, size_of
from ..values.kinds import ARRAYS, OTHERS, innermost
from .argnums import selected
from .evaluation import Arguments, Results, tangent_block
from .options import DEFAULT, Options
from .refusals import refuse_complex
from .workers import mapped

# Entries of one block of tangents in jacfwd: one megabyte, so that two or three stay in the cache of a core.
_CHUNK_ENTRIES = 2**17


def by_columns(f: Callable[..., Any], argnums: Any, transform: str, options: Options = DEFAULT) -> Callable[..., Any]:
    """`jacfwd` on behalf of a transform, whose name its errors say."""

    chunk_size, has_aux, holomorphic, workers, progress = options

    def jacobian_of_f(*args: Any, **kwargs: Any) -> Any:
        given = Arguments(f, args, kwargs, selected(argnums, len(args), transform), transform, has_aux)
        for leaf, name in zip(given.leaves, given.names, strict=True):
            refuse_complex(leaf, transform, name, holomorphic)
        n = given.size
        k = min(n, chunk_size or columns_at_once(n))
        settle_allocator(8 * k * n)
        chunks = [(start, min(start + k, n)) for start in range(0, n, max(k, 1))] or [(0, 0)]
        columns: Columns | None = None
        done: Any = (
            (swept(given, start, stop) for start, stop in chunks)
            if workers is None and progress is None
            else mapped(Chunk(given), chunks, workers, progress)
        )
        for (start, stop), found in zip(chunks, done, strict=True):
            columns = columns or Columns(n, len(found.leaves))
            columns.add(found.leaves, start, stop)
        assert columns is not None
        jacobians = [given.along_last_axis(whole, argnums) for whole in columns.whole()]
        structure = found.structure
        jacobian = jacobians[0] if structure.same_as(LEAF) else unflatten(structure, jacobians, bare=True)
        return (jacobian, found.aux) if has_aux else jacobian

    return jacobian_of_f


def columns_at_once(n: int) -> int:
    """How many columns of a Jacobian with ``n`` of them travel together."""
    return max(1, _CHUNK_ENTRIES // max(n, 1))


class Chunk:
    """`swept` as a function of the columns alone, which a worker may get by pickle."""

    def __init__(self, given: Arguments) -> None:
        self.given = given

    def __call__(self, columns: tuple[int, int]) -> Results:
        return swept(self.given, *columns)


def swept(given: Arguments, start: int, stop: int) -> Results:
    """Blocks of the results along the unit directions ``start`` to ``stop``."""
    k = stop - start
    if not any(is_lazy(innermost(leaf)) for leaf in given.leaves):
        found = _swept(given, Dense(k), start, stop)
        if not any(map(has_nan, found.leaves)):
            return found

    # A structural zero may have met an infinite partial: see tangents/structural_zeros.py.
    def again(supported: Dense) -> tuple[list[Any], Any]:
        results = _swept(given, supported, start, stop)
        return results.leaves, results

    blocks, results = repeated(k, again)
    return Results(blocks, results.structure, results.aux)


def _swept(given: Arguments, perturbation: Dense, start: int, stop: int) -> Results:
    seeds = unit_directions(given.leaves, start, stop, perturbation)
    results = given.evaluated(perturbation, seeds, warn=start == 0)
    for i, leaf in enumerate(results.leaves):
        results.leaves[i] = tangent_block(leaf, perturbation)
    return results


def unit_directions(leaves: list[Any], start: int, stop: int, perturbation: Dense) -> list[Any]:
    """Tangents of the leaves whose directions are the unit vectors ``start`` to ``stop`` of all entries in order."""
    seeds = []
    at = 0
    for leaf in leaves:
        size, shape = size_of(leaf), np.shape(primal(leaf))
        block: Any = np.zeros((stop - start, size), dtype_of(leaf))
        first, last = max(start, at), min(stop, at + size)
        if first < last:
            directions = np.arange(first, last)
            block[directions - start, directions - at] = 1.0
        block = block.reshape(stop - start, *shape)
        if is_array(leaf) and type(primal(leaf)) not in ARRAYS:  # tangents are of the kind of their values
            block = np.zeros_like(primal(leaf), dtype=block.dtype, shape=block.shape) + block
        elif type(primal(leaf)) in OTHERS:
            block = np.array(block, like=primal(leaf))
        seeds.append(perturbation.seed(block))
        at += size
    if len(leaves) == 1 and len(shape) == 1 and size * (stop - start) > BIG:
        perturbation.expect_unit_directions(seeds[0], start)
    return seeds


class Columns:
    """Jacobians with their columns on the last axis, one for each result leaf, filled chunk by chunk."""

    def __init__(self, n: int, n_results: int) -> None:
        self.n = n
        self.filled: list[Any] = [None] * n_results
        self.pieces: list[list[Any]] = [[] for _ in range(n_results)]

    def add(self, blocks: list[Any], start: int, stop: int) -> None:
        for i, block in enumerate(blocks):
            if stop - start == self.n or type(block) not in ARRAYS:
                self.pieces[i].append(block)
                continue
            if self.filled[i] is None:
                self.filled[i] = np.empty((*block.shape[1:], self.n), block.dtype)
            self.filled[i][..., start:stop] = np.moveaxis(block, 0, -1)

    def whole(self) -> list[Any]:
        return [
            filled
            if filled is not None
            else np.moveaxis(pieces[0] if len(pieces) == 1 else np.concatenate(pieces), 0, -1)
            for filled, pieces in zip(self.filled, self.pieces, strict=True)
        ]
