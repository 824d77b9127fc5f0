"""Forward mode against reverse mode: `jacfwd` and `jacrev` of one function, for a sweep of inputs n and outputs m.

Forward mode sends n columns through the function, reverse mode m rows back through its record, so reverse mode wins
when ROW_COST · m < n.  `jacobian(mode="auto")` decides by the constant of that name in ``dualdiff/higher.py``; the
sweep measures it.  Each row first checks the two modes against each other.
Source: Griewank & Walther, *Evaluating Derivatives*, ch. 3-4.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

import dualdiff as dd
from dualdiff.higher import FEW_INPUTS, chosen_mode

from .measuring import LARGEST_ERROR, largest_error, times

SIZES = tuple(2**i for i in range(9))
FEWER_SIZES = SIZES[::2]
HIDDEN = 512
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

    @property
    def passed(self) -> bool:
        return self.checked <= LARGEST_ERROR

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
    checked = largest_error(calls[2](), calls[1]())
    auto = chosen_mode(two_layers, (x, A, B), {}, 0)
    value, forward, reverse = times(rounds, calls, shortest=0.003)
    return Row(n, m, value, forward, reverse, auto, checked)


def crossings(rows: list[Row]) -> dict[int, float | None]:
    """For each n, the number of outputs at which both modes take the same time; None if the sweep has none."""
    found: dict[int, float | None] = {}
    for n in sorted({row.n for row in rows}):
        line = sorted((row for row in rows if row.n == n), key=lambda row: row.m)
        # The modes cross where the logarithm of their ratio does, between the last m at which reverse mode wins
        # and the next one.
        i = max((i for i, row in enumerate(line) if row.ratio < 1), default=-1)
        if 0 <= i < len(line) - 1:
            r, q = np.log(line[i].ratio), np.log(line[i + 1].ratio)
            found[n] = line[i].m * (line[i + 1].m / line[i].m) ** float(r / (r - q))
        else:
            found[n] = None
    return found


def row_cost(rows: list[Row]) -> float:
    """Cost of one row sent back over one column sent forward.

    The fit of  reverse / forward = cost · m / n  to the rows in which both modes carry many directions, so that what a
    run costs besides them is small: a geometric mean.
    """
    return float(np.exp(np.mean([np.log(row.ratio * row.n / row.m) for row in rows if min(row.n, row.m) >= MANY])))


def loss(rows: list[Row], constant: float) -> float:
    """Time of the modes that ``constant`` takes over that of the faster ones: the geometric mean over the sweep."""
    reverse = [row.n > FEW_INPUTS and constant * row.m < row.n for row in rows]
    taken = [row.reverse if back else row.forward for row, back in zip(rows, reverse, strict=True)]
    fastest = [min(row.forward, row.reverse) for row in rows]
    return float(np.exp(np.mean(np.log(taken) - np.log(fastest))))
