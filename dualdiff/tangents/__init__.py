"""Tangents: the ε-part of a dual number, and the four linear operations that are all it ever meets.

A `Perturbation` is the ε of one differentiation.  It knows its nesting level, whether its
transform is still running, and how to do linear algebra on its own kind of tangent:

    single.py            one epsilon-coefficient array of the shape of the value   forward mode, one direction
    dense.py             blocks of them, of shape (k, *value.shape)                forward mode, k directions
    tape.py              operations of a recorded linear program                   reverse mode
    structural_zeros.py  dense blocks with the entries that a seed reached         a zero that meets an infinite partial
    pattern.py           index sets (rows.py, reach.py), through a record          sparsity (pattern_sweep.py)
    gauges.py            no kind, but a part of a tangent that is not known        vectors that a matrix does not fix

A record's operations are in operations.py, maps.py and writes.py, with text.py for print; running.py runs it, both
ways, transposes.py has what NumPy lacks for that.

The four operations, and the law that each obeys (x, y tangents; α a number; op one of the four):
op(α x + y) = α op(x) + op(y), and op never changes its arguments nor returns one of them:
every result owns its memory, except for the views that `rearrange` makes.

``None`` stands for the zero tangent of a passive argument; a `Dual` never holds it.
``like`` is anything with the ``shape`` and ``dtype`` of the primal result.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from . import blocks, muting

_levels = itertools.count(1)


def newest_level() -> int:
    """A number above the level of every perturbation made so far, less one."""
    return next(_levels) - 1


class Trivial:
    """A partial that costs no multiplication."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


ONE = Trivial("ONE")
MINUS_ONE = Trivial("MINUS_ONE")


