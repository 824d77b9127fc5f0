"""Into a rule and out of it: arguments as rules want them, results with their tangents."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import numpy as np

from .. import errors
from ..table import Rule
from ..tangents import ONE, Like, Perturbation, like_of
from ..tangents.expression import Tangent
from ..values import storage as shared
from ..values.dual import Dual, primal
from ..values.kinds import ARRAYS, as_array
from ..values.levels import duals_in, value_of
from ..values.objects import fused

NUMBERS = frozenset({float, int, np.ndarray, np.float64, np.float32, Dual})
_OBJECT = np.dtype(object)


def number(arg: Any) -> Any:
    """An operand as an array, unless it is one or a scalar: partials calculate with it."""
    if type(arg) in NUMBERS and getattr(arg, "dtype", None) != _OBJECT:
        return arg
    arg = fused(arg)
    decimal = sys.modules.get("decimal")  # who has a number of its has imported it
    if getattr(arg, "dtype", None) is _OBJECT or (decimal is not None and isinstance(arg, decimal.Decimal)):
        raise errors.strange_objects(arg)
    return as_array(arg) if isinstance(arg, (list, tuple)) else arg


def tangent_of(arg: Any, perturbation: Perturbation) -> Tangent:
    active = type(arg) is Dual and arg.perturbation is perturbation
    return Tangent(perturbation, arg.tangent if active else None)


def perturbation_of(tangents: Any) -> Perturbation:
    """The perturbation of some tangents, as rules get them: by name, in lists, None among them."""
    if isinstance(tangents, dict):
        tangents = tangents.values()
    found: Any = None
    for item in tangents:
        if isinstance(item, (list, tuple)):
            found = found or perturbation_of(item)
        elif item is not None:
            found = item.perturbation
    return found


def with_tangents(value: Any, tangent: Any) -> Any:
    """Values and their tangents as Duals; lists and tuples of them entry by entry."""
    if isinstance(tangent, (list, tuple)):
        return type(value)([with_tangents(*pair) for pair in zip(value, tangent, strict=True)])
    if not tangent:
        return value
    dual = Dual(value, tangent.handle, tangent.perturbation)
    dual.shares = True  # a write into it leaves the tangent that was given alone
    return dual


def tangents_in(tree: Any, perturbation: Perturbation) -> Any:
    """The tangents of Duals, None for what is constant; lists and tuples entry by entry."""
    if isinstance(tree, (list, tuple)):
        return tuple(tangents_in(item, perturbation) for item in tree)
    if type(tree) is not Dual or tree.perturbation is not perturbation:
        return None
    tangent = Tangent(perturbation, perturbation.current(tree.tangent))
    return tangent * 1.0 if tree.shares or tree.storage is not None else tangent


def fused_tree(tree: Any) -> Any:
    try:
        if isinstance(tree, dict):
            return {name: fused_tree(item) for name, item in tree.items()}
        if type(tree) in (list, tuple):
            return type(tree)(fused_tree(item) for item in tree)
    except RecursionError:
        raise errors.nested_too_deeply(type(tree)) from None
    return fused(tree)


def values_in(tree: Any, perturbation: Perturbation) -> Any:
    """Arguments with every Dual of one perturbation replaced by its value."""
    if isinstance(tree, dict):
        return {name: values_in(item, perturbation) for name, item in tree.items()}
    if type(tree) in (list, tuple):
        return type(tree)(values_in(item, perturbation) for item in tree)
    return value_of(tree, perturbation)


def refuse_narrowing(function: Any, dtype: Any, args: Iterable[Any]) -> None:
    """``dtype=float`` for complex operands drops imaginary parts inside the function, where no rule sees it."""
    if dtype is None:
        return
    constant(np.dtype(dtype))  # refuses objects
    if np.dtype(dtype).kind != "c":
        for arg in args:
            if getattr(getattr(arg, "dtype", None), "kind", "") == "c" and duals_in(args):
                raise errors.unsupported(function, f"with dtype={np.dtype(dtype)} and complex operands", [arg.shape])


def refuse_overlap(name: str, buffer: Any, values: Any) -> None:
    """Few functions of NumPy write without looking whether they overwrite what they still have to read."""
    written, read = primal(fused(buffer)), primal(fused(values))
    if isinstance(written, np.ndarray) and isinstance(read, np.ndarray) and np.shares_memory(written, read):
        raise errors.overlap(name)


def wrapped(y: Any, tangent: Tangent | None, perturbation: Perturbation) -> Any:
    """The value and its tangent as a Dual, the tangent in the shape and dtype of the value."""
    if tangent is None or tangent.handle is None:
        return y
    if type(y) not in ARRAYS and hasattr(type(y), "__takes_calls__"):
        y = y.value  # SciPy's object was made in adapted code, and calculates with its buffers
    like, wanted = tangent.like, like_of(y)
    handle = tangent.handle
    if like.shape != wanted.shape or like.dtype != wanted.dtype:
        if wanted.dtype == _OBJECT:
            raise errors.made_of_objects(y.ravel().tolist())
        handle = perturbation.combine(((ONE, handle),), Like(wanted.shape, wanted.dtype))
    elif perturbation.renews:
        handle = perturbation.current(handle)
    return Dual(y, handle, perturbation)


def wrapped_parts(y: Any, dy: Any, perturbation: Perturbation) -> Any:
    """`wrapped`, of a result that may be a tuple, a named one or a list, of parts with a tangent each."""
    if not isinstance(y, (tuple, list)):
        return wrapped(y, dy, perturbation)
    if dy is None:
        return y
    results = [wrapped_parts(part, tangent, perturbation) for part, tangent in zip(y, dy, strict=True)]
    return type(y)(*results) if hasattr(y, "_fields") else type(y)(results)


def applied(rule: Rule, bound: dict[str, Any], perturbation: Perturbation) -> Any:
    """A call with these arguments as rules that are not hot make it: NumPy's own value, and the rule's tangent."""
    values = {name: value_of(arg, perturbation) for name, arg in bound.items()}
    tangents = {name: tangent_of(bound[name], perturbation) for name in rule.active if name in bound}
    first, *rest = values
    y = rule.function(values[first], **{name: values[name] for name in rest})
    # A tape keeps what the rule's linear maps refer to, which the user may overwrite.
    values = {name: perturbation.keep(value) for name, value in values.items()}
    return wrapped_parts(y, rule.tangent(perturbation.keep(y), values, tangents), perturbation)


def owned(x: Any) -> Any:
    """Arrays with memory of their own: a function may return its argument, a view of it, or a work array.

    A rule's result has another derivative than the array whose memory it would share, so neither may see what is
    written into the other; nor where nothing is differentiated, which has the same values.
    """
    if isinstance(x, np.ndarray):
        return x.copy("K")
    if type(x) is Dual or type(x) in ARRAYS:
        return x.copy()
    if type(x) in (tuple, list):
        return type(x)(map(owned, x))
    return {key: owned(item) for key, item in x.items()} if type(x) is dict else x


def constant(dtype: np.dtype[Any]) -> bool:
    """Whether a result of that dtype is piecewise constant (whole numbers); objects would hide a derivative."""
    if dtype is _OBJECT:
        raise TypeError(
            "dtype=object: NumPy would make objects of the value alone, without its derivative.\n"
            "  Leave dtype= out; an array of objects that carry the derivative is np.asarray(result)."
        )
    return dtype.kind not in "fc"


def written(function: Any, out: Any, result: Any) -> Any:
    """A result in the user's ``out=``."""
    if isinstance(out, tuple):
        out = out[0]
    if out is None:
        return result
    if isinstance(out, Dual):
        if result.shape != out.shape:
            raise ValueError(f"{errors.name_of(function)}: out has shape {out.shape}, the result {result.shape}")
        shared.write(out, ..., result)
        return out
    if duals_in(result) and out.dtype is not _OBJECT:
        raise errors.plain_buffer()
    out[...] = result
    return out
