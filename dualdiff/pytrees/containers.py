"""Containers beyond tuple, list and dict: how each is taken apart, and how it is built with other numbers in it.

A container is built again only where the result is known to be what its class would have made: by copying what holds
no numbers, or by running its constructor, which must give the original back from the original numbers.  Values of
``cached_property`` are dropped.  All others are refused; `register_pytree` says how they are built.

Trees of tangents and gradients have no derived state: of a dataclass they hold the fields alone.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, UserDict, defaultdict, deque
from collections.abc import Sequence
from typing import Any

from .kinds import Kind, recognisers, sorted_keys
from .reconstruction import constructed_again, first_number, holds_no_number, refuse, without_caches

# What a subclass of a builtin container may define without being another kind of container.
_HARMLESS = {
    "__annotations__", "__class_getitem__", "__copy__", "__deepcopy__", "__del__", "__delattr__", "__dict__", "__dir__",
    "__doc__", "__eq__", "__format__", "__ge__", "__getstate__", "__gt__", "__hash__", "__init_subclass__", "__le__",
    "__lt__", "__missing__", "__module__", "__ne__", "__reduce__", "__reduce_ex__", "__repr__", "__setattr__",
    "__setstate__", "__sizeof__", "__slots__", "__str__", "__weakref__", "__abstractmethods__", "_abc_impl", "copy",
    "fromkeys",
}  # fmt: skip
_CONSTRUCTORS = {"__new__", "__init__"}


# Subclasses of the builtin containers.


class Builtin(Kind):
    """A subclass of tuple, list, dict, ..., read and filled by the methods of that base."""

    def __init__(self, base: Any) -> None:
        self.base = base

    def take(self, tree: Any) -> tuple[tuple[Any, ...], Sequence[Any], Any]:
        return (*self.split(tree), tree)

    def split(self, tree: Any) -> tuple[tuple[Any, ...], list[Any]]:
        items = list(self.base.__iter__(tree))
        return tuple(range(len(items))), items

    def build(self, cls: type, example: Any, names: tuple[Any, ...], children: list[Any]) -> Any:
        own = _overridden(cls, self.base)
        if other := [name for name in own if name not in _CONSTRUCTORS]:
            refuse(cls, f"it has its own {', '.join(sorted(other))}")
        attributes = self.attributes(example)
        number = first_number(attributes, self.split(example)[1])
        if not own and number is None:
            return self._filled(cls, example, names, children, attributes)
        if not own:
            refuse(cls, f"its attribute {number!r} may depend on what it holds")

        def construct(children: list[Any]) -> Any:
            return self.constructed(cls, example, names, children)

        def content(tree: Any) -> list[Any]:
            return self.split(tree)[1]

        return constructed_again(cls, example, children, construct, content, self.attributes)

    def bare(self, cls: type, example: Any, names: tuple[Any, ...], children: list[Any]) -> Any:
        attributes = {name: value for name, value in self.attributes(example).items() if holds_no_number(value, False)}
        return self._filled(cls, example, names, children, attributes)

    def _filled(self, cls: type, example: Any, names: Any, children: list[Any], attributes: dict[str, Any]) -> Any:
        try:
            tree = self.filled(cls, example, names, children)
        except TypeError as error:
            refuse(cls, str(error), error)
        for name, value in attributes.items():
            object.__setattr__(tree, name, value)
        return tree

    def filled(self, cls: type, example: Any, names: tuple[Any, ...], children: list[Any]) -> Any:
        if issubclass(self.base, tuple):
            return tuple.__new__(cls, children)
        tree = self.base.__new__(cls)
        self.base.__init__(tree, children, *((example.maxlen,) if self.base is deque else ()))
        return tree

    def constructed(self, cls: Any, example: Any, names: tuple[Any, ...], children: list[Any]) -> Any:
        return cls(children)

    def attributes(self, tree: Any) -> dict[str, Any]:
        return without_caches(tree)


class Named(Builtin):
    """A named tuple."""

    by_name = True

    def __init__(self) -> None:
        super().__init__(tuple)

    def constructed(self, cls: Any, example: Any, names: tuple[Any, ...], children: list[Any]) -> Any:
        return cls(*children)

    def path(self, name: str, key: Any) -> str:
        return f"{name}[{key!r}]" if isinstance(key, int) else f"{name}.{key}"

    def split(self, tree: Any) -> tuple[tuple[Any, ...], list[Any]]:
        items = list(tuple.__iter__(tree))
        fields = tuple(type(tree)._fields)
        return (fields if len(fields) == len(items) else tuple(range(len(items)))), items


class Mapping(Builtin):
    """A subclass of dict, or a UserDict: children in the order of their sorted names, built in their own order."""

    def take(self, tree: Any) -> tuple[tuple[Any, ...], Sequence[Any], Any]:
        names, children = self.split(tree)
        return names, children, (tree, tuple(self._items(tree)))

    def build(self, cls: type, example: Any, names: tuple[Any, ...], children: list[Any]) -> Any:
        return super().build(cls, example[0], *_in_order(example[1], names, children))

    def bare(self, cls: type, example: Any, names: tuple[Any, ...], children: list[Any]) -> Any:
        return super().bare(cls, example[0], *_in_order(example[1], names, children))

    def split(self, tree: Any) -> tuple[tuple[Any, ...], list[Any]]:
        items = self._items(tree)
        names = sorted_keys(items)
        return names, [dict.__getitem__(items, name) for name in names]

    def _items(self, tree: Any) -> dict[Any, Any]:
        return tree.data if self.base is UserDict else tree

    def filled(self, cls: type, example: Any, names: tuple[Any, ...], children: list[Any]) -> Any:
        items = zip(names, children, strict=True)
        if self.base is UserDict:
            tree: Any = object.__new__(cls)
            tree.data = dict(items)
            return tree
        tree = self.base.__new__(cls)
        if self.base is defaultdict:
            tree.default_factory = example.default_factory
        for name, child in items:
            self.base.__setitem__(tree, name, child)
        return tree

    def constructed(self, cls: Any, example: Any, names: tuple[Any, ...], children: list[Any]) -> Any:
        given = dict(zip(names, children, strict=True))
        return cls(example.default_factory, given) if self.base is defaultdict else cls(given)

    def attributes(self, tree: Any) -> dict[str, Any]:
        attributes = without_caches(tree)
        if self.base is UserDict:
            attributes.pop("data", None)
        return attributes


def _in_order(order: tuple[Any, ...], names: tuple[Any, ...], children: list[Any]) -> tuple[Any, list[Any]]:
    child_of = dict(zip(names, children, strict=True))
    return order, [child_of[name] for name in order]


def _overridden(cls: type, base: type) -> set[str]:
    """The methods of a builtin container that a subclass defines anew."""
    found: set[str] = set()
    for part in cls.__mro__[: cls.__mro__.index(base)]:
        if not ({"_fields", "_make"} <= vars(part).keys()):  # what namedtuple made
            found |= {name for name in vars(part) if name not in _HARMLESS and hasattr(base, name)}
    return found


# Dataclasses.


class Dataclass(Kind):
    """The fields of a dataclass; those that its ``__post_init__`` makes (``init=False``) are no children."""

    def take(self, tree: Any) -> tuple[tuple[Any, ...], Sequence[Any], Any]:
        derived = _derived_fields(type(tree))
        names = tuple(f.name for f in _fields(type(tree)) if f.name not in derived and hasattr(tree, f.name))
        return names, [getattr(tree, name) for name in names], tree

    def build(self, cls: type, example: Any, names: tuple[Any, ...], children: list[Any]) -> Any:
        if any("__getattribute__" in vars(part) for part in cls.__mro__[:-1]):
            refuse(cls, "it has its own __getattribute__")
        derived = _derived_fields(cls)
        others = {name: value for name, value in without_caches(example).items() if name not in names}
        number = first_number(others, [getattr(example, name) for name in names])
        if not derived and number is None:
            tree = _new(cls)
            for name, child in (*zip(names, children, strict=True), *others.items()):
                object.__setattr__(tree, name, child)
            return tree
        state = derived[0] if derived else number
        if any(f._field_type.name == "_FIELD_INITVAR" for f in _all_fields(cls)):
            refuse(cls, f"its attribute {state!r} is made from an InitVar, which is not kept")
        settable = {f.name for f in _fields(cls) if f.init}
        if not settable.issuperset(names):
            refuse(cls, f"its attribute {state!r} may depend on its fields")

        def construct(children: list[Any]) -> Any:
            return cls(**dict(zip(names, children, strict=True)))

        def content(tree: Any) -> list[Any]:
            return [getattr(tree, name) for name in names]

        def rest(tree: Any) -> dict[str, Any]:
            return {name: value for name, value in without_caches(tree).items() if name not in names}

        return constructed_again(cls, example, children, construct, content, rest)

    def bare(self, cls: type, example: Any, names: tuple[Any, ...], children: list[Any]) -> Any:
        tree = _new(cls)
        for name, child in zip(names, children, strict=True):
            object.__setattr__(tree, name, child)
        for name in _derived_fields(cls):
            object.__setattr__(tree, name, None)
        return tree

    def path(self, name: str, key: Any) -> str:
        return f"{name}.{key}"


def _new(cls: Any) -> Any:
    try:
        return object.__new__(cls)
    except TypeError as error:
        return refuse(cls, str(error), error)


def _all_fields(cls: Any) -> list[Any]:
    return list(cls.__dataclass_fields__.values())


def _fields(cls: Any) -> tuple[Any, ...]:
    import dataclasses  # who has a dataclass has imported it

    return dataclasses.fields(cls)


def _derived_fields(cls: Any) -> list[str]:
    return [f.name for f in _fields(cls) if not f.init] if hasattr(cls, "__post_init__") else []


_BASES = (Counter, defaultdict, OrderedDict, dict, UserDict, list, deque, tuple)


def recognised(cls: Any) -> Kind | None:
    """How containers of a class that says nothing itself are taken apart; None if it is no container."""
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return Named()
    for base in _BASES:
        if issubclass(cls, base):
            return Mapping(base) if issubclass(base, (dict, UserDict)) else Builtin(base)
    return Dataclass() if hasattr(cls, "__dataclass_fields__") else None


recognisers.append(recognised)
