"""Variables that a function captures, ``weights=`` of `grad`: Duals of a transform stand for them while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from typing import Any

from ..pytrees.kinds import kind_of
from ..pytrees.trees import Structure, flatten, paths
from ..tangents.single import Single
from ..values.dual import Dual
from ..values.levels import lifted, value_of
from .graph import GRAPH, STAND_INS, ancestors
from .variable import Variable


def captured(weights: Any, argnums: Any, transform: str) -> tuple[list[Variable], Structure]:
    """The Variables in the ``weights`` of a transform that is being made, and their structure."""
    if not isinstance(weights, (Variable, list, tuple, dict)) and kind_of(type(weights)) is None:
        try:
            weights = list(weights)
        except TypeError:
            raise TypeError(
                f"{transform}: weights is a {type(weights).__name__}; it is a Variable or a tree of Variables."
            ) from None
    variables, structure = flatten(weights)
    for variable, name in zip(variables, paths(structure, "weights"), strict=True):
        if not isinstance(variable, Variable):
            raise TypeError(f"{transform}: {name} is a {type(variable).__name__}; weights are Variables.")
    if len({id(variable) for variable in variables}) != len(variables):
        raise ValueError(f"{transform}: weights names a Variable twice.")
    if argnums is None and not variables:
        raise ValueError(
            f"{transform}: argnums=None and weights={weights!r} leave nothing to differentiate; weights are the "
            "Variables that the function captures."
        )
    return variables, structure


def check_reached(leaves: list[Any], weights: Sequence[Variable]) -> None:
    """A result that depends on a weight otherwise than through its stand-in would miss a part of the gradient."""
    for leaf in leaves:
        while type(leaf) is Dual and leaf.perturbation is not GRAPH:
            leaf = leaf.value
        if type(leaf) is Dual:
            reached = {id(node) for node in ancestors(GRAPH.current(leaf.tangent))}
            for weight in weights:
                if id(weight._dual.tangent) in reached:
                    raise TypeError(
                        "grad: the result depends on one of the weights also through a Variable that was computed "
                        "before the function ran, or in a thread of its own; that part would be missing.\n"
                        "  Compute everything from the weights inside the function, or detach() what is constant."
                    )


@contextmanager
def standing_in(weights: Sequence[Variable], duals: Sequence[Dual]) -> Iterator[None]:
    """Let Duals of a transform stand for captured Variables, in this context alone."""
    stand_ins = dict(STAND_INS.get() or {})
    for weight, dual in zip(weights, duals, strict=True):
        stand_ins[id(weight)] = (*stand_ins.get(id(weight), ()), dual)
    token = STAND_INS.set(stand_ins)
    try:
        yield
    finally:
        STAND_INS.reset(token)


def constants_standing_in(perturbation: Any) -> Callable[..., Any]:
    """A function ``run(function, *args)`` for which the weights of ``perturbation`` are the constants they are now.

    For what runs when the transform has ended: outside of it they would be Variables, whose results are Variables.
    It returns the result of the function, and a function that takes a part of that back to plain numbers.
    """
    stand_ins = STAND_INS.get() or {}
    values = {
        name: dual.value for name, duals in stand_ins.items() for dual in duals if dual.perturbation is perturbation
    }

    def run(function: Callable[..., Any], *args: Any) -> tuple[Any, Callable[[Any], Any]]:
        around = {name for name, duals in (STAND_INS.get() or {}).items() if any(d.perturbation.live for d in duals)}
        missing = {name: value for name, value in values.items() if name not in around}
        if not missing:
            return function(*args), lambda result: result
        level = Single()

        def inside() -> Any:
            STAND_INS.set((STAND_INS.get() or {}) | {name: (lifted(value, level),) for name, value in missing.items()})
            return function(*args)

        return copy_context().run(inside), lambda result: value_of(result, level)

    return run
