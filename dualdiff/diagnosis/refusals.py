"""Errors of a watched run as findings: what was refused, at which line, and what to do instead."""

from __future__ import annotations

from .. import errors
from . import places
from .findings import Finding
from .naming import Operation
from .watching import Call, Watch

_COMPILED = (
    "Where that is a compiled function: dualdiff.custom_jvp gives one of yours a rule, "
    "dualdiff.stand_in has it called instead."
)


def refusal(error: BaseException, watch: Watch) -> Finding:
    """The error that came out of the function."""
    said = error
    while said.__cause__ is not None and (
        isinstance(said.__cause__, errors.DualdiffError) or raised_here(said.__cause__)
    ):
        said = said.__cause__
    text, ours = str(said), isinstance(said, errors.DualdiffError) or raised_here(said)
    place = places.of_traceback(error.__traceback__)
    if not ours and watch.swallowed and place is not None:  # an error around what was said, as ctypes makes one
        call, refused = watch.swallowed[-1]
        if call.place is not None and call.place.line == place.line:
            text, ours, place = refused, True, call.place
    what, lines = parts(text.removeprefix("diagnose: "))
    if "float(x)" in what and place is not None and "(" in place.expression:
        lines.append(_COMPILED)
    lines += [note.removeprefix("dualdiff: ") for note in getattr(error, "__notes__", ())]
    if not ours:
        what = f"{type(said).__name__}: {what}"
    if place is not None and place.expression and place.expression != place.text:
        what = f"{place.expression}: {what}"
    if place is not None and not any(call.kind == "refused" for call in watch.calls):
        call = Call("refused", Operation(place.expression or place.text, None, (), {}), place, [])
        call.count, call.reason = 1, what
        watch.calls.append(call)
    return Finding("refused", what, place, "\n".join(lines))


def swallowed(watch: Watch) -> list[Finding]:
    """Refusals that did not come out of the function, which returned a result."""
    found = []
    for call, text in watch.swallowed:
        what, lines = parts(text)
        said = f"{call.name}: {what} The function caught that and went on with something else."
        found.append(Finding("refused", said, call.place, "\n".join(lines)))
    return found


def parts(text: str) -> tuple[str, list[str]]:
    """A refusal as what happened, and the lines that say what to do."""
    what, _, fix = text.partition("\n")
    lines = [line.strip() for line in fix.splitlines()]
    return what, [line for line in lines if not line.startswith("called with")]


def raised_here(error: BaseException) -> bool:
    """Whether an error was raised in this package."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and places.owner_of(trace.tb_frame) == "dualdiff"
