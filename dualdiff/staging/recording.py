"""Calls on traced values: run on the examples, so that shapes, dtypes and errors are NumPy's own, and written down.

Where a result's shape or type may depend on values, what it was becomes a guard of the program.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np

from ..rules.edges import AT_EDGE
from ..table import RULES
from ..values.objects import PythonLoop
from .dependence import BY_OTHERS, BY_VALUE, OF_ARRAYS, READING, WRITING_METHODS, name_of_call
from .record import Instruction, Ref, StagingRefused, Trace, active
from .traced import (
    KINDS,
    Traced,
    TracedArray,
    TracedNumber,
    TracedScalar,
    arguments,
    examples,
    inputs_of,
    leaves_alone,
)

_ndarray = np.ndarray


def recorded(
    trace: Trace, how: str, what: Any, function: Callable[..., Any], args: Any, kwargs: Any, written: Any = ()
) -> Any:
    """Run a call on the examples, and write it down."""
    given = arguments(trace, tuple(args))
    named = arguments(trace, dict(kwargs)) if kwargs else {}
    ufunc = what[0] if type(what) is tuple else what
    if isinstance(ufunc, np.ufunc) and ufunc not in RULES and PythonLoop.made(ufunc):
        raise StagingRefused(f"NumPy calls {name_of_call(what)}, a function in Python")
    if how in ("call", "method") and not isinstance(what, np.ufunc):
        if how == "call":
            _refuse_functions(what, args, kwargs)
            if what in READING and not (args and isinstance(args[0], (list, tuple))):
                raise StagingRefused(f"{name_of_call(what)} reads a file")
        for option in inputs_of((tuple(args[1:]), dict(kwargs))):
            # Whether it copies, returns more than one result, and the like.
            if _is_truth(option.example):
                guarded(option, bool(option.example), "bool")
    targets = []
    for target in written:
        if type(target) is TracedArray:
            targets.append(target)
            trace.before_write(target.number)
        elif type(target) is _ndarray:
            raise StagingRefused(
                f"a plain array of shape {target.shape} is written by {name_of_call(what)}, with what is traced"
            )
    try:
        if kwargs:
            result = function(*examples(tuple(args)), **examples(dict(kwargs)))
        else:
            result = function(*examples(tuple(args)))
    except Exception as error:
        if not AT_EDGE.get():  # where it is expected, and changes nothing
            trace.raised(name_of_call(what), error)
        raise
    if result is None and not targets:
        raise StagingRefused(f"{name_of_call(what)} puts values where the program would not")
    for target in targets:
        if result is target.example:
            out: Any = target
            break
    else:
        out = wrapped(trace, result, () if isinstance(result, _SINGLE) else _arrays_in(args, kwargs))
    instruction = Instruction(how, what, given, named, _out(out), tuple([target.number for target in targets]))
    trace.add(instruction)
    _fix_views(how, what, args, kwargs, out)
    counted = _takes_counts(how, what, args, kwargs)
    if counted or _depends_on_values(how, what, args, kwargs):
        for made in inputs_of(out):
            if type(made) is TracedArray:
                asked = (Ref(made.number), made.example.shape, made.example.dtype)
                trace.add(Instruction("guard", "shape", (*asked, made.example.strides) if counted else asked, {}))
            else:
                trace.add(Instruction("guard", "type", (Ref(made.number), type(made.example)), {}))
    return out


def _refuse_functions(what: Any, args: Any, kwargs: Any) -> None:
    """Refuse a function of the user's that NumPy calls: it would see examples, and may keep them, or change later."""
    if type(what) is tuple:
        return
    for item in (*args, *kwargs.values()):
        for function in item if type(item) in (list, tuple) else (item,):
            if callable(function) and not _is_numpys(function):
                raise StagingRefused(f"{name_of_call(what)} calls {name_of_call(function)}, a function in Python")


def _is_numpys(function: Any) -> bool:
    if isinstance(function, np.ufunc):
        return not PythonLoop.made(function)
    if type(function) in (FunctionType, BuiltinFunctionType, type(np.sum)):
        return str(function.__module__).partition(".")[0] == "numpy"
    return isinstance(function, type) or type(function) in KINDS


_SINGLE = (np.generic, float, int, complex)  # what is in no array's memory


def _arrays_in(args: Any, kwargs: Any) -> list[TracedArray]:
    found: list[TracedArray] = []
    for item in args if not kwargs else (*args, *kwargs.values()):
        kind = type(item)
        if kind is TracedArray:
            found.append(item)
        elif kind in _NESTED:
            found += [x for x in inputs_of(item) if type(x) is TracedArray]
    return found


_NESTED = frozenset({tuple, list, dict, slice})


def _fix_views(how: str, what: Any, args: Any, kwargs: Any, out: Any) -> None:
    """Where a view is depends on integers: they become part of the program."""
    if isinstance(what, np.ufunc) or how in ("operator", "attribute"):
        return
    for made in inputs_of(out):
        if type(made) is TracedArray and made.run.variables[made.number].root != made.number:
            break
    else:
        return
    if what is np.trim_zeros:
        for places in np.nonzero(args[0]):
            if len(places):
                guarded(low := places.min(), int(low.example), "int")
    for given in inputs_of((tuple(args[1:]), dict(kwargs))):
        if given.example is made.example or np.asarray(given.example).dtype.kind not in "iu":
            continue
        if type(given) is TracedArray:
            raise StagingRefused(f"{name_of_call(what)} takes a view of an array, where depends on traced numbers")
        guarded(given, int(given.example), "int")


