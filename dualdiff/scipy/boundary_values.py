"""`scipy.integrate.solve_bvp`, differentiable in what ``fun`` and ``bc`` close over, in ``S`` and in the ends of ``x``.

SciPy chooses the mesh and makes the value.  The solution of its collocation equations on that mesh, to the last digits,
has the derivatives that the implicit function theorem gives it: one step of Newton's method for each level.  A start
``y``, ``p`` has the derivative 0; nodes keep their places between the ends of the mesh, and move with these.
Source: Kierzenka & Shampine, A BVP solver based on residual control and the MATLAB PSE, 2001.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.integrate
import scipy.sparse
import scipy.sparse.linalg

from .. import errors
from ..adapting import adapt, as_written
from ..tangents.dense import Dense
from ..transforms.forward import jacfwd
from ..values.choices import decides, watched
from ..values.dual import Dual
from ..values.levels import value_of
from ..values.objects import carries, fused
from .callbacks import Watched, differentiable, plain
from .captured import through
from .constants import touches_no_container, without_derivatives
from .drivers import driver
from .implicit import numbers
from .interpolate import PPoly
from .margins import outcome_of
from .rates import combined, levels_in
from .results import completed, with_value
from .sparse import splu

_MOST_STEPS, _CONVERGED, _SINGULAR = 20, 1e-12, 1e14


@driver(scipy.integrate.solve_bvp)
def solve_bvp(given: dict[str, Any]) -> Any:
    """``fun_jac`` and ``bc_jac`` are supplied, exactly, unless they are given.

    Cost: beside SciPy's, a few steps of Newton's method on its last mesh, one of them with derivatives.
    Raises: ValueError where SciPy did not converge, the solution is not isolated, or ``fun`` jumps on its way.

    >>> import numpy as np
    >>> from dualdiff import grad
    >>> def slope(height):  # of a straight line
    ...     bc = lambda ya, yb: np.stack([ya[0], yb[0] - height])
    ...     straight = lambda x, y: np.stack([y[1], 0.0 * y[0]])
    ...     return solve_bvp(straight, bc, np.linspace(0.0, 2.0, 3), np.zeros((2, 3))).y[1, 0]
    >>> round(float(grad(slope)(1.0)), 6)
    0.5
    """
    return _solved(given, supply=True)


@driver(scipy.integrate.solve_bvp)
def solve_bvp_as_written(given: dict[str, Any]) -> Any:
    """No Jacobian is supplied."""
    return _solved(given, supply=False)


def _solved(given: dict[str, Any], supply: bool) -> Any:
    given = dict(given)
    stripped = {name: without_derivatives(given[name]) for name in ("fun", "bc")}
    entered = any(stripped[name] is not given[name] for name in stripped)
    fun, bc = (Watched(_adapted(f)) for f in stripped.values())
    options = plain({name: value for name, value in given.items() if not callable(value)})
    for name in ("fun_jac", "bc_jac"):
        if callable(given[name]):
            options[name] = _Jacobians(given[name])
    if supply:
        # Where a function may leave what it wrote in an array of the user's, it is not adapted for this.
        tried = [f if touches_no_container(f) or not callable(f) else as_written(f) for f in stripped.values()]
        options |= _exact(tried[0], tried[1], options)
    result = scipy.integrate.solve_bvp(fun, bc, **options)
    depends = any(f.carried or f.compared for f in (fun, bc))
    if not (entered or depends or carries((given["x"], given["S"]))):
        return result
    if not result.success:
        raise errors.no_solution("solve_bvp", f"SciPy did not converge ({result.message})")
    with_parameters = given["p"] is not None and np.size(numbers(given["p"])) > 0
    x = fused(given["x"]) if carries(given["x"]) else None
    moving = Collocation(
        _adapted(given["fun"]), _adapted(given["bc"]), result, with_parameters, _nodes(x, result.x), given["S"]
    )
    constant = Collocation(fun.f, bc.f, result, with_parameters, result.x, options["S"])
    y, p, f = moving.solution(*constant.polished())
    _refuse_jumps(moving, result, levels_in(y, p, f))
    found = {"x": moving.x, "y": y, "yp": f} | ({"p": p} if with_parameters else {})
    whole = completed("solve_bvp", result, found)
    c = _spline(moving.x, y, f)
    whole["sol"] = PPoly.construct_fast(with_value(c, result.sol.c), whole["x"], result.sol.extrapolate, 1)
    return whole


def _adapted(f: Any) -> Any:
    return through(f, adapt) if callable(f) else f


class _Jacobians(Watched):
    """A user's Jacobians, a pair or triple of arrays, on plain numbers."""

    def __call__(self, *args: Any) -> Any:
        found = self.f(*args)
        return tuple(map(numbers, found)) if isinstance(found, (tuple, list)) else numbers(found)


