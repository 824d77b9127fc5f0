"""Levels: to which differentiation an operation belongs, and what its arguments are with respect to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .. import errors
from .dual import Dual

if TYPE_CHECKING:
    from ..tangents import Perturbation


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
