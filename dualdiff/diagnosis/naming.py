"""Which operation a call into this package is: the function, its arguments, and a name that users know it by.

What is called is told by the frame of the call: NumPy's two protocols have the function among their arguments, the
operators and methods of a Dual among the variables that they close over, stand-ins of adapted code by their own code.
"""

from __future__ import annotations

import builtins
import inspect
import operator
import os
from functools import lru_cache
from types import CodeType, FrameType, FunctionType
from typing import Any, NamedTuple

import numpy as np

from .. import adapting, errors
from ..adapting import attributes, buffer_methods, buffer_protocols, buffers, calls, mathematics, statistics
from ..adapting import builtins as stand_ins_of_builtins
from ..rules import operators
from ..table import Rule
from ..transforms import stopping
from ..values import entries, protocols

_SYMBOLS = {
    operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/", operator.pow: "**",
    operator.mod: "%", operator.matmul: "@", operator.floordiv: "//", operator.lt: "<", operator.le: "<=",
    operator.eq: "==", operator.ne: "!=", operator.gt: ">", operator.ge: ">=",
}  # fmt: skip
UFUNCS: dict[Any, Any] = {
    operator.add: np.add, operator.sub: np.subtract, operator.mul: np.multiply, operator.truediv: np.divide,
    operator.pow: np.power, operator.mod: np.remainder, operator.matmul: np.matmul,
    operator.floordiv: np.floor_divide, operator.lt: np.less, operator.le: np.less_equal,
    operator.eq: np.equal, operator.ne: np.not_equal, operator.gt: np.greater, operator.ge: np.greater_equal,
    operator.neg: np.negative, operator.abs: np.absolute, builtins.abs: np.absolute, builtins.int: np.trunc,
    builtins.round: np.round,
}  # fmt: skip
# What is asked of an array, and is no calculation.
QUIET = frozenset({
    "shape", "ndim", "size", "dtype", "itemsize", "nbytes", "flags", "strides", "base", "device", "isinstance", "type",
    "hasattr", "isscalar", "can_cast", "common_type", "min_scalar_type", "result_type", "iscomplexobj", "isrealobj",
    "may_share_memory", "shares_memory", "diag_indices_from", "tril_indices_from", "triu_indices_from", "einsum_path",
    "array2string", "array_str", "array_repr", "id", "repr", "str", "format", "print", "callable", "len",
    "ascontiguousarray", "broadcast_shapes",
})  # fmt: skip
_QUIET_METHODS = frozenset({
    "__len__", "__repr__", "__str__", "__format__", "__iter__", "__array_namespace__", "__dual__", "__get__", "hook",
    "hook_of_method",
    "__init__", "__deepcopy__", "__copy__", "__pandas_priority__", "__hash__", "__bool__", "__reduce_ex__",
})  # fmt: skip


class Operation(NamedTuple):
    """What a call into this package does."""

    name: str
    function: Any  # NumPy's or Python's, None where there is none
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    stand_in: bool = False  # called in place of what the user calls
    quiet: bool = False  # asks, and calculates nothing


def operation(frame: FrameType, given: Any = None) -> Operation:
    """The call that a frame of this package runs, asked when it returns; ``given`` are arguments asked before."""
    code, local = frame.f_code, frame.f_locals
    if code is _UFUNC or code is _UFUNC_OF_BUFFER:
        function, method = local["ufunc"], local["method"]
        name = name_of(function) + ("" if method == "__call__" else f".{method}")
        plain = method == "__call__"
        return Operation(name, function if plain else None, local["inputs"], local["kwargs"])
    if code is _FUNCTION or code is _FUNCTION_OF_BUFFER:
        function = local["function"]
        name = function.__name__
        return Operation(name_of(function), function, local["args"], local["kwargs"], quiet=name in QUIET)
    args, kwargs = arguments(frame) if given is None else given
    original = stand_ins().get(code)
    if original is None and code.co_filename.startswith(_ADAPTING):
        original = local.get("original")
    if original is not None:
        name = name_of(original)
        return Operation(name, original, args, kwargs, True, name.rpartition(".")[2] in QUIET)
    if code.co_name == "attribute" and code.co_filename == attributes.__file__:
        return Operation(f".{local['name']}", None, (), {}, quiet=True)
    if isinstance(rule := local.get("self"), Rule) and code.co_name == "__call__":
        replaced = getattr(rule.function, "__module__", "") or ""
        adapted = not isinstance(rule.function, np.ufunc) and replaced.startswith("scipy")
        return Operation(name_of(rule.function), rule.function, args[1:], kwargs, adapted)
    if code is _STOP:
        return Operation("dualdiff.stop_gradient", stopping.stop_gradient, args, kwargs)
    if code is _TRUTH:
        return Operation("bool", bool, args, kwargs)
    if code is _ARRAY:
        return Operation("np.asarray", None, args, kwargs)
    if code.co_filename in _OF_DUALS:
        return _of_dual(code, local, args, kwargs)
    return Operation(_public_name(frame), None, args, kwargs, quiet=code.co_name in _QUIET_METHODS)


