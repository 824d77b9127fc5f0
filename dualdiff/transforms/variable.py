"""`Variable`: the requires-grad manner of working, on top of the tape.

A Variable lives outside all transforms.  What is computed from it is a Variable too, and remembers how; `backward`
adds into the ``grad`` of the Variables it came from.

Variables share one perturbation of level 0, outside every transform: inside a transform a Variable is a constant of an
outer level, so the result is right with respect to both.  Their record is no list but the graph of nodes that the
results refer to, freed with them.
"""

from __future__ import annotations

import itertools
import math
import operator
import sys
import weakref
from _thread import allocate_lock  # as threading.Lock, which takes its time to be imported
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from .. import errors
from ..table import RULES
from ..tangents import Perturbation, blocks
from ..tangents.operations import Node
from ..tangents.single import Single
from ..tangents.structural_zeros import Supported, has_nan
from ..tangents.sweep import Sweep
from ..tangents.tape import Renewing, Tape
from ..values import foreign, kinds, storage
from ..values.dual import Dual, primal
from ..values.entries import check
from ..values.levels import lifted, value_of
from ..values.objects import carries
from ..values.protocols import rebound
from ..values.rebinding import may_rebind
from .arguments import presented, primal_leaf, seed_leaf

if TYPE_CHECKING:
    from ..values.declarations import Array
else:
    Array = object

# Held while gradients are added up, by whoever finds it free: nobody waits for it.
_adding = allocate_lock()

# Duals that stand for Variables while a transform with weights= runs, by identity of the Variable.
_stand_ins: ContextVar[dict[int, tuple[Dual, ...]] | None] = ContextVar("dualdiff_stand_ins", default=None)


class _Numbering:
    """In place of a tape's list of nodes: numbers them, holds none."""

    def __init__(self) -> None:
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return next(self._numbers)

    def append(self, node: Node) -> None:
        """The results refer to their nodes; nobody else does."""


