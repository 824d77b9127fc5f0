"""Steps of any method, taken again by collocation at the points of Radau IIA.

The stages of Radau are these; BDF, LSODA and solvers of the user's have none that could be taken again one by one, but
an interpolant.  At its numbers the variational equations are solved by a method of order 5 that is stable for stiff
systems.
Source: Hairer, Wanner, Solving Ordinary Differential Equations II, section IV.8.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse

from .columns import Columns
from .rates import LARGE, Rate, combined, jacobian_in_y, levels_in
from .sparse import splu
from .trajectories import Rows, Step, Steps

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
_MOST_PARTS = 16


class CollocationSteps(Steps):
    """Collocation at the points of Radau IIA: (1 - h A J) U' = y' + h A f', with U the numbers of SciPy's solution.

    The numbers satisfy the equations up to a constant, which is taken for one: so they stay what they are.
    ``between`` are times at which a state may be asked for, None for all: where a cubic is farther from SciPy's
    interpolant than ``close``, the steps around them are divided, so that those of a method of high order lose nothing.
    """

    def __init__(
        self, rate: Rate, steps: list[Step], start: Any, close: Callable[[Any], Any] | None = None, between: Any = ()
    ) -> None:
        if close is not None:
            steps = [part for step in steps for part in divided(step, _parts(step, close, between))]
        super().__init__(steps, start)
        self.rate = rate
        self._jacobian = jacobian_in_y(rate.constant())
        self._between: Any = {}
        if steps and start.shape[0] < LARGE and self._as_columns():
            return
        y = start
        for step in steps:
            y = combined(step.y, [(1.0, self._stages(step, y, last=True)[-1])])
            self.states.append(y)

    def _as_columns(self) -> bool:
        t = np.array([step.t_old + (step.t - step.t_old) * _NODES for step in self.steps])
        Y = np.stack([np.stack([*step.inside(times[:2]).T, step.y]) for step, times in zip(self.steps, t, strict=True)])
        if np.iscomplexobj(Y):
            return False
        n = Y.shape[-1]
        slopes = lambda: np.array([self.rate.number(at, y) for at, y in zip(t.ravel(), Y.reshape(-1, n), strict=True)])
        h = np.array([step.t - step.t_old for step in self.steps])
        columns = Columns(self.rate, t, Y, None, h, _RADAU, _RADAU[2])
        found = self._all_at_once(columns, self._jacobian, lambda: slopes().reshape(Y.shape))
        if found is None:
            return False
        self._between = Rows(found[0], 3, n)
        return True

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
        if type(self._between) is dict and i not in self._between:
            self._between[i] = self._stages(step, self.states[i], last=False)
        weights = _cubic((t - step.t_old) / (step.t - step.t_old))
        return list(zip(weights, [self.states[i], *self._between[i]], strict=True))


def _cubic(x: float) -> list[float]:
    """The weights of the start and the three points of a step in the cubic through them."""
    nodes = [0.0, *_NODES]
    return [float(np.prod([(x - b) / (a - b) for b in nodes if b != a])) for a in nodes]


_PROBES = np.array([0.4, 0.85])
_OF_PROBES = np.array([_cubic(x) for x in _PROBES])


def _parts(step: Step, close: Callable[[Any], Any], between: Any) -> int:
    """Into how many parts a step is divided, if any of the times is in it."""
    low, high = min(step.t_old, step.t), max(step.t_old, step.t)
    if between is not None and not np.any((low < between) & (between < high)):
        return 1
    values = step.inside(step.t_old + (step.t - step.t_old) * np.array([0.0, *_NODES, *_PROBES])).T
    worst = np.max(np.abs(_OF_PROBES @ values[:4] - values[4:]) / close(step.y), initial=0.0)
    return int(min(np.ceil(worst**0.25), _MOST_PARTS)) if worst > 1 else 1


def divided(step: Step, parts: int) -> list[Step]:
    """A step as several short ones along its interpolant."""
    if parts == 1:
        return [step]
    times = np.linspace(step.t_old, step.t, parts + 1)
    values = [step.y_old, *step.inside(times[1:-1]).T, step.y]
    return [Step(times[j], times[j + 1], values[j], values[j + 1], step.inside) for j in range(parts)]


class ComplexSteps:
    """`CollocationSteps` of real and imaginary parts, end to end: f need not be holomorphic."""

    def __init__(self, rate: Rate, steps: list[Step], start: Any) -> None:
        n = start.shape[0]
        whole = lambda t, u: _parts_of(rate(t, u[:n] + 1j * u[n:]))
        constant = rate.constant()
        split = Rate(whole, ())
        split.constant_fun = lambda t, u: _parts_of(constant(t, u[:n] + 1j * u[n:]))
        split._as_written = split.constant_fun
        real = [
            Step(s.t_old, s.t, _parts_of(s.y_old), _parts_of(s.y), lambda t, s=s: _parts_of(s.inside(t))) for s in steps
        ]
        self.n = n
        self._real = CollocationSteps(split, real, _parts_of(start))
        self.states = [start, self._joined(self._real.states[-1], steps[-1].y if steps else start)]

    def at(self, t: Any, value: Any) -> Any:
        return self._joined(self._real.at(t, _parts_of(value)), value)

    def _joined(self, u: Any, value: Any) -> Any:
        z = u[: self.n] + 1j * u[self.n :]
        return combined(value, [(1.0, z)]) if type(value) is np.ndarray else z


def _parts_of(z: Any) -> Any:
    return np.concatenate([np.real(z), np.imag(z)])
