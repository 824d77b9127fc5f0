"""How a driver is declared: a solver of SciPy's by its arguments, and SciPy's own call where nothing is carried.

    @driver(scipy.optimize.brentq, quick=always)
    def brentq(given): ...

What is given as plain numbers to a function that captured none but such is SciPy's own call, at SciPy's own cost: the
function is only looked at as it returns.  ``quick(args, kwargs)`` says for which arguments SciPy's call is what the
driver would make of them, and no exact derivative is to be supplied.  `Supplied` is SciPy's call with an exact
derivative that is at hand as a program (staged_derivatives.py), of a function that is known to read plain numbers.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from types import BuiltinFunctionType, FunctionType, NoneType
from typing import Any

import numpy as np

from ..adapting.buffers import settled, stripped_of
from ..values.choices import MADE
from ..values.objects import carries
from .captured import on_numbers
from .readings import read
from .staged_derivatives import Make, Otherwise, at_hand

Quick = Callable[[tuple[Any, ...], dict[str, Any]], bool]

_FUNCTIONS = {FunctionType, BuiltinFunctionType, np.ufunc}
_NUMBERS = {float, int, bool, complex, str, NoneType, np.float64, np.float32, np.int64, np.bool_, np.complex128}
_RESULTS = {float, np.float64, int, complex, np.complex128}


def driver(
    function: Callable[..., Any],
    quick: Quick | None = None,
    supplied: Supplied | None = None,
    *,
    of_numbers: bool = False,
) -> Callable[[Callable[[dict[str, Any]], Any]], Callable[..., Any]]:
    """Declare a driver by its arguments as a dict; the result has SciPy's signature and errors of wrong arguments.

    ``of_numbers`` says that it takes no function: of plain numbers it is SciPy's.
    """

    def declare(run: Callable[[dict[str, Any]], Any]) -> Callable[..., Any]:
        signature = inspect.signature(function)
        parameters = list(signature.parameters.values())
        ordinary = all(p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) for p in parameters)
        positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        names = {p.name for p in parameters}
        required = {p.name for p in parameters if p.default is p.empty}
        # SciPy sees by a private object whether an argument that it gives up was given at all.
        defaults = {p.name: p.default for p in parameters if p.default is not p.empty and type(p.default) is not object}

        @functools.wraps(function)
        def driver_of(*args: Any, **kwargs: Any) -> Any:
            if of_numbers and are_plain(args) and are_plain(kwargs.values()):
                return function(*args, **kwargs)
            if quick is not None and (found := _quickly(function, quick, args, kwargs)) is not _SLOWLY:
                return found
            if supplied is not None and (found := supplied(function, args, kwargs)) is not _SLOWLY:
                return found
            args, kwargs = stripped_of(args, []), stripped_of(kwargs, [])
            given = dict(zip(positional, args, strict=False)) | kwargs
            if (
                not ordinary
                or len(given) < len(args) + len(kwargs)
                or not required <= given.keys()
                or not given.keys() <= names
            ):
                try:
                    given = dict(signature.bind(*args, **kwargs).arguments)
                except TypeError:
                    return function(*args, **kwargs)  # SciPy's own error
            return run(defaults | given)

        driver_of.__module__ = run.__module__
        driver_of.__doc__ = (
            f"As SciPy's ``{function.__name__}``, differentiable, with exact derivatives.\n\n    {run.__doc__}"
        )
        return driver_of

    return declare


# SciPy's own call.


class _Entered(BaseException):
    """A function returned a derivative; no error, and none that a solver may catch."""


_SLOWLY: Any = object()


def always(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    return True


def _quickly(function: Callable[..., Any], quick: Quick, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if not args or type(args[0]) not in _FUNCTIONS or not are_plain(args[1:]):
        return _SLOWLY
    if (kwargs and not are_plain(kwargs.values())) or not quick(args, kwargs):
        return _SLOWLY
    f = args[0]
    if read(f) is not None:  # nothing but plain numbers can come out of it
        return function(*args, **kwargs)
    if on_numbers(f) is not f:
        return _SLOWLY
    before = MADE[0]
    try:
        found = function(looked_at(f), *args[1:], **kwargs)
    except _Entered:
        return _SLOWLY
    return found if MADE[0] == before else _SLOWLY  # a derivative may decide what is returned


class Supplied:
    """SciPy's own call with a derivative under its ``name``, made by ``make``.

    It is right for at most so many positional arguments, and beside them the keyword arguments that are ``allowed``;
    ``when(args, kwargs)`` says more.  ``accepted`` says whether a result of SciPy's is one to return, and an error that
    ``fails`` means that there is none.
    """

    def __init__(
        self,
        name: str,
        make: Make,
        most: int,
        allowed: str,
        *,
        when: Quick = always,
        accepted: Callable[[Any], bool] = lambda found: True,
        fails: tuple[type[Exception], ...] = (),
    ) -> None:
        self.name, self.make, self.most = name, make, most
        self.allowed = frozenset(allowed.split())
        self.when, self.accepted = when, accepted
        self.fails: tuple[type[BaseException], ...] = (Otherwise, *fails)

    def __call__(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not 0 < len(args) <= self.most or type(args[0]) is not FunctionType:
            return _SLOWLY
        if not (self.allowed.issuperset(kwargs) and self.when(args, kwargs)):
            return _SLOWLY
        derivative = at_hand(args[0], self.make)
        if derivative is None or not (are_plain(args[1:]) and are_plain(kwargs.values())):
            return _SLOWLY
        try:
            solved = function(*args, **kwargs, **{self.name: derivative})
        except self.fails:
            return _SLOWLY
        return solved if self.accepted(solved) else _SLOWLY


def looked_at(f: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, which stops everything where it returns a derivative."""

    def call(*args: Any) -> Any:
        y = f(*args)
        if type(y) in _RESULTS or (type(y) is np.ndarray and y.dtype.kind in "fc"):
            return y
        y = settled(y)
        if carries(y):
            raise _Entered
        return y

    return call


def are_plain(items: Iterable[Any]) -> bool:
    """Whether these are numbers, texts and arrays, or containers of them, and nothing that carries a derivative."""
    for x in items:
        kind = type(x)
        if kind in _NUMBERS:
            continue
        if kind is np.ndarray:
            if x.dtype.kind not in "fciub":
                return False
        elif kind is tuple or kind is list:
            if not are_plain(x):
                return False
        elif kind is not dict or not are_plain(x.values()):
            return False
    return True
