"""The table: one `Rule` for each function that dualdiff knows.

`RULES` maps every overridable NumPy function to its rule.  A rule is called as the function is, with at least one Dual
(or an object array of Duals) among its arguments, and returns what the function would, as Duals where it has a
derivative.  Rules for packages that may never be used enter when their package is: `later`.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable
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

    def __repr__(self) -> str:
        return f"<{self.form} rule of {errors.name_of(self.function)}>"

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


class Table(dict[Any, Rule]):
    """Rules by function.  Asked for one that is not there yet, it imports the module that has it."""

    def __missing__(self, function: Any) -> Rule:
        rule = find(function)
        if rule is None:
            raise KeyError(function)
        return rule


RULES = Table()
_declared_by: dict[Any, dict[str, Any]] = {}


def register(rule: Rule, function: Any = None) -> Rule:
    """Enter a rule into the table; every function has exactly one.

    ``function`` is the key where the rule's own function is one that stands in for it (`dualdiff.scipy`).
    A module that is imported once more, because its first import was interrupted, enters its rules again.
    """
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_name != "<module>":
        frame = frame.f_back
    function = rule.function if function is None else function
    before, now = _declared_by.get(function), frame.f_globals
    if before is not None and (before is now or before["__name__"] != now["__name__"]):
        raise ValueError(f"{errors.name_of(function)} has a rule already")
    _declared_by[function], RULES[function] = now, rule
    return rule


_homes: dict[str, str] = {}  # home -> package
_homes_of_ufuncs: set[str] = set()
_home_of: dict[Any, str] = {}  # function -> home


def later(package: str, home: str, *, ufuncs: bool = False) -> None:
    """The rules of a package's functions (or of its ``ufuncs``) are in the module ``home``, imported when needed.

    Importing dualdiff imports neither.
    """
    _homes[home] = package
    if ufuncs:
        _homes_of_ufuncs.add(home)


def later_of(home: str, functions: Iterable[Any]) -> None:
    """The rules of these functions are in the module ``home``, imported when one of them is needed."""
    _home_of.update(dict.fromkeys(functions, home))


def find(function: Any) -> Rule | None:
    """The rule of a function; if it is not in the table yet, the home of its package's rules is imported first."""
    if function not in RULES:
        if function in _home_of:
            importlib.import_module(_home_of[function])
            _home_of.pop(function, None)
            return RULES.get(function)
        module = getattr(function, "__module__", None) or ""
        is_ufunc = type(function).__name__ == "ufunc"  # which does not say where it is from
        for home, package in list(_homes.items()):
            its_own = home in _homes_of_ufuncs if is_ufunc else f"{module}.".startswith(f"{package}.")
            if its_own and package in sys.modules:
                importlib.import_module(home)
                _homes.pop(home, None)
    return RULES.get(function)


def complete(package: str) -> None:
    """Import the rules of a package, and of those inside it, that are not here yet, for those who ask for all."""
    inside = [home for home, of in _homes.items() if f"{of}.".startswith(f"{package}.")]
    for home in [*dict.fromkeys(_home_of.values()), *inside]:
        importlib.import_module(home)
