"""The operators of Python and the methods of ``ndarray``, on a Dual, from the table of rules.

An operator goes straight to its rule: what it costs over NumPy is counted in hundreds of nanoseconds.
Values are made by the same operator, not by the ufunc of that name, for they may round differently (``x ** 2``).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from . import storage
from .dispatch import RULES
from .dual import Dual, is_array
from .rules.forms import Elementwise, binary_operators


def _in_place(name: str) -> Callable[..., Any]:
    """``buffer += other``: into the buffer where NumPy would, else a new scalar."""

    def update(self: Dual, other: Any) -> Any:
        result = getattr(self, name)(other)
        if result is NotImplemented or not is_array(self.value):
            return result
        if not isinstance(result, Dual):  # a function whose derivative is zero
            storage.write(self, ..., result)
            return self
        if not np.can_cast(result.dtype, self.dtype, "same_kind"):
            raise TypeError(
                f"Cannot cast the result of an in-place operation from {result.dtype!r} to {self.dtype!r} "
                "with casting rule 'same_kind'"
            )
        if result.shape != self.shape:
            raise ValueError(
                f"non-broadcastable output operand with shape {self.shape} doesn't match "
                f"the broadcast shape {result.shape}"
            )
        storage.write(self, ..., result)
        return self

    return update


_OPERATORS = {
    "add": (operator.add, np.add),
    "sub": (operator.sub, np.subtract),
    "mul": (operator.mul, np.multiply),
    "truediv": (operator.truediv, np.divide),
    "pow": (operator.pow, np.power),
    "mod": (operator.mod, np.remainder),
}

for _name, (_apply, _ufunc) in _OPERATORS.items():
    _rule = RULES[_ufunc]
    assert isinstance(_rule, Elementwise)
    _forward, _reflected = binary_operators(_apply, _rule)
    setattr(Dual, f"__{_name}__", _forward)
    setattr(Dual, f"__r{_name}__", _reflected)
    setattr(Dual, f"__i{_name}__", _in_place(f"__{_name}__"))
