"""Elementwise functions: drawn from the domain that each rule declares, over shapes that broadcast."""

import numpy as np

from dualdiff.rules.ufuncs import Elementwise
from dualdiff.table import RULES

from . import sample

SHAPES = [((),), ((3,),), ((2, 3),), ((0,),), ((2, 0, 3),)]
PAIRS = [((), ()), ((3,), (3,)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2, 2)), ((0,), (0,)), ((2, 1), (2, 0))]


def points(domain, shape, seed):
    """Random points inside a domain, away from its edges and from the kinks at whole numbers."""
    rng = np.random.default_rng(seed)
    low, high = max(domain[0], -1.9), min(domain[1], 1.9)
    if domain[0] >= 1.0:
        low, high = domain[0], domain[0] + 2.0
    width = high - low
    return rng.uniform(low + 0.1 * width, high - 0.1 * width, shape)


for _rule in list(RULES.values()):
    own = getattr(np, _rule.function.__name__, None) is _rule.function  # SciPy's ufuncs have samples of their own
    if isinstance(_rule, Elementwise) and own and _rule.function is not np.ldexp:
        for _i, _shapes in enumerate(SHAPES if len(_rule.partials) == 1 else PAIRS):
            _args = [
                points(domain, shape, 10 * _i + j)
                for j, (domain, shape) in enumerate(zip(_rule.domain, _shapes, strict=True))
            ]
            sample(_rule.function, lambda *args, f=_rule.function: f(*args), *_args)

sample(np.ldexp, lambda x: np.ldexp(x, np.array([1, -2, 3])), (2, 3))
sample(np.power, lambda x: x**2, (3,))
sample(np.power, lambda x: x**3 + x**0.5 + x**-1, (3,))
sample(np.power, lambda x: 2.0**x, (3,))
sample(np.divide, lambda x: 1 / x, (3,))
sample(np.add, lambda x: np.add(x, 2, dtype=np.float64), (3,))
# A buffer is written, and the duck array has no assignment.
sample(
    np.multiply,
    lambda x: np.multiply(x, x, where=np.array([True, False, True]), out=np.zeros_like(x)),
    (3,),
    duck=False,
)
sample(np.maximum, lambda x: np.maximum(x, 0.5) * np.minimum(0.7, x), (6,))
sample(np.hypot, lambda x: np.hypot(x, 0.5), (6,))
sample(np.sign, lambda x: np.sign(x) * x, (3,))
sample(np.modf, lambda x: np.modf(3 * x), (3,))
sample(np.frexp, lambda x: np.frexp(3 * x)[0], (3,))
sample(np.divmod, lambda x, y: np.divmod(3 * x, y)[1], (3,), (3,))
sample(np.divmod, lambda x, y: divmod(3 * x, y)[1], (3,), (3,))
sample(np.clip, lambda x: np.clip(x, 0.3, 0.6), (2, 3))
sample(np.clip, lambda x, lo, hi: np.clip(x, lo, hi + 0.5), (2, 3), (3,), (2, 1))
sample(np.clip, lambda x: x.clip(0.4), (2, 3))
if np.lib.NumpyVersion(np.__version__) >= "2.1.0":
    sample(np.clip, lambda x, lo: np.clip(x, min=lo, max=lo + 0.3), (2, 3), (3,))
sample(np.nan_to_num, lambda x: np.nan_to_num(x), (2, 3))
sample(np.angle, lambda x: np.angle(x + 1j * x**2), (3,))
sample(np.angle, lambda x: np.angle(x + 1j * x**2, deg=True), (3,))
sample(np.absolute, lambda x: abs(x - 0.5), (5,))
sample(np.absolute, lambda x: np.abs(x + 1j * x**2), (5,))
sample(np.sign, lambda x: np.abs(np.sign(x + 1j * x**2) + 1), (5,))
sample(np.conjugate, lambda x: np.real(np.conj(x + 1j * x**2) * 1j), (5,))
for _name in ("real", "imag"):
    _ufunc = getattr(np._core.umath, _name, None)
    if _ufunc is not None:  # NumPy 2.5
        sample(_ufunc, lambda x, f=_ufunc: f(x + 1j * x**2), (3,))
