"""Arrays of other packages and home-made wrappers, as results, as arguments and beside a Dual."""

import operator

import numpy as np
import pytest

import dualdiff as dd

X = np.array([0.3, 0.8])
A = np.array([2.0, 5.0])


class Wrapper:
    """Home-made: hides its data from NumPy, but has a dtype."""

    def __init__(self, data):
        self.data = data

    shape = property(lambda self: self.data.shape)
    dtype = property(lambda self: self.data.dtype)


class Convertible(Wrapper):
    """NumPy sees twice the data: what an attribute says need not be it."""

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.data * 2.0)


class Stubborn(Wrapper):
    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.data, dtype=float)


class Unit(np.lib.mixins.NDArrayOperatorsMixin, Wrapper):
    """Takes operations itself, through both protocols, with whatever it holds."""

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.data)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return Unit(getattr(ufunc, method)(*(x.data if isinstance(x, Unit) else x for x in inputs), **kwargs))

    def __array_function__(self, function, types, args, kwargs):
        return Unit(function(*(x.data if isinstance(x, Unit) else x for x in args), **kwargs))


class Labelled:
    """What gives pandas away: its priority.  `np.asarray` of it is plain numbers."""

    __pandas_priority__ = 3000

    def __init__(self, data):
        self.data = data

    shape = property(lambda self: self.data.shape)
    dtype = property(lambda self: self.data.dtype)

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.data)

    def __add__(self, other):
        if getattr(other, "__pandas_priority__", 0) > self.__pandas_priority__:
            return NotImplemented
        return Labelled(self.data + other)

    def __iadd__(self, other):
        return (self + other).data


class OwnProduct(np.ndarray):
    def __mul__(self, other):
        return np.asarray(self) @ np.asarray(other)


class OwnSum(np.ndarray):
    def sum(self, *args, **kwargs):
        return 0.0


class OwnUfunc(np.ndarray):
    def __array_ufunc__(self, *args, **kwargs):
        return NotImplemented


class OwnFunction(np.ndarray):
    def __array_function__(self, *args, **kwargs):
        return NotImplemented


class OwnIndexing(np.ndarray):
    def __getitem__(self, index):
        return 7.0


class Documented(np.ndarray):
    """Attributes and methods of its own change nothing of what it is as an array."""

    def __array_finalize__(self, other):
        self.note = getattr(other, "note", "")

    def describe(self):
        return self.note


SUBCLASSES = [OwnProduct, OwnSum, OwnUfunc, OwnFunction, OwnIndexing, np.matrix, np.ma.MaskedArray]


def pair_of(f):
    """Value and derivative along (1, 2), by each mode."""
    v = np.array([1.0, 2.0])
    y, ydot = dd.jvp(f, (X,), (v,))
    yield y, ydot
    yield y, dd.jacfwd(f)(X) @ v
    yield y, dd.jacrev(f)(X) @ v
    y, pullback = dd.vjp(f, X)
    ct = np.arange(1.0, 1.0 + np.size(y)).reshape(np.shape(y))
    assert np.sum(ct * ydot) == pytest.approx(np.sum(pullback(ct)[0] * v))
    y, pushforward = dd.linearize(f, X)
    yield y, pushforward(v)


# Results.


@pytest.mark.parametrize(
    ("f", "value", "slope"),
    [
        (lambda x: Convertible(x * A), 2 * X * A, 2 * A * [1, 2]),
        (lambda x: Convertible(np.sum(x * x)), 2 * np.sum(X * X), 4 * np.sum(X * [1, 2])),
        (lambda x: Unit(x * A), X * A, A * [1, 2]),
        (lambda x: np.exp(Unit(x) * Unit(A)), np.exp(X * A), np.exp(X * A) * A * [1, 2]),
        (lambda x: Unit(Unit(x * A)), X * A, A * [1, 2]),
        (lambda x: Convertible(Unit(x)), 2 * X, [2, 4]),
        (lambda x: Convertible(A), 2 * A, [0, 0]),
        (lambda x: Unit(np.asarray(x) * A), X * A, A * [1, 2]),
    ],
)
def test_wrapper_that_numpy_sees_into_gives_the_derivative_of_what_it_sees(f, value, slope):
    for y, ydot in pair_of(f):
        assert np.asarray(y) == pytest.approx(value)
        assert np.asarray(ydot) == pytest.approx(np.asarray(slope))


