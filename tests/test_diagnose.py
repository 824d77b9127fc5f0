"""`diagnose` finds planted problems at their lines, never raises for what a function does, and changes nothing.

A line that is to be named carries the comment ``# here``.
"""

import cProfile
import ctypes
import dataclasses
import functools
import inspect
import math
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

import dualdiff as dd
from dualdiff.__main__ import main
from dualdiff.diagnosis import costs, places
from dualdiff.diagnosis.watching import Watch
from dualdiff.transforms.recording import recorded

X = np.array([0.5, 1.5, 2.5])


def here(f):
    """The lines of a function that are marked."""
    lines, first = inspect.getsourcelines(f)
    return [first + i for i, line in enumerate(lines) if "# here" in line]


def diagnosed(f, *args, **options):
    """The report, which is also shown as text and HTML."""
    report = dd.diagnose(f, *args, **({"seconds": 0} | options))
    assert str(report) and report._repr_html_()
    assert not any("could not be looked at" in note for note in report.notes), report.notes
    return report


def only(report, kind):
    (found,) = report.found(kind)
    return found


def lines_of(findings):
    return [finding.place.line for finding in findings]


# Planted zeros.


def with_an_integer(x):
    k = int(x[0] * 3.0)  # here
    return np.ones(3)[k] * 2.0


def with_a_comparison(x):
    if x[0] > 0.2:  # here
        return 1.0
    return np.sum(x)


def with_stop_gradient(x):
    y = dd.stop_gradient(x)  # here
    return np.sum(y**2)


def with_floor(x):
    return np.sum(np.floor(x))  # here


def with_argmax(x):
    i = np.argmax(x)  # here
    return np.array([1.0, 2.0, 3.0])[i]


def with_astype(x):
    return np.sum(x.astype(int) * 2.0)  # here


def with_round(x):
    return round(x[0]) * 1.0  # here


