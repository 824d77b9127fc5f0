"""Reverse mode: a recorded linear program, run backwards.

A tape tangent does no arithmetic.  Each of the four operations appends one node that knows its parents, and how to send
a cotangent back to each of them (`pull`) and a tangent forward (`push`).  `Tape.pull` visits the nodes once, newest
first, so the cost is that of one forward evaluation times a small constant, whatever the number of inputs.

Conventions: a block of k cotangents has shape ``(k, *primal.shape)``; ⟨ȳ, J ẋ⟩ = ⟨Jᵀ ȳ, ẋ⟩ with ⟨a, b⟩ = Σ ab, without
conjugation; the cotangent of a real primal is real.  Transposes are written with functions that have rules, so reverse
mode nests.  What a node holds is never written: plain operands are copied when they are recorded (`keep`), values of
Duals just before they are overwritten (`before_write`).
Source: Krawiec et al., POPL 2022; Radul et al., POPL 2023.
"""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..storage import made_again
from . import MINUS_ONE, ONE, Like, Perturbation, Trivial, blocks
from .dense import contracted, real_part
from .supported import contracted_on_support, has_nan, plain

_ndarray = np.ndarray
_zeros = np.zeros
_BOOL = np.dtype(bool)


class Node:
    """One operation of the linear program: the tangent of one primal of known shape and dtype."""

    __slots__ = ("dtype", "index", "shape")

    def __init__(self, index: int, shape: tuple[int, ...], dtype: Any) -> None:
        self.index = index
        self.shape = shape
        self.dtype = dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def pull(self, cotangent: Any, sweep: Sweep) -> None:
        """Send a cotangent of this node to its parents; an input or a zero has none."""

    def pull_on_support(self, cotangent: Any, support: Any, sweep: Sweep, supports: Sweep) -> None:
        """`pull`, and the same for the support (entries that a seed reached are positive).

        What is off the support stays zero, even where a partial is infinite.
        """
        self.pull(cotangent, sweep)
        self.pull(support, supports)

    def push(self, tangent_of: Callable[[Node], Any], k: int) -> Any:
        """The tangent of this node from those of its parents (None is zero)."""
        return None

    def sources(self) -> Iterable[Node]:
        """The parents."""
        return ()

    def held(self) -> Iterable[Any]:
        """Arrays of the primal program that this node reads again."""
        return ()

    def let_go(self, array: Any, copy: Any) -> None:
        """Hold ``copy`` in place of ``array``."""


class Combine(Node):
    """Σ partialᵢ · tangentᵢ"""

    __slots__ = ("terms",)

    def __init__(self, index: int, shape: tuple[int, ...], dtype: Any, terms: tuple[tuple[Any, Node], ...]) -> None:
        self.index = index
        self.shape = shape
        self.dtype = dtype
        self.terms = terms

    def pull(self, cotangent: Any, sweep: Sweep) -> None:
        shape = self.shape
        if not shape and type(cotangent) is _ndarray and cotangent.shape == (1,):
            # One cotangent of a scalar travels as a scalar: a tenth of what NumPy takes for arrays of one number.
            cotangent = cotangent[0]
        found = sweep.found
        for partial, parent in self.terms:
            if partial is ONE:
                term = cotangent
            elif partial is MINUS_ONE:
                term = -cotangent
            elif type(partial) is float:
                term = partial * cotangent
            else:
                term = _times(partial, cotangent, len(shape))
            if parent.shape != shape:
                term = _unbroadcast(term, parent.shape)
            at = parent.index
            if found[at] is None and type(term) is _ndarray and term.dtype is parent.dtype:
                found[at] = term  # what send() does most often
            else:
                sweep.send(parent, term)

    def pull_on_support(self, cotangent: Any, support: Any, sweep: Sweep, supports: Sweep) -> None:
        for partial, parent in self.terms:
            reached = support
            if type(partial) is not Trivial and getattr(partial, "dtype", None) == _BOOL:
                reached = np.where(partial, support, 0.0)
            term = cotangent if partial is ONE else -cotangent
            if type(partial) is not Trivial:
                term = np.where(plain(reached) > 0, _times(partial, cotangent, len(self.shape)), 0.0)
            sweep.send(parent, _unbroadcast(term, parent.shape))
            supports.send(parent, _unbroadcast(reached, parent.shape))

    def sources(self) -> Iterable[Node]:
        return [parent for _, parent in self.terms]

    def push(self, tangent_of: Callable[[Node], Any], k: int) -> Any:
        from .dense import Dense

        terms = [(partial, block) for partial, parent in self.terms if (block := tangent_of(parent)) is not None]
        return Dense(k).combine(terms, Like(self.shape, self.dtype)) if terms else None

    def held(self) -> Iterable[Any]:
        return (partial for partial, _ in self.terms)

    def let_go(self, array: Any, copy: Any) -> None:
        self.terms = tuple((copy if partial is array else partial, parent) for partial, parent in self.terms)


