"""Adapting: code that NumPy gives no hook for, differentiated as it is."""

import ast
import builtins
import cmath
import copy
import dataclasses
import functools
import gc
import importlib.util
import inspect
import itertools
import linecache
import math
import numbers
import os
import pickle
import random
import statistics
import subprocess
import sys
import textwrap
import threading
import traceback
import types
import warnings
import weakref
import zipfile
from collections.abc import Iterable, Sized
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd
from dualdiff.adapting import calls, entering, packages
from dualdiff.adapting.buffers import settled

X = np.array([0.5, 1.5, 2.0])


def five_points(f, x, step=1e-4):
    return (8 * (f(x + step) - f(x - step)) - (f(x + 2 * step) - f(x - 2 * step))) / (12 * step)


def agree(f, x=0.7):
    """Value and type of the plain function, first and second derivative against differences, in every mode."""
    plain = f(x)
    value = dd.jvp(f, (x,), (1.0,))[0]
    adapted = dd.adapt(f)(x)
    for found in (value, adapted):
        assert found == plain
        assert type(found) is type(plain) or isinstance(plain, np.ndarray)
    first = five_points(f, x)
    for transform in (dd.derivative, dd.grad, dd.jacfwd, dd.jacrev):
        assert_allclose(transform(f)(x), first, rtol=1e-7, atol=1e-8)
    second = five_points(lambda x: dd.derivative(f)(x), x)
    for outer, inner in itertools.product((dd.derivative, dd.grad), repeat=2):
        assert_allclose(outer(inner(f))(x), second, rtol=1e-6, atol=1e-7)


# Identity.


def plain_numpy(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2) + len(x)


def with_math(x):
    return math.sin(x)


def test_a_function_in_which_nothing_needs_help_is_itself():
    assert dd.adapt(plain_numpy) is plain_numpy
    assert dd.adapt(np.sin) is np.sin
    assert dd.adapt(len) is len


def test_adapting_twice_is_adapting_once():
    assert dd.adapt(with_math) is not with_math
    assert dd.adapt(dd.adapt(with_math)) is dd.adapt(with_math)
    written = dd.as_written(with_math)
    assert dd.adapt(written) is written


def test_the_adapted_function_is_for_everybody():
    @dd.adapt
    def f(x):
        """As it says."""
        out = np.zeros(2)
        out[0] = float(x)
        return out, [out], {"a": (out, 1)}

    assert f.__doc__ == "As it says."
    a, (b,), c = f(1.5)
    assert [type(part) for part in (a, b, c["a"][0])] == [np.ndarray] * 3
    assert dd.derivative(lambda x: f(x)[0].sum())(2.0) == 1.0


def test_what_is_not_a_function_is_refused_in_words():
    for make in (dd.adapt, dd.as_written, dd.stand_in):
        with pytest.raises(TypeError, match="function"):
            make(3.0)
    with pytest.raises(TypeError, match="replacement"):
        dd.stand_in(len)(3.0)


