"""Arrays of other packages, and home-made ones: what NumPy sees of them, and which are refused by name.

Nothing is imported to find out: a class tells by its module, its protocols and what it overrides.

    pandas               aligns operands by label, which derivatives do not: refused wherever it meets a Dual
    xarray, pint         take operations themselves, with the Dual inside: a Dual's operators leave them to it;
                         a result is their ``data`` or ``magnitude``
    subclass of ndarray  with operators or methods of its own: refused; one without is the array that it is
    NumPy's protocols    both of them: a kind of value, which a Dual may hold, unless it holds a Dual itself
    ``__array__`` alone  what NumPy makes of it
    anything else        is no number
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from itertools import islice
from numbers import Number
from types import FunctionType, MethodType, ModuleType
from typing import Any, NoReturn

import numpy as np

from .. import errors
from .dual import Dual
from .kinds import ARRAYS, NUMBERS
from .kinds import PLAIN as PLAIN

# Met at every turn: looked up before anything is asked of a class.
PLAIN.add(Dual)

# What a subclass of ndarray may define without being another kind of array.
_HARMLESS = {
    "__new__", "__init__", "__array_finalize__", "__array_priority__", "__doc__", "__module__", "__dict__",
    "__weakref__", "__slots__", "__annotations__", "__repr__", "__str__", "__format__", "__reduce__",
    "__reduce_ex__", "__getstate__", "__setstate__", "__del__", "__hash__", "__init_subclass__", "__class_getitem__",
    "__orig_bases__", "__parameters__", "__getattr__", "__setattr__", "__delattr__", "__firstlineno__",
    "__static_attributes__", "__dir__", "__subclasshook__", "__sizeof__",
}  # fmt: skip
_OF_NUMPY = ("memmap", "recarray")  # their own indexing gives what ndarray's does


def _family(kind: type) -> str:
    """What a class belongs to: "pandas", "xarray", "pint", "subclass", "value", "array", or "" for all others."""
    if kind in PLAIN or hasattr(kind, "__dual__"):
        return ""
    if issubclass(kind, np.ndarray):
        return "subclass" if _overrides(kind) else ""
    packages = {cls.__module__.partition(".")[0] for cls in kind.__mro__ if isinstance(cls.__module__, str)}
    if "pandas" in packages or hasattr(kind, "__pandas_priority__"):
        return "pandas" if _is_array_like(kind) else ""
    for package in ("xarray", "pint"):
        if package in packages:
            return package if _is_array_like(kind) else ""
    own = str(kind.__module__).partition(".")[0]
    if own == "numpy" or issubclass(kind, (int, float, complex)):  # np.poly1d, which np.polyval must see as one
        return ""
    if callable(getattr(kind, "__array_ufunc__", None)) and callable(getattr(kind, "__array_function__", None)):
        return "value"
    return "array" if _is_array_like(kind) else ""


family: Callable[[type], str] = lru_cache(maxsize=512)(_family)


def _is_array_like(kind: type) -> bool:
    names = ("__array__", "__array_ufunc__", "__array_function__", "__pandas_priority__", "data_vars")
    return any(hasattr(kind, name) for name in names)


def _overrides(kind: type) -> list[str]:
    """The operators and methods of ndarray that a subclass defines anew."""
    found = []
    for cls in kind.__mro__[: kind.__mro__.index(np.ndarray)]:
        if cls.__module__.partition(".")[0] == "numpy" and cls.__name__ in _OF_NUMPY:
            continue
        found += [name for name in vars(cls) if name not in _HARMLESS and hasattr(np.ndarray, name)]
    return found


def operand(x: Any) -> Any:
    """An operand beside a Dual as what NumPy would see of it; what cannot be one is refused."""
    found = family(type(x))
    if not found:
        return x
    if found == "subclass":
        raise other_operations(f"a {named(x)} of shape {x.shape} meets a Dual", x)
    if found == "pandas":
        raise labelled(x)
    if found == "xarray" and hasattr(x, "data"):
        return operand(x.data)
    if found == "array" and hasattr(type(x), "__array__"):
        return np.asarray(x)
    if found == "value" and not holds(x):
        return x
    raise errors.DerivativeLost(
        f"a {named(x)} meets a Dual in a function that it does not take itself.\n  {_advice(x)}"
    )


def refuse(x: Any) -> None:
    """Refuse an operand of a function whose result is constant, where that is no array either."""
    if family(type(x)) in ("pandas", "subclass"):
        operand(x)


def defers(x: Any) -> bool:
    """Whether an operator of a Dual leaves the operation to this operand, as ndarray's would."""
    kind = type(x)
    if kind in PLAIN:
        return False
    found = family(kind)
    if found == "pandas":
        raise labelled(x)
    if found == "subclass":
        raise other_operations(f"a {named(x)} of shape {x.shape} meets a Dual", x)
    if found in ("xarray", "pint"):
        return True
    if found == "value":
        return holds(x)
    return found == "array" and getattr(kind, "__array_ufunc__", None) is not None


