"""The forms of rules for functions of other packages: `dualdiff.rules`.

A ufunc, and a function that dispatches as NumPy's own do, gets its rule in the table and is used as before.  Any other
function cannot see a Dual coming, so a stand-in is returned, to be called in its place.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors, table
from ..table import RULES, Rule
from ..tangents import Trivial, like_of
from ..tangents.expression import Tangent
from ..values.levels import duals_in, innermost
from ..values.objects import PythonLoop, fused
from . import forms, without_derivatives
from .call import number
from .stand_ins import ByFormula, on_copies, standing_in
from .ufuncs import REAL_LINE, Elementwise, unknown

_Function = Callable[..., Any]
_DISPATCHER: type = type(np.roll)
_before: dict[Any, Rule | None] = {}  # function declared here -> the refusal that its rule took the place of


def elementwise(
    function: _Function, *partials: Any, complex_rule: Callable[..., Any] | None = None, edge: bool = False
) -> _Function:
    """Give an elementwise function its partials, one for each argument, and return the function to call.

    A partial is a function of ``(y, *arguments)`` written with functions that have rules, `ONE`, `MINUS_ONE`, or None
    where no derivative is known, so that a Dual raises there.
    ``edge`` says that a partial may be infinite: NumPy's warning about that is not repeated.
    ``complex_rule(y, *arguments, *tangents)`` replaces the partials for complex arguments of a function that is not
    analytic.
    Raises: ValueError if the function has a rule of the package's own; TypeError for partials that do not fit.

    >>> import numpy as np
    >>> import dualdiff as dd
    >>> def softsign(x):  # any function of arrays: in C, say
    ...     return np.asarray(x) / (1 + np.abs(x))
    >>> softsign = dd.rules.elementwise(softsign, lambda y, x: (1 - np.abs(y)) ** 2)
    >>> dd.grad(softsign)(1.0)
    0.25
    """
    if isinstance(function, np.ufunc) and len(partials) != function.nin:
        raise TypeError(f"elementwise: {_name(function)} has {function.nin} arguments, and {len(partials)} partials.")
    if isinstance(function, np.ufunc) and (function.signature is not None or function.nout > 1):
        raise TypeError(f"elementwise: {_name(function)} is not: it has {function.nout} results or a core dimension.")
    for place, partial in enumerate(partials):
        if not (partial is None or callable(partial) or isinstance(partial, Trivial)):
            raise TypeError(f"elementwise: partial {place} of {_name(function)} is {partial!r}; it is a function.")
    if not partials:
        raise TypeError(f"elementwise: {_name(function)} has no partials; a function of no derivative is passive.")
    domain = (REAL_LINE,) * len(partials)

    def make(named: Any) -> Rule:
        own = tuple(
            unknown(named, _argument(partials, i)) if p is None else _checked_partial(named, i, p) if callable(p) else p
            for i, p in enumerate(partials)
        )
        form = Elementwise if isinstance(function, np.ufunc) else _OfFunction
        return form(named, own, domain, complex_rule, edge)

    return _declared(function, make)


def _checked_partial(function: _Function, place: int, partial: _Function) -> _Function:
    """A partial, which may not write into what it is given, and a helpful error where it returns none."""

    @functools.wraps(partial)
    def checked(y: Any, /, *args: Any) -> Any:
        found = fused(partial(_shown(y), *map(_shown, args)))
        if isinstance(found, (list, tuple)):
            found = np.asarray(found)
        _refuse_captured(function, f"partial {place}", found, y, *args)
        shape, dtype = np.shape(found), like_of(found).dtype
        spread = len(shape) <= np.ndim(y) and all(
            n in (1, m) for n, m in zip(reversed(shape), reversed(np.shape(y)), strict=False)
        )
        if dtype.kind not in "fciub" or not spread:
            what = f"a {type(found).__name__}" if spread else f"an array of shape {shape}"
            raise TypeError(
                f"{_name(function)}: partial {place} returned {what}, for a result of shape {np.shape(y)}.\n"
                "  A partial returns one number for each entry of the result: its derivative by that argument."
            )
        return found

    return checked


def _refuse_captured(function: _Function, what: str, found: Any, *args: Any) -> None:
    """The arguments of a rule are what has a derivative: one that comes in another way would be lost."""
    own, given = innermost(duals_in(found)), innermost(duals_in(args))
    if own is not None and (given is None or own.level > given.level):
        raise errors.UnsupportedFunction(
            f"{_name(function)}: {what} closes over a value that carries a derivative, which would be lost: a rule "
            "speaks of arguments.\n  Make the value an argument, with a derivative of its own."
        )


def _shown(value: Any) -> Any:
    """What a rule may read and not write: the result, or the caller's array."""
    if type(value) is np.ndarray:
        value = value.view()
        value.flags.writeable = False
    return value


