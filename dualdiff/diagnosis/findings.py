"""Findings: what is worth knowing of a run, and plain values of operands to look at.

Nothing here holds an array.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..values.dual import Dual
from .places import Place


class Finding(NamedTuple):
    """Something worth knowing: ``kind``, what it is, where, and what can be done.

    Kinds: "refused", "raised", "changed", "cache", "not finite", "independent", "zero", "lost", "digits", "kink",
    "slow".
    """

    kind: str
    text: str
    place: Place | None = None
    fix: str = ""
    serious: bool = True

    def __str__(self) -> str:
        at = f"{self.place}: " if self.place is not None else ""
        return f"{at}{self.text}"


class Findings(list[Finding]):
    """Findings of a run, each kind once for a call at one place."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[Any] = set()
        self.sizes: dict[tuple[Any, str], tuple[int, float]] = {}  # of lost digits: their node, what they are lost from
        self.tied: list[tuple[Any, Any, Any]] = []  # truth values that hang on a tie: a reference, the ties, the call

    def note(self, key: Any, kind: str, text: str, call: Any, fix: str = "", serious: bool = True) -> None:
        if key not in self._seen:
            self._seen.add(key)
            self.append(Finding(kind, text, call.place, fix, serious))

    def first(self, key: Any) -> bool:
        return key not in self._seen

    def withdraw(self, call: Any, kind: str) -> None:
        """Take back what was said of a call, where another call says it better."""
        self[:] = [finding for finding in self if finding.kind != kind or finding.place is not call.place]


def is_number(x: Any) -> bool:
    kind = type(x)
    return kind is Dual or kind is np.ndarray or isinstance(x, (float, int, complex, np.generic)) or _is_list(x)


def _is_list(x: Any) -> bool:
    return type(x) in (list, tuple) and any(map(is_number, x))


def plain(x: Any) -> Any:
    """The plain value of an operand, or of a list of them."""
    while type(x) is Dual:
        x = x.value
    if type(x) in (list, tuple):
        parts = [plain(item) for item in x]
        try:
            return np.array(parts)
        except ValueError:  # of different shapes
            return np.concatenate([np.ravel(part) for part in parts])
    if hasattr(type(x), "__dual__"):
        return plain(x.__dual__())
    return x


def array_of(x: Any) -> Any:
    """An operand as a plain array of numbers, or None."""
    if not is_number(x) and not hasattr(type(x), "__dual__"):
        return None
    array = np.asarray(plain(x))
    if array.dtype == object:
        array = np.array([plain(item) for item in array.ravel().tolist()])
    return array if array.dtype.kind in "biufc" else None


def results_of(result: Any) -> Any:
    if isinstance(result, (tuple, list)):
        parts = [array_of(part) for part in result]
        parts = [np.ravel(part) for part in parts if part is not None]
        return np.concatenate(parts) if parts else None
    return array_of(result)


def entry_of(where: Any) -> str:
    if not np.ndim(where):
        return ""
    index = tuple(int(i) for i in np.argwhere(where)[0])
    return f" (entry {index[0] if len(index) == 1 else index} of shape {np.shape(where)})"
