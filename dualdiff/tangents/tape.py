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

from ..values.indexing import is_basic
from ..values.kinds import ARRAYS
from . import MINUS_ONE, ONE, Like, Trivial
from .einsum import terms_of
from .maps import Join, LinearMap, Pullback, Rearrange
from .operations import Combine, Contract, Entry, IndexView, Node, ScalarCombine, Scale, Sum, View
from .running import Running
from .views import ViewNow, now
from .writes import overwritten

_ndarray = np.ndarray
_float64 = np.float64
_FLOAT64 = np.dtype(np.float64)
_NUMBERS = frozenset({float, int, np.float64, Trivial})


class Tape(Running):
    """The ε of one recording; its tangents are nodes."""

    __slots__ = ()
    mode = "reverse"
    immutable = True
    renewing: type[Renewing]

    def expect_infinity(self) -> None:
        self.careful = True

    def input(self, like: Any) -> Node:
        """The tangent of an argument, or a zero: a node without parents."""
        node = Node(len(self.nodes), getattr(like, "shape", ()), _dtype_of(like))
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

    def plus(self, a: Node, b: Node, like: Any) -> Node:
        nodes, kind = self.nodes, type(like)
        if kind is _ndarray:
            node: Combine = Sum(len(nodes), like.shape, like.dtype, ((ONE, a), (ONE, b)))
        elif kind is _float64 and a.dtype is _FLOAT64 is b.dtype:
            node = ScalarCombine(len(nodes), ((ONE, a), (ONE, b)))
        else:
            return self.combine(((ONE, a), (ONE, b)), like)
        nodes.append(node)
        return node

    def minus(self, a: Node, b: Node, like: Any) -> Node:
        nodes, kind = self.nodes, type(like)
        if kind is _ndarray:
            node: Combine = Sum(len(nodes), like.shape, like.dtype, ((ONE, a), (MINUS_ONE, b)))
        elif kind is _float64 and a.dtype is _FLOAT64 is b.dtype:
            node = ScalarCombine(len(nodes), ((ONE, a), (MINUS_ONE, b)))
        else:
            return self.combine(((ONE, a), (MINUS_ONE, b)), like)
        nodes.append(node)
        return node

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


def _dtype_of(x: Any) -> Any:
    return getattr(x, "dtype", None) or np.result_type(type(x))
