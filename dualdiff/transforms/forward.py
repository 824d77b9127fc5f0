"""Forward mode, one sweep over duals of k directions: `jvp`, `derivative`, `jacfwd`.

Every call makes a fresh perturbation, ended in ``finally``: nothing is left behind by an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from .. import adapting, errors
from ..pytrees.trees import LEAF, flatten, paths, tree_map, unflatten
from ..tangents import Perturbation
from ..tangents.blocks import settle_allocator
from ..tangents.dense import Dense
from ..tangents.einsum import BIG
from ..tangents.single import Single
from ..tangents.structural_zeros import Supported, has_nan, repeated
from ..values import foreign
from ..values.dual import Dual, is_array, primal, size_of
from ..values.objects import carries, fused
from .arguments import (
    check_leaves,
    checked_argnums,
    in_list,
    pair,
    presented,
    primal_leaf,
    refuse_variable,
    result_leaves,
    seed_leaf,
    seeded,
    selected,
    warn_if_independent,
    without,
)
from .sharing import watch
from .transformed import P, Transformed
from .workers import check_workers, mapped

# Entries of one block of tangents in jacfwd: one megabyte, so that two or three stay in the cache of a core.
_CHUNK_ENTRIES = 2**17


def jvp(
    f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], *, has_aux: bool = False
) -> tuple[Any, ...]:
    """Value of ``f(*primals)`` and its derivative along ``tangents``, in one sweep of forward mode.

    Shapes: each tangent has the shape of its primal; ``ydot`` has the structure and shape of ``y``.
    Cost: 2-4 evaluations of ``f``, whatever the number of inputs; memory about twice that of ``f``.
    Returns ``(y, ydot)``; with ``has_aux`` the function returns ``(y, aux)``, and this ``(y, ydot, aux)``.
    Raises: `UnsupportedFunction` if ``f`` calls a NumPy function that has no rule; TypeError or ValueError
    for primals that are no numbers and tangents that do not fit them.
    Source: Griewank & Walther, *Evaluating Derivatives*, ch. 3.

    >>> import numpy as np
    >>> y, ydot = jvp(lambda x: np.sin(x) * x, (np.array([0.0, 1.0]),), (np.array([1.0, 1.0]),))
    >>> ydot.round(4)
    array([0.    , 1.3818])
    """
    _check_function(f, "jvp")
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
    result = _one_sweep(Single(), f, primals, tangents, transform, has_aux)
    if _any_nan(result[1]):
        # A structural zero may have met an infinite partial: see tangents/structural_zeros.py.
        result = _repeated_sweep(f, primals, tangents, transform, has_aux)
    return result if type(result[0]) in _PLAIN and not has_aux else presented(result)


_PLAIN = frozenset({np.ndarray, np.float64, float})


def _any_nan(tree: Any) -> bool:
    if type(tree) is np.float64:
        return bool(tree != tree)
    return any(has_nan(leaf) for leaf in (flatten(tree)[0] if type(tree) is not np.ndarray else (tree,)))


def _a(given: Any) -> str:
    return f"an array of shape {given.shape}" if isinstance(given, np.ndarray) else f"a {type(given).__name__}"


def _one_sweep(
    perturbation: Perturbation, f: Any, primals: Any, tangents: Any, transform: str, has_aux: bool
) -> tuple[Any, ...]:
    try:
        f = adapting.adapted(f)
        args = [_with_tangent(primals[i], tangents[i], i, perturbation, transform) for i in range(len(primals))]
        if len(args) == 1 and type(primals[0]) is np.ndarray:
            result = f(*args)
        else:
            watched = watch(primals, args, range(len(args)), {})
            result = f(*args)
            if watched is not None:
                watched.check()
        aux: tuple[Any, ...] = ()
        if has_aux:
            result, given_aux = pair(result, transform)
            aux = (without(perturbation, given_aux),)
        if type(result) is Dual and result.perturbation is perturbation:
            return result.value, _direction(result), *aux
        leaves, structure = result_leaves(result, transform)
        warn_if_independent(leaves, perturbation, transform)
        y = [leaf.value if _carries(leaf, perturbation) else leaf for leaf in leaves]
        ydot = []
        for leaf in leaves:
            if _carries(leaf, perturbation):
                # Two results that share a tangent are two arrays for the user.
                ydot.append(np.copy(_direction(leaf), order="K") if leaf.shares else _direction(leaf))
            else:
                ydot.append(perturbation.direction_of(_zero_tangent(leaf, perturbation)))
        return unflatten(structure, y), unflatten(structure, ydot, bare=True), *aux
    except (TypeError, ValueError, AttributeError, NotImplementedError) as error:
        errors.explain(error)
        adapting.explain(error)
        raise
    finally:
        perturbation.live = False


def _repeated_sweep(f: Any, primals: Any, tangents: Any, transform: str, has_aux: bool) -> tuple[Any, ...]:
    def sweep(supported: Supported) -> tuple[list[Any], Any]:
        y, ydot, *aux = _one_sweep(supported, f, primals, tangents, transform, has_aux)
        leaves, structure = flatten(ydot)
        return leaves, (y, structure, aux)

    leaves, (y, structure, aux) = repeated(1, sweep)
    return y, unflatten(structure, leaves, bare=True), *aux


def _direction(result: Dual) -> Any:
    """The one tangent of a result; a copy if it is (a view of) the user's own seed."""
    tangent = result.perturbation.direction_of(result.tangent)
    return np.copy(tangent, order="K") if result.storage is not None and result.storage.borrowed else tangent


