"""vjp, linearize, grad and their kin; pytrees, custom rules, Variables, reliability."""

import gc
import pickle
import threading
import tracemalloc
from collections import namedtuple
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd

X = np.array([0.5, 1.5, -0.7])


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_gradient(x):
    g = np.zeros_like(x)
    g[:-1] = -400 * x[:-1] * (x[1:] - x[:-1] ** 2) - 2 * (1 - x[:-1])
    g[1:] += 200 * (x[1:] - x[:-1] ** 2)
    return g


def test_gradient_of_rosenbrock():
    x = np.linspace(-1.0, 1.3, 50)
    assert_allclose(dd.grad(rosenbrock)(x), rosenbrock_gradient(x), rtol=1e-12)
    y, g = dd.value_and_grad(rosenbrock)(x)
    assert y == rosenbrock(x)
    assert_allclose(g, rosenbrock_gradient(x), rtol=1e-12)


def test_hessian_and_its_products():
    x, v = np.linspace(-1.0, 1.3, 6), np.arange(6.0)
    h = dd.hessian(rosenbrock)(x)
    assert_allclose(h, dd.jacfwd(rosenbrock_gradient)(x), rtol=1e-12, atol=1e-10)
    assert_allclose(dd.hvp(rosenbrock, (x,), (v,)), h @ v, rtol=1e-12)


def test_check_grads_to_third_order_in_both_modes():
    dd.check_grads(lambda x, a: np.sin(x) * np.sum(x * a), (X, np.array([1.0, 2.0, 0.5])), order=3)


def test_check_grads_of_complex_functions():
    z = np.array([1 + 2j, 0.3 - 0.4j])
    for f in (np.abs, np.exp, lambda z: np.real(z) * z, lambda z: np.fft.irfft(z), lambda z: np.angle(z)):
        dd.check_grads(f, (z,), order=2)


def test_complex_gradient_has_the_sign_of_jax():
    assert dd.grad(lambda z: np.abs(z) ** 2)(1 + 2j) == pytest.approx(2 - 4j)
    assert dd.grad(lambda z: z**3, holomorphic=True)(1 + 2j) == pytest.approx(3 * (1 + 2j) ** 2)
    z = np.array([1 + 2j, 0.5j])
    assert_allclose(dd.jacrev(np.exp, holomorphic=True)(z), np.diag(np.exp(z)))
    assert_allclose(dd.vjp(lambda z: 1j * z, z)[1](np.ones(2, complex))[0], [1j, 1j])


def test_real_argument_of_a_complex_program_has_a_real_gradient():
    g = dd.grad(lambda x: np.abs(np.sum(np.exp(1j * x))) ** 2)(X)
    assert g.dtype == np.float64
    assert_allclose(g, dd.jacfwd(lambda x: np.abs(np.sum(np.exp(1j * x))) ** 2)(X), rtol=1e-12)


def test_float32_gradient():
    x = X.astype(np.float32)
    g = dd.grad(lambda x: np.sum(np.tanh(x) * 2.0) + np.max(x))(x)
    assert g.dtype == np.float32


@pytest.mark.parametrize("mode", ["auto", "fwd", "rev"])
@pytest.mark.parametrize(("n", "m"), [(1, 7), (7, 1), (6, 6), (0, 2), (3, 0)])
def test_jacobian_by_any_mode(mode, n, m):
    a = np.random.default_rng(0).standard_normal((m, n))
    x = np.linspace(0.1, 0.9, n)
    f = lambda x: np.tanh(a @ x)
    expected = (1 - f(x) ** 2)[:, None] * a
    j = dd.jacobian(f, mode=mode)(x)
    assert j.shape == (m, n)
    assert_allclose(j, expected, rtol=1e-12)


@pytest.mark.usefixtures("as_written")
def test_jacobian_takes_the_mode_of_fewer_sweeps_and_says_how_often_f_runs():
    calls = []

    def f(x, m):
        calls.append(type(x))
        return np.stack([np.sum(x * (i + 1)) for i in range(m)])

    dd.jacobian(f)(np.ones(40), 2)
    assert calls == [dd.Dual]
    calls.clear()
    dd.jacobian(f)(np.ones(3), 2)
    assert calls == [dd.Dual]
    calls.clear()
    j = dd.jacobian(f)
    j(np.ones(40), 30)
    assert calls == [dd.Dual, dd.Dual]  # recorded, to see the size of the result, then forwards
    calls.clear()
    j(np.ones(40), 30)
    assert calls == [dd.Dual]


