"""Parts of second derivatives that need no whole Hessian: its diagonal, and Gauss and Newton's share of a product."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..pytrees.trees import flatten
from .arguments import presented, primal_leaf
from .columns import columns_at_once
from .forward import jacfwd, jvp
from .jacobian import hvp
from .linearization import vjp
from .refusals import check_chunk_size, check_function
from .reverse import grad
from .transformed import Transformed
from .workers import check_workers, mapped


def hessian_diagonal(
    f: Callable[..., Any], *, chunk_size: int | None = None, workers: Any = None, progress: Any = None
) -> Callable[..., Any]:
    """Function computing the diagonal of the Hessian of a scalar ``f`` in its first argument, an array.

    Parameters
    ----------
    f : callable
        A function of an array, and of others, that returns a scalar.
    chunk_size : int, optional
        Directions at a time, which bounds the memory.  By default as many as a block of one megabyte holds.
    workers : int or callable, optional
        So many processes, or anything like `map` (that of an executor, ``client.map`` of Dask), for the chunks, as
        `jacfwd`.
    progress : bool or callable, optional
        True for a bar (tqdm), or a function of how many chunks are done and how many there are.

    Returns
    -------
    callable
        A function of the arguments of ``f``; its result ∂²f/∂x[i]² has the shape of the first.

    Raises
    ------
    UnsupportedFunction
        If ``f`` calls a NumPy function that has no rule.

    Notes
    -----
    Cost: that of `hessian`, about ``x.size`` gradients side by side; memory that of ``chunk_size`` of its columns.

    Examples
    --------
    >>> import numpy as np
    >>> hessian_diagonal(lambda x: np.sum(x**3) + x[0] * x[1])(np.array([1.0, 2.0]))
    array([ 6., 12.])
    """
    check_function(f, "hessian_diagonal")
    check_chunk_size(chunk_size, "hessian_diagonal")
    check_workers(workers, progress, "hessian_diagonal")

    def diagonal_of_f(x: Any, *args: Any, **kwargs: Any) -> Any:
        x = primal_leaf(x, "hessian_diagonal: the argument")
        shape, flat = np.shape(x), np.reshape(x, (-1,))
        n = flat.shape[0]
        k = chunk_size or columns_at_once(max(n, 1))
        chunks = [(start, min(start + k, n)) for start in range(0, n, k)]
        parts = mapped(_DiagonalChunk(f, flat, shape, args, kwargs), chunks, workers, progress)
        return presented(np.reshape(np.concatenate(parts) if parts else flat * 0.0, shape)[()])

    return Transformed(diagonal_of_f, hessian_diagonal, f, chunk_size=chunk_size, workers=workers, progress=progress)


class _DiagonalChunk:
    """A part of the diagonal by its numbers, which a worker may get by pickle."""

    def __init__(self, f: Any, flat: Any, shape: Any, args: Any, kwargs: Any) -> None:
        self.call = f, flat, shape, args, kwargs

    def __call__(self, chunk: tuple[int, int]) -> Any:
        (f, flat, shape, args, kwargs), (start, stop) = self.call, chunk
        gradient = grad(lambda flat: f(np.reshape(flat, shape), *args, **kwargs))

        def moved(d: Any) -> Any:
            whole = np.concatenate([flat[:start], flat[start:stop] + d, flat[stop:]])
            return gradient(whole)[start:stop]

        return np.diagonal(jacfwd(moved)(np.zeros(stop - start, np.result_type(flat.dtype))))


def gauss_newton_product(f: Callable[..., Any], x: Any, v: Any, loss: Callable[..., Any] | None = None) -> Any:
    """Product of a vector with the Gauss-Newton matrix Jᵀ H J of ``loss(f(x))``.

    J is the Jacobian of ``f`` and H the Hessian of ``loss``.  The matrix is the Hessian without the curvature of ``f``:
    positive semidefinite where ``loss`` is convex, and equal to the Hessian where ``f`` is linear or the loss is at its
    minimum.

    Parameters
    ----------
    f : callable
        A function of ``x`` that returns residuals, or what ``loss`` takes.
    x : array or tree
        The point.
    v : array or tree
        The vector, of the structure and shapes of ``x``.
    loss : callable, optional
        A scalar function of the result of ``f``; half the sum of squares by default.

    Returns
    -------
    array or tree
        The product, of the structure and shapes of ``x``.

    Raises
    ------
    UnsupportedFunction
        If ``f`` calls a NumPy function that has no rule.

    Notes
    -----
    Cost: three evaluations of ``f`` or so; no matrix is made.
    Source: Schraudolph 2002, Fast curvature matrix-vector products.

    Examples
    --------
    >>> import numpy as np
    >>> gauss_newton_product(lambda x: x**2, np.array([1.0, 3.0]), np.array([1.0, 1.0]))
    array([ 4., 36.])
    """
    check_function(f, "gauss_newton_product")
    y, push = jvp(f, (x,), (v,))
    if any(np.iscomplexobj(leaf) for leaf in flatten(y)[0]):
        raise TypeError(
            "gauss_newton_product: the function returns complex numbers; return real and imaginary parts, "
            "np.stack([y.real, y.imag])."
        )
    weighted = push if loss is None else hvp(loss, (y,), (push,))
    return vjp(f, x)[1](weighted)[0]