def _with_tangent(x: Any, v: Any, i: int, perturbation: Perturbation, transform: str) -> Any:
    """One argument of `jvp` as a Dual, or a tree of Duals."""
    if type(x) is np.ndarray and type(v) is np.ndarray and x.dtype is v.dtype is _FLOAT64 and x.shape == v.shape != ():
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

    Shapes: the argument is a scalar (or 0-d array); the result has the structure and shape of ``f``'s.
    For a tuple of ``argnums``, a tuple of derivatives.  Cost: 2-4 evaluations of ``f`` for each argument.
    Raises: ValueError if the argument is no scalar (see `jacfwd`).

    >>> derivative(lambda x: x**3)(2.0)
    12.0
    >>> derivative(derivative(lambda x: x**3))(2.0)
    12.0
    """
    _check_function(f, "derivative")
    argnums = checked_argnums(argnums, f, "derivative")

    def derivative_of_f(*args: Any, **kwargs: Any) -> Any:
        results = []
        for i in selected(argnums, len(args), "derivative"):
            x = primal_leaf(args[i], f"derivative: argument {i}")
            if np.shape(x) != ():
                raise ValueError(
                    f"derivative: argument {i} has shape {np.shape(x)}; the derivative is with respect to a scalar.\n"
                    "  For arrays use jacfwd (all partial derivatives) or jvp (along one direction)."
                )
            _refuse_complex(x, "derivative", f"argument {i}", holomorphic=False)

            def of_one(value: Any, i: int = i) -> Any:
                return adapting.adapted(f)(*args[:i], value, *args[i + 1 :], **kwargs)

            watched = watch(args, args, (i,), kwargs) if isinstance(args[i], np.ndarray) else None
            results.append(along(of_one, (x,), (np.ones((), _dtype_of(x)),), "derivative")[1])
            if watched is not None:
                watched.check()
        return tuple(results) if isinstance(argnums, tuple) else tree_map(_as_scalar, results[0], bare=True)

    return Transformed(derivative_of_f, derivative, f, argnums)


def _as_scalar(x: Any) -> Any:
    return float(x) if type(x) is np.float64 else x


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

    Shapes: ``J.shape == y.shape + x.shape`` with ``J[i, j] = ∂y[i]/∂x[j]``; nested results and arguments give
    the structure of ``y``, with the structure of ``x`` in place of each leaf; a tuple of ``argnums``, a tuple.
    Cost: ``ceil(x.size / chunk_size)`` evaluations of ``f`` on duals of ``chunk_size`` directions.
    ``chunk_size=None`` takes all at once while a block of seeds stays below one megabyte, then as many as do.
    With ``has_aux`` the function returns ``(y, aux)``, and this ``(J, aux)``.
    ``workers``: an int (so many processes) or a map-like callable, for the chunks; ``progress``: True (tqdm), or a
    function of how many are done and how many there are.  What goes to processes is pickled: ``f`` is a function of a
    module.  Worth it where ``f`` takes long and its arrays fit the caches: memory is shared by all processes.
    Raises: `UnsupportedFunction` if ``f`` calls a NumPy function that has no rule; TypeError for a complex
    argument without ``holomorphic=True``.
    Source: Griewank & Walther, *Evaluating Derivatives*, ch. 3.

    >>> import numpy as np
    >>> jacfwd(lambda x: np.array([x[0] * x[1], np.sin(x[0])]))(np.array([0.0, 2.0]))
    array([[2., 0.],
           [1., 0.]])
    """
    _check_function(f, "jacfwd")
    _check_chunk_size(chunk_size, "jacfwd")
    check_workers(workers, progress, "jacfwd")
    argnums = checked_argnums(argnums, f, "jacfwd")
    return Transformed(
        by_columns(f, argnums, "jacfwd", chunk_size, has_aux, holomorphic, workers, progress),
        jacfwd, f, argnums, chunk_size=chunk_size, has_aux=has_aux, holomorphic=holomorphic, workers=workers,
        progress=progress,
    )  # fmt: skip


