"""``python -m dualdiff``: the support table is the table of rules, no more and no less."""

import re

import numpy as np
import pytest

from dualdiff import guide
from dualdiff.__main__ import KINDS, main, rows
from dualdiff.errors import name_of
from dualdiff.table import RULES


@pytest.fixture(scope="module")
def table():
    return rows()


def test_every_rule_has_a_row_and_every_row_a_rule(table):
    rules = [row for row in table if row.kind != "stand-in"]

    assert len(table) == len(set(table))
    assert {row.name for row in rules} == {name_of(rule.function) for rule in RULES.values()}


def test_every_differentiable_function_says_in_which_arguments(table):
    assert not [row.name for row in table if row.kind == "differentiable" and not row.detail.startswith("in ")]


@pytest.mark.parametrize(
    ("name", "kind", "detail"),
    [
        ("np.linalg.solve", "differentiable", "in a, b"),
        ("np.multiply", "differentiable", "in x1, x2"),
        ("np.zeros", "like", ""),
        ("np.zeros", "stand-in", ""),
        ("math.erf", "stand-in", ""),
        ("float", "stand-in", ""),
        ("np.floor", "passive", ""),
        ("np.packbits", "refused", "it reads bits, not numbers"),
        ("scipy.special.jv", "differentiable", "in z"),
        ("np.full", "like", "in fill_value"),
        ("np.concatenate", "differentiable", "in arrays"),
        ("dualdiff.scipy.special.logsumexp", "differentiable", "in a, b"),
        ("dualdiff.scipy.interpolate.CubicSpline", "differentiable", "in x, y, bc_type"),
        ("dualdiff.scipy.stats.norm", "differentiable", "in x, loc, scale"),
    ],
)
def test_row_says_what_happens(table, name, kind, detail):
    (row,) = [row for row in table if (row.name, row.kind) == (name, kind)]

    assert row.kind == kind
    assert row.detail == detail


def test_overview_counts_and_names_everything(table, capsys):
    main([])
    printed = capsys.readouterr().out

    assert f"NumPy {np.__version__}" in printed and f"{len(table)} functions" in printed
    for kind in KINDS:
        assert f"{kind} ({sum(row.kind == kind for row in table)})" in printed
    assert all(row.name.rpartition(".")[2] in printed for row in table)
    assert "it reads bits, not numbers\n    np.packbits, np.unpackbits" in printed


def test_words_select_rows(capsys):
    main(["LINALG.SOLVE", "packbits"])
    printed = capsys.readouterr().out.splitlines()

    assert any(line.split() == ["np.linalg.solve", "differentiable", "in", "a,", "b"] for line in printed)
    assert any(line.startswith("np.unpackbits") and line.endswith("it reads bits, not numbers") for line in printed)


def test_unknown_word_says_what_happens_to_unknown_functions(capsys):
    assert main(["frobnicate"]) == 1
    assert "UnsupportedFunction" in capsys.readouterr().out


def test_guide_shows_what_is_printed(capsys):
    page = guide.pages()["what_cannot_work"]
    command, *lines = re.search(r"```console\n\$ python -m dualdiff (.*?)```", page, re.DOTALL).group(1).splitlines()
    main(command.split())

    assert capsys.readouterr().out.splitlines() == lines
