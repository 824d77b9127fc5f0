"""dualdiff: exact derivatives of plain NumPy code.

    transforms          jvp, derivative, jacfwd, stop_gradient
    rules of your own   custom_jvp
    checking            check_grads
    the array type      Dual
    errors              UnsupportedFunction, EscapedDual

A map of the package, in the order in which it reads best:

    dual.py             Dual: a value and its tangent
    tangents/           the kinds of tangent, behind four linear operations
    rules/              one derivative rule for each NumPy function; rules/forms.py: the ways to declare one
    dispatch.py         from a NumPy call to its rule, and to the level of differentiation it belongs to
    storage.py          buffers written in place, and the views that must see it
    methods.py          the operators and methods of ndarray
    operators.py        the transforms; seeding.py: what enters and leaves them; pytrees.py
    custom.py, testing.py, errors.py
"""

from . import rules as rules  # fills the table of rules

from . import methods as methods  # isort: skip  (operators of Dual are made from the table)
from .custom import custom_jvp
from .dual import Dual
from .errors import EscapedDual, UnsupportedFunction
from .operators import derivative, jacfwd, jvp, stop_gradient
from .testing import check_grads

__all__ = [
    "Dual",
    "EscapedDual",
    "UnsupportedFunction",
    "check_grads",
    "custom_jvp",
    "derivative",
    "jacfwd",
    "jvp",
    "stop_gradient",
]
__version__ = "0.1.0"
