import weakref

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pd_ros.detection.boxes import points_in_boxes
from training.batches.augment import augment
from training.batches.paste import ObjectBank, paste_objects
from training.config.run import AugmentConfig
from training.datasets.frame import Frame

CLASSES = ("car", "pedestrian")
STILL = AugmentConfig(
    flip_x=False,
    flip_y=False,
    rotation_rad=0,
    scale=0,
    shift_z_m=0,
    intensity_scale=0,
    intensity_drop=0,
)


def make_frame(x=10.0, yaw=0.4, seed=0):
    """A car with points in it, on flat ground at z = -1.7."""
    rng = np.random.default_rng(seed)
    box = np.array([[x, 3, -0.95, 4, 2, 1.5, yaw]], np.float32)
    local = (rng.random((50, 3)) - 0.5) * [3.9, 1.9, 1.4]
    cos, sin = np.cos(yaw), np.sin(yaw)
    car = local @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]]) + box[0, :3]
    ground = np.column_stack((rng.uniform(-40, 40, (3000, 2)), np.full(3000, -1.7)))
    xyz = np.concatenate((car, ground))
    points = np.column_stack((xyz, rng.random(len(xyz)))).astype(np.float32)
    return Frame(points, box, np.array([0]), np.array([50]))


def inside(frame):
    hits = points_in_boxes(torch.from_numpy(frame.points), torch.from_numpy(frame.boxes), 1e-3)
    return hits.sum(dim=1).tolist()


@given(st.integers(0, 10_000))
def test_points_stay_in_their_boxes_whatever_happens_to_the_frame(seed) -> None:
    frame = make_frame()
    changed = augment(frame, AugmentConfig(rotation_rad=3), np.random.default_rng(seed))
    assert inside(changed) == inside(frame)
    assert (np.abs(changed.boxes[:, 6]) <= np.pi).all()
    assert changed.points.dtype == changed.boxes.dtype == np.float32
    assert ((changed.points[:, 3] >= 0) & (changed.points[:, 3] <= 1)).all()


def test_all_switched_off_changes_nothing_and_the_input_stays() -> None:
    frame = make_frame()
    before = frame.points.copy()
    same = augment(frame, STILL, np.random.default_rng(0))
    np.testing.assert_array_equal(same.points, frame.points)
    augment(frame, AugmentConfig(), np.random.default_rng(0))
    np.testing.assert_array_equal(frame.points, before)


def test_flip_mirrors_the_heading() -> None:
    frame = make_frame(yaw=0.4)
    flips = STILL.model_copy(update={"flip_x": True})
    yaws = {
        round(float(augment(frame, flips, np.random.default_rng(s)).boxes[0, 6]), 4)
        for s in range(20)
    }
    assert yaws == {0.4, -0.4}
    flips = STILL.model_copy(update={"flip_y": True})
    yaws = {
        round(float(augment(frame, flips, np.random.default_rng(s)).boxes[0, 6]), 4)
        for s in range(20)
    }
    assert yaws == {0.4, round(np.pi - 0.4, 4)}


@given(st.integers(0, 10_000))
def test_velocities_turn_and_grow_with_the_frame(seed) -> None:
    """A second box stands where the first one will be in a second; both stay a second apart."""
    frame = make_frame()
    later = frame.boxes + np.array([2, -3, 0, 0, 0, 0, 0], np.float32)
    boxes = np.concatenate((frame.boxes, later))
    velocities = np.array([[2, -3], [np.nan, np.nan]], np.float32)
    frame = Frame(frame.points, boxes, np.array([0, 0]), np.array([50, 0]), velocities)
    changed = augment(frame, AugmentConfig(rotation_rad=3, scale=0.2), np.random.default_rng(seed))
    moved = changed.boxes[1, :2] - changed.boxes[0, :2]
    np.testing.assert_allclose(changed.velocities[0], moved, atol=1e-4)
    assert np.isnan(changed.velocities[1]).all()
    assert changed.boxes.shape == (2, 7)
    np.testing.assert_array_equal(frame.velocities, velocities)


