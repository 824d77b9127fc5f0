"""A pattern as a picture, for notebooks: a self-contained SVG, each entry in the colour of its column or row."""

from __future__ import annotations

from typing import Any

import numpy as np

_MOST_DRAWN = 4000  # entries of a picture; a pattern with more is drawn in cells
_CELLS = 96  # of such a picture, along its longer side
_WIDTH = 280  # pixels, along the longer side


def svg(pattern: Any, column_colours: Any = None, row_colours: Any = None) -> str:
    """A sparse matrix of truth values; entries whose column or row has the colour -1 are grey."""
    m, n = pattern.shape
    if m == 0 or n == 0:
        return ""
    entries = pattern.tocoo()
    rows, columns = np.asarray(entries.row), np.asarray(entries.col)
    colours = np.full(rows.size, -1)
    if row_colours is not None:
        colours = np.asarray(row_colours)[rows]
    if column_colours is not None:
        colours = np.where(colours < 0, np.asarray(column_colours)[columns], colours)
    scale = 1.0
    if rows.size > _MOST_DRAWN:
        scale = min(1.0, _CELLS / max(m, n))
        cells = np.unique(np.stack([(rows * scale).astype(int), (columns * scale).astype(int)]), axis=1)
        rows, columns = cells
        colours = np.full(rows.size, -1)
    height, width = max(1, round(m * scale)), max(1, round(n * scale))
    pixel = _WIDTH / max(height, width)
    squares = "".join(
        f'<rect x="{x}" y="{y}" width="1" height="1" fill="{_fill(k)}"/>'
        for y, x, k in zip(rows.tolist(), columns.tolist(), colours.tolist(), strict=True)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="pattern, {m} x {n}" '
        f'width="{max(8, width * pixel):.0f}" height="{max(8, height * pixel):.0f}" viewBox="0 0 {width} {height}" '
        f'preserveAspectRatio="none" shape-rendering="crispEdges" style="border:1px solid #888">{squares}</svg>'
    )


def _fill(colour: int) -> str:
    """Neighbouring numbers get hues far apart, by the golden angle."""
    return "#666" if colour < 0 else f"hsl({colour * 137.508 % 360:.0f},65%,45%)"
