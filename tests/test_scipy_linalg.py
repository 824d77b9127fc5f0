"""`scipy.linalg`: derivatives of all kinds of every function, in all its options; special points, refusals."""

import inspect
import warnings

import numpy as np
import pytest
import scipy.linalg
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd
from dualdiff.scipy import linalg
from tests.laws import together
from tests.samples import well_conditioned
from tests.scipy_samples import check, pairing

RNG = np.random.default_rng(0)
A = well_conditioned(3)
A4 = well_conditioned(4, 3)
SMALL = RNG.uniform(-0.5, 0.5, (3, 3))
SMALL4 = RNG.uniform(-0.4, 0.4, (4, 4))
SPD = SMALL @ SMALL.T + np.diag([1.0, 2.0, 3.0]) + 0.1 * RNG.uniform(-1.0, 1.0, (3, 3))  # one triangle is read
b, B = RNG.uniform(-1.0, 1.0, 3), RNG.uniform(-1.0, 1.0, (3, 2))
TALL, WIDE = RNG.uniform(-1.0, 1.0, (5, 3)), RNG.uniform(-1.0, 1.0, (3, 5))
BATCH = well_conditioned(3, 1, (2,))
BATCH_B = RNG.uniform(-1.0, 1.0, (2, 3, 2))
I1 = RNG.uniform(-0.5, 0.5, (3, 3))
CA, CB, CTALL, CWIDE = (
    A + 1j * I1,
    B + 1j * RNG.uniform(-1, 1, (3, 2)),
    TALL + 0.5j * TALL[::-1],
    WIDE + 0.3j * WIDE[::-1],
)
CSPD = SPD + 0.3j * (I1 - I1.T) + 0.2j * np.diag(b)
CSMALL = SMALL + 0.3j * I1
SPECTRUM = np.array([[1.0, 0.4, 0.0], [-0.4, 1.0, 0.3], [0.1, 0.2, 2.5]])  # a complex pair
V1, V2 = RNG.uniform(0.2, 1.0, 4), RNG.uniform(0.2, 1.0, 3)
DOMINANT = np.array([4.0, 1.0, 0.5, 0.2])
BAND = np.concatenate([RNG.uniform(-0.5, 0.5, (1, 5)), RNG.uniform(3.0, 4.0, (1, 5)), RNG.uniform(-0.5, 0.5, (2, 5))])
HBAND = np.concatenate([RNG.uniform(3.0, 4.0, (1, 5)), RNG.uniform(-0.5, 0.5, (2, 5))])
b5, B5 = RNG.uniform(-1.0, 1.0, 5), RNG.uniform(-1.0, 1.0, (5, 2))


def projectors(result):
    """Of eigenvectors, what does not depend on the signs that LAPACK gives them, near the point anew at times."""
    w, V = result
    return w, V[..., :, None, :] * np.conj(V[..., None, :, :])


