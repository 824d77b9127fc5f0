"""What each line costs: the value, forward mode, and reverse mode's recording and way back; time and memory.

Time goes to the user's line that is running, whatever works for it, by Python's line events (`sys.settrace`): shares
under a tracer, which are then scaled to what the run takes without one.  A line that runs often is charged what the
tracer itself costs, less what that is known to be.  The way back has no lines; each node of the tape is timed, and
belongs to the line that recorded it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, NamedTuple

from ..tangents import blocks
from ..tangents.tape import memory_of
from ..transforms.recording import Recording
from . import places
from .places import Place
from .watching import Watch
from .way_back import steps

_clock = time.perf_counter
_Line = tuple[str, int]


class Line(NamedTuple):
    """What one line of the user's took: seconds of the value, forward mode and reverse mode, and bytes.

    ``calls`` into this package, ``scalars`` of them for a single number; ``nbytes`` of the values made there, which is
    also what a tangent of forward mode takes; ``recorded``, what reverse mode holds for the line until the way back.
    """

    place: Place
    calls: int
    scalars: int
    value: float
    forward: float
    reverse: float
    nbytes: int
    recorded: int


class Timer:
    """Seconds by line of one run of a function."""

    def __init__(self) -> None:
        self.seconds: dict[_Line, float] = {}
        self.functions: dict[_Line, str] = {}
        self.events: dict[_Line, int] = {}
        self._stack: list[_Line] = []
        self._last = 0.0

    def run(self, f: Callable[[], Any]) -> Any:
        before = sys.gettrace()
        sys.settrace(self._see)
        self._last = _clock()
        try:
            return f()
        finally:
            sys.settrace(before)

    def _see(self, frame: FrameType, event: str, arg: Any) -> Any:
        if places.owner_of(frame) != "user":
            return None
        self._charge()
        self._stack.append((frame.f_code.co_filename, frame.f_lineno or 0))
        self._last = _clock()
        return self._within

    def _within(self, frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line":
            self._charge()
            line = (frame.f_code.co_filename, frame.f_lineno or 0)
            if self._stack:
                self._stack[-1] = line
            self.functions.setdefault(line, frame.f_code.co_qualname)
            self.events[line] = self.events.get(line, 0) + 1
            self._last = _clock()
        elif event == "return":
            self._charge()
            if self._stack:
                self._stack.pop()
            self._last = _clock()
        return self._within

    def _charge(self) -> None:
        if self._stack:
            line = self._stack[-1]
            self.seconds[line] = self.seconds.get(line, 0.0) + max(0.0, _clock() - self._last)


def by_line(f: Callable[[], Any], whole: float, rounds: int) -> tuple[dict[_Line, float], Timer]:
    """Seconds by line of a run that takes ``whole`` seconds without a tracer; the least of some rounds each."""
    least: dict[_Line, float] = {}
    for _ in range(rounds):
        timer = Timer()
        timer.run(f)
        for line, seconds in timer.seconds.items():
            least[line] = min(seconds, least.get(line, seconds))
    total = sum(least.values()) or 1.0
    return {line: seconds / total * whole for line, seconds in least.items()}, timer


def way_back(watch: Watch, record: Recording) -> dict[_Line, float]:
    """Seconds of the way back by the line that recorded each node."""
    found: dict[_Line, float] = {}
    blocks.silently(_way_back, watch, record, found)
    return found


def _way_back(watch: Watch, record: Recording, found: dict[_Line, float]) -> None:
    for node, cotangent, sweep in steps(record):
        begin = _clock()
        node.pull(cotangent, sweep)
        took = _clock() - begin
        line = _line_of(watch, node.index)
        if line is not None:
            found[line] = found.get(line, 0.0) + took


def _line_of(watch: Watch, at: int) -> _Line | None:
    number = watch.owners[at] if at < len(watch.owners) else -1
    place = watch.calls[number].place if number >= 0 else None
    return None if place is None else (place.file, place.line)


def recorded_bytes(watch: Watch) -> dict[_Line, int]:
    """Bytes that the tape holds for each line, memory that several nodes read counted once, at the first."""
    found: dict[_Line, int] = {}
    seen: set[int] = set()
    for node in watch.tape.nodes if watch.tape is not None else ():
        line = _line_of(watch, node.index)
        for array in node.held():
            memory = memory_of(array)
            if line is None or memory is None or id(memory) in seen:
                continue
            seen.add(id(memory))
            found[line] = found.get(line, 0) + memory.nbytes
    return found
