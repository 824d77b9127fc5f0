"""`scipy.optimize`: minima, differentiable in all that enters the objective, its bounds and its constraints.

SciPy minimises on plain numbers, with exact gradients, Hessians or products with them where its method takes such; the
minimum has the derivatives that the equations of its optimality give it (`dualdiff.scipy.constraints`).  ``x``, ``fun``
and the gradient of a result carry derivatives; what else depends on the iteration is withheld.

Cost: a minimum with derivatives costs two or three Hessians of n gradients each beside SciPy's iteration.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.optimize

from .. import errors
from ..transforms.reverse import grad
from ..values.objects import carries, fused
from .callbacks import (
    First,
    ValueAndGradient,
    Watched,
    differentiable,
    differentiated,
    hessian,
    hessian_product,
    plain,
)
from .captured import on_numbers
from .constraints import bounds_of, constraints_of, minimum, plain_bounds
from .curvature import Slopes
from .drivers import always, driver
from .results import completed, with_value

_TAKE_GRADIENTS = {
    *("cg", "bfgs", "newton-cg", "l-bfgs-b", "tnc", "slsqp"),
    *("dogleg", "trust-ncg", "trust-exact", "trust-krylov", "trust-constr"),
}
_TAKE_NOTHING = {"nelder-mead", "powell", "cobyla", "cobyqa"}
_TAKE_HESSIANS = {"dogleg", "trust-exact", "trust-constr"}
_TAKE_PRODUCTS = {"newton-cg", "trust-ncg", "trust-krylov"}


def _by_values(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a method that takes no derivatives is all that is chosen, of one function."""
    method = kwargs.get("method")
    return len(args) <= 3 and isinstance(method, str) and method.lower() in _TAKE_NOTHING and "jac" not in kwargs


@driver(scipy.optimize.minimize, _by_values)
def minimize(given: dict[str, Any]) -> Any:
    """Exact ``jac``, ``hess``, ``hessp`` and Jacobians of constraints, where they are used and none are given.

    The function runs once for its value and its gradient.
    """
    given = dict(given)
    jac, bounds = given["jac"], given["bounds"]
    together = jac is not None and not callable(jac) and not isinstance(jac, str) and bool(jac)
    f = (First if together else Watched)(given.pop("fun"), given.pop("args"))
    g = f.on_numbers()
    x0 = np.atleast_1d(np.asarray(plain(fused(given["x0"]))))
    if x0.dtype.kind not in "fiub":  # SciPy says so
        return scipy.optimize.minimize(g, **(given | {"x0": x0}))
    constraints, for_scipy, watched = constraints_of(given["constraints"], x0 * 1.0)
    options = {name: value if name in _AS_GIVEN else plain(value) for name, value in given.items()}
    options |= {"x0": plain(fused(given["x0"])), "bounds": plain_bounds(bounds), "constraints": for_scipy}
    for name in ("jac", "hess", "hessp"):
        if callable(given[name]):
            options[name] = _with_args(given[name], f.args)
    fun = _supply(g, options, x0, for_scipy)
    report = scipy.optimize.minimize(fun, **options)
    lower, upper = bounds_of(bounds, x0.size)
    return differentiated(
        report,
        lambda: minimized("minimize", f, g, report, lower, upper, constraints),
        [g, *watched],
        report.x,
        carries([lower, upper]) or _carry(constraints),
    )


_AS_GIVEN = {"method", "callback", "constraints", "bounds", "jac", "hess", "hessp"}


def _carry(constraints: Any) -> bool:
    return any(carries([c.lower, c.upper, c.matrix]) for c in constraints)


def _with_args(derivative: Any, args: tuple[Any, ...]) -> Any:
    """A derivative of the user's on plain numbers; hess and hessp may be strategies or sparse, left as they are."""

    quick, numbers_of_args = on_numbers(derivative), plain(args)

    def called(x: Any, *rest: Any) -> Any:
        try:
            found = quick(x, *rest, *numbers_of_args)
        except Exception:
            found = derivative(x, *rest, *args)
        return plain(fused(found)) if carries(found) else found

    return called


