"""What SciPy's users do with derivatives: likelihoods, a transition matrix, whole fits and solves, derivatives of fits.

    garch, kalman            gradient of a likelihood, a loop over time        beside central differences of it
    two-body                 state transition matrix of 200 RK4 steps          beside central differences
    least_squares, ...       SciPy to the end, with its defaults and as `dualdiff.scipy` calls it: evaluations and time
    root, fsolve, ...        the same of small problems, of plain numbers
    ridge, argmin            the derivative of a minimum in its data           beside one plain solve, ours and SciPy's
    quad in a parameter      the derivative of an integral                     beside one plain integral

Every answer is checked first: derivatives against extrapolated differences, solutions against SciPy's.  All that is in
one row takes turns.  Where `dualdiff.stage` exists, gradients are measured staged as well.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

import dualdiff as dd
from dualdiff.testing import derivative_at_zero

from .measuring import times

LARGEST_ERROR = 1e-6  # relative, of extrapolated differences
AS_SCIPY = 1e-4  # relative, of two solutions, by differences and by exact derivatives


@dataclass
class Row:
    """``seconds`` of dualdiff ("ours"), of what it stands beside ("beside"), and "staged" where that can be had."""

    problem: str
    size: str
    beside: str
    seconds: dict[str, float]
    error: float
    wanted: float  # limit of ours / beside
    evaluations: dict[str, int] = field(default_factory=dict)
    tolerance: float = LARGEST_ERROR

    @property
    def ratio(self) -> float:
        return self.seconds["ours"] / self.seconds["beside"]

    @property
    def passed(self) -> bool:
        return self.error <= self.tolerance

    def record(self) -> dict[str, Any]:
        return {"section": "scipy", **asdict(self), "ratio": self.ratio, "passed": self.passed}


def staged(transform: Any) -> Any:
    """The same function staged, or None."""
    return dd.stage(transform) if hasattr(dd, "stage") else None


def central(f: Callable[[Any], Any], x: Any) -> Any:
    """Central differences, 2 n values: what SciPy's users write."""
    columns = []
    for i in range(x.size):
        h = np.zeros_like(x)
        h[i] = 6e-6 * max(1.0, abs(x[i]))
        columns.append((f(x + h) - f(x - h)) / (2 * h[i]))
    return np.stack(columns, axis=-1)


def along(f: Callable[[Any], Any], x: Any, derivative: Any) -> float:
    """The error of a gradient or Jacobian along one direction, relative."""
    v = np.cos(np.arange(x.size))
    true = derivative_at_zero(lambda t: [f(x + t * v)], 1e-3)[0]
    return float(np.max(np.abs(derivative @ v - true)) / np.max(np.abs(true)))


def beside_differences(name: str, size: str, f: Any, x: Any, derivative: Any, wanted: float, rounds: int) -> Row:
    error = along(f, x, derivative(x))
    calls = {"ours": lambda: derivative(x), "beside": lambda: central(f, x)}
    if (quick := staged(derivative)) is not None:
        error = max(error, along(f, x, quick(x)))
        calls["staged"] = lambda: quick(x)
    seconds = dict(zip(calls, times(rounds, list(calls.values())), strict=True))
    return Row(name, size, "central differences", seconds, error, wanted)


# Likelihoods and trajectories.


def garch(n: int, rounds: int) -> Row:
    """GARCH(1, 1): the variance of each day from that of the day before."""
    r = np.random.default_rng(0).standard_normal(n)

    def negative_log_likelihood(p):
        omega, alpha, beta = p
        variance, total = 1.0, 0.0
        for day in r:
            total = total + np.log(variance) + day**2 / variance
            variance = omega + alpha * day**2 + beta * variance
        return 0.5 * total

    x = np.array([0.1, 0.1, 0.8])
    return beside_differences(
        "garch", f"{n} steps", negative_log_likelihood, x, dd.grad(negative_log_likelihood), 1.0, rounds
    )


def kalman(n: int, rounds: int) -> Row:
    """A local linear trend with six parameters, filtered."""
    y = np.cumsum(np.random.default_rng(1).standard_normal(n)) * 0.1
    T, Z = np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([1.0, 0.0])

    def negative_log_likelihood(p):
        Q, noise = np.diag(np.exp(p[:2])), np.exp(p[2])
        m, P, total = p[3:5], np.eye(2) * np.exp(p[5]), 0.0
        for seen in y:
            F = Z @ P @ Z + noise
            v = seen - Z @ m
            K = P @ Z / F
            total = total + np.log(F) + v * v / F
            m = T @ (m + K * v)
            P = T @ (P - np.outer(K, Z @ P)) @ T.T + Q
        return 0.5 * total

    x = np.array([-1.0, -2.0, -1.5, 0.1, 0.05, 0.3])
    return beside_differences(
        "kalman", f"{n} steps", negative_log_likelihood, x, dd.grad(negative_log_likelihood), 1.0, rounds
    )