SAMPLES = {
    "inv": (linalg.inv, [A]),
    "inv complex": (linalg.inv, [CA]),
    "solve": (linalg.solve, [A, b]),
    "solve matrix": (linalg.solve, [A, B]),
    "solve complex": (linalg.solve, [CA, CB]),
    "solve mixed": (linalg.solve, [A, CB]),
    "solve transposed": (lambda a, b: linalg.solve(a, b, transposed=True), [A, B]),
    "solve transposed vector": (lambda a, b: linalg.solve(a, b, transposed=True, assume_a="gen"), [A, b]),
    "solve number": (linalg.solve, [A[:1, :1], b[:1]]),
    "det": (linalg.det, [A]),
    "det complex": (linalg.det, [CA]),
    "solve_triangular": (linalg.solve_triangular, [A, b]),
    "solve_triangular lower": (lambda a, b: linalg.solve_triangular(a, b, lower=True), [A, B]),
    "solve_triangular unit": (lambda a, b: linalg.solve_triangular(a, b, "T", unit_diagonal=True), [A, B]),
    "cho_factor": (lambda a: linalg.cho_factor(a), [SPD]),
    "cho_factor lower": (lambda a: linalg.cho_factor(a, lower=True), [SPD]),
    "cho_factor complex": (lambda a: linalg.cho_factor(a), [CSPD]),
    "cho_solve": (lambda a, b: linalg.cho_solve(linalg.cho_factor(a), b), [SPD, b]),
    "cho_solve lower": (lambda a, b: linalg.cho_solve(linalg.cho_factor(a, True), b), [SPD, B]),
    "cho_solve complex": (lambda a, b: linalg.cho_solve(linalg.cho_factor(a), b), [CSPD, CB]),
    "cho_solve complex lower": (lambda a, b: linalg.cho_solve(linalg.cho_factor(a, True), b), [CSPD, CB]),
    "cho_solve of a factor": (lambda c, b: linalg.cho_solve((c, False), b), [A, B]),
    "cholesky": (linalg.cholesky, [SPD]),
    "cholesky lower": (lambda a: linalg.cholesky(a, lower=True), [SPD]),
    "cholesky complex": (linalg.cholesky, [CSPD]),
    "lu": (linalg.lu, [A4]),
    "lu tall": (linalg.lu, [TALL]),
    "lu wide": (linalg.lu, [WIDE]),
    "lu permuted": (lambda a: linalg.lu(a, permute_l=True), [A4[::-1]]),
    "lu permuted tall": (lambda a: linalg.lu(a, permute_l=True), [TALL]),
    "lu indices": (lambda a: linalg.lu(a, p_indices=True), [A4[[2, 0, 3, 1]]]),
    "lu complex": (linalg.lu, [CTALL]),
    "lu batch": (linalg.lu, [BATCH[:, [1, 2, 0]]]),
    "lu batch permuted": (lambda a: linalg.lu(a, True), [BATCH[:, [1, 2, 0]]]),
    "lu number": (linalg.lu, [A[:1, :1]]),
    "lu_factor": (linalg.lu_factor, [A4[[2, 0, 3, 1]]]),
    "lu_factor complex": (linalg.lu_factor, [CA[[1, 2, 0]]]),
    "expm": (linalg.expm, [SMALL]),
    "expm scaled": (linalg.expm, [2.0 * A]),
    "expm triangular": (lambda a: linalg.expm(np.triu(a)), [A]),
    "expm at a diagonal": (linalg.expm, [np.diag([1.0, 2.0, 2.0])]),
    "expm batch": (linalg.expm, [well_conditioned(3, 1, (2, 1))]),
    "expm complex": (linalg.expm, [CSMALL]),
    "expm number": (linalg.expm, [SMALL[:1, :1]]),
    "expm 0-d": (linalg.expm, [0.3]),
    "sqrtm": (linalg.sqrtm, [A]),
    "sqrtm rotation": (linalg.sqrtm, [SPECTRUM]),
    "sqrtm complex": (linalg.sqrtm, [CA]),
    "sqrtm negative": (linalg.sqrtm, [A * np.array([1.0, -1.0, 1.0])]),
    "logm": (linalg.logm, [A]),
    "logm rotation": (linalg.logm, [SPECTRUM]),
    "logm complex": (linalg.logm, [CA]),
    "power": (lambda a: linalg.fractional_matrix_power(a, 0.3), [A]),
    "power negative": (lambda a: linalg.fractional_matrix_power(a, -1.7), [CA]),
    "power integer": (lambda a: linalg.fractional_matrix_power(a, 3), [SMALL]),
    "cosm": (linalg.cosm, [SMALL]),
    "sinm complex": (linalg.sinm, [CSMALL]),
    "sinm": (linalg.sinm, [SMALL]),
    "tanm": (linalg.tanm, [SMALL]),
    "coshm": (linalg.coshm, [SMALL]),
    "sinhm": (linalg.sinhm, [SMALL]),
    "tanhm complex": (linalg.tanhm, [CSMALL]),
    "sylvester": (linalg.solve_sylvester, [A, A4, RNG.uniform(-1, 1, (3, 4))]),
    "sylvester rotation": (linalg.solve_sylvester, [SPECTRUM, A, B @ B.T]),
    "sylvester complex": (linalg.solve_sylvester, [CA, CA + 1.0, CB @ CB.T]),
    "lyapunov": (linalg.solve_continuous_lyapunov, [A, SMALL]),
    "lyapunov rotation": (linalg.solve_continuous_lyapunov, [SPECTRUM, SMALL]),
    "lyapunov complex": (linalg.solve_continuous_lyapunov, [CA, CSMALL]),
    "discrete lyapunov": (linalg.solve_discrete_lyapunov, [SMALL, A]),
    "discrete lyapunov complex": (linalg.solve_discrete_lyapunov, [CSMALL, CA]),
    "discrete lyapunov bilinear": (lambda a, q: linalg.solve_discrete_lyapunov(a, q, "bilinear"), [SMALL, A]),
    "qr": (linalg.qr, [TALL]),
    "qr square": (linalg.qr, [A]),
    "qr wide": (linalg.qr, [WIDE]),
    "qr economic": (lambda a: linalg.qr(a, mode="economic"), [TALL]),
    "qr r": (lambda a: linalg.qr(a, mode="r"), [TALL]),
    "qr r wide": (lambda a: linalg.qr(a, mode="r"), [WIDE]),
    "qr pivoting": (lambda a: linalg.qr(a, pivoting=True), [TALL]),
    "qr pivoting economic": (lambda a: linalg.qr(a, mode="economic", pivoting=True), [WIDE]),
    "qr pivoting r": (lambda a: linalg.qr(a, mode="r", pivoting=True), [TALL]),
    "qr complex": (lambda a: linalg.qr(a, mode="economic"), [CTALL]),
    "qr complex full": (linalg.qr, [CTALL]),
    "polar": (linalg.polar, [A]),
    "polar tall": (linalg.polar, [TALL]),
    "polar wide": (linalg.polar, [WIDE]),
    "polar left": (lambda a: linalg.polar(a, side="left"), [TALL]),
    "polar left wide": (lambda a: linalg.polar(a, side="left"), [WIDE]),
    "polar complex": (linalg.polar, [CTALL]),
    "polar complex wide": (lambda a: linalg.polar(a, "left"), [CWIDE]),
    "polar equal": (linalg.polar, [np.eye(3)]),
    "procrustes": (linalg.orthogonal_procrustes, [TALL, TALL[::-1] + 1.0]),
    "eigh": (lambda a: projectors(linalg.eigh(a)), [SPD]),
    "eigh complex": (lambda a: projectors(linalg.eigh(a)), [CSPD]),
    "eigh upper": (lambda a: projectors(linalg.eigh(a, lower=False)), [SPD]),
    "eigh values": (lambda a: linalg.eigh(a, eigvals_only=True), [SPD]),
    "eigh index": (lambda a: projectors(linalg.eigh(a, subset_by_index=[1, 2])), [SPD]),
    "eigh index values": (lambda a: linalg.eigh(a, subset_by_index=[0, 1], eigvals_only=True), [SPD]),
    "eigh value": (lambda a: projectors(linalg.eigh(a, subset_by_value=[1.6, 9.0])), [SPD]),
    "eigh driver": (lambda a: linalg.eigh(a, driver="evd"), [SPD]),
    "eigh generalized": (lambda a, b: projectors(linalg.eigh(a, b)), [A, SPD]),
    "eigh generalized upper": (lambda a, b: projectors(linalg.eigh(a, b, lower=False)), [A, SPD]),
    "eigh generalized 2": (lambda a, b: projectors(linalg.eigh(a, b, type=2)), [A, SPD]),
    "eigh generalized 3": (lambda a, b: projectors(linalg.eigh(a, b, type=3)), [A, SPD]),
    "eigh generalized in b": (lambda b: projectors(linalg.eigh(np.diag([1.0, 2.0, 4.0]), b)), [SPD]),
    "eigh generalized complex": (lambda a, b: projectors(linalg.eigh(a, b, type=2)), [CA, CSPD]),
    "eigh generalized in a": (lambda a: projectors(linalg.eigh(a, np.diag([1.0, 2.0, 4.0]))), [A]),
    "eigh generalized subset": (lambda a, b: projectors(linalg.eigh(a, b, subset_by_index=[1, 2])), [A, SPD]),
    "eigvalsh": (linalg.eigvalsh, [SPD]),
    "eigvalsh generalized": (lambda a, b: linalg.eigvalsh(a, b, type=3, lower=False), [A, SPD]),
    "eigvalsh subset": (lambda a: linalg.eigvalsh(a, subset_by_value=(-1.0, 2.0)), [SPD]),
    "eig": (linalg.eig, [A]),
    "eig left": (lambda a: linalg.eig(a, left=True), [A]),
    "eig left alone": (lambda a: linalg.eig(a, left=True, right=False), [SPECTRUM]),
    "eig pair": (linalg.eig, [SPECTRUM]),
    "eig complex": (lambda a: linalg.eig(a, left=True), [CA]),
    "eig values": (lambda a: linalg.eig(a, right=False), [SPECTRUM]),
    "eigvals": (linalg.eigvals, [A]),
    "eigvals generalized": (linalg.eigvals, [A, SPD]),
    "eigvals generalized complex": (linalg.eigvals, [CA, SPECTRUM]),
    "svd": (lambda a: linalg.svd(a, full_matrices=False), [TALL]),
    "svd wide": (lambda a: linalg.svd(a, full_matrices=False, lapack_driver="gesvd"), [WIDE]),
    "svd values": (lambda a: linalg.svd(a, compute_uv=False), [TALL]),
    "svdvals": (linalg.svdvals, [CTALL]),
    "pinv": (linalg.pinv, [TALL]),
    "pinv wide": (linalg.pinv, [CWIDE]),
    "pinv rank": (lambda a: linalg.pinv(a, return_rank=True), [TALL]),
    "pinv atol": (lambda a: linalg.pinv(a, atol=0.9), [TALL]),
    "pinv rtol": (lambda a: linalg.pinv(a, atol=0.1, rtol=0.6), [TALL]),
    "pinvh": (linalg.pinvh, [SPD]),
    "pinvh upper": (lambda a: linalg.pinvh(a, lower=False, return_rank=True), [CSPD]),
    "lstsq": (linalg.lstsq, [TALL, b5]),
    "lstsq matrix": (linalg.lstsq, [TALL, B5]),
    "lstsq wide": (linalg.lstsq, [WIDE, b]),
    "lstsq gelss": (lambda a, b: linalg.lstsq(a, b, lapack_driver="gelss"), [TALL, b5]),
    "lstsq gelsy": (lambda a, b: linalg.lstsq(a, b, lapack_driver="gelsy"), [TALL, B5]),
    "lstsq cond": (lambda a, b: linalg.lstsq(a, b, cond=0.5)[::3], [TALL, b5]),
    "lstsq complex": (linalg.lstsq, [CTALL, b5 * 1j]),
    "norm": (linalg.norm, [TALL]),
    "norm vector": (linalg.norm, [b]),
    "norm 1": (lambda a: linalg.norm(a, 1), [np.asfortranarray(TALL)]),
    "norm inf": (lambda a: linalg.norm(a, np.inf), [TALL]),
    "norm 2": (lambda a: linalg.norm(a, 2), [TALL]),
    "norm nuc": (lambda a: linalg.norm(a, "nuc", check_finite=False), [CTALL]),
    "norm axis": (lambda a: linalg.norm(a, 3, axis=0, keepdims=True), [TALL]),
    "toeplitz": (linalg.toeplitz, [V1, V2]),
    "toeplitz symmetric": (linalg.toeplitz, [V1]),
    "toeplitz complex": (linalg.toeplitz, [V1 + 1j * V1[::-1]]),
    "hankel": (linalg.hankel, [V1, V2]),
    "hankel triangular": (linalg.hankel, [V1]),
    "circulant": (linalg.circulant, [V1]),
    "companion": (linalg.companion, [V1]),
    "leslie": (linalg.leslie, [V1, V2]),
    "fiedler": (linalg.fiedler, [V1]),
    "convolution_matrix": (lambda a: linalg.convolution_matrix(a, 3), [V1]),
    "convolution_matrix same": (lambda a: linalg.convolution_matrix(a, 3, "same"), [V1]),
    "convolution_matrix same long": (lambda a: linalg.convolution_matrix(a, 7, "same"), [V1]),
    "convolution_matrix valid": (lambda a: linalg.convolution_matrix(a, 2, mode="valid"), [V1]),
    "block_diag": (lambda a, b, c: linalg.block_diag(a, [[1.0, 2.0]], b, c), [A, b, WIDE]),
    "khatri_rao": (linalg.khatri_rao, [TALL, A]),
    "solve_banded": (lambda ab, b: linalg.solve_banded((2, 1), ab, b), [BAND, b5]),
    "solve_banded matrix": (lambda ab, b: linalg.solve_banded((2, 1), ab, b), [BAND, B5]),
    "solve_banded tridiagonal": (lambda ab, b: linalg.solve_banded((1, 1), ab, b), [BAND[:3], B5]),
    "solve_banded complex": (lambda ab, b: linalg.solve_banded((2, 1), ab, b), [BAND * (1 + 0.2j), 1j * b5]),
    "solve_banded in ab": (lambda ab: linalg.solve_banded((2, 1), ab, np.arange(5.0)), [BAND]),
    "solve_banded in b": (lambda b: linalg.solve_banded((2, 1), BAND, b), [b5]),
    "solveh_banded": (lambda ab, b: linalg.solveh_banded(ab, b, lower=True), [HBAND, b5]),
    "solveh_banded upper": (lambda ab, b: linalg.solveh_banded(ab, b), [HBAND[::-1], B5]),
    "solveh_banded tridiagonal": (lambda ab, b: linalg.solveh_banded(ab, b), [HBAND[1::-1], B5]),
    "solveh_banded complex": (
        lambda ab, b: linalg.solveh_banded(ab, b, lower=True),
        [HBAND + 0.1j * HBAND[::-1], 1j * b5],
    ),
    "solveh_banded complex upper": (
        lambda ab, b: linalg.solveh_banded(ab, b),
        [(HBAND + 0.1j * HBAND[::-1])[1::-1], 1j * b5],
    ),
    "solve_toeplitz": (lambda c, r, b: linalg.solve_toeplitz((c, r), b), [DOMINANT, DOMINANT[::-1], V1]),
    "solve_toeplitz symmetric": (linalg.solve_toeplitz, [DOMINANT, A4]),
    "matmul_toeplitz": (lambda c, r, x: linalg.matmul_toeplitz((c, r), x), [V1, V2, B]),
    "matmul_toeplitz vector": (linalg.matmul_toeplitz, [V1, DOMINANT]),
    "solve_circulant": (linalg.solve_circulant, [DOMINANT, V1]),
    "solve_circulant matrix": (linalg.solve_circulant, [DOMINANT, A4]),
    "solve_circulant complex": (linalg.solve_circulant, [DOMINANT * (1 + 0.5j), A4]),
    "solve_circulant axes": (lambda c, b: linalg.solve_circulant(c, b, baxis=1, outaxis=-1), [DOMINANT, A4]),
}
for _trans in (0, 1, 2, "N", "C"):
    for _lower in (False, True):
        SAMPLES[f"solve_triangular complex {_trans} {_lower}"] = (
            lambda a, b, t=_trans, l=_lower: linalg.solve_triangular(a, b, t, lower=l),
            [CA, CB],
        )
