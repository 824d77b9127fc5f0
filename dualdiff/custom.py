"""`custom_jvp`: a derivative rule for a function of the user's own, in JAX's manner."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .dispatch import innermost, value_of
from .dual import Dual
from .pytrees import flatten, unflatten
from .rules.forms import wrapped
from .tangents import Perturbation
from .tangents.expression import Tangent


class custom_jvp:
    """A function with a derivative rule of its own.

    The rule receives the primals and their tangents, as two tuples, and returns the result and its tangent.
    Each tangent looks like an array of its primal's shape; the rule must be linear in the tangents.
    ``nondiff_argnums`` are arguments that are no numbers: they come first, before the two tuples.
    Higher derivatives differentiate the rule itself.

    >>> import numpy as np
    >>> import dualdiff as dd
    >>> @dd.custom_jvp
    ... def log1pexp(x):
    ...     return np.log1p(np.exp(x))
    >>> @log1pexp.defjvp
    ... def log1pexp_jvp(primals, tangents):
    ...     (x,), (xdot,) = primals, tangents
    ...     return log1pexp(x), xdot * (1 - 1 / (1 + np.exp(x)))
    >>> dd.derivative(log1pexp)(0.0)
    0.5
    """

    def __init__(self, f: Callable[..., Any], nondiff_argnums: tuple[int, ...] = ()) -> None:
        functools.update_wrapper(self, f)
        self.f = f
        self.nondiff_argnums = tuple(nondiff_argnums)
        self.rule: Callable[..., Any] | None = None

    def defjvp(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Declare ``rule(primals, tangents) -> (y, ydot)``; usable as a decorator."""
        self.rule = rule
        return rule

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves, structure = flatten(args)
        perturbation = innermost(leaves)
        if perturbation is None:
            return self.f(*args, **kwargs)
        if self.rule is None:
            raise TypeError(
                f"{self.__name__} is a custom_jvp function without a rule.\n"  # type: ignore[attr-defined]
                "  Declare one:  @f.defjvp  above  def f_jvp(primals, tangents): return y, ydot"
            )
        if kwargs:
            raise TypeError(
                f"a custom_jvp function takes positional arguments only, not {', '.join(kwargs)}=, "
                "when it is differentiated."
            )
        values = unflatten(structure, [value_of(leaf, perturbation) for leaf in leaves])
        tangents = unflatten(structure, [_visible_tangent(leaf, perturbation) for leaf in leaves])
        constants = [values[i] for i in self.nondiff_argnums]
        kept = [i for i in range(len(args)) if i not in self.nondiff_argnums]
        with np.errstate(invalid="ignore"):  # the zero value of a visible tangent may meet an infinite partial
            result = self.rule(*constants, tuple(values[i] for i in kept), tuple(tangents[i] for i in kept))
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError(f"the rule of a custom_jvp function returns a pair (y, ydot), not {result!r}.")
        y_leaves, y_structure = flatten(result[0])
        ydot_leaves, ydot_structure = flatten(result[1])
        if not y_structure.same_as(ydot_structure):
            raise ValueError(
                f"the rule of a custom_jvp function returned y of structure {y_structure} "
                f"and ydot of structure {ydot_structure}; they are the same."
            )
        pairs = zip(y_leaves, ydot_leaves, strict=True)
        return unflatten(y_structure, [_joined(y, ydot, perturbation) for y, ydot in pairs])


def _visible_tangent(leaf: Any, perturbation: Perturbation) -> Any:
    """The tangent as users see it: a Dual of value 0 over the block or node, in the shape of the primal."""
    value = value_of(leaf, perturbation)
    if not hasattr(value, "dtype") and not isinstance(value, (int, float, complex)):
        return None
    zero = np.zeros_like(value, dtype=None if np.result_type(value).kind in "fc" else float)
    if type(leaf) is Dual and leaf.perturbation is perturbation:
        return Dual(zero, leaf.tangent, perturbation)
    return zero


def _joined(y: Any, ydot: Any, perturbation: Perturbation) -> Any:
    if np.shape(ydot) != np.shape(y):
        raise ValueError(
            f"the rule of a custom_jvp function returned ydot of shape {np.shape(ydot)} "
            f"for y of shape {np.shape(y)}; they are the same."
        )
    active = type(ydot) is Dual and ydot.perturbation is perturbation
    return wrapped(y, Tangent(perturbation, ydot.tangent if active else None), perturbation)
