"""The generators of `numpy.random` that put entries into another order: of what carries a derivative, too.

They know arrays by their type, and take anything else for a list, of which they exchange items.  The items of an array
of two or more axes are views: an exchange would lose rows.  So the same is done to the places of the entries, which are
a plain array of the same shape, and the entries follow.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .buffers import Buffer, buffered
from .builtins import is_dual, plain_value
from .calls import enter


def _enter_shuffle(original: Any) -> None:
    def shuffle(owner: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_dual(x):
            return original(owner, x, *args, **kwargs)
        if type(x) is Buffer:
            return original(owner, x.value, *args, **kwargs)
        places = _places(x)
        original(owner, places, *args, **kwargs)
        x[...] = x.reshape(-1)[places]
        return None

    enter(original, shuffle)


def _enter_permutation(original: Any) -> None:
    def permutation(owner: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_dual(x):
            return original(owner, x, *args, **kwargs)
        if type(x) is Buffer or np.ndim(plain_value(x)) == 0:
            return buffered(original(owner, plain_value(x), *args, **kwargs))
        return x.reshape(-1)[original(owner, _places(x), *args, **kwargs)]

    enter(original, permutation)


def _places(x: Any) -> Any:
    value = plain_value(x)
    return np.arange(value.size).reshape(value.shape)


for _kind in (np.random.Generator, np.random.RandomState):
    _enter_shuffle(_kind.shuffle)
    _enter_permutation(_kind.permutation)
