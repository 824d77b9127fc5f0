"""`scipy.optimize`: roots of equations and fixed points, differentiable in all that enters the function.

SciPy solves on plain numbers; the root has the derivatives that the implicit function theorem gives it
(`dualdiff.scipy.implicit`).  They are 0 in a start and in the ends of a bracket.  Methods that take derivatives get
exact ones: Newton's in place of the secant method, Jacobians in place of differences.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize

from .. import errors
from ..transforms.reverse import grad
from ..values.objects import carries, fused
from .callbacks import (
    First,
    ValueAndSlope,
    Watched,
    differentiable,
    differentiated,
    plain,
    repeated_jacobian_of,
    value_and_slope,
    vector_and_jacobian,
)
from .drivers import Supplied, always, driver
from .implicit import Function, numbers, polished, with_derivatives
from .results import Withheld, completed, with_value

# One equation in one unknown.


def _carried_root(name: str, f: Watched, g: Watched, x: Any, converged: Any, flag: Any) -> Any:
    """The root with the derivatives of f, entry by entry where it is an array; ``g`` is f on numbers."""
    if not np.all(converged):
        raise errors.no_solution(name, f"SciPy did not converge ({flag})")
    if np.ndim(x):
        shape = np.shape(x)
        F, G = (lambda x, f=f: np.ravel(f.call(np.reshape(x, shape))) for f in (f, g))
        return with_derivatives(F, polished(name, G, np.ravel(x), elementwise=True))
    return with_derivatives(f.scalar, polished(name, g.scalar, x))


def _bracketing(function: Callable[..., Any]) -> Callable[..., Any]:
    @driver(function, always)
    def solve(given: dict[str, Any]) -> Any:
        """The derivative in the ends of the bracket is 0."""
        given = dict(given)
        f = Watched(given.pop("f"), given.pop("args"))
        g = f.on_numbers()
        full_output = given.pop("full_output")
        x, report = function(g, **plain(given), full_output=True)

        def made() -> Any:
            root = _carried_root(function.__name__, f, g, x, report.converged, report.flag)
            return with_value(root, x), _with_root(report, root)

        found = differentiated((x, report), made, [g], x)
        return found if full_output else found[0]

    return solve


def _with_root(report: Any, root: Any) -> Any:
    report = copy.copy(report)
    report.root = with_value(root, report.root)
    return report


bisect, brentq, brenth, ridder, toms748 = map(
    _bracketing,
    (
        scipy.optimize.bisect,
        scipy.optimize.brentq,
        scipy.optimize.brenth,
        scipy.optimize.ridder,
        scipy.optimize.toms748,
    ),
)


def _of_number(x0: Any) -> bool:
    return type(x0) in (float, int, np.float64)


@driver(
    scipy.optimize.newton,
    supplied=Supplied(
        "fprime",
        value_and_slope,
        2,
        "args tol maxiter rtol",
        when=lambda args, kwargs: len(args) == 2 and _of_number(args[1]),
        fails=(RuntimeError,),
    ),
)
def newton(given: dict[str, Any]) -> Any:
    """Without ``fprime`` and ``x1`` Newton's method with the exact derivative; where that fails, the secant method."""
    given = dict(given)
    f = Watched(given.pop("func"), given.pop("args"))
    g = f.on_numbers()
    slopes = [_plain_derivative(given.pop(name), f.args) for name in ("fprime", "fprime2")]
    full_output = given.pop("full_output")
    given = plain(given) | {"x0": plain(fused(given["x0"])), "full_output": True}
    given["fprime"], given["fprime2"] = slopes
    solved: Any = None
    start = np.asarray(given["x0"])[()] * 1.0
    if given["fprime"] is None and given["x1"] is None:
        exact = ValueAndSlope(g)
        if differentiable(exact.slope, start):
            with contextlib.suppress(RuntimeError):
                newtons = _newton_of_array if np.size(start) > 1 else _newton_of_number
                solved = newtons(exact, given, full_output)
    if isinstance(solved, np.ndarray):
        x = solved
        return differentiated(x, lambda: with_value(_carried_root("newton", f, g, x, True, ""), x), [g], x)
    if solved is None:
        solved = scipy.optimize.newton(g, **given)
    x, report = solved[0], solved[1]

    def made() -> Any:
        converged, flag = (report.converged, report.flag) if np.size(start) == 1 else (report, "not in all entries")
        root = _carried_root("newton", f, g, x, converged, flag)
        if np.size(start) == 1:
            return with_value(root, x), _with_root(report, root)
        return solved._replace(root=with_value(root, x))

    solved = differentiated(solved, made, [g], x)
    return solved if full_output else solved[0]


