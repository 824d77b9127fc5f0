"""A minimal array type: it speaks NumPy's protocols, counts the calls, and refuses to become an ndarray."""

import numpy as np


class Calls:
    """The number of calls, by one attribute: every Duck holds it, and is looked through for a Dual at each door."""

    __slots__ = ("number",)

    def __init__(self):
        self.number = 0


class Duck(np.lib.mixins.NDArrayOperatorsMixin):
    """What a rule may rely on in a value that is no ndarray."""

    def __init__(self, array, calls):
        self.array, self.calls = array, calls

    shape = property(lambda self: self.array.shape)
    ndim = property(lambda self: self.array.ndim)
    size = property(lambda self: self.array.size)
    dtype = property(lambda self: self.array.dtype)
    nbytes = property(lambda self: self.array.nbytes)

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("a rule converted a value to ndarray")

    def __len__(self):
        return len(self.array)

    def __bool__(self):
        return bool(self.array)

    def __getitem__(self, index):
        return self._wrap(self.array[unwrapped(index)])

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        self.calls.number += 1
        return self._wrap(getattr(ufunc, method)(*unwrapped(inputs), **unwrapped(kwargs)))

    def __array_function__(self, function, types, args, kwargs):
        self.calls.number += 1
        return self._wrap(function(*unwrapped(args), **unwrapped(kwargs)))

    def _wrap(self, result):
        if isinstance(result, (list, tuple)):
            parts = [self._wrap(part) for part in result]
            return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
        # Even a scalar stays a duck: nothing of the value may leak into plain NumPy.
        return Duck(np.asarray(result), self.calls) if isinstance(result, (np.ndarray, np.generic)) else result

    def reshape(self, *shape, **options):
        return self._wrap(self.array.reshape(*shape, **options))

    def transpose(self, *axes):
        return self._wrap(self.array.transpose(*axes))

    def swapaxes(self, a, b):
        return self._wrap(self.array.swapaxes(a, b))

    def copy(self, order="C"):
        return self._wrap(self.array.copy(order))

    def astype(self, dtype, copy=True):
        return self._wrap(self.array.astype(dtype, copy=copy))

    real = property(lambda self: self._wrap(self.array.real))
    imag = property(lambda self: self._wrap(self.array.imag))
    T = property(lambda self: self._wrap(self.array.T))
    mT = property(lambda self: self._wrap(self.array.mT))


def unwrapped(tree):
    if type(tree) is Duck:
        return tree.array
    if isinstance(tree, (list, tuple)):
        return type(tree)([unwrapped(item) for item in tree])
    if isinstance(tree, dict):
        return {key: unwrapped(item) for key, item in tree.items()}
    return tree