@pytest.mark.parametrize("chunk_size", [1, 2, 5, 100])
def test_rows_in_chunks(chunk_size):
    f = lambda x: (np.outer(x, np.sin(x)), {"s": x[0]})
    whole, part = dd.jacfwd(f)(X), dd.jacrev(f, chunk_size=chunk_size)(X)
    assert_allclose(part[0], whole[0], rtol=1e-14)
    assert_array_equal(part[1]["s"], whole[1]["s"])


Pair = namedtuple("Pair", "a b")


@dataclass
class Model:
    w: np.ndarray
    scale: float
    children: list


def test_nested_arguments_and_gradients():
    model = Model(np.ones((2, 3)), 2.0, [Pair(np.ones(2), 3.0), {"k": 1.5}])

    def loss(model, x):
        (pair, extra) = model.children
        return np.sum((model.w @ x + pair.a) * model.scale) * pair.b * extra["k"]

    g = dd.grad(loss)(model, X)
    assert type(g) is Model and type(g.children[0]) is Pair
    assert_allclose(g.w, np.tile(X, (2, 1)) * 9.0)
    assert type(g.scale) is float
    assert g.children[1]["k"] == pytest.approx(loss(model, X) / 1.5)
    gx = dd.grad(loss, 1)(model, X)
    assert_allclose(gx, 18.0 * np.ones(3))
    j = dd.jacrev(lambda p: {"y": p["a"] * p["b"], "z": [p["b"]]})({"a": X, "b": 2.0})
    assert_array_equal(j["y"]["a"], 2 * np.eye(3))
    assert_array_equal(j["y"]["b"], X)
    assert j["z"][0]["b"] == 1.0


def test_leaf_that_cannot_be_differentiated():
    f = lambda p, q: np.sum(p["x"] ** 2) * len(q["name"])
    with pytest.raises(TypeError, match=r"argument 1\['name'\] is a str"):
        dd.grad(f, 1)({"x": X}, {"name": "abc"})
    assert_array_equal(dd.grad(f)({"x": X}, {"name": "abc"})["x"], 6 * X)
    assert dd.grad(lambda x, flag: x * x if flag else x)(3.0, True) == 6.0


def test_gradient_that_does_not_depend_on_an_argument_is_zero():
    ga, gb = dd.grad(lambda a, b: np.sum(a), (0, 1))(X, np.ones((2, 2)))
    assert_array_equal(gb, np.zeros((2, 2)))
    ga[0] = 5.0  # a gradient is the caller's own
    assert_array_equal(ga, [5.0, 1.0, 1.0])
    assert_array_equal(dd.grad(lambda x: 3.0)(X), np.zeros(3))


def test_linearize_is_the_derivative_at_one_point():
    calls = []

    def f(x):
        calls.append(1)
        return np.sin(x) * np.sum(x)

    _, pushforward = dd.linearize(f, X)
    for v in np.eye(3):
        assert_allclose(pushforward(v), dd.jvp(f, (X,), (v,))[1], rtol=1e-14)
    assert len(calls) == 4
    with pytest.raises(ValueError, match="shape"):
        pushforward(np.ones(4))


def test_pullback_of_several_results():
    _, pullback, aux = dd.vjp(lambda x, s: ({"a": x * s, "b": np.sum(x)}, "extra"), X, 2.0, has_aux=True)
    assert aux == "extra"
    x_bar, s_bar = pullback({"a": np.ones(3), "b": 10.0})
    assert_array_equal(x_bar, [12.0, 12.0, 12.0])
    assert s_bar == pytest.approx(X.sum())
    with pytest.raises(ValueError, match="structure"):
        pullback([np.ones(3), 1.0])
    with pytest.raises(ValueError, match=r"cotangent\['a'\] has shape \(2,\)"):
        pullback({"a": np.ones(2), "b": 1.0})


