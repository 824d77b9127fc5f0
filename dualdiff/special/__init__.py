"""Ufuncs of `scipy.special`: one file a family.

Imported when a ufunc without a rule meets a Dual and SciPy is in use already (`dualdiff.table.later`): importing
dualdiff never loads SciPy.

    elementary.py       exponential integrals, exponentials, logarithms, entropies
    error_functions.py  error functions, Voigt profiles, the normal distribution, Fresnel integrals
    gamma_functions.py  the gamma function and its kin
    distributions.py    distribution functions and their inverses, incomplete gamma and beta functions
    noncentral.py       noncentral distributions
    bessel.py           Bessel, Airy, Kelvin and Struve functions
    hypergeometric.py   hypergeometric functions, orthogonal polynomials
    elliptic.py         elliptic integrals and functions
    forms.py            what they share
"""

from . import (
    bessel,
    distributions,
    elementary,
    elliptic,
    error_functions,
    gamma_functions,
    hypergeometric,
    noncentral,
)

__all__ = [
    "bessel",
    "distributions",
    "elementary",
    "elliptic",
    "error_functions",
    "gamma_functions",
    "hypergeometric",
    "noncentral",
]
