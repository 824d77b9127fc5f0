"""The laws of tangents: each operation with each kind of tangent.

A kind of tangent is an entry of `FORWARD` (what maps tangents) or of `BACKWARD` (what maps cotangents), an operation an
entry of `OPERATIONS`; a new one is tested by being in the list.  The laws are those that `dualdiff.tangents` states:
an operation is the linear map that its formula says, its transpose is the adjoint, it never changes what it is given,
and its result owns its memory, unless it is a view.  `CheckedKind` asks the same of all that every rule does.
"""

import ast
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd
from dualdiff.tangents import MINUS_ONE, ONE, Like, Perturbation, blocks, like_of
from dualdiff.tangents.dense import Careful, Dense
from dualdiff.tangents.single import CarefulSingle, Single
from dualdiff.tangents.structural_zeros import Supported
from dualdiff.tangents.tape import Renewing, Tape
from dualdiff.transforms.arguments import seeded
from dualdiff.values.dual import Dual
from tests.samples import load_all

# Operations.


class Operation(NamedTuple):
    """One operation on tangents of arrays of some shapes, and what it does to each direction in plain NumPy."""

    shapes: tuple[tuple[int, ...], ...]
    run: Callable[..., Any]  # of a perturbation, constants and tangents
    formula: Callable[..., Any]  # of constants and one direction of each tangent
    constants: tuple[tuple[int, ...], ...] = ()  # shapes of arrays that the operation reads
    view: bool = False  # whether the result may share memory with the tangent


X, COLUMN, ROW, SCALAR, EMPTY = (2, 3), (2, 1), (3,), (), (0, 3)
MASK = np.array([[True, False, True], [False, True, True]])
ROWS = np.array([1, 0, 1, 1])
OPERATIONS: dict[str, Operation] = {}


def operation(name, shapes, run, formula, constants=(), view=False):
    OPERATIONS[name] = Operation(tuple(shapes), run, formula, tuple(constants), view)


def like(shape, *given):
    """Shape and dtype of a result of tangents and constants."""
    dtypes = [getattr(one, "dtype", None) or np.result_type(type(one)) for one in given]
    return Like(shape, np.result_type(*dtypes))


def combining(name, shapes, shape, partials, formula, constants=()):
    """`combine` with partials that are made of the constants."""

    def run(p, constants, *tangents):
        terms = zip(partials(*constants), tangents, strict=True)
        return p.combine(terms, like(shape, *constants, *map(p.like, tangents)))

    operation(f"combine, {name}", shapes, run, formula, constants)


combining("one array", [X], X, lambda c: [c], lambda c, t: c * t, [X])
combining("two arrays", [X, X], X, lambda c, d: [c, d], lambda c, d, t, u: c * t + d * u, [X, X])
combining("broadcast", [COLUMN, ROW], X, lambda c, d: [c, d], lambda c, d, t, u: c * t + d * u, [X, ROW])
combining("a scalar and an array", [SCALAR, X], X, lambda c: [c, -2.0], lambda c, t, u: c * t - 2.0 * u, [X])
combining("scalars", [SCALAR, SCALAR], SCALAR, lambda: [2.0, 0.5], lambda t, u: 2.0 * t + 0.5 * u)
combining("no multiplication", [X, X, X], X, lambda: [ONE, MINUS_ONE, ONE], lambda t, u, w: t - u + w)
combining("minus first", [X, X], X, lambda: [MINUS_ONE, ONE], lambda t, u: u - t)
combining("one term of no multiplication", [X], X, lambda: [ONE], lambda t: t)
combining("one term that is spread", [ROW], X, lambda: [ONE], lambda t: t + np.zeros(X, t.dtype))
combining("a selection", [X, X], X, lambda: [MASK, ~MASK], lambda t, u: np.where(MASK, t, u))
combining("a selection and a product", [X, X], X, lambda c: [MASK, c], lambda c, t, u: MASK * t + c * u, [X])
combining("one tangent twice", [X], X, lambda c: [c], lambda c, t: c * t, [X])
combining("nothing", [EMPTY, ROW], EMPTY, lambda: [2.0, 3.0], lambda t, u: 2.0 * t + 3.0 * u)
combining(
    "large", [(70, 70), (70, 70)], (70, 70), lambda c, d: [c, d], lambda c, d, t, u: c * t + d * u, [(70, 70)] * 2
)
combining(
    "large, of no multiplication", [(70, 70)] * 3, (70, 70), lambda c: [ONE, MINUS_ONE, c],
    lambda c, t, u, w: t - u + c * w, [(70, 70)],
)  # fmt: skip

