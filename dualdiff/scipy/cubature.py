"""`scipy.integrate` in several variables, and of functions with many values: nquad, dblquad, tplquad, quad_vec.

As `dualdiff.scipy.quadrature`: SciPy makes the value on plain numbers, a sum that resolves the derivatives gives those.
An integral within another is a function of the outer variable like any other, so limits may depend on it, and a
singularity that the inner one leaves at an end of the outer range, as on a disc, is none of the user's business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.integrate

from .. import errors
from ..values.objects import carries, fused
from .callbacks import Watched, plain
from .constants import without_derivatives
from .drivers import driver
from .implicit import numbers
from .panels import MORE_CUTS
from .quadrature import Function, agree, array, integral
from .results import Withheld, with_value


@driver(scipy.integrate.nquad)
def nquad(given: dict[str, Any]) -> Any:
    """Differentiable as `quad` in each variable, in limits that are functions too; ``opts`` may have ``points``.

    Cost: about 21 values of the integrand to the power of the number of variables; more where it is not smooth.
    """
    return _nested("nquad", given["func"], given["ranges"], given["args"], given["opts"], given["full_output"])


@driver(scipy.integrate.dblquad)
def dblquad(given: dict[str, Any]) -> Any:
    """As `nquad` of two variables, of which the first is the inner one."""
    limits = _limits(given["gfun"], given["hfun"], lambda outer: (outer[0],))
    return _nested("dblquad", given["func"], [limits, [given["a"], given["b"]]], given["args"], _tolerances(given))


@driver(scipy.integrate.tplquad)
def tplquad(given: dict[str, Any]) -> Any:
    """As `nquad` of three variables, of which the first is the innermost."""
    inner = _limits(given["qfun"], given["rfun"], lambda outer: (outer[1], outer[0]))
    middle = _limits(given["gfun"], given["hfun"], lambda outer: (outer[0],))
    ranges = [inner, middle, [given["a"], given["b"]]]
    return _nested("tplquad", given["func"], ranges, given["args"], _tolerances(given))


def _limits(low: Any, high: Any, order: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> Callable[..., Any]:
    return lambda *outer: [limit(*order(outer)) if callable(limit) else limit for limit in (low, high)]


def _tolerances(given: dict[str, Any]) -> dict[str, Any]:
    return {"epsabs": given["epsabs"], "epsrel": given["epsrel"]}


class _Plain:
    """Limits or options, or functions that make them, as SciPy is to have them; ``carried`` as of `Watched`."""

    def __init__(self, given: Any) -> None:
        self.given = given
        self.carried = carries(given)

    def __call__(self, *outer: Any) -> Any:
        found = self.at(outer)
        self.carried = self.carried or carries(found)
        return plain(found)

    def at(self, outer: tuple[Any, ...]) -> Any:
        return self.given(*outer) if callable(self.given) else self.given


def _nested(name: str, func: Any, ranges: Any, args: Any, opts: Any, full_output: Any = False) -> Any:
    """Integrals within integrals, the first variable innermost, as SciPy's nquad has them."""
    args = () if args is None else args
    f = Watched(func)
    ranges = [_Plain(limits) for limits in ranges]
    several = not (opts is None or isinstance(opts, dict))
    options = [_Plain(setting) for setting in opts] if several else [_Plain(opts or {})] * len(ranges)
    found = scipy.integrate.nquad(f, ranges, plain(args), options, full_output)
    if not (f.carried or f.compared or carries(args) or any(part.carried for part in (*ranges, *options))):
        return found

    def over(depth: int, outer: tuple[Any, ...]) -> Any:
        """The integral over one variable and all inner ones, at the outer ones."""
        low, high = (array(limit) for limit in ranges[-1 - depth].at(outer))
        setting = options[-1 - depth].at(outer)
        if setting.get("weight") is not None:
            raise errors.unsupported(getattr(scipy.integrate, name), "with a weight: write it into the integrand", [])
        points = array(setting.get("points"))
        if depth + 1 < len(ranges):
            return integral(name, lambda x: over(depth + 1, (x, *outer)), low, high, points)
        fixed = [numbers(x) if carries(x) else x for x in outer]
        alone: Function = lambda x: numbers(_numbers(constant(x, *fixed), x))
        return integral(name, lambda x: _numbers(f.f(x, *outer), x), low, high, points, plain=alone)

    constant = without_derivatives(f.f)
    y = over(0, tuple(args))
    if not agree(y, found):
        raise errors.no_solution(name, "a sum over panels that resolve its derivatives does not give SciPy's value")
    if not carries(y):
        return found
    return (with_value(y, found[0]), Withheld(name, "the estimate of the error"), *found[2:])


def _numbers(y: Any, x: Any) -> Any:
    """One number for each of ``x``."""
    y, shape = fused(y), np.shape(x)
    return y if np.shape(y) == shape else np.reshape(y, shape)


@driver(scipy.integrate.quad_vec)
def quad_vec(given: dict[str, Any]) -> Any:
    """Differentiable as `quad`, of an integrand that returns an array.

    ``workers`` serves SciPy's run alone.
    """
    given = dict(given)
    f = Watched(given.pop("f"), given.pop("args", ()))
    a, b, points = (array(given[name]) for name in ("a", "b", "points"))
    full_output = given["full_output"]
    found = scipy.integrate.quad_vec(f, **(plain(given) | {"a": plain(a), "b": plain(b), "points": plain(points)}))
    if not (f.carried or f.compared or carries([a, b, points])) or not np.size(found[0]):
        return found
    if full_output and not found[2].success:
        raise errors.no_solution("quad_vec", found[2].message)
    y = integral("quad_vec", f.call, a, b, points, MORE_CUTS)
    if not agree(y, found):
        raise errors.no_solution("quad_vec", "a sum over panels that resolve its derivatives does not give its value")
    if not carries(y):
        return found
    rest: list[Any] = [Withheld("quad_vec", "the estimate of the error")]
    rest += [Withheld("quad_vec", "the report")] if full_output else []
    return (with_value(y, found[0]), *rest)
