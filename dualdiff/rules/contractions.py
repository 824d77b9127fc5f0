"""Contractions: products of arrays that multiply and sum, each written as the letters of an ``einsum``.

A product y = a · b is bilinear, so ẏ = ȧ · b + a · ḃ: the same letters, with one factor replaced by its tangent.
`bilinear` declares a function by its letters; `dualdiff.tangents.Perturbation.contract` brings them to BLAS.

Conventions: letters are a function of the shapes; an axis of length 1 that broadcasts has a letter of its own.
``vecdot``, ``vecmat``, ``vdot`` and ``correlate`` conjugate one factor, as in NumPy.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import errors
from ..table import Rule, register
from ..tangents import ONE, like_of
from ..tangents.einsum import LETTERS
from ..tangents.expression import Tangent, batch_subscripts, matmul_subscripts, normalized
from ..values import kinds
from ..values.dual import Dual
from ..values.kinds import ARRAYS
from ..values.levels import innermost, value_of
from ..values.objects import carries, fused, stripped
from .call import constant, perturbation_of, refuse_narrowing, tangent_of, wrapped, written
from .forms import composite

Letters = tuple[str, str, str]  # of a, of b, of the result


# The form.


class Bilinear(Rule):
    """y = a · b, summed and arranged as ``letters(a.shape, b.shape, **options)`` say."""

    form = "bilinear"

    def __init__(self, function: Any, names: str, letters: Callable[..., Letters], conjugate: bool, flat: bool) -> None:
        super().__init__(function)
        self.names = tuple(names.split())
        self.active = self.names[:2]
        self.letters = letters
        self.conjugate = conjugate
        self.flat = flat
        of_letters_shape = not flat and function is not np.kron
        self.plain_call = short_way(function, letters, self.operate) if of_letters_shape else self.operate

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) == 2 and not kwargs:
            return self.plain_call(*args)
        options = dict(zip(self.names, args, strict=False)) | kwargs
        if len(options) < len(args) + len(kwargs) or not set(self.names[:2]) <= set(options) <= set(self.names):
            self.function(*stripped(args), **{name: stripped(arg) for name, arg in kwargs.items()})  # NumPy's message
            raise errors.unsupported(self.function, "of an argument that the rule does not know", [])
        a, b = (options.pop(name) for name in self.names[:2])
        out = options.pop("out", None)
        if carries(options):
            raise errors.no_derivative_in(self.function, next(name for name in options if carries(options[name])))
        result = self.operate(a, b, **options)
        return result if out is None else written(self.function, out, result)

    def operate(self, a: Any, b: Any, **options: Any) -> Any:
        a, b = operand(a), operand(b)
        perturbation = innermost((a, b))
        if perturbation is None:
            return self.function(a, b, **options)
        refuse_narrowing(self.function, options.get("dtype"), (a, b))
        x, z = value_of(a, perturbation), value_of(b, perturbation)
        y = self.function(x, z, **options)
        if constant(y.dtype):  # dtype=int
            return y
        da, db = tangent_of(a, perturbation), tangent_of(b, perturbation)
        x, z = (value if d else perturbation.keep(value) for value, d in ((x, da), (z, db)))
        return wrapped(y, self._product(y, x, z, da, db, options), perturbation)

    def tangent(self, y: Any, values: dict[str, Any], tangents: dict[str, Any]) -> Tangent | None:
        if constant(like_of(y).dtype):  # dtype=int
            return None
        first, second = self.active
        none = Tangent(perturbation_of(tangents), None)
        options = {name: value for name, value in values.items() if name not in (first, second, "out")}
        x, z = operand(values[first]), operand(values[second])
        return self._product(y, x, z, tangents.get(first) or none, tangents.get(second) or none, options)

    def _product(self, y: Any, x: Any, z: Any, da: Tangent, db: Tangent, options: dict[str, Any]) -> Tangent:
        left, right, target = self.letters(_shape(x, self.flat), _shape(z, self.flat), **options)
        if self.flat:
            da, db = _raveled(da), _raveled(db)
        dy = db
        if db:
            factor = conj(x) if self.conjugate else x
            dy = db.contract(f"{right},{left}->{target}", np.ravel(factor) if self.flat else as_array(factor))
        if da:
            da = da.conj() if self.conjugate else da
            da = da.contract(f"{left},{right}->{target}", np.ravel(z) if self.flat else as_array(z))
            dy = da + dy if dy else da
        # kron interleaves axes, keepdims adds some: the entries are in their order already.
        return dy if dy.shape == np.shape(y) else dy.reshape(np.shape(y))


def _raveled(d: Tangent) -> Tangent:
    return d.reshape((math.prod(d.shape),)) if d and d.ndim != 1 else d


def short_way(
    function: Any, letters: Callable[..., Letters | None], operate: Callable[[Any, Any], Any]
) -> Callable[[Any, Any], Any]:
    """The call with two float arrays of one dtype, which is what most programs do; ``operate`` does all others."""

    @functools.lru_cache(maxsize=1024)
    def subscripts(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[str, str] | None:
        found = letters(a, b)
        return found and (f"{found[0]},{found[1]}->{found[2]}", f"{found[1]},{found[0]}->{found[2]}")

    def call(a: Any, b: Any) -> Any:
        p = innermost((a, b))
        if p is None:
            return operate(a, b)
        x = a.value if type(a) is Dual and a.perturbation is p else a
        z = b.value if type(b) is Dual and b.perturbation is p else b
        if type(x) not in ARRAYS or type(z) not in ARRAYS or x.dtype is not z.dtype or x.dtype.kind != "f":
            return operate(a, b)
        y = function(x, z)
        found = subscripts(x.shape, z.shape)
        if found is None:
            return operate(a, b)
        of_a, of_b = found
        if b is z:
            return Dual(y, p.contract(a.tangent, of_a, p.keep(z)), p)
        if a is x:
            return Dual(y, p.contract(b.tangent, of_b, p.keep(x)), p)
        return Dual(y, p.combine(((ONE, p.contract(a.tangent, of_a, z)), (ONE, p.contract(b.tangent, of_b, x))), y), p)

    return call


def bilinear(
    function: Any, names: str, letters: Callable[..., Letters], *, conjugate: bool = False, flat: bool = False
) -> None:
    """Declare a product by its parameter names and its letters; ``flat`` ravels both, ``conjugate`` the first."""
    register(Bilinear(function, names, letters, conjugate, flat))


def operand(x: Any) -> Any:
    """A factor as an array (or number): lists and object arrays of Duals are made one."""
    x = fused(x)
    return kinds.as_array(x) if isinstance(x, (list, tuple)) else x


def as_array(x: Any) -> Any:
    return x if hasattr(x, "shape") else kinds.as_array(x)


def conj(x: Any) -> Any:
    return np.conjugate(x) if np.iscomplexobj(x) else x


def _shape(x: Any, flat: bool) -> tuple[int, ...]:
    shape = np.shape(x)
    return (math.prod(shape),) if flat else shape


# Matrix products.  A ufunc's core axes are the last ones, unless axes= or axis= say otherwise.


def gufunc_letters(core_a: str, core_b: str, core_out: str) -> Callable[..., Letters]:
    """Letters of a generalized ufunc with the signature ``(core_a),(core_b)->(core_out)``."""

    def letters(
        a: tuple[int, ...], b: tuple[int, ...], axes: Any = None, axis: Any = None, keepdims: bool = False, **_: Any
    ) -> Letters:
        cores = [core_a, core_b, core_out]
        if core_a + core_b == "nkkm":  # matmul takes vectors: they lack n or m
            missing = ("n" if len(a) == 1 else "") + ("m" if len(b) == 1 else "")
            cores = ["".join(c for c in core if c not in missing) for core in cores]
        if axis is not None:
            axes = [(axis,), (axis,), ()]
        if axes is None:
            places: list[Any] = [tuple(range(-len(core), 0)) for core in cores]
        else:
            places = [place if isinstance(place, (tuple, list)) else (place,) for place in axes]
            places += [()] * (3 - len(places))
        kept = [
            [n for i, n in enumerate(shape) if i not in {normalized(j, len(shape)) for j in place}]
            for shape, place in zip((a, b), places, strict=False)
        ]
        supply = "".join(c for c in LETTERS if c not in "kmn")
        batches = batch_subscripts(tuple(kept[0]), tuple(kept[1]), supply)
        # With keepdims the axes of length 1 are put in when the tangent takes the shape of the value.
        places[2] = places[2] if cores[2] else ()
        left, right, target = map(_placed, batches, cores, places)
        return left, right, target

    return letters


def _placed(batch: str, core: str, place: Sequence[int]) -> str:
    """The core letters at their axes, the batch letters at the others in order."""
    ndim = len(batch) + len(core)
    at = {normalized(axis, ndim): c for axis, c in zip(place, core, strict=True)}
    rest = iter(batch)
    return "".join(at[i] if i in at else next(rest) for i in range(ndim))


def matmul_letters(a: tuple[int, ...], b: tuple[int, ...], **options: Any) -> Letters:
    return _matmul_with_options(a, b, **options) if options else matmul_subscripts(a, b)


_matmul_with_options = gufunc_letters("nk", "km", "nm")
_vecdot = gufunc_letters("k", "k", "")
_UFUNC = "x1 x2 out axes axis keepdims casting order dtype subok signature"

bilinear(np.matmul, _UFUNC, matmul_letters)
bilinear(np.vecdot, _UFUNC, _vecdot, conjugate=True)
if hasattr(np, "matvec"):  # NumPy 2.2
    bilinear(np.matvec, _UFUNC, gufunc_letters("nk", "k", "n"))
    bilinear(np.vecmat, _UFUNC, gufunc_letters("k", "km", "m"), conjugate=True)
bilinear(np.linalg.matmul, "x1 x2", matmul_letters)
bilinear(np.linalg.vecdot, "x1 x2 axis", lambda a, b, axis=-1: _vecdot(a, b, axis=axis), conjugate=True)


# Products that do not broadcast: every axis of both is summed or stays.


def _separate(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[str, str]:
    letters = LETTERS
    if len(a) + len(b) > len(letters):
        raise ValueError(f"a product of arrays with {len(a)} and {len(b)} axes: dualdiff has {len(letters)} letters")
    return letters[: len(a)], letters[len(a) : len(a) + len(b)]


def _summed_over(left: str, right: str, pairs: Sequence[tuple[int, int]]) -> Letters:
    """The axes of each pair share a letter and are summed."""
    letters = list(right)
    for i, j in pairs:
        letters[j] = left[i]
    summed = {left[i] for i, _ in pairs}
    target = "".join(c for c in left + "".join(letters) if c not in summed)
    return left, "".join(letters), target


def dot_letters(a: tuple[int, ...], b: tuple[int, ...]) -> Letters:
    pairs = [(len(a) - 1, max(len(b) - 2, 0))] if a and b else []
    return _summed_over(*_separate(a, b), pairs)


def inner_letters(a: tuple[int, ...], b: tuple[int, ...]) -> Letters:
    return _summed_over(*_separate(a, b), [(len(a) - 1, len(b) - 1)] if a and b else [])


def outer_letters(a: tuple[int, ...], b: tuple[int, ...]) -> Letters:
    return "a", "b", "ab"


def tensordot_letters(a: tuple[int, ...], b: tuple[int, ...], axes: Any = 2) -> Letters:
    try:
        of_a, of_b = axes
    except TypeError:
        of_a, of_b = range(len(a) - int(axes), len(a)), range(int(axes))
    of_a, of_b = ((i,) if np.ndim(i) == 0 else i for i in (of_a, of_b))
    pairs = [(normalized(i, len(a)), normalized(j, len(b))) for i, j in zip(of_a, of_b, strict=True)]
    return _summed_over(*_separate(a, b), pairs)


def kron_letters(a: tuple[int, ...], b: tuple[int, ...]) -> Letters:
    """Axes aligned at the last one, those of ``a`` outside those of ``b``."""
    left, right = _separate(a, b)
    n = max(len(a), len(b))
    outside, inside = [""] * (n - len(a)) + list(left), [""] * (n - len(b)) + list(right)
    return left, right, "".join(i + j for i, j in zip(outside, inside, strict=True))


bilinear(np.dot, "a b out", dot_letters)
bilinear(np.inner, "a b", inner_letters)
bilinear(np.outer, "a b out", outer_letters, flat=True)
bilinear(np.linalg.outer, "x1 x2", outer_letters, flat=True)
bilinear(np.vdot, "a b", lambda a, b: ("a", "a", ""), conjugate=True, flat=True)
bilinear(np.tensordot, "a b axes", tensordot_letters)
bilinear(np.linalg.tensordot, "x1 x2 axes", tensordot_letters)
bilinear(np.kron, "a b", kron_letters)


# Products of vectors.


@composite(np.cross, active="a b")
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """cᵢ = aⱼ bₖ − aₖ bⱼ; the third component of a vector of two is zero."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(operand(a), axisa, -1), np.moveaxis(operand(b), axisb, -1)

    def component(j: int, k: int) -> Any:
        terms = []
        if j < a.shape[-1] and k < b.shape[-1]:
            terms.append(a[..., j] * b[..., k])
        if k < a.shape[-1] and j < b.shape[-1]:
            terms.append(-a[..., k] * b[..., j])
        return terms[0] if len(terms) == 1 else terms[0] + terms[1]

    if a.shape[-1] == b.shape[-1] == 2:
        return component(0, 1)
    return np.stack([component(1, 2), component(2, 0), component(0, 1)], axis=axisc)


@composite(np.linalg.cross)
def linalg_cross(x1: Any, x2: Any, axis: int = -1) -> Any:
    return cross(x1, x2, axis=axis)
