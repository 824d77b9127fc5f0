"""The user's line of each call: the one that runs, and in a sweep over a record the one whose operation is swept.

While a run is traced, a record of operations keeps its nodes in `Placed`, which asks for the user's line as each is
made.  In a nested sweep that is the line of the operation that is pulled back just then.
"""

from __future__ import annotations

import sys
from types import CodeType
from typing import Any

from ..tangents.running import Running
from ..values import kinds

BACKWARD = "backward of "
_BACK = Running._run_back.__code__
_FORWARD = Running._run_forward.__code__
_OURS = ("dualdiff", "numpy")
_IS_OURS: dict[CodeType, bool] = {}


class Placed(list[Any]):
    """The nodes of a record, and the user's line of each."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def append(self, node: Any) -> None:
        super().append(node)
        self.lines.append(users_line(sys._getframe(1)).removeprefix(BACKWARD))


def users_line(frame: Any) -> str:
    """``file:line`` of the user's code that is running, or ``backward of file:line`` of what is pulled back."""
    while frame is not None:
        code = frame.f_code
        if code is _BACK or code is _FORWARD:
            swept = frame.f_locals
            nodes = swept["self"].nodes
            at = getattr(swept.get("node"), "index", None)
            if type(nodes) is Placed and at is not None and at < len(nodes.lines) and nodes.lines[at]:
                return (BACKWARD if code is _BACK else "") + nodes.lines[at]
        else:
            known = _IS_OURS.get(code)
            if known is None:
                name = frame.f_globals.get("__name__", "")
                known = name.startswith(_OURS) and not name.startswith("dualdiff.scipy")
                if known:  # which are few, and stay
                    _IS_OURS[code] = known
            if not known:
                return f"{code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


def shown(line: str) -> str:
    """A line as a comment has it: without the folder."""
    head = BACKWARD if line.startswith(BACKWARD) else ""
    file, _, number = line.removeprefix(head).rpartition(":")
    return f"{head}{file.replace(chr(92), '/').rpartition('/')[2]}:{number}"


kinds.place_operations(Placed)
