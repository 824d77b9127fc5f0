"""The nodes of a tape: each kind of linear operation, its transpose, and what it reads.  Rarer ones are in maps.py.

`pull` sends a cotangent of a node back to its parents, `push` makes its tangent from theirs, `held` names the arrays
of the primal program that both read.  A `Sweep` collects the cotangents found so far.  Blocks of k cotangents have
shape ``(k, *node.shape)``; one cotangent of a scalar may travel as a scalar.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..values.kinds import ARRAYS
from . import MINUS_ONE, ONE, Like, Trivial, blocks
from .dense import Dense
from .einsum import pulled

if TYPE_CHECKING:
    from .running import Sweep

_ndarray = np.ndarray
_float64 = np.float64
_BOOL = np.dtype(bool)
_PLAIN = frozenset({np.ndarray, np.float64})


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

    def push(self, tangent_of: Callable[[Node], Any], forward: Dense) -> Any:
        """The tangent of this node from those of its parents (None is zero), by forward mode's operations."""
        return None

    def sources(self) -> Iterable[Node]:
        """The parents."""
        return ()

    def held(self) -> Iterable[Any]:
        """Arrays of the primal program that this node reads again."""
        return ()

    def let_go(self, array: Any, copy: Any) -> None:
        """Hold ``copy`` in place of ``array``."""

    def text(self) -> str:
        """The operation as a line of a program, its parents by their numbers."""
        return "input"

    def __str__(self) -> str:
        return f"%{self.index}: {self.dtype}{list(self.shape)} = {self.text()}"

    def __repr__(self) -> str:
        return f"<{self}>"


class Combination(Node):
    """Σ partialᵢ · tangentᵢ, in one of the forms below"""

    __slots__ = ()

    def summands(self) -> tuple[tuple[Any, Node], ...]:
        """Partials and parents."""
        raise NotImplementedError

    def sources(self) -> Iterable[Node]:
        return [parent for _, parent in self.summands()]

    def push(self, tangent_of: Callable[[Node], Any], forward: Dense) -> Any:
        terms = [(partial, block) for partial, parent in self.summands() if (block := tangent_of(parent)) is not None]
        return forward.combine(terms, Like(self.shape, self.dtype)) if terms else None

    def text(self) -> str:
        from .text import factor_text

        terms = [f"{factor_text(partial)}%{parent.index}" for partial, parent in self.summands()]
        return " + ".join(terms).replace("+ -", "- ")

    def held(self) -> Iterable[Any]:
        return (partial for partial, _ in self.summands())


class Combine(Combination):
    """Any number of terms, of any partials, broadcast and cast"""

    __slots__ = ("terms",)

    def __init__(self, index: int, shape: tuple[int, ...], dtype: Any, terms: tuple[tuple[Any, Node], ...]) -> None:
        self.index = index
        self.shape = shape
        self.dtype = dtype
        self.terms = terms

    def summands(self) -> tuple[tuple[Any, Node], ...]:
        return self.terms

    def pull(self, cotangent: Any, sweep: Sweep) -> None:
        shape, found = self.shape, sweep.found
        plain_array = type(cotangent) in ARRAYS
        for partial, parent in self.terms:
            if partial is ONE:
                term = cotangent
            elif partial is MINUS_ONE:
                term = -cotangent
            elif plain_array and type(partial) in ARRAYS and partial.dtype is not _BOOL:
                term = partial * cotangent
            else:
                term = sweep.kind.times(partial, cotangent)
            if parent.shape != shape:
                term = sweep.kind.summed_to(term, parent.shape)
            at = parent.index
            if found[at] is None and type(term) in ARRAYS and term.dtype is parent.dtype:
                found[at] = term  # what send() does most often
            else:
                sweep.send(parent, term)

    def let_go(self, array: Any, copy: Any) -> None:
        self.terms = tuple((copy if partial is array else partial, parent) for partial, parent in self.terms)


class Scale(Combination):
    """One term, of the shape and dtype of its tangent"""

    __slots__ = ("parent", "partial")

    def __init__(self, index: int, partial: Any, parent: Node) -> None:
        self.index = index
        self.shape = parent.shape
        self.dtype = parent.dtype
        self.partial = partial
        self.parent = parent

    def summands(self) -> tuple[tuple[Any, Node], ...]:
        return ((self.partial, self.parent),)

    def let_go(self, array: Any, copy: Any) -> None:
        if self.partial is array:
            self.partial = copy

    def pull(self, cotangent: Any, sweep: Sweep) -> None:
        partial, parent = self.partial, self.parent
        kind = type(partial)
        if kind in ARRAYS and type(cotangent) in ARRAYS and partial.dtype is not _BOOL:
            term = partial * cotangent
        elif partial is MINUS_ONE:
            term = -cotangent
        elif kind is float or kind is int:
            term = blocks.times_number(partial, cotangent)
        else:
            term = cotangent if partial is ONE else sweep.kind.times(partial, cotangent)
        at, found = parent.index, sweep.found
        if found[at] is None and type(term) in ARRAYS and term.dtype is self.dtype:
            found[at] = term  # what send() does most often
        else:
            sweep.send(parent, term)


