"""Elementwise functions: partials, and the short way through one operation.

`elementwise` declares; `Elementwise` is the general call with every keyword of a ufunc; `unary_operator` and
`binary_operators` are the short ways, which run for every ``+`` and ``np.sin`` of the user's program.
"""

from __future__ import annotations

import contextvars
import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from .. import errors
from ..table import RULES, Rule, register
from ..tangents import ONE, Perturbation, Trivial, like_of
from ..tangents.expression import Tangent
from ..values import foreign, kinds
from ..values import storage as shared
from ..values.dual import Dual
from ..values.entries import refuse_complex
from ..values.kinds import ARRAYS, OTHERS
from ..values.levels import duals_in, innermost, value_of
from ..values.objects import fused, stripped
from .call import NUMBERS, number, perturbation_of, refuse_narrowing, tangent_of, wrapped
from .sparse_operands import operated
from .ufunc_methods import UfuncMethods

REAL_LINE = (-np.inf, np.inf)
_SCALARS = frozenset({np.float64, np.float32})
_SHIFTS = frozenset({np.float64, np.float32, np.ndarray, float})
_OBJECT = np.dtype(object)
_FLOAT64 = np.dtype(np.float64)


def elementwise(
    function: Any,
    *partials: Any,
    domain: tuple[Any, ...] = REAL_LINE,
    complex_rule: Callable[..., Tangent] | None = None,
    edge: bool = False,
) -> None:
    """Declare an elementwise function by its partials, each a function of ``(y, *arguments)``, `ONE` or `MINUS_ONE`.

    ``domain`` is an interval, or one interval for each argument: tests draw from it, messages quote it.
    ``edge`` says that a partial may be infinite: NumPy's warning about that is not repeated.
    ``complex_rule(y, *arguments, *tangents)`` replaces the partials where the function is not analytic.
    """
    if not isinstance(domain[0], tuple):
        domain = (domain,) * len(partials)
    register(Elementwise(function, partials, domain, complex_rule, edge))


class unknown:
    """In place of a partial: no derivative is known in this argument, and a Dual there raises."""

    def __init__(self, function: Any, argument: str) -> None:
        self.function = function
        self.argument = argument

    def __call__(self, *_: Any) -> NoReturn:
        raise errors.no_derivative_in(self.function, self.argument)


