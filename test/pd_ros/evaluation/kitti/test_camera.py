"""Camera frame against LiDAR frame: hand-made, and OpenPCDet's conversions of 100 labels."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pd_ros.detection.types import Detections
from pd_ros.evaluation.kitti.camera import (
    Calibration,
    camera_from_lidar,
    lidar_from_camera,
    project_boxes,
    read_calibration,
    score_kitti,
)
from pd_ros.evaluation.kitti.labels import read_labels, upright_boxes

CALIBRATION = """P2: 700 0 600 0 0 700 180 0 0 0 1 0
R0_rect: 1 0 0 0 1 0 0 0 1
Tr_velo_to_cam: 0 -1 0 0 0 0 -1 -0.1 1 0 0 -0.3
"""


@pytest.fixture
def ideal(tmp_path: Path) -> Calibration:
    path = tmp_path / "calib.txt"
    path.write_text(CALIBRATION)
    return read_calibration(path)


def test_a_car_ahead_by_hand(ideal: Calibration) -> None:
    # 1.5 m high, underside 1.7 m below the camera, 10 m ahead, 2 m right, driving away.
    box = upright_boxes(
        np.array([[1.5, 1.6, 4.0]]), np.array([[2.0, 1.7, 10.0]]), np.array([-np.pi / 2])
    )
    lidar = lidar_from_camera(box, ideal)
    # The camera sits 0.3 m before and 0.1 m below the LiDAR.
    np.testing.assert_allclose(lidar, [[10.3, -2.0, -1.05, 4.0, 1.6, 1.5, 0.0]], atol=1e-12)
    np.testing.assert_allclose(camera_from_lidar(lidar, ideal), box, atol=1e-12)


def test_image_box_by_hand(ideal: Calibration) -> None:
    box = np.array([[10.0, 0.0, 0.0, 4.0, 2.0, 1.0, 0.0]])
    image_box, seen = project_boxes(box, ideal)
    # The near end is 8 m away: 700 / 8 = 87.5 pixels per metre, 2 m wide and 1 m high.
    np.testing.assert_allclose(image_box, [[512.5, 136.25, 687.5, 223.75]])
    assert seen.tolist() == [True]


def test_behind_and_beside_are_not_seen(ideal: Calibration) -> None:
    boxes = np.array(
        [[-10.0, 0, 0, 4, 2, 1, 0], [5.0, 20, 0, 4, 2, 1, 0], [20.0, 3, 0, 4, 2, 1, 0]]
    )
    assert project_boxes(boxes, ideal)[1].tolist() == [False, False, True]


def test_conversions_of_real_labels(data_dir: Path) -> None:
    reference = json.loads(
        (data_dir / "reference" / "conventions" / "kitti_camera_lidar.json").read_text()
    )
    calibrations = {
        day: read_calibration(data_dir / "kitti_object" / "training" / "calib" / f"{day}.txt")
        for day in ("000000", "000003")
    }
    assert len(reference["boxes"]) == 100
    for row in reference["boxes"]:
        # Two frames are of the second recording day; all others share the calibration of 000000.
        second_day = row["set"] == "real_object4" and row["frame"] in ("000001", "000002")
        calibration = calibrations["000003" if second_day else "000000"]
        values = np.array([row["camera_hwl_xyz_ry"]])
        box = upright_boxes(values[:, :3], values[:, 3:6], values[:, 6])
        lidar = lidar_from_camera(box, calibration)
        expected = np.array([row["lidar_openpcdet"]])
        turn = (lidar[:, 6] - expected[:, 6] + np.pi) % (2 * np.pi) - np.pi
        np.testing.assert_allclose(lidar[:, :6], expected[:, :6], atol=1e-4)
        np.testing.assert_allclose(turn, 0, atol=1e-4)
        np.testing.assert_allclose(camera_from_lidar(lidar, calibration), box, atol=1e-9)
        corners = np.array(row["corners_rect_object3d"])
        image = np.c_[corners, np.ones(8)] @ calibration.image_from_camera.T
        pixels = image[:, :2] / image[:, 2:]
        limit = np.array(calibration.image_size) - 1
        image_box = np.clip(np.r_[pixels.min(axis=0), pixels.max(axis=0)], 0, np.tile(limit, 2))
        np.testing.assert_allclose(project_boxes(box, calibration)[0][0], image_box, atol=1e-3)


def as_detections(folder: Path, frame: str, classes: list[str]) -> Detections:
    """The frame's labels as if a detector had found them, in the LiDAR frame."""
    labels = read_labels(folder / "label_2" / f"{frame}.txt")
    calibration = read_calibration(folder / "calib" / f"{frame}.txt")
    rows = [i for i, name in enumerate(labels.names) if name.lower() in classes]
    boxes = lidar_from_camera(labels.boxes[rows], calibration)
    names = [labels.names[i].lower() for i in rows]
    return Detections(
        torch.from_numpy(boxes).float(),
        torch.full((len(rows),), 0.9),
        torch.tensor([classes.index(name) for name in names], dtype=torch.int64),
    )


