"""Lazy buffers: the operators, attributes and methods that an ndarray has."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..values import storage
from ..values.dual import Dual
from ..values.kinds import ARRAYS
from ..values.levels import duals_in, innermost
from ..values.objects import carries, fused
from .buffers import NUMBERS, Buffer, attached, buffered, plain, turn

_ndarray = np.ndarray


def _binary(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    apply = getattr(operator, name, None) or divmod

    def forward(self: Any, other: Any) -> Any:
        result = apply(self.value, plain(other))
        return buffered(result) if type(result) in ARRAYS else result

    def reflected(self: Any, other: Any) -> Any:
        result = apply(plain(other), self.value)
        return buffered(result) if type(result) in ARRAYS else result

    return forward, reflected


def _in_place(name: str) -> Callable[..., Any]:
    apply = getattr(operator, name)

    def update(self: Any, other: Any) -> Any:
        if type(other) not in NUMBERS:
            other = fused(other)
            if type(other) is Dual:
                turn(self, other.perturbation)
                return apply(self, other)
        apply(self.value, other)
        return self

    return update


def _method_of(name: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if carries(args) or carries(kwargs):
            function = getattr(np, name, None)
            if name in _WRITING or function is None:
                turn(self, innermost(duals_in(fused_all(args), fused_all(kwargs))))
                return getattr(self, name)(*args, **kwargs)
            return function(self, *args, **kwargs)
        result = getattr(self.value, name)(*map(plain, args), **{key: plain(arg) for key, arg in kwargs.items()})
        if type(result) in ARRAYS:
            if "out" in kwargs and type(kwargs["out"]) is Buffer:
                return kwargs["out"]
            if result is self.value:  # conj, astype(copy=False), clip(out=) of the array itself
                return self
            for arg in (*args, *kwargs.values()):
                if result is arg or (type(arg) is Buffer and result is arg.value):  # given to be written
                    return arg
            if np.may_share_memory(result, self.value):
                return attached(result, self, (_method_again, name, args, kwargs))
            return buffered(result)
        return result

    method.__name__ = name
    return method


def fused_all(tree: Any) -> Any:
    return [fused(item) for item in (tree.values() if isinstance(tree, dict) else tree)]


def _method_again(parent: Any, name: str, args: Any, kwargs: Any) -> Any:
    return getattr(parent, name)(*args, **kwargs)


def _attribute_again(parent: Any, name: str) -> Any:
    return getattr(parent, name)


_WRITING = frozenset({"fill", "put", "itemset"})


def _viewing(name: str) -> property:
    def get(self: Any) -> Any:
        part = getattr(self.value, name)
        if part is self.value:
            return self
        if name == "imag" and self.value.dtype.kind != "c":  # new zeros
            return part
        return attached(part, self, (_attribute_again, name))

    def put(self: Any, value: Any) -> None:
        if name == "real" and self.value.dtype.kind != "c":
            self[...] = value
        elif name == "imag" and self.value.dtype.kind != "c":
            self.value.imag = plain(value)  # NumPy's own error
        else:
            getattr(self, name)[...] = value

    return property(get, put if name in ("real", "imag") else None)


def _plain_attribute(name: str) -> property:
    return property(lambda self: getattr(self.value, name))


def _set_flat(self: Any, value: Any) -> None:
    if carries(value):
        value = fused(value)
        turn(self, value.perturbation)
        self.flat = value
    else:
        self.value.flat = plain(value)


_flat_of: Any = vars(Dual)["flat"].fget


def _get_flat(self: Any) -> Any:
    return _flat_of(self if self.value.ndim else self.reshape(1))


def _kept_for_good(name: str) -> property:
    """What hands out the memory itself, for nobody knows how long."""

    def get(self: Any) -> Any:
        if self.storage is None:
            self.storage = storage.Storage(self, False)
        self.storage.exports.append(storage.held)
        return getattr(self.value, name)

    return property(get)


def _set_shape(self: Any, shape: Any) -> None:
    if self.storage is not None:
        raise AttributeError("the shape of an array with views is set; use y = x.reshape(shape)")
    self.value.shape = shape


def _install() -> None:
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "divmod", "and", "or", "xor",
                 "lshift", "rshift"):  # fmt: skip
        forward, reflected = _binary(f"__{name}__") if name != "divmod" else _binary("divmod")
        setattr(Buffer, f"__{name}__", forward)
        setattr(Buffer, f"__r{name}__", reflected)
        if name != "divmod":
            setattr(Buffer, f"__i{name}__", _in_place(f"__i{name}__"))
    for name in ("lt", "le", "eq", "ne", "gt", "ge"):
        setattr(Buffer, f"__{name}__", _binary(f"__{name}__")[0])
    for name in ("neg", "pos", "abs", "invert"):
        apply = getattr(operator, f"__{name}__")
        setattr(Buffer, f"__{name}__", lambda self, apply=apply: buffered(apply(self.value)))
    for name in ("T", "mT", "real", "imag"):
        setattr(Buffer, name, _viewing(name))
    for name in ("dtype", "ndim", "size", "itemsize", "nbytes", "flags", "strides", "device"):
        setattr(Buffer, name, _plain_attribute(name))
    Buffer.shape = property(lambda self: self.value.shape, _set_shape)  # type: ignore[attr-defined]
    Buffer.base = property(lambda self: self.origin[0] if self.origin else None)  # type: ignore[attr-defined]
    Buffer.flat = property(_get_flat, _set_flat)  # type: ignore[attr-defined]
    for name in ("data", "ctypes", "__array_interface__", "__array_struct__"):
        if not name.startswith("__"):
            setattr(Buffer, name, _kept_for_good(name))
    for name in dir(_ndarray):
        if not name.startswith("_") and not hasattr(Buffer, name) and name not in ("resize",):
            setattr(Buffer, name, _method_of(name))


_install()
