"""Into a transform and out of it: which arguments are differentiated, what they may be, and what came back."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import numpy as np

from .. import errors
from ..pytrees.trees import LEAF, Structure, flatten, paths
from ..pytrees.trees import presented as presented
from ..tangents import Perturbation, dtype_of, newest_level
from ..tangents.blocks import FEW_BYTES, settle_allocator
from ..values import foreign
from ..values.dual import Dual, is_array, primal
from ..values.kinds import ARRAYS
from ..values.objects import fused
from ..values.storage import BORROWED, anchor

_FLOATS = "fc"
_PLAIN_FLOATS = frozenset({float, complex})
_OBJECT = np.dtype(object)


def primal_leaf(x: Any, name: str) -> Any:
    """A differentiated leaf as it enters the function; integers are promoted, what is no number raises."""
    kind = type(x)
    if kind in ARRAYS:
        if x.dtype.kind in _FLOATS:
            return x
        if x.dtype.kind in "iu":
            return x.astype(np.float64)
        if x.dtype == object:
            whole = fused(x)
            if type(whole) is Dual:
                return whole
        raise _no_number(x, name, f"an array of dtype {x.dtype}")
    if kind in _PLAIN_FLOATS or kind is Dual:
        return x
    if hasattr(x, "__dual__"):  # a Variable: a constant of an outer level
        return x.__dual__()
    if kind is int:
        return float(x)
    if isinstance(x, np.generic):
        if x.dtype.kind in _FLOATS:
            return x
        if x.dtype.kind in "iu":
            return np.float64(x)
        raise _no_number(x, name, f"a scalar of dtype {x.dtype}")
    foreign.refuse_argument(x, name)
    if isinstance(x, np.ndarray):
        return primal_leaf(np.asarray(x), name)
    if hasattr(x, "__array_function__") and getattr(getattr(x, "dtype", None), "kind", "") in _FLOATS:
        return x  # another array type that speaks NumPy's protocols
    raise _no_number(x, name, f"{'None' if x is None else f'a {type(x).__name__}'}")


def _no_number(x: Any, name: str, what: str) -> TypeError:
    shown = repr(x)
    if isinstance(x, (np.ndarray, np.generic)):
        convert = "convert it: x.astype(float)"
    elif isinstance(x, (list, tuple)):
        convert = "make it an array: np.array(x)"
    elif isinstance(x, (str, bytes, bool)) or x is None or callable(x):
        convert = "pass it as a keyword argument"
    else:
        convert = f"if it holds numbers, say how with dualdiff.register_pytree({type(x).__name__}, flatten, unflatten)"
    if name.endswith("]") or "." in name.split("argument")[-1]:  # inside a tree
        convert = f"mark it as a constant: dualdiff.static({shown if len(shown) < 20 else '...'}); or {convert}"
    return TypeError(
        f"{name} is {what} ({shown if len(shown) < 60 else shown[:57] + '...'}) and cannot be differentiated; "
        "real and complex numbers can.\n"
        f"  Leave it out with argnums=, or {convert}."
    )


def seed_leaf(tangent: Any, value: Any, name: str, value_name: str, block: bool = False) -> Any:
    """A user's tangent, checked against its primal, as a block of one direction; or a ``block`` of the user's."""
    if hasattr(tangent, "__dual__"):  # a Variable
        tangent = tangent.__dual__()
    if type(tangent) not in foreign.PLAIN:
        foreign.refuse_argument(tangent, name)
    if not isinstance(tangent, (int, float, complex)) and not hasattr(tangent, "dtype"):
        raise TypeError(
            f"{name} is a {type(tangent).__name__}; the tangent of {value_name} is an array of its shape "
            f"{np.shape(value)}."
        )
    if isinstance(tangent, np.ndarray) and tangent.dtype == object:
        tangent = fused(tangent)
    shape, wanted = np.shape(tangent), np.shape(value)
    if block and (not shape or shape[1:] != wanted):
        raise ValueError(
            f"{name} has shape {shape}, {value_name} has shape {wanted}; a block of k directions has the shape "
            f"{('k', *wanted)}.".replace("'", "")
        )
    if not block and shape != wanted:
        hint = ""
        if shape and shape[1:] == wanted and name.startswith(("pushforward", "pullback")):
            hint = f"\n  For {shape[0]} directions side by side: {name.partition(':')[0]}(..., block=True)."
        raise ValueError(
            f"{name} has shape {shape}, {value_name} has shape {wanted}; each tangent has the shape of its primal."
            f"{hint}"
        )
    dtype, target = _dtype(tangent), _dtype(value)
    if dtype.kind not in "iufc" or (dtype.kind == "c" and target.kind != "c"):
        raise TypeError(
            f"{name} has dtype {dtype}, {value_name} has dtype {target}; a tangent has the dtype of its primal."
        )
    if isinstance(tangent, (np.ndarray, np.generic, int, float, complex)):
        return np.array(tangent if block else [tangent], dtype=target)
    if dtype != target:
        tangent = tangent.astype(target)
    return tangent.copy() if block else np.stack([tangent])


def directions_in(blocks: list[Any], names: list[str]) -> int:
    """How many directions there are in each of some blocks."""
    k = len(blocks[0])
    for block, name in zip(blocks, names, strict=True):
        if len(block) != k:
            raise ValueError(f"{names[0]} has {k} directions, {name} has {len(block)}; all blocks have as many.")
    return k


def refuse_variable(tangent: Any, value: Any, name: str, value_name: str) -> None:
    """A tangent is a Variable only where its primal is: the value of a plain result could not tell of it."""
    if hasattr(type(tangent), "__dual__"):
        tangent = tangent.__dual__()
    elif type(tangent) in ARRAYS and tangent.dtype is _OBJECT:
        tangent = fused(tangent)
    if type(tangent) is Dual and tangent.perturbation.level == 0 and type(value) is not Dual:
        raise TypeError(
            f"{name} is a Variable, {value_name} is none; a tangent is the direction to differentiate along.\n"
            "  Pass its value, v.value; to differentiate with respect to it too, make the primal a Variable."
        )


def check_leaves(leaves: list[Any], given: Any, name: str) -> None:
    if not leaves:
        raise TypeError(f"{name} is {given!r}, which holds no number to differentiate; leave it out with argnums=.")


def _dtype(x: Any) -> np.dtype[Any]:
    return getattr(x, "dtype", None) or np.result_type(type(x))


def seeded(value: Any, tangent: Any, perturbation: Perturbation) -> Dual:
    """An argument of the function; writing into it acts on a copy."""
    if type(value) is not np.ndarray and type(tangent) is np.ndarray and type(primal(value)) in ARRAYS:
        like = primal(value)
        if type(like) is not np.ndarray:  # a tangent is of the kind of its value, which may be written
            tangent = np.array(tangent, like=like)
    dual = Dual(value, tangent, perturbation)
    if type(value) in ARRAYS:
        dual.shares = BORROWED
        if value.nbytes > FEW_BYTES:
            settle_allocator(value.nbytes)
    elif type(value) is Dual and is_array(value):
        dual.shares = BORROWED
        if value.storage is not None and value.storage.shared:
            anchor(dual).shared = True
    return dual


def result_leaves(result: Any, transform: str) -> tuple[list[Any], Structure]:
    """The leaves of what the function returned: numbers, arrays and Duals."""
    if type(result) is Dual:
        return [result], LEAF
    leaves, structure = flatten(result)
    if not leaves:
        raise TypeError(f"{transform}: the function returned {result!r}; it should return numbers or arrays.")
    names = paths(structure, "result")
    leaves = [_result_leaf(leaf, name, transform) for leaf, name in zip(leaves, names, strict=True)]
    for leaf, name in zip(leaves, names, strict=True):
        if type(leaf) is not Dual and _kind(leaf) not in "biufc":
            raise TypeError(
                f"{transform}: the function returned a {type(leaf).__name__} as {name}; "
                "it should return numbers or arrays (has_aux=True hands out anything else,\n"
                "  dualdiff.register_pytree makes a class a container)."
            )
    return leaves, structure


def _result_leaf(leaf: Any, name: str, transform: str) -> Any:
    """A result as NumPy sees it, with what it holds of Duals as one Dual."""
    kind = type(leaf)
    if kind is Dual or kind is float or kind is np.float64:
        return leaf
    if hasattr(leaf, "__dual__"):
        return leaf.__dual__()
    if kind not in ARRAYS:
        try:
            leaf = foreign.visible(leaf, name)
        except TypeError as error:
            raise TypeError(f"{transform}: {error}") from error.__cause__
    return _numeric(fused(leaf))


def _numeric(leaf: Any) -> Any:
    """An object array of plain numbers as an array of numbers."""
    if isinstance(leaf, np.ndarray) and leaf.dtype == object:
        whole = np.array(leaf.tolist())
        return whole if whole.dtype.kind in "biufc" else leaf
    return leaf


def _kind(leaf: Any) -> str:
    if hasattr(leaf, "dtype"):
        return str(leaf.dtype.kind)
    return "f" if isinstance(leaf, (bool, int, float, complex)) else "O"


def value_of(leaf: Any, perturbation: Perturbation) -> Any:
    """A result without the perturbation."""
    return leaf.value if type(leaf) is Dual and leaf.perturbation is perturbation else leaf


def tangent_of(leaf: Any, perturbation: Perturbation) -> Any:
    """The tangent of a result; zero where it does not depend on the arguments."""
    if type(leaf) is Dual and leaf.perturbation is perturbation:
        return leaf.tangent
    return perturbation.zeros(leaf if dtype_of(leaf).kind in "fc" else np.zeros(np.shape(leaf)))


def without(perturbation: Perturbation, tree: Any) -> Any:
    """Auxiliary results with one perturbation taken off."""
    leaves, structure = flatten(tree)

    def taken_off(leaf: Any) -> Any:
        if type(leaf) in ARRAYS and leaf.dtype == object:
            whole = fused(leaf)
            leaf = whole if type(whole) is Dual else leaf  # else as the user made it
        elif hasattr(leaf, "__dual__"):
            leaf = leaf.__dual__()
        if type(leaf) is Dual:
            return leaf.value if leaf.perturbation is perturbation else leaf
        return leaf if type(leaf) in foreign.PLAIN else foreign.with_data(leaf, taken_off)

    return structure.build(map(taken_off, leaves))


def in_list(given: Any, built: Any) -> Any:
    """What was built for an argument: for a list of plain numbers one array, which such a list is to SciPy's users.

    The function gets the list itself: ``2 * [1.0, 2.0]`` is no product.
    """
    if type(given) is list and given and all(map(_is_plain_number, given)):
        return np.stack(built, axis=-1)
    return built


def _is_plain_number(x: Any) -> bool:
    return type(x) in (float, int, complex) or isinstance(x, np.number) or (type(x) is Dual and x.shape == ())


def pair(result: Any, transform: str) -> tuple[Any, Any]:
    """What a function with ``has_aux=True`` returned."""
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError(f"{transform}: with has_aux=True the function returns a pair (result, aux), not {result!r}.")
    return result


# The functions that run the user's: one of them further out on the stack makes a transform an inner one.
_SWEEPS = frozenset({"_one_sweep", "_sweep", "evaluated", "recorded"})


def warn_if_independent(leaves: list[Any], perturbation: Perturbation, transform: str) -> None:
    """Warn if an outermost transform found a result that carries no derivative at all: see `errors.IndependentResult`.

    Not within another transform, nor where the function differentiates by itself: an inner derivative may be constant.
    """
    if any(type(leaf) is Dual for leaf in leaves) or not any(np.size(leaf) for leaf in leaves):
        return
    if perturbation.refused is not None and not perturbation.stopped:
        raise errors.swallowed(transform, perturbation.refused)
    if perturbation.stopped or newest_level() > perturbation.level:
        return
    frame: FrameType | None = sys._getframe(1)
    running = 0
    while frame is not None:
        ours = frame.f_globals.get("__name__", "").partition(".")[0] == __name__.partition(".")[0]
        running += ours and frame.f_code.co_name in _SWEEPS
        frame = frame.f_back
    if running == 1:
        errors.warn(errors.independent(transform))
