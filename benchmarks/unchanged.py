"""Functions of other people's packages, unchanged: right, wrong or refused.

    pip install fluids pvlib ...                        into an environment made for this
    python -m benchmarks.unchanged fluids pvlib         some of them
    python -m benchmarks.unchanged --all                those below, of which one that is not installed is left out

Takes the calls that a package's own docstrings show (``>>> f(0.3, n=2)``, arguments that are numbers or arrays), and
those of unchanged_calls.py and unchanged_weather.py, and differentiates each in its first real arguments, in both
modes, against extrapolated differences.  The packages are those that are installed; nothing of them is adapted
beforehand.

    right       both modes agree with the differences, and the value is the plain function's, bit for bit
    wrong       a number that does not: this is never to happen
    refused     an error of dualdiff's or of Python's, which the plain function does not raise
    one point   a branch for this very point (``if y == 1``), whose derivative is its own; beside it, in
                the mean of both sides, both modes agree with the differences
    no judge    the differences do not converge (a jump, a kink, a rounded result)
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import doctest
import importlib
import importlib.util
import inspect
import io
import linecache
import pkgutil
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import dualdiff as dd
from benchmarks import unchanged_calls, unchanged_weather

PACKAGES = (
    "fluids", "chemicals", "ht", "thermo", "colour", "pvlib", "astral", "PyAstronomy", "skyfield", "sgp4", "iapws",
    "pyXSteam", "psychrolib", "seawater", "ambiance", "geographiclib", "pymap3d", "lmfit", "landscapes", "optproblems",
    "thermofeel", "pysolar", "numpy_financial", "solarpy", "meteocalc", "windpowerlib", "ussa1976", "haversine",
    "suncalc", "colormath",
)  # fmt: skip
CALLS = unchanged_calls.CALLS | unchanged_weather.CALLS
BEFORE = unchanged_calls.BEFORE | unchanged_weather.BEFORE
KINDS = ("right", "wrong", "refused", "one point", "no judge")
_ARGUMENTS = 3  # of each call, the first so many real ones


class Call(NamedTuple):
    """A call that somebody has written, as functions of one argument each, with the values to be differentiated at."""

    name: str
    arguments: list[tuple[Callable[[Any], Any], Any]]


def modules(package: str) -> Iterator[Any]:
    """A package and all its modules that can be imported."""
    root = importlib.import_module(package)
    yield root
    for found in pkgutil.walk_packages(getattr(root, "__path__", ()), f"{package}.", onerror=lambda name: None):
        if "test" in found.name or "numba" in found.name or "vectorized" in found.name or "__main__" in found.name:
            continue
        with contextlib.suppress(Exception):
            yield importlib.import_module(found.name)


def calls(package: str) -> Iterator[Call]:
    """The calls that are listed, then the first with real arguments that each function's docstring shows."""
    for number, line in enumerate(CALLS.get(package, ())):
        if (call := _listed(package, number, line)) is not None:
            yield call
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
            names: dict[str, Any] = {"np": np}
            for example in examples:
                if (found := _shown(example.source, name, f, names)) is not None:
                    yield found
                    break


def _listed(package: str, number: int, line: str) -> Call | None:
    """A line of Python as a function of each real number in it, its source at hand as in a notebook."""
    space: dict[str, Any] = {"np": np}
    exec(BEFORE.get(package, f"import {package}"), space)
    arguments = []
    for i in range(_ARGUMENTS):
        tree = ast.parse(line, mode="eval")
        numbers = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and type(node.value) is float]
        if i >= len(numbers):
            break
        x = numbers[i].value
        source = f"def f(x):\n    return {ast.unparse(_Replaced(numbers[i]).visit(tree))}\n"
        file = f"<{package} {number} {i}>"
        linecache.cache[file] = (len(source), None, source.splitlines(True), file)
        exec(compile(source, file, "exec"), space)
        with np.errstate(all="ignore"):
            space["f"](x)  # a call that does not run is an error of the list
        arguments.append((space["f"], x))
    return Call(line, arguments)


class _Replaced(ast.NodeTransformer):
    def __init__(self, number: ast.Constant) -> None:
        self.number = number

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return ast.Name("x", ast.Load()) if node is self.number else node


def _shown(source: str, name: str, f: Callable[..., Any], names: dict[str, Any]) -> Call | None:
    """A call of ``f`` that an example shows; what it sets is put into ``names``."""
    try:
        statement = ast.parse(source.strip()).body[0]
        if isinstance(statement, ast.Assign):
            if not any(
                isinstance(node, ast.Call) and ast.unparse(node.func)[:3] != "np." for node in ast.walk(statement)
            ):
                exec(source, names)
            return None
        node: Any = statement.value  # type: ignore[attr-defined]
        if not isinstance(node, ast.Call) or ast.unparse(node.func).rpartition(".")[2] != name:
            return None
        args = [eval(ast.unparse(arg), names) for arg in node.args]
        kwargs = {str(keyword.arg): eval(ast.unparse(keyword.value), names) for keyword in node.keywords}
        with np.errstate(all="ignore"):
            y = f(*args, **kwargs)
    except Exception:
        return None
    if not _is_real(y):
        return None
    places: list[Any] = [i for i, arg in enumerate(args) if _is_real(arg)]
    places += [word for word, arg in kwargs.items() if _is_real(arg)]

    def of_one(place: Any) -> Callable[[Any], Any]:
        def call(x: Any) -> Any:
            given, named = list(args), dict(kwargs)
            if isinstance(place, int):
                given[place] = x
            else:
                named[place] = x
            return f(*given, **named)

        return call

    found = [(of_one(place), args[place] if isinstance(place, int) else kwargs[place]) for place in places]
    return Call(f"{f.__module__}.{name}", found[:_ARGUMENTS]) if found else None


