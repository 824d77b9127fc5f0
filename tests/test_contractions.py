"""Products and Fourier transforms: options, complex factors, views, errors, and the transposes of their linear maps."""

import ast
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd
from dualdiff.pytrees.trees import flatten
from dualdiff.tangents import like_of
from dualdiff.tangents.tape import Tape
from dualdiff.testing import check_grads, derivative_at_zero
from tests.samples import load_all

RNG = np.random.default_rng(7)
A, B = RNG.uniform(-1, 1, (2, 3)), RNG.uniform(-1, 1, (3, 4))
Z = RNG.uniform(-1, 1, (2, 3)) + 1j * RNG.uniform(-1, 1, (2, 3))
W = RNG.uniform(-1, 1, (3, 4)) + 1j * RNG.uniform(-1, 1, (3, 4))


def check_real_linear(f, args, **options):
    """Two derivatives against differences, and Re ⟨c, J v⟩ = Re ⟨Jᵀ c, v⟩ for complex c and v."""
    check_grads(f, args, order=2, modes=("fwd",), **options)
    rng = np.random.default_rng(2)

    def random_like(x):
        v = rng.standard_normal(np.shape(x))
        return v + 1j * rng.standard_normal(v.shape) if np.iscomplexobj(x) else v[()]

    v = tuple(random_like(x) for x in args)
    leaves = lambda *x: flatten(f(*x))[0]
    y, ydot = dd.jvp(leaves, args, v)
    c = [random_like(leaf) for leaf in y]
    pulled = dd.vjp(leaves, *args)[1](c)
    forward = sum(np.sum(a * b).real for a, b in zip(c, ydot, strict=True))
    assert_allclose(sum(np.sum(a * b).real for a, b in zip(pulled, v, strict=True)), forward, rtol=1e-8, atol=1e-8)


def with_real_part(z, x):
    y = z * 1.0
    y.real[...] = x
    return y


def programs():
    """Every sample of a rule, and functions of `dualdiff.scipy` whose derivatives are linear maps: name, f, args."""
    import scipy.sparse

    from dualdiff.scipy import interpolate, linalg, sparse

    factors = sparse.splu(scipy.sparse.csc_array([[2.0, 1.0], [0.0, 3.0]]))
    yield "splu", factors.solve, (A[0, :2],)
    yield "spsolve of one column", lambda b: sparse.spsolve(factors.L @ factors.U, b), (A[:2, :1],)

    square, complex_square = A[:, :2] + 2.0 * np.eye(2), Z[:, :2] + 2.0 * np.eye(2)
    bands = np.array([[0.0, 1.0, 1.0], [4.0, 5.0, 6.0], [1.0, 1.0, 0.0]])
    closed = np.array([0.0, 1.0, 3.0, 0.0])
    yield from ((str(sample), sample.f, sample.args) for sample in load_all())
    yield "a real part written", with_real_part, (Z, A)
    yield "expm", linalg.expm, (square,)
    matrix = scipy.sparse.csr_array([[1.0, 2.0], [0.0, 3.0], [4.0, 0.0]])
    yield "a sparse matrix @ x", lambda x: matrix @ x, (square,)
    yield "x @ a sparse matrix", lambda x: x @ (matrix * 1j), (A[:, :3],)
    yield "solve_triangular", linalg.solve_triangular, (square, B[:2])
    yield "solve_triangular, conjugate", lambda a, b: linalg.solve_triangular(a, b, 2), (complex_square, W[:2])
    yield "solve_banded", lambda ab, b: linalg.solve_banded((1, 1), ab, b), (bands, A.T)
    yield "solve_sylvester", linalg.solve_sylvester, (square, B[:, :3] + 4.0 * np.eye(3), A)
    yield "CubicSpline", lambda y: interpolate.CubicSpline(np.arange(4.0), y, bc_type="periodic").c, (closed,)


def places_of_linear_maps():
    """The lines of the package that make a linear map: (file, first line, last line) of each call."""
    package = Path(dd.__file__).parent
    for path in sorted(package.rglob("*.py")):
        if path.parent.name == "tangents":
            continue  # the interface itself
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("map", "linear_map"):
                yield f"{path.parent.name}/{path.name}", node.lineno, node.end_lineno


