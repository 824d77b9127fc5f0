"""Every function of NumPy with a derivative, with every argument of its signature.

A call is one line, checked by `tests.agreement`: value, forward and reverse mode against differences, each argument
alone.  Every parameter of every function with a rule comes in some call, or `EXCUSED` says why
it cannot.  ``call !a`` says that NumPy does not look for a Dual in the argument a: there a Dual beside plain arrays
raises.
"""

import ast
import inspect

import numpy as np
import pytest

import dualdiff as dd
import dualdiff.rules.polynomial_package  # enters its rules
from dualdiff.errors import name_of
from dualdiff.table import RULES

from .agreement import NEWEST, agree, agrees, plain_numpy_has

ELEMENTWISE = """
np.angle(z)
np.angle(z, True)
np.angle(zz, deg=True)
np.clip(x, 0.3, 0.7)
np.clip(x, a, None)
np.clip(x, None, v)
np.clip(x, a_min=c, a_max=v + 1)
np.clip(x, min=b, max=a)
np.clip(x, 0.3, 0.7, out=B(3, 4))
np.clip(0.5, v, a)
np.clip([a, b], 0.3, v[:2] + 1)
np.clip(x, 0.3, 0.7, dtype=float)
np.clip(x, 0.3, 0.7, casting="same_kind", order="F")
x.clip(0.3, 0.7)
x.clip(min=b)
x.clip(0.3, a, out=B(3, 4))
x.clip(max=a)
np.nan_to_num(nan * a)
np.nan_to_num(nan * a, nan=7.0)
np.nan_to_num(nan * a, False)
np.nan_to_num(x / 0.1, posinf=3.0, neginf=-3.0)
np.real(z)
np.imag(z)
np.real(x)
np.real_if_close(z * (1 + 0j))
np.real_if_close(x + 0j)
np.real_if_close(x + 0j, tol=2)
np.select([x > 0.5, x > 0.3], [x**2, y], default=a)
np.select([x > 0.5, x > 0.3], [x**2, y], a)
np.select([x > 0.5], [y])
np.select([X > 0.5], [x], a)
np.select([[True, False]], [[1.0, 2.0]], default=a)
np.sinc(x)
np.sinc(a)
np.unwrap(3 * k)
np.unwrap(3 * k, 2.0)
np.unwrap(3 * x, axis=0)
np.unwrap(3 * k, period=a) !a
np.unwrap(k, discont=0.1, axis=-1, period=1.0)
np.where(x > 0.5, x, y)
np.where(x > 0.5, a, y)
np.where(x > 0.5, x, 0)
np.where([True, False, True, False], v, w)
np.where(True, v, w)
np.piecewise(x, [x > 0.5], [np.sin, np.cos])
np.piecewise(x, [x > 0.5, x > 0.3], [np.sin, np.cos, 0.0])
np.piecewise(x, [x < 0.5, x >= 0.5], [lambda t, s, k: t * s * k, lambda t, s, k: t + s], a, k=b) !a b
np.i0(x)
np.i0(a)
np.clip(x, 0.3, 0.7, B(3, 4))
np.clip(x, 0.3, a, out=B(3, 4), where=np.array([True, False, True, False]))
np.clip(x, 0.3, a, B(3, 4), where=np.array([True, False, True, False]), casting="same_kind")
"""

