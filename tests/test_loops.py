"""Clusters of elementwise calls as loops: their text, run by Python as it stands, without a compiler."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

import dualdiff as dd
from dualdiff.staging import numba_programs, staged
from dualdiff.staging.numba_programs import alike, pairwise
from tests.random_programs import programs
from tests.staged_programs import MODES, moved


def as_written_in_python(kernel):
    """In place of `jitted`: the function as text, and its types held against the arguments."""
    namespace = {"np": np, "math": math, "pairwise": pairwise}
    exec(kernel.text, namespace)

    def call(*args):
        for x, (kind, *rest) in zip(args, kernel.parameters, strict=True):
            if rest:
                axes, layout, access = rest
                assert isinstance(x, np.ndarray)
                assert x.ndim == int(axes)
                assert x.dtype == {"boolean": bool, "float64": float}[kind]
                assert x.flags.c_contiguous if layout == "C" else x.flags.f_contiguous
                assert access == "readonly" or x.flags.writeable
            else:
                assert isinstance(x, (float, bool, np.bool_))
        with np.errstate(all="ignore"):
            return namespace[kernel.name](*args)

    return call


@pytest.fixture
def in_python(patched):
    patched(staged, "require_numba", lambda: None)
    patched(numba_programs, "has_numba", lambda: True)
    patched(numba_programs, "jitted", as_written_in_python)


def compared(f, args, scales=(0.0, 0.003, 0.4)):
    """Programs of loops against the function itself; how many calls were made of compiled programs."""
    try:
        f(*args())
    except Exception:
        return 0
    g = dd.stage(f, compile="numba")
    for scale in scales:
        point = lambda scale=scale: [moved(x, scale, i) for i, x in enumerate(args())]
        try:
            expected = f(*point())
        except Exception:
            continue
        found = g(*point())
        assert alike(found, expected), (found, expected, [k.text for p in g.programs for k in p.kernels])
    return sum(program.calls for program in g.programs if program.kernels)


@pytest.mark.filterwarnings("ignore:.* is not staged", "ignore::RuntimeWarning")
@pytest.mark.parametrize("mode", ["plain", "jvp", "vjp", "jvp of jvp", "jvp of vjp"])
def test_random_programs(mode, in_python):
    counts = []

    @settings(max_examples=40, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(programs(8))
    def run(program):
        counts.append(compared(MODES[mode](program), program.values))

    run()
    assert sum(counts) > 20


def test_a_view_is_where_it_reads(in_python):
    def f(x):
        A = x.reshape(4, 3)
        B = A.T[::-1, 1:]
        out = np.zeros((3, 4))
        out[:, :3] = B * B + A[1:].T
        out[:, 3] = A[0] * 2
        out[1] += out[2]
        out += out[::-1]  # which NumPy reads first: not in a loop of ours
        return np.sum(out * A.T, axis=1)

    assert compared(f, lambda: [np.linspace(0.1, 1.2, 12)]) == 2
    assert compared(dd.jacfwd(f), lambda: [np.linspace(0.1, 1.2, 12)]) == 2
    assert compared(dd.jacrev(f), lambda: [np.linspace(0.1, 1.2, 12)]) == 2


def test_calls_over_one_shape_share_a_loop_unless_one_needs_the_other_whole(in_python):
    x = np.linspace(0.2, 1.1, 10)
    g = dd.stage(dd.grad(lambda x: np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)), compile="numba")
    g(x)
    (kernel,) = g.programs[0].kernels
    assert kernel.text.count("for ") == 3  # the terms, the ones moved by one, the guard
    assert "# test_loops.py" in kernel.text
    assert "# backward of test_loops.py" in kernel.text


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 64, 127, 128, 129, 1000, 4099])
def test_sums_are_in_the_order_of_numpy(n):
    a = np.random.default_rng(n).standard_normal(3 * n + 2) * 10.0 ** np.random.default_rng(1).uniform(-4, 4, 3 * n + 2)
    assert pairwise(a, 1, n, 1) == np.add.reduce(a[1 : n + 1])
    assert abs(pairwise(a, 2, n, 3) - math.fsum(a[2::3][:n])) <= 1e-13 * np.sum(np.abs(a[2::3][:n]))


def test_without_numba_the_error_names_the_extra(patched):
    patched(numba_programs, "has_numba", lambda: False)
    with pytest.raises(ImportError, match=r"\.\[numba\]"):
        dd.stage(dd.grad(np.sum), compile="numba")
