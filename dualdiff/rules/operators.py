"""The short way through one elementwise operation, which every ``+`` and ``np.sin`` of the user's program takes.

What is the same at every call is decided once, when a rule is declared: whether the partials are ±1, whether one may
be infinite, which side of the operator the Dual stands on.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import errors
from ..tangents import MINUS_ONE, ONE, Perturbation, Trivial
from ..values import foreign, kinds
from ..values.choices import WATCHES, note
from ..values.dual import Dual, primal
from ..values.entries import refuse_complex
from ..values.kinds import ARRAYS, OTHERS
from ..values.objects import fused
from ..values.storage import BORROWED
from .call import number
from .edges import at_edge
from .sparse_operands import operated

if TYPE_CHECKING:
    from .ufuncs import Elementwise

_ndarray = np.ndarray
_SCALARS = frozenset({np.float64, np.float32})
_SHIFTS = frozenset({np.float64, np.float32, np.ndarray, float})
_OBJECT = np.dtype(object)

Operator = Callable[[Any, Any], Any]


def unary_operator(rule: Elementwise, apply: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The function of one argument, the value made by ``apply`` (the ufunc, or Python's operator)."""
    function, complex_rule, edge = apply, rule.complex_rule, rule.edge
    partial = _always(rule.partials[0])

    def call(x: Any) -> Any:
        if type(x) is not Dual:
            return rule(x)
        p = x.perturbation
        if not p.live:
            raise errors.escaped(x)
        value = x.value
        if complex_rule is not None and np.iscomplexobj(value):
            return rule.operate(function, x)
        y = function(value)
        # at_edge may change what p is, so p.scale is looked up after it.
        slope = at_edge(p, partial, y, value) if edge else partial(y, value)
        return Dual(y, p.scale(slope, x.tangent, slope is not y and slope is not value), p)

    return call


def binary_operators(apply: Operator, rule: Elementwise) -> tuple[Operator, Operator]:
    """``self · other`` and ``other · self`` for a Dual ``self``, the value made by ``apply``.

    Both are one description, of ``x · c`` for a Dual x and anything else c; the second with the sides exchanged.
    """
    of_a, of_b = rule.partials
    symbol = "*" if rule.function is np.multiply else rule.function.__name__

    def forward_otherwise(self: Dual, other: Any) -> Any:
        known = _operand(self, other)
        if known is NotImplemented:
            return operated(symbol, self, other, reflected=False)
        return rule.operate(apply, self, known)

    def reflected_otherwise(self: Dual, other: Any) -> Any:
        known = _operand(self, other)
        if known is NotImplemented:
            return operated(symbol, self, other, reflected=True)
        return rule.operate(exchanged, known, self)

    exchanged = power if apply is operator.pow else apply

    def flipped(x: Any, c: Any) -> Any:
        return exchanged(c, x)

    def side(value: Operator, of_x: Any, of_c: Any, otherwise: Operator) -> Operator:
        if type(of_x) is Trivial:
            return _sum(value, of_x, of_c, otherwise, rule.edge)
        power = rule.function is np.power and value is apply
        return _product(value, of_x, _always(of_c), otherwise, rule.edge, rule.function is np.multiply, power)

    return (
        side(apply, of_a, of_b, forward_otherwise),
        side(flipped, _flipped(of_b), _flipped(of_a), reflected_otherwise),
    )


def power(a: Any, b: Any) -> Any:
    return a**b  # as an instruction, by which staging knows it from np.power where ``a`` is a scalar of NumPy's


def _sum(value: Operator, of_x: Any, of_c: Any, otherwise: Operator, edge: bool) -> Operator:
    """``x ± c``, and every other function whose derivative in x is ±1"""
    shift, plus, minus = of_x is ONE, of_x is of_c is ONE, of_x is ONE and of_c is MINUS_ONE

    def call(self: Dual, other: Any) -> Any:
        p = self.perturbation
        if not p.live:
            raise errors.escaped(self)
        kind = type(other)
        if kind is Dual and other.perturbation is p:
            y = value(self.value, other.value)
            if minus:
                return Dual(y, p.minus(self.tangent, other.tangent, y), p)
            if plus:
                return Dual(y, p.plus(self.tangent, other.tangent, y), p)
            slope = _always(of_c)
            slope = at_edge(p, slope, y, self.value, other.value) if edge else slope(y, self.value, other.value)
            return Dual(y, p.combine(((of_x, self.tangent), (slope, other.tangent)), y), p)
        if kind is float or kind is int:
            y = value(self.value, other)
            return _shifted(y, self, p) if shift else Dual(y, p.scale(of_x, self.tangent), p)
        if kind in _SCALARS or (kind is _ndarray and other.dtype is not _OBJECT):
            x = self.value
            y = value(x, other)
            return _shifted(y, self, p) if shift and _alike(y, x) else Dual(y, p.combine(((of_x, self.tangent),), y), p)
        if kind in OTHERS and shift and kinds.type_of(other) in _SHIFTS:  # in place of one of the kinds above
            y = value(self.value, other)
            if kinds.is_python_float(other) or _alike(y, self.value):
                return _shifted(y, self, p)
        return otherwise(self, other)

    return call


