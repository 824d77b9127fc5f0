"""Stand-ins of ``statistics``: values by the functions themselves, tangents by sums of NumPy's."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ..values.objects import carries
from .builtins import with_primal
from .calls import PACKAGES, enter, hook
from .mathematics import function_of, of_sequences, plain_number, with_slope


def _mean(data: Any, weights: Any = None) -> Any:
    x = np.stack(data)
    return np.mean(x) if weights is None else np.dot(np.stack(weights), x) / np.sum(np.stack(weights))


def _variance(less: int) -> Callable[..., Any]:
    def variance(data: Any, centre: Any = None, **named: Any) -> Any:
        x = np.stack(data)
        centre = next(iter(named.values()), centre)
        d = x - (np.mean(x) if centre is None else centre)
        return np.sum(d * d) / (len(data) - less)

    return variance


def _root(variance: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: np.sqrt(variance(*args, **kwargs))


def _median(low: float) -> Callable[..., Any]:
    def median(data: Any) -> Any:
        x = sorted(data, key=plain_number)
        n = len(x)
        if n % 2:
            return x[n // 2] * 1.0
        return low * x[n // 2 - 1] + (1.0 - low) * x[n // 2]

    return median


def _covariance(x: Any, y: Any) -> Any:
    x, y = np.stack(x), np.stack(y)
    return np.sum((x - np.mean(x)) * (y - np.mean(y))) / (len(x) - 1)


def _correlation(x: Any, y: Any) -> Any:
    return _covariance(x, y) / np.sqrt(_covariance(x, x) * _covariance(y, y))


def _harmonic_mean(data: Any, weights: Any = None) -> Any:
    x = np.stack(data)
    w = np.ones(len(data)) if weights is None else np.stack(weights)
    return np.sum(w) / np.sum(w / x)


_FORMULAS: dict[str, Callable[..., Any]] = {
    "mean": _mean, "fmean": _mean, "variance": _variance(1), "pvariance": _variance(0),
    "stdev": _root(_variance(1)), "pstdev": _root(_variance(0)),
    "geometric_mean": lambda data: np.exp(np.mean(np.log(np.stack(data)))),
    "median": _median(0.5), "median_low": _median(1.0), "median_high": _median(0.0),
    "harmonic_mean": _harmonic_mean, "covariance": _covariance, "correlation": _correlation,
}  # fmt: skip


def _quantile(p: Any) -> Any:
    """z with Φ(z) = p, for a p that may be a Dual: dz/dp = √(2π) exp(z²/2)."""
    slope = lambda p: math.sqrt(2.0 * math.pi) * np.exp(0.5 * _quantile(p) ** 2)
    return with_primal(with_slope(p, slope), statistics_module()._normal_dist_inv_cdf(plain_number(p), 0.0, 1.0))


def statistics_module() -> Any:
    return sys.modules["statistics"]


def _mean_and_deviation(original: Any) -> Callable[..., Any]:
    def both(*args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and carries(args[0]):
            return hook(statistics_module().fmean)(args[0]), hook(statistics_module().stdev)(args[0])
        return original(*args, **kwargs)

    both.__name__ = original.__name__
    return both


def _arrive() -> None:
    """When a program uses the module."""
    function_of(statistics_module(), "_normal_dist_inv_cdf", lambda p, mu, sigma: mu + sigma * _quantile(p))
    both = statistics_module()._mean_stdev
    enter(both, _mean_and_deviation(both))
    for name, formula in _FORMULAS.items():
        of_sequences(name, formula, sys.modules["statistics"])
    del PACKAGES["statistics"]


PACKAGES["statistics"] = _arrive
