"""A law: what holds at the samples of every rule.

    @law(of=lambda sample: sample.duck)
    def test_rule_never_converts(sample): ...

is one test for each rule, so that collecting them takes the names of functions alone, and makes no sample.
"""

import pytest

from dualdiff.errors import name_of
from tests.samples import functions, samples_of

each_rule = pytest.mark.parametrize("function", functions(), ids=name_of)


def law(*, of=lambda sample: True):
    """Makes of the check of one sample the test of one rule at those of its samples that ``of`` chooses.

    All of them are run; each that breaks the law is reported.
    """

    def test_of(check):
        @each_rule
        def test(function):
            chosen = [sample for sample in samples_of(function) if of(sample)]
            if not chosen:
                pytest.skip("no sample that this law is about")
            faults = [fault for sample in chosen if (fault := fault_of(check, sample)) is not None]
            if len(faults) == 1:
                raise faults[0]
            if faults:
                raise ExceptionGroup(f"{len(faults)} of {len(chosen)} samples of {name_of(function)}", faults)

        test.__name__, test.__doc__ = check.__name__, check.__doc__
        return test

    return test_of


def fault_of(check, sample):
    try:
        check(sample)
    except Exception as fault:
        fault.add_note(f"sample {sample}")
        return fault
    return None
