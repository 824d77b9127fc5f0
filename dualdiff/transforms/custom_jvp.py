"""`custom_jvp`: a function of the user's own with a rule in tangents, which serves both modes; see custom.py."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import MethodType
from typing import Any

import numpy as np

from .. import adapting, errors
from ..pytrees.trees import Structure, flatten, unflatten
from ..rules.call import owned
from ..tangents import Perturbation
from ..tangents.single import Single
from ..values.dual import Dual, primal
from ..values.levels import value_of
from ..values.objects import carries
from .arguments import presented
from .custom import (
    arguments_of,
    checked_positions,
    fused_leaf,
    given,
    in_adapted_code,
    is_number,
    leaf_dtype,
    run_rule,
    with_tangent,
)
from .refusals import check_function


class custom_jvp:
    """Function with a derivative rule of its own, for both modes.

    The rule, declared with ``defjvp``, receives the primals and their tangents, as two tuples, and returns the result
    and its tangent.  Each tangent looks like an array of its primal's shape.  Higher derivatives differentiate the rule
    itself.

    Parameters
    ----------
    f : callable
        The function; also used as a decorator.
    nondiff_argnums : tuple of int, default ()
        Arguments that are no numbers: they come first in the rule, before the two tuples.

    Raises
    ------
    TypeError
        For a rule that is not linear in the tangents, or for a derivative in one of ``nondiff_argnums``.

    Notes
    -----
    Cost: that of the rule; that it is linear is tried with plain numbers at the first call for each shape (the rule
    runs three times more).

    Examples
    --------
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
        check_function(f, "custom_jvp")
        functools.update_wrapper(self, f)
        self.f = f
        self.nondiff_argnums = checked_positions(nondiff_argnums, "custom_jvp")
        self.rule: Callable[..., Any] | None = None
        self._linear: set[Any] = set()  # shapes and dtypes of arguments for which the rule was found linear

    def defjvp(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Declare ``rule(primals, tangents) -> (y, ydot)``; usable as a decorator."""
        self.rule = rule
        self._linear = set()
        return rule

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Declared in a class it is a method: the object comes first, in the rule too."""
        return self if instance is None else MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<custom_jvp {self.f!r}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not carries((args, kwargs)):
            return owned(self.f(*args, **kwargs))
        args, leaves, structure, perturbation = arguments_of(self, args, kwargs)
        if self.rule is None:
            raise TypeError(
                f"{self.__name__} is a custom_jvp function without a rule.\n"  # type: ignore[attr-defined]
                "  Declare one:  @f.defjvp  above  def f_jvp(primals, tangents): return y, ydot"
            )
        self._check_linear(self.rule, leaves, structure)
        values = unflatten(structure, given(leaves, perturbation))
        tangents = unflatten(structure, [_visible_tangent(leaf, perturbation) for leaf in leaves], bare=True)
        with np.errstate(invalid="ignore"):  # the zero value of a visible tangent may meet an infinite partial
            y, ydot = self._pair(self.rule, values, tangents)
        y_leaves, y_structure = flatten(y)
        ydot_leaves, ydot_structure = flatten(ydot)
        if not y_structure.same_as(ydot_structure):
            raise ValueError(
                f"the rule of a custom_jvp function returned y of structure {y_structure} "
                f"and ydot of structure {ydot_structure}; they are the same."
            )
        pairs = zip(y_leaves, ydot_leaves, strict=True)
        return presented(unflatten(y_structure, [self._joined(a, b, perturbation) for a, b in pairs]))

    def _pair(self, rule: Callable[..., Any], values: Any, tangents: Any) -> tuple[Any, Any]:
        """What the rule returns for all arguments of the call and their tangents."""
        constants = [values[i] for i in self.nondiff_argnums]
        kept = [i for i in range(len(values)) if i not in self.nondiff_argnums]
        result = run_rule(rule, *constants, tuple(values[i] for i in kept), tuple(tangents[i] for i in kept))
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError(f"the rule of a custom_jvp function returns a pair (y, ydot), not {result!r}.")
        return result

    def _check_linear(self, rule: Callable[..., Any], leaves: list[Any], structure: Structure) -> None:
        """Try L(−1024 r + 3 s) = −1024 L(r) + 3 L(s) with random plain tangents, once for each shape and dtype."""
        plain = [primal(leaf) for leaf in leaves]
        signature = tuple(map(_signature, plain))
        if signature in self._linear:
            return
        rng = np.random.default_rng(0)
        r, s = ([_random_tangent(x, rng) for x in plain] for _ in range(2))
        both = [None if a is None else -1024 * a + 3 * b for a, b in zip(r, s, strict=True)]

        def ydot(tangents: list[Any]) -> list[Any]:
            # What is differentiated, as copies that the rule may write into; the rest as it is in the call itself.
            values = [owned(x) if type(leaf) is Dual else x for x, leaf in zip(plain, leaves, strict=True)]
            pair = self._pair(rule, unflatten(structure, values), unflatten(structure, tangents, bare=True))
            return [fused_leaf(leaf) for leaf in flatten(pair[1])[0]]

        def numbers(leaves: list[Any]) -> list[Any]:
            return [np.asarray(leaf) for leaf in map(primal, leaves) if is_number(leaf)]

        def seen(tangents: list[Any]) -> list[Any]:
            """As in the call itself, where a tangent has the value 0: a rule that asks for it finds other numbers."""
            level = Single()
            try:
                shown = [None if a is None else Dual(np.zeros_like(a), a, level) for a in tangents]
                found = [leaf.tangent if type(leaf) is Dual else leaf for leaf in ydot(shown)]
            finally:
                level.end()
            return numbers(found)

        with np.errstate(all="ignore"):
            results = numbers(ydot(list(map(_copied, r)))), seen(s), numbers(ydot(both))
            for of_r, of_s, of_both in zip(*results, strict=True):
                if not of_r.shape == of_s.shape == of_both.shape:
                    continue  # an error of its own, below
                expected = -1024 * of_r + 3 * of_s
                scale = 1024 * np.max(np.abs(of_r), initial=0.0) + 3 * np.max(np.abs(of_s), initial=0.0)
                close = np.abs(of_both - expected) <= 1e3 * np.finfo(leaf_dtype(of_both)).eps ** 0.75 * scale
                if not np.all(close | ~np.isfinite(expected) | ~np.isfinite(of_both)):
                    raise _not_linear(self.__name__)  # type: ignore[attr-defined]
        self._linear.add(signature)

    def _joined(self, y: Any, ydot: Any, perturbation: Perturbation) -> Any:
        """One result and its tangent, which came as a Dual of value zero."""
        y, ydot = fused_leaf(y), fused_leaf(ydot)
        if np.shape(ydot) != np.shape(y):
            raise ValueError(
                f"the rule of a custom_jvp function returned ydot of shape {np.shape(ydot)} "
                f"for y of shape {np.shape(y)}; they are the same."
            )
        if not is_number(ydot):
            if is_number(y):
                raise TypeError(
                    f"the rule of a custom_jvp function returned ydot of type {type(ydot).__name__} for y of type "
                    f"{type(primal(y)).__name__}; a tangent is an array of numbers.\n"
                    "  An array of another package lost it, if its operators do not leave Duals to NumPy's protocols."
                )
            return owned(y)
        zero = primal(ydot)
        if np.any((zero != 0) & (zero == zero)):  # a constant, or something added to a tangent
            raise _not_linear(self.__name__)  # type: ignore[attr-defined]
        return with_tangent(owned(y), ydot, perturbation)


adapting.instances(custom_jvp, in_adapted_code)


def _not_linear(name: str) -> errors.DerivativeLost:
    return errors.DerivativeLost(
        f"{name}: what the rule of this custom_jvp function returns as the tangent is not linear in the tangents that "
        "it is given; the number would be no derivative.\n"
        "  Multiply tangents by functions of the primals and add them up: no constant added, no power, product, "
        "maximum or branch of a tangent.  (A gradient that is clipped on its way back is a custom_vjp.)"
    )


def _visible_tangent(leaf: Any, perturbation: Perturbation) -> Any:
    """The tangent as users see it: a Dual of value 0 over the block or node, in the shape of the primal."""
    value = value_of(leaf, perturbation)
    if not is_number(value):
        return None
    zero = np.zeros_like(value, dtype=None if np.result_type(value).kind in "fc" else float)
    if type(leaf) is Dual and leaf.perturbation is perturbation:
        visible = Dual(zero, perturbation.current(leaf.tangent), perturbation)
        visible.shares = True
        return visible
    return zero


def _random_tangent(x: Any, rng: np.random.Generator) -> Any:
    """A tangent of the shape and dtype of a plain primal, its entries between 0.5 and 1 in size, of either sign."""
    if not is_number(x):
        return None
    entries = rng.uniform(0.5, 1.0, np.shape(x)) * rng.choice([-1.0, 1.0], np.shape(x))
    dtype = leaf_dtype(x)
    return np.asarray(entries * (1 + 0.5j) if dtype.kind == "c" else entries).astype(dtype)


def _signature(x: Any) -> Any:
    """What tells calls apart for which a rule may do something else: shapes, and options."""
    if is_number(x) and not isinstance(x, bool):
        return np.shape(x), leaf_dtype(x).char
    return x if isinstance(x, (str, bytes, bool)) else None


def _copied(tangent: Any) -> Any:
    return None if tangent is None else tangent.copy()
