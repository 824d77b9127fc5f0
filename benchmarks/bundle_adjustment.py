"""Bundle adjustment: errors of reprojection, and their block-sparse Jacobian in cameras, points and weights.

    Z = R(r) (X − c),   u = Z₁₂ / Z₃,   pixel = f (1 + k₁ |u|² + k₂ |u|⁴) u + x₀
    error = w (pixel − observed),   error of the weight = 1 − w²

R(r) rotates by the angle |r| about r (Rodrigues).  A camera is (r, c, f, x₀, k), 3 + 3 + 1 + 2 + 2 numbers.

An observation depends on its own camera, point and weight, 15 numbers; the dense Jacobian would have thousands of
columns of zeros.  The observations are independent, so one sweep serves all of them, in either mode:

    forward   one increment of shape (15,) moves the numbers of every observation at once; 15 tangents:
              dd.jacfwd(errors_near)(np.zeros(15), cameras, points, weights, observed)      blocks (2, p, 15)
    reverse   a sum over all observations has in each number the derivative of the one error it enters; 2 cotangents:
              dd.jacrev(sums_of_errors, (0, 1, 2))(cameras, points, weights, observed)      rows (2, 11, p), ...

The same numbers, in the order of columns or of rows; reverse mode is faster here, as errors are fewer than
numbers.  `observe` gathers what each observation sees: block o belongs to the columns of camera ``camera_of[o]``, of
point ``point_of[o]`` and of weight o.

Conventions: observations run along the last axis, where NumPy's loops are long: cameras (11, p), points (3, p),
weights (p,), observed (2, p).  Results: errors (2, p), errors of weights (p,).
Source: Šrajer, Kukelova, Fitzgibbon, Optimization Methods & Software 33 (2018) 889.  By hand: Gallego & Yezzi, "A
compact formula for the derivative of a 3-D rotation in exponential coordinates", J. Math. Imaging Vis. 51 (2015) 378.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .problems import Problem

FILE = Path(__file__).parent / "data" / "ba1_n49_m7776_p31843.txt"
INCREMENTS = 15  # 11 of the camera, 3 of the point, 1 of the weight


def problems() -> list[Problem]:
    cameras, points, weights, observed, camera_of, point_of = read()
    arguments = (*observe(cameras, points, camera_of, point_of), weights, observed)
    near = (np.zeros(INCREMENTS), *arguments)
    name, size, source = "bundle adjustment", f"{len(weights)} observations", "ADBench"
    return [
        Problem(name, size, "jacrev", sums_of_errors, arguments, (0, 1, 2), rows, source),
        Problem(name, size, "jacfwd", errors_near, near, 0, blocks, source),
    ]


def read() -> tuple[Any, ...]:
    """``n m p``, then one camera, one point, one weight, one observation: all are alike, as ADBench has it.

    Returns cameras (11, n), points (3, m), weights (p,), observed (2, p), and the camera and point of each observation.
    """
    numbers = FILE.read_text().split()
    n, m, p = (int(number) for number in numbers[:3])
    camera, point, weight, feature = np.split(np.array(numbers[3:], dtype=float), [11, 14, 15])
    o = np.arange(p)
    copies = (
        np.repeat(one[:, None], count, axis=1) for one, count in ((camera, n), (point, m), (weight, p), (feature, p))
    )
    cameras, points, weights, observed = copies
    return cameras, points, weights[0], observed, o % n, o % m


# The function.


def observe(cameras, points, camera_of, point_of):
    # As cameras[:, camera_of], but not transposed in memory: each parameter's row is contiguous.
    return np.take(cameras, camera_of, axis=1), np.take(points, point_of, axis=1)


def errors_near(increment, cameras, points, weights, observed):
    """The errors after the same increment of every camera, point and weight."""
    return errors(cameras + increment[:11, None], points + increment[11:14, None], weights + increment[14], observed)


def sums_of_errors(cameras, points, weights, observed):
    of_reprojection, of_weights = errors(cameras, points, weights, observed)
    return np.sum(of_reprojection, axis=1), np.sum(of_weights)


def errors(cameras, points, weights, observed):
    return weights * (project(cameras, points) - observed), 1 - weights**2


def project(cameras, points):
    r, c, f, x0, k = cameras[:3], cameras[3:6], cameras[6], cameras[7:9], cameras[9:]
    Z = rotated(r, points - c)
    u = Z[:2] / Z[2]
    s = np.sum(u * u, axis=0)
    return f * (1 + k[0] * s + k[1] * s * s) * u + x0


def rotated(r, Y):
    """Y turned about r by the angle |r|; to first order at r = 0, where the formula divides by zero."""
    squared = np.sum(r * r, axis=0)
    still = squared == 0
    angle = np.sqrt(np.where(still, 1.0, squared))
    axis = r / angle
    cosine = np.cos(angle)
    turned = Y * cosine + cross(axis, Y) * np.sin(angle) + axis * (np.sum(axis * Y, axis=0) * (1 - cosine))
    return np.where(still, Y + cross(r, Y), turned)


def cross(a, b):
    return np.cross(a, b, axis=0)


# Its Jacobian by hand.  A row n of the derivative in Z becomes  n R = R(−r) n  in X, and
# −(h·r r + (R h − h) × r) / |r|²  in r, with  h = n R × (X − c).


def blocks(increment, cameras, points, weights, observed):
    """What `jacfwd` of `errors_near` gives: of the errors (2, p, 15), of the errors of weights (p, 15)."""
    weights = weights + increment[14]
    J = jacobian(cameras + increment[:11, None], points + increment[11:14, None], weights, observed)
    of_weights = np.zeros((len(weights), INCREMENTS))
    of_weights[:, 14] = -2 * weights
    return np.moveaxis(J, 1, -1), of_weights


def rows(cameras, points, weights, observed):
    """What `jacrev` of `sums_of_errors` gives: for each result, in cameras, points and weights."""
    J = jacobian(cameras, points, weights, observed)
    return (J[:, :11], J[:, 11:14], J[:, 14]), (np.zeros_like(cameras), np.zeros_like(points), -2 * weights)


def jacobian(cameras, points, weights, observed):
    """(2, 15, p)."""
    r, c, f, x0, k = cameras[:3], cameras[3:6], cameras[6], cameras[7:9], cameras[9:]
    Y = points - c
    Z = rotated(r, Y)
    u = Z[:2] / Z[2]
    s = u[0] * u[0] + u[1] * u[1]
    distortion = 1 + k[0] * s + k[1] * s * s
    scale, slope = weights * f, 2 * (k[0] + 2 * k[1] * s)
    squared = r[0] * r[0] + r[1] * r[1] + r[2] * r[2]
    still = squared == 0
    inverse = -1 / np.where(still, 1.0, squared)

    J = np.zeros((2, INCREMENTS, len(weights)))
    for i in range(2):
        n = np.empty_like(Z)
        n[:2] = scale / Z[2] * slope * u[i] * u
        n[i] += scale / Z[2] * distortion
        n[2] = -(n[0] * u[0] + n[1] * u[1])
        g = rotated(-r, n)
        h = cross(g, Y)
        turn = ((h[0] * r[0] + h[1] * r[1] + h[2] * r[2]) * r + cross(rotated(r, h) - h, r)) * inverse
        J[i, :3] = np.where(still, -h, turn)
        J[i, 3:6] = -g
        J[i, 11:14] = g
        J[i, 7 + i] = weights
    J[:, 6] = weights * distortion * u
    J[:, 9] = scale * s * u
    J[:, 10] = J[:, 9] * s
    J[:, 14] = f * distortion * u + x0 - observed
    return J
