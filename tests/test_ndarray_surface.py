"""Everything that an ndarray has: each attribute, method and operator works as NumPy's, or says why it does not."""

import copy
import math
import operator
import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import dualdiff as dd
from tests.laws import together

from .agreement import agrees, plain_numpy_has

# Methods and operators with a derivative, in every form that ndarray takes.
CALLS = """
x.T
q.T
x.mT
q.mT
x.real
x.imag + x
zz.real
zz.imag
zz.conj()
x.conj()
zz.conjugate()
x.all() + x
x.argmax() + x
x.argsort(axis=0) + x
x.argpartition(2) + x
x.argmin(axis=1, keepdims=True) + x
x.any(axis=0) + x
x.nonzero()[0] + x.ravel()
v.searchsorted(w) + w
np.array([0, 1, 1]).choose([u, x[0, :3]])
np.array([0, 1, 3]).choose([u, x[0, :3]], mode="wrap")
x.astype(complex)
x.astype(float, order="F", casting="safe", subok=True, copy=True)
x.astype(float, copy=False)
x.clip(0.3, 0.6)
x.clip(min=v)
x.clip(0.3, a, out=B(3, 4))
x.compress([True, False, True], axis=0)
x.compress([True, False, True, True, False])
x.copy()
x.copy("F")
copy.copy(x)
copy.deepcopy(x)
x.cumprod()
x.cumprod(axis=1, dtype=float, out=B(3, 4))
x.cumsum()
x.cumsum(0, float, B(3, 4))
x.diagonal()
q.diagonal(1, 0, 2)
q.diagonal(offset=-1, axis1=1, axis2=2)
x.dot(v)
x.dot(f, out=B(3, 3)) !f
after(lambda y: y.fill(a), x * a)
x.flatten()
x.flatten("F")
x.item(3)
x.item(1, 2)
x.item((2, 0))
i.item()
x.max()
x.max(axis=0, out=B(4), keepdims=False, initial=0.5, where=X > 0.2)
x.min(0)
x.min(axis=(0, 1), keepdims=True)
x.mean()
x.mean(1, float, B(3))
x.mean(axis=0, keepdims=True, where=X > 0.2)
after(lambda y: y.partition(2), x * b)
after(lambda y: y.partition((1, 2), axis=0, kind="introselect"), x * b)
x.prod()
x.prod(axis=0, dtype=float, out=B(1, 4), keepdims=True, initial=2.0, where=X > 0.2)
after(lambda y: y.put([0, 5], [a, b]), x + a + b)
after(lambda y: y.put(indices=[0, 13], values=v, mode="clip"), x + v)
x.ravel()
x.ravel("F")
f.ravel(order="K")
x.repeat(2)
x.repeat([1, 0, 2], axis=0)
x.reshape(4, 3)
x.reshape((2, 6), order="F")
x.reshape(-1)
x.reshape((2, -1), copy=True)
x.round(1) + x
x.round(decimals=2, out=B(3, 4)) + x
after(lambda y: y.sort(), x * b)
after(lambda y: y.sort(axis=0, kind="stable"), x * b)
c.squeeze()
c.squeeze(axis=-1)
x.std()
x.std(0, float, B(4), 1, False)
x.std(axis=1, mean=x.mean(axis=1, keepdims=True), keepdims=True)
x.std(axis=-1, ddof=0.5)
x.sum()
x.sum(0, float, B(4))
q.sum(axis=(0, -1), keepdims=True, initial=1.5, where=q > 0.2)
q.swapaxes(0, -1)
x.take([0, 5])
x.take([1, 7], axis=1, out=B(3, 2), mode="wrap")
x.to_device("cpu")
x.tolist()
x.trace()
q.trace(1, axis1=0, axis2=2, dtype=float, out=B(3))
q.transpose()
q.transpose(1, 2, 0)
q.transpose((2, 0, 1))
x.var()
x.var(axis=0, ddof=1, keepdims=True, where=X > 0.2)
x.var(mean=x.mean())
x.view()
x.flat[3]
x.flat[[1, 5]]
x.flat[2:8]
np.stack(list(x.flat))
x.flat.copy()
after(lambda y: setitem(y.flat, slice(0, 4), v), x + v)
after(lambda y: setitem(y.flat, 7, a), x + a)
after(lambda y: setattr(y, "flat", v), x + v)
after(lambda y: setattr(y, "real", x), zz + x)
after(lambda y: setattr(y, "imag", v), zz + v)
after(lambda y: setitem(y.real, 1, v), zz + v)
after(lambda y: setitem(y.imag, (slice(None), 0), u), zz + u[0])
after(lambda y: setitem(y.T, 1, u), x + u[0])
after(lambda y: setitem(y.mT, (0, 1), a), x + a)
after(lambda y: setitem(y.diagonal().copy(), 1, a), m + a)
abs(x - 0.5)
abs(zz)
-x
+x
x + y
x - y
x * y
x / y
x // 0.3 + x
0.3 // x + x
x % 0.35
1.7 % x
x**y
2.0**x
x**2
x**-1
x @ v
v @ f
V @ f
divmod(x, 0.35)
divmod(1.7, x)
divmod(x, y)
round(a, 1) + a
1 + x
1 - x
2 * x
2 / x
V + x
V - x
V * x
V / x
V**x
V % x
V // x + x
after(lambda t: operator.iadd(t, y), x + y)
after(lambda t: operator.isub(t, v), x + v)
after(lambda t: operator.imul(t, y), x + y)
after(lambda t: operator.itruediv(t, y), x + y)
after(lambda t: operator.ipow(t, y), x + y)
after(lambda t: operator.imod(t, y), x + 2 * y)
after(lambda t: operator.imatmul(t, m), m + h)
after(lambda t: operator.ifloordiv(t, 0.3), x * 1.0) + x
(x > 0.5) * x
(0.5 <= x) * x
(x < y) * x
sum(x)
sum(v)
max(v)
min(v)
sorted(v)
[row.sum() for row in x]
list(reversed(v))
np.stack([value for _, value in np.ndenumerate(x)])
x[1]
x[..., None, 1:, ::2]
x[[0, 2], 1]
x[X > 0.5]
x[np.array([[0, 1], [2, 0]])]
x[-1, -1]
math.floor(a) + a
math.ceil(a) + a
math.trunc(a) + a
"""
SCOPE = {"copy": copy, "math": math, "operator": operator, "setitem": operator.setitem}


