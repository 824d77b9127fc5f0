"""What the first minute costs: the import beyond NumPy, and the first gradient, in a fresh process.

Each run is a new Python that imports NumPy, evaluates Rosenbrock's function at n = 10 once, imports the package, and
takes one gradient of it: what is done lazily on first use, tracing and compilation included, is in that time.
The gradient is checked against the one by hand.  As an installed package: compiled to bytecode by a run before.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence

import numpy as np

from .answers import Verdict
from .measuring import largest_error
from .overhead import points, rosenbrock_gradient
from .peers import Peer
from .rows import OURS, Row

# What gives the gradient of f at x as an array, and the namespace that f is written in.
GRADIENT = {
    OURS: ("import dualdiff", "dualdiff.grad(f)(x)", "numpy"),
    "autograd": ("import autograd, autograd.numpy", "autograd.grad(f)(x)", "autograd.numpy"),
    "MyGrad": ("import mygrad", "(t := mygrad.tensor(x), f(t).backward())[0].grad", "numpy"),
    "JAX": ("import jax, jax.numpy; jax.config.update('jax_enable_x64', True)", "jax.grad(f)(x)", "jax.numpy"),
    "JAX jit": (
        "import jax, jax.numpy; jax.config.update('jax_enable_x64', True)",
        "jax.jit(jax.grad(f))(x)",
        "jax.numpy",
    ),
    "advect": ("import advect", "advect.grad(f)(x)", "numpy"),
    "advect staged": ("import advect", "advect.grad(advect.stage(f, x))(x)", "numpy"),
    "differences": ("import scipy.optimize", "scipy.optimize.approx_fprime(x, f)", "numpy"),
}
PROGRAM = """
import json, sys, time
start = time.perf_counter()
import numpy
numpy_imported = time.perf_counter()
import numpy.random
x = numpy.random.default_rng(0).standard_normal(10)
np = numpy
def f(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
start_of_value = time.perf_counter()
f(x)
valued = time.perf_counter()
{imports}
imported = time.perf_counter()
np = {namespace}
gradient = numpy.asarray({gradient})
done = time.perf_counter()
print(json.dumps({{
    "numpy": numpy_imported - start, "value": valued - start_of_value, "import": imported - valued,
    "gradient": done - imported, "answer": gradient.tolist(), "scipy": "scipy" in sys.modules,
}}))
"""


def fresh(name: str, runs: int) -> dict[str, list[float]]:
    """Seconds of each part, in each of so many new processes; "answer" is the gradient of the last."""
    imports, gradient, namespace = GRADIENT[name]
    command = [sys.executable, "-c", PROGRAM.format(imports=imports, gradient=gradient, namespace=namespace)]
    found: dict[str, list[float]] = {"numpy": [], "value": [], "import": [], "gradient": []}
    with tempfile.TemporaryDirectory() as compiled:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for i in range(1 + runs):
            done = subprocess.run(command, env=environment, check=True, capture_output=True).stdout
            run = json.loads(done.splitlines()[-1])
            if name == OURS and run["scipy"]:
                raise AssertionError("importing dualdiff imported SciPy")
            if i:  # the run before compiled
                for part, seconds in found.items():
                    seconds.append(run[part])
    found["answer"] = run["answer"]
    return found


def measured(runs: int, peers: Sequence[Peer] = ()) -> list[Row]:
    """Two rows from the same processes: the import, beside NumPy's; the first gradient, beside the first value."""
    right = rosenbrock_gradient(points(10)[0])
    ours = fresh(OURS, runs)
    verdict = Verdict(largest_error(np.array(ours["answer"]), right), 0.0, "by hand")
    rows = [
        Row("startup", "import", "", "", 0, {"value": ours["numpy"], OURS: ours["import"]}, None),
        Row(
            "startup",
            "first gradient",
            "10",
            "grad",
            10,
            {"value": ours["value"], OURS: ours["gradient"]},
            verdict,
        ),
    ]
    for peer in peers:
        try:
            found = fresh(peer.name, runs)
        except subprocess.CalledProcessError as failed:
            for row in rows:
                row.missing[peer.name] = failed.stderr.decode().strip().splitlines()[-1]
        else:
            for row, part in zip(rows, ("import", "gradient"), strict=True):
                row.seconds[peer.name] = found[part]
            rows[1].errors_of_peers[peer.name] = largest_error(np.array(found["answer"]), right)
    return rows
