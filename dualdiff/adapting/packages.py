"""SciPy: `dualdiff.scipy` in place of its functions, by identity; methods of distributions and splines by their type.

What `dualdiff.scipy` has no formula for is viewed like any other Python code.  Nothing of SciPy is imported here: what
a program uses is found when the first function of SciPy is called in adapted code.
"""

from __future__ import annotations

import functools
import importlib
import sys
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from .. import errors
from ..values import kinds
from ..values.objects import carries, fused, stripped
from .buffers import Buffer, plain
from .builtins import with_primal
from .calls import PACKAGES, enter, hook, method, view_of
from .handing import changed, handed, is_callable
from .solvers import enter_integrators, enter_solvers, in_tree

_pending = ["special", "linalg", "integrate", "interpolate", "stats", "optimize", "sparse"]


def arrive() -> None:
    """Enter the stand-ins of the parts of SciPy that are in use by now."""
    for name in list(_pending):
        if (package := sys.modules.get(f"scipy.{name}")) is not None:
            _pending.remove(name)
            ours = importlib.import_module(f"dualdiff.scipy.{name}")
            if name == "optimize":
                enter_solvers(package, ours)
                continue
            if name == "sparse":
                _sparse(package, ours)
                continue
            _functions(package, ours)
            if name == "integrate":
                enter_integrators(package, ours)
            if name == "interpolate":
                _interpolants(package, ours)
            if name == "stats":
                _distributions(package, ours)


PACKAGES["scipy"] = arrive


def _functions(package: ModuleType, ours: ModuleType) -> None:
    for name in ours.__all__:
        original, own = getattr(package, name, None), vars(ours).get(name)
        if own is None or own is original or original is None:
            continue
        if isinstance(original, (type, FunctionType)):
            enter(original, _either(original, own))


def _either(original: Any, own: Any) -> Any:
    """SciPy's own on plain arguments; functions among the arguments are viewed."""

    of_functions = original.__module__.startswith("scipy.integrate")

    @functools.wraps(original, updated=())
    def call(*args: Any, **kwargs: Any) -> Any:
        # A function may return what carries a derivative, from around it.
        if carries(args) or carries(kwargs) or (of_functions and any(map(is_callable, (*args, *kwargs.values())))):
            args, kwargs = changed(original, _viewed, args, kwargs)
            return own(*args, **kwargs)
        return kinds.call(original, *args, **kwargs)

    return call


def _viewed(x: Any) -> Any:
    if type(x) in (list, tuple, dict):
        return in_tree(_viewed, x)  # limits of nquad
    return handed(x, hook(x)) if is_callable(x) else x


def _method(cls: type, name: str, differentiable: Any) -> None:
    """``differentiable(self, *args)`` where an argument carries a derivative; NotImplemented leaves it to a view."""
    original = getattr(cls, name, None)
    if not isinstance(original, FunctionType):
        return

    @functools.wraps(original)
    def method(*args: Any, **kwargs: Any) -> Any:
        if not (carries(args[1:]) or carries(kwargs)):
            if kinds.RUNNING[0]:
                args, kwargs = tuple(map(plain, args)), {name: plain(arg) for name, arg in kwargs.items()}
            elif args and _holds_buffers(args[0]):
                return view_of(original)(*args, **kwargs)  # which hands them out as arrays
            return kinds.call(original, *args, **kwargs)
        result = differentiable(*args, **kwargs)
        return view_of(original)(*args, **kwargs) if result is NotImplemented else result

    enter(original, method)


def _holds_buffers(x: Any, within: bool = True) -> bool:
    """Whether an attribute of an interpolant is a buffer, or one of the object that it hands on to (SciPy 1.18)."""
    if not type(x).__module__.startswith("scipy.interpolate"):
        return False
    slots = [name for cls in type(x).__mro__ for name in cls.__dict__.get("__slots__", ())]
    held = [*getattr(x, "__dict__", {}).values(), *(getattr(x, name, None) for name in slots)]
    return Buffer in map(type, held) or (within and any(_holds_buffers(part, False) for part in held))


# Sparse matrices.


def _sparse(package: Any, ours: Any) -> None:
    """What has a rule; a refusal in place of the rest, where a matrix carries derivatives."""
    for module in (package, package.linalg):
        for name in module.__all__:
            original = getattr(module, name)
            if isinstance(original, (type, FunctionType)) and not (
                isinstance(original, type) and issubclass(original, (BaseException, Warning))
            ):
                if name in ("splu", "factorized"):
                    enter(original, _of_active(original, vars(ours)[name], ours))
                elif name in ours.STAND_INS:
                    enter(original, vars(ours)[name])
                elif isinstance(original, FunctionType):
                    enter(original, _refusing(original, ours))
    method(package.linalg.SuperLU, "solve", ours.solve_of_factors)
    for name in ours.CLASSES:
        cls = getattr(package, name)
        _method(cls, "multiply", ours.multiplied)


def _of_active(original: Any, own: Any, ours: Any) -> Any:
    @functools.wraps(original)
    def call(A: Any, *args: Any, **kwargs: Any) -> Any:
        return (own if isinstance(A, ours.ActiveMatrix) else original)(A, *args, **kwargs)

    return call


def _refusing(original: Any, ours: Any) -> Any:
    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        given = (*args, *kwargs.values())
        if any(isinstance(arg, ours.ActiveMatrix) for arg in given):
            raise ours.refusal(original, given)
        return view_of(original)(*args, **kwargs)

    return call


