"""Reverse mode: a recorded linear program, run backwards.

A tape tangent does no arithmetic.  Each of the four operations appends one node (operations.py) that knows its parents,
and how to send a cotangent back to each of them and a tangent forward.  `Tape.pull` visits the nodes once, newest
first, so the cost is that of one forward evaluation times a small constant, whatever the number of inputs.

Conventions: a block of k cotangents has shape ``(k, *primal.shape)``; ⟨ȳ, J ẋ⟩ = ⟨Jᵀ ȳ, ẋ⟩ with ⟨a, b⟩ = Σ ab, without
conjugation; the cotangent of a real primal is real.  Transposes are written with functions that have rules, so reverse
mode nests.  What a node holds is never written: plain operands are copied when they are recorded (`keep`), values of
Duals just before they are overwritten (`before_write`).
Source: Krawiec et al., POPL 2022; Radul et al., POPL 2023.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..values import kinds
from ..values.indexing import is_basic
from ..values.kinds import ARRAYS
from . import MINUS_ONE, ONE, Like, Trivial
from .blocks import FEW_BYTES, settle_allocator
from .einsum import terms_of
from .maps import Join, LinearMap, Pullback, Rearrange
from .operations import Combination, Combine, Contract, Entry, IndexView, Node, ScalarCombine, Scale, Sum, View
from .running import Running
from .views import ViewNow, now
from .writes import overwritten

_ndarray = np.ndarray
_float64 = np.float64
_FLOAT64 = np.dtype(np.float64)
_NUMBERS = frozenset({float, int, np.float64, Trivial})


def sum_of_two(sign: Trivial) -> Callable[..., Node]:
    """The short way of a tape through ``a + b`` or ``a - b``."""

    def record(self: Tape, a: Node, b: Node, like: Any) -> Node:
        nodes, kind = self.nodes, type(like)
        if kind is _ndarray:
            node: Combination = Sum(len(nodes), like.shape, like.dtype, a, sign, b)
        elif kind is _float64 and a.dtype is _FLOAT64 is b.dtype:
            node = ScalarCombine(len(nodes), ((ONE, a), (sign, b)))
        else:
            return self.combine(((ONE, a), (sign, b)), like)
        nodes.append(node)
        return node

    return record


class Tape(Running):
    """The ε of one recording; its tangents are nodes."""

    __slots__ = ("foreign", "holders", "kept")
    mode = "reverse"
    immutable = True
    renewing: type[Renewing]

    def __init__(self) -> None:
        super().__init__()
        self.careful = False
        self.wrote = False
        self.nodes = kinds.list_of_operations() if kinds.RUNNING[0] else []
        self.foreign: set[int] = set()  # memory of the caller's arrays, who may write it through another name
        self.holders: dict[int, list[Node]] = {}
        self.kept: dict[int, tuple[Any, Any]] = {}

    def expect_infinity(self) -> None:
        self.careful = True

    def input(self, like: Any) -> Node:
        """The tangent of an argument, or a zero: a node without parents."""
        dtype = getattr(like, "dtype", None) or _dtype_of(like)
        node = Node(len(self.nodes), getattr(like, "shape", ()), dtype)
        self.nodes.append(node)
        return node

    def zeros(self, value: Any) -> Node:
        return self.input(value)

    def combine(self, terms: Iterable[tuple[Any, Any]], like: Any, held: tuple[Any, ...] | None = None) -> Node:
        nodes = self.nodes
        terms = tuple(terms)
        if type(like) is _float64:
            for partial, tangent in terms:
                if type(partial) not in _NUMBERS or tangent.dtype is not _FLOAT64:
                    break
            else:
                scalar = ScalarCombine(len(nodes), terms)
                nodes.append(scalar)
                return scalar
        node = Combine(len(nodes), getattr(like, "shape", ()), getattr(like, "dtype", None) or _dtype_of(like), terms)
        nodes.append(node)
        for partial, _ in terms:
            if type(partial) not in _NUMBERS:
                self._hold(node, partial)
        return node

    plus, minus = sum_of_two(ONE), sum_of_two(MINUS_ONE)

    def scale(self, partial: Any, tangent: Node, made: bool = False) -> Node:
        nodes, kind = self.nodes, type(partial)
        if not tangent.shape and kind in _NUMBERS and tangent.dtype is _FLOAT64:
            scalar = ScalarCombine(len(nodes), ((partial, tangent),))
            nodes.append(scalar)
            return scalar
        node = Scale(len(nodes), partial, tangent)
        nodes.append(node)
        if kind in ARRAYS:
            if not made or partial.base is not None:  # else nobody can write it
                self._hold(node, partial)
        elif hasattr(partial, "perturbation"):
            self._hold(node, partial)
        return node

    def rearrange(self, tangents: tuple[Any, ...], move: Callable[..., Any], like: Any) -> Node:
        dtype = tangents[0].dtype if len(tangents) == 1 else np.result_type(*(t.dtype for t in tangents))
        like = like if hasattr(like, "shape") else Like((), dtype)
        node = Rearrange(len(self.nodes), like, dtype, tangents, move)
        self.nodes.append(node)
        return node

    def join(self, parts: list[tuple[Any, tuple[int, ...]]], axis: int, like: Any) -> Node:
        node = Join(len(self.nodes), like.shape, like.dtype, parts, axis)
        self.nodes.append(node)
        return node

    def view(self, tangent: Node, move: Callable[[Any], Any], like: Any) -> Node:
        node = View(len(self.nodes), like.shape, tangent, move)
        self.nodes.append(node)
        return node

    def index_view(self, tangent: Node, index: Any, like: Any) -> Node:
        node = IndexView(len(self.nodes), like.shape, tangent, index)
        self.nodes.append(node)
        return node

    def take_scalar(self, tangent: Node, index: Any, like: Any) -> Node:
        node = Entry(len(self.nodes), tangent, index)
        self.nodes.append(node)
        return node

    def contract(self, tangent: Node, subscripts: str, operand: Any = None) -> Node:
        letters, operand_letters, out = terms_of(subscripts)
        dtype = tangent.dtype
        if operand is None and not out:  # the sum of all entries
            node = Contract(len(self.nodes), (), dtype, tangent, subscripts, None)
            self.nodes.append(node)
            return node
        size = dict(zip(letters, tangent.shape, strict=True))
        if operand is not None:
            size.update(zip(operand_letters, np.shape(operand), strict=True))
            if _dtype_of(operand) != dtype:
                dtype = np.result_type(dtype, _dtype_of(operand))
        node = Contract(len(self.nodes), tuple([size[c] for c in out]), dtype, tangent, subscripts, operand)
        self.nodes.append(node)
        if operand is not None:
            self._hold(node, operand)
        return node

    def linear_map(self, tangent: Node, apply: Any, transpose: Any, like: Any) -> Node:
        like = like if hasattr(like, "shape") else Like((), _dtype_of(like))
        node = LinearMap(len(self.nodes), like, tangent, apply, transpose)
        self.nodes.append(node)
        return node

    def pullback(self, parents: tuple[Node, ...], transpose: Callable[[Any], Any], like: Any) -> Node:
        node = Pullback(len(self.nodes), like, parents, transpose)
        self.nodes.append(node)
        return node

    def as_buffer(self, tangent: Node, value: Any) -> Node:
        return tangent

    def like(self, tangent: Node) -> Like:
        return Like(tangent.shape, tangent.dtype)

    def after_write(self, before: Node, views: Sequence[tuple[Any, Any]], index: Any, item: Node | None) -> Node:
        index = index if is_basic(index) else self.keep(index)
        node = overwritten(len(self.nodes), before, views, index, item)
        self.nodes.append(node)
        self.wrote = True
        return node

    # The memory that nodes read.

    def keep(self, constant: Any) -> Any:
        if type(constant) is _ndarray:
            if not constant.flags.writeable and constant.base is None:
                return constant
            return self._copied(constant, id(constant))
        if type(constant) in ARRAYS:
            return constant.copy("K")
        if isinstance(constant, (tuple, list)):
            items = [self.keep(item) for item in constant]
            return type(constant)(*items) if hasattr(constant, "_fields") else type(constant)(items)
        if hasattr(constant, "perturbation") and hasattr(constant, "shape") and constant.shape != ():
            return np.copy(constant)
        return constant

    def snapshot(self, array: Any) -> Any:
        # Not the copy that nodes read: the function may write into this one.
        return self._copied(array, -id(array)) if array.flags.writeable or array.base is not None else array

    def _copied(self, array: Any, key: int) -> Any:
        """A loop that uses one operand again and again needs one copy of it, as long as it does not change."""
        kept = self.kept.get(key)
        if kept is not None and kept[0] is array and _same_bits(array, kept[1]):
            return kept[1]
        if array.nbytes > FEW_BYTES:
            settle_allocator(array.nbytes)
        copy = array.copy("K")
        self.kept[key] = (array, copy)
        return copy

    def _hold(self, node: Node, array: Any) -> None:
        """Remember whose memory a node reads."""
        memory = memory_of(array)
        if memory is None:
            return
        if id(memory) in self.foreign:
            node.let_go(array, self.keep(array))
        else:
            self.holders.setdefault(id(memory), []).append(node)

    def beware(self, array: Any) -> None:
        """The memory of this argument is the caller's: nodes hold copies of it."""
        if type(array) is _ndarray and array.base is None:
            self.foreign.add(id(array))
        elif (memory := memory_of(array)) is not None:
            self.foreign.add(id(memory))

    def protect(self, arrays: Iterable[Any]) -> None:
        """Copy what nodes read in the memory of arrays that are handed to the user, who may write into them."""
        for array in arrays:
            self.before_write(array)

    def before_write(self, value: Any) -> None:
        memory = memory_of(value)
        if memory is None:
            return
        for node in self.holders.pop(id(memory), ()):
            for array in list(node.held()):
                if memory_of(array) is memory:
                    node.let_go(array, np.copy(array, order="K"))

    def expect_writes(self) -> None:
        if not isinstance(self, Renewing):
            self.__class__ = self.renewing  # so that a record without such a write pays nothing for it


