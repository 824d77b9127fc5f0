"""Every rule at its special points: the expected derivative, or an excuse by name."""

import numpy as np
import pytest

import dualdiff as dd
from dualdiff.errors import name_of
from tests import special_points
from tests.excuses import EXCUSES
from tests.laws import together
from tests.samples import Sample
from tests.special_points import KINDS, faults_of, rules, verdict


def excused(function):
    return {
        kind
        for functions, kinds, _ in EXCUSES
        if function in functions
        for kind in KINDS
        if kind in kinds.replace("a zero", "") or (kind == "a zero" and "a zero" in kinds)
    }


@together(rules(), ids=name_of)
def test_rule_is_right_at_its_special_points_or_excused(function):
    asked, faults = faults_of(function)

    assert asked, "no sample of this rule reaches a special point: add one to tests/samples that does"
    unexpected = [fault for kind, fault in faults.items() if kind not in excused(function)]
    assert not unexpected, "\n".join(unexpected)


def test_excuses_are_for_rules_and_kinds_that_there_are_and_each_is_needed():
    known = rules()
    for functions, kinds, reason in EXCUSES:
        assert all(function in known for function in functions)
        assert reason
        rest = kinds
        for kind in sorted(KINDS, key=len, reverse=True):
            rest = rest.replace(kind, "")
        assert not rest.split()
        if "NumPy returns memory" not in reason:
            assert any(set(faults_of(function)[1]) & excused(function) for function in functions), reason


def planted(f, *args):
    return Sample(None, f, args, True, True)


X = np.array([0.3, 0.5, 0.7])


def rms(x):
    """As a composite rule would have it: nan at 0, where norm, hypot and std have 0."""
    return np.sqrt(np.mean(x * x))


@dd.custom_jvp
def largest(x):
    return np.max(x)


@largest.defjvp
def _(primals, tangents):
    """All of several that tie count in full."""
    (x,), (dx,) = primals, tangents
    return np.max(x), np.sum(np.where(x == np.max(x), dx, 0.0))


@pytest.mark.parametrize(
    ("f", "args", "kind", "fault"),
    [
        (rms, (X,), "zeros", "nan"),
        (largest, (X[::-1],), "ties", "by differences"),
        (lambda x: 1.0 / (1.0 + np.exp(x)), (X,), "infinite", "nan"),
        (lambda x: np.sum(np.tanh(x)), (X,), "infinite", ""),
        (lambda x: np.cumsum(x), (X,), "empty", ""),
        (np.linalg.norm, (X,), "zeros", ""),
        (np.max, (X[:2],), "equal", ""),
    ],
)
def test_planted_faults_are_seen_and_right_rules_are_not_accused(f, args, kind, fault):
    found = verdict(planted(f, *args), kind)[1]

    assert fault in found if fault else not found


def test_a_rule_without_a_special_point_is_seen(patched):
    patched(special_points, "samples_by_function", lambda: {None: [planted(lambda x: 1.0 / x, np.empty(0))]})

    assert faults_of(None) == (set(), {})