def is_no_operand(x: Any) -> bool:
    """Whether an object is neither a number nor an array nor a list: arithmetic is then left to its own operators.

    NumPy would calculate entry by entry and make an array of objects, in which a Dual could hide.
    """
    kind = type(x)
    if kind in PLAIN or isinstance(x, (Number, np.generic, list, tuple)) or hasattr(kind, "__dual__"):
        return kind in (dict, slice, type, type(...))
    return not family(kind) and not hasattr(kind, "__array__")


def visible(x: Any, name: str) -> Any:
    """A result as NumPy sees it: a plain number, array or Dual, an array that holds Duals, or a kind of value.

    A wrapper of a Dual is never a constant: what NumPy cannot see into is refused.
    """
    if is_carrier(x) or type(x) in ARRAYS or type(x) in NUMBERS:
        return x
    found = family(type(x))
    if found in ("pandas", "subclass"):
        _refuse_result(x, name)
    if found == "xarray" and hasattr(x, "data"):
        return visible(x.data, name)
    if found == "pint" and hasattr(x, "magnitude"):
        return visible(x.magnitude, name)
    if found in ("value", "array"):
        return _seen(x, name, found)
    if found or holds(x) or (hasattr(x, "dtype") and not isinstance(x, (np.ndarray, np.generic))):
        _refuse_result(x, name)
    return x


def with_data(x: Any, change: Callable[[Any], Any]) -> Any:
    """What a known package wraps, with other data in place of a Dual; anything else as it is."""
    found = family(type(x))
    if found == "xarray" and holds(x):
        if hasattr(x, "data_vars"):
            return x.copy(data={name: change(array.data) for name, array in x.data_vars.items()})
        return x.copy(data=change(x.data))
    if found == "pint" and holds(x):
        return type(x)(change(x.magnitude), x.units)
    return x


def _seen(x: Any, name: str, found: str) -> Any:
    if hasattr(type(x), "__array__"):
        try:
            array = np.asarray(x)
        except Exception as error:
            if found == "value" and not holds(x):  # it speaks for itself, and becomes no ndarray
                return x
            _refuse_result(x, name, error)
        if array.dtype == object and not any(is_carrier(entry) for entry in array.ravel().tolist()):
            _refuse_result(x, name)
        return x if found == "value" and array.dtype != object else array
    if found == "value" and not holds(x):
        return x
    return _refuse_result(x, name)


def _refuse_result(x: Any, name: str, error: Exception | None = None) -> NoReturn:
    if family(type(x)) == "subclass":
        raise other_operations(f"the function returned a {named(x)} as {name}", x)
    hidden = ", which hides a Dual: its derivative would be lost" if holds(x) else ""
    raise errors.DerivativeLost(
        f"the function returned a {named(x)} as {name}{hidden}; it should return numbers or arrays "
        f"(has_aux=True hands out anything else).\n  {_advice(x)}"
    ) from error


def refuse_argument(x: Any, name: str) -> None:
    """An argument to be differentiated that would not be itself any more as a Dual."""
    found = family(type(x))
    if found == "subclass":
        raise other_operations(f"{name} is a {named(x)}", x)
    if found in ("pandas", "xarray", "pint") or (found == "value" and holds(x)):
        raise errors.DerivativeLost(
            f"{name} is a {named(x)}; what is differentiated enters the function as a Dual, which has none of its "
            f"labels, units or methods.\n  {_advice(x)}"
        )


def is_carrier(x: Any) -> bool:
    return type(x) is Dual or hasattr(type(x), "__dual__")


