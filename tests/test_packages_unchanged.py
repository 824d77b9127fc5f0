"""What SciPy and compiled functions make of buffers, and objects of SciPy that were made outside of the function."""

import math
import operator

import numpy as np
import pytest
import scipy.signal
from numpy.testing import assert_allclose, assert_array_equal
from scipy import integrate, interpolate, linalg, ndimage, sparse, spatial, stats

import dualdiff as dd
from dualdiff.testing import derivative_at_zero

X = np.linspace(0.0, 3.0, 6)
Y = np.array([1.2, 0.7, 3.1, 0.4, 2.2, 1.1])
P = np.random.default_rng(0).uniform(size=(30, 2))
AT = np.array([0.71, 1.33, 2.23, 0.42])
V = np.array([0.3, -0.5, 0.7, 0.4])


def agrees(f, x=AT, v=V, exact=True):
    """Value and derivative along v, in both modes and of second order."""
    value = np.asarray(f(x))
    w = np.linspace(0.4, 1.1, value.size).reshape(value.shape)
    (slope,) = derivative_at_zero(lambda t: f(x + t * v), 1e-3)
    y, ydot = dd.jvp(f, (x,), (v,))
    assert_array_equal(y, value) if exact else assert_allclose(y, value, rtol=1e-13)
    assert_allclose(ydot, slope, rtol=1e-6, atol=1e-8)
    y, pullback = dd.vjp(f, x)
    assert_allclose(np.sum(pullback(w)[0] * v), np.sum(w * slope), rtol=1e-6, atol=1e-8)
    (curvature,) = derivative_at_zero(lambda t: dd.jvp(f, (x + t * v,), (v,))[1], 1e-3)
    assert_allclose(dd.jvp(lambda x: dd.jvp(f, (x,), (v,))[1], (x,), (v,))[1], curvature, rtol=1e-5, atol=1e-6)
    product = dd.hvp(lambda x: np.sum(f(x) * w), x, v)
    assert_allclose(np.sum(product * v), np.sum(w * curvature), rtol=1e-5, atol=1e-6)


# Compiled functions look at the type of what they get, or at its memory.

