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
import importlib
import os
import sys
import weakref
from collections.abc import Callable
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType
from typing import Any, TypeVar

import numpy as np

from .plans import STATEMENTS, ByCode, Plan

F = TypeVar("F", bound=Callable[..., Any])


class Seen:
    """What is called in place of an object: of a Python function for as long as it has this code and these defaults.

    Of a class for as long as its ``__init__`` has them, and its ``__new__`` is Python's own.
    """

    __slots__ = ("alive", "call", "code", "defaults", "of_init")

    def __init__(self, call: Any, f: FunctionType | None = None, cls: type | None = None) -> None:
        self.call = call  # None for the object itself, which must not live by what is kept here
        self.code: Any = None  # False of a class
        self.of_init = self.defaults = self.alive = None
        if f is not None:
            of = f if cls is None else cls
            key = id(of)
            self.code, self.of_init = (f.__code__, None) if cls is None else (False, f.__code__)
            self.defaults = f.__defaults__
            self.alive = weakref.ref(of, lambda _, seen=SEEN: seen.pop(key, None))  # type: ignore[misc]


# What stands in for a function or class, by its identity; the originals are kept, so that identities stay theirs.
KNOWN: dict[int, Any] = {}
ORIGINALS: list[tuple[Any, Any]] = []
# The same, and Python functions that were called several times, each with what is called in place of it.
SEEN: dict[int, Seen] = {}
# What is called in place of an instance of a class, by its type.
INSTANCES: dict[type, Callable[[Any], Any]] = {}
# Called before a function or class of a package is first looked at: root of its module -> what enters stand-ins.
PACKAGES: dict[str, Callable[[], None]] = {}


# Whether the stand-ins of Python's own functions and of NumPy's are in the table.
arrived = False


def arrive() -> None:
    """Enter the stand-ins of Python's own functions and of NumPy's: before anything is hooked, or entered by users."""
    global arrived
    importlib.import_module(".arriving", __package__)
    arrived = True


def brought_by(module: str, *packages: str) -> None:
    """Packages whose stand-ins are in a module of this folder, imported when the first of them is looked at."""

    def bring(package: str) -> None:
        importlib.import_module(f".{module}", __package__)  # which puts its own functions in the table
        PACKAGES[package]()

    PACKAGES.update({package: functools.partial(bring, package) for package in packages})


# The hook of classes in patterns (``case float():``), from builtins.py; of classes that are called, and the plans of
# functions that are viewed in a way of their own, from classes.py.
PATTERN: list[Callable[[Any], Any]] = [lambda cls: cls]
OF_CLASS: list[Callable[[type], Any]] = [lambda cls: cls]
# The hook of attributes, from attributes.py.
ATTRIBUTE: list[Callable[..., Any]] = [getattr]
# What is called in place of a compiled function, from compiled.py.
COMPILED: list[Callable[[Any], Any]] = [lambda g: g]
SPECIAL: list[Callable[[CodeType, dict[str, Any]], Plan | None]] = [lambda code, namespace: None]
# How functions are known that iterate on one of their arguments, and how they are viewed, from iterations.py; that is
# imported when the first function is viewed.
ITERATION: list[Callable[..., Any]] = [lambda node: _iterations()[0](node), lambda *args: _iterations()[1](*args)]

# How loops are known that may be searches by comparisons, and what watches one, from searches.py.
SEARCH: list[Callable[..., Any]] = [lambda node: _searches()[0](node), lambda *names: _searches()[1](*names)]

# What is kept of classes, by their ids, from classes.py.
CONSTRUCTORS: dict[int, Any] = {}
PLANS = ByCode()
plan_of = PLANS.get
seen_of = SEEN.get
OURS = __name__.partition(".")[0]
# Whether anything is adapted at all.
ON = os.environ.get("DUALDIFF_ADAPT", "") != "0"
LEFT = frozenset({"numpy", OURS})
_LEFT_FILES = tuple(os.path.join(os.path.dirname(str(sys.modules[name].__file__)), "") for name in LEFT)
_STDLIB = os.path.join(os.path.dirname(os.__file__), "")


def enter(original: Any, replacement: Any) -> None:
    ORIGINALS.append((original, replacement))
    KNOWN[id(original)] = replacement
    SEEN[id(original)] = Seen(replacement)


def instances(kind: type, called: Callable[[Any], Any]) -> None:
    """Say what is called in place of an instance of a class."""
    INSTANCES[kind] = called


# The hook of calls.


