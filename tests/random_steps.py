"""The steps that random programs are made of: templates over the table of rules.

A template is a line of plain NumPy, or an inner derivative; a value gets a name.  A field draws a piece of source:

    a b c      an array of any shape (b and c broadcast against the first array)      n o   of one axis or more
    p          of one entry or more        v w   of one axis        m   of two axes or more        q   of two axes
    r          what ``a @ r`` takes        s     a scalar           f   a number                   square spd   a matrix
    t          a buffer to write into      e g   an array that broadcasts to its shape
    item       what may be stored at the index drawn before
    axis axes index any mask ...           something that suits the first array; ``axis:n`` suits the array n

The same field twice is the same source; a digit makes another one: ``{axis}`` and ``{axis2}``.
"""

from __future__ import annotations

import numpy as np

from dualdiff.table import RULES

VIEWS = """
{n}[{index}]
{n}[{index}]
{n}[...]
{n}.T
{m}.mT
{n}.reshape({shape})
np.reshape({n}, {shape}, order={order})
np.ravel({n})
{n}.ravel(order={order})
np.transpose({n}, {perm})
{n}.swapaxes({axis}, {axis2})
np.moveaxis({n}, {axis}, {axis2})
np.rollaxis({n}, {axis})
np.expand_dims({n}, {axis})
np.squeeze({n})
np.flip({n}, {axes})
np.flipud({n})
np.fliplr({m})
np.rot90({m}, {k})
np.diagonal({m}, {k})
{m}.diagonal()
np.broadcast_to({a}, (2, *{a}.shape))
np.lib.stride_tricks.sliding_window_view({n}, 2, axis={axis})
np.atleast_1d({a})
np.atleast_2d({a})
np.atleast_3d({a})
np.split({n}, [1], axis={axis})[{bit}]
np.array_split({n}, 2, axis={axis})[{bit}]
np.hsplit({n}, [1])[{bit}]
np.vsplit({m}, [1])[{bit}]
np.broadcast_arrays({a}, {b})[{bit}]
np.meshgrid({v}, {w})[{bit}]
np.meshgrid({v}, {w}, indexing="ij", copy=False, sparse=True)[{bit}]
np.real({a})
np.imag({a})
{a}.real
{a}.imag
np.real_if_close({a})
np.asarray({a}, like={a})
{n}.view()
list({n})[0]
tuple({n})[-1]
np.matrix_transpose({m})
np.linalg.matrix_transpose({m})
"""

WRITES = """
{t}[{index}] = {item}
{t}[{index}] = {item}
{t}[{index}] += {item}
{t}[{index}] *= {item}
{t}[{index}] -= {item}
{t}[{index}] /= np.abs({item}) + 1.0
{t}[{any}] = {item}
{t}[{any}] += {item}
{t}[{mask}] = {f}
{t}[{mask}] *= {f}
{t}[{mask}] = {t}[{mask}] ** 2
{t} += {e}
{t} *= {e}
{t} -= {e}
{t} /= np.abs({e}) + 1.0
{t} **= 2
{t} %= np.abs({e}) + 0.7
{t}[...] = {e}
np.add({e}, {g}, out={t})
np.multiply({e}, {g}, out={t})
np.sin({e}, out={t})
np.exp(-np.abs({e}), out={t}, where={mask})
np.subtract({e}, {g}, out={t}, where={mask})
np.divide({e}, np.abs({g}) + 1.0, out={t}, where={mask})
np.maximum({e}, {g}, out={t})
np.add.at({t}, {places}, {f})
np.add.at({t}, {places}, {t}[{places}])
np.multiply.at({t}, {places}, {t}[{places}])
np.subtract.at({t}, {index}, {item})
np.negative.at({t}, {places})
np.maximum.at({t}, {places}, {f})
np.copyto({t}, {e})
np.copyto({t}, {e}, where={mask})
np.put({t}, {flat}, {t}.ravel()[{flat}] * {f})
np.put({t}, {flat}, {e})
np.place({t}, {mask}, {v} * 1.0)
np.putmask({t}, {mask}, {e})
np.fill_diagonal({t}, {f})
np.fill_diagonal({t}, {v} * 1.0)
np.put_along_axis({t}, np.argmax({t}, axis={axis}, keepdims=True), {f}, axis={axis})
np.put_along_axis({t}, np.argsort({t}.real, axis={axis}), {t} * {f}, axis={axis})
{t}.sort()
{t}.sort(axis={axis})
{t}.partition({first})
{t}.fill({s})
{t}.fill({f})
{t}.flat[{flat}] = {f}
{t}.flat[::2] = {v} * 1.0
{t}.flat = {v} * 1.0
{t}.put({flat}, {f})
{t}.real[...] = {t}.imag * {f}
{t}.real = {e}.real
{t}.imag = {e}.real
{t}.T[...] = {t}.T * {t}.T
{t}.reshape(-1)[{bit}] = {f}
np.ravel({t})[{bit}] *= {f}
np.cumsum({t}, axis={axis}, out={t})
np.clip({t}, -0.8, 0.8, out={t})
np.nan_to_num({t}, copy=False)
np.take({t}, np.arange({t}.shape[0])[::-1], axis=0, out={t}, mode="clip")
for i in range({t}.shape[0] - 1): {t}[i + 1] += {t}[i] * {f}
for row in {t}: row *= {f}
for i in range(3): {t} *= np.cos({t})
{t} = {t}[{index}]
{t} = {t} * {e}
{t}, {t2} = {t2}, {t}
{t}[0], {t}[-1] = {t}[-1], {t}[0]
{t}[[0, -1]] = {t}[[-1, 0]]
del {t}
"""