CONSTANTS = {
    "f2py, intent(inout)": lambda: interpolate.splev(0.6, interpolate.splrep(X, Y, s=0.1, w=np.ones(6))),
    "pythran": lambda: interpolate.RBFInterpolator(P, P[:, 0])(P[:3] * 0.9),
    "a memory view of Cython's": lambda: stats.gaussian_kde(Y)(0.4),
    "one of several types": lambda: scipy.signal.upfirdn(np.ones(2), Y, 2),
    "a function in C++": lambda: interpolate.make_smoothing_spline(X, Y)(0.4),
    "an object with a buffer": lambda: interpolate.make_lsq_spline(X, Y, [0, 0, 0, 0, 1.5, 3, 3, 3, 3])(0.4),
    "an object with slots": lambda: interpolate.BPoly(np.outer(Y, Y)[:4, :1] * np.ones((4, 1)), [0, 3.0])(0.4),
    "an integrator with memory": lambda: integrate.ode(lambda t, y: -y).set_initial_value([1.0], 0).integrate(1.0),
    "ARPACK": lambda: sparse.linalg.eigsh(sparse.diags_array(np.arange(1.0, 20)), 2, v0=np.ones(19))[0],
    "BLAS": lambda: linalg.blas.ddot(np.ones(3), np.full(3, 2.0)),
    "distances": lambda: spatial.distance.squareform(spatial.distance.pdist(P)),
    "rotations": lambda: spatial.transform.Rotation.from_rotvec(np.zeros(3)).apply([1, 2, 3.0]),
    "filters": lambda: scipy.signal.decimate(np.arange(64.0) ** 2, 2),
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants_of_packages_beside_what_carries_a_derivative(name):
    constant = CONSTANTS[name]
    value = constant()

    def f(x):
        return x * constant()

    y, ydot = dd.jvp(f, (2.0,), (1.0,))
    assert_array_equal(y, 2.0 * value)
    assert_array_equal(ydot, value)
    assert_array_equal(dd.vjp(f, 2.0)[1](np.ones(np.shape(value)))[0], np.sum(value))


def test_what_a_compiled_function_writes_into_a_buffer_is_seen_and_a_dual_may_follow():
    def f(x):
        out = np.zeros(3)
        linalg.blas.daxpy(np.ones(3), out, a=2.0)  # writes into its copy or into out: as in NumPy
        scaled = linalg.blas.dscal(3.0, out)
        out[0] = x
        return np.sum(out) + np.sum(scaled[1:])

    assert dd.jvp(f, (2.0,), (1.0,)) == (f(2.0), 1.0)


def test_compiled_function_and_its_buffer_stay_themselves():
    assert dd.adapt(linalg.blas.ddot) is linalg.blas.ddot

    def f(x):
        rows = []
        row = np.zeros(2)
        rows.append(row)  # Python's own: no plain view of the row
        row[1] = x
        return rows[0][1] * 2.0

    assert dd.derivative(f)(1.0) == 2.0


@pytest.mark.parametrize(
    "f",
    [
        lambda x: interpolate.UnivariateSpline(X, Y).integral(0.0, x),
        lambda x: interpolate.splint(0.0, x, interpolate.splrep(X, Y)),
        lambda x: interpolate.RBFInterpolator(P, P[:, 0])(np.stack([x, x])[None]),
        lambda x: interpolate.make_lsq_spline(X, x * Y, [0, 0, 0, 0, 1.5, 3, 3, 3, 3])(0.4),
    ],
)
def test_refusals_of_compiled_functions_say_what_to_do(f):
    with pytest.raises((TypeError, ValueError, IndexError)) as info:
        dd.jvp(f, (0.5,), (1.0,))
    told = getattr(info.value, "__notes__", ())
    assert isinstance(info.value, dd.DerivativeLost) or any("custom_jvp" in note for note in told)


IMAGE = np.outer(Y, Y)
READ_AS_NUMBERS = {
    "width of a filter": lambda x: ndimage.gaussian_filter(Y, x[0]),
    "width of a derivative": lambda x: ndimage.gaussian_laplace(IMAGE, x[0]),
    "weights": lambda x: ndimage.convolve(Y, x),
    "weights along an axis": lambda x: ndimage.correlate1d(IMAGE, x[:3], axis=0),
    "shift": lambda x: ndimage.shift(IMAGE, (x[0], 0.0)),
    "angle": lambda x: ndimage.rotate(IMAGE, 30 * x[0], reshape=False),
    "matrix": lambda x: ndimage.affine_transform(IMAGE, np.eye(2) * x[0]),
    "offset": lambda x: ndimage.affine_transform(IMAGE, np.eye(2), offset=x[:2]),
    "shift of a transform": lambda x: ndimage.fourier_shift(np.fft.fft(Y), x[0]).real,
    "sampling": lambda x: ndimage.distance_transform_edt(IMAGE > 1, sampling=x[:2]),
    "structure": lambda x: ndimage.grey_dilation(Y, footprint=[1, 1, 1], structure=x[:3]),
    "image": lambda x: ndimage.uniform_filter(x, 3),
    "spacing of a filter of scipy.signal": lambda x: scipy.signal.savgol_filter(Y, 5, 2, deriv=1, delta=x[0]),
}


@pytest.mark.parametrize("as_it_is", [dd.adapt, dd.as_written])
@pytest.mark.parametrize("name", READ_AS_NUMBERS)
def test_functions_in_c_never_read_objects_as_numbers(name, as_it_is):
    """scipy.ndimage takes any array for one of numbers: objects gave garbage, and derivatives of 0."""
    f = as_it_is(READ_AS_NUMBERS[name])
    beside = lambda x: f(x) + np.sum(x)
    for transform in (lambda: dd.jvp(beside, (AT,), (V,)), lambda: dd.jacrev(beside)(AT)):
        with pytest.raises((TypeError, RuntimeError, ValueError)):
            transform()


def test_variables_are_not_read_as_numbers_either():
    with pytest.raises((TypeError, RuntimeError, ValueError)):
        ndimage.gaussian_filter(Y, dd.Variable(0.7))
    with pytest.raises((TypeError, RuntimeError, ValueError)):
        ndimage.convolve(Y, dd.Variable(AT))


class _Kernel:
    """Called in C, as numba's dispatchers are."""

    __call__ = operator.itemgetter("not an index")


def test_compiled_functions_of_ones_own_say_what_to_do():
    with pytest.raises((TypeError, IndexError, ValueError)) as info:
        dd.jvp(lambda x: _Kernel()(x), (AT,), (V,))
    assert any("is compiled" in note and "stand_in" in note for note in info.value.__notes__)


# Interpolants that were made outside.

SQUARE = np.random.default_rng(1).uniform(size=(5, 5))
SHORT = np.linspace(0.0, 3.0, 5)
OUTSIDE = {
    "CubicSpline": interpolate.CubicSpline(X, Y),
    "CubicSpline along axis 1": interpolate.CubicSpline(X, np.stack([Y, Y**2]), axis=1),
    "CubicSpline, as many intervals as columns": interpolate.CubicSpline(
        np.linspace(0, 3, 6), np.random.default_rng(2).uniform(size=(5, 6)), axis=1
    ),
    "BSpline, as many coefficients as columns": interpolate.make_interp_spline(SHORT, SQUARE, axis=1),
    "PchipInterpolator along axis 1": interpolate.PchipInterpolator(SHORT, SQUARE, axis=1),
    "Akima1DInterpolator along axis 1": interpolate.Akima1DInterpolator(SHORT, SQUARE, axis=1),
    "interp1d along axis 1": interpolate.interp1d(SHORT, SQUARE, axis=1),
    "interp1d along axis 0": interpolate.interp1d(SHORT, SQUARE, axis=0),
    "BarycentricInterpolator": interpolate.BarycentricInterpolator(X, Y),
    "KroghInterpolator": interpolate.KroghInterpolator(X, Y),
    "UnivariateSpline": interpolate.UnivariateSpline(X, Y, s=0.1),
    "InterpolatedUnivariateSpline": interpolate.InterpolatedUnivariateSpline(X, Y),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_interpolants_made_outside(name):
    agrees(OUTSIDE[name], exact="Spline" not in name and "Pchip" not in name and "Akima" not in name)


def test_values_of_smoothing_splines_are_fitpacks():
    spline, tck = OUTSIDE["UnivariateSpline"], interpolate.splrep(X, Y)
    for nu in (0, 1, 2):
        assert_array_equal(dd.jvp(lambda x: spline(x, nu), (AT,), (V,))[0], spline(AT, nu))
        assert_array_equal(
            dd.jvp(lambda x: interpolate.splev(x, tck, nu), (AT,), (V,))[0], interpolate.splev(AT, tck, nu)
        )


BERNSTEIN = interpolate.BPoly(np.outer(Y, Y)[:4, :2], [0, 1.5, 3.0])


@pytest.mark.parametrize(
    "f",
    [
        lambda x: BERNSTEIN(x),
        lambda x: BERNSTEIN(x, 1),
        lambda x: BERNSTEIN.derivative()(x),
        lambda x: BERNSTEIN.integrate(0.1, x[0]),
        lambda x: interpolate.BPoly.from_derivatives([0, 1, 3], [[1, 2], [2, 0.3], [0, 1.0]])(x),
    ],
)
def test_the_basis_of_bernstein_is_not_that_of_powers(f):
    with pytest.raises(dd.UnsupportedFunction, match="from_bernstein_basis"):
        dd.jvp(f, (AT,), (V,))
    agrees(lambda x: interpolate.PPoly.from_bernstein_basis(BERNSTEIN)(x), exact=False)


# np.vectorize: the first result says what all are.


def test_vectorize_of_several_results():
    def f(x):
        sine, square = np.vectorize(lambda a: (math.sin(a), a**2))(x)
        return sine * square

    agrees(f)
    agrees(lambda x: np.vectorize(lambda a: (math.sin(a), a**2), otypes=[float, float])(x)[1])
    agrees(lambda x: np.vectorize(lambda a, b=1.0: (b * a, a**2))(x, b=x[0])[0])
    agrees(lambda x: np.vectorize(lambda a: (a.sum(), a**2), signature="(n)->(),(n)")(x)[1])


@pytest.mark.parametrize("first", [0, 0.0, np.float64(0.0), np.int64(0)])
def test_vectorize_takes_the_type_of_the_first_result(first):
    x = np.array([0.7, 1.3, 2.1])

    def f(x):
        return np.vectorize(lambda a: first if a < 1 else a**2)(x)

    y, ydot = dd.jvp(f, (x,), (np.ones(3),))
    assert y.dtype == f(x).dtype
    assert_array_equal(y, f(x))  # whole numbers, if the first one is
    assert_array_equal(ydot, [0.0, 0.0, 0.0] if isinstance(first, (int, np.integer)) else [0.0, 2.6, 4.2])
    assert_array_equal(dd.vjp(f, x)[1](np.ones(3))[0] if ydot.any() else ydot, ydot)


def test_vectorize_of_single_precision():
    x = np.array([0.7, 1.3], np.float32)
    y, ydot = dd.jvp(lambda x: np.vectorize(lambda a: a * a)(x), (x,), (x,))
    assert y.dtype == ydot.dtype == np.float32
    assert_array_equal(ydot, 2 * x * x)
