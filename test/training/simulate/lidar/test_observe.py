"""Sweeps of streets made by hand: what hides what, and in which frame the boxes are."""

import math

import numpy as np
import pytest
from small_sensor import small_rig

from training.simulate.bodies.body import Body
from training.simulate.bodies.mesh import Material, Mesh, block
from training.simulate.lidar.observe import Mount, observe
from training.simulate.world.actors import STANDING, Actor
from training.simulate.world.street import Street

NOTHING = Mesh(np.zeros((0, 3, 3)), np.zeros(0, dtype=np.int64))
# Without noise: the points lie where the surfaces are, to the millimetre.
EXACT = small_rig(np.linspace(-25.0, 5.0, 31).tolist(), 720, range_noise_m=0.0)


def brick(label, s, t=0.0, heading=0.0, size=(4.0, 2.0, 1.5), track_id=0):
    length, width, height = size
    mesh = block((-length / 2, length / 2), (-width / 2, width / 2), (0, height), Material.BRICK)
    return Actor(label, Body(mesh, *size), s, t, heading, STANDING, 0.5, track_id)


def look(flat, *actors, heading=0.0, hidden=False, time_s=0.0):
    ego = Actor("ego", Body(NOTHING, 4.8, 1.8, 1.5), 0.0, 0.0, heading, STANDING, 0.5)
    street = Street(flat, ego, actors, ())
    return observe(street, Mount(2.0, hidden), time_s, EXACT, np.random.default_rng(0))


def test_boxes_and_points_by_hand(flat) -> None:
    sweep = look(flat, brick("car", 20.0, track_id=7))
    np.testing.assert_allclose(sweep.boxes, [[20, 0, 0.75 - 2, 4, 2, 1.5, 0]], atol=1e-6)
    assert (sweep.labels, sweep.cls.tolist(), sweep.track_id.tolist()) == (("car",), [0], [7])
    ahead = np.abs(np.arctan2(sweep.points[:, 1], sweep.points[:, 0])) < 0.04
    back = sweep.points[ahead & (sweep.points[:, 0] > 17.5) & (sweep.points[:, 2] > -1.9)]
    on_its_back = np.abs(back[:, 0] - 18) < 1e-3
    assert on_its_back.sum() > 10
    assert back[on_its_back, 2].max() <= -0.499


def test_boxes_turn_with_the_ego_vehicle(flat) -> None:
    sweep = look(flat, brick("car", 20.0), heading=math.pi / 2)
    np.testing.assert_allclose(
        sweep.boxes, [[0, -20, 0.75 - 2, 4, 2, 1.5, -math.pi / 2]], atol=1e-5
    )
    assert sweep.num_points[0] == pytest.approx(
        look(flat, brick("car", 20.0)).num_points[0], rel=0.2
    )


def test_yaw_is_wrapped(flat) -> None:
    sweep = look(flat, brick("car", 20.0, heading=3.0), heading=-3.0)
    assert sweep.boxes[0, 6] == pytest.approx(6.0 - 2 * math.pi, abs=1e-5)


def test_a_car_behind_a_lorry_is_not_seen(flat) -> None:
    car = brick("car", 30.0, track_id=1)
    lorry = brick("truck", 15.0, size=(8.0, 2.5, 3.5), track_id=2)
    assert look(flat, car).num_points[0] > 30
    sweep = look(flat, car, lorry)
    assert sweep.labels == ("truck",)
    assert sweep.cls.tolist() == [-1]


def test_a_car_half_hidden_has_fewer_points(flat) -> None:
    car = brick("car", 30.0, track_id=1)
    beside = brick("truck", 15.0, t=1.25, size=(8.0, 2.5, 3.5), track_id=2)
    free = look(flat, car).num_points[0]
    sweep = look(flat, car, beside)
    assert 0.2 * free < sweep.num_points[sweep.labels.index("car")] < 0.8 * free


def test_who_is_out_of_sight_gets_no_box_and_an_empty_street_has_ground_only(flat) -> None:
    sweep = look(flat, brick("car", 90.0))
    assert sweep.boxes.shape == (0, 7) and sweep.labels == ()
    assert len(sweep.points) > 1000
    near = sweep.points[np.abs(sweep.points[:, 1]) < 2]
    assert ((near[:, 2] > -2.05) & (near[:, 2] < -1.99)).all()


def test_the_roof_hides_the_ground_close_by(flat) -> None:
    free, hidden = look(flat), look(flat, hidden=True)
    for sweep, expected in ((free, True), (hidden, False)):
        ahead = (sweep.points[:, 0] > 0) & (np.abs(sweep.points[:, 1]) < 0.5)
        assert (ahead & (sweep.points[:, 0] < 5)).any() == expected
        assert (ahead & (sweep.points[:, 0] > 8)).any()
    assert np.linalg.norm(hidden.points[:, :3], axis=1).min() > 1.0


def test_points_are_whole_millimetres_and_the_stamp_is_the_time(flat) -> None:
    sweep = look(flat, time_s=12.3)
    assert sweep.stamp_ns == 1_700_000_012_300_000_000
    thousand = sweep.points[:, :3].astype(float) * 1000
    np.testing.assert_allclose(thousand, thousand.round(), atol=0.01)
    assert len(sweep.ring) == len(sweep.time_s) == len(sweep.points)
