"""Least squares and fits: derivatives against minima whose stationarity is written by hand and solved to the end."""

import warnings

import numpy as np
import pytest
import scipy.optimize
from numpy.testing import assert_allclose

import dualdiff as dd
from dualdiff.scipy import optimize
from dualdiff.testing import derivative_at_zero

D = dd.derivative
T = np.linspace(0.0, 4.0, 20)
NOISE = np.random.default_rng(0).standard_normal(20)
DATA = 2.5 * np.exp(-1.3 * T) + 0.5 + 0.05 * NOISE + np.where(np.arange(20) == 3, 1.0, 0.0)
START = [2.0, 0.8, 0.3]
V = np.random.default_rng(1).standard_normal(20)


def model(t, a, b, c):
    return a * np.exp(-b * t) + c


def by_hand(t, p):
    """The Jacobian of the model."""
    a, b, _ = p
    e = np.exp(-b * t)
    return np.stack([e, -a * t * e, np.ones_like(t)], axis=1)


# ρ'(z)
SLOPES = {
    "linear": lambda z: np.ones_like(z),
    "soft_l1": lambda z: (1 + z) ** -0.5,
    "huber": lambda z: np.where(z <= 1, 1.0, np.maximum(z, 1.0) ** -0.5),
    "cauchy": lambda z: 1 / (1 + z),
    "arctan": lambda z: 1 / (1 + z * z),
}


def oracle(s, loss="linear", scale=1.0, weights=1.0, pinned=None):
    """The fit at data that moved by s, to the last digits: stationarity by hand, solved with its own differences."""
    y = DATA + s * V

    def F(p):
        p = p if pinned is None else np.array([p[0], pinned, p[1]])
        r = weights * (model(T, *p) - y)
        g = (weights * by_hand(T, p).T) @ (SLOPES[loss]((r / scale) ** 2) * r)
        return g if pinned is None else g[[0, 2]]

    start = optimize.least_squares(lambda p: weights * (model(T, *p) - y), START, loss=loss, f_scale=scale).x
    p = start if pinned is None else start[[0, 2]]
    before, h = np.inf, 1e-5
    for _ in range(60):  # Newton's method by differences of F: converges linearly, and fast; to where it is rounding
        J = np.stack([(F(p + h * e) - F(p - h * e)) / (2 * h) for e in np.eye(p.size)], axis=1)
        step = np.linalg.solve(J, F(p))
        p = p - step
        if before <= (size := np.max(np.abs(step))) < 1e-13:
            break
        before = size
    return p if pinned is None else np.array([p[0], pinned, p[1]])


def along(f, step=3e-3):
    return derivative_at_zero(f, step)[0]


def residual(s, p):
    return model(T, *p) - DATA - s * V


CASES = {
    "trf": {},
    "lm": {"method": "lm"},
    "dogbox": {"method": "dogbox"},
    "soft_l1": {"loss": "soft_l1", "f_scale": 0.1},
    "huber": {"loss": "huber", "f_scale": 0.1},
    "cauchy": {"loss": "cauchy", "f_scale": 0.1},
    "arctan": {"loss": "arctan", "f_scale": 0.5},
    "a loss of one's own": {"loss": lambda z: np.stack([np.log1p(z), 1 / (1 + z), -1 / (1 + z) ** 2]), "f_scale": 0.1},
}


@pytest.mark.parametrize("name", CASES)
def test_a_fit_has_the_derivatives_of_its_own_stationarity(name):
    options = CASES[name]
    loss = options.get("loss", "linear")
    loss = loss if isinstance(loss, str) else "cauchy"
    solve = lambda s: optimize.least_squares(lambda p: residual(s, p), START, **options).x
    expected = along(lambda s: oracle(s, loss, options.get("f_scale", 1.0)))

    assert_allclose(dd.jacfwd(solve)(0.0), expected, rtol=2e-7)
    assert_allclose(dd.jacrev(solve)(0.0), dd.jacfwd(solve)(0.0), rtol=1e-11)
    first = lambda s: dd.jacfwd(solve)(s)
    assert_allclose(dd.jacfwd(dd.jacrev(solve))(0.0), along(first, 1e-3), rtol=2e-6, atol=1e-8)
    assert dd.jvp(solve, (0.0,), (1.0,))[0].tobytes() == solve(0.0).tobytes()


@pytest.mark.parametrize("loss", ["soft_l1", "cauchy", "arctan"])
def test_the_scale_of_a_loss_moves_the_fit(loss):
    solve = lambda C: optimize.least_squares(lambda p: residual(0.0, p), START, loss=loss, f_scale=C).x
    expected = along(lambda h: oracle(0.0, loss, 0.5 + h))

    assert_allclose(dd.jacfwd(solve)(0.5), expected, rtol=1e-6)
    assert_allclose(dd.jacrev(solve)(0.5), expected, rtol=1e-6)


