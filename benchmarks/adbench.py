"""The four objectives of ADBench, each in a module of its own: plain NumPy, vectorised, and how each is differentiated.

    gaussian mixture     all parameters of one likelihood     reverse mode
    bundle adjustment    blocks of a sparse Jacobian          either mode, one sweep common to all observations
    lstm                 a loss over a loop in time           reverse mode
    hand tracking        many errors of a pose of 26          forward mode

Source: Šrajer, Kukelova, Fitzgibbon, "A benchmark of selected algorithmic differentiation tools on some problems in
computer vision and machine learning", Optimization Methods & Software 33 (2018) 889.
The files ``gmm_*`` and ``ba1_*`` in ``data`` are from microsoft/ADBench (MIT licence).
"""

from __future__ import annotations

from . import bundle_adjustment, gaussian_mixture, hand_tracking, lstm
from .problems import Problem

PROBLEMS: list[Problem] = [
    *gaussian_mixture.problems(),
    *bundle_adjustment.problems(),
    *lstm.problems(),
    *hand_tracking.problems(),
]
