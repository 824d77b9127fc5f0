"""``x + 1`` shares the tangent of ``x`` until either becomes a buffer: a write to one never shows in the other."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import dualdiff as dd
from dualdiff.pytrees.trees import flatten
from dualdiff.testing import derivative_at_zero

X, V = np.array([1.0, 2.0, 3.0]), np.array([1.0, -1.0, 0.5])


@dd.custom_jvp
def same(x):
    return x * 1.0


same.defjvp(lambda primals, tangents: (primals[0] * 1.0, tangents[0]))


@dd.custom_jvp
def doubled(x):
    return x * 2.0


@doubled.defjvp
def doubled_jvp(primals, tangents):
    xdot = tangents[0]
    xdot *= 2.0  # in place: not into the tangent of the argument
    return primals[0] * 2.0, xdot


def both_written(x):
    y = x * x
    z = y + 1
    z[0] = x[2]
    y[1] = x[0]
    return np.stack([y, z])


def shared_by_three(x):
    y = x * x
    z = 1 + y
    w = z - 1.0
    y *= 2
    z[1:] += x[1:]
    return np.concatenate([y, z, w])


def written_through_a_view(x):
    y = x * x
    z = y + 1
    tail = z[1:]
    tail[...] = 0.5 * x[1:]
    return y * z


def shared_in_a_loop(x):
    y = x * x
    shifted = [y + i for i in range(3)]
    for i, z in enumerate(shifted):
        z[i] = x[i] * 10
    y[...] = 0.0
    return sum(shifted) + y


def through_a_composite(x):
    y = np.clip(x * x + 1, 0, 100)
    z = np.clip(y + 1, 0, 100)
    y[0] = x[1]
    z[2] = x[0]
    return np.concatenate([y, z])


def through_a_custom_rule(x):
    w = x * 1.0
    z = same(w)
    u = doubled(w)
    w[0] = 5 * x[1]
    z[1] = 7 * x[2]
    return np.concatenate([z, w, u])


def returned_together(x):
    y = x * x
    return y, y + 1, y + 2


PROGRAMS = [
    both_written, shared_by_three, written_through_a_view, shared_in_a_loop, through_a_composite,
    through_a_custom_rule, returned_together,
]  # fmt: skip


def leaves(tree):
    return [np.asarray(leaf) for leaf in flatten(tree)[0]]


@pytest.mark.parametrize("f", PROGRAMS)
def test_writes_stay_apart_in_every_mode(f):
    first = lambda x: dd.jvp(f, (x,), (V,))[1]
    slopes = derivative_at_zero(lambda t: leaves(f(X + t * V)), 1e-3)
    curvatures = derivative_at_zero(lambda t: leaves(first(X + t * V)), 1e-3)

    for slope, forward, block, backward in zip(
        slopes, leaves(first(X)), leaves(dd.jacfwd(f)(X)), leaves(dd.jacrev(f)(X)), strict=True
    ):
        for tangent in (forward, block @ V, backward @ V):
            assert_allclose(tangent, slope, rtol=1e-8, atol=1e-8)
    for curvature, second in zip(curvatures, leaves(dd.jvp(first, (X,), (V,))[1]), strict=True):
        assert_allclose(second, curvature, rtol=1e-7, atol=1e-7)


def test_derivatives_of_several_results_are_arrays_of_their_own():
    pushforward = dd.linearize(returned_together, X)[1]
    of_both_modes = (dd.jvp(returned_together, (X,), (V,))[1], dd.jacfwd(returned_together)(X), pushforward(V))
    for results in (*of_both_modes, dd.jacrev(returned_together)(X)):
        for i, one in enumerate(results):
            assert not any(np.shares_memory(one, other) for other in results[i + 1 :])
