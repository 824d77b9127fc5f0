"""The operators of Python and the methods of ``ndarray``, on a Dual, from the table of rules.

arithmetic.py   operators; what an operator costs over NumPy is counted in hundreds of nanoseconds
ndarray.py      methods and attributes
"""

from . import arithmetic as arithmetic
from . import ndarray as ndarray
