"""Sparse Jacobians and Hessians against dense ones and differences; patterns that go stale; what cannot work."""

import builtins
import pickle
import threading

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd
from dualdiff.testing import derivative_at_zero
from dualdiff.transforms.colouring import colour
from tests.sparse_problems import SCALAR, VECTOR, arrowhead, bratu, heat, point, rosenbrock, with_dense_row

sparse = pytest.importorskip("scipy.sparse")


@pytest.mark.parametrize("mode", ["auto", "fwd", "rev"])
@pytest.mark.parametrize("f", VECTOR)
def test_jacobian_is_the_dense_one_and_the_pattern_its_nonzeros(f, mode):
    x = point(f)
    J = dd.sparse_jacobian(f, mode=mode)
    found, dense = J(x), dd.jacfwd(f)(x)

    assert isinstance(found, sparse.csr_array)
    assert found.has_sorted_indices
    assert found.indices.dtype == found.indptr.dtype == np.int32
    assert found.dtype == dense.dtype
    assert_allclose(found.toarray(), dense, rtol=1e-13, atol=1e-14)
    assert_array_equal(J.pattern.toarray(), dense != 0)
    assert_array_equal(dd.sparsity(f)(x).toarray(), dense != 0)


@pytest.mark.parametrize("f", VECTOR)
def test_jacobian_is_the_extrapolated_difference(f):
    x, v = point(f), np.cos(np.arange(point(f).size))

    assert_allclose(dd.sparse_jacobian(f)(x) @ v, derivative_at_zero(lambda t: [f(x + t * v)], 1e-3)[0], rtol=1e-8)


