"""Places: the user's file and line behind a frame.

A frame is of this package, of NumPy, of a library (the standard one, SciPy), or of the user.  What a function does is
said at the user's line that asked for it, whatever lies between.  Adapted functions keep the positions of their source.
"""

from __future__ import annotations

import linecache
import os
import sys
import sysconfig
from functools import lru_cache
from types import CodeType, FrameType, TracebackType
from typing import Any, NamedTuple

import numpy as np

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_NUMPY = os.path.dirname(os.path.abspath(np.__file__)) + os.sep
_STDLIB = tuple(
    os.path.join(path, "") for path in {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")} if path
)


class Place(NamedTuple):
    """A line of the user's: its file, its number, the function it is in, its text, and the part of it that ran."""

    file: str
    line: int
    function: str
    text: str
    expression: str = ""

    def __str__(self) -> str:
        return f"{shown(self.file)}:{self.line}"


def shown(file: str) -> str:
    """A file as a person names it: from the working directory on, if it is below that."""
    if file.startswith("<"):
        return file
    try:
        relative = os.path.relpath(file)
    except ValueError:  # on another drive
        return file
    return file if relative.startswith("..") else relative


OWNERS: dict[str, str] = {}  # of the files met so far, but for "<string>", which says nothing


def owner(file: str) -> str:
    """Whose a file is: "dualdiff", "numpy", "library" or "user"."""
    found = OWNERS.get(file)
    if found is None:
        found = _owner(file)
        if file != "<string>":
            OWNERS[file] = found
    return found


def _owner(file: str) -> str:
    if file.startswith(_OURS):
        return "dualdiff"
    if file.startswith((_NUMPY, "<__array_function__")):
        return "numpy"
    if file.startswith("<frozen"):
        return "library"
    scipy = getattr(sys.modules.get("scipy"), "__file__", None)
    if scipy and file.startswith(os.path.dirname(os.path.abspath(scipy)) + os.sep):
        return "library"
    if file.startswith(_STDLIB) and "site-packages" not in file and "dist-packages" not in file:
        return "library"
    return "user"


def owner_of(frame: FrameType) -> str:
    """Whose a frame is; what named tuples and dataclasses generate belongs to who made them."""
    file = frame.f_code.co_filename
    if file != "<string>":
        return owner(file)
    root = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    return {"dualdiff": "dualdiff", "numpy": "numpy"}.get(root, "library" if root.startswith("namedtuple_") else "user")


def of_code(code: CodeType, at: int, line: int) -> Place:
    """The place of an instruction."""
    text = linecache.getline(code.co_filename, line).strip()
    return Place(code.co_filename, line, code.co_qualname, text, _expression(code, at))


def of_line(file: str, line: int, function: str) -> Place:
    return Place(file, line, function, linecache.getline(file, line).strip())


@lru_cache(maxsize=4096)
def _positions(code: CodeType) -> list[Any]:
    return list(code.co_positions())


def _expression(code: CodeType, at: int) -> str:
    """The source of the call or operation that an instruction belongs to, if it stands on one line."""
    positions = _positions(code)
    start, stop, first, last = positions[at // 2] if 0 <= at // 2 < len(positions) else (None,) * 4
    if start is None or start != stop or first is None or last is None:
        return ""
    return linecache.getline(code.co_filename, start).encode()[first:last].decode(errors="replace")


def of_traceback(trace: TracebackType | None) -> Place | None:
    """The user's innermost line on the way of an error."""
    found = None
    while trace is not None:
        code = trace.tb_frame.f_code
        if owner(code.co_filename) == "user":
            found = of_code(code, trace.tb_lasti, trace.tb_lineno or 0)
        trace = trace.tb_next
    return found


def of_function(f: Any) -> Place | None:
    """Where a function is defined, if it was written in Python."""
    for _ in range(20):
        inner = getattr(f, "__wrapped__", None) or getattr(f, "func", None) or getattr(f, "__func__", None)
        if inner is None:
            break
        f = inner
    called = getattr(type(f), "__call__", None)  # noqa: B004  (of the class, where an instance is called)
    code = getattr(f, "__code__", None) or getattr(called, "__code__", None)
    if code is None or owner(code.co_filename) != "user":
        return None
    return of_code(code, -1, code.co_firstlineno)
