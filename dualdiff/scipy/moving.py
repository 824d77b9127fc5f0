"""How a function moves with what it holds: its derivative in all that carries one, by a program.

A function finds derivatives in its cells, its defaults and its arguments.  With θ all of these as one vector, the
derivative of what is made of the function at a plain point is J θ', and J is one matrix of plain numbers, whatever the
mode.  That is a program of θ, of the point, and of what else the function holds (readings.py); it serves all functions
of one code, from their third time or so on.

    moving = of_one_level(f, args)             θ and the rest; None where other levels enter, or not all is known
    program = repeated_with(moving, made)      ``made(f, x)`` gives the value, and what is differentiated
    J = program.at(moving, x, value)           None where there is no program, or where it has another value
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..staging.entrance import OTHER, entrance
from ..staging.keys import SIMPLE
from ..staging.record import active
from ..staging.staged import same
from ..tangents.dense import Dense
from ..tangents.running import Running
from ..tangents.single import Single
from ..transforms.forward import jacfwd
from ..values.choices import MADE
from ..values.dual import Dual
from .implicit import numbers
from .readings import Build, opened
from .staged_derivatives import KEPT, KINDS, Silent

SOON = 4  # solutions with derivatives: a program costs about as much

_kept: OrderedDict[Any, Moved] = OrderedDict()


class Moving(NamedTuple):
    """``theta`` carries the derivatives, ``numbers`` are its own."""

    theta: Any
    numbers: Any
    rest: tuple[Any, ...]
    key: Any
    build: Build
    moves: tuple[bool, ...]
    shapes: tuple[tuple[int, ...], ...]


def of_one_level(f: Any, args: tuple[Any, ...]) -> Moving | None:
    """What a function and its arguments hold; None where not all is known, nothing or more than one level enters."""
    if active() is not None or (found := opened((f, args))) is None:
        return None
    duals = [leaf for leaf in found.leaves if type(leaf) is Dual]
    if not duals:
        return None
    p = duals[0].perturbation
    if not p.live or not (type(p) in (Single, Dense) or isinstance(p, Running)):  # others ask for more than numbers
        return None
    for dual in duals:
        if type(dual.value) is Dual or dual.perturbation is not p or dual.dtype != float:
            return None
    shapes = tuple([dual.shape for dual in duals])
    moves = tuple([type(leaf) is Dual for leaf in found.leaves])
    vectors = [np.ravel(dual) for dual in duals]
    theta = vectors[0] if len(vectors) == 1 else np.concatenate(vectors)
    rest = tuple([leaf for leaf in found.leaves if type(leaf) is not Dual])
    return Moving(theta, numbers(theta), rest, (found.key, moves, shapes), found.build, moves, shapes)


def repeated_with(moving: Moving, made: Callable[[Callable[..., Any], Any], tuple[Any, Any]]) -> Moved | None:
    """What is known of functions of this code; None at first."""
    key = moving.key, made
    known = _kept.get(key)
    if known is None:
        known = _kept[key] = Moved(moving, made)
        if len(_kept) > KEPT:
            _kept.popitem(last=False)
    known.uses += 1
    return None if known.over or known.uses < SOON else known


class Moved:
    """The derivatives of what is made of functions of one code."""

    def __init__(self, moving: Moving, made: Callable[[Callable[..., Any], Any], tuple[Any, Any]]) -> None:
        build, moves, shapes = moving.build, moving.moves, moving.shapes

        def both(theta: Any, x: Any, rest: Any) -> Any:
            def of_theta(theta: Any) -> Any:
                slots, at = [], 0
                for shape in shapes:
                    size = math.prod(shape)
                    slots.append(np.reshape(theta[at : at + size], shape) if shape else theta[at])
                    at += size
                held, others = iter(slots), iter(rest)
                f, args = build(iter([next(held if moved else others) for moved in moves]))
                value, differentiated = made(lambda x: f(x, *args), x)
                return differentiated, value

            J, value = jacfwd(of_theta, has_aux=True)(theta)
            return value, J

        self.staged = Silent(both, variants=2)
        self.enter: dict[type, Any] = {}
        self.uses, self.over = 0, False
        self.chooses = False  # whether anything is compared or rounded that carries a derivative
        self.of_arrays = True  # whether points may come as an array of them: for integrands

    def __call__(self, moving: Moving, x: Any) -> tuple[Any, Any] | None:
        """Value and J."""
        args = moving.numbers, x, moving.rest
        try:
            enter = self.enter.get(type(x))
            if enter is not None and (found := enter(args)) is not OTHER:
                return found
            if enter is None and len(self.staged._programs) >= KINDS:
                return None
            before = MADE[0]
            program = self.staged.program(*args)
            self.chooses = self.chooses or MADE[0] != before
            self.over = bool(program.saves or program.apart)  # it writes into what it closes over
            if self.over:
                return None
            if enter is None and program.whole:
                self.enter[type(x)] = entrance(program.run, args, SIMPLE)
            return self.staged(*args)
        except Exception:  # a refusal, or the function's own at other values
            self.over = not self.enter
            return None

    def at(self, moving: Moving, x: Any, value: Any) -> Any:
        """J by a program that gives the value at hand to the last bit; None where there is none."""
        found = self(moving, x)
        if found is None:
            return None
        self.over = not same(found[0], value)
        return None if self.over or not np.all(np.isfinite(found[1])) else found[1]