def test_transpose_of_every_linear_map_is_its_adjoint(patched):
    """⟨c, apply(t)⟩ = ⟨transpose(c), t⟩ at random blocks of three; the cotangent of a real array is real."""
    rng = np.random.default_rng(1)
    original = Tape.linear_map
    reached = []

    def block(like):
        x = rng.standard_normal((3, *like.shape))
        return x + 1j * rng.standard_normal(x.shape) if like.dtype.kind == "c" else x

    def checked(self, tangent, apply, transpose, like):
        frame = sys._getframe(2)  # behind the stand-in that counts
        while frame.f_code.co_filename.endswith("expression.py"):
            frame = frame.f_back
        path = Path(frame.f_code.co_filename)
        reached.append((f"{path.parent.name}/{path.name}", frame.f_lineno))
        t, c = block(self.like(tangent)), block(like_of(like))
        forward, back = apply(t), transpose(c)
        assert forward.shape == c.shape, name
        assert back.shape == t.shape, name
        assert_allclose(np.sum(c * forward).real, np.sum(back * t).real, rtol=1e-9, atol=1e-9, err_msg=name)
        return original(self, tangent, apply, transpose, like)

    patched(Tape, "linear_map", checked)
    for name, f, args in programs():  # noqa: B007 (checked names the program that it sees)
        dd.vjp(f, *args)
    for file, first, last in places_of_linear_maps():
        assert any(file == path and first <= line <= last for path, line in reached), f"{file}:{first} was not reached"


@pytest.mark.parametrize(
    "f",
    [
        np.matmul,
        np.dot,
        lambda a, b: np.vecdot(a[0], b.T),
        lambda a, b: np.vdot(a, b[:, :2]),
        lambda a, b: np.inner(a, b.T),
        np.outer,
        np.kron,
        lambda a, b: np.tensordot(a, b, 1),
        lambda a, b: np.einsum("ij,jk,ij->k", a, b, a),
        lambda a, b: np.linalg.vecdot(a, b[:, :2].T),
        lambda a, b: np.cross(a, b.T[:2]),
        lambda a, b: np.convolve(a[0], b[:, 0]),
        lambda a, b: np.correlate(a[0], b[:, 0], "same"),
        lambda a, b: np.correlate(a[0, :2], b[0], "same"),
        lambda a, b: np.correlate(a[0], b[0, :2], "full"),
        lambda a, b: np.trace(a @ b),
        lambda a, b: np.fft.ifftn(np.fft.fft2(a) @ b),
    ],
)
def test_complex_factors_have_the_real_linear_derivative(f):
    for a, b in [(Z, W), (Z, B), (A, W)]:
        check_real_linear(f, (a, b))


@pytest.mark.skipif(not hasattr(np, "vecmat"), reason="NumPy 2.2")
def test_vecmat_conjugates_its_vector_and_matvec_does_not():
    check_real_linear(lambda a, b: np.vecmat(a[0], b), (Z, W))
    check_real_linear(lambda a, b: np.matvec(a, b[:, 0]), (Z, W))


def test_matrix_product_of_a_float_and_an_integer_array_keeps_dtypes():
    integers = np.arange(12, dtype=np.int8).reshape(3, 4)
    a = np.float32(A)
    y, ydot = dd.jvp(lambda a: a @ integers, (a,), (a,))

    assert y.dtype == ydot.dtype == (a @ integers).dtype
    assert_allclose(ydot, y, rtol=1e-6)
    y, ydot = dd.jvp(lambda a: a[None] @ integers[None, None], (a,), (a,))
    assert ydot.dtype == y.dtype
    assert ydot.shape == y.shape


def test_product_is_written_into_out():
    for product in (np.matmul, np.dot, np.outer, lambda a, b, out: np.einsum("ij,jk->ik", a, b, out=out)):

        def f(a, product=product):
            out = np.zeros(product(A, B, None).shape, like=a)
            assert product(a, B, out=out) is out
            return out

        _, ydot = dd.jvp(f, (A,), (A,))
        assert_allclose(ydot, product(A, B, None), rtol=1e-14)


def test_product_cannot_be_written_into_a_plain_array():
    with pytest.raises(TypeError, match="plain array cannot hold a Dual"):
        dd.jvp(lambda a: np.dot(a, B, out=np.zeros((2, 4))), (A,), (A,))
    with pytest.raises(TypeError, match="plain array cannot hold a Dual"):
        dd.jvp(lambda a: np.linalg.multi_dot([a, B], out=np.zeros((2, 4))), (A,), (A,))


