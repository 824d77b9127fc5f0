"""``math``, ``cmath`` and ``statistics``: the value by the function itself, to its last bit, the tangent by NumPy.

What is asked of a number (``isnan``, ``floor``, the exponent of ``frexp``) is answered for the plain value, as a
plain number.  Domain errors are the function's own.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..rules.call import wrapped
from ..tangents.expression import Tangent
from ..values import kinds
from ..values.choices import WATCHES, decided, note
from ..values.dual import Dual
from ..values.objects import carries
from .buffers import plain
from .builtins import NOT_GIVEN, is_dual, number_of, plain_value, presented, with_primal
from .calls import enter

_PLAIN = frozenset({float, int, np.float64, bool, complex})


def _is_active(x: Any) -> bool:
    return type(x) not in _PLAIN and is_dual(x)


def plain_number(x: Any) -> Any:
    if type(x) in _PLAIN:
        return x
    if isinstance(x, (list, tuple)):
        return [plain_number(item) for item in x]
    return plain_value(x) if is_dual(x) else x


def _number(x: Any) -> Any:
    return number_of(x, float) if _is_active(x) else x


def _complex_number(x: Any) -> Any:
    return number_of(x, complex) if _is_active(x) else x


def _any_number(x: Any) -> Any:
    return number_of(x, complex if np.iscomplexobj(plain_value(x)) else float) if _is_active(x) else x


def function_of(module: Any, name: str, tangent: Callable[..., Any], number: Callable[[Any], Any] = _number) -> None:
    """A function of numbers: the value by itself, the derivatives those of ``tangent``, of the same numbers."""
    original = getattr(module, name, None)
    if original is None:  # newer Pythons have it
        return

    def function(x: Any = NOT_GIVEN, /, *args: Any, **kwargs: Any) -> Any:
        if type(x) in _PLAIN and not args and not kwargs:
            return original(x)
        args = args if x is NOT_GIVEN else (x, *args)
        if not any(map(_is_active, args)) and not any(map(_is_active, kwargs.values())):
            return kinds.call(original, *args, **kwargs)
        value = kinds.call(
            original, *map(plain_number, args), **{key: plain_number(arg) for key, arg in kwargs.items()}
        )
        with np.errstate(all="ignore"):
            found = tangent(*map(number, args), **{key: number(arg) for key, arg in kwargs.items()})
        return presented(with_primal(found, value))

    function.__name__ = function.__qualname__ = name
    function.__module__ = module.__name__
    enter(original, function)


# Functions of one number or two.

_TWINS = {
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan,
    "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh,
    "exp": np.exp, "sqrt": np.sqrt, "log10": np.log10,
}  # fmt: skip
_TWINS_OF_REALS = {
    "exp2": np.exp2, "expm1": np.expm1, "log1p": np.log1p, "log2": np.log2, "cbrt": np.cbrt, "fabs": np.abs,
    "degrees": np.degrees, "radians": np.radians, "atan2": np.arctan2, "pow": np.power, "copysign": np.copysign,
}  # fmt: skip

for _name, _twin in {**_TWINS, **_TWINS_OF_REALS}.items():
    function_of(math, _name, _twin)


def _log(x: Any, *base: Any) -> Any:
    return np.log(x) if not base else np.log(x) / np.log(base[0])


def _fmod(x: Any, y: Any) -> Any:
    whole = math.trunc(plain_number(x) / plain_number(y))
    if WATCHES:
        note(np.fmod, (x, y), whole)
    return x - whole * y


def _remainder(x: Any, y: Any) -> Any:
    whole = round((plain_number(x) - math.remainder(plain_number(x), plain_number(y))) / plain_number(y))
    if WATCHES:
        note(np.remainder, (x, y), whole)
    return x - whole * y


function_of(math, "log", _log)
function_of(math, "fmod", _fmod)
function_of(math, "remainder", _remainder)
function_of(math, "ldexp", lambda x, i: x * 2.0**i)
function_of(math, "fma", lambda x, y, z: x * y + z)
function_of(math, "nextafter", lambda x, y, **steps: x)


# Of the plain value.


def _asked(module: Any, *names: str) -> None:
    def enter_one(original: Any) -> None:
        def function(*args: Any, **kwargs: Any) -> Any:
            y = kinds.call(original, *map(_asked_of, args), **{key: _asked_of(arg) for key, arg in kwargs.items()})
            if any(map(_is_active, args)):
                decided(original, args, y)
            return y

        function.__name__ = original.__name__
        enter(original, function)

    for name in names:
        if hasattr(module, name):
            enter_one(getattr(module, name))


def _asked_of(x: Any) -> Any:
    return plain_value(x) if _is_active(x) else x


_asked(math, "isnan", "isinf", "isfinite", "isclose", "floor", "ceil", "trunc", "ulp")
_asked(cmath, "isnan", "isinf", "isfinite", "isclose")


def _pair(name: str, parts: Callable[[Any, Any, Any], Any]) -> None:
    original = getattr(math, name)

    def function(*args: Any, **kwargs: Any) -> Any:
        if len(args) != 1 or kwargs or not _is_active(args[0]):
            return kinds.call(original, *args, **kwargs)
        first, second = kinds.call(original, plain_number(args[0]))
        if WATCHES:
            note(original, args, second)
        return parts(_number(args[0]), first, second)

    function.__name__ = name
    enter(original, function)


# x = fraction + whole, and x = mantissa 2^exponent, with constant whole and exponent.
_pair("modf", lambda x, fraction, whole: (presented(with_primal(x * 1.0, fraction)), whole))
_pair("frexp", lambda x, mantissa, exponent: (presented(with_primal(x * 2.0**-exponent, mantissa)), exponent))


# Functions of several numbers.


def of_sequences(name: str, tangent: Callable[..., Any], module: Any = math, number: Any = _number) -> None:
    """A function of sequences, which may be given as iterators."""
    original = getattr(module, name, None)
    if original is None:
        return

    def function(*args: Any, **kwargs: Any) -> Any:
        args = tuple(list(arg) if hasattr(arg, "__next__") else arg for arg in args)
        listed = tuple(list(arg) if _is_collection(arg) else arg for arg in args)
        if carries(listed):
            args = listed
        elif not carries(kwargs):
            return kinds.call(original, *map(plain, args), **kwargs)
        value = kinds.call(
            original, *map(plain_number, args), **{key: plain_number(arg) for key, arg in kwargs.items()}
        )
        given = [list(map(number, arg)) if _is_iterable(arg) else number(arg) for arg in args]
        named = {key: list(map(number, arg)) if _is_iterable(arg) else number(arg) for key, arg in kwargs.items()}
        with np.errstate(all="ignore"):
            return presented(with_primal(tangent(*given, **named), value))

    function.__name__ = name
    enter(original, function)


def _is_collection(x: Any) -> bool:
    """A set, the values of a dict, a deque, ...: what `carries` does not look into."""
    return not isinstance(x, (list, tuple, str, bytes, np.ndarray)) and not is_dual(x) and hasattr(x, "__iter__")


def _is_iterable(x: Any) -> bool:
    if is_dual(x) or isinstance(x, np.ndarray):
        return bool(np.ndim(plain_value(x) if is_dual(x) else x))
    return hasattr(x, "__iter__") and not isinstance(x, (str, bytes))


def _sum(terms: Any) -> Any:
    total: Any = 0.0
    for term in terms:
        total = total + term
    return total


def _prod(factors: Any, *, start: Any = 1) -> Any:
    total: Any = start * 1.0
    for factor in factors:
        total = total * factor
    return total


def _norm(*xs: Any) -> Any:
    scale = max((abs(plain_number(x)) for x in xs), default=0.0)
    if len(xs) == 1:
        return np.abs(xs[0])
    total: Any = xs[0]
    for x in xs[1:]:
        total = np.hypot(total, x)
    return total if math.isfinite(scale) else np.sqrt(_sum(x * x for x in xs))


of_sequences("fsum", _sum)
of_sequences("prod", _prod, number=_any_number)
of_sequences("sumprod", lambda p, q: _sum(a * b for a, b in zip(p, q, strict=True)), number=_any_number)
of_sequences("dist", lambda p, q: _norm(*(a - b for a, b in zip(p, q, strict=True))))
function_of(math, "hypot", lambda *xs: _norm(*xs))


# The gamma function and the error function.


def with_slope(x: Any, slope: Callable[[Any], Any]) -> Any:
    """A Dual whose derivative in x is the slope, its value still to be set."""
    if type(x) is not Dual:
        return x
    y = with_slope(x.value, slope)
    return wrapped(y, Tangent(x.perturbation, x.tangent) * slope(x.value), x.perturbation)


def digamma(x: Any) -> Any:
    """ψ, by reflection and recurrence to x > 10 and its asymptotic series there (DLMF 5.11.2)."""
    value = plain_number(x)
    if value <= 0.0:
        return digamma(1.0 - x) - math.pi / np.tan(math.pi * x)
    shift: Any = 0.0
    while plain_number(x) < 10.0:
        shift = shift - 1.0 / x
        x = x + 1.0
    r = 1.0 / (x * x)
    series = 1 / 12 - r * (1 / 120 - r * (1 / 252 - r * (1 / 240 - r * (1 / 132 - r * (691 / 32760 - r / 12)))))
    return shift + np.log(x) - 0.5 / x - r * series


def _gamma(x: Any) -> Any:
    return gamma_of(x) * digamma(x)


def gamma_of(x: Any) -> Any:
    """Γ of a number that may be a Dual of an outer level."""
    return with_primal(with_slope(x, _gamma), math.gamma(plain_number(x)))


function_of(math, "gamma", lambda x: with_slope(x, _gamma))
function_of(math, "lgamma", lambda x: with_slope(x, digamma))
function_of(math, "erf", lambda x: with_slope(x, lambda x: 2.0 / math.sqrt(math.pi) * np.exp(-x * x)))
function_of(math, "erfc", lambda x: with_slope(x, lambda x: -2.0 / math.sqrt(math.pi) * np.exp(-x * x)))


# Complex numbers.

for _name, _twin in _TWINS.items():
    function_of(cmath, _name, _twin, _complex_number)
function_of(cmath, "log", _log, _complex_number)
function_of(cmath, "phase", np.angle, _complex_number)
function_of(cmath, "rect", lambda r, phi: r * np.exp(1j * phi))


def _polar(*args: Any, **kwargs: Any) -> Any:
    if len(args) != 1 or kwargs or not _is_active(args[0]):
        return cmath.polar(*args, **kwargs)
    r, phi = cmath.polar(plain_number(args[0]))
    z = _complex_number(args[0])
    return presented(with_primal(np.abs(z), r)), presented(with_primal(np.angle(z), phi))


enter(cmath.polar, _polar)
