"""Operations on tangents, each with what it does to one direction in plain NumPy: for `test_tangent_kinds.py`."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from dualdiff.tangents import MINUS_ONE, ONE, Like
from dualdiff.values.dual import Dual


class Operation(NamedTuple):
    """One operation on tangents of arrays of some shapes, and what it does to each direction in plain NumPy."""

    shapes: tuple[tuple[int, ...], ...]
    run: Callable[..., Any]  # of a perturbation, constants and tangents
    formula: Callable[..., Any]  # of constants and one direction of each tangent
    constants: tuple[tuple[int, ...], ...] = ()  # shapes of arrays that the operation reads
    view: bool = False  # whether the result may share memory with the tangent
    view_if_pushed: bool = False  # whether it may when a record is run forward: `linearize` copies what it returns


X, COLUMN, ROW, SCALAR, EMPTY = (2, 3), (2, 1), (3,), (), (0, 3)
MASK = np.array([[True, False, True], [False, True, True]])
ROWS = np.array([1, 0, 1, 1])
OPERATIONS: dict[str, Operation] = {}


def operation(name, shapes, run, formula, constants=(), **views):
    OPERATIONS[name] = Operation(tuple(shapes), run, formula, tuple(constants), **views)


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


def summing(name, shapes, shape):
    """`plus` and `minus`, whose value is an array, or a scalar of NumPy's."""

    def value(p, *tangents):
        dtype = np.result_type(*(p.like(t).dtype for t in tangents))
        return np.zeros(shape, dtype) if shape else dtype.type(0)

    operation(f"plus, {name}", shapes, lambda p, c, t, u: p.plus(t, u, value(p, t, u)), lambda t, u: t + u)
    operation(f"minus, {name}", shapes, lambda p, c, t, u: p.minus(t, u, value(p, t, u)), lambda t, u: t - u)


summing("arrays", [X, X], X)
summing("broadcast", [COLUMN, ROW], X)
summing("a column and an array", [COLUMN, X], X)
summing("a scalar and an array", [SCALAR, X], X)
summing("scalars", [SCALAR, SCALAR], SCALAR)
summing("nothing", [EMPTY, ROW], EMPTY)
operation("minus, of itself", [X], lambda p, c, t: p.minus(t, t, np.zeros(X, p.like(t).dtype)), lambda t: t - t)
operation("scale, an int", [X], lambda p, c, t: p.scale(3, t), lambda t: 3 * t)


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
operation(
    "take_scalar",
    [ROW],
    lambda p, c, t: p.take_scalar(t, 2, Like((), p.like(t).dtype)),
    lambda t: t[2],
    view_if_pushed=True,
)
operation(
    "take_scalar, of a matrix",
    [X],
    lambda p, c, t: p.take_scalar(t, (1, -1), Like((), p.like(t).dtype)),
    lambda t: t[1, -1],
    view_if_pushed=True,
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
    formula = lambda *given: np.einsum(subscripts, given[-1], *given[:-1])
    operation(name, [shape], lambda p, c, t: p.contract(t, subscripts, *c), formula, constants)


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
        t,
        lambda b: b[:, 0] - 2.0 * b[:, 2],
        lambda b: b[:, None] * np.array([1.0, 0.0, -2.0], b.dtype),
        Like((), p.like(t).dtype),
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
