"""compare_modes: what it measures adds up, and it says when something is amiss."""

import builtins
import sys

import numpy as np
import pytest

import dualdiff as dd
from dualdiff.higher import mode_for_sizes


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


@pytest.fixture(scope="module")
def report():
    return dd.compare_modes(rosenbrock, np.linspace(0.5, 1.5, 400), seconds=0.02)


def test_report_has_three_modes_with_time_memory_work_and_error(report):
    forward, reverse, differences = report.modes

    assert [mode.name for mode in report.modes] == ["forward", "reverse", "differences"]
    assert (forward.work, reverse.work, differences.work) == (
        "1 sweep of 400 directions", "1 sweep of 1 cotangent", "401 evaluations",
    )  # fmt: skip
    assert all(mode.time > 0 and mode.memory > 0 for mode in report.modes)
    assert forward.memory > 400 * 400 * 8 > reverse.memory
    assert forward.error == 0 and reverse.error < 1e-14
    assert 1e-12 < differences.error < 1e-4
    assert report.agree


def test_many_inputs_of_a_scalar_recommend_reverse_mode(report):
    assert (report.n_inputs, report.n_outputs) == (400, 1)
    assert report.recommended == report.auto == "rev"
    assert "times faster than forward mode" in report.why


def test_many_outputs_recommend_forward_mode_and_auto_takes_it():
    report = dd.compare_modes(lambda x: np.outer(np.arange(300.0), np.sin(x)), np.ones(3), seconds=0.02)

    assert report.recommended == report.auto == "fwd"


def test_report_prints_a_table_and_html(report):
    text, html = str(report), report._repr_html_()

    assert text.splitlines()[0].startswith("rosenbrock: 400 inputs, 1 output, value in ")
    assert text.splitlines()[1].split() == ["mode", "work", "time", "/", "value", "peak", "memory", "error"]
    assert 'recommended: mode="rev"' in text and 'jacobian(mode="auto") takes "rev"' in text
    assert html.count("<tr>") == 4 and "differences" in html


def test_auto_that_is_not_recommended_is_said():
    report = dd.compare_modes(rosenbrock, np.ones(400), seconds=0.02)
    report.auto = "fwd"

    assert 'takes "fwd", which goes by sizes alone; here pass mode="rev"' in str(report)


def test_jacobian_that_would_take_too_long_is_measured_in_part():
    report = dd.compare_modes(rosenbrock, np.linspace(0.5, 1.5, 40_000), seconds=0.01)
    forward, reverse, differences = report.modes

    assert forward.measured.startswith("estimated from 1 of ") and differences.measured.startswith("estimated from 16")
    assert not reverse.measured
    assert report.agree and reverse.error < 1e-14
    assert forward.time > 100 * reverse.time
    assert "* forward: estimated" in str(report)


def test_function_that_is_not_a_function_of_its_arguments_is_found_out():
    rng = np.random.default_rng(0)
    report = dd.compare_modes(lambda x: rng.random() * x, np.ones(3), seconds=0.001)

    assert not report.agree
    assert "DISAGREE" in str(report)


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
    ],
)
def test_bad_input_raises(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_model_is_that_of_jacobian():
    assert mode_for_sizes(4, 1) == "fwd"  # few inputs
    assert mode_for_sizes(5, 2) == "rev"
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


def test_plot_without_matplotlib_says_what_to_install(report, monkeypatch):
    original = builtins.__import__

    def without_matplotlib(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return original(name, *args, **kwargs)

    for name in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without_matplotlib)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        report.plot()