class Rearrange(Node):
    """Entries copied, dropped, repeated or zero-filled"""

    __slots__ = ("move", "parents", "positions")

    def __init__(self, index: int, like: Any, dtype: Any, parents: tuple[Node, ...], move: Callable[..., Any]) -> None:
        super().__init__(index, like.shape, dtype)
        self.parents = parents
        self.move = move
        self.positions: Any = None

    def pull(self, cotangent: Any, sweep: Sweep) -> None:
        if self.positions is None:
            self.positions = getattr(self.move, "positions", None)
        if self.positions is None and len(self.parents) == 1 and sweep.send_into_view(self, cotangent):
            return
        if self.positions is None:
            self.positions = _positions(self.move, self.parents)
        parts = _scatter(self.positions, cotangent, [parent.shape for parent in self.parents])
        for parent, part in zip(self.parents, parts, strict=True):
            sweep.send(parent, part)

    def sources(self) -> Iterable[Node]:
        return self.parents

    def push(self, tangent_of: Callable[[Node], Any], k: int) -> Any:
        given = [tangent_of(parent) for parent in self.parents]
        if all(block is None for block in given):
            return None
        filled = [
            np.zeros((k, *parent.shape), parent.dtype) if block is None else block
            for block, parent in zip(given, self.parents, strict=True)
        ]
        return self.move(*filled)


class View(Node):
    """A rearrangement that is a view: its transpose adds into the same view of zeros"""

    __slots__ = ("move", "parent")

    def __init__(self, index: int, shape: tuple[int, ...], parent: Node, move: Callable[[Any], Any]) -> None:
        self.index = index
        self.shape = shape
        self.dtype = parent.dtype
        self.parent = parent
        self.move = move

    def pull(self, cotangent: Any, sweep: Sweep) -> None:
        sweep.send_into(self.parent, self.move, cotangent)

    def sources(self) -> Iterable[Node]:
        return (self.parent,)

    def push(self, tangent_of: Callable[[Node], Any], k: int) -> Any:
        block = tangent_of(self.parent)
        return None if block is None else self.move(block)


class Entry(View):
    """One entry, a scalar"""

    __slots__ = ("at",)

    def __init__(self, index: int, parent: Node, at: Any) -> None:
        super().__init__(index, (), parent, lambda block: blocks.view(block, at))
        self.at = at if type(at) is tuple else (at,)

    def pull(self, cotangent: Any, sweep: Sweep) -> None:
        total = sweep.found[self.parent.index]
        ours = type(total) is _ndarray and sweep.owned[self.parent.index]
        if not ours or type(cotangent) is _ndarray or hasattr(cotangent, "perturbation"):
            sweep.send_into(self.parent, self.move, as_block(cotangent))
        else:
            total[(0, *self.at)] += cotangent


