"""`dualdiff.scipy.interpolate`: every derivative of every interpolant, knots and ends, what is refused."""

from functools import partial

import numpy as np
import pytest
import scipy.interpolate as plain
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd
from dualdiff.errors import UnsupportedFunction
from dualdiff.scipy import interpolate as ip
from tests.scipy_samples import check as check_all

check = partial(check_all, step=1e-4, rtol=1e-6)  # points stay in their pieces

rng = np.random.default_rng(0)
X = np.array([0.1, 0.7, 1.0, 1.9, 2.3, 3.1, 3.5, 4.2, 5.0])
Y = rng.uniform(-1, 1, 9)
YS = rng.uniform(-1, 1, (2, 9, 3))
P = np.array([[0.43, 1.21, 2.81], [4.43, 3.37, 2.17]])
OUT = np.array([-0.53, 1.21, 6.02])


def closed(y):
    return np.concatenate([y, y[:1]])


@pytest.mark.parametrize(
    "bc_type",
    ["not-a-knot", "natural", "clamped", ((1, 0.3), (2, -0.4)), ((2, 0.3), (1, 0.1)), ("not-a-knot", "natural")],
)
def test_cubic_spline_in_points_values_and_knots(bc_type):
    check(lambda x, y, p: ip.CubicSpline(x, y, bc_type=bc_type)(p), X, Y, P)


def test_cubic_spline_along_an_axis_with_boundary_values():
    check(lambda x, y, p: ip.CubicSpline(x, y, axis=1)(p), X, YS, P)
    check(
        lambda x, y, p, u, v: ip.CubicSpline(x, y, axis=-2, bc_type=((1, u), (2, v)))(p),
        X,
        YS,
        P[0],
        YS[:, 0],
        YS[:, 1],
    )


@pytest.mark.parametrize("n", [2, 3, 4, 9])
def test_cubic_spline_of_few_points_and_periodic_ones(n):
    check(lambda x, y: ip.CubicSpline(x, y)(OUT), X[:n], Y[:n])
    check(lambda x, y: ip.CubicSpline(x, y, bc_type="natural")(OUT), X[:n], Y[:n])
    check(lambda x, y, p: ip.CubicSpline(x, closed(y), bc_type="periodic")(p), X[:n], YS[0, : n - 1], OUT)


def test_derivatives_of_a_spline_by_nu_and_by_derivative():
    def all_orders(x, y, p):
        spline = ip.CubicSpline(x, y)
        return [(spline(p, nu), spline.derivative(nu)(p)) for nu in (1, 2, 3, 4)]

    check(all_orders, X, Y, P)


def test_antiderivative_and_integral_of_a_spline():
    def integrals(x, y, p, a, b):
        spline = ip.CubicSpline(x, y)
        return spline.antiderivative()(p), spline.antiderivative(3)(p), spline.integrate(a, b)

    check(integrals, X, Y, P, 0.3, 4.1)
    check(lambda x, y, a, b: ip.CubicSpline(x, y).integrate(a, b), X, YS[0], 4.3, -1.0)
    for a, b in ((0.3, 14.0), (2.0, -14.0)):
        check(lambda x, y, a, b: ip.CubicSpline(x, closed(y), bc_type="periodic").integrate(a, b), X, Y[:8], a, b)


def test_complex_values_of_a_spline():
    check(lambda x, y, p: ip.CubicSpline(x, y)(p), X, YS[0] + 1j * YS[1], P)


@pytest.mark.parametrize(
    "interpolant",
    [ip.PchipInterpolator, ip.Akima1DInterpolator, partial(ip.Akima1DInterpolator, method="makima")],
    ids=["pchip", "akima", "makima"],
)
@pytest.mark.parametrize("n", [3, 4, 9])
def test_pchip_and_akima_in_points_values_and_knots(interpolant, n):
    inner = lambda x: x[0] + (x[-1] - x[0]) * P / 5.5
    check(lambda x, y, p: interpolant(x, y)(p), X[:n], Y[:n], inner(X[:n]))
    check(lambda x, y: interpolant(x, y, axis=-2)(inner(x)), X[:n], YS[:, :n])


