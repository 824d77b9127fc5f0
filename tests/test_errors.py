"""Every error says what happened, shows the evidence, and offers the next step."""

import copy
import math
import pickle

import numpy as np
import pytest
import scipy.interpolate
import scipy.ndimage
import scipy.spatial
import scipy.stats

import dualdiff as dd

X = np.array([0.5, 1.5, -0.7])
V = np.ones(3)


def differentiated(f, x=X):
    return dd.jvp(f, (x,), (np.ones_like(x),))


def test_function_without_a_rule_is_named_with_the_next_step():
    with pytest.raises(dd.UnsupportedFunction) as error:
        differentiated(lambda x: np.packbits(x))
    text = str(error.value)
    assert "np.packbits has no derivative rule (it reads bits, not numbers)." in text
    assert "called with a Dual of shape (3,)" in text
    assert "dualdiff.stop_gradient(x)" in text and "dualdiff.custom_jvp" in text
    assert isinstance(error.value, TypeError)


def test_unknown_function_raises():
    def unknown(x):
        raise NotImplementedError

    foreign = np._core.overrides.array_function_dispatch(lambda x: (x,))(unknown)
    with pytest.raises(dd.UnsupportedFunction, match="not in the table"):
        differentiated(foreign)


def test_ufunc_of_another_package_raises():
    ufunc = np.linalg._umath_linalg.det  # stands for any ufunc that is not in the table
    with pytest.raises(dd.UnsupportedFunction):
        differentiated(lambda x: ufunc(x * np.eye(3)))


@pytest.mark.usefixtures("as_written")
def test_plain_buffer_cannot_hold_a_dual():
    def f(x):
        y = np.zeros(3)
        y[0] = x[0]
        return y

    with pytest.raises(ValueError, match="sequence") as error:
        differentiated(f)
    assert "derivative would be lost" in str(error.value.__cause__)
    assert "like=" in str(error.value.__cause__)


@pytest.mark.usefixtures("as_written")
def test_filling_a_plain_slice_raises():
    def f(x):
        y = np.zeros(5)
        y[1:4] = x
        return y

    with pytest.raises((TypeError, ValueError)) as error:
        differentiated(f)
    assert "derivative would be lost" in str(error.value) + str(error.value.__cause__)


@pytest.mark.usefixtures("as_written")
def test_plain_out_cannot_hold_a_dual():
    with pytest.raises(TypeError, match=r"np\.zeros_like\(x\)"):
        differentiated(lambda x: np.add(x, 1.0, out=np.zeros(3)))


@pytest.mark.usefixtures("as_written")
def test_plain_buffer_that_somebody_else_sees_is_not_rebound():
    def f(x):
        total = np.zeros(3)
        alias = total
        total += x
        return alias

    with pytest.raises(TypeError, match="plain array cannot hold a Dual"):
        differentiated(f)


@pytest.mark.usefixtures("as_written")
def test_plain_buffer_with_a_view_is_not_rebound():
    def f(x):
        total = np.zeros(3)
        view = total[:2]
        total += x
        return view

    with pytest.raises(TypeError, match="plain array cannot hold a Dual"):
        differentiated(f)


@pytest.mark.usefixtures("as_written")
@pytest.mark.parametrize("convert", [float, int, complex, math.sin, lambda x: [1, 2][x], lambda x: range(x)])
def test_conversion_to_a_python_number_raises(convert):
    with pytest.raises(TypeError, match="derivative would be lost"):
        dd.derivative(convert)(1.0)


@pytest.mark.usefixtures("as_written")
def test_asarray_with_a_dtype_raises():
    with pytest.raises(TypeError, match="derivative would be lost"):
        differentiated(lambda x: np.asarray(x, dtype=float))


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (True, "bool"),
        (np.array([True, False]), "dtype bool"),
        ("text", "str"),
        (np.array(["a"]), "dtype <U1"),
        (np.array([None]), "dtype object"),
        (object(), "object"),
        (np.ma.masked_array([1.0]), "MaskedArray"),
        (np.bool_(True), "bool"),
        (np.array(["2020-01-01"], "datetime64[D]"), "datetime64"),
    ],
)
def test_argument_that_is_no_number_raises(bad, what):
    with pytest.raises(TypeError, match=what):
        dd.jvp(lambda x: x, (bad,), (1.0,))
    with pytest.raises(TypeError, match=what):
        dd.jacfwd(lambda x: x)(bad)


