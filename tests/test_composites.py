"""Special points, refusals and transposes of the composites and the polynomials."""

import mpmath
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd
from dualdiff.errors import UnsupportedFunction
from dualdiff.table import RULES
from dualdiff.tangents.dense import Dense


def test_derivatives_of_i0_have_all_digits():
    """I₀' = I₁ and I₀'' = I₀ − I₁ / x, from next to nothing to the edge of overflow."""
    x = np.array([-700.0, -30.0, -1.0, -1e-9, 0.0, 1e-300, 0.3, 4.0, 8.0, 8.1, 60.0, 250.0, 700.0])
    first = dd.jvp(np.i0, (x,), (np.ones_like(x),))[1]
    _, second = dd.jvp(lambda x: dd.jvp(np.i0, (x,), (np.ones(13),))[1], (x,), (np.ones_like(x),))

    with mpmath.workdps(40):
        assert_allclose(first, [float(mpmath.besseli(1, mpmath.mpf(t))) for t in x], rtol=1e-13)
        exact = [float(mpmath.besseli(0, t) - mpmath.besseli(1, t) / t) if t else 0.5 for t in map(mpmath.mpf, x)]
    assert_allclose(second, exact, rtol=1e-13)


def test_bincount_and_its_transpose_are_adjoint():
    maps = []

    class Recording(Dense):
        __slots__ = ()

        def linear_map(self, tangent, apply, transpose, like):
            maps.append((apply, transpose, like))
            return apply(tangent)

    rng = np.random.default_rng(0)
    t, c = rng.standard_normal((2, 4)), rng.standard_normal((2, 6))
    RULES[np.bincount]([3, 1, 3, 0], dd.Dual(np.ones(4), t, Recording(2)), minlength=6)
    ((apply, transpose, like),) = maps

    assert (like.shape, like.dtype) == ((6,), np.dtype(float))
    assert_allclose(np.sum(apply(t) * c), np.sum(t * transpose(c)))


@pytest.mark.parametrize("function", [np.emath.arcsin, np.emath.arccos, np.emath.arctanh, np.emath.sqrt, np.emath.log])
@pytest.mark.parametrize("x", [-2.5, -1.1, 1.1, 2.5])
def test_complex_branch_is_differentiated_on_the_side_where_numpy_takes_it(function, x):
    _, ydot = dd.jvp(lambda x: function(np.stack([x, -3.0])), (x,), (1.0,))
    h = 1e-5

    assert_allclose(ydot[0], ((function([x + h, -3.0]) - function([x - h, -3.0])) / (2 * h))[0], rtol=1e-8)


def test_real_values_stay_real_inside_the_domain():
    y, ydot = dd.jvp(np.emath.sqrt, (np.array([1.0, 4.0]),), (np.ones(2),))
    assert y.dtype == ydot.dtype == np.float64
    assert_array_equal(ydot, [0.5, 0.25])


def test_padding_by_a_function_is_refused():
    def fill(vector, widths, axis, options):
        vector[: widths[0]] = 1.0

    with pytest.raises(UnsupportedFunction, match="function of your own"):
        dd.jvp(lambda x: np.pad(x, 1, fill), (np.ones(3),), (np.ones(3),))


def test_padding_widths_by_axis():
    if np.lib.NumpyVersion(np.__version__) < "2.2.0":
        pytest.skip("NumPy takes a dict since 2.2")
    v = np.arange(6.0).reshape(2, 3)
    _, ydot = dd.jvp(lambda x: np.pad(x, {-1: (1, 2)}, "edge"), (np.ones((2, 3)),), (v,))
    assert_array_equal(ydot, np.pad(v, {-1: (1, 2)}, "edge"))


def test_padding_copies_no_tangent_into_its_neighbours():
    """An infinite tangent stays where its entry is."""
    _, ydot = dd.jvp(lambda x: np.pad(np.sqrt(x), 1, "reflect"), (np.array([0.0, 1.0, 4.0]),), (np.ones(3),))
    assert_array_equal(ydot, [0.5, np.inf, 0.5, 0.25, 0.5])


def test_ties_in_padding_are_shared():
    _, ydot = dd.jvp(lambda x: np.pad(x, (1, 0), "maximum"), (np.array([2.0, 1.0, 2.0]),), (np.array([1.0, 5.0, 3.0]),))
    assert_array_equal(ydot, [2.0, 1.0, 5.0, 3.0])


def test_characteristic_polynomial_is_smooth_where_eigenvalues_meet():
    a, v = np.eye(3) + np.eye(3, k=1), np.arange(9.0).reshape(3, 3)
    _, ydot = dd.jvp(np.poly, (a,), (v,))
    # det(z - A) is a cubic in t along any line, so differences of exact determinants are its derivative.
    z = np.array([-1.0, 0.0, 2.0, 3.0])
    determinant = lambda t: np.array([np.linalg.det(s * np.eye(3) - a - t * v) for s in z])
    estimate = (determinant(1e-4) - determinant(-1e-4)) / 2e-4

    assert_allclose(np.polyval(ydot, z), estimate, rtol=1e-6, atol=1e-6)


