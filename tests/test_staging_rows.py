"""Stacks of tangents written row by row: the bits of the unstaged Jacobian, zeros' signs included."""

import pickle

import numpy as np
import pytest

import dualdiff as dd
from benchmarks.nist import mgh09, misra1a, thurber
from benchmarks.staged import enso, gauss1, lanczos1
from dualdiff.staging import rows, stage
from dualdiff.staging.passes import ALL, Options
from dualdiff.staging.staged import Staged, same
from tests.test_staging_rewrites import agree

AT_EDGE = np.array([0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -3.7, 1e-310, -5e-324, 40.0])
FAR_OUT = np.array([np.inf, -np.inf, np.nan, 1e308, -1e308, 0.0, 1.0, 1e200, -0.0, 5e-324])


MODELS = {misra1a: 2, thurber: 7, mgh09: 4, lanczos1: 6, gauss1: 8, enso: 9}


@pytest.fixture
def always(monkeypatch):
    monkeypatch.setattr(rows, "WORTH", 1e9)


def points(f, k):
    rng = np.random.default_rng(k)
    b = rng.uniform(0.3, 2.0, k)
    return [
        (b, rng.uniform(0.1, 3.0, 10)), (-b, AT_EDGE), (b, AT_EDGE), (b, FAR_OUT), (np.zeros(k), AT_EDGE),
        (-np.zeros(k), -AT_EDGE), (np.append(b[1:], 0.0), FAR_OUT), (np.append(b[1:], np.inf), AT_EDGE),
        (np.append(b[1:], np.nan), AT_EDGE), (AT_EDGE[:k], AT_EDGE), (1e-300 * b, AT_EDGE), (1e300 * b, FAR_OUT),
    ]  # fmt: skip


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("f", MODELS, ids=lambda f: f.__name__)
def test_models_of_fits(f):
    at = points(f, MODELS[f])
    for i in range(3):  # which is traced first
        agree(dd.jacfwd(f), *at[i:], *at[:i])


@pytest.mark.parametrize("f", [misra1a, lanczos1, gauss1, enso, thurber], ids=lambda f: f.__name__)
def test_text_without_ones_and_zeros(f):
    b, x = points(f, MODELS[f])[0]
    text = stage(dd.jacfwd(f)).source(b, x)
    assert f"np.empty(({b.size}, {x.size}))" in text
    assert "K" not in text


def test_a_row_is_what_one_would_write():
    text = stage(dd.jacfwd(misra1a)).source(np.array([2.0, 0.1]), np.arange(1.0, 15.0))
    assert "v1[0] = 1 - v0\n    v1[1] = b[0] * (v0 * x)\n" in text


def test_a_vector_of_numbers():
    f = lambda b: b[0] * np.exp(b[1]) - b[2] / b[0]
    for point in ([1.0, 2.0, 3.0], [0.0, -0.0, 0.0], [-0.0, np.inf, 1.0], [1e308, 800.0, -1e308]):
        agree(dd.jacfwd(f), (np.array([0.5, 0.1, 0.2]),), (np.array(point),))


def expression(rng, k, depth):
    """A random expression of ``b`` and ``x`` as text."""
    if depth == 0 or rng.random() < 0.15:
        return rng.choice([f"b[{i}]" for i in range(k)] * 2 + ["x", "x", "1.5", "2"])
    inner = lambda: expression(rng, k, depth - 1)
    form = rng.choice(["+", "-", "*", "*", "/", "neg", "exp", "square", "sin", "abs", "hypot", "cube"])
    if form in "+-*/":
        return f"({inner()} {form} {inner()})"
    return {
        "neg": "(-{})", "exp": "np.exp(-{})", "square": "({} ** 2)", "sin": "np.sin({})", "abs": "np.abs({})",
        "hypot": "np.hypot({}, 1.0)", "cube": "({} ** 3)",
    }[form].format(inner())  # fmt: skip


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("number", range(40))
def test_random_models(number):
    rng = np.random.default_rng(number)
    k = int(rng.integers(2, 5))
    text = " + ".join(expression(rng, k, 3) for _ in range(2)) + " + 0.0 * x"
    f = eval(f"lambda b, x: {text}", {"np": np})
    with np.errstate(all="ignore"):
        for transform in (dd.jacfwd, lambda f: dd.jacfwd(f, (0, 1))):
            staged = [Staged(transform(f)), Staged(transform(f), options=Options(ALL - {"rows"}))]
            for i, point in enumerate(points(f, k)):
                try:
                    expected = transform(f)(*point)
                except Exception:
                    continue
                for one in staged:
                    found = one(*point)
                    for a, b in zip(*(x if type(x) is tuple else (x,) for x in (found, expected)), strict=True):
                        assert same(a, b), (text, i, point, a, b)


