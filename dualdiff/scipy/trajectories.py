"""The accepted steps of a solver, taken again with derivatives.

SciPy chooses the steps on plain numbers; a class of its own kind (`recording`) writes them down.  Then

    RungeKuttaSteps     the stages of RK23, RK45 and DOP853, with derivatives: those of the discrete solution
    CollocationSteps    of all other methods: three stages of Radau IIA in each step, at the numbers that SciPy's
                        solution has there, and one Newton step on them for each level of differentiation
    AugmentedSteps      SciPy's own solution of the variational equations, under its control of errors

Each has ``at(t)``, the states at plain times, with derivatives.  Numbers are SciPy's throughout.
Source: Hairer, Wanner, Solving Ordinary Differential Equations II, section IV.8; Griewank & Walther, section 15.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.integrate
import scipy.sparse
from scipy.integrate import DOP853, RK23, RK45, OdeSolver

from ..tangents.dense import Dense
from ..transforms.forward import jacfwd
from ..transforms.sparse import sparse_jacobian
from ..values.dual import Dual
from ..values.objects import fused
from .implicit import numbers
from .rates import Rate, combined, levels_in
from .sparse import splu

RUNGE_KUTTA = RK23.__mro__[1]
_S6 = 6**0.5
# Radau IIA of order 5.
_NODES = np.array([(4 - _S6) / 10, (4 + _S6) / 10, 1.0])
_RADAU = np.array(
    [
        [(88 - 7 * _S6) / 360, (296 - 169 * _S6) / 1800, (-2 + 3 * _S6) / 225],
        [(296 + 169 * _S6) / 1800, (88 + 7 * _S6) / 360, (-2 - 3 * _S6) / 225],
        [(16 - _S6) / 36, (16 + _S6) / 36, 1 / 9],
    ]
)
# From this many unknowns on, the Jacobian is tried as a sparse one, and is one if so few entries can be nonzero.
_LARGE, _SPARSE = 50, 0.2
_MOST_PARTS = 16


class Step(NamedTuple):
    """An accepted step: its ends, the numbers there, and what is needed between them (stages, or an interpolant)."""

    t_old: Any
    t: Any
    y_old: Any
    y: Any
    inside: Any


def recording(method: type[OdeSolver]) -> tuple[type[OdeSolver], list[Step]]:
    """The same solver, and the list that it writes its steps into."""
    steps: list[Step] = []
    stages = has_stages(method)

    def step(self: Any) -> Any:
        t_old, y_old = self.t, self.y
        message = method.step(self)
        if self.status != "failed" and self.n and self.t != t_old:
            steps.append(Step(t_old, self.t, y_old, self.y, np.copy(self.K) if stages else self.dense_output()))
        return message

    return type(method.__name__, (method,), {"step": step, "__module__": method.__module__}), steps


def has_stages(method: type[OdeSolver]) -> bool:
    """Whether the steps are those of a tableau, and not changed by a class of the user's."""
    return any(
        issubclass(method, own) and all(getattr(method, name) is getattr(own, name) for name in _OF_A_STEP)
        for own in (RK23, RK45, DOP853)
    )


_OF_A_STEP = ("step", "_step_impl", "_dense_output_impl", "A", "B", "C")


class Steps:
    """What trajectories have in common: states at the ends of steps, by time."""

    def __init__(self, steps: list[Step], start: Any) -> None:
        self.steps = steps
        self.states = [start]
        self.times = np.array([steps[0].t_old, *(step.t for step in steps)] if steps else [])
        self._sign = -1.0 if len(steps) and steps[-1].t < steps[0].t_old else 1.0

    def at(self, t: Any, value: Any) -> Any:
        """The state at a plain time, where SciPy's number is ``value``."""
        if not self.steps:
            return combined(value, [(1.0, self.states[0])])
        i = int(np.searchsorted(self._sign * self.times, self._sign * t, side="left"))
        if i < len(self.times) and self.times[i] == t:
            return combined(value, [(1.0, self.states[i])])
        i = min(max(i - 1, 0), len(self.steps) - 1)
        return combined(value, self.inside(i, t))

    def inside(self, i: int, t: Any) -> list[tuple[Any, Any]]:
        """The state inside step number i, as a weighted sum."""
        raise NotImplementedError


