"""nuScenes: clouds and boxes worked out by hand, and boxes in every convention."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from small_nuscenes import (
    MOUNT,
    POINTS,
    STEP_US,
    annotation,
    vehicle,
    write_moving_cars,
    write_nuscenes,
    wxyz,
)

from training.config.run import SourceConfig
from training.datasets.nuscenes.tables import _VAL, _scenes, box_velocities, in_split
from training.datasets.source import open_source

CLASSES = ("pedestrian", "car")
FEATURES = ("intensity", "time_lag")


def opened(path: Path, features=FEATURES, **keys: object):
    return open_source(SourceConfig(path=str(path), format="nuscenes", **keys), CLASSES, features)


def refused(path: Path, **keys: object) -> str:
    with pytest.raises(ValueError) as error:
        opened(path, **keys)[0]
    return str(error.value)


def seen_at(cloud: int, world: np.ndarray) -> np.ndarray:
    """Places of the world ``[N, 3]`` ahead, left and up of the LiDAR when a cloud is taken."""
    place, yaw = vehicle(cloud)
    x, y, z = (world - place).T
    ahead = x * math.cos(yaw) + y * math.sin(yaw) - MOUNT[0]
    left = -x * math.sin(yaw) + y * math.cos(yaw) - MOUNT[1]
    return np.stack((ahead, left, z - MOUNT[2]), axis=1)


def test_ten_clouds_fall_on_one_another(tmp_path: Path) -> None:
    """What stands still is in one place, whenever it was seen; the own vehicle is left out."""
    frames = opened(write_nuscenes(tmp_path))
    assert len(frames) == 1
    points = frames[0].points.reshape(10, len(POINTS), 5)
    expected = seen_at(11, POINTS)
    for age, cloud in enumerate(points):
        np.testing.assert_allclose(cloud[:, :3], expected, atol=1e-5)
        np.testing.assert_allclose(cloud[:, 3], 51 / 255)
        np.testing.assert_allclose(cloud[:, 4], age * STEP_US / 1e6, atol=1e-7)
    assert frames.name(0).endswith("samples/LIDAR_TOP/11.pcd.bin")


@pytest.mark.parametrize(("sweeps", "clouds", "expected"), [(1, 12, 1), (4, 12, 4), (10, 3, 3)])
def test_fewer_clouds_where_fewer_are_wanted_or_there(tmp_path, sweeps, clouds, expected) -> None:
    frames = opened(write_nuscenes(tmp_path, clouds), sweeps=sweeps)
    assert len(frames[0].points) == expected * len(POINTS)


def test_boxes_stand_where_the_points_are(tmp_path: Path) -> None:
    frames = opened(write_nuscenes(tmp_path))
    frame = frames[0]
    np.testing.assert_allclose(frame.boxes[:, :3], seen_at(11, POINTS[:2]), atol=1e-5)
    np.testing.assert_allclose(frame.boxes[0, 3:6], [4, 2, 1.5])
    np.testing.assert_allclose(frame.boxes[:, 6], 0.5 - vehicle(11)[1], atol=1e-6)
    assert frame.labels.tolist() == frames.labels(0).tolist() == [1, -1]
    assert frame.num_points.tolist() == [1, 1]  # of the keyframe's own cloud


def test_a_model_gets_the_features_it_names(tmp_path: Path) -> None:
    path = write_nuscenes(tmp_path)
    assert opened(path, ("intensity",))[0].points.shape[1] == 4
    lag = opened(path, ("time_lag",))[0].points[:, 3]
    assert lag.max() == pytest.approx(9 * STEP_US / 1e6)


def test_velocities_are_those_of_the_labels_before_and_after(tmp_path: Path) -> None:
    """At an end one neighbour counts, else both. Ahead is the world's y, left is its -x."""
    first, second, third = opened(write_moving_cars(tmp_path), sweeps=1)
    nan = math.nan
    np.testing.assert_allclose(first.velocities, [[0, -3], [nan, nan]], atol=1e-6)
    np.testing.assert_allclose(second.velocities, [[2, -2], [nan, nan]], atol=1e-6)
    np.testing.assert_allclose(third.velocities, [[4, -1], [nan, nan]], atol=1e-6)