def holds(x: Any, most: int = 1000) -> bool:
    """Whether an object has a Dual or a Variable among what it is made of."""
    seen: set[int] = set()
    pending = [x]
    while pending and len(seen) < most:
        item = pending.pop()
        if type(item) in _ATOMS:  # most of what an object is made of
            continue
        if is_carrier(item):
            return True
        if (
            (type(item) in PLAIN and type(item) not in _TRANSPARENT)
            or id(item) in seen
            or isinstance(item, (type, ModuleType))
        ):
            continue
        seen.add(id(item))
        pending += islice(parts(item), most)
    return False


_ATOMS = frozenset({bool, int, float, complex, str, bytes, type(None)})
_TRANSPARENT = (np.ndarray, list, tuple, dict)


def parts(x: Any) -> Iterator[Any]:
    """What an object is made of: items, attributes, what a function closes over."""
    if isinstance(x, np.ndarray):
        if x.dtype == object:
            yield from x.flat
    elif family(type(x)) == "pandas":
        if hasattr(x, "dtype"):  # a DataFrame would be copied
            yield np.asarray(x)
    elif isinstance(x, dict):
        yield from dict.values(x)
    elif isinstance(x, (list, tuple, set, frozenset)):
        yield from x
    elif isinstance(x, FunctionType):
        for cell in x.__closure__ or ():
            try:
                yield cell.cell_contents
            except ValueError:  # not filled yet
                continue
    elif isinstance(x, MethodType):
        yield x.__self__
    elif isinstance(x, partial):
        yield from (x.func, x.args, x.keywords)
    yield from state_of(x).values()


def state_of(x: Any) -> dict[str, Any]:
    """What an instance holds by name, in its ``__dict__`` and in slots."""
    state = dict(getattr(x, "__dict__", None) or {})
    for cls in type(x).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            if slot in ("__dict__", "__weakref__"):
                continue
            name = f"_{cls.__name__.lstrip('_')}{slot}" if slot.startswith("__") and not slot.endswith("__") else slot
            try:
                state[name] = object.__getattribute__(x, name)
            except AttributeError:  # not set
                continue
    return state


class PandasPriority:
    """``__pandas_priority__``, above a DataFrame's, by which pandas leaves its operators to the other side.

    pandas asks for it at the start of each; the operators in place make no use of the answer, so the refusal is here.
    """

    def __get__(self, instance: Any, owner: type) -> int:
        asking = sys._getframe(1).f_locals.get("self")
        if instance is not None and family(type(asking)) == "pandas":
            raise labelled(asking)
        return 10_000


# Texts.


def named(x: Any) -> str:
    kind = type(x)
    root = (kind.__module__ or "").partition(".")[0]
    return f"{root}.{kind.__name__}" if root in ("pandas", "xarray", "pint") else kind.__name__


def _advice(x: Any) -> str:
    found = family(type(x))
    if found == "pandas":
        return "Use s.to_numpy(), which has no labels."
    if found == "xarray":
        return "Use a.data, which has no labels." if hasattr(x, "data") else "Use the arrays in it: ds['name'].data."
    if found == "pint":
        return "Use q.magnitude, in units of your choice: q.m_as('meter')."
    return "Use the array in it, or give it an __array__ method that returns that array."


def refuse_in_place(x: Any) -> NoReturn:
    raise errors.DerivativeLost(f"a Dual is to hold, written in place, what a {named(x)} makes of it.\n  {_advice(x)}")


def labelled(x: Any) -> errors.DerivativeLost:
    return errors.DerivativeLost(
        f"a {named(x)} meets a Dual: it aligns by label, and a Dual, like any array, by position.\n"
        "  Write s.to_numpy() in place of s."
    )


def other_operations(what: str, x: Any) -> errors.DerivativeLost:
    own = sorted(set(_overrides(type(x))))
    shown = ", ".join(own[:3]) + (", ..." if len(own) > 3 else "")
    masked = "numpy.ma" in sys.modules and isinstance(x, np.ma.MaskedArray)
    return errors.DerivativeLost(
        f"{what}: its operations differ from those of a plain array (it has its own {shown}).\n"
        f"  Use np.asarray(x){' and a mask of its own' if masked else ''}."
    )
