"""`check`: all derivatives of a program that calls functions of `dualdiff.scipy`, against something independent.

    check(lambda a: linalg.expm(a), A)

Complex arguments are split: a program of complex arrays is checked as one of their real and imaginary parts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.testing import assert_allclose

import dualdiff as dd
from dualdiff.pytrees.trees import flatten
from dualdiff.testing import derivative_at_zero
from dualdiff.values.dual import Dual

# Differences are extrapolated until they agree so much better than they are compared.
_ENOUGH = 0.01


def check(
    f: Callable[..., Any],
    *args: Any,
    second: bool = True,
    float32: bool = True,
    rtol: float = 1e-7,
    step: float = 1e-3,
) -> None:
    """AssertionError unless value, both modes, their nestings and Variables of ``f`` at ``args`` are all right.

    ``second`` says whether second derivatives exist; ``float32`` whether SciPy keeps that dtype, or what it returns is
    at least that of a plain call.  ``rtol`` is that of the comparisons with differences; ``step`` the longest of these.
    """
    values_are_those_of_a_plain_call(f, args)
    if float32 and not any(np.iscomplexobj(arg) for arg in args):
        dtypes_are_those_of_a_plain_call(f, tuple(np.float32(arg) for arg in args), args)
    f, args = split(f, args)
    y, pullback = first_derivatives(f, args, rtol, step)
    variables(f, args, y, pullback)
    if second:
        second_derivatives(f, args, rtol, step)


def values_are_those_of_a_plain_call(f: Callable[..., Any], args: tuple[Any, ...]) -> None:
    before = [np.copy(arg) for arg in args]
    v = tuple(direction(arg, np.random.default_rng(5)) for arg in args)
    plain = flatten(f(*args))[0]
    for y in (dd.jvp(f, args, v)[0], dd.vjp(f, *args)[0]):
        for a, b in zip(flatten(y)[0], plain, strict=True):
            assert type(a) is type(b)
            assert np.asarray(a).dtype == np.asarray(b).dtype
            assert np.shape(a) == np.shape(b)
            if np.asarray(a).dtype.itemsize <= 16:  # of a longer double, some bytes mean nothing
                assert np.asarray(a).tobytes() == np.asarray(b).tobytes()
    for arg, original in zip(args, before, strict=True):
        assert np.asarray(arg).tobytes() == original.tobytes()


def dtypes_are_those_of_a_plain_call(f: Callable[..., Any], args: tuple[Any, ...], wide: tuple[Any, ...]) -> None:
    v = tuple(direction(arg, np.random.default_rng(5)) for arg in args)
    program = lambda *args: differentiable(f(*args))
    y, ydot = dd.jvp(program, args, v)
    y_wide, expected = dd.jvp(program, wide, tuple(np.float64(d) for d in v))
    x_bar = dd.vjp(program, *args)[1]([direction(a, np.random.default_rng(6)) for a in y])
    for a, b, c in zip(y, ydot, program(*args), strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype == np.asarray(c).dtype
    # Of eigenvectors, LAPACK chooses the signs for each precision anew.
    if all(np.allclose(a, b, rtol=1e-3, atol=1e-3) for a, b in zip(y, y_wide, strict=True)):
        for a, b in zip(ydot, expected, strict=True):
            assert_allclose(a, b, rtol=1e-2, atol=1e-2 * (1 + np.max(np.abs(b), initial=0.0)))
    for a, arg in zip(x_bar, args, strict=True):
        assert np.asarray(a).dtype == np.asarray(arg).dtype


def split(f: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """The program of real and imaginary parts, and these."""
    is_complex = [np.iscomplexobj(arg) for arg in args]
    parts = []
    for arg, c in zip(args, is_complex, strict=True):
        parts += [np.real(arg), np.imag(arg)] if c else [arg]

    def program(*parts: Any) -> Any:
        supply = iter(parts)
        joined = [next(supply) + 1j * next(supply) if c else next(supply) for c in is_complex]
        results = []
        for y in differentiable(f(*joined)):
            results += [np.real(y), np.imag(y)] if np.result_type(y.dtype).kind == "c" else [y]
        return results

    return program, tuple(parts)


def first_derivatives(f: Callable[..., Any], args: tuple[Any, ...], rtol: float, step: float) -> tuple[Any, Any]:
    """Both modes; the value and the pullback, for further checks."""
    rng = np.random.default_rng(0)
    v = tuple(direction(arg, rng) for arg in args)
    y, ydot = dd.jvp(f, args, v)
    along = lambda t: f(*(x + t * d for x, d in zip(args, v, strict=True)))
    for exact, estimate in zip(ydot, derivative_at_zero(along, step, _ENOUGH * rtol), strict=True):
        assert np.shape(exact) == np.shape(estimate)
        assert_allclose(exact, estimate, rtol=rtol, atol=rtol, err_msg="forward mode against differences")

    y, pullback = dd.vjp(f, *args)
    y_bar = [direction(a, rng) for a in y]
    close(pairing(y_bar, ydot), pairing(pullback(y_bar), v), y_bar, ydot, "the pullback is not the adjoint")

    argnums = tuple(range(len(args)))
    forward, backward = dd.jacfwd(f, argnums)(*args), dd.jacrev(f, argnums)(*args)
    for row, other, exact in zip(forward, backward, ydot, strict=True):
        for a, b in zip(row, other, strict=True):
            scale = 1 + np.max(np.abs(a), initial=0.0)
            assert_allclose(a, b, rtol=1e-9, atol=1e-10 * scale, err_msg="jacfwd and jacrev differ")
        total = sum(np.tensordot(a, d, axes=np.ndim(d)) for a, d in zip(row, v, strict=True))
        scale = 1 + np.max(np.abs(total), initial=0.0)
        assert_allclose(total, exact, rtol=1e-9, atol=1e-10 * scale, err_msg="a block differs from one direction")
    return y, pullback


def second_derivatives(f: Callable[..., Any], args: tuple[Any, ...], rtol: float, step: float) -> None:
    rng = np.random.default_rng(1)
    u, v = (tuple(direction(arg, rng) for arg in args) for _ in range(2))
    first = lambda *args: dd.jvp(f, args, u)[1]
    y, second = dd.jvp(first, args, v)
    along = lambda t: first(*(x + t * d for x, d in zip(args, v, strict=True)))
    for exact, estimate in zip(second, derivative_at_zero(along, step, _ENOUGH * rtol), strict=True):
        scale = 1 + np.max(np.abs(estimate), initial=0.0)
        assert_allclose(exact, estimate, rtol=10 * rtol, atol=10 * rtol * scale, err_msg="forward over forward")

    y_bar = [direction(a, rng) for a in y]
    expected = pairing(y_bar, second)
    x_bar = dd.vjp(first, *args)[1](y_bar)
    close(pairing(x_bar, v), expected, y_bar, second, "reverse over forward")
    gradient = lambda *args: dd.vjp(f, *args)[1](y_bar)
    close(pairing(dd.jvp(gradient, args, v)[1], u), expected, y_bar, second, "forward over reverse")
    close(pairing(dd.vjp(gradient, *args)[1](v), u), expected, y_bar, second, "reverse over reverse")


def variables(f: Callable[..., Any], args: tuple[Any, ...], y: Any, pullback: Callable[..., Any]) -> None:
    y_bar = [direction(a, np.random.default_rng(2)) for a in y]
    made = [dd.Variable(arg) for arg in args]
    for part, cotangent in zip(f(*made), y_bar, strict=True):
        if isinstance(part, dd.Variable):  # else a result that is constant here
            part.backward(cotangent)
    for variable, expected in zip(made, pullback(y_bar), strict=True):
        found = np.zeros_like(expected) if variable.grad is None else variable.grad
        scale = 1 + np.max(np.abs(expected), initial=0.0)
        assert_allclose(found, expected, rtol=1e-9, atol=1e-10 * scale, err_msg="Variables")


def differentiable(tree: Any) -> list[Any]:
    """The leaves of a result that may carry a derivative."""
    found = []
    for leaf in flatten(tree)[0]:
        if isinstance(leaf, (Dual, dd.Variable)) or np.asarray(leaf).dtype.kind in "fc":
            found.append(leaf if hasattr(leaf, "dtype") else np.float64(leaf))
    return found


def direction(x: Any, rng: np.random.Generator) -> Any:
    """Random numbers in the shape and dtype of ``x``."""
    dtype = np.asarray(x).dtype
    real = rng.standard_normal(np.shape(x))
    if dtype.kind == "c":
        return np.asarray(real + 1j * rng.standard_normal(np.shape(x))).astype(dtype)[()]
    return np.asarray(real).astype(dtype)[()]


def pairing(a: Any, b: Any) -> float:
    return float(sum(np.sum(np.asarray(x) * y) for x, y in zip(a, b, strict=True)))


def close(a: float, b: float, x: Any, y: Any, message: str) -> None:
    size = 1 + sum(np.sum(np.abs(np.asarray(p) * q)) for p, q in zip(x, y, strict=True))
    assert abs(a - b) < 1e-9 * size, f"{message}: {a} and {b}"
