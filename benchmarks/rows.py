"""A row of a table: a problem, its answer checked, then its times.

The plain value, the derivative by hand, dualdiff and, if asked for, the peers take turns (`measuring`), so every ratio
is of one run.  What the answer is checked against is part of the row:

    by hand       every number of the derivative that an expert would write
    other mode    all entries weighted at random: a derivative by reverse mode against a tangent sent forward, one by
                  forward mode against a cotangent sent back

A row is raw numbers (`Row.record`, what ``--json`` writes); tables and plots only show it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

import dualdiff as dd
from dualdiff.pytrees import flatten

from .measuring import LARGEST_ERROR, Call, largest_error, rounds_of_times
from .peers import CannotRun, Peer
from .problems import Problem

OURS = "dualdiff"
REVERSE = ("grad", "jacrev")


@dataclass
class Row:
    """``seconds`` of each round: of the "value", "by hand", "dualdiff" and of peers by name."""

    section: str
    problem: str
    size: str
    operator: str
    inputs: int
    seconds: dict[str, list[float]]
    error: float | None
    checked: str
    errors_of_peers: dict[str, float] = field(default_factory=dict)
    first_calls_of_peers: dict[str, float] = field(default_factory=dict)  # seconds: with tracing and compilation
    missing: dict[str, str] = field(default_factory=dict)  # peers that cannot run it, and why

    @property
    def name(self) -> str:
        return " ".join(word for word in (self.operator, self.problem, self.size) if word)

    @property
    def value(self) -> float:
        return min(self.seconds["value"])

    @property
    def derivative(self) -> float:
        return min(self.seconds[OURS])

    def ratio(self, name: str = OURS) -> float | None:
        """Time over that of the plain value; None if it was not measured."""
        return min(self.seconds[name]) / self.value if name in self.seconds else None

    @property
    def passed(self) -> bool:
        return self.error is None or self.error <= LARGEST_ERROR

    def record(self) -> dict[str, Any]:
        by_hand = self.ratio("by hand")
        shown = {"value": self.value, "derivative": self.derivative, "ratio": self.ratio(), "ratio by hand": by_hand}
        return {**asdict(self), **shown, "passed": self.passed}


def measured(problem: Problem, section: str, rounds: int, peers: Sequence[Peer] = (), shortest: float = 0.01) -> Row:
    ours, by_hand = problem.differentiated(), problem.written_by_hand()
    answer = ours()
    checked, error = "other mode", 0.0
    if by_hand is not None:
        checked, error = "by hand", largest_error(answer, by_hand())
    else:
        error = error_against_other_mode(problem, answer)

    calls: dict[str, Call] = {"value": problem.value}
    if by_hand is not None:
        calls["by hand"] = by_hand
    calls[OURS] = ours
    errors, firsts, missing = {}, {}, {}
    for peer in peers:
        try:
            call, first, error_of_peer = peer.ready(problem, answer)
        except CannotRun as reason:
            missing[peer.name] = str(reason)
        else:
            calls[peer.name], firsts[peer.name], errors[peer.name] = call, first, error_of_peer
    seconds = rounds_of_times(rounds, list(calls.values()), shortest=shortest)
    return Row(
        section,
        problem.name,
        problem.size,
        problem.operator,
        inputs_of(problem),
        dict(zip(calls, seconds, strict=True)),
        error,
        checked,
        errors,
        firsts,
        missing,
    )


def inputs_of(problem: Problem) -> int:
    """How many numbers the function is differentiated in."""
    return sum(int(np.size(leaf)) for leaf in flatten(problem.in_differentiated()[1])[0])


def error_against_other_mode(problem: Problem, answer: Any) -> float:
    """Error of a gradient or Jacobian J: of J v against `jvp`, or of uᵀJ against `vjp`, for random u and v."""
    f, primals = problem.in_differentiated()
    rng = np.random.default_rng(0)
    outputs = flatten(f(*primals))[0]
    inputs, structure = flatten(primals)
    if problem.operator == "jvp":
        value, tangent = answer
        cotangents = like(rng, outputs)
        sent_back = flatten(dd.vjp(f, *primals)[1](flatten(value)[1].build(iter(cotangents))))[0]
        return largest_error(inner(cotangents, flatten(tangent)[0]), inner(sent_back, flatten(problem.tangents)[0]))
    J = flatten(answer)[0]
    blocks = [J[i * len(inputs) : (i + 1) * len(inputs)] for i in range(len(outputs))]
    if problem.operator in REVERSE:
        tangents = like(rng, inputs)
        sent = flatten(dd.jvp(f, primals, structure.build(iter(tangents)))[1])[0]
        return largest_error([inner(row, tangents) for row in blocks], sent)
    cotangents = like(rng, outputs)
    structure_of_outputs = flatten(f(*primals))[1]
    sent = flatten(dd.vjp(f, *primals)[1](structure_of_outputs.build(iter(cotangents))))[0]
    return largest_error([inner(cotangents, column) for column in zip(*blocks, strict=True)], sent)


def like(rng: np.random.Generator, leaves: Sequence[Any]) -> list[Any]:
    return [rng.standard_normal(np.shape(leaf)) for leaf in leaves]


def inner(left: Sequence[Any], right: Sequence[Any]) -> Any:
    """Σ over the axes that end the left arrays and begin the right ones, over all pairs of leaves."""
    return sum(_inner(np.asarray(a), np.asarray(b)) for a, b in zip(left, right, strict=True))


def _inner(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> Any:
    return np.tensordot(a, b, axes=min(a.ndim, b.ndim))
