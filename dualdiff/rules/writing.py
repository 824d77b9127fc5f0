"""Functions that write into their argument.

NumPy's own call, on an array of positions, says which entry of the values lands where; one Dual assignment then writes
value and tangent.  So repeated indices, modes and wrapping are NumPy's, and every view of the buffer sees the write.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from ..values import kinds, storage
from ..values.dual import Dual, is_array, primal
from ..values.kinds import as_array
from ..values.levels import duals_in, innermost
from ..values.objects import fused, stripped
from .call import refuse_overlap
from .forms import writing


def _written(
    function: Any, buffer: Any, values: Any, others: Any, write: Callable[[Any, Any], None], casting: Any = "same_kind"
) -> None:
    """``write(buffer, values)``, where NumPy's function is ``write`` with its other arguments filled in."""
    innermost(duals_in(buffer, values, others))
    values = fused(values)
    if duals_in(others):
        raise errors.no_derivative_in(function, "indices")
    if not isinstance(buffer, Dual):
        raise errors.plain_buffer()
    if not is_array(buffer.value):  # a scalar, into which nothing is written, or NumPy's own error
        write(primal(buffer), stripped(values))
        return
    if not isinstance(values, Dual):
        values = as_array(values)
    if not np.can_cast(values.dtype, buffer.dtype, casting):
        raise TypeError(
            f"Cannot cast array data from {values.dtype!r} to {buffer.dtype!r} according to the rule {casting!r}"
        )
    landed = kinds.zeros(buffer.shape, np.intp, primal(buffer))
    write(landed, np.arange(1, values.size + 1).reshape(values.shape))
    if landed.any():
        places = np.nonzero(landed) if landed.ndim else ...
        storage.write(buffer, places, kinds.beside(np.ravel(values), landed)[landed[places] - 1])


@writing(np.copyto, active="dst src")
def copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    where = stripped(where)
    if not isinstance(dst, Dual) and (not duals_in(src) or dst.dtype == object):
        np.copyto(dst, np.asarray(src) if isinstance(src, Dual) else src, casting=casting, where=where)
        return
    _written(np.copyto, dst, src, (), lambda a, v: np.copyto(a, v, where=where), casting)


@writing(np.put, active="a v")
def put(a: Any, ind: Any, v: Any, mode: Any = "raise") -> None:
    _written(np.put, a, v, ind, lambda a, v: np.put(a, ind, v, mode), "unsafe")


@writing(np.place, active="arr vals")
def place(arr: Any, mask: Any, vals: Any) -> None:
    mask = stripped(mask)
    if not isinstance(arr, Dual) and not duals_in(vals):
        np.place(arr, mask, vals)
        return
    refuse_overlap("np.place", arr, vals)
    _written(np.place, arr, vals, (), lambda a, v: np.place(a, mask, v))


@writing(np.putmask, active="a values")
def putmask(a: Any, mask: Any, values: Any) -> None:
    mask = stripped(mask)
    if not isinstance(a, Dual) and not duals_in(values):
        np.putmask(a, mask, values)
        return
    _written(np.putmask, a, values, (), lambda a, v: np.putmask(a, mask, v))


@writing(np.put_along_axis, active="arr values")
def put_along_axis(arr: Any, indices: Any, values: Any, *rest: Any, **options: Any) -> None:
    _written(
        np.put_along_axis, arr, values, indices,
        lambda a, v: np.put_along_axis(a, indices, v, *rest, **options), "unsafe",
    )  # fmt: skip


@writing(np.fill_diagonal, active="a val")
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    refuse_overlap("np.fill_diagonal", a, val)
    _written(np.fill_diagonal, a, val, (), lambda a, v: np.fill_diagonal(a, v, wrap), "unsafe")
