"""Lines of boxes by the numbers of the conventions reference and by hand."""

import json
import math

import numpy as np

from pd_ros.recordings.box_shapes import box_segments


def test_corners_of_the_outline_are_those_of_the_conventions(data_dir) -> None:
    path = data_dir / "reference/conventions/one_box_all_conventions.json"
    for row in json.loads(path.read_text())["rows"]:
        ends = box_segments(np.array([row["openpcdet"]]))[0]
        corners = np.unique(ends[:24].round(6), axis=0)
        expected = np.array(row["corners_lidar"])
        np.testing.assert_allclose(
            corners, expected[np.lexsort(expected.T[::-1].round(6))], atol=2e-6
        )


def test_segments_by_hand() -> None:
    """4 m long, 2 m wide, 1 m high, looking to the left (+y) from (10, 20, 5)."""
    ends = box_segments(np.array([[10, 20, 5, 4, 2, 1, math.pi / 2]]))
    assert ends.shape == (1, 26, 3)
    edges = ends[0, :24].reshape(12, 2, 3)
    lengths = np.linalg.norm(edges[:, 1] - edges[:, 0], axis=1)
    np.testing.assert_allclose(sorted(lengths), [1] * 4 + [2] * 4 + [4] * 4)
    np.testing.assert_allclose(edges.reshape(-1, 3).min(axis=0), [9, 18, 4.5])
    np.testing.assert_allclose(edges.reshape(-1, 3).max(axis=0), [11, 22, 5.5])
    middles = edges.mean(axis=1).round(9)
    assert len(np.unique(middles, axis=0)) == 12
    # From the centre through the front, half a half length beyond it.
    np.testing.assert_allclose(ends[0, 24:], [[10, 20, 5], [10, 23, 5]])


def test_segments_of_several_boxes_and_of_none() -> None:
    boxes = np.array([[0, 0, 0, 4, 2, 1, 0.3], [9, 9, 9, 1, 1, 2, -2.0]])
    both = box_segments(boxes)
    np.testing.assert_array_equal(both[1:], box_segments(boxes[1:]))
    assert box_segments(np.zeros((0, 7))).shape == (0, 26, 3)
