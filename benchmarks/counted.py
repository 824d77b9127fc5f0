"""What the check counts beside problems: derivatives with a form of their own.

value       the plain function, whose time the ratio is over
call        the derivative, as often as it is called: patterns and colours are found before
sent        what the answer does to one direction; ``along`` is the same by extrapolated differences
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

import dualdiff as dd
from dualdiff.testing import derivative_at_zero

from . import sparse
from .measuring import largest_error, times

LARGEST_ERROR = 1e-7


class Counted(NamedTuple):
    name: str
    value: Callable[[], Any]
    call: Callable[[], Any]
    sent: Callable[[Any], Any]
    along: Callable[[], Any]

    @property
    def error(self) -> float:
        """Of the derivative along one direction, relative to the largest entry."""
        return largest_error(self.sent(self.call()), self.along())

    def ratio(self, rounds: int = 10) -> float:
        value, derivative = times(rounds, [self.value, self.call])
        return derivative / value


def others() -> list[Counted]:
    """All of them that can be counted here."""
    found = [gradient_of_unchanged_code(), jacobians_of_points(), staged_gradient()]
    if find_spec("scipy") is not None:
        found += [sparse_jacobian(), sparse_hessian(), gradient_of_root(), gradient_of_ode(), gradient_of_integral()]
    return found


def along(f: Callable[..., Any], x: Any, v: Any) -> Callable[[], Any]:
    return lambda: derivative_at_zero(lambda t: [np.asarray(f(x + t * v))], 1e-3)[0]


# Unchanged code: math, and an array that is filled.


def pendulum(state: Any, damping: Any) -> Any:
    rate = np.zeros(2)
    rate[0] = state[1]
    rate[1] = -math.sin(state[0]) - float(damping) * state[1]
    return rate


def swing(damping: Any) -> Any:
    state = np.array([1.0, 0.0])
    for _ in range(20):
        state = state + 0.1 * pendulum(state, damping)
    return state[0]


def gradient_of_unchanged_code() -> Counted:
    gradient = dd.grad(swing)
    return Counted(
        "grad of unchanged code, 20 steps",
        lambda: swing(0.3),
        lambda: gradient(0.3),
        np.asarray,
        along(swing, 0.3, 1.0),
    )


# Many points.


def angles(x: Any) -> Any:
    return np.stack([np.hypot(x[..., 0], x[..., 1]), np.arctan2(x[..., 1], x[..., 0])], axis=-1)


def jacobians_of_points() -> Counted:
    x = np.random.default_rng(1).uniform(0.5, 1.5, (1000, 2))
    v = np.cos(np.arange(2000.0)).reshape(1000, 2)
    jacobians = dd.batch_jacobian(angles)
    return Counted(
        "batch_jacobian of angles, 1000",
        lambda: angles(x),
        lambda: jacobians(x),
        lambda J: np.einsum("nij,nj->ni", J, v),
        along(angles, x, v),
    )


# Staged: what is counted is the program.


def staged_gradient() -> Counted:
    x, v = sparse.at_random(1000), np.cos(np.arange(1000))
    gradient = dd.stage(dd.grad(sparse.rosenbrock))
    gradient(x)
    return Counted(
        "staged grad of rosenbrock, 1000",
        lambda: sparse.rosenbrock(x),
        lambda: gradient(x),
        lambda g: g @ v,
        along(sparse.rosenbrock, x, v),
    )


# Sparse.


def sparse_jacobian() -> Counted:
    x, v = sparse.at_random(1000), np.cos(np.arange(1000))
    J = dd.sparse_jacobian(sparse.heat)
    J(x)
    return Counted(
        "sparse_jacobian of heat, 1000",
        lambda: sparse.heat(x),
        lambda: J(x),
        lambda J: J @ v,
        along(sparse.heat, x, v),
    )


def sparse_hessian() -> Counted:
    x, v = sparse.at_random(1000), np.cos(np.arange(1000))
    H, gradient = dd.sparse_hessian(sparse.rosenbrock), dd.grad(sparse.rosenbrock)
    H(x)
    return Counted(
        "sparse_hessian of rosenbrock, 1000",
        lambda: sparse.rosenbrock(x),
        lambda: H(x),
        lambda H: H @ v,
        along(gradient, x, v),
    )


# Solutions.


def cube_root(a: Any) -> Any:
    from dualdiff.scipy import optimize

    return optimize.brentq(lambda x: x**3 - a, 0.0, 3.0, xtol=1e-14)


def gradient_of_root() -> Counted:
    gradient = dd.grad(cube_root)
    return Counted(
        "grad of a root, brentq",
        lambda: cube_root(8.0),
        lambda: gradient(8.0),
        np.asarray,
        lambda: np.asarray(1 / 12),
    )


def decay(rate: Any) -> Any:
    from scipy.integrate import solve_ivp

    return solve_ivp(lambda t, y: [-rate * y[0], rate * y[0] - y[1]], (0.0, 1.0), [1.0, 0.0], rtol=1e-8, atol=1e-10).y[
        1, -1
    ]


def gradient_of_ode() -> Counted:
    gradient = dd.grad(decay)
    return Counted(
        "grad of an ODE, solve_ivp RK45",
        lambda: decay(2.0),
        lambda: gradient(2.0),
        np.asarray,
        # y = k (e^-t - e^-kt) / (k - 1)
        lambda: np.asarray(-(math.exp(-1) - math.exp(-2)) + 2 * math.exp(-2)),
    )


def area(a: Any) -> Any:
    from scipy.integrate import quad

    return quad(lambda x: math.exp(-a * x), 0.0, a)[0]


def gradient_of_integral() -> Counted:
    gradient = dd.grad(area)
    return Counted(
        "grad of an integral, quad",
        lambda: area(1.5),
        lambda: gradient(1.5),
        np.asarray,
        # (1 - e^-a²) / a
        lambda: np.asarray(2 * math.exp(-2.25) - (1 - math.exp(-2.25)) / 2.25),
    )