def two_body(n: int, rounds: int) -> Row:
    """The state transition matrix of n Runge-Kutta steps."""

    def rate(s):
        r = s[:3]
        return np.concatenate([s[3:], -r / np.sum(r * r) ** 1.5])

    def flow(s):
        h = 2.0 / n
        for _ in range(n):
            k1 = rate(s)
            k2 = rate(s + 0.5 * h * k1)
            k3 = rate(s + 0.5 * h * k2)
            k4 = rate(s + h * k3)
            s = s + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        return s

    x = np.array([1.0, 0.0, 0.1, 0.0, 1.1, 0.05])
    return beside_differences("two-body", f"{n} RK4 steps", flow, x, dd.jacfwd(flow), 0.5, rounds)


# Whole fits and solves.


class Counted:
    """A function that counts its calls."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self.f = f
        self.calls = 0

    def __call__(self, *args: Any) -> Any:
        self.calls += 1
        return self.f(*args)


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def decays(p):
    t = np.linspace(0.0, 4.0, 200)
    return sum(p[3 * i] * np.exp(-p[3 * i + 1] * t) * np.cos(p[3 * i + 2] * t) for i in range(3))


MEASURED = decays(np.array([1.0, 0.3, 2.0, 0.7, 0.9, 5.0, 0.4, 0.1, 9.0]))
GUESS = np.array([0.9, 0.35, 2.1, 0.6, 0.8, 4.9, 0.5, 0.15, 9.1])


def robertson(t, y):
    slow, quick = 0.04 * y[0], 1e4 * y[1] * y[2]
    return np.array([-slow + quick, slow - quick - 3e7 * y[1] ** 2, 3e7 * y[1] ** 2])


def _fit(module: Any, f: Any) -> Any:
    return module.least_squares(f, GUESS).x


def _minimum(method: str, n: int) -> Callable[[Any, Any], Any]:
    start = np.full(n, 2.0)

    def solve(module: Any, f: Any) -> Any:
        options: dict[str, Any] = {}
        if module.__name__.startswith("scipy") and method == "trust-exact":
            # It has no default: without dualdiff its users give it differences.
            from scipy.optimize._numdiff import approx_derivative

            slope = lambda x: approx_derivative(f, x)
            options |= {"jac": slope, "hess": lambda x: approx_derivative(slope, x, method="3-point")}
        return module.minimize(f, start, method=method, **options).x

    return solve


def _newton(module: Any, f: Any) -> Any:
    return module.newton(f, np.linspace(0.5, 2.5, 1000))


def _ode(module: Any, f: Any) -> Any:
    return module.solve_ivp(f, (0.0, 40.0), [1.0, 0.0, 0.0], method="Radau", rtol=1e-6, atol=1e-10).y[:, -1]


def kepler(E):
    return E - 0.3 * np.sin(E) - np.linspace(0.4, 2.2, 1000)


# Small ones, of plain numbers in microseconds: there all that is not SciPy's counts.


def diodes(v):
    """Two nodes of a circuit with two diodes."""
    through = 1e-3 * (np.exp((v[0] - v[1]) / 0.5) - 1.0)
    return np.array([(5.0 - v[0]) / 1e3 - through, through - v[1] / 2e3 - 1e-4 * (np.exp(v[1]) - 1.0)])


def banana(x):
    return np.array([10.0 * (x[1] - x[0] ** 2), 1.0 - x[0]])


def decay(t, a, k, c):
    return a * np.exp(-k * t) + c


TIMES = np.linspace(0.0, 4.0, 200)
COUNTS = decay(TIMES, 2.5, 1.3, 0.5) + 0.01 * np.cos(31.0 * TIMES)


def cubic(x):
    return x**3 - 2.0 * x - 5.0


def well(x):
    return (x - 2.0) ** 2 + x**4


def bell(x):
    return np.exp(-x * x)


SMALL: dict[str, tuple[str, Callable[[Any, Any], Any], Callable[..., Any], str]] = {
    "root": ("optimize", lambda module, f: module.root(f, [1.0, 0.5]).x, diodes, "2 unknowns"),
    "fsolve": ("optimize", lambda module, f: module.fsolve(f, [1.0, 0.5]), diodes, "2 unknowns"),
    "least_squares small": (
        "optimize", lambda module, f: module.least_squares(f, [-1.0, 1.0]).x, banana, "2 parameters",
    ),
    "leastsq": ("optimize", lambda module, f: module.leastsq(f, [-1.0, 1.0])[0], banana, "2 parameters"),
    "curve_fit": (
        "optimize", lambda module, f: module.curve_fit(f, TIMES, COUNTS, [2.0, 1.0, 0.0])[0], decay, "3 parameters",
    ),
    "brentq": ("optimize", lambda module, f: module.brentq(f, 0.0, 3.0), cubic, "1 unknown"),
    "newton of a number": ("optimize", lambda module, f: module.newton(f, 2.0), cubic, "1 unknown"),
    "minimize_scalar": ("optimize", lambda module, f: module.minimize_scalar(f).x, well, "1 unknown"),
    "minimize BFGS small": (
        "optimize", lambda module, f: module.minimize(f, [-1.0, 1.0], method="BFGS").x, rosenbrock, "2 unknowns",
    ),
    "nnls": ("optimize", lambda module, f: module.nnls(MATRIX, np.arange(5.0))[0], bell, "3 unknowns"),
    "quad": ("integrate", lambda module, f: module.quad(f, 0.0, 1.0)[0], bell, "21 nodes"),
}  # fmt: skip
MATRIX = np.random.default_rng(3).random((5, 3))


# name: (module, solve, function, size)
SOLVES: dict[str, tuple[str, Callable[[Any, Any], Any], Callable[..., Any], str]] = {
    "least_squares": ("optimize", _fit, lambda p: _residual(p), "9 parameters"),
    "minimize BFGS": ("optimize", _minimum("BFGS", 20), rosenbrock, "20 unknowns"),
    "minimize trust-exact": ("optimize", _minimum("trust-exact", 8), rosenbrock, "8 unknowns"),
    "minimize trust-constr": ("optimize", _minimum("trust-constr", 20), rosenbrock, "20 unknowns"),
    "newton": ("optimize", _newton, kepler, "1000 roots"),
    "solve_ivp Radau": ("integrate", _ode, robertson, "3 unknowns"),
    **SMALL,
}


# SciPy's own drivers with a staged derivative, as its users give them one: (transform, solve with jac).
WITH_JAC: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "least_squares": (dd.jacfwd, lambda jac: _scipy("optimize").least_squares(_residual, GUESS, jac=jac).x),
    "minimize BFGS": (
        dd.grad, lambda jac: _scipy("optimize").minimize(rosenbrock, np.full(20, 2.0), jac=jac, method="BFGS").x,
    ),
    "solve_ivp Radau": (
        lambda f: dd.jacfwd(f, 1),
        lambda jac: _scipy("integrate").solve_ivp(
            robertson, (0.0, 40.0), [1.0, 0.0, 0.0], method="Radau", rtol=1e-6, atol=1e-10, jac=jac
        ).y[:, -1],
    ),
}  # fmt: skip


def _scipy(home: str) -> Any:
    import importlib

    return importlib.import_module(f"scipy.{home}")


def _residual(p):
    return decays(p) - MEASURED


def solved(name: str, rounds: int) -> Row:
    """Evaluations are calls of the user's function, whatever numbers it is given."""
    import importlib

    home, solve, f, size = SOLVES[name]
    modules = [importlib.import_module(f"{package}.{home}") for package in ("dualdiff.scipy", "scipy")]
    evaluations, solutions = {}, []
    for module, who in zip(modules, ("ours", "beside"), strict=True):
        counted = Counted(f)
        solutions.append(solve(module, counted))
        evaluations[who] = counted.calls
    error = float(np.max(np.abs(solutions[0] - solutions[1])) / np.max(np.abs(solutions[1])))
    calls = {
        who: lambda module=module: solve(module, f) for who, module in zip(("ours", "beside"), modules, strict=True)
    }
    if name in WITH_JAC:
        transform, with_jac = WITH_JAC[name]
        jac = dd.stage(transform(f))
        error = max(error, float(np.max(np.abs(with_jac(jac) - solutions[1])) / np.max(np.abs(solutions[1]))))
        calls["staged"] = lambda: with_jac(jac)
    seconds = dict(zip(calls, times(rounds, list(calls.values())), strict=True))
    return Row(name, size, "SciPy", seconds, error, 1.1, evaluations, AS_SCIPY)


