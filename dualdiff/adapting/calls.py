"""The hook: what is called in place of what the user calls; and `adapt`, where it begins.

    hook(g) = the stand-in                           if g is float, math.sin, np.zeros, scipy's logsumexp, ...
            = the view of g                          if g is a Python function, a method, a callable instance
            = a constructor that runs a viewed __init__, if g is a class of the user's
            = g                                      otherwise

The hook looks at what g is, never at its name: nothing is patched, and aliases need no thought.
NumPy, dualdiff, the standard library and compiled functions are left as they are.
"""

from __future__ import annotations

import functools
import os
import sys
import weakref
from collections.abc import Callable
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType
from typing import Any, TypeVar

import numpy as np

from ..values.dual import Dual, primal
from .views import ByCode, Plan, plan_for

F = TypeVar("F", bound=Callable[..., Any])

# What stands in for a function or class, by its identity; the originals are kept, so that identities stay theirs.
KNOWN: dict[int, Any] = {}
ORIGINALS: list[tuple[Any, Any]] = []
# What is called in place of an instance of a class, by its type.
INSTANCES: dict[type, Callable[[Any], Any]] = {}
# Called before a function or class of a package is first looked at: root of its module -> what enters stand-ins.
PACKAGES: dict[str, Callable[[], None]] = {}

# The hook of classes in patterns (``case float():``), from builtins.py; of classes that are called, and the plans of
# functions that are viewed in a way of their own, from classes.py.
PATTERN: list[Callable[[Any], Any]] = [lambda cls: cls]
OF_CLASS: list[Callable[[type], Any]] = [lambda cls: cls]
SPECIAL: list[Callable[[CodeType, dict[str, Any]], Plan | None]] = [lambda code, namespace: None]
# How functions are known that iterate on one of their arguments, and how they are viewed, from iterations.py.
ITERATION: list[Callable[..., Any]] = [lambda node: None, lambda view, f, name: view]

_plans = ByCode()
plan_of = _plans.get
_OURS = __name__.partition(".")[0]
LEFT = frozenset({"numpy", _OURS})
_LEFT_FILES = tuple(os.path.join(os.path.dirname(str(sys.modules[name].__file__)), "") for name in LEFT)
_STDLIB = os.path.join(os.path.dirname(os.__file__), "")


def stand_in(original: Callable[..., Any]) -> Callable[[F], F]:
    """Declare what is called in place of ``original`` in adapted functions: ``stand_in(original)(replacement)``.

    Meant for functions that neither NumPy's protocols nor a view of their source reaches, compiled ones say.  A later
    declaration replaces an earlier one.

    Parameters
    ----------
    original : callable
        The function that adapted code calls.

    Returns
    -------
    callable
        A decorator of the replacement, which receives Duals and is typically a `custom_jvp` function.  On arguments
        that carry no derivative it should return what the original returns.

    Notes
    -----
    Cost: none but that of the replacement.

    Examples
    --------
    >>> import math
    >>> import numpy as np
    >>> import dualdiff as dd
    >>> def compiled(x):  # think of a function in C, of which no source is at hand
    ...     return math.sin(math.floor(x) + (x - math.floor(x)))
    >>> @dd.stand_in(compiled)
    ... def differentiable(x):
    ...     return np.sin(x)
    >>> dd.derivative(lambda x: compiled(x))(0.0)
    1.0
    """
    if not callable(original):
        raise TypeError(f"stand_in: the original is a function or class, not {original!r}.")

    def declare(replacement: F) -> F:
        if not callable(replacement):
            raise TypeError(f"stand_in: the replacement is a function, not {replacement!r}.")
        enter(original, replacement)
        _plans.clear()
        return replacement

    return declare


def enter(original: Any, replacement: Any) -> None:
    ORIGINALS.append((original, replacement))
    KNOWN[id(original)] = replacement


def instances(kind: type, called: Callable[[Any], Any]) -> None:
    """Say what is called in place of an instance of a class."""
    INSTANCES[kind] = called


# The hook of calls.