@pytest.mark.parametrize("method", ["trf", "dogbox"])
def test_at_an_active_bound_the_rest_of_the_fit_moves(method):
    def solve(s, top):
        limits = (np.zeros(3), np.stack([3.0, top, 1.0]))
        return optimize.least_squares(lambda p: residual(s, p), START, bounds=limits, method=method).x

    for J in (dd.jacfwd, dd.jacrev):
        by_data, by_bound = J(solve, argnums=(0, 1))(0.0, 1.0)
        assert_allclose(by_data, along(lambda s: oracle(s, pinned=1.0)), rtol=1e-7, atol=1e-12)
        assert_allclose(by_bound, along(lambda h: oracle(0.0, pinned=1.0 + h)), rtol=1e-7)


def test_cost_residual_gradient_and_jacobian_of_a_result():
    solve = lambda s: optimize.least_squares(lambda p: residual(s, p), START)
    p = lambda s: oracle(s)

    cost = along(lambda s: 0.5 * np.sum(residual(s, p(s)) ** 2))
    assert_allclose(D(lambda s: solve(s).cost)(0.0), cost, rtol=1e-6)
    assert_allclose(dd.jacfwd(lambda s: solve(s).fun)(0.0), along(lambda s: residual(s, p(s))), rtol=1e-6, atol=1e-8)
    assert_allclose(dd.jacfwd(lambda s: solve(s).grad)(0.0), np.zeros(3), atol=1e-10)
    expected = along(lambda s: by_hand(T, p(s)))
    assert_allclose(dd.jacfwd(lambda s: solve(s).jac)(0.0), expected, rtol=1e-6, atol=1e-8)
    with pytest.raises(dd.UnsupportedFunction, match="optimality"):
        D(lambda s: solve(s).optimality * solve(s).cost)(0.0)
    robust = lambda s: optimize.least_squares(lambda p: residual(s, p), START, loss="cauchy", f_scale=0.1)
    with pytest.raises(dd.UnsupportedFunction, match="jac of the result"):
        D(lambda s: np.sum(robust(s).jac))(0.0)
    robust_cost = lambda s: 0.005 * np.sum(np.log1p((residual(s, oracle(s, "cauchy", 0.1)) / 0.1) ** 2))
    assert_allclose(D(lambda s: robust(s).cost)(0.0), along(robust_cost), rtol=1e-6)


