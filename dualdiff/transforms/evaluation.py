"""One evaluation of a function for a transform: arguments in, one sweep, results out.

An operator with a sweep of its own is a few lines (`tests/test_arguments.py` has one):

    given = Arguments(f, args, kwargs, positions, "my_operator")
    p = Dense(k)
    results = given.evaluated(p, [p.seed(block) for block in blocks])  # one block for each of given.leaves
    return given.laid_out(...)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import adapting
from ..pytrees.trees import Structure, flatten, paths
from ..tangents import Perturbation, blocks
from ..values.dual import Dual, primal, size_of
from .arguments import (
    check_leaves,
    in_list,
    pair,
    primal_leaf,
    result_leaves,
    seeded,
    tangent_of,
    warn_if_independent,
    without,
)
from .hints import explain
from .sharing import called


class Results(NamedTuple):
    """What a function returned for arguments with a perturbation: its leaves (numbers, arrays, Duals), and aux."""

    leaves: list[Any]
    structure: Structure
    aux: Any


class Arguments:
    """A function with the arguments of one call, of which those at some positions are differentiated.

    ``leaves`` are their numbers and arrays in order, as they enter the function; ``names`` what errors call them.
    """

    __slots__ = ("args", "f", "has_aux", "kwargs", "leaves", "names", "positions", "size", "structures", "transform")

    def __init__(
        self,
        f: Callable[..., Any],
        args: Sequence[Any],
        kwargs: dict[str, Any],
        positions: Sequence[int],
        transform: str,
        has_aux: bool = False,
    ) -> None:
        self.f, self.args, self.kwargs, self.positions = f, args, kwargs, positions
        self.transform, self.has_aux = transform, has_aux
        self.size = 0  # the number of entries of all leaves
        self.leaves: list[Any] = []
        self.names: list[str] = []
        self.structures: list[Structure] = []
        for i in positions:
            leaves, structure = flatten(args[i])
            check_leaves(leaves, args[i], f"{transform}: argument {i}")
            names = paths(structure, f"argument {i}")
            for leaf, name in zip(leaves, names, strict=True):
                leaf = primal_leaf(leaf, f"{transform}: {name}")
                self.leaves.append(leaf)
                self.size += size_of(leaf)
            self.names += names
            self.structures.append(structure)

    def __reduce__(self) -> tuple[Any, ...]:
        """For workers: leaves are made anew from the arguments."""
        return type(self), (self.f, self.args, self.kwargs, self.positions, self.transform, self.has_aux)

    def evaluated(self, perturbation: Perturbation, tangents: Iterable[Any], warn: bool = True) -> Results:
        """The results of the function with each leaf a Dual that has one of the tangents."""
        transform = self.transform
        try:
            duals = iter(
                [seeded(leaf, tangent, perturbation) for leaf, tangent in zip(self.leaves, tangents, strict=True)]
            )
            call = list(self.args)
            for i, structure in zip(self.positions, self.structures, strict=True):
                call[i] = structure.build(duals)
            f = adapting.adapted(self.f)
            if len(call) > 1 or self.kwargs or len(self.leaves) > 1:
                result = called(f, self.args, call, self.positions, self.kwargs)
            else:
                result = f(*call)
            aux = None
            if self.has_aux:
                result, aux = pair(result, transform)
                aux = without(perturbation, aux)
            leaves, structure = result_leaves(result, transform)
            if warn:
                warn_if_independent(leaves, perturbation, transform)
            return Results(leaves, structure, aux)
        except Exception as error:
            explain(error, perturbation)
            raise
        finally:  # also where what explains an error raises a better one
            perturbation.end()

    def along_last_axis(self, whole: Any, argnums: Any) -> Any:
        """An array with all entries of the leaves on its last axis, in the structure of the arguments."""
        parts, at = [], 0
        for leaf in self.leaves:
            size, shape = size_of(leaf), np.shape(primal(leaf))
            part = whole[..., at : at + size]
            parts.append(part if len(shape) == 1 else part.reshape((*part.shape[:-1], *shape)))
            at += size
        return self.laid_out(parts, argnums)

    def laid_out(self, parts: Iterable[Any], argnums: Any) -> Any:
        """One thing for each leaf, in the structure of the arguments; a tuple of them for several ``argnums``."""
        rest = iter(parts)
        each = tuple(
            [
                in_list(self.args[i], structure.build(rest, bare=True))
                for i, structure in zip(self.positions, self.structures, strict=True)
            ]
        )
        return each if isinstance(argnums, tuple) else each[0]


def tangent_block(leaf: Any, perturbation: Perturbation) -> Any:
    """The tangent of a result as a block that no other result has."""
    if type(leaf) is not Dual or leaf.perturbation is not perturbation:
        return perturbation.block_of(tangent_of(leaf, perturbation))
    block = perturbation.block_of(leaf.tangent)
    return blocks.duplicate(block) if leaf.shares else block
