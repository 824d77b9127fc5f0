"""Integrals as sums over nodes whose derivatives are those of the integral, of every level and in both modes.

Gauss and Kronrod's rule of 21 nodes stands beside that of 10 in every panel, for the integrand and for each of its
derivatives (`dualdiff.scipy.components`): where they differ, a panel is cut.  A panel that stays rough holds a kink, a
jump or a singularity inside, past which no sum tells a derivative: an error says where.  Towards an end that is a
singularity the panels shrink geometrically; of their partial sums Wynn's epsilon algorithm gives the limit, exactly for
powers times polynomials of logarithms, and since it is an algorithm of sums that carry derivatives, those of the limit
too.  Where a sum does not settle, in the value or in a derivative, the integral diverges: an error.

Conventions: the variable is σ in [0, 1], with τ = 1 − σ beside it, which is exact near the other end.
Source: Piessens et al., QUADPACK, 1983; Wynn 1956.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import errors
from .components import Marks, Parts, combined, stacked
from .implicit import numbers
from .nodes import at_nodes

_HALF = (
    *(0.995657163025808080735527280689003, 0.973906528517171720077964012084452, 0.930157491355708226001207180059508),
    *(0.865063366688984510732096688423493, 0.780817726586416897063717578345042, 0.679409568299024406234327365114874),
    *(0.562757134668604683339000099272694, 0.433395394129247190799265943165784, 0.294392862701460198131126603103866),
    0.148874338981631210884826001129720,
)
_HALF_WEIGHTS = (
    *(0.011694638867371874278064396062192, 0.032558162307964727478818972459390, 0.054755896574351996031381300244580),
    *(0.075039674810919952767043140916190, 0.093125454583697605535065465083366, 0.109387158802297641899210590325805),
    *(0.123491976262065851077958109831074, 0.134709217311473325928054001771707, 0.142775938577060080797094273138717),
    0.147739104901338491374841515972068,
)
NODES = np.array([*(-x for x in _HALF), 0.0, *_HALF[::-1]])
WEIGHTS = np.array([*_HALF_WEIGHTS, 0.149445554002916905664936468389821, *_HALF_WEIGHTS[::-1]])
_FEWER_WEIGHTS = np.polynomial.legendre.leggauss(10)[1]  # of every second node

# Of two rules: relative to the variation of the integrand in a panel, and to its size.
_SMOOTH, _ROUNDING = 1e-8, 1e-12
_MOST_BISECTIONS = 8
# Panels towards a singular end: how much shorter each is, and after how many their sum is tried.
_SHRINK, _TRIES = 0.31, (9, 13, 17, 21)
_SETTLED = 1e-9
# For how many of them an array of nodes is made at first, and then.
_AT_ONCE = (2, 4)
# How much the last four panels shrink the integral of a derivative that has one: x^(-0.9), but not 1/x.
_DECAYS = 0.9
# A tail that short, and that small beside the rest, may be as it is: exp(-1/t²) is smooth to no rule.
_FINE, _TAIL = 3, 1e-20
# What is so small beside the whole integral counts as nothing; and how often rounding turns in 21 nodes, at least.
_NOTHING, _NOISY = 1e-12, 7
# Where an interval is cut at first, or after one panel: kinks are seldom at such places.
FEW_CUTS, MORE_CUTS = (0.4639,), (0.2871, 0.6713)


class Integrand:
    """A function of (σ, τ) and its place on the line, for messages.

    ``name`` is the driver's; ``moving`` says that the ends of the range carry derivatives; ``plain`` is the function
    without derivatives, where arrays of nodes may be tried.
    """

    def __init__(
        self,
        name: str,
        value: Callable[[Any, Any], Any],
        place: Callable[[float, float], Any],
        moving: bool = False,
        plain: Callable[[float, float], Any] | None = None,
    ) -> None:
        self.name, self.value, self.place, self.plain = name, value, place, plain
        self.checked = False
        self.known: dict[tuple[bool, float, float], tuple[Any, Parts]] = {}
        self.marks = Marks()
        self.marks.deep = moving
        self.largest: dict[Any, Any] = {}

    def at(self, from_right: bool, s: float) -> tuple[Any, Parts]:
        def call() -> Any:
            return self.value(1.0 - s, s) if from_right else self.value(s, 1.0 - s)

        return self.marks.parts_of(call)

    def _of_panels(self, panels: list[tuple[bool, float, float]]) -> list[tuple[Any, Parts]]:
        """Of each panel Σ wᵢ yᵢ and the parts of yᵢ as rows."""
        nodes = [0.5 * (low + high) + 0.5 * (high - low) * NODES for _, low, high in panels]
        if self.plain is not None:
            s = np.concatenate([1.0 - s if panel[0] else s for s, panel in zip(nodes, panels, strict=True)])
            t = np.concatenate([s if panel[0] else 1.0 - s for s, panel in zip(nodes, panels, strict=True)])
            found = at_nodes(self.marks, self.value, self.plain, s, t, not self.checked)
            if found is not None:
                self.checked = True
                y, rows = found
                sections = [slice(i * len(NODES), (i + 1) * len(NODES)) for i in range(len(panels))]
                return [(np.dot(WEIGHTS, y[i]), {key: part[i] for key, part in rows.items()}) for i in sections]
            self.plain = None
        return [self._one_by_one(panel[0], s) for s, panel in zip(nodes, panels, strict=True)]

    def _one_by_one(self, from_right: bool, nodes: Any) -> tuple[Any, Parts]:
        found = [self.at(from_right, s) for s in nodes.tolist()]
        return _weighted([y for y, _ in found]), stacked([parts for _, parts in found])

    def integral(self, cuts: Sequence[float] = FEW_CUTS) -> Any:
        """Over [0, 1]."""
        try:
            return self._integral(cuts)
        except ValueError:
            if not self.marks.of or self.marks.deep:
                raise
        self.marks.deep, self.largest, self.known = True, {}, {}
        return self._integral(cuts)

    def _integral(self, cuts: Sequence[float]) -> Any:
        with np.errstate(all="ignore"):  # SciPy's run has said what there is to be said
            if cuts is FEW_CUTS:
                y, _, smooth = self._panel(False, 0.0, 1.0)
                if smooth:
                    return y
            elif self.plain is not None:
                first = [(False, low, high) for low, high in itertools.pairwise((0.0, *cuts))]
                first.append((True, 0.0, 1.0 - cuts[-1]))
                found = self._of_panels(first)
                self.known = dict(zip(first, found, strict=True))
            total = self._to_the_end(False, cuts[0])
            for low, high in itertools.pairwise(cuts):
                total = total + self._between(False, low, high)[0]
            return total + self._to_the_end(True, 1.0 - cuts[-1])

    def _panel(self, from_right: bool, low: float, high: float) -> tuple[Any, Parts, bool]:
        """The sum over one panel, that of all parts, and whether the rules agree in each of them."""
        half, panel = 0.5 * (high - low), (from_right, low, high)
        total, rows = self.known.pop(panel) if panel in self.known else self._of_panels([panel])[0]
        here = [half * np.max(WEIGHTS @ np.abs(part)) for key, part in rows.items() if _of_value(key) and part.size]
        whole = max([*here, *(np.max(part, initial=0.0) for key, part in self.largest.items() if _of_value(key))])
        smooth = all(self._smooth(key, part, half, whole) for key, part in rows.items())
        parts = {key: half * (WEIGHTS @ part) for key, part in rows.items()}
        return half * total, parts, smooth

    def _smooth(self, key: Any, rows: Any, half: float, whole: float) -> bool:
        """``whole`` is the integral of the plain value, as far as it is known."""
        if not np.all(np.isfinite(rows)):
            return False
        rough = disagree(rows)
        if not np.any(rough):
            return True
        difference = np.abs(WEIGHTS @ rows - _FEWER_WEIGHTS @ rows[1::2])
        rough &= half * difference > np.maximum(_NOTHING * self.largest.get(key, 0.0), 1e-3 * _NOTHING * whole)
        # What cancels but for rounding: f(x / b) / b over [0, b] as a function of b.
        turns = np.sum(np.diff(np.sign(np.diff(rows, axis=0)), axis=0) != 0, axis=0)
        return not np.any(rough & ~((turns >= _NOISY) & (half * difference <= _NOTHING * whole)))

    def _between(self, from_right: bool, low: float, high: float) -> tuple[Any, Parts]:
        """Over an interval inside which the integrand is smooth."""
        sums: list[Any] = []
        total: Parts = {}
        pending = [(low, high, 0)]
        while pending:
            u, v, depth = pending.pop()
            y, parts, smooth = self._panel(from_right, u, v)
            if smooth or (depth >= _FINE and self._negligible(parts)):
                sums.append(y)
                total = combined((1.0, 1.0), [total, parts])
            elif depth == _MOST_BISECTIONS:
                raise self._not_smooth(from_right, 0.5 * (u + v))
            else:
                middle = 0.5 * (u + v)
                pending += [(u, middle, depth + 1), (middle, v, depth + 1)]
        self._note(total)
        return sum(sums[1:], sums[0]), total

    def _to_the_end(self, from_right: bool, width: float) -> Any:
        """Over [0, width] of σ, or of τ, at whose end 0 there may be a singularity."""
        panels: list[Any] = []
        sums: list[Any] = []
        parts_of_panels: list[Parts] = []
        while True:
            y, parts, smooth = self._panel(from_right, 0.0, width)
            if smooth or (len(panels) >= _FINE and self._negligible(parts)):
                self._note(parts)
                return sum(panels, y)
            if len(panels) in _TRIES:
                limit = self._limit(sums, parts_of_panels)
                if limit is not None:
                    return limit
                if len(panels) == _TRIES[-1]:
                    raise self._diverges(from_right)
            shorter = _SHRINK * width
            if self.plain is not None and (from_right, shorter, width) not in self.known:
                self._foresee(from_right, width, _AT_ONCE[len(panels) > 0])
            y, parts = self._between(from_right, shorter, width)
            panels.append(y)
            sums.append(y if not sums else sums[-1] + y)
            parts_of_panels.append(parts)
            width = shorter

    def _foresee(self, from_right: bool, width: float, levels: int) -> None:
        """The next panels towards an end, from one call of the integrand."""
        ahead = []
        for _ in range(levels):
            shorter = _SHRINK * width
            ahead += [(from_right, shorter, width), (from_right, 0.0, shorter)]
            width = shorter
        self.known |= dict(zip(ahead, self._of_panels(ahead), strict=True))

    def _note(self, parts: Parts) -> None:
        for key, part in parts.items():
            size = np.abs(part)
            self.largest[key] = np.maximum(self.largest[key], size) if key in self.largest else size

    def _negligible(self, parts: Parts) -> bool:
        """Whether a panel is nothing beside others, in the value and in each derivative: a tail."""
        return all(
            np.all(np.isfinite(part)) and np.all(np.abs(part) <= _TAIL * self.largest.get(key, 0.0))
            for key, part in parts.items()
        )

    def _limit(self, sums: list[Any], parts: list[Parts]) -> Any:
        """The limit of partial sums, where value and derivatives have one; else None."""
        of_panels = {key: np.abs(part) for key, part in stacked(parts).items()}
        whole = max(np.sum(part) for key, part in of_panels.items() if _of_value(key))
        for part in of_panels.values():
            size = np.sum(part, axis=0)
            small = 1e-14 * size + _NOTHING * whole
            if not np.all(np.isfinite(size)) or not np.all(part[-1] <= np.maximum(_DECAYS * part[-5], small)):
                return None
        shape = np.shape(sums[0])
        if shape:
            entries = []
            for i in np.ndindex(shape):
                of_entry = [total[i] for total in sums]
                until = [self.marks.parts(y) for y in of_entry]
                steps = [combined((1.0, -1.0), [b, a]) for a, b in itertools.pairwise(until)]
                entries.append(self._extrapolated(of_entry, [until[0], *steps]))
            return None if any(entry is None for entry in entries) else np.reshape(np.stack(entries), shape)
        return self._extrapolated(sums, parts)

    def _extrapolated(self, sums: list[Any], parts: list[Parts]) -> Any:
        size = {key: np.sum(np.abs(part), axis=0) for key, part in stacked(parts).items()}
        whole = max(np.max(part) for key, part in size.items() if _of_value(key))
        columns = [column for column in _epsilon(sums) if len(column) >= 3]
        changes = [max(abs(numbers(column[-1] - other)) for other in column[-3:-1]) for column in columns]
        for i in np.argsort(changes).tolist():
            if not changes[i] <= _SETTLED * whole:
                break
            changed = [self.marks.parts(columns[i][-1] - other) for other in columns[i][-3:-1]]
            if all(_small(part, size.get(key, 0.0), whole) for parts in changed for key, part in parts.items()):
                return columns[i][-1]
        return None

    def _not_smooth(self, from_right: bool, s: float) -> ValueError:
        at = float(self.place(1.0 - s, s) if from_right else self.place(s, 1.0 - s))
        return errors.no_solution(
            self.name,
            f"the integrand is not smooth near {at:.6g}: a kink, a jump, or a singularity of it or of its "
            "derivatives.\n  Give the places of kinks and jumps as points=[...], or integrate from one to the next",
        )

    def _diverges(self, from_right: bool) -> ValueError:
        at = float(self.place(1.0, 0.0) if from_right else self.place(0.0, 1.0))
        return errors.no_solution(
            self.name,
            f"towards {at:.6g} the integral of the integrand, or of a derivative of it, diverges or does not settle.\n"
            "  Remove the singularity by a change of variables",
        )


def disagree(rows: Any) -> Any:
    """Where the two rules differ in a panel, or in several at once; the nodes are on the last axis but one."""
    difference = np.abs(WEIGHTS @ rows - _FEWER_WEIGHTS @ rows[..., 1::2, :])
    size, variation = np.max(np.abs(rows), axis=-2), np.ptp(rows, axis=-2)
    return difference > _SMOOTH * variation + _ROUNDING * size


def _weighted(values: list[Any]) -> Any:
    total = WEIGHTS[0] * values[0]
    for weight, y in zip(WEIGHTS[1:].tolist(), values[1:], strict=True):
        total = total + weight * y
    return total


def _of_value(key: tuple[Any, ...]) -> bool:
    """Whether a part is the plain value, and no derivative."""
    return all(type(step) is str for step in key)


def _epsilon(sums: list[Any]) -> Any:
    """The even columns of Wynn's table; the first is the sums themselves.  ε₊ = ε₋ + 1 / Δε"""
    before: list[Any] = [0.0] * (len(sums) + 1)
    column = list(sums)
    while len(column) >= 3:
        yield column
        for _ in range(2):
            following = [
                old + np.divide(1.0, b - a) for a, b, old in zip(column[:-1], column[1:], before[1:-1], strict=True)
            ]
            before, column = column, following


def _small(change: Any, size: Any, whole: float) -> bool:
    return bool(np.all(np.abs(change) <= _SETTLED * (size + 0.01 * whole)))
