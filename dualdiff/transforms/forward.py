"""Forward mode, one sweep over duals of k directions: `jvp`, `derivative`, `jacfwd`.

Every call makes a fresh perturbation, ended in ``finally``: nothing is left behind by an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import adapting
from ..pytrees.trees import flatten, paths, tree_map, unflatten
from ..tangents import Perturbation, blocks, dtype_of
from ..tangents.blocks import FEW_BYTES
from ..tangents.single import Single
from ..values import kinds
from ..values.dual import Dual, has_nan, is_lazy, primal
from ..values.kinds import ARRAYS
from ..values.storage import BORROWED
from .argnums import checked_argnums, selected
from .arguments import (
    check_leaves,
    pair,
    presented,
    primal_leaf,
    refuse_variable,
    result_leaves,
    seed_leaf,
    seeded,
    tangent_of,
    value_of,
    warn_if_independent,
    without,
)
from .hints import explain
from .refusals import check_function, refuse_complex
from .sharing import called, watch
from .transformed import P, Transformed


def jvp(
    f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], *, has_aux: bool = False
) -> tuple[Any, ...]:
    """Value of ``f(*primals)`` and its derivative along ``tangents``, in one sweep of forward mode.

    Parameters
    ----------
    f : callable
        A function of arrays, numbers or trees of them.
    primals : sequence
        The arguments of ``f``.
    tangents : sequence
        One tangent for each primal, of its structure and shape.
    has_aux : bool, default False
        Whether ``f`` returns a pair ``(y, aux)``, of which ``aux`` is handed out undifferentiated.

    Returns
    -------
    y : array or tree
        The value, as ``f`` returns it.
    ydot : array or tree
        Its derivative, of the structure and shape of ``y``.
    aux : object
        With ``has_aux`` alone.

    Raises
    ------
    UnsupportedFunction
        If ``f`` calls a NumPy function that has no rule.
    TypeError, ValueError
        For primals that are no numbers, and tangents that do not fit them.

    Notes
    -----
    Cost: 2-4 evaluations of ``f``, whatever the number of inputs; memory about twice that of ``f``.
    Source: Griewank & Walther, *Evaluating Derivatives*, ch. 3.

    Examples
    --------
    >>> import numpy as np
    >>> y, ydot = jvp(lambda x: np.sin(x) * x, (np.array([0.0, 1.0]),), (np.array([1.0, 1.0]),))
    >>> ydot.round(4)
    array([0.    , 1.3818])
    """
    if not callable(f):
        check_function(f, "jvp")
    return along(f, primals, tangents, "jvp", has_aux)


def along(f: Any, primals: Any, tangents: Any, transform: str, has_aux: bool = False) -> tuple[Any, ...]:
    """`jvp` on behalf of a transform, whose name its errors say."""
    if type(primals) is not tuple or type(tangents) is not tuple:
        for given, name in ((primals, "primals"), (tangents, "tangents")):
            if not isinstance(given, (tuple, list)):
                raise TypeError(
                    f"{transform}: {name} is {_a(given)}; it is a tuple with one entry for each argument of the "
                    f"function: {transform}(f, (x,), (v,))."
                )
    if len(primals) != len(tangents):
        raise ValueError(
            f"{transform}: {len(primals)} primals and {len(tangents)} tangents; each primal has one tangent."
        )
    if not primals:
        raise TypeError(f"{transform}: there are no primals, nothing to differentiate: {transform}(f, (x,), (v,)).")
    if any(map(_is_lazy, primals)):  # whether there is a NaN is not to be known
        result = _repeated_sweep(f, primals, tangents, transform, has_aux)
    else:
        result = _one_sweep(Single(), f, primals, tangents, transform, has_aux)
        ydot = result[1]
        if ydot != ydot if type(ydot) is _float64 else _any_nan(ydot):
            # A structural zero may have met an infinite partial: see tangents/structural_zeros.py.
            result = _repeated_sweep(f, primals, tangents, transform, has_aux)
    return result if type(result[0]) in _PLAIN and not has_aux else presented(result)


_ndarray = np.ndarray
_float64 = np.float64
_PLAIN = frozenset({np.ndarray, np.float64, float})


def _is_lazy(x: Any) -> bool:
    return type(x) not in _PLAIN and is_lazy(primal(x))


def _any_nan(tree: Any) -> bool:
    return has_nan(tree) if type(tree) in ARRAYS else any(map(has_nan, flatten(tree)[0]))


def _a(given: Any) -> str:
    return f"an array of shape {given.shape}" if isinstance(given, np.ndarray) else f"a {type(given).__name__}"


def _one_sweep(
    perturbation: Perturbation, f: Any, primals: Any, tangents: Any, transform: str, has_aux: bool
) -> tuple[Any, ...]:
    try:
        f = adapting.adapted(f)
        if len(primals) == 1 and type(primals[0]) in ARRAYS:
            result = f(_with_tangent(primals[0], tangents[0], 0, perturbation, transform))
        else:
            args = [_with_tangent(primals[i], tangents[i], i, perturbation, transform) for i in range(len(primals))]
            result = called(f, primals, args, range(len(args)), {})
        aux: tuple[Any, ...] = ()
        if has_aux:
            result, given_aux = pair(result, transform)
            aux = (without(perturbation, given_aux),)
        if type(result) is Dual and result.perturbation is perturbation:
            return (result.value, _direction(result), *aux) if aux else (result.value, _direction(result))
        leaves, structure = result_leaves(result, transform)
        warn_if_independent(leaves, perturbation, transform)
        y = [value_of(leaf, perturbation) for leaf in leaves]
        ydot = []
        for leaf in leaves:
            if type(leaf) is Dual and leaf.perturbation is perturbation:
                # Two results that share a tangent are two arrays for the user.
                ydot.append(blocks.duplicate(_direction(leaf)) if leaf.shares is True else _direction(leaf))
            else:
                ydot.append(perturbation.direction_of(tangent_of(leaf, perturbation)))
        return unflatten(structure, y), unflatten(structure, ydot, bare=True), *aux
    except Exception as error:
        explain(error, perturbation)
        raise
    finally:  # also where what explains an error raises a better one
        perturbation.end()


def _repeated_sweep(f: Any, primals: Any, tangents: Any, transform: str, has_aux: bool) -> tuple[Any, ...]:
    from ..tangents.structural_zeros import Supported, repeated

    def sweep(supported: Supported) -> tuple[list[Any], Any]:
        y, ydot, *aux = _one_sweep(supported, f, primals, tangents, transform, has_aux)
        leaves, structure = flatten(ydot)
        return leaves, (y, structure, aux)

    leaves, (y, structure, aux) = repeated(1, sweep)
    return y, unflatten(structure, leaves, bare=True), *aux


def _direction(result: Dual) -> Any:
    """The one tangent of a result; a copy if it is (a view of) the user's own seed."""
    p = result.perturbation
    tangent = result.tangent if type(p) is Single else p.direction_of(result.tangent)
    borrowed = result.shares is BORROWED or (result.storage is not None and result.storage.borrowed)
    return blocks.duplicate(tangent) if borrowed else tangent


