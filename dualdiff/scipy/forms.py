"""How a Python-level function of SciPy is given a derivative rule.

    @tangent_rule(scipy.linalg.expm)            an expression in the tangents, as for NumPy's functions
    def expm(y, A, dA): ...

    @composite(scipy.integrate.trapezoid)       a formula in NumPy calls that have rules
    def trapezoid(y, x=None, dx=1.0, axis=-1): ...

The name declared becomes a function with SciPy's signature: SciPy's own on plain arguments, the rule on Duals and
Variables.  SciPy's own call makes every value; below an outer level of differentiation the function calls itself.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..dispatch import duals_in
from ..rules import forms
from ..rules.results import fused_tree
from ..variable import presented


def tangent_rule(plain: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare ``rule(y, a, b, ..., da, db)`` as `dualdiff.rules.forms.tangent_rule` does."""
    return lambda rule: _differentiable(plain, forms.TangentRule, rule)


def composite(plain: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a formula with SciPy's signature; only its tangent is used."""
    return lambda formula: _differentiable(plain, forms.Composite, formula)


def _differentiable(plain: Callable[..., Any], form: Any, formula: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(plain)
    def function(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = fused_tree(args), fused_tree(kwargs)
        if not duals_in(args, kwargs):
            return plain(*args, **kwargs)
        return presented(rule(*args, **kwargs))

    function.__module__ = formula.__module__  # messages name the function that was called
    rule = form(function, formula)
    return function
