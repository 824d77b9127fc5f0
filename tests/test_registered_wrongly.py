"""Registered containers that are built again as others: found at the first one of the class."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import dualdiff as dd

WRONG = {
    "swapped": (lambda p: ((p.a, p.b), None), lambda cls, _, ab: cls(ab[1], ab[0]), "child 0"),
    "changed": (lambda p: ((p.a, p.b), None), lambda cls, _, ab: cls(ab[0], 2 * ab[1]), "child 1"),
    "left out": (lambda p: ((p.a,), p.b), lambda cls, _, a: cls(a[0], 0.0), "what is no child"),
}


@pytest.mark.parametrize(("flatten", "build", "words"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("transform", [dd.grad, dd.jacfwd])
def test_a_container_that_is_built_as_another(flatten, build, words, transform):
    class Pair:
        def __init__(self, a, b):
            self.a, self.b = a, b

    dd.register_pytree(Pair, flatten, lambda rest, children: build(Pair, rest, children))
    with pytest.raises(TypeError, match=rf"class Pair do not fit together.*{words}"):
        transform(lambda p: 3 * p.a + p.b * p.b)(Pair(1.0, 2.0))


def test_a_container_that_converts_what_it_holds_and_one_that_is_asked_for_something_new_each_time():
    class Rounded:
        def __init__(self, a, unit):
            self.a, self.unit = a, unit

    dd.register_pytree(
        Rounded,
        lambda p: ((p.a,), object()),
        lambda rest, a: Rounded(a[0].astype(np.float32) if type(a[0]) is np.ndarray else a[0], "m"),
    )
    x = np.array([0.1, 0.7])
    assert_allclose(dd.grad(lambda p: np.sum(p.a**2))(Rounded(x, "m")).a, 2 * x, rtol=1e-6)
