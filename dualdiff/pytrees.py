"""Pytrees: nested tuples, lists, dicts, named tuples and dataclasses of arrays, and classes that are registered.

A tree is flattened to its leaves and a `Structure`, which builds a tree of the same kind from other leaves.
``None`` is a tree without leaves; everything that is no container is a leaf.  A container of a class that adds
something of its own (a constructor, derived state, another way to its entries) could not be built anew faithfully: it
is a leaf too, which the transforms refuse, unless `register_pytree` says how.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import sys
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np


class Structure(NamedTuple):
    """How a tree is built: its container (None for a leaf), the names of its children, and their structures."""

    container: Any
    names: tuple[Any, ...]
    children: tuple[Structure, ...]
    example: Any = None  # the container itself, for what is no child; a dict: with its keys in their own order

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

    def build(self, leaves: Iterator[Any], tangents: bool = False) -> Any:
        """The tree with other leaves; with ``tangents`` they are derivatives, and no code of a class runs on them."""
        if self.container is None:
            return next(leaves)
        children = [child.build(leaves, tangents) for child in self.children]
        return _rebuilt(self, children, tangents)

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
    try:
        return leaves, _flatten(tree, leaves, [])
    except RecursionError:
        raise ValueError(
            f"a {type(tree).__name__} is nested too deeply to be taken apart (Python's limit of "
            f"{sys.getrecursionlimit()} calls); arrays take the place of nested lists of numbers."
        ) from None


def _flatten(tree: Any, leaves: list[Any], around: list[int]) -> Structure:
    container = type(tree)
    if tree is None:
        return Structure(container, (), ())
    example: Any = None
    names: tuple[Any, ...]
    children: list[Any]
    if container in _registered or (hasattr(container, "tree_flatten") and hasattr(container, "tree_unflatten")):
        by_class: Any = container
        given, example = _registered[container][0](tree) if container in _registered else by_class.tree_flatten(tree)
        names, children = tuple(range(len(given))), list(given)
    elif isinstance(tree, dict) and is_faithful(tree):
        example = (tuple(tree), tree)
        try:
            names = tuple(sorted(tree))  # equal dicts have equal structures, whatever their order
        except TypeError:
            names = example[0]
        children = [tree[name] for name in names]
    elif isinstance(tree, (tuple, list)) and is_faithful(tree):
        names, children, example = tuple(range(len(tree))), list(tree), tree
    elif dataclasses.is_dataclass(container) and is_faithful(tree):
        names = tuple(field.name for field in dataclasses.fields(tree) if not _is_derived(field, container))
        whole: Any = tree
        children, example = [getattr(whole, name) for name in names], tree
    else:
        leaves.append(tree)
        return LEAF
    if id(tree) in around:
        raise ValueError(f"a {container.__name__} holds itself, so it has no end of leaves.")
    around.append(id(tree))
    structures = tuple(_flatten(child, leaves, around) for child in children)
    around.pop()
    return Structure(container, names, structures, example)


# Which containers can be built anew.

_registered: dict[type, tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]] = {}


def register_pytree(cls: type, flatten: Callable[[Any], tuple[Any, Any]], unflatten: Callable[[Any, Any], Any]) -> type:
    """Make a container of a class: arguments and results may be objects of it, and are taken apart and built anew.

    ``flatten(x)`` returns the children, a tuple of arrays or trees of them, and whatever else ``unflatten`` needs, a
    constant; ``unflatten(constant, children)`` makes the object of other children, numbers or derivatives.
    A class with methods ``tree_flatten(self)`` and ``tree_unflatten(cls, constant, children)`` needs no registration.
    Raises: TypeError if ``cls`` is no class.

    >>> import dualdiff as dd
    >>> class Line:
    ...     def __init__(self, slope, offset, name):
    ...         self.slope, self.offset, self.name = slope, offset, name
    >>> _ = register_pytree(Line, lambda l: ((l.slope, l.offset), l.name), lambda name, parts: Line(*parts, name))
    >>> dd.grad(lambda line: 3.0 * line.slope + line.offset)(Line(1.0, 2.0, "a")).slope
    3.0
    """
    if not isinstance(cls, type):
        raise TypeError(f"register_pytree: the first argument is a class, not {cls!r}.")
    _registered[cls] = (flatten, unflatten)
    return cls


# What a subclass of a container may not replace, if it is to be built and read as the container itself.
_ACCESS = frozenset({
    "__new__", "__init__", "__getitem__", "__setitem__", "__iter__", "__len__", "__missing__", "__contains__",
    "__getattribute__", "keys", "values", "items", "get",
})  # fmt: skip
_KNOWN = frozenset({dict, list, tuple, OrderedDict, defaultdict, Counter})


def is_faithful(tree: Any) -> bool:
    """Whether a container of the same type with other entries can be made, with nothing left over of the old ones."""
    container = type(tree)
    if container in _KNOWN:
        return True
    if dataclasses.is_dataclass(container):
        return _is_plain_dataclass(tree)
    base = next(kind for kind in container.__mro__ if kind in _KNOWN or hasattr(kind, "_fields"))
    if hasattr(base, "_fields"):  # a named tuple, as collections or typing makes it
        base = next(kind for kind in reversed(container.__mro__) if hasattr(kind, "_fields"))
    between = container.__mro__[: container.__mro__.index(base)]
    return not any(_ACCESS & vars(kind).keys() for kind in between)


def _is_plain_dataclass(tree: Any) -> bool:
    """A dataclass whose constructor is the generated one, which takes its fields as they are."""
    container = type(tree)
    if isinstance(tree, (dict, list, tuple)) or not _takes_fields(container):
        return False
    if not hasattr(container, "__post_init__"):
        return True
    # Run once more, it must leave the fields that it is given alone.
    given = {field.name: getattr(tree, field.name) for field in dataclasses.fields(tree) if field.init}
    again = container(**given)
    return all(_same(getattr(again, name), value) for name, value in given.items())


def _takes_fields(container: Any) -> bool:
    """Whether the constructor is the generated one, and takes fields alone (no InitVar)."""
    code = getattr(container.__init__, "__code__", None)
    if code is None or code.co_filename != "<string>":
        return False
    taken = list(inspect.signature(container).parameters)
    return taken == [field.name for field in dataclasses.fields(container) if field.init]


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if type(a) is type(b) is np.ndarray:
        return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
    if type(a) is type(b) and isinstance(a, (int, float, complex, np.generic, str)):
        return bool(a == b)
    return False


def _is_derived(field: Any, container: type) -> bool:
    """A field that ``__post_init__`` makes of the others."""
    return not field.init and hasattr(container, "__post_init__")


def _rebuilt(structure: Structure, children: list[Any], tangents: bool) -> Any:
    container, names, example = structure.container, structure.names, structure.example
    if container is type(None):
        return None
    if container in _registered:
        return _registered[container][1](example, children)
    if hasattr(container, "tree_flatten") and hasattr(container, "tree_unflatten"):
        return container.tree_unflatten(example, tuple(children))
    if issubclass(container, dict):
        child_of = dict(zip(names, children, strict=True))
        order, example = example
        tree = container(example.default_factory) if issubclass(container, defaultdict) else container()
        for name in order:
            tree[name] = child_of[name]
    elif issubclass(container, tuple) and hasattr(container, "_fields"):
        tree = container(*children)
    elif issubclass(container, (tuple, list)):
        tree = container(children)
    else:
        given = dict(zip(names, children, strict=True))
        fields = {field.name: field for field in dataclasses.fields(container)}
        if tangents:
            tree = object.__new__(container)
        else:
            tree = container(**{name: child for name, child in given.items() if fields[name].init})
            given = {name: child for name, child in given.items() if not fields[name].init}
        for name, child in given.items():
            object.__setattr__(tree, name, child)
    if not tangents:
        _copy_attributes(example, tree)
    return tree


def _copy_attributes(source: Any, tree: Any) -> None:
    """What was set on the old object beside its entries; what it has computed and kept is left behind."""
    kept = getattr(source, "__dict__", None)
    for name, value in kept.items() if kept else ():
        if name not in tree.__dict__ and not isinstance(getattr(type(source), name, None), functools.cached_property):
            object.__setattr__(tree, name, value)


def unflatten(structure: Structure, leaves: Any, tangents: bool = False) -> Any:
    return structure.build(iter(leaves), tangents)


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
