"""`scipy.integrate.quad`, differentiable in its limits, ``points``, ``args`` and whatever the integrand closes over.

QUADPACK chooses intervals on plain numbers and makes the value.  On these intervals, which move with the limits and
points, a Gauss rule is a sum of values of the integrand, and its derivatives are those of the integral: as long as the
integrand is smooth inside each of them.  That is checked, by a second rule against the variation of the integrand in
that interval, however short it is: a kink or jump between ``points``, or a singularity at an end, is refused, since the
derivative of an integral that passes over it cannot be told from sums.  The derivatives of the integrand are checked
in the same way, which forward mode can and reverse mode cannot: there it is refused.

Conventions: an infinite range is mapped as QUADPACK does it, x = a + (1 - t) / t.
Source: Piessens et al., QUADPACK, 1983; Leibniz's rule.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.integrate

from .. import errors
from ..values.dual import Dual
from ..values.objects import carries, fused
from .callbacks import Watched, plain
from .implicit import numbers
from .results import Withheld, with_value
from .roots import driver

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)
_FEWER, _FEWER_WEIGHTS = np.polynomial.legendre.leggauss(12)
# Of two rules: relative to the variation of the integrand in an interval, and to its size.
_SMOOTH, _ROUNDING = 1e-8, 1e-13
_MOST_BISECTIONS = 8
# A tail that short, and that small beside the rest, may be as it is: exp(-x²) far out is smooth to no rule.
_FINE, _TAIL = 4, 1e-20


@driver(scipy.integrate.quad)
def quad(given: dict[str, Any]) -> Any:
    """Kinks and jumps of the integrand must be among ``points``, which may move.

    Cost: beside SciPy's, 36 values of the integrand for each of its intervals.
    Raises: ValueError where the integrand is not smooth between the points, or the integral does not converge.
    """
    given = dict(given)
    f = Watched(given.pop("func"), given.pop("args"))
    a, b = fused(given.pop("a")), fused(given.pop("b"))
    points = given["points"]
    points = fused(points) if carries(points) else points
    options = plain(given) | {"points": plain(points)}
    found = scipy.integrate.quad(f, numbers(a), numbers(b), **options)
    if not (f.carried or carries([a, b, points])):
        return found
    if given["weight"] is not None or given["complex_func"]:
        raise errors.no_derivative_in(scipy.integrate.quad, "weight" if given["weight"] is not None else "complex_func")
    intervals = scipy.integrate.quad(f, numbers(a), numbers(b), **(options | {"full_output": True}))
    if len(intervals) > 3:
        raise errors.no_solution("quad", " ".join(str(intervals[3]).split()))
    report, n = intervals[2], intervals[2]["last"]
    pairs = list(zip(report["alist"][:n].tolist(), report["blist"][:n].tolist(), strict=True))
    y = _whole(f, a, b, points, pairs)
    if abs(numbers(y) - found[0]) > 10 * found[1] + 1e-9 * abs(found[0]):
        raise errors.no_solution("quad", "a sum over QUADPACK's intervals does not give its value")
    rest: list[Any] = [Withheld("quad", "the estimate of the error")]
    rest += [{k: v for k, v in found[2].items() if not isinstance(v, np.ndarray)}] if given["full_output"] else []
    return (with_value(y, found[0]), *rest)


def _whole(f: Watched, a: Any, b: Any, points: Any, pairs: Any) -> Any:
    """The integral, piece by piece between limits and points; its intervals are parts of pieces, and move with them."""
    ends = [numbers(a), numbers(b)]
    if not np.all(np.isfinite(ends)):
        return _infinite(f, a, b, pairs)
    low, high = min(ends), max(ends)
    inner = [] if points is None else [p for p in _entries(points) if low < numbers(p) < high]
    inner.sort(key=numbers, reverse=ends[0] > ends[1])
    corners = [a, *inner, b]
    total: Any = 0.0
    for left, right in itertools.pairwise(corners):
        p, q = numbers(left), numbers(right)
        width = q - p
        inside = [pair for pair in pairs if min(p, q) <= 0.5 * (pair[0] + pair[1]) <= max(p, q)]
        parts = [((u - p) / width, (v - p) / width) for u, v in inside] if width else [(0.0, 1.0)]
        parts = [(min(part), max(part)) for part in parts]
        total = total + (right - left) * _Mapped(f, _line(left, right)).integral(parts)
    return total


def _line(left: Any, right: Any) -> Callable[[Any], Any]:
    return lambda s: left + (right - left) * s


def _entries(points: Any) -> list[Any]:
    return [points[i] for i in range(np.shape(points)[0])] if hasattr(points, "shape") else list(points)


def _infinite(f: Watched, a: Any, b: Any, pairs: Any) -> Any:
    """The range with t in (0, 1], in which QUADPACK's intervals are."""
    low, high = numbers(a), numbers(b)
    if low > high:
        return -_infinite(f, b, a, pairs)
    if low == high:
        return 0.0
    jacobian = lambda t: 1.0 / t**2
    if np.isinf(low) and np.isinf(high):
        sides = [lambda t: (1.0 - t) / t, lambda t: -(1.0 - t) / t]
    elif np.isinf(high):
        sides = [lambda t: a + (1.0 - t) / t]
    else:
        sides = [lambda t: b - (1.0 - t) / t]
    return sum(_Mapped(f, side, jacobian).integral(pairs) for side in sides)


