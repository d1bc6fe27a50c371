"""A scene seen twice is one scene: both clouds lie on the same surfaces."""

import numpy as np
import pytest
import torch

from pd_ros.detection.boxes import points_in_boxes
from training.adapt.scenes import Setting, simulate_twice, write_scenes
from training.simulate.lidar.sensor_files import load_rig


def setting(height_m: float, pitch_deg: float = 0.0, roll_deg: float = 0.0) -> Setting:
    return Setting(load_rig("vlp16"), height_m, pitch_deg, roll_deg, load_rig("hdl64e"))


def ground_near(points: np.ndarray) -> np.ndarray:
    """Low points on the road ahead and behind."""
    near = (np.abs(points[:, 1]) < 3) & (np.abs(points[:, 0]) < 15) & (np.abs(points[:, 0]) > 5)
    return points[near & (points[:, 2] < np.quantile(points[near, 2], 0.7))]


@pytest.mark.parametrize("height_m", [0.5, 1.7, 2.8])
def test_both_clouds_have_the_same_ground_and_objects(height_m) -> None:
    frame, theirs = simulate_twice(5, setting(height_m))
    assert len(theirs) > 2 * len(frame.points)
    mine, dense = (np.median(ground_near(p)[:, 2]) for p in (frame.points, theirs))
    assert mine == pytest.approx(-height_m, abs=0.12)
    assert dense == pytest.approx(mine, abs=0.08)
    near = np.hypot(*frame.boxes[:, :2].T) < 25
    large = torch.from_numpy(frame.boxes[near & (frame.num_points > 20)])
    assert len(large) > 0
    seen = points_in_boxes(torch.from_numpy(theirs[:, :3]), large).sum(dim=1)
    assert (seen > 20).float().mean() > 0.9


def test_a_tilted_sensor_tilts_what_the_teacher_sees() -> None:
    """Pitched by 4 degrees nose down: the road ahead rises by tan(4 deg) a metre."""
    frame, theirs = simulate_twice(5, setting(1.7, pitch_deg=4.0))
    slopes = [
        np.polyfit(*ground_near(points)[:, [0, 2]].T, 1)[0] for points in (frame.points, theirs)
    ]
    assert slopes == pytest.approx([np.tan(np.radians(4))] * 2, abs=0.015)
    frame, theirs = simulate_twice(5, setting(1.7, roll_deg=4.0))
    for points in (frame.points, theirs):
        low = ground_near(points)
        assert np.polyfit(*low[:, [1, 2]].T, 1)[0] == pytest.approx(
            np.tan(np.radians(4)), abs=0.04
        )


def test_scenes_are_written_once(tmp_path) -> None:
    write_scenes(tmp_path, 1, 3, setting(1.2), 1, "scenes")
    before = (tmp_path / "000000.npz").stat().st_mtime_ns
    write_scenes(tmp_path, 1, 3, setting(1.2), 1, "scenes")
    assert (tmp_path / "000000.npz").stat().st_mtime_ns == before
    with np.load(tmp_path / "000000.npz") as file:
        assert {"points", "teacher_points", "boxes", "cls", "num_points"} == set(file.files)
