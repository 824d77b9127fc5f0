"""Pytrees: nested tuples, lists, dicts, named tuples and dataclasses of arrays, without registration.

A tree is flattened to its leaves and a `Structure`, which builds a tree of the same kind from other leaves.
``None`` is a tree without leaves; everything that is no container is a leaf.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np


class Structure(NamedTuple):
    """How a tree is built: its container (None for a leaf), the names of its children, and their structures."""

    container: Any
    names: tuple[Any, ...]
    children: tuple[Structure, ...]
    example: Any = None  # a dataclass: its other fields; a dict: its keys in their own order

    @property
    def is_leaf(self) -> bool:
        return self.container is None

    def same_as(self, other: Structure) -> bool:
        return (
            self.container is other.container
            and self.names == other.names
            and len(self.children) == len(other.children)
            and all(a.same_as(b) for a, b in zip(self.children, other.children, strict=True))
        )

    def build(self, leaves: Iterator[Any]) -> Any:
        if self.container is None:
            return next(leaves)
        children = [child.build(leaves) for child in self.children]
        if self.container is type(None):
            return None
        if issubclass(self.container, dict):
            child_of = dict(zip(self.names, children, strict=True))
            return self.container((name, child_of[name]) for name in self.example)
        if issubclass(self.container, tuple) and hasattr(self.container, "_fields"):
            return self.container(*children)
        if issubclass(self.container, (tuple, list)):
            return self.container(children)
        tree = copy.copy(self.example)
        for name, child in zip(self.names, children, strict=True):
            object.__setattr__(tree, name, child)
        return tree

    def __str__(self) -> str:
        if self.container is None:
            return "*"
        if self.container is type(None):
            return "None"
        inner = ", ".join(
            str(child) if isinstance(name, int) else f"{name}: {child}"
            for name, child in zip(self.names, self.children, strict=True)
        )
        return f"{self.container.__name__}({inner})"


LEAF = Structure(None, (), ())
_ATOMS = frozenset({np.ndarray, float, int, complex, np.float64, str, bool})


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves of a tree, in order, and its structure."""
    if type(tree) in _ATOMS:
        return [tree], LEAF
    leaves: list[Any] = []
    return leaves, _flatten(tree, leaves)


def _flatten(tree: Any, leaves: list[Any]) -> Structure:
    container = type(tree)
    if tree is None:
        return Structure(container, (), ())
    example: Any = None
    if isinstance(tree, dict):
        example = tuple(tree)
        try:
            names = tuple(sorted(tree))  # equal dicts have equal structures, whatever their order
        except TypeError:
            names = example
        children = [tree[name] for name in names]
    elif isinstance(tree, (tuple, list)):
        names, children = tuple(range(len(tree))), list(tree)
    elif dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        names = tuple(field.name for field in dataclasses.fields(tree))
        children, example = [getattr(tree, name) for name in names], tree
    else:
        leaves.append(tree)
        return LEAF
    return Structure(container, names, tuple(_flatten(child, leaves) for child in children), example)


def unflatten(structure: Structure, leaves: Any) -> Any:
    return structure.build(iter(leaves))


def tree_map(function: Callable[..., Any], tree: Any) -> Any:
    leaves, structure = flatten(tree)
    return unflatten(structure, [function(leaf) for leaf in leaves])


def paths(structure: Structure, name: str) -> list[str]:
    """What a user would type to reach each leaf: ``params['w'][0]``."""
    if structure.container is None:
        return [name]
    found: list[str] = []
    for key, child in zip(structure.names, structure.children, strict=True):
        if issubclass(structure.container, (dict, list)) or (
            issubclass(structure.container, tuple) and not hasattr(structure.container, "_fields")
        ):
            found += paths(child, f"{name}[{key!r}]")
        elif issubclass(structure.container, tuple):
            found += paths(child, f"{name}.{structure.container._fields[key]}")
        else:
            found += paths(child, f"{name}.{key}")
    return found
