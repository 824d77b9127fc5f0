"""Where a right-hand side switches along its solution, and what a jump there adds to the derivative.

A right-hand side that jumps at a state, or at a time that carries a derivative, moves the time t* of its jump with the
parameters.  No evaluation of the function shows what that adds:

    y' after = y' before + (f₋ - f₊) ṫ*,    ṫ* = -ġ / (dg/dt along f₋),    g = 0 where it switches

So the function is run along the solution while its choices are watched (`dualdiff.values.choices`).  Where they change,
t* is found by bisection on the continuous solution.  If f is the same on both sides (abs, max, clip), nothing is
missing from a first derivative; else the solution is taken in pieces, and from one to the next it is carried to t* by
the f of before, and back by the f of after, which is the term above, to any order.

    switches = Search(name, rate, steps, inside, levels).switches()
    y = crossed(name, rate, switch, y)           the state behind a switch, from that before it

A switch whose g is not known, several at once that part with the parameters, a solution that slides along the place
where f jumps, are refused, unless they do not move.
Source: Hairer, Nørsett, Wanner, Solving Ordinary Differential Equations I, section II.6; Galán, Feehery, Barton 1999.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .. import errors
from ..tangents.dense import Dense
from ..transforms.forward import jvp
from ..values.choices import Choice, watched
from ..values.dual import Dual
from ..values.levels import innermost
from .implicit import Solution, numbers, with_derivatives
from .margins import ABSENT, ORDER, WITHOUT_WEIGHT, key_of, margin, outcome_of, plain_choice
from .movement import alike, moves
from .rates import Rate, carried_to, combined, jacobian_of_one_sweep, levels_in

# A switch is known to so much of a step, or of the time: rounding hides the rest.
_OF_STEP, _OF_TIME = 1e-10, 8 * np.finfo(float).eps
_NEARBY = 1e-6
# A change of f beyond this, relative, and beyond that from one point to the next on either side, is a jump.
_JUMP = 1e-9
_MOST_IN_A_STEP = 200
# Where f is looked at in a step: at the points of Radau IIA, the cubic through which says where else it may switch.
_INNER = np.array([(4 - 6**0.5) / 10, (4 + 6**0.5) / 10])
_COEFFICIENTS = np.linalg.inv(np.vander([0.0, *_INNER, 1.0], increasing=True))


class Sample(NamedTuple):
    """A point of the solution, and what the function chose there."""

    t: float
    y: Any
    choices: list[Choice]
    key: tuple[Any, ...]


class Target(NamedTuple):
    """The entry of a choice that switches: by this it is found again in another run at the same numbers."""

    key: Any
    entry: tuple[int, ...]
    other: Any  # what is chosen on the other side


class Switch(NamedTuple):
    """Between two neighbouring times f changes: by these entries, whose g moves on with these slopes on both sides."""

    step: int
    before: Sample
    after: Sample
    targets: list[tuple[Target, float, float]]
    first: Choice
    refusal: str


class Search:
    """All switches of a solution that matter for derivatives of so many ``levels``.

    ``inside(i)`` is the continuous solution in step number i, ``stages(i)`` what an explicit method has evaluated.
    """

    def __init__(
        self, name: str, rate: Rate, steps: list[Any], inside: Callable[[int], Any], levels: int, stages: Any
    ) -> None:
        self.name, self.rate, self.steps, self.inside, self.levels = name, rate, steps, inside, levels
        self.stages: Callable[[int], list[tuple[float, Any]]] | None = stages

    def is_behind(self, switch: Switch, t: float, y: Any) -> bool:
        """Whether a state, perhaps that of an event at the switch itself, is taken for one behind it."""
        a, b = switch.before, switch.after
        h = self.steps[switch.step].t - self.steps[switch.step].t_old
        if abs(t - b.t) > max(100 * abs(b.t - a.t), _NEARBY * abs(h)):
            return bool((t - b.t) * h >= 0)
        return self._sample(t, y).key != a.key  # so that f is that of the same side

    def start(self) -> Sample:
        return self._sample(self.steps[0].t_old, self.steps[0].y_old)

    def switches(self) -> Iterator[Switch]:
        last, count = self.start(), 0
        for i, step in enumerate(self.steps):
            h, inside = step.t - step.t_old, self.inside(i)
            times = step.t_old + h * _INNER
            points = [last, *map(self._sample, times, inside(times).T), self._sample(step.t, step.y)]
            last = points[-1]
            points += [self._sample(t, inside(t)) for t in self._suspected(points, step.t_old, h)]
            points.sort(key=lambda point: point.t * np.sign(h))
            if self.stages is not None and all(point.key == last.key for point in points):
                self._refuse_beside(i, inside, last)
            for a, b in itertools.pairwise(points):
                while a.key != b.key:
                    a, at = self._first_between(i, inside, a, b)
                    if at is not None:
                        yield at
                        count += 1
                        if count > _MOST_IN_A_STEP * (i + 1):
                            raise errors.no_solution(self.name, _SLIDES.format(step.t, _said(at.first)))

    def _refuse_beside(self, i: int, inside: Any, on: Sample) -> None:
        """Refuse a jump that stages of an explicit step have met, and the solution made of them has not."""
        for t, y in self.stages(i):  # type: ignore[misc]
            b = self._sample(t, y)
            if b.key == on.key or (a := self._sample(t, inside(t))).key == b.key:
                continue
            near = _OF_STEP * np.max(np.abs(b.y - a.y))
            while np.max(np.abs(b.y - a.y)) > near:
                mid = self._sample(t, 0.5 * (a.y + b.y))
                a, b = (mid, b) if mid.key == a.key else (a, mid)
            here, there = (self.rate.number(t, point.y.copy()) for point in (a, b))
            if np.any(np.abs(there - here) > 1e-6 * np.maximum(np.abs(here), np.abs(there))):
                changed = next(_changed(a, b), None)
                first = changed[0] if changed else (a.choices or b.choices)[0]
                why = "stages of the step there are on both sides of it, the solution is not (a smaller rtol tells)"
                raise errors.no_solution(self.name, _JUMPS.format(t, _said(first), why))

    def _sample(self, t: Any, y: Any) -> Sample:
        """What f chooses at a plain state: by one direction for each level, all ones."""
        perturbations = []
        seeded: Any = y
        for _ in range(max(self.levels, 1)):
            perturbations.append(p := Dense(1))
            seeded = Dual(seeded, p.seed(np.ones((1, *y.shape), y.dtype)), p)
        try:
            with watched() as choices:
                self.rate(t, seeded)
            return Sample(float(t), y, [plain_choice(choice) for choice in choices], tuple(map(outcome_of, choices)))
        finally:
            for p in perturbations:
                p.live = False

    def _suspected(self, points: list[Any], t_old: float, h: float) -> list[float]:
        """Times at which a comparison comes out otherwise, by the cubic, though it does not at any of the points."""
        if any(point.key != points[0].key for point in points):
            return []
        rows = []
        for point in points:
            gaps = [margin(choice, choice.outcome) for choice in point.choices if choice.function in ORDER]
            rows.append(np.concatenate([np.ravel(gap).astype(float) for gap in gaps]) if gaps else np.zeros(0))
        if any(len(row) != len(rows[0]) for row in rows):
            return []
        M = np.array(rows)
        d, c, b, a = coefficients = _COEFFICIENTS @ M[:, np.all(M > 0, axis=0) | np.all(M < 0, axis=0)]
        with np.errstate(all="ignore"):  # where the derivative 3 a x² + 2 b x + c has fewer roots
            q = -(b + np.copysign(np.sqrt(b * b - 3 * a * c), b))
            x = np.stack([q / (3 * a), c / q])
            turns = (x > 0) & (x < 1) & (np.polyval(coefficients[::-1], x) * d < 0)
        return [float(time) for time in t_old + h * x[turns]]

    def _first_between(self, i: int, inside: Any, a: Sample, b: Sample) -> tuple[Sample, Switch | None]:
        """The first place from a to b where another choice is made, the point behind it, and what it is."""
        step = self.steps[i]
        near = max(_OF_STEP * abs(step.t - step.t_old), _OF_TIME * max(abs(a.t), abs(b.t)))
        while abs(b.t - a.t) > near and (t := 0.5 * (a.t + b.t)) not in (a.t, b.t):
            mid = self._sample(t, inside(t))
            a, b = (mid, b) if mid.key == a.key else (a, mid)
        return b, self._judged(i, inside, a, b)

    def _judged(self, i: int, inside: Any, a: Sample, b: Sample) -> Switch | None:
        here, there = (self.rate.number(point.t, point.y.copy()) for point in (a, b))
        gap = b.t - a.t
        moved = np.zeros(len(here))
        for point, value, t in ((a, here, a.t - gap), (b, there, b.t + gap)):
            beside = self._sample(t, inside(t))
            if beside.key == point.key:
                moved = np.maximum(moved, np.abs(self.rate.number(t, beside.y.copy()) - value))
        jumps = bool(np.any(np.abs(there - here) > 4 * moved + _JUMP * np.maximum(np.abs(here), np.abs(there))))
        if not jumps and self.levels < 2 and self._smooth(a, b):
            return None
        changed = list(_changed(a, b))
        first = changed[0][0] if changed else (a.choices or b.choices)[0]
        make = lambda targets, refusal="": Switch(i, a, b, targets, first, refusal)
        targets: list[Any] = []
        for choice, other, index in changed:
            if choice.function in WITHOUT_WEIGHT:
                continue
            forth, back = Target(key_of(choice), index, other.outcome), Target(key_of(other), index, choice.outcome)
            if forth[:2] in [target[:2] for target, _, _ in targets]:
                continue
            slopes = self._slope(forth, a), self._slope(back, b)
            if ABSENT in slopes:  # a rule's own, of a nested run
                continue
            if slopes[0] is not None and slopes[1] is not None:
                targets.append((forth, *slopes))
            elif jumps or not self._smooth(a, b):
                return make([], "what it chooses by has no derivative there that is known")
        if not targets:
            if not jumps and self._smooth(a, b):
                return None
            return make([], "it takes another way there, and no comparison that is seen says why")
        for _, before, after in targets:
            if not (before * after > 0 and math.isfinite(before) and math.isfinite(after)):
                return make([], "the solution slides along the place where it jumps, or only touches it")
        return make(targets)

    def _smooth(self, a: Sample, b: Sample) -> bool:
        """Whether the Jacobian is the same on both sides as well."""
        constant = self.rate.constant()
        J = [jacobian_of_one_sweep(constant, point.t, point.y) for point in (a, b)]
        return bool(np.all(np.abs(J[0] - J[1]) <= 1e-6 * np.max(np.abs(J), initial=0.0)))

    def _slope(self, target: Target, at: Sample) -> Any:
        """dg/dt along the solution; None if g is not known."""
        special: list[Any] = []

        def g(t: Any) -> Any:
            found = gap(self.rate, t, carried_to(self.rate, at.t, at.y, t), target)
            if found is not None and innermost([found]) is not innermost([t]):
                found = ABSENT  # a rule's own, asked for values of an outer level
            if found is None or found is ABSENT:
                special.append(found)
                return 0.0 * t
            return found

        slope = numbers(jvp(g, (at.t,), (1.0,))[1])
        return special[0] if special else float(slope)


def crossed(name: str, rate: Rate, switch: Switch, y: Any, first: bool) -> Any:
    """The state behind a switch, from that before it; ``first`` says that the solution begins there."""
    a, b = switch.before, switch.after
    y = combined(a.y, [(1.0, y)])
    if switch.refusal or first:
        with watched() as choices:
            rate(a.t, y)
        outcomes = {key_of(choice) for choice, _, _ in _changed(a, b)}
        moving = [choice for choice in choices if key_of(choice) in outcomes or (not outcomes)]
        if any(moves(arg) for choice in moving for arg in choice.args):
            why = switch.refusal or "it begins where it jumps, so to the two sides its derivatives differ"
            raise errors.no_solution(name, _JUMPS.format(a.t, _said(switch.first), why))
        return combined(b.y, [(1.0, y)])
    times = [_time(rate, a, y, target, slope) for target, slope, _ in switch.targets]
    t = times[0]
    if not all(alike(t, other) for other in times[1:]):
        why = "several of its comparisons switch at once, and each at another time when a parameter moves"
        raise errors.no_solution(name, _JUMPS.format(a.t, _said(switch.first), why))
    there = carried_to(rate, a.t, y, t)
    return carried_to(rate, t + (b.t - a.t), combined(b.y, [(1.0, there)]), b.t)


_JUMPS = (
    "the right-hand side jumps at t = {:.6g}, where {} comes out otherwise; the time of the jump moves with the "
    "parameters, and {}.\n"
    "  Make the jump a terminal event and go on from there (python -m dualdiff guide odes, Jumps)"
)
_SLIDES = (
    "the right-hand side jumps again and again near t = {:.6g}, where {} comes out otherwise: the solution slides "
    "along the place where it jumps, or passes too often for derivatives.\n"
    "  Write down the equation that holds there, or make the jump a terminal event\n"
    "  (python -m dualdiff guide odes, Jumps)"
)


def _said(choice: Choice) -> str:
    name = errors.name_of(choice.function)
    numbers_in = [x for x in map(_text, choice.args) if x]
    return f"{name}({', '.join(numbers_in)})"


def _text(x: Any) -> str:
    if isinstance(x, dict):
        return ""
    try:
        x = np.asarray(numbers(x))
    except Exception:  # what it is does not matter here
        return "..."
    return f"{x:.6g}" if not x.ndim and x.dtype.kind in "fiu" else np.array2string(x, precision=4, threshold=6)


# Choices, and g.


def gap(rate: Rate, t: Any, y: Any, target: Target) -> Any:
    """g at a state with derivatives, its number taken off; None if it is not known."""
    with watched() as choices:
        rate(t, y)
    # A rule may have asked beside it for values of an outer level, with fewer derivatives.
    found = [margin(c, target.other, target.entry) for c in choices if key_of(c) == target.key]
    if any(g is None for g in found):
        return None
    if not found:
        return ABSENT
    g = np.reshape(max(found, key=levels_in), ())
    return g - numbers(g)


def _time(rate: Rate, at: Sample, y: Any, target: Target, slope: float) -> Any:
    """t*, its number that of the point before it."""

    def g(t: Any) -> Any:
        found = gap(rate, t, carried_to(rate, at.t, y, t), target)
        return 0.0 if found is None or found is ABSENT else found

    return combined(at.t, [(1.0, with_derivatives(g, Solution(at.t, slope)))])


def _changed(a: Sample, b: Sample) -> Any:
    """The choices that come out otherwise, one entry at a time, as far as the function goes the same way."""
    for one, other in zip(a.choices, b.choices, strict=False):
        if one.function is not other.function or np.shape(one.outcome) != np.shape(other.outcome):
            return
        different = np.not_equal(one.outcome, other.outcome)
        for index in np.argwhere(different):
            yield one, other, tuple(index.tolist())