def _with_tangent(x: Any, v: Any, i: int, perturbation: Perturbation, transform: str) -> Any:
    """One argument of `jvp` as a Dual, or a tree of Duals."""
    if type(x) in ARRAYS and type(v) in ARRAYS and x.dtype is v.dtype is _FLOAT64 and x.shape == v.shape != ():
        if type(x) is _ndarray is type(v) and type(perturbation) is Single and x.nbytes <= FEW_BYTES:  # as most
            dual = Dual(x, v, perturbation)
            dual.shares = BORROWED
            return dual
        return seeded(x, v if type(perturbation) is Single else perturbation.seed(v[None]), perturbation)
    leaves, structure = flatten(x)
    check_leaves(leaves, x, f"{transform}: primals[{i}]")
    tangent_leaves, tangent_structure = flatten(v)
    if not structure.same_as(tangent_structure):
        raise ValueError(
            f"{transform}: tangents[{i}] has the structure {tangent_structure}, primals[{i}] has {structure}; "
            "each tangent has the structure of its primal."
        )
    duals = []
    for leaf, tangent, place in zip(leaves, tangent_leaves, paths(structure, f"[{i}]"), strict=True):
        leaf = primal_leaf(leaf, f"{transform}: primals{place}")
        refuse_variable(tangent, leaf, f"{transform}: tangents{place}", f"primals{place}")
        block = seed_leaf(tangent, leaf, f"{transform}: tangents{place}", f"primals{place}")
        duals.append(seeded(leaf, perturbation.seed(block), perturbation))
    return unflatten(structure, duals)


_FLOAT64 = np.dtype(np.float64)


