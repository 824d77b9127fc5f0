"""`batch_jacobian`: the Jacobians of a function at many independent points, by as many directions as one takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..pytrees.trees import LEAF
from .argnums import checked_argnums, selected
from .checks import ROUNDING, disagree, noise
from .directions import Point
from .refusals import check_chunk_size, check_function
from .transformed import Transformed
from .workers import check_workers, mapped


def batch_jacobian(
    f: Callable[..., Any],
    argnums: int = 0,
    *,
    chunk_size: int | None = None,
    workers: Any = None,
    progress: Any = None,
) -> Callable[..., Any]:
    """Function computing the Jacobian of every row of ``f``, which maps rows to rows, each by itself.

    Parameters
    ----------
    f : callable
        Maps ``(..., d)`` to ``(..., m)`` or to ``(...)``; axes before the last are points.
    argnums : int, default 0
        The argument to differentiate, negative counts from the end.
    chunk_size : int, optional
        Directions at a time, which bounds the memory.  By default as many as a block of one megabyte holds.
    workers : int or callable, optional
        So many processes, or anything like `map` (that of an executor, ``client.map`` of Dask), for the chunks, as
        `jacfwd`.
    progress : bool or callable, optional
        True for a bar (tqdm), or a function of how many chunks are done and how many there are.

    Returns
    -------
    callable
        A function of the arguments of ``f``, whose result has shape ``(..., m, d)``, or ``(..., d)``.

    Raises
    ------
    ValueError
        If a row of the result depends on another row of the argument: one direction, random in all rows, is there to
        find that out.

    Notes
    -----
    Cost: one run of ``f`` on duals with ``d + 1`` directions, however many points there are; with ``chunk_size`` so
    many directions at a time.

    Examples
    --------
    >>> import numpy as np
    >>> points = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> J = batch_jacobian(lambda x: np.stack([x[..., 0] * x[..., 1], np.sum(x, axis=-1)], axis=-1))(points)
    >>> J.shape, J[1]
    ((3, 2, 2), array([[4., 3.],
           [1., 1.]]))
    """
    check_function(f, "batch_jacobian")
    check_chunk_size(chunk_size, "batch_jacobian")
    check_workers(workers, progress, "batch_jacobian")
    if isinstance(argnums, (tuple, list)):
        raise TypeError("batch_jacobian: argnums is one int; join several arguments to rows of one array.")
    argnums = checked_argnums(argnums, f, "batch_jacobian")

    def jacobians_of_f(*args: Any, **kwargs: Any) -> Any:
        positions = selected(argnums, len(args), "batch_jacobian")
        point = Point(f, args, kwargs, positions, "batch_jacobian")
        if point.structures[0] is not LEAF or np.ndim(point.leaves[0]) == 0:
            raise TypeError("batch_jacobian: the argument is one array of rows, of shape (..., d).")
        x = point.leaves[0]
        *batch, d = np.shape(x)
        n = int(np.prod(batch))
        v = (1.0 + np.random.default_rng(n).integers(1, 1024, (n, d)) / 1024.0) * (-1.0) ** np.arange(d)
        k = min(chunk_size or d + 1, d + 1)
        chunks = [(start, min(start + k, d + 1)) for start in range(0, d + 1, k)]
        swept = mapped(_Chunk(point, v), chunks, workers, progress)
        blocks, shape = [block for block, _ in swept], swept[0][1]
        if shape[: len(batch)] != tuple(batch):
            raise ValueError(
                f"batch_jacobian: the argument has shape {np.shape(x)}, the result {shape}; a function of rows maps "
                f"{(*batch, d)} to {(*batch, 'm')}."
            )
        block = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
        m = int(np.prod(shape[len(batch) :]))
        jacobians = np.moveaxis(block[:-1].reshape(d, n, m), 0, -1)
        _check_rows(point, jacobians, block[-1], v)
        return np.ascontiguousarray(jacobians).reshape(*shape, d)

    return Transformed(
        jacobians_of_f, batch_jacobian, f, argnums, chunk_size=chunk_size, workers=workers, progress=progress
    )


class _Chunk:
    """The results along directions by their numbers, which a worker may get by pickle, and the shape of the value."""

    def __init__(self, point: Point, v: Any) -> None:
        self.point, self.v = point, v

    def __call__(self, chunk: tuple[int, int]) -> tuple[Any, tuple[int, ...]]:
        (start, stop), (n, d) = chunk, self.v.shape
        seeds = np.zeros((stop - start, n, d))
        for i in range(start, stop):
            if i < d:
                seeds[i - start, :, i] = 1.0
            else:
                seeds[i - start] = self.v
        block = self.point.swept(seeds.reshape(stop - start, n * d))
        return block, np.shape(self.point.y)


def _check_rows(point: Point, jacobians: Any, along: Any, v: Any) -> None:
    """Raise if the derivative along a direction that is another in each row is not that of each row by itself."""
    n, m, _ = jacobians.shape
    expected = np.einsum("nmd,nd->nm", jacobians, v).reshape(-1)
    scale = lambda rows: np.einsum("nmd,nd->nm", np.abs(jacobians), np.abs(v)).reshape(-1)[rows]
    wrong = disagree(along, expected, scale, jacobians.dtype)
    if wrong.any():
        wrong &= np.abs(along - expected) > ROUNDING * noise(point, v.reshape(-1))
    if wrong.any():
        rows = np.unique(np.flatnonzero(wrong) // m)
        raise ValueError(
            f"batch_jacobian: row {rows[0]} of the result{f' and {len(rows) - 1} others' if len(rows) > 1 else ''} "
            f"(of {n}) depends on other rows of the argument; each has to depend on its own alone.\n"
            "  Use sparse_jacobian, which finds what depends on what, or jacobian."
        )
