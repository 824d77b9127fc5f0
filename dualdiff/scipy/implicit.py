"""The derivative of a solution, from the equations that it solves.

A solver works on plain numbers and returns x₀ with F(x₀) ≈ 0.  F depends on parameters θ through whatever it closes
over, and x(θ) is differentiable where J = ∂F/∂x is regular: J ẋ = −Ḟ.  That needs no rule of its own: in
``x = x₀ − J⁻¹ F(x₀)``, with F evaluated where its closures carry derivatives, x carries those of the solution, in any
mode, and each further step with the same constant J is right to one order more: J⁻¹ F' − 1 is nilpotent of order one.

    x = polished(name, F, x0)        to the last digits, or an error that says why x is no function of θ there
    y = with_derivatives(F, x)       the steps
    valued(y, value)                 the number that the solver returned, with the derivatives of y

Source: the implicit function theorem; Griewank & Walther, *Evaluating Derivatives*, section 15.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import errors
from ..tangents.dense import Dense
from ..tangents.single import Single
from ..transforms.forward import jacfwd, jvp
from ..transforms.reverse import jacrev
from ..values.dual import Dual, primal
from ..values.objects import fused
from .forms import tangent_rule

Function = Callable[[Any], Any]

# Steps relative to x: of that size they are rounding; beyond that part of the last one, the Jacobian is made anew.
_ROUNDING, _SLOW = 1e-15, 0.1
# A Jacobian off by less, relative, is right after one more step with derivatives, or two: to the square, or the cube.
_NEARBY = 3e-7, 1e-5
# Where steps stop to shrink above this x is no regular solution.
_STUCK = 1e-8
_MOST_STEPS = 30
# Condition of the Jacobian after its rows and columns are scaled, and its largest relative change within
# a relative distance of x that no solver resolves.
_SINGULAR, _KINK, _NEAR = 1e13, 0.1, 1e-7


class Solution(NamedTuple):
    """A point where F vanishes to the last digits, all numbers plain, and F's Jacobian there with its inverse.

    A Jacobian of a point nearby takes ``more`` steps with derivatives, each cheaper than another Jacobian.
    """

    x: Any
    J: Any
    more: int = 0
    inverse: Any = None

    def step(self, r: Any) -> Any:
        """J⁻¹ r for a matrix, a diagonal or a number J."""
        return r / self.J if self.inverse is None else self.inverse @ r


def numbers(y: Any) -> Any:
    """What plain NumPy would have in place of a result of the user's."""
    return primal(fused(y))


def polished(
    name: str,
    F: Function,
    x0: Any,
    elementwise: bool = False,
    far: float = 0.01,
    jacobian: Function | None = None,
    cheap: Callable[[], bool] = lambda: False,
) -> Solution:
    """Newton's method from a solver's solution ``x0``, a number or a vector.

    ``elementwise`` says that F may be a function of each entry alone: if so, the diagonal stands for the Jacobian.
    ``jacobian`` is F's, where that is known; ``cheap()`` says whether another one costs less than a step.
    ``far``, relative to x or 1, is how far from it the solution may turn out to be.
    Raises: ValueError where it does not converge at once, or where the Jacobian is singular or changes within the
    solver's resolution: the solution is not an isolated, differentiable function of the parameters.
    """
    x = x0
    at = _regular(name, F, x, elementwise, jacobian)
    last, size = np.inf, np.inf
    for _ in range(_MOST_STEPS):
        r = numbers(F(x))
        if not np.all(np.isfinite(r)):
            raise errors.no_solution(name, "the equations are not finite at the solution")
        step = at.step(r)
        size = np.max(np.abs(step) / _scale(x, x0), initial=0.0)
        if size <= _ROUNDING or (size > 0.5 * last and size <= _STUCK):
            break
        if size > _SLOW * last:  # with the Jacobian of another point
            if at.x is x and size > 0.5 * last:
                raise _not_regular(name, f"Newton's method from it stops converging at relative steps of {size:.0e}")
            if at.x is not x:
                at = _regular(name, F, x, elementwise, jacobian)
                continue
        x, last = x - step, size
    else:
        raise _not_regular(name, f"Newton's method from it makes relative steps of {size:.0e} still")
    if np.max(np.abs(x - x0), initial=0.0) > far * max(1.0, np.max(np.abs(x0), initial=0.0)):
        raise _not_regular(name, "the equations hold only at some distance from it")
    # Differences show whether J is that of the solution, and whether it jumps there, unless rounding hides it.
    differences = _differences(F, x, r) if at.inverse is not None else []
    more = 0
    if at.x is not x and cheap():
        at = _regular(name, F, x, elementwise, jacobian)
    if at.x is not x:
        off = _off(at, differences)[2] if differences else np.inf
        more = 1 if off <= _NEARBY[0] else 2
        if not off <= _NEARBY[1]:
            at, more = _regular(name, F, x, elementwise, jacobian), 0
    if not differences or not max(_off(at, differences)) <= 0.1 * _KINK:
        _check_smooth(name, F, x, at)
    return at._replace(x=x, more=more)


def _not_regular(name: str, evidence: str) -> ValueError:
    return errors.no_solution(
        name,
        f"{evidence}, so the solution is not an isolated, smooth function of the parameters there\n"
        "  (a multiple root, a flat or kinked minimum, or a solver that stopped early: tighten its tolerance)",
    )


def _scale(x: Any, x0: Any) -> Any:
    size = np.maximum(np.abs(x), np.abs(x0))
    return size + 1e-6 * max(1.0, np.max(size, initial=0.0)) if np.ndim(x) else np.maximum(size, 1e-6)