def hook(g: Any) -> Any:
    """What is called in place of ``g``."""
    found = KNOWN.get(id(g))
    if found is not None:
        return found
    kind = type(g)
    if kind is FunctionType:
        plan = plan_of(id(g.__code__))
        if plan is None or plan.of is not g.__globals__:
            return _of_new_function(g)
        if plan.code is None:
            return g
        view = plan.view
        if view is not None and plan.defaults is g.__defaults__ and (plan.plain or plan.kwdefaults is g.__kwdefaults__):
            return view
        return plan.view_of(g)
    if kind is MethodType:
        function = g.__func__
        if type(function) is FunctionType and id(function) not in KNOWN:
            plan = plan_of(id(function.__code__))
            if plan is not None and plan.of is function.__globals__ and plan.code is None:
                return g
        view = hook(function)
        return g if view is function else MethodType(view, g.__self__)
    if kind is BuiltinFunctionType:
        if type(g.__self__) in _OWNERS and (found := _OWNERS[type(g.__self__)].get(g.__name__)) is not None:
            return functools.partial(found, g.__self__)
        return g
    if kind in _LEFT_ALONE:
        return g
    if (found := INSTANCES.get(kind)) is not None:
        return found(g)
    if isinstance(g, type):
        return OF_CLASS[0](g)
    return _of_instance(g, kind)


_DISPATCHER = type(np.sum)
_LEFT_ALONE = {np.ufunc, _DISPATCHER, type("".join), type(str.join)}

# Methods in C that need help: type of the owner -> name -> stand-in that receives the owner first.
_OWNERS: dict[type, dict[str, Callable[..., Any]]] = {}


def method(owner: type, name: str, replacement: Callable[..., Any]) -> None:
    _OWNERS.setdefault(owner, {})[name] = replacement


def _of_new_function(f: FunctionType) -> Any:
    plan = _planned(f)
    if (found := KNOWN.get(id(f))) is not None:  # the stand-ins of its package have arrived
        return found
    return f if plan.code is None else plan.view_of(f)


def view_of(f: Any) -> Any:
    """The view of a Python function; itself if no call in it needs a hook, or if it is left as it is."""
    plan = plan_of(id(f.__code__))
    if plan is None or plan.of is not f.__globals__:
        plan = _planned(f)
    return f if plan.code is None else plan.view_of(f)


def _planned(f: FunctionType) -> Plan:
    code, namespace = f.__code__, f.__globals__
    module = namespace.get("__name__") or ""
    root = module.partition(".")[0] if isinstance(module, str) else ""
    if (arrive := PACKAGES.get(root)) is not None:
        arrive()
    if (special := SPECIAL[0](code, namespace)) is not None:
        plan = special
    elif is_left(code, namespace):
        plan = Plan(namespace, None)
    else:
        hooks = (hook, attribute, lambda cls: PATTERN[0](cls), hook_with_lists)
        plan = plan_for(code, namespace, hooks, needs_none, ITERATION)
        if plan.code is not None:
            _plans.leave(plan.code, plan)
    _plans.put(code, plan)
    return plan


def is_left(code: CodeType, namespace: dict[str, Any]) -> bool:
    """Whether a function is never viewed: NumPy's, dualdiff's, most of the standard library's."""
    root = str(namespace.get("__name__") or "").partition(".")[0]
    return code.co_filename.startswith(_LEFT_FILES) or (_is_stdlib(root, code) and not _is_seen_through(root, code))


def _is_stdlib(root: str, code: CodeType) -> bool:
    file = code.co_filename
    return root in sys.stdlib_module_names and (
        file.startswith("<frozen") or (file.startswith(_STDLIB) and "site-packages" not in file)
    )


# Of the standard library, what calculates in Python, and what stands around a function of the user's.
CALCULATING = frozenset({"statistics", "random"})
_AROUND = frozenset({
    "singledispatch.<locals>.wrapper", "singledispatchmethod.__get__.<locals>._method",
    "_singledispatchmethod_get.__call__", "partialmethod.__get__.<locals>._method",
    "partialmethod._make_unbound_method.<locals>._method", "replace", "_replace",
})  # fmt: skip


