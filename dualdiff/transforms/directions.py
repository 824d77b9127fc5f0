"""Directions: a function evaluated along many of them at once, at one point, from one run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..pytrees.trees import unflatten
from ..tangents import dtype_of
from ..tangents.blocks import settle_allocator
from ..tangents.dense import Dense
from ..tangents.structural_zeros import Supported, repeated
from ..values.dual import Dual, has_nan
from .arguments import value_of
from .evaluation import Arguments, tangent_block
from .recording import Recording


class Point(Arguments):
    """A function and its arguments, real ones, ready for sweeps; ``y`` and ``aux`` are those of the last."""

    __slots__ = ("aux", "y", "y_size")

    def __init__(
        self,
        f: Callable[..., Any],
        args: Sequence[Any],
        kwargs: dict[str, Any],
        positions: Sequence[int],
        transform: str,
        has_aux: bool = False,
    ) -> None:
        super().__init__(f, args, kwargs, positions, transform, has_aux)
        for leaf, name in zip(self.leaves, self.names, strict=True):
            if type(leaf) is Dual:
                raise TypeError(
                    f"{transform}: {name} carries a derivative of an outer transform, which a sparse matrix cannot "
                    "hold.\n  Use jacobian or hessian inside other transforms, or jvp and vjp of the function itself."
                )
            if dtype_of(leaf).kind == "c":
                raise TypeError(
                    f"{transform}: {name} is complex; a sparse derivative is that of real arguments.\n"
                    "  Make the real and imaginary parts two arguments, or use jacobian(f, holomorphic=True)."
                )
        self.y: Any = None
        self.aux: Any = None
        self.y_size = -1

    def blocks(self, seeds: Any) -> list[Any]:
        """Directions of all entries in order as one block for each leaf."""
        found, at = [], 0
        for leaf in self.leaves:
            size = np.size(leaf)
            part = seeds[:, at : at + size].reshape(len(seeds), *np.shape(leaf))
            found.append(part.astype(dtype_of(leaf), copy=False))
            at += size
        return found

    def swept(self, seeds: Any) -> Any:
        """The result along all directions, of shape ``(len(seeds), y.size)``."""
        k = len(seeds)
        settle_allocator(seeds.nbytes)
        parts, rest = self._sweep(Dense(k), seeds)
        if any(has_nan(part) for part in parts):
            # A structural zero may have met an infinite partial: see tangents/structural_zeros.py.
            parts, rest = repeated(k, lambda supported: self._sweep(supported, seeds))
        self.y, self.aux = rest
        parts = [part.reshape(k, math.prod(part.shape[1:])) for part in parts]
        block = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        self.y_size = block.shape[1]
        return block

    def _sweep(self, perturbation: Dense | Supported, seeds: Any) -> tuple[list[Any], tuple[Any, Any]]:
        """Blocks of the results of the function along the seeds; its value and aux."""
        found = self.evaluated(perturbation, [perturbation.seed(block) for block in self.blocks(seeds)])
        y = unflatten(found.structure, [value_of(leaf, perturbation) for leaf in found.leaves])
        return [tangent_block(leaf, perturbation) for leaf in found.leaves], (y, found.aux)


def pushed(record: Recording, point: Point, seeds: Any) -> Any:
    """The results of a recording along all directions, of shape ``(len(seeds), y.size)``."""
    k = len(seeds)
    given = list(zip(record.inputs, point.blocks(seeds), strict=True))
    active = [node for node in record.outputs if node is not None]
    found = iter(record.tape.push(given, active, k))
    parts = []
    for node, y in zip(record.outputs, record.y, strict=True):
        block = None if node is None else next(found)
        dtype = dtype_of(y) if dtype_of(y).kind in "fc" else np.dtype(float)
        parts.append(np.zeros((k, np.size(y)), dtype) if block is None else block.reshape(k, np.size(y)))
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def pulled(record: Recording, cotangents: Any) -> Any:
    """All cotangents of the results sent back, of shape ``(len(cotangents), x.size)``."""
    k = len(cotangents)
    if not k:
        return np.zeros((0, sum(math.prod(node.shape) for node in record.inputs)))
    seeds, at = [], 0
    for node, y in zip(record.outputs, record.y, strict=True):
        size = np.size(y)
        if node is not None:
            seeds.append((node, cotangents[:, at : at + size].reshape(k, *node.shape).astype(node.dtype)))
        at += size
    found = record.tape.pull(seeds, record.inputs)
    parts = [
        np.zeros((k, math.prod(node.shape)), node.dtype) if part is None else part.reshape(k, math.prod(node.shape))
        for part, node in zip(found, record.inputs, strict=True)
    ]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