def _product(
    value: Operator,
    of_x: Callable[..., Any],
    of_c: Callable[..., Any],
    otherwise: Operator,
    edge: bool,
    times: bool,
    power: bool = False,
) -> Operator:
    """``x * c``, ``x / c``, ``x ** c``, and every other function of two arguments

    The partials of a product (``times``) are its factors, which no function has to be asked for.
    """

    def call(self: Dual, other: Any) -> Any:
        p = self.perturbation
        if not p.live:
            raise errors.escaped(self)
        kind = type(other)
        if kind is float or kind is int:
            x = self.value
            y = value(x, other)
            if times:
                return Dual(y, p.scale(other, self.tangent), p)
            if power and kind is int and other > 0:  # x**2 and its kin have no edge
                if other == 2:
                    return Dual(y, p.scale(x + x, self.tangent, True), p)
                slope = of_x(y, x, other)
            else:
                slope = at_edge(p, of_x, y, x, other) if edge else of_x(y, x, other)
            return Dual(y, p.scale(slope, self.tangent, slope is not y and slope is not x), p)
        if kind is Dual and other.perturbation is p:
            x, c = self.value, other.value
            y = value(x, c)
            if edge:
                slopes = at_edge(p, of_x, y, x, c), at_edge(p, of_c, y, x, c)
                return Dual(y, p.combine(((slopes[0], self.tangent), (slopes[1], other.tangent)), y, (y, x, c)), p)
            if times and self is not other:
                return Dual(y, p.combine(((c, self.tangent), (x, other.tangent)), y, (y, x, c)), p)
            if self is other:  # x * x
                return Dual(y, p.scale(of_x(y, x, c) + of_c(y, x, c), self.tangent, True), p)
            return Dual(y, p.combine(((of_x(y, x, c), self.tangent), (of_c(y, x, c), other.tangent)), y, (y, x, c)), p)
        if kind in _SCALARS or (kind is _ndarray and other.dtype is not _OBJECT):
            x = self.value
            y = value(x, other)
            other = p.keep(other)
            if times:
                return Dual(y, p.combine(((other, self.tangent),), y, (y, x, other)), p)
            slope = at_edge(p, of_x, y, x, other) if edge else of_x(y, x, other)
            return Dual(y, p.combine(((slope, self.tangent),), y, (y, x, other)), p)
        return otherwise(self, other)

    return call


def _alike(y: Any, a: Any) -> bool:
    """Whether both are arrays in memory, of one shape and dtype."""
    return type(y) in ARRAYS and type(a) in ARRAYS and y.shape == a.shape and y.dtype is a.dtype


def _shifted(y: Any, x: Dual, p: Perturbation) -> Dual:
    """``x + 1`` or ``x - 1``: the tangent of x, which no buffer may hold while it is shared (see storage.anchor)."""
    if (x.storage is not None or x.shares is BORROWED) and not p.immutable:
        return Dual(y, p.scale(ONE, x.tangent), p)
    result = Dual(y, p.current(x.tangent) if p.renews else x.tangent, p)
    result.shares = True
    x.shares = x.shares or True
    return result


def noting_sign(function: Any, call: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same for an absolute value, which notes the sign."""
    if function not in (np.absolute, np.fabs):
        return call

    def noted(x: Any) -> Any:
        y = call(x)
        if WATCHES and type(x) is Dual and not np.iscomplexobj(x.value):
            note(function, (x,), np.sign(primal(x)))
        return y

    return noted


# Of functions that jump, the whole number, or the sign, that is constant between two jumps, of a, b and f(a, b).
_STEPS: dict[Any, Callable[[Any, Any, Any], Any]] = {
    np.remainder: lambda a, b, y: np.rint((a - y) / b),
    np.fmod: lambda a, b, y: np.rint((a - y) / b),
    np.copysign: lambda a, b, y: np.signbit(b),
    np.arctan2: lambda a, b, y: np.where(np.less(b, 0), np.sign(a), 0),
}


def noting(function: Any, forward: Operator, reflected: Operator) -> tuple[Operator, Operator]:
    """Both sides of an operator, which note what a function that jumps has chosen."""
    if function not in _STEPS:
        return forward, reflected
    step = _STEPS[function]

    def noted(a: Any, b: Any, y: Any) -> Any:
        if WATCHES and y is not NotImplemented:
            with np.errstate(all="ignore"):
                note(function, (a, b), step(primal(fused(a)), primal(fused(b)), primal(y)))
        return y

    return (
        lambda self, other: noted(self, other, forward(self, other)),
        lambda self, other: noted(other, self, reflected(self, other)),
    )


def either(forward: Operator, reflected: Operator) -> Operator:
    """The function of two arguments of which one may be a Dual."""

    def call(a: Any, b: Any) -> Any:
        return (
            forward(a, b) if type(a) is Dual else reflected(b, a) if type(b) is Dual else forward(number(a), number(b))
        )

    return call


def _flipped(partial: Any) -> Any:
    """The partial of a function of (c, x) as one of (x, c)."""
    return partial if type(partial) is Trivial else lambda y, x, c: partial(y, c, x)


def _always(partial: Any) -> Callable[..., Any]:
    return (lambda *_: partial) if type(partial) is Trivial else partial


def _operand(self: Dual, other: Any) -> Any:
    """An operand that the short ways do not know, or NotImplemented if it has operators of its own."""
    if type(other) is complex or type(other) is np.complex128:
        refuse_complex(self, sys._getframe(3))  # the user's: behind the operator, and what it leaves to `_operand`
    if isinstance(other, (list, tuple)) or (isinstance(other, np.ndarray) and other.dtype is _OBJECT):
        return number(other)
    if hasattr(other, "__dual__"):  # a Variable
        return other.__dual__()
    if isinstance(other, np.ndarray):
        return fused(other)
    if other is None or isinstance(other, (str, bytes)) or getattr(other, "__array_ufunc__", True) is None:
        return NotImplemented
    return NotImplemented if foreign.defers(other) or foreign.is_no_operand(other) else number(other)
