"""What the code of a function of the user's does besides calculating, read off its bytecode.

    effects(code)           the global names that it reads, and whether it fills, assigns or sees anything beyond them
    written_names(code)     the names of enclosing functions that it assigns

Functions inside a function count as part of it.
"""

from __future__ import annotations

import dis
import functools
from types import CodeType
from typing import NamedTuple

# Methods by which a container is written to.
_WRITERS = frozenset(
    {"append", "extend", "insert", "add", "update", "setdefault", "fill"}
    | {"pop", "popitem", "remove", "discard", "clear"}
)
_WRITES = frozenset({"STORE_SUBSCR", "DELETE_SUBSCR", "STORE_SLICE"})
_ASSIGNS = frozenset({"STORE_GLOBAL", "DELETE_GLOBAL", "STORE_NAME", "STORE_ATTR", "DELETE_ATTR"})
# Functions by which a name is read that stands nowhere in the code.
_SEEING_MORE = frozenset({"eval", "exec", "globals", "locals", "vars", "getattr", "__import__", "open", "input"})


class Effects(NamedTuple):
    """``fills``: writes into some container or array; ``assigns``: global names or attributes; ``sees_more``: imports,
    or reads names that stand nowhere in the code.
    """

    reads: frozenset[str]
    fills: bool
    assigns: bool
    sees_more: bool


@functools.lru_cache(maxsize=1024)
def effects(code: CodeType) -> Effects:
    reads: set[str] = set()
    fills = assigns = sees_more = False
    for one in dis.get_instructions(code):
        name = one.opname
        if name in ("LOAD_GLOBAL", "LOAD_NAME"):
            reads.add(one.argval)
        fills = fills or name in _WRITES or one.argval in _WRITERS
        assigns = assigns or name in _ASSIGNS
        sees_more = sees_more or name == "IMPORT_NAME"
    sees_more = sees_more or not _SEEING_MORE.isdisjoint(reads)
    for inner in _inside(code):
        more = effects(inner)
        reads |= more.reads
        fills, assigns, sees_more = fills or more.fills, assigns or more.assigns, sees_more or more.sees_more
    return Effects(frozenset(reads), fills, assigns, sees_more)


@functools.lru_cache(maxsize=1024)
def written_names(code: CodeType) -> frozenset[str]:
    names = {one.argval for one in dis.get_instructions(code) if one.opname in ("STORE_DEREF", "DELETE_DEREF")}
    return frozenset(names).union(*map(written_names, _inside(code)))


def _inside(code: CodeType) -> list[CodeType]:
    return [constant for constant in code.co_consts if type(constant) is CodeType]
