"""Reverse mode: one recording, then sweeps from the outputs back to the inputs, at once; linearization.py keeps it.

Every call makes a fresh tape, ended in ``finally``: nothing is left behind by an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..pytrees.trees import Structure
from ..tangents import dtype_of
from .argnums import checked_argnums, selected
from .forward import jacfwd
from .recording import gradient_call, gradient_of, recorded
from .refusals import check_function
from .transformed import P, Transformed, parameters_of

if TYPE_CHECKING:
    from .variable import Variable


def grad(
    f: Callable[P, Any],
    argnums: int | Sequence[int] | None = 0,
    *,
    has_aux: bool = False,
    weights: Any = None,
    holomorphic: bool = False,
) -> Callable[P, Any]:
    """Function computing the gradient of a scalar ``f`` by reverse mode.

    Parameters
    ----------
    f : callable
        A function that returns a real scalar, or an array of one entry.
    argnums : int, sequence of int or None, default 0
        The arguments to differentiate, negative counts from the end.  Several give a tuple of derivatives.
    has_aux : bool, default False
        Whether ``f`` returns a pair ``(y, aux)``, of which ``aux`` is handed out undifferentiated.
    weights : Variable or tree of Variable, optional
        Variables that ``f`` captures.  The gradient is then the pair (gradients of the arguments, gradients of the
        weights), or with ``argnums=None`` those of the weights alone, in the structure of ``weights``.
    holomorphic : bool, default False
        Whether argument and result are complex and the derivative wanted is the complex one.

    Returns
    -------
    callable
        A function of the arguments of ``f`` that returns the gradient, of the structure and shapes of the argument;
        with ``has_aux`` it returns ``(gradient, aux)``.

    Raises
    ------
    TypeError
        If the result is no real scalar.
    UnsupportedFunction
        If ``f`` calls a NumPy function that has no rule.

    Notes
    -----
    Cost: a small multiple of ``f``, whatever the number of inputs; `value_and_grad` gives the value at no further cost.
    Source: Griewank & Walther, *Evaluating Derivatives*, ch. 3.

    Examples
    --------
    >>> import numpy as np
    >>> grad(lambda x: np.sum(x**3))(np.array([1.0, 2.0]))
    array([ 3., 12.])
    """
    check_function(f, "grad")
    argnums, variables, structure = _checked(f, argnums, weights, "grad")
    gradient_of_f = gradient_call(f, argnums, "grad", False, has_aux, variables, structure, holomorphic)
    return Transformed(gradient_of_f, grad, f, argnums, has_aux=has_aux, weights=weights, holomorphic=holomorphic)


@parameters_of(grad)
def value_and_grad(
    f: Callable[P, Any],
    argnums: int | Sequence[int] | None = 0,
    *,
    has_aux: bool = False,
    weights: Any = None,
    holomorphic: bool = False,
) -> Callable[P, Any]:
    """Function computing the value and the gradient of a scalar ``f`` by reverse mode.

    Parameters
    ----------
    As of `grad`.

    Returns
    -------
    callable
        A function of the arguments of ``f`` that returns ``(y, gradient)``, with ``has_aux`` ``((y, aux), gradient)``.
        The gradient has the structure and shapes of the argument.

    Raises
    ------
    TypeError
        If the result is no real scalar.
    UnsupportedFunction
        If ``f`` calls a NumPy function that has no rule.

    Notes
    -----
    Cost: a small multiple of ``f``, whatever the number of inputs.
    For a complex argument the gradient is ∂f/∂x − i ∂f/∂y.
    Source: Griewank & Walther, *Evaluating Derivatives*, ch. 3.

    Examples
    --------
    >>> import numpy as np
    >>> value_and_grad(lambda x: np.sum(x * x))(np.array([1.0, 2.0]))
    (np.float64(5.0), array([2., 4.]))
    """
    check_function(f, "value_and_grad")
    argnums, variables, structure = _checked(f, argnums, weights, "value_and_grad")
    both = gradient_call(f, argnums, "value_and_grad", True, has_aux, variables, structure, holomorphic)
    return Transformed(both, value_and_grad, f, argnums, has_aux=has_aux, weights=weights, holomorphic=holomorphic)


def elementwise_grad(f: Callable[P, Any], argnums: int | Sequence[int] = 0) -> Callable[P, Any]:
    """Function computing the gradient of the sum of all outputs of ``f``.

    For an elementwise ``f`` that is its derivative at every entry.

    Parameters
    ----------
    f : callable
        A function of arrays; a tuple of outputs is summed too.
    argnums : int or sequence of int, default 0
        The arguments to differentiate, negative counts from the end.  Several give a tuple of derivatives.

    Returns
    -------
    callable
        A function of the arguments of ``f`` that returns an array of the shape of the argument.

    Raises
    ------
    UnsupportedFunction
        If ``f`` calls a NumPy function that has no rule.

    Notes
    -----
    Cost: a small multiple of ``f``, whatever the number of entries.

    Examples
    --------
    >>> import numpy as np
    >>> elementwise_grad(np.sin)(np.array([0.0, np.pi]))
    array([ 1., -1.])
    """
    check_function(f, "elementwise_grad")
    argnums = checked_argnums(argnums, f, "elementwise_grad")

    def gradient_of_sum(*args: Any, **kwargs: Any) -> Any:
        positions = selected(argnums, len(args), "elementwise_grad")
        record = recorded(f, args, kwargs, positions, "elementwise_grad")
        for y in record.y:
            if dtype_of(y).kind == "c":
                raise TypeError(
                    "elementwise_grad: the function returned complex numbers; differentiate their real and "
                    "imaginary parts, or use vjp."
                )
        return gradient_of(record, argnums)

    return Transformed(gradient_of_sum, elementwise_grad, f, argnums)


def _checked(f: Any, argnums: Any, weights: Any, transform: str) -> tuple[Any, Sequence[Variable], Structure | None]:
    """``argnums`` and ``weights`` of a transform that is being made: checked, the weights as leaves and structure."""
    if argnums is not None:
        argnums = checked_argnums(argnums, f, transform)
    elif weights is None:
        raise TypeError(f"{transform}: argnums=None goes together with weights=, the Variables to differentiate.")
    if weights is None:
        return argnums, (), None
    from .weights import captured

    return argnums, *captured(weights, argnums, transform)


@parameters_of(jacfwd)
def jacrev(
    f: Callable[P, Any],
    argnums: int | Sequence[int] = 0,
    *,
    chunk_size: int | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    workers: Any = None,
    progress: Any = None,
) -> Callable[P, Any]:
    """Function computing the Jacobian of ``f`` by reverse mode.

    Parameters
    ----------
    As of `jacfwd`.

    Returns
    -------
    callable
        A function of the arguments of ``f``, whose result has shape ``y.shape + x.shape``, as that of `jacfwd`.

    Raises
    ------
    UnsupportedFunction
        If ``f`` calls a NumPy function that has no rule.
    TypeError
        For a complex argument or result without ``holomorphic=True``.

    Notes
    -----
    Cost: one recorded evaluation of ``f``, and ``ceil(y.size / chunk_size)`` sweeps back with ``chunk_size`` cotangents
    each; each of ``workers`` records ``f`` anew for every chunk.  Prefer it to `jacfwd` when ``y`` is smaller than
    ``x``.
    Source: Griewank & Walther, *Evaluating Derivatives*, ch. 3.

    Examples
    --------
    >>> import numpy as np
    >>> jacrev(lambda x: np.array([x[0] * x[1], np.sin(x[0])]))(np.array([0.0, 2.0]))
    array([[2., 0.],
           [1., 0.]])
    """
    from .options import Options
    from .rows import by_rows

    check_function(f, "jacrev")
    options = Options(chunk_size, has_aux, holomorphic, workers, progress).checked("jacrev")
    argnums = checked_argnums(argnums, f, "jacrev")
    return Transformed(by_rows(f, argnums, "jacrev", options), jacrev, f, argnums, **options._asdict())
