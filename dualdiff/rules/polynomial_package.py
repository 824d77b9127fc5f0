"""Functions of `numpy.polynomial`, the lowest power first.

NumPy imports that package when it is first used, and `dualdiff.table.find` this module when it meets one of its
functions: importing dualdiff loads neither.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .composites import array, formula


def _horner(x: Any, c: Any, tensor: bool) -> Any:
    """Σ cᵢ xⁱ, the lowest power first; with ``tensor`` for each entry of c[i] at every point."""
    if tensor:
        c = np.reshape(c, c.shape + (1,) * np.ndim(x))
    y = c[-1] + np.zeros_like(x)
    for i in range(len(c) - 2, -1, -1):
        y = c[i] + y * x
    return y


def _polyval2d(x: Any, y: Any, c: Any) -> Any:
    return _horner(array(y), _horner(array(x), array(c), tensor=True), tensor=False)


def _polygrid2d(x: Any, y: Any, c: Any) -> Any:
    return _horner(array(y), _horner(array(x), array(c), tensor=True), tensor=True)


# Older NumPy does not let them be overridden.
if isinstance(np.polynomial.polynomial.polyval2d, type(np.roll)):
    formula(np.polynomial.polynomial.polyval2d)(_polyval2d)
    formula(np.polynomial.polynomial.polygrid2d)(_polygrid2d)

if hasattr(np.polynomial.polynomial, "polyvalnd"):  # NumPy 2.5

    @formula(np.polynomial.polynomial.polyvalnd)
    def _polyvalnd(pts: Any, c: Any) -> Any:
        y = _horner(array(pts[0]), array(c), tensor=True)
        for x in pts[1:]:
            y = _horner(array(x), y, tensor=False)
        return y
