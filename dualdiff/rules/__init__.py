"""The table of derivative rules: one file a subject, one declaration a NumPy function.

To add a rule, find the file by its subject and write one declaration in a form of `forms`.
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
    "passive",
    "polynomials",
    "rearrangements",
    "reductions",
    "sorting",
    "writing",
]

later("numpy.polynomial", "dualdiff.rules.polynomial_package")
later("scipy.special", "dualdiff.special", ufuncs=True)
for _name in ("special", "linalg", "integrate", "interpolate", "stats"):
    later(f"scipy.{_name}", f"dualdiff.scipy.{_name}")
