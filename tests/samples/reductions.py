"""Reductions and cumulative functions."""

import numpy as np

from . import sample

sample(np.sum, lambda x: np.sum(x), (2, 3))
sample(np.sum, lambda x: np.sum(x, axis=(0, -1), keepdims=True), (2, 3, 4))
sample(np.sum, lambda x: np.sum(x, axis=1, where=np.array([True, False, True]), initial=2.0), (2, 3))
sample(np.sum, lambda x: x.sum(0), (2, 3))
sample(np.sum, lambda x: np.sum(x, dtype=np.float64), (0,))
