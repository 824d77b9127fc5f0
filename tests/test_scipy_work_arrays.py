"""Arrays that are made around a solver's function and filled by it in each of its runs."""

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
from numpy.testing import assert_allclose

import dualdiff as dd
from dualdiff.scipy import integrate, optimize
from dualdiff.testing import derivative_at_zero


def by_brentq(o, a):
    w = np.zeros(2)

    def F(x):
        w[0] = x**3
        w[1] = a
        return w[0] - w[1]

    return o.brentq(F, 0.0, 3.0)


def by_newton(o, a):
    w = np.zeros(2)

    def F(x):
        w[:] = 0.0
        w[0] += x**3
        w[0] -= a
        return w[0] + w[1]

    return o.newton(F, 1.0)


def by_fsolve(o, a):
    r = np.zeros(3)  # r[2] is 0 once and for all

    def F(u):
        r[0] = u[0] ** 3 - a
        r[1] = u[0] - u[1]
        return np.cumsum(r)[:2]

    return o.fsolve(F, [1.0, 1.0])[1]


def by_root_with_a_jacobian(o, a):
    r, J = np.empty(2), np.empty((2, 2))

    def F(u):
        r[0], r[1] = u[0] ** 3 - a, u[0] - u[1]
        return r.copy()

    def dF(u):
        J[0, 0], J[0, 1] = 3.0 * u[0] ** 2, 0.0
        J[1] = [1.0, -1.0]
        return J

    return o.root(F, [1.0, 1.0], jac=dF).x[1]


def by_views(o, a):
    A = np.zeros((2, 2))
    first, second = A

    def F(u):
        first[0] = u[0] ** 3
        first[1] = -a
        second[:] = u
        second[1] *= -1.0
        return np.sum(A, axis=1)

    return o.fsolve(F, [1.0, 1.0])[1]


def by_minimize(o, a):
    g = np.zeros(3)

    def f(x):
        for k in range(3):
            g[k] = (x[k] - (k + 1.0) * np.cbrt(a)) ** 2
        return np.sum(g)

    return o.minimize(f, np.zeros(3)).x[0]


def by_least_squares(o, a):
    r = np.zeros(4)

    def residual(x):
        for k in range(4):
            r[k] = (k + 1.0) * (x[0] - np.cbrt(a))
        return r.copy()

    return o.least_squares(residual, [1.0], xtol=1e-14).x[0]


@pytest.mark.parametrize("module", [scipy.optimize, optimize], ids=["scipy", "dualdiff"])
@pytest.mark.parametrize(
    "solve", [by_brentq, by_newton, by_fsolve, by_root_with_a_jacobian, by_views, by_minimize, by_least_squares]
)
def test_a_work_array_of_an_equation(solve, module):
    """x³ = a."""
    f = lambda a: solve(module, a)
    for _ in range(2):
        for transform in (dd.derivative, dd.grad):
            assert_allclose(transform(f)(2.0), 2.0 ** (-2 / 3) / 3.0, rtol=1e-8)
            assert_allclose(transform(transform(f))(2.0), -(2.0 ** (-5 / 3)) * 2.0 / 9.0, rtol=1e-7)


@pytest.mark.parametrize("method", ["RK45", "Radau", "LSODA", "odeint"])
@pytest.mark.parametrize("module", [scipy.integrate, integrate], ids=["scipy", "dualdiff"])
def test_a_work_array_of_a_right_hand_side(method, module):
    """y″ = −k y, whose third component rests."""

    def end(k):
        dy = np.zeros(3)

        def right(t, y):
            dy[0] = y[1]
            dy[1] = -k * y[0]
            return dy.copy()

        start = [1.0, 0.0, 5.0]
        if method == "odeint":
            return module.odeint(right, start, [0.0, 1.0], tfirst=True, rtol=1e-9, atol=1e-11)[-1, 0]
        return module.solve_ivp(right, (0.0, 1.0), start, method, rtol=1e-7, atol=1e-9).y[0, -1]

    for transform in (dd.derivative, dd.grad):
        assert_allclose(transform(end)(2.0), -np.sin(np.sqrt(2.0)) / (2.0 * np.sqrt(2.0)), rtol=1e-5)


def test_a_work_array_is_what_it_was_filled_with_last():
    def f(a):
        w = np.zeros(3)

        def F(x):
            w[0] = x**2
            w[1] = a * x
            return w[0] - a

        optimize.brentq(F, 0.0, 9.0)
        w[2] = 7.0 * a
        return w

    assert_allclose(dd.jacfwd(f)(2.0), [1.0, 1.5 * 2.0**0.5, 7.0], rtol=1e-10)
    assert_allclose(dd.jacrev(f)(2.0), [1.0, 1.5 * 2.0**0.5, 7.0], rtol=1e-10)


KEPT: dict[str, object] = {}


def filled(x, entries):
    w = KEPT.setdefault("w", np.zeros(2))
    for i in entries:
        w[i] = (i + 2.0) * x
    return w


