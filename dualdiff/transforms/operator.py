"""`jacobian_operator`: the Jacobian as what it does to vectors, without its entries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..pytrees.trees import flatten
from ..tangents import dtype_of
from .argnums import checked_argnums, selected
from .detection import require_scipy
from .directions import Point, pulled, pushed
from .recording import recorded
from .refusals import check_function
from .transformed import Transformed


def jacobian_operator(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Function computing the Jacobian of ``f`` as a `scipy.sparse.linalg.LinearOperator`: products alone.

    Parameters
    ----------
    f : callable
        A function of real arrays or trees of them.
    argnums : int or sequence of int, default 0
        The arguments to differentiate, negative counts from the end; several are laid end to end.

    Returns
    -------
    callable
        A function of the arguments of ``f`` that returns an operator of shape ``(y.size, x.size)``, for products with
        vectors and matrices: ``J @ v``, ``J.T @ u``, ``J @ V``.  Nested results and arguments are laid end to end.

    Raises
    ------
    ImportError
        Without SciPy.
    TypeError
        For complex arguments or results.

    Notes
    -----
    Cost: one recorded evaluation of ``f``; each product then runs the record, about one evaluation for each column.
    Source: Knoll & Keyes, J. Comput. Phys. 193 (2004).

    Examples
    --------
    >>> import numpy as np
    >>> J = jacobian_operator(lambda x: x[1:] * x[:-1])(np.array([1.0, 2.0, 3.0]))
    >>> J @ np.ones(3), J.T @ np.ones(2)
    (array([3., 5.]), array([2., 4., 2.]))
    """
    check_function(f, "jacobian_operator")
    argnums = checked_argnums(argnums, f, "jacobian_operator")

    def operator_of_f(*args: Any, **kwargs: Any) -> Any:
        require_scipy("jacobian_operator")
        from scipy.sparse.linalg import LinearOperator

        positions = selected(argnums, len(args), "jacobian_operator")
        point = Point(f, args, kwargs, positions, "jacobian_operator")
        record = recorded(f, args, kwargs, positions, "jacobian_operator")
        if any(dtype_of(y).kind == "c" for y in record.y):
            raise TypeError(
                "jacobian_operator: the result is complex; differentiate its real and imaginary parts, "
                "or use linearize and vjp."
            )
        # Later changes of what the caller holds must not reach the record.
        record.tape.protect([*record.primals, *record.y, *flatten(list(args))[0]])
        m, n = sum(np.size(y) for y in record.y), point.size
        dtype = np.result_type(*(dtype_of(x) for x in (*point.leaves, *record.y)), np.float32)

        def forwards(vectors: Any) -> Any:
            return _real_linear(lambda block: pushed(record, point, block), vectors, n)

        def backwards(vectors: Any) -> Any:
            return _real_linear(lambda block: pulled(record, block), vectors, m)

        return LinearOperator(
            (m, n), matvec=forwards, rmatvec=backwards, matmat=forwards, rmatmat=backwards, dtype=dtype
        )

    return Transformed(operator_of_f, jacobian_operator, f, argnums)


def _real_linear(along: Callable[[Any], Any], vectors: Any, size: int) -> Any:
    """A map of blocks, of shape ``(k, size)``, on vectors as SciPy gives them: one, or the columns of a matrix."""
    vectors = np.asarray(vectors)
    if vectors.dtype.kind == "c":
        return _real_linear(along, vectors.real, size) + 1j * _real_linear(along, vectors.imag, size)
    columns = vectors.reshape(size, vectors.size // size if size else 0)
    result = along(np.ascontiguousarray(columns.T)).T
    return result.reshape(-1) if vectors.ndim == 1 else np.ascontiguousarray(result)
