"""Staging: a function, or a transform of one, as a plain NumPy program.

tracing.py    values that write down the calls made with them
record.py     what was written down
places.py     the user's line of each call, of the backward part too
passes.py     the same in fewer calls
emission.py   the same as text
expressions.py, kernels.py, loops.py, numba_programs.py    the same compiled: `compile="numba"`
programs.py   from one run to one compiled program
staged.py     `stage`: which program is for which arguments; the unstaged function where none is
"""

from . import operators as operators  # of traced values
from .staged import Staged, stage

__all__ = ["Staged", "stage"]
