"""``python -m dualdiff diagnose module:function --args "np.ones(3)"``: the report from the shell."""

from __future__ import annotations

import argparse
import functools
import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np

from .doctor import examined


def main(arguments: list[str]) -> int:
    """Print the report; 1 if something serious was found."""
    parser = argparse.ArgumentParser(
        prog="python -m dualdiff diagnose", description="Why is a derivative zero, infinite, nan, refused or slow?"
    )
    parser.add_argument("function", help="module:function, or path/to/file.py:function; names with dots are looked up")
    parser.add_argument(
        "--args", default="", help='its arguments, in Python: "np.ones(3), 2.0"; the module is in sight'
    )
    parser.add_argument(
        "--argnums", type=int, nargs="+", help="which of them to differentiate; all numbers, if left out"
    )
    parser.add_argument("--seconds", type=float, default=0.5, help="about what is spent on measuring; 0: nothing")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the report there too")
    given = parser.parse_args(arguments)
    module_name, _, name = given.function.rpartition(":")
    if not module_name or not name:
        parser.error(f"{given.function!r} is not module:function.")
    try:
        module = _module(module_name)
        f = functools.reduce(getattr, name.split("."), module)
        args = eval(f"({given.args},)" if given.args.strip() else "()", {"np": np, **vars(module)})
    except Exception as error:
        parser.error(f"{type(error).__name__}: {error}")
    if not args:
        parser.error('the function is given no arguments: --args "np.ones(3)".')
    argnums = tuple(given.argnums) if given.argnums else None
    try:
        report = examined(f, args, argnums, given.seconds)
    except (TypeError, ValueError) as error:
        parser.error(str(error))
    print(report)
    if given.html is not None:
        page = f"<!doctype html><meta charset=utf-8><title>diagnosis of {report.name}</title>{report._repr_html_()}"
        given.html.write_text(page, encoding="utf-8")
    return int(not report.ok)


def _module(name: str) -> Any:
    """A module by its name, or by its file."""
    if not name.endswith(".py"):
        sys.path.insert(0, "")
        try:
            return importlib.import_module(name)
        finally:
            sys.path.remove("")
    path = Path(name)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {name}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module
