"""Sample calls of every rule in the table, one module a subject.

    sample(np.cumsum, lambda x: np.cumsum(x, axis=1), (3, 4))

names the function whose rule is exercised, a program of arrays, and its arguments: arrays, or shapes to be filled with
fixed random numbers.  `tests/test_rules.py` runs every sample through every check; a rule without a sample fails.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from dualdiff.errors import name_of


class Sample(NamedTuple):
    function: Any  # key of the table
    f: Callable[..., Any]
    args: tuple[Any, ...]
    second: bool  # whether second derivatives exist at this point
    duck: bool  # whether plain NumPy code of this kind runs on an array that is no ndarray

    def __str__(self) -> str:
        shapes = ",".join(str(np.shape(arg)) for arg in self.args)
        return f"{name_of(self.function)}-{self.f.__code__.co_firstlineno}-{shapes}"


SAMPLES: list[Sample] = []


def sample(function: Any, f: Callable[..., Any], *args: Any, second: bool = True, duck: bool = True) -> None:
    """Register a sample; a tuple of ints among ``args`` is a shape, anything else an array or number."""
    # Numbers that depend on the function alone: another sample elsewhere does not change them.
    number = sum(other.function is function for other in SAMPLES)
    rng = np.random.default_rng([number, *name_of(function).encode()])
    filled = tuple(rng.uniform(0.2, 0.9, arg) if isinstance(arg, tuple) else arg for arg in args)
    SAMPLES.append(Sample(function, f, filled, second, duck))


def well_conditioned(n: int, seed: int = 0, batch: tuple[int, ...] = ()) -> np.ndarray[Any, Any]:
    """Square matrices far from singular, with distinct eigenvalues and singular values."""
    rng = np.random.default_rng(seed)
    return rng.uniform(-0.5, 0.5, (*batch, n, n)) + np.diag(np.arange(2.0, n + 2))


def symmetric(n: int, seed: int = 0, batch: tuple[int, ...] = ()) -> np.ndarray[Any, Any]:
    a = well_conditioned(n, seed, batch)
    return a + np.swapaxes(a, -1, -2)


def load_all() -> list[Sample]:
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return SAMPLES