def test_grad_of_a_vector_names_what_to_use():
    with pytest.raises(TypeError, match=r"(?s)shape \(3,\).*jacobian.*elementwise_grad.*vjp"):
        dd.grad(lambda x: x)(X)
    with pytest.raises(TypeError, match="complex"):
        dd.grad(lambda x: x[0] * 1j)(X)
    with pytest.raises(TypeError, match="returned"):
        dd.grad(lambda x: None)(X)
    with pytest.raises(TypeError, match="dtype bool"):
        dd.grad(np.sum)(X > 0)
    with pytest.raises(TypeError, match="weights="):
        dd.grad(np.sum, None)
    with pytest.raises(ValueError, match="'auto', 'fwd' or 'rev'"):
        dd.jacobian(np.sin, mode="backwards")


# Nesting.


def test_all_nestings_of_two_and_three_derivatives():
    f = lambda x: x**4 * np.exp(-x)
    d = {"jvp": dd.derivative, "grad": dd.grad}
    x = 1.3
    second = (12 * x**2 - 8 * x**3 + x**4) * np.exp(-x)
    third = (24 * x - 36 * x**2 + 12 * x**3 - x**4) * np.exp(-x)
    for a in d.values():
        for b in d.values():
            assert a(b(f))(x) == pytest.approx(second, rel=1e-12)
            for c in d.values():
                assert a(b(c(f)))(x) == pytest.approx(third, rel=1e-11)


def test_perturbations_are_not_confused_in_any_mix_of_modes():
    for outer in (dd.derivative, dd.grad):
        for inner in (dd.derivative, dd.grad):
            assert outer(lambda x, inner=inner: x * inner(lambda y: x + y)(1.0))(1.0) == 1.0
            assert outer(lambda x, inner=inner: x * inner(lambda y: x * y)(2.0))(3.0) == 6.0


def test_pullback_inside_a_gradient():
    def f(x):
        _, pullback = dd.vjp(lambda z: z**3 * x, x)
        return pullback(x * 2.0)[0]  # 2x · 3x²·x = 6 x⁴

    assert dd.grad(f)(1.5) == pytest.approx(24 * 1.5**3)
    assert dd.derivative(f)(1.5) == pytest.approx(24 * 1.5**3)


def test_pushforward_inside_a_gradient():
    def f(x):
        _, pushforward = dd.linearize(lambda z: z**3 * x, x)
        return pushforward(x)  # 3 x⁴

    assert dd.grad(f)(1.5) == pytest.approx(12 * 1.5**3)


# Custom rules.


@dd.custom_vjp
def clip_gradient(x, bound):
    return x


clip_gradient.defvjp(lambda x, bound: (x, bound), lambda bound, ct: (np.minimum(np.maximum(ct, -bound), bound), None))


def test_custom_vjp_is_used_and_refuses_forward_mode():
    g = dd.grad(lambda x: np.sum(clip_gradient(x * 3.0, 1.0) * np.array([5.0, 0.5, -7.0])))(X)
    assert_array_equal(g, [3.0, 1.5, -3.0])
    assert_array_equal(clip_gradient(X, 1.0), X)
    j = dd.jacrev(lambda x: clip_gradient(x, 0.5) * 2.0)(X)
    assert_array_equal(j, 0.5 * np.eye(3))
    with pytest.raises(TypeError, match="custom_jvp, which serves both modes"):
        dd.jvp(lambda x: clip_gradient(x, 1.0), (X,), (X,))


def test_custom_vjp_of_trees_and_second_derivatives():
    @dd.custom_vjp
    def f(p):
        return {"y": p["a"] * p["b"] ** 2}

    f.defvjp(
        lambda p: ({"y": p["a"] * p["b"] ** 2}, p),
        lambda p, ct: ({"a": ct["y"] * p["b"] ** 2, "b": 2 * ct["y"] * p["a"] * p["b"]},),
    )
    g = lambda x: f({"a": x, "b": x})["y"]
    assert dd.grad(g)(2.0) == 12.0
    assert dd.grad(dd.grad(g))(2.0) == 12.0
    assert dd.derivative(dd.grad(g))(2.0) == 12.0


def test_custom_vjp_with_a_cotangent_of_the_wrong_shape():
    f = dd.custom_vjp(lambda x: np.sum(x))
    f.defvjp(lambda x: (np.sum(x), None), lambda _, ct: (ct,))
    with pytest.raises(ValueError, match=r"cotangent of shape \(\) for an argument of shape \(3,\)"):
        dd.grad(f)(X)


