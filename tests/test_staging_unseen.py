"""What a record of NumPy's calls does not hold, and a function may depend on all the same."""

import fractions
import io
import math
import warnings

import numpy as np
import pytest

import dualdiff as dd
from dualdiff.pytrees.trees import flatten
from dualdiff.staging.staged import same
from tests.staged_programs import MODES
from tests.test_staging import X, copies

FLOATS = (0.5, -0.5, 2.0, 0.0, -3.7, 1e200, math.inf, math.nan)


def check_each_first(f, *calls, modes=("plain", "jvp", "vjp"), copied=copies):
    """Whichever call is traced first, each gives what the function gives."""
    for mode in modes:
        g = MODES[mode](f)
        for k in range(len(calls)):
            staged = dd.stage(g)
            for args in (*calls[k:], *calls[:k], calls[k]):
                with warnings.catch_warnings(), np.errstate(all="ignore"):
                    warnings.simplefilter("ignore")
                    try:
                        expected = g(*copied(args))
                    except Exception as error:
                        with pytest.raises(type(error)):
                            staged(*copied(args))
                        continue
                    found = staged(*copied(args))
                a, b = flatten(expected)[0], flatten(found)[0]
                assert len(a) == len(b)
                assert all(map(same, a, b)), (mode, args, expected, found)


# Errors that the function catches.


def caught(f, error, otherwise):
    def run(*args):
        try:
            return f(*args)
        except error:
            return otherwise(*args)

    return run


@pytest.mark.parametrize(
    "f",
    [math.sqrt, math.log, math.acos, lambda x: int(x) * x, lambda x: 1.0 / x, lambda x: math.exp(x * 1000.0)],
)
@pytest.mark.parametrize("kind", [float, np.float64])
def test_errors_of_numbers_that_are_caught(f, kind):
    f = caught(f, (ValueError, ArithmeticError), lambda x: 3.0 * x)
    check_each_first(f, *((kind(x),) for x in FLOATS))


def test_errors_of_places_that_are_caught():
    f = caught(lambda x, i: x[i] * 2.0, IndexError, lambda x, i: np.zeros(2))
    check_each_first(f, *((X, np.int64(i)) for i in (0, 5, 2, -7)), modes=["plain"])
    check_each_first(f, *((X, np.array(i)) for i in ([0, 2], [0, 5], [-7, 1])), modes=["plain"])

    def write(x, i):
        v = x * 1.0
        v[i] = 7.0
        return v

    f = caught(write, IndexError, lambda x, i: x)
    check_each_first(f, *((X, np.int64(i)) for i in (5, 0, -7)), modes=["plain"])


@pytest.mark.parametrize(
    ("f", "values"),
    [
        (lambda i: np.bincount(i, minlength=4), ([-1, 1], [1, 2])),
        (lambda i: np.array([2, 3]) ** i, ([-1, 1], [1, 2])),
        (lambda i: np.percentile(X, i), ([150, 20], [20, 30])),
        (lambda i: np.repeat(X[:2], i), ([-1, 2], [2, 1])),
    ],
)
def test_errors_of_arrays_that_are_caught(f, values):
    f = caught(f, ValueError, lambda i: i * 0)
    check_each_first(f, *((np.array(i),) for i in values), modes=["plain"])


# Warnings that the function heeds.


def warned(x):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with np.errstate(all="warn"):
            try:
                return np.log(x)
            except RuntimeWarning:
                return x * 0.0 + 5.0


def recorded(x):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        with np.errstate(all="warn"):
            y = np.log(x)
    return y * (2.0 + len(seen))


@pytest.mark.parametrize("f", [warned, recorded])
def test_warnings_as_errors_and_recorded(f):
    check_each_first(f, (X**2,), (X,), (X * 0.0,), (X**4,))


def test_warnings_that_are_silenced_do_not_matter():
    def f(x):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.log(x)

    check_each_first(f, (X**2,), (X,))
    assert dd.stage(f).program(X**2).lines


# Types that depend on values.


