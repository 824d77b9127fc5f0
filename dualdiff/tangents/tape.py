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
from . import Like, Perturbation, Trivial, blocks
from .dense import Careful, Dense, as_block, warn_outer
from .operations import (
    Combine,
    Contract,
    Entry,
    IndexView,
    Join,
    LinearMap,
    Node,
    OneSweep,
    Overwrite,
    OverwriteAt,
    Pullback,
    Rearrange,
    ScalarCombine,
    Sweep,
    View,
    keeps_memory,
    places_of,
    spare_buffers,
    terms_of,
)
from .structural_zeros import Supported, has_nan, reached, repeated

_ndarray = np.ndarray
_float64 = np.float64
_FLOAT64 = np.dtype(np.float64)
_NUMBERS = frozenset({float, int, np.float64, Trivial})


class Place:
    """The view of a block that a write goes to: one move after the other"""

    __slots__ = ("moves",)

    def __init__(self, moves: Sequence[Callable[[Any], Any]]) -> None:
        self.moves = moves

    def __call__(self, block: Any) -> Any:
        for move in self.moves:
            block = move(block)
        return block


class Index:
    """The view by a basic index"""

    __slots__ = ("at",)

    def __init__(self, at: Any) -> None:
        self.at = at

    def __call__(self, block: Any) -> Any:
        return blocks.get(block, self.at)


_PARTS: dict[Any, str] = {np.real: "real", np.imag: "imag"}


class ViewNow:
    """In place of the node of a view of a buffer that is written: gives one of the buffer as it is now.

    A write makes one node, whatever the number of views; a view makes another when it is used after a write.
    """

    __slots__ = ("dtype", "node", "origin", "shape", "storage", "writes")

    def __init__(self, view: Any) -> None:
        self.node = view.tangent
        self.shape, self.dtype = self.node.shape, self.node.dtype
        self.origin, self.storage = view.origin, view.storage
        self.writes = self.storage.writes  # how many the node has seen

    def now(self) -> Node:
        writes = self.storage.writes
        if self.writes != writes:
            parent, (function, *arguments), _ = self.origin
            self.node = _now(function(parent, *arguments).tangent)
            self.writes = writes
        return self.node


def _now(tangent: Any) -> Any:
    return tangent.now() if type(tangent) is ViewNow else tangent


