"""compare_modes: what it measures adds up, and it says when something is amiss.

Where a test depends on which mode is faster, time is that of a `Clock`, which counts work.
"""

import builtins
import functools
import re
import sys

import numpy as np
import pytest

import dualdiff as dd
from dualdiff.transforms import columns as by_columns
from dualdiff.transforms import compare
from dualdiff.transforms import rows as by_rows
from dualdiff.transforms.jacobian import mode_for_sizes
from dualdiff.transforms.mode_report import Mode, ModeReport


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


class Clock:
    """A clock that stands still but for the work that is done, and a microsecond at each reading."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 1e-6
        return self.now


@pytest.fixture
def clock(patched):
    """A clock of its own for `compare_modes`."""
    clock = Clock()
    patched(compare, "_clock", clock)
    return clock


@pytest.fixture
def sweeps(clock, patched):
    """Time passes with sweeps: 10 µs for each, 1 µs for a direction forward, 2 µs for a cotangent back."""
    columns, rows = by_columns.swept, by_rows.rows

    def sweep(given, start, stop):
        clock.now += 1e-6 * (10 + stop - start)
        return columns(given, start, stop)

    def pull(record, node, y_shape, start, stop):
        clock.now += 1e-6 * (10 + 2 * (stop - start))
        return rows(record, node, y_shape, start, stop)

    patched(by_columns, "swept", sweep)
    patched(by_rows, "rows", pull)


@pytest.fixture
def report(sweeps):
    return dd.compare_modes(rosenbrock, np.linspace(0.5, 1.5, 300), seconds=0.02)


def test_report_has_three_modes_with_time_memory_work_and_error(report):
    forward, reverse, differences = report.modes

    assert [mode.name for mode in report.modes] == ["forward", "reverse", "differences"]
    assert (forward.work, reverse.work, differences.work) == (
        "1 sweep of 300 directions", "1 sweep of 1 cotangent", "301 evaluations",
    )  # fmt: skip
    assert all(mode.time > 0 and mode.memory > 0 for mode in report.modes)
    assert forward.memory > 300 * 300 * 8 > reverse.memory
    assert np.isnan(forward.error) and reverse.error < 1e-14  # forward mode is the reference
    assert 1e-12 < differences.error < 1e-4
    assert report.agree


def test_many_inputs_of_a_scalar_recommend_reverse_mode(report):
    assert (report.n_inputs, report.n_outputs) == (300, 1)
    assert report.recommended == report.auto == "rev"
    assert report.why.startswith("reverse mode was 23.9 times faster than forward mode")


def test_many_outputs_recommend_forward_mode_and_auto_takes_it(sweeps):
    report = dd.compare_modes(lambda x: np.outer(np.arange(300.0), np.sin(x)), np.ones(3), seconds=0.02)

    assert report.recommended == report.auto == "fwd"


def test_report_prints_a_table_and_html(report):
    text, html = str(report), report._repr_html_()

    assert text.splitlines()[0].startswith("rosenbrock: 300 inputs, 1 output, value in ")
    assert text.splitlines()[1].split() == ["mode", "work", "time", "/", "value", "peak", "memory", "error"]
    assert 'recommended: mode="rev"' in text and 'jacobian(mode="auto") takes "rev"' in text
    assert html.count("<tr>") == 4 and "differences" in html


def test_auto_that_is_not_recommended_is_said(sweeps):
    report = dd.compare_modes(rosenbrock, np.ones(400), seconds=0.02)
    report.auto = "fwd"

    assert 'takes "fwd", which goes by sizes alone; here pass mode="rev"' in str(report)


def test_jacobian_that_would_take_too_long_is_measured_in_part(sweeps):
    report = dd.compare_modes(rosenbrock, np.linspace(0.5, 1.5, 15_000), seconds=0.01)
    forward, reverse, differences = report.modes

    assert forward.note.startswith("estimated from 1 and 2 sweeps of ") and differences.note.startswith(
        "estimated from 16"
    )
    assert not reverse.note
    assert report.agree and reverse.error < 1e-14
    assert forward.time > 100 * reverse.time
    assert "* forward: estimated" in str(report)


def test_function_that_is_not_a_function_of_its_arguments_is_found_out():
    rng = np.random.default_rng(0)
    report = dd.compare_modes(lambda x: rng.random() * x, np.ones(3), seconds=0.001)

    assert not report.agree
    assert "is the function the same at every call" in str(report)


def test_nested_arguments_and_results_and_several_argnums():
    def f(parameters, t):
        return {"model": parameters["a"] * np.exp(-parameters["b"] * t), "size": parameters["a"] ** 2}

    report = dd.compare_modes(f, {"a": 2.0, "b": np.ones(3)}, np.arange(3.0), argnums=(0, 1), seconds=0.001)

    assert (report.n_inputs, report.n_outputs) == (7, 4)
    assert report.agree and report.modes[2].error < 1e-6


def test_arguments_stay_as_they_were():
    x = np.ones(3)

    def writes(x):
        x[0] = 5.0
        return x * x

    dd.compare_modes(writes, x, seconds=0.001)
    assert x[0] == 1.0


def test_infinite_and_missing_entries_are_no_disagreement():
    with np.errstate(all="ignore"):
        report = dd.compare_modes(np.sqrt, np.array([0.0, 1.0]), seconds=0.001)

    assert report.agree


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dd.compare_modes(3, np.ones(2)), "compare_modes"),
        (lambda: dd.compare_modes(np.sum, "text"), "compare_modes: argument 0"),
        (lambda: dd.compare_modes(np.sum, np.ones(2) * 1j), "complex"),
        (lambda: dd.compare_modes(np.sum, np.ones(2), argnums=1), "compare_modes: argnums=1"),
        (lambda: dd.compare_modes(lambda x: np.exp(1j * x), np.ones(2)), "real and imaginary parts"),
        (lambda: dd.compare_modes(np.sum, np.ones(0)), "0 inputs"),
        (lambda: dd.compare_modes(lambda x: x[:0], np.ones(2)), "0 outputs"),
        (lambda: dd.compare_modes(np.sum, np.ones(2), seconds=0), "seconds"),
    ],
)
def test_bad_input_raises(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_model_is_that_of_jacobian():
    assert mode_for_sizes(16, 1) == "fwd"  # few inputs
    assert mode_for_sizes(17, 8) == "rev"
    assert mode_for_sizes(100, 50) == "fwd"
    assert mode_for_sizes(101, 50) == "rev"


def test_plot_draws_every_mode(report):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    axes = report.plot()

    assert [label.get_text() for label in axes.get_yticklabels()] == ["differences", "reverse", "forward"]
    assert report.plot(ax=axes) is axes
    plt.close("all")


def test_plot_without_matplotlib_says_what_to_install(report, monkeypatch, patched):
    original = builtins.__import__

    def without_matplotlib(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return original(name, *args, **kwargs)

    for name in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    patched(builtins, "__import__", without_matplotlib)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        report.plot()


@dd.custom_jvp
def sine(x):
    return np.sin(x)


sine.defjvp(lambda primals, tangents: (np.sin(primals[0]), tangents[0] * np.sin(primals[0])))


def test_wrong_rule_is_found_by_the_differences():
    """Forward and reverse mode share the rule, so they agree on the wrong derivative."""
    report = dd.compare_modes(sine, np.array([0.3, 0.5]), seconds=0.001)

    assert report.modes[1].error < 1e-15 and report.modes[2].error > 0.1
    assert not report.agree
    assert "or a wrong one" in str(report)


def test_float32_agrees_within_its_digits():
    A = np.random.default_rng(0).standard_normal((60, 60)).astype(np.float32) / 8

    def network(x):
        for _ in range(8):
            x = np.tanh(A @ x + x)
        return x[:20]

    assert dd.compare_modes(network, np.linspace(-1, 1, 60, dtype=np.float32), seconds=0.001).agree
    both = dd.compare_modes(lambda a, b: np.sum(a) * b, np.ones(3, np.float32), 2.0, argnums=(0, 1), seconds=0.001)
    assert both.modes[2].error < 1e-3


def test_modes_as_fast_as_each_other_leave_the_choice_to_memory(clock):
    def slow(x):
        clock.now += 0.005
        return np.sum(x**2)

    report = dd.compare_modes(slow, np.ones(60), seconds=0.02)

    assert report.recommended == report.auto == "rev"
    assert "same time within 10 %" in report.why and "times the memory" in report.why
    assert "here pass" not in str(report)


@pytest.mark.parametrize(("memory", "said"), [(2e6, ", with 4 times the memory"), (1e6, "")])
def test_a_faster_mode_that_takes_more_memory_says_so(memory, said):
    given = ("forward", 3.0, 5e5), ("reverse", 1.0, memory), ("differences", 9.0, 0.0)
    modes = [Mode(name, "", time, taken, 0.0) for name, time, taken in given]
    report = ModeReport("f", 1.0, modes, n_inputs=60, n_outputs=1, tolerance=1e-9)

    assert report.recommended == "rev"
    assert report.why == f"reverse mode was 3 times faster than forward mode{said}"


def test_mode_that_cannot_be_used_is_a_row_with_the_reason():
    @dd.custom_vjp
    def clipped(x):
        return x

    clipped.defvjp(lambda x: (x, None), lambda _, cotangent: (np.clip(cotangent, -1.0, 1.0),))
    report = dd.compare_modes(lambda x: np.sum(0.5 * clipped(x)), np.ones(30), seconds=0.001)

    assert report.recommended == "rev" and report.agree
    assert "forward      cannot be used" in str(report) and "* forward: " in str(report)
    assert "cannot be used" in report._repr_html_()


def test_captured_variables_are_constants():
    v = dd.Variable(np.arange(3.0))

    assert dd.compare_modes(lambda x: np.sum(x * v), np.ones(3), seconds=0.001).agree
    assert dd.compare_modes(lambda x: np.sum(x * x), v, seconds=0.001).agree


def test_value_is_timed_without_copies_of_the_arguments(clock, patched):
    def copied(arg, copied=compare.copied):
        clock.now += 1.0
        return copied(arg)

    patched(compare, "copied", copied)
    report = dd.compare_modes(lambda x: x[0] * 2.0, np.ones(10), seconds=0.01)

    assert report.value_time < 1e-5


def test_function_is_called_about_a_thousand_times_at_most():
    calls = []

    def counting(x):
        calls.append(1)
        return np.sum(x)

    dd.compare_modes(counting, np.ones(3))
    assert len(calls) < 1100


def test_names_are_short_and_numbers_have_no_exponents():
    report = dd.compare_modes(functools.partial(np.multiply, np.ones(3)), np.ones(3), seconds=0.001)
    many = dd.compare_modes(rosenbrock, np.linspace(0.5, 1.5, 40_000), seconds=0.01)

    assert str(report).startswith("multiply: 3 inputs")
    assert not re.search(r"\de\+\d", str(many))