@pytest.mark.parametrize("kind", [float, np.float64])
def test_powers_of_negative_numbers(kind):
    def f(x):
        y = x**0.5
        return y * 2.0 if isinstance(y, float) else 0.0 * x

    def g(x, y):
        z = x**y
        return z.real if type(z) is complex else 2.0 * z

    check_each_first(f, *((kind(x),) for x in (4.0, -4.0, 9.0)))
    check_each_first(g, *((kind(x), kind(y)) for x, y in ((4.0, 0.5), (-4.0, 0.5), (-4.0, 2.0), (9.0, 0.5))))


def test_the_smallest_dtype_of_a_number():
    check_each_first(lambda x: x.astype(np.min_scalar_type(x.max())), (X,), (X * 1e308,), modes=["plain"])


def test_truth_values_as_numbers():
    for kind in (float, np.float64):
        check_each_first(lambda x: (x > 0) * 1.0, (kind(0.5),), (kind(-0.5),))
        check_each_first(lambda x: 1.0 * x + (x > 0) * 1.0, (kind(0.5),), (kind(-0.5),))
    assert dd.stage(lambda x: (x > 0) * 1.0 + 1.0 * x).program(0.5).lines


# Text.


@pytest.mark.parametrize("text", [np.array2string, np.array_str, np.array_repr, repr, lambda x: f"{x!r}"])
def test_the_length_of_a_text(text):
    check_each_first(lambda x: x * len(text(x)), (X * 0.0,), (X,), (X * 1e5,), (X / 3.0,))


# Whose memory.


def test_one_array_for_two_arguments():
    def kernel(a, b):
        k = np.outer(a, b)
        return k + np.eye(len(a)) if a is b else k

    def twice(trees):
        return 2.0 if trees[0]["a"] is trees[1]["a"] else 1.0

    def one(args):  # copies that are one array where the arguments are
        made = {id(a): np.copy(a) for a in args}
        return tuple(made[id(a)] for a in args)

    check_each_first(kernel, (X, -X), (X, X), (X, X * 2.0), (-X, -X), copied=one)
    check_each_first(lambda a, b: twice([{"a": a}, {"a": b}]) * a, (X, -X), (X, X), (X, -X), copied=one)
    staged = dd.stage(kernel)
    for _ in range(3):  # behind the entrance, too
        assert same(staged(X, -X), kernel(X, -X))
        assert same(staged(X, X), kernel(X, X))
    assert len(staged.programs) == 2


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: x * (2.0 if np.shares_memory(x, y) else 1.0),
        lambda x, y: x * (2.0 if x.flags.writeable else 1.0),
        lambda x, y: x * (2.0 if x.flags["OWNDATA"] else 1.0),
        lambda x, y: x * (2.0 if x.base is None else 1.0),
    ],
)
def test_what_is_asked_of_the_memory_of_arguments(f):
    def calls(args):
        x, y = X.copy(), X.copy()
        if args == "a view":
            x, y = (whole := np.tile(X, 2))[:3], whole[1:4]
        x.flags.writeable = args != "read-only"
        return x, y

    check_each_first(f, "apart", "a view", "read-only", copied=calls)


def test_an_argument_that_cannot_be_written():
    def f(x):
        x[0] = 3.0
        return x * 2.0

    def calls(args):
        x = args[0].copy()
        x.flags.writeable = args[1]
        return (x,)

    check_each_first(f, (X, True), (X, False), (-X, True), copied=calls)


def test_the_owner_of_a_view_is_no_constant():
    def f(x):
        y = x * 1.5
        y[1:].base[0] = 7.0
        return y[1:].base * y[0]

    check_each_first(f, (X,), (-X,))


# Names.


def test_arguments_that_are_named_like_what_a_program_needs():
    def f(probe, start, block):
        return probe * start + np.sum(np.sin(block))

    def g(x, x_, v0, K0, np_, float, abs):
        return x**2 * x_ + v0 * K0 * abs + float * np_

    check_each_first(dd.grad(f), (2.0, 3.0, X), (1.0, -1.0, -X), modes=["plain"])
    check_each_first(dd.grad(g, argnums=(0, 1)), (2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0), modes=["plain"])

    def h(start, block, x):
        for _ in range(3):
            x = np.sin(x) * 2.0 + 1.0
        return x[:2] * start * block

    check_each_first(h, (2.0, 3.0, np.linspace(0, 1, 100_000)), modes=["plain"])


