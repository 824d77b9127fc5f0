"""Functions without a useful derivative, and functions that are refused, with the reason.

Passive: results that are piecewise constant, boolean, integer, or text; a Dual gives what its plain value gives.
Refused: functions of bits, files, dates; a Dual raises `UnsupportedFunction`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import errors
from ..table import register
from ..values.dual import Dual, primal
from ..values.kinds import ARRAYS
from ..values.objects import stripped
from .forms import custom
from .without_derivatives import Passive, passive, refused

passive(
    # What an array is.
    np.shape, np.size, np.ndim, np.iscomplexobj, np.isrealobj, np.can_cast, np.common_type, np.min_scalar_type,
    np.result_type, np.may_share_memory, np.shares_memory,
    np.diag_indices_from, np.tril_indices_from, np.triu_indices_from, np.einsum_path,
    chooses=False,
)  # fmt: skip

passive(
    # Comparisons and tests.
    np.all, np.any, np.isclose, np.isneginf, np.isposinf,
    np.iscomplex, np.isreal, np.isin, np.count_nonzero, np.linalg.matrix_rank,
    # Positions.
    np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.argsort, np.argpartition, np.argwhere, np.nonzero,
    np.flatnonzero, np.searchsorted, np.digitize, np.lexsort, np.ravel_multi_index, np.unravel_index,
)  # fmt: skip


def warn_if_remembered(a: Any, b: Any) -> None:
    """Warn where a Dual equals a plain array bit for bit: the sign of a cache that compares values.

    Not if all entries are the same (zeros, say), nor where `stop_gradient` made a plain array of this perturbation's.
    """
    for x, plain in ((a, b), (b, a)):
        if type(x) is not Dual or type(plain) not in ARRAYS or plain.dtype == object or plain.size < 2:
            continue
        if np.array_equal(primal(x), plain) and np.any(plain != plain.flat[0]) and not x.perturbation.stopped:
            errors.warn(errors.remembered(x.shape))


class Comparison(Passive):
    """Whether two arrays are the same; a Dual and a plain one hardly are by chance."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) > 1:
            warn_if_remembered(args[0], args[1])
        return super().__call__(*args, **kwargs)


for _function in (np.equal, np.not_equal, np.array_equal, np.array_equiv, np.allclose):
    register(Comparison(_function))


@custom("passive", np.array2string, np.array_str, np.array_repr)
def text(a: Any, *args: Any, **options: Any) -> str:
    """For people, as ``str(x)``: no text that reads back as numbers without their derivative."""
    return f"Dual({np.array2string(stripped(a), *args, **options)})"


refused(np.packbits, np.unpackbits, reason="it reads bits, not numbers")
refused(np.busday_count, np.busday_offset, np.is_busday, np.datetime_as_string, reason="it works on dates, not numbers")
refused(np.save, np.savez, np.savez_compressed, np.savetxt, reason="a file cannot hold a derivative")

for _name in ("in1d",):  # gone from newer NumPy
    if hasattr(np, _name):
        passive(getattr(np, _name))
