"""The benchmarks read their data right, fit it to the certified digits, check their answers, and see losses."""

import io
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from rich.progress import Progress

import dualdiff as dd
from benchmarks import __main__ as main
from benchmarks import (
    adapted,
    answers,
    building,
    check,
    counted,
    figures,
    manifolds,
    measuring,
    modes,
    nist,
    overhead,
    peers,
    rows,
    sections,
    tables,
)
from benchmarks.problems import Problem
from dualdiff.staging import blocks

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
def untimed(patched):
    """Every call is made once, and takes a second."""

    def once(rounds, calls, *, shortest=0.01, patience=1.0):
        for call in calls:
            call()
        return [[1.0] for _ in calls]

    patched((measuring, rows), "rounds_of_times", once)


@pytest.mark.parametrize("name", list(adapted.FIGURES))
def test_what_unchanged_code_costs_is_measured(name, monkeypatch):
    monkeypatch.setattr(adapted, "DEPTHS", (0, 1))
    figure = adapted.FIGURES[name](1)

    assert figure.passed
    assert figure.record()["section"] == "unchanged"
    assert math.isfinite(figure.measured)  # a difference of times, which load may turn round


@pytest.mark.parametrize("name", ["staging rosenbrock", "memory of staging layers", "passes per record"])
def test_what_it_takes_to_write_a_program(name):
    figure = building.FIGURES[name](1)

    assert figure.passed
    assert figure.record()["section"] == "building"
    assert 0 < figure.measured <= figure.limit * (1 if "memory" in name else 20)


@pytest.mark.parametrize("name", list(figures.FIGURES))
def test_figures_have_right_answers(name, request, monkeypatch):
    if "memory" not in name and "import" not in name:
        request.getfixturevalue("untimed")
    monkeypatch.setattr(figures, "N", 50_000)
    if "staged" in name:  # whose memory depends on how many entries there are: long arrays go in parts
        monkeypatch.setattr(figures, "N", 100_000)
        assert blocks.LONG <= figures.N
    monkeypatch.setattr(figures, "N_OF_JACOBIAN", 2000)
    monkeypatch.setattr(figures, "N_OF_CHAIN", 100_000)
    figure = figures.FIGURES[name](1)

    assert figure.passed
    assert json.dumps(figure.record())
    if "memory" in name:
        assert figure.measured <= 1.01 * figure.limit


@pytest.mark.parametrize(
    "problem",
    [*overhead.problems(10**5, steps=20), *manifolds.problems((5, 50))],
    ids=lambda p: f"{p.operator} {p.name} {p.size}",
)
def test_small_operations_have_the_derivatives_written_by_hand(problem, untimed):
    row = rows.measured(problem, "overhead", rounds=1)

    assert row.passed, row.error
    assert row.checked == "by hand, differences"
    assert set(row.seconds) - {"staged"} == {"value", "by hand", "dualdiff"}
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
    twice = doubled(problem.derivative(), operator)
    wrong = answers.error_to_other_mode(problem, twice)

    assert row.checked == "other mode, differences"
    assert row.inputs == 9
    assert row.passed
    assert wrong > 0.1
    assert answers.Judge(problem).error_to_differences(twice) > 0.1


def doubled(answer, operator):
    if operator == "jvp":
        return answer[0], {name: 2 * leaf for name, leaf in answer[1].items()}
    return {name: tuple(2 * leaf for leaf in leaves) for name, leaves in answer.items()}


def test_gradient_without_one_by_hand_is_checked_by_forward_mode(untimed):
    problem = overhead.gradient_of_rosenbrock(10)._replace(by_hand=None)
    row = rows.measured(problem, "overhead", rounds=1)

    assert (row.checked, row.passed) == ("other mode, differences", True)
    assert answers.error_to_other_mode(problem, 1.001 * problem.derivative()) > 1e-4


def test_a_wrong_derivative_fails_its_row_and_the_command(untimed):
    problem = overhead.gradient_of_rosenbrock(10)._replace(by_hand=lambda x: overhead.rosenbrock_gradient(x) + 1e-3)
    row = rows.measured(problem, "overhead", rounds=1)

    assert not row.passed
    assert "WRONG" in tables.error_of(row.error, row.passed)