def test_a_number_of_numpys_goes_to_the_numpy_program_as_it_is():
    numbers = [(np.float64(x),) for x in FLOATS]
    check_each_first(lambda x: 1.0 / x, *numbers)
    check_each_first(lambda x: x**0.5 + 1.0, *numbers)
    check_each_first(lambda x: x * 1e200 * x, *numbers)


def test_questions_about_a_value():
    def f(x):
        scale = 2.0 if np.isscalar(x) else 3.0
        scale *= 5.0 if hasattr(x, "dtype") else 7.0
        return x * scale * (11.0 if np.iterable(x) else 13.0)

    for kind in (float, np.float64, np.float32, np.array, lambda x: np.array([x])):
        check_each_first(f, (kind(0.0),), (kind(0.5),), (kind(-2.0),))


# Numbers, in the text of a program in floats.


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.array([[x[0], 1], [2, x[1]]]),
        lambda x: np.array([[x[0], x[1]], [1, 2]]),
        lambda x: np.stack([x[0], 1, 2.5, np.float64(3)]),
        lambda x: np.concatenate([x, [1, 2], [0.5, -0.0]]),
        lambda x: np.hstack([x, 1]) + np.tile([2, x[0]], 2),
        lambda x: np.take([x[0], 5], [1, 0]) + np.repeat([x[1], 2], [1, 1]),
        lambda x: np.stack(arrays=[x[0], 1]),
    ],
)
def test_whole_numbers_among_others(f):
    check_each_first(f, (X * np.inf,), (X,), (-X,), modes=["plain", "vjp"])


@pytest.mark.parametrize("name", ["exp", "log", "sinh", "tan", "arctan", "log1p", "sin", "arctan2", "power", "hypot"])
def test_functions_that_round_in_another_way_for_other_sizes_and_layouts(name):
    function = getattr(np, name)
    f = function if function.nin == 1 else lambda x: function(x, x[::-1])
    points = [np.linspace(0.3, 1.9, 7) * scale for scale in (1.0, 1.7, 1e-9, 5.0)]
    check_each_first(lambda x: f(x) + f(x[::-1]), *((x,) for x in points))
    check_each_first(f, *((x[::-1],) for x in points), copied=lambda args: (args[0][::-1].copy()[::-1],))
    if function.nin == 1:
        check_each_first(f, *((np.float64(10.0**k),) for k in np.linspace(-200, 200, 9)))
    else:
        constant = points[1][::-1]
        check_each_first(lambda x: function(x, constant), *((x,) for x in points))


# Views of which values say where they are.


def test_a_part_between_zeros_is_elsewhere():
    def f(x):
        y = x * 1.0
        np.trim_zeros(y)[0] = 7.0
        return y[1:3] * 2.0 + np.sum(y)

    rows = ([0, 1, 2, 0, 0], [0, 0, 0, 1, 2], [1, 2, 0, 0, 0], [0, 0, 3, 0, 0], [1, 2, 3, 4, 5])
    check_each_first(f, *((np.array(row, float),) for row in rows))
    check_each_first(np.trim_zeros, (X,), (X * 0.0,), (np.array([0.0, 1.0, 0.0]),), modes=["plain"])


def test_a_real_part_that_is_one_for_some_values():
    f = lambda z: np.real_if_close(z) * 2.0 + z.real
    check_each_first(f, (np.array([1.0 + 0j, 2.0]),), (np.array([1.0 + 1j, 2.0]),), modes=["plain"])


