"""Reduction: the form of a rule that sums, or otherwise reduces, over axes, and what such rules have in common."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from ..table import Rule
from ..tangents import Perturbation, like_of
from ..tangents.expression import Tangent, sum_subscripts
from ..values.dual import Dual
from ..values.kinds import as_array
from ..values.levels import innermost, value_of
from ..values.objects import carries, fused, stripped
from .axes import axes_of
from .call import constant, perturbation_of, tangent_of, wrapped, written
from .ufunc_methods import working_dtype

# Arguments other than the array that a reduction is differentiable in.
_ALSO_ACTIVE = ("initial", "mean")


# These calculate in the dtype of out=, if that is wider.
_WIDENING = frozenset({np.sum, np.prod, np.cumsum, np.cumprod})


class Reduction(Rule):
    """A function of one array whose result has fewer axes, or accumulates along one."""

    form = "reduction"

    def __init__(self, function: Any, rule: Callable[..., Any], short: Callable[..., Any] | None = None) -> None:
        super().__init__(function)
        self.rule = rule
        self.short = short  # (Dual, axis) -> result, for the call without any other argument
        self.widens = function in _WIDENING

    @functools.cached_property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(inspect.signature(self.function).parameters)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.short is not None and args and type(args[0]) is Dual:
            axis: Any = Ellipsis
            if not kwargs:
                axis = None if len(args) == 1 else args[1] if len(args) == 2 else Ellipsis
            elif len(kwargs) == 1 and len(args) == 1:
                axis = kwargs.get("axis", Ellipsis)
            if axis is None or type(axis) is int:
                if not args[0].perturbation.live:
                    raise errors.escaped(args[0])
                y = self.short(args[0], axis)
                if y is not None:
                    return y
        return self.general(*args, **kwargs)

    def general(self, *args: Any, **kwargs: Any) -> Any:
        function, names = self.function, self.names
        if len(args) > len(names) or names[0] in kwargs:
            if args:
                return function(*stripped(args), **stripped(kwargs))  # NumPy's own TypeError
            args, kwargs = (kwargs[names[0]],), {k: v for k, v in kwargs.items() if k != names[0]}
        a = fused(args[0])
        given = dict(zip(names[1:], args[1:], strict=False)) | kwargs
        options = {name: option for name, option in given.items() if option is not np._NoValue}
        out = options.pop("out", None)
        if isinstance(out, tuple):
            out = out[0]
        if self.widens and options.get("dtype") is None and (dtype := working_dtype(a, out)) is not None:
            options["dtype"] = dtype
        also = [name for name in _ALSO_ACTIVE if type(options.get(name)) is Dual]
        for name, option in options.items():
            if name not in also and carries(option):
                raise errors.no_derivative_in(function, name)
        perturbation = innermost((a, *(options[name] for name in also)))
        if perturbation is None:
            return written(function, out, function(a, **options))
        companions = {"d" + name: tangent_of(options[name], perturbation) for name in also}
        for name in also:
            options[name] = value_of(options[name], perturbation)
        da, a = tangent_of(a, perturbation), value_of(a, perturbation)
        # NumPy does not look for a Dual in initial=.
        call = self if any(type(options[name]) is Dual for name in also) else function
        y = call(a, **options)
        options.pop("keepdims", None)
        options = {name: perturbation.keep(option) for name, option in options.items()}
        if not constant(like_of(y).dtype):
            y = reduced(y, self.rule(y, a, da, **options, **companions), perturbation)
        return written(function, out, y)

    @functools.cached_property
    def active(self) -> tuple[str, ...]:  # type: ignore[override]
        known = inspect.signature(self.rule).parameters
        # The standard deviation hands its options on to the variance.
        also = _ALSO_ACTIVE if "options" in known else [name for name in _ALSO_ACTIVE if "d" + name in known]
        return (self.names[0], *(name for name in also if name in self.names))

    def tangent(self, y: Any, values: dict[str, Any], tangents: dict[str, Any]) -> Any:
        if constant(like_of(y).dtype):
            return None
        first, none = self.names[0], Tangent(perturbation_of(tangents), None)
        options = {name: value for name, value in values.items() if name not in (first, "keepdims", "out")}
        also = {"d" + name: tangents[name] for name in _ALSO_ACTIVE if tangents.get(name)}
        return fitted(y, self.rule(y, values[first], tangents.get(first) or none, **options, **also))


def reduced(y: Any, dy: Tangent, perturbation: Perturbation) -> Any:
    """The result with its tangent, whose axes of length 1 may be missing."""
    return wrapped(y, fitted(y, dy), perturbation) if dy else y


def fitted(y: Any, dy: Tangent) -> Tangent:
    """A tangent in the shape of the result, and real if that is."""
    return as_shape(dy.real() if like_of(y).dtype.kind == "f" else dy, np.shape(y))


def as_shape(d: Tangent, shape: tuple[int, ...]) -> Tangent:
    return d if not d or d.shape == shape else d.reshape(shape)


# What reductions have in common.


def selected(d: Tangent, where: Any) -> Tangent:
    return d if where is True else d * as_mask(where)


def as_mask(where: Any) -> Any:
    return where if hasattr(where, "dtype") else as_array(where, bool)


def total(d: Tangent, axis: Any, y: Any) -> Tangent:
    """Sum over ``axis``, in the shape of ``y``."""
    return as_shape(d.sum(axes_of(axis, d.ndim)), np.shape(y)) if d else d


def weighted(d: Tangent, weights: Any, axis: Any, y: Any) -> Tangent:
    """Sum of ``weights * d`` over ``axis``; the weights have the shape of ``d``."""
    if not d or d.ndim == 0:
        return as_shape(d * weights, np.shape(y))
    source, _, target = sum_subscripts(d.ndim, axes_of(axis, d.ndim))[0].partition("->")
    return as_shape(d.contract(f"{source},{source}->{target}", weights), np.shape(y))


def counted(a: Any, axis: Any, where: Any) -> Any:
    """Number of entries that each result is made of."""
    shape = np.shape(a)
    if where is True:
        n = 1
        for i in axes_of(axis, len(shape)):
            n *= shape[i]
        return n
    return np.sum(np.broadcast_to(as_mask(where), shape), axis=axis)


def one_over(n: Any) -> Any:
    """1/n, and nan where there is nothing to divide by."""
    if isinstance(n, int | float):
        return 1.0 / n if n > 0 else float("nan")
    return np.where(n > 0, 1.0 / np.where(n > 0, n, 1.0), float("nan"))


def skipping_nan(rule: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(rule)
    def rule_without_nan(y: Any, a: Any, da: Tangent, where: Any = True, **options: Any) -> Any:
        number = as_mask(a == a)
        return rule(y, a, da, where=number if where is True else number & as_mask(where), **options)

    return rule_without_nan
