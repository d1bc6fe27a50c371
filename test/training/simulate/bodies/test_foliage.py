"""Foliage: rough, with gaps, within its size."""

import numpy as np
import pytest

from training.simulate.bodies.foliage import hedge, leaves, rough_ball, rough_row
from training.simulate.bodies.mesh import Material
from training.simulate.lidar.cast import Scene

EYE = np.array([0.0, -10.0, 0.8])


def seen(mesh):
    """How far rays towards the middle of a face of 3 by 1 m go, and how many meet anything."""
    x, z = np.meshgrid(np.linspace(-1.5, 1.5, 60), np.linspace(0.3, 1.3, 30))
    towards = np.stack((x.ravel(), np.full(x.size, 10.0), z.ravel() - EYE[2]), axis=1)
    directions = towards / np.linalg.norm(towards, axis=1, keepdims=True)
    hits = Scene(mesh, EYE).cast(np.zeros(3), directions)
    return hits.distance_m * directions[hits.ray, 1] - 10, len(hits.ray) / x.size


def test_leaves_let_rays_pass_and_stay_about_their_ellipsoid() -> None:
    crown = leaves(np.random.default_rng(0), 200, (2.0, 2.0, 1.0), 5.0, 0.1)
    middles = crown.triangles.mean(axis=1)
    assert np.abs(middles[:, :2]).max() < 2.3
    assert np.abs(middles[:, 2] - 5).max() < 1.3
    assert (crown.material == Material.LEAF).all()


def test_the_face_of_a_hedge_is_rough_and_not_closed() -> None:
    shares = []
    for seed in range(20):
        depth_m, share = seen(hedge(np.random.default_rng(seed), 5.0, 1.0, 1.6))
        assert depth_m.std() > 0.06  # a wall's is 0
        assert depth_m.min() > -0.95 and depth_m.max() < 0.95
        shares.append(share)
    assert min(shares) < 0.98
    assert np.median(shares) > 0.7


def test_more_gaps_let_more_rays_pass() -> None:
    passed = [
        1 - seen(rough_row(np.random.default_rng(0), (5.0, 1.0, 1.6), gaps))[1]
        for gaps in (0.0, 0.3, 0.7)
    ]
    assert passed[0] == pytest.approx(0, abs=0.02)
    assert passed[0] < passed[1] < passed[2] < 0.8


def test_rows_and_balls_have_their_size() -> None:
    for seed in range(10):
        row = rough_row(np.random.default_rng(seed), (4.0, 1.0, 1.5), 0.0, Material.BRICK)
        size = np.ptp(row.triangles.reshape(-1, 3), axis=0)
        np.testing.assert_allclose(size, [4.0, 1.2, 1.75], atol=0.35)
        assert (row.material == Material.BRICK).all()
        ball = rough_ball(np.random.default_rng(seed), (2.0, 1.0, 1.5), 3.0, 0.2)
        low, high = ball.triangles.min(axis=(0, 1)), ball.triangles.max(axis=(0, 1))
        np.testing.assert_allclose(high - low, [4.0, 2.0, 3.0], rtol=0.4)
        assert abs((low + high)[2] / 2 - 3) < 0.4
