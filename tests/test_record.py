"""A record reads as a program."""

import numpy as np

import dualdiff as dd
from dualdiff.transforms.recording import recorded

W = np.ones((3, 2))


def program(x):
    y = x * x
    y[0] = x[1]
    z = np.sin(y) @ W
    return np.sum(z - x[:2]) + np.concatenate([x, [0.0]])[2]


def test_record_reads_as_a_program():
    x = np.array([0.5, 0.25, 2.0])
    record = recorded(program, (x,), {}, (0,), "grad")
    assert str(record.tape).splitlines() == [
        "%0: float64[3] = input",
        "%1: float64[3] = float64[3] %0",
        "%2: float64[] = %0[1]",
        "%3: float64[3] = write(%1, %2)",
        "%4: float64[3] = float64[3] %3",
        "%5: float64[2] = einsum('a,ab->b', %4, float64[3, 2])",
        "%6: float64[2] = %0[:2]",
        "%7: float64[2] = %5 - %6",
        "%8: float64[] = einsum('a->', %7)",
        "%9: float64[4] = join(%0, zeros[1], axis=0)",
        "%10: float64[] = %9[2]",
        "%11: float64[] = %8 + %10",
    ]
    middle = -1.0 + 2 * np.cos(0.25) + np.cos(0.0625)
    np.testing.assert_allclose(dd.grad(program)(x), [-1.0, middle, 1.0 + 8 * np.cos(4.0)], rtol=1e-14)
