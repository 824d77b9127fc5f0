"""`scipy.optimize`: least squares and fits of curves, differentiable in data, weights, bounds and all else that enters.

The derivatives of a fit are those of the minimum of its cost ½ Σ C² ρ((rᵢ/C)²): exact in the curvature of the model,
which Gauss and Newton leave out, and in the loss ρ.  The covariance of a fit carries derivatives too.

Methods get exact Jacobians where none are given; what the user gives is respected.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.optimize

from .. import errors
from ..transforms.jacobian import jacobian
from ..transforms.reverse import grad
from ..values.objects import carries, fused
from .callbacks import Watched, differentiable, differentiated, plain, repeated_jacobian_of, vector_and_jacobian
from .constraints import bounds_of, minimum, plain_bounds
from .drivers import Supplied, driver
from .implicit import Function, numbers
from .results import Withheld, completed, with_value

# ρ(z), as SciPy names them.
_LOSSES: dict[str, Function] = {
    "linear": lambda z: z,
    "soft_l1": lambda z: 2.0 * (np.sqrt(1.0 + z) - 1.0),
    "huber": lambda z: np.where(z <= 1.0, z, 2.0 * np.sqrt(np.where(z <= 1.0, 1.0, z)) - 1.0),
    "cauchy": np.log1p,
    "arctan": np.arctan,
}


def cost_of(residual: Function, loss: Any = "linear", scale: Any = 1.0) -> Function:
    if loss == "linear":
        return lambda x: 0.5 * np.sum(residual(x) ** 2)
    rho = _LOSSES[loss] if isinstance(loss, str) else lambda z: loss(z)[0]
    return lambda x: 0.5 * scale**2 * np.sum(rho((residual(x) / scale) ** 2))


def limits_of(bounds: Any, n: int) -> tuple[Any, Any]:
    """Of a pair of numbers or arrays."""
    if isinstance(bounds, scipy.optimize.Bounds):
        return bounds_of(bounds, n)
    return bounds_of(scipy.optimize.Bounds(*map(fused, bounds)), n)


@driver(
    scipy.optimize.least_squares,
    supplied=Supplied(
        "jac",
        vector_and_jacobian,
        2,
        "args bounds method ftol xtol gtol x_scale loss f_scale max_nfev verbose tr_solver tr_options",
    ),
)
def least_squares(given: dict[str, Any]) -> Any:
    """``jac`` is exact unless a function is given; every ``loss``, and ``f_scale``, may carry derivatives."""
    given = dict(given)
    f = Watched(given.pop("fun"), given.pop("args"), given.pop("kwargs"))
    g = f.on_numbers()
    jac, bounds, loss = given["jac"], given["bounds"], given["loss"]
    x0 = plain(fused(given["x0"]))
    options = {name: value if callable(value) else plain(value) for name, value in given.items()}
    options |= {"x0": x0, "bounds": plain_bounds(bounds)}
    rho = None
    if callable(loss):
        options["loss"] = rho = Watched(loss).on_numbers()
    if callable(jac):
        options["jac"] = Watched(jac, f.args, f.kwargs)
    elif jac == "2-point" and given.get("jac_sparsity") is None and given.get("diff_step") is None:
        exact = repeated_jacobian_of(g)
        if differentiable(exact, np.atleast_1d(np.asarray(x0, float))):
            options["jac"] = exact
    report = scipy.optimize.least_squares(g, **options)

    def made() -> Any:
        if not report.success:
            raise errors.no_solution("least_squares", f"SciPy did not converge ({report.message})")
        cost = cost_of(f.vector, loss, fused(given["f_scale"]))
        of_numbers = cost_of(g.vector, loss if rho is None else rho.f, numbers(given["f_scale"]))
        limits = limits_of(bounds, report.x.size)
        x, value = minimum("least_squares", cost, np.array(report.x), *limits, on_numbers=of_numbers)
        found = {"x": x, "fun": f.vector(x)}
        # Where no bound is active the gradient is 0 for all parameters.
        found["cost"], found["grad"] = (cost(x), grad(cost)(x)) if value is None else (value, 0.0 * x)
        if loss == "linear" and isinstance(report.jac, np.ndarray):
            found["jac"] = jacobian(f.vector)(x)
        return completed("least_squares", report, found)

    certainly = carries([bounds, given["f_scale"]]) or limits_carry(bounds) or (rho is not None and rho.entered)
    certainly = certainly or (rho is not None and rho.carried)
    return differentiated(report, made, [g], report.x, certainly)


def limits_carry(bounds: Any) -> bool:
    return isinstance(bounds, scipy.optimize.Bounds) and carries([bounds.lb, bounds.ub])


@driver(
    scipy.optimize.leastsq,
    supplied=Supplied("Dfun", vector_and_jacobian, 3, "args full_output ftol xtol gtol maxfev factor diag"),
)
def leastsq(given: dict[str, Any]) -> Any:
    """``Dfun`` is exact unless one is given; ``cov_x`` has derivatives."""
    given = dict(given)
    f = Watched(given.pop("func"), given.pop("args"))
    g = f.on_numbers()
    full_output, Dfun = given.pop("full_output"), given["Dfun"]
    options = plain(given) | {"x0": plain(fused(given["x0"]))}
    if Dfun is not None:
        options["Dfun"] = Watched(Dfun, f.args)
    elif options["epsfcn"] is None:
        exact = repeated_jacobian_of(g)
        if differentiable(exact, np.ravel(np.asarray(options["x0"], float))):
            options["Dfun"] = (lambda x: exact(x).T) if options["col_deriv"] else exact
    found = scipy.optimize.leastsq(g, **options, full_output=full_output)

    def made() -> Any:
        if found[-1] not in (1, 2, 3, 4):
            raise errors.no_solution("leastsq", f"SciPy did not converge (ier = {found[-1]})")
        x, _ = minimum("leastsq", cost_of(f.vector), np.array(found[0]), on_numbers=cost_of(g.vector))
        if not carries(x):
            return found
        if not full_output:
            return with_value(x, found[0]), found[1]
        cov = found[1] if found[1] is None else with_value(covariance(jacobian(f.vector)(x)), found[1])
        return with_value(x, found[0]), cov, information("leastsq", found[2], f.vector(x)), *found[3:]

    return differentiated(found, made, [g], found[0])


def covariance(J: Any) -> Any:
    """(JᵀJ)⁻¹"""
    P = np.linalg.pinv(J)
    return P @ P.T


def information(name: str, report: dict[str, Any], residual: Any) -> dict[str, Any]:
    """SciPy's infodict: of its arrays only the residual is a function of the data."""
    return {
        key: with_value(residual, value)
        if key == "fvec"
        else Withheld(name, key)
        if isinstance(value, np.ndarray)
        else value
        for key, value in report.items()
    }


