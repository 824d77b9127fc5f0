"""`dualdiff.rules`: rules for ufuncs and functions of other packages, in every form, both modes and nested."""

import numpy as np
import pytest
from numpy._core.overrides import array_function_dispatch
from numpy.testing import assert_allclose

import dualdiff as dd
from dualdiff import table
from dualdiff.__main__ import rows
from dualdiff.pytrees.trees import flatten
from dualdiff.table import RULES
from tests.sharing_functions import calling_twice, filled, overwritten

special = pytest.importorskip("scipy.special")
_ufuncs = special._ufuncs
SINPI, COSPI = _ufuncs._sinpi, _ufuncs._cospi  # ufuncs without a rule of the package's
X = np.array([[0.1, 0.35], [-0.2, 1.3]])
V = np.array([[1.0, -1.0], [0.5, 2.0]])


def derivatives_agree(f, same, *args):
    """Value and derivatives of both modes, to second order, against the same function in NumPy's functions."""
    argnums = tuple(range(len(args)))
    loss, same_loss = (lambda *a, f=g: np.sum(f(*a) * np.cos(f(*a))) for g in (f, same))
    assert_allclose(f(*args), same(*args), rtol=1e-12)
    for operator in (dd.grad, dd.jacfwd, dd.jacrev, dd.hessian, lambda g, n: dd.jacrev(dd.jacfwd(g, n), n)):
        found, expected = (flatten(operator(g, argnums)(*args))[0] for g in (loss, same_loss))
        for a, b in zip(found, expected, strict=True):
            assert_allclose(a, b, rtol=1e-9, atol=1e-9)
    variables = [dd.Variable(arg) for arg in args]
    result = f(*variables)
    assert isinstance(result, dd.Variable)
    np.sum(result).backward()
    for variable, expected in zip(variables, dd.grad(lambda *a: np.sum(same(*a)), argnums)(*args), strict=True):
        assert_allclose(variable.grad, expected, rtol=1e-9, atol=1e-12)


def declare_sine():
    assert dd.rules.elementwise(SINPI, lambda y, x: np.pi * COSPI(x)) is SINPI
    assert dd.rules.elementwise(COSPI, lambda y, x: -np.pi * SINPI(x)) is COSPI


@pytest.mark.parametrize("x", [X, X[:, ::2], X[0, 0], X[:0], np.asfortranarray(X)], ids=lambda x: str(np.shape(x)))
def test_a_ufunc_gets_partials(x):
    declare_sine()
    derivatives_agree(SINPI, lambda x: np.sin(np.pi * x), x)


def test_a_ufunc_keeps_its_out_argument_and_dtype():
    declare_sine()
    assert dd.jvp(SINPI, (X.astype(np.float32),), (V.astype(np.float32),))[1].dtype == np.float32

    def into(x):
        out = np.zeros_like(x)
        SINPI(x, out=out)
        return out

    assert_allclose(dd.jvp(into, (X,), (V,))[1], np.pi * np.cos(np.pi * X) * V)
    assert_allclose(dd.grad(lambda x: np.sum(into(x)))(X), np.pi * np.cos(np.pi * X))


def test_a_ufunc_of_two_arguments_with_an_unknown_partial():
    f = _ufuncs._igam_fac  # xᵃ e⁻ˣ / Γ(a)
    dd.rules.elementwise(f, None, lambda y, a, x: y * (a / x - 1))
    a, x = np.array([1.5, 2.0]), np.array([[0.5], [3.0]])

    derivatives_agree(lambda x: f(a, x), lambda x: x**a * np.exp(-x) / special.gamma(a), x)
    assert RULES[f].names == ("a", "x") and RULES[f].active == ("x",)
    with pytest.raises(dd.UnsupportedFunction, match="no derivative in its argument 'a'"):
        dd.grad(lambda a: np.sum(f(a, x)))(a)


def test_a_declared_rule_is_in_the_support_table():
    declare_sine()
    (row,) = [row for row in rows() if row.name == "scipy.special._ufuncs._sinpi"]
    assert (row.kind, row.detail) == ("differentiable", "in x")


