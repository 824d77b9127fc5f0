"""`dd.stage` as its users see it: programs, guards and variants, floats, saving, pickling, refusals; each pass."""

import importlib.util
import inspect
import math
import pickle
import threading
import traceback
import warnings

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import least_squares, minimize

import dualdiff as dd
from dualdiff.staging.passes import ALL_PASSES, Options
from dualdiff.staging.staged import Staged
from tests.staged_programs import staged_like


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def loop(x):
    total = 0.0
    for i in range(len(x) - 1):
        total = total + 100 * (x[i + 1] - x[i] ** 2) ** 2 + (1 - x[i]) ** 2
    return total


def filled(p):
    out = np.zeros(4)
    out[0] = math.exp(-p[0])
    for i in range(1, 4):
        out[i] = p[1] + p[2] * out[i - 1] + float(p[0]) ** 2
    return np.sum(np.log(out) + 1.0 / out)


def network(weights, inputs):
    return np.mean(np.tanh(inputs @ weights["w"] + weights["b"]) ** 2)


X = np.linspace(0.2, 1.1, 10)
TRANSFORMS = {
    "plain": lambda f: f,
    "grad": dd.grad,
    "value_and_grad": dd.value_and_grad,
    "jacfwd": dd.jacfwd,
    "jacrev": dd.jacrev,
    "hessian": dd.hessian,
    "hvp": lambda f: lambda x: dd.hvp(f, x, np.cos(x)),
    "grad of grad": lambda f: dd.grad(lambda x: np.sum(dd.grad(f)(x) ** 2)),
}


@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.parametrize("f", [rosenbrock, loop, filled])
def test_program_gives_the_same_bits(f, name):
    assert staged_like(TRANSFORMS[name](f), (X[:4],)) is None


@pytest.mark.parametrize("name", sorted(ALL_PASSES.names))
def test_each_pass_alone_and_all_but_it_give_the_same_bits(name):
    for names in ({name}, ALL_PASSES.names - {name}):
        options = Options(frozenset(names))
        for f in (dd.grad(rosenbrock), dd.hessian(loop), dd.jacrev(filled)):
            staged = Staged(f, options=options)
            assert_array_equal(staged(X[:4]), f(X[:4]), strict=True)
            point = X[:4] * 1.3
            assert_array_equal(staged(point), f(point), strict=True)
            assert staged.programs[0].calls == 1


def test_gradient_reads_as_one_written_by_hand():
    x = np.linspace(0.2, 1.1, 1000)
    staged = dd.stage(dd.grad(rosenbrock))
    lines = staged.source(x).splitlines()
    assert lines[0] == "def rosenbrock(x):" and len(lines) <= 15
    assert any("test_staged_functions.py:" in line for line in lines)  # the user's line behind


def test_loop_of_numbers_is_written_in_floats():
    staged = dd.stage(dd.grad(loop))
    source = staged.source(X)
    assert "x.tolist()" in source and "np.float64" not in source.partition("_in_numpy")[0]
    assert_array_equal(staged(X), dd.grad(loop)(X), strict=True)


def test_what_overflows_in_floats_goes_to_numpy():
    f = dd.grad(lambda x: x[0] ** 300.0 + np.exp(x[1]) / x[2])
    staged = dd.stage(f)
    with np.errstate(all="ignore"):
        staged(np.array([1.0, 2.0, 3.0]))
        for point in ([1e200, 1.0, 1.0], [1.0, 1e4, 1.0], [1.0, 1.0, 0.0]):
            assert_array_equal(staged(np.array(point)), f(np.array(point)))


def test_result_keeps_its_type():
    for f, x in (
        (dd.derivative(lambda x: x * x), 3.0),
        (dd.derivative(lambda x: np.sin(x)), np.float64(3.0)),
        (lambda x: [x[0], (x, {"sum": np.sum(x)})], X),
        (dd.value_and_grad(network), ({"w": np.ones((3, 2)), "b": np.zeros(2)}, np.ones((4, 3)))),
    ):
        args = x if isinstance(x, tuple) else (x,)
        assert staged_like(f, args) is None
    assert type(dd.stage(dd.derivative(lambda x: x * x))(3.0)) is float


def test_arguments_in_trees_keep_their_structure():
    weights, inputs = {"w": np.ones((3, 2)) / 3, "b": np.array([0.1, 0.2])}, np.ones((4, 3))
    staged = dd.stage(dd.grad(network))
    found = staged(weights, inputs)
    assert list(found) == ["w", "b"] and len(staged.programs) == 1
    reordered = staged({"b": weights["b"], "w": weights["w"]}, inputs)
    assert list(reordered) == ["b", "w"]  # as of the function itself


