"""Checks for users' own functions, rules and arrays.

check_grads       derivatives compared with extrapolated differences
check_value_type  derivatives on another kind of array compared with those on NumPy's own
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from .pytrees.trees import flatten, paths, unflatten
from .transforms.arguments import primal_leaf, result_leaves
from .transforms.compare import copied
from .transforms.forward import _a, jacfwd, jvp
from .transforms.linearization import vjp
from .transforms.refusals import check_function
from .values.dual import primal


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
    """Compare the derivatives of ``f`` at ``args``, up to ``order``, with differences.

    The derivative along a random direction, by each of ``modes``, is compared with central differences, extrapolated
    (Richardson) from ``step`` downwards; order 2 and above compare derivatives of derivatives, each mode over each.
    Where a class says itself how it is built (`register_pytree`), ``f`` of the arguments is compared with ``f`` of what
    is built of their numbers.

    Parameters
    ----------
    f : callable
        The function.
    args : sequence
        One entry for each argument of ``f``, all of them numbers or trees of numbers.
    order : int, default 1
        The highest order of derivative to compare.
    modes : sequence of {"fwd", "rev"}, default ("fwd", "rev")
        Which modes to compare with differences.
    rtol, atol : float
        How far a derivative may be from the differences, relative to it and at least.
    step : float, default 0.01
        The largest step of the differences.
    seed : int, default 0
        Of the random directions.

    Raises
    ------
    AssertionError
        If they differ.
    TypeError, ValueError
        For arguments and results that are no numbers, or have no entries to compare.

    Notes
    -----
    Cost: six to twelve evaluations of ``f`` and two sweeps; each order multiplies that by the number of modes.

    Examples
    --------
    >>> import numpy as np
    >>> check_grads(lambda x: np.exp(x) * x, (np.array([0.5, 1.0]),), order=2)
    """
    check_function(f, "check_grads")
    _check_options(order, modes, rtol, atol, step, seed)
    if not isinstance(args, (tuple, list)):
        raise TypeError(
            f"check_grads: args is {_a(args)}; it is a tuple with one entry for each argument of the function: "
            "check_grads(f, (x,))."
        )
    given, structure = flatten(tuple(args))
    if not given:
        raise TypeError(f"check_grads: args is {args!r}, which holds no number to differentiate: check_grads(f, (x,)).")
    places = paths(structure, "args")
    leaves = [primal(primal_leaf(leaf, f"check_grads: {name}")) for leaf, name in zip(given, places, strict=True)]
    if not any(np.size(leaf) for leaf in leaves):
        raise ValueError("check_grads: args has no entries; there is nothing to compare.")
    original, args = args, unflatten(structure, leaves)
    results = result_leaves(f(*copied(args)), "check_grads")[0]
    if structure.is_registered:
        for a, b in zip(result_leaves(f(*copy.deepcopy(original)), "check_grads")[0], results, strict=True):
            np.testing.assert_array_equal(
                b, a, err_msg="f of the arguments is not f of what their containers build of their numbers"
            )
    if not any(np.size(leaf) for leaf in results):
        raise ValueError("check_grads: the result has no entries; there is nothing to compare.")
    _compare(f, args, order, tuple(modes), rtol, atol, step, seed)


def _check_options(order: Any, modes: Any, rtol: Any, atol: Any, step: Any, seed: Any) -> None:
    try:
        known = not isinstance(modes, str) and bool(modes) and all(mode in ("fwd", "rev") for mode in modes)
    except TypeError:
        known = False
    if not known:
        raise ValueError(f"check_grads: modes is a sequence of 'fwd' and 'rev', not {modes!r}.")
    for name, number, least in (("order", order, 1), ("seed", seed, 0)):
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or number < least:
            raise ValueError(f"check_grads: {name} is a whole number of at least {least}, not {number!r}.")
    for name, number in (("rtol", rtol), ("atol", atol), ("step", step)):
        a_number = isinstance(number, (int, float, np.integer, np.floating)) and not isinstance(number, bool)
        if not a_number or not 0 <= number < np.inf or (name == "step" and number == 0):
            kind = "positive number" if name == "step" else "number, 0 or positive"
            raise ValueError(f"check_grads: {name} is a {kind}, not {number!r}.")


def _compare(
    f: Callable[..., Any],
    args: Any,
    order: int,
    modes: tuple[str, ...],
    rtol: float,
    atol: float,
    step: float,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    leaves, structure = flatten(args)
    direction = unflatten(structure, [_random_like(leaf, rng) for leaf in leaves], bare=True)

    def along(t: float) -> Any:
        moved = zip(leaves, flatten(direction)[0], strict=True)
        return f(*unflatten(structure, [leaf + t * v for leaf, v in moved]))

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
                _compare(first, args, order - 1, modes, rtol, atol, step, seed + 1)


def derivative_at_zero(g: Callable[[float], Any], step: float, enough: float = 1e-11) -> list[np.ndarray[Any, Any]]:
    """Derivative of each result of ``g`` at 0: central differences extrapolated to step 0, the best of the table.

    No further row is made once every entry has estimates that agree to ``enough``, relative to it and at least: most
    functions need six evaluations, and none more than twelve.
    Source: Ridders, Advances in Engineering Software 4 (1982) 75.
    """
    size = 6
    table: list[list[list[Any]]] = []
    best: list[Any] = []
    error: list[Any] = []
    for row in range(size):
        h = step / 2.0**row
        up, down = flatten(g(h))[0], flatten(g(-h))[0]
        table.append([[(_numbers(a) - _numbers(b)) / (2 * h) for a, b in zip(up, down, strict=True)]])
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
        if all(np.all(e <= enough * (1.0 + np.abs(x))) for e, x in zip(error, best, strict=True)):
            break
    return best


_MATRIX = np.linspace(0.1, 0.9, 30).reshape(6, 5)
_PROGRAMS: tuple[tuple[str, Callable[..., Any], tuple[tuple[int, ...], ...]], ...] = (
    ("sum of squares", lambda x: np.sum(x * x), ((12,),)),
    ("neighbours", lambda x: np.dot(x[1:], x[:-1]), ((12,),)),
    ("Rosenbrock", lambda x: np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2), ((12,),)),
    ("mean", lambda x: np.mean(np.sin(x)), ((12,),)),
    ("standard deviation", lambda x: np.std(x, axis=0), ((4, 3),)),
    ("logistic loss", lambda x, w: np.mean(np.log1p(np.exp(-(x @ w)))), ((8, 6), (6,))),
    ("layer", lambda x: np.tanh(x @ _MATRIX), ((8, 6),)),
    ("Gram matrix", lambda x: (x.T @ x) ** 2, ((8, 6),)),
    ("reshaped slice", lambda x: x.reshape(-1)[3:10] ** 3, ((8, 6),)),
    ("branches", lambda x: np.where(x > 0.5, x**2, np.exp(x)), ((12,),)),
    ("maximum", lambda x: np.maximum(x, 0.5) * x, ((12,),)),
    ("largest of rows", lambda x: np.max(x, axis=1) ** 2, ((8, 6),)),
    ("concatenation", lambda x: np.concatenate([x, x[::-1] ** 2]), ((12,),)),
    ("stack", lambda x, y: np.stack([x, x * y], axis=1), ((5,), (5,))),
    ("norm", lambda x: np.linalg.norm(x - 0.3), ((12,),)),
    ("row products", lambda x: np.einsum("ij,ij->i", x, x), ((8, 6),)),
    ("cumulative sum", lambda x: np.cumsum(x) ** 2, ((12,),)),
    ("differences", lambda x: np.diff(x) ** 2, ((12,),)),
    ("product", lambda x: np.prod(x), ((6,),)),
    ("outer product", lambda x: np.outer(x, np.cos(x)), ((5,),)),
    ("gather", lambda x: x[np.array([0, 3, 3, 5])] ** 2, ((12,),)),
    ("centred", lambda x: (x - np.mean(x, axis=0)) ** 3, ((8, 6),)),
    ("softmax", lambda x: np.exp(x) / np.sum(np.exp(x), axis=1, keepdims=True), ((8, 6),)),
    ("rolled", lambda x: np.roll(x, 1) * x**2, ((12,),)),
)


def check_value_type(
    make: Callable[[np.ndarray[Any, Any]], Any],
    back: Callable[[Any], Any] = np.asarray,
    programs: Iterable[tuple[str, Callable[..., Any], tuple[Any, ...]]] | None = None,
    *,
    modes: Sequence[str] = ("jvp", "jacfwd", "vjp", "jvp of jvp", "jvp of vjp"),
    rtol: float = 1e-9,
) -> list[str]:
    """Run derivatives on another kind of array, and compare them with those on ndarrays.

    ``make`` makes such an array of an ndarray, ``back`` an ndarray of it.  ``programs`` are triples: a name, a function
    of arrays, and its arguments as ndarrays; 24 typical ones if left out.  What an array needs for that is in
    `dualdiff.values`.
    Returns what was refused, a line each, with the error's first line.  Raises AssertionError for a wrong number.

    >>> import numpy as np
    >>> check_value_type(np.copy)
    []
    """
    if programs is None:
        rng = np.random.default_rng(0)
        programs = [(name, f, tuple(rng.uniform(0.2, 0.9, n) for n in shapes)) for name, f, shapes in _PROGRAMS]
    refused = []
    for name, f, args in programs:
        for mode in modes:
            run = _MODES[mode]
            expected = flatten(run(f, args, lambda x: x))[0]
            try:
                found = [back(leaf) for leaf in flatten(run(f, tuple(map(make, args)), make))[0]]
            except (TypeError, ValueError, NotImplementedError) as error:
                refused.append(f"{name}, {mode}: {type(error).__name__}: {str(error).splitlines()[0]}")
                continue
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol, err_msg=f"{name}, {mode}")
    return refused


def _directions(args: tuple[Any, ...], make: Callable[[Any], Any]) -> tuple[Any, ...]:
    rng = np.random.default_rng(1)
    return tuple(make(np.asarray(_random_like(np.zeros(arg.shape, _real_dtype(arg)), rng))) for arg in args)


def _real_dtype(x: Any) -> Any:
    return x.dtype if x.dtype.kind in "fc" else np.dtype(float)


def _pulled_back(f: Callable[..., Any], args: tuple[Any, ...], make: Callable[[Any], Any]) -> Any:
    y, pullback = vjp(f, *args)
    leaves, structure = flatten(y)
    rng = np.random.default_rng(2)
    return pullback(
        unflatten(structure, [make(np.asarray(rng.uniform(0.5, 1.5, y.shape), _real_dtype(y))) for y in leaves])
    )


_MODES: dict[str, Callable[..., Any]] = {
    "jvp": lambda f, args, make: jvp(f, args, _directions(args, make)),
    "jacfwd": lambda f, args, make: jacfwd(f, argnums=tuple(range(len(args))))(*args),
    "vjp": _pulled_back,
    "jvp of jvp": lambda f, args, make: jvp(
        lambda *args: jvp(f, args, _directions(args, make))[1], args, _directions(args, make)
    ),
    "jvp of vjp": lambda f, args, make: jvp(lambda *args: _pulled_back(f, args, make), args, _directions(args, make)),
}


def _numbers(leaf: Any) -> Any:
    """A result, of which truth values and whole numbers are subtracted as numbers."""
    array = np.asarray(leaf)
    return array.astype(float) if array.dtype.kind in "biu" else array


def _random_like(leaf: Any, rng: np.random.Generator) -> Any:
    value = np.empty(np.shape(primal(leaf)), getattr(leaf, "dtype", None) or np.result_type(type(leaf)))
    real: Any = np.asarray(rng.standard_normal(value.shape))
    if value.dtype.kind == "c":
        return (real + 1j * rng.standard_normal(value.shape)).astype(value.dtype)
    direction = real.astype(value.dtype if value.dtype.kind == "f" else float)
    return direction if value.ndim else direction[()]