def with_floor_division(x):
    return np.sum(x // 2.0)  # here


def with_searchsorted(x):
    return np.linspace(0, 1, 5)[np.searchsorted(np.linspace(0, 3, 5), x[0])]  # here


def with_sign(x):
    return np.sum(np.heaviside(x - 1.0, 0.5))  # here


@pytest.mark.parametrize(
    ("f", "call", "reason"),
    [
        (with_an_integer, "int", "whole numbers"),
        (with_a_comparison, ">", "a truth value"),
        (with_stop_gradient, "dualdiff.stop_gradient", "stop_gradient"),
        (with_floor, "np.floor", "piecewise constant"),
        (with_argmax, "np.argmax", "whole numbers"),
        (with_astype, "x.astype", "whole numbers"),
        (with_round, "round", "whole numbers"),
        (with_floor_division, "//", "piecewise constant"),
        (with_searchsorted, "np.searchsorted", "whole numbers"),
    ],
)
def test_a_planted_zero_is_found_at_its_line(f, call, reason):
    report = diagnosed(f, X)
    finding = only(report, "independent")
    pair = report.independent[0]

    assert (pair.result, pair.argument) == ("result", "x")
    assert [place.line for place in pair.places] == here(f)
    assert pair.places[0].file == __file__
    assert finding.place.line == here(f)[0] and finding.serious and finding.fix
    assert f"It ends in {call} at " in finding.text and f"({reason})" in finding.text
    assert not report.ok
    assert any(c.kind in ("passive", "stopped") and c.name == call and c.reason == reason for c in report.calls)


def test_a_rule_whose_derivative_is_0_everywhere_is_a_zero_too():
    report = diagnosed(with_sign, X)
    found = report.found("zero") + report.found("independent")

    assert lines_of(found) == here(with_sign)


class Remembering:
    """A cache that compares values."""

    def __init__(self):
        self.last = self.result = None

    def __call__(self, x):
        if self.last is not None and np.array_equal(self.last, x):  # here
            return self.result
        plain = dd.stop_gradient(x)
        self.last, self.result = plain.copy(), np.sum(plain**2)
        return np.sum(x**2)


def test_a_cache_that_compares_values_is_found():
    report = diagnosed(Remembering(), X)
    finding = only(report, "cache")

    assert finding.place.line == here(Remembering.__call__)[0]
    assert "bit for bit" in finding.text and "without its cache" in finding.fix
    assert only(report, "independent").place == finding.place


def test_a_cache_by_a_key_of_its_own_leaves_an_argument_without_any_use():
    memory = {}

    def f(x, name):
        if name not in memory:
            memory[name] = float(np.sum(dd.stop_gradient(x)))
        return memory[name]

    finding = only(diagnosed(f, X, "a"), "independent")
    assert "No operation takes x" in finding.text and "remembered" in finding.fix


def test_an_argument_that_is_used_for_nothing_says_where_last():
    def f(a, b):
        np.sin(b)  # here
        return np.sum(a)

    report = diagnosed(f, X, X)
    finding = only(report, "independent")

    assert [(pair.result, pair.argument) for pair in report.independent] == [("result", "b")]
    assert "last used in np.sin" in finding.text and finding.place.line == here(f)[0]


def test_independence_is_by_leaf_of_arguments_and_results():
    def f(p, s):
        return {"a": p["w"] * 2.0, "b": [np.floor(p["b"]), s]}  # here

    report = diagnosed(f, {"w": X, "b": 0.5}, 2.0)
    found = {(pair.result, pair.argument) for pair in report.independent}

    depends = {("result['a']", "p['w']"), ("result['b'][1]", "s")}
    results, arguments = ["result['a']", "result['b'][0]", "result['b'][1]"], ["p['w']", "p['b']", "s"]
    assert found == {(r, a) for r in results for a in arguments} - depends
    assert only(report, "lost").place.line == here(f)[0]


def test_part_of_a_dependence_that_is_lost_is_only_to_be_known():
    def f(x):
        n = np.floor(x)  # here
        return np.sum(x * n)

    report = diagnosed(f, X)
    assert report.independent == [] and report.ok
    assert lines_of(report.found("lost")) == here(f) and not report.found("lost")[0].serious


def test_entries_without_a_derivative_are_counted():
    finding = only(diagnosed(lambda x: x[0] * x[2], X), "zero")

    assert "exactly 0 in 1 of 3 entries, first x[1]" in finding.text and not finding.serious


@pytest.mark.parametrize("f", [lambda x: np.sum(np.maximum(x - 5.0, 0.0)), lambda x: np.sum(np.clip(x, 3.0, 4.0))])
def test_a_saturated_function_is_where_the_gradient_becomes_0(f):
    finding = only(diagnosed(f, X), "zero")

    assert "exactly 0 here" in finding.text and "becomes 0 in np." in finding.text
    assert finding.serious and finding.place is not None


# Planted nan and infinities.


def zero_times_infinity(x):
    y = np.exp(1000.0 * x)  # here
    return np.sum(y * 0.0)  # here


def root_at_zero(x):
    y = np.sqrt(x - 0.5)  # here
    return np.sum(y * 0.0)


def log_of_negative(x):
    return np.sum(np.log(x - 1.0))  # here


def zero_by_zero(x):
    return np.sum((x - x) / (x - x))  # here


def power_below_one(x):
    return np.sum((x - 0.5) ** 0.3)  # here


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (zero_times_infinity, ["first value that is infinite", "first value that is nan"]),
        (root_at_zero, ["first partial derivative that is infinite", "the gradient of x is nan"]),
        (log_of_negative, ["np.log is the first value that is nan (entry 0 of shape (3,)), of -0.5"]),
        (zero_by_zero, ["first value that is nan"]),
        (power_below_one, ["first partial derivative that is infinite", "the gradient of x is infinite"]),
    ],
)
def test_the_first_value_or_partial_that_is_not_finite_is_found_at_its_line(f, words):
    report = diagnosed(f, X)
    found = report.found("not finite")
    text = " ".join(finding.text for finding in found)

    assert set(lines_of(found)) == set(here(f))
    assert all(word in text for word in words), text
    assert found[0].serious and not report.ok


def test_what_where_drops_is_only_to_be_known():
    def f(x):
        return np.sum(np.where(x > 1.0, np.log(x - 1.0), 0.0))  # here

    report = diagnosed(f, X)
    finding = only(report, "not finite")

    assert finding.place.line == here(f)[0]
    assert "neither the result nor the gradient has it" in finding.text and not finding.serious
    assert report.ok


def test_a_constant_that_is_not_finite_is_said_to_come_from_outside():
    weights = np.array([1.0, np.nan, 1.0])
    text = diagnosed(lambda x: np.sum(weights * x), X).found("not finite")[0].text

    assert "operand, made outside" in text


# Lost digits.


@pytest.mark.parametrize(
    ("f", "x", "call"),
    [
        (lambda x: np.sum((1.0 + 1e-12 * x) - 1.0), X, "-"),
        (lambda x: np.sqrt(x + 1.0) - np.sqrt(x), 1e12, "-"),
        (lambda x: np.sin(x * 1e12), 1.0, "np.sin"),
        (lambda x: np.sum(np.array([1e12, -1e12, 1.0]) * x), np.ones(3), "np.sum"),
        (lambda x: np.array([1e12, -1e12, 1.0]) @ x, np.ones(3), "@"),
        (lambda x: 1.0 - np.cos(x), 1e-7, "-"),
    ],
)
def test_cancellation_and_steep_functions_are_found(f, x, call):
    finding = only(diagnosed(f, x), "digits")

    assert finding.text.startswith(f"{call} ") and finding.text.endswith("of 16 digits are lost") and finding.serious


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: np.sum(1e12 * x), X),  # a scale is no loss
        (lambda x: np.sum(x - x), X),  # exactly zero
        (lambda x: np.log1p(x) - x, 1e-3),
        (lambda x: np.sum((x - np.max(x)) ** 2), X),
        (lambda x: np.exp(x), 5.0),
    ],
)
def test_harmless_numbers_lose_no_digits(f, x):
    assert diagnosed(f, x).found("digits") == []


