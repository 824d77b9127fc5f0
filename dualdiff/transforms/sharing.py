"""The same memory in two arguments of one call.

Each differentiated argument enters the function as a Dual of its own, so a write into one would not be seen by the
other, as it is in plain NumPy.  Where arguments share memory (or a list, a dict, ...) the Duals are therefore not to be
written, and after the run the arguments that are none are compared with what they were.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import islice, repeat
from typing import Any

import numpy as np

from .. import errors
from ..pytrees.kinds import kind_of
from ..pytrees.trees import flatten
from ..values.dual import Dual
from ..values.foreign import parts
from ..values.storage import anchor

_ARRAYS = {np.ndarray}
_MOST = 1000  # objects looked at in an argument that is not differentiated


def called(
    f: Callable[..., Any],
    args: Sequence[Any],
    entered: Sequence[Any],
    positions: Sequence[int],
    kwargs: dict[str, Any],
) -> Any:
    """``f(*entered, **kwargs)``, where ``entered`` are ``args`` with Duals at some positions."""
    watched = watch(args, entered, positions, kwargs)
    result = f(*entered, **kwargs)
    if watched is not None:
        watched.check()
    return result


def watch(
    given: Sequence[Any], entered: Sequence[Any], positions: Iterable[int], kwargs: dict[str, Any]
) -> Watch | None:
    """Seal the Duals among the arguments ``entered`` that share memory, and remember the others that do."""
    if not kwargs and len(given) < 5 and set(map(type, given)) == _ARRAYS:  # the common case
        apart = True
        for i in positions:
            others = (*given[:i], *given[i + 1 :])
            apart = apart and not any(map(np.may_share_memory, repeat(given[i]), others))
        if apart:
            return None
    positions = tuple(positions)
    if _plainly_apart(
        [given[i] for i in positions], [arg for i, arg in enumerate(given) if i not in positions], kwargs
    ):
        return None
    trees = [(given[i], entered[i]) for i in positions]
    own: list[tuple[Any, Any]] = []  # array, Dual
    containers: list[int] = []
    for tree, seen in trees:
        leaves = flatten(tree)[0]
        own += [
            (array, dual)
            for leaf, dual in zip(leaves, flatten(seen)[0], strict=True)
            if (array := _array(leaf)) is not None
        ]
        if tree is not leaves[0]:
            containers += _found(tree)[1]
    arrays, held = _found([*(arg for i, arg in enumerate(given) if i not in positions), kwargs])
    seen_twice = bool(set(containers) & set(held)) or any(count > 1 for count in Counter(containers).values())
    frozen = []
    if len(own) + len(arrays) > 1:
        everything = [array for array, _ in own] + [_array(array) for array in arrays]
        for i, j in _overlapping(everything, len(own)):
            for at in (i, j):
                if at >= len(own):
                    frozen.append(arrays[at - len(own)])
                elif type(dual := own[at][1]) is Dual:
                    (dual.storage or anchor(dual)).shared = True
    return Watch(frozen, [seen for _, seen in trees] if seen_twice else []) if frozen or seen_twice else None


def _plainly_apart(differentiated: list[Any], others: list[Any], kwargs: dict[str, Any]) -> bool:
    """Whether what is differentiated shares no array's owner and no container, within itself or with the rest."""
    own, rest = _contents(differentiated), _contents([*others, *kwargs.values()])
    if own is None or rest is None:
        return False
    return len(set(own)) == len(own) and None not in own and None not in rest and not set(own).intersection(rest)


def _contents(pending: list[Any]) -> list[int | None] | None:
    """The owners of arrays and the identities of containers in plain trees; None for any others."""
    found: list[int | None] = []
    steps = 0
    while pending:
        item = pending.pop()
        kind = type(item)
        steps += 1
        if steps > 10 * _MOST:
            return None
        if kind is np.ndarray:
            found.append(id(item) if item.base is None else _owner(item))
        elif kind in _NUMBERS:
            continue
        elif kind is tuple and len(item) < _MOST:
            pending += item
        elif (kind is list or kind is dict) and len(item) < _MOST and len(found) < _MOST:
            found.append(id(item))
            pending += item if kind is list else item.values()
        else:
            return None
    return found


class Watch:
    """Arguments that share memory with a Dual, and what they were before the function ran."""

    def __init__(self, arrays: list[Any], trees: list[Any]) -> None:
        self.arrays = [(array, _bits(array)) for array in arrays]
        self.trees = [(tree, flatten(tree)[0]) for tree in trees]

    def check(self) -> None:
        for array, before in self.arrays:
            if _bits(array) != before:
                raise errors.shared_argument(np.shape(_array(array)))
        for tree, leaves in self.trees:
            now = flatten(tree)[0]
            if len(now) != len(leaves) or any(a is not b for a, b in zip(now, leaves, strict=True)):
                raise errors.shared_container(type(tree).__name__)


def _bits(array: Any) -> bytes:
    found: np.ndarray[Any, Any] = _array(array)
    return found.tobytes()


def _array(x: Any) -> Any:
    """The memory of an array, a Dual or a Variable; None for all else."""
    if hasattr(type(x), "__dual__"):
        x = x.__dual__()
    while type(x) is Dual:
        x = x.value
    return x if isinstance(x, np.ndarray) and x.dtype.kind in "biufc" and x.size else None


def _found(tree: Any) -> tuple[list[Any], list[int]]:
    """The arrays in an argument, whatever holds them, and the identities of what holds them and can be written."""
    arrays, containers = [], []
    pending, seen = [tree], 0
    ids: set[int] = set()
    while pending and seen < _MOST:
        item = pending.pop()
        if _array(item) is not None:
            arrays.append(item)
        elif type(item) not in _SINGLE:
            if isinstance(item, (list, dict)) or (type(item) is not tuple and kind_of(type(item)) is not None):
                containers.append(id(item))
            if id(item) not in ids:
                ids.add(id(item))
                pending += islice(parts(item), _MOST)
        seen += 1
    return arrays, containers


_NUMBERS = frozenset({float, int, complex, bool, str, bytes, type(None), np.float64})
_SINGLE = _NUMBERS | {type, np.ndarray, Dual}


def _overlapping(arrays: list[Any], n_own: int) -> Iterable[tuple[int, int]]:
    """Pairs of arrays that share memory, the first of them differentiated."""
    owners = [_owner(array) for array in arrays]
    if len(set(owners)) == len(owners) and None not in owners:
        return
    for i in range(n_own):
        for j in range(i + 1, len(arrays)):
            if (owners[i] is None or owners[j] is None or owners[i] == owners[j]) and _share(arrays[i], arrays[j]):
                yield i, j


def _owner(array: Any) -> int | None:
    """Whose memory an array reads: an identity, None if it is no array's."""
    while array.base is not None:
        if not isinstance(array.base, np.ndarray):
            return None
        array = array.base
    return id(array)


_WORK: Any = 10_000  # steps in which the question is decided, or answered by yes


def _share(a: Any, b: Any) -> bool:
    try:
        return np.may_share_memory(a, b) and np.shares_memory(a, b, max_work=_WORK)
    except np.exceptions.TooHardError:
        return True
