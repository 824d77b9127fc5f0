"""From a NumPy call to its rule: the table, the innermost perturbation, and refusal with a reason.

`RULES` maps every overridable NumPy function to one `Rule`.  A rule is called as NumPy's function is, with at least
one Dual (or an object array of Duals) among its arguments, and returns what NumPy would, as Duals where it has a
derivative.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from fractions import Fraction
from types import FrameType
from typing import Any

import numpy as np

from . import errors, foreign
from .dual import Dual, is_array, primal
from .rebinding import may_rebind
from .tangents import Perturbation

_OBJECT = np.dtype(object)
_CONSTANTS = frozenset({int, float, bool, str, type(None), np.float64})


class Rule:
    """What dualdiff does when it meets one NumPy function."""

    form = "rule"

    def __init__(self, function: Any) -> None:
        self.function = function
        self.plain_call: Callable[..., Any] = self.__call__  # for a call without keywords, where that can be faster

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError


RULES: dict[Any, Rule] = {}
_declared_by: dict[Any, dict[str, Any]] = {}


def register(rule: Rule) -> Rule:
    """Enter a rule into the table; every function has exactly one.

    A module that is imported once more, because its first import was interrupted, enters its rules again.
    """
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_name != "<module>":
        frame = frame.f_back
    before, now = _declared_by.get(rule.function), frame.f_globals
    if before is not None and (before is now or before["__name__"] != now["__name__"]):
        raise ValueError(f"{errors.name_of(rule.function)} has a rule already")
    _declared_by[rule.function], RULES[rule.function] = now, rule
    return rule


def find(function: Any, duals: Iterable[Any]) -> Rule:
    rule = RULES.get(function)
    if rule is None and (getattr(function, "__module__", None) or "").startswith("numpy.polynomial"):
        from .rules import polynomial_package  # noqa: F401  (enters its rules)

        rule = RULES.get(function)
    if rule is None and isinstance(function, np.ufunc) and "scipy.special" in sys.modules:
        from .rules import special  # noqa: F401  (likewise)

        rule = RULES.get(function)
    if rule is None and isinstance(function, np.ufunc) and function.types == [_objects(function)]:
        return PythonLoop(function)
    if rule is None:
        raise errors.unsupported(function, "it is not in the table of rules", [d.shape for d in duals])
    return rule


def _objects(ufunc: np.ufunc) -> str:
    """The type of the one loop that np.frompyfunc makes."""
    return "O" * ufunc.nin + "->" + "O" * ufunc.nout


class PythonLoop(Rule):
    """A Python function that np.frompyfunc made a ufunc of: it runs on the entries, as objects."""

    form = "objects"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._run(self.function, args, kwargs)

    def _run(self, function: Any, args: Any, kwargs: Any) -> Any:
        result = function(*(arg.as_objects() if type(arg) is Dual else arg for arg in args), **kwargs)
        return tuple(map(fused, result)) if type(result) is tuple else fused(result)

    def __getattr__(self, method: str) -> Any:
        if method not in ("reduce", "accumulate", "reduceat", "outer"):
            raise AttributeError(method)
        return lambda *args, **kwargs: self._run(getattr(self.function, method), args, kwargs)


# Levels.


def innermost(args: Iterable[Any]) -> Perturbation | None:
    """The perturbation that an operation on ``args`` belongs to: the innermost among its Duals.

    All other Duals are constants of that operation, which is the whole cure for perturbation confusion:
    in  D(x -> x * D(y -> x + y)(1))(1)  the inner sum belongs to y, and there x is a constant.
    """
    found: Perturbation | None = None
    for arg in args:
        if type(arg) is Dual:
            perturbation = arg.perturbation
            if not perturbation.live:
                raise errors.escaped(arg)
            if found is None or perturbation.level > found.level:
                found = perturbation
    return found


def value_of(arg: Any, perturbation: Perturbation) -> Any:
    """The value of an argument with respect to one perturbation: itself if it does not carry it."""
    return arg.value if type(arg) is Dual and arg.perturbation is perturbation else arg


def lifted(value: Any, perturbation: Perturbation) -> Dual:
    """A constant as a Dual with zero tangent, for buffers."""
    return Dual(value, perturbation.zeros(value), perturbation)


def duals_in(*trees: Any) -> list[Dual]:
    """Every Dual among arguments that may be lists, tuples or dicts of them."""
    found: list[Dual] = []
    try:
        for tree in trees:
            if type(tree) is Dual:
                found.append(tree)
            elif isinstance(tree, (list, tuple)):
                found.extend(duals_in(*tree))
            elif isinstance(tree, dict):
                found.extend(duals_in(*tree.values()))
    except RecursionError:
        raise errors.nested_too_deeply(type(tree)) from None
    return found


def carries(x: Any) -> bool:
    """Does this carry a derivative: a Dual, a Variable, or an object array, list, tuple or dict that holds one?

    The one answer, asked at every door: rules, custom rules, `stop_gradient`, arguments and results.
    """
    kind = type(x)
    if kind is Dual:
        return True
    if kind in _CONSTANTS:
        return False
    if isinstance(x, (list, tuple)):
        return any(map(carries, x))
    if isinstance(x, dict):
        return any(map(carries, x.values()))
    if isinstance(x, np.ndarray):
        return x.dtype == _OBJECT and any(map(carries, np.asarray(x).ravel().tolist()))
    return hasattr(kind, "__dual__")


def stripped(tree: Any) -> Any:
    """Arguments with every Dual replaced by its plain value, at every level."""
    kind = type(tree)
    if kind is float or kind is int:
        return tree
    if kind is Dual:
        return primal(tree)
    try:
        if kind is list or kind is tuple:
            return kind(stripped(item) for item in tree)
        if kind is dict:
            return {name: stripped(item) for name, item in tree.items()}
    except RecursionError:
        raise errors.nested_too_deeply(kind) from None
    if isinstance(tree, np.ndarray):
        plain = tree if kind is np.ndarray else base_array(tree)
        return primal(fused(plain)) if plain.dtype is _OBJECT else plain
    if kind not in foreign.PLAIN:
        foreign.refuse(tree)
    return tree


def fused(x: Any) -> Any:
    """An object array (or list) that holds Duals, as one Dual, one of plain numbers as numbers; else unchanged."""
    if isinstance(x, (list, tuple)):
        if not duals_in(x) and not any(map(_may_hide, x)):
            return x
        entries = [fused(item) for item in x]
        if hidden := [entry for entry in entries if not isinstance(entry, np.ndarray) and _may_hide(entry)]:
            raise errors.made_of_objects(hidden)
        if any(np.shape(primal(entry)) != np.shape(primal(entries[0])) for entry in entries):
            raise ValueError(
                "rows of different shapes cannot form one array: "
                + ", ".join(str(np.shape(primal(entry))) for entry in entries)
            )
        return RULES[np.stack](entries)
    if type(x) is not np.ndarray:
        if type(x) in foreign.PLAIN:
            return plain_number(x) if type(x) is int else x
        if isinstance(x, np.ndarray):
            return base_array(x)
        if hasattr(x, "__dual__"):
            return x.__dual__()
        seen = foreign.operand(x)
        return plain_number(x) if seen is x else fused(seen)
    if x.dtype is not _OBJECT:
        return x
    entries = x.ravel().tolist()
    if not any(type(entry) is Dual or hasattr(entry, "__dual__") for entry in entries):
        for entry in entries:
            if type(entry) not in foreign.PLAIN and foreign.holds(entry):
                raise errors.made_of_objects(entries)
        return _as_numbers(x, entries)
    whole = RULES[np.stack]([fused(entry) for entry in entries])
    return RULES[np.reshape](whole, x.shape + whole.shape[1:])


def _may_hide(item: Any) -> bool:
    """Whether an item of a list is an array of objects, or an object that holds a Dual (but no function that does)."""
    kind = type(item)
    if kind is list or kind is tuple:
        return any(map(_may_hide, item))
    if isinstance(item, np.ndarray):
        return item.dtype is _OBJECT
    return kind not in foreign.PLAIN and not callable(item) and foreign.holds(item)


def plain_number(x: Any) -> Any:
    """A Fraction or a huge int, to NumPy an object, as the float that arithmetic makes of it."""
    huge = type(x) is int and not -(2**63) <= x < 2**64
    return float(x) if type(x) is Fraction or huge else x


def _as_numbers(x: np.ndarray[Any, Any], entries: list[Any]) -> Any:
    """An object array of plain numbers as what plain code has in its place; one of other objects unchanged."""
    if not all(isinstance(entry, (bool, int, float, complex, np.number, np.bool_, Fraction)) for entry in entries):
        return x
    return np.array([plain_number(entry) for entry in entries]).reshape(x.shape)


def base_array(x: Any) -> Any:
    """An array of a subclass of ndarray as what the rules know; a subclass with operations of its own is refused."""
    return fused(foreign.operand(x).view(np.ndarray))


# NumPy's two protocols.

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
    rule = RULES.get(ufunc) or find(ufunc, duals_in(inputs, kwargs.get("out", ())))
    if method == "__call__":
        if not kwargs:
            if type(inputs[0]) is np.ndarray and sys._getframe(1).f_code.co_name in _VALUATIONS:
                refuse_misaligned(sys._getframe(1))
            return rule.plain_call(*inputs)
        if "out" in kwargs and type(kwargs["out"][0]) is np.ndarray and kwargs.get("where", True) is True:
            references = sys.getrefcount(kwargs["out"][0])
            if may_rebind(kwargs["out"][0], references, sys._getframe(1)):
                return rebound(ufunc, inputs, kwargs["out"][0])
        return rule(*inputs, **kwargs)
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
                if type(arg) is float:
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
    rule = RULES.get(function) or find(function, duals_in(args, kwargs))
    if function is np.prod and sys._getframe(1).f_code.co_name == "polyvalfromroots":
        refuse_misaligned(sys._getframe(1))
    lone_array = len(args) == 1 and args[0] is self and type(self.value) is np.ndarray
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
