"""Kinks and jumps that the operands of a call sit on, and the convention taken there."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from .findings import Findings, array_of, entry_of

_MOST_ENTRIES = 2**22  # of an operand that is looked at


def _where(mask: Any, text: str) -> str:
    count = int(np.count_nonzero(mask))
    where = entry_of(mask)
    more = f", and {count - 1} more" if count > 1 else ""
    return f"{text}{where}{more}" if where else text


def kinks(findings: Findings, call: Any, operation: Any, operands: list[Any], value: Any, result: Any) -> None:
    """Look at one call that has just returned."""
    if operation.function not in KINKS or any(a is not None and a.size > _MOST_ENTRIES for a in operands):
        return
    text = KINKS[operation.function](operation, operands, value)
    if operation.function in _BRANCHES:
        ties = _tied(operands, value)
        if type(result) is np.ndarray and ties is not None and np.any(ties):
            findings.tied.append((weakref.ref(result), np.broadcast_to(ties, result.shape), call))
            del findings.tied[:-64]
    if operation.function is np.where and len(operation.args) == 3:
        text = _where_at_a_tie(findings, operation, operands)
    if text:
        findings.note(("kink", id(call)), "kink", text, call)


def _tied(operands: list[Any], value: Any) -> Any:
    numbers = [a for a in operands if a is not None]
    return numbers[0] == numbers[1] if len(numbers) > 1 else None


def _at_zero(convention: str) -> Callable[..., str]:
    def look(operation: Any, operands: list[Any], value: Any) -> str:
        if operands[0] is None or not np.any(mask := operands[0] == 0):
            return ""
        return _where(mask, f"{operation.name} at 0") + f": {convention}"

    return look


def _of_zero_result(operation: Any, operands: list[Any], value: Any) -> str:
    if value is None or not np.any(mask := value == 0):
        return ""
    return _where(mask, f"{operation.name} is 0, where it has a kink") + ": derivative 0 is taken"


def _of_two(operation: Any, operands: list[Any], value: Any) -> str:
    if any(a is None for a in operands[:2]) or not np.any(mask := operands[0] == operands[1]):
        return ""
    return _where(mask, f"{operation.name} of two equal numbers") + ": the derivative is shared evenly"


def _of_bounds(operation: Any, operands: list[Any], value: Any) -> str:
    x = operands[0]
    bounds = [*operation.args[1:3], *(operation.kwargs.get(name) for name in ("a_min", "a_max", "min", "max"))]
    for bound in bounds:
        if x is not None and (b := array_of(bound)) is not None and np.any(mask := x == b):
            return _where(mask, "np.clip at a bound") + ": half of the derivative is taken"
    return ""


def _of_extremes(operation: Any, operands: list[Any], value: Any) -> str:
    x = operands[0]
    axis = operation.kwargs.get("axis", operation.args[1] if len(operation.args) > 1 else None)
    if x is None or x.size == 0:
        return ""
    for extreme in (np.nanmax, np.nanmin) if operation.function is np.ptp else (operation.function,):
        found = extreme(x, axis=axis, keepdims=True) if axis is None or isinstance(axis, (int, tuple)) else None
        if found is not None and (most := int(np.max(np.sum(x == found, axis=axis)))) > 1:
            return f"{operation.name}: {most} entries are {_word(extreme)}: the derivative is shared evenly"
    return ""


def _of_several(operation: Any, operands: list[Any], value: Any) -> str:
    numbers = operands if len(operands) > 1 else list(operands[0]) if operands and np.ndim(operands[0]) == 1 else []
    if value is None or np.ndim(value) or any(x is None or np.ndim(x) for x in numbers) or operation.kwargs.get("key"):
        return ""
    if sum(bool(x == value) for x in numbers) < 2:
        return ""
    return f"{operation.name} of equal numbers: the derivative is that of the first"


def _word(extreme: Any) -> str:
    return "the largest" if "max" in extreme.__name__ else "the smallest"


def _of_position(operation: Any, operands: list[Any], value: Any) -> str:
    x = operands[0]
    if x is None or x.size < 2:
        return ""
    chosen = operation.function in (np.median, np.nanmedian, np.percentile, np.quantile)
    flat = np.sort(np.ravel(x))
    ties = flat[1:][flat[1:] == flat[:-1]]
    if chosen and value is not None:
        ties = ties[np.isin(ties, value)]
    if not ties.size:
        return ""
    return f"{operation.name}: entries are equal (to {ties[0]:.6g}): the derivative goes by position"


def _of_whole(half: bool) -> Callable[..., str]:
    def look(operation: Any, operands: list[Any], value: Any) -> str:
        x = operands[0]
        if x is None or x.dtype.kind != "f":
            return ""
        mask = np.isfinite(x) & (np.abs(x) < 2.0**52) & (np.floor(x + 0.5) - 0.5 == x if half else np.floor(x) == x)
        if not np.any(mask):
            return ""
        return _where(mask, f"{operation.name} at a jump") + ": derivative 0 is taken"

    return look


def _of_quotient(operation: Any, operands: list[Any], value: Any) -> str:
    if any(a is None or a.dtype.kind not in "fiu" for a in operands[:2]):
        return ""
    quotient = operands[0] / operands[1]
    if not np.any(mask := np.isfinite(quotient) & (np.floor(quotient) == quotient)):
        return ""
    return _where(mask, f"{operation.name} at a jump") + ": the derivative beside it is taken"


def _of_comparison(operation: Any, operands: list[Any], value: Any) -> str:
    ties = _tied(operands, value)
    if ties is None or not np.any(ties) or value is None or value.dtype.kind != "b":
        return ""
    return _where(ties, f"{operation.name} compares equal numbers: the point sits on the border of two branches") + (
        f", of which that for {'True' if bool(np.any(np.broadcast_to(value, np.shape(ties))[ties])) else 'False'} "
        "is differentiated"
    )


def _of_truth(operation: Any, operands: list[Any], value: Any) -> str:
    """``if x:``, which compares with 0."""
    if operands[0] is None or not np.all(operands[0] == 0):
        return ""
    return "bool of 0: the point sits on the border of two branches, of which that for False is differentiated"


def _of_positions_of_extremes(operation: Any, operands: list[Any], value: Any) -> str:
    x = operands[0]
    if x is None or x.size < 2:
        return ""
    extreme = np.nanmax(x) if "max" in operation.function.__name__ else np.nanmin(x)
    if np.count_nonzero(x == extreme) < 2:
        return ""
    return f"{operation.name}: the largest or smallest entry comes more than once; the first is taken"


def _of_knots(operation: Any, operands: list[Any], value: Any) -> str:
    if len(operands) < 2 or operands[0] is None or operands[1] is None:
        return ""
    x, knots = operands[:2] if operation.function is not np.searchsorted else operands[1::-1]
    if not np.any(mask := np.isin(x, knots)):
        return ""
    return _where(mask, f"{operation.name} at a knot") + ": the slope of one side is taken"


def _where_at_a_tie(findings: Findings, operation: Any, operands: list[Any]) -> str:
    condition, a, b = operation.args[0], *operands[1:3]
    for reference, ties, comparison in findings.tied:
        if reference() is condition and a is not None and b is not None:
            findings.withdraw(comparison, "kink")
            gap, ties = np.broadcast_arrays(np.abs(a - b), ties)
            jump = float(np.max(gap, where=ties, initial=0.0))
            how = f"differ by {jump:.3g}: a jump" if jump else "meet: a kink"
            text = _where(ties, "np.where chooses at a tie")
            return f"{text}, where its branches {how}; the one chosen is differentiated"
    return ""


_COMPARISONS = (np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal)
_BRANCHES = frozenset(_COMPARISONS)
KINKS: dict[Any, Callable[..., str]] = {
    **dict.fromkeys((np.absolute, np.fabs, math.fabs), _at_zero("derivative 0 is taken, the mean of both sides")),
    **dict.fromkeys((np.sign, np.heaviside), _at_zero("a jump, derivative 0 is taken")),
    **dict.fromkeys((np.maximum, np.minimum, np.fmax, np.fmin), _of_two),
    **dict.fromkeys((max, min), _of_several),
    **dict.fromkeys((np.max, np.min, np.nanmax, np.nanmin, np.ptp), _of_extremes),
    **dict.fromkeys((np.sort, np.median, np.nanmedian, np.percentile, np.quantile, np.partition), _of_position),
    **dict.fromkeys((np.linalg.norm, np.hypot, math.hypot, np.std), _of_zero_result),
    **dict.fromkeys((np.floor, np.ceil, np.trunc, np.fix, math.floor, math.ceil, math.trunc, int), _of_whole(False)),
    **dict.fromkeys((np.rint, np.round, round), _of_whole(True)),
    **dict.fromkeys((np.remainder, np.fmod, math.fmod, np.floor_divide), _of_quotient),
    **dict.fromkeys(_COMPARISONS, _of_comparison),
    bool: _of_truth,
    **dict.fromkeys((np.argmax, np.argmin, np.nanargmax, np.nanargmin), _of_positions_of_extremes),
    **dict.fromkeys((np.interp, np.searchsorted, np.digitize), _of_knots),
    np.clip: _of_bounds,
    np.where: lambda operation, operands, value: "",
}
