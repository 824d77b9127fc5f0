"""The top-level statement of a file that holds a function, and the names that the file imports.

Only the statement is parsed, and not the file that it stands in; of a class only the method, which compiles to the
same by itself.  With it go the file's imports: from Python 3.12 on
``np.f()`` compiles differently where ``np`` is known to be imported.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any


def candidates(lines: list[str], number: int) -> Iterator[ast.Module]:
    """Modules that end in a statement around a line: of a method alone, of its block, then of the whole file."""
    if (method := _method(lines, number)) is not None:
        yield from _modules(method, number, lines)
    for block in _blocks(lines, number):
        found = False
        for module in _modules(block, number, lines):
            found = True
            yield module
        if found:
            break
    source = "".join(lines)
    imports = _importing(_imported(ast.parse(source)))
    for i in range(len(_around(source, number))):
        yield ast.Module([*imports, _around(source, number)[i]], [])


def _modules(block: str, number: int, lines: list[str]) -> Iterator[ast.Module]:
    """Of the statements of a text; none if it is no whole one."""
    try:
        found = _around(block, number)
    except SyntaxError:
        return
    for i, statement in enumerate(found):
        yield ast.Module([*_imports(lines), statement], [])
        # Without: a statement that is compiled by itself, as in a notebook.
        yield ast.Module([_around(block, number)[i]], [])


def _around(source: str, number: int) -> list[ast.stmt]:
    """The statements at the top level of a source that have a part on a line, made anew: they will be changed."""
    found = []
    for statement in ast.parse(source).body:
        first = first_line(statement)
        if first <= number <= (statement.end_lineno or first):
            found.append(statement)
    return found


_STARTS = re.compile(r"[^\s#)\]}]")
_CONTINUES = re.compile(r"(else|elif|except|finally)\b")


def _blocks(lines: list[str], number: int) -> Iterator[str]:
    """The text of the top-level statement around a line, on its own lines; longer guesses follow."""
    start = number - 1
    for _ in range(8):
        while start > 0 and (not _STARTS.match(lines[start]) or _CONTINUES.match(lines[start])):
            start -= 1
        while start > 0 and lines[start - 1].startswith("@"):
            start -= 1
        yield "\n" * start + "".join(lines[start : _end(lines, start, number)])
        if start == 0:
            return
        start -= 1


def _end(lines: list[str], start: int, number: int) -> int:
    """Where a statement ends that begins at ``start`` and has a part on a line; a decorator goes with what follows."""
    end = start
    while end < len(lines):
        decorates = lines[end].startswith("@")
        end += 1
        while end < len(lines) and (not _STARTS.match(lines[end]) or _CONTINUES.match(lines[end])):
            end += 1
        if end >= number and not decorates:
            break
    return end


_CLASS = re.compile(r"class\s+(\w+)\s*[(:]")


def _method(lines: list[str], number: int) -> str | None:
    """The text of a method on its own lines, under the names of its classes: the other methods have no part in it.

    None for what is no method by its indentation.  What is guessed wrongly does not compile to the code that runs.
    """
    start, around = number - 1, _indentation(lines[number - 1])
    headers: list[str] = []  # the outermost first
    for i in range(number - 2, -1, -1):
        if around == 0:
            break
        if (found := _indentation(lines[i])) < around and _STARTS.match(text := lines[i][found:]):
            around = found
            if named := _CLASS.match(text):
                headers.insert(0, f"{' ' * found}class {named[1]}:\n")
            else:
                start, headers = i, []
    indentation = _indentation(lines[start])
    if not headers or around:
        return None
    end = start + 1
    while lines[end - 1].lstrip().startswith("@") and end < len(lines):
        end += 1
    while end < len(lines) and (
        _indentation(lines[end]) > indentation or not _STARTS.match(lines[end][_indentation(lines[end]) :])
    ):
        end += 1
    while start > 0 and lines[start - 1].lstrip().startswith("@"):
        start -= 1
    return "\n" * (start - len(headers)) + "".join(headers) + "".join(lines[start:end])


def _indentation(line: str) -> int:
    """How far a line is indented; of an empty one, beyond any."""
    stripped = line.lstrip(" ")
    return len(line) - len(stripped) if stripped.strip() else 1 << 30


_imports_of: dict[int, tuple[list[str], list[ast.stmt]]] = {}


def _imports(lines: list[str]) -> list[ast.stmt]:
    """Import statements of the names that the file imports at its top level."""
    kept = _imports_of.get(id(lines))
    if kept is None or kept[0] is not lines:
        if len(_imports_of) > 256:
            _imports_of.clear()
        kept = _imports_of[id(lines)] = (lines, _importing(_imported_names(lines)))
    return kept[1]


def _importing(names: set[str]) -> list[ast.stmt]:
    return [ast.fix_missing_locations(ast.Import([ast.alias(name)], lineno=1, col_offset=0)) for name in sorted(names)]


_IMPORTING = re.compile(r"(import|from)\s")
_BLOCK = re.compile(r"(try|if|else|elif|except|finally|with|for|while)\b")


def _imported_names(lines: list[str]) -> set[str]:
    found: set[str] = set()
    at = 0
    while at < len(lines):
        line = lines[at]
        start = at
        at += 1
        if _IMPORTING.match(line):
            text = line
            while at < len(lines) and (text.rstrip().endswith("\\") or text.count("(") > text.count(")")):
                text += lines[at]
                at += 1
        elif _BLOCK.match(line):
            while at < len(lines) and (not _STARTS.match(lines[at]) or _CONTINUES.match(lines[at])):
                at += 1
            text = "".join(lines[start:at])
            if "import" not in text:
                continue
        else:
            continue
        try:
            found |= _imported(ast.parse(text))
        except SyntaxError:  # inside a string, say
            continue
    return found


def _imported(module: ast.Module) -> set[str]:
    """The names that import statements bind in a module, those of its functions and classes left out."""
    found: set[str] = set()
    pending: list[ast.AST] = list(module.body)
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names if alias.name != "*"}
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.expr)):
            pending += ast.iter_child_nodes(node)
    return found


def first_line(statement: Any) -> int:
    return min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", ()))])
