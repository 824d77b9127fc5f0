"""The derivative of an integral in what its integrand holds, from a program for the integrand and that derivative.

    c = slopes(name, f, args, alone, a, b, points, found)     with θ, all that carries a derivative: the integral moves
                                                              by c·θ'; None where another way has to be gone

At each node the program gives the value and one slope for each number of θ (moving.py); the sums and their checks are
those of panels.py, of plain vectors.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..adapting.buffers import settled
from ..staging.staged import same
from ..values.objects import fused
from .components import Marks, Parts
from .moving import of_one_level, repeated_with
from .nodes import CLOSE, CLOSE_DERIVATIVES, equal
from .panels import MORE_CUTS, NODES, WEIGHTS, Integrand, disagree

_MOST = 16  # numbers that carry derivatives
_VALUE, _SLOPES = ("real",), (0, "slopes")

Integral = Callable[..., Any]


def slopes(
    name: str, f: Any, args: tuple[Any, ...], alone: Callable[[Any], Any], integral: Integral, agrees: Any
) -> tuple[Any, Any, bool] | None:
    """(c, θ), and whether f chooses; ``alone`` is f of plain numbers, ``integral(name, F, cuts, kind)`` the sum, and
    ``agrees(y)`` says whether its value is SciPy's.
    """
    moving = of_one_level(f, args)
    if moving is None or not 0 < moving.numbers.size <= _MOST:
        return None
    known = repeated_with(moving, value_twice)
    if known is None:
        return None
    compared = False

    def at(x: Any) -> Any:
        nonlocal compared
        found = known(moving, x)
        if found is None or not (compared or same(found[0], alone(x))):
            known.over = known.over or found is not None
            raise _Otherwise
        compared = True
        return np.array((found[0], *found[1].tolist()))

    def at_all(x: Any) -> Any:
        """The same of an array of nodes, as columns: where each value is that of its node alone."""
        found = known(moving, x) if known.of_arrays else None
        if (
            found is not None
            and np.shape(found[0]) == x.shape
            and np.shape(found[1]) == (*x.shape, moving.numbers.size)
        ):
            values, J = found
            i = len(x) // 3  # neither in the middle nor at an end
            one_by_one = np.array([alone(node) for node in x.tolist()], float)
            if equal(values, one_by_one, CLOSE) and equal(
                J[i], at(float(x[i]))[1:], CLOSE_DERIVATIVES, np.max(np.abs(J), initial=0.0)
            ):
                return np.concatenate([values[None], J.T])
        known.of_arrays = False
        raise _OneByOne

    try:
        y = integral(name, lambda x: at_all(x) if np.ndim(x) else at(x), MORE_CUTS, OfVectors)
    except (ValueError, _Otherwise):  # what it says is said of each derivative that was asked for
        return None
    return (y[1:], moving.theta, known.chooses) if np.all(np.isfinite(y)) and agrees(y[0]) else None


def value_twice(f: Callable[..., Any], x: Any) -> tuple[Any, Any]:
    y = fused(settled(f(x)))
    return y, y


class _Otherwise(Exception):
    """There is no program for a node."""


class _OneByOne(Exception):
    """Or none for an array of them."""


class _OfVectors(Marks):
    def parts(self, y: Any) -> Parts:
        return {_VALUE: y[:1], _SLOPES: y[1:]} if np.ndim(y) else {_VALUE: np.array([y])}


class OfVectors(Integrand):
    """An integrand whose values are plain vectors: its value and slopes."""

    def __init__(self, name: str, value: Callable[[Any, Any], Any], place: Any, *rest: Any) -> None:
        super().__init__(name, value, place, plain=place)  # so that panels come together
        self.marks = _OfVectors()

    def _integral(self, cuts: Sequence[float]) -> Any:
        panels = [(False, low, high) for low, high in itertools.pairwise((0.0, *cuts))]
        panels.append((True, 0.0, 1.0 - cuts[-1]))
        with np.errstate(all="ignore"):
            found = self._of_panels(panels)
            if (whole := _if_smooth(panels, found)) is not None:
                return whole
            self.known = dict(zip(panels, found, strict=True))
            return super()._integral(cuts)

    def _of_panels(self, panels: list[tuple[bool, float, float]]) -> list[tuple[Any, Parts]]:
        nodes = [0.5 * (low + high) + 0.5 * (high - low) * NODES for _, low, high in panels]
        s = np.concatenate([1.0 - s if panel[0] else s for s, panel in zip(nodes, panels, strict=True)])
        t = np.concatenate([s if panel[0] else 1.0 - s for s, panel in zip(nodes, panels, strict=True)])
        try:
            rows = self.value(s, t).T
        except _OneByOne:
            rows = np.array([self.value(*at) for at in zip(s.tolist(), t.tolist(), strict=True)])
        found = rows.reshape(len(panels), len(NODES), -1)
        return [(WEIGHTS @ part, {_VALUE: part[:, :1], _SLOPES: part[:, 1:]}) for part in found]


def _if_smooth(panels: list[tuple[bool, float, float]], found: list[tuple[Any, Parts]]) -> Any:
    """The sum over panels in each of which both rules agree at once; None otherwise."""
    rows = np.array([np.concatenate([parts[_VALUE], parts[_SLOPES]], axis=1) for _, parts in found])
    if not np.all(np.isfinite(rows)) or np.any(disagree(rows)):
        return None
    return sum(0.5 * (high - low) * total for (_, low, high), (total, _) in zip(panels, found, strict=True))
