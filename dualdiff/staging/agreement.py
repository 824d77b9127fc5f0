"""Where Python's numbers agree with NumPy's to the last bit on this machine: functions, powers, the order of sums."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

OF_MATH: dict[Any, str] = {
    np.sin: "sin", np.cos: "cos", np.tan: "tan", np.exp: "exp", np.log: "log", np.sqrt: "sqrt", np.tanh: "tanh",
    np.sinh: "sinh", np.cosh: "cosh", np.arctan: "atan", np.arcsin: "asin", np.arccos: "acos", np.log1p: "log1p",
    np.expm1: "expm1", np.log2: "log2", np.log10: "log10", np.arctan2: "atan2", np.hypot: "hypot", np.arcsinh: "asinh",
    np.arccosh: "acosh", np.arctanh: "atanh", np.exp2: "exp2",
}  # fmt: skip


@cache
def agrees(function: Any) -> bool:
    """Whether ``math`` has this function to the last bit, as NumPy has it for one number and for many."""
    twin = getattr(math, OF_MATH[function], None)
    if twin is None:
        return False
    points = _points(function)
    with np.errstate(all="ignore"):
        found = function(*points)
        for i, args in enumerate(zip(*(x.tolist() for x in points), strict=True)):
            try:
                if twin(*args) != found[i]:
                    return False
            except (ValueError, OverflowError):  # which goes to NumPy
                continue
            if i < 300 and function(*map(np.float64, args)) != found[i]:
                return False
    return True


def _points(function: Any) -> list[Any]:
    """Numbers of its domain, of the usual sizes and of all."""
    rng = np.random.default_rng(0)
    low, high = {"log": (1e-8, 50.0), "log2": (1e-8, 50.0), "log10": (1e-8, 50.0), "sqrt": (0.0, 1e3),
                 "asin": (-1.0, 1.0), "acos": (-1.0, 1.0), "atanh": (-1.0, 1.0), "acosh": (1.0, 50.0),
                 "log1p": (-0.99, 50.0)}.get(OF_MATH[function], (-20.0, 20.0))  # fmt: skip
    sizes = (-300.0, 0.0) if high == 1.0 else (-300.0, 300.0) if high != 20.0 else (-10.0, 10.0)
    signs = [1.0] if low >= 0 or OF_MATH[function] == "log1p" else [-1.0, 1.0]
    points = []
    for _ in range(function.nin):
        wide = 10.0 ** rng.uniform(*sizes, 4000) * rng.choice(signs, 4000)
        points.append(rng.permutation(np.concatenate([rng.uniform(low, high, 4000), np.maximum(wide, min(low, 0.0))])))
    return points


@cache
def is_same_in_all_layouts(function: Any) -> bool:
    """Whether NumPy rounds entries in the same way in a reversed array, of which its loops may be others."""
    points = _points(function)
    reversed_ = [x[::-1].copy()[::-1] for x in points]
    with np.errstate(all="ignore"):
        found = function(*points)
        return all(
            np.array_equal(function(*points[:i], x, *points[i + 1 :]), found, equal_nan=True)
            for i, x in enumerate(reversed_)
        )


@cache
def powers_agree() -> bool:
    """Whether a power of one of NumPy's scalars is C's."""
    rng = np.random.default_rng(0)
    return all(
        np.float64(a) ** b == math.pow(a, b) and np.float64(a) ** np.float64(b) == math.pow(a, b)
        for b in (2, 3, -1, 0.5, 1.5, -2.7)
        for a in rng.uniform(0.01, 9.0, 400).tolist()
    )


# Sums.


def summed(items: list[Any], add: Callable[[Any, Any], Any]) -> Any:
    """The sum of a contiguous row as NumPy makes it: pairwise."""
    n = len(items)
    if n < 8:
        return in_turn(items, add)
    if n <= 128:
        runs = items[:8]
        stop = n - n % 8
        for i in range(8, stop, 8):
            runs = [add(run, item) for run, item in zip(runs, items[i : i + 8], strict=True)]
        total = add(
            add(add(runs[0], runs[1]), add(runs[2], runs[3])), add(add(runs[4], runs[5]), add(runs[6], runs[7]))
        )
        for item in items[stop:]:
            total = add(total, item)
        return total
    half = n // 2
    half -= half % 8
    return add(summed(items[:half], add), summed(items[half:], add))


def in_turn(items: list[Any], add: Callable[[Any, Any], Any]) -> Any:
    total = items[0]
    for item in items[1:]:
        total = add(total, item)
    return total


@cache
def sums_agree(shape: tuple[int, ...], axis: int) -> bool:
    """Whether NumPy sums an array of this shape in the order known here."""
    if 0 in shape:
        return False
    for number in range(3):
        array = np.random.default_rng(number).standard_normal(shape) * 10.0 ** np.random.default_rng(9).uniform(
            -3, 3, shape
        )
        found = np.add.reduce(array, axis=axis)
        add = lambda a, b: a + b
        if array.ndim == 1:
            expected: Any = summed(array.tolist(), add)
        elif axis == 1:
            expected = [summed(row, add) for row in array.tolist()]
        else:
            expected = [in_turn(column, add) for column in array.T.tolist()]
        if not np.array_equal(found, expected):
            return False
    return True


@cache
def begins_at_zero(n: int) -> bool:
    """Whether NumPy's sum of n negative zeros is 0.0: it begins with that then, and not with the first of them."""
    return not np.signbit(np.add.reduce(np.full(n, -0.0)))
