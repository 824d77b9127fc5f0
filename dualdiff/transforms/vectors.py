"""Nested parameters as one vector and back, for solvers that know nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..pytrees.trees import flatten, unflatten
from ..values.dual import size_of
from .arguments import presented, primal_leaf


def ravel(tree: Any) -> tuple[Any, Callable[[Any], Any]]:
    """One vector of the numbers of a tree, and the function that makes a tree of such a vector.

    Parameters
    ----------
    tree : array, number or tree
        Nested lists, tuples, dicts, dataclasses, ... of arrays and numbers.

    Returns
    -------
    vector : ndarray
        Of shape ``(n,)``, ``n`` being the number of entries of all arrays and scalars, in the order of the tree; its
        dtype is the one that they promote to, at least that of real numbers.
    tree_of : callable
        Makes a tree of a vector, is differentiable, and gives each part its shape and dtype back (integers become
        floats).

    Raises
    ------
    TypeError
        For what cannot be differentiated (text; None is no leaf).
    ValueError
        For a vector of other size.

    Notes
    -----
    Cost: one copy of the numbers.

    Examples
    --------
    >>> import numpy as np
    >>> vector, tree_of = ravel({"bias": 0.5, "weights": np.ones((2, 2))})
    >>> vector
    array([0.5, 1. , 1. , 1. , 1. ])
    >>> tree_of(2 * vector)["weights"]
    array([[2., 2.],
           [2., 2.]])
    """
    leaves, structure = flatten(tree)
    leaves = [primal_leaf(leaf, "ravel: a leaf of the tree") for leaf in leaves]
    shapes = [np.shape(leaf) for leaf in leaves]
    dtypes = [getattr(leaf, "dtype", None) or np.result_type(type(leaf)) for leaf in leaves]
    stops = [int(stop) for stop in np.cumsum([size_of(leaf) for leaf in leaves])]
    n = stops[-1] if stops else 0
    vector = presented(np.concatenate([np.reshape(leaf, (-1,)) for leaf in leaves])) if leaves else np.zeros(0)

    def tree_of(vector: Any) -> Any:
        if np.shape(vector) != (n,):
            raise ValueError(f"ravel: a vector of shape {np.shape(vector)} is given for a tree of {n} numbers.")
        parts = []
        for shape, dtype, stop in zip(shapes, dtypes, stops, strict=True):
            start = stop - int(np.prod(shape, dtype=int))
            part = np.reshape(vector[start:stop], shape) if shape else vector[start]
            given = getattr(part, "dtype", dtype)
            if given.kind == "c" and dtype.kind == "f":
                part = np.real(part)
            parts.append(part if part.dtype == dtype else part.astype(dtype))
        return unflatten(structure, parts)

    return vector, tree_of
