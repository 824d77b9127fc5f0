"""`scipy.optimize.curve_fit`: ``popt`` and ``pcov`` of a model, differentiable in the data and what the model holds.

The model gets an exact Jacobian in SciPy's shape, which fits that come again and again run as a program.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize

from ..adapting.buffers import settled
from ..transforms.jacobian import jacobian
from ..values.objects import carries, fused
from . import linalg
from .callbacks import Watched, differentiable, differentiated, plain, with_jacobian
from .constraints import minimum, plain_bounds
from .drivers import are_plain
from .implicit import Function, numbers
from .least_squares import cost_of, covariance, data_of, information, limits_carry, limits_of
from .results import Withheld, with_value
from .staged_derivatives import Otherwise, at_hand, staged_where_it_pays


@functools.wraps(scipy.optimize.curve_fit)
def curve_fit(
    f: Callable[..., Any],
    xdata: Any,
    ydata: Any,
    p0: Any = None,
    sigma: Any = None,
    absolute_sigma: bool = False,
    check_finite: Any = None,
    bounds: Any = (-np.inf, np.inf),
    method: Any = None,
    jac: Any = None,
    *,
    full_output: bool = False,
    nan_policy: Any = None,
    **kwargs: Any,
) -> Any:
    given: dict[str, Any] = {"absolute_sigma": absolute_sigma, "check_finite": check_finite, "nan_policy": nan_policy}
    if jac is None and _WITH_JACOBIAN.issuperset(kwargs) and are_plain((xdata, ydata, p0, bounds, *kwargs.values())):
        found = _at_once(f, xdata, ydata, p0, sigma, given | kwargs | {"bounds": bounds, "method": method})
        if found is not None:
            return found if full_output else found[:2]
    xdata, ydata, sigma, p0 = (data_of(part) for part in (xdata, ydata, sigma, p0))
    if sigma is not None and np.size(sigma) == 1 and np.size(ydata) > 1:
        # SciPy (1.17) takes one number with its own differences only.
        sigma = np.broadcast_to(np.reshape(sigma, ()), (np.size(ydata),))
    g = Watched(f).on_numbers()
    model = _looking_as(lambda xdata, *parameters: g(xdata, *parameters), f)
    x, start = (numbers(part) if carries(part) else part for part in (xdata, p0))
    if callable(jac):
        plain_jac: Any = lambda xdata, *p: numbers(jac(xdata, *p))
    elif jac is None:
        in_parameters = staged_where_it_pays(g.f, _model_and_jacobian)
        plain_jac = lambda xdata, *p: in_parameters(np.array(p, float), xdata)
        # At a point of ones SciPy's own start is not missed by much; bounds may forbid it, then there is no exact one.
        n = np.size(start) if p0 is not None else _parameters(f)
        probe = np.ravel(np.asarray(start, float)) if p0 is not None else _feasible(bounds, n)
        probed = np.asarray(x, float) if isinstance(x, (list, tuple, np.ndarray)) else x
        if not n or not differentiable(lambda p: plain_jac(probed, *p), probe):
            plain_jac = None
    else:
        plain_jac = jac
    given |= {"sigma": plain(sigma), "bounds": plain_bounds(bounds), "method": method, "jac": plain_jac}
    found = scipy.optimize.curve_fit(model, x, plain(ydata), start, **given, full_output=True, **plain(kwargs))

    def made() -> Any:
        n = found[0].size
        loss, scale = kwargs.get("loss", "linear"), fused(kwargs.get("f_scale", 1.0))
        omit = nan_policy == "omit"
        residual = _residual(f, xdata, ydata, sigma, omit)
        of_numbers = _residual(g.f, plain(xdata), plain(ydata), plain(sigma), omit)
        p, _ = minimum(
            "curve_fit",
            cost_of(residual, loss, scale),
            np.array(found[0]),
            *limits_of(bounds, n),
            on_numbers=cost_of(of_numbers, loss, numbers(scale)),
        )
        if not carries(p):
            return found
        popt, pcov = with_value(p, found[0]), found[1]
        r = residual(p)
        if np.all(np.isfinite(pcov)):
            if loss != "linear":
                pcov = Withheld("curve_fit", "pcov (of a robust loss)")
            else:
                factor = 1.0 if absolute_sigma else np.sum(r**2) / (np.size(r) - n)
                pcov = with_value(covariance(jacobian(residual)(p)) * factor, pcov)
        return popt, pcov, information("curve_fit", found[2], r), *found[3:]

    seen = Watched(lambda p: f(x, *p))
    seen.carried, seen.entered, seen.compared = g.carried, g.entered, g.compared
    seen.whole = Watched(lambda p: _residual(f, xdata, ydata, None, nan_policy == "omit")(p))
    certainly = carries([xdata, ydata, sigma, bounds, kwargs]) or limits_carry(bounds)
    found = differentiated(found, made, [seen], found[0], certainly)
    return found if full_output else found[:2]


curve_fit.__module__ = __name__
curve_fit.__doc__ = """As ``scipy.optimize.curve_fit``, differentiable, with an exact Jacobian unless one is given.

    ``popt`` and ``pcov`` have derivatives in the data, ``sigma``, bounds, and what the model closes over.
    """


_WITH_JACOBIAN = frozenset(("ftol", "xtol", "gtol", "maxfev", "max_nfev", "loss", "f_scale", "x_scale"))


def _at_once(f: Any, xdata: Any, ydata: Any, p0: Any, sigma: Any, given: dict[str, Any]) -> Any:
    """SciPy's own call of plain numbers, with a Jacobian that is at hand as a program; None where there is none."""
    if sigma is not None and not (are_plain((sigma,)) and np.size(sigma) > 1):
        return None
    derivative = at_hand(f, _model_and_jacobian)
    if derivative is None:
        return None
    jac = lambda xdata, *p: derivative(np.array(p, float), xdata)
    try:
        return scipy.optimize.curve_fit(f, xdata, ydata, p0, sigma, jac=jac, **given, full_output=True)
    except Otherwise:
        return None


