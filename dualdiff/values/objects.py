"""Does this carry a derivative?  Object arrays, lists and Variables among arguments, and the one Dual that they are.

``np.array([x[0], 1.0])`` of values that carry derivatives is an array of objects: it becomes one Dual (`fused`) at the
first rule that meets it.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from .. import errors
from ..table import Rule
from . import foreign
from .dual import Dual, primal
from .levels import duals_in

_OBJECT = np.dtype(object)
_CONSTANTS = frozenset({int, float, bool, str, type(None), np.float64})


class PythonLoop(Rule):
    """A Python function that np.frompyfunc made a ufunc of: it runs on the entries, as objects."""

    form = "objects"

    @staticmethod
    def made(ufunc: np.ufunc) -> bool:
        """Whether a ufunc has the one loop, of objects, that np.frompyfunc makes."""
        return ufunc.types == ["O" * ufunc.nin + "->" + "O" * ufunc.nout]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._run(self.function, args, kwargs)

    def _run(self, function: Any, args: Any, kwargs: Any) -> Any:
        result = function(*(arg.as_objects() if type(arg) is Dual else arg for arg in args), **kwargs)
        return tuple(map(fused, result)) if type(result) is tuple else fused(result)

    def __getattr__(self, method: str) -> Any:
        if method not in ("reduce", "accumulate", "reduceat", "outer"):
            raise AttributeError(method)
        return lambda *args, **kwargs: self._run(getattr(self.function, method), args, kwargs)


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
    return hasattr(kind, "__dual__") and type(x.__dual__()) is Dual


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
        return np.stack(entries)
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
    if x.ndim > 1 and not x.flags.c_contiguous:
        order = np.argsort([-stride for stride in x.strides], kind="stable")
        if x.transpose(order).flags.c_contiguous:  # laid out in that order, and so is what is made of it
            whole = fused(x.transpose(order))
            return np.transpose(whole, [*np.argsort(order), *range(x.ndim, whole.ndim)])
    entries = x.ravel().tolist()
    if not any(type(entry) is Dual or hasattr(entry, "__dual__") for entry in entries):
        for entry in entries:
            if type(entry) not in foreign.PLAIN and foreign.holds(entry):
                raise errors.made_of_objects(entries)
        return _as_numbers(x, entries)
    whole = np.stack([fused(entry) for entry in entries])
    return np.reshape(whole, x.shape + whole.shape[1:])


def _may_hide(item: Any) -> bool:
    """Whether an item of a list is an array of objects, or an object that holds a Dual (but no function that does)."""
    kind = type(item)
    if kind is list or kind is tuple:
        return any(map(_may_hide, item))
    if isinstance(item, np.ndarray):
        return item.dtype is _OBJECT
    return kind not in foreign.PLAIN and not callable(item) and foreign.holds(item)


def _is_fraction(x: Any) -> bool:
    module = sys.modules.get("fractions")  # which is not imported for this
    return module is not None and isinstance(x, module.Fraction)


def plain_number(x: Any) -> Any:
    """A Fraction or a huge int, to NumPy an object, as the float that arithmetic makes of it."""
    huge = type(x) is int and not -(2**63) <= x < 2**64
    return float(x) if _is_fraction(x) or huge else x


def _as_numbers(x: np.ndarray[Any, Any], entries: list[Any]) -> Any:
    """An object array of plain numbers as what plain code has in its place; one of other objects unchanged."""
    if not all(
        isinstance(entry, (bool, int, float, complex, np.number, np.bool_)) or _is_fraction(entry) for entry in entries
    ):
        return x
    return np.array([plain_number(entry) for entry in entries]).reshape(x.shape)


def base_array(x: Any) -> Any:
    """An array of a subclass of ndarray as what the rules know; a subclass with operations of its own is refused."""
    return fused(foreign.operand(x).view(np.ndarray))