REDUCTIONS = """
np.sum(x)
np.sum(x, 0)
np.sum(x, axis=-1)
np.sum(q, axis=(0, -1))
np.sum(q, (0, 2), None, B(3))
np.sum(x, axis=0, out=B(4))
np.sum(x, dtype=np.float32, axis=0).astype(float) * 0 + np.sum(x, axis=0)
np.sum(x, dtype=float, keepdims=True)
np.sum(x, dtype=complex, keepdims=True)
np.sum(x, initial=a) !a
np.sum(x, axis=1, initial=a, where=y > 0.5) !a
np.sum(x, where=np.array([True, False, True, False]))
np.sum([a, b, 1.0])
np.sum([v, w], axis=0)
np.sum(e, axis=0)
np.sum(o, initial=a) !a
np.sum(zz, axis=0)
np.sum(f)
np.sum(g, axis=0)
np.prod(x, axis=1)
np.prod(x)
np.prod(q, axis=(0, 2))
np.prod(q, (0, 2), float, B(1, 3, 1), True)
np.prod(x, dtype=complex)
np.prod(x, axis=0, initial=a, where=y > 0.4) !a
np.prod(zz, axis=0)
np.prod(zz)
np.mean(x)
np.mean(x, 0, float, B(4), False)
np.mean(x, axis=(0, 1))
np.mean(x, axis=0, keepdims=True)
np.mean(x, where=y > 0.5)
np.mean(x, axis=1, where=np.array([True, False, True, False]), keepdims=True)
np.mean(zz, axis=-1)
np.mean([a, b])
np.var(x)
np.var(x, 0, float, B(4), 1, False)
np.var(x, axis=0, ddof=1)
np.var(x, axis=-1, ddof=0.5)
np.var(q, axis=(0, 2), keepdims=True)
np.var(x, correction=1)
np.var(x, mean=np.mean(x))
np.var(x, axis=0, mean=np.mean(x, axis=0, keepdims=True), where=y > 0.01)
np.var(x, mean=a)
np.var(x, where=y > 0.4, axis=0, ddof=0)
np.var(zz)
np.var(zz, axis=0, ddof=1)
np.var(zz, axis=0, mean=np.mean(zz, axis=0, keepdims=True))
np.std(x)
np.std(x, 0, float, B(4), 1, False)
np.std(x, axis=0, ddof=1)
np.std(q, axis=(0, 2), keepdims=True)
np.std(x, correction=1)
np.std(x, axis=1, mean=np.mean(x, axis=1, keepdims=True))
np.std(x, mean=a)
np.std(x, where=y > 0.4, axis=0)
np.std(zz)
np.std(zz, axis=0, ddof=1)
np.max(x)
np.max(x, 0)
np.max(x, 0, B(4), False)
np.max(q, axis=(0, -1), keepdims=True)
np.max(x, initial=a) !a
np.max(x, axis=0, initial=a, where=y > 0.5) !a
np.max([a, b])
np.min(x, axis=1)
np.min(x, 0, B(4), False)
np.min(q, axis=(0, -1), keepdims=True)
np.min(x, initial=b) !b
np.min(x, axis=0, initial=a, where=y > 0.5) !a
np.amax(x, 0, B(4), keepdims=False)
np.amax(q, axis=(0, -1), keepdims=True, initial=a, where=q > 0.2) !a
np.amin(x, 0, B(4), keepdims=False)
np.amin(q, axis=(0, -1), keepdims=True, initial=a, where=q > 0.2) !a
np.ptp(x)
np.ptp(x, 0, B(4))
np.ptp(q, axis=(0, 1), keepdims=True)
np.average(x)
np.average(x, 0, u)
np.average(x, axis=1, weights=v)
np.average(x, weights=y)
np.average(q, axis=(0, 2), weights=q[:, 0] + 1.0, keepdims=True)
np.average(q, axis=(2, 0), weights=(q[:, 0] + 1.0).T)
np.average(x, axis=0, weights=u, returned=True)
np.average(x, returned=True)
np.average(x, axis=0, keepdims=True)
np.average([a, b], weights=[b, a])
np.average(X, axis=1, weights=v)
np.cumsum(x)
np.cumsum(x, 1)
np.cumsum(x, 0, float, B(3, 4))
np.cumsum(x, axis=-1, dtype=complex)
np.cumsum(zz, axis=0)
np.cumsum(i)
np.cumsum(a)
np.cumprod(x)
np.cumprod(x, 1)
np.cumprod(x, 0, float, B(3, 4))
np.cumprod(x, axis=-1, dtype=complex)
np.cumprod(zz, axis=0)
np.cumprod(zz)
np.cumulative_sum(v)
np.cumulative_sum(x, axis=1, dtype=float, out=B(3, 4), include_initial=False)
np.cumulative_sum(x, axis=0, include_initial=True)
np.cumulative_prod(v)
np.cumulative_prod(x, axis=1, dtype=float, out=B(3, 5), include_initial=True)
np.nancumsum(nan * a, axis=0)
np.nancumsum(nan * a, 1, float, B(3, 4))
np.nancumprod(nan * a, axis=0)
np.nancumprod(nan * a, 1, float, B(3, 4))
np.nansum(nan * a)
np.nansum(nan * a, 0, float, B(1, 4), True)
np.nansum(nan * a, axis=(0, 1), initial=b, where=y > 0.3) !b
np.nanprod(nan * a, 0, float, B(1, 4), True)
np.nanprod(nan * a, axis=(0, 1), initial=b, where=y > 0.3) !b
np.nanmean(nan * a)
np.nanmean(nan * a, 0, float, B(1, 4), True)
np.nanmean(nan * a, axis=(0, 1), where=y > 0.3)
np.nanmax(nan * a)
np.nanmax(nan * a, 0, B(1, 4), True)
np.nanmax(nan * a, axis=(0, 1), initial=b, where=y > 0.3) !b
np.nanmin(nan * a)
np.nanmin(nan * a, 0, B(1, 4), True)
np.nanmin(nan * a, axis=(0, 1), initial=b, where=y > 0.3) !b
np.nanvar(nan * a)
np.nanvar(nan * a, 0, float, B(1, 4), 0, True)
np.nanvar(nan * a, axis=(0, 1), where=y > 0.3, ddof=1)
np.nanvar(nan * a, correction=1)
np.nanvar(nan * a, axis=0, mean=np.nanmean(nan * a, axis=0, keepdims=True))
np.nanvar(nan * a, mean=b) !b
np.nanstd(nan * a)
np.nanstd(nan * a, 0, float, B(1, 4), 0, True)
np.nanstd(nan * a, axis=(0, 1), where=y > 0.3, ddof=1)
np.nanstd(nan * a, correction=1)
np.nanstd(nan * a, axis=0, mean=np.nanmean(nan * a, axis=0, keepdims=True))
np.median(x)
np.median(x, 0, B(4), True)
np.median(q, axis=(0, 2), keepdims=True)
np.median(x, axis=0, overwrite_input=True)
np.nanmedian(nan * a)
np.nanmedian(nan * a, 0, B(4), True)
np.nanmedian(nan * a, axis=(0, 1), keepdims=True)
np.quantile(x, 0.3)
np.quantile(x, a)
np.quantile(x, [0.2, 0.7], 0, B(2, 4), True)
np.quantile(q, [[0.2], [0.7]], axis=(0, 2), keepdims=True)
np.quantile(x, v, axis=1)
np.quantile(x, 0.35, axis=0, method="hazen")
np.quantile(x, 0.35, 0, None, False, "midpoint")
np.quantile(x, a, axis=0, method="weibull")
np.quantile(x, 0.35, axis=0, method="inverted_cdf", weights=np.array([1.0, 2.0, 3.0]))
np.percentile(x, 30)
np.percentile(x, 100 * a)
np.percentile(x, [20, 70], 0, B(2, 4), True)
np.percentile(q, [[20], [70]], axis=(0, 2), keepdims=True)
np.percentile(x, 35, axis=0, method="lower")
np.percentile(x, 35, axis=0, method="inverted_cdf", weights=np.array([1.0, 2.0, 3.0]))
np.nanquantile(nan * a, 0.3)
np.nanquantile(nan, a)
np.nanquantile(nan * a, [0.2, 0.7], 0, B(2, 4), True)
np.nanquantile(nan * a, [0.2, 0.7], axis=(0, 1), keepdims=True)
np.nanquantile(nan * a, 0.35, axis=0, method="hazen")
np.nanquantile(nan * a, 0.35, axis=0, method="inverted_cdf", weights=np.ones((3,4))*[[1.0],[2.0],[3.0]])
np.nanpercentile(nan * a, 30)
np.nanpercentile(nan, 100 * a)
np.nanpercentile(nan * a, [20, 70], 0, B(2, 4), True)
np.nanpercentile(nan * a, 35, axis=0, method="nearest", keepdims=True)
np.nanpercentile(nan * a, 35, axis=0, method="inverted_cdf", weights=np.ones((3,4))*[[1.0],[2.0],[3.0]])
np.diff(v)
np.diff(x, 2)
np.diff(x, n=1, axis=0)
np.diff(x, prepend=a, append=c)
np.diff(x, axis=0, prepend=v[None], append=b)
np.diff(X, prepend=c)
np.diff(v, 0)
np.ediff1d(x)
np.ediff1d(v, a, w)
np.ediff1d(v, to_end=w, to_begin=b)
np.ediff1d([a, b, 1.0])
np.gradient(v)
np.gradient(x)
np.gradient(x, a)
np.gradient(x, a, b)
np.gradient(x, a, np.cumsum(v))
np.gradient(x, np.cumsum(u), axis=0)
np.gradient(x, axis=1, edge_order=2)
np.gradient(x, np.cumsum(v), axis=-1, edge_order=2)
np.gradient(x, axis=(0, 1))
np.gradient(X, a, axis=0)
np.gradient(zz, axis=1)
np.trapezoid(x)
np.trapezoid(x, v)
np.trapezoid(x, x=y, axis=0)
np.trapezoid(x, dx=a)
np.trapezoid(x, u, 1.0, 0)
np.trapezoid(X, dx=a)
np.trapezoid(zz, dx=a)
np.trapezoid([a, b], x=[b, a])
np.trace(x)
np.trace(q, 1, 0, 2)
np.trace(q, offset=-1, axis1=-1, axis2=1, dtype=float, out=B(2))
np.cov(x)
np.cov(x, y)
np.cov(x, None, False)
np.cov(x, y, rowvar=False, bias=True)
np.cov(x, ddof=0)
np.cov(x, fweights=np.array([1, 2, 1, 3]))
np.cov(x, aweights=v)
np.cov(x, aweights=v, fweights=np.array([1, 2, 1, 3]), ddof=2)
np.cov(v, w)
np.cov(v)
np.cov(zz)
np.cov(x, dtype=float)
np.corrcoef(x)
np.corrcoef(x, y)
np.corrcoef(x, y, False)
np.corrcoef(x, rowvar=False)
np.corrcoef(v, w)
np.corrcoef(zz)
np.corrcoef(x, dtype=float)
np.ptp(q, 0, B(1, 3, 4), True)
np.trace(q, 0, 1, 2, float, B(2))
"""

