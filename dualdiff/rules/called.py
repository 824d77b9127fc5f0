"""Rules that are functions of Duals: formulas in functions that have rules, and calls that do everything themselves.

Nothing but the function says what the tangent is, so `Called.tangent` asks it: of Duals made of values and tangents.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ..table import Rule, register
from ..tangents import Perturbation
from ..tangents.expression import Tangent
from ..values.dual import Dual
from ..values.levels import duals_in, innermost, lifted
from ..values.objects import fused
from .call import fused_tree, perturbation_of, refuse_overlap, tangents_in, values_in, with_tangents, wrapped, written

# Parameters that say how, and not of what: no derivative is in them.
_OPTIONS = frozenset({
    "axis", "axes", "casting", "copy", "device", "dtype", "keepdims", "like", "mode", "n", "ndim", "norm", "order",
    "out", "s", "shape", "subok",
})  # fmt: skip


class Called(Rule):
    """A rule whose formula is a function of Duals; its tangent is found by calling that.

    ``active`` are the names given, or all parameters but options.
    """

    formula: Callable[..., Any]
    given: str | None = None

    @functools.cached_property
    def signature(self) -> inspect.Signature:
        return inspect.signature(self.formula)

    @functools.cached_property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(self.signature.parameters)

    @functools.cached_property
    def active(self) -> tuple[str, ...]:  # type: ignore[override]
        if self.given is not None:
            return tuple(self.given.split())
        kinds = self.signature.parameters.values()
        return tuple(p.name for p in kinds if p.name not in _OPTIONS and p.kind is not p.VAR_KEYWORD)

    def bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        found = dict(self.signature.bind(*args, **kwargs).arguments)
        for parameter in self.signature.parameters.values():
            if parameter.kind is parameter.VAR_KEYWORD:
                found |= found.pop(parameter.name, {})
        return found

    def unbound(self, values: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """A call of the formula with these arguments."""
        args: list[Any] = []
        kwargs = dict(values)
        for parameter in self.signature.parameters.values():
            if parameter.name not in kwargs:
                break
            if parameter.kind is parameter.VAR_POSITIONAL:
                args += kwargs.pop(parameter.name)
            elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
                args.append(kwargs.pop(parameter.name))
        return args, kwargs

    def tangent(self, y: Any, values: dict[str, Any], tangents: dict[str, Any]) -> Any:
        duals = {name: with_tangents(value, tangents.get(name)) for name, value in values.items()}
        args, kwargs = self.unbound(duals)
        return tangents_in(self.formula(*args, **kwargs), perturbation_of(tangents))


class Composite(Called):
    """A formula in NumPy functions that have rules; only its tangent is used."""

    form = "composite"

    def __init__(self, function: Any, formula: Callable[..., Any], active: str | None = None) -> None:
        super().__init__(function)
        self.formula = formula
        self.given = active

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = with_out_named(self.function, args, kwargs)
        out = kwargs.pop("out", None)
        if out is not None and self.function is np.ptp:  # which reads its argument again when it has written
            refuse_overlap("np.ptp(..., out=)", out, args[0] if args else kwargs["a"])
        args, kwargs = fused_tree(args), fused_tree(kwargs)
        duals = duals_in(args, kwargs)
        perturbation = innermost(duals)
        if perturbation is None:  # only ``out`` has a derivative, which ends here
            return written(self.function, out, self.function(*args, **kwargs))
        values, named = values_in(args, perturbation), values_in(kwargs, perturbation)
        # NumPy looks for Duals (here of an outer level) in some arguments only; the rule looks in all.
        y = (self if duals_in(values, named) else self.function)(*values, **named)
        result = _with_values(y, self.formula(*args, **kwargs), perturbation, duals)
        return result if out is None else written(self.function, out, result)


def composite(*functions: Any, active: str | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a formula with NumPy's signature.  NumPy's own call still makes the value.

    ``active`` names the parameters that can carry a derivative, where that is not all but options like ``axis``.
    """

    def declare(formula: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            register(Composite(function, formula, active))
        return formula

    return declare


def _with_values(y: Any, result: Any, perturbation: Perturbation, arguments: list[Dual]) -> Any:
    if isinstance(y, (tuple, list)):
        parts = [_with_values(a, b, perturbation, arguments) for a, b in zip(y, result, strict=True)]
        return type(y)(*parts) if hasattr(y, "_fields") else type(y)(parts)
    result = fused(result)
    if type(result) is not Dual or result.perturbation is not perturbation:
        return y
    if result.value is y:  # NumPy, too, returned an argument itself
        return result
    if result.shape != np.shape(y):
        raise ValueError(f"the formula of a composite gives shape {result.shape}, the function {np.shape(y)}.")
    tangent = Tangent(perturbation, result.tangent)
    # NumPy's result is its own, so its tangent must not be one that a write to an argument changes.
    shared_tangent = result.storage is not None or result.shares or any(result is arg for arg in arguments)
    return wrapped(y, tangent * 1.0 if shared_tangent else tangent, perturbation)


# Calls that do everything.


class Custom(Called):
    """A function of Duals that does the whole call."""

    def __init__(self, function: Any, form: str, call: Callable[..., Any], active: str | None = None) -> None:
        super().__init__(function)
        self.form = form
        self.formula = call
        self.given = active

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.formula(*args, **kwargs)


class Creation(Custom):
    """A new array like the first argument, whose own tangent does not matter."""

    def tangent(self, y: Any, values: dict[str, Any], tangents: dict[str, Any]) -> Any:
        like = lifted(values[self.names[0]], perturbation_of(tangents))
        return super().tangent(y, values | {self.names[0]: like}, tangents)


class Writing(Custom):
    """A function that writes into its first argument, which is its result as far as `tangent` goes."""

    def tangent(self, y: Any, values: dict[str, Any], tangents: dict[str, Any]) -> Any:
        perturbation = perturbation_of(tangents)
        duals = {name: with_tangents(value, tangents.get(name)) for name, value in values.items()}
        first = self.names[0]
        given = duals[first]
        duals[first] = np.copy(given) if type(given) is Dual else lifted(np.copy(given), perturbation)
        args, kwargs = self.unbound(duals)
        self.formula(*args, **kwargs)
        return tangents_in(duals[first], perturbation)


_FORMS = {"writing": Writing, "creation": Creation, "creation like an array": Creation}


def custom(form: str, *functions: Any, active: str | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a function of Duals that does the whole call; ``active`` as for `composite`."""

    def declare(call: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            register(_FORMS.get(form, Custom)(function, form, call, active))
        return call

    return declare


def writing(*functions: Any, active: str | None = None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a function that writes into its argument, in terms of Dual assignment."""
    return custom("writing", *functions, active=active)


def creation(*functions: Any, active: str = "") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a function with ``like=``; the rule receives the Dual given there first."""
    return custom("creation", *functions, active=active)


# Arguments.


@functools.cache
def _names(function: Any) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except ValueError:  # a function in C that does not say
        return []


def with_out_named(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The arguments, with ``out=`` and what follows it by name where they are given by position."""
    if len(args) < 3 or "out" not in (names := _names(function)) or len(args) <= (place := names.index("out")):
        return args, kwargs
    return args[:place], kwargs | dict(zip(names[place:], args[place:], strict=False))
