"""`scipy.optimize` with derivatives: its solvers take exact ones by themselves, and their solutions have them.

    roots.py                root_scalar, brentq, ..., newton, root, fsolve, fixed_point
    minimization.py         minimize, minimize_scalar, golden, brent, fminbound; constraints.py: what is active there
    least_squares.py        least_squares, leastsq, nnls, lsq_linear; curve_fitting.py: curve_fit
    global_optimization.py  differential_evolution, dual_annealing, shgo, direct, basinhopping, brute
    implicit.py             how a solution gets its derivatives; results.py: what comes out
    drivers.py              how a driver is declared; callbacks.py, captured.py: the user's functions, on plain numbers

A solution is differentiable in everything that enters: what the functions close over, ``args``, data, active bounds.
Its value is SciPy's own.  Its derivative is 0 in a start, a bracket and in tolerances.  A solution that did not
converge, a singular Jacobian, a kink, a weakly active bound raise: there is no derivative.

Cost: with n unknowns, one or two Jacobians of the equations (Hessians of a minimum) beside SciPy's iteration, and one
evaluation of them for each level of differentiation.
Raises: ValueError where a solution has no derivative, `UnsupportedFunction` from a part of a result that has none.

>>> import numpy as np
>>> from dualdiff import derivative, grad
>>> round(derivative(lambda a: brentq(lambda x: x**2 - a, 0.0, 3.0))(4.0), 12)
0.25
>>> def shrunk(penalty):
...     return np.sum(minimize(lambda w: np.sum((w - 1) ** 2) + penalty * np.sum(w**2), np.zeros(3)).x)
>>> round(float(grad(shrunk)(1.0)), 9)
-0.75
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import scipy.optimize

from .. import errors
from ..rules.call import fused_tree
from ..values.levels import duals_in
from ..values.objects import carries
from .curve_fitting import curve_fit
from .global_optimization import basinhopping, brute, differential_evolution, direct, dual_annealing, shgo
from .least_squares import least_squares, leastsq, lsq_linear, nnls
from .minimization import brent, fminbound, golden, minimize, minimize_scalar
from .roots import bisect, brenth, brentq, fixed_point, fsolve, newton, ridder, root, root_scalar, toms748

__all__ = [
    "basinhopping",
    "bisect",
    "brent",
    "brenth",
    "brentq",
    "brute",
    "curve_fit",
    "differential_evolution",
    "direct",
    "dual_annealing",
    "fixed_point",
    "fminbound",
    "fsolve",
    "golden",
    "least_squares",
    "leastsq",
    "lsq_linear",
    "minimize",
    "minimize_scalar",
    "newton",
    "nnls",
    "ridder",
    "root",
    "root_scalar",
    "shgo",
    "toms748",
]

REASONS = {
    "linprog": "a vertex jumps from one to the next as the objective turns; solve for the active constraints, A x = b, "
    "with np.linalg.solve",
    "milp": "whole numbers do not move with the parameters",
    "linear_sum_assignment": "an assignment does not move with the costs; index them with it",
    "quadratic_assignment": "an assignment does not move with the costs; index them with it",
    **dict.fromkeys(
        ("fmin", "fmin_bfgs", "fmin_cg", "fmin_cobyla", "fmin_l_bfgs_b", "fmin_ncg", "fmin_powell"), "use minimize"
    ),
    **dict.fromkeys(("fmin_slsqp", "fmin_tnc"), "use minimize"),
    **dict.fromkeys(("anderson", "broyden1", "broyden2", "newton_krylov"), "use root, which has all these methods"),
    **dict.fromkeys(("diagbroyden", "excitingmixing", "linearmixing"), "use root, which has all these methods"),
}


def __getattr__(name: str) -> Any:
    """What else SciPy has there: on plain numbers its own; where a derivative enters, by a function too, it refuses."""
    found = getattr(scipy.optimize, name)
    if isinstance(found, type) or not callable(found):
        return found

    def refusal(shapes: list[tuple[int, ...]]) -> errors.UnsupportedFunction:
        return errors.unsupported(found, REASONS.get(name, "dualdiff.scipy has none"), shapes)

    def watched(argument: Any) -> Any:
        if not callable(argument) or isinstance(argument, type):
            return argument

        @functools.wraps(argument)
        def call(*args: Any, **kwargs: Any) -> Any:
            y = argument(*args, **kwargs)
            if carries(y):
                raise refusal([np.shape(dual.value) for dual in duals_in(fused_tree(y))])
            return y

        return call

    @functools.wraps(found)
    def function(*args: Any, **kwargs: Any) -> Any:
        if duals := duals_in(fused_tree(args), fused_tree(kwargs)):
            raise refusal([dual.shape for dual in duals])
        return found(*map(watched, args), **{key: watched(argument) for key, argument in kwargs.items()})

    return function
