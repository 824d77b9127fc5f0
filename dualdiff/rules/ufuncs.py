"""Elementwise functions, declared by their partials: `elementwise`, and `Elementwise`, the rule.

The rule's own call takes every keyword of a ufunc; without any, and for ``+``, a call goes the short way: operators.py.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from .. import errors
from ..table import RULES, Rule, register
from ..tangents import Perturbation, Trivial, like_of
from ..tangents.expression import Tangent
from ..values import storage as shared
from ..values.dual import Dual
from ..values.levels import duals_in, innermost, value_of
from ..values.objects import stripped
from .call import NUMBERS, number, perturbation_of, refuse_narrowing, tangent_of, wrapped
from .edges import at_edge
from .operators import binary_operators, either, noting, noting_sign, unary_operator
from .ufunc_methods import UfuncMethods

REAL_LINE = (-np.inf, np.inf)
_OBJECT = np.dtype(object)


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
            self.plain_call = noting_sign(function, unary_operator(self, function))
        elif short and len(partials) == 2:
            self.plain_call = either(*noting(function, *binary_operators(function, self)))

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
