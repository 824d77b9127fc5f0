"""Options of SciPy's functions that change how a result is found, what it is outside, or where it may be stored."""

import numpy as np
import pytest
import scipy.integrate
import scipy.interpolate
import scipy.linalg
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd
import dualdiff.scipy.integrate
import dualdiff.scipy.interpolate
import dualdiff.scipy.linalg

P = np.array([1.3, 0.7, 0.4])
AT = np.linspace(0.0, 2.0, 6)
UNCHECKED = {"check_finite": False}


def matrix(p):
    return np.array([[4 + p[0], p[1], 0.2], [p[1] * 1.0, 3 + p[2], 0.1 * p[0]], [0.2, 0.1, 2.5 * p[0]]])


def symmetric(p):
    return (matrix(p) + matrix(p).T) / 2


def right(p):
    return np.array([p[0], p[1] ** 2, p[2] * p[0]])


def heights(p):
    return np.sin(AT * p[0])


BOTH = {"overwrite_a": True} | UNCHECKED

# Each a function of SciPy's module, or of ours, and p.
LINALG = {
    "cho_solve": lambda m, p: m.cho_solve(
        m.cho_factor(symmetric(p), lower=True, **BOTH), right(p), overwrite_b=True, **UNCHECKED
    ),
    "det": lambda m, p: m.det(matrix(p), **BOTH),
    "eigh": lambda m, p: m.eigh(symmetric(p), **BOTH)[0],
    "eigh of two": lambda m, p: m.eigh(symmetric(p), symmetric(2 * p), overwrite_b=True, eigvals_only=True),
    "eigh of the upper half": lambda m, p: m.eigh(np.triu(symmetric(p)), lower=False)[0],
    "some eigenvalues": lambda m, p: m.eigvalsh(symmetric(p), subset_by_index=(1, 2), driver="evr", **BOTH),
    "lstsq": lambda m, p: m.lstsq(
        matrix(p)[:, :2], right(p), cond=1e-10, overwrite_b=True, lapack_driver="gelsy", **BOTH
    )[0],
    "lu": lambda m, p: m.lu(matrix(p), permute_l=True, **BOTH),
    "lu_solve": lambda m, p: m.lu_solve(
        m.lu_factor(matrix(p), **BOTH), right(p), trans=1, overwrite_b=True, **UNCHECKED
    ),
    "pinv": lambda m, p: m.pinv(matrix(p)[:, :2], rtol=1e-10, **UNCHECKED),
    "pinvh": lambda m, p: m.pinvh(symmetric(p), rtol=1e-10, atol=1e-12, **UNCHECKED),
    "qr": lambda m, p: m.qr(matrix(p), mode="r", **BOTH)[0],
    "solve": lambda m, p: m.solve(matrix(p), right(p), overwrite_b=True, transposed=True, **BOTH),
    "solve, positive": lambda m, p: m.solve(symmetric(p), right(p), assume_a="pos", lower=True),
    "solve_banded": lambda m, p: m.solve_banded(
        (1, 1), np.array([0.1 * p, 4 + p, 0.2 * p]), right(p), overwrite_ab=True, overwrite_b=True, **UNCHECKED
    ),
    "solveh_banded": lambda m, p: m.solveh_banded(
        np.array([0.1 * p, 4 + p]), right(p), overwrite_ab=True, overwrite_b=True, **UNCHECKED
    ),
    "solve_circulant": lambda m, p: m.solve_circulant(np.outer([3, 1, 0.5], p), right(p), caxis=0, tol=1e-12),
    "solve_triangular": lambda m, p: m.solve_triangular(
        matrix(p), right(p), trans="T", lower=True, unit_diagonal=True, overwrite_b=True, **UNCHECKED
    ),
    "svdvals": lambda m, p: m.svdvals(matrix(p), **BOTH),
    "svd": lambda m, p: m.svd(matrix(p), compute_uv=False, lapack_driver="gesvd", **BOTH),
}

