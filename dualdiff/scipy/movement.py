"""Whether numbers that carry derivatives move, and whether two move alike: their derivatives of every level, plain."""

from __future__ import annotations

import collections
import heapq
from typing import Any

import numpy as np

from ..tangents.dense import Dense
from ..tangents.running import Sweep
from ..values.dual import Dual
from ..values.objects import fused
from .implicit import numbers


def derivatives_of(x: Any) -> list[Any]:
    """Of every level, plain: the directions that it carries, or what it gives back to all that its tape began with."""
    found: list[Any] = []
    x = fused(x)
    while type(x) is Dual:
        p: Any = x.perturbation
        tangent = p.current(x.tangent)
        if p.mode == "forward":
            found.append(np.ravel(numbers(p.block_of(tangent))))
        else:
            nodes = p.nodes if isinstance(p.nodes, list) else []  # Variables have no list: back to what has no sources
            count = next((i for i, node in enumerate(nodes) if any(True for _ in node.sources())), len(nodes))
            back = pulled(p, [(tangent, np.ones((1, *np.shape(x))))], count)
            found += [np.ravel(numbers(block)) for _, block in back]
        x = x.value
    return found


def pulled(p: Any, seeds: list[tuple[Any, Any]], begin: int) -> list[tuple[int, Any]]:
    """What comes back, from blocks at nodes of a tape, to nodes that it had before it came to ``begin`` of them."""
    k = len(seeds[0][1])
    with np.errstate(all="ignore"):
        if isinstance(p.nodes, list):
            sweep = Sweep(Dense(k), [None] * len(p.nodes), bytearray(len(p.nodes)))
            for node, block in seeds:
                sweep.send(node, block)
            p._run_back(sweep, max(node.index for node, _ in seeds), begin)
            return [(i, cotangent) for i, cotangent in enumerate(sweep.found) if cotangent is not None]
        found: Any = collections.defaultdict(lambda: None)
        sweep = Sweep(Dense(k), found, collections.defaultdict(bool))
        for node, block in seeds:
            sweep.send(node, block)
        seen = {node.index: node for node, _ in seeds}
        pending = [(-index, node) for index, node in seen.items()]
        heapq.heapify(pending)
        while pending:
            _, at = heapq.heappop(pending)
            parents = list(at.sources())
            if at.index < begin or not parents:
                continue
            if (cotangent := found.pop(at.index, None)) is not None:
                at.pull(cotangent, sweep)
            for parent in parents:
                if parent.index not in seen:
                    seen[parent.index] = parent
                    heapq.heappush(pending, (-parent.index, parent))
        return [(i, cotangent) for i, cotangent in sorted(found.items()) if cotangent is not None]


def moves(x: Any) -> bool:
    return not isinstance(x, dict) and any(bool(np.any(part != 0)) for part in derivatives_of(x))


def alike(a: Any, b: Any) -> bool:
    of_a, of_b = derivatives_of(a), derivatives_of(b)
    if len(of_a) != len(of_b):
        return not moves(a) and not moves(b)
    size = max((float(np.max(np.abs(part), initial=0.0)) for part in of_a), default=0.0)
    return all(
        np.shape(p) == np.shape(q) and np.all(np.abs(p - q) <= 1e-8 * size) for p, q in zip(of_a, of_b, strict=True)
    )
