"""Derivatives that solvers ask for again and again, as programs where that pays (`dualdiff.stage`).

    derivative = staged_where_it_pays(f, make)      derivative(x, *rest)

``make(f)`` gives two functions of plain arguments: the value, and ``(value, derivative)`` unstaged.  The first calls of
one kind run the latter, until that has cost about what a program does: `AFTER` calls, or `PRICE` seconds.
Calls are counted for all functions of one code over all solves in which they come up, so that the thousandth fit of a
curve is quick, however few steps it takes, and a closure that is made anew each time is the same function with other
numbers.

What a function reads is looked at in each call (readings.py): the numbers in its cells and defaults are arguments of a
program, all else is part of what it is kept by.  And once in each solve ``f`` runs beside its program: where the value
is not the program's to the last bit, the unstaged derivative runs from there on.  Where nothing can be staged, or a
program is no quicker, likewise, without a word: nobody asked for it.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import StagingRefused
from ..staging.entrance import OTHER, entrance
from ..staging.keys import SIMPLE
from ..staging.record import active
from ..staging.staged import Staged, same
from ..values.objects import carries
from .readings import Build, read

Make = Callable[[Callable[..., Any]], tuple[Callable[..., Any], Callable[..., tuple[Any, Any]]]]

AFTER = 60  # calls of the unstaged derivative
PRICE = 0.02  # or seconds spent in them: what a program costs, about
QUICK = 0.01  # seconds of an unstaged call above which a program would save little
GAIN = 0.7  # of its time that a program may take
KINDS = 32  # of arguments, beyond which nobody counts
KEPT = 256  # pieces of code

_ndarray = np.ndarray

_kept: OrderedDict[Any, Repeated] = OrderedDict()


def staged_where_it_pays(f: Callable[..., Any], make: Make) -> Callable[..., Any]:
    """``derivative(x, *rest)`` of ``f(x, *rest)`` at plain arguments; ``make`` is a function of a module, by which a
    function that comes back is known.
    """
    both = InOneSolve(f, make)
    return lambda *args: (both.known(*args) or both.unstaged(*args))[1]


class InOneSolve:
    """Value and derivative of a function for one solve."""

    def __init__(self, f: Callable[..., Any], make: Make) -> None:
        self.f, self.make = f, make
        self.value, self.unstaged = make(f)
        self.compared: Any = None  # whose value was compared with that of f

    def known(self, x: Any, *rest: Any) -> tuple[Any, Any] | None:
        """The pair, of a function that is known to read plain numbers; None of another."""
        found = repeated(self.f, self.make)
        if found is None:
            return None
        known, leaves = found
        if self.compared is known and (both := known.program_at((x, rest, leaves))) is not None:
            return both
        both = known(leaves, self.value, self.unstaged, x, *rest)
        self.compared = known if known.quick and not known.over else None
        return both


def repeated(f: Any, make: Make) -> tuple[Repeated, tuple[Any, ...]] | None:
    """What is known of a function's derivative, and the numbers that the function holds now."""
    found = read(f)
    if found is None:
        return None
    reading, leaves = found
    known = reading.known_by.get(make)
    if known is None:
        key = reading.key, make
        known = _kept.get(key)
        if known is None:
            known = _kept[key] = Repeated(reading.build, make)
            if len(_kept) > KEPT:
                _kept.popitem(last=False)
        reading.known_by[make] = known
    return known, tuple(leaves)


