"""Worked examples of three teaching texts, each reproducing the numbers it prints.

* MindSpore's tutorial on functional differentiation (``grad_position`` there is ``argnums`` here);
* the chapter on automatic differentiation of *Dive into Deep Learning*, PyTorch;
* a from-scratch reverse-mode library beside a note on dual numbers.
"""

import operator

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd
from dualdiff.rules.ufuncs import Elementwise
from dualdiff.table import RULES
from tests.laws import together
from tests.samples.elementwise import points

# MindSpore's functional differentiation.

# Logits z = x @ w + b with x = ones(5), as printed there; any w and b with that sum have the same gradients.
LOGITS = np.array([-1.40476596, -1.64932394, 2.24711204])
ROW = np.array([6.56869709e-02, 5.37334494e-02, 3.01467031e-01])
ROW_OF_BOTH = np.array([1.06568694, 1.05373347, 1.30146706])
LOSS = 0.914285

each_width = pytest.mark.parametrize("dtype", [np.float64, np.float32])


def parameters(dtype):
    w = np.random.default_rng(0).standard_normal((5, 3))
    return np.ones(5, dtype), w.astype(dtype), (LOGITS - w.sum(axis=0)).astype(dtype)


def cross_entropy_with_logits(z, target):
    """Mean binary cross-entropy."""
    return np.mean(np.maximum(z, 0.0) - z * target + np.log1p(np.exp(-np.abs(z))))


def loss_and_logits(x, target, w, b):
    z = x @ w + b
    return cross_entropy_with_logits(z, target), z


@each_width
def test_mindspore_gradient_of_the_loss(dtype):
    x, w, b = parameters(dtype)
    f = lambda x, target, w, b: loss_and_logits(x, target, w, b)[0]
    loss, (dw, db) = dd.value_and_grad(f, (2, 3))(x, np.zeros(3, dtype), w, b)

    assert loss == pytest.approx(LOSS, abs=1e-6)
    assert dw.dtype == db.dtype == dtype
    assert_allclose(db, ROW, rtol=2e-6)
    assert_allclose(dw, np.tile(ROW, (5, 1)), rtol=2e-6)


@each_width
def test_mindspore_gradient_of_loss_and_logits_summed(dtype):
    x, w, b = parameters(dtype)
    dw, db = dd.elementwise_grad(loss_and_logits, (2, 3))(x, np.zeros(3, dtype), w, b)

    assert_allclose(db, ROW_OF_BOTH, rtol=2e-6)
    assert_allclose(dw, np.tile(ROW_OF_BOTH, (5, 1)), rtol=2e-6)


@each_width
def test_mindspore_stop_gradient_and_aux_give_the_gradient_of_the_loss_again(dtype):
    x, w, b = parameters(dtype)
    target = np.zeros(3, dtype)

    def stopped(x, target, w, b):
        loss, z = loss_and_logits(x, target, w, b)
        return loss, dd.stop_gradient(z)

    dw, db = dd.elementwise_grad(stopped, (2, 3))(x, target, w, b)
    assert_allclose(db, ROW, rtol=2e-6)
    assert_allclose(dw, np.tile(ROW, (5, 1)), rtol=2e-6)

    (dw, db), z = dd.grad(loss_and_logits, (2, 3), has_aux=True)(x, target, w, b)
    assert_allclose(db, ROW, rtol=2e-6)
    assert_allclose(dw, np.tile(ROW, (5, 1)), rtol=2e-6)
    assert_allclose(z, LOGITS, rtol=1e-6)
    assert type(z) is np.ndarray


@each_width
def test_mindspore_weights_of_an_object(dtype):
    x, w, b = parameters(dtype)

    class Network:
        def __init__(self):
            self.w, self.b = dd.Variable(w), dd.Variable(b)

        def parameters(self):
            return [self.w, self.b]

        def __call__(self, x):
            return x @ self.w + self.b

    model = Network()
    forward = lambda x, target: cross_entropy_with_logits(model(x), target)
    loss, (dw, db) = dd.value_and_grad(forward, None, weights=model.parameters())(x, np.zeros(3, dtype))

    assert loss == pytest.approx(LOSS, abs=1e-6)
    assert db.dtype == dtype
    assert_allclose(db, ROW, rtol=2e-6)
    assert_allclose(dw, np.tile(ROW, (5, 1)), rtol=2e-6)
    assert model.w.grad is None  # nothing was mutated
    assert_array_equal(model.w.value, w)


def test_mindspore_gradients_of_inputs_and_of_a_captured_weight():
    z = dd.Variable(1.0)
    f = lambda x, y: x * x * y * z

    assert dd.grad(f, (0, 1))(3.0, 5.0) == (30.0, 9.0)
    assert dd.grad(f, None, weights=z)(3.0, 5.0) == 45.0
    assert dd.grad(f, 0, weights=[z])(3.0, 5.0) == (30.0, [45.0])


def test_mindspore_stop_gradient_of_a_product():
    assert dd.grad(lambda x, y: x * y + dd.stop_gradient(x * y))(3.0, 5.0) == 5.0
    assert dd.grad(lambda x, y: x * y + x * y)(3.0, 5.0) == 10.0