def test_none_as_argument_raises():
    with pytest.raises((TypeError, ValueError)):
        dd.jvp(lambda x: x, (None,), (1.0,))
    with pytest.raises(TypeError, match="None"):
        dd.jacfwd(lambda x: 1.0)(None)


def test_tangent_of_the_wrong_shape_raises():
    with pytest.raises(ValueError, match=r"tangents\[1\] has shape \(4,\), primals\[1\] has shape \(3,\);"):
        dd.jvp(lambda x, y: x, (X, X), (V, np.ones(4)))


@pytest.mark.parametrize("tangent", [V + 1j, V > 0, np.array(["a", "b", "c"]), "abc", None])
def test_tangent_of_the_wrong_dtype_raises(tangent):
    with pytest.raises((TypeError, ValueError), match="tangent"):
        dd.jvp(lambda x: x, (X,), (tangent,))


def test_tangent_of_the_wrong_structure_raises():
    with pytest.raises(ValueError, match="structure"):
        dd.jvp(lambda p: p["a"], ({"a": X},), ([V],))


def test_primals_and_tangents_are_tuples_of_one_length():
    with pytest.raises(TypeError, match=r"primals is an array of shape \(3,\)"):
        dd.jvp(lambda x: x, X, V)
    with pytest.raises(ValueError, match="2 primals and 1 tangents"):
        dd.jvp(lambda x, y: x, (X, X), (V,))


def test_first_argument_is_a_function():
    for transform in (dd.derivative, dd.jacfwd):
        with pytest.raises(TypeError, match="first argument is a function"):
            transform(X)
    with pytest.raises(TypeError, match="first argument is a function"):
        dd.jvp(X, (X,), (V,))


@pytest.mark.parametrize("argnums", [2, -3, (0, 2), (0, 0), (0, -2), "x", 1.5, None])
def test_argnums_is_checked_before_anything_runs(argnums):
    called = []
    with pytest.raises((TypeError, ValueError), match="argnums"):
        dd.jacfwd(lambda x, y: called.append(1), argnums)(X, X)
    assert not called


@pytest.mark.parametrize("chunk_size", [0, -1, 2.5, "many"])
def test_chunk_size_is_checked(chunk_size):
    with pytest.raises(ValueError, match="chunk_size"):
        dd.jacfwd(lambda x: x, chunk_size=chunk_size)


def test_derivative_of_an_array_argument_names_jacfwd():
    with pytest.raises(ValueError, match=r"shape \(3,\).*\n.*jacfwd"):
        dd.derivative(lambda x: x)(X)


@pytest.mark.parametrize("result", [None, "text", [None, "a"], object()])
def test_result_that_is_no_number_raises(result):
    with pytest.raises(TypeError, match="returned"):
        dd.jvp(lambda x: result, (X,), (V,))


def test_has_aux_needs_a_pair():
    with pytest.raises(TypeError, match=r"pair \(result, aux\)"):
        dd.jvp(lambda x: x, (X,), (V,), has_aux=True)


def test_escaped_dual_raises_whatever_is_done_with_it():
    kept = []
    differentiated(lambda x: (kept.append(x), x)[1])
    (x,) = kept
    uses = [
        lambda: x + 1,
        lambda: 1 - x,
        lambda: np.sin(x),
        lambda: np.sum(x),
        lambda: x[0],
        lambda: x[1:],
        lambda: x.sum(),
        lambda: np.stack([x, x]),
        lambda: x > 0,
        lambda: np.argmax(x),
        lambda: x.__setitem__(0, 1.0),
        lambda: x.T,
        lambda: x.reshape(3, 1),
        lambda: x @ X,
        lambda: np.where(X > 0, x, 0.0),
        lambda: np.array([x[0]]),
        lambda: x.astype(float),
        lambda: dd.stop_gradient(x),
        lambda: dd.jvp(lambda y: x * y, (X,), (V,)),
        lambda: np.zeros_like(x),
        lambda: np.zeros(3, like=x),
    ]
    for use in uses:
        with pytest.raises(dd.EscapedDual, match="after the transform"):
            use()


