"""Rules for functions of the user's own, in JAX's manner: what `custom_jvp` and `custom_vjp` have in common.

A rule speaks of the arguments.  What the function closes over is differentiated as any code is: through the result
that the rule (of a `custom_jvp`) or ``fwd`` (of a `custom_vjp`) computes with it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import adapting
from ..pytrees.trees import Structure, flatten, unflatten
from ..rules.call import owned, wrapped
from ..tangents import Perturbation
from ..tangents.expression import Tangent
from ..values.dual import Dual
from ..values.levels import innermost, value_of
from ..values.objects import carries, fused


def run_rule(f: Callable[..., Any], *args: Any) -> Any:
    """A function of a rule, adapted."""
    return adapting.settled(adapting.adapted(f)(*args))


def in_adapted_code(g: Any) -> Callable[..., Any]:
    """What is called in place of such a function: called with plain numbers, it may close over what is none.

    Otherwise it runs as written: it may call the very function that it stands in for.
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        cells = getattr(g.f, "__closure__", None) or ()
        if carries((args, kwargs)) or not any(map(_holds_derivative, cells)):
            return g(*args, **kwargs)
        return adapting.adapted(g.f)(*args, **kwargs)

    return call


def _holds_derivative(cell: Any) -> bool:
    try:
        return carries(cell.cell_contents)
    except ValueError:  # empty
        return False


def arguments_of(
    function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], list[Any], Structure, Perturbation]:
    """The arguments by position, their leaves (Variables and object arrays as Duals), and the innermost level."""
    args = by_position(function.f, args, kwargs)
    for i in function.nondiff_argnums:
        if carries(args[i]):
            raise TypeError(
                f"{function.__name__}: argument {i} is among nondiff_argnums, and carries a derivative that its rule "
                "would lose.\n"
                "  Take it out of nondiff_argnums, or pass  dualdiff.stop_gradient(x)."
            )
    leaves, structure = flatten(args)
    leaves = [fused_leaf(leaf) for leaf in leaves]
    perturbation = innermost(leaves)
    assert perturbation is not None
    return unflatten(structure, leaves), leaves, structure, perturbation


def given(leaves: list[Any], perturbation: Perturbation) -> list[Any]:
    """What a rule is given, and may write into: the caller's arrays never change."""
    return [owned(value_of(leaf, perturbation)) if type(leaf) is Dual else leaf for leaf in leaves]


def fused_leaf(leaf: Any) -> Any:
    """A leaf that carries a derivative as one Dual; anything else, of whatever type, is the user's own."""
    return fused(leaf) if carries(leaf) else leaf


def with_tangent(y: Any, ydot: Any, perturbation: Perturbation) -> Any:
    """``y`` and the tangent of ``ydot``, a Dual of value zero.

    ``y`` may carry the perturbation already, and either may carry inner ones, by what the function closes over: then
    the parts of the derivative add up.
    """
    levels = [x.perturbation.level for x in (y, ydot) if type(x) is Dual]
    if any(level > perturbation.level for level in levels):
        return y + ydot
    if type(ydot) is not Dual or ydot.perturbation is not perturbation:
        return y
    tangent = Tangent(perturbation, ydot.tangent)
    if type(y) is Dual and y.perturbation is perturbation:
        return wrapped(y.value, Tangent(perturbation, y.tangent) + tangent, perturbation)
    # The tangent of an argument, returned as it is, must not be that of the result too: either may be written.
    return wrapped(y, tangent * 1.0 if ydot.shares or ydot.storage is not None else tangent, perturbation)


def checked_positions(argnums: Any, name: str) -> tuple[int, ...]:
    """``nondiff_argnums``, checked when the function is declared."""
    given = tuple(argnums) if isinstance(argnums, (tuple, list)) else (argnums,)
    if not all(isinstance(number, (int, np.integer)) and not isinstance(number, bool) for number in given):
        raise TypeError(f"{name}: nondiff_argnums is an int or a tuple of ints, not {argnums!r}.")
    if any(number < 0 for number in given) or len(set(given)) != len(given):
        raise ValueError(
            f"{name}: nondiff_argnums={argnums!r}; the positions of arguments are 0 or positive, each given once."
        )
    return given


def by_position(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """Arguments given by keyword at their positions, those between at their defaults: a rule knows positions only."""
    if not kwargs:
        return args
    bound = inspect.signature(f).bind(*args, **kwargs)
    last = max(list(bound.signature.parameters).index(name) for name in bound.arguments)
    bound.apply_defaults()
    if bound.kwargs:
        raise TypeError(
            f"{getattr(f, '__name__', f)} has a rule of its own, which knows arguments by position only, "
            f"and {', '.join(bound.kwargs)}= has none."
        )
    return bound.args[: max(last + 1, len(args))]


def leaf_dtype(leaf: Any) -> np.dtype[Any]:
    dtype = getattr(leaf, "dtype", None) or np.result_type(type(leaf))
    return dtype if dtype.kind in "fc" else np.dtype(float)


def is_number(x: Any) -> bool:
    """Whether a leaf is a number or an array of numbers."""
    if type(x) is Dual:
        return True
    dtype = getattr(x, "dtype", None)
    return dtype.kind in "biufc" if isinstance(dtype, np.dtype) else isinstance(x, (int, float, complex))