def _is_seen_through(root: str, code: CodeType) -> bool:
    return root in CALCULATING or (root in ("functools", "dataclasses", "copy") and code.co_qualname in _AROUND)


def _of_instance(g: Any, kind: type) -> Any:
    call = getattr(kind, "__call__", None)  # noqa: B004
    if type(call) is not FunctionType:
        return g
    viewed = hook(call)
    return g if viewed is call else MethodType(viewed, g)


# NumPy asks arrays among the arguments for help, and not lists of numbers, which it makes arrays of by itself.

# Called with a list and a ufunc, or a function of NumPy, in place of that: makes arrays of lists that need it.
OF_LISTS: list[Callable[..., Any]] = [lambda g, *args, **kwargs: g(*args, **kwargs)]


def hook_with_lists(g: Any) -> Any:
    """`hook` where there are lists among the arguments."""
    kind = type(g)
    if (kind is np.ufunc or (kind is _DISPATCHER and g not in _OF_SEQUENCES)) and id(g) not in KNOWN:
        return functools.partial(OF_LISTS[0], g)
    return hook(g)


# Functions of lists of arrays, and those to which shapes and axes are given.
_SEQUENCES = {
    "concatenate", "concat", "stack", "hstack", "vstack", "dstack", "column_stack", "row_stack", "block",
    "meshgrid", "select", "choose", "piecewise", "lexsort", "ix_", "broadcast_arrays", "reshape",
    "broadcast_to", "transpose", "permute_dims", "moveaxis", "tile", "roll", "rollaxis", "squeeze",
    "expand_dims", "flip", "rot90", "zeros_like", "ones_like", "empty_like", "full_like", "result_type",
    "may_share_memory", "shares_memory", "unravel_index", "ravel_multi_index", "apply_over_axes", "array_equal",
    "histogramdd",
}  # fmt: skip
_OF_SEQUENCES = {getattr(np, name) for name in _SEQUENCES if hasattr(np, name)} | {np.linalg.multi_dot}


# What no hook need ever look at.


def needs_none(g: Any, lists: bool) -> bool:
    """Whether a call of what a global name means never needs help, so that the call may stand as it is written."""
    if id(g) in KNOWN:
        return False
    kind = type(g)
    if kind is np.ufunc:
        return not lists and g is getattr(np, g.__name__, None)
    if kind is _DISPATCHER:
        return not lists or g in _OF_SEQUENCES
    if kind is BuiltinFunctionType:
        return getattr(g, "__module__", None) == "builtins"
    return kind is type and (g.__module__ == "builtins" or g is np.random.RandomState)


# The hook of attributes: a property's getter is a call that no parentheses show.


def attribute(x: Any, name: str) -> Any:
    """``x.name``, where the getter of a property, or of a descriptor of the user's, is viewed."""
    kind = type(x)
    if kind in _PLAIN:
        return getattr(x, name)
    for cls in kind.__mro__ if kind is not super else _behind(x):
        if name in cls.__dict__:
            descriptor = cls.__dict__[name]
            break
    else:
        return getattr(x, name)
    sort = type(descriptor)
    if sort is FunctionType:
        return getattr(x, name)
    if sort is property:
        getter = descriptor.fget
        if type(getter) is FunctionType and (view := view_of(getter)) is not getter and _is_ordinary(kind):
            return _got(view, x.__self__ if kind is super else x, kind, name)
    elif sort is functools.cached_property:
        getter = descriptor.func
        kept = getattr(x, "__dict__", None)
        if kept is not None and name not in kept and type(getter) is FunctionType and _is_ordinary(kind):
            value = kept[name] = _got(view_of(getter), x, kind, name)
            return value
    elif name == "__class__" and (kind is Dual or hasattr(kind, "__dual__")):
        return type(primal(x if kind is Dual else x.__dual__()))
    elif type(getting := getattr(sort, "__get__", None)) is FunctionType and kind is not super and _is_ordinary(kind):
        overriding = hasattr(sort, "__set__") or hasattr(sort, "__delete__")
        if overriding or name not in getattr(x, "__dict__", ()):
            return _got(lambda x: view_of(getting)(descriptor, x, kind), x, kind, name)
    return getattr(x, name)