def test_dual_of_another_argument_cannot_be_an_index_or_axis():
    with pytest.raises((TypeError, IndexError)):
        differentiated(lambda x: X[x])
    with pytest.raises(TypeError):
        differentiated(lambda x: np.sum(X[None] * x, axis=x))


def test_unknown_option_raises():
    with pytest.raises(TypeError):
        differentiated(lambda x: np.sum(x, colour="red"))


def test_numpy_errors_stay_numpy_errors():
    with pytest.raises(ValueError, match="could not be broadcast"):
        differentiated(lambda x: x + np.ones(4))
    with pytest.raises(np.exceptions.AxisError):
        differentiated(lambda x: np.sum(x, axis=3))
    with pytest.raises(IndexError):
        differentiated(lambda x: x[5])
    with pytest.raises(TypeError):
        differentiated(lambda x: x + "a")
    with pytest.raises(TypeError):
        differentiated(lambda x: x * None)


def test_dual_is_not_pickled_but_copied():
    with pytest.raises(TypeError, match="pickling"):
        differentiated(lambda x: pickle.dumps(x))
    _, ydot = differentiated(lambda x: copy.copy(x) * copy.deepcopy(x))
    assert ydot == pytest.approx(2 * X)


def test_memory_of_a_dual_is_not_handed_out():
    for name in ("data", "tobytes", "ctypes"):
        with pytest.raises(AttributeError, match="stop_gradient"):
            differentiated(lambda x, name=name: getattr(x, name))


MATRIX = np.array([[1.0, 2.0], [3.0, 4.0]]).view(np.matrix)
MASKED = np.ma.array([[1.0, 2.0], [3.0, 4.0]], mask=[[0, 1], [0, 0]])


@pytest.mark.parametrize("constant", [MATRIX, MASKED], ids=["matrix", "masked array"])
@pytest.mark.parametrize(
    "f",
    [
        lambda x, c: x * c,
        lambda x, c: c * x,
        lambda x, c: np.multiply(c, x),
        lambda x, c: c @ x,
        lambda x, c: np.dot(x, c),
        lambda x, c: np.einsum("ij,jk", c, x),
        lambda x, c: np.stack([x, c]),
        lambda x, c: np.where(c > 2, x, c),
        lambda x, c: np.clip(x, c, 5.0),
        lambda x, c: x.copy().__iadd__(c),
    ],
)
def test_constant_whose_operations_are_its_own_is_refused(f, constant):
    for transform in (dd.jacfwd, dd.jacrev):
        with pytest.raises(TypeError, match=r"its operations differ[^$]*np.asarray"):
            transform(lambda x: f(x, constant))(np.ones((2, 2)))


def test_constant_of_a_mere_subclass_is_an_array():
    class Named(np.ndarray):
        pass

    constant = np.arange(3.0).view(Named)
    gradient = dd.grad(lambda x: np.sum(x * constant))(np.ones(3))
    assert type(gradient) is np.ndarray
    assert gradient.tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    "f",
    [
        lambda x: scipy.spatial.distance.cdist(x.reshape(2, 2), x.reshape(2, 2) + 1.0).sum(),
        lambda x: scipy.ndimage.map_coordinates(x.reshape(2, 2), [[0.5], [0.5]], order=1).sum(),
        lambda x: scipy.stats.gaussian_kde(x)(0.3)[0],
        lambda x: scipy.interpolate.RBFInterpolator(np.arange(4.0)[:, None], x)([[1.3]])[0],
    ],
    ids=["cdist", "map_coordinates", "gaussian_kde", "RBFInterpolator"],
)
def test_compiled_functions_of_scipy_that_take_no_duals_carry_the_next_step(f):
    x = np.array([0.7, 1.3, 0.2, 0.9])
    with pytest.raises((TypeError, ValueError, RuntimeError)) as raised:
        dd.grad(f)(x)
    assert "this function of SciPy does not dispatch" in "".join(getattr(raised.value, "__notes__", ()))
