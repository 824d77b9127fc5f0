"""`scipy.integrate.solve_ivp`, differentiable in all that enters: y0, t_span, t_eval, args, what functions close over.

SciPy solves on plain numbers and makes every value.  Where something carried a derivative, its accepted steps are
taken again with derivatives (`dualdiff.scipy.trajectories`), and events are roots of theirs.

Conventions: times that SciPy chose are constants; the ends of ``t_span``, events and ``t_eval`` move.
Source: Hairer, Nørsett, Wanner, Solving Ordinary Differential Equations I, section I.14.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.integrate
from scipy.integrate import BDF, DOP853, LSODA, RK23, RK45, OdeSolution, OdeSolver, Radau

from .. import errors
from ..transforms.forward import jvp
from ..values.levels import innermost
from ..values.objects import carries, fused
from .callbacks import plain
from .collocation import CollocationSteps, ComplexSteps
from .drivers import driver
from .implicit import Solution, numbers, with_derivatives
from .pieces import followed
from .rates import Rate, carried_to, combined, levels_in
from .results import Withheld, with_value
from .trajectories import RungeKuttaSteps, has_stages, interpolant, recording
from .variational import AugmentedSteps

METHODS: dict[str, type[OdeSolver]] = {one.__name__: one for one in (RK23, RK45, DOP853, Radau, BDF, LSODA)}
SENSITIVITIES = ("replay", "forward", "adjoint")


@driver(scipy.integrate.solve_ivp)
def solve_ivp(given: dict[str, Any]) -> Any:
    """Radau, BDF and LSODA get the exact Jacobian unless one is given, sparse where that is large and mostly zero.

    ``sensitivity``: "replay", the accepted steps taken again with derivatives; "adjoint", the same, in reverse mode
    only; "forward", variational equations under control of errors, in forward mode only.
    Cost: of a replay, 2 to 5 values of SciPy's for 3 parameters, 4 to 10 of the variational equations: one run of
    ``fun`` for all stages if it takes many states as columns, else one program of ``fun`` and its Jacobian, written at
    the second solution, or at the first if that is long.  A ``fun`` that closes over more than numbers, arrays and
    functions, and second derivatives of one that takes no columns, cost a run with derivatives for each stage, 3 to 20
    values.  LSODA, whose own work is compiled, is followed in 7 to 20 values, `odeint` in about 20.
    Errors: of the size of those of the solution; steps that are too long for a derivative are divided.  What a jump of
    ``fun`` at a state adds is in the derivative (guide, odes), at the cost of three evaluations for each step.
    Raises: ValueError where SciPy did not reach the end, an event is no simple root, the solution slides along a jump.

    >>> import numpy as np
    >>> from dualdiff import grad
    >>> def last(k):
    ...     return solve_ivp(lambda t, y: -k * y, (0.0, 1.0), [1.0], rtol=1e-8, atol=1e-10).y[0, -1]
    >>> round(float(grad(last)(2.0)), 6)
    -0.135335
    """
    return solved(given, supply=True)


@driver(scipy.integrate.solve_ivp)
def solve_ivp_as_written(given: dict[str, Any]) -> Any:
    """No Jacobian is supplied: in adapted code, a value does not depend on whether it is differentiated."""
    return solved(given, supply=False)


def solved(given: dict[str, Any], supply: bool) -> Any:
    problem = Problem(given, supply)
    result = problem.by_scipy()
    if not problem.carries():
        if len(result.t):
            problem.rate.left_at(result.t[-1], result.y[:, -1], differentiated=False)
        return result
    if not result.success:
        raise errors.no_solution("solve_ivp", f"SciPy did not reach the end ({result.message})")
    return problem.with_derivatives(result)


class Problem:
    """The arguments of a call, those that SciPy gets, and what becomes of its result."""

    def __init__(self, given: dict[str, Any], supply: bool) -> None:
        given = dict(given)
        self.options = given.pop("options", {})
        self.sensitivity = self.options.pop("sensitivity", "replay")
        if self.sensitivity not in SENSITIVITIES:
            raise ValueError(f"`sensitivity` must be one of {SENSITIVITIES}, not {self.sensitivity!r}.")
        args = given["args"]
        self.bound = args is not None and _unpacks(args)
        args = tuple(args) if self.bound else ()
        self.rate = Rate(given["fun"], args, bool(given["vectorized"]))
        self.y0 = fused(given["y0"]) if carries(given["y0"]) else given["y0"]
        self.t_span = [fused(t) for t in given["t_span"]] if carries(given["t_span"]) else given["t_span"]
        self.t_eval = fused(given["t_eval"]) if carries(given["t_eval"]) else given["t_eval"]
        self.events: list[Event] = []
        self.plain = plain({name: given[name] for name in ("method", "dense_output", "vectorized")})
        self.plain |= {"y0": plain(self.y0), "t_span": plain(self.t_span), "t_eval": plain(self.t_eval)}
        events = given["events"]
        if events is not None and (callable(events) or isinstance(events, (list, tuple))):
            self.events = [Event(event, args) for event in ([events] if callable(events) else events)]
            events = self.events
        self.plain |= {"fun": self.rate.plain, "events": events, "args": None if self.bound else args or given["args"]}
        method = given["method"]
        self.method: Any = METHODS.get(method) if isinstance(method, str) else method
        self.steps: list[Any] = []
        if inspect.isclass(self.method) and issubclass(self.method, OdeSolver):
            self.plain["method"], self.steps = recording(self.method)
        self.supply = supply
        self.solver_options = plain(self.options)
        if callable(jac := self.solver_options.get("jac")):
            self.solver_options["jac"] = Rate(jac, args).plain

    def by_scipy(self) -> Any:
        options = self.solver_options
        if self.supply and self.method in (Radau, BDF, LSODA) and self.bound | (self.plain["args"] is None):
            banded = any(options.get(name) is not None for name in ("jac", "jac_sparsity", "lband", "uband"))
            if not banded and (jac := self._exact_jacobian()) is not None:
                options = options | {"jac": jac}
        result = scipy.integrate.solve_ivp(**self.plain, **options)
        if result.sol is not None and self.method in (BDF, LSODA):
            # SciPy looks at the class itself for which of two interpolants is taken at the end of a step.
            result.sol.side = "right" if result.sol.ascending else "left"
        return result

    def _exact_jacobian(self) -> Any:
        try:
            t, y = float(self.plain["t_span"][0]), np.asarray(self.plain["y0"], float)
        except (TypeError, ValueError, IndexError):
            return None  # SciPy says what is wrong
        if y.ndim != 1 or not y.size or np.iscomplexobj(self.plain["y0"]):
            return None
        jac = self.rate.exact_jacobian(t, y)
        if jac is None or self.method is not LSODA:
            return jac
        return lambda t, y: _dense(jac(t, y))

    def carries(self) -> bool:
        entered = carries((self.y0, self.t_span, self.t_eval))
        return entered or self.rate.carried or any(event.carried for event in self.events)

    # The result, with derivatives.

    def with_derivatives(self, result: Any) -> Any:
        t0, tf = (fused(t) for t in self.t_span)
        self.start, self.end = float(numbers(t0)), float(numbers(tf))
        y0 = self.y0 if carries(self.y0) else np.asarray(self.y0)
        y0 = y0.astype(complex if y0.dtype.kind == "c" else float)
        begin = carried_to(self.rate, t0, y0, self.start)
        self.trajectory = self._trajectory(begin, result)
        last = self.trajectory.states[-1]
        t, y, roots, states = list(result.t), list(np.transpose(result.y)), [], []
        if result.t_events is not None:
            for event, times, found in zip(self.events, result.t_events, result.y_events, strict=True):
                pairs = [self._root(event, float(at), value) for at, value in zip(times, found, strict=True)]
                roots.append([root for root, _ in pairs])
                states.append([state for _, state in pairs])
        ends = [(t0, y0), (tf, carried_to(self.rate, self.end, last, tf) if result.status == 0 else None)]
        if result.status == 1:
            flat = [pair for at, pairs in zip(result.t_events, zip(roots, states, strict=True), strict=True)
                    for pair in zip(at, *pairs, strict=True)]  # fmt: skip
            at = flat[-1][0]
            for time, root, state in flat:  # the last on the way ended it
                if (time - at) * (self.end - self.start) >= 0:
                    at, ends[1] = time, (root, state)
        self.rate.left_at(*ends[1], differentiated=True)
        if self.t_eval is None:
            (t[0], y[0]), (t[-1], y[-1]) = ends
            inner = range(1, len(t) - 1)
        else:
            inner = range(len(t))
        moving = fused(self.t_eval) if carries(self.t_eval) else None
        block = getattr(self.trajectory, "block", None)
        if block is not None and len(inner) and self.t_eval is None:
            whole = combined(result.y.T[1:-1], [(1.0, block[self.trajectory.places(result.t[1:-1])])])
            y, inner = [np.concatenate([y[0][None], whole, y[-1][None]])], range(0)
        for i in inner:
            at = t[i]
            y[i] = self.trajectory.at(at, y[i])
            if moving is not None:
                t[i] = moving[int(np.flatnonzero(self.plain["t_eval"] == at)[0])]
                y[i] = carried_to(self.rate, at, y[i], t[i])
        result = type(result)(**result)
        if len(t):
            result.t = _stacked(t, result.t)
            result.y = with_value(y[0].T, result.y) if len(y) < len(t) else _stacked(y, result.y.T, transposed=True)
        if result.t_events is not None:
            result.t_events = [_stacked(root, value) for root, value in zip(roots, result.t_events, strict=True)]
            result.y_events = [_stacked(state, value) for state, value in zip(states, result.y_events, strict=True)]
        if result.sol is not None:
            result.sol = DenseSolution(result.sol, self.trajectory, self.rate, ends)
        return result

    def _trajectory(self, begin: Any, result: Any) -> Any:
        if self.sensitivity == "adjoint":
            perturbation = innermost([begin, self.rate(self.start, begin)])
            if perturbation is not None and perturbation.mode != "reverse":
                raise ValueError(
                    'solve_ivp: sensitivity="adjoint" runs backwards, as grad, vjp and jacrev do; in forward mode\n'
                    '  take sensitivity="forward" or "replay".'
                )
        return followed(
            "solve_ivp",
            self.rate,
            self.steps,
            functools.cache(lambda i: interpolant(self.method, self.steps[i], self.rate)),
            begin,
            lambda: self._augmented(begin) if self.sensitivity == "forward" else self._replayed(begin, result),
            self._piece,
            (
                self._tolerance,
                float(np.max(self._tolerances()[0])),
                self.method.order if self.steps and has_stages(self.method) else 0,
            ),
            self._stages if self.steps and has_stages(self.method) else None,
        )

    def _stages(self, i: int) -> list[tuple[float, Any]]:
        step, method = self.steps[i], self.method
        h = step.t - step.t_old
        return [
            (step.t_old + c * h, step.y_old + h * np.dot(step.inside[:s].T, a[:s]))
            for s, (a, c) in enumerate(zip(method.A, method.C, strict=True))
            if s
        ]

    def _replayed(self, begin: Any, result: Any) -> Any:
        if self.steps and has_stages(self.method):
            return RungeKuttaSteps(self.rate, self.method, self.steps, begin)
        if begin.dtype.kind == "c":
            return ComplexSteps(self.rate, self.steps, begin)
        if self.method is Radau:  # whose own interpolant is the cubic through these points
            return CollocationSteps(self.rate, self.steps, begin)
        between = None if result.sol is not None else np.concatenate([result.t, *(result.t_events or [])])
        return CollocationSteps(self.rate, self.steps, begin, self._tolerance, between)

    def _piece(self, steps: list[Any], begin: Any) -> Any:
        if begin.dtype.kind == "c":
            return ComplexSteps(self.rate, steps, begin)
        return CollocationSteps(self.rate, steps, begin, self._tolerance, None)

    def _tolerances(self) -> tuple[Any, Any]:
        return self.solver_options.get("rtol", 1e-3), self.solver_options.get("atol", 1e-6)

    def _tolerance(self, y: Any) -> Any:
        rtol, atol = self._tolerances()
        return atol + rtol * np.abs(y)

    def _augmented(self, begin: Any) -> Any:
        kept = ("max_step", "first_step", "min_step")
        options = {name: self.solver_options[name] for name in kept if name in self.solver_options}
        end = float(self.steps[-1].t) if self.steps else self.end

        def solve(fun: Callable[..., Any], z0: Any, rtol: Any, atol: Any) -> Any:
            run = solve_ivp(
                fun, (self.start, end), z0, self.method, None, True,
                rtol=rtol, atol=atol, **options,
            )  # fmt: skip
            if not run.success:
                raise errors.no_solution("solve_ivp", f"the variational equations: {run.message}")
            return run.sol

        return AugmentedSteps(self.rate, begin, (self.start, end), solve, *self._tolerances())

    def _root(self, event: Event, at: float, value: Any) -> tuple[Any, Any]:
        """The time of an event and the state then."""
        y = self.trajectory.at(at, value)
        state = lambda t: carried_to(self.rate, at, y, t)
        constant, there = self.rate.constant(), numbers(y)
        slope = numbers(jvp(lambda t: event.constant(t, carried_to(constant, at, there, t)), (at,), (1.0,))[1])
        if not np.isfinite(slope) or slope == 0:
            raise errors.no_solution(
                "solve_ivp", f"the event at t = {at:.6g} is no simple root: the derivative of its function is {slope}"
            )
        t = with_derivatives(lambda t: event.at(t, state(t)), Solution(at, slope))
        return t, state(t)


class Event:
    """A function of the user's whose roots are sought, with its attributes ``terminal`` and ``direction``."""

    def __init__(self, event: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.rate = Rate(event, args)
        for name in ("terminal", "direction"):
            if hasattr(event, name):
                setattr(self, name, getattr(event, name))

    @property
    def carried(self) -> bool:
        return self.rate.carried

    def __call__(self, t: Any, y: Any) -> Any:
        return self.rate.plain(t, y)

    def at(self, t: Any, y: Any) -> Any:
        return _number(self.rate.fun(t, y, *self.rate.args))

    def constant(self, t: Any, y: Any) -> Any:
        return _number(self.rate.constant_fun(t, y, *self.rate.constant_args))


class DenseSolution(OdeSolution):  # type: ignore[misc]
    """SciPy's continuous solution, with derivatives."""

    def __init__(self, plain_solution: Any, trajectory: Any, rate: Rate, ends: list[Any]) -> None:
        self._plain, self._trajectory, self._rate = plain_solution, trajectory, rate
        self.__dict__.update(plain_solution.__dict__)
        self.interpolants = Withheld("solve_ivp", "sol.interpolants")
        whole = plain_solution.ts
        self.ts = _stacked([ends[0][0], *whole[1:-1], ends[1][0]], np.asarray(whole))
        self.t_min, self.t_max = (self.ts[0], self.ts[-1])[:: 1 if plain_solution.ascending else -1]

    def __call__(self, t: Any) -> Any:
        t = fused(t) if carries(t) else np.asarray(t)
        times = numbers(t)
        value = self._plain(times)
        if np.ndim(times) == 0:
            return with_value(self._at(float(times), value, t), value)
        states = [self._at(float(at), value[:, i], t[i]) for i, at in enumerate(times)]
        return _stacked(states, value.T, transposed=True)

    def _at(self, at: float, value: Any, t: Any) -> Any:
        y = self._trajectory.at(at, value)
        return carried_to(self._rate, at, y, t) if levels_in(t) else y


def _stacked(entries: list[Any], value: Any, transposed: bool = False) -> Any:
    """Entries as SciPy's array of them, which they are where none carries a derivative."""
    whole = np.stack(entries) if carries(entries) else value
    return with_value(whole.T, value.T) if transposed else with_value(whole, value)


def _number(y: Any) -> Any:
    y = fused(y)
    return np.reshape(y, ()) if np.shape(y) else y


def _dense(J: Any) -> Any:
    return J.toarray() if hasattr(J, "toarray") else J


def _unpacks(args: Any) -> bool:
    try:
        iter(args)
    except TypeError:
        return False
    return True
