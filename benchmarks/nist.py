"""Fits of certified data with exact Jacobians, and with the differences that SciPy takes by default.

The nonlinear regression sets of NIST's Statistical Reference Datasets: real measurements, two starting points each,
and parameters certified to 11 digits.  The files are read as NIST publishes them; the models are plain NumPy, as
anybody would write them.  Both fits of a set use the same optimiser with the same settings: only ``jac`` differs.

`least_squares` compares sums of squares, which rounding blurs around the minimum: parameters are resolved to about
half of the digits of a float, whatever the Jacobian.  The equation Jᵀr = 0 has no such limit, so each fit is refined by
solving it, with the Jacobian (and its own derivative, by nesting) of the same kind: exact, or differences.

Conventions: digits are the log relative error −log10 |b − c| / |c| of the worst parameter, 11 at most, since no more
are certified; evaluations are counted in the model itself, so those that differences cost count too; one sweep
is one evaluation of the model on duals, which gives all columns of the Jacobian.
Source: NIST/ITL StRD, nonlinear regression; the measure: McCullough, The American Statistician 52 (1998) 358.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import dualdiff as dd

DATA = Path(__file__).parent / "data"
CERTIFIED_DIGITS = 11.0
# The trust-region method is SciPy's default; scaled by the Jacobian it converges from all six starting points.
SETTINGS: dict[str, Any] = {"method": "trf", "x_scale": "jac", "xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15}
# Answer checks: an exact fit with fewer digits fails, and so does a Jacobian farther from the complex step.
FEWEST_DIGITS = 6.5
FEWEST_REFINED_DIGITS = 9.0
LARGEST_ERROR = 1e-12


def misra1a(b, x):
    return b[0] * (1 - np.exp(-b[1] * x))


def thurber(b, x):
    return (b[0] + b[1] * x + b[2] * x**2 + b[3] * x**3) / (1 + b[4] * x + b[5] * x**2 + b[6] * x**3)


def mgh09(b, x):
    return b[0] * (x**2 + x * b[1]) / (x**2 + x * b[2] + b[3])


MODELS: dict[str, Callable[[Any, Any], Any]] = {"Misra1a": misra1a, "Thurber": thurber, "MGH09": mgh09}


@dataclass
class Dataset:
    """One file: ``x`` and ``y`` as measured, the starting points, the certified parameters and sum of squares."""

    name: str
    x: np.ndarray[Any, Any]
    y: np.ndarray[Any, Any]
    starts: list[np.ndarray[Any, Any]]
    certified: np.ndarray[Any, Any]
    sum_of_squares: float


@dataclass
class Fit:
    """What one optimisation reached, and what it cost."""

    parameters: np.ndarray[Any, Any]
    digits: float
    refined_digits: float
    evaluations: int
    sweeps: int


@dataclass
class Row:
    """One set from one starting point, fitted both ways."""

    name: str
    observations: int
    start: int
    exact: Fit
    differences: Fit
    error_of_differences: float
    checked: float

    @property
    def passed(self) -> bool:
        return (
            self.exact.digits >= FEWEST_DIGITS
            and self.exact.refined_digits >= FEWEST_REFINED_DIGITS
            and self.checked <= LARGEST_ERROR
        )

    def record(self) -> dict[str, Any]:
        fits = {"exact": numbers(self.exact), "differences": numbers(self.differences)}
        return {
            "section": "fits",
            "problem": self.name,
            "operator": "jacfwd",
            **numbers(self),
            **fits,
            "passed": self.passed,
        }


class Residual:
    """``model(b, x) - y``, counting how often it runs on plain numbers and on duals."""

    def __init__(self, data: Dataset) -> None:
        self.model, self.x, self.y = MODELS[data.name], data.x, data.y
        self.evaluations = self.sweeps = 0

    def __call__(self, b):
        if isinstance(b, dd.Dual):
            self.sweeps += 1
        else:
            self.evaluations += 1
        return self.model(b, self.x) - self.y


def read(name: str) -> Dataset:
    """A file of the StRD; its header names the lines that hold the parameters and the data."""
    text = (DATA / f"{name}.dat").read_text()
    lines = text.splitlines()

    def section(title: str) -> list[str]:
        first, last = found(rf"{title}\s+\(lines\s+(\d+) to\s+(\d+)\)", text)
        return lines[int(first) - 1 : int(last)]

    parameters = np.array([line.split("=")[1].split() for line in section("Starting Values")], dtype=float)
    data = np.array([line.split() for line in section("Data")], dtype=float)
    return Dataset(
        name,
        x=data[:, 1],
        y=data[:, 0],
        starts=[parameters[:, 0], parameters[:, 1]],
        certified=parameters[:, 2],
        sum_of_squares=float(found(r"Residual Sum of Squares:\s+(\S+)", text)[0]),
    )


def found(pattern: str, text: str) -> tuple[str, ...]:
    match = re.search(pattern, text)
    if match is None:
        raise ValueError(f"not a file of the StRD: nothing in it matches {pattern!r}")
    return match.groups()


def run(names: list[str]) -> Iterator[Row]:
    """Each set from both of its starting points."""
    for name in names:
        data = read(name)
        for i, start in enumerate(data.starts, 1):
            exact = fit(data, start, exact_jacobian)
            differences = fit(data, start, "2-point")
            f, b = Residual(data), exact.parameters
            yield Row(
                name,
                data.x.size,
                i,
                exact,
                differences,
                error_of_differences=relative_error(two_point(f)(b), dd.jacfwd(f)(b)),
                checked=relative_error(dd.jacfwd(f)(b), complex_step(f, b)),
            )


def fit(data: Dataset, start: Any, jac: Any) -> Fit:
    """One set from one starting point; ``jac`` makes the Jacobian of a function, or is SciPy's word for it."""
    from scipy.optimize import least_squares  # the other sections run without SciPy

    residual = Residual(data)
    result = least_squares(residual, start, jac=jac(residual) if callable(jac) else jac, **SETTINGS)
    evaluations, sweeps = residual.evaluations, residual.sweeps
    if callable(jac):
        refined = stationary_point(residual, result.x, jac, jac)
    else:
        refined = stationary_point(residual, result.x, two_point, None)
    return Fit(result.x, digits(result.x, data.certified), digits(refined, data.certified), evaluations, sweeps)