def test_a_refused_function_may_get_a_rule_and_loses_it_again():
    f = special.bdtrik
    assert table.find(f).form == "refused"
    dd.rules.elementwise(f, lambda k, y, n, p: 2.0 * y, None, None)
    assert_allclose(dd.grad(lambda y: f(y, 10.0, 0.5))(0.3), 0.6)
    dd.rules.withdraw(f)
    assert RULES[f].form == "refused"
    with pytest.raises(ValueError, match="has no rule that was declared"):
        dd.rules.withdraw(f)


def test_a_rule_may_be_declared_again_and_none_of_the_packages_is_replaced():
    dd.rules.elementwise(SINPI, lambda y, x: 0.0 * x)
    declare_sine()
    assert_allclose(dd.grad(SINPI)(0.0), np.pi)
    for function in (np.sin, special.erf, np.linalg.inv, np.floor):
        with pytest.raises(ValueError, match="has a rule already"):
            dd.rules.elementwise(function, lambda y, x: y)


# Functions that do not dispatch: a stand-in is called instead.


def opaque(x):
    """A function that takes ndarrays alone."""
    assert not isinstance(x, (dd.Dual, dd.Variable))
    return np.asarray(x)


@pytest.mark.parametrize("x", [X, X[:, ::-1], X[0], X[:0]], ids=lambda x: str(np.shape(x)))
def test_a_function_gets_partials(x):
    def softsign(x):
        return opaque(x) / (1 + np.abs(x))

    derivatives_agree(
        dd.rules.elementwise(softsign, lambda y, x: (1 - np.abs(y)) ** 2), lambda x: x / (1 + np.abs(x)), x
    )


def test_a_function_of_two_arguments_gets_partials_and_constants():
    f = dd.rules.elementwise(lambda a, b: opaque(a) - 2.0 * opaque(b), dd.rules.ONE, lambda y, a, b: -2.0)

    derivatives_agree(f, lambda a, b: a - 2.0 * b, X, V[0])


def test_a_function_gets_a_tangent():
    def product_of_inverse(a, b, scale=1.0):
        return scale * np.linalg.solve(opaque(a), opaque(b))

    @dd.rules.tangent_rule(product_of_inverse)
    def solved(y, a, b, scale=1.0, *, da, db):
        return np.linalg.inv(a) @ (db * scale - da @ y)

    derivatives_agree(lambda a, b: solved(a, b, scale=2.0), lambda a, b: 2.0 * np.linalg.solve(a, b), X + np.eye(2), V)
    with pytest.raises(dd.UnsupportedFunction, match="no derivative in its argument 'scale'"):
        dd.grad(lambda s: np.sum(solved(X, V, s)))(2.0)


def test_a_function_of_several_results_gets_tangents():
    def polar(x, y):
        return np.hypot(opaque(x), opaque(y)), np.arctan2(y, x)

    @dd.rules.tangent_rule(polar)
    def polar_of(result, x, y, *, dx, dy):
        r, _ = result
        return dx * (x / r) + dy * (y / r), dy * (x / r**2) - dx * (y / r**2)

    for i, same in enumerate((np.hypot, lambda x, y: np.arctan2(y, x))):
        derivatives_agree(lambda x, y, i=i: polar_of(x, y)[i], same, X + 2.0, V)


def test_a_function_gets_a_formula_and_keeps_its_value():
    def rms(x, axis=None):
        return np.linalg.norm(opaque(x), axis=axis) / np.sqrt(x.shape[axis] if axis is not None else x.size)

    @dd.rules.composite(rms)
    def rms_of(x, axis=None):
        return np.sqrt(np.mean(x * x, axis=axis))

    y, _ = dd.jvp(rms_of, (X,), (V,))
    assert y == rms(X)
    derivatives_agree(lambda x: rms_of(x, axis=1), lambda x: np.sqrt(np.mean(x * x, axis=1)), X)
    assert rms_of.rule.active == ("x",)


