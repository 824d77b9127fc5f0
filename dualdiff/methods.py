"""The operators of Python and the methods of ``ndarray``, on a Dual, from the table of rules.

An operator goes straight to its rule: what it costs over NumPy is counted in hundreds of nanoseconds.
Values are made by the same operator, not by the ufunc of that name, for they may round differently (``x ** 2``).
"""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from . import errors
from .rules.call import refuse_overlap, wrapped
from .rules.operators import binary_operators, unary_operator
from .rules.passive_functions import warn_if_remembered
from .rules.sparse_operands import operated
from .rules.ufuncs import Elementwise
from .rules.without_derivatives import Passive
from .table import RULES
from .tangents.expression import Tangent
from .values import entries, foreign, storage
from .values.dual import Dual, is_array, primal
from .values.levels import innermost, value_of
from .values.objects import fused, stripped
from .values.rebinding import is_entry_of_objects

# Arithmetic.

_ARITHMETIC = {
    "add": (operator.add, np.add),
    "sub": (operator.sub, np.subtract),
    "mul": (operator.mul, np.multiply),
    "truediv": (operator.truediv, np.divide),
    "pow": (operator.pow, np.power),
    "mod": (operator.mod, np.remainder),
}


def _in_place(name: str) -> Callable[..., Any]:
    """``buffer += other``: into the buffer where NumPy would, else a new scalar."""
    operate = getattr(operator, f"i{name.strip('_')}")

    def update(self: Dual, other: Any) -> Any:
        result = getattr(self, name)(other)
        if result is NotImplemented and foreign.defers(other):
            foreign.refuse_in_place(other)
        if result is NotImplemented or not is_array(self.value):
            return result
        dtype, shape = np.result_type(primal(result)), np.shape(primal(result))
        if not np.can_cast(dtype, self.dtype, "same_kind"):
            raise TypeError(
                f"Cannot cast the result of an in-place operation from {dtype!r} to {self.dtype!r} "
                "with casting rule 'same_kind'"
            )
        if shape != self.shape:
            raise ValueError(
                f"non-broadcastable output operand with shape {self.shape} doesn't match the broadcast shape {shape}"
            )
        if shape == () and self.storage and self.storage.exports and is_entry_of_objects(self, sys._getframe(1)):
            return result
        if dtype.kind == "c":
            # NumPy multiplies complex numbers with other rounding in place than into new memory.
            perturbation = result.perturbation
            value = storage.copied(value_of(self, perturbation))
            operand = value if other is self else value_of(fused(other), perturbation)
            result = Dual(operate(value, operand), result.tangent, perturbation)
        storage.write(self, ..., result)
        return self

    return update


def _install_arithmetic() -> None:
    for name, (apply, ufunc) in _ARITHMETIC.items():
        rule = RULES[ufunc]
        assert isinstance(rule, Elementwise)
        forward, reflected = binary_operators(apply, rule)
        setattr(Dual, f"__{name}__", forward)
        setattr(Dual, f"__r{name}__", reflected)
        setattr(Dual, f"__i{name}__", _in_place(f"__{name}__"))


def _has_own_operators(other: Any) -> bool:
    kind = type(other)
    if kind is float or kind is int or kind is Dual or kind is np.ndarray:
        return False
    if other is None or isinstance(other, (str, bytes)) or getattr(other, "__array_ufunc__", True) is None:
        return True
    return foreign.defers(other)