class _Mapped:
    """The integrand over a variable s whose intervals are plain numbers; x(s) may carry derivatives."""

    def __init__(self, f: Watched, x: Callable[[Any], Any], jacobian: Callable[[Any], Any] | None = None) -> None:
        self.f, self.x, self.jacobian = f, x, jacobian

    def integral(self, intervals: Any) -> Any:
        accepted: list[Any] = []
        pending = [(u, v, 0) for u, v in intervals]
        tried = []
        while pending:
            u, v, depth = pending.pop()
            fine, coarse = (self._values(0.5 * (u + v) + 0.5 * (v - u) * nodes) for nodes in (_NODES, _FEWER))
            parts = _components(fine), _components(coarse)
            tried.append((v - u, parts[0]))
            if _smooth(*parts) or (depth >= _FINE and _negligible(v - u, parts[0], tried)):
                accepted.append(0.5 * (v - u) * np.dot(_WEIGHTS, fine))
            elif depth == _MOST_BISECTIONS:
                at = float(numbers(self.x(0.5 * (u + v))))
                raise errors.no_solution(
                    "quad",
                    f"the integrand is not smooth near {at:.6g}: a kink, a jump, or a singularity of it or of its "
                    "derivatives.\n  Give the places of kinks and jumps as points=[...]; remove a singularity at an "
                    "end by a change of variables",
                )
            else:
                pending += [(u, 0.5 * (u + v), depth + 1), (0.5 * (u + v), v, depth + 1)]
        return sum(accepted[1:], accepted[0])

    def _values(self, s: Any) -> Any:
        with np.errstate(all="ignore"):  # SciPy's run has said what there is to be said
            values = fused([self.f.scalar(self.x(t)) for t in s.tolist()])
            values = values if hasattr(values, "dtype") else np.asarray(values, float)
            return values if self.jacobian is None else values * self.jacobian(s)


def _components(values: Any) -> Any:
    """Values at nodes and all their tangents, of every level, as rows."""
    if type(values) is not Dual:
        return np.asarray(values, float)[None]
    if values.perturbation.mode != "forward":
        raise errors.unsupported(
            scipy.integrate.quad,
            "in reverse mode: whether the derivatives of an integrand are smooth is seen in forward mode only, "
            "as jacfwd, jvp and derivative use it",
            [values.shape],
        )
    block = values.perturbation.block_of(values.tangent)
    rows = [_components(values.value)]
    rows += [_components(block[i]) for i in range(np.shape(block)[0])]
    return np.concatenate(rows)


def _smooth(fine: Any, coarse: Any) -> bool:
    if not (np.all(np.isfinite(fine)) and np.all(np.isfinite(coarse))):
        return False
    size = np.max(np.abs(fine), axis=1)
    variation = np.max(fine, axis=1) - np.min(fine, axis=1)
    difference = np.abs(fine @ _WEIGHTS - coarse @ _FEWER_WEIGHTS)
    return bool(np.all(difference <= _SMOOTH * variation + _ROUNDING * size))


def _negligible(width: float, fine: Any, tried: Any) -> bool:
    """Whether a short interval is nothing beside the others, in the value and in each derivative: a tail."""
    if not np.all(np.isfinite(fine)) or any(len(other) != len(fine) for _, other in tried):
        return False
    share = width * np.max(np.abs(fine), axis=1)
    largest = np.max([w * np.mean(np.abs(other), axis=1) for w, other in tried if np.all(np.isfinite(other))], axis=0)
    return bool(np.all(share <= _TAIL * largest))