class Contract(Node):
    """``einsum(subscripts, tangent, operand)``"""

    __slots__ = ("operand", "parent", "subscripts")

    def __init__(self, index: int, shape: Any, dtype: Any, parent: Node, subscripts: str, operand: Any) -> None:
        super().__init__(index, shape, dtype)
        self.parent = parent
        self.subscripts = subscripts
        self.operand = operand

    def pull(self, cotangent: Any, sweep: Sweep) -> None:
        subscripts, order, spread = _pulled(self.subscripts)
        block = cotangent if self.operand is None else contracted(cotangent, subscripts, self.operand)
        if order is not None:
            block = np.transpose(block, order)
        if spread is not None:
            block = _spread(block[spread], (block.shape[0], *self.parent.shape))
        sweep.send(self.parent, block)

    def pull_on_support(self, cotangent: Any, support: Any, sweep: Sweep, supports: Sweep) -> None:
        if self.operand is None:
            super().pull_on_support(cotangent, support, sweep, supports)
            return
        subscripts, _, spread = _pulled(self.subscripts)
        for block, where in (
            (contracted_on_support(cotangent, plain(support) > 0, subscripts, self.operand), sweep),
            (contracted(support, subscripts, np.ones(np.shape(plain(self.operand)))), supports),
        ):
            whole = block if spread is None else np.broadcast_to(block[spread], (block.shape[0], *self.parent.shape))
            where.send(self.parent, whole)

    def sources(self) -> Iterable[Node]:
        return (self.parent,)

    def push(self, tangent_of: Callable[[Node], Any], k: int) -> Any:
        block = tangent_of(self.parent)
        return None if block is None else contracted(block, self.subscripts, self.operand)

    def held(self) -> Iterable[Any]:
        return (self.operand,)

    def let_go(self, array: Any, copy: Any) -> None:
        if self.operand is array:
            self.operand = copy


class LinearMap(Node):
    """Any other linear map"""

    __slots__ = ("apply", "parent", "transpose")

    def __init__(self, index: int, like: Any, parent: Node, apply: Any, transpose: Any) -> None:
        super().__init__(index, like.shape, like.dtype)
        self.parent = parent
        self.apply = apply
        self.transpose = transpose

    def pull(self, cotangent: Any, sweep: Sweep) -> None:
        sweep.send(self.parent, self.transpose(cotangent))

    def pull_on_support(self, cotangent: Any, support: Any, sweep: Sweep, supports: Sweep) -> None:
        self.pull(cotangent, sweep)
        supports.send(self.parent, np.ones((support.shape[0], *self.parent.shape)))

    def sources(self) -> Iterable[Node]:
        return (self.parent,)

    def push(self, tangent_of: Callable[[Node], Any], k: int) -> Any:
        block = tangent_of(self.parent)
        return None if block is None else self.apply(block)


class Pullback(Node):
    """A linear map of several parents that is known by its transpose alone: ``custom_vjp``"""

    __slots__ = ("parents", "transpose")

    def __init__(self, index: int, like: Any, parents: tuple[Node, ...], transpose: Callable[[Any], Any]) -> None:
        super().__init__(index, like.shape, like.dtype)
        self.parents = parents
        self.transpose = transpose

    def pull(self, cotangent: Any, sweep: Sweep) -> None:
        for parent, block in zip(self.parents, self.transpose(cotangent), strict=True):
            if block is not None:
                sweep.send(parent, block)

    def pull_on_support(self, cotangent: Any, support: Any, sweep: Sweep, supports: Sweep) -> None:
        self.pull(cotangent, sweep)
        for parent in self.parents:
            supports.send(parent, np.ones((support.shape[0], *parent.shape)))

    def sources(self) -> Iterable[Node]:
        return self.parents

    def push(self, tangent_of: Callable[[Node], Any], k: int) -> Any:
        raise TypeError(
            "a custom_vjp function has a rule for reverse mode only; linearize and jvp need forward mode.\n"
            "  Give it a rule with custom_jvp, which serves both modes."
        )


