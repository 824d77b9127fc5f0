"""Every analytic elementwise rule against the complex step, which has no cancellation: Im f(x + ih) / h."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import dualdiff as dd
from dualdiff.errors import name_of
from dualdiff.rules.ufuncs import Elementwise
from dualdiff.table import RULES
from tests.samples.elementwise import points

# Of NumPy; the complex functions of scipy.special have branches and roundings of their own (test_special, test_bessel).
# Complex input of these is no analytic continuation of the real function.
NOT_ANALYTIC = {np.absolute, np.conjugate, np.maximum, np.minimum, np.fmax, np.fmin, np.sinc}
ANALYTIC = [
    rule
    for rule in RULES.values()
    if isinstance(rule, Elementwise) and isinstance(rule.function, np.ufunc) and rule.function not in NOT_ANALYTIC
    and getattr(np, rule.function.__name__, None) is rule.function
    and any(set(types.split("->")[0]) == {"D"} for types in rule.function.types)
]  # fmt: skip
STEP = 1e-30


@pytest.mark.parametrize("rule", ANALYTIC, ids=lambda rule: name_of(rule.function))
def test_derivative_is_the_complex_step(rule):
    x = [points(domain, (20,), 5 + i) for i, domain in enumerate(rule.domain)]
    v = [np.cos(3 * point) for point in x]
    _, ydot = dd.jvp(rule.function, tuple(x), tuple(v))
    stepped = rule.function(*(point + 1j * STEP * d for point, d in zip(x, v, strict=True)))

    assert_allclose(ydot, np.imag(stepped) / STEP, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("rule", ANALYTIC, ids=lambda rule: name_of(rule.function))
def test_complex_derivative_is_that_of_the_analytic_function(rule):
    x = [points(domain, (20,), 5 + i) * (1 + 0.3j) for i, domain in enumerate(rule.domain)]
    v = [np.cos(3 * np.real(point)) * (1 - 0.5j) for point in x]
    _, ydot = dd.jvp(rule.function, tuple(x), tuple(v))
    h = 1e-5
    up = rule.function(*(point + h * d for point, d in zip(x, v, strict=True)))
    down = rule.function(*(point - h * d for point, d in zip(x, v, strict=True)))

    assert_allclose(ydot, (up - down) / (2 * h), rtol=1e-7, atol=1e-8)
