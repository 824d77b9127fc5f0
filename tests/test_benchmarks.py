"""The benchmarks read their data right, fit it to the certified digits, check their answers, and see losses."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from rich.progress import Progress

from benchmarks import check, figures, measuring, modes, nist, overhead, peers, rows, tables
from benchmarks.problems import Problem

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


@pytest.fixture
def untimed(monkeypatch):
    """Every call is made once, and takes a second."""

    def once(rounds, calls, *, shortest=0.01, patience=1.0):
        for call in calls:
            call()
        return [[1.0] for _ in calls]

    monkeypatch.setattr(measuring, "rounds_of_times", once)
    monkeypatch.setattr(rows, "rounds_of_times", once)


@pytest.mark.parametrize("name", list(figures.FIGURES))
def test_figures_have_right_answers(name, untimed):
    figure = figures.FIGURES[name](1)

    assert figure.passed
    assert json.dumps(figure.record())
    if "memory" in name:
        assert figure.measured <= 1.01 * figure.limit


@pytest.mark.parametrize("problem", overhead.problems(), ids=lambda p: f"{p.operator} {p.name} {p.size}")
def test_small_operations_have_the_derivatives_written_by_hand(problem, untimed):
    row = rows.measured(problem, "overhead", rounds=1)

    assert row.passed, row.error
    assert row.checked == "by hand"
    assert set(row.seconds) == {"value", "by hand", "dualdiff"}
    assert row.ratio() == row.ratio("by hand") == 1.0
    assert json.dumps(row.record())


def network_of_weights(W, b):
    return {"h": np.tanh(W @ b), "norm": np.sum(b**2)}


@pytest.mark.parametrize("operator", ["jacfwd", "jacrev", "jvp"])
def test_without_a_derivative_by_hand_the_other_mode_checks(operator, untimed):
    W, b = np.arange(6.0).reshape(2, 3) / 5, np.ones(3)
    tangents = (np.ones((2, 3)), np.arange(3.0)) if operator == "jvp" else ()
    problem = Problem("network", "3", operator, network_of_weights, (W, b), (0, 1), tangents=tangents)
    row = rows.measured(problem, "overhead", rounds=1)
    wrong = rows.error_against_other_mode(problem, doubled(problem.derivative(), operator))

    assert row.checked == "other mode"
    assert row.inputs == 9
    assert row.passed
    assert wrong > 0.1


def doubled(answer, operator):
    if operator == "jvp":
        return answer[0], {name: 2 * leaf for name, leaf in answer[1].items()}
    return {name: tuple(2 * leaf for leaf in leaves) for name, leaves in answer.items()}


def test_gradient_without_one_by_hand_is_checked_by_forward_mode(untimed):
    problem = overhead.gradient_of_rosenbrock(10)._replace(by_hand=None)
    row = rows.measured(problem, "overhead", rounds=1)

    assert (row.checked, row.passed) == ("other mode", True)
    assert rows.error_against_other_mode(problem, 1.001 * problem.derivative()) > 1e-4


def test_a_wrong_derivative_fails_its_row_and_the_command(untimed):
    problem = overhead.gradient_of_rosenbrock(10)._replace(by_hand=lambda x: overhead.rosenbrock_gradient(x) + 1e-3)
    row = rows.measured(problem, "overhead", rounds=1)

    assert not row.passed
    assert "WRONG" in tables.error_of(row.error, row.passed)


@pytest.mark.parametrize(("n", "m", "auto"), [(1, 64, "fwd"), (16, 1, "rev"), (64, 64, "fwd")])
def test_modes_agree_and_say_which_one_auto_takes(n, m, auto, untimed):
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


def test_wrong_answers_are_seen():
    right = (np.array([1.0, 2.0]),)

    assert measuring.largest_error((np.array([1.0, 2.5]),), right) == pytest.approx(0.25)
    assert measuring.largest_error((np.array([1.0, np.nan]),), right) == np.inf
    assert measuring.largest_error((np.array([[1.0, 2.0]]),), right) == np.inf
    assert measuring.largest_error((*right, 1.0), right) == np.inf
    assert measuring.largest_error(right, right) == 0.0


def test_calls_take_turns_and_a_slow_one_has_fewer(monkeypatch):
    turns = []

    def on_a_clock_of_its_own(call, count):
        turns.append(call)
        return count * {"quick": 1e-4, "slow": 0.3, "very slow": 5.0}[call]

    monkeypatch.setattr(measuring, "repeated", on_a_clock_of_its_own)
    calls = ["quick", "slow", "very slow"]
    seconds = measuring.rounds_of_times(6, calls, shortest=0.01, patience=1.0)

    assert [len(taken) for taken in seconds] == [6, 3, 1]
    assert [min(taken) for taken in seconds] == pytest.approx([1e-4, 0.3, 5.0])
    assert turns[-9:] == ["quick", "slow"] * 3 + ["quick"] * 3


class Scaled(peers.Peer):
    """A peer that multiplies dualdiff's answer by a factor, or raises."""

    name, package = "scaled", "numpy"

    def __init__(self, factor):
        self.factor = factor

    def derivative(self, problem):
        if self.factor is None:
            raise NotImplementedError("no such\nfunction")
        return lambda: self.factor * problem.derivative()


