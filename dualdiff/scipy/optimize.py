"""`scipy.optimize` with derivatives: its solvers take exact ones by themselves, and their solutions have them.

roots.py            root_scalar, brentq, ..., newton, root, fsolve, fixed_point
implicit.py         how a solution gets its derivatives; callbacks.py, results.py: what goes in and comes out
"""

from __future__ import annotations

from .roots import (
    bisect,
    brenth,
    brentq,
    fixed_point,
    fsolve,
    newton,
    ridder,
    root,
    root_scalar,
    toms748,
)

__all__ = ["bisect", "brenth", "brentq", "fixed_point", "fsolve", "newton", "ridder", "root", "root_scalar", "toms748"]