def test_a_function_rearranges():
    def interleaved(x):
        return opaque(x).reshape(2, -1).T.ravel()

    f = dd.rules.rearranging(interleaved)
    derivatives_agree(f, lambda x: np.reshape(np.transpose(np.reshape(x, (2, -1))), -1), np.arange(6.0) / 5)
    assert f(np.arange(4)).tolist() == [0, 2, 1, 3]


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.concatenate([[7.0, 1.0], opaque(x), [2.5, np.nan]]),  # constants that could be positions
        lambda x: float(opaque(x)[2]),
        lambda x: [opaque(x)[0], opaque(x)[::-2]],
        lambda x: np.pad(opaque(x).reshape(2, 2), 1, constant_values=1.0),
        lambda x: np.where(opaque(x) > -5.0, x, 0.0),
    ],
)
def test_what_a_function_does_not_copy_is_constant(f):
    x, V = np.array([0.7, -1.3, 2.1, 0.4]), np.eye(4)
    plain = lambda x: np.concatenate([np.ravel(part) for part in f(x)]) if isinstance(f(x), list) else np.ravel(f(x))
    expected = np.transpose([np.nan_to_num(plain(x + v)) - np.nan_to_num(plain(x)) for v in V])
    g = dd.rules.rearranging(f)
    flat = lambda x: np.concatenate([np.ravel(part) for part in g(x)]) if isinstance(f(np.ones(4)), list) else g(x)
    for transform in (dd.jacfwd, dd.jacrev):
        assert_allclose(transform(flat)(x).reshape(-1, 4), expected, atol=1e-15)


@pytest.mark.parametrize(
    "f",
    [np.sort, np.abs, np.cumsum, np.max, np.negative, lambda x: np.where(x > 0, x, 0.0), lambda x: x % 1.0]
    + [lambda x: 2.0 * x, lambda x: x + 1.0, lambda x: x[x > 0.0]],
)
def test_what_does_more_than_rearrange_is_refused(f):
    g = dd.rules.rearranging(lambda x: f(opaque(x)))
    for transform in (dd.jacfwd, dd.jacrev):
        with pytest.raises(dd.UnsupportedFunction, match="does not only move entries here"):
            transform(g)(np.array([0.7, -1.3, 2.1, 0.4]))


def test_partials_of_arguments_by_name_and_of_their_defaults():
    def scaled(x, y=2.0, *, scale=1.0):
        return opaque(x) ** 2 * opaque(y) * scale

    f = dd.rules.elementwise(scaled, lambda r, x, y: 2 * x * y, lambda r, x, y: x**2)
    x = np.array([0.7, -1.3])
    for call, expected in (
        (lambda x: f(x), 4 * x),
        (lambda x: f(x=x), 4 * x),
        (lambda x: f(3.0, y=x), [9.0, 9.0]),
        (lambda x: f(y=x, x=x), 3 * x**2),
    ):
        for transform in (dd.jacfwd, dd.jacrev):
            assert_allclose(transform(call)(x), np.diag(expected))
    for call in (lambda x: f(x, x, scale=3.0), lambda x: f(x, 2.0, scale=x), lambda x: f(x, scale=1.0)):
        with pytest.raises(dd.UnsupportedFunction, match="the first 2 arguments alone; it is called with scale here"):
            dd.jacfwd(call)(x)
    assert f(2.0, 3.0, scale=2.0) == 24.0


@pytest.mark.parametrize("f", [lambda x: x, lambda x: x[:], filled, overwritten])
@pytest.mark.parametrize(
    "declare",
    [
        lambda f: dd.rules.elementwise(f, lambda y, x: 1.0),
        lambda f: dd.rules.tangent_rule(f)(lambda y, x, *, dx: dx),
        lambda f: dd.rules.composite(f)(lambda x: 1.0 * x),
        dd.rules.rearranging,
    ],
    ids=["elementwise", "tangent_rule", "composite", "rearranging"],
)
def test_results_of_declared_functions_share_no_memory(declare, f):
    program, x = calling_twice(declare(lambda x: f(x))), np.array([0.7, -1.3, 2.1])

    for transform in (dd.jacfwd, dd.jacrev, lambda f: dd.jacfwd(dd.grad(lambda x: np.sum(f(x))))):
        given = x.copy()
        expected = 8.0 * np.eye(3) if "lambda" in transform.__name__ else np.diag(8.0 * x)
        assert_allclose(transform(program)(given), expected)
        assert given.tolist() == x.tolist()
    if f is not overwritten:
        assert_allclose(program(x.copy()), 4.0 * x**2)
    assert_allclose(dd.jvp(program, (x,), (x,))[0], 4.0 * x**2)