operation("scale", [X], lambda p, c, t: p.scale(*c, t), lambda c, t: c * t, [X])
operation("scale, a number", [X], lambda p, c, t: p.scale(-1.5, t), lambda t: -1.5 * t)
operation("scale, a scalar", [SCALAR], lambda p, c, t: p.scale(2.5, t), lambda t: 2.5 * t)
operation("scale, ONE", [X], lambda p, c, t: p.scale(ONE, t), lambda t: t)
operation("scale, MINUS_ONE", [X], lambda p, c, t: p.scale(MINUS_ONE, t), lambda t: -t)
operation("scale, a selection", [X], lambda p, c, t: p.scale(MASK, t), lambda t: MASK * t)
operation("scale, large", [(70, 70)], lambda p, c, t: p.scale(*c, t), lambda c, t: c * t, [(70, 70)])


def rearranging(name, shape, move, formula, new_shape, view=False, by="rearrange"):
    def run(p, constants, t):
        new = Like(new_shape, p.like(t).dtype)
        return p.view(t, move, new) if by == "view" else p.rearrange((t,), move, new)

    operation(f"{by}, {name}", [shape], run, formula, view=view)


rearranging("transposed", X, lambda b: b.swapaxes(-1, -2).copy(), lambda t: t.T, (3, 2))
rearranging("repeated", X, lambda b: np.repeat(b, 2, axis=-1), lambda t: np.repeat(t, 2, axis=-1), (2, 6))
rearranging(
    "spread",
    ROW,
    lambda b: np.broadcast_to(b[:, None], (len(b), 2, 3)).copy(),
    lambda t: t + np.zeros((2, 1), t.dtype),
    X,
)
rearranging("dropped", X, lambda b: b[..., 1:2].copy(), lambda t: t[:, 1:2], (2, 1))
rearranging("a view of the transposed", X, lambda b: b.swapaxes(-1, -2), lambda t: t.T, (3, 2), view=True, by="view")
rearranging("a view of a row", X, lambda b: b[:, 1], lambda t: t[1], ROW, view=True, by="view")
rearranging("reversed", X, lambda b: b[..., ::-1], lambda t: t[:, ::-1], X, view=True, by="view")
rearranging("of nothing", EMPTY, lambda b: b[..., :0], lambda t: t[:, :0], (0, 0), view=True, by="view")
operation(
    "rearrange, of two", [X, ROW],
    lambda p, c, t, u: p.rearrange(
        (t, u), lambda a, b: np.concatenate([a, b[:, None]], axis=1), like((3, 3), p.like(t), p.like(u))
    ),
    lambda t, u: np.concatenate([t, u[None]]),
)  # fmt: skip
operation(
    "index_view",
    [X],
    lambda p, c, t: p.index_view(t, (slice(None), 1), Like((2,), p.like(t).dtype)),
    lambda t: t[:, 1],
    view=True,
)
operation("gather", [X], lambda p, c, t: p.gather(t, ROWS, Like((4, 3), p.like(t).dtype)), lambda t: t[ROWS])
operation("gather, a mask", [X], lambda p, c, t: p.gather(t, MASK, Like((4,), p.like(t).dtype)), lambda t: t[MASK])
operation("take_scalar", [ROW], lambda p, c, t: p.take_scalar(t, 2, Like((), p.like(t).dtype)), lambda t: t[2])
operation(
    "take_scalar, of a matrix",
    [X],
    lambda p, c, t: p.take_scalar(t, (1, -1), Like((), p.like(t).dtype)),
    lambda t: t[1, -1],
)
operation(
    "join", [X, COLUMN],
    lambda p, c, t, u: p.join([(t, X), (None, (2, 2)), (u, COLUMN)], 1, like((2, 6), p.like(t), p.like(u))),
    lambda t, u: np.concatenate([t, np.zeros((2, 2), t.dtype), u], axis=1),
)  # fmt: skip
operation(
    "join, scalars", [SCALAR, SCALAR],
    lambda p, c, t, u: p.join([(t, (1,)), (None, (1,)), (u, (1,))], 0, like((3,), p.like(t), p.like(u))),
    lambda t, u: np.array([t, 0.0 * t, u]),
)  # fmt: skip


