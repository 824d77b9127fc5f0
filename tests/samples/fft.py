"""Fourier transforms."""

import numpy as np

from . import sample

for one_axis in [np.fft.fft, np.fft.ifft, np.fft.rfft, np.fft.ihfft]:
    sample(one_axis, lambda x, f=one_axis: f(x), (5,))
    sample(one_axis, lambda x, f=one_axis: f(x, 8, axis=0), (5, 2))
    sample(one_axis, lambda x, f=one_axis: f(x, n=3, axis=-2, norm="ortho"), (2, 5, 2))
    sample(one_axis, lambda x, f=one_axis: f(x, norm="forward"), (2, 6))
    sample(one_axis, lambda x, f=one_axis: f(x, norm="backward"), (1,))
for one_axis in [np.fft.fft, np.fft.ifft, np.fft.irfft, np.fft.hfft]:
    # Of complex arrays.
    sample(one_axis, lambda x, y, f=one_axis: f(x + 1j * y), (5,), (5,))
    sample(one_axis, lambda x, y, f=one_axis: f(x + 1j * y, 7, axis=0), (5, 2), (5, 2))
    sample(one_axis, lambda x, y, f=one_axis: f(x + 1j * y, n=4, norm="ortho"), (2, 5), (2, 5))
    sample(one_axis, lambda x, y, f=one_axis: f(x + 1j * y, n=12, norm="forward"), (2, 5), (2, 5))
for one_axis in [np.fft.irfft, np.fft.hfft]:
    sample(one_axis, lambda x, f=one_axis: f(x), (4,))
    sample(one_axis, lambda x, f=one_axis: f(x, 1), (4,))
for planes in [np.fft.fft2, np.fft.ifft2, np.fft.rfft2, np.fft.irfft2]:
    sample(planes, lambda x, f=planes: f(x), (2, 3, 4))
    sample(planes, lambda x, f=planes: f(x, (4, 3), (0, 2), "ortho"), (3, 2, 4))
for volumes in [np.fft.fftn, np.fft.ifftn, np.fft.rfftn, np.fft.irfftn]:
    sample(volumes, lambda x, f=volumes: f(x), (2, 3, 4))
    sample(volumes, lambda x, f=volumes: f(x, axes=(1,), norm="forward"), (2, 3))
    sample(volumes, lambda x, f=volumes: f(x, s=(3, -1), axes=(0, 1)), (2, 3))
    sample(volumes, lambda x, f=volumes: f(x, s=(3, 5), axes=(1, -3), norm="ortho"), (4, 3, 2))
for volumes in [np.fft.fftn, np.fft.ifftn, np.fft.irfftn, np.fft.irfft2]:
    sample(volumes, lambda x, y, f=volumes: f(x + 1j * y, axes=(0, 1)), (2, 4), (2, 4))
sample(np.fft.fftn, lambda x: np.fft.fftn(x, axes=(0, 1, 0)), (2, 3))
for shift in [np.fft.fftshift, np.fft.ifftshift]:
    sample(shift, lambda x, f=shift: f(x), (5,))
    sample(shift, lambda x, f=shift: f(x, axes=-1), (2, 5))
