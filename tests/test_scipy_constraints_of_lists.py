"""SciPy's LinearConstraint of lists with scalars that carry derivatives."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import LinearConstraint, minimize

import dualdiff as dd

MATRICES = {
    "rows": lambda s: [[1.0, s]],
    "tuples": lambda s: ((1, s),),
    "one row": lambda s: [1.0, s],
    "an array": lambda s: np.array([[1.0, s]]),
}


@pytest.mark.parametrize("transform", [dd.jacfwd, dd.jacrev])
@pytest.mark.parametrize("rows", MATRICES.values(), ids=MATRICES)
def test_a_linear_constraint_of_lists_moves_the_minimum(rows, transform):
    """The point of  x₀ + s x₁ = c  next to p is  p − (p₀ + s p₁ − c) (1, s) / (1 + s²)."""

    def nearest(q):
        p, s, c = q[:2], q[2], q[3]
        below = LinearConstraint(rows(s), lb=[-np.inf], ub=[c])
        return minimize(lambda x: np.sum((x - p) ** 2), [0.0, 0.0], method="SLSQP", constraints=below, tol=1e-12).x

    def known(q):
        normal = np.stack([1.0, q[2]])
        return q[:2] - (q[:2] @ normal - q[3]) / (normal @ normal) * normal

    q = np.array([2.0, 1.0, 1.1, 1.3])
    step = 1e-20j * np.eye(4)
    expected = np.array([known(q + h).imag for h in step]).T / 1e-20
    assert_allclose(transform(nearest)(q), expected, rtol=1e-8, atol=1e-10)