class Graph(Tape):
    """The perturbation of all Variables."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__()
        self.level = 0
        self.nodes = _Numbering()  # type: ignore[assignment]

    def _hold(self, node: Node, array: Any) -> None:
        """Copy at once what a node reads: a graph outlives the statement that made it."""
        if type(array) is np.ndarray:
            node.let_go(array, array.copy("K"))

    def keep(self, constant: Any) -> Any:
        return constant.copy("K") if type(constant) is np.ndarray else super().keep(constant)

    def present(self, dual: Dual) -> Any:
        return Variable._of(dual)

    def backward(self, node: Node, block: Any) -> None:
        """Send a cotangent to every Variable that a node came from."""
        order = ancestors(node)
        leaves = [node for node in order if type(node) is _Leaf]
        gradients = blocks.silently(self._sent_back, Single(), order, leaves, block)
        if any(gradient is not None and has_nan(gradient) for gradient in gradients):
            # A structural zero may have met an infinite partial: see tangents/structural_zeros.py.
            gradients = blocks.silently(self._sent_back, Supported(1), order, leaves, block)
        for leaf, gradient in zip(leaves, gradients, strict=True):
            if gradient is not None:
                leaf.receive(gradient)

    def _sent_back(self, kind: Perturbation, order: list[Node], leaves: list[_Leaf], block: Any) -> list[Any]:
        sweep = Sweep(kind, defaultdict(lambda: None), defaultdict(bool))
        sweep.send(order[0], kind.seed(block))
        for node in order:
            if type(node) is not _Leaf and (found := sweep.found.pop(node.index, None)) is not None:
                node.pull(found, sweep)
        found = [sweep.found[leaf.index] for leaf in leaves]
        return [None if cotangent is None else kind.direction_of(cotangent) for cotangent in found]


def ancestors(node: Node) -> list[Node]:
    """A node and everything it came from, newest first."""
    from heapq import heappop, heappush

    queue = [(-node.index, node)]
    seen = {node.index}
    order = []
    while queue:
        _, node = heappop(queue)
        order.append(node)
        for parent in node.sources():
            if parent.index not in seen:
                seen.add(parent.index)
                heappush(queue, (-parent.index, parent))
    return order


class _RenewingGraph(Renewing, Graph):
    """The same, once a buffer that Variables view was written."""

    __slots__ = ()


Graph.renewing = _RenewingGraph
GRAPH = Graph()


class _Leaf(Node):
    """The tangent of a Variable that the user made."""

    __slots__ = ("variable",)

    def __init__(self, value: Any, variable: Variable) -> None:
        super().__init__(len(GRAPH.nodes), np.shape(value), np.result_type(value))
        self.variable = weakref.ref(variable)  # a Variable that nobody holds needs no gradient

    def receive(self, gradient: Any) -> None:
        variable = self.variable()
        if variable is not None:
            variable._receive(np.array(gradient)[()])


class Variable(Array):
    """Value whose gradient is collected by ``backward()`` of what is computed from it.

    Parameters
    ----------
    value : array_like
        The numbers; a plain array, or what NumPy makes one of.

    Attributes
    ----------
    value : ndarray
        The plain array.
    grad : ndarray or None
        The sum of all gradients since `zero_grad`.

    Raises
    ------
    TypeError
        For a value that is no number, or a live Dual of a transform.

    Notes
    -----
    Cost: some microseconds for each operation; ``backward()`` costs about as much again.

    Examples
    --------
    >>> import numpy as np
    >>> x = Variable(np.arange(4.0))
    >>> y = 2 * np.dot(x, x)
    >>> y.backward()
    >>> x.grad
    array([ 0.,  4.,  8., 12.])
    """

    __slots__ = ("__weakref__", "_dual", "_gradients", "_is_leaf")
    __pandas_priority__ = foreign.PandasPriority()

    def __init__(self, value: Any) -> None:
        if isinstance(value, Variable):
            value = value.value
        if isinstance(value, (list, tuple)):
            value = np.array(value)
        value = primal_leaf(value, "Variable: the value")
        if type(value) is Dual:
            raise TypeError(
                "Variable: a Dual of a running transform cannot be stored; its derivative would be lost.\n"
                "  Make Variables outside of the function that is differentiated, or use the Dual itself."
            )
        value = np.array(value) if isinstance(value, np.ndarray) else value
        self._gradients: list[Any] | None = []
        self._is_leaf = True
        self._dual = self._leaf(value)

    def _leaf(self, value: Any) -> Dual:
        dual = Dual(value, _Leaf(value, self), GRAPH)
        if isinstance(value, np.ndarray):
            storage.anchor(dual).sealed = True
        return dual

    @classmethod
    def _of(cls, dual: Dual) -> Variable:
        self = cls.__new__(cls)
        self._dual, self._gradients, self._is_leaf = dual, None, False
        return self

    @property
    def value(self) -> Any:
        if kinds.RUNNING[0]:
            kinds.lift(self)
        return self._dual.value

    @value.setter
    def value(self, new: Any) -> None:
        """Another value of the same shape, from here on; results computed before keep what they had."""
        if not self._is_leaf:
            raise AttributeError("only a Variable that was made from a value can be given another one.")
        if np.shape(new) != np.shape(self.value):
            raise ValueError(f"Variable: the new value has shape {np.shape(new)}, the old one {np.shape(self.value)}.")
        new = primal_leaf(new, "Variable: the value")
        if type(new) is Dual:
            raise TypeError("Variable: a Dual of a running transform cannot be stored.")
        self._dual = self._leaf(new)

    def backward(self, cotangent: Any = None) -> None:
        """Add the gradient of this result into ``grad`` of the Variables it came from.

        ``cotangent`` has the shape of the result; a scalar needs none.
        """
        if cotangent is None:
            if self._dual.shape != ():
                raise TypeError(
                    f"backward: the result has shape {self._dual.shape}; only a scalar needs no cotangent.\n"
                    "  Use y.backward(np.ones_like(y.value)) for the gradient of the sum."
                )
            cotangent = np.ones((), self._dual.dtype)
            if self._dual.dtype.kind == "c":
                raise TypeError("backward: the result is complex; a real loss, or a cotangent, is needed.")
        if isinstance(cotangent, Variable):
            cotangent = cotangent.detach()
        if carries(cotangent):
            raise TypeError(
                "backward: a Dual of a running transform cannot be stored in a gradient; use dd.vjp inside."
            )
        block = seed_leaf(cotangent, self.value, "backward: the cotangent", "the result")
        GRAPH.backward(GRAPH.current(self._dual.tangent), block)

    @property
    def grad(self) -> Any:
        """None, or the sum of all gradients since `zero_grad`."""
        gradients = tuple(self._gradients or ())
        return sum(gradients[1:], gradients[0]) if gradients else None

    @grad.setter
    def grad(self, gradient: Any) -> None:
        self._gradients = [] if gradient is None else [gradient]

    def _receive(self, gradient: Any) -> None:
        """Several threads may send gradients at once: each appends, and whoever finds nobody adding adds them up."""
        gradients = self._gradients
        if gradients is None:
            self._gradients = gradients = []
        gradients.append(gradient)
        if _adding.acquire(blocking=False):
            try:
                found = tuple(gradients)
                if len(found) > 1:
                    gradients[: len(found)] = [sum(found[1:], found[0])]
            finally:
                _adding.release()

    def zero_grad(self) -> None:
        """Forget the gradient collected so far."""
        self.grad = None

    def detach(self) -> Any:
        """The plain value, a constant."""
        return np.copy(self.value) if isinstance(self.value, np.ndarray) else self.value

    def stand_in(self) -> Dual | None:
        """The Dual that stands for this Variable in a running transform with ``weights=``."""
        stand_ins = _stand_ins.get()
        if stand_ins is not None:
            # The innermost that is alive: an interrupt may have left behind one of a transform that has ended.
            for dual in reversed(stand_ins.get(id(self), ())):
                if dual.perturbation.live:
                    return dual
        return None

    def __dual__(self) -> Dual:
        if kinds.RUNNING[0]:
            kinds.lift(self)  # which refuses it where a run is written down
        if _stand_ins.get() is None:
            return self._dual
        dual = self.stand_in()
        return self._dual if dual is None else dual

    def __reduce__(self) -> tuple[Any, ...]:
        if not self._is_leaf:
            raise TypeError("a Variable that was computed is not copied or pickled; keep y.detach() instead.")
        return _made, (self.value, self.grad)

    def __format__(self, spec: str) -> str:
        return f"Variable({format(primal(self.__dual__()), spec)})"

    def __round__(self, ndigits: int | None = None) -> Any:
        return round(primal(self.__dual__()), ndigits)

    def __divmod__(self, other: Any) -> tuple[Any, Variable]:
        return presented(divmod(self.__dual__(), _dual_of(other)))

    def __rdivmod__(self, other: Any) -> tuple[Any, Variable]:
        return presented(divmod(_dual_of(other), self.__dual__()))

    def __contains__(self, item: Any) -> bool:
        return _dual_of(item) in self.__dual__()

    def __repr__(self) -> str:
        return f"Variable({self.value!r})"

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(repr(self))}</pre>"

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__" and type(kwargs.get("out", (None,))[0]) is np.ndarray:
            references = sys.getrefcount(kwargs["out"][0])
            if may_rebind(kwargs["out"][0], references, sys._getframe(1)):
                return presented(rebound(ufunc, _dual_of(inputs), kwargs["out"][0]))
        return presented(getattr(ufunc, method)(*_dual_of(inputs), **_dual_of(kwargs)))

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        rule = RULES.get(function)
        if rule is not None and rule.form == "creation":  # np.zeros(n, like=x): NumPy has taken ``like`` away
            dual: Any = self.__dual__()
            return presented(dual.__array_function__(function, types, _dual_of(args), _dual_of(kwargs)))
        return presented(function(*_dual_of(args), **_dual_of(kwargs)))

    if not TYPE_CHECKING:  # which knows the names that there are, and no others; and see declarations.py of __array__

        def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
            """An object array of its entries; asked of each entry that np.array([w[0], 1.0]) has."""
            dual = self.__dual__()
            if sys._getframe(1).f_code.co_name == "_matmul_dispatch":
                return dual.as_objects_of_scipy()  # see rules/sparse_operands.py
            check(dual, dtype, sys._getframe(1))
            if dtype is not None and np.dtype(dtype) != object:
                raise errors.not_a_number(dual, f"np.asarray(x, dtype={np.dtype(dtype)})", "Use x.astype(dtype).")
            entries = np.empty(dual.shape, dtype=object)
            for index in np.ndindex(dual.shape):
                entries[index] = self[index] if dual.shape else self
            return entries

        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            found = getattr(self.__dual__(), name)
            if not callable(found):
                return presented(found)
            return lambda *args, **kwargs: presented(found(*_dual_of(args), **_dual_of(kwargs)))

    @property
    def flat(self) -> Any:
        return type(self.__dual__().flat)(self)

    @flat.setter
    def flat(self, value: Any) -> None:
        self.__dual__().flat = _dual_of(value)

    def __getitem__(self, index: Any) -> Variable:
        return presented(self.__dual__()[index])

    def __setitem__(self, index: Any, item: Any) -> None:
        self.__dual__()[index] = _dual_of(item)

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Variable]:
        return (presented(item) for item in self.__dual__())

    def __bool__(self) -> bool:
        return bool(self.__dual__())

    def __hash__(self) -> NoReturn:
        raise errors.unhashable("Variable", self.shape)


def _dual_of(tree: Any) -> Any:
    if type(tree) is Variable:
        return tree.__dual__()
    try:
        if type(tree) in (list, tuple):
            return type(tree)(_dual_of(item) for item in tree)
        if type(tree) is dict:
            return {name: _dual_of(item) for name, item in tree.items()}
    except RecursionError:
        raise errors.nested_too_deeply(type(tree)) from None
    return tree


def _made(value: Any, grad: Any) -> Variable:
    variable = Variable(value)
    variable.grad = grad
    return variable


def check_reached(leaves: list[Any], weights: Sequence[Variable]) -> None:
    """A result that depends on a weight otherwise than through its stand-in would miss a part of the gradient."""
    for leaf in leaves:
        while type(leaf) is Dual and leaf.perturbation is not GRAPH:
            leaf = leaf.value
        if type(leaf) is Dual:
            reached = {id(node) for node in ancestors(GRAPH.current(leaf.tangent))}
            for weight in weights:
                if id(weight._dual.tangent) in reached:
                    raise TypeError(
                        "grad: the result depends on one of the weights also through a Variable that was computed "
                        "before the function ran, or in a thread of its own; that part would be missing.\n"
                        "  Compute everything from the weights inside the function, or detach() what is constant."
                    )


@contextmanager
def standing_in(weights: Sequence[Variable], duals: Sequence[Dual]) -> Iterator[None]:
    """Let Duals of a transform stand for captured Variables, in this context alone."""
    stand_ins = dict(_stand_ins.get() or {})
    for weight, dual in zip(weights, duals, strict=True):
        stand_ins[id(weight)] = (*stand_ins.get(id(weight), ()), dual)
    token = _stand_ins.set(stand_ins)
    try:
        yield
    finally:
        _stand_ins.reset(token)


def constants_standing_in(perturbation: Any) -> Callable[..., Any]:
    """A function ``run(function, *args)`` for which the weights of ``perturbation`` are the constants they are now.

    For what runs when the transform has ended: outside of it they would be Variables, whose results are Variables.
    It returns the result of the function, and a function that takes a part of that back to plain numbers.
    """
    stand_ins = _stand_ins.get() or {}
    values = {
        name: dual.value for name, duals in stand_ins.items() for dual in duals if dual.perturbation is perturbation
    }

    def run(function: Callable[..., Any], *args: Any) -> tuple[Any, Callable[[Any], Any]]:
        around = {name for name, duals in (_stand_ins.get() or {}).items() if any(d.perturbation.live for d in duals)}
        missing = {name: value for name, value in values.items() if name not in around}
        if not missing:
            return function(*args), lambda result: result
        level = Single()

        def inside() -> Any:
            _stand_ins.set(
                (_stand_ins.get() or {}) | {name: (lifted(value, level),) for name, value in missing.items()}
            )
            return function(*args)

        return copy_context().run(inside), lambda result: value_of(result, level)

    return run


def _binary(apply: Callable[[Any, Any], Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def forward(self: Variable, other: Any) -> Any:
        return NotImplemented if foreign.defers(other) else presented(apply(self.__dual__(), _dual_of(other)))

    def reflected(self: Variable, other: Any) -> Any:
        return NotImplemented if foreign.defers(other) else presented(apply(_dual_of(other), self.__dual__()))

    return forward, reflected


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"):
    _forward, _reflected = _binary(getattr(operator, _name))
    setattr(Variable, f"__{_name}__", _forward)
    setattr(Variable, f"__r{_name}__", _reflected)


def _in_place(name: str) -> Callable[..., Any]:
    def update(self: Variable, other: Any) -> Any:
        dual = self.__dual__()
        if self._is_leaf and dual is self._dual:
            raise errors.sealed()
        result = getattr(dual, name)(_dual_of(other))
        return self if result is dual else presented(result)

    return update


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"):
    setattr(Variable, f"__i{_name}__", _in_place(f"__i{_name}__"))
for _name in ("real", "imag"):
    _get = lambda self, _name=_name: presented(getattr(self.__dual__(), _name))
    _set = lambda self, value, _name=_name: setattr(self.__dual__(), _name, _dual_of(value))
    setattr(Variable, _name, property(_get, _set))
for _name in ("lt", "le", "eq", "ne", "gt", "ge"):
    setattr(Variable, f"__{_name}__", _binary(getattr(operator, _name))[0])
for _name in ("neg", "pos", "abs"):
    _apply = getattr(operator, _name)
    setattr(Variable, f"__{_name}__", lambda self, _apply=_apply: presented(_apply(self.__dual__())))
for _whole in (math.floor, math.ceil, math.trunc):
    setattr(Variable, f"__{_whole.__name__}__", lambda self, _whole=_whole: _whole(self.__dual__()))
for _name in ("float", "int", "complex"):
    _convert = {"float": float, "int": int, "complex": complex}[_name]
    setattr(Variable, f"__{_name}__", lambda self, _convert=_convert: _convert(self.__dual__()))
