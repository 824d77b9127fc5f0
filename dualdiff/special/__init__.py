"""Ufuncs of `scipy.special`: one file a family.

Imported when a ufunc without a rule meets a Dual and SciPy is in use already (`dualdiff.table.later`): importing
dualdiff never loads SciPy.

    elementary.py       exponential integrals, exponentials, logarithms, entropies
    error_functions.py  error functions, Voigt profiles, the normal distribution, Fresnel integrals
    gamma_functions.py  the gamma function and its kin; beta_functions.py, binomials.py: their quotients
    distributions.py    distribution functions and their inverses, incomplete gamma and beta functions; statistics.py
    noncentral.py       noncentral distributions
    bessel.py           Bessel and Airy functions; kelvin_and_struve.py
    hypergeometric.py   hypergeometric functions, orthogonal polynomials
    elliptic.py         elliptic integrals and functions
    forms.py            what they share
"""

from . import (
    bessel,
    beta_functions,
    binomials,
    distributions,
    elementary,
    elliptic,
    error_functions,
    gamma_functions,
    hypergeometric,
    kelvin_and_struve,
    noncentral,
    statistics,
)

__all__ = [
    "bessel",
    "beta_functions",
    "binomials",
    "distributions",
    "elementary",
    "elliptic",
    "error_functions",
    "gamma_functions",
    "hypergeometric",
    "kelvin_and_struve",
    "noncentral",
    "statistics",
]