def _exact(fun: Any, bc: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Exact Jacobians where they are not given and can be had."""
    try:
        x, y = np.asarray(options["x"], float), np.asarray(options["y"])
        y = y.astype(complex if np.iscomplexobj(y) else float)
        p = np.asarray([] if options["p"] is None else options["p"], y.dtype)
        ya, yb = y[:, 0], y[:, -1]
    except (TypeError, ValueError, IndexError):
        return {}  # SciPy says what is wrong
    found: dict[str, Any] = {}
    of_fun, of_bc = jacobians_of_fun(_adapted(fun), p.size > 0), jacobians_of_bc(_adapted(bc), p.size > 0)
    if options["fun_jac"] is None and differentiable(lambda y: of_fun(x, y, p), y):
        found["fun_jac"] = of_fun if p.size else lambda x, y: of_fun(x, y, p)[0]
    if options["bc_jac"] is None and differentiable(lambda y: of_bc(y, yb, p), ya):
        found["bc_jac"] = of_bc if p.size else lambda ya, yb: of_bc(ya, yb, p)[:2]
    return found


def jacobians_of_fun(fun: Callable[..., Any], parameters: bool) -> Callable[[Any, Any, Any], Any]:
    """∂f/∂y of shape (n, n, m) and ∂f/∂p of shape (n, k, m), from one sweep over all nodes."""

    def at(x: Any, y: Any, p: Any) -> Any:
        n, p = y.shape[0], np.asarray(p, y.dtype)
        moved = lambda d: fused(fun(x, y + d[:n, None], *([p + d[n:]] if parameters else [])))
        J = numbers(jacfwd(moved, holomorphic=np.iscomplexobj(y))(np.zeros(n + p.size, y.dtype)))
        J = np.swapaxes(J, 1, 2)
        return J[:, :n], J[:, n:]

    return at


def jacobians_of_bc(bc: Callable[..., Any], parameters: bool) -> Callable[[Any, Any, Any], Any]:
    def at(ya: Any, yb: Any, p: Any) -> Any:
        n, p = ya.size, np.asarray(p, ya.dtype)
        f = lambda z: fused(bc(z[:n], z[n : 2 * n], *([z[2 * n :]] if parameters else [])))
        J = numbers(jacfwd(f, holomorphic=np.iscomplexobj(ya))(np.concatenate([ya, yb, p])))
        return J[:, :n], J[:, n : 2 * n], J[:, 2 * n :]

    return at


def _refuse_jumps(moving: Collocation, result: Any, levels: int) -> None:
    """Refuse a jump of ``fun`` between two nodes, where it chooses by what moves: the equations do not see it move.

    Where the nodes move with the ends, so does a jump at a constant x, between them.  Of second derivatives a kink too.
    """

    def seen(x: Any, y: Any) -> tuple[Any, Any]:
        """The choices there, and f with its derivative along one direction of the state, and of x if that moves."""
        p = Dense(1)
        along = lambda value: Dual(value, p.seed(np.ones((1, *value.shape), value.dtype)), p)
        try:
            with watched() as choices:
                f = moving.of_state(along(x) if carries(moving.x) else x, along(y))
            slope = f.tangent if type(f) is Dual and f.perturbation is p else np.zeros(np.shape(f))
            found = [numbers(value_of(f, p)), numbers(p.block_of(slope) if type(f) is Dual else slope)]
            return tuple(map(outcome_of, choices)), found[: max(levels, 1)]
        finally:
            p.live = False

    at = lambda x: seen(np.array([x]), result.sol(np.array([x])))
    if not (seen(result.x, result.y)[0] if levels else decides(lambda: moving.of_state(result.x, result.y))):
        return
    for left, right in itertools.pairwise((x, at(x)) for x in result.x):
        near = 1e-10 * (right[0] - left[0])
        while left[1][0] != right[1][0] and right[0] - left[0] > near:
            x = 0.5 * (left[0] + right[0])
            middle = x, at(x)
            left, right = (middle, right) if middle[1][0] == left[1][0] else (left, middle)
        if left[1][0] == right[1][0]:
            continue
        for what, before, after in zip(("`fun`", "the derivative of `fun`"), left[1][1], right[1][1], strict=False):
            if np.max(np.abs(after - before)) > 1e-6 * max(np.max(np.abs(before)), np.max(np.abs(after))):
                raise errors.no_solution(
                    "solve_bvp",
                    f"{what} jumps at x = {right[0]:.6g} by what it chooses there, and that place moves with the "
                    "parameters.\n  Solve the two sides as one system with the place as an unknown (p)",
                )


def _nodes(x: Any, mesh: Any) -> Any:
    """SciPy's mesh, its ends where the user's are."""
    if x is None:
        return mesh
    share = (mesh - mesh[0]) / (mesh[-1] - mesh[0])
    return combined(mesh, [(1.0, (1.0 - share) * x[0]), (1.0, share * x[-1])])


class Collocation:
    """The equations that SciPy's solution solves, in z: the states node by node, then the parameters."""

    def __init__(self, fun: Any, bc: Any, result: Any, parameters: bool, x: Any, S: Any) -> None:
        self.fun, self.bc, self.parameters, self.x = fun, bc, parameters, x
        self.n, self.m = result.y.shape
        self.z = np.concatenate([result.y.T.ravel(), result.p]) if parameters else result.y.T.ravel()
        self.S: Any = None if S is None else fused(S) if carries(S) else np.asarray(S)
        self.D: Any = None if self.S is None else np.linalg.pinv(np.eye(self.n) - self.S)

    def parts(self, z: Any) -> tuple[Any, Any]:
        n, m = self.n, self.m
        return np.reshape(z[: n * m], (m, n)).T, z[n * m :]

    def of_state(self, x: Any, y: Any) -> Any:
        """``fun`` with the parameters of the solution."""
        p = [numbers(self.z[self.n * self.m :])] if self.parameters else []
        return fused(self.fun(x, y, *p))

    def rate(self, x: Any, y: Any, p: Any) -> Any:
        f = fused(self.fun(x, y, *([p] if self.parameters else [])))
        f = f if hasattr(f, "shape") else np.asarray(f)
        if self.S is None:
            return f
        at_start = numbers(x)[0] == numbers(self.x)[0]
        if not at_start:
            return f + self.S @ y / (x - self.x[0])
        rest = f[:, 1:] + self.S @ y[:, 1:] / (x[1:] - self.x[0])
        return np.concatenate([(self.D @ f[:, 0])[:, None], rest], axis=1)

    def residual(self, z: Any) -> Any:
        y, p = self.parts(z)
        h = np.diff(self.x)
        f = self.rate(self.x, y, p)
        middle = 0.5 * (y[:, 1:] + y[:, :-1]) - 0.125 * h * (f[:, 1:] - f[:, :-1])
        of_middle = self.rate(self.x[:-1] + 0.5 * h, middle, p)
        inner = y[:, 1:] - y[:, :-1] - h / 6.0 * (f[:, :-1] + f[:, 1:] + 4.0 * of_middle)
        bc = fused(self.bc(y[:, 0], y[:, -1], *([p] if self.parameters else [])))
        return np.concatenate([np.ravel(inner.T), bc if hasattr(bc, "shape") else np.asarray(bc)])

    def jacobian(self, z: Any) -> Any:
        """Of plain numbers, as a sparse matrix: two blocks for each interval, a row of blocks for the conditions."""
        n, m = self.n, self.m
        y, p = self.parts(z)
        h = np.diff(self.x)
        of_rate = jacobians_of_fun(self.rate_at, True)
        f = self.rate(self.x, y, p)
        middle = 0.5 * (y[:, 1:] + y[:, :-1]) - 0.125 * h * (f[:, 1:] - f[:, :-1])
        J, P = (np.moveaxis(part, 2, 0) for part in of_rate(self.x, y, p))
        Jm, Pm = (np.moveaxis(part, 2, 0) for part in of_rate(self.x[:-1] + 0.5 * h, middle, p))
        h, one = h[:, None, None], np.eye(n)
        left = -one - h / 6 * (J[:-1] + 4 * Jm @ (0.5 * one + h / 8 * J[:-1]))
        right = one - h / 6 * (J[1:] + 4 * Jm @ (0.5 * one - h / 8 * J[1:]))
        of_p = -h / 6 * (P[:-1] + P[1:] + 4 * (Pm - h / 8 * Jm @ (P[1:] - P[:-1])))
        rows = np.arange((m - 1) * n).reshape(m - 1, n, 1) + np.zeros((1, 1, n), int)
        columns = np.arange(m - 1)[:, None, None] * n + np.arange(n)[None, None, :] + np.zeros((1, n, 1), int)
        whole = scipy.sparse.lil_array((self.z.size, self.z.size), dtype=left.dtype)
        whole += scipy.sparse.coo_array((left.ravel(), (rows.ravel(), columns.ravel())), whole.shape)
        whole += scipy.sparse.coo_array((right.ravel(), (rows.ravel(), (columns + n).ravel())), whole.shape)
        whole = scipy.sparse.lil_array(whole)
        whole[: (m - 1) * n, m * n :] = of_p.reshape((m - 1) * n, -1)
        of_a, of_b, of_bc_p = jacobians_of_bc(self.bc, self.parameters)(y[:, 0], y[:, -1], p)
        whole[(m - 1) * n :, :n] += of_a
        whole[(m - 1) * n :, (m - 1) * n : m * n] += of_b
        if p.size:
            whole[(m - 1) * n :, m * n :] = of_bc_p
        return scipy.sparse.csc_array(whole)

    def rate_at(self, x: Any, y: Any, p: Any) -> Any:
        return self.rate(x, y, p)

    def polished(self) -> tuple[Any, Any]:
        """The solution to the last digits, on plain numbers, and what solves the linear equations there."""
        z, last = self.z, np.inf
        for _ in range(_MOST_STEPS):
            solve = self._factors(z)
            step = solve(numbers(self.residual(z)))
            size = np.max(np.abs(step), initial=0.0) / max(1.0, np.max(np.abs(z), initial=0.0))
            if size <= 1e-15 or (size > 0.5 * last and size <= _CONVERGED):
                return z, solve
            z, last = z - step, size
        raise errors.no_solution("solve_bvp", f"Newton's method from it makes relative steps of {last:.0e} still")

    def _factors(self, z: Any) -> Callable[[Any], Any]:
        J = self.jacobian(z)
        try:
            factors = splu(J)
        except RuntimeError:
            factors = None
        if factors is None or not _condition(J, factors) < _SINGULAR:
            raise errors.no_solution(
                "solve_bvp", "its equations are singular there: the solution is not an isolated function of what enters"
            )
        return factors.solve

    def solution(self, z: Any, solve: Callable[[Any], Any]) -> tuple[Any, Any, Any]:
        """States, parameters and slopes, with the derivatives that enter the equations here."""
        taken = 0
        while True:
            r = fused(self.residual(z))
            levels = levels_in(r)
            if levels > taken:
                z = z - solve(r)
                taken += 1
            if levels <= taken:
                y, p = self.parts(z)
                return y, p, self.rate(self.x, y, p)


def _condition(J: Any, factors: Any) -> float:
    n = J.shape[0]
    inverse = scipy.sparse.linalg.LinearOperator(
        (n, n), lambda b: factors.solve(b), rmatvec=lambda b: factors.solve(b, "H"), dtype=J.dtype
    )
    return float(scipy.sparse.linalg.norm(J, 1) * scipy.sparse.linalg.onenormest(inverse))


def _spline(x: Any, y: Any, f: Any) -> Any:
    """The coefficients of the cubic with these values and slopes, as SciPy keeps them."""
    h = np.diff(x)
    slope = (y[:, 1:] - y[:, :-1]) / h
    t = (f[:, :-1] + f[:, 1:] - 2.0 * slope) / h
    c = np.stack([t / h, (slope - f[:, :-1]) / h - t, f[:, :-1], y[:, :-1]])
    return np.moveaxis(c, 1, 2)
