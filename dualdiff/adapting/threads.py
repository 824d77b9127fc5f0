"""Functions that other threads run: ``Thread(target=f)``, ``executor.submit(f, x)``, ``executor.map(f, xs)``."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import FunctionType
from typing import Any

from .builtins import hooked
from .calls import PACKAGES, enter
from .handing import handed


def _hooked_at(original: Any, position: int, name: str) -> Callable[..., Any]:
    """A call of ``original`` with the function among its arguments viewed."""

    @functools.wraps(original, updated=())
    def call(*args: Any, **kwargs: Any) -> Any:
        if len(args) > position:
            args = (*args[:position], _viewed(args[position]), *args[position + 1 :])
        elif name in kwargs:
            kwargs[name] = _viewed(kwargs[name])
        return original(*args, **kwargs)

    return call


def _viewed(x: Any) -> Any:
    """With the name of ``x``, if it has one: a thread is called after what it runs."""
    view = hooked(x)
    return view if view is x or type(x) is FunctionType else handed(x, view)


def _arrive_threading() -> None:
    threading = sys.modules["threading"]
    enter(threading.Thread, _hooked_at(threading.Thread, 1, "target"))
    enter(threading.Timer, _hooked_at(threading.Timer, 1, "function"))
    del PACKAGES["threading"]


def _arrive_concurrent() -> None:
    thread = sys.modules.get("concurrent.futures.thread")
    if thread is not None:
        pool: Any = thread.ThreadPoolExecutor
        for method in (pool.submit, pool.map):  # of the base class, which a pool of processes shares
            enter(method, _hooked_at(method, 1, "fn"))
        del PACKAGES["concurrent"]


PACKAGES["threading"] = _arrive_threading
PACKAGES["concurrent"] = _arrive_concurrent
