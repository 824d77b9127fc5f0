"""What a choice is made by: g, which passes a constant where the choice changes, for each function that chooses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..values.choices import Choice
from ..values.objects import fused
from .implicit import numbers

ABSENT: Any = object()  # in place of g, where its choice is not made

ORDER = frozenset(
    {np.greater, np.greater_equal, np.less, np.less_equal, np.maximum, np.minimum, np.fmax, np.fmin}
)  # fmt: skip
_TURNED = {np.less: np.greater, np.less_equal: np.greater_equal}
# Of x alone: it crosses a number.
_OF_ONE = frozenset(
    {
        np.sign, np.heaviside, np.floor, np.ceil, np.trunc, np.rint, np.round, np.around, np.fix, np.signbit, np.modf,
        np.frexp, round, math.floor, math.ceil, math.trunc, math.modf, math.frexp, np.absolute, np.fabs,
    }
)  # fmt: skip
_OF_QUOTIENT = frozenset({np.remainder, np.fmod, np.floor_divide, np.divmod})
_OF_POSITION = frozenset({np.argmax, np.argmin})
# True at single points only, or of numbers that are none.
WITHOUT_WEIGHT = frozenset(
    {np.equal, np.not_equal, np.array_equal, np.array_equiv, bool, np.isnan, np.isinf, np.isfinite, np.count_nonzero}
)
_OF_TABLE = frozenset({np.interp, np.searchsorted, np.digitize})


def margin(choice: Choice, other: Any, index: Any = ()) -> Any:
    """g, which passes a constant where this entry of the choice changes to what ``other`` has; None: not known."""
    f, outcome = choice.function, choice.outcome
    args = [fused(arg) for arg in choice.args if not isinstance(arg, dict)]
    entry = lambda x: np.broadcast_to(x, np.shape(outcome))[index] if index else x
    if f in ORDER:
        a, b = args[::-1] if f in _TURNED else args
        return entry(a) - entry(b)
    if f in _OF_ONE:
        return entry(args[0])
    if f in _OF_QUOTIENT:
        return entry(args[0]) / entry(args[1])
    if f is np.arctan2:
        beside = 0 in (np.asarray(outcome)[index], np.asarray(other)[index])
        return entry(args[1]) if beside else entry(args[0])
    if f is np.copysign:
        return entry(args[1])
    if f in _OF_POSITION and len(choice.args) == 1 and not index:
        x = np.reshape(args[0], -1)
        i, j = sorted((int(outcome), int(other)))
        return x[i] - x[j]
    if f is np.argsort and np.ndim(args[0]) == 1 and len(args) == 1 and index:
        i, j = sorted((int(outcome[index]), int(other[index])))
        return args[0][i] - args[0][j]
    if f in _OF_TABLE and len(args) > 1:
        x, knots = args[:2] if f is not np.searchsorted else args[1::-1]
        one, two = (int(np.asarray(found)[index]) for found in (outcome, other))
        knot = max(one, two) if f is np.interp else min(one, two)
        return entry(x) - knots[knot]
    return None


def plain_choice(choice: Choice) -> Choice:
    return Choice(choice.function, tuple(_numbers(arg) for arg in choice.args), choice.outcome)


def _numbers(arg: Any) -> Any:
    return arg if isinstance(arg, dict) else numbers(arg)


def outcome_of(choice: Choice) -> Any:
    outcome = (
        np.asarray(choice.outcome)
        if not isinstance(choice.outcome, tuple)
        else np.concatenate([np.ravel(x) for x in choice.outcome] or [np.zeros(0)])
    )
    return choice.function, outcome.shape, outcome.tobytes()


def key_of(choice: Choice) -> Any:
    if choice.function in _TURNED and len(choice.args) == 2:  # which of the two is asked depends on what they carry
        choice = Choice(_TURNED[choice.function], choice.args[::-1], choice.outcome)
    values = tuple(_bytes(arg) for arg in choice.args)
    return (*outcome_of(choice), values)


def _bytes(arg: Any) -> Any:
    try:
        values = np.asarray(_numbers(arg))
        return values.tobytes() if values.dtype.kind == "c" else values.astype(float).tobytes()
    except (TypeError, ValueError):
        return repr(type(arg))
