"""Other ways to the same derivatives, run on the same plain functions: those that are installed.

A peer that has a NumPy of its own gets the function with the name ``np`` bound to that (`in_namespace`): what its users
do by changing an import.  Every call takes and returns NumPy arrays, as dualdiff's do.  A peer's answer is checked
before it is timed, by hand or by differences (`answers`); what it cannot run is a `CannotRun` with the reason.

    autograd         HIPS autograd, ``autograd.numpy``
    MyGrad           reverse mode on tensors that speak NumPy's protocols; a Jacobian is one backward run for each row
    JAX, JAX jit     ``jax.numpy`` in 64 bits, operation by operation and compiled (loops are unrolled)
    advect, staged   reverse and forward mode on NumPy's protocols; its staged programs
    differences      SciPy's `approx_fprime`: one run of the function for each input and one more
"""

from __future__ import annotations

import functools
import importlib
import inspect
import time
import types
import warnings
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from dualdiff.pytrees.trees import flatten

from .answers import Judge
from .measuring import Call, error_text, repeated
from .problems import Problem

LARGEST_ERROR_OF_PEERS = 1e-9
LARGEST_ERROR_OF_DIFFERENCES = 1e-2
PATIENCE = 10.0  # seconds that one derivative may take
LONGEST_PROGRAM = 5000  # operations; XLA's time grows faster than their number, and cannot be interrupted


class CannotRun(Exception):
    """A peer cannot run a problem; the message is the reason."""


