"""What all tests share: Hypothesis draws the same examples in every run, and a stand-in that nobody calls fails.

    calls = patched(Single, "linear_map", checked)

puts a stand-in in the place of a function for one test.  A check inside a stand-in checks nothing once the function is
not called any more, so the test fails at its end unless the stand-in ran; ``calls.count`` says how often it did.
`tests/test_suite.py` finds stand-ins that are put in place in any other way.

Tests marked ``long`` come first, so that of several processes none waits for the last of them.
"""

import functools
import gc
import os
import sys

# Bytecode is written even where the environment wants none: else each worker of pytest-xdist rewrites the assertions of
# all tests in every run, and each process that a test starts compiles the package.  (It is not kept in a place of its
# own: Python would look for that of NumPy and SciPy there as well, and compile them anew.)
if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
    sys.dont_write_bytecode = False
# Workers share the cores, and matrices are small: one thread of BLAS in each process.  NumPy asks when it is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
from hypothesis import settings

from dualdiff.rules import declaring
from tests.laws import Cases

settings.register_profile("suite", derandomize=True, deadline=None)
settings.load_profile("suite")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:  # what ``-k`` knows of a test that checks several cases (laws.py)
        cases = getattr(item, "callspec", None) and item.callspec.params.get("cases")
        if isinstance(cases, Cases):
            item.extra_keyword_matches.update(name for name, _ in cases)
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


gc.disable()  # what is collected stays


def pytest_collection_finish():
    """What was collected stays to the end: the garbage collector need not look at it, now or again and again."""
    gc.freeze()
    gc.enable()
    gc.set_threshold(20_000, 20, 20)


class Calls:
    """How often a stand-in was called."""

    def __init__(self, name, never):
        self.name, self.never = name, never
        self.count = 0

    def fault(self):
        """What is wrong with the number of calls, if anything is."""
        if self.never:
            return f"{self.name} was called {self.count} times, and should not have been" if self.count else None
        return None if self.count else f"nobody called the stand-in for {self.name}: it checked nothing"


@pytest.fixture(autouse=True)
def rules_declared_in_a_test_are_taken_back():
    """The table is that of the package for the next test."""
    yield
    for function in list(declaring._before):
        declaring.withdraw(function)


@pytest.fixture
def as_written(monkeypatch):
    """Functions run as written in this test, which is about what a Dual does where nothing is adapted."""
    monkeypatch.setattr("dualdiff.adapting.calls.ON", False)


@pytest.fixture
def patched(monkeypatch):
    """``patched(owner, name, stand_in)``, ``owner`` a module, a class, or several that have the same function.

    With ``never=True`` the stand-in is one that must not be called.
    """
    placed = []

    def patch(owner, name, stand_in, *, never=False):
        owners = owner if isinstance(owner, tuple) else (owner,)
        calls = Calls(f"{owners[0].__name__}.{name}", never)

        @functools.wraps(stand_in)
        def counted(*args, **kwargs):
            calls.count += 1
            return stand_in(*args, **kwargs)

        for one in owners:
            monkeypatch.setattr(one, name, counted)
        placed.append(calls)
        return calls

    yield patch
    faults = [fault for calls in placed if (fault := calls.fault())]
    assert not faults, "; ".join(faults)
