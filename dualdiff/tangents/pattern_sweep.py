"""A record run forwards with index sets: the pattern of its outputs in the columns of its inputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from .maps import LinearMap, Pullback
from .operations import Contract, Node
from .pattern import MOST_ENTRIES, Patterns, TooManyEntries, Written
from .rows import Rows, identity
from .tape import Tape, memory_of
from .writes import Overwrite


def pattern_of(
    tape: Tape, inputs: Sequence[Node], outputs: Sequence[Node | None], colour: Callable[[Any], Any]
) -> list[Rows | None]:
    """The patterns of the outputs of a recording (None: no entry), the columns those of all inputs in order."""
    n = sum(math.prod(node.shape) for node in inputs)
    # What the record keeps a copy of is a constant operand, see `Tape.keep`, if it is none of the arguments.
    constants = {id(copy) for given, copy in tape.kept.values() if id(memory_of(given)) not in tape.foreign}
    patterns = Patterns(n, colour, constants)
    found: dict[int, Any] = {}
    first = 0
    for node in inputs:
        found[node.index] = identity(node.shape, node.dtype, first)
        first += math.prod(node.shape)
    steps, last_reader = _needed(tape.nodes, [node for node in outputs if node is not None])

    def tangent_of(node: Node) -> Any:
        entry = found.get(node.index)
        return patterns.written(entry) if isinstance(entry, Written) else entry

    rows: Any
    for node in steps:
        if node.index in found:
            continue
        try:
            if isinstance(node, Overwrite):
                before = found.get(node.before.index)
                item = None if node.item is None else tangent_of(node.item)
                rows = None if before is None and item is None else Written(node, before, item)
            elif isinstance(node, Pullback):
                rows = _dense(node, tangent_of, patterns)
            else:
                rows = node.push(tangent_of, patterns)  # type: ignore[arg-type]
        except TooManyEntries as error:
            raise ValueError(
                f"sparsity: the pattern of {_described(node)} has {error.args[0]:.1e} entries or more, which is not "
                f"sparse (at most {MOST_ENTRIES:.0e}).\n"
                "  Use jvp, vjp or jacobian_operator, which need no matrix, or give the pattern of the whole: "
                "sparse_jacobian(f, pattern=...)."
            ) from None
        if rows is not None:
            found[node.index] = rows
        for parent in node.sources():
            if last_reader.get(parent.index) == node.index:
                found.pop(parent.index, None)
    return [None if node is None else tangent_of(node) for node in outputs]


def _needed(nodes: Sequence[Node], outputs: Sequence[Node]) -> tuple[list[Node], dict[int, int]]:
    """The nodes that the outputs depend on, in order, and the last of them that reads each."""
    wanted = {node.index for node in outputs}
    last_reader = dict.fromkeys(wanted, len(nodes))
    steps = []
    for at in range(max(wanted, default=-1), -1, -1):
        if at in wanted:
            node = nodes[at]
            steps.append(node)
            for parent in node.sources():
                wanted.add(parent.index)
                last_reader.setdefault(parent.index, at)
    return steps[::-1], last_reader


def _dense(node: Pullback, tangent_of: Callable[[Node], Any], patterns: Patterns) -> Rows | None:
    """A rule for reverse mode alone says nothing of its pattern: every output may depend on every input."""
    given = [rows for parent in node.parents if (rows := tangent_of(parent)) is not None]
    return patterns.everywhere(given, node) if given else None


def _described(node: Node) -> str:
    if isinstance(node, Contract):
        what = f"a product or sum, einsum({node.subscripts!r}),"
    elif isinstance(node, LinearMap):
        what = f"a linear map of an array of shape {node.parent.shape}"
    else:
        what = "an operation"
    return f"{what} with a result of shape {node.shape}"
