"""Traced values: arrays, scalars and numbers that carry a concrete example and write down every call.

A traced value stands where plain NumPy would have an array (`TracedArray`), one of NumPy's scalars (`TracedScalar`) or
a Python number (`TracedNumber`).  Calls run on the examples, so that shapes, dtypes, errors and branches are those of
NumPy itself, and are recorded.  What would leave the record is a *guard* (``bool``, ``int``, an index: the program
holds where the answer is the same) or refused (``float``, text, hash, conversion to an array).
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from ..rules.edges import AT_EDGE
from ..values.dual import Dual
from .dependence import (
    ABOUT,
    BINARY_OP,
    BY_OTHERS,
    BY_VALUE,
    OF_ARRAYS,
    OPERATOR_OF,
    WRITING_METHODS,
    describe,
    name_of_call,
    outputs_of,
    written_by,
)
from .emission import NotANumber
from .record import Instruction, Ref, StagingRefused, Trace, active

_ndarray = np.ndarray


class Traced:
    """What the three kinds share.

    ``isinstance(x, np.ndarray)`` is false, by which the engine knows what is in memory of NumPy's; adapted code gets
    the answer for the plain value (adapting/builtins.py).
    """

    __slots__ = ("example", "number", "run")
    __array_priority__ = 500.0

    def __init__(self, trace: Trace, example: Any, number: int) -> None:
        self.run = trace
        self.example = example
        self.number = number

    # What the engine asks of a value (`dualdiff.values.kinds`).

    @property
    def memory(self) -> Any:
        return self.example

    @property
    def stands_for(self) -> type:
        return type(self.example)

    def called(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """A function of plain arrays, as one call."""
        return recorded(self.run, "call", function, function, args, kwargs)

    def as_number(self, kind: type) -> Any:
        """``float(x)`` and ``complex(x)``"""
        if type(self.example) is kind:
            return self
        if isinstance(self.example, (np.ndarray, np.generic)) and type(self.example.item()) is kind:
            return call_method(self, "item")
        return recorded(self.run, "call", kind, kind, (self,), {})

    def has_nan(self) -> bool:
        """A guard: where a nan comes up, the program is not the answer."""
        example = self.example
        if np.asarray(example).dtype.kind not in "fc":
            return False
        if np.any(np.isnan(example)):
            raise NotANumber("a nan came up")
        self.run.add(Instruction("guard", "nan", (Ref(self.number),), {}))
        return False

    # What would leave the record.

    def __bool__(self) -> bool:
        return guarded(self, bool(self.example), "bool")

    def __index__(self) -> int:
        return guarded(self, operator.index(self.example), "operator.index")

    def __int__(self) -> int:
        return guarded(self, int(self.example), "int")

    def __float__(self) -> NoReturn:
        raise StagingRefused("float(x) of a traced value: the number would be a constant of the program")

    def __complex__(self) -> NoReturn:
        raise StagingRefused("complex(x) of a traced value: the number would be a constant of the program")

    def __hash__(self) -> NoReturn:
        raise StagingRefused("hash(x) of a traced value, as a key or in a set: it would be a constant of the program")

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        if sys._getframe(1).f_code.co_name == "_matmul_dispatch":  # of SciPy, which leaves such a product to us
            return np.array(None, dtype=object)
        raise StagingRefused("a traced value is converted to a plain array, by np.asarray or compiled code")

    def __repr__(self) -> str:
        return f"<traced {describe(self.example)}>"

    def __str__(self) -> NoReturn:
        raise StagingRefused("the text of a traced value: it would be a constant of the program")

    def __format__(self, spec: str) -> NoReturn:
        raise StagingRefused("the text of a traced value: it would be a constant of the program")

    def __reduce__(self) -> NoReturn:
        raise StagingRefused("a traced value is pickled or copied by the copy module")

    # NumPy's protocols.

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if not leaves_alone((*inputs, *kwargs.values())):
            return NotImplemented
        if method == "__call__":
            if not kwargs and not isinstance(inputs[0], Traced) and ufunc in OPERATOR_OF:
                frame = sys._getframe(1)
                if frame.f_code.co_code[frame.f_lasti] == BINARY_OP:
                    # ``number * traced``: an operator of NumPy's scalars may round in another way than the ufunc.
                    name = OPERATOR_OF[ufunc]
                    return recorded(self.run, "operator", name, getattr(operator, name), inputs, {})
            return recorded(self.run, "call", ufunc, ufunc, inputs, kwargs, outputs_of(kwargs))
        written = inputs[:1] if method == "at" else outputs_of(kwargs)
        return recorded(self.run, "call", (ufunc, method), getattr(ufunc, method), inputs, kwargs, written)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if not leaves_alone((*args, *kwargs.values())):
            return NotImplemented
        if function in ABOUT:  # of shapes and dtypes, which the program fixes
            return function(*examples(args), **examples(kwargs))
        return recorded(self.run, "call", function, function, args, kwargs, written_by(function, args, kwargs))


class TracedNumber(Traced):
    """In place of a Python number."""

    __slots__ = ()
    shape = ()
    ndim = 0
    size = 1

    @property
    def dtype(self) -> Any:
        return np.result_type(type(self.example))

    @property
    def is_python_float(self) -> bool:
        return type(self.example) is float

    @property
    def real(self) -> Any:
        return attribute(self, "real")

    @property
    def imag(self) -> Any:
        return attribute(self, "imag")

    def conjugate(self) -> Any:
        return call_method(self, "conjugate")

    def is_integer(self) -> Any:
        return call_method(self, "is_integer")


class TracedScalar(Traced):
    """In place of one of NumPy's scalars."""

    __slots__ = ()