def _jacobian(F: Function, x: Any, elementwise: bool) -> Any:
    if np.ndim(x):
        if elementwise:
            slopes = numbers(jvp(F, (x,), (np.ones_like(x),))[1])
            d = np.random.default_rng(0).uniform(0.5, 1.0, x.shape).astype(x.dtype)
            if np.allclose(numbers(jvp(F, (x,), (d,))[1]), slopes * d, rtol=1e-9, atol=0.0):
                return slopes
        if np.iscomplexobj(x):
            return numbers(jacfwd(F, holomorphic=True)(x))
        try:  # a square one: by columns, without a run that counts its rows
            return numbers(jacfwd(F)(x))
        except errors.NoForwardRule:
            return numbers(jacrev(F)(x))
    slope = numbers(jvp(F, (x,), (1.0,))[1])
    if np.iscomplexobj(x):
        turned = numbers(jvp(F, (x,), (1j,))[1])
        if abs(turned - 1j * slope) > 1e-9 * (abs(slope) + abs(turned)):
            raise TypeError(
                "a root in complex numbers of a function that is not holomorphic (it uses abs, real, imag or "
                "conjugate) has no complex derivative.\n  Solve for real and imaginary part with  root."
            )
    return slope


def _regular(name: str, F: Function, x: Any, elementwise: bool, jacobian: Function | None) -> Solution:
    """A point with its Jacobian, or an error if that is singular."""
    J = _jacobian(F, x, elementwise) if jacobian is None else jacobian(x)
    _check_finite(name, J)
    if np.ndim(J) < 2:
        if not np.any(J == 0):
            return Solution(x, J)
    elif J.shape[0] != J.shape[1]:
        raise errors.no_solution(name, f"there are {J.shape[0]} equations in {J.shape[1]} unknowns")
    else:
        with contextlib.suppress(np.linalg.LinAlgError):
            inverse = np.linalg.inv(J)
            condition = _norm(J) * _norm(inverse)
            if condition <= _SINGULAR or not len(J) or np.linalg.cond(_scaled(J), 1) <= _SINGULAR:
                return Solution(x, J, 0, inverse)
    raise errors.no_solution(
        name,
        "the Jacobian of the equations is singular at the solution, which is therefore not an isolated, smooth "
        "function of the parameters",
    )


def _norm(A: Any) -> Any:
    return np.max(np.sum(np.abs(A), axis=0), initial=0.0)


def _check_finite(name: str, J: Any) -> None:
    if not np.all(np.isfinite(J)):
        raise errors.no_solution(name, "the derivatives of the equations are not finite at the solution")


def _scaled(J: Any) -> Any:
    """The matrix with rows and columns multiplied so that their largest entries are near 1 (Ruiz 2001)."""
    for _ in range(3):
        rows, columns = (np.sqrt(np.max(np.abs(J), axis=axis, keepdims=True)) for axis in (1, 0))
        J = J / np.where(rows == 0, 1.0, rows) / np.where(columns == 0, 1.0, columns)
    return J


def _direction(x: Any) -> Any:
    size = np.abs(x)
    largest = np.max(size, initial=0.0)
    d = np.maximum(size, 1e-3 * largest if largest else 1e-3)
    if np.ndim(x):
        i = np.arange(x.size)
        d = d * np.where(i % 2, -1.0, 1.0) * (0.5 + 0.5 * np.abs(np.sin(37.0 * i + 1.0)))
    return d


def _differences(F: Function, x: Any, r: Any) -> list[tuple[Any, Any]]:
    """Directions and the slopes of F along them to both sides, and their mean, by differences from ``r`` at x."""
    d = _direction(x)
    forth, back = ((numbers(F(x + side * d)) - r) / side for side in (_NEAR, -_NEAR))
    return [(d, forth), (d, back), (d, 0.5 * (forth + back))]


def _off(at: Solution, differences: list[tuple[Any, Any]]) -> list[float]:
    """How far J is from the slopes, relative."""
    return [float(np.max(np.abs(at.step(slope) / d - 1.0), initial=0.0)) for d, slope in differences]


def _check_smooth(name: str, F: Function, x: Any, at: Solution) -> None:
    """The Jacobian along one direction, at both sides: it must be that of the solution."""
    d = _direction(x)
    here = at.J @ d if np.ndim(at.J) == 2 else at.J * d
    for side in (_NEAR, -_NEAR):
        there = numbers(jvp(F, (x + side * d,), (d + 0 * x,))[1])
        change = np.max(np.abs(at.step(there - here) / d), initial=0.0)
        if not change <= _KINK:
            raise errors.no_solution(
                name,
                "the derivative of the equations jumps at the solution, or vanishes beside it: a kink (abs, maximum, "
                "where), or a multiple root",
            )


def with_derivatives(F: Function, solution: Solution) -> Any:
    """The solution with the derivatives that ``F`` carries; plain if it carries none."""
    x = solution.x
    seen: set[Any] = set()
    steps = 0
    while True:
        r = fused(F(x))
        value = r
        while type(value) is Dual:
            seen.add(value.perturbation)
            value = value.value
        if not seen:
            return x
        wanted = len(seen) * (1 + solution.more)
        if steps == wanted:
            return x
        x = x - solution.step(r)
        steps += 1
        if steps == wanted:
            return x


def _value(x: Any, value: Any) -> Any:
    return value


@tangent_rule(_value)
def _valued(y: Any, x: Any, value: Any, dx: Any) -> Any:
    return dx


def valued(x: Any, value: Any) -> Any:
    """``value`` with the derivatives of ``x``."""
    if type(x) is Dual and type(x.value) is type(value) and value.shape == x.shape and value.dtype == x.dtype:
        p = x.perturbation
        if type(p) in (Single, Dense) and type(x.tangent) is np.ndarray:  # what the rule comes to
            return Dual(value, np.copy(x.tangent), p)
    return _valued(x, value)
