"""The hook of attributes: the getter of a property is a call that no parentheses show."""

from __future__ import annotations

import functools
import weakref
from types import FunctionType
from typing import Any

from ..values.dual import Dual, primal
from .calls import ATTRIBUTE, hook, view_of


def attribute(x: Any, name: str) -> Any:
    """``x.name``, where the getter of a property, or of a descriptor of the user's, is viewed."""
    kind = type(x)
    getters = _getters.get(id(kind))
    if name not in (_getters_of(kind) if getters is None else getters):
        return getattr(x, name)
    for cls in kind.__mro__ if kind is not super else _behind(x):
        if name in cls.__dict__:
            descriptor = cls.__dict__[name]
            break
    else:
        asked_then = getattr(kind, "__getattr__", None)
        if (
            type(asked_then) is FunctionType
            and kind.__getattribute__ is _ORDINARY
            and name not in getattr(x, "__dict__", ())
        ):
            return hook(asked_then)(x, name)
        return getattr(x, name)
    sort = type(descriptor)
    if sort is FunctionType:
        return getattr(x, name)
    if sort is property:
        getter = descriptor.fget
        if type(getter) is FunctionType and (view := view_of(getter)) is not getter and _is_ordinary(kind):
            return _got(view, x.__self__ if kind is super else x, kind, name)
    elif sort is functools.cached_property:
        getter = descriptor.func
        kept = getattr(x, "__dict__", None)
        if kept is not None and name not in kept and type(getter) is FunctionType and _is_ordinary(kind):
            value = kept[name] = _got(view_of(getter), x, kind, name)
            return value
    elif name == "__class__" and (kind is Dual or hasattr(kind, "__dual__")):
        return type(primal(x if kind is Dual else x.__dual__()))
    elif type(getting := getattr(sort, "__get__", None)) is FunctionType and kind is not super and _is_ordinary(kind):
        overriding = hasattr(sort, "__set__") or hasattr(sort, "__delete__")
        if overriding or name not in getattr(x, "__dict__", ()):
            return _got(lambda x: view_of(getting)(descriptor, x, kind), x, kind, name)
    return getattr(x, name)


_ORDINARY: Any = object.__getattribute__

# Of a class, by its id: the names that may be properties or descriptors of the user's.  Forgotten with the class; one
# that is set later under a new name runs as written.
_getters: dict[int, Any] = {}


class _AnyName:
    def __contains__(self, name: str) -> bool:
        return True


def _getters_of(kind: type) -> Any:
    names: Any = _AnyName()
    if kind is not super and type(getattr(kind, "__getattr__", None)) is not FunctionType:
        names = {
            name for cls in kind.__mro__ for name, found in cls.__dict__.items() if _is_getter(found)
        }  # looked up where they stand: asking the class for one would call it
        if kind is Dual or hasattr(kind, "__dual__"):
            names.add("__class__")
    key = id(kind)

    def forget(_: Any, getters: Any = _getters, alive: Any = _alive) -> None:
        getters.pop(key, None)
        alive.pop(key, None)

    _alive[key] = weakref.ref(kind, forget)
    _getters[key] = names
    return names


_alive: dict[int, Any] = {}


def _is_getter(found: Any) -> bool:
    sort = type(found)
    if sort in (property, functools.cached_property):
        return True
    return sort is not FunctionType and type(getattr(sort, "__get__", None)) is FunctionType


def _is_ordinary(kind: type) -> bool:
    """Whether ``x.name`` asks the class first, in C."""
    slots: Any = type(object.__getattribute__)
    return kind is super or type(kind.__getattribute__) is slots


def _got(getter: Any, x: Any, kind: type, name: str) -> Any:
    """What a getter returns, or where it finds nothing ``__getattr__``."""
    asked_then: Any = getattr(kind, "__getattr__", None)
    if asked_then is None:
        return getter(x)
    try:
        return getter(x)
    except AttributeError:
        return hook(asked_then)(x, name)


def _behind(bound: Any) -> Any:
    """The classes in which ``super()`` looks: those behind the one that asks."""
    order = bound.__self_class__.__mro__
    return order[order.index(bound.__thisclass__) + 1 :]


ATTRIBUTE[0] = attribute
