"""The rows of ``python -m benchmarks --only scipy``: answers that are checked, evaluations that are counted."""

import io

import numpy as np
import pytest
from rich.console import Console

import dualdiff as dd
from benchmarks import scipy_drivers, tables


def shown(rows):
    console = Console(width=200, file=io.StringIO())
    tables.show(console, tables.of_scipy(rows))
    return console.file.getvalue()


@pytest.mark.parametrize("name", scipy_drivers.FIGURES)
def test_an_answer_is_checked_before_it_is_timed(name):
    run, _, few = scipy_drivers.FIGURES[name]
    row = run(few, 1)

    assert row.passed
    assert row.record()["ratio"] == row.seconds["ours"] / row.seconds["beside"]


@pytest.mark.parametrize("name", ["least_squares", "minimize BFGS", "newton"])
def test_a_whole_solve_takes_fewer_evaluations_than_scipys_default(name):
    row = scipy_drivers.solved(name, 1)

    assert row.passed
    assert row.evaluations["ours"] < row.evaluations["beside"]
    assert f"{row.evaluations['ours']} / {row.evaluations['beside']}" in shown([row])


def test_a_wrong_gradient_does_not_pass():
    f, x = (lambda x: np.sum(x**2)), np.array([1.0, 2.0])
    row = scipy_drivers.beside_differences("wrong", "2", f, x, lambda x: 2 * x + 1e-4, 1.0, 1)

    assert not row.passed
    assert "WRONG" in shown([row])


@pytest.mark.parametrize(("factor", "passed"), [(2, True), (3, False)])
def test_a_staged_gradient_is_measured_and_checked_where_there_is_one(patched, factor, passed):
    f, x = (lambda x: np.sum(x**2)), np.array([1.0, 2.0])
    patched(scipy_drivers, "staged", lambda transform: lambda x: factor * x)
    row = scipy_drivers.beside_differences("staged", "2", f, x, dd.grad(f), 1.0, 1)

    assert row.passed == passed
    assert row.seconds["staged"] > 0
    assert "staged" in shown([row])