class TracedArray(Traced):
    """In place of an ndarray: views share its memory, and it is written in place."""

    __slots__ = ("__weakref__",)

    def __setitem__(self, index: Any, item: Any) -> None:
        if not leaves_alone((index, item)):
            raise TypeError(
                "a plain array cannot hold a Dual: its derivative would be lost. "
                "Make the array with np.zeros_like(x) or np.zeros(n, like=x)."
            )
        self.example[examples(index)] = examples(item)
        trace = self.run
        written = (self.number,)
        trace.add(Instruction("set", None, (Ref(self.number), *arguments(trace, (index, item))), {}, None, written))

    def __len__(self) -> int:
        return len(self.example)

    def __iter__(self: Any) -> Iterator[Any]:
        if self.example.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self.example)))

    def __contains__(self, item: Any) -> bool:
        return bool((self == item).any())

    def tolist(self: Any) -> Any:
        if self.example.ndim == 0:
            return self.item()
        return [part.tolist() if type(part) is TracedArray else part.item() for part in self]

    def setflags(self, write: Any = None, align: Any = None, uic: Any = None) -> None:
        if write is not None:
            self.flags.writeable = write

    @property
    def base(self) -> Any:
        return self.example.base

    @property
    def flags(self) -> Any:
        return _Flags(self)

    @property
    def flat(self) -> Any:
        return _Flat(self)

    @flat.setter
    def flat(self, item: Any) -> None:
        self.flat[...] = item


class _Flags:
    """``x.flags``, of which ``writeable`` may be set."""

    def __init__(self, array: TracedArray) -> None:
        self.__dict__["array"] = array

    def __getattr__(self, name: str) -> Any:
        return getattr(self.array.example.flags, name)

    def __getitem__(self, name: str) -> Any:
        return self.array.example.flags[name]

    def __setattr__(self, name: str, value: Any) -> None:
        array = self.array
        setattr(array.example.flags, name, value)  # what a write then raises it raises while traced
        if name == "writeable" and value:
            array.run.add(Instruction("writeable", None, (Ref(array.number),), {}))