def test_what_stands_still_is_not_what_nobody_knows() -> None:
    """Also two neighbours may be as far apart as twice what one may."""
    centre = np.array([[1.0, 2, 3]] * 3 + [[7, 2, 3]])
    time_us = np.array([0, 1_400_000, 2_900_000, 2_900_000])
    velocities = box_velocities(
        centre, time_us, np.array([-1, 0, -1, 0]), np.array([2, 3, -1, -1])
    )
    np.testing.assert_allclose(velocities[1], [6 / 2.9, 0, 0])
    assert np.isnan(velocities[[0, 2, 3]]).all()
    still = box_velocities(centre[:2], time_us[:2], np.array([-1, 0]), np.array([1, -1]))
    assert (still == 0).all()


def test_boxes_of_every_convention(tmp_path: Path, data_dir: Path) -> None:
    """A LiDAR at the world's origin: boxes have to come out as OpenPCDet writes them."""
    text = (data_dir / "reference/conventions/one_box_all_conventions.json").read_text()
    rows = json.loads(text)["rows"]
    boxes = [
        annotation(
            f"box{i}", "key", "my car", translation=row["nuscenes"]["translation"],
            size=row["nuscenes"]["size_wlh"], rotation=row["nuscenes"]["rotation_wxyz"],
        )
        for i, row in enumerate(rows)
    ]  # fmt: skip
    here = {"translation": [0, 0, 0], "rotation": wxyz(0)}
    mount = {"translation": [0, 0, 0], "rotation": wxyz(-math.pi / 2)}
    path = write_nuscenes(
        tmp_path, 1, sample_annotation=boxes, ego_pose=[{"token": "pose0", **here}],
        calibrated_sensor=[{"token": "mount", "sensor_token": "top", **mount}],
    )  # fmt: skip
    found, expected = opened(path)[0].boxes, np.array([row["openpcdet"] for row in rows])
    np.testing.assert_allclose(found[:, :6], expected[:, :6], atol=1e-4)
    np.testing.assert_allclose(np.cos(found[:, 6] - expected[:, 6]), 1, atol=1e-6)


def test_splits_are_the_official_ones(tmp_path: Path) -> None:
    assert len(_scenes(_VAL)) == 150
    assert in_split("scene-0103", "val") and in_split("scene-0103", "mini_val")
    assert in_split("scene-0553", "val") and in_split("scene-0553", "mini_train")
    assert in_split("scene-0001", "train") and not in_split("scene-1073", "train")
    path = write_nuscenes(tmp_path)
    assert len(opened(path, split="mini_train")) == 1
    assert "of the split mini_val, found none" in refused(path, split="mini_val")
    assert "v1.0-trainval/scene.json: expected a table" in refused(path, split="train")
    assert "split: expected train, val" in refused(path, split="test")


def test_clouds_that_a_table_names_have_to_be_there(tmp_path: Path) -> None:
    path = write_nuscenes(tmp_path)
    (path / "sweeps/LIDAR_TOP/04.pcd.bin").unlink()
    text = refused(path)
    assert "sample_data.json: expected 10 files" in text and "04.pcd.bin" in text
    assert len(opened(path, sweeps=5)) == 1  # which does not reach back so far


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"ego_pose": []}, r"sample_data\.json: ego_pose_token: .* 'pose0' in row cloud0"),
        ({"instance": []}, r"sample_annotation\.json: instance_token: .* row box"),
        ({"sample": [{"token": "key"}]}, "rows without 'scene_token'"),
        ({"category": [{"token": t, "name": "alien"} for t in "ca"]}, "class 'alien': expected"),
        (
            {"sample_annotation": [annotation("b", "key", "dog", size=[1, 0, 1])]},
            r"sample_annotation\.json: row b: expected a box of .* length 0, width 1, height 1",
        ),
    ],
)
def test_tables_that_do_not_fit_are_named(tmp_path: Path, changes, expected: str) -> None:
    assert re.search(expected, refused(write_nuscenes(tmp_path, **changes)))


def test_damaged_files_are_named(tmp_path: Path) -> None:
    assert "expected one folder of tables (v1.0-...), found none" in refused(tmp_path)
    path = write_nuscenes(tmp_path)
    (path / "samples/LIDAR_TOP/11.pcd.bin").write_bytes(b"123")
    assert "11.pcd.bin: expected 20 bytes for each point" in refused(path)
    (path / "v1.0-mini/category.json").write_text("[{")
    assert "category.json: expected a table of nuScenes" in refused(path)


def test_a_keyframe_without_boxes(tmp_path: Path) -> None:
    frame = opened(write_nuscenes(tmp_path, sample_annotation=[]))[0]
    assert frame.boxes.shape == (0, 7) and frame.labels.shape == frame.num_points.shape == (0,)