# Guards.


def branching(x):
    if x[0] > 0 and np.max(x) < 5.0:
        return np.sum(x**2)
    return np.sum(np.sin(x))


def test_other_branch_is_another_program():
    staged = dd.stage(dd.grad(branching))
    for point in (X, -X, 10 * X, X, -X):
        assert_array_equal(staged(point), dd.grad(branching)(point))
    assert len(staged.programs) == 3
    assert "guards" in str(staged.programs) and "float64[10]" in str(staged.programs)


def test_too_many_branches_run_as_written_and_warn_once():
    f = lambda x: x * round(x[0].item())
    staged = dd.stage(f, variants=2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for i in range(5):
            assert_array_equal(staged(np.array([float(i), 1.0])), f(np.array([float(i), 1.0])))
    told = [w for w in caught if w.category is dd.NotStaged]
    assert len(told) <= 1


def test_shape_that_depends_on_values_is_guarded():
    f = dd.grad(lambda x: np.sum(x[x > 0.5] ** 2))
    staged = dd.stage(f)
    for point in (X, X[::-1].copy(), X + 0.3, X - 2.0):
        assert_array_equal(staged(point), f(point))


def test_argument_that_is_written_before_a_guard_fails_is_put_back():
    def f(x):
        x[0] = 5.0
        if x[1] > 0.5:
            x[1] = 7.0
        return x * 2

    staged = dd.stage(f)
    for start in ([1.0, 1.0], [1.0, 0.2], [1.0, 1.0], [3.0, 0.1]):
        a, b = np.array(start), np.array(start)
        assert_array_equal(staged(a), f(b))
        assert_array_equal(a, b)
    assert len(staged.programs) == 2


def test_structural_zero_that_meets_an_infinite_partial_is_zero():
    f = dd.grad(lambda x: np.sum(np.where(x > 0, np.log(x), 0.0)))
    staged = dd.stage(f)
    with np.errstate(all="ignore"):
        staged(np.array([1.0, 2.0, 3.0]))
        assert_array_equal(staged(np.array([1.0, 0.0, 3.0])), [1.0, 0.0, 1 / 3.0])


def test_program_is_for_one_shape_dtype_and_layout():
    staged = dd.stage(dd.grad(rosenbrock))
    points = [X, X[:5], X.astype(np.float32), np.repeat(X, 2)[::2], X[::-1]]
    for x in points:
        found = staged(x)
        assert_array_equal(found, dd.grad(rosenbrock)(x), strict=True)
    assert len(staged.programs) == len(points)


def test_static_arguments_have_programs_of_their_own():
    f = lambda x, power, kind: np.sum(x**power) if kind == "sum" else np.mean(x**power)
    staged = dd.stage(dd.grad(f))
    for power, kind in ((2, "sum"), (3, "sum"), (2, "mean"), (2, "sum")):
        assert_array_equal(staged(X, power, kind), dd.grad(f)(X, power, kind))
        assert_array_equal(staged(X, power=power, kind=kind), dd.grad(f)(X, power, kind))
    assert len(staged.programs) == 6


# Refusals.


def counting():
    calls = [0]

    def f(x):
        calls[0] += 1
        return x * calls[0]

    return f


@pytest.mark.parametrize(
    ("f", "reason"),
    [
        (counting(), "gave another result"),
        (lambda x: x * np.random.default_rng().normal(), "gave another result"),
        (lambda x: x * len(f"{x[0]:.3f}"), "text of a traced value"),
        (lambda x: x * {x[0]: 2.0}[x[0]], "hash"),
        (lambda x: np.sum(dd.Variable(np.ones(10)) * x).value, "traced value"),
    ],
)
def test_what_cannot_be_written_down_runs_as_it_is_and_says_why(f, reason):
    staged = dd.stage(f)
    with pytest.raises(dd.StagingRefused, match=reason):
        staged.source(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert staged(X).shape in ((10,), ())
    assert staged.programs == []


def test_warning_names_the_function_and_comes_once():
    staged = dd.stage(counting())
    with pytest.warns(dd.NotStaged, match="f is not staged, and runs as it is"):
        staged(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        staged(X)


def test_error_of_the_function_is_its_own():
    def f(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        dd.stage(f)(X)


@pytest.mark.parametrize("bad", [3, None, X])
def test_stage_takes_a_function(bad):
    with pytest.raises(TypeError, match="the first argument is a function"):
        dd.stage(bad)


@pytest.mark.parametrize("variants", [0, -1, 1.5, True, "8"])
def test_variants_is_a_positive_int(variants):
    with pytest.raises(ValueError, match="variants is a positive int"):
        dd.stage(rosenbrock, variants=variants)


# With the other transforms, with threads, with SciPy.


def test_staged_functions_nest():
    staged = dd.stage(rosenbrock)
    expected = dd.grad(rosenbrock)(X)
    assert_array_equal(dd.grad(staged)(X), expected)
    assert_array_equal(dd.stage(dd.grad(lambda x: staged(x)))(X), expected)
    assert_array_equal(dd.hessian(dd.stage(rosenbrock))(X), dd.hessian(rosenbrock)(X))
    assert_array_equal(dd.jacfwd(dd.stage(dd.grad(rosenbrock)))(X), dd.jacfwd(dd.grad(rosenbrock))(X))
    assert dd.stage(staged) is staged


def test_staged_function_may_be_called_from_threads():
    staged, f, wrong = dd.stage(dd.grad(branching)), dd.grad(branching), []

    def work(sign):
        for i in range(30):
            x = sign * (X + 0.01 * i)
            if not np.array_equal(staged(x), f(x)):
                wrong.append(x)

    threads = [threading.Thread(target=work, args=(sign,)) for sign in (1, -1, 1, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def residual(p):
    t = np.linspace(0.0, 1.0, 20)
    return p[0] * np.exp(-p[1] * t) - 2.0 * np.exp(-3.0 * t)


def test_scipy_takes_staged_derivatives():
    fit = least_squares(residual, [1.0, 1.0], jac=dd.stage(dd.jacfwd(residual)))
    assert_allclose(fit.x, [2.0, 3.0], rtol=1e-8)
    gradient = dd.stage(dd.grad(rosenbrock))
    found = minimize(rosenbrock, np.zeros(5), jac=gradient, method="BFGS")
    assert found.success and gradient.programs[0].calls > 10


MATRIX = scipy.sparse.random_array((5, 5), density=0.5, rng=0, format="csr")


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(np.sin(MATRIX @ x) ** 2),
        lambda x: np.sum((x @ MATRIX) ** 2),
        lambda x: np.sum(MATRIX.dot(x) ** 3),
        lambda x: np.sum((MATRIX @ np.outer(x, x)) ** 2),
    ],
)
@pytest.mark.parametrize("name", ["plain", "grad", "jacfwd", "hessian"])
def test_products_with_sparse_matrices_are_calls_of_the_program(f, name):
    assert staged_like(TRANSFORMS[name](f), (X[:5],)) is None


def test_sparse_matrix_is_a_constant_of_the_program():
    matrix = MATRIX.copy()
    f = dd.grad(lambda x: np.sum((matrix @ x) ** 2))
    staged = dd.stage(f)
    expected = staged(X[:5])
    assert " @ x" in staged.source(X[:5])
    matrix.data[:] = 0.0
    assert_array_equal(staged(X[:5]), expected)


# Keeping.


def loaded(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_saved_module_needs_numpy_alone(tmp_path):
    for name, f, args in (
        ("rosenbrock", dd.grad(rosenbrock), (np.linspace(0.2, 1.1, 1000),)),
        ("loop", dd.grad(loop), (X,)),
        ("network", dd.grad(network), ({"w": np.ones((3, 2)) / 3, "b": np.ones(2)}, np.ones((4, 3)))),
    ):
        path = dd.stage(f).save(tmp_path / f"{name}_saved.py", *args)
        text = path.read_text()
        assert "dualdiff." not in text.partition("\n")[2] and "import dualdiff" not in text
        found, expected = getattr(loaded(path), name)(*args), f(*args)
        for a, b in zip(*(list(t.values()) if isinstance(t, dict) else [t] for t in (found, expected)), strict=True):
            assert_array_equal(a, b, strict=True)
    with pytest.raises(ValueError, match="this program is for"):
        loaded(tmp_path / "loop_saved.py").loop(X[:5])


def test_large_constants_are_saved_beside_the_module(tmp_path):
    matrix = np.arange(2500.0).reshape(50, 50) / 1e3
    f = dd.grad(lambda x: np.sum(np.tanh(matrix @ x)))
    staged = dd.stage(f)
    x = np.linspace(0.0, 1.0, 50)
    path = staged.save(tmp_path / "layer.py", x)
    assert (tmp_path / "layer.npz").exists()
    function = next(item for name, item in vars(loaded(path)).items() if inspect.isfunction(item) and name[0] != "_")
    assert_array_equal(function(x), f(x), strict=True)


def test_saved_constant_keeps_its_shape_and_order(tmp_path):
    empty, columns = np.zeros((0, 3)), np.asfortranarray(np.arange(12.0).reshape(3, 4) / 7)

    def f(x):
        return np.concatenate([empty, np.outer(x, x)]) @ columns

    path = dd.stage(f).save(tmp_path / "kept.py", X[:3])
    function = next(item for name, item in vars(loaded(path)).items() if inspect.isfunction(item) and name[0] != "_")
    assert_array_equal(function(X[:3]), f(X[:3]), strict=True)


def test_pickled_with_its_programs():
    staged = dd.stage(dd.grad(filled))
    expected = staged(X[:3])
    again = pickle.loads(pickle.dumps(staged))
    assert len(again.programs) == 1
    assert_array_equal(again(X[:3]), expected)
    assert again.programs[0].calls == 1


def test_signature_is_that_of_the_function():
    assert str(inspect.signature(dd.stage(dd.grad(network)))) == str(inspect.signature(network))


def test_traceback_shows_the_generated_line():
    staged = dd.stage(lambda x: np.linalg.inv(x))
    staged(np.eye(3))
    with pytest.raises(np.linalg.LinAlgError) as caught:
        staged(np.zeros((3, 3)))
    assert "np.linalg.inv(x)" in "".join(traceback.format_tb(caught.value.__traceback__))


def test_results_share_no_memory_with_arguments_constants_or_each_other():
    constant = np.arange(3.0)
    staged = dd.stage(lambda x: (x[1:], x, constant * 1.0, x.reshape(-1)))
    x = np.arange(4.0)
    results = staged(x), staged(x)
    for one in results:
        for i, a in enumerate(one):
            assert not np.may_share_memory(a, x) and not np.may_share_memory(a, constant) and a.flags.writeable
            assert not any(np.may_share_memory(a, b) for b in one[i + 1 :])
    results[0][2][...] = 7.0
    assert_array_equal(staged(x)[2], constant)


# Found by reading: each was wrong without a word.


def test_two_sparse_matrices_that_print_alike_are_two():
    one, other = (scipy.sparse.csr_array(np.diag(np.arange(k, k + 3.0))) for k in (1, 4))
    f = lambda x: np.sum(one @ x) + np.sum(other @ x)
    assert_array_equal(dd.stage(f, check=False)(X[:3]), f(X[:3]))
    assert staged_like(dd.grad(lambda x: np.sum((one @ x) ** 2) + np.sum((other @ x) ** 2)), (X[:3],)) is None


@pytest.mark.parametrize(
    "f",
    [
        lambda x: ((x[0] > 0) + (x[0] > 1.0)) * x[1],
        lambda x: ((x[0] > 0) * 1.0 + (x[0] > 1.0) * 1.0) * x[1],
        lambda x: np.sum(((x > 0) + (x > 1.0)) * x),
    ],
)
def test_sum_of_truth_values_is_or(f):
    staged = dd.stage(f)
    staged(np.array([0.3, 0.7]))
    for point in ([2.0, 3.0], [-1.0, 2.0], [0.5, 1.5]):
        assert_array_equal(staged(np.array(point)), f(np.array(point)))


def test_dictionary_is_no_keyword_argument():
    def f(*args, **options):
        return np.sum(args[0]) * 3.0 if options else np.sum(args[0][0])

    staged = dd.stage(f)
    a, b = np.ones(2), np.ones(3)
    assert (staged(a, k=b), staged((a,), {"k": b})) == (6.0, 2.0)


def test_whole_number_among_results_stays_one():
    assert staged_like(lambda x: (x[0] * 2.0, 3), (X,)) is None


def test_the_program_for_a_column_of_a_table():
    table = np.linspace(0.1, 1.0, 15).reshape(5, 3)
    g = dd.stage(dd.grad(lambda b, x: np.sum(b[0] * np.exp(-b[1] * x))))
    assert "np.exp" in g.source(np.ones(2), table[:, 1])
    assert g(np.ones(2), table[:, 1]).shape == (2,)
