"""Indexing of every kind, read and written, against NumPy itself on an array of positions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd

SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4)


@st.composite
def shape_and_index(draw):
    """A shape and an index of any mixture: slices, ints, None, Ellipsis, integer arrays, masks."""
    shape = draw(SHAPES)
    if draw(st.booleans()):
        return shape, draw(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
    if draw(st.booleans()):
        mask = draw(hnp.arrays(bool, shape[: draw(st.integers(1, len(shape)))]))
        return shape, mask
    common = draw(st.sampled_from([(), (1,), (3,), (2, 3)]))
    parts = []
    for n in shape:
        kind = draw(st.sampled_from(["slice", "int", "array", "list", "all", "newaxis"]))
        if kind == "newaxis":
            parts.append(None)
            kind = "all"
        if kind == "slice":
            parts.append(draw(st.slices(n)))
        elif kind == "int":
            parts.append(draw(st.integers(-n, n - 1)))
        elif kind in ("array", "list"):
            index = draw(hnp.arrays(np.intp, common, elements=st.integers(-n, n - 1)))
            parts.append(index.tolist() if kind == "list" and common == (3,) else index)
        else:
            parts.append(slice(None))
    if draw(st.booleans()):
        # An ellipsis in place of the axes between two cuts.
        first = draw(st.integers(0, len(parts)))
        last = draw(st.integers(first, len(parts)))
        parts[first:last] = [Ellipsis]
    return shape, tuple(parts)


@settings(max_examples=300, deadline=None)
@given(shape_and_index())
def test_entries_that_are_read(case):
    shape, index = case
    x = np.arange(1.0, np.prod(shape) + 1).reshape(shape)
    expected = x[index]
    y, ydot = dd.jvp(lambda x: x[index] * 1.0, (x,), (x * 10.0,))
    assert_array_equal(y, expected)
    assert_array_equal(ydot, expected * 10.0)
    j = dd.jacfwd(lambda x: x[index])(x)
    assert_array_equal(np.tensordot(j, x, x.ndim), expected)
    assert_array_equal(dd.jacrev(lambda x: x[index])(x), j)


@settings(max_examples=300, deadline=None)
@given(shape_and_index(), st.sampled_from(["scalar", "constant", "whole", "column"]))
def test_entries_that_are_written(case, kind):
    shape, index = case
    x = np.linspace(0.5, 1.5, int(np.prod(shape))).reshape(shape)
    target = np.shape(x[index])
    n = int(np.prod(target))
    items = np.linspace(2.0, 3.0, n).reshape(target) if kind == "whole" else np.array(2.5)
    if kind == "column" and target:
        items = np.linspace(2.0, 3.0, target[-1])

    def f(x, items):
        y = x * 2.0
        y[index] = 7.0 if kind == "constant" else items
        return y * y

    args = x, items
    rng = np.random.default_rng(0)
    v = tuple(rng.standard_normal(np.shape(arg)) for arg in args)
    y, ydot = dd.jvp(f, args, v)
    assert_array_equal(y, f(*args))
    # Assignment is linear in both, so its tangent is itself: the buffer of tangents, written in the same way.
    written = v[0] * 2.0
    written[index] = 0.0 if kind == "constant" else v[1]
    value = x * 2.0
    value[index] = 7.0 if kind == "constant" else items
    assert_allclose(ydot, 2.0 * value * written, rtol=1e-14)
    y_bar = rng.standard_normal(np.shape(y))
    x_bar = dd.vjp(f, *args)[1](y_bar)
    total = sum(np.sum(a * b) for a, b in zip(x_bar, v, strict=True))
    assert total == pytest.approx(np.sum(y_bar * ydot), rel=1e-11, abs=1e-11)
    assert_allclose(dd.jacfwd(f)(*args), dd.jacrev(f)(*args), rtol=1e-13, atol=1e-13)


@settings(max_examples=100, deadline=None)
@given(hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=3), st.data())
def test_reductions_over_any_axes(shape, data):
    ndim = len(shape)
    axes = data.draw(st.lists(st.integers(-ndim, ndim - 1), unique_by=lambda i: i % ndim))
    axis = data.draw(st.sampled_from([None, tuple(axes)]))
    keepdims = data.draw(st.booleans())
    x = np.linspace(0.5, 1.5, int(np.prod(shape))).reshape(shape)
    v = np.cos(7 * x)
    f = lambda x: np.sum(x * x, axis=axis, keepdims=keepdims)
    y, ydot = dd.jvp(f, (x,), (v,))
    assert_array_equal(y, f(x), strict=True)
    assert_allclose(ydot, np.sum(2 * x * v, axis=axis, keepdims=keepdims), rtol=1e-13, atol=1e-13)


def test_scalars_and_zero_dimensional_results():
    x = np.arange(6.0).reshape(2, 3)
    y, ydot = dd.jvp(lambda x: x[1, 2], (x,), (x,))
    assert type(y) is np.float64 and ydot == 5.0
    y, ydot = dd.jvp(lambda x: x[1, 2, ...], (x,), (x,))
    assert type(y) is np.ndarray and y.shape == () and ydot == 5.0
    y, ydot = dd.jvp(lambda x: x[True, 1], (x,), (x,))
    assert_array_equal(ydot, x[True, 1])
    y, ydot = dd.jvp(lambda x: x[np.ix_([1, 0], [2, 0])], (x,), (x,))
    assert_array_equal(ydot, x[np.ix_([1, 0], [2, 0])])
