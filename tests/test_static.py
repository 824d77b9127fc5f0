"""`static`: constants inside trees of parameters."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import dualdiff as dd


def loss(p):
    y = sum(w**2 for w in p["w"]) * p["b"]
    for _ in range(p["layers"]):
        y = p["activation"](y)
    return y if p["kind"] == "sum" else y / len(p["w"])


P = {
    "w": [0.3, 0.4],
    "b": 1.1,
    "layers": dd.static(2),
    "activation": dd.static(np.tanh),
    "kind": dd.static("mean"),
    "flag": None,
}


def plain(w, b):
    return np.tanh(np.tanh((w[0] ** 2 + w[1] ** 2) * b)) / 2


def test_a_constant_in_a_tree_is_not_differentiated_and_keeps_its_place():
    expected = dd.grad(plain, argnums=(0, 1))(P["w"], P["b"])
    assert loss(P) == dd.value_and_grad(loss)(P)[0] == plain(P["w"], P["b"])

    for gradient in (dd.grad(loss)(P), dd.jacfwd(loss)(P), dd.jacrev(loss)(P), dd.jacobian(loss)(P)):
        assert_allclose(gradient["w"], expected[0], rtol=1e-14)
        assert_allclose(gradient["b"], expected[1], rtol=1e-14)
        assert gradient["kind"] == "mean"
        assert gradient["layers"] == 2
        assert gradient["activation"].value is np.tanh
        assert gradient["flag"] is None


def test_trees_with_constants_nest_and_become_vectors():
    x, tree_of = dd.ravel(P)
    assert x.shape == (3,)
    assert loss(tree_of(x)) == loss(P)
    H = dd.hessian(lambda x: loss(tree_of(x)))(x)
    assert_allclose(H, dd.hessian(lambda x: plain(x[1:], x[0]))(x), rtol=1e-13)
    assert_allclose(dd.hessian(loss)(P)["b"]["b"], H[0, 0], rtol=1e-13)
    dd.check_grads(loss, (P,))


def test_a_constant_is_hashable_printable_and_equal_to_itself():
    mark = dd.static("relu")

    assert dd.static(mark) is mark
    assert mark == "relu" and mark == dd.static("relu") and mark != "tanh"
    assert {mark: 1}["relu"] == 1
    assert (str(mark), repr(mark)) == ("relu", "static('relu')")
    assert not dd.static(0)
    assert dd.static(np.sin)(0.5) == np.sin(0.5)


def test_a_constant_that_carries_a_derivative_is_refused():
    with pytest.raises(TypeError, match=r"static: the value carries a derivative.*\n.*stop_gradient"):
        dd.grad(lambda x: dd.static(x).value * x)(1.0)
    assert dd.grad(lambda x: dd.static(dd.stop_gradient(x)).value * x)(3.0) == 3.0


@pytest.mark.parametrize("constant", ["relu", True, np.sin])
def test_an_unmarked_constant_in_a_tree_is_refused_with_advice(constant):
    with pytest.raises(TypeError, match=r"argument 0\['c'\] is a .*\n.*dualdiff\.static\("):
        dd.grad(lambda p: p["w"] ** 2)({"w": 1.0, "c": constant})
    with pytest.raises(TypeError, match=r"argument 0 is a .*\n  Leave it out with argnums=, or pass it as a keyword"):
        dd.grad(lambda c: 1.0)(constant)


def test_a_gradient_as_a_tangent_fits_its_primal():
    _, slope = dd.jvp(loss, (P,), (dd.grad(loss)(P),))
    gradient = dd.grad(loss)(P)
    assert_allclose(slope, np.sum(np.square(gradient["w"])) + gradient["b"] ** 2, rtol=1e-13)