def _newton_of_number(exact: ValueAndSlope, given: dict[str, Any], full_output: bool) -> Any:
    """Newton's method; None if it did not converge."""
    found = scipy.optimize.newton(exact.value, **(given | {"fprime": exact.slope}))
    return found if found[1].converged else None


def _newton_of_array(exact: ValueAndSlope, given: dict[str, Any], full_output: bool) -> Any:
    """Newton's method; the roots alone unless there may be more to say, since SciPy's report costs as much as a step.

    None if not all entries converged.
    """
    steps, report = 0, full_output

    def slope(x: Any) -> Any:
        nonlocal steps
        steps += 1
        found = exact.slope(x)
        if not (found.all() if type(found) is np.ndarray else np.all(found)) or (
            steps == given["maxiter"] and not report
        ):
            raise _MayFail
        return found

    try:
        found = scipy.optimize.newton(exact.value, **(given | {"fprime": slope, "full_output": report}))
    except _MayFail:
        if steps < given["maxiter"] or report:
            return None  # a slope of 0
        steps, report = 0, True
        with contextlib.suppress(_MayFail):
            found = scipy.optimize.newton(exact.value, **(given | {"fprime": slope, "full_output": True}))
            return found if np.all(found.converged) else None
        return None
    return found if not report or np.all(found.converged) else None


class _MayFail(Exception):
    """The last step allowed, or a slope of 0."""


def _plain_derivative(given: Any, args: tuple[Any, ...]) -> Any:
    return Watched(given, args) if callable(given) else given