def test_wrapper_within_a_container_and_of_a_scalar():
    (total, rest), (total_dot, rest_dot) = dd.jvp(
        lambda x: (Convertible(x[0] * x[1]), {"a": [Unit(x * x)]}), (X,), (np.ones(2),)
    )
    assert (total, total_dot) == (pytest.approx(0.48), pytest.approx(2.2))
    assert rest["a"][0] == pytest.approx(X * X)
    assert rest_dot["a"][0] == pytest.approx(2 * X)
    assert dd.derivative(lambda t: Convertible(t * t))(3.0) == pytest.approx(12.0)
    assert dd.grad(lambda x: Convertible(np.sum(x * x)))(X) == pytest.approx(4 * X)


def test_wrapper_in_nested_modes():
    for outer in (dd.derivative, dd.grad):
        for inner in (dd.derivative, dd.grad):
            second = outer(lambda t, inner=inner: Convertible(inner(lambda s: Unit(s**3))(t)))(2.0)
            assert second == pytest.approx(2 * 6 * 2.0)


def test_wrapper_of_a_variable_under_weights():
    w = dd.Variable(A)
    assert dd.grad(lambda: Convertible(np.sum(w * w)), argnums=None, weights=w)() == pytest.approx(4 * A)
    assert dd.grad(lambda x: Unit(np.sum(x * w)), weights=[w])(X)[1][0] == pytest.approx(X)


@pytest.mark.parametrize("hide", [Wrapper, Stubborn, lambda x: [1.0, {"inner": Wrapper(x)}]])
def test_wrapper_that_numpy_cannot_see_into_is_refused_by_name(hide):
    for transform in (
        dd.jacfwd,
        dd.jacrev,
        lambda f: lambda x: dd.jvp(f, (x,), (x,)),
        lambda f: lambda x: dd.vjp(f, x),
    ):
        with pytest.raises(TypeError, match=r"returned a (Wrapper|Stubborn) as result.*hides a Dual"):
            transform(lambda x: hide(x * A))(X)
    with pytest.raises(TypeError, match=r"returned a Wrapper as result"):
        dd.jacfwd(lambda x: Wrapper(A))(X)


def test_number_that_hides_a_dual_is_refused():
    class Tagged(float):
        pass

    def f(x):
        y = Tagged(1.0)
        y.origin = x
        return y

    with pytest.raises(TypeError, match="Tagged as result, which hides a Dual"):
        dd.grad(f)(2.0)
    assert dd.grad(lambda x: Tagged(1.0))(2.0) == 0.0


def test_object_array_of_wrappers_is_refused():
    def f(x):
        y = np.empty(1, object)
        y[0] = Wrapper(x)
        return y

    with pytest.raises(TypeError, match="entries of type Wrapper"):
        dd.jacfwd(f)(X)


def test_wrapper_as_auxiliary_result_passes_as_it_is():
    slope, aux = dd.grad(lambda x: (np.sum(x * x), Wrapper(A)), has_aux=True)(X)
    assert slope == pytest.approx(2 * X)
    assert aux.data is A
    for held in (Convertible(A), Labelled(A), OwnSum((2,)), {1.0}, np.ma.array(A)):
        assert dd.grad(lambda x, held=held: (np.sum(x), held), has_aux=True)(X)[1] is held
        assert dd.jvp(lambda x, held=held: (np.sum(x), [held]), (X,), (X,), has_aux=True)[2][0] is held
    escaped = dd.grad(lambda x: (np.sum(x), Wrapper(x * 2)), has_aux=True)(X)[1]
    with pytest.raises(dd.EscapedDual):
        escaped.data + 1


