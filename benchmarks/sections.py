"""What there is to run: sections of tasks, each task a row or a few, so that a progress bar can count them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from importlib.util import find_spec
from typing import Any, NamedTuple

from . import (
    accuracy,
    adapted,
    building,
    figures,
    manifolds,
    modes,
    nist,
    overhead,
    rows,
    scipy_drivers,
    sparse,
    staged,
    startup,
)
from .peers import Peer


class Options(NamedTuple):
    quick: bool = False
    peers: Sequence[Peer] = ()


class Task(NamedTuple):
    section: str
    name: str  # what --only selects it by
    label: str
    run: Callable[[], list[Any]]  # measures, and returns rows with `record` and `passed`
    line: str = ""  # tasks that differ in size alone share it: the line that they draw


def fits(options: Options) -> Iterator[Task]:
    for name in nist.MODELS:
        yield Task("fits", name, name, lambda name=name: list(nist.run([name])))


def both_modes(options: Options) -> Iterator[Task]:
    sizes = modes.FEWER_SIZES if options.quick else modes.SIZES
    rounds = 3 if options.quick else 20
    for n in sizes:
        for m in sizes:
            yield Task("modes", "modes", f"{n} inputs, {m} outputs", lambda n=n, m=m: [modes.measured(n, m, rounds)])


def adbench(options: Options) -> Iterator[Task]:
    from . import adbench  # reads its data

    yield from of_problems("adbench", adbench.PROBLEMS, options)


def small_operations(options: Options) -> Iterator[Task]:
    yield from of_problems("overhead", overhead.problems(), options)


def staged_programs(options: Options) -> Iterator[Task]:
    yield from of_problems("staging", staged.problems(options.quick), options)


def optimisation_on_manifolds(options: Options) -> Iterator[Task]:
    yield from of_problems("manifolds", manifolds.problems((5, 50) if options.quick else manifolds.SIZES), options)


def of_problems(section: str, problems: Sequence[Any], options: Options) -> Iterator[Task]:
    rounds, shortest = (3, 0.003) if options.quick else (12, 0.01)
    for problem in problems:
        label = f"{problem.operator} of {problem.name}, {problem.size}"
        run = lambda problem=problem: [rows.measured(problem, section, rounds, options.peers, shortest)]
        yield Task(section, problem.name, label, run, f"{problem.operator} of {problem.name}")


def fresh_processes(options: Options) -> Iterator[Task]:
    runs = 2 if options.quick else 5
    yield Task("startup", "startup", "fresh processes", lambda: startup.measured(runs, options.peers))


def sparse_derivatives(options: Options) -> Iterator[Task]:
    rounds = 3 if options.quick else 12
    for name, (_, sizes) in (sparse.JACOBIANS | sparse.HESSIANS).items():
        for n in sizes[:1] if options.quick else sizes:
            yield Task("sparse", name, f"{name}, {n}", lambda name=name, n=n: [sparse.measured(name, n, rounds)], name)
    yield Task("sparse", "reprojection", "reprojection", lambda: [sparse.measured("reprojection", 0, rounds)])
    for name, (solve, n, few) in sparse.SOLVERS.items():
        yield Task("sparse", name, name, lambda solve=solve, n=few if options.quick else n: [solve(n)])


def solvers_of_scipy(options: Options) -> Iterator[Task]:
    rounds = 3 if options.quick else 12
    for name, (run, n, few) in scipy_drivers.FIGURES.items():
        size = few if options.quick else n
        yield Task("scipy", name, name, lambda run=run, size=size: [run(size, rounds)])
    for name in scipy_drivers.SOLVES:
        yield Task("scipy", name, name, lambda name=name: [scipy_drivers.solved(name, rounds)])


def limits(options: Options) -> Iterator[Task]:
    for name in figures.FIGURES:
        yield Task("figures", name, name, lambda name=name: [figures.measured(name, options.quick)])


def unchanged_code(options: Options) -> Iterator[Task]:
    for name in adapted.FIGURES:
        yield Task("unchanged", name, name, lambda name=name: [adapted.measured(name, options.quick)])


def programs_written(options: Options) -> Iterator[Task]:
    for name in building.FIGURES:
        yield Task("building", name, name, lambda name=name: [building.measured(name, options.quick)])


def digits(options: Options) -> Iterator[Task]:
    if find_spec("mpmath") is None:
        yield Task("accuracy", "accuracy", "mpmath is missing", list)
        return
    mp = accuracy.context()
    for case in accuracy.cases(mp):
        points = case.points[::5] if options.quick else case.points
        run = lambda case=case, points=points: [
            row for dtype in accuracy.LIMIT for row in accuracy.swept(case, dtype, mp, points)
        ]
        yield Task("accuracy", f"accuracy of {case.name}", case.name, run)


SECTIONS: dict[str, Callable[[Options], Iterator[Task]]] = {
    "fits": fits,
    "modes": both_modes,
    "adbench": adbench,
    "overhead": small_operations,
    "manifolds": optimisation_on_manifolds,
    "startup": fresh_processes,
    "staging": staged_programs,
    "sparse": sparse_derivatives,
    "scipy": solvers_of_scipy,
    "figures": limits,
    "unchanged": unchanged_code,
    "building": programs_written,
    "accuracy": digits,
}
ALWAYS = ("fits", "modes", "adbench", "overhead", "manifolds", "startup")  # the others are asked for by name
EVERY = tuple(SECTIONS)  # of a report
WITH_PEERS = ("adbench", "overhead", "manifolds", "startup", "staging")
INSTALL = 'pip install -e ".[bench]"'


class UnknownName(ValueError):
    """What --only names is neither a section nor a problem."""


class CannotMeasure(Exception):
    """What is asked for has nothing to be measured with; the message says what is missing."""


def chosen(only: Sequence[str], options: Options, whole: Sequence[str] = ()) -> list[Task]:
    """The tasks of the named sections and problems; without names, those of a whole run (of these sections)."""
    tasks = [task for section in SECTIONS.values() for task in section(options)]
    wanted = {name.lower() for name in only or whole or (WITH_PEERS if options.peers else ALWAYS)}
    known = {name for task in tasks for name in names_of(task)}
    if unknown := sorted(wanted - known):
        near = get_close_matches(unknown[0], known, n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        names = ", ".join(dict.fromkeys([*SECTIONS, *(task.name for task in tasks)]))
        raise UnknownName(f"--only {unknown[0]}: {meant}the names are {names}")
    found = [task for task in tasks if names_of(task) & wanted]
    if any(task.section in ("fits", "sparse", "scipy") for task in found) and find_spec("scipy") is None:
        found = [task for task in found if task.section not in ("fits", "sparse", "scipy")]
        if only:
            raise CannotMeasure(f"the fits need SciPy: {INSTALL}")
    if any(task.section == "accuracy" for task in found) and find_spec("mpmath") is None:
        if not only:
            return [task for task in found if task.section != "accuracy"]
        raise CannotMeasure('the accuracy needs mpmath: pip install -e ".[test]"')
    return found


def names_of(task: Task) -> set[str]:
    """What --only selects a task by: its section, its name, or a word of it.

    Figures are of the same functions as other rows, so they take their whole name.
    """
    words = (
        () if task.section in ("figures", "unchanged", "building", "accuracy", "sparse", "scipy") else task.name.split()
    )
    return {name.lower() for name in (task.section, task.name, *words)}
