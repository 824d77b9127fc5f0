"""Transforms that choose or combine modes: `jacobian`, `hessian`, `hvp`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import NoForwardRule
from ..pytrees.trees import flatten
from ..values.dual import size_of
from .argnums import checked_argnums, selected
from .arguments import presented
from .columns import by_columns
from .forward import along
from .linearization import vjp
from .options import Options
from .recording import gradient_call, recorded
from .refusals import check_function
from .reverse import jacrev
from .rows import RowChunk, by_rows, check_holomorphic, rows_of_jacobian
from .transformed import P, Transformed

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

    Parameters
    ----------
    f : callable
        A function of arrays or trees of them.
    argnums : int or sequence of int, default 0
        The arguments to differentiate, negative counts from the end.  Several give a tuple of derivatives.
    mode : {"auto", "fwd", "rev"}, default "auto"
        `jacfwd`, `jacrev`, or the choice: forward for at most 16 inputs; else ``f`` is recorded, and the record run
        backwards, unless the outputs are half as many as the inputs or more.  Where a function has a rule for reverse
        mode alone (`custom_vjp`), "auto" takes that.
    chunk_size : int, optional
        Directions at a time, which bounds the memory.  By default as many as a block of one megabyte holds.
    has_aux : bool, default False
        Whether ``f`` returns a pair ``(y, aux)``, of which ``aux`` is handed out undifferentiated.
    holomorphic : bool, default False
        Whether argument and result are complex and the derivative wanted is the complex one.
    workers : int or callable, optional
        So many processes, or anything like `map` (that of an executor, ``client.map`` of Dask), for the chunks, as
        `jacfwd`.
    progress : bool or callable, optional
        True for a bar (tqdm), or a function of how many chunks are done and how many there are.

    Returns
    -------
    callable
        A function of the arguments of ``f``, whose result has shape ``y.shape + x.shape``, as that of `jacfwd`.

    Raises
    ------
    UnsupportedFunction
        If ``f`` calls a NumPy function that has no rule.
    TypeError
        For a complex argument without ``holomorphic=True``.

    Notes
    -----
    Cost: that of the mode taken; the first "auto" of a Jacobian that is taken forwards runs ``f`` once more than that.
    Source: Griewank & Walther, *Evaluating Derivatives*, ch. 3.

    Examples
    --------
    >>> import numpy as np
    >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    check_function(f, "jacobian")
    options = Options(chunk_size, has_aux, holomorphic, workers, progress).checked("jacobian")
    if mode not in ("auto", "fwd", "rev"):
        raise ValueError(f"jacobian: mode is 'auto', 'fwd' or 'rev', not {mode!r}.")
    argnums = checked_argnums(argnums, f, "jacobian")
    by_mode = {
        "fwd": by_columns(f, argnums, "jacobian", options),
        "rev": by_rows(f, argnums, "jacobian", options),
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
        found = rows_of_jacobian(record, argnums, chunk_size, one, workers, progress)
        return (found, record.aux) if has_aux else found

    return Transformed(jacobian_of_f, jacobian, f, argnums, mode=mode, **options.without_workers())


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

    Parameters
    ----------
    f : callable
        A function of arrays or trees of them, which usually returns a scalar.
    argnums : int or sequence of int, default 0
        The arguments to differentiate, negative counts from the end.  Several give a tuple of derivatives.
    workers : int or callable, optional
        So many processes, or anything like `map`, for the chunks.  What goes to processes is pickled: ``f`` is a
        function of a module.  Worth it where ``f`` takes long and its arrays fit the caches.
    progress : bool or callable, optional
        True for a bar of tqdm, or a function of how many chunks are done and how many there are.

    Returns
    -------
    callable
        A function of the arguments of ``f``, whose result has shape ``y.shape + x.shape + x.shape``; nested arguments
        give their structure twice.

    Raises
    ------
    UnsupportedFunction
        If ``f`` calls a NumPy function that has no rule.

    Notes
    -----
    Cost: for a scalar ``f`` about ``x.size`` gradients, in chunks side by side.  Where a `custom_vjp` function has no
    derivative in forward mode, by reverse over reverse.
    Source: Griewank & Walther, *Evaluating Derivatives*, ch. 5.

    Examples
    --------
    >>> import numpy as np
    >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 3.0]))
    array([[6., 2.],
           [2., 0.]])
    """
    check_function(f, "hessian")
    options = Options(workers=workers, progress=progress).checked("hessian")
    argnums = checked_argnums(argnums, f, "hessian")
    # What goes to processes is pickled, which the function that `jacrev` returns can be.
    rows = by_rows(f, argnums, "hessian") if workers is None else jacrev(f, argnums)
    columns = by_columns(rows, argnums, "hessian", options)
    both_ways = _either_way(columns, by_rows(rows, argnums, "hessian"))
    if workers is None and progress is None:
        return Transformed(both_ways, hessian, f, argnums)
    return Transformed(both_ways, hessian, f, argnums, workers=workers, progress=progress)


def hvp(f: Callable[..., Any], primals: Any, tangents: Any) -> Any:
    """Hessian-vector product: the derivative of the gradient in the first argument along ``tangents``.

    Parameters
    ----------
    f : callable
        A function that returns a scalar.
    primals : sequence or array
        The arguments of ``f``, as in `jvp`.  The one argument of a function, if it is no tuple or list, may be given as
        it is: ``hvp(f, x, v)``.
    tangents : sequence or array
        One tangent for each argument, of its structure and shape; or the one.

    Returns
    -------
    array or tree
        The product, of the structure and shapes of the first argument.

    Raises
    ------
    TypeError, ValueError
        For tangents that do not fit the primals.

    Notes
    -----
    Cost: a small multiple of ``f``, whatever the number of inputs (forward over reverse; reverse over reverse where a
    `custom_vjp` function has no derivative in forward mode).
    Source: Pearlmutter 1994, Fast exact multiplication by the Hessian.

    Examples
    --------
    >>> import numpy as np
    >>> hvp(lambda x: np.sum(x**3), np.array([1.0, 2.0]), np.array([1.0, 0.0]))
    array([6., 0.])
    """
    check_function(f, "hvp")
    if not isinstance(primals, (tuple, list)) and not isinstance(tangents, (tuple, list)):
        primals, tangents = (primals,), (tangents,)
    gradient = gradient_call(f, 0, "hvp", False)
    try:
        return along(lambda *args: presented(gradient(*args)), primals, tangents, "hvp")[1]
    except NoForwardRule:
        pass
    # By symmetry, the derivative of ∂₀f along v is the gradient in the first argument of the derivative along v.
    all_arguments = gradient_call(f, tuple(range(len(primals))), "hvp", False)
    return vjp(lambda *args: presented(all_arguments(*args)), *primals)[1](tuple(tangents))[0]
