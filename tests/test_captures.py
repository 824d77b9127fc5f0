"""What a record calls later has what it closed over at the call: `linear`, `custom_vjp`, maps of a tangent rule."""

import functools

import numpy as np
import pytest
from numpy.testing import assert_allclose

import dualdiff as dd

MATRICES = [np.diag([1.0, 2.0, 3.0]), np.array([[0.0, 1.0, 2.0], [1.0, 0.0, 0.0], [3.0, 0.0, 1.0]]), 2.0 * np.eye(3)]
X = np.array([0.3, 1.1, -0.7])


def by_linear(matrix_now):
    return dd.linear(lambda v: matrix_now() @ v, lambda ct: matrix_now().T @ ct)


def by_vjp(matrix_now):
    @dd.custom_vjp
    def product(v):
        return matrix_now() @ v

    product.defvjp(lambda v: (product(v), None), lambda _, ct: (matrix_now().T @ ct,))
    return product


def by_rule(matrix_now):
    @dd.rules.tangent_rule(lambda v: matrix_now() @ np.asarray(v))
    def product(y, v, *, dv):
        return dv.map(lambda block: block @ matrix_now().T, lambda block: block @ matrix_now(), y)

    return product


def bound_anew(make):
    def f(x):
        for matrix in MATRICES:
            x = make(lambda: matrix)(x)
        return x

    return f


def filled_again(make):
    def f(x):
        work = np.zeros((3, 3))
        product = make(lambda: work)
        for matrix in MATRICES:
            work[...] = matrix
            x = product(x)
        return x

    return f


def held(hold):
    """``hold`` gives a function of no arguments that has the work array otherwise than by its name."""

    def change(make):
        def f(x):
            work = np.zeros((3, 3))
            for matrix in MATRICES:
                work[...] = matrix
                x = make(hold(work))(x)
            return x

        return f

    return change


def by_keyword(work):
    return lambda *, work=work: work


HELD = [lambda work: lambda work=work: work, by_keyword, lambda work: functools.partial(lambda work: work, work)]


@pytest.mark.parametrize("change", [bound_anew, filled_again, *map(held, HELD)])
@pytest.mark.parametrize("make", [by_linear, by_vjp, by_rule])
def test_a_loop_that_changes_what_a_function_closes_over(make, change):
    f = change(make)
    M = MATRICES[2] @ MATRICES[1] @ MATRICES[0]

    assert_allclose(f(X), M @ X)
    assert_allclose(dd.jacrev(f)(X), M)
    assert_allclose(dd.grad(lambda x: np.sum(f(x) ** 3))(X), 3 * M.T @ (M @ X) ** 2)
    if make is not by_vjp:
        assert_allclose(dd.jacfwd(f)(X), M)
        assert_allclose(dd.linearize(f, X)[1](np.ones(3)), M @ np.ones(3))
    assert_allclose(dd.hessian(lambda x: np.sum(f(x) ** 3))(X), 6 * M.T @ np.diag(M @ X) @ M, rtol=1e-12, atol=1e-12)


def test_what_a_function_counts_and_remembers_stays_shared():
    calls, latest = 0, None

    def transposed(ct):
        nonlocal calls, latest
        calls += 1
        latest = ct
        return 2.0 * ct

    double = dd.linear(lambda v: 2.0 * v, transposed, check=False)

    assert_allclose(dd.grad(lambda x: np.sum(double(double(x))))(X), 4.0)
    assert calls == 2
    assert_allclose(latest, 2.0)


@pytest.mark.parametrize("n", [3, 10_000])
def test_an_array_that_a_function_writes_into_shows_it(n):
    latest, calls = np.zeros(n), np.zeros(1)

    def remember(ct):
        latest[:] = ct
        calls[0] += 1

    def bwd(_, ct):
        remember(ct)
        return (ct,)

    tap = dd.custom_vjp(lambda x: x)
    tap.defvjp(lambda x: (x, None), bwd)
    x = np.linspace(0.1, 1.0, n)

    assert_allclose(dd.grad(lambda x: np.sum(tap(tap(x)) ** 3))(x), 3 * x**2)
    assert_allclose(latest, 3 * x**2)
    assert calls == 2


def test_an_array_that_is_filled_again_keeps_its_numbers_where_the_copy_has_nan():
    work = np.array([np.nan, 2.0, 3.0])
    double = dd.linear(lambda v: 2.0 * v, lambda ct: 2.0 * ct + 0.0 * work[1], check=False)

    def f(x):
        y = np.sum(double(x))
        work[:] = 5.0
        return y

    assert_allclose(dd.grad(f)(X), 2.0)
    assert_allclose(work, 5.0)


def test_functions_that_call_each_other():
    def even(n, ct):
        return ct if n == 0 else odd(n - 1, ct)

    def odd(n, ct):
        return 2.0 * even(n - 1, ct)

    four_times = dd.linear(lambda v: 4.0 * v, lambda ct: even(4, ct))

    assert_allclose(dd.grad(lambda x: np.sum(four_times(x)))(X), 4.0)


def test_a_work_array_that_a_map_fills_is_not_that_of_the_record():
    work = np.ones(3)

    def double(v):
        np.multiply(v, 2.0, out=work)
        return work

    L = dd.linear(double, double, check=False)

    def f(x):
        scaled = x * work  # of ones, as they are here
        return np.sum(L(L(x)) * scaled)

    work[...] = 1.0
    assert_allclose(dd.grad(f)(X), 8.0 * X)


class Solver:
    def factorize(self, matrix):
        self.inverse = np.linalg.inv(matrix)

    def solve(self, b):
        return self.inverse @ b

    def solve_transposed(self, b):
        return self.inverse.T @ b


def test_a_map_of_an_object_that_has_changed_raises_in_reverse_mode():
    solver = Solver()
    solve = dd.linear(solver.solve, solver.solve_transposed)

    def steps(x):
        for scale in (1.0, 2.0, 4.0):
            solver.factorize(scale * np.eye(3))
            x = solve(np.sin(x))
        return x

    forward = dd.jacfwd(steps)(X)
    assert_allclose(forward, dd.jacfwd(lambda x: np.sin(np.sin(np.sin(x)) / 2) / 4)(X))
    for transform in (dd.jacrev, lambda f: dd.hessian(lambda x: np.sum(f(x)))):
        with pytest.raises(TypeError, match=r"(?s)the map has changed since it was called.*forward mode"):
            transform(steps)(X)

    def own_steps(x):
        for scale in (1.0, 2.0, 4.0):
            own = Solver()
            own.factorize(scale * np.eye(3))
            x = dd.linear(own.solve, own.solve_transposed)(np.sin(x))
        return x

    assert_allclose(dd.jacrev(own_steps)(X), forward)
