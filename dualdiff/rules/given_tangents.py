"""The tangents that a declared `tangent_rule` is given: their maps are the user's, so the laws are tried."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..tangents import Perturbation, like_of
from ..tangents.expression import Tangent
from ..values.dual import primal

# How far apart the two sides of a law may be, of their size.
_CLOSE = 1e-3
_PLAIN = (np.ndarray, np.generic)


class GivenTangent(Tangent):
    """A tangent whose `map` runs on copies, and is tried with random blocks once for each function and shape."""

    __slots__ = ("name", "tried")

    def __init__(self, perturbation: Perturbation, handle: Any, name: str, tried: set[Any]) -> None:
        super().__init__(perturbation, handle)
        self.name = name
        self.tried = tried

    def _new(self, handle: Any) -> Tangent:
        return GivenTangent(self.perturbation, handle, self.name, self.tried)

    def _combine(self, *terms: tuple[Any, Tangent]) -> Tangent:
        for partial, term in terms:
            if isinstance(partial, Tangent) or not isinstance(term, Tangent):
                what = "the product of two tangents" if isinstance(partial, Tangent) else "the sum with a constant"
                raise TypeError(
                    f"{self.name}: its rule makes {what}, which is not linear in the tangents.\n"
                    "  A tangent_rule multiplies tangents by constants (y, and the arguments themselves) and adds them."
                )
        return super()._combine(*terms)

    def map(self, apply: Callable[[Any], Any], transpose: Callable[[Any], Any], like: Any = None) -> Tangent:
        if self:
            self._try(apply, transpose, self.like if like is None else like_of(like))
        return super().map(lambda block: apply(block.copy()), lambda block: transpose(block.copy()), like)

    def _try(self, apply: Callable[[Any], Any], transpose: Callable[[Any], Any], like: Any) -> None:
        """L [r, s] = [L r, L s], L(−2 r + 4 s) = −2 L r + 4 L s, and ⟨c, L r⟩ = ⟨Lᵀ c, r⟩."""
        own = self.like
        codes = (getattr(f, "__code__", f) for f in (apply, transpose))
        signature = (*codes, own.shape, own.dtype.char, like.shape, like.dtype.char)
        if signature in self.tried:
            return
        rng = np.random.default_rng(0)
        r, s, c = (_random(of, rng) for of in (own, own, like))
        with np.errstate(all="ignore"):
            blocks = (np.stack([r, s]), (-2 * r + 4 * s)[None])
            found = [*(primal(apply(block)) for block in blocks), primal(transpose(c[None].copy()))]
            if not all(isinstance(part, _PLAIN) for part in found):
                return  # a value that is being staged, or of a foreign type
            of_each, of_both, pulled = found
            for part, wanted in zip(found, ((2, *like.shape), (1, *like.shape), (1, *own.shape)), strict=True):
                if part.shape != wanted:
                    which = "transpose" if part is pulled else "apply"
                    raise self._wrong(f"{which} returns an array of shape {part.shape}, where {wanted} is meant")
            of_r, of_s = of_each
            size = 2 * np.max(np.abs(of_r), initial=0.0) + 4 * np.max(np.abs(of_s), initial=0.0)
            if np.any(np.abs(of_both[0] - (-2 * of_r + 4 * of_s)) > _CLOSE * size):
                raise self._wrong("apply is not linear: L(-2 r + 4 s) is not -2 L(r) + 4 L(s)")
            one, other = np.sum(c * of_r), np.sum(pulled[0] * r)
            # Of complex numbers, the real part of the pairing is what a real-linear map keeps.
            if abs(np.real(one - other)) > _CLOSE * (np.sum(np.abs(c * of_r)) + np.sum(np.abs(pulled[0] * r))):
                raise self._wrong(
                    f"transpose is not that of apply: the sum of ct * apply(x) is {np.real(one):.6g}, "
                    f"that of transpose(ct) * x is {np.real(other):.6g}"
                )
        self.tried.add(signature)

    def _wrong(self, what: str) -> TypeError:
        return TypeError(
            f"{self.name}: of a map in its rule, {what}.\n"
            "  da.map(apply, transpose, like) takes linear functions of blocks, arrays of directions side by side: of "
            "shape (k, *da.shape), and (k, *like.shape) for transpose; like is what the result is like."
        )


def _random(like: Any, rng: np.random.Generator) -> Any:
    entries = rng.uniform(0.5, 1.0, like.shape) * rng.choice([-1.0, 1.0], like.shape)
    return np.asarray(entries * (1 + 0.5j) if like.dtype.kind == "c" else entries).astype(like.dtype)
