"""What every rule asks of tangents, through a kind of tangent of the test's own that checks each operation.

Each product and sum is what NumPy's formula says, the transpose of each linear map is its adjoint, no operation changes
what it is given; and every linear map that the package writes down is reached by some sample.
"""

import ast
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse

import dualdiff as dd
from dualdiff.scipy import columns, interpolate, linalg, sparse
from dualdiff.table import RULES
from dualdiff.tangents import MINUS_ONE, ONE, blocks, like_of
from dualdiff.tangents.dense import Dense
from dualdiff.transforms.arguments import seeded
from tests.closeness import assert_allclose
from tests.laws import law
from tests.samples import load_all
from tests.test_tangent_kinds import bits


class CheckedKind(Dense):
    """Dense tangents of two directions that check each operation of a rule as it is asked for.

    Everything goes through the formulas of NumPy; nothing of the arithmetic of `Dense` is used but for its moves.
    """

    __slots__ = ("rng",)

    def __init__(self):
        super().__init__(2)
        self.rng = np.random.default_rng(1)

    def block(self, like):
        like = like_of(like)
        x = self.rng.standard_normal((3, *like.shape))
        return x + 1j * self.rng.standard_normal(x.shape) if like.dtype.kind == "c" else x

    def combine(self, terms, like, held=None):
        terms = tuple(terms)
        shape = (self.k, *like_of(like).shape)
        total = np.zeros(shape, complex)
        with np.errstate(all="ignore"):
            for partial, tangent in terms:
                tangent = blocks.expand(tangent, len(shape) - 1)
                factor = {ONE: 1.0, MINUS_ONE: -1.0}.get(partial) if isinstance(partial, type(ONE)) else partial
                dropped = getattr(factor, "dtype", None) == np.dtype(bool)
                total = total + (np.where(factor, tangent, 0.0) if dropped else factor * tangent)
        before = bits(tangent for _, tangent in terms)
        result = super().combine(terms, like, held)
        assert bits(tangent for _, tangent in terms) == before
        assert (result.shape, result.dtype) == (shape, like_of(like).dtype)
        total = total if np.iscomplexobj(result) else total.real
        assert_allclose(result, total, rtol=1e-10, atol=1e-12)
        for _, tangent in terms:
            assert not np.shares_memory(result, tangent)
        return result

    def contract(self, tangent, subscripts, operand=None):
        letters, _, out = subscripts.partition("->")
        source, *other = letters.split(",")
        every = next(c for c in "ZYXWV" if c not in subscripts)
        wanted = np.einsum(
            f"{every}{','.join([source, *other])}->{every}{out}", tangent, *([] if operand is None else [operand])
        )
        result = super().contract(tangent, subscripts, operand)
        assert_allclose(result, wanted, rtol=1e-10, atol=1e-12)
        assert not np.shares_memory(result, tangent)
        return result

    def linear_map(self, tangent, apply, transpose, like):
        """⟨c, apply(t)⟩ = ⟨transpose(c), t⟩ at random blocks of three; the cotangent of a real array is real."""
        t, c = self.block(self.like(tangent)), self.block(like)
        before = bits([t, c, tangent])
        forward, back = apply(t), transpose(c)
        assert forward.shape == c.shape
        assert back.shape == t.shape
        assert_allclose(np.sum(c * forward).real, np.sum(back * t).real, rtol=1e-9, atol=1e-9)
        u = self.block(self.like(tangent))
        assert_allclose(apply(2.0 * t - 0.5 * u), 2.0 * forward - 0.5 * apply(u), rtol=1e-9, atol=1e-9)
        result = super().linear_map(tangent, apply, transpose, like)
        assert bits([t, c, tangent]) == before
        return result


class NotingKind(CheckedKind):
    """Dense tangents that note which lines of the package ask for a linear map."""

    __slots__ = ("reached",)
    combine, contract = Dense.combine, Dense.contract

    def __init__(self, reached):
        super().__init__()
        self.reached = reached

    def linear_map(self, tangent, apply, transpose, like):
        frame = sys._getframe(1)
        while frame.f_code.co_filename.endswith("expression.py"):
            frame = frame.f_back
        path = Path(frame.f_code.co_filename)
        self.reached.append((f"{path.parent.name}/{path.name}", frame.f_lineno))
        return apply(tangent)


def with_real_part(z, x):
    y = z * 1.0
    y.real[...] = x
    return y


