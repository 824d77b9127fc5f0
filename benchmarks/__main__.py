"""The main job and what derivatives cost, measured now and printed as tables: ``python -m benchmarks``.

    fits        certified data fitted with exact Jacobians, beside SciPy's differences
    modes       forward against reverse mode over inputs and outputs, and where they cross
    staging     derivatives as NumPy programs
    building    what it takes to write one (not part of a whole run)
    adbench     the four objectives of ADBench
    overhead    small and large operations, loops over scalars and over time
    startup     import, and the first gradient of a fresh process
    sparse      Jacobians and Hessians with few entries, and solvers that take them (not part of a whole run)
    scipy       likelihoods, whole fits and solves, derivatives of fits (likewise)
    figures     the limits of the design (not part of a whole run: --only figures)
    unchanged   what it costs that code runs unchanged (likewise)
    accuracy    the digits of elementwise derivatives, against mpmath (likewise; minutes: --only accuracy)

With --peers other packages take turns with dualdiff on the same functions.  With --html FILE.html all sections, or
those chosen, are on one page that needs nothing else.  With --check nothing but wrong answers and losses against
committed counts and ratios is looked for.

The exit status is 1 if an answer is wrong or --check finds a loss, 2 if --check has nothing to compare with.
A time alone is no failure: times depend on the machine.
"""

from __future__ import annotations

import os

THREADS = "1"
for library in ("OMP", "OPENBLAS", "MKL", "BLIS", "VECLIB_MAXIMUM", "NUMEXPR"):
    os.environ[f"{library}_NUM_THREADS"] = THREADS  # read when NumPy is imported, so before it
os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads={THREADS}"  # JAX's

import argparse  # noqa: E402  (after the number of threads is set)
import json  # noqa: E402
import sys  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from .sections import EVERY, INSTALL, SECTIONS, WITH_PEERS, CannotMeasure, Options, Task, UnknownName, chosen  # noqa: E402

try:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
except ImportError:
    print(f"The tables are printed by rich, which is not installed: {INSTALL}", file=sys.stderr)
    sys.exit(2)

from . import check, peers, tables  # noqa: E402
from .measuring import environment, in_json  # noqa: E402

WIDTH = 110  # of a file or a pipe, which have none of their own


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="fewer rounds and sizes; with --check, answers and counts alone"
    )
    parser.add_argument(
        "--only", metavar="NAME", action="append", default=[], help="a section, a problem, a word of it"
    )
    parser.add_argument("--peers", action="store_true", help="side by side with the other packages that are installed")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every row with its raw numbers")
    parser.add_argument("--plot", metavar="FILE.png", type=Path, help="draw what was measured (needs matplotlib)")
    parser.add_argument(
        "--html", metavar="FILE.html", type=Path, help="one page with every table and picture (needs matplotlib)"
    )
    parser.add_argument("--check", action="store_true", help="compare with the committed counts and ratios")
    parser.add_argument("--update", action="store_true", help="with --check: commit to what is measured now")
    options = parser.parse_args()
    if options.update and not options.check:
        parser.error("--update goes with --check")
    if options.check and (options.only or options.peers or options.json or options.plot or options.html):
        parser.error("--check goes with --quick and --update alone")
    for file, suffix in ((options.json, ".json"), (options.plot, ".png"), (options.html, ".html")):
        if file and (fault := fault_of(file, suffix)):
            parser.error(f"cannot write {file}: {fault}")
    tasks, found = [], tuple(peers.installed()) if options.peers else ()
    if not options.check:
        try:
            whole = EVERY if options.html and not options.peers else ()
            tasks = chosen(options.only, Options(options.quick, found), whole)
        except (UnknownName, CannotMeasure) as reason:
            parser.error(str(reason))
        if options.peers and not any(task.section in WITH_PEERS for task in tasks):
            parser.error(f"--peers: no peer runs in {' or '.join(options.only)}; they do in {', '.join(WITH_PEERS)}")
    if options.plot or options.html:
        try:
            from . import plots, report
        except ImportError as missing:
            parser.error(f"--{'plot' if options.plot else 'html'} needs {missing.name}: {INSTALL}")
        if options.plot and not plots.drawable(tasks):
            parser.error(f"--plot: nothing to draw; it draws modes, and problems of {plots.FEWEST_SIZES} sizes or more")

    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    here = environment(["scipy", *peers.versions()] if options.peers else ["scipy"])
    console.print(", ".join(f"{name} {value}" for name, value in here.items()), highlight=False, soft_wrap=True)

    if options.check:
        with progress_on(console) as progress:
            return check.run(console, progress, quick=options.quick, update=options.update)

    if not options.only and not options.peers and not any(task.section == "fits" for task in tasks):
        console.print(f"Without SciPy there are no fits: {INSTALL}", highlight=False, markup=False)
    rows = run(console, tasks, [peer.name for peer in found])
    if options.json:
        record = {"environment": here, "options": vars_as_text(options), "rows": [row.record() for row in rows]}
        options.json.write_text(json.dumps(in_json(record), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    if options.plot:
        console.print(f"\n{plots.draw(rows, options.plot)}")
    if options.html:
        options.html.write_text(report.page(rows, here, [peer.name for peer in found]), encoding="utf-8")
        console.print(f"\n{options.html}: {options.html.stat().st_size / 1e3:.0f} kB", highlight=False)
    passed = all(row.passed for row in rows)
    if not passed:
        console.print("\nAn answer is wrong: see the rows marked WRONG.", style="bold red")
    return 0 if passed else 1


def run(console: Console, tasks: Sequence[Task], peers: Sequence[str]) -> list[Any]:
    """The rows of all tasks; the table of a section is printed when its last row is there."""
    rows: list[Any] = []
    with progress_on(console) as progress:
        bar = progress.add_task("", total=len(tasks))
        for section in SECTIONS:
            of_section: list[Any] = []
            for task in tasks:
                if task.section == section:
                    progress.update(bar, description=f"{section}: {task.label}", refresh=True)
                    of_section += task.run()
                    progress.update(bar, advance=1, refresh=True)
            if of_section:
                print_table(console, section, of_section, peers)
                rows += of_section
    return rows


def progress_on(console: Console) -> Progress:
    """A bar that moves between measurements only: a thread that redraws it would run during them."""
    shown_on = console if console.is_terminal else Console(stderr=True)
    columns = BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}")
    return Progress(*columns, console=shown_on, transient=True, auto_refresh=False, disable=not shown_on.is_terminal)


def print_table(console: Console, section: str, rows: list[Any], peers: Sequence[str]) -> None:
    table, footnotes = tables.of_section(section, rows, peers)
    tables.show(console, table)
    for footnote in footnotes:
        console.print(footnote, highlight=False, markup=False, soft_wrap=True)


def fault_of(file: Path, suffix: str) -> str:
    """Why nothing can be written there, which is better known before an hour of measuring; empty if it can."""
    if file.suffix.lower() != suffix:
        return f"its name should end in {suffix}"
    if file.is_dir():
        return "it is a directory"
    if not file.parent.is_dir():
        return f"there is no directory {file.parent}"
    return "" if os.access(file if file.exists() else file.parent, os.W_OK) else "it is not writable"


def vars_as_text(options: argparse.Namespace) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Path) else value for name, value in vars(options).items()}


if __name__ == "__main__":
    sys.exit(main())
