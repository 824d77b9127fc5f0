"""Numbers and indices as ``print(tape)`` shows them: see the method `text` of each operation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..values.kinds import innermost as plain
from . import ONE, Trivial


def factor_text(partial: Any) -> str:
    """A partial in front of a tangent; of an array its dtype and shape."""
    if type(partial) is Trivial:
        return "" if partial is ONE else "-"
    shape = getattr(partial, "shape", ())
    return f"{partial.dtype}{list(shape)} " if shape else f"{float(np.real(plain(partial))):.6g} "


def index_text(part: Any) -> str:
    """One part of an index, between brackets."""
    if type(part) is not slice:
        return "..." if part is Ellipsis else str(part)
    ends = ["" if end is None else str(end) for end in (part.start, part.stop)]
    return ":".join(ends if part.step is None else [*ends, str(part.step)])
