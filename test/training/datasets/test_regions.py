import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pd_ros.detection.boxes import points_in_boxes
from training.datasets.regions import region_boxes

SOMEWHERE = arrays(np.float32, st.tuples(st.integers(0, 30), st.just(3)),
                   elements=st.floats(-70, 70, width=32))  # fmt: skip


@given(points=SOMEWHERE)
def test_every_point_of_a_region_is_in_a_box(points: np.ndarray) -> None:
    pixels = np.abs(points[:, :2].astype(np.float64))
    region = np.array([[0.0, 0.0, 40.0, 50.0]])
    boxes = region_boxes(points, pixels, region)
    within = (pixels <= (40, 50)).all(axis=1)
    hits = points_in_boxes(torch.from_numpy(points), torch.from_numpy(boxes), 0.001)
    assert hits.any(dim=0).numpy()[within].all()
    assert len(boxes) <= within.sum()
    assert (boxes[:, 3:6] >= 0.5).all()


def test_boxes_follow_the_ray() -> None:
    """Two points on a ray to the left: 4 m apart in one box, 40 m apart in two."""
    ray = np.array([np.cos(1), np.sin(1), 0])
    region = np.array([[0.0, 0.0, 9.0, 9.0]])
    near = (np.array([[9.0], [13.0]]) * ray).astype(np.float32)
    (box,) = region_boxes(near, np.ones((2, 2)), region)
    np.testing.assert_allclose(box, [*(11 * ray), 4, 0.5, 0.5, 1], atol=1e-5)
    far = (np.array([[9.0], [49.0]]) * ray).astype(np.float32)
    assert len(region_boxes(far, np.ones((2, 2)), region)) == 2


def test_no_regions_and_empty_regions_give_no_boxes() -> None:
    points = np.ones((1, 3), np.float32)
    assert region_boxes(points, np.ones((1, 2)), np.zeros((0, 4))).shape == (0, 7)
    assert region_boxes(points, np.ones((1, 2)), np.array([[5.0, 5, 6, 6]])).shape == (0, 7)