def test_auxiliary_result_of_a_known_package_is_handed_out_with_its_numbers():
    xarray = pytest.importorskip("xarray")
    a = xarray.DataArray(A, dims="t", coords={"t": [10, 20]}, name="a")
    for transform in (dd.grad, dd.jacfwd, dd.jacrev):
        _, (array, dataset) = transform(
            lambda x: (np.sum(x), (a * x, xarray.Dataset({"a": a * x, "b": a}))), has_aux=True
        )(X)
        xarray.testing.assert_identical(array, (a * X).rename(array.name))
        xarray.testing.assert_identical(dataset, xarray.Dataset({"a": a * X, "b": a}))
    nested = dd.grad(lambda x: dd.grad(lambda y: (np.sum(y), a * y * y), has_aux=True)(x)[1].sum())(X)
    assert nested == pytest.approx(2 * A * X)
    pint = pytest.importorskip("pint")
    q = A * pint.UnitRegistry().meter
    found = dd.grad(lambda x: (np.sum(x), q * x), has_aux=True)(X)[1]
    assert found.units == q.units
    assert found.magnitude == pytest.approx(A * X)


# Operands.


@pytest.mark.parametrize("op", [operator.add, operator.mul, operator.sub, operator.truediv, operator.pow, np.hypot])
def test_operand_that_holds_a_dual_keeps_both_derivatives(op):
    for f in (lambda x: op(x, Unit(x * A)), lambda x: op(Unit(x * A), x), lambda x: op(Unit(x), Unit(x * A))):
        plain = f(X).data
        step = 1e-30
        slope = f(X + 1j * step * np.array([1.0, 2.0])).data.imag / step if op is not np.hypot else None
        for y, ydot in pair_of(f):
            assert y == pytest.approx(plain)
            assert slope is None or np.asarray(ydot) == pytest.approx(slope)
    if op is np.hypot:
        _, ydot = dd.jvp(lambda x: np.hypot(x, Unit(x * A)), (X,), (X,))
        assert ydot == pytest.approx(np.hypot(X, X * A))  # homogeneous of degree 1


@pytest.mark.parametrize("f", [operator.add, operator.mul, np.add, np.dot, lambda a, b: np.concatenate([a, b])])
def test_operand_of_which_numpy_makes_an_array_is_that_array(f):
    for g, plain in ((lambda x: f(x, Convertible(x)), lambda x: f(x, 2 * x)),):
        for y, ydot in pair_of(g):
            assert y == pytest.approx(plain(X))
            assert np.asarray(ydot) == pytest.approx(dd.jvp(plain, (X,), (np.array([1.0, 2.0]),))[1])


class OwnFunctions(Wrapper):
    """Takes functions of NumPy, and is no operand of ufuncs."""

    def __array_function__(self, function, types, args, kwargs):
        return function(*(x.data if isinstance(x, OwnFunctions) else x for x in args), **kwargs)


def test_function_is_left_to_an_argument_that_takes_it():
    for f in (lambda x: np.dot(x, OwnFunctions(x * A)), lambda x: np.dot(OwnFunctions(x * A), x)):
        for y, ydot in pair_of(f):
            assert y == pytest.approx(np.sum(X * X * A))
            assert ydot == pytest.approx(2 * np.sum(X * A * [1, 2]))
    with pytest.raises(TypeError, match="a OwnFunctions meets a Dual"):
        dd.jacfwd(lambda x: x * OwnFunctions(x))(X)


class OwnOperators:
    """No protocol of NumPy: an array of objects is what NumPy makes of it."""

    def __init__(self, data):
        self.data = data

    def __mul__(self, other):
        return self.data * other

    def __rmul__(self, other):
        return other * self.data

    def __rmatmul__(self, other):
        return other @ self.data