LINEAR_ALGEBRA = """
np.cross(u, m)
np.cross(m, u, axis=0)
np.cross(x, y, axisa=0, axisb=0, axisc=0)
np.cross(x, y, 0, 0, -1)
np.linalg.cross(m, x[:, :3])
np.linalg.cross(m, m.T, axis=0)
np.dot(x, v)
np.dot(x, x.T, B(3, 3))
np.dot(a, x)
np.dot(x, f, out=B(3, 3))
np.dot(q, f)
np.dot(X, v)
np.dot([a, b], [b, a])
np.dot(zz, v)
np.inner(x, y)
np.inner(q, x)
np.inner(a, x)
np.outer(x, v)
np.outer(v, w, B(4, 4))
np.outer(a, v, out=B(1, 4))
np.linalg.outer(v, w)
np.vdot(x, y)
np.vdot(z, v)
np.vdot(z, z)
np.vdot(v, z)
np.vdot(zz, zz * 2)
np.kron(x, u)
np.kron(u, q)
np.kron(a, x)
np.kron(zz, v)
np.tensordot(x, q, axes=([1], [2]))
np.tensordot(x, y)
np.tensordot(x, u, (0, 0))
np.tensordot(x, v, axes=0)
np.linalg.tensordot(x, y, axes=2)
np.linalg.tensordot(x, y, axes=((0,), (0,)))
np.matmul(x, v)
np.matmul(x, f)
np.matmul(q, f, out=B(2, 3, 3))
np.matmul(x, y, axes=[(0, 1), (1, 0), (1, 0)])
np.matmul(x, f, dtype=complex)
np.matmul(x, f, casting="same_kind", order="F")
x @ v
v @ x.T
X @ v
v @ V
np.linalg.matmul(x, f)
np.vecdot(x, v)
np.vecdot(zz, z)
np.vecdot(x, y, axis=0)
np.vecdot(x, y, axis=0, keepdims=True)
np.vecdot(x, y, axes=[(0,), (0,), ()])
np.linalg.vecdot(x, y)
np.linalg.vecdot(zz, zz, axis=0)
np.einsum("ij,j->i", x, v)
np.einsum("ij->ji", x)
np.einsum("ii->i", m)
np.einsum("ii", m)
np.einsum("i,i,i->", v, w, v + w)
np.einsum("...j,j", q, v)
np.einsum("ij,kj,k->i", x, y, u, optimize=True)
np.einsum(x, [0, 1], v, [1], [0])
np.einsum("ij,ij->j", x, y, out=B(4))
np.einsum("ij,j->i", zz, v, dtype=complex)
np.einsum("ij,j->i", x, v, order="F", casting="safe")
np.einsum("ij,jk", X, f)
np.linalg.multi_dot([x, f, m])
np.linalg.multi_dot([x, f, m], out=B(3, 3))
np.linalg.multi_dot([v, f, m, u])
np.linalg.multi_dot([X, f])
np.linalg.cholesky(h)
np.linalg.cholesky(h, upper=True)
np.linalg.cholesky(hh)
np.linalg.cholesky(m @ m.T)
np.linalg.cholesky(zm @ np.conj(zm.T))
np.linalg.cond(m)
np.linalg.cond(m, 1)
np.linalg.cond(m, p="fro")
np.linalg.cond(m, -2)
np.linalg.cond(m, np.inf)
np.linalg.cond(mm, 2)
np.linalg.cond(x)
np.linalg.cond(zm)
np.linalg.cond(zm, "fro")
np.linalg.det(m)
np.linalg.det(mm)
np.linalg.det(zm)
np.linalg.slogdet(m)
np.linalg.slogdet(mm)
np.linalg.slogdet(zm)
np.linalg.diagonal(q)
np.linalg.diagonal(q, offset=-1)
np.linalg.eigh(m + m.T)[0]
np.linalg.eigh(h, "U")[0]
np.linalg.eigh(m + m.T, UPLO="U")[0]
np.linalg.eigvalsh(h)
np.linalg.eigvalsh(m @ m.T, UPLO="U")
np.linalg.eigvalsh(hh, "U")
np.linalg.eigvalsh(zm + np.conj(zm.T))
np.abs(np.linalg.eigh(m + m.T)[1]) ** 2
np.abs(np.linalg.eigh(zm + np.conj(zm.T))[1]) ** 2
np.linalg.eig(m)[0]
np.abs(np.linalg.eig(m)[1]) ** 2
np.linalg.eigvals(m)
np.linalg.eigvals(mm)
np.linalg.eigvals(zm)
np.linalg.eig(zm)[0]
np.abs(np.linalg.eig(zm)[1]) ** 2
np.linalg.inv(m)
np.linalg.inv(mm)
np.linalg.inv(zm)
np.linalg.lstsq(f, v)[0]
np.linalg.lstsq(f, v, rcond=None)
np.linalg.lstsq(f, x.T, 1e-10)[:2]
np.linalg.lstsq(x, u)[0]
np.linalg.lstsq(zz.T, z)[0]
np.linalg.matrix_norm(x)
np.linalg.matrix_norm(q, keepdims=True)
np.linalg.matrix_norm(x, ord=2)
np.linalg.matrix_norm(x, ord="nuc")
np.linalg.matrix_norm(zz, ord=1)
np.linalg.matrix_power(m, 3)
np.linalg.matrix_power(m, -2)
np.linalg.matrix_power(m, n=0)
np.linalg.matrix_power(zm, 2)
np.linalg.norm(x)
np.linalg.norm(v, 3)
np.linalg.norm(v, ord=np.inf)
np.linalg.norm(v, -np.inf)
np.linalg.norm(v, 0.5)
np.linalg.norm(v, 0) + a
np.linalg.norm(x, 1)
np.linalg.norm(x, -1)
np.linalg.norm(x, 2)
np.linalg.norm(x, -2)
np.linalg.norm(x, "nuc")
np.linalg.norm(x, "fro")
np.linalg.norm(x, np.inf)
np.linalg.norm(x, -np.inf)
np.linalg.norm(x, axis=0)
np.linalg.norm(q, 2, (0, 2), True)
np.linalg.norm(q, ord="nuc", axis=(2, 1), keepdims=True)
np.linalg.norm(q, 1, axis=(0, -1))
np.linalg.norm(x, 3, 1, keepdims=True)
np.linalg.norm(zz)
np.linalg.norm(zz, 2)
np.linalg.norm(zz, 1, axis=0)
np.linalg.norm(z, 3)
np.linalg.norm(z, np.inf)
np.linalg.norm([a, b])
np.linalg.vector_norm(x)
np.linalg.vector_norm(x, axis=0, keepdims=True, ord=3)
np.linalg.vector_norm(q, axis=(0, 2))
np.linalg.vector_norm(zz, ord=np.inf)
np.linalg.pinv(m)
np.linalg.pinv(x)
np.linalg.pinv(f, rcond=1e-10)
np.linalg.pinv(f, 1e-10)
np.linalg.pinv(x, rtol=1e-10)
np.linalg.pinv(h, hermitian=True)
np.linalg.pinv(zz)
np.linalg.qr(m)
np.linalg.qr(f)
np.linalg.qr(f, "r")
np.linalg.qr(m, mode="complete")
np.linalg.qr(mm)
np.linalg.qr(zm)
np.linalg.qr(x, "r")
np.linalg.qr(x)
np.linalg.solve(m, u)
np.linalg.solve(m, x)
np.linalg.solve(mm, q[0])
np.linalg.solve(mm, m)
np.linalg.solve(zm, u)
np.linalg.solve(m, zz)
np.linalg.solve(M, u)
np.linalg.svd(x, compute_uv=False)
np.linalg.svd(x, False)[1]
np.abs(np.linalg.svd(x, full_matrices=False)[0]) ** 2
np.abs(np.linalg.svd(m)[2]) ** 2
np.linalg.svd(h, hermitian=True)[1]
np.linalg.svd(h, compute_uv=False, hermitian=True)
np.abs(np.linalg.svd(h, True, True, True)[0]) ** 2
np.linalg.svd(zz, compute_uv=False)
np.abs(np.linalg.svd(zm)[0]) ** 2
np.linalg.svdvals(x)
np.linalg.svdvals(zz)
np.linalg.tensorinv(np.reshape(m, (3, 1, 3, 1)))
np.linalg.tensorinv(np.reshape(m, (3, 3, 1)), ind=1)
np.linalg.tensorsolve(np.reshape(m, (3, 1, 3)), np.reshape(u, (3, 1)))
np.linalg.tensorsolve(np.reshape(m, (3, 1, 3)), u[:, None], axes=None)
np.linalg.tensorsolve(np.reshape(m, (3, 3, 1)), u, axes=(2,))
np.linalg.trace(q)
np.linalg.trace(q, offset=1, dtype=float)
np.linalg.matrix_transpose(q)
np.matrix_transpose(q)
np.convolve(v, w)
np.convolve(v, u, "same")
np.convolve(v, u, mode="valid")
np.convolve(a, v)
np.convolve(z, v)
np.convolve([a, b], v)
np.correlate(v, u)
np.correlate(v, u, "same")
np.correlate(u, v, mode="full")
np.correlate(z, v, "full")
np.correlate(v, z, "full")
"""