@dd.custom_jvp
def sine(x):
    return np.sin(x)


sine.defjvp(lambda primals, tangents: (np.sin(*primals), 1.01 * np.cos(*primals) * tangents[0]))


@pytest.mark.parametrize("operator", ["grad", "jacfwd", "jacrev", "jvp", "hvp", "hessian"])
def test_a_wrong_rule_that_both_modes_share_fails_its_row(operator, untimed):
    f = (lambda x: sine(x) * x) if operator in ("jacfwd", "jacrev") else lambda x: np.sum(sine(x) * x)
    x, v = overhead.points(3)
    problem = Problem("sine", "3", operator, f, (x,), tangents=(v,) if operator in ("jvp", "hvp") else ())
    row = rows.measured(problem, "overhead", rounds=1)

    assert not row.passed
    assert 1e-3 < row.error < 0.1
    assert row.verdict.exact is None or row.verdict.exact < 1e-14
    assert "WRONG" in tables.error_of(row.error, row.passed)


@pytest.mark.parametrize("problem", check.problems(), ids=lambda p: f"{p.operator} {p.name} {p.size}")
def test_problems_of_the_check_have_right_derivatives(problem):
    assert answers.Judge(problem).verdict(problem.derivative()).passed


@pytest.mark.parametrize("other", counted.others(), ids=lambda other: other.name)
def test_what_the_check_counts_beside_problems_is_right(other):
    assert other.error <= counted.LARGEST_ERROR
    wrong = other._replace(sent=lambda answer: 1.001 * other.sent(answer))
    assert wrong.error > counted.LARGEST_ERROR


@pytest.mark.parametrize(("n", "m", "auto"), [(1, 64, "fwd"), (64, 1, "rev"), (64, 64, "fwd")])
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
    assert modes.crossings(rows) == {1: [], 64: [pytest.approx(32.0)], 256: [pytest.approx(128.0)]}
    assert modes.loss(rows, 2.0) == pytest.approx(1.0)
    assert modes.loss(rows, 100.0) > 1.01
    assert modes.loss(rows, 2.0, few=64) > 1.01
    assert min(modes.losses(rows), key=modes.losses(rows).get) == (1.5, 4)
    assert modes.comparison(rows)[1] == "For n = 1 forward mode is faster throughout."


def test_modes_that_cross_twice_are_said_to():
    ratios = (0.5, 2.0, 0.5, 2.0)
    rows = [
        modes.Row(8, 4**i, value=1.0, forward=1.0, reverse=ratio, auto="fwd", checked=0.0)
        for i, ratio in enumerate(ratios)
    ]

    assert modes.comparison(rows) == ["Both take the same time at n = 8, m = 2 and 8 and 32."]
    assert modes.comparison(rows[:1]) == ["For n = 8 reverse mode is faster throughout."]


def test_wrong_answers_are_seen():
    right = (np.array([1.0, 2.0]),)

    assert measuring.largest_error((np.array([1.0, 2.5]),), right) == pytest.approx(0.25)
    assert measuring.largest_error((np.array([1.0, np.nan]),), right) == np.inf
    assert measuring.largest_error((np.array([[1.0, 2.0]]),), right) == np.inf
    assert measuring.largest_error((*right, 1.0), right) == np.inf
    assert measuring.largest_error(right, right) == 0.0


def test_calls_take_turns_and_a_slow_one_has_fewer(patched):
    turns = []

    def on_a_clock_of_its_own(call, count):
        turns.append(call)
        return count * {"quick": 1e-4, "slow": 0.3, "very slow": 5.0}[call]

    patched(measuring, "repeated", on_a_clock_of_its_own)
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

    assert good.errors_of_peers["scaled"] < 1e-15
    assert good.ratio("scaled") == 1.0
    assert wrong.missing == {"scaled": "wrong answer: relative error 1"}
    assert failing.missing == {"scaled": "NotImplementedError: no such"}
    table, footnotes = tables.side_by_side([wrong, failing, good], ["scaled"])
    assert table.row_count == 3
    assert "dualdiff's answer" in table.caption
    assert footnotes[0] == "¹ scaled: wrong answer: relative error 1"


