"""Classes of the user's: instances made as Python makes them, by views of ``__new__`` and ``__init__``.

A class is called by ``type(cls).__call__``: where that is Python's own, `_constructor` does what it does, with views;
where it is a metaclass's, it is viewed.  `Generated` views the ``__init__`` that `dataclasses` writes, which has no
source, but calls ``__post_init__`` and the factories of defaults, which have.
"""

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import Callable
from types import CellType, CodeType, FunctionType, MethodType, MethodWrapperType
from typing import Any

from .calls import (
    CALCULATING,
    CONSTRUCTORS,
    INSTANCES,
    KNOWN,
    LEFT,
    OF_CLASS,
    PACKAGES,
    SEEN,
    SPECIAL,
    Seen,
    hook,
    view_of,
)
from .plans import Plan


class _Kept:
    """What is called in place of a class, for as long as its ``__init__`` and ``__new__`` are the same functions.

    By their ids: a method that calls super() holds the class, which must not live by what is kept here.
    """

    __slots__ = ("alive", "code", "constructor", "defaults", "init", "make", "new")

    def __init__(self, cls: type, make: Callable[[], Any]) -> None:
        init: Any = cls.__init__  # type: ignore[misc]
        self.init, self.new = id(init), id(cls.__new__)
        self.code, self.defaults = getattr(init, "__code__", None), getattr(init, "__defaults__", None)
        self.make = make
        self.constructor: Any = None
        key = id(cls)
        self.alive = weakref.ref(cls, lambda _, kept=CONSTRUCTORS: kept.pop(key, None))  # type: ignore[misc]


_call_of_type = type.__call__
_NEW: Any = object.__new__


def of_class(cls: type) -> Any:
    """What is called in place of a class: itself, where neither ``__new__`` nor ``__init__`` needs help."""
    kept = CONSTRUCTORS.get(id(cls))
    if kept is not None:
        init: Any = cls.__init__  # type: ignore[misc]
        if (
            id(init) == kept.init
            and id(cls.__new__) == kept.new
            and (kept.code is None or (init.__code__ is kept.code and init.__defaults__ is kept.defaults))
        ):
            constructor = None if kept.make is _nothing else kept.constructor or kept.make()
            if _is_simple(cls, init) and (constructor is None or constructor is kept.constructor):
                SEEN[id(cls)] = Seen(constructor, init, cls)
            return constructor or cls
    make = _constructor(cls, cls.__init__, cls.__new__)  # type: ignore[misc]
    if (known := KNOWN.get(id(cls))) is not None:  # the stand-ins of its package have arrived
        return known
    kept = CONSTRUCTORS[id(cls)] = _Kept(cls, make)
    constructor = make()
    if make is not _nothing and _holds_nothing(cls.__init__) and _holds_nothing(cls.__new__):  # type: ignore[misc]
        kept.constructor = constructor
    return constructor or cls


def _is_simple(cls: type, init: Any) -> bool:
    """Whether a class is called as most are: Python's own ``__new__``, an ``__init__`` written in Python."""
    return type(cls) is type and type(init) is FunctionType and cls.__new__ is _NEW


def _holds_nothing(f: Any) -> bool:
    """Whether a function can be kept without keeping what it closes over."""
    return type(f) is not FunctionType or (f.__closure__ is None and f.__kwdefaults__ is None)


def _nothing() -> None:
    return None


def _as_it_stands(cls: type, name: str) -> Any:
    return next(base.__dict__[name] for base in cls.__mro__ if name in base.__dict__)


def _constructor(cls: type, init: Any, new: Any, by_metaclass: bool = True) -> Callable[[], Any]:
    """A function of nothing that gives the constructor, or None for the class itself."""
    root = cls.__module__.partition(".")[0] if isinstance(cls.__module__, str) else ""
    if root in LEFT or (root in sys.stdlib_module_names and root not in CALCULATING | {"__main__"}):
        if (arrive := PACKAGES.get(root)) is not None:
            arrive()
        return _nothing
    if (arrive := PACKAGES.get(root)) is not None:
        arrive()
    here = weakref.ref(cls)
    calling = type(cls).__call__
    if by_metaclass and calling is not _call_of_type:
        if type(calling) is not FunctionType or view_of(calling) is calling:
            return _nothing
        return lambda: MethodType(view_of(calling), here())
    if _as_it_stands(cls, "__init__") is not init:  # a descriptor of the user's, which is asked by the instance
        return _nothing
    own_new = type(new) is FunctionType and view_of(new) is not new
    if not own_new and (type(init) is not FunctionType or view_of(init) is init):
        return _nothing

    def construct_of() -> Any:
        known: Any = here()
        make = view_of(known.__new__) if own_new else known.__new__
        initialize = view_of(known.__init__) if type(known.__init__) is FunctionType else known.__init__
        by_object = make is _NEW and type(known.__init__) is FunctionType
        del known  # a constructor may be kept, and must not keep its class

        def construct_by_object(*args: Any, **kwargs: Any) -> Any:
            made = make(here())
            if (returned := initialize(made, *args, **kwargs)) is not None:
                raise TypeError(f"__init__() should return None, not '{type(returned).__name__}'")
            return made

        if by_object:
            return construct_by_object

        def construct(*args: Any, **kwargs: Any) -> Any:
            known: Any = here()
            made = make(known, *args, **kwargs)
            if type(made) is known:
                initialize(made, *args, **kwargs)
            elif isinstance(made, known):
                hook(type(made).__init__)(made, *args, **kwargs)
            return made

        return construct

    return construct_of


