"""Whether a function that is declared elementwise is: some of the entries, alone, give the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors

_PLAIN = (np.ndarray, np.generic, int, float, complex)


def check_elementwise(function: Callable[..., Any], y: Any, args: tuple[Any, ...], tried: set[Any]) -> None:
    """Call it with all entries but the first, the last first; once for each shape and dtype."""
    if np.size(y) < 2 or not all(isinstance(x, _PLAIN) for x in (y, *args)):
        return
    signature = tuple((np.shape(arg), np.result_type(arg).char) for arg in args)
    if signature in tried:
        return
    some = [np.broadcast_to(arg, y.shape).ravel()[:0:-1] if np.ndim(arg) else arg for arg in args]
    expected = np.ravel(y)[:0:-1]
    with np.errstate(all="ignore"):
        try:
            found: Any = np.asarray(function(*some))
        except Exception:  # it takes arrays of one shape, as it may
            found = None
        differs = found is not None and found.shape == expected.shape and not _close(found, expected)
        if differs and _close(np.asarray(function(*args)), y):  # it is not random
            raise errors.UnsupportedFunction(
                f"{errors.name_of(function)} is declared with dualdiff.rules.elementwise, and is not elementwise: "
                f"called without the first entry, the last first, it gives {found[:3]}, where {expected[:3]} came of "
                "all.\n"
                "  An entry of its result depends on others of its arguments; declare it with "
                "dualdiff.rules.tangent_rule or composite."
            )
    tried.add(signature)


def _close(found: Any, expected: Any) -> bool:
    size = np.max(np.abs(expected), initial=0.0, where=np.isfinite(expected))
    return bool(np.all((np.abs(found - expected) <= 1e-3 * size) | ~np.isfinite(expected) | ~np.isfinite(found)))
