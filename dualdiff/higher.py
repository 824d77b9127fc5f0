"""Transforms that choose or combine modes: `jacobian`, `hessian`, `hvp`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .forward import _check_chunk_size, _check_function, jacfwd, jvp
from .pytrees import flatten
from .reverse import grad, jacrev
from .seeding import selected
from .transformed import Transformed

# One row sent back costs about this many columns sent forward (python -m benchmarks --only modes).
ROW_COST = 2.0
# With so few inputs forward mode is rarely worse than recording, and no evaluation is spent on the number of outputs.
FEW_INPUTS = 16


def jacobian(
    f: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    *,
    mode: str = "auto",
    chunk_size: int | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
) -> Callable[..., Any]:
    """Function computing the Jacobian of ``f``, by the mode that is cheaper for its sizes.

    ``mode`` is "fwd" (`jacfwd`), "rev" (`jacrev`), or "auto": forward for at most 16 inputs; else a plain evaluation
    of ``f`` gives the number of outputs, and reverse is taken when it is less than half of the inputs.
    Shapes: ``J.shape == y.shape + x.shape``.
    Cost: that of the mode taken; "auto" runs ``f`` once more than that, to see its outputs, unless the inputs are few.

    >>> import numpy as np
    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    _check_function(f, "jacobian")
    _check_chunk_size(chunk_size, "jacobian")
    if mode not in ("auto", "fwd", "rev"):
        raise ValueError(f"jacobian: mode is 'auto', 'fwd' or 'rev', not {mode!r}.")
    options: dict[str, Any] = {"chunk_size": chunk_size, "has_aux": has_aux, "holomorphic": holomorphic}
    by_mode = {"fwd": jacfwd(f, argnums, **options), "rev": jacrev(f, argnums, **options)}

    def jacobian_of_f(*args: Any, **kwargs: Any) -> Any:
        taken = mode if mode != "auto" else chosen_mode(f, args, kwargs, argnums, has_aux)
        return by_mode[taken](*args, **kwargs)

    return Transformed(jacobian_of_f, jacobian, f, argnums, mode=mode, **options)


def chosen_mode(
    f: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any], argnums: Any, has_aux: bool = False
) -> str:
    """The mode that `jacobian` takes: "fwd" or "rev"."""
    positions = selected(argnums, len(args), "jacobian")
    n = sum(int(np.size(leaf)) for i in positions for leaf in flatten(args[i])[0])
    if n <= FEW_INPUTS:
        return "fwd"
    copies = [copied(arg) if i in positions else arg for i, arg in enumerate(args)]
    y = f(*copies, **kwargs)
    if has_aux:
        y = y[0]
    return mode_for_sizes(n, sum(int(np.size(leaf)) for leaf in flatten(y)[0]))


def mode_for_sizes(n: int, m: int) -> str:
    """The cost model: "rev" for an m × n Jacobian whose rows, sent back, cost less than its columns, sent forward."""
    return "rev" if n > FEW_INPUTS and ROW_COST * m < n else "fwd"


def copied(tree: Any) -> Any:
    """An argument that the function may write into."""
    leaves, structure = flatten(tree)
    return structure.build(iter([np.copy(leaf) if isinstance(leaf, np.ndarray) else leaf for leaf in leaves]))


def hessian(f: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """Function computing the Hessian of ``f``, forward over reverse.

    Shapes: ``H.shape == y.shape + x.shape + x.shape``; nested arguments give their structure twice.
    Cost: for a scalar ``f`` about ``x.size`` gradients, in chunks side by side.

    >>> import numpy as np
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 3.0]))
    array([[6., 2.],
           [2., 0.]])
    """
    _check_function(f, "hessian")
    return Transformed(jacfwd(jacrev(f, argnums), argnums), hessian, f, argnums)


def hvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """Hessian-vector product: the derivative of the gradient in the first argument along ``tangents``.

    Shapes: the result has the structure and shapes of the first primal.
    Cost: a small multiple of ``f``, whatever the number of inputs (forward over reverse).

    >>> import numpy as np
    >>> hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.array([1.0, 0.0]),))
    array([6., 0.])
    """
    return jvp(grad(f), primals, tangents)[1]
