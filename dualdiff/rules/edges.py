"""Partials at the edge of a domain, where they may be infinite: evaluated without NumPy's warnings."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import Any

import numpy as np

from ..tangents import Perturbation
from ..values import kinds

_FLOAT64 = np.dtype(np.float64)


def at_edge(perturbation: Perturbation, partial: Callable[..., Any], *args: Any) -> Any:
    """A partial that may be infinite: without NumPy's warning, but the perturbation is told."""
    try:
        return _raising.copy().run(partial, *args)
    except (FloatingPointError, ZeroDivisionError, OverflowError):
        perturbation.expect_infinity()
    if not all(map(kinds.is_python_float, args)):
        try:
            return quietly(partial, *args)
        except (ZeroDivisionError, OverflowError):
            pass
    # Python's numbers raise where NumPy's have infinities.
    return quietly(partial, *(kinds.as_scalar(arg, _FLOAT64) if kinds.is_python_float(arg) else arg for arg in args))


def quietly(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function without NumPy's warnings."""
    return _silent.copy().run(function, *args)


# NumPy keeps its error state in the context: in a copy of one of these it holds for one call, and an interrupt cannot
# leave it behind.  Half the time of np.errstate.
_raising, _silent = contextvars.Context(), contextvars.Context()
AT_EDGE = contextvars.ContextVar("AT_EDGE", default=False)  # whether errors are raised by `at_edge`, not by the user
_raising.run(AT_EDGE.set, True)
_raising.run(np.seterr, divide="raise", over="raise", invalid="raise", under="ignore")
_silent.run(np.seterr, all="ignore")
