"""`custom_jvp` and `custom_vjp`: derivative rules for functions of the user's own, in JAX's manner.

A rule speaks of the arguments.  What the function closes over is differentiated as any code is: through the result
that the rule (of a `custom_jvp`) or ``fwd`` (of a `custom_vjp`) computes with it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import adapting, errors
from ..errors import EscapedDual
from ..pytrees.trees import Structure, flatten, unflatten
from ..rules.call import wrapped
from ..tangents import Like, Perturbation
from ..tangents.expression import Tangent
from ..values.dual import Dual, primal
from ..values.kinds import ARRAYS
from ..values.levels import innermost, value_of
from ..values.objects import carries, fused
from .arguments import presented
from .refusals import check_function
from .variable import constants_standing_in


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
        self.nondiff_argnums = _positions(nondiff_argnums, "custom_jvp")
        self.rule: Callable[..., Any] | None = None
        self._linear: set[Any] = set()  # shapes and dtypes of arguments for which the rule was found linear

    def defjvp(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Declare ``rule(primals, tangents) -> (y, ydot)``; usable as a decorator."""
        self.rule = rule
        self._linear = set()
        return rule

    def __repr__(self) -> str:
        return f"<custom_jvp {self.f!r}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not carries((args, kwargs)):
            return self.f(*args, **kwargs)
        args, leaves, structure, perturbation = _arguments(self, args, kwargs)
        if self.rule is None:
            raise TypeError(
                f"{self.__name__} is a custom_jvp function without a rule.\n"  # type: ignore[attr-defined]
                "  Declare one:  @f.defjvp  above  def f_jvp(primals, tangents): return y, ydot"
            )
        self._check_linear(self.rule, leaves, structure)
        values = unflatten(structure, [value_of(leaf, perturbation) for leaf in leaves])
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
        result = _run(rule, *constants, tuple(values[i] for i in kept), tuple(tangents[i] for i in kept))
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError(f"the rule of a custom_jvp function returns a pair (y, ydot), not {result!r}.")
        return result

    def _check_linear(self, rule: Callable[..., Any], leaves: list[Any], structure: Structure) -> None:
        """Try L(−1024 r + 3 s) = −1024 L(r) + 3 L(s) with random plain tangents, once for each shape and dtype."""
        plain = [primal(leaf) for leaf in leaves]
        signature = tuple((np.shape(x), leaf_dtype(x).char) if _is_number(x) else None for x in plain)
        if signature in self._linear:
            return
        rng = np.random.default_rng(0)
        r, s = ([_random_tangent(x, rng) for x in plain] for _ in range(2))
        both = [None if a is None else -1024 * a + 3 * b for a, b in zip(r, s, strict=True)]

        def ydot(tangents: list[Any]) -> list[Any]:
            # What is differentiated, as copies that the rule may write into; the rest as it is in the call itself.
            values = [
                x.copy() if type(leaf) is Dual and type(x) in ARRAYS else x
                for x, leaf in zip(plain, leaves, strict=True)
            ]
            pair = self._pair(rule, unflatten(structure, values), unflatten(structure, tangents, bare=True))
            return [np.asarray(primal(_fused(leaf))) for leaf in flatten(pair[1])[0]]

        with np.errstate(all="ignore"):
            results = ydot(list(map(_copied, r))), ydot(list(map(_copied, s))), ydot(both)
            for of_r, of_s, of_both in zip(*results, strict=True):
                if not of_r.shape == of_s.shape == of_both.shape:
                    continue  # an error of its own, below
                expected = -1024 * of_r + 3 * of_s
                scale = 1024 * np.max(np.abs(of_r), initial=0.0) + 3 * np.max(np.abs(of_s), initial=0.0)
                close = np.abs(of_both - expected) <= 1e3 * np.finfo(leaf_dtype(of_both)).eps ** 0.75 * scale
                if not np.all(close | ~np.isfinite(expected) | ~np.isfinite(of_both)):
                    raise errors.not_linear(self.__name__)  # type: ignore[attr-defined]
        self._linear.add(signature)

    def _joined(self, y: Any, ydot: Any, perturbation: Perturbation) -> Any:
        """One result and its tangent, which came as a Dual of value zero."""
        y, ydot = _fused(y), _fused(ydot)
        if np.shape(ydot) != np.shape(y):
            raise ValueError(
                f"the rule of a custom_jvp function returned ydot of shape {np.shape(ydot)} "
                f"for y of shape {np.shape(y)}; they are the same."
            )
        if not _is_number(ydot):
            return y
        zero = primal(ydot)
        if np.any((zero != 0) & (zero == zero)):  # a constant, or something added to a tangent
            raise errors.not_linear(self.__name__)  # type: ignore[attr-defined]
        return with_tangent(y, ydot, perturbation)


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
        self.nondiff_argnums = _positions(nondiff_argnums, "custom_vjp")
        self.fwd: Callable[..., Any] | None = None
        self.bwd: Callable[..., Any] | None = None

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """Declare the two functions of the rule."""
        self.fwd, self.bwd = fwd, bwd

    def __repr__(self) -> str:
        return f"<custom_vjp {self.f!r}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not carries((args, kwargs)):
            return self.f(*args, **kwargs)
        args, leaves, structure, perturbation = _arguments(self, args, kwargs)
        name = self.__name__  # type: ignore[attr-defined]
        if self.fwd is None or self.bwd is None:
            raise TypeError(f"{name} is a custom_vjp function without a rule; declare one with defvjp(fwd, bwd).")
        if not hasattr(perturbation, "pullback"):
            raise errors.no_forward_rule(name)
        value_leaves = [value_of(leaf, perturbation) for leaf in leaves]
        values = unflatten(structure, value_leaves)
        shapes_in = [getattr(value, "shape", ()) for value in value_leaves]
        result = _run(self.fwd, *values)
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError(f"fwd of a custom_vjp function returns a pair (y, residuals), not {result!r}.")
        y, residuals = result
        # What bwd reads later may be overwritten meanwhile; a residual of this perturbation is a constant there.
        kept_leaves, kept_structure = flatten(residuals)
        kept_leaves = [perturbation.keep(value_of(_fused(leaf), perturbation)) for leaf in kept_leaves]
        residuals = unflatten(kept_structure, kept_leaves)
        y_leaves, y_structure = flatten(y)
        y_leaves = [_fused(leaf) for leaf in y_leaves]
        shapes = [np.shape(leaf) for leaf in y_leaves]
        sizes = [int(np.prod(shape)) for shape in shapes]
        active = [i for i, leaf in enumerate(leaves) if type(leaf) is Dual and leaf.perturbation is perturbation]
        parents = tuple(leaves[i].tangent for i in active)
        constants = [perturbation.keep(values[i]) for i in self.nondiff_argnums]
        kept = [i for i in range(len(args)) if i not in self.nondiff_argnums]
        counts = [len(flatten(value)[0]) for value in values]
        bwd = functools.partial(_run, self.bwd)
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
                found, without_weights = with_constant_weights(bwd, *constants, residuals, cotangent)
            except EscapedDual as error:
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
                given = of_argument.get(i)
                row += [None] * count if given is None else flatten(given)[0]
            checked = []
            for i in active:
                ct = without_weights(value_of(_fused(row[i]), perturbation))
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