class Tape(Perturbation):
    """The ε of one recording; its tangents are nodes."""

    __slots__ = ("careful", "foreign", "holders", "kept", "nodes", "turn", "undetermined", "wrote")
    mode = "reverse"
    immutable = True
    renewing: type[Renewing]

    def __init__(self) -> None:
        super().__init__()
        self.foreign: set[int] = set()  # memory of the caller's arrays, who may write it through another name
        self.careful = False  # whether a partial was infinite
        self.wrote = False  # whether a buffer was written
        self.nodes: list[Node] = []
        self.holders: dict[int, list[Node]] = {}
        self.kept: dict[int, tuple[Any, Any]] = {}

    # Recording.

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

    def scale(self, partial: Any, tangent: Node, made: bool = False) -> Node:
        nodes = self.nodes
        shape, dtype = tangent.shape, tangent.dtype
        if not shape and dtype is _FLOAT64 and type(partial) in _NUMBERS:
            scalar = ScalarCombine(len(nodes), ((partial, tangent),))
            nodes.append(scalar)
            return scalar
        node = Combine(len(nodes), shape, dtype, ((partial, tangent),))
        nodes.append(node)
        if type(partial) is _ndarray:
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

    def assign(self, buffer: Any, index: Any, item: Node | None) -> None:
        storage = buffer.storage
        root, moves, part, indexed = buffer, [], None, True
        while root.origin is not None:
            root, again, move = root.origin
            if move in _PARTS:
                part = _PARTS[move]
            elif move is None:
                moves.append(Index(again[-1]))
            else:
                moves.append(move)
                indexed = False
        before = root.tangent
        if len(storage.aliases) > 1:
            self._outdate(storage)
        if is_basic(index):
            place = Place([*reversed(moves), lambda block: blocks.view(block, index)])
            if indexed or keeps_memory(place, before):
                root.tangent = Overwrite(len(self.nodes), before, place, item, part)
            else:
                at = places_of(place, before)
                root.tangent = OverwriteAt(len(self.nodes), before, Place([]), at, item, part)
        else:
            index = self.keep(index)
            place = Place(moves[::-1])
            if indexed or keeps_memory(place, before):
                root.tangent = OverwriteAt(len(self.nodes), before, place, index, item, part)
            else:
                at = tuple(places[index] for places in places_of(place, before))
                root.tangent = OverwriteAt(len(self.nodes), before, Place([]), at, item, part)
        self.nodes.append(root.tangent)
        self.wrote = True

    def _outdate(self, storage: Any) -> None:
        """The nodes of the views of a buffer are out of date with its next write; see `Renewing`."""
        if not storage.writes:
            for view in storage.living():
                if view.origin is not None and type(view.tangent) is not ViewNow:
                    view.tangent = ViewNow(view)
            if not isinstance(self, Renewing):
                self.__class__ = self.renewing  # so that a record without such a write pays nothing for it
        storage.writes += 1

    # What nodes hold on to.

    def keep(self, constant: Any) -> Any:
        if type(constant) is _ndarray:
            if not constant.flags.writeable and constant.base is None:
                return constant
            # A loop that uses one operand again and again needs one copy of it, as long as it does not change.
            kept = self.kept.get(id(constant))
            if kept is not None and kept[0] is constant and _same_bits(constant, kept[1]):
                return kept[1]
            copy = constant.copy("K")
            self.kept[id(constant)] = (constant, copy)
            return copy
        if isinstance(constant, (tuple, list)):
            items = [self.keep(item) for item in constant]
            return type(constant)(*items) if hasattr(constant, "_fields") else type(constant)(items)
        if hasattr(constant, "perturbation") and hasattr(constant, "shape") and constant.shape != ():
            return np.copy(constant)
        return constant

    def _hold(self, node: Node, array: Any) -> None:
        """Remember whose memory a node reads."""
        memory = _memory(array)
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
        elif (memory := _memory(array)) is not None:
            self.foreign.add(id(memory))

    def protect(self, arrays: Iterable[Any]) -> None:
        """Copy what nodes read in the memory of arrays that are handed to the user, who may write into them."""
        for array in arrays:
            self.before_write(array)

    def before_write(self, value: Any) -> None:
        memory = _memory(value)
        if memory is None:
            return
        for node in self.holders.pop(id(memory), ()):
            for array in list(node.held()):
                if _memory(array) is memory:
                    node.let_go(array, np.copy(array, order="K"))

    # Running.

    def pull(
        self, seeds: Sequence[tuple[Node, Any]], inputs: Sequence[Node], consume: bool = False, one: bool = False
    ) -> list[Any]:
        """Cotangents of ``inputs`` (None for zero), the first nodes, from those of some nodes; newest node first.

        Cotangents are blocks, or with ``one`` arrays of the shape of their nodes.  ``consume`` frees the record.
        """
        n = len(self.nodes)
        sweep: Any = (OneSweep if one else Sweep)([None] * n, bytearray(n))
        start = 0
        for node, cotangent in seeds:
            sweep.send(node, cotangent)
            start = max(start, node.index)
        if self.careful:
            for _, cotangent in seeds:
                warn_outer(cotangent)
            blocks.silently(self._run_back, sweep, start, len(inputs), one)
        else:
            self._run_back(sweep, start, len(inputs), one)
        result: list[Any] = sweep.found[: len(inputs)]
        for cotangent in result:
            if cotangent is not None and has_nan(cotangent):
                result = blocks.silently(self._pull_on_support, seeds, inputs, one)
                break
        if consume:
            self.nodes.clear()
        if len(inputs) > 1:
            # Each cotangent is the caller's own, though a sum sends one to both of its terms.
            result = [
                cotangent
                if cotangent is None or sweep.owned[i] or type(cotangent) is not _ndarray
                else cotangent.copy()
                for i, cotangent in enumerate(result)
            ]
        return result

    def _run_back(self, sweep: Any, start: int, n_inputs: int, one: bool) -> None:
        nodes, found = self.nodes, sweep.found
        for at in range(start, n_inputs - 1, -1):
            cotangent = found[at]
            if cotangent is not None:
                found[at] = None
                if one:
                    nodes[at].pull_one(cotangent, sweep)
                else:
                    nodes[at].pull(cotangent, sweep)

    def _pull_on_support(self, seeds: Sequence[tuple[Node, Any]], inputs: Sequence[Node], one: bool) -> list[Any]:
        """`pull` where a structural zero may have met an infinite partial: see structural_zeros.py."""
        n = len(self.nodes)
        sweep, supports = Sweep([None] * n, bytearray(n)), Sweep([None] * n, bytearray(n), cast=False)
        for node, cotangent in seeds:
            block = as_block(cotangent) if one else cotangent
            sweep.send(node, block)
            supports.send(node, reached(block) * 1.0)
        for at in range(n - 1, len(inputs) - 1, -1):
            if sweep.found[at] is not None:
                block, support = sweep.found[at], supports.found[at]
                sweep.found[at] = supports.found[at] = None
                self.nodes[at].pull_on_support(block, support, sweep, supports)
        found = sweep.found[: len(inputs)]
        return [block if block is None or not one else block[0] for block in found]

    def push(self, seeds: Sequence[tuple[Node, Any]], outputs: Sequence[Node], k: int) -> list[Any]:
        """Tangents of ``outputs`` (None for zero) from those of the inputs, oldest node first."""
        found = self._run_forward(seeds, outputs, Careful(k) if self.careful else Dense(k))
        if any(block is not None and has_nan(block) for block in found):
            # A structural zero may have met an infinite partial: see structural_zeros.py.
            found, _ = repeated(k, lambda supported: (self._run_supported(seeds, outputs, supported), None))
        return found

    def _run_supported(self, seeds: Sequence[tuple[Node, Any]], outputs: Sequence[Node], forward: Supported) -> Any:
        self.turn, self.undetermined = forward.turn, 0.0
        try:
            return self._run_forward(seeds, outputs, forward)
        finally:
            forward.undetermined, self.turn = self.undetermined, None  # what an unknown gauge does: see gauges.py

    def _run_forward(self, seeds: Sequence[tuple[Node, Any]], outputs: Sequence[Node], forward: Dense) -> list[Any]:
        blocks_of: dict[int, Any] = {node.index: forward.seed(block) for node, block in seeds}
        last = max((node.index for node in outputs), default=-1)

        def tangent_of(node: Node) -> Any:
            return blocks_of.get(node.index)

        nodes = self.nodes[: last + 1]
        spare = spare_buffers(nodes, outputs) if self.wrote else {}
        for node in nodes:
            if node.index not in blocks_of:
                over = spare.get(node.index)
                block = node.push(tangent_of, forward) if over is None else over.push(tangent_of, forward, spare=True)
                if block is not None:
                    blocks_of[node.index] = block
        found = [blocks_of.get(node.index) for node in outputs]
        return [None if block is None else forward.block_of(block) for block in found]


