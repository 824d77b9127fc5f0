"""The way back through a record, node by node: what reverse mode does at once, to look at each step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..tangents.operations import Node
from ..tangents.running import Sweep
from ..tangents.single import Single
from ..transforms.recording import Recording


def steps(record: Recording) -> Iterator[tuple[Node, Any, Sweep]]:
    """Each node that a cotangent of the sum of the results reaches, newest first, its cotangent, and the sweep.

    Whoever asks for the next has sent this one on: ``node.pull(cotangent, sweep)``.
    """
    nodes = record.tape.nodes
    n = len(nodes)
    sweep = Sweep(Single(), [None] * n, bytearray(n))
    for node in record.outputs:
        if node is not None:
            sweep.send(node, np.ones(node.shape, node.dtype) if node.shape else node.dtype.type(1.0))
    for at in range(n - 1, len(record.inputs) - 1, -1):
        cotangent = sweep.found[at]
        if cotangent is not None:
            sweep.found[at] = None
            yield nodes[at], cotangent, sweep