def test_digits_that_hardly_reach_the_result_are_only_to_be_known():
    def heat(u):
        for _ in range(3):
            v = np.zeros(len(u))
            for i in range(1, len(u) - 1):
                v[i] = u[i] + 0.1 * (u[i + 1] - 2.0 * u[i] + u[i - 1])  # here
            u = v
        return u

    found = diagnosed(heat, np.linspace(0.0, 1.0, 21)).found("digits")

    assert found and not any(finding.serious for finding in found) and set(lines_of(found)) == set(here(heat))
    assert all("little of that reaches the results" in finding.text for finding in found)


# Kinks.


def clipped_at_a_bound(x):
    return np.sum(np.clip(x, 0.5, 2.0))


def compared_with_an_equal(x):
    return np.sum(x) if x[0] >= 0.5 else np.sum(2.0 * x)


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x: np.sum(np.abs(x - 1.5)), "np.absolute at 0 (entry 1 of shape (3,)): derivative 0"),
        (lambda x: np.sum(abs(x - 1.5)), "np.absolute at 0"),
        (lambda x: np.sum(np.maximum(x, 1.5)), "np.maximum of two equal numbers (entry 1"),
        (lambda x: np.minimum(x[0], x[0] * 1.0), "shared evenly"),
        (lambda x: np.max(np.minimum(x, 1.5)), "2 entries are the largest"),
        (lambda x: (x * 0.0 + 1.0).min(), "3 entries are the smallest"),
        (clipped_at_a_bound, "np.clip at a bound (entry 0 of shape (3,)): half"),
        (lambda x: x.clip(0.0, 2.5).sum(), "at a bound"),
        (lambda x: np.linalg.norm(x - X), "np.linalg.norm is 0"),
        (lambda x: np.hypot(x[0] - 0.5, x[0] - 0.5), "np.hypot is 0"),
        (lambda x: np.sum(np.floor(2.0 * x) * x), "np.floor at a jump"),
        (lambda x: np.sum(np.rint(x) * x), "np.rint at a jump"),
        (lambda x: np.sum(x % 0.5), "% at a jump"),
        (lambda x: np.sum(np.sort(np.minimum(x, 1.5)) * X), "entries are equal (to 1.5)"),
        (lambda x: np.median(np.maximum(x, 1.5)), "goes by position"),
        (lambda x: x[np.argmax(np.minimum(x, 1.5))], "comes more than once"),
        (lambda x: np.interp(x[0], [0.0, 0.5, 1.0], [0.0, 1.0, 3.0]), "at a knot"),
        (lambda x: np.sum(np.where(x > 1.5, x**2, x)), "branches differ by 0.75: a jump"),
        (lambda x: np.sum(np.where(x > 1.5, x - 1.5, 0.0)), "meet: a kink"),
        (compared_with_an_equal, ">= compares equal numbers"),
        (lambda x: max(x[0], 0.5) * x[1], "max of equal numbers"),
        (lambda x: min([x[1], x[0], x[0] * 1.0]), "min of equal numbers"),
        (lambda x: math.fabs(x[0] - 0.5) + x[1], "at 0"),
    ],
)
def test_a_kink_that_the_point_sits_on_is_found(f, words):
    found = diagnosed(f, X).found("kink")

    assert any(words in finding.text for finding in found), [finding.text for finding in found]
    assert all(finding.place.file == __file__ for finding in found)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(np.abs(x)) + np.max(x) + np.median(x) + np.linalg.norm(x),
        lambda x: np.sum(np.clip(x, 0.0, 9.0)) + np.sum(np.maximum(x, 0.0)) + np.sum(x % 0.7),
        lambda x: np.sum(np.where(x > 1.0, x, 2.0 * x)) + np.sum(np.sort(x)),
        lambda x: np.interp(x[0], [0.0, 1.0], [0.0, 1.0]) + np.sum(np.floor(x) * x),
    ],
)
def test_beside_kinks_nothing_is_said(f):
    assert diagnosed(f, X).found("kink") == []


def test_kinks_of_extremes_are_along_the_axis():
    x = np.array([[1.0, 2.0], [2.0, 1.0]])

    assert diagnosed(lambda x: np.sum(np.max(x, axis=1)), x).found("kink") == []
    assert diagnosed(lambda x: np.max(x), x).found("kink") != []


# Refusals.


def packed(x):
    return np.sum(np.packbits((x > 1.0) * x))  # here


def into_a_file(x):
    np.savetxt(os.devnull, x)  # here
    return np.sum(x)


