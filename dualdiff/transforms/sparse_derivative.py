"""What `sparse_jacobian` and `sparse_hessian` return: an evaluation by a plan, its check, and what if that fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from ..tangents import dtype_of
from .argnums import selected
from .checks import Swept, gaps, rounding
from .compression import Evaluation
from .detection import detected, given_pattern
from .directions import Point
from .plans import Plan, plan_for, symmetric_plan
from .transformed import Transformed

# Shapes of arguments whose plans are kept.
_SHAPES_KEPT = 64
# Patterns found at one point: each run of the function may take another branch, if it draws random numbers.
_ATTEMPTS = 10


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
        workers: Any = None,
        progress: Any = None,
    ) -> None:
        self.name = transform.__name__
        self.symmetric = self.name == "sparse_hessian"
        options: dict[str, Any] = {"pattern": pattern, "check": check, "chunk_size": chunk_size}
        options |= {"workers": workers, "progress": progress}
        if not self.symmetric:
            options |= {"mode": mode, "has_aux": has_aux}
        super().__init__(self._evaluated, transform, f, argnums, **options)
        self._f = differentiated
        self._argnums = argnums
        self._given = None if pattern is None else given_pattern(pattern, self.name)
        self._mode = mode
        self._check = check
        self._evaluation = Evaluation(self.name, check, chunk_size, workers, progress)
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

    def _repr_html_(self) -> str:
        from html import escape

        from .spy import svg

        plan = self._last
        picture = "" if plan is None else svg(plan.pattern, plan.column_colours, plan.row_colours)
        return f"<div><p>{escape(str(self))}</p>{picture}</div>"

    def _evaluated(self, *args: Any, **kwargs: Any) -> Any:
        positions = selected(self._argnums, len(args), self.name)
        point = Point(self._f, args, kwargs, positions, self.name, self._has_aux)
        leaves = point.leaves
        key = _shape_key(args, kwargs, positions, leaves, point.structures)
        plan = self._plans.get(key)
        fresh = plan is None
        if plan is None:
            plan = self._prepared(*self._first_pattern(args, kwargs, positions, leaves))
        for _ in range(_ATTEMPTS):
            swept = self._evaluation.at(point, plan)
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
                found, only = detected(self._f, args, kwargs, positions, self.name, self._has_aux)
                pattern = _union(plan.pattern, found)
                if self._given is not None or pattern.nnz == plan.pattern.nnz:
                    swept, rows = self._judged(point, plan, swept, only)
                    if not len(rows):
                        break
                    raise self._wrong(plan, pattern, rows)
            plan = self._prepared(pattern, only)
        else:
            raise ValueError(
                f"{self.name}: the function has another pattern, or a result of another size, in every run at one "
                "point; a function with a derivative gives the same result each time."
            )
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
            return detected(self._f, args, kwargs, positions, self.name, self._has_aux)
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

    def _judged(self, point: Point, plan: Plan, swept: Swept, only: str) -> tuple[Swept, Any]:
        """The evaluation, and the rows in which it is wrong by more than rounding."""
        if plan.row_colours is not None and only != "rev":
            # Rows sent back are rounded in another way than the direction that checks them: by columns it is the same.
            plan = plan_for(plan.pattern, "fwd")
            again = self._evaluation.at(point, plan)
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
    key: list[Any] = [positions, tuple([(np.shape(leaf), dtype_of(leaf).char) for leaf in leaves])]
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
