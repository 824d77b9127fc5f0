"""The table of derivative rules: one file a subject, one declaration a NumPy function.

To add a rule, find the file by its subject and write one declaration in a form of `forms`.
Its samples (tests/samples) are asked at zeros, ties, infinities and empty arrays too: what a rule cannot give there is
an excuse with a reason (tests/excuses.py).
Importing this package fills `dualdiff.table.RULES`.
"""

from ..table import later
from . import (
    composites,
    contractions,
    creation,
    elementwise,
    fft,
    linalg,
    masks_and_slices,
    norms,
    passive,
    polynomials,
    rearrangements,
    reductions,
    sorting,
    writing,
)

__all__ = [
    "composites",
    "contractions",
    "creation",
    "elementwise",
    "fft",
    "linalg",
    "masks_and_slices",
    "norms",
    "passive",
    "polynomials",
    "rearrangements",
    "reductions",
    "sorting",
    "writing",
]

later("numpy.polynomial", "dualdiff.rules.polynomial_package")
later("scipy.special", "dualdiff.special")
