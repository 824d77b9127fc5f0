"""`linear`: an opaque linear map as one call, given with its transpose.

A linear map is its own derivative, so nothing has to be known of it but how to apply it, and its transpose for reverse
mode: the solver of a sparse factorization, an FFT from another package, a convolution in C.  Both get plain arrays
alone: tangents and cotangents go through them row by row, those of outer levels one level after the other.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from ..rules.call import owned, wrapped
from ..rules.captures import as_now
from ..tangents import Like, Perturbation, like_of
from ..tangents.expression import Tangent
from ..values.dual import Dual, primal
from ..values.kinds import is_number
from ..values.levels import duals_in, innermost
from ..values.objects import carries, fused
from .arguments import presented
from .refusals import check_function

# How far apart the two sides of a law may be, of their size: a solver that iterates is linear only so far.
_CLOSE = 1e-3
# How large L(0) may be, of L's size: such a solver returns 0 as well.
_ZERO = 1e-12
_PLAIN = (np.ndarray, np.generic, int, float, complex)


class linear:
    """Linear map of one array, as a function that is differentiable in both modes, to any order.

    Parameters
    ----------
    apply : callable
        Takes an array and returns one.  It sees plain arrays alone, of its own; what it closes over is
        constant, as it is at the call.
    transpose : callable
        Takes an array of the shape of the result and returns one of the shape of ``x``, with
        ⟨ct, apply(x)⟩ = ⟨transpose(ct), x⟩, without conjugation.
    check : bool, default True
        Whether both laws are tried with random numbers, at the first differentiated call for each shape.

    Attributes
    ----------
    T : linear
        The transposed map.

    Raises
    ------
    TypeError
        For a map that is not linear, a transpose that is none, one that closes over a value with a derivative, or one
        that has changed when reverse mode comes back to it.

    Notes
    -----
    Cost: each direction or cotangent is one call of ``apply`` or ``transpose``; the check runs ``apply`` four times
    more and ``transpose`` once, and sums what comes back against the argument and the result of the call.

    Examples
    --------
    >>> import numpy as np
    >>> import dualdiff as dd
    >>> A = np.array([[2.0, 1.0], [0.0, 4.0]])
    >>> solve = dd.linear(lambda b: np.linalg.solve(A, b), lambda ct: np.linalg.solve(A.T, ct))
    >>> dd.grad(lambda b: np.sum(solve(b) ** 2))(np.array([1.0, 4.0]))
    array([0. , 0.5])
    """

    def __init__(self, apply: Callable[[Any], Any], transpose: Callable[[Any], Any], *, check: bool = True) -> None:
        for f in (apply, transpose):
            check_function(f, "linear")
        functools.update_wrapper(self, apply)
        self.apply, self.transpose, self.check = apply, transpose, check
        self._checked: set[Any] = set()  # shapes and dtypes of arguments for which the laws were found to hold

    def __repr__(self) -> str:
        return f"<linear {self.apply!r}>"

    @functools.cached_property
    def T(self) -> linear:
        """The transposed map."""
        return linear(self.transpose, self.apply, check=self.check)

    def __call__(self, x: Any) -> Any:
        return presented(self._of_dual(fused(x))) if carries(x) else owned(self.apply(owned(x)))

    def _of_dual(self, x: Dual) -> Any:
        perturbation = innermost((x,))
        assert perturbation is not None
        y = self._constant(x.value, perturbation)
        if self.check:
            self._check(primal(x))
        like, like_x = (Like(np.shape(value), _dtype(value)) for value in (y, x.value))
        now = self._now(perturbation)
        later = self.check and hasattr(perturbation, "pullback")
        called = perturbation.keep((primal(x), primal(y))) if later else None

        def forwards(block: Any) -> Any:
            return _by_rows(lambda row: now._constant(row, perturbation), block, like, "apply")

        def backwards(block: Any) -> Any:
            pulled = _by_rows(lambda row: now.T._constant(row, perturbation), block, like_x, "transpose")
            if called is not None:
                self._check_unchanged(called[0], called[1], primal(block), primal(pulled))
            return pulled

        tangent = Tangent(perturbation, x.tangent).map(forwards, backwards, like)
        return wrapped(y, tangent, perturbation)

    def _now(self, perturbation: Perturbation) -> linear:
        """The map that a record may call later: of what its functions close over now."""
        apply, transpose = as_now(self.apply, perturbation), as_now(self.transpose, perturbation)
        if apply is self.apply and transpose is self.transpose:
            return self
        return linear(apply, transpose, check=False)

    def _constant(self, x: Any, perturbation: Perturbation) -> Any:
        """The result for an argument of an outer level, or a plain one, which the function may write into."""
        if type(x) is Dual:
            return self._of_dual(x)
        y = fused(owned(self.apply(x.copy() if hasattr(x, "copy") else x)))
        if duals_in(y):
            raise TypeError(
                f"{errors.name_of_user_function(self)}: a function given to linear closes over a value that carries a "
                "derivative, which would be lost: a linear map has a derivative in its argument alone.\n"
                "  Make the map of  dualdiff.stop_gradient(A),  or write it with NumPy's functions, without linear."
            )
        if not hasattr(y, "shape") and not is_number(y):
            raise TypeError(f"linear: a function given to it returned a {type(y).__name__}; it returns an array.")
        return y

    def _check_unchanged(self, x: Any, y: Any, block: Any, pulled: Any) -> None:
        """⟨c, L x⟩ = ⟨Lᵀ c, x⟩ of what a record was made with: its map may be another when it runs backwards."""
        if not all(isinstance(value, _PLAIN) for value in (x, y, block, pulled)):
            return
        with np.errstate(all="ignore"):
            one, other = (a.reshape(len(a), -1) * np.ravel(b) for a, b in ((block, y), (pulled, x)))
            gap = np.abs(np.real(one.sum(1) - other.sum(1)))
            wrong = np.flatnonzero(gap > _CLOSE * (np.abs(one).sum(1) + np.abs(other).sum(1)))
        if wrong.size:
            ct_y, pulled_x = (np.real(side.sum(1)[wrong[0]]) for side in (one, other))
            raise TypeError(
                f"{errors.name_of_user_function(self)}: the map has changed since it was called: the sum of ct * y is "
                f"{ct_y:.6g}, that of transpose(ct) * x is {pulled_x:.6g}.\n"
                "  Reverse mode calls transpose when the function has returned. Make a map of its own for each matrix, "
                "of functions that close over that matrix alone, or take forward mode."
            )

    def _check(self, x: Any) -> None:
        """L(−2 r + 4 s) = −2 L(r) + 4 L(s), L(0) = 0, and ⟨c, L r⟩ = ⟨Lᵀ c, r⟩, once for each shape and dtype."""
        signature = np.shape(x), _dtype(x).char
        if signature in self._checked:
            return
        rng = np.random.default_rng(0)
        r, s = (_random(x, rng) for _ in range(2))
        name = errors.name_of_user_function(self)
        with np.errstate(all="ignore"):
            of_r, of_s, of_both = (np.array(self.apply(v)) for v in (r.copy(), s.copy(), -2 * r + 4 * s))
            expected = -2 * of_r + 4 * of_s
            size = 2 * np.max(np.abs(of_r), initial=0.0) + 4 * np.max(np.abs(of_s), initial=0.0)
            if np.any(np.abs(of_both - expected) > _CLOSE * size):
                raise TypeError(
                    f"{name}: the function given to linear is not linear: L(-2 r + 4 s) is not -2 L(r) + 4 L(s).\n"
                    "  A constant term, or a function of the size of its argument? Give such a function a rule with "
                    "dualdiff.custom_jvp."
                )
            of_zero = np.asarray(self.apply(np.zeros_like(r)))
            if np.isfinite(size) and not np.all(np.abs(of_zero) <= _ZERO * size):
                raise TypeError(
                    f"{name}: the function given to linear is not linear: L(0) is not 0, its largest entry is "
                    f"{np.max(np.abs(of_zero)):.3g}.\n"
                    "  Add a constant term outside of the map:  L(x) + c."
                )
            c = _random(of_r, rng)
            pulled = np.asarray(self.transpose(c.copy()))
            if pulled.shape != r.shape:
                raise _wrong_shape("transpose", pulled.shape, r.shape)
            one, other = np.sum(c * of_r), np.sum(pulled * r)
            size = np.sum(np.abs(c * of_r)) + np.sum(np.abs(pulled * r))
            # A real argument takes the real part of what comes back.
            gap = abs(one - other) if r.dtype.kind == "c" else abs(np.real(one - other))
            if gap > _CLOSE * size:
                raise TypeError(
                    f"{name}: transpose is not that of the map: the sum of ct * apply(x) is {one:.6g}, that of "
                    f"transpose(ct) * x is {other:.6g}.\n"
                    "  The transpose of a solve is the solve with the transposed matrix, without conjugation."
                )
        self._checked.add(signature)


def _by_rows(function: Callable[[Any], Any], block: Any, like: Like, name: str) -> Any:
    """A function of each array of a block, in the shape and dtype that the result is known to have."""
    if not block.shape[0]:
        return np.zeros((0, *like.shape), like.dtype)
    rows = [function(block[i]) for i in range(block.shape[0])]
    for row in rows:
        if np.shape(row) != like.shape:
            raise _wrong_shape(name, np.shape(row), like.shape)
    made: Any = np.stack(rows)
    if made.dtype == like.dtype:
        return made
    if made.dtype.kind == "c" and like.dtype.kind != "c":
        made = np.real(made)
    return made.astype(like.dtype)


def _wrong_shape(name: str, shape: tuple[int, ...], wanted: tuple[int, ...]) -> ValueError:
    return ValueError(f"linear: {name} returned an array of shape {shape}, where one of shape {wanted} is meant.")


def _dtype(x: Any) -> np.dtype[Any]:
    dtype: np.dtype[Any] = like_of(x).dtype
    return dtype if dtype.kind in "fc" else np.dtype(float)


def _random(x: Any, rng: np.random.Generator) -> Any:
    entries = rng.uniform(0.5, 1.0, np.shape(x)) * rng.choice([-1.0, 1.0], np.shape(x))
    return np.asarray(entries * (1 + 0.5j) if _dtype(x).kind == "c" else entries).astype(_dtype(x))
