"""The transposes that NumPy lacks: of views, of gathering by positions, of any move that copies entries."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..values.kinds import ARRAYS
from ..values.kinds import innermost as plain

if TYPE_CHECKING:
    from .maps import Rearrange
    from .operations import Node

_ndarray = np.ndarray
_FLOAT64 = np.dtype(np.float64)


def takes_view(node: Rearrange) -> bool:
    """Whether a rearrangement of one tangent takes a view that shows no entry twice."""
    probe = np.empty((1, *node.parents[0].shape), bool)
    try:
        view = node.move(probe)
    except TypeError:  # a plain array does not take an index of that kind, which is no basic one
        return False
    if (
        type(view) not in ARRAYS
        or view.size > probe.size
        or not view.flags.writeable
        or not np.may_share_memory(view, probe)
    ):
        return False
    return not any(stride == 0 and n > 1 for stride, n in zip(view.strides, view.shape, strict=True))


def positions_of(move: Callable[..., Any], parents: Sequence[Node], like: Any = None) -> Any:
    """Where each entry of the result comes from, counted through all parents from 1; 0 is zero-filled.

    An array of the kind of ``like``, which is no ndarray, where the move itself depends on such arrays.
    """
    places = []
    start = 1
    for parent in parents:
        size = int(np.prod(parent.shape))
        # Floats, since a move may join them with zeros of its own; exact far beyond any array's size.
        places.append(np.arange(start, start + size, dtype=float).reshape(1, *parent.shape))
        start += size
    if like is None:
        return np.asarray(move(*places)[0]).astype(np.intp)
    try:
        found = move(*places)[0]
    except Exception:  # a plain array does not take an index of that kind
        kind = plain(like)
        found = move(*(np.zeros_like(kind, dtype=float, shape=np.shape(place)) + place for place in places))[0]
    return found.astype(np.intp)


def scatter(positions: Any, cotangent: Any, shapes: list[tuple[int, ...]]) -> list[Any]:
    """The transpose of gathering by positions."""
    k = cotangent.shape[0]
    sizes = [int(np.prod(shape)) for shape in shapes]
    total = sum(sizes)
    flat = np.ravel(positions)
    if type(plain(cotangent)) not in ARRAYS:
        sums = _gathered_back(flat, cotangent, total)
        return [
            sums[:, stop - size : stop].reshape((k, *shape))
            for size, stop, shape in zip(sizes, np.cumsum(sizes).tolist(), shapes, strict=True)
        ]
    sums = np.zeros((k, total + 1), cotangent.dtype, like=cotangent)
    _add_at(sums, flat, cotangent.reshape(k, flat.size))
    parts = []
    at = 1
    for size, shape in zip(sizes, shapes, strict=True):
        parts.append(sums[:, at : at + size].reshape(k, *shape))
        at += size
    return parts


def _add_at(sums: Any, flat: Any, values: Any) -> None:
    """``sums[:, flat] += values`` for zeros ``sums``, where positions may come more than once."""
    k, total = sums.shape
    if type(sums) not in ARRAYS or type(values) not in ARRAYS:
        columns: Any = (slice(None), flat)
        np.add.at(sums, columns, values)
    elif k > 1 and np.bincount(flat, minlength=1).max(initial=0) <= 1:
        sums[:, flat] = values
    elif sums.dtype is not _FLOAT64:
        for row, of_row in zip(sums, values, strict=True):
            np.add.at(row, flat, of_row)  # of one axis it is several times as quick as of two
    elif k > 1 and values.size <= 2**14:
        everywhere = (flat + total * np.arange(k)[:, None]).ravel()
        sums.ravel()[:] = np.bincount(everywhere, values.ravel(), sums.size)
    else:
        for row, of_row in zip(sums, values, strict=True):
            row[:] = np.bincount(flat, of_row, total)


def put_back(move: Callable[[Any], Any], block: Any, parent: Node) -> Any:
    """Zeros of the shape of a node, with the block in the view of them that ``move`` takes."""
    if type(plain(block)) not in ARRAYS:
        flat = np.ravel(positions_of(move, (parent,)))
        whole = _gathered_back(flat, block, math.prod(parent.shape))
        return whole.reshape((block.shape[0], *parent.shape))
    whole = np.zeros((block.shape[0], *parent.shape), block.dtype, like=block)
    move(whole)[...] = block
    return whole


def _gathered_back(positions: Any, cotangent: Any, size: int) -> Any:
    """The transpose of gathering, of a value that may not be written in place: a gather for each repetition.

    ``positions`` count from 1; what comes from 0 is dropped.  Positions that are not to be seen in memory either are
    compared with all that there are.
    """
    k = cotangent.shape[0]
    if type(positions) not in ARRAYS:
        here = positions[:, None] == np.arange(1, size + 1)
        return np.sum(np.where(here, cotangent.reshape((k, -1, 1)), 0.0), axis=1)
    nothing = np.zeros((k, 1), cotangent.dtype, like=cotangent)
    order = np.argsort(positions, kind="stable")
    places = positions[order]
    start = np.searchsorted(places, places)  # of each run of equal places
    total: Any = None
    padded = np.concatenate([nothing, cotangent.reshape((k, -1))], axis=1)
    nth = np.arange(places.size) - start
    for repetition in range(int(nth[places > 0].max(initial=0)) + 1):
        here = (nth == repetition) & (places > 0)
        source = np.zeros(size, np.intp)
        source[places[here] - 1] = order[here] + 1
        part = np.take(padded, source, axis=1)
        total = part if total is None else total + part
    return total