def _in_a_bracket(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    return len(args) == 1 and "bracket" in kwargs and "fprime" not in kwargs and "x0" not in kwargs


def _newtons(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    return _of_number(kwargs.get("x0")) and kwargs.get("method", "newton") == "newton"


@driver(
    scipy.optimize.root_scalar,
    _in_a_bracket,
    Supplied(
        "fprime",
        value_and_slope,
        1,
        "args method x0 xtol rtol maxiter",
        when=_newtons,
        accepted=lambda found: bool(found.converged),
        fails=(RuntimeError,),
    ),
)
def root_scalar(given: dict[str, Any]) -> Any:
    """Newton's and Halley's methods get exact derivatives where none are given."""
    given = dict(given)
    together = given["fprime"] is not None and not callable(given["fprime"]) and bool(given["fprime"])
    f = (First if together else Watched)(given.pop("f"), given.pop("args"))
    g = f.on_numbers()
    options = plain(given)
    for name in ("fprime", "fprime2"):
        options[name] = _plain_derivative(options[name], f.args)
    method = (options["method"] or "").lower()
    newton_chosen = not method and not options["bracket"] and options["x0"] is not None and options["x1"] is None
    report = None
    if options["fprime"] is None and (newton_chosen or method in ("newton", "halley")):
        exact = ValueAndSlope(g)
        if differentiable(exact.slope, np.float64(options["x0"])):
            more = {"fprime": exact.slope} | ({"fprime2": exact.curvature} if method == "halley" else {})
            with contextlib.suppress(RuntimeError):
                report = scipy.optimize.root_scalar(exact.value, **(options | more))
                report = report if report.converged else None
    if report is None:
        report = scipy.optimize.root_scalar(g, **options)

    def made() -> Any:
        return _with_root(report, _carried_root("root_scalar", f, g, report.root, report.converged, report.flag))

    return differentiated(report, made, [g], report.root)


# Systems of equations.


def _takes_jacobian(method: Any) -> bool:
    return isinstance(method, str) and method.lower() in ("hybr", "lm")


@driver(
    scipy.optimize.root,
    supplied=Supplied(
        "jac",
        vector_and_jacobian,
        3,
        "args method tol",
        when=lambda args, kwargs: _takes_jacobian(kwargs.get("method", "hybr")),
    ),
)
def root(given: dict[str, Any]) -> Any:
    """``method="hybr"`` and ``"lm"`` get the exact Jacobian unless one is given; ``lm`` may have more equations than
    unknowns, and its solution is that of least squares.
    """
    given = dict(given)
    jac = given["jac"]
    together = jac is not None and not callable(jac) and bool(jac)
    f = (First if together else Watched)(given.pop("fun"), given.pop("args"))
    g = f.on_numbers()
    options = plain(given) | {"x0": plain(fused(given["x0"])), "callback": given["callback"]}
    if callable(jac):
        options["jac"] = Watched(jac, f.args)
    elif not jac and _takes_jacobian(given["method"]) and not (given["options"] or {}).get("col_deriv"):
        exact = repeated_jacobian_of(g)
        if differentiable(exact, np.ravel(options["x0"])):
            options["jac"] = exact
    report = scipy.optimize.root(g, **options)

    def made() -> Any:
        F, x = _root_of_system("root", f, g, report.x, report.success, report.message)
        return completed("root", report, {"x": x, "fun": F(np.reshape(x, np.shape(report.x)))})

    return differentiated(report, made, [g], report.x)


def _root_of_system(name: str, f: Watched, g: Watched, x: Any, success: Any, message: str) -> tuple[Function, Any]:
    if not success:
        raise errors.no_solution(name, f"SciPy did not converge ({' '.join(str(message).split())})")
    shape = np.shape(x)
    F: Function = lambda x: f.vector(np.reshape(x, shape))
    G: Function = lambda x: g.vector(np.reshape(x, shape))
    if np.size(numbers(G(np.ravel(x)))) == np.size(x):
        return F, with_derivatives(F, polished(name, G, np.ravel(x)))
    squares, of_numbers = (grad(lambda x, F=F: 0.5 * np.sum(F(x) ** 2)) for F in (F, G))
    return F, with_derivatives(squares, polished(name, of_numbers, np.ravel(x)))


@driver(
    scipy.optimize.fsolve,
    supplied=Supplied("fprime", vector_and_jacobian, 3, "args full_output xtol maxfev factor diag"),
)
def fsolve(given: dict[str, Any]) -> Any:
    """The exact Jacobian takes the place of differences unless ``fprime`` is given."""
    given = dict(given)
    f = Watched(given.pop("func"), given.pop("args"))
    g = f.on_numbers()
    fprime = given["fprime"]
    full_output = given.pop("full_output")
    options = plain(given) | {"x0": plain(fused(given["x0"]))}
    if fprime is not None:
        options["fprime"] = Watched(fprime, f.args)
    elif options["band"] is None and options["epsfcn"] is None:
        exact = repeated_jacobian_of(g)
        if differentiable(exact, np.ravel(options["x0"])):
            options["fprime"] = (lambda x: exact(x).T) if options["col_deriv"] else exact
    # With full_output SciPy does not warn where it did not converge.
    found = scipy.optimize.fsolve(g, **options, full_output=True)
    if found[2] != 1 and not full_output:
        found = (scipy.optimize.fsolve(g, **options, full_output=False), *found[1:])
    x, report, status, message = found

    def made() -> Any:
        F, root = _root_of_system("fsolve", f, g, x, status == 1, message)
        names = {name for name, value in report.items() if isinstance(value, np.ndarray)}
        withheld = {name: Withheld("fsolve", name) if name in names else value for name, value in report.items()}
        withheld["fvec"] = with_value(F(root), report["fvec"])
        return (with_value(root, x), withheld, status, message) if carries(root) else found

    found = differentiated(found, made, [g], x)
    return found if full_output else found[0]


@driver(scipy.optimize.fixed_point, always)
def fixed_point(given: dict[str, Any]) -> Any:
    """x = g(x), as the root of x - g(x)."""
    given = dict(given)
    g = Watched(given.pop("func"), given.pop("args"))
    on_numbers = g.on_numbers()
    options = plain(given) | {"x0": plain(fused(given["x0"]))}
    x = scipy.optimize.fixed_point(on_numbers, **options)
    shape = np.shape(x)

    def residual(g: Watched) -> Function:
        if shape:
            return lambda x: x - np.ravel(g.call(np.reshape(x, shape)))
        return lambda x: x - g.scalar(x)

    def made() -> Any:
        start = np.ravel(x) if shape else np.float64(x) if np.isrealobj(x) else x[()]
        return with_value(with_derivatives(residual(g), polished("fixed_point", residual(on_numbers), start)), x)

    return differentiated(x, made, [on_numbers], x)