def _supply(f: Watched, options: dict[str, Any], x0: Any, constraints: Any) -> Any:
    """Add the derivatives that the method takes to its options; the function to be given to it."""
    if isinstance(f, First) or callable(options["method"]) or x0.ndim != 1:
        return f
    method = (options["method"] or "").lower()
    if not method:
        method = "slsqp" if constraints else "bfgs" if options["bounds"] is None else "l-bfgs-b"
    if method not in _TAKE_GRADIENTS:
        return f
    fun: Any = f
    x0 = x0 * 1.0
    if options["jac"] is None or options["jac"] is False:
        exact = ValueAndGradient(f)
        if differentiable(exact.gradient, x0):
            fun, options["jac"] = exact.value, exact.gradient
    if options["hess"] is None and options["hessp"] is None:
        if method in _TAKE_HESSIANS:
            second = hessian(f)
            if differentiable(second, x0):
                options["hess"] = second
        elif method in _TAKE_PRODUCTS:
            product = hessian_product(f)
            if differentiable(lambda x: product(x, x), x0):
                options["hessp"] = product
    return fun


def minimized(
    name: str, f: Watched, g: Watched, report: Any, lower: Any = None, upper: Any = None, constraints: Any = None
) -> Any:
    """A result of SciPy's with derivatives; ``g`` is f on numbers."""
    if not report.success:
        raise errors.no_solution(name, f"SciPy did not converge ({' '.join(str(report.message).split())})")
    slopes = None if isinstance(g, First) or g.kwargs else Slopes(g.f, g.args, g.scalar, (f.f, f.args))
    x, value = minimum(name, f.scalar, np.array(report.x, float), lower, upper, constraints, g.scalar, slopes)
    found = {"x": x, "fun": f.scalar(x) if value is None else value}
    for key in ("jac", "grad"):
        if isinstance(report.get(key), np.ndarray) and report[key].shape == np.shape(x):
            # Where nothing is active it is 0 for all parameters.
            found[key] = grad(f.scalar)(x) if value is None else 0.0 * x
    return completed(name, report, found)


@driver(scipy.optimize.minimize_scalar, always)
def minimize_scalar(given: dict[str, Any]) -> Any:
    """With ``bounds`` a minimum at one of them moves with it."""
    given = dict(given)
    f = Watched(given.pop("fun"), given.pop("args"))
    g = f.on_numbers()
    report = scipy.optimize.minimize_scalar(g, **plain(given))
    bounds = given["bounds"]

    def made() -> Any:
        if not report.success:
            raise errors.no_solution("minimize_scalar", f"SciPy did not converge ({report.message})")
        x = _scalar_minimum("minimize_scalar", f, g, report.x, bounds)
        return completed("minimize_scalar", report, {"x": x, "fun": f.call(x)})

    return differentiated(report, made, [g], report.x, carries(bounds))


def _scalar_minimum(name: str, f: Watched, g: Watched, x: Any, bounds: Any = None) -> Any:
    limits = bounds_of(None if bounds is None else [bounds], 1)
    of_vector, numbers_of_vector = (lambda x: f.scalar(x[0])), (lambda x: g.scalar(x[0]))
    return minimum(name, of_vector, np.array([float(x)]), *limits, on_numbers=numbers_of_vector)[0][0]


def _line(function: Any, bounded: bool = False) -> Any:
    """golden, brent and fminbound: a number, or a tuple that begins with it and the value there."""

    @driver(function, always)
    def solve(given: dict[str, Any]) -> Any:
        """As `minimize_scalar`."""
        given = dict(given)
        name = function.__name__
        f = Watched(given.pop("func"), given.pop("args"))
        g = f.on_numbers()
        full_output = given.pop("full_output")
        bounds = (given["x1"], given["x2"]) if bounded else None
        found = function(g, **plain(given), full_output=True)

        def made() -> Any:
            # golden and brent count what they did, and stop at maxiter; fminbound has a flag.
            if found[2] if bounded else found[2] >= given["maxiter"]:
                raise errors.no_solution(name, "SciPy did not converge")
            x = _scalar_minimum(name, f, g, found[0], bounds)
            return with_value(x, found[0]), with_value(f.call(x), found[1]), *found[2:]

        found = differentiated(found, made, [g], found[0], carries(bounds))
        return found if full_output else found[0]

    return solve


golden, brent = _line(scipy.optimize.golden), _line(scipy.optimize.brent)
fminbound = _line(scipy.optimize.fminbound, bounded=True)
