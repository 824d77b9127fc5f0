"""Ufuncs whose tangent is more than one partial for each argument: of complex numbers, or with several results.

`WholeTangent` is the form; its rule writes the tangents of all results at once, in those of the arguments.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from ..table import RULES, Rule, register
from ..tangents.expression import Tangent
from ..values.choices import MADE, WATCHES, note
from ..values.levels import innermost, value_of
from ..values.objects import fused
from .call import perturbation_of, wrapped_parts, written
from .edges import at_edge
from .elementwise_functions import one_unless_nan
from .selections import is_active
from .ufunc_methods import UfuncMethods

# What is piecewise constant in the results of these.
_CHOSEN: dict[Any, Callable[[Any], Any]] = {
    np.sign: lambda y: y,
    np.modf: lambda y: y[1],
    np.frexp: lambda y: y[1],
    np.divmod: lambda y: y[0],
}


class WholeTangent(UfuncMethods, Rule):
    """A ufunc whose tangent is an expression in those of its arguments, for all its results at once."""

    form = "elementwise"
    complex_rule = None

    def __init__(self, function: np.ufunc, tangent: Callable[..., Any], names: str = "", active: str = "") -> None:
        super().__init__(function)
        self.rule = tangent
        self.partials = (None,) * function.nin
        self.names = tuple(names.split()) or tuple(inspect.signature(tangent).parameters)[1 : function.nin + 1]
        self.active = tuple(active.split()) or self.names

    def tangent(self, y: Any, values: dict[str, Any], tangents: dict[str, Any]) -> Any:
        none = Tangent(perturbation_of(tangents), None)
        return self.rule(
            y, *(values[name] for name in self.names), *(tangents.get(name) or none for name in self.names)
        )

    def __call__(self, *args: Any, out: Any = None, where: Any = True, **options: Any) -> Any:
        outs = (None,) * self.function.nout if out is None else out if isinstance(out, tuple) else (out,)
        inputs = [fused(arg) for arg in args[: self.function.nin]]
        outs = (*args[self.function.nin :], *outs)[: self.function.nout]
        perturbation = innermost(inputs)
        if perturbation is None:
            results: Any = self.function(*inputs, **options)
        else:
            values = [value_of(arg, perturbation) for arg in inputs]
            y = self.function(*values, **options)
            if WATCHES and self.function in _CHOSEN:
                note(self.function, tuple(inputs), _CHOSEN[self.function](y))
            tangents = [Tangent(perturbation, arg.tangent if is_active(arg, perturbation) else None) for arg in inputs]
            values = [perturbation.keep(value) for value in values]
            results = wrapped_parts(y, self.rule(perturbation.keep(y), *values, *tangents), perturbation)
        if all(target is None for target in outs):
            if where is not True:
                raise errors.unsupported(self.function, "where= without out= has no rule here", [])
            return results
        parts = results if isinstance(results, tuple) else (results,)
        stored = []
        for target, part in zip(outs, parts, strict=True):
            if target is not None and where is not True:
                part = RULES[np.where](where, part, target)
            stored.append(written(self.function, target, part))
        return tuple(stored) if len(stored) > 1 else stored[0]


def _sign_tangent(y: Any, z: Any, dz: Tangent) -> Tangent | None:
    """0 on the real line.  Of a complex number, z / |z|:  ẏ = (ż − y Re(ȳ ż)) / |z|, and 0 at 0."""
    if not np.iscomplexobj(z):
        MADE[0] += 1
        return None
    radius = np.absolute(z)
    at_zero = radius == 0
    safe = np.where(at_zero, 1.0, radius)
    return (dz - (np.conjugate(y) * dz).real() * y) * np.where(at_zero, 0.0, 1.0 / safe)


def _modf_tangents(y: Any, x: Any, dx: Tangent) -> tuple[Tangent, None]:
    """The fractional part moves with x, the integral part is constant."""
    return dx * 1.0, None


def _frexp_tangents(y: Any, x: Any, dx: Tangent) -> tuple[Tangent, None]:
    """x = m 2**e: the mantissa moves with x / 2**e."""
    return dx * np.ldexp(np.ones_like(x), -y[1]), None


def _remainder_tangents(y: Any, a: Any, b: Any, da: Tangent, db: Tangent) -> tuple[None, Tangent]:
    """a = q b + r with a whole, constant q: ṙ = ȧ − q ḃ."""
    return None, da * at_edge(da.perturbation, one_unless_nan, y[1]) - db * y[0]


def _real_tangent(y: Any, z: Any, dz: Tangent) -> Tangent:
    return dz.real() * 1.0


def _imag_tangent(y: Any, z: Any, dz: Tangent) -> Tangent | None:
    return (dz * -1j).real() if np.iscomplexobj(z) else None


register(WholeTangent(np.sign, _sign_tangent))
register(WholeTangent(np.modf, _modf_tangents))
register(WholeTangent(np.frexp, _frexp_tangents))
register(WholeTangent(np.divmod, _remainder_tangents))
# Ufuncs beside np.real and np.imag since NumPy 2.5; np itself names the functions.
_UMATH: Any = np._core.umath  # type: ignore[attr-defined]
if hasattr(_UMATH, "real"):
    register(WholeTangent(_UMATH.real, _real_tangent))
    register(WholeTangent(_UMATH.imag, _imag_tangent))
