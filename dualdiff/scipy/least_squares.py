"""`scipy.optimize`: least squares and fits of curves, differentiable in data, weights, bounds and all else that enters.

The derivatives of a fit are those of the minimum of its cost ½ Σ C² ρ((rᵢ/C)²): exact in the curvature of the model,
which Gauss and Newton leave out, and in the loss ρ.  The covariance of a fit carries derivatives too.

Methods get exact Jacobians where none are given; what the user gives is respected.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize

from .. import errors
from ..transforms.jacobian import jacobian
from ..transforms.reverse import grad
from ..values.objects import carries, fused
from . import linalg
from .callbacks import Watched, differentiable, jacobian_of, plain, repeated_jacobian_of, with_jacobian
from .constraints import bounds_of, minimum, plain_bounds
from .implicit import Function, numbers
from .results import Withheld, completed, with_value
from .roots import driver
from .staged_derivatives import staged_where_it_pays

# ρ(z), as SciPy names them.
_LOSSES: dict[str, Function] = {
    "linear": lambda z: z,
    "soft_l1": lambda z: 2.0 * (np.sqrt(1.0 + z) - 1.0),
    "huber": lambda z: np.where(z <= 1.0, z, 2.0 * np.sqrt(np.where(z <= 1.0, 1.0, z)) - 1.0),
    "cauchy": np.log1p,
    "arctan": np.arctan,
}


def _cost(residual: Function, loss: Any = "linear", scale: Any = 1.0) -> Function:
    if loss == "linear":
        return lambda x: 0.5 * np.sum(residual(x) ** 2)
    rho = _LOSSES[loss] if isinstance(loss, str) else lambda z: loss(z)[0]
    return lambda x: 0.5 * scale**2 * np.sum(rho((residual(x) / scale) ** 2))


def _bounds(bounds: Any, n: int) -> tuple[Any, Any]:
    """Of a pair of numbers or arrays."""
    if isinstance(bounds, scipy.optimize.Bounds):
        return bounds_of(bounds, n)
    return bounds_of(scipy.optimize.Bounds(*map(fused, bounds)), n)


@driver(scipy.optimize.least_squares)
def least_squares(given: dict[str, Any]) -> Any:
    """``jac`` is exact unless a function is given; every ``loss``, and ``f_scale``, may carry derivatives."""
    given = dict(given)
    f = Watched(given.pop("fun"), given.pop("args"), given.pop("kwargs"))
    jac, bounds, loss = given["jac"], given["bounds"], given["loss"]
    x0 = plain(fused(given["x0"]))
    options = {name: value if callable(value) else plain(value) for name, value in given.items()}
    options |= {"x0": x0, "bounds": plain_bounds(bounds)}
    rho = None
    if callable(loss):
        options["loss"] = rho = Watched(loss)
    if callable(jac):
        options["jac"] = Watched(jac, f.args, f.kwargs)
    elif jac == "2-point" and given.get("jac_sparsity") is None and given.get("diff_step") is None:
        exact = repeated_jacobian_of(f)
        if differentiable(exact, np.atleast_1d(np.asarray(x0, float))):
            options["jac"] = exact
    report = scipy.optimize.least_squares(f, **options)
    if not (f.carried or (rho is not None and rho.carried) or carries([bounds, given["f_scale"]]) or _carry(bounds)):
        return report
    if not report.success:
        raise errors.no_solution("least_squares", f"SciPy did not converge ({report.message})")
    cost = _cost(f.vector, loss, fused(given["f_scale"]))
    on_numbers = _cost(f.on_numbers().vector, loss, numbers(given["f_scale"]))
    x = minimum("least_squares", cost, np.array(report.x), *_bounds(bounds, report.x.size), on_numbers=on_numbers)
    found = {"x": x, "cost": cost(x), "fun": f.vector(x), "grad": grad(cost)(x)}
    if loss == "linear" and isinstance(report.jac, np.ndarray):
        found["jac"] = jacobian(f.vector)(x)
    return completed("least_squares", report, found)


def _carry(bounds: Any) -> bool:
    return isinstance(bounds, scipy.optimize.Bounds) and carries([bounds.lb, bounds.ub])


@driver(scipy.optimize.leastsq)
def leastsq(given: dict[str, Any]) -> Any:
    """``Dfun`` is exact unless one is given; ``cov_x`` has derivatives."""
    given = dict(given)
    f = Watched(given.pop("func"), given.pop("args"))
    full_output, Dfun = given.pop("full_output"), given["Dfun"]
    options = plain(given) | {"x0": plain(fused(given["x0"]))}
    if Dfun is not None:
        options["Dfun"] = Watched(Dfun, f.args)
    elif options["epsfcn"] is None:
        exact = jacobian_of(f)
        if differentiable(exact, np.ravel(np.asarray(options["x0"], float))):
            options["Dfun"] = (lambda x: exact(x).T) if options["col_deriv"] else exact
    found = scipy.optimize.leastsq(f, **options, full_output=full_output)
    if not f.carried:
        return found
    if found[-1] not in (1, 2, 3, 4):
        raise errors.no_solution("leastsq", f"SciPy did not converge (ier = {found[-1]})")
    x = minimum("leastsq", _cost(f.vector), np.array(found[0]), on_numbers=_cost(f.on_numbers().vector))
    if not full_output:
        return with_value(x, found[0]), found[1]
    cov = found[1] if found[1] is None else with_value(_covariance(jacobian(f.vector)(x)), found[1])
    return with_value(x, found[0]), cov, _information("leastsq", found[2], f.vector(x)), *found[3:]


def _covariance(J: Any) -> Any:
    """(JᵀJ)⁻¹"""
    P = np.linalg.pinv(J)
    return P @ P.T


def _information(name: str, report: dict[str, Any], residual: Any) -> dict[str, Any]:
    """SciPy's infodict: of its arrays only the residual is a function of the data."""
    return {
        key: with_value(residual, value)
        if key == "fvec"
        else Withheld(name, key)
        if isinstance(value, np.ndarray)
        else value
        for key, value in report.items()
    }


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
    xdata, ydata, sigma, p0 = (_data(part) for part in (xdata, ydata, sigma, p0))
    carried = carries([xdata, ydata, sigma, bounds, kwargs]) or _carry(bounds)
    if sigma is not None and np.size(sigma) == 1 and np.size(ydata) > 1:
        # SciPy (1.17) takes one number with its own differences only.
        sigma = np.broadcast_to(np.reshape(sigma, ()), (np.size(ydata),))

    def model(xdata: Any, *parameters: Any) -> Any:
        nonlocal carried
        y = f(xdata, *parameters)
        if carries(y):
            carried = True
            y = numbers(y)
        return y

    functools.update_wrapper(model, f)  # SciPy counts its parameters
    x, start = (numbers(part) if carries(part) else part for part in (xdata, p0))
    if callable(jac):
        plain_jac: Any = lambda xdata, *p: numbers(jac(xdata, *p))
    elif jac is None:
        in_parameters = staged_where_it_pays(f, _model_and_jacobian)
        plain_jac = lambda xdata, *p: in_parameters(np.array(p, float), xdata)
        # At a point of ones SciPy's own start is not missed by much; bounds may forbid it, then there is no exact one.
        n = np.size(start) if p0 is not None else _parameters(f)
        probe = np.ravel(np.asarray(start, float)) if p0 is not None else _feasible(bounds, n)
        probed = np.asarray(x, float) if isinstance(x, (list, tuple, np.ndarray)) else x
        if not n or not differentiable(lambda p: plain_jac(probed, *p), probe):
            plain_jac = None
    else:
        plain_jac = jac
    given = {"sigma": plain(sigma), "bounds": plain_bounds(bounds), "method": method, "jac": plain_jac}
    given |= {"absolute_sigma": absolute_sigma, "check_finite": check_finite, "nan_policy": nan_policy}
    found = scipy.optimize.curve_fit(model, x, plain(ydata), start, **given, full_output=True, **plain(kwargs))
    if not carried:
        return found if full_output else found[:2]
    n = found[0].size
    loss, scale = kwargs.get("loss", "linear"), fused(kwargs.get("f_scale", 1.0))
    omit = nan_policy == "omit"
    residual = _residual(f, xdata, ydata, sigma, omit)
    on_numbers = _residual(f, plain(xdata), plain(ydata), plain(sigma), omit)
    p = minimum(
        "curve_fit",
        _cost(residual, loss, scale),
        np.array(found[0]),
        *_bounds(bounds, n),
        on_numbers=_cost(on_numbers, loss, numbers(scale)),
    )
    popt, pcov = with_value(p, found[0]), found[1]
    if np.all(np.isfinite(pcov)):
        if kwargs.get("loss", "linear") != "linear":
            pcov = Withheld("curve_fit", "pcov (of a robust loss)")
        else:
            r = residual(p)
            factor = 1.0 if absolute_sigma else np.sum(r**2) / (np.size(r) - n)
            pcov = with_value(_covariance(jacobian(residual)(p)) * factor, pcov)
    if not full_output:
        return popt, pcov
    return popt, pcov, _information("curve_fit", found[2], residual(p)), *found[3:]


