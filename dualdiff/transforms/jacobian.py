"""Transforms that choose or combine modes: `jacobian`, `hessian`, `hvp`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..pytrees.trees import flatten
from ..values.dual import size_of
from .arguments import checked_argnums, presented, selected
from .forward import _check_chunk_size, _check_function, along, by_columns
from .reverse import by_rows, check_holomorphic, recorded, rows_of_jacobian, value_and_gradient
from .transformed import Transformed

# One row sent back costs about this many columns sent forward (python -m benchmarks --only modes).
ROW_COST = 2.0
# With so few inputs forward mode is rarely worse than recording, and no evaluation is spent on the number of outputs.
FEW_INPUTS = 16


def jacobian(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    *,
    mode: str = "auto",
    chunk_size: int | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """Function computing the Jacobian of ``f``, by the mode that is cheaper for its sizes.

    ``mode`` is "fwd" (`jacfwd`), "rev" (`jacrev`), or "auto": forward for at most 16 inputs; else ``f`` is recorded,
    and the record run backwards, unless the outputs are half as many as the inputs or more.
    Shapes: ``J.shape == y.shape + x.shape``.
    Cost: that of the mode taken; the first "auto" of a Jacobian that is taken forwards runs ``f`` once more than that.

    >>> import numpy as np
    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    _check_function(f, "jacobian")
    _check_chunk_size(chunk_size, "jacobian")
    if mode not in ("auto", "fwd", "rev"):
        raise ValueError(f"jacobian: mode is 'auto', 'fwd' or 'rev', not {mode!r}.")
    argnums = checked_argnums(argnums, f, "jacobian")
    options: dict[str, Any] = {"chunk_size": chunk_size, "has_aux": has_aux, "holomorphic": holomorphic}
    by_mode = {
        "fwd": by_columns(f, argnums, "jacobian", chunk_size, has_aux, holomorphic),
        "rev": by_rows(f, argnums, "jacobian", chunk_size, has_aux, holomorphic),
    }

    outputs: dict[int, int] = {}  # how many there were at the last call with so many inputs

    def jacobian_of_f(*args: Any, **kwargs: Any) -> Any:
        if mode != "auto":
            return by_mode[mode](*args, **kwargs)
        positions = selected(argnums, len(args), "jacobian")
        n = sum(size_of(leaf) for i in positions for leaf in flatten(args[i])[0])
        if n <= FEW_INPUTS or (n in outputs and mode_for_sizes(n, outputs[n]) == "fwd"):
            return by_mode["fwd"](*args, **kwargs)
        # Not by a plain run: caches of the user's would give back what they learn in it.
        record = recorded(f, args, kwargs, positions, "jacobian", has_aux)
        outputs[n] = sum(size_of(y) for y in record.y)
        if mode_for_sizes(n, outputs[n]) == "fwd":
            return by_mode["fwd"](*args, **kwargs)
        check_holomorphic(record, "jacobian", holomorphic)
        found = rows_of_jacobian(record, args, positions, argnums, chunk_size)
        return (found, record.aux) if has_aux else found

    return Transformed(jacobian_of_f, jacobian, f, argnums, mode=mode, **options)


def mode_for_sizes(n: int, m: int) -> str:
    """The cost model: "rev" for an m × n Jacobian whose rows, sent back, cost less than its columns, sent forward."""
    return "rev" if n > FEW_INPUTS and ROW_COST * m < n else "fwd"


def hessian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """Function computing the Hessian of ``f``, forward over reverse.

    Shapes: ``H.shape == y.shape + x.shape + x.shape``; nested arguments give their structure twice.
    Cost: for a scalar ``f`` about ``x.size`` gradients, in chunks side by side.

    >>> import numpy as np
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 3.0]))
    array([[6., 2.],
           [2., 0.]])
    """
    _check_function(f, "hessian")
    argnums = checked_argnums(argnums, f, "hessian")
    return Transformed(by_columns(by_rows(f, argnums, "hessian"), argnums, "hessian"), hessian, f, argnums)


def hvp(f: Callable[..., Any], primals: Any, tangents: Any) -> Any:
    """Hessian-vector product: the derivative of the gradient in the first argument along ``tangents``.

    ``primals`` and ``tangents`` are tuples with one entry for each argument of ``f``, as in `jvp`; of a function of one
    argument, which is no tuple or list, they may be given as they are: ``hvp(f, x, v)``.
    Shapes: the result has the structure and shapes of the first primal.
    Cost: a small multiple of ``f``, whatever the number of inputs (forward over reverse).

    >>> import numpy as np
    >>> hvp(lambda x: np.sum(x**3), np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    array([6., 0.])
    """
    _check_function(f, "hvp")
    if not isinstance(primals, (tuple, list)) and not isinstance(tangents, (tuple, list)):
        primals, tangents = (primals,), (tangents,)
    both = value_and_gradient(f, 0, "hvp")
    return along(lambda *args: presented(both(args, {})[1]), primals, tangents, "hvp")[1]
