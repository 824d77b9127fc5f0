"""Staging: a function, or a transform of one, as a plain NumPy program.

traced.py     values that write down the calls made with them: how they are held
tracing.py    what Python and NumPy ask of them; operators.py: their operators, attributes and methods
recording.py  a call, run and written down
record.py     what was written down
places.py     the user's line of each call, of the backward part too
passes.py     the same in fewer calls; the passes themselves: memory.py, arithmetic.py, signs.py, stacks.py, blocks.py,
              rows.py (single_rows.py, known_signs.py), silence.py
emission.py   the same as text; names.py: of functions and literals; floats.py: in Python's floats
loops.py, kernels.py, expressions.py, numba_programs.py    compiled: `compile="numba"`
programs.py   from one run to one compiled program; parameters.py: its arguments
entrance.py   how a call that is like the one before it comes to its program
staged.py     `stage`: which program is for which arguments; the unstaged function where none is
"""

from . import operators as operators  # of traced values
from .staged import Staged, stage

__all__ = ["Staged", "stage"]
