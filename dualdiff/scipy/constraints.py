"""Bounds and constraints of a minimisation: as a solver takes them, and as equations for derivatives of its solution.

At a minimum some constraints are active.  With g the active ones, x and multipliers λ solve

    ∇f(x) − λ·∇g(x) = 0,    g(x) = 0,    and an entry at an active bound is that bound

(Karush, Kuhn, Tucker).  Where each active inequality has λ > 0 and each other one is away from its bound, the same set
stays active nearby, and x is a smooth function of all parameters, the bounds among them.  Else it is not: an error.

Source: Nocedal & Wright, *Numerical Optimization*, chapter 12; Fiacco 1976 (sensitivity).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.optimize
import scipy.sparse

from .. import errors
from ..transforms.jacobian import jacobian
from ..transforms.reverse import grad, value_and_grad
from ..values.objects import carries, fused
from .callbacks import Watched, differentiable, jacobian_of, plain
from .curvature import Slopes
from .implicit import Function, Solution, numbers, polished, valued, with_derivatives

# How far from a bound a solver may leave an entry that belongs on it.
_RESOLUTION = 1e-3
# Below this, relative to the scale of the gradient or of the bound, a multiplier or a slack counts as zero.
_WEAK = 1e-8
_MOST_CHANGES = 20


class Constraint(NamedTuple):
    """lower <= function(x) <= upper; the function and the limits may carry derivatives."""

    function: Function
    lower: Any
    upper: Any
    matrix: Any = None  # of a linear one


# As the user gives them.


def bounds_of(bounds: Any, n: int) -> tuple[Any, Any]:
    """Lower and upper bounds of each entry, infinite where there are none."""
    if bounds is None:
        return np.full(n, -np.inf), np.full(n, np.inf)
    if isinstance(bounds, scipy.optimize.Bounds):
        lower, upper = fused(bounds.lb), fused(bounds.ub)
    else:
        pairs = [tuple(pair) for pair in bounds]
        lower = fused([-np.inf if low is None else low for low, _ in pairs])
        upper = fused([np.inf if high is None else high for _, high in pairs])
    return _of_length(lower, n), _of_length(upper, n)


def _of_length(limit: Any, n: int) -> Any:
    limit = limit if hasattr(limit, "dtype") else np.asarray(limit, float)
    return np.broadcast_to(limit, (n,)) if np.shape(limit) != (n,) else limit


def plain_bounds(bounds: Any) -> Any:
    """Bounds for SciPy, in the form that they came in."""
    if isinstance(bounds, scipy.optimize.Bounds) and carries([bounds.lb, bounds.ub]):
        return scipy.optimize.Bounds(numbers(bounds.lb), numbers(bounds.ub), bounds.keep_feasible)
    return plain(bounds)


def constraints_of(given: Any, x0: Any) -> tuple[list[Constraint], Any, list[Watched]]:
    """Constraints as equations, as SciPy is to get them (with exact Jacobians), and their functions."""
    if given is None:
        return [], (), []
    single = isinstance(given, (dict, scipy.optimize.LinearConstraint, scipy.optimize.NonlinearConstraint))
    ours: list[Constraint] = []
    theirs: list[Any] = []
    watched: list[Watched] = []
    for constraint in [given] if single else given:
        if isinstance(constraint, scipy.optimize.LinearConstraint):
            A = constraint.A.toarray() if scipy.sparse.issparse(constraint.A) else fused(constraint.A)
            limits = fused(constraint.lb), fused(constraint.ub)
            ours.append(Constraint(_product(A), *limits, A))
            if carries([A, *limits]):
                constraint = scipy.optimize.LinearConstraint(
                    numbers(A), *map(numbers, limits), keep_feasible=constraint.keep_feasible
                )
            theirs.append(constraint)
        elif isinstance(constraint, scipy.optimize.NonlinearConstraint):
            f = Watched(constraint.fun)
            limits = fused(constraint.lb), fused(constraint.ub)
            ours.append(Constraint(f.vector, *limits))
            g = f.on_numbers()
            jac = Watched(constraint.jac) if callable(constraint.jac) else _exact(g, x0) or constraint.jac
            theirs.append(
                scipy.optimize.NonlinearConstraint(
                    g,
                    *map(numbers, limits),
                    jac=jac,
                    hess=Watched(constraint.hess) if callable(constraint.hess) else constraint.hess,
                    keep_feasible=constraint.keep_feasible,
                    finite_diff_rel_step=constraint.finite_diff_rel_step,
                    finite_diff_jac_sparsity=constraint.finite_diff_jac_sparsity,
                )
            )
            watched.append(g)
        elif not (isinstance(constraint, dict) and callable(constraint.get("fun")) and "type" in constraint):
            theirs.append(constraint)  # SciPy says what is wrong
        else:
            f = Watched(constraint["fun"], constraint.get("args", ()))
            kind = constraint["type"].lower()
            ours.append(Constraint(f.vector, 0.0, 0.0 if kind == "eq" else np.inf))
            jac = constraint.get("jac")
            g = f.on_numbers()
            jac = Watched(jac, f.args) if callable(jac) else jac or _exact(g, x0)
            theirs.append({"type": constraint["type"], "fun": g} | ({"jac": jac} if jac else {}))
            watched.append(g)
    return ours, theirs[0] if single else theirs, watched


def _product(A: Any) -> Function:
    return lambda x: A @ x


def _exact(f: Watched, x0: Any) -> Any:
    exact = jacobian_of(f)
    return exact if differentiable(exact, x0) else None


# As equations.


class _Problem:
    """A minimisation at a plain point, with what is active there."""

    def __init__(self, f: Function, lower: Any, upper: Any, constraints: list[Constraint], x: Any) -> None:
        self.f, self.lower, self.upper = f, lower, upper
        self.constraints = constraints
        self.n = x.size
        limits = [self._limits(x, c) for c in constraints]
        self.low = np.concatenate([numbers(lower), *(numbers(c.lower) for c in limits)])
        self.high = np.concatenate([numbers(upper), *(numbers(c.upper) for c in limits)])
        self.limits = limits

    @staticmethod
    def _limits(x: Any, constraint: Constraint) -> Constraint:
        m = np.size(numbers(constraint.function(x)))
        return constraint._replace(lower=_of_length(constraint.lower, m), upper=_of_length(constraint.upper, m))

    def values(self, x: Any) -> Any:
        """The entries of x and the constraint functions: all that has limits."""
        return np.concatenate([x, *(c.function(x) for c in self.constraints)])

    def point(self, side: Any, free: Any) -> Any:
        """All entries: those at an active bound are it."""
        side = side[: self.n]
        bound = np.flatnonzero(side)
        if not bound.size:
            return free
        at = np.where(side[bound] < 0, self.lower[bound], self.upper[bound])
        order = np.empty(self.n, int)
        order[np.flatnonzero(side == 0)] = np.arange(self.n - bound.size)
        order[bound] = np.arange(self.n - bound.size, self.n)
        return np.concatenate([free, at])[order]

    def active(self, side: Any, x: Any) -> Any:
        """The active constraints, 0 where they hold."""
        parts = []
        i = self.n
        for c in self.limits:
            m = np.size(c.lower)
            chosen = np.flatnonzero(side[i : i + m])
            if chosen.size:
                low = side[i : i + m][chosen] < 0
                parts.append(c.function(x)[chosen] - np.where(low, c.lower[chosen], c.upper[chosen]))
            i += m
        return np.concatenate(parts) if parts else np.zeros(0)

    def lagrangian(self, side: Any, multipliers: Any) -> Function:
        if not np.size(multipliers):
            return self.f
        return lambda x: self.f(x) - np.dot(multipliers, self.active(side, x))

    def stationary(self, side: Any) -> Function:
        """The equations that hold for the free entries and the multipliers at the solution."""
        k = np.count_nonzero(side[: self.n] == 0)
        constrained = bool(np.any(side[self.n :]))

        def F(z: Any) -> Any:
            free, multipliers = z[:k], z[k:]
            L = self.lagrangian(side, multipliers)
            slope = grad(lambda free: L(self.point(side, free)))(free) if k else free
            return np.concatenate([slope, self.active(side, self.point(side, free))]) if constrained else slope

        return F


def minimum(
    name: str,
    f: Function,
    x: Any,
    lower: Any = None,
    upper: Any = None,
    constraints: list[Constraint] | None = None,
    on_numbers: Function | None = None,
    slopes: Slopes | None = None,
) -> tuple[Any, Any]:
    """A solver's minimum ``x`` of a scalar function with the derivatives that it, bounds and constraints carry.

    ``on_numbers`` is the function where all that it is given is plain, if that can be had, and ``slopes`` are of that.
    The second result is the function's value there, or None where that has not been found on the way.
    """
    n = x.size
    if constraints is None:
        constraints = []
    lower, upper = bounds_of(None, n) if lower is None else (lower, upper)
    carried = _Problem(f, lower, upper, constraints, x)
    f = on_numbers or f
    problem = _Problem(f, numbers(lower), numbers(upper), constraints, x)
    if not constraints and np.all(np.isinf(problem.low) & np.isinf(problem.high)):
        if slopes is None:
            return _free_minimum(carried.f, polished(name, grad(f), x))
        free = polished(name, slopes.gradient, x, jacobian=slopes.hessian, cheap=lambda: slopes.at_hand)
        return _free_minimum(carried.f, free, slopes)
    low, high = problem.low, problem.high
    values = numbers(problem.values(x))
    scale = _RESOLUTION * np.maximum(1.0, np.abs(values))
    width = np.where(np.isfinite(high - low), high - low, np.inf)
    near = np.minimum(scale, 0.25 * width)
    fixed = low == high
    side = np.where(fixed | (values - low <= near), -1, np.where(high - values <= near, 1, 0))
    # At first all that may be; then an active set method, from this point.
    for _ in range(_MOST_CHANGES):
        multipliers = _multipliers(problem, side, x)
        size = 1.0 + np.max(np.abs(numbers(grad(f)(x))), initial=0.0)
        wrong = (side != 0) & ~fixed & (multipliers <= _WEAK * size)
        if not np.any(wrong):
            break
        side = np.where(wrong & (multipliers == np.min(multipliers[wrong])), 0, side)
    for _ in range(_MOST_CHANGES):
        k = np.count_nonzero(side[:n] == 0)
        start = np.concatenate([x[side[:n] == 0], _constraint_multipliers(problem, side, x)])
        solution = polished(name, problem.stationary(side), start, far=np.inf) if start.size else None
        found = numbers(problem.point(side, start[:k] if solution is None else solution.x[:k]))
        multipliers, values = _multipliers(problem, side, found), numbers(problem.values(found))
        size = 1.0 + np.max(np.abs(numbers(grad(f)(found))), initial=0.0)
        slack = np.where(side == 0, np.minimum(values - low, high - values), np.inf)
        tolerance = _WEAK * np.maximum(1.0, np.abs(values))
        wrong = (side != 0) & ~fixed & (multipliers < -_WEAK * size)
        missing = slack < -tolerance
        if not np.any(wrong) and not np.any(missing):
            break
        side = np.where(wrong, 0, np.where(missing, np.where(values < low, -1, 1), side))
    else:
        raise errors.no_solution(name, "no set of active constraints fits it: tighten the solver's tolerance")
    weak = np.any((side != 0) & ~fixed & (multipliers <= _WEAK * size)) or np.any(slack <= tolerance)
    if weak:
        raise errors.no_solution(
            name,
            "a bound or constraint is weakly active (it holds with equality, but its multiplier is 0): to one side of "
            "these parameters it is active, to the other it is not",
        )
    if np.max(np.abs(found - x), initial=0.0) > 0.01 * max(1.0, np.max(np.abs(x), initial=0.0)):
        raise errors.no_solution(name, "the equations hold only at some distance from it: tighten the tolerance")
    z = start if solution is None else with_derivatives(carried.stationary(side), solution)
    return carried.point(side, z[:k]), None


def _free_minimum(f: Function, solution: Solution, slopes: Slopes | None = None) -> tuple[Any, Any]:
    """Where nothing is active: the value has its derivatives before the last step, along which it is level."""
    found = None
    if slopes is not None and solution.inverse is not None and not solution.more:
        found = slopes.moving(solution.x)
    if found is not None:  # of one level: one step, written out
        theta, value, J = found
        return valued(-(solution.inverse @ J[1:]) @ theta, solution.x), valued(J[0] @ theta, value)
    both, value = value_and_grad(f), None

    def F(x: Any) -> Any:
        nonlocal value
        value, gradient = both(x)
        return gradient

    return with_derivatives(F, solution), value


def _constraint_multipliers(problem: _Problem, side: Any, x: Any) -> Any:
    """Of active constraints, by least squares in the free directions."""
    if not np.any(side[problem.n :]):
        return np.zeros(0)
    free = side[: problem.n] == 0
    A = numbers(jacobian(lambda x: problem.active(side, x))(x))[:, free]
    slope = numbers(grad(problem.f)(x))[free]
    return np.linalg.lstsq(A.T, slope, rcond=None)[0]


def _multipliers(problem: _Problem, side: Any, x: Any) -> Any:
    """Of every limit: positive where it holds the solution back, 0 where it is not active."""
    of_constraints = _constraint_multipliers(problem, side, x)
    slope = numbers(grad(problem.lagrangian(side, of_constraints))(x))
    found = np.zeros(side.size)
    found[: problem.n] = slope
    found[problem.n :][side[problem.n :] != 0] = of_constraints
    return np.where(side == 0, 0.0, -side * found)