def by_a_compiled_function(x):
    sine = ctypes.CDLL(None).sin
    sine.restype, sine.argtypes = ctypes.c_double, [ctypes.c_double]
    return sine(x[0])  # here


def by_bytes(x):
    return float(len(x.tobytes())) + np.sum(x)  # here


@dd.as_written
def into_a_plain_array(x):
    y = np.zeros(3)
    y[0] = x[0]  # here
    return np.sum(y)


@pytest.mark.parametrize(
    ("f", "what", "fix"),
    [
        (into_a_file, "a file cannot hold a derivative", "dualdiff.stop_gradient"),
        (by_a_compiled_function, "sine(x[0]): float(x)", "dualdiff.stand_in"),
        (by_bytes, "tobytes", "stop_gradient"),
        (into_a_plain_array, "derivative would be lost", "np.zeros_like(x)"),
    ],
)
def test_a_refusal_is_reported_with_its_line_and_its_fix(f, what, fix):
    report = diagnosed(f, X)
    finding = only(report, "refused")

    assert finding.place.line == here(f.f if isinstance(f, dd.as_written) else f)[0]
    assert what in finding.text and fix in finding.fix
    assert report.refusal is finding and report.error is not None and not report.ok
    assert [call.kind for call in report.calls].count("refused") == 1


def test_a_refusal_of_what_plain_arguments_are_refused_too():
    report = diagnosed(packed, X)  # np.packbits takes no floats

    assert "for plain arguments already" in only(report, "raised").text
    assert "np.packbits has no derivative rule" in only(report, "refused").text
    assert lines_of(report.findings) == 2 * here(packed)


def test_a_refusal_that_the_function_catches_is_found():
    def f(x):
        try:
            return np.sum(np.packbits(x > 1.0)) + np.busday_count(x, x)  # here
        except TypeError:
            return 1.0

    finding = only(diagnosed(f, X), "refused")
    assert "The function caught that" in finding.text and finding.place.line == here(f)[0]


def test_a_refusal_of_reverse_mode_alone_says_that_forward_mode_takes_it():
    @dd.as_written
    def f(x):
        if isinstance(x, dd.Dual) and x.perturbation.mode == "reverse":
            raise TypeError("only forwards")
        return np.sum(x)

    assert "Forward mode takes it: dualdiff.jvp" in only(diagnosed(f, X), "refused").fix
    assert "Forward mode" not in only(diagnosed(into_a_file, X), "refused").fix


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ({"w": X, "name": "a"}, "argument 0['name'] is a str"),
        (np.array([True]), "dtype bool"),
        ("text", "str"),
        (None, ""),
    ],
)
def test_arguments_that_cannot_be_differentiated_are_reported(argument, words):
    report = diagnosed(lambda p: 1.0, argument)

    assert words in report.refusal.text and report.refusal.kind == "refused"


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x: {}["missing"], "for plain arguments already, KeyError: 'missing'"),
        (lambda x: 1 / 0, "ZeroDivisionError"),
        (lambda x: "text", "returned a str"),
        (lambda x: None, "returned None"),
        (lambda x, y: x, "TypeError"),
        (lambda x: [][3], "IndexError"),
    ],
)
def test_errors_of_the_function_itself_are_reported(f, words):
    report = diagnosed(f, X)

    assert words in report.refusal.text and report.refusal.kind == "raised"


def test_endless_recursion_is_reported():
    def f(x):
        return f(x)

    assert "RecursionError" in diagnosed(f, X).refusal.text


def test_a_function_that_is_another_one_each_time_is_reported():
    calls = []

    def f(x):
        calls.append(0)
        return np.sum(x) * len(calls)

    finding = only(diagnosed(f, X), "changed")
    assert "another value" in finding.text and "keep state" in finding.fix
    assert len(calls) == 2


def test_interrupts_pass():
    def f(x):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dd.diagnose(f, X)
    assert sys.getprofile() is None


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: dd.diagnose(3.0, X), TypeError),
        (lambda: dd.diagnose(np.sum), TypeError),
        (lambda: dd.diagnose(np.sum, X, argnums="x"), TypeError),
        (lambda: dd.diagnose(lambda x: x, X, argnums=2), ValueError),
        (lambda: dd.diagnose(np.sum, X, seconds=-1), ValueError),
        (lambda: dd.diagnose(np.sum, X, seconds=True), ValueError),
        (lambda: dd.diagnose(np.sum, X, seconds=math.nan), ValueError),
    ],
)
def test_wrong_arguments_of_diagnose_itself_raise(call, error):
    with pytest.raises(error, match="diagnose"):
        call()


# What is recorded.


def test_calls_are_told_apart_by_kind_name_and_line():
    def f(x):
        total = 0.0
        for v in x:
            total = total + math.sin(v) * v  # here
        return total + np.sum(np.exp(x)) * int(x[2])

    calls = diagnosed(f, X).calls
    found = {(call.kind, call.name): call.count for call in calls if call.place.line == here(f)[0]}

    assert found == {("adapted", "math.sin"): 3, ("differentiated", "*"): 3, ("differentiated", "+"): 3}
    assert [call.name for call in calls if call.kind == "passive"] == ["int"]
    assert {call.place.file for call in calls} == {__file__}


