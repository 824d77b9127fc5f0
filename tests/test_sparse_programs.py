"""Random programs: their sparse Jacobians are the dense ones, at the point of the pattern and at others."""

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from numpy.testing import assert_allclose

import dualdiff as dd
from dualdiff.pytrees.trees import flatten
from tests.random_checks import _DOCUMENTED
from tests.random_programs import programs

pytest.importorskip("scipy.sparse")


def dense(f, x):
    """The dense Jacobian in all arguments, results and arguments laid end to end."""
    blocks = dd.jacfwd(f, tuple(range(len(x))))(*x)
    rows = []
    for y, of_y in zip(f(*x), blocks, strict=True):
        rows.append(np.concatenate([np.reshape(block, (np.size(y), np.size(arg))) for block, arg in
                                    zip(flatten(of_y)[0], x, strict=True)], axis=1))  # fmt: skip
    return np.concatenate(rows)


def check(program):
    x = program.values()
    assume(not any(np.iscomplexobj(arg) for arg in x) and sum(np.size(arg) for arg in x))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            expected = dense(program, x)
        except (TypeError, ValueError) as error:
            assume(not any(text in str(error) for text in _DOCUMENTED))
            raise
        argnums = tuple(range(len(x)))
        J = dd.sparse_jacobian(program, argnums)
        single = any(np.asarray(leaf).dtype == np.float32 for leaf in (*x, *program(*program.values())))
        tolerance = 2e-3 if single else 1e-9
        size = np.abs(expected[np.isfinite(expected)]).max(initial=1.0)
        agree = {"rtol": tolerance, "atol": tolerance * size}
        assert_allclose(J(*program.values()).toarray(), expected, **agree)
        pattern = J.pattern.toarray()
        assert not ((expected != 0) & ~np.isnan(expected) & ~pattern & (np.abs(expected) > agree["atol"])).any()
        # Elsewhere a branch, a mask or an order may be another: the check finds it.
        elsewhere = [arg * 1.0625 for arg in x]
        try:
            there = program.at(elsewhere)
            expected = dense(program, there)
        except (TypeError, ValueError, IndexError, ZeroDivisionError, np.linalg.LinAlgError):
            return
        assert_allclose(J(*program.at(elsewhere)).toarray(), expected, **agree)


@pytest.mark.long
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs())
def test_sparse_jacobian_of_a_random_program_is_the_dense_one(program):
    check(program)