class _OfFunction(Elementwise):
    """Of a function that is no ufunc: arguments may have names and defaults, and may be options of no partial."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.operate(self._checked, *map(number, self._with_partials(args, kwargs)))

    @functools.cached_property
    def tried(self) -> set[Any]:
        return set()

    def _checked(self, *args: Any) -> Any:
        from .tried_elementwise import check_elementwise

        y, shape = self.function(*args), np.broadcast_shapes(*map(np.shape, args))
        _refuse_captured(self.function, "the function", y, *args)
        made = like_of(y)
        if made.shape != shape or made.dtype.kind not in "fc":
            what = f"an array of shape {made.shape} and dtype {made.dtype}"
            raise errors.UnsupportedFunction(
                f"{_name(self.function)} is declared with dualdiff.rules.elementwise, and returned "
                f"{f'a {type(y).__name__}' if made.dtype == object else what} of arguments of shape {shape}.\n"
                "  An elementwise function returns an array of that shape, of real or complex numbers; declare another "
                "with dualdiff.rules.tangent_rule or composite, one that gives whole numbers as passive."
            )
        check_elementwise(self.function, y, args, self.tried)
        return y

    def _with_partials(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """The arguments in the order of the partials, which know no others."""
        n = len(self.partials)
        others = [*args[n:], *kwargs]
        if kwargs or len(args) != n:
            try:
                bound = inspect.signature(self.function).bind(*args, **kwargs)
            except ValueError:  # a function in C may not say what it takes
                pass
            else:
                others = list(bound.arguments)[n:]
                bound.apply_defaults()
                args = bound.args[:n]
                others += [name for name in bound.kwargs if name in kwargs and name not in others]
        if others or len(args) != n:
            raise errors.UnsupportedFunction(
                f"{_name(self.function)} has a rule of {n} partials, which know the first {n} arguments alone; it is "
                f"called with {', '.join(map(str, others)) or len(args)} here.\n"
                "  Declare it with dualdiff.rules.tangent_rule or composite, which take options by name."
            )
        return args


def tangent_rule(function: _Function) -> Callable[[_Function], _Function]:
    """Declare ``rule(y, a, b, ..., da, db)`` for a function of arrays, and return the function to call.

    ``y`` is the result; ``a`` and ``b`` are the arguments by the names and in the order of the function; an argument
    with a companion ``da`` is differentiable.  ``da`` is a linear expression: it has ``+ - * / @``, ``[...]``,
    ``sum``, ``reshape``, ``mT``, and ``da.map(apply, transpose)``, and is false where the argument is constant.
    The rule returns the tangent of ``y`` (None for zero), or a tuple of them for a tuple.

    >>> import numpy as np
    >>> import dualdiff as dd
    >>> def inverse(a):  # any function of arrays
    ...     return np.linalg.inv(np.array(a, dtype=float))
    >>> @dd.rules.tangent_rule(inverse)
    ... def inverse(y, a, *, da):
    ...     return -(y @ da @ y)
    >>> dd.grad(lambda a: inverse(a)[0, 0])(np.array([[2.0, 1.0], [1.0, 1.0]]))
    array([[-1.,  1.],
           [ 1., -1.]])
    """

    from .declared_parameters import check_parameters

    def declare(rule: _Function) -> _Function:
        check_parameters(_name(function), function, list(inspect.signature(rule).parameters.values())[1:])
        return _declared(function, lambda named: forms.TangentRule(named, _giving_tangents(named, rule)))

    return declare


def _giving_tangents(function: _Function, rule: _Function) -> _Function:
    """A rule, and a helpful error where it returns no tangent of the shape of the result."""

    def check(y: Any, dy: Any) -> None:
        if isinstance(y, (list, tuple)):
            if dy is not None and not (isinstance(dy, (list, tuple)) and len(dy) == len(y)):
                raise _no_tangent(f"{type(dy).__name__}, and the function {len(y)} results")
            for parts in zip(y, dy or (), strict=False):
                check(*parts)
        elif dy is not None and not isinstance(dy, Tangent):
            raise _no_tangent(f"{type(dy).__name__}")
        elif dy is not None and dy.handle is not None and dy.shape != np.shape(y):
            raise _no_tangent(f"a tangent of shape {dy.shape}, and the function an array of shape {np.shape(y)}")

    def _no_tangent(what: str) -> TypeError:
        return TypeError(
            f"{_name(function)}: its rule returned {what}.\n"
            "  A tangent_rule returns the tangent of each result, of its shape: sums of products of da with constants, "
            "da[...], da.sum(), da.reshape(), A @ da, da.map(apply, transpose); or None where it is zero."
        )

    from .captures import as_now
    from .given_tangents import GivenTangent

    tried: set[Any] = set()

    @functools.wraps(rule)
    def checked(y: Any, /, *args: Any, **kwargs: Any) -> Any:
        _refuse_captured(function, "the function", y, *args, *kwargs.values())
        shown = tuple(map(_shown, y)) if type(y) is tuple else _shown(y)
        given = {name: arg for name, arg in kwargs.items() if type(arg) is Tangent}
        now = as_now(rule, next(iter(given.values())).perturbation)  # a record runs its maps later
        kwargs |= {name: GivenTangent(da.perturbation, da.handle, _name(function), tried) for name, da in given.items()}
        dy = now(shown, *map(_shown, args), **{name: _shown(arg) for name, arg in kwargs.items()})
        check(y, dy)
        return dy

    return checked


def composite(function: _Function, active: str | None = None) -> Callable[[_Function], _Function]:
    """Declare a formula for a function, in NumPy's functions and with the same parameters; return the function to call.

    The function makes every value, the formula only its derivative: it may take another way.  ``active`` names the
    parameters that can carry a derivative, ``"x y"``, where that is not all but options like ``axis``.

    >>> import numpy as np
    >>> import dualdiff as dd
    >>> def rms(x):  # any function of arrays
    ...     return float(np.linalg.norm(np.asarray(x)) / np.sqrt(len(x)))
    >>> @dd.rules.composite(rms)
    ... def rms(x):
    ...     return np.sqrt(np.mean(x * x))
    >>> dd.grad(rms)(np.array([3.0, 4.0])).round(3)
    array([0.424, 0.566])
    """

    from .declared_parameters import check_parameters

    def declare(formula: _Function) -> _Function:
        check_parameters(_name(function), function, list(inspect.signature(formula).parameters.values()))

        @functools.wraps(formula)
        def returning(*args: Any, **kwargs: Any) -> Any:
            result = formula(*args, **kwargs)
            if result is None:  # which would be a constant
                raise TypeError(
                    f"{_name(function)}: the formula of a composite returned None.\n"
                    "  It returns what the function returns, of the same shape, in NumPy's functions."
                )
            return result

        return _declared(function, lambda named: ByFormula(named, returning, active))

    return declare


def rearranging(function: _Function, data: tuple[int, ...] = (0,)) -> _Function:
    """Say that every entry of the result is one entry of the arguments at the places ``data``, or a constant.

    Nothing else has to be said: the function itself moves arrays of positions, two of them, which tell copies from
    constants.  Where an entry of the result is not that of the argument (sorted, or negative ones made 0: the places
    depend on the numbers), the call raises.  Returns the function to call.

    >>> import numpy as np
    >>> import dualdiff as dd
    >>> def interleaved(x):
    ...     return np.asarray(x).reshape(2, -1).T.ravel()
    >>> interleaved = dd.rules.rearranging(interleaved)
    >>> dd.grad(lambda x: interleaved(x)[1] * x[0])(np.array([1.0, 2.0, 3.0, 4.0]))
    array([3., 0., 1., 0.])
    """
    from .tried_rearranging import TriedRearranging

    return _declared(function, lambda named: TriedRearranging(named, data))


def passive(function: _Function) -> _Function:
    """Say that a function has no useful derivative (it counts, compares, rounds); return the function to call."""
    return _declared(function, without_derivatives.Passive)


def refused(function: _Function, reason: str) -> _Function:
    """Say that a function cannot be differentiated, and why; return the function to call."""
    return _declared(function, lambda named: without_derivatives.Refused(named, reason))


def withdraw(function: _Function) -> None:
    """Take back the rule that was declared here for a function that dispatches."""
    if function not in _before:
        raise ValueError(f"{_name(function)} has no rule that was declared by dualdiff.rules")
    RULES.pop(function)
    if (earlier := _before.pop(function)) is not None:
        RULES[function] = earlier


def dispatches(function: Any) -> bool:
    """Whether NumPy's protocols bring a call with a Dual to the table."""
    return isinstance(function, (np.ufunc, _DISPATCHER))


def _declared(function: Any, make: Callable[[Any], Rule]) -> _Function:
    if not callable(function):
        raise TypeError(f"a rule is for a function, not for {function!r}.")
    if isinstance(function, np.ufunc) and PythonLoop.made(function):
        raise TypeError(
            f"{_name(function)} is made by np.frompyfunc: it calls a Python function for each entry, on Duals too, and "
            "needs no rule.\n  To give it one, declare the Python function instead."
        )
    if not dispatches(function):
        return standing_in(function, make, unknown=True)
    known = table.find(function)
    if function not in _before:  # it is if a notebook's cell runs again
        if known is not None and known.form != "refused":
            raise ValueError(f"{_name(function)} has a rule already")
        _before[function] = known
    RULES[function] = make(function if isinstance(function, np.ufunc) else on_copies(function))
    return function


def _name(function: Any) -> str:
    return errors.name_of(function)


def _argument(partials: tuple[Any, ...], place: int) -> str:
    """The name of an argument, as another partial has it."""
    for partial in partials:
        code = getattr(partial, "__code__", None)
        if code is not None and code.co_argcount == len(partials) + 1:
            return str(code.co_varnames[place + 1])
    return f"x{place + 1}"
