"""`stop_gradient`: values taken out of every differentiation."""

from __future__ import annotations

from typing import Any

from ..pytrees.trees import tree_map
from ..values import foreign
from ..values.dual import Dual, primal
from ..values.kinds import ARRAYS
from ..values.objects import carries, fused


def stop_gradient(x: Any) -> Any:
    """Return ``x`` as a constant, at every level of differentiation.

    Parameters
    ----------
    x : array, number or tree
        What shall carry no derivative.

    Returns
    -------
    array, number or tree
        The same values, plain.

    Notes
    -----
    Cost: none.

    Examples
    --------
    >>> import dualdiff as dd
    >>> dd.derivative(lambda x: x * dd.stop_gradient(x))(3.0)
    3.0
    """
    return tree_map(_constant, x)


def _constant(x: Any) -> Any:
    if not carries(x):
        if foreign.holds(x):
            raise TypeError(
                f"stop_gradient: a {type(x).__name__} holds values that carry a derivative where they cannot be "
                "replaced.\n  Stop the arrays in it, or say how it is built: dualdiff.register_pytree."
            )
        return x
    whole = value = fused(x)
    while type(value) is Dual:
        value.perturbation.stopped = True
        value = value.value
    value = primal(whole)
    # A copy: later writes to x would else change the constant, and writes to the constant x's value alone.
    return value.copy() if type(value) in ARRAYS else value
