"""SciPy's Python-level functions, differentiable: the same names, arguments and values.

SciPy's ufuncs (``scipy.special.erf``) reach their rules by themselves; the functions here do not dispatch in SciPy,
so they are imported from here instead:

    from dualdiff.scipy import special, linalg, integrate, interpolate, optimize, stats
    from dualdiff.scipy.sparse import spsolve

On plain arrays each is SciPy's own function; SciPy makes every value, the rule adds the tangent.
The solvers in ``optimize`` take exact derivatives by themselves, and their solutions are differentiable.
SciPy is optional: only importing one of these modules needs it.

Modules by SciPy's names, and what stands behind each:

    special
    linalg          linear_systems, spectra, matrix_functions, matrix_equations, structured_matrices
    interpolate     bsplines, cubic_interpolants, piecewise_polynomials, bivariate_splines
    stats           distributions, multivariate
    sparse          sparse_systems: matrices whose entries carry derivatives
    integrate       of samples; quadrature, cubature: panels, nodes, components, integrand_programs
                    initial_values, lsoda: rates, trajectories, columns, collocation, variational
                        where a right-hand side chooses: switches, margins, pieces; accuracy: are the steps short enough
                    boundary_values
    optimize        roots, minimization, constraints, least_squares, curve_fitting, global_optimization
                    implicit, curvature, moving, movement: the derivative of a solution from its equations

What all of them are made with:

    forms           a function that is given a rule
    drivers         a solver that is given derivatives, and what it returns: results
    callbacks       the user's functions as a solver calls them; on plain numbers: captured, constants
    programs, staged_derivatives    the same as programs; readings, codes: what a function reads and does
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
