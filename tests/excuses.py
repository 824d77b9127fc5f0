"""What `tests/special_points.py` cannot expect of a rule, by name, and why.

An excuse is for functions, kinds of points, and a reason; what is not here is expected to be right.
"""

import numpy as np

_SHARED = "three and more that tie share evenly; differences see the extremes of them (test_conventions.py)"
_BY_POSITION = "entries that tie move by position; differences see the extremes of them"
_LEVEL = "equal eigenvalues or singular values: values share evenly, vectors have no derivative"
_OUTSIDE = "an infinite argument beside another that counts: the derivative is 0 · inf"

EXCUSES = [
    ([np.max, np.min, np.amax, np.amin, np.nanmax, np.nanmin], "zeros equal", _SHARED),
    ([np.histogram, np.histogram2d, np.histogramdd, np.histogram_bin_edges], "zeros equal", _SHARED),
    (
        [np.histogram2d, np.histogramdd],
        "a zero",
        "a sample on the edge of two bins counts in the one that NumPy puts it in",
    ),
    ([np.histogram2d, np.histogramdd], "empty", "the histogram of no samples raises"),
    ([np.sort, np.partition, np.sort_complex], "zeros ties equal", _BY_POSITION),
    ([np.median, np.nanmedian], "zeros equal", _BY_POSITION),
    ([np.quantile, np.percentile, np.nanquantile, np.nanpercentile], "zeros equal", _BY_POSITION),
    ([np.intersect1d], "zeros ties equal", "which of two equal entries is the result's is NumPy's choice"),
    ([np.arctan2], "a zero zeros", "the angle of the origin has no derivative: nan"),
    ([np.arctan2], "infinite", "the angle of (inf, inf): nan"),
    ([np.angle], "a zero zeros", "the angle of the origin has no derivative: nan"),
    ([np.copysign], "a zero zeros", "the sign of 0 is that of the number; differences see it change"),
    ([np.power, np.float_power, np.sign, np.logspace, np.geomspace], "infinite", _OUTSIDE),
    ([np.gradient], "infinite", "an infinite spacing"),
    ([np.convolve, np.correlate], "infinite", "0 · inf of a product is nan in one mode, and left out in the other"),
    ([np.geomspace], "a zero", "the logarithm of an end at 0"),
    ([np.unwrap], "a zero zeros", "a period of 0"),
    ([np.interp], "a zero zeros", "at a knot the slope is that of one side"),
    (
        [np.emath.log2, np.emath.log10, np.emath.arctanh],
        "infinite",
        "continued to complex numbers: 0 · inf in its chain",
    ),
    ([np.emath.sqrt], "a zero", "where it leaves the real numbers"),
    ([np.emath.power], "a zero zeros", "where it leaves the real numbers"),
    (
        [np.fft.irfft, np.fft.irfft2, np.fft.irfftn, np.fft.hfft],
        "empty",
        "NumPy returns memory that nobody has written",
    ),
    *([([np.interp], "empty", "NumPy raises")] if np.lib.NumpyVersion(np.__version__) >= "2.5.0" else []),
    ([np.polymul], "empty", "the product with a polynomial without coefficients raises"),
    ([np.linalg.cond], "zeros equal", "of a singular matrix: NumPy has a value, np.linalg.inv raises"),
    ([np.linalg.lstsq, np.polyfit], "equal", "the rank differs beside the point"),
    ([np.linalg.eig, np.linalg.eigh, np.linalg.eigvals, np.linalg.eigvalsh, np.linalg.svd], "zeros equal", _LEVEL),
    ([np.linalg.qr], "zeros equal", "columns after a pivot of 0 have no derivative: nan"),
    ([np.linalg.slogdet], "zeros equal", "the sign of a singular matrix has no derivative: nan"),
]
