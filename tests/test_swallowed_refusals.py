"""A refusal that the user's code swallowed: every transform raises it if nothing in the result carries a derivative."""

import struct
import threading

import numpy as np
import pytest

import dualdiff as dd

X = np.array([1.0, 2.0])
TRANSFORMS = {
    "jvp": lambda f, F: dd.jvp(f, (X,), (X,)),
    "derivative": lambda f, F: dd.derivative(lambda t: f(np.stack([t, t])))(1.0),
    "jacfwd": lambda f, F: dd.jacfwd(f)(X),
    "linearize": lambda f, F: dd.linearize(f, X)[1](X),
    "vjp": lambda f, F: dd.vjp(f, X)[1](1.0),
    "grad": lambda f, F: dd.grad(f)(X),
    "grad, has_aux": lambda f, F: dd.grad(lambda x: (f(x), 1), has_aux=True)(X),
    "value_and_grad": lambda f, F: dd.value_and_grad(f)(X),
    "elementwise_grad": lambda f, F: dd.elementwise_grad(F)(X),
    "jacrev": lambda f, F: dd.jacrev(F)(X),
    "jacobian": lambda f, F: dd.jacobian(F)(X),
    "hessian": lambda f, F: dd.hessian(f)(X),
    "hvp": lambda f, F: dd.hvp(f, X, X),
    "hessian_diagonal": lambda f, F: dd.hessian_diagonal(f)(X),
    "gauss_newton_product": lambda f, F: dd.gauss_newton_product(F, X, X),
    "sparsity": lambda f, F: dd.sparsity(F)(X),
    "sparse_jacobian": lambda f, F: dd.sparse_jacobian(F)(X),
    "value_and_sparse_jacobian": lambda f, F: dd.value_and_sparse_jacobian(F)(X),
    "sparse_hessian": lambda f, F: dd.sparse_hessian(f)(X),
    "jacobian_operator": lambda f, F: dd.jacobian_operator(F)(X) @ X,
    "batch_jacobian": lambda f, F: dd.batch_jacobian(F)(np.stack([X, X])),
    "propagate": lambda f, F: dd.propagate(F, X, np.eye(2)),
    "compare_modes": lambda f, F: dd.compare_modes(f, X),
    "nested forward": lambda f, F: dd.derivative(lambda t: dd.derivative(lambda s: f(np.stack([s, t])))(1.0))(1.0),
    "nested reverse": lambda f, F: dd.grad(lambda x: dd.grad(f)(x).sum())(X),
    "outer": lambda f, F: dd.grad(lambda x: f(x) * dd.derivative(lambda t: t * t)(3.0))(X),
}


def caught(x):
    try:
        struct.pack("d", x)
    except Exception:
        return 1.0
    return x


def caught_elsewhere(x):
    found = [1.0]

    def run():
        found[0] = struct.unpack("d", struct.pack("d", x))[0]

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize("lost", [caught, pytest.param(caught_elsewhere, id="in a thread")])
@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_swallowed_refusal_is_raised_at_the_end(name, lost):
    with pytest.raises(dd.DerivativeLost, match="refused"):
        TRANSFORMS[name](lambda x: 2.0 * lost(x[0]), lambda x: np.array([lost(x[0]), 1.0]))


def test_a_result_that_carries_something_is_returned():
    assert dd.grad(lambda x: caught(x[0]) * x[1])(X) == pytest.approx([0.0, 1.0])
    assert dd.derivative(lambda t: caught(dd.stop_gradient(t)))(1.0) == 0.0