def test_questions_about_an_array_are_no_calls():
    def f(x):
        assert isinstance(x, np.ndarray) and np.ndim(x) == 1 and hasattr(x, "shape")
        return np.sum(x) * len(x) * x.size * x.shape[0] if x.dtype == float and type(x) is np.ndarray else 0.0

    report = diagnosed(f, X)
    assert {call.name for call in report.calls} <= {"np.sum", "*"} and report.findings == []


def test_every_node_of_a_record_has_its_line():
    def f(x):
        y = np.zeros(3)
        y[:2] = np.sin(x[:2])
        y[2] += x[0] @ x[1] if x.ndim > 1 else x[0] * x[1]
        return np.stack([y, np.cumsum(y)]).reshape(3, 2).T @ np.ones(3)

    watch = Watch()
    record = recorded(watch.running(dd.adapt(f)), (X,), {}, (0,), "test")

    assert len(watch.owners) == len(record.tape.nodes)
    assert watch.owners[0] == -1 and all(number >= 0 for number in watch.owners[1:])
    first = f.__code__.co_firstlineno
    assert {watch.calls[i].place.line for i in watch.owners[1:]} <= set(range(first + 1, first + 5))


def test_the_hooks_of_python_are_as_before_and_nothing_is_kept():
    seen = []
    profile, trace = (lambda *event: None), (lambda *event: None)
    sys.setprofile(profile)
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        dd.diagnose(lambda x: seen.append(type(x).__name__) or np.sum(x), X, seconds=0.01)
        dd.diagnose(lambda x: np.packbits(x), X, seconds=0.01)
        assert sys.getprofile() is profile
        assert sys.gettrace() is trace
    finally:
        sys.setprofile(None)
        sys.settrace(before)
    assert len(seen) > 2


def test_a_profiler_goes_on_after_it():
    profiler = cProfile.Profile()
    profiler.enable()
    dd.diagnose(np.sum, X, seconds=0)
    sorted([3, 1, 2])
    profiler.disable()

    assert any("sorted" in str(entry.code) for entry in profiler.getstats())


def test_a_fault_of_the_watching_itself_is_a_note_and_no_error(patched):
    from dualdiff.diagnosis import naming

    def fails(frame, given=None):
        raise ZeroDivisionError("planted")

    patched(naming, "operation", fails)
    report = dd.diagnose(lambda x: np.sum(x * x), X, seconds=0)

    assert report.refusal is None and report.independent == []
    assert "2 calls could not be looked at: ZeroDivisionError: planted" in report.notes


def test_arguments_are_not_changed_and_writes_are_as_in_grad():
    def f(x):
        x[0] = 3.0
        x *= 2.0
        y = x[1:]
        y += 1.0
        return np.sum(x * y[0])

    x = X.copy()
    report = diagnosed(f, x, seconds=0.01)

    assert np.array_equal(x, X)
    assert report.found("changed") == [] and report.refusal is None


@dd.as_written
def rebinding(x):
    total = np.zeros(3)
    total += x
    return np.sum(total)


def test_plain_memory_that_comes_to_hold_duals_is_as_in_grad():
    assert np.array_equal(dd.grad(rebinding)(X), np.ones(3))
    assert diagnosed(rebinding, X).refusal is None


def test_warnings_of_the_run_are_in_the_report_alone():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = diagnosed(lambda x: np.log(-x[0]) + np.floor(x[1]), X, seconds=0.01)
    assert report.found("not finite")


def test_what_runs_in_other_threads_is_recorded():
    def f(x):
        parts = [None, None]

        def work(i):
            parts[i] = np.sum(np.sin(x * (i + 1.0)))

        threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return parts[0] + parts[1]

    report = diagnosed(f, X)
    assert report.refusal is None and report.independent == []


# Kinds of functions and arguments.


@dataclasses.dataclass
class Model:
    w: np.ndarray
    b: float

    def __call__(self, x):
        return np.sum(self.w * x) + self.b

    def method(self, x):
        return self(x) ** 2


class Point(tuple):
    pass


