"""Random programs in plain NumPy, each checked against something independent (random_checks.py).

A program is a list of lines, each one step: it makes a new array from earlier ones, or writes into one of them,
perhaps through a view.  Lines are drawn from templates over the table of rules (random_steps.py).  A line that plain
NumPy does not run to a moderate finite result is left out.  The function returns every array that the program has
named, so nothing that a write should reach is overlooked.  `repr` of a program is a call of `check`, to be pasted.

``python -m tests.random_programs --minutes 60`` draws programs for that long and prints those that fail, shortened.
"""

from __future__ import annotations

import argparse
import itertools
import re
import time
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

import dualdiff as dd
from tests.random_checks import check_program
from tests.random_steps import TEMPLATES

# What interacts is drawn most often.
_GROUPS = ["arithmetic", "views", "writes", "views", "writes", "writes", "buffers", "elementwise", "reductions",
           "rearrangements", "products", "transforms"]  # fmt: skip
_NAMES = {"np": np, "dd": dd}

_FLOATS = ("0.5", "-1.3", "2.0", "0.7", "1.5", "-0.4")
_SHAPES = ((3,), (2, 3), (), (4,), (3, 3), (1, 3), (0,), (2, 1, 3), (2, 2), (3, 2), (2, 0), (1,))
_LAYOUTS = ("{}", "np.asfortranarray({})", "np.repeat({}, 2, axis=-1)[..., ::2]", "{}[::-1]")
_DTYPES = ("float", "float", "float", "float", "float", "complex", "np.float32")
_FIELD = re.compile(r"\{(\w+)(?::(\w+))?\}")
_MOST = 60.0  # the largest magnitude that a program may reach, so that differences keep their digits


class NotNumPy(Exception):
    """A step that plain NumPy does not run to a moderate finite result; it is left out."""


@dataclass
class Program:
    """Arguments ``x0, x1, ...`` as source, and lines that name arrays ``v0, v1, ...``."""

    arguments: tuple[str, ...]
    lines: tuple[str, ...]
    code: object = field(init=False, repr=False)

    def __post_init__(self):
        self.code = compile("\n".join(self.lines), "<random program>", "exec")

    def values(self):
        return tuple(eval(source, _NAMES) for source in self.arguments)

    def at(self, values):
        """The arguments with other values, in the same memory layout."""
        args = []
        for arg, value in zip(self.values(), values, strict=True):
            if isinstance(arg, np.ndarray):
                arg[...] = value
            args.append(arg if isinstance(arg, np.ndarray) else value)
        return args

    def __call__(self, *args):
        """Every array of floats that has a name in the end."""
        names = dict(_NAMES, **{f"x{i}": arg for i, arg in enumerate(args)})
        exec(self.code, names)
        return [value for value in named(names).values() if is_inexact(value)]

    def __repr__(self):
        return f"check(\n    {', '.join(self.arguments)},\n    program='''\n" + "\n".join(self.lines) + "\n''')"


def named(names):
    """The arrays of a program among its names."""
    return {name: value for name, value in names.items() if re.fullmatch(r"[xv]\d+", name)}


def is_inexact(value):
    return isinstance(value, (float, complex)) or getattr(getattr(value, "dtype", None), "kind", "O") in "fc"


# Drawing.


