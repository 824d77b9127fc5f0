"""`Diagnosis`: what was found, as data, as text and as HTML."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from ..transforms.mode_report import ModeReport, digits, in_bytes, in_seconds
from .costs import Costs, Way
from .dependence import Independence
from .findings import Finding
from .timing import Line
from .watching import KINDS, Call

_MOST_LINES = 12
_MOST_CALLS = 40


class Diagnosis:
    """What `diagnose` found; prints as text, shows as HTML in a notebook.

    ``findings``: what is worth knowing, the most serious first, each with ``kind``, ``text``, ``place``, ``fix`` and
    ``serious``; ``found(kind)`` are those of one kind.  ``refusal``: the first finding of kind "refused" or "raised",
    or None.  ``calls``: every call of the function that met a derivative, with its ``kind``, ``name``, ``place`` and
    ``count``; ``of_kind(kind)`` are those of one kind.  ``independent``: pairs of ``result`` and ``argument`` without
    dependence, and the ``places`` where it may have ended.
    ``lines``: time and memory of each line.  ``value_time``, ``forward_time``, ``reverse_time``: seconds.
    ``modes``: the report of `compare_modes`, or None; ``recommended``: "fwd", "rev" or None.
    ``ways``: staging and a sparse Jacobian, with ``pays`` and the measured ``factor``.
    ``notes``: what could not be looked at, and why.
    """

    def __init__(self, name: str, at: str) -> None:
        self.name, self.at = name, at
        self.findings: list[Finding] = []
        self.calls: list[Call] = []
        self.independent: list[Independence] = []
        self.costs = Costs()
        self.error: BaseException | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing serious was found."""
        return not any(finding.serious for finding in self.findings)

    @property
    def refusal(self) -> Finding | None:
        return next((finding for finding in self.findings if finding.kind in ("refused", "raised")), None)

    def found(self, kind: str) -> list[Finding]:
        return [finding for finding in self.findings if finding.kind == kind]

    def of_kind(self, kind: str) -> list[Call]:
        """The calls of one kind: "differentiated", "adapted", "passive", "stopped" or "refused"."""
        return [call for call in self.calls if call.kind == kind]

    @property
    def lines(self) -> list[Line]:
        return self.costs.lines

    @property
    def value_time(self) -> float:
        return self.costs.value

    @property
    def forward_time(self) -> float:
        return self.costs.forward

    @property
    def reverse_time(self) -> float:
        return self.costs.reverse

    @property
    def modes(self) -> ModeReport | None:
        return self.costs.modes

    @property
    def recommended(self) -> str | None:
        return None if self.modes is None else self.modes.recommended

    @property
    def ways(self) -> list[Way]:
        return self.costs.ways

    @property
    def notes(self) -> list[str]:
        return self.costs.notes

    # What a person reads.

    @property
    def _title(self) -> str:
        serious = sum(finding.serious for finding in self.findings)
        rest = len(self.findings) - serious
        counts = [f"{serious} to look at" if serious else "nothing wrong was found"]
        counts += [f"{rest} to know"] if rest else []
        return f"{self.name}{self.at}: {', '.join(counts)}"

    @property
    def _counts(self) -> str:
        counted = {kind: sum(call.count for call in self.of_kind(kind)) for kind in KINDS}
        return ", ".join(f"{count} {kind}" for kind, count in counted.items() if count) or "none"

    def _call_rows(self) -> list[tuple[str, ...]]:
        order = {kind: i for i, kind in enumerate(("refused", "stopped", "passive", "adapted", "differentiated"))}
        calls = sorted(self.calls, key=lambda call: order[call.kind])
        rows: list[tuple[str, ...]] = []
        for call in calls[:_MOST_CALLS]:
            what = call.kind + (f": {call.reason}" if call.kind == "passive" else "")
            rows.append((str(call.place or ""), call.name, str(call.count), what, _line_text(call)))
        return rows

    def _line_rows(self) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = []
        for line in self.lines[:_MOST_LINES]:
            times = [in_seconds(t) if t else "" for t in (line.value, line.forward, line.reverse)]
            memory = [in_bytes(n) if n else "" for n in (line.nbytes, line.recorded)]
            rows.append((str(line.place), *times, *memory, str(line.calls or ""), line.place.text))
        return rows

    @property
    def _times(self) -> str:
        times = [("value", self.value_time), ("forward", self.forward_time), ("reverse", self.reverse_time)]
        return ", ".join(f"{name} {in_seconds(t)}" for name, t in times if not math.isnan(t))

    @property
    def _advice(self) -> list[str]:
        lines = []
        if self.modes is not None:
            lines.append(f'mode: "{self.modes.recommended}": {self.modes.why}.')
        for way in self.ways:
            if math.isnan(way.factor):
                lines.append(f"{way.name}: {way.note}.")
            else:
                pays = "pays" if way.pays else "does not pay"
                faster = (
                    f"{digits(way.factor)} times as fast"
                    if way.factor >= 1
                    else f"{digits(1 / way.factor)} times slower"
                )
                lines.append(f"{way.name} {pays}: {faster} ({way.note}).")
        return lines

    def __str__(self) -> str:
        out = [self._title]
        for finding in self.findings:
            mark = "!" if finding.serious else "-"
            head = f"{finding.place}: " if finding.place is not None else ""
            out += ["", f"{mark} {head}{finding.kind}"]
            if finding.place is not None and finding.place.text:
                out.append(f"    {finding.place.text}")
            out += [f"  {line}" for line in finding.text.splitlines()]
            out += [f"  -> {line}" if i == 0 else f"     {line}" for i, line in enumerate(finding.fix.splitlines())]
        if self.calls:
            out += ["", f"calls: {self._counts}", *_table(("line", "call", "times", "", "source"), self._call_rows())]
            if len(self.calls) > _MOST_CALLS:
                out.append(f"  and {len(self.calls) - _MOST_CALLS} more in .calls")
        if self.lines:
            out += ["", f"time and memory by line: {self._times} (shares of a traced run)"]
            out += _table(_LINE_HEADINGS, self._line_rows())
        if self._advice or self.notes:
            out += ["", *self._advice, *(f"({note})" for note in self.notes)]
        return "\n".join(line.rstrip() for line in out)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        parts = [f"<div><p><b>{escape(self._title)}</b></p>"]
        if self.findings:
            parts.append("<ul>")
            for finding in self.findings:
                weight = "b" if finding.serious else "span"
                at = f" <code>{escape(str(finding.place))}</code>" if finding.place is not None else ""
                text = f"<br><code>{escape(finding.place.text)}</code>" if finding.place and finding.place.text else ""
                fix = f"<br>→ {_broken(finding.fix)}" if finding.fix else ""
                parts.append(
                    f"<li><{weight}>{escape(finding.kind)}</{weight}>{at}{text}<br>{_broken(finding.text)}{fix}</li>"
                )
            parts.append("</ul>")
        if self.calls:
            parts.append(f"<details><summary>calls: {escape(self._counts)}</summary>")
            parts.append(html_table(("line", "call", "times", "", "source"), self._call_rows()) + "</details>")
        if self.lines:
            parts.append(f"<details open><summary>time and memory by line: {escape(self._times)}</summary>")
            parts.append(html_table(_LINE_HEADINGS, self._line_rows()) + "</details>")
        parts += [f"<p>{escape(text)}</p>" for text in (*self._advice, *self.notes)]
        return "".join(parts) + "</div>"


_LINE_HEADINGS = ("line", "value", "forward", "reverse", "values", "record", "calls", "source")


def _line_text(call: Call) -> str:
    return "" if call.place is None else call.place.expression or call.place.text


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    table = [tuple(headings), *(tuple(_short(cell) for cell in row) for row in rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(headings))]
    return ["  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table]


def _short(text: str, most: int = 60) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 3] + "..."


def html_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    row = lambda cells, tag: "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"
    return f"<table>{row(headings, 'th')}{''.join(row(cells, 'td') for cells in rows)}</table>"


def _broken(text: str) -> str:
    return "<br>".join(escape(line) for line in text.splitlines())


def order(finding: Finding) -> Any:
    """The most serious first."""
    kinds = (
        "raised",
        "refused",
        "changed",
        "cache",
        "not finite",
        "independent",
        "zero",
        "lost",
        "digits",
        "kink",
        "slow",
    )
    return not finding.serious, kinds.index(finding.kind)