def test_peers_are_checked_before_they_are_timed_and_say_why_they_cannot_run(untimed):
    problem = overhead.gradient_of_rosenbrock(10)
    good, wrong, failing = (rows.measured(problem, "overhead", 1, [Scaled(factor)]) for factor in (1.0, 2.0, None))

    assert good.errors_of_peers == {"scaled": 0.0}
    assert good.ratio("scaled") == 1.0
    assert wrong.missing == {"scaled": "wrong answer: relative error 1e+00"}
    assert failing.missing == {"scaled": "NotImplementedError: no such"}
    table, footnotes = tables.side_by_side([wrong, failing, good], ["scaled"])
    assert table.row_count == 3
    assert footnotes[0] == "¹ scaled: wrong answer: relative error 1e+00"


@pytest.mark.parametrize("peer", peers.installed(), ids=lambda peer: peer.name)
def test_installed_peers_differentiate_the_same_plain_functions(peer):
    for problem in (overhead.gradient_of_rosenbrock(10), overhead.jacobian_of_layers("jacrev", 10)):
        _, _, error = peer.ready(problem, problem.derivative())

        assert error <= peer.largest_error


def test_functions_of_a_module_are_bound_to_another_numpy_together():
    class Namespace:
        stack = staticmethod(lambda arrays: ("stacked", len(arrays)))

    bound = peers.in_namespace(overhead.lorenz, Namespace)

    assert bound(np.ones(3)) == ("stacked", 3)
    assert overhead.lorenz(np.ones(3)).shape == (3,)
    calling = peers.in_namespace(overhead.trajectory, Namespace)
    assert calling.__globals__["lorenz"].__globals__["np"] is Namespace


def test_counts_are_the_same_each_time():
    call = overhead.gradient_of_rosenbrock(10).differentiated()

    assert check.counts(call) == check.counts(call)
    assert check.counts(call)["instructions"] > check.counts(call)["functions"] > 10


def test_check_fails_on_a_loss_and_on_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(check, "problems", lambda: [overhead.gradient_of_rosenbrock(10)])
    file = tmp_path / "committed.json"

    def checked(**options):
        console = Console(file=io.StringIO(), width=200)
        with Progress(console=console, disable=True) as progress:
            status = check.run(console, progress, **{"quick": True, "update": False, "file": file, **options})
        return status, console.file.getvalue()

    assert checked()[0] == 2
    assert checked(update=True)[0] == 0
    assert checked()[0] == 0
    committed = json.loads(file.read_text(encoding="utf-8"))
    for of_python in committed["counts"].values():
        of_python["grad of rosenbrock, 10"]["functions"] -= 10
    file.write_text(json.dumps(committed), encoding="utf-8")
    status, text = checked()
    assert status == 1
    assert "lost" in text
    assert "functions, committed" in text


def test_committed_counts_know_every_problem_that_is_checked():
    committed = json.loads(check.COMMITTED.read_text(encoding="utf-8"))
    names = {f"{problem.operator} of {problem.name}, {problem.size}" for problem in check.problems()}

    assert set(committed["ratios"]) == names
    assert all(set(counts) == names for counts in committed["counts"].values())


def test_pictures_are_drawn_of_sizes_and_of_the_map(tmp_path, untimed):
    pytest.importorskip("matplotlib")
    from benchmarks import plots

    of_sizes = [rows.measured(overhead.gradient_of_rosenbrock(n), "overhead", 1) for n in (2, 10, 100)]
    said = plots.draw([*of_sizes, *sweep_of(2.0)], tmp_path / "picture.png")

    assert said.endswith("1 × ratio against size, the map of the modes")
    assert (tmp_path / "picture.png").stat().st_size > 5000
    assert "nothing to draw" in plots.draw(of_sizes[:2], tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()


def run(*options):
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *options],
        cwd=Path(__file__).parent.parent,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_command_prints_the_chosen_tables_and_writes_every_row(tmp_path):
    file = tmp_path / "rows.json"
    done = run(
        "--quick", "--only", "misra1a", "--only", "rosenbrock", "--only", "import of dualdiff", "--json", str(file)
    )

    assert done.returncode == 0, done.stderr
    assert "Misra1a" in done.stdout
    assert "Thurber" not in done.stdout
    assert "rosenbrock" in done.stdout
    assert "blas threads 1" in done.stdout
    written = json.loads(file.read_text(encoding="utf-8"))
    assert {row["section"] for row in written["rows"]} == {"fits", "overhead", "figures"}
    assert all(row["passed"] for row in written["rows"])
    assert written["environment"]["numpy"] == np.__version__


def test_command_refuses_what_it_does_not_know():
    done = run("--only", "rosenbruck")

    assert done.returncode == 2
    assert "the names are" in done.stderr
    assert run("--update").returncode == 2


def test_dualdiff_imports_nothing_of_the_benchmarks():
    package = Path(__file__).parent.parent / "dualdiff"

    assert not [
        file for file in package.rglob("*.py") if re.search(r"^\s*(from|import) benchmarks", file.read_text(), re.M)
    ]
