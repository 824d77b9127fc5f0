"""Which results depend on which arguments, where a dependence ended, and where a gradient stops being finite.

All of it is read off the record: a node depends on the arguments that its parents depend on, and a call from which no
derivative comes out ends the dependence of what went into it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..tangents import blocks
from ..transforms.recording import Recording
from .findings import Finding, plain
from .places import Place
from .watching import Call, Watch
from .way_back import steps


class Independence(NamedTuple):
    """A result that does not depend on an argument, and the places where the dependence may have been lost."""

    result: str
    argument: str
    places: tuple[Place, ...]


class Dependence:
    """Who depends on whom, in one watched run.

    ``independent``: pairs of a result and an argument without dependence.  ``lost``: calls from which no derivative
    comes out, each with the arguments that went in.  ``findings``: both, in words.
    """

    def __init__(self, watch: Watch, record: Recording, arguments: list[str], results: list[str]) -> None:
        self.watch, self.record = watch, record
        self.arguments, self.results = arguments, results
        self.masks = _masks(record)
        self.lost: list[tuple[Call, list[str]]] = []
        for call in watch.calls:
            if call.kind in ("passive", "stopped") and (mask := self._mask_of(call)):
                self.lost.append((call, self._names(mask)))
        self.lost.sort(key=lambda pair: _strength(pair[0]))
        self.independent: list[Independence] = []
        self.findings: list[Finding] = []
        self._independent()
        self._lost()

    def _mask_of(self, call: Call) -> int:
        mask = 0
        for at in call.parents:
            mask |= self.masks[at] if at < len(self.masks) else 0
        return mask

    def _names(self, mask: int) -> list[str]:
        return [name for i, name in enumerate(self.arguments) if mask >> i & 1]

    def _independent(self) -> None:
        for name, node, y in zip(self.results, self.record.outputs, self.record.y, strict=True):
            serious = getattr(y, "dtype", np.dtype(float if type(y) is float else object)).kind in "fc"
            mask = 0 if node is None else self.masks[node.index]
            for i, argument in enumerate(self.arguments):
                if mask >> i & 1:
                    continue
                ends = [call for call, given in self.lost if argument in given]
                places = tuple(dict.fromkeys(call.place for call in ends if call.place is not None))
                self.independent.append(Independence(name, argument, places))
                text, fix, at = self._reason(i, argument, ends)
                text = f"{name} does not depend on {argument}: its derivative is 0. {text}"
                self.findings.append(Finding("independent", text, at, fix, serious))

    def _reason(self, i: int, argument: str, ends: list[Call]) -> tuple[str, str, Place | None]:
        """Where a dependence ended, what can be done, and where."""
        if ends:
            first = ends[0]
            places = [f"{call.name} at {call.place} ({_how(call)})" for call in ends[:4]]
            return "It ends in " + ", ".join(places) + ".", _fix(first), first.place
        uses = [at for at, mask in enumerate(self.masks) if mask >> i & 1]
        calls = [self.watch.owners[at] for at in uses if at < len(self.watch.owners) and self.watch.owners[at] >= 0]
        if not calls and self.watch.swallowed:
            return "A refusal was caught before any other use.", "", self.watch.swallowed[0][0].place
        if not calls:
            fix = "is something remembered from an earlier call returned, or is the argument meant to be used?"
            return f"No operation takes {argument}.", fix, None
        call = self.watch.calls[calls[-1]]
        text = f"It is last used in {call.name} at {call.place}, and the result does not use what comes out there."
        return text, "", call.place

    def _lost(self) -> None:
        for call, given in self.lost:
            if call.remembered:
                text = (
                    f"{call.name}: {' and '.join(given)} equals a plain array bit for bit: "
                    "a cache that compares values? What it remembers has no derivative"
                )
                fix = "call the function without its cache, or compare  dualdiff.stop_gradient(x)"
                self.findings.append(Finding("cache", text, call.place, fix))
            elif call.reason != "a truth value":
                times = f", {call.count} times" if call.count > 1 else ""
                text = f"{call.name}{times}: no derivative with respect to {' and '.join(given)} passes ({_how(call)})"
                self.findings.append(Finding("lost", text, call.place, _fix(call), serious=False))


def _masks(record: Recording) -> list[int]:
    """For each node of the tape, the arguments that it depends on, as bits; arguments are the first nodes."""
    marks = {node.index: 1 << i for i, node in enumerate(record.inputs)}
    masks: list[int] = []
    for node in record.tape.nodes:
        mask = marks.get(node.index, 0)
        for parent in node.sources():
            mask |= masks[parent.index]
        masks.append(mask)
    return masks


def _strength(call: Call) -> int:
    """What lost a dependence most probably comes first."""
    if call.kind == "stopped" or call.remembered:
        return 0
    return 2 if call.reason == "a truth value" else 1


def _how(call: Call) -> str:
    if call.remembered:
        return "a cache that compares values?"
    return call.reason


def _fix(call: Call) -> str:
    if call.remembered:
        return "call the function without its cache, or compare  dualdiff.stop_gradient(x)"
    if call.kind == "stopped":
        return "if the derivative is to pass, leave stop_gradient out"
    if call.reason == "a truth value":
        return "if the branch is meant to be smooth, blend the branches, or differentiate each of them by itself"
    if call.reason == "whole numbers":
        return "if the derivative is to pass, index by plain numbers and multiply by the values, or leave int() out"
    return "if the derivative is to pass, leave the rounding out, or give it a rule with dualdiff.custom_jvp"


# The gradient itself: where it is 0 though something depends, and where it stops being finite.


def _pulled(record: Recording, weight: Callable[[Any], Any]) -> list[Any]:
    """Cotangents of the arguments (None for zero) from some of the results."""
    seeds = [
        (node, np.asarray(weight(node.shape)).astype(node.dtype) if node.shape else node.dtype.type(weight(())))
        for node in record.outputs
        if node is not None
    ]
    with np.errstate(all="ignore"):
        return record.tape.pull(seeds, record.inputs, one=True)


def zeros(found: Dependence) -> list[Finding]:
    """Arguments that results depend on, and with respect to which the derivative is 0 here, whole or in entries.

    Of a sum of the results with random weights: what is 0 there is 0 in each.
    """
    record, rng = found.record, np.random.default_rng(0)
    rows = _pulled(record, lambda shape: rng.uniform(0.5, 1.0, shape))
    findings = []
    for i, (name, row) in enumerate(zip(found.arguments, rows, strict=True)):
        if row is None or not any(found.masks[node.index] >> i & 1 for node in record.outputs if node is not None):
            continue
        zero = np.asarray(plain(row)) == 0
        count = int(np.count_nonzero(zero))
        if not count:
            continue
        ends = [call for call, given in found.lost if name in given]
        where = f" Part of it ends in {ends[0].name} at {ends[0].place} ({_how(ends[0])})." if ends else ""
        if count == zero.size:
            call = _call_of(found.watch, blocks.silently(_first_step, record, _nonzero))
            text = (
                f"the derivative of every result with respect to {name} is exactly 0 here, though results depend on it."
            )
            if call is not None and not ends:
                where = f" On its way back it becomes 0 in {call.name}."
            place = ends[0].place if ends else call.place if call is not None else None
            fix = "a factor 0, a saturated function, terms that cancel: try another point"
            findings.append(Finding("zero", text + where, place, fix))
        else:
            index = tuple(int(k) for k in np.argwhere(zero)[0])
            first = f"{name}[{', '.join(map(str, index))}]"
            text = (
                f"the derivative with respect to {name} is exactly 0 in {count} of {zero.size} entries, first {first}."
            )
            findings.append(Finding("zero", text + where, ends[0].place if ends else None, serious=False))
    return findings


def not_finite(watch: Watch, record: Recording, arguments: list[str]) -> list[Finding]:
    """Where the gradient becomes nan or infinite on its way back, if it does."""
    found = _pulled(record, np.ones)
    bad = [
        (name, "nan" if np.any(np.isnan(row)) else "infinite")
        for name, row in zip(arguments, found, strict=True)
        if row is not None and not np.all(np.isfinite(row))
    ]
    if not bad:
        return []
    kinds = dict.fromkeys(what for _, what in bad)
    which = "; ".join(f"{', '.join(name for name, of in bad if of == what)} is {what}" for what in kinds)
    call = _call_of(watch, blocks.silently(_first_step, record, lambda cotangent: bool(np.all(np.isfinite(cotangent)))))
    if call is None:
        return [Finding("not finite", f"the gradient of {which}")]
    text = f"the gradient of {which}; on its way back it is finite down to {call.name}, and not beyond"
    fix = (
        "choose a plain operand before the call: np.where(ok, x, 1.0) inside, np.where(ok, ..., 0.0) outside; "
        "a factor 0 that is calculated does not make an infinite derivative 0"
    )
    return [Finding("not finite", text, call.place, fix)]


def digits(watch: Watch, record: Recording, findings: list[Finding]) -> list[Finding]:
    """The findings, those of lost digits that hardly reach the results as such that are only to be known.

    An error in an operand reaches the results by the cotangent of what comes out; half of their digits may go.
    """
    sizes = watch.findings.sizes
    if not sizes:
        return findings
    reached: dict[int, float] = {}
    blocks.silently(_reach, record, reached)
    largest = max((float(np.max(np.abs(plain(y)), initial=0.0)) for y in record.y), default=0.0)
    found = []
    for finding in findings:
        at = sizes.get((finding.place, finding.text)) if finding.kind == "digits" else None
        if at is not None:
            error = reached.get(at[0], 0.0) * at[1] * float(np.finfo(float).eps)
            if not error > _LOST_OF_RESULTS * largest:
                finding = finding._replace(text=f"{finding.text}; little of that reaches the results", serious=False)
        found.append(finding)
    return found


_LOST_OF_RESULTS = 1e-8


def _reach(record: Recording, reached: dict[int, float]) -> None:
    for node, cotangent, sweep in steps(record):
        reached[node.index] = float(np.max(np.abs(plain(cotangent)), initial=0.0))
        node.pull(cotangent, sweep)


def _nonzero(cotangent: Any) -> bool:
    return bool(np.any(cotangent))


def _call_of(watch: Watch, at: int | None) -> Call | None:
    number = watch.owners[at] if at is not None and at < len(watch.owners) else -1
    return watch.calls[number] if number >= 0 else None


def _first_step(record: Recording, good: Callable[[Any], bool]) -> int | None:
    """The first node, from the results back, whose cotangent is good and that makes none of it that is."""
    for node, cotangent, sweep in steps(record):
        if not good(cotangent):
            continue
        node.pull(cotangent, sweep)
        sent = [found for parent in node.sources() if (found := sweep.found[parent.index]) is not None]
        if sent and not all(map(good, sent)) and not (good is _nonzero and any(map(good, sent))):
            return node.index
    return None
