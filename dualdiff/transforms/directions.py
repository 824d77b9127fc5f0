"""Directions: a function evaluated along many of them at once, at one point, from one run."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import adapting, errors
from ..pytrees.trees import unflatten
from ..tangents.blocks import settle_allocator
from ..tangents.dense import Dense
from ..tangents.structural_zeros import Supported, has_nan, repeated
from ..values.dual import Dual
from .arguments import pair, result_leaves, seeded, warn_if_independent, without
from .forward import _dtype_of, _tangent_block
from .recording import Recording
from .sharing import watch


class Point:
    """A function and its arguments, ready for a sweep."""

    def __init__(
        self, f: Any, args: Any, kwargs: Any, positions: Any, leaves: Any, structures: Any, has_aux: bool, name: str
    ) -> None:
        self.f, self.args, self.kwargs, self.positions = f, args, kwargs, positions
        self.leaves, self.structures = leaves, structures
        self.has_aux, self.name = has_aux, name
        self.y: Any = None
        self.aux: Any = None
        self.y_size = -1

    def blocks(self, seeds: Any) -> list[Any]:
        """Directions of all entries in order as one block for each leaf."""
        found, at = [], 0
        for leaf in self.leaves:
            size = np.size(leaf)
            part = seeds[:, at : at + size].reshape(len(seeds), *np.shape(leaf))
            found.append(part.astype(_dtype_of(leaf), copy=False))
            at += size
        return found

    def swept(self, seeds: Any) -> Any:
        """The result along all directions, of shape ``(len(seeds), y.size)``."""
        k = len(seeds)
        settle_allocator(seeds.nbytes)
        parts, rest = _sweep(self, Dense(k), seeds)
        if any(has_nan(part) for part in parts):
            # A structural zero may have met an infinite partial: see tangents/structural_zeros.py.
            parts, rest = repeated(k, lambda supported: _sweep(self, supported, seeds))
        self.y, self.aux = rest
        parts = [part.reshape(k, math.prod(part.shape[1:])) for part in parts]
        block = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        self.y_size = block.shape[1]
        return block


def _sweep(point: Point, perturbation: Dense | Supported, seeds: Any) -> tuple[list[Any], tuple[Any, Any]]:
    """Blocks of the results of the function along the seeds; its value and aux."""
    try:
        duals = iter(
            [
                seeded(leaf, perturbation.seed(block), perturbation)
                for leaf, block in zip(point.leaves, point.blocks(seeds), strict=True)
            ]
        )
        call = list(point.args)
        for i, structure in zip(point.positions, point.structures, strict=True):
            call[i] = structure.build(duals)
        several = len(call) > 1 or point.kwargs or len(point.leaves) > 1
        watched = watch(point.args, call, point.positions, point.kwargs) if several else None
        result = adapting.adapted(point.f)(*call, **point.kwargs)
        if watched is not None:
            watched.check()
        aux = None
        if point.has_aux:
            result, aux = pair(result, point.name)
            aux = without(perturbation, aux)
        y_leaves, structure = result_leaves(result, point.name)
        warn_if_independent(y_leaves, perturbation, point.name)
        y = [leaf.value if type(leaf) is Dual and leaf.perturbation is perturbation else leaf for leaf in y_leaves]
        return [_tangent_block(leaf, perturbation) for leaf in y_leaves], (unflatten(structure, y), aux)
    except Exception as error:
        errors.explain(error)
        adapting.explain(error, perturbation.refused)
        raise
    finally:
        perturbation.live = False
        if perturbation.refused is not None:
            errors.unmute()


def pushed(record: Recording, point: Point, seeds: Any) -> Any:
    """The results of a recording along all directions, of shape ``(len(seeds), y.size)``."""
    k = len(seeds)
    given = list(zip(record.inputs, point.blocks(seeds), strict=True))
    active = [node for node in record.outputs if node is not None]
    found = iter(record.tape.push(given, active, k))
    parts = []
    for node, y in zip(record.outputs, record.y, strict=True):
        block = None if node is None else next(found)
        dtype = _dtype_of(y) if _dtype_of(y).kind in "fc" else np.dtype(float)
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
