"""What cannot be differentiated, said plainly: the error types and their texts.

Every text says what happened, shows the evidence (a shape, a name) and offers the next step.
"""

from __future__ import annotations

import sys
import warnings
from types import FrameType
from typing import Any

import numpy as np


class DualdiffError(Exception):
    """What dualdiff raises where a derivative would be wrong, missing or lost: the class of all its errors.

    Each is also a TypeError, ValueError or RuntimeError.  Arguments that a transform does not take (an unknown
    ``mode=``, an ``argnums=`` beyond the last) raise those alone, as anywhere in Python.
    """


class DualdiffWarning(UserWarning):
    """The class of all warnings of dualdiff."""


class UnsupportedFunction(DualdiffError, TypeError):
    """A NumPy function without a derivative rule met a `Dual`."""


class DerivativeLost(DualdiffError, TypeError):
    """A value that carries a derivative came to where only a plain number has a place, or to what is not known."""


class NoDerivative(DualdiffError, ValueError):
    """There is no derivative at this point: a solver found no solution, a number is not finite."""


class NoForwardRule(DualdiffError, TypeError):
    """A function with a rule for reverse mode alone (`custom_vjp`) met forward mode; `hessian` then goes back twice."""


class EscapedDual(DualdiffError, RuntimeError):
    """A `Dual` was used after the transform that made it had returned."""


class StagingRefused(DualdiffError, TypeError):
    """What a function does cannot be written down as a program of NumPy calls (`stage`)."""


class NotStaged(DualdiffWarning):
    """A staged function runs as it is, without a program: what it does cannot be written down as NumPy calls."""


class IndependentResult(DualdiffWarning):
    """The result of a transform does not depend on the arguments: all its derivatives are zero.

    Often that is not what was meant: a cache gave back what it had computed from plain numbers
    (``if np.array_equal(x, self.last): return self.result``); an iteration that starts at its solution made no step;
    the branch taken returns a constant; everything went through ``np.floor``, ``np.argmax`` or a comparison.
    Where it is meant, silence it: ``warnings.simplefilter("ignore", dualdiff.IndependentResult)``, or `stop_gradient`.
    """


class OnlyCompared(IndependentResult):
    """A number that a search by comparisons has found is a constant of the result, though it moves with the arguments.

    A bisection or a golden section that is written out in a loop: values that carry a derivative decide which end of
    the bracket moves, and the ends are plain numbers.  `dualdiff.scipy.optimize` has derivatives of such searches, and
    so have searches whose function is an argument (guide/unchanged_code.md).
    Where the step function is meant, silence it: ``warnings.simplefilter("ignore", dualdiff.OnlyCompared)``.
    """


# What each says, and the next step: for the guide, and for who catches them.
TABLE: dict[type[Exception], tuple[str, str]] = {
    DualdiffError: ("any error below", "catch it where whatever goes wrong with a derivative is handled in one place"),
    UnsupportedFunction: (
        "a function without a rule met a value that carries a derivative",
        "`stop_gradient` where it is a constant; `custom_jvp`, `rules` or `linear` give it a rule",
    ),
    DerivativeLost: (
        "a plain number, array or object was asked for where a value carries a derivative",
        "the message's last lines say what to write instead",
    ),
    NoDerivative: (
        "there is no derivative at this point",
        "look at the point: a solver without a solution, a singular matrix, a number that is not finite",
    ),
    NoForwardRule: (
        "a `custom_vjp` function met forward mode",
        "`grad`, `vjp`, `jacrev`; or `custom_jvp`, which serves both modes",
    ),
    EscapedDual: (
        "a value that carries a derivative is used after its transform has returned",
        "return it (`has_aux=True`), or keep `stop_gradient(x)`",
    ),
    StagingRefused: (
        "what a function does cannot be written down as a program",
        "call the function itself, or leave out of `stage` what reads values",
    ),
    DualdiffWarning: ("any warning below", "`warnings.simplefilter` takes it as a category"),
    NotStaged: (
        "a staged function runs as it is, without a program",
        "the message says why; what reads values or depends on chance is better left out of `stage`",
    ),
    IndependentResult: (
        "nothing in a result depends on the arguments, so all derivatives are 0",
        "`diagnose` says where the dependence ended; where it is meant, ignore the warning",
    ),
    OnlyCompared: (
        "a bisection or golden section in a loop found a number, whose derivative is not that of its steps",
        "`scipy.optimize.brentq` and `minimize_scalar` have derivatives; where the steps are meant, ignore the warning",
    ),
}


