"""What is not imported with the package: rules and transforms that many programs never use, each at its first use."""

import subprocess
import sys
from pathlib import Path

import pytest

import dualdiff

ROOT = Path(dualdiff.__file__).parents[1]


def fresh(program):
    """What a program prints in a new process that imports the package from here."""
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_every_rule_that_comes_later_is_found_where_it_is_said_to_be():
    found = fresh("""
import numpy as np, dualdiff
from dualdiff import table
said = dict(table._home_of)
early = set(table.RULES)
for function, home in said.items():
    assert function not in early
    assert table.RULES[function].function is not None
    assert table._declared_by[function]["__name__"] == home, (function, home)
table.complete("numpy")
for function, module in table._declared_by.items():
    of = (getattr(function, "__module__", "") or "").split(".")[:2]
    by_package = of in (["numpy", "linalg"], ["numpy", "fft"], ["numpy", "polynomial"])
    assert function in early or function in said or by_package, (function, module["__name__"])
print(len(said), len(table.RULES) > len(early) + len(said))
""")
    assert int(found.split()[0]) > 50
    assert found.split()[1] == "True"


@pytest.mark.parametrize(
    ("of_x", "wanted"),
    [
        ("np.median(x)", [0.0, 1.0, 0.0]),
        ("np.linalg.norm(x)", [1 / 3, 2 / 3, 2 / 3]),
        ("np.sum(np.fft.fft(x).real)", [3.0, 0.0, 0.0]),
        ("np.sum(np.sort(x)[:1])", [1.0, 0.0, 0.0]),
        ("np.sum(np.diff(x))", [-1.0, 0.0, 1.0]),
        ("np.einsum('i,i->', x, x)", [2.0, 4.0, 4.0]),
        ("np.outer(x, x).trace()", [2.0, 4.0, 4.0]),
        ("np.sum(np.unique(x))", [1.0, 1.0, 1.0]),
        ("np.polyval(x, 2.0)", [4.0, 2.0, 1.0]),
        ("np.sum(np.pad(x, 1))", [1.0, 1.0, 1.0]),
        ("np.emath.sqrt(x).sum()", [0.5, 0.125**0.5, 0.125**0.5]),
        ("x.clip(0.0, 5.0).sum()", [1.0, 1.0, 1.0]),
    ],
)
def test_a_rule_comes_with_the_first_call(of_x, wanted):
    found = fresh(f"""
import numpy as np, dualdiff as dd
f = dd.as_written(lambda x: {of_x})
x = np.array([1.0, 2.0, 2.0 + ("median" in {of_x!r} or "sort" in {of_x!r} or "unique" in {of_x!r})])
print(*dd.grad(f)(x), *(dd.jvp(f, (x,), (v,))[1] for v in np.eye(3)))
""")
    assert [float(entry) for entry in found.split()] == pytest.approx(wanted * 2, abs=1e-12)


def test_every_public_name_is_there_whenever_it_is_asked_for():
    fresh("""
import dualdiff
assert set(dualdiff.__all__) <= set(dir(dualdiff))
for name in dualdiff.__all__:
    assert getattr(dualdiff, name) is getattr(dualdiff, name), name
assert dualdiff.testing.check_grads is dualdiff.check_grads
from dualdiff import *
assert custom_jvp is dualdiff.custom_jvp and not hasattr(dualdiff, "no_such_name")
""")


def test_importing_the_package_imports_what_jvp_and_grad_need():
    """Time is noise, and modules are what it goes into: some 0.2 ms each."""
    modules = fresh("""
import sys, numpy
before = set(sys.modules)
import dualdiff
print(*(set(sys.modules) - before))
""").split()
    ours = [name for name in modules if name.startswith("dualdiff")]

    assert len(ours) <= 85
    assert not {"dataclasses", "decimal", "string", "threading", "zlib", "numpy.fft", "numpy.polynomial"}.intersection(
        modules
    )
    assert not [
        name
        for name in ours
        if name.rpartition(".")[2]
        in ("compare", "sparse", "linalg", "fft", "testing", "variable", "jacobian", "sources")
    ]


def test_stand_ins_that_users_declare_first_are_not_replaced_by_ours(tmp_path):
    program = tmp_path / "declaring.py"
    program.write_text("""
import math
import numpy as np
import dualdiff as dd

@dd.stand_in(math.sin)
def ten_times(x):
    return 10.0 * np.sin(x)

def f(x):
    return math.sin(x) + math.cos(x)

print(dd.derivative(f)(0.0), dd.derivative(math.sin)(0.0), dd.derivative(math.cos)(0.5) == -math.sin(0.5))
""")
    assert fresh(f"import runpy; runpy.run_path({str(program)!r})").split() == ["10.0", "10.0", "True"]


def test_the_first_function_may_be_adapted_in_several_threads(tmp_path):
    program = tmp_path / "at_once.py"
    program.write_text("""
import math, threading
import numpy as np
import dualdiff as dd

found = []

def f(x):
    out = np.zeros(2)
    out[0] = math.sin(x[0])
    out[1] = float(x[1]) ** 2
    return out.sum()

threads = [threading.Thread(target=lambda: found.append(dd.grad(f)(np.array([0.0, 3.0])))) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(found), all((gradient == [1.0, 6.0]).all() for gradient in found))
""")
    assert fresh(f"import runpy; runpy.run_path({str(program)!r})").split() == ["8", "True"]