for _trans in (0, 1, 2):
    SAMPLES[f"lu_solve {_trans}"] = (
        lambda a, b, t=_trans: linalg.lu_solve(linalg.lu_factor(a), b, trans=t),
        [A[[1, 2, 0]], b],
    )
    SAMPLES[f"lu_solve complex {_trans}"] = (
        lambda a, b, t=_trans: linalg.lu_solve(linalg.lu_factor(a), b, trans=t),
        [CA[[1, 2, 0]], CB],
    )
STRUCTURES = ["gen", "sym", "pos", "her"]
if scipy.linalg.solve(np.eye(2), np.ones(2)).size and "None" in str(
    inspect.signature(scipy.linalg.solve).parameters["assume_a"]
):  # SciPy 1.15
    STRUCTURES += ["diagonal", "tridiagonal", "banded", "upper triangular", "lower triangular", "positive definite"]
for _structure in STRUCTURES:
    for _lower in (False, True):
        SAMPLES[f"solve {_structure} {_lower}"] = (
            lambda a, b, s=_structure, l=_lower: linalg.solve(a, b, lower=l, assume_a=s),
            [SPD, B],
        )
        SAMPLES[f"solve complex {_structure} {_lower}"] = (
            lambda a, b, s=_structure, l=_lower: linalg.solve(a, b, lower=l, assume_a=s),
            [CSPD, CB],
        )
