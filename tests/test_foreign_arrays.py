"""Arrays of other packages and home-made wrappers: unwrapped where that is faithful, else refused by name."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd

X = np.array([1.0, 2.0])
transforms = pytest.mark.parametrize(
    "transform", [dd.jacfwd, dd.jacrev, dd.jacobian, dd.elementwise_grad], ids=lambda t: t.__name__
)


class Quantity:
    """A home-made wrapper: a magnitude with a unit, and a dtype."""

    def __init__(self, magnitude, unit="m"):
        self.magnitude, self.unit = magnitude, unit

    @property
    def dtype(self):
        return np.asarray(dd.stop_gradient(self.magnitude)).dtype

    @property
    def shape(self):
        return np.shape(self.magnitude)


class Box:
    """A wrapper whose value has a name of its own."""

    dtype = np.dtype(float)
    shape = ()

    def __init__(self, value):
        self.value = value


class Slots:
    __slots__ = ("kept",)

    def __init__(self, kept):
        self.kept = kept


@transforms
def test_a_wrapper_that_shows_its_array_is_unwrapped(transform):
    assert_array_equal(transform(lambda x: Quantity(np.sum(3 * x)))(X), [3.0, 3.0])
    assert_array_equal(transform(lambda x: (Quantity(Quantity(np.sum(3 * x))),))(X), ([3.0, 3.0],) if transform is not
                       dd.elementwise_grad else [3.0, 3.0])  # fmt: skip
    w = dd.Variable(X)
    assert_array_equal(dd.grad(lambda: Quantity(np.sum(w * w)), argnums=None, weights=[w])()[0], 2 * X)


@transforms
@pytest.mark.parametrize(
    "wrap", [Box, Slots, lambda y: Box([y]), lambda y: Box({"y": Box(y)}), lambda y: {y.size: Box(y)}]
)
def test_a_wrapper_that_hides_its_array_is_refused_by_name(wrap, transform):
    with pytest.raises(TypeError, match=r"the result.* is a .*(Box|Slots), which holds values that carry a derivative"):
        transform(lambda x: wrap(np.sum(3 * x)))(X)


class Weighted(np.ndarray):
    """A subclass of ndarray with an operator of its own."""

    def __mul__(self, other):
        return 2 * np.asarray(self) * other


class Averaged(np.ndarray):
    def sum(self, *args, **kwargs):
        return self.mean(*args, **kwargs)


class Plain(np.ndarray):
    """A subclass that calculates as an array does."""


def test_subclasses_of_ndarray_with_operations_of_their_own_are_refused():
    for kind in (Weighted, Averaged, np.matrix, np.ma.MaskedArray):
        a = np.ma.masked_array(X, [True, False]) if kind is np.ma.MaskedArray else X.view(kind)
        with pytest.raises(TypeError, match=f"a {kind.__name__}.*operations differ"):
            dd.grad(lambda x: np.sum(x))(a)
        with pytest.raises(TypeError, match=f"a {kind.__name__}.*operations differ"):
            dd.jvp(np.sin, (X,), (a,)) if kind is not np.matrix else dd.jvp(np.sin, (X[None],), (a,))
        for f in (lambda x, a=a: np.sum(np.add(x, a)), lambda x, a=a: np.sum(x * a), lambda x, a=a: np.sum(x + a)):
            with pytest.raises(TypeError, match=f"a {kind.__name__}.*operations differ"):
                dd.grad(f)(X)
    a = X.view(Plain)
    assert_array_equal(dd.grad(lambda x: np.sum(x * a))(a), X)


# pandas.


def test_pandas_meets_a_dual_and_is_refused_by_name():
    pd = pytest.importorskip("pandas")
    for s in (pd.Series(X), pd.Series(X, index=["a", "b"]), pd.DataFrame({"a": X, "b": X})):
        kind = type(s).__name__
        for f in (
            lambda x, s=s: x * s,
            lambda x, s=s: s * x,
            lambda x, s=s: s + x[0],
            lambda x, s=s: x[0] - s,
            lambda x, s=s: s / x,
            lambda x, s=s: x**s,
            lambda x, s=s: x @ s,
            lambda x, s=s: np.add(x, s),
            lambda x, s=s: np.add(s, x),
            lambda x, s=s: np.dot(x, s),
            lambda x, s=s: np.where(x > 0, x, s),
            lambda x, s=s: np.concatenate([x, s]),
            lambda x, s=s: np.maximum(s, x),
        ):
            for transform in (dd.jacfwd, dd.jacrev):
                with pytest.raises(TypeError, match=f"a {kind} aligns by label"):
                    transform(f)(X)
            with pytest.raises(TypeError, match=f"a {kind} aligns by label"):
                f(dd.Variable(X))
    for given in (pd.Series(X), pd.DataFrame({"a": X})):
        with pytest.raises(TypeError, match=r"aligns by label.*\n  Write  s.to_numpy\(\)"):
            dd.grad(np.sum)(given)
        with pytest.raises(TypeError, match=r"aligns by label"):
            dd.jvp(np.sin, (np.asarray(given),), (given,))
    s = pd.Series(X)
    assert_array_equal(dd.grad(lambda x: np.sum(x * s.to_numpy()))(X), X)
    with pytest.raises(TypeError, match=r"the function returned a Series"):
        dd.jacfwd(lambda x: pd.Series(list(x)))(X)


# xarray and pint.


def test_a_data_array_of_duals_is_unwrapped():
    xr = pytest.importorskip("xarray")
    a = xr.DataArray(X, dims="t")
    assert dd.derivative(lambda v: (a * v).sum())(1.0) == 3.0
    assert dd.grad(lambda v: (a * v).sum())(1.0) == 3.0
    assert_array_equal(dd.jacfwd(lambda v: a * v)(1.0), X)
    assert_array_equal(dd.jacrev(lambda v: {"a": a * v * v})(3.0)["a"], 6 * X)


def test_a_quantity_of_duals_is_unwrapped():
    pint = pytest.importorskip("pint")
    unit = pint.UnitRegistry()
    a = unit.Quantity(X, "m")
    assert_allclose(dd.derivative(lambda v: (a * v).sum())(1.0), 3.0)
    assert_allclose(dd.grad(lambda v: (a * v * v).sum())(2.0), 12.0)