def _by_wrapper(g: Any) -> Any:
    """``super().__call__`` in a metaclass: Python's own way to make an instance."""
    cls = g.__self__
    if g.__name__ == "__call__" and isinstance(cls, type) and g == _call_of_type.__get__(cls):
        return _constructor(cls, cls.__init__, cls.__new__, False)() or g  # type: ignore[misc]
    return g


OF_CLASS[0] = of_class
INSTANCES[MethodWrapperType] = _by_wrapper


# What the standard library writes around functions of the user's.


class Rewired(Plan):
    """Of a function of the standard library that calls the functions in its cells: those are viewed."""

    def view_of(self, f: FunctionType) -> Any:
        cells = tuple(CellType(_viewed(cell.cell_contents)) for cell in f.__closure__ or ())
        return _with_cells(f, cells)


def _viewed(x: Any) -> Any:
    """A function as its view; an object with ``__call__``, of which more than that may be asked, as it is."""
    return hook(x) if isinstance(x, (FunctionType, MethodType, functools.partial)) else x


def _with_cells(f: FunctionType, cells: tuple[CellType, ...]) -> FunctionType:
    made = FunctionType(f.__code__, f.__globals__, f.__name__, f.__defaults__, cells)
    made.__kwdefaults__ = f.__kwdefaults__
    made.__qualname__ = f.__qualname__  # which errors name
    return made


class Generated(Plan):
    """Of an ``__init__`` that `dataclasses` has written."""

    def view_of(self, f: FunctionType) -> Any:
        @functools.wraps(f)
        def initialize(self: Any, /, *args: Any, **kwargs: Any) -> None:
            cls = type(self)
            own: Any = getattr(self, "__dict__", None)
            after: Any = getattr(cls, "__post_init__", None)
            if own is None or type(after) is not FunctionType or view_of(after) is after:
                return _with_cells(f, _factories(f, cls))(self, *args, **kwargs)

            def once(*args: Any) -> None:
                del own["__post_init__"]
                view_of(after)(self, *args)

            own["__post_init__"] = once  # found before the method of the class
            try:
                _with_cells(f, _factories(f, cls))(self, *args, **kwargs)
            finally:
                if own.get("__post_init__") is once:
                    del own["__post_init__"]

        return initialize


def _factories(f: FunctionType, cls: type) -> tuple[CellType, ...]:
    """The cells of a generated ``__init__``, the factories of defaults in them viewed."""
    fields = [field for base in cls.__mro__ for field in vars(base).get("__dataclass_fields__", {}).values()]
    made = {id(field.default_factory) for field in fields}
    return tuple(
        CellType(hook(cell.cell_contents)) if id(cell.cell_contents) in made and callable(cell.cell_contents) else cell
        for cell in f.__closure__ or ()
    )


_AROUND = frozenset({
    "contextmanager.<locals>.helper", "asynccontextmanager.<locals>.helper",
    "ContextDecorator.__call__.<locals>.inner", "AsyncContextDecorator.__call__.<locals>.inner",
})  # fmt: skip


_ANY = _nothing.__code__  # a plan must not hold the code that it is for


def special(code: CodeType, namespace: dict[str, Any]) -> Plan | None:
    """The plan of a function that is viewed in a way of its own; None for all others."""
    if namespace.get("__name__") == "contextlib" and code.co_qualname in _AROUND:
        return Rewired(namespace, _ANY)
    if code.co_filename == "<string>" and code.co_name == "__init__" and "__create_fn__" in code.co_qualname:
        calls = "__post_init__" in code.co_names or any("dflt" in name for name in code.co_freevars)
        return Generated(namespace, _ANY) if calls else Plan(namespace, None)
    return None


SPECIAL[0] = special