@pytest.mark.parametrize("by_hand", [overhead.rosenbrock_gradient, None])
def test_a_right_peer_stays_where_dualdiff_is_wrong(by_hand, untimed, patched):
    problem = overhead.gradient_of_rosenbrock(10)._replace(by_hand=by_hand)
    right = problem.differentiated()
    wrong = lambda: 1.5 * right()
    patched(Problem, "differentiated", lambda self: wrong)
    peer = Scaled(1.0)
    peer.derivative = lambda problem: right
    row = rows.measured(problem, "overhead", 1, [peer])

    assert not row.passed
    assert row.missing == {}
    assert row.errors_of_peers["scaled"] < 1e-8


@pytest.mark.parametrize("peer", peers.installed(), ids=lambda peer: peer.name)
def test_installed_peers_differentiate_the_same_plain_functions(peer):
    for problem in (overhead.gradient_of_rosenbrock(10), overhead.jacobian_of_layers("jacrev", 10)):
        _, _, error = peer.ready(problem, answers.Judge(problem))

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

    once, again = check.counts(call), check.counts(call)

    assert once["bytes"] == pytest.approx(again.pop("bytes"), abs=check.FEW_BYTES)
    assert {**again, "bytes": once["bytes"]} == once
    assert once["instructions"] > once["functions"] > 10


def test_check_fails_on_a_loss_and_on_nothing_else(tmp_path, patched):
    patched(check, "problems", lambda: [overhead.gradient_of_rosenbrock(10)])
    patched(check, "others", lambda: [counted.jacobians_of_points()])
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
    patched(
        check, "problems", lambda: [overhead.gradient_of_rosenbrock(10)._replace(by_hand=lambda x: np.ones_like(x))]
    )
    status, text = checked(update=True)
    assert (status, "WRONG answers" in text) == (1, True)


def test_committed_counts_know_every_problem_that_is_checked():
    committed = json.loads(check.COMMITTED.read_text(encoding="utf-8"))
    names = {item.name for item in check.checked()}

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


def test_pictures_of_sparse_derivatives_show_costs_and_groups(tmp_path, untimed):
    pytest.importorskip("matplotlib")
    pytest.importorskip("scipy")
    from benchmarks import plots, sparse, sparse_plots

    seconds = {"value": 1e-5, "jvp": 3e-5, "derivative": 9e-5, "differences": 1e-3}
    of_sizes = [sparse.Row("heat", str(n), n, 3 * n, 3, seconds, 1e-12) for n in (1000, 10, 100)]
    said = plots.draw(of_sizes, tmp_path / "sparse.png")
    assert said.endswith("1 × cost against n and patterns coloured by group")
    assert (tmp_path / "sparse.png").stat().st_size > 5000
    assert plots.draw(of_sizes[:1], tmp_path / "one.png").endswith("one.png: patterns coloured by group")
    both = [*(rows.measured(overhead.gradient_of_rosenbrock(n), "overhead", 1) for n in (2, 10, 100)), *of_sizes]
    assert "both_sparse.png" in plots.draw(both, tmp_path / "both.png")
    row, column, group = sparse_plots.entries("bratu", 25)
    assert len(set(zip(row.tolist(), group.tolist(), strict=True))) == len(column)  # no row has a group twice


def run(*options, **variables):
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *options],
        cwd=Path(__file__).parent.parent,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **variables},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_command_prints_the_chosen_tables_and_writes_every_row(tmp_path):
    file = tmp_path / "rows.json"
    chosen = "misra1a", "tanh network", "grad of scalars"
    done = run("--quick", *(word for name in chosen for word in ("--only", name)), "--json", str(file))

    assert done.returncode == 0, done.stderr
    assert "Misra1a" in done.stdout
    assert "Thurber" not in done.stdout
    assert "tanh network" in done.stdout
    assert "blas threads 1" in done.stdout
    written = json.loads(file.read_text(encoding="utf-8"))
    assert {row["section"] for row in written["rows"]} == {"fits", "overhead", "staging", "figures"}
    assert all(row["passed"] for row in written["rows"])
    assert written["environment"]["numpy"] == np.__version__


