"""Functions of other people's packages, unchanged: right, wrong or refused.

    python -m benchmarks.unchanged fluids chemicals ht pvlib

Takes the calls that a package's own docstrings show (``>>> f(0.3, n=2)``, arguments that are numbers), and
differentiates each in its first real arguments, in both modes, against extrapolated differences.  The packages are
those that are installed; nothing of them is adapted beforehand.

    right       both modes agree with the differences, and the value is the plain function's, bit for bit
    wrong       a number that does not: this is never to happen
    refused     an error of dualdiff's or of Python's, which the plain function does not raise
    no judge    the differences do not converge (a jump, a kink, a rounded result)
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import doctest
import importlib
import inspect
import io
import pkgutil
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import dualdiff as dd

_ARGUMENTS = 3  # of each call, the first so many real ones


class Call(NamedTuple):
    """A function and a call that its docstring shows."""

    name: str
    f: Callable[..., Any]
    args: list[Any]
    kwargs: dict[str, Any]


def modules(package: str) -> Iterator[Any]:
    """A package and all its modules that can be imported."""
    root = importlib.import_module(package)
    yield root
    for found in pkgutil.walk_packages(getattr(root, "__path__", ()), f"{package}.", onerror=lambda name: None):
        if "test" in found.name or "numba" in found.name or "vectorized" in found.name:
            continue
        with contextlib.suppress(Exception):
            yield importlib.import_module(found.name)


def calls(package: str) -> Iterator[Call]:
    """The first call with real arguments that each function's docstring shows."""
    seen = set()
    for module in modules(package):
        for name, f in list(vars(module).items()):
            if not inspect.isfunction(f) or f in seen or not (f.__module__ or "").startswith(package):
                continue
            seen.add(f)
            try:
                examples = doctest.DocTestParser().get_examples(f.__doc__ or "")
            except ValueError:
                continue
            for example in examples:
                if (found := _call_in(example.source, name, f)) is not None:
                    yield found
                    break


def _call_in(source: str, name: str, f: Callable[..., Any]) -> Call | None:
    try:
        node = ast.parse(source.strip(), mode="eval").body
        if not isinstance(node, ast.Call) or ast.unparse(node.func).rpartition(".")[2] != name:
            return None
        args = [ast.literal_eval(arg) for arg in node.args]
        kwargs = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in node.keywords}
        with np.errstate(all="ignore"):
            y = f(*args, **kwargs)
    except Exception:
        return None
    real = any(isinstance(arg, float) for arg in (*args, *kwargs.values()))
    return Call(f"{f.__module__}.{name}", f, args, kwargs) if real and isinstance(y, (float, np.floating)) else None


def judged(call: Call) -> tuple[str, str]:
    """What came of one call, and the evidence."""
    places: list[Any] = [i for i, arg in enumerate(call.args) if isinstance(arg, float)]
    places += [name for name, arg in call.kwargs.items() if isinstance(arg, float)]
    verdicts = []
    for place in places[:_ARGUMENTS]:

        def of_one(x: Any, place: Any = place) -> Any:
            args, kwargs = list(call.args), dict(call.kwargs)
            if isinstance(place, int):
                args[place] = x
            else:
                kwargs[place] = x
            return call.f(*args, **kwargs)

        x = call.args[place] if isinstance(place, int) else call.kwargs[place]
        verdicts.append(_of_one_argument(of_one, x))
    for kind in ("wrong", "refused", "no judge"):
        for verdict in verdicts:
            if verdict[0] == kind:
                return verdict
    return "right", ""


def _of_one_argument(f: Callable[[Any], Any], x: float) -> tuple[str, str]:
    try:
        value = f(x)
        expected, error = _differences(f, x)
    except Exception as problem:
        return "no judge", f"{type(problem).__name__}: {problem}"
    try:
        y, forward = dd.jvp(f, (x,), (1.0,))
        backward = dd.grad(f)(x)
    except Exception as problem:
        return "refused", f"{type(problem).__name__}: {str(problem).splitlines()[0] if str(problem) else ''}"
    scale = abs(expected) + 1e-6 * abs(value / x if x else value)
    if not np.isfinite(expected) or error > 1e-5 * scale:
        return "no judge", f"{expected} ± {error}"
    if abs(forward - expected) > 1e-5 * scale + 10 * error or abs(backward - forward) > 1e-10 * scale:
        return "wrong", f"{forward} forward, {backward} backward, differences {expected} ± {error}"
    if not (y == value or (y != y and value != value)):
        return "wrong", f"value {y}, plain {value}"
    return "right", ""


def _differences(f: Callable[[Any], Any], x: float) -> tuple[float, float]:
    """The derivative by central differences, extrapolated, and how far two such estimates differ; inf at a kink."""

    def estimate(h: float) -> float:
        def central(h: float) -> float:
            return float((f(x + h) - f(x - h)) / (2 * h))

        return (4 * central(h) - central(2 * h)) / 3

    def sided(h: float) -> float:
        return float((4 * f(x + h) - 3 * f(x) - f(x + 2 * h)) / (2 * h))

    h = 2e-4 * abs(x) if x else 1e-4
    a, b = estimate(h), estimate(h / 2)
    if abs(sided(h) - sided(-h)) > 1e-3 * abs(b) + 1e-6 * abs(f(x) / (x or 1.0)):  # a kink, where each side has its own
        return b, np.inf
    return b, abs(a - b)


def main(arguments: list[str] | None = None) -> int:
    """One line for each package, one for each function that is not right; 1 if any is wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.unchanged", description="Packages, unchanged.")
    parser.add_argument("packages", nargs="+")
    parser.add_argument("--quiet", action="store_true", help="the counts alone")
    given = parser.parse_args(arguments)
    total: Counter[str] = Counter()
    for package in given.packages:
        counts: Counter[str] = Counter()
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            for call in calls(package):
                kind, evidence = judged(call)
                counts[kind] += 1
                if kind != "right" and not given.quiet:
                    print(f"  {kind:8} {call.name}: {evidence}"[:200])
        print(
            f"{package:16}" + ", ".join(f"{counts[kind]} {kind}" for kind in ("right", "wrong", "refused", "no judge"))
        )
        total += counts
    judged_calls = total["right"] + total["wrong"] + total["refused"]
    print(f"{'all':16}{total['right']} right of {judged_calls}, {total['wrong']} wrong, {total['refused']} refused")
    return int(total["wrong"] > 0)


if __name__ == "__main__":
    raise SystemExit(main())
