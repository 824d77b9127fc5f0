"""What must hold for a program in plain NumPy, held against something independent.

* Values bit for bit those of plain NumPy, in every mode and nesting; the caller's arrays unchanged; no error, no
  warning.
* jvp = extrapolated differences, where the program is smooth.
* ⟨ȳ, J ẋ⟩ = ⟨Jᵀ ȳ, ẋ⟩, jacfwd = jacrev, linearize = jvp, Variables = vjp.
* All four nestings of two modes give one second derivative, that of extrapolated differences of the gradient.
"""

from __future__ import annotations

import warnings
from collections import Counter

import numpy as np

import dualdiff as dd
from dualdiff.testing import derivative_at_zero
from tests.closeness import assert_allclose


def check_program(program, tally=None):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Check(program, Counter() if tally is None else tally).run()


# guide/what_cannot_work.md: a plain array (floor, say, is plain) cannot hold a Dual.
_DOCUMENTED = (
    "a plain array cannot hold a Dual",
    "setting an array element with a sequence",
    "np.asarray(x, dtype=",
)


class Check:
    def __init__(self, program, tally):
        self.f, self.tally = program, tally
        self.x = program.values()
        self.plain = program(*program.values())
        self.v, self.u = (directions(self.x, i) for i in (0, 1))
        self.single = any(np.asarray(leaf).dtype == np.float32 for leaf in (*self.x, *self.plain))
        self.rtol = 2e-3 if self.single else 1e-7
        self.has_complex = any(np.iscomplexobj(x) for x in self.x)

    def run(self):
        try:
            self.first_order()
        except (TypeError, ValueError) as error:
            if any(text in str(error) for text in _DOCUMENTED):
                self.tally["documented refusal"] += 1
                return
            raise
        if self.finite:
            self.second_order()

    def unchanged(self, args):
        for arg, original in zip(args, self.f.values(), strict=True):
            assert np.asarray(arg).tobytes() == np.asarray(original).tobytes(), "a transform wrote its argument"

    def same_values(self, y, mode):
        assert len(y) == len(self.plain), mode
        for i, (a, b) in enumerate(zip(y, self.plain, strict=True)):
            what = f"result {i} by {mode}"
            # Of a Python float an inner derivative may be np.float64; it may be summed in another order, too.
            nested = any("dd." in line for line in self.f.lines)
            assert nested or type(a) is type(b), f"{what}: {type(a)} in place of {type(b)}"
            assert np.shape(a) == np.shape(b), what
            assert np.asarray(a).dtype == np.asarray(b).dtype, f"{what}: {a.dtype} in place of {b.dtype}"
            same = np.asarray(a).tobytes() == np.asarray(b).tobytes()
            # NumPy multiplies complex numbers with other rounding into memory that is strided or read, too (out=x).
            rounded = np.iscomplexobj(b) and any("out=" in line for line in self.f.lines)
            if not same and (rounded or nested):
                self.tally["other rounding"] += 1
                tolerance = 1e3 * np.finfo(np.asarray(b).dtype).eps
                same = np.allclose(a, b, rtol=tolerance, atol=tolerance)
            assert same, f"{what}: {a!r} in place of {b!r}"

    def first_order(self):
        f, x, v = self.f, self.x, self.v
        y, self.ydot = dd.jvp(f, x, v)
        self.same_values(y, "jvp")
        for a, b in zip(self.ydot, y, strict=True):
            assert np.shape(a) == np.shape(b) and np.asarray(a).dtype == np.asarray(b).dtype, "kind of a tangent"
        y, pullback = dd.vjp(f, *x)
        self.same_values(y, "vjp")
        self.finite = all(np.all(np.isfinite(d)) for d in self.ydot)
        self.y_bar = [cotangent_like(leaf, i) for i, leaf in enumerate(self.plain)]
        x_bar = pullback(self.y_bar)
        for a, b in zip(x_bar, x, strict=True):
            assert np.shape(a) == np.shape(b) and np.asarray(a).dtype == np.asarray(b).dtype, "kind of a cotangent"
        if self.finite:
            self.agree(pairing(self.y_bar, self.ydot), pairing(x_bar, v), "reverse and forward mode")
        if self.finite:
            self.variables(x_bar)
        y, pushforward = dd.linearize(f, *x)
        self.same_values(y, "linearize")
        self.close(pushforward(*v), self.ydot, "linearize and jvp")
        if not self.has_complex:
            self.jacobians()
        self.unchanged(x)
        # At 0 and at ties NumPy's functions have kinks, and conventions (guide/kinks.md) that no difference shows.
        special = any(np.any(np.isin(x, (0.0, 1.0, -1.0, 0.5))) for x in x)
        self.smooth = False
        if self.finite and not self.single and not special:
            self.smooth = self.differences(lambda *point: f(*f.at(point)), self.ydot, "differences and jvp")

    def variables(self, x_bar):
        """Variables collect what the pullback gives; writing into one that was made from a value is refused."""
        x = [dd.Variable(a) for a in self.x]
        try:
            leaves = self.f(*x)
        except TypeError as error:
            if "not written in place" in str(error):
                self.tally["written Variable"] += 1
                return
            raise
        loss = sum((np.sum(np.real(c * leaf)) for c, leaf in zip(self.y_bar, leaves, strict=True)), 0.0)
        if isinstance(loss, dd.Variable):
            loss.backward()
        found = [np.zeros_like(b) if a.grad is None else a.grad for a, b in zip(x, x_bar, strict=True)]
        self.close(found, x_bar, "Variables and vjp")

    def jacobians(self):
        argnums = tuple(range(len(self.x)))

        def real_parts(*args):
            parts = []
            for leaf in self.f(*args):
                parts += [leaf.real, leaf.imag] if np.iscomplexobj(leaf) else [leaf]
            return parts

        forward = dd.jacfwd(real_parts, argnums, chunk_size=3)(*self.x)
        backward = dd.jacrev(real_parts, argnums, chunk_size=2)(*self.x)
        for rows, others in zip(forward, backward, strict=True):
            self.close(rows, others, "jacfwd and jacrev")

    def second_order(self):
        f, x, u, v, y_bar = self.f, self.x, self.u, self.v, self.y_bar

        def forward(*args):
            return dd.jvp(f, args, u)

        def backward(*args):
            y, pullback = dd.vjp(f, *args)
            return y, pullback(y_bar)

        (y, _), (_, second) = dd.jvp(forward, x, v)
        self.same_values(y, "jvp of jvp")
        if not all(np.all(np.isfinite(d)) for d in second):
            self.tally["second derivative not finite"] += 1
            return
        expected = pairing(y_bar, second)
        (y, _), (_, along) = dd.jvp(backward, x, v)
        self.same_values(y, "jvp of vjp")
        self.agree(expected, pairing(along, u), "forward over reverse and forward over forward")
        (y, _), pullback = dd.vjp(forward, *x)
        self.same_values(y, "vjp of jvp")
        zeros = [np.zeros_like(a) for a in y]
        self.agree(expected, pairing(pullback((zeros, y_bar)), v), "reverse over forward and forward over forward")
        (y, _), pullback = dd.vjp(backward, *x)
        self.same_values(y, "vjp of vjp")
        self.agree(expected, pairing(pullback((zeros, u)), v), "reverse over reverse and forward over forward")
        self.unchanged(x)
        if not self.single and self.smooth:
            self.differences(lambda *point: list(backward(*f.at(point))[1]), list(along), "differences of the gradient")

    # Comparing.

    def agree(self, a, b, what):
        (total, size), (other, size2) = a, b
        assert abs(total - other) <= self.rtol * (1.0 + max(size, size2)), f"{what}: {total} and {other}"

    def close(self, a, b, what):
        for i, (one, other) in enumerate(zip(a, b, strict=True)):
            # inf − inf in one order of a sum may be a multiple of inf in the other; an FFT may leave out 0 · inf.
            finite = np.isfinite(one) & np.isfinite(other)
            one, other = np.where(finite, one, 0.0), np.where(finite, other, 0.0)
            size = np.max(np.abs(other), initial=1.0)
            assert_allclose(one, other, rtol=self.rtol, atol=self.rtol * size, err_msg=f"{what}, result {i}")

    def differences(self, f, exact, what):
        """Compare where differences can be trusted; whether they could everywhere."""

        def along(t):
            return f(*(a + t * d for a, d in zip(self.x, self.v, strict=True)))

        try:
            middle = along(0.0)
            coarse, fine = (derivative_at_zero(along, step, enough=1e-9) for step in (2e-3, 4e-4))
            bends = [[np.abs(p - 2.0 * m + q) / h for p, m, q in zip(along(h), middle, along(-h), strict=True)]
                     for h in (1e-3, 1e-4)]  # fmt: skip
        except Exception:  # a step beyond the domain, or results of another shape
            self.tally["no differences"] += 1
            return False
        smooth = True
        for i, (d, a, b, bend, finer) in enumerate(zip(exact, coarse, fine, *bends, strict=True)):
            size = 1.0 + np.max(np.abs(b), initial=0.0)
            trusted = (np.abs(a - b) <= 1e-6 * size) & ((finer <= 0.4 * bend) | (finer <= 1e-6 * size))
            smooth = smooth and bool(np.all(trusted))
            error = np.where(trusted, np.abs(d - b), 0.0)
            assert np.all(error <= 2e-5 * size), f"{what}, result {i}:\n{d}\n{b}"
        self.tally["differences"] += 1
        self.tally["differences everywhere"] += smooth
        return smooth


def directions(x, number):
    rng = np.random.default_rng(number)
    return tuple(_random_like(a, rng) for a in x)


def cotangent_like(y, number):
    return _random_like(y, np.random.default_rng(100 + number))


def _random_like(a, rng):
    dtype = np.asarray(a).dtype
    values = rng.uniform(0.2, 1.0, np.shape(a)) * rng.choice([-1.0, 1.0], np.shape(a))
    if dtype.kind == "c":
        values = values + 1j * rng.uniform(-1.0, 1.0, np.shape(a))
    return np.asarray(values).astype(dtype)[()]


def pairing(a, b):
    """Re Σ ab, and the sum of the magnitudes."""
    terms = [np.asarray(p * q) for p, q in zip(a, b, strict=True)]
    return float(sum(np.sum(t.real) for t in terms)), float(sum(np.sum(np.abs(t)) for t in terms))