def independent(transform: str) -> str:
    return (
        f"{transform}: nothing in the result depends on the differentiated arguments, so every derivative is zero.\n"
        "  Is there a cache that compares values, an iteration that started at its solution, a constant branch, or a "
        "function that is piecewise constant (np.floor, np.argmax, a comparison)?\n"
        "  If it is meant:  warnings.simplefilter('ignore', dualdiff.IndependentResult)"
    )


def only_compared(names: tuple[str, ...], place: FrameType) -> str:
    where = f" (line {place.f_lineno} of {place.f_code.co_filename})"
    listed = ", ".join(names[:-1]) + f" and {names[-1]}"
    return (
        f"{listed} close in on a limit, and only comparisons of values that carry a derivative decide how: a bisection "
        f"or golden section{where}. What it finds depends on the arguments, but has no derivative from these steps.\n"
        "  scipy.optimize.brentq (of a root) and minimize_scalar (of a minimum) have exact ones, and so has a search "
        "that is a function of its own, with the function that it searches as an argument.\n"
        "  If it is meant as a constant, compare  dualdiff.stop_gradient(y);  or "
        "warnings.simplefilter('ignore', dualdiff.OnlyCompared)"
    )


def remembered(shape: tuple[int, ...]) -> str:
    return (
        f"a Dual of shape {shape} equals a plain array entry by entry, bit for bit: is that a cache that compares "
        "values? What it remembers has no derivative.\n"
        "  Call the function without its cache, or compare  dualdiff.stop_gradient(x)."
    )


def warn(text: str, category: type[Warning] = IndependentResult) -> None:
    """Warn, at the place where the user's code called this package (or NumPy)."""
    _, depth = place_of_user(sys._getframe(1))
    warnings.warn(text, category, stacklevel=depth)


def place_of_user(frame: FrameType) -> tuple[FrameType, int]:
    """The frame of the user's that led to one of this package, and how far it is beyond the one that asks."""
    depth = 2
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in (__package__, "numpy"):
        frame, depth = frame.f_back, depth + 1
    return frame, depth


def name_of(function: Any) -> str:
    """The name a user would type: ``np.linalg.solve``, ``scipy.special.erf``."""
    name = getattr(function, "__name__", repr(function))
    if isinstance(function, np.ufunc):
        special = sys.modules.get("scipy.special")
        if getattr(special, name, None) is function:
            return f"scipy.special.{name}"
        if getattr(getattr(special, "_ufuncs", None), name, None) is not function:
            return f"np.{name}"
        # A ufunc behind a function: _lambertw, _riemann_zeta, _spherical_jn_d behind lambertw, zeta, spherical_jn.
        public = name.strip("_").removeprefix("riemann_").removesuffix("_d")
        return f"scipy.special.{public if hasattr(special, public) else '_ufuncs.' + name}"
    module = getattr(function, "__module__", None) or "numpy"
    return f"{module}.{name}".replace("numpy.", "np.", 1)


def name_of_user_function(f: Any) -> str:
    """What the user calls a function of theirs."""
    name = str(getattr(f, "__name__", type(f).__name__))
    return "the function" if name == "<lambda>" else name


def unsupported(function: Any, reason: str, shapes: list[tuple[int, ...]]) -> UnsupportedFunction:
    called_with = " and ".join(f"a Dual of shape {shape}" for shape in shapes)
    return UnsupportedFunction(
        f"{name_of(function)} has no derivative rule ({reason}).\n"
        f"  called with {called_with}\n"
        "  To treat the input as a constant use  dualdiff.stop_gradient(x);  "
        "to add a rule see  dualdiff.custom_jvp\n"
        "  (a function of your own),  dualdiff.rules  (another package's)  or  dualdiff.linear  (an opaque linear map)."
    )


def compiled_function(function: Any) -> str:
    name = getattr(function, "__name__", None) or type(function).__name__
    return (
        f"dualdiff: {name} is compiled, takes plain arrays and numbers alone, and was called with one that carries a "
        "derivative.\n"
        "  Give it, or the function that calls it, a rule (dualdiff.custom_jvp), and say dualdiff.stand_in(f)(rule)."
    )


