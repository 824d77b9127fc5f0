"""What stands in for functions of Python's and of NumPy's, all of it: imported when the first function is adapted."""

from . import attributes as attributes
from . import buffer_methods as buffer_methods
from . import buffer_protocols as buffer_protocols
from . import builtins as builtins
from . import classes as classes
from . import compiled as compiled
from . import creation as creation
from . import iterators as iterators
from . import mathematics as mathematics
from . import shuffling as shuffling
from . import vectorizing as vectorizing
