"""Work arrays that are filled again after the transform that filled them has returned.

A function that a solver calls fills an array that was made around it, and is differentiated several times on the way.
What one differentiation left in the array has no meaning in the next: it may be overwritten, and must not be read.

    content, stale = counterpart(dual)      what can be used now, over the same memory, and which entries cannot

Until the last stale entry is overwritten the array remains a Dual of a perturbation that has ended, which nothing but
an index takes; then it becomes a view of the content, and so do its own views.  Entries that have the number that they
had before the ended transform wrote are what they were: a boundary that is 0 once and for all stays a constant.
"""

from __future__ import annotations

import operator
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import errors
from . import storage
from .kinds import innermost

if TYPE_CHECKING:
    from .dual import Dual


def counterpart(dual: Dual) -> tuple[Any, Any]:
    """The content and the mask of stale entries of an array whose transform has returned; raises for other Duals."""
    path = []
    root = dual
    while root.origin is not None:
        root, (function, *arguments), _ = root.origin
        if function not in _by_index(dual):
            raise errors.escaped(dual)
        path.append(arguments[0])
    held = root.storage
    if held is None or held.before is None or held.borrowed or held.sealed:
        raise errors.escaped(dual)
    if held.refilled is None:
        held.refilled = _stripped(root, held, held.before)
    content, stale = held.refilled
    for index in reversed(path):
        content, stale = content[index], stale[index]
    return content, stale


def _by_index(dual: Dual) -> tuple[Any, Any]:
    """The functions that made a view by an index, the last of their arguments."""
    return operator.getitem, type(dual).__getitem__


def _stripped(root: Any, held: storage.Storage, written: dict[Any, Any]) -> tuple[Any, Any]:
    """A root without the levels that have ended."""
    Dual = type(root)
    memory, level = innermost(root.value), root
    if type(memory) is not np.ndarray:
        raise errors.escaped(root)
    while type(level) is Dual:  # records that can still be run: of what vjp and linearize returned, and of outer levels
        level.perturbation.before_write(level.value)
        level = level.value
    level = root
    while type(level) is Dual and not level.perturbation.live:
        level = level.value
    # In the order in which they came: what the first that has ended found, none of them had written.
    before = next(numbers for perturbation, numbers in written.items() if not perturbation.live)
    if type(level) is Dual:
        content = Dual(level.value, level.tangent, level.perturbation)
        fresh = storage.anchor(content)
        fresh.before = {perturbation: numbers for perturbation, numbers in written.items() if perturbation.live}
        fresh.plain_again = held.plain_again
    else:
        content = held.plain_again(level)
    stale = memory != before
    memory[stale] = np.nan  # which is equal to nothing: what is written there next differs from what was before
    return content, stale


def read(dual: Dual, index: Any) -> Any:
    """``dual[index]`` if no stale entry is there; no views, which would be of what is to be replaced."""
    content, stale = counterpart(dual)
    part = content[index]
    if np.any(stale[index]) or getattr(part, "origin", None) is not None:
        raise errors.escaped(dual)
    return part


def write(dual: Dual, index: Any, item: Any) -> None:
    """``dual[index] = item``; with the last stale entry the array, and all views of it, become the content."""
    content, stale = counterpart(dual)
    content[index] = item
    stale[index] = False
    by_index = _by_index(dual)
    root: Any = dual
    while root.origin is not None:
        root = root.origin[0]
    old = root.storage
    whole, stale = old.refilled
    if np.any(stale):
        return
    views = old.living()[1:]
    root.value, root.tangent, root.perturbation = whole.value, whole.tangent, whole.perturbation
    root.storage, root.shares, root.__class__ = whole.storage, whole.shares, type(whole)
    if root.storage is not None:
        root.storage.aliases = [weakref.ref(root)]
    for view in views:
        parent, (function, *arguments), _ = view.origin
        fresh = parent[arguments[0]] if function in by_index else function(parent, *arguments)
        view.value, view.tangent, view.perturbation = fresh.value, fresh.tangent, fresh.perturbation
        view.storage, view.shares, view.origin, view.__class__ = fresh.storage, False, fresh.origin, type(fresh)
        root.storage.aliases.append(weakref.ref(view))