def wrapped(trace: Trace, result: Any, arrays: Any = ()) -> Any:
    """A result as a traced value, or a tree of them."""
    if type(result) is _ndarray:
        for x in arrays:
            if x.example is result:
                return x
        if result.dtype.hasobject:
            raise StagingRefused("a call gives an array of objects")
        return TracedArray(trace, result, trace.variable(result, [(x.number, x.example) for x in arrays]))
    if isinstance(result, np.generic):
        return TracedScalar(trace, result, trace.variable(result))
    if isinstance(result, (float, int, complex)):
        return TracedNumber(trace, result, trace.variable(result))
    if isinstance(result, (tuple, list)):
        parts = [wrapped(trace, part, arrays) for part in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    if result is None or isinstance(result, (type, np.dtype)):
        return result
    if isinstance(result, str):
        raise StagingRefused("a call gives the text of a traced value: it would be a constant of the program")
    if isinstance(result, _ndarray):
        raise StagingRefused(f"a call gives a {type(result).__name__}")
    raise StagingRefused(f"a call gives a {type(result).__name__}, which is no array")


def _out(out: Any) -> Any:
    if type(out) in KINDS:
        return Ref(out.number)
    if isinstance(out, (tuple, list)):
        return tuple([_out(part) for part in out])
    return None


def guarded(x: Traced, answer: Any, how: str) -> Any:
    x.run.add(Instruction("guard", how, (Ref(x.number), answer), {}))
    return answer


def converted(x: Traced, kind: Callable[[Any], Any], how: str) -> Any:
    """``int(x)`` and the like: a guard."""
    try:
        answer = kind(x.example)
    except Exception as error:  # of a nan, or of no single number
        x.run.raised(how, error)
        raise
    return guarded(x, answer, how)


def attribute(x: Traced, name: str) -> Any:
    result = getattr(x.example, name)
    out = wrapped(x.run, result, [x] if type(x) is TracedArray else [])
    if out is not x:
        x.run.add(Instruction("attribute", name, (Ref(x.number),), {}, _out(out)))
    return out


def call_method(x: Traced, name: str, *args: Any, **kwargs: Any) -> Any:
    if not leaves_alone((*args, *kwargs.values())):
        # NumPy's own goes through arrays of objects, whose sums are others.
        raise StagingRefused(f".{name}() of an array of constants takes a Dual: write np.{name}(a, b)")
    written = [x] if name in WRITING_METHODS else [kwargs["out"]] if kwargs.get("out") is not None else []
    method = lambda example, *args, **kwargs: getattr(example, name)(*args, **kwargs)
    return recorded(x.run, "method", name, method, (x, *args), kwargs, written)


def lifted(array: Any) -> Any:
    """A fresh plain array of the running trace, as a traced one that may be written; a number as one."""
    trace = active()
    if trace is None:
        return array
    if type(array) is _ndarray and array.dtype.kind in "fc":
        return recorded(trace, "call", np.copy, _copied, (array,), {"order": "K"})
    if hasattr(type(array), "__dual__"):
        raise StagingRefused("a Variable meets a traced value: its value would be a constant; pass it as an argument")
    if type(array) in _LIFTED:
        return recorded(trace, "call", type(array), type(array), (array.item(),), {})
    return array


_LIFTED = frozenset({np.float64, np.float32, np.complex128, np.complex64})


def _copied(array: Any, order: str) -> Any:
    return array


_OF_NUMPY = (TracedArray, TracedScalar, _ndarray, np.float64)


def _takes_counts(how: str, what: Any, args: Any, kwargs: Any) -> bool:
    """Whether a whole number is given that may be an axis or a length."""
    if how not in ("call", "method") or isinstance(what, np.ufunc):
        return False
    for given in inputs_of((tuple(args[1:]), dict(kwargs))):
        if np.asarray(given.example).dtype.kind in "iu":
            if what is np.linalg.matrix_power:  # the first of which is the matrix itself
                guarded(given, int(given.example), "int")
            return True
    # Of the first a number in it: a shape.
    first = args[0] if args and how == "call" else None
    return any(
        not np.ndim(given.example) and np.asarray(given.example).dtype.kind in "iu" for given in inputs_of(first)
    )


def _is_truth(example: Any) -> bool:
    return not np.ndim(example) and np.asarray(example).dtype == bool


def _depends_on_values(how: str, what: Any, args: Any, kwargs: Any) -> bool:
    if how == "get":
        return any(type(x) is not TracedNumber for x in inputs_of(args[1]))
    if how == "method":
        return what in ("nonzero", "compress", "repeat")
    if what is np.where:
        return len(args) == 1
    if how == "operator" and what == "__pow__" and not any(type(x) in _OF_NUMPY for x in args):
        # Of Python's numbers: complex for a negative one, no int for a negative exponent.
        base, exponent = args
        whole = type(exponent) is int and (exponent >= 0 or type(examples(base)) is float)
        return not whole and not (type(base) is float and base >= 0) and type(examples(base)) is not complex
    if how in ("operator", "attribute") or isinstance(what, np.ufunc) or type(what) is tuple:
        return False
    if what in BY_VALUE:
        return True
    if what in BY_OTHERS:
        return any(True for _ in inputs_of((tuple(args[1:]), dict(kwargs)))) or (
            what not in OF_ARRAYS and any(True for _ in inputs_of(tuple(args[:1])))
        )
    if what is operator.matmul:  # of a sparse matrix
        return False
    if getattr(what, "__module__", None) == "math":  # of floats a float, or an int
        return False
    return getattr(what, "__module__", "").split(".")[0] != "numpy"