class Builder:
    """A program under construction: its lines, and the arrays that plain NumPy makes of them."""

    def __init__(self, draw, arguments):
        self.draw = draw
        self.arguments = arguments
        self.lines = []
        self.made = 0
        self.restart()

    def restart(self):
        self.names = {}
        for i, source in enumerate(self.arguments):
            self.names[f"x{i}"] = eval(source, _NAMES)
        for line in self.lines:
            self.run(line)

    def run(self, line):
        """One more line; NotNumPy if NumPy refuses it or its result is no good."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                names = dict(_NAMES, **self.names)
                exec(line, names)
        except Exception as error:
            raise NotNumPy(line) from error
        self.names = named(names)
        for value in self.names.values():
            if not is_inexact(value) or np.asarray(value).dtype not in (np.float64, np.float32, np.complex128):
                raise NotNumPy(line)
            if np.size(value) > 40 or np.ndim(value) > 4 or not np.all(np.abs(value) < _MOST):
                raise NotNumPy(line)

    def add(self, group, template):
        try:
            source = self.filled(template)
        except NotNumPy:
            return
        new = None
        if re.match(r"del x0|x0 =|x0, |.*, x0 =", source):  # of which constants are made
            return
        if group != "writes":
            new = f"v{self.made}"
            source = f"{new} = {source}"
        try:
            self.run(source)
        except NotNumPy:
            self.restart()
            return
        if not self.names:
            self.restart()
            return
        self.lines.append(source)
        self.made += new is not None

    # Fields.

    def filled(self, template):
        first = next((m[1] for m in _FIELD.finditer(template) if m[1][0] in "abcdnopvwmqrt" and len(m[1]) < 3), None)
        drawn = {}

        def piece(match):
            name, about = match[1], match[2] or first
            if name not in drawn:
                drawn[name] = getattr(self, "draw_" + name.rstrip("0123456789"))(drawn, about)
            return drawn[name]

        # The array that others refer to comes first.
        if first is not None:
            drawn[first] = getattr(self, "draw_" + first.rstrip("0123456789"))(drawn, first)
        return _FIELD.sub(piece, template)

    def of(self, *options):
        if not options:
            raise NotNumPy
        return self.draw(st.sampled_from(options))

    def array(self, fits):
        return self.of(*(name for name, value in self.names.items() if fits(value)))

    def value(self, source):
        try:
            return eval(source, dict(_NAMES, **self.names))
        except (IndexError, ValueError) as error:
            raise NotNumPy(source) from error

    def draw_a(self, drawn, about):
        return self.array(lambda x: True)

    def draw_b(self, drawn, about):
        shape = np.shape(self.value(drawn[about]))
        return self.array(lambda x: _broadcast(np.shape(x), shape) is not None)

    draw_c = draw_b

    def draw_n(self, drawn, about):
        return self.array(lambda x: np.ndim(x) > 0)

    draw_o = draw_n

    def draw_p(self, drawn, about):
        return self.array(lambda x: np.ndim(x) > 0 and np.size(x) > 0)

    def draw_d(self, drawn, about):
        """What survives the way through an object array: NumPy then forgets float32 and column-major order."""
        fits = lambda x: np.size(x) > 0 and x.flags.c_contiguous and x.dtype != np.float32
        return self.array(lambda x: np.ndim(x) > 0 and fits(x))

    def draw_v(self, drawn, about):
        return self.array(lambda x: np.ndim(x) == 1)

    draw_w = draw_v

    def draw_m(self, drawn, about):
        return self.array(lambda x: np.ndim(x) > 1)

    def draw_q(self, drawn, about):
        return self.array(lambda x: np.ndim(x) == 2)

    def draw_r(self, drawn, about):
        left = np.shape(self.value(drawn[about]))
        fits = [
            name if np.ndim(value) < 2 or np.shape(value)[-2] == left[-1] else f"{name}.T"
            for name, value in self.names.items()
            if np.ndim(value) and left[-1] in np.shape(value)[-2:][:: 1 if np.ndim(value) == 2 else -1]
        ]
        return self.of(*fits)

    def draw_t(self, drawn, about):
        taken = set(drawn.values())
        writable = lambda x: isinstance(x, np.ndarray) and 0 not in x.strides and x.flags.writeable
        return self.of(*(name for name, x in self.names.items() if writable(x) and name not in taken))

    def draw_e(self, drawn, about):
        shape = np.shape(self.value(drawn[about]))
        return self.array(lambda x: _broadcast(np.shape(x), shape) == shape)

    draw_g = draw_e

    def draw_s(self, drawn, about):
        name = self.array(lambda x: np.size(x) > 0)
        return name if np.ndim(self.names[name]) == 0 else f"{name}[{self.point(name)}]"

    def draw_item(self, drawn, about):
        """What may be stored at the index drawn before."""
        index = drawn["index"] if "index" in drawn else drawn["any"]
        shape = np.shape(self.value(f"{drawn[about]}[{index}]"))
        fits = [name for name, x in self.names.items() if _broadcast(np.shape(x), shape) == shape]
        fits += [f"{n}[{index}]" for n, x in self.names.items() if np.shape(x) == np.shape(self.value(drawn[about]))]
        return self.of(*fits, *_FLOATS[:2])

    def draw_square(self, drawn, about):
        name = self.array(lambda x: np.ndim(x) >= 2)
        shape = np.shape(self.names[name])
        return name if shape[-1] == shape[-2] else f"({name} @ {name}.mT)"

    def draw_spd(self, drawn, about):
        """A positive definite matrix with eigenvalues apart."""
        name = self.array(lambda x: np.ndim(x) >= 2)
        n = np.shape(self.names[name])[-2]
        return f"({name} @ {name}.conj().mT + np.diag([{', '.join(str(2.0 + 1.5 * i) for i in range(n))}]))"

    def draw_axis(self, drawn, about):
        ndim = np.ndim(self.value(drawn[about]))
        return str(self.of(*range(ndim), *range(-ndim, 0)))

    def draw_axes(self, drawn, about):
        ndim = np.ndim(self.value(drawn[about]))
        pairs = itertools.permutations(range(-1, ndim - 1), 2)
        return str(self.of(None, *range(ndim), *pairs, tuple(range(ndim))))

    def draw_perm(self, drawn, about):
        ndim = np.ndim(self.value(drawn[about]))
        return str(self.of(*list(itertools.permutations(range(ndim)))[::-1]))

    def draw_shape(self, drawn, about):
        x = self.value(drawn[about])
        options = [(-1,), (1, *x.shape), (*x.shape, 1), x.shape[::-1], (x.size, 1)]
        return str(self.of(*options, *((n, -1) for n in (2, 3) if x.size % n == 0 and x.size)))

    def draw_lengths(self, drawn, about):
        return str(self.of(*_SHAPES[:2], *(np.shape(x) for x in self.names.values())))

    def draw_index(self, drawn, about):
        """A basic index."""
        x = self.value(drawn[about])
        parts = []
        for n in np.shape(x):
            options = [":", "1:", ":-1", "::2", "::-1", "None, :", "..."]
            if "..." in parts:
                options.remove("...")
            parts.append(self.of(*(["0", "-1"] if n else []), *options))
            if self.draw(st.booleans()):
                break
        return ", ".join(parts) or "..."

    def draw_any(self, drawn, about):
        """An index with arrays in it."""
        x = self.value(drawn[about])
        parts = []
        for n in np.shape(x):
            options = [":", "1:", "::-1", "None, :", "np.array([], int)"]
            if n:
                options += ["[0, -1]", "[0, 0]", "0", "np.array([[0], [-1]])", "-1"]
            options += [str([i % 2 == 0 for i in range(n)])]
            if "..." not in parts:
                options.append("...")
            parts.append(self.of(*options))
            if self.draw(st.booleans()):
                break
        return ", ".join(parts) or "..."

    def draw_places(self, drawn, about):
        """Integer arrays with repeats."""
        shape = np.shape(self.value(drawn[about]))
        if not shape or 0 in shape:
            raise NotNumPy
        return self.of("[0, -1, 0]", "([0, 0], ...)" if len(shape) > 1 else "[0, 0]", "(..., [0, -1, -1])")

    def draw_flat(self, drawn, about):
        size = np.size(self.value(drawn[about]))
        return self.of("[0, -1]", "[1, 0, 1]", "0") if size > 1 else "[0]"

    def draw_mask(self, drawn, about):
        name = drawn[about]
        x = self.value(name)
        literal = np.arange(np.size(x)).reshape(np.shape(x)) % 2 == 0
        return self.of(f"{name} > 0.1", f"np.array({literal.tolist()})", f"{name}.real <= {_FLOATS[0]}")

    def point(self, name):
        return ", ".join(self.of("0", "-1") for _ in range(np.ndim(self.names[name])))

    def draw_point(self, drawn, about):
        if np.size(self.value(drawn[about])) == 0:
            raise NotNumPy
        return self.point(drawn[about])

    def draw_constant(self, drawn, about):
        shape = np.shape(self.value(drawn[about]))
        values = (np.arange(np.prod(shape, dtype=int)) * 0.3 - 0.4).round(2).reshape(shape)
        return self.of(f"np.array({values.tolist()})", f"np.ones({shape})", f"np.full({shape}, 2)")

    def draw_cuts(self, drawn, about):
        return self.of("[0, 1]", "[0]", "[1, 0, 1]")

    def draw_f(self, drawn, about):
        return self.of(*_FLOATS)

    def draw_k(self, drawn, about):
        return self.of("1", "-1", "2", "0")

    def draw_bit(self, drawn, about):
        return self.of("0", "1")

    def draw_first(self, drawn, about):
        return self.of("0", "1", "-1")

    def draw_flag(self, drawn, about):
        return self.of("False", "True")

    def draw_order(self, drawn, about):
        return self.of('"C"', '"F"', '"A"')

    def draw_dtype(self, drawn, about):
        return self.of("float", "complex", "np.float32")

    def draw_pad(self, drawn, about):
        return self.of('"edge"', '"reflect"', '"wrap"', '"symmetric"', '"linear_ramp"', '"mean"', '"maximum"')

    def draw_method(self, drawn, about):
        return self.of('"linear"', '"lower"', '"hazen"', '"midpoint"', '"inverted_cdf"', '"median_unbiased"')


def _broadcast(a, b):
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        return None


@st.composite
def arguments(draw, number):
    shape = draw(st.sampled_from(_SHAPES))
    dtype = draw(st.sampled_from(_DTYPES))
    size = int(np.prod(shape))
    special = draw(st.integers(0, 9)) == 9
    rng = np.random.default_rng([number, draw(st.integers(0, 5))])
    pick = (lambda: rng.choice([0.0, 1.0, -1.0, 0.5], size)) if special else (lambda: rng.uniform(-1.5, 1.5, size))
    values = pick().round(2)
    if dtype == "complex":
        values = values + 1j * pick().round(2)
    suffix = "" if dtype != "np.float32" else ", np.float32"
    if not shape:
        return f"np.array({values.tolist()[0]}{suffix})[()]"
    source = f"np.array({values.reshape(shape).tolist()}{suffix})"
    if 0 in shape:
        source = f"np.zeros({shape}{suffix})"
    return draw(st.sampled_from(_LAYOUTS)).format(source)


@st.composite
def programs(draw, most_lines=8):
    sources = [draw(arguments(i)) for i in range(draw(st.integers(1, 2)))]
    builder = Builder(draw, sources)
    for _ in range(draw(st.integers(1, most_lines))):
        group = draw(st.sampled_from(_GROUPS))
        builder.add(group, draw(st.sampled_from(TEMPLATES[group])))
    return Program(tuple(sources), tuple(builder.lines))


def check(*arguments, program):
    """Check the lines ``program`` for arguments ``x0, x1, ...``, all given as source."""
    check_program(Program(arguments, tuple(line for line in program.splitlines() if line)))


# Running long.


def shortened(program, fails):
    """The program with every line left out that is not needed for ``fails(program)``."""
    again = True
    while again:
        again = False
        for i, line in reversed(list(enumerate(program.lines))):
            name = line.split(" = ")[0]
            attempts = [program.lines[:i] + program.lines[i + 1 :]]
            if re.fullmatch(r"v\d+", name) and line not in (f"{name} = x0", f"{name} = x0 * 1.0"):
                attempts += [(*program.lines[:i], f"{name} = x0{t}", *program.lines[i + 1 :]) for t in ("", " * 1.0")]
            for lines in attempts:
                shorter = Program(program.arguments, lines)
                if fails(shorter):
                    program, again = shorter, True
                    break
            if again:
                break
    return program


def failure_of(program):
    """What kind of failure, None for none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for leaf in program(*program.values()):
                if not np.all(np.isfinite(leaf)):
                    return None
    except Exception:
        return None
    try:
        check_program(program)
    except Exception as error:
        text = str(error).strip().split("\n")
        head = next((line for line in text if " and " in line or "by " in line), text[0])
        return type(error).__name__, re.sub(r"[-\d.e+]+|result \d+.*", "#", head)[:60]
    return None


