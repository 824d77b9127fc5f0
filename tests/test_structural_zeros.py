"""A structural zero that meets an infinite partial is zero in every mode; a computed 0 · inf stays NaN."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import dualdiff as dd

inf = np.inf
BY_MODE = {
    "forward": dd.jacfwd,
    "reverse": dd.jacrev,
    "forward in chunks": lambda f: dd.jacfwd(f, chunk_size=1),
    "reverse in chunks": lambda f: dd.jacrev(f, chunk_size=1),
}
each_mode = pytest.mark.parametrize("mode", BY_MODE.values(), ids=BY_MODE)


@each_mode
def test_one_infinite_column_does_not_spoil_the_others(mode):
    assert_array_equal(mode(np.sqrt)(np.array([0.0, 4.0])), [[inf, 0.0], [0.0, 0.25]])


@each_mode
def test_where_drops_an_infinite_derivative(mode):
    with np.errstate(divide="ignore"):
        j = mode(lambda x: np.where(x > 0, np.log(x), 0.0))(np.array([0.0, 2.0]))
    assert_array_equal(j, [[0.0, 0.0], [0.0, 0.5]])


@each_mode
def test_dropped_entry_may_meet_an_infinite_partial_later(mode):
    j = mode(lambda x: np.sqrt(np.where(x > 0, x, 0.0)))(np.array([-1.0, 4.0]))
    assert_array_equal(j, [[0.0, 0.0], [0.0, 0.25]])


@each_mode
def test_indexing_drops(mode):
    j = mode(lambda x: np.sqrt(x)[1:])(np.array([0.0, 4.0, 1.0]))
    assert_array_equal(j, [[0.0, 0.25, 0.0], [0.0, 0.0, 0.5]])


@each_mode
def test_infinite_constant_meets_an_entry_that_was_dropped(mode):
    c = np.array([inf, np.nan, 2.0])
    with np.errstate(invalid="ignore"):  # 0 · inf in a tangent, from the user's own infinity
        j = mode(lambda x: np.where(np.isfinite(c), x * c, 0.0))(np.ones(3))
    assert_array_equal(j, np.diag([0.0, 0.0, 2.0]))


@each_mode
def test_infinite_entry_of_a_matrix_touches_its_own_column_alone(mode):
    a = np.array([[1.0, inf], [2.0, 3.0]])
    with np.errstate(invalid="ignore"):
        j = mode(lambda x: a @ x)(np.array([1.0, 1.0]))
    assert_array_equal(j, a)


@each_mode
def test_written_buffers_keep_their_zeros(mode):
    def f(x):
        y = np.zeros_like(x)
        y[1:] = x[1:]
        return np.sqrt(y)

    assert_array_equal(mode(f)(np.array([3.0, 4.0])), [[0.0, 0.0], [0.0, 0.25]])


@each_mode
def test_views_and_transposes(mode):
    j = mode(lambda x: np.sqrt(x.reshape(2, 2).T[::-1]).ravel())(np.array([0.0, 4.0, 1.0, 0.25]))
    assert_array_equal(j, np.array([[0, 0.25, 0, 0], [0, 0, 0, 1], [inf, 0, 0, 0], [0, 0, 0.5, 0]]))


@each_mode
def test_what_is_written_through_a_view_is_reached(mode):
    """In the repeated sweep, too: the root beside it has an infinite slope that meets zeros."""

    def f(x):
        y = np.zeros_like(x)
        y.T[...] = x * x
        return np.ravel(y * 1.0 + np.sqrt(x))

    x = np.array([[0.0, 1.0], [4.0, 9.0]])
    expected = np.diag(0.5 / np.sqrt([inf, 1.0, 4.0, 9.0]))
    expected[0, 0] = inf
    expected[0, 0], expected[1, 2], expected[2, 1], expected[3, 3] = inf, 8.0, 2.0, 18.0 + 1 / 6
    assert_array_equal(mode(f)(x).reshape(4, 4), expected)


@each_mode
@pytest.mark.parametrize("part", ["real", "imag"])
def test_what_is_written_into_one_part_of_complex_numbers_is_reached(mode, part):
    c = np.array([1.0 + 2.0j, 3.0 - 1.0j])

    def f(x):
        z = np.zeros(2, complex, like=x)
        getattr(z, part)[:] = np.sqrt(x)
        return np.real(z * c)

    with np.errstate(all="ignore"):
        j = mode(f)(np.array([0.0, 4.0]))

    weights = c.real if part == "real" else -c.imag
    assert_array_equal(j, [[weights[0] * inf, 0.0], [0.0, 0.25 * weights[1]]])


@each_mode
def test_both_parts_of_complex_numbers_stay_reached_when_one_is_overwritten(mode):
    def f(x):
        z = np.zeros(3, complex, like=x)
        z.real[:] = np.sqrt(x)
        z.imag[1:] = x[:2]
        z.imag[2:] = 0.0
        return np.real(z * (2.0 + 1.0j))

    with np.errstate(all="ignore"):
        j = mode(f)(np.array([0.0, 1.0, 4.0]))

    assert_array_equal(j, [[inf, 0.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 0.0, 0.5]])


def test_reverse_mode_below_a_repeated_sweep_keeps_what_it_adds_through_views():
    """The Hessian of Σ aᵢⱼ aₖⱼ weights in forward over reverse, beside a root of infinite slope."""
    weights = np.array([[1.0, 2.0], [3.0, 5.0]])

    def f(x):
        a = x[:4].reshape(2, 2)
        return np.sum(weights * (a.T @ a)) + x[4]

    x = np.array([1.0, 2.0, 3.0, 4.0, 0.0])
    h = dd.jacfwd(lambda x: dd.grad(f)(x)[:4] + np.sqrt(x[4:]))(x)
    expected = np.kron(np.eye(2), weights + weights.T)
    assert_array_equal(h[:, :4], expected)
    assert_array_equal(h[:, 4], [inf] * 4)


@pytest.mark.parametrize("f", [lambda x: np.cbrt(x**3), lambda x: np.sqrt(x) ** 2], ids=["cbrt(x**3)", "sqrt(x)**2"])
def test_computed_zero_times_infinity_stays_nan_in_every_mode(f):
    assert np.isnan(dd.derivative(f)(0.0))
    assert np.isnan(dd.grad(f)(0.0))
    x = np.array([0.0, 1.0])
    for mode in BY_MODE.values():
        j = mode(f)(x)
        assert np.isnan(j[0, 0])
        assert j[0, 1] == 0.0 and j[1, 0] == 0.0
        assert j[1, 1] == pytest.approx(1.0)


def test_direction_with_zeros():
    _, ydot = dd.jvp(np.sqrt, (np.array([0.0, 4.0]),), (np.array([0.0, 1.0]),))
    assert_array_equal(ydot, [0.0, 0.25])


def test_gradient_of_a_sum_keeps_infinity():
    assert_array_equal(dd.grad(lambda x: np.sum(np.sqrt(x)))(np.array([0.0, 4.0])), [inf, 0.25])
    _, pullback = dd.vjp(np.sqrt, np.array([0.0, 4.0]))
    assert_array_equal(pullback(np.array([0.0, 1.0]))[0], [0.0, 0.25])


def test_nested_derivatives():
    f = lambda x: np.sum(np.where(x > 0, x * np.log(np.where(x > 0, x, 1.0)), 0.0))
    h = dd.hessian(f)(np.array([0.0, 2.0]))
    assert_array_equal(h, [[0.0, 0.0], [0.0, 0.5]])
    g = lambda x: np.sum(x**1.5)
    assert_array_equal(dd.jacfwd(dd.grad(g))(np.array([0.0, 4.0])), [[inf, 0.0], [0.0, 0.375]])
    assert_array_equal(dd.jacrev(dd.grad(g))(np.array([0.0, 4.0])), [[inf, 0.0], [0.0, 0.375]])


@pytest.mark.parametrize("transform", [dd.derivative, dd.grad])
def test_python_float_at_the_edge_of_the_domain(transform):
    with np.errstate(divide="ignore"):
        assert transform(np.log)(0.0) == inf
        assert transform(np.log1p)(-1.0) == inf
        assert transform(np.arctanh)(1.0) == inf
        assert transform(lambda x: np.where(x > 0, np.log(x), 0.0))(0.0) == 0.0
    assert transform(np.sqrt)(0.0) == inf
    assert transform(lambda x: x**0.5)(0.0) == inf
    with pytest.raises(ZeroDivisionError):
        transform(lambda x: 1 / x)(0.0)  # as without a derivative


@pytest.mark.filterwarnings("ignore:invalid value")
def test_zero_that_an_outer_level_differentiates_is_no_structural_zero():
    x = np.array([0.0, 1.0])
    f = lambda z: np.stack([np.sqrt(z[0]), z[1] ** 2])
    assert_array_equal(dd.jacfwd(lambda s: dd.jvp(f, (x,), (s * np.ones(2),))[1])(0.0), [inf, 2.0])
    assert_array_equal(dd.jacfwd(lambda s: dd.vjp(f, x)[1](s * np.ones(2))[0])(0.0), [inf, 2.0])
    h = lambda z: z * np.array([np.nan, 1.0])
    v = np.array([1.0, 0.0])
    expected = [[np.nan, 0.0], [0.0, 1.0]]
    assert_array_equal(dd.jacfwd(lambda v: dd.jvp(h, (np.ones(2),), (v,))[1])(v), expected)
    assert_array_equal(dd.jacfwd(lambda v: dd.vjp(h, np.ones(2))[1](v)[0])(v), expected)
    hvp = lambda s: dd.hvp(lambda z: np.sum(z**1.5), (x,), (s * np.ones(2),))
    assert_array_equal(dd.derivative(hvp)(0.0), [inf, 0.75])


@pytest.mark.filterwarnings("ignore:invalid value")
def test_supports_of_buffers_that_hold_an_outer_tangent():
    x = np.array([0.0, 1.0])
    hvp = lambda s: dd.hvp(lambda z: np.cbrt(z[0] ** 3) + z[1] ** 2, (x,), (s * np.ones(2),))
    assert_array_equal(dd.derivative(hvp)(0.5), [np.nan, 2.0])


@each_mode
def test_linear_maps_leave_entries_unreached(mode):
    x = np.array([0.0, 1.0])
    assert_array_equal(mode(lambda z: np.sqrt(np.cumsum(z)))(x), [[inf, 0.0], [0.5, 0.5]])
    j = mode(lambda z: np.sqrt(np.abs(np.fft.irfft(np.fft.rfft(z)))) + np.imag(z * (1 + 2j)))(np.array([1.0, 4.0]))
    assert_array_equal(j.round(12), [[2.5, 0.0], [0.0, 2.25]])


@pytest.mark.parametrize("mode", [dd.jacfwd, dd.jacrev])
def test_a_sum_is_reached_by_what_reaches_any_of_its_terms(mode):
    def f(x):
        one, other = x[:1] * 2.0, x[1:2] * 3.0
        beside = np.sqrt(x[2:])  # at 0: a nan, which asks for supports
        return np.concatenate([(one + other) * 5.0, (other + one) * 7.0, (one - other) * 9.0, beside])

    expected = [[10.0, 15.0, 0.0], [14.0, 21.0, 0.0], [18.0, -27.0, 0.0], [0.0, 0.0, np.inf]]
    np.testing.assert_array_equal(mode(f)(np.array([0.5, 0.25, 0.0])), expected)


def test_pushforward_keeps_one_part_of_complex_numbers_where_the_other_is_written():
    def f(x):
        z = np.zeros(3, complex, like=x)
        z.real[:] = np.sqrt(x) ** 2
        z.imag[1:] = np.sqrt(x)[:2]
        return np.real(z * (1 + 2j))

    x, v = np.array([0.0, 1.0, 4.0]), np.array([0.0, 1.0, 1.0])
    with np.errstate(all="ignore"):
        assert_array_equal(dd.linearize(f, x)[1](v), [0.0, 1.0, 0.0])
