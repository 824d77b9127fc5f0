"""The main job and the figures, printed as tables: ``python -m benchmarks [--quick] [--only NAME]``.

The exit status is 1 if an answer check fails.  A figure over its limit stays in the table, marked, and does not
change the status: times depend on the machine, answers do not.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

THREADS = "1"
for library in ("OMP", "OPENBLAS", "MKL", "BLIS", "VECLIB_MAXIMUM"):
    os.environ[f"{library}_NUM_THREADS"] = THREADS  # read when NumPy is imported, so before it

import numpy as np  # noqa: E402  (after the number of threads is set)
from rich import box  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

import dualdiff as dd  # noqa: E402
from dualdiff.higher import ROW_COST  # noqa: E402

from . import modes, nist, overhead  # noqa: E402
from .overhead import duration  # noqa: E402

WIDTH = 100
LOOK: dict[str, Any] = {
    "box": box.SIMPLE_HEAD,
    "title_justify": "left",
    "caption_justify": "left",
    "padding": (0, 1, 0, 0),
    "show_edge": False,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds of measuring")
    names = [*nist.MODELS, *overhead.FIGURES, "modes"]
    parser.add_argument("--only", metavar="NAME", action="append", help=f"one of: fits, figures, {', '.join(names)}")
    options = parser.parse_args()
    wanted = set()
    for name in options.only or ["fits", "figures", "modes"]:
        matching = {"fits": set(nist.MODELS), "figures": set(overhead.FIGURES)}.get(
            name, {known for known in names if known.lower() == name.lower()}
        )
        if not matching:
            parser.error(f"--only {name}: the names are fits, figures, {', '.join(names)}")
        wanted |= matching

    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)  # a file or a pipe has no width of its own
    versions = f"dualdiff {dd.__version__}, NumPy {np.__version__}, Python {sys.version.split()[0]}"
    console.print(f"{versions}, {THREADS} BLAS thread")
    passed = True
    if fits := [name for name in nist.MODELS if name in wanted]:
        passed &= print_fits(console, fits)
    if figures := [name for name in overhead.FIGURES if name in wanted]:
        passed &= print_figures(console, figures, options.quick)
    if "modes" in wanted:
        passed &= print_modes(console, options.quick)
    if not passed:
        console.print("\nAn answer is wrong: see the rows marked WRONG.", style="bold red")
    return 0 if passed else 1


def print_fits(console: Console, names: list[str]) -> bool:
    table = Table(
        title="Fits of certified data by least_squares, with dd.jacfwd and with SciPy's 2-point differences",
        caption="digits: agreement of the worst parameter, which is certified to 11\n"
        "refined: likewise, after solving Jᵀr = 0 with the same kind of Jacobian\n"
        "runs: of the model, on numbers + on duals (one on duals gives a whole Jacobian)\n"
        "2-point error: largest relative error of an entry of SciPy's default Jacobian, at the solution\n"
        "checked: likewise of the exact Jacobian, against the complex step",
        **LOOK,
    )
    table.add_column("data")
    for heading in ("points", "start", "exact\ndigits", "exact\nrefined", "exact\nruns"):
        table.add_column(heading, justify="right")
    for heading in ("2-point\ndigits", "2-point\nrefined", "2-point\nruns", "2-point\nerror", "checked"):
        table.add_column(heading, justify="right")
    passed = True
    for row in nist.run(names):
        cells = [row.name, str(row.observations), str(row.start)]
        for fit in (row.exact, row.differences):
            runs = f"{fit.evaluations} + {fit.sweeps}" if fit.sweeps else str(fit.evaluations)
            cells += [f"{fit.digits:.1f}", f"{fit.refined_digits:.1f}", runs]
        table.add_row(*cells, f"{row.error_of_differences:.0e}", checked(row))
        passed &= row.passed
    console.print("", table)
    return passed


def print_figures(console: Console, names: list[str], quick: bool) -> bool:
    table = Table(
        title="What a derivative costs",
        caption="time: minimum of rounds in which value, derivative by hand and dualdiff take turns\n"
        "memory: peak of what is allocated during the call; extra: beyond the Jacobian itself\n"
        "checked: largest difference from the derivative by hand, relative to its largest entry",
        **LOOK,
    )
    for heading in ("problem", "size", "operator"):
        table.add_column(heading, no_wrap=True)
    for heading in ("value", "by hand", "dualdiff", "measured", "limit", "checked"):
        table.add_column(heading, justify="left" if heading == "measured" else "right", no_wrap=True)
    passed = True
    for row in overhead.run(names, quick):
        limit = f"{row.limit:g}" if row.within_limit else f"[bold yellow]over {row.limit:g}[/]"
        measured = f"{row.measured:4.3g} {row.unit}"
        costs = row.value, row.by_hand, row.derivative, measured, limit
        table.add_row(row.problem, row.size, row.operator, *costs, checked(row))
        passed &= row.passed
    console.print("", table)
    return passed


def print_modes(console: Console, quick: bool) -> bool:
    rows = list(modes.run(quick))
    crossings = ", ".join(f"n = {n} at m = {m:.0f}" for n, m in modes.crossings(rows).items() if m is not None)
    cost = modes.row_cost(rows)
    table = Table(
        title=f"Forward against reverse mode: tanh(A @ tanh(B @ x)), {modes.HIDDEN} hidden",
        caption="ratio: jacrev / jacfwd; below 1 reverse mode is faster\n"
        'auto: the mode that jacobian(mode="auto") took\n'
        "checked: largest difference between the modes, relative to the largest entry\n"
        f"The modes cross for {crossings or 'no n of this sweep'}; for other n\nforward mode is faster throughout.\n"
        f"ROW_COST, one row sent back over one column sent forward: measured {cost:.2f}, set to {ROW_COST:g}.\n"
        f"Time of the modes so chosen over that of the faster ones: {modes.loss(rows, ROW_COST):.3f} with the set\n"
        f"value, {modes.loss(rows, cost):.3f} with the measured one (geometric means).",
        **LOOK,
    )
    for heading in ("inputs n", "outputs m", "value", "jacfwd", "jacrev", "ratio"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("faster", "auto", "checked"):
        table.add_column(heading, justify="right")
    for i, row in enumerate(rows):
        last_of_n = i + 1 == len(rows) or rows[i + 1].n != row.n
        costs = duration(row.value), duration(row.forward), duration(row.reverse), f"{row.ratio:.2f}"
        table.add_row(str(row.n), str(row.m), *costs, row.faster, row.auto, checked(row), end_section=last_of_n)
    console.print("", table)
    return all(row.passed for row in rows)


def checked(row: nist.Row | overhead.Row | modes.Row) -> str:
    if row.checked is None:
        return ""
    return f"{row.checked:.0e}" if row.passed else f"[bold red]WRONG {row.checked:.0e}[/]"


if __name__ == "__main__":
    sys.exit(main())