def test_what_a_passive_function_returns_is_its_own():
    same, x = dd.rules.passive(lambda x: x), X.copy()

    def program(x):
        y = same(x)
        y *= 3.0
        return y * x

    assert_allclose(dd.jvp(program, (x,), (np.ones_like(X),))[1], 3.0 * X)
    assert x.tolist() == X.tolist()


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (np.sum, r"an array of shape \(\) and dtype float64 of arguments of shape \(2, 2\)"),
        (lambda x: np.outer(x, x), r"shape \(4, 4\)"),
        (lambda x: np.floor(x).astype(int), "dtype int64"),
        (lambda x: (x, x), "a tuple"),
        (lambda x: [[1.0, 2.0], [3.0, 4.0]], "a list"),
    ],
)
def test_what_is_not_elementwise_is_refused(f, words):
    g = dd.rules.elementwise(lambda x: f(opaque(x)), lambda y, x: 1.0)
    for transform in (dd.jacfwd, dd.jacrev):
        with pytest.raises(dd.UnsupportedFunction, match=words):
            transform(g)(X)


@pytest.mark.parametrize(
    ("partial", "words"),
    [
        (lambda y, x: np.outer(x, x), r"partial 0 returned an array of shape \(4, 4\)"),
        (lambda y, x: x[None], r"partial 0 returned an array of shape \(1, 2, 2\)"),
        (lambda y, x: None, "partial 0 returned a NoneType"),
        (lambda y, x: "2 x", "partial 0 returned a str"),
        (lambda y, x: np.multiply(x, 2.0, out=x), "read-only"),
        (lambda y, x: np.multiply(x, 2.0, out=y), "read-only"),
    ],
)
def test_what_is_no_partial_is_refused(partial, words):
    g, x = dd.rules.elementwise(lambda x: opaque(x) ** 2, partial), X.copy()
    for transform in (dd.jacfwd, dd.jacrev):
        with pytest.raises((TypeError, ValueError), match=words):
            transform(g)(x)
    assert x.tolist() == X.tolist()


def test_partials_may_be_numbers_and_lists():
    for partial in (lambda y, x: [[2 * a for a in row] for row in x], lambda y, x: 2 * x):
        g = dd.rules.elementwise(lambda x: opaque(x) ** 2, partial)
        derivatives_agree(g, np.square, X)
    assert dd.grad(dd.rules.elementwise(lambda x: 2.0 * opaque(x), lambda y, x: 2))(X[0, 0]) == 2.0


@array_function_dispatch(lambda a: (a,))
def same_array(a):
    return a


@array_function_dispatch(lambda a: (a,))
def emptied(a):
    y = a.copy()
    a[...] = 0.0
    return y


@pytest.mark.parametrize("function", [same_array, emptied])
@pytest.mark.parametrize(
    "declare",
    [
        lambda f: dd.rules.elementwise(f, dd.rules.ONE),
        lambda f: dd.rules.tangent_rule(f)(lambda y, a, *, da: da),
        lambda f: dd.rules.composite(f)(lambda a: 1.0 * a),
        dd.rules.rearranging,
    ],
    ids=["elementwise", "tangent_rule", "composite", "rearranging"],
)
def test_functions_that_dispatch_leave_the_caller_s_array_alone(declare, function):
    declare(function)

    def program(x):
        y = function(x)
        y *= 3.0
        return y * x

    try:
        x = np.array([0.7, -1.3])
        for transform in (dd.jacfwd, dd.jacrev):
            assert_allclose(transform(program)(x), np.diag([4.2, -7.8]))
            assert x.tolist() == [0.7, -1.3]
    finally:
        dd.rules.withdraw(function)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (lambda y, x, *, dx: dx.sum(), r"a tangent of shape \(\), and the function an array of shape \(2, 2\)"),
        (lambda y, x, *, dx: dx[None], r"a tangent of shape \(1, 2, 2\)"),
        (lambda y, x, *, dx: 2 * x, "ndarray"),
        (lambda y, x, *, dx: (2 * x * dx,), "tuple"),
    ],
)
def test_a_rule_that_returns_no_tangent_of_the_result_is_refused(rule, words):
    g = dd.rules.tangent_rule(lambda x: opaque(x) ** 2)(rule)
    for transform in (dd.jacfwd, dd.jacrev):
        with pytest.raises(TypeError, match=f"its rule returned {words}"):
            transform(g)(X)


def test_a_rule_of_fewer_tangents_than_results_is_refused():
    g = dd.rules.tangent_rule(lambda x: (opaque(x) ** 2, 3.0))(lambda y, x, *, dx: (2 * x * dx,))
    with pytest.raises(TypeError, match="its rule returned tuple, and the function 2 results"):
        dd.jacfwd(lambda x: g(x)[0])(X)


