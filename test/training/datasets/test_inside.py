import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from shapely import Point, Polygon

from training.datasets.inside import count_inside, inside

ANGLE = st.floats(-3.125, 3.125, width=32)


@given(yaw=ANGLE, seed=st.integers(0, 99))
def test_as_shapely_has_it(yaw: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.uniform(-4, 4, (60, 4)).astype(np.float32)
    box = np.array([0.5, -0.5, 0.25, 4, 1.5, 2.5, yaw], np.float32)
    cos, sin = np.cos(yaw), np.sin(yaw)
    ring = [(2, 0.75), (-2, 0.75), (-2, -0.75), (2, -0.75)]
    outline = Polygon([(0.5 + x * cos - y * sin, -0.5 + x * sin + y * cos) for x, y in ring])
    height = np.abs(points[:, 2] - 0.25) <= 1.25
    expected = [
        bool(h) and outline.covers(Point(*p[:2])) for p, h in zip(points, height, strict=True)
    ]
    assert inside(points, box).tolist() == expected
    boxes = np.stack((box, box + np.array([0, 0, 99, 0, 0, 0, 0], np.float32)))
    assert count_inside(points, boxes).tolist() == [sum(expected), 0]


def test_nothing_in_nothing() -> None:
    points, boxes = np.zeros((0, 4), np.float32), np.zeros((0, 7), np.float32)
    assert count_inside(points, boxes).tolist() == []
    assert count_inside(np.ones((3, 4), np.float32), boxes).shape == (0,)
    assert count_inside(points, np.ones((2, 7), np.float32)).tolist() == [0, 0]