def no_derivative_in(function: Any, argument: str) -> UnsupportedFunction:
    return UnsupportedFunction(
        f"{name_of(function)} has no derivative in its argument {argument!r}, which is a Dual here.\n"
        "  To treat it as a constant use  dualdiff.stop_gradient(x)."
    )


def escaped(dual: Any) -> EscapedDual:
    return EscapedDual(
        f"a Dual of shape {dual.shape} is used after the transform that made it has returned; "
        "its derivative has no meaning any more.\n"
        "  Return what you need from the function (has_aux=True hands out extra results), "
        "or keep  dualdiff.stop_gradient(x)  instead of x.\n"
        "  A work array that a function fills each time must be filled, all of it, before it is read as a whole."
    )


def not_a_number(dual: Any, wanted: str, instead: str) -> DerivativeLost:
    text = f"{wanted} of a Dual of shape {dual.shape}: the derivative would be lost."
    refused(dual, text)
    return DerivativeLost(f"{text}\n  {instead}\n  To drop the derivative on purpose use  dualdiff.stop_gradient(x).")


def objects_in_c(dual: Any) -> DerivativeLost:
    text = f"a function in C asks for an array of a Dual of shape {dual.shape}, and might read its objects as numbers."
    refused(dual, text)
    return DerivativeLost(f"{text}\n  To drop the derivative on purpose use  dualdiff.stop_gradient(x).")


def refused(dual: Any, text: str) -> None:
    """Let the running transforms know, for the case that the error is swallowed: see `swallowed`."""
    while hasattr(dual, "perturbation"):
        dual.perturbation.refuse(text)
        dual = dual.value


def from_c(error: BaseException, text: str) -> TypeError:
    return TypeError(
        f"{text}\n  This was refused in compiled code, which reported it as {type(error).__name__}: {error}.\n"
        "  In a function that is adapted (dd.adapt) SciPy's functions are replaced by those of dualdiff.scipy; "
        "or call these yourself."
    )


def swallowed(transform: str, text: str) -> DerivativeLost:
    return DerivativeLost(
        f"{transform}: nothing in the result depends on the differentiated arguments, and on the way a derivative was "
        "refused, by an error that did not come out of the function (caught there, or raised in another thread):\n"
        f"  {text}\n"
        "  If the result is constant on purpose, return  dualdiff.stop_gradient(x)  of what it is made from."
    )


def unhashable(kind: str, shape: tuple[int, ...]) -> DerivativeLost:
    return DerivativeLost(
        f"a {kind} of shape {shape} cannot be hashed: a cache, a set or a dict that remembers it by its value would "
        "give back a number without the derivative.\n"
        "  Call the function behind a cache (g.__wrapped__ of functools.cache(g)), cache outside of the differentiated "
        "function, or use a key of your own: a name, id(x)."
    )


def unknown_memory(buffer: Any) -> DerivativeLost:
    kind = type(buffer.value)
    while hasattr(buffer, "perturbation"):
        buffer = buffer.value
        kind = type(buffer)
    return DerivativeLost(
        f"a {kind.__module__}.{kind.__name__} of shape {buffer.shape} is written while a view of it is in use: whether "
        "the view would show what is written is not known.\n"
        "  Write before taking views, or into a copy: x = x.copy()."
    )


def unknown_shape(dual: Any, shape: Any) -> DerivativeLost:
    return DerivativeLost(
        f"an index of an array of shape {dual.shape} gives one of shape {shape}, which is not known before it is "
        "calculated; derivatives need it.\n  Use np.where, which keeps the shape, or call compute_chunk_sizes() first."
    )


_STACK = "Make the array with np.stack([...]), or np.array([...], like=x), not with np.array([...]) or np.asarray(x)."


def complex_among_objects(shape: tuple[int, ...]) -> DerivativeLost:
    return DerivativeLost(
        f"a complex value of shape {shape} that carries a derivative becomes an entry of an array of objects, of which "
        "NumPy takes a.real for a, a.imag for 0, and norms and correlations for those of real numbers.\n"
        f"  {_STACK}"
    )


def not_finite_among_objects(why: str) -> NoDerivative:
    return NoDerivative(f"a value that carries a derivative is nan or inf, in an array of objects, {why}.\n  {_STACK}")


def of_operands(function: Any) -> DerivativeLost:
    return DerivativeLost(
        f"{name_of(function)} of an array of objects returns one of its operands, not whether they are true.\n"
        "  Make the array with np.stack([...]) in place of np.array([...]), or compare:  (a != 0) | (b != 0)."
    )


