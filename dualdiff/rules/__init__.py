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
Importing this package fills `dualdiff.table.RULES` with what is used most; the rest comes when it is needed.

    declaring.py         the forms above, for functions of other packages; stand_ins.py: for those that do not dispatch
    forms.py, called.py  the forms, and what a call with Duals does in each; without_derivatives.py: passive, refused
    ufuncs.py, ufunc_methods.py: ufuncs; operators.py: the short way through one; edges.py: where a partial is infinite
    call.py, axes.py     what they have in common
"""

from typing import Any

import numpy as np

from ..table import later, later_of
from ..tangents import MINUS_ONE as MINUS_ONE
from ..tangents import ONE as ONE
from . import (
    contractions,
    creation,
    elementwise_functions,
    joining,
    passive_functions,
    rearrangements,
    reductions,
    selections,
    splitting,
    whole_tangents,
    writing,
)
from .declaring import composite, elementwise, passive, rearranging, refused, tangent_rule, withdraw

__all__ = [
    "MINUS_ONE",
    "ONE",
    "composite",
    "contractions",
    "creation",
    "elementwise",
    "elementwise_functions",
    "joining",
    "passive",
    "passive_functions",
    "rearrangements",
    "rearranging",
    "reductions",
    "refused",
    "selections",
    "splitting",
    "tangent_rule",
    "whole_tangents",
    "withdraw",
    "writing",
]

# What not every program needs is imported at its first use, which halves the time that importing dualdiff takes.
_RARE = {
    "complex_branches": (
        "emath.sqrt emath.log emath.log2 emath.log10 emath.arctanh emath.arcsin emath.arccos emath.logn emath.power"
    ),
    "composites": (
        "diff ediff1d gradient trapezoid unwrap cov corrcoef apply_along_axis apply_over_axes i0 _core.umath.clip"
    ),
    "convolutions": "convolve correlate",
    "einsum": "einsum trace",
    "histograms": "bincount histogram_bin_edges histogram histogram2d histogramdd",
    "masks_and_slices": "tril triu diag diagflat roll",
    "padding": "pad",
    "polynomials": "vander polyadd polysub polymul polydiv polyval polyder polyint poly roots polyfit",
    "quantiles": "median nanmedian quantile nanquantile percentile nanpercentile",
    "sets": ("unique unique_all unique_counts unique_inverse unique_values union1d intersect1d setdiff1d setxor1d"),
    "sorting": "sort partition sort_complex take_along_axis extract choose select trim_zeros piecewise interp",
}


def _named(name: str) -> Any:
    """A function of NumPy's; None in versions that do not have it."""
    found: Any = np
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


for _home, _names in _RARE.items():
    later_of(f"dualdiff.rules.{_home}", filter(None, map(_named, _names.split())))
for _name in ("linalg", "norms", "eigenvectors", "factorizations", "singular_values"):
    later("numpy.linalg", f"dualdiff.rules.{_name}")
later("numpy.fft", "dualdiff.rules.fft")
later("numpy.polynomial", "dualdiff.rules.polynomial_package")
later("scipy.special", "dualdiff.special", ufuncs=True)
for _name in ("special", "linalg", "integrate", "interpolate", "stats"):
    later(f"scipy.{_name}", f"dualdiff.scipy.{_name}")
