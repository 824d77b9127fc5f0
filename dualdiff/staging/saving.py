"""A program as a module of its own, which needs NumPy alone; and as bytes, for other processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..pytrees.trees import Structure, paths
from .record import StagingRefused

_INLINE = 24  # entries of the largest constant that is written into the text


def saved(program: Any, path: Any, signature: list[str], structure: Structure) -> Path:
    """Write a program as a module, large constants beside it; the path of the module."""
    path = Path(path)
    foreign = [line for line in program.imports if "dualdiff" in line] + sorted(program.functions)
    if foreign:
        raise StagingRefused(
            f"the program calls what cannot be imported without this package ({', '.join(foreign[:3])}); "
            "pickle the staged function instead"
        )
    # What its entries alone do not tell, a length of 0 or another order, is kept as it is.
    large = {
        name: array
        for name, array in program.constants.items()
        if array.size > _INLINE or not array.size or not array.flags.c_contiguous
    }
    lines = [f'"""{program.name}: written by dualdiff.stage for the shapes and dtypes checked below."""', ""]
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
        _of_leaves(program, signature, structure),
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _text(array: Any) -> str:
    return f"np.array({array.tolist()!r}, {array.dtype.name!r})".replace("nan", "np.nan").replace("inf", "np.inf")


def _of_leaves(program: Any, signature: list[str], structure: Structure) -> str:
    """The program under its name, with the arguments of the function that was staged."""
    text: str = program.text.rstrip() + "\n"
    checks = []
    for name, known in program.parameters.items():
        if known.kind == "array":
            checks += [
                f"    if {name}.shape != {known.shape!r} or {name}.dtype != {known.dtype.name!r}:",
                f'        raise ValueError(f"{name} has shape {{{name}.shape}}; this program is for {known.shape!r}.")',
            ]
    positional, named = structure.children
    flat = not named.children and all(child.container is None for child in positional.children)
    if flat and len(program.parameters) == len(positional.children):
        head, _, rest = text.partition("\n")
        return "\n".join([head, *checks, rest])
    inner = f"_{program.name}"
    text = text.replace(f"def {program.name}(", f"def {inner}(").replace(
        f"{program.name}_in_numpy(", f"{inner}_in_numpy("
    )
    head, _, rest = text.partition("\n")
    arguments = [*signature[: len(positional.children)], *named.names]
    places = paths(structure, "")
    given = []
    for place, is_input in zip(places, program.inputs, strict=True):
        if is_input:
            group, item = place[1:2], place[3:]
            at, _, tail = item[1:].partition("]")
            given.append((signature[int(at)] if group == "0" else at.strip("'\"")) + tail)
    return "\n".join(
        [head, *checks, rest, "", f"def {program.name}({', '.join(arguments)}):",
         f"    return {inner}({', '.join(given)})", ""]
    )  # fmt: skip
