"""A constant inside a tree of parameters: a name, a flag, a count, a function."""

from __future__ import annotations

from typing import Any

from ..values.objects import carries
from .trees import register_pytree


class Static:
    """What `static` returns: the constant as ``value``; equal to it, and called like it."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.value(*args, **kwargs)

    def __eq__(self, other: Any) -> Any:
        return self.value == (other.value if type(other) is Static else other)

    def __hash__(self) -> int:
        return hash(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __index__(self) -> int:
        return self.value.__index__()

    def __str__(self) -> str:
        return str(self.value)

    def __repr__(self) -> str:
        return f"static({self.value!r})"


def static(value: Any) -> Static:
    """Mark something inside a parameter tree as a constant, which no transform differentiates.

    A tree may hold a name, a flag, a count or a function beside its numbers; unmarked they are refused, or, if they are
    whole numbers, differentiated.  The function sees the mark: ``p["kind"].value`` is the constant; ``==``, calls,
    ``range`` and truth see it as it is.  Trees of gradients hold the mark at the same place.

    Parameters
    ----------
    value : object
        The constant.

    Returns
    -------
    Static
        The mark, which holds it.

    Raises
    ------
    TypeError
        If the value carries a derivative, which would be lost; `stop_gradient` says that it may be.

    Notes
    -----
    Cost: none.

    Examples
    --------
    >>> import numpy as np
    >>> import dualdiff as dd
    >>> def f(p):
    ...     y = p["w"] ** 2
    ...     return np.sin(y) if p["kind"] == "sine" else y
    >>> dd.grad(f)({"w": 2.0, "kind": dd.static("square")})
    {'w': 4.0, 'kind': static('square')}
    """
    if carries(value):
        raise TypeError(
            "static: the value carries a derivative, which would be lost.\n"
            "  If that is meant:  dualdiff.static(dualdiff.stop_gradient(x))."
        )
    return value if type(value) is Static else Static(value)


register_pytree(Static, lambda marked: ((), marked.value), lambda value, _: Static(value))
