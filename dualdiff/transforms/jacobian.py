"""Transforms that choose or combine modes: `jacobian`, `hessian`, `hvp`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import NoForwardRule
from ..pytrees.trees import flatten
from ..values.dual import size_of
from .arguments import checked_argnums, presented, selected
from .forward import _check_chunk_size, _check_function, along, by_columns
from .recording import recorded
from .reverse import jacrev, value_and_gradient, vjp
from .rows import RowChunk, by_rows, check_holomorphic, rows_of_jacobian
from .transformed import P, Transformed
from .workers import check_workers

# One row sent back costs about this many columns sent forward (python -m benchmarks --only modes).
ROW_COST = 2.0
# With so few inputs forward mode is rarely worse than recording, and no evaluation is spent on the number of outputs.
FEW_INPUTS = 16


def jacobian(
    f: Callable[P, Any],
    argnums: int | Sequence[int] = 0,
    *,
    mode: str = "auto",
    chunk_size: int | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    workers: Any = None,
    progress: Any = None,
) -> Callable[P, Any]:
    """Function computing the Jacobian of ``f``, by the mode that is cheaper for its sizes.

    ``mode`` is "fwd" (`jacfwd`), "rev" (`jacrev`), or "auto": forward for at most 16 inputs; else ``f`` is recorded,
    and the record run backwards, unless the outputs are half as many as the inputs or more.  Where a function has
    a rule for reverse mode alone (`custom_vjp`), "auto" takes that.
    ``workers`` and ``progress``: of the chunks of columns or rows, as `jacfwd`.
    Shapes: ``J.shape == y.shape + x.shape``.
    Cost: that of the mode taken; the first "auto" of a Jacobian that is taken forwards runs ``f`` once more than that.

    >>> import numpy as np
    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    _check_function(f, "jacobian")
    _check_chunk_size(chunk_size, "jacobian")
    check_workers(workers, progress, "jacobian")
    if mode not in ("auto", "fwd", "rev"):
        raise ValueError(f"jacobian: mode is 'auto', 'fwd' or 'rev', not {mode!r}.")
    argnums = checked_argnums(argnums, f, "jacobian")
    options: dict[str, Any] = {"chunk_size": chunk_size, "has_aux": has_aux, "holomorphic": holomorphic}
    options |= {"workers": workers, "progress": progress}
    by_mode = {
        "fwd": by_columns(f, argnums, "jacobian", chunk_size, has_aux, holomorphic, workers, progress),
        "rev": by_rows(f, argnums, "jacobian", chunk_size, has_aux, holomorphic, workers, progress),
    }

    forward_or_back = _either_way(by_mode["fwd"], by_mode["rev"])
    outputs: dict[int, int] = {}  # how many there were at the last call with so many inputs

    def jacobian_of_f(*args: Any, **kwargs: Any) -> Any:
        if mode != "auto":
            return by_mode[mode](*args, **kwargs)
        positions = selected(argnums, len(args), "jacobian")
        n = sum(size_of(leaf) for i in positions for leaf in flatten(args[i])[0])
        if n <= FEW_INPUTS or (n in outputs and mode_for_sizes(n, outputs[n]) == "fwd"):
            return forward_or_back(*args, **kwargs)
        # Not by a plain run: caches of the user's would give back what they learn in it.
        record = recorded(f, args, kwargs, positions, "jacobian", has_aux)
        outputs[n] = sum(size_of(y) for y in record.y)
        if mode_for_sizes(n, outputs[n]) == "fwd":
            return forward_or_back(*args, **kwargs)
        check_holomorphic(record, "jacobian", holomorphic)
        one = RowChunk(f, args, kwargs, positions, has_aux, "jacobian", None if workers is not None else record)
        found = rows_of_jacobian(record, args, positions, argnums, chunk_size, one, workers, progress)
        return (found, record.aux) if has_aux else found

    return Transformed(jacobian_of_f, jacobian, f, argnums, mode=mode, **options)


def _either_way(forward: Callable[..., Any], back: Callable[..., Any]) -> Callable[..., Any]:
    """``forward``, or ``back`` where a function met there has a rule for reverse mode alone."""

    def either(*args: Any, **kwargs: Any) -> Any:
        try:
            return forward(*args, **kwargs)
        except NoForwardRule:
            pass  # the error of the way back, if that fails too, is the one to show
        return back(*args, **kwargs)

    return either


def mode_for_sizes(n: int, m: int) -> str:
    """The cost model: "rev" for an m × n Jacobian whose rows, sent back, cost less than its columns, sent forward."""
    return "rev" if n > FEW_INPUTS and ROW_COST * m < n else "fwd"


def hessian(
    f: Callable[P, Any], argnums: int | Sequence[int] = 0, *, workers: Any = None, progress: Any = None
) -> Callable[P, Any]:
    """Function computing the Hessian of ``f``, forward over reverse.

    Shapes: ``H.shape == y.shape + x.shape + x.shape``; nested arguments give their structure twice.
    ``workers`` and ``progress``: of the chunks of columns, as `jacfwd`.
    Cost: for a scalar ``f`` about ``x.size`` gradients, in chunks side by side.  Where a `custom_vjp` function has no
    derivative in forward mode, by reverse over reverse.

    >>> import numpy as np
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 3.0]))
    array([[6., 2.],
           [2., 0.]])
    """
    _check_function(f, "hessian")
    check_workers(workers, progress, "hessian")
    argnums = checked_argnums(argnums, f, "hessian")
    # What goes to processes is pickled, which the function that `jacrev` returns can be.
    rows = by_rows(f, argnums, "hessian") if workers is None else jacrev(f, argnums)
    columns = by_columns(rows, argnums, "hessian", workers=workers, progress=progress)
    both_ways = _either_way(columns, by_rows(rows, argnums, "hessian"))
    if workers is None and progress is None:
        return Transformed(both_ways, hessian, f, argnums)
    return Transformed(both_ways, hessian, f, argnums, workers=workers, progress=progress)


def hvp(f: Callable[..., Any], primals: Any, tangents: Any) -> Any:
    """Hessian-vector product: the derivative of the gradient in the first argument along ``tangents``.

    ``primals`` and ``tangents`` are tuples with one entry for each argument of ``f``, as in `jvp`; of a function of one
    argument, which is no tuple or list, they may be given as they are: ``hvp(f, x, v)``.
    Shapes: the result has the structure and shapes of the first primal.
    Cost: a small multiple of ``f``, whatever the number of inputs (forward over reverse; reverse over reverse where a
    `custom_vjp` function has no derivative in forward mode).

    >>> import numpy as np
    >>> hvp(lambda x: np.sum(x**3), np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    array([6., 0.])
    """
    _check_function(f, "hvp")
    if not isinstance(primals, (tuple, list)) and not isinstance(tangents, (tuple, list)):
        primals, tangents = (primals,), (tangents,)
    both = value_and_gradient(f, 0, "hvp")
    try:
        return along(lambda *args: presented(both(args, {})[1]), primals, tangents, "hvp")[1]
    except NoForwardRule:
        pass
    # By symmetry, the derivative of ∂₀f along v is the gradient in the first argument of the derivative along v.
    all_arguments = value_and_gradient(f, tuple(range(len(primals))), "hvp")
    return vjp(lambda *args: presented(all_arguments(args, {})[1]), *primals)[1](tuple(tangents))[0]