# Partials at the edge of a domain.


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64])
@pytest.mark.parametrize("f", [np.sqrt, lambda x: x**0.3, lambda x: np.arcsin(x) + x**2.5, lambda x: 1 / x])
def test_partials_beside_an_infinite_one_keep_their_digits(f, dtype):
    x = np.array([0.7, 0.3, 0.9], dtype)
    edge = np.array([0.7, 0.3, 0.0], dtype)
    check_each_first(f, (x,), (edge,), (x * x,), modes=["jvp", "vjp"])
    at = MODES["jvp"](f)
    with np.errstate(all="ignore"):
        assert same(at(x)[1][:2], at(edge)[1][:2])


# Arguments that are equal, and not the same.


def test_names_that_are_equal_numbers():
    f = lambda tree: [v * (k / 2 if type(k) is int else 5.0) for k, v in tree.items()]
    check_each_first(f, ({1: X},), ({True: X},), ({1.0: X},), ({2: X},))
    staged = dd.stage(f)
    for tree in ({1: X}, {1: X}, {True: X}, {1: X}):
        assert same(staged(tree)[0], f(tree)[0])


@pytest.mark.parametrize("kind", [str, np.str_, bytes, np.bytes_])
def test_texts_as_arguments(kind):
    a, b = (kind("a"), kind("b")) if issubclass(kind, str) else (kind(b"a"), kind(b"b"))
    f = lambda x, text: x * (2.0 if text == a else 3.0)
    check_each_first(f, (X, a), (X, b), (-X, a), modes=["plain"])
    f = lambda x, texts: np.where(texts == a, x, -x)
    check_each_first(f, (X, np.array([a, b, a])), (X, np.array([b, b, a])), modes=["plain"])


def test_comparisons_with_what_is_no_number():
    half = fractions.Fraction(1, 2)
    f = lambda x: x * (2.0 if x == half else 3.0) * (5.0 if x == None else 7.0) * (11.0 if x in ("a", b"a") else 13.0)  # noqa: E711
    check_each_first(f, (0.5,), (0.25,))
    check_each_first(f, (np.float64(0.25),), (np.float64(0.5),))
    g = lambda x: x * np.sum(x == None) + np.sum(x != "a")  # noqa: E711
    check_each_first(g, (X * 0.0,), (X,))


def test_lists_and_dicts_of_the_caller_that_are_changed():
    def f(items, names):
        items.sort()
        items.append(names["a"])
        names["b"] = items[0]
        return items[0] * 2.0

    staged = dd.stage(f)
    for a, b in ((0.5, -0.5), (-1.0, 3.0)):
        given, expected = ([a, b], {"a": b}), ([a, b], {"a": b})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert same(staged(*given), f(*expected))
        assert given == expected


# Without the check, too.


@pytest.mark.parametrize(
    "f",
    [
        lambda x: 0 < x < 2,
        lambda x: [x > 1, x * 2.0],
        lambda x: math.ldexp(x, 3),
        lambda x: 1.0 / x,
        lambda x: math.sqrt(x),
    ],
)
@pytest.mark.parametrize("kind", [float, np.float64])
def test_results_without_the_check(f, kind):
    for order in ((1.0, 0.0, 3.0, -1.0), (0.0, -1.0, 3.0, 1.0), (-1.0, 0.0, 0.0, 1.0)):
        staged = dd.stage(f, check=False)
        for x in map(kind, order):
            with np.errstate(all="ignore"):
                try:
                    expected = f(x)
                except (ValueError, ZeroDivisionError) as error:
                    with pytest.raises(type(error)):
                        staged(x)
                    continue
                assert all(map(same, flatten(staged(x))[0], flatten(expected)[0]))


# What tracing itself would raise, or do in another way.


def test_refusals_that_the_function_catches():
    scratch = np.zeros(3)

    def written(x):
        np.add(x, 1.0, out=scratch)
        return x * 2.0

    check_each_first(caught(written, Exception, lambda x: x * 0.0), (X * 0.0,), (X,), modes=["plain"])
    for kind in (float, np.float64):
        check_each_first(caught(lambda x: round(x) * 1.0, TypeError, lambda x: x * 0.0), (kind(0.2),), (kind(3.0),))
        f = caught(lambda x: x * x.as_integer_ratio()[0], AttributeError, lambda x: x * 0.0)
        check_each_first(f, (kind(0.0),), (kind(3.0),))


