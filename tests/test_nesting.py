"""Programs that once confused perturbations, in this field or in one package of it."""

import threading

import numpy as np
import pytest
from numpy.testing import assert_allclose

import dualdiff as dd

D = dd.derivative


def test_inner_variable_is_constant_for_the_outer_derivative():
    """Siskind and Pearlmutter's program: d/dx [x d/dy (x + y)] = 1, not 2."""
    assert D(lambda x: x * D(lambda y: x + y)(1.0))(1.0) == 1.0


def test_outer_variable_inside_the_inner_function():
    assert D(lambda x: x * D(lambda y: x * y)(2.0))(3.0) == 6.0
    assert D(lambda x: D(lambda y: x * x * y * y)(x))(3.0) == pytest.approx(2 * 3 * 9.0)


def test_derivative_of_a_derivative_of_a_derivative():
    f = np.sin
    for expected in (np.cos(0.7), -np.sin(0.7), -np.cos(0.7), np.sin(0.7)):
        f = D(f)
        assert f(0.7) == pytest.approx(expected, rel=1e-14)


def test_hessian_by_nesting_jacobians():
    """ForwardDiff.jl issue 83: the inner Jacobian depends on the outer variable."""
    x = np.array([0.5, 1.5])

    def f(x):
        return np.array([x[0] ** 2 * x[1], np.exp(x[0] * x[1])])

    second = dd.jacfwd(dd.jacfwd(f))(x)
    e = np.exp(x[0] * x[1])
    expected = [
        [[2 * x[1], 2 * x[0]], [2 * x[0], 0.0]],
        [[x[1] ** 2 * e, (1 + x[0] * x[1]) * e], [(1 + x[0] * x[1]) * e, x[0] ** 2 * e]],
    ]
    assert_allclose(second, expected, rtol=1e-14)


def test_gradient_of_a_function_that_solves_with_its_own_jacobian():
    """ForwardDiff.jl issue 238: a Newton step inside a differentiated function."""

    def root(p):
        z = 1.0
        for _ in range(30):
            residual = lambda z, p=p: z**3 + p * z - 2.0
            z = z - residual(z) / D(residual)(z)
        return z

    p = 1.3
    z = root(p)
    assert D(root)(p) == pytest.approx(-z / (3 * z**2 + p), rel=1e-12)


def test_function_value_is_captured_by_the_inner_function():
    """ForwardDiff.jl issue 313: the captured outer dual is compared and mixed with inner ones."""

    def f(x):
        def g(y):
            return y * x if y < x else x * x * y

        return D(g)(0.5 * x)

    assert D(f)(2.0) == 1.0


def test_same_function_at_two_levels():
    """ForwardDiff.jl issue 443: one closure, called inside its own derivative."""

    def g(x):
        return x**3

    assert D(lambda x: g(x) + D(g)(x) * x)(2.0) == pytest.approx(12 + 9 * 4.0)
    assert D(lambda x: D(lambda y: g(x * y))(x))(2.0) == pytest.approx(5 * 3 * 2.0**4)


def test_perturbations_of_siblings_do_not_mix():
    def f(x):
        a = D(lambda y: y * x)(1.0)
        b = D(lambda y: y * y * x)(3.0)
        return a * b

    assert D(f)(2.0) == 24.0


def test_inner_derivative_along_the_outer_tangent():
    x, v = np.array([0.3, 0.8]), np.array([1.0, -2.0])

    def f(x):
        return np.sum(np.sin(x) * x[::-1])

    hvp = dd.jvp(lambda x: dd.jacfwd(f)(x), (x,), (v,))[1]
    hessian = dd.jacfwd(dd.jacfwd(f))(x)
    assert_allclose(hvp, hessian @ v, rtol=1e-13)


def test_constant_function_of_the_inner_variable():
    assert D(lambda x: D(lambda y: x)(1.0) + x)(1.0) == 1.0
    assert D(lambda x: 3.0)(1.0) == 0.0


def test_matrix_of_an_outer_level_times_inner_vector():
    a = np.array([[1.0, 2.0], [3.0, 4.0]])

    def f(s):
        return np.sum(dd.jvp(lambda x: (s * a) @ x, (np.ones(2),), (np.ones(2),))[1] * s)

    assert D(f)(3.0) == pytest.approx(2 * 3 * a.sum())