class Overwrite(Node):
    """A buffer after ``move(buffer)[...] = item``"""

    __slots__ = ("before", "item", "move")

    def __init__(self, index: int, before: Node, move: Callable[[Any], Any], item: Node | None) -> None:
        super().__init__(index, before.shape, before.dtype)
        self.before = before
        self.move = move
        self.item = item

    def pull(self, cotangent: Any, sweep: Sweep) -> None:
        rest = np.copy(cotangent)
        view = self.move(rest)
        if self.item is not None:
            sweep.send(self.item, _unbroadcast(np.copy(view), self.item.shape))
        view[...] = 0.0
        sweep.send(self.before, rest)

    def sources(self) -> Iterable[Node]:
        return (self.before,) if self.item is None else (self.before, self.item)

    def push(self, tangent_of: Callable[[Node], Any], k: int) -> Any:
        before = tangent_of(self.before)
        item = None if self.item is None else tangent_of(self.item)
        if before is None and item is None:
            return None
        block = np.zeros((k, *self.shape), self.dtype) if before is None else np.copy(before)
        view = self.move(block)
        view[...] = 0.0 if item is None else blocks.expand(item, view.ndim - 1)
        return block


class OverwriteAt(Node):
    """A buffer after ``buffer[index] = item`` with advanced indices; of repeated places the last wins"""

    __slots__ = ("before", "index_of", "item", "target", "winners")

    def __init__(self, index: int, before: Node, index_of: Any, item: Node | None) -> None:
        super().__init__(index, before.shape, before.dtype)
        self.before = before
        self.index_of = index_of
        self.item = item
        winners = np.zeros(before.shape, np.intp)
        self.target = winners[index_of].shape
        winners[index_of] = np.arange(1, winners[index_of].size + 1).reshape(self.target)
        self.winners = winners.reshape(-1)

    def pull(self, cotangent: Any, sweep: Sweep) -> None:
        k = cotangent.shape[0]
        if self.item is not None:
            places = np.nonzero(self.winners)[0]
            size = int(np.prod(self.target))
            won = np.zeros(size, np.intp)  # the place that each entry of the item ended in, from 1
            won[self.winners[places] - 1] = places + 1
            flat = cotangent.reshape(k, -1)
            part = np.where(won > 0, np.take(flat, np.maximum(won - 1, 0), axis=1), 0.0) if flat.shape[1] else flat
            sweep.send(self.item, _unbroadcast(part.reshape(k, *self.target), self.item.shape))
        sweep.send(self.before, np.where(self.winners.reshape(self.shape) > 0, 0.0, cotangent))

    def sources(self) -> Iterable[Node]:
        return (self.before,) if self.item is None else (self.before, self.item)

    def push(self, tangent_of: Callable[[Node], Any], k: int) -> Any:
        before = tangent_of(self.before)
        item = None if self.item is None else tangent_of(self.item)
        if before is None and item is None:
            return None
        block = np.zeros((k, *self.shape), self.dtype) if before is None else np.copy(before)
        blocks.put(block, self.index_of, 0.0 if item is None else item)
        return block


# Nodes that take one cotangent of a scalar as a scalar.
_SCALAR_NODES = frozenset({Combine, Entry})