@dd.adapt
def solved(entries, b):
    return scipy.sparse.linalg.spsolve(scipy.sparse.csc_array((entries, [0, 0, 1], [0, 1, 3]), shape=(2, 2)), b)


def programs_of_scipy():
    """Functions of `dualdiff.scipy` whose derivatives are linear maps: name, f, args."""
    rng = np.random.default_rng(7)
    a, b = rng.uniform(-1, 1, (2, 3)), rng.uniform(-1, 1, (3, 4))
    z, w = a + 1j * rng.uniform(-1, 1, (2, 3)), b + 1j * rng.uniform(-1, 1, (3, 4))
    square, complex_square = a[:, :2] + 2.0 * np.eye(2), z[:, :2] + 2.0 * np.eye(2)
    bands = np.array([[0.0, 1.0, 1.0], [4.0, 5.0, 6.0], [1.0, 1.0, 0.0]])
    closed = np.array([0.0, 1.0, 3.0, 0.0])
    matrix = scipy.sparse.csr_array([[1.0, 2.0], [0.0, 3.0], [4.0, 0.0]])
    factors = sparse.splu(scipy.sparse.csc_array([[2.0, 1.0], [0.0, 3.0]]))
    yield "splu", factors.solve, (a[0, :2],)
    yield "spsolve of one column", lambda b: sparse.spsolve(factors.L @ factors.U, b), (a[:2, :1],)
    yield "a sparse matrix @ x", lambda x: matrix @ x, (square,)
    yield "x @ a sparse matrix", lambda x: x @ (matrix * 1j), (a[:, :3],)
    yield "spsolve of entries", solved, (np.array([2.0, 1.0, 3.0]), a[0, :2])
    yield "linear", dd.linear(lambda x: square @ x, lambda ct: square.T @ ct), (b[:2, 0],)
    yield "linear, real to complex", dd.linear(np.fft.fft, np.fft.fft), (a[0],)
    yield "a real part written", with_real_part, (z, a)
    yield "expm", linalg.expm, (square,)
    yield "solve_triangular", linalg.solve_triangular, (square, b[:2])
    yield "solve_triangular, conjugate", lambda a, b: linalg.solve_triangular(a, b, 2), (complex_square, w[:2])
    yield "solve_banded", lambda ab, b: linalg.solve_banded((1, 1), ab, b), (bands, a.T)
    yield "solve_sylvester", linalg.solve_sylvester, (square, b[:, :3] + 4.0 * np.eye(3), a)
    yield (
        "states of an ODE, one after the other",
        lambda z: columns.scanned(np.stack([square, square.T]), z),
        (a.T[:, :2],),
    )
    yield "CubicSpline", lambda y: interpolate.CubicSpline(np.arange(4.0), y, bc_type="periodic").c, (closed,)


SCIPY = list(programs_of_scipy())


def places_of_linear_maps():
    """The lines of the package that make a linear map: (file, first line, last line) of each call."""
    package = Path(dd.__file__).parent
    for path in sorted(package.rglob("*.py")):
        if path.parent.name == "tangents" or path.name == "given_tangents.py":
            continue  # the interface itself
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if "map(" in text else ():
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("map", "linear_map"):
                yield f"{path.parent.name}/{path.name}", node.lineno, node.end_lineno


def run(p, f, args):
    try:
        f(*(seeded(np.asarray(x)[()], p.seed(p.block(x)[: p.k]), p) for x in args))
    finally:
        p.live = False


@law()
def test_operations_of_a_rule_obey_the_laws(sample):
    run(CheckedKind(), sample.f, sample.args)


@pytest.mark.parametrize(("f", "args"), [program[1:] for program in SCIPY], ids=[program[0] for program in SCIPY])
def test_operations_of_functions_of_scipy_obey_the_laws(f, args):
    run(CheckedKind(), f, args)


def test_every_linear_map_of_the_package_is_reached():
    missing = set(places_of_linear_maps())
    assert len(missing) > 15
    by_hand_first = sorted(load_all(), key=lambda sample: RULES[sample.function].form == "elementwise")
    for _, f, args in [*SCIPY, *((None, sample.f, sample.args) for sample in by_hand_first)]:
        if not missing:
            return
        reached = []
        run(NotingKind(reached), f, args)
        for file, first, last in list(missing):
            if any(file == path and first <= line <= last for path, line in reached):
                missing.remove((file, first, last))
    assert not missing, "these were not reached"
