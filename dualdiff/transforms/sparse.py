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

import numpy as np

from .. import errors
from ..pytrees.trees import Structure, flatten, paths, unflatten
from ..tangents.operations import Pullback
from ..tangents.pattern import as_matrix, pattern_of
from ..values.dual import Dual
from .arguments import check_leaves, checked_argnums, primal_leaf, selected
from .checks import Swept, adjoint_check, gaps, rounding
from .colouring import colour
from .directions import Point, pulled, pushed
from .forward import _check_chunk_size, _check_function, _dtype_of
from .plans import Plan, plan_for, symmetric_plan
from .reverse import grad, recorded
from .transformed import Transformed

# Entries of one block of directions: 256 megabytes.
_MOST_AT_ONCE = 2**25
# Shapes of arguments whose plans are kept.
_SHAPES_KEPT = 64


def sparsity(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Function computing the sparsity pattern of the Jacobian of ``f``: where it can be nonzero.

    Shapes: a `scipy.sparse.csr_array` of truth values, of shape ``(y.size, x.size)``, entries in row-major order;
    nested results and arguments, and several ``argnums``, are laid end to end.  ``sparsity(grad(f))``: of the Hessian.
    The pattern holds for all values of ``x`` if ``f`` takes the same branches, indices and masks; else for those taken.
    Cost: one recorded evaluation, and a sweep of index sets: about 20-100 evaluations of vectorised code.
    Raises: ImportError without SciPy; ValueError if an intermediate pattern is not sparse.
    Source: Griewank & Walther, *Evaluating Derivatives*, ch. 7.

    >>> import numpy as np
    >>> sparsity(lambda x: x[1:] * x[:-1])(np.ones(3)).toarray().astype(int)
    array([[1, 1, 0],
           [0, 1, 1]])
    """
    _check_function(f, "sparsity")
    argnums = checked_argnums(argnums, f, "sparsity")

    def pattern_of_f(*args: Any, **kwargs: Any) -> Any:
        positions = selected(argnums, len(args), "sparsity")
        real_leaves(args, positions, "sparsity")
        return _detected(f, args, kwargs, positions, "sparsity")[0]

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
) -> SparseDerivative:
    """Function computing the Jacobian of ``f`` as a sparse matrix, whose pattern it finds.

    Shapes: a `scipy.sparse.csr_array` of shape ``(y.size, x.size)``, as `sparsity`; values in the dtype of the dense
    Jacobian, indices sorted.  The pattern and its colours are kept for each structure and shape of the arguments:
    ``J.pattern``, ``J.colors``, ``print(J)`` show the last.  Integers, strings and truth values among the other
    arguments count as part of the shape.
    Cost: the first call of a shape finds the pattern (`sparsity`); every call runs ``f`` once, on duals with one
    direction for each colour and one to check.
    ``pattern``: the pattern, where it is known; all entries that it stores count.  ``mode``: "fwd" by columns, "rev" by
    rows, "auto" by what is cheaper, dense rows backwards and the rest forwards.  ``check=False`` leaves the check out:
    then an entry that the pattern lacks is wrong without notice.  ``chunk_size``: directions at a time, less memory.
    Raises: ImportError without SciPy; ValueError if the Jacobian has entries outside a given pattern.
    Source: Gebremedhin, Manne & Pothen, SIAM Review 47 (2005).

    >>> import numpy as np
    >>> J = sparse_jacobian(lambda x: x[1:] * x[:-1])
    >>> J(np.array([1.0, 2.0, 3.0])).toarray()
    array([[2., 1., 0.],
           [0., 3., 2.]])
    >>> print(J)
    sparse_jacobian: 2 x 3, 4 entries; 2 colours: 2 directions forwards, 1 to check
    """
    return _sparse_jacobian(sparse_jacobian, f, argnums, pattern, mode, check, chunk_size, has_aux)


def value_and_sparse_jacobian(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    *,
    pattern: Any = None,
    mode: str = "auto",
    check: bool = True,
    chunk_size: int | None = None,
    has_aux: bool = False,
) -> SparseDerivative:
    """Function computing the pair ``(f(x), J(x))`` from one run of ``f``, as Newton's method takes it.

    With ``has_aux`` it returns ``((y, aux), J)``; all else as `sparse_jacobian`.

    >>> import numpy as np
    >>> y, J = value_and_sparse_jacobian(lambda x: x * x)(np.array([1.0, 3.0]))
    >>> y, J.toarray()
    (array([1., 9.]), array([[2., 0.],
           [0., 6.]]))
    """
    return _sparse_jacobian(value_and_sparse_jacobian, f, argnums, pattern, mode, check, chunk_size, has_aux)


def _sparse_jacobian(
    transform: Any, f: Any, argnums: Any, pattern: Any, mode: str, check: bool, chunk_size: int | None, has_aux: bool
) -> SparseDerivative:
    name = transform.__name__
    _check_function(f, name)
    _check_chunk_size(chunk_size, name)
    if mode not in ("auto", "fwd", "rev"):
        raise ValueError(f"{name}: mode is 'auto', 'fwd' or 'rev', not {mode!r}.")
    argnums = checked_argnums(argnums, f, name)
    return SparseDerivative(
        transform, f, f, argnums, pattern=pattern, mode=mode, check=check, chunk_size=chunk_size, has_aux=has_aux
    )


def sparse_hessian(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    *,
    pattern: Any = None,
    check: bool = True,
    chunk_size: int | None = None,
) -> SparseDerivative:
    """Function computing the Hessian of a scalar ``f`` as a sparse matrix, whose pattern it finds.

    Shapes: a `scipy.sparse.csr_array` of shape ``(x.size, x.size)``; options and what is kept as `sparse_jacobian`.
    Dense rows are taken from their columns, by symmetry.
    Cost: the first call of a shape finds the pattern, ``sparsity(grad(f))``; every call runs its gradient once, on
    duals with one direction for each colour and one to check.

    >>> import numpy as np
    >>> sparse_hessian(lambda x: np.sum(x[1:] * x[:-1] ** 2))(np.array([1.0, 2.0, 3.0])).toarray()
    array([[4., 2., 0.],
           [2., 6., 4.],
           [0., 4., 0.]])
    """
    _check_function(f, "sparse_hessian")
    _check_chunk_size(chunk_size, "sparse_hessian")
    argnums = checked_argnums(argnums, f, "sparse_hessian")
    return SparseDerivative(
        sparse_hessian, f, grad(f, argnums), argnums, pattern=pattern, check=check, chunk_size=chunk_size
    )


class SparseDerivative(Transformed):
    """What `sparse_jacobian` and `sparse_hessian` return: the function of the arguments, and what it keeps of them."""

    def __init__(
        self,
        transform: Callable[..., Any],
        f: Callable[..., Any],
        differentiated: Callable[..., Any],
        argnums: Any,
        *,
        pattern: Any,
        mode: str = "fwd",
        check: bool,
        chunk_size: int | None,
        has_aux: bool = False,
    ) -> None:
        self.name = transform.__name__
        self.symmetric = self.name == "sparse_hessian"
        options: dict[str, Any] = {"pattern": pattern, "check": check, "chunk_size": chunk_size}
        if not self.symmetric:
            options |= {"mode": mode, "has_aux": has_aux}
        super().__init__(self._evaluated, transform, f, argnums, **options)
        self._f = differentiated
        self._argnums = argnums
        self._given = None if pattern is None else _given_pattern(pattern, self.name)
        self._mode = mode
        self._check = check
        self._chunk_size = chunk_size
        self._has_aux = has_aux
        self._plans: dict[Any, Plan] = {}
        self._last: Plan | None = None

    @property
    def pattern(self) -> Any:
        """The pattern of the last evaluation, a sparse matrix of truth values; None before the first."""
        return None if self._last is None else self._last.pattern.copy()

    @property
    def colors(self) -> Any:
        """The colour of each column (of each row, where rows alone are taken) in the last evaluation."""
        if self._last is None:
            return None
        return np.copy(self._last.row_colours if self._last.column_colours is None else self._last.column_colours)

    def __str__(self) -> str:
        if self._last is None:
            return f"{self!r}: nothing evaluated yet"
        return f"{self.name}: {self._last.described()}, {'1' if self._check else 'none'} to check"

    def _evaluated(self, *args: Any, **kwargs: Any) -> Any:
        positions = selected(self._argnums, len(args), self.name)
        leaves, structures = real_leaves(args, positions, self.name)
        key = _shape_key(args, kwargs, positions, leaves, structures)
        plan = self._plans.get(key)
        fresh = plan is None
        if plan is None:
            plan = self._prepared(*self._first_pattern(args, kwargs, positions, leaves))
        while True:
            point = Point(self._f, args, kwargs, positions, leaves, structures, self._has_aux, self.name)
            swept = self._swept(point, plan)
            if swept is not None and (not self._check or not gaps(plan, swept).any()):
                break
            if swept is None and self._given is not None:
                raise ValueError(
                    f"{self.name}: the result has {point.y_size} entries, the pattern {plan.pattern.shape[0]} rows; "
                    "a pattern has the shape (y.size, x.size)."
                )
            if swept is None:
                pattern, only = self._first_pattern(args, kwargs, positions, leaves)
                fresh = True
            else:
                # A stale pattern, or rounding: what this point adds to the pattern tells which.
                found, only = _detected(self._f, args, kwargs, positions, self.name, self._has_aux)
                pattern = _union(plan.pattern, found)
                if self._given is not None or pattern.nnz == plan.pattern.nnz:
                    swept, rows = self._judged(point, plan, swept, only)
                    if not len(rows):
                        break
                    raise self._wrong(plan, pattern, rows)
            plan = self._prepared(pattern, only)
        if fresh or self._plans.get(key) is not plan:
            while len(self._plans) >= _SHAPES_KEPT:
                self._plans.pop(next(iter(self._plans)), None)
            self._plans[key] = plan
        self._last = plan
        matrix = _matrix(plan, swept.data)
        if self.name == "value_and_sparse_jacobian":
            return ((swept.y, swept.aux) if self._has_aux else swept.y), matrix
        return (matrix, swept.aux) if self._has_aux else matrix

    def _first_pattern(self, args: Any, kwargs: Any, positions: Any, leaves: Any) -> tuple[Any, str]:
        if self._given is None:
            return _detected(self._f, args, kwargs, positions, self.name, self._has_aux)
        n = sum(np.size(leaf) for leaf in leaves)
        if self._given.shape[1] != n:
            raise ValueError(
                f"{self.name}: the pattern has {self._given.shape[1]} columns, the arguments have {n} entries; "
                "a pattern has the shape (y.size, x.size)."
            )
        return self._given, self._mode

    def _prepared(self, pattern: Any, only: str) -> Plan:
        if self.symmetric:
            return symmetric_plan(pattern)
        return plan_for(pattern, only if self._mode == "auto" else self._mode)

    def _swept(self, point: Point, plan: Plan) -> Swept | None:
        """The entries at a point; None if the result has not the size of the pattern."""
        n, m = plan.pattern.shape[1], plan.pattern.shape[0]
        seeds = plan.forward_seeds(self._check)
        k = 0 if seeds is None else len(seeds)
        at_once = self._chunk_size or max(1, _MOST_AT_ONCE // max(n, m, 1))
        if plan.row_colours is None and k <= at_once:
            block = point.swept(seeds)
            if point.y_size != m:
                return None
            data = np.take(block.reshape(-1), plan.from_columns)
            return Swept(data, block[-1] if self._check else None, point.y, m, point.aux)
        return self._by_record(point, plan, seeds, at_once)

    def _by_record(self, point: Point, plan: Plan, seeds: Any, at_once: int) -> Swept | None:
        record = recorded(point.f, point.args, point.kwargs, point.positions, self.name, point.has_aux)
        point.y, point.aux = unflatten(record.structure, record.y), record.aux
        point.y_size = sum(np.size(y) for y in record.y)
        m = plan.pattern.shape[0]
        if point.y_size != m:
            return None
        along = None
        data: Any = None
        if seeds is not None and not any(isinstance(node, Pullback) for node in record.tape.nodes):
            parts = [pushed(record, point, seeds[i : i + at_once]) for i in range(0, max(len(seeds), 1), at_once)]
            block = parts[0] if len(parts) == 1 else np.concatenate(parts)
            along = block[-1] if self._check else None
            if plan.from_columns is not None:
                data = np.take(block.reshape(-1), plan.from_columns)
        if plan.row_colours is not None:
            if any(_dtype_of(y).kind == "c" for y in record.y):
                raise TypeError(
                    f"{self.name}: the result is complex, and reverse mode sends back one real direction of it at a "
                    'time.\n  Use mode="fwd", or differentiate the real and imaginary parts.'
                )
            cotangents = plan.backward_seeds()
            parts = [pulled(record, cotangents[i : i + at_once]) for i in range(0, max(len(cotangents), 1), at_once)]
            block = parts[0] if len(parts) == 1 else np.concatenate(parts)
            by_rows = np.take(block.reshape(-1), plan.from_rows)
            if plan.by_rows is None:
                data = by_rows
            else:
                whole = np.empty(plan.pattern.nnz, np.result_type(data, by_rows))
                whole[~plan.by_rows], whole[plan.by_rows] = data, by_rows
                data = whole
            if self._check and along is None:
                along = adjoint_check(record, plan, data)
        return Swept(data, along, point.y, m, point.aux)

    def _judged(self, point: Point, plan: Plan, swept: Swept, only: str) -> tuple[Swept, Any]:
        """The evaluation, and the rows in which it is wrong by more than rounding."""
        if plan.row_colours is not None and only != "rev":
            # Rows sent back are rounded in another way than the direction that checks them: by columns it is the same.
            plan = plan_for(plan.pattern, "fwd")
            again = self._swept(point, plan)
            assert again is not None
            swept = again
        return swept, np.flatnonzero(gaps(plan, swept) & ~rounding(point, plan, swept))

    def _wrong(self, plan: Plan, pattern: Any, rows: Any) -> Exception:
        outside = pattern.nnz - plan.pattern.nnz
        if self._given is not None:
            return ValueError(
                f"{self.name}: the Jacobian has entries outside the given pattern, in row {rows[0]}"
                f"{f' and {len(rows) - 1} others' if len(rows) > 1 else ''} "
                f"({outside} entries that the pattern lacks were found at this point).\n"
                "  Leave pattern= out, and it is found; or compare it with dualdiff.sparsity(f)(x)."
            )
        return errors.UnsupportedFunction(
            f"{self.name}: the pattern found at this point does not hold the derivative in row {rows[0]}: some "
            "operation hides its pattern.\n  Use jacobian, and please report the function."
        )


def real_leaves(args: Any, positions: Any, transform: str) -> tuple[list[Any], list[Structure]]:
    """The differentiated arguments as leaves, checked, and their structures."""
    leaves, structures = [], []
    for i in positions:
        found, structure = flatten(args[i])
        check_leaves(found, args[i], f"{transform}: argument {i}")
        for leaf, name in zip(found, paths(structure, f"argument {i}"), strict=True):
            leaf = primal_leaf(leaf, f"{transform}: {name}")
            if type(leaf) is Dual:
                raise TypeError(
                    f"{transform}: {name} carries a derivative of an outer transform, which a sparse matrix cannot "
                    "hold.\n  Use jacobian or hessian inside other transforms, or jvp and vjp of the function itself."
                )
            if _dtype_of(leaf).kind == "c":
                raise TypeError(
                    f"{transform}: {name} is complex; a sparse derivative is that of real arguments.\n"
                    "  Make the real and imaginary parts two arguments, or use jacobian(f, holomorphic=True)."
                )
            leaves.append(leaf)
        structures.append(structure)
    return leaves, structures


def _detected(f: Any, args: Any, kwargs: Any, positions: Any, transform: str, has_aux: bool = False) -> tuple[Any, str]:
    """The pattern at a point, and the mode that the function allows ("rev" a custom_vjp, "fwd" a complex result)."""
    require_scipy(transform)
    record = recorded(f, args, kwargs, positions, transform, has_aux)
    rows = pattern_of(record.tape, record.inputs, record.outputs, colour)
    n = sum(int(np.prod(node.shape)) for node in record.inputs)
    pattern = as_matrix([(part, np.size(y)) for part, y in zip(rows, record.y, strict=True)], n)
    if any(isinstance(node, Pullback) for node in record.tape.nodes):
        return pattern, "rev"
    return pattern, "fwd" if any(_dtype_of(y).kind == "c" for y in record.y) else "auto"


def require_scipy(transform: str) -> None:
    try:
        import scipy.sparse  # noqa: F401
    except ImportError:
        raise ImportError(
            f"{transform} returns a scipy.sparse matrix, and SciPy is not installed: pip install scipy.\n"
            "  Without it use jacobian, or jvp and vjp, which need no matrix."
        ) from None


def _given_pattern(pattern: Any, transform: str) -> Any:
    """A pattern of the user's: every entry that it stores counts, whatever its value."""
    require_scipy(transform)
    from scipy.sparse import coo_array, csr_array, issparse

    if not issparse(pattern):
        pattern = np.asarray(pattern)
        if pattern.dtype.kind not in "biuf" or pattern.ndim != 2:
            raise TypeError(
                f"{transform}: pattern is a matrix of numbers or truth values, dense or of scipy.sparse, not an array "
                f"of dtype {pattern.dtype} and {pattern.ndim} axes."
            )
    elif len(pattern.shape) != 2:
        raise TypeError(f"{transform}: pattern is a matrix, not a sparse array of {len(pattern.shape)} axis.")
    whole = coo_array(pattern)
    whole = csr_array((np.ones(whole.nnz, bool), (whole.row, whole.col)), shape=whole.shape)
    whole.sum_duplicates()
    whole.data = np.ones(whole.nnz, bool)
    return whole


def _union(a: Any, b: Any) -> Any:
    whole = a + b
    whole.sort_indices()
    return whole


def _matrix(plan: Plan, data: Any) -> Any:
    """The entries as a sparse matrix of its own memory."""
    from scipy.sparse import csr_array

    pattern = plan.pattern
    whole = csr_array((data, pattern.indices.copy(), pattern.indptr.copy()), shape=pattern.shape)
    whole.has_sorted_indices = whole.has_canonical_format = True
    return whole


def _shape_key(args: Any, kwargs: Any, positions: Any, leaves: Any, structures: Any) -> Any:
    """What a pattern is kept for: structures and shapes, and what among the other arguments may decide on sizes."""
    key: list[Any] = [positions, tuple([(np.shape(leaf), _dtype_of(leaf).char) for leaf in leaves])]
    if any(type(args[i]) is not np.ndarray for i in positions):
        key.append(tuple(map(str, structures)))
    if len(args) > len(positions) or kwargs:
        others = [arg for i, arg in enumerate(args) if i not in positions]
        key.append(tuple(map(_static, others)))
        key.append(tuple((name, _static(kwargs[name])) for name in sorted(kwargs)))
    return tuple(key)


def _static(arg: Any) -> Any:
    if arg is None or isinstance(arg, (bool, int, str, bytes)):
        return (type(arg), arg)
    return (type(arg), np.shape(arg)) if isinstance(arg, (np.ndarray, np.generic)) else type(arg)
