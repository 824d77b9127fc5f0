"""The parameters of a declared rule, which are those of its function, in their order and with their defaults."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

_BY_PLACE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def check_parameters(name: str, function: Callable[..., Any], of_rule: Sequence[inspect.Parameter]) -> None:
    """A name that the function has at another place, and a default that is another than the function's, are errors."""
    try:
        of_function = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # a function in C may not say what it takes
        return
    places = {parameter.name: i for i, parameter in enumerate(of_function) if parameter.kind in _BY_PLACE}
    known = {parameter.name: parameter for parameter in of_function}
    for i, parameter in enumerate(of_rule):
        its = known.get(parameter.name)
        if its is None:
            continue
        place = places.get(parameter.name)
        if parameter.kind in _BY_PLACE and place is not None and place != i:
            raise TypeError(
                f"{name}: its rule has {parameter.name!r} at place {i}, and the function at place {place}; given by "
                "name and by place it would be two arguments.\n"
                f"  Write the parameters in the order of the function: {', '.join(places)}."
            )
        default, own = its.default, parameter.default
        if own is default or own is parameter.empty or default is parameter.empty or _equal(own, default):
            continue
        raise TypeError(
            f"{name}: its rule has {parameter.name}={own!r}, and the function {parameter.name}={default!r}; where it "
            "is left out, the derivative would be that of another function.\n"
            "  Give both the same default."
        )


def _equal(a: Any, b: Any) -> bool:
    try:
        return bool(a == b)
    except Exception:  # arrays, and whatever does not compare
        return False