def strange_objects(operand: Any) -> DerivativeLost:
    kinds = sorted({type(entry).__name__ for entry in np.ravel(np.array(operand, dtype=object)).tolist()})
    return DerivativeLost(
        f"an array of objects ({', '.join(kinds)}) meets a Dual, whose derivative is no such object.\n"
        "  Make numbers of them: a.astype(float), float(a)."
    )


def plain_buffer() -> DerivativeLost:
    return DerivativeLost(
        "a plain array cannot hold a Dual: its derivative would be lost. "
        "Make the array with np.zeros_like(x) or np.zeros(n, like=x),\n"
        "  or write  total = total + x  for  total += x,  self.total = self.total + x  for  self.total += x."
    )


def exported(dual: Any) -> DerivativeLost:
    if not dual.shape:
        return DerivativeLost(
            "a Dual of shape () is written after np.asarray(x) or np.array([x, ...]) made an object array of it; "
            "NumPy's own array would have its number, the object array holds x itself.\n"
            "  Use x itself in place of np.asarray(x), and np.stack([x, ...]) in place of np.array([x, ...])."
        )
    return DerivativeLost(
        f"a Dual of shape {dual.shape} is written while an object array that np.asarray made of it is in use; "
        "NumPy's own array would see the write, the object array does not.\n"
        "  Use x itself in place of np.asarray(x), or np.array(x), which copies."
    )


def exported_buffer(shape: tuple[int, ...]) -> DerivativeLost:
    return DerivativeLost(
        f"a value that carries a derivative is written into an array of shape {shape} while a plain view of it is in "
        "use, made for code that asked for an array (np.asarray in a function that is not adapted, a buffer for C); "
        "plain NumPy would show the write there, the plain view cannot.\n"
        "  Hand out a copy, or make the array with np.zeros_like(x) or np.zeros(n, like=x)."
    )


def overlap(name: str) -> DerivativeLost:
    return DerivativeLost(
        f"{name}: the array and what is written into it share memory; NumPy would read entries that it has just "
        "written.\n"
        "  Write a copy: values.copy()."
    )


def windows_overlap() -> DerivativeLost:
    return DerivativeLost(
        "windows that overlap (np.lib.stride_tricks.sliding_window_view) are written in reverse mode: which of them "
        "writes an entry last depends on the order in which NumPy goes through the memory.\n"
        "  Write windows that do not overlap, as windows[::width], or differentiate forwards: dualdiff.jacfwd, jvp."
    )


def made_of_objects(entries: list[Any]) -> DerivativeLost:
    kinds = sorted({type(entry).__name__ for entry in entries})
    return DerivativeLost(
        "NumPy would make an array of objects here, in which a derivative could hide: an operand is no number.\n"
        f"  It would have entries of type {', '.join(kinds)}; convert them to numbers first."
    )


def shared_argument(shape: tuple[int, ...]) -> DerivativeLost:
    return DerivativeLost(
        f"an argument of shape {shape} is written, and another argument shares its memory; plain NumPy would change "
        "both, which are two here.\n"
        "  Pass a copy for one of them, or write into a copy: y = x.copy(); y[i] = ..."
    )


def shared_container(name: str) -> DerivativeLost:
    return DerivativeLost(
        f"a {name} that is given twice among the arguments is written; plain Python would change both places, which "
        "are two here.\n"
        "  Pass a copy for one of them, or make a new container instead of writing into it."
    )


def sealed() -> DerivativeLost:
    return DerivativeLost(
        "a Variable that was made from a value is not written in place.\n"
        "  Write into x.value (a change of the constant), or into a copy: y = x * 1.0; y[i] = ..."
    )


def nested_too_deeply(container: Any) -> ValueError:
    return ValueError(
        f"a {getattr(container, '__name__', container)} contains itself, or is nested more deeply than Python's "
        f"recursion limit ({sys.getrecursionlimit()}) allows.\n"
        "  Keep the arrays in a flat list or dict; for honest depth, sys.setrecursionlimit raises the limit."
    )


def no_solution(name: str, why: str) -> NoDerivative:
    return NoDerivative(
        f"{name}: its solution has no derivative here: {why}.\n"
        "  To use it as a constant, stop what enters:  a = dualdiff.stop_gradient(a)."
    )