def test_as_written_and_the_environment_turn_it_off():
    def f(x):
        return math.sin(x)

    assert dd.derivative(f)(0.0) == 1.0
    with pytest.raises(TypeError, match="float"):
        dd.derivative(dd.as_written(f))(0.0)
    code = "import tests.test_adapting as t; import dualdiff as dd; dd.derivative(t.with_math)(0.0)"
    environment = {**os.environ, "DUALDIFF_ADAPT": "0"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert "the derivative would be lost" in done.stderr


def test_a_stand_in_of_ones_own():
    compiled = types.MethodType(math.pow, 2.0)  # no source at hand

    @dd.stand_in(compiled)
    def differentiable(x):
        return 2.0**x

    assert dd.derivative(lambda x: compiled(x))(0.3) == pytest.approx(2.0**0.3 * math.log(2.0))


# Kinds that are easily silently wrong.


class Box:
    """A class of the user's: constructor, property, method, call."""

    def __init__(self, a):
        self.a = float(a)
        self.memory = np.zeros(3)

    @property
    def square(self):
        return math.pow(self.a, 2)

    @functools.cached_property
    def cube(self):
        return math.pow(self.a, 3)

    def run(self, x):
        self.memory[1] = x * self.square * self.__private(x)
        return self.memory

    def __private(self, x):
        return math.exp(x)

    def __call__(self, x):
        return math.exp(x) * self.cube


class Derived(Box):
    @property
    def square(self):
        return super().square * 2

    def run(self, x):
        return super().run(x)[1]


DISPATCH = {float: lambda t: math.sin(t), np.float64: lambda t: math.cos(t)}


@functools.cache
def cached(x):
    return math.exp(x)


@np.vectorize
def vectorized(x):
    return math.exp(x) if x > 0 else 0.0


class np_of_the_users:
    """No NumPy, though it may be called so."""

    @staticmethod
    def sin(x):
        return math.sin(x)


def kinds():
    def type_is_float(x):
        return x**2 if type(x) is float else x

    def type_is_numpys(x):
        y = np.sin(x)
        return y**2 if type(y) is np.float64 else y

    def class_attribute(x):
        return x**2 if x.__class__ is float else x

    def numbers_real(x):
        return x**2 if isinstance(x, numbers.Real) and isinstance(x, (int, float)) else x

    def looked_up_by_type(x):
        return DISPATCH[type(x)](x) * DISPATCH[type(np.float64(x))](x)

    def has_length(x):
        return x if hasattr(x, "__len__") or isinstance(np.float64(x), (Iterable, Sized)) else x**2

    def is_scalar(x):
        return x**2 if np.isscalar(np.float64(x)) else x

    def is_array(x):
        return x**2 if isinstance(np.asarray([x]), np.ndarray) and isinstance(np.zeros(1), np.ndarray) else x

    def matched(x):
        match x:
            case float(y):
                z = y**2
            case _:
                z = x
        match np.array([z]):
            case np.ndarray():
                return z**2
            case _:
                return x

    def matched_by_number(x):
        match x:
            case numbers.Real():
                return math.sin(x)
            case _:
                return x

    def complex_numbers(x):
        return abs(complex(x, x * x) + complex(imag=x, real=1) * complex(x))

    def complex_of_negative_zero(x):
        return complex(-0.0, x).imag + math.copysign(1.0, complex(x - x - 0.0, -0.0).imag) * x

    def whole_numbers(x):
        return int(x * 3) * x + round(x) * x + math.floor(x * 5) * x + np.int64(x * 3) * x + round(x, 0) * x

    def conversions(x):
        return float(np.float64(x) * np.float64(float(x)) + np.array(x, dtype=float) * np.array([x]).item())

    def arrays(x):
        b = np.asarray([x, 1.0], dtype=float)
        b[1] = x * x
        c = np.ascontiguousarray([[x, 1], [2, x]], dtype=np.float64)
        return np.array(b, dtype=float).sum() * c.prod() + np.asanyarray([x]).sum()

    def made_arrays(x):
        w = np.arange(3.0)
        made = np.arange(x, x + 3.2).sum() + np.full(3, x).sum() + np.full_like(w, x * x).sum()
        return made + np.fromiter((x * i for i in range(3)), float).sum() + np.eye(2).copy().sum()

    def functions_of_functions(x):
        total = functools.reduce(lambda a, b: a + math.sin(b), map(float, [x, x * x]), 0.0)
        total += max([x, x * x], key=lambda t: -math.sin(t)) + sorted([x, 2 * x], key=lambda t: math.cos(t))[0]
        total += sum(filter(lambda t: math.sin(t) > 0, [x, -x])) + functools.partial(math.pow, 2)(x)
        numbers = [x, -x]
        numbers.sort(key=lambda t: math.sin(t))
        return total + numbers[1] + list(itertools.accumulate([x, x], lambda a, b: a * math.exp(b)))[1]

    def caches(x):
        cached(0.7)
        return cached(x) * x

    def loops_over_entries(x):
        f = np.vectorize(lambda t: math.sin(t) if t > 0 else 0.0, otypes=[float])
        return f(np.array([x, 1.0])).sum() + vectorized(np.array([x, 2 * x])).sum() + vectorized(x)

    def along_an_axis(x):
        return np.apply_along_axis(lambda row: math.sin(row[0]) * row[1], 1, np.array([[x, 1.0], [2.0, x]])).sum()

    def classes(x):
        return Box(x).square + Derived(x).run(x) + Box(1.0)(x) + Box(x).run(x)[1]

    def nested_transforms(x):
        return float(dd.derivative(lambda t: math.sin(t) * x)(0.5) + dd.grad(lambda t: math.exp(t * x))(0.25))

    def users_np(x):
        np = np_of_the_users
        return np.sin(x) + np_of_the_users().sin(x)

    def local_imports(x):
        from math import exp as e
        from statistics import fmean

        return e(x) * fmean([x, 1.0])

    def generators(x):
        def produce(n):
            for i in range(n):
                yield math.sin(i * x)

        return sum(produce(3)) + sum(math.cos(i * x) for i in range(3)) + sum([math.exp(x) for _ in range(2)])

    def closures(x):
        total = 0.0

        def add(t):
            nonlocal total
            total += math.sin(t)

        for i in range(3):
            add(x * i)
        return total

    def coroutines(x):
        async def sine():
            return math.sin(x)

        task = sine()
        try:
            task.send(None)
        except StopIteration as stop:
            return stop.value

    def in_a_thread(x):
        found = []
        thread = threading.Thread(target=lambda: found.append(math.sin(x)))
        thread.start()
        thread.join()
        return found[0]

    return [function for function in locals().values() if callable(function)]


@pytest.mark.parametrize("f", kinds(), ids=lambda f: f.__name__)
def test_the_branch_taken_and_the_number_are_those_of_plain_numpy(f):
    agree(f)


def test_a_function_whose_code_was_replaced_is_viewed_anew():
    def f(x):
        return math.sin(x)

    def g(x):
        return math.exp(x)

    assert dd.derivative(f)(0.0) == 1.0
    f.__code__ = g.__code__
    assert dd.derivative(f)(2.0) == math.exp(2.0)


def test_defaults_may_change():
    def f(x, *, k=2.0, n=1):
        return math.sin(k * x)

    assert dd.derivative(f)(0.0) == 2.0
    f.__kwdefaults__ = {"k": 3.0, "n": 1}
    assert dd.derivative(f)(0.0) == 3.0


def test_a_global_that_means_another_module_now(tmp_path):
    module = module_of(tmp_path, "renamed", "import numpy as np\ndef f(x):\n    return np.sin(x)\n")
    assert dd.derivative(module.f)(0.0) == 1.0
    module.np = np_of_the_users
    assert dd.derivative(module.f)(0.0) == 1.0


def test_a_refusal_that_code_swallowed_raises_at_the_end():
    import struct

    def f(x):
        try:
            struct.pack("d", x)
        except Exception:
            return 1.0
        return x

    for transform in (dd.derivative, dd.grad, dd.jacfwd):
        with pytest.raises(TypeError, match="refused, by an error that did not come out"):
            transform(f)(1.0)
    assert dd.derivative(lambda x: f(x) * x)(2.0) == 1.0  # something carries a derivative


# Mathematics.

POINTS = {"acosh": [1.5], "gamma": [0.7, 1.5, -0.3, 4.5], "lgamma": [0.7, 1.5, -0.3, 14.5]}
OF_ONE = (
    "acos acosh asin asinh atan atanh cbrt cos cosh degrees erf erfc exp exp2 expm1 fabs gamma lgamma log log10 log1p "
    "log2 radians sin sinh sqrt tan tanh"
)


@pytest.mark.parametrize("name", OF_ONE.split())
def test_functions_of_math(name):
    f = getattr(math, name)
    for x in POINTS.get(name, [0.3, 0.7]):
        agree(lambda x: f(x), x)
    for x in np.random.default_rng(0).uniform(1.0 if name == "acosh" else 0.0, 2.0 if name == "acosh" else 1.0, 50):
        assert dd.jvp(lambda x: f(x), (float(x),), (1.0,))[0] == f(x)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: math.log(x, 3),
        lambda x: math.log(3, x),
        lambda x: math.log(x, x + 2),
        lambda x: math.atan2(x, 2) + math.atan2(1, x),
        lambda x: math.pow(x, x),
        lambda x: math.fmod(x, 0.3) + math.fmod(-x, 0.3) + math.fmod(2.0, x),
        lambda x: math.remainder(x, 0.3) + math.remainder(2, x),
        lambda x: math.hypot(x, 2, x * x),
        lambda x: math.dist([x, 1], (x * x, 3)),
        lambda x: math.fsum([x, x * x, 1]) + math.fsum(x * i for i in range(3)),
        lambda x: math.prod([x, x, 3], start=x),
        lambda x: math.modf(x * 3)[0] + math.frexp(x * 3)[0] + math.ldexp(x * x, 3),
        lambda x: math.copysign(x, -1.0) * x,
        lambda x: cmath.exp(1j * x).real + abs(cmath.sqrt(x - 2)) + cmath.log(complex(x, 1), 3).real,
        lambda x: cmath.phase(complex(x, 1)) + cmath.polar(complex(1, x))[0] + cmath.rect(x, x).imag,
        lambda x: statistics.correlation([x, x * x + 2, 3.1, 5.2], [1, 2, x, 3.0]),
        lambda x: statistics.variance([x, 2.0, 3.0], 1.5) + statistics.fmean([x, 1.0], weights=[2.0, x]),
    ],
)
def test_functions_of_several_numbers(f):
    agree(f, 0.55)


