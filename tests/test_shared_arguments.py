"""The same array given for two arguments, one of them written in the function: plain NumPy's value, or an error."""

import numpy as np
import pytest

import dualdiff as dd
from dualdiff.pytrees.trees import flatten
from tests.laws import together


def array():
    return np.array([1.0, 2.0, 3.0, 4.0])


def writes_first(a, b):
    a[0] = 5.0
    return np.sum(a * b)


def writes_second(a, b):
    b[0] = 5.0
    return np.sum(a * b)


def updates_first(a, b):
    a *= 2.0
    return np.sum(a * b)


def writes_through_a_view(a, b):
    a[1:][0] = 7.0
    return np.sum(a * b)


WRITING = [writes_first, writes_second, updates_first, writes_through_a_view]


def reading(a, b):
    return np.sum(a * a * b)


def value_of_second(a, b):
    return np.sum(b * b)


TRANSFORMS = {
    "grad": lambda f: dd.value_and_grad(f),
    "grad of both": lambda f: dd.value_and_grad(f, argnums=(0, 1)),
    "elementwise_grad": lambda f: dd.elementwise_grad(f),
    "jvp": lambda f: lambda *args: dd.jvp(f, args, tuple(np.ones_like(a, float) for a in args)),
    "jacfwd": lambda f: dd.jacfwd(f),
    "jacfwd in chunks": lambda f: dd.jacfwd(f, chunk_size=1),
    "jacrev": lambda f: dd.jacrev(f),
    "jacobian of both": lambda f: dd.jacobian(f, argnums=(0, 1)),
    "vjp": lambda f: lambda *args: dd.vjp(f, *args),
    "linearize": lambda f: lambda *args: dd.linearize(f, *args),
    "hessian": lambda f: dd.hessian(f),
    "hvp": lambda f: lambda *args: dd.hvp(f, args, tuple(np.ones_like(a, float) for a in args)),
}
MESSAGE = "shares its memory; plain NumPy would change both"


def overlapping(kind):
    a = array()
    return {
        "same": (a, a),
        "view": (a, a[:]),
        "reversed": (a, a[::-1]),
        "parts": (a[:3], a[0:][:3]),
        "buffer": (a, np.frombuffer(a.data)),
        "strided": (a, np.lib.stride_tricks.as_strided(a, (4,), (8,))),
        "whole numbers": (a.astype(int),) * 2,
    }[kind]


KINDS = ("same", "view", "reversed", "parts", "buffer", "strided", "whole numbers")


@together(
    [(transform, f, kind) for transform in TRANSFORMS for kind in KINDS for f in WRITING],
    ids=lambda case: f"{case[0]}, {case[1].__name__}, {case[2]}",
)
def test_argument_that_shares_memory_and_is_written_raises(transform, f, kind):
    with pytest.raises(TypeError, match=MESSAGE):
        TRANSFORMS[transform](f)(*overlapping(kind))


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("f", [reading, value_of_second])
def test_argument_that_shares_memory_is_read_as_ever(transform, f):
    a = array()
    result, separate = (flatten(TRANSFORMS[transform](f)(a, b))[0] for b in (a, a.copy()))
    for x, y in zip(result, separate, strict=True):
        assert callable(x) or np.array_equal(x, y)
    gradient = dd.grad(reading)(a, a)
    np.testing.assert_array_equal(gradient, 2 * a * a)


@pytest.mark.parametrize("f", WRITING)
def test_arrays_that_lie_between_each_other_share_nothing(f):
    both = np.arange(8.0)
    a, b = both[::2], both[1::2]
    expected = f(a.copy(), b.copy())
    for transform in ("grad", "jvp", "vjp"):
        both = np.arange(8.0)
        assert TRANSFORMS[transform](f)(both[::2], both[1::2])[0] == expected


class Holder:
    def __init__(self, array):
        self.array = array


