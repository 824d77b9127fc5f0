"""Rolling, triangles and diagonals: rearrangements that a mask or a few slices say more shortly than positions.

`triu` and `tril` select by a boolean partial; ``diag`` of a vector selects from its column, repeated; `roll` lays two
slices end to end in the other order.  So every kind of tangent sees exactly which entries move where.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from ..tangents import Like, Perturbation
from ..tangents.expression import Tangent, normalized
from ..values.dual import Dual
from ..values.levels import innermost
from ..values.objects import carries, fused
from .call import wrapped
from .forms import custom

_ALL = slice(None)


def _active(function: Any, array: Any, **others: Any) -> tuple[Dual, Perturbation]:
    """The array that the call is about as a Dual, where nothing else carries a derivative."""
    array = fused(array)
    for name, other in others.items():
        if carries(other):
            raise errors.no_derivative_in(function, name)
    perturbation = innermost((array,))
    assert perturbation is not None
    return array, perturbation


# Triangles.


def _triangle(function: Any, mask_of: Callable[[tuple[int, ...], int], Any]) -> None:
    @custom("rearranging", function, active="m")
    def triangle(m: Any, k: Any = 0) -> Any:
        m, p = _active(function, m, k=k)
        y = function(m.value, k)
        return Dual(y, p.combine(((mask_of(y.shape[-2:], k), m.tangent),), y), p)


_triangle(np.tril, lambda shape, k: np.tri(shape[0], shape[1], k, dtype=bool))
_triangle(np.triu, lambda shape, k: ~np.tri(shape[0], shape[1], k - 1, dtype=bool))


# Diagonals.


@custom("rearranging", np.diag, active="v")
def diag(v: Any, k: int = 0) -> Any:
    """The diagonal of a matrix is a view of it, the diagonal matrix of a vector is new."""
    v = fused(v)
    if np.ndim(v) != 1:
        return np.diagonal(v, k)
    return _diagonal_matrix(np.diag, v, k)


@custom("rearranging", np.diagflat, active="v")
def diagflat(v: Any, k: int = 0) -> Any:
    return _diagonal_matrix(np.diagflat, np.ravel(fused(v)), k)


def _diagonal_matrix(function: Any, v: Any, k: Any) -> Dual:
    v, p = _active(function, v, k=k)
    y = function(v.value, k)
    n = y.shape[0]
    dv = v.tangent if v.size == n else p.join([(v.tangent, v.shape), (None, (n - v.size,))], 0, Like((n,), v.dtype))
    # Entry (i, i + k) is the i-th of v; below the diagonal (j - k, j) is the j-th.
    spread = Tangent(p, dv).reshape((n, 1) if k >= 0 else (1, n)).handle
    return Dual(y, p.combine(((np.eye(n, k=k, dtype=bool), spread),), y), p)


# Rolling.


@custom("rearranging", np.roll, active="a")
def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    a, p = _active(np.roll, a, shift=shift, axis=axis)
    y = np.roll(a.value, shift, axis)
    shape, da = np.shape(a), Tangent(p, a.tangent)
    if axis is None and len(shape) != 1:
        da = da.reshape((np.size(a),))
    steps = [0] * max(da.ndim, 1)
    for place, step in np.broadcast(0 if axis is None else axis, shift):
        steps[normalized(place, len(steps))] += int(step)
    rolled = da.handle
    for place, step in enumerate(steps):
        rolled = _rolled(p, rolled, place, step)
    if rolled is da.handle:
        rolled = p.rearrange((rolled,), lambda block: block.copy(), p.like(rolled))
    return wrapped(y, Tangent(p, rolled).reshape(shape) if len(steps) != len(shape) else Tangent(p, rolled), p)


def _rolled(p: Perturbation, tangent: Any, axis: int, step: int) -> Any:
    """The last ``step`` entries of an axis before the others."""
    like = p.like(tangent)
    shape, n = like.shape, like.shape[axis]
    step = step % n if n else 0
    if not step:
        return tangent
    before = (_ALL,) * axis
    parts = []
    for at, length in ((slice(n - step, n), step), (slice(0, n - step), n - step)):
        of_part = (*shape[:axis], length, *shape[axis + 1 :])
        parts.append((p.index_view(tangent, (*before, at), Like(of_part, like.dtype)), of_part))
    return p.join(parts, axis, like)
