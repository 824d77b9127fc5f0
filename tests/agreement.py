"""One call, written as text, against plain NumPy and extrapolated differences, in both modes.

    agrees("np.var(x, axis=0, mean=np.mean(x, axis=0, keepdims=True))")

The names in `DATA` are the arrays that a call may use; it is differentiated in all that it names, at once and one by
one; X, V and M are x, v and m as constants.  ``B(shape)`` is a buffer of zeros that can hold the result, whatever the
arguments carry; ``after(np.put, buffer, ...)`` is the buffer then.
"""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import dualdiff as dd
from dualdiff.pytrees.trees import flatten
from dualdiff.testing import derivative_at_zero
from dualdiff.values.levels import duals_in
from dualdiff.values.objects import fused


def _spread(*shape: int) -> np.ndarray[Any, Any]:
    """Numbers between 0.1 and 0.9 far from each other, so that no step of a difference changes their order."""
    n = int(np.prod(shape))
    order = np.random.default_rng(n).permutation(n)
    return ((0.1 + 0.8 * (order + 0.3) / n) ** 1.1).reshape(shape)


_rng = np.random.default_rng(7)
_square = _rng.uniform(-0.5, 0.5, (3, 3)) + np.diag([2.0, 3.0, 4.5])
_squares = _rng.uniform(-0.5, 0.5, (2, 3, 3)) + np.diag([2.0, 3.0, 4.5])


def _complex(*shape: int) -> np.ndarray[Any, Any]:
    return _spread(*shape) + 1j * _rng.uniform(0.2, 0.9, shape)


DATA: dict[str, Any] = {
    "a": 0.63,  # scalars
    "b": 0.27,
    "v": _spread(4),  # vectors
    "w": _spread(4)[::-1] ** 2 + 0.013,
    "u": _spread(3),
    "k": _spread(6),
    "x": _spread(3, 4),  # matrices
    "y": 0.07 + 0.83 * _spread(3, 4)[::-1, ::-1],
    "c": _spread(3, 1),
    "q": _spread(2, 3, 4),
    "f": np.asfortranarray(_spread(4, 3)),
    "g": _spread(6, 4)[::2],
    "e": np.empty((0, 4)),
    "o": np.empty(0),
    "i": np.array(0.45),
    "m": _square,  # square matrices
    "h": _square @ _square.T,
    "mm": _squares,
    "hh": _squares @ np.swapaxes(_squares, -1, -2),
    "p": np.array([1.0, -4.0, 1.3, 2.0]),  # a polynomial with real roots far apart
    "z": _complex(4),  # complex numbers
    "zz": _complex(3, 4),
    "zm": _square + 1j * _rng.uniform(-0.4, 0.4, (3, 3)),
    "zs": 0.6 + 0.35j,
}
DATA["zh"] = DATA["zm"] @ np.conjugate(DATA["zm"].T)
DATA["nan"] = np.where(_spread(3, 4) > 0.8, np.nan, _spread(3, 4))
CONSTANTS = {"X": DATA["x"].copy(), "V": DATA["v"].copy(), "M": DATA["m"].copy()}


def names_in(call: str) -> list[str]:
    found = {node.id for node in ast.walk(ast.parse(call, mode="eval")) if isinstance(node, ast.Name)}
    return [name for name in DATA if name in found]


def program(call: str, extra: Any = ()) -> tuple[Any, list[str]]:
    """The call as a function of the arrays that it names."""
    names = names_in(call)

    def buffer(like: Any) -> Any:
        def made(*shape: int, dtype: Any = float) -> Any:
            return np.zeros(shape, dtype) if like is None else np.zeros(shape, dtype, like=like)

        return made

    code = compile(call, f"<{call}>", "eval")

    def f(*args: Any) -> Any:
        # A buffer carries what the innermost of the arguments does.
        duals = sorted(duals_in(list(args)), key=lambda dual: dual.perturbation.level)
        like = duals[-1] if duals else None
        scope = (
            dict(zip(names, args, strict=True))
            | CONSTANTS
            | {"np": np, "B": buffer(like), "after": after}
            | dict(extra)
        )
        return eval(code, scope)

    return f, names


NEWEST = tuple(int(part) for part in np.__version__.split(".")[:2]) >= (2, 5)


def plain_numpy_has(call: str, scope: Any = ()) -> bool:
    """Whether this NumPy knows the function and all the arguments of a call; the newest one does."""
    f, names = program(call.partition(" !")[0], scope)
    try:
        f(*(np.copy(DATA[name]) if isinstance(DATA[name], np.ndarray) else DATA[name] for name in names))
    except (AttributeError, TypeError, ValueError, NotImplementedError):
        if NEWEST:
            raise
        return False
    return True


def after(function: Any, buffer: Any, *args: Any, **options: Any) -> Any:
    """The buffer that a function has written into."""
    function(buffer, *args, **options)
    return buffer


def leaves(tree: Any) -> list[Any]:
    """The results that can have a derivative; an object array of Duals is one of them."""
    found = [fused(leaf) for leaf in flatten(tree)[0]]
    # An object array may end up without any Dual.
    found = [leaf.astype(float) if isinstance(leaf, np.ndarray) and leaf.dtype == object else leaf for leaf in found]
    return [leaf for leaf in found if isinstance(leaf, dd.Dual) or np.asarray(leaf).dtype.kind in "fc"]


