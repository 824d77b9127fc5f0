"""A rule is data: it says which arguments can carry a derivative, and `tangent` is what its call adds to the value."""

import numpy as np
import pytest

import dualdiff as dd
from dualdiff.errors import name_of
from dualdiff.rules.call import fused_tree, wrapped_parts
from dualdiff.table import RULES, Rule
from dualdiff.tangents.expression import Tangent
from dualdiff.values.dual import Dual
from dualdiff.values.levels import duals_in, innermost
from tests.closeness import assert_allclose
from tests.laws import each_rule
from tests.samples import samples_of

pytestmark = pytest.mark.usefixtures("as_written")  # whose calls are the rules' own

# Names of active parameters that no sample gives a derivative, and why.
WITHOUT_SAMPLE = {
    "np.fromiter": {"iter"},  # an iterator, which runs once
    "np.ldexp": {"x2"},  # whole numbers
    "np.clip": {"a"},  # of the ufunc behind ndarray.clip: a ndarray has its own method
    "np.piecewise": {"funclist", "args"},
    "np.apply_along_axis": {"args"},
}


def mapped(tree, leaf):
    """A tree of lists and tuples, leaf by leaf; None where nothing is found in it."""
    if isinstance(tree, (list, tuple)):
        parts = [mapped(item, leaf) for item in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    return leaf(tree)


def flat(tree):
    return [leaf for item in tree for leaf in flat(item)] if isinstance(tree, (list, tuple)) else [tree]


class Observed(Rule):
    """In the place of a rule in the table: each call is compared with the tangent."""

    def __init__(self, rule):
        super().__init__(rule.function)
        self.rule, self.form, self.compared, self.carried = rule, rule.form, 0, set()

    def __getattr__(self, name):
        return getattr(self.rule, name)

    def __call__(self, *args, **kwargs):
        rule = self.rule
        plain, named = fused_tree(args), fused_tree(kwargs)
        p = innermost(duals_in(plain, named))
        into = "out" in named or (isinstance(rule.function, np.ufunc) and "where" in named)
        if p is None or into or any(isinstance(arg, np.poly1d) for arg in args):
            return rule(*args, **kwargs)
        bound = rule.bound(plain, named)
        values = {name: mapped(arg, lambda x: self._value(x, p)) for name, arg in bound.items()}
        tangents = {name: mapped(arg, lambda x: self._tangent(x, p)) for name, arg in bound.items()}
        like = {"creation": "like", "creation like an array": "a"}.get(rule.form)  # says what kind of array, no more
        tangents = {
            name: d for name, d in tangents.items() if name != like and any(leaf is not None for leaf in flat(d))
        }
        if bound.get("out") is not None:
            return rule(*args, **kwargs)
        self.carried |= set(tangents)
        result = rule(*args, **kwargs)
        if tangents and set(tangents) <= set(rule.active):
            expected = args[0] if rule.form == "writing" else result
            y = mapped(expected, lambda x: self._value(x, p))
            self._compare(wrapped_parts(y, rule.tangent(y, values, tangents), p), expected, p)
        return result

    def _value(self, x, p):
        value = x.value if type(x) is Dual and x.perturbation is p else x
        return value.copy() if type(value) is np.ndarray and self.form == "writing" else value

    def _tangent(self, x, p):
        if type(x) is not Dual or x.perturbation is not p:
            return None
        return Tangent(p, p.combine(((1.0, x.tangent),), x))

    def _compare(self, found, expected, p):
        pairs = list(zip(flat(found), flat(expected), strict=True))
        for a, b in pairs:
            a, b = (p.direction_of(x.tangent) if type(x) is Dual and x.perturbation is p else 0.0 for x in (a, b))
            assert_allclose(*np.broadcast_arrays(a, b), rtol=1e-12, atol=1e-12)
        self.compared += 1


def observed_at(sample):
    """The rule's observer after one jvp of a sample."""
    rule = RULES[sample.function]
    observed = Observed(rule)
    RULES[sample.function] = observed
    try:
        rng = np.random.default_rng(0)
        dd.jvp(sample.f, sample.args, tuple(rng.standard_normal(np.shape(arg)) for arg in sample.args))
    finally:
        RULES[sample.function] = rule
    return observed


@each_rule
def test_tangent_is_what_the_call_adds_to_the_value(function):
    """Of every call of the function itself that a sample makes under jvp, but those with ``out=``.

    Every active argument carries a derivative in some sample, and no other does.
    """
    active, without = set(RULES[function].active), WITHOUT_SAMPLE.get(name_of(function), set())
    if np.lib.NumpyVersion(np.__version__) < "2.1.0" and name_of(function) == "np.clip":
        without = without | {"min", "max"}  # names that clip has from NumPy 2.1 on
    observed = [observed_at(sample) for sample in samples_of(function)]
    carried = set().union(*(one.carried for one in observed))
    assert carried <= active
    assert active <= carried | without
    assert sum(one.compared for one in observed) or active <= without
