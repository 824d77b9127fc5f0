"""The user's lines in the text of a program: of what runs forwards, and of what is pulled back."""

import re
import traceback

import numpy as np
import pytest

import dualdiff as dd
from dualdiff.tangents.tape import Tape

HERE = "test_staging_places.py"


def model(x):
    a = np.sin(x) * x
    b = np.cumsum(a**2)
    return np.sum(b[1:] * np.exp(-a[:-1]))


FIRST = model.__code__.co_firstlineno  # of the def; the operations stand below


def comments(text):
    """By line of the program that has one, its comment; a statement without one belongs to the one before."""
    return re.findall(r"  # (.*)$", text, re.MULTILINE)


def test_the_way_back_names_the_line_of_the_operation_that_is_pulled_back():
    found = comments(dd.stage(dd.grad(model)).source(np.linspace(0.1, 1.0, 6)))
    ahead = [f"{HERE}:{FIRST + i}" for i in (1, 3)]
    back = [f"backward of {HERE}:{FIRST + i}" for i in (3, 2, 1)]
    assert found[:5] == ahead + back


@pytest.mark.parametrize(
    "transform",
    [
        dd.hessian,
        lambda f: lambda x: dd.jvp(dd.grad(f), (x,), (np.ones(6),)),
        lambda f: lambda x: dd.vjp(dd.grad(f), x)[1](np.ones(6)),
        lambda f: dd.jacrev(dd.jacrev(f)),
    ],
    ids=["hessian", "forward over reverse", "reverse over reverse", "jacrev of jacrev"],
)
def test_nested_sweeps_name_the_lines_of_the_function(transform):
    found = comments(dd.stage(transform(model)).source(np.linspace(0.1, 1.0, 6)))
    for i in (1, 2, 3):
        assert f"backward of {HERE}:{FIRST + i}" in found
    assert not any(line.count("backward of") > 1 for line in found)
    # What remains to the line of the call: seeds, the guard of the result.
    own = [line for line in found if not re.search(rf":({FIRST + 1}|{FIRST + 2}|{FIRST + 3})$", line)]
    assert len(set(own)) <= 2


def test_a_transpose_of_the_users_own_keeps_its_line():
    @dd.custom_vjp
    def double(x):
        return 2 * x

    double.defvjp(lambda x: (double(x), x), lambda x, w: (np.cos(x) * w,))
    line = test_a_transpose_of_the_users_own_keeps_its_line.__code__.co_firstlineno + 5
    found = comments(dd.stage(dd.grad(lambda x: np.sum(double(x) ** 2))).source(np.ones(5000)))
    assert f"{HERE}:{line}" in found


def test_jacobians_by_rows_and_linear_maps():
    f = lambda x: np.tanh(x) * x[0]
    line = f"{HERE}:{f.__code__.co_firstlineno}"
    assert f"backward of {line}" in comments(dd.stage(dd.jacrev(f)).source(np.ones(3)))
    linear = dd.stage(lambda x: dd.linearize(f, x)[1](np.ones(3)))
    assert line in comments(linear.source(np.ones(3)))


def test_a_traceback_shows_the_statement_and_the_line_it_is_the_pull_of():
    def solved(A):
        return np.sum(np.linalg.solve(A, np.ones(2)) ** 2)

    line = solved.__code__.co_firstlineno + 1
    g = dd.stage(dd.grad(solved))
    program = g.program(np.eye(2))
    with pytest.raises(np.linalg.LinAlgError) as caught:
        program(np.zeros((2, 2)))
    text = "".join(traceback.format_exception(caught.value))
    assert f"# {HERE}:{line}" in text
    assert f"# backward of {HERE}:{line}" in program.text


def test_without_a_traced_run_records_hold_plain_lists():
    assert type(Tape().nodes) is list