def test_what_did_not_converge_is_refused():
    with pytest.raises(ValueError, match="not converge"):
        dd.jacfwd(lambda s: optimize.least_squares(lambda p: residual(s, p), START, max_nfev=2).x)(0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        with pytest.raises(ValueError, match="not converge"):
            dd.jacfwd(lambda s: optimize.leastsq(lambda p: residual(s, p), START, maxfev=2)[0])(0.0)
    with pytest.raises(RuntimeError, match="Optimal parameters not found"):
        dd.jacfwd(lambda y: optimize.curve_fit(model, T, y, START, maxfev=2)[0])(DATA)


def test_exact_jacobians_are_supplied():
    f = lambda p: residual(0.0, p)
    jac = lambda p: by_hand(T, p)

    for method in ("trf", "lm", "dogbox"):
        ours = optimize.least_squares(f, START, method=method)
        theirs = scipy.optimize.least_squares(f, START, jac, method=method)
        assert_allclose(ours.x, theirs.x, rtol=1e-10)
        assert ours.nfev == theirs.nfev
    assert_allclose(optimize.leastsq(f, START)[0], scipy.optimize.leastsq(f, START, Dfun=jac)[0], rtol=1e-10)
    for method in ("lm", "trf"):
        ours = optimize.curve_fit(model, T, DATA, START, method=method, full_output=True)
        theirs = scipy.optimize.curve_fit(
            model, T, DATA, START, method=method, jac=lambda t, *p: by_hand(t, p), full_output=True
        )
        assert_allclose(ours[0], theirs[0], rtol=1e-10)
        assert ours[2]["nfev"] == theirs[2]["nfev"]
    import math

    plain_only = lambda p: [math.exp(p[0]) - 2.0, p[0] - 1.0]
    assert optimize.least_squares(plain_only, [0.0]).x == scipy.optimize.least_squares(plain_only, [0.0]).x


def test_leastsq():
    solve = lambda s: optimize.leastsq(lambda p: residual(s, p), START, full_output=True)
    expected = along(oracle)

    assert_allclose(dd.jacfwd(lambda s: solve(s)[0])(0.0), expected, rtol=1e-6)
    assert_allclose(dd.jacrev(lambda s: optimize.leastsq(lambda p: residual(s, p), START)[0])(0.0), expected, rtol=1e-6)
    covariance = along(lambda s: np.linalg.inv(by_hand(T, oracle(s)).T @ by_hand(T, oracle(s))))
    assert_allclose(dd.jacfwd(lambda s: solve(s)[1])(0.0), covariance, rtol=1e-6, atol=1e-8)


# curve_fit


FITS = {
    "plain": {},
    "sigma": {"sigma": 0.1 + 0.02 * T},
    "absolute sigma": {"sigma": 0.1 + 0.02 * T, "absolute_sigma": True},
    "one sigma": {"sigma": 0.3, "absolute_sigma": True},
    "trf": {"method": "trf"},
}


@pytest.mark.parametrize("name", FITS)
def test_popt_and_pcov_have_derivatives_in_the_data(name):
    options = FITS[name]
    weights = 1.0 / options.get("sigma", 1.0)
    fit = lambda s: optimize.curve_fit(model, T, DATA + s * V, START, **options)

    def covariance(s):
        p = oracle(s, weights=weights)
        J = (weights * by_hand(T, p).T).T
        r = weights * residual(s, p)
        return np.linalg.inv(J.T @ J) * (1.0 if options.get("absolute_sigma") else r @ r / (20 - 3))

    assert_allclose(fit(0.0)[1], covariance(0.0), rtol=1e-3)  # MINPACK's is that of its last but one step
    popt, pcov = dd.jacfwd(fit)(0.0)
    assert_allclose(popt, along(lambda s: oracle(s, weights=weights)), rtol=1e-6)
    assert_allclose(pcov, along(covariance), rtol=2e-6, atol=1e-8)
    for a, b in zip(dd.jacrev(fit)(0.0), (popt, pcov), strict=True):
        assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    for a, b in zip(dd.jvp(fit, (0.0,), (1.0,))[0], fit(0.0), strict=True):
        assert a.tobytes() == b.tobytes()


def test_a_covariance_of_the_data_and_its_own_derivative():
    C = np.diag(0.1 + 0.02 * T) + 0.01
    fit = lambda C: optimize.curve_fit(model, T, DATA, START, sigma=C, absolute_sigma=True)
    W = np.random.default_rng(2).standard_normal((20, 20))
    W = 0.005 * (W + W.T)

    def exact(h):
        P = np.linalg.inv(C + h * W)
        F = lambda p: by_hand(T, p).T @ P @ residual(0.0, p)
        p = fit(C)[0]
        for _ in range(60):
            J = np.stack([(F(p + 1e-5 * e) - F(p - 1e-5 * e)) / 2e-5 for e in np.eye(3)], axis=1)
            p = p - np.linalg.solve(J, F(p))
        return [p, np.linalg.inv(by_hand(T, p).T @ P @ by_hand(T, p))]

    for found, expected in zip(dd.jvp(fit, (C,), (W,))[1], derivative_at_zero(exact, 1e-2), strict=True):
        assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


def test_derivatives_in_points_sigma_and_what_the_model_closes_over():
    import tests.scipy_samples as samples

    def fit(x, sigma, k):
        f = lambda x, a, b: a * np.tanh(b * x) + k * x
        y = np.array([0.1, 0.55, 0.75, 1.1, 1.0, 1.3])
        return optimize.curve_fit(f, x, y, [1.0, 1.0], sigma, ftol=1e-13, xtol=1e-13, gtol=1e-13)[0]

    x = np.array([0.0, 0.5, 1.0, 1.5, 2.0, 2.5])
    samples.check(fit, x, np.linspace(0.1, 0.2, 6), 0.1, float32=False, rtol=3e-6, step=1e-2)


def test_a_start_and_parameters_found_by_scipy_itself():
    f = lambda x, a, b: a * np.tanh(b * x)
    x, y = np.linspace(0.1, 2.0, 8), 1.3 * np.tanh(0.9 * np.linspace(0.1, 2.0, 8)) + 0.01 * NOISE[:8]

    assert_allclose(optimize.curve_fit(f, x, y)[0], scipy.optimize.curve_fit(f, x, y)[0], rtol=1e-6)
    inside = optimize.curve_fit(f, x, y, bounds=([0, 0.1], [5, 3]))
    assert_allclose(inside[0], scipy.optimize.curve_fit(f, x, y, bounds=([0, 0.1], [5, 3]))[0], rtol=1e-5)
    J = dd.jacrev(lambda y: optimize.curve_fit(f, x, y)[0])(y)
    assert_allclose(dd.jacrev(lambda y: optimize.curve_fit(f, x, y, bounds=([0, 0.1], [5, 3]))[0])(y), J, rtol=1e-9)
    assert_allclose(dd.jacfwd(lambda y: optimize.curve_fit(f, list(x), y)[0])(y), J, rtol=1e-9)
    with pytest.raises(ValueError, match="number of fit parameters"):
        optimize.curve_fit(lambda *args: args[0], x, y)


def test_missing_data_are_left_out_and_have_derivative_zero():
    y = np.where(np.arange(20) == 5, np.nan, DATA)
    fit = lambda y: optimize.curve_fit(model, T, y, START, nan_policy="omit", check_finite=False)[0]
    keep = np.arange(20) != 5
    short = dd.jacrev(lambda y: optimize.curve_fit(model, T[keep], y, START)[0])(DATA[keep])

    assert_allclose(dd.jacrev(fit)(y)[:, keep], short, rtol=1e-12)
    assert_allclose(dd.jacrev(fit)(y)[:, 5], 0.0)


def test_the_rest_of_the_full_output():
    def fit(s):
        _, _, report, message, status = optimize.curve_fit(model, T, DATA + s * V, START, full_output=True)
        assert isinstance(message, str)
        assert isinstance(report["nfev"], int)
        assert status in (1, 2, 3, 4)
        return report

    expected = along(lambda s: residual(s, oracle(s)))
    assert_allclose(dd.jacfwd(lambda s: fit(s)["fvec"])(0.0), expected, rtol=1e-6, atol=1e-8)
    with pytest.raises(dd.UnsupportedFunction, match="fjac"):
        D(lambda s: np.sum(fit(s)["fjac"]))(0.0)


# Linear problems.

A = np.random.default_rng(3).standard_normal((6, 4))
DA = np.random.default_rng(4).standard_normal((6, 4))


def test_nnls_moves_in_its_free_block_only():
    b = A @ [1.0, -0.5, 2.0, -1.0]
    plain, _ = scipy.optimize.nnls(A, b)
    free = plain > 0
    assert 0 < np.count_nonzero(free) < 4

    def exact(h):
        x = np.zeros(4)
        x[free] = np.linalg.lstsq((A + h * DA)[:, free], b * (1 + h), rcond=None)[0]
        return [x, np.linalg.norm((A + h * DA) @ x - b * (1 + h))]

    solve = lambda h: optimize.nnls(A + h * DA, b * (1 + h))
    expected = derivative_at_zero(exact, 1e-3)
    for J in (dd.jacfwd, dd.jacrev):
        for found, wanted in zip(J(solve)(0.0), expected, strict=True):
            assert_allclose(found, wanted, rtol=1e-8, atol=1e-10)
    assert dd.jvp(solve, (0.0,), (1.0,))[0][0].tobytes() == plain.tobytes()
    assert optimize.nnls(A, b)[0].tobytes() == plain.tobytes()


def test_lsq_linear_with_bounds():
    b = A @ [1.0, -0.5, 2.0, -1.0]
    solve = lambda h: optimize.lsq_linear(A + h * DA, b, bounds=(-0.4, np.stack([2.0, 2.0, 1.5 + h, 2.0])))
    x = solve(0.0).x
    low, high = x <= -0.4 + 1e-9, x >= np.array([2, 2, 1.5, 2]) - 1e-9
    assert np.any(low | high)

    def exact(h):
        at = np.where(low, -0.4, np.where(high, np.array([2.0, 2.0, 1.5 + h, 2.0]), 0.0))
        free = ~(low | high)
        M = A + h * DA
        at[free] = np.linalg.lstsq(M[:, free], b - M @ at, rcond=None)[0]
        return [at, 0.5 * np.sum((M @ at - b) ** 2)]

    expected = derivative_at_zero(exact, 1e-3)
    for J in (dd.jacfwd, dd.jacrev):
        assert_allclose(J(lambda h: solve(h).x)(0.0), expected[0], rtol=1e-8, atol=1e-10)
    assert_allclose(D(lambda h: solve(h).cost)(0.0), expected[1], rtol=1e-7)


def test_ridge_regression_differentiated_in_its_penalty():
    X, Xv = np.random.default_rng(5).standard_normal((80, 12)), np.random.default_rng(6).standard_normal((30, 12))
    w = np.random.default_rng(7).standard_normal(12)
    y, yv = X @ w + NOISE[0], Xv @ w

    def loss(log_penalty):
        f = lambda w: np.sum((X @ w - y) ** 2) + np.exp(log_penalty) * np.sum(w**2)
        return np.sum((Xv @ optimize.minimize(f, np.zeros(12), method="L-BFGS-B").x - yv) ** 2)

    def closed(log_penalty):
        w = np.linalg.solve(X.T @ X + np.exp(log_penalty) * np.eye(12), X.T @ y)
        return np.sum((Xv @ w - yv) ** 2)

    # As exact as SciPy's own weights, which the outer loss is evaluated at.
    assert_allclose([D(loss)(0.5), dd.grad(loss)(0.5)], D(closed)(0.5), rtol=1e-4)
