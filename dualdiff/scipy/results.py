"""What a driver returns: SciPy's own numbers with the derivatives of the solution, and nothing that lacks them.

What the iteration left behind (an approximate inverse Hessian, a factorisation) is no function of the parameters that
could be differentiated: in a result that carries derivatives a `Withheld` takes its place and says so when it is used.
Counts, flags and texts stay as they are.
"""

from __future__ import annotations

import copy
from typing import Any, NoReturn

import numpy as np

from .. import errors
from ..transforms.arguments import presented
from ..values.objects import carries
from .implicit import valued


class Withheld:
    """In place of numbers without a derivative in a result that has derivatives."""

    def __init__(self, driver: str, name: str) -> None:
        self._text = (
            f"{driver}: {name} of the result is what SciPy's iteration left behind; it has no derivative.\n"
            "  Calculate it from the solution x, or call the driver with constants: dualdiff.stop_gradient(a)."
        )

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise errors.UnsupportedFunction(self._text)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") and not name.startswith("__array"):
            raise AttributeError(name)  # copies, pickles and interpreters ask for some
        return self._refuse()

    __array__ = __array_function__ = __array_ufunc__ = _refuse
    __getitem__ = __len__ = __iter__ = __contains__ = __float__ = __int__ = __complex__ = __call__ = __bool__ = _refuse
    __eq__ = __ne__ = __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __rpow__ = __pos__ = _refuse
    __hash__ = None  # type: ignore[assignment]
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse
    __matmul__ = __rmatmul__ = __pow__ = __neg__ = __abs__ = __lt__ = __gt__ = __le__ = __ge__ = _refuse

    def __repr__(self) -> str:
        return "<no derivative>"


def with_value(x: Any, value: Any) -> Any:
    """A plain number or array of SciPy's with the derivatives of ``x``, as its user sees it."""
    if not carries(x):
        return value
    if isinstance(value, np.ndarray):
        x = np.reshape(x, value.shape)
    elif np.shape(x):
        x = np.reshape(x, ())
    return presented(valued(x, value))


def completed(driver: str, result: Any, found: dict[str, Any]) -> Any:
    """A copy of a result of SciPy's: what was ``found`` with derivatives, the rest plain or withheld.

    The result itself, if nothing that was found carries one.
    """
    if not any(map(carries, found.values())):
        return result
    whole = copy.copy(result)
    for name, value in result.items():
        if name in found:
            whole[name] = with_value(found[name], value)
        elif _has_numbers(value) and name != "active_mask":
            whole[name] = Withheld(driver, name)
    return whole


def _has_numbers(value: Any) -> bool:
    """Whether something may be a function of the parameters: no count, flag or text."""
    if value is None or isinstance(value, (bool, int, str, np.integer, np.bool_)):
        return False
    if isinstance(value, np.ndarray):
        return value.dtype.kind not in "iub"
    return True