def _comparison(apply: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def compare(self: Dual, other: Any) -> Any:
        if _has_own_operators(other):
            return NotImplemented
        if type(other) is np.ndarray and apply in (operator.eq, operator.ne):
            warn_if_remembered(self, other)
        a, b = primal(self), stripped(other)
        result = apply(a, b)
        if type(result) is np.bool_ and not result and ordering and (a != a or b != b):
            entries.refuse_nan(sys._getframe(1))
        return result

    ordering = apply not in (operator.eq, operator.ne)
    return compare


def _from_rule(ufunc: np.ufunc) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def left_to(other: Any) -> bool:
        return _has_own_operators(other) or foreign.is_no_operand(other)

    def forward(self: Dual, other: Any) -> Any:
        if left_to(other):
            return operated("@", self, other, reflected=False)
        return RULES[ufunc].plain_call(self, other)

    def reflected(self: Dual, other: Any) -> Any:
        if left_to(other):
            return operated("@", self, other, reflected=True)
        return RULES[ufunc].plain_call(other, self)

    return forward, reflected


def _whole_quotient() -> tuple[Callable[..., Any], Callable[..., Any]]:
    def forward(self: Dual, other: Any) -> Any:
        return NotImplemented if _has_own_operators(other) else primal(self) // stripped(other)

    def reflected(self: Dual, other: Any) -> Any:
        return NotImplemented if _has_own_operators(other) else stripped(other) // primal(self)

    return forward, reflected


def _divmod(self: Dual, other: Any) -> Any:
    return self // other, self % other


def _rdivmod(self: Dual, other: Any) -> Any:
    return other // self, other % self


def _round(self: Dual, ndigits: int | None = None) -> Any:
    return round(primal(self), ndigits)


def _whole(whole: Callable[[Any], int], ufunc: np.ufunc) -> Callable[[Dual], Any]:
    """``math.floor(x)`` gives an int, ``np.floor`` of an entry of objects a float, inf and nan among them."""
    return lambda self: (ufunc if entries.asked_by(sys._getframe(1), ufunc) else whole)(primal(self))


def _install_operators() -> None:
    _install_arithmetic()
    for name in ("lt", "le", "eq", "ne", "gt", "ge"):
        setattr(Dual, f"__{name}__", _comparison(getattr(operator, name)))
    for name, forward, reflected in (("matmul", *_from_rule(np.matmul)), ("floordiv", *_whole_quotient())):
        setattr(Dual, f"__{name}__", forward)
        setattr(Dual, f"__r{name}__", reflected)
        setattr(Dual, f"__i{name}__", _in_place(f"__{name}__"))
    for name, unary in (("neg", np.negative), ("pos", np.positive), ("abs", np.absolute)):
        rule = RULES[unary]
        assert isinstance(rule, Elementwise)
        setattr(Dual, f"__{name}__", _calling(unary_operator(rule, getattr(operator, name))))
    others = {"__divmod__": _divmod, "__rdivmod__": _rdivmod, "__round__": _round}
    for name, method in others.items():
        setattr(Dual, name, method)
    for whole in (math.floor, math.ceil, math.trunc):
        setattr(Dual, f"__{whole.__name__}__", _whole(whole, getattr(np, whole.__name__)))


def _calling(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, *args, **kwargs: function(self, *args, **kwargs)


# Methods that are functions of NumPy with the array first.

_METHODS = [
    "all", "any", "argmax", "argmin", "argpartition", "argsort", "choose", "conjugate", "cumprod", "cumsum", "diagonal",
    "dot", "max", "mean", "min", "nonzero", "prod", "ravel", "repeat", "round", "searchsorted",
    "squeeze", "std", "sum", "swapaxes", "take", "trace", "var",
]  # fmt: skip


def _method(function: Any) -> Callable[..., Any]:
    def method(self: Dual, *args: Any, **kwargs: Any) -> Any:
        return RULES[function](self, *args, **kwargs)

    method.__doc__ = f"As ``{errors.name_of(function)}``."
    return method


def _reshape(self: Dual, *shape: Any, order: str = "C", copy: bool | None = None) -> Any:
    whole = RULES[np.reshape](
        self, shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape, order
    )
    if copy is False and whole.storage is not self.storage:
        raise ValueError("Unable to avoid creating a copy while reshaping.")
    return whole.copy("K") if copy else whole


def _transpose(self: Dual, *axes: Any) -> Any:
    wanted = axes[0] if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (tuple, list))) else axes
    return RULES[np.transpose](self, wanted or None)


def _compress(self: Dual, condition: Any, axis: int | None = None, out: Any = None) -> Any:
    return RULES[np.compress](condition, self, axis, out=out)


def _clip(self: Dual, min: Any = None, max: Any = None, out: Any = None, **options: Any) -> Any:
    return RULES[np.clip](self, min, max, out=out, **options)