AVERAGES = "mean fmean variance pvariance stdev pstdev geometric_mean harmonic_mean median median_low median_high"


@pytest.mark.parametrize("name", AVERAGES.split())
def test_statistics(name):
    f = getattr(statistics, name)
    agree(lambda x: f([x, x * x + 2, 3.1]))
    agree(lambda x: f([x, x * x + 2, 3.1, 5.2]))


@pytest.mark.parametrize(
    "f", [math.sin, math.erf, math.gamma, float, lambda v: math.fsum([v, v * v]), lambda v: abs(complex(v, 1.0))]
)
def test_captured_variables_keep_their_derivative(f):
    v = dd.Variable(0.7)

    y = dd.grad(lambda x: f(v) * x)(2.0)
    y.backward()

    plain = f(0.7)
    assert y.value == plain
    assert_allclose(v.grad, five_points(f, 0.7), rtol=1e-8)


def test_buffers_as_arguments_of_inner_transforms():
    def f(x):
        b = np.ones(3)
        constant = dd.grad(lambda b: math.sin(b[0]) * b[1] ** 2)(b)
        b[0] = x
        return dd.grad(lambda b: math.sin(b[0]) * b[1] ** 2)(b)[0] + constant[1] * x

    agree(f)


def test_domain_errors_are_those_of_math():
    for call, error in ((lambda x: math.sqrt(x), ValueError), (lambda x: math.exp(-1e3 * x), OverflowError)):
        with pytest.raises(error) as plain:
            call(-1.0)
        with pytest.raises(error) as found:
            dd.derivative(call)(-1.0)
        assert str(plain.value) == str(found.value)