def test_pchip_of_two_points_is_a_line():
    check(lambda x, y, p: ip.pchip(x, y)(p), X[:2], Y[:2], P)


def test_pchip_is_flat_where_the_data_turn():
    slope = lambda y: ip.PchipInterpolator(np.arange(4.0), y)(1.0, 1)
    assert_array_equal(dd.grad(slope)(np.array([0.0, 1.0, 0.5, 2.0])), np.zeros(4))


def test_hermite_spline_and_piecewise_polynomials():
    check(lambda x, y, d, p: ip.CubicHermiteSpline(x, y, d)(p), X, Y, Y * Y, P)
    c = rng.uniform(-1, 1, (3, 8, 2))
    check(lambda c, x, p: ip.PPoly(c, x)(p), c, X, P)
    check(lambda c, x, p: ip.PPoly(c, x)(p), c + 1j * c * c, X, P)
    check(lambda c, x, p: ip.PPoly(c, x, axis=1)(p), c.transpose(2, 0, 1), X, P)
    check(lambda c, x, p: ip.PPoly(c, x, extrapolate="periodic")(p), c, X, OUT)
    check(lambda c, x, p: ip.PPoly(c, x[::-1])(p), c, X, OUT)
    check(lambda c, x: ip.PPoly(c, x[::-1]).integrate(4.0, 1.2), c, X)


@pytest.mark.parametrize("k", [0, 1, 2, 3, 5])
def test_bspline_in_knots_coefficients_and_points(k):
    t, c = np.cumsum(rng.uniform(0.2, 0.6, k + 10)), rng.uniform(-1, 1, 9)
    a, b = t[k] + 0.11, t[9] - 0.12
    p = np.linspace(a, b, 4).reshape(2, 2) + 0.01

    def at_points(t, c, p):
        spline = ip.BSpline(t, c, k)
        around = ip.BSpline(t, c, k, extrapolate="periodic")(p + 7)
        orders = [spline(p, nu) for nu in {0, 1, k, k + 1}]
        return orders, around, spline.antiderivative(2)(p), spline.derivative()(p) if k else None

    def between(t, c, a, b):
        return [ip.BSpline(t, c, k).integrate(a, b, extrapolate) for extrapolate in (True, False, "periodic")]

    check(at_points, t, c, p)
    check(between, t, c, a, b)
    check(lambda t, c, a, b, p: ((s := ip.BSpline(t, c, k, axis=1))(p), s.integrate(a, b)), t, YS, b, a, p)
    if k:
        check(lambda t, c, a, b: ip.BSpline(t, c, k).integrate(a, b, False), t, c, b + 0.3, a - 0.3)


@pytest.mark.parametrize("k", [0, 1, 2, 3, 5])
def test_spline_through_points(k):
    check(lambda x, y, p: ip.make_interp_spline(x, y, k)(p), X, Y, P)
    check(lambda x, y, p: ip.make_interp_spline(x, y, k, axis=1)(p), X, YS, P)


def test_spline_through_points_with_boundary_values_or_knots():
    for bc_type in ("natural", "clamped", ("natural", "clamped"), ([(1, 0.3)], [(2, 0.5)])):
        check(lambda x, y, p: ip.make_interp_spline(x, y, bc_type=bc_type)(p), X, Y, P)
    both = lambda u: ([(1, u)], [(2, 2 * u)])
    check(lambda x, y, u: ip.make_interp_spline(x, y, bc_type=both(u))(P), X, Y, np.float64(0.4))
    check(lambda x, y, u: ip.make_interp_spline(x, y, axis=1, bc_type=both(u))(P), X, YS, YS[:, 0])
    knots = lambda x, t: np.concatenate([x[:1]] * 4 + [t] + [x[-1:]] * 4)
    check(lambda x, y, t: ip.make_interp_spline(x, y, 3, knots(x, t))(P), X, Y, X[2:-2] + 0.1)


KINDS = ["linear", "nearest", "nearest-up", "previous", "next", "zero", "slinear", "quadratic", "cubic", 5]


