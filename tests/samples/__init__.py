"""Sample calls of every rule in the table, one module a subject.

    sample(np.cumsum, lambda x: np.cumsum(x, axis=1), (3, 4))

names the function whose rule is exercised, a program of arrays, and its arguments: arrays, or shapes to be filled with
fixed random numbers.  `tests/test_rules.py` runs every sample through every check; a rule without a sample fails.
The modules of samples are imported by the first test that asks for them: to collect tests no array is made.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import dualdiff.special  # noqa: F401  (enters its rules)
from dualdiff import table
from dualdiff.errors import name_of
from dualdiff.table import RULES

table.complete("numpy")  # rules enter the table as they are needed: before `functions` is asked by any test


class Sample(NamedTuple):
    function: Any  # key of the table
    f: Callable[..., Any]
    args: tuple[Any, ...]
    second: bool  # whether second derivatives exist at this point
    duck: bool  # whether plain NumPy code of this kind runs on an array that is no ndarray

    def __str__(self) -> str:
        shapes = ",".join(str(np.shape(arg)) for arg in self.args)
        place = f"{Path(self.f.__code__.co_filename).name}:{self.f.__code__.co_firstlineno}"
        return f"{name_of(self.function)}, {place}, shapes {shapes}"


_SAMPLES: dict[Any, list[Sample]] = defaultdict(list)


def sample(function: Any, f: Callable[..., Any], *args: Any, second: bool = True, duck: bool = True) -> None:
    """Register a sample; a tuple of ints among ``args`` is a shape, anything else an array or number."""
    # Numbers that depend on the function alone: another sample elsewhere does not change them.
    number = len(_SAMPLES[function])
    rng = np.random.default_rng([number, *name_of(function).encode()])
    filled = tuple(rng.uniform(0.2, 0.9, arg) if isinstance(arg, tuple) else arg for arg in args)
    _SAMPLES[function].append(Sample(function, f, filled, second, duck))


def well_conditioned(n: int, seed: int = 0, batch: tuple[int, ...] = ()) -> np.ndarray[Any, Any]:
    """Square matrices far from singular, with distinct eigenvalues and singular values."""
    rng = np.random.default_rng(seed)
    return rng.uniform(-0.5, 0.5, (*batch, n, n)) + np.diag(np.arange(2.0, n + 2))


def symmetric(n: int, seed: int = 0, batch: tuple[int, ...] = ()) -> np.ndarray[Any, Any]:
    a = well_conditioned(n, seed, batch)
    return a + np.swapaxes(a, -1, -2)


def functions() -> list[Any]:
    """The functions whose rules give derivatives, in the order of the table.

    Those that `dualdiff.scipy` stands in for have tests of their own.
    """
    return [
        function
        for function, rule in RULES.items()
        if rule.form not in ("passive", "refused") and rule.function is function
    ]


@functools.cache
def load_all() -> list[Sample]:
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return [sample for samples in _SAMPLES.values() for sample in samples]


def samples_of(function: Any) -> list[Sample]:
    """The samples of one function, of which there is at least one."""
    load_all()
    if function not in _SAMPLES:
        raise LookupError(f"{name_of(function)} has a rule and no sample: see tests/samples")
    return _SAMPLES[function]


@functools.cache
def _of_declared_forms() -> set[int]:
    """Of declared rules, the largest sample of each function, and one of each line of samples and set of shapes."""
    size = lambda sample: (sample.second, sum(map(np.size, sample.args)), max(map(np.ndim, sample.args)))
    chosen = [max(samples_of(function), key=size) for function in functions()]
    by_line = {
        (sample.f.__code__.co_filename, sample.f.__code__.co_firstlineno, *map(np.shape, sample.args)): sample
        for sample in load_all()
    }
    return {id(sample) for sample in (*chosen, *by_line.values())}


IN_HUNDREDTHS = (np.percentile, np.nanpercentile)  # the rules of np.quantile and np.nanquantile, with 100 for 1


def of_their_form(sample: Sample) -> bool:
    """Whether a law of the form of rules is to be tested at a sample: always, if its rule is written by hand."""
    declared = RULES[sample.function].form == "elementwise" or sample.function in IN_HUNDREDTHS
    return not declared or id(sample) in _of_declared_forms()