class Elementwise(UfuncMethods, Rule):
    """y = f(a, b, ...) entry by entry; one partial ∂y/∂argument for each argument."""

    form = "elementwise"

    def __init__(
        self,
        function: Any,
        partials: tuple[Any, ...],
        domain: tuple[Any, ...],
        complex_rule: Callable[..., Tangent] | None,
        edge: bool,
    ) -> None:
        super().__init__(function)
        self.partials = partials
        self.domain = domain
        self.complex_rule = complex_rule
        self.edge = edge
        # SciPy's results may be wider than the argument (float64 of float32 beside a whole number), float_power's
        # are: no short way.
        short = getattr(np, function.__name__, None) is function and function is not np.float_power
        if short and len(partials) == 1:
            self.plain_call = unary_operator(self, function)
        elif short and len(partials) == 2:
            self.plain_call = _either(*binary_operators(function, self))

    def __call__(self, *args: Any, out: Any = None, where: Any = True, **options: Any) -> Any:
        if out is not None or where is not True:
            return self._into(out, where, args, options)
        for arg in args:
            if type(arg) not in NUMBERS or getattr(arg, "dtype", None) is _OBJECT:
                args = tuple(number(arg) for arg in args)
                break
        refuse_narrowing(self.function, options.get("dtype"), args)
        return self.operate(functools.partial(self.function, **options) if options else self.function, *args)

    @functools.cached_property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        """NumPy's own for its ufuncs; else those of the partials."""
        if getattr(np, self.function.__name__, None) == self.function:
            return ("x",) if len(self.partials) == 1 else tuple(f"x{i + 1}" for i in range(len(self.partials)))
        names = [f"x{i + 1}" for i in range(len(self.partials))]
        for partial in self.partials:
            if not isinstance(partial, (Trivial, unknown)):
                of_partial = [
                    p.name for p in inspect.signature(partial).parameters.values() if p.kind != p.VAR_POSITIONAL
                ]
                if len(of_partial) == len(names) + 1:
                    names = of_partial[1:]
        unknowns = {i: partial.argument for i, partial in enumerate(self.partials) if isinstance(partial, unknown)}
        return tuple(unknowns.get(i, name) for i, name in enumerate(names))

    @functools.cached_property
    def active(self) -> tuple[str, ...]:  # type: ignore[override]
        pairs = zip(self.names, self.partials, strict=True)
        return tuple(name for name, partial in pairs if not isinstance(partial, unknown))

    def tangent(self, y: Any, values: dict[str, Any], tangents: dict[str, Any]) -> Tangent:
        args = [number(values[name]) for name in self.names]
        given = [tangents.get(name) for name in self.names]
        p = perturbation_of(given)
        if self.complex_rule is not None and any(np.iscomplexobj(arg) for arg in args):
            return self.complex_rule(y, *args, *(d or Tangent(p, None) for d in given))
        pairs = [(self._slope(i, p, y, args), d.handle) for i, d in enumerate(given) if d]
        return Tangent(p, p.combine(pairs, like_of(y)))

    def _slope(self, i: int, p: Perturbation, y: Any, args: list[Any]) -> Any:
        partial = self.partials[i]
        if type(partial) is Trivial:
            return partial
        return at_edge(p, partial, y, *args) if self.edge else partial(y, *args)

    def operate(self, apply: Callable[..., Any], *args: Any) -> Any:
        """The value by ``apply`` (the ufunc, or Python's operator, which may round differently), with its tangent."""
        perturbation = innermost(args)
        if perturbation is None:
            return apply(*args)
        values = [value_of(arg, perturbation) for arg in args]
        y = apply(*values)
        values = [
            value if value is not arg else perturbation.keep(arg) for value, arg in zip(values, args, strict=True)
        ]
        if self.complex_rule is not None and any(np.iscomplexobj(value) for value in values):
            tangents = [tangent_of(arg, perturbation) for arg in args]
            return wrapped(y, self.complex_rule(y, *values, *tangents), perturbation)
        terms = [
            (
                partial
                if type(partial) is Trivial
                else at_edge(perturbation, partial, y, *values)
                if self.edge
                else partial(y, *values),
                arg.tangent,
            )
            for partial, arg in zip(self.partials, args, strict=True)
            if type(arg) is Dual and arg.perturbation is perturbation
        ]
        return Dual(y, perturbation.combine(terms, y), perturbation)

    def _into(self, out: Any, where: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """``out=`` and ``where=``: the result is written into a buffer."""
        if where is not True and innermost(duals_in(args, out)) is not None:
            # What where= leaves out must not be calculated: NumPy's warnings and errors come from this call alone.
            plain, mask = stripped(args), stripped(where)
            scratch = stripped(out[0] if isinstance(out, tuple) else out)
            if getattr(np, self.function.__name__, None) == self.function:
                self.function(
                    *plain, out=None if scratch is None else np.copy(scratch, order="K"), where=mask, **options
                )
            else:  # loops of SciPy write out of bounds where they are masked (1.15 to 1.18)
                chosen = np.broadcast_arrays(*plain, mask)
                self.function(*(arg[chosen[-1]] for arg in chosen[:-1]), **options)
            with np.errstate(all="ignore"):
                return self._written(out, mask, args, options)
        return self._written(out, where, args, options)

    def _written(self, out: Any, where: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        target = out[0] if isinstance(out, tuple) else out
        casting = options.pop("casting", "same_kind")
        if target is None:
            y = self(*args, **options)
            if where is True:
                return y
            target = _empty_like(y)  # NumPy leaves the unselected entries unset; here they are constant
        elif "dtype" not in options or options["dtype"] is None:
            y = self(*args, **options)
        else:
            y = self(*args, casting=casting, **options)
        if not isinstance(target, Dual):
            if not duals_in(y):
                return self.function(*stripped(args), out=target, where=where, **options)
            if target.dtype is _OBJECT:
                np.copyto(target, y.as_objects(), where=where)
                return target
            raise errors.plain_buffer()
        if not np.can_cast(y.dtype, target.dtype, casting):
            raise TypeError(
                f"Cannot cast ufunc {self.function.__name__!r} output from {y.dtype!r} to {target.dtype!r} "
                f"with casting rule {casting!r}"
            )
        if np.broadcast_shapes(y.shape, target.shape) != target.shape:
            raise ValueError(
                f"non-broadcastable output operand with shape {target.shape} doesn't match the broadcast shape "
                f"{np.broadcast_shapes(y.shape, target.shape)}"
            )
        shared.write(target, ..., y if where is True else RULES[np.where](where, y, target))
        return target


class WithPartials(Elementwise):
    """A formula with partials of its own, for where those that its operations have would cancel or overflow."""

    def __call__(self, *args: Any, **_: Any) -> Any:
        return self.operate(lambda *values: self(*values) if duals_in(values) else self.function(*values), *args)


def with_partials(*partials: Any) -> Callable[[Callable[..., Any]], WithPartials]:
    """Declare a formula of plain numbers and its partials, each a function of ``(y, *arguments)``."""
    return lambda formula: WithPartials(formula, partials, (REAL_LINE,) * len(partials), None, True)


def _over_hypotenuse_slope(y: Any, a: Any, b: Any) -> Any:
    h = np.hypot(a, b)
    return (b / h) * (b / h) / h


@with_partials(_over_hypotenuse_slope, lambda y, a, b: -y * (b / np.hypot(a, b)) / np.hypot(a, b))
def over_hypotenuse(a: Any, b: Any) -> Any:
    """a / √(a² + b²), whose own derivative b²/h³ does not cancel for small b."""
    return a / np.hypot(a, b)


def _empty_like(y: Dual) -> Dual:
    value = np.empty_like(y.value)
    return Dual(value, y.perturbation.zeros(value), y.perturbation)


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


def binary_operators(
    apply: Callable[[Any, Any], Any], rule: Elementwise
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """``self · other`` and ``other · self`` for a Dual ``self``, the value made by ``apply``."""
    of_a, of_b = (_always(partial) for partial in rule.partials)
    edge, power = rule.edge, rule.function is np.power
    one, other_one = rule.partials
    trivial = type(one) is Trivial and type(other_one) is Trivial
    symbol = "*" if rule.function is np.multiply else rule.function.__name__

    def forward(self: Dual, other: Any) -> Any:
        p = self.perturbation
        if not p.live:
            raise errors.escaped(self)
        kind = type(other)
        if kind is float or kind is int:
            a = self.value
            y = apply(a, other)
            if one is ONE:
                return _shifted(y, self, p)
            if power and kind is int and other > 0:  # x**2 and its kin have no edge
                slope = a + a if other == 2 else of_a(y, a, other)
            else:
                slope = at_edge(p, of_a, y, a, other) if edge else of_a(y, a, other)
            return Dual(y, p.scale(slope, self.tangent, slope is not y and slope is not a), p)
        if kind in _SCALARS or (kind is np.ndarray and other.dtype is not _OBJECT):
            a = self.value
            y = apply(a, other)
            if one is ONE and _alike(y, a):
                return _shifted(y, self, p)
            other = p.keep(other)
            slope = at_edge(p, of_a, y, a, other) if edge else of_a(y, a, other)
            return Dual(y, p.combine(((slope, self.tangent),), y, (y, a, other)), p)
        if kind is Dual and other.perturbation is p:
            a, b = self.value, other.value
            y = apply(a, b)
            if trivial:
                return Dual(y, p.combine(((one, self.tangent), (other_one, other.tangent)), y), p)
            if edge:
                slopes = at_edge(p, of_a, y, a, b), at_edge(p, of_b, y, a, b)
                return Dual(y, p.combine(((slopes[0], self.tangent), (slopes[1], other.tangent)), y, (y, a, b)), p)
            if self is other:  # x * x
                return Dual(y, p.scale(of_a(y, a, b) + of_b(y, a, b), self.tangent, True), p)
            return Dual(y, p.combine(((of_a(y, a, b), self.tangent), (of_b(y, a, b), other.tangent)), y, (y, a, b)), p)
        if kind is complex or kind is np.complex128:
            refuse_complex(self, sys._getframe(1))
        if kind in OTHERS and one is ONE and kinds.type_of(other) in _SHIFTS:  # in place of one of the kinds above
            y = apply(self.value, other)
            if kinds.is_python_float(other) or _alike(y, self.value):
                return _shifted(y, self, p)
        known = _operand(other)
        if known is NotImplemented:
            return operated(symbol, self, other, reflected=False)
        return rule.operate(apply, self, known)

    def reflected(self: Dual, other: Any) -> Any:
        p = self.perturbation
        if not p.live:
            raise errors.escaped(self)
        kind = type(other)
        if kind is float or kind is int:
            b = self.value
            y = apply(other, b)
            if other_one is ONE:
                return _shifted(y, self, p)
            slope = at_edge(p, of_b, y, other, b) if edge else of_b(y, other, b)
            return Dual(y, p.scale(slope, self.tangent, slope is not y and slope is not b), p)
        if kind in _SCALARS or (kind is np.ndarray and other.dtype is not _OBJECT):
            b = self.value
            y = apply(other, b)
            if other_one is ONE and _alike(y, b):
                return _shifted(y, self, p)
            other = p.keep(other)
            slope = at_edge(p, of_b, y, other, b) if edge else of_b(y, other, b)
            return Dual(y, p.combine(((slope, self.tangent),), y, (y, other, b)), p)
        if kind is complex or kind is np.complex128:
            refuse_complex(self, sys._getframe(1))
        if kind in OTHERS and other_one is ONE and kinds.type_of(other) in _SHIFTS:
            y = apply(other, self.value)
            if kinds.is_python_float(other) or _alike(y, self.value):
                return _shifted(y, self, p)
        known = _operand(other)
        if known is NotImplemented:
            return operated(symbol, self, other, reflected=True)
        return rule.operate(apply, known, self)

    return forward, reflected


def _alike(y: Any, a: Any) -> bool:
    """Whether both are arrays in memory, of one shape and dtype."""
    return type(y) in ARRAYS and type(a) in ARRAYS and y.shape == a.shape and y.dtype is a.dtype


def _shifted(y: Any, x: Dual, p: Perturbation) -> Dual:
    """``x + 1`` or ``x - 1``: the tangent of x, which no buffer may hold while it is shared (see storage.anchor)."""
    if x.storage is not None and not p.immutable:
        return Dual(y, p.scale(ONE, x.tangent), p)
    result = Dual(y, p.current(x.tangent) if p.renews else x.tangent, p)
    result.shares = x.shares = True
    return result


def at_edge(perturbation: Perturbation, partial: Callable[..., Any], *args: Any) -> Any:
    """A partial that may be infinite: without NumPy's warning, but the perturbation is told."""
    try:
        return _raising.copy().run(partial, *args)
    except (FloatingPointError, ZeroDivisionError, OverflowError):
        perturbation.expect_infinity()
        return quietly(
            partial, *(kinds.as_scalar(arg, _FLOAT64) if kinds.is_python_float(arg) else arg for arg in args)
        )


def quietly(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function without NumPy's warnings."""
    return _silent.copy().run(function, *args)


# NumPy keeps its error state in the context: in a copy of one of these it holds for one call, and an interrupt cannot
# leave it behind.  Half the time of np.errstate.
_raising, _silent = contextvars.Context(), contextvars.Context()
AT_EDGE = contextvars.ContextVar("AT_EDGE", default=False)  # whether errors are raised by `at_edge`, not by the user
_raising.run(AT_EDGE.set, True)
_raising.run(np.seterr, divide="raise", over="raise", invalid="raise", under="ignore")
_silent.run(np.seterr, all="ignore")


def _either(forward: Callable[..., Any], reflected: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    def call(a: Any, b: Any) -> Any:
        return (
            forward(a, b) if type(a) is Dual else reflected(b, a) if type(b) is Dual else forward(number(a), number(b))
        )

    return call


def _always(partial: Any) -> Callable[..., Any]:
    return (lambda *_: partial) if type(partial) is Trivial else partial


def _operand(other: Any) -> Any:
    """An operand that the short ways do not know, or NotImplemented if it has operators of its own."""
    if isinstance(other, (list, tuple)) or (isinstance(other, np.ndarray) and other.dtype is _OBJECT):
        return number(other)
    if hasattr(other, "__dual__"):  # a Variable
        return other.__dual__()
    if isinstance(other, np.ndarray):
        return fused(other)
    if other is None or isinstance(other, (str, bytes)) or getattr(other, "__array_ufunc__", True) is None:
        return NotImplemented
    return NotImplemented if foreign.defers(other) or foreign.is_no_operand(other) else number(other)