class RungeKuttaSteps(Steps):
    """The stages of an explicit method with derivatives."""

    def __init__(self, rate: Rate, method: Any, steps: list[Step], start: Any) -> None:
        super().__init__(steps, start)
        self.rate, self.method = rate, method
        self.slopes: list[list[Any]] = []
        self._extended: dict[int, list[Any]] = {}
        y = start
        slope = rate(steps[0].t_old, y) if steps else None
        for step in steps:
            h, K = step.t - step.t_old, step.inside
            slopes = [slope]
            self._stages(step, y, slopes, K, method.A[1:], method.C[1:])
            y = combined(step.y, [(1.0, y), *self._weighted(h * method.B, slopes)])
            slope = rate(step.t_old + h, y)
            slopes.append(slope)
            self.slopes.append(slopes)
            self.states.append(y)

    def _stages(self, step: Step, y: Any, slopes: list[Any], K: Any, A: Any, C: Any) -> None:
        h = step.t - step.t_old
        for a, c in zip(A, C, strict=True):
            s = len(slopes)
            value = step.y_old + np.dot(K[:s].T, a[:s]) * h
            slopes.append(self.rate(step.t_old + c * h, combined(value, [(1.0, y), *self._weighted(h * a, slopes)])))

    @staticmethod
    def _weighted(weights: Any, slopes: list[Any]) -> list[tuple[Any, Any]]:
        return [(float(w), k) for w, k in zip(weights, slopes, strict=False) if w]

    def inside(self, i: int, t: Any) -> list[tuple[Any, Any]]:
        step = self.steps[i]
        h = step.t - step.t_old
        x = (t - step.t_old) / h
        if issubclass(self.method, DOP853):
            weights, slopes = h * self._eighth_order(x), self._with_extra_stages(i)
        else:
            P = self.method.P
            weights, slopes = h * (P @ x ** np.arange(1, P.shape[1] + 1)), self.slopes[i]
        return [(1.0, self.states[i]), *self._weighted(weights, slopes)]

    def _with_extra_stages(self, i: int) -> list[Any]:
        if i not in self._extended:
            step, slopes = self.steps[i], list(self.slopes[i])
            K = step.inside
            for a, c in zip(self.method.A_EXTRA, self.method.C_EXTRA, strict=True):
                self._stages(step, self.states[i], slopes, K, [a], [c])
                K = np.vstack([K, numbers(slopes[-1])])
            self._extended[i] = slopes
        return self._extended[i]

    def _eighth_order(self, x: float) -> Any:
        """The weights of the slopes, by Horner's rule in x and 1 - x as in SciPy's interpolant."""
        D = self.method.D
        n = D.shape[1]
        first, last, increment = np.eye(n)[0], np.eye(n)[self.method.n_stages], np.zeros(n)
        increment[: self.method.n_stages] = self.method.B
        rows = [increment, first - increment, 2 * increment - (last + first), *D]
        total = np.zeros(n)
        for i, row in enumerate(reversed(rows)):
            total = (total + row) * (x if i % 2 == 0 else 1 - x)
        return total


