"""What `compare_modes` found, for a person to read: a table, HTML in a notebook, bars; and its numbers in words."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from .jacobian import mode_for_sizes

_A_TIE = 1.1  # quotient of times within which two modes are equally fast
_SUSPECT = 1e-2  # relative error of differences that their step does not explain


class Mode(NamedTuple):
    """What one way to the Jacobian took."""

    name: str  # "forward", "reverse" or "differences"
    work: str  # how many sweeps, of how many directions
    time: float  # seconds; infinite where the mode cannot be used
    memory: float  # peak of what is allocated, in bytes
    error: float  # largest difference from the reference, relative to its largest entry
    note: str = ""  # what was estimated, or why the mode cannot be used


class ModeReport:
    """What `compare_modes` found; prints as a table, shows as HTML in a notebook.

    ``value_time`` (seconds), ``modes`` (one `Mode` each for "forward", "reverse" and "differences"), ``n_inputs``,
    ``n_outputs``, ``agree`` (whether forward mode, reverse mode and differences agree, each within what it can),
    ``recommended`` ("fwd" or "rev"), ``why``, and ``auto``, the mode that ``jacobian(mode="auto")`` takes.
    """

    def __init__(
        self, name: str, value_time: float, modes: list[Mode], n_inputs: int, n_outputs: int, tolerance: float
    ) -> None:
        self.name, self.value_time, self.modes = name, value_time, modes
        self.n_inputs, self.n_outputs = n_inputs, n_outputs
        self.auto = mode_for_sizes(n_inputs, n_outputs)
        fwd, rev, differences = modes
        self.disagreements = []
        if rev.error > tolerance:
            self.disagreements.append(
                f"forward and reverse mode differ by {one_digit(rev.error)}: "
                "is the function the same at every call, or very ill-conditioned?"
            )
        if differences.error > _SUSPECT:
            self.disagreements.append(
                f"the differences are off by {one_digit(differences.error)}: a kink, a jump, stop_gradient, a constant "
                "of a custom rule, or a wrong one? dualdiff.check_grads looks closer."
            )
        self.agree = not self.disagreements
        better, worse = (fwd, rev) if fwd.time <= rev.time else (rev, fwd)
        if math.isinf(worse.time):
            self.why = f"{worse.name} mode cannot be used"
        elif worse.time > _A_TIE * better.time:
            self.why = f"{better.name} mode was {digits(worse.time / better.time)} times faster than {worse.name} mode"
            if worse.memory < 0.5 * better.memory:
                self.why += f", with {digits(better.memory / worse.memory)} times the memory"
        else:
            self.why = "the two modes took the same time within 10 %"
            lean, fat = sorted((fwd, rev), key=lambda mode: mode.memory)
            better = {"fwd": fwd, "rev": rev}[self.auto]
            if lean.memory < 0.5 * fat.memory:
                better = lean
                self.why += f", and {fat.name} mode took {digits(fat.memory / lean.memory)} times the memory"
        self.recommended = "fwd" if better is fwd else "rev"

    @property
    def _rows(self) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = []
        for mode in self.modes:
            if math.isinf(mode.time):
                rows.append((mode.name, "cannot be used", "", "", "", ""))
                continue
            mark = "*" if mode.note else ""
            error = "reference" if math.isnan(mode.error) else one_digit(mode.error)
            ratio = digits(mode.time / self.value_time)
            time, memory = in_seconds(mode.time) + mark, in_bytes(mode.memory) + mark
            rows.append((mode.name, mode.work, time, ratio, memory, error))
        return rows

    @property
    def _notes(self) -> list[str]:
        notes = [f"* {mode.name}: {mode.note}" for mode in self.modes if mode.note]
        notes += [f"! {text}" for text in self.disagreements]
        auto = f'jacobian(mode="auto") takes "{self.auto}"'
        if self.auto != self.recommended:
            auto += f', which goes by sizes alone; here pass mode="{self.recommended}"'
        return [*notes, f'recommended: mode="{self.recommended}": {self.why}.', f"{auto}."]

    def __str__(self) -> str:
        table = [_HEADINGS, *self._rows]
        widths = [max(len(row[i]) for row in table) for i in range(len(_HEADINGS))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
        return "\n".join(line.rstrip() for line in [self._title, *lines, *self._notes])

    __repr__ = __str__

    @property
    def _title(self) -> str:
        sizes = f"{counted(self.n_inputs, 'input')}, {counted(self.n_outputs, 'output')}"
        return f"{self.name}: {sizes}, value in {in_seconds(self.value_time)}"

    def _repr_html_(self) -> str:
        from html import escape

        row = lambda cells, tag: "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"
        body = "".join(row(cells, "td") for cells in self._rows)
        notes = "".join(f"<p>{escape(note)}</p>" for note in self._notes)
        return f"<table><caption>{escape(self._title)}</caption>{row(_HEADINGS, 'th')}{body}</table>{notes}"

    def plot(self, ax: Any = None) -> Any:
        """Bars of the times over that of the value, with the peak memory; needs matplotlib.  Returns the axes."""
        try:
            import matplotlib.pyplot as plt
        except ImportError:
            raise ImportError("plot() needs matplotlib: pip install matplotlib; print(report) needs nothing.") from None
        ax = ax or plt.subplots(figsize=(6.4, 2.2), layout="constrained")[1]
        drawn = [(mode, row) for mode, row in zip(self.modes, self._rows, strict=True) if math.isfinite(mode.time)][
            ::-1
        ]
        best = {"fwd": "forward", "rev": "reverse"}[self.recommended]
        names, ratios = [mode.name for mode, _ in drawn], [mode.time / self.value_time for mode, _ in drawn]
        ax.barh(names, ratios, color=["#0072b2" if name == best else "#b0b0b0" for name in names], height=0.6)
        for i, (_, (_, _, took, _, memory, error)) in enumerate(drawn):
            ax.text(ratios[i], i, f" {took}, {memory}, error {error}", va="center", fontsize="small")
        ax.set_xscale("log")
        ax.axvline(1.0, color="black", linewidth=0.8)
        ax.set_xlim(min(0.8, *ratios), 40 * max(ratios))  # room for the text
        ax.set_xlabel("time / time of the value (log scale" + (", * estimated)" if "*" in str(self._rows) else ")"))
        ax.set_title(self._title, fontsize="medium")
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.tick_params(left=False)
        return ax


_HEADINGS = ("mode", "work", "time", "/ value", "peak memory", "error")


# Numbers in words.


def counted(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def digits(x: float) -> str:
    """Three digits, never an exponent."""
    return f"{x:.3g}" if x < 100 else f"{float(f'{x:.3g}'):.0f}"


def one_digit(x: float) -> str:
    return "0" if x == 0 else f"{x:.0e}"


def in_seconds(t: float) -> str:
    for unit, size in (("h", 3600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if t >= size:
            return f"{digits(t / size)} {unit}"
    return f"{t / 1e-9:.3g} ns"


def in_bytes(n: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n >= size:
            return f"{digits(n / size)} {unit}"
    return f"{n:.0f} B"
