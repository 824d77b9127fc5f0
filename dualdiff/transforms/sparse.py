"""Sparse derivatives, their pattern found: `sparsity`, `sparse_jacobian`, `sparse_hessian`.

The function is recorded once and the record run forwards with index sets (tangents/pattern.py).  The columns of the
pattern are coloured (colouring.py); then one direction for each colour gives all entries.  A further random direction v
travels with them: J v of the matrix must be what came out along v, row by row.  Where it is not, an index, a mask or a
branch took another way than when the pattern was found: it is found again here, united with the old one, and the
evaluation repeated.  So a result is exact, or an error, however long a pattern is kept.

Source: Gebremedhin, Manne & Pothen, SIAM Review 47 (2005); Coleman & Verma, SIAM J. Sci. Comput. 19 (1998), for
rows and columns together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .argnums import checked_argnums, selected
from .detection import detected
from .directions import Point
from .refusals import check_chunk_size, check_function
from .reverse import grad
from .sparse_derivative import SparseDerivative
from .transformed import Transformed
from .workers import check_workers


def sparsity(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Function computing the sparsity pattern of the Jacobian of ``f``: where it can be nonzero.

    ``sparsity(grad(f))`` is that of the Hessian.

    Parameters
    ----------
    f : callable
        A function of real arrays or trees of them.
    argnums : int or sequence of int, default 0
        The arguments to differentiate, negative counts from the end; several are laid end to end.

    Returns
    -------
    callable
        A function of the arguments of ``f`` that returns a `scipy.sparse.csr_array` of truth values, of shape
        ``(y.size, x.size)``, entries in row-major order; nested results and arguments are laid end to end.

    Raises
    ------
    ImportError
        Without SciPy.
    ValueError
        If an intermediate pattern is not sparse.

    Notes
    -----
    The pattern holds for all values of ``x`` if ``f`` takes the same branches, indices and masks; else for those taken.
    Cost: one recorded evaluation, and a sweep of index sets: about 20-100 evaluations of vectorised code.
    Source: Griewank & Walther, *Evaluating Derivatives*, ch. 7.

    Examples
    --------
    >>> import numpy as np
    >>> sparsity(lambda x: x[1:] * x[:-1])(np.ones(3)).toarray().astype(int)
    array([[1, 1, 0],
           [0, 1, 1]])
    """
    check_function(f, "sparsity")
    argnums = checked_argnums(argnums, f, "sparsity")

    def pattern_of_f(*args: Any, **kwargs: Any) -> Any:
        positions = selected(argnums, len(args), "sparsity")
        Point(f, args, kwargs, positions, "sparsity")
        return detected(f, args, kwargs, positions, "sparsity")[0]

    return Transformed(pattern_of_f, sparsity, f, argnums)


def sparse_jacobian(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    *,
    pattern: Any = None,
    mode: str = "auto",
    check: bool = True,
    chunk_size: int | None = None,
    has_aux: bool = False,
    workers: Any = None,
    progress: Any = None,
) -> SparseDerivative:
    """Function computing the Jacobian of ``f`` as a sparse matrix, whose pattern it finds.

    The pattern and its colours are kept for each structure and shape of the arguments: ``J.pattern``, ``J.colors``,
    ``print(J)`` show the last.  Integers, strings and truth values among the other arguments count as part of the
    shape.

    Parameters
    ----------
    f : callable
        A function of real arrays or trees of them.
    argnums : int or sequence of int, default 0
        The arguments to differentiate, negative counts from the end; several are laid end to end.
    pattern : sparse array or matrix, optional
        The pattern, where it is known; all entries that it stores count.
    mode : {"auto", "fwd", "rev"}, default "auto"
        By columns, by rows, or what is cheaper: dense rows backwards and the rest forwards.
    check : bool, default True
        Whether each call checks the pattern by one more direction.  Without it an entry that the pattern lacks is wrong
        without notice.
    chunk_size : int, optional
        Directions at a time, for less memory.
    has_aux : bool, default False
        Whether ``f`` returns a pair ``(y, aux)``, of which ``aux`` is handed out undifferentiated.
    workers : int or callable, optional
        So many processes, or anything like `map`, for those chunks, as `jacfwd`.
    progress : bool or callable, optional
        True for a bar (tqdm), or a function of how many chunks are done and how many there are.

    Returns
    -------
    SparseDerivative
        A function of the arguments of ``f`` that returns a `scipy.sparse.csr_array` of shape ``(y.size, x.size)``, in
        the dtype of the dense Jacobian, with sorted indices; with ``has_aux`` the pair ``(J, aux)``.

    Raises
    ------
    ImportError
        Without SciPy.
    ValueError
        If the derivative has entries outside a given pattern.

    Notes
    -----
    Cost: the first call of a shape finds the pattern (`sparsity`); every call runs ``f`` once, on duals with one
    direction for each colour and one to check.
    Source: Gebremedhin, Manne & Pothen, SIAM Review 47 (2005).

    Examples
    --------
    >>> import numpy as np
    >>> J = sparse_jacobian(lambda x: x[1:] * x[:-1])
    >>> J(np.array([1.0, 2.0, 3.0])).toarray()
    array([[2., 1., 0.],
           [0., 3., 2.]])
    >>> print(J)
    sparse_jacobian: 2 x 3, 4 entries; 2 colours: 2 directions forwards, 1 to check
    """
    options = (pattern, mode, check, chunk_size, has_aux, workers, progress)
    return _sparse_jacobian(sparse_jacobian, f, argnums, *options)