def exact_jacobian(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return dd.jacfwd(f)


def two_point(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The Jacobian that `least_squares` takes if given none: after one evaluation it returns the one at the start."""
    from scipy.optimize import least_squares

    return lambda b: least_squares(f, b, max_nfev=1).jac


def stationary_point(residual: Any, b: Any, jacobian: Any, jacobian_of_gradient: Any) -> Any:
    """Solution of Jᵀr = 0 near ``b``: where the gradient of the sum of squares vanishes."""
    from scipy.optimize import root

    def gradient(b):
        return jacobian(residual)(b).T @ residual(b)

    jac = jacobian_of_gradient(gradient) if jacobian_of_gradient else None
    return root(gradient, b, jac=jac, tol=1e-15).x


def numbers(row: Fit | Row) -> dict[str, Any]:
    """Its fields; arrays as lists."""
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in vars(row).items()}


def digits(b: Any, certified: Any) -> float:
    """Decimal digits that the worst parameter shares with its certified value."""
    error = max(np.max(np.abs(b - certified) / np.abs(certified)), 1e-300)
    return float(np.clip(-np.log10(error), 0.0, CERTIFIED_DIGITS))


def complex_step(f: Callable[[Any], Any], b: Any) -> Any:
    """Jacobian of an analytic function, exact to rounding, without dual numbers (Squire & Trapp 1998)."""
    step = 1e-30
    return np.stack([f(b + 1j * step * unit).imag / step for unit in np.eye(b.size)], axis=-1)


def relative_error(estimate: Any, exact: Any) -> float:
    """Largest relative error of an entry."""
    return float(np.max(np.abs(estimate - exact) / np.abs(exact)))