class Repeated:
    """The derivative of functions of one code, and its calls so far for each kind of arguments."""

    def __init__(self, build: Build, make: Make) -> None:
        both = lambda x, rest, leaves: make(build(iter(leaves)))[1](x, *rest)
        self.staged = Silent(both, variants=2)
        self.calls: dict[Any, int] = {}
        self.seconds: dict[Any, float] = {}  # the shortest call
        self.spent: dict[Any, float] = {}  # all of them
        self.tried: set[Any] = set()
        self.ready: set[Any] = set()  # the kinds of arguments whose programs pay
        self.quick: dict[type, Any] = {}  # the last of them for each type of x, with its entrance
        self.over = False

    def __call__(self, leaves: Any, value: Any, unstaged: Any, x: Any, *rest: Any) -> tuple[Any, Any]:
        """Value and derivative; ``value`` and ``unstaged`` are of a function that holds the numbers ``leaves``."""
        if self.over or active() is not None or carries(x) or carries(rest):
            return unstaged(x, *rest)
        args = x, rest, leaves
        found = self.program_at(args)
        if found is None:
            key = self.staged._key(args, {})
            if key is None:
                return unstaged(x, *rest)
            if key not in self.ready:
                start = time.perf_counter()
                found = unstaged(x, *rest)
                self._count(key, time.perf_counter() - start, args, value)
                return found
            found = self.staged(*args)
        own = value(x, *rest)
        if not carries(own) and same(found[0], own):
            return own, found[1]
        self.over = not carries(own)
        return unstaged(x, *rest)

    def program_at(self, args: tuple[Any, Any, Any]) -> Any:
        """Value and derivative by a program that is at hand; None where there is none for these arguments."""
        at_hand = self.quick.get(type(args[0]))
        if at_hand is None:
            return None
        try:
            found = at_hand[0](args)
        except Exception:  # another way through the branches, the function's own error, or one that it catches
            return None
        if found is OTHER:
            return None
        at_hand[1].calls += 1
        return found

    def _count(self, key: Any, seconds: float, args: Any, value: Any) -> None:
        if key not in self.calls and len(self.calls) >= KINDS:
            self.over = True
            return
        self.calls[key] = calls = self.calls.get(key, 0) + 1
        self.spent[key] = spent = self.spent.get(key, 0.0) + seconds
        self.seconds[key] = min(seconds, self.seconds.get(key, seconds))
        if key not in self.tried and (calls >= AFTER or spent >= PRICE) and self.seconds[key] < QUICK:
            self.tried.add(key)
            try:
                if self._pays(key, args, value):
                    self.ready.add(key)
            except Exception:  # of the function's own, at other values, or a refusal
                self.over = True

    def _pays(self, key: Any, args: Any, value: Any) -> bool:
        program = self.staged.program(*args)
        if program.saves or program.apart:
            raise StagingRefused("it writes into what it closes over")
        shortest = self.seconds[key]
        for _ in range(3):
            start = time.perf_counter()
            found, _ = self.staged(*args)
            shortest = min(shortest, time.perf_counter() - start)
            if not same(found, value(args[0], *args[1])):
                raise StagingRefused("the function's own value is another")
        pays = shortest <= GAIN * self.seconds[key]
        if pays and program.whole:
            self.quick[type(args[0])] = entrance(program.run, args, SIMPLE), program
        return pays


class Otherwise(BaseException):
    """A program at hand is not for a point that a solver came to; no error, and none that the solver may catch."""


def at_hand(f: Callable[..., Any], make: Make) -> Callable[..., Any] | None:
    """The derivative of ``f`` by a program, for one solve that nothing else takes part in; None where there is none.

    So ``f`` is looked at once, and its value compared once, where the derivative is asked for first.  The derivative
    stops everything by `Otherwise` where the program does not serve.
    """
    found = repeated(f, make)
    if found is None:
        return None
    known, leaves = found
    if known.over or not known.quick:
        return None
    at: Any = None
    last: Any = None

    def derivative(x: Any, *rest: Any) -> Any:
        nonlocal at, last
        here = x.tobytes() if type(x) is _ndarray else x
        if at == here:  # SciPy looks at the shape of the first, and begins there
            return last
        found = known.program_at((x, rest, leaves))
        if found is None:
            raise Otherwise
        if at is None:
            known.over = not same(found[0], make(f)[0](x, *rest))
            if known.over:
                raise Otherwise
        at, last = here, found[1]
        return last

    return derivative


class Silent(Staged):
    """A staged function that gives up without a warning."""

    def _give_up(self, key: Any, reason: str, lines: list[str]) -> None:
        self._refused[key] = reason
