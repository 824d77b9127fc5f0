"""A program as a module of its own, which needs NumPy alone; and as bytes, for other processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..pytrees.kinds import sorted_keys
from .keys import SIMPLE
from .record import StagingRefused

_INLINE = 24  # entries of the largest constant that is written into the text


def saved(
    program: Any, path: Any, signature: list[str], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Path:  # fmt: skip
    """Write a program as a module, large constants beside it; the path of the module."""
    path = Path(path)
    foreign = [line for line in program.imports if "dualdiff" in line] + sorted(program.functions)
    if foreign:
        raise StagingRefused(
            f"the program calls what cannot be imported without this package ({', '.join(foreign[:3])}); "
            "pickle the staged function instead"
        )
    if not program.whole:
        raise StagingRefused(
            "the result is in containers of other classes than tuple, list and dict, which a module that needs NumPy "
            "alone cannot make; pickle the staged function instead"
        )
    # What its entries alone do not tell, a length of 0 or another order, is kept as it is.
    large = {
        name: array
        for name, array in program.constants.items()
        if array.size > _INLINE or not array.size or not array.flags.c_contiguous or not _is_text(array)
    }
    lines = [f'"""{program.name}: written by dualdiff.stage for the arguments checked below."""', ""]
    lines += sorted({"import math"} if "math." in program.text else set())
    lines += ["from pathlib import Path", ""] if large else ([""] if len(lines) > 2 else [])
    lines += ["import numpy as np", *program.imports, ""]
    for name, array in program.constants.items():
        if name not in large:
            lines.append(f"{name} = {_text(array)}")
    if large:
        beside = path.with_suffix(".npz")
        np.savez(beside, **large)
        lines.append(f'with np.load(Path(__file__).with_name("{beside.name}")) as _constants:')
        lines += [f'    {name} = _constants["{name}"]' for name in large]
    lines += [
        "",
        "",
        "class Miss(ValueError):",
        '    """The program was written for values that take another way through the branches."""',
        "",
        "",
        "class NotANumber(Miss):",
        '    """A nan came up, which may stand for a zero; the function itself knows."""',
        "",
        "",
        _of_leaves(program, signature, args, kwargs),
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _is_text(array: Any) -> bool:
    """Whether a short array is what its text says, to the last bit, the signs of zeros included."""
    if array.dtype.kind == "c" and not (np.isfinite(array).all() and np.all(array.real) and np.all(array.imag)):
        return False
    return array.dtype.kind in "fiubc" and array.dtype.itemsize <= 8 * (1 + (array.dtype.kind == "c"))


def _text(array: Any) -> str:
    return f"np.array({array.tolist()!r}, {array.dtype.name!r})".replace("nan", "np.nan").replace("inf", "np.inf")


def _of_leaves(program: Any, signature: list[str], args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """The program under its name, with the arguments of the function that was staged, all of which it checks."""
    text: str = program.text.rstrip() + "\n"
    if not kwargs and len(program.parameters) == len(args) and not any(map(_is_container, args)):
        checks = Checks()
        for name, arg in zip(program.parameters, args, strict=True):
            checks.of(arg, name)
        checks.apart(program.apart)
        head, _, rest = text.partition("\n")
        return "\n".join([head, *checks.lines, rest])
    inner = f"_{program.name}"
    text = text.replace(f"def {program.name}(", f"def {inner}(").replace(
        f"{program.name}_in_numpy(", f"{inner}_in_numpy("
    )
    names = [name if name not in ("np", inner) else f"{name}_" for name in signature[: len(args)]]
    names += [f"x{i}" for i in range(len(names), len(args))]
    if "np" in kwargs:
        raise StagingRefused("an argument is named np, as NumPy is in a module")
    checks = Checks()
    for name, arg in (*zip(names, args, strict=True), *((name, kwargs[name]) for name in sorted_keys(kwargs))):
        checks.of(arg, name)
    checks.apart(program.apart)
    return "\n".join(
        [text, "", f"def {program.name}({', '.join([*names, *kwargs])}):", *checks.lines,
         f"    return {inner}({', '.join(checks.leaves)})", ""]
    )  # fmt: skip


def _is_container(arg: Any) -> bool:
    return type(arg) in (tuple, list, dict)


class Checks:
    """The lines that raise where arguments are not of the kind that a program is for, as `keys.walk` tells kinds."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.leaves: list[str] = []  # the inputs of the program
        self.arrays: list[str] = []
        self.known: dict[int, str] = {}

    def unless(self, condition: str, expected: str, name: str) -> None:
        message = f"{name} is another than this program is for: {expected}".replace("{", "{{").replace("}", "}}")
        self.lines += [f"    if {condition}:", f"        raise ValueError({message!r})"]

    def of(self, arg: Any, name: str) -> None:
        kind = type(arg)
        if kind is np.ndarray and arg.dtype.kind == "V":
            raise StagingRefused("an array of records is among the arguments, which a module cannot check")
        if kind is np.ndarray:
            layout = f"{name}.strides != {arg.strides!r}"
            if 1 in arg.shape or 0 in arg.shape:  # of such axes any stride will do
                long = [s for s, n in zip(arg.strides, arg.shape, strict=True) if n > 1]
                layout = f"[s for s, n in zip({name}.strides, {name}.shape) if n > 1] != {long!r}"
            self.unless(f"type({name}) is not np.ndarray", "an array", name)
            self.lines += [
                f"    if {name}.shape != {arg.shape!r} or {name}.dtype != {arg.dtype.str!r}:",
                f'        raise ValueError(f"{name} has shape {{{name}.shape}} and dtype {{{name}.dtype}}; "',
                f'                         "this program is for {arg.shape!r} and {arg.dtype}.")'.replace(
                    "{", "{{"
                ).replace("}", "}}"),
            ]
            self.unless(layout, f"an array of strides {arg.strides}", name)
            first = self.known.setdefault(id(arg), name)
            if first != name:
                self.unless(f"{name} is not {first}", f"the same array as {first}", name)
            else:  # which ``x is y`` tells
                for other in self.arrays:
                    self.unless(f"{name} is {other}", f"another array than {other}", name)
                self.arrays.append(name)
            self.leaves.append(name)
        elif kind in (tuple, list):
            self.unless(f"type({name}) is not {kind.__name__} or len({name}) != {len(arg)}",
                        f"a {kind.__name__} of {len(arg)}", name)  # fmt: skip
            for i, item in enumerate(arg):
                self.of(item, f"{name}[{i}]")
        elif kind is dict:
            if not all(type(key) in (str, int) for key in arg):
                raise StagingRefused("a dict with other keys than strings and ints is among the arguments")
            self.unless(f"type({name}) is not dict or list({name}) != {list(arg)!r}", f"a dict of {list(arg)}", name)
            for key in sorted_keys(arg):
                self.of(arg[key], f"{name}[{key!r}]")
        elif kind in SIMPLE:
            self.unless(f"type({name}) is not {kind.__name__} or {name} != {arg!r}" if arg is not None
                        else f"{name} is not None", repr(arg), name)  # fmt: skip
        elif kind in (float, complex) or getattr(np, kind.__name__, None) is kind:
            known = kind.__name__ if kind in (float, complex) else f"np.{kind.__name__}"
            self.unless(f"type({name}) is not {known}", f"a {known}", name)
            self.leaves.append(name)
        else:
            raise StagingRefused(f"a {kind.__name__} is among the arguments, which a module cannot check")

    def apart(self, needed: bool) -> None:
        """Of arguments that the program writes none is seen in another."""
        if needed:
            for i, a in enumerate(self.arrays):
                for b in self.arrays[i + 1 :]:
                    self.unless(f"np.may_share_memory({a}, {b})", f"apart from {b} in memory", a)