def _copy(self: Dual, order: str = "C") -> Any:
    primal(self)  # alive?
    return RULES[np.copy](self, order) if is_array(self.value) else self  # a scalar does not change


def _flatten(self: Dual, order: str = "C") -> Any:
    flat = RULES[np.ravel](self, order)
    return flat.copy() if flat.storage is not None else flat


def _astype(
    self: Dual, dtype: Any, order: Any = "K", casting: Any = "unsafe", subok: bool = True, copy: bool = True
) -> Any:
    """Real and complex dtypes keep the derivative; integers and booleans are piecewise constant."""
    innermost((self,))
    if np.dtype(dtype) == object:
        return self.as_objects()
    if np.dtype(dtype).kind not in "biufc":
        raise errors.not_a_number(
            self, f"x.astype({np.dtype(dtype)})", "Text and dates have no derivative; print(x) shows the value."
        )
    if np.dtype(dtype).kind not in "fc":
        return np.asarray(primal(self)).astype(dtype, order, casting, subok, copy)
    if not copy and self.dtype == dtype:
        return self
    value: Any = self.value if hasattr(self.value, "astype") else np.float64(self.value)
    in_memory = isinstance(value, (np.ndarray, np.generic))
    y = value.astype(dtype, order, casting, subok) if in_memory else value.astype(dtype)
    tangent = Tangent(self.perturbation, self.tangent)
    return wrapped(y, tangent * 1.0 if np.dtype(dtype).kind == "c" else tangent.real() * 1.0, self.perturbation)


def _view(self: Dual, dtype: Any = None, type: Any = None) -> Any:
    if (dtype is not None and dtype != self.dtype) or type is not None:
        raise errors.not_a_number(
            self, f"x.view({dtype or type!r})", "Use x.astype(dtype), which converts the numbers."
        )
    primal(self)  # alive?
    return self[...] if is_array(self.value) else self


def _item(self: Dual, *index: Any) -> Any:
    primal(self)  # alive?
    if not index:
        if self.size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        return _python_number(self[(0,) * self.ndim] if self.ndim else self)
    where = index[0] if len(index) == 1 else index
    if not isinstance(where, tuple):
        where = np.unravel_index(range(self.size)[where], self.shape)
    return _python_number(self[where])


def _tolist(self: Dual) -> Any:
    primal(self)
    return [_tolist(row) for row in self] if self.ndim else _python_number(self)


def _python_number(self: Dual) -> Any:
    """A scalar whose value is Python's float or complex, which leaves float32 as it is in later operations."""
    value = self.value.item() if hasattr(self.value, "item") else self.value
    return wrapped(value, Tangent(self.perturbation, self.tangent) * 1.0, self.perturbation)


def _put(self: Dual, indices: Any, values: Any, mode: str = "raise") -> None:
    RULES[np.put](self, indices, values, mode)


def _fill(self: Dual, value: Any) -> None:
    if is_array(self.value):
        self[...] = value
    else:
        primal(self).fill(stripped(value))  # which fills a copy


def _sort(self: Dual, axis: int = -1, kind: Any = None, order: Any = None, **options: Any) -> None:
    self[...] = RULES[np.sort](self, axis=axis, kind=kind, order=order, **options)


def _partition(self: Dual, kth: Any, axis: int = -1, kind: str = "introselect", order: Any = None) -> None:
    self[...] = RULES[np.partition](self, kth, axis=axis, kind=kind, order=order)


def _deepcopy(self: Dual, memo: Any) -> Any:
    return _copy(self, "K")


def _reduce(self: Dual) -> NoReturn:
    raise errors.not_a_number(self, "pickling", "A Dual lives only while its transform runs; store x.value.")


def _namespace(self: Dual, *, api_version: Any = None) -> Any:
    return np


def _to_device(self: Dual, device: Any, *, stream: Any = None) -> Any:
    np.empty(0).to_device(device, stream=stream)  # NumPy's own errors
    return self


def _set_real(self: Any, value: Any) -> None:
    if not is_array(self.value):
        primal(self).real = stripped(value)  # NumPy's own error
    elif self.dtype.kind == "c":
        self.real[...] = value
    else:
        self[...] = value


