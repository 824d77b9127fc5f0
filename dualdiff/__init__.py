"""dualdiff: exact derivatives of plain NumPy code.

    forward mode        jvp, derivative, jacfwd
    reverse mode        vjp, linearize, grad, value_and_grad, elementwise_grad, jacrev
    either              jacobian, hessian, hvp, stop_gradient
    requires-grad style Variable
    rules of your own   custom_jvp, custom_vjp; containers: register_pytree
    checking, comparing check_grads, compare_modes
    the array type      Dual
    errors, a warning   UnsupportedFunction, EscapedDual, IndependentResult

A map of the package, in the order in which it reads best:

    dual.py             Dual: a value and its tangent
    tangents/           the kinds of tangent, behind four linear operations: single.py (forward, one direction),
                        dense.py (forward, many), tape.py (reverse)
    rules/              one derivative rule for each NumPy function; rules/forms.py: the ways to declare one;
                        rules/special.py: scipy.special, loaded when it is in use
    dispatch.py         from a NumPy call to its rule, and to the level of differentiation it belongs to
    objects.py          arrays of objects: what an entry is asked by NumPy, and when the answer would be wrong
    storage.py          buffers written in place, and the views that must see it
    methods.py          the operators and methods of ndarray; declarations.py: what type checkers know of them
    forward.py, reverse.py, higher.py    the transforms
    seeding.py          what enters a transform and what leaves it
    pytrees.py          nested arguments and results; containers.py, reconstruction.py: what is known of containers,
                        and how one is built again with other numbers in it
    sharing.py          the same memory in two arguments
    foreign.py          arrays of other packages: what NumPy sees of them, and which are refused by name
    variable.py         Variable: requires-grad style on top of the tape
    compare.py          which mode is best for one function, measured
    custom.py, testing.py, errors.py
    __main__.py         python -m dualdiff: the table of what is differentiable
    scipy/              SciPy's functions that do not dispatch, by SciPy's names
"""

from . import rules as rules  # fills the table of rules

from . import methods as methods  # isort: skip  (operators of Dual are made from the table)
from .compare import compare_modes
from .custom import custom_jvp, custom_vjp
from .dual import Dual
from .errors import EscapedDual, IndependentResult, UnsupportedFunction
from .forward import derivative, jacfwd, jvp, stop_gradient
from .higher import hessian, hvp, jacobian
from .pytrees import register_pytree
from .reverse import elementwise_grad, grad, jacrev, linearize, value_and_grad, vjp
from .testing import check_grads
from .variable import Variable

__all__ = [
    "Dual",
    "EscapedDual",
    "IndependentResult",
    "UnsupportedFunction",
    "Variable",
    "check_grads",
    "compare_modes",
    "custom_jvp",
    "custom_vjp",
    "derivative",
    "elementwise_grad",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "linearize",
    "register_pytree",
    "stop_gradient",
    "value_and_grad",
    "vjp",
]
__version__ = "0.1.0"
