"""The accepted steps of a solver, taken again with derivatives.

SciPy chooses the steps on plain numbers; a class of its own kind (`recording`) writes them down.  Then

    RungeKuttaSteps     the stages of RK23, RK45 and DOP853, with derivatives: those of the discrete solution
    CollocationSteps    of all other methods (collocation.py): three stages of Radau IIA in each step
    AugmentedSteps      SciPy's own solution of the variational equations, under its control of errors (variational.py)

Each has ``at(t)``, the states at plain times, with derivatives.  Numbers are SciPy's throughout.  Stages are run all at
once where the right-hand side allows it (columns.py), and one by one otherwise.
Source: Hairer, Nørsett, Wanner, Solving Ordinary Differential Equations I, section II.6.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.integrate import DOP853, RK23, RK45, OdeSolver

from .. import errors
from .columns import Columns, States
from .implicit import numbers
from .rates import Rate, combined, jacobian_of_one_sweep

# So few parameters that their partial derivatives are made together with the Jacobian.
_FEW = 30


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


def interpolant(method: Any, step: Step, rate: Rate) -> Callable[[Any], Any]:
    """SciPy's continuous solution in a step, at one time or at many."""
    if callable(step.inside):
        return step.inside
    h, K = step.t - step.t_old, step.inside
    if issubclass(method, DOP853):
        for a, c in zip(method.A_EXTRA, method.C_EXTRA, strict=True):
            at = step.y_old + np.dot(K.T, a[: len(K)]) * h
            K = np.vstack([K, rate.number(step.t_old + c * h, at)])

    def inside(t: Any) -> Any:
        x = (np.asarray(t) - step.t_old) / h
        if issubclass(method, DOP853):
            weights = eighth_order(method, np.ravel(x))
        else:
            weights = method.P @ np.ravel(x) ** np.arange(1, method.P.shape[1] + 1)[:, None]
        y = step.y_old[:, None] + h * (K.T @ weights)
        return y[:, 0] if np.ndim(t) == 0 else y

    return inside


class Steps:
    """What trajectories have in common: states at the ends of steps, by time."""

    def __init__(self, steps: list[Step], start: Any) -> None:
        self.steps = steps
        self.states: Any = [start]
        self.block: Any = None  # all states as one array of value zero, where the function takes columns
        self.times = np.array([steps[0].t_old, *(step.t for step in steps)] if steps else [])
        self._sign = -1.0 if len(steps) and steps[-1].t < steps[0].t_old else 1.0

    def _all_at_once(
        self, columns: Columns, single: Callable[[Any, Any], Any], slopes: Callable[[], Any] | None = None
    ) -> tuple[Any, Any] | None:
        """Stages and slopes of all steps from one run of the function, and the states, where it takes columns.

        ``slopes`` makes the numbers of the slopes where they are not known: a program needs few of them.
        """
        start, found = self.states[0], None
        if slopes is not None:
            found = columns.by_program(start, single, most=_FEW)
            columns.K = slopes() if found is None else None
        if found is None:
            found = columns.derivatives(start) if columns.work(single) else None
            found = columns.by_program(start, single, again=slopes is not None) if found is None else found
        if found is None:
            return None
        self.block, stages, slopes = found
        self.states = States(self.block, [self.steps[0].y_old, *(step.y for step in self.steps)])
        return stages, slopes

    def at(self, t: Any, value: Any) -> Any:
        """The state at a plain time, where SciPy's number is ``value``."""
        if not self.steps:
            return combined(value, [(1.0, self.states[0])])
        i = int(self.places(t))
        if i < len(self.times) and self.times[i] == t:
            return combined(value, [(1.0, self.states[i])])
        i = min(max(i - 1, 0), len(self.steps) - 1)
        return combined(value, self.inside(i, t))

    def places(self, t: Any) -> Any:
        """The number of the first end of a step that is not before a time."""
        return np.searchsorted(self._sign * self.times, self._sign * t, side="left")

    def inside(self, i: int, t: Any) -> list[tuple[Any, Any]]:
        """The state inside step number i, as a weighted sum."""
        raise NotImplementedError


def _check_same(slopes: list[Any], known: Any) -> None:
    """Raise if the function gives other slopes at the states of the solution than when that was made."""
    values = np.array([numbers(slope) for slope in slopes])
    if np.any(np.abs(values - known[: len(slopes)]) > 1e-6 * np.max(np.abs(known[: len(slopes)]), initial=0.0)):
        raise errors.no_solution(
            "solve_ivp",
            "the right-hand side, evaluated once more at the states of the solution, gives other values; it depends on "
            "something besides t, y and its arguments, such as what an event or an earlier call leaves behind",
        )


class Rows:
    """The stages of step number i, out of an array of those of all steps."""

    def __init__(self, block: Any, stages: int, n: int) -> None:
        self.block, self.stages, self.n = block, stages, n

    def __getitem__(self, i: int) -> list[Any]:
        row = self.block[i]
        return [row[s] for s in range(self.stages)]


class RungeKuttaSteps(Steps):
    """The stages of an explicit method with derivatives."""

    def __init__(self, rate: Rate, method: Any, steps: list[Step], start: Any) -> None:
        super().__init__(steps, start)
        self.rate, self.method = rate, method
        self.slopes: Any = []
        self._extended: dict[int, list[Any]] = {}
        if steps and self._as_columns():
            return
        y = start
        slope = rate(steps[0].t_old, y) if steps else None
        for step in steps:
            h, K = step.t - step.t_old, step.inside
            slopes = [slope]
            self._stages(step, y, slopes, K, method.A[1:], method.C[1:])
            y = combined(step.y, [(1.0, y), *self._weighted(h * method.B, slopes)])
            slope = rate(step.t_old + h, y)
            slopes.append(slope)
            _check_same(slopes, K)
            self.slopes.append(slopes)
            self.states.append(y)

    def _as_columns(self) -> bool:
        method, n = self.method, len(self.steps[0].y)
        stages = len(method.B) + 1
        # The slope at the end of a step is one more stage: interpolants use it.
        A, b = np.zeros((stages, stages)), np.append(method.B, 0.0)
        A[:-1, : method.A.shape[1]] = method.A
        A[-1, :-1] = method.B
        nodes = np.append(method.C, 1.0)
        t_old = np.array([step.t_old for step in self.steps])
        h = np.array([step.t for step in self.steps]) - t_old
        K = np.stack([step.inside for step in self.steps])
        Y = np.stack([step.y_old for step in self.steps])[:, None, :] + h[:, None, None] * (A @ K)
        columns = Columns(self.rate, t_old[:, None] + h[:, None] * nodes, Y, K, h, A, b)
        constant = self.rate.constant()
        found = self._all_at_once(columns, lambda t, y: jacobian_of_one_sweep(constant, t, y))
        if found is None:
            return False
        self.slopes = Rows(found[1], stages, n)
        return True

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
            weights, slopes = h * eighth_order(self.method, x), self._with_extra_stages(i)
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


def eighth_order(method: Any, x: Any) -> Any:
    """The weights of the slopes of DOP853 at x, by Horner's rule in x and 1 - x as in SciPy's interpolant.

    For n times, n columns.
    """
    D = method.D
    n = D.shape[1]
    first, last, increment = np.eye(n)[0], np.eye(n)[method.n_stages], np.zeros(n)
    increment[: method.n_stages] = method.B
    rows = [increment, first - increment, 2 * increment - (last + first), *D]
    total: Any = 0.0
    for i, row in enumerate(reversed(rows)):
        total = (total + (row[:, None] if np.ndim(x) else row)) * (x if i % 2 == 0 else 1 - x)
    return total