FFT = """
np.fft.fft(v)
np.fft.fft(x, 5, 0, "ortho")
np.fft.fft(x, n=3, axis=1, norm="forward")
np.fft.fft(x, axis=0, out=B(3, 4, dtype=complex))
np.fft.fft(zz, n=6)
np.fft.ifft(z)
np.fft.ifft(zz, 2, 0, "ortho")
np.fft.ifft(zz, norm="forward", out=B(3, 4, dtype=complex))
np.fft.rfft(v)
np.fft.rfft(x, 5, 0, "ortho")
np.fft.rfft(x, n=3, norm="forward", axis=-1)
np.fft.rfft(x, out=B(3, 3, dtype=complex))
np.fft.irfft(z)
np.fft.irfft(zz, 5, 0, "ortho")
np.fft.irfft(zz, n=3, norm="forward", axis=-1)
np.fft.irfft(zz, out=B(3, 6))
np.fft.irfft(x)
np.fft.hfft(z)
np.fft.hfft(zz, 5, 0, "ortho")
np.fft.hfft(zz, n=4, axis=-1, norm="forward", out=B(3, 4))
np.fft.ihfft(v)
np.fft.ihfft(x, 5, 0, "ortho")
np.fft.ihfft(x, n=4, axis=-1, norm="forward", out=B(3, 3, dtype=complex))
np.fft.fft2(x)
np.fft.fft2(q, (2, 5), (0, 2), "ortho")
np.fft.fft2(q, s=(2, 5), axes=(0, 1), norm="forward", out=B(2, 5, 4, dtype=complex))
np.fft.ifft2(zz)
np.fft.ifft2(q, (2, 5), (0, 2), "ortho")
np.fft.ifft2(q, s=(2, 5), axes=(0, 1), norm="forward", out=B(2, 5, 4, dtype=complex))
np.fft.fftn(q)
np.fft.fftn(q, (2, 5), (0, 2), "ortho")
np.fft.fftn(q, s=(2, 5), axes=(0, 1), norm="forward", out=B(2, 5, 4, dtype=complex))
np.fft.ifftn(q)
np.fft.ifftn(q, (2, 5), (0, 2), "ortho")
np.fft.ifftn(zz, s=(3, 5), axes=(0, 1), norm="forward", out=B(3, 5, dtype=complex))
np.fft.rfft2(x)
np.fft.rfft2(q, (2, 5), (0, 2), "ortho")
np.fft.rfft2(q, s=(2, 5), axes=(0, 1), norm="forward", out=B(2, 3, 4, dtype=complex))
np.fft.irfft2(zz)
np.fft.irfft2(q, (2, 5), (0, 2), "ortho")
np.fft.irfft2(zz, s=(2, 4), axes=(0, 1), norm="forward", out=B(2, 4))
np.fft.rfftn(q)
np.fft.rfftn(q, (2, 5), (0, 2), "ortho")
np.fft.rfftn(q, s=(2, 5), axes=(0, 1), norm="forward", out=B(2, 3, 4, dtype=complex))
np.fft.irfftn(q)
np.fft.irfftn(q, (2, 5), (0, 2), "ortho")
np.fft.irfftn(zz, s=(2, 4), axes=(0, 1), norm="forward", out=B(2, 4))
np.fft.fftshift(x)
np.fft.fftshift(x, axes=1)
np.fft.fftshift(zz, (0, 1))
np.fft.ifftshift(x, 0)
np.fft.ifftshift(x, axes=(0, 1))
np.fft.hfft(z, 4, 0, None, B(4))
np.fft.fft(v, 4, 0, None, B(4, dtype=complex))
"""

SORTING = """
np.sort(x)
np.sort(x, 0, "mergesort")
np.sort(x, axis=None, kind="stable")
np.sort(x, axis=0, stable=True)
np.sort(z)
np.sort(x, axis=0, descending=True)
np.sort(x, axis=None, descending=True)
np.sort_complex(v)
np.sort_complex(z)
np.partition(x, 2)
np.partition(x, (1, 2), 0, "introselect")
np.partition(x, kth=3, axis=None)
np.unique(x)
np.unique(x, True, True, True)
np.unique(x, axis=0)
np.unique(x, return_index=True, return_inverse=True, return_counts=True, equal_nan=False)
np.unique(x, sorted=False)
np.unique_all(x)
np.unique_counts(x)
np.unique_inverse(x)
np.unique_values(x)
np.union1d(v, w)
np.intersect1d(v, v)
np.intersect1d(v, v, True, True)
np.intersect1d(v, v[::-1], assume_unique=False, return_indices=True)
np.setdiff1d(v, w)
np.setdiff1d(v, v[:2], assume_unique=True)
np.setdiff1d(V, w)
np.setxor1d(v, w)
np.setxor1d(v, w, assume_unique=True)
np.extract(x > 0.5, x)
np.extract([True, False, True], u)
np.choose([0, 1, 1, 0], [v, w])
np.choose([0, 1, 5, -1], (v, w), mode="clip")
np.choose([0, 1, 5, -1], [v, w], B(4), "wrap")
np.choose(np.array([0, 1]), [a, b])
np.take(x, [0, 2])
np.take(x, [[0, 5], [1, -1]], 1, B(3, 2, 2), "wrap")
np.take(x, 1, axis=0)
np.take(x, [7], axis=1, mode="clip")
np.take_along_axis(x, np.argsort(X, 1), 1)
np.take_along_axis(x, np.array([[0, 1, 2, 0]]), axis=0)
np.take_along_axis(x, np.array([3, 5]), axis=None)
np.compress([True, False, True], x, 0)
np.compress([True, False, True], x, axis=0, out=B(2, 4))
np.compress([True, False, True], x)
np.delete(x, 1, 0)
np.delete(x, [0, 2], axis=1)
np.delete(x, slice(1, 3))
np.insert(x, 1, a, 0)
np.insert(x, [0, 2], y[:, :2], axis=1)
np.insert(v, 2, u)
np.insert(V, 2, u)
np.insert(x, [1, 1], v, axis=0)
np.trim_zeros(np.concatenate([np.zeros(2), v, np.zeros(1)]))
np.trim_zeros(np.concatenate([np.zeros(2), v, np.zeros(1)]), "b")
np.trim_zeros(np.pad(x, ((1, 0), (0, 2))), trim="fb", axis=0)
"""

