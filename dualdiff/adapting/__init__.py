"""Adapting: how code that NumPy gives no hook for is reached, unchanged.

    entering.py     adapt, as_written, stand_in: where it begins
    views.py        a function, compiled anew from its own source with its calls hooked
    sources.py      the statement of a file that holds it
    rewriting.py    what is hooked in a source, and what cannot need it
    calls.py        the hook: what is called in place of what the user calls
    plans.py        what is to be done with a function, remembered by its code
    arriving.py     all the stand-ins below, imported when the first function is adapted
    attributes.py   the hook of attributes: properties
    classes.py      classes that are called, and what the standard library writes around functions
    explaining.py   why a function was not adapted, with the error that came of it
    compiled.py     compiled functions, which get arrays for buffers
    buffers.py      arrays that may come to hold Duals; buffer_protocols.py, buffer_methods.py: what they take part in
    builtins.py     stand-ins of Python's own functions; vectorizing.py: of np.vectorize
    creation.py     of NumPy's functions that make arrays
    iterators.py    np.nditer; shuffling.py: numpy.random's shuffle and permutation
    iterations.py   roots, fixed points and minima that somebody's Python code finds; loops.py: in a source
    searches.py     searches that only compare, of which no equation is known: a warning; brackets.py: in a source
    mathematics.py  of math and cmath; statistics.py
    threads.py      of threading and concurrent.futures
    packages.py     of SciPy; solvers.py: of scipy.optimize
    handing.py      callables of the user's, handed to code that is not adapted

The transforms call `adapted` and `explain`; nothing else in the package imports this folder.

One law above all: a stand-in whose arguments carry nothing returns what the original returns, bit for bit and type for
type; a buffer that nothing was written into that carries a derivative behaves as its array.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .buffers import settled
from .calls import brought_by, instances
from .entering import adapt_with, adapted, as_written, stand_in
from .explaining import explain

__all__ = [
    "adapt",
    "adapted",
    "as_written",
    "explain",
    "instances",
    "settled",
    "stand_in",
]

brought_by("packages", "scipy")
brought_by("statistics", "statistics")
brought_by("threads", "threading", "concurrent")


def adapt(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function as every transform runs it, which is ``f`` itself if nothing in it needs help.

    Calls in it, and in the Python functions that it calls, find what they call replaced where NumPy has no hook:
    ``float``, ``math``, ``np.zeros`` and arrays made of numbers, ``isinstance``, SciPy's functions, ...
    Transforms adapt by themselves; `as_written` says that they should not.  It is a decorator too.

    Parameters
    ----------
    f : callable
        Any function.

    Returns
    -------
    callable
        A view of it, compiled anew from its source; ``adapt(adapt(f)) is adapt(f)``.

    Notes
    -----
    Cost: some milliseconds once for each function; 0.1 to 0.5 µs for each call in it.

    Examples
    --------
    >>> import math
    >>> import numpy as np
    >>> import dualdiff as dd
    >>> def f(x):
    ...     out = np.zeros(2)
    ...     out[0] = math.sin(x[0])
    ...     out[1] = float(x[1]) ** 2
    ...     return out.sum()
    >>> dd.grad(f)(np.array([0.0, 3.0]))
    array([1., 6.])
    >>> dd.adapt(f)(np.array([0.0, 3.0]))
    np.float64(9.0)
    >>> dd.adapt(np.sin) is np.sin
    True
    """
    return adapt_with(f, settled)