class Tape(Perturbation):
    """The ε of one recording; its tangents are nodes."""

    __slots__ = ("careful", "foreign", "holders", "kept", "nodes")

    def __init__(self) -> None:
        super().__init__()
        self.foreign: set[int] = set()  # memory of the caller's arrays, who may write it through another name
        self.careful = False  # whether a partial was infinite
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

    def combine(self, terms: Iterable[tuple[Any, Any]], like: Any) -> Node:
        nodes = self.nodes
        dtype = getattr(like, "dtype", None) or _dtype_of(like)
        node = Combine(len(nodes), getattr(like, "shape", ()), dtype, tuple(terms))
        nodes.append(node)
        for partial, _ in node.terms:
            if type(partial) is not Trivial and type(partial) is not float:
                self._hold(node, partial)
        return node

    def scale(self, partial: Any, tangent: Node) -> Node:
        nodes = self.nodes
        node = Combine(len(nodes), tangent.shape, tangent.dtype, ((partial, tangent),))
        nodes.append(node)
        if type(partial) is _ndarray:
            # A temporary that nobody else can write: the argument, its two references in the node, and this question.
            if partial.base is not None or sys.getrefcount(partial) > 3:
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

    def view(self, tangent: Node, move: Callable[[Any], Any], like: Any) -> Node:
        node = View(len(self.nodes), like.shape, tangent, move)
        self.nodes.append(node)
        return node

    def take_scalar(self, tangent: Node, index: Any, like: Any) -> Node:
        node = Entry(len(self.nodes), tangent, index)
        self.nodes.append(node)
        return node

    def contract(self, tangent: Node, subscripts: str, operand: Any = None) -> Node:
        letters, operand_letters, out = _terms(subscripts)
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
        before = buffer.tangent
        if blocks.is_basic(index):
            move = lambda block: blocks.view(block, index)
            after: Node = Overwrite(len(self.nodes), before, move, item)
        else:
            after = OverwriteAt(len(self.nodes), before, self.keep(index), item)
        self.nodes.append(after)
        buffer.tangent = after
        if buffer.storage is None:
            return
        # What the buffer is a view of, up to the root, then every other alias.
        lineage = [buffer]
        while lineage[-1].origin is not None:
            child = lineage[-1]
            parent, _, move = child.origin
            part = {np.real: "real", np.imag: "imag"}.get(move)
            if part is None:
                parent.tangent = Overwrite(len(self.nodes), parent.tangent, move, child.tangent)
                self.nodes.append(parent.tangent)
            else:
                parent.tangent = self._with_part(parent, part, child.tangent)
            lineage.append(parent)
        for alias in buffer.storage.living():
            if alias.origin is not None and not any(alias is dual for dual in lineage):
                alias.tangent = made_again(alias).tangent

    def _with_part(self, parent: Any, part: str, new: Node) -> Node:
        """The tangent of a complex buffer after its real or imaginary part was overwritten: z − z.imag i + new i."""
        unit = 1.0 if part == "real" else 1j
        old = parent.perturbation.linear_map(
            parent.tangent,
            lambda block: getattr(block, part) + 0.0,
            lambda block: block * unit.conjugate(),
            Like(parent.shape, np.empty(0, parent.dtype).real.dtype),
        )
        return self.combine(((ONE, parent.tangent), (-unit, old), (unit, new)), parent.value)

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

    def pull(self, seeds: Sequence[tuple[Node, Any]], inputs: Sequence[Node], consume: bool = False) -> list[Any]:
        """Cotangents of ``inputs`` (None for zero) from those of some nodes, newest node first.

        ``consume`` frees the record.
        """
        sweep = Sweep([None] * len(self.nodes), bytearray(len(self.nodes)))
        start = 0
        for node, block in seeds:
            sweep.send(node, block)
            start = max(start, node.index)
        wanted = {node.index for node in inputs}
        if self.careful:
            with np.errstate(all="ignore"):
                self._run_back(sweep, start, wanted)
        else:
            self._run_back(sweep, start, wanted)
        result = [as_block(sweep.found[node.index]) for node in inputs]
        for block in result:
            if block is not None and has_nan(block):
                with np.errstate(all="ignore"):
                    result = self._pull_on_support(seeds, inputs)
                break
        if consume:
            self.nodes.clear()
        if len(inputs) > 1:
            # Each cotangent is the caller's own, though a sum sends one block to both of its terms.
            result = [
                block if block is None or sweep.owned[node.index] or type(block) is not _ndarray else block.copy()
                for block, node in zip(result, inputs, strict=True)
            ]
        return result

    def _run_back(self, sweep: Sweep, start: int, wanted: set[int]) -> None:
        nodes, found = self.nodes, sweep.found
        for at in range(start, -1, -1):
            block = found[at]
            if block is None or at in wanted:
                continue
            found[at] = None
            node = nodes[at]
            if (type(block) is not _ndarray or not block.ndim) and type(node) not in _SCALAR_NODES:
                block = as_block(block)
            node.pull(block, sweep)

    def _pull_on_support(self, seeds: Sequence[tuple[Node, Any]], inputs: Sequence[Node]) -> list[Any]:
        """`pull` where a structural zero may have met an infinite partial: see supported.py."""
        n = len(self.nodes)
        sweep, supports = Sweep([None] * n, bytearray(n)), Sweep([None] * n, bytearray(n), cast=False)
        for node, block in seeds:
            sweep.send(node, block)
            supports.send(node, (plain(block) != 0) * 1.0)
        wanted = {node.index for node in inputs}
        for at in range(n - 1, -1, -1):
            if sweep.found[at] is not None and at not in wanted:
                block, support = as_block(sweep.found[at]), as_block(supports.found[at])
                sweep.found[at] = supports.found[at] = None
                self.nodes[at].pull_on_support(block, support, sweep, supports)
        return [as_block(sweep.found[node.index]) for node in inputs]

    def push(self, seeds: Sequence[tuple[Node, Any]], outputs: Sequence[Node], k: int) -> list[Any]:
        """Tangents of ``outputs`` (None for zero) from those of the inputs, oldest node first."""
        blocks_of: dict[int, Any] = {node.index: block for node, block in seeds}
        last = max((node.index for node in outputs), default=-1)

        def tangent_of(node: Node) -> Any:
            return blocks_of.get(node.index)

        for node in self.nodes[: last + 1]:
            if node.index not in blocks_of:
                block = node.push(tangent_of, k)
                if block is not None:
                    blocks_of[node.index] = block
        return [blocks_of.get(node.index) for node in outputs]


