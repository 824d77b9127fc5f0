"""Derivatives that solvers ask for again and again, as programs where that pays (`dualdiff.stage`).

    derivative = staged_where_it_pays(f, make)      derivative(x, *rest)

``make(f)`` gives two functions of plain arguments: the value, and ``(value, derivative)`` unstaged.  The first `AFTER`
calls for arguments of one kind run the latter, since to write a program costs as much as some fifty to hundred of them.
Calls are counted for a function over all solves in which it comes up, so that the thousandth fit of a curve is quick,
however few steps it takes.

A program holds what ``f`` captured when it was written.  So a function of which it is not known what it reads, or that
reads something else than before (`programs.fingerprint`), begins anew; and each call of a program also runs ``f``, on
plain numbers, as the unstaged derivative ran it on duals: where the value is not the program's to the last bit, the
unstaged derivative runs from there on.  Where nothing can be staged, or a program is no quicker, likewise, without a
word: nobody asked for it.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from types import FunctionType
from typing import Any

from ..errors import StagingRefused
from ..staging.record import active
from ..staging.staged import Staged, same
from ..values.objects import carries
from .programs import fingerprint

Make = Callable[[Callable[..., Any]], tuple[Callable[..., Any], Callable[..., tuple[Any, Any]]]]

AFTER = 100  # calls of the unstaged derivative
QUICK = 0.01  # seconds of an unstaged call above which a program would save little
GAIN = 0.7  # of its time that a program with its check may take
KINDS = 32  # of arguments, beyond which nobody counts

_known: weakref.WeakKeyDictionary[Any, dict[Any, Repeated]] = weakref.WeakKeyDictionary()


def staged_where_it_pays(f: Callable[..., Any], make: Make) -> Callable[..., Any]:
    """``derivative(x, *rest)`` of ``f(x, *rest)`` at plain arguments; ``make`` is a function of a module, by which a
    function that comes back is known.
    """
    now = fingerprint(f) if type(f) is FunctionType else None
    if now is None:
        unstaged = make(f)[1]
        return lambda *args: unstaged(*args)[1]
    makers = _known.setdefault(f, {})
    if make not in makers or makers[make].of != now:
        itself = weakref.ref(f)  # its own programs are not to keep it
        makers[make] = Repeated(lambda *args: itself()(*args), make, now)  # type: ignore[misc]  # it is alive: it is called
    repeated = makers[make]

    def derivative(*args: Any, of: Any = f) -> Any:
        return repeated(*args)

    return derivative


class Repeated:
    """The derivative of one function, and its calls so far for each kind of arguments."""

    def __init__(self, f: Callable[..., Any], make: Make, of: Any) -> None:
        self.of = of  # what the function was
        self.value, self.unstaged = make(f)
        self.staged = Silent(self.unstaged, variants=2)
        self.calls: dict[Any, int] = {}
        self.seconds: dict[Any, float] = {}  # the shortest call
        self.ready: set[Any] = set()  # the kinds of arguments whose programs pay
        self.over = False

    def __call__(self, *args: Any) -> Any:
        key = None if self.over or active() is not None or carries(args) else self.staged._key(args, {})
        if key is None:
            return self.unstaged(*args)[1]
        if key in self.ready:
            value, derivative = self.staged(*args)
            own = self.value(*args)
            if not carries(own) and same(value, own):
                return derivative
            self.over = not carries(own)
            return self.unstaged(*args)[1]
        start = time.perf_counter()
        _, derivative = self.unstaged(*args)
        self._count(key, time.perf_counter() - start, args)
        return derivative

    def _count(self, key: Any, seconds: float, args: Any) -> None:
        if key not in self.calls and len(self.calls) >= KINDS:
            self.over = True
            return
        self.calls[key] = calls = self.calls.get(key, 0) + 1
        self.seconds[key] = min(seconds, self.seconds.get(key, seconds))
        if calls == AFTER and self.seconds[key] < QUICK:
            try:
                if self._pays(key, args):
                    self.ready.add(key)
            except Exception:  # of the function's own, at other values, or a refusal
                self.over = True

    def _pays(self, key: Any, args: Any) -> bool:
        self.staged.program(*args)
        shortest = self.seconds[key]
        for _ in range(3):
            start = time.perf_counter()
            value, _ = self.staged(*args)
            alike = same(value, self.value(*args))
            shortest = min(shortest, time.perf_counter() - start)
            if not alike:
                raise StagingRefused("the function's own value is another")
        return shortest <= GAIN * self.seconds[key]


class Silent(Staged):
    """A staged function that gives up without a warning."""

    def _give_up(self, key: Any, reason: str, lines: list[str]) -> None:
        self._refused[key] = reason
