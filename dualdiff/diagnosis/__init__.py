"""Diagnosis: why is my derivative zero, infinite, nan, refused or slow?

    places.py      frames: whose they are, and the user's file and line behind them
    naming.py      which operation a call into the package is
    watching.py    a run of the function, watched: its calls, and the line that each node of the tape came from
    findings.py    what is worth knowing; kinks.py, precision.py: what one call shows of kinks, nan, and lost digits
    refusals.py    errors of the run as findings, with the fix
    dependence.py  which results depend on which arguments, where that ended, and where a gradient stops being finite
    way_back.py    the way back through a record, node by node
    timing.py      time and memory by line; costs.py: the modes, staging and sparse Jacobians, measured
    doctor.py      the whole: from a function to a report; report.py: the report as data, text and HTML
    shell.py       ``python -m dualdiff diagnose module:function --args "np.ones(3)"``
    versions.py    `show_versions`, for reports of bugs

Nothing below knows of this folder, and `import dualdiff` loads nothing of it but this file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .report import Diagnosis


def diagnose(
    f: Callable[..., Any], *args: Any, argnums: int | Sequence[int] | None = None, seconds: float = 0.5
) -> Diagnosis:
    """Why is my derivative zero, infinite, nan, refused or slow?  A report on ``f`` at the point ``args``.

    It says, with the file and line of each: what was refused, and the fix; which results do not depend on which
    arguments, and where that was lost (a cache, whole numbers, a comparison, `stop_gradient`); kinks that the point
    sits on, and the convention taken; the first value and the first partial that is nan or infinite, and where the
    gradient becomes so; where digits are lost; what each line costs in time and memory, the better mode, and whether
    staging or a sparse Jacobian would pay.

    Parameters
    ----------
    f : callable
        The function, as it would be given to `grad` or `jacobian`.
    *args : array, number or tree
        Its arguments.
    argnums : int or sequence of int, optional
        The arguments to differentiate.  None takes all that hold real or complex numbers, or whole ones if there are
        no others.
    seconds : float, default 0.5
        About how long is measured; 0 measures nothing.

    Returns
    -------
    dualdiff.diagnosis.report.Diagnosis
        Print it, show it in a notebook, or ask its attributes (``findings``, ``calls``, ``independent``, ``lines``,
        ``modes``, ``ways``, ...).

    Raises
    ------
    TypeError
        If ``f`` is no function or ``argnums`` no int; never for what ``f`` does: a refusal, or an error of its own, is
        part of the report.
    ValueError
        If ``argnums`` names no argument, or ``seconds`` is negative.

    Notes
    -----
    Cost: ``f`` runs once with plain arguments and once recorded and watched, which takes about ten times as long as
    the gradient of a Python loop over numbers.  Measuring runs it a dozen times more in each mode, a few hundred times
    where that takes no longer than ``seconds``.
    What ``f`` does in threads of its own is recorded, but has no lines.  Time by line is measured under a tracer, and
    scaled to what a run takes without one: compare lines with each other.

    Examples
    --------
    >>> import numpy as np
    >>> import dualdiff as dd
    >>> def loss(x):
    ...     return np.sum(np.floor(x) ** 2)
    >>> report = dd.diagnose(loss, np.array([0.5, 2.5]), seconds=0)
    >>> report.found("lost")[0].text
    'np.floor: no derivative with respect to x passes (piecewise constant)'
    >>> report.independent[0].result, report.independent[0].argument, report.independent[0].places[0].line
    ('result', 'x', 2)
    """
    from .doctor import examined

    return examined(f, args, argnums, seconds)


def show_versions() -> None:
    """Print what a report of a bug should have: versions of dualdiff, Python, NumPy with its BLAS, and the rest.

    Notes
    -----
    Cost: some milliseconds; nothing is imported to find out.

    Examples
    --------
    >>> import dualdiff as dd
    >>> dd.show_versions()  # doctest: +ELLIPSIS
    dualdiff ...
    """
    from .versions import versions

    found = versions()
    width = max(map(len, found))
    for name, version in found.items():
        print(f"{name:{width}}  {version}")


__all__ = ["diagnose", "show_versions"]
