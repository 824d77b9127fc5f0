"""`scipy.integrate.odeint`, differentiable in ``y0``, ``t``, ``args`` and what ``func`` closes over.

LSODA makes the value and keeps its steps to itself.  For derivatives it runs again step by step, with the same
tolerances, as `scipy.integrate.LSODA`, and these steps are taken with derivatives (`dualdiff.scipy.trajectories`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.integrate

from .. import errors
from ..values.objects import carries, fused
from .callbacks import plain
from .collocation import CollocationSteps
from .drivers import driver
from .implicit import numbers
from .pieces import followed
from .rates import Rate, carried_to, levels_in
from .results import Withheld, with_value
from .trajectories import recording

_DEFAULT_TOLERANCE = 1.49012e-8
# What SciPy says where it does not warn; the second, of an interval of no length.
_SUCCESS = ("Integration successful.", "Nothing was done")


@driver(scipy.integrate.odeint)
def odeint(given: dict[str, Any]) -> Any:
    """The exact Jacobian takes the place of differences unless ``Dfun`` or a band is given.

    Cost: beside SciPy's, a second run of LSODA from Python, and its steps taken again with derivatives.
    Raises: ValueError where SciPy did not reach the end.

    >>> from dualdiff import grad
    >>> decayed = lambda k: odeint(lambda y, t: -k * y, 1.0, [0.0, 1.0])[-1, 0]
    >>> round(float(grad(decayed)(2.0)), 6)
    -0.135335
    """
    return _solved(given, supply=True)


@driver(scipy.integrate.odeint)
def odeint_as_written(given: dict[str, Any]) -> Any:
    """No Jacobian is supplied."""
    return _solved(given, supply=False)


def _solved(given: dict[str, Any], supply: bool) -> Any:
    given = dict(given)
    func, args, Dfun = given.pop("func"), given.pop("args"), given.pop("Dfun")
    args = args if isinstance(args, tuple) else (args,)
    full_output, printmessg = given.pop("full_output"), given.pop("printmessg")
    y0, t = given.pop("y0"), given.pop("t")
    y0, t = fused(y0) if carries(y0) else y0, fused(t) if carries(t) else t
    rate = Rate(func if given["tfirst"] else _swapped(func), args)
    options = plain(given)
    if Dfun is not None:
        options["Dfun"] = Rate(Dfun, args).plain
    elif supply and options["ml"] is None and options["mu"] is None:
        options |= _exact(rate, y0, t, bool(options["col_deriv"]), bool(options["tfirst"]))
    call = rate.plain if options["tfirst"] else _swapped(rate.plain)
    start, times = plain(y0), plain(t)
    y, report = scipy.integrate.odeint(call, start, times, **options, full_output=True)
    success = report["message"].startswith(_SUCCESS)
    if not full_output and (printmessg or not success):  # for its warning
        y = scipy.integrate.odeint(call, start, times, **options, printmessg=printmessg)
    if rate.carried or carries((y0, t)):
        if not success:
            raise errors.no_solution("odeint", f"SciPy did not reach the end ({report['message']})")
        y = _with_derivatives(rate, y0, t, y, options)
        rate.left_at(t[-1], y[-1], differentiated=True)
        report = {
            name: Withheld("odeint", name) if isinstance(v, np.ndarray) and v.dtype.kind == "f" else v
            for name, v in report.items()
        }
    elif success:
        rate.left_at(times[-1], y[-1], differentiated=False)
    return (y, report) if full_output else y


def _swapped(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda a, b, *args: f(b, a, *args)


def _exact(rate: Rate, y0: Any, t: Any, columns: bool, first_is_time: bool) -> dict[str, Any]:
    try:
        y, first = np.asarray(plain(y0), float), float(np.ravel(plain(t))[0])
    except (TypeError, ValueError, IndexError):
        return {}  # SciPy says what is wrong
    if y.ndim > 1 or not y.size:
        return {}
    found = rate.exact_jacobian(first, np.ravel(y))
    if found is None:
        return {}

    def jac(t: Any, y: Any) -> Any:
        J = found(t, y)
        J = J.toarray() if hasattr(J, "toarray") else J
        return J.T if columns else J

    return {"Dfun": jac if first_is_time else _swapped(jac)}


def _with_derivatives(rate: Rate, y0: Any, t: Any, y: Any, options: dict[str, Any]) -> Any:
    times = np.asarray(plain(t), float)
    first = np.ravel(y0 if carries(y0) else np.asarray(y0)).astype(float)
    moving = [t[i] for i in range(len(times))] if carries(t) else list(times)
    start = carried_to(rate, moving[0], first, times[0])
    rtol, atol = (options[name] if options[name] is not None else _DEFAULT_TOLERANCE for name in ("rtol", "atol"))
    steps: list[Any] = []
    if times[-1] != times[0]:
        method, steps = recording(scipy.integrate.LSODA)
        bounds = {"max_step": options["hmax"] or np.inf, "first_step": options["h0"] or None}
        run = scipy.integrate.solve_ivp(
            rate.plain, (times[0], times[-1]), numbers(start), method, rtol=np.max(rtol), atol=atol, **bounds
        )
        if not run.success:
            raise errors.no_solution("odeint", f"LSODA did not reach the end ({run.message})")
    tolerance = lambda y: atol + np.max(rtol) * np.abs(y)
    trajectory = followed(
        "odeint",
        rate,
        steps,
        lambda i: steps[i].inside,
        start,
        lambda: CollocationSteps(rate, steps, start, tolerance, times),
        lambda part, begin: CollocationSteps(rate, part, begin, tolerance, times),
        (tolerance, float(np.max(rtol)), 0),
    )
    rows = []
    for i, (at, to) in enumerate(zip(times, moving, strict=True)):
        row = first if i == 0 else trajectory.at(at, y[i])
        rows.append(carried_to(rate, at, row, to) if i and levels_in(to) else row)
    return with_value(np.stack(rows), y)
