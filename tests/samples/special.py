"""Ufuncs of scipy.special: error, gamma and exponential families, and distribution functions.

Each line gives the arguments of one function: an interval to draw from, or a number (or array) that stays as it is,
where the function has no derivative or takes whole numbers.
"""

import numpy as np
import scipy
import scipy.special as sc
from scipy.special import _ufuncs

import dualdiff.special  # noqa: F401  (enters its rules)
from dualdiff.table import RULES

from . import sample

REAL, UNIT = (-1.8, 1.8), (0.15, 0.85)
POSITIVE = (0.3, 2.5)
N = np.array(5)  # beside float32, SciPy takes a Python int for one, and warns of it

ARGUMENTS = {
    # error functions
    "erf": [REAL], "erfc": [REAL], "erfcx": [REAL], "erfi": [REAL], "dawsn": [REAL], "erfinv": [(-0.7, 0.7)],
    "erfcinv": [(0.4, 1.6)], "voigt_profile": [REAL, POSITIVE, POSITIVE], "ndtr": [REAL], "ndtri": [UNIT],
    "log_ndtr": [REAL], "ndtri_exp": [(-2.0, -0.3)], "owens_t": [REAL, REAL],
    # integrals
    "exp1": [POSITIVE], "expi": [POSITIVE], "expn": [3, POSITIVE], "spence": [POSITIVE],
    # gamma
    "gamma": [POSITIVE], "gammaln": [POSITIVE], "loggamma": [POSITIVE], "rgamma": [REAL], "psi": [POSITIVE],
    "poch": [POSITIVE, POSITIVE], "beta": [POSITIVE, POSITIVE], "betaln": [POSITIVE, POSITIVE],
    "binom": [(2.2, 4.0), POSITIVE], "_zeta": [3.0, POSITIVE], "wright_bessel": [0.5, 1.5, POSITIVE],
    "log_wright_bessel": [0.5, 1.5, POSITIVE],
    # exponentials and logarithms
    "exp2": [REAL], "exp10": [(-1.0, 1.0)], "expm1": [REAL], "exprel": [(-3.0, 3.0)], "cosm1": [REAL],
    "log1p": [(-0.7, 2.0)], "cbrt": [POSITIVE], "expit": [REAL], "log_expit": [REAL], "logit": [UNIT],
    "xlogy": [POSITIVE, POSITIVE], "xlog1py": [POSITIVE, POSITIVE], "powm1": [POSITIVE, REAL],
    "radian": [REAL, REAL, REAL], "sindg": [REAL], "cosdg": [REAL], "tandg": [REAL], "cotdg": [(0.8, 2.0)],
    "boxcox": [POSITIVE, REAL], "boxcox1p": [POSITIVE, REAL], "inv_boxcox": [POSITIVE, UNIT],
    "inv_boxcox1p": [POSITIVE, UNIT], "wrightomega": [REAL],
    # entropies and losses
    "entr": [POSITIVE], "rel_entr": [POSITIVE, POSITIVE], "kl_div": [POSITIVE, POSITIVE],
    "huber": [(1.0, 1.2), REAL], "pseudo_huber": [POSITIVE, REAL],
    # distribution functions
    "gammainc": [1.7, POSITIVE], "gammaincc": [1.7, POSITIVE], "gammaincinv": [1.7, UNIT],
    "gammainccinv": [1.7, UNIT], "betainc": [1.7, 2.2, UNIT], "betaincc": [1.7, 2.2, UNIT],
    "betaincinv": [1.7, 2.2, UNIT], "betainccinv": [1.7, 2.2, UNIT], "chdtr": [3, POSITIVE], "chdtrc": [3, POSITIVE],
    "chdtri": [3, UNIT], "gdtr": [POSITIVE, 1.7, POSITIVE], "gdtrc": [POSITIVE, 1.7, POSITIVE],
    "gdtria": [UNIT, 1.7, POSITIVE], "gdtrix": [POSITIVE, 1.7, UNIT], "pdtr": [2, POSITIVE], "pdtrc": [2, POSITIVE],
    "pdtri": [2, UNIT], "bdtr": [2, N, UNIT], "bdtrc": [2, N, UNIT], "bdtri": [2, N, UNIT], "nbdtr": [2, 5, UNIT],
    "nbdtrc": [2, 5, UNIT], "nbdtri": [2, 5, UNIT], "fdtr": [3, 5, POSITIVE], "fdtrc": [3, 5, POSITIVE],
    "fdtri": [3, 5, UNIT], "stdtr": [4, REAL], "stdtrit": [4, UNIT], "chndtr": [POSITIVE, 3, POSITIVE],
    "chndtrix": [UNIT, 3, POSITIVE], "chndtrinc": [(0.5, 1.0), 3, (0.01, 0.05)], "ncfdtr": [3, 5, POSITIVE, POSITIVE],
    "ncfdtri": [3, 5, POSITIVE, UNIT], "ncfdtrinc": [3, 5, (0.05, 0.1), (0.8, 1.0)],
    "nrdtrimn": [UNIT, POSITIVE, REAL], "nrdtrisd": [REAL, (0.6, 0.9), (2.0, 3.0)],
    "tklmbda": [(-1.2, 1.2), (0.1, 0.5)],
    "kolmogorov": [(0.4, 1.5)], "kolmogi": [UNIT], "smirnov": [4, (0.3, 0.45)], "smirnovi": [4, (0.05, 0.25)],
}  # fmt: skip
# Solved by iteration in SciPy, too roughly for a difference of values: tests/test_special.py has the derivatives.
ROUGH = {"ncfdtrinc"}
if tuple(map(int, scipy.__version__.split(".")[:2])) < (1, 15):
    ROUGH |= {"ncfdtr", "ncfdtri"}
