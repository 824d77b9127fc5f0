"""The methods and attributes of ``ndarray`` on a Dual, most of them functions of NumPy with the array first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from .. import errors
from ..rules.call import refuse_overlap, wrapped
from ..rules.ufuncs import Elementwise
from ..rules.without_derivatives import Passive
from ..table import RULES
from ..tangents.expression import Tangent
from ..values import entries
from ..values.choices import decided
from ..values.dual import Dual, is_array, primal
from ..values.levels import innermost
from ..values.objects import fused, stripped
from .arithmetic import calling

_METHODS = [
    "all", "any", "argmax", "argmin", "argpartition", "argsort", "choose", "cumprod", "cumsum", "diagonal",
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
    if copy is False and (whole.storage is None or whole.storage is not self.storage):
        raise ValueError("Unable to avoid creating a copy while reshaping.")
    return whole.copy("K") if copy else whole


def _transpose(self: Dual, *axes: Any) -> Any:
    wanted = axes[0] if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (tuple, list))) else axes
    return RULES[np.transpose](self, wanted or None)


def _transposed(self: Dual) -> Any:
    """``x.T``; of one axis it shows all entries as they are, like the index."""
    return self[:] if self.ndim == 1 else RULES[np.transpose](self)


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


def _conj(self: Dual, *args: Any, **kwargs: Any) -> Any:
    """As ``x.conj()``, which of a real array is the array itself, while `numpy.conj` copies it."""
    real = not args and not kwargs and self.dtype.kind == "f"
    return self if real and is_array(self.value) else RULES[np.conjugate](self, *args, **kwargs)


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
        whole = np.asarray(primal(self)).astype(dtype, order, casting, subok, copy)
        decided(np.trunc, (self,), whole)
        return whole
    if not copy and self.dtype == dtype and _lies_in(order, self.value):
        return self
    value: Any = self.value if hasattr(self.value, "astype") else np.float64(self.value)
    in_memory = isinstance(value, (np.ndarray, np.generic))
    y = value.astype(dtype, order, casting, subok) if in_memory else value.astype(dtype)
    tangent = Tangent(self.perturbation, self.tangent)
    return wrapped(y, tangent * 1.0 if np.dtype(dtype).kind == "c" else tangent.real() * 1.0, self.perturbation)


def _lies_in(order: str | None, array: Any) -> bool:
    """Whether an array lies in memory as ``order`` asks."""
    flags = getattr(primal(array), "flags", None)
    asked = str(order or "K").upper()[:1]
    if flags is None or asked == "K":
        return True
    return bool((asked != "F" and flags.c_contiguous) or (asked != "C" and flags.f_contiguous))


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
    """``x.flat``: the entries of ``x`` in row-major order, to read and write, and to iterate over, once.

    As NumPy's it is the iterator itself: it goes on where it stands, and begins anew after an index.
    """

    def __init__(self, array: Dual) -> None:
        self.array = array if array.ndim else RULES[np.reshape](array, (1,))  # so that an entry has an index
        self.base = array
        self.index = 0

    def __repr__(self) -> str:
        return f"<flat of {self.array!r}>"

    def __len__(self) -> int:
        return self.array.size

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self.index >= self.array.size:
            raise StopIteration
        place = np.unravel_index(self.index, self.array.shape)
        self.index += 1
        return self.array[place]

    def _places(self, index: Any) -> Any:
        self.index = 0
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
        "conj": _conj,
        "conjugate": _conj,
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
        "T": property(_transposed),
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
                setattr(Dual, name, calling(rule))


_install_methods()