@pytest.fixture
def command(monkeypatch, patched, capsys):
    """The command in this process, for what it says before it measures."""

    def said(*options):
        monkeypatch.setattr(sys, "argv", ["benchmarks", *options])
        with pytest.raises(SystemExit) as exit:
            main.main()
        return exit.value.code, capsys.readouterr().err

    patched(main, "run", lambda *_: pytest.fail("it measures"), never=True)
    return said


def test_command_refuses_what_it_does_not_know(command):
    status, said = command("--only", "rosenbruck")

    assert status == 2
    assert "did you mean rosenbrock? the names are" in said
    assert command("--update")[0] == 2
    assert "no peer runs in modes" in command("--only", "modes", "--peers")[1]


def test_command_refuses_files_that_it_could_not_write_before_it_measures(command, tmp_path):
    (tmp_path / "folder.json").mkdir()
    for option, name, fault in (
        ("--json", "missing/rows.json", "there is no directory"),
        ("--json", "folder.json", "it is a directory"),
        ("--json", "rows.txt", "its name should end in .json"),
        ("--plot", "picture.pdf", "its name should end in .png"),
    ):
        status, said = command("--only", "modes", option, str(tmp_path / name))

        assert status == 2
        assert fault in said


def test_command_refuses_a_plot_of_nothing_before_it_measures(command, tmp_path):
    pytest.importorskip("matplotlib")

    assert "nothing to draw" in command("--only", "lstm", "--plot", str(tmp_path / "picture.png"))[1]


def test_without_scipy_there_are_no_fits_and_no_tracebacks(command, patched):
    patched(sections, "find_spec", lambda name: None)

    assert "the fits need SciPy: pip install" in command("--only", "Thurber")[1]
    assert {task.section for task in sections.chosen((), sections.Options())} == {*sections.ALWAYS} - {"fits"}


def test_without_rich_the_command_says_how_to_install_it(tmp_path):
    (tmp_path / "rich.py").write_text("raise ImportError")
    done = run(PYTHONPATH=str(tmp_path))

    assert done.returncode == 2
    assert done.stderr == 'The tables are printed by rich, which is not installed: pip install -e ".[bench]"\n'


def test_a_problem_is_found_by_a_word_of_its_name():
    assert [task.name for task in sections.chosen(["Network"], sections.Options())] == ["tanh network"]
    assert {task.section for task in sections.chosen(["rosenbrock"], sections.Options())} == {"overhead", "staging"}


def test_numbers_that_json_does_not_know_are_text():
    assert measuring.in_json({"error": (np.inf, 1.0, None), "size": "nan"}) == {
        "error": ["inf", 1.0, None],
        "size": "nan",
    }
    assert measuring.in_json([np.float64("nan")]) == ["nan"]


@pytest.mark.parametrize(("x", "text"), [(0.01234, "0.0123"), (100.0, "100"), (999.7, "1 000"), (1480.2, "1 480")])
def test_large_numbers_have_no_exponent(x, text):
    assert measuring.number(x) == text
    assert measuring.duration(999.7e-6) == "1 ms"
    assert measuring.error_text(1.0) == "1"
    assert measuring.error_text(3e-16) == "3e-16"


def test_narrow_terminals_cut_no_number(untimed):
    row = rows.measured(overhead.gradient_of_rosenbrock(10), "overhead", rounds=1)
    shown = []
    for width in (60, 200):
        console = Console(file=io.StringIO(), width=width)
        tables.show(console, tables.of_rows([row]))
        shown.append(console.file.getvalue())
        assert console.width == width

    assert shown[0] == shown[1]
    assert "…" not in shown[0]


def test_dualdiff_imports_nothing_of_the_benchmarks():
    package = Path(__file__).parent.parent / "dualdiff"

    assert not [
        file for file in package.rglob("*.py") if re.search(r"^\s*(from|import) benchmarks", file.read_text(), re.M)
    ]
