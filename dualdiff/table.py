"""The table: one `Rule` for each function that dualdiff knows.

`RULES` maps every overridable NumPy function to its rule.  A rule is called as the function is, with at least one Dual
(or an object array of Duals) among its arguments, and returns what the function would, as Duals where it has a
derivative.  Rules for packages that may never be used enter when their package is: `later`.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

from . import errors


class Rule:
    """What dualdiff does when it meets one NumPy function: the call, and the same rule as data.

    ``names`` are the function's parameters, of which those in ``active`` can carry a derivative; `tangent` is the
    derivative itself.  A call binds, makes the value, asks for the tangent and puts both together, each form in its
    own way; who has values and tangents of another kind asks `tangent` alone.
    """

    form = "rule"
    names: tuple[str, ...] = ()
    active: tuple[str, ...] = ()

    def __init__(self, function: Any) -> None:
        self.function = function
        self.plain_call: Callable[..., Any] = self.__call__  # for a call without keywords, where that can be faster

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    def bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments of a call by the names of their parameters; those of ``*operands`` as one tuple."""
        return dict(zip(self.names, args, strict=False)) | kwargs

    def tangent(self, y: Any, values: dict[str, Any], tangents: dict[str, Any]) -> Any:
        """The tangent of the result ``y``, a pure function of values and tangents; None is zero.

        ``values`` are the arguments as `bound` names them, without ``out=`` (and without the ``where=`` of a ufunc,
        which is about ``out=`` too); ``tangents`` holds a `Tangent` for some of the ``active`` names, one at least.
        Where an argument is a list or tuple of arrays, or the result a tuple, so are the tangents.
        What a function writes into its first argument is its result here.
        """
        raise NotImplementedError


RULES: dict[Any, Rule] = {}
_declared_by: dict[Any, dict[str, Any]] = {}


def register(rule: Rule) -> Rule:
    """Enter a rule into the table; every function has exactly one.

    A module that is imported once more, because its first import was interrupted, enters its rules again.
    """
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_name != "<module>":
        frame = frame.f_back
    before, now = _declared_by.get(rule.function), frame.f_globals
    if before is not None and (before is now or before["__name__"] != now["__name__"]):
        raise ValueError(f"{errors.name_of(rule.function)} has a rule already")
    _declared_by[rule.function], RULES[rule.function] = now, rule
    return rule


_homes: dict[str, str] = {}


def later(package: str, home: str) -> None:
    """The rules of a package's functions are in the module ``home``, to be imported when they are needed.

    Importing dualdiff imports neither.
    """
    _homes[package] = home


def find(function: Any) -> Rule | None:
    """The rule of a function; the homes of packages in use are imported first, if it is not in the table yet."""
    if function not in RULES:
        for package, home in list(_homes.items()):
            if package in sys.modules:
                importlib.import_module(home)
                _homes.pop(package, None)
    return RULES.get(function)