BUFFERS = """
np.zeros_like({a})
np.ones_like({a})
np.full_like({a}, {f})
np.full_like({a}, {s})
np.zeros({lengths}, like={a})
np.ones({lengths}, like={a})
np.full({lengths}, {s}, like={a})
np.zeros(({a}.size, 2), {a}.dtype, like={a})
np.zeros_like({a}, shape={lengths})
np.eye(3, like={a})
np.arange(4.0, like={a})
np.array({d}) + np.zeros((), like=x0)
np.array({d}, ndmin=2) + np.zeros((), like=x0)
np.array({a}, like={a})
np.copy({a})
{n}.copy()
{n}.copy("F")
{n}.copy("K")
{n}.flatten()
{n}.flatten("F")
{a}.astype({dtype})
np.astype({n}, {dtype})
np.asfortranarray({m} * 1.0, like={m})
np.ascontiguousarray({m}, like={m})
{n}[{point}]
{n}[{point}]
{n}.item({first})
{a} * 1.0
+{a}
np.where(True, {a}, np.empty_like({a}))
np.identity(2, like={a}) * {s}
np.tri(2, 3, like={a}) + {s}
np.asanyarray({a}, like={a})
np.require({n}, requirements="W", like={n})
np.fromfunction(lambda i, j: i + 2.0 * j, (2, 2), like={a}) * {s}
"""

