import numpy as np

from pd_ros.runtime.roi import OFF, crop, thin_out

POINTS = np.float32([[0, 0, 0, 1], [5, 0, 0, 2], [5, 3, 0, 3], [-9, 0, 1, 4]])


def test_nothing_is_left_out_by_default() -> None:
    assert crop(POINTS, OFF, OFF) is POINTS


def test_the_region_stays_and_the_own_vehicle_goes() -> None:
    region, ego = (-6, -2, -1, 6, 4, 1), (-1, -1, -1, 1, 1, 1)
    assert crop(POINTS, region, OFF)[:, 3].tolist() == [1, 2, 3]
    assert crop(POINTS, OFF, ego)[:, 3].tolist() == [2, 3, 4]
    assert crop(POINTS, region, ego)[:, 3].tolist() == [2, 3]


def test_lower_borders_belong_to_a_region_and_upper_ones_do_not() -> None:
    assert crop(POINTS, (0, 0, 0, 5, 3, 1), OFF)[:, 3].tolist() == [1]


def test_thins_out_evenly() -> None:
    points = np.arange(40, dtype=np.float32).reshape(10, 4)
    assert thin_out(points, 10) is points
    assert thin_out(points, 4)[:, 0].tolist() == [0, 12, 24, 36]
    assert len(thin_out(points[:0], 4)) == 0
