"""Where mathematics leaves a choice: every line of guide/kinks.md, in both modes and nested.

What needs more than one line of a table is beside its subject: `test_structural_zeros`, `test_reductions`,
`test_linalg`, `test_complex`.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd
from tests.laws import together

inf, nan = np.inf, np.nan


def nested(mode):
    """The Jacobian again, by ``mode`` of a function that is itself a derivative: of s ↦ J (s v), at any s."""

    def jacobian(f):
        def of(x):
            n = np.size(x)
            units = np.eye(n).reshape(n, *np.shape(x))
            rows = [mode(lambda s, v=v: dd.jvp(f, (x,), (s * v,))[1])(np.float64(0.3)) for v in units]
            return np.stack(rows, axis=-1).reshape(np.shape(rows[0]) + np.shape(x))

        return of

    return jacobian


MODES = {
    "forward": dd.jacfwd,
    "reverse": dd.jacrev,
    "forward of forward": nested(dd.jacfwd),
    "reverse of forward": nested(dd.jacrev),
}
each_mode = pytest.mark.parametrize("mode", MODES.values(), ids=MODES)

X = [2.0, 3.0, 3.0, 1.0]
TIES = [0, 0.5, 0.5, 0]
THIRDS = np.full((3,), 1 / 3)

CASES = {
    # Ties are shared evenly.
    "max": (np.max, X, TIES),
    "amax": (np.amax, X, TIES),
    "min": (lambda x: np.min(-x), X, [0, -0.5, -0.5, 0]),
    "amin": (lambda x: np.amin(-x), X, [0, -0.5, -0.5, 0]),
    "method max": (lambda x: x.max(), X, TIES),
    "nanmax": (np.nanmax, X, TIES),
    "nanmin": (lambda x: np.nanmin(-x), X, [0, -0.5, -0.5, 0]),
    "nanmax beside nan": (np.nanmax, [3.0, nan, 3.0], [0.5, 0, 0.5]),
    "max along an axis": (
        lambda x: np.max(x, axis=0), [[1.0, 2.0], [1.0, 0.0]], [[[0.5, 0], [0.5, 0]], [[0, 1], [0, 0]]]
    ),
    "max with initial": (lambda x: np.max(x, initial=3.0), X, [0, 1 / 3, 1 / 3, 0]),
    "max of three": (np.max, [1.0, 1.0, 1.0], THIRDS),
    "ptp": (np.ptp, [1.0, 1.0, 3.0, 3.0], [-0.5, -0.5, 0.5, 0.5]),
    "maximum": (lambda x: np.maximum(x, 1.0), 1.0, 0.5),
    "minimum": (lambda x: np.minimum(1.0, x), 1.0, 0.5),
    "fmax": (lambda x: np.fmax(x, 1.0), 1.0, 0.5),
    "fmin": (lambda x: np.fmin(1.0, x), 1.0, 0.5),
    "maximum of itself": (lambda x: np.maximum(x, x), 1.0, 1.0),
    "maximum of two Duals": (lambda x: np.maximum(x[0], x[1]), [1.0, 1.0], [0.5, 0.5]),
    "fmax beside nan": (lambda x: np.fmax(x, [nan, 0.0]), [1.0, 0.0], [[1, 0], [0, 0.5]]),
    "maximum.reduce": (np.maximum.reduce, X, TIES),
    "fmin.reduce": (lambda x: np.fmin.reduce(-x), X, [0, -0.5, -0.5, 0]),
    "maximum.accumulate": (np.maximum.accumulate, [1.0, 1.0, 0.0], [[1, 0, 0], [0.5, 0.5, 0], [0.5, 0.5, 0]]),
    "clip at the lower bound": (lambda x: np.clip(x, 0.0, 1.0), 0.0, 0.5),
    "clip at the upper bound": (lambda x: np.clip(x, 0.0, 1.0), 1.0, 0.5),
    "clip beyond": (lambda x: np.clip(x, 0.0, 1.0), [-1.0, 2.0], np.zeros((2, 2))),
    "clip at equal bounds": (lambda x: np.clip(x, 1.0, 1.0), 1.0, 0.25),
    "relu": (lambda x: np.maximum(x, 0), 0.0, 0.5),
    "norm of order inf": (lambda x: np.linalg.norm(x, np.inf), [2.0, -2.0], [0.5, -0.5]),
    "norm of order -inf": (lambda x: np.linalg.norm(x, -np.inf), [2.0, -2.0], [0.5, -0.5]),
    "matrix norm of order 1": (lambda x: np.linalg.norm(x, 1), [[1.0, -1.0]], [[0.5, -0.5]]),
    "vector_norm of order inf": (lambda x: np.linalg.vector_norm(x, ord=np.inf), [2.0, 2.0], [0.5, 0.5]),
    # Sorting is by position.
    "sort": (np.sort, [2.0, 1.0, 1.0], [[0, 1, 0], [0, 0, 1], [1, 0, 0]]),
    "median": (np.median, [1.0, 2.0, 2.0], [0, 1, 0]),
    "percentile": (lambda x: np.percentile(x, 50), [2.0, 2.0, 1.0], [1, 0, 0]),
    "quantile between equal entries": (lambda x: np.quantile(x, 0.75), [2.0, 2.0, 1.0], [0.5, 0.5, 0]),
    "unique": (np.unique, [2.0, 2.0, 1.0], [[0, 0, 1], [1, 0, 0]]),
    # 0 where a cone has its tip.
    "abs": (np.abs, 0.0, 0.0),
    "fabs": (np.fabs, 0.0, 0.0),
    "operator abs": (abs, 0.0, 0.0),
    "norm": (np.linalg.norm, [0.0, 0.0], [0, 0]),
    "norm of order 1": (lambda x: np.linalg.norm(x, 1), [0.0, 2.0], [0, 1]),
    "norm of order 3": (lambda x: np.linalg.norm(x, 3), [0.0, 0.0], [0, 0]),
    "norm of matrices": (lambda x: np.linalg.norm(x, axis=(0, 1)), [[0.0]], [[0]]),
    "hypot": (lambda x: np.hypot(x[0], x[1]), [0.0, 0.0], [0, 0]),
    "hypot.reduce": (np.hypot.reduce, [0.0, 0.0], [0, 0]),
    "std": (np.std, [1.0, 1.0], [0, 0]),
    "nanstd": (np.nanstd, [1.0, 1.0, nan], [0, 0, 0]),
    "complex abs": (lambda x: np.abs(x * (1 + 1j)), 0.0, 0.0),
    # The true value, although a formula divides by zero.
    "x**0": (lambda x: x**0, 0.0, 0.0),
    "x**0.0": (lambda x: np.power(x, 0.0), [0.0, 2.0], np.zeros((2, 2))),
    "x**1": (lambda x: x**1, 0.0, 1.0),
    "x**2": (lambda x: x**2.0, 0.0, 0.0),
    "0**x": (lambda x: 0.0**x, 2.0, 0.0),
    "0**x of arrays": (lambda x: np.power([0.0, 0.0], x), [0.5, 2.0], np.zeros((2, 2))),
    "float_power": (lambda x: np.float_power(x, 0), 0.0, 0.0),
    "sinc": (np.sinc, 0.0, 0.0),
    "prod with one zero": (np.prod, [2.0, 0.0, 3.0], [0, 6, 0]),
    "prod with two zeros": (np.prod, [0.0, 0.0, 3.0], [0, 0, 0]),
    "cumprod with a zero": (np.cumprod, [2.0, 0.0, 3.0], [[1, 0, 0], [0, 2, 0], [0, 6, 0]]),
    "multiply.reduce": (np.multiply.reduce, [2.0, 0.0], [0, 2]),
    "multiply.accumulate": (np.multiply.accumulate, [0.0, 2.0], [[1, 0], [2, 0]]),
    "nanprod": (np.nanprod, [0.0, nan, 3.0], [3, 0, 0]),
    "det": (np.linalg.det, [[1.0, 2.0], [2.0, 4.0]], [[4, -2], [-2, 1]]),
    # Piecewise constant functions.
    "floor": (np.floor, 1.0, 0.0),
    "ceil": (np.ceil, 0.5, 0.0),
    "trunc": (np.trunc, 0.5, 0.0),
    "rint": (np.rint, 0.5, 0.0),
    "sign": (np.sign, 0.0, 0.0),
    "round": (lambda x: np.round(x, 1), 0.55, 0.0),
    "method round": (lambda x: x.round(1), [0.55], [[0.0]]),
    "fix": (np.trunc, -0.5, 0.0),
    "heaviside": (lambda x: np.heaviside(x, 0.5), 0.0, 0.0),
    "comparison": (lambda x: (x > 0.5) * 1.0, 1.0, 0.0),
    "floor_divide": (lambda x: x // 0.3, 1.0, 0.0),
    "divmod": (lambda x: np.stack(divmod(x, 0.3)), 1.0, [0.0, 1.0]),
    "remainder": (lambda x: x % 0.3, 1.0, 1.0),
    "integers": (lambda x: x.astype(int) * 1.0, [1.5], [[0.0]]),
    # The one-sided limit at the edge of a domain.
    "sqrt": (np.sqrt, 0.0, inf),
    "cbrt": (np.cbrt, 0.0, inf),
    "log1p": (lambda x: np.exp(np.log1p(x)), -0.5, 1.0),
    "arcsin at 1": (np.arcsin, 1.0, inf),
    "arcsin at -1": (np.arcsin, -1.0, inf),
    "arccos at 1": (np.arccos, 1.0, -inf),
    "arccos at -1": (np.arccos, -1.0, -inf),
    "arccosh": (np.arccosh, 1.0, inf),
    "emath.arcsin at 1": (np.emath.arcsin, 1.0, inf),
    "emath.arccos at -1": (np.emath.arccos, -1.0, -inf),
    "x**0.5": (lambda x: x**0.5, 0.0, inf),
    # A structural zero drops an infinite derivative; what loses a comparison is one.
    "where": (lambda x: np.where(x > 0, np.sqrt(x), 0.0), [0.0, 4.0], [[0, 0], [0, 0.25]]),
    "select": (lambda x: np.select([x > 0], [np.sqrt(x)], 1.0), [0.0, 4.0], [[0, 0], [0, 0.25]]),
    "index": (lambda x: np.sqrt(x)[1], [0.0, 4.0], [0, 0.25]),
    "maximum drops": (lambda x: np.maximum(np.sqrt(x), [1.0, 2.0, 0.0]), [0.0, 4.0, 9.0], np.diag([0, 0.125, 1 / 6])),
    "minimum drops": (lambda x: np.minimum(np.sqrt(x), -1.0), 0.0, 0.0),
    "fmax drops": (lambda x: np.fmax(1.0, np.sqrt(x)), 0.0, 0.0),
    "clip drops": (lambda x: np.clip(np.sqrt(x), 0.5, 3.0), [0.0, 4.0], np.diag([0, 0.25])),
    "max drops": (lambda x: np.max(np.sqrt(x)), [0.0, 4.0], [0, 0.25]),
    "heaviside drops": (lambda x: np.heaviside(np.sqrt(x) - 1, 0.5), 0.0, 0.0),
    "sort drops": (lambda x: np.sort(np.sqrt(x))[1], [0.0, 4.0], [0, 0.25]),
    "sum where drops": (lambda x: np.sum(np.sqrt(x), where=[False, True]), [0.0, 4.0], [0, 0.25]),
    "nansum drops": (lambda x: np.nansum(np.where(x > 0, np.sqrt(x), nan)), [0.0, 4.0], [0, 0.25]),
}  # fmt: skip


@together([(case, mode) for case in CASES for mode in MODES], ids=" by ".join)
def test_convention(case, mode):
    (f, x, expected), mode = CASES[case], MODES[mode]
    x = np.asarray(x) if isinstance(x, list) else x

    assert_allclose(mode(f)(x), expected, atol=1e-15)


@each_mode
def test_logarithm_at_zero_has_an_infinite_derivative_and_numpys_warning(mode):
    with pytest.warns(RuntimeWarning, match="divide by zero encountered in log"):
        assert mode(np.log)(0.0) == inf


@pytest.mark.parametrize("mode", [dd.jacfwd, dd.jacrev])
def test_one_infinite_entry_leaves_the_others_alone(mode):
    assert_array_equal(mode(np.arcsin)(np.array([-1.0, 1.0])), [[inf, 0], [0, inf]])
    assert_array_equal(mode(np.arccos)(np.array([-1.0, 0.0])), [[-inf, 0], [0, -1]])


@pytest.mark.parametrize("mode", [dd.jacfwd, dd.jacrev])
def test_computed_zero_times_infinity_stays_nan(mode):
    assert np.isnan(mode(lambda x: np.cbrt(x**3))(0.0))
    assert np.isnan(mode(lambda x: 0.0 * np.sqrt(x))(0.0))


@pytest.mark.parametrize("mode", [dd.jacfwd, dd.jacrev])
def test_infinite_tie_stays_infinite(mode):
    assert mode(lambda x: np.maximum(np.sqrt(x), 0.0))(0.0) == inf
    assert_array_equal(mode(lambda x: np.maximum(np.sqrt(x), [0.0, 1.0]))(np.zeros(2)), [[inf, 0], [0, 0]])


@pytest.mark.parametrize("second", [dd.hessian, lambda f: dd.jacrev(dd.jacrev(f)), lambda f: dd.jacfwd(dd.jacfwd(f))])
@pytest.mark.parametrize(
    ("f", "x"),
    [
        (np.max, [1.0, 1.0]),
        (lambda x: np.sum(np.maximum(x, 1.0)), [1.0, 2.0]),
        (lambda x: np.sum(np.abs(x)), [0.0, 1.0]),
        (lambda x: np.sum(np.clip(x, 0.0, 1.0)), [0.0, 1.0]),
        (lambda x: np.sum(np.sort(x)), [1.0, 1.0]),
        (np.linalg.norm, [0.0, 0.0]),
        (lambda x: np.hypot(x[0], x[1]), [0.0, 0.0]),
        (np.std, [1.0, 1.0]),
        (lambda x: np.sum(x**0), [0.0, 0.0]),
        (lambda x: np.sum(np.sign(x)), [0.0, 0.0]),
        (lambda x: np.sum(np.maximum(np.sqrt(x), 1.0)), [0.0, 0.25]),
    ],
)
def test_second_derivatives_at_a_kink_are_those_of_the_pieces(f, x, second):
    assert_array_equal(second(f)(np.array(x)), np.zeros((2, 2)))


@pytest.mark.parametrize("second", [dd.hessian, lambda f: dd.jacrev(dd.jacrev(f)), lambda f: dd.jacfwd(dd.jacfwd(f))])
def test_true_second_derivatives_where_a_formula_divides_by_zero(second):
    assert_allclose(second(np.sinc)(0.0), -(np.pi**2) / 3)
    assert second(lambda x: x**2)(0.0) == 2.0
    assert second(lambda x: x**1)(0.0) == 0.0
    assert_array_equal(second(np.prod)(np.array([0.0, 0.0, 3.0])), [[0, 3, 0], [3, 0, 0], [0, 0, 0]])
    assert_allclose(second(np.linalg.det)(np.zeros((2, 2)))[0, 0], [[0, 0], [0, 1]], atol=1e-15)


def test_quantities_of_equal_singular_values_have_one_derivative_and_no_second():
    """Of order 2 and nuc the first is the mean over the directions; the second is nan, never a number."""
    unit = np.eye(2)
    for mode in (dd.jacfwd, dd.jacrev):
        assert_allclose(mode(lambda x: np.linalg.norm(x, 2))(unit), unit / 2, atol=1e-15)
        assert_allclose(mode(lambda x: np.linalg.norm(x, "nuc"))(unit), unit, atol=1e-15)
    with np.errstate(all="ignore"):
        for norm in (lambda x: np.linalg.norm(x, 2), np.linalg.cond, lambda x: np.linalg.norm(x, -2)):
            assert np.isnan(dd.hessian(norm)(unit)).any()


# No value, no derivative: of the entries that have one, it is theirs.
REMAINDERS = {
    "remainder of 0": (lambda x: np.mod(x, 0.0), 1.0, nan),
    "remainder of an infinite number": (lambda x: np.mod(x * inf, 2.0), 1.0, nan),
    "remainder by an infinite number": (lambda x: np.mod(x, inf), 1.0, 1.0),
    "remainders": (lambda x: np.mod(x, [0.0, 2.0]), [3.0, 5.0], [[nan, 0], [0, 1]]),
    "remainders of C": (lambda x: np.fmod(x, [0.0, 2.0]), [3.0, -5.0], [[nan, 0], [0, 1]]),
    "remainders by divmod": (lambda x: np.divmod(x, [0.0, 2.0])[1], [3.0, 5.0], [[nan, 0], [0, 1]]),
}  # fmt: skip


@together([(case, mode) for case in REMAINDERS for mode in ("forward", "reverse")], ids=" by ".join)
def test_a_remainder_of_0_has_no_derivative(case, mode):
    (f, x, expected), mode = REMAINDERS[case], MODES[mode]
    x = np.asarray(x) if isinstance(x, list) else x
    with np.errstate(all="ignore"):
        assert_array_equal(mode(f)(x), expected)
        assert_array_equal(mode(f)(np.float32(x)), np.float32(expected))
