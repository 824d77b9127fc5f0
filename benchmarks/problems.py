"""A benchmark problem: a plain NumPy function, where to differentiate it, and by which operator of dualdiff.

The function knows nothing of dualdiff: it is what anybody would write.  A list named ``PROBLEMS`` in a module of
this folder is what the tables are made of; everything of a row follows from one `Problem`:

    value        problem.value()        f(*args)
    derivative   problem.derivative()   dd.grad(f, argnums)(*args), and likewise for every operator
    by hand      problem.by_hand(*args) the same numbers in the same structure, or None if nobody would write it

Conventions: ``operator`` is the name of a function of dualdiff; ``jvp`` and ``hvp`` take ``tangents``, of the structure
of ``args``, in place of ``argnums``.  ``by_hand`` of ``jvp`` and ``hvp`` takes the tangents after the arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import dualdiff as dd

WITH_TANGENTS = ("jvp", "hvp")


class Problem(NamedTuple):
    """One row of a table before it is measured: ``operator`` of ``f`` at ``args``."""

    name: str
    size: str
    operator: str
    f: Callable[..., Any]
    args: tuple[Any, ...]
    argnums: int | tuple[int, ...] = 0
    by_hand: Callable[..., Any] | None = None
    source: str = ""
    tangents: tuple[Any, ...] = ()

    def value(self) -> Any:
        return self.f(*self.args)

    def derivative(self) -> Any:
        return self.differentiated()()

    def differentiated(self) -> Callable[[], Any]:
        """The derivative as a function of nothing, so that a clock sees its call and not its construction."""
        operator, f, args, tangents = getattr(dd, self.operator), self.f, self.args, self.tangents
        if self.operator in WITH_TANGENTS:
            return lambda: operator(f, args, tangents)
        derivative = operator(f, self.argnums)
        return lambda: derivative(*args)

    def staged(self, compile: str | None = None) -> Callable[[], Any] | None:
        """The derivative as `dd.stage` makes it a program, written already; None where it does not.

        None too where numba is to compile, and has nothing to compile or too much.
        """
        operator, f, args, tangents = getattr(dd, self.operator), self.f, self.args, self.tangents
        derivative = lambda *args: operator(f, args, tangents)
        if self.operator not in WITH_TANGENTS:
            derivative = operator(f, self.argnums)
        staged = dd.stage(derivative, compile=compile)
        try:
            program = staged.program(*args)
        except dd.StagingRefused:
            return None
        if compile and not program.kernels:
            return None
        return lambda: staged(*args)

    def written_by_hand(self) -> Callable[[], Any] | None:
        """``by_hand`` at the problem's arguments, as a function of nothing."""
        by_hand, args, tangents = self.by_hand, self.args, self.tangents
        return None if by_hand is None else lambda: by_hand(*args, *tangents)

    def in_differentiated(self, f: Callable[..., Any] | None = None) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """``f`` (or another function of its arguments) of the differentiated arguments alone, and these."""
        full, args = f or self.f, self.args
        argnums = self.argnums if isinstance(self.argnums, tuple) else (self.argnums,)
        if self.operator in WITH_TANGENTS:
            argnums = tuple(range(len(args)))

        def of_differentiated(*primals: Any) -> Any:
            replaced = list(args)
            for i, primal in zip(argnums, primals, strict=True):
                replaced[i] = primal
            return full(*replaced)

        return of_differentiated, tuple(args[i] for i in argnums)