ARITHMETIC = """
{a} + {b}
{a} - {b}
{a} * {b}
{a} * {b}
{a} / (np.abs({b}) + 0.5)
{a} ** 2
{a} ** 3
{a} ** -1
{a} ** 0
{a} ** 0.0
(np.abs({a}) + 0.3) ** {b}
(np.abs({a}) + 0.3) ** {f}
{f} ** {a}
{f} - {a}
{f} / (1.5 + {a} ** 2)
{a} % (np.abs({b}) + 0.6)
{a} % {f}
{a} // {f} + {a}
divmod({a}, {f})[1]
-{a}
abs({a})
{a} * {constant}
{constant} - {a}
{a} * 2
{a} + np.float64({f})
{a} + 1j * {b}
{a} * (1.0 - 2.0j)
np.multiply({a}, {b})
np.subtract({a}, {constant})
np.square({a})
np.where({mask}, {a}, {b})
np.where({mask}, {a}, {f})
np.where({mask}, 0.0, {a} * {b})
np.select([{a} > 0.5, {a} > -0.5], [{a}, {b} ** 2], {f})
np.clip({a}, {f}, {f} + 1.0)
np.clip({a}, -0.5, {b})
np.clip({a}, None, 0.7)
{a}.clip(0.1)
np.maximum({a}, {b})
np.maximum({a}, {f})
np.minimum({a}, {b}, dtype={a}.dtype)
np.fmax({a}, {b})
np.fmin({a}, 0.2)
np.nan_to_num({a})
np.absolute({a})
np.angle({a} + 2j)
np.conj({a})
np.real({a} * 1j)
np.sign({a}) * {b}
np.copysign({a}, {b})
np.heaviside({a}, 0.5) * {b}
np.floor({a}) * {b}
np.round({a}, 1) + {b}
np.ldexp({a}, 2)
np.modf({a})[0]
np.frexp({a})[0]
np.divmod({a}, {f})[1]
np.hypot({a}, {b} + 2.0)
np.arctan2({a}, {b})
np.logaddexp({a}, {b})
np.interp({a}, [-1.0, 0.1, 0.9, 2.0], [0.3, -0.2, 1.0, 0.4])
np.interp(0.3, [-2.0, 2.0], np.stack([{s}, 1.0]))
np.piecewise({n}, [{n} < 0.3, {n} > 0.6], [np.sin, lambda z: z * z])
np.sinc({a})
np.i0({a})
np.lib.scimath.sqrt({a})
np.sqrt(np.where({a} > 0, {a}, 0.7))
np.add({a}, {b}, dtype={dtype})
np.multiply({a}, {b}, out=np.zeros_like({a} + {b}))
np.exp({a}, where={mask}, out=np.ones_like({a}))
np.negative({a})
(lambda z: z * z + {f})({a})
sum({n})
max(list({v}))
{a} if {a}.size > 2 else {a} * 2.0
np.lib.scimath.log(np.abs({a}) + 0.3)
np.lib.scimath.log2({a})
np.lib.scimath.power({a}, 2)
np.lib.scimath.arcsin({a})
np.lib.scimath.arctanh({a})
(np.ceil({a}) + np.trunc({b}) + np.rint({a})) * {b}
np.isfinite({a}) * {b}
np.logical_and({a} > 0.2, {b} < 1.0) * {a}
np.floor_divide({a}, 0.7) * {b}
np.greater({a}, {b}) * 1.0 - {a}
"""

REDUCTIONS = """
np.sum({a})
np.sum({n}, axis={axes}, keepdims={flag})
{n}.sum({axis})
np.sum({n}, axis={axis}, where={mask}, initial={f})
np.sum({n}, axis={axis}, out=np.zeros_like({n}.sum(axis={axis})))
np.sum({n}, dtype={dtype})
np.mean({n}, axis={axes}, keepdims={flag})
{n}.mean()
np.prod({n}, axis={axes}, keepdims={flag})
np.prod({n}, axis={axis}, where={mask}, initial={f})
np.max({n}, axis={axes}, keepdims={flag})
np.max({n}, axis={axis}, initial={f}, where={mask})
np.min({n}, axis={axes})
{n}.max()
{n}.min({axis})
np.ptp({n}, axis={axis})
np.var({n}, axis={axes}, ddof={bit}, keepdims={flag})
np.std({n}, axis={axis}, ddof={bit})
{n}.std()
np.var({n}, axis={axis}, where={mask})
np.nansum({n}, axis={axis})
np.nanmax({n}, axis={axes})
np.nanmean({n}, axis={axis})
np.nanstd({n}, axis={axis})
np.nanprod({n}, axis={axis})
np.average({n}, axis={axis}, weights=np.arange(1.0, {n}.shape[{axis}] + 1))
np.average({n}, axis={axis}, weights=np.abs({n}) + 0.5)
np.cumsum({n}, axis={axis})
{n}.cumsum()
np.cumprod({n}, axis={axis})
np.nancumsum({n}, axis={axis})
np.cumulative_sum({v})
np.cumulative_prod({n}, axis={axis}, include_initial=True)
np.diff({n}, axis={axis})
np.diff({n}, n=2, axis={axis}, prepend=0.5)
np.ediff1d({n}, to_begin={f})
np.gradient({v})
np.gradient({n}, 0.5, axis={axis})
np.gradient({v}, np.arange({v}.size) ** 1.5)
np.trapezoid({n}, axis={axis})
np.trapezoid({n}, dx=0.3)
np.add.reduce({n}, axis={axes})
np.multiply.reduce({n}, {axis})
np.maximum.reduce({n}, axis={axis}, keepdims={flag})
np.minimum.reduce({n}, axis={axes})
np.logaddexp.reduce({n}, axis={axis})
np.hypot.reduce({n} + 1.5, axis={axis})
np.subtract.reduce({n}, axis={axis})
np.add.accumulate({n}, axis={axis})
np.multiply.accumulate({n}, axis={axis})
np.maximum.accumulate({n}, axis={axis})
np.logaddexp.accumulate({n}, axis={axis})
np.add.reduceat({n}, {cuts}, axis={axis})
np.multiply.reduceat({n}, {cuts}, axis={axis})
np.maximum.reduceat({n}, {cuts}, axis={axis})
np.add.outer({a}, {v})
np.multiply.outer({v}, {a})
np.arctan2.outer({v} + 2.0, {a})
np.sort({n}, axis={axis})
np.sort({n}, axis=None)
np.partition({n}, {first}, axis={axis})
np.median({n}, axis={axes}, keepdims={flag})
np.quantile({n}, 0.3, axis={axis})
np.quantile({n}, [0.1, 0.6], axis={axis}, method={method})
np.percentile({n}, 40.0, axis={axes})
np.quantile({n}, np.abs(np.tanh({s})), axis={axis})
np.nanmedian({n}, axis={axis})
np.nanquantile({n}, 0.6, axis={axis})
np.take_along_axis({n}, np.argsort({n}.real, axis={axis}), axis={axis})
np.count_nonzero({n} > 0) * {a}
np.argmax({n}) + {a}
np.unique({n})
np.histogram({v}, bins=3, range=(-2.0, 2.0), weights={v})[0]
np.bincount([0, 1, 1], weights={v}[:3])
np.unwrap({n} * 3.0, axis={axis})
np.apply_along_axis(lambda z: z * z[0], {axis}, {n})
np.apply_along_axis(np.sum, {axis}, {n})
np.apply_over_axes(np.sum, {m}, [0, -1])
np.cov({m})
np.corrcoef({m})
np.union1d({n}, {f})
np.histogram2d({v}, {v}, bins=2, range=[[-2, 2], [-2, 2]], weights={v})[0]
np.histogramdd([{v}, {v}], bins=2, range=[[-2, 2], [-2, 2]], weights={v})[0]
np.nanvar({n}, axis={axis})
np.nanmin({n}, axis={axes}, keepdims={flag})
np.nancumprod({n}, axis={axis})
np.nanpercentile({n}, 35.0, axis={axis})
np.amax({n}, axis={axis})
np.sort_complex({n})
np.unique_values({n})
np.unique_counts({n}).values
np.unique_inverse({v})[0]
np.intersect1d({n}, {n})
np.setdiff1d({n}, [0.5])
np.setxor1d({n}, [0.5])
"""