SHAPES = """
np.append(x, y)
np.append(x, y, 0)
np.append(x, v[None], axis=0)
np.append([a, b], 1.0)
np.append(V, a)
np.array_split(x, 3, 1)
np.array_split(k, 4)
np.array_split(x, [1, 2], axis=0)
np.split(x, 2, 1)
np.split(x, [1], axis=0)
np.split(k, 3)
np.hsplit(x, 2)
np.hsplit(k, [2])
np.vsplit(x, 3)
np.vsplit(x, [1, 2])
np.dsplit(q, 2)
np.dsplit(q, [1])
np.unstack(x)
np.unstack(x, axis=1)
np.block([[x, c], [y, c]])
np.block([v, a, b])
np.block([[X, c]])
np.column_stack([u, x])
np.column_stack((v, w))
np.concatenate([x, y])
np.concatenate([x, y], 1)
np.concatenate([x, v], axis=None)
np.concatenate([x, y], axis=-1, out=B(3, 8))
np.concatenate([x, X], 0, dtype=complex)
np.concatenate([x, zz], axis=0, dtype=complex, casting="safe")
np.concatenate([o, v])
np.stack([x, y])
np.stack([x, y], 1)
np.stack([v, w], axis=-1, out=B(4, 2))
np.stack([a, b, 1.0])
np.stack([v, z], dtype=complex, casting="same_kind")
np.hstack([x, y])
np.hstack([a, b])
np.hstack([v, u], dtype=complex, casting="same_kind")
np.vstack([x, v])
np.vstack([v, w], dtype=complex, casting="same_kind")
np.dstack([x, y])
np.dstack([v, w])
np.c_[v, w]
np.c_[x, c]
np.r_[v, w]
np.r_[v, a, 0.0]
np.r_["-1", x, c]
np.r_[a, b]
np.array([a, b])
np.array([i, b], like=i)
np.array([[i, b], [b, 1.0]], like=i)
np.array(x, like=x)
np.array(x, dtype=complex, copy=True, order="F", subok=False, ndmin=3, like=x)
np.asarray(x, dtype=float, order="C", device="cpu", copy=True, like=x)
np.asanyarray(x, complex, order="F", copy=True, like=x)
np.asanyarray(x, device="cpu", like=x)
np.ascontiguousarray(f, dtype=float, like=f)
np.asfortranarray(x, dtype=float, like=x)
np.require(x, float, "F", like=x)
np.require(x, dtype=float, requirements=["C", "O"], like=x)
np.astype(x, complex)
np.astype(x, float, copy=False)
np.astype(x, np.float64, device="cpu")
np.atleast_1d(a)
np.atleast_1d(a, v)
np.atleast_2d(v)
np.atleast_2d(v, x)
np.atleast_3d(x)
np.atleast_3d(a, v, x, q)
np.broadcast_arrays(x, v, a)
np.broadcast_arrays(x, c, subok=True)
np.broadcast_to(v, (3, 4))
np.broadcast_to(a, shape=(2, 2), subok=True)
np.copy(x)
np.copy(f, "F", True)
np.copy(x.T, order="K", subok=False)
np.diag(v)
np.diag(x, 1)
np.diag(v, k=-2)
np.diagflat(x)
np.diagflat(x, 1)
np.diagflat(a, k=-1)
np.diagonal(x)
np.diagonal(q, 1, 0, 2)
np.diagonal(q, offset=-1, axis1=2, axis2=1)
np.expand_dims(x, 0)
np.expand_dims(x, axis=(0, -1))
np.flip(x)
np.flip(x, 0)
np.flip(q, axis=(0, 2))
np.fliplr(x)
np.flipud(x)
np.full(3, i, like=i)
np.full((2, 4), v, like=v)
np.full(3, i, float, "F", device="cpu", like=i)
np.full(shape=3, fill_value=i, dtype=float, order="C", like=i)
np.full_like(x, a) !a
np.full_like(x, v, dtype=complex, order="F", subok=False) !v
np.full_like(x, a, shape=(2, 2), device="cpu") !a
np.full_like(v, b, float, "C", True, (3,)) !b
np.geomspace(a, b)
np.geomspace(a, b, 5, False)
np.geomspace(u, 2.0, num=4, endpoint=True, dtype=float, axis=1)
np.geomspace(u, x[:, 0], 3, axis=-1)
np.geomspace(V, a)
np.linspace(a, b)
np.linspace(a, 2.0, 5, False, True)
np.linspace(0.0, a, num=4, endpoint=True, retstep=True, dtype=float, axis=0, device="cpu")
np.linspace(u, v[:3], 3, axis=-1)
np.linspace(u, c, 3, axis=1)
np.linspace(a, b, 3, dtype=complex)
np.linspace(a, b, 1)
np.linspace(a, b, 0)
np.logspace(a, b)
np.logspace(a, b, 5, False, 3.0)
np.logspace(u, 1.0, num=4, endpoint=True, base=2.0, dtype=float, axis=1)
np.logspace(a, b, 3, base=a + 2.0)
np.arange(i, 3.0, like=i)
np.arange(i, 3.0, b, like=i) !b
np.arange(0.0, 3.0, i + 0.1, dtype=float, like=i)
np.arange(i, stop=3.0, step=b, like=i, device="cpu") !b
np.ones_like(x) * x
np.ones_like(x, device="cpu") * x
np.zeros_like(x, float, "F", False, (2, 4), device="cpu") + v
np.ones_like(x, dtype=complex, order="C", subok=True, shape=(4,)) * v
np.empty_like(x, dtype=float, order="C", subok=True, shape=(4,), device="cpu") * 0 + v
np.zeros(3, float, "F", device="cpu", like=v) + a
np.ones(shape=3, device="cpu", dtype=float, order="C", like=v) * a
np.empty((2,), dtype=float, order="C", device="cpu", like=v).shape[0] * v
np.eye(3, 4, 1, float, "F", device="cpu", like=x) * x
np.eye(N=3, M=4, k=1, dtype=float, order="C", like=x) * x
np.identity(3, dtype=float, like=m) @ m
np.tri(3, 4, k=1, dtype=float, like=x) * x
np.tri(N=3, M=4, like=x) * x
np.frombuffer(b"12345678", dtype=np.uint8, count=4, offset=2, like=v) * v
np.fromiter([i, b], float, like=i) !b
np.fromiter([v[0], v[1]], dtype=float, count=2, like=v)
np.fromfunction(lambda i, j: (i + j) * x, (3, 4), dtype=float, like=x)
np.lib.stride_tricks.sliding_window_view(v, 2)
np.lib.stride_tricks.sliding_window_view(x, (2, 2), (0, 1))
np.lib.stride_tricks.sliding_window_view(x, window_shape=2, axis=1, subok=True, writeable=False)
np.meshgrid(v, u)
np.meshgrid(v, u, a, copy=False, sparse=True, indexing="ij")
np.meshgrid(v, u, indexing="ij")
np.meshgrid(v, u, copy=False)
np.moveaxis(q, 0, -1)
np.moveaxis(q, source=(0, 1), destination=(2, 0))
np.pad(x, 1)
np.pad(x, ((1, 0), (2, 1)), "constant", constant_values=a) !a
np.pad(x, 1, mode="constant", constant_values=((0.1, 0.2), (0.3, 0.4)))
np.pad(x, 1, "edge")
np.pad(x, 2, mode="reflect", reflect_type="odd")
np.pad(x, 2, "symmetric")
np.pad(x, 2, "symmetric", reflect_type="odd")
np.pad(x, 5, "wrap")
np.pad(x, 2, "mean", stat_length=2)
np.pad(x, ((1, 2), (2, 1)), "maximum", stat_length=((1, 2), (2, 3)))
np.pad(x, 2, "minimum")
np.pad(x, 2, "median")
np.pad(x, 3, "linear_ramp", end_values=a) !a
np.pad(x, {0: (1, 2)}, "edge")
np.pad(x, {-1: 2})
np.pad([a, b], 1)
np.ravel(x)
np.ravel(f, "F")
np.ravel(f, order="K")
np.ravel(f, "A")
np.repeat(x, 2)
np.repeat(x, [1, 2, 0], 0)
np.repeat(a, repeats=3)
np.reshape(x, (4, 3))
np.reshape(x, -1, "F")
np.reshape(x, shape=(2, 6), order="A", copy=True)
np.reshape(x, (2, -1), copy=None)
np.resize(x, (5, 4))
np.resize(v, new_shape=7)
np.roll(x, 1)
np.roll(x, (1, 2), (0, 1))
np.roll(x, shift=-1, axis=1)
np.rollaxis(q, 2)
np.rollaxis(q, axis=1, start=3)
np.rot90(x)
np.rot90(q, 3, (0, 2))
np.rot90(x, k=2, axes=(1, 0))
np.squeeze(c)
np.squeeze(c[None], 0)
np.squeeze(c[None], axis=(0, 2))
np.swapaxes(q, 0, 2)
np.swapaxes(q, axis1=1, axis2=-1)
np.tile(x, 2)
np.tile(v, reps=(2, 2))
np.transpose(q)
np.transpose(q, (1, 2, 0))
np.transpose(q, axes=[0, 2, 1])
np.tril(x)
np.tril(q, 1)
np.triu(x, k=-1)
np.triu(x)
np.vander(v)
np.vander(v, 3, True)
np.vander(v, N=2, increasing=False)
np.ix_(u, v)
"""

