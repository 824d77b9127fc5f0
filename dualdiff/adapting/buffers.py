"""Lazy buffers: plain memory, until the first Dual is written into it.

``out = np.zeros(n)`` in an adapted function is a `Buffer`.  While nothing that carries a derivative is written, it
behaves as its array, and operations on it give plain results: constants stay constants.  The first Dual written
turns it into a `Dual` over the same memory, of the perturbation of what was written, and every view of it, taken
before or after, into the same view of that Dual (`turn`).  From then on it *is* a Dual: the class of the object
changes, which has the slots of a Dual, and costs what a Dual costs.

To code that asks for an array (C, or Python that is not adapted) a plain view is handed out, and remembered: a Dual
that is written while it lives raises, for that code would not see it.
"""

from __future__ import annotations

import operator
import weakref
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from .. import errors
from ..table import RULES
from ..values import kinds, storage
from ..values.dual import Cells, Dual
from ..values.indexing import is_basic
from ..values.kinds import ARRAYS
from ..values.levels import duals_in, innermost
from ..values.objects import carries, fused

_ndarray = np.ndarray
_OBJECT = np.dtype(object)
_NUMBERS = frozenset({float, int, np.float64, complex, bool, np.complex128, np.float32, np.int64})


class Buffer(Cells):
    """A real or complex array that may come to hold Duals."""

    __slots__ = ()
    __array_priority__ = 999.0
    __takes_calls__ = True  # a Dual leaves calls with a buffer among their arguments to the buffer

    def __init__(self, memory: Any) -> None:
        self.value = memory
        self.tangent: Any = None
        self.perturbation: Any = None
        self.storage: Any = None
        self.origin: Any = None
        self.shares = False

    def __dual__(self) -> Any:
        """The array itself: nothing is written that carries a derivative."""
        return self.value

    # Entries.

    def __getitem__(self, index: Any) -> Any:
        part = self.value[index]
        if type(part) in ARRAYS:
            if is_basic(index):
                return _attached(part, self, (operator.getitem, index))
            return buffered(part)
        return part

    def __setitem__(self, index: Any, item: Any) -> None:
        if type(item) not in _NUMBERS:
            item = fused(item)
            if type(item) is Dual:
                turn(self, item.perturbation)
                self[index] = item  # a Dual now
                return
        self.value[index] = item

    def __iter__(self) -> Iterator[Any]:
        if self.value.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self.value)))

    def __len__(self) -> int:
        return len(self.value)

    def __contains__(self, item: Any) -> bool:
        return plain(item) in self.value

    # Conversions.

    def __bool__(self) -> bool:
        return bool(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __int__(self) -> int:
        return int(self.value)

    def __index__(self) -> int:
        return operator.index(self.value)

    def __complex__(self) -> complex:
        return complex(self.value)

    def __repr__(self) -> str:
        return repr(self.value)

    def __str__(self) -> str:
        return str(self.value)

    def __format__(self, spec: str) -> str:
        return format(self.value, spec)

    def __hash__(self) -> NoReturn:
        raise TypeError("unhashable type: 'numpy.ndarray'")

    def __copy__(self) -> Any:
        return buffered(self.value.copy("K"))

    def __deepcopy__(self, memo: Any) -> Any:
        return buffered(self.value.copy("K"))

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.value.__reduce_ex__(protocol)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """A plain view, remembered, for code that asks for an array."""
        if copy or (dtype is not None and np.dtype(dtype) != self.value.dtype):
            return np.array(self.value, dtype=dtype)
        return exported(self)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        outputs = kwargs.get("out", ())
        duals = duals_in(inputs, outputs)
        if duals:
            perturbation = innermost(duals)
            targets = [*outputs, *(inputs[:1] if method == "at" else ())]
            for target in targets:
                if type(target) is Buffer:
                    turn(target, perturbation)
        given = [plain(arg) for arg in inputs]
        options = {name: tuple(map(plain, arg)) if name == "out" else plain(arg) for name, arg in kwargs.items()}
        result = getattr(ufunc, method)(*given, **options)
        for output in outputs:
            if type(output) is Buffer and output.value is result:
                return output
        if type(result) is tuple:
            return tuple(_owner_of(part, outputs) for part in result)
        return result if outputs else buffered(result)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        duals = duals_in(args, kwargs)
        buffers: list[Buffer] = []
        if duals:
            perturbation = innermost(duals)
            for target in _targets(function, args, kwargs):
                if type(target) is Buffer:
                    turn(target, perturbation)
        given, named = stripped_of(args, buffers), stripped_of(kwargs, buffers)
        result = function(*given, **named)
        if not buffers:
            return result
        again = (_called_again, function, args, kwargs, ())
        return _with_views(result, buffers, again, duals, function, args, kwargs)


def plain(x: Any) -> Any:
    """An argument with a buffer, or buffers in a list, as their arrays."""
    kind = type(x)
    if kind is Buffer:
        return x.value
    if kind is list or kind is tuple:
        return kind([plain(item) for item in x])
    return x


def stripped_of(tree: Any, found: list[Buffer]) -> Any:
    """The same for whole arguments; the buffers are put into ``found``."""
    kind = type(tree)
    if kind is Buffer:
        found.append(tree)
        return tree.value
    if kind is list or kind is tuple:
        return kind([stripped_of(item, found) for item in tree])
    if kind is dict:
        return {name: stripped_of(item, found) for name, item in tree.items()}
    if isinstance(tree, (list, tuple)):
        return tuple([stripped_of(item, found) for item in tree])
    return tree


def buffered(array: Any) -> Any:
    """A fresh array as a buffer, if its numbers can have derivatives."""
    if kinds.RUNNING[0]:
        array = kinds.lift(array)
    if type(array) in ARRAYS and array.dtype.kind in "fc":
        return Buffer(array)
    return array


def settled(tree: Any) -> Any:
    """Results for somebody who is not adapted: buffers as their arrays."""
    kind = type(tree)
    if kind is Buffer:
        return tree.value
    if kind is list:
        tree[:] = [settled(item) for item in tree]
        return tree
    if kind is tuple:
        return tuple([settled(item) for item in tree])
    if kind is dict:
        for name, item in tree.items():
            tree[name] = settled(item)
        return tree
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return kind(*map(settled, tree))
    return tree


# Turning into a Dual.


def turn(buffer: Buffer, perturbation: Any) -> None:
    """Make a buffer, and every view of its memory, a Dual of one perturbation, with zero tangent."""
    root = buffer
    while root.origin is not None:
        root = root.origin[0]
    shared = root.storage
    if shared is not None:
        shared.exports = [export for export in shared.exports if export() is not None]
        if shared.exports:
            raise errors.exported_buffer(root.value.shape)
    memory = root.value
    root.tangent, root.perturbation = perturbation.zeros(memory), perturbation
    root.__class__ = Dual  # type: ignore[assignment]
    if shared is None:
        storage.anchor(root)  # type: ignore[arg-type]
        return
    root.tangent = perturbation.as_buffer(root.tangent, memory)
    for view in shared.living()[1:]:
        _follow(view, shared, memory)


def _follow(view: Any, shared: Any, memory: Any) -> None:
    parent, (function, *arguments), _ = view.origin
    fresh = function(parent, *arguments)
    if type(fresh) is not Dual or (fresh.storage is not shared and view.value.size):
        view.value = None
        raise TypeError(
            f"a Dual is written into an array of shape {memory.shape} of which there is a view that cannot hold a "
            "derivative (by view(dtype), as_strided, ...).\n  Take the view later, or work on a copy."
        )
    view.value, view.tangent, view.perturbation = fresh.value, fresh.tangent, fresh.perturbation
    view.origin, view.storage = fresh.origin, fresh.storage
    view.__class__ = Dual


def _attached(array: Any, parent: Any, again: tuple[Any, ...]) -> Buffer:
    """A view of a buffer, which can be taken anew by ``again``."""
    if parent.storage is None:
        parent.storage = storage.Storage(parent, False)
    view = Buffer(array)
    view.storage = parent.storage
    view.origin = (parent, again, None)
    aliases = parent.storage.aliases
    aliases.append(weakref.ref(view))
    if len(aliases) > parent.storage.crowded:
        parent.storage.living()
    return view


class _Holder:
    """The base of a plain view that was handed out: views of the view keep it alive."""

    __slots__ = ("__array_interface__", "__weakref__", "memory")

    def __init__(self, memory: Any) -> None:
        self.memory = memory
        self.__array_interface__ = memory.__array_interface__


def exported(buffer: Buffer) -> Any:
    """A plain view of a buffer that is remembered for as long as it, or a view of it, lives."""
    holder = _Holder(buffer.value)
    if buffer.storage is None:
        buffer.storage = storage.Storage(buffer, False)  # type: ignore[arg-type]
    buffer.storage.exports.append(weakref.ref(holder))
    return np.asarray(holder)


# Views by functions and methods.


def _called_again(parent: Any, function: Any, args: Any, kwargs: Any, at: tuple[Any, ...]) -> Any:
    result = function(*args, **kwargs)
    for i in at:
        result = result[i]
    return result


def _with_views(
    result: Any, buffers: list[Buffer], again: Any, duals: Any, function: Any, args: Any, kwargs: Any
) -> Any:
    """What a function returned, with views of buffers as such."""
    if type(result) in ARRAYS:
        for buffer in buffers:
            if result is buffer.value:
                return buffer
            if np.may_share_memory(result, buffer.value):
                if duals or len(buffers) > 1:
                    return _turned_first(buffers, duals, function, args, kwargs, again[-1])
                return _attached(result, buffer, again)
        if "out" in kwargs:
            return result
        fresh = result.base is None or result.size == 0 or not _is_seen_in(result, (args, kwargs))
        return buffered(result) if fresh else result
    if type(result) in (list, tuple) or hasattr(result, "_fields"):
        parts = [
            _with_views(part, buffers, (*again[:-1], (*again[-1], i)), duals, function, args, kwargs)
            for i, part in enumerate(result)
        ]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    return result


def _is_seen_in(result: Any, tree: Any) -> bool:
    """Whether a result is a view of a plain array among the arguments."""
    if isinstance(tree, (list, tuple)):
        return any(_is_seen_in(result, item) for item in tree)
    if isinstance(tree, dict):
        return any(_is_seen_in(result, item) for item in tree.values())
    return isinstance(tree, _ndarray) and np.may_share_memory(result, tree)


def _turned_first(buffers: Any, duals: Any, function: Any, args: Any, kwargs: Any, at: Any) -> Any:
    if duals:
        for buffer in buffers:
            if type(buffer) is Buffer:
                turn(buffer, innermost(duals))
        return _called_again(None, function, args, kwargs, at)
    # Several buffers, one of which is seen: what is seen of each comes from that one alone.
    result = _called_again(None, function, tuple(map(plain, args)), kwargs, at)
    owner = next(buffer for buffer in buffers if np.may_share_memory(result, buffer.value))
    return _attached(result, owner, (_called_again, function, args, kwargs, at))


def _owner_of(part: Any, outputs: Any) -> Any:
    return next((out for out in outputs if type(out) is Buffer and out.value is part), part)


def _targets(function: Any, args: Any, kwargs: Any) -> list[Any]:
    """The arguments that a function writes into."""
    rule = RULES.get(function)
    found = [kwargs["out"]] if "out" in kwargs else []
    if rule is not None and rule.form == "writing":
        found += [*args[:1], *(kwargs[name] for name in ("a", "arr", "dst") if name in kwargs)]
    names = _parameters(function)
    if "out" in names and len(args) > names.index("out"):
        found.append(args[names.index("out")])
    return [item for target in found for item in (target if type(target) is tuple else (target,))]


_names_of: dict[Any, list[str]] = {}


def _parameters(function: Any) -> list[str]:
    if function not in _names_of:
        import inspect

        try:
            _names_of[function] = list(inspect.signature(function).parameters)
        except (TypeError, ValueError):
            _names_of[function] = []
    return _names_of[function]


# Operators, attributes and methods of ndarray.


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
        if type(other) not in _NUMBERS:
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
            if np.may_share_memory(result, self.value):
                return _attached(result, self, (_method_again, name, args, kwargs))
            for arg in (*args, *kwargs.values()):
                if result is arg or (type(arg) is Buffer and result is arg.value):  # given to be written
                    return arg
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
        return _attached(part, self, (_attribute_again, name))

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
