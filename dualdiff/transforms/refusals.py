"""What a transform refuses before it runs anything."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tangents import dtype_of

_FOR_COMPLEX = {
    "jacobian": "jacobian(f, holomorphic=True)",
    "hessian": "jacfwd(jacrev(f, holomorphic=True), holomorphic=True)",
}


def refuse_complex(x: Any, transform: str, name: str, holomorphic: bool) -> None:
    is_complex = dtype_of(x).kind == "c"
    if is_complex and not holomorphic:
        instead = _FOR_COMPLEX.get(transform, "jacfwd(f, holomorphic=True)")
        raise TypeError(
            f"{transform}: {name} is complex, and a function of it has one complex derivative only if it is "
            "holomorphic.\n"
            f"  If it is, use {instead}; if not, differentiate along real directions with jvp."
        )
    if holomorphic and not is_complex:
        raise TypeError(f"{transform}: holomorphic=True, but {name} has dtype {dtype_of(x)}; pass a complex array.")


_CALLS = {
    "jvp": "jvp(f, (x,), (v,))",
    "hvp": "hvp(f, x, v)",
    "vjp": "vjp(f, x)",
    "linearize": "linearize(f, x)",
    "check_grads": "check_grads(f, (x,))",
    "compare_modes": "compare_modes(f, x)",
    "custom_jvp": "custom_jvp(f)",
    "custom_vjp": "custom_vjp(f)",
}


def check_function(f: Any, transform: str) -> None:
    if not callable(f):
        raise TypeError(
            f"{transform}: the first argument is a function, not {f!r}; call it as "
            f"{_CALLS.get(transform, transform + '(f)(x)')}."
        )


def check_chunk_size(chunk_size: Any, transform: str) -> None:
    a_count = isinstance(chunk_size, (int, np.integer)) and not isinstance(chunk_size, bool)
    if chunk_size is not None and (not a_count or chunk_size < 1):
        raise ValueError(f"{transform}: chunk_size is a positive int or None, not {chunk_size!r}.")
