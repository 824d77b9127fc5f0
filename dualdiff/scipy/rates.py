"""The right-hand side of y' = f(t, y), as SciPy's solvers call it and as a state that carries derivatives meets it.

    rate = Rate(fun, args)         rate(t, y) where the user's values live; rate.plain(t, y) for SciPy
    combined(value, terms)         Σ wᵢ xᵢ with constant weights, of which the number is known
    jacobian_in_y(rate)            ∂f/∂y at plain t and y
    carried_to(rate, t, y, s)      y(s) from y(t), where t and s are the same number and carry other derivatives

The last is one explicit Runge-Kutta step of length h = s - t, which is zero but for its derivatives.  A method of
order p is exact to h^p, and of L levels of differentiation h^(L+1) vanishes: the step is exact to all of them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import scipy.sparse
from scipy.integrate import DOP853

from .. import errors
from ..adapting import adapt
from ..errors import StagingRefused
from ..tangents.dense import Dense
from ..transforms.forward import jacfwd
from ..transforms.sparse import sparse_jacobian
from ..values.choices import MADE, decides
from ..values.dual import Dual
from ..values.levels import innermost, value_of
from ..values.objects import carries, fused
from ..values.storage import may_be_seen_elsewhere
from .callbacks import NOT_DIFFERENTIABLE, differentiable
from .captured import holds_what_ended, keeps, through
from .constants import touches_no_container, without_derivatives
from .implicit import numbers
from .programs import Linearised

# From this many unknowns on, the Jacobian is tried as a sparse one, and is one if so few entries can be nonzero.
LARGE, _SPARSE = 50, 0.2


class Rate:
    """A right-hand side with its further arguments bound."""

    def __init__(self, fun: Callable[..., Any], args: tuple[Any, ...], vectorized: bool = False) -> None:
        self.as_given, constant = fun, without_derivatives(fun)
        self._as_written: Any = constant  # what SciPy calls; adapted where that finds a derivative after all
        self.fun, self.constant_fun = (through(f, adapt) if callable(f) else f for f in (fun, constant))
        self.args, self.constant_args, self.vectorized = args, without_derivatives(args), vectorized
        # What was stripped may matter only later on the way: only a replay can tell.
        self.carried = constant is not fun or self.constant_args is not args

    def __call__(self, t: Any, y: Any) -> Any:
        """f(t, y) for a vector y, of its shape, with the derivatives of all that enters."""
        k: Any
        if self.vectorized:
            k = np.ravel(_array(self.fun(t, y[:, None], *self.args)))
        else:
            k = _array(self.fun(t, y, *self.args))
        if not np.iscomplexobj(numbers(y)) and np.iscomplexobj(numbers(k)):
            k = np.real(k)
        if type(k) is Dual and may_be_seen_elsewhere(k):
            k = np.copy(k)  # an array that the function may fill again next time
        return k if k.shape == y.shape else np.broadcast_to(k, y.shape)

    def plain(self, t: Any, y: Any) -> Any:
        """What SciPy calls: plain numbers as the user's function returns them, in whatever shape."""
        before = MADE[0]
        k = self._plain(t, y)
        if carries(k):
            self.carried = True
            return numbers(k)
        if MADE[0] != before and not self.carried:
            self.carried = decides(lambda: self._plain(t, y))  # which may make it jump
        return k

    def _plain(self, t: Any, y: Any) -> Any:
        if self._as_written is not None:
            try:
                return self._as_written(t, y, *self.constant_args)
            except NOT_DIFFERENTIABLE:
                self._as_written = None
        return self.constant_fun(t, y, *self.constant_args)

    def number(self, t: Any, y: Any) -> Any:
        """The same as an array of the shape of ``y``."""
        k = np.ravel(self.plain(t, y[:, None])) if self.vectorized else np.asarray(self.plain(t, y))
        return k if k.shape == y.shape else np.broadcast_to(k, y.shape)

    def left_at(self, t: Any, y: Any, differentiated: bool) -> None:
        """What the function keeps of its runs is of the end of the solution afterwards, as of `Watched.left_at`."""
        given = self.as_given, self.args
        if keeps(*given) and (differentiated or holds_what_ended(*given)):
            self.fun(t, y[:, None] if self.vectorized else y, *self.args)

    def constant(self) -> Rate:
        """The same with plain numbers in place of what it closes over, where these can be reached."""
        return Rate(self.constant_fun, self.constant_args, self.vectorized)

    def exact_jacobian(self, t: Any, y: Any) -> Callable[[Any, Any], Any] | None:
        """∂f/∂y for a solver that takes one, if f has it at ``t``, ``y``: adapted only if that leaves no trace in f."""
        written = self.constant()
        written.fun = written.constant_fun = written.as_given = self._as_written
        tried = [written, self.constant()] if touches_no_container(self._as_written) else [written]
        for rate in tried:
            jac = jacobian_in_y(rate)
            if differentiable(functools.partial(jac, t), y):
                return _by_program(rate, t, y, jac)
        return None


