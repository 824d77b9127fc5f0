"""Faults planted in rules, and the tests that must catch each of them.  Not part of a run of the suite:

    python -m tests.mutations            all of them, about five minutes
    python -m tests.mutations tanh det   those whose description has one of these words

A fault is one replacement in one file of the package, made in a copy that is removed afterwards.  It is caught if the
tests named beside it fail; those of one law for all rules come first, for they are what a new rule has.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent


class Fault(NamedTuple):
    what: str
    file: str  # below dualdiff/
    before: str
    after: str
    tests: str  # what is given to pytest, of which each part must fail


RULES, KINDS, OWN = "tests/test_rules.py", "tests/test_tangent_kinds.py", "tests/test_tangents_of_rules.py"
FAULTS = [
    Fault(
        "a partial of NumPy is off by 1e-7",
        "rules/elementwise_functions.py",
        "elementwise(np.sinh, lambda y, x: np.cosh(x), ",
        "elementwise(np.sinh, lambda y, x: np.cosh(x) * (1 + 1e-7), ",
        f"{RULES} -k extrapolated_and_sinh",
    ),
    Fault(
        "a partial of SciPy is off by 1e-6",
        "special/bessel.py",
        "edged(sc.j1, lambda y, x: 0.5 * (sc.j0(x) - sc.jv(2.0, x)))",
        "edged(sc.j1, lambda y, x: 0.5 * (sc.j0(x) - (1 + 1e-6) * sc.jv(2.0, x)))",
        f"{RULES} -k extrapolated_and_j1",
    ),
    Fault(
        "a partial is a constant for the second derivative",
        "rules/elementwise_functions.py",
        "elementwise(np.cosh, lambda y, x: np.sinh(x), ",
        'elementwise(np.cosh, lambda y, x: np.sinh(getattr(x, "value", x)), ',
        f"{RULES} -k second_and_cosh",
    ),
    Fault(
        "a partial of one declared rule is a constant of reverse mode",
        "special/elementary.py",
        "edged(sc.log_expit, lambda y, x: sc.expit(-x))",
        "edged(sc.log_expit, lambda y, x: sc.expit(\n"
        '    -(x.value if getattr(getattr(x, "perturbation", None), "mode", "") == "reverse" else x)\n))',
        f"{RULES} -k over_reverse_and_log_expit",
    ),
    Fault(
        "a value is rounded in another way",
        "rules/contractions.py",
        "y = self.function(x, z, **options)\n        if constant(",
        "y = self.function(x, z, **options) * (1 + 3e-16)\n        if constant(",
        f"{RULES} -k bit_for_bit",
    ),
    Fault(
        "tangents of float32 become float64 (declared rules)",
        "tangents/single.py",
        "return product if product.dtype is tangent.dtype else product.astype(tangent.dtype)",
        "return product * np.float64(1.0)",
        f"{RULES} -k float32_and_tan; {KINDS} -k formula",
    ),
    Fault(
        "a partial of one declared rule overflows in float32",
        "special/elementary.py",
        "edged(sc.log_expit, lambda y, x: sc.expit(-x))",
        "edged(sc.log_expit, lambda y, x: sc.expit(-x) * (x * 0 + 1e30) * 1e30 * 1e-30 * 1e-30)",
        f"{RULES} -k float32_and_log_expit",
    ),
    Fault(
        "the memory order of an argument is taken for C",
        "rules/rearrangements.py",
        "return sorted(range(value.ndim), key=lambda axis: -abs(strides[axis]))",
        "return list(range(value.ndim))",
        "tests/test_rearrangements.py; tests/test_coverage.py -k ravel",
    ),
    Fault(
        "a partial of one declared rule takes entries in the order of memory",
        "special/elementary.py",
        "edged(sc.log_expit, lambda y, x: sc.expit(-x))",
        'edged(sc.log_expit, lambda y, x: sc.expit(-np.reshape(np.ravel(x, "K"), np.shape(x))))',
        f"{RULES} -k layout_and_log_expit",
    ),
    Fault(
        "a rule moves the first direction of a block alone",
        "rules/rearrangements.py",
        "def matrix_transpose(x: Any, /) -> Move:\n    return lambda block: block.swapaxes(-1, -2)",
        "def matrix_transpose(x: Any, /) -> Move:\n    return lambda block: block.swapaxes(-1, -2)[:1] + 0 * block.mT",
        f"{RULES} -k block_of_directions_and_matrix_transpose",
    ),
    Fault(
        "declared rules lose the second direction of a block",
        "tangents/dense.py",
        "            total = term if total is None else total + term if borrowed else _add(total, term)",
        "            term = np.where((np.arange(len(term)) == 1).reshape(-1, *[1] * (term.ndim - 1)), 0.0, term)\n"
        "            total = term if total is None else total + term if borrowed else _add(total, term)",
        f"{RULES} -k block_of_directions_and_tan; {KINDS}; {OWN}",
    ),
    Fault(
        "a linear map is affine",
        "rules/fft.py",
        "            return block\n\n        def transpose(block: Any) -> Any:\n            for before, n",
        "            return block + 1e-6\n\n        def transpose(block: Any) -> Any:\n            for before, n",
        f"{RULES} -k linear_and_fft; {OWN} -k fft",
    ),
    Fault(
        "a linear map is given with itself as its transpose",
        "rules/linalg.py",
        "lambda block: _columns_solved(mT(a), block), like)",
        "lambda block: _columns_solved(a, block), like)",
        f"{RULES} -k adjoint_and_linalg; {OWN} -k linalg",
    ),
    Fault(
        "a rule converts a value to ndarray",
        "rules/linalg.py",
        "return trace_of_product(y[..., None, None] * np.linalg.inv(a), da)",
        "return trace_of_product(y[..., None, None] * np.linalg.inv(np.asarray(a)), da)",
        f"{RULES} -k never_converts_and_det",
    ),
    Fault(
        "the conjugate of a complex factor is forgotten",
        "rules/contractions.py",
        "factor = conj(x) if self.conjugate else x",
        "factor = x",
        "tests/test_contractions.py; tests/test_coverage.py -k vdot",
    ),
    Fault(
        "a sum of one tangent is that tangent (dense)",
        "tangents/dense.py",
        "if borrowed:\n            total = blocks.copied(total)",
        "if False:\n            pass",
        f"{KINDS} -k owns",
    ),
    Fault(
        "a product with 1 is its argument (single)",
        "tangents/single.py",
        "return tangent if type(tangent) is _float64 else blocks.copied(tangent)",
        "return tangent",
        f"{KINDS} -k owns",
    ),
    Fault(
        "a cotangent is written into (tape)",
        "tangents/operations.py",
        "            cotangent = kind.contract(cotangent, subscripts, self.operand)",
        "            cotangent *= 1.5\n            cotangent = kind.contract(cotangent, subscripts, self.operand)",
        f"{KINDS} -k adjoint",
    ),
    Fault(
        "a selection does not take entries off the support on the way back",
        "tangents/structural_zeros.py",
        "support = self.support & plain(partial)",
        "support = self.support",
        "tests/test_structural_zeros.py",
    ),
    Fault(
        "a write lets the cotangent of what it wrote over through",
        "tangents/writes.py",
        "view[...] = 0.0\n        return part",
        "return part",
        f"{KINDS} -k adjoint",
    ),
    Fault(
        "a selection does not take entries off the support",
        "tangents/structural_zeros.py",
        "support = support & plain(partial)",
        "pass",
        "tests/test_structural_zeros.py",
    ),
    Fault(
        "a partial of SciPy has the other sign",
        "special/bessel.py",
        "edged(sc.i0, lambda y, x: sc.i1(x))",
        "edged(sc.i0, lambda y, x: -sc.i1(x))",
        f"{RULES} -k extrapolated_and_special.i0",
    ),
    Fault(
        "a product with a constant loses entries of the support",
        "tangents/structural_zeros.py",
        "contracted(tangent.support * 1.0, subscripts, np.ones(np.shape(plain(operand)))) > 0,",
        "contracted(tangent.support * 1.0, subscripts, np.ones(np.shape(plain(operand)))) > 1,",
        "tests/test_structural_zeros.py",
    ),
    Fault(
        "a sum has the support of its last term",
        "tangents/structural_zeros.py",
        "            union = union | support\n",
        "            union = support\n",
        "tests/test_structural_zeros.py -k terms",
    ),
    Fault(
        "staging reads before a write what was written in it",
        "staging/passes.py",
        "version[program.root(number)] += 1",
        "version[program.root(number)] += 0",
        "tests/test_staging.py",
    ),
    Fault(
        "two columns of one row share a colour",
        "transforms/colouring.py",
        "        if int(best.max()) + 1 == bound:\n            break",
        "        best = np.minimum(best, bound - 1)\n        if int(best.max()) + 1 == bound:\n            break",
        "tests/test_sparse.py",
    ),
    Fault(
        "a stand-in gives a plain float",
        "adapting/mathematics.py",
        "        return presented(with_primal(found, value))",
        "        return value",
        "tests/test_adapting.py -k numbers",
    ),
]


def run(fault: Fault) -> tuple[bool, str]:
    """Whether each of the tests fails in a copy of the project with the fault, and what pytest said."""
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory)
        for name in ("dualdiff", "tests", "benchmarks"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        path = copy / "dualdiff" / fault.file
        text = path.read_text(encoding="utf-8")
        if text.count(fault.before) != 1:
            return False, f"dualdiff/{fault.file} has {text.count(fault.before)} times: {fault.before}"
        path.write_text(text.replace(fault.before, fault.after), encoding="utf-8")
        said = []
        for tests in fault.tests.split("; "):
            done = subprocess.run(
                [sys.executable, "-m", "pytest", "-x", "--tb=no", "-p", "no:cacheprovider", *split(tests)],
                cwd=copy, env=os.environ | {"PYTHONPATH": str(copy)}, capture_output=True, text=True, check=False,
            )  # fmt: skip
            said.append((done.stdout.strip().splitlines() or [done.stderr[-200:]])[-1])
            if done.returncode != 1:
                return False, f"{tests}: {said[-1]}"
        return True, "; ".join(said)


def split(tests: str) -> list[str]:
    """``file -k a_and_b`` as arguments of pytest: the last is an expression."""
    where, _, words = tests.partition(" -k ")
    return [where, "-k", words.replace("_and_", " and ")] if words else [where]


def main(words: list[str]) -> int:
    chosen = [fault for fault in FAULTS if not words or any(word in fault.what for word in words)]
    missed = 0
    for fault in chosen:
        caught, said = run(fault)
        missed += not caught
        print(f"{'caught' if caught else 'MISSED'}  {fault.what:<60} {said}", flush=True)
    print(f"{len(chosen) - missed} of {len(chosen)} faults caught")
    return int(missed > 0 or not chosen)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