def test_operand_that_is_no_array_takes_the_operation_itself():
    for f, plain in (
        (lambda x: x * OwnOperators(x), lambda x: x * x),
        (lambda x: OwnOperators(A) * x, lambda x: A * x),
        (lambda x: x[0] * OwnOperators(x), lambda x: x[0] * x),
        (lambda x: x @ OwnOperators(x * A), lambda x: x @ (x * A)),
    ):
        for y, ydot in pair_of(f):
            assert y == pytest.approx(plain(X))
            assert ydot == pytest.approx(dd.jvp(plain, (X,), (np.array([1.0, 2.0]),))[1])
    for transform in (dd.jacfwd, dd.jacrev):
        with pytest.raises(TypeError):
            transform(lambda x: np.multiply(x, OwnOperators(x)))(X)
        with pytest.raises(TypeError, match="array of objects"):
            transform(lambda x: np.where([True, False], x, OwnOperators(x)))(X)
        for f in (
            lambda x: x + [1.0, OwnOperators(x[1])],
            lambda x: x * np.array([OwnOperators(x[0]), OwnOperators(x[1])], dtype=object),
            lambda x: np.dot(x, [OwnOperators(x[0]), 1.0]),
            lambda x: np.einsum("i,i", x, [OwnOperators(x[0]), 1.0]),
        ):
            with pytest.raises(TypeError, match=r"array of objects(.|\n)*OwnOperators"):
                transform(f)(X)
        with pytest.raises(TypeError, match="unsupported operand"):
            transform(lambda x: x + {"a": x})(X)


# Subclasses of ndarray.


@pytest.mark.parametrize("kind", SUBCLASSES)
def test_subclass_with_operations_of_its_own_is_refused(kind):
    a = np.ones((2, 2)).view(kind)
    message = f"{kind.__name__}.*its operations differ"
    for transform in (
        dd.jacfwd,
        dd.jacrev,
        lambda f: lambda x: dd.jvp(f, (x,), (x,)),
        lambda f: lambda x: dd.vjp(f, x),
    ):
        with pytest.raises(TypeError, match=message):
            transform(lambda x: x)(a)
        with pytest.raises(TypeError, match=message):
            transform(lambda p: p["w"])({"w": a, "b": 1.0})
    with pytest.raises(TypeError, match=message):
        dd.Variable(a)
    for f in (
        lambda x: x * a,
        lambda x: np.add(a, x),
        lambda x: x @ a,
        lambda x: np.matmul(a, x),
        lambda x: x > a,
        lambda x: x // a,
        lambda x: np.concatenate([x, a]),
        lambda x: np.where(x > 0, x, a),
        lambda x: x.__setitem__(..., a),
        lambda x: np.less(x, a),
        lambda x: np.linalg.solve(x, a),
    ):
        with pytest.raises(TypeError, match=message):
            dd.jacfwd(f)(np.eye(2))
        with pytest.raises(TypeError, match=message):
            dd.jacrev(f)(np.eye(2))


@pytest.mark.parametrize("kind", SUBCLASSES)
def test_tangent_or_cotangent_of_such_a_subclass_is_refused(kind):
    x = np.ones((2, 2))
    with pytest.raises(TypeError, match=rf"tangents\[0\] is a {kind.__name__}"):
        dd.jvp(lambda x: x, (x,), (x.view(kind),))
    with pytest.raises(TypeError, match=rf"cotangent is a {kind.__name__}"):
        dd.vjp(lambda x: x, x)[1](x.view(kind))
    with pytest.raises(TypeError, match=kind.__name__):
        dd.linearize(lambda x: x, x)[1](x.view(kind))
    with pytest.raises(TypeError, match=kind.__name__):
        dd.Variable(x).backward(x.view(kind))


