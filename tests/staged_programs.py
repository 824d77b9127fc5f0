"""Staged functions held against the unstaged ones: on random programs, and on the samples of the rules.

``staged_like`` traces a function at one point and runs the program at that and at two others; each result must be that
of the unstaged function to the last bit.

``python -m tests.staged_programs --minutes 60`` draws random programs for that long, in four modes, and prints those
that come out different, shortened; ``--samples`` runs all samples of the rules in all modes (``--stride 8 --start 3``
every eighth).
"""

import argparse
import time
import warnings
from collections import Counter

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings

import dualdiff as dd
from dualdiff.pytrees.trees import flatten
from dualdiff.staging import stage
from dualdiff.staging.record import StagingRefused
from dualdiff.staging.staged import same
from dualdiff.values.storage import copied
from tests.random_programs import programs, shortened
from tests.samples import load_all


def direction(x, number):
    """Numbers of the shape and dtype of an argument or a result."""
    rng = np.random.default_rng(number)
    dtype = getattr(x, "dtype", None) or np.result_type(type(x))
    values = rng.uniform(0.2, 1.0, np.shape(x))
    if dtype.kind == "c":
        values = values + 1j * rng.uniform(0.2, 1.0, np.shape(x))
    values = np.asarray(values).astype(dtype if dtype.kind in "fc" else float)
    return values if values.ndim else values[()]


def forward(f):
    return lambda *args: dd.jvp(f, args, tuple(direction(a, i) for i, a in enumerate(args)))


def tangent(f):
    return lambda *args: forward(f)(*args)[1]


def backward(f):
    def run(*args):
        y, pullback = dd.vjp(f, *args)
        leaves, structure = flatten(y)
        cotangents = [direction(leaf, 10 + i) for i, leaf in enumerate(leaves)]
        return y, pullback(structure.build(iter(cotangents), bare=True))

    return run


def columns(f):
    """The Jacobian in the first argument of real numbers: all its columns at once."""

    def run(*args):
        reals = [i for i, a in enumerate(args) if np.asarray(a).dtype.kind == "f"]
        return dd.jacfwd(f, reals[0])(*args)

    return run


MODES = {
    "plain": lambda f: f,
    "jvp": forward,
    "vjp": backward,
    "jvp of jvp": lambda f: forward(tangent(f)),
    "jvp of vjp": lambda f: forward(lambda *args: backward(f)(*args)[1]),
    "jacfwd": columns,
}


def moved(x, scale, number):
    """An argument at another point, in the same memory layout."""
    if not isinstance(x, (np.ndarray, np.generic, float, complex)) or np.asarray(x).dtype.kind not in "fc":
        return x
    factor = 1 + scale * np.random.default_rng(number).uniform(-1, 1, np.shape(x))
    if not isinstance(x, np.ndarray):
        return type(x)(x * factor)
    fresh = copied(x)
    fresh[...] = fresh * factor
    return fresh


class Different(AssertionError):
    """A staged function gave another result."""


def _is_pure(f, args):
    """Whether the unstaged function gives the same twice."""
    try:
        a, b = (flatten(f(*[copied(a) if isinstance(a, np.ndarray) else a for a in args]))[0] for _ in range(2))
    except Exception:
        return False
    return len(a) == len(b) and all(map(same, a, b))


