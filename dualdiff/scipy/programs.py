"""A function of the user's, its Jacobian and its derivatives in all that it closes over, as one plain program.

A function finds derivatives in its cells, its defaults and its arguments.  These become arguments of a program
(readings.py).  `dualdiff.stage` writes value and Jacobian as one program of NumPy or plain floats.

    program = Linearised.of(rate, y, calls)      or None: not all that it closes over is known to be numbers
    f, J = program(t, y)                         J in y and, after that, in ``program.parameters``
"""

from __future__ import annotations

import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from ..adapting import adapt
from ..errors import NotStaged, StagingRefused
from ..transforms.forward import jacfwd
from ..transforms.reverse import jacrev
from ..values.choices import WATCHES, note, watched
from ..values.dual import Dual
from ..values.objects import fused
from .implicit import numbers
from .readings import Build, opened

# A program is written at the second use of a function, or at the first if it is run as often as this.
_AT_ONCE = 300
_KEPT, _VARIANTS = 128, 4
# With more parameters than this for each state, Jacobians are made in reverse mode.
_MANY = 4


class _Kept:
    """What is remembered of one piece of code."""

    def __init__(self) -> None:
        self.uses, self.failed = 0, False
        self.chooses = False  # by values that carry derivatives, as far as it was seen
        self.staged: Any = None


_KEPT_PROGRAMS: OrderedDict[Any, _Kept] = OrderedDict()
_LOCK = threading.Lock()


class Linearised:
    """Value and Jacobian of a right-hand side at plain ``t`` and ``y``, by a program."""

    def __init__(self, staged: Any, kept: _Kept, n: int, active: list[Any], rest: tuple[Any, ...]) -> None:
        self.staged, self.kept, self.n, self.active, self.rest = staged, kept, n, active, rest
        self.z = np.concatenate([np.ravel(numbers(x)) for x in active]) if active else np.zeros(0)
        self.w = np.concatenate([np.zeros(n), self.z])

    @property
    def parameters(self) -> Any:
        """All that carries derivatives, as one vector."""
        return np.concatenate([np.ravel(x) for x in self.active]) if self.active else np.zeros(0)

    @classmethod
    def of(cls, rate: Any, y: Any, calls: int, again: bool = False) -> Linearised | None:
        """For a function that is going to be called so often; ``again`` in the same solution."""
        found = opened((rate.as_given, rate.args))
        if found is None or np.asarray(y).dtype != float or np.ndim(y) != 1:
            return None
        moving = tuple(type(leaf) is Dual for leaf in found.leaves)
        key = (found.key, moving, len(y), rate.vectorized)
        with _LOCK:
            kept = _KEPT_PROGRAMS.setdefault(key, _Kept())
            _KEPT_PROGRAMS.move_to_end(key)
            if len(_KEPT_PROGRAMS) > _KEPT:
                _KEPT_PROGRAMS.popitem(last=False)
            kept.uses += not again
        if kept.failed or (kept.staged is None and kept.uses < 2 and calls < _AT_ONCE):
            return None
        from ..staging import stage
        from ..staging.record import active as traced

        if traced() is not None:
            return None
        if kept.staged is None:
            shapes = [np.shape(leaf) for leaf, moves in zip(found.leaves, moving, strict=True) if moves]
            kept.staged = stage(_both(found.build, moving, shapes, len(y), rate.vectorized), variants=_VARIANTS)
        active = [leaf for leaf, moves in zip(found.leaves, moving, strict=True) if moves]
        rest = tuple(leaf for leaf, moves in zip(found.leaves, moving, strict=True) if not moves)
        return cls(kept.staged, kept, len(y), active, rest)

    def at_all(self, times: list[float], states: Any) -> tuple[Any, Any] | None:
        """Values (N, n) and Jacobians (N, n, n + m) at N states; None where there is no program."""
        values, jacobians = [], []
        try:
            for t, y in zip(times, states, strict=True):
                value, J = self(t, y)
                values.append(value)
                jacobians.append(J)
        except StagingRefused:
            return None
        self.tell()
        return np.array(values), np.array(jacobians)

    def tell(self) -> None:
        """Let those know who watch what is chosen: when it was written, the program chose."""
        if WATCHES and self.kept.chooses:
            note(self.__class__, (), None)

    def __call__(self, t: float, y: Any) -> Any:
        self.w[: self.n] = y
        try:
            return self._run(self.w, t, *self.rest)
        except Exception:  # another way through its branches, or the function's own error
            return self._anew(t)

    def _run(self, *leaves: Any) -> Any:
        raise LookupError

    def _anew(self, t: float) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotStaged)
            found = self._staged(self.w, t)
            try:
                with watched() as choices:
                    program = self.staged.program(self.w, t, self.rest)
                self.kept.chooses = self.kept.chooses or bool(choices)
            except StagingRefused:
                self.kept.failed, self.kept.staged = True, None
                raise
        if program.saves or program.apart:
            self.kept.failed, self.kept.staged = True, None
            raise StagingRefused("it writes into what it closes over")
        self._run = program.run if program.whole else lambda *leaves: self._staged(leaves[0], leaves[1])  # type: ignore[method-assign]
        return found

    def _staged(self, w: Any, t: float) -> Any:
        """Value and Jacobian, perhaps by a program that is written now, from what the function does: is it chosen?"""
        with watched() as choices:
            found = self.staged(w, t, self.rest)
        self.kept.chooses = self.kept.chooses or bool(choices)
        return found


def _both(build: Build, moving: tuple[bool, ...], shapes: list[Any], n: int, vectorized: bool) -> Callable[..., Any]:
    """(f, ∂f/∂w) of w, which is the state and then all that carries derivatives."""

    def f(w: Any, t: Any, rest: Any) -> Any:
        at, slots = n, []
        for shape in shapes:
            size = int(np.prod(shape))
            slots.append(np.reshape(w[at : at + size], shape) if shape else w[at])
            at += size
        active, others = iter(slots), iter(rest)
        fun, args = build(iter([next(active if moves else others) for moves in moving]))
        y = w[:n]
        k = adapt(fun)(t, y[:, None] if vectorized else y, *args)
        if isinstance(k, (list, tuple)):
            rows = [fused(row) for row in k]
            k = np.stack([np.reshape(row, ()) if np.shape(row) else row for row in rows])
        k = fused(k)
        if np.shape(k) != (n,):
            k = np.reshape(k, (n,)) if np.size(k) == n else np.broadcast_to(k, (n,))
        return k

    jacobian = jacrev(f) if sum(int(np.prod(shape)) for shape in shapes) > _MANY * n else jacfwd(f)

    def value_and_jacobian(w: Any, t: Any, rest: Any) -> Any:
        return f(w, t, rest), jacobian(w, t, rest)

    return value_and_jacobian
