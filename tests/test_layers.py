"""The direction of imports: a file imports only from its own folder and from what stands below; no circle closes."""

import ast
import functools
import sys
from pathlib import Path

import numpy as np

import dualdiff
from tests.laws import together

ROOT = Path(dualdiff.__file__).parent

# From the ground up: a file or folder of the first level imports only from the floors below its own.
FLOORS = [
    ["errors", "guide"],
    ["table"],
    ["values"],
    ["pytrees", "tangents"],
    ["rules"],
    ["adapting", "methods", "special"],
    ["transforms"],
    ["staging"],
    ["diagnosis", "scipy", "testing"],
    ["", "__main__"],  # the two doors: dualdiff itself, its __init__.py, and python -m dualdiff
]
FLOOR = {room: i for i, rooms in enumerate(FLOORS) for room in rooms}


def modules():
    """Every module of the package, by its name below ``dualdiff``, and its file."""
    found = {}
    for file in sorted(ROOT.rglob("*.py")):
        parts = file.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


MODULES = modules()


def imports(name):
    """The modules of the package that a module imports, at its top or in a function; not those for type checkers."""
    file = MODULES[name]
    package = name.split(".") if file.name == "__init__.py" and name else name.split(".")[:-1]
    found = set()

    def visit(node):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            return
        if isinstance(node, ast.ImportFrom):
            if node.level:
                base = package[: len(package) - node.level + 1]
                source = ".".join([*base, *([node.module] if node.module else [])])
            elif node.module and node.module.split(".")[0] == "dualdiff":
                source = node.module.removeprefix("dualdiff").removeprefix(".")
            else:
                return
            for alias in node.names:
                whole = f"{source}.{alias.name}" if source else alias.name
                found.add(whole if whole in MODULES else source)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "dualdiff":
                    found.add(alias.name.removeprefix("dualdiff").removeprefix("."))
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(file.read_text(encoding="utf-8")))
    return found


@functools.cache
def all_imports():
    return {name: imports(name) for name in MODULES}


def room(name):
    return name.split(".")[0]


def test_every_file_and_folder_has_its_floor():
    assert {room(name) for name in MODULES} == set(FLOOR)
    assert len(FLOORS) <= 10


@together(MODULES)
def test_imports_run_downwards(name):
    upwards = [
        other for other in all_imports()[name] if room(other) != room(name) and FLOOR[room(other)] >= FLOOR[room(name)]
    ]
    assert not upwards


def test_no_circle_of_imports_within_a_folder_either():
    done, path = set(), []

    def visit(name):
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name in done:
            return
        path.append(name)
        for other in sorted(all_imports()[name]):
            # The package itself is imported before any of its modules and needs none of them to be found.
            if other != name:
                visit(other)
        path.pop()
        done.add(name)

    for name in MODULES:
        visit(name)


def test_the_test_sees_imports():
    assert "errors" in all_imports()["table"]
    assert sum(map(len, all_imports().values())) > 200


def files_run(call):
    """The files of the package whose functions run in a call, apart from what caches spare."""
    call()
    found = set()

    def see(frame, event, _):
        file = Path(frame.f_code.co_filename)
        if event == "call" and file.is_relative_to(ROOT):
            found.add(file.relative_to(ROOT).as_posix())

    sys.setprofile(see)
    try:
        call()
    finally:
        sys.setprofile(None)
    return found


def test_how_many_files_a_reader_opens_for_one_call():
    a, b = np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])
    gradient = dualdiff.grad(lambda a: np.sum(a * b))

    assert len(files_run(lambda: dualdiff.jvp(lambda a: a * b, (a,), (b,)))) <= 6
    assert len(files_run(lambda: dualdiff.jvp(lambda a, b: a * b, (a, b), (a, b)))) <= 7
    assert len(files_run(lambda: gradient(a))) <= 11
