"""Samples of all rules, staged in every mode and held against the unstaged functions; see tests/staged_programs.py.

``python -m tests.staged_programs --samples`` runs all of them.
"""

import pytest

from tests.samples import load_all
from tests.staged_programs import REFUSED_SAMPLES, staged_sample

STRIDE = 151


@pytest.mark.parametrize("mode", ["plain", "jvp", "vjp", "jvp of jvp", "jvp of vjp"])
def test_samples_as_unstaged(mode):
    refused = {}
    for sample in load_all()[7::STRIDE]:
        reason = staged_sample(sample, mode)
        if reason is not None:
            refused[str(sample)] = reason
    unknown = {
        name: reason for name, reason in refused.items() if not any(known in reason for known in REFUSED_SAMPLES)
    }
    assert not unknown
