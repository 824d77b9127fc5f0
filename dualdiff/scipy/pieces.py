"""A solution whose right-hand side switches on the way, in pieces between its switches.

    trajectory = followed(name, rate, steps, inside, start, build, make)

``build()`` takes the steps with derivatives as if nothing switched.  Where nothing is chosen on the way by what carries
derivatives, or all that is chosen leaves the Jacobian as it is, that is all.  Else ``make(steps, start)`` takes each
piece, with one step cut at each switch, and `dualdiff.scipy.switches` carries the state from one to the next.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..values.choices import watched
from .accuracy import resolved, tapes_of
from .rates import Rate, levels_in
from .switches import Search, Switch, crossed
from .trajectories import Step


def followed(
    name: str,
    rate: Rate,
    steps: list[Step],
    inside: Callable[[int], Callable[[Any], Any]],
    start: Any,
    build: Callable[[], Any],
    make: Callable[[list[Step], Any], Any],
    accuracy: tuple[Callable[[Any], Any], float, int],
    stages: Callable[[int], list[tuple[float, Any]]] | None = None,
) -> Any:
    """The trajectory from ``start``, in pieces where that is needed; ``inside(i)`` is the solution in step number i."""
    if not steps:
        return build()
    trajectory, first = None, steps[0]
    with watched() as choices:
        slope = rate(first.t_old, start)
    tapes = tapes_of(start, slope)
    search = Search(name, rate, steps, inside, levels_in(start, slope), stages)
    if not choices and not search.start().choices:
        with watched() as choices:
            trajectory = resolved(name, rate, build(), steps, inside, start, *accuracy, tapes)
        if not choices:
            return trajectory
    tolerance, rtol, _ = accuracy

    def piece(part: list[Step], begin: Any) -> Any:
        of_part = lambda i: part[i].inside
        return resolved(name, rate, make(part, begin), part, of_part, begin, tolerance, rtol, 0, tapes)

    pieces = Pieces(search, start, piece)
    for switch in search.switches():
        pieces.cross(switch)
    if not pieces.switches:
        return trajectory or resolved(name, rate, build(), steps, inside, start, *accuracy, tapes)
    return pieces.ended()


class Pieces:
    """The states of all pieces, by time."""

    def __init__(self, search: Search, start: Any, make: Callable[[list[Step], Any], Any]) -> None:
        self.search, self.make = search, make
        self.steps = steps = search.steps
        self.trajectories: list[Any] = []
        self.switches: list[Switch] = []
        self.states = [start, start]
        self._next, self._at = 0, (steps[0].t_old, steps[0].y_old)

    def cross(self, switch: Switch) -> None:
        """Go on to a switch, and behind it."""
        before, after = switch.before, switch.after
        self._take(switch.step, before.t, before.y)
        begins = not self.switches and before.t == self.steps[0].t_old
        self.states[1] = crossed(self.search.name, self.search.rate, switch, self.states[1], begins)
        self.switches.append(switch)
        self._at = (after.t, after.y)

    def ended(self) -> Pieces:
        """Go on to the end."""
        self._take(len(self.steps) - 1, self.steps[-1].t, self.steps[-1].y)
        return self

    def _take(self, last: int, t: float, y: Any) -> None:
        """A piece, from where the last one ended to a time in step number ``last``."""
        part = []
        for i in range(self._next, last + 1):
            step = self.steps[i]
            t_old, y_old = self._at
            end, value = (t, y) if i == last else (step.t, step.y)
            if end != t_old:
                part.append(Step(t_old, end, y_old, value, self.search.inside(i)))
            self._at = (end, value)
        self._next = last
        self.trajectories.append(self.make(part, self.states[1]))
        self.states[1] = self.trajectories[-1].states[-1]

    def at(self, t: Any, value: Any) -> Any:
        """The state at a plain time, where SciPy's number is ``value``."""
        passed = sum(self.search.is_behind(switch, t, value) for switch in self.switches)
        return self.trajectories[passed].at(t, value)
