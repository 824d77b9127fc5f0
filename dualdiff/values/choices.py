"""Choices: what a function decides by values that carry derivatives, noted while somebody watches.

A comparison, a rounding, a sign, a position is constant wherever it has a derivative at all.  What the function makes
of it may jump where it changes, and no derivative of the function shows that.  Who has to know (an integrator, whose
solution crosses such a place) runs the function and looks at what it has chosen:

    with watched() as choices:
        f(x)
    choices                     [Choice(np.greater, (x, 0.5), outcome), ...], in the order in which they were made

The rules of functions that choose call `note` where `WATCHES` is not empty: to everybody else that is all it costs.
A watch sees what is done in its own thread.
"""

from __future__ import annotations

import contextlib
from _thread import get_ident  # threading has it from there, and takes its time to be imported
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from .dual import Dual
from .objects import carries


class Choice(NamedTuple):
    """A function that chooses, its arguments, some of which carry derivatives, and what came of it, plain."""

    function: Any
    args: tuple[Any, ...]
    outcome: Any


class Watch(list[Choice]):
    """The choices made since it began."""

    def __init__(self) -> None:
        super().__init__()
        self.thread = get_ident()


WATCHES: list[Watch] = []
# How many comparisons, roundings and the like there were so far, whose results are plain: a search
# (adapting/searches.py) and a solver (scipy/) ask whether any was made.
MADE = [0]


@contextlib.contextmanager
def watched() -> Iterator[Watch]:
    """Note what is chosen in this thread; a watch inside another one keeps its choices to itself."""
    watch = Watch()
    WATCHES.append(watch)
    try:
        yield watch
    finally:
        for i in range(len(WATCHES) - 1, -1, -1):
            if WATCHES[i] is watch:
                del WATCHES[i]
                break


def decided(function: Any, args: tuple[Any, ...], outcome: Any) -> None:
    """Of a function whose result is plain: count it, and tell who watches."""
    MADE[0] += 1
    if WATCHES:
        note(function, args, outcome)


def note(function: Any, args: tuple[Any, ...], outcome: Any) -> None:
    """Tell the newest watch of this thread."""
    thread = get_ident()
    for watch in reversed(WATCHES):
        if watch.thread == thread:
            watch.append(Choice(function, args, outcome))
            return


def decides(run: Callable[[], Any]) -> bool:
    """Whether anything is decided in a call by what carries a derivative from outside of it.

    Not by a derivative that the call itself takes: that has ended when it returns.
    """
    with watched() as choices:
        run()
    for choice in choices:
        note(*choice)  # to whom watches outside
    return any(_of_outside(arg) for choice in choices for arg in choice.args)


def _of_outside(arg: Any) -> bool:
    if type(arg) is not Dual:
        return carries(arg)
    while type(arg) is Dual:
        if arg.perturbation.live:
            return True
        arg = arg.value
    return False