def derivative(f: Callable[P, Any], argnums: int | Sequence[int] = 0) -> Callable[P, Any]:
    """Function computing the derivative of ``f`` with respect to a scalar argument.

    Parameters
    ----------
    f : callable
        A function of a scalar (or array without axes), whose result may be any tree of arrays.
    argnums : int or sequence of int, default 0
        The arguments to differentiate, negative counts from the end.  Several give a tuple of derivatives.

    Returns
    -------
    callable
        A function of the arguments of ``f``; its result has the structure and shape of that of ``f``.

    Raises
    ------
    ValueError
        If the argument is no scalar (see `jacfwd`).

    Notes
    -----
    Cost: 2-4 evaluations of ``f`` for each argument.

    Examples
    --------
    >>> derivative(lambda x: x**3)(2.0)
    12.0
    >>> derivative(derivative(lambda x: x**3))(2.0)
    12.0
    """
    check_function(f, "derivative")
    argnums = checked_argnums(argnums, f, "derivative")

    def derivative_of_f(*args: Any, **kwargs: Any) -> Any:
        results = []
        for i in selected(argnums, len(args), "derivative"):
            x = primal_leaf(args[i], f"derivative: argument {i}")
            if np.shape(x) != ():
                raise ValueError(
                    f"derivative: argument {i} has shape {np.shape(x)}; the derivative is with respect to a scalar.\n"
                    "  For arrays use elementwise_grad (entry by entry), jacfwd (all partial derivatives) or "
                    "jvp (along one direction)."
                )
            refuse_complex(x, "derivative", f"argument {i}", holomorphic=False)

            def of_one(value: Any, i: int = i) -> Any:
                return adapting.adapted(f)(*args[:i], value, *args[i + 1 :], **kwargs)

            watched = watch(args, args, (i,), kwargs) if isinstance(args[i], np.ndarray) else None
            results.append(along(of_one, (x,), (np.ones((), dtype_of(x)),), "derivative")[1])
            if watched is not None:
                watched.check()
        return tuple(results) if isinstance(argnums, tuple) else tree_map(_as_scalar, results[0], bare=True)

    return Transformed(derivative_of_f, derivative, f, argnums)


def _as_scalar(x: Any) -> Any:
    return kinds.as_python_float(x) if kinds.type_of(x) is np.float64 else x


def jacfwd(
    f: Callable[P, Any],
    argnums: int | Sequence[int] = 0,
    *,
    chunk_size: int | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    workers: Any = None,
    progress: Any = None,
) -> Callable[P, Any]:
    """Function computing the Jacobian of ``f`` by forward mode.

    Parameters
    ----------
    f : callable
        A function of arrays or trees of them.
    argnums : int or sequence of int, default 0
        The arguments to differentiate, negative counts from the end.  Several give a tuple of derivatives.
    chunk_size : int, optional
        Directions at a time, which bounds the memory.  By default as many as a block of one megabyte holds.
    has_aux : bool, default False
        Whether ``f`` returns a pair ``(y, aux)``, of which ``aux`` is handed out undifferentiated.
    holomorphic : bool, default False
        Whether argument and result are complex and the derivative wanted is the complex one.
    workers : int or callable, optional
        So many processes, or anything like `map`, for the chunks.  What goes to processes is pickled: ``f`` is a
        function of a module.  Worth it where ``f`` takes long and its arrays fit the caches.
    progress : bool or callable, optional
        True for a bar of tqdm, or a function of how many chunks are done and how many there are.

    Returns
    -------
    callable
        A function of the arguments of ``f``, whose result ``J`` has shape ``y.shape + x.shape`` with ``J[i, j] =
        ∂y[i]/∂x[j]``.  Nested results and arguments give the structure of ``y``, with the structure of ``x`` in place
        of each leaf.  With ``has_aux`` it returns ``(J, aux)``.

    Raises
    ------
    UnsupportedFunction
        If ``f`` calls a NumPy function that has no rule.
    TypeError
        For a complex argument without ``holomorphic=True``.

    Notes
    -----
    Cost: ``ceil(x.size / chunk_size)`` evaluations of ``f`` on duals of ``chunk_size`` directions.
    Source: Griewank & Walther, *Evaluating Derivatives*, ch. 3.

    Examples
    --------
    >>> import numpy as np
    >>> jacfwd(lambda x: np.array([x[0] * x[1], np.sin(x[0])]))(np.array([0.0, 2.0]))
    array([[2., 0.],
           [1., 0.]])
    """
    from .columns import by_columns
    from .options import Options

    check_function(f, "jacfwd")
    options = Options(chunk_size, has_aux, holomorphic, workers, progress).checked("jacfwd")
    argnums = checked_argnums(argnums, f, "jacfwd")
    return Transformed(by_columns(f, argnums, "jacfwd", options), jacfwd, f, argnums, **options._asdict())
