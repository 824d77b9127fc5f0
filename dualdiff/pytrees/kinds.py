"""Kinds of containers: how the containers of one class are taken apart and built, and the table of them.

What is known of classes that say nothing themselves is in containers.py, which adds its `recognisers` here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from .comparison import differ, same


class Kind:
    """How containers of one class are taken apart and built."""

    by_name = False  # whether its children are shown with their names, and not by position

    def take(self, tree: Any) -> tuple[tuple[Any, ...], Sequence[Any], Any]:
        """The names of its children, the children, and what else `build` needs."""
        raise NotImplementedError

    def build(self, cls: type, example: Any, names: tuple[Any, ...], children: list[Any]) -> Any:
        """A container like the example, with other children, as a function is to see it."""
        raise NotImplementedError

    def bare(self, cls: type, example: Any, names: tuple[Any, ...], children: list[Any]) -> Any:
        """A container of tangents or gradients."""
        return self.build(cls, example, names, children)

    def path(self, name: str, key: Any) -> str:
        """What a user would type to reach the child of the container called ``name``."""
        return f"{name}[{key!r}]"


# Classes that say themselves how they are taken apart.


class Registered(Kind):
    """A class with functions ``flatten(tree) -> (children, rest)`` and ``unflatten(rest, children) -> tree``."""

    def __init__(self, flatten: Callable[[Any], Any], unflatten: Callable[[Any, Any], Any]) -> None:
        self.flatten = flatten
        self.unflatten = unflatten
        self.tried = False

    def take(self, tree: Any) -> tuple[tuple[Any, ...], Sequence[Any], Any]:
        taken = self.flatten(tree)
        if not isinstance(taken, tuple) or len(taken) != 2 or not isinstance(taken[0], (tuple, list)):
            raise TypeError(
                f"flatten of the registered class {type(tree).__name__} returned {taken!r}; it returns a pair: a tuple "
                "of the children, and what else unflatten needs."
            )
        children, rest = taken
        if not self.tried:
            self.tried = True  # before it is: a container may hold others of its class
            self._try(tree, children, rest)
        return tuple(range(len(children))), children, (tree, rest)

    def build(self, cls: type, example: Any, names: tuple[Any, ...], children: list[Any]) -> Any:
        return self.unflatten(example[1], tuple(children))

    def _try(self, tree: Any, children: Sequence[Any], rest: Any) -> None:
        """The first container of the class, built again of its own children, has to be what it was."""
        try:
            again = self.flatten(self.unflatten(rest, tuple(children)))
            kept = same(rest, again[1]) or not same(rest, self.flatten(tree)[1])  # or it is another each time
            what = "" if kept else "what is no child"
            if len(again[0]) != len(children):
                what = f"{len(again[0])} children for {len(children)}"
            for i, pair in enumerate(zip(children, again[0], strict=False)):
                what = what or (f"child {i}" if differ(*pair) else "")
        except Exception:  # an error of its own, where it is built again
            return
        if what:
            name = type(tree).__name__
            raise TypeError(
                f"flatten and unflatten of the registered class {name} do not fit together: flatten(unflatten(rest, "
                f"children)) of a {name} gives back other numbers ({what}).\n"
                "  unflatten takes the children in the order of flatten, and rest, and leaves nothing out."
            )

    def path(self, name: str, key: Any) -> str:
        return f"flatten({name})[0][{key}]"


_registered: dict[type, Registered] = {}
recognisers: list[Callable[[type], Kind | None]] = []


def register(cls: type, flatten: Callable[[Any], Any], unflatten: Callable[[Any, Any], Any]) -> None:
    _registered[cls] = Registered(flatten, unflatten)
    _kind_of.cache_clear()


@lru_cache(maxsize=512)
def _kind_of(cls: Any) -> Kind | None:
    if cls in _registered:
        return _registered[cls]
    if callable(getattr(cls, "tree_flatten", None)) and callable(getattr(cls, "tree_unflatten", None)):
        return Registered(cls.tree_flatten, cls.tree_unflatten)
    return next((kind for recognised in recognisers if (kind := recognised(cls)) is not None), None)


kind_of: Callable[[type], Kind | None] = _kind_of


def sorted_keys(items: dict[Any, Any]) -> tuple[Any, ...]:
    """Equal dicts have equal structures, whatever their order."""
    try:
        return tuple(sorted(dict.__iter__(items)))
    except TypeError:
        return tuple(dict.__iter__(items))