def search(minutes, first_seed=0, most_lines=8):
    """Draw programs for some minutes; print each new kind of failure, shortened."""
    end, number, total, known, tally = time.time() + 60 * minutes, first_seed, 0, Counter(), Counter()
    while time.time() < end:

        @seed(number)
        @settings(max_examples=200, database=None, deadline=None, derandomize=False, phases=[Phase.generate],
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        @given(programs(most_lines))
        def run(program):
            nonlocal total
            if time.time() > end:
                return
            total += 1
            tally["lines"] += len(program.lines)
            try:
                check_program(program, tally)
            except Exception:
                kind = failure_of(program)
                if kind is None:
                    print("NOT REPRODUCED", program, traceback.format_exc(), flush=True)
                    return
                short = shortened(program, lambda shorter, kind=kind: failure_of(shorter) == kind)
                called = tuple(sorted(set(re.findall(r"[\w.]+(?=\()", " ".join(short.lines)))))
                known[kind, called] += 1
                if known[kind, called] == 1:
                    try:
                        check_program(short)
                    except Exception as error:
                        where = traceback.extract_tb(error.__traceback__)[-1]
                        print(f"\n--- {kind}\n{short}\n{str(error)[:600]}\n    at {where.filename}:{where.lineno}",
                              flush=True)  # fmt: skip

        run()
        number += 1
        print(f"seed {number}: {total} programs, {dict(tally)}, {sum(known.values())} failures", flush=True)
    print(known.most_common())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lines", type=int, default=8)
    given_options = parser.parse_args()
    search(given_options.minutes, given_options.seed, given_options.lines)
