"""Functions of the order of the entries: where it changes, their derivatives jump, and who watches is told."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..table import RULES, Rule
from ..values.choices import WATCHES, note
from ..values.dual import Dual, primal
from ..values.objects import carries, fused


class Ranking(Rule):
    """The rule of a function that chooses by rank: who watches is told, and the rule does the rest."""

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule.function)
        self.rule = rule
        self.form, self.names, self.active = rule.form, rule.names, rule.active
        self.bound, self.tangent = rule.bound, rule.tangent  # type: ignore[method-assign]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if WATCHES and args and carries(args[0]):
            a = fused(args[0])
            if type(a) is Dual and a.ndim and a.dtype.kind == "f":
                position = _POSITIONS.get(self.function)
                if position is not None and a.size:
                    note(position, (a,), position(primal(a)))
                else:
                    note(np.argsort, (a,), np.argsort(primal(a), axis=None))
        return self.rule(*args, **kwargs) if kwargs else self.rule.plain_call(*args)


_POSITIONS: dict[Any, Any] = {np.max: np.argmax, np.min: np.argmin, np.amax: np.argmax, np.amin: np.argmin}


def ranking(*functions: Any) -> None:
    """Let the rules of these functions, which are in the table, tell of the order that they find."""
    for function in functions:
        RULES[function] = Ranking(RULES[function])