def test_what_is_asked_of_a_number_is_plain():
    def f(x):
        answers.append((math.isnan(x), math.isclose(x, 2.0), math.isfinite(x), math.ceil(x), math.trunc(x)))
        return x * 1.0

    answers = []
    dd.derivative(f)(2.0)
    assert answers == [(False, True, True, 2, 2)]


# SciPy.


def scipy_calls():
    import scipy.integrate
    import scipy.interpolate
    import scipy.linalg
    import scipy.special
    from scipy import stats
    from scipy.stats import norm

    frozen = norm(1, 2)
    cubic = scipy.interpolate.CubicSpline([0, 1, 2, 3.0], [1, 2, 0, 1.0])
    spline = scipy.interpolate.make_interp_spline([0, 1, 2, 3.0], [1, 2, 0, 1.0])
    fitted = scipy.interpolate.UnivariateSpline([0, 1, 2, 3.0], [1, 2, 0, 1.0], s=0)
    knots = scipy.interpolate.splrep([0, 1, 2, 3.0], [1, 2, 0, 1.0])
    linear = scipy.interpolate.interp1d([0, 1, 2, 3.0], [1, 2, 0, 1.0])
    grid = scipy.interpolate.RegularGridInterpolator(([0, 1.0], [0, 1.0]), np.eye(2))
    return [
        lambda x: norm.logpdf(x, 1, 2) + stats.gamma.logpdf(x, a=2.5),
        lambda x: norm(1, 2).logpdf(x) + norm(x, 2).logpdf(0.4) + norm(loc=x, scale=2).cdf(0.4),
        lambda x: frozen.pdf(x),
        lambda x: stats.gennorm.logpdf(x, 1.5) + stats.burr.logpdf(x, 1.5, 2.0),  # private densities, viewed
        lambda x: stats.poisson.logpmf(3, x),
        lambda x: stats.multivariate_normal.logpdf([x, 1.0], [0, 0.0], np.eye(2)),
        lambda x: stats.multivariate_normal([0, 0.0], np.eye(2)).logpdf([x, 1.0]),
        lambda x: scipy.linalg.expm(np.array([[x, 1], [2, x * x]])).sum(),
        lambda x: scipy.linalg.solve(np.array([[x, 1], [2, x * x]]), np.array([1, 2.0]))[0],
        lambda x: scipy.special.logsumexp([x, 1, x * x]) + scipy.special.softmax(np.array([x, 1.0]))[0],
        lambda x: scipy.integrate.trapezoid(np.array([x, x * x, 1.0])),
        lambda x: scipy.integrate.fixed_quad(lambda t: t * x, 0, 1)[0],
        lambda x: cubic(x) * cubic.derivative()(x) + cubic.integrate(0, x),
        lambda x: spline(x) * fitted(x) * scipy.interpolate.splev(x, knots) * linear(x),
        lambda x: scipy.interpolate.CubicSpline([0, 1, 2, 3.0], [1, 2, x, 1.0])(x),
        lambda x: scipy.interpolate.interp1d([0, 1, 2, 3.0], [1, x, 0, 1.0])(1.2),
        lambda x: grid([x, 0.4])[0],
    ]