def summed(model, x):
    return model.method(x)


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (Model(X, 1.0), (X,)),
        (Model(X, 1.0).method, (X,)),
        (summed, (Model(X, 1.0), X)),
        (functools.partial(np.multiply, X), (X,)),
        (dd.grad(summed), (Model(X, 1.0), X)),
        (dd.adapt(summed), (Model(X, 1.0), X)),
        (np.sin, (X,)),
        (np.linalg.inv, (np.eye(2) + 1.0,)),
        (lambda x: x**2, (3,)),
        (lambda x: x**2, (np.float32(3.0),)),
        (lambda x: x**2, (np.arange(3),)),
        (lambda x: [x[0] * x[1], {"c": x[0] / x[1]}], ([1.0, 2.0],)),
        (lambda x: np.sum(x), (np.zeros((0, 2)),)),
        (lambda x: x * 2.0, (np.ones((2, 3))[:, ::2],)),
        (lambda z: np.abs(z) ** 2, (1.0 + 2.0j,)),
        (lambda z: z * 1j, (np.array([1.0 + 2.0j]),)),
        (lambda x: sum(v * v for v in x), (X,)),
        (lambda x: sum(map(math.exp, x)), (X,)),
        (lambda x, n: x**n, (X, 3)),
        (lambda x, flag: x if flag else -x, (X, True)),
        (lambda x, name: x * len(name), (X, "abc")),
        (lambda f, x: f(x), (np.sin, X)),
        (lambda *xs: xs[0] * xs[1], (X, X)),
        (lambda x: dd.jacobian(np.sin)(x), (X,)),
        (lambda x: dd.jvp(np.sin, (x,), (x,))[1], (X,)),
        (lambda x: np.vectorize(lambda t: t * t)(x), (X,)),
        (lambda x: (x * dd.stop_gradient(x)).sum(), (X,)),
    ],
)
def test_functions_and_arguments_of_every_kind(f, args):
    report = diagnosed(f, *args, seconds=0.01)

    assert report.refusal is None, report
    assert report.found("changed") == []
    assert not math.isnan(report.value_time)
    assert report.found("independent") == []


def test_arguments_are_those_with_numbers_unless_named():
    def f(a, n, b):
        return a * n * b

    assert diagnosed(f, 2.0, 3, 4.0).independent == []
    report = diagnosed(lambda a, n, b: a * 1.0, 2.0, 3, 4.0, argnums=(0, -1))
    assert [pair.argument for pair in report.independent] == ["b"]
    report = diagnosed(lambda a, n: a * 1.0, 2.0, 3)
    assert report.independent == []  # a whole number beside a real one is a constant
    report = diagnosed(lambda a, n: a * 1.0, 2.0, 3, argnums=(0, 1))
    assert [pair.argument for pair in report.independent] == ["n"]


def test_a_function_that_calls_solvers():
    pytest.importorskip("scipy")
    from scipy.optimize import root

    def f(a):
        solution = root(lambda z, a: z**3 + z - a, np.ones(1), args=(a,))  # here
        return solution.x[0] ** 2

    report = diagnosed(f, 2.0, seconds=0.02)

    assert report.refusal is None and report.independent == []
    assert ("adapted", "scipy.optimize.root", here(f)[0]) in {(c.kind, c.name, c.place.line) for c in report.calls}


def test_a_custom_rule_is_one_call_by_its_name():
    @dd.custom_jvp
    def mine(x):
        return np.sin(x)

    mine.defjvp(lambda primals, tangents: (np.sin(primals[0]), np.cos(primals[0]) * tangents[0]))

    def f(x):
        return np.sum(mine(x))  # here

    assert ("mine", here(f)[0]) in {(call.name, call.place.line) for call in diagnosed(f, X).calls}


def test_a_nested_derivative_shows_what_is_inside():
    def f(x):
        return dd.grad(lambda t: np.sum(np.abs(t - 1.5) * t))(x)

    assert "np.absolute at 0" in only(diagnosed(f, X), "kink").text


def test_inside_another_transform():
    reports = []

    def f(x):
        reports.append(dd.diagnose(lambda t: t * x, 2.0, seconds=0))
        return x * 2.0

    assert dd.derivative(f)(3.0) == 2.0
    assert reports[0].refusal is None and reports[0].independent == []


# Costs.


def looping(x):
    total = 0.0
    for i in range(len(x)):
        total += math.sin(x[i]) * x[i]  # here
    return total


@dd.as_written
def with_objects(x):
    y = np.array([x[0] * 2.0, x[1], x[2]])  # here
    return np.sum(y * y)


def test_a_planted_slow_line_is_found():
    report = diagnosed(looping, np.linspace(0.0, 1.0, 200), seconds=0.05)
    finding = only(report, "slow")

    assert finding.place.line == here(looping)[0] == report.lines[0].place.line
    assert "1000 operations on single numbers" in finding.text and "one operation" in finding.fix
    assert (report.lines[0].calls, report.lines[0].scalars) == (1000, 1000)


def test_arrays_of_objects_are_found():
    report = diagnosed(with_objects, X)
    finding = only(report, "slow")

    assert finding.place.line == here(with_objects.f)[0] and "np.stack" in finding.fix


def test_array_code_is_not_called_slow():
    assert diagnosed(lambda x: np.sum(np.sin(x) * x), np.ones(1000), seconds=0.02).found("slow") == []


