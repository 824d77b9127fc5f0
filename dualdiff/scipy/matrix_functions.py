"""`scipy.linalg`: functions of a matrix: exponential, logarithm, roots and powers, sines and cosines.

The derivative of f at A along E is the upper right block of f([[A, E], [0, A]]), and its transpose that at Aᵀ.
Source: Higham, *Functions of Matrices* (2008), theorem 3.6 and section 3.2.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg

from .. import errors
from ..rules.contractions import operand
from ..rules.matrices import mT
from ..tangents import Like
from ..tangents.expression import Tangent
from ..values.dual import primal
from .forms import composite, tangent_rule
from .matrix_equations import solved_sylvester


def _derivative(f: Callable[[Any], Any], y: Any, a: Any, da: Tangent, check: bool = False) -> Tangent:
    """The derivative of a function of a matrix; ``check`` that the diagonal blocks are its value."""
    n = a.shape[-1]

    def along(a: Any, y: Any) -> Callable[[Any], Any]:
        def apply(block: Any) -> Any:
            # Of unit size: what f does to its argument (scaling, squaring) is then not decided by the direction.
            size = np.max(np.abs(primal(block)), axis=(-2, -1), keepdims=True, initial=0.0)
            finite = np.isfinite(size)
            size = np.where((size > 0) & finite, size, 1.0).astype(primal(block).real.dtype)
            upper = np.where(finite, block, 0.0) / size
            diagonal = np.broadcast_to(a, (*block.shape[:-2], n, n))
            rows = [np.concatenate([diagonal, upper], -1), np.concatenate([np.zeros_like(upper), diagonal], -1)]
            whole = f(np.concatenate(rows, axis=-2))
            if not np.iscomplexobj(y) and not np.iscomplexobj(block):
                whole = np.real(whole)
            if check:
                _check_blocks(primal(whole), primal(y), a.dtype)
            return np.where(finite, whole[..., :n, n:] * size, np.nan)

        return apply

    like = Like(y.shape, np.result_type(y.dtype, da.like.dtype))
    return da.map(along(a, y), along(mT(a), mT(y)), like)


def _check_blocks(whole: Any, y: Any, dtype: Any) -> None:
    n = y.shape[-1]
    eps = max(float(np.finfo(dtype).eps) for dtype in (whole.dtype, y.dtype, dtype))
    tolerance = 1e4 * eps * (1.0 + np.max(np.abs(y), initial=0.0))
    for block in (whole[..., :n, :n], whole[..., n:, n:]):
        if not np.max(np.abs(block - y), initial=0.0) <= tolerance:
            raise np.linalg.LinAlgError(
                "a function of a matrix near a singularity or with an eigenvalue on its branch cut "
                "(a negative number or 0) has no derivative that can be relied on."
            )


def _square(function: Any, y: Any, a: Any, da: Tangent) -> None:
    if isinstance(y, (tuple, list)):
        raise errors.unsupported(function, "with disp=False; its estimate of the error has no derivative", [da.shape])
    if np.ndim(a) < 2:
        raise errors.unsupported(function, "of an array with fewer than two axes", [da.shape])


@tangent_rule(scipy.linalg.expm)
def expm(y: Any, A: Any, *, dA: Tangent) -> Tangent:
    if np.ndim(A) < 2:
        A, dA = np.reshape(A, (1, 1)), dA.reshape((1, 1))
    return dA * y if A.shape[-1] == 1 else _derivative(expm, y, A, dA)


@tangent_rule(scipy.linalg.sqrtm)
def sqrtm(y: Any, A: Any, disp: Any = True, blocksize: Any = 64, *, dA: Tangent) -> Tangent:
    """Y Y = A  implies  Y Ẏ + Ẏ Y = Ȧ"""
    _square(sqrtm, y, A, dA)
    return solved_sylvester(y, y, dA, y.dtype)


def _plain_logm(a: Any) -> Any:
    """Of every matrix of a batch, which SciPy has but lately."""
    found = [_quietly(scipy.linalg.logm, a[index]) for index in np.ndindex(a.shape[:-2])]
    return np.reshape(np.stack(found), a.shape) if found else np.zeros_like(a)


def _quietly(f: Callable[..., Any], *args: Any) -> Any:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # the accuracy is checked against the value
        return f(*args)


@tangent_rule(_plain_logm)
def _logm(y: Any, a: Any, *, da: Tangent) -> Tangent:
    return _derivative(_logm, y, a, da, check=True)


@tangent_rule(scipy.linalg.logm)
def logm(y: Any, A: Any, disp: Any = True, *, dA: Tangent) -> Tangent:
    _square(logm, y, A, dA)
    return _derivative(_logm, y, A, dA, check=True)


def _plain_power(a: Any, t: Any) -> Any:
    found = [_quietly(scipy.linalg.fractional_matrix_power, a[index], t) for index in np.ndindex(a.shape[:-2])]
    return np.reshape(np.stack(found), a.shape) if found else np.zeros_like(a)


@tangent_rule(_plain_power)
def _power(y: Any, a: Any, t: Any, *, da: Tangent) -> Tangent:
    return _derivative(lambda a: _power(a, t), y, a, da, check=True)


@tangent_rule(scipy.linalg.fractional_matrix_power)
def fractional_matrix_power(y: Any, A: Any, t: Any, *, dA: Tangent) -> Tangent:
    _square(fractional_matrix_power, y, A, dA)
    return _derivative(lambda a: _power(a, t), y, A, dA, check=True)


# Trigonometric and hyperbolic functions are sums of exponentials.


def _cos(a: Any) -> Any:
    return 0.5 * (expm(1j * a) + expm(-1j * a)) if np.iscomplexobj(a) else np.real(expm(1j * a))


def _sin(a: Any) -> Any:
    return -0.5j * (expm(1j * a) - expm(-1j * a)) if np.iscomplexobj(a) else np.imag(expm(1j * a))


def _cosh(a: Any) -> Any:
    return 0.5 * (expm(a) + expm(-a))


def _sinh(a: Any) -> Any:
    return 0.5 * (expm(a) - expm(-a))


@composite(scipy.linalg.cosm)
def cosm(A: Any) -> Any:
    return _cos(operand(A))


@composite(scipy.linalg.sinm)
def sinm(A: Any) -> Any:
    return _sin(operand(A))


@composite(scipy.linalg.tanm)
def tanm(A: Any) -> Any:
    return np.linalg.solve(_cos(operand(A)), _sin(operand(A)))


@composite(scipy.linalg.coshm)
def coshm(A: Any) -> Any:
    return _cosh(operand(A))


@composite(scipy.linalg.sinhm)
def sinhm(A: Any) -> Any:
    return _sinh(operand(A))


@composite(scipy.linalg.tanhm)
def tanhm(A: Any) -> Any:
    return np.linalg.solve(_cosh(operand(A)), _sinh(operand(A)))
