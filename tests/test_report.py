"""The page that ``python -m benchmarks --html FILE`` writes: whole, well-formed, and it asks for nothing."""

import shutil
import sys
from html.parser import HTMLParser

import pytest

pytest.importorskip("matplotlib")

from benchmarks import __main__ as main
from benchmarks import figures, manifolds, modes, nist, overhead, report, rows, sections, sparse, tables

HERE = {"dualdiff": "0", "python": "3"}
VOID = {"meta", "br", "img", "link", "input", "hr"}


class Page(HTMLParser):
    """What a page holds: its tags in balance, its attributes, its text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.attributes, self.words, self.tags = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.attributes += [(tag, *pair) for pair in attributes]
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.attributes += [(tag, *pair) for pair in attributes]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        self.words.append(text)


@pytest.fixture(scope="module")
def measured():
    """Some rows of each kind."""
    found = list(nist.run(["Misra1a"]))
    found += [modes.measured(n, m, 1) for n in modes.FEWER_SIZES for m in modes.FEWER_SIZES]
    found += [of_rows(overhead.gradient_of_rosenbrock(n), "overhead") for n in (2, 10, 100)]
    found += [of_rows(problem, "manifolds") for problem in manifolds.problems((5,))]
    found += [sparse.measured("heat", 100, 1), sparse.SOLVERS["bratu root"][0](100)]
    found += [figures.measured("rosenbrock", True)] if "rosenbrock" in figures.FIGURES else []
    return found


def of_rows(problem, section):
    return rows.measured(problem, section, 1, shortest=1e-6)  # what it takes is of no account


@pytest.fixture(scope="module")
def text(measured):
    return report.page(measured, HERE)


def test_every_cell_of_every_table_is_on_the_page(measured, text):
    page = Page(text)
    shown = set(page.words)

    assert page.open == []
    for name in ("fits", "modes", "overhead", "manifolds", "sparse"):
        table, _ = tables.of_section(name, [row for row in measured if row.record()["section"] == name])
        cells = [report.plain(cell) for column in table.columns for cell in column.cells]
        assert {cell for cell in cells if cell} <= shown
        assert ("section", "id", name) in page.attributes
        assert ("a", "href", f"#{name}") in page.attributes


def test_a_picture_stands_in_each_section_that_has_sizes_or_rows(text):
    page = Page(text)

    assert page.tags.count("svg") == page.tags.count("figure") >= 5
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(set(ids)) == len(ids)


def test_nothing_on_the_page_is_asked_of_elsewhere(text):
    page = Page(text)

    assert not {"script", "link", "iframe", "object", "embed"} & set(page.tags)
    for tag, name, value in page.attributes:
        if name in ("src", "href", "xlink:href", "action", "data", "srcset"):
            assert value.startswith(("#", "data:")), (tag, name, value[:60])
    assert "@import" not in text and "url(http" not in text
    assert ("meta", "http-equiv", "Content-Security-Policy") in page.attributes


def test_what_is_wrong_is_said_at_the_top_and_marked(measured):
    problem = overhead.gradient_of_rosenbrock(10)._replace(by_hand=lambda x: 2 * overhead.rosenbrock_gradient(x))
    row = of_rows(problem, "overhead")
    assert not row.passed
    page = report.page([*measured[:1], row], HERE)

    assert "1 of 2 rows have a wrong answer" in page
    assert '<span class="wrong">WRONG' in page


def test_text_is_escaped():
    assert report.cell_of("[bold]<b> & 'x'[/]") == "<b>&lt;b&gt; &amp; &#x27;x&#x27;</b>"
    assert "<evil>" not in report.page([], {"machine": "<evil>"})


def test_the_command_measures_every_section_unless_some_are_chosen():
    options = sections.Options(quick=True)
    of_a_report = {task.section for task in sections.chosen([], options, sections.EVERY)}

    assert of_a_report >= {*sections.ALWAYS, "sparse", "figures"}
    assert {task.section for task in sections.chosen(["modes"], options, sections.EVERY)} == {"modes"}


def test_the_command_writes_the_page(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--quick", "--only", "Misra1a", "--html", str(tmp_path / "r.html")])
    assert main.main() == 0

    assert "Misra1a" in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "r.html" in capsys.readouterr().out.replace("\n", "")


@pytest.mark.long
def test_a_phone_shows_it_without_scrolling_sideways_and_no_request_leaves_the_page(text, tmp_path):
    api = pytest.importorskip("playwright.sync_api", reason="no headless browser: playwright is not installed")
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no headless browser: neither chromium nor google-chrome is on the path")
    file = tmp_path / "report.html"
    file.write_text(text, encoding="utf-8")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_context(viewport={"width": 390, "height": 844}, is_mobile=True).new_page()
        asked, complaints = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(file.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.evaluate("Math.min(...[...document.querySelectorAll('svg')].map(s => s.clientWidth))") >= 300
        assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()]
        assert complaints == []
        chromium.close()
