"""Plans: what is to be done with a function, remembered by its code for as long as that lives."""

from __future__ import annotations

import sys
import weakref
from collections import OrderedDict, deque
from types import CodeType, FunctionType
from typing import Any

# Statements that were compiled last (views.py): for the other functions in them.
STATEMENTS: deque[Any] = deque(maxlen=32)


def key_of(code: CodeType) -> tuple[str, int]:
    return code.co_name, code.co_firstlineno


class Plan:
    """What is to be done with a function of some code: compiled anew (``code``), or left as written (None)."""

    __slots__ = ("around", "assumed", "code", "defaults", "kwdefaults", "last", "of", "plain", "reason", "view")

    def __init__(
        self, of: dict[str, Any], code: CodeType | None, assumed: Any = (), reason: str = "", around: Any = ()
    ) -> None:
        self.of = of  # the globals that it was made for
        self.code = code
        self.plain = code is not None and code.co_kwonlyargcount == 0  # its keyword defaults mean nothing
        self.assumed = assumed  # global names that were taken for the modules they meant
        self.reason = reason
        self.around = around  # what is called in place of a view, by the name and line of its function
        self.view: Any = None  # kept for a function without cells, and its defaults
        self.defaults: Any = None
        self.kwdefaults: Any = None
        self.last = 0  # the id of the function that was asked for last

    def view_of(self, f: FunctionType) -> Any:
        view = self.view
        if view is not None and self.defaults is f.__defaults__ and self.kwdefaults is f.__kwdefaults__:
            return view
        made = FunctionType(self.code, f.__globals__, f.__name__, f.__defaults__, f.__closure__)  # type: ignore[arg-type]
        if f.__qualname__ != self.code.co_qualname:  # type: ignore[union-attr]
            made.__qualname__ = f.__qualname__  # which errors name
        if f.__kwdefaults__ is not None:
            made.__kwdefaults__ = f.__kwdefaults__
        if self.around and (around := self.around.get(key_of(f.__code__))) is not None:
            made = around(made, f)
        if f.__closure__ is None:  # else it would keep alive what the cells hold
            self.view, self.defaults, self.kwdefaults = None, f.__defaults__, f.__kwdefaults__
            self.view = made
        return made


_ANY = key_of.__code__  # a plan must not hold the code that it is for


class InView(Plan):
    """Of a function in a view, its calls hooked already, that iterates on an argument."""

    __slots__ = ()

    def view_of(self, f: FunctionType) -> Any:
        return self.around[key_of(f.__code__)](f, f)


_MOST_PASSING = 256


class ByCode:
    """Plans by code object, forgotten with it.

    A plan keeps the globals that it was made for, and these their functions.  Of globals that are no module's, which
    ``exec`` had, the last plans are kept: else none of them would ever go.
    """

    def __init__(self) -> None:
        self._plans: dict[int, Plan] = {}
        self.known = self._plans
        self._alive: dict[int, weakref.ref[CodeType]] = {}
        self._passing: OrderedDict[int, None] = OrderedDict()
        self.get = self._plans.get

    def put(self, code: CodeType, plan: Plan) -> None:
        key = id(code)

        def forget(_: Any = None, of: Any = (self._plans, self._alive, self._passing)) -> None:
            for kept in of:
                kept.pop(key, None)

        forget()
        self._alive[key] = weakref.ref(code, forget)
        self._plans[key] = plan
        if not _of_a_module(plan.of):
            self._passing[key] = None
            if len(self._passing) > _MOST_PASSING:
                oldest, _ = self._passing.popitem(last=False)
                self._plans.pop(oldest)
                self._alive.pop(oldest)

    def leave(self, code: CodeType, plan: Plan, outermost: bool = True) -> None:
        """Views, and the functions in them, are not viewed again; those that iterate are still looked at."""
        iterates = not outermost and key_of(code) in plan.around
        self.put(code, InView(plan.of, _ANY, around=plan.around) if iterates else Plan(plan.of, None))
        for inner in inner_of(code):
            self.leave(inner, plan, False)

    def clear(self) -> None:
        self._plans.clear()
        self._alive.clear()
        self._passing.clear()


def _of_a_module(namespace: dict[str, Any]) -> bool:
    return getattr(sys.modules.get(str(namespace.get("__name__"))), "__dict__", None) is namespace


def inner_of(code: CodeType) -> list[CodeType]:
    return [constant for constant in code.co_consts if isinstance(constant, CodeType)]
