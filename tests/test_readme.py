"""The README's code blocks and the examples of docstrings do what they say."""

import contextlib
import doctest
import importlib
import io
import itertools
import pkgutil
import re
from pathlib import Path

import pytest

import dualdiff

README = (Path(__file__).parent.parent / "README.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def promised_output(block):
    """The comment lines directly below each ``print(...)``."""
    lines = block.splitlines()
    promised = []
    for i, line in enumerate(lines):
        if line.lstrip().startswith("print("):
            below = (text.lstrip() for text in lines[i + 1 :])
            promised += [text[2:] for text in itertools.takewhile(lambda text: text.startswith("# "), below)]
    return promised


def test_code_blocks_of_the_readme_run_in_order_and_print_what_they_promise():
    namespace = {}
    for block in blocks("python"):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block, "README.md", "exec"), namespace)
        assert printed.getvalue().splitlines() == promised_output(block), block


def test_readme_has_each_set_up_command_on_one_line():
    commands = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("python -m venv")]

    assert [line.rpartition(" -m ")[2] for line in commands] == ["benchmarks", "pytest -n 2"]


MODULES = ["dualdiff", *(module.name for module in pkgutil.walk_packages(dualdiff.__path__, "dualdiff."))]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_docstrings_are_right(name):
    failed, _ = doctest.testmod(importlib.import_module(name))

    assert failed == 0


def test_public_functions_have_examples():
    finder = doctest.DocTestFinder(recurse=False)
    # Not the types of arrays and errors, which the examples of functions show.
    for name in set(dualdiff.__all__) - {"Dual", "EscapedDual", "IndependentResult", "UnsupportedFunction"}:
        assert any(test.examples for test in finder.find(getattr(dualdiff, name), name)), name
