"""Functions that share memory with what they are given or have returned before, and a program that would notice."""

import numpy as np

_WORK = np.zeros(3)


def returned(x):
    return x


def reversed_view(x):
    return x[::-1].T


def filled(x):
    _WORK[...] = x
    return _WORK


def overwritten(x):
    y = x.copy()
    x[...] = 0.0
    return y


def calling_twice(function):
    """First and second result, the first written into: 3 f(x) x + f(x²)."""

    def program(x):
        first = function(x)
        second = function(x * x)
        first *= 3.0
        return first * x + second

    return program