@pytest.mark.parametrize("kind", KINDS)
def test_interp1d_in_points_values_knots_and_fill(kind):
    shuffled = rng.permutation(9)
    check(lambda x, y, p: ip.interp1d(x, y, kind)(p), X[shuffled], Y[shuffled], P)
    check(lambda x, y, p: ip.interp1d(x, y, kind, axis=1)(p), X, YS, P)
    if kind in ("linear", "nearest", "quadratic", "cubic"):
        check(lambda x, y, p: ip.interp1d(x, y, kind, fill_value="extrapolate")(p), X, Y, OUT)


@pytest.mark.parametrize("kind", ["linear", "nearest", "previous", "cubic"])
def test_complex_values_and_what_fills_of_each_way_to_interpolate(kind):
    """A line, a value that is copied, from one side, a spline: around them, all kinds are one program."""
    check(lambda x, y, p: ip.interp1d(x, y, kind, axis=-2)(p), X, YS * (1 + 1j), P[0, 0])
    pair = lambda f: (f, 2 * f)
    check(lambda x, y, f: ip.interp1d(x, y, kind, bounds_error=False, fill_value=pair(f))(OUT), X, Y, np.float64(0.3))
    check(lambda y, f: ip.interp1d(X, y, kind, bounds_error=False, fill_value=f, axis=1)(OUT), YS, YS[:, 0])


@pytest.mark.parametrize("method", ["linear", "nearest"])
def test_interpolation_on_a_grid(method):
    a, b, c = X[:4], X[:5] * 2, X[:3] - 1
    values = rng.uniform(-1, 1, (4, 5, 3, 2))
    xi = np.stack([np.array([[0.2, 0.8], [1.1, 1.8]]), np.array([[3.0, 0.9], [1.9, 1.5]]), P[:, :2] / 6 - 0.9], axis=-1)
    made = partial(ip.RegularGridInterpolator, method=method)
    for v in (values, values[..., 0], values * 1j):
        check(lambda a, b, c, v, xi: made((a, b, c), v)(xi), a, b, c, v, xi)
    check(lambda a, b, c, v, xi: made((a, b[::-1], c), v)(xi), a, b, c, values, xi)
    check(lambda a, b, c, v, x, y: made((a, b, c), v)((x, y, -0.5)), a, b, c, values, xi[..., 0], xi[0, :, 1])
    check(lambda v, xi: made((a, b, c), v, bounds_error=False, fill_value=None)(xi), values, xi * 2.1)
    check(lambda v, xi, f: ip.interpn((a, b, c), v, xi, method, False, f) * 1, values, xi * 1.5, np.float64(0.3))
    check(lambda v, xi: made((a,), v)(xi), values[:, 0, 0, 0], xi[0, :, 0])
    check(lambda a, b, v, xi: made((a, b), v)(xi), a, b, values[..., 0, 0], xi[..., :2])


def test_linear_interpolation_at_a_knot_has_the_slope_of_the_piece_that_scipy_evaluates():
    x, y = np.arange(3.0), np.array([0.0, 1.0, 5.0])
    right, left = 4.0, 1.0
    assert dd.derivative(ip.interp1d(x, y))(1.0) == right  # np.interp
    assert dd.derivative(ip.interp1d(x, y, fill_value="extrapolate"))(1.0) == left
    assert dd.derivative(lambda t: ip.interp1d(x, y[:, None], axis=0)(t)[0])(1.0) == left
    assert dd.derivative(ip.make_interp_spline(x, y, 1))(1.0) == right
    assert dd.derivative(lambda t: ip.RegularGridInterpolator((x,), y)([t])[0])(1.0) == right
    for end, slope in ((0.0, 1.0), (2.0, 4.0)):
        assert dd.derivative(ip.interp1d(x, y))(end) == slope
        assert dd.derivative(ip.interp1d(x, y, fill_value="extrapolate"))(end) == slope
    # A corner of the values of only one piece shows which one it is.
    for at in (0.0, 1.0, 2.0):
        for extra in ({}, {"fill_value": "extrapolate"}):
            pieces = dd.grad(lambda y: plain_slope(x, y, at, extra))(y)
            assert np.count_nonzero(pieces) == 2


