"""The source of a function, rewritten: each call ``g(...)`` becomes ``hook(g)(...)``, each ``x.name`` asks a hook too.

Where a name means what has a stand-in, the hook is asked only if it comes to mean something else:
``(stand_in if math.sin is original else hook(math.sin))(...)``.
Positions are copied, so tracebacks, debuggers and coverage show the user's own lines and columns.  The hooks stand in
the code as constants (`CALL`, `ATTRIBUTE`, to be replaced by the hooks themselves), so no name is added anywhere.
Annotations, f-strings and the calls of decorators are left as they are.
"""

from __future__ import annotations

import ast
import builtins
import copy
from collections.abc import Callable
from types import ModuleType
from typing import Any

CALL = "\0dualdiff.adapting: the hook of calls"
ATTRIBUTE = "\0dualdiff.adapting: the hook of attributes"
MATCH = "\0dualdiff.adapting: the hook of classes in patterns"
LISTS = "\0dualdiff.adapting: the hook of calls with lists among the arguments"
METHOD = "\0dualdiff.adapting: the hook of methods that are called"
SEARCH = "\0dualdiff.adapting: what watches a search by comparisons"
MARKS = (CALL, ATTRIBUTE, MATCH, LISTS, METHOD, SEARCH)
_CONSTANT = "\0dualdiff.adapting: constant "

# What arrays and modules have; a property of the user's with such a name runs as written.
_COMMON = frozenset({
    "T", "dtype", "e", "flat", "imag", "inf", "nan", "ndim", "newaxis", "pi", "real", "shape", "size", "strides",
    "__name__", "__dict__", "__doc__", "__module__",
})  # fmt: skip


