"""``np.nditer`` over arrays that carry derivatives, or may come to: entries as views without axes.

The order of entries is that of a plain iterator over the same memory.  What depends on the memory itself (chunks for
``external_loop``, buffers, ``op_axes``) is refused as it is without a stand-in.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..values.dual import Dual
from ..values.objects import carries, fused, stripped
from .buffers import Buffer, buffered, plain
from .builtins import is_dual, plain_value
from .calls import enter

_FLAGS = frozenset({"multi_index", "c_index", "f_index", "refs_ok", "zerosize_ok", "copy_if_overlap"})


class Iteration:
    """An iterator like ``np.nditer``."""

    def __init__(self, operands: list[Any], indices: list[tuple[int, ...]], shape: tuple[int, ...], several: bool):
        self.operands = tuple(operands)
        self.shape, self.several, self._indices = shape, several, indices
        self.itersize, self.ndim, self.nop = len(indices), len(shape), len(operands)
        self.reset()

    def reset(self) -> None:
        self.iterindex, self._begun = 0, False

    @property
    def finished(self) -> bool:
        return self.iterindex >= self.itersize

    @property
    def multi_index(self) -> tuple[int, ...]:
        return self._indices[self.iterindex]

    @property
    def index(self) -> int:
        return int(np.ravel_multi_index(self.multi_index, self.shape)) if self.shape else 0

    @property
    def value(self) -> Any:
        return self[:] if self.several else self[0]

    def iternext(self) -> bool:
        self.iterindex += 1
        return not self.finished

    def __getitem__(self, which: Any) -> Any:
        if isinstance(which, slice):
            return tuple(map(self._entry, self.operands[which]))
        return self._entry(self.operands[which])

    def __setitem__(self, which: int, value: Any) -> None:
        self._entry(self.operands[which])[...] = value

    def _entry(self, operand: Any) -> Any:
        at = self.multi_index[len(self.shape) - operand.ndim :]
        return operand[(*(0 if n == 1 else i for i, n in zip(at, operand.shape, strict=True)), ...)]

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self._begun:
            self.iterindex += 1
        self._begun = True
        if self.finished:
            raise StopIteration
        return self.value

    def __len__(self) -> int:
        return self.itersize

    def __enter__(self) -> Iteration:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Entries are views: there is nothing to be written back."""


@functools.wraps(np.nditer, updated=())
def nditer(*args: Any, **kwargs: Any) -> Any:
    given = dict(zip(("op", "flags", "op_flags", "op_dtypes", "order", "casting"), args, strict=False)) | kwargs
    several = isinstance(given.get("op"), (list, tuple))
    operands = list(given["op"]) if several else [given.get("op")]
    lazy = any(type(x) is Buffer for x in operands)
    if not (carries(operands) or lazy):
        return np.nditer(*args, **kwargs)
    flags = list(given.get("flags") or ())
    known = {"op", "flags", "op_flags", "op_dtypes", "order"} - ({"op_dtypes"} if given.get("op_dtypes") else set())
    if not set(flags) <= _FLAGS or not set(given) <= known or "f_index" in flags:
        if carries(operands):
            return np.nditer(*args, **kwargs)  # NumPy's refusal of objects
        return np.nditer(
            [plain(x) for x in operands] if several else plain(operands[0]), *args[1:], **_without_op(kwargs)
        )
    arrays = [fused(x) if carries(x) else x for x in operands]
    values = [None if x is None else plain_value(x) if is_dual(x) else stripped(x) for x in arrays]
    order = given.get("order", "K")
    tracked = ["multi_index", "zerosize_ok"] if "zerosize_ok" in flags else ["multi_index"]
    # Read or allocated, as a plain iterator over copies would be: values are not written here.
    modes = [["writeonly", "allocate"] if x is None else ["readonly"] for x in values]
    own: Any = np.nditer(values, tracked, modes, order=order)  # type: ignore[arg-type]
    made, shape = iter(own.operands), own.shape
    indices: list[tuple[int, ...]] = []
    while not own.finished:
        indices.append(own.multi_index)
        own.iternext()
    held: list[Any] = []
    for x in arrays:
        allocated = next(made)
        held.append(
            buffered(np.empty_like(allocated)) if x is None else x if type(x) in (Dual, Buffer) else np.asarray(x)
        )
    return Iteration([_shown(x, i, given) for i, x in enumerate(held)], indices, shape, several)


def _shown(x: Any, i: int, given: dict[str, Any]) -> Any:
    """An operand that is only read, as a copy: what is written into it is lost, where NumPy forbids it."""
    modes = given.get("op_flags")
    if not modes:
        written = given.get("op") is not None and isinstance(given["op"], (list, tuple)) and given["op"][i] is None
    else:
        mode = modes if isinstance(modes[0], str) else modes[i]
        written = any(name in ("readwrite", "writeonly") for name in mode)
    return x if written else np.copy(x)


def _without_op(kwargs: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in kwargs.items() if name != "op"}


enter(np.nditer, nditer)
