"""One recording of a function: its inputs, results and the record between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import adapting, errors
from ..pytrees.trees import LEAF, Structure, flatten, paths, unflatten
from ..tangents.operations import Node
from ..tangents.tape import Tape
from ..values.dual import Dual
from ..values.kinds import ARRAYS
from .arguments import (
    check_leaves,
    pair,
    primal_leaf,
    result_leaves,
    seeded,
    warn_if_independent,
    without,
)
from .sharing import watch
from .variable import Variable, check_reached, standing_in


class Recording(NamedTuple):
    """A function evaluated once: its results, and the linear program from its arguments to them."""

    tape: Tape
    inputs: list[Node]
    primals: list[Any]
    y: list[Any]
    structure: Structure
    outputs: list[Node | None]
    aux: Any

    def zeros(self, i: int) -> Any:
        return np.zeros_like(self.primals[i])


def recorded(
    f: Callable[..., Any],
    args: Sequence[Any],
    kwargs: dict[str, Any],
    positions: Sequence[int],
    transform: str,
    has_aux: bool = False,
    weights: Sequence[Variable] = (),
) -> Recording:
    """Evaluate ``f`` with the arguments at ``positions``, and captured ``weights``, recorded on a fresh tape."""
    tape = Tape()
    f = adapting.adapted(f)
    try:
        call = list(args)
        primals: list[Any] = []
        inputs: list[Node] = []
        for i in positions:
            arg = args[i]
            if type(arg) in ARRAYS and arg.ndim and arg.dtype.kind in "fc":  # no names, no structure
                node = tape.input(arg)
                tape.beware(arg)
                primals.append(arg)
                inputs.append(node)
                call[i] = seeded(arg, node, tape)
                continue
            leaves, structure = flatten(arg)
            check_leaves(leaves, arg, f"{transform}: argument {i}")
            duals = []
            for leaf, name in zip(leaves, paths(structure, f"argument {i}"), strict=True):
                leaf = primal_leaf(leaf, f"{transform}: {name}")
                node = tape.input(leaf)
                tape.beware(leaf)
                primals.append(leaf)
                inputs.append(node)
                duals.append(seeded(leaf, node, tape))
            call[i] = duals[0] if structure is LEAF else unflatten(structure, duals)
        watched = watch(args, call, positions, kwargs) if len(args) > 1 or len(inputs) > 1 or kwargs else None
        if weights:
            # Inside another transform with weights= a Variable is already stood in for.
            values = [weight.value if weight.stand_in() is None else weight.stand_in() for weight in weights]
            nodes = [tape.input(value) for value in values]
            for value in values:
                tape.beware(value)
            primals += values
            inputs += nodes
            duals = [seeded(value, node, tape) for value, node in zip(values, nodes, strict=True)]
            with standing_in(weights, duals):
                result = f(*call, **kwargs)
        else:
            result = f(*call, **kwargs)
        if watched is not None:
            watched.check()
        aux = None
        if has_aux:
            result, aux = pair(result, transform)
            aux = without(tape, aux)
        if type(result) is Dual and result.perturbation is tape and not weights:  # the common case
            node = result.tangent if result.storage is None else tape.current(result.tangent)
            return Recording(tape, inputs, primals, [result.value], LEAF, [node], aux)
        leaves, structure = result_leaves(result, transform)
        if weights:
            check_reached(leaves, weights)
        y: list[Any] = []
        outputs: list[Node | None] = []
        for leaf in leaves:
            active = type(leaf) is Dual and leaf.perturbation is tape
            y.append(leaf.value if active else leaf)
            outputs.append(tape.current(leaf.tangent) if active else None)
        warn_if_independent(leaves, tape, transform)
        return Recording(tape, inputs, primals, y, structure, outputs, aux)
    except (TypeError, ValueError, AttributeError, NotImplementedError) as error:
        errors.explain(error)
        adapting.explain(error)
        raise
    finally:
        tape.live = False


def own(row: Any) -> Any:
    """A gradient that may be written into: no broadcast view of one number."""
    if type(row) in ARRAYS and not row.flags.writeable:
        return row.copy()
    return row
