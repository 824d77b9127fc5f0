"""The objectives of ADBench: values against loops over the published formulas, derivatives by both modes, by hand, by
differences."""

import math
from itertools import pairwise

import numpy as np
import pytest

import dualdiff as dd
from benchmarks import adbench, bundle_adjustment, gaussian_mixture, hand_tracking, lstm
from benchmarks.measuring import largest_error
from benchmarks.problems import Problem


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def agree(f, args, argnums):
    """Forward mode, reverse mode and extrapolated differences."""
    differentiated = argnums if isinstance(argnums, tuple) else (argnums,)
    forward, reverse = dd.jacfwd(f, differentiated)(*args), dd.jacrev(f, differentiated)(*args)
    assert largest_error_of_leaves(forward, reverse) < 1e-12

    def of_differentiated(*some):
        call = list(args)
        for i, arg in zip(differentiated, some, strict=True):
            call[i] = arg
        return f(*call)

    dd.check_grads(of_differentiated, [args[i] for i in differentiated], rtol=1e-7)


def largest_error_of_leaves(ours, theirs):
    """As `largest_error`, to the largest entry of all: blocks that are all zero have none of their own."""
    pairs = [(np.ravel(a), np.ravel(b)) for a, b in zip(leaves(ours), leaves(theirs), strict=True)]
    ours, theirs = (np.concatenate(side) for side in zip(*pairs, strict=True))
    return largest_error(ours, theirs)


def leaves(tree):
    return [leaf for part in tree for leaf in leaves(part)] if isinstance(tree, tuple) else [tree]


# Gaussian mixture.


