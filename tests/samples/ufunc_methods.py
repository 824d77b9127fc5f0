"""reduce, accumulate, reduceat, outer and at of every elementwise function of two arguments."""

import numpy as np

from dualdiff.rules.ufuncs import Elementwise
from dualdiff.table import RULES

from . import sample
from .reductions import apart

INDEX = np.array([0, 2, 0, 1, 0])


# np.power.reduce([a, b, c]) is a ** c in the vectorized loops of NumPy 2.4: refused, see test_reductions.py.
UNRELIABLE = (np.power, np.arctan2)


def buffer(x):
    return x * 1.0


for _rule in list(RULES.values()):
    if not isinstance(_rule, Elementwise) or len(_rule.partials) != 2 or _rule.function is np.ldexp:
        continue
    _f = _rule.function
    if not isinstance(_f, np.ufunc) or not hasattr(np, _f.__name__):
        continue
    if _f not in UNRELIABLE:
        sample(_f, lambda x, f=_f: f.reduce(x), apart(4))
        sample(_f, lambda x, f=_f: f.reduce(x, axis=-1, keepdims=True), apart(2, 3))
        sample(_f, lambda x, f=_f: f.reduceat(x, np.array([1, 0]), axis=-1, dtype=np.float64), apart(2, 3))
        sample(_f, lambda x, f=_f: f.reduce(x, 1, None), apart(3, 2))
        sample(_f, lambda x, f=_f: f.reduce(x**2, axis=0, initial=0.77), apart(3, 2))
        sample(_f, lambda x, i, f=_f: f.reduce(x**2, axis=0, initial=i), apart(3, 2), np.array(0.77))
        sample(_f, lambda x, f=_f: f.reduce(x, axis=0, out=np.zeros(2, like=x, dtype=x.dtype)), apart(3, 2), duck=False)
        sample(_f, lambda x, f=_f: f.reduce(x, initial=0.61, where=np.array([True, False, True])[:, None]), apart(3, 2))
        sample(_f, lambda x, f=_f: f.reduceat(x, [0, 2, 1, 1, 4]), apart(6, 2))
    sample(_f, lambda x, f=_f: f.accumulate(x), apart(5))
    sample(_f, lambda x, f=_f: f.accumulate(x, axis=-1, dtype=np.float64), apart(2, 4))
    sample(_f, lambda x, f=_f: f.accumulate(x**2, 0), apart(6, 2))
    sample(_f, lambda x, f=_f: f.accumulate(x, axis=1), apart(2, 1))
    sample(_f, lambda x, f=_f: f.accumulate(x, axis=1), apart(2, 0))
    sample(_f, lambda x, y, f=_f: f.outer(x, y), apart(2), 0.83 * apart(3, 2) + 0.04)
    sample(_f, lambda x, f=_f: f.outer(x, [0.35, 0.65]), ())
    sample(_f, lambda x, f=_f: f.outer(0.45, x), apart(2, 1))

    def _at(x, b, f=_f):
        y = buffer(x)
        f.at(y, INDEX, b)
        return y

    # Assignment needs an array that can be written, which the duck array is not.
    sample(_f, _at, apart(3), 0.83 * apart(5) + 0.04, duck=False)
    sample(_f, lambda x, at=_at: at(x, 0.6), apart(3, 2), duck=False)

# Several axes, where the order of operations does not matter.
for _f in (np.add, np.multiply, np.maximum, np.minimum, np.fmax, np.fmin, np.logaddexp, np.logaddexp2, np.hypot):
    sample(_f, lambda x, f=_f: f.reduce(x, axis=None), apart(2, 3))
    sample(_f, lambda x, f=_f: f.reduce(x, axis=(0, -1), keepdims=True), apart(2, 3, 2))
    sample(_f, lambda x, f=_f: f.reduce(x**2, axis=()), apart(2, 3))
    sample(_f, lambda x, f=_f: f.reduce(x, axis=1), apart(0, 2))
for _f in (np.add, np.multiply, np.hypot, np.logaddexp, np.logaddexp2):
    sample(_f, lambda x, f=_f: f.reduce(x, axis=1, where=np.array([True, False, True])), apart(4, 3))
for _f in (np.add, np.multiply, np.hypot):
    sample(_f, lambda x, f=_f: f.reduce(x, axis=1), apart(2, 0))


def _negative_at(x):
    y = buffer(x)
    np.negative.at(y, [0, 1, 0])
    np.square.at(y, (slice(None), 1))
    return y


sample(np.negative, _negative_at, (3, 2), duck=False)