def test_shapes_that_do_not_match_raise_as_in_numpy():
    for f in (
        np.matmul,
        np.dot,
        lambda a, b: np.inner(a, b[:, :2]),
        lambda a, b: np.einsum("ij,jk", a, b),
        np.linalg.matmul,
    ):
        with pytest.raises(ValueError):
            dd.jvp(lambda a, f=f: f(a, A), (A,), (A,))
    with pytest.raises(ValueError):
        dd.jvp(lambda a: np.matmul(a, 2.0), (A,), (A,))
    with pytest.raises(TypeError):
        dd.jvp(lambda a: np.dot(a), (A,), (A,))
    with pytest.raises(TypeError):
        dd.jvp(lambda a: np.tensordot(a, B, axis=1), (A,), (A,))


def test_dual_where_only_a_constant_can_stand_is_named():
    with pytest.raises(dd.UnsupportedFunction, match="'axes'"):
        dd.jvp(lambda a: np.tensordot(a * A, B, axes=a), (1.0,), (1.0,))
    with pytest.raises(dd.UnsupportedFunction, match="'offset'"):
        dd.jvp(lambda a: np.trace(a * A, a), (1.0,), (1.0,))


def test_einsum_that_sums_nothing_stays_a_view():
    """NumPy returns a writable view of the diagonal; a write through it must reach the matrix, derivative included."""

    def f(x):
        y = np.outer(x, x)
        np.einsum("ii->i", y)[...] = x
        return y

    x, v = np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.5, -1.0])
    y, ydot = dd.jvp(f, (x,), (v,))

    assert_array_equal(y, f(x))
    expected = np.outer(x, v) + np.outer(v, x)
    np.fill_diagonal(expected, v)
    assert_allclose(ydot, expected, rtol=1e-14)


def test_matrix_power_one_is_the_matrix_itself():
    def f(x):
        y = x * 1.0
        np.linalg.matrix_power(y, 1)[0, 0] = x[1, 1]
        return y

    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    _, ydot = dd.jvp(f, (x,), (x,))
    assert_array_equal(ydot, f(x))


def test_einsum_of_a_chain_needs_no_array_larger_than_its_factors():
    n = 40
    chain = [RNG.standard_normal((n, n)) for _ in range(4)]
    sizes = []
    from dualdiff.tangents.dense import Dense

    class Measured(Dense):
        def contract(self, tangent, subscripts, operand=None):
            result = super().contract(tangent, subscripts, operand)
            sizes.append(result.size)
            return result

    p = Measured(1)
    middle = dd.Dual(chain[1], np.ones((1, n, n)), p)
    np.einsum("ij,jk,kl,lm->im", chain[0], middle, *chain[2:])
    assert max(sizes) == n * n


def test_products_of_object_arrays_and_lists_are_fused():
    def f(x):
        listed = [[x[0], x[1]], [x[1] * x[0], 2.0]]
        return np.dot(listed, x) + np.einsum("ij,j->i", np.array(listed, dtype=object), x) + np.matmul(listed, x)

    x, v = np.array([0.5, 2.0]), np.array([1.0, -1.0])
    _, ydot = dd.jvp(f, (x,), (v,))
    plain = lambda x: 3 * (np.array([[x[0], x[1]], [x[1] * x[0], 2.0]]) @ x)
    assert_allclose(ydot, derivative_at_zero(lambda t: plain(x + t * v), 1e-2)[0], rtol=1e-8)


def test_infinite_entries_of_one_vector_do_not_spoil_other_components_of_a_cross_product():
    b = np.array([0.0, 0.0, np.inf])
    with np.errstate(invalid="ignore"):
        _, ydot = dd.jvp(lambda a: np.cross(a, b)[0], (np.ones(3),), (np.array([0.0, 1.0, 1.0]),))
    assert ydot == np.inf


@pytest.mark.parametrize("f", [np.fft.fft, np.fft.ifft, np.fft.irfft, np.fft.hfft, np.fft.fftn, np.fft.irfft2])
def test_fourier_transform_of_a_complex_array_has_the_real_linear_derivative(f):
    z = W[:, :3] + Z[0]
    check_real_linear(f, (z,))
    y, ydot = dd.jvp(f, (z,), (z,))
    assert_allclose(ydot, y, rtol=1e-12, atol=1e-12)
    narrow = z.astype(np.complex64)
    assert dd.jvp(f, (narrow,), (narrow,))[1].dtype == f(narrow).dtype


def test_fourier_transform_into_out():
    def f(x):
        out = np.zeros(3, complex, like=x)
        return np.fft.rfft(x, out=out)

    x = np.array([1.0, 2.0, 3.0, 5.0])
    _, ydot = dd.jvp(f, (x,), (x,))
    assert_allclose(ydot, np.fft.rfft(x), rtol=1e-14)