class Renewing(Tape):
    """Tapes with views of a buffer that was written: an operation takes the node that a view has now."""

    __slots__ = ()
    renews = True

    def current(self, tangent: Any) -> Any:
        return _now(tangent)

    def combine(self, terms: Iterable[tuple[Any, Any]], like: Any, held: tuple[Any, ...] | None = None) -> Node:
        return super().combine([(partial, _now(tangent)) for partial, tangent in terms], like, held)

    def scale(self, partial: Any, tangent: Any, made: bool = False) -> Node:
        return super().scale(partial, _now(tangent), made)

    def rearrange(self, tangents: tuple[Any, ...], move: Callable[..., Any], like: Any) -> Node:
        return super().rearrange(tuple(map(_now, tangents)), move, like)

    def join(self, parts: list[tuple[Any, tuple[int, ...]]], axis: int, like: Any) -> Node:
        return super().join([(_now(tangent), shape) for tangent, shape in parts], axis, like)

    def view(self, tangent: Any, move: Callable[[Any], Any], like: Any) -> Node:
        return super().view(_now(tangent), move, like)

    def index_view(self, tangent: Any, index: Any, like: Any) -> Node:
        return super().index_view(_now(tangent), index, like)

    def take_scalar(self, tangent: Any, index: Any, like: Any) -> Node:
        return super().take_scalar(_now(tangent), index, like)

    def contract(self, tangent: Any, subscripts: str, operand: Any = None) -> Node:
        return super().contract(_now(tangent), subscripts, operand)

    def linear_map(self, tangent: Any, apply: Any, transpose: Any, like: Any) -> Node:
        return super().linear_map(_now(tangent), apply, transpose, like)

    def pullback(self, parents: tuple[Any, ...], transpose: Callable[[Any], Any], like: Any) -> Node:
        return super().pullback(tuple(map(_now, parents)), transpose, like)

    def assign(self, buffer: Any, index: Any, item: Any) -> None:
        super().assign(buffer, index, _now(item))

    def view_of_written(self, view: Any) -> Any:
        return ViewNow(view)


Tape.renewing = Renewing


def _memory(array: Any) -> Any:
    """The array that owns the memory of a value; None if it cannot be written."""
    while hasattr(array, "perturbation"):
        array = array.value
    if type(array) is not _ndarray:
        return None
    while type(array.base) is _ndarray:
        array = array.base
    return array


def _same_bits(a: Any, b: Any) -> bool:
    return a.dtype is b.dtype and a.shape == b.shape and a.strides == b.strides and bool(np.array_equal(a, b))


def _dtype_of(x: Any) -> Any:
    return getattr(x, "dtype", None) or np.result_type(type(x))