def test_leading_zero_of_a_factor_still_moves_the_other_coefficients():
    a, b, v = np.array([0.0, 1.0]), np.array([1.0, 2.0]), np.array([1.0, 0.0])
    y, ydot = dd.jvp(lambda a: np.polymul(a, b), (a,), (v,))

    assert_array_equal(y, [1.0, 2.0])
    assert_array_equal(ydot, [2.0, 0.0])  # (ε z + 1)(z + 2) = ε z² + (1 + 2ε) z + 2


def test_poly1d_keeps_the_derivative():
    def f(x):
        p = np.polymul(np.poly1d([1.0, 2.0]), x)
        assert type(p) is np.poly1d
        q, _ = np.polydiv(p.coeffs, np.poly1d([1.0, 2.0]))
        return p(0.5), q(2.0), np.polyadd(np.poly1d([1.0]), x)(1.0)

    _, ydot = dd.jvp(f, (np.array([3.0, 4.0]),), (np.array([1.0, 10.0]),))
    assert_allclose(ydot, [2.5 * 10.5, 12.0, 11.0])


def test_root_that_is_double_has_no_finite_derivative():
    _, ydot = dd.jvp(np.roots, (np.array([1.0, 0.0, 0.0]),), (np.array([0.0, 0.0, 1.0]),))
    assert not np.isfinite(ydot).any()


def test_simple_root_at_zero_moves():
    _, ydot = dd.jvp(np.roots, (np.array([1.0, -2.0, 0.0]),), (np.array([0.0, 0.0, 1.0]),))
    assert_allclose(ydot, [-0.5, 0.5])


def test_result_is_not_changed_by_later_writes_to_the_argument():
    def f(x):
        x = x * 1.0
        results = [
            np.cov(x[:1]),
            np.pad(x, 0),
            np.polyint(x, 1),
            np.ediff1d(x),
            np.unwrap(x),
            np.real_if_close(x * 1.0),
        ]
        x[:] = 0.0
        return results

    x = np.array([0.2, 0.4, 0.9])
    with pytest.warns(RuntimeWarning):
        kept = dd.jvp(f, (x,), (np.array([1.0, 2.0, 4.0]),))[1]
    assert_array_equal(kept[1], [1.0, 2.0, 4.0])
    assert_allclose(kept[2], [1 / 3, 1.0, 4.0, 0.0])
    assert_array_equal(kept[3], [1.0, 2.0])
    assert_array_equal(kept[4], [1.0, 2.0, 4.0])
    assert_array_equal(kept[5], [1.0, 2.0, 4.0])


def test_counts_are_constant_and_whole():
    def f(x):
        counts, edges = np.histogram(x, 2)
        assert type(counts) is np.ndarray and counts.dtype == np.intp
        return edges

    _, ydot = dd.jvp(f, (np.array([0.0, 1.0, 4.0]),), (np.array([1.0, 5.0, 3.0]),))
    assert_array_equal(ydot, [1.0, 2.0, 3.0])


def test_equal_spacings_of_a_gradient_have_derivatives_of_their_own():
    """NumPy takes the short formula for equal spacings; the derivative is that of unequal ones."""
    y = np.array([0.0, 1.0, 4.0, 10.0])

    def at(t):
        return np.gradient(y, np.array([0.0, 1.0 + t, 2.0, 3.0]))

    _, ydot = dd.jvp(lambda x: np.gradient(y, x), (np.arange(4.0),), (np.array([0.0, 1.0, 0.0, 0.0]),))
    assert_allclose(ydot, (at(1e-5) - at(-1e-5)) / 2e-5, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.bincount(x, [1.0, 2.0]),
        lambda x: np.polyval(x, np.poly1d([1.0, 2.0])),
        lambda x: np.gradient(x, [1.0, 2.0, 3.0]),
        lambda x: np.cov(x, dtype=int),
        lambda x: np.polyfit(x, x, 1, rcond=x),
    ],
)
def test_what_has_no_derivative_raises(call):
    with pytest.raises((TypeError, ValueError)):
        dd.jvp(lambda x: call(x), (np.array([1.0, 2.0]),), (np.ones(2),))


def test_method_clip_of_a_plain_array_takes_dual_bounds():
    _, ydot = dd.jvp(lambda lo: np.array([0.0, 1.0, 2.0]).clip(lo, 1.5), (0.5,), (1.0,))
    assert_array_equal(ydot, [1.0, 0.0, 0.0])


def test_function_applied_along_an_axis_sets_the_dtype_by_its_first_result():
    def f(x):
        return np.apply_along_axis(lambda row: 1 if row[0] < 0.5 else row[0], 1, x) * x[0, 0]

    x = np.array([[0.2, 0.3], [2.7, 0.1]])
    y, ydot = dd.jvp(f, (x,), (np.ones((2, 2)),))
    assert_array_equal(y, f(x))
    assert_array_equal(ydot, [1.0, 2.0])