class Sweep:
    """The cotangents found so far, by node index, and which of them are ours to add into."""

    __slots__ = ("cast", "found", "owned")

    def __init__(self, found: Any, owned: Any, cast: bool = True) -> None:
        self.found = found
        self.owned = owned
        self.cast = cast  # whether blocks take the dtype of their primal

    def send(self, parent: Node, block: Any) -> None:
        """Add a block to the cotangent of a node."""
        if type(block) is float or (self.cast and block.dtype is not parent.dtype and block.dtype != parent.dtype):
            block = real_part(parent.dtype.type(block) if type(block) is float else block, parent.dtype)
        at = parent.index
        total = self.found[at]
        if total is None:
            self.found[at] = block
        elif self.owned[at] and type(total) is _ndarray and type(block) is _ndarray:
            np.add(total, block, total)
        else:
            self.found[at] = total + block
            self.owned[at] = 1

    def send_into(self, parent: Node, move: Callable[[Any], Any], block: Any) -> None:
        """Add a block to a view of the cotangent of a node."""
        at = parent.index
        total = self.found[at]
        if type(block) is not _ndarray or not (total is None or type(total) is _ndarray):
            whole = np.zeros((block.shape[0], *parent.shape), block.dtype, like=block)
            move(whole)[...] = block
            self.send(parent, whole)
            return
        if self.cast and block.dtype is not parent.dtype and block.dtype != parent.dtype:
            block = real_part(block, parent.dtype)
        if total is None:
            self.found[at] = total = _zeros((len(block), *parent.shape), parent.dtype if self.cast else block.dtype)
            self.owned[at] = 1
            move(total)[...] = block
            return
        if not self.owned[at]:
            self.found[at] = total = total.copy()
            self.owned[at] = 1
        view = move(total)
        np.add(view, block, view)

    def send_into_view(self, node: Rearrange, block: Any) -> bool:
        """Do so if the rearrangement takes a view that can be added into; whether it does."""
        (parent,) = node.parents
        probe = np.empty((1, *parent.shape), bool)
        view = node.move(probe)
        if view.size > probe.size or not view.flags.writeable or not np.may_share_memory(view, probe):
            return False
        if any(stride == 0 and n > 1 for stride, n in zip(view.strides, view.shape, strict=True)):
            return False
        self.send_into(parent, node.move, block)
        return True


# Cotangent blocks.


