"""The clouds of a soak that are odd, but readable: all of their points reach the network."""

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")
from builtin_interfaces.msg import Time

from pd_ros.pointcloud.decode import decode_points
from pd_ros.pointcloud.layout import check_cloud, cloud_layout
from pd_ros.ros.soak.faults import FAULTS, READABLE, good_cloud

POINTS = np.random.default_rng(0).uniform(1, 50, (803, 4)).astype(np.float32)
POINTS[:, 3] /= 50
WHOLE_ROWS = POINTS[:800]
OF_NONE, OF_SOME = POINTS.copy(), POINTS.copy()
OF_NONE[:, 3] = 0
OF_SOME[::3, 3] = 0
EXPECTED = {
    "rows": WHOLE_ROWS,
    "rows with null returns": WHOLE_ROWS[np.arange(800) % 16 >= 9],
    "rows, row_step 0": WHOLE_ROWS,
    "rows, row_step of all data": WHOLE_ROWS,
    "NaN as intensity": OF_NONE,
    "NaN as some intensities": OF_SOME,
    "intensity 0 to 255": POINTS * np.float32((1, 1, 1, 255)),
}


def faulty_cloud(name):
    message = good_cloud(POINTS, Time(sec=7))
    FAULTS[name](message)
    return message


def read(message):
    layout = cloud_layout(message)
    check_cloud(layout, len(message.data))  # by which the node accepts or rejects
    return decode_points(layout, message.data)


@pytest.mark.parametrize("name", [name for name in READABLE if name != "dual return"])
def test_odd_layouts_are_read_as_they_are_meant(name) -> None:
    message = faulty_cloud(name)
    assert message != good_cloud(POINTS, Time(sec=7))
    np.testing.assert_array_equal(read(message), EXPECTED.get(name, POINTS))


def test_a_dual_return_is_more_than_a_network_has_room_for() -> None:
    points = read(faulty_cloud("dual return"))
    azimuth = np.arctan2(points[:, 1], points[:, 0])
    assert len(points) > 200_000
    assert (np.diff(azimuth) >= 0).all()


def test_rows_with_null_returns_are_organised_and_mostly_null() -> None:
    message = faulty_cloud("rows with null returns")
    assert (message.height, message.width) == (8, 100)
    xyz = np.frombuffer(message.data, np.float32).reshape(-1, 4)[:, :3]
    assert (xyz == 0).all(axis=1).mean() == pytest.approx(0.56, abs=0.01)
