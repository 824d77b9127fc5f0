"""Hand tracking: distances from measured points to a skinned mesh, and their Jacobian in the pose.

The pose θ has 26 numbers: the rotation of the whole hand as an axis times an angle, its translation, and for each of
five fingers the flexion and abduction of the first joint and the flexions of two more.  Bones hang on the wrist in
five chains of four; a bone moves with its parent,

    A_b = A_parent(b) B_b R_b(θ),   T_b = A_b A_b(rest)⁻¹,   R_b = R_z(abduction) R_x(flexion),

B_b places a bone at rest on its parent, the first bone of a finger is fixed.  A vertex follows several bones by
weights, and the whole hand turns and shifts:  v = R(θ₀₁₂) Σ_b w_vb T_b v(rest) + θ₃₄₅.

Two sets of errors: of point n to the vertex that corresponds to it, p_n − v (rows 3 × 26), or to a point u of the
triangle that corresponds, p_n − (u₁ v₁ + u₂ v₂ + (1 − u₁ − u₂) v₃), where each point has its own u.  The Jacobian in
all u is block-diagonal: one increment of shape (2,) common to all points gives its blocks, as in `bundle_adjustment`.
Tall Jacobians of few inputs: forward mode.

Conventions: F = 5 fingers of four bones; bones are the wrist, the fingers one after the other, the forearm: 22.
Transforms are (..., 4, 4).  V vertices, N points.  Skeleton and mesh are synthetic, in centimetres, and repeatable.
Source: Šrajer, Kukelova, Fitzgibbon, Optimization Methods & Software 33 (2018) 889; Taylor et al., "User-specific hand
modeling from monocular depth sequences", CVPR 2014.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .problems import Problem

FINGERS, BONES = 5, 22


class Hand(NamedTuple):
    """The model, which is constant, and what was measured."""

    first: Any  # (F, 4, 4): the first bones of the fingers, which do not move
    at_rest: Any  # (F, 3, 4, 4): B of the three others
    from_rest: Any  # (F, 3, 4, 4): inverses of their A at rest
    vertices: Any  # (V, 4): at rest, homogeneous
    weights: Any  # (V, 22)
    triangles: Any  # (number of triangles, 3): vertices
    points: Any  # (N, 3): measured
    nearest: Any  # (N,): the vertex, or the triangle, that corresponds to each


def problems() -> list[Problem]:
    theta, hand = sample(544, 1000)
    _, surface = sample(544, 1000, of="triangles")
    size = f"26, {len(hand.points)} points"
    u = np.random.default_rng(1).dirichlet(np.ones(3), len(hand.points))[:, :2]
    return [
        Problem("hand tracking", size, "jacfwd", errors, (theta, hand), 0, None, "ADBench"),
        Problem(
            "hand on triangles", size, "jacfwd", errors_near, (theta, np.zeros(2), u, surface), (0, 1), None, "ADBench"
        ),
    ]


# The function.


def errors(theta, hand):
    return hand.points - skinned(theta, hand)[hand.nearest]


def errors_near(theta, increment, u, hand):
    """Errors to the triangles, after the same increment of every u."""
    v1, v2, v3 = np.moveaxis(skinned(theta, hand)[hand.triangles[hand.nearest]], 1, 0)
    u1, u2 = (u + increment).T[:, :, None]
    return hand.points - (u1 * v1 + u2 * v2 + (1 - u1 - u2) * v3)


def skinned(theta, hand):
    """Positions (V, 3) of the vertices."""
    T = np.concatenate([np.broadcast_to(np.eye(4), (7, 4, 4)), transforms(theta[6:].reshape(FINGERS, 4), hand)])
    blended = (hand.weights @ T[:, :3].reshape(BONES, 12)).reshape(-1, 3, 4)
    positions = np.sum(blended * hand.vertices[:, None], axis=2)
    return positions @ rotation(theta[:3]).T + theta[3:6]


def transforms(fingers, hand):
    """T (15, 4, 4) of the bones that move: joint after joint, all fingers at once."""
    flexion = fingers[:, [0, 2, 3]]
    abduction = fingers[:, 1:2] * np.array([1.0, 0.0, 0.0])
    turned = turned_about_x_and_z(flexion, abduction)
    A, found = hand.first, []
    for joint in range(3):
        A = A @ (hand.at_rest[:, joint] @ turned[:, joint])
        found.append(A @ hand.from_rest[:, joint])
    return np.stack(found, axis=1).reshape(-1, 4, 4)


def turned_about_x_and_z(x, z):
    """R_z R_x as transforms (..., 4, 4)."""
    R = np.zeros_like(x, shape=(*x.shape, 4, 4))
    sx, cx, sz, cz = np.sin(x), np.cos(x), np.sin(z), np.cos(z)
    R[..., 0, 0], R[..., 0, 1], R[..., 0, 2] = cz, -sz * cx, sz * sx
    R[..., 1, 0], R[..., 1, 1], R[..., 1, 2] = sz, cz * cx, -cz * sx
    R[..., 2, 1], R[..., 2, 2], R[..., 3, 3] = sx, cx, 1.0
    return R


def rotation(r):
    """The matrix that turns about r by the angle |r|, which is not zero here."""
    angle = np.sqrt(np.sum(r * r))
    axis = r / angle
    x, y, z = axis
    s, c = np.sin(angle), np.cos(angle)
    across = np.stack([-z * s, y * s, -x * s])
    R = axis[:, None] * axis * (1 - c) + c * np.eye(3)
    R[[0, 0, 1], [1, 2, 2]] += across
    R[[1, 2, 2], [0, 0, 1]] -= across
    return R


# The data.


def sample(vertices: int, points: int, of: str = "vertices") -> tuple[Any, Hand]:
    """A pose and a hand; points lie near the mesh in another pose, so the errors are not small."""
    rng = np.random.default_rng(0)
    at_rest = np.tile(np.eye(4), (FINGERS, 4, 1, 1))
    at_rest[:, 0, :2, 3] = [[-3.0, 2.0], [-2.0, 6.0], [0.0, 6.5], [2.0, 6.0], [3.5, 5.5]]
    at_rest[:, 1:, 1, 3] = [[3.0, 2.5, 2.0], [4.0, 2.5, 2.0], [4.5, 3.0, 2.0], [4.0, 2.5, 2.0], [3.0, 2.0, 1.5]]
    absolute = np.empty_like(at_rest)
    absolute[:, 0] = at_rest[:, 0]
    for joint in range(1, 4):
        absolute[:, joint] = absolute[:, joint - 1] @ at_rest[:, joint]
    # Bones in the order of T: those that do not move (wrist, first bones, forearm), then those that do.
    places = np.concatenate(
        [[[0.0, 0.0, 0.0]], absolute[:, 0, :3, 3], [[0.0, -8.0, 0.0]], absolute[:, 1:, :3, 3].reshape(-1, 3)]
    )
    mesh = places[rng.integers(0, BONES, vertices)] + rng.standard_normal((vertices, 3))
    squared = np.sum((mesh[:, None] - places) ** 2, axis=2)
    weights = np.exp(-0.5 * (squared - squared.min(axis=1, keepdims=True)))
    weights /= np.sum(weights, axis=1, keepdims=True)
    apart = np.sum((mesh[:, None] - mesh) ** 2, axis=2)
    triangles = np.argsort(apart, axis=1)[:, :3]  # each vertex and the two nearest to it
    hand = Hand(
        absolute[:, 0],
        at_rest[:, 1:],
        np.linalg.inv(absolute[:, 1:]),
        np.concatenate([mesh, np.ones((vertices, 1))], axis=1),
        weights,
        triangles,
        mesh[:1],
        np.zeros(1, dtype=int),
    )
    pose, other = 0.3 * rng.standard_normal((2, 26))
    nearest = rng.integers(0, vertices if of == "vertices" else len(triangles), points)
    vertex = nearest if of == "vertices" else triangles[nearest, 0]
    seen = skinned(other, hand)[vertex] + 0.1 * rng.standard_normal((points, 3))
    return pose, hand._replace(points=seen, nearest=nearest)