def _is_real(x: Any) -> bool:
    if isinstance(x, np.ndarray):
        return x.dtype == np.float64 and 0 < x.size < 100
    return isinstance(x, (float, np.float64))


def judged(call: Call) -> tuple[str, str]:
    """What came of one call, and the evidence."""
    verdicts = [_of_one_argument(f, x) for f, x in call.arguments]
    for kind in ("wrong", "refused", "one point", "no judge"):
        for verdict in verdicts:
            if verdict[0] == kind:
                return verdict
    return "right", ""


def _of_one_argument(f: Callable[[Any], Any], x: Any) -> tuple[str, str]:
    """The derivative along a direction v of the size of x, of a weighted sum of what the function returns."""
    v: Any = np.cos(np.arange(np.size(x))).reshape(np.shape(x)) * (np.max(np.abs(x)) or 1.0)
    v = v if isinstance(x, np.ndarray) else float(v)
    try:
        value = f(np.copy(x) if isinstance(x, np.ndarray) else x)
        weights = np.cos(np.arange(np.size(value))).reshape(np.shape(value))
        expected, error = _differences(lambda t: float(np.sum(weights * f(x + t * v))))
    except Exception as problem:
        return "no judge", f"{type(problem).__name__}: {problem}"
    try:
        y, tangent = dd.jvp(f, (x,), (v,))
        forward = float(np.sum(weights * tangent))
        cotangent = np.asarray(weights).astype(np.result_type(value)) if np.ndim(value) else float(weights)
        (found,) = dd.vjp(f, x)[1](cotangent)
        backward = float(np.sum(v * found))
    except Exception as problem:
        return "refused", f"{type(problem).__name__}: {str(problem).splitlines()[0] if str(problem) else ''}"
    size = float(np.sum(np.abs(weights * value)))
    scale = abs(expected) + 1e-6 * size
    if not np.isfinite(expected) or error > 1e-5 * scale:
        return "no judge", f"{expected} ± {error}"
    if abs(forward - expected) > 1e-5 * scale + 10 * error or abs(backward - forward) > 1e-9 * scale:
        evidence = f"{forward} forward, {backward} backward, differences {expected} ± {error}"
        return "one point" if _only_there(f, x, v, weights, expected, scale) else "wrong", evidence
    if not np.array_equal(y, value, equal_nan=True):
        return "wrong", f"value {y}, plain {value}"
    return "right", ""


def _only_there(f: Callable[[Any], Any], x: Any, v: Any, weights: Any, expected: float, scale: float) -> bool:
    """Whether beside it the derivative is that of the differences, in the mean of both sides."""
    forward = backward = 0.0
    for t in (-1e-4, 1e-4):
        at = x + t * v
        forward += 0.5 * float(np.sum(weights * dd.jvp(f, (at,), (v,))[1]))
        cotangent = np.asarray(weights).astype(float) if np.ndim(weights) else float(weights)
        backward += 0.5 * float(np.sum(v * dd.vjp(f, at)[1](cotangent)[0]))
    return max(abs(forward - expected), abs(backward - expected)) <= 1e-5 * scale


def _differences(f: Callable[[float], float]) -> tuple[float, float]:
    """The derivative at 0 by extrapolated differences, and how far estimates of three steps differ; inf at a kink."""

    def estimate(h: float) -> float:
        def central(h: float) -> float:
            return (f(h) - f(-h)) / (2 * h)

        return (4 * central(h) - central(2 * h)) / 3

    def sided(h: float) -> float:
        return (4 * f(h) - 3 * f(0.0) - f(2 * h)) / (2 * h)

    h = 2e-4
    a, b, c = estimate(h), estimate(h / 2), estimate(h / 50)
    size = abs(b) + 1e-6 * abs(f(0.0))
    if abs(sided(h) - sided(-h)) > 1e-3 * size:  # a kink, where each side has its own
        return b, np.inf
    bend = abs(sided(h / 50) - sided(-h / 50))
    if abs(c - b) > 5e-5 * size or bend > 1e-4 * size:  # a table of pieces smaller than the steps, or a knot of it
        return b, np.inf
    return b, abs(a - b)


def main(arguments: list[str] | None = None) -> int:
    """One line for each package, one for each function that is not right; 1 if any is wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.unchanged", description="Packages, unchanged.")
    parser.add_argument("packages", nargs="*")
    parser.add_argument("--all", action="store_true", help=" ".join(PACKAGES))
    parser.add_argument("--quiet", action="store_true", help="the counts alone")
    given = parser.parse_args(arguments)
    total: Counter[str] = Counter()
    installed = [name for name in PACKAGES if importlib.util.find_spec(name) is not None]
    for package in installed if given.all else given.packages:
        counts: Counter[str] = Counter()
        with contextlib.ExitStack() as around:
            around.enter_context(contextlib.chdir(around.enter_context(tempfile.TemporaryDirectory())))  # for caches
            around.enter_context(contextlib.redirect_stderr(io.StringIO()))
            around.enter_context(np.errstate(all="ignore"))
            around.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            for call in calls(package):
                kind, evidence = judged(call)
                counts[kind] += 1
                if kind != "right" and not given.quiet:
                    print(f"  {kind:8} {call.name}: {evidence}"[:200])
        print(f"{package:16}" + ", ".join(f"{counts[kind]} {kind}" for kind in KINDS))
        total += counts
    judged_calls = total["right"] + total["wrong"] + total["refused"]
    print(f"{'all':16}{total['right']} right of {judged_calls}, {total['wrong']} wrong, {total['refused']} refused")
    return int(total["wrong"] > 0)


if __name__ == "__main__":
    raise SystemExit(main())
