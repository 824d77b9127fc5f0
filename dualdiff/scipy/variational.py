"""Forward sensitivities: the variational equations S' = J S + ∂f/∂θ beside y' = f, under SciPy's control of errors.

A Dual of forward mode holds y and its directions S; f of it holds y' and S'.  So the augmented system needs no more
than f, and what f closes over enters by itself.  Where f and its Jacobians can be had from one plain program
(programs.py), S' is their product with S and θ' instead.  An outer level enters by the augmented solution, whose steps
are taken again with derivatives in turn.

Conventions: an entry of S is as small, beside its largest value on the way, as the tolerances let y be beside its own.
Source: Hairer, Nørsett, Wanner, Solving Ordinary Differential Equations I, section I.14; Hindmarsh et al., CVODES.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import StagingRefused
from ..values.dual import Dual
from ..values.levels import innermost, value_of
from .implicit import numbers
from .programs import Linearised
from .rates import Rate, combined, levels_in

# A first solution, of which only the sizes of its entries are used: its tolerance, and no control of S at all.
_PILOT, _FREE = 1e-3, 1e200
# Sizes that turn out smaller than this, beside those that the tolerances came from, make new ones, so many times.
_SETTLED, _MOST_SOLUTIONS = 0.3, 12
# At least as often as this the right-hand side is going to be called.
_CALLS = 300
# At so many states a program is compared with the function.
_SOME = 16


class AugmentedSteps:
    """The states of the augmented solution, by time; ``solve(fun, z0, rtol, atol)`` is its continuous solution."""

    def __init__(
        self,
        rate: Rate,
        start: Any,
        times: tuple[float, float],
        solve: Callable[..., Any],
        rtol: Any,
        atol: Any,
    ) -> None:
        slope = rate(times[0], start)
        perturbation = innermost([start, slope])
        self.perturbation, self.n = perturbation, start.shape[0]
        self.solution: Any = None
        self.start, self.times = start, times
        if perturbation is None:
            raise ValueError(
                'solve_ivp: sensitivity="forward" finds no derivative at the start; take sensitivity="replay".'
            )
        if perturbation.mode != "forward":
            raise ValueError(
                'solve_ivp: sensitivity="forward" runs forwards, as jvp and jacfwd do; in reverse mode\n'
                '  take sensitivity="adjoint" or "replay".'
            )
        one = next(x for x in (start, slope) if type(x) is Dual and x.perturbation is perturbation)
        self.k = np.shape(perturbation.block_of(one.tangent))[0]
        z0 = self._flat(start)

        def augmented(t: Any, z: Any) -> Any:
            return self._flat(rate(t, self._state(z)))

        n, size = self.n, z0.shape[0]
        slopes = self._by_program(rate, start) or augmented
        absolute = np.broadcast_to(np.asarray(atol, float), (n,))
        free = np.concatenate([absolute, np.full(size - n, _FREE)])
        pilot = solve(slopes, numbers(z0), max(np.max(rtol), _PILOT), free)
        sizes = np.max(np.abs(numbers(pilot(pilot.ts))), axis=1)
        self.solution = self._controlled(solve, slopes, z0, rtol, absolute, sizes)
        if slopes is not augmented and not self._holds(rate, slopes):
            self.solution = self._controlled(solve, augmented, z0, rtol, absolute, sizes)
        self.states = [start, self.at(times[1], None)]

    def _controlled(self, solve: Any, slopes: Any, z0: Any, rtol: Any, absolute: Any, sizes: Any) -> Any:
        """The solution under control of errors of S too, which are as small beside these sizes as those of y."""
        n = self.n
        for _ in range(_MOST_SOLUTIONS):
            of_y, of_s = sizes[:n], sizes[n:].reshape(self.k, n)
            share = np.where(of_y > 0, absolute / np.where(of_y > 0, of_y, 1.0), np.max(rtol))
            scaled = np.where(of_s > 0, share * of_s, absolute).ravel()
            solution = solve(slopes, z0, rtol, np.concatenate([absolute, scaled]))
            sizes = np.max(np.abs(numbers(solution(solution.ts))), axis=1)
            # Without control, S may have come out much too large, and what was allowed for it with it.
            if np.all(sizes[n:] >= _SETTLED * of_s.ravel()):
                break
        return solution

    def _by_program(self, rate: Rate, start: Any) -> Callable[[Any, Any], Any] | None:
        """(f, J S + ∂f/∂θ θ') from one plain program for f, J and ∂f/∂θ (programs.py), where one level enters."""
        program = Linearised.of(rate, numbers(start), _CALLS)
        if program is None or levels_in(start, *program.active) != 1 or np.iscomplexobj(numbers(start)):
            return None
        p: Any = self.perturbation
        n = self.n
        theta = program.parameters
        of_theta = np.zeros((self.k, 0))
        if type(theta) is Dual:
            of_theta = np.reshape(p.block_of(p.current(theta.tangent)), (self.k, -1))

        def augmented(t: Any, z: Any) -> Any:
            try:
                f, J = program(float(t), z[:n])
            except StagingRefused:
                return self._flat(rate(t, self._state(z)))
            moving[:, :n] = z[n:].reshape(self.k, n)
            slopes = (moving @ J.T).ravel()
            if not math.isfinite(slopes.sum()):  # a partial that is infinite where nothing moves
                return self._flat(rate(t, self._state(z)))
            return np.concatenate([f, slopes])

        moving = np.concatenate([np.zeros((self.k, n)), of_theta], axis=1)
        t, z = float(self.times[0]), numbers(self._flat(start))
        known = numbers(self._flat(rate(t, self._state(z))))
        found = numbers(augmented(t, z))
        return augmented if np.allclose(found, known, rtol=1e-9, atol=1e-9 * np.max(np.abs(known))) else None

    def _holds(self, rate: Rate, slopes: Callable[[Any, Any], Any]) -> bool:
        """Whether the program has been the function all the way: what that depends on may have changed on it."""
        ts = np.asarray(numbers(self.solution.ts))
        for t in ts[np.linspace(0, len(ts) - 1, _SOME).astype(int)]:
            z = numbers(self.solution(t))
            known = rate.number(t, z[: self.n].copy())
            if not np.allclose(
                slopes(t, z)[: self.n], known, rtol=1e-8, atol=1e-8 * np.max(np.abs(known), initial=0.0)
            ):
                return False
        return True

    def _flat(self, y: Any) -> Any:
        """Value and directions end to end."""
        p: Any = self.perturbation
        value = value_of(y, p)
        if type(y) is Dual and y.perturbation is p:
            block = p.block_of(p.current(y.tangent))
            block = np.reshape(block, (self.k * self.n,))
        else:
            block = np.zeros(self.k * self.n)
        return np.concatenate([value, block])

    def _state(self, z: Any) -> Any:
        p: Any = self.perturbation
        return Dual(z[: self.n], p.seed(np.reshape(z[self.n :], (self.k, self.n))), p)

    def at(self, t: Any, value: Any) -> Any:
        y = self._state(self.solution(t))
        return combined(numbers(y) if value is None else value, [(1.0, y)])
