"""Other packages that find the pattern of a Jacobian themselves, on the same functions, where they are installed.

    asdex     on JAX: patterns from its programs, compiled (an in-place function is none of JAX's)
    CasADi    the function run on an object array of symbols, its Jacobian as a program of the virtual machine

Each call takes a NumPy array and gives an array of the entries; the answer is checked by a product before it is timed.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from .peers import in_namespace

LARGEST_OF_SYMBOLS = 10**4  # unknowns; more take CasADi minutes
LARGEST_ERROR = 1e-9


class Prepared(NamedTuple):
    name: str
    call: Callable[[], Any]
    seconds: float  # of preparation: pattern, colours, the first call with its compilation


def prepared(f: Callable[[Any], Any], x: Any, product: Callable[[Any], Any]) -> list[Prepared]:
    """The peers that are installed and can run a function; ``product(v)`` is J v to check them by."""
    found = []
    for name, package, make in (("asdex", "asdex", of_asdex), ("CasADi", "casadi", of_casadi)):
        if find_spec(package) is None:
            continue
        try:
            start = time.perf_counter()
            call, times_vector = make(f, x)
            call()
            took = time.perf_counter() - start
            v = np.cos(np.arange(x.size))
            expected = product(v)
            error = np.max(np.abs(times_vector(v) - expected)) / np.max(np.abs(expected))
        except Exception:  # whatever a peer raises is its own reason why it has no figure
            continue
        if error <= LARGEST_ERROR:
            found.append(Prepared(name, call, took))
    return found


def of_asdex(f: Callable[[Any], Any], x: Any) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    asdex = importlib.import_module("asdex")
    in_jax = in_namespace(f, importlib.import_module("jax.numpy"))
    jacobian = jax.jit(asdex.jacobian(in_jax, x))
    return lambda: np.asarray(jacobian(x).data), lambda v: np.asarray(jacobian(x) @ v)


def of_casadi(f: Callable[[Any], Any], x: Any) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    if x.size > LARGEST_OF_SYMBOLS:
        raise ValueError("too many symbols")
    casadi = importlib.import_module("casadi")
    symbols = casadi.SX.sym("x", x.size)
    y = f(np.array(casadi.vertsplit(symbols), dtype=object))
    jacobian = casadi.Function("J", [symbols], [casadi.jacobian(casadi.vertcat(*y.tolist()), symbols)])
    return lambda: jacobian(x).nonzeros(), lambda v: np.asarray(casadi.mtimes(jacobian(x), v)).ravel()