def test_exception_leaves_nothing_behind():
    def failing(x):
        D(lambda y: 1 / 0 if y > 0 else y)(x)

    with pytest.raises(ZeroDivisionError):
        D(failing)(1.0)
    assert D(lambda x: x * D(lambda y: x + y)(1.0))(1.0) == 1.0


def test_keyboard_interrupt_leaves_nothing_behind():
    def interrupted(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dd.jacfwd(interrupted)(np.ones(3))
    assert D(lambda x: x * x)(3.0) == 6.0


def test_two_threads_differentiate_at_once():
    results = {}

    def work(i):
        f = lambda x: x * D(lambda y: x * np.sin(y))(x * 0.5)
        results[i] = [D(f)(0.1 * i + 0.01 * j) for j in range(50)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(4):
        x = 0.1 * i + 0.01 * np.arange(50)
        # d/dx [x² cos(x/2)]
        assert_allclose(results[i], 2 * x * np.cos(x / 2) - x * x * np.sin(x / 2) / 2, rtol=1e-12)


def test_generators_and_recursion_in_user_code():
    def power(x, n):
        return x if n == 1 else x * power(x, n - 1)

    assert D(lambda x: sum(power(x, n) for n in range(1, 4)))(2.0) == 1 + 4 + 12


def test_mixed_derivative_of_a_power_at_exponent_zero():
    """b a**(b-1) is 0 at b = 0, but its derivative in b is 1/a there."""
    power = lambda p: p[0] ** p[1]
    log2 = np.log(2.0)

    for outer in (dd.jacfwd, dd.jacrev):
        for inner in (dd.jacfwd, dd.jacrev):
            hessian = outer(inner(power))(np.array([2.0, 0.0]))
            np.testing.assert_allclose(hessian, [[0.0, 0.5], [0.5, log2**2]], rtol=1e-14)
    second = dd.derivative(dd.derivative(lambda t: (2 + t) ** t))(0.0)
    np.testing.assert_allclose(second, 1.0 + log2**2, rtol=1e-14)  # 2 · ½ + log²2


def writes_views(x):
    y = np.zeros_like(x)
    y[1:] += x[:-1] ** 2
    y[0] = x[0] * x[-1]
    return y


def writes_places(x):
    y = np.zeros(4, like=x)
    np.copyto(y[:3], x * x, where=[True, False, True])
    np.put(y, [1], x[0] * x[1])
    np.add.at(y, [0, 0], x[1:] ** 2)
    y[[0, 3]] *= x[1:]
    return y


@pytest.mark.parametrize("f", [writes_views, writes_places])
@pytest.mark.parametrize("transform", [dd.jacfwd, dd.jacrev])
def test_pushforward_of_a_program_that_writes_is_differentiated(f, transform):
    """A tangent of an outer level goes into a buffer whose own tangent is plain zeros."""
    x, v = np.array([1.0, 2.0, 3.0]), np.array([0.3, 0.7, 0.2])
    along_v = lambda z: dd.jvp(f, (z,), (v,))[1]

    assert_allclose(transform(lambda v: dd.linearize(f, x)[1](v))(v), dd.jacfwd(f)(x), rtol=1e-14)
    assert_allclose(transform(lambda z: dd.linearize(f, z)[1](v))(x), dd.jacfwd(along_v)(x), rtol=1e-14)
    pushforward = dd.linearize(f, x)[1]
    assert_allclose(dd.grad(lambda v: np.sum(pushforward(v)))(v), dd.jacfwd(f)(x).sum(axis=0), rtol=1e-14)


@pytest.mark.parametrize("x", [0.0, 1e-320, 1e-310, 2.0, 1e300])
def test_constant_power_zero_has_derivative_zero_however_small_the_base(x):
    """0 · x**-1 would be nan where x**-1 overflows."""
    for f in (lambda t: t**0, lambda t: t**0.0, lambda t: np.sum(t ** np.array([0.0, 0.0]))):
        assert dd.derivative(f)(x) == dd.grad(f)(x) == dd.derivative(dd.derivative(f))(x) == 0.0
