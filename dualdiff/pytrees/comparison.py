"""When two trees, or what is kept beside them, are the same."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from ..values.foreign import state_of

_INEXACT = (np.ndarray, np.generic, float, complex)


def same(a: Any, b: Any) -> bool:
    """Whether two plain values are equal in every bit that shows; what cannot be compared is not."""
    if a is b:
        return True
    if isinstance(a, _INEXACT) and isinstance(b, _INEXACT):
        a, b = np.asarray(a), np.asarray(b)
        if a.shape != b.shape or a.dtype != b.dtype:
            return False
        return bool(np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"))
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if hasattr(type(a), "__dataclass_fields__"):
        return same(state_of(a), state_of(b))
    try:
        return bool(a == b)
    except Exception:
        return False


def differ(a: Any, b: Any) -> bool:
    """Whether two trees are plain numbers that are clearly not the same ones: not by a conversion to another dtype."""
    if a is b or not (isinstance(a, (*_INEXACT, int)) and isinstance(b, (*_INEXACT, int))):
        return False
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype.kind not in "biufc" or b.dtype.kind not in "biufc":
        return False
    return a.shape != b.shape or not np.allclose(a, b, rtol=1e-2, equal_nan=True)


def is_same_rest(a: Any, b: Any) -> bool:
    """Whether two registered containers agree in what is no child."""
    return same(a, b) or (isinstance(a, Hashable) and isinstance(b, Hashable) and bool(a == b))
