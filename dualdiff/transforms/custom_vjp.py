"""`custom_vjp`: a function of the user's own with a rule in cotangents, for reverse mode alone; see custom.py."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import MethodType
from typing import Any

import numpy as np

from .. import adapting, errors
from ..pytrees.trees import flatten, unflatten
from ..rules.call import owned
from ..rules.captures import as_now
from ..tangents import Like
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
    leaf_dtype,
    run_rule,
    with_tangent,
)
from .refusals import check_function
from .weights import constants_standing_in


class custom_vjp:
    """Function with a rule of its own for reverse mode; forward mode raises (`custom_jvp` serves both).

    The rule is declared with ``defvjp(fwd, bwd)``: ``fwd(*args)`` returns the result and whatever ``bwd`` needs;
    ``bwd(residuals, cotangent)`` returns a tuple with one cotangent for each argument (None for zero), of its shape.
    Higher derivatives differentiate ``fwd`` and ``bwd`` themselves; where ``fwd`` calls the function, `hessian` and
    `hvp` go back twice.  What ``bwd`` needs of values that carry a derivative comes to it by the residuals: after the
    function has returned, it can no longer use what it closes over.

    Parameters
    ----------
    f : callable
        The function; also used as a decorator.
    nondiff_argnums : tuple of int, default ()
        Arguments that are no numbers: they come first in ``bwd``.

    Raises
    ------
    TypeError
        In forward mode.
    ValueError
        For a cotangent that has not the shape of its argument.

    Notes
    -----
    Cost: that of ``fwd`` and ``bwd``.

    Examples
    --------
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
        check_function(f, "custom_vjp")
        functools.update_wrapper(self, f)
        self.f = f
        self.nondiff_argnums = checked_positions(nondiff_argnums, "custom_vjp")
        self.fwd: Callable[..., Any] | None = None
        self.bwd: Callable[..., Any] | None = None

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """Declare the two functions of the rule."""
        self.fwd, self.bwd = fwd, bwd

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """Declared in a class it is a method: the object comes first, in the rule too."""
        return self if instance is None else MethodType(self, instance)

    def __repr__(self) -> str:
        return f"<custom_vjp {self.f!r}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not carries((args, kwargs)):
            return owned(self.f(*args, **kwargs))
        args, leaves, structure, perturbation = arguments_of(self, args, kwargs)
        name = self.__name__  # type: ignore[attr-defined]
        if self.fwd is None or self.bwd is None:
            raise TypeError(f"{name} is a custom_vjp function without a rule; declare one with defvjp(fwd, bwd).")
        if not hasattr(perturbation, "pullback"):
            raise errors.NoForwardRule(
                f"{name} is a custom_vjp function: its rule serves reverse mode only.\n"
                "  Use grad, vjp, jacrev, jacobian, hessian or hvp, or give it a rule with custom_jvp, which serves "
                "both modes."
            )
        value_leaves = [value_of(leaf, perturbation) for leaf in leaves]
        values = unflatten(structure, value_leaves)
        shapes_in = [getattr(value, "shape", ()) for value in value_leaves]
        result = run_rule(self.fwd, *unflatten(structure, given(leaves, perturbation)))
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError(f"fwd of a custom_vjp function returns a pair (y, residuals), not {result!r}.")
        y, residuals = result
        # What bwd reads later may be overwritten meanwhile; a residual of this perturbation is a constant there.
        kept_leaves, kept_structure = flatten(residuals)
        kept_leaves = [perturbation.keep(value_of(fused_leaf(leaf), perturbation)) for leaf in kept_leaves]
        y_leaves, y_structure = flatten(y)
        y_leaves = [owned(fused_leaf(leaf)) for leaf in y_leaves]
        shapes = [np.shape(leaf) for leaf in y_leaves]
        sizes = [int(np.prod(shape)) for shape in shapes]
        active = [i for i, leaf in enumerate(leaves) if type(leaf) is Dual and leaf.perturbation is perturbation]
        parents = tuple(leaves[i].tangent for i in active)
        constants = [perturbation.keep(values[i]) for i in self.nondiff_argnums]
        kept = [i for i in range(len(args)) if i not in self.nondiff_argnums]
        counts = [len(flatten(value)[0]) for value in values]
        bwd = functools.partial(run_rule, as_now(self.bwd, perturbation))
        with_constant_weights = constants_standing_in(perturbation)

        def transpose(block: Any) -> list[Any]:
            rows = [bwd_row(block[i]) for i in range(block.shape[0])]
            return [None if column[0] is None else np.stack(column) for column in zip(*rows, strict=True)]

        def bwd_row(flat: Any) -> list[Any]:
            parts, at = [], 0
            for size, shape in zip(sizes, shapes, strict=True):
                parts.append(flat[at : at + size].reshape(shape))
                at += size
            try:
                cotangent = unflatten(y_structure, parts, bare=True)
                # bwd may write into what it is given, and may run again.
                residuals = unflatten(kept_structure, map(owned, kept_leaves))
                found, without_weights = with_constant_weights(bwd, *map(owned, constants), residuals, cotangent)
            except errors.EscapedDual as error:
                error.add_note(
                    f"dualdiff: bwd of the custom_vjp function {name} closes over a value that carries a derivative; "
                    "it runs when the function has returned.\n"
                    "  Return the value from fwd, among the residuals."
                )
                raise
            if not isinstance(found, tuple) or len(found) != len(kept):
                raise TypeError(
                    f"bwd of a custom_vjp function returns a tuple of {len(kept)} cotangents, one for each "
                    f"differentiable argument, not {found!r}."
                )
            of_argument = dict(zip(kept, found, strict=True))
            row: list[Any] = []
            for i, count in enumerate(counts):
                found_here = of_argument.get(i)
                row += [None] * count if found_here is None else flatten(found_here)[0]
            checked = []
            for i in active:
                ct = without_weights(value_of(fused_leaf(row[i]), perturbation))
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
            zero = np.zeros_like(primal(leaf), dtype=leaf_dtype(leaf))
            results.append(with_tangent(leaf, Dual(zero, handle, perturbation), perturbation))
            at += size
        return presented(unflatten(y_structure, results))


adapting.instances(custom_vjp, in_adapted_code)