def test_errors_of_what_no_result_needs():
    check_each_first(lambda i: (i**i, i * 2)[1], (np.array([1, 2]),), (np.array([-1, 2]),), modes=["plain"])
    check_each_first(lambda i: (X[i], i * 2)[1], (np.array([1, 2]),), (np.array([7, 2]),), modes=["plain"])
    check_each_first(lambda x, i: (x[i], x * 2)[1], (X, np.array([1, 2])), (X, np.array([7, 2])))


def test_an_argument_that_is_updated_by_a_buffer():
    def f(x, update):
        view, buffer = x[:], np.zeros(3)
        buffer[x > 0] = 0.5
        update(x, buffer)
        return view * 2.0

    def add(x, buffer):
        x += buffer

    def scale(x, buffer):
        x *= buffer + 1.0
        x -= buffer
        x[1:] /= buffer[1:] + 1.0

    for update in (add, scale):
        staged = dd.stage(f)
        for x in (X, -X, X * 2.0):
            given, expected = x.copy(), x.copy()
            assert same(staged(given, update), f(expected, update))
            assert same(given, expected)
        check_each_first(lambda x, update=update: f(x, update), (X,), (-X,))


def test_products_of_complex_numbers_that_overflow():
    numbers = (0.5 + 1j, 1e200 + 1e200j, complex(-0.0, 2.0), 3.0 - 1e300j)
    for f in (lambda z: np.rint(z) * z, lambda z: z * z * z, lambda z: (2.0 - 1j) * z * np.conj(z)):
        check_each_first(f, *((np.complex128(z),) for z in numbers))


@pytest.mark.parametrize(
    "chosen",
    [
        lambda names: names[0] == "a",
        lambda names: names[1] != "a",
        lambda names: names.item(0) == "a",
        lambda names: names[0] in ("b", "a"),
        lambda names: names[0] in (None, b"a"),
        lambda names: (names == "a").any(),
    ],
)
def test_comparisons_with_entries_of_an_array_of_texts(chosen):
    f = lambda x, names: x * (2.0 if chosen(names) else 3.0)
    for kind in ("U1", "S1"):
        calls = [(X, np.array(list(names), kind)) for names in ("bc", "ab", "ba", "cc")]
        check_each_first(f, *calls, modes=["plain"])
        check_each_first(dd.grad(lambda x, names: np.sum(f(x, names))), *calls, modes=["plain"])


# Functions of the user's that NumPy calls, and what goes where the record does not see it.


def multiples(x):
    y = 0.0 * x
    for k in range(1, 4):
        y = y + np.piecewise(x, [x > 0.0], [lambda t: t * k, 0.0])
    return y


def first_of_each(call):
    def f(x):
        seen = []

        def function(t, *rest):
            seen.append(t[0])
            return None if rest else t * 2.0

        return call(x, function) * seen[-1]

    return f


def stored(write, read):
    def f(x):
        file = io.BytesIO()
        write(file, x)
        file.seek(0)
        return read(file) * x[0]

    return f


@pytest.mark.parametrize(
    "f",
    [
        multiples,
        first_of_each(lambda x, function: np.piecewise(x, [x < 99.0], [function])),
        first_of_each(lambda x, function: np.apply_along_axis(function, 0, x)),
        first_of_each(lambda x, function: np.pad(x, 1, function)),
        lambda x: x * np.frompyfunc(lambda a, b: a + b, 2, 1).reduce(x),
        stored(np.save, np.load),
        stored(np.savetxt, np.loadtxt),
        stored(lambda file, x: np.savez(file, x=x), lambda file: np.load(file)["x"]),
    ],
)
def test_functions_that_numpy_calls_and_files(f):
    points = [(-np.abs(X),), (X,), (X[::-1].copy() + 0.25,), (-X,)]
    check_each_first(f, *points, modes=["plain"])
    slope = dd.grad(lambda w, x: np.sum(w * np.sum(f(x))))
    check_each_first(slope, *[(X, *point) for point in points], modes=["plain"])


# Whole numbers that are axes, lengths and options.

