"""The README's code blocks and the examples of docstrings do what they say."""

import contextlib
import doctest
import importlib
import importlib.resources
import io
import itertools
import linecache
import pkgutil
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import dualdiff
from dualdiff.__main__ import main
from tests.laws import together

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = Path(dualdiff.__file__).parent / "guide"
PAGES = {page.name: page.read_text(encoding="utf-8") for page in sorted(GUIDE.glob("*.md"))}


def blocks(language, text=README):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def promised_output(block):
    """The comment lines directly below each ``print(...)``."""
    lines = block.splitlines()
    promised = []
    for i, line in enumerate(lines):
        if line.lstrip().startswith("print("):
            below = (text.lstrip() for text in lines[i + 1 :])
            promised += [text[2:] for text in itertools.takewhile(lambda text: text.startswith("# "), below)]
    return promised


def run(text, page):
    namespace = {"__name__": "__main__"}
    for number, block in enumerate(blocks("python", text)):
        printed, name = io.StringIO(), f"<{page} block {number}>"
        linecache.cache[name] = (len(block), None, block.splitlines(True), name)  # source, as a file has
        with contextlib.redirect_stdout(printed):
            exec(compile(block, name, "exec"), namespace)
        assert printed.getvalue().splitlines() == promised_output(block), block


def test_code_blocks_of_the_readme_run_in_order_and_print_what_they_promise():
    run(README, "README.md")


@pytest.mark.parametrize("name", PAGES)
def test_code_blocks_of_the_guide_run_in_order_and_print_what_they_promise(name):
    if "scipy" in PAGES[name]:
        pytest.importorskip("scipy")
    run(PAGES[name], name)


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 260


def test_the_guide_is_linked_from_the_readme_and_shipped():
    assert set(re.findall(r"\]\(dualdiff/guide/([^)]+)\)", README)) == set(PAGES)
    for name in PAGES:
        assert importlib.resources.files("dualdiff").joinpath("guide", name).is_file()


@pytest.mark.parametrize("name", ["README.md", *PAGES])
def test_files_that_a_page_names_exist(name):
    text, folder = (README, ROOT) if name == "README.md" else (PAGES[name], GUIDE)
    named = set(re.findall(r"`([a-z_]+/[a-z_/]*\.?(?:py|md)?)`", text))
    assert named or name not in ("how_it_works.md", "adding_a_rule.md")
    for path in named:
        assert (GUIDE.parent / path).exists() or (ROOT / path).exists(), path
    for target in re.findall(r"\]\(([\w/]+\.\w+)\)", text):
        assert (folder / target).exists(), target


def test_guide_lists_its_pages_and_prints_one(capsys):
    assert main(["guide"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.split("\n\n")[0].splitlines()]
    assert [f"{topic}.md" for topic in listed] == list(PAGES)

    for words in (["kinks"], ["complex"], ["complex", "numbers"], ["complex-numbers.md"], ["in-place"]):
        assert main(["guide", *words]) == 0
        printed = capsys.readouterr().out
        assert [printed] == [text for text in PAGES.values() if text == printed]


def test_guide_says_which_pages_a_word_may_mean(capsys):
    assert main(["guide", "co"]) == 0
    assert {line.split()[0] for line in capsys.readouterr().out.splitlines()} >= {"coming_from", "complex_numbers"}
    assert main(["guide", "cooking"]) == 1
    assert capsys.readouterr().out.startswith("no page is called cooking; there are\nadding_a_rule ")


@pytest.mark.parametrize(
    ("section", "call"),
    [
        ("One product, forwards", lambda a, b: dualdiff.jvp(lambda a: a * b, (a,), (a,))),
        ("The gradient of a sum, backwards", lambda a, b: dualdiff.grad(lambda a: np.sum(a * b))(a)),
    ],
)
def test_data_passes_the_files_in_the_order_of_the_page(section, call):
    """The numbered list of a section names the files in the order in which the call first comes to them, or again."""
    text = PAGES["how_it_works.md"].split(f"## {section}")[1].split("\n## ")[0]
    steps = [re.findall(r"`([a-z_/]+\.py)`", line.split(" - ")[0]) for line in re.findall(r"^\d+\. .*", text, re.M)]
    a, b = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    call(a, b)  # caches are filled by the first
    passed = []

    def see(frame, event, _):
        file = Path(frame.f_code.co_filename)
        if event == "call" and file.is_relative_to(GUIDE.parent):
            passed.append(file.relative_to(GUIDE.parent).as_posix())

    sys.setprofile(see)
    try:
        call(a, b)
    finally:
        sys.setprofile(None)
    assert len(passed) > 10
    at = 0
    for files in steps:  # each step is a walk through its files, after the step before
        assert files
        places = [passed.index(file, at) for file in files if file in passed[at:]]
        assert len(places) == len(files), f"after {passed[at]}: {files}"
        at = min(places)


def test_readme_has_each_set_up_command_on_one_line():
    commands = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("python -m venv")]

    assert [line.rpartition(" -m ")[2] for line in commands] == ["benchmarks", "pytest -n 2"]


MODULES = ["dualdiff", *(module.name for module in pkgutil.walk_packages(dualdiff.__path__, "dualdiff."))]


@together(MODULES, of=10)
def test_examples_of_docstrings_are_right(name):
    with pytest.MonkeyPatch.context() as patch:
        # Each docstring gets a debugger, which asks for every file in the cache of lines whether it has changed.
        patch.setattr(linecache, "checkcache", lambda filename=None: None)
        failed, _ = doctest.testmod(importlib.import_module(name))

    assert failed == 0


def test_public_functions_have_examples():
    finder = doctest.DocTestFinder(recurse=False)
    # Not the types of arrays and errors, which the examples of functions show.
    raised = {error.__name__ for error in vars(dualdiff.errors).values() if isinstance(error, type)}
    for name in set(dualdiff.__all__) - raised - {"Dual"}:
        assert any(test.examples for test in finder.find(getattr(dualdiff, name), name)), name