curve_fit.__module__ = __name__
curve_fit.__doc__ = """As ``scipy.optimize.curve_fit``, differentiable, with an exact Jacobian unless one is given.

    ``popt`` and ``pcov`` have derivatives in the data, ``sigma``, bounds, and what the model closes over.
    """


def _model_and_jacobian(f: Callable[..., Any]) -> Any:
    """Of a model, in its parameters."""
    model = lambda p, xdata: np.ravel(fused(f(xdata, *p)))
    return model, with_jacobian(model)


def _data(part: Any) -> Any:
    """A list or an array of scalars that carry derivatives as one array."""
    return fused(part) if carries(part) else part


def _parameters(f: Any) -> int:
    """How many parameters a model has, 0 if it does not say."""
    import inspect

    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return 0
    named = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return max(len(named) - 1, 0)


def _feasible(bounds: Any, n: int) -> Any:
    """SciPy's own start without p0."""
    lower, upper = map(numbers, _bounds(bounds, n))
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


# Linear problems.


@driver(scipy.optimize.nnls)
def nnls(given: dict[str, Any]) -> Any:
    """Differentiable in ``A`` and ``b`` where each entry of x is positive or pressed to 0."""
    given = dict(given)
    A, b = _data(given.pop("A")), _data(given.pop("b"))
    x, norm = scipy.optimize.nnls(plain(A), plain(b), **plain(given))
    if not carries([A, b]):
        return x, norm
    residual = _linear(A, b)
    solution = minimum("nnls", _cost(residual), x, np.zeros(x.size), np.full(x.size, np.inf))
    return with_value(solution, x), with_value(np.linalg.norm(residual(solution)), norm)


@driver(scipy.optimize.lsq_linear)
def lsq_linear(given: dict[str, Any]) -> Any:
    """Differentiable in ``A``, ``b`` and active bounds."""
    given = dict(given)
    A, b, bounds = _data(given.pop("A")), _data(given.pop("b")), given.pop("bounds")
    report = scipy.optimize.lsq_linear(plain(A), plain(b), plain_bounds(bounds), **plain(given))
    if not (carries([A, b, bounds]) or _carry(bounds)):
        return report
    if not report.success:
        raise errors.no_solution("lsq_linear", f"SciPy did not converge ({report.message})")
    residual = _linear(A, b)
    x = minimum("lsq_linear", _cost(residual), np.array(report.x), *_bounds(bounds, report.x.size))
    return completed("lsq_linear", report, {"x": x, "fun": residual(x), "cost": _cost(residual)(x)})


def _linear(A: Any, b: Any) -> Function:
    A, b = (part if hasattr(part, "dtype") else np.asarray(part, float) for part in (A, b))
    return lambda x: A @ x - b
