"""Functions of the order of the entries: where it changes, their derivatives jump, and who watches is told."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..table import RULES
from ..values.choices import WATCHES, note
from ..values.dual import Dual, primal
from ..values.objects import carries, fused


class _Ranking:
    """The rule of a function that chooses by rank, in front of the rule itself."""

    function: Any

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if WATCHES and args and carries(args[0]):
            a = fused(args[0])
            if type(a) is Dual and a.ndim and a.dtype.kind == "f":
                position = _POSITIONS.get(self.function)
                if position is not None and a.size:
                    note(position, (a,), position(primal(a)))
                else:
                    note(np.argsort, (a,), np.argsort(primal(a), axis=None))
        return super().__call__(*args, **kwargs)  # type: ignore[misc]


_POSITIONS: dict[Any, Any] = {np.max: np.argmax, np.min: np.argmin, np.amax: np.argmax, np.amin: np.argmin}


def ranking(*functions: Any) -> None:
    """Let the rules of these functions, which are in the table, note the order that they find."""
    for function in functions:
        rule = RULES[function]
        if not isinstance(rule, _Ranking):
            kind = type(rule)
            rule.__class__ = type(kind.__name__, (_Ranking, kind), {"__module__": kind.__module__})
            rule.plain_call = rule.__call__
