"""A value and all derivatives that it carries, as plain numbers: what a rule of quadrature looks at.

A sum over nodes has the derivative of an integral where it resolves the derivative of the integrand too.  In forward
mode that is a block of tangents; in reverse mode a function is recorded, so its derivatives in all that was there
before the integral began are found by a pullback from each value, which stops there.  Levels nest: what carries
another level is taken apart in turn.

    marks = Marks()
    y, parts = marks.parts_of(call)     what ``call()`` returns, and ``{where: plain vector}``
    y, rows = marks.rows_of(call)       the same of an array of numbers, ``{where: matrix}``, one row for each

Where two values have different parts, what is missing is zero.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

from ..tangents.dense import Dense
from ..tangents.operations import Node
from ..tangents.running import Sweep
from ..tangents.single import Single
from ..values.dual import Dual

Parts = dict[tuple[Any, ...], Any]


class Marks:
    """How long each record was when an integral began: what is older is an input of the integrand."""

    def __init__(self) -> None:
        self.of: dict[Any, int] = {}
        # Whether pullbacks go on to the arguments of the transform.  In two nodes that depend on one argument, as the
        # limits -b and b, each derivative may diverge where that in the argument does not.
        self.deep = False

    def parts_of(self, call: Callable[[], Any]) -> tuple[Any, Parts]:
        while True:
            y = call()
            try:
                return y, self.parts(y)
            except _NotMarked as met:
                # What has been recorded until now is no part of what is recorded next.
                self.of[met.tape] = len(met.tape.nodes)

    def rows_of(self, call: Callable[[], Any]) -> tuple[Any, Parts]:
        """What ``call()`` returns, one real number for each node, and all parts, as matrices with a row for each."""
        while True:
            y = call()
            try:
                return y, self._rows(y, 0)
            except _NotMarked as met:
                self.of[met.tape] = len(met.tape.nodes)

    def _rows(self, y: Any, axis: int) -> Parts:
        """``axis`` is that of the nodes."""
        if type(y) is not Dual:
            y = np.moveaxis(np.asarray(y, float), axis, 0)
            return {("real",): y.reshape(len(y), -1)}
        found = {("value", *where): part for where, part in self._rows(y.value, axis).items()}
        if y.perturbation.mode == "reverse":
            shape = np.shape(y)
            slopes = self._pulled(y)
            slopes = {at: np.reshape(slope, shape + np.shape(slope)[1:]) for at, slope in slopes.items()}
        else:
            slopes, axis = {"along": y.perturbation.block_of(y.tangent)}, axis + 1
        for source, slope in slopes.items():
            found |= {(y.perturbation.level, source, *where): part for where, part in self._rows(slope, axis).items()}
        return found

    def parts(self, y: Any) -> Parts:
        if type(y) is float or type(y) is np.float64:
            return {("real",): np.array([y])}
        if type(y) is not Dual:
            y = np.ravel(y)
            return {("real",): y.real, ("imag",): y.imag} if y.dtype.kind == "c" else {("real",): y.astype(float)}
        level = y.perturbation.level
        found = {("value", *where): part for where, part in self.parts(y.value).items()}
        if y.perturbation.mode == "reverse":
            slopes = self._pulled(y)
        else:
            slopes = {"along": y.perturbation.block_of(y.tangent)}
        for source, slope in slopes.items():
            found |= {(level, source, *where): part for where, part in self.parts(slope).items()}
        return found

    def _pulled(self, y: Any) -> dict[Any, Any]:
        """Cotangents of all that is older than the mark, from each entry of a value (its parts, if complex)."""
        tape = y.perturbation
        if tape not in self.of:
            raise _NotMarked(tape)
        node, mark = tape.current(y.tangent), 0 if self.deep else self.of[tape]
        cotangents: Any = defaultdict(lambda: None)
        one = not node.shape and node.dtype.kind == "f"
        if one:
            seed: Any = node.dtype.type(1.0)
        else:
            seed = np.eye(int(np.prod(node.shape)), dtype=node.dtype).reshape((-1, *node.shape))
            seed = seed if node.dtype.kind != "c" else np.concatenate([seed, 1j * seed])
        sweep = Sweep(Single() if one else Dense(len(seed)), cotangents, defaultdict(int))
        sweep.send(node, seed)
        nodes: dict[int, Node] = {node.index: node}
        found = {}
        newest = [-node.index]
        while newest and -newest[0] >= mark:
            at = -heapq.heappop(newest)
            node = nodes.pop(at)
            for source in node.sources():
                if source.index not in nodes:
                    nodes[source.index] = source
                    heapq.heappush(newest, -source.index)
            if (cotangent := cotangents.pop(at, None)) is not None:
                # An input is older than the mark; what is newer and has no parents is a zero.
                if self.deep and at < self.of[tape] and not any(True for _ in node.sources()):
                    found[at] = cotangent
                node.pull(cotangent, sweep)
        return found | {at: cotangent for at, cotangent in cotangents.items() if cotangent is not None}


class _NotMarked(Exception):
    """A record that was not known to be there."""

    def __init__(self, tape: Any) -> None:
        self.tape = tape


def stacked(all_parts: list[Parts]) -> Parts:
    """Parts of several values as the rows of one matrix for each."""
    size = {key: len(part) for parts in all_parts for key, part in parts.items()}
    return {
        key: np.stack([parts[key] if key in parts else np.zeros(n) for parts in all_parts]) for key, n in size.items()
    }


def combined(weights: Any, all_parts: list[Parts]) -> Parts:
    """Σ weightᵢ · partsᵢ"""
    found: Parts = {}
    for weight, parts in zip(weights, all_parts, strict=True):
        for key, part in parts.items():
            found[key] = found[key] + weight * part if key in found else weight * part
    return found
