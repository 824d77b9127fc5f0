"""Running a record: backwards with cotangents (`pull`), which a `Sweep` collects, forwards with tangents (`push`).

Where a result has a NaN, a structural zero may have met an infinite partial: the sweep is repeated on supports.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from ..values import kinds
from ..values.dual import has_nan, is_lazy
from ..values.kinds import ARRAYS, PYTHON_NUMBERS
from ..values.kinds import innermost as plain
from . import Perturbation, blocks
from .dense import Careful, Dense, as_block, real_part, warn_outer
from .single import Single
from .transposes import put_back
from .writes import spare_buffers

if TYPE_CHECKING:
    from .operations import Node
    from .structural_zeros import Supported

_float64 = np.float64
_FLOAT64 = np.dtype(np.float64)
_MOST_SHOWN = 200  # operations in a notebook
_one = Single()  # the kind of one cotangent, which holds nothing


class Running(Perturbation):
    """The part of a `Tape` that runs its nodes."""

    __slots__ = ("careful", "nodes", "turn", "undetermined", "wrote")
    careful: bool  # whether a partial was infinite
    wrote: bool  # whether a buffer was written
    nodes: list[Node]

    def __str__(self) -> str:
        return "\n".join(map(str, self.nodes))

    def __repr__(self) -> str:
        count = len(self.nodes)
        return f"<{type(self).__name__}: a record of {count} operation{'s' * (count != 1)}; print(...) shows it>"

    def _repr_html_(self) -> str:
        from html import escape

        shown = "\n".join(map(str, self.nodes[:_MOST_SHOWN]))
        rest = len(self.nodes) - _MOST_SHOWN
        return f"<pre>{escape(shown)}{f'{chr(10)}... and {rest} more' if rest > 0 else ''}</pre>"

    def pull(
        self, seeds: Sequence[tuple[Node, Any]], inputs: Sequence[Node], consume: bool = False, one: bool = False
    ) -> list[Any]:
        """Cotangents of ``inputs`` (None for zero), the first nodes, from those of some nodes; newest node first.

        Cotangents are blocks, or with ``one`` arrays of the shape of their nodes.  ``consume`` frees the record.
        """
        n = len(self.nodes)
        if kinds.RUNNING[0]:
            seeds = [(node, kinds.lift(cotangent)) for node, cotangent in seeds]
        found: list[Any] = [None] * n
        sweep = Sweep(_one if one else Dense(len(seeds[0][1]) if seeds else 0), found, bytearray(n))
        start = -1
        lazy = False
        for node, cotangent in seeds:
            at = node.index
            if found[at] is None and type(cotangent) is _float64 and node.dtype is _FLOAT64:  # of one number, as most
                found[at] = cotangent
            else:
                sweep.send(node, cotangent)
                lazy = lazy or (type(cotangent) is not np.ndarray and is_lazy(plain(cotangent)))
            if at > start:
                start = at
        if self.careful:
            for _, cotangent in seeds:
                warn_outer(cotangent)
        if not lazy:
            if self.careful:
                blocks.silently(self._run_back, sweep, start, len(inputs))
            else:
                self._run_back(sweep, start, len(inputs))
        result = found  # all that is left of it
        for cotangent in result:
            if lazy or (cotangent is not None and has_nan(cotangent)):  # of a lazy one it is not known
                result = blocks.silently(self._pull_on_support, seeds, inputs, one)
                break
        if consume:
            self.nodes.clear()
        if len(inputs) > 1:
            # Each cotangent is the caller's own, though a sum sends one to both of its terms.
            result = [
                cotangent if cotangent is None or sweep.owned[i] or type(cotangent) not in ARRAYS else cotangent.copy()
                for i, cotangent in enumerate(result)
            ]
        return result

    def _run_back(self, sweep: Sweep, start: int, n_inputs: int) -> None:
        nodes, found = self.nodes, sweep.found
        del found[max(start + 1, n_inputs) :]  # which no seed reaches
        take = found.pop
        for node in islice(reversed(nodes), len(nodes) - 1 - start, len(nodes) - n_inputs):
            cotangent = take()
            if cotangent is not None:
                node.pull(cotangent, sweep)

    def _pull_on_support(self, seeds: Sequence[tuple[Node, Any]], inputs: Sequence[Node], one: bool) -> list[Any]:
        """`pull` where a structural zero may have met an infinite partial: see structural_zeros.py."""
        from .structural_zeros import Supported

        n = len(self.nodes)
        kind = Supported(1 if one else len(seeds[0][1]))
        sweep = Sweep(kind, [None] * n, bytearray(n))
        for node, cotangent in seeds:
            sweep.send(node, kind.seed(as_block(cotangent) if one else cotangent))
        self._run_back(sweep, n - 1, len(inputs))
        found = [None if marked is None else kind.block_of(marked) for marked in sweep.found[: len(inputs)]]
        return [block if block is None or not one else block[0] for block in found]

    def push(self, seeds: Sequence[tuple[Node, Any]], outputs: Sequence[Node], k: int) -> list[Any]:
        """Tangents of ``outputs`` (None for zero) from those of the inputs, oldest node first."""
        found: list[Any] | None = None
        if not any(is_lazy(plain(block)) for _, block in seeds):
            found = self._run_forward(seeds, outputs, Careful(k) if self.careful else Dense(k))
        if found is None or any(block is not None and has_nan(block) for block in found):
            # A structural zero may have met an infinite partial: see structural_zeros.py.
            from .structural_zeros import repeated

            found, _ = repeated(k, lambda supported: (self._run_supported(seeds, outputs, supported), None))
        return found

    def _run_supported(self, seeds: Sequence[tuple[Node, Any]], outputs: Sequence[Node], forward: Supported) -> Any:
        self.turn, self.undetermined = forward.turn, 0.0
        try:
            return self._run_forward(seeds, outputs, forward)
        finally:
            forward.undetermined, self.turn = self.undetermined, None  # what an unknown gauge does: see gauges.py

    def _run_forward(self, seeds: Sequence[tuple[Node, Any]], outputs: Sequence[Node], forward: Dense) -> list[Any]:
        blocks_of: dict[int, Any] = {node.index: forward.seed(block) for node, block in seeds}
        last = max((node.index for node in outputs), default=-1)

        def tangent_of(node: Node) -> Any:
            return blocks_of.get(node.index)

        nodes = self.nodes[: last + 1]
        spare = spare_buffers(nodes, outputs) if self.wrote else {}
        read_last = _read_last(nodes, outputs) if _are_large(seeds) else {}
        for node in nodes:
            if node.index not in blocks_of:
                over = spare.get(node.index)
                block = node.push(tangent_of, forward) if over is None else over.push(tangent_of, forward, spare=True)
                if block is not None:
                    blocks_of[node.index] = block
            for index in read_last.get(node.index, ()):
                blocks_of.pop(index, None)
        found = [blocks_of.get(node.index) for node in outputs]
        return [None if block is None else forward.block_of(block) for block in found]


# Entries of the seeds of a push above which it drops what is not read again, so that their memory is used again.
_LARGE = 2**14


def _are_large(seeds: Sequence[tuple[Node, Any]]) -> bool:
    return sum(block.size for _, block in seeds) > _LARGE


def _read_last(nodes: Sequence[Node], outputs: Sequence[Node]) -> dict[int, list[int]]:
    """For each node those that it is the last to read."""
    reader = dict.fromkeys((node.index for node in outputs), len(nodes))
    found: dict[int, list[int]] = {}
    for node in reversed(nodes):
        for parent in node.sources():
            if parent.index not in reader:
                reader[parent.index] = node.index
                found.setdefault(node.index, []).append(parent.index)
    return found


class Sweep:
    """The cotangents found so far, by node index, and which of them are ours to add into; all of one kind of tangent.

    Those of arrays that are no ndarray are never written in place.
    """

    __slots__ = ("found", "kind", "owned")

    def __init__(self, kind: Perturbation, found: Any, owned: Any) -> None:
        self.kind = kind
        self.found = found
        self.owned = owned

    def send(self, parent: Node, cotangent: Any) -> None:
        """Add to the cotangent of a node."""
        if type(cotangent) in PYTHON_NUMBERS or (
            cotangent.dtype is not parent.dtype and cotangent.dtype != parent.dtype
        ):
            cotangent = kinds.as_scalar(cotangent, parent.dtype) if kinds.is_python_float(cotangent) else cotangent
            cotangent = real_part(cotangent, parent.dtype)
        at = parent.index
        total = self.found[at]
        if total is None:
            self.found[at] = cotangent
        elif self.owned[at] and type(total) in ARRAYS and type(cotangent) is type(total):
            np.add(total, cotangent, total)
        else:
            self.found[at] = total + cotangent
            self.owned[at] = 1

    def pass_on(self, parent: Node, cotangent: Any) -> None:
        """`send` of a cotangent that nobody else holds."""
        self.send(parent, cotangent)
        at = parent.index
        if self.found[at] is cotangent:
            self.owned[at] = 1

    def send_at(self, parent: Node, index: Any, cotangent: Any) -> None:
        """Add to the entries of the cotangent of a node that a basic index takes."""
        total = self._buffer(parent, cotangent)
        if total is None:
            self._send_back(parent, lambda block: blocks.view(block, index), cotangent)
        elif cotangent.dtype is not parent.dtype:
            self.kind.add_at(total, index, real_part(cotangent, parent.dtype))
        else:
            self.kind.add_at(total, index, cotangent)

    def send_into(self, parent: Node, move: Callable[[Any], Any], cotangent: Any) -> None:
        """Add to the entries of the cotangent of a node that ``move`` shows in a view of a block in row-major order."""
        total = self._buffer(parent, cotangent)
        if total is None:
            self._send_back(parent, move, cotangent)
            return
        kind = self.kind
        if cotangent.dtype is not parent.dtype and cotangent.dtype != parent.dtype:
            cotangent = real_part(cotangent, parent.dtype)
        into = kind.parts(total)
        if not all(part.flags.c_contiguous for part in into):  # ``move`` might copy what lies otherwise
            into = tuple([part.copy() for part in into])
            self.found[parent.index] = kind.whole(into)
        for part, added in zip(into, kind.parts(cotangent), strict=True):
            view = move(part)
            np.add(view, added, view)

    def _buffer(self, parent: Node, cotangent: Any) -> Any:
        """The cotangent of a node as memory of our own, to add into; None where that is not possible."""
        at, kind = parent.index, self.kind
        total = self.found[at]
        if not kind.memory(cotangent) or not parent.shape:
            return None
        if total is None:
            self.found[at] = total = kind.nothing(parent.shape, cotangent, parent.dtype)
            self.owned[at] = 1
        elif not kind.memory(total):
            return None
        elif not self.owned[at]:
            self.found[at] = total = kind.whole([part.copy() for part in kind.parts(total)])
            self.owned[at] = 1
        return total

    def _send_back(self, parent: Node, move: Callable[[Any], Any], cotangent: Any) -> None:
        kind = self.kind
        self.send(parent, kind.whole([put_back(move, part, parent) for part in kind.parts(cotangent)]))
