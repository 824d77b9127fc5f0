"""dualdiff: exact derivatives of plain NumPy code.

    forward mode        jvp, derivative, jacfwd
    reverse mode        vjp, linearize, grad, value_and_grad, elementwise_grad, jacrev
    either              jacobian, hessian, hvp, stop_gradient
    requires-grad style Variable
    unchanged code      adapt, as_written, stand_in
    rules of your own   custom_jvp, custom_vjp; containers: register_pytree
    checking, comparing check_grads, compare_modes
    the array type      Dual
    errors, a warning   UnsupportedFunction, EscapedDual, IndependentResult

A map of the package, from the ground up; a file imports only from its own folder and from what stands below it:

    errors.py           what goes wrong, in words
    table.py            the table: one rule for each function
    values/             what a rule runs on: Dual, its indexing and storage, NumPy's two protocols, object arrays
    tangents/           what ε may be, behind four linear operations: single.py (forward, one direction), dense.py
                        (forward, many), tape.py (reverse)
    pytrees/            nested arguments and results
    rules/              one derivative rule for each NumPy function; rules/forms.py: the ways to declare one
    special/            the same for scipy.special, loaded when that is in use
    methods.py          the operators and methods of ndarray, from the table
    adapting/           code that NumPy has no hook for: a function's calls, hooked; stand-ins; arrays that are filled
    transforms/         forward.py, reverse.py, jacobian.py: the transforms; arguments.py: what enters and leaves them;
                        custom.py, variable.py, compare.py
    scipy/              SciPy's functions that do not dispatch, by SciPy's names
    testing.py          check_grads
    __main__.py         python -m dualdiff: the table of what is differentiable
"""

from . import rules as rules  # fills the table of rules

from . import methods as methods  # isort: skip  (operators of Dual are made from the table)
from .adapting import adapt, as_written, stand_in
from .errors import EscapedDual, IndependentResult, UnsupportedFunction
from .pytrees.trees import register_pytree
from .testing import check_grads
from .transforms.compare import compare_modes
from .transforms.custom import custom_jvp, custom_vjp
from .transforms.forward import derivative, jacfwd, jvp, stop_gradient
from .transforms.jacobian import hessian, hvp, jacobian
from .transforms.reverse import elementwise_grad, grad, jacrev, linearize, value_and_grad, vjp
from .transforms.variable import Variable
from .values.dual import Dual

__all__ = [
    "Dual",
    "EscapedDual",
    "IndependentResult",
    "UnsupportedFunction",
    "Variable",
    "adapt",
    "as_written",
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
    "stand_in",
    "stop_gradient",
    "value_and_grad",
    "vjp",
]
__version__ = "0.1.0"


def __dir__() -> list[str]:
    return [*__all__, *(name for name in globals() if name.startswith("__"))]
