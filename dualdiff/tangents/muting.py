"""What SciPy's C code prints of an error that a callback met, before it raises one of its own: not where it is ours.

Between a refusal and the end of the transform such an error, which has not left this package, is not printed.
"""

from __future__ import annotations

import sys
from typing import Any

_before: list[Any] = []


def mute() -> None:
    if sys.excepthook is not _printed:
        _before[:] = [sys.excepthook]
        sys.excepthook = _printed


def unmute() -> None:
    """At the end of a transform in which something was refused."""
    if sys.excepthook is _printed:
        sys.excepthook = _before[0]


def _printed(kind: Any, error: Any, trace: Any) -> None:
    frame, ours = trace, trace is not None
    while frame is not None:
        ours = ours and frame.tb_frame.f_globals.get("__name__", "").startswith("dualdiff")
        frame = frame.tb_next
    if not ours:
        _before[0](kind, error, trace)
