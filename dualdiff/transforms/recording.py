"""One recording of a function: its inputs, results and the record between them; and, of a scalar one, its gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import adapting
from ..pytrees.trees import LEAF, Structure, flatten, paths, unflatten
from ..tangents import dtype_of
from ..tangents.blocks import FEW_BYTES
from ..tangents.operations import Node
from ..tangents.tape import Tape
from ..values import kinds
from ..values.dual import Dual, size_of
from ..values.kinds import ARRAYS
from ..values.storage import BORROWED
from .argnums import selected
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


# The gradient of a function of one real number, which is all that `grad` and its kin do in a call.


def gradient_call(
    f: Callable[..., Any],
    argnums: Any,
    transform: str,
    with_value: bool,
    has_aux: bool = False,
    variables: Sequence[Variable] = (),
    weights_structure: Structure | None = None,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """`grad`, or `value_and_grad`, on behalf of a transform, whose name its errors say."""

    def gradient_of_f(*args: Any, **kwargs: Any) -> Any:
        if type(argnums) is int and 0 <= argnums < len(args):
            positions: tuple[int, ...] = (argnums,)
        else:
            positions = () if argnums is None else selected(argnums, len(args), transform)
        record = recorded(f, args, kwargs, positions, transform, has_aux, variables)
        _check_scalar(record, holomorphic, transform)
        gradient = gradient_of(record, argnums, weights_structure)
        if with_value:
            y = record.y[0]
            return ((y, record.aux), gradient) if has_aux else (y, gradient)
        return (gradient, record.aux) if has_aux else gradient

    return gradient_of_f


def _check_scalar(record: Recording, holomorphic: bool, transform: str) -> None:
    if type(record.y[0]) is np.float64 and record.structure is LEAF and not holomorphic:
        return
    if record.structure is not LEAF or size_of(record.y[0]) != 1:  # shapes (1,) and (1, 1) are scalars too
        got = (
            f"an array of shape {np.shape(record.y[0])}"
            if record.structure is LEAF
            else f"a result of structure {record.structure}"
        )
        raise TypeError(
            f"{transform}: the function returned {got}; {transform} needs a scalar.\n"
            "  For all partial derivatives use jacobian, for the gradient of the sum elementwise_grad, "
            "for a weighted sum vjp."
        )
    kind = dtype_of(record.y[0]).kind
    if kind == "b":
        raise TypeError(
            f"{transform}: the function returned a truth value, which has no gradient; {transform} needs a real scalar."
        )
    if holomorphic:
        for x in record.primals:
            if dtype_of(x).kind != "c":
                raise TypeError(
                    f"{transform}: holomorphic=True, but an argument has dtype {dtype_of(x)}; pass complex ones."
                )
    elif kind == "c":
        raise TypeError(
            f"{transform}: the function returned a complex number; {transform} needs a real scalar.\n"
            "  Use grad with holomorphic=True for a holomorphic function, else differentiate its real and imaginary "
            "parts."
        )


def gradient_of(record: Recording, argnums: Any, weights_structure: Structure | None = None) -> Any:
    """The sum of all outputs, pulled back, in the structure of the arguments; frees the record."""
    seeds = [
        (node, np.ones(node.shape, node.dtype) if node.shape else node.dtype.type(1.0))
        for node in record.outputs
        if node is not None
    ]
    found = record.tape.pull(seeds, record.inputs, consume=True, one=True)
    plainly = len(found) == 1 and type(argnums) is int and type(record.primals[0]) in ARRAYS
    if plainly and found[0] is not None and record.given[0] is LEAF:  # the common case
        return own(found[0])
    rows = iter(
        [_as_given(record.zeros(i) if row is None else own(row), record.primals[i]) for i, row in enumerate(found)]
    )
    gradient = record.laid_out(rows, argnums)
    if weights_structure is None:
        return gradient
    of_weights = weights_structure.build(rows, bare=True)
    return of_weights if argnums is None else (gradient, of_weights)


def _as_given(row: Any, primal: Any) -> Any:
    """The gradient of a Python float is one."""
    if kinds.is_python_float(primal) and kinds.type_of(row) in (np.float64, np.ndarray):
        return kinds.as_python_float(row)
    return row
