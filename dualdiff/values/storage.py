"""Shared storage: buffers that are written in place, and the views that must see it.

A `Dual` starts without storage.  The first view of it, or the first write to it, anchors it: its tangent is laid out as
its value is, so that one basic index of both gives two views that stay together.
Writes then reach every alias through memory, exactly as in NumPy.
Where tangents are no memory, as on a tape, a write gives the root another (`Perturbation.after_write`), and a
view takes its own anew when it is used after a write: n views and n writes cost 2n of them, whoever overlaps whom.

Memory is not enough in two cases, and then every living alias is made again from its parent (`remake`):

* the buffer is the caller's own (the argument of the transform and its seed), which must not change: it is copied
  first;
* what is stored brings a perturbation that the buffer does not carry yet (a buffer made at an outer level
  receives an inner `Dual`): value or tangent is lifted, filled with zero tangents.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import errors
from . import kinds
from .kinds import ARRAYS

if TYPE_CHECKING:
    from .dual import Dual


_ref = weakref.ref
BORROWED = "borrowed"  # who shares a Dual: see Dual.shares


class Storage:
    """One buffer and everybody who sees it, parents before their views."""

    __slots__ = (
        *("aliases", "before", "borrowed", "crowded", "exports", "plain_again", "refilled", "sealed", "shared"),
        "writes",
    )

    def __init__(self, root: Dual, borrowed: bool) -> None:
        self.aliases = [weakref.ref(root)]
        self.borrowed = borrowed
        self.sealed = False  # a Variable's own value, not to be written
        self.shared = False  # an argument in whose memory there is another, not to be written
        self.exports: list[Callable[[], Any]] = []  # object arrays that np.asarray made of it
        self.crowded = 64  # number of aliases at which the dead are removed
        self.writes = 0  # on a tape, since there are views
        # Of an array that was plain: its numbers before each perturbation was written, how it becomes plain again, and
        # what it is now that they have ended (refilling.py).
        self.before: dict[Any, Any] | None = None
        self.plain_again: Any = None
        self.refilled: tuple[Any, Any] | None = None

    def living(self) -> list[Dual]:
        aliases = [(alias, dual) for alias in self.aliases if (dual := alias()) is not None]
        self.aliases = [alias for alias, _ in aliases]
        self.crowded = max(64, 2 * len(aliases))
        return [dual for _, dual in aliases]


def held() -> bool:
    """The export of a 0-d array that an object array may hold for good."""
    return True


def anchor(dual: Dual) -> Storage:
    """Give a Dual storage, its tangent laid out as its value."""
    if type(dual.value) not in ARRAYS:
        _refuse_scalar(dual.value)
    borrowed = dual.shares is BORROWED
    dual.storage = storage = Storage(dual, borrowed)
    tangent = dual.perturbation.as_buffer(dual.tangent, dual.value)
    if borrowed:  # copied when it is written
        dual.tangent, dual.shares = tangent, False
    else:  # x + 1 shares the tangent of x, as long as neither is a buffer
        dual.tangent = dual.perturbation.owned(tangent) if dual.shares and tangent is dual.tangent else tangent
    return storage


def may_be_seen_elsewhere(dual: Dual) -> bool:
    """Whether another array may show the memory of a Dual: it has views, is one, or is the caller's."""
    return dual.storage is not None or dual.shares is BORROWED


def _refuse_scalar(value: Any) -> None:
    while hasattr(value, "perturbation"):
        value = value.value
    if kinds.is_number(value):
        plain = type(value)
        name = plain.__name__ if plain.__module__ == "builtins" else f"{plain.__module__}.{plain.__name__}"
        raise TypeError(f"{name!r} object does not support item assignment")  # as NumPy says


def attach(view: Any, parent: Any, again: tuple[Any, ...], move: Callable[[Any], Any] | None = None) -> Dual:
    """Register ``view`` as an alias of its parent's buffer.

    ``again`` is (function, *arguments) that makes it anew from its parent, ``move`` the same view of a block; None for
    a view by an index, the last of ``again``.
    """
    view.storage = storage = parent.storage
    view.origin = (parent, again, move)
    if storage.writes:
        view.tangent = view.perturbation.view_of_written(view)
    aliases = storage.aliases
    aliases.append(_ref(view))
    if len(aliases) > storage.crowded:
        storage.living()
    return view


def write(buffer: Dual, index: Any, item: Any) -> None:
    """``buffer[index] = item`` for value and tangent, seen by every alias."""
    Dual = type(buffer)  # a module that Dual itself needs
    storage = buffer.storage or anchor(buffer)
    if storage.sealed:
        raise errors.sealed()
    if storage.exports:
        storage.exports = [export for export in storage.exports if export() is not None]
        if storage.exports:
            raise errors.exported(buffer)
    if len(storage.aliases) > 1 and not _in_memory(buffer.value) and len(storage.living()) > 1:
        raise errors.unknown_memory(buffer)
    if storage.borrowed:
        if storage.shared:
            raise errors.shared_argument(storage.living()[0].shape)
        root = storage.living()[0]
        storage.borrowed = False
        kinds.note_written(root.value)
        root.value = copied(root.value)
        root.tangent = root.perturbation.owned(root.tangent)
        remake(storage)
    buffer.perturbation.before_write(buffer.value)
    if type(item) is not Dual:
        buffer.value[index] = item
        _write_tangent(buffer, index, None)
        return
    if item.perturbation.level > buffer.perturbation.level:
        _lift_whole(storage, item.perturbation)
    if item.perturbation is not buffer.perturbation:  # of an outer level: a constant here
        _store(buffer, "value", index, item)
        _write_tangent(buffer, index, None)
        return
    _store(buffer, "value", index, item.value)
    _write_tangent(buffer, index, item.tangent)


