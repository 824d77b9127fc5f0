"""Elliptic integrals, hypergeometric functions, orthogonal polynomials and wave functions."""

import warnings

import numpy as np
import scipy
import scipy.special as sc

from . import sample
from .bessel import over_parameters, over_shapes

UNSIGNED = np.array([0, 3, 2], np.uint8)
DEGREES = np.array([[0], [1], [2], [5]])


def over_arguments(function, *intervals):
    """Samples in all arguments at once, over shapes that broadcast."""
    rng = np.random.default_rng([*function.__name__.encode()])
    n = len(intervals)
    for shapes in ([()] * n, [(3,)] * n, ([(2, 1), (1, 3), (3,), ()])[:n], [(0,)] * n):
        drawn = [rng.uniform(*interval, shape) for interval, shape in zip(intervals, shapes, strict=True)]
        sample(function, lambda *args: function(*args), *drawn)


# Elliptic integrals.
for _function in (sc.ellipk, sc.ellipe, sc.ellipkm1):
    over_shapes(_function, 0.1, 0.9)
over_shapes(sc.ellipk, -5.0, -0.1, shapes=[(3,)])
over_shapes(sc.ellipkm1, 1.5, 3.0, shapes=[(3,)])
for _function in (sc.ellipk, sc.ellipe):
    sample(_function, lambda m, f=_function: f(m), np.array([0.0, 1e-9]))
for _function in (sc.ellipkinc, sc.ellipeinc):
    over_arguments(_function, (0.2, 1.4), (0.1, 0.8))
    sample(_function, lambda phi, m, f=_function: f(phi, m), np.array([-7.0, 2.0, 4.3]), np.array([0.3, -2.0, 0.0]))
    sample(_function, lambda phi, f=_function: f(phi, 1.0), np.array([-1.2, 0.4]))
# SciPy's other branch below 1e-9, and nothing beyond 0 and 1.
over_arguments(sc.ellipj, (0.2, 3.0), (0.1, 0.8))
sample(sc.ellipj, lambda u: sc.ellipj(u, np.array([0.0, 1.0, 0.3])), np.array([0.3, 1.2, -2.0]))
over_arguments(sc.agm, (0.3, 2.0), (0.3, 2.0))
sample(sc.agm, lambda a, b: sc.agm(a, b), np.array([1.5, 0.7, -1.0]), np.array([1.5, 2.0, -3.0]))
for _function in (sc.elliprf, sc.elliprd, sc.elliprg):
    over_arguments(_function, (0.3, 2.0), (0.3, 2.0), (0.3, 2.0))
    _ones = np.array([1.0, 2.0])
    sample(_function, lambda x, y, z, f=_function: f(x, y, z), _ones, _ones, np.array([1.0, 3.0]))  # equal arguments
    sample(_function, lambda y, z, f=_function: f(0.0, y, z), _ones, np.array([1.0, 3.0]))
    sample(_function, lambda x, f=_function: np.real(f(x + 1j * x**2, x, 2.0 - 0.5j)), (2,))
over_arguments(sc.elliprj, (0.3, 2.0), (0.3, 2.0), (0.3, 2.0), (0.3, 2.0))
sample(sc.elliprj, lambda x, p: sc.elliprj(x, 1.0, 1.5, p), np.array([1.0, 2.0]), np.array([1.0, 1.5]))
sample(sc.elliprj, lambda x, p: sc.elliprj(x, 1.0, 1.5, p), np.array([1.0, 2.0]), np.array([-1.0, -3.5]))
over_arguments(sc.elliprc, (0.3, 2.0), (0.3, 2.0))
sample(sc.elliprc, lambda x, y: sc.elliprc(x, y), np.array([1.0, 2.0, 3.0]), np.array([1.0, -1.5, 2.0]))

# Hypergeometric functions.
TWO = np.array([[0.5], [2.0]])
over_parameters(sc.hyp0f1, -2.0, 2.0, (TWO,), (1.5,), (3,))
over_parameters(sc.hyp1f1, -2.0, 2.0, (TWO, 1.5), (1, 2), (-2, 0.7), (0, 1.5))
over_parameters(sc.hyp2f1, -0.8, 0.8, (TWO, 1.5, 2.2), (1, 1, 2), (-2, 0.7, 1.5), (0, 1.5, 1))
over_parameters(sc.hyperu, 0.6, 3.0, (TWO, 1.5), (1, 2))
_COMPLEX = [(sc.hyp0f1, (1.5,)), (sc.hyp2f1, (0.7, 1.2, 2.5))]
if np.lib.NumpyVersion(scipy.__version__) >= "1.14.0":  # SciPy 1.13 has it wrong
    _COMPLEX.append((sc.hyp1f1, (0.7, 1.5)))
