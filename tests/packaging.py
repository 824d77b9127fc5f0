"""What is shipped: wheel and sdist, built from a copy and tried in environments that hold nothing else.

    python -m tests.packaging

Needs the packages of the extra ``lint`` and a package index (pip's own settings).  It checks

1.  what the two archives hold: the licence's text (PEP 639), py.typed, every page of the guide, nothing of the tests;
2.  the wheel, and the sdist, installed with NumPy alone on every supported Python that is on this machine,
    free-threaded builds too: a user's program runs, with warnings as errors, and without docstrings (``-OO``);
3.  mypy and pyright on a user's file beside the installed wheel: what is right passes, what is wrong is found.

What is missing on this machine is skipped, and said.  The exit status is 1 if anything failed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import textwrap
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
VERSION = re.search(r'^__version__ = "(.*?)"', (ROOT / "dualdiff/__init__.py").read_text(encoding="utf-8"), re.M).group(
    1
)
PYTHONS = ("3.11", "3.12", "3.13", "3.14", "3.13t", "3.14t")  # t: free-threaded

PROGRAM = '''
"""A user's program, with NumPy alone.  `check` and not assert, which -OO strips."""
import math
import sys
import warnings

import numpy as np

import dualdiff as dd
from dualdiff.__main__ import main


def check(holds):
    if not holds:
        raise SystemExit("a result is wrong")


def spring(state, k):
    out = np.zeros(2)
    out[0] = state[1]
    out[1] = -k * math.sin(state[0])
    return out


def end(k):
    state = np.array([1.0, 0.0])
    for _ in range(10):
        state = state + 0.1 * spring(state, k)
    return state[0]


step = 1e-6
check(abs(dd.grad(end)(2.0) - (end(2.0 + step) - end(2.0 - step)) / (2 * step)) < 1e-8)
check(abs(dd.derivative(end)(2.0) - dd.grad(end)(2.0)) < 1e-12)
A = np.array([[2.0, 1.0], [1.0, 3.0]])
check(np.allclose(dd.jacobian(lambda b: np.linalg.solve(A, b))(np.ones(2)), np.linalg.inv(A)))
check(np.allclose(dd.hessian(lambda x: x @ A @ x)(np.ones(2)), A + A.T))
w = dd.Variable(np.ones(2))
np.sum(w**2).backward()
check(np.array_equal(w.grad, [2.0, 2.0]))


@dd.custom_jvp
def cube(x):
    return x**3


@cube.defjvp
def cube_jvp(primals, tangents):
    return cube(primals[0]), 3 * primals[0] ** 2 * tangents[0]


dd.check_grads(cube, (np.array([1.0, 2.0]),))
try:
    dd.grad(lambda x: np.packbits(x)[0])(np.ones(2))
except dd.UnsupportedFunction as error:
    check("it reads bits" in str(error))
else:
    check(False)
check("scipy" not in sys.modules)
try:
    dd.sparse_jacobian(np.sin)(np.ones(3))
except ImportError as error:
    check("scipy" in str(error).lower())
