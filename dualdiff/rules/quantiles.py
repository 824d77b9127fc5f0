"""Quantiles: medians, percentiles, by position among the sorted entries."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from .. import errors
from ..table import Rule, register
from ..tangents.expression import Tangent
from ..values.dual import Dual
from ..values.levels import innermost
from ..values.objects import carries, fused, stripped
from .axes import axes_of, rows_of, tangent_rows
from .call import applied, constant, perturbation_of, written
from .rankings import ranking
from .reducing import fitted
from .sorting import flattened, picked

# Quantiles.


class Quantile(Rule):
    """Quantiles and medians: (1 − γ) x₍ⱼ₎ + γ x₍ⱼ₊₁₎, entries j and j + 1 of the sorted array.

    The same function of the ranks 0, 1, 2, ... instead of the entries is j + γ, whatever the method and the weights.
    So γ is exactly NumPy's.
    """

    form = "quantile"

    def __init__(self, function: Any, percent: float) -> None:
        super().__init__(function)
        self.names = tuple(inspect.signature(function).parameters)
        self.active = tuple(name for name in ("a", "q") if name in self.names)
        self.percent = percent
        self.skips_nan = function.__name__.startswith("nan")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) > len(self.names):
            return self.function(*stripped(args), **stripped(kwargs))  # NumPy's own TypeError
        options = dict(zip(self.names, args, strict=False)) | kwargs
        a, out = fused(options.pop("a")), options.pop("out", None)
        options["overwrite_input"] = False  # or NumPy may sort the value in place, but not the tangent
        options = {name: option for name, option in options.items() if option is not np._NoValue}
        if "weights" in options:
            options["weights"] = stripped(fused(options["weights"]))  # the result is piecewise constant in them
        if "q" in options:
            options["q"] = fused(options["q"])
        for name, option in options.items():
            if name != "q" and carries(option):
                raise errors.no_derivative_in(self.function, name)
        axis = options.get("axis")
        if self.skips_nan and isinstance(axis, tuple) and len(axis) > 1 and np.ndim(options.get("q", 0.0)) > 1:
            reason = "NumPy mixes up the axes of its result for q of several axes and a tuple of axes; flatten q"
            raise errors.unsupported(self.function, reason, [np.shape(a)])
        perturbation = innermost((a, options.get("q")))
        if perturbation is None:
            return written(self.function, out, self.function(a, **options))
        return written(self.function, out, applied(self, {"a": a, **options}, perturbation))

    def tangent(self, y: Any, values: dict[str, Any], tangents: dict[str, Any]) -> Tangent | None:
        a = values["a"]
        if not np.size(a) or constant(y.dtype):
            return None
        options = {name: stripped(value) for name, value in values.items() if name not in ("a", "out")}
        none = Tangent(perturbation_of(tangents), None)
        da, dq = (tangents.get(name) or none for name in ("a", "q"))
        return fitted(y, self._tangent(y, a, da, values.get("q"), dq, options))

    def _tangent(self, y: Any, a: Any, da: Tangent, q: Any, dq: Tangent, options: dict[str, Any]) -> Tangent:
        axis = options.get("axis")
        rows = rows_of(a, axis)
        order = np.argsort(rows, axis=-1, kind="stable")
        place = self._places(stripped(rows), order, np.shape(a), options)  # (*kept, quantiles)
        n = rows.shape[-1]
        below = np.floor(place)
        share = place - below
        some = share > 0.0
        if type(q) is Dual:  # an outer level
            share = share + self._slope(stripped(rows), options) * np.reshape(q - stripped(q), -1)
        d = tangent_rows(da, axis)
        at = lambda rank: np.take_along_axis(order, rank.astype(np.intp), axis=-1)
        lower = picked(d, at(below), rows.ndim - 1)
        upper = picked(d, at(np.minimum(below + 1.0, n - 1.0)), rows.ndim - 1)
        # An entry without a share is dropped, even if its tangent is infinite.
        dy = lower * (1.0 - share) + upper * some * share
        if dq:
            # Where the quantile is an entry itself, q is taken to grow (but from below at the largest entry).
            count = self._count(stripped(rows))
            left = np.minimum(below, np.maximum(count - 2.0, 0.0))
            right = np.minimum(left + 1.0, count - 1.0)
            step = np.take_along_axis(rows, at(right), axis=-1) - np.take_along_axis(rows, at(left), axis=-1)
            slope = self._slope(stripped(rows), options)
            dy = dy + flattened(dq) * (step * slope)
        shape = np.shape(y)
        return dy.move(lambda block: np.reshape(np.moveaxis(block, -1, 1), (block.shape[0], *shape)), shape)

    def _count(self, rows: Any) -> Any:
        """How many entries of each row are ranked."""
        if not self.skips_nan:
            return 1.0 * rows.shape[-1]
        number = rows == rows
        number = number | ~np.any(number, axis=-1, keepdims=True)
        return 1.0 * np.sum(number, axis=-1, keepdims=True)

    def _slope(self, rows: Any, options: dict[str, Any]) -> Any:
        """d(j + γ)/dq for each row and quantile: 0 for the methods that jump, and beyond the ends."""
        method = options.get("interpolation") or options.get("method", "linear")
        if method not in _CONTINUOUS:
            return 0.0
        alpha, beta = _CONTINUOUS[method]
        n = self._count(rows)
        q = np.reshape(options["q"], -1) / self.percent
        place = n * q + alpha + q * (1.0 - alpha - beta) - 1.0
        return np.where((place >= 0.0) & (place <= n - 1.0), (n + 1.0 - alpha - beta) / self.percent, 0.0)

    def _places(self, rows: Any, order: Any, shape: tuple[int, ...], options: dict[str, Any]) -> Any:
        """j + γ for each row and quantile."""
        n = rows.shape[-1]
        q = {"q": np.reshape(options["q"], -1)} if "q" in options else {}
        q |= {name: options[name] for name in ("method", "interpolation") if name in options}
        if options.get("weights") is not None:
            place = self._weighted_places(rows, order, shape, options)
        elif self.skips_nan:
            ranks = np.where(np.arange(n) < self._count(rows), np.arange(n) * 1.0, np.nan)
            place = self.function(ranks, axis=-1, **q)
        else:
            place = np.reshape(self.function(np.arange(n) * 1.0, **q), -1)  # the same for all rows
            return np.where(np.any(rows != rows, axis=-1, keepdims=True), n - 1.0, place)
        place = np.moveaxis(np.reshape(place, (-1, *rows.shape[:-1])), 0, -1)
        return np.where(place == place, place, n - 1.0)

    def _weighted_places(self, rows: Any, order: Any, shape: tuple[int, ...], options: dict[str, Any]) -> Any:
        """With weights the ranks stand where the entries stood, in (quantiles, *kept)."""
        ranks = np.argsort(order, axis=-1, kind="stable") * 1.0
        number = rows == rows
        if self.skips_nan:
            number = number | ~np.any(number, axis=-1, keepdims=True)  # nothing to skip to
        ranks = np.where(number, ranks, np.nan)
        axes = axes_of(options.get("axis"), len(shape))
        moved = [*(i for i in range(len(shape)) if i not in axes), *axes]
        ranks = np.transpose(np.reshape(ranks, [shape[i] for i in moved]), [moved.index(i) for i in range(len(shape))])
        return self.function(ranks, **options)


# j + γ = n q + α + q (1 − α − β) − 1 (Hyndman & Fan 1996, as in NumPy).
_CONTINUOUS = {
    "linear": (1.0, 1.0),
    "interpolated_inverted_cdf": (0.0, 1.0),
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "median_unbiased": (1.0 / 3.0, 1.0 / 3.0),
    "normal_unbiased": (3.0 / 8.0, 3.0 / 8.0),
}


for _function, _percent in (
    (np.median, 1.0),
    (np.nanmedian, 1.0),
    (np.quantile, 1.0),
    (np.nanquantile, 1.0),
    (np.percentile, 100.0),
    (np.nanpercentile, 100.0),
):
    register(Quantile(_function, _percent))

ranking(np.median, np.percentile, np.quantile, np.nanmedian, np.nanpercentile, np.nanquantile)
