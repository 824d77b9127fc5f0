"""The entries of a sparse matrix in a list: taken by their numbers, added up where they belong."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ..values.objects import carries, fused


def sparse() -> Any:
    """`scipy.sparse`, which is there where one of its matrices is."""
    return sys.modules["scipy.sparse"]


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
