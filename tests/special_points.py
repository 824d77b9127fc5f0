"""The special points of a rule: its samples again, where derivatives go wrong.

    a zero      the first entry of each argument is 0
    zeros       all entries are 0
    ties        two entries of each argument are equal
    equal       all entries of all arguments are equal
    infinite    the first entry of each argument is inf
    empty       the first axis of each argument has the length 0

What to expect is not taken from the rule.  Where central differences of plain NumPy converge, the derivative is theirs:
at a kink that is the mean of both sides, which is what the conventions take (abs, norm, hypot and std have 0 at 0; two
that tie have half each).  Where they do not, a derivative may be infinite, and must not be nan.  A finite value at an
infinite argument has a derivative that is not nan.  Anything else is an excuse, by name and with its reason
(`tests/excuses.py`).  Both modes agree everywhere.
"""

from __future__ import annotations

import functools
import warnings
from collections import defaultdict
from typing import Any

import numpy as np

import dualdiff as dd
from dualdiff.errors import name_of
from dualdiff.pytrees.trees import flatten
from dualdiff.table import RULES
from dualdiff.testing import derivative_at_zero
from tests.samples import Sample, load_all

KINDS = ("a zero", "zeros", "ties", "equal", "infinite", "empty")
SAMPLES_OF_ONE = 4  # of each function, the first
ENDLESS = (np.polyfit, np.roots, np.poly)  # and linear algebra: LAPACK may never come back from an infinite entry


@functools.cache
def samples_by_function() -> dict[Any, list[Sample]]:
    found: dict[Any, list[Sample]] = defaultdict(list)
    for sample in load_all():
        found[sample.function].append(sample)
    return {function: samples[:SAMPLES_OF_ONE] for function, samples in found.items()}


def special(args: tuple[Any, ...], kind: str) -> tuple[Any, ...] | None:
    """The arguments at a special point; None where they have no such point, or are at it already."""
    arrays = [np.array(arg, dtype=complex if np.iscomplexobj(arg) else float) for arg in args]
    if any(array.size == 0 for array in arrays) or (kind == "empty" and not all(array.ndim for array in arrays)):
        return None
    if kind == "ties" and not any(array.size > 1 for array in arrays):
        return None
    common = arrays[0].flat[0]
    for i, array in enumerate(arrays):
        flat = array.reshape(-1)
        if kind == "a zero":
            flat[0] = 0.0
        elif kind == "zeros":
            flat[:] = 0.0
        elif kind == "ties":
            flat[-1] = flat[0]
        elif kind == "equal":
            flat[:] = common
        elif kind == "infinite":
            flat[0] = np.inf
        else:
            arrays[i] = array[:0]
    return tuple(array if array.ndim else array.dtype.type(array) for array in arrays)


def leaves(tree: Any) -> list[Any]:
    return [leaf for leaf in flatten(tree)[0] if isinstance(leaf, dd.Dual) or np.asarray(leaf).dtype.kind in "fc"]


def verdict(sample: Sample, kind: str) -> tuple[bool, str]:
    """Whether a derivative was asked for at that point of a sample, and what is wrong with it."""
    args = special(sample.args, kind)
    if args is None:
        return False, ""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            plain = leaves(sample.f(*args))
        except Exception:  # plain NumPy has no value there
            return False, ""
        if not plain:
            return False, ""
        try:
            return _compared(sample, args, plain, kind)
        except Exception as error:
            return True, f"{type(error).__name__}: {str(error).splitlines()[0]}"


def _compared(sample: Sample, args: tuple[Any, ...], plain: list[Any], kind: str) -> tuple[bool, str]:
    rng = np.random.default_rng(5)
    v = tuple(rng.uniform(0.2, 1.0, np.shape(x)) * np.sign(rng.uniform(-1, 1, np.shape(x))) for x in args)
    f = lambda *point: leaves(sample.f(*point))
    y, ydot = dd.jvp(f, args, v)
    for a, b in zip(y, plain, strict=True):
        if np.asarray(a).tobytes() != np.asarray(b).tobytes() or np.shape(a) != np.shape(b):
            return True, f"the value is {a}, of plain NumPy {b}"
    known = [np.isfinite(part) for part in plain]
    if kind == "infinite":
        wrong = [np.isnan(d) & finite for d, finite in zip(ydot, known, strict=True)]
        if any(np.any(part) for part in wrong):
            return True, f"the derivative is {ydot}, of the value {plain}"
    elif kind != "empty":
        along = lambda t: f(*(x + t * d for x, d in zip(args, v, strict=True)))
        try:
            coarse, fine = (derivative_at_zero(along, step, enough=1e-9) for step in (3e-3, 2e-4))
        except Exception:  # the shape of the result depends on the values, or beside the point there is none
            return False, ""
        if [np.shape(part) for part in fine] != [np.shape(part) for part in plain]:
            return False, ""
        for d, one, other, finite in zip(ydot, coarse, fine, known, strict=True):
            converged = finite & (np.abs(one - other) < 1e-6 * (1 + np.abs(one)))
            wrong = np.where(converged, ~(np.abs(d - other) < 1e-5 * (1 + np.abs(other))), np.isnan(d) & finite)
            if np.any(wrong):
                return True, f"the derivative is {d}, by differences {np.where(converged, other, 'any number')}"
    fault = _adjoint(f, args, v, ydot, rng)
    return bool(kind == "empty" or any(np.any(finite) for finite in known)), fault


def _adjoint(f: Any, args: Any, v: Any, ydot: Any, rng: Any) -> str:
    """⟨ȳ, J ẋ⟩ = ⟨Jᵀ ȳ, ẋ⟩, with the results left out whose derivative is not finite."""
    used = [np.isfinite(d) for d in ydot]
    seeds = [
        np.where(ok, rng.uniform(0.2, 1.0, np.shape(d)), 0.0).astype(np.asarray(d).dtype)[()]
        for d, ok in zip(ydot, used, strict=True)
    ]
    back = dd.vjp(f, *args)[1](seeds)
    there = sum(np.sum(np.real(s * np.where(ok, d, 0.0))) for s, d, ok in zip(seeds, ydot, used, strict=True))
    here = sum(np.sum(np.real(b * d)) for b, d in zip(back, v, strict=True))
    if abs(here - there) <= 1e-9 * (1 + abs(there)):
        return ""
    return f"the two modes differ: {here} and {there}"


def rules() -> list[Any]:
    """NumPy's functions whose rules give a derivative."""
    load_all()
    return [
        function
        for function, rule in RULES.items()
        if rule.form not in ("passive", "refused") and name_of(function).startswith("np.")
    ]


@functools.cache
def faults_of(function: Any) -> tuple[set[str], dict[str, str]]:
    """The kinds of points at which a derivative was compared, and what is wrong, by kind."""
    asked, faults = set(), {}
    endless = name_of(function).startswith("np.linalg.") or function in ENDLESS
    for sample in samples_by_function().get(function, ()):
        for kind in KINDS:
            if kind == "infinite" and endless:
                continue
            compared, fault = verdict(sample, kind)
            if compared:
                asked.add(kind)
            if fault:
                faults.setdefault(kind, f"{sample} at {kind}: {fault}")
    return asked, faults