# Derivatives of solutions.


def ridge(n: int, rounds: int, by_scipy: bool = False) -> Row:
    """The gradient of a validation loss in the logarithm of the penalty, through the fit of n weights.

    Beside one plain solve of our own, which has exact gradients, or of SciPy's with its defaults.
    """
    from dualdiff.scipy import optimize

    rng = np.random.default_rng(2)
    A, B = rng.standard_normal((4 * n, n)), rng.standard_normal((2 * n, n))
    truth = rng.standard_normal(n)
    y, z = (X @ truth + rng.standard_normal(len(X)) for X in (A, B))

    def loss(w, log_penalty):
        return np.sum((A @ w - y) ** 2) + np.exp(log_penalty) * np.sum(w * w)

    def validation(log_penalty, module=optimize):
        w = module.minimize(lambda w: loss(w, log_penalty), np.zeros(n), method="L-BFGS-B", tol=1e-12).x
        return np.sum((B @ w - z) ** 2)

    def exact(log_penalty):
        w = np.linalg.solve(A.T @ A + np.exp(log_penalty) * np.eye(n), A.T @ y)
        return np.sum((B @ w - z) ** 2)

    true = dd.derivative(exact)(1.0)
    error = abs(dd.grad(validation)(1.0) - true) / abs(true)
    beside = _scipy("optimize") if by_scipy else optimize
    seconds = times(rounds, [lambda: dd.grad(validation)(1.0), lambda: validation(1.0, beside)])
    # At the weights that SciPy stops at.
    measured = dict(zip(("ours", "beside"), seconds, strict=True))
    return Row("ridge", f"{n} weights", _SOLVE[by_scipy], measured, error, 1.5, tolerance=AS_SCIPY)


