"""`Variable`: the requires-grad manner of working, on top of the tape.

A Variable lives outside all transforms.  What is computed from it is a Variable too, and remembers how; `backward`
adds into the ``grad`` of the Variables it came from.
Their record is the graph (graph.py); what stands for them in a transform with ``weights=`` is in weights.py.
"""

from __future__ import annotations

import math
import operator
import sys
from _thread import allocate_lock  # as threading.Lock, which takes its time to be imported
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from .. import errors
from ..table import RULES
from ..values import foreign, kinds, storage
from ..values.dual import Dual, primal
from ..values.entries import check
from ..values.objects import carries
from ..values.protocols import rebound
from ..values.rebinding import may_rebind
from .arguments import presented, primal_leaf, seed_leaf
from .graph import GRAPH, STAND_INS, Graph, Leaf

if TYPE_CHECKING:
    from ..values.declarations import Array
else:
    Array = object

# Held while gradients are added up, by whoever finds it free: nobody waits for it.
_adding = allocate_lock()


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
        dual = Dual(value, Leaf(value, self), GRAPH)
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
        stand_ins = STAND_INS.get()
        if stand_ins is not None:
            # The innermost that is alive: an interrupt may have left behind one of a transform that has ended.
            for dual in reversed(stand_ins.get(id(self), ())):
                if dual.perturbation.live:
                    return dual
        return None

    def __dual__(self) -> Dual:
        if kinds.RUNNING[0]:
            kinds.lift(self)  # which refuses it where a run is written down
        if STAND_INS.get() is None:
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


Graph.shown_as = Variable._of


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


def _binary(apply: Callable[[Any, Any], Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def forward(self: Variable, other: Any) -> Any:
        return NotImplemented if foreign.defers(other) else presented(apply(self.__dual__(), _dual_of(other)))

    def reflected(self: Variable, other: Any) -> Any:
        return NotImplemented if foreign.defers(other) else presented(apply(_dual_of(other), self.__dual__()))

    return forward, reflected


def _in_place(name: str) -> Callable[..., Any]:
    def update(self: Variable, other: Any) -> Any:
        dual = self.__dual__()
        if self._is_leaf and dual is self._dual:
            raise errors.sealed()
        result = getattr(dual, name)(_dual_of(other))
        return self if result is dual else presented(result)

    return update


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"):
    _forward, _reflected = _binary(getattr(operator, _name))
    setattr(Variable, f"__{_name}__", _forward)
    setattr(Variable, f"__r{_name}__", _reflected)
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
