"""Pytrees: nested tuples, lists, dicts, named tuples and dataclasses of arrays, without registration.

A tree is flattened to its leaves and a `Structure`, which builds a tree of the same kind from other leaves.
``None`` is a tree without leaves; everything that is no container is a leaf.  What is known of containers other than
tuple, list and dict is in containers.py; `register_pytree` adds more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .. import errors
from ..values.dual import Dual
from .comparison import is_same_rest
from .kinds import Kind, Registered, kind_of, register, sorted_keys


class Structure(NamedTuple):
    """How a tree is built: its container (None for a leaf), the names of its children, and their structures."""

    container: Any
    names: tuple[Any, ...]
    children: tuple[Structure, ...]
    example: Any = None  # a dict: its keys in their own order; else what `kind` needs
    kind: Kind | None = None  # of containers other than tuple, list and dict

    @property
    def is_leaf(self) -> bool:
        return self.container is None

    @property
    def is_registered(self) -> bool:
        """Whether it or a container in it is of a class that says itself how it is built."""
        return isinstance(self.kind, Registered) or any(child.is_registered for child in self.children)

    def same_as(self, other: Structure) -> bool:
        if self.container is not other.container or self.names != other.names:
            return False
        if isinstance(self.kind, Registered) and not is_same_rest(self.example[1], other.example[1]):
            return False
        try:
            for mine, theirs in zip(self.children, other.children, strict=True):
                if not mine.same_as(theirs):
                    return False
        except RecursionError:
            raise errors.nested_too_deeply(self.container) from None
        return True

    def build(self, leaves: Iterator[Any], bare: bool = False) -> Any:
        """The tree of these leaves; ``bare`` for tangents and gradients, which have no derived state.

        A container of the user's own whose leaves are still those it had is returned itself.
        """
        container = self.container
        if container is None:
            return next(leaves)
        children = []
        try:
            for child in self.children:
                children.append(child.build(leaves, bare))  # one frame a level
        except RecursionError:
            raise errors.nested_too_deeply(container) from None
        if container is tuple:
            return tuple(children)
        if container is list:
            return children
        if container is dict:
            child_of = dict(zip(self.names, children, strict=True))
            return {name: child_of[name] for name in self.example}
        if self.kind is None:
            return None
        if bare:
            return self.kind.bare(container, self.example, self.names, children)
        tree = self.example[0] if type(self.example) is tuple else self.example
        if all(map(same_leaves, children, self.kind.take(tree)[1])):
            return tree
        return self.kind.build(container, self.example, self.names, children)

    def __str__(self) -> str:
        if self.container is None:
            return "*"
        if self.container is type(None):
            return "None"
        shown = []
        try:
            for name, child in zip(self.names, self.children, strict=True):
                by_name = (self.kind is not None and self.kind.by_name) or not isinstance(name, int)
                shown.append(f"{name}: {child}" if by_name else str(child))
        except RecursionError:
            return f"{self.container.__name__}(...)"
        return f"{self.container.__name__}({', '.join(shown)})"


LEAF = Structure(None, (), ())
_NONE = Structure(type(None), (), ())
_ATOMS = frozenset({np.ndarray, float, int, complex, np.float64, str, bool})


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves of a tree, in order, and its structure."""
    if type(tree) in _ATOMS:
        return [tree], LEAF
    leaves: list[Any] = []
    return leaves, _flatten(tree, leaves)


def _flatten(tree: Any, leaves: list[Any]) -> Structure:
    container = type(tree)
    if container in _ATOMS:
        leaves.append(tree)
        return LEAF
    names: tuple[Any, ...]
    example: Any = None
    kind: Kind | None = None
    if container is list or container is tuple:
        names, items = tuple(range(len(tree))), tree
    elif container is dict:
        example, names = tuple(tree), sorted_keys(tree)
        items = [tree[name] for name in names]
    elif tree is None:
        return _NONE
    else:
        kind = kind_of(container)
        if kind is None:
            leaves.append(tree)
            return LEAF
        names, items, example = kind.take(tree)
    children = []
    try:
        for item in items:
            children.append(_flatten(item, leaves))  # one frame a level
    except RecursionError:
        raise errors.nested_too_deeply(container) from None
    return Structure(container, names, tuple(children), example, kind)


