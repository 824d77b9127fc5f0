"""dualdiff: exact derivatives of plain NumPy code.

    forward mode        jvp, derivative, jacfwd
    reverse mode        vjp, linearize, grad, value_and_grad, elementwise_grad, jacrev
    either              jacobian, hessian, hvp, hessian_diagonal, gauss_newton_product, stop_gradient
    sparse, by SciPy    sparsity, sparse_jacobian, value_and_sparse_jacobian, sparse_hessian, jacobian_operator
    many points         batch_jacobian
    statistics          propagate, standard_errors; parameters as one vector: ravel
    requires-grad style Variable
    unchanged code      adapt, as_written, stand_in
    rules of your own   custom_jvp, custom_vjp, linear, rules (the forms); containers: register_pytree, static
    written as NumPy    stage
    checking, comparing check_grads, compare_modes; why is it zero, nan or slow: diagnose; show_versions
    the array type      Dual
    errors, warnings    DualdiffError: UnsupportedFunction, DerivativeLost, NoDerivative, NoForwardRule, EscapedDual,
                        StagingRefused; DualdiffWarning: IndependentResult (OnlyCompared), NotStaged

A map of the package, from the ground up; a file imports only from its own folder and from what stands below it:

    errors.py           what goes wrong, in words
    table.py            the table: one rule for each function
    values/             what a rule runs on: Dual, its indexing and storage, NumPy's two protocols, object arrays
    tangents/           what ε may be, behind four linear operations: single.py (forward, one direction), dense.py
                        (forward, many), tape.py (reverse), pattern.py (sparsity)
    pytrees/            nested arguments and results
    rules/              one derivative rule for each NumPy function; rules/forms.py: the ways to declare one
    special/            the same for scipy.special, loaded when that is in use
    methods/            the operators and methods of ndarray, from the table
    adapting/           code that NumPy has no hook for: a function's calls, hooked; stand-ins; arrays that are filled
    transforms/         forward.py, reverse.py, linearization.py, jacobian.py: the transforms; arguments.py: what
                        enters and leaves them; sparse.py (with colouring.py, plans.py, checks.py, directions.py),
                        operator.py, batch.py; custom_jvp.py, custom_vjp.py, linear.py, variable.py, compare.py;
                        curvature.py, uncertainty.py, vectors.py
    scipy/              SciPy's functions that do not dispatch, and its solvers, by SciPy's names
    staging/            a transform as a plain NumPy program: what its calls were, simplified, as text
    testing.py          check_grads
    diagnosis/          diagnose: a function run once, watched, and what is to be said of it; show_versions
    __main__.py         python -m dualdiff: the table of what is differentiable
    guide/              the pages that python -m dualdiff guide prints: how it works is one to read with the files
"""

import importlib
from typing import TYPE_CHECKING, Any

from . import rules as rules  # fills the table of rules

from . import methods as methods  # isort: skip  (operators of Dual are made from the table)
from .adapting import adapt, as_written, stand_in
from .errors import (
    DerivativeLost,
    DualdiffError,
    DualdiffWarning,
    EscapedDual,
    IndependentResult,
    NoDerivative,
    NoForwardRule,
    NotStaged,
    OnlyCompared,
    StagingRefused,
    UnsupportedFunction,
)
from .pytrees.static import static
from .pytrees.trees import register_pytree
from .transforms.forward import derivative, jacfwd, jvp
from .transforms.reverse import elementwise_grad, grad, jacrev, value_and_grad
from .values.dual import Dual

if TYPE_CHECKING:
    from . import testing as testing
    from .diagnosis import diagnose, show_versions
    from .staging import stage
    from .testing import check_grads
    from .transforms.batch import batch_jacobian
    from .transforms.compare import compare_modes
    from .transforms.curvature import gauss_newton_product, hessian_diagonal
    from .transforms.custom_jvp import custom_jvp
    from .transforms.custom_vjp import custom_vjp
    from .transforms.jacobian import hessian, hvp, jacobian
    from .transforms.linear import linear
    from .transforms.linearization import linearize, vjp
    from .transforms.operator import jacobian_operator
    from .transforms.sparse import sparse_hessian, sparse_jacobian, sparsity, value_and_sparse_jacobian
    from .transforms.stopping import stop_gradient
    from .transforms.uncertainty import propagate, standard_errors
    from .transforms.variable import Variable
    from .transforms.vectors import ravel
else:  # so that type checkers know which names there are
    # What is imported at its first use: name -> module.
    _LATER = {
        **dict.fromkeys(("diagnose", "show_versions"), "diagnosis"),
        "stage": "staging",
        "check_grads": "testing",
        "batch_jacobian": "transforms.batch",
        "compare_modes": "transforms.compare",
        **dict.fromkeys(("gauss_newton_product", "hessian_diagonal"), "transforms.curvature"),
        "custom_jvp": "transforms.custom_jvp",
        "custom_vjp": "transforms.custom_vjp",
        **dict.fromkeys(("hessian", "hvp", "jacobian"), "transforms.jacobian"),
        "linear": "transforms.linear",
        **dict.fromkeys(("linearize", "vjp"), "transforms.linearization"),
        "jacobian_operator": "transforms.operator",
        **dict.fromkeys(
            ("sparse_hessian", "sparse_jacobian", "sparsity", "value_and_sparse_jacobian"), "transforms.sparse"
        ),
        "stop_gradient": "transforms.stopping",
        **dict.fromkeys(("propagate", "standard_errors"), "transforms.uncertainty"),
        "Variable": "transforms.variable",
        "ravel": "transforms.vectors",
    }

    def __getattr__(name: str) -> Any:
        """What is imported at its first use."""
        if name in _LATER:
            module = importlib.import_module(f".{_LATER[name]}", __name__)
            globals()[name] = found = getattr(module, name)
            return found
        if name in ("diagnosis", "testing"):
            return importlib.import_module(f".{name}", __name__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "DerivativeLost",
    "Dual",
    "DualdiffError",
    "DualdiffWarning",
    "EscapedDual",
    "IndependentResult",
    "NoDerivative",
    "NoForwardRule",
    "NotStaged",
    "OnlyCompared",
    "StagingRefused",
    "UnsupportedFunction",
    "Variable",
    "adapt",
    "as_written",
    "batch_jacobian",
    "check_grads",
    "compare_modes",
    "custom_jvp",
    "custom_vjp",
    "derivative",
    "diagnose",
    "elementwise_grad",
    "gauss_newton_product",
    "grad",
    "hessian",
    "hessian_diagonal",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacobian_operator",
    "jacrev",
    "jvp",
    "linear",
    "linearize",
    "propagate",
    "ravel",
    "register_pytree",
    "rules",
    "show_versions",
    "sparse_hessian",
    "sparse_jacobian",
    "sparsity",
    "stage",
    "stand_in",
    "standard_errors",
    "static",
    "stop_gradient",
    "value_and_grad",
    "value_and_sparse_jacobian",
    "vjp",
]
__version__ = "0.2.0"  # the one place


def __dir__() -> list[str]:
    return [*__all__, *(name for name in globals() if name.startswith("__"))]
