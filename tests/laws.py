"""Many cheap checks of one property as few tests.

    @together(CALLS)
    def test_call_agrees_with_numpy(call): ...

is one test for every 25 calls: a test by itself costs more in pytest than many of the checks do.  All cases are run,
and each that fails is reported by name.  ``-k`` finds a test by the name of any of its cases.

A law is what holds at the samples of every rule:

    @law(of=lambda sample: sample.duck)
    def test_rule_never_converts(sample): ...

Its cases are the rules, so that collecting takes the names of functions alone, and makes no sample.
"""

import inspect

import pytest

from dualdiff.errors import name_of
from tests.samples import functions, samples_of


class Cases(list):
    """What one test checks: pairs of a name and a case."""

    def __str__(self):
        return self[0][0] if len(self) == 1 else f"{self[0][0]} ... {self[-1][0]}"


def together(cases, ids=str, of=25):
    """Makes of a check of one case tests of ``of`` cases each; ``ids`` is a function of a case, or a name for each.

    A check of several parameters takes cases that are tuples.
    """
    cases = list(cases)
    names = [ids(case) for case in cases] if callable(ids) else [str(name) for name in ids]
    named = list(zip(names, cases, strict=True))
    groups = [Cases(named[i : i + of]) for i in range(0, len(named), of)]

    def test_of(check):
        several = len(inspect.signature(check).parameters) > 1

        @pytest.mark.parametrize("cases", groups, ids=str)
        def test(cases):
            faults, skipped = [], []
            for name, case in cases:
                try:
                    check(*case) if several else check(case)
                except pytest.skip.Exception as reason:
                    skipped.append(reason)
                except Exception as fault:
                    fault.add_note(f"case {name}")
                    faults.append(fault)
            if len(faults) == 1:
                raise faults[0]
            if faults:
                raise ExceptionGroup(f"{len(faults)} of {len(cases)} cases", faults)
            if len(skipped) == len(cases):
                raise skipped[0]

        test.__name__, test.__doc__ = check.__name__, check.__doc__
        return test

    return test_of


CHECKED = functions()  # when tests are collected; `tests/test_rules.py` asks that no rule comes later
each_rule = together(CHECKED, ids=name_of)


def law(*, of=lambda sample: True):
    """Makes of the check of one sample the check of one rule at those of its samples that ``of`` chooses.

    All of them are run; each that breaks the law is reported.
    """

    def test_of(check):
        def check_rule(function):
            chosen = [sample for sample in samples_of(function) if of(sample)]
            if not chosen:
                pytest.skip("no sample that this law is about")
            faults = [fault for sample in chosen if (fault := fault_of(check, sample)) is not None]
            if len(faults) == 1:
                raise faults[0]
            if faults:
                raise ExceptionGroup(f"{len(faults)} of {len(chosen)} samples of {name_of(function)}", faults)

        check_rule.__name__, check_rule.__doc__ = check.__name__, check.__doc__
        return each_rule(check_rule)

    return test_of


def fault_of(check, sample):
    try:
        check(sample)
    except Exception as fault:
        fault.add_note(f"sample {sample}")
        return fault
    return None