class Peer:
    """One way to differentiate: `derivative` prepares a call for a problem, or raises."""

    name: str
    package: str
    largest_error = LARGEST_ERROR_OF_PEERS
    compiles = False  # the first call takes longer than the others

    def version(self) -> str | None:
        """None if it is not installed."""
        try:
            return version(self.package)
        except PackageNotFoundError:
            return None

    def derivative(self, problem: Problem) -> Call:
        raise NotImplementedError

    def ready(self, problem: Problem, judge: Judge) -> tuple[Call, float, float]:
        """A call to be timed, the seconds of its first run, and its error."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the answer is checked
            try:
                call = self.derivative(problem)
                start = time.perf_counter()
                answer = call()
                first = time.perf_counter() - start
            except CannotRun:
                raise
            except Exception as error:  # whatever a peer raises is the reason why the row is empty
                raise CannotRun(one_line(error)) from error
        error_of_answer = judge.error_of_peer(answer)
        if error_of_answer > max(self.largest_error, judge.resolution):
            raise CannotRun(f"wrong answer: relative error {error_text(error_of_answer)}")
        once = repeated(call, 1) if self.compiles and first > PATIENCE else first
        if once > PATIENCE:
            raise CannotRun(f"one derivative takes {once:.0f} s")
        return call, first, error_of_answer


class Autograd(Peer):
    name, package = "autograd", "autograd"

    def derivative(self, problem: Problem) -> Call:
        autograd = importlib.import_module("autograd")
        f = in_namespace(problem.f, importlib.import_module("autograd.numpy"))
        args = problem.args
        if problem.operator == "jvp":
            jvp = importlib.import_module("autograd.differential_operators").make_jvp
            if len(args) > 1:
                raise CannotRun("its jvp is along one argument")
            return lambda: jvp(f)(*args)(*problem.tangents)
        transform = {"grad": autograd.grad}.get(problem.operator, autograd.jacobian)
        one_array = not isinstance(problem.argnums, tuple) and len(flatten(problem.value())[0]) == 1
        if transform is autograd.jacobian and not one_array:
            raise CannotRun("its jacobian is of one array in one array")
        if transform is autograd.jacobian:
            one_row = autograd.grad(lambda *args: f(*args).ravel()[0], problem.argnums)
            be_patient_with_rows(problem, lambda: one_row(*args))
        derivative = transform(f, problem.argnums)
        return lambda: derivative(*args)


class MyGrad(Peer):
    name, package = "MyGrad", "mygrad"

    def derivative(self, problem: Problem) -> Call:
        mygrad = importlib.import_module("mygrad")
        if problem.operator == "jvp":
            raise CannotRun("has no forward mode")
        f, primals = problem.in_differentiated()
        leaves, structure = flatten(primals)

        def recorded() -> tuple[list[Any], Any]:
            tensors = [mygrad.tensor(leaf) for leaf in leaves]
            y = f(*structure.build(iter(tensors)))
            if not isinstance(y, mygrad.Tensor):
                raise CannotRun(f"the result is no tensor but {type(y).__name__}: the record was lost")
            return tensors, y

        def gradients(tensors: list[Any]) -> list[Any]:
            return [np.zeros_like(t.data) if t.grad is None else t.grad for t in tensors]

        def grad() -> Any:
            tensors, y = recorded()
            y.backward()
            return gradients(tensors)

        def row(i: int) -> list[Any]:
            # A backward run consumes the record, so that each row takes a run of the function too.
            tensors, y = recorded()
            y.ravel()[i].backward()
            return gradients(tensors)

        def jacobian() -> Any:
            shape = np.shape(f(*primals))
            rows = [row(i) for i in range(int(np.prod(shape)))]
            return [np.reshape(np.stack(column), shape + column[0].shape) for column in zip(*rows, strict=True)]

        if problem.operator != "grad":
            be_patient_with_rows(problem, lambda: row(0))
        return grad if problem.operator == "grad" else jacobian


class Jax(Peer):
    name, package = "JAX", "jax"
    compiles = True
    jitted = False

    def derivative(self, problem: Problem) -> Call:
        jax = importlib.import_module("jax")
        jax.config.update("jax_enable_x64", True)
        f, primals = problem.in_differentiated(in_namespace(problem.f, importlib.import_module("jax.numpy")))
        if problem.operator == "jvp":
            run = lambda *leaves: jax.jvp(f, leaves, problem.tangents)
        else:
            argnums = tuple(range(len(primals))) if isinstance(problem.argnums, tuple) else 0
            run = getattr(jax, problem.operator)(f, argnums)
        if self.jitted:
            operations = len(jax.make_jaxpr(run)(*primals).eqns)
            if operations > LONGEST_PROGRAM:
                raise CannotRun(f"the loop unrolls to {operations} operations, too many to compile")
            run = jax.jit(run)
        return lambda: jax.tree_util.tree_map(np.asarray, run(*primals))


class JaxJit(Jax):
    name, jitted = "JAX jit", True


class Advect(Peer):
    name, package = "advect", "advect"
    staged = False
    compiles = True

    def derivative(self, problem: Problem) -> Call:
        advect = importlib.import_module("advect")
        f, primals = problem.in_differentiated()
        argnums = tuple(range(len(primals))) if isinstance(problem.argnums, tuple) else 0
        if self.staged:
            f = advect.stage(f, *primals)
        if problem.operator == "jvp":
            jvp = advect.jvp(f, tuple(range(len(primals))))
            return lambda: jvp(*primals, tangents=problem.tangents)
        derivative = (advect.grad if problem.operator == "grad" else advect.jacobian)(f, argnums)
        return lambda: derivative(*primals)


class AdvectStaged(Advect):
    name, staged = "advect staged", True


class Differences(Peer):
    name, package = "differences", "scipy"
    largest_error = LARGEST_ERROR_OF_DIFFERENCES

    def derivative(self, problem: Problem) -> Call:
        approx_fprime = importlib.import_module("scipy.optimize").approx_fprime
        f, primals = problem.in_differentiated()
        leaves, structure = flatten(primals)
        shapes = [np.shape(leaf) for leaf in leaves]
        cuts = np.cumsum([np.size(leaf) for leaf in leaves])
        outputs, _ = flatten(f(*primals))

        def of_vector(x: Any) -> Any:
            parts = [np.reshape(part, shape) for part, shape in zip(np.split(x, cuts[:-1]), shapes, strict=True)]
            found = flatten(f(*structure.build(iter(parts))))[0]
            return np.concatenate([np.ravel(y) for y in found])

        x = np.concatenate([np.ravel(leaf) for leaf in leaves])
        if problem.operator == "jvp":
            v = np.concatenate([np.ravel(leaf) for leaf in flatten(problem.tangents)[0]])
            shape = np.shape(outputs[0])
            along = lambda t: of_vector(x + t[0] * v)
            return lambda: (f(*primals), np.reshape(approx_fprime(np.zeros(1), along), shape))
        if (estimate := (x.size + 1) * repeated(problem.value, 1)) > PATIENCE:
            raise CannotRun(f"{x.size + 1} runs of the function take about {estimate:.0f} s")
        rows = np.cumsum([np.size(y) for y in outputs])[:-1]

        def jacobian() -> list[Any]:
            J = approx_fprime(x, of_vector).reshape(-1, x.size)
            return [
                np.reshape(block, np.shape(y) + shape)
                for y, row in zip(outputs, np.split(J, rows), strict=True)
                for block, shape in zip(np.split(row, cuts[:-1], axis=1), shapes, strict=True)
            ]

        return jacobian


PEERS: tuple[Peer, ...] = (Autograd(), MyGrad(), Jax(), JaxJit(), Advect(), AdvectStaged(), Differences())


def installed() -> list[Peer]:
    return [peer for peer in PEERS if peer.version() is not None]


def versions() -> dict[str, str]:
    return {peer.package: found for peer in PEERS if (found := peer.version()) is not None}


def in_namespace(f: Callable[..., Any], namespace: Any) -> Callable[..., Any]:
    """``f``, and the functions of its module that it calls, with their global name for NumPy bound to ``namespace``."""
    modules: dict[int, dict[str, Any]] = {}

    def bound(value: Any) -> Any:
        if value is np:
            return namespace
        if isinstance(value, functools.partial):
            return functools.partial(bound(value.func), *value.args, **value.keywords)
        if not inspect.isfunction(value) or not value.__module__.startswith(__package__ or ""):
            return value
        key = id(value.__globals__)
        if key not in modules:
            modules[key] = dict(value.__globals__)
            modules[key].update({name: bound(inner) for name, inner in value.__globals__.items()})
        closure = tuple(types.CellType(bound(cell.cell_contents)) for cell in value.__closure__ or ())
        copy = types.FunctionType(value.__code__, modules[key], value.__name__, value.__defaults__, closure)
        copy.__kwdefaults__ = value.__kwdefaults__
        return copy

    return bound(f)


def be_patient_with_rows(problem: Problem, one_row: Call) -> None:
    """For peers whose Jacobians are one backward run for each row."""
    one_row()
    rows = sum(int(np.size(y)) for y in flatten(problem.value())[0])
    if (estimate := rows * repeated(one_row, 1)) > PATIENCE:
        raise CannotRun(f"{rows} rows of the Jacobian, one backward run each, take about {estimate:.0f} s")


def one_line(error: BaseException) -> str:
    first = str(error).strip().splitlines()[:1]
    return f"{type(error).__name__}: {first[0]}" if first else type(error).__name__
