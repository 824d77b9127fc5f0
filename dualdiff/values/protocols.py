"""NumPy's two protocols: from a call with a Dual among its arguments to the rule of the function, or to a refusal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

import numpy as np

from .. import errors, table
from ..table import RULES, Rule
from . import foreign
from .dual import Dual, is_array
from .entries import is_power_of_scalar
from .levels import duals_in
from .objects import PythonLoop, stripped
from .rebinding import may_rebind

_ndarray = np.ndarray
_OBJECT = np.dtype(object)


def rule_of(function: Any, arguments: Any) -> Rule:
    """The rule for a call that is not in the table yet; a function that has none is refused."""
    rule = table.find(function)
    if rule is None and isinstance(function, np.ufunc) and PythonLoop.made(function):
        return PythonLoop(function)
    if rule is None:
        shapes = [dual.shape for dual in duals_in(arguments)]
        refusal = errors.unsupported(function, "it is not in the table of rules", shapes)
        for dual in duals_in(arguments):
            errors.refused(dual, str(refusal).partition("\n")[0])
        raise refusal
    return rule


# Of `numpy.polynomial`.  With ``tensor=True`` they give the coefficients axes for those of the point, if that is an
# ndarray; beside a Dual the axes would meet in the wrong order.
_VALUATIONS = frozenset({"polyval", "chebval", "legval", "lagval", "hermval", "hermeval"})


def refuse_misaligned(caller: FrameType) -> None:
    """Called where one of these, or ``polyvalfromroots``, combines an array of several axes with a Dual."""
    if caller.f_globals.get("__name__", "").startswith("numpy.polynomial.") and caller.f_locals.get("tensor"):
        point, name = caller.f_locals.get("x"), caller.f_code.co_name
        if type(point) is Dual and point.ndim:
            axes = ", ".join(["None"] * point.ndim)
            raise errors.unsupported(
                caller.f_globals[name],
                "it lines up axes for ndarrays only; "
                f"with an array c of coefficients or roots write  {name}(x, c[..., {axes}], tensor=False)",
                [point.shape],
            )


def _array_ufunc(self: Dual, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
    rule = RULES.get(ufunc) or rule_of(ufunc, (inputs, kwargs.get("out", ())))
    if method == "__call__":
        if not kwargs:
            if type(inputs[0]) is np.ndarray and sys._getframe(1).f_code.co_name in _VALUATIONS:
                refuse_misaligned(sys._getframe(1))
            if ufunc is np.power and is_power_of_scalar(inputs[0], sys._getframe(1)):
                return self.__rpow__(inputs[0])
            return rule.plain_call(*inputs)
        if "out" in kwargs and any(hasattr(type(out), "__takes_calls__") for out in kwargs["out"]):
            return NotImplemented
        if "out" in kwargs and type(kwargs["out"][0]) is np.ndarray and kwargs.get("where", True) is True:
            references = sys.getrefcount(kwargs["out"][0])
            if may_rebind(kwargs["out"][0], references, sys._getframe(1)):
                return rebound(ufunc, inputs, kwargs["out"][0])
        return rule(*inputs, **kwargs)
    if "out" in kwargs and any(hasattr(type(out), "__takes_calls__") for out in kwargs["out"]):
        return NotImplemented
    run = getattr(rule, method, None)
    if run is None:
        raise errors.unsupported(ufunc, f"it has no method {method!r} here", [d.shape for d in duals_in(inputs)])
    return run(*inputs, **kwargs)


def _has_python_float(args: tuple[Any, ...]) -> bool:
    try:
        for arg in args:
            if type(arg) is Dual:
                while type(arg) is Dual:
                    arg = arg.value
                if type(arg) is float or getattr(arg, "is_python_float", False):
                    return True
            elif type(arg) in (list, tuple) and _has_python_float(tuple(arg)):
                return True
    except RecursionError:
        raise errors.nested_too_deeply(type(arg)) from None
    return False


def _array_scalars(tree: Any, make: Callable[[float], Any]) -> Any:
    """Arguments with every Dual of a Python float as one of a NumPy scalar, or of an array of no axes."""
    if type(tree) is Dual:
        if type(tree.value) is Dual:
            value = _array_scalars(tree.value, make)
        else:
            value = make(tree.value) if type(tree.value) is float else tree.value
            if getattr(value, "is_python_float", False):
                value = np.asarray(value, like=value) if make is np.asarray else np.asarray(value, like=value)[()]
        if value is tree.value:
            return tree
        made = Dual(value, tree.tangent, tree.perturbation)
        made.shares = True
        return made
    if type(tree) in (list, tuple):
        return type(tree)([_array_scalars(item, make) for item in tree])
    if type(tree) is dict:
        return {name: _array_scalars(item, make) for name, item in tree.items()}
    return tree


# These ask the number itself.
_OF_NUMBERS = frozenset({np.real, np.imag})


def rebound(ufunc: np.ufunc, inputs: tuple[Any, ...], buffer: np.ndarray[Any, Any]) -> Any:
    """``buffer += dual``, where the name may be bound to a Dual that NumPy's buffer could have become."""
    y = RULES[ufunc](*inputs)
    if np.broadcast_shapes(y.shape, buffer.shape) != buffer.shape or not np.can_cast(
        y.dtype, buffer.dtype, "same_kind"
    ):
        return ufunc(*stripped(inputs), out=buffer)  # NumPy's own error
    if y.dtype != buffer.dtype and buffer.dtype is not _OBJECT:
        y = y.astype(buffer.dtype)
    if is_array(y.value):
        return y
    array = np.empty((), y.dtype, like=y)  # a 0-d buffer stays one
    array[...] = y
    return array


def _left_to_others(types: Iterable[type], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether an argument (or an item of one) of another package takes the call itself."""
    for kind in types:
        if hasattr(kind, "__takes_calls__"):
            return True
        if kind is not Dual and kind is not np.ndarray and foreign.family(kind):
            given = (*args, *kwargs.values())
            inner = [item for arg in given if isinstance(arg, (list, tuple)) for item in arg]
            of_kind = (arg for arg in (*given, *inner) if type(arg) is kind)
            return any(foreign.family(kind) == "array" or foreign.defers(arg) for arg in of_kind)
    return False


def _array_function(
    self: Dual, function: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    if len(types) > 1 and _left_to_others(types, args, kwargs):
        return NotImplemented
    rule = RULES.get(function) or rule_of(function, (args, kwargs))
    lone_array = len(args) == 1 and args[0] is self and type(self.value) is _ndarray
    if lone_array and not kwargs and rule.form != "creation":  # as most
        return rule.plain_call(self)
    if function is np.prod and sys._getframe(1).f_code.co_name == "polyvalfromroots":
        refuse_misaligned(sys._getframe(1))
    if not lone_array and rule.form != "writing" and _has_python_float(args) and function not in _OF_NUMBERS:
        # A function of arrays makes it an array, and what it calculates a scalar.
        make = np.asarray if rule.form == "view" else np.float64
        args, kwargs = _array_scalars(args, make), _array_scalars(kwargs, make)
        self = _array_scalars(self, make)
    if rule.form == "creation":  # np.zeros(n, like=x): NumPy has taken ``like`` away, and it was self
        return rule(self, *args, **kwargs)
    return rule(*args, **kwargs)


Dual.__pandas_priority__ = foreign.PandasPriority()  # type: ignore[attr-defined]
for _name, _protocol in (("__array_ufunc__", _array_ufunc), ("__array_function__", _array_function)):
    setattr(Dual, _name, _protocol)