_SOLVE = ("one solve", "one of SciPy's")


def argmin(n: int, rounds: int, by_scipy: bool = False) -> Row:
    """The Jacobian of a minimum in n parameters of its objective."""
    from dualdiff.scipy import optimize

    def minimum(a, module=optimize):
        return module.minimize(lambda x: np.sum((x - a) ** 2 + 0.1 * np.cosh(x)) + x[0] * x[1], np.zeros(n)).x

    a = np.linspace(0.5, 1.5, n)
    x, coupling = minimum(a), np.zeros((n, n))
    coupling[0, 1] = coupling[1, 0] = 1.0
    for _ in range(5):  # to the last digits
        H = np.diag(2.0 + 0.1 * np.cosh(x)) + coupling
        x = x - np.linalg.solve(H, 2 * (x - a) + 0.1 * np.sinh(x) + coupling @ x)
    exact = 2.0 * np.linalg.inv(np.diag(2.0 + 0.1 * np.cosh(x)) + coupling)
    error = float(np.max(np.abs(dd.jacfwd(minimum)(a) - exact)) / np.max(exact))
    beside = _scipy("optimize") if by_scipy else optimize
    seconds = times(rounds, [lambda: dd.jacfwd(minimum)(a), lambda: minimum(a, beside)])
    measured = dict(zip(("ours", "beside"), seconds, strict=True))
    return Row("argmin", f"{n} parameters", _SOLVE[by_scipy], measured, error, 1.5)


def integral(n: int, rounds: int) -> Row:
    """The gradient of an integral of n parameters."""
    from dualdiff.scipy import integrate

    powers = np.arange(n)

    def f(p):
        return integrate.quad(lambda x: np.exp(-np.sum(p * x**powers)), 0.0, 1.0)[0]

    p = np.linspace(0.5, 1.0, n)
    error = along(f, p, dd.grad(f)(p))
    seconds = times(rounds, [lambda: dd.grad(f)(p), lambda: f(p)])
    return Row(
        "quad in a parameter",
        f"{n} parameters",
        "one integral",
        dict(zip(("ours", "beside"), seconds, strict=True)),
        error,
        40.0,
    )


FIGURES: dict[str, tuple[Callable[[int, int], Row], int, int]] = {  # name: (run, size, size of a quick run)
    "garch": (garch, 500, 50),
    "kalman": (kalman, 100, 10),
    "two-body": (two_body, 200, 20),
    "ridge": (ridge, 50, 10),
    "argmin": (argmin, 10, 5),
    "ridge of SciPy": (functools.partial(ridge, by_scipy=True), 50, 10),
    "argmin of SciPy": (functools.partial(argmin, by_scipy=True), 10, 5),
    "quad": (integral, 3, 2),
}