class Renewing(Tape):
    """Tapes with views of a buffer that was written: an operation takes the node that a view has now."""

    __slots__ = ()
    renews = True

    def current(self, tangent: Any) -> Any:
        return now(tangent)

    def combine(self, terms: Iterable[tuple[Any, Any]], like: Any, held: tuple[Any, ...] | None = None) -> Node:
        return super().combine([(partial, now(tangent)) for partial, tangent in terms], like, held)

    def plus(self, a: Any, b: Any, like: Any) -> Node:
        return super().plus(now(a), now(b), like)

    def minus(self, a: Any, b: Any, like: Any) -> Node:
        return super().minus(now(a), now(b), like)

    def scale(self, partial: Any, tangent: Any, made: bool = False) -> Node:
        return super().scale(partial, now(tangent), made)

    def rearrange(self, tangents: tuple[Any, ...], move: Callable[..., Any], like: Any) -> Node:
        return super().rearrange(tuple(map(now, tangents)), move, like)

    def join(self, parts: list[tuple[Any, tuple[int, ...]]], axis: int, like: Any) -> Node:
        return super().join([(now(tangent), shape) for tangent, shape in parts], axis, like)

    def view(self, tangent: Any, move: Callable[[Any], Any], like: Any) -> Node:
        return super().view(now(tangent), move, like)

    def index_view(self, tangent: Any, index: Any, like: Any) -> Node:
        return super().index_view(now(tangent), index, like)

    def take_scalar(self, tangent: Any, index: Any, like: Any) -> Node:
        return super().take_scalar(now(tangent), index, like)

    def contract(self, tangent: Any, subscripts: str, operand: Any = None) -> Node:
        return super().contract(now(tangent), subscripts, operand)

    def linear_map(self, tangent: Any, apply: Any, transpose: Any, like: Any) -> Node:
        return super().linear_map(now(tangent), apply, transpose, like)

    def pullback(self, parents: tuple[Any, ...], transpose: Callable[[Any], Any], like: Any) -> Node:
        return super().pullback(tuple(map(now, parents)), transpose, like)

    def view_of_written(self, view: Any) -> Any:
        return view.tangent if type(view.tangent) is ViewNow else ViewNow(view)


Tape.renewing = Renewing


def memory_of(array: Any) -> Any:
    """The array that owns the memory of a value; None if it cannot be written."""
    while hasattr(array, "perturbation"):
        array = array.value
    if type(array) is not _ndarray:
        if type(array) not in ARRAYS:
            return None
        array = array.memory
    base = array.base
    while base is not None:
        if type(base) is not _ndarray:
            base = getattr(base, "base", None)  # as_strided, and with it sliding_window_view, puts an object between
            if type(base) is not _ndarray:
                return array
        array = base
        base = array.base
    return array


def _same_bits(a: Any, b: Any) -> bool:
    if a.dtype is not b.dtype or a.shape != b.shape or a.strides != b.strides:
        return False
    bits = _BITS.get(a.dtype.itemsize) if a.dtype.kind == "f" else None
    if bits is not None:  # 0.0 and -0.0 differ, and nan does not
        a, b = a.view(bits), b.view(bits)
    return bool(np.array_equal(a, b))


_BITS = {2: np.int16, 4: np.int32, 8: np.int64}


def _dtype_of(x: Any) -> Any:
    return getattr(x, "dtype", None) or np.result_type(type(x))
