"""Hypothesis draws the same examples in every run: a suite that passes, passes everywhere."""

from hypothesis import settings

settings.register_profile("suite", derandomize=True, deadline=None)
settings.load_profile("suite")
