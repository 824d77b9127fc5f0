"""The compressed evaluation of a sparse derivative: its directions in chunks, and its entries taken from them.

Few directions of a small function go side by side through one run of it.  Where their blocks would leave the cache of
a core, the function is recorded, and the record run with fewer at a time: one by one 1e6 unknowns of Burgers' equation
take 10 runs of the function, side by side 19.  The same chunks may go to several workers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..pytrees.trees import unflatten
from ..tangents import dtype_of
from ..tangents.maps import Pullback
from .checks import Swept, adjoint_check
from .directions import Point, pulled, pushed
from .plans import Plan
from .recording import Recording, recorded
from .workers import mapped

# Entries of one block of directions: two megabytes.
_AT_ONCE = 2**18


class Evaluation(NamedTuple):
    """How the directions of a plan are evaluated."""

    name: str
    check: bool
    chunk_size: int | None
    workers: Any
    progress: Any

    def at(self, point: Point, plan: Plan) -> Swept | None:
        """The entries at a point; None if the result has not the size of the pattern."""
        k = plan.count(self.check)
        at_once = self.chunk_size or max(1, _AT_ONCE // max(*plan.pattern.shape, 1))
        if plan.row_colours is not None or k > at_once:
            return self._by_record(point, plan, at_once)
        seeds = plan.forward_seeds(0, k, self.check)
        if self.workers is None and self.progress is None:
            block = point.swept(seeds)
        else:
            ((block, point.y, point.aux, point.y_size),) = mapped(_Whole(point), [seeds], self.workers, self.progress)
        if point.y_size != plan.pattern.shape[0]:
            return None
        data = np.take(block.reshape(-1), plan.from_columns)
        return Swept(data, block[-1] if self.check else None, point.y, point.y_size, point.aux)

    def _by_record(self, point: Point, plan: Plan, at_once: int) -> Swept | None:
        record = _recorded(point)
        point.y, point.aux = unflatten(record.structure, record.y), record.aux
        point.y_size = sum(np.size(y) for y in record.y)
        if point.y_size != plan.pattern.shape[0]:
            return None
        if plan.row_colours is not None and any(dtype_of(y).kind == "c" for y in record.y):
            raise TypeError(
                f"{self.name}: the result is complex, and reverse mode sends back one real direction of it at a "
                'time.\n  Use mode="fwd", or differentiate the real and imaginary parts.'
            )
        forwards = _ranges(plan.count(self.check), at_once) if plan.column_colours is not None or self.check else []
        if any(isinstance(node, Pullback) for node in record.tape.nodes):
            forwards = []
        backwards = [] if plan.row_colours is None else _ranges(plan.n_backward, at_once)
        chunks = [*((True, *of) for of in forwards), *((False, *of) for of in backwards)]
        work = _Chunk(point, plan, self.check, record if self.workers is None else None)
        blocks = mapped(work, chunks, self.workers, self.progress)
        of_columns, of_rows = _joined(blocks[: len(forwards)]), _joined(blocks[len(forwards) :])
        along = of_columns[-1] if self.check and of_columns is not None else None
        data: Any = None
        if of_columns is not None and plan.from_columns is not None:
            data = np.take(of_columns.reshape(-1), plan.from_columns)
        if of_rows is not None:
            by_rows = np.take(of_rows.reshape(-1), plan.from_rows)
            if plan.by_rows is None:
                data = by_rows
            else:
                whole = np.empty(plan.pattern.nnz, np.result_type(data, by_rows))
                whole[~plan.by_rows], whole[plan.by_rows] = data, by_rows
                data = whole
        if self.check and along is None:
            along = adjoint_check(record, plan, data)
        return Swept(data, along, point.y, point.y_size, point.aux)


class _Whole:
    """All directions side by side, which a worker may get by pickle."""

    def __init__(self, point: Point) -> None:
        self.point = point

    def __call__(self, seeds: Any) -> tuple[Any, Any, Any, int]:
        block = self.point.swept(seeds)
        return block, self.point.y, self.point.aux, self.point.y_size


class _Chunk:
    """A chunk of directions by its numbers alone; a worker, which may get this by pickle, makes a record of its own."""

    def __init__(self, point: Point, plan: Plan, check: bool, record: Recording | None) -> None:
        self.point, self.check, self.record = point, check, record
        self.plan = plan if record is not None else plan.of_directions()

    def __call__(self, chunk: tuple[bool, int, int]) -> Any:
        forwards, start, stop = chunk
        record = _recorded(self.point) if self.record is None else self.record
        if forwards:
            return pushed(record, self.point, self.plan.forward_seeds(start, stop, self.check))
        return pulled(record, self.plan.backward_seeds(start, stop))


def _recorded(point: Point) -> Recording:
    return recorded(point.f, point.args, point.kwargs, point.positions, point.transform, point.has_aux)


def _ranges(count: int, at_once: int) -> list[tuple[int, int]]:
    """At least one, which tells the dtype of a result without directions."""
    return [(start, min(start + at_once, count)) for start in range(0, max(count, 1), at_once)]


def _joined(blocks: list[Any]) -> Any:
    if not blocks:
        return None
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
