"""Why a function was not adapted: said with the error that came of it."""

from __future__ import annotations

from types import CodeType, TracebackType

from .. import errors
from . import calls


def explain(error: BaseException, refusal: str | None = None) -> None:
    """Say with an error which functions on its way ran as written, and why; and what was refused before it."""
    if isinstance(error, SystemError) and refusal is not None:  # C code that found an error set
        raise errors.from_c(error, refusal) from None
    if not isinstance(error, (TypeError, ValueError, AttributeError, NotImplementedError)) and refusal is None:
        return
    if calls.ON and not any("as written" in note for note in getattr(error, "__notes__", ())):
        trace: TracebackType | None = error.__traceback__
        while trace is not None:
            reason = _reason(trace.tb_frame.f_code)
            if reason:
                error.add_note(
                    f"dualdiff: {trace.tb_frame.f_code.co_qualname} runs as written ({reason}); "
                    "float(), math and np.zeros take no derivative there."
                )
                break
            trace = trace.tb_next
    if refusal is not None and refusal not in str(error) and not isinstance(error, errors.EscapedDual):
        error.add_note(f"dualdiff: before this, a derivative was refused:\n  {refusal}")


def _reason(code: CodeType) -> str:
    plan = calls.plan_of(id(code))
    if plan is None:
        return ""
    if plan.code is not None and plan.code is not code:
        # There is a view of it, which a call in the source would have found.
        return (
            "Python itself calls it: for an operator, an index, a loop, a with statement, or from a compiled function"
        )
    return plan.reason
