"""An error of the user's function, explained.

What NumPy and SciPy say of values that carry derivatives where they cannot take them stays what it is: the next step is
a note.
"""

from __future__ import annotations

import numpy as np

from .. import adapting
from ..errors import DerivativeLost, UnsupportedFunction
from ..tangents import Perturbation


def explain(error: Exception, perturbation: Perturbation) -> None:
    """Explain an error of a function that ran with a perturbation, or raise a better one."""
    _add_step(error)
    adapting.explain(error, perturbation.refused)


def _add_step(error: Exception) -> None:
    """Add the next step to an error of NumPy's that came out of the user's function."""
    if isinstance(error, UnsupportedFunction) or hasattr(error, "__notes__"):
        return
    text = str(error)
    if isinstance(error, AttributeError):
        if _asks_a_number(error):
            raise DerivativeLost(f"{text}: a function of NumPy asked it of an entry.\n  {_NO_LOOP}") from error
        return
    for words, hint in _HINTS.items():
        if words in text:
            error.add_note("dualdiff: " + (_of_package(error) or hint))
            return
    if any(words in text for words in _NOT_TAKEN) and (step := _of_package(error)):
        error.add_note("dualdiff: " + step)


def _asks_a_number(error: AttributeError) -> bool:
    """Whether NumPy asked a plain number among objects for a ufunc (``'float' object has no attribute 'hypot'``)."""
    if not isinstance(error.obj, (int, float, complex, np.generic, np.ndarray)):
        return False
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    from_numpy = frame is not None and frame.tb_frame.f_globals.get("__name__", "").startswith("numpy")
    number = isinstance(error.obj, (int, float, complex))
    return (number and from_numpy) or isinstance(getattr(np, str(error.name), None), np.ufunc)


def _of_package(error: BaseException) -> str | None:
    """The next step where the error came out of a package's own function that does not dispatch."""
    frame = error.__traceback__
    modules = []
    while frame is not None:
        modules.append(frame.tb_frame.f_globals.get("__name__", ""))
        frame = frame.tb_next
    for package, hint in _PACKAGES.items():
        if any(module.startswith(package) for module in modules):
            return hint
    return None


# What NumPy says when it meets an object array of Duals that its own loops cannot work on, and what helps.
_NO_LOOP = (
    "np.array([...]) of values that carry derivatives is an array of objects, which only some of NumPy's functions "
    "take.\n"
    "  Make it with np.stack([...]), np.block([...]) or np.array([...], like=x), which work on plain arrays too."
)
_NO_ROOM = (
    "a plain array cannot hold a value that carries a derivative: make it with np.zeros_like(x) or np.zeros(n, like=x);"
    "\n  in place of np.fromiter(...) use np.stack(list(...)), leave out otypes= of np.vectorize,\n"
    "  and give functions of arrays np.stack([...]) in place of np.array([...])."
)
_NO_ITERATOR = (
    "np.nditer does not iterate over values that carry derivatives.\n"
    "  Use np.ndindex(x.shape), np.ndenumerate(x) or x.flat."
)
_SPARSE = (
    "a sparse matrix of SciPy's takes no values that carry derivatives afterwards, only one array of them, A @ x.\n"
    "  Make the matrix of its entries, csr_array((data, indices, indptr)): in adapted functions, and by these names of "
    "dualdiff.scipy.sparse, it carries derivatives; or use A.toarray(); where A is constant, dualdiff.linear(A.dot, "
    "A.T.dot)(x)."
)
_PACKAGES = {
    "scipy.sparse": _SPARSE,
    "scipy": (
        "this function of SciPy does not dispatch. dualdiff.scipy has many of them under the same names, in special, "
        "linalg, integrate, interpolate and stats (python -m dualdiff scipy lists them).\n"
        "  Any other gets a rule with dualdiff.rules or dualdiff.custom_jvp, a linear map one with dualdiff.linear."
    ),
    "numpy.polynomial": (
        "np.polynomial calls functions of NumPy that take no objects; np.polyfit and np.roots are differentiable."
    ),
}
_HINTS = {
    "object arrays are not supported": _NO_LOOP,
    "input type 'object' not supported": _NO_LOOP,
    "no supported conversion for types": _SPARSE,
    "unsupported data types in input": _SPARSE,
    "scipy.sparse does not support dtype object": _SPARSE,
    "which has no callable ": _NO_LOOP,
    "not supported for stacks of object arrays": _NO_LOOP,
    "dtype('O')": _NO_LOOP,
    "could not be safely coerced": _NO_LOOP,
    "setting an array element with a sequence": _NO_ROOM,
    "NPY_ITER_REFS_OK": _NO_ITERATOR,
}
# What compiled functions of SciPy's say of an array that they cannot take.
_NOT_TAKEN = (
    "dtype object", "data type not supported", "pythranized", "'Buffer'", "'Dual'", "bytes-like object",
    "No matching signature found", "read its objects as numbers", "C contiguous array", "can't be converted to double",
)  # fmt: skip