def value_and_sparse_jacobian(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    *,
    pattern: Any = None,
    mode: str = "auto",
    check: bool = True,
    chunk_size: int | None = None,
    has_aux: bool = False,
    workers: Any = None,
    progress: Any = None,
) -> SparseDerivative:
    """Function computing the pair ``(f(x), J(x))`` from one run of ``f``, as Newton's method takes it.

    Parameters
    ----------
    f : callable
        A function of real arrays or trees of them.
    argnums : int or sequence of int, default 0
        The arguments to differentiate, negative counts from the end; several are laid end to end.
    pattern : sparse array or matrix, optional
        The pattern, where it is known; all entries that it stores count.
    mode : {"auto", "fwd", "rev"}, default "auto"
        By columns, by rows, or what is cheaper: dense rows backwards and the rest forwards.
    check : bool, default True
        Whether each call checks the pattern by one more direction.  Without it an entry that the pattern lacks is wrong
        without notice.
    chunk_size : int, optional
        Directions at a time, for less memory.
    has_aux : bool, default False
        Whether ``f`` returns a pair ``(y, aux)``, of which ``aux`` is handed out undifferentiated.
    workers : int or callable, optional
        So many processes, or anything like `map`, for those chunks, as `jacfwd`.
    progress : bool or callable, optional
        True for a bar (tqdm), or a function of how many chunks are done and how many there are.

    Returns
    -------
    SparseDerivative
        A function of the arguments of ``f`` that returns ``(y, J)``, with ``has_aux`` ``((y, aux), J)``; ``J`` as that
        of `sparse_jacobian`.

    Raises
    ------
    ImportError
        Without SciPy.
    ValueError
        If the derivative has entries outside a given pattern.

    Notes
    -----
    Cost: that of `sparse_jacobian`; the value is free.
    Source: Gebremedhin, Manne & Pothen, SIAM Review 47 (2005).

    Examples
    --------
    >>> import numpy as np
    >>> y, J = value_and_sparse_jacobian(lambda x: x * x)(np.array([1.0, 3.0]))
    >>> y, J.toarray()
    (array([1., 9.]), array([[2., 0.],
           [0., 6.]]))
    """
    options = (pattern, mode, check, chunk_size, has_aux, workers, progress)
    return _sparse_jacobian(value_and_sparse_jacobian, f, argnums, *options)


def _sparse_jacobian(
    transform: Any, f: Any, argnums: Any, pattern: Any, mode: str, check: bool, chunk_size: int | None, has_aux: bool,
    workers: Any, progress: Any,
) -> SparseDerivative:  # fmt: skip
    name = transform.__name__
    check_function(f, name)
    check_chunk_size(chunk_size, name)
    check_workers(workers, progress, name)
    if mode not in ("auto", "fwd", "rev"):
        raise ValueError(f"{name}: mode is 'auto', 'fwd' or 'rev', not {mode!r}.")
    argnums = checked_argnums(argnums, f, name)
    return SparseDerivative(
        transform, f, f, argnums, pattern=pattern, mode=mode, check=check, chunk_size=chunk_size, has_aux=has_aux,
        workers=workers, progress=progress,
    )  # fmt: skip


def sparse_hessian(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    *,
    pattern: Any = None,
    check: bool = True,
    chunk_size: int | None = None,
    workers: Any = None,
    progress: Any = None,
) -> SparseDerivative:
    """Function computing the Hessian of a scalar ``f`` as a sparse matrix, whose pattern it finds.

    What is kept between calls is said at `sparse_jacobian`.

    Parameters
    ----------
    f : callable
        A function that returns a real scalar.
    argnums : int or sequence of int, default 0
        The arguments to differentiate, negative counts from the end; several are laid end to end.
    pattern : sparse array or matrix, optional
        The pattern, where it is known; all entries that it stores count.
    check : bool, default True
        Whether each call checks the pattern by one more direction.  Without it an entry that the pattern lacks is wrong
        without notice.
    chunk_size : int, optional
        Directions at a time, for less memory.
    workers : int or callable, optional
        So many processes, or anything like `map`, for those chunks, as `jacfwd`.
    progress : bool or callable, optional
        True for a bar (tqdm), or a function of how many chunks are done and how many there are.

    Returns
    -------
    SparseDerivative
        A function of the arguments of ``f`` that returns a `scipy.sparse.csr_array` of shape ``(x.size, x.size)``.

    Raises
    ------
    ImportError
        Without SciPy.
    ValueError
        If the derivative has entries outside a given pattern.

    Notes
    -----
    Cost: the first call of a shape finds the pattern, ``sparsity(grad(f))``; every call runs its gradient once, on
    duals with one direction for each colour and one to check.  Dense rows are taken from their columns, by symmetry.
    Source: Gebremedhin, Manne & Pothen, SIAM Review 47 (2005).

    Examples
    --------
    >>> import numpy as np
    >>> sparse_hessian(lambda x: np.sum(x[1:] * x[:-1] ** 2))(np.array([1.0, 2.0, 3.0])).toarray()
    array([[4., 2., 0.],
           [2., 6., 4.],
           [0., 4., 0.]])
    """
    check_function(f, "sparse_hessian")
    check_chunk_size(chunk_size, "sparse_hessian")
    check_workers(workers, progress, "sparse_hessian")
    argnums = checked_argnums(argnums, f, "sparse_hessian")
    return SparseDerivative(
        sparse_hessian, f, grad(f, argnums), argnums, pattern=pattern, check=check, chunk_size=chunk_size,
        workers=workers, progress=progress,
    )  # fmt: skip
