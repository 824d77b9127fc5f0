"""What it costs that code runs unchanged: a call site, a view, a call of a transform; arrays that are filled.

call sites      what a call costs beyond the plain one, in a function that is adapted, with plain arguments: the
                function has 50 of them, and each is one or, where what is called needs help too, several
views           the first time of a function, by the time that this thread has computed: the functions and methods
                of some modules of the standard library, as many as a package has
transform       what a call of a transform adds, to find the view of a function
rows, GARCH     code that makes or fills arrays, over the same written with np.stack and like=
"""

from __future__ import annotations

import importlib
import inspect
import linecache
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import dualdiff as dd
from dualdiff.adapting import adapted, calls, views

from .figures import Figure
from .measuring import duration, largest_error, repeated

SITES = 50
DEPTHS = range(0, 40, 2)
PRELUDE = """
import math
import numpy as np
from math import sin

def plain(x): return x
def helped(x): return float(x)

class Plain:
    def __init__(self, a): self.a = a
    def plain(self, x): return x
    def helped(self, x): return float(x)

class Helped:
    def __init__(self, a): self.a = float(a)

exp = [np.exp]
instance = Plain(1.0)
"""
# A call, and how many calls that are hooked come with it: where what is called is viewed, those in it.
CALLS = {
    "float": ("float(x)", 1),
    "isinstance": ("isinstance(x, float)", 1),
    "math.sin": ("math.sin(x)", 1),
    "sin of math": ("sin(x)", 1),
    "np.exp": ("np.exp(x)", 1),
    "np.exp in a variable": ("e(x)", 1),
    "a Python function": ("plain(x)", 1),
    "a Python function that is viewed": ("helped(x)", 2),
    "a method": ("k.plain(x)", 1),
    "a method that is viewed": ("k.helped(x)", 2),
    "a method of a list": ("l.append(x)", 1),
    "a class": ("Plain(x)", 1),
    "a class whose constructor is viewed": ("Helped(x)", 2),
}
LIMIT = 150.0  # nanoseconds
MODULES = (
    "argparse", "ast", "calendar", "colorsys", "configparser", "copy", "csv", "difflib", "fractions", "heapq",
    "inspect", "pickle", "random", "shlex", "statistics", "string", "tarfile", "textwrap", "zipfile",
)  # fmt: skip


def least(call: Callable[[], Any], count: int) -> float:
    """Seconds of a call, at the best of several depths of the stack.

    Python takes the memory of frames in pieces: where a call is the first in the next piece, it costs several times as
    much.
    """

    def deeper(depth: int) -> float:
        return deeper(depth - 1) if depth else repeated(call, count) / count

    return min(deeper(depth) for depth in DEPTHS)