@pytest.mark.parametrize(
    "make",
    [
        lambda tmp: np.ones(2).view(Documented),
        lambda tmp: np.ones(2).view(np.recarray),
        lambda tmp: np.memmap(tmp / "numbers", float, "w+", shape=2),
    ],
    ids=["attributes", "recarray", "memmap"],
)
def test_subclass_with_the_operations_of_an_array_is_one(make, tmp_path):
    a = make(tmp_path)
    a[:] = A
    assert dd.grad(lambda x: np.sum(x * x))(a).tolist() == [4.0, 10.0]
    assert dd.grad(lambda x: np.sum(x * a))(X).tolist() == [2.0, 5.0]
    assert dd.jvp(lambda x: x, (X,), (a,))[1].tolist() == [2.0, 5.0]


# pandas.

OPERATORS = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.mod, operator.floordiv,
    operator.lt, operator.le, operator.eq, operator.ne, operator.gt, operator.ge,
]  # fmt: skip
IN_PLACE = [operator.iadd, operator.isub, operator.imul, operator.itruediv]
FUNCTIONS = [
    np.add, np.multiply, np.hypot, np.equal, np.less, np.dot, np.outer, np.inner, np.maximum,
    lambda a, b: np.concatenate([a, b]), lambda a, b: np.stack([a, b]), lambda a, b: np.where([True, False], a, b),
    lambda a, b: np.einsum("i,i", a, b), lambda a, b: np.convolve(a, b), lambda a, b: np.append(a, b),
    lambda a, b: np.clip(a, b, 9.0), lambda a, b: np.interp(a, [0.0, 1.0], b), lambda a, b: np.isclose(a, b),
]  # fmt: skip


def refuses_labels(series):
    w = dd.Variable(X)
    for f in [*OPERATORS, *FUNCTIONS]:
        for transform in (dd.jacfwd, dd.jacrev):
            for g in (lambda x, f=f: f(x, series), lambda x, f=f: f(series, x)):
                with pytest.raises(TypeError, match=r"aligns by label.*\n.*s\.to_numpy\(\)"):
                    transform(g)(X)
        for a, b in ((w, series), (series, w)):
            with pytest.raises(TypeError, match="aligns by label"):
                f(a, b)
    for f in IN_PLACE:
        with pytest.raises(TypeError, match="aligns by label"):
            dd.jacfwd(lambda x, f=f: f(series.copy(), x))(X)
        with pytest.raises(TypeError, match="aligns by label"):
            dd.jacfwd(lambda x, f=f: f(x * 1.0, series))(X)


def test_series_or_frame_meeting_a_dual_is_refused_by_name():
    pandas = pytest.importorskip("pandas")
    refuses_labels(pandas.Series(A, index=["a", "b"]))
    frame = pandas.DataFrame([A])
    for f in OPERATORS:
        for g in (lambda x, f=f: f(x, frame), lambda x, f=f: f(frame, x)):
            with pytest.raises(TypeError, match=r"DataFrame.*aligns by label"):
                dd.jacfwd(g)(X)
    with pytest.raises(TypeError, match=r"Index.*aligns by label"):
        dd.jacfwd(lambda x: x * pandas.Index(A))(X)
    with pytest.raises(TypeError, match=r"Index.*aligns by label"):
        dd.jacfwd(lambda x: pandas.Index(A) * x)(X)


def test_what_aligns_by_label_is_known_by_its_priority():
    s = Labelled(A)
    for f in (operator.add, operator.iadd):
        with pytest.raises(TypeError, match="a Labelled meets a Dual: it aligns by label"):
            dd.jacfwd(lambda x, f=f: f(s, x))(X)
    for f in (operator.add, operator.mul, np.add, np.dot, operator.lt):
        with pytest.raises(TypeError, match="a Labelled meets a Dual: it aligns by label"):
            dd.jacfwd(lambda x, f=f: f(x, s))(X)
    with pytest.raises(TypeError, match="a Labelled meets"):
        dd.Variable(X) + s
    with pytest.raises(TypeError, match="Labelled as result"):
        dd.jacfwd(lambda x: s)(X)
    with pytest.raises(TypeError, match="argument 0 is a Labelled"):
        dd.jacfwd(lambda x: x)(s)
    assert dd.Dual.__pandas_priority__ == dd.Variable.__pandas_priority__ == 10_000


