"""What a type checker knows of `Dual` and `Variable` is what they have, and a user's file passes ``mypy --strict``."""

import ast
import math
import operator
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import dualdiff as dd
from dualdiff.methods import ndarray as methods
from dualdiff.values.declarations import Array

PACKAGE = Path(dd.__file__).parent
# What Python gives to every class.
EVERY = {*dir(object), "__dict__", "__weakref__", "__module__", "__slots__", "__annotations__", "__static_attributes__"}
EVERY |= {"__firstlineno__", "__abstractmethods__"}
# Not declared on purpose: what only NumPy, copy and pickle call.
FOR_PROTOCOLS = {"__array__", "__array_namespace__", "__copy__", "__deepcopy__", "__getattr__", "__index__",
                 "__pandas_priority__"}  # fmt: skip
# Declared on purpose though it is not there: see declarations.py.
NOT_THERE = {"__buffer__"}

USER_FILE = """
import math
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import dualdiff as dd

Booleans = NDArray[np.bool_]
A, y = np.eye(3), np.ones(3)


class Layer:
    def __init__(self) -> None:
        self.w = dd.Variable(np.ones((3, 3)))
        self.b = dd.Variable(0.5)

    def __call__(self, x: NDArray[np.float64]) -> dd.Variable:
        h = self.w @ x + self.b
        h = h * 2.0 - x / h
        h += 1.0
        return -h**2

    def loss(self, x: NDArray[np.float64]) -> dd.Variable:
        return (self(x) * self(x)).sum()


def arithmetic(x: dd.Variable, n: int, z: complex, scalar: np.float64) -> None:
    for result in (x + 1, x - n, x * z, x / scalar, x % 2, x**2, x @ x, x + y, x @ A, x + x, -x, +x, abs(x)):
        assert_type(result, dd.Variable)
    for result in (1 + x, n - x, z * x, scalar / x, 2 % x, 2**x, y @ x, A @ x, y * x, y - x):
        assert_type(result, dd.Variable)
    assert_type(x // 2, NDArray[Any])
    assert_type(5 // x, NDArray[Any])
    assert_type(divmod(x, 2)[1], dd.Variable)
    assert_type(divmod(2, x)[1], dd.Variable)


def comparisons(x: dd.Variable) -> bool:
    for result in (x < 1, x <= y, x > x, x >= 0.5, x == 1, x != y, x.any(), x.all()):
        assert_type(result, Booleans)
    if x[0] < 2 and x[1] == x[2]:
        return bool(x[0])
    return 1.0 in x


def conversions(x: dd.Variable) -> tuple[float, int, complex, int, int, str]:
    return float(x), int(x), complex(x), math.floor(x), len(x), f"{x:.2f}"


def entries(x: dd.Variable) -> dd.Variable:
    assert_type(x[0], dd.Variable)
    assert_type(x[1:, None], dd.Variable)
    assert_type(x[x > 0], dd.Variable)
    h = x * 1.0
    h[0] = x[1] * 2
    for row in h:
        assert_type(row, dd.Variable)
    return h


def attributes(x: dd.Variable) -> None:
    assert_type(x.shape, tuple[int, ...])
    assert_type(x.ndim + x.size, int)
    assert_type(x.dtype, np.dtype[Any])
    for result in (x.T, x.mT, x.real, x.imag):
        assert_type(result, dd.Variable)
    x.value = np.zeros(3)
    x.grad = None


def calls(x: dd.Variable) -> None:
    for result in (x.sum(), x.mean(axis=0), x.max(axis=(0, 1), keepdims=True), x.std(ddof=1), x.cumsum(), x.dot(x)):
        assert_type(result, dd.Variable)
    for result in (x.reshape(3, 1), x.reshape((3, 1)), x.transpose(), x.ravel(), x.clip(0, 1), x.copy(), x.item()):
        assert_type(result, dd.Variable)
    assert_type(x.argmax(), NDArray[np.intp])
    x.sum().backward()
    x.zero_grad()


def inside(a: dd.Dual) -> dd.Dual:
    for result in (a + 1, 2 * a, y * a, A @ a, a @ y, -a, a[0], a.T, a.sum(), a.reshape(-1)):
        assert_type(result, dd.Dual)
    assert_type(a < 1, Booleans)
    assert_type(a.shape, tuple[int, ...])
    a[...] *= 2
    a += 1
    return np.float64(2.0) * a


def transforms(layer: Layer) -> None:
    gradient = dd.grad(layer.loss, weights=[layer.w, layer.b])(y)
    gradient, slopes = dd.grad(lambda y: np.sum(y), [0])(y), dd.jacobian(lambda y: np.sin(y), argnums=(0,))(y)
    product = dd.hvp(np.sum, y, y)
    value, slope = dd.jvp(inside, (y,), (y,))
"""


# The stubs of NumPy that know the buffer protocol of Python 3.12 everywhere.
OF_NUMPY = """


def of_numpy(x: dd.Variable) -> None:
    np.sum(np.sin(x)).backward()
    np.sum((A @ x - y) ** 2).backward()
    np.where(x > 0, x, y)
    np.dot(x, y), np.stack([x, x]), np.zeros_like(x), np.maximum(x, 0.0), np.linalg.norm(x), np.concatenate([x, x])
"""


WRONG_FILE = """
import dualdiff as dd

x = dd.Variable(1.0)
a: int = x + 1
x.sumn()
x.reshape(2).nonsense
x.sum(axsi=0).backwards()
x & x
"""