def contracting(subscripts, shape, operand=None):
    name = f"contract, {subscripts}"
    constants = () if operand is None else (operand,)
    operation(name, [shape], lambda p, c, t: p.contract(t, subscripts, *c), lambda *x: np.einsum(subscripts, *reversed(x))
              if False else (np.einsum(subscripts, x[-1], *x[:-1])), constants)  # fmt: skip


contracting("ij->i", X)
contracting("ij->", X)
contracting("ij->ij", X)
contracting("i->", (0,))
contracting("ij,jk->ik", X, (3, 4))
contracting("ij,kj->ki", X, (4, 3))
contracting("i,ji->j", ROW, (4, 3))
contracting("ij,ij->", X, X)
contracting("ij,ij->i", X, X)
contracting("i,j->ij", ROW, (4,))
contracting("bij,bjk->bik", (2, 2, 3), (2, 3, 2))
contracting("ij,j->j", X, ROW)
contracting("i,ij->ij", ROW, (3, 2))


def summed(b):
    return np.cumsum(b, axis=-1)


def summed_back(b):
    return np.cumsum(b[..., ::-1], axis=-1)[..., ::-1]


operation(
    "linear_map", [X], lambda p, c, t: p.linear_map(t, summed, summed_back, p.like(t)), lambda t: np.cumsum(t, axis=-1)
)
operation(
    "linear_map, to a scalar", [ROW],
    lambda p, c, t: p.linear_map(
        t, lambda b: b[:, 0] - 2.0 * b[:, 2], lambda b: b[:, None] * np.array([1.0, 0.0, -2.0], b.dtype), Like((), p.like(t).dtype)
    ),
    lambda t: t[0] - 2.0 * t[2],
)  # fmt: skip


def written(index, shapes, formula, view=lambda dual: dual, name=""):
    """A buffer of the first shape, of which a place is written with the second, or with a constant."""

    def run(p, constants, t, u=None):
        base = p.like(t)
        buffer = Dual(value := np.ones(base.shape, base.dtype), p.as_buffer(p.owned(t), value), p)
        place = view(buffer)
        if u is None:
            place[index] = 2.0
        else:
            place[index] = Dual(np.ones(p.like(u).shape, p.like(u).dtype), u, p)
        return p.current(buffer.tangent)

    operation(f"assign, {name or index}", shapes, run, formula)


def with_item(index):
    def formula(t, u=0.0):
        t = t.copy()
        t[index] = u
        return t

    return formula


written((slice(None), 1), [X, (2,)], with_item((slice(None), 1)), name="a column")
written((0, 1), [X, SCALAR], with_item((0, 1)), name="an entry")
written(slice(1, None), [X, ROW], with_item(slice(1, None)), name="a spread row")
written(([0, 1], [2, 0]), [X, (2,)], with_item(([0, 1], [2, 0])), name="entries")
written(MASK, [X, (4,)], with_item(MASK), name="a mask")
written((slice(None), 1), [X], with_item((slice(None), 1)), name="a constant")
written(1, [X, (2,)], lambda t, u: with_item((slice(None), 1))(t, u), view=lambda dual: dual.T, name="through a view")
written(
    ..., [X, (6,)], lambda t, u: u.reshape(t.shape), view=lambda dual: dual.reshape(-1), name="through a view of all"
)  # fmt: skip
operation("zeros", [X], lambda p, c, t: p.combine(((2.0, t), (ONE, p.zeros(np.ones(X)))), p.like(t)), lambda t: 2.0 * t)