if "assume_a" in inspect.signature(scipy.linalg.inv).parameters:
    for _structure in ("gen", "upper triangular", "lower triangular", "sym", "her", "pos"):
        for _lower in (False, True):
            SAMPLES[f"inv {_structure} {_lower}"] = (
                lambda a, s=_structure, l=_lower: linalg.inv(a, assume_a=s, lower=l),
                [CSPD],
            )
LOOSE = {"expm scaled": 1e-5, "tanm": 1e-6, "qr pivoting r": 1e-6}
# SciPy says of each logarithm in single precision that it may be inaccurate.
DOUBLE = {"logm", "logm rotation"}


@together(SAMPLES, of=10)
def test_derivatives_of_all_kinds_agree_with_differences(name):
    f, args = SAMPLES[name]

    check(f, *args, rtol=LOOSE.get(name, 1e-7), float32=name not in DOUBLE)


def takes_batches(f, *args):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            f(*args)
    except Exception:
        return False
    return True


BATCHES = {
    "solve": (linalg.solve, [BATCH, BATCH_B]),
    "solve one matrix": (linalg.solve, [A, BATCH_B]),
    "solve vector": (linalg.solve, [BATCH, b]),
    "inv": (linalg.inv, [BATCH]),
    "det": (linalg.det, [BATCH]),
    "solve_triangular": (lambda a, b: linalg.solve_triangular(a, b, "T"), [BATCH, BATCH_B]),
    "solve_triangular vector": (lambda a, b: linalg.solve_triangular(a, b), [BATCH, b]),
    "cholesky": (lambda a: linalg.cholesky(a), [BATCH]),
    "cho_solve": (lambda a, b: linalg.cho_solve(linalg.cho_factor(a), b), [BATCH, BATCH_B]),
    "lu_factor": (linalg.lu_factor, [BATCH[:, [1, 2, 0]]]),
    "lu_solve": (lambda a, b: linalg.lu_solve(linalg.lu_factor(a), b), [BATCH[:, [1, 2, 0]], BATCH_B]),
    "lu_solve transposed": (lambda a, b: linalg.lu_solve(linalg.lu_factor(a), b, 1), [BATCH[:, [1, 2, 0]], b]),
    "sqrtm": (linalg.sqrtm, [BATCH]),
    "logm": (linalg.logm, [BATCH]),
    "cosm": (linalg.cosm, [BATCH]),
    "sylvester": (linalg.solve_sylvester, [BATCH, A, BATCH]),
    "lyapunov": (linalg.solve_continuous_lyapunov, [BATCH, BATCH]),
    "discrete lyapunov": (linalg.solve_discrete_lyapunov, [0.1 * BATCH, BATCH]),
    "qr": (lambda a: linalg.qr(a, pivoting=True), [BATCH[:, :, :2]]),
    "eigh": (lambda a: projectors(linalg.eigh(a)), [BATCH]),
    "eigh subset": (lambda a: projectors(linalg.eigh(a, subset_by_index=[1, 2])), [BATCH]),
    "eig": (linalg.eig, [BATCH]),
    "svdvals": (linalg.svdvals, [BATCH]),
    "pinv": (linalg.pinv, [BATCH]),
    "polar": (linalg.polar, [BATCH[:, :, :2]]),
    "norm": (lambda a: linalg.norm(a, axis=(1, 2)), [BATCH]),
    "solve_banded": (lambda ab, b: linalg.solve_banded((2, 1), ab, b), [np.stack([BAND, BAND[:, ::-1]]), B5]),
    "solveh_banded": (
        lambda ab, b: linalg.solveh_banded(ab, b, lower=True),
        [np.stack([HBAND, HBAND[:, ::-1]]), B5],
    ),
    "toeplitz": (linalg.toeplitz, [np.stack([V1, V1[::-1]]), V2]),
    "circulant": (linalg.circulant, [np.stack([V1, V1[::-1]])]),
    "companion": (linalg.companion, [np.stack([V1, V1[::-1]])]),
    "convolution_matrix": (lambda a: linalg.convolution_matrix(a, 2), [A]),
    "leslie": (linalg.leslie, [np.stack([V1, V1[::-1]]), V2]),
    "fiedler": (linalg.fiedler, [np.stack([V1, V1[::-1]])]),
    "block_diag": (linalg.block_diag, [BATCH, A]),
    "khatri_rao": (linalg.khatri_rao, [BATCH, A]),
    "solve_toeplitz": (linalg.solve_toeplitz, [np.stack([DOMINANT, DOMINANT * 1.5]), A4]),
    "matmul_toeplitz": (linalg.matmul_toeplitz, [np.stack([DOMINANT, DOMINANT * 1.5]), A4]),
}


