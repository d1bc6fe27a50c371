"""What is hidden once objects were put into a sweep: walls of points, with the sensor at 0."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from training.batches.occlusion import hide


def wall(x_m: float, half_width_m: float = 2.0, top_m: float = 1.0) -> np.ndarray:
    """A dense upright surface across the x axis, from 1 m below the sensor."""
    y, z = np.meshgrid(np.linspace(-half_width_m, half_width_m, 200), np.linspace(-1, top_m, 100))
    return np.column_stack((np.full(y.size, x_m), y.ravel(), z.ravel())).astype(np.float32)


NOTHING = np.zeros((0, 3), np.float32)


def test_what_stands_behind_an_object_is_hidden_and_what_stands_beside_or_before_is_seen() -> None:
    behind, beside, before = wall(20), wall(20) + np.float32([0, 30, 0]), wall(5, 0.2)
    scene = np.concatenate((behind, beside, before))
    seen, (own,) = hide(scene, [wall(10)], [-5.0])
    count = len(behind)
    beyond = np.abs(behind[:, 1]) > 1.2  # not in the shadow of what stands before the object
    assert not seen[:count][beyond].any()  # the object is as wide, and nearer
    assert seen[count : 2 * count].all() and seen[2 * count :].all()
    y = wall(10)[:, 1]
    assert not own[np.abs(y) < 0.3].any() and own[np.abs(y) > 0.6].all()


def test_a_higher_wall_is_seen_above_the_object() -> None:
    high = wall(20, top_m=6)
    seen, _ = hide(high, [wall(10, top_m=0)], [-1.0])
    assert not seen[high[:, 2] < -0.3].any() and seen[high[:, 2] > 0.3].all()


def test_ground_in_front_of_an_object_hides_nothing() -> None:
    x, y = np.meshgrid(np.linspace(2, 30, 400), np.linspace(-2, 2, 40))
    ground = np.column_stack((x.ravel(), y.ravel(), np.full(x.size, -1.0))).astype(np.float32)
    _, (own,) = hide(ground, [wall(25)], [-1.0])
    assert own.all()
    _, (own,) = hide(ground + np.float32([0, 0, 0.6]), [wall(25)], [-1.0])
    assert not own.all()


def test_objects_hide_each_other_in_whatever_order_they_come() -> None:
    near, far = wall(10), wall(20)
    for order in ([near, far], [far, near]):
        _, masks = hide(NOTHING, order, [-1.0, -1.0])
        kept = {float(points[0, 0]): mask.any() for points, mask in zip(order, masks, strict=True)}
        assert kept == {10.0: True, 20.0: False}


def test_nothing_put_in_hides_nothing() -> None:
    seen, objects = hide(wall(10), [], [])
    assert seen.all() and objects == []
    seen, (own,) = hide(wall(10), [NOTHING], [0.0])
    assert seen.all() and own.tolist() == []


@given(st.floats(-3.1, 3.1))
def test_every_direction_is_like_the_others(angle_rad) -> None:
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    turn = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]], np.float32)
    seen, (own,) = hide(wall(20, 1) @ turn, [wall(10) @ turn], [-5.0])
    assert not seen.any() and own.all()
