"""`TriedRearranging`: the rule of a declared rearrangement, whose places are found out by moving positions."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import errors
from ..values.dual import primal
from . import forms


class Plain:
    """A plain argument whose entries move, until it has positions."""

    def __init__(self, x: Any) -> None:
        self.entries = np.asarray(primal(x))


class TriedRearranging(forms.Rearranging):
    """That of a function whose places, and which entries are constants, have to be found out and may be wrong.

    Positions count through the Duals, 1 ... n, and on through what is plain, so that a product shows; the second ones
    are no whole numbers, so that rounding does.  Each entry has to be the one that it is said to be.
    """

    constant_positions = Plain

    def moved(self, y: Any, given: list[Any], places: Any, named: dict[str, Any]) -> Any:
        entries = [np.ravel(primal(part)) for part in given]
        n = sum(part.size for part in entries)
        total = n

        def numbered(place: Any) -> Any:
            nonlocal total
            if type(place) is not Plain:
                return place
            entries.append(place.entries.ravel())
            start, total = total + 1, total + place.entries.size
            return np.arange(start, total + 1).reshape(place.entries.shape)

        places, named = [numbered(place) for place in places], {name: numbered(place) for name, place in named.items()}
        half = 0.5 if total < 1 << 20 else 0.0  # exact in float32
        other = lambda place: place + total + half
        try:
            once = self.function(*places, **named)
            again = self.function(
                *(other(place) if i in self.data else place for i, place in enumerate(places)),
                **{name: other(place) if name in self.data else place for name, place in named.items()},
            )
        except (TypeError, ValueError, IndexError) as error:
            raise self._refused(f"it takes its numbers only ({error})") from error
        return self._tried(y, once, again, n, np.concatenate(entries), other)

    def _tried(self, y: Any, once: Any, again: Any, n: int, entries: Any, other: Any) -> Any:
        """The positions in the Duals, 0 for constants, if all that is known of them is so."""
        if isinstance(y, (list, tuple)):
            parts = zip(y, once, again, strict=True)
            return type(y)([self._tried(*part, n, entries, other) for part in parts])
        once, again, values = np.asarray(once), np.asarray(again), np.asarray(primal(y))
        if once.shape == again.shape == values.shape:
            copied = (again != once) & ((again == again) | (once == once))
            found = np.where(copied, once, 0).astype(np.intp)
            within = (found == once) & (found > 0) & (found <= entries.size)
            if np.all(~copied | (within & (again == other(found)))):
                meant = np.where(copied, entries[found - 1], once) if entries.size else once
                if np.array_equal(meant.astype(values.dtype), values, equal_nan=values.dtype.kind in "fc"):
                    return np.where(found > n, 0, found)
        raise self._refused("where they go depends on their numbers, or they are changed")

    def _refused(self, why: str) -> errors.UnsupportedFunction:
        return errors.UnsupportedFunction(
            f"{errors.name_of(self.function)} is declared with dualdiff.rules.rearranging, and does not only move "
            f"entries here: {why}.\n"
            "  Declare it with dualdiff.rules.tangent_rule or composite."
        )