@pytest.mark.parametrize("name", BATCHES)
def test_batches_have_derivatives_where_scipy_takes_them(name):
    f, args = BATCHES[name]
    if not takes_batches(f, *args):
        pytest.skip("not in this version of SciPy")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # what SciPy will do with more axes
        try:
            check(f, *args, float32=name not in DOUBLE)
        except dd.UnsupportedFunction as error:
            if "this version of SciPy" not in str(error):
                raise


def test_many_dimensional_vectors_are_ravelled_or_a_batch_as_in_scipy():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for f in (linalg.toeplitz, linalg.hankel, linalg.circulant):
            check(f, np.stack([V2, V2[::-1]]))


def test_full_singular_vectors_give_true_derivatives_of_what_does_not_depend_on_their_gauge():
    for x in (TALL, CWIDE):
        check(lambda a: linalg.svd(a)[1], x)
        weight = RNG.standard_normal((x.shape[0], x.shape[0]))

        def projection(a, weight=weight, x=x):
            rest = linalg.svd(a)[0][:, 2:]
            return np.real(np.trace(weight @ rest @ np.conj(rest.T)))

        check(projection, x)


def test_values_of_one_triangle_are_those_of_the_matrix_it_stands_for():
    """What `solve` reads for an asymmetric argument, so that derivatives are in the right triangle."""
    for lower in (False, True):
        for assume_a in ("sym", "pos", "her"):
            half = np.tril(SPD) if lower else np.triu(SPD)
            whole = half + half.T - np.diag(np.diag(SPD))
            found = scipy.linalg.solve(SPD, b, assume_a=assume_a, lower=lower)
            assert_allclose(found, np.linalg.solve(whole, b))


