"""One page of all that was measured, for a browser: ``python -m benchmarks --html FILE.html``.

The tables are those of the terminal; beside them stand pictures in SVG, one for each panel, so that a phone shows them
one below the other.  The page is one file and asks for nothing: its policy forbids every request.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from rich.table import Table
from rich.text import Text

from . import figures, nist, plots, sparse, tables
from .measuring import number
from .plots import BLUE, GREY, INK, ORANGE
from .rows import OURS, Row
from .sections import SECTIONS

TITLES = {
    "fits": "Fits",
    "modes": "Forward or reverse",
    "adbench": "ADBench",
    "overhead": "Small and large operations",
    "manifolds": "Manifolds",
    "staging": "Staged derivatives",
    "startup": "Start-up",
    "sparse": "Sparse derivatives",
    "figures": "Limits of the design",
    "unchanged": "Unchanged code",
    "building": "Programs written",
    "accuracy": "Accuracy",
}
STYLE = """
:root { color-scheme: light; --ink: #222; --soft: #666; --line: #ddd; --blue: #0072B2; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 72rem; padding: 1rem; color: var(--ink); background: #fff;
       font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.6rem; margin: .5rem 0; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 .5rem; border-top: 2px solid var(--blue); padding-top: .75rem; }
h3 { font-size: 1rem; margin: 1rem 0 .5rem; }
p, li, figcaption { max-width: 46rem; }
nav ul { padding: 0; display: flex; flex-wrap: wrap; gap: .4rem; list-style: none; }
nav a { display: block; padding: .45rem .75rem; border: 1px solid var(--line); border-radius: 1rem;
        color: var(--blue); text-decoration: none; }
