"""Complex numbers: real-linear derivatives in both modes, analytic functions, transforms, matrices, parts.

Conventions: ``jvp`` is real-linear; a pullback transposes without conjugation, so that the gradient of a real loss is
∂f/∂x − i ∂f/∂y; complex Jacobians are those of holomorphic functions, and must be asked for.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd
from dualdiff.table import RULES
from dualdiff.testing import derivative_at_zero
from tests.laws import together

from .agreement import agree, agrees, plain_numpy_has

rng = np.random.default_rng(11)
Z = rng.uniform(0.2, 0.8, (2, 3)) + 1j * rng.uniform(0.2, 0.8, (2, 3))
W = rng.uniform(0.3, 0.9, (2, 3)) + 1j * rng.uniform(0.2, 0.8, (2, 3))
R = rng.uniform(0.2, 0.8, (2, 3))


def takes_complex(ufunc):
    return any("D" in types.partition("->")[0] for types in ufunc.types)


UFUNCS = [
    f
    for f, rule in RULES.items()
    if isinstance(f, np.ufunc) and rule.form == "elementwise" and hasattr(np, f.__name__) and takes_complex(f)
]


@together(
    [(ufunc, quadrant) for ufunc in UFUNCS for quadrant in (1, -1, 1j, -1j)],
    ids=lambda case: f"{case[0].__name__}, {case[1]}",
)
def test_every_elementwise_function_of_complex_numbers(ufunc, quadrant):
    args = (quadrant * Z, W)[: ufunc.nin]
    agree(ufunc, args, rtol=1e-6, second=quadrant == 1)
    agree(ufunc, tuple(complex(arg[0, 0]) for arg in args), rtol=1e-6)


@pytest.mark.parametrize("ufunc", [f for f in UFUNCS if f.nin == 2], ids=lambda f: f.__name__)
def test_mixtures_of_real_and_complex_operands(ufunc):
    for f, args in (
        (ufunc, (R, W)),
        (ufunc, (Z, R)),
        (lambda x: ufunc(x, W), (R,)),
        (lambda x: ufunc(W, x), (R,)),
        (lambda x: ufunc(x, 2), (Z,)),
        (lambda x: ufunc(0.5 + 0.3j, x), (R,)),
        (lambda x: ufunc.reduce(x, axis=1), (Z,)),
        (lambda x: ufunc.accumulate(x, axis=1), (Z,)),
        (lambda x: ufunc.reduceat(x, [0, 2, 1], axis=1), (Z,)),
        (ufunc.outer, (Z[0], R[1])),
    ):
        agree(f, args, rtol=1e-6)


CALLS = """
np.real(z)
np.imag(z)
np.real(z * a)
np.angle(z)
np.angle(zz, deg=True)
np.angle(-z * a)
np.absolute(zz) ** 2
np.sum(zz * a, axis=0)
np.sum(zz, axis=0, keepdims=True)
np.prod(zz, axis=1)
np.cumprod(zz, axis=0)
np.cumsum(zz)
np.mean(zz, axis=0)
np.var(zz, axis=1, ddof=1)
np.std(zz * a)
np.max(np.abs(zz), axis=0)
np.sort(zz, axis=0)
np.sort_complex(z)
np.nansum(zz)
np.nanmean(zz, axis=0)
np.nanvar(zz)
np.nanprod(z)
np.dot(zz, v)
np.vdot(zz, zz * a)
np.vdot(x, zz)
np.inner(zz, zz + x)
np.outer(z, v)
np.kron(z, v)
np.tensordot(zz, zz + x, axes=2)
np.einsum("ij,kj,j->ik", zz, zz + x, v)
np.matmul(zz, v)
np.vecdot(zz, z)
np.cross(zm, u)
np.convolve(z, v)
np.correlate(z, v + 1j * w, "full")
np.interp(x, [0.2, 0.5, 0.8], z[:3])
np.trapezoid(zz, dx=a)
np.gradient(zz, axis=1)
np.diff(zz, axis=0)
np.cov(zz)
np.corrcoef(zz)
np.where(X > 0.5, zz, x)
np.concatenate([zz, x])
np.stack([z, v])
np.pad(z, 1, "linear_ramp")
np.linspace(zs, a, 5)
np.geomspace(zs, a + 1.0, 4)
np.poly(z)
np.roots([1.0, zs, 2.0])
np.polyval(z, v)
np.polyfit(v, np.abs(z), 1)
np.linalg.inv(zm)
np.linalg.solve(zm, u)
np.linalg.solve(m, zz)
np.linalg.det(zm)
np.linalg.slogdet(zm)
np.linalg.cholesky(zm @ np.conj(zm.T))
np.linalg.cholesky(zm @ np.conj(zm.T), upper=True)
np.linalg.qr(zm)
np.linalg.qr(zz.T)
np.linalg.qr(zm, mode="r")
np.linalg.svd(zz, compute_uv=False)
np.abs(np.linalg.svd(zz, full_matrices=False)[0])
np.linalg.svd(zm)[0] * np.linalg.svd(zm)[1] @ np.linalg.svd(zm)[2]
np.linalg.eig(zm)[0]
np.abs(np.linalg.eig(zm)[1])
np.linalg.eigvals(zm)
np.linalg.eigh(zm + np.conj(zm.T))[0]
np.abs(np.linalg.eigh(zm + np.conj(zm.T))[1])
np.linalg.eigvalsh(zm + np.conj(zm.T), UPLO="U")
np.linalg.eig(m)[0] * (1 + 0j)
np.linalg.pinv(zz)
np.linalg.lstsq(zz.T, z)[0]
np.linalg.norm(zz)
np.linalg.norm(zz, 2)
np.linalg.norm(zz, "nuc")
np.linalg.norm(zz, 1)
np.linalg.norm(z, np.inf)
np.linalg.norm(z, 3)
np.linalg.cond(zm)
np.linalg.matrix_power(zm, -2)
np.linalg.multi_dot([zm, m, zm])
np.linalg.tensorsolve(np.reshape(zm, (3, 1, 3)), u[:, None])
np.trace(zm)
np.emath.sqrt(zz - 0.5)
np.emath.log(-v)
zz.real
zz.imag
zz.conj()
zz.real @ v + zz.imag @ v
"""
TRANSFORMS = ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"]
SEVERAL_AXES = ["fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn"]
CALLS = CALLS.strip().splitlines()
for _name in TRANSFORMS:
    _x = "x" if _name in ("rfft", "ihfft") else "zz"
    CALLS += [f"np.fft.{_name}({_x}, {n}, {axis}, {norm!r})" for n, axis, norm in (
        (None, -1, None), (5, 0, "ortho"), (2, 1, "forward"), (6, -1, "backward"), (3, 0, None)
    )]  # fmt: skip
    CALLS += [f"np.fft.{_name}(x)"]
for _name in SEVERAL_AXES:
    _x = "x" if _name.startswith("rfft") else "zz"
    CALLS += [f"np.fft.{_name}({_x}, {s}, {axes}, {norm!r})" for s, axes, norm in (
        (None, (-2, -1), None), ((4, 5), (0, 1), "ortho"), ((2, 3), (1, 0), "forward"), (None, (0,), "backward")
    )]  # fmt: skip


@together(CALLS)
def test_call_of_complex_numbers_agrees_with_differences(call):
    if not plain_numpy_has(call):
        pytest.skip("not in this NumPy")
    agrees(call, rtol=1e-6)


# Parts, as views that are written through.


def parts_written(z, x):
    y = z + 0.0 * x
    y.real[0] = x
    y.imag[1:] += 2.0 * x[:1]
    y.real *= y.imag
    np.copyto(y.imag[:, 1], x[:2] ** 2)
    y.imag = y.imag + x
    y[0].real[2] = np.abs(z[1, 1])
    return y


def test_parts_are_views_that_are_written_through():
    agree(parts_written, (Z, R[0]), second=True)


# Transforms.


def test_gradient_of_a_real_loss_is_that_of_jax():
    loss = lambda z: np.abs(z) ** 2
    assert dd.grad(loss)(1 + 2j) == 2 - 4j
    assert dd.vjp(loss, 1 + 2j)[1](1.0)[0] == 2 - 4j
    assert dd.jvp(loss, (1 + 2j,), (1 + 0j,))[1] == 2.0
    assert dd.jvp(loss, (1 + 2j,), (0 + 1j,))[1] == 4.0


def test_pullback_transposes_without_conjugation():
    a = Z[:, :2]
    y_bar = np.array([1 + 2j, 3 - 1j])
    assert_allclose(dd.vjp(lambda z: a @ z, W[0, :2])[1](y_bar)[0], a.T @ y_bar)
    assert_allclose(dd.vjp(np.conj, W[0, :2])[1](y_bar)[0], np.conj(y_bar))
    # A real argument takes the real part.
    assert_allclose(dd.vjp(lambda x: x * (2 + 1j), np.array([1.0, 2.0]))[1](y_bar)[0], (y_bar * (2 + 1j)).real)


f = lambda z: np.exp(z) * z[::-1] ** 2
POINT = np.array([0.3 + 0.4j, -0.2 + 0.7j])


@pytest.mark.parametrize(
    "transform", [dd.jacfwd, dd.jacrev, dd.jacobian, lambda f, **o: dd.jacobian(f, mode="rev", **o)]
)
def test_holomorphic_jacobian_is_the_complex_difference(transform):
    expected = np.diag(np.exp(POINT) * POINT[::-1] ** 2) + np.diag(np.exp(POINT) * 2 * POINT[::-1])[:, ::-1]

    assert_allclose(transform(f, holomorphic=True)(POINT), expected, rtol=1e-14)
    with pytest.raises(TypeError, match="holomorphic"):
        transform(f)(POINT)
    with pytest.raises(TypeError, match="holomorphic=True"):
        transform(f, holomorphic=True)(POINT.real)


def test_holomorphic_gradient_and_second_derivatives():
    g = lambda z: z**3
    assert_allclose(dd.grad(g, holomorphic=True)(1 + 2j), 3 * (1 + 2j) ** 2)
    assert_allclose(dd.value_and_grad(g, holomorphic=True)(1 + 2j), ((1 + 2j) ** 3, 3 * (1 + 2j) ** 2))
    second = dd.jacfwd(dd.jacrev(g, holomorphic=True), holomorphic=True)
    assert_allclose(second(np.array([1 + 2j]))[0, 0, 0], 6 * (1 + 2j))
    with pytest.raises(TypeError, match="holomorphic"):
        dd.grad(lambda z: z**2)(1 + 2j)
    with pytest.raises(TypeError, match="holomorphic"):
        dd.hessian(lambda z: np.abs(z) ** 2)(1 + 2j)
    with pytest.raises(TypeError, match="complex"):
        dd.derivative(g)(1 + 2j)


def test_hessian_vector_product_of_a_real_loss_of_complex_numbers_is_the_difference_of_gradients():
    loss = lambda z: np.sum(np.abs(np.exp(z)) ** 2 * np.angle(z + 2))
    v = np.array([1 - 0.5j, 0.3 + 2j])
    step = 1e-5
    difference = (dd.grad(loss)(POINT + step * v) - dd.grad(loss)(POINT - step * v)) / (2 * step)

    assert_allclose(dd.hvp(loss, (POINT,), (v,)), difference, rtol=1e-8)


@pytest.mark.parametrize("mode", [dd.jacfwd, dd.jacrev])
def test_complex_results_of_real_arguments_need_no_holomorphic_in_forward_mode(mode):
    g = lambda x: np.exp(1j * x)
    x = np.array([0.3, 1.2])
    if mode is dd.jacfwd:
        assert_allclose(mode(g)(x), np.diag(1j * np.exp(1j * x)))
    else:
        with pytest.raises(TypeError, match="complex"):
            mode(g)(x)


@pytest.mark.parametrize("mode", [dd.jacfwd, dd.jacrev])
def test_real_functions_that_pass_through_complex_numbers(mode):
    g = lambda x: np.abs(np.fft.fft(x)) ** 2 + np.real(np.linalg.eigvals(np.diag(x) + 0.1j)[0])
    x = np.array([0.3, 1.2, -0.7])
    j = mode(g)(x)
    step = 1e-6
    expected = np.stack([(g(x + e) - g(x - e)) / (2 * step) for e in step * np.eye(3)], axis=1)

    assert j.dtype == np.float64
    assert_allclose(j, expected, rtol=1e-7, atol=1e-8)


def test_complex_step_agrees_for_a_program_of_analytic_functions():
    def analytic(x):
        y = np.cumsum(np.sin(x) * np.exp(x[::-1])) ** 2
        return np.linalg.solve(np.diag(y) + 0.1, np.sqrt(y) / (1 + y))

    x = np.array([0.4, 0.9, 1.3])
    step = 1e-30
    expected = np.stack([analytic(x + 1j * e).imag / step for e in step * np.eye(3)], axis=1)
    assert_allclose(dd.jacfwd(analytic)(x), expected, rtol=1e-12)
    assert_allclose(dd.jacrev(analytic)(x), expected, rtol=1e-12)


def test_complex64_stays_complex64():
    z = POINT.astype(np.complex64)
    y, ydot = dd.jvp(np.sin, (z,), (z,))
    assert y.dtype == ydot.dtype == np.complex64
    assert dd.grad(lambda z: np.sum(np.abs(z)))(z).dtype == np.complex64
    assert dd.jvp(np.abs, (z,), (z,))[1].dtype == np.float32
    assert dd.jacrev(f, holomorphic=True)(z).dtype == np.complex64


def test_special_points_of_complex_functions():
    zero = lambda f: dd.jvp(f, (0j,), (1 + 1j,))[1]
    assert zero(np.abs) == 0.0
    assert zero(lambda z: z**2) == 0.0
    assert zero(lambda z: z**0) == 0.0
    assert zero(np.conj) == 1 - 1j
    assert dd.jvp(np.linalg.norm, (np.zeros(2, complex),), (np.ones(2, complex),))[1] == 0.0
    assert_array_equal(dd.jvp(np.sign, (np.zeros(2, complex),), (np.ones(2, complex),))[1], [0, 0])
    assert_array_equal(dd.jacrev(np.prod, holomorphic=True)(np.array([0j, 2 + 1j, 1j])), [(2 + 1j) * 1j, 0, 0])


SCALAR_FORMULAS = {
    "sin": lambda t: np.sin(t + 1j).imag,
    "reciprocal": lambda t: (1 / (t + 1j)).real,
    "difference": lambda t: (1j - t * 1j).imag + (1j * t).imag,
    "quotient": lambda t: ((1 + 2j) / t).imag,
    "log": lambda t: np.log(t + 1j).imag,
    "whole power": lambda t: ((t + 1j) ** 2).imag,
    "root": lambda t: ((t + 1j) ** 0.5).imag,
    "square": lambda t: np.square(t + 1j).imag,
    "sum": lambda t: sum([1j, t, t * 1j]).imag,
    "phase": lambda t: np.exp(1j * t).real,
    "modulus": lambda t: abs(t + 2j),
    "angle": lambda t: np.angle(t + 2j),
    "conjugate": lambda t: (t * t * 2j + 1j).conjugate().imag,
}


@pytest.mark.parametrize("f", SCALAR_FORMULAS.values(), ids=SCALAR_FORMULAS.keys())
def test_complex_formula_of_a_real_scalar_keeps_its_imaginary_part(f):
    """Python's complex has no dtype, and np.float64 before it gives way to it."""
    x = np.array([0.7, 0.2])
    of_entry = lambda x: f(x[0]) * 1.0
    (slope,) = derivative_at_zero(lambda t: [np.asarray(f(0.7 + t))], 1e-2)
    (curvature,) = derivative_at_zero(lambda t: [np.asarray(dd.grad(f)(0.7 + t))], 1e-2)

    for first in (dd.derivative(f)(0.7), dd.grad(f)(0.7), dd.jacfwd(of_entry)(x)[0], dd.grad(of_entry)(x)[0]):
        assert_allclose(first, slope, rtol=1e-8, atol=1e-9)
    for transform in (dd.jacfwd, dd.jacrev):
        for inner in (dd.jacfwd, dd.jacrev):
            assert_allclose(transform(inner(of_entry))(x)[0, 0], curvature, rtol=1e-7, atol=1e-8)
            assert_allclose(transform(inner(f))(0.7), curvature, rtol=1e-7, atol=1e-8)


@pytest.mark.filterwarnings("ignore:Passing an array containing `None`:DeprecationWarning")
@pytest.mark.parametrize("f", [np.fft.fftn, np.fft.irfftn])
def test_transform_of_no_given_length_has_that_of_the_array(f):
    """It is linear, so a tangent is transformed as the value; of ``irfftn`` the last axis is even."""
    x, v = np.random.default_rng(3).uniform(-1, 1, (2, 2, 3))
    made = lambda x: f(x * (1 + 0.5j), s=(3, None), axes=(0, 1))

    y, ydot = dd.jvp(made, (x,), (v,))

    assert_allclose(y, made(x))
    assert_allclose(ydot, made(v), atol=1e-14)
