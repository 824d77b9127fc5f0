"""`check_grads`: derivatives compared with extrapolated differences, for users' functions and rules."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .dual import primal
from .forward import jvp
from .pytrees import flatten, unflatten
from .reverse import vjp


def check_grads(
    f: Callable[..., Any],
    args: Sequence[Any],
    order: int = 1,
    modes: Sequence[str] = ("fwd", "rev"),
    *,
    rtol: float = 1e-6,
    atol: float = 1e-8,
    step: float = 1e-2,
    seed: int = 0,
) -> None:
    """Compare the derivatives of ``f`` at ``args``, up to ``order``, with differences; AssertionError if they differ.

    The derivative along a random direction, by each of ``modes``, is compared with central differences, extrapolated
    (Richardson) from ``step`` downwards; order 2 and above compare derivatives of derivatives, each mode over each.
    Where a class says itself how it is built (`register_pytree`), ``f`` of the arguments is compared with ``f`` of what
    is built of their numbers.
    Cost: about twelve evaluations of ``f`` and two sweeps; each order multiplies that by the number of modes.

    >>> import numpy as np
    >>> check_grads(lambda x: np.exp(x) * x, (np.array([0.5, 1.0]),), order=2)
    """
    unknown = [mode for mode in modes if mode not in ("fwd", "rev")]
    if unknown or isinstance(modes, str):
        raise ValueError(f"check_grads: modes is a sequence of 'fwd' and 'rev', not {modes!r}.")
    args = tuple(args)
    rng = np.random.default_rng(seed)
    leaves, structure = flatten(args)
    direction = unflatten(structure, [_random_like(leaf, rng) for leaf in leaves], bare=True)

    def along(t: float) -> Any:
        moved = zip(leaves, flatten(direction)[0], strict=True)
        return f(*unflatten(structure, [leaf + t * v for leaf, v in moved]))

    if structure.is_registered:
        given, rebuilt = flatten(f(*copy.deepcopy(args)))[0], flatten(along(0.0))[0]
        for a, b in zip(given, rebuilt, strict=True):
            np.testing.assert_array_equal(
                b, a, err_msg="f of the arguments is not f of what their containers build of their numbers"
            )
    estimates = derivative_at_zero(along, step)
    if "fwd" in modes:
        _, ydot = jvp(f, args, direction)
        for i, (exact, estimate) in enumerate(zip(flatten(ydot)[0], estimates, strict=True)):
            np.testing.assert_allclose(
                exact, estimate, rtol=rtol, atol=atol, err_msg=f"forward mode against differences, result {i}"
            )
    if "rev" in modes:
        y, pullback = vjp(f, *args)
        y_leaves, y_structure = flatten(y)
        cotangent = [_random_like(leaf, rng) for leaf in y_leaves]
        found = flatten(pullback(unflatten(y_structure, cotangent, bare=True)))[0]
        exact = sum(np.sum(np.asarray(a) * b) for a, b in zip(found, flatten(direction)[0], strict=True))
        terms = [np.sum(np.asarray(a) * b) for a, b in zip(cotangent, estimates, strict=True)]
        scale = sum(np.sum(np.abs(np.asarray(a) * b)) for a, b in zip(cotangent, estimates, strict=True))
        # Of complex numbers, the real part of the pairing is what a real-linear map keeps.
        np.testing.assert_allclose(
            np.real(exact),
            np.real(sum(terms)),
            rtol=rtol,
            atol=atol + rtol * float(scale),
            err_msg="reverse mode against differences",
        )
    if order > 1:
        # Derivatives of derivatives, each mode over each.
        def forward(*point: Any) -> Any:
            return jvp(f, point, direction)[1]

        def backward(*point: Any) -> Any:
            y, pullback = vjp(f, *point)
            y_leaves, y_structure = flatten(y)
            rng = np.random.default_rng(seed)
            return pullback(unflatten(y_structure, [_random_like(leaf, rng) for leaf in y_leaves], bare=True))

        for mode, first in (("fwd", forward), ("rev", backward)):
            if mode in modes:
                check_grads(first, args, order - 1, modes, rtol=rtol, atol=atol, step=step, seed=seed + 1)


def derivative_at_zero(g: Callable[[float], Any], step: float) -> list[np.ndarray[Any, Any]]:
    """Derivative of each result of ``g`` at 0: central differences extrapolated to step 0, the best of the table.

    Source: Ridders, Advances in Engineering Software 4 (1982) 75.
    """
    size = 6
    table: list[list[list[Any]]] = []
    best: list[Any] = []
    error: list[Any] = []
    for row in range(size):
        h = step / 2.0**row
        up, down = flatten(g(h))[0], flatten(g(-h))[0]
        table.append([[(np.asarray(a) - np.asarray(b)) / (2 * h) for a, b in zip(up, down, strict=True)]])
        for column in range(1, row + 1):
            factor = 4.0**column
            finer, coarser = table[row][column - 1], table[row - 1][column - 1]
            table[row].append([(factor * a - b) / (factor - 1) for a, b in zip(finer, coarser, strict=True)])
        if row == 0:
            best = [np.array(x) for x in table[0][0]]
            error = [np.full(np.shape(x), np.inf) for x in best]
            continue
        for i, new in enumerate(table[row][row]):
            change = np.maximum(np.abs(new - table[row][row - 1][i]), np.abs(new - table[row - 1][row - 1][i]))
            better = change < error[i]
            best[i] = np.where(better, new, best[i])
            error[i] = np.where(better, change, error[i])
    return best


def _random_like(leaf: Any, rng: np.random.Generator) -> Any:
    value = np.empty(np.shape(primal(leaf)), getattr(leaf, "dtype", None) or np.result_type(type(leaf)))
    real: Any = np.asarray(rng.standard_normal(value.shape))
    if value.dtype.kind == "c":
        return (real + 1j * rng.standard_normal(value.shape)).astype(value.dtype)
    direction = real.astype(value.dtype if value.dtype.kind == "f" else float)
    return direction if value.ndim else direction[()]