@pytest.mark.parametrize("transform", [dd.derivative, dd.grad])
def test_what_an_ended_transform_left_in_an_array_is_overwritten_and_never_read(transform):
    KEPT.clear()
    for _ in range(3):
        assert transform(lambda x: np.prod(filled(x, (0, 1))))(2.0) == 24.0
    for read in (lambda w: w[1], np.sum, lambda w: w * 2.0, lambda w: w[:], lambda w: w[0:1]):
        with pytest.raises(dd.EscapedDual):
            transform(lambda x, read=read: np.sum(read(filled(x, (0,)))))(3.0)
    assert transform(lambda x: filled(x, (0,))[0])(3.0) == 2.0
    assert transform(lambda x: np.prod(filled(x, (1, 0))))(1.0) == 12.0


@pytest.mark.parametrize("transform", [dd.derivative, dd.grad])
def test_what_an_inner_transform_left_beside_the_outer_one_is_never_read(transform):
    def outer(a, read):
        w = np.zeros(2)
        w[0] = a

        def inner(x, stale):
            left = w[1] if stale else 0.0
            w[1] = x * a
            return w[1] * x + w[0] * left

        first = dd.derivative(lambda x: inner(x, False))(2.0)
        return first + dd.derivative(lambda x: inner(x, read))(3.0)

    assert transform(lambda a: outer(a, False))(2.0) == 10.0
    with pytest.raises(dd.EscapedDual):
        transform(lambda a: outer(a, True))(2.0)


@pytest.mark.parametrize(
    "view",
    [
        lambda w: w.reshape(2, 2),
        lambda w: w.reshape(2, 2).T[1],
        lambda w: np.moveaxis(w.reshape(1, 2, 2), 0, 2)[::-1],
        lambda w: np.expand_dims(w[1:], 1).ravel()[1:],
        lambda w: w.real,
    ],
)
def test_a_view_of_any_kind_follows_a_work_array_that_is_filled_again(view):
    V = view(np.arange(4))  # which entries it shows

    def program(x):
        w = np.zeros(4)
        v = view(w)

        def energy(u):
            for i in range(4):
                w[i] = u[i] * x[i]
            v[...] *= u[0]
            return np.sum(w**2) + np.sum(v * x[3])

        first = dd.grad(energy)(2.0 * x)
        return first + dd.jacfwd(energy)(x)

    def by_hand(x):
        def gradient(u):
            seen = np.isin(np.arange(4), V)
            w = u * x * np.where(seen, u[0], 1.0)
            slope = 2.0 * w + np.where(seen, x[3], 0.0)
            g = slope * x * np.where(seen, u[0], 1.0)
            g[0] += np.sum(np.where(seen, slope * u * x, 0.0))
            return g

        return gradient(2.0 * x) + gradient(x)

    x = np.array([0.7, -1.3, 2.1, 0.4])
    expected = np.transpose([np.imag(by_hand(x + 1e-30j * v)) / 1e-30 for v in np.eye(4)])
    for transform in (dd.jacfwd, dd.jacrev):
        assert_allclose(transform(program)(x), expected, rtol=1e-12)


@pytest.mark.parametrize("kind", ["vjp", "linearize", "jacobian"])
def test_a_record_that_is_kept_does_not_see_what_the_work_array_is_filled_with_later(kind):
    def along(x, make):
        def energy(u):
            w = make()
            w[0] = u[0]
            for i in range(1, 4):
                w[i] = w[i - 1] * u[i] + x[i] * w[0]
            v = w[::-1]
            v[1:3] = v[:2] * x[0]
            return v @ u

        if kind == "vjp":
            pullback, other = dd.vjp(energy, x)[1], dd.vjp(energy, x * x)[1]
            return pullback(1.0)[0] + other(2.0)[0]
        if kind == "linearize":
            pushforward = dd.linearize(energy, x)[1]
            return pushforward(x) * dd.grad(energy)(2.0 * x) + pushforward(x * x)
        return dd.jacrev(energy)(x) + dd.jacfwd(lambda y: dd.grad(energy)(y) @ x)(x)

    def shared(x):
        work = np.zeros(4)
        return along(x, lambda: work)

    x = np.array([0.7, -1.3, 2.1, 0.4])
    fresh = lambda x: along(x, lambda: np.zeros(4))
    expected = np.transpose([derivative_at_zero(lambda t, v=v: fresh(x + t * v), 1e-2)[0] for v in np.eye(4)])
    for transform in (
        dd.jacfwd,
        dd.jacrev,
        lambda f: lambda x: np.transpose([dd.linearize(f, x)[1](v) for v in np.eye(4)]),
    ):
        assert_allclose(transform(shared)(x), expected, rtol=1e-7)
    total = lambda f: dd.hessian(lambda x: np.sum(f(x)))(x)
    assert_allclose(total(shared), total(fresh), rtol=1e-12)
