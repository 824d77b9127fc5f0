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

from . import errors
from .dual import Dual, is_array, primal
from .rebinding import may_rebind
from .tangents import Perturbation

_OBJECT = np.dtype(object)


class Rule:
    """What dualdiff does when it meets one NumPy function."""

    form = "rule"

    def __init__(self, function: Any) -> None:
        self.function = function
        self.plain_call: Callable[..., Any] = self.__call__  # for a call without keywords, where that can be faster

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError


RULES: dict[Any, Rule] = {}


def register(rule: Rule) -> Rule:
    """Enter a rule into the table; every function has exactly one."""
    if rule.function in RULES:
        raise ValueError(f"{errors.name_of(rule.function)} has a rule already")
    RULES[rule.function] = rule
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
        result = function(*(arg.__array__() if type(arg) is Dual else arg for arg in args), **kwargs)
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
    for tree in trees:
        if type(tree) is Dual:
            found.append(tree)
        elif isinstance(tree, (list, tuple)):
            found.extend(duals_in(*tree))
        elif isinstance(tree, dict):
            found.extend(duals_in(*tree.values()))
    return found


def stripped(tree: Any) -> Any:
    """Arguments with every Dual replaced by its plain value, at every level."""
    if type(tree) is Dual:
        return primal(tree)
    if type(tree) in (list, tuple):
        return type(tree)(stripped(item) for item in tree)
    if type(tree) is dict:
        return {name: stripped(item) for name, item in tree.items()}
    if isinstance(tree, np.ndarray) and tree.dtype is _OBJECT:
        return primal(fused(tree))
    return tree


def fused(x: Any) -> Any:
    """An object array (or list) that holds Duals, as one Dual, one of plain numbers as numbers; else unchanged."""
    if isinstance(x, (list, tuple)):
        if not duals_in(x) and not any(isinstance(item, np.ndarray) and item.dtype is _OBJECT for item in x):
            return x
        entries = [fused(item) for item in x]
        if any(np.shape(primal(entry)) != np.shape(primal(entries[0])) for entry in entries):
            raise ValueError(
                "rows of different shapes cannot form one array: "
                + ", ".join(str(np.shape(primal(entry))) for entry in entries)
            )
        return RULES[np.stack](entries)
    if type(x) is not np.ndarray:
        return (
            base_array(x) if isinstance(x, np.ndarray) else x.__dual__() if hasattr(x, "__dual__") else plain_number(x)
        )
    if x.dtype is not _OBJECT:
        return x
    entries = x.ravel().tolist()
    if not any(type(entry) is Dual or hasattr(entry, "__dual__") for entry in entries):
        return _as_numbers(x, entries)
    whole = RULES[np.stack]([fused(entry) for entry in entries])
    return RULES[np.reshape](whole, x.shape + whole.shape[1:])


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
    own = type(x).__array_ufunc__ is not np.ndarray.__array_ufunc__ or isinstance(x, np.matrix)
    if own or ("numpy.ma" in sys.modules and isinstance(x, np.ma.MaskedArray)):
        raise TypeError(
            f"a {type(x).__name__} of shape {x.shape} meets a Dual: its operations differ from those of an array.\n"
            "  Use np.asarray(x) (and a mask of its own, if there is one)."
        )
    return fused(x.view(np.ndarray))


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
    for arg in args:
        if type(arg) is Dual:
            while type(arg) is Dual:
                arg = arg.value
            if type(arg) is float:
                return True
        elif type(arg) in (list, tuple) and _has_python_float(tuple(arg)):
            return True
    return False


def _array_scalars(tree: Any) -> Any:
    """Arguments with every Dual of a Python float as one of a NumPy scalar."""
    if type(tree) is Dual:
        if type(tree.value) is Dual:
            inner = _array_scalars(tree.value)
            return tree if inner is tree.value else Dual(inner, tree.tangent, tree.perturbation)
        return Dual(np.float64(tree.value), tree.tangent, tree.perturbation) if type(tree.value) is float else tree
    if type(tree) in (list, tuple):
        return type(tree)([_array_scalars(item) for item in tree])
    if type(tree) is dict:
        return {name: _array_scalars(item) for name, item in tree.items()}
    return tree


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


def _array_function(
    self: Dual, function: Callable[..., Any], types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    rule = RULES.get(function) or find(function, duals_in(args, kwargs))
    if function is np.prod and sys._getframe(1).f_code.co_name == "polyvalfromroots":
        refuse_misaligned(sys._getframe(1))
    lone_array = len(args) == 1 and args[0] is self and type(self.value) is np.ndarray
    if not lone_array and _has_python_float(args):  # a function of arrays makes it an array
        args, kwargs = _array_scalars(args), _array_scalars(kwargs)
        self = _array_scalars(self)
    if rule.form == "creation":  # np.zeros(n, like=x): NumPy has taken ``like`` away, and it was self
        return rule(self, *args, **kwargs)
    return rule(*args, **kwargs)


Dual.__array_ufunc__ = _array_ufunc  # type: ignore[attr-defined]
Dual.__array_function__ = _array_function  # type: ignore[attr-defined]
