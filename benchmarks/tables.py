"""What the command prints: one table for each section, each row as it was measured."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill
from typing import Any

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from dualdiff.transforms.jacobian import FEW_INPUTS, ROW_COST

from . import accuracy, figures, modes, nist, scipy_drivers, sparse
from .measuring import duration, error_text, number
from .rows import OURS, Row

LOOK: dict[str, Any] = {
    "box": box.SIMPLE_HEAD,
    "title_justify": "left",
    "caption_justify": "left",
    "padding": (0, 1, 0, 0),
    "show_edge": False,
}
HEADINGS = {"advect staged": "advect\nstaged", "JAX jit": "JAX\njit", "differences": "SciPy\n2-point"}
TITLES = {
    "adbench": "The objectives of ADBench",
    "overhead": "Small and large operations",
    "manifolds": "Losses of optimisation on manifolds",
    "staging": "Derivatives as NumPy programs, by stage",
    "startup": "A fresh process: import, and the first gradient",
}
NOTES = {
    "startup": "import: that of NumPy, and that of dualdiff after it\n"
    "first gradient: the first evaluation by NumPy, and the first gradient by dualdiff after the import",
}
COSTS = "value", "derivative", "ratio"
COSTS_OF = {"startup": ("NumPy", "dualdiff", "dualdiff\n/ NumPy")}
OVER = {"startup": "time over NumPy's"}


def show(console: Console, table: Table) -> None:
    """As wide as it is: where the terminal is narrower its lines run on, and no number is cut."""
    width = console.width
    try:
        console.width = max(width, Measurement.get(console, console.options.update(max_width=1000), table).maximum)
        console.print("", table, crop=False)
    finally:
        console.width = width


def of_section(section: str, rows: Sequence[Any], peers: Sequence[str] = ()) -> tuple[Table, list[str]]:
    """The table of the rows of one section, and its footnotes."""
    if section in ("fits", "modes", "figures", "unchanged", "building", "accuracy", "sparse", "scipy"):
        return globals()[f"of_{section}"](rows), []
    return side_by_side(rows, peers) if peers else (of_rows(rows), [])


def of_fits(rows: Sequence[nist.Row]) -> Table:
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
    for row in rows:
        cells = [row.name, str(row.observations), str(row.start)]
        for fit in (row.exact, row.differences):
            runs = f"{fit.evaluations} + {fit.sweeps}" if fit.sweeps else str(fit.evaluations)
            cells += [f"{fit.digits:.1f}", f"{fit.refined_digits:.1f}", runs]
        table.add_row(*cells, error_text(row.error_of_differences), error_of(row.checked, row.passed))
    return table


def of_modes(rows: Sequence[modes.Row]) -> Table:
    cost, by_constants = modes.row_cost(rows), modes.losses(rows)
    least = min(by_constants.values())
    best = [f"{cost:g} with {few}" for (cost, few), found in by_constants.items() if found < least + 0.0005]
    grid = [
        f"{cost:>12g}" + "".join(f"{by_constants[cost, few]:8.3f}" for few in modes.FEWS) for cost in modes.ROW_COSTS
    ]
    table = Table(
        title=f"Forward against reverse mode: tanh(A @ tanh(B @ x)), {modes.HIDDEN} hidden",
        caption="ratio: jacrev / jacfwd; below 1 reverse mode is faster\n"
        'auto: the mode that jacobian(mode="auto") took\n'
        "checked: largest difference between the modes, relative to the largest entry;\n"
        "differences along one direction agree to 1e-7\n"
        + "\n".join(fill(line, 75) for line in modes.comparison(rows))
        + f"\nROW_COST, a row sent back over a column sent forward: measured {cost:.2f}, set to {ROW_COST:g}\n"
        f"Time of the modes so chosen over that of the faster, mean of {len(rows)} pairs of sizes:\n"
        f"{modes.loss(rows):.3f} as set, ROW_COST {ROW_COST:g} and FEW_INPUTS {FEW_INPUTS}; for other values\n"
        + f"{'FEW_INPUTS':>12}{''.join(f'{few:8}' for few in modes.FEWS)}\n"
        + "\n".join(grid)
        + f"\n(down: ROW_COST); least, {least:.3f}, for {', '.join(best)}.",
        **LOOK,
    )
    for heading in ("inputs n", "outputs m", "value", "jacfwd", "jacrev", "ratio"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("faster", "auto", "checked"):
        table.add_column(heading, justify="right")
    shown = [row for row in rows if row.n in modes.FEWER_SIZES and row.m in modes.FEWER_SIZES]
    for i, row in enumerate(shown):
        last_of_n = i + 1 == len(shown) or shown[i + 1].n != row.n
        costs = duration(row.value), duration(row.forward), duration(row.reverse), f"{row.ratio:.2f}"
        error = error_of(row.verdict.error, row.passed)
        table.add_row(str(row.n), str(row.m), *costs, row.faster, row.auto, error, end_section=last_of_n)
    return table


def of_sparse(rows: Sequence[sparse.Row | sparse.Solved]) -> Table:
    solved = [row for row in rows if isinstance(row, sparse.Solved)]
    lines = [
        f"{row.problem}, {row.unknowns} unknowns, {row.solver}: {duration(row.default)} by default, "
        f"{duration(row.ours)} sparse, {number(row.default / row.ours)} times less; "
        f"they agree to {error_of(row.error, row.passed)}"
        for row in solved
    ]
    lines = [line for row in rows if isinstance(row, sparse.Row) for line in of_sparse_peers(row)] + lines
    table = Table(
        title="Sparse derivatives: preparation, and one evaluation, its check included",
        caption="directions: colours forwards, rows backwards; of a Hessian jvp is one hvp\n"
        "2-point: SciPy's differences with the same pattern and groups\n"
        "checked: J v against extrapolated differences of f\n" + "\n".join(lines),
        **LOOK,
    )
    for heading in ("problem", "size"):
        table.add_column(heading, no_wrap=True)
    for heading in ("entries", "directions", "pattern", "colours", "value", "pattern\n/ value", "derivative\n/ value",
                    "derivative\n/ jvp", "2-point\n/ value", "checked"):  # fmt: skip
        table.add_column(heading, justify="right")
    for row in rows:
        if isinstance(row, sparse.Row):
            s = row.seconds
            differences = f"{number(s['differences'] / s['value'])}" if "differences" in s else "–"
            table.add_row(
                row.problem, row.size, str(row.entries), str(row.directions), duration(s["pattern"]),
                duration(s["colours"]), duration(s["value"]), number(s["pattern"] / s["value"]),
                number(s["derivative"] / s["value"]), f"{s['derivative'] / s['jvp']:.1f}", differences,
                error_of(row.error, row.passed),
            )  # fmt: skip
    return table


def of_sparse_peers(row: sparse.Row) -> list[str]:
    s = row.seconds
    return [
        f"{row.problem}, {row.size}, {peer}: {number(s[peer] / s['value'])} times the value after {duration(s[first])} "
        f"of preparation; dualdiff {number(s['derivative'] / s['value'])} after {duration(s['pattern'] + s['colours'])}"
        for peer, first in ((name.removesuffix(", first"), name) for name in s if name.endswith(", first"))
    ]


def of_scipy(rows: Sequence[scipy_drivers.Row]) -> Table:
    table = Table(
        title="What SciPy's users do with derivatives",
        caption="evaluations: calls of the user's function to the end, of dualdiff and of SciPy with its defaults\n"
        "checked: derivatives against extrapolated differences, solutions against SciPy's",
        **LOOK,
    )
    for heading in ("problem", "size", "beside"):
        table.add_column(heading, no_wrap=True)
    has_staged = any("staged" in row.seconds for row in rows)
    for heading in ("its time", "dualdiff", "ratio", *(("staged",) if has_staged else ()), "wanted", "evaluations",
                    "checked"):  # fmt: skip
        table.add_column(heading, justify="right")
    for row in rows:
        s = row.seconds
        ratio = number(row.ratio) if row.ratio <= row.wanted else f"[bold yellow]{number(row.ratio)}[/]"
        quick = [number(s["staged"] / s["beside"]) if "staged" in s else "–"] if has_staged else []
        counts = f"{row.evaluations['ours']} / {row.evaluations['beside']}" if row.evaluations else "–"
        costs = duration(s["beside"]), duration(s["ours"]), ratio, *quick, f"≤ {number(row.wanted)}", counts
        table.add_row(row.problem, row.size, row.beside, *costs, error_of(row.error, row.passed))
    return table


def of_figures(rows: Sequence[figures.Figure]) -> Table:
    table = Table(
        title="What a derivative costs, beside the limits of the design",
        caption="time: minimum of rounds in which value, derivative by hand and dualdiff take turns\n"
        "memory: peak of what is allocated during the call; extra: beyond the Jacobian itself\n"
        "checked: largest difference from the derivative by hand, relative to its largest entry",
        **LOOK,
    )
    for heading in ("problem", "size", "operator"):
        table.add_column(heading, no_wrap=True)
    for heading in ("value", "by hand", "dualdiff", "measured", "limit", "checked"):
        table.add_column(heading, justify="left" if heading == "measured" else "right", no_wrap=True)
    for row in rows:
        limit = f"{number(row.limit)}" if row.within_limit else f"[bold yellow]over {number(row.limit)}[/]"
        costs = row.value, row.by_hand, row.derivative, f"{number(row.measured):>4} {row.unit}", limit
        table.add_row(row.problem, row.size, row.operator, *costs, error_of(row.error, row.passed))
    return table


def of_unchanged(rows: Sequence[figures.Figure]) -> Table:
    table = of_figures(rows)
    table.title = "What it costs that code runs unchanged"
    table.caption = (
        "a call: plain, and in an adapted function, with plain numbers; extra: for each call that is hooked\n"
        "cold view: the first time of a function, of so many of the standard library\n"
        "rows, GARCH: np.array of rows, a plain np.zeros that is filled; by hand: with np.stack, with like="
    )
    return table


def of_building(rows: Sequence[figures.Figure]) -> Table:
    table = of_figures(rows)
    table.title = "What it takes to write a program"
    table.caption = (
        "time: of the processor, minimum of rounds, from the first call to its result, the check included\n"
        "a record: a call that is written down; passes: what makes fewer of them\n"
        "memory: peak of the unstaged call (in place of by hand), and of the one that is traced"
    )
    return table


def of_accuracy(rows: Sequence[accuracy.Row]) -> Table:
    beyond = [row for row in rows if row.beyond]
    functions, points = {row.function for row in rows}, sum(row.points for row in rows)
    table = Table(
        title=f"{len(functions)} functions, {points} derivatives: those with an error beyond 1e-13 (float32: 5e-5)",
        caption="error: relative, over the condition where that is above 1; inf: not finite, the truth being so\n"
        "beyond: points with a larger error; values: points that do not count, NumPy's or SciPy's value being wrong\n"
        "unmarked rows are WRONG; the reasons of the others are in benchmarks/accuracy.py",
        **LOOK,
    )
    for heading in ("function", "derivative", "type"):
        table.add_column(heading, no_wrap=True)
    for heading in ("points", "beyond", "values", "error"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("at", no_wrap=True)
    table.add_column("because", no_wrap=True)
    for row in beyond:
        counts = (str(row.points), str(row.beyond), str(row.wrong_values))
        at = ", ".join(f"{x:.17g}" for x in row.at)
        error = error_of(row.worst, row.passed)
        table.add_row(row.function, row.derivative, row.dtype, *counts, error, at, row.reason)
    return table


def of_rows(rows: Sequence[Row]) -> Table:
    section = rows[0].section
    table = Table(
        title=TITLES[section],
        caption=NOTES.get(section, "")
        or "ratio: derivative / value; by hand: likewise, of the derivative that an expert would write\n"
        "time: minimum of rounds in which all take turns\n"
        "error: relative to the largest entry, by hand or to the other mode; differences agree to 1e-7",
        **LOOK,
    )
    for heading in ("problem", "size", "operator"):
        table.add_column(heading, no_wrap=True)
    quick = "staged", *(("numba",) if any("numba" in row.seconds for row in rows) else ())
    for heading in (*COSTS_OF.get(section, COSTS), *quick, "by hand", "error"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("checked", no_wrap=True)
    for row in rows:
        costs = (
            duration(row.value),
            duration(row.derivative),
            *(ratio_of(row, name) for name in (OURS, *quick, "by hand")),
        )
        error = error_of(row.error, row.passed)
        table.add_row(row.problem, row.size, row.operator, *costs, error, row.checked)
    return table


def side_by_side(rows: Sequence[Row], peers: Sequence[str]) -> tuple[Table, list[str]]:
    """Ratios to the plain value, the smallest of each row in bold; and the footnotes of what is missing."""
    section, reasons = rows[0].section, dict[str, int]()
    of_error = (
        "error: of dualdiff's answer; the answers of the others are checked likewise, and a wrong one is not timed"
    )
    table = Table(
        title=f"{TITLES[section]}: {OVER.get(section, 'time over that of the plain NumPy value')}",
        caption=f"{NOTES[section]}\n{of_error}" if section in NOTES else of_error,
        **LOOK,
    )
    for heading in ("problem", "size", "operator"):
        table.add_column(heading, no_wrap=True)
    ours = OURS, "staged", *(("numba",) if any("numba" in row.seconds for row in rows) else ())
    for name in (COSTS_OF.get(section, COSTS)[0], "by hand", *ours, *peers):
        table.add_column(HEADINGS.get(name, name), justify="right", no_wrap=True)
    table.add_column("error", justify="right", no_wrap=True)
    for row in rows:
        best = min(min(row.seconds[name]) for name in (*ours, *peers) if name in row.seconds)
        cells = [duration(row.value), ratio_of(row, "by hand")]
        for name in (*ours, *peers):
            if name in row.missing:
                reason = f"{name}: {row.missing[name]}"
                cells.append(f"—{raised(reasons.setdefault(reason, len(reasons) + 1))}")
            else:
                cell = ratio_of(row, name)
                cells.append(f"[bold]{cell}[/]" if cell and min(row.seconds[name]) == best else cell)
        table.add_row(row.problem, row.size, row.operator, *cells, error_of(row.error, row.passed))
    return table, [f"{raised(number)} {reason}" for reason, number in reasons.items()]


def ratio_of(row: Row, name: str = OURS) -> str:
    ratio = row.ratio(name)
    return "" if ratio is None else number(ratio)


def error_of(error: float | None, passed: bool) -> str:
    if error is None:
        return ""
    return error_text(error) if passed else f"[bold red]WRONG {error_text(error)}[/]"


def raised(number: int) -> str:
    return "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(digit)] for digit in str(number))