REARRANGEMENTS = """
{n}[{any}]
{n}[{any}]
{n}[{mask}]
{n}[{places}]
np.concatenate([{n}, {n} * 2.0], axis={axis})
np.concatenate([{n}, {o}], axis=None)
np.concatenate([{v}, {w}, [0.5]])
np.concatenate([{v}, {w}], out=np.zeros({v}.size + {w}.size, like={v}, dtype=np.result_type({v}.dtype, {w}.dtype)))
np.stack([{a}, {a} ** 2])
np.stack([{n}, {n} * {f}], axis={axis})
np.stack([{s}, {f}, {s2}])
np.array([{s}, {f}, {s2}], like={a})
np.array([{s}, {s2}]) + np.zeros((), like=x0)
np.array([[{s}, 0.0], [{f}, {s2}]]) + np.zeros((2, 2), like=x0)
np.vstack([{v}, {v}])
np.hstack([{v}, {w}])
np.dstack([{v}, {v} * 2])
np.column_stack([{v}, {v}])
np.append({n}, {o})
np.append({n}, {f})
np.block([[{v}, {w}]])
np.r_[{d}.ravel(), {f}, 2.0] + np.zeros((), like=x0)
np.c_[{d}.ravel(), {d}.ravel() ** 2] * np.ones((), like=x0)
np.insert({n}, 1, {f}, axis={axis})
np.insert({v}, {first}, {s})
np.delete({n}, 0, axis={axis})
np.repeat({n}, 2, axis={axis})
np.repeat({a}, 2)
np.tile({n}, 2)
np.tile({a}, (2, 1))
np.roll({n}, {k}, axis={axis})
np.roll({n}, 1)
np.resize({n}, {lengths})
np.pad({n}, 1)
np.pad({n}, (1, 2), mode={pad})
np.pad({n}, 1, constant_values={f})
np.take({n}, [0, -1, 0], axis={axis})
np.take({n}, {flat})
{n}.take({bit})
np.compress([True, False], {n}, axis={axis})
np.extract({mask}, {n})
np.choose([0, 1, 0], [{s}, {f}])
np.tril({m}, {k})
np.triu({m})
np.diag({v}, {k})
np.diag({q})
np.diagflat({n})
np.trim_zeros({v})
np.vander({v}, 3)
np.fft.fftshift({n})
np.fft.ifftshift({n}, axes={axis})
np.take_along_axis({n}, np.array([0, 0]).reshape([2 if i == {axis} % {n}.ndim else 1 for i in range({n}.ndim)]), {axis})
np.linspace({s}, {s2}, 3)
np.linspace({f}, {a}, 2, endpoint=False)
np.geomspace(0.5, np.abs({s}) + 0.5, 3)
np.unstack({n})[0]
np.logspace({s} * 0.2, {s2} * 0.2, 3)
np.digitize({v}.real, [0.0, 0.5]) * {v}
np.searchsorted([0.0, 0.5], {n}.real) + {n}
np.nonzero({n})[0][:1] + {s}
"""