TRANSFORMED_FILE = """
import numpy as np
import dualdiff as dd

def loss(x: float, scale: float = 1.0) -> float:
    return x * scale

for transform in (dd.grad, dd.jacobian, dd.hessian):
    transform(loss)(1.0, scale=2.0)
dd.grad(loss)("text")
dd.jacfwd(loss, 0)(1.0, size=2.0)
"""

KNOWN = sys.version_info >= (3, 12) or np.lib.NumpyVersion(np.__version__) >= "2.2.0"
FILES = {"right": USER_FILE + OF_NUMPY * KNOWN, "wrong": WRONG_FILE, "transformed": TRANSFORMED_FILE}


@pytest.fixture(scope="module")
def mypy(tmp_path_factory, pytestconfig):
    """``mypy --strict`` of a user's files, its messages by file: all in one run, for the package is read in each.

    The package is followed in silence, as mypy follows one that is installed: its declarations count, its bodies are
    not checked.  What mypy knows of it is kept beside what pytest keeps: 7 s, and less than 1 s the next time.
    """
    pytest.importorskip("mypy")
    tmp_path = tmp_path_factory.mktemp("user")
    for name, source in FILES.items():
        (tmp_path / f"{name}.py").write_text(source, encoding="utf-8")
    cache = getattr(pytestconfig, "cache", None)  # pytest may run without
    kept = str(cache.mkdir("mypy")) if cache else os.devnull
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports", "silent", "--config-file", ""]
    environment = {**os.environ, "MYPYPATH": str(PACKAGE.parent)}
    done = subprocess.run(
        [*command, "--cache-dir", kept, *(f"{name}.py" for name in FILES)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    errors = [line for line in done.stdout.splitlines() if "error:" in line]
    return {
        name: [line.removeprefix(f"{name}.py:") for line in errors if line.startswith(f"{name}.py:")] for name in FILES
    }


@pytest.mark.long
def test_a_users_file_passes_mypy_strict_with_the_types_that_it_states(mypy):
    assert mypy["right"] == []


@pytest.mark.long
def test_what_is_wrong_in_a_users_file_is_found(mypy):
    wrong = mypy["wrong"]

    assert [int(error.split(":")[0]) for error in wrong] == [5, 6, 7, 8, 9]
    assert '"Variable" has no attribute "sumn"' in wrong[1]


@pytest.mark.long
def test_what_a_transform_returns_takes_the_arguments_of_the_function(mypy):
    messages = mypy["transformed"]
    assert len(messages) == 2
    assert "incompatible type" in messages[0] and "size" in messages[1]


def own_names(tree):
    """The names that the body of a class defines, in the branches that a type checker sees."""
    for node in tree.body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "not TYPE_CHECKING":
            continue
        if isinstance(node, ast.FunctionDef):
            yield node.name
        for target in node.targets if isinstance(node, ast.Assign) else []:
            yield ast.unparse(target)


def declared(of):
    tree = ast.parse(Path(sys.modules[of.__module__].__file__).read_text(encoding="utf-8"))
    (body,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == of.__name__]
    attributes = {
        node.attr
        for node in ast.walk(body)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self"
    }
    return {*vars(Array), *own_names(body), *attributes}


@pytest.mark.parametrize("of", [dd.Dual, dd.Variable], ids=["Dual", "Variable"])
def test_what_is_installed_is_declared(of):
    # Of a Dual, the loops of NumPy over objects call methods named as the ufuncs; and some names only say why not.
    loops = {
        name for name in vars(of) if isinstance(getattr(np, name, None), np.ufunc) and not hasattr(np.ndarray, name)
    }
    installed = set(vars(of)) - EVERY - FOR_PROTOCOLS - loops - set(methods._REFUSED)

    assert installed - declared(of) == set()
    assert len(installed) > 50


@pytest.mark.usefixtures("as_written")
@pytest.mark.parametrize("made", [dd.Dual, dd.Variable], ids=["Dual", "Variable"])
def test_what_is_declared_is_there(made):
    found = {}

    def look(x):
        x = x * 1.0
        for name in set(vars(Array)) - EVERY - NOT_THERE:
            found[name] = hasattr(type(x), name) if name.startswith("__") else hasattr(x, name)
        return x

    look(dd.Variable(np.eye(2))) if made is dd.Variable else dd.jvp(look, (np.eye(2),), (np.eye(2),))
    assert [name for name, there in found.items() if not there] == []
    assert len(found) > 100


def test_every_public_method_of_an_array_is_declared():
    public = {name for name in dir(np.ndarray) if not name.startswith("_") and hasattr(np.eye(1), name)}

    assert public - set(vars(Array)) - {"tostring"} == set(methods._REFUSED)  # NumPy 2.0 still has tostring


def test_declarations_cost_nothing_at_run_time():
    code = "import dualdiff, sys; print('dualdiff.values.declarations' in sys.modules, dualdiff.Dual.__mro__[2:])"
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)

    assert done.stdout == "False (<class 'object'>,)\n"


@pytest.mark.parametrize("number", [2.5, np.array([2.5, -1.5])])
def test_operators_of_a_variable_that_only_a_number_on_the_left_or_math_calls(number):
    w = dd.Variable(number)

    whole, rest = divmod(7.0, w)
    np.testing.assert_array_equal(whole, 7.0 // number)
    np.testing.assert_array_equal(rest.value, 7.0 % number)
    np.sum(rest).backward()
    np.testing.assert_array_equal(w.grad, -(7.0 // number))  # 7 - w floor(7 / w)
    if np.ndim(number):
        assert -1.5 in w and 1.0 not in w
    else:
        for whole in (math.floor, math.ceil, math.trunc):
            assert operator.eq(whole(w), whole(number)) and type(whole(w)) is int