def test_series_as_argument_result_or_tangent_is_refused_by_name():
    pandas = pytest.importorskip("pandas")
    for held in (pandas.Series(X), pandas.DataFrame([X]), pandas.Index(X)):
        name = type(held).__name__
        with pytest.raises(TypeError, match=rf"argument 0 is a pandas.{name}.*\n.*to_numpy"):
            dd.jacfwd(lambda x: x)(held)
        with pytest.raises(TypeError, match=rf"argument 0\['a'\] is a pandas.{name}.*\n.*to_numpy"):
            dd.grad(lambda p: 1.0)({"a": held})
        with pytest.raises(TypeError, match=rf"primals\[0\] is a pandas.{name}"):
            dd.jvp(lambda x: x, (held,), (X,))
        with pytest.raises(TypeError, match=rf"tangents\[0\] is a pandas.{name}"):
            dd.jvp(lambda x: x, (X,), (held,))
        with pytest.raises(TypeError, match=rf"returned a pandas.{name} as result"):
            dd.jacfwd(lambda x, held=held: held)(X)
    with pytest.raises(TypeError, match=r"returned a pandas.Series as result, which hides a Dual"):
        dd.jacfwd(lambda x: pandas.Series([x[0], x[1]]))(X)
    s = pandas.Series(A)
    assert dd.grad(lambda x: np.sum(x * s.to_numpy()))(X) == pytest.approx(A)
    assert dd.grad(lambda x: np.sum(x * s.to_numpy()), argnums=0)(X) == pytest.approx(A)
    assert dd.grad(lambda x, s: np.sum(x) * s.sum())(X, s) == pytest.approx([7.0, 7.0])


# xarray and pint.


def test_data_array_gives_the_derivative_of_its_data():
    xarray = pytest.importorskip("xarray")
    a = xarray.DataArray(A, dims="t", coords={"t": [10, 20]})
    assert dd.derivative(lambda v: (a * v).sum())(1.0) == pytest.approx(7.0)
    assert dd.derivative(lambda v: (v * a).sum())(1.0) == pytest.approx(7.0)
    for f, plain in (
        (lambda x: x * a, lambda x: x * A),
        (lambda x: a**x, lambda x: A**x),
        (lambda x: np.exp(a * x).cumsum("t"), lambda x: np.cumsum(np.exp(A * x))),
        (lambda x: np.hypot(x, a), lambda x: np.hypot(x, A)),
        (lambda x: (a * x).mean(), lambda x: np.mean(A * x)),
        (lambda x: np.dot(x, a), lambda x: np.dot(x, A)),
        (lambda x: np.concatenate([x, a * x]), lambda x: np.concatenate([x, A * x])),
        (lambda x: (a * x).variable, lambda x: A * x),
        (lambda x: xarray.DataArray(x * A), lambda x: x * A),
    ):
        expected = dd.jvp(plain, (X,), (np.array([1.0, 2.0]),))[1]
        for y, ydot in pair_of(f):
            assert y == pytest.approx(plain(X))
            assert ydot == pytest.approx(expected)


def test_data_array_with_dimensions_of_its_own_broadcasts_by_name():
    xarray = pytest.importorskip("xarray")
    a = xarray.DataArray(A, dims="t")
    b = xarray.DataArray(np.array([1.0, 2.0, 3.0]), dims="s")
    y, ydot = dd.jvp(lambda x: (a * x) * b, (X,), (np.ones(2),))
    assert y == pytest.approx(np.outer(A * X, [1, 2, 3]))
    assert ydot == pytest.approx(np.outer(A, [1, 2, 3]))