def test_custom_jvp_in_reverse_mode():
    @dd.custom_jvp
    def f(x, y):
        return np.sin(x) * y

    @f.defjvp
    def rule(primals, tangents):
        (x, y), (dx, dy) = primals, tangents
        return f(x, y), np.cos(x) * dx * y + np.sin(x) * dy

    g = dd.grad(lambda x: np.sum(f(x, x * x)))(X)
    assert_allclose(g, np.cos(X) * X * X + 2 * X * np.sin(X), rtol=1e-14)
    assert_allclose(dd.hessian(lambda x: np.sum(f(x, x)))(X), np.diag(2 * np.cos(X) - X * np.sin(X)), rtol=1e-13)


# Variables.


def test_variable_in_a_transform_is_right_with_respect_to_both():
    w = dd.Variable(3.0)
    g = dd.grad(lambda x: x * x * w)(2.0)
    assert g.value == 12.0
    g.backward()
    assert w.grad == 4.0
    y, ydot = dd.jvp(lambda x: x * w, (2.0,), (1.0,))
    assert (y.value, ydot.value) == (6.0, 3.0)


def test_variable_that_would_store_a_live_dual_raises():
    with pytest.raises(TypeError, match="running transform"):
        dd.grad(lambda x: x * dd.Variable(x))(2.0)


def test_variable_goes_through_numpy():
    a, x = np.arange(6.0).reshape(2, 3), dd.Variable(X)
    y = np.sum(np.tanh(a @ x) ** 2) + x[0] * x.max() + np.stack([x, x])[1, 2]
    y.backward()
    expected = dd.grad(lambda x: np.sum(np.tanh(a @ x) ** 2) + x[0] * x.max() + np.stack([x, x])[1, 2])(X)
    assert_allclose(x.grad, expected, rtol=1e-14)


def test_variable_results_may_be_written_but_variables_not():
    x = dd.Variable(X)
    y = x * 2.0
    y[1:] = x[:-1] ** 2
    y[0] += 1.0
    y.sum().backward()
    assert_array_equal(x.grad, 2 * X * [1, 1, 0] + [2, 0, 0])
    with pytest.raises(TypeError, match="not written in place"):
        x[0] = 1.0


def test_variable_is_trained():
    w, b = dd.Variable(np.zeros(2)), dd.Variable(0.0)
    inputs = np.random.default_rng(0).standard_normal((50, 2))
    targets = inputs @ [2.0, -3.4] + 4.2
    for _ in range(200):
        loss = np.mean((inputs @ w + b - targets) ** 2)
        loss.backward()
        for p in (w, b):
            p.value = p.value - 0.1 * p.grad
            p.zero_grad()
    assert_allclose(w.value, [2.0, -3.4], rtol=1e-6)
    assert b.value == pytest.approx(4.2)


def test_weights_are_substituted_in_this_context_alone():
    w = dd.Variable(2.0)
    seen = []

    def loss(x):
        other = threading.Thread(target=lambda: seen.append((w * 1.0).value))
        other.start()
        other.join()
        return x * w * w

    assert dd.value_and_grad(loss, weights=[w])(3.0) == (12.0, (4.0, [12.0]))
    assert seen == [2.0]
    with pytest.raises(TypeError, match="weights are Variables"):
        dd.grad(loss, weights=[1.0])
    with pytest.raises(ZeroDivisionError):
        dd.grad(lambda x: w / 0, weights=[w])(1.0)
    assert type(w * 1.0) is dd.Variable


# Reliability.


def test_program_of_very_many_operations_needs_no_recursion():
    def f(x):
        for _ in range(100_000):
            x = x * 1.0000001
        return x

    assert dd.grad(f)(1.0) == pytest.approx(1.0000001**100_000)


def test_variable_graph_of_very_many_operations_needs_no_recursion():
    x = dd.Variable(1.0)
    y = x
    for _ in range(50_000):
        y = y * 1.0000001
    y.backward()
    assert x.grad == pytest.approx(1.0000001**50_000)


def test_memory_returns_after_the_gradient():
    def f(x):
        for _ in range(20):
            x = np.sin(x) * 0.5 + x
        return np.sum(x)

    g = dd.grad(f)
    x = np.ones(10_000)
    g(x)
    gc.collect()
    before = len(gc.get_objects())
    gc.disable()
    try:
        tracemalloc.start()
        for _ in range(5):
            g(x)
        left = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
        gc.enable()
    assert left < 50_000  # no cycle keeps the record alive
    assert len(gc.get_objects()) - before < 200


