"""Into a transform and out of it: which arguments are differentiated, what they may be, and what came back."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from . import storage
from .dispatch import fused
from .dual import Dual
from .pytrees import LEAF, Structure, flatten, paths
from .tangents import Perturbation

_FLOATS = "fc"
_PLAIN_FLOATS = frozenset({float, complex})


def primal_leaf(x: Any, name: str) -> Any:
    """A differentiated leaf as it enters the function; integers are promoted, what is no number raises."""
    kind = type(x)
    if kind is np.ndarray:
        if x.dtype.kind in _FLOATS:
            # A 0-d array enters as a scalar: object arrays refer to their entries, and a scalar cannot change in them.
            return x if x.ndim else x[()]
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
    if isinstance(x, (np.ma.MaskedArray, np.matrix)):
        raise TypeError(
            f"{name} is a {type(x).__name__}, whose operations differ from those of a plain array.\n"
            "  Pass np.asarray(x) (and a mask of its own, if there is one)."
        )
    if isinstance(x, np.ndarray):
        return primal_leaf(np.asarray(x), name)
    if hasattr(x, "__array_function__") and getattr(getattr(x, "dtype", None), "kind", "") in _FLOATS:
        return x  # another array type that speaks NumPy's protocols
    raise _no_number(x, name, f"{'None' if x is None else f'a {type(x).__name__}'}")


def _no_number(x: Any, name: str, what: str) -> TypeError:
    shown = repr(x)
    return TypeError(
        f"{name} is {what} ({shown if len(shown) < 60 else shown[:57] + '...'}) and cannot be differentiated; "
        "real and complex numbers can.\n"
        "  Leave it out with argnums=, or convert it: x.astype(float)."
    )


def seed_leaf(tangent: Any, value: Any, name: str, value_name: str) -> Any:
    """A user's tangent, checked against its primal, as a block of one direction."""
    if hasattr(tangent, "__dual__"):  # a Variable
        tangent = tangent.__dual__()
    if not isinstance(tangent, (int, float, complex)) and not hasattr(tangent, "dtype"):
        raise TypeError(
            f"{name} is a {type(tangent).__name__}; the tangent of {value_name} is an array of its shape "
            f"{np.shape(value)}."
        )
    if isinstance(tangent, np.ndarray) and tangent.dtype == object:
        tangent = fused(tangent)
    shape, wanted = np.shape(tangent), np.shape(value)
    if shape != wanted:
        raise ValueError(
            f"{name} has shape {shape}, {value_name} has shape {wanted}; each tangent has the shape of its primal."
        )
    dtype, target = _dtype(tangent), _dtype(value)
    if dtype.kind not in "iufc" or (dtype.kind == "c" and target.kind != "c"):
        raise TypeError(
            f"{name} has dtype {dtype}, {value_name} has dtype {target}; a tangent has the dtype of its primal."
        )
    if isinstance(tangent, (np.ndarray, np.generic, int, float, complex)):
        return np.array([tangent], dtype=target)
    if dtype != target:
        tangent = tangent.astype(target)
    return np.stack([tangent])


def check_leaves(leaves: list[Any], given: Any, name: str) -> None:
    if not leaves:
        raise TypeError(f"{name} is {given!r}, which holds no number to differentiate; leave it out with argnums=.")


def _dtype(x: Any) -> np.dtype[Any]:
    return getattr(x, "dtype", None) or np.result_type(type(x))


def seeded(value: Any, tangent: Any, perturbation: Perturbation) -> Dual:
    """An argument of the function; writing into it acts on a copy."""
    dual = Dual(value, tangent, perturbation)
    if type(value) is np.ndarray or type(value) is Dual:
        storage.anchor(dual, borrowed=True)
    return dual


def selected(argnums: Any, n_args: int, transform: str) -> tuple[int, ...]:
    """The positions that ``argnums`` names, each once and non-negative."""
    if type(argnums) is int and 0 <= argnums < n_args:
        return (argnums,)
    given = argnums if isinstance(argnums, tuple) else (argnums,)
    positions = []
    for number in given:
        try:
            if isinstance(number, bool):
                raise TypeError
            number = operator.index(number)
        except TypeError:
            raise TypeError(f"{transform}: argnums is an int or a tuple of ints, not {argnums!r}.") from None
        if not -n_args <= number < n_args:
            raise ValueError(
                f"{transform}: argnums={argnums!r}, but the function was called with {n_args} positional "
                f"argument{'s' * (n_args != 1)}; only positional arguments can be differentiated."
            )
        positions.append(number % n_args)
    if len(set(positions)) != len(positions):
        raise ValueError(f"{transform}: argnums={argnums!r} names an argument twice.")
    return tuple(positions)


def result_leaves(result: Any, transform: str) -> tuple[list[Any], Structure]:
    """The leaves of what the function returned: numbers, arrays and Duals."""
    if type(result) is Dual:
        return [result], LEAF
    leaves, structure = flatten(result)
    leaves = [leaf.__dual__() if hasattr(leaf, "__dual__") else _numeric(fused(leaf)) for leaf in leaves]
    if not leaves:
        raise TypeError(f"{transform}: the function returned {result!r}; it should return numbers or arrays.")
    for leaf, name in zip(leaves, paths(structure, "result"), strict=True):
        if type(leaf) is not Dual and _kind(leaf) not in "biufc":
            raise TypeError(
                f"{transform}: the function returned a {type(leaf).__name__} as {name}; "
                "it should return numbers or arrays (has_aux=True hands out anything else)."
            )
    return leaves, structure


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


def without(perturbation: Perturbation, tree: Any) -> Any:
    """Auxiliary results with one perturbation taken off."""
    leaves, structure = flatten(tree)
    leaves = [whole if type(whole := fused(leaf)) is Dual else leaf for leaf in leaves]  # else as the user made it
    return structure.build(
        iter([leaf.value if type(leaf) is Dual and leaf.perturbation is perturbation else leaf for leaf in leaves])
    )


def pair(result: Any, transform: str) -> tuple[Any, Any]:
    """What a function with ``has_aux=True`` returned."""
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError(f"{transform}: with has_aux=True the function returns a pair (result, aux), not {result!r}.")
    return result