def call_site(name: str) -> Callable[[int], Figure]:
    def measured(rounds: int) -> Figure:
        call, hooked = CALLS[name]
        lines = ["def f(x, k, e):\n", "    l = []\n", *[f"    {call}\n"] * SITES, f"    return {call}\n"]
        file = f"<call sites of {name}>"
        linecache.cache[file] = (0, None, lines, file)
        space: dict[str, Any] = {"__name__": "call_sites"}
        source = f"<prelude of {name}>"
        linecache.cache[source] = (0, None, PRELUDE.splitlines(True), source)
        exec(compile(PRELUDE, source, "exec"), space)
        exec(compile("".join(lines), file, "exec"), space)
        f, instance, exp = space["f"], space["instance"], space["exp"][0]
        view = adapted(f)
        for _ in range(3):  # what is called twice is remembered
            view(0.5, instance, exp)
        best = [np.inf, np.inf]
        for _ in range(max(rounds // 4, 1)):
            for i, g in enumerate((f, view)):
                best[i] = min(best[i], least(lambda g=g: g(0.5, instance, exp), 20) / (SITES + 1))
        of_site = (best[1] - best[0]) / hooked
        shown = f"{best[0] * 1e9:.0f} ns", "", f"{best[1] * 1e9:.0f} ns"
        return Figure(call, "", "call of", *shown, of_site * 1e9, "ns extra a call", LIMIT, None, "unchanged")

    return measured


def functions_of_modules() -> list[Any]:
    found = []
    for name in MODULES:
        module = importlib.import_module(name)
        of_module = [x for x in vars(module).values() if getattr(x, "__module__", None) == name]
        found += [f for f in of_module if inspect.isfunction(f)]
        found += [f for c in of_module if inspect.isclass(c) for f in vars(c).values() if inspect.isfunction(f)]
    return [f for f in found if f.__code__.co_filename.endswith(".py")]


def cold_view(rounds: int) -> Figure:
    hooks = (
        calls.hook,
        calls.ATTRIBUTE[0],
        calls.PATTERN[0],
        calls.hook_with_lists,
        calls.hook_of_method,
        calls.SEARCH[1],
    )
    iteration = (*calls.ITERATION, calls.SEARCH[0])
    seconds = []
    functions = functions_of_modules()[:: 1 if rounds > 5 else 10]
    for f in functions:
        start = time.thread_time()
        plan = views.plan_for(f.__code__, f.__globals__, hooks, calls.needs_none, calls.KNOWN.get, iteration)
        seconds.append(time.thread_time() - start)
        if plan.reason:
            raise AssertionError(f"{f.__module__}.{f.__qualname__}: {plan.reason}")
    median, most = statistics.median(seconds), sorted(seconds)[len(seconds) * 9 // 10]
    shown = "", "", f"9 of 10 ≤ {duration(most)}"
    return Figure(
        "cold view", f"{len(functions)}", "view of", *shown, median * 1e3, "ms, median", 2.0, None, "unchanged"
    )


def scalar(x):
    return np.sin(x)


def transform_call(rounds: int) -> Figure:
    adapted(scalar)
    nothing = least(lambda: None, 2000)
    seconds = min(least(lambda: adapted(scalar), 2000) for _ in range(max(rounds // 4, 1))) - nothing
    return Figure(
        "transform", "", "call of", "", "", duration(seconds), seconds * 1e6, "µs extra", 0.3, None, "unchanged"
    )


# Arrays that are made of rows, or filled.


def rows_as_array(x):
    row = x * 2.0
    return np.array([row, row, row])


def rows_as_stack(x):
    row = x * 2.0
    return np.stack([row, row, row])


def garch(p, r):
    h = np.zeros(r.size)
    h[0] = 1.0
    for i in range(1, r.size):
        h[i] = p[0] + p[1] * r[i - 1] ** 2 + p[2] * h[i - 1]
    return 0.5 * np.sum(np.log(h) + r**2 / h)


def garch_like(p, r):
    h = np.zeros(r.size, like=p)
    h[0] = 1.0
    for i in range(1, r.size):
        h[i] = p[0] + p[1] * r[i - 1] ** 2 + p[2] * h[i - 1]
    return 0.5 * np.sum(np.log(h) + r**2 / h)


def beside(name: str, size: str, f: Any, g: Any, args: tuple[Any, ...], operator: str, limit: float) -> Any:
    """The derivative of f over that of g, the same function written in another way."""

    def measured(rounds: int) -> Figure:
        def of(f: Any) -> Callable[[], Any]:
            if operator == "jvp":
                return lambda: dd.jvp(lambda x: f(x, *args[1:]), args[:1], args[:1])
            gradient = dd.grad(lambda x: np.sum(f(x, *args[1:])))
            return lambda: gradient(args[0])

        ours, theirs = of(f), of(g)
        error = largest_error(ours(), theirs())
        value = first = second = np.inf
        for _ in range(max(rounds // 4, 1)):
            value = min(value, least(lambda: f(*args), 2))
            first, second = min(first, least(ours, 2)), min(second, least(theirs, 2))
        shown = duration(value), duration(second), duration(first)
        other = "stack" if name == "rows" else "like="
        return Figure(name, size, operator, *shown, first / second, f"× with {other}", limit, error, "unchanged")

    return measured


def arrays() -> dict[str, Callable[[int], Figure]]:
    rng = np.random.default_rng(0)
    x, p, r = rng.standard_normal(432), np.array([0.1, 0.1, 0.8]), rng.standard_normal(300)
    found = {}
    for operator in ("jvp", "grad"):
        found[f"{operator} of rows"] = beside("rows", "3 × 432", rows_as_array, rows_as_stack, (x,), operator, 1.2)
        found[f"{operator} of GARCH"] = beside("GARCH", "300", garch, garch_like, (p, r), operator, 1.05)
    return found


FIGURES: dict[str, Callable[[int], Figure]] = {
    **{f"call of {name}": call_site(name) for name in CALLS},
    "cold view": cold_view,
    "call of a transform": transform_call,
    **arrays(),
}


def measured(name: str, quick: bool = False) -> Figure:
    return FIGURES[name](4 if quick else 20)