@together(CALLS.strip().splitlines())
def test_member_agrees_with_numpy_and_with_differences(call):
    if not plain_numpy_has(call, SCOPE):
        pytest.skip("not in this NumPy")
    agrees(call, scope=SCOPE, exact="sum(" not in call)


def inside(f):
    """What a Dual array of shape (2, 3) gives."""
    found = []
    dd.jvp(lambda x: found.append(f(x)) or x, (np.arange(1.0, 7.0).reshape(2, 3),), (np.ones((2, 3)),))
    return found[0]


# What the members say that are no functions of the entries.
@pytest.mark.parametrize(
    "describe",
    [
        lambda x: x.shape,
        lambda x: x.T.strides,
        lambda x: x.ndim,
        lambda x: x.size,
        lambda x: x.dtype,
        lambda x: x.itemsize,
        lambda x: x.nbytes,
        lambda x: x.flags.c_contiguous,
        lambda x: x.T.flags.f_contiguous,
        lambda x: x.flags.writeable,
        lambda x: x.device,
        lambda x: x.__array_namespace__(),
        len,
        lambda x: 3.0 in x,
        lambda x: 33.0 in x,
        lambda x: bool(x[0, 0]),
        lambda x: x.all(),
        lambda x: x.any(),
        lambda x: int(x.argmax()),
    ],
)
def test_description_is_that_of_the_plain_array(describe):
    assert inside(describe) == describe(np.arange(1.0, 7.0).reshape(2, 3))


@pytest.mark.usefixtures("as_written")
def test_every_public_name_of_ndarray_is_there_or_says_why_not():
    tested = CALLS
    described = {"base", "device", "dtype", "flags", "itemsize", "nbytes", "ndim", "shape", "size", "strides"}
    refused = {"byteswap", "ctypes", "data", "dump", "dumps", "getfield", "resize", "setfield", "setflags", "tobytes",
               "tofile"}  # fmt: skip
    names = {name for name in dir(np.ndarray) if not name.startswith("_")}

    gone = {"itemset", "newbyteorder", "ptp", "tostring"}  # from NumPy 2.0 on they raise, later they are not there

    assert {name for name in names - described - refused if f".{name}" not in tested} <= gone
    for name in refused & names:
        assert not inside(lambda x, name=name: hasattr(x, name))
        with pytest.raises(AttributeError, match="stop_gradient"):
            inside(lambda x, name=name: getattr(x, name))


