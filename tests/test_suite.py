"""The suite's own checks: no test passes because what it checks never ran.

A check that sits in a stand-in for a function of the package, or in a list that such a stand-in fills, holds vacuously
once that function is no longer called.  So stand-ins are put in place by the fixture `patched`, which counts, and what
a nested function or class of a test collects is read by an assertion of that test.
"""

import ast
from pathlib import Path

import pytest

from tests.conftest import Calls
from tests.laws import together
from tests.mutations import FAULTS, ROOT

FILES = sorted(Path(__file__).parent.rglob("*.py"))


def uncounted(source):
    """Lines of a test file where something is replaced, and nobody would notice that it is never called."""
    tree = ast.parse(source)
    imported = {
        (alias.asname or alias.name).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _root(node.func) == "monkeypatch":
            data = node.func.attr != "setattr" or (len(node.args) == 3 and isinstance(node.args[2], _DATA))
            if not data:
                yield node.lineno, "monkeypatch.setattr of a function: use the fixture patched, which counts its calls"
        elif (
            isinstance(node, ast.Call) and getattr(node.func, "id", "") == "setattr" and _root(node.args[0]) in imported
        ):
            yield node.lineno, "setattr on what was imported: use the fixture patched"
        elif isinstance(node, (ast.Assign, ast.AugAssign)):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Attribute) and _root(target) in imported:
                    yield node.lineno, "an attribute of what was imported is set: use the fixture patched"
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            if any("mock" in name.split(".") for name in names):
                yield node.lineno, "unittest.mock: use the fixture patched, which counts calls by itself"
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield from _unread(node)


_DATA = (ast.Constant, ast.List, ast.Tuple, ast.Dict)


def _root(node):
    while isinstance(node, (ast.Attribute, ast.Call, ast.Subscript)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return getattr(node, "id", None)


def _unread(test):
    """Lists that a nested function or class of a test fills with its calls, and no assertion of the test reads."""
    nested = [node for node in ast.walk(test) if isinstance(node, (ast.FunctionDef, ast.Lambda)) and node is not test]
    inside = {id(part) for function in nested for part in ast.walk(function)}
    own = [node for node in ast.walk(test) if id(node) not in inside]
    lists = {
        target.id for node in own if isinstance(node, ast.Assign) for target in node.targets if _is_list(node, target)
    }
    read = {
        name.id
        for node in own
        if isinstance(node, ast.Assert) or (isinstance(node, ast.Call) and _root_name(node.func).startswith("assert"))
        for name in ast.walk(node)
        if isinstance(name, ast.Name)
    }
    for node in ast.walk(test):  # neither unpacks nor indexes an empty list
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name) and isinstance(node.targets[0], ast.Tuple):
            read.add(node.value.id)
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            read.add(_root(node))
    for function in nested:
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("append", "extend", "add"):
                name = _root(node.func)
                if name in lists - read:
                    yield node.lineno, f"no assertion reads {name!r}: {test.name} passes if nobody calls this"


def _is_list(node, target):
    return isinstance(target, ast.Name) and isinstance(node.value, (ast.List, ast.Set, ast.Call))


def _root_name(function):
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


@together(FILES, ids=lambda path: path.name)
def test_stand_ins_are_counted_and_what_they_collect_is_read(path):
    if path.name == "conftest.py":
        pytest.skip("the fixture itself")
    faults = [f"{path.name}:{line}: {fault}" for line, fault in uncounted(path.read_text(encoding="utf-8"))]

    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("def test_a(monkeypatch):\n    monkeypatch.setattr(Dense, 'linear_map', checked)", "use the fixture patched"),
        (
            "def test_a(monkeypatch):\n    monkeypatch.setattr('dualdiff.transforms.forward.sweep', checked)",
            "use the fixture",
        ),
        ("from unittest import mock", "unittest.mock"),
        ("import numpy as np\ndef test_a():\n    np.sin = checked", "an attribute of what was imported"),
        ("import numpy as np\ndef test_a():\n    setattr(np, 'sin', checked)", "setattr on what was imported"),
        (
            "def test_a():\n    seen = []\n    class Seen(Dense):\n        def contract(self, t):\n"
            "            seen.append(t)\n    f(Seen(1))\n    for t in seen:\n        assert t",
            "no assertion reads 'seen'",
        ),
        (
            "def test_a():\n    seen = []\n    def f(t):\n        seen.append(t)\n    run(f)",
            "no assertion reads 'seen'",
        ),
        ("def test_a(monkeypatch):\n    monkeypatch.setattr(sys, 'argv', ['benchmarks'])", None),
        ("def test_a():\n    seen = []\n    run(lambda t: seen.append(t))\n    assert len(seen) == 2", None),
    ],
)
def test_a_stand_in_that_nobody_counts_is_found(source, fault):
    found = [text for _, text in uncounted(source)]

    assert len(found) == (fault is not None)
    assert fault is None or fault in found[0]


def test_a_stand_in_that_is_never_called_is_a_fault(patched):
    class Owner:
        def called(self):
            return 1

    calls = patched(Owner, "called", lambda self: 2)
    idle, never = Calls("Owner.other", never=False), Calls("Owner.forbidden", never=True)

    assert (calls.count, Owner().called(), calls.count) == (0, 2, 1)
    assert calls.fault() is None
    assert idle.fault() == "nobody called the stand-in for Owner.other: it checked nothing"
    assert never.fault() is None
    never.count += 1
    assert "should not have been" in never.fault()


def test_names_of_tests_are_the_same_in_every_process(request):
    """What pytest-xdist needs of its workers; an address in a name is another one in each."""
    assert [item.nodeid for item in request.session.items if " at 0x" in item.nodeid] == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what)
def test_every_planted_fault_is_one_replacement(fault):
    """`python -m tests.mutations` plants it where it says, whatever file the rule has moved to."""
    text = (ROOT / "dualdiff" / fault.file).read_text(encoding="utf-8")

    assert text.count(fault.before) == 1
    assert fault.before != fault.after
