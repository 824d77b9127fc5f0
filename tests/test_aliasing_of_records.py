"""What the user holds, writes and copies beside a record never changes a gradient; each case was wrong once."""

import copy
import pickle
import threading

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import dualdiff as dd

X = np.array([1.0, 2.0, 3.0])


@pytest.mark.parametrize("reduce", [np.sum, np.mean, np.prod, np.var, np.std])
def test_mask_of_a_reduction_is_overwritten_after_use(reduce):
    def f(a, later):
        mask = np.array([True, False, True])
        y = reduce(a * a, where=mask)
        if later:
            mask[:] = ~mask
        return y

    assert_array_equal(dd.grad(f)(X, True), dd.grad(f)(X, False))


def test_residuals_of_a_custom_vjp_are_kept():
    @dd.custom_vjp
    def cube(a):
        return a**3

    cube.defvjp(lambda a: (a**3, a), lambda a, ct: (3 * a**2 * ct,))

    def f(a):
        b = a * 1.0
        s = np.sum(cube(b))
        b[...] = 0.0
        return s

    assert_array_equal(dd.grad(f)(X), 3 * X**2)
    x = X.copy()
    _, pullback = dd.vjp(lambda a: np.sum(cube(a)), x)
    x[:] = 0.0
    assert_array_equal(pullback(1.0)[0], 3 * X**2)


def test_gradients_of_two_arguments_are_two_arrays():
    g, h = dd.grad(lambda a, b: np.sum((a + b) ** 2), (0, 1))(X, X)
    g *= 0.5
    assert_array_equal(h, 4 * X)
    g, h = dd.vjp(lambda a, b: a + b, X, X)[1](np.ones(3))
    g[0] = 5.0
    assert h[0] == 1.0
    g, h = dd.jacrev(lambda a, b: a + b, (0, 1))(X, X)
    g[0, 0] = 5.0
    assert h[0, 0] == 1.0


def test_argument_is_written_through_another_name_while_the_function_runs():
    x = X.copy()

    def f(a):
        s = np.sum(a * a * a)
        x[:] = 100.0
        return s

    assert_array_equal(dd.grad(f)(x), 3 * X**2)
    v = dd.Variable(X)

    def g():
        y = np.sum(v * v)
        v.value[:] = 0.0
        return y

    assert_array_equal(dd.grad(g, None, weights=v)(), 2 * X)


def test_weights_nest():
    v = dd.Variable(X)
    inner = lambda: dd.grad(lambda: np.sum(v**3), None, weights=v)()
    assert_array_equal(dd.grad(lambda: np.sum(inner()), None, weights=v)(), 6 * X)


def test_weight_that_arrives_by_another_way_raises():
    v = dd.Variable(X)
    y = v * v
    with pytest.raises(TypeError, match="that part would be missing"):
        dd.grad(lambda: np.sum(y * v), None, weights=[v])()

    def in_a_thread():
        found = []
        thread = threading.Thread(target=lambda: found.append(np.sum(v * v)))
        thread.start()
        thread.join()
        return found[0] + np.sum(v * 0.0)

    with pytest.raises(TypeError, match="thread of its own"):
        dd.grad(in_a_thread, None, weights=v)()


def test_variables_alias_as_arrays_do():
    v = dd.Variable(X)
    y = v * 1.0
    w = y[1:]
    w *= 3.0
    y.sum().backward()
    assert_array_equal(y.value, [1.0, 6.0, 9.0])
    assert_array_equal(v.grad, [1.0, 3.0, 3.0])
    v.zero_grad()
    y = v * 1.0
    z = y
    y += v
    np.sum(z * z).backward()
    assert_array_equal(v.grad, 8 * X)


def add_in_place(v):
    v += 1.0


@pytest.mark.parametrize(
    "write",
    [
        lambda v: v.__setitem__(0, 1.0),
        lambda v: v[1:].__setitem__(0, 5.0),
        lambda v: v.fill(7.0),
        lambda v: v.sort(),
        lambda v: v.T.__setitem__(0, 1.0),
        lambda v: np.copyto(v, 1.0),
        lambda v: np.add.at(v, [0], 1.0),
        lambda v: np.multiply(v, 2.0, out=v),
        add_in_place,
    ],
)
def test_variable_is_sealed_against_every_way_of_writing(write):
    v = dd.Variable(X)
    with pytest.raises(TypeError, match="not written in place"):
        write(v)
    assert_array_equal(v.value, X)


def test_variable_is_copied_and_pickled_on_its_own():
    v = dd.Variable(X)
    np.sum(v).backward()
    for w in (copy.deepcopy(v), pickle.loads(pickle.dumps(v))):
        assert_array_equal(w.grad, np.ones(3))
        w.zero_grad()
        np.sum(w * w).backward()
        assert_array_equal(w.grad, 2 * X)
        assert_array_equal(v.grad, np.ones(3))
    with pytest.raises(TypeError, match="detach"):
        copy.deepcopy(v * 2.0)


def test_structural_zeros_of_variables():
    v = dd.Variable(np.array([0.0, 1.0]))
    with np.errstate(divide="ignore"):
        np.sum(np.where(v > 0, np.log(v), 0.0)).backward()
    assert_array_equal(v.grad, [0.0, 1.0])
    v.zero_grad()
    np.sqrt(v)[1].backward()
    assert_array_equal(v.grad, [0.0, 0.5])


def test_backward_refuses_what_has_no_gradient():
    with pytest.raises(TypeError, match="complex"):
        (dd.Variable(1 + 2j) * 2.0).backward()
    v = dd.Variable(2.0)
    with pytest.raises(TypeError, match="running transform"):
        dd.grad(lambda a: ((v * v).backward(a), a)[1])(3.0)
    assert v.grad is None


def test_plain_total_of_variables_is_rebound():
    v = dd.Variable(X)
    total = np.zeros(3)
    total += v * v
    np.sum(total).backward()
    assert_array_equal(v.grad, 2 * X)
    assert f"{v[0]:.2f}" == "Variable(1.00)"


def test_scalars_in_every_mode():
    for x in (1.5, np.array(1.5)):
        assert dd.jacrev(np.sin)(x) == pytest.approx(np.cos(1.5))
        assert dd.jacobian(np.sin, mode="rev")(x) == pytest.approx(np.cos(1.5))
        assert dd.hessian(lambda a: a * 3.0)(x) == 0.0
        assert dd.hessian(np.sum)(x) == 0.0
    for f in (lambda z: (z * z).real, lambda z: np.real(z * z)):
        assert dd.grad(f)(1 + 2j) == pytest.approx(2 + 4j)
    assert dd.grad(lambda z: (z * z).imag)(1 + 2j) == pytest.approx(4 - 2j)


def test_dict_cotangent_in_another_order():
    _, pullback = dd.vjp(lambda x: {"p": x, "q": np.sum(x)}, X)
    assert_array_equal(pullback({"q": 1.0, "p": X})[0], X + 1.0)
    assert list(dd.jacfwd(lambda x: {"q": x[0], "p": x})(X)) == ["q", "p"]


def test_truth_value_has_no_gradient():
    with pytest.raises(TypeError, match="truth value"):
        dd.grad(lambda a: a.sum() > 0)(X)
    with pytest.raises(TypeError, match="argnums"):
        dd.grad(lambda a, b: np.sum(b), True)(X, X)