# Members that would lose the derivative, or have no meaning for real numbers, as in NumPy.
@pytest.mark.usefixtures("as_written")
@pytest.mark.parametrize(
    ("f", "error"),
    [
        (lambda x: float(x[0, 0]), TypeError),
        (lambda x: int(x[0, 0]), TypeError),
        (lambda x: complex(x[0, 0]), TypeError),
        (lambda x: [0, 1][x[0, 0]], TypeError),
        (lambda x: math.sin(x[0, 0]), TypeError),
        (lambda x: np.asarray(x, dtype=float), TypeError),
        (lambda x: x.view(np.int64), TypeError),
        (lambda x: x.view(np.matrix), TypeError),
        (pickle.dumps, TypeError),
        (hash, TypeError),
        (lambda x: bool(x), ValueError),
        (lambda x: x.item(), ValueError),
        (lambda x: x.item(17), (IndexError, ValueError)),
        (lambda x: x & 1, TypeError),
        (lambda x: 1 | x, TypeError),
        (lambda x: x ^ x, TypeError),
        (lambda x: ~x, TypeError),
        (lambda x: x << 1, TypeError),
        (lambda x: 1 >> x, TypeError),
        (lambda x: operator.delitem(x, 0), (TypeError, ValueError, AttributeError)),
        (lambda x: len(x[0, 0]), TypeError),
        (lambda x: iter(x[0, 0]).__next__(), TypeError),
        (lambda x: setattr(x, "shape", (3, 2)), AttributeError),
        (lambda x: setattr(x, "imag", 1.0), TypeError),
        (lambda x: x.to_device("gpu"), ValueError),
        (lambda x: x.reshape(4, 4), ValueError),
        (lambda x: x.take(x), TypeError),
        (lambda x: x[x], (TypeError, IndexError)),
        (lambda x: x.repeat(x), TypeError),
        (lambda x: x.sum(axis=x), TypeError),
        (lambda x: x.sum(where=x), TypeError),
        (lambda x: x.sum(axis=2), np.exceptions.AxisError),
        (lambda x: x.sum(nonsense=1), TypeError),
        (lambda x: x.mean(out=np.zeros(())), TypeError),
        (lambda x: x.cumsum(out=np.zeros(6)), TypeError),
        (lambda x: x.round(out=np.zeros((2, 3))) and None, ValueError),
    ],
)
def test_member_that_cannot_work_raises(f, error):
    with pytest.raises(error):
        inside(f)


def test_conversions_without_a_derivative_are_numpys_own():
    assert inside(lambda x: x.astype(int)).dtype == np.dtype(int)
    assert_array_equal(inside(lambda x: x.astype(bool)), np.ones((2, 3), bool))
    assert_array_equal(inside(lambda x: x // 2), np.arange(1.0, 7.0).reshape(2, 3) // 2)
    assert inside(lambda x: round(x[0, 1])) == 2
    assert inside(lambda x: x.astype(object)).dtype == object


def test_views_write_to_the_array_they_show():
    def f(x):
        y = x * 1.0
        y.T[0] = 2 * x[:, 0]
        y.ravel()[1] *= 3.0
        y.reshape(3, 2)[2] += x[0, 0]
        y.swapaxes(0, 1)[2, 0] = 0.0
        y.diagonal()  # read-only in NumPy
        y.flat[3] = x[1, 1] ** 2
        return y

    x = np.arange(1.0, 7.0).reshape(2, 3)
    for mode in (dd.jacfwd, dd.jacrev):
        j = mode(f)(x)
        step = 1e-6
        for index in np.ndindex(x.shape):
            e = np.zeros_like(x)
            e[index] = step
            assert abs(j[(..., *index)] - (f(x + e) - f(x - e)) / (2 * step)).max() < 1e-8
