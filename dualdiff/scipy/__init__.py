"""SciPy's Python-level functions, differentiable: the same names, arguments and values.

SciPy's ufuncs (``scipy.special.erf``) reach their rules by themselves; the functions here do not dispatch in SciPy,
so they are imported from here instead:

    from dualdiff.scipy import special, linalg, integrate, interpolate, optimize, stats
    from dualdiff.scipy.sparse import spsolve

On plain arrays each is SciPy's own function; SciPy makes every value, the rule adds the tangent.
The solvers in ``optimize`` take exact derivatives by themselves, and their solutions are differentiable.
SciPy is optional: only importing one of these modules needs it.

    forms.py            how a function of SciPy is given a rule
    special.py  linalg.py  interpolate.py  stats.py
    sparse.py           systems with a constant sparse matrix: what scipy.sparse.linalg has of them
    optimize.py         its drivers: roots.py, minimization.py, least_squares.py, global_optimization.py
    staged_derivatives.py   derivatives that solvers ask for again and again, as programs; readings.py: what a function
                        reads; moving.py, curvature.py, integrand_programs.py: derivatives of solutions and integrals
    integrate.py        integrals; its drivers: quadrature.py, initial_values.py, lsoda.py, boundary_values.py
"""

from __future__ import annotations

import importlib
from types import ModuleType

_MODULES = frozenset({"integrate", "interpolate", "linalg", "optimize", "special", "stats"})


def __getattr__(name: str) -> ModuleType:
    """A module on first use: none of them, and no SciPy, is loaded before."""
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
