"""A function of the user's, its Jacobian and its derivatives in all that it closes over, as one plain program.

A function finds derivatives in its cells, its defaults and its arguments.  `opened` takes these apart to numbers and
arrays and builds the function again from others, so that they become arguments.  Then `dualdiff.stage` writes value and
Jacobian as one program of NumPy or plain floats, which serves all functions made from the same code: a closure that is
made anew in each call of a fit is not traced anew.

    program = Linearised.of(rate, y, calls)      or None: not all that it closes over is known to be numbers
    f, J = program(t, y)                         J in y and, after that, in ``program.parameters``

What a global name holds is a constant of the program and part of what it is kept by.
"""

from __future__ import annotations

import dis
import functools
import sys
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

import numpy as np

from ..adapting import adapt
from ..adapting.buffers import plain as plain_buffer
from ..errors import NotStaged, StagingRefused
from ..transforms.forward import jacfwd
from ..transforms.reverse import jacrev
from ..values.choices import WATCHES, note, watched
from ..values.dual import Dual
from ..values.objects import fused
from .captured import over_numbers, written_names
from .implicit import numbers

Build = Callable[[Iterator[Any]], Any]

_CONSTANT = (int, bool, str, bytes, type(None), np.ufunc)
_WRITERS = frozenset(
    {"append", "extend", "insert", "pop", "popitem", "remove", "clear", "update", "setdefault", "fill"}
)
# Functions by which a name is read that stands nowhere in the code.
_SEEING_MORE = frozenset({"eval", "exec", "globals", "locals", "vars", "getattr", "__import__", "open", "input"})
_LIBRARIES = frozenset({"numpy", "scipy", "dualdiff", "math"})
_LARGEST_GLOBAL = 1000
# A program is written at the second use of a function, or at the first if it is run as often as this.
_AT_ONCE = 300
_KEPT, _VARIANTS = 128, 4
# With more parameters than this for each state, Jacobians are made in reverse mode.
_MANY = 4


class _Closed(Exception):
    """Something that is not known to be numbers and functions of them."""


class _Kept:
    """What is remembered of one piece of code."""

    def __init__(self) -> None:
        self.uses, self.failed = 0, False
        self.chooses = False  # by values that carry derivatives, as far as it was seen
        self.staged: Any = None


_KEPT_PROGRAMS: OrderedDict[Any, _Kept] = OrderedDict()
_LOCK = threading.Lock()


class Opened(NamedTuple):
    """What something is but for its numbers, these, and how it is built from others."""

    key: Any
    leaves: list[Any]
    build: Build


def opened(x: Any) -> Opened | None:
    leaves: list[Any] = []
    try:
        key, build = _open(x, leaves, [])
        hash(key)
    except (_Closed, TypeError):
        return None
    return Opened(key, leaves, build)


def fingerprint(f: Any) -> Any:
    """What a function is as long as nothing that it reads has changed; None if that is not known."""
    found = opened(f)
    if found is None or any(type(leaf) is Dual for leaf in found.leaves):
        return None
    held = [np.asarray(leaf) for leaf in found.leaves]
    # Large data are known by where they are; where numbers in them change, so do values.
    return found.key, tuple(x.tobytes() if x.size <= _LARGEST_GLOBAL else id(x) for x in held)


def _open(x: Any, leaves: list[Any], inside: list[Any]) -> tuple[Any, Build]:
    x = plain_buffer(x)
    kind = type(x)
    if kind is float or kind is np.ndarray or kind is Dual or isinstance(x, np.generic):
        dtype = np.asarray(numbers(x)).dtype
        if dtype.kind not in "fbiu":
            raise _Closed
        leaves.append(x)
        return ("leaf", np.ndarray if kind is Dual else kind, np.shape(x), dtype.str), next
    if isinstance(x, _CONSTANT) or _of_a_library(x):
        return (kind, x), lambda rest: x
    if kind is tuple or kind is list:
        parts = [_open(part, leaves, inside) for part in x]
        return (kind, *(key for key, _ in parts)), lambda rest: kind([build(rest) for _, build in parts])
    if kind is dict:
        values = [_open(part, leaves, inside) for part in x.values()]
        names = tuple(x)
        of_dict = lambda rest: dict(zip(names, [build(rest) for _, build in values], strict=True))
        return (kind, names, *(key for key, _ in values)), of_dict
    if kind is functools.partial:
        parts = [_open(part, leaves, inside) for part in (x.func, x.args, x.keywords)]

        def of_partial(rest: Iterator[Any]) -> Any:
            function, args, kwargs = (build(rest) for _, build in parts)
            return functools.partial(function, *args, **kwargs)

        return (kind, *(key for key, _ in parts)), of_partial
    if kind is FunctionType:
        return _open_function(over_numbers(x), leaves, inside)
    raise _Closed


