"""What users see of objects: a text that says what it is, and for notebooks HTML that stands alone and is escaped."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

import dualdiff as dd
from dualdiff.table import RULES
from dualdiff.transforms.recording import recorded

VOID = {"br", "hr", "img", "rect", "meta"}


class Tags(HTMLParser):
    """Fails where a tag is not closed in its order."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.text = [], [], ""

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def checked(html):
    """The tags and the text of a piece of HTML that needs nothing from elsewhere."""
    tags = Tags()
    tags.feed(html)
    tags.close()
    assert tags.open == []
    for tag, attrs in tags.seen:
        assert tag not in ("script", "link", "iframe", "img")
        assert not any(str(value).startswith(("http", "//")) and name != "xmlns" for name, value in attrs.items())
        assert not any(name.startswith("on") or name in ("src", "href") for name in attrs)
    return tags


def inside(look, x=None, transform=dd.grad):
    """What ``look`` says of the Dual that a transform gives to its function."""
    seen = []

    def f(x):
        seen.append(look(x))
        return np.sum(x * x)

    transform(f)(np.array([1.0, 2.0]) if x is None else x)
    assert seen
    return seen[0]


@pytest.mark.parametrize(
    ("look", "text"),
    [
        (repr, "Dual([1. 2.], reverse)"),
        (lambda x: repr(x[0]), "Dual(1.0, reverse)"),
        (lambda x: repr(x.flat), "<flat of Dual([1. 2.], reverse)>"),
        (lambda x: repr(x.perturbation), "<Tape: a record of 1 operation; print(...) shows it>"),
        (lambda x: str((x * 2.0).perturbation), "%0: float64[2] = input\n%1: float64[2] = 2 %0"),
        (lambda x: repr((x * 2.0).tangent), "<%1: float64[2] = 2 %0>"),
    ],
)
def test_text_of_what_a_function_sees(look, text):
    assert inside(look) == text


def test_a_perturbation_of_forward_mode_says_its_level_and_its_end():
    kept = []
    text = inside(lambda x: (kept.append(x.perturbation), repr(x.perturbation))[1], transform=dd.jacfwd)

    assert re.fullmatch(r"<Dense: forward mode, level \d+>", text)
    assert repr(kept[0]) == text[:-1] + ", ended>"


@pytest.mark.parametrize("x", [np.ones(2), np.ones((2, 2)), np.float32(1.5), 2.0, np.zeros(0), 1j * np.ones(2)])
def test_html_of_a_dual(x):
    html = []

    def f(x):
        html.append(x._repr_html_())
        return np.real(np.sum(x * np.conj(x)))

    dd.grad(f)(x)
    tags = checked(html[0])

    assert f"shape {np.shape(x)}, {np.asarray(x).dtype}, reverse mode" in tags.text
    assert "Dual(" in tags.text


def test_html_of_a_dual_of_a_dual():
    html = []

    def inner(t):
        html.append((t * 2.0)._repr_html_())
        return t * t

    dd.hessian(inner)(3.0)
    assert "Dual(Dual(6.0, " in checked(html[0]).text


def test_html_of_a_record_is_escaped_and_bounded():
    record = recorded(lambda x: np.sum(np.sin(x) * 2.0), (np.ones(3),), {}, (0,), "test")
    assert "einsum('a->', " in checked(record.tape._repr_html_()).text
    assert "&gt;" in record.tape._repr_html_()

    def long(x):
        for _ in range(300):
            x = x * 2.0
        return x

    html = recorded(long, (1.0,), {}, (0,), "test").tape._repr_html_()
    assert "... and 101 more" in checked(html).text


def rosenbrock(x):
    return 10.0 * (x[1:] - x[:-1] ** 2)


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (lambda: dd.as_written(rosenbrock), r"<as_written <function rosenbrock at .*>>"),
        (lambda: dd.adapt(lambda x: float(x)), r"<adapt of <function .*<lambda> at .*>>"),
        (lambda: dd.custom_jvp(rosenbrock), r"<custom_jvp <function rosenbrock at .*>>"),
        (lambda: dd.custom_vjp(rosenbrock), r"<custom_vjp <function rosenbrock at .*>>"),
        (lambda: dd.linear(np.negative, np.negative), r"<linear <ufunc 'negative'>>"),
        (lambda: dd.grad(rosenbrock), r"<grad of <function rosenbrock at .*>>"),
        (lambda: RULES[np.sin], r"<elementwise rule of np\.sin>"),
        (lambda: RULES[np.linalg.solve], r"<tangent rule of np\.linalg\.solve>"),
        (lambda: RULES[np.packbits], r"<refused rule of np\.packbits>"),
        (lambda: dd.Variable(np.ones(2)), r"Variable\(array\(\[1\., 1\.\]\)\)"),
    ],
)
def test_text_of_what_users_make(made, text):
    assert re.fullmatch(text, repr(made()))