FIRST_ONLY = {"smirnov", "smirnovi"}  # SciPy has no second derivative of these
SHAPES = {
    1: [((),), ((3,),), ((2, 3),), ((2, 0, 3),)],
    2: [((), ()), ((2, 3), (3,)), ((2, 1), (1, 3)), ((0,), (0,))],
    3: [((), (), ()), ((2, 1), (3,), (1, 3)), ((0,), (0,), ())],
}


def with_constants(f, arguments):
    """The function of the arguments that are drawn."""

    def program(*drawn):
        supply = iter(drawn)
        return f(*(next(supply) if isinstance(arg, tuple) else arg for arg in arguments))

    return program


for _name, _arguments in ARGUMENTS.items():
    _function = getattr(sc, _name, None) or getattr(_ufuncs, _name, None)
    if _function is None or RULES[_function].form == "refused":  # an older SciPy, which has it wrong or not at all
        continue
    _intervals = [arg for arg in _arguments if isinstance(arg, tuple)]
    for _shapes in SHAPES[len(_intervals)][-1 if _name in ROUGH else 0 :]:
        _rng = np.random.default_rng([len(_shapes), *_name.encode()])
        _drawn = [_rng.uniform(*interval, shape) for interval, shape in zip(_intervals, _shapes, strict=True)]
        sample(_function, with_constants(_function, _arguments), *_drawn, second=_name not in FIRST_ONLY)

_rng = np.random.default_rng(0)
ORDERS = np.array([[1], [2]])
sample(sc.expn, lambda x: sc.expn(ORDERS, x), _rng.uniform(0.3, 2.5, 3))
sample(sc.expn, lambda x: sc.expn(0, x) + sc.expn(1.0, x), _rng.uniform(0.3, 2.5, 3))
sample(sc.pdtr, lambda m: sc.pdtr(ORDERS, m), _rng.uniform(0.3, 2.5, 3))
sample(sc.bdtr, lambda p: sc.bdtr(ORDERS, N, p), _rng.uniform(0.2, 0.8, 3))
sample(sc.psi, lambda x: sc.psi(-x) + sc.rgamma(-x), _rng.uniform(0.2, 0.8, 3))
sample(sc.exp1, lambda x: np.real(sc.exp1(x + 1j * x**2) * (1 + 2j)), (3,))
sample(sc.wofz, lambda x: sc.wofz(x), (2, 3))
sample(sc.wofz, lambda x: np.imag(sc.wofz(x + 1j * x**2)), (3,))
sample(sc.fresnel, lambda x: sc.fresnel(3 * x), (2, 3))
if RULES[sc.modfresnelp].form != "refused":  # as SciPy 1.13 has it wrong
    sample(sc.modfresnelp, lambda x: sc.modfresnelp(x), (3,))
sample(sc.modfresnelm, lambda x: sc.modfresnelm(x), (3,))
sample(sc.sici, lambda x: sc.sici(3 * x), (2, 3))
sample(sc.shichi, lambda x: sc.shichi(3 * x), (2, 3))
sample(_ufuncs._lambertw, lambda x: sc.lambertw(x), (3,))
sample(_ufuncs._lambertw, lambda x: np.imag(sc.lambertw(x * (1 + 2j), np.array([[-1], [0], [2]]))), (3,))
