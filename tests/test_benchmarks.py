"""The benchmarks read their data right, fit it to the certified digits, and check their answers."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import modes, nist, overhead

each_set = pytest.mark.parametrize("name", list(nist.MODELS))


@pytest.mark.parametrize(
    ("name", "observations", "parameters"), [("Misra1a", 14, 2), ("Thurber", 37, 7), ("MGH09", 11, 4)]
)
def test_files_are_read_whole(name, observations, parameters):
    data = nist.read(name)

    assert data.x.shape == data.y.shape == (observations,)
    assert data.certified.shape == (parameters,)
    assert [start.shape for start in data.starts] == [(parameters,)] * 2


@each_set
def test_model_at_the_certified_parameters_has_the_certified_sum_of_squares(name):
    data = nist.read(name)

    assert np.sum(nist.Residual(data)(data.certified) ** 2) == pytest.approx(data.sum_of_squares, rel=1e-9)


@each_set
def test_exact_fits_reach_the_certified_digits_and_differences_do_not(name):
    for row in nist.run([name]):
        assert row.passed
        assert row.exact.refined_digits > row.differences.refined_digits + 1
        assert row.exact.evaluations + row.exact.sweeps < row.differences.evaluations


def test_digits_are_those_of_the_worst_parameter():
    assert nist.digits(np.array([1.0, 2.02]), np.array([1.0, 2.0])) == pytest.approx(2.0)
    assert nist.digits(np.array([1.0]), np.array([1.0])) == 11
    assert nist.digits(np.array([5.0]), np.array([1.0])) == 0


@pytest.mark.parametrize("name", list(overhead.FIGURES))
def test_figures_have_right_answers(name, monkeypatch):
    monkeypatch.setattr(overhead, "times", lambda rounds, calls: [1.0] * len(calls))
    row = overhead.FIGURES[name](1)

    assert row.passed
    if "memory" in name:
        assert row.measured <= 1.01 * row.limit


@pytest.mark.parametrize(("n", "m", "auto"), [(1, 64, "fwd"), (16, 1, "rev"), (64, 64, "fwd")])
def test_modes_agree_and_say_which_one_auto_takes(n, m, auto, monkeypatch):
    monkeypatch.setattr(modes, "times", lambda rounds, calls, shortest: [1.0] * len(calls))
    row = modes.measured(n, m, rounds=1)

    assert row.passed
    assert row.auto == auto


def sweep_of(cost):
    """Times of modes whose columns cost 1 and whose rows cost ``cost``."""
    return [
        modes.Row(n, m, value=1.0, forward=1.0 * n, reverse=cost * m, auto="fwd", checked=0.0)
        for n in (1, 64, 256)
        for m in (1, 64, 256)
    ]


def test_crossings_and_the_cost_of_a_row_are_those_of_the_sweep():
    rows = sweep_of(2.0)

    assert modes.row_cost(rows) == pytest.approx(2.0)
    assert modes.crossings(rows) == {1: None, 64: pytest.approx(32.0), 256: pytest.approx(128.0)}
    assert modes.loss(rows, 2.0) == pytest.approx(1.0)
    assert modes.loss(rows, 100.0) > 1.01


def test_wrong_answer_is_seen():
    assert overhead.largest_error((np.array([1.0, 2.0]),), (np.array([1.0, 2.5]),)) == pytest.approx(0.2)


def run(*options):
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *options],
        cwd=Path(__file__).parent.parent,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_command_prints_the_chosen_tables():
    done = run("--quick", "--only", "misra1a", "--only", "rosenbrock", "--only", "modes")

    assert done.returncode == 0, done.stderr
    assert "Misra1a" in done.stdout
    assert "Thurber" not in done.stdout
    assert "rosenbrock" in done.stdout
    assert "ROW_COST" in done.stdout


def test_command_refuses_an_unknown_name():
    done = run("--only", "rosenbruck")

    assert done.returncode == 2
    assert "the names are" in done.stderr
