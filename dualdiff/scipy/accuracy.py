"""Whether the steps of a solution are short enough for its derivatives, and shorter ones where they are not.

SciPy chose the steps for y.  Around a value that rests, or one that a parameter of value 0 is about to move, a
derivative S may move much faster.  How well steps resolve a quantity, the quantity tells: each of its values is
compared with the cubic through its four neighbours.  Where that fails for S and not for y, the steps are divided until
two trajectories, one of them with twice as many steps, agree.  In reverse mode S is not at hand, but ⟨w, S⟩ is for any
w, by running the record of the solution back: random signs take the place of maxima.

    trajectory = resolved(name, rate, trajectory, steps, inside, start, tolerance, rtol, order, tapes)
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from ..values.dual import Dual
from .collocation import CollocationSteps, divided
from .implicit import numbers
from .movement import pulled
from .rates import Rate, combined
from .trajectories import Step

# S is resolved well enough if it is as well as y, but for this factor, or if its error is below the tolerance.
_WORSE, _WORSE_IF_COARSE, _OF_HIGH_ORDER, _IMPLICIT, _COARSE, _CUBIC = 20.0, 5.0, 8.0, 50.0, 0.1, 10.0
# Two trajectories agree to so many times rtol; a division that has come to so many steps is given up.
_AGREE, _MOST_STEPS = 2.0, 50_000
_FEW, _PROBES, _FAST, _ROUNDING = 6, 3, 2.0, 1e-12


def resolved(
    name: str,
    rate: Rate,
    trajectory: Any,
    steps: list[Step],
    inside: Callable[[int], Callable[[Any], Any]],
    start: Any,
    tolerance: Callable[[Any], Any],
    rtol: float,
    order: int,
    tapes: dict[int, int],
) -> Any:
    """The trajectory, or one with shorter steps; ``order`` is that of an explicit method which took these, or 0."""
    first = getattr(trajectory, "steps", None)
    if not first or start.dtype.kind == "c" or not rtol < 0.1:
        return trajectory
    block = _states(trajectory, range(len(first) + 1))
    if type(block) is not Dual:
        return trajectory
    y = np.stack([first[0].y_old, *(step.y for step in first)])
    t = np.array([first[0].t_old, *(step.t for step in first)])
    worst = 1.0
    if len(t) >= _FEW:
        W = _against_neighbours(t)
        worst = _ratio(W @ block, block, y, tapes)
        of_y = _ratio_of_numbers(W @ y, y, block.perturbation.mode == "forward")
        power = ((order or 5) + 1) / 4
        if worst <= _factor(worst, order) * of_y or (_CUBIC * worst) ** power <= rtol:
            return trajectory
    # Steps as they are given, by number of parts, all of them at most so long.
    longest = max(abs(step.t - step.t_old) for step in steps)
    parts = int(np.clip(np.ceil((_CUBIC * worst / rtol ** (2 / 3)) ** 0.25), 2, 64))
    coarse = None
    if len(t) < _FEW:
        parts, coarse = 1, trajectory
        ends = _ends(t, steps)
    while True:
        counts = [int(np.ceil(parts * abs(step.t - step.t_old) / longest)) for step in steps]
        if sum(counts) > _MOST_STEPS:
            raise errors.no_solution(
                name,
                "the derivative moves so much faster than the solution that no division of its steps follows it\n"
                '  (max_step= bounds them;  sensitivity="forward"  controls its own error)',
            )
        if coarse is None or parts > 1:
            shorter = []
            for i, (step, n) in enumerate(zip(steps, counts, strict=True)):
                shorter += divided(step._replace(inside=inside(i)), n)
            fine = CollocationSteps(rate, shorter, start, tolerance, None)
            found = _states(fine, _ends(fine.times, steps))
            if coarse is not None:
                known = _states(coarse, ends)
                if (
                    _ratio(combined(np.zeros(found.shape), [(1.0, found), (-1.0, known)]), found, y, tapes)
                    <= _AGREE * rtol
                ):
                    return fine if coarse is not trajectory else trajectory
            coarse, ends = fine, _ends(fine.times, steps)
        parts *= 2


def _factor(worst: float, order: int) -> float:
    """How much worse S may be resolved than y."""
    if not order:
        return _IMPLICIT
    if order > 5:
        return _OF_HIGH_ORDER
    return _WORSE if worst < _COARSE else _WORSE_IF_COARSE


def _ends(times: Any, steps: list[Step]) -> Any:
    """Where the ends of steps are among the times of a trajectory that divides them."""
    sign = -1.0 if times[-1] < times[0] else 1.0
    return [0, *np.searchsorted(sign * times, sign * np.array([step.t for step in steps])).tolist()]


def _states(trajectory: Any, at: Any) -> Any:
    """States of the number zero."""
    if trajectory.block is not None:
        return trajectory.block[np.array(at)]
    states = [trajectory.states[i] for i in at]
    return np.stack([combined(np.zeros(np.shape(y)), [(1.0, y)]) for y in states])


def _against_neighbours(t: Any) -> Any:
    """Each value less the cubic through four others: its neighbours, or those before it where the steps grow fast.

    Of what lies far ahead, the neighbours behind see nothing.
    """
    n = len(t)
    h = np.abs(np.diff(t))
    between = np.arange(2, n - 2)
    behind = np.array([i for i in range(4, n) if i >= n - 2 or h[i - 1] > _FAST * h[i - 2]], int)
    at = np.concatenate([between, behind])
    others = np.concatenate([between[:, None] + [-2, -1, 1, 2], behind[:, None] + [-4, -3, -2, -1]])
    nodes, itself = t[others], np.eye(4, dtype=bool)
    # Lagrange's polynomials: of each node the product over the three others.
    above = np.where(itself, 1.0, (t[at, None] - nodes)[:, None, :])
    below = np.where(itself, 1.0, nodes[:, :, None] - nodes[:, None, :])
    rows = np.arange(len(at))
    W = np.zeros((len(at), n))
    W[rows[:, None], others] = -np.prod(above / below, axis=2)
    W[rows, at] = 1.0
    return W


def _ratio_of_numbers(e: Any, y: Any, of_maxima: bool) -> float:
    size = np.max(np.abs(y), axis=0)
    largest = float(np.max(np.max(np.abs(e), axis=0) / np.where(size > 0, size, 1.0), initial=0.0))
    if of_maxima:
        return largest
    signs = _signs(y) / np.where(size > 0, size, 1.0)
    sums = [np.max(np.abs(np.sum(signs[:, : len(x)] * x, axis=(1, 2)))) for x in (e, y)]
    return max(largest, float(sums[0] / sums[1]) if sums[1] > 0 else 0.0)


def _ratio(e: Any, s: Any, y: Any, tapes: dict[int, int]) -> float:
    """How large e is beside s, the worst of all derivatives in them."""
    size = np.max(np.abs(y), axis=0)
    weights = 1.0 / np.where(size > 0, size, 1.0)
    signs = _signs(s)
    of_e: dict[Any, Any] = {}
    of_s: dict[Any, Any] = {}
    _read([(x, signs[:, : len(x)] * weights, found) for x, found in ((e, of_e), (s, of_s))], (), tapes)
    worst = 0.0
    # What is no more than rounding beside the others says nothing.
    least = _ROUNDING * max((float(np.max(scale, initial=0.0)) for scale in of_s.values()), default=0.0)
    for key, value in of_e.items():
        scale = of_s.get(key, 0.0)
        if not np.all(np.isfinite(value)) or np.shape(scale) != np.shape(value):
            continue
        beside = np.where(value > least, value / np.where(scale > 0, scale, 1e-300), 0.0)
        worst = max(worst, float(np.max(beside, initial=0.0)))
    return min(worst, 1.0)


def _signs(s: Any) -> Any:
    return _signs_of(*s.shape)


@functools.lru_cache(maxsize=8)
def _signs_of(length: int, n: int) -> Any:
    return np.random.default_rng(0).choice([-1.0, 1.0], (_PROBES, 2 * length, n))


def _read(parts: list[tuple[Any, Any, dict[Any, Any]]], key: tuple[Any, ...], tapes: dict[int, int]) -> None:
    """Sizes of the derivatives of each x, of all levels: of forward mode over all times, else those of ⟨w, x⟩.

    ``parts`` are x, w and where its sizes go; those of one tape come from one sweep back through it.
    """
    parts = [part for part in parts if type(part[0]) is Dual]
    if not parts:
        return
    p: Any = parts[0][0].perturbation
    if any(x.perturbation is not p for x, _, _ in parts):
        for part in parts:
            _read([part], key, tapes)
        return
    tangents = [p.current(x.tangent) for x, _, _ in parts]
    if p.mode == "forward":
        directions = [p.block_of(tangent) for tangent in tangents]
        for block, (_, _, found) in zip(directions, parts, strict=True):
            found[(*key, p.level)] = np.max(np.abs(numbers(block)), axis=1)
        for i in range(len(directions[0])):
            inner = [
                (block[i], w, found)
                for block, (_, w, found) in zip(directions, parts, strict=True)
                if type(block) is Dual
            ]
            _read(inner, (*key, p.level, i), tapes)
    else:
        rows = [slice(i * _PROBES, (i + 1) * _PROBES) for i in range(len(parts))]
        seeds = []
        for tangent, (_, w, _), own in zip(tangents, parts, rows, strict=True):
            block = np.zeros((len(parts) * _PROBES, *w.shape[1:]))
            block[own] = w
            seeds.append((tangent, block))
        for node, cotangent in pulled(p, seeds, tapes.get(p.level, 0)):
            flat: Any = np.reshape(cotangent, (len(cotangent), -1))
            inner = []
            for own, (_, _, found) in zip(rows, parts, strict=True):
                found[(*key, p.level, node)] = np.max(np.abs(numbers(flat[own])), axis=0)
                if type(flat) is Dual and flat.shape[1]:
                    alike = np.ones((_PROBES, _PROBES, flat.shape[1])) / (_PROBES * flat.shape[1])
                    inner.append((flat[own], alike, found))
            _read(inner, (*key, p.level, node), tapes)
    _read([(x.value, w, found) for x, w, found in parts], (*key, "value"), tapes)


def tapes_of(*xs: Any) -> dict[int, int]:
    """How many nodes the tapes have on which these are recorded, by their levels."""
    found = {}
    for x in xs:
        while type(x) is Dual:
            if x.perturbation.mode == "reverse":
                found[x.perturbation.level] = len(x.perturbation.nodes)  # type: ignore[attr-defined]
            x = x.value
    return found