PRODUCTS = """
{n} @ {r}
{n} @ {r}
np.matmul({n}, {r})
np.dot({n}, {r})
{n}.dot({r})
np.dot({v}, {v})
np.vdot({n}, {n})
np.inner({n}, {n})
np.outer({v}, {w})
np.tensordot({n}, {n}, axes=([{axis}], [{axis}]))
np.tensordot({n}, {o}, axes=0)
np.einsum("...i,...i->...", {n}, {n})
np.einsum("...i,...i", {n}, {constant:n})
np.einsum("i,j->ji", {v}, {w})
np.einsum("ij->j", {q})
np.einsum("ij,kj->ik", {q}, {q})
np.einsum("ij,ij,j->i", {q}, {q}, {q}[0])
np.einsum("ii", {square})
np.einsum("ii->i", {square})
np.kron({n}, {v})
np.cross({v}[:3], {w}[:3])
np.convolve({v}, {w})
np.convolve({v}, [0.5, 1.0], mode="same")
np.correlate({v}, {w}, "full")
np.trace({m}, {k})
np.vecdot({n}, {n}, axis={axis})
np.linalg.multi_dot([{q}, {q}.T, {q}])
np.constant @ {n}
np.linalg.norm({a})
np.linalg.norm({n} + 0.1, axis={axis})
np.linalg.norm({n}, ord=1, axis={axis}, keepdims=True)
np.linalg.norm({n}, np.inf, axis={axis})
np.linalg.norm({q})
np.linalg.norm({q} + 0.1 * np.arange({q}.size).reshape({q}.shape), "nuc")
np.linalg.vector_norm({n} + 0.2, axis={axis})
np.linalg.inv({spd})
np.linalg.solve({spd}, {v})
np.linalg.solve({spd}, {q})
np.linalg.solve({spd}, {spd}[..., 0])
np.linalg.det({spd})
np.linalg.det({square})
np.linalg.slogdet({spd})[1]
np.linalg.cholesky({spd})
np.linalg.cholesky({spd}, upper=True)
np.linalg.eigvalsh({spd})
np.linalg.eigh({spd})[0]
np.linalg.eigh({spd}, UPLO="U").eigenvalues
np.linalg.svd({spd}, compute_uv=False)
np.linalg.qr({spd})[1]
np.linalg.pinv({spd})
np.linalg.lstsq({spd}, {spd}[..., 0])[0]
np.linalg.matrix_power({square}, 3)
np.linalg.matrix_power({spd}, -1)
np.linalg.cond({spd})
np.polyval({v}, {a})
np.polyval([1.0, 0.5, -1.0], {a})
np.polymul({v}, {w})
np.polyder({v})
np.polyint({v})
np.fft.fft({p})
np.fft.fft({p}, n=4, axis={axis}, norm="ortho")
np.fft.ifft({p})
np.fft.rfft({p}, axis={axis})
np.fft.irfft({p}, axis={axis})
np.fft.irfft({p}, n=3)
np.abs(np.fft.fft({p} + 0.2))
np.fft.fft2({p}).real
np.fft.rfftn({p})
np.fft.irfftn({p})
np.fft.hfft({p})
np.matvec({square}, {square}[0])
np.vecmat({square}[0], {square})
np.linalg.matmul({n}, {r})
np.linalg.vecdot({n}, {n}, axis={axis})
np.linalg.outer({v}, {w})
np.linalg.tensordot({n}, {o}, axes=0)
np.linalg.cross({v}[:3], {w}[:3])
np.linalg.trace({m}, offset={k})
np.linalg.matrix_norm({q} + 0.3)
np.linalg.svdvals({spd})
np.linalg.eigvals({spd}).real
np.linalg.eig({spd})[0].real
np.linalg.tensorsolve({spd}, {spd}[0])
np.linalg.tensorinv({spd}, ind=1)
np.fft.rfft2({p})
np.fft.irfft2({p})
np.fft.fftn({p}, axes=[{axis}])
np.fft.ifftn({p})
np.fft.ifft2({p})
np.fft.ihfft({p}.real)
np.polyadd({v}, {w})
np.polysub({v}, {w})
np.polydiv({v}, [2.0, 1.0])[{bit}]
np.polyfit(np.arange({v}.size) - 0.5, {v}, 1)
np.poly({v}[:2])
np.sort(np.roots([1.0, 0.3, {s} - 4.0]).real)
"""


