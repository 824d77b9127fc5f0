"""Pictures of what was measured: ratios against size, and the map of the modes (``--plot FILE.png``).

    ratios    one panel for each operator of a problem with three sizes or more: time over that of the plain value,
              which is the line at 1; dualdiff and the derivative by hand in colour, peers muted, each labelled
    sparse    see sparse_plots.py
    map       where forward or reverse mode is faster, over inputs n and outputs m, and where ``mode="auto"`` switches

A run that has both gets both in one picture.  Colours: Okabe and Ito's, which colour-blind readers tell apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from dualdiff.transforms.jacobian import FEW_INPUTS, ROW_COST

from . import modes, sparse, sparse_plots
from .measuring import environment
from .rows import OURS, Row
from .sections import Task

BLUE, ORANGE, GREY, INK = "#0072B2", "#D55E00", "#9a9a9a", "#333333"
FEWEST_SIZES = 3
APART = 0.09  # labels, as a part of the height of a panel
LOOK = {
    "font.family": "sans-serif",
    "font.size": 8,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#cccccc",
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def draw(rows: Sequence[Any], file: Path) -> str:
    """Draws into ``file``, and says what."""
    ratios = panels([row for row in rows if isinstance(row, Row)])
    of_modes = [row for row in rows if isinstance(row, modes.Row)]
    of_sparse = [row for row in rows if isinstance(row, sparse.Row)]
    if of_sparse:
        if ratios or of_modes:  # two pictures
            return (
                draw([row for row in rows if not isinstance(row, sparse.Row)], file)
                + "; "
                + draw(of_sparse, file.with_stem(f"{file.stem}_sparse"))
            )
        with mpl.rc_context(LOOK):
            figure = Figure(figsize=(10.0, 5.2), dpi=110, layout="constrained")
            drawn_here = sparse_plots.draw(figure, of_sparse)
            figure.savefig(file, format="png")
        shrink(file)
        return f"{file}: {drawn_here}"
    if not ratios and not of_modes:
        return f"{file}: nothing to draw; sections with sizes are overhead, modes and sparse"
    with mpl.rc_context(LOOK):
        columns = min(3, len(ratios)) if ratios else 0
        lines = -(-len(ratios) // columns) if ratios else 0
        width, height = 2.7 * columns + (3.9 if of_modes else 0), max(1.9 * lines, 3.3 if of_modes else 0) + 0.45
        figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
        parts = figure.subfigures(1, 2, width_ratios=[2.7 * columns, 3.9]) if ratios and of_modes else [figure] * 2
        if ratios:
            draw_ratios(parts[0], ratios, columns)
        if of_modes:
            draw_map(parts[1], of_modes)
        figure.savefig(file, format="png")
    shrink(file)
    drawn = [f"{len(ratios)} × ratio against size"] * bool(ratios) + ["the map of the modes"] * bool(of_modes)
    return f"{file}: {', '.join(drawn)}"


def drawable(tasks: Sequence[Task]) -> bool:
    """Whether `draw` will find something in the rows of these tasks."""
    sizes = Counter(task.line for task in tasks if task.line)
    return any(task.section in ("modes", "sparse") for task in tasks) or max(sizes.values(), default=0) >= FEWEST_SIZES


def panels(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows of one operator of one problem, by size; those with too few sizes for a line are left out."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(f"{row.operator} of {row.problem}", []).append(row)
    return {
        title: sorted(of_problem, key=lambda row: row.inputs)
        for title, of_problem in found.items()
        if len({row.inputs for row in of_problem}) >= FEWEST_SIZES
    }


# Ratios against size.


def draw_ratios(part: Any, by_title: dict[str, list[Row]], columns: int) -> None:
    lines = -(-len(by_title) // columns)
    axes = part.subplots(lines, columns, squeeze=False, sharey=True).ravel()
    for ax in axes[len(by_title) :]:
        ax.set_axis_off()
    lines_of = {ax: draw_lines(ax, title, rows) for ax, (title, rows) in zip(axes, by_title.items(), strict=False)}
    low, high = axes[0].get_ylim()
    axes[0].set_ylim(min(low, 0.7), max(high, 12))  # 1 and 10 are labelled at least
    for ax, ends in lines_of.items():
        label_ends(ax, ends)
    shown = environment(())
    part.supylabel("time / time of the plain value", fontsize=8)
    part.supxlabel(
        f"inputs n · NumPy {shown['numpy']}, Python {shown['python']}, BLAS threads: {shown['blas threads']}",
        fontsize=7,
    )


def draw_lines(ax: Any, title: str, rows: Sequence[Row]) -> list[End]:
    """One panel but for its labels, whose places hang on the range that all panels share."""
    ax.set(xscale="log", yscale="log")
    ax.set_title(title, loc="left", fontweight="bold", fontsize=8)
    ax.grid(True, axis="y", color="#ececec", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.axhline(1, color=INK, linewidth=0.8)
    ends: list[End] = []
    names = dict.fromkeys(name for row in rows for name in row.seconds)
    for name in sorted(names, key=lambda name: name in (OURS, "by hand")):  # ours are drawn over the others
        if name == "value":
            continue
        line = [(row.inputs, row.ratio(name)) for row in rows if name in row.seconds]
        colour, thick = {OURS: (BLUE, 2.0), "by hand": (ORANGE, 1.2)}.get(name, (GREY, 0.8))
        n, ratios = zip(*line, strict=True)
        ax.plot(n, ratios, color=colour, linewidth=thick, marker="o", markersize=thick + 1)
        ends.append(End(n[-1], ratios[-1], name, colour))
    sizes = [row.inputs for row in rows]
    ax.set_xlim(sizes[0] / 1.4, sizes[-1] * 1.4)
    ends.append(End(sizes[-1] * 1.4, 1.0, "plain value", INK))
    ax.minorticks_off()
    ax.yaxis.set_major_formatter(lambda ratio, _: f"{ratio:,.0f}".replace(",", " ") if ratio >= 1 else f"{ratio:g}")
    ax.tick_params(length=2)
    return ends


class End(NamedTuple):
    """Where a line ends, and what is written beside it."""

    n: float
    ratio: float
    name: str
    colour: str


def label_ends(ax: Any, ends: list[End]) -> None:
    """Names beside the ends of lines, pushed apart where they would overlap, and joined to the lines."""
    low, high = np.log(ax.get_ylim())
    ends.sort(key=lambda end: end.ratio)
    places = [(np.log(end.ratio) - low) / (high - low) for end in ends]
    for _ in range(200):  # two that are too close move apart, each by half of what is missing
        for i in range(len(places) - 1):
            missing = APART - (places[i + 1] - places[i])
            if missing > 0:
                places[i] -= missing / 2
                places[i + 1] += missing / 2
    places = [max(place, APART * i) for i, place in enumerate(places)]  # none below the panel
    for place, end in zip(places, ends, strict=True):
        muted = end.colour == GREY
        ax.annotate(
            end.name,
            xy=(end.n, end.ratio),
            xytext=(1.06, place),
            textcoords="axes fraction",
            color="#6b6b6b" if muted else end.colour,
            fontsize=7,
            fontweight="bold" if end.name == OURS else "normal",
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": end.colour, "linewidth": 0.4, "shrinkA": 1, "shrinkB": 2},
        )


# The map of the modes.


def draw_map(part: Any, rows: Sequence[modes.Row]) -> None:
    ns, ms = sorted({row.n for row in rows}), sorted({row.m for row in rows})
    ratio = {(row.n, row.m): row.ratio for row in rows}
    advantage = np.log2([[ratio[n, m] for n in ns] for m in ms])
    ax = part.subplots()
    colours = LinearSegmentedColormap.from_list("modes", [ORANGE, "#f7f7f7", BLUE])
    x, y = np.log2(ns), np.log2(ms)
    shown = ax.pcolormesh(x, y, advantage, cmap=colours, vmin=-3, vmax=3, shading="nearest")
    ax.contour(x, y, advantage, levels=[0], colors=[INK], linewidths=1.6)
    # auto: forward for few inputs, else reverse where ROW_COST m < n
    edge = max(np.log2(FEW_INPUTS) + 0.5, float(np.log2(ROW_COST)))
    top = x[-1] - np.log2(ROW_COST)
    ax.plot([edge, edge, x[-1] + 0.5], [y[0] - 0.5, edge - np.log2(ROW_COST), top + 0.5], "--", color=INK, linewidth=1)
    ax.set_xlim(x[0] - 0.5, x[-1] + 0.5)
    ax.set_ylim(y[0] - 0.5, y[-1] + 0.5)
    ax.set_xticks(x[::2], [str(n) for n in ns[::2]])
    ax.set_yticks(y[::2], [str(m) for m in ms[::2]])
    ax.set(xlabel=f"inputs n of tanh(A @ tanh(B @ x)), {modes.HIDDEN} hidden", ylabel="outputs m")
    ax.tick_params(length=2)
    ax.set_title("solid: equal times, dashed: where auto switches", loc="left", fontsize=7)
    part.suptitle("jacfwd or jacrev: which is faster", x=0.02, ha="left", fontweight="bold", fontsize=9)
    ax.text(x[0], y[-1], "forward", color="white", fontweight="bold", fontsize=9, va="center")
    ax.text(x[-1], y[0], "reverse", color=INK, fontweight="bold", fontsize=9, ha="right", va="center")
    bar = part.colorbar(shown, ax=ax, shrink=0.9, aspect=30)
    bar.set_ticks([-3, -2, -1, 0, 1, 2, 3], labels=["≥ 8×", "4×", "2×", "equal", "2×", "4×", "≥ 8×"])
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0)


def shrink(file: Path) -> None:
    """A palette of 256 colours: a third of the size, with no difference to see."""
    from PIL import Image  # matplotlib needs it too

    with Image.open(file) as picture:
        colours = picture.convert("RGB")
    method, dither = Image.Quantize.MAXCOVERAGE, Image.Dither.NONE
    colours.quantize(256, method=method, dither=dither).save(file, format="png", optimize=True)
