"""The ways to declare a rule.

    elementwise(np.tanh, lambda y, x: 1 - y * y)         partials of an elementwise function
    rearranging(np.roll)                                 every element of the result copies one element, or is constant
    @view(np.transpose)                                  a rearrangement whose result shares memory with its argument
    @tangent_rule(np.linalg.inv)                         an expression in the tangents ``da``, ``db``
    @composite(np.trapezoid)                             a formula in NumPy calls that have rules
    @writing(np.copyto)                                  a function that writes into its argument
    passive(np.floor, np.argmax)                         no useful derivative: what NumPy returns, no more
    refused(np.packbits, reason="...")                   cannot be differentiated

NumPy's own call makes every value; a rule adds the tangent.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from ..table import Rule, register
from ..tangents import Perturbation, like_of
from ..tangents.expression import Tangent
from ..tangents.views import Move
from ..values import storage as shared
from ..values.dual import Dual, is_array, may_share_memory, primal
from ..values.kinds import ARRAYS, as_array
from ..values.levels import duals_in, innermost, value_of
from ..values.objects import carries, fused, stripped
from .call import (
    constant,
    number,
    perturbation_of,
    tangent_of,
    values_in,
    wrapped,
    wrapped_parts,
    written,
)
from .called import Called as Called
from .called import Composite as Composite
from .called import Custom as Custom
from .called import composite as composite
from .called import creation as creation
from .called import custom as custom
from .called import with_out_named as with_out_named
from .called import writing as writing
from .ufuncs import elementwise as elementwise

# Functions of arrays.


class TangentRule(Rule):
    """A tangent written as an expression: the parameters ``a`` with a companion ``da`` are differentiable."""

    form = "tangent"

    def __init__(self, function: Any, rule: Callable[..., Any]) -> None:
        super().__init__(function)
        self.rule = rule
        parameters = list(inspect.signature(rule).parameters)[1:]
        self.active = tuple(name for name in parameters if "d" + name in parameters)
        companions = {"d" + name for name in self.active}
        self.names = tuple(name for name in parameters if name not in companions)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = with_out_named(self.function, args, kwargs)
        out = kwargs.pop("out", None)
        if len(args) > len(self.names) or not set(kwargs) <= set(self.names):
            self.function(*stripped(args), **stripped(kwargs))  # NumPy's own message, if it takes that amiss too
            raise errors.unsupported(self.function, "of an argument that the rule does not know", [])
        bound = dict(zip(self.names, args, strict=False)) | kwargs
        for name in self.active:
            if name in bound:
                bound[name] = number(bound[name])
        for name, arg in bound.items():
            if name not in self.active and carries(arg):
                raise errors.no_derivative_in(self.function, name)
        perturbation = innermost(bound.values())
        if perturbation is None:  # only ``out`` has a derivative, which ends here
            return written(self.function, out, self.function(*args, **kwargs))
        values = {name: value_of(arg, perturbation) for name, arg in bound.items()}
        for name in self.active:
            if type(values.get(name)) is float:  # a function of arrays makes it one; rules read its shape
                values[name] = np.float64(values[name])
        positional = self.names[: len(args)]
        # NumPy looks for Duals (here of an outer level) in some arguments only; the rule looks in all.
        call = self if any(type(value) is Dual for value in values.values()) else self.function
        y = call(
            *(values[name] for name in positional), **{name: values[name] for name in bound if name not in positional}
        )
        tangents = {"d" + name: tangent_of(bound.get(name), perturbation) for name in self.active}
        # A tape keeps what the rule's linear maps refer to, which the user may overwrite.
        values = {name: perturbation.keep(value) for name, value in values.items()}
        result = wrapped_parts(y, self.rule(perturbation.keep(y), **values, **tangents), perturbation)
        perturbation.separate(result, [tangent.handle for tangent in tangents.values() if tangent])
        return result if out is None else written(self.function, out, result)

    def tangent(self, y: Any, values: dict[str, Any], tangents: dict[str, Any]) -> Any:
        none = Tangent(perturbation_of(tangents), None)
        given = {"d" + name: tangents.get(name) or none for name in self.active}
        values = {name: number(value) if name in self.active else value for name, value in values.items()}
        return self.rule(y, **values, **given)


def tangent_rule(*functions: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare ``rule(y, a, b, ..., da, db)``, with NumPy's own parameter names in NumPy's order after the result.

    ``a`` and ``b`` are values, ``da`` and ``db`` `Tangent` expressions (false when zero); all other parameters are as
    the user gave them and must not be Duals.  It returns the tangent of ``y`` (a tuple of them for a tuple).
    """

    def declare(rule: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            register(TangentRule(function, rule))
        return rule

    return declare


# Rearrangements.


class Gather:
    """A rearrangement by positions: entry i of the result is entry ``positions[i]`` of all blocks laid end to end.

    Positions count from 1; 0 means zero-filled.
    """

    __slots__ = ("holes", "positions")

    def __init__(self, positions: np.ndarray[Any, Any]) -> None:
        self.positions = positions
        self.holes = not positions.all()

    def __call__(self, *tangents: Any) -> Any:
        flat = [tangent.reshape(tangent.shape[0], math.prod(tangent.shape[1:])) for tangent in tangents]
        whole = flat[0] if len(flat) == 1 else np.concatenate(flat, axis=1)
        if type(whole) not in ARRAYS:  # others may take a flat list of places only
            places = self.positions.ravel()
            taken = np.take(whole, np.maximum(places - 1, 0), axis=1) if whole.shape[1] else whole
            if self.holes:
                taken = (
                    np.where(places > 0, taken, 0.0)
                    if whole.shape[1]
                    else np.zeros((whole.shape[0], places.size), like=whole)
                )
            return taken.reshape((whole.shape[0], *self.positions.shape))
        if not self.holes:
            return np.take(whole, self.positions - 1, axis=1)
        if whole.shape[1] == 0:
            return np.zeros((whole.shape[0], *self.positions.shape), like=whole)
        return np.where(self.positions > 0, np.take(whole, np.maximum(self.positions - 1, 0), axis=1), 0.0)


class Rearranging(Rule):
    """Every element of the result copies one element, or is constant."""

    form = "rearranging"
    constant_positions: Callable[[Any], Any] = staticmethod(lambda x: np.zeros(np.shape(primal(x)), np.intp))

    def __init__(self, function: Any, data: tuple[int, ...]) -> None:
        super().__init__(function)
        self.places = data

    @functools.cached_property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(inspect.signature(self.function).parameters)

    @functools.cached_property
    def active(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(self.names[place] for place in self.places)

    @functools.cached_property
    def data(self) -> tuple[Any, ...]:
        return (*self.places, *self.active)

    def __call__(self, *args: Any, out: Any = None, **kwargs: Any) -> Any:
        if "out" in self.names[: len(args)]:
            place = self.names.index("out")
            out, args = args[place], (*args[:place], None, *args[place + 1 :])
        args, kwargs = tuple(fused(arg) for arg in args), {name: fused(arg) for name, arg in kwargs.items()}
        perturbation = innermost(duals_in(args, kwargs))
        if perturbation is None:
            if duals_in(out):  # a constant result, which NumPy's own call checks first
                return written(self.function, out, self.function(*args, **kwargs))
            return self.function(*args, **kwargs) if out is None else self.function(*args, out=out, **kwargs)
        for name, arg in [*zip(self.names, args, strict=False), *kwargs.items()]:
            if name not in self.data and carries(arg):
                raise errors.no_derivative_in(self.function, name)
        y = self.function(*values_in(args, perturbation), **values_in(kwargs, perturbation))
        given: list[Any] = []
        counter = [1]

        def positions(tree: Any, is_data: bool) -> Any:
            if type(tree) is Dual and tree.perturbation is perturbation:
                given.append(tree)
                start, counter[0] = counter[0], counter[0] + tree.size
                return positions_like(tree, start)
            return self.constant_positions(tree) if is_data else tree

        places = [positions(arg, place in self.data) for place, arg in enumerate(args)]
        named = {name: positions(arg, name in self.data) for name, arg in kwargs.items() if name != "dtype"}
        tangents = tuple(part.tangent for part in given)
        return self._gathered(y, self.moved(y, given, places, named), tangents, perturbation, out)

    def moved(self, y: Any, given: list[Any], places: Any, named: dict[str, Any]) -> Any:
        """The positions from which the entries of ``y`` come in those ``given``, 0 for constants."""
        return self.function(*places, **named)

    def tangent(self, y: Any, values: dict[str, Any], tangents: dict[str, Any]) -> Any:
        perturbation, given, handles, start = perturbation_of(tangents), [], [], 1
        places = {name: value for name, value in values.items() if name != "dtype"}
        for name in self.active:
            if tangent := tangents.get(name):
                given.append(values[name])
                handles.append(tangent.handle)
                places[name] = positions_like(values[name], start)
                start += places[name].size
            elif name in values:
                places[name] = self.constant_positions(values[name])
        moved = Gather(as_array(self.moved(y, given, (), places)))
        handle = perturbation.rearrange(tuple(handles), moved, y)
        return None if constant(like_of(y).dtype) else Tangent(perturbation, handle)

    def _gathered(self, y: Any, places: Any, tangents: tuple[Any, ...], perturbation: Any, out: Any) -> Any:
        if isinstance(y, (list, tuple)):
            parts = [self._gathered(a, b, tangents, perturbation, None) for a, b in zip(y, places, strict=True)]
            return type(y)(parts)
        # Cast to whole numbers (np.insert into an integer array), a result is constant.
        result = gathered(y, as_array(places), tangents, perturbation) if not constant(like_of(y).dtype) else y
        return result if out is None else written(self.function, out, result)


def gathered(y: Any, positions: Any, tangents: tuple[Any, ...], perturbation: Perturbation) -> Any:
    """``y`` with the tangent that its positions say."""
    like = like_of(y)
    handle = perturbation.rearrange(tangents, Gather(positions), like)
    return wrapped(y, Tangent(perturbation, handle), perturbation)


def positions_like(x: Any, start: int = 1) -> np.ndarray[Any, Any]:
    """Positions of the entries of ``x``, counted from ``start``, in the memory order of ``x``."""
    value = primal(x)
    positions = (
        np.empty_like(value, dtype=np.intp) if isinstance(value, np.ndarray) else np.empty(np.shape(value), np.intp)
    )
    positions[...] = np.arange(start, start + positions.size).reshape(positions.shape)
    return positions


def rearranging(*functions: Any, data: tuple[int, ...] = (0,)) -> None:
    """Declare rearrangements; ``data`` are the places of the arguments whose entries move."""
    for function in functions:
        register(Rearranging(function, data))


class Once(Move):
    """A move that takes a view of every row-major block, no entry twice: a cotangent is added into it."""

    __slots__ = ()


class View(Rule):
    """A rearrangement whose result shares memory with its argument where NumPy's does."""

    form = "view"

    def __init__(self, function: Any, batched: Callable[..., Callable[[Any], Any]], once: bool) -> None:
        super().__init__(function)
        self.batched = batched
        self.once = once

    @functools.cached_property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(inspect.signature(self.function).parameters)

    @property
    def name(self) -> str:
        return self.names[0]

    @property
    def active(self) -> tuple[str, ...]:  # type: ignore[override]
        return (self.name,)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not args:
            args = (kwargs.pop(self.name),)
        x, *args = (number(args[0]), *args[1:])  # type: ignore[assignment]
        if type(x) is not Dual:
            if carries((args, kwargs)):
                raise errors.no_derivative_in(self.function, "shape or axis")
            return self.function(x, *args, **kwargs)
        perturbation = x.perturbation
        if not perturbation.live:
            raise errors.escaped(x)
        if (args or kwargs) and carries((args, kwargs)):
            raise errors.no_derivative_in(self.function, "shape or axis")
        y = self.function(x.value, *args, **kwargs)
        move = self.batched(x.value, *args, **kwargs)
        if not is_array(y) or not is_array(x.value) or not may_share_memory(y, x.value):
            # The value is a copy, so the tangent must be one.
            handle = perturbation.rearrange((x.tangent,), lambda block: move(block).copy(), y)
            return Dual(y, handle, perturbation)
        if x.storage is None:
            shared.anchor(x)
        if self.once or type(move) is Once:
            handle = perturbation.view(x.tangent, move, y)
        else:
            handle = perturbation.rearrange((x.tangent,), move, y)
        again = functools.partial(self, **kwargs) if kwargs else self
        return shared.attach(Dual(y, handle, perturbation), x, (again, *args), move)

    def tangent(self, y: Any, values: dict[str, Any], tangents: dict[str, Any]) -> Tangent:
        d, options = tangents[self.name], {name: value for name, value in values.items() if name != self.name}
        move = self.batched(values[self.name], **options)
        return Tangent(d.perturbation, d.perturbation.rearrange((d.handle,), lambda block: move(block).copy(), y))


def view(*functions: Any, once: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare ``batched(value, *arguments)``, which returns the same view as a function of blocks.

    ``once`` says of all these functions what `Once` says of one.
    """

    def declare(batched: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            register(View(function, batched, once))
        return batched

    return declare


def block_axis(axis: Any, ndim: int) -> Any:
    """An axis (or tuple of axes) of an array, as the same axis of its block."""
    if isinstance(axis, (tuple, list)):
        return tuple(block_axis(a, ndim) for a in axis)
    return int(np.lib.array_utils.normalize_axis_index(axis, ndim)) + 1
