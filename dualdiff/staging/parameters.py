"""The arguments of a staged function as parameters of its program: which are inputs, copies of them, their names."""

from __future__ import annotations

import builtins
import inspect
import keyword
import re
import zlib
from typing import Any

import numpy as np

from ..pytrees.trees import Structure, paths
from .buffers import LARGE
from .emission import NAMES

_ndarray = np.ndarray


def is_dynamic(leaf: Any) -> bool:
    """Whether an argument is an input of the program; ints, bools, strings and the like are part of its key."""
    kind = type(leaf)
    return kind is _ndarray or kind is float or kind is complex or isinstance(leaf, np.generic)


def copied_argument(leaf: Any) -> Any:
    """An argument for a run of its own, laid out as the caller's."""
    if type(leaf) is not _ndarray:
        return leaf
    from ..values.storage import copied

    copy = copied(leaf)
    if not leaf.flags.writeable:
        copy.flags.writeable = False
    return copy


def is_borrowed(leaf: Any) -> bool:
    """Whether an argument is not copied for a run that does not write it: a large array whose bytes are in a row."""
    if type(leaf) is not _ndarray or leaf.size < LARGE or leaf.dtype.hasobject:
        return False
    return bool(leaf.flags.c_contiguous or leaf.flags.f_contiguous)


def bytes_of(leaves: list[Any]) -> list[int]:
    """The checksum of each borrowed argument: whether something wrote it that nobody knows of."""
    borrowed = [leaf for leaf in leaves if is_borrowed(leaf)]
    return [zlib.crc32((leaf if leaf.flags.c_contiguous else leaf.T).view(np.uint8).data) for leaf in borrowed]


def identifier(name: str, otherwise: str) -> str:
    name = name.rpartition(".")[2]
    return name if name.isidentifier() and not keyword.iskeyword(name) else otherwise


# What a program may call something of its own.
_NAMES_OF_PROGRAMS = frozenset({*dir(builtins), *NAMES, "probe", "status", "block", "start", "args", "scalars"})
_OF_PROGRAMS = re.compile(r"\d.*|[KCF].*|(v|out|run|cluster)\d+.*|scipy_.*|.*_(block|in_numpy)?")


def argument_names(f: Any, structure: Structure, inputs: list[int | None]) -> dict[int, str]:
    """The names of a program's parameters: the user's own where they are names."""
    try:
        known = list(inspect.signature(f).parameters)
    except (TypeError, ValueError):
        known = []
    places = paths(structure, "")
    names: dict[int, str] = {}
    used = set(_NAMES_OF_PROGRAMS)
    for number, place in zip(inputs, places, strict=True):
        if number is None:
            continue
        group, rest = place[1:2], place[3:]
        parts = [part.strip("'\"") for part in rest.replace("]", "").replace(".", "[").split("[") if part]
        if group == "0" and parts and parts[0].isdigit() and int(parts[0]) < len(known):
            parts[0] = known[int(parts[0])]
        name = identifier("_".join(parts) if parts else "x", f"x{number}")
        if name in used or _OF_PROGRAMS.fullmatch(name):
            name = next(name for i in range(len(places) + 1) if (name := f"x{number + i}") not in used)
        used.add(name)
        names[number] = name
    return names
