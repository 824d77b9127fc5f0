"""``python -m dualdiff``: what is differentiable, passive or refused, from the table of rules itself.

python -m dualdiff                  every function, by what dualdiff does with it
python -m dualdiff solve bessel     one line for each function whose name contains one of the words
python -m dualdiff guide [topic]    the pages of the guide, or one of them
python -m dualdiff diagnose module:function --args "np.ones(3)"     the report of `dualdiff.diagnose`
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import sys
import textwrap
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from . import errors, guide, table
from .adapting import calls
from .rules.without_derivatives import Refused
from .table import RULES, Rule


class Row(NamedTuple):
    """One function, and what dualdiff does with it."""

    name: str
    kind: str  # key of KINDS
    detail: str  # arguments with a derivative, or the reason why there is none

    @property
    def module(self) -> str:
        return self.name.rpartition(".")[0]


KINDS = {
    "differentiable": "has a derivative",
    "stand-in": "in adapted functions: called in place of the original, which NumPy gives no hook for",
    "like": "makes an array that can hold derivatives, of the kind of like=x or of its argument",
    "passive": "piecewise constant, or no number: what NumPy returns; no derivative passes",
    "refused": "raises UnsupportedFunction",
}
_OF_FORM = {"creation": "like", "creation like an array": "like", "passive": "passive", "refused": "refused"}


def rows() -> list[Row]:
    """Every function of the table, with those of SciPy where that is installed."""
    importlib.import_module("numpy.polynomial")
    table.complete("numpy")
    with contextlib.suppress(ImportError):
        importlib.import_module(".special", __package__)
        for name in ("special", "linalg", "integrate", "interpolate", "stats", "sparse"):
            importlib.import_module(f".scipy.{name}", __package__)
    found = {Row(errors.name_of(rule.function), _kind(rule), _detail(rule)) for rule in RULES.values()}
    return sorted({*found, *_stand_ins()})


def _kind(rule: Rule) -> str:
    return _OF_FORM.get(rule.form, "differentiable")


def _detail(rule: Rule) -> str:
    if isinstance(rule, Refused):
        return rule.reason
    return "in " + ", ".join(rule.active) if rule.active else ""


def _stand_ins() -> Iterator[Row]:
    """What adapted functions call in place of Python's own functions, of math, and of NumPy's that do not dispatch."""
    calls.arrive()
    if arrive := calls.PACKAGES.get("statistics"):
        importlib.import_module("statistics")
        arrive()
    for original, _ in calls.ORIGINALS:
        module, name = getattr(original, "__module__", None) or "", getattr(original, "__name__", "")
        if module.partition(".")[0] in ("builtins", "math", "cmath", "statistics", "functools", "itertools", "numpy"):
            shown = name if module == "builtins" else f"{module.lstrip('_')}.{name}"
            yield Row(shown.replace("numpy.", "np.", 1), "stand-in", "")


def overview(table: list[Row]) -> Iterator[str]:
    """The lines of the whole table."""
    scipy = f", SciPy {sys.modules['scipy'].__version__}" if "scipy" in sys.modules else ""
    version = importlib.import_module("dualdiff").__version__
    yield f"dualdiff {version}, NumPy {np.__version__}{scipy}: {len(table)} functions"
    for kind, meaning in KINDS.items():
        of_kind = [row for row in table if row.kind == kind]
        yield ""
        yield f"{kind} ({len(of_kind)}): {meaning}"
        # Refusals side by side with those that have the same reason, the rest with those of the same module.
        groups: dict[str, list[str]] = {}
        for row in of_kind:
            groups.setdefault(row.detail if kind == "refused" else row.module, []).append(row.name)
        for title, names in groups.items():
            if kind != "refused":
                names = [name.removeprefix(title + ".") for name in names]
            yield f"  {title}"
            yield from textwrap.wrap(", ".join(names), 116, initial_indent="    ", subsequent_indent="    ")


def matching(found: list[Row], words: list[str]) -> Iterator[str]:
    """One line for each function found by words."""
    width = max((len(row.name) for row in found), default=0)
    for row in found:
        yield f"{row.name:{width}}  {row.kind:14}  {row.detail}".rstrip()
    if not found:
        yield f"no function of the table has {' or '.join(words)} in its name."
        yield "  What dualdiff does not know raises UnsupportedFunction; custom_jvp, rules and linear add rules."


def main(arguments: list[str] | None = None) -> int:
    """Print the table, or the rows that match; 1 if none does."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["guide"]:
        return guide.main(arguments[1:])
    if arguments[:1] == ["diagnose"]:
        return int(importlib.import_module(".diagnosis.shell", __package__).main(arguments[1:]))
    parser = argparse.ArgumentParser(
        prog="python -m dualdiff", description="What dualdiff can differentiate; guide [TOPIC]: its pages."
    )
    parser.add_argument("words", nargs="*", help="show only functions whose name contains one of these")
    words = parser.parse_args(arguments).words
    table = rows()
    found = [row for row in table if any(word.lower() in row.name.lower() for word in words)]
    print("\n".join(matching(found, words) if words else overview(table)))
    return int(bool(words) and not found)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):  # python -m dualdiff | head
        sys.exit(main())
