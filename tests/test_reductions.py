"""Reductions, sorting and ufunc methods at special points: zeros, ties, NaN, infinities, complex numbers, errors."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd
from dualdiff.table import RULES
from dualdiff.tangents.dense import Dense


def jacobian(f, *args):
    return dd.jacfwd(f, tuple(range(len(args))) if len(args) > 1 else 0)(*map(np.asarray, args))


# Ties.


@pytest.mark.parametrize(
    "reduce", [np.max, np.amax, np.nanmax, np.maximum.reduce, np.fmax.reduce, lambda x: np.max(x, initial=0.0)]
)
def test_tied_maxima_share_evenly(reduce):
    assert_array_equal(jacobian(reduce, [2.0, 3.0, 3.0, 1.0, 3.0]), np.array([0, 1, 1, 0, 1]) / 3)


@pytest.mark.parametrize("reduce", [np.min, np.amin, np.nanmin, np.minimum.reduce, np.fmin.reduce])
def test_tied_minima_share_evenly_along_an_axis(reduce):
    x = [[1.0, 1.0, 2.0], [0.0, 3.0, 4.0]]
    rows = jacobian(lambda x: reduce(x, axis=1), x)

    assert_array_equal(rows[0], [[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]])
    assert_array_equal(rows[1], [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])


def test_initial_shares_a_tie_and_has_a_derivative():
    by_x, by_initial = jacobian(lambda x, i: np.max(x, initial=i), [2.0, 3.0], 3.0)

    assert_array_equal(by_x, [0.0, 0.5])
    assert by_initial == 0.5


def test_entry_that_where_drops_takes_no_share_of_a_tie():
    kept = np.array([True, False, True])

    by_x = jacobian(lambda x: np.max(x, where=kept, initial=-1.0), [3.0, 3.0, 1.0])

    assert_array_equal(by_x, [1.0, 0.0, 0.0])


@pytest.mark.parametrize("options", [{}, {"keepdims": True}])
def test_tie_in_one_row_and_nan_in_another_are_both_seen(options):
    rows = jacobian(lambda x: np.max(x, axis=1, **options), [[np.nan, 1.0], [2.0, 2.0]])

    assert_array_equal(np.reshape(rows, (2, 4)), [[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]])


def test_nan_that_is_initial_shares_with_the_nan_among_the_entries():
    by_x, by_initial = jacobian(lambda x, i: np.max(x, initial=i), [1.0, np.nan], np.nan)

    assert_array_equal(by_x, [0.0, 0.5])
    assert by_initial == 0.5


def test_running_maximum_in_another_dtype_ties_what_is_equal_there():
    rows = jacobian(lambda x: np.maximum.accumulate(x, dtype=np.float32), [1.0, 1.0 + 1e-12, 0.5])

    assert_array_equal(rows, [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.5, 0.5, 0.0]])


def test_ptp_of_a_constant_array_has_derivative_zero():
    assert_array_equal(jacobian(np.ptp, [2.0, 2.0]), [0.0, 0.0])


def test_running_maximum_shares_ties_evenly_so_far():
    expected = [[1, 0, 0, 0, 0], [0.5, 0.5, 0, 0, 0], [0.5, 0.5, 0, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0.5, 0.5]]

    assert_array_equal(jacobian(np.maximum.accumulate, [1.0, 1.0, 0.0, 2.0, 2.0]), expected)


def test_ties_leave_second_derivatives_zero():
    assert_array_equal(dd.jacfwd(dd.jacfwd(np.max))(np.array([1.0, 1.0])), np.zeros((2, 2)))


# NaN.


def test_maximum_that_nan_made_nan_belongs_to_the_nan():
    x = np.array([1.0, np.nan, 3.0, np.nan])

    assert_array_equal(jacobian(np.max, x), [0.0, 0.5, 0.0, 0.5])
    assert_array_equal(jacobian(np.nanmax, x), [0.0, 0.0, 1.0, 0.0])
    assert_array_equal(jacobian(np.fmax.reduce, x), [0.0, 0.0, 1.0, 0.0])


def test_running_extrema_with_nan():
    x = np.array([np.nan, 1.0, np.nan, 2.0])

    assert_array_equal(jacobian(np.fmax.accumulate, x), [[1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    assert_array_equal(np.diag(jacobian(np.maximum.accumulate, x)), [1, 0, 0.5, 0])


@pytest.mark.parametrize("f", [np.nansum, np.nanmean, np.nanvar, np.nanstd, np.nanprod, np.nanmedian, np.nancumsum])
def test_derivative_at_nan_is_zero_where_nan_is_skipped(f):
    x = np.array([0.5, np.nan, 2.0, 3.0])
    skipped = np.take(jacobian(f, x), 1, axis=-1)
    expected = jacobian(getattr(np, f.__name__[3:]), x[[0, 2, 3]])

    assert_array_equal(skipped, np.zeros_like(skipped))
    if f is not np.nancumsum:
        assert_allclose(jacobian(f, x)[[0, 2, 3]], expected, rtol=1e-14)


def test_what_nan_skips_is_dropped_even_if_its_tangent_is_infinite_or_nan():
    x, v = np.array([0.5, np.nan, 2.0]), np.array([1.0, np.inf, 1.0])

    for f in (np.nansum, np.nanmean, np.nanmax, np.nanprod, np.nanvar, np.nanmedian, np.nancumsum):
        assert np.all(np.isfinite(dd.jvp(f, (x,), (v,))[1])), f
    for f in (np.sum, np.mean, np.prod, np.var, np.std, np.max, np.min):
        options = {"initial": 1.0} if f in (np.max, np.min) else {}
        masked = lambda x, f=f, options=options: f(x, where=np.array([True, False, True]), **options)
        assert np.isfinite(dd.jvp(masked, (x,), (v,))[1]), f


@pytest.mark.parametrize("f", [np.median, lambda x: np.quantile(x, 0.5), lambda x: np.percentile(x, 30.0)])
def test_median_that_nan_made_nan_belongs_to_a_nan(f):
    assert_array_equal(jacobian(f, [1.0, np.nan, 3.0]), [0.0, 1.0, 0.0])


def test_quantile_that_is_an_entry_drops_the_infinite_tangent_of_its_neighbour():
    x, v = np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, np.inf])

    assert dd.jvp(np.median, (x,), (v,))[1] == 1.0
    assert dd.jvp(lambda x: np.quantile(x, 0.5), (x,), (v,))[1] == 1.0


# Products with zeros.


@pytest.mark.parametrize("product", [np.prod, np.multiply.reduce, lambda x: np.cumprod(x)[-1], np.nanprod])
def test_product_with_zeros_has_its_true_derivatives(product):
    one, two = np.array([2.0, 0.0, 3.0]), np.array([0.0, 5.0, 0.0])

    assert_array_equal(dd.jacfwd(product)(one), [0.0, 6.0, 0.0])
    assert_array_equal(dd.jacfwd(product)(two), [0.0, 0.0, 0.0])
    assert_array_equal(dd.jacfwd(dd.jacfwd(product))(one), [[0, 3, 0], [3, 0, 2], [0, 2, 0]])
    assert_array_equal(dd.jacfwd(dd.jacfwd(product))(two), [[0, 0, 5], [0, 0, 0], [5, 0, 0]])


def test_third_derivative_of_a_product_of_zeros():
    third = dd.jacfwd(dd.jacfwd(dd.jacfwd(np.prod)))(np.zeros(3))

    assert third[0, 1, 2] == 1.0
    assert third.sum() == 6.0


# Spread.


@pytest.mark.parametrize("value", [0.0, 0.1, 1 / 3, 1e8 + 0.1])
@pytest.mark.parametrize("n", [1, 3, 7])
def test_std_of_equal_entries_has_derivative_zero(value, n):
    x = np.full(n, value)

    assert_allclose(jacobian(np.std, x), np.zeros(n), atol=1e-12)
    assert_allclose(jacobian(np.nanstd, x), np.zeros(n), atol=1e-12)


def test_complex_variance_is_real_linear():
    z, v = np.array([1 + 2j, 0.5 - 1j, 2j]), np.array([0.3 - 1j, 1j, -0.7 + 0.2j])
    centred = z - z.mean()
    y, ydot = dd.jvp(np.var, (z,), (v,))

    assert y == np.var(z) and np.isrealobj(ydot)
    assert_allclose(ydot, 2 * np.mean((centred.conj() * (v - v.mean())).real), rtol=1e-14)
    assert_allclose(dd.jvp(np.std, (z,), (v,))[1], ydot / (2 * np.sqrt(y)), rtol=1e-14)


def test_mean_that_the_user_gives_may_be_a_constant_or_active():
    x = np.array([1.0, 2.0, 4.0])
    by_x, by_m = jacobian(lambda x, m: np.var(x, mean=m), x, np.array([2.0]))

    assert_allclose(by_x, 2 / 3 * (x - 2.0))
    assert_allclose(by_m, [-2 / 3 * np.sum(x - 2.0)])


@pytest.mark.filterwarnings("ignore:Degrees of freedom", "ignore:divide by zero")
def test_variance_with_more_freedom_than_entries_has_no_derivative():
    assert np.all(np.isnan(jacobian(lambda x: np.var(x, ddof=4), [1.0, 2.0, 4.0])))


def test_variance_in_a_wider_dtype_is_centred_there():
    x = np.array([1e8, 1.0, 3.0, -1e8], np.float32)  # whose mean is 1, and no more than 0 in float32

    by_x = jacobian(lambda x: np.var(x, dtype=float), x)

    assert_allclose(by_x, [5e7, 0.0, 1.0, -5e7], rtol=1e-7)


@pytest.mark.filterwarnings("ignore:Degrees of freedom", "ignore:Mean of empty", "ignore:invalid value")
def test_what_is_undefined_has_an_undefined_derivative():
    assert np.isnan(jacobian(lambda x: np.var(x, ddof=1), [1.0]))
    assert_array_equal(jacobian(lambda x: np.mean(x, where=False), [1.0, 2.0]), [0.0, 0.0])  # every entry is dropped


# Sums of exponentials.


def test_logaddexp_reduce_is_softmax_also_where_exp_would_overflow():
    x = np.array([1000.0, 1001.0, -1e4, -np.inf])
    expected = np.exp(x - 1001.0) / np.sum(np.exp(x - 1001.0))

    assert_allclose(jacobian(np.logaddexp.reduce, x), expected, rtol=1e-13)


def test_initial_of_logaddexp_and_hypot_is_one_more_operand():
    x, i = np.array([3.0, 1.0]), 2.0
    every = np.array([3.0, 1.0, 2.0])

    by_x, by_initial = jacobian(lambda x, i: np.logaddexp.reduce(x, initial=i), x, i)
    assert_allclose([*by_x, by_initial], np.exp(every) / np.sum(np.exp(every)), rtol=1e-14)

    by_x, by_initial = jacobian(lambda x, i: np.hypot.reduce(x, initial=i), x, i)
    assert_allclose([*by_x, by_initial], every / np.sqrt(np.sum(every**2)), rtol=1e-14)


def test_hypot_reduce_at_zero_has_derivative_zero():
    assert_array_equal(jacobian(np.hypot.reduce, np.zeros(3)), np.zeros(3))
    assert_allclose(jacobian(np.hypot.reduce, [-3.0, 4.0]), [-0.6, 0.8])


# Order.


def test_equal_entries_are_sorted_by_position():
    x = np.array([2.0, 1.0, 2.0, 1.0])

    assert_array_equal(jacobian(np.sort, x), np.eye(4)[[1, 3, 0, 2]])
    assert_array_equal(jacobian(lambda x: np.partition(x, 1), x)[:2], np.eye(4)[[1, 3]])
    assert_array_equal(jacobian(np.median, np.array([1.0, 1.0, 1.0])), [0.0, 1.0, 0.0])


def test_unique_takes_the_first_of_equal_values():
    x = np.array([3.0, 1.0, 3.0, 1.0, 2.0])
    values, counts = dd.jacfwd(lambda x: np.unique(x, return_counts=True))(x)[0], np.unique(x, return_counts=True)[1]

    assert_array_equal(values, np.eye(5)[[1, 4, 0]])
    y, ydot = dd.jvp(lambda x: np.unique(x, return_index=True, return_counts=True), (x,), (x,))
    assert_array_equal(y[1], [1, 4, 0])
    assert_array_equal(y[2], counts)
    assert_array_equal(ydot[0], y[0])


def test_unique_tuples_have_numpys_type_and_plain_indices():
    x = np.array([3.0, 1.0, 3.0])
    seen = []

    def f(x):
        result = np.unique_all(x)
        seen.append(result)
        return result.values

    assert_array_equal(jacobian(f, x), np.eye(3)[[1, 0]])
    assert type(seen[0]) is type(np.unique_all(x))
    assert type(seen[0].indices) is np.ndarray


@pytest.mark.parametrize("equal_nan", [True, False])
def test_unique_with_nan(equal_nan):
    x = np.array([np.nan, 1.0, np.nan])

    rows = [1, 0] if equal_nan else [1, 0, 2]
    assert_array_equal(jacobian(lambda x: np.unique(x, equal_nan=equal_nan), x), np.eye(3)[rows])


def test_set_operations_hand_out_plain_positions():
    x = np.array([3.0, 1.0, 2.0])
    y, _ = dd.jvp(lambda x: np.intersect1d(x, np.array([2.0, 3.0]), return_indices=True), (x,), (x,))

    for a, b in zip(y, np.intersect1d(x, np.array([2.0, 3.0]), return_indices=True), strict=True):
        assert_array_equal(a, b)


def test_overwrite_input_leaves_the_array_alone():
    x = np.array([3.0, 1.0, 2.0, 5.0])

    def f(x):
        y = x * 1.0
        np.median(y, overwrite_input=True)
        return y

    assert_array_equal(jacobian(f, x), np.eye(4))


def test_trim_zeros_is_a_view_as_in_numpy():
    def f(x):
        y = x * 1.0
        np.trim_zeros(y)[0] = 7.0
        return y

    x = np.array([0.0, 2.0, 3.0, 0.0])
    assert_array_equal(dd.jvp(f, (x,), (np.ones(4),))[0], f(x))
    assert_array_equal(dd.jvp(f, (x,), (np.ones(4),))[1], [1.0, 0.0, 1.0, 1.0])
    assert_array_equal(x, [0.0, 2.0, 3.0, 0.0])


@pytest.mark.parametrize("trim", ["f", "F", "b", "B", "fB"])
def test_ends_that_trim_zeros_trims_are_named_in_either_case(trim):
    x = np.array([0.0, 0.0, 1.0, 2.0, 0.0])

    y, by_x = np.trim_zeros(x, trim), jacobian(lambda x: np.trim_zeros(x, trim), x)

    assert_array_equal(by_x @ x, y)
    assert_array_equal(by_x @ np.arange(5.0), np.arange(5.0)[2 if "f" in trim.lower() else 0 :][: len(y)])


def test_take_along_axis_keeps_the_indices_it_was_given():
    def f(x):
        index = np.array([1, 0])
        y = np.take_along_axis(x, index, axis=0)
        index[...] = 0
        return y

    assert_array_equal(jacobian(f, [1.0, 2.0]), [[0.0, 1.0], [1.0, 0.0]])


# Quantiles.


def test_quantile_in_q_has_the_slope_on_the_right_and_at_the_end_that_on_the_left():
    x = np.array([1.0, 2.0, 4.0])

    assert_allclose(jacobian(lambda q: np.quantile(x, q), [0.0, 0.25, 0.5, 1.0]).diagonal(), [2.0, 2.0, 4.0, 4.0])
    assert jacobian(lambda q: np.percentile(x, q), 20.0) == pytest.approx(0.02)


@pytest.mark.parametrize("method", ["lower", "nearest", "inverted_cdf", "median_unbiased"])
def test_quantile_that_does_not_move_with_q_has_derivative_zero(method):
    q = 0.01 if method == "median_unbiased" else 0.3

    assert jacobian(lambda q: np.quantile(np.array([1.0, 2.0, 4.0]), q, method=method), q) == 0.0


def test_weighted_quantile_by_position():
    x, w = np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 5.0])

    assert_array_equal(jacobian(lambda x: np.quantile(x, 0.5, weights=w, method="inverted_cdf"), x), [0, 0, 1])


def test_nanquantile_of_several_axes_and_a_table_of_q_is_refused():
    with pytest.raises(dd.UnsupportedFunction, match="flatten q"):
        jacobian(lambda x: np.nanquantile(x, np.full((2, 2), 0.5), axis=(0, 1)), np.ones((2, 2, 2)))


# Interpolation and pieces.


def test_interp_at_a_knot_belongs_to_the_interval_on_its_right():
    f = lambda x: np.interp(x, [0.0, 1.0, 2.0], [0.0, 1.0, 3.0])

    assert_array_equal(jacobian(f, [0.0, 1.0, 2.0, -1.0, 3.0]).diagonal(), [1.0, 2.0, 2.0, 0.0, 0.0])


def test_interp_with_equal_knots_takes_no_slope_from_the_jump():
    f = lambda x, fp: np.interp(x, [0.0, 1.0, 1.0, 2.0, 2.0], fp)
    by_x, by_fp = jacobian(f, [1.0, 2.0], np.array([0.0, 1.0, 3.0, 5.0, 6.0]))

    assert np.all(np.isfinite(by_x)) and by_x[0, 0] == 2.0
    assert_array_equal(by_fp, np.eye(5)[[2, 4]])


def test_piecewise_functions_see_duals_and_the_last_condition_decides():
    f = lambda x: np.piecewise(x, [x > 0, x > 1], [lambda v: v - v.mean(), lambda v: v * v])
    x = np.array([-1.0, 0.5, 2.0, 3.0])
    y, ydot = dd.jvp(f, (x,), (np.ones(4),))

    assert_array_equal(y, f(x))
    assert_allclose(ydot, [0.0, 0.0, 4.0, 6.0])


# Errors.


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.sum(x, axis=2),
        lambda x: np.max(x[:0]),
        lambda x: np.sum(x, axes=0),
        lambda x: np.mean(x, 0, None, None, True, True),
        lambda x: np.cumsum(x, axis=1),
        lambda x: np.subtract.reduce(x[:0]),
        lambda x: np.subtract.reduce(np.reshape(x, (1, 3)), axis=(0, 1)),
        lambda x: np.sin.reduce(x),
        lambda x: np.sin.outer(x, x),
        lambda x: np.quantile(x, 2.0),
        lambda x: np.quantile(x, 0.5, method="best"),
        lambda x: np.take_along_axis(x, np.array([7]), 0),
        lambda x: np.choose(np.array([3]), (x, x)),
        lambda x: np.partition(x, 5),
        lambda x: np.interp(x, [1.0, 2.0], [1.0]),
        lambda x: np.average(x, weights=np.ones(2)),
        lambda x: np.piecewise(x, [x > 0], [1.0, 2.0, 3.0]),
        lambda x: np.add.reduceat(x, [5]),
    ],
)
def test_errors_are_those_of_plain_numpy(call):
    x = np.array([1.0, 2.0, 3.0])
    with pytest.raises(Exception) as plain:
        call(x)
    with pytest.raises(type(plain.value)):
        jacobian(call, x)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.quantile(np.ones((2, 3)), 0.5, axis=x),
        lambda x: np.sum(np.ones(3) * x, where=x),
        lambda x: np.var(x * np.ones(3), ddof=x),
        lambda x: np.sort(x * np.ones(3), axis=x),
    ],
)
def test_dual_in_an_option_is_refused(call):
    with pytest.raises(TypeError):
        dd.derivative(call)(0.0)


def test_integer_results_are_plain():
    assert_array_equal(jacobian(lambda x: np.sum(x, dtype=int) * 1.0, [1.5, 2.5]), [0.0, 0.0])
    assert_array_equal(jacobian(lambda x: np.subtract.reduce(x, dtype=int) * 1.0, [1.5, 2.5]), [0.0, 0.0])


def test_power_reduce_is_right_or_refused():
    """NumPy 2.4 returns x₀ ** xₙ in its vectorized loops."""
    x = np.array([0.3, 0.4, 0.5, 0.6])
    one_by_one = lambda x: ((x[0] ** x[1]) ** x[2]) ** x[3]
    if np.allclose(np.power.reduce(x), one_by_one(x)):
        assert_allclose(jacobian(np.power.reduce, x), jacobian(one_by_one, x))
    else:
        with pytest.raises(dd.UnsupportedFunction, match="one after the other"):
            jacobian(np.power.reduce, x)


def test_result_goes_into_out_of_another_dtype_with_its_derivative():
    def f(x):
        out = np.zeros(2, like=x, dtype=np.float64)
        assert np.sum(x, axis=0, out=out) is out
        return out

    x = np.arange(6, dtype=np.float32).reshape(3, 2) / 7
    y, ydot = dd.jvp(f, (x,), (x,))
    assert_array_equal(y, np.sum(x, axis=0, dtype=np.float64))
    assert ydot.dtype == np.float64
    assert_allclose(ydot, y, rtol=1e-6)


def test_product_into_a_wider_out_has_its_partials_in_that_dtype():
    def product(x):
        out = np.zeros((), like=x, dtype=float)
        np.prod(x, out=out)
        return out

    by_x = jacobian(product, np.array([2.0**100, 2.0**100, 2.0**-100], np.float32))

    assert_array_equal(by_x, [1.0, 1.0, 2.0**200])


def test_reduce_of_nothing_without_an_identity_raises():
    with pytest.raises(ValueError, match="no identity"):
        jacobian(lambda x: np.add.reduce(x, initial=None), np.zeros(0))


@pytest.mark.usefixtures("as_written")
def test_plain_out_cannot_hold_a_derivative():
    for f in (np.sum, np.median, np.cumsum, np.logaddexp.reduce, np.subtract.accumulate):
        with pytest.raises(TypeError, match="plain array cannot hold a Dual"):
            jacobian(lambda x, f=f: f(x, out=np.zeros(np.shape(f(np.ones(3))))), [1.0, 2.0, 3.0])


def test_plain_array_reduced_into_a_dual_buffer_leaves_a_zero_tangent():
    def f(x):
        out = x * 1.0
        np.cumsum(np.ones(3), out=out)
        return out

    assert_array_equal(jacobian(f, [1.0, 2.0, 3.0]), np.zeros((3, 3)))


# Linear maps.


@pytest.mark.parametrize(("axis", "shape"), [(0, (4,)), (1, (3, 5)), (-2, (3, 2, 4)), (0, (0, 2))])
def test_transpose_of_the_cumulative_sum_is_its_adjoint(axis, shape):
    """⟨x̄, apply(ẋ)⟩ = ⟨transpose(x̄), ẋ⟩"""
    maps = []

    class Recorded(Dense):
        def linear_map(self, tangent, apply, transpose, like):
            maps.append((apply, transpose))
            return apply(tangent)

    rng = np.random.default_rng(0)
    perturbation = Recorded(2)
    x = dd.Dual(rng.random(shape), rng.standard_normal((2, *shape)), perturbation)
    np.cumsum(x, axis=axis)
    RULES[np.cumsum].general(x, axis=axis)
    assert len(maps) == 2
    for apply, transpose in maps:
        v, ct = rng.standard_normal((2, 2, *shape))
        assert_allclose(np.sum(ct * apply(v)), np.sum(transpose(ct) * v))


# The methods of ufuncs.


def test_at_writes_as_numpy_does_one_operand_after_the_other():
    def f(x):
        y = x * 1.0
        np.multiply.at(y, np.array([0, 0, 1]), x)
        np.add.at(y, [True, False, True], 1.0)
        np.maximum.at(y, slice(1, None), 3.0)
        return y

    x = np.array([2.0, 0.5, 1.0])
    operand = lambda x: np.array([x[0] * x[0] * x[1] + 1, np.maximum(x[1] * x[2], 3.0), np.maximum(x[2] + 1, 3.0)])
    y, _ = dd.jvp(f, (x,), (np.ones(3),))
    assert_array_equal(y, f(x))
    assert_array_equal(jacobian(f, x), jacobian(operand, x))


def test_first_entry_of_an_accumulation_may_be_special():
    assert_array_equal(jacobian(np.divide.accumulate, [0.0, 2.0, 4.0])[:, 0], [1.0, 0.5, 0.125])


def test_reduce_where_keeps_only_the_chosen_operands():
    where = np.array([True, False, True])
    f = lambda x: np.divide.reduce(x, initial=2.0, where=where)

    assert_allclose(jacobian(f, [4.0, 0.0, 5.0]), [-2 / 80.0, 0.0, -2 / 100.0])


# Constants written into a buffer that carries derivatives.


@pytest.mark.parametrize(
    "write",
    [
        lambda y: np.floor(np.ones(2), out=y),
        lambda y: np.floor(y, out=y),
        lambda y: np.floor(y, y),
        lambda y: np.add(np.ones(2), 1.0, out=y),
        lambda y: np.round(y, 0, y),
        lambda y: np.floor_divide.accumulate(y, out=y),
        lambda y: np.floor.at(y, [0, 1]),
        lambda y: np.cumsum(np.ones(2), out=y),
    ],
)
def test_constant_written_into_a_dual_buffer_has_a_zero_tangent(write):
    def f(x):
        y = x * 1.0
        write(y)
        return y

    x = np.array([1.3, 2.7])
    y, ydot = dd.jvp(f, (x,), (np.ones(2),))
    assert_array_equal(y, f(x))
    assert_array_equal(ydot, [0.0, 0.0])
    assert_array_equal(x, [1.3, 2.7])


def test_constant_written_where_a_mask_holds_leaves_the_rest():
    def f(x):
        y = x * 1.0
        np.floor(x, out=y, where=np.array([True, False]))
        np.floor.at(y, 0)
        return y

    assert_array_equal(jacobian(f, [1.3, 2.7]), [[0.0, 0.0], [0.0, 1.0]])