# Kinds of tangent.


class ForwardKind(NamedTuple):
    """A kind that maps k directions: makes the perturbation; runs ``program(p, *tangents)`` on blocks."""

    make: Callable[[], Perturbation]
    k: int

    def __call__(self, program, given):
        p = self.make()
        return p.block_of(program(p, *(p.seed(block) for block in given)))


class PushedTape:
    """A record that is run forward, as by `linearize`."""

    k = 3

    def __init__(self, make=Tape, careful=False):
        self.make, self.careful = make, careful

    def __call__(self, program, given):
        tape, inputs, output = recorded(program, given, self.make, self.careful)
        return tape.push(list(zip(inputs, given, strict=True)), [output], self.k)[0]


def recorded(program, given, make=Tape, careful=False):
    tape = make()
    inputs = [tape.input(Like(block.shape[1:], block.dtype)) for block in given]
    if careful:
        tape.expect_infinity()
    return tape, inputs, tape.current(program(tape, *inputs))


def careful(make):
    def made():
        p = make()
        p.expect_infinity()
        return p

    return made


FORWARD = {
    "Single": ForwardKind(Single, 1),
    "CarefulSingle": ForwardKind(careful(Single), 1),
    "Dense": ForwardKind(lambda: Dense(3), 3),
    "Dense of one": ForwardKind(lambda: Dense(1), 1),
    "Careful": ForwardKind(careful(lambda: Dense(3)), 3),
    "Supported": ForwardKind(lambda: Supported(3), 3),
    "Tape, pushed": PushedTape(),
    "Renewing, pushed": PushedTape(Renewing),
    "Tape with an infinity, pushed": PushedTape(careful=True),
}


class Pulled(NamedTuple):
    """A record that is run backward: blocks of cotangents, or one; with ``nan`` beside a direction that is NaN."""

    make: type[Tape]
    k: int
    one: bool = False
    nan: bool = False

    def __call__(self, program, given, cotangent):
        tape, inputs, output = recorded(program, given, self.make)
        if self.nan:  # sends the whole sweep through the supports
            cotangent = np.concatenate([cotangent, np.full_like(cotangent[:1], np.nan)])
            with np.errstate(invalid="ignore"):
                found = tape.pull([(output, cotangent)], inputs)
            return [None if block is None else block[:-1] for block in found]
        found = tape.pull([(output, cotangent[0] if self.one else cotangent)], inputs, one=self.one)
        return [block[None] if self.one and block is not None else block for block in found]


BACKWARD = {
    "Tape, one cotangent": Pulled(Tape, 1, one=True),
    "Tape": Pulled(Tape, 3),
    "Tape, on supports": Pulled(Tape, 3, nan=True),
    "Renewing": Pulled(Renewing, 3),
    "Renewing, one cotangent": Pulled(Renewing, 1, one=True),
}
DTYPES = (np.float64, np.complex128, np.float32)
each_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
each_forward = pytest.mark.parametrize("kind", FORWARD.values(), ids=FORWARD)
each_backward = pytest.mark.parametrize("kind", BACKWARD.values(), ids=BACKWARD)


def random(rng, shape, dtype):
    x = rng.uniform(-1.0, 1.0, shape)
    return np.asarray(x + 1j * rng.uniform(-1.0, 1.0, shape) if dtype is np.complex128 else x, dtype)


def tolerance(dtype):
    return {"rtol": 1e-5, "atol": 1e-5} if dtype is np.float32 else {"rtol": 1e-12, "atol": 1e-12}


def cases(operation, k):
    """For each dtype: it, a program that fixes the constants, these, and two sets of tangents."""
    for dtype in DTYPES:
        rng = np.random.default_rng(11)
        constants = [random(rng, shape, dtype) for shape in operation.constants]
        program = lambda p, *tangents, constants=constants: operation.run(p, constants, *tangents)
        given, others = ([random(rng, (k, *shape), dtype) for shape in operation.shapes] for _ in range(2))
        yield dtype, program, constants, given, others


