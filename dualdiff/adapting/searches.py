"""Searches that only compare: a bisection, a golden section, written out in somebody's loop.

The ends of a bracket are plain numbers, or move among plain numbers; the values that carry a derivative only decide
which end moves.  What is found moves with the arguments, and its derivative is lost: step by step it is that of the
first bracket, mostly 0.  Where the function is an argument of the search, iterations.py knows its equation.  All else
is told of here, in a warning.

    searches_of(node)      in a source (brackets.py): the loops that may be such a search, and the ends of each
    Search                 in a run: whether the ends close in on a limit by what comparisons of Duals decide

In the source, ends are several names of which a branch in the loop moves one (``if``, ``a if c else b``, ``np.where``,
an entry of a grid), each made of the others by arithmetic alone, and of nothing else that carries a derivative: what is
interpolated from values of the function is no such name.  In the run, the bracket has to shrink to a small part of
itself, by steps each within the last, with both sides moving, while Duals are compared.  Or there is one name, moved
by a step that only shrinks.  Counts, indices, steps of a trajectory and searches that plain numbers decide do not look
so.
"""

from __future__ import annotations

import sys
from _thread import _local  # as threading.local, which takes its time to be imported
from types import CodeType
from typing import Any

import numpy as np

from .. import errors
from ..values.choices import MADE
from ..values.dual import primal
from ..values.objects import carries, fused
from .brackets import STEP, searches_of
from .calls import SEARCH

_ROUNDS, _SHRUNK = 5, 1 / 32
_STEPS, _SMALL = 3, 1e-5  # several steps that it moved by, the last a small part of the first


class Search:
    """What has become of the ends of one loop, asked at the beginning of each of its rounds."""

    __slots__ = ("compared", "first", "high", "last", "low", "moved", "names", "over", "rounds", "step")

    def __init__(self, *names: str) -> None:
        self.names = names
        self.over = False
        self.compared: int | None = None  # comparisons of Duals before this round
        self.rounds = 0
        self.moved = [False, False]
        self.step = self.last = 0.0

    def __call__(self, *shown: Any) -> None:
        if self.over:
            return
        ends, others = shown[: len(self.names)], shown[len(self.names) :]
        before, self.compared = self.compared, MADE[0]
        values = [_plain(end) for end in ends]
        by_step = self.names[-1].startswith(STEP)
        if any(value is None for value in values):
            if before is None:
                self.compared = None  # nothing yet: ``low = high = None``
            else:
                self.over = True
        elif before is None:
            # Points with derivatives of their own, as interpolated ones, are no such search's.
            self.over = any(map(carries, others)) or not (
                self._begun_by_step(*values) if by_step else self._begun(values)
            )
        elif self.compared == before:  # what was decided in this round, plain numbers have
            self.over = True
        elif (self._is_found_by_step(*values) if by_step else self._is_found(values)) and not all(
            isinstance(value, int) for value in values
        ):
            self.over = True
            report(tuple(name.removeprefix(STEP) for name in self.names))

    def _begun(self, values: list[Any]) -> bool:
        if (hull := _hull(values)) is None:
            return False
        self.low, self.high = hull
        self.first = self.high - self.low
        return True

    def _is_found(self, values: list[Any]) -> bool:
        """Whether the bracket is a small part of the first; each has to lie in the last."""
        hull = _hull(values)
        margin = 1e-12 * np.abs(self.first)
        if hull is None or not np.all((hull[0] >= self.low - margin) & (hull[1] <= self.high + margin)):
            self.over = True
            return False
        low, high = hull
        self.rounds += 1
        self.moved = [self.moved[0] or bool(np.any(low > self.low)), self.moved[1] or bool(np.any(high < self.high))]
        self.low, self.high = low, high
        return self.rounds >= _ROUNDS and all(self.moved) and bool(np.all(high - low <= _SHRUNK * self.first))

    def _begun_by_step(self, place: Any, step: Any) -> bool:
        self.last, self.first, self.high = place, np.abs(step), np.abs(step)
        return bool(np.all(self.first > 0))

    def _is_found_by_step(self, place: Any, step: Any) -> bool:
        """Whether it has moved by ever smaller steps; ``high`` is the last of them."""
        size = np.abs(step)
        if np.any(size > self.high):
            self.over = True
            return False
        self.high = size
        if np.any(place != self.last) and np.any(size != self.step):
            self.rounds += 1
            self.step = size
        self.last = place
        return self.rounds >= _STEPS and bool(np.all(size <= _SMALL * self.first))


def _plain(x: Any) -> Any:
    """The plain value of a number, or of an array of them, which may carry a derivative; None of anything else."""
    if type(x) is float or type(x) is int:
        return x
    if carries(x):
        x = primal(fused(x))
    elif hasattr(type(x), "__dual__"):
        x = primal(x.__dual__())
    if isinstance(x, (int, float, np.integer, np.floating)) and not isinstance(x, bool):
        return int(x) if isinstance(x, np.integer) else x
    return x if type(x) is np.ndarray and x.dtype.kind == "f" and x.size else None


def _hull(values: list[Any]) -> tuple[Any, Any] | None:
    """The least and the greatest, entry by entry; None if they are no finite numbers of one shape."""
    try:
        low = high = values[0]
        for value in values[1:]:
            low, high = np.minimum(low, value), np.maximum(high, value)
        return (low, high) if np.all(np.isfinite(low) & np.isfinite(high)) else None
    except (ValueError, TypeError, OverflowError):  # of other shapes, or ints beyond all floats
        return None


# What was found, kept until it is known whether an equation gives the derivative; see iterations.py.
_waiting = _local()


class Waiting:
    """Within it, searches in functions of one code are kept, not told of: ``with Waiting(code) as found``."""

    def __init__(self, code: CodeType) -> None:
        self.place = code.co_filename, code.co_firstlineno
        self.found: list[str] = []

    def __enter__(self) -> list[str]:
        self.around = getattr(_waiting, "inmost", None)
        _waiting.inmost = self
        return self.found

    def __exit__(self, *_: Any) -> None:
        _waiting.inmost = self.around


def report(names: tuple[str, ...]) -> None:
    place, _ = errors.place_of_user(sys._getframe(1))
    text = errors.only_compared(names, place)
    waiting = getattr(_waiting, "inmost", None)
    code = place.f_code
    if waiting is not None and (code.co_filename, code.co_firstlineno) == waiting.place:
        waiting.found.append(text)
    else:
        tell(text)


def tell(text: str) -> None:
    errors.warn(text, errors.OnlyCompared)


SEARCH[:] = [searches_of, Search]