def _array(k: Any) -> Any:
    k = fused(k)
    return k if hasattr(k, "shape") else np.asarray(k, dtype=None)


def combined(value: Any, terms: Iterable[tuple[Any, Any]]) -> Any:
    """Σ wᵢ xᵢ for plain numbers wᵢ: its number is ``value``, its derivatives are those of the sum."""
    terms = [term for term in terms if type(term[1]) is Dual]
    perturbation = innermost(x for _, x in terms)
    if perturbation is None:
        return value
    outer = combined(value, [(w, value_of(x, perturbation)) for w, x in terms])
    tangents = [(w, perturbation.current(x.tangent)) for w, x in terms if x.perturbation is perturbation]
    return Dual(outer, perturbation.combine(tangents, outer), perturbation)


def levels_in(*values: Any) -> int:
    """How many levels of differentiation values carry together."""
    seen = set()
    for value in values:
        while type(value) is Dual:
            seen.add(value.perturbation)
            value = value.value
    return len(seen)


_EULER: Any = [[]], [1.0], [0.0]
_MIDPOINT = [[], [0.5]], [0.0, 1.0], [0.0, 0.5]
_CLASSICAL = [[], [0.5], [0.0, 0.5], [0.0, 0.0, 1.0]], [1 / 6, 1 / 3, 1 / 3, 1 / 6], [0.0, 0.5, 0.5, 1.0]
_DOP853 = [list(a[:i]) for i, a in enumerate(DOP853.A)], list(DOP853.B), list(DOP853.C)


def _of_order(order: int) -> tuple[Any, Any, Any]:
    for most, tableau in ((1, _EULER), (2, _MIDPOINT), (4, _CLASSICAL), (8, _DOP853)):
        if order <= most:
            return tableau
    raise errors.no_solution("solve_ivp", "times carry more than eight levels of differentiation")


def carried_to(rate: Callable[[Any, Any], Any], t: Any, y: Any, s: Any) -> Any:
    """y(s), where the solution has the value ``y`` at ``t``."""
    h = s - t
    order = levels_in(h)
    if not order:
        return y
    stages, weights, nodes = _of_order(order)
    slopes: list[Any] = []
    for a, c in zip(stages, nodes, strict=True):
        moved = [h * w * k for w, k in zip(a, slopes, strict=True) if w]
        slopes.append(rate(t + c * h if c else t, sum(moved, y)))
    return sum([h * w * k for w, k in zip(weights, slopes, strict=True) if w], y)


def jacobian_in_y(rate: Rate) -> Callable[[Any, Any], Any]:
    """∂f/∂y at plain t and y, as a matrix, or as a sparse one where that is large and mostly zero."""
    now: list[Any] = [None]
    f = lambda y: rate(now[0], y)
    dense = jacfwd(f)
    chosen: list[Any] = []

    def at(t: Any, y: Any) -> Any:
        now[0] = t
        y = np.array(y, dtype=float)
        if not chosen:
            chosen.append(None)
            if y.size >= LARGE:
                sparse = sparse_jacobian(f)
                found = sparse(y)
                if found.nnz <= _SPARSE * y.size**2:
                    chosen[0] = sparse
                    return scipy.sparse.csc_matrix(found)
        if chosen[0] is not None:
            return scipy.sparse.csc_matrix(chosen[0](y))
        J = jacobian_of_one_sweep(rate, t, y)
        return J if np.all(np.isfinite(J)) else numbers(fused(dense(y)))

    return at


def _by_program(rate: Rate, t: Any, y: Any, jac: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The same by a program from the second solution on (programs.py), if its first matrix is the same to the bit."""
    program = Linearised.of(rate, y, 0) if y.size < LARGE else None
    if program is None:
        return jac

    def at(t: Any, y: Any) -> Any:
        try:
            J = program(float(t), y)[1]
        except StagingRefused:
            return jac(t, y)
        return J if np.isfinite(np.sum(J)) else jac(t, y)

    return at if np.array_equal(at(t, y), jac(t, y)) else jac


def jacobian_of_one_sweep(rate: Rate, t: Any, y: Any) -> Any:
    """What `jacfwd` does, without its care for infinite partials: for small systems most of its time."""
    n = y.size
    perturbation = Dense(n)
    try:
        k = rate(t, Dual(y, np.eye(n), perturbation))
        if type(k) is Dual and k.perturbation is perturbation:
            return np.copy(numbers(perturbation.block_of(perturbation.current(k.tangent)))).T
        return np.zeros((n, n))
    finally:
        perturbation.live = False
