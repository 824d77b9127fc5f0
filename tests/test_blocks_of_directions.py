"""Blocks of directions through `linearize` and `vjp`: what each direction gives by itself, many side by side."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd

X = np.array([0.5, 1.5, 2.5])
A = np.arange(6.0).reshape(2, 3)


def matrix(x):
    return A @ np.sin(x)


def tree(p, s):
    return {"y": p["a"] * s, "z": (np.sum(p["b"] ** 2), p["a"][1:])}


def in_place(x):
    y = np.zeros_like(x)
    y[1:] = x[:-1] * x[1:]
    y[0] += np.sum(x)
    return y


FUNCTIONS = [matrix, np.sin, in_place, np.sum, lambda x: x, lambda x: x[::-1] * 2.0, lambda x: np.outer(x, x)]


@pytest.mark.parametrize("f", FUNCTIONS)
@pytest.mark.parametrize("k", [0, 1, 4])
def test_a_block_is_its_directions_one_by_one(f, k):
    rng = np.random.default_rng(k)
    y, pushforward = dd.linearize(f, X)
    V = rng.normal(size=(k, 3))
    given = V.copy()
    found = pushforward(V, block=True)

    assert found.shape == (k, *np.shape(y))
    for v, column in zip(V, found, strict=True):
        assert_allclose(column, pushforward(v), rtol=1e-14)
    y, pullback = dd.vjp(f, X)
    U = rng.normal(size=(k, *np.shape(y)))
    (back,) = pullback(U, block=True)
    assert back.shape == (k, 3)
    for u, row in zip(U, back, strict=True):
        assert_allclose(row, pullback(u)[0], rtol=1e-14)
    found[...] = 7.0
    back[...] = 7.0
    assert_array_equal(V, given)
    assert_allclose(pushforward(V, block=True), dd.jacfwd(f)(X) @ V.T if np.ndim(y) == 0 else
                    np.moveaxis(dd.jacfwd(f)(X) @ V.T, -1, 0), rtol=1e-13)  # fmt: skip


def test_a_matrix_of_directions_is_the_product_with_the_jacobian():
    V, U = np.random.default_rng(0).normal(size=(3, 5)), np.random.default_rng(1).normal(size=(4, 2))
    J = dd.jacobian(matrix)(X)

    assert_allclose(dd.linearize(matrix, X)[1](V.T, block=True).T, J @ V)
    assert_allclose(dd.vjp(matrix, X)[1](U, block=True)[0], U @ J)
    assert_allclose(dd.linearize(matrix, X)[1](np.eye(3), block=True).T, J)


def test_trees_several_arguments_and_scalars():
    p, s = {"a": X, "b": A}, 2.0
    dp = {"a": np.random.default_rng(0).normal(size=(4, 3)), "b": np.random.default_rng(1).normal(size=(4, 2, 3))}
    ds = np.arange(4.0)
    _, pushforward = dd.linearize(tree, p, s)
    found = pushforward(dp, ds, block=True)
    for i in range(4):
        one = pushforward({"a": dp["a"][i], "b": dp["b"][i]}, float(ds[i]))
        assert_allclose(found["y"][i], one["y"])
        assert_allclose(found["z"][0][i], one["z"][0])
        assert_allclose(found["z"][1][i], one["z"][1])
    _, pullback = dd.vjp(tree, p, s)
    p_bar, s_bar = pullback(found, block=True)
    assert s_bar.shape == (4,)
    for i in range(4):
        one_p, one_s = pullback({"y": found["y"][i], "z": (found["z"][0][i], found["z"][1][i])})
        assert_allclose(p_bar["a"][i], one_p["a"])
        assert_allclose(p_bar["b"][i], one_p["b"])
        assert_allclose(s_bar[i], one_s)


def test_results_that_depend_on_nothing_are_blocks_of_zeros():
    _, pushforward = dd.linearize(lambda x, z: (x * 2, np.ones(2), 1), X, A)
    found = pushforward(np.eye(3), np.zeros((3, 2, 3)), block=True)
    assert [part.shape for part in found] == [(3, 3), (3, 2), (3,)]
    _, pullback = dd.vjp(lambda x, z: x * 2, X, A)
    assert pullback(np.eye(3), block=True)[1].shape == (3, 2, 3)
    assert pullback(np.zeros((0, 3)), block=True)[1].shape == (0, 2, 3)


@pytest.mark.parametrize("block", [False, True])
def test_results_share_no_memory(block):
    _, pushforward = dd.linearize(lambda x: (x, x + 1, x[1:], x.reshape(3, 1)), X)
    found = pushforward(np.eye(3) if block else X, block=block)
    expected = [np.copy(part) for part in found]
    for i, part in enumerate(found):
        part[...] = 9.0
        for other, was in list(zip(found, expected, strict=True))[i + 1 :]:
            assert_array_equal(other, was)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, complex])
def test_dtypes_are_those_of_one_direction(dtype):
    x = X.astype(dtype)
    _, pushforward = dd.linearize(np.sin, x)
    _, pullback = dd.vjp(np.sin, x)
    assert pushforward(np.eye(3), block=True).dtype == dtype
    assert pullback(np.eye(3, dtype=int), block=True)[0].dtype == dtype
    real = dd.vjp(lambda x: np.real(x * (1 + 2j)), X)[1]
    assert_array_equal(real(np.eye(3), block=True)[0], np.eye(3))


def test_blocks_nest():
    f = lambda x: np.sum(dd.linearize(lambda z: z**3, x)[1](np.stack([x, 2 * x]), block=True))  # 9 x³
    assert_allclose(dd.grad(f)(X), 27 * X**2)
    assert_allclose(dd.jacfwd(f)(X), 27 * X**2)
    g = lambda x: np.sum(dd.vjp(lambda z: z**3, x)[1](np.stack([x, 2 * x]), block=True)[0])
    assert_allclose(dd.grad(g)(X), 27 * X**2)
    v = dd.Variable(X)
    np.sum(dd.vjp(lambda z: z**2, X)[1](np.stack([v, v]), block=True)[0]).backward()
    assert_allclose(v.grad, 4 * X)


def test_a_structural_zero_stays_zero_beside_an_infinite_partial():
    f = lambda x: np.sqrt(x) * 1.0
    x = np.array([0.0, 4.0])
    assert_array_equal(dd.linearize(f, x)[1](np.eye(2), block=True), [[np.inf, 0.0], [0.0, 0.25]])
    assert_array_equal(dd.vjp(f, x)[1](np.eye(2), block=True)[0], [[np.inf, 0.0], [0.0, 0.25]])


def test_wrong_blocks_raise():
    _, pushforward = dd.linearize(lambda x, s: x * s, X, 2.0)
    _, pullback = dd.vjp(lambda x, s: (x * s, s), X, 2.0)
    with pytest.raises(ValueError, match=r"(?s)tangents\[0\] has shape \(4, 3\).*pushforward\(\.\.\., block=True\)"):
        pushforward(np.ones((4, 3)), 1.0)
    with pytest.raises(ValueError, match=r"(?s)cotangent\[0\] has shape \(4, 3\).*pullback\(\.\.\., block=True\)"):
        pullback((np.ones((4, 3)), 1.0))
    with pytest.raises(ValueError, match=r"shape \(3,\).*a block of k directions has the shape \(k, 3\)"):
        pushforward(X, np.ones(3), block=True)
    with pytest.raises(ValueError, match=r"shape \(\).*\(k,\)"):
        pushforward(np.eye(3), 1.0, block=True)
    with pytest.raises(ValueError, match=r"tangents\[0\] has 3 directions, pushforward: tangents\[1\] has 2"):
        pushforward(np.eye(3), np.ones(2), block=True)
    with pytest.raises(ValueError, match=r"3 directions.* has 2"):
        pullback((np.eye(3), np.ones(2)), block=True)
    with pytest.raises(TypeError, match="dtype"):
        pushforward(np.eye(3) * 1j, np.ones(3), block=True)
    with pytest.raises(ValueError, match="structure"):
        pullback((np.eye(3), None), block=True)
