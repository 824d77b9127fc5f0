"""Operations on single numbers: each made once, with its signs and powers of two where they cost nothing."""

from __future__ import annotations

import math
from typing import Any

MOST = 200_000  # operations


class NotScalar(Exception):
    """The program does something else than arithmetic of single numbers."""


class Places:
    """The scalar operations so far: what each is, and who is equal."""

    def __init__(self, most: int) -> None:
        self.left = most  # how many more there may be, literals apart
        self.operations: list[tuple[Any, ...]] = []
        self.known: dict[tuple[Any, ...], int] = {}

    def make(self, *operation: Any) -> int:
        """The place of an operation: a literal, an input, or a symbol or function of places."""
        key = operation if operation[0] != "literal" else ("literal", repr(operation[1]))
        found = self.known.get(key)
        if found is None:
            if operation[0] != "literal":
                self.left -= 1
            if self.left < 0 or len(self.operations) >= MOST:
                raise NotScalar("too many operations")
            found = self.known[key] = len(self.operations)
            self.operations.append(operation)
        return found

    def literal(self, value: Any) -> int:
        return self.make("literal", float(value))

    def is_never_minus_zero(self, number: int) -> bool:
        """Whether that is known of an operation: of a square, and what is made of squares."""
        how, *of = self.operations[number]
        if how == "literal":
            return not (of[0] == 0.0 and math.copysign(1.0, of[0]) < 0)
        if how == "+":
            return any(map(self.is_never_minus_zero, of))
        if how == "*":
            factor = self.operations[of[1]]
            # A smaller factor could make a negative zero of a negative number.
            grows = bool(factor[0] == "literal" and factor[1] >= 1.0)
            return of[0] == of[1] or (grows and self.is_never_minus_zero(of[0]))
        return False

    def binary(self, symbol: str, a: int, b: int) -> int:
        """A sum, difference, product, quotient or comparison; its signs are moved to where they cost nothing."""
        one, other = self.operations[a], self.operations[b]
        if one[0] == "literal" and other[0] == "literal" and symbol in "+-*":
            return self.literal({"+": one[1] + other[1], "-": one[1] - other[1], "*": one[1] * other[1]}[symbol])
        if symbol == "*" and one[0] == "literal" and one[1] == 1.0:
            return b
        if symbol == "*" and other[0] == "literal" and other[1] == 1.0:
            return a
        # Rounding is the same for both signs, so that these are the same to the last bit, zeros included.
        if other[0] == "neg" and symbol in "+-":
            return self.binary("-" if symbol == "+" else "+", a, other[1])
        if one[0] == "neg" and symbol == "+":
            return self.binary("-", b, one[1])
        if symbol in "*/" and (one[0] == "neg") != (other[0] == "neg"):
            a, b = (one[1], b) if one[0] == "neg" else (a, other[1])
            return self.negative(self.binary(symbol, a, b))
        if symbol == "*" and one[0] == "literal":
            a, b, one, other = b, a, other, one
        if (
            symbol == "*"
            and other[0] == "literal"
            and one[0] == "+"
            and one[1] == one[2]
            and 1 <= abs(other[1]) <= 1e30
        ):
            return self.make("*", one[1], self.literal(2 * other[1]))
        return self.make(symbol, a, b)

    def negative(self, a: int) -> int:
        operation = self.operations[a]
        if operation[0] == "literal":
            return self.literal(-operation[1])
        return operation[1] if operation[0] == "neg" else self.make("neg", a)