def hook(g: Any) -> Any:
    """What is called in place of ``g``."""
    seen = seen_of(id(g))
    if seen is None:
        return _looked_at(g)
    code = seen.code
    if code is None:
        return seen.call
    if code:
        if code is g.__code__:
            call = seen.call
            if call is None:
                return g
            if seen.defaults is g.__defaults__:
                return call
    elif g.__new__ is _NEW and type(init := g.__init__) is FunctionType and init.__code__ is seen.of_init:
        call = seen.call
        if call is None:
            return g
        if seen.defaults is init.__defaults__:
            return call
    return _looked_at(g)


def hook_of_method(g: Any) -> Any:
    """`hook` of ``x.name``, most likely a method: the same in less time."""
    kind = type(g)
    if kind is MethodType:
        function = g.__func__
        seen = seen_of(id(function))
        if seen is not None and (code := seen.code) and code is function.__code__:
            view = seen.call
            if view is None:
                return g
            if seen.defaults is function.__defaults__:
                return MethodType(view, g.__self__)
        view = hook(function)
        return g if view is function else MethodType(view, g.__self__)
    if kind is BuiltinFunctionType:
        owner = type(g.__self__)
        owned = _OWNERS.get(owner)
        if owned is not None:
            return g if (found := owned.get(g.__name__)) is None else functools.partial(found, g.__self__)
        if type(g.__self__) in _NOTHING_OWNED:
            return g
    return hook(g)


_NEW = object.__new__


def _looked_at(g: Any) -> Any:
    kind = type(g)
    if kind is FunctionType:
        plan = plan_of(id(g.__code__))
        if plan is None or plan.of is not g.__globals__:
            return of_new_function(g)
        if plan.code is None:
            if plan.last == id(g):  # called again: others are made anew for each call
                SEEN[id(g)] = Seen(None, g)
            plan.last = id(g)
            return g
        view = plan.view_of(g)
        if plan.plain and view is plan.view:
            if plan.last == id(g):
                SEEN[id(g)] = Seen(view, g)
            plan.last = id(g)
        return view
    if kind is MethodType:
        return hook_of_method(g)
    if kind is BuiltinFunctionType:
        owner = type(g.__self__)
        owned = _OWNERS.get(owner)
        if owned is not None and (found := owned.get(g.__name__)) is not None:
            return functools.partial(found, g.__self__)
        return g if owner in _OF_PYTHON else COMPILED[0](g)
    if kind in _LEFT_ALONE:
        return g
    if kind is type:
        return OF_CLASS[0](g)
    if (called := INSTANCES.get(kind)) is not None:
        return called(g)
    if isinstance(g, type):
        return OF_CLASS[0](g)
    return _of_instance(g, kind)


def forget() -> None:
    """Forget what was found of functions and classes: it may be another now."""
    for key in [key for key, seen in list(SEEN.items()) if seen.code is not None]:
        SEEN.pop(key, None)
    CONSTRUCTORS.clear()
    STATEMENTS.clear()


_DISPATCHER = type(np.sum)
_LEFT_ALONE = {np.ufunc, _DISPATCHER, type("".join), type(str.join)}
# Types without methods in C that need help.
_NOTHING_OWNED = frozenset({str, dict, tuple, set, float, int})

# Owners of methods in C that take arrays as the objects that they are.
_OF_PYTHON = frozenset({list, dict, set, tuple, str, bytes, float, int, complex, type, np.ndarray, np.float64})

# Methods in C that need help: type of the owner -> name -> stand-in that receives the owner first.
_OWNERS: dict[type, dict[str, Callable[..., Any]]] = {}


def method(owner: type, name: str, replacement: Callable[..., Any]) -> None:
    _OWNERS.setdefault(owner, {})[name] = replacement


def of_new_function(f: FunctionType) -> Any:
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
        hooks = (hook, ATTRIBUTE[0], lambda cls: PATTERN[0](cls), hook_with_lists, hook_of_method, SEARCH[1])
        from .views import plan_for

        plan = plan_for(code, namespace, hooks, needs_none, KNOWN.get, (*ITERATION, SEARCH[0]))
        if plan.code is not None:
            PLANS.leave(plan.code, plan)
    PLANS.put(code, plan)
    return plan


def _iterations() -> list[Callable[..., Any]]:
    importlib.import_module(".iterations", __package__)
    return ITERATION


def _searches() -> list[Callable[..., Any]]:
    importlib.import_module(".searches", __package__)
    return SEARCH


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
        return COMPILED[0](g)
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
    if kind is BuiltinFunctionType and type(g.__self__) is np.ufunc and g.__name__ != "at":  # which takes no list
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