# Distributions: by type, since a frozen one holds a copy of its own.


def _distributions(stats: Any, ours: Any) -> None:
    by_type = {
        type(getattr(stats, name)): own
        for name, own in vars(ours).items()
        if hasattr(own, "methods") and hasattr(stats, name)
    }

    def of_type(name: str) -> Any:
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            own = by_type.get(type(self))
            if own is None or name not in own.methods:
                return NotImplemented
            return getattr(own, name)(*args, **kwargs)

        return call

    done = set()
    for cls, own in by_type.items():
        for name in own.methods:
            original = getattr(cls, name, None)
            if original not in done:
                done.add(original)
                _method(cls, name, of_type(name))


# Interpolants that were made outside: their coefficients are constants.


def _interpolants(interpolate: Any, ours: Any) -> None:
    # Methods of base classes, which other interpolants share.  ``c`` of one that was made has its axis in front.
    def of_piecewise(self: Any, args: Any) -> Any:
        if isinstance(self, interpolate.BPoly):
            reason = "its basis is Bernstein's; PPoly.from_bernstein_basis(p) has one"
            raise errors.unsupported(interpolate.BPoly, reason, [np.shape(arg) for arg in args if carries(arg)])
        return ours.PPoly.construct_fast(plain(self.c), plain(self.x), self.extrapolate, self.axis)

    def of_b_spline(self: Any, args: Any) -> Any:
        return ours.BSpline.construct_fast(plain(self.t), plain(self.c), self.k, self.extrapolate, self.axis)

    for cls, made in (
        (interpolate.PPoly, of_piecewise),
        (interpolate.BPoly, of_piecewise),
        (interpolate.BSpline, of_b_spline),
    ):
        for name in ("__call__", "integrate"):
            _method(cls, name, functools.partial(_by_own, made, name))

    def linear(self: Any, x: Any) -> Any:
        kind = getattr(self, "_kind", None)
        if kind not in ("linear", "nearest", "nearest-up", "previous", "next"):
            return NotImplemented
        options = {"kind": kind, "axis": self.axis, "bounds_error": self.bounds_error, "fill_value": self.fill_value}
        return ours.interp1d(self.x, self.y, **options)(x)

    _method(interpolate.interp1d, "__call__", linear)

    def on_grid(self: Any, xi: Any, method: Any = None, **options: Any) -> Any:
        if options:
            return NotImplemented
        made = ours.RegularGridInterpolator(
            self.grid, self.values, method or self.method, self.bounds_error, self.fill_value
        )
        return made(xi)

    _method(interpolate.RegularGridInterpolator, "__call__", on_grid)

    def fitted(self: Any, x: Any, nu: int = 0, ext: Any = None) -> Any:
        if (self.ext if ext is None else ext) not in (0, "extrapolate"):
            return NotImplemented
        t, c, k = self._eval_args
        return _with_value(ours.BSpline(t, c, k)(x, nu), interpolate.splev, x, (t, c, k), nu)

    _method(interpolate.UnivariateSpline, "__call__", fitted)

    @functools.wraps(interpolate.splev)
    def splev(x: Any, tck: Any, der: int = 0, ext: int = 0) -> Any:
        if not carries((x, tck)):
            return interpolate.splev(x, tck, der, ext)
        if not isinstance(tck, tuple) or ext != 0 or isinstance(tck[1], (list, tuple)):
            return view_of(interpolate.splev)(x, tck, der, ext)
        return _with_value(ours.BSpline(*tck)(x, der), interpolate.splev, x, tck, der)

    enter(interpolate.splev, splev)
    _bivariate_splines(interpolate)


def _bivariate_splines(interpolate: Any) -> None:
    """Values by FITPACK, derivatives by `dualdiff.scipy.bivariate_splines`."""
    ours = importlib.import_module("dualdiff.scipy.bivariate_splines")

    @functools.wraps(interpolate.bisplev)
    def bisplev(x: Any, y: Any, tck: Any, dx: int = 0, dy: int = 0) -> Any:
        if not carries((x, y, tck)):
            return interpolate.bisplev(x, y, tck, dx, dy)
        value = interpolate.bisplev(stripped(x), stripped(y), stripped(tck), dx, dy)
        found = ours.on_grid([_whole(part) for part in tck], _whole(x), _whole(y), dx, dy)
        return with_primal(np.reshape(found, np.shape(value))[()], value)

    enter(interpolate.bisplev, bisplev)
    original = interpolate.BivariateSpline.__call__

    def call(self: Any, x: Any, y: Any, dx: int = 0, dy: int = 0, grid: bool = True) -> Any:
        value = original(self, stripped(x), stripped(y), dx, dy, grid)
        evaluate = ours.on_grid if grid else ours.at_points
        found = evaluate((*self.tck, *self.degrees), _whole(x), _whole(y), dx, dy)
        return with_primal(np.reshape(found, np.shape(value)), value)

    _method(interpolate.BivariateSpline, "__call__", call)


def _with_value(y: Any, original: Any, *args: Any) -> Any:
    """``y`` with the value that SciPy computes."""
    value = np.asarray(original(*map(stripped, args)))
    return with_primal(np.reshape(y, value.shape), value)


def _whole(x: Any) -> Any:
    return fused(x) if carries(x) else x


def _by_own(made: Any, name: str, self: Any, *args: Any, **kwargs: Any) -> Any:
    return getattr(made(self, args), name)(*args, **kwargs)