def _set_imag(self: Any, value: Any) -> None:
    if not is_array(self.value):
        primal(self).imag = stripped(value)  # NumPy's own error
    if self.dtype.kind != "c":
        raise TypeError("array does not have imaginary part to set")
    self.imag[...] = value


class Flat:
    """``x.flat``: the entries of ``x`` in row-major order, to iterate over, read and write."""

    def __init__(self, array: Dual) -> None:
        self.array = array if array.ndim else RULES[np.reshape](array, (1,))  # so that an entry has an index
        self.base = array

    def __repr__(self) -> str:
        return f"<flat of {self.array!r}>"

    def __len__(self) -> int:
        return self.array.size

    def __iter__(self) -> Iterator[Any]:
        return (self.array[index] for index in np.ndindex(self.array.shape))

    def _places(self, index: Any) -> Any:
        return np.unravel_index(np.arange(self.array.size)[index], self.array.shape)

    def __getitem__(self, index: Any) -> Any:
        return self.array[self._places(index)]

    def __setitem__(self, index: Any, value: Any) -> None:
        places = self._places(index)
        refuse_overlap("x.flat[...] = values", self.array, value)
        value = fused(value)
        count = np.size(places[0])
        if np.size(primal(value)) == 0:  # nothing to repeat: NumPy then writes nothing
            return
        if np.ndim(primal(value)) and np.size(primal(value)) != count:  # NumPy repeats or cuts what is given
            value = np.resize(value, count)
        self.array[places] = np.reshape(value, -1) if np.ndim(primal(value)) > 1 else value

    def copy(self) -> Any:
        return _flatten(self.array)


def _set_flat(self: Dual, value: Any) -> None:
    if not is_array(self.value):
        primal(self).flat = stripped(value)  # NumPy's own error
    Flat(self)[:] = value


_REFUSED = [
    "byteswap", "ctypes", "data", "dump", "dumps", "getfield", "resize", "setfield", "setflags", "tobytes", "tofile",
]  # fmt: skip


def _refused_method(name: str) -> Any:
    def get(self: Dual) -> NoReturn:
        # AttributeError, so that hasattr() tells the truth.
        raise AttributeError(
            f"a Dual has no {name!r}: it would hand out the value's memory without its derivative.\n"
            "  Use stop_gradient(x) for the plain array."
        )

    return property(get)


def _install_methods() -> None:
    for name in _METHODS:
        setattr(Dual, name, _method(getattr(np, name)))
    own = {
        "conj": _method(np.conjugate),
        "reshape": _reshape,
        "transpose": _transpose,
        "clip": _clip,
        "compress": _compress,
        "copy": _copy,
        "flatten": _flatten,
        "astype": _astype,
        "view": _view,
        "item": _item,
        "tolist": _tolist,
        "put": _put,
        "fill": _fill,
        "sort": _sort,
        "partition": _partition,
        "__copy__": _copy,
        "__deepcopy__": _deepcopy,
        "__reduce__": _reduce,
        "__bool__": entries.truth_of,
        "__array__": entries.array_of,
        "__array_namespace__": _namespace,
        "to_device": _to_device,
        "T": property(lambda self: RULES[np.transpose](self)),
        "mT": property(lambda self: RULES[np.matrix_transpose](self)),
        "real": property(lambda self: RULES[np.real](self), _set_real),
        "imag": property(lambda self: RULES[np.imag](self), _set_imag),
        "flat": property(Flat, _set_flat),
        "device": property(lambda self: "cpu"),
    }
    for name, method in own.items():
        setattr(Dual, name, method)
    for name in _REFUSED:
        setattr(Dual, name, _refused_method(name))
    # NumPy's loops over object arrays call a method with the name of the ufunc.
    for function, rule in RULES.items():
        if isinstance(function, np.ufunc) and isinstance(rule, (Elementwise, Passive)):
            name = function.__name__
            if not hasattr(Dual, name):
                setattr(Dual, name, _calling(rule))


_install_operators()
_install_methods()
