"""A function as a linear map at one point, kept: its value, and `vjp` or `linearize` of it as often as is asked.

The function is recorded once.  A pullback runs the record backwards, a pushforward forwards.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..pytrees.trees import flatten, paths, unflatten
from ..tangents import dtype_of
from ..values.dual import may_share_memory
from .arguments import directions_in, presented, seed_leaf
from .recording import own, recorded
from .refusals import check_function


def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """Value of ``f(*primals)``, and its pullback, from cotangents of the result to those of the primals.

    Parameters
    ----------
    f : callable
        A function of arrays, numbers or trees of them.
    *primals : array, number or tree
        The arguments of ``f``.
    has_aux : bool, default False
        Whether ``f`` returns a pair ``(y, aux)``, of which ``aux`` is handed out undifferentiated.

    Returns
    -------
    y : array or tree
        The value, as ``f`` returns it.
    pullback : callable
        Takes a cotangent of the structure and shape of ``y``, and returns a tuple with one cotangent for each primal,
        of its structure and shape.  It may be called many times.  ``pullback(cts, block=True)`` takes k cotangents side
        by side, arrays of shape ``(k, *y.shape)``, and returns blocks ``(k, *x.shape)``: ``U @ J`` in one sweep.
    aux : object
        With ``has_aux`` alone.

    Raises
    ------
    UnsupportedFunction
        If ``f`` calls a NumPy function that has no rule.

    Notes
    -----
    Cost: one recorded evaluation of ``f``; each call of the pullback costs about as much again.
    Source: Griewank & Walther, *Evaluating Derivatives*, ch. 3.

    Examples
    --------
    >>> import numpy as np
    >>> y, pullback = vjp(lambda x, w: w @ x, np.array([1.0, 2.0]), np.eye(2))
    >>> pullback(np.array([1.0, 0.0]))[0]
    array([1., 0.])
    """
    check_function(f, "vjp")
    if not primals:
        raise TypeError("vjp: there are no primals, nothing to differentiate: y, pullback = vjp(f, x).")
    record = recorded(f, primals, {}, range(len(primals)), "vjp", has_aux)
    # Later changes of what the caller holds must not reach the record.
    record.tape.protect([*record.primals, *record.y, *flatten(record.aux)[0]])

    def pullback(cotangent: Any, *, block: bool = False) -> tuple[Any, ...]:
        """Cotangents of the primals from one of the result; with ``block`` many of them, along a first axis."""
        given, structure = flatten(cotangent)
        if not structure.same_as(record.structure):
            raise ValueError(
                f"pullback: the cotangent has the structure {structure}, the result has {record.structure}; "
                "a cotangent has the structure of the result."
            )
        names = [f"pullback: {name}" for name in paths(record.structure, "cotangent")]
        cts = [
            seed_leaf(ct, y, name, name.replace("pullback: cotangent", "the result", 1), block)
            for ct, y, name in zip(given, record.y, names, strict=True)
        ]
        active = [(node, ct) for node, ct in zip(record.outputs, cts, strict=True) if node is not None]
        if block:
            k = directions_in(cts, names)
            found = [None] * len(record.inputs)
            if k:
                found = record.tape.pull(active, record.inputs)
            rows = [_zeros_block(k, record.zeros(i)) if row is None else own(row) for i, row in enumerate(found)]
        else:
            found = record.tape.pull([(node, ct[0]) for node, ct in active], record.inputs, one=True)
            rows = [record.zeros(i) if row is None else row for i, row in enumerate(found)]
        return presented(record.laid_out(rows))

    y = presented(unflatten(record.structure, record.y))
    return (y, pullback, presented(record.aux)) if has_aux else (y, pullback)


def linearize(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """Value of ``f(*primals)``, and its pushforward, from tangents of the primals to that of the result.

    Parameters
    ----------
    f : callable
        A function of arrays, numbers or trees of them.
    *primals : array, number or tree
        The arguments of ``f``.

    Returns
    -------
    y : array or tree
        The value, as ``f`` returns it.
    pushforward : callable
        Takes one tangent for each primal, of its structure and shape, and returns that of the result.
        ``pushforward(*tangents, block=True)`` takes k directions side by side, arrays of shape ``(k, *x.shape)``, and
        returns blocks ``(k, *y.shape)``: of one array, ``(J @ V.T).T`` in one sweep.

    Raises
    ------
    UnsupportedFunction
        If ``f`` calls a NumPy function that has no rule.

    Notes
    -----
    Cost: one recorded evaluation of ``f``; the pushforward then runs the linear part alone, as often as it is called.
    Source: Griewank & Walther, *Evaluating Derivatives*, ch. 3.

    Examples
    --------
    >>> import numpy as np
    >>> y, pushforward = linearize(np.sin, 0.0)
    >>> float(pushforward(3.0))
    3.0
    >>> linearize(lambda x: x[1:] * x[0], np.array([2.0, 3.0]))[1](np.eye(2), block=True)
    array([[3.],
           [2.]])
    """
    check_function(f, "linearize")
    if not primals:
        raise TypeError("linearize: there are no primals, nothing to differentiate: y, pushforward = linearize(f, x).")
    record = recorded(f, primals, {}, range(len(primals)), "linearize")
    record.tape.protect([*record.primals, *record.y])

    def pushforward(*tangents: Any, block: bool = False) -> Any:
        """The tangent of the result from those of the primals; with ``block`` many of them, along a first axis."""
        if len(tangents) != len(primals):
            raise ValueError(f"pushforward: {len(tangents)} tangents for {len(primals)} primals.")
        seeds: list[Any] = []
        names: list[str] = []
        at = 0
        for i, (tangent, expected) in enumerate(zip(tangents, record.given, strict=True)):
            leaves, structure = flatten(tangent)
            if not structure.same_as(expected):
                raise ValueError(f"pushforward: tangents[{i}] has the structure {structure}, its primal {expected}.")
            for leaf, name in zip(leaves, paths(structure, f"[{i}]"), strict=True):
                names.append(f"pushforward: tangents{name}")
                seeds.append(seed_leaf(leaf, record.primals[at], names[-1], f"primals{name}", block))
                at += 1
        k = directions_in(seeds, names)
        active = [node for node in record.outputs if node is not None]
        found = iter(record.tape.push(list(zip(record.inputs, seeds, strict=True)), active, k))
        results = []
        for node, y in zip(record.outputs, record.y, strict=True):
            result = next(found) if node is not None else None
            if result is None:
                zero = _zero_tangent(y)
                results.append(_zeros_block(k, zero) if block else zero)
                continue
            result = result if block else result[0]
            # x and x + 1 have the same node, x[1:] is a view of it, but each result is an array of its own.
            shared = len(record.outputs) > 1 and any(may_share_memory(result, other) for other in results)
            results.append(result.copy() if shared else result)
        return presented(unflatten(record.structure, results, bare=True))

    return presented(unflatten(record.structure, record.y)), pushforward


def _zeros_block(k: int, zero: Any) -> Any:
    return np.zeros_like(zero, shape=(k, *np.shape(zero)))


def _zero_tangent(y: Any) -> Any:
    return np.zeros_like(y, dtype=None if dtype_of(y).kind in "fc" else float)
