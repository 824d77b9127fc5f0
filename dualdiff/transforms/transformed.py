"""What a transform returns: a function that remembers how it was made, so that it can be pickled."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import MethodType
from typing import Any, ParamSpec, TypeVar

import numpy as np

from .arguments import presented

P = ParamSpec("P")  # the arguments of the user's function, which what a transform returns takes too
F = TypeVar("F", bound=Callable[..., Any])


class Transformed:
    """``transform(f, *args, **options)``, callable; pickled as that expression, if ``f`` can be."""

    def __init__(
        self,
        call: Callable[..., Any],
        transform: Callable[..., Any],
        f: Callable[..., Any],
        *args: Any,
        **options: Any,
    ) -> None:
        functools.update_wrapper(self, f, updated=())
        what = (transform.__doc__ or "").partition("\n\n")[0]
        self.__doc__ = (
            f"{transform.__name__} of {getattr(f, '__name__', f)}.  {what}\n\n{getattr(f, '__doc__', '') or ''}"
        )
        self._call = call
        self._made_by = (transform, (f, *args), options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        result = self._call(*args, **kwargs)
        return result if type(result) is np.ndarray else presented(result)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """A transformed function in a class body is a method, as any function is."""
        return self if instance is None else MethodType(self, instance)

    def __reduce__(self) -> tuple[Any, ...]:
        return _made, self._made_by

    def __repr__(self) -> str:
        transform, args, _ = self._made_by
        return f"<{transform.__name__} of {args[0]!r}>"


def _made(transform: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    return transform(*args, **options)


def parameters_of(other: Callable[..., Any]) -> Callable[[F], F]:
    """Give a transform's text the parameters of another one, where it says "As of" that: written once."""

    def complete(transform: F) -> F:
        if other.__doc__ and transform.__doc__:  # not under -OO
            lines = other.__doc__.split("\n")
            titles = [line.strip() for line in lines]
            parameters = lines[titles.index("Parameters") + 2 : titles.index("Returns") - 1]
            own = transform.__doc__.split("\n")
            at = [line.strip() for line in own].index(f"As of `{other.__name__}`.")
            transform.__doc__ = "\n".join([*own[:at], *parameters, *own[at + 1 :]])
        return transform

    return complete
