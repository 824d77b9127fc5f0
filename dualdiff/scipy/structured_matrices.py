"""`scipy.linalg`: matrices made of a few entries, each of which stands in many places."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy.linalg

from ..rules.contractions import conj, operand
from ..values.dual import primal
from .forms import composite


def _rows(plain: Any, *vectors: Any) -> tuple[Any, ...]:
    """Vectors as this version of SciPy takes them: each along the last axis (of a batch), or ravelled."""
    if all(np.ndim(x) < 2 for x in vectors):
        return vectors
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ravelled = plain(*(np.asarray(primal(x)) for x in vectors)).ndim == 2
    return tuple(np.ravel(x) for x in vectors) if ravelled else vectors


@composite(scipy.linalg.toeplitz)
def toeplitz(c: Any, r: Any = None) -> Any:
    c = np.atleast_1d(operand(c))
    r = conj(c) if r is None else np.atleast_1d(operand(r))
    c, r = _rows(scipy.linalg.toeplitz, c, r)
    m, n = c.shape[-1], r.shape[-1]
    distance = np.arange(m)[:, None] - np.arange(n)
    values = _joined(c, r[..., 1:])
    return values[..., np.where(distance >= 0, distance, m - 1 - distance)]


def _joined(c: Any, r: Any) -> Any:
    batch = np.broadcast_shapes(c.shape[:-1], r.shape[:-1])
    return np.concatenate([np.broadcast_to(x, (*batch, x.shape[-1])) for x in (c, r)], axis=-1)


@composite(scipy.linalg.hankel)
def hankel(c: Any, r: Any = None) -> Any:
    c = operand(c)
    r = np.zeros(np.shape(c)) if r is None else operand(r)
    c, r = _rows(scipy.linalg.hankel, c, r)
    return _joined(c, r[..., 1:])[..., np.arange(c.shape[-1])[:, None] + np.arange(r.shape[-1])]


@composite(scipy.linalg.circulant)
def circulant(c: Any) -> Any:
    (c,) = _rows(scipy.linalg.circulant, np.atleast_1d(operand(c)))
    i = np.arange(c.shape[-1])
    return c[..., (i[:, None] - i) % max(c.shape[-1], 1)]


@composite(scipy.linalg.convolution_matrix)
def convolution_matrix(a: Any, n: int, mode: str = "full") -> Any:
    a = operand(a)
    m = a.shape[-1]
    distance = np.arange(m + n - 1)[:, None] - np.arange(n)
    trim = 0 if mode == "full" else min(n, m) - 1
    first, last = (trim, trim) if mode == "valid" else (trim // 2, trim - trim // 2)
    distance = distance[first : m + n - 1 - last]
    return np.where((distance >= 0) & (distance < m), a[..., np.clip(distance, 0, m - 1)], 0.0)


@composite(scipy.linalg.block_diag)
def block_diag(*arrs: Any) -> Any:
    blocks = [np.atleast_2d(operand(block)) for block in arrs]
    batch = np.broadcast_shapes(*(block.shape[:-2] for block in blocks))
    width, column, rows = sum(block.shape[-1] for block in blocks), 0, []
    for block in blocks:
        *_, m, n = block.shape
        block = np.broadcast_to(block, (*batch, m, n))
        margins = [(0, 0)] * (len(batch) + 1) + [(column, width - column - n)]
        rows.append(np.pad(block, margins))
        column += n
    return np.concatenate(rows, axis=-2)


@composite(scipy.linalg.companion)
def companion(a: Any) -> Any:
    a = np.atleast_1d(operand(a))
    first = -a[..., None, 1:] / (1.0 * a[..., None, :1])
    n = first.shape[-1]
    shifted = np.broadcast_to(np.eye(n)[:-1], (*first.shape[:-2], n - 1, n))
    return np.concatenate([first, shifted], axis=-2)


@composite(scipy.linalg.leslie, active="f s")
def leslie(f: Any, s: Any) -> Any:
    f, s = np.atleast_1d(operand(f)), np.atleast_1d(operand(s))
    n = f.shape[-1]
    batch = np.broadcast_shapes(f.shape[:-1], s.shape[:-1])
    below = np.eye(n - 1, n) * s[..., :, None]
    first = np.broadcast_to(f[..., None, :], (*batch, 1, n))
    return np.concatenate([first, np.broadcast_to(below, (*batch, n - 1, n))], axis=-2)


@composite(scipy.linalg.fiedler)
def fiedler(a: Any) -> Any:
    a = np.atleast_1d(operand(a))
    return np.abs(a[..., :, None] - a[..., None, :])


@composite(scipy.linalg.khatri_rao)
def khatri_rao(a: Any, b: Any) -> Any:
    a, b = operand(a), operand(b)
    product = a[..., :, None, :] * b[..., None, :, :]
    return np.reshape(product, (*product.shape[:-3], -1, product.shape[-1]))