def _model_and_jacobian(f: Callable[..., Any]) -> Any:
    """Of a model, in its parameters."""
    model = lambda p, xdata: np.ravel(fused(settled(f(xdata, *p))))
    return model, with_jacobian(model)


def _looking_as(model: Any, f: Any) -> Any:
    """SciPy counts the parameters of a model by its signature."""
    return functools.update_wrapper(model, f)


def _parameters(f: Any) -> int:
    """How many parameters a model has, 0 if it does not say."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return 0
    named = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return max(len(named) - 1, 0)


def _feasible(bounds: Any, n: int) -> Any:
    """SciPy's own start without p0."""
    lower, upper = map(numbers, limits_of(bounds, n))
    inside = np.where(np.isfinite(lower), lower + 1.0, np.where(np.isfinite(upper), upper - 1.0, 1.0))
    both = np.isfinite(lower) & np.isfinite(upper)
    return np.where(both, 0.5 * (np.where(both, lower, 0.0) + np.where(both, upper, 0.0)), inside)


def _residual(f: Any, xdata: Any, ydata: Any, sigma: Any, omit_nan: bool) -> Function:
    """p -> (f(xdata, *p) - ydata) / sigma, with the data as they are given."""
    ydata = _double(ydata)
    if carries(xdata) or isinstance(xdata, (list, tuple, np.ndarray)):
        xdata = _double(xdata)
    if sigma is not None and not hasattr(sigma, "dtype"):
        sigma = np.asarray(sigma)
    if omit_nan:
        bad = np.isnan(numbers(xdata))
        keep = ~(bad.any(axis=tuple(range(bad.ndim - 1))) | np.isnan(numbers(ydata)))
        xdata, ydata = xdata[..., keep], ydata[keep]
        if sigma is not None and sigma.ndim:
            sigma = sigma[keep] if sigma.ndim == 1 else sigma[keep][:, keep]
    covariance = sigma is not None and sigma.ndim == 2 and sigma.size > 1
    L = linalg.cholesky(sigma, lower=True) if covariance else None

    def residual(p: Any) -> Any:
        r = np.ravel(fused(f(xdata, *p)) - ydata)
        if covariance:
            return linalg.solve_triangular(L, r, lower=True)
        return r if sigma is None else np.ravel(r / sigma)

    return residual


def _double(data: Any) -> Any:
    data = data if hasattr(data, "dtype") else np.asarray(data, float)
    return data if data.dtype == np.float64 else data.astype(float)
