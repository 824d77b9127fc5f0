"""Sparse Jacobians and Hessians, their patterns found: what they cost, and what solvers gain by them.

    heat, burgers     slices into a buffer; np.roll: three entries in a row      bratu, brusselator   grids of two axes
    rosenbrock, arrowhead, springs    Hessians                      bundle adjustment    31843 observations of ADBench

Every row checks J v against extrapolated differences first. The value, one `jvp`, the sparse derivative and SciPy's
2-point differences with the same pattern and groups take turns; so do asdex and CasADi where they are installed. The
solvers run to the end twice: with SciPy's default and with the sparse derivative, whose preparation is part of the
time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

import dualdiff as dd
from dualdiff.testing import derivative_at_zero

from . import bundle_adjustment, sparse_peers
from .measuring import times

LARGEST_ERROR = 1e-7  # relative, of extrapolated differences


@dataclass
class Row:
    problem: str
    size: str
    unknowns: int
    entries: int
    directions: int
    # value, jvp, derivative, differences (not of a Hessian), pattern, colours; peers, and their first calls
    seconds: dict[str, float]
    error: float

    @property
    def passed(self) -> bool:
        return self.error <= LARGEST_ERROR

    def record(self) -> dict[str, Any]:
        return {"section": "sparse", **asdict(self), "passed": self.passed}


@dataclass
class Solved:
    """A solver of SciPy, to the end: seconds by its default and by the sparse derivative, and how far they agree."""

    problem: str
    solver: str
    unknowns: int
    default: float
    ours: float
    error: float
    tolerance: float

    @property
    def passed(self) -> bool:
        return self.error <= self.tolerance

    def record(self) -> dict[str, Any]:
        return {"section": "sparse", **asdict(self), "passed": self.passed}


# Functions.


def heat(u):
    du = np.zeros_like(u)
    du[1:-1] = u[2:] - 2 * u[1:-1] + u[:-2]
    du[0] = u[1] - u[0]
    du[-1] = u[-2] - u[-1]
    du += u**3
    return du


def burgers(u):
    left, right = np.roll(u, 1), np.roll(u, -1)
    return 0.1 * (right - 2 * u + left) - u * (right - left)


def bratu(u):
    n = int(np.sqrt(u.size))
    v = np.pad(u.reshape(n, n), 1)
    inner = v[1:-1, 1:-1]
    return (
        v[2:, 1:-1] + v[:-2, 1:-1] + v[1:-1, 2:] + v[1:-1, :-2] - 4 * inner + 5 / (n + 1) ** 2 * np.exp(inner)
    ).ravel()


def brusselator(x):
    n = int(np.sqrt(x.size // 2))
    u, v = x.reshape(2, n, n)
    laplacian = lambda w: np.roll(w, 1, 0) + np.roll(w, -1, 0) + np.roll(w, 1, 1) + np.roll(w, -1, 1) - 4 * w
    return np.stack([1 + u * u * v - 4.4 * u + 0.1 * laplacian(u), 3.4 * u - u * u * v + 0.1 * laplacian(v)]).ravel()


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def arrowhead(x):
    return np.sum(x[0] * x[1:] ** 2) + np.sum(np.cos(x))


def springs(x):
    p = x.reshape(-1, 2)
    length = np.sqrt(np.sum((p[1:] - p[:-1]) ** 2, axis=1))
    return np.sum((length - 0.7) ** 2) + np.sum(p[:, 1])


def reprojection():
    """The errors of all observations as a function of all cameras, points and weights, end to end."""
    cameras, points, weights, observed, camera_of, point_of = bundle_adjustment.read()
    sizes = np.cumsum([cameras.size, points.size])

    def errors(x):
        c, p, w = np.split(x, sizes)
        seen = bundle_adjustment.observe(c.reshape(cameras.shape), p.reshape(points.shape), camera_of, point_of)
        first, second = bundle_adjustment.errors(*seen, w, observed)
        return np.concatenate([first.ravel(), second])

    return errors, np.concatenate([cameras.ravel(), points.ravel(), weights])


def at_random(n: int) -> Any:
    return np.random.default_rng(n).uniform(0.5, 1.5, n)


JACOBIANS: dict[str, tuple[Callable[..., Any], tuple[int, ...]]] = {
    "heat": (heat, (1000, 10**5, 10**6)),
    "burgers": (burgers, (1000, 10**5, 10**6)),
    "bratu": (bratu, (100**2, 512**2)),
    "brusselator": (brusselator, (2 * 32**2, 2 * 128**2)),
}
HESSIANS: dict[str, tuple[Callable[..., Any], tuple[int, ...]]] = {
    "sparse rosenbrock": (rosenbrock, (1000, 10**5)),
    "arrowhead": (arrowhead, (1000, 10**5)),
    "springs": (springs, (2000, 10**5)),
}


def measured(name: str, n: int, rounds: int) -> Row:
    if name == "reprojection":
        f, x = reprojection()
    else:
        f, x = (JACOBIANS | HESSIANS)[name][0], at_random(n)
    return _measured_hessian(name, f, x, rounds) if name in HESSIANS else _measured_jacobian(name, f, x, rounds)


def _measured_jacobian(name: str, f: Any, x: Any, rounds: int) -> Row:
    from scipy.optimize._numdiff import approx_derivative

    J = dd.sparse_jacobian(f)
    v = np.cos(np.arange(x.size))
    error = relative(J(x) @ v, derivative_at_zero(lambda t: [f(x + t * v)], 1e-3)[0])
    plan = J._last
    calls = [lambda: f(x), lambda: dd.jvp(f, (x,), (v,)), lambda: J(x)]
    names = ["value", "jvp", "derivative"]
    if not plan.n_backward:
        groups = (J.pattern, J.colors)
        calls.append(lambda: approx_derivative(f, x, method="2-point", sparsity=groups))
        names.append("differences")
    peers = sparse_peers.prepared(f, x, lambda v: J(x) @ v)
    calls += [peer.call for peer in peers]
    names += [peer.name for peer in peers]
    seconds = dict(zip(names, times(rounds, calls), strict=True))
    seconds |= _preparation(dd.sparsity(f), x) | {f"{peer.name}, first": peer.seconds for peer in peers}
    return Row(name, str(x.size), x.size, J.pattern.nnz, plan.n_forward + plan.n_backward, seconds, error)


def _measured_hessian(name: str, f: Any, x: Any, rounds: int) -> Row:
    H, gradient = dd.sparse_hessian(f), dd.grad(f)
    v = np.cos(np.arange(x.size))
    error = relative(H(x) @ v, derivative_at_zero(lambda t: [gradient(x + t * v)], 1e-3)[0])
    calls = [lambda: f(x), lambda: dd.hvp(f, x, v), lambda: H(x)]
    seconds = dict(zip(["value", "jvp", "derivative"], times(rounds, calls), strict=True))
    seconds |= _preparation(dd.sparsity(gradient), x)
    return Row(name, str(x.size), x.size, H.pattern.nnz, H._last.n_forward, seconds, error)


def _preparation(pattern: Any, x: Any) -> dict[str, float]:
    from dualdiff.transforms.colouring import colour

    found = pattern(x)
    seconds = times(3, [lambda: pattern(x), lambda: colour(found)])
    return dict(zip(["pattern", "colours"], seconds, strict=True))


def relative(a: Any, b: Any) -> float:
    return float(np.max(np.abs(a - b)) / np.max(np.abs(b)))


# Solvers.


def gray_scott(n: int) -> Solved:
    """Two species along a line, stiff, by BDF."""
    from scipy.integrate import solve_ivp

    def rate(t, x):
        u, v = x[: n // 2], x[n // 2 :]
        h = 2.5 / (n // 2)
        laplacian = lambda w: (np.roll(w, 1) - 2 * w + np.roll(w, -1)) / h**2
        reaction = u * v**2
        return np.concatenate(
            [2e-5 * laplacian(u) - reaction + 0.04 * (1 - u), 1e-5 * laplacian(v) + reaction - 0.1 * v]
        )

    at = np.linspace(0.0, 2.5, n // 2)
    bump = np.exp(-(((at - 1.2) / 0.1) ** 2))
    start = np.concatenate([1.0 - 0.5 * bump, 0.25 * bump])
    solve = lambda **options: solve_ivp(rate, (0.0, 50.0), start, method="BDF", rtol=1e-6, atol=1e-9, **options).y[
        :, -1
    ]
    default, slow = timed(solve)
    ours, quick = timed(lambda: solve(jac=dd.sparse_jacobian(rate, argnums=1)))
    return Solved("gray-scott", "solve_ivp BDF", n, slow, quick, relative(ours, default), 1e-3)


def bratu_root(n: int) -> Solved:
    """A nonlinear system: `root` by its default beside Newton's method with `spsolve`."""
    from scipy.optimize import root
    from scipy.sparse.linalg import spsolve

    def newton() -> Any:
        u, both = np.zeros(n), dd.value_and_sparse_jacobian(bratu)
        for _ in range(20):
            y, J = both(u)
            if np.max(np.abs(y)) < 1e-12:
                break
            u = u - spsolve(J.tocsc(), y)
        return u

    default, slow = timed(lambda: root(bratu, np.zeros(n), tol=1e-10).x)
    ours, quick = timed(newton)
    return Solved("bratu root", "root hybr / Newton", n, slow, quick, relative(ours, default), 1e-6)


