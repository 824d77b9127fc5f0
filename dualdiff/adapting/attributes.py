"""The hook of attributes: the getter of a property is a call that no parentheses show."""

from __future__ import annotations

import functools
from types import FunctionType
from typing import Any

import numpy as np

from ..values.dual import Dual, primal
from .calls import ATTRIBUTE, hook, view_of


def attribute(x: Any, name: str) -> Any:
    """``x.name``, where the getter of a property, or of a descriptor of the user's, is viewed."""
    kind = type(x)
    if kind in _PLAIN:
        return getattr(x, name)
    for cls in kind.__mro__ if kind is not super else _behind(x):
        if name in cls.__dict__:
            descriptor = cls.__dict__[name]
            break
    else:
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


_PLAIN = {np.ndarray, np.float64, float, int, str, list, tuple, dict, type(np), FunctionType}


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