# Special points.


def test_logm_and_powers_on_their_branch_cut_raise():
    """Of two eigenvalues −1 one logarithm may have π i and the other −π i: that gives no derivative."""
    turned = np.array([[1.0, 2.0, 1.0], [0.3, -1.0, 0.0], [0.0, 1.0, 0.0]])

    for f in (linalg.logm, lambda a: linalg.fractional_matrix_power(a, 0.5)):
        along = lambda t, f=f: [np.real(f(turned + t * np.eye(3)))]
        try:
            _, found = dd.jvp(lambda a, f=f: np.real(f(a)), (turned,), (np.eye(3),))
        except np.linalg.LinAlgError:
            continue
        assert_allclose(found, dd.testing.derivative_at_zero(along, 1e-4)[0], atol=1e-6)


def test_equations_without_a_unique_solution_raise():
    """√A has no derivative at a singular matrix, nor does X of A X + X B = Q where A and −B share an eigenvalue."""
    quietly = lambda f: lambda a: _without_warnings(f, a)

    for f, x in (
        (linalg.sqrtm, np.diag([1.0, 0.0])),
        (lambda a: linalg.solve_sylvester(a, a, np.eye(2)), np.diag([1.0, -1.0])),
    ):
        for transform in (dd.jacfwd, dd.jacrev):
            with pytest.raises(np.linalg.LinAlgError, match="no unique solution"):
                transform(quietly(f))(x)


def _without_warnings(f, a):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return f(a)


