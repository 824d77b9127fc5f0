"""What a report of a bug should have: versions, the platform, the linear algebra behind NumPy."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from typing import Any

import numpy as np

_OPTIONAL = ("scipy", "numba", "matplotlib", "dask", "cupy", "pandas", "xarray", "pint", "autograd", "jax")


def versions() -> dict[str, str]:
    """Names and versions; what is not installed is not imported to find out."""
    package = sys.modules[__name__.partition(".")[0]]
    found = {
        "dualdiff": str(package.__version__),
        "Python": f"{platform.python_version()} ({platform.python_implementation()}{_threading()})",
        "platform": platform.platform(),
        "processor": f"{platform.machine()}, {os.cpu_count()} cores",
        "NumPy": np.__version__,
        "BLAS": _library("blas"),
        "LAPACK": _library("lapack"),
    }
    for name in _OPTIONAL:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    found["DUALDIFF_ADAPT"] = os.environ.get("DUALDIFF_ADAPT", "not set")
    return found


def _threading() -> str:
    enabled: Any = getattr(sys, "_is_gil_enabled", None)
    return "" if enabled is None or enabled() else ", free-threaded"


def _library(name: str) -> str:
    config: Any = np.show_config(mode="dicts")
    found = (config or {}).get("Build Dependencies", {}).get(name, {})
    return f"{found.get('name', 'unknown')} {found.get('version', '')}".strip()
