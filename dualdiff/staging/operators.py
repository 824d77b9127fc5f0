"""Operators, attributes and methods of traced values: those of ndarray, of NumPy's scalars and of numbers."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from ..adapting.calls import method
from ..rules.matrix_entries import is_sparse
from ..rules.sparse_operands import times
from ..values import kinds
from ..values.dual import Dual
from . import tracing as tracing  # which gives them their own methods
from .dependence import REFUSED_METHODS
from .record import StagingRefused
from .recording import attribute, call_method, lifted, recorded
from .traced import KINDS, Traced, TracedArray, TracedNumber, TracedScalar, examples, leaves_alone

_ndarray = np.ndarray


def _binary(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    apply: Any = getattr(operator, name, divmod)

    def forward(self: Any, other: Any) -> Any:
        if not _is_operand(other):
            if name in ("__eq__", "__ne__") and leaves_alone((other,)):
                is_text = type(self) is not TracedNumber and self.example.dtype.kind in "SUT"
                if (type(self) is TracedArray or is_text) and (other is None or type(other) in (str, bytes)):
                    return recorded(self.run, "operator", name, apply, (self, other), {})
                if other is not None and type(other) not in (str, bytes):  # which no number is equal to
                    raise StagingRefused(f"a traced value is compared with a {type(other).__name__}")
            if name == "__mul__" and type(other) is Dual and _is_complex_scalar(self):
                return np.multiply(self, other)  # as of NumPy's scalar, whose operator has other infinities
            return times(self, other) if name == "__matmul__" and is_sparse(other) else NotImplemented
        return recorded(self.run, "operator", name, apply, (self, other), {})

    def reflected(self: Any, other: Any) -> Any:
        if not _is_operand(other):
            return times(other, self) if name == "__matmul__" and is_sparse(other) else NotImplemented
        return recorded(self.run, "operator", name, apply, (other, self), {})

    return forward, reflected


def _is_complex_scalar(x: Any) -> bool:
    return type(x) is TracedScalar and x.example.dtype.kind == "c"


def _is_operand(other: Any) -> bool:
    kind = type(other)
    return kind in KINDS or kind is _ndarray or isinstance(other, (float, int, complex, np.generic, list, tuple))


def _in_place(name: str) -> Callable[..., Any]:
    apply = getattr(operator, name)

    def update(self: Any, other: Any) -> Any:
        if hasattr(type(other), "__dual__") and _is_operand(held := other.__dual__()):
            other = held  # a buffer of adapted code, without derivatives: else ``+`` would make another array
        if not _is_operand(other):
            return NotImplemented
        return recorded(self.run, "operator", name, apply, (self, other), {}, (self,))

    return update


def _unary(name: str) -> Callable[..., Any]:
    apply = getattr(operator, name)
    return lambda self: recorded(self.run, "operator", name, apply, (self,), {})


def _method(name: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return call_method(self, name, *args, **kwargs)

    method.__name__ = name
    return method


def _refused(name: str) -> Any:
    def refuse(self: Any) -> NoReturn:
        raise StagingRefused(f".{name} of a traced value")

    return property(refuse)


def _about(name: str) -> property:
    return property(lambda self: getattr(self.example, name))


def _get_item(self: Any, index: Any) -> Any:
    if not leaves_alone(index if type(index) is tuple else (index,)):
        raise StagingRefused("a traced value is indexed by a Dual")
    apply = lambda example, index: example[index]
    return recorded(self.run, "get", None, apply, (self, index), {})


def _set_real(name: str) -> Callable[..., None]:
    def put(self: Any, item: Any) -> None:
        if name == "imag" and self.example.dtype.kind != "c":
            self.example.imag = examples(item)  # NumPy's own error
        getattr(self, name)[...] = item

    return put


def _install() -> None:
    kind: Any
    for kind in (TracedArray, TracedScalar, TracedNumber):
        for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "divmod", "and", "or", "xor",
                     "lshift", "rshift"):  # fmt: skip
            if kind is TracedNumber and name == "matmul":
                continue
            forward, reflected = _binary("divmod" if name == "divmod" else f"__{name}__")
            setattr(kind, f"__{name}__", forward)
            setattr(kind, f"__r{name}__", reflected)
            if kind is TracedArray and name != "divmod":
                setattr(kind, f"__i{name}__", _in_place(f"__i{name}__"))
        for name in ("lt", "le", "eq", "ne", "gt", "ge"):
            setattr(kind, f"__{name}__", _binary(f"__{name}__")[0])
        for name in ("neg", "pos", "abs", "invert"):
            setattr(kind, f"__{name}__", _unary(f"__{name}__"))
    for kind, plain in ((TracedArray, _ndarray), (TracedScalar, np.float64)):
        setattr(kind, "__getitem__", _get_item)  # noqa: B010
        for name in ("shape", "dtype", "ndim", "size", "itemsize", "nbytes", "strides", "device"):
            setattr(kind, name, _about(name))
        for name in ("T", "mT", "real", "imag"):
            if hasattr(plain, name):
                setter = _set_real(name) if kind is TracedArray and name in ("real", "imag") else None
                setattr(kind, name, property(functools.partial(attribute, name=name), setter))
        for name in REFUSED_METHODS:
            setattr(kind, name, _refused(name))
        for name in dir(plain):
            if not name.startswith("_") and not hasattr(kind, name):
                setattr(kind, name, _method(name))
    for kind in KINDS:  # defining __eq__ takes the inherited one away
        setattr(kind, "__hash__", Traced.__hash__)  # noqa: B010


_install()
method(TracedArray, "dot", lambda owner, *args, **kwargs: np.dot(owner, *args, **kwargs))  # as of a plain array
kinds.register(arrays=(TracedArray,), numbers=(TracedScalar, TracedNumber), lifting=lifted)