@pytest.mark.parametrize("scale", [1e-17, 1.0, 1e17])
@pytest.mark.parametrize("a", [[[1.7, 1.3], [2.2, 2.4]], [[0.3, 1.3, 0.2], [2.2, 2.4, 0.4], [1.0, 0.3, 1.9]]])
def test_factors_of_matrices_of_any_scale(a, scale):
    """L is about 1, U of the size of the matrix: rounding in U must not enter L, which `lu_factor` keeps beside it."""
    a = np.array(a)
    da = np.arange(1.0, 1.0 + a.size).reshape(a.shape) / a.size
    lower = np.tri(len(a), k=-1, dtype=bool)
    one, other = (
        dd.jvp(lambda a, s=s: linalg.lu_factor(s * a)[0], (a,), (da,))[1] / np.where(lower, 1.0, s)
        for s in (1.0, scale)
    )
    assert_allclose(other, one, rtol=1e-12)
    assert not np.any(dd.jvp(lambda a: linalg.lu(scale * a)[2], (a,), (da,))[1][lower])
    b = np.ones(len(a))
    exact = -np.linalg.solve(a, da @ np.linalg.solve(a, b))
    f = lambda a: linalg.lu_solve(linalg.lu_factor(scale * a), scale * b)
    assert_allclose(dd.jvp(f, (a,), (da,))[1], exact, rtol=1e-10)
    assert_allclose(np.sum(dd.jacrev(f)(a) * da, axis=(1, 2)), exact, rtol=1e-10)


def test_the_derivative_of_expm_frechet_beyond_its_scaling():
    a, e = np.array([[2.7, 1.3], [2.2, 2.4]]), np.array([[0.3, -0.5], [0.7, 0.2]])
    for s in (0.3, 1.0, 2.0):
        exact = dd.jvp(lambda a, s=s: linalg.expm(s * a), (a,), (e,))[1]
        assert_allclose(dd.jvp(lambda a, s=s: scipy.linalg.expm_frechet(s * a, e)[0], (a,), (e,))[1], exact, rtol=1e-10)


def test_lu_with_a_last_pivot_of_zero():
    a = np.array([[4.0, 2.0], [2.0, 1.0]])

    L, U = linalg.lu(a)[1:]
    dL, dU = (np.asarray(d) for d in dd.jvp(lambda a: linalg.lu(a)[1:], (a,), (A[:2, :2],))[1])
    assert U[1, 1] == 0.0
    assert_allclose(dL @ U + L @ dU, A[:2, :2], atol=1e-15)


def test_det_of_a_singular_matrix():
    check(linalg.det, np.diag([1.0, 2.0, 0.0]), float32=False)


def test_expm_with_directions_of_any_size():
    direction = RNG.standard_normal((3, 3))
    _, expected = dd.jvp(linalg.expm, (SMALL,), (direction,))

    for scale in (1e-200, 1e12):
        assert_allclose(dd.jvp(linalg.expm, (SMALL,), (scale * direction,))[1] / scale, expected, rtol=1e-13)
    assert_array_equal(dd.jvp(linalg.expm, (SMALL,), (0.0 * direction,))[1], 0.0)
    frechet = scipy.linalg.expm_frechet(SMALL, direction, compute_expm=False)
    assert_allclose(expected, frechet, rtol=1e-13)


def test_transposes_of_linear_maps_on_blocks():
    """⟨c, L(A, e)⟩ = ⟨Lᵀ(A, c), e⟩ for blocks of several directions and complex matrices."""
    for f, x in ((linalg.expm, CSMALL), (linalg.logm, CA), (linalg.sqrtm, CA), (linalg.inv, CA)):
        e = RNG.standard_normal((3, 3)) + 1j * RNG.standard_normal((3, 3))
        c = RNG.standard_normal((3, 3)) + 1j * RNG.standard_normal((3, 3))
        _, ydot = dd.jvp(f, (x,), (e,))
        (x_bar,) = dd.vjp(f, x)[1](c)
        assert_allclose(np.sum(c * ydot), np.sum(x_bar * e))


# Overwriting.


def test_permission_to_overwrite_destroys_nothing_that_the_user_or_the_record_reads():
    a, rhs = np.asfortranarray(SPD), np.asfortranarray(B)
    matrix, right = a.copy("K"), rhs.copy("K")
    programs = [
        lambda a, b: linalg.solve(a, b, overwrite_a=True, overwrite_b=True),
        lambda a, b: linalg.solve_triangular(a, b, overwrite_b=True),
        lambda a, b: linalg.cho_solve(linalg.cho_factor(a, overwrite_a=True), b, overwrite_b=True),
        lambda a, b: linalg.lu_solve(linalg.lu_factor(a, overwrite_a=True), b, 0, True),
        lambda a, b: linalg.inv(a, True) @ b,
        lambda a, b: linalg.lstsq(a, b, None, True, True)[0],
    ]
    for f in programs:
        kept = lambda a, b, f=f: f(a, b) * np.sum(a * a) * np.sum(b * b)
        expected = dd.jacfwd(kept, (0, 1))(SPD, B)
        found = dd.jacrev(kept, (0, 1))(a, rhs)
        for x, y in zip(found, expected, strict=True):
            assert_allclose(x, y, rtol=1e-10, atol=1e-12)
        assert a.tobytes() == matrix.tobytes()
        assert rhs.tobytes() == right.tobytes()
    # A plain argument beside a Dual one stays, too.
    for f in (programs[0], programs[1], programs[5]):
        dd.jacrev(lambda a, f=f: f(a, rhs))(a)
        dd.jacrev(lambda b, f=f: f(a, b))(rhs)
        assert a.tobytes() == matrix.tobytes()
        assert rhs.tobytes() == right.tobytes()