_PLAIN = {np.ndarray, np.float64, float, int, str, list, tuple, dict, type(np), FunctionType}


def _is_ordinary(kind: type) -> bool:
    """Whether ``x.name`` asks the class first, in C."""
    slots: Any = type(object.__getattribute__)
    return kind is super or type(kind.__getattribute__) is slots


def _got(getter: Any, x: Any, kind: type, name: str) -> Any:
    """What a getter returns, or where it finds nothing ``__getattr__``."""
    asked_then: Any = getattr(kind, "__getattr__", None)
    if asked_then is None:
        return getter(x)
    try:
        return getter(x)
    except AttributeError:
        return hook(asked_then)(x, name)


def _behind(bound: Any) -> Any:
    """The classes in which ``super()`` looks: those behind the one that asks."""
    order = bound.__self_class__.__mro__
    return order[order.index(bound.__thisclass__) + 1 :]


# Where it begins.

ON = os.environ.get("DUALDIFF_ADAPT", "") != "0"


def adapted(f: Any) -> Any:
    """The function as a transform runs it."""
    if not ON:
        return f
    if type(f) is FunctionType:
        plan, namespace = plan_of(id(f.__code__)), f.__globals__
        if plan is not None and plan.of is namespace:
            for name, meant in plan.assumed:
                if namespace.get(name) is not meant:  # it means another module now
                    return _of_new_function(f)
            if plan.code is None:
                return f
            view = plan.view
            if view is not None and plan.defaults is f.__defaults__ and plan.kwdefaults is f.__kwdefaults__:
                return view
            return plan.view_of(f)
    return hook(f)


class as_written:
    """Function that runs as written, and with it what it calls: ``dd.grad(dd.as_written(f))``; a decorator too.

    What `adapt` would help with (``float``, ``math``, arrays made by ``np.zeros``) then raises.

    Parameters
    ----------
    f : callable
        Any function.

    Notes
    -----
    Cost: one call more.

    Examples
    --------
    >>> import math
    >>> import dualdiff as dd
    >>> dd.derivative(lambda x: math.exp(x))(0.0)
    1.0
    >>> dd.derivative(dd.as_written(lambda x: math.exp(x)))(0.0)  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    DerivativeLost: float(x), or a function of the math module, of a Dual of shape (): the derivative would be lost.
    """

    def __init__(self, f: Callable[..., Any]) -> None:
        if not callable(f):
            raise TypeError(f"as_written: the argument is a function, not {f!r}.")
        functools.update_wrapper(self, f, updated=())
        self.f = f

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.f(*args, **kwargs)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __reduce__(self) -> Any:
        return as_written, (self.f,)

    def __repr__(self) -> str:
        return f"<as_written {self.f!r}>"


class Adapted:
    """What `adapt` returns of a function that needs help."""

    __slots__ = ("__dict__", "__weakref__", "f")

    def __init__(self, f: Callable[..., Any], settled: Callable[[Any], Any]) -> None:
        functools.update_wrapper(self, f, updated=())
        self.f = f
        self.__dict__["_settled"] = settled

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__dict__["_settled"](adapted(self.f)(*args, **kwargs))

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __reduce__(self) -> Any:
        return getattr(sys.modules[_OURS], "adapt"), (self.f,)  # noqa: B009

    def __repr__(self) -> str:
        return f"<adapt of {self.f!r}>"


INSTANCES[as_written] = lambda g: g
INSTANCES[Adapted] = lambda g: hook(g.f)


_adapted_of: weakref.WeakValueDictionary[int, Adapted] = weakref.WeakValueDictionary()


def adapt_with(f: Any, settled: Callable[[Any], Any]) -> Any:
    if not callable(f):
        raise TypeError(f"adapt: the argument is a function, not {f!r}.")
    if isinstance(f, (Adapted, as_written)) or adapted(f) is f:
        return f
    found = _adapted_of.get(id(f))
    if found is None or found.f is not f:
        found = _adapted_of[id(f)] = Adapted(f, settled)
    return found