@pytest.mark.parametrize("formula", [lambda x: np.sum(x**2), lambda x: x[:1] ** 2, lambda x: x[None] ** 2])
def test_a_formula_of_another_shape_is_refused(formula):
    g = dd.rules.composite(lambda x: opaque(x) ** 2)(formula)
    for transform in (dd.jacfwd, dd.jacrev):
        with pytest.raises(ValueError, match=r"the formula of a composite gives shape .*, the function \(2, 2\)"):
            transform(g)(X)


@pytest.mark.parametrize(
    "declare",
    [
        lambda a: dd.rules.elementwise(lambda x: np.sin(a * x), lambda y, x: np.cos(x)),
        lambda a: dd.rules.elementwise(lambda x: np.sin(2.0 * x), lambda y, x: a * np.cos(a * x)),
        lambda a: dd.rules.tangent_rule(lambda x: np.sin(a * x))(lambda y, x, *, dx: dx),
    ],
)
def test_closing_over_a_value_with_a_derivative_is_refused(declare):
    for transform in (dd.derivative, dd.grad):
        with pytest.raises(dd.UnsupportedFunction, match="closes over a value that carries a derivative"):
            transform(lambda a: declare(a)(a))(1.3)


def test_an_argument_of_an_outer_derivative_is_not_captured():
    partials = (lambda r, x, y: y * np.cos(x * y), lambda r, x, y: x * np.cos(x * y))
    sine = dd.rules.elementwise(lambda x, y: np.sin(opaque(x) * opaque(y)), *partials)
    inner = lambda a: dd.grad(lambda b: sine(a, b) * b)(2.0)
    assert_allclose(inner(1.3), np.sin(2.6) + 2.6 * np.cos(2.6))
    for transform in (dd.grad, dd.derivative):
        assert_allclose(transform(inner)(1.3), 4 * np.cos(2.6) - 5.2 * np.sin(2.6))


def test_passive_and_refused_functions():
    count = dd.rules.passive(lambda x: float(np.sum(opaque(x) > 0)))
    assert_allclose(dd.grad(lambda x: count(x) * np.sum(x))(X), np.full((2, 2), 3.0))

    digest = dd.rules.refused(lambda x: hash(x.tobytes()), "it reads bits")
    assert isinstance(digest(X), int)
    with pytest.raises(dd.UnsupportedFunction, match=r"has no derivative rule \(it reads bits\)"):
        dd.grad(lambda x: digest(x) * 1.0)(X)


def test_a_name_and_a_text_are_those_of_the_function():
    def softsign(x):
        """x / (1 + |x|)"""
        return opaque(x) / (1 + np.abs(x))

    f = dd.rules.elementwise(softsign, lambda y, x: (1 - np.abs(y)) ** 2)
    assert (f.__name__, f.__doc__, f.__wrapped__) == ("softsign", softsign.__doc__, softsign)


@pytest.mark.parametrize(
    ("declare", "error", "words"),
    [
        (lambda: dd.rules.elementwise(SINPI), TypeError, "has 1 arguments, and 0 partials"),
        (lambda: dd.rules.elementwise(SINPI, None, None), TypeError, "has 1 arguments, and 2 partials"),
        (lambda: dd.rules.elementwise(opaque), TypeError, "has no partials"),
        (lambda: dd.rules.elementwise(opaque, 2.0), TypeError, r"partial 0 of .*opaque is 2\.0; it is a function"),
        (lambda: dd.rules.passive(3), TypeError, "a rule is for a function, not for 3"),
        (
            lambda: dd.rules.elementwise(np.frompyfunc(lambda x: x, 1, 1), lambda y, x: x),
            TypeError,
            "it calls a Python function for each entry, on Duals too, and needs no rule",
        ),
    ],
)
def test_what_does_not_fit_is_refused(declare, error, words):
    with pytest.raises(error, match=words):
        declare()


def test_an_error_about_a_missing_rule_names_the_ways_to_add_one():
    with pytest.raises(dd.UnsupportedFunction) as caught:
        dd.grad(lambda x: np.sum(SINPI(x)))(X)
    for way in ("dualdiff.custom_jvp", "dualdiff.rules", "dualdiff.linear"):
        assert way in str(caught.value)
