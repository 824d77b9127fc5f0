"""Is an answer right?  Every derivative is compared with others before it is timed.

    by hand       every number of the derivative that an expert would write
    other mode    where nobody would write it.  All entries weighted at random: a derivative by reverse mode against a
                  tangent sent forward, one by forward mode against a cotangent sent back
    differences   always, since both modes share their rules: along one random direction (that of the problem, if it
                  has one), against central differences of the plain function, extrapolated to step 0.  Second
                  derivatives against differences of such differences

A peer is judged likewise, and never by dualdiff: by hand, or else by the differences.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

import dualdiff as dd
from dualdiff.pytrees.trees import flatten
from dualdiff.testing import derivative_at_zero

from .measuring import LARGEST_ERROR, largest_error
from .problems import WITH_TANGENTS, Problem

LARGEST_ERROR_TO_DIFFERENCES = 1e-7
STEP = 1e-3  # the longest: extrapolation begins there
MOST_ENTRIES = 10_000  # of each result that differences are taken of; the others are skipped evenly
REVERSE = ("grad", "jacrev")
SECOND_ORDER = ("hvp", "hessian")


class Verdict(NamedTuple):
    """Errors relative to the largest entry; ``exact`` is None where nothing exact was at hand."""

    exact: float | None
    differences: float
    checked: str  # against what

    @property
    def passed(self) -> bool:
        exact = self.exact is None or self.exact <= LARGEST_ERROR
        return exact and self.differences <= LARGEST_ERROR_TO_DIFFERENCES

    @property
    def error(self) -> float:
        """To what is exact; to the differences where nothing is, or where it is these alone that fail."""
        if self.exact is None or (self.exact <= LARGEST_ERROR and not self.passed):
            return self.differences
        return self.exact


class Judge:
    """Compares answers to one problem; what they are compared with is evaluated once."""

    def __init__(self, problem: Problem) -> None:
        by_hand = problem.written_by_hand()
        self.problem = problem
        self.right = None if by_hand is None else by_hand()
        self.direction = direction(problem)
        self.along = differences(problem, self.direction)

    def verdict(self, answer: Any) -> Verdict:
        """Of an answer of dualdiff."""
        to_differences = self.error_to_differences(answer)
        if self.right is not None:
            return Verdict(largest_error(answer, self.right), to_differences, "by hand, differences")
        if self.problem.operator in SECOND_ORDER:
            return Verdict(None, to_differences, "differences")
        return Verdict(error_to_other_mode(self.problem, answer), to_differences, "other mode, differences")

    def error_of_peer(self, answer: Any) -> float:
        """By hand, or else to the differences."""
        return self.error_to_differences(answer) if self.right is None else largest_error(answer, self.right)

    @property
    def resolution(self) -> float:
        """The error that a right answer may have in `error_of_peer`."""
        return LARGEST_ERROR_TO_DIFFERENCES if self.right is None else LARGEST_ERROR

    def error_to_differences(self, answer: Any) -> float:
        try:
            sent = sent_along(self.problem, answer, self.direction)
        except (ValueError, IndexError, TypeError):  # shapes that do not fit: no derivative of this function
            return float("inf")
        return largest_error(sent, self.along)


# Differences along a direction.


def direction(problem: Problem) -> list[Any]:
    """A tangent for each differentiated array: those of the problem, or random ones."""
    if problem.operator in WITH_TANGENTS:
        return flatten(problem.tangents)[0]
    return like(np.random.default_rng(1), flatten(problem.in_differentiated()[1])[0])


def differences(problem: Problem, v: Sequence[Any]) -> list[Any]:
    """The derivative along v, or vᵀH v for second derivatives, by the plain function alone."""
    f, primals = problem.in_differentiated()
    leaves, structure = flatten(primals)

    def along(t: float) -> list[Any]:
        moved = [leaf + t * tangent for leaf, tangent in zip(leaves, v, strict=True)]
        return [some(y) for y in flatten(f(*structure.build(iter(moved))))[0]]

    if problem.operator in SECOND_ORDER:
        return derivative_at_zero(lambda s: derivative_at_zero(lambda t: along(s + t), 30 * STEP), 30 * STEP)
    return derivative_at_zero(along, STEP)


def sent_along(problem: Problem, answer: Any, v: Sequence[Any]) -> list[Any]:
    """What `differences` should be, from the answer: J v, or vᵀH v."""
    if problem.operator == "jvp":
        return [some(tangent) for tangent in flatten(answer[1])[0]]
    entries = flatten(answer)[0]
    if problem.operator == "hvp":
        return [some(inner(v, entries))]
    rows = [inner(entries[i : i + len(v)], v) for i in range(0, len(entries), len(v))]
    return [some(row) for row in ([inner(v, rows)] if problem.operator == "hessian" else rows)]


def some(y: Any) -> Any:
    entries = np.ravel(y)
    return entries[:: -(-entries.size // MOST_ENTRIES) or 1]


# The other mode.


def error_to_other_mode(problem: Problem, answer: Any) -> float:
    """Error of a gradient or Jacobian J: of J v against `jvp`, or of uᵀJ against `vjp`, for random u and v."""
    f, primals = problem.in_differentiated()
    rng = np.random.default_rng(0)
    outputs, structure_of_outputs = flatten(f(*primals))
    inputs, structure = flatten(primals)
    if problem.operator in REVERSE:
        tangents = like(rng, inputs)
        sent = flatten(dd.jvp(f, primals, structure.build(iter(tangents)))[1])[0]
        return largest_error([inner(row, tangents) for row in blocks(answer, outputs, inputs)], sent)
    cotangents = like(rng, outputs)
    sent_back = flatten(dd.vjp(f, *primals)[1](structure_of_outputs.build(iter(cotangents))))[0]
    if problem.operator == "jvp":
        return largest_error(inner(cotangents, flatten(answer[1])[0]), inner(sent_back, flatten(problem.tangents)[0]))
    columns = zip(*blocks(answer, outputs, inputs), strict=True)
    return largest_error([inner(cotangents, column) for column in columns], sent_back)


def blocks(J: Any, outputs: Sequence[Any], inputs: Sequence[Any]) -> list[list[Any]]:
    """The leaves of a Jacobian: for each result a row, for each input a column."""
    entries = flatten(J)[0]
    return [entries[i * len(inputs) : (i + 1) * len(inputs)] for i in range(len(outputs))]


def like(rng: np.random.Generator, leaves: Sequence[Any]) -> list[Any]:
    return [rng.standard_normal(np.shape(leaf)) for leaf in leaves]


def inner(left: Sequence[Any], right: Sequence[Any]) -> Any:
    """Σ over the axes that end the left arrays and begin the right ones, over all pairs of leaves."""
    return sum(_inner(np.asarray(a), np.asarray(b)) for a, b in zip(left, right, strict=True))


def _inner(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> Any:
    return np.tensordot(a, b, axes=min(a.ndim, b.ndim))