class Like:
    """Shape and dtype of an array that need not exist."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape = shape
        self.dtype = dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def like_of(value: Any) -> Any:
    """Shape and dtype of a primal, which may be a Python number."""
    return value if hasattr(value, "dtype") else Like((), np.result_type(type(value)))


def dtype_of(value: Any) -> np.dtype[Any]:
    """The dtype of an array, a scalar, or a Python number."""
    return getattr(value, "dtype", None) or np.result_type(type(value))


class Perturbation:
    """The ε of one differentiation: a level, a lifetime, and four linear operations."""

    __slots__ = ("level", "live", "refused", "stopped")
    mode = "forward"  # what users know it as
    immutable = False  # whether a tangent is never written, so that two Duals may hold the same one
    renews = False  # whether the tangent of a view may be out of date until `current` has seen it

    def __init__(self) -> None:
        # A transform called inside another starts later, so a larger number is an inner level.
        self.level = next(_levels)
        self.live = True
        self.refused: str | None = None  # the last error that said that a derivative would be lost
        self.stopped = False  # whether stop_gradient made a constant of one of its Duals

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.mode} mode, level {self.level}{'' if self.live else ', ended'}>"

    def combine(self, terms: Iterable[tuple[Any, Any]], like: Any, held: tuple[Any, ...] | None = None) -> Any:
        """Σ partialᵢ · tangentᵢ, broadcast to ``like.shape``: the chain rule of one elementwise function.

        A partial is `ONE`, `MINUS_ONE`, a number, or an array that broadcasts to ``like.shape``.
        A boolean partial selects: what it drops is zero, even where the tangent is infinite.
        With ``held``, an array that is none of these was made for this call, and its memory may be used.
        """
        raise NotImplementedError

    def plus(self, a: Any, b: Any, like: Any) -> Any:
        """`combine` of a sum."""
        return self.combine(((ONE, a), (ONE, b)), like)

    def minus(self, a: Any, b: Any, like: Any) -> Any:
        """`combine` of a difference."""
        return self.combine(((ONE, a), (MINUS_ONE, b)), like)

    def scale(self, partial: Any, tangent: Any, made: bool = False) -> Any:
        """`combine` of one term whose result has the shape and dtype of the tangent: nothing to broadcast or cast.

        ``made`` says that the partial was made for this call, and its memory may be used.
        """
        return self.combine(((partial, tangent),), self.like(tangent))

    def rearrange(self, tangents: tuple[Any, ...], move: Callable[..., Any], like: Any) -> Any:
        """Entries copied, dropped, repeated or zero-filled; ``move`` maps blocks to a block, axis 0 kept."""
        raise NotImplementedError

    def join(self, parts: list[tuple[Any, tuple[int, ...]]], axis: int, like: Any) -> Any:
        """`rearrange` that lays tangents end to end along an axis of the result.

        Each part is a tangent (None for zero) and its shape in the result.
        """
        raise NotImplementedError

    def contract(self, tangent: Any, subscripts: str, operand: Any = None) -> Any:
        """``einsum(subscripts, tangent, operand)`` with a constant operand; axis 0 is not in the subscripts.

        Subscripts are explicit letters, each at most once per term (``"ij,jk->ik"``); ``"ij->i"`` only sums.
        """
        raise NotImplementedError

    def linear_map(self, tangent: Any, apply: Callable[[Any], Any], transpose: Callable[[Any], Any], like: Any) -> Any:
        """Any other linear map, given with its transpose; both map blocks and keep axis 0."""
        raise NotImplementedError

    def zeros(self, value: Any) -> Any:
        """The zero tangent of a buffer that may be written later."""
        raise NotImplementedError

    def view(self, tangent: Any, move: Callable[[Any], Any], like: Any) -> Any:
        """`rearrange` where ``move`` takes a view that shows no entry twice."""
        return self.rearrange((tangent,), move, like)

    def index_view(self, tangent: Any, index: Any, like: Any) -> Any:
        """`view` by a basic index."""
        return self.view(tangent, lambda block: blocks.get(block, index), like)

    def gather(self, tangent: Any, index: Any, like: Any) -> Any:
        """`rearrange` by an advanced index."""
        return self.rearrange((tangent,), lambda block: blocks.get(block, index), like)

    def take_scalar(self, tangent: Any, index: Any, like: Any) -> Any:
        """`rearrange` for one entry, which owns its memory."""
        return self.rearrange((tangent,), lambda block: blocks.get(block, index).copy(), like)

    # Writes (values/storage.py).  A kind whose tangents are memory has `put` and makes room for what it is given; an
    # immutable one has `after_write`.

    def put(self, tangent: Any, index: Any, item: Any) -> None:
        """``tangent[index] = item`` in memory; ``item`` a tangent, None for zero."""
        raise NotImplementedError

    def has_room(self, tangent: Any, item: Any) -> bool:
        """Whether a tangent can hold another, which may be of an outer level."""
        return True

    def with_room(self, tangent: Any, item: Any) -> Any:
        """A tangent that shows the same and has room for ``item``."""
        raise NotImplementedError

    def after_write(self, before: Any, views: Sequence[tuple[Any, Any]], index: Any, item: Any) -> Any:
        """The tangent of a buffer after ``view[index] = item``, the view being that to which ``views`` lead.

        Each of these is a move of blocks and something, or None and a basic index; ``item`` a tangent, None for zero.
        """
        raise NotImplementedError

    def expect_writes(self) -> None:
        """A buffer that has views is written: from here on the tangent of a view may be out of date."""

    def current(self, tangent: Any) -> Any:
        """The tangent of a Dual as another Dual may hold it: of a view, that of now."""
        return tangent

    def view_of_written(self, view: Any) -> Any:
        """The tangent of a new view of a buffer whose writes do not reach it through memory."""
        return view.tangent

    def before_write(self, value: Any) -> None:
        """The memory of a value is about to be overwritten."""

    def keep(self, constant: Any) -> Any:
        """A constant operand, or an index, that the caller may overwrite later, as this kind may hold on to it."""
        return constant

    def snapshot(self, array: Any) -> Any:
        """What a function of the user's closes over, as it is now, if this kind calls the function later."""
        return array

    def owned(self, tangent: Any) -> Any:
        """A seed that is about to be written, in memory of its own."""
        return tangent

    def seed(self, block: Any) -> Any:
        """A block of directions as this kind of tangent."""
        return block

    def block_of(self, tangent: Any) -> Any:
        """The block of directions of a tangent that holds one."""
        return tangent

    def direction_of(self, tangent: Any) -> Any:
        """The one direction of a tangent that holds one, in the shape of its primal."""
        return self.block_of(tangent)[0]

    def expect_infinity(self) -> None:
        """A partial was infinite: from here on 0 · inf may occur, and is no cause for a warning."""

    def separate(self, result: Any, tangents: Any) -> None:
        """Give a result (a Dual, or a tuple of them) a tangent of its own if it shares memory with one of these."""

    def end(self) -> None:
        """The transform has ended, or was interrupted: its Duals raise when they are used from here on."""
        self.live = False
        if self.refused is not None:
            muting.unmute()

    def refuse(self, text: str) -> None:
        """An error with this text says that a derivative would be lost: for the case that it is swallowed."""
        self.refused = text
        if self.live is True:
            muting.mute()

    def present(self, dual: Any) -> Any:
        """A result of this perturbation as its users see it."""
        return dual

    def as_buffer(self, tangent: Any, value: Any) -> Any:
        """The tangent laid out so that a view of the value and the same view of the tangent stay together."""
        raise NotImplementedError

    def like(self, tangent: Any) -> Like:
        """Shape and dtype of the primal that a tangent belongs to."""
        raise NotImplementedError

    # The way back: a cotangent is of the same kind as a tangent, and travels from an operation of a record to its
    # parents (operations.py).  Cotangents know +, unary -, ``dtype``, ``real`` and ``astype``; what else they meet is:

    def times(self, partial: Any, cotangent: Any) -> Any:
        """The product with a partial that broadcasts to the cotangent, neither cast nor copied."""
        raise NotImplementedError

    def summed_to(self, cotangent: Any, shape: tuple[int, ...]) -> Any:
        """The sum over the axes along which an array of ``shape`` was repeated."""
        raise NotImplementedError

    def parts(self, cotangent: Any) -> tuple[Any, ...]:
        """The blocks that a cotangent consists of; what is written into them is written into it, if it is memory."""
        raise NotImplementedError

    def whole(self, parts: Sequence[Any]) -> Any:
        """The cotangent of such blocks."""
        raise NotImplementedError

    def spread(self, cotangent: Any, index: Any, shape: tuple[int, ...]) -> Any:
        """Repeated to a shape along axes that ``index``, of blocks, inserts."""
        raise NotImplementedError

    def pull_back(self, cotangent: Any, transpose: Callable[[Any], Any]) -> Any:
        """`linear_map` by a transpose alone."""
        raise NotImplementedError

    def memory(self, cotangent: Any) -> bool:
        """Whether a cotangent of an array is NumPy's, to be added into in place."""
        raise NotImplementedError

    def nothing(self, shape: tuple[int, ...], cotangent: Any, dtype: Any) -> Any:
        """The zero cotangent of an array, with as many directions as another has."""
        raise NotImplementedError

    def add_at(self, total: Any, index: Any, cotangent: Any) -> None:
        """``total[index] += cotangent`` for a basic index."""
        raise NotImplementedError

    def placed(self, shape: tuple[int, ...], cotangent: Any, dtype: Any, index: Any) -> Any:
        """The cotangent of an array that has another where a basic index takes it, and else nothing."""
        total = self.nothing(shape, cotangent, dtype)
        self.add_at(total, index, cotangent)
        return total
