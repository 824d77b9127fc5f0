"""Uncertainties by linearisation: of a function of uncertain numbers, and of a fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .arguments import presented, primal_leaf
from .jacobian import hessian, jacobian
from .refusals import check_function
from .stopping import stop_gradient
from .vectors import ravel


def propagate(f: Callable[[Any], Any], x: Any, cov: Any) -> tuple[Any, Any]:
    """Value ``f(x)`` and its covariance J C Jᵀ, for an array ``x`` of covariance ``cov``.

    It is exact for a linear ``f``, and else right to first order in the covariance.

    Parameters
    ----------
    f : callable
        A function of one array.
    x : array_like
        The numbers.
    cov : array_like
        Their covariance, of shape ``x.shape + x.shape``.

    Returns
    -------
    y : array
        The value.
    cov_y : array
        Its covariance, of shape ``y.shape + y.shape``.

    Raises
    ------
    ValueError
        For a ``cov`` of another shape.

    Notes
    -----
    Cost: one Jacobian and one value of ``f``.
    Source: JCGM 102:2011, section 6.2.

    Examples
    --------
    >>> import numpy as np
    >>> y, variance = propagate(lambda x: x[0] * x[1], np.array([2.0, 3.0]), np.diag([0.01, 0.04]))
    >>> float(y), round(float(variance), 6)
    (6.0, 0.25)
    """
    check_function(f, "propagate")
    x = primal_leaf(x if hasattr(x, "dtype") or np.ndim(x) == 0 else np.asarray(x), "propagate: x")
    shape = np.shape(x)
    if np.shape(cov) != shape + shape:
        raise ValueError(
            f"propagate: cov has shape {np.shape(cov)}, x has shape {shape}; its covariance has shape "
            f"{shape + shape}.\n  Of independent numbers with standard deviations s it is np.diag(s**2)."
        )
    y = f(x)
    if not hasattr(y, "dtype") and np.ndim(y):
        raise TypeError(f"propagate: the function returned a {type(y).__name__}; it should return an array.")
    J = np.reshape(jacobian(f)(x), (-1, int(np.prod(shape, dtype=int))))
    C = np.reshape(cov, (J.shape[1], J.shape[1]))
    return y, presented(np.reshape(J @ C @ np.transpose(J), np.shape(y) * 2)[()])


def standard_errors(negative_log_likelihood: Callable[[Any], Any], x: Any) -> Any:
    """Standard errors of an estimate that minimises a negative log likelihood: √ of the diagonal of H⁻¹.

    H is the observed information, the Hessian at the estimate.

    Parameters
    ----------
    negative_log_likelihood : callable
        A scalar function of the parameters.
    x : array or tree
        The estimate.

    Returns
    -------
    array or tree
        Of the structure and shapes of ``x``.

    Raises
    ------
    ValueError
        Where H is not positive definite: ``x`` is no minimum, or some parameters cannot be told apart.

    Notes
    -----
    Cost: one Hessian and its inverse.
    Source: Efron & Hinkley 1978.

    Examples
    --------
    >>> import numpy as np
    >>> data = np.array([1.0, 2.0, 4.0, 5.0])
    >>> float(standard_errors(lambda mean: np.sum((data - mean) ** 2) / 2, 3.0))
    0.5
    """
    check_function(negative_log_likelihood, "standard_errors")
    vector, tree_of = ravel(x)
    H = hessian(lambda vector: negative_log_likelihood(tree_of(vector)))(vector)
    lowest = np.linalg.eigvalsh(stop_gradient(H))
    if not np.all(lowest > 1e-14 * np.max(np.abs(lowest), initial=0.0)):
        raise ValueError(
            "standard_errors: the Hessian of the negative log likelihood is not positive definite "
            f"(eigenvalues from {lowest.min():.2e} to {lowest.max():.2e}).\n"
            "  x is no minimum of it (is it the log likelihood, without the minus?), or some parameters cannot be told "
            "apart by the data."
        )
    return tree_of(np.sqrt(np.diagonal(np.linalg.inv(H))))
