"""Functions that select among numbers: extrema of two, steps, clip, and what replaces nan."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from ..table import RULES, register
from ..tangents import Perturbation, like_of
from ..tangents.expression import Tangent
from ..values.choices import WATCHES, note
from ..values.dual import Dual, is_lazy, primal
from ..values.levels import innermost, value_of
from ..values.objects import carries
from .call import number, perturbation_of, written
from .forms import Composite, with_out_named
from .ufuncs import REAL_LINE, Elementwise


class Selecting(Elementwise):
    """Each entry of the result is an entry of one argument, said by boolean masks; equal entries share it evenly.

    What loses is dropped: it is a structural zero, even where its tangent is infinite.
    """

    def __init__(self, function: Any, of_a: Callable[..., Any], of_b: Callable[..., Any], ties: bool) -> None:
        super().__init__(function, (of_a, of_b), (REAL_LINE, REAL_LINE), None, False)
        self.ties = ties
        self.plain_call = lambda a, b: self.operate(function, number(a), number(b))

    def operate(self, apply: Callable[..., Any], *args: Any) -> Any:
        perturbation = innermost(args)
        if perturbation is None:
            return apply(*args)
        a, b = (value_of(arg, perturbation) for arg in args)
        y = apply(a, b)
        if WATCHES:
            one, other = primal(a), primal(b)
            chosen = np.sign(one) if self.function is np.heaviside else np.greater(one, other)
            note(self.function, args, chosen)
        active = [(i, arg.tangent) for i, arg in enumerate(args) if is_active(arg, perturbation)]
        return Dual(y, self._combined(y, a, b, active, perturbation), perturbation)

    def _combined(self, y: Any, a: Any, b: Any, active: list[tuple[int, Any]], perturbation: Perturbation) -> Any:
        terms = [(self.partials[i](y, a, b), tangent) for i, tangent in active]
        # Of a lazy array it is not known whether there are any.
        if self.ties and (is_lazy(primal(tied := np.equal(a, b))) or np.count_nonzero(tied)):
            terms.append((tied, perturbation.combine([(0.5, tangent) for _, tangent in active], y)))
        return perturbation.combine(terms, y)

    def tangent(self, y: Any, values: dict[str, Any], tangents: dict[str, Any]) -> Tangent:
        a, b = (number(values[name]) for name in self.names)
        active = [(i, tangents[name].handle) for i, name in enumerate(self.names) if tangents.get(name)]
        p = perturbation_of(tangents)
        return Tangent(p, self._combined(like_of(y) if not hasattr(y, "dtype") else y, a, b, active, p))


def selecting(function: Any, of_a: Callable[..., Any], of_b: Callable[..., Any], ties: bool = True) -> None:
    register(Selecting(function, of_a, of_b, ties))


def _dropped(y: Any, a: Any, b: Any) -> Any:
    return np.zeros_like(y, bool)


# Steps, and extrema: NaN goes where NumPy sends it.
selecting(np.heaviside, _dropped, lambda y, a, b: np.equal(a, 0), ties=False)


selecting(np.nextafter, lambda y, a, b: np.ones_like(y, bool), _dropped, ties=False)


selecting(
    np.maximum,
    lambda y, a, b: np.greater(a, b) | np.not_equal(a, a),
    lambda y, a, b: np.greater(b, a) | np.not_equal(b, b),
)


selecting(
    np.minimum,
    lambda y, a, b: np.less(a, b) | np.not_equal(a, a),
    lambda y, a, b: np.less(b, a) | np.not_equal(b, b),
)


selecting(
    np.fmax,
    lambda y, a, b: np.greater(a, b) | np.not_equal(b, b),
    lambda y, a, b: np.greater(b, a) | np.not_equal(a, a),
)


selecting(
    np.fmin,
    lambda y, a, b: np.less(a, b) | np.not_equal(b, b),
    lambda y, a, b: np.less(b, a) | np.not_equal(a, a),
)


class Clip(Composite):
    """``where=`` says which entries of ``out=`` are written."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = with_out_named(self.function, args, kwargs)
        where = kwargs.pop("where", True)
        if where is True:
            return super().__call__(*args, **kwargs)
        if carries(where):
            raise errors.no_derivative_in(np.clip, "where")
        out = kwargs.pop("out", None)
        if out is None:
            raise errors.unsupported(np.clip, "with where= but without out=; use np.where on its result", [])
        target = out[0] if isinstance(out, tuple) else out
        return written(np.clip, target, RULES[np.where](where, super().__call__(*args, **kwargs), target))


def _clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None, **options: Any) -> Any:
    """minimum(maximum(a, lo), hi): half of the tangent passes at a bound."""
    lo = a_min if a_min is not None and a_min is not np._NoValue else min
    hi = a_max if a_max is not None and a_max is not np._NoValue else max
    if lo is not None and lo is not np._NoValue:
        a = np.maximum(a, lo)
    if hi is not None and hi is not np._NoValue:
        a = np.minimum(a, hi)
    return a


register(Clip(np.clip, _clip))


class NanToNum(Composite):
    """``copy=False`` writes into the argument, which NumPy's own call must not do behind the tangent's back."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._replaced(*args, **kwargs)

    def _replaced(self, x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
        if carries((nan, posinf, neginf)):
            raise errors.no_derivative_in(np.nan_to_num, "nan, posinf or neginf")
        y = super().__call__(x, True, nan, posinf, neginf)
        if copy or np.ndim(primal(x)) == 0:
            return y
        x[...] = y
        return x


def _finite_part(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """Replaced entries are constants."""
    return np.where(np.isfinite(x), x, 0.0)


register(NanToNum(np.nan_to_num, _finite_part, "x"))


def is_active(arg: Any, perturbation: Any) -> bool:
    return type(arg) is Dual and arg.perturbation is perturbation
