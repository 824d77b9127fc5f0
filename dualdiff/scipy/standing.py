"""Ends and points of an integral at which the integrand jumps, by a choice whose place moves otherwise than they do.

With a jump of f at x = θ, ∫ f dx moves by the height of the jump times θ'.  Sums over the pieces on both sides see that
where the end of the pieces is θ.  Where it only has θ's number, no value of f and no derivative of it shows the jump.
So where anything was chosen by what carries a derivative, the choices on both sides of each end are compared: one that
comes out otherwise has a margin (margins.py), which has to be zero with all its derivatives at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .. import errors
from ..values.choices import Choice, watched
from ..values.dual import Dual
from ..values.levels import duals_in
from ..values.objects import fused
from .implicit import numbers
from .margins import WITHOUT_WEIGHT, margin, outcome_of
from .movement import derivatives_of, moves

_BESIDE = 1e-9  # relative to the end, or to the length of the range
_JUMP = 1e-6  # relative to what jumps


def check(name: str, f: Callable[[Any], Any], ends: Iterable[Any]) -> None:
    """Raises where ``f`` jumps at one of the ``ends`` of pieces, and the place of the jump moves otherwise."""
    ends = [end for end in ends if np.isfinite(numbers(end))]
    length = max((abs(numbers(end) - numbers(ends[0])) for end in ends), default=0.0) or 1.0
    for end in ends:
        at = numbers(end)
        beside = _BESIDE * max(abs(at), length)
        try:
            (before, left), (after, right) = (_seen(f, at + side) for side in (-beside, beside))
            here, _ = _seen(f, end)
        except Exception:  # f is not there on both sides: what it does at the end is all that can be asked
            continue
        for i, (one, other, choice) in enumerate(zip(before, after, here, strict=False)):
            if outcome_of(one) == outcome_of(other):
                continue
            if not all(_standing(choice, one, other, index, left, right) for index in _differing(one, other)):
                raise errors.no_solution(
                    name,
                    f"at {at:.6g}, an end or one of the points, the integrand jumps or has a kink, whose place moves "
                    f"otherwise than that with the parameters.\n  Give the place itself as the end, or in points=[...]"
                    f" ({choice.function.__name__}, choice {i + 1} of the integrand)",
                )
            break  # what is chosen afterwards may follow from this


def _seen(f: Callable[[Any], Any], x: Any) -> tuple[list[Choice], Any]:
    with watched() as choices, np.errstate(all="ignore"):
        y = fused(f(x))
    return [choice for choice in choices if choice.function not in WITHOUT_WEIGHT], y


def _differing(one: Choice, other: Choice) -> list[Any]:
    a, b = np.asarray(one.outcome), np.asarray(other.outcome)
    return [tuple(index) for index in np.argwhere(a != b)] if a.ndim and a.shape == b.shape else [()]


def _standing(choice: Choice, one: Choice, other: Choice, index: Any, left: Any, right: Any) -> bool:
    """Whether this choice turns at the end for whatever the parameters, or nothing jumps there that would count."""
    there = other if outcome_of(choice) == outcome_of(one) else one
    turns = margin(choice, there.outcome, index)
    if turns is not None and not moves(turns):
        return True
    if _jumps(numbers(left), numbers(right)):
        return False
    levels = len(_levels(duals_in(list(choice.args), left, right)))
    return levels < 2 or (levels == 2 and not _moves_by_jumps(left, right))


def _levels(duals: list[Any]) -> set[Any]:
    found = set()
    for x in duals:
        while type(x) is Dual:
            found.add(x.perturbation)
            x = x.value
    return found


def _jumps(a: Any, b: Any) -> bool:
    return bool(np.max(np.abs(a - b), initial=0.0) > _JUMP * np.max(np.abs(a) + np.abs(b), initial=0.0))


def _moves_by_jumps(left: Any, right: Any) -> bool:
    of_left, of_right = derivatives_of(left), derivatives_of(right)
    if len(of_left) != len(of_right):
        return moves(left) or moves(right)
    return any(a.shape != b.shape or _jumps(a, b) for a, b in zip(of_left, of_right, strict=True))
