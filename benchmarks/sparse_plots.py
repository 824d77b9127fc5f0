"""Pictures of sparse derivatives (``--only sparse --plot FILE``): what a call costs against n, patterns by group.

cost against n    log-log, seconds: the plain value, one jvp, the sparse derivative, SciPy's differences by groups
spy plots         the entries of small Jacobians, each in the colour of its group: one direction carries all of one
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import dualdiff as dd

from . import sparse

SPIED = {"heat": 24, "burgers": 24, "bratu": 25, "brusselator": 32}
HUES = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000", "#9a9a9a", "#7a4f9a"]
LINES = {  # what was timed: colour, thickness
    "value": ("#333333", 0.8),
    "jvp": ("#56B4E9", 1.0),
    "derivative": ("#0072B2", 2.0),
    "differences": ("#D55E00", 1.2),
    "asdex": ("#9a9a9a", 0.8),
    "CasADi": ("#CC79A7", 0.8),
}


def draw(figure: Any, rows: Sequence[sparse.Row]) -> str:
    """Draws into a figure, and says what."""
    by_problem = grouped(rows)
    above, below = figure.subfigures(2, 1, height_ratios=[1.2, 1.0]) if by_problem else (None, figure)
    if above is not None:
        draw_costs(above, by_problem)
    draw_patterns(below)
    return " and ".join([f"{len(by_problem)} × cost against n"] * bool(by_problem) + ["patterns coloured by group"])


def grouped(rows: Sequence[sparse.Row]) -> dict[str, list[sparse.Row]]:
    """Rows of one problem by size; a line has two at least."""
    found: dict[str, list[sparse.Row]] = {}
    for row in sorted(rows, key=lambda row: row.unknowns):
        found.setdefault(row.problem, []).append(row)
    return {problem: of_one for problem, of_one in found.items() if len(of_one) > 1}


def draw_costs(part: Any, by_problem: dict[str, list[sparse.Row]]) -> None:
    axes = part.subplots(1, len(by_problem), squeeze=False, sharey=True)[0]
    for ax, (problem, rows) in zip(axes, by_problem.items(), strict=True):
        for name, (colour, thick) in LINES.items():
            line = [(row.unknowns, row.seconds[name]) for row in rows if name in row.seconds]
            if line:
                n, seconds = zip(*line, strict=True)
                ax.plot(n, seconds, color=colour, linewidth=thick, marker="o", markersize=thick + 1, label=name)
        ax.set(xscale="log", yscale="log")
        ax.set_title(problem, loc="left", fontweight="bold", fontsize=8)
        ax.grid(True, color="#ececec", linewidth=0.6)
        ax.minorticks_off()
    axes[0].legend(frameon=False, fontsize=7)
    part.supylabel("seconds", fontsize=8)
    part.supxlabel("unknowns n", fontsize=7)


def draw_patterns(part: Any) -> None:
    for ax, (problem, n) in zip(part.subplots(1, len(SPIED), squeeze=False)[0], SPIED.items(), strict=True):
        row, column, group = entries(problem, n)
        hues = [HUES[g % len(HUES)] for g in group]
        ax.scatter(column, row, c=hues, marker="s", s=2500 / n**2 * 2, linewidths=0)
        ax.set(xlim=(-0.5, n - 0.5), ylim=(n - 0.5, -0.5), aspect="equal", xticks=[], yticks=[])
        ax.set_title(f"{problem}, {n}: {max(group) + 1} groups", loc="left", fontsize=8)


def entries(problem: str, n: int) -> tuple[Any, Any, Any]:
    """Row, column and group of every entry of a small Jacobian."""
    J = dd.sparse_jacobian(sparse.JACOBIANS[problem][0], mode="fwd")
    matrix = J(sparse.at_random(n)).tocoo()
    return matrix.row, matrix.col, np.asarray(J.colors)[matrix.col]