def test_mindspore_second_derivatives():
    x = y = 3.1415926
    assert round(dd.grad(dd.grad(np.sin))(x), 2) == 0.0

    def outputs(x):
        return np.sin(x), np.cos(x)

    assert round(dd.elementwise_grad(dd.elementwise_grad(outputs))(x), 2) == 1.0

    def two(x, y):
        return np.sin(x) - np.cos(y), np.cos(x) - np.sin(y)

    in_x = dd.elementwise_grad(dd.elementwise_grad(two, 0), 0)(x, y)
    in_y = dd.elementwise_grad(dd.elementwise_grad(two, 1), 1)(x, y)
    assert (round(in_x, 2), round(in_y, 2)) == (1.0, -1.0)


# PyTorch's chapter.


def test_pytorch_gradient_of_twice_the_dot_product():
    x = dd.Variable(np.arange(4.0))
    y = 2 * np.dot(x, x)
    assert y.value == 28.0
    y.backward()
    assert_array_equal(x.grad, [0.0, 4.0, 8.0, 12.0])
    assert_array_equal(x.grad, 4 * x.value)


def test_pytorch_gradients_accumulate_until_they_are_zeroed():
    x = dd.Variable(np.arange(4.0))
    (2 * np.dot(x, x)).backward()
    x.sum().backward()
    assert_array_equal(x.grad, 4 * np.arange(4.0) + 1)
    x.zero_grad()
    assert x.grad is None
    x.sum().backward()
    assert_array_equal(x.grad, np.ones(4))


def test_pytorch_gradient_of_a_vector_needs_a_cotangent():
    x = dd.Variable(np.arange(4.0))
    (x * x).sum().backward()
    assert_array_equal(x.grad, 2 * np.arange(4.0))
    x.zero_grad()
    (x * x).backward(np.ones(4))
    assert_array_equal(x.grad, 2 * np.arange(4.0))


def test_pytorch_detached_computation():
    x = dd.Variable(np.arange(4.0))
    u = (x * x).detach()
    (u * x).sum().backward()
    assert_array_equal(x.grad, u)


@pytest.mark.parametrize("start", [0.7, -1.3])
def test_pytorch_control_flow(start):
    def f(a):
        b = a * 2
        while np.linalg.norm(b) < 1000:
            b = b * 2
        return b if b.sum() > 0 else 100 * b

    a = dd.Variable(start)
    c = f(a)
    c.backward()
    assert a.grad == c.value / a.value
    x = np.array(start)
    assert dd.grad(f)(x) == f(x) / x


# From-scratch reverse mode, and dual numbers.

RULES_OF_ONE = [rule for rule in RULES.values() if isinstance(rule, Elementwise) and len(rule.partials) == 1]


@together(RULES_OF_ONE, ids=lambda rule: rule.function.__name__)
def test_dual_numbers_carry_the_derivative(rule):
    """f(a + bε) = f(a) + f'(a) b ε."""
    a, b = float(points(rule.domain[0], (), 3)), 1.75
    y, ydot = dd.jvp(rule.function, (a,), (b,))

    assert y == rule.function(a)
    step = 1e-5
    slope = (rule.function(a + step) - rule.function(a - step)) / (2 * step)
    assert ydot == pytest.approx(slope * b, rel=1e-7, abs=1e-8)
    assert dd.grad(rule.function)(a) * b == pytest.approx(ydot, rel=1e-15)


def test_scratch_gradient_of_a_polynomial():
    """f = (2x² + 2y) / 4:  ∂f/∂x = x, ∂f/∂y = 1/2."""
    f = lambda x, y: (2 * x**2 + 2 * y) / 4
    assert dd.grad(f, (0, 1))(3.0, 7.0) == (3.0, 0.5)
    x, y = dd.Variable(3.0), dd.Variable(7.0)
    f(x, y).backward()
    assert (x.grad, y.grad) == (3.0, 0.5)


@pytest.mark.parametrize("apply", [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow])
def test_scratch_operators_with_the_plain_operand_on_either_side(apply):
    a, c, step = np.array([1.5, 0.5]), np.array([2.0, 3.0]), 1e-6
    for f in (lambda x: apply(x, c), lambda x: apply(c, x), lambda x: apply(x, 2.0), lambda x: apply(2.0, x)):
        slope = (f(a + step) - f(a - step)) / (2 * step)
        assert_allclose(dd.elementwise_grad(f)(a), slope, rtol=1e-8)
        assert_allclose(dd.jvp(f, (a,), (np.ones(2),))[1], slope, rtol=1e-8)
        x = dd.Variable(a)
        np.sum(f(x)).backward()
        assert_allclose(x.grad, slope, rtol=1e-8)


def test_scratch_matrix_products():
    rng = np.random.default_rng(0)
    a, b, y_bar = rng.standard_normal((2, 3)), rng.standard_normal((3, 4)), rng.standard_normal((2, 4))
    _, pullback = dd.vjp(operator.matmul, a, b)
    a_bar, b_bar = pullback(y_bar)
    assert_allclose(a_bar, y_bar @ b.T, rtol=1e-14)
    assert_allclose(b_bar, a.T @ y_bar, rtol=1e-14)
    assert_allclose(dd.vjp(lambda b: a @ b, b)[1](y_bar)[0], a.T @ y_bar, rtol=1e-14)
    assert_allclose(dd.vjp(lambda a: a @ b, a)[1](y_bar)[0], y_bar @ b.T, rtol=1e-14)


def test_scratch_reused_nodes_accumulate():
    def f(x):
        y = x * x
        return y * y + y + x

    assert dd.grad(f)(2.0) == 4 * 8.0 + 4.0 + 1.0
    x = dd.Variable(2.0)
    f(x).backward()
    assert x.grad == 37.0