class Sum(Combination):
    """The sum or difference of two tangents, for an array: ``a + sign b``"""

    __slots__ = ("a", "b", "sign")

    def __init__(self, index: int, shape: tuple[int, ...], dtype: Any, a: Node, sign: Trivial, b: Node) -> None:
        self.index = index
        self.shape = shape
        self.dtype = dtype
        self.a = a
        self.sign = sign
        self.b = b

    def summands(self) -> tuple[tuple[Any, Node], ...]:
        return ((ONE, self.a), (self.sign, self.b))

    def pull(self, cotangent: Any, sweep: Sweep) -> None:
        shape, dtype, found = self.shape, self.dtype, sweep.found
        plain = type(cotangent) in ARRAYS and cotangent.dtype is dtype
        signed = cotangent if self.sign is ONE else -cotangent
        for parent, term in ((self.a, cotangent), (self.b, signed)):
            if parent.shape != shape:
                term = sweep.kind.summed_to(term, parent.shape)
            at = parent.index
            if plain and found[at] is None and parent.dtype is dtype:
                found[at] = term
            else:
                sweep.send(parent, term)


class ScalarCombine(Combine):
    """Terms of float64 scalars with numbers for partials: half of what `Combine` takes"""

    __slots__ = ()
    shape = ()
    dtype = np.dtype(np.float64)

    def __init__(self, index: int, terms: tuple[tuple[Any, Node], ...]) -> None:
        self.index = index
        self.terms = terms

    def pull(self, cotangent: Any, sweep: Sweep) -> None:
        found = sweep.found
        for partial, parent in self.terms:
            at = parent.index
            total = found[at]
            term = cotangent if partial is ONE else -cotangent if partial is MINUS_ONE else partial * cotangent
            found[at] = term if total is None else total + term


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

    def text(self) -> str:
        return f"view(%{self.parent.index})"

    def push(self, tangent_of: Callable[[Node], Any], forward: Dense) -> Any:
        block = tangent_of(self.parent)
        return None if block is None else forward.view(block, self.move, Like(self.shape, self.dtype))


class IndexView(View):
    """A view by a basic index"""

    __slots__ = ("at",)

    def __init__(self, index: int, shape: tuple[int, ...], parent: Node, at: Any) -> None:
        self.index = index
        self.shape = shape
        self.dtype = parent.dtype
        self.parent = parent
        self.at = at

    def move(self, block: Any) -> Any:
        return blocks.get(block, self.at)

    def text(self) -> str:
        from .text import index_text

        at = self.at if type(self.at) is tuple else (self.at,)
        return f"%{self.parent.index}[{', '.join(map(index_text, at))}]"

    def pull(self, cotangent: Any, sweep: Sweep) -> None:
        parent, found = self.parent, sweep.found
        at = parent.index
        total = found[at]
        if type(cotangent) in _PLAIN and cotangent.dtype is parent.dtype and parent.shape:  # most often
            if total is None:
                found[at] = sweep.kind.placed(parent.shape, cotangent, parent.dtype, self.at)
                sweep.owned[at] = 1
                return
            if sweep.owned[at] and type(total) in ARRAYS:
                sweep.kind.add_at(total, self.at, cotangent)
                return
        sweep.send_at(parent, self.at, cotangent)


class Entry(IndexView):
    """One entry, a scalar"""

    __slots__ = ()

    def __init__(self, index: int, parent: Node, at: Any) -> None:
        super().__init__(index, (), parent, at if type(at) is tuple else (at,))

    def move(self, block: Any) -> Any:
        return blocks.view(block, self.at)


class Contract(Node):
    """``einsum(subscripts, tangent, operand)``"""

    __slots__ = ("operand", "parent", "subscripts")

    def __init__(self, index: int, shape: Any, dtype: Any, parent: Node, subscripts: str, operand: Any) -> None:
        self.index = index
        self.shape = shape
        self.dtype = dtype
        self.parent = parent
        self.subscripts = subscripts
        self.operand = operand

    def pull(self, cotangent: Any, sweep: Sweep) -> None:
        parent = self.parent
        # Of the sum of all entries, as most.
        if self.operand is None and type(cotangent) is _float64 and not self.shape and parent.shape:
            whole = np.empty(parent.shape, cotangent.dtype)
            whole[...] = cotangent
            sweep.pass_on(parent, whole)
            return
        subscripts, order, spread = pulled(self.subscripts)
        kind = sweep.kind
        if self.operand is not None:
            cotangent = kind.contract(cotangent, subscripts, self.operand)
        if order is not None:
            cotangent = kind.view(cotangent, lambda block: np.transpose(block, order), parent)
        if spread is not None:
            cotangent = kind.spread(cotangent, spread, parent.shape)
        sweep.send(parent, cotangent)

    def sources(self) -> Iterable[Node]:
        return (self.parent,)

    def text(self) -> str:
        from .text import factor_text

        operand = "" if self.operand is None else f", {factor_text(self.operand).strip()}"
        return f"einsum({self.subscripts!r}, %{self.parent.index}{operand})"

    def push(self, tangent_of: Callable[[Node], Any], forward: Dense) -> Any:
        block = tangent_of(self.parent)
        return None if block is None else forward.contract(block, self.subscripts, self.operand)

    def held(self) -> Iterable[Any]:
        return (self.operand,)

    def let_go(self, array: Any, copy: Any) -> None:
        if self.operand is array:
            self.operand = copy