.here, .notes { color: var(--soft); font-size: .85rem; overflow-wrap: anywhere; }
.notes { white-space: pre-wrap; }
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: .3rem; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; width: 100%; }
th, td { padding: .35rem .6rem; text-align: left; white-space: nowrap; border-bottom: 1px solid #eee; }
th { font-weight: 600; background: #f6f8fa; white-space: pre-line; vertical-align: bottom; }
td.right, th.right { text-align: right; }
th:first-child, td:first-child { position: sticky; left: 0; background: #fff; border-right: 1px solid var(--line); }
th:first-child { background: #f6f8fa; }
tr.end td { border-bottom: 1px solid #bbb; }
.pictures { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr));
            margin: 1rem 0; }
figure { margin: 0; }
svg { display: block; width: 100%; height: auto; }
.wrong { color: #b00020; font-weight: 700; }
.over { color: #9a6700; font-weight: 700; }
.right-answers { color: #1a7f37; font-weight: 600; }
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def page(rows: Sequence[Any], here: Mapping[str, str], peers: Sequence[str] = ()) -> str:
    """The whole page; ``here`` says where it was measured."""
    by_section = {name: [row for row in rows if row.record()["section"] == name] for name in SECTIONS}
    shown = {name: of_section for name, of_section in by_section.items() if of_section}
    wrong = [row for row in rows if not row.passed]
    verdict = (
        f'<p class="wrong">{len(wrong)} of {len(rows)} rows have a wrong answer.</p>'
        if wrong
        else f'<p class="right-answers">{len(rows)} rows; every answer was checked before it was timed.</p>'
    )
    links = "".join(f'<li><a href="#{name}">{escape(TITLES.get(name, name))}</a></li>' for name in shown)
    parts = [
        f"<h1>dualdiff: what derivatives cost</h1>\n{verdict}",
        "<p>Times are minima of rounds in which all take turns; a ratio is the time over that of the plain NumPy value."
        " All of it was measured in the run that wrote this page.</p>",
        f'<p class="here">{escape(", ".join(f"{key} {value}" for key, value in here.items()))}</p>',
        f'<nav aria-label="sections"><ul>{links}</ul></nav>',
        *(section(name, of_section, peers) for name, of_section in shown.items()),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>dualdiff: what derivatives cost</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )


def section(name: str, rows: Sequence[Any], peers: Sequence[str]) -> str:
    table, footnotes = tables.of_section(name, rows, peers)
    heading, title = TITLES.get(name, name), plain(table.title)
    drawn = "".join(f"<figure>{picture}</figure>" for picture in pictures(name, rows))
    notes = "\n".join([plain(table.caption), *footnotes]).strip()
    return "\n".join(
        [
            f'<section id="{name}">\n<h2>{escape(heading)}</h2>',
            f"<h3>{escape(title)}</h3>" if title != heading else "",
            f'<div class="pictures">{drawn}</div>' if drawn else "",
            f'<div class="wide" tabindex="0">{html_of(table)}</div>',
            f'<p class="notes">{escape(notes)}</p>\n</section>',
        ]
    )


# Tables of rich, as HTML.


def html_of(table: Table) -> str:
    sides = [' class="right"' if column.justify == "right" else "" for column in table.columns]
    head = "".join(
        f"<th{side}>{escape(plain(column.header))}</th>" for side, column in zip(sides, table.columns, strict=True)
    )
    body = []
    for row, cells in zip(table.rows, zip(*(column.cells for column in table.columns), strict=True), strict=True):
        inner = "".join(f"<td{side}>{cell_of(cell)}</td>" for side, cell in zip(sides, cells, strict=True))
        end = ' class="end"' if row.end_section else ""
        body.append(f"<tr{end}>{inner}</tr>")
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n" + "\n".join(body) + "\n</tbody>\n</table>"


def cell_of(markup: Any) -> str:
    """A cell with rich's markup: bold for the best, red for what is wrong, yellow for what is over a limit."""
    text = markup if isinstance(markup, Text) else Text.from_markup(str(markup))
    styles = {str(span.style) for span in text.spans}
    inner = escape(text.plain)
    if any("red" in style for style in styles):
        return f'<span class="wrong">{inner}</span>'
    if any("yellow" in style for style in styles):
        return f'<span class="over">{inner}</span>'
    return f"<b>{inner}</b>" if styles else inner


def plain(markup: Any) -> str:
    return markup.plain if isinstance(markup, Text) else Text.from_markup(str(markup or "")).plain


# Pictures, each a panel of its own.


def pictures(name: str, rows: Sequence[Any]) -> Iterator[str]:
    """The pictures of one section: lines over sizes where there are some, the map of the modes, else dots."""
    if name == "modes":
        yield drawn(3.7, 3.1, lambda figure: plots.draw_map(figure, rows))
    if name == "fits":
        yield dots("digits of the parameters, solved for Jᵀr = 0", of_fits(rows), log=False)
    if name in ("figures", "unchanged", "building"):
        yield dots("measured / limit", of_limits(rows), line=1.0)
    if name == "sparse" and (solved := [row for row in rows if isinstance(row, sparse.Solved)]):
        yield dots("seconds of a solver, to the end", of_solvers(solved))
    timed = [row for row in rows if isinstance(row, Row)]
    panels = plots.panels(timed)
    for title, of_panel in panels.items():
        yield drawn(3.4, 2.4, lambda figure, title=title, of_panel=of_panel: lines(figure, title, of_panel))
    lined = {id(row) for of_panel in panels.values() for row in of_panel}
    if rest := [row for row in timed if id(row) not in lined and row.value > 0]:
        yield dots(
            "time / time of the plain value" if name != "startup" else "time / NumPy's", of_ratios(rest), line=1.0
        )


Dots = dict[str, dict[str, float]]  # by label, a number for each name


def of_fits(rows: Sequence[nist.Row]) -> Dots:
    return {
        f"{row.name}, {row.start}": {OURS: row.exact.refined_digits, "2-point": row.differences.refined_digits}
        for row in rows
    }


def of_limits(rows: Sequence[figures.Figure]) -> Dots:
    return {
        " ".join(dict.fromkeys(word for word in (row.operator, row.problem, row.size) if word)): {
            OURS: row.measured / row.limit
        }
        for row in rows
    }


def of_solvers(rows: Sequence[sparse.Solved]) -> Dots:
    return {row.problem: {OURS: row.ours, "default": row.default} for row in rows}


def of_ratios(rows: Sequence[Row]) -> Dots:
    return {
        row.name: {name: ratio for name in row.seconds if name != "value" and (ratio := row.ratio(name)) is not None}
        for row in rows
    }


def lines(figure: Figure, title: str, rows: Sequence[Row]) -> None:
    ax = figure.subplots()
    ends = plots.draw_lines(ax, title, rows)
    low, high = ax.get_ylim()
    ax.set_ylim(min(low, 0.7), max(high, 12))
    ax.set_xlabel("inputs")
    plots.label_ends(ax, ends)


def dots(what: str, by_label: Dots, *, log: bool = True, line: float | None = None) -> str:
    """A line for each label, from top to bottom, with a dot for each name."""

    def draw(figure: Figure) -> None:
        ax = figure.subplots()
        colours = {OURS: BLUE, "by hand": ORANGE}
        names = dict.fromkeys(name for of_label in by_label.values() for name in of_label)
        for name in sorted(names, key=lambda name: name in colours):
            at = [(of_label[name], -i) for i, of_label in enumerate(by_label.values()) if name in of_label]
            x, y = zip(*at, strict=True)
            ax.plot(x, y, "o", color=colours.get(name, GREY), markersize=5, label=name, linestyle="none")
        ax.set_yticks([-i for i in range(len(by_label))], list(by_label), fontsize=7)
        ax.set_ylim(0.7 - len(by_label), 0.7)
        if log:
            ax.set_xscale("log")
            low, high = ax.get_xlim()
            ax.xaxis.set_major_locator(LogLocator(subs=(1.0,) if high > 50 * low else (1.0, 2.0, 5.0)))
            ax.xaxis.set_major_formatter(lambda value, _: number(value) if value >= 1 else f"{value:g}")
            ax.minorticks_off()
        if line is not None:
            ax.axvline(line, color=INK, linewidth=0.8)
        ax.grid(True, axis="both", color="#ececec", linewidth=0.6)
        ax.set_axisbelow(True)
        ax.tick_params(length=0)
        figure.suptitle(what, x=0.01, ha="left", fontweight="bold", fontsize=8)
        figure.legend(loc="outside lower left", ncols=4, frameon=False, fontsize=7, handletextpad=0)

    return drawn(3.7, 0.75 + 0.19 * len(by_label), draw)


def drawn(width: float, height: float, draw: Any) -> str:
    """The SVG that ``draw(figure)`` makes, to stand in a page: no header, no dates, text as text."""
    with mpl.rc_context(plots.LOOK | {"svg.fonttype": "none", "font.sans-serif": ["DejaVu Sans"]}):
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    unique = f"p{zlib.crc32(svg.encode()):x}-"  # ids are of one page, and the pictures do not know of each other
    svg = re.sub(r'\bid="', f'id="{unique}', svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\g<1>{unique}", svg)
    return re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL).replace("<svg ", '<svg role="img" ', 1)
