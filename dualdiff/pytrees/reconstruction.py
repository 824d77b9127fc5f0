"""A container of a class that is not known, with other numbers in it: by copying or by its constructor, else refused.

Attributes are copied if they cannot have been calculated from the numbers; values of ``cached_property`` are dropped.
A constructor is run again if it gives the original back from the original numbers, in every attribute.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from functools import cached_property
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, NoReturn, get_origin

import numpy as np

from ..values.dual import Dual
from ..values.foreign import state_of
from .comparison import same
from .trees import flatten, same_leaves, unflatten


def constructed_again(
    cls: type,
    example: Any,
    children: list[Any],
    construct: Callable[[list[Any]], Any],
    content: Callable[[Any], list[Any]],
    rest: Callable[[Any], dict[str, Any]],
) -> Any:
    """A container made by its constructor, which must make the example of the example's own children."""
    original = [plain(child) for child in content(example)]
    try:
        again = construct(original)
    except Exception as error:
        refuse(cls, f"its constructor does not take what it holds ({type(error).__name__}: {error})", error)
    made, was = rest(again), rest(example)
    for name in [*was, *(name for name in made if name not in was)]:
        if name not in made or name not in was or not same(plain(made[name]), plain(was[name])):
            refuse(cls, f"its attribute {name!r} is not what its constructor makes of what it holds now")
    _check_content(cls, content(again), original)
    try:
        fresh = construct(children)
    except Exception as error:
        error.add_note(
            f"dualdiff: raised by the constructor of {cls.__name__}, which is run again to make its other attributes "
            f"of the differentiated numbers.\n  {how_to_register(cls)}"
        )
        raise
    _check_content(cls, content(fresh), children)
    return fresh


def _check_content(cls: type, found: list[Any], given: list[Any]) -> None:
    if len(found) != len(given) or not all(map(same_leaves, found, given)):
        refuse(cls, "its constructor changes what it is given")


def plain(tree: Any) -> Any:
    """A tree with the plain number in place of every Dual, alive or not."""
    leaves, structure = flatten(tree)
    stripped = [_plain_leaf(leaf) for leaf in leaves]
    return tree if all(a is b for a, b in zip(leaves, stripped, strict=True)) else unflatten(structure, stripped)


def _plain_leaf(leaf: Any) -> Any:
    if hasattr(type(leaf), "__dual__"):
        leaf = leaf.__dual__()
    while type(leaf) is Dual:
        leaf = leaf.value
    if isinstance(leaf, np.ndarray) and leaf.dtype == object:
        entries = [_plain_leaf(entry) for entry in leaf.ravel().tolist()]
        return np.array(entries).reshape(leaf.shape)
    return leaf


def without_caches(tree: Any) -> dict[str, Any]:
    """The attributes of an instance, without what ``cached_property`` remembers."""
    return {name: value for name, value in state_of(tree).items() if not _is_cache(type(tree), name)}


def _is_cache(cls: type, name: str) -> bool:
    return any(isinstance(vars(part).get(name), cached_property) for part in cls.__mro__)


_NUMBERLESS = (
    str, bytes, bool, np.bool_, np.dtype, type, enum.Enum, ModuleType, BuiltinFunctionType, type(np.sum),
)  # fmt: skip


def holds_no_number(value: Any, whole: bool = True) -> bool:
    """Whether an attribute cannot have been calculated from differentiated numbers, but for their count and names.

    ``whole``: nor are whole numbers, which count, but are calculated from whole numbers too.
    """
    if isinstance(value, (int, np.integer)) and not isinstance(value, (bool, enum.Enum)):
        return not whole
    if value is None or isinstance(value, _NUMBERLESS) or get_origin(value) is not None:  # a type, as list[int]
        return not isinstance(value, BuiltinFunctionType) or isinstance(value.__self__, (ModuleType, type(None)))
    if isinstance(value, FunctionType):
        return value.__closure__ is None
    if isinstance(value, np.ufunc):
        return any("O" not in types for types in value.types)  # not one that np.frompyfunc made
    if type(value) is dict:
        return all(holds_no_number(item, whole) for pair in value.items() for item in pair)
    return type(value) in (list, tuple, set, frozenset) and all(holds_no_number(item, whole) for item in value)


def first_number(attributes: dict[str, Any], content: list[Any]) -> str | None:
    """The first attribute that may have been calculated from the numbers in the container; None if there is none."""
    whole = bool(attributes) and any(_is_whole(leaf) for leaf in flatten(content)[0])
    return next((name for name, value in attributes.items() if not holds_no_number(value, whole)), None)


def _is_whole(leaf: Any) -> bool:
    """Whether a leaf is a whole number, or an array of them, before it is differentiated as a real one."""
    dtype = getattr(leaf, "dtype", None)
    return type(leaf) is int if dtype is None else getattr(dtype, "kind", "") in "iu"


def refuse(cls: type, reason: str, error: Exception | None = None) -> NoReturn:
    raise TypeError(
        f"a {cls.__name__} cannot be built again with other numbers in it: {reason}.\n  {how_to_register(cls)}"
    ) from error


def how_to_register(cls: type) -> str:
    return (
        f"Say how with dualdiff.register_pytree({cls.__name__}, flatten, unflatten), or give the class the methods "
        "tree_flatten and tree_unflatten."
    )
