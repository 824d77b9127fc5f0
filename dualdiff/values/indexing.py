"""Indexing of Duals: ``x[i]``, ``x[i] = y``, and what an index takes."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import errors
from . import kinds, refilling, storage
from .dual import Dual, is_array
from .objects import fused

_ndarray = np.ndarray
_ALL = slice(None)
_BASIC = frozenset({slice, int, type(None), type(Ellipsis)})


def is_basic(index: Any) -> bool:
    """Whether indexing with ``index`` takes a view (or a scalar) rather than a gathered copy."""
    if type(index) is tuple:
        return all(type(part) in _BASIC or isinstance(part, np.integer) or kinds.is_integer(part) for part in index)
    return type(index) in _BASIC or isinstance(index, np.integer) or kinds.is_integer(index)


def _get(self: Dual, index: Any) -> Dual:
    perturbation = self.perturbation
    if not perturbation.live:
        return refilling.read(self, index)
    whole = self.value
    value = whole[index]
    if type(index) is slice and type(whole) is _ndarray:  # the common view
        if self.storage is None:
            storage.anchor(self)
        return storage.attach(
            Dual(value, perturbation.index_view(self.tangent, index, value), perturbation), self, (_get, index)
        )
    if type(value) is np.float64 and (type(index) is int or is_basic(index)):  # the common scalar
        return Dual(value, perturbation.take_scalar(self.tangent, index, value), perturbation)
    basic = type(index) is slice or is_basic(index)
    if basic and (type(value) is np.ndarray is type(whole) or (is_array(value) and is_array(whole))):
        if self.storage is None:
            storage.anchor(self)
        view = Dual(value, perturbation.index_view(self.tangent, index, value), perturbation)
        return storage.attach(view, self, (_get, index))
    if basic and not is_array(value):  # a scalar: its value is a copy, so its tangent must be one
        return Dual(value, perturbation.take_scalar(self.tangent, index, value), perturbation)
    index = perturbation.keep(index)
    if any(n != n for n in value.shape):  # nan, of a lazy array
        raise errors.unknown_shape(self, value.shape)
    if not basic:
        return Dual(value, perturbation.gather(self.tangent, index, value), perturbation)
    index = index if type(index) is tuple else (index,)
    move = lambda block: np.copy(block[(_ALL, *index)])
    return Dual(value, perturbation.rearrange((self.tangent,), move, value), perturbation)


def _set(self: Dual, index: Any, item: Any) -> None:
    if not self.perturbation.live:
        refilling.write(self, index, item)
        return
    storage.write(self, index, fused(item))


for _name, _method in (("__getitem__", _get), ("__setitem__", _set)):
    setattr(Dual, _name, _method)