def _of_a_library(x: Any) -> bool:
    """Whether it is a module of NumPy's and the like, or stands in one, and is none that one of them made.

    Modules and classes of the user's hold what may change.
    """
    if isinstance(x, ModuleType):
        return x.__name__.partition(".")[0] in _LIBRARIES
    if not isinstance(x, (FunctionType, BuiltinFunctionType, type(np.stack), type)):
        return False
    module = getattr(x, "__module__", None) or ""
    if module.partition(".")[0] not in (*_LIBRARIES, "builtins"):
        return False
    return getattr(sys.modules.get(module), getattr(x, "__name__", ""), None) is x


def _open_function(f: FunctionType, leaves: list[Any], inside: list[Any]) -> tuple[Any, Build]:
    if any(f is other for other in inside) or f.__dict__ or (f.__closure__ and written_names(f.__code__)):
        raise _Closed
    inside = [*inside, f]
    try:
        held = [cell.cell_contents for cell in f.__closure__ or ()]
    except ValueError:  # not assigned yet
        raise _Closed from None
    if _global_names(f.__code__)[1] and any(isinstance(x, (list, dict)) for x in (*held, *(f.__defaults__ or ()))):
        raise _Closed  # it may keep there what another call finds
    parts = [_open(part, leaves, inside) for part in (*held, f.__defaults__, f.__kwdefaults__)]
    constants = tuple((name, _global(f.__globals__[name], inside)) for name in _names(f.__code__, f.__globals__))

    def build(rest: Iterator[Any]) -> Any:
        *cells, defaults, kwdefaults = (build(rest) for _, build in parts)
        made = FunctionType(f.__code__, f.__globals__, f.__name__, defaults, tuple(map(_cell, cells)) or None)
        made.__kwdefaults__ = kwdefaults
        return made

    return (f.__code__, *(key for key, _ in parts), constants), build


def _cell(held: Any) -> Any:
    return (lambda: held).__closure__[0]  # type: ignore[index]


def _global(x: Any, inside: list[Any]) -> Any:
    """A key of what a global name holds, numbers and all: it is a constant of a program."""
    if isinstance(x, (list, dict)):
        raise _Closed  # it may be what the function fills
    leaves: list[Any] = []
    key, _ = _open(x, leaves, inside)
    if any(type(leaf) is Dual or np.size(leaf) > _LARGEST_GLOBAL for leaf in leaves):
        raise _Closed
    return key, tuple(np.asarray(leaf).tobytes() for leaf in leaves)


@functools.lru_cache(maxsize=1024)
def _global_names(code: CodeType) -> tuple[frozenset[str], bool]:
    """The names that a function, or one inside it, reads from its module, and whether it writes into anything."""
    names, writes = set(), False
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            if instruction.argval in _SEEING_MORE:
                raise _Closed
            names.add(instruction.argval)
        elif instruction.opname in ("STORE_GLOBAL", "DELETE_GLOBAL", "STORE_NAME", "IMPORT_NAME", "STORE_ATTR"):
            raise _Closed
        writes = writes or instruction.opname in ("STORE_SUBSCR", "DELETE_SUBSCR", "STORE_SLICE")
        writes = writes or instruction.argval in _WRITERS
    for inner in code.co_consts:
        if type(inner) is CodeType:
            more, and_writes = _global_names(inner)
            names |= more
            writes = writes or and_writes
    return frozenset(names), writes


def _names(code: CodeType, values: dict[str, Any]) -> list[str]:
    names, writes = _global_names(code)
    found = sorted(name for name in names if name in values)
    if writes and any(isinstance(values[name], np.ndarray) for name in found):
        raise _Closed
    return found


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