class _Flat:
    """``x.flat``: its entries in row-major order, written through."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def _places(self, index: Any) -> Any:
        places = np.arange(self.array.example.size)[index]
        return np.unravel_index(places, self.array.example.shape)

    def __getitem__(self, index: Any) -> Any:
        return self.array[self._places(index)]

    def __setitem__(self, index: Any, item: Any) -> None:
        places = self._places(index)
        size = places[0].size if places else 1
        if np.size(item) not in (1, size):  # NumPy repeats or cuts it
            item = np.resize(item, size) if size else item
        elif np.ndim(item) > 1:
            item = np.ravel(item)
        self.array[places] = item

    def __len__(self) -> int:
        return int(self.array.example.size)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))


KINDS: frozenset[type] = frozenset({TracedArray, TracedScalar, TracedNumber})


def leaves_alone(tree: Any) -> bool:
    """Whether no Dual is among arguments: it takes the call itself."""
    for item in tree:
        kind = type(item)
        if kind is Dual or hasattr(kind, "__dual__"):
            return False
        if (kind is list or kind is tuple) and not leaves_alone(item):
            return False
    return True


def examples(tree: Any) -> Any:
    """Arguments with examples in place of traced values."""
    kind = type(tree)
    if kind in KINDS:
        return tree.example
    if kind is tuple:
        return tuple([examples(item) for item in tree])
    if kind is list:
        return [examples(item) for item in tree]
    if kind is dict:
        return {name: examples(item) for name, item in tree.items()}
    if kind is slice:
        return slice(examples(tree.start), examples(tree.stop), examples(tree.step))
    return tree


def arguments(trace: Trace, tree: Any) -> Any:
    """Arguments as the record holds them."""
    kind = type(tree)
    if kind in KINDS:
        if tree.run is not trace:
            raise StagingRefused("a traced value of another run is used")
        return Ref(tree.number)
    if kind is _ndarray:
        return trace.constant(tree)
    if kind is tuple:
        return tuple([arguments(trace, item) for item in tree])
    if kind is list:
        return [arguments(trace, item) for item in tree]
    if kind is dict:
        return {name: arguments(trace, item) for name, item in tree.items()}
    if kind is slice:
        return slice(*(arguments(trace, item) for item in (tree.start, tree.stop, tree.step)))
    if isinstance(tree, _ndarray):
        raise StagingRefused(f"a {kind.__name__} meets a traced value")
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return tuple([arguments(trace, item) for item in tree])
    return tree


def inputs_of(tree: Any) -> Iterator[Traced]:
    kind = type(tree)
    if kind in KINDS:
        yield tree
    elif kind is tuple or kind is list:
        for item in tree:
            yield from inputs_of(item)
    elif kind is dict:
        for item in tree.values():
            yield from inputs_of(item)
    elif kind is slice:
        yield from inputs_of((tree.start, tree.stop, tree.step))


def recorded(
    trace: Trace, how: str, what: Any, function: Callable[..., Any], args: Any, kwargs: Any, written: Any = ()
) -> Any:
    """Run a call on the examples, and write it down."""
    given = arguments(trace, tuple(args))
    named = arguments(trace, dict(kwargs))
    targets = []
    for target in written:
        if type(target) is TracedArray:
            targets.append(target)
        elif type(target) is _ndarray:
            raise StagingRefused(
                f"a plain array of shape {target.shape} is written by {name_of_call(what)}, with what is traced"
            )
    try:
        result = function(*examples(tuple(args)), **examples(dict(kwargs)))
    except (np.linalg.LinAlgError, ArithmeticError) as error:
        if not AT_EDGE.get():  # where it is expected, and changes nothing
            trace.caught = f"{name_of_call(what)} raised a {type(error).__name__}, which was caught"
        raise
    for target in targets:
        if result is target.example:
            out: Any = target
            break
    else:
        arrays = [x for x in inputs_of((tuple(args), dict(kwargs))) if type(x) is TracedArray]
        out = wrapped(trace, result, arrays)
    instruction = Instruction(how, what, given, named, _out(out), tuple([target.number for target in targets]))
    trace.add(instruction)
    _fix_views(how, what, args, kwargs, out)
    if _depends_on_values(how, what, args, kwargs):
        for made in inputs_of(out):
            if type(made) is TracedArray:
                trace.add(Instruction("guard", "shape", (Ref(made.number), made.example.shape, made.example.dtype), {}))
            else:
                trace.add(Instruction("guard", "type", (Ref(made.number), type(made.example)), {}))
    return out


def _fix_views(how: str, what: Any, args: Any, kwargs: Any, out: Any) -> None:
    """Where a view is depends on integers: they become part of the program."""
    if isinstance(what, np.ufunc) or how in ("operator", "attribute"):
        return
    for made in inputs_of(out):
        if type(made) is TracedArray and made.run.variables[made.number].root != made.number:
            break
    else:
        return
    for given in inputs_of((tuple(args[1:]), dict(kwargs))):
        if given.example is made.example or np.asarray(given.example).dtype.kind not in "iu":
            continue
        if type(given) is TracedArray:
            raise StagingRefused(f"{name_of_call(what)} takes a view of an array, where depends on traced numbers")
        guarded(given, int(given.example), "int")


def wrapped(trace: Trace, result: Any, arrays: Any = ()) -> Any:
    """A result as a traced value, or a tree of them."""
    if type(result) is _ndarray:
        for x in arrays:
            if x.example is result:
                return x
        if result.dtype.hasobject:
            raise StagingRefused("a call gives an array of objects")
        return TracedArray(trace, result, trace.variable(result, [(x.number, x.example) for x in arrays]))
    if isinstance(result, np.generic):
        return TracedScalar(trace, result, trace.variable(result))
    if isinstance(result, (float, int, complex)):
        return TracedNumber(trace, result, trace.variable(result))
    if isinstance(result, (tuple, list)):
        parts = [wrapped(trace, part, arrays) for part in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    if result is None or isinstance(result, (str, type, np.dtype)):
        return result
    if isinstance(result, _ndarray):
        raise StagingRefused(f"a call gives a {type(result).__name__}")
    raise StagingRefused(f"a call gives a {type(result).__name__}, which is no array")


def _out(out: Any) -> Any:
    if type(out) in KINDS:
        return Ref(out.number)
    if isinstance(out, (tuple, list)):
        return tuple([_out(part) for part in out])
    return None


def guarded(x: Traced, answer: Any, how: str) -> Any:
    x.run.add(Instruction("guard", how, (Ref(x.number), answer), {}))
    return answer


def attribute(x: Traced, name: str) -> Any:
    result = getattr(x.example, name)
    out = wrapped(x.run, result, [x] if type(x) is TracedArray else [])
    if out is not x:
        x.run.add(Instruction("attribute", name, (Ref(x.number),), {}, _out(out)))
    return out


def call_method(x: Traced, name: str, *args: Any, **kwargs: Any) -> Any:
    if not leaves_alone((*args, *kwargs.values())):
        # NumPy's own goes through arrays of objects, whose sums are others.
        raise StagingRefused(f".{name}() of an array of constants takes a Dual: write np.{name}(a, b)")
    written = [x] if name in WRITING_METHODS else [kwargs["out"]] if kwargs.get("out") is not None else []
    method = lambda example, *args, **kwargs: getattr(example, name)(*args, **kwargs)
    return recorded(x.run, "method", name, method, (x, *args), kwargs, written)


def lifted(array: Any) -> Any:
    """A fresh plain array of the running trace, as a traced one that may be written; a number as one."""
    trace = active()
    if trace is None:
        return array
    if type(array) is _ndarray and array.dtype.kind in "fc":
        return recorded(trace, "call", np.copy, _copied, (array,), {"order": "K"})
    if hasattr(type(array), "__dual__"):
        raise StagingRefused("a Variable meets a traced value: its value would be a constant; pass it as an argument")
    if type(array) in _LIFTED:
        return recorded(trace, "call", type(array), type(array), (array.item(),), {})
    return array


_LIFTED = frozenset({np.float64, np.float32, np.complex128, np.complex64})


def _copied(array: Any, order: str) -> Any:
    return array


def _depends_on_values(how: str, what: Any, args: Any, kwargs: Any) -> bool:
    if how == "get":
        return any(type(x) is not TracedNumber for x in inputs_of(args[1]))
    if how == "method":
        return what in ("nonzero", "compress", "repeat")
    if what is np.where:
        return len(args) == 1
    if how in ("operator", "attribute") or isinstance(what, np.ufunc) or type(what) is tuple:
        return False
    if what in BY_VALUE:
        return True
    if what in BY_OTHERS:
        return any(True for _ in inputs_of((tuple(args[1:]), dict(kwargs)))) or (
            what not in OF_ARRAYS and any(True for _ in inputs_of(tuple(args[:1])))
        )
    if what is operator.matmul:  # of a sparse matrix
        return False
    if getattr(what, "__module__", None) == "math":  # of floats a float, or an int
        return False
    return getattr(what, "__module__", "").split(".")[0] != "numpy"
