"""`np.emath`: functions that outside their real domain take the complex branch."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..table import register
from ..tangents.expression import Tangent
from ..values.dual import primal
from .composites import Formula, array, formula
from .edges import at_edge
from .elementwise_functions import chord
from .forms import tangent_rule


def _complex_where(outside: Any, x: Any) -> Any:
    """A real argument that leaves the domain anywhere, as a complex one."""
    x = array(x)
    return x + 0j if x.dtype.kind != "c" and np.any(outside(primal(x))) else x


def _negative(x: Any) -> Any:
    return x < 0


def _beyond_one(x: Any) -> Any:
    return np.absolute(x) > 1


def _scimath(function: Any, ufunc: Any, outside: Any) -> None:
    register(Formula(function, lambda x: ufunc(_complex_where(outside, x))))


_scimath(np.emath.sqrt, np.sqrt, _negative)
_scimath(np.emath.log, np.log, _negative)
_scimath(np.emath.log2, np.log2, _negative)
_scimath(np.emath.log10, np.log10, _negative)
_scimath(np.emath.arctanh, np.arctanh, _beyond_one)


def _arc_partial(x: Any) -> Any:
    return 1 / chord(_complex_where(_beyond_one, x))


@tangent_rule(np.emath.arcsin)
def arcsin(y: Any, x: Any, *, dx: Tangent) -> Tangent:
    return dx * at_edge(dx.perturbation, _arc_partial, x)


@tangent_rule(np.emath.arccos)
def arccos(y: Any, x: Any, *, dx: Tangent) -> Tangent:
    return dx * -at_edge(dx.perturbation, _arc_partial, x)


@formula(np.emath.logn, active="n x")
def logn(n: Any, x: Any) -> Any:
    return np.log(_complex_where(_negative, x)) / np.log(_complex_where(_negative, n))


@formula(np.emath.power)
def power(x: Any, p: Any) -> Any:
    return np.power(_complex_where(_negative, x), array(p) * 1.0)