def test_html_of_a_variable():
    assert checked(dd.Variable(np.ones(2))._repr_html_()).text == "Variable(array([1., 1.]))"


def test_every_rule_has_a_text():
    assert all(re.fullmatch(r"<.+ rule of .+>", repr(rule)) for rule in list(RULES.values()))


def test_text_of_what_scipy_has():
    pytest.importorskip("scipy")
    from dualdiff.scipy import interpolate, stats

    x, y = np.linspace(0.0, 1.0, 5), np.arange(5.0)
    prefix = "<dualdiff.scipy.interpolate."
    assert repr(interpolate.CubicSpline(x, y)) == prefix + "CubicSpline: degree 3, 5 breakpoints>"
    assert repr(interpolate.PchipInterpolator(x, y)) == prefix + "PchipInterpolator: degree 3, 5 breakpoints>"
    assert repr(interpolate.make_interp_spline(x, y)).startswith(prefix + "BSpline: degree 3, ")
    assert repr(interpolate.interp1d(x, y)) == prefix + "interp1d: linear, 5 points>"
    grid = interpolate.RegularGridInterpolator((x, y), np.ones((5, 5)))
    assert repr(grid) == prefix + "RegularGridInterpolator: linear, 5 x 5>"
    assert repr(stats.norm(0, scale=2.0)) == "<dualdiff.scipy.stats.norm of 0, scale=2.0>"
    assert repr(stats.norm()) == "<dualdiff.scipy.stats.norm of no parameters>"


def test_results_of_drivers_show_values_and_say_what_has_no_derivative():
    pytest.importorskip("scipy")
    from dualdiff.scipy import optimize

    seen = []

    def f(a):
        seen.append(repr(optimize.minimize(lambda x, a: np.sum((x - a) ** 2), np.zeros(1), args=(a,), method="BFGS")))
        return a

    dd.jvp(f, (1.5,), (1.0,))
    assert "Dual(" in seen[0] and "<no derivative>" in seen[0]


def test_html_of_a_sparse_jacobian_draws_each_entry_in_the_colour_of_its_direction():
    pytest.importorskip("scipy")
    J = dd.sparse_jacobian(rosenbrock)
    assert "nothing evaluated yet" in checked(J._repr_html_()).text
    assert "<function" not in J._repr_html_()

    matrix = J(np.ones(6))
    tags = checked(J._repr_html_())
    drawn = [attrs for tag, attrs in tags.seen if tag == "rect"]

    assert {(int(r["y"]), int(r["x"])) for r in drawn} == set(
        zip(*map(np.ndarray.tolist, matrix.nonzero()), strict=True)
    )
    fills = {int(r["x"]): r["fill"] for r in drawn}
    assert len(set(fills.values())) == len(set(J.colors.tolist())) == 2
    assert all((fills[i] == fills[j]) == (J.colors[i] == J.colors[j]) for i in range(6) for j in range(6))
    assert "5 x 6" in tags.text


def test_html_of_a_large_pattern_is_small():
    pytest.importorskip("scipy")
    J = dd.sparse_jacobian(rosenbrock)
    J(np.ones(10_000))
    html = J._repr_html_()
    checked(html)

    assert len(html) < 100_000
    assert html.count("<rect") > 90


def test_html_of_a_pattern_by_rows_and_of_an_empty_one():
    pytest.importorskip("scipy")
    J = dd.sparse_jacobian(lambda x: x[:2] * np.sum(x), mode="rev")
    J(np.ones(5))
    assert checked(J._repr_html_()).text.startswith("sparse_jacobian: 2 x 5")
    empty = dd.sparse_jacobian(lambda x: x[:0])
    empty(np.ones(3))
    assert "<svg" not in empty._repr_html_()


def test_html_of_mode_reports_and_diagnoses_is_escaped():
    def f(x):
        return np.sum(x[x < 2] ** 2)

    f.__name__ = "<script>&"
    for report in (dd.compare_modes(f, np.ones(3), seconds=0.01), dd.diagnose(f, np.ones(3), seconds=0.02)):
        html = report._repr_html_()
        tags = checked(html)
        assert "<script>&" in tags.text
        assert "&lt;script&gt;&amp;" in html
        assert repr(report) == str(report)
