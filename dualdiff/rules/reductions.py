"""Reductions: sums, products, extrema, norms and their cumulative forms."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import errors
from ..dispatch import RULES, Rule, fused, register
from ..dual import Dual
from ..tangents.expression import Tangent, sum_subscripts
from .forms import TangentRule
from .ufunc_methods import REDUCTIONS


class Sum(Rule):
    """The sum, which nearly every program ends in, with a short way for the plain call."""

    form = "reduction"

    def __call__(
        self, a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, **options: Any
    ) -> Any:
        a = fused(a)
        if type(a) is Dual and dtype is None and out is None and not keepdims and not options:
            p = a.perturbation
            if not p.live:
                raise errors.escaped(a)
            y = np.add.reduce(a.value, axis=axis)
            return Dual(y, p.contract(a.tangent, sum_subscripts(a.ndim, axis)[0]), p)
        return _general_sum(a, axis=axis, dtype=dtype, out=out, keepdims=keepdims, **options)


def _sum_tangent(
    y: Any,
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    keepdims: Any = False,
    initial: Any = 0,
    where: Any = True,
    *,
    da: Tangent,
) -> Tangent:
    if where is not True:
        da = da * np.asarray(where, dtype=bool)
    return da.sum(axis, keepdims is True)


register(Sum(np.sum))
_general_sum = TangentRule(np.sum, _sum_tangent)
REDUCTIONS[np.add] = RULES[np.sum]