# Linear problems.


def data_of(part: Any) -> Any:
    """A list or an array of scalars that carry derivatives as one array."""
    return fused(part) if carries(part) else part


@driver(scipy.optimize.nnls, of_numbers=True)
def nnls(given: dict[str, Any]) -> Any:
    """Differentiable in ``A`` and ``b`` where each entry of x is positive or pressed to 0."""
    given = dict(given)
    A, b = data_of(given.pop("A")), data_of(given.pop("b"))
    x, norm = scipy.optimize.nnls(plain(A), plain(b), **plain(given))
    if not carries([A, b]):
        return x, norm
    residual = _linear(A, b)
    solution, _ = minimum("nnls", cost_of(residual), x, np.zeros(x.size), np.full(x.size, np.inf))
    return with_value(solution, x), with_value(np.linalg.norm(residual(solution)), norm)


@driver(scipy.optimize.lsq_linear, of_numbers=True)
def lsq_linear(given: dict[str, Any]) -> Any:
    """Differentiable in ``A``, ``b`` and active bounds."""
    given = dict(given)
    A, b, bounds = data_of(given.pop("A")), data_of(given.pop("b")), given.pop("bounds")
    report = scipy.optimize.lsq_linear(plain(A), plain(b), plain_bounds(bounds), **plain(given))
    if not (carries([A, b, bounds]) or limits_carry(bounds)):
        return report
    if not report.success:
        raise errors.no_solution("lsq_linear", f"SciPy did not converge ({report.message})")
    residual = _linear(A, b)
    x, _ = minimum("lsq_linear", cost_of(residual), np.array(report.x), *limits_of(bounds, report.x.size))
    return completed("lsq_linear", report, {"x": x, "fun": residual(x), "cost": cost_of(residual)(x)})


def _linear(A: Any, b: Any) -> Function:
    A, b = (part if hasattr(part, "dtype") else np.asarray(part, float) for part in (A, b))
    return lambda x: A @ x - b
