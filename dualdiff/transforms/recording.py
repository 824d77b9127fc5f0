"""One recording of a function: its inputs, results and the record between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import adapting
from ..pytrees.trees import LEAF, Structure, flatten, paths, unflatten
from ..tangents.blocks import FEW_BYTES
from ..tangents.operations import Node
from ..tangents.tape import Tape
from ..values.dual import Dual
from ..values.kinds import ARRAYS
from ..values.storage import BORROWED
from .arguments import (
    check_leaves,
    in_list,
    pair,
    primal_leaf,
    result_leaves,
    seeded,
    value_of,
    warn_if_independent,
    without,
)
from .hints import explain
from .sharing import called

if TYPE_CHECKING:
    from .variable import Variable


class Recording:
    """A function evaluated once: its results, and the linear program from its arguments to them."""

    __slots__ = ("aux", "given", "inputs", "outputs", "primals", "structure", "tape", "y")

    def __init__(
        self,
        tape: Tape,
        inputs: list[Node],
        primals: list[Any],
        y: list[Any],
        structure: Structure,
        outputs: list[Node | None],
        aux: Any,
        given: list[Structure],
    ) -> None:
        self.tape = tape
        self.inputs = inputs
        self.primals = primals
        self.y = y
        self.structure = structure
        self.outputs = outputs
        self.aux = aux
        self.given = given  # the structure of the argument at each of the positions

    def zeros(self, i: int) -> Any:
        return np.zeros_like(self.primals[i])

    def laid_out(self, parts: Iterable[Any], argnums: Any = None) -> Any:
        """One thing for each primal, in the structure of the arguments; of one only if ``argnums`` is a number."""
        rest = iter(parts)
        if argnums is None:
            return tuple([structure.build(rest, bare=True) for structure in self.given])
        primals = iter(self.primals)
        each = tuple(
            [in_list(structure.build(primals, bare=True), structure.build(rest, bare=True)) for structure in self.given]
        )
        return each[0] if isinstance(argnums, int) else each


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
    try:
        f = adapting.adapted(f)
        call = list(args)
        primals: list[Any] = []
        inputs: list[Node] = []
        given: list[Structure] = []
        for i in positions:
            arg = args[i]
            if type(arg) in ARRAYS and arg.ndim and arg.dtype.kind in "fc":  # no names, no structure
                node = tape.input(arg)
                tape.beware(arg)
                primals.append(arg)
                inputs.append(node)
                given.append(LEAF)
                if type(arg) is np.ndarray and arg.nbytes <= FEW_BYTES:
                    dual = call[i] = Dual(arg, node, tape)
                    dual.shares = BORROWED
                else:
                    call[i] = seeded(arg, node, tape)
                continue
            leaves, structure = flatten(arg)
            check_leaves(leaves, arg, f"{transform}: argument {i}")
            names = paths(structure, f"argument {i}")
            values = [primal_leaf(leaf, f"{transform}: {name}") for leaf, name in zip(leaves, names, strict=True)]
            duals = _entered(tape, values, inputs)
            primals += values
            given.append(structure)
            call[i] = duals[0] if structure is LEAF else unflatten(structure, duals)
        if weights:
            from .weights import standing_in

            # Inside another transform with weights= a Variable is already stood in for.
            values = [weight.value if weight.stand_in() is None else weight.stand_in() for weight in weights]
            duals = _entered(tape, values, inputs)
            primals += values
            with standing_in(weights, duals):
                result = called(f, args, call, positions, kwargs)
        elif len(args) > 1 or len(inputs) > 1 or kwargs:
            result = called(f, args, call, positions, kwargs)
        else:
            result = f(*call)
        aux = None
        if has_aux:
            result, aux = pair(result, transform)
            aux = without(tape, aux)
        if type(result) is Dual and result.perturbation is tape and not weights:  # the common case
            node = result.tangent if result.storage is None else tape.current(result.tangent)
            return Recording(tape, inputs, primals, [result.value], LEAF, [node], aux, given)
        leaves, structure = result_leaves(result, transform)
        if weights:
            from .weights import check_reached

            check_reached(leaves, weights)
        outputs: list[Node | None] = [
            tape.current(leaf.tangent) if type(leaf) is Dual and leaf.perturbation is tape else None for leaf in leaves
        ]
        y = [value_of(leaf, tape) for leaf in leaves]
        warn_if_independent(leaves, tape, transform)
        return Recording(tape, inputs, primals, y, structure, outputs, aux, given)
    except Exception as error:
        explain(error, tape)
        raise
    finally:  # also where what explains an error raises a better one
        tape.end()


def _entered(tape: Tape, values: Sequence[Any], inputs: list[Node]) -> list[Dual]:
    """Values as inputs of the record, whose memory is the caller's."""
    nodes = [tape.input(value) for value in values]
    inputs += nodes
    for value in values:
        tape.beware(value)
    return [seeded(value, node, tape) for value, node in zip(values, nodes, strict=True)]


def own(row: Any) -> Any:
    """A gradient that may be written into: no broadcast view of one number."""
    if type(row) in ARRAYS and not row.flags.writeable:
        return row.copy()
    return row