def expected(operation, constants, given):
    return np.stack([operation.formula(*constants, *directions) for directions in zip(*given, strict=True)])


def bits(arrays):
    return [np.asarray(array).tobytes() for array in arrays]


def assert_owned(result, given):
    for array in given:
        assert not np.shares_memory(result, array)


@each_operation
@each_forward
def test_operation_is_its_formula_in_each_direction(operation, kind):
    for dtype, program, constants, given, _ in cases(operation, kind.k):
        result, wanted = kind(program, given), expected(operation, constants, given)

        assert result.dtype == dtype
        assert result.shape == wanted.shape
        assert_allclose(result, wanted, **tolerance(dtype))


@each_operation
@each_forward
def test_operation_is_linear(operation, kind):
    for dtype, program, _, given, others in cases(operation, kind.k):
        mixed = [np.asarray(2.0 * a - 0.5 * b, dtype) for a, b in zip(given, others, strict=True)]

        assert_allclose(
            kind(program, mixed), 2.0 * kind(program, given) - 0.5 * kind(program, others), **tolerance(dtype)
        )
        assert_array_equal(kind(program, [np.zeros_like(block) for block in given]), 0.0 * kind(program, given))


@each_operation
@each_forward
def test_result_owns_its_memory_and_arguments_stay_as_they_are(operation, kind):
    for _, program, constants, given, _ in cases(operation, kind.k):
        before = bits([*constants, *given])
        result = kind(program, given)

        assert bits([*constants, *given]) == before
        if not operation.view and result.size:
            result[...] = 7.0
            assert bits([*constants, *given]) == before


@each_operation
@each_forward
def test_memory_layout_of_the_tangents_does_not_matter(operation, kind):
    for dtype, program, _, given, _ in cases(operation, kind.k):
        laid_out = [np.repeat(block[..., None], 2, axis=-1)[..., 0] for block in given]
        fortran = [np.asfortranarray(block) for block in given]

        for other in (laid_out, fortran):
            assert_allclose(kind(program, other), kind(program, given), **tolerance(dtype))


@each_operation
@each_backward
def test_transpose_is_the_adjoint(operation, kind):
    """⟨c, op(t)⟩ = ⟨opᵀ(c), t⟩ in each direction, the op being what the formula says."""
    for dtype, program, constants, given, _ in cases(operation, kind.k):
        forward = expected(operation, constants, given)
        c = random(np.random.default_rng(5), forward.shape, dtype)
        before = bits([c, *constants])
        found = kind(program, given, c)

        assert bits([c, *constants]) == before
        total = np.zeros(kind.k, np.result_type(dtype, np.float64))
        for block, tangent in zip(found, given, strict=True):
            if block is not None:
                assert (block.shape, block.dtype) == (tangent.shape, tangent.dtype)
                total += np.sum((block * tangent).reshape(kind.k, -1), axis=1)
        assert_allclose(total, np.sum((c * forward).reshape(kind.k, -1), axis=1), **tolerance(dtype))


@each_operation
@each_backward
def test_cotangents_of_several_inputs_are_arrays_of_their_own(operation, kind):
    for dtype, program, constants, given, _ in cases(operation, kind.k):
        forward = expected(operation, constants, given)
        c = random(np.random.default_rng(5), forward.shape, dtype)
        found = [block for block in kind(program, given, c) if isinstance(block, np.ndarray)]

        if len(given) > 1:
            for i, block in enumerate(found):
                assert_owned(block, [c, *constants, *found[:i]])


def test_every_kind_of_the_package_is_in_a_list():
    import dualdiff.tangents as package

    def kinds(of):
        for kind in of.__subclasses__():
            if kind.__module__.startswith(package.__name__):
                yield kind
            yield from kinds(kind)

    mixed_in = {"Quiet"}
    tested = {type(kind.make()) for kind in FORWARD.values()} | {kind.make for kind in BACKWARD.values()}

    assert {CarefulSingle, Careful} <= tested
    assert {kind.__name__ for kind in kinds(Perturbation)} - {kind.__name__ for kind in tested} == mixed_in


