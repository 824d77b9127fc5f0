"""Rolling, triangles and diagonals: exact in both modes and nested, and never by an array of positions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd
from dualdiff.rules.forms import Gather
from dualdiff.tangents import maps, transposes
from tests.agreement import agrees


@pytest.mark.parametrize(
    "call",
    [
        "np.roll(v, 1)", "np.roll(v, -6)", "np.roll(v, 0)", "np.roll(v, 4)", "np.roll(x, 5)", "np.roll(i, 3)",
        "np.roll(q, (1, -2), axis=(2, 0))", "np.roll(x, (1, 2), axis=1)", "np.roll(x, (1, 2))",
        "np.roll(f, 2, axis=-1)", "np.roll(g, 7, axis=0)", "np.roll(e, 1, axis=0)", "np.roll(e, 1, axis=1)",
        "np.roll(o, 2)", "np.roll(z, 1)", "np.roll(zz.T, 1, axis=1)", "np.roll(x, 1, axis=())",
        "np.roll(np.broadcast_to(u, (2, 3)), 1, axis=1)", "np.triu(x)", "np.triu(x, 2)", "np.tril(q, -1)",
        "np.tril(v)", "np.triu(f, -9)", "np.tril(g, 9)", "np.triu(zz, 1)", "np.tril(e)", "np.triu(o)",
        "np.triu(q[:, ::-1], 1)", "np.diag(v)", "np.diag(v, 2)", "np.diag(v, -1)", "np.diag(z, -2)", "np.diag(o)",
        "np.diag(o, 2)", "np.diag(v[::2], 1)", "np.diag(x)", "np.diag(x, 2)", "np.diag(x, -2)", "np.diag(x, 9)",
        "np.diag(f, 1)", "np.diag(zz)", "np.diagflat(x)", "np.diagflat(x, -2)", "np.diagflat(i, 1)", "np.diagflat(a)",
        "np.diagonal(q, 1, 2, 0)", "np.linalg.diagonal(mm, offset=-1)", "np.roll([a, b, a * b], 1)",
    ],
)  # fmt: skip
def test_rolling_triangles_and_diagonals_in_every_mode_and_nested(call):
    agrees(call, second=True)


def test_rolling_triangles_and_diagonals_gather_nothing_by_positions(patched):
    """Their tangents are laid out by slices and masks, in both modes."""
    patched(Gather, "__call__", lambda *_: pytest.fail("gathered"), never=True)
    patched((maps, transposes), "positions_of", lambda *_: pytest.fail("positions"), never=True)
    x = np.random.default_rng(0).standard_normal((4, 4))

    def f(x):
        return np.sum(np.roll(x, 1, axis=0) * np.triu(x) + np.roll(x, 5) * np.tril(x) + np.diag(np.diag(x)) ** 2)

    along = dd.jvp(f, (x,), (x,))[1]
    assert_allclose(np.sum(dd.grad(f)(x) * x), along, rtol=1e-12)
    assert_allclose(along, 2 * f(x), rtol=1e-12)


def test_a_rolled_array_owns_its_tangent():
    def f(x):
        y = np.roll(x, 0)
        y[0] = 0.0
        return np.sum(x * x) + np.sum(y)

    x = np.array([1.0, 2.0, 3.0])
    assert_allclose(dd.grad(f)(x), 2 * x + [0.0, 1.0, 1.0])
    assert_allclose(dd.jvp(f, (x,), (np.array([1.0, 0.0, 0.0]),))[1], 2.0)


def test_a_structural_zero_stays_zero_through_rolling_triangles_and_diagonals():
    """sqrt at 0 has the slope inf; only what a seed reaches may become it."""
    x = np.array([0.0, 1.0, 4.0])

    expected = np.array([[0.0, 0.0, 0.25], [np.inf, 0.0, 0.0], [0.0, 0.5, 0.0]])
    for jacobian in (dd.jacfwd, dd.jacrev):
        assert_array_equal(jacobian(lambda x: np.roll(np.sqrt(x), 1))(x), expected)
        assert_array_equal(jacobian(lambda x: np.diag(np.triu(np.diag(np.sqrt(x)))))(x), np.roll(expected, -1, axis=0))


@pytest.mark.parametrize("function", [np.roll, np.triu, np.tril, np.diag, np.diagflat])
def test_a_shift_or_offset_that_carries_a_derivative_is_refused(function):
    name = "shift" if function is np.roll else "k"
    with pytest.raises(dd.UnsupportedFunction, match=f"no derivative in its argument '{name}'"):
        dd.grad(lambda k: np.sum(function(np.ones(3) * k, k)))(1.0)