def _run(f: Callable[..., Any], *args: Any) -> Any:
    """A function of a rule, adapted."""
    return adapting.settled(adapting.adapted(f)(*args))


def _in_adapted_code(g: Any) -> Callable[..., Any]:
    """What is called in place of such a function: called with plain numbers, it may close over what is none.

    Otherwise it runs as written: it may call the very function that it stands in for.
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        cells = getattr(g.f, "__closure__", None) or ()
        if carries((args, kwargs)) or not any(map(_holds_derivative, cells)):
            return g(*args, **kwargs)
        return adapting.adapted(g.f)(*args, **kwargs)

    return call


def _holds_derivative(cell: Any) -> bool:
    try:
        return carries(cell.cell_contents)
    except ValueError:  # empty
        return False


adapting.instances(custom_jvp, _in_adapted_code)
adapting.instances(custom_vjp, _in_adapted_code)


def _arguments(
    function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], list[Any], Structure, Perturbation]:
    """The arguments by position, their leaves (Variables and object arrays as Duals), and the innermost level."""
    args = by_position(function.f, args, kwargs)
    for i in function.nondiff_argnums:
        if carries(args[i]):
            raise TypeError(
                f"{function.__name__}: argument {i} is among nondiff_argnums, and carries a derivative that its rule "
                "would lose.\n"
                "  Take it out of nondiff_argnums, or pass  dualdiff.stop_gradient(x)."
            )
    leaves, structure = flatten(args)
    leaves = [_fused(leaf) for leaf in leaves]
    perturbation = innermost(leaves)
    assert perturbation is not None
    return unflatten(structure, leaves), leaves, structure, perturbation


def _fused(leaf: Any) -> Any:
    """A leaf that carries a derivative as one Dual; anything else, of whatever type, is the user's own."""
    return fused(leaf) if carries(leaf) else leaf