def test_exception_and_interrupt_leave_nothing_behind():
    w = dd.Variable(1.0)

    def interrupted(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dd.grad(interrupted, weights=[w])(1.0)
    with pytest.raises(ValueError, match="own"):
        dd.jacrev(lambda x: (_ for _ in ()).throw(ValueError("own")))(X)
    assert dd.grad(lambda x: x * x)(3.0) == 6.0


def test_threads_differentiate_at_once():
    results = {}

    def work(i):
        x = np.linspace(0.1, 1.0, 5 + i)
        results[i] = [np.allclose(dd.grad(rosenbrock)(x), rosenbrock_gradient(x)) for _ in range(30)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(all(results[i]) for i in range(4))


@pytest.mark.parametrize(
    "made",
    [
        dd.grad(rosenbrock),
        dd.value_and_grad(rosenbrock, has_aux=False),
        dd.hessian(rosenbrock),
        dd.jacobian(rosenbrock, mode="rev"),
        dd.jacfwd(rosenbrock, chunk_size=2),
        dd.jacrev(rosenbrock),
        dd.elementwise_grad(rosenbrock, (0,)),
        dd.grad(dd.derivative(np.sin)),
    ],
    ids=lambda made: repr(made).partition(" at ")[0],
)
def test_transformed_functions_are_pickled(made):
    again = pickle.loads(pickle.dumps(made))
    x = X if "sin" not in repr(made) else 0.3
    assert repr(again(x)) == repr(made(x))


def test_transformed_function_is_a_method_in_a_class():
    class A:
        k = 3.0

        def f(self, x):
            return self.k * x**2

        df = dd.grad(f, 1)

    assert A().df(2.0) == 12.0


def test_escaped_dual_of_reverse_mode_raises():
    kept = []
    dd.grad(lambda x: (kept.append(x), np.sum(x))[1])(X)
    with pytest.raises(dd.EscapedDual):
        kept[0] * 2.0
    with pytest.raises(dd.EscapedDual):
        kept[0][0] = 1.0


@pytest.mark.parametrize("transform", [dd.grad, dd.jacrev])
def test_a_cotangent_in_column_order_receives_what_comes_back_through_a_reshape(transform):
    """Two products give the argument a cotangent of our own in column order; reshaping that takes a copy."""
    rng = np.random.default_rng(0)
    x, Q, R = rng.standard_normal((3, 4)), *rng.standard_normal((2, 3, 3))
    v, C = rng.standard_normal(2), rng.standard_normal((12, 2))

    def reshaped(x):
        return np.sum(np.outer(x, v) * C)

    def products(x):
        return np.sum(np.tensordot(x, Q, (0, 0))) + np.sum(np.tensordot(x, R, (0, 0)))

    both = transform(lambda x: reshaped(x) + products(x))(x)

    assert_allclose(both, (C @ v).reshape(3, 4) + np.sum(Q + R, axis=1)[:, None], rtol=1e-12)


def test_tangent_of_whole_numbers_beside_a_result_is_a_float():
    y, pushforward = dd.linearize(lambda x: (x, np.arange(3)), 1.0)

    _, zero = pushforward(2.0)

    assert y[1].dtype.kind == "i" and zero.dtype == float
    assert_array_equal(zero, np.zeros(3))


def test_support_of_the_parts_of_complex_numbers():
    def parts(x):
        z = np.sqrt(x) * (1 + 1j)
        return np.stack([2 * np.imag(z[0]), 2 * np.imag(z[1]), 2 * np.real(z[1])])

    for mode in (dd.jacfwd, dd.jacrev):
        assert_array_equal(mode(parts)(np.array([0.0, 4.0])), [[np.inf, 0.0], [0.0, 0.5], [0.0, 0.5]])


def test_copy_of_an_argument_that_is_written_reshapes_as_the_argument():
    """The array has gaps and an axis of length 1, so that plain NumPy reshapes a copy of it."""
    make = lambda: np.arange(24.0).reshape(4, 6)[:, :3][None]

    def f(x):
        x[0, 0, 0] = 2.0
        flat = x.reshape(-1)
        flat[1] = 100.0
        return x * 1.0

    y, ydot = dd.jvp(f, (make(),), (np.ones((1, 4, 3)),))
    assert_array_equal(y, f(make()))
    assert_array_equal(ydot, np.where(np.arange(12).reshape(1, 4, 3) == 0, 0.0, 1.0))
