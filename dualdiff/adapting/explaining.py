"""Why a function was not adapted: said with the error that came of it."""

from __future__ import annotations

from types import CodeType, TracebackType
from typing import Any

from .. import errors
from . import calls
from .entering import as_written
from .plans import Plan


def explain(error: BaseException, refusal: str | None = None) -> None:
    """Say with an error which functions on its way ran as written, and why; and what was refused before it."""
    if isinstance(error, SystemError) and refusal is not None:  # C code that found an error set
        raise errors.from_c(error, refusal) from None
    if not isinstance(error, (TypeError, ValueError, AttributeError, NotImplementedError)) and refusal is None:
        return
    if calls.ON and not any("as written" in note for note in getattr(error, "__notes__", ())):
        trace: TracebackType | None = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            if code is as_written.__call__.__code__:
                break
            reason = _reason(code, trace.tb_frame.f_globals)
            if reason:
                error.add_note(
                    f"dualdiff: {code.co_qualname} runs as written ({reason}); "
                    "float(), math and np.zeros take no derivative there."
                )
                break
            trace = trace.tb_next
    if refusal is not None and refusal not in str(error) and not isinstance(error, errors.EscapedDual):
        error.add_note(f"dualdiff: before this, a derivative was refused:\n  {refusal}")


def _reason(code: CodeType, namespace: dict[str, Any]) -> str:
    """Why a function runs as written; nothing for a view, and for what is never viewed."""
    plan = calls.plan_of(id(code))
    if plan is not None and (plan.code is None or plan.code is code):
        return plan.reason
    if type(plan) is not Plan and (plan is not None or calls.is_left(code, namespace)):
        return ""  # of the standard library, and what it has written
    # A call in the source would have found its view.
    return "Python itself calls it: for an operator, an index, a loop, a with statement, or from a compiled function"
