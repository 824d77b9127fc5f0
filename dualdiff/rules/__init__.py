"""Rules: one derivative for each function, and the ways to declare one.

For a ufunc or a function of another package, one of the forms; each returns the function to call:

    f = dd.rules.elementwise(f, dx, dy)      partials ``lambda y, *arguments: ...``, entry by entry
    @dd.rules.tangent_rule(inverse)          an equation in tangents: ``-(y @ da @ y)``
    @dd.rules.composite(rms)                 a formula in NumPy's functions
    f = dd.rules.rearranging(f)              every entry of the result is one of the argument's
    f = dd.rules.passive(f)                  no useful derivative
    f = dd.rules.refused(f, "reads bits")    none at all: a Dual raises

A rule serves both modes and is itself differentiated for higher orders, so it is written with functions that have
rules.  The function makes every value.  A rule for a function of one's own is `dualdiff.custom_jvp`; a linear map that
is known by its transpose is `dualdiff.linear`.

>>> import numpy as np
>>> import dualdiff as dd
>>> from scipy.special import _ufuncs  # its sine of π x stands for a ufunc of yours, by numba.vectorize say
>>> sinpi, cospi = _ufuncs._sinpi, _ufuncs._cospi
>>> sinpi = dd.rules.elementwise(sinpi, lambda y, x: np.pi * cospi(x))
>>> cospi = dd.rules.elementwise(cospi, lambda y, x: -np.pi * sinpi(x))
>>> dd.grad(sinpi)(1.0) / np.pi, dd.hessian(lambda x: sinpi(x) ** 2)(0.0).round(3)
(-1.0, np.float64(19.739))

NumPy's own functions have one file a subject here, scipy.special's in `dualdiff.special`: to add one of those, find
the file by its subject and write one declaration in a form of `forms`.
Its samples (tests/samples) are asked at zeros, ties, infinities and empty arrays too: what a rule cannot give there is
an excuse with a reason (tests/excuses.py).
Importing this package fills `dualdiff.table.RULES`.

    declaring.py         the forms above, for functions of other packages; stand_ins.py: for those that do not dispatch
    forms.py, called.py  the forms, and what a call with Duals does in each; without_derivatives.py: passive, refused
    ufuncs.py, ufunc_methods.py: ufuncs
    call.py, axes.py     what they have in common
"""

from ..table import later
from ..tangents import MINUS_ONE as MINUS_ONE
from ..tangents import ONE as ONE
from . import (
    complex_branches,
    composites,
    contractions,
    convolutions,
    creation,
    eigenvectors,
    einsum,
    elementwise_functions,
    factorizations,
    fft,
    histograms,
    joining,
    linalg,
    masks_and_slices,
    norms,
    padding,
    passive_functions,
    polynomials,
    quantiles,
    rearrangements,
    reductions,
    selections,
    sets,
    singular_values,
    sorting,
    splitting,
    whole_tangents,
    writing,
)
from .declaring import composite, elementwise, passive, rearranging, refused, tangent_rule, withdraw

__all__ = [
    "MINUS_ONE",
    "ONE",
    "complex_branches",
    "composite",
    "composites",
    "contractions",
    "convolutions",
    "creation",
    "eigenvectors",
    "einsum",
    "elementwise",
    "elementwise_functions",
    "factorizations",
    "fft",
    "histograms",
    "joining",
    "linalg",
    "masks_and_slices",
    "norms",
    "padding",
    "passive",
    "passive_functions",
    "polynomials",
    "quantiles",
    "rearrangements",
    "rearranging",
    "reductions",
    "refused",
    "selections",
    "sets",
    "singular_values",
    "sorting",
    "splitting",
    "tangent_rule",
    "whole_tangents",
    "withdraw",
    "writing",
]

later("numpy.polynomial", "dualdiff.rules.polynomial_package")
later("scipy.special", "dualdiff.special", ufuncs=True)
for _name in ("special", "linalg", "integrate", "interpolate", "stats"):
    later(f"scipy.{_name}", f"dualdiff.scipy.{_name}")