@pytest.mark.parametrize("number", range(17))
def test_functions_of_scipy_as_they_are(number):
    f = scipy_calls()[number]

    for transform in (dd.derivative, dd.grad):
        assert_allclose(transform(f)(0.3), five_points(f, 0.3), rtol=1e-7, atol=1e-8)
    assert_array_equal(dd.jvp(f, (0.3,), (1.0,))[0], f(0.3))


# The law: on arguments that carry nothing, what the original does.

ARGUMENTS = [
    0, 1, 2, -1, True, 0.5, -0.0, 2.5, -1.5, math.inf, math.nan, 1 + 2j, "1.5", "abc", b"2", None, [], [1.0, 2.0],
    [1, 2, 3], (0.25, 0.5), [[1.0, 2.0], [3.0, 4.0]], np.arange(4.0), np.eye(2), np.float64(1.5), np.float32(0.25),
    np.int64(3), np.array(2.0), np.array([1, 2]), np.array(["a"]), float, int, "float", np.float32, (2, 3), {"a": 1},
    len, np.array([0.5]), np.array([1 + 1j]),
]  # fmt: skip
KEYWORDS = ["key", "dtype", "imag", "real", "base", "order", "start", "rel_tol", "initial", "count", "ndigits", "copy"]
UNSET = {np.empty, np.empty_like}  # memory as it comes


