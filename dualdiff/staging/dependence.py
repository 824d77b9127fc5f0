"""What is known of NumPy's functions: what they write into, and whose results have another shape for other values."""

from __future__ import annotations

import dis
import inspect
from functools import cache
from typing import Any

import numpy as np

from ..table import RULES
from .record import StagingRefused, Trace

_ndarray = np.ndarray
WRITING_METHODS = frozenset({"fill", "put", "itemset", "sort", "partition", "setfield", "byteswap"})
REFUSED_METHODS = frozenset({"tobytes", "tofile", "dump", "dumps", "resize", "data", "ctypes", "getfield", "to_device"})
ABOUT = frozenset(
    {
        np.shape, np.ndim, np.size, np.result_type, np.can_cast, np.iscomplexobj, np.isrealobj, np.min_scalar_type,
        np.common_type, np.may_share_memory, np.shares_memory, np.isfortran,
    }
)  # fmt: skip


def refuse_values(trace: Trace, function: Any, args: Any) -> None:
    """Refuse what of `ABOUT` depends on more than shapes and dtypes: on a number, or on what arguments share."""
    if function is np.min_scalar_type and not np.ndim(args[0]):
        raise StagingRefused("np.min_scalar_type of a traced number: the dtype would be a constant of the program")
    if function is np.shares_memory or function is np.may_share_memory:
        arrays = [x for x in args[:2] if type(x) is _ndarray or hasattr(x, "number")]  # a list has memory of its own
        roots = [trace.variables[x.number].root if type(x) is not _ndarray else -1 for x in arrays]
        if len(roots) == 2 and roots[0] != roots[1] and all(root < 0 or root in trace.parameters for root in roots):
            raise StagingRefused(f"np.{function.__name__} of arguments, of which others may share other memory")


READING = frozenset({np.fromfile, np.loadtxt, np.genfromtxt})  # which find something else in a file, another time
# Functions whose result has another shape or type for other values.
BY_VALUE = frozenset(
    {
        np.nonzero, np.flatnonzero, np.argwhere, np.unique, np.unique_all, np.unique_counts, np.unique_inverse,
        np.unique_values, np.compress, np.extract, np.repeat, np.delete, np.insert, np.trim_zeros, np.union1d,
        np.intersect1d, np.setdiff1d, np.setxor1d, np.bincount, np.roots, np.poly, np.linalg.eig, np.linalg.eigvals,
        np.linalg.lstsq, np.real_if_close, np.histogram, np.histogram2d, np.histogramdd, np.histogram_bin_edges,
        np.arange, np.polydiv, np.polymul, np.polyadd, np.polysub, np.emath.sqrt, np.emath.log, np.emath.log2,
        np.emath.log10, np.emath.logn, np.emath.power, np.emath.arccos, np.emath.arcsin, np.emath.arctanh,
        np.apply_along_axis, np.apply_over_axes,
    }
)  # fmt: skip
# The same where another argument than the first is traced: a count, a length, an index.
OF_ARRAYS: frozenset[Any] = frozenset(
    {np.array_split, np.split, np.tile, np.pad, np.roll, np.resize, np.vander, np.take}
)
BY_OTHERS: frozenset[Any] = OF_ARRAYS | {np.tri, np.eye, np.full, np.zeros, np.ones, np.linspace, np.empty}


def outputs_of(kwargs: Any) -> Any:
    out = kwargs.get("out", ())
    return [x for x in (out if type(out) is tuple else (out,)) if x is not None]


def written_by(function: Any, args: Any, kwargs: Any) -> list[Any]:
    rule = RULES.get(function)
    found = outputs_of(kwargs)
    if (rule is not None and rule.form == "writing") or function in _WRITERS:
        found += [*args[:1], *(kwargs[name] for name in ("a", "arr", "dst") if name in kwargs)]
    place = _place(function, "out")
    if place is not None and len(args) > place and args[place] is not None:
        found.append(args[place])
    for name, writes in (("overwrite_input", True), *((("copy", False),) if function is np.nan_to_num else ())):
        place = _place(function, name)
        given = args[place] if place is not None and len(args) > place else kwargs.get(name)
        if given is not None and bool(given) is writes:
            found += args[:1]
    return found


_WRITERS = frozenset({np.copyto, np.put, np.place, np.putmask, np.fill_diagonal, np.put_along_axis})


@cache
def _place(function: Any, name: str) -> int | None:
    """Where a parameter stands among the positional arguments of a function."""
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return None
    return names.index(name) if name in names else None


def name_of_call(what: Any) -> str:
    if type(what) is tuple:
        return f"{name_of_call(what[0])}.{what[1]}"
    if what is None:
        return "x[i]"
    return what if isinstance(what, str) else getattr(what, "__name__", str(what))


def describe(example: Any) -> str:
    if type(example) is _ndarray:
        return f"array of shape {example.shape}, {example.dtype}"
    return type(example).__name__


# What an operator of NumPy's arrays calls, and how an operator looks in Python's bytecode.
BINARY_OP = dis.opmap["BINARY_OP"]
OPERATOR_OF = {
    np.add: "__add__", np.subtract: "__sub__", np.multiply: "__mul__", np.true_divide: "__truediv__",
    np.floor_divide: "__floordiv__", np.remainder: "__mod__", np.power: "__pow__", np.matmul: "__matmul__",
}  # fmt: skip
