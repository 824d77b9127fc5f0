"""`np.einsum`, of any number of factors: the tangent of each is contracted with all others."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import errors
from ..tangents.einsum import LETTERS
from ..tangents.expression import Tangent, normalized
from ..values.levels import innermost, value_of
from ..values.objects import carries
from .call import constant, wrapped, written
from .contractions import Letters, as_array, operand, short_way
from .forms import View, custom, tangent_rule


@custom("contraction", np.einsum)
def einsum(*operands: Any, out: Any = None, **options: Any) -> Any:
    """ẏ = Σᵢ einsum(..., ȧᵢ, ...): the tangent meets the other factors one by one, the smallest result first."""
    if len(operands) == 3 and type(operands[0]) is str and out is None and not options:
        return _einsum_of_two(operands[0])(operands[1], operands[2])
    return _einsum(*_string_form(operands), out, options)


@functools.lru_cache(maxsize=256)
def _einsum_of_two(subscripts: str) -> Callable[[Any, Any], Any]:
    def letters(a: tuple[int, ...], b: tuple[int, ...]) -> Letters | None:
        (left, right), target = _spelled_out(subscripts, (a, b))
        alike = all(n == m for c, n in zip(left, a, strict=True) for d, m in zip(right, b, strict=True) if c == d)
        plain = alike and len(set(left)) == len(left) and len(set(right)) == len(right)
        return (left, right, target) if plain else None

    return short_way(
        lambda x, z: np.einsum(subscripts, x, z), letters, lambda a, b: _einsum(subscripts, [a, b], None, {})
    )


def _einsum(subscripts: str, factors: list[Any], out: Any, options: dict[str, Any]) -> Any:
    if carries(options):
        raise errors.no_derivative_in(np.einsum, next(name for name in options if carries(options[name])))
    factors = [operand(x) for x in factors]
    perturbation = innermost(factors)
    if perturbation is None:
        result = np.einsum(subscripts, *factors, **options)
    else:
        values = [value_of(x, perturbation) for x in factors]
        terms, target = _spelled_out(subscripts, tuple(np.shape(value) for value in values))
        if len(terms) == 1 and set(terms[0]) == set(target):
            # Nothing is summed: NumPy returns a view, which must stay one.
            result = _EINSUM_VIEW(factors[0], subscripts, terms[0], target, **options)
        else:
            y = np.einsum(subscripts, *values, **options)
            if constant(y.dtype):
                result = y
            else:
                active = [i for i, x in enumerate(factors) if x is not values[i]]
                values = [x if i in active else perturbation.keep(x) for i, x in enumerate(values)]
                tangents = [
                    _contracted(Tangent(perturbation, factors[i].tangent), i, values, terms, target) for i in active
                ]
                result = wrapped(y, functools.reduce(Tangent.__add__, tangents), perturbation)
    return result if out is None else written(np.einsum, out, result)


def product_of(arrays: Sequence[Any], tangents: Sequence[Tangent], subscripts: str) -> Tangent:
    """The tangent of ``einsum(subscripts, *arrays)`` from those of the factors, some of them zero."""
    terms, target = _spelled_out(subscripts, tuple(np.shape(x) for x in arrays))
    parts = [_contracted(dx, i, arrays, terms, target) for i, dx in enumerate(tangents) if dx]
    return functools.reduce(Tangent.__add__, parts)


def _contracted(dx: Tangent, place: int, values: Sequence[Any], terms: Sequence[str], target: str) -> Tangent:
    sizes = {c: n for term, x in zip(terms, values, strict=True) for c, n in zip(term, np.shape(x), strict=True)}
    for term, x in zip(terms, values, strict=True):
        sizes.update({c: n for c, n in zip(term, np.shape(x), strict=True) if n != 1})
    term, shape = _plain_term(terms[place], dx.shape, sizes)
    if term != terms[place]:
        selects = _to_plain(terms[place], dx.shape, term)
        dx = dx.move(lambda block: selects(block, 1), shape)
    rest = []
    for i, (c, x) in enumerate(zip(terms, values, strict=True)):
        if i != place:
            plain, _ = _plain_term(c, np.shape(x), sizes)
            rest.append((plain, as_array(x) if plain == c else _to_plain(c, np.shape(x), plain)(as_array(x), 0)))
    while rest:

        def meeting(i: int) -> str:
            """Letters left when factor ``i`` has been multiplied in."""
            others = set(target).union(*(c for j, (c, _) in enumerate(rest) if j != i))
            both = term + "".join(c for c in rest[i][0] if c not in term)
            return target if len(rest) == 1 else "".join(c for c in both if c in others)

        best = min(range(len(rest)), key=lambda i: math.prod(sizes[c] for c in meeting(i)))
        kept = meeting(best)
        letters, x = rest.pop(best)
        dx = dx.contract(f"{term},{letters}->{kept}", x)
        term = kept
    if set(term) != set(target):
        kept = "".join(c for c in term if c in target)
        dx, term = dx.contract(f"{term}->{kept}"), kept
    if term != target:
        order = [term.index(c) for c in target]
        shape = dx.shape
        dx = dx.move(
            lambda block: np.transpose(block, (0, *(i + 1 for i in order))).copy(), tuple(shape[i] for i in order)
        )
    return dx


def _plain_term(term: str, shape: tuple[int, ...], sizes: dict[str, int]) -> tuple[str, tuple[int, ...]]:
    """A term with each letter once, without the axes of length 1 that broadcast, and its shape."""
    kept = {c: n for c, n in zip(term, shape, strict=True) if n == sizes[c]}
    return "".join(kept), tuple(kept.values())


def _to_plain(term: str, shape: tuple[int, ...], plain: str) -> Callable[[Any, int], Any]:
    """What makes `_plain_term` of an array, after ``leading`` axes: diagonals, and axes of length 1 dropped."""

    def selected(x: Any, leading: int) -> Any:
        letters = list(term)
        for axis in reversed(range(len(letters))):
            c = letters[axis]
            if c not in plain:
                x = x[(_ALL,) * (leading + axis) + (0,)]
                del letters[axis]
            elif letters.index(c) != axis:
                first = letters.index(c)
                x = np.moveaxis(np.diagonal(x, 0, leading + first, leading + axis), -1, leading + first)
                del letters[axis]
        return x

    return selected


def _view(x: Any, subscripts: str, term: str, target: str, **options: Any) -> Callable[[Any], Any]:
    # einsum itself, for its diagonals can be written through, and those of np.diagonal cannot.
    k = next(c for c in LETTERS if c not in term)
    return lambda block: np.einsum(f"{k}{term}->{k}{target}", block)


def _string_form(operands: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """``einsum(a, [0, 1], b, [1, 2], [0, 2])`` as ``einsum("AB,BC->AC", a, b)``."""
    if isinstance(operands[0], str):
        return operands[0], list(operands[1:])

    def spelled(labels: Any) -> str:
        # NumPy's own order: upper case comes first, also where the result is implicit.
        return "".join("..." if label is Ellipsis else LABELS[label] for label in labels)

    pairs = len(operands) // 2
    subscripts = ",".join(spelled(operands[2 * i + 1]) for i in range(pairs))
    if len(operands) % 2:
        subscripts += "->" + spelled(operands[-1])
    return subscripts, list(operands[0 : 2 * pairs : 2])


@functools.lru_cache(maxsize=1024)
def _spelled_out(subscripts: str, shapes: tuple[tuple[int, ...], ...]) -> tuple[tuple[str, ...], str]:
    """The terms and the result, with letters for the axes of an ellipsis and the result explicit."""
    inputs, arrow, target = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if not arrow:
        plain = inputs.replace("...", "").replace(",", "")
        target = "..." + "".join(sorted(c for c in set(plain) if plain.count(c) == 1))
    spare = [c for c in LETTERS if c not in subscripts]
    spans = [len(shape) - len(term.replace("...", "")) for term, shape in zip(terms, shapes, strict=True)]
    widest = max(span if "..." in term else 0 for term, span in zip(terms, spans, strict=True))
    if widest > len(spare):
        raise ValueError(f"einsum {subscripts!r}: more axes than dualdiff has letters for")
    ellipsis = "".join(spare[:widest])
    spelled = (
        term.replace("...", ellipsis[widest - span :]) if "..." in term else term
        for term, span in zip(terms, spans, strict=True)
    )
    return tuple(spelled), target.replace("...", ellipsis)


@tangent_rule(np.trace)
def trace(
    y: Any, a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, *, da: Tangent
) -> Tangent | None:
    if constant(y.dtype):  # dtype=int
        return None
    first, second = normalized(axis1, da.ndim), normalized(axis2, da.ndim)
    shape = np.diagonal(a, offset, axis1, axis2).shape
    return da.move(lambda block: np.diagonal(block, offset, first + 1, second + 1), shape).sum(-1)


@tangent_rule(np.linalg.trace)
def linalg_trace(y: Any, x: Any, offset: int = 0, dtype: Any = None, *, dx: Tangent) -> Tangent | None:
    return trace(y, x, offset, -2, -1, dtype, da=dx)


_ALL = slice(None)


_EINSUM_VIEW = View(
    lambda x, subscripts, term, target, **options: np.einsum(subscripts, x, **options), _view, once=False
)


LABELS = LETTERS[26:] + LETTERS[:26]