def law_cases():
    packages.arrive()
    if arrive := calls.PACKAGES.get("statistics"):
        arrive()
    return [
        (original, replacement)
        for original, replacement in calls.ORIGINALS
        if original not in UNSET and getattr(original, "__module__", "").partition(".")[0] not in ("scipy", "tests")
    ]


def outcome(f, args, kwargs):
    """What a call gives, or raises, and the warnings on its way."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            result = settled(f(*args, **kwargs))
            if hasattr(result, "__next__"):
                result = (type(result), list(itertools.islice(result, 20)))
        except Exception as error:
            result = ("raised", type(error), str(error))
    return result, [(str(one.message), one.category) for one in seen]


def is_same(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.strides == b.strides and repr(a) == repr(b)
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(is_same, a, b))
    return " at 0x" in repr(a) or repr(a) == repr(b)


@pytest.mark.parametrize(
    ("original", "replacement"), [pytest.param(*case, id=getattr(case[0], "__name__", "?")) for case in law_cases()]
)
def test_on_plain_arguments_a_stand_in_is_its_original(original, replacement):
    draw = random.Random(0)
    for _ in range(250):
        args = [draw.choice(ARGUMENTS) for _ in range(draw.choice([0, 1, 1, 1, 2, 2, 2, 3, 4]))]
        kwargs = {draw.choice(KEYWORDS): draw.choice(ARGUMENTS)} if draw.random() < 0.2 else {}
        if original is type and len(args) == 3:
            continue
        plain = outcome(original, *copy.deepcopy((args, kwargs)))
        found = outcome(replacement, *copy.deepcopy((args, kwargs)))
        assert is_same(plain[0], found[0]), (args, kwargs, plain, found)
        assert plain[1] == found[1]


# Exactness.


def module_of(tmp_path, name, source):
    file = tmp_path / f"{name}.py"
    file.write_text(textwrap.dedent(source))
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_edited_source_is_left_as_written_and_says_so(tmp_path):
    module = module_of(tmp_path, "edited", "import math\n\ndef f(x):\n    return math.sin(x)\n")
    (tmp_path / "edited.py").write_text("import math\n\ndef f(x):\n    return math.cos(x)\n")
    linecache.checkcache()

    with pytest.raises(TypeError, match="the derivative would be lost") as caught:
        dd.derivative(module.f)(0.0)
    assert any("f runs as written (its source differs" in note for note in caught.value.__notes__)


def test_lines_moved_by_an_edit_are_left_as_written_too(tmp_path):
    module = module_of(tmp_path, "moved", "import math\n\ndef f(x):\n    return math.sin(x)\n")
    (tmp_path / "moved.py").write_text("import math\n\n\n\ndef f(x):\n    return math.sin(x)\n")
    linecache.checkcache()

    with pytest.raises(TypeError, match="the derivative would be lost"):
        dd.derivative(module.f)(0.0)


def test_executed_code_has_no_source():
    space = {}
    exec("import math\ndef f(x):\n    return math.sin(x)", space)

    with pytest.raises(TypeError, match="the derivative would be lost") as caught:
        dd.derivative(space["f"])(0.0)
    assert any("no source" in note for note in caught.value.__notes__)


def test_sources_of_every_shape(tmp_path):
    module = module_of(
        tmp_path,
        "shapes",
        """
        from __future__ import annotations
        import functools, math
        try:
            import numpy as np
        except ImportError:
            np = None
        from os import (
            path,
        )

        two = lambda x: math.sin(x), lambda x: math.exp(x)
        text = '''
        def f(x):
            return 1
        '''

        def decorate(scale=1.0):
            def around(f):
                @functools.wraps(f)
                def inner(*args: Unknown) -> Unknown:
                    return f(*args) * scale
                return inner
            return around

        @decorate(
            scale=float(2),
        )
        def decorated(x):
            b = np.zeros(1)
            b[0] = math.sin(x)
            return b[0]

        class Outer:
            class Inner:
                def __hidden(self, x):
                    return math.sin(x)
                def shown(self, x):
                    f = lambda t: self.__hidden(t)
                    return [f(t) for t in [x]][0] + sum(math.sin(i * x) for i in range(2))
                @staticmethod
                def static(x): return math.sin(x)
                @classmethod
                def of_class(cls, x): return cls.static(x)

        if True:
            def in_a_block(x):
                return math.sin(x)
        else:
            pass; a = 1; short = lambda x: math.sin(x)
        b = 2; late = lambda x: math.sin(x); c = 3
        def with_default(x, f=math.sin): return f(x)
        def text_of(x): return math.sin(x) if f"{x:.2f}{math.floor(x)}" else 0
        """,
    )
    inner = module.Outer.Inner()
    assert dd.derivative(module.two[0])(0.0) == 1.0
    assert dd.derivative(module.two[1])(2.0) == math.exp(2.0)
    assert dd.derivative(module.decorated)(0.0) == 2.0
    assert dd.derivative(inner.shown)(0.0) == 2.0
    for f in (inner.static, inner.of_class, module.in_a_block, module.late, module.with_default, module.text_of):
        assert dd.derivative(f)(0.0) == 1.0


def test_functions_with_asserts_under_pytest():
    def f(x):
        assert x > 0
        return math.sin(x)

    assert dd.derivative(f)(0.5) == np.cos(0.5)


def test_zipped_modules(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "zipped.zip", "w") as archive:
        archive.writestr("inside_the_zip.py", "import math\ndef f(x):\n    return math.sin(x)\n")
    monkeypatch.syspath_prepend(str(tmp_path / "zipped.zip"))
    module = importlib.import_module("inside_the_zip")

    assert dd.derivative(module.f)(0.0) == 1.0


def test_cells_of_a_notebook():
    space = {"__name__": "__main__"}
    for number, cell in enumerate(["import math, numpy as np", "def f(x):\n    return np.sum(math.sin(x))"]):
        name = f"<ipython-input-{number}-abc>"
        linecache.cache[name] = (len(cell), None, cell.splitlines(True), name)
        for statement in ast.parse(cell).body:  # each statement by itself, as IPython does
            exec(compile(ast.Module([statement], []), name, "exec"), space)

    assert dd.derivative(space["f"])(0.0) == 1.0


# Isolation, debugging, pickling, growth.


def attributes():
    modules = [np, math, cmath, builtins, functools, itertools, statistics, sys.modules[__name__]]
    return {(m.__name__, name): id(value) for m in modules for name, value in vars(m).items() if name != "warnings"}


def test_nothing_of_anybody_is_changed():
    before, names = attributes(), set(vars(Box))
    code = with_math.__code__
    dd.derivative(lambda x: Derived(x).run(x) + with_math(x) + cached(x))(0.5)
    after = attributes()

    assert before == {key: after[key] for key in before}
    assert before.keys() == after.keys()
    assert set(vars(Box)) == names
    assert with_math.__code__ is code
    assert with_math.__dict__ == {}


def test_threads_that_mix_plain_and_transformed_calls():
    def f(x):
        b = np.zeros(3)
        for i in range(3):
            b[i] = math.sin(x * i)
        return b.sum()

    wrong = []
    expected = five_points(f, 0.5)

    def work():
        for _ in range(50):
            wrong.append(abs(dd.grad(f)(0.5) - expected) > 1e-8)
            wrong.append(type(f(0.5)) is not np.float64)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wrong) == 400
    assert not any(wrong)


def test_a_traceback_shows_the_users_own_line_and_columns():
    def f(x):
        y = np.zeros(2)
        return math.sqrt(x) + y[7]

    with pytest.raises(IndexError) as plain:
        f(1.0)
    with pytest.raises(IndexError) as found:
        dd.derivative(f)(1.0)

    def place(error):
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.name == "f"]
        return [(frame.filename, frame.lineno, frame.colno, frame.end_lineno, frame.end_colno) for frame in frames]

    assert place(plain.value) == place(found.value) != []


def test_source_and_signature_are_the_users():
    assert inspect.getsource(dd.adapt(with_math)) == inspect.getsource(with_math)
    assert inspect.signature(dd.adapt(with_math)) == inspect.signature(with_math)


def test_transforms_and_adapted_functions_are_pickled_by_the_function():
    assert pickle.loads(pickle.dumps(dd.grad(with_math)))(0.0) == 1.0
    assert pickle.loads(pickle.dumps(dd.adapt(with_math)))(0.0) == 0.0


def test_many_functions_leave_nothing_behind():
    def made(k):
        return lambda x: math.sin(x * k)

    dd.derivative(made(0))(0.0)
    f = made(1)
    gone = weakref.ref(f)
    dd.derivative(f)(0.0)
    dd.adapt(f)(0.0)
    del f
    gc.collect()
    assert gone() is None
    size = len(calls.PLANS.known), len(entering._adapted_of), len(calls.KNOWN), len(calls.CONSTRUCTORS)
    for k in range(10_000):
        dd.adapt(made(k))
    gc.collect()
    assert (len(calls.PLANS.known), len(entering._adapted_of), len(calls.KNOWN), len(calls.CONSTRUCTORS)) == size


def classes_made():
    class OfSuper(Box):
        def __init__(self, v):
            super().__init__(v)
            self.b = np.zeros(1)
            self.b[0] = math.sin(v)

    class OfNew:
        def __new__(cls, v):
            made = super().__new__(cls)
            made.b = [math.sin(v)]
            return made

    @dataclasses.dataclass
    class Written:
        v: float

        def __post_init__(self):
            self.b = [math.sin(self.v)]

    return OfSuper, OfNew, Written


def test_many_classes_leave_nothing_behind():
    def f(x, cls):
        return cls(x).b[0]

    def used():
        for cls in classes_made():
            assert dd.derivative(functools.partial(f, cls=cls))(0.0) == 1.0

    used()
    gc.collect()
    size = len(calls.PLANS.known), len(calls.CONSTRUCTORS)
    for _ in range(100):
        used()
    gc.collect()
    assert (len(calls.PLANS.known), len(calls.CONSTRUCTORS)) == size


@pytest.mark.parametrize("number", range(3))
def test_an_error_in_the_arguments_of_a_constructor_is_pythons_own(number):
    cls = classes_made()[number]

    def f(x):
        return cls(x, 1, 2)

    with pytest.raises(TypeError) as plain:
        f(1.0)
    with pytest.raises(TypeError) as found:
        dd.adapt(f)(1.0)
    assert str(found.value) == str(plain.value)


def test_the_table_lists_stand_ins():
    done = subprocess.run(
        [sys.executable, "-m", "dualdiff", "float", "math.erf", "np.zeros"], capture_output=True, text=True,
        cwd=Path(dd.__file__).parents[1],
    )  # fmt: skip
    assert "math.erf" in done.stdout
    assert "stand-in" in done.stdout


@pytest.mark.parametrize("make", [float, np.float64, np.array])
def test_a_vectorized_function_of_a_number_is_an_array_of_no_dimension(make):
    def f(x):
        y = np.vectorize(lambda q: float(q) * 2.0, otypes=[float])(x)
        y[()] = y[()] * y
        return y * 1.0

    x = make(1.5)
    assert type(np.vectorize(float, otypes=[float])(x)) is np.ndarray
    for y, slope in (dd.jvp(f, (x,), (make(1.0),)), dd.value_and_grad(f)(x)):
        assert (float(y), float(slope)) == (9.0, 12.0)
    assert type(dd.jvp(lambda x: np.vectorize(float, otypes=[float])(x), (x,), (make(1.0),))[0]) is np.ndarray