def by_columns(
    f: Callable[..., Any],
    argnums: Any,
    transform: str,
    chunk_size: int | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    workers: Any = None,
    progress: Any = None,
) -> Callable[..., Any]:
    """`jacfwd` on behalf of a transform, whose name its errors say."""

    def jacobian_of_f(*args: Any, **kwargs: Any) -> Any:
        positions = selected(argnums, len(args), transform)
        trees = [flatten(args[i]) for i in positions]
        leaves = []
        for i, (tree_leaves, structure) in zip(positions, trees, strict=True):
            check_leaves(tree_leaves, args[i], f"{transform}: argument {i}")
            for leaf, name in zip(tree_leaves, paths(structure, f"argument {i}"), strict=True):
                leaf = primal_leaf(leaf, f"{transform}: {name}")
                _refuse_complex(leaf, transform, name, holomorphic)
                leaves.append(leaf)
        n = sum(size_of(leaf) for leaf in leaves)
        k = min(n, chunk_size or columns_at_once(n))
        settle_allocator(8 * k * n)
        columns: _Columns | None = None
        if workers is None and progress is None:
            chunks: Any = _chunks_in_turn(f, args, kwargs, positions, trees, leaves, n, k, has_aux, transform)
        else:
            ranges = [(start, min(start + k, n)) for start in range(0, n, max(k, 1))] or [(0, 0)]
            one = _ColumnChunk(f, args, kwargs, positions, has_aux, transform)
            chunks = zip(ranges, mapped(one, ranges, workers, progress), strict=True)
        for (start, stop), swept in chunks:
            y_blocks, y_structure, aux = swept
            if columns is None:
                columns = _Columns(n, len(y_blocks))
            columns.add(y_blocks, start, stop)
        assert columns is not None
        jacobians = []
        for whole in columns.whole():
            parts, at = [], 0
            for leaf in leaves:
                size, shape = size_of(leaf), np.shape(primal(leaf))
                part = whole[..., at : at + size]
                parts.append(part if len(shape) == 1 else part.reshape((*part.shape[:-1], *shape)))
                at += size
            rest = iter(parts)
            each = tuple(
                in_list(args[i], structure.build(rest, bare=True))
                for i, (_, structure) in zip(positions, trees, strict=True)
            )
            jacobians.append(each if isinstance(argnums, tuple) else each[0])
        jacobian = jacobians[0] if y_structure.same_as(LEAF) else unflatten(y_structure, jacobians, bare=True)
        return (jacobian, aux) if has_aux else jacobian

    return jacobian_of_f


def _chunks_in_turn(
    f: Any, args: Any, kwargs: Any, positions: Any, trees: Any, leaves: Any, n: int, k: int, has_aux: bool,
    transform: str,
) -> Iterator[Any]:  # fmt: skip
    start = 0
    while True:
        stop = min(start + k, n)
        yield (start, stop), sweep(f, args, kwargs, positions, trees, leaves, start, stop, has_aux, transform)
        start = stop
        if start >= n:
            return


