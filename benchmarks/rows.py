"""A row of a table: a problem, its answer checked, then its times.

The plain value, the derivative by hand, dualdiff and, if asked for, the peers take turns (`measuring`), so every ratio
is of one run.  What the answer is checked against (`answers`) is part of the row.

A row is raw numbers (`Row.record`, what ``--json`` writes); tables and plots only show it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from typing import Any

import numpy as np

from dualdiff.pytrees.trees import flatten

from .answers import Judge, Verdict
from .measuring import Call, largest_error, rounds_of_times
from .peers import CannotRun, Peer
from .problems import Problem

OURS = "dualdiff"
LARGEST_ERROR_OF_NUMBA = 1e-12


@dataclass
class Row:
    """``seconds`` of each round: of the "value", "by hand", "dualdiff", "staged", "numba" and of peers by name."""

    section: str
    problem: str
    size: str
    operator: str
    inputs: int
    seconds: dict[str, list[float]]
    verdict: Verdict | None  # None where there is no answer but the time
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
        return self.verdict is None or self.verdict.passed

    @property
    def checked(self) -> str:
        return self.verdict.checked if self.verdict else ""

    @property
    def error(self) -> float | None:
        return self.verdict.error if self.verdict else None

    def record(self) -> dict[str, Any]:
        by_hand = self.ratio("by hand")
        shown = {"value": self.value, "derivative": self.derivative, "ratio": self.ratio(), "ratio by hand": by_hand}
        checks = {
            "error": self.error,
            "error to differences": self.verdict.differences if self.verdict else None,
            "checked": self.checked,
            "passed": self.passed,
        }
        fields = asdict(self)
        del fields["verdict"]
        return {**fields, **shown, **checks}


def measured(problem: Problem, section: str, rounds: int, peers: Sequence[Peer] = (), shortest: float = 0.01) -> Row:
    ours, by_hand = problem.differentiated(), problem.written_by_hand()
    judge = Judge(problem)
    verdict = judge.verdict(ours())
    calls: dict[str, Call] = {"value": problem.value}
    if by_hand is not None:
        calls["by hand"] = by_hand
    calls[OURS] = ours
    if (staged := problem.staged()) is not None:
        calls["staged"] = staged
    if section == "staging" and find_spec("numba") and (compiled := problem.staged("numba")) is not None:
        if largest_error(compiled(), ours()) > LARGEST_ERROR_OF_NUMBA:
            raise AssertionError(f"{problem.name}: numba's result is another")
        calls["numba"] = compiled
    errors, firsts, missing = {}, {}, {}
    for peer in peers:
        try:
            call, first, error_of_peer = peer.ready(problem, judge)
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
        verdict,
        errors,
        firsts,
        missing,
    )


def inputs_of(problem: Problem) -> int:
    """How many numbers the function is differentiated in."""
    return sum(int(np.size(leaf)) for leaf in flatten(problem.in_differentiated()[1])[0])