def test_a_result_that_is_overwritten_by_the_user_leaves_the_record_alone():
    def f(a):
        y = linalg.expm(a)
        total = np.sum(y * y)
        y[...] = 0.0
        return total + np.sum(y)

    assert_allclose(dd.grad(f)(SMALL), dd.grad(lambda a: np.sum(linalg.expm(a) ** 2))(SMALL))


# What is refused.


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda a: linalg.qr(a, mode="raw"), "raw"),
        (lambda a: linalg.eig(a, SPD), "eigvals"),
        (lambda a: linalg.eigvals(a, homogeneous_eigvals=True), "homogeneous"),
        (lambda a: linalg.lstsq(np.outer(a[0], a[0]), b, lapack_driver="gelsy"), "gelsy"),
        (lambda a: linalg.fractional_matrix_power(A, a[0, 0]), "'t'"),
        (lambda a: linalg.schur(a), "schur has no derivative rule"),
        (lambda a: linalg.hessenberg(a), "hessenberg has no derivative rule"),
        (lambda a: linalg.solve_circulant(a[0] - np.mean(a[0]), b, singular="lstsq"), "nearly singular"),
    ],
)
def test_what_has_no_derivative_raises(f, message):
    for transform in (dd.jacfwd, dd.jacrev):
        with pytest.raises(dd.UnsupportedFunction, match=message):
            transform(f)(A)
    with pytest.raises(dd.UnsupportedFunction, match=message):
        f(dd.Variable(A))


def test_names_in_messages_are_those_that_the_user_typed():
    assert dd.errors.name_of(linalg.expm) == "dualdiff.scipy.linalg.expm"
    assert dd.errors.name_of(linalg.toeplitz) == "dualdiff.scipy.linalg.toeplitz"
    assert inspect.signature(linalg.eigh) == inspect.signature(scipy.linalg.eigh)


RULES = {name: function.rule for name, function in vars(linalg).items() if hasattr(function, "rule")}


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.form == "tangent"])
def test_a_rule_has_scipys_parameters_in_their_order(name):
    """Also those that it does not read (overwrite_a, check_finite): an argument by position finds its own."""
    theirs = list(inspect.signature(getattr(scipy.linalg, name)).parameters)
    assert list(RULES[name].names)[: len(theirs)] == theirs


@pytest.mark.parametrize(
    ("function", "args", "keywords"),
    [
        ("solve", (b.copy(), False, True, True, False, "gen", True), {"transposed": True}),
        (
            "solve_triangular",
            (b.copy(), 1, True, True, True, False),
            {"trans": 1, "lower": True, "unit_diagonal": True},
        ),
        ("inv", (True, False), {}),
        ("lu", (True, True, False), {"permute_l": True}),
        ("norm", (1, 0, True, False), {"ord": 1, "axis": 0, "keepdims": True}),
        ("cholesky", (True, True, False), {"lower": True}),
        ("svd", (False, False, True, False, "gesvd"), {"full_matrices": False, "compute_uv": False}),
    ],
)
def test_arguments_by_position_are_those_of_scipy(function, args, keywords):
    given = (b,) if function.startswith("solve") else ()
    X = SPD + SPD.T
    for transform in (dd.jacfwd, dd.jacrev):
        found = transform(lambda a: getattr(linalg, function)(a, *args))(X)
        expected = transform(lambda a: getattr(linalg, function)(a, *given, **keywords))(X)
        several = isinstance(found, tuple)
        for part, other in zip(*((found, expected) if several else ([found], [expected])), strict=True):
            assert_allclose(part, other, rtol=1e-12, atol=1e-14)


def test_everything_else_comes_from_here_too():
    assert linalg.LinAlgError is np.linalg.LinAlgError
    assert_array_equal(linalg.hilbert(3), scipy.linalg.hilbert(3))
    with pytest.raises(AttributeError):
        linalg.no_such_function  # noqa: B018


def test_nested_pairings_of_a_long_program():
    """A Gaussian log-density in its covariance: factored, solved, and its determinant taken."""

    def f(a, x):
        c, lower = linalg.cho_factor(a)
        return -0.5 * x @ linalg.cho_solve((c, lower), x) - np.sum(np.log(np.diag(c)))

    check(f, SPD, b)
    direction = SPD + SPD.T
    inverse = np.linalg.inv(np.triu(SPD) + np.triu(SPD, 1).T)
    expected = 0.5 * (inverse @ b) @ direction @ (inverse @ b) - 0.5 * np.trace(inverse @ direction)
    assert_allclose(pairing(dd.grad(f)(SPD, b), np.asarray(direction)), expected)
