"""A scene seen twice is one scene: both clouds lie on the same surfaces."""

import numpy as np
import pytest
import torch

from pd_ros.detection.boxes import points_in_boxes
from training.adapt.scenes import Setting, simulate_twice, write_scenes
from training.simulate.lidar.sensor_files import load_rig

LEVEL_STREET = 8  # a seed whose road about the vehicle is level


def setting(height_m: float, pitch_deg: float = 0.0, roll_deg: float = 0.0) -> Setting:
    return Setting(load_rig("vlp16"), height_m, pitch_deg, roll_deg, load_rig("hdl64e"))


def ground_plane(points: np.ndarray, height_m: float) -> np.ndarray:
    """Slopes along x and y and height of the road about the vehicle, its lower side fitted."""
    x, y, z = points[:, :3].astype(np.float64).T
    near = (np.abs(y) < 3) & (np.abs(x) > 3) & (np.abs(x) < 20) & (np.abs(z + height_m) < 1.2)
    columns = np.stack((x, y, np.ones_like(x)), axis=1)[near]
    weight = np.ones(len(columns))
    for _ in range(20):
        plane = np.linalg.lstsq(columns * weight[:, None], z[near] * weight, rcond=None)[0]
        above = z[near] - columns @ plane
        weight = (above < 0.05) * np.exp(-np.abs(above) / 0.05)
    return plane


@pytest.mark.parametrize("height_m", [0.5, 1.7, 2.8])
def test_both_clouds_have_the_same_ground_and_objects(height_m) -> None:
    frame, theirs = simulate_twice(LEVEL_STREET, setting(height_m))
    assert len(theirs) > 2 * len(frame.points)
    mine, dense = (ground_plane(points, height_m) for points in (frame.points, theirs))
    assert mine[2] == pytest.approx(-height_m, abs=0.05)
    np.testing.assert_allclose(dense, mine, atol=0.02)
    near = np.hypot(*frame.boxes[:, :2].T) < 25
    large = torch.from_numpy(frame.boxes[near & (frame.num_points > 20)])
    assert len(large) > 0
    seen = points_in_boxes(torch.from_numpy(theirs[:, :3]), large).sum(dim=1)
    assert (seen > 20).float().mean() > 0.9


@pytest.mark.parametrize(("pitch_deg", "roll_deg"), [(4, 0), (0, 4), (-3, 2)])
def test_a_tilted_sensor_tilts_what_the_teacher_sees(pitch_deg, roll_deg) -> None:
    """Nose down the road ahead rises by tan(pitch) a metre, as does its right with the right."""
    level = ground_plane(simulate_twice(LEVEL_STREET, setting(1.7)).frame.points, 1.7)
    frame, theirs = simulate_twice(LEVEL_STREET, setting(1.7, pitch_deg, roll_deg))
    slopes = np.tan(np.radians([pitch_deg, -roll_deg]))
    for points in (frame.points, theirs):
        plane = ground_plane(points, 1.7)
        np.testing.assert_allclose(plane[:2] - level[:2], slopes, atol=0.006)


def test_scenes_are_written_once(tmp_path) -> None:
    write_scenes(tmp_path, 1, 3, setting(1.2), 1, "scenes")
    before = (tmp_path / "000000.npz").stat().st_mtime_ns
    write_scenes(tmp_path, 1, 3, setting(1.2), 1, "scenes")
    assert (tmp_path / "000000.npz").stat().st_mtime_ns == before
    with np.load(tmp_path / "000000.npz") as file:
        expected = {"points", "teacher_points", "boxes", "cls", "num_points"}
        assert expected | {"labels", "track_id", "stamp"} == set(file.files)
