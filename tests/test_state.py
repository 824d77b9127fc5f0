"""Threads, and interrupts at any point: no gradient is lost, and the session goes on."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import dualdiff as dd
from dualdiff.table import Rule, register

X = np.array([0.25, 4.0])


# Threads.


def in_threads(n, work):
    """Run ``work`` in n threads that start together and change often."""
    barrier, faults = threading.Barrier(n), []

    def run():
        barrier.wait()
        try:
            work()
        except BaseException as error:
            faults.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=run) for _ in range(n)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not faults


@pytest.mark.parametrize("value", [2.0, X])
def test_threads_that_send_cotangents_back_to_one_variable_lose_nothing(value):
    w = dd.Variable(value)

    def work():
        for _ in range(60):
            np.sum(w * w).backward()

    in_threads(8, work)
    assert_array_equal(w.grad, 480 * 2 * value)


def test_threads_record_and_differentiate_side_by_side():
    w = dd.Variable(X)

    def work():
        for i in range(20):
            x = X + i
            assert_array_equal(dd.grad(lambda x: np.sum(x**2 * w.value))(x), 2 * x * X)
            of_x, (of_w,) = dd.grad(lambda x: np.sum(x * w), argnums=0, weights=[w])(x)
            assert_array_equal(of_x, X)
            assert_array_equal(of_w, x)
            y = dd.Variable(x)
            np.sum(np.sqrt(y) * y).backward()
            assert y.grad == pytest.approx(1.5 * np.sqrt(x))

    in_threads(8, work)
    assert w.grad is None


# Interrupts.


def interrupted_at(n, work):
    """Run ``work`` with a KeyboardInterrupt at the n-th bytecode of the package; how many there were before."""
    left = n

    def trace(frame, event, arg):
        nonlocal left
        if not frame.f_globals.get("__name__", "").startswith("dualdiff"):
            return trace  # only in the package, but what it calls is followed
        frame.f_trace_opcodes = True
        if event in ("opcode", "line"):  # Python 3.12 tells of lines alone
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    except KeyboardInterrupt:
        assert left == 0
    finally:
        sys.settrace(before)
    return n - left


W = dd.Variable(X)


@dd.custom_vjp
def twice(x):
    return 2 * x


twice.defvjp(lambda x: (2 * x, x), lambda x, ct: (2 * ct * W / W,))

INTERRUPTED = {
    "grad of weights": lambda: dd.grad(lambda: np.sum(np.sqrt(W)), argnums=None, weights=[W])(),
    "grad of both": lambda: dd.grad(lambda x: np.sum(np.log(x) * W), argnums=0, weights=[W])(X),
    "nested weights": lambda: dd.grad(
        lambda x: np.sum(dd.grad(lambda y: np.sum(y * y * W), argnums=0, weights=[W])(x)[0]), weights=[W]
    )(X),
    "custom rule that closes over a weight": lambda: dd.grad(lambda x: np.sum(twice(x)), weights=[W])(X),
    "backward": lambda: np.sum(np.sqrt(W) * W).backward(),
    "jvp at an edge": lambda: dd.jvp(lambda x: np.sqrt(x - 0.25), (X,), (X,)),
    "jacobian": lambda: dd.jacobian(lambda x: x[:, None] * np.sqrt(x - 0.25))(X),
}


@pytest.mark.parametrize("kind", INTERRUPTED)
def test_an_interrupt_at_any_bytecode_leaves_a_usable_session(kind):
    # A trace function can raise where no signal arrives: between the end of a with-block and the call of its __exit__.
    # What NumPy's error state is after that says nothing; the next test has real signals.
    work, errors = INTERRUPTED[kind], np.geterr()
    for _ in range(3):  # what is done at the first calls of a function, whose view is remembered at the second
        work()
    total = interrupted_at(10**9, work)
    assert total > 50
    for n in range(1, total, max(1, total // 50)):
        assert interrupted_at(n, work) == n
        np.seterr(**errors)
        W.zero_grad()
        np.sum(W * W * X).backward()
        assert_array_equal(W.grad, 2 * X * X)
        assert_array_equal(dd.grad(lambda: np.sum(W * W), argnums=None, weights=[W])()[0], 2 * X)
        assert_array_equal(dd.jacfwd(np.square)(X), np.diag(2 * X))
        assert isinstance(W * 2, dd.Variable)
    W.zero_grad()


def survive_signals(kind):
    """Signals at a hundred moments of ``work``."""
    work, errors = INTERRUPTED[kind], np.geterr()
    work()  # what is done once for each function
    start = time.perf_counter()
    work()
    longest = time.perf_counter() - start
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    interrupts = 0
    for i in range(100):
        try:
            signal.setitimer(signal.ITIMER_REAL, 1e-6 + longest * i / 100)
            for _ in range(100):
                work()
        except KeyboardInterrupt:
            interrupts += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert np.geterr() == errors, kind
        assert_array_equal(dd.grad(lambda: np.sum(W * W), argnums=None, weights=[W])()[0], 2 * X)
    assert interrupts > 50, kind


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="a timer that interrupts")
def test_a_signal_leaves_the_error_state_and_the_weights_as_they_were():
    """In a process of their own, where nothing else is interrupted."""
    command = "from tests.test_state import INTERRUPTED, survive_signals; import gc; gc.disable()\n"
    command += "for kind in INTERRUPTED: survive_signals(kind); print(kind)"
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, cwd=root, check=False)
    assert done.stdout.splitlines() == list(INTERRUPTED), done.stderr


IMPORT = """
import importlib, sys
import numpy as np
import numpy.polynomial

def forget():
    for name in [name for name in sys.modules if name.partition(".")[0] == "dualdiff"]:
        del sys.modules[name]

def interrupted(n, work):
    left = n
    def trace(frame, event, arg):
        nonlocal left
        if not frame.f_globals.get("__name__", "").startswith("dualdiff"):
            return None
        if event == "line":
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
        return trace
    sys.settrace(trace)
    try:
        work()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
    return False

def check():
    import dualdiff as dd
    x = np.array([0.3, 0.8])
    assert np.array_equal(dd.grad(lambda x: np.sum(x * x))(x), 2 * x)
    assert np.array_equal(dd.jacfwd(lambda x: x + 1)(x), np.eye(2))
    return dd

count = 0
for n in range(1, 10**6, 1201):
    forget()
    if not interrupted(n, lambda: importlib.import_module("dualdiff")):
        break
    count += 1
    check()
assert count > 4, count
forget()
import scipy.special as sc
def special(x):
    return sc.erf(x) + np.polynomial.polynomial.polyval(x, [1.0, 2.0])
for n in range(1, 10**6, 601):
    forget()
    dd = check()
    if not interrupted(n, lambda: dd.derivative(special)(0.5)):
        break
    assert abs(dd.derivative(special)(0.5) - 2 - 2 / np.pi**0.5 * np.exp(-0.25)) < 1e-12, n
print("interrupts", count)
"""


@pytest.mark.long
def test_an_interrupted_import_can_be_repeated():
    done = subprocess.run(
        [sys.executable, "-c", IMPORT],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("interrupts")


def test_a_second_rule_of_a_function_is_still_an_error():
    with pytest.raises(ValueError, match=r"np\.add has a rule already"):
        register(Rule(np.add))