def plain_slope(x, y, at, extra):
    return dd.jvp(lambda t: ip.interp1d(x, y, **extra)(t), (at,), (1.0,))[1]


def test_derivative_outside_without_extrapolation_is_nan_and_can_be_selected_away():
    x, y = np.arange(3.0), np.array([0.0, 1.0, 5.0])
    points = np.array([0.5, 7.0])
    for f in (
        ip.interp1d(x, y, bounds_error=False),
        ip.PPoly(np.ones((2, 2)), x, extrapolate=False),
        ip.Akima1DInterpolator(x, y),
        ip.BSpline(np.arange(6.0) - 1.0, np.ones(4), 1, extrapolate=False),
        lambda t: ip.RegularGridInterpolator((x,), y, bounds_error=False)(t),
    ):
        for jacobian in (dd.jacfwd, dd.jacrev):
            assert_array_equal(np.isnan(jacobian(f)(points)), [[False, False], [False, True]])
            chosen = jacobian(lambda t, f=f: np.where(t < 2, f(t), 0.0))(points)
            assert np.all(np.isfinite(chosen)) and not np.any(chosen[:, 1])


def test_lists_of_duals_and_variables_are_taken_as_arrays():
    f = lambda a: ip.CubicSpline([0, 1, 2.0], [a, a * a, 3 * a])(0.5)
    assert_allclose(dd.grad(f)(1.0), 1.5)
    v = dd.Variable(1.0)
    f(v).backward()
    assert_allclose(v.grad, 1.5)


def test_data_that_are_overwritten_later_do_not_change_the_interpolant():
    def f(y):
        y = y * 1.0
        x = y * y + np.arange(4.0)
        spline = ip.CubicSpline(x, y)
        table = ip.interp1d(x, y)
        y[:] = 0.0
        x[:] = 0.0
        return spline(2.3) * table(2.3)

    def g(y):
        x = y * y + np.arange(4.0)
        return ip.CubicSpline(x, y)(2.3) * ip.interp1d(x, y)(2.3)

    y = np.array([0.3, 0.1, 0.4, 0.2])
    assert_allclose(dd.grad(f)(y), dd.grad(g)(y))
    assert_allclose(dd.jacfwd(f)(y), dd.grad(g)(y))


def test_on_plain_arrays_it_is_scipy():
    spline, expected = ip.CubicSpline(X, Y), plain.CubicSpline(X, Y)
    assert_array_equal(spline(P), expected(P))
    assert_array_equal(spline.c, expected.c)
    assert_array_equal(spline.roots(), expected.roots())
    grid = ip.RegularGridInterpolator((X,), Y, method="cubic")
    assert_array_equal(grid(P[..., None]), plain.RegularGridInterpolator((X,), Y, method="cubic")(P[..., None]))


def test_what_has_no_derivative_says_so():
    cases = [
        (lambda y: ip.CubicSpline(X, y).roots(), "roots"),
        (lambda y: ip.make_interp_spline(X, closed(y[1:]), bc_type="periodic")(1.0), "CubicSpline has it"),
        (lambda y: ip.RegularGridInterpolator((X,), y, method="cubic")([1.0]), "method='cubic'"),
        (lambda y: ip.RegularGridInterpolator((X,), y)([1.0], method="pchip"), "method='pchip'"),
    ]
    for f, reason in cases:
        with pytest.raises(UnsupportedFunction, match=reason):
            dd.jacrev(f)(Y)
    with pytest.raises(AttributeError, match="it has Akima1DInterpolator, BSpline"):
        ip.SmoothBivariateSpline  # noqa: B018
    with pytest.raises(ValueError, match="strictly increasing"):
        dd.grad(lambda y: ip.CubicSpline(X[::-1], y)(1.0))(Y)
    with pytest.raises(ValueError, match="above the interpolation range"):
        dd.grad(lambda t: ip.interp1d(X, Y)(t))(7.0)