class CollocationSteps(Steps):
    """Collocation at the points of Radau IIA: (1 - h A J) U' = y' + h A f', with U the numbers of SciPy's solution.

    The numbers satisfy the equations up to a constant, which is taken for one: so they stay what they are.
    ``close`` says how far from SciPy's interpolant a cubic may be: where it is not as close, a step is divided, so that
    methods of high order with their long steps lose nothing between them.
    """

    def __init__(self, rate: Rate, steps: list[Step], start: Any, close: Callable[[Any], Any] | None = None) -> None:
        super().__init__(steps, start)
        self.rate, self.close = rate, close
        self._jacobian = jacobian_in_y(rate.constant())
        self._within: dict[int, CollocationSteps] = {}
        self._between: dict[int, list[Any]] = {}
        y = start
        for step in steps:
            y = combined(step.y, [(1.0, self._stages(step, y, last=True)[-1])])
            self.states.append(y)

    def _stages(self, step: Step, y: Any, last: bool) -> list[Any]:
        """The states at the three points, or only the last of them, which is that at the end of the step."""
        h = step.t - step.t_old
        times = step.t_old + h * _NODES
        values = [*step.inside(times[:2]).T, step.y]
        stages, newton, taken = list(values), None, 0
        while True:
            slopes = [self.rate(t, u) for t, u in zip(times, stages, strict=True)]
            levels = levels_in(y, *slopes)
            if levels <= taken:
                return stages
            if newton is None:
                newton = self._newton(times, values, h)
            taken += 1
            stages = newton(y, slopes, stages, values, last and levels == taken)
            if levels == taken:
                return stages

    def _newton(self, times: Any, values: list[Any], h: Any) -> Callable[..., list[Any]]:
        """The step  U + M⁻¹ (y - U + h A f),  M = 1 - h A J,  and the numbers of U kept."""
        jacobians = [self._jacobian(t, u) for t, u in zip(times, values, strict=True)]
        n = len(values[0])
        if scipy.sparse.issparse(jacobians[0]):
            blocks = [[-h * a * J for a, J in zip(row, jacobians, strict=True)] for row in _RADAU]
            whole = scipy.sparse.csc_array(scipy.sparse.identity(3 * n) + scipy.sparse.block_array(blocks))
            solve = splu(whole).solve

            def by_factors(y: Any, slopes: list[Any], stages: list[Any], values: list[Any], last: bool) -> list[Any]:
                zero = np.zeros_like(values[0])
                residuals = [
                    combined(
                        zero, [(1.0, y), (-1.0, u), *((float(h * a), k) for a, k in zip(row, slopes, strict=True))]
                    )
                    for row, u in zip(_RADAU, stages, strict=True)
                ]
                change = solve(np.concatenate(residuals))
                parts = [change[i * n : (i + 1) * n] for i in range(3)]
                found = [combined(v, [(1.0, u), (1.0, d)]) for v, u, d in zip(values, stages, parts, strict=True)]
                return found[2:] if last else found

            return by_factors
        # M[i, :, j, :] = δᵢⱼ - h aᵢⱼ Jⱼ
        M = np.einsum("ij,jkl->ikjl", -h * _RADAU, np.stack(jacobians)).reshape(3 * n, 3 * n)
        inverse = np.linalg.inv(np.eye(3 * n) + M).reshape(3 * n, 3, n)
        of_start = np.sum(inverse, axis=1)
        of_slopes = np.einsum("aik,ij->ajk", inverse, h * _RADAU).reshape(3 * n, 3 * n)
        both = np.hstack([of_start, of_slopes])

        def by_inverse(y: Any, slopes: list[Any], stages: list[Any], values: list[Any], last: bool) -> list[Any]:
            if last and levels_in(*stages) == 0:
                return [combined(values[2], [(1.0, both[2 * n :] @ np.concatenate([y, *slopes]))])]
            linear = both @ np.concatenate([y, *slopes])
            if levels_in(*stages):
                linear = linear - inverse.reshape(3 * n, 3 * n) @ np.concatenate(stages)
            parts = [linear[i * n : (i + 1) * n] for i in range(3)]
            found = [combined(v, [(1.0, u), (1.0, d)]) for v, u, d in zip(values, stages, parts, strict=True)]
            return found[2:] if last else found

        return by_inverse

    def inside(self, i: int, t: Any) -> list[tuple[Any, Any]]:
        step = self.steps[i]
        if i in self._within:
            within = self._within[i]
            return within.inside(
                min(int(np.searchsorted(self._sign * within.times, self._sign * t)), len(within.steps)) - 1, t
            )
        if i not in self._between:
            if (parts := self._parts(step)) > 1:
                self._within[i] = CollocationSteps(self.rate, _divided(step, parts), self.states[i])
                return self.inside(i, t)
            self._between[i] = self._stages(step, self.states[i], last=False)
        return list(zip(self._weights(step, t), [self.states[i], *self._between[i]], strict=True))

    @staticmethod
    def _weights(step: Step, t: Any) -> list[float]:
        x = (t - step.t_old) / (step.t - step.t_old)
        nodes = [0.0, *_NODES]
        return [float(np.prod([(x - b) / (a - b) for b in nodes if b != a])) for a in nodes]

    def _parts(self, step: Step) -> int:
        if self.close is None:
            return 1
        times = step.t_old + (step.t - step.t_old) * np.array([0.0, *_NODES, 0.4, 0.85])
        values = step.inside(times).T
        worst = 0.0
        for t, value in zip(times[4:], values[4:], strict=True):
            cubic = sum(w * v for w, v in zip(self._weights(step, t), values, strict=False))
            worst = max(worst, np.max(np.abs(cubic - value) / self.close(step.y), initial=0.0))
        return int(min(np.ceil(worst**0.25), _MOST_PARTS)) if worst > 1 else 1


def _divided(step: Step, parts: int) -> list[Step]:
    """A step as several short ones along its interpolant."""
    times = np.linspace(step.t_old, step.t, parts + 1)
    values = [step.y_old, *step.inside(times[1:-1]).T, step.y]
    return [Step(times[j], times[j + 1], values[j], values[j + 1], step.inside) for j in range(parts)]


def jacobian_in_y(rate: Rate) -> Callable[[Any, Any], Any]:
    """∂f/∂y at plain t and y, as a matrix, or as a sparse one where that is large and mostly zero."""
    now: list[Any] = [None]
    f = lambda y: rate(now[0], y)
    dense = jacfwd(f)
    chosen: list[Any] = []

    def at(t: Any, y: Any) -> Any:
        now[0] = t
        y = np.array(y, dtype=float)
        if not chosen:
            chosen.append(None)
            if y.size >= _LARGE:
                sparse = sparse_jacobian(f)
                found = sparse(y)
                if found.nnz <= _SPARSE * y.size**2:
                    chosen[0] = sparse
                    return scipy.sparse.csc_matrix(found)
        if chosen[0] is not None:
            return scipy.sparse.csc_matrix(chosen[0](y))
        J = _of_one_sweep(rate, t, y)
        return J if np.all(np.isfinite(J)) else numbers(fused(dense(y)))

    return at


def _of_one_sweep(rate: Rate, t: Any, y: Any) -> Any:
    """What `jacfwd` does, without its care for infinite partials: for small systems most of its time."""
    n = y.size
    perturbation = Dense(n)
    try:
        k = rate(t, Dual(y, np.eye(n), perturbation))
        if type(k) is Dual and k.perturbation is perturbation:
            return np.copy(numbers(perturbation.block_of(perturbation.current(k.tangent)))).T
        return np.zeros((n, n))
    finally:
        perturbation.live = False