def test_not_where_a_stack_is_written_or_read_elsewhere(always):
    def written(b, x):
        v = b[0] * x
        v[1:] += b[1] * x[:-1]
        return v

    def joined(b, x):
        return np.concatenate([b[0] * x, b[1] * x**2])

    for f in (written, joined):
        agree(dd.jacfwd(f), *points(f, 2))


@pytest.mark.usefixtures("always")
def test_other_shapes_and_dtypes():
    table = lambda b, x: b[0] * np.exp(b[1] * x) + b[2]
    for x in (np.linspace(0, 1, 6).reshape(2, 3), np.asfortranarray(np.ones((3, 4))), np.ones((4, 6))[::2, ::3],
              np.array(2.0), np.zeros(0), np.ones((1, 1)), np.linspace(0.0, 1.0, 5)[::-1], np.arange(5)):  # fmt: skip
        agree(dd.jacfwd(table), (np.array([1.0, -0.5, 0.0]), x))
        agree(dd.jacfwd(table), (np.array([1.0, -0.5, 0.0], np.float32), x.astype(np.float32)))
        agree(dd.jacfwd(table, holomorphic=True), (np.array([1.0, 2j, 0.0]), x))
    agree(dd.jacfwd(dd.jacfwd(table)), (np.array([1.0, -0.5, 0.0]), AT_EDGE))
    agree(dd.hessian(lambda b, x: np.sum(table(b, x) ** 2)), (np.array([1.0, -0.5, 0.0]), AT_EDGE))


def test_saved_and_pickled(tmp_path):
    b, x = np.array([2.0, 0.1]), np.arange(1.0, 15.0)
    staged = stage(dd.jacfwd(misra1a))
    expected = staged(b, x)
    again = pickle.loads(pickle.dumps(staged.program(b, x)))
    assert same(again(b, x), expected)
    namespace = {"__file__": str(tmp_path / "jacobian.py")}
    exec(staged.save(tmp_path / "jacobian.py", b, x).read_text(), namespace)
    assert same(namespace["misra1a"](b, x), expected)
    with np.errstate(all="ignore"):
        for other in (0 * b, np.array([0.0, 1e4])):  # in a module zeros are no errors
            assert same(namespace["misra1a"](other, x), dd.jacfwd(misra1a)(other, x))


def test_a_zero_that_was_not_there_is_another_program_and_stays_one():
    b, x = np.array([2.0, 0.1]), np.arange(1.0, 15.0)
    staged = agree(dd.jacfwd(misra1a), (b, x), (b, x - 1.0), (b, x), (0.0 * b, x))
    for point in ((b, x), (b, x - 1.0), (b, x), (b, -x), (-0.0 * b, x)):
        assert same(staged(*point), dd.jacfwd(misra1a)(*point))
    careless, careful = staged.programs[1].text, staged.programs[0].text
    assert "count_nonzero" in careless
    assert "count_nonzero" not in careful
    assert len(staged.programs) == 2


def test_infinite_derivatives_are_those_of_the_unstaged_function():
    f = lambda b, x: np.sqrt(b[0] * x) + b[1] * x
    for x in (np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.0])):
        agree(dd.jacfwd(f), (np.array([1.0, 2.0]), x), (np.array([0.0, 2.0]), x), (np.array([1.0, np.inf]), x))
