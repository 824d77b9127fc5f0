"""For which arguments a program is: structure, shapes, dtypes, strides, and the values of what is no float."""

from __future__ import annotations

from types import FunctionType
from typing import Any

import numpy as np

from ..pytrees.kinds import sorted_keys

_ndarray = np.ndarray
_TEXTS = frozenset({str})
SIMPLE = frozenset({int, bool, str, bytes, type(None)})


def walk_call(args: Any, kwargs: Any, key: list[Any], leaves: list[Any]) -> bool:
    """`walk` of the arguments of a call; ``f(a, b={})`` is none of two trees, and ``f(a, a)`` may ask ``x is y``."""
    if kwargs:
        key.append("with names")
    if not walk(args, key, leaves) or (kwargs and not walk(kwargs, key, leaves)):
        return False
    if len(leaves) > 1 and (again := repeated(leaves)):
        key.append(again)
    return True


def repeated(leaves: list[Any]) -> tuple[tuple[int, int], ...]:
    """The positions of arrays that stood before, and where; empty if no array is given twice."""
    arrays = [id(leaf) for leaf in leaves if type(leaf) is _ndarray]
    if len(set(arrays)) == len(arrays):
        return ()
    ids = [id(leaf) if type(leaf) is _ndarray else None for leaf in leaves]
    return tuple([(i, ids.index(x)) for i, x in enumerate(ids) if x is not None and ids.index(x) < i])


def walk(tree: Any, key: list[Any], leaves: list[Any]) -> bool:
    """What a program is for, and its inputs, in the order of `flatten`; whether all arguments are of that kind."""
    kind = type(tree)
    if kind is _ndarray:
        key += (tree.shape, tree.dtype, tree.strides)
        leaves.append(tree)
    elif kind is float or kind is complex or kind is np.float64:
        key.append(kind)
        leaves.append(tree)
    elif kind is tuple or kind is list:
        key += (kind, len(tree))
        for item in tree:
            if not walk(item, key, leaves):
                return False
    elif kind is dict:
        names = tuple(tree)
        key.append(names)
        if not _TEXTS.issuperset(map(type, names)):  # 1, 1.0 and True are equal
            key.append(tuple(map(type, names)))
        for name in sorted_keys(tree):
            if not walk(tree[name], key, leaves):
                return False
    elif kind in SIMPLE:
        key += (kind, tree)
    elif isinstance(tree, np.generic) and tree.dtype.kind not in "SUVO":
        key.append(kind)
        leaves.append(tree)
    elif kind is FunctionType:
        key.append(tree)
    else:
        return False
    return True


def overlap(leaves: list[Any]) -> bool:
    """Whether two of the arrays may share memory, or one cannot be written."""
    arrays = [leaf for leaf in leaves if type(leaf) is _ndarray]
    return any(not a.flags.writeable for a in arrays) or any(
        np.may_share_memory(a, b) for i, a in enumerate(arrays) for b in arrays[i + 1 :]
    )
