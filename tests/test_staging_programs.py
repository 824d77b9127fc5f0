"""Programs that once came out different, or were refused, when staged; and a handful of fresh random ones."""

import numpy as np
import pytest
from hypothesis import given, settings

import dualdiff as dd
from tests.random_programs import Program, programs
from tests.staged_programs import MODES, staged_like

MATRIX = "np.array([[1.15, -0.81, -0.27], [-0.16, 0.81, -0.84], [0.3, 0.2, 0.1]])"
ROW = "np.array([[1.15, -0.81, -0.27]])"
FLOAT32 = "np.array([[-1.26, -0.29, 0.3], [-1.06, -1.15, -0.52]], np.float32)"

PROGRAMS = {
    "a constant added to x is no operation, in reverse": ((ROW,), "v0 = np.imag(x0)\nv1 = x0 - v0\nv2 = x0"),
    "nor is an array of whole numbers": ((MATRIX,), "v0 = np.subtract(x0, np.full((3, 3), 2))\nv1 = x0"),
    "nor one of an argument's": ((ROW, ROW), "v0 = x0 + x1.imag\nv1 = x0\nx0[0, 0] = 2.0"),
    "a view of constants is writeable, and not written": (
        ("np.array([[1.15 - 0.16j, -0.81 + 0.81j, -0.27 - 0.84j]])",),
        "v0 = np.trace(x0, 1)",
    ),
    "a diagonal of nothing": (("np.zeros((2, 0))", "np.array([-0.5])"), "v0 = np.diagonal(x0, 2)"),
    "the hyperbolic cosine of a number is the math module's": (
        ("np.array(-1.26)[()]",),
        "v0 = np.arccos(np.tanh(x0) * 0.90 + 0.0)",
    ),
    "a part between zeros is a view": (("np.array([0.0, 1.18, 1.08, 0.0])",), "v0 = np.trim_zeros(x0)\nx0 **= 2"),
    "read through a mask, in reverse": ((MATRIX,), "v0 = x0[x0 > 0.1]"),
    "written through a mask, in reverse": ((MATRIX,), "x0[x0 > 0.1] = 0.7"),
    "written at the places of maxima": ((MATRIX,), "x0[np.argmax(x0, axis=0), [0, 1, 2]] = x0[0]"),
    "written at one place": ((MATRIX,), "x0[np.argmax(x0[0])] = x0[1]"),
    "np.place": ((MATRIX,), "np.place(x0, x0 > 0.1, x0 * 1.0)"),
    "np.putmask": ((MATRIX,), "np.putmask(x0, x0 > 0.1, x0 * 2.0)"),
    "np.copyto": ((MATRIX,), "v0 = np.imag(x0)\nnp.copyto(x0, v0)"),
    "np.copyto, where": ((MATRIX,), "np.copyto(x0, x0 * 2.0, where=x0 <= 0.5)"),
    "np.put_along_axis": ((MATRIX,), "np.put_along_axis(x0, np.argmax(x0, axis=0, keepdims=True), 0.5, axis=0)"),
    "a product of an argument with itself": ((MATRIX,), "v0 = np.matmul(x0, x0)\nv1 = x0"),
    "a view of strides without an owner": (
        (MATRIX,),
        "v0 = x0 * 1.0\nv1 = np.lib.stride_tricks.sliding_window_view(v0, 2, axis=0)\nv0[...] = v0 * -1.3",
    ),
    "a tangent that is written keeps its order": (
        ("np.asfortranarray(np.array([[1.18, 1.08], [-0.54, -0.55], [-0.6, 0.57]]))",),
        "np.copyto(x0, x0, where=x0.real <= 0.5)\nv0 = x0\nv3 = dd.grad(lambda z: np.sum(z * v0) ** 2)(v0)",
    ),
    "a whole number found is no shift": ((MATRIX, MATRIX), "v0 = np.argmax(x0) + x0\nv1 = np.multiply(v0, x1)"),
    "zeros that are written with themselves": (
        (ROW,),
        "v0 = np.zeros((x0.size, 2), x0.dtype, like=x0)\nv0.real = v0.real",
    ),
    "zeros in another order": ((ROW,), "v0 = np.zeros((3, 2), order='F', like=x0)\nv0[...] = x0[0, 0]"),
    "multiplied at repeated places": (
        ("np.array([-1.0, 0.3])",),
        "v1 = np.subtract(x0, np.full((2,), 2))\nnp.multiply.at(x0, (..., [0, -1, -1]), x0[(..., [0, -1, -1])])",
    ),
}


@pytest.mark.parametrize("mode", ["plain", "jvp", "vjp", "jvp of jvp", "jvp of vjp"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_staged_as_unstaged(name, mode):
    arguments, lines = PROGRAMS[name]
    program = Program(arguments, tuple(lines.splitlines()))
    assert staged_like(MODES[mode](program), program.values()) is None


REFUSED = {
    "an array of constants takes a Dual by entries, as written": (
        (f"np.repeat({FLOAT32}, 2, axis=-1)[..., ::2]",),
        "v3 = np.diagonal(x0, 1)\nv5 = np.imag(v3)\nv6 = v5.dot(v3)",
        "write np.dot",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(name):
    arguments, lines, reason = REFUSED[name]
    program = Program(arguments, tuple(lines.splitlines()))
    assert reason in staged_like(MODES["jvp"](program), program.values())


def test_random_programs():
    refused = []

    @settings(max_examples=40, database=None, deadline=None)
    @given(programs(6))
    def run(program):
        for mode in ("jvp", "vjp", "jvp of jvp"):
            f = MODES[mode](program)
            try:
                with np.errstate(all="ignore"):
                    f(*program.values())
            except Exception:
                continue
            reason = staged_like(f, program.values())
            if reason is not None:
                refused.append(reason)

    run()
    assert len(refused) <= 12, refused


@pytest.mark.usefixtures("as_written")
@pytest.mark.parametrize("x", [[1.0, 2.0], [1e200, 2.0], [np.inf, 1.0], [np.nan, 1.0]])
def test_rows_of_an_array_that_must_be_finite_are_floats(x):
    """``np.array([...])`` of values with derivatives asks whether they are finite."""
    f = lambda x: np.array([x[0] * x[0] * x[1], 1 - x[0]])
    fast = dd.stage(dd.jacfwd(f))
    assert "math.isfinite" in fast.source(np.array([0.3, 0.4]))
    x = np.array(x)

    def outcome(f):
        with np.errstate(all="ignore"):
            try:
                return f(x).tobytes()
            except dd.DualdiffError as error:
                return str(error)

    assert outcome(fast) == outcome(dd.jacfwd(f))
