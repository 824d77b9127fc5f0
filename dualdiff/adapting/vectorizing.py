"""np.vectorize: a function of one entry that NumPy loops over arrays, with derivatives."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..values.dual import Dual, primal
from ..values.objects import carries, fused
from .buffers import plain
from .calls import INSTANCES, hook


def _vectorized(g: Any) -> Any:
    """A function that np.vectorize loops over entries: viewed, its results of ``otypes`` or, as in NumPy, of the type
    of the first entry's."""

    def call(*args: Any, **kwargs: Any) -> Any:
        viewed = hook(g.pyfunc)
        plain_args, plain_kwargs = [plain(arg) for arg in args], {name: plain(arg) for name, arg in kwargs.items()}
        if not (carries(args) or carries(kwargs)):
            found = np.vectorize(viewed, g.otypes, g.__doc__, g.excluded, g.cache, g.signature)
            return found(*plain_args, **plain_kwargs)
        types = [] if g.otypes is None else list(g.otypes)

        def entry(*args: Any, **kwargs: Any) -> Any:
            result = viewed(*args, **kwargs)
            several = type(result) is tuple
            parts = result if several else (result,)
            if not types:
                types.extend(map(_type_of, parts))
            return tuple(map(_Entry, parts)) if several else _Entry(result)

        if g.signature:
            objects = np.vectorize(viewed, None, None, g.excluded, False, g.signature)
        else:
            objects = np.vectorize(entry, "O" * len(types) or None, None, g.excluded, g.cache)
        result = objects(*plain_args, **plain_kwargs)
        several = type(result) is tuple
        parts = result if several else (result,)
        if not g.signature:
            parts = [_ENTRIES(part) for part in parts]
        parts = [_of_type(part, types[i] if types else None) for i, part in enumerate(parts)]
        return tuple(parts) if several else parts[0]

    return call


class _Entry:
    """What the function returned for one entry: an object to NumPy, which then asks nothing of it."""

    __slots__ = ("result",)

    def __init__(self, result: Any) -> None:
        self.result = result


_ENTRIES = np.frompyfunc(operator.attrgetter("result"), 1, 1)


def _type_of(entry: Any) -> np.dtype[Any]:
    value = primal(fused(entry))
    return getattr(value, "dtype", None) or np.asarray(value).dtype


def _of_type(result: Any, kind: str | None) -> Any:
    whole = fused(result)
    if type(whole) is not Dual and isinstance(whole, np.ndarray) and whole.dtype == object:
        whole = np.array(whole.tolist())
    if np.ndim(whole) == 0:
        whole = np.reshape(whole, ())  # an array of no dimension, as NumPy's
    return whole if kind is None or whole.dtype == kind else whole.astype(kind)


INSTANCES[np.vectorize] = _vectorized