INTERPOLATE = {
    "Akima outside": lambda m, p: m.Akima1DInterpolator(AT, heights(p), extrapolate=True)(np.array([-0.2, 5.3]) * p[2]),
    "Akima's call": lambda m, p: m.Akima1DInterpolator(AT, heights(p))(5.3 * p[2], nu=1, extrapolate=True),
    "Hermite along an axis": lambda m, p: m.CubicHermiteSpline(
        AT, np.outer(p, heights(p)), np.outer(p**2, np.cos(AT)), axis=1
    )(np.array([0.5, 1.3]) * p[2]),
    "Hermite, periodic": lambda m, p: m.CubicHermiteSpline(AT, heights(p), np.cos(AT) * p[1], extrapolate="periodic")(
        np.array([-0.5, 7.3]) * p[2]
    ),
    "spline, nan outside": lambda m, p: m.CubicSpline(AT, heights(p), extrapolate=False)(np.array([0.5, 1.3]) * p[2]),
    "spline, periodic": lambda m, p: m.CubicSpline(AT, heights(p), bc_type="natural", extrapolate="periodic")(
        np.array([-0.5, 9.3]) * p[2]
    ),
    "its integral": lambda m, p: m.CubicSpline(AT, heights(p)).integrate(-0.1, p[1] + 4, extrapolate="periodic"),
    "pchip outside": lambda m, p: m.PchipInterpolator(AT, heights(p), extrapolate=True)(np.array([-0.5, 8.3]) * p[2]),
    "interp1d, sorted": lambda m, p: m.interp1d(AT, heights(p), copy=False, assume_sorted=True)(1.3 * p[2]),
    "interp1d, to be sorted": lambda m, p: m.interp1d(AT[[2, 0, 1, 5, 4, 3]], heights(p))(np.array([0.5, 1.3]) * p[2]),
    "make_interp_spline": lambda m, p: m.make_interp_spline(AT, heights(p), check_finite=False)(0.5 * p),
    "B-spline, periodic": lambda m, p: m.BSpline(
        np.array([0.0, 0, 0, 0, 1, 2, 2, 2, 2]), np.append(p, p[:2]), 3, extrapolate="periodic"
    )(3 * p),
    "piecewise, periodic": lambda m, p: m.PPoly(np.outer(p, [1.0, 2.0]), np.arange(3.0), extrapolate="periodic")(4 * p),
}

INTEGRATE = {
    "quad_vec": lambda m, p: m.quad_vec(
        *(lambda x: np.exp(-p[0] * x) * p[1:], 0, 1 + p[2]), epsrel=1e-10, norm="max", limit=50, quadrature="gk15"
    )[0],
    "quad_vec's arguments": lambda m, p: m.quad_vec(
        lambda x, a, c: np.exp(-a * x) * c, 0, 1, args=(p[0], p[1:]), full_output=True
    )[0],
    "quad over waves": lambda m, p: m.quad(
        lambda x: np.exp(-p[0] * x) * p[1], 0, 2 + p[2], weight="cos", wvar=3.0, maxp1=20, limlst=20
    )[0],
    "nquad's options": lambda m, p: m.nquad(
        lambda y, x: np.exp(-p[0] * x * y), [[0, p[1]], [0, p[2]]], opts=[{"epsabs": 1e-9}, {"limit": 60}]
    )[0],
}

CASES = [
    pytest.param(f, theirs, ours, id=f"{ours.__name__.rpartition('.')[2]}, {name}")
    for theirs, ours, cases in (
        (scipy.linalg, dualdiff.scipy.linalg, LINALG),
        (scipy.interpolate, dualdiff.scipy.interpolate, INTERPOLATE),
        (scipy.integrate, dualdiff.scipy.integrate, INTEGRATE),
    )
    for name, f in cases.items()
]


def flat(result):
    return np.concatenate([np.ravel(part) for part in (result if isinstance(result, tuple) else (result,))])


@pytest.mark.parametrize(("f", "theirs", "ours"), CASES)
def test_an_option_changes_the_value_and_not_what_its_derivative_is(f, theirs, ours):
    plain = lambda p: flat(f(theirs, p))

    def slope(h):
        return np.stack([(plain(P + h * e) - plain(P - h * e)) / (2 * h) for e in np.eye(3)], axis=-1)

    expected = (4 * slope(5e-4) - slope(1e-3)) / 3
    for module in (theirs, ours):  # under SciPy's own name, too
        of_module = lambda p, module=module: flat(f(module, p))
        assert_array_equal(of_module(P), plain(P))
        for transform in (dd.jacfwd, dd.jacrev):
            assert_allclose(transform(of_module)(P), expected, rtol=1e-6, atol=1e-8)