@pytest.mark.parametrize(
    ("arrange", "get"),
    [
        (lambda a: {"w": [a]}, lambda tree: tree["w"][0]),
        (lambda a: (1.0, {"x": a[:2]}), lambda tree: tree[1]["x"]),
        (Holder, lambda holder: holder.array),
    ],
    ids=["dict", "view in a tuple", "object"],
)
@pytest.mark.parametrize("transform", ["grad", "jacfwd", "jacrev"])
def test_argument_and_leaf_of_another(transform, arrange, get):
    def writes_array(a, tree):
        a[0] = 5.0
        return np.sum(a) * np.sum(get(tree))

    def writes_leaf(a, tree):
        get(tree)[0] = 5.0
        return np.sum(a) * np.sum(get(tree))

    for f in (writes_array, writes_leaf):
        a = array()
        with pytest.raises(TypeError, match=MESSAGE):
            TRANSFORMS[transform](f)(a, arrange(a))
        if arrange is not Holder:
            a = array()
            with pytest.raises(TypeError, match=MESSAGE):
                TRANSFORMS[transform](lambda tree, a, f=f: f(a, tree))(arrange(a), a)
    a = array()
    dd.grad(lambda a, tree: np.sum(a) * np.sum(get(tree)))(a, arrange(a))


def test_keyword_argument_that_shares_memory():
    a = array()
    with pytest.raises(TypeError, match=MESSAGE):
        dd.grad(lambda a, *, b: writes_first(a, b))(a, b=a)
    with pytest.raises(TypeError, match=MESSAGE):
        dd.jacfwd(lambda a, *, b: writes_second(a, b))(a, b=a)


@pytest.mark.parametrize("transform", ["grad", "jacfwd", "jacrev"])
def test_two_leaves_of_one_tree(transform):
    def f(tree):
        tree["a"][0] = 7.0
        return np.sum(tree["b"] * tree["b"])

    a = array()
    with pytest.raises(TypeError, match=MESSAGE):
        TRANSFORMS[transform](f)({"a": a, "b": a})
    assert dd.grad(lambda tree: np.sum(tree["a"] * tree["b"]))({"a": a, "b": a})["a"].tolist() == a.tolist()


@pytest.mark.parametrize("transform", ["grad", "jacfwd", "jacrev"])
def test_container_that_is_given_twice_and_written(transform):
    def between(p, q):
        p[0] = 2.0 * p[0]
        return np.sum(q[0])

    def within(tree):
        return between(tree["p"], tree["q"])

    tree = [array(), 1.0]
    with pytest.raises(TypeError, match="a list that is given twice among the arguments is written"):
        TRANSFORMS[transform](between)(tree, tree)
    with pytest.raises(TypeError, match=r"a dict that is given twice|a list that is given twice"):
        TRANSFORMS[transform](within)({"p": tree, "q": tree})
    assert dd.grad(lambda p, q: np.sum(p[0] * q[0]))(tree, tree)[0].tolist() == array().tolist()
    assert dd.value_and_grad(between)([array(), 1.0], [array(), 1.0])[0] == 10.0


def test_zero_dimensional_array_given_twice():
    def f(a, b):
        b[...] = 5.0
        return a * a

    for transform in (dd.derivative, dd.grad, dd.jacfwd):
        z = np.array(3.0)
        with pytest.raises(TypeError, match=MESSAGE):
            transform(f)(z, z)
        assert transform(f)(np.array(3.0), np.array(1.0)) == 6.0


def test_nested_transforms_of_one_array():
    for f in (writes_first, writes_second):
        for outer in (dd.grad, dd.jacfwd):
            with pytest.raises(TypeError, match=MESSAGE):
                outer(lambda x, f=f: np.sum(dd.grad(f)(x, x)))(array())
    second = dd.grad(lambda x: np.sum(dd.grad(reading)(x, x)))(array())
    assert second.tolist() == (4 * array()).tolist()


def test_variable_given_twice():
    w = dd.Variable(array())
    with pytest.raises(TypeError, match=MESSAGE):
        dd.grad(writes_first)(w, w)
    with pytest.raises(TypeError, match="Variable"):
        dd.grad(writes_second)(w, w)
    assert np.asarray(dd.grad(reading)(w, w).value).tolist() == (2 * array() ** 2).tolist()
