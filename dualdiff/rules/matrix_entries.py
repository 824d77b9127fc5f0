"""The entries of a sparse matrix that carry derivatives: numbered, taken, added up where they belong; or refused."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from .. import errors
from ..values.objects import carries, fused


def sparse() -> Any:
    """`scipy.sparse`, which is there where one of its matrices is."""
    return sys.modules["scipy.sparse"]


def is_sparse(x: Any) -> bool:
    """Whether this is a matrix of `scipy.sparse`, which is not imported to find out."""
    module = sys.modules.get("scipy.sparse")
    return module is not None and bool(module.issparse(x))


def numbered(arrays: list[Any]) -> tuple[Any, list[Any]]:
    """Arrays end to end, and for each one of its shape with the numbers of its entries, from 1 on."""
    arrays = [entry_operand(array) for array in arrays]
    numbers, at = [], 1
    for array in arrays:
        numbers.append(np.arange(at, at + array.size, dtype=float).reshape(array.shape))
        at += array.size
    flat = [np.reshape(array, (-1,)) for array in arrays]
    return (flat[0] if len(flat) == 1 else np.concatenate(flat)), numbers


def by_number(entries: Any, numbers: Any) -> Any:
    at = np.asarray(numbers).astype(np.int64)
    if not len(entries):
        return np.zeros(at.shape)
    found = entries[np.maximum(at - 1, 0)]
    return found if (at > 0).all() else np.where(at > 0, found, 0.0)


def entry_operand(x: Any) -> Any:
    if hasattr(type(x), "backward"):  # a Variable, which stays one
        return x
    return fused(x) if carries(x) else np.asarray(x)


def scattered(to: Any, m: int, terms: Any) -> Any:
    """Terms added up where they belong, in their order."""
    n = len(to)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bincount(to, minlength=m))])
    adds = sparse().csr_array((np.ones(n, np.int8), np.argsort(to, kind="stable"), starts), shape=(m, n))
    return adds @ terms


def unsupported(matrix: Any, what: str) -> errors.UnsupportedFunction:
    return errors.UnsupportedFunction(
        f"a sparse matrix of shape {matrix.shape} whose entries carry derivatives, {what}: no derivative rule.\n"
        "  A.toarray() is a dense array, which every function of NumPy takes."
    )
