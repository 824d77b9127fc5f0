"""How NumPy and Python reach a Dual: the operators and the methods of ``ndarray``, from the table of rules.

arithmetic.py   operators; what an operator costs over NumPy is counted in hundreds of nanoseconds
ndarray.py      methods and attributes

NumPy's own functions come by its two protocols: `dualdiff.values.protocols`.
"""

from ..values import protocols as protocols  # gives them to Dual
from . import arithmetic as arithmetic
from . import ndarray as ndarray
