"""`Dual`: a value and its tangent, going through NumPy as one array.

``value + tangent·ε``: the value is what plain NumPy computes, bit for bit; the tangent belongs to one perturbation
ε, and is whatever that perturbation's kind of tangent is (`dualdiff.tangents`).
A value may itself be a Dual of an outer level, which is how derivatives nest.

This module is the data, conversions, indexing and iteration.  `dualdiff.values.protocols` adds the NumPy protocols,
`dualdiff.methods` the operators and methods of ``ndarray``, both from the table of rules.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterator
from math import isnan
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from .. import errors
from . import kinds, storage

if TYPE_CHECKING:
    from ..tangents import Perturbation
    from .declarations import Array
else:
    Array = object


class Cells:
    """What a Dual holds: a class of its own, so that an array that comes to hold derivatives can become a Dual."""

    __slots__ = ("__weakref__", "origin", "perturbation", "shares", "storage", "tangent", "value")


class Dual(Cells, Array):
    """An array (or scalar) that carries derivatives.  Made by the transforms, never by hand."""

    __slots__ = ()
    __array_priority__ = 1000.0

    def __init__(self, value: Any, tangent: Any, perturbation: Perturbation) -> None:
        self.value = value
        self.tangent = tangent
        self.perturbation = perturbation
        self.storage: storage.Storage | None = None
        self.origin: tuple[Dual, tuple[Any, ...], Callable[[Any], Any] | None] | None = None
        # Whether another Dual may hold the same tangent; storage.BORROWED: the caller's, and so is the value.
        self.shares: bool | str = False

    # What the value says of itself.

    @property
    def shape(self) -> tuple[int, ...]:
        return getattr(self.value, "shape", ())

    @property
    def ndim(self) -> int:
        return getattr(self.value, "ndim", 0)

    @property
    def size(self) -> int:
        return getattr(self.value, "size", 1)

    @property
    def dtype(self) -> np.dtype[Any]:
        # The mean of an object array asks its sum for a dtype, to make a NumPy scalar of it; without one it divides.
        if not self.shape and sys._getframe(1).f_globals.get("__name__") == "numpy._core._methods":
            raise AttributeError("a scalar among the objects of an array has no dtype")
        return getattr(self.value, "dtype", None) or np.result_type(type(self.value))

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize

    @property
    def flags(self) -> Any:
        return primal(self).flags

    @property
    def strides(self) -> tuple[int, ...]:
        return getattr(self.value, "strides", ())

    @property
    def base(self) -> Any:
        return self.origin[0] if self.origin else None

    def __len__(self) -> int:
        return len(self.value)

    # Text is for people: what float() could read back would be a number without its derivative.

    def __repr__(self) -> str:
        value = repr(self.value) if type(self.value) is Dual else _text(self.value, "")
        return f"Dual({value}, {self.perturbation.mode}{'' if self.perturbation.live else ', ended'})"

    def _repr_html_(self) -> str:
        from html import escape

        about = f"shape {self.shape}, {self.dtype}, {self.perturbation.mode} mode"
        return f"<pre>{escape(repr(self))}</pre><small>{escape(about)}</small>"

    def __str__(self) -> str:
        return self.__format__("")

    def __format__(self, spec: str) -> str:
        return f"Dual({_text(primal(self), spec)})"

    def __hash__(self) -> NoReturn:
        raise errors.unhashable("Dual", self.shape)

    # Conversions that would lose the derivative.

    def __float__(self) -> NoReturn:
        raise errors.not_a_number(
            self,
            "float(x), or a function of the math module,",
            "Use NumPy's functions (np.sin, not math.sin) and no float().\n"
            "  A plain array cannot hold a Dual: make it with np.zeros_like(x) or np.zeros(n, like=x).",
        )

    def __int__(self) -> NoReturn:
        raise errors.not_a_number(self, "int(x)", "Use np.floor(x) or np.rint(x), whose derivative is 0.")

    def __index__(self) -> NoReturn:
        raise errors.not_a_number(self, "an integer index or count", "Indices and counts must be plain integers.")

    def __complex__(self) -> NoReturn:
        raise errors.not_a_number(self, "complex(x)", "Use x + 0j.")

    def as_objects(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        """An object array of scalars that carry the derivative, for code that calls ``np.asarray``."""
        if dtype is not None and np.dtype(dtype) != object:
            raise errors.not_a_number(
                self, f"np.asarray(x, dtype={np.dtype(dtype)})", "Use x itself, or x.astype(dtype)."
            )
        plain = primal(self)
        in_memory = type(plain) is np.ndarray  # whose layout NumPy would keep
        entries = np.empty_like(plain, dtype=object) if in_memory else np.empty(self.shape, dtype=object)
        scalar = type(plain) in (float, complex)
        for index in np.ndindex(self.shape):
            entries[index] = self if scalar else self[index]
        if is_array(self.value) and copy is not True:
            # NumPy's own array would be this one: so that nobody writes into a mere likeness of it.
            entries.flags.writeable = False
            exports = (self.storage or storage.anchor(self)).exports
            if self.shape:
                exports.append(weakref.ref(entries))
            elif storage.held not in exports:
                # np.array([...]) asks a 0-d array, then holds the Dual itself, for nobody knows how long.
                exports.append(storage.held)
        return entries

    def as_objects_of_scipy(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        """What scipy.sparse takes for no array, so that it leaves a product to the other operand."""
        return np.array(None, dtype=object)

    # Iteration.

    def __iter__(self) -> Iterator[Dual]:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    def __contains__(self, item: Any) -> bool:
        return primal(item) in primal(self)


def _text(value: Any, spec: str) -> str:
    """The text of a plain value, the rows of an array below each other behind ``Dual(``."""
    if isinstance(value, np.ndarray) and value.ndim and not spec:
        return np.array2string(value, prefix="Dual(")
    return format(value, spec)


def primal(x: Any) -> Any:
    """What plain NumPy would hold in place of ``x``: every level of Dual taken off."""
    while type(x) is Dual:
        if not x.perturbation.live:
            raise errors.escaped(x)
        x = x.value
    return x


def size_of(value: Any) -> int:
    """The number of entries."""
    return getattr(value, "size", 1) if hasattr(value, "dtype") else int(np.size(value))


def may_share_memory(a: Any, b: Any) -> bool:
    """Whether a write into one value may show in the other; of other arrays than NumPy's that is not known."""
    a, b = primal(a), primal(b)
    return type(a) not in kinds.ARRAYS or type(b) not in kinds.ARRAYS or np.may_share_memory(a, b)


def is_array(value: Any) -> bool:
    """Whether the primal is an array, whose views share memory, rather than an immutable scalar."""
    if type(value) is np.ndarray:
        return True
    while type(value) is Dual:
        value = value.value
    return not kinds.is_number(value)


def is_lazy(value: Any) -> bool:
    """Whether an array is not calculated yet."""
    return hasattr(type(value), "__dask_graph__")


def has_nan(block: Any) -> bool:
    """Whether an array has a NaN: in a derivative a structural zero may then have met an infinite partial."""
    if type(block) is not np.ndarray:
        block = kinds.innermost(block)
        if type(block) in kinds.OTHERS:
            return bool(block.has_nan())
        if is_lazy(block):
            return True  # not calculated yet, and not to be calculated for a question
        if type(block) is not np.ndarray:
            return bool(np.any(np.isnan(block))) if block.dtype.kind in "fc" else False
    if block.dtype.char in "df":
        # A sum of squares is NaN if and only if an entry is, and so is the largest entry.  The first is quicker for
        # few entries; for many, BLAS would wake its threads.  (np.vdot does not warn where the squares overflow.)
        probe = np.vdot(block, block) if block.size <= 4096 else np.maximum.reduce(block, axis=None)
        return isnan(probe)
    return bool(np.any(np.isnan(block))) if block.dtype.kind in "fc" else False
