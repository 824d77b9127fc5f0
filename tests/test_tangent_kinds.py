"""The laws of tangents: each operation with each kind of tangent.

A kind of tangent is an entry of `FORWARD` (what maps tangents) or of `BACKWARD` (what maps cotangents), an operation an
entry of `OPERATIONS`; a new one is tested by being in the list.  The laws are those that `dualdiff.tangents` states:
an operation is the linear map that its formula says, its transpose is the adjoint, it never changes what it is given,
and its result owns its memory, unless it is a view.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.testing import assert_array_equal

import dualdiff.tangents.pattern
from dualdiff.tangents import Like, Perturbation
from dualdiff.tangents.dense import Careful, Dense
from dualdiff.tangents.single import CarefulSingle, Single
from dualdiff.tangents.structural_zeros import Supported
from dualdiff.tangents.tape import Renewing, Tape
from tests.closeness import assert_allclose
from tests.laws import together
from tests.tangent_operations import OPERATIONS


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
    """A record that is run backward: blocks of cotangents, or one; with ``nan`` beside what is NaN, so on supports."""

    make: type[Tape]
    k: int
    one: bool = False
    nan: bool = False

    def __call__(self, program, given, cotangent):
        if self.nan and self.one:
            beside = lambda tape, *tangents: program(tape, *tangents[:-1])
            tape, inputs, output = recorded(beside, [*given, np.zeros(1)], self.make)
            seeds = [(output, cotangent[0]), (inputs[-1], np.float64(np.nan))]
            return [None if one is None else one[None] for one in tape.pull(seeds, inputs, one=True)[:-1]]
        tape, inputs, output = recorded(program, given, self.make)
        if self.nan:
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
    "Tape, one cotangent on supports": Pulled(Tape, 1, one=True, nan=True),
    "Renewing": Pulled(Renewing, 3),
    "Renewing, one cotangent": Pulled(Renewing, 1, one=True),
}
DTYPES = (np.float64, np.complex128, np.float32)


def each_operation_with(kinds):
    pairs = {f"{name}, {kind}": (OPERATIONS[name], kinds[kind]) for kind in kinds for name in OPERATIONS}
    return together(pairs.values(), ids=pairs)


each_forward, each_backward = each_operation_with(FORWARD), each_operation_with(BACKWARD)


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


@each_forward
def test_operation_is_its_formula_in_each_direction(operation, kind):
    for dtype, program, constants, given, _ in cases(operation, kind.k):
        result, wanted = kind(program, given), expected(operation, constants, given)

        assert result.dtype == dtype
        assert result.shape == wanted.shape
        assert_allclose(result, wanted, **tolerance(dtype))


@each_forward
def test_operation_is_linear(operation, kind):
    for dtype, program, _, given, others in cases(operation, kind.k):
        mixed = [np.asarray(2.0 * a - 0.5 * b, dtype) for a, b in zip(given, others, strict=True)]

        assert_allclose(
            kind(program, mixed), 2.0 * kind(program, given) - 0.5 * kind(program, others), **tolerance(dtype)
        )
        assert_array_equal(kind(program, [np.zeros_like(block) for block in given]), 0.0 * kind(program, given))


@each_forward
def test_result_owns_its_memory_and_arguments_stay_as_they_are(operation, kind):
    for _, program, constants, given, _ in cases(operation, kind.k):
        before = bits([*constants, *given])
        result = kind(program, given)

        assert bits([*constants, *given]) == before
        may_be_view = operation.view or (operation.view_if_pushed and isinstance(kind, PushedTape))
        if not may_be_view and result.size:
            result[...] = 7.0
            assert bits([*constants, *given]) == before


@each_forward
def test_memory_layout_of_the_tangents_does_not_matter(operation, kind):
    for dtype, program, _, given, _ in cases(operation, kind.k):
        laid_out = [np.repeat(block[..., None], 2, axis=-1)[..., 0] for block in given]
        fortran = [np.asfortranarray(block) for block in given]

        for other in (laid_out, fortran):
            assert_allclose(kind(program, other), kind(program, given), **tolerance(dtype))


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
    def kinds(of):
        for kind in of.__subclasses__():
            if kind.__module__.startswith(dualdiff.tangents.__name__):
                yield kind
            yield from kinds(kind)

    mixed_in = {"Quiet", "Running", "Patterns"}  # the last has no numbers: test_sparsity_patterns
    tested = {type(kind.make()) for kind in FORWARD.values()} | {kind.make for kind in BACKWARD.values()}

    assert {CarefulSingle, Careful} <= tested
    assert {kind.__name__ for kind in kinds(Perturbation)} - {kind.__name__ for kind in tested} == mixed_in