FUNCTIONAL = """
np.apply_along_axis(np.cumsum, 1, x)
np.apply_along_axis(lambda r, t, k: r * t * k, 0, x, a, k=b)
np.apply_along_axis(func1d=np.sum, axis=0, arr=x)
np.apply_over_axes(np.sum, q, (0, 2))
np.apply_over_axes(func=np.mean, a=x, axes=0)
np.bincount(np.array([0, 1, 1, 3]), v)
np.bincount(np.array([0, 1, 1, 3]), weights=v, minlength=6)
np.bincount([0, 1, 1, 3], v, 5)
np.histogram(V, 3, weights=v)
np.histogram(v * 1.0)
np.histogram(v, 4, (0.0, 1.0), True)
np.histogram(v, bins=3, range=(a - 0.6, b + 1.0), density=True, weights=w) !a b
np.histogram(v, bins=np.array([0.0, 0.45, 1.0]), weights=w, density=True)
np.histogram2d(v, w, 2)
np.histogram2d(v, w, [2, 3], weights=v, density=True)
np.histogram2d(v, w, bins=2, range=[[0, 1], [0, 1]], weights=v + w)
np.histogramdd(x.T, 2)
np.histogramdd(x.T, bins=(2, 2, 2), range=[[0, 1]] * 3, density=True, weights=v)
np.histogram_bin_edges(v, 5)
np.histogram_bin_edges(v, bins=4, range=(a, 1.0 + b), weights=None)
np.histogram_bin_edges(k, "sturges")
np.interp(x, np.cumsum(v), w)
np.interp([0.3, 0.5], np.cumsum(v), w)
np.interp(a, [0.0, 0.5, 1.0], u)
np.interp(x, [0.2, 0.5, 0.7], [1.0, 2.0, 1.5], a, b) !a b
np.interp(5 * x, [0.2, 0.9, 2.0], u, left=None, right=None, period=a + 2.0) !a
np.interp(x, [0.2, 0.5], z[:2])
np.poly(u)
np.poly(m)
np.poly(z)
np.polyadd(u, v)
np.polyadd([a, b], v)
np.polysub(u, v)
np.polymul(u, v)
np.polydiv(v, u)
np.polydiv(p, u)
np.polyder(v)
np.polyder(v, 2)
np.polyder(v, m=1)
np.polyint(v)
np.polyint(v, 2, u[:2])
np.polyint(v, m=1, k=a)
np.polyval(v, x)
np.polyval(v, a)
np.polyval([a, b], x)
np.polyval(z, v)
np.polyfit(v, w, 1)
np.polyfit(np.arange(4.0), w, 2)
np.polyfit(v, f, 1)
np.polyfit(v, w, deg=1, rcond=None, full=True)
np.polyfit(v, w, 1, w=u[[0, 1, 2, 0]], cov=True)
np.polyfit(v, w, 1, cov="unscaled")
np.roots(p)
np.roots([1.0, a, -2.0])
np.lib.scimath.sqrt(v - 0.5)
np.lib.scimath.log(v - 0.5)
np.lib.scimath.log2(v - 0.5)
np.lib.scimath.log10(v - 0.5)
np.lib.scimath.logn(v + 2.0, w - 0.5)
np.lib.scimath.logn(2, v)
np.lib.scimath.power(v - 0.5, w)
np.lib.scimath.power(v, 2)
np.lib.scimath.arcsin(3 * v)
np.lib.scimath.arccos(3 * v)
np.lib.scimath.arctanh(3 * v)
np.polynomial.polynomial.polyval2d(x, y, m)
np.polynomial.polynomial.polygrid2d(v, u, m)
np.polynomial.polynomial.polyvalnd((u, v[:3]), m)
np.polynomial.polynomial.polyvalnd(pts=(u, V[:3]), c=M)
np.polynomial.polynomial.polyval(x, v)
np.polynomial.polynomial.polyval(a, v)
np.polynomial.polynomial.polyval(0.5, v)
np.polynomial.Polynomial([a, b, 1.0])(v)
np.polynomial.Polynomial(v)(x)
np.polynomial.Polynomial(V)(x)
(np.polynomial.Polynomial([a, b]) * np.polynomial.Polynomial([1.0, 2.0]))(v)
(np.polynomial.Polynomial([a, b]) + np.polynomial.Polynomial([1.0, 2.0]))(v)
np.polynomial.Polynomial([a, b, 2.0]).deriv()(v)
np.polynomial.Polynomial([a, b, 2.0]).integ()(v)
np.polynomial.Polynomial([a, b, 2.0]).coef
np.polynomial.Chebyshev([a, b, 2.0])(v)
np.polynomial.Chebyshev(v)(x)
np.polynomial.Legendre([a, b, 2.0])(v)
np.polynomial.Legendre(v)(x)
np.polynomial.Hermite([a, b, 2.0])(v)
np.polynomial.Hermite(v)(x)
np.polynomial.HermiteE(v)(x)
np.polynomial.HermiteE([a, b, 2.0])(v)
np.polynomial.Laguerre([a, b, 2.0])(v)
np.polynomial.Laguerre(v)(x)
np.polynomial.Chebyshev(v).deriv()(x)
np.polynomial.Chebyshev(v).integ()(x)
np.polynomial.Legendre(v).deriv()(x)
np.polynomial.Legendre(v).integ()(x)
np.polynomial.Polynomial(V, domain=[0, 2], window=[-1, 1])(x)
np.polynomial.polynomial.polyvander(v, 3)
np.polynomial.polynomial.polyfromroots(u)
np.polynomial.polynomial.polymul(u, v)
np.polynomial.polynomial.polyder(v)
np.polynomial.polynomial.polyint(v)
np.polynomial.polynomial.polyadd(u, v)
np.polynomial.chebyshev.chebmul(u, v)
np.polynomial.chebyshev.chebder(v)
np.polynomial.chebyshev.chebint(v)
np.polynomial.chebyshev.chebvander(v, 3)
"""

