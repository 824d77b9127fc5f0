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

from .dependence import ABOUT, BINARY_OP, OPERATOR_OF, describe, outputs_of, refuse_values, written_by
from .emission import NotANumber
from .flat import Flags, Flat, base
from .record import Instruction, Ref, StagingRefused
from .recording import attribute, call_method, converted, recorded
from .traced import Traced, TracedArray, TracedNumber, TracedScalar, arguments, examples, leaves_alone

_OF_CLASSES = frozenset({"__module__", "__doc__", "__slots__", "__static_attributes__", "__firstlineno__"})


def _of(kind: type) -> Callable[[type], type]:
    """The members of a class become members of a kind of traced values."""

    def move(members: type) -> type:
        for name, member in vars(members).items():
            if name not in _OF_CLASSES:
                setattr(kind, name, member)
        return kind

    return move


@_of(Traced)
class _Shared(Traced):
    __slots__ = ()
    __array_priority__ = 500.0

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
        if type(example) is np.ndarray and example.ndim and 0 < example.size < 2**20:
            entire = example.reshape(len(example), -1)
            rows: list[bool] = np.all(entire, axis=1).tolist()
            self.run.seen_rows[self.number] = tuple(rows) if np.isfinite(example).all() else None
        self.run.add(Instruction("guard", "nan", (Ref(self.number),), {}))
        return False

    # What would leave the record.

    def __bool__(self) -> bool:
        return converted(self, bool, "bool")

    def __index__(self) -> int:
        return converted(self, operator.index, "operator.index")

    def __int__(self) -> int:
        return converted(self, int, "int")

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
        self.run.caught = "the text of a traced value (repr): it would be a constant of the program"
        return f"<traced {describe(self.example)}>"

    def __str__(self) -> NoReturn:
        raise StagingRefused("the text of a traced value: it would be a constant of the program")

    def __format__(self, spec: str) -> NoReturn:
        raise StagingRefused("the text of a traced value: it would be a constant of the program")

    def __round__(self, ndigits: Any = None) -> NoReturn:
        raise StagingRefused("round(x) of a traced value in code that is not adapted")

    __floor__ = __ceil__ = __trunc__ = __round__

    def __getattr__(self, name: str) -> Any:
        if name[:2] != "__" and hasattr(object.__getattribute__(self, "example"), name):
            raise StagingRefused(f".{name} of a traced value")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

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
            refuse_values(self.run, function, args)
            return function(*examples(args), **examples(kwargs))
        return recorded(self.run, "call", function, function, args, kwargs, written_by(function, args, kwargs))


@_of(TracedNumber)
class _Number(TracedNumber):
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


@_of(TracedScalar)
class _Scalar(TracedScalar):
    __slots__ = ()
    __iter__ = None  # though it has entries, as ``x[()]``


@_of(TracedArray)
class _Array(TracedArray):
    __slots__ = ()

    def __setitem__(self, index: Any, item: Any) -> None:
        if not leaves_alone((index, item)):
            raise TypeError(
                "a plain array cannot hold a Dual: its derivative would be lost. "
                "Make the array with np.zeros_like(x) or np.zeros(n, like=x)."
            )
        trace = self.run
        trace.before_write(self.number)
        try:
            self.example[examples(index)] = examples(item)
        except Exception as error:
            trace.raised("x[i] = y", error)
            raise
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
        return [getattr(part, "tolist" if type(part) is TracedArray else "item")() for part in self]

    def setflags(self, write: Any = None, align: Any = None, uic: Any = None) -> None:
        if write is not None:
            self.flags.writeable = write

    @property
    def base(self) -> Any:
        return base(self)

    @property
    def flags(self) -> Any:
        return Flags(self)

    @property
    def flat(self) -> Any:
        return Flat(self)

    @flat.setter
    def flat(self, item: Any) -> None:
        self.flat[...] = item
