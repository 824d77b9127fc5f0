"""Counts and weights in bins."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..table import register
from ..tangents import Like
from ..tangents.expression import Tangent
from ..values.dual import primal
from ..values.kinds import OTHERS
from ..values.objects import fused, stripped
from .composites import array, formula
from .forms import Composite, tangent_rule

_ALL = slice(None)

# Counts: functions of the weights alone, and of where the bins end.


@tangent_rule(np.bincount)
def bincount(y: Any, x: Any, weights: Any = None, minlength: int = 0, *, dweights: Tangent) -> Tangent | None:
    if y.dtype.kind != "f":  # of nothing, NumPy returns whole numbers
        return None
    places = np.array(x, dtype=np.intp) if type(x) not in OTHERS else x.astype(np.intp)

    def apply(block: Any) -> Any:
        sums = np.zeros((block.shape[0], *np.shape(y)), dtype=y.dtype, like=block)
        index: Any = (_ALL, places)
        np.add.at(sums, index, block)
        return sums

    return dweights.map(apply, lambda block: np.take(block, places, axis=1), Like(np.shape(y), y.dtype))


@formula(np.histogram_bin_edges, active="a bins range")
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    """Equal bins between the least and the greatest entry (or the given range); their number is constant."""
    if np.ndim(bins) == 1:
        return bins
    edges = np.histogram_bin_edges(stripped(a), stripped(bins), stripped(range), stripped(weights))
    return _equal_bins(a, range, len(edges) - 1)


def _equal_bins(a: Any, range: Any, n: int) -> Any:
    if range is not None:
        first, last = range
    elif np.size(a) == 0:
        return None
    else:
        first, last = np.min(a), np.max(a)
    if first == last:
        first, last = first - 0.5, last + 0.5
    return np.linspace(first, last, n + 1)


def _weighted(places: Any, weights: Any, n: int) -> Any:
    weights = array(weights)
    if weights.dtype.kind == "c":
        parts = np.real(weights), np.imag(weights)
        return np.bincount(places, parts[0], n) + 1j * np.bincount(places, parts[1], n)
    return np.bincount(places, weights, n)


@formula(np.histogram, active="a bins range weights")
def histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    edges = np.histogram_bin_edges(a, bins, range)
    plain, points = primal(fused(edges)), np.ravel(stripped(a))
    n = len(plain) - 1
    inside = np.nonzero((plain[0] <= points) & (points <= plain[-1]))[0]
    places = np.minimum(np.searchsorted(plain, points[inside], side="right") - 1, n - 1)
    counts: Any = (
        np.bincount(places, minlength=n) if weights is None else _weighted(places, np.ravel(weights)[inside], n)
    )
    if density:
        counts = counts / np.diff(edges) / np.sum(counts)
    return counts, edges


def _histogram2d(x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    if not _is_scalar(bins) and len(bins) > 2:
        bins = [bins, bins]
    points = np.stack([array(fused(x)), array(fused(y))], axis=1)
    counts, edges = _histogramdd(points, bins, range, density, weights)
    return counts, *edges


def _is_scalar(x: Any) -> bool:
    return not isinstance(x, (list, tuple)) and np.ndim(x) == 0


def _histogramdd(sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    if isinstance(sample, (list, tuple)) or sample.ndim != 2:
        sample = np.atleast_2d(np.stack([array(row) for row in sample])).T
    d = sample.shape[1]
    bins = [bins] * d if _is_scalar(bins) else [fused(b) for b in bins]
    limits = [None] * d if range is None else list(range)
    edges = [_equal_bins(sample[:, i], limits[i], int(b)) if _is_scalar(b) else array(b) for i, b in enumerate(bins)]
    points, plain = stripped(sample), [array(stripped(e)) for e in edges]
    columns = []
    for i, e in enumerate(plain):
        column = np.searchsorted(e, points[:, i], side="right")
        columns.append(column - (points[:, i] == e[-1]))
    shape = [len(e) + 1 for e in plain]  # with the outliers on both sides
    places = np.ravel_multi_index(columns, shape)
    counts: Any = np.bincount(places, weights, math.prod(shape))
    counts = np.reshape(counts, shape)[(slice(1, -1),) * d]
    if density:
        total = np.sum(counts)
        for i, e in enumerate(edges):
            counts = counts / np.reshape(np.diff(e), [-1 if k == i else 1 for k in np.arange(d)])
        counts = counts / total
    return counts, edges


# Not formulas in the sense above: bins may be a list of vectors of different lengths.
register(Composite(np.histogram2d, _histogram2d, "x y bins range weights"))


register(Composite(np.histogramdd, _histogramdd, "sample bins range weights"))