def test_labels_as_detections_of_real_frames(data_dir: Path) -> None:
    folder = data_dir / "kitti_object" / "training"
    classes = ["cyclist", "car"]
    frames = sorted(path.stem for path in (folder / "label_2").glob("*.txt"))
    report = score_kitti(
        {frame: as_detections(folder, frame, classes) for frame in frames}, folder, classes
    )
    scores = report.to_json()
    assert set(scores) == {"Car", "Cyclist"}
    assert min(report.num_truth["Car"][1:]) >= 41
    for metric in ("bbox", "bev", "3d", "aos"):
        assert scores["Car"][metric]["strict"]["R40"][1] > 95, metric


def test_all_outside_the_image_is_no_false_positive(tmp_path: Path) -> None:
    (tmp_path / "calib").mkdir()
    (tmp_path / "label_2").mkdir()
    (tmp_path / "calib" / "0.txt").write_text(CALIBRATION)
    (tmp_path / "label_2" / "0.txt").write_text(
        "Car 0 0 0 500 100 700 300 1.5 1.6 4 0 1.7 10 -1.5707963\n"
    )
    found = torch.tensor([[10.3, 0, -1.05, 4, 1.6, 1.5, 0], [-10, 0, -1.05, 4, 1.6, 1.5, 0]])
    detections = Detections(found, torch.tensor([0.5, 0.9]), torch.tensor([0, 0]))
    report = score_kitti({"0": detections}, tmp_path, ["car"])
    # One object: R11 is 1 of 11 slots, and all of it although something behind scores higher.
    assert report.to_json()["Car"]["3d"]["strict"]["R11"][0] == pytest.approx(100 / 11)


def test_missing_label_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"label_2/000007\.txt: expected a file"):
        score_kitti({"000007": Detections.empty()}, tmp_path, ["car"])


def test_no_common_class(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="classes: expected some of Car"):
        score_kitti({}, tmp_path, ["traffic_cone"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("P2: 1 2 3\n", "P2: expected 12 numbers"),
        ("", "expected a line P2, got none"),
        (CALIBRATION.replace("R0_rect", "R9"), "expected a line R0_rect"),
        (CALIBRATION.replace("P2: 700", "P2: nan"), "P2: expected 12 numbers, got nan 0 600"),
        (CALIBRATION.replace("P2: 700", "P2: x"), "P2: expected 12 numbers, got x 0 600"),
        (CALIBRATION.replace("R0_rect: 1", "R0_rect: 0"), "expected rotations, got .* 0;"),
        ("\0\ufffd" * 999, "expected a line P2, got"),
    ],
)
def test_broken_calibration(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "000000.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        read_calibration(path)
    assert str(error.value).startswith(f"{path}: ") and len(str(error.value)) < 400