def test_time_goes_to_the_line_that_takes_it_and_memory_is_counted():
    def f(x):
        y = np.sin(x)  # here
        z = np.sum(y)
        return z * 2.0

    report = diagnosed(f, np.ones(100_000), seconds=0.1)
    line = report.lines[0]

    assert line.place.line == here(f)[0]
    assert line.value > 0.5 * report.value_time and line.forward > 0 and line.reverse > 0
    assert line.nbytes == line.recorded == 800_000
    assert sum(one.value for one in report.lines) == pytest.approx(report.value_time)
    assert sum(one.forward for one in report.lines) == pytest.approx(report.forward_time)
    assert sum(one.reverse for one in report.lines) == pytest.approx(report.reverse_time)


def test_the_better_mode_is_measured():
    report = diagnosed(lambda x: np.sum(np.sin(x)), np.ones(2000), seconds=0.1)

    assert report.recommended == "rev" and report.modes.n_inputs == 2000
    assert 'mode: "rev"' in str(report)


def test_whether_a_sparse_jacobian_pays_is_measured():
    pytest.importorskip("scipy")
    (way,) = [
        way
        for way in diagnosed(lambda x: x[1:] * x[:-1] ** 2, np.ones(2000), seconds=0.1).ways
        if way.name == "sparse Jacobian"
    ]

    assert way.pays and way.factor > 1.3 and "3998 of 1999 x 2000 entries" in way.note
    ways = diagnosed(lambda x: np.cumsum(x) * np.sum(x), np.ones(50), seconds=0.05).ways
    assert [way.pays for way in ways if way.name == "sparse Jacobian"] == [False]


def staging(report):
    (way,) = [way for way in report.ways if way.name == "staging"]
    return way


def test_whether_staging_pays_is_measured():
    way = staging(diagnosed(looping, np.linspace(0.1, 1.0, 30), seconds=0.05))
    assert way.pays and way.factor > 1.3 and "dualdiff.stage(dualdiff.grad(f))" in way.note

    way = staging(diagnosed(lambda x: np.sin(x) * x, X, seconds=0.02))
    assert "dualdiff.stage(dualdiff.jacobian(f))" in way.note


def test_a_long_loop_is_not_written_out(monkeypatch):
    monkeypatch.setattr(costs, "_LONGEST_PROGRAM", 500)
    assert "not tried: a program of " in staging(diagnosed(looping, np.ones(150), seconds=0.02)).note


def test_what_cannot_be_staged_says_why():
    def f(x):
        return np.sum(x) * len(str(x[0]))

    way = staging(diagnosed(f, X, seconds=0.02))
    assert not way.pays and math.isnan(way.factor) and "cannot be used: " in way.note


def test_what_cannot_be_measured_is_a_note():
    report = diagnosed(lambda z: z * z, np.array([1j, 2.0]), seconds=0.02)

    assert report.modes is None and report.recommended is None
    assert any("the modes" in note and "complex" in note for note in report.notes)


def test_nothing_is_measured_in_no_time():
    calls = []
    report = diagnosed(lambda x: calls.append(0) or np.sum(x), X, seconds=0)

    assert len(calls) == 2 and report.lines == [] and report.modes is None and math.isnan(report.value_time)


# Places.


def test_a_line_is_named_by_its_file_from_here_and_its_source():
    place = diagnosed(with_floor, X).independent[0].places[0]

    assert place.file == __file__ and place.function == "with_floor"
    assert place.text == "return np.sum(np.floor(x))  # here" and place.expression == "np.floor(x)"
    assert str(place).endswith(f"test_diagnose.py:{place.line}")


def test_owners_of_files():
    assert places.owner(__file__) == "user"
    assert places.owner(dd.__file__) == "dualdiff"
    assert places.owner(np.linalg.__file__) == "numpy"
    assert places.owner(dataclasses.__file__) == "library"
    assert places.owner("<stdin>") == places.owner("<ipython-input-1>") == "user"


def test_code_without_a_source_has_a_number_still():
    namespace = {"np": np}
    exec("def f(x):\n    return np.sum(np.floor(x))\n", namespace)
    finding = only(diagnosed(namespace["f"], X), "independent")

    assert (finding.place.file, finding.place.line) == ("<string>", 2)


# From the shell.