for _function, _parameters in _COMPLEX:
    _program = lambda x, f=_function, p=_parameters: np.real(f(*p, x + 1j * x**2) * (1 + 2j))
    over_shapes(_function, 0.1, 0.6, _program, shapes=[(3,)])

# Orthogonal polynomials.
for _name in ("legendre", "chebyt", "chebyu", "chebyc", "chebys", "laguerre"):
    _function = getattr(sc, f"eval_{_name}")
    over_parameters(_function, -0.9, 0.9, (DEGREES,), (0,), (3,), (2.5,), (UNSIGNED,))
    over_shapes(_function, 0.1, 0.6, lambda x, f=_function: np.real(f(2.0, x + 1j * x**2) * (1 + 2j)), shapes=[(3,)])
    sample(_function, lambda x, f=_function: f(DEGREES, x), np.array([-1.0, 1.0]))
for _name in ("legendre", "chebyt", "chebyu", "chebys"):
    over_parameters(getattr(sc, f"eval_{_name}"), -0.9, 0.9, (-3,), (np.array([[-1], [-4]]),), (-2.0,))
for _function in (sc.eval_sh_legendre, sc.eval_sh_chebyt, sc.eval_sh_chebyu):
    over_parameters(_function, 0.1, 0.9, (DEGREES,), (0,), (3,), (2.5,))
    sample(_function, lambda x, f=_function: f(DEGREES, x), np.array([0.0, 1.0]))
for _function in (sc.eval_hermite, sc.eval_hermitenorm):
    over_parameters(_function, -1.5, 1.5, (DEGREES,), (np.array(0),), (np.array(3),))
over_parameters(sc.eval_gegenbauer, -0.9, 0.9, (DEGREES, 0.7), (3, 2.0), (2.5, 0.7), (0, 1.5))
over_parameters(sc.eval_jacobi, -0.9, 0.9, (DEGREES, 0.7, 1.2), (3, 0.0, -0.5), (2.5, 0.7, 1.2), (0, 1.5, 1.0))
over_parameters(sc.eval_sh_jacobi, 0.1, 0.9, (DEGREES, 2.3, 1.4), (3, 2.0, 1.5), (2.5, 2.3, 1.4))
over_parameters(sc.eval_genlaguerre, 0.1, 3.0, (DEGREES, 0.7), (3, 0.0), (2.5, 0.7))
sample(sc.eval_jacobi, lambda x: sc.eval_jacobi(DEGREES, 0.7, 1.2, x), np.array([-1.0, 1.0]))
over_parameters(
    sc.lpmv, -0.9, 0.9, (np.array([[0], [1], [2]]), 3), (0, 2), (0.0, 2.5), (2.0, 3.7), (-1.0, 3.0), (4, 2), (1.0, 1.0)
)
if isinstance(getattr(sc, "sph_harm", None), np.ufunc):  # until SciPy 1.16

    def harmonic(theta, phi):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return [np.real(sc.sph_harm(m, 2, theta, phi) * (1 + 2j)) for m in (-2, -1, 0, 1, 2)]

    sample(sc.sph_harm, harmonic, (2, 1), (1, 3))

# Wave functions.
for _function in (sc.mathieu_cem, sc.mathieu_sem):
    over_parameters(_function, 10.0, 70.0, (np.array([[1], [2]]), 1.3), (np.array(2), 0.5))
for _name in ("cem1", "cem2", "sem1", "sem2"):
    over_parameters(getattr(sc, f"mathieu_mod{_name}"), 0.4, 1.2, (np.array([[1], [2]]), 1.3), (np.array(2), 0.5))
over_parameters(sc.pbdv, 0.3, 3.0, (np.array([[1.5], [-0.7]]),), (2,))
over_parameters(sc.pbvv, 0.3, 3.0, (np.array([[1.5], [-0.7]]),))
over_parameters(sc.pbwa, 0.3, 2.0, (np.array([[0.5], [-0.7]]),))