def as_block(cotangent: Any) -> Any:
    """A cotangent that travelled as a scalar, as a block again."""
    if cotangent is None or (type(cotangent) is _ndarray and cotangent.ndim) or np.shape(plain(cotangent)):
        return cotangent
    return np.array([cotangent]) if isinstance(cotangent, (np.generic, float, complex)) else np.stack([cotangent])


def _times(partial: Any, cotangent: Any, ndim: int) -> Any:
    if type(partial) is _ndarray:
        if partial.dtype is _BOOL:
            return np.where(partial, cotangent, 0.0)
        if ndim and partial.ndim == ndim and len(cotangent) == 1:
            return partial[None] * cotangent
    elif getattr(partial, "dtype", None) is _BOOL:
        return np.where(partial, cotangent, 0.0)
    return partial * cotangent


def _unbroadcast(block: Any, shape: tuple[int, ...]) -> Any:
    """The sum over the axes along which an array of ``shape`` was repeated."""
    extra = block.ndim - 1 - len(shape)
    if extra:
        block = np.sum(block, axis=tuple(range(1, extra + 1)))
    repeated = tuple(i for i, n in enumerate(shape, 1) if n == 1 and block.shape[i] != 1)
    return np.sum(block, axis=repeated, keepdims=True) if repeated else block


def _spread(block: Any, shape: tuple[int, ...]) -> Any:
    """The block repeated to a shape; a small one is written out, which is quicker than `np.broadcast_to`."""
    if type(block) is _ndarray and math.prod(shape) <= 4096:
        whole = np.empty(shape, block.dtype)
        whole[...] = block
        return whole
    return np.broadcast_to(block, shape)


@functools.lru_cache(maxsize=1024)
def _pulled(subscripts: str) -> tuple[str, list[int] | None, Any]:
    """The transpose of a contraction: subscripts of the cotangent and operand, the order of the axes that they give
    (None if it is that of the tangent), and the index that inserts the axes which were only summed over."""
    letters, operand, out = _terms(subscripts)
    known = "".join(c for c in letters if c in operand or c in out)
    order = None
    if not operand:
        positions = sorted(range(len(out)), key=lambda i: letters.index(out[i]))
        if positions != list(range(len(out))):
            order = [0, *(i + 1 for i in positions)]
    spread = None if known == letters else (slice(None), *(slice(None) if c in known else None for c in letters))
    return f"{out},{operand}->{known}", order, spread


@functools.lru_cache(maxsize=1024)
def _terms(subscripts: str) -> tuple[str, str, str]:
    inputs, _, out = subscripts.partition("->")
    tangent, _, operand = inputs.partition(",")
    return tangent, operand, out


def _positions(move: Callable[..., Any], parents: Sequence[Node]) -> np.ndarray[Any, Any]:
    """Where each entry of the result comes from, counted through all parents from 1; 0 is zero-filled."""
    places = []
    start = 1
    for parent in parents:
        size = int(np.prod(parent.shape))
        # Floats, since a move may join them with zeros of its own; exact far beyond any array's size.
        places.append(np.arange(start, start + size, dtype=float).reshape(1, *parent.shape))
        start += size
    return np.asarray(move(*places)[0]).astype(np.intp)


def _scatter(positions: Any, cotangent: Any, shapes: list[tuple[int, ...]]) -> list[Any]:
    """The transpose of gathering by positions."""
    k = cotangent.shape[0]
    sizes = [int(np.prod(shape)) for shape in shapes]
    total = sum(sizes)
    flat = np.ravel(positions)
    values = cotangent.reshape(k, -1)
    counts = np.bincount(flat, minlength=total + 1)
    if counts[1:].max(initial=0) <= 1 and type(cotangent) is _ndarray:
        sums = np.zeros((k, total + 1), cotangent.dtype)
        sums[:, flat] = values
    else:
        sums = np.zeros((k, total + 1), cotangent.dtype, like=cotangent)
        columns: Any = (slice(None), flat)
        np.add.at(sums, columns, values)
    parts = []
    at = 1
    for size, shape in zip(sizes, shapes, strict=True):
        parts.append(sums[:, at : at + size].reshape(k, *shape))
        at += size
    return parts


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
