"""`stage`: which program is for which arguments, and the unstaged function where none is.

A program is for one structure, shape, dtype and memory layout of the arguments, one value of those that are no floats,
and one way through the branches: what was asked of values while it was traced are its guards.  Where a guard fails
another variant is traced; where too many have been, or where the function cannot be written down, the unstaged function
runs and a warning says why.  Nothing is ever wrong, only slower.
"""

from __future__ import annotations

import inspect
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .. import adapting, errors
from ..pytrees.trees import Structure, flatten
from ..transforms.transformed import P, Transformed
from ..values.objects import carries
from .compiled import Program, Programs
from .emission import Miss, NotANumber
from .entrance import OTHER, entrance
from .keys import SIMPLE, overlap, repeated, walk_call
from .numba_programs import NumbaProgram, TooLongToCompile, alike, require_numba
from .parameters import bytes_of, copied_argument, is_borrowed, is_dynamic
from .passes import ALL_PASSES, Options
from .programs import program_of
from .record import StagingRefused, active
from .saving import saved

_ndarray = np.ndarray


class Staged(Transformed):
    """A staged function: called as the function itself; see `stage`."""

    def __init__(
        self, f: Callable[..., Any], variants: int = 8, check: bool = True, options: Options = ALL_PASSES,
        compile: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(self._run, stage, f, variants=variants, check=check, compile=compile)
        self.f = f
        self.variants = variants
        self.check = check
        self.options = options  # which passes run
        self.compile = compile
        self._programs: dict[Any, list[Program]] = {}
        self._refused: dict[Any, str] = {}
        self._too_long: dict[Any, TooLongToCompile] = {}
        self._lock = threading.RLock()
        self._last: tuple[Callable[..., Any], Program] | None = None  # the program of the last call, and its entrance

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        last = self._last
        if last is not None and not kwargs:
            try:
                result = last[0](args)
            except Miss:
                self._last = None
                return self._run(*args)
            except Exception:
                return self._unstaged(*args)
            if result is not OTHER:
                last[1].calls += 1
                return result
        key: list[Any] = []
        leaves: list[Any] = []
        if walk_call(args, kwargs, key, leaves):
            programs = self._programs.get(tuple(key))
            if programs is not None:
                program = programs[0]
                if program.whole and not program.saves and not (program.apart and overlap(leaves)):
                    try:
                        result = program.run(*leaves)
                    except Miss:
                        return self._run(*args, **kwargs)
                    except Exception:  # the function's own, or one that it catches
                        return self._unstaged(*args, **kwargs)
                    program.calls += 1
                    if not kwargs and not program.apart and not repeated(leaves):
                        if program.enter is None:
                            program.enter = entrance(program.run, args, SIMPLE)
                        self._last = program.enter, program
                    return result
        return self._run(*args, **kwargs)

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        if active() is not None or carries(args) or carries(kwargs):
            return self._unstaged(*args, **kwargs)
        parts: list[Any] = []
        dynamic: list[Any] = []
        key = tuple(parts) if walk_call(args, kwargs, parts, dynamic) else None
        if key is None:
            self._warn_once("an argument is no number, array, string or None, nor a list, tuple or dict of them")
            return self._unstaged(*args, **kwargs)
        if key in self._refused:
            return self._unstaged(*args, **kwargs)
        if key in self._too_long:
            raise TooLongToCompile(*self._too_long[key].args)
        programs = self._programs.get(key, [])
        for i, program in enumerate(programs):
            done, result = self._attempt(program, dynamic)
            if done:
                if i:  # the next call is likely to go the same way
                    self._programs[key] = [program, *[other for other in programs if other is not program]]
                return result
            if result is NotANumber:
                return self._unstaged(*args, **kwargs)
        if len(programs) >= self.variants:
            self._give_up(key, f"it has more than {self.variants} ways through its branches", programs[0].guards)
            return self._unstaged(*args, **kwargs)
        leaves, structure = flatten((args, kwargs))
        return self._traced(key, leaves, structure, args, kwargs)

    def _unstaged(self, *args: Any, **kwargs: Any) -> Any:
        if isinstance(self.f, Transformed):
            return self.f(*args, **kwargs)
        return adapting.adapt(self.f)(*args, **kwargs)

    def _attempt(self, program: Program, leaves: list[Any]) -> tuple[bool, Any]:
        saved = [leaves[i].copy() for i in program.saves]
        try:
            if program.apart and overlap(leaves):
                return False, NotANumber
            result = program(*leaves)
        except Exception as error:
            program.misses += 1
            for i, copy in zip(program.saves, saved, strict=True):
                leaves[i][...] = copy
            # Another error is the function's own, or one that it catches.
            return False, type(error) if isinstance(error, Miss) else NotANumber
        program.calls += 1
        return True, result

    def _traced(self, key: Any, leaves: list[Any], structure: Structure, args: Any, kwargs: Any) -> Any:
        with self._lock:
            before = bytes_of(leaves) if self.check else []
            try:
                program = program_of(self.f, leaves, structure, key, self.options, self.compile)
            except TooLongToCompile as error:
                self._too_long[key] = error
                raise
            except Exception as error:
                # What the unstaged function raises too is the user's to see.
                result = self._unstaged(*args, **kwargs)
                reason = str(error).partition("\n")[0]
                if not isinstance(error, StagingRefused):
                    reason = f"{type(error).__name__}: {reason}"
                if not isinstance(error, NotANumber):
                    self._give_up(key, reason, [])
                return result
            if not self.check:
                self._programs.setdefault(key, []).insert(0, program)
                done, result = self._attempt(program, [leaf for leaf in leaves if is_dynamic(leaf)])
                return result if done else self._unstaged(*args, **kwargs)
            trial = [
                leaf if is_borrowed(leaf) and not program.apart else copied_argument(leaf)
                for leaf in leaves
                if is_dynamic(leaf)
            ]
            again = [copied_argument(leaf) for leaf in trial] if self.compile else []  # f may write its arguments
            result = self._unstaged(*args, **kwargs)  # first, since it takes more memory
            if not program.apart and bytes_of(leaves) != before:
                self._give_up(key, "it writes into an array that it captures, and that is its argument too", [])
                return result
            try:
                found: Any = program.plain(*trial)
            except Exception as error:
                found = error
            expected = flatten(result)[0]
            given = [] if isinstance(found, Exception) else flatten(found)[0]
            if len(given) != len(expected) or not all(map(same, given, expected)):
                self._give_up(
                    key,
                    "run once more, it gave another result: it depends on something besides its arguments "
                    "(a counter, random numbers, a file, the time)",
                    [],
                )
                return result
            if isinstance(program, NumbaProgram):
                found = self._compiled(program, again, found)
            self._programs[key] = [program, *self._programs.get(key, ())]
            return found  # which, unlike the function's own, shares no memory with an argument

    def _compiled(self, program: NumbaProgram, leaves: list[Any], expected: Any) -> Any:
        """The result of the compiled program, which from here on runs where that is near enough."""
        try:
            found = program(*leaves)
            reason = "" if alike(found, expected) else "its result is not that of the NumPy program to the last digits"
        except Exception as error:
            reason = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"
        if not reason:
            return found
        program.give_up()
        name = errors.name_of_user_function(self.f)
        errors.warn(
            f"{name} is staged, but not compiled by numba: {reason}.  The NumPy program runs.", errors.NotStaged
        )
        return expected

    def _give_up(self, key: Any, reason: str, lines: list[str]) -> None:
        self._refused[key] = reason
        where = f" ({lines[0]})" if lines else ""
        name = errors.name_of_user_function(self.f)
        errors.warn(f"{name} is not staged, and runs as it is: {reason}{where}.", errors.NotStaged)

    def _warn_once(self, reason: str) -> None:
        if reason not in self._refused.values():
            self._give_up(reason, reason, [])

    def source(self, *args: Any, **kwargs: Any) -> str:
        """The program for these arguments, as text."""
        return self.program(*args, **kwargs).text

    def program(self, *args: Any, **kwargs: Any) -> Program:
        """The program for these arguments; StagingRefused where there is none."""
        key = self._key(args, kwargs)
        if key is None:
            raise StagingRefused("an argument is no number, array, string or None")
        found = self._holding(key, args, kwargs)
        if found is None and key not in self._refused:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", errors.NotStaged)
                args, kwargs = copied_call(args, kwargs)
                given, named = copied_call(args, kwargs)  # which the function may write
                self(*given, **named)
                key = self._key(args, kwargs)  # gaps between entries may be shorter in a copy
                found = self._holding(key, args, kwargs)
        if found is None:
            if key in self._refused:
                raise StagingRefused(f"{errors.name_of_user_function(self.f)} is not staged: {self._refused[key]}.")
            raise StagingRefused("a nan came up in the run that was to be written down; try other arguments")
        return found

    def _holding(self, key: Any, args: Any, kwargs: Any) -> Program | None:
        """The program whose guards hold for these arguments."""
        for program in self._programs.get(key, ()):
            leaves: list[Any] = []
            walk_call(*copied_call(args, kwargs), [], leaves)
            try:
                program.plain(*leaves)
            except NotANumber:  # for which the function runs
                return program
            except Exception:  # a guard that fails, or an error that the function itself may raise
                continue
            return program
        return None

    def _key(self, args: Any, kwargs: Any) -> Any:
        parts: list[Any] = []
        return tuple(parts) if walk_call(args, kwargs, parts, []) else None

    def save(self, path: Any, *args: Any, **kwargs: Any) -> Path:
        """Write the program for these arguments as a module that needs NumPy alone; its path.

        Constants of more than 24 entries go to an ``.npz`` file of the same name beside it.  The module is for
        arguments of the same structure, shapes, dtypes and strides, and for the same ints, strings and None: for
        others, where a guard fails, or where a nan comes up, it raises.
        """
        program = self.program(*args, **kwargs)
        if program.by_rows:  # which would raise for an infinity or a zero, where there is no function to ask
            kept = Options(self.options.names - {"rows"})
            program = Staged(self.f, self.variants, self.check, kept).program(*args, **kwargs)
        try:
            parameters = inspect.signature(self.f).parameters.values()
            signature = [known.name for known in parameters if known.kind is not known.VAR_POSITIONAL]
        except (TypeError, ValueError):
            signature = [f"x{i}" for i in range(len(args))]
        return saved(program, path, signature, args, kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        made, (transform, args, options) = super().__reduce__()[:2]
        return made, (transform, args, options), {"programs": self._programs}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._programs = state["programs"]

    @property
    def programs(self) -> Programs:
        """Each program, with its key, guards, lines, calls and misses; prints as a table."""
        return Programs(program for variants in self._programs.values() for program in variants)


def copied_call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call with copies of their arrays; an array that is given twice stays one."""
    made: dict[int, Any] = {}

    def copied(tree: Any) -> Any:
        leaves, structure = flatten(tree)
        for leaf in leaves:
            if id(leaf) not in made:
                made[id(leaf)] = copied_argument(leaf)
        return structure.build(iter([made[id(leaf)] for leaf in leaves]), bare=True)

    return tuple(map(copied, args)), {name: copied(arg) for name, arg in kwargs.items()}


def stage(f: Callable[P, Any], *, variants: int = 8, check: bool = True, compile: str | None = None) -> Staged:
    """A function, or a transform of one, as a plain NumPy program that is written at its first call.

    ``stage(grad(f))`` runs the transform once on values that write down each NumPy call, simplifies the record, and
    compiles it: a program that a person can read, and that costs about what a derivative written by hand costs.

    Parameters
    ----------
    f : callable
        A plain function, a transform of one, or a composition of them.
    variants : int
        The largest number of programs for arguments of the same kind: one for each way through the branches.
    check : bool
        Whether each new program is run once more and compared, bit by bit, with the function itself.

    compile : {None, "numba"}
        "numba" compiles the program: loops of scalars whole, of others the elementwise calls, between which NumPy's
        linear algebra stays.  That takes a second or more for each program, and results may differ in their last
        digits.  ``source`` and ``save`` give the NumPy program.  Needs numba (the extra ``numba``).

    Returns
    -------
    Staged
        Called as ``f``.  ``source(*args)`` is the program for these arguments as text, ``save(path, *args)`` writes it
        as a module, ``programs`` lists all of them.

    Raises
    ------
    TypeError
        If ``f`` is no function.
    ImportError
        If numba is to compile and is not installed.
    StagingRefused
        In a call, if numba would have to compile more than a thousand lines.

    Warns
    -----
    NotStaged
        If ``f`` runs as it is, and why: it needs ``float(x)`` of a value in code that is not adapted, depends on random
        numbers or a counter, or has more ways through its branches than ``variants``.

    Notes
    -----
    A program is for one structure, shape, dtype and memory layout of the arguments and for one value of those that are
    no floats.  What is asked of values on the way (``if x[0] > 0``) is checked in each call.  What ``f`` captures,
    arrays, numbers and attributes, is constant in the program: pass as arguments what changes.
    Cost: two runs of ``f`` and about a millisecond for thirty calls; then that of the program, and about 1 µs.

    Examples
    --------
    >>> import numpy as np
    >>> import dualdiff as dd
    >>> g = dd.stage(dd.grad(lambda x: np.sum(x**2) + np.prod(x)))
    >>> g(np.array([1.0, 2.0]))
    array([4., 5.])
    """
    if not callable(f):
        raise TypeError(f"stage: the first argument is a function, not {f!r}; call it as stage(f)(x).")
    if isinstance(variants, bool) or not isinstance(variants, int) or variants < 1:
        raise ValueError(f"stage: variants is a positive int, not {variants!r}.")
    if compile not in (None, "numba"):
        raise ValueError(f'stage: compile is "numba" or None, not {compile!r}.')
    if compile is not None:
        require_numba()
    if isinstance(f, Staged):
        if compile in (None, f.compile):
            return f
        f = f.f
    return Staged(f, variants=variants, check=check, compile=compile)


def same(a: Any, b: Any) -> bool:
    """Whether two results are the same to the last bit, and of one type."""
    if type(a) is not type(b):
        return False
    if isinstance(a, (str, type(None))):
        return bool(a == b)
    x, y = np.asarray(a), np.asarray(b)
    if x.shape != y.shape or x.dtype != y.dtype:
        return False
    return x.tobytes() == y.tobytes() or bool(
        np.array_equal(x, y, equal_nan=x.dtype.kind in "fc") and _same_signs(x, y)
    )


def _same_signs(x: Any, y: Any) -> bool:
    """Zeros of one sign; nans may differ in theirs."""
    if x.dtype.kind == "c":
        return _same_signs(x.real, y.real) and _same_signs(x.imag, y.imag)
    return bool(np.all((np.signbit(x) == np.signbit(y)) | np.isnan(x))) if x.dtype.kind == "f" else True
