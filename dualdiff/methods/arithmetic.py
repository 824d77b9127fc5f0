"""The operators of Python on a Dual: each goes straight to its rule.

Values are made by the same operator, not by the ufunc of that name, for they may round differently (``x ** 2``).
"""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ..rules.operators import binary_operators, noting, noting_sign, unary_operator
from ..rules.passive_functions import warn_if_remembered
from ..rules.sparse_operands import operated
from ..rules.ufuncs import Elementwise
from ..table import RULES
from ..values import entries, foreign, storage
from ..values.choices import MADE, WATCHES, decided, note
from ..values.dual import Dual, is_array, primal
from ..values.levels import value_of
from ..values.objects import fused, stripped
from ..values.rebinding import is_entry_of_objects

_ARRAYS = frozenset({Dual, np.ndarray})
_ARITHMETIC = {
    "add": (operator.add, np.add),
    "sub": (operator.sub, np.subtract),
    "mul": (operator.mul, np.multiply),
    "truediv": (operator.truediv, np.divide),
    "pow": (operator.pow, np.power),
    "mod": (operator.mod, np.remainder),
}


_COMPARED = {
    "lt": np.less, "le": np.less_equal, "eq": np.equal, "ne": np.not_equal, "gt": np.greater, "ge": np.greater_equal,
}  # fmt: skip


def _in_place(name: str) -> Callable[..., Any]:
    """``buffer += other``: into the buffer where NumPy would, else a new scalar."""
    operate = getattr(operator, f"i{name.strip('_')}")

    def update(self: Dual, other: Any) -> Any:
        result = getattr(self, name)(other)
        if result is NotImplemented and foreign.defers(other):
            foreign.refuse_in_place(other)
        if result is NotImplemented or not is_array(self.value):
            return result
        dtype, shape = np.result_type(primal(result)), np.shape(primal(result))
        if not np.can_cast(dtype, self.dtype, "same_kind"):
            raise TypeError(
                f"Cannot cast the result of an in-place operation from {dtype!r} to {self.dtype!r} "
                "with casting rule 'same_kind'"
            )
        if shape != self.shape:
            raise ValueError(
                f"non-broadcastable output operand with shape {self.shape} doesn't match the broadcast shape {shape}"
            )
        if shape == () and self.storage and self.storage.exports and is_entry_of_objects(self, sys._getframe(1)):
            return result
        if dtype.kind == "c":
            # NumPy multiplies complex numbers with other rounding in place than into new memory.
            perturbation = result.perturbation
            value = storage.copied(value_of(self, perturbation))
            operand = value if other is self else value_of(fused(other), perturbation)
            result = Dual(operate(value, operand), result.tangent, perturbation)
        storage.write(self, ..., result)
        return self

    return update


def _install_arithmetic() -> None:
    for name, (apply, ufunc) in _ARITHMETIC.items():
        rule = RULES[ufunc]
        assert isinstance(rule, Elementwise)
        forward, reflected = noting(ufunc, *binary_operators(apply, rule))
        setattr(Dual, f"__{name}__", forward)
        setattr(Dual, f"__r{name}__", reflected)
        setattr(Dual, f"__i{name}__", _in_place(f"__{name}__"))


def _has_own_operators(other: Any) -> bool:
    kind = type(other)
    if kind is float or kind is int or kind is Dual or kind is np.ndarray:
        return False
    if other is None or isinstance(other, (str, bytes)) or getattr(other, "__array_ufunc__", True) is None:
        return True
    return foreign.defers(other)


def _comparison(apply: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def compare(self: Dual, other: Any) -> Any:
        if _has_own_operators(other):
            return NotImplemented
        if type(other) is np.ndarray and apply in (operator.eq, operator.ne):
            warn_if_remembered(self, other)
        MADE[0] += 1
        a, b = primal(self), stripped(other)
        result = apply(a, b)
        if WATCHES:
            note(ufunc, (self, other), result)
        if type(result) is np.bool_ and not result and ordering and (a != a or b != b):
            entries.refuse_nan(sys._getframe(1))
        return result

    ordering = apply not in (operator.eq, operator.ne)
    ufunc = _COMPARED[apply.__name__]
    return compare


def _from_rule(ufunc: np.ufunc) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def left_to(other: Any) -> bool:
        return _has_own_operators(other) or foreign.is_no_operand(other)

    def forward(self: Dual, other: Any) -> Any:
        if type(other) not in _ARRAYS and left_to(other):
            return operated("@", self, other, reflected=False)
        return RULES[ufunc].plain_call(self, other)

    def reflected(self: Dual, other: Any) -> Any:
        if type(other) not in _ARRAYS and left_to(other):
            return operated("@", self, other, reflected=True)
        return RULES[ufunc].plain_call(other, self)

    return forward, reflected


def _whole_quotient() -> tuple[Callable[..., Any], Callable[..., Any]]:
    def forward(self: Dual, other: Any) -> Any:
        return NotImplemented if _has_own_operators(other) else quotient(self, other)

    def reflected(self: Dual, other: Any) -> Any:
        return NotImplemented if _has_own_operators(other) else quotient(other, self)

    def quotient(a: Any, b: Any) -> Any:
        whole = stripped(a) // stripped(b)
        decided(np.floor_divide, (a, b), whole)
        return whole

    return forward, reflected


def _divmod(self: Dual, other: Any) -> Any:
    return self // other, self % other


def _rdivmod(self: Dual, other: Any) -> Any:
    return other // self, other % self


def _round(self: Dual, ndigits: int | None = None) -> Any:
    return _noted(round, self, round(primal(self), ndigits))


def _noted(function: Any, x: Any, outcome: Any) -> Any:
    decided(function, (x,), outcome)
    return outcome


def _whole(whole: Callable[[Any], int], ufunc: np.ufunc) -> Callable[[Dual], Any]:
    """``math.floor(x)`` gives an int, ``np.floor`` of an entry of objects a float, inf and nan among them."""
    return lambda self: _noted(
        ufunc, self, (ufunc if entries.asked_by(sys._getframe(1), ufunc) else whole)(primal(self))
    )


def _install_operators() -> None:
    _install_arithmetic()
    for name in ("lt", "le", "eq", "ne", "gt", "ge"):
        setattr(Dual, f"__{name}__", _comparison(getattr(operator, name)))
    for name, forward, reflected in (("matmul", *_from_rule(np.matmul)), ("floordiv", *_whole_quotient())):
        setattr(Dual, f"__{name}__", forward)
        setattr(Dual, f"__r{name}__", reflected)
        setattr(Dual, f"__i{name}__", _in_place(f"__{name}__"))
    for name, unary in (("neg", np.negative), ("pos", np.positive), ("abs", np.absolute)):
        rule = RULES[unary]
        assert isinstance(rule, Elementwise)
        setattr(Dual, f"__{name}__", calling(noting_sign(unary, unary_operator(rule, getattr(operator, name)))))
    others = {"__divmod__": _divmod, "__rdivmod__": _rdivmod, "__round__": _round}
    for name, method in others.items():
        setattr(Dual, name, method)
    for whole in (math.floor, math.ceil, math.trunc):
        setattr(Dual, f"__{whole.__name__}__", _whole(whole, getattr(np, whole.__name__)))


def calling(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda self, *args, **kwargs: function(self, *args, **kwargs)


_install_operators()