MODULE = """
import numpy as np

def smooth(x, n=2):
    return np.sum(x ** n)

def lost(x):
    return np.sum(np.floor(x))

class Model:
    def energy(x):
        return np.sum(x * x)

START = np.ones(3)
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "planted_module.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("planted_module", None)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["planted_module:smooth", "--args", "np.ones(3) + 0.5"], 0, "nothing wrong was found"),
        (["planted_module:smooth", "--args", "START, 3"], 0, "calls: 2 differentiated"),
        (["planted_module:Model.energy", "--args", "START"], 0, "np.sum"),
        (["planted_module.py:lost", "--args", "START * 0.5"], 1, "planted_module.py:8: independent"),
        (["planted_module:smooth", "--args", "np.array([True])"], 1, "refused"),
    ],
)
def test_from_the_shell(module, capsys, arguments, code, words):
    assert main(["diagnose", *arguments, "--seconds", "0"]) == code
    assert words in capsys.readouterr().out


def test_from_the_shell_as_html(module, capsys):
    assert main(["diagnose", "planted_module:lost", "--args", "START * 0.5", "--seconds", "0", "--html", "r.html"]) == 1
    assert "independent" in capsys.readouterr().out
    text = Path("r.html").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>") and "independent" in text


@pytest.mark.parametrize(
    "arguments",
    [
        ["smooth", "--args", "1.0"],
        ["no_such_module:f", "--args", "1.0"],
        ["planted_module:no_such_function", "--args", "1.0"],
        ["planted_module:smooth"],
        ["planted_module:smooth", "--args", "np.ones("],
        ["planted_module:smooth", "--args", "unknown"],
        ["planted_module:smooth", "--args", "1/0"],
        ["planted_module:START", "--args", "1.0"],
        ["no_such_file.py:f", "--args", "1.0"],
        ["planted_module:smooth", "--args", "1.0", "--argnums", "7"],
    ],
)
def test_from_the_shell_mistakes_are_said(module, capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        main(["diagnose", *arguments])
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_from_a_shell_of_its_own(module):
    command = [sys.executable, "-m", "dualdiff", "diagnose", "planted_module:lost", "--args", "np.ones(3) * 0.5"]
    path = str(Path(dd.__file__).parent.parent)
    done = subprocess.run(
        [*command, "--seconds", "0.02"], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path}
    )

    assert done.returncode == 1 and "does not depend on x" in done.stdout, done.stderr


# Errors and versions.


def test_every_public_error_is_of_one_class_and_every_warning_of_another():
    public = {name: getattr(dd, name) for name in dd.__all__}
    raised = [kind for kind in public.values() if isinstance(kind, type) and issubclass(kind, Exception)]

    assert set(raised) == set(dd.errors.TABLE)
    for kind in raised:
        assert issubclass(kind, dd.DualdiffWarning if issubclass(kind, Warning) else dd.DualdiffError)
        assert kind.__doc__ or not __debug__
    own = [kind for kind in vars(dd.errors).values() if isinstance(kind, type) and kind.__module__ == "dualdiff.errors"]
    assert set(own) == set(raised)


def test_the_guide_lists_every_error():
    page = (Path(dd.__file__).parent / "guide" / "errors.md").read_text(encoding="utf-8")
    for kind, (what, step) in dd.errors.TABLE.items():
        also = [base.__name__ for base in kind.__mro__ if base in (TypeError, ValueError, RuntimeError, UserWarning)]
        assert f"| `{kind.__name__}` | {', '.join(also)} | {what} | {step} |" in page


@pytest.mark.parametrize(
    ("run", "kind", "also"),
    [
        (lambda: dd.grad(lambda x: np.sum(np.packbits(x)))(X), dd.UnsupportedFunction, TypeError),
        (lambda: dd.grad(lambda x: {x: 1})(X), dd.DerivativeLost, TypeError),
        (lambda: dd.grad(lambda x: "".join(map(chr, [x[0]])))(X), dd.DerivativeLost, TypeError),
    ],
)
def test_refusals_are_errors_of_dualdiff_and_of_python(run, kind, also):
    with pytest.raises(kind) as error:
        run()
    assert isinstance(error.value, also) and isinstance(error.value, dd.DualdiffError)


def test_versions(capsys):
    dd.show_versions()
    printed = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())

    assert printed["dualdiff"] == dd.__version__ and printed["NumPy"] == np.__version__
    assert {"Python", "platform", "BLAS", "LAPACK", "scipy", "DUALDIFF_ADAPT"} <= set(printed)


def test_importing_the_package_loads_nothing_of_the_diagnosis():
    code = "import sys, dualdiff; print([n for n in sys.modules if n.startswith('dualdiff.diagnosis.')])"
    path = str(Path(dd.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ | {"PYTHONPATH": path}
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "f",
    [
        lambda x: ((np.exp(x) - 1) / x if x else 1.0) + x,
        lambda x: (1.0 if not x else (np.exp(x) - 1) / x) + x,
        lambda x: ((np.exp(x) - 1) / x if x != 0 else 1.0) + x,
        lambda x: (1.0 if x == 0 else (np.exp(x) - 1) / x) + x,
    ],
)
def test_a_branch_for_one_point_is_named_though_something_else_has_a_derivative(f):
    """The derivative is that of the branch, 1; that of the function, whose singularity is removable, is 1.5."""
    assert dd.derivative(f)(0.0) == 1.0
    kinks = dd.diagnose(f, 0.0, seconds=0).found("kink")
    assert len(kinks) == 1
    assert "border of two branches" in kinks[0].text
    assert not dd.diagnose(f, 0.5, seconds=0).found("kink")