def test_points_are_dropped_down_to_the_share() -> None:
    config = STILL.model_copy(update={"keep_points": 0.5})
    shares = [
        len(augment(make_frame(), config, np.random.default_rng(s)).points) / 3050
        for s in range(50)
    ]
    assert 0.45 < min(shares) < max(shares) <= 1


def test_pasted_objects_stand_on_the_ground_and_overlap_nothing() -> None:
    bank = ObjectBank([make_frame(x=-12, seed=1), make_frame(x=11, seed=2)], 10)
    assert bank.count(0) == 2
    target = make_frame()
    lower = target.points.copy()
    lower[:, 2] -= 0.5
    boxes = target.boxes - np.array([0, 0, 0.5, 0, 0, 0, 0], np.float32)
    target = target._replace(points=lower, boxes=boxes)
    config = AugmentConfig(paste={"car": 5})
    rng = np.random.default_rng(0)
    results = [paste_objects(target, bank, CLASSES, config, rng) for _ in range(10)]
    assert {len(r.boxes) for r in results} == {1, 2}
    filled = max(results, key=lambda r: len(r.boxes))
    assert filled.boxes[1, 0] == pytest.approx(-12)
    assert filled.boxes[1, 2] == pytest.approx(-0.95 - 0.5, abs=0.1)
    assert filled.num_points.tolist() == [50, 50]
    pasted = points_in_boxes(torch.from_numpy(filled.points[-50:]), torch.from_numpy(filled.boxes))
    assert pasted[1].all()


def test_a_bank_keeps_the_objects_and_lets_each_frame_go() -> None:
    clouds = []

    def frames():
        for seed in range(3):
            assert not any(cloud() is not None for cloud in clouds[:-1])
            frame = make_frame(seed=seed)
            clouds.append(weakref.ref(frame.points))
            yield frame

    bank = ObjectBank(frames(), 10)
    assert bank.count(0) == 3
    assert all(cloud() is None for cloud in clouds)


def test_pasted_objects_keep_their_velocity() -> None:
    moving = make_frame(x=-12)._replace(velocities=np.array([[1.5, -0.5]], np.float32))
    config = AugmentConfig(paste={"car": 5})
    bank, rng = ObjectBank([moving], 10), np.random.default_rng(0)
    results = [paste_objects(make_frame(), bank, CLASSES, config, rng) for _ in range(5)]
    filled = max(results, key=lambda r: len(r.boxes))
    assert np.isnan(filled.velocities[0]).all()
    assert filled.velocities[1].tolist() == [1.5, -0.5]


def test_nothing_is_pasted_where_no_ground_is_seen() -> None:
    bank = ObjectBank([make_frame(x=-12)], 10)
    bare = make_frame()
    bare = bare._replace(points=bare.points[:50])
    config = AugmentConfig(paste={"car": 5})
    pasted = paste_objects(bare, bank, CLASSES, config, np.random.default_rng(0))
    assert len(pasted.boxes) == 1


def test_pasted_objects_turn_about_the_sensor() -> None:
    bank, rng = ObjectBank([make_frame(x=-12)], 10), np.random.default_rng(0)
    config = AugmentConfig(paste={"car": 5}, paste_turn_rad=3.14)
    results = [paste_objects(make_frame(), bank, CLASSES, config, rng) for _ in range(8)]
    boxes = np.concatenate([frame.boxes[1:] for frame in results])
    assert len(boxes) > 10
    np.testing.assert_allclose(np.hypot(*boxes[:, :2].T), np.hypot(12, 3), rtol=1e-5)
    assert np.ptp(np.arctan2(boxes[:, 1], boxes[:, 0])) > 4
    for frame in results:
        higher = frame._replace(points=frame.points[frame.points[:, 2] > -1.65])  # not the ground
        assert frame.num_points.tolist() == inside(higher)