CUBE = np.arange(6.0).reshape(1, 2, 3, 1) + 0.5


@pytest.mark.parametrize(
    "call",
    [
        lambda x, n: np.sum(x, axis=n),
        lambda x, n: x.max(n),
        lambda x, n: np.add.reduce(x, n),
        lambda x, n: np.concatenate([x, x], axis=n),
        lambda x, n: np.stack([x, x], axis=n),
        lambda x, n: np.diff(x, n - 1, axis=2),
        lambda x, n: np.fft.fft(x, n, axis=2).real,
        lambda x, n: np.linalg.norm(x, axis=n),
        lambda x, n: np.reshape(x.T, (n, -1)),
        lambda x, n: x.mean(axis=1, keepdims=n > 2),
        lambda x, n: np.count_nonzero(x > 2.0, axis=n) * x[0, 0],
        lambda x, n: np.concatenate([x] * 2, axis=np.argmax(np.array([0.0, n, 1.0, 2.5]))),
    ],
)
def test_axes_and_lengths_that_are_traced(call):
    def f(x, n):
        y = call(x, n)
        return np.ones(y.shape) * y.shape[-1] * np.sum(x), y * float(y.size)

    for of in (np.int64, np.array):
        check_each_first(f, *((CUBE + k, of(k)) for k in (2, 3, 2)), modes=["plain"])
        slope = dd.grad(lambda w, x, n: sum(np.sum(np.sum(w) * part) for part in f(x, n)))
        check_each_first(slope, *((X, CUBE + k, of(k)) for k in (2, 3)), modes=["plain"])


# Errors that are caught, of calls whose results are not used.

PLACES = (0, 5, 1, -7)


@pytest.mark.parametrize(
    ("call", "values"),
    [
        (lambda x, b: 2 * math.floor(b) * b, (1.5, -1e308)),
        (lambda x, b: float(2 * math.floor(b)), (1.5, 1e308)),
        (lambda x, b: divmod(1.0, b), (1.5, 0.0)),
        (lambda x, b: np.quantile(x, b), (0.5, 1.5)),
        (lambda x, b: np.percentile(x, 10.0 * b), (0.5, -1.5)),
        (lambda x, b: np.digitize(x, np.array([0.0, b, 1.0])), (0.5, 1.5, -1.0)),
        (lambda x, b: np.average(x, weights=x * 0.0 + b), (0.5, 0.0)),
        (lambda x, b: x.take(b), map(np.int64, PLACES)),
        (lambda x, b: np.take(x, b), map(np.array, PLACES)),
        (lambda x, b: np.choose(b, [1.0, 2.0]), map(np.array, PLACES)),
        (lambda x, b: (x * 1.0).__setitem__(b, 3.0), map(np.array, PLACES)),
        (lambda x, b: np.add.at(x * 1.0, b, 3.0), map(np.array, PLACES)),
        (lambda x, b: np.put(x * 1.0, b, 3.0), map(np.array, PLACES)),
        (lambda x, b: np.unravel_index(b, (3,)), map(np.array, PLACES)),
    ],
)
def test_errors_of_results_that_are_not_used(call, values):
    def f(w, x, b):
        try:
            call(x, b)
        except (ValueError, IndexError, ArithmeticError):
            return np.sum(w * 3.0)
        return np.sum(w * 2.0)

    calls = [(X, X, b) for b in values]
    check_each_first(f, *calls, modes=["plain"])
    check_each_first(dd.grad(f), *calls, modes=["plain"])


def test_values_that_a_function_keeps_for_its_next_call():
    for kept in ([], {}):

        def f(x, kept=kept):
            last = kept.get("x", x) if type(kept) is dict else (kept[-1] if kept else x)
            kept.update(x=x) if type(kept) is dict else kept.append(x)
            return x * 2.0 + last

        with pytest.raises(dd.StagingRefused, match="keeps values of one call for another"):
            dd.stage(f)(X)

    f = caught(lambda x: x[int(x[0])], IndexError, lambda x: x[0])
    with pytest.warns(dd.NotStaged, match=r"x\[i\] raised IndexError, which was caught"):
        assert dd.stage(f)(X + 7.0) == X[0] + 7.0