# Every rule, through a kind of the test's own.


class CheckedKind(Dense):
    """Dense tangents of two directions that check each operation of a rule as it is asked for.

    Everything goes through the formulas of NumPy; nothing of the arithmetic of `Dense` is used but for its moves.
    """

    __slots__ = ("reached", "rng")

    def __init__(self, reached):
        super().__init__(2)
        self.reached, self.rng = reached, np.random.default_rng(1)

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
                dropped = getattr(factor, "dtype", None) == bool
                total = total + (np.where(factor, tangent, 0.0) if dropped else factor * tangent)
        before = bits(tangent for _, tangent in terms)
        result = super().combine(terms, like, held)
        assert bits(tangent for _, tangent in terms) == before
        assert (result.shape, result.dtype) == (shape, like_of(like).dtype)
        if not np.iscomplexobj(result):
            total = total.real
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
        frame = sys._getframe(1)
        while frame.f_code.co_filename.endswith("expression.py"):
            frame = frame.f_back
        path = Path(frame.f_code.co_filename)
        self.reached.append((f"{path.parent.name}/{path.name}", frame.f_lineno))
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


def programs():
    """Every sample of a rule, and functions of `dualdiff.scipy` whose derivatives are linear maps: name, f, args."""
    from dualdiff.scipy import interpolate, linalg

    rng = np.random.default_rng(7)
    a, b = rng.uniform(-1, 1, (2, 3)), rng.uniform(-1, 1, (3, 4))
    z, w = a + 1j * rng.uniform(-1, 1, (2, 3)), b + 1j * rng.uniform(-1, 1, (3, 4))
    square, complex_square = a[:, :2] + 2.0 * np.eye(2), z[:, :2] + 2.0 * np.eye(2)
    bands = np.array([[0.0, 1.0, 1.0], [4.0, 5.0, 6.0], [1.0, 1.0, 0.0]])
    closed = np.array([0.0, 1.0, 3.0, 0.0])
    yield from ((str(sample), sample.f, sample.args) for sample in load_all())
    yield "a real part written", with_real_part, (z, a)
    yield "expm", linalg.expm, (square,)
    yield "solve_triangular", linalg.solve_triangular, (square, b[:2])
    yield "solve_triangular, conjugate", lambda a, b: linalg.solve_triangular(a, b, 2), (complex_square, w[:2])
    yield "solve_banded", lambda ab, b: linalg.solve_banded((1, 1), ab, b), (bands, a.T)
    yield "solve_sylvester", linalg.solve_sylvester, (square, b[:, :3] + 4.0 * np.eye(3), a)
    yield "CubicSpline", lambda y: interpolate.CubicSpline(np.arange(4.0), y, bc_type="periodic").c, (closed,)


def with_real_part(z, x):
    y = z * 1.0
    y.real[...] = x
    return y


def places_of_linear_maps():
    """The lines of the package that make a linear map: (file, first line, last line) of each call."""
    package = Path(dd.__file__).parent
    for path in sorted(package.rglob("*.py")):
        if path.parent.name == "tangents":
            continue  # the interface itself
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("map", "linear_map"):
                yield f"{path.parent.name}/{path.name}", node.lineno, node.end_lineno


def test_operations_of_every_rule_obey_the_laws_and_every_linear_map_is_reached():
    reached = []
    for name, f, args in programs():
        p = CheckedKind(reached)
        try:
            f(*(seeded(np.asarray(x)[()], p.seed(p.block(x)[:2]), p) for x in args))
        except AssertionError as fault:
            fault.add_note(name)
            raise
        finally:
            p.live = False
    for file, first, last in places_of_linear_maps():
        assert any(file == path and first <= line <= last for path, line in reached), f"{file}:{first} was not reached"
