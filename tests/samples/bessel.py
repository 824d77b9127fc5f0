"""Bessel, Airy, Kelvin and Struve functions, over orders of every type and shapes that broadcast."""

import numpy as np
import scipy.special as sc
from scipy.special import _ufuncs

import dualdiff.special  # noqa: F401  (enters its rules)

from . import sample

SHAPES = [(), (3,), (2, 1, 3), (0,)]
WHOLE = np.array([[0], [1], [3]])
REAL_ORDERS = [2, 0.5, -1.3, np.array([[0.0], [2.5]])]


def over_shapes(function, low, high, f=None, shapes=SHAPES, **options):
    """Samples of ``f`` (by default the function itself) at points between two numbers, over all shapes."""
    rng = np.random.default_rng([*function.__name__.encode()])
    for shape in shapes:
        sample(function, f or (lambda x: function(x)), rng.uniform(low, high, shape), **options)


def over_parameters(function, low, high, *parameters, **options):
    """Samples over sets of the parameters before the last argument: all shapes with the first, one with the others."""
    first, *others = parameters
    over_shapes(function, low, high, lambda x: function(*first, x), **options)
    for values in others:
        over_shapes(function, low, high, lambda x, values=values: function(*values, x), shapes=[(3,)], **options)


for _name in ("j0", "j1", "i0", "i1", "itj0y0", "it2j0y0", "iti0k0", "it2i0k0", "ber", "bei", "berp", "beip"):
    over_shapes(getattr(sc, _name), 0.3, 4.0)
for _name in ("y0", "y1", "k0", "k1", "k0e", "k1e", "i0e", "i1e", "ker", "kei", "kerp", "keip", "kelvin"):
    over_shapes(getattr(sc, _name), 0.6, 4.0)
for _name in ("itstruve0", "it2struve0", "itmodstruve0", "airy", "airye"):
    over_shapes(getattr(sc, _name), 1.2, 4.0)
over_shapes(sc.itairy, 0.1, 0.6)  # SciPy's values are rough further out
for _name in ("j0", "j1", "i0", "i1", "i0e", "i1e", "berp"):
    over_shapes(getattr(sc, _name), -4.0, -0.6, shapes=[(3,)])
over_shapes(sc.airy, -4.0, -1.0)
over_shapes(sc.airye, -4.0, -1.0, lambda x: sc.airye(x)[2:])
for _name in ("i0e", "i1e", "k0e", "k1e", "airye"):  # the asymptotic series
    over_shapes(getattr(sc, _name), 27.0, 40.0, shapes=[(3,)])

for _name in ("jv", "jve", "yv", "yve", "iv", "ive", "kv", "kve", "struve", "modstruve"):
    _function = getattr(sc, _name)
    over_parameters(_function, 1.2, 4.0, (WHOLE,), *((v,) for v in REAL_ORDERS))
    over_parameters(_function, 0.3, 0.9, (0,), (1.0,), (WHOLE,))
for _function in (sc.yn, sc.kn):
    over_parameters(_function, 0.6, 4.0, (WHOLE,), (0,), (2,), (1.0,), (np.array([0, 2, 1], np.uint8),))
for _function in (sc.jv, sc.iv, sc.ive, sc.struve, sc.modstruve):
    over_parameters(_function, -3.0, -1.2, (1,), (2.0,), (0,))
for _function in (sc.ive, sc.kve):
    over_parameters(_function, 30.0, 60.0, (WHOLE,), (1.3,))
for _function in (sc.hankel1, sc.hankel2, sc.hankel1e, sc.hankel2e):
    over_parameters(_function, 0.6, 4.0, (WHOLE,), (0,), (0.5,), (-1.3,))
over_parameters(sc.hankel1e, 30.0, 60.0, (WHOLE,), (1.3,))
for _name in ("jv", "jve", "yv", "yve", "iv", "ive", "kv", "kve", "hankel1", "hankel1e", "hankel2", "hankel2e"):
    _function = getattr(sc, _name)
    _complex = lambda x, f=_function: np.real(f(WHOLE, x + 1j * x**2) * (1 + 2j))
    over_shapes(_function, 0.6, 2.0, _complex, shapes=[(3,)])
over_shapes(sc.airy, 0.6, 2.0, lambda x: [np.real(part * (1 + 2j)) for part in sc.airy(x + 1j * x**2)], shapes=[(3,)])
over_shapes(sc.airye, 0.6, 2.0, lambda x: [np.imag(part * (1 + 2j)) for part in sc.airye(x + 0.5j)], shapes=[(3,)])

for _name in ("jn", "yn", "in", "kn"):
    for _function in (getattr(_ufuncs, f"_spherical_{_name}"), getattr(_ufuncs, f"_spherical_{_name}_d")):
        over_parameters(_function, 0.9, 3.0, (WHOLE,), (np.array(0),), (np.array(2),))

over_shapes(sc.besselpoly, 0.3, 2.0, lambda a: sc.besselpoly(a, 1.0, 0))
for _parameters in ((0.5, 1), (2, 2.5), (np.array([[0.5], [1.5]]), 3.0)):
    over_shapes(sc.besselpoly, 0.3, 2.0, lambda a, p=_parameters: sc.besselpoly(a, *p), shapes=[(3,)])

# SciPy's Python functions that pass a Dual on; they write into their result.
sample(sc.jv, lambda x: sc.jvp(2, x) + sc.yvp(1.5, x, 2) + sc.ivp(1, x) + sc.kvp(0.5, x), (3,), duck=False)
sample(sc.hankel1, lambda x: np.imag(sc.h1vp(1, x) + sc.h2vp(2, x)), (3,), duck=False)
sample(sc.jv, lambda x: sc.jv.outer(np.array([0.0, 1.5]), x), (3,))
sample(sc.jv, lambda x: sc.jv(1.0, x, out=np.zeros_like(x)), (3,), duck=False)  # the buffer is written
