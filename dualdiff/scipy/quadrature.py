"""`scipy.integrate.quad`, differentiable in limits, ``points``, ``args`` and all that the integrand closes over.

SciPy chooses its nodes on plain numbers and makes the value.  Its derivatives are those of a sum over other nodes,
which move with the limits and points, chosen so that the derivatives of the integrand are resolved too (panels.py).
So each kink and jump of the integrand must be among ``points``; a singularity that can be integrated may be at an end.

Conventions: an infinite range is mapped as QUADPACK does it, x = a + (1 - t) / t.
Source: Piessens et al., QUADPACK, 1983; Leibniz's rule.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.integrate

from .. import errors
from ..values.choices import MADE
from ..values.dual import Dual
from ..values.objects import carries, fused
from . import standing
from .callbacks import Watched, plain
from .constants import without_derivatives
from .drivers import always, driver
from .implicit import numbers
from .integrand_programs import slopes
from .panels import FEW_CUTS, MORE_CUTS, Integrand
from .results import Withheld, with_value

Function = Callable[[Any], Any]


@driver(scipy.integrate.quad, always)
def quad(given: dict[str, Any]) -> Any:
    """Kinks and jumps of the integrand must be among ``points``, which may move; singularities only at the ends.

    Cost: beside SciPy's, 21 values of the integrand for each panel, three panels where it is smooth, about 40 for a
    singular end.  One that takes an array of nodes is run once for several panels with derivatives, and once at each
    node without, to be compared; any other is run at each node with derivatives.
    Raises: ValueError where the integrand is not smooth between the points, where it jumps at one of them that does not
    move with the jump (standing.py), or the integral of a derivative diverges;
    UnsupportedFunction for ``weight="cauchy"``, and ``"cos"`` or ``"sin"`` over an infinite range.
    """
    given = dict(given)
    f = Watched(given.pop("func"), given.pop("args"))
    a, b, points, wvar = (array(given[name]) for name in ("a", "b", "points", "wvar"))
    options = plain(given) | {"a": numbers(a), "b": numbers(b), "points": plain(points), "wvar": plain(wvar)}
    constant = _constant(f)
    found = scipy.integrate.quad(constant, **(options if given["complex_func"] else options | {"full_output": True}))
    whole = [] if given["complex_func"] else found
    if len(whole) > 3:  # with SciPy's warning, unless the user asked for the message
        found = scipy.integrate.quad(constant, **options)
    elif not (given["complex_func"] or given["full_output"]):
        found = found[:2]
    if not (constant.carried or constant.compared or constant is not f or carries([a, b, points, wvar])):
        return found
    if len(whole) > 3:
        raise errors.no_solution("quad", " ".join(str(whole[3]).split()))
    weighted = _weighted(f.alike, a, b, given["weight"], wvar)
    points = None if given["weight"] else points
    hints = (lambda: _hints(whole[2], options)) if whole else None
    if constant.carried or given["complex_func"] or given["weight"] or carries([a, b, points]):
        by_program = None
    else:
        run = lambda name, F, cuts, kind: integral(name, F, a, b, points, cuts, None, kind)
        by_program = slopes("quad", f.f, f.args, constant.number, run, lambda y: agree(y, found))
    if by_program is not None:
        c, theta, chooses = by_program
        if chooses:
            standing.check("quad", f.alike, (a, *_inner(a, b, points), b))
        return _completed(c @ theta, found, given)
    alone = _weighted(constant.number, numbers(a), numbers(b), given["weight"], plain(wvar))
    alone = None if given["complex_func"] or isinstance(alone, _OfDistances) else alone
    y = _checked("quad", weighted, a, b, points, found, hints, alone)
    return _completed(y, found, given) if carries(y) else found


def _completed(y: Any, found: Any, given: dict[str, Any]) -> Any:
    rest: list[Any] = [Withheld("quad", "the estimate of the error")]
    rest += [_counts(found[2])] if given["full_output"] else []
    return (with_value(y, found[0]), *rest)


def _constant(f: Watched) -> Watched:
    """The same integrand on plain numbers; ``f`` itself where it closes over no derivative that can be found."""
    function, args = without_derivatives(f.f), without_derivatives(f.args)
    return f if function is f.f and args is f.args else Watched(function, args)


def array(limit: Any) -> Any:
    return fused(limit) if carries(limit) else limit


def _counts(report: Any) -> dict[str, Any]:
    """What a report says of the run, without its arrays."""
    return {key: value for key, value in report.items() if not isinstance(value, (np.ndarray, tuple, dict))}


def _weighted(f: Function, a: Any, b: Any, weight: Any, wvar: Any) -> Any:
    """The integrand with its weight; with two more arguments, the distances from both ends, for weights of those."""
    if weight is None:
        return f
    if weight in ("cos", "sin") and np.all(np.isfinite([numbers(a), numbers(b)])):
        turn = np.cos if weight == "cos" else np.sin
        return lambda x: turn(wvar * x) * f(x)
    if weight in _LOGARITHMS:
        with_left, with_right = _LOGARITHMS[weight]
        if numbers(a) > numbers(b):
            raise errors.no_derivative_in(scipy.integrate.quad, "weight")

        alpha, beta = _entries(wvar)

        def of_distances(x: Any, left: Any, right: Any) -> Any:
            y = f(x) * left**alpha * right**beta
            y = y * np.log(left) if with_left else y
            return y * np.log(right) if with_right else y

        return _OfDistances(of_distances)
    raise errors.unsupported(
        scipy.integrate.quad, f"with weight={weight!r}, over this range: write the weight into the integrand", []
    )


_LOGARITHMS = {"alg": (False, False), "alg-loga": (True, False), "alg-logb": (False, True), "alg-log": (True, True)}


class _OfDistances:
    """An integrand that is given the distances from both ends too."""

    def __init__(self, function: Callable[[Any, Any, Any], Any]) -> None:
        self.function = function


def _checked(
    name: str, f: Any, a: Any, b: Any, points: Any, found: Any, hints: Callable[[], list[float]] | None, alone: Any
) -> Any:
    """The integral with derivatives, which has SciPy's value within SciPy's error; with its intervals if need be."""
    y = integral(name, f, a, b, points, MORE_CUTS, alone)
    if hints is not None and not agree(y, found):
        cuts = hints()
        y = integral(name, f, a, b, points, cuts, alone) if cuts else y
    if not agree(y, found):
        raise errors.no_solution(name, "a sum over panels that resolve its derivatives does not give SciPy's value")
    return y


def agree(y: Any, found: Any) -> bool:
    value, error = np.asarray(found[0]), np.abs(found[1])
    return bool(np.all(np.abs(numbers(y) - value) <= 10 * error + 1e-8 * np.max(np.abs(value), initial=0.0)))


def _hints(report: dict[str, Any], options: dict[str, Any]) -> list[float]:
    """Where QUADPACK cut an interval, as parts of it, shifted: where it does, kinks often are."""
    if options["points"] is not None or "alist" not in report:
        return []
    n = report["last"]
    low, high = np.sort(report["alist"][:n]), np.sort(report["blist"][:n])
    start, stop = low[0], high[-1]
    if n < 3 or stop <= start:
        return []
    width = np.minimum((high - low)[:-1], (high - low)[1:])
    cuts = (low[1:] + 0.0371 * width - start) / (stop - start)
    return [float(cut) for cut in cuts if 1e-4 < cut < 1.0 - 1e-4]


def integral(
    name: str,
    f: Any,
    a: Any,
    b: Any,
    points: Any = None,
    cuts: Sequence[float] = FEW_CUTS,
    plain: Any = None,
    kind: type[Integrand] = Integrand,
) -> Any:
    """Piece by piece between limits and points; its nodes are at fixed parts of pieces, and move with them.

    ``plain`` is the integrand on plain numbers, if arrays of nodes may be tried (nodes.py); ``kind`` looks at it.
    """
    before = MADE[0]
    if np.all(np.isfinite([numbers(a), numbers(b)])):
        ends = [a, *_inner(a, b, points), b]
        pieces = [_piece(name, f, left, right, cuts, plain, kind) for left, right in itertools.pairwise(ends)]
        y = sum(pieces[1:], pieces[0])
    else:
        ends = [a, b]
        y = _infinite(name, f, a, b, cuts, plain, kind)
    # A kink counts in second derivatives, and is made without a choice whose result is plain: abs, maximum.
    if (MADE[0] != before or type(getattr(y, "value", None)) is Dual) and not isinstance(f, _OfDistances):
        standing.check(name, f, ends)
    return y


def _inner(a: Any, b: Any, points: Any) -> list[Any]:
    """Points between the limits, in the order of these."""
    low, high = sorted((numbers(a), numbers(b)))
    inner = [] if points is None else [p for p in _entries(points) if low < numbers(p) < high]
    return sorted(inner, key=numbers, reverse=bool(numbers(a) > numbers(b)))


def _piece(name: str, f: Any, left: Any, right: Any, cuts: Sequence[float], plain: Any, kind: type[Integrand]) -> Any:
    place, number = _places(left, right), _places(numbers(left), numbers(right))
    width = right - left

    def value(s: Any, t: Any) -> Any:
        if isinstance(f, _OfDistances):
            return f.function(place(s, t), width * s, width * t)
        return f(place(s, t))

    alone = None if plain is None else lambda s, t: plain(number(s, t))
    return width * kind(name, value, number, carries([left, right]), alone).integral(cuts)


def _places(left: Any, right: Any) -> Callable[[Any, Any], Any]:
    """Where a part of the way is, exact near both ends; of arrays too."""
    width = right - left

    def place(s: Any, t: Any) -> Any:
        if type(s) is not float:
            near = s <= t
            if not np.all(near):
                far = right - width * t
                return far if not np.any(near) else np.where(near, left + width * s, far)
            return left + width * s
        return left + width * s if s <= t else right - width * t

    return place


def _entries(points: Any) -> list[Any]:
    return [points[i] for i in range(np.shape(points)[0])] if hasattr(points, "shape") else list(points)


def _infinite(name: str, f: Function, a: Any, b: Any, cuts: Sequence[float], plain: Any, kind: type[Integrand]) -> Any:
    low, high = numbers(a), numbers(b)
    if low > high:
        return -_infinite(name, f, b, a, cuts, plain, kind)
    if low == high:
        return 0.0
    if np.isinf(low) and np.isinf(high):
        of: Any = lambda f, a, b: lambda s, t: (f(t / s) + f(-t / s)) / s**2
        place: Any = lambda s, t: t / s if s else np.inf
    elif np.isinf(high):
        of = lambda f, a, b: lambda s, t: f(a + t / s) / s**2
        place = lambda s, t: numbers(a) + t / s if s else np.inf
    else:
        of = lambda f, a, b: lambda s, t: f(b - t / s) / s**2
        place = lambda s, t: numbers(b) - t / s if s else -np.inf
    alone = None if plain is None else of(plain, low, high)
    return kind(name, of(f, a, b), place, carries([a, b]), alone).integral(cuts)