@pytest.mark.parametrize("f", SCALAR)
def test_hessian_is_the_dense_one_and_the_pattern_its_nonzeros(f):
    x = point(f)
    H = dd.sparse_hessian(f)
    found, dense = H(x), dd.hessian(f)(x)

    assert_allclose(found.toarray(), dense, rtol=1e-12, atol=1e-12)
    assert_array_equal(H.pattern.toarray(), dense != 0)
    v = np.cos(np.arange(x.size))
    along = derivative_at_zero(lambda t: [dd.grad(f)(x + t * v)], 1e-3)[0]
    assert_allclose(found @ v, along, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize(
    ("f", "n", "most"),
    [(heat, 500, 3), (bratu, 900, 6), (VECTOR[1], 500, 4), (VECTOR[3], 2 * 32**2, 12), (with_dense_row, 500, 3)],
)
def test_few_colours(f, n, most):
    J = dd.sparse_jacobian(f)
    J(point(f, n))

    assert J._last.n_forward + J._last.n_backward <= most


def test_an_arrowhead_takes_two_colours_and_is_right():
    H = dd.sparse_hessian(arrowhead)
    x = point(arrowhead, 300)

    assert_allclose(H(x).toarray(), dd.hessian(arrowhead)(x), rtol=1e-13, atol=1e-13)
    assert H.colors.max() + 1 == 2


def test_the_function_runs_once_a_call_after_preparation():
    calls = []

    def f(x):
        calls.append(1)
        return with_dense_row(x)

    J = dd.sparse_jacobian(f)
    J(point(f))
    calls.clear()
    J(point(f))

    assert len(calls) == 1


def test_value_and_jacobian_come_from_one_run():
    x = point(heat)
    y, J = dd.value_and_sparse_jacobian(heat)(x)

    assert_array_equal(y, heat(x))
    assert_allclose(J.toarray(), dd.jacfwd(heat)(x))
    (y, aux), J = dd.value_and_sparse_jacobian(lambda x: (heat(x), "note"), has_aux=True)(x)
    assert aux == "note"
    assert_array_equal(y, heat(x))


def test_newton_converges_quadratically():
    from scipy.sparse.linalg import spsolve

    both = dd.value_and_sparse_jacobian(bratu)
    u = np.zeros(900)
    for _ in range(6):
        y, J = both(u)
        u = u - spsolve(J.tocsc(), y)

    assert np.abs(bratu(u)).max() < 1e-12


# Arguments and results.


def test_several_arguments_and_nested_results_are_laid_end_to_end():
    def f(p, c, q):
        return {"a": p["u"][1:] * q[0], "b": (c * p["v"], p["u"][0] ** 2)}

    p, q = {"u": np.array([1.0, 2.0, 3.0]), "v": np.ones((2, 2))}, np.array([3.0, 4.0])
    J = dd.sparse_jacobian(f, argnums=(0, 2))
    found = J(p, 2.0, q).toarray()

    expected = np.zeros((7, 9))
    expected[0, [1, 7]] = 3.0, 2.0
    expected[1, [2, 7]] = 3.0, 3.0
    expected[range(2, 6), range(3, 7)] = 2.0
    expected[6, 0] = 2.0
    assert_array_equal(found, expected)


def test_a_static_argument_may_change_the_size_of_the_result():
    J = dd.sparse_jacobian(lambda x, n: x[:n] ** 2)
    x = np.arange(1.0, 5.0)

    for n in (3, 2, 3, 4):
        assert_array_equal(J(x, n).toarray(), np.eye(4)[:n] * 2 * x)
    assert len(J._plans) == 3


def test_another_size_without_notice_is_found_too():
    size = [3]
    J = dd.sparse_jacobian(lambda x: x[: size[0]] ** 2)
    x = np.arange(1.0, 5.0)
    J(x)
    size[0] = 2

    assert J(x).shape == (2, 4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("mode", ["fwd", "rev"])
def test_dtype_is_that_of_the_dense_jacobian(dtype, mode):
    x = point(heat).astype(dtype)

    assert dd.sparse_jacobian(heat, mode=mode)(x).dtype == dd.jacfwd(heat)(x).dtype == dtype


def test_scalars_and_complex_results_and_integers():
    assert_array_equal(dd.sparse_jacobian(np.sin)(0.0).toarray(), [[1.0]])
    assert_array_equal(dd.sparse_jacobian(lambda x: x * x)(np.array([1, 2])).toarray(), [[2.0, 0.0], [0.0, 4.0]])
    found = dd.sparse_jacobian(lambda x: np.exp(1j * x))(np.array([0.0, 1.0]))
    assert found.dtype == complex
    assert_allclose(found.toarray(), np.diag(1j * np.exp(1j * np.array([0.0, 1.0]))))


@pytest.mark.parametrize("mode", ["auto", "fwd", "rev"])
def test_empty_arguments_results_and_patterns(mode):
    assert dd.sparse_jacobian(lambda x: x * 2, mode=mode)(np.zeros(0)).shape == (0, 0)
    assert dd.sparse_jacobian(lambda x: x[:0], mode=mode)(np.ones(3)).shape == (0, 3)
    assert dd.sparse_jacobian(lambda x: np.ones(2) + 0 * np.sum(x[:0]), mode=mode)(np.ones(3)).nnz == 0


def test_chunks_give_the_same_bits():
    x = point(VECTOR[3])
    whole = dd.sparse_jacobian(VECTOR[3])(x)
    chunked = dd.sparse_jacobian(VECTOR[3], chunk_size=2)(x)

    assert_array_equal(whole.indices, chunked.indices)
    assert_allclose(whole.data, chunked.data, rtol=1e-14)


def test_what_is_returned_and_shown_shares_no_memory():
    """Without a check, which would find a spoilt pattern anew."""
    J = dd.sparse_jacobian(heat, check=False)
    x = point(heat)
    first = J(x)
    expected = first.toarray()
    first.indices[:] = 0
    first.indptr[:] = 0
    J.pattern.indices[:] = 0
    J.colors[:] = 7

    assert_array_equal(J(x).toarray(), expected)


def test_pickles_and_runs_in_threads():
    J = pickle.loads(pickle.dumps(dd.sparse_jacobian(heat)))
    points = [point(heat) * (1 + i / 10) for i in range(8)]
    found = [None] * 8

    def work(i):
        found[i] = J(points[i]).toarray()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for x, matrix in zip(points, found, strict=True):
        assert_array_equal(matrix, dd.jacfwd(heat)(x))


def test_it_says_what_it_has_found():
    J = dd.sparse_jacobian(with_dense_row)
    assert "nothing evaluated yet" in str(J)
    assert J.pattern is None
    J(point(with_dense_row))

    assert str(J) == (
        "sparse_jacobian: 40 x 40, 118 entries; 3 colours: 2 directions forwards, 1 backwards, 1 to check"
    )


# Patterns that hold at a point alone.


def by_branch(x):
    return x[::-1] * x if x[0] > 0 else x[1] * x


def by_mask(x):
    return np.concatenate([x[x > 0] ** 2, x[x <= 0]])


def by_index(x):
    return x[np.argsort(np.where(True, x, 0).round(3))] ** 2


def by_maximum(x):
    return np.max(x.reshape(-1, 4), axis=1) * x[:2]


def tiny(x):
    """A row that a missing entry of 1e-8 makes wrong stands beside one of 1e8."""
    return np.array([1e8 * x[0], 1e-8 * x[1] if x[2] > 0 else 1e-8 * x[0]])


@pytest.mark.parametrize("mode", ["fwd", "rev", "auto"])
@pytest.mark.parametrize("f", [by_branch, by_mask, by_index, by_maximum, tiny])
def test_a_stale_pattern_is_found_again(f, mode):
    rng = np.random.default_rng(3)
    J = dd.sparse_jacobian(f, mode=mode)
    for _ in range(25):
        x = rng.standard_normal(8)
        assert_allclose(J(x).toarray(), dd.jacfwd(f)(x), rtol=1e-12, atol=1e-300)


def test_a_function_that_is_another_in_every_run_raises():
    runs = []

    def f(x):
        runs.append(1)
        return x[: len(runs) % 4 + 1]

    with pytest.raises(ValueError, match="in every run at one point"):
        dd.sparse_jacobian(f)(np.ones(5))
    assert len(runs) > 3


def test_without_the_check_a_stale_pattern_is_kept():
    J = dd.sparse_jacobian(by_branch, check=False)
    x = np.arange(1.0, 5.0)
    J(x)

    assert (J(-x).toarray() != dd.jacfwd(by_branch)(-x)).any()


@pytest.mark.parametrize("mode", ["fwd", "rev"])
def test_a_given_pattern_that_lacks_entries_raises(mode):
    J = dd.sparse_jacobian(heat, pattern=np.eye(40), mode=mode)

    with pytest.raises(ValueError, match="outside the given pattern, in row 0 and 39 others"):
        J(point(heat))


def test_a_given_pattern_may_hold_more_and_explicit_zeros():
    x = point(heat)
    pattern = dd.sparse_jacobian(heat)(x)
    pattern.data[:] = 0.0
    assert_allclose(dd.sparse_jacobian(heat, pattern=pattern)(x).toarray(), dd.jacfwd(heat)(x))
    assert_allclose(dd.sparse_jacobian(heat, pattern=np.ones((40, 40)))(x).toarray(), dd.jacfwd(heat)(x))
    coo = sparse.coo_array(([1, 1, 1], ([0, 0, 1], [0, 0, 1])), shape=(2, 2))  # an entry twice
    assert_array_equal(dd.sparse_jacobian(np.square, pattern=coo)(np.ones(2)).toarray(), 2 * np.eye(2))


def test_patterns_of_another_shape_or_type_raise():
    with pytest.raises(ValueError, match="39 columns, the arguments have 40 entries"):
        dd.sparse_jacobian(heat, pattern=np.eye(39))(point(heat))
    with pytest.raises(ValueError, match="40 entries, the pattern 41 rows"):
        dd.sparse_jacobian(heat, pattern=np.ones((41, 40)))(point(heat))
    for wrong in (
        "tri",
        np.ones(3),
        [["a"]],
        sparse.coo_array(np.ones(3)) if sparse.coo_array(np.ones(3)).ndim == 1 else "x",
    ):
        with pytest.raises(TypeError, match="pattern is a matrix"):
            dd.sparse_jacobian(heat, pattern=wrong)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_false_alarm_where_terms_cancel(dtype):
    """y = x + big x − big x: the entries carry the rounding of large terms, which is no stale pattern."""

    def f(x):
        big = np.asarray(1e6, dtype) * np.cumsum(x)
        return (big + x * x) - big

    J = dd.sparse_jacobian(f)
    for i in range(5):
        J(np.linspace(0.3, 1.7, 30).astype(dtype) * dtype(1 + i / 7))
    assert len(J._plans) == 1


def test_no_false_alarm_where_the_derivative_is_rounding_alone():
    """x = M⁻¹ M₀ is a unit vector whatever M is: its derivative is 0, and what is computed of it is rounding."""

    def f(x):
        M = x @ x.mT + np.diag([2.0, 3.5, 5.0])
        return np.linalg.solve(M, M[0])

    x = np.asfortranarray([[0.41, -0.69, -1.38], [-1.45, 0.94, 1.24], [0.32, 0.69, 0.13]])
    rng = np.random.default_rng(0)
    for mode in ("fwd", "rev", "auto"):
        J = dd.sparse_jacobian(f, mode=mode)
        for _ in range(20):
            assert np.abs(J(x).toarray()).max() < 1e-14
            x = rng.uniform(-1.5, 1.5, (3, 3)).round(2)


def test_rows_that_are_nan_or_infinite_are_left_alone():
    J = dd.sparse_jacobian(lambda x: np.sqrt(x) * x[::-1])
    with np.errstate(all="ignore"):
        found = J(np.array([0.0, 1.0, -1.0])).toarray()
        dense = dd.jacfwd(lambda x: np.sqrt(x) * x[::-1])(np.array([0.0, 1.0, -1.0]))
    assert_array_equal(found, dense)


# What cannot work.


def test_clear_errors():
    with pytest.raises(TypeError, match="complex"):
        dd.sparse_jacobian(np.sin)(np.ones(2) + 1j)
    with pytest.raises(TypeError, match="outer transform"):
        dd.grad(lambda x: dd.sparse_jacobian(np.sin)(x).sum())(np.ones(2))
    with pytest.raises(ValueError, match="mode is"):
        dd.sparse_jacobian(np.sin, mode="forward")
    with pytest.raises(ValueError, match="chunk_size"):
        dd.sparse_jacobian(np.sin, chunk_size=0)
    with pytest.raises(TypeError, match="needs a scalar"):
        dd.sparse_hessian(np.sin)(np.ones(2))
    with pytest.raises(TypeError, match="first argument is a function"):
        dd.sparsity(np.ones(2))
    with pytest.raises(TypeError, match='mode="fwd"'):
        dd.sparse_jacobian(lambda x: x * 1j, mode="rev")(np.ones(2))


def test_without_scipy_it_says_what_to_install(patched):
    real = builtins.__import__

    def missing(name, *args, **kwargs):
        if name.startswith("scipy"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    patched(builtins, "__import__", missing)
    with pytest.raises(ImportError, match="pip install scipy"):
        dd.sparse_jacobian(np.sin)(np.ones(2))


def test_a_pattern_that_is_not_sparse_names_the_operation():
    with pytest.raises(ValueError, match=r"a product or sum, einsum\('ab,cb->ac'|not\s+sparse"):
        dd.sparsity(lambda x: np.cumsum(np.sort(x)))(np.ones(20001))


def test_custom_vjp_is_dense_from_its_inputs_to_its_outputs():
    @dd.custom_vjp
    def double(x):
        return 2 * x

    double.defvjp(lambda x: (2 * x, None), lambda saved, ct: (2 * ct,))
    f = lambda x: np.concatenate([double(x[:2]), x[2:] ** 2])
    x = np.arange(1.0, 5.0)

    assert dd.sparsity(f)(x).toarray().sum() == 6
    assert_array_equal(dd.sparse_jacobian(f, mode="rev")(x).toarray(), dd.jacrev(f)(x))
    assert_array_equal(dd.sparse_jacobian(f)(x).toarray(), dd.jacrev(f)(x))


def test_hessian_of_a_product_of_sums_is_dense_at_zero_too():
    f = lambda x: np.dot(x, x) ** 2

    assert dd.sparsity(dd.grad(f))(np.zeros(6)).nnz == 36
    assert_allclose(dd.sparse_hessian(f)(np.arange(6.0)).toarray(), dd.hessian(f)(np.arange(6.0)))
    assert_allclose(dd.sparse_hessian(rosenbrock)(np.zeros(6)).toarray(), dd.hessian(rosenbrock)(np.zeros(6)))


# Patterns that are given, and colours.


def test_one_triangle_is_enough_of_a_pattern_of_a_hessian():
    f = lambda x: np.sum(x[1:] * x[:-1] ** 2)
    x = np.array([1.0, 2.0, 3.0, 4.0])
    lower = sparse.csr_array(np.tril(dd.hessian(f)(x)) != 0)

    assert_allclose(dd.sparse_hessian(f, pattern=lower)(x).toarray(), dd.hessian(f)(x), atol=1e-14)


def test_colours_begin_at_zero_also_where_the_first_columns_are_empty():
    pattern = sparse.csr_array(np.concatenate([np.zeros((1, 3)), np.ones((1, 70))], axis=1) != 0)

    colours = colour(pattern)

    assert colours.min() == 0
    assert_array_equal(np.sort(colours[3:]), np.arange(70))
