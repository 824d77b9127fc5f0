"""Lazy buffers among the arguments of NumPy's functions: `__array_ufunc__` and `__array_function__` of a `Buffer`.

Where a Dual is among the arguments too, what is written into turns into one first.  What comes back is a fresh buffer,
the one that was written, or a view of one, which is remembered with the call that takes it anew.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ..table import RULES
from ..values.kinds import ARRAYS
from ..values.levels import duals_in, innermost
from .buffers import Buffer, attached, buffered, plain, stripped_of, turn

_ndarray = np.ndarray


def of_ufunc(self: Any, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    outputs = kwargs.get("out", ())
    duals = duals_in(inputs, outputs)
    if duals:
        perturbation = innermost(duals)
        targets = [*outputs, *(inputs[:1] if method == "at" else ())]
        for target in targets:
            if type(target) is Buffer:
                turn(target, perturbation)
    given = [plain(arg) for arg in inputs]
    options = {name: tuple(map(plain, arg)) if name == "out" else plain(arg) for name, arg in kwargs.items()}
    if outputs and method == "reduce" and sys._getframe(1).f_globals.get("__name__", "").endswith("_core._methods"):
        _refuse_divided(sys._getframe(1).f_code.co_name)
    result = getattr(ufunc, method)(*given, **options)
    for output in outputs:
        if type(output) is Buffer and output.value is result:
            return output
    if type(result) is tuple:
        return tuple(_owner_of(part, outputs) for part in result)
    return result if outputs else buffered(result)


def _refuse_divided(caller: str) -> None:
    """``a.mean(out=buffer)`` in code that is not adapted: NumPy divides what is written if that is its own array."""
    name = {"_mean": "mean", "_var": "var"}.get(caller)
    if name is not None:
        raise TypeError(
            f"the method {name} (or std) of a plain array cannot write into this out=, in code that is not adapted.\n"
            f"  Write np.{name}(a, ..., out=out) for a.{name}(..., out=out)."
        )


def of_function(self: Any, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
    duals = duals_in(args, kwargs)
    buffers: list[Buffer] = []
    if duals:
        perturbation = innermost(duals)
        for target in _targets(function, args, kwargs):
            if type(target) is Buffer:
                turn(target, perturbation)
    given, named = stripped_of(args, buffers), stripped_of(kwargs, buffers)
    result = function(*given, **named)
    if not buffers:
        return result
    again = (_called_again, function, args, kwargs, ())
    return _with_views(result, buffers, again, duals, function, args, kwargs)


# Views by functions.


def _called_again(parent: Any, function: Any, args: Any, kwargs: Any, at: tuple[Any, ...]) -> Any:
    result = function(*args, **kwargs)
    for i in at:
        result = result[i]
    return result


def _with_views(
    result: Any, buffers: list[Buffer], again: Any, duals: Any, function: Any, args: Any, kwargs: Any
) -> Any:
    """What a function returned, with views of buffers as such."""
    if type(result) in ARRAYS:
        for buffer in buffers:  # written: nothing is called again, whatever else shares its memory
            if result is buffer.value:
                return buffer
        for buffer in buffers:
            if np.may_share_memory(result, buffer.value):
                if duals or len(buffers) > 1:
                    return _turned_first(buffers, duals, function, args, kwargs, again[-1])
                return attached(result, buffer, again)
        if "out" in kwargs:
            return result
        fresh = result.base is None or result.size == 0 or not _is_seen_in(result, (args, kwargs))
        return buffered(result) if fresh else result
    if type(result) in (list, tuple) or hasattr(result, "_fields"):
        parts = [
            _with_views(part, buffers, (*again[:-1], (*again[-1], i)), duals, function, args, kwargs)
            for i, part in enumerate(result)
        ]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    return result


def _is_seen_in(result: Any, tree: Any) -> bool:
    """Whether a result is a view of a plain array among the arguments."""
    if isinstance(tree, (list, tuple)):
        return any(_is_seen_in(result, item) for item in tree)
    if isinstance(tree, dict):
        return any(_is_seen_in(result, item) for item in tree.values())
    return isinstance(tree, _ndarray) and np.may_share_memory(result, tree)


def _turned_first(buffers: Any, duals: Any, function: Any, args: Any, kwargs: Any, at: Any) -> Any:
    if duals:
        for buffer in buffers:
            if type(buffer) is Buffer:
                turn(buffer, innermost(duals))
        return _called_again(None, function, args, kwargs, at)
    # Several buffers, one of which is seen: what is seen of each comes from that one alone.
    result = _called_again(None, function, tuple(map(plain, args)), kwargs, at)
    owner = next(buffer for buffer in buffers if np.may_share_memory(result, buffer.value))
    return attached(result, owner, (_called_again, function, args, kwargs, at))


def _owner_of(part: Any, outputs: Any) -> Any:
    return next((out for out in outputs if type(out) is Buffer and out.value is part), part)


def _targets(function: Any, args: Any, kwargs: Any) -> list[Any]:
    """The arguments that a function writes into."""
    rule = RULES.get(function)
    found = [kwargs["out"]] if "out" in kwargs else []
    if rule is not None and rule.form == "writing":
        found += [*args[:1], *(kwargs[name] for name in ("a", "arr", "dst") if name in kwargs)]
    names = _parameters(function)
    if "out" in names and len(args) > names.index("out"):
        found.append(args[names.index("out")])
    return [item for target in found for item in (target if type(target) is tuple else (target,))]


_names_of: dict[Any, list[str]] = {}


def _parameters(function: Any) -> list[str]:
    if function not in _names_of:
        import inspect

        try:
            _names_of[function] = list(inspect.signature(function).parameters)
        except (TypeError, ValueError):
            _names_of[function] = []
    return _names_of[function]


Buffer.__array_ufunc__ = of_ufunc  # type: ignore[attr-defined]
Buffer.__array_function__ = of_function  # type: ignore[attr-defined]