def direction_like(x: Any, rng: np.random.Generator) -> Any:
    d: Any = rng.uniform(-1.0, 1.0, np.shape(x))
    if isinstance(x, np.ndarray):  # of one memory order with it, so that a step leaves that as it is
        d = np.copyto(order := np.empty_like(x, float), d) or order
    return d + 1j * rng.uniform(-1.0, 1.0, np.shape(x)) if np.iscomplexobj(x) else d


def agrees(call: str, rtol: float = 1e-7, second: bool = False, scope: Any = None, exact: bool = True) -> None:
    """``call !a b``: NumPy does not look for a Dual in these; there each alone raises."""
    call, _, unseen = call.partition(" !")
    f, names = program(call, scope or {})
    assert names, f"{call} names no data"
    args = tuple(DATA[name] for name in names)
    agree(
        f,
        args,
        rtol=rtol,
        second=second,
        unseen=[names.index(name) for name in unseen.split()],
        exact=exact and not call.startswith(("np.polynomial", "(np.polynomial")),
    )


def agree(
    f: Any, args: tuple[Any, ...], rtol: float = 1e-7, second: bool = False, unseen: Any = (), exact: bool = True
) -> None:
    """Value, forward mode, reverse mode; then with each argument alone."""
    rng = np.random.default_rng(1)
    v = tuple(direction_like(x, rng) for x in args)
    copies = [np.copy(x) for x in args]
    plain = f(*(np.copy(x) if isinstance(x, np.ndarray) else x for x in args))
    assert_same_value(dd.jvp(f, args, v)[0], plain, exact)
    for x, original in zip(args, copies, strict=True):
        assert np.asarray(x).tobytes() == original.tobytes(), "an argument has changed"

    def along(t: float) -> Any:
        return leaves(f(*(moved(x, t * d) for x, d in zip(args, v, strict=True))))

    estimates = derivative_at_zero(along, 1e-3, enough=0.01 * rtol)
    ydot = pushed(f, args, v)
    assert len(ydot) == len(estimates)
    for exact, estimate, part in zip(ydot, estimates, leaves(plain), strict=True):
        assert np.asarray(exact).dtype == np.asarray(part).dtype
        assert_allclose(exact, estimate, rtol=rtol, atol=rtol, err_msg="forward mode against differences")
    assert_adjoint(f, args, v, ydot, rng)
    if len(args) > 1:
        for j in range(len(args)):
            alone = lambda x, j=j: f(*(x if i == j else arg for i, arg in enumerate(args)))
            if j in unseen:
                with pytest.raises((TypeError, ValueError)):
                    dd.jvp(alone, (args[j],), (v[j],))
                ydot = []
                continue
            one = pushed(alone, (args[j],), (v[j],))
            ydot = [d - e for d, e in zip(ydot, one, strict=not unseen)]
            assert_adjoint(alone, (args[j],), (v[j],), one, rng)
        for rest in ydot:
            assert_allclose(rest, np.zeros_like(rest), atol=1e-9, err_msg="arguments one by one")
    if second:
        first = lambda *point: pushed(f, point, v)
        agree(first, args, rtol=10 * rtol)
        rng = np.random.default_rng(5)
        y_bar = [direction_like(d, rng).astype(np.asarray(d).dtype) for d in leaves(plain)]
        gradient = lambda *point: dd.vjp(lambda *p: leaves(f(*p)), *point)[1](y_bar)
        agree(gradient, args, rtol=10 * rtol)


def moved(x: Any, step: Any) -> Any:
    """A 0-d array stays one."""
    return np.asarray(x + step) if isinstance(x, np.ndarray) else x + step


def pushed(f: Any, args: Any, v: Any) -> list[Any]:
    """Tangents of the results that can have one."""
    return dd.jvp(lambda *point: leaves(f(*point)), args, v)[1]


def assert_same_value(y: Any, plain: Any, exact: bool) -> None:
    found, expected = flatten(y)[0], flatten(plain)[0]
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert type(one) is type(other) or {type(one), type(other)} == {float, np.float64}
        assert np.asarray(one).dtype == np.asarray(other).dtype
        assert np.shape(one) == np.shape(other)
        if exact:
            assert np.asarray(one).tobytes() == np.asarray(other).tobytes(), "not NumPy's value"
        else:
            assert_allclose(one, other, rtol=1e-14)


def assert_adjoint(f: Any, args: Any, v: Any, ydot: Any, rng: np.random.Generator) -> None:
    """Re ⟨ȳ, J ẋ⟩ = Re ⟨Jᵀ ȳ, ẋ⟩, without conjugation."""
    _, pullback = dd.vjp(lambda *point: leaves(f(*point)), *args)
    finite = [np.where(np.isfinite(d), d, 0.0) for d in ydot]
    y_bar = [
        np.where(np.isfinite(d), direction_like(d, rng), 0.0).astype(np.asarray(d).dtype)[()] for d in ydot
    ]  # fmt: skip
    x_bar = pullback(y_bar)
    for bar, x in zip(x_bar, args, strict=True):
        assert np.shape(bar) == np.shape(x)
        assert np.asarray(bar).dtype == np.asarray(x).dtype
    sent = sum(np.sum(np.real(a * b)) for a, b in zip(y_bar, finite, strict=True))
    scale = 1.0 + sum(np.sum(np.abs(a * b)) for a, b in zip(y_bar, finite, strict=True))
    back = sum(np.sum(np.real(a * b)) for a, b in zip(x_bar, v, strict=True))
    assert abs(sent - back) < 1e-9 * scale, f"reverse mode: {back}, forward mode: {sent}"
