"""Forward mode along one direction: a tangent is an array of the shape of its primal, a scalar for a scalar.

What `jvp` and `derivative` need.  Partials, indices and in-place writes apply to value and tangent alike, with no axis
of directions to make room for; what maps blocks (`rearrange`, `linear_map`) gets a block of one direction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..values import kinds
from ..values.dual import Dual, is_array, primal
from ..values.kinds import ARRAYS, type_of
from . import MINUS_ONE, ONE, Like, Perturbation, blocks, dtype_of
from .dense import Quiet, as_block, product
from .einsum import BIG, contracted, sum_axes

_BOOL = np.dtype(bool)
_ndarray = np.ndarray
_float64 = np.float64
_add_reduce = np.add.reduce
_bool = np.bool_
_PLAIN = (np.ndarray, np.generic)
_SCALARS = frozenset({np.float64, np.float32, float})
_IN_MEMORY = frozenset({np.ndarray, np.float64})


class Single(Perturbation):
    """The ε of one sweep of forward mode with one direction."""

    __slots__ = ()

    def combine(self, terms: Iterable[tuple[Any, Any]], like: Any, held: tuple[Any, ...] | None = None) -> Any:
        total: Any = None
        borrowed = False  # whether total is an argument, not ours to return
        for partial, tangent in terms:
            if type(partial) in ARRAYS and partial.size <= BIG and partial.dtype is not _BOOL:
                term = partial * tangent
                total, borrowed = term if total is None else total + term, False
                continue
            if partial is ONE:
                borrowed = total is None
                total = tangent if borrowed else total + tangent
                continue
            if partial is MINUS_ONE:
                total = -tangent if total is None else total - tangent
                borrowed = False
                continue
            if type(partial) in ARRAYS and partial.size > BIG and held is not None:
                term = _product(partial, tangent, all(partial is not array for array in held))
            elif getattr(partial, "dtype", None) is _BOOL:
                term = _where(partial, tangent)
            else:
                # In the other order np.float64 would leave Python's complex, which has no dtype.
                term = tangent * partial if type_of(partial) is complex else partial * tangent
            if total is None:
                total = term
            elif type(total) in ARRAYS and total.size > BIG and not borrowed and _alike(total, term):
                np.add(total, term, out=total)
            else:
                total = total + term
            borrowed = False
        dtype = getattr(like, "dtype", None)
        if dtype is None:  # a Python number
            dtype = dtype_of(like)
            return total if total.dtype == dtype else total.astype(dtype)
        if total.dtype is not dtype and total.dtype != dtype:
            total, borrowed = total.astype(dtype), False
        if total.shape != like.shape:
            return np.broadcast_to(total, like.shape).copy()
        return blocks.copied(total) if borrowed and is_array(total) else total

    def plus(self, a: Any, b: Any, like: Any) -> Any:
        if type(like) in _IN_MEMORY:
            total = a + b
            if total.dtype is like.dtype:
                return total
        return self.combine(((ONE, a), (ONE, b)), like)

    def minus(self, a: Any, b: Any, like: Any) -> Any:
        if type(like) in _IN_MEMORY:
            total = a - b
            if total.dtype is like.dtype:
                return total
        return self.combine(((ONE, a), (MINUS_ONE, b)), like)

    def scale(self, partial: Any, tangent: Any, made: bool = False) -> Any:
        kind = type(partial)
        if kind in ARRAYS:
            dtype = partial.dtype
            if partial.size <= BIG and dtype is not _BOOL:
                product = partial * tangent
                if dtype is tangent.dtype:
                    return product
            else:
                product = _product(partial, tangent, made)
        elif partial is MINUS_ONE:
            return -tangent
        elif kind is float or kind is int:
            product = blocks.times_number(partial, tangent)
        elif partial is ONE:
            return tangent if type(tangent) is _float64 else blocks.copied(tangent)
        elif type_of(partial) is complex:  # in the other order np.float64 would leave Python's complex
            return tangent * partial
        elif kind is _bool or getattr(partial, "dtype", None) is _BOOL:
            product = _where(partial, tangent)
        else:
            product = partial * tangent
        # A partial made with np.where of Python floats is wider than a float32 tangent.
        return product if product.dtype is tangent.dtype else product.astype(tangent.dtype)

    def rearrange(self, tangents: tuple[Any, ...], move: Callable[..., Any], like: Any) -> Any:
        return _only(move(*[as_block(tangent) for tangent in tangents]), like)

    def view(self, tangent: Any, move: Callable[[Any], Any], like: Any) -> Any:
        return _only(move(as_block(tangent)), like)

    def index_view(self, tangent: Any, index: Any, like: Any) -> Any:
        return tangent[index]

    gather = take_scalar = index_view

    def join(self, parts: list[tuple[Any, tuple[int, ...]]], axis: int, like: Any) -> Any:
        if like.ndim == 1 and all(shape == (1,) for _, shape in parts):
            # Scalars, most of the time: an array made of them is quicker than arrays of them laid end to end.
            scalars: list[Any] = [0.0 if tangent is None else tangent for tangent, _ in parts]
            if all(type(scalar) in _SCALARS for scalar in scalars):
                return np.array(scalars, like.dtype)
            others = [scalar for scalar in scalars if type(scalar) not in _SCALARS]
            if all(type(scalar) in kinds.NUMBERS for scalar in others):
                return np.array(scalars, like.dtype, like=others[0])
        laid = [np.zeros(shape, like.dtype) if tangent is None else tangent.reshape(shape) for tangent, shape in parts]
        whole = np.concatenate(laid, axis=axis)
        return whole if whole.dtype is like.dtype else whole.astype(like.dtype)

    def contract(self, tangent: Any, subscripts: str, operand: Any = None) -> Any:
        if operand is None:
            axes = sum_axes(subscripts)
            if type(axes) is int:
                return _add_reduce(tangent, axes - 1) if type(tangent) in ARRAYS else np.sum(tangent, axes - 1)
            if axes == ():
                return tangent.copy()
            return blocks.summed(tangent, tuple([axis - 1 for axis in axes]))  # type: ignore[union-attr]
        return contracted(as_block(tangent), subscripts, operand)[0]

    def linear_map(self, tangent: Any, apply: Callable[[Any], Any], transpose: Callable[[Any], Any], like: Any) -> Any:
        return _only(apply(as_block(tangent)), like)

    def zeros(self, value: Any) -> Any:
        plain = primal(value)
        if type(plain) in ARRAYS:
            return np.zeros_like(plain)
        dtype = dtype_of(plain)
        return np.zeros(plain.shape, dtype, like=plain) if is_array(plain) else dtype.type(0)

    def put(self, tangent: Any, index: Any, item: Any) -> None:
        tangent[index] = 0.0 if item is None else item

    def has_room(self, tangent: Any, item: Any) -> bool:
        return type(item) is not Dual or type(tangent) is Dual

    def with_room(self, tangent: Any, item: Any) -> Any:
        return Dual(tangent, item.perturbation.zeros(tangent), item.perturbation)

    def owned(self, tangent: Any) -> Any:
        return blocks.copied(tangent)

    def seed(self, block: Any) -> Any:
        return block[0]

    def block_of(self, tangent: Any) -> Any:
        return as_block(tangent)

    def direction_of(self, tangent: Any) -> Any:
        return tangent

    def expect_infinity(self) -> None:
        if type(self) is Single:
            self.__class__ = CarefulSingle

    def separate(self, result: Any, tangents: Any) -> None:
        for dual in result if isinstance(result, tuple) else (result,):
            own: Any = getattr(dual, "tangent", None)
            if getattr(own, "shape", ()) and (
                any(own is tangent for tangent in tangents)
                or (
                    type(own) in ARRAYS
                    and own.base is not None
                    and any(np.may_share_memory(own, t) for t in tangents if type(t) in ARRAYS)
                )
            ):
                dual.tangent = np.copy(own, order="K")

    def as_buffer(self, tangent: Any, value: Any) -> Any:
        if type(tangent) in ARRAYS and type(value) in ARRAYS and tangent.strides == value.strides:
            return tangent
        plain, plain_tangent = primal(value), primal(tangent)
        if type(plain) not in ARRAYS or (type(plain_tangent) in ARRAYS and plain_tangent.strides == plain.strides):
            return tangent
        buffer: Any = np.zeros_like(plain)
        if type(tangent) is Dual:  # of an outer level
            buffer = Dual(buffer, tangent.perturbation.zeros(buffer), tangent.perturbation)
        buffer[...] = tangent
        return buffer

    def like(self, tangent: Any) -> Like:
        return Like(tangent.shape, tangent.dtype)

    # The way back.

    times = staticmethod(product)

    def summed_to(self, cotangent: Any, shape: tuple[int, ...]) -> Any:
        return blocks.unbroadcast(cotangent, shape, 0)

    def parts(self, cotangent: Any) -> tuple[Any, ...]:
        return (as_block(cotangent),)

    def whole(self, parts: Sequence[Any]) -> Any:
        return parts[0][0]

    def spread(self, cotangent: Any, index: Any, shape: tuple[int, ...]) -> Any:
        if type(cotangent) in ARRAYS:
            cotangent = cotangent[index[1:]]
        elif not isinstance(cotangent, np.generic) and type(cotangent) not in kinds.OTHERS:
            return np.broadcast_to(as_block(cotangent)[index], (1, *shape))[0]
        plainly = type(cotangent) in _IN_MEMORY
        whole = np.empty(shape, cotangent.dtype) if plainly else kinds.empty(shape, cotangent.dtype, cotangent)
        whole[...] = cotangent
        return whole

    def pull_back(self, cotangent: Any, transpose: Callable[[Any], Any]) -> Any:
        return transpose(as_block(cotangent))[0]

    def memory(self, cotangent: Any) -> bool:
        return isinstance(cotangent, _PLAIN) or type(cotangent) in kinds.OTHERS

    def nothing(self, shape: tuple[int, ...], cotangent: Any, dtype: Any) -> Any:
        return np.zeros(shape, dtype, like=cotangent) if type(cotangent) in kinds.OTHERS else np.zeros(shape, dtype)

    def placed(self, shape: tuple[int, ...], cotangent: Any, dtype: Any, index: Any) -> Any:
        total = self.nothing(shape, cotangent, dtype)
        total[index] = cotangent + 0.0  # as if added: of -0.0 that is 0.0
        return total

    def add_at(self, total: Any, index: Any, cotangent: Any) -> None:
        if type(total) is type(cotangent) is _ndarray and type(part := total[index]) is _ndarray:
            np.add(part, cotangent, part)  # ``+=`` writes the part back once more
        else:
            total[index] += cotangent


def _where(selected: Any, tangent: Any) -> Any:
    term = np.where(selected, tangent, 0.0)
    return term if term.shape else term[()]


def _alike(a: Any, b: Any) -> bool:
    return type(b) in ARRAYS and a.shape == b.shape and a.dtype is b.dtype


def _product(partial: Any, tangent: Any, made: bool) -> Any:
    """The product with a large partial; in its memory, where nobody else needs it: fresh pages cost more."""
    if partial.dtype is _BOOL:
        return _where(partial, tangent)
    if made and partial.base is None and _alike(partial, tangent):
        return np.multiply(partial, tangent, out=partial)
    return partial * tangent


class CarefulSingle(Quiet, Single):
    """A tangent that holds an infinity."""

    __slots__ = ()


def _only(block: Any, like: Any) -> Any:
    """The one direction of a block; a 0-d array where the primal is one, for it may be a buffer."""
    if block.ndim > 1 or type(like) is Like or not is_array(like):
        return block[0]
    return block[0, ...]