WRITING = """
after(np.copyto, x * 1.0, y) !y
after(np.copyto, x * 1.0, v, where=np.array([True, False, True, True])) !v
after(np.copyto, zz * 1.0, x) !x
after(np.copyto, x + y, y.T[0, 0], casting="same_kind", where=X > 0.5)
after(np.put, x * 1.0, [0, 5], u[:2]) !u
after(np.put, x * 1.0, ind=[0, 13], v=a, mode="wrap") !a
after(np.put, x * 1.0, [0, 13, -50], v, "clip") !v
after(np.place, x * 1.0, X > 0.5, u) !u
after(np.place, x * 1.0, mask=X > 0.5, vals=[a, b]) !a b
after(np.putmask, x * 1.0, X > 0.5, v) !v
after(np.putmask, x * 1.0, mask=X > 0.5, values=y) !y
after(np.put_along_axis, x * 1.0, np.array([[0, 1, 2, 0]]), v, 0) !v
after(np.put_along_axis, x * 1.0, indices=np.array([[1], [2], [0]]), values=c, axis=1) !c
after(np.fill_diagonal, m * 1.0, u) !u
after(np.fill_diagonal, f * 1.0, val=a, wrap=True) !a
after(np.add.at, x * 1.0, ([0, 0, 1], [1, 1, 2]), u) !u
after(np.multiply.at, x * 1.0, ([0, 0, 1], [1, 1, 2]), u) !u
after(np.maximum.at, x * 1.0, [0, 0, 2], v) !v
after(np.power.at, v * 1.0, [0, 0, 2], u) !u
after(np.sin.at, v * 1.0, [0, 2])
"""

TABLES = (WRITING, ELEMENTWISE, REDUCTIONS, LINEAR_ALGEBRA, FFT, SORTING, SHAPES, FUNCTIONAL)
CALLS = [call for table in TABLES for call in table.strip().splitlines()]


@pytest.mark.parametrize("call", CALLS)
def test_call_agrees_with_numpy_and_with_differences(call):
    grids = np.polynomial.polynomial.polygrid2d
    if not plain_numpy_has(call) or ("polygrid2d" in call and grids not in RULES):  # overridable since NumPy 2.1
        pytest.skip("not in this NumPy")
    # Nested, an argument that NumPy does not look at may be a Dual of an outer level alone.
    agrees(call, second=" !" in call)


# Parameters that no call can use with a derivative, and why.
EXCUSED = {
    "np.sort: order": "fields of structured arrays, which have no derivative",
    "np.partition: order": "likewise",
    "np.array: ndmax": "stops the search for axes in nested lists; without effect on arrays",
    "np.corrcoef: bias": "no effect, deprecated; gone in NumPy 2.4",
    "np.corrcoef: ddof": "likewise",
    **{f"np.{name}: interpolation": "the old name of method" for name in (
        "quantile", "percentile", "nanquantile", "nanpercentile"
    )},
}  # fmt: skip
# They read constants from memory or files.
READING = {np.loadtxt, np.genfromtxt, np.fromfile, np.fromstring, np.frombuffer}


def parameters_used(call):
    """(function, parameter) for every call of a NumPy function in the text."""
    for node in ast.walk(ast.parse(call.partition(" !")[0], mode="eval")):
        if not isinstance(node, ast.Call):
            continue
        func, args = node.func, node.args
        if isinstance(func, ast.Name) and func.id == "after":
            func, args = args[0], args[1:]
        try:
            function = eval(compile(ast.Expression(func), "", "eval"), {"np": np})
            parameters = list(inspect.signature(function).parameters.values())
        except (NameError, AttributeError, ValueError, TypeError):
            continue
        for parameter, _ in zip(parameters, args, strict=False):
            yield function, parameter.name
        for keyword in node.keywords:
            yield function, keyword.arg


def test_every_parameter_of_every_function_with_a_rule_comes_in_a_call():
    used = {pair for call in CALLS for pair in parameters_used(call)}
    missing = []
    for function, rule in RULES.items():
        if rule.form in ("passive", "refused") or isinstance(function, np.ufunc) or function in READING:
            continue
        if not (getattr(function, "__module__", None) or "").startswith("numpy"):
            continue
        try:
            parameters = inspect.signature(function).parameters.values()
        except ValueError:
            continue
        for parameter in parameters:
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            if (function, parameter.name) not in used:
                missing.append(f"{name_of(function)}: {parameter.name}")
    assert sorted(set(missing) - set(EXCUSED)) == []


# The methods of every ufunc.

UFUNCS = [f for f, rule in RULES.items() if isinstance(f, np.ufunc) and rule.form == "elementwise"]
PUBLIC = [f for f in UFUNCS if getattr(np, f.__name__, None) is f and f not in (np.ldexp, np.frexp)]
MASK = np.array([True, False, True, True])
# np.power.reduce([a, b, c]) is a ** c in the vectorized loops of NumPy 2.4: refused, see test_reductions.py.
UNRELIABLE = (np.power, np.float_power, np.arctan2)


def drawn(function, shape, seed=0):
    """One argument for each of a function, inside its domain and far from its kinks."""
    args = []
    domain = ((0.1, 2.0), (0.3, 2.0)) if function is np.divmod else getattr(RULES[function], "domain", None)
    for i, (low, high) in enumerate(domain or ((0.3, 1.7),) * function.nin):
        low, high = max(low, -2.0), 3.0 if low == 1.0 else min(high, 2.0)
        n = int(np.prod(shape))
        ranks = np.random.default_rng(seed + i + 1).permutation(n) + 0.37
        args.append((low + (high - low) * (0.05 + 0.9 * ranks / n)).reshape(shape))
    return tuple(args)


def buffers(function, like, shape=(3, 4)):
    like = innermost(like)
    return tuple(np.zeros(shape) if like is None else np.zeros(shape, like=like) for _ in range(function.nout))


def innermost(args):
    duals = [arg for arg in args if isinstance(arg, dd.Dual)]
    return max(duals, key=lambda dual: dual.perturbation.level, default=None)