def _write_tangent(buffer: Dual, index: Any, item: Any) -> None:
    """``buffer[index] = item`` for the tangent alone; None for zero."""
    perturbation, storage = buffer.perturbation, buffer.storage
    assert storage is not None
    if not perturbation.immutable:
        if item is not None and not perturbation.has_room(buffer.tangent, item):
            root = storage.living()[0]
            root.tangent = perturbation.with_room(root.tangent, item)
            remake(storage)
        perturbation.put(buffer.tangent, index, item)
        return
    item = None if item is None else perturbation.current(item)  # which may be of a view of this buffer
    if len(storage.aliases) > 1:
        if not storage.writes:
            perturbation.expect_writes()
            for view in storage.living():
                if view.origin is not None:
                    view.tangent = perturbation.view_of_written(view)
        storage.writes += 1
    root, views = lineage(buffer)
    root.tangent = perturbation.after_write(root.tangent, views, index, item)


def lineage(view: Dual) -> tuple[Dual, list[tuple[Callable[[Any], Any] | None, Any]]]:
    """The root of a buffer, and the views that lead from it to this one: a move of blocks, or None and an index."""
    views = []
    while view.origin is not None:
        view, again, move = view.origin
        views.append((move, again[-1]))
    return view, views[::-1]


def _in_memory(value: Any) -> bool:
    """Whether the innermost value is NumPy's, whose views share memory; of others that is not known."""
    while hasattr(value, "perturbation"):
        value = value.value
    return kinds.in_memory(value)


def copied(value: Any) -> Any:
    """A copy that is strided as the original: on that depends whether ``reshape`` and ``ravel`` take views of it."""
    if not _in_memory(value):
        return value.copy()
    fresh: Any = np.copy(value, order="K")
    innermost, original = fresh, value
    while hasattr(original, "perturbation") and hasattr(original.value, "perturbation"):
        innermost, original = innermost.value, original.value
    if not hasattr(original, "perturbation"):
        return _as_strided(fresh, original)
    innermost.value = _as_strided(innermost.value, original.value)
    return fresh


def _as_strided(fresh: Any, original: Any) -> Any:
    """The entries of ``fresh`` with gaps and directions like those of ``original``, which needs no more memory."""
    if type(fresh) not in ARRAYS or fresh.strides == original.strides:
        return fresh
    if type(fresh) in kinds.OTHERS:
        return fresh.called(_as_strided, fresh, original)
    long_axes = [axis for axis in range(fresh.ndim) if fresh.shape[axis] > 1]
    if any(original.strides[axis] == 0 for axis in long_axes):  # one entry seen many times
        return fresh
    # From the innermost axis outwards; an axis that could be merged with the one inside it still can.
    strides = list(original.strides)  # of an axis of length 1 any will do
    merged, step, after_gap = original.itemsize, original.itemsize, 2 * original.itemsize
    for axis in sorted(long_axes, key=lambda axis: abs(original.strides[axis])):
        n, stride = fresh.shape[axis], original.strides[axis]
        size = step if abs(stride) == merged else after_gap
        strides[axis] = size if stride > 0 else -size
        merged, step, after_gap = n * abs(stride), n * size, (n + 1) * size
    reach = [stride * (n - 1) for stride, n in zip(strides, fresh.shape, strict=True)]
    before, after = (sum(part for part in reach if part * sign > 0) for sign in (-1, 1))
    memory = np.zeros(after - before + original.itemsize, np.uint8)
    strided: Any = np.ndarray(fresh.shape, original.dtype, memory.data, -before, tuple(strides))
    strided[...] = fresh
    return strided


def _store(buffer: Dual, part: str, index: Any, item: Any) -> None:
    _make_room(buffer, part, item)
    getattr(buffer, part)[index] = item


def _make_room(buffer: Dual, part: str, item: Any) -> None:
    """Lift a plain value or tangent that is to hold a Dual; a Dual lifts itself when it is written."""
    Dual = type(buffer)
    held = getattr(buffer, part)
    if type(held) is np.ndarray and type(kinds.innermost(item)) in kinds.OTHERS:
        assert buffer.storage is not None
        root = buffer.storage.living()[0]
        setattr(root, part, np.array(getattr(root, part), like=kinds.innermost(item)))
        remake(buffer.storage)
    if type(item) is Dual and type(getattr(buffer, part)) is not Dual:
        assert buffer.storage is not None
        root = buffer.storage.living()[0]
        plain = getattr(root, part)
        setattr(root, part, Dual(plain, item.perturbation.zeros(plain), item.perturbation))
        remake(buffer.storage)


def _lift_whole(storage: Storage, perturbation: Any) -> None:
    """Make every alias a Dual of an inner level whose value is what it was."""
    root = storage.living()[0]
    Dual = type(root)
    if storage.before is not None and _in_memory(root.value):
        storage.before[perturbation] = kinds.innermost(root.value).copy()
    outer = Dual(root.value, root.tangent, root.perturbation)
    root.value, root.tangent, root.perturbation = outer, perturbation.zeros(outer), perturbation
    storage.writes = 0
    remake(storage)


def remake(storage: Storage) -> None:
    """Take every view anew from its parent, after the root has changed what it holds."""
    for alias in storage.living()[1:]:
        fresh = made_again(alias)
        alias.value, alias.tangent, alias.perturbation = fresh.value, fresh.tangent, fresh.perturbation


def made_again(alias: Dual) -> Dual:
    """A view, taken anew from its parent as that is now."""
    assert alias.origin is not None
    parent, (function, *arguments), _ = alias.origin
    return function(parent, *arguments)