# Derivatives inside of programs: perturbations of several levels meet.
TRANSFORMS = """
dd.jvp(lambda z: np.sin(z) * {a}, ({b},), ({b},))[1]
dd.jvp(lambda z: z * {a} + {b}, ({a},), ({b} + 0.0 * {a},))[1]
dd.jvp(lambda z: np.where({a} > 0.1, z, {a}) * z, ({a},), ({a},))[1]
dd.grad(lambda z: np.sum(np.sin(z) * {a}))({b})
dd.grad(lambda z: np.sum(z * {a}) ** 2)({b})
dd.grad(lambda z: np.max(z * {n}) + np.sum(np.sort({n}, axis=0) * z))({n})
dd.jacfwd(lambda z: np.cumsum(z * {v}))({v})
dd.jacrev(lambda z: z[::-1] * {v} ** 2)({v})
dd.hessian(lambda z: np.prod(z) * {s})({v})
dd.hvp(lambda z: np.sum(z**3 * {a}), ({a},), ({a} * 2.0,))
dd.vjp(lambda z: z * {a}, {b})[1]({b} * {a})[0]
dd.linearize(lambda z: np.exp(-z * z) * {a}, {a})[1]({a})
np.add(dd.derivative(lambda z: np.sin(z * {s}) * {a})({s2}), 0.0)
dd.value_and_grad(lambda z: np.sum({square} @ z * z))({square}[0])[1]
dd.grad(lambda z: [w := np.zeros_like(z), w.__setitem__(0, z[0] * {s}), np.sum(w * z)][-1])({v})
dd.jvp(lambda z: [w := {n} * 1.0, w.__setitem__(0, z[0]), w * z][-1], ({n},), ({n},))[1]
dd.jvp(lambda z: np.add.outer(z, {v}), ({v},), ({v} ** 2,))[1]
dd.grad(lambda z: dd.jvp(lambda u: u * z * {a}, ({a},), ({a},))[1].sum())({a})
"""


def _inside(low, high, slot):
    """An expression in ``slot`` that stays inside an interval."""
    if np.isinf(low) and np.isinf(high):
        return slot
    if np.isinf(high):
        return f"np.abs({slot}) + {low + 0.3}"
    return f"np.tanh({slot}) * {0.45 * (high - low):.2f} + {0.5 * (low + high)}"


def _elementwise():
    """One template for every elementwise ufunc of the table, its arguments inside its domain."""
    for function, rule in RULES.items():
        name = getattr(function, "__name__", "")
        domains = getattr(rule, "domain", ())
        if isinstance(function, np.ufunc) and getattr(np, name, None) is function and name != "ldexp" and domains:
            arguments = [_inside(*d, slot) for d, slot in zip(domains, ("{a}", "{b}"), strict=False)]
            yield f"np.{name}({', '.join(arguments)})"


TEMPLATES = {
    "views": VIEWS,
    "writes": WRITES,
    "buffers": BUFFERS,
    "arithmetic": ARITHMETIC,
    "elementwise": "\n".join(_elementwise()),
    "reductions": REDUCTIONS,
    "rearrangements": REARRANGEMENTS,
    "products": PRODUCTS,
    "transforms": TRANSFORMS,
}
TEMPLATES = {group: [line for line in text.strip().splitlines() if line] for group, text in TEMPLATES.items()}
