"""Random programs with buffers, ``float()``, ``math`` and lists of numbers sprinkled in, in every run of the suite."""

import pytest
from hypothesis import HealthCheck, given, settings

from tests.sprinkled_programs import TEMPLATES, check_sprinkled, sprinkled_programs


@pytest.mark.long
@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(sprinkled_programs())
def test_sprinkled_program_has_the_derivative_of_the_program_without(sprinkled):
    check_sprinkled(sprinkled)


def test_every_sprinkle_is_a_statement():
    for template in TEMPLATES:
        compile(template.replace("{v}", "v0").replace("{p}", "0"), "<sprinkle>", "exec")
