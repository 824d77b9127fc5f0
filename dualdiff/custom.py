"""`custom_jvp` and `custom_vjp`: derivative rules for functions of the user's own, in JAX's manner."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from .dispatch import innermost, value_of
from .dual import Dual
from .pytrees import flatten, unflatten
from .rules.results import wrapped
from .tangents import Like, Perturbation
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
        perturbation = innermost(flatten((args, kwargs))[0])
        if perturbation is None:
            return self.f(*args, **kwargs)
        args = by_position(self.f, args, kwargs)
        leaves, structure = flatten(args)
        if self.rule is None:
            raise TypeError(
                f"{self.__name__} is a custom_jvp function without a rule.\n"  # type: ignore[attr-defined]
                "  Declare one:  @f.defjvp  above  def f_jvp(primals, tangents): return y, ydot"
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


class custom_vjp:
    """A function with a rule of its own for reverse mode; forward mode raises (`custom_jvp` serves both).

    ``fwd(*args)`` returns the result and whatever ``bwd`` needs; ``bwd(residuals, cotangent)`` returns a tuple with one
    cotangent for each argument (None for zero), of its shape.  ``nondiff_argnums`` come first in ``bwd``.
    Higher derivatives differentiate ``fwd`` and ``bwd`` themselves.

    >>> import numpy as np
    >>> import dualdiff as dd
    >>> @dd.custom_vjp
    ... def clipped(x):
    ...     return x
    >>> clipped.defvjp(lambda x: (x, None), lambda _, ct: (np.clip(ct, -1.0, 1.0),))
    >>> dd.grad(lambda x: 5.0 * clipped(x))(2.0)
    1.0
    """

    def __init__(self, f: Callable[..., Any], nondiff_argnums: tuple[int, ...] = ()) -> None:
        functools.update_wrapper(self, f)
        self.f = f
        self.nondiff_argnums = tuple(nondiff_argnums)
        self.fwd: Callable[..., Any] | None = None
        self.bwd: Callable[..., Any] | None = None

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """Declare the two functions of the rule."""
        self.fwd, self.bwd = fwd, bwd

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        perturbation = innermost(flatten((args, kwargs))[0])
        if perturbation is None:
            return self.f(*args, **kwargs)
        args = by_position(self.f, args, kwargs)
        leaves, structure = flatten(args)
        name = self.__name__  # type: ignore[attr-defined]
        if self.fwd is None or self.bwd is None:
            raise TypeError(f"{name} is a custom_vjp function without a rule; declare one with defvjp(fwd, bwd).")
        if not hasattr(perturbation, "pullback"):
            raise TypeError(
                f"{name} is a custom_vjp function: its rule serves reverse mode only.\n"
                "  Use grad, vjp or jacrev, or give it a rule with custom_jvp, which serves both modes."
            )
        value_leaves = [value_of(leaf, perturbation) for leaf in leaves]
        values = unflatten(structure, value_leaves)
        shapes_in = [getattr(value, "shape", ()) for value in value_leaves]
        result = self.fwd(*values)
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError(f"fwd of a custom_vjp function returns a pair (y, residuals), not {result!r}.")
        y, residuals = result
        # What bwd reads later may be overwritten meanwhile.
        kept_leaves, kept_structure = flatten(residuals)
        residuals = unflatten(kept_structure, [perturbation.keep(leaf) for leaf in kept_leaves])
        y_leaves, y_structure = flatten(y)
        shapes = [np.shape(leaf) for leaf in y_leaves]
        sizes = [int(np.prod(shape)) for shape in shapes]
        active = [i for i, leaf in enumerate(leaves) if type(leaf) is Dual and leaf.perturbation is perturbation]
        parents = tuple(leaves[i].tangent for i in active)
        constants = [perturbation.keep(values[i]) for i in self.nondiff_argnums]
        kept = [i for i in range(len(args)) if i not in self.nondiff_argnums]
        counts = [len(flatten(value)[0]) for value in values]
        bwd = self.bwd

        def transpose(block: Any) -> list[Any]:
            rows = [bwd_row(block[i]) for i in range(block.shape[0])]
            return [None if column[0] is None else np.stack(column) for column in zip(*rows, strict=True)]

        def bwd_row(flat: Any) -> list[Any]:
            parts, at = [], 0
            for size, shape in zip(sizes, shapes, strict=True):
                parts.append(flat[at : at + size].reshape(shape))
                at += size
            found = bwd(*constants, residuals, unflatten(y_structure, parts))
            if not isinstance(found, tuple) or len(found) != len(kept):
                raise TypeError(
                    f"bwd of a custom_vjp function returns a tuple of {len(kept)} cotangents, one for each "
                    f"differentiable argument, not {found!r}."
                )
            of_argument = dict(zip(kept, found, strict=True))
            row: list[Any] = []
            for i, count in enumerate(counts):
                given = of_argument.get(i)
                row += [None] * count if given is None else flatten(given)[0]
            checked = []
            for i in active:
                ct = row[i]
                if ct is not None and np.shape(ct) != shapes_in[i]:
                    raise ValueError(
                        f"bwd of a custom_vjp function returned a cotangent of shape {np.shape(ct)} for an argument "
                        f"of shape {shapes_in[i]}; they are the same."
                    )
                checked.append(np.zeros(shapes_in[i]) if ct is None else ct)
            return checked

        total = Like((sum(sizes),), np.result_type(*(leaf_dtype(leaf) for leaf in y_leaves)))
        hub = perturbation.pullback(parents, transpose, total)
        results, at = [], 0
        for leaf, size, shape in zip(y_leaves, sizes, shapes, strict=True):

            def move(block: Any, at: int = at, size: int = size, shape: Any = shape) -> Any:
                return block[:, at : at + size].reshape(block.shape[0], *shape)

            handle = perturbation.rearrange((hub,), move, Like(shape, leaf_dtype(leaf)))
            results.append(wrapped(leaf, Tangent(perturbation, handle), perturbation))
            at += size
        return unflatten(y_structure, results)


def by_position(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """Arguments given by keyword at their positions, those between at their defaults: a rule knows positions only."""
    if not kwargs:
        return args
    bound = inspect.signature(f).bind(*args, **kwargs)
    last = max(list(bound.signature.parameters).index(name) for name in bound.arguments)
    bound.apply_defaults()
    if bound.kwargs:
        raise TypeError(
            f"{getattr(f, '__name__', f)} has a rule of its own, which knows arguments by position only, "
            f"and {', '.join(bound.kwargs)}= has none."
        )
    return bound.args[: max(last + 1, len(args))]


def leaf_dtype(leaf: Any) -> np.dtype[Any]:
    dtype = getattr(leaf, "dtype", None) or np.result_type(type(leaf))
    return dtype if dtype.kind in "fc" else np.dtype(float)


def _visible_tangent(leaf: Any, perturbation: Perturbation) -> Any:
    """The tangent as users see it: a Dual of value 0 over the block or node, in the shape of the primal."""
    value = value_of(leaf, perturbation)
    if not hasattr(value, "dtype") and not isinstance(value, (int, float, complex)):
        return None
    zero = np.zeros_like(value, dtype=None if np.result_type(value).kind in "fc" else float)
    if type(leaf) is Dual and leaf.perturbation is perturbation:
        visible = Dual(zero, perturbation.current(leaf.tangent), perturbation)
        visible.shares = True
        return visible
    return zero


def _joined(y: Any, ydot: Any, perturbation: Perturbation) -> Any:
    if np.shape(ydot) != np.shape(y):
        raise ValueError(
            f"the rule of a custom_jvp function returned ydot of shape {np.shape(ydot)} "
            f"for y of shape {np.shape(y)}; they are the same."
        )
    if type(ydot) is not Dual or ydot.perturbation is not perturbation:
        return y
    tangent = Tangent(perturbation, ydot.tangent)
    # The tangent of an argument, returned as it is, must not be that of the result too: either may be written.
    return wrapped(y, tangent * 1.0 if ydot.shares or ydot.storage is not None else tangent, perturbation)