@pytest.mark.parametrize("f", PUBLIC, ids=lambda f: f.__name__)
def test_every_keyword_and_operand_of_a_ufunc(f):
    args = drawn(f, (3, 4))
    calls = [
        (f, args),
        (lambda *a: f(*a, out=buffers(f, a)), args),
        (lambda *a: f(*a, out=buffers(f, a), where=MASK), args),
        (lambda *a: f(*a, casting="same_kind", order="F", subok=True, dtype=float), args),
        (f, tuple(arg[:0] for arg in args)),
        (f, tuple(float(arg[0, 0]) for arg in args)),
        (f, tuple(arg[0, 1] for arg in args)),
        (f, tuple(np.array(arg[0, 2]) for arg in args)),
        (f, tuple(np.asfortranarray(arg) for arg in args)),
        (f, tuple(np.repeat(arg, 2, axis=1)[:, ::2] for arg in args)),
    ]
    if f.nout == 1:
        calls.append((lambda *a: f(*a, out=buffers(f, a)[0]), args))
    if f.nin == 2:
        x, y = args
        ones = np.array([True, True, True, True])
        calls += [
            (f, (x[:, :1], y[0])),
            (f, (x, y[0, 0])),
            (f, (float(x[0, 0]), y)),
            (lambda x: f(x, y.tolist()), (x,)),
            (lambda y: f(x.tolist(), y), (y,)),
            (lambda x: f(x, np.float32(y)), (x,)),
            (lambda y: f(np.float32(x), y), (y,)),
            (lambda x: f(x, np.array([1, 2, 3, 1])), (x,)),
            (lambda y: f(np.array([1, 2, 3, 1]), y), (y,)),
            (lambda x: f(x, ones), (x,)),
            (lambda x: f(x, 2), (x,)),
            (lambda y: f(2, y), (y,)),
            (f.outer, (x[:, 0], y[0])),
        ]
    for program, arguments in calls:
        agree(program, arguments)


@pytest.mark.parametrize("f", [f for f in PUBLIC if f.nin == 2 and f.nout == 1], ids=lambda f: f.__name__)
def test_every_method_of_a_ufunc(f):
    (x,) = drawn(np.square, (3, 4), 5)
    x = np.abs(x) + 0.2
    if f not in UNRELIABLE:
        for program in (
            f.reduce,
            lambda x: f.reduce(x, axis=-1, keepdims=True, dtype=float),
            lambda x: f.reduce(x, axis=1, initial=0.77, where=MASK),
            f.accumulate,
            lambda x: f.accumulate(x, axis=1, dtype=float),
            lambda x: f.reduceat(x, [0, 2, 1], axis=1),
        ):
            agree(program, (x,))

    def at(x, b):
        y = x + 0.0 * b[0]
        f.at(y, [0, 2, 0, 0, 1], b)
        return y

    agree(at, (x[:, 0], np.linspace(0.3, 1.1, 5)))


# numpy.polynomial

BASES = ["polynomial.polyval", "chebyshev.chebval", "legendre.legval", "laguerre.lagval", "hermite.hermval",
         "hermite_e.hermeval"]  # fmt: skip


@pytest.mark.parametrize("name", BASES)
def test_valuation_that_lines_up_axes_for_ndarrays_only_is_refused(name):
    package, _, function = name.partition(".")
    value = getattr(getattr(np.polynomial, package), function)
    x, c = np.array([0.1, 0.2, 0.3]), np.arange(1.0, 10.0).reshape(3, 3)
    for count in (1, 2, 3):
        for mode in (dd.jacfwd, dd.jacrev):
            with pytest.raises(dd.UnsupportedFunction, match="tensor=False"):
                mode(lambda x, count=count: value(x, c[:count]))(x)
        agree(lambda x, count=count: value(x, c[:count, :, None], tensor=False), (x,), exact=False)
        agree(lambda x, count=count: value(x, c[:count]), (0.3,), exact=False)
        agree(lambda c: value(x, c), (c[:count],), exact=False)
    agree(lambda x: value(x, c[0]), (x,), exact=False)
    agree(lambda x: value(x, [1.0, 2.0]), (x,), exact=False)


def test_valuation_by_roots_is_refused_where_axes_would_not_line_up():
    value, roots = np.polynomial.polynomial.polyvalfromroots, np.array([1.0, 2.0, 3.0])
    with pytest.raises(dd.UnsupportedFunction, match="tensor=False"):
        dd.jacfwd(lambda x: value(x, roots))(roots + 0.5)
    agree(lambda x: value(x, roots[:, None], tensor=False), (roots + 0.5,))
    agree(lambda x: value(x, roots), (0.5,))


# The names that at least one other package for NumPy differentiates.
CHECKLIST = """
absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh cbrt ceil conjugate copysign cos cosh deg2rad
degrees divide divmod exp exp2 expm1 fabs float_power floor floor_divide fmax fmin fmod frexp heaviside hypot ldexp
log log10 log1p log2 logaddexp logaddexp2 maximum minimum modf multiply negative nextafter positive power rad2deg
radians reciprocal remainder rint sign sin sinh spacing sqrt square subtract tan tanh trunc angle around astype clip
fix i0 imag lib.scimath.arccos lib.scimath.arcsin lib.scimath.arctanh lib.scimath.log lib.scimath.log10
lib.scimath.log2 lib.scimath.logn lib.scimath.power lib.scimath.sqrt nan_to_num piecewise real real_if_close round
select sinc unwrap where amax amin average corrcoef cov cumprod cumsum cumulative_prod cumulative_sum diff ediff1d
gradient max mean median min nancumprod nancumsum nanmax nanmean nanmedian nanmin nanpercentile nanprod nanquantile
nanstd nansum nanvar percentile prod ptp quantile std sum trace trapezoid var cross dot einsum inner kron
linalg.cholesky linalg.cond linalg.cross linalg.det linalg.diagonal linalg.eig linalg.eigh linalg.eigvals
linalg.eigvalsh linalg.inv linalg.lstsq linalg.matmul linalg.matrix_norm linalg.matrix_power linalg.matrix_transpose
linalg.multi_dot linalg.norm linalg.outer linalg.pinv linalg.qr linalg.slogdet linalg.solve linalg.svd
linalg.svdvals linalg.tensordot linalg.tensorinv linalg.tensorsolve linalg.trace linalg.vecdot linalg.vector_norm
matmul matvec outer tensordot vdot vecdot vecmat fft.fft fft.fft2 fft.fftn fft.fftshift fft.hfft fft.ifft fft.ifft2
fft.ifftn fft.ifftshift fft.ihfft fft.irfft fft.irfft2 fft.irfftn fft.rfft fft.rfft2 fft.rfftn intersect1d partition
setdiff1d setxor1d sort sort_complex union1d unique unique_all unique_counts unique_inverse unique_values append
array_split block c_ column_stack concatenate dsplit dstack hsplit hstack insert r_ split stack unstack vsplit
vstack choose compress copyto delete extract fill_diagonal place put put_along_axis putmask take take_along_axis
array asanyarray asarray atleast_1d atleast_2d atleast_3d broadcast_arrays broadcast_to copy diag diagflat diagonal
expand_dims flip fliplr flipud full full_like geomspace lib.stride_tricks.sliding_window_view linspace logspace
matrix_transpose meshgrid moveaxis ones_like pad ravel repeat reshape resize roll rollaxis rot90 squeeze swapaxes
tile transpose tril trim_zeros triu vander zeros_like apply_along_axis apply_over_axes bincount convolve correlate
histogram histogram2d histogram_bin_edges histogramdd interp poly polyadd polyder polydiv polyfit polyint polymul
polysub polyval roots
"""


def test_what_the_checklist_calls_useful_has_a_rule():
    for name in CHECKLIST.split():
        function = np
        for part in name.split("."):
            function = getattr(function, part, None)
        if function is None:
            assert not NEWEST, name
        elif name not in ("c_", "r_"):  # they concatenate
            assert function in RULES, name
