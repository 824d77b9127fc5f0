"""Random programs with what NumPy has no hook for sprinkled in: buffers, ``float()``, ``math``, lists of numbers.

Each sprinkle leaves the values of the plain program as they are, so its derivative is that of the program without,
which random_checks.py holds against something independent.

``python -m tests.sprinkled_programs --minutes 10`` draws programs for that long and prints those that fail.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import linecache
import math
import time
import warnings
from collections import Counter

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

import dualdiff as dd
from tests.random_checks import cotangent_like, directions
from tests.random_programs import is_inexact, named, programs

# Of an array {v} that has just got its name, or has been written; {p} is the index of an entry.
SPRINKLES = """
b = np.zeros({v}.shape, {v}.dtype); b[...] = {v}; {v} = b
b = np.empty((2, *{v}.shape), {v}.dtype); w = b[1, ...]; b[1] = {v}; {v} = w
b = np.zeros({v}.shape[::-1], {v}.dtype); w = b.T; b.T[...] = {v}; {v} = w
b = np.ones({v}.shape, {v}.dtype); b *= {v}; {v} = b
b = np.full({v}.shape, 2.0, {v}.dtype); np.multiply({v}, 1.0, out=b); {v} = b
b = np.zeros({v}.shape, {v}.dtype); np.add.at(b, ..., {v}); {v} = b
b = np.empty({v}.shape, {v}.dtype); np.copyto(b, {v}); {v} = b[...]
b = np.zeros({v}.size, {v}.dtype); b.reshape({v}.shape)[...] = {v}; {v} = b.reshape({v}.shape)
b = np.zeros({v}.shape, {v}.dtype); exec_loop = [b.__setitem__(i, {v}[i]) for i in np.ndindex({v}.shape)]; {v} = b
{v} = np.array({v}.tolist(), dtype={v}.dtype).reshape({v}.shape)
{v} = np.array([q for q in {v}.ravel()], dtype={v}.dtype).reshape({v}.shape)
{v} = np.asarray([float(q) for q in {v}.ravel()]).reshape({v}.shape)
{v} = np.fromiter((q for q in {v}.ravel()), {v}.dtype).reshape({v}.shape)
{v} = np.vectorize(lambda q: float(q), otypes=[float])({v})
{v} = np.array([row for row in {v}])
{v} = np.array({v}, dtype={v}.dtype)
{v} = np.require({v}, float)
{v} = copy.deepcopy([{v}])[0]
{v}[{p}] = float({v}[{p}])
{v}[{p}] = math.fsum([{v}[{p}], 1.0, -1.0])
{v}[{p}] = math.fabs({v}[{p}]) * math.copysign(1.0, {v}[{p}])
{v}[{p}] = complex({v}[{p}])
{v}[{p}] = np.float64({v}[{p}])
{v}[{p}] = math.prod([{v}[{p}], 1.0])
{v}[{p}] = max({v}[{p}], {v}[{p}], key=lambda q: math.fabs(q))
{v}[{p}] = {v}[{p}] if isinstance({v}[{p}], (float, complex, np.generic)) else 0.0
{v}[{p}] = {v}[{p}] * (1 + int({v}[{p}].real > 99.0))
{v}[{p}] = math.ldexp(math.frexp({v}[{p}])[0], math.frexp({v}[{p}])[1])
{v}[{p}] = (lambda z: z if math.isfinite(z) else 0.0)({v}[{p}])
with np.nditer({v}, op_flags=["readwrite"]) as it: \\n    for q in it: q[...] = float(q)
with np.nditer([{v}, None]) as it: \\n    for q, r in it: r[...] = q\\n    {v} = it.operands[1]
{v} = type({v})({v}) if type({v}) is np.float64 else {v}
{v} = np.float64(float({v}))
{v} = np.float64(math.fsum([{v}, 2.0, -2.0]))
{v} = np.float64(max([float({v}), float({v})]))
{v} = np.complex128(complex({v}.real, {v}.imag))
""".replace("\\n", "\n").strip("\n")


def _templates():
    found = []
    for line in SPRINKLES.split("\n"):
        if line.startswith("    "):
            found[-1] += "\n" + line
        else:
            found.append(line)
    return found


TEMPLATES = _templates()
_NAMES = {"np": np, "dd": dd, "math": math, "copy": copy}
_numbers = itertools.count()


class Sprinkled:
    """A program, and the function that it is with sprinkles."""

    def __init__(self, program, choices):
        self.program = program
        self.results = [name for name, value in self._run(program.lines).items() if is_inexact(value)]
        self.nearby = [a + 0.01 * d for a, d in zip(program.values(), directions(program.values(), 7), strict=True)]
        try:
            self.expected = self._values(program.lines)
        except Exception:  # a domain, or a shape that depends on values
            self.nearby = None
            self.expected = self._values(program.lines)
        self.lines = list(program.lines)
        self.sprinkled = 0
        for choice in choices:
            self._sprinkle(np.random.default_rng(choice))
        self.f = self._function()

    def _run(self, lines, values=None):
        args = self.program.values() if values is None else self.program.at(values)
        names = dict(_NAMES, **{f"x{i}": arg for i, arg in enumerate(args)})
        exec("\n".join(lines), names)
        return named(names)

    def _values(self, lines):
        found = []
        for values in (None, self.nearby) if self.nearby else (None,):
            names = self._run(lines, values)
            found += [names[name] for name in self.results]
        return found

    def _sprinkle(self, rng):
        """One more sprinkle behind a random line, if plain values stay what they are."""
        at = int(rng.integers(len(self.lines) + 1))
        for _ in range(6):
            try:
                names = self._run(self.lines[:at])
                name = str(rng.choice(list(names)))
                point = ", ".join(str(rng.integers(-1, 1)) for _ in range(np.ndim(names[name])))
                template = str(rng.choice(TEMPLATES))
                if "fabs" in template and not np.all(np.abs(names[name]) > 0.05):
                    continue  # a kink
                line = template.replace("{v}", name).replace("{p}", point or "()")
                lines = [*self.lines[:at], line, *self.lines[at:]]
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    found = self._values(lines)
            except Exception:
                continue
            if all(map(_same, found, self.expected)):
                self.lines, self.sprinkled = lines, self.sprinkled + 1
                return

    def _function(self):
        args = ", ".join(f"x{i}" for i in range(len(self.program.arguments)))
        body = "\n".join(f"    {line}" for text in self.lines for line in text.split("\n"))
        source = f"def f({args}):\n{body}\n    return [{', '.join(self.results)}]\n"
        name = f"<sprinkled {next(_numbers)}>"
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)
        names = dict(_NAMES)
        exec(compile(source, name, "exec"), names)
        self.source = source
        return names["f"]

    def __repr__(self):
        return f"check_sprinkled({', '.join(map(repr, self.program.arguments))}, source='''\n{self.source}''')"


def _same(a, b):
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and a.dtype == b.dtype and bool(np.all((a == b) | (a != a) & (b != b)))


def check_sprinkled(sprinkled, tally=None):
    """Values, pushforward and pullback of the sprinkled function against those of the program as it is."""
    program, f = sprinkled.program, sprinkled.f
    tally = Counter() if tally is None else tally
    x = program.values()
    v = directions(x, 0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            y, ydot = dd.jvp(program, program.values(), v)
            _, pullback = dd.vjp(program, *program.values())
            if not any(np.any(d) for d in ydot):  # `IndependentResult` where a copy is
                raise dd.IndependentResult
            y_bar = [cotangent_like(leaf, i) for i, leaf in enumerate(y)]
            x_bar = pullback(y_bar)
    except (TypeError, ValueError, dd.IndependentResult):  # of the program itself: random_checks.py
        tally["refused without sprinkles"] += 1
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, found_dot = dd.jvp(f, program.values(), v)
        found_again, pullback = dd.vjp(f, *program.values())
        found_bar = pullback(y_bar)
    nested = any("dd." in line for line in program.lines)  # sums in the memory order of what is differentiated
    for values in (found, found_again):
        assert all(np.allclose(a, b, rtol=1e-12) if nested else _same(a, b) for a, b in zip(values, y, strict=True))
    single = any(np.asarray(leaf).dtype in (np.float32, np.complex64) for leaf in (*x, *y))
    rtol = 2e-3 if single else 1e-9
    for what, one, other in (("jvp", found_dot, ydot), ("vjp", found_bar, x_bar)):
        for a, b in zip(one, other, strict=True):
            finite = np.isfinite(a) & np.isfinite(b)
            a, b = np.where(finite, a, 0.0), np.where(finite, b, 0.0)
            np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * np.max(np.abs(b), initial=1.0), err_msg=what)
    tally["agree"] += 1
    tally["sprinkles"] += sprinkled.sprinkled


@st.composite
def sprinkled_programs(draw, most_lines=6, most_sprinkles=5):
    program = draw(programs(most_lines))
    choices = draw(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=most_sprinkles))
    return Sprinkled(program, choices)


def search(minutes, first_seed=0):
    """Draw programs for some minutes; print each new kind of failure."""
    end, number, tally, known = time.time() + 60 * minutes, first_seed, Counter(), Counter()
    while time.time() < end:

        @seed(number)
        @settings(max_examples=100, database=None, deadline=None, derandomize=False, phases=[Phase.generate],
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        @given(sprinkled_programs())
        def run(sprinkled):
            if time.time() > end:
                return
            try:
                check_sprinkled(sprinkled, tally)
            except Exception as error:
                kind = type(error).__name__, str(error)[:60]
                known[kind] += 1
                if known[kind] == 1:
                    print(f"\n--- {kind}\n{sprinkled}\n{str(error)[:600]}", flush=True)

        run()
        number += 1
        print(f"seed {number}: {dict(tally)}, {sum(known.values())} failures", flush=True)
    print(known.most_common())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    given_options = parser.parse_args()
    search(given_options.minutes, given_options.seed)
