"""Traced values as they are held: a concrete example, the run, the number of the variable.

Arguments with such in them are taken apart here.

What Python and NumPy may ask of them is in tracing.py and operators.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..values.dual import Dual
from .record import Ref, StagingRefused, Trace

_ndarray = np.ndarray


class Traced:
    """What the three kinds share.

    ``isinstance(x, np.ndarray)`` is false, by which the engine knows what is in memory of NumPy's; adapted code gets
    the answer for the plain value (adapting/builtins.py).
    """

    __slots__ = ("example", "number", "run")

    def __init__(self, trace: Trace, example: Any, number: int) -> None:
        self.run = trace
        self.example = example
        self.number = number


class TracedNumber(Traced):
    """In place of a Python number."""

    __slots__ = ()


class TracedScalar(Traced):
    """In place of one of NumPy's scalars."""

    __slots__ = ()


class TracedArray(Traced):
    """In place of an ndarray: views share its memory, and it is written in place."""

    __slots__ = ("__weakref__",)


KINDS: frozenset[type] = frozenset({TracedArray, TracedScalar, TracedNumber})


def leaves_alone(tree: Any) -> bool:
    """Whether no Dual is among arguments: it takes the call itself."""
    for item in tree:
        kind = type(item)
        if kind is Dual or hasattr(kind, "__dual__"):
            return False
        if (kind is list or kind is tuple) and not leaves_alone(item):
            return False
    return True


def examples(tree: Any) -> Any:
    """Arguments with examples in place of traced values."""
    kind = type(tree)
    if kind in KINDS:
        return tree.example
    if kind is tuple:
        return tuple([examples(item) for item in tree])
    if kind is list:
        return [examples(item) for item in tree]
    if kind is dict:
        return {name: examples(item) for name, item in tree.items()}
    if kind is slice:
        return slice(examples(tree.start), examples(tree.stop), examples(tree.step))
    return tree


def arguments(trace: Trace, tree: Any) -> Any:
    """Arguments as the record holds them."""
    kind = type(tree)
    if kind in KINDS:
        if tree.run is not trace:
            raise StagingRefused("a traced value of another run is used")
        return Ref(tree.number)
    if kind is _ndarray:
        return trace.constant(tree)
    if kind is tuple:
        return tuple([arguments(trace, item) for item in tree])
    if kind is list:
        return [arguments(trace, item) for item in tree]
    if kind is dict:
        return {name: arguments(trace, item) for name, item in tree.items()}
    if kind is slice:
        return slice(*(arguments(trace, item) for item in (tree.start, tree.stop, tree.step)))
    if isinstance(tree, _ndarray):
        raise StagingRefused(f"a {kind.__name__} meets a traced value")
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return tuple([arguments(trace, item) for item in tree])
    return tree


def inputs_of(tree: Any) -> Iterator[Traced]:
    kind = type(tree)
    if kind in KINDS:
        yield tree
    elif isinstance(tree, (tuple, list)):  # also the named ones that NumPy's functions return
        for item in tree:
            yield from inputs_of(item)
    elif kind is dict:
        for item in tree.values():
            yield from inputs_of(item)
    elif kind is slice:
        yield from inputs_of((tree.start, tree.stop, tree.step))