def with_first_entry(array, item):
    array[0] = item
    return array


@pytest.mark.parametrize(
    "call",
    [
        lambda x, flag: np.linalg.svd(np.outer(x, x[:2]), full_matrices=flag)[0].shape[1] * x,
        lambda x, flag: np.sum(x, keepdims=flag).ndim * x,
        lambda x, flag: np.average(x, returned=flag)[0] if flag else np.average(x, returned=flag) * x,
        lambda x, flag: (with_first_entry(np.nan_to_num(x, copy=flag), 9.0), x * 1.0),
        lambda x, flag: (with_first_entry((y := x * 1.0).astype(float, copy=flag), 9.0), y * 2.0),
        lambda x, flag: (with_first_entry(np.linalg.matrix_power(y := x[:, None] * x, 2 - flag), 9.0), y * 2.0),
    ],
)
def test_options_that_are_traced(call):
    check_each_first(call, *((X + k, np.bool_(flag)) for k, flag in enumerate((1, 0, 1))), modes=["plain"])


def test_shapes_and_dtypes_of_named_results():
    eigenvalues = lambda x: np.linalg.eig(np.array([[x[0], x[1]], [x[2], 0.0]])).eigenvalues
    f = lambda x: x * (2.0 if eigenvalues(x).dtype.kind == "c" else 3.0)
    check_each_first(f, (X,), (np.abs(X),), (np.array([0.1, -2.0, 2.0]),), modes=["plain"])
    counted = lambda x: x * np.unique_counts(np.round(x)).counts.size
    check_each_first(counted, (X,), (X * 0.0,), (X * 9.0,), modes=["plain"])


def test_arrays_that_numpys_functions_may_overwrite():
    def f(x, write):
        y = x * 2.0
        before = y * 1.0
        write(y)
        return before, y * np.arange(len(x))

    mixed, sorted_ = np.array([3.0, np.nan, 1.0, 2.0, 0.5]), np.arange(5.0)
    for write in (
        lambda y: np.median(y, overwrite_input=True),
        lambda y: np.nanmedian(y, 0, None, True),
        lambda y: np.percentile(y, 30.0, overwrite_input=True),
        lambda y: np.nan_to_num(y, copy=False),
        lambda y: np.nan_to_num(y, False, 7.0),
    ):
        check_each_first(lambda x, write=write: f(x, write), (sorted_,), (mixed,), (sorted_[::-1] * 1.0,))


@pytest.mark.parametrize("read", [np.genfromtxt, np.loadtxt])
def test_a_file_that_is_read_for_an_array_like_the_argument(read, tmp_path):
    path = tmp_path / "numbers.txt"
    f = lambda x: read(path, like=x) * x + read(io.BytesIO(b"1.5 2 3"), like=x)
    g = dd.jacfwd(f)
    path.write_text("1 2 3", encoding="utf-8")
    staged = dd.stage(g)
    with pytest.warns(dd.NotStaged, match=f"{read.__name__} reads a file"):
        found = staged(np.ones(3))
    assert same(found, g(np.ones(3)))
    path.write_text("4 5 6", encoding="utf-8")
    assert same(staged(np.ones(3)), g(np.ones(3)))


def test_lists_of_numbers_become_arrays_like_the_argument():
    f = lambda x: np.array([1.0, 2.0], like=x) * x + np.asarray([x[1], 3.0], like=x)
    check_each_first(f, (np.ones(2),), (np.array([-0.5, 2.0]),))
    assert "np" in dd.stage(dd.jacrev(f)).source(np.ones(2))


@pytest.mark.parametrize("f", [np.sum, np.mean, np.prod, np.max])
def test_reductions_of_a_number_have_the_type_that_they_have_unstaged(f):
    check_each_first(f, (np.array(0.7),), (np.array(-2.0),))
    y, pullback = dd.vjp(f, np.array(0.7))
    assert type(y) is type(pullback(np.float64(1.3))[0]) is np.float64