def staged_like(f, args, scales=(0.0, 0.003, 0.4), **options):
    """Stage ``f`` at ``args`` and compare at three points; the reason if it is refused, else None."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        staged = stage(f, **options)
        try:
            staged.program(*[copied(a) if isinstance(a, np.ndarray) else a for a in args])
        except StagingRefused as error:
            if "gave another result" in str(error) and _is_pure(f, args):
                raise Different(str(error)) from error
            return str(error)
        for scale in scales:
            point = lambda scale=scale: [moved(x, scale, i) for i, x in enumerate(args)]
            try:
                expected = f(*point())
            except Exception:
                continue
            found = staged(*point())
            a, b = flatten(expected)[0], flatten(found)[0]
            if len(a) != len(b) or not all(map(same, a, b)):
                raise Different(f"at scale {scale}:\n{a}\n{b}\n{staged.source(*args)}")
    return None


# Samples of the rules.

# What is refused, and why it may be.
REFUSED_SAMPLES = (
    "a nan came up",  # the unstaged function runs
    "LinAlgError, which was caught",  # a singular matrix, whose derivatives are made in another way
    "a file",  # that is read to its end
    "which is no array",  # np.fromfunction of a function with traced values in it
)


def staged_sample(sample, mode):
    """`staged_like` of a sample; None too where the unstaged function itself raises, or has no second derivative."""
    if not sample.second and mode.count("of"):
        return None
    args = [np.asarray(arg)[()] if np.ndim(arg) == 0 else np.asarray(arg) for arg in sample.args]
    f = MODES[mode](sample.f)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            f(*[copied(a) if isinstance(a, np.ndarray) else a for a in args])
    except Exception:
        return None
    return staged_like(f, args)


def run_samples(stride, start):
    tally, reasons = Counter(), Counter()
    for sample in load_all()[start::stride]:
        for mode in MODES:
            try:
                reason = staged_sample(sample, mode)
            except Exception as error:
                tally[mode, "DIFFERENT"] += 1
                print(f"\n--- {mode}: {sample}\n{type(error).__name__}: {str(error)[:3000]}", flush=True)
                continue
            tally[mode, "same" if reason is None else "refused"] += 1
            if reason is not None:
                print(f"refused, {mode}: {sample}: {reason}", flush=True)
                reasons[reason.partition(": ")[2][:70]] += 1
    print(dict(tally))
    for reason, n in reasons.most_common(30):
        print(n, reason)


# Random programs.


def outcome(program, mode):
    """ "same", "refused: why", or what is wrong; None where the unstaged function raises."""
    f = MODES[mode](program)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            f(*program.values())
    except Exception:
        return None
    try:
        reason = staged_like(f, program.values())
    except Different as error:
        return f"DIFFERENT: {error}"
    except Exception as error:
        return f"ERROR: {type(error).__name__}: {error}"
    return "same" if reason is None else f"refused: {reason.partition(': ')[2] or reason}"


def comes_out_different(program, mode):
    try:
        found = outcome(program, mode)
    except Exception:
        return False
    return found is not None and found.startswith("DIFFERENT")


def search(minutes, first_seed=0, most_lines=8):
    end, number, tally, reasons = time.time() + 60 * minutes, first_seed, Counter(), Counter()
    while time.time() < end:

        @seed(number)
        @settings(max_examples=200, database=None, deadline=None, derandomize=False, phases=[Phase.generate],
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        @given(programs(most_lines))
        def run(program):
            if time.time() > end:
                return
            for mode in ("jvp", "vjp", "jvp of jvp", "jacfwd"):
                found = outcome(program, mode)
                if found is None:
                    continue
                kind, _, reason = found.partition(": ")
                tally[mode, kind] += 1
                if kind == "refused":
                    reasons[reason[:90]] += 1
                elif kind != "same":
                    short = shortened(program, lambda shorter, mode=mode: comes_out_different(shorter, mode))
                    print(f"\n--- {mode}: {short}\n{(outcome(short, mode) or found)[:3000]}", flush=True)

        run()
        number += 1
        print(f"seed {number}: {dict(tally)}", flush=True)
    for reason, n in reasons.most_common(30):
        print(n, reason)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lines", type=int, default=8)
    parser.add_argument("--samples", action="store_true")
    parser.add_argument("--stride", type=int, default=1)
    parser.add_argument("--start", type=int, default=0)
    given_options = parser.parse_args()
    if given_options.samples:
        run_samples(given_options.stride, given_options.start)
    else:
        search(given_options.minutes, given_options.seed, given_options.lines)