class _ColumnChunk:
    """`sweep` as a function of its columns alone, which a worker may get by pickle."""

    def __init__(self, f: Any, args: Any, kwargs: Any, positions: Any, has_aux: bool, transform: str) -> None:
        self.call = f, args, kwargs, positions
        self.has_aux, self.transform = has_aux, transform

    def __call__(self, columns: tuple[int, int]) -> Any:
        f, args, kwargs, positions = self.call
        trees = [flatten(args[i]) for i in positions]
        leaves = [
            primal_leaf(leaf, f"{self.transform}: argument {i}")
            for i, (found, _) in zip(positions, trees, strict=True)
            for leaf in found
        ]
        return sweep(f, args, kwargs, positions, trees, leaves, *columns, self.has_aux, self.transform)


def columns_at_once(n: int) -> int:
    """How many columns of a Jacobian with ``n`` of them travel together."""
    return max(1, _CHUNK_ENTRIES // max(n, 1))


def sweep(
    f: Any,
    args: Any,
    kwargs: Any,
    positions: Any,
    trees: Any,
    leaves: Any,
    start: int,
    stop: int,
    has_aux: bool = False,
    transform: str = "jacfwd",
) -> tuple[list[Any], Any, Any]:
    """Blocks of the results of ``f`` for unit directions ``start`` to ``stop``, their structure, and aux."""
    blocks, structure, aux = _sweep(
        Dense(stop - start), f, args, kwargs, positions, trees, leaves, start, stop, has_aux, transform
    )
    if any(has_nan(block) for block in blocks):
        # A structural zero may have met an infinite partial: see tangents/structural_zeros.py.
        def again(supported: Supported) -> tuple[list[Any], Any]:
            blocks, _, aux = _sweep(
                supported, f, args, kwargs, positions, trees, leaves, start, stop, has_aux, transform
            )
            return blocks, aux

        blocks, aux = repeated(stop - start, again)
    return blocks, structure, aux


def _sweep(
    perturbation: Dense, f: Any, args: Any, kwargs: Any, positions: Any, trees: Any, leaves: Any, start: int, stop: int,
    has_aux: bool, transform: str,
) -> tuple[list[Any], Any, Any]:  # fmt: skip
    try:
        f = adapting.adapted(f)
        duals = iter(_seed_columns(leaves, start, stop, perturbation))
        call = list(args)
        for i, (_, structure) in zip(positions, trees, strict=True):
            call[i] = structure.build(duals)
        watched = watch(args, call, positions, kwargs) if len(args) > 1 or kwargs or len(leaves) > 1 else None
        result = f(*call, **kwargs)
        if watched is not None:
            watched.check()
        aux = None
        if has_aux:
            result, aux = pair(result, transform)
            aux = without(perturbation, aux)
        y_leaves, y_structure = result_leaves(result, transform)
        if start == 0:
            warn_if_independent(y_leaves, perturbation, transform)
        return [_tangent_block(leaf, perturbation) for leaf in y_leaves], y_structure, aux
    except (TypeError, ValueError, AttributeError, NotImplementedError) as error:
        errors.explain(error)
        adapting.explain(error)
        raise
    finally:
        perturbation.live = False


class _Columns:
    """Jacobians with their columns on the last axis, one for each result leaf, filled chunk by chunk."""

    def __init__(self, n: int, n_results: int) -> None:
        self.n = n
        self.filled: list[Any] = [None] * n_results
        self.pieces: list[list[Any]] = [[] for _ in range(n_results)]

    def add(self, blocks: list[Any], start: int, stop: int) -> None:
        for i, block in enumerate(blocks):
            if stop - start == self.n or type(block) is not np.ndarray:
                self.pieces[i].append(block)
                continue
            if self.filled[i] is None:
                self.filled[i] = np.empty((*block.shape[1:], self.n), block.dtype)
            self.filled[i][..., start:stop] = np.moveaxis(block, 0, -1)

    def whole(self) -> list[Any]:
        return [
            filled
            if filled is not None
            else np.moveaxis(pieces[0] if len(pieces) == 1 else np.concatenate(pieces), 0, -1)
            for filled, pieces in zip(self.filled, self.pieces, strict=True)
        ]


def _seed_columns(leaves: list[Any], start: int, stop: int, perturbation: Dense) -> list[Dual]:
    """The leaves as Duals whose directions are the unit vectors ``start`` to ``stop`` of all entries in order."""
    duals = []
    at = 0
    for leaf in leaves:
        size, shape = size_of(leaf), np.shape(primal(leaf))
        block = np.zeros((stop - start, size), _dtype_of(leaf))
        first, last = max(start, at), min(stop, at + size)
        if first < last:
            directions = np.arange(first, last)
            block[directions - start, directions - at] = 1.0
        block = block.reshape(stop - start, *shape)
        if is_array(leaf) and type(primal(leaf)) is not np.ndarray:  # tangents are of the kind of their values
            block = np.zeros_like(primal(leaf), dtype=block.dtype, shape=block.shape) + block
        dual = seeded(leaf, perturbation.seed(block), perturbation)
        duals.append(dual)
        at += size
    if len(leaves) == 1 and dual.tangent.ndim == 2 and size * (stop - start) > BIG:
        perturbation.identity, perturbation.first = dual.tangent, start
    return duals


def stop_gradient(x: Any) -> Any:
    """``x`` as a constant, at every level of differentiation; a tree of arrays gives a tree.

    >>> derivative(lambda x: x * stop_gradient(x))(3.0)
    3.0
    """
    return tree_map(_constant, x)


def _constant(x: Any) -> Any:
    if not carries(x):
        if foreign.holds(x):
            raise TypeError(
                f"stop_gradient: a {type(x).__name__} holds values that carry a derivative where they cannot be "
                "replaced.\n  Stop the arrays in it, or say how it is built: dualdiff.register_pytree."
            )
        return x
    whole = value = fused(x)
    while type(value) is Dual:
        value.perturbation.stopped = True
        value = value.value
    value = primal(whole)
    # A copy: later writes to x would else change the constant, and writes to the constant x's value alone.
    return value.copy() if type(value) is np.ndarray else value


def _carries(leaf: Any, perturbation: Perturbation) -> bool:
    return type(leaf) is Dual and leaf.perturbation is perturbation


def _tangent_block(leaf: Any, perturbation: Dense) -> Any:
    """The block of a result; zero where it does not depend on the arguments."""
    if not _carries(leaf, perturbation):
        return perturbation.block_of(_zero_tangent(leaf, perturbation))
    block = perturbation.block_of(leaf.tangent)
    return np.copy(block, order="K") if leaf.shares else block


def _zero_tangent(leaf: Any, perturbation: Perturbation) -> Any:
    return perturbation.zeros(leaf if _dtype_of(leaf).kind in "fc" else np.zeros(np.shape(leaf)))


def _dtype_of(x: Any) -> np.dtype[Any]:
    return getattr(x, "dtype", None) or np.result_type(type(x))


_FOR_COMPLEX = {
    "jacobian": "jacobian(f, holomorphic=True)",
    "hessian": "jacfwd(jacrev(f, holomorphic=True), holomorphic=True)",
}


def _refuse_complex(x: Any, transform: str, name: str, holomorphic: bool) -> None:
    is_complex = _dtype_of(x).kind == "c"
    if is_complex and not holomorphic:
        instead = _FOR_COMPLEX.get(transform, "jacfwd(f, holomorphic=True)")
        raise TypeError(
            f"{transform}: {name} is complex, and a function of it has one complex derivative only if it is "
            "holomorphic.\n"
            f"  If it is, use {instead}; if not, differentiate along real directions with jvp."
        )
    if holomorphic and not is_complex:
        raise TypeError(f"{transform}: holomorphic=True, but {name} has dtype {_dtype_of(x)}; pass a complex array.")


_CALLS = {
    "jvp": "jvp(f, (x,), (v,))",
    "hvp": "hvp(f, x, v)",
    "vjp": "vjp(f, x)",
    "linearize": "linearize(f, x)",
    "check_grads": "check_grads(f, (x,))",
    "compare_modes": "compare_modes(f, x)",
    "custom_jvp": "custom_jvp(f)",
    "custom_vjp": "custom_vjp(f)",
}


def _check_function(f: Any, transform: str) -> None:
    if not callable(f):
        raise TypeError(
            f"{transform}: the first argument is a function, not {f!r}; call it as "
            f"{_CALLS.get(transform, transform + '(f)(x)')}."
        )


def _check_chunk_size(chunk_size: Any, transform: str) -> None:
    a_count = isinstance(chunk_size, (int, np.integer)) and not isinstance(chunk_size, bool)
    if chunk_size is not None and (not a_count or chunk_size < 1):
        raise ValueError(f"{transform}: chunk_size is a positive int or None, not {chunk_size!r}.")