def with_tangent(y: Any, ydot: Any, perturbation: Perturbation) -> Any:
    """``y`` and the tangent of ``ydot``, a Dual of value zero.

    ``y`` may carry the perturbation already, and either may carry inner ones, by what the function closes over: then
    the parts of the derivative add up.
    """
    levels = [x.perturbation.level for x in (y, ydot) if type(x) is Dual]
    if any(level > perturbation.level for level in levels):
        return y + ydot
    if type(ydot) is not Dual or ydot.perturbation is not perturbation:
        return y
    tangent = Tangent(perturbation, ydot.tangent)
    if type(y) is Dual and y.perturbation is perturbation:
        return wrapped(y.value, Tangent(perturbation, y.tangent) + tangent, perturbation)
    # The tangent of an argument, returned as it is, must not be that of the result too: either may be written.
    return wrapped(y, tangent * 1.0 if ydot.shares or ydot.storage is not None else tangent, perturbation)


def _positions(argnums: Any, name: str) -> tuple[int, ...]:
    """``nondiff_argnums``, checked when the function is declared."""
    given = tuple(argnums) if isinstance(argnums, (tuple, list)) else (argnums,)
    if not all(isinstance(number, (int, np.integer)) and not isinstance(number, bool) for number in given):
        raise TypeError(f"{name}: nondiff_argnums is an int or a tuple of ints, not {argnums!r}.")
    if any(number < 0 for number in given) or len(set(given)) != len(given):
        raise ValueError(
            f"{name}: nondiff_argnums={argnums!r}; the positions of arguments are 0 or positive, each given once."
        )
    return given


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
    if not _is_number(value):
        return None
    zero = np.zeros_like(value, dtype=None if np.result_type(value).kind in "fc" else float)
    if type(leaf) is Dual and leaf.perturbation is perturbation:
        visible = Dual(zero, perturbation.current(leaf.tangent), perturbation)
        visible.shares = True
        return visible
    return zero


def _random_tangent(x: Any, rng: np.random.Generator) -> Any:
    """A tangent of the shape and dtype of a plain primal, its entries between 0.5 and 1 in size, of either sign."""
    if not _is_number(x):
        return None
    entries = rng.uniform(0.5, 1.0, np.shape(x)) * rng.choice([-1.0, 1.0], np.shape(x))
    dtype = leaf_dtype(x)
    return np.asarray(entries * (1 + 0.5j) if dtype.kind == "c" else entries).astype(dtype)


def _copied(tangent: Any) -> Any:
    return None if tangent is None else tangent.copy()


def _is_number(x: Any) -> bool:
    """Whether a leaf is a number or an array of numbers."""
    if type(x) is Dual:
        return True
    dtype = getattr(x, "dtype", None)
    return dtype.kind in "biufc" if isinstance(dtype, np.dtype) else isinstance(x, (int, float, complex))