def test_data_array_as_argument_and_dataset_as_result_are_refused_by_name():
    xarray = pytest.importorskip("xarray")
    a = xarray.DataArray(A, dims="t")
    with pytest.raises(TypeError, match=r"argument 0 is a xarray.DataArray.*\n.*a\.data"):
        dd.grad(lambda x: x.sum())(a)
    with pytest.raises(TypeError, match=r"tangents\[0\] is a xarray.DataArray"):
        dd.jvp(lambda x: x, (X,), (a,))
    with pytest.raises(TypeError, match=r"returned a xarray.Dataset as result"):
        dd.jacfwd(lambda x: xarray.Dataset({"a": a * x}))(X)
    with pytest.raises(TypeError, match=r"written in place.*xarray.DataArray"):
        dd.jacfwd(lambda x: operator.iadd(x * 1.0, a))(X)
    with pytest.raises(TypeError):
        dd.jacfwd(lambda x: operator.iadd(a.copy(), x))(X)


def test_variable_meeting_a_data_array_is_left_in_it():
    xarray = pytest.importorskip("xarray")
    w = dd.Variable(X)
    for product in (xarray.DataArray(A, dims="t") * w, w * xarray.DataArray(A, dims="t")):
        w.zero_grad()
        product.sum().item().backward()
        assert w.grad == pytest.approx(A)
    a = xarray.DataArray(A, dims="t")
    assert dd.grad(lambda: (a * w).sum(), argnums=None, weights=w)() == pytest.approx(A)


def test_quantity_gives_the_derivative_of_its_magnitude():
    pint = pytest.importorskip("pint")
    units = pint.UnitRegistry()
    q = A * units.meter
    for f, plain in (
        (lambda x: x * q, lambda x: x * A),
        (lambda x: q / x, lambda x: A / x),
        (lambda x: (q * x).to("kilometer"), lambda x: A * x / 1000),
        (lambda x: np.sum(q * x) ** 2, lambda x: np.sum(A * x) ** 2),
        (lambda x: np.dot(q, x), lambda x: np.dot(A, x)),
        (lambda x: np.concatenate([q, q * x]), lambda x: np.concatenate([A, A * x])),
        (lambda x: q @ x, lambda x: A @ x),
    ):
        expected = dd.jvp(plain, (X,), (np.array([1.0, 2.0]),))[1]
        for y, ydot in pair_of(f):
            assert y == pytest.approx(plain(X))
            assert ydot == pytest.approx(expected)
    with pytest.raises(pint.DimensionalityError):
        dd.jacfwd(lambda x: x * 1.0 * units.second + q)(X)


def test_quantity_as_argument_or_stored_is_refused_by_name():
    pint = pytest.importorskip("pint")
    q = A * pint.UnitRegistry().meter
    with pytest.raises(TypeError, match=r"argument 0 is a pint.Quantity.*\n.*q\.magnitude"):
        dd.grad(lambda x: x.sum())(q)
    with pytest.raises(TypeError, match=r"tangents\[0\] is a pint.Quantity"):
        dd.jvp(lambda x: x, (X,), (q,))
    with pytest.raises(TypeError, match=r"pint.Quantity.*\n.*q\.magnitude"):
        dd.jacfwd(lambda x: x.__setitem__(..., q))(X)


@pytest.mark.parametrize(("package", "attribute"), [("xarray", "data"), ("pint", "magnitude")])
def test_wrapper_of_a_known_package_is_told_by_its_module(package, attribute):
    class Held:
        __module__ = f"{package}.core"
        dtype = np.dtype(float)
        shape = property(lambda self: self.inner.shape)

        def __init__(self, inner):
            self.inner = inner

        def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
            return Held(getattr(ufunc, method)(*(getattr(x, "inner", x) for x in inputs), **kwargs))

        def __rmul__(self, other):
            return Held(other * self.inner)

    setattr(Held, attribute, property(lambda self: self.inner))
    for f in (lambda x: x * Held(A), lambda x: np.multiply(x, Held(A)), lambda x: np.multiply(Held(A), x)):
        for _, ydot in pair_of(f):
            assert ydot == pytest.approx(A * [1, 2])
    with pytest.raises(TypeError, match=rf"argument 0 is a {package}.Held.*\n.*{attribute}"):
        dd.grad(lambda x: x)(Held(X))
