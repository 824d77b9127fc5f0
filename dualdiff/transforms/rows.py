"""Jacobians by rows: unit cotangents sent back through one record, many side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..pytrees.trees import LEAF, unflatten
from ..tangents import dtype_of
from ..tangents.blocks import settle_allocator
from ..tangents.operations import Node
from ..values.dual import primal
from .argnums import selected
from .options import DEFAULT, Options
from .recording import Recording, own, recorded
from .workers import mapped


def by_rows(f: Callable[..., Any], argnums: Any, transform: str, options: Options = DEFAULT) -> Callable[..., Any]:
    """`jacrev` on behalf of a transform, whose name its errors say."""
    chunk_size, has_aux, holomorphic, workers, progress = options

    def jacobian_of_f(*args: Any, **kwargs: Any) -> Any:
        positions = selected(argnums, len(args), transform)
        record = recorded(f, args, kwargs, positions, transform, has_aux)
        check_holomorphic(record, transform, holomorphic)
        one = RowChunk(f, args, kwargs, positions, has_aux, transform, None if workers is not None else record)
        jacobian = rows_of_jacobian(record, argnums, chunk_size, one, workers, progress)
        return (jacobian, record.aux) if has_aux else jacobian

    return jacobian_of_f


class RowChunk:
    """`rows` as a function of the number of the result and its rows alone, which a worker may get by pickle."""

    def __init__(
        self, f: Any, args: Any, kwargs: Any, positions: Any, has_aux: bool, transform: str, record: Recording | None
    ) -> None:
        self.call = f, args, kwargs, positions, transform, has_aux
        self.record = record

    def __call__(self, chunk: tuple[int, int, int]) -> list[Any]:
        record = recorded(*self.call) if self.record is None else self.record
        i, start, stop = chunk
        return rows(record, record.outputs[i], np.shape(primal(record.y[i])), start, stop)


def check_holomorphic(record: Recording, transform: str, holomorphic: bool) -> None:
    for x in record.primals:
        is_complex = dtype_of(x).kind == "c"
        if is_complex and not holomorphic:
            raise TypeError(
                f"{transform}: an argument is complex, and a function of it has one complex Jacobian only if it is "
                "holomorphic.\n"
                f"  If it is, use {transform}(f, holomorphic=True); if not, pull real cotangents back with vjp."
            )
        if holomorphic and not is_complex:
            raise TypeError(
                f"{transform}: holomorphic=True, but an argument has dtype {dtype_of(x)}; pass complex ones."
            )
    if not holomorphic and any(dtype_of(y).kind == "c" for y in record.y):
        raise TypeError(
            f"{transform}: the result is complex, and reverse mode sends back one real direction of it at a time.\n"
            "  Use jacfwd, or differentiate the real and imaginary parts."
        )


def rows_of_jacobian(
    record: Recording,
    argnums: Any,
    chunk_size: int | None,
    one: RowChunk | None = None,
    workers: Any = None,
    progress: Any = None,
) -> Any:
    """The Jacobian of a recording by rows: blocks of unit cotangents, sent back."""
    shapes = [np.shape(primal(x)) for x in record.primals]
    n = sum(int(np.prod(shape)) for shape in shapes)
    jacobians = []
    chunks: list[list[tuple[int, int, int]]] = []
    for number, y in enumerate(record.y):
        m = int(np.size(primal(y)))
        k = max(1, min(m, chunk_size or rows_at_once(n, m)))
        settle_allocator(8 * k * n)
        chunks.append([(number, start, min(start + k, m)) for start in range(0, m, k)])
    done = None
    if one is not None and (workers is not None or progress is not None):
        done = iter(mapped(one, [chunk for of_one in chunks for chunk in of_one], workers, progress))
    for node, y, of_one in zip(record.outputs, record.y, chunks, strict=True):
        y_shape = np.shape(primal(y))
        pieces: list[list[Any]] = [[] for _ in shapes]
        for _, start, stop in of_one:
            found = rows(record, node, y_shape, start, stop) if done is None else next(done)
            for i, part in enumerate(found):
                pieces[i].append(part)
        wholes = []
        for i, parts in enumerate(pieces):
            if not parts:
                parts = [np.zeros((0, *shapes[i]), record.inputs[i].dtype)]
            whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
            wholes.append(own(whole.reshape((*y_shape, *shapes[i]))))
        jacobians.append(record.laid_out(wholes, argnums))
    return jacobians[0] if record.structure is LEAF else unflatten(record.structure, jacobians, bare=True)


def rows_at_once(n: int, m: int) -> int:
    """How many rows of an m × n Jacobian travel together."""
    return max(1, _CHUNK_ENTRIES // max(m, n, 1))


def rows(record: Recording, node: Node | None, y_shape: tuple[int, ...], start: int, stop: int) -> list[Any]:
    """Unit cotangents ``start`` to ``stop`` of one result, sent back: a block for each input."""
    found: list[Any] = [None] * len(record.inputs)
    if node is not None and stop - start == 1:  # one cotangent needs no block
        seed = np.zeros(y_shape, node.dtype)
        seed.reshape(-1)[start] = 1.0
        found = [
            None if row is None else row[None]
            for row in record.tape.pull([(node, seed if y_shape else seed[()])], record.inputs, one=True)
        ]
    elif node is not None:
        block = np.zeros((stop - start, int(np.prod(y_shape))), node.dtype)
        block[np.arange(stop - start), np.arange(start, stop)] = 1.0
        found = record.tape.pull([(node, block.reshape(stop - start, *y_shape))], record.inputs)
    return [
        np.zeros((stop - start, *np.shape(primal(x))), input_node.dtype) if part is None else part
        for part, x, input_node in zip(found, record.primals, record.inputs, strict=True)
    ]


# Entries of one block of cotangents: one megabyte, so that two or three stay in the cache of a core.
_CHUNK_ENTRIES = 2**17
