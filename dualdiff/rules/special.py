"""Ufuncs of `scipy.special`: the error, gamma and exponential families, and the distribution functions.

`dualdiff.dispatch.find` imports this module when it meets a ufunc without a rule and SciPy is in use already:
importing dualdiff never loads SciPy.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.special as sc

from .operations import elementwise

elementwise(sc.erf, lambda y, x: 2 / math.sqrt(math.pi) * np.exp(-x * x))

from . import bessel, hypergeometric  # noqa: E402, F401  (enter their rules)
