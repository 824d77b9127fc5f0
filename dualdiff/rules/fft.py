"""Fourier transforms: linear maps, each given with its transpose.

The transform matrix is symmetric, so the transpose of ``fft`` is ``fft`` of the same ``n`` and ``norm``; only the
cropping or zero-padding to length n turns around.  The transforms of real arrays are halves of it:

    rfft:   y = (F a)[: n//2 + 1]                       transpose: F of the zero-padded cotangent
    irfft:  y = Re Σ cₖ aₖ exp(2πi jk/n) · scale        transpose: cₖ conj(rfft(cotangent))ₖ · scale

with cₖ = 1 for k = 0 and (n even) k = n/2, whose imaginary parts do not count, and 2 otherwise.
The n-dimensional real transforms and the Hermitian ones are composites of these, as they are in NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..tangents import Like
from ..tangents.expression import Tangent, normalized
from .contractions import conj
from .forms import composite, rearranging, tangent_rule

# The norm whose scale belongs to the inverse transform.
_SWAPPED: dict[Any, Any] = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


# Complex transforms.


def _complex_transform(one_axis: Any) -> Callable[..., Tangent]:
    """The rule of a transform along several axes, which ``one_axis`` does along one."""

    def rule(y: Any, a: Any, s: Any, axes: Any, norm: Any, da: Tangent) -> Tangent:
        lengths, axes = _lengths(a.shape, s, axes)
        if not axes:
            return da * 1.0
        # In the order of NumPy: the last axis first; an axis may come twice.
        stages = []
        shape = list(a.shape)
        for n, axis in zip(reversed(lengths), reversed(axes), strict=True):
            stages.append((shape[axis], n, axis + 1))
            shape[axis] = n

        def apply(block: Any) -> Any:
            for _, n, axis in stages:
                block = one_axis(block, n, axis, norm)
            return block

        def transpose(block: Any) -> Any:
            for before, n, axis in reversed(stages):
                block = _resized(one_axis(block, n, axis, norm), before, axis)
            return block

        return da.map(apply, transpose, Like(y.shape, y.dtype))

    return rule


_FFT = _complex_transform(np.fft.fft)
_IFFT = _complex_transform(np.fft.ifft)


@tangent_rule(np.fft.fft)
def fft(y: Any, a: Any, n: Any = None, axis: int = -1, norm: Any = None, *, da: Tangent) -> Tangent:
    return _FFT(y, a, None if n is None else (n,), (axis,), norm, da)


@tangent_rule(np.fft.ifft)
def ifft(y: Any, a: Any, n: Any = None, axis: int = -1, norm: Any = None, *, da: Tangent) -> Tangent:
    return _IFFT(y, a, None if n is None else (n,), (axis,), norm, da)


@tangent_rule(np.fft.fft2)
def fft2(y: Any, a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, *, da: Tangent) -> Tangent:
    return _FFT(y, a, s, axes, norm, da)


@tangent_rule(np.fft.ifft2)
def ifft2(y: Any, a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, *, da: Tangent) -> Tangent:
    return _IFFT(y, a, s, axes, norm, da)


@tangent_rule(np.fft.fftn)
def fftn(y: Any, a: Any, s: Any = None, axes: Any = None, norm: Any = None, *, da: Tangent) -> Tangent:
    return _FFT(y, a, s, axes, norm, da)


@tangent_rule(np.fft.ifftn)
def ifftn(y: Any, a: Any, s: Any = None, axes: Any = None, norm: Any = None, *, da: Tangent) -> Tangent:
    return _IFFT(y, a, s, axes, norm, da)


def _lengths(shape: tuple[int, ...], s: Any, axes: Any) -> tuple[list[int], list[int]]:
    """The length of the transform along each axis; -1 stands for that of the array."""
    ndim = len(shape)
    if axes is None:
        axes = range(ndim) if s is None else range(-len(s), 0)
    axes = [normalized(axis, ndim) for axis in axes]
    s = [-1] * len(axes) if s is None else [-1 if n is None else n for n in s]
    return [shape[axis] if n == -1 else int(n) for n, axis in zip(s, axes, strict=True)], axes


def _resized(block: Any, n: int, axis: int) -> Any:
    """Cropped or padded with zeros to length n along an axis: the transpose of doing so to the input."""
    length = block.shape[axis]
    if length == n:
        return block
    if length > n:
        return block[(slice(None),) * axis + (slice(0, n),)]
    shape = tuple(n - length if i == axis else m for i, m in enumerate(block.shape))
    return np.concatenate([block, np.zeros(shape, block.dtype)], axis=axis)


# Transforms of real arrays.


@tangent_rule(np.fft.rfft)
def rfft(y: Any, a: Any, n: Any = None, axis: int = -1, norm: Any = None, *, da: Tangent) -> Tangent:
    at = normalized(axis, da.ndim) + 1
    before = a.shape[at - 1]
    n = before if n is None else n
    return da.map(
        lambda block: np.fft.rfft(block, n, at, norm),
        lambda block: _resized(np.fft.fft(block, n, at, norm), before, at).real,
        Like(y.shape, y.dtype),
    )


@tangent_rule(np.fft.irfft)
def irfft(y: Any, a: Any, n: Any = None, axis: int = -1, norm: Any = None, *, da: Tangent) -> Tangent:
    at = normalized(axis, da.ndim) + 1
    before, n = a.shape[at - 1], y.shape[at - 1]
    weight = np.full(n // 2 + 1, 2.0, y.dtype)
    weight[0] = 1.0
    if n % 2 == 0:
        weight[-1] = 1.0
    weight = weight.reshape([-1 if i == at else 1 for i in range(da.ndim + 1)])
    return da.map(
        lambda block: np.fft.irfft(block, n, at, norm),
        lambda block: _resized(weight * conj(np.fft.rfft(block, n, at, _SWAPPED[norm])), before, at),
        Like(y.shape, y.dtype),
    )


@composite(np.fft.hfft)
def hfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    return np.fft.irfft(np.conjugate(a), n, axis, _SWAPPED[norm])


@composite(np.fft.ihfft)
def ihfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    return np.conjugate(np.fft.rfft(a, n, axis, _SWAPPED[norm]))


@composite(np.fft.rfftn)
def rfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    lengths, axes = _lengths(a.shape, s, axes)
    y = np.fft.rfft(a, lengths[-1], axes[-1], norm)
    return np.fft.fftn(y, lengths[:-1], axes[:-1], norm) if axes[:-1] else y


@composite(np.fft.irfftn)
def irfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    at_end = s is None or s[-1] is None
    lengths, axes = _lengths(a.shape, s, axes)
    y = np.fft.ifftn(a, lengths[:-1], axes[:-1], norm) if axes[:-1] else a
    # Without s the result is of even length; -1 in s is the length of the argument, in NumPy too.
    return np.fft.irfft(y, None if at_end else lengths[-1], axes[-1], norm)


@composite(np.fft.rfft2)
def rfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    return rfftn(a, s, axes, norm)


@composite(np.fft.irfft2)
def irfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    return irfftn(a, s, axes, norm)


rearranging(np.fft.fftshift, np.fft.ifftshift)
