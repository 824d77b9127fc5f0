"""Pytrees: nested arguments and results.

trees.py           flatten, unflatten and the structure between them; `register_pytree`
kinds.py           the table: how containers of one class are taken apart and built
containers.py      subclasses of tuple, list and dict, named tuples, dataclasses
reconstruction.py  a container of an unknown class with other numbers in it: faithfully, or not at all
comparison.py      when two of them are the same
"""

from . import containers as containers  # adds what is known of containers
