"""Forward mode against reverse mode: `jacfwd` and `jacrev` of one function, for a sweep of inputs n and outputs m.

Forward mode sends n columns through the function, reverse mode m rows back through its record, so reverse mode wins
when ROW_COST · m < n, unless the inputs are few, for which recording costs more than it saves.
`jacobian(mode="auto")` decides by ROW_COST and FEW_INPUTS of ``dualdiff/transforms/jacobian.py``; the sweep measures
both.  Each row first checks the two modes against each other, and against differences along one direction (`answers`).
Source: Griewank & Walther, *Evaluating Derivatives*, ch. 3-4.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

import dualdiff as dd
from dualdiff.transforms.jacobian import FEW_INPUTS, ROW_COST, mode_for_sizes

from .answers import Judge, Verdict
from .measuring import largest_error, times
from .problems import Problem

SIZES = tuple(2**i for i in range(9))
FEWER_SIZES = SIZES[::2]
HIDDEN = 512
ROW_COSTS, FEWS = (1.5, 2.0, 3.0), (4, 8, 16, 32)  # values of the two constants that are compared
MANY = 64  # directions beside which the fixed cost of a run is small


@dataclass
class Row:
    """Both Jacobians of a function of ``n`` inputs and ``m`` outputs; times in seconds."""

    n: int
    m: int
    value: float
    forward: float
    reverse: float
    auto: str  # the mode that jacobian(mode="auto") takes
    checked: float  # largest difference between the modes, relative to the largest entry
    to_differences: float = 0.0  # error along one direction

    @property
    def verdict(self) -> Verdict:
        return Verdict(self.checked, self.to_differences, "other mode, differences")

    @property
    def passed(self) -> bool:
        return self.verdict.passed

    def record(self) -> dict[str, Any]:
        shown = {"ratio": self.ratio, "faster": self.faster, "passed": self.passed}
        return {"section": "modes", "problem": "two layers", **asdict(self), **shown}

    @property
    def faster(self) -> str:
        return "fwd" if self.forward <= self.reverse else "rev"

    @property
    def ratio(self) -> float:
        return self.reverse / self.forward


def two_layers(x, A, B):
    return np.tanh(A @ np.tanh(B @ x))


def measured(n: int, m: int, rounds: int) -> Row:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(n)
    A, B = rng.standard_normal((m, HIDDEN)) / np.sqrt(HIDDEN), rng.standard_normal((HIDDEN, n)) / np.sqrt(n)
    calls = tuple(partial(f, x, A, B) for f in (two_layers, dd.jacfwd(two_layers), dd.jacrev(two_layers)))
    forward_mode, reverse_mode = calls[1](), calls[2]()
    checked = largest_error(reverse_mode, forward_mode)
    problem = Problem("two layers", f"{m} × {n}", "jacfwd", two_layers, (x, A, B))
    to_differences = Judge(problem).error_to_differences(forward_mode)
    auto = mode_for_sizes(n, m)
    value, forward, reverse = times(rounds, calls, shortest=0.003)
    return Row(n, m, value, forward, reverse, auto, checked, to_differences)


def lines(rows: list[Row]) -> dict[int, list[Row]]:
    """For each n its rows, by outputs."""
    found: dict[int, list[Row]] = {}
    for row in sorted(rows, key=lambda row: (row.n, row.m)):
        found.setdefault(row.n, []).append(row)
    return found


def crossings(rows: list[Row]) -> dict[int, list[float]]:
    """For each n, the numbers of outputs at which both modes take the same time: none, one, or several."""
    return {
        n: [crossing(few, more) for few, more in pairwise(line) if (few.ratio < 1) != (more.ratio < 1)]
        for n, line in lines(rows).items()
    }


def crossing(few: Row, more: Row) -> float:
    """The modes cross where the logarithm of their ratio does, between two numbers of outputs."""
    r, q = np.log(few.ratio), np.log(more.ratio)
    return few.m * (more.m / few.m) ** float(r / (r - q))


def comparison(rows: list[Row]) -> list[str]:
    """Which mode is faster where, in words."""
    crossed = crossings(rows)
    equal = [f"n = {n}, m = {' and '.join(f'{m:.0f}' for m in ms)}" for n, ms in crossed.items() if ms]
    said = [f"Both take the same time at {'; '.join(equal)}."] if equal else []
    for word, mode in (("fwd", "forward"), ("rev", "reverse")):
        if ns := [n for n, line in lines(rows).items() if not crossed[n] and line[0].faster == word]:
            said.append(f"For n = {', '.join(map(str, ns))} {mode} mode is faster throughout.")
    return said


def row_cost(rows: list[Row]) -> float:
    """Cost of one row sent back over one column sent forward.

    The fit of  reverse / forward = cost · m / n  to the rows in which both modes carry many directions, so that what a
    run costs besides them is small: a geometric mean.
    """
    return float(np.exp(np.mean([np.log(row.ratio * row.n / row.m) for row in rows if min(row.n, row.m) >= MANY])))


def loss(rows: list[Row], cost: float = ROW_COST, few: int = FEW_INPUTS) -> float:
    """Time of the modes that these constants take over that of the faster ones: the geometric mean over the sweep."""
    taken = [row.reverse if row.n > few and cost * row.m < row.n else row.forward for row in rows]
    fastest = [min(row.forward, row.reverse) for row in rows]
    return float(np.exp(np.mean(np.log(taken) - np.log(fastest))))


def losses(rows: list[Row]) -> dict[tuple[float, int], float]:
    """The loss for each pair of ROW_COST and FEW_INPUTS that is compared."""
    return {(cost, few): loss(rows, cost, few) for cost in ROW_COSTS for few in FEWS}
