"""All stages of all steps at once, where a right-hand side takes many states as the columns of an array.

Of a trajectory whose numbers are known, every stage is known: f and its Jacobians at all of them are one run of f on
arrays, if f works column by column, as most that are written with NumPy do.  Whether it does is tried, never assumed:
its values must be those that SciPy had at every stage, its Jacobians those of single states.  Then with k = f(Y), and
Y = y + h A k in each step of a method with tableau A, b, one step of Newton's method for all of them is

    k' = J Y' + r,   r = f(Y) - J (Y - Y₀),   y' ← y' + h bᵀ k'

with only the last recursion from step to step.  As in `dualdiff.scipy.trajectories`, numbers stay what they are.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..tangents import Like
from ..tangents.dense import Dense
from ..values.dual import Dual
from ..values.objects import fused
from .implicit import numbers
from .programs import Linearised
from .rates import Rate, combined, levels_in

# No more numbers than this in all Jacobians; no fewer steps, since single ones cost less then.
_MOST, _FEWEST_STEPS = 1_000_000, 4
_MOST_BY_PROGRAM = 4_000_000
# At so many states a program is compared with the function where SciPy's own slopes are not known.
_SOME = 16
# How near values and Jacobians must be to those of single states, relative to their largest entries.
_CLOSE, _CLOSE_TO_ZERO, _CLOSE_JACOBIANS = 1e-8, 1e-10, 1e-7


class Columns:
    """Stages with numbers ``Y`` and ``K`` of shape (steps, stages, n) at ``t`` of shape (steps, stages)."""

    def __init__(self, rate: Rate, t: Any, Y: Any, K: Any, h: Any, A: Any, b: Any) -> None:
        self.rate, self.t, self.Y, self.K = rate, t, Y, K
        self.h, self.A, self.b = h, A, b
        self.J: Any = None  # (steps, stages, n, n)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.Y.shape

    def work(self, single: Callable[[Any, Any], Any]) -> bool:
        """Whether the right-hand side takes columns; ``single`` is the Jacobian at one state."""
        steps, stages, n = self.shape
        if steps < _FEWEST_STEPS or steps * stages * n * n > _MOST or np.iscomplexobj(self.Y):
            return False
        rate, t = self.rate.constant(), self.t.ravel()
        flat = self.Y.reshape(-1, n).T.copy()
        known = self.K.reshape(-1, n).T
        one_for_all = np.broadcast_to(np.eye(n)[:, :, None], (n, *flat.shape)).copy()
        block = _tried(rate, t, flat, one_for_all, known)
        if block is None:
            return False
        J = np.transpose(block, (2, 1, 0))  # (directions, entries, columns)
        for q in np.linspace(0, len(t) - 1, 4).astype(int):
            if not _close(J[q], single(t[q], flat[:, q].copy())):
                return False
        own = np.random.default_rng(0).uniform(0.5, 1.0, (1, *flat.shape))
        moved = _tried(rate, t, flat, own, known)
        if moved is None or not _close(moved[0], np.einsum("qij,jq->iq", J, own[0])):
            return False
        self.J = J.reshape(steps, stages, n, n)
        return True

    def by_program(
        self, start: Any, single: Callable[[Any, Any], Any], most: float = np.inf, again: bool = False
    ) -> tuple[Any, Any, Any] | None:
        """As `derivatives`, of one level, for a function that takes no columns but can be written as a program.

        ``most`` is how many parameters it may have; ``K`` may be None, and ``again`` says that this is not the first
        attempt for one solution.
        """
        steps, stages, n = self.shape
        if np.iscomplexobj(self.Y):
            return None
        program = Linearised.of(self.rate, self.Y[0, 0], 0 if self.K is None else steps * stages, again)
        if program is None or levels_in(start, *program.active) != 1:
            return None
        m = len(program.z)
        if m > most or steps * stages * n * (n + m) > _MOST_BY_PROGRAM:
            return None
        times, flat = self.t.ravel(), self.Y.reshape(-1, n)
        found = program.at_all(times.tolist(), flat)
        if found is None:
            return None
        if self.K is None:
            some = np.linspace(0, len(times) - 1, _SOME).astype(int)
            known = np.array([self.rate.number(times[i], flat[i].copy()) for i in some])
        else:
            some, known = np.arange(len(times)), self.K.reshape(-1, n)
        if not _near(found[0][some].T, known.T):
            return None
        J = found[1]
        if not np.all(np.isfinite(J)):
            return None
        for q in (0, len(times) // 2):
            if not _close(J[q, :, :n], single(times[q], flat[q].copy())):
                return None
        self.J = J[:, :, :n].reshape(steps, stages, n, n)
        r = np.zeros((steps, stages, n))
        if m:
            r = np.reshape(J[:, :, n:].reshape(-1, m) @ program.parameters, r.shape)
        return self._of_one_level(start, combined(np.zeros(r.shape), [(1.0, r)]))

    def _of_one_level(self, start: Any, r: Any) -> tuple[Any, Any, Any]:
        hA = self.h[:, None, None] * self.A
        return self._solved(hA, self._slopes_of_state(hA), combined(np.zeros(self.shape[-1]), [(1.0, start)]), r)

    def _solved(self, hA: Any, G: Any, initial: Any, r: Any) -> tuple[Any, Any, Any]:
        """States, changes of stages and slopes, of zero-valued rests ``r`` of the slopes; Φ = 1 + h bᵀ G."""
        n = self.shape[-1]
        weights = self.h[:, None] * self.b
        transition = np.eye(n) + np.einsum("ns,nsij->nij", weights, G)
        k = self._slopes_of_rest(hA, r)
        steps_of_rest = np.einsum("ns,nsi->ni", weights, k)
        states = scanned(transition, np.concatenate([np.reshape(initial, (1, n)), steps_of_rest]))
        slopes = k + np.einsum("nsij,nj->nsi", G, states[:-1])
        return states, states[:-1][:, None, :] + np.einsum("nst,nti->nsi", hA, slopes), slopes

    def derivatives(self, start: Any) -> tuple[Any, Any, Any] | None:
        """Zero-valued states (steps + 1, n), stages Y and slopes (steps, stages, n), with all derivatives.

        None where nothing enters, or the function does not take columns with the derivatives that enter.
        """
        try:
            return self._derivatives(start)
        except Exception:  # of states one by one it may be the same, and is raised there
            return None

    def _derivatives(self, start: Any) -> tuple[Any, Any, Any] | None:
        steps, stages, n = self.shape
        hA = self.h[:, None, None] * self.A
        G = self._slopes_of_state(hA)
        Y: Any = self.Y
        zero = np.zeros((steps, stages, n))
        initial = combined(np.zeros(n), [(1.0, start)])
        taken = 0
        while True:
            f = self._one_more_column(Y)
            if not _near(numbers(f), self.K.reshape(-1, n).T):
                return None
            levels = levels_in(initial, f)
            f = np.reshape(f.T, (steps, stages, n))
            if levels <= taken:
                return None
            r = combined(zero, [(1.0, f)])
            if taken:
                r = r - (self.J @ combined(zero, [(1.0, Y)])[..., None])[..., 0]
            states, change, slopes = self._solved(hA, G, initial, r)
            taken += 1
            if levels == taken:
                return states, change, slopes
            Y = combined(self.Y, [(1.0, change)])

    def _one_more_column(self, Y: Any) -> Any:
        """f of all columns where these are one more than they were: nothing else has that length as well."""
        t, flat = self.t.ravel(), np.reshape(Y, (-1, self.shape[-1])).T
        f = _of_columns(self.rate, np.append(t, t[-1]), np.concatenate([flat, flat[:, -1:]], axis=1))
        return f[:, :-1] if np.shape(f) == (flat.shape[0], len(t) + 1) else f

    def _slopes_of_state(self, hA: Any) -> Any:
        """G with k' = G y', of the state at the start of a step alone."""
        steps, stages, n = self.shape
        if self._one_map:
            return (self._inverse(hA) @ self.J.reshape(steps, stages * n, n)).reshape(steps, stages, n, n)
        return self._stage_by_stage(hA, self.J)

    def _slopes_of_rest(self, hA: Any, r: Any) -> Any:
        """k' where y' is zero."""
        steps, stages, n = self.shape
        if self._one_map:
            return np.reshape((self._inverse(hA) @ np.reshape(r, (steps, stages * n, 1))), (steps, stages, n))
        slopes: list[Any] = []
        for s in range(stages):
            slope = r[:, s]
            moved = [hA[:, s, t, None] * slopes[t] for t in range(s) if self.A[s, t]]
            if moved:
                slope = slope + (self.J[:, s] @ sum(moved[1:], moved[0])[..., None])[..., 0]
            slopes.append(slope)
        return np.stack(slopes, axis=1)

    @property
    def _one_map(self) -> bool:
        """Of an implicit method, and of small systems, since one linear map costs less than one for each stage."""
        steps, stages, n = self.shape
        return self._implicit or steps * (stages * n) ** 2 <= _MOST

    @property
    def _implicit(self) -> bool:
        return bool(np.any(np.triu(self.A)))

    def _inverse(self, hA: Any) -> Any:
        """(1 - J h A)⁻¹ of each step, on all of its slopes."""
        if not hasattr(self, "_kept"):
            steps, stages, n = self.shape
            one = np.eye(stages * n)
            if self._implicit:
                M = -np.einsum("nsij,nst->nsitj", self.J, hA).reshape(steps, stages * n, stages * n)
                self._kept = np.linalg.inv(one + M)
            else:
                one = np.broadcast_to(one.reshape(stages, n, stages * n), (steps, stages, n, stages * n))
                self._kept = self._stage_by_stage(hA, one).reshape(steps, stages * n, stages * n)
        return self._kept

    def _stage_by_stage(self, hA: Any, own: Any) -> Any:
        """K with Kₛ = ownₛ + Jₛ Σ h aₛₜ Kₜ, plain matrices, of an explicit method."""
        K = np.zeros(own.shape)
        for s in range(len(self.A)):
            before = [t for t in range(s) if self.A[s, t]]
            K[:, s] = own[:, s]
            if before:
                moved = hA[:, s, before, None, None] * K[:, before]
                K[:, s] += self.J[:, s] @ np.sum(moved, axis=1)
        return K


def _tried(rate: Rate, t: Any, Y: Any, seed: Any, known: Any) -> Any:
    """The directions of f of all columns, or None where it does not take them or has other values."""
    perturbation = Dense(len(seed))
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            k = _of_columns(rate, t, Dual(Y, seed, perturbation))
            if not _near(numbers(k), known):
                return None
            if type(k) is not Dual or k.perturbation is not perturbation:
                return np.zeros((len(seed), *known.shape))
            block = np.copy(numbers(perturbation.current(k.tangent)))
    except Exception:  # a function that takes one state may fail on many in any way
        return None
    finally:
        perturbation.live = False
    return block if np.all(np.isfinite(block)) else None


def _close(J: Any, known: Any) -> bool:
    return bool(np.all(np.abs(J - known) <= _CLOSE_JACOBIANS * np.max(np.abs(known), initial=1e-300)))


def _near(values: Any, known: Any) -> bool:
    size = np.max(np.abs(known), axis=1, keepdims=True)
    if np.shape(values) != known.shape:
        return False
    return bool(np.all(np.abs(values - known) <= _CLOSE * size + _CLOSE_TO_ZERO * np.max(size)))


def _of_columns(rate: Rate, t: Any, Y: Any) -> Any:
    """f of all columns; what it returns as a list may have constants among its rows."""
    k = rate.fun(t, Y, *rate.args)
    if isinstance(k, (list, tuple)) and len(k) == np.shape(Y)[0]:
        k = np.stack([np.broadcast_to(fused(row), np.shape(Y)[1:]) for row in k])
    return fused(k)


def scanned(transition: Any, rest: Any) -> Any:
    """s₀ = z₀, sᵢ₊₁ = Φᵢ sᵢ + zᵢ₊₁ along the first axis, as one linear map."""
    if type(rest) is not Dual:
        return _along(transition, rest[None])[0]
    p = rest.perturbation
    like = Like(rest.shape, rest.dtype)
    tangent = p.linear_map(
        p.current(rest.tangent), lambda block: _along(transition, block), lambda block: _back(transition, block), like
    )
    return Dual(scanned(transition, rest.value), tangent, p)


def _along(transition: Any, block: Any) -> Any:
    state = block[:, 0]
    states = [state]
    for i in range(len(transition)):
        state = state @ transition[i].T + block[:, i + 1]
        states.append(state)
    return np.stack(states, axis=1)


def _back(transition: Any, block: Any) -> Any:
    state = block[:, -1]
    states = [state]
    for i in range(len(transition) - 1, -1, -1):
        state = block[:, i] + state @ transition[i]
        states.append(state)
    return np.stack(states[::-1], axis=1)


class States:
    """States with their numbers, made from a block when they are asked for."""

    def __init__(self, block: Any, values: list[Any]) -> None:
        self.block, self.values = block, values

    def __getitem__(self, i: int) -> Any:
        return combined(self.values[i], [(1.0, self.block[i])])
