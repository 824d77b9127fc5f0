"""What there is to run: sections of tasks, each task a row or a few, so that a progress bar can count them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from . import figures, modes, nist, overhead, rows, startup
from .peers import Peer


class Options(NamedTuple):
    quick: bool = False
    peers: Sequence[Peer] = ()


class Task(NamedTuple):
    section: str
    name: str  # what --only selects it by
    label: str
    run: Callable[[], list[Any]]  # measures, and returns rows with `record` and `passed`


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


def of_problems(section: str, problems: Sequence[Any], options: Options) -> Iterator[Task]:
    rounds, shortest = (3, 0.003) if options.quick else (12, 0.01)
    for problem in problems:
        label = f"{problem.operator} of {problem.name}, {problem.size}"
        run = lambda problem=problem: [rows.measured(problem, section, rounds, options.peers, shortest)]
        yield Task(section, problem.name, label, run)


def fresh_processes(options: Options) -> Iterator[Task]:
    runs = 2 if options.quick else 5
    yield Task("startup", "startup", "fresh processes", lambda: startup.measured(runs, options.peers))


def limits(options: Options) -> Iterator[Task]:
    for name in figures.FIGURES:
        yield Task("figures", name, name, lambda name=name: [figures.measured(name, options.quick)])


SECTIONS: dict[str, Callable[[Options], Iterator[Task]]] = {
    "fits": fits,
    "modes": both_modes,
    "adbench": adbench,
    "overhead": small_operations,
    "startup": fresh_processes,
    "figures": limits,
}
ALWAYS = ("fits", "modes", "adbench", "overhead", "startup")  # figures are asked for by name
WITH_PEERS = ("adbench", "overhead", "startup")


class UnknownName(ValueError):
    """What --only names is neither a section nor a problem."""


def chosen(only: Sequence[str], options: Options) -> list[Task]:
    """The tasks of the named sections and problems; without names, those of a whole run."""
    tasks = [task for section in SECTIONS.values() for task in section(options)]
    wanted = {name.lower() for name in only or (WITH_PEERS if options.peers else ALWAYS)}
    known = {word.lower() for task in tasks for word in (task.section, task.name)}
    if unknown := sorted(wanted - known):
        names = ", ".join(dict.fromkeys([*SECTIONS, *(task.name for task in tasks)]))
        raise UnknownName(f"--only {unknown[0]}: the names are {names}")
    return [task for task in tasks if {task.section.lower(), task.name.lower()} & wanted]
