"""`scipy.optimize`: global minima.  The search runs on plain numbers; the minimum found is one of `minimize`'s kind.

Its derivatives are those of a local minimum that moves with the parameters; a search that ends beside one, on a grid
point or before its polish, is refused, as is one over whole numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.optimize

from .. import errors
from ..values.objects import carries
from .callbacks import ValueAndGradient, Watched, differentiable, differentiated, plain
from .constraints import bounds_of, constraints_of, minimum, plain_bounds
from .drivers import driver
from .minimization import minimized
from .results import Withheld, with_value


def _search(function: Any) -> Any:
    @driver(function)
    def solve(given: dict[str, Any]) -> Any:
        """The derivative is that of the minimum it finds, with its active bounds and constraints."""
        given = dict(given)
        name = function.__name__
        f = Watched(given.pop("func"), given.pop("args", ()))
        g = f.on_numbers()
        bounds = given.pop("bounds")
        more: dict[str, Any] = {}
        constraints: list[Any] = []
        watched: list[Watched] = []
        if given.get("constraints"):
            pairs = numbers_of_bounds(bounds)
            constraints, more["constraints"], watched = constraints_of(given["constraints"], np.mean(pairs, axis=1))
        _one_generator(given)
        report = function(g, bounds=plain_bounds(bounds), **(plain(given) | more))
        lower, upper = bounds_of(bounds, np.size(report.x))
        moving = carries([lower, upper]) or any(carries([c.lower, c.upper, c.matrix]) for c in constraints)
        column, of_numbers = f, g
        if given.get("vectorized"):
            column, of_numbers = (Watched(lambda x, h=h: h.call(x[:, None])[0]) for h in (f, g))

        def made() -> Any:
            if np.any(given.get("integrality")):
                raise errors.no_solution(name, "whole numbers do not move with the parameters")
            return minimized(name, column, of_numbers, report, lower, upper, constraints)

        at = report.x[:, None] if given.get("vectorized") else report.x
        return differentiated(report, made, [g, *watched], at, moving)

    return solve


def _one_generator(given: dict[str, Any]) -> None:
    """SciPy takes ``seed`` or ``rng``, not both."""
    for name in ("seed", "rng"):
        if name in given and given[name] is None and len({"seed", "rng"} & given.keys()) == 2:
            del given[name]


def numbers_of_bounds(bounds: Any) -> Any:
    """Lower and upper bounds as plain columns."""
    bounds = plain_bounds(bounds)
    if isinstance(bounds, scipy.optimize.Bounds):
        return np.stack([bounds.lb, bounds.ub], axis=1)
    return np.asarray(bounds, float)


differential_evolution = _search(scipy.optimize.differential_evolution)
dual_annealing = _search(scipy.optimize.dual_annealing)
direct = _search(scipy.optimize.direct)
shgo = _search(scipy.optimize.shgo)


@driver(scipy.optimize.basinhopping)
def basinhopping(given: dict[str, Any]) -> Any:
    """The local minimiser gets exact gradients unless ``minimizer_kwargs`` has a ``jac``."""
    given = dict(given)
    inner = dict(given.pop("minimizer_kwargs") or {})
    f = Watched(given.pop("func"), inner.pop("args", ()))
    g = f.on_numbers()
    x0 = np.atleast_1d(np.asarray(plain(given["x0"]), float))
    bounds = inner.pop("bounds", None)
    constraints, for_scipy, watched = constraints_of(inner.pop("constraints", None), x0)
    inner = plain(inner) | ({"bounds": plain_bounds(bounds)} if bounds is not None else {})
    inner |= {"constraints": for_scipy} if constraints else {}
    fun: Any = g
    if inner.get("jac") is None and str(inner.get("method", "")).lower() not in _WITHOUT_GRADIENTS:
        exact = ValueAndGradient(g)
        if differentiable(exact.gradient, x0):
            fun, inner["jac"] = exact.value, exact.gradient
    _one_generator(given)
    report = scipy.optimize.basinhopping(fun, minimizer_kwargs=inner, **plain(given))
    lower, upper = bounds_of(bounds, report.x.size)
    moving = carries([lower, upper]) or any(carries([c.lower, c.upper, c.matrix]) for c in constraints)
    return differentiated(
        report,
        lambda: minimized("basinhopping", f, g, report, lower, upper, constraints),
        [g, *watched],
        report.x,
        moving,
    )


_WITHOUT_GRADIENTS = {"nelder-mead", "powell", "cobyla", "cobyqa"}


@driver(scipy.optimize.brute)
def brute(given: dict[str, Any]) -> Any:
    """The minimum after ``finish``; a grid point alone has no derivative."""
    given = dict(given)
    f = Watched(given.pop("func"), given.pop("args"))
    g = f.on_numbers()
    full_output, finish = given.pop("full_output"), given["finish"]
    found = scipy.optimize.brute(g, **plain(given), full_output=True)

    def made() -> Any:
        if finish is None:
            raise errors.no_solution("brute", "without finish= it is a point of the grid")
        x, _ = minimum("brute", f.scalar, np.atleast_1d(found[0]), on_numbers=g.scalar)
        grid = [Withheld("brute", "the grid"), Withheld("brute", "the values on the grid")]
        return with_value(x, found[0]), with_value(f.scalar(x), found[1]), *grid

    found = differentiated(found, made, [g], np.atleast_1d(found[0]))
    return found if full_output else found[0]