def unflatten(structure: Structure, leaves: Any, bare: bool = False) -> Any:
    return structure.build(iter(leaves), bare)


def tree_map(function: Callable[..., Any], tree: Any, bare: bool = False) -> Any:
    leaves, structure = flatten(tree)
    return unflatten(structure, [function(leaf) for leaf in leaves], bare)


def same_leaves(a: Any, b: Any) -> bool:
    """Whether two trees hold the very same leaves."""
    if a is b:
        return True
    left, right = flatten(a)[0], flatten(b)[0]
    return len(left) == len(right) and all(x is y for x, y in zip(left, right, strict=True))


def paths(structure: Structure, name: str) -> list[str]:
    """What a user would type to reach each leaf: ``params['w'][0]``."""
    if structure.container is None:
        return [name]
    found: list[str] = []
    kind = structure.kind
    try:
        for key, child in zip(structure.names, structure.children, strict=True):
            found += paths(child, kind.path(name, key) if kind is not None else f"{name}[{key!r}]")
    except RecursionError:
        raise errors.nested_too_deeply(structure.container) from None
    return found


def register_pytree(
    cls: type,
    flatten: Callable[[Any], tuple[Any, Any]],
    unflatten: Callable[[Any, Any], Any],
) -> None:
    """Say how containers of a class are taken apart and built, as arguments and results of transforms.

    A class with methods ``tree_flatten(self)`` and ``tree_unflatten(cls, rest, children)``, a classmethod, needs no
    registration (JAX's convention).  Of a class registered again, the last registration holds; subclasses are
    registered by themselves.

    Parameters
    ----------
    cls : type
        The class.
    flatten : callable
        ``flatten(tree)`` returns a pair: a tuple of the children, which are trees of arrays themselves, and whatever
        else ``unflatten`` needs, compared by ``==``.
    unflatten : callable
        ``unflatten(rest, children)`` builds a container; the children may also be Duals, tangents or gradients, so it
        should not look at them.

    Raises
    ------
    TypeError
        For what is no class or no function.

    Notes
    -----
    Cost: one call of ``flatten`` for each argument, and one of ``unflatten`` for each result, of each run.

    Examples
    --------
    >>> import numpy as np
    >>> import dualdiff as dd
    >>> class Line:
    ...     def __init__(self, slope, offset, unit):
    ...         self.slope, self.offset, self.unit = slope, offset, unit
    >>> dd.register_pytree(
    ...     Line, lambda line: ((line.slope, line.offset), line.unit), lambda unit, numbers: Line(*numbers, unit)
    ... )
    >>> gradient = dd.grad(lambda line: line.slope * 3.0 + line.offset)(Line(2.0, 1.0, "m"))
    >>> gradient.slope, gradient.offset, gradient.unit
    (3.0, 1.0, 'm')
    """
    if not isinstance(cls, type):
        raise TypeError(f"register_pytree: the first argument is a class, not {cls!r}.")
    if not callable(flatten) or not callable(unflatten):
        raise TypeError(
            "register_pytree: flatten and unflatten are functions: register_pytree(cls, flatten, unflatten)."
        )
    if cls in _ATOMS or cls in (tuple, list, dict, type(None)):
        raise TypeError(f"register_pytree: {cls.__name__} is known already.")
    register(cls, flatten, unflatten)


def presented(tree: Any) -> Any:
    """Results as their users see them: what carries the perturbation of Variables is a Variable."""
    if type(tree) is np.ndarray or type(tree) is float:
        return tree
    if type(tree) is Dual:
        return tree.perturbation.present(tree)
    try:
        if type(tree) in (list, tuple):
            return type(tree)([presented(item) for item in tree])
        if type(tree) is dict:
            return {name: presented(item) for name, item in tree.items()}
    except RecursionError:
        raise errors.nested_too_deeply(type(tree)) from None
    return tree if kind_of(type(tree)) is None else tree_map(presented, tree)