check(main(["guide", "kinks"]) == 0 and main(["linalg.solve"]) == 0)
print(sys.version.split()[0], "NumPy", np.__version__, "dualdiff", dd.__version__, "works")
'''

RIGHT = """
from typing import assert_type

import numpy as np
from numpy.typing import NDArray

import dualdiff as dd


def loss(x: NDArray[np.float64], scale: float = 1.0) -> float:
    return float(np.sum(x**2)) * scale


x = np.ones(3)
g = dd.grad(loss)(x, scale=2.0)
J = dd.jacobian(lambda x: np.sin(x))(x)
y, ydot = dd.jvp(np.sin, (x,), (x,))
w = dd.Variable(np.ones(3))
assert_type(w * 2.0, dd.Variable)
assert_type((w @ x).sum(), dd.Variable)
"""
WRONG = """
import dualdiff as dd


def loss(x: float, scale: float = 1.0) -> float:
    return x * scale


dd.grad(loss)("text")
dd.grad(loss)(1.0, size=2.0)
dd.Variable(1.0).nonsense
dd.gard(loss)
"""
WRONG_LINES = [9, 10, 11, 12]

failures: list[str] = []


def say(text: str) -> None:
    print(text, flush=True)


def fail(text: str) -> None:
    failures.append(text)
    say(f"FAILED: {text}")


_LEFT_OUT = ("PYTHONPATH", "MYPYPATH", "PIP_QUIET")  # a quiet pip does not even answer


def run(*command: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in _LEFT_OUT}
    return subprocess.run([str(c) for c in command], cwd=cwd, env=environment, capture_output=True, text=True)


def must(*command: object, cwd: Path | None = None) -> bool:
    done = run(*command, cwd=cwd)
    if done.returncode:
        fail(" ".join(str(part) for part in command) + "\n" + textwrap.indent(done.stdout + done.stderr, "  "))
    return not done.returncode


def pythons() -> Iterator[tuple[str, str | None]]:
    """Each supported Python, and the executable that is it, on the path or under pyenv."""
    root = run("pyenv", "root").stdout.strip() if shutil.which("pyenv") else ""
    for version in PYTHONS:
        number, free = version.rstrip("t"), version.endswith("t")
        under = sorted(Path(root or "/nowhere").glob(f"versions/{number}.*/bin/python")) if root else []
        for candidate in (f"python{version}", *reversed([str(path) for path in under])):
            code = (
                "import sys, sysconfig, venv, ensurepip;"
                f"assert '%d.%d' % sys.version_info[:2] == '{number}';"
                f"assert bool(sysconfig.get_config_var('Py_GIL_DISABLED')) == {free}"
            )
            if shutil.which(candidate) and not run(candidate, "-c", code).returncode:
                yield version, candidate
                break
        else:
            yield version, None


def build(folder: Path) -> tuple[Path, Path]:
    """Wheel and sdist of the project's files, which stay as they are."""
    if not must(sys.executable, "-m", "build", "--outdir", folder, ROOT):
        raise SystemExit(1)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


def contents(wheel: Path, sdist: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    source = {f"dualdiff/{file.relative_to(ROOT / 'dualdiff')}" for file in (ROOT / "dualdiff").rglob("*")
              if file.is_file() and "__pycache__" not in file.parts}  # fmt: skip
    info = f"dualdiff-{VERSION}.dist-info"
    if missing := source - names:
        fail(f"not in the wheel: {sorted(missing)}")
    if strange := {name for name in names if not name.startswith((f"{info}/", "dualdiff/"))}:
        fail(f"in the wheel: {sorted(strange)}")
    text = (ROOT / "dualdiff/LICENSE").read_bytes()
    archive = zipfile.ZipFile(wheel)
    if f"{info}/licenses/dualdiff/LICENSE" not in names or archive.read(f"{info}/licenses/dualdiff/LICENSE") != text:
        fail("the licence is not in the wheel's metadata")
    metadata = archive.read(f"{info}/METADATA").decode()
    for line in (f"Version: {VERSION}", "License-Expression: MIT", "License-File: dualdiff/LICENSE", "Typing :: Typed"):
        if line not in metadata:
            fail(f"METADATA has no line {line!r}")
    required = [line for line in metadata.splitlines() if line.startswith("Requires-Dist") and "extra ==" not in line]
    if required != ["Requires-Dist: numpy>=2.0"]:
        fail(f"required: {required}")
    with tarfile.open(sdist) as packed:
        held = {name.partition("/")[2] for name in packed.getnames()}
    if missing := {*source, "README.md", "pyproject.toml", "tests/packaging.py", "benchmarks/__main__.py"} - held:
        fail(f"not in the sdist: {sorted(missing)}")
    say(f"{wheel.name}: {len(names)} files, {wheel.stat().st_size / 1e3:.0f} kB; {sdist.name}: {len(held)} files")


def installed(python: str, archive: Path, folder: Path) -> Path | None:
    """A fresh environment with the archive and what it requires: NumPy alone."""
    own = folder / "bin/python"
    if not must(python, "-m", "venv", folder) or not must(own, "-m", "pip", "install", "-q", archive):
        return None
    listed = json.loads(run(own, "-m", "pip", "list", "--format", "json").stdout)
    if names := {entry["name"] for entry in listed} - {"dualdiff", "numpy", "pip", "setuptools"}:
        fail(f"installed beside NumPy: {sorted(names)}")
    return own


def tried(own: Path, folder: Path) -> None:
    (folder / "program.py").write_text(PROGRAM, encoding="utf-8")
    for options in (["-W", "error"], ["-W", "error", "-OO"]):
        done = run(own, *options, "program.py", cwd=folder)
        if done.returncode:
            fail(f"{own} {' '.join(options)}\n{textwrap.indent(done.stdout + done.stderr, '  ')}")
        else:
            say(f"  {' '.join(options)}: {done.stdout.strip().splitlines()[-1]}")


def types(own: Path, folder: Path) -> None:
    """mypy --strict and pyright on a user's files, with the installed wheel."""
    right, wrong = folder / "right.py", folder / "wrong.py"
    right.write_text(RIGHT, encoding="utf-8")
    wrong.write_text(WRONG, encoding="utf-8")
    checkers = {
        "mypy": ["mypy", "--strict", "--config-file", "", "--cache-dir", folder / "cache", "--python-executable", own],
        "pyright": ["pyright", "--pythonpath", own],
    }
    for name, command in checkers.items():
        if importlib.util.find_spec(name) is None:
            say(f"SKIPPED: {name} is not installed (the extra lint has it)")
            continue
        if must(sys.executable, "-m", *command, right, cwd=folder):
            done = run(sys.executable, "-m", *command, wrong, cwd=folder)
            found = sorted({int(line) for line in re.findall(r"wrong\.py:(\d+).*?error", done.stdout)})
            if found != WRONG_LINES:
                fail(f"{name} found mistakes in lines {found}, not {WRONG_LINES}\n{done.stdout}{done.stderr}")
            else:
                say(f"{name}: a user's file passes, {len(found)} mistakes are found")


def main() -> int:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        wheel, sdist = build(folder / "dist")
        contents(wheel, sdist)
        checked = False
        for version, python in pythons():
            if python is None:
                say(f"SKIPPED: no Python {version} on this machine")
                continue
            say(f"Python {version}, the wheel and NumPy alone")
            own = installed(python, wheel, folder / version)
            if own:
                tried(own, folder / version)
                if not checked:
                    types(own, folder / version)
                    checked = True
        say("the sdist and NumPy alone")
        own = installed(sys.executable, sdist, folder / "sdist")
        if own:
            tried(own, folder / "sdist")
    say(f"packaging: {len(failures)} failed" if failures else "packaging: all passed")
    return int(bool(failures))


if __name__ == "__main__":
    sys.exit(main())