def _of_dual(code: CodeType, local: dict[str, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Operation:
    """An operator, a method or a property of Dual."""
    name = code.co_name
    apply, reflected = _applied(code, local)
    if apply in _SYMBOLS:
        ordered = args[::-1] if reflected else args
        return Operation(_SYMBOLS[apply], UFUNCS[apply], ordered, kwargs)
    if name == "update":
        return Operation(_IN_PLACE.get(local.get("operate", apply) or operator.iadd, "in place"), None, args, kwargs)
    function = local.get("function", local.get("ufunc"))
    if name == "method" and function is None:  # of a buffer
        function = getattr(np, str(local.get("name")), None)
    if isinstance(function, Rule):
        function = function.function
    elif isinstance(function, FunctionType) and "call" in function.__code__.co_freevars:  # one that notes the sign
        function = inspect.getclosurevars(function).nonlocals["function"]
    elif isinstance(function, FunctionType) and "rule" in function.__code__.co_freevars:
        function = inspect.getclosurevars(function).nonlocals["rule"].function
    if function is not None:
        ordered = args[::-1] if name == "reflected" else args
        return Operation(name_of(function), function, ordered, kwargs, quiet=function.__name__ in QUIET)
    if name in ("_get", "<genexpr>", "__getitem__"):
        return Operation("x[...]", None, args, kwargs)
    if name in ("_set", "__setitem__"):
        return Operation("x[...] = y", None, args, kwargs)
    short = name.lstrip("_") if not name.startswith("__") else name
    known = {"clip": np.clip, "whole_quotient": np.floor_divide, "divmod": np.floor_divide, "round": np.round}
    if code.co_freevars in ((), ("quotient",)) and name in ("forward", "reflected"):
        return Operation("//", np.floor_divide, args[::-1] if name == "reflected" else args, kwargs)
    quiet = name in _QUIET_METHODS or short in QUIET
    return Operation(f"x.{short}", known.get(short), args, kwargs, quiet=quiet)


def _applied(code: CodeType, local: dict[str, Any]) -> tuple[Any, bool]:
    """What an operator of Dual calls for the value, and whether the Dual stands on its right (rules/operators.py)."""
    if "noted" in code.co_freevars:  # one that notes what it has chosen, around the operator
        operator_of = local.get("forward") or local["reflected"]
        return _of_value(inspect.getclosurevars(operator_of).nonlocals["value"])
    if "value" not in code.co_freevars:
        return local.get("apply"), code.co_name == "reflected"
    return _of_value(local["value"])


def _of_value(value: Any) -> tuple[Any, bool]:
    if type(value) is FunctionType:
        apply = inspect.getclosurevars(value).nonlocals["exchanged"]
        return operator.pow if apply is operators.power else apply, True
    return value, False


def name_of(function: Any) -> str:
    """The name a user would type, without the private modules that SciPy has its functions in."""
    parts = errors.name_of(function).removeprefix("builtins.").split(".")
    return ".".join([*(part for part in parts[:-1] if not part.startswith("_")), parts[-1]])


def arguments_before(frame: FrameType) -> Any:
    """The arguments of a stand-in when it is called: it may go on with others under their names."""
    return arguments(frame) if frame.f_code.co_filename.startswith(_STANDING_IN) else None


def arguments(frame: FrameType) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a Python function, from the variables of its frame."""
    code, local = frame.f_code, frame.f_locals
    count = code.co_argcount + code.co_kwonlyargcount
    names = code.co_varnames
    args = tuple(local[name] for name in names[:count] if name in local)
    if code.co_flags & inspect.CO_VARARGS:
        args += tuple(local.get(names[count], ()))
        count += 1
    kwargs = local.get(names[count], {}) if code.co_flags & inspect.CO_VARKEYWORDS else {}
    return args, kwargs if isinstance(kwargs, dict) else {}


def _public_name(frame: FrameType) -> str:
    """What users call a function of this package, or one of theirs with a rule of its own."""
    code, local = frame.f_code, frame.f_locals
    called = local.get("self") if code.co_name == "__call__" else local.get("g") if code.co_name == "call" else None
    if given := getattr(called, "__name__", None):
        made_by = getattr(called, "_made_by", None)
        return f"dualdiff.{made_by[0].__name__}({given})" if made_by else str(given)
    module = frame.f_globals.get("__name__", "dualdiff")
    if module.startswith("dualdiff.scipy."):
        return f"{module}.{code.co_name}"
    return f"dualdiff.{code.co_name.lstrip('_')}"


@lru_cache(maxsize=8)
def _stand_ins(count: int) -> dict[CodeType, Any]:
    found: dict[CodeType, Any] = {}
    shared = set()
    for original, replacement in calls.ORIGINALS:
        code = getattr(replacement, "__code__", None)
        if code is not None:
            if code in found:
                shared.add(code)
            found[code] = original
    return {code: original for code, original in found.items() if code not in shared}


def stand_ins() -> dict[CodeType, Any]:
    """The code of each stand-in, and what it stands for; those that share one code say so in what they close over."""
    return _stand_ins(len(calls.ORIGINALS))


_UFUNC = protocols._array_ufunc.__code__
_FUNCTION = protocols._array_function.__code__
_UFUNC_OF_BUFFER = buffer_protocols.of_ufunc.__code__
_FUNCTION_OF_BUFFER = buffer_protocols.of_function.__code__
_STOP = stopping.stop_gradient.__code__
_TRUTH = entries.truth_of.__code__
_ARRAY = entries.array_of.__code__
_ADAPTING = os.path.dirname(str(adapting.__file__)) + os.sep
_STANDING_IN = tuple(str(module.__file__) for module in (stand_ins_of_builtins, mathematics, statistics))
_IN_PLACE = {
    operator.iadd: "+=", operator.isub: "-=", operator.imul: "*=", operator.itruediv: "/=", operator.ipow: "**=",
    operator.imod: "%=", operator.ifloordiv: "//=", operator.imatmul: "@=",
}  # fmt: skip


def _files_of_duals() -> frozenset[str]:
    from ..methods import arithmetic, ndarray
    from ..rules import operators, ufuncs
    from ..values import dual, indexing

    of_dual = (arithmetic, ndarray, operators, ufuncs, dual, indexing)
    of_buffers = (buffers, buffer_methods, buffer_protocols)
    return frozenset(str(module.__file__) for module in (*of_dual, *of_buffers))


_OF_DUALS = _files_of_duals()