def mixture(rng, K=3, D=3, N=6):
    alphas, means, x = rng.standard_normal(K), rng.standard_normal((K, D)), rng.standard_normal((N, D))
    return alphas, means, 0.5 * rng.standard_normal((K, D * (D + 1) // 2)), x, gaussian_mixture.Prior(1.5, 2)


def log_likelihood_by_loops(alphas, means, factors, x, prior):
    D = means.shape[1]
    total = 0.0
    for point in x:
        inner = []
        for alpha, mean, factor in zip(alphas, means, factors, strict=True):
            below = iter(factor[D:])
            Q = [[0.0] * D for _ in range(D)]
            for j in range(D):
                Q[j][j] = math.exp(factor[j])
                for i in range(j + 1, D):
                    Q[i][j] = next(below)
            squared = sum(sum(Q[i][j] * (point[j] - mean[j]) for j in range(D)) ** 2 for i in range(D))
            inner.append(alpha + sum(factor[:D]) - squared / 2)
        total += math.log(sum(map(math.exp, inner)))
    total -= len(x) * (math.log(sum(map(math.exp, alphas))) + D / 2 * math.log(2 * math.pi))
    n = D + prior.m + 1
    log_gamma = math.log(math.pi) * D * (D - 1) / 4 + sum(math.lgamma(n / 2 - j / 2) for j in range(D))
    for factor in factors:
        squares = sum(math.exp(q) ** 2 for q in factor[:D]) + sum(l**2 for l in factor[D:])
        total += prior.gamma**2 / 2 * squares - prior.m * sum(factor[:D])
        total -= n * D * (math.log(prior.gamma) - math.log(2) / 2) - log_gamma
    return total


def test_likelihood_is_that_of_the_published_sums(rng):
    arguments = mixture(rng)

    assert gaussian_mixture.log_likelihood(*arguments) == pytest.approx(log_likelihood_by_loops(*arguments), rel=1e-13)


@pytest.mark.parametrize(("name", "K", "D"), [("gmm_d2_K5", 5, 2), ("gmm_d10_K25", 25, 10)])
def test_mixtures_are_read_whole(name, K, D):
    alphas, means, factors, x, prior = arguments = gaussian_mixture.read(name)

    assert (alphas.shape, means.shape, factors.shape) == ((K,), (K, D), (K, D * (D + 1) // 2))
    assert x.shape == (1000, D)
    assert prior == (1.0, 0)
    few = (alphas, means, factors, x[:5], prior)
    assert gaussian_mixture.log_likelihood(*few) == pytest.approx(log_likelihood_by_loops(*few), rel=1e-13)
    assert np.isfinite(gaussian_mixture.log_likelihood(*arguments))


def test_derivatives_of_the_likelihood_agree(rng):
    arguments = mixture(rng)

    agree(gaussian_mixture.log_likelihood, arguments, (0, 1, 2))
    gradient = dd.grad(gaussian_mixture.log_likelihood, (0, 1, 2))(*arguments)
    assert largest_error(gradient, gaussian_mixture.gradient(*arguments)) < 1e-13


# Bundle adjustment.


def scene(rng, n=2, m=3, p=5):
    """Cameras that differ, the last one unturned, in front of points; observations with weights."""
    cameras = np.concatenate(
        [
            0.4 * rng.standard_normal((3, n)),
            rng.standard_normal((3, n)) - [[0.0], [0.0], [6.0]],
            1 + rng.random((1, n)),
            rng.standard_normal((2, n)),
            0.1 * rng.standard_normal((2, n)),
        ]
    )
    cameras[:3, -1] = 0
    o = np.arange(p)
    return cameras, rng.standard_normal((3, m)), rng.random(p), rng.standard_normal((2, p)), o % n, o % m


def errors_by_loops(cameras, points, weights, observed):
    """One observation after the other, the rotation as the exponential series of its generator."""
    errors = np.empty_like(observed)
    for o, weight in enumerate(weights):
        (a, b, c), centre, f, x0, k = np.split(cameras[:, o], [3, 6, 7, 9])
        generator = np.array([[0.0, -c, b], [c, 0.0, -a], [-b, a, 0.0]])
        R, term = np.eye(3), np.eye(3)
        for order in range(1, 30):
            term = term @ generator / order
            R = R + term
        x, y, z = R @ (points[:, o] - centre)
        squared = (x / z) ** 2 + (y / z) ** 2
        distortion = 1 + k[0] * squared + k[1] * squared**2
        errors[:, o] = weight * (f * distortion * np.array([x / z, y / z]) + x0 - observed[:, o])
    return errors, 1 - weights**2


def observations(scene):
    cameras, points, weights, observed, camera_of, point_of = scene
    return *bundle_adjustment.observe(cameras, points, camera_of, point_of), weights, observed


def test_reprojection_is_the_published_one(rng):
    arguments = observations(scene(rng))

    assert largest_error(bundle_adjustment.errors(*arguments), errors_by_loops(*arguments)) < 1e-13


def test_scene_is_read_as_copies_of_one_camera_and_point():
    cameras, points, weights, observed, camera_of, point_of = bundle_adjustment.read()

    assert (cameras.shape, points.shape) == ((11, 49), (3, 7776))
    assert weights.shape == camera_of.shape == point_of.shape == (31843,)
    assert observed.shape == (2, 31843)
    assert (camera_of.max(), point_of.max()) == (48, 7775)
    assert cameras[6, 7] == 419.194514
    assert observed[1, -1] == 834.209256
    assert np.all(weights == 0.417022)


def test_derivatives_of_reprojection_agree(rng):
    # Away from the rotation zero: there the second derivative jumps, since the formula is of first order, and
    # differences see it.
    cameras, points, weights, observed = observations(scene(rng))
    cameras[:3] += 0.5

    agree(bundle_adjustment.errors, (cameras, points, weights, observed), (0, 1, 2))
    agree(bundle_adjustment.errors_near, (np.zeros(15), cameras, points, weights, observed), 0)


def test_common_increment_gives_the_blocks(rng):
    arguments = (np.zeros(15), *observations(scene(rng)))
    blocks = dd.jacfwd(bundle_adjustment.errors_near)(*arguments)

    assert np.all(arguments[1][:3, 1::2] == 0)  # some cameras are unturned
    assert largest_error(blocks, bundle_adjustment.blocks(*arguments)) < 1e-13
    assert largest_error(blocks, dd.jacrev(bundle_adjustment.errors_near)(*arguments)) < 1e-13


def test_sums_over_observations_give_the_rows(rng):
    arguments = observations(scene(rng))
    rows = dd.jacrev(bundle_adjustment.sums_of_errors, (0, 1, 2))(*arguments)
    blocks, of_weights = dd.jacfwd(bundle_adjustment.errors_near)(np.zeros(15), *arguments)
    (cameras, points, weights), (of_cameras, of_points, w) = rows

    assert largest_error(rows, bundle_adjustment.rows(*arguments)) < 1e-13
    assert largest_error(rows, dd.jacfwd(bundle_adjustment.sums_of_errors, (0, 1, 2))(*arguments)) < 1e-13
    stacked = np.concatenate([cameras, points, weights[:, None]], axis=1)
    assert largest_error(np.moveaxis(stacked, 1, -1), blocks) < 1e-13
    assert not of_cameras.any() and not of_points.any() and np.array_equal(w, of_weights[:, 14])


def test_scattered_blocks_are_the_jacobian_of_the_whole_scene(rng):
    cameras, points, weights, observed, camera_of, point_of = whole = scene(rng)

    def objective(cameras, points, weights):
        seen = bundle_adjustment.observe(cameras, points, camera_of, point_of)
        return bundle_adjustment.errors(*seen, weights, observed)

    of_errors, of_weights = dd.jacfwd(bundle_adjustment.errors_near)(np.zeros(15), *observations(whole))
    p = len(weights)
    o = np.arange(p)
    scattered = [np.zeros((2, p, *x.shape)) for x in (cameras, points, weights)]
    for i in range(2):
        scattered[0][i, o, :, camera_of] = of_errors[i, :, :11]
        scattered[1][i, o, :, point_of] = of_errors[i, :, 11:14]
        scattered[2][i, o, o] = of_errors[i, :, 14]

    for mode in (dd.jacfwd, dd.jacrev):
        dense, dense_of_weights = mode(objective, (0, 1, 2))(cameras, points, weights)
        assert largest_error(tuple(scattered), dense) < 1e-13
        assert np.array_equal(np.diag(of_weights[:, 14]), dense_of_weights[2])
        assert not dense_of_weights[0].any() and not of_weights[:, :14].any()


# LSTM.


def loss_by_loops(main, extra, state, sequence):
    def sigma(x):
        return 1 / (1 + math.exp(-x))

    bits = range(sequence.shape[1])
    h, c = [list(layer[0]) for layer in state], [list(layer[1]) for layer in state]
    total, count = 0.0, 0
    for item, following in pairwise(sequence):
        x = [item[j] * extra[0, j] for j in bits]
        for i, (w, v) in enumerate(main):
            for j in bits:
                forget, write = sigma(x[j] * w[0, j] + v[0, j]), sigma(h[i][j] * w[1, j] + v[1, j])
                out, change = sigma(x[j] * w[2, j] + v[2, j]), math.tanh(h[i][j] * w[3, j] + v[3, j])
                c[i][j] = forget * c[i][j] + write * change
                h[i][j] = x[j] = out * math.tanh(c[i][j])
        y = [x[j] * extra[1, j] + extra[2, j] for j in bits]
        normal = math.log(2 + sum(map(math.exp, y)))
        total += sum(following[j] * (y[j] - normal) for j in bits)
        count += len(bits)
    return -total / count


def test_loss_of_the_sequence_is_that_of_the_published_loops():
    arguments = lstm.sample(layers=3, items=4, bits=2)

    assert lstm.loss(*arguments) == pytest.approx(loss_by_loops(*arguments), rel=1e-13)


def test_derivatives_of_the_loss_agree():
    arguments = lstm.sample(layers=2, items=4, bits=2)

    agree(lstm.loss, arguments, (0, 1))
    assert largest_error(dd.grad(lstm.loss, (0, 1))(*arguments), lstm.gradient(*arguments)) < 1e-13


# Hand tracking.


def skinned_by_loops(theta, hand):
    """Bone after bone, vertex after vertex."""

    def about(axis, angle):
        i, j = [(1, 2), (2, 0), (0, 1)][axis]
        R = np.eye(4)
        R[i, i] = R[j, j] = math.cos(angle)
        R[i, j], R[j, i] = -math.sin(angle), math.sin(angle)
        return R

    T = [np.eye(4) for _ in range(7)]
    for finger, (flex1, abduct, flex2, flex3) in enumerate(theta[6:].reshape(5, 4)):
        A = hand.first[finger]
        for joint, (flex, side) in enumerate([(flex1, abduct), (flex2, 0.0), (flex3, 0.0)]):
            A = A @ hand.at_rest[finger, joint] @ about(2, side) @ about(0, flex)
            T.append(A @ hand.from_rest[finger, joint])
    angle = math.sqrt(sum(theta[:3] ** 2))
    axis, K = theta[:3] / angle, np.zeros((3, 3))
    K[[2, 0, 1], [1, 2, 0]], K[[1, 2, 0], [2, 0, 1]] = axis, -axis
    R = np.eye(3) + math.sin(angle) * K + (1 - math.cos(angle)) * K @ K
    positions = np.zeros((len(hand.vertices), 3))
    for vertex, weights in enumerate(hand.weights):
        for bone in range(22):
            positions[vertex] += weights[bone] * (T[bone] @ hand.vertices[vertex])[:3]
    return positions @ R.T + theta[3:6]


def test_skinning_is_that_of_bone_after_bone():
    theta, hand = hand_tracking.sample(vertices=30, points=4)

    assert largest_error(hand_tracking.skinned(theta, hand), skinned_by_loops(theta, hand)) < 1e-13
    expected = hand.points - skinned_by_loops(theta, hand)[hand.nearest]
    assert largest_error(hand_tracking.errors(theta, hand), expected) < 1e-13


def test_hand_at_rest_is_its_mesh():
    _, hand = hand_tracking.sample(vertices=30, points=4)
    theta = np.zeros(26)
    theta[:3] = 1e-9, 0, 0

    assert np.allclose(hand_tracking.skinned(theta, hand), hand.vertices[:, :3], rtol=0, atol=1e-7)
    assert np.allclose(np.sum(hand.weights, axis=1), 1)


def test_derivatives_in_the_pose_agree():
    agree(hand_tracking.errors, hand_tracking.sample(vertices=30, points=4), 0)


def test_common_increment_on_the_surface_gives_the_blocks(rng):
    theta, hand = hand_tracking.sample(vertices=30, points=4, of="triangles")
    u = rng.dirichlet(np.ones(3), 4)[:, :2]
    near = (theta, np.zeros(2), u, hand)
    whole = dd.jacfwd(lambda u: hand_tracking.errors_near(theta, np.zeros(2), u, hand))(u)
    n = np.arange(4)

    agree(hand_tracking.errors_near, near, (0, 1))
    blocks = dd.jacfwd(hand_tracking.errors_near, 1)(*near)
    assert largest_error(blocks, whole[n, :, n]) < 1e-13
    assert np.count_nonzero(whole) == np.count_nonzero(blocks)
    vertices = skinned_by_loops(theta, hand)[hand.triangles[hand.nearest]]
    u3 = np.concatenate([u, 1 - u.sum(axis=1, keepdims=True)], axis=1)
    assert (
        largest_error(hand_tracking.errors_near(*near), hand.points - np.sum(u3[:, :, None] * vertices, axis=1)) < 1e-12
    )


# The problems.


@pytest.mark.parametrize(
    "problem", adbench.PROBLEMS, ids=lambda problem: f"{problem.operator} of {problem.name}, {problem.size}"
)
def test_problems_have_the_derivative_by_hand(problem):
    derivative, by_hand = problem.derivative(), problem.written_by_hand()

    assert problem.source == "ADBench"
    assert all(np.all(np.isfinite(leaf)) for leaf in leaves(problem.value()))
    if by_hand is not None:
        assert largest_error(derivative, by_hand()) < 1e-12
    else:
        assert largest_error(derivative, dd.jacrev(problem.f, problem.argnums)(*problem.args)) < 1e-12


@pytest.mark.parametrize(
    ("operator", "tangents", "expected"), [("grad", (), 24.0), ("jvp", (0.5,), (16.0, 12.0)), ("hvp", (0.5,), 12.0)]
)
def test_problem_calls_its_operator(operator, tangents, expected):
    problem = Problem("cube", "1", operator, lambda x: 2 * x**3, (2.0,), tangents=tangents)

    assert problem.value() == 16.0
    assert problem.derivative() == expected
    assert problem.written_by_hand() is None


def test_by_hand_of_a_problem_takes_the_tangents():
    problem = Problem("cube", "1", "jvp", lambda x: x**3, (2.0,), by_hand=lambda x, v: 3 * x**2 * v, tangents=(0.5,))

    assert problem.written_by_hand()() == 6.0