class Rewriter(ast.NodeTransformer):
    """Hooks the calls of one top-level statement, but for those that cannot need it.

    ``needs_none`` says of an object whether a call of it never does, with lists among its arguments or without;
    ``known`` gives the stand-in for an object, by its id.
    ``assumed`` collects the global names that were looked up for that, and the modules that they meant; ``builtins``
    the names that were found among the built-in ones; ``constants`` the marks of objects that stand in the code.
    """

    def __init__(
        self,
        namespace: dict[str, Any],
        statement: ast.stmt,
        nodes: list[ast.AST],
        needs_none: Callable[[Any, bool], bool],
        known: Callable[[int], Any],
    ) -> None:
        self.namespace = namespace
        self.bound = bound_names(statement, nodes)
        self.lists = names_of_lists(nodes)
        self.needs_none = needs_none
        self.known = known
        self.constants: dict[str, Any] = {}
        self.assumed: dict[str, Any] = {}
        self.builtins: set[str] = set()
        self.classes: list[str] = []
        self.functions = 0  # how many are around
        self.patterns = 0
        self.searches: dict[ast.AST, Any] = {}  # loops, and the names that are watched in each: see searches.py

    # What is left as it is.

    def _left(self, node: Any) -> Any:
        return node

    visit_JoinedStr = visit_TemplateStr = visit_TypeAlias = _left

    def visit_FunctionDef(self, node: Any) -> Any:
        self._decorators(node)
        self.visit(node.args)
        self.functions += 1
        node.body = self._statements(node.body)
        self.functions -= 1
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def _decorators(self, node: Any) -> None:
        """Decorators run when the function is defined; what they are given to call later does not."""
        pending: list[ast.AST] = list(node.decorator_list)
        while pending:
            part = pending.pop()
            if isinstance(part, ast.Lambda):
                part.body = self.visit(part.body)
            else:
                pending += ast.iter_child_nodes(part)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        self.visit(node.target)
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        self._decorators(node)
        self.classes.append(node.name)
        around, self.functions = self.functions, 0
        node.body = self._statements(node.body)
        self.functions = around
        self.classes.pop()
        return node

    def _statements(self, body: list[ast.stmt]) -> list[ast.stmt]:
        found: list[ast.stmt] = []
        for statement in body:
            visited = self.visit(statement)
            found += visited if isinstance(visited, list) else [visited]
        return found

    def visit_Match(self, node: ast.Match) -> Any:
        """The classes in patterns, which must be names there, get one of their own in a function."""
        named: list[ast.stmt] = []
        for pattern in ast.walk(ast.Module([case.pattern for case in node.cases], [])):  # type: ignore[misc]
            if isinstance(pattern, ast.MatchClass) and self.functions:
                name = f"@match{self.patterns}"
                self.patterns += 1
                cls = pattern.cls
                target = ast.copy_location(ast.Name(name, ast.Store()), cls)
                named.append(ast.copy_location(ast.Assign([target], self._call(MATCH, [cls], cls)), cls))
                pattern.cls = ast.copy_location(ast.Name(name, ast.Load()), cls)
        node.subject = self.visit(node.subject)
        for case in node.cases:
            if case.guard is not None:
                case.guard = self.visit(case.guard)
            case.body = self._statements(case.body)
        return [*named, node]

    def visit_While(self, node: Any) -> Any:
        """A loop; one that may be a search shows the ends of its bracket at the beginning of each round."""
        names = self.searches.get(node)
        self.generic_visit(node)
        if names is None:
            return node
        name = f"@search{self.patterns}"
        self.patterns += 1
        given, shown = names
        made = ast.Call(ast.Constant(SEARCH), [ast.Constant(one) for one in given], [])
        showing = ast.Call(ast.Name(name, ast.Load()), [ast.Name(one, ast.Load()) for one in shown], [])
        begin, each = ast.Assign([ast.Name(name, ast.Store())], made), ast.Expr(showing)
        for part in (*ast.walk(begin), *ast.walk(each)):
            ast.copy_location(part, node.iter if isinstance(node, ast.For) else node.test)
        node.body.insert(0, each)
        return [begin, node]

    visit_For = visit_While

    # What is hooked.

    def visit_Call(self, node: ast.Call) -> ast.Call:
        meant = self._meaning(node.func)
        lists = any(may_be_list(arg, self.lists) for arg in (*node.args, *(word.value for word in node.keywords)))
        hooked = not (meant is not None and self.needs_none(meant, lists))
        if isinstance(node.func, ast.Attribute):
            node.func.value = self.visit(node.func.value)
        else:
            node.func = self.visit(node.func)
        node.args = [self.visit(arg) for arg in node.args]
        for keyword in node.keywords:
            keyword.value = self.visit(keyword.value)
        if hooked:
            of_method = isinstance(node.func, ast.Attribute) and meant is None
            asked = self._call(LISTS if lists else METHOD if of_method else CALL, [node.func], node.func)
            node.func = self._unless(node.func, asked)
        return node

    def _unless(self, callee: ast.expr, asked: ast.expr) -> ast.expr:
        """The stand-in of what a global name, or an attribute of a module, means, unless that has changed."""
        meant = self._meaning(callee)
        if meant is None and isinstance(callee, ast.Name) and callee.id not in self.bound:
            meant = self.namespace.get(callee.id)
        stand_in = None if meant is None else self.known(id(meant))
        if stand_in is None:
            return asked
        test = ast.Compare(copy.deepcopy(callee), [ast.Is()], [self._constant(meant, callee)])
        chosen = ast.IfExp(ast.copy_location(test, callee), self._constant(stand_in, callee), asked)
        return ast.copy_location(chosen, callee)

    def _constant(self, meant: Any, at: ast.expr) -> ast.expr:
        mark = f"{_CONSTANT}{len(self.constants)}"
        self.constants[mark] = meant
        return ast.copy_location(ast.Constant(mark), at)

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        meant = self._meaning(node.value)
        node.value = self.visit(node.value)
        if not isinstance(node.ctx, ast.Load) or node.attr in _COMMON or isinstance(meant, ModuleType):
            return node
        name = ast.copy_location(ast.Constant(self._mangled(node.attr)), node)
        return self._call(ATTRIBUTE, [node.value, name], node)

    def _call(self, mark: str, args: list[Any], at: Any) -> ast.Call:
        hook = ast.copy_location(ast.Constant(mark), at)
        return ast.copy_location(ast.Call(hook, args, []), at)

    def _mangled(self, name: str) -> str:
        """A private name as the compiler would write it in the class around."""
        if not self.classes or not name.startswith("__") or name.endswith("__"):
            return name
        owner = self.classes[-1].lstrip("_")
        return f"_{owner}{name}" if owner else name

    def _meaning(self, node: ast.AST) -> Any:
        """What a global name, or an attribute of a module, means; None if that is not plain."""
        if isinstance(node, ast.Name):
            if node.id in self.bound:
                return None
            if node.id not in self.namespace:
                self.builtins.add(node.id)
                return getattr(builtins, node.id, None)
            meant = self.namespace[node.id]
            if isinstance(meant, ModuleType) or self.needs_none(meant, False):
                self.assumed[node.id] = meant
                return meant
            return None
        if isinstance(node, ast.Attribute):
            module = self._meaning(node.value)
            return vars(module).get(node.attr) if isinstance(module, ModuleType) else None
        return None


def bound_names(statement: ast.stmt, nodes: list[ast.AST]) -> set[str]:
    """Every name that a statement of these nodes binds, in any of its scopes: it may mean another object there."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            if node is not statement:
                found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            found.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            found.add(node.rest)
        elif hasattr(ast, "TypeVar") and isinstance(node, ast.TypeVar):
            found.add(node.name)
    return found


def may_be_list(node: ast.expr, names: set[str]) -> bool:
    """Whether an expression is written as a list or tuple, or is the name of one; not of constants alone."""
    if isinstance(node, ast.ListComp):
        return True
    if isinstance(node, (ast.List, ast.Tuple)):
        return not all(isinstance(item, (ast.Constant, ast.UnaryOp)) for item in node.elts)
    if isinstance(node, ast.Name):
        return node.id in names
    if isinstance(node, ast.BinOp):
        return may_be_list(node.left, names) or may_be_list(node.right, names)
    if isinstance(node, ast.IfExp):
        return may_be_list(node.body, names) or may_be_list(node.orelse, names)
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _MAKING_LISTS


_MAKING_LISTS = frozenset({"list", "tuple", "sorted"})


def names_of_lists(nodes: list[ast.AST]) -> set[str]:
    """The names that a statement binds to lists or tuples, empty ones too: they may be filled later."""
    found: set[str] = set()
    bindings = [node for node in nodes if isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr))]
    for node in [*bindings, *bindings]:  # a list may be made of one that stands below
        value = node.value
        if isinstance(value, ast.List) or (value is not None and may_be_list(value, found)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found