def minimal_surface(n: int) -> Solved:
    """The surface of least area over a given rim by trust-constr: the dense Hessian beside the sparse one."""
    from scipy.optimize import minimize

    side = int(np.sqrt(n))
    h = 1.0 / (side + 1)
    rim = np.zeros((side + 2, side + 2))
    along = np.linspace(0.0, 1.0, side + 2)
    rim[0], rim[-1] = np.sin(np.pi * along), np.sin(np.pi * along)

    def area(x):
        z = np.zeros((side + 2, side + 2), like=x) + rim
        z[1:-1, 1:-1] = x.reshape(side, side)
        dx, dy = (z[1:, :-1] - z[:-1, :-1]) / h, (z[:-1, 1:] - z[:-1, :-1]) / h
        return np.sum(np.sqrt(1.0 + dx**2 + dy**2)) * h * h

    solve = lambda hess: minimize(area, np.zeros(side * side), jac=dd.grad(area), hess=hess, method="trust-constr").x
    default, slow = timed(lambda: solve(dd.hessian(area)))
    ours, quick = timed(lambda: solve(dd.sparse_hessian(area)))
    return Solved("minimal surface", "trust-constr, dense / sparse", n, slow, quick, relative(ours, default), 1e-4)


SOLVERS: dict[str, tuple[Callable[[int], Solved], int, int]] = {  # name: (run, unknowns, unknowns of a quick run)
    "gray-scott": (gray_scott, 3000, 300),
    "bratu root": (bratu_root, 900, 100),
    "minimal surface": (minimal_surface, 1600, 100),
}


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = call()
    return result, time.perf_counter() - start
