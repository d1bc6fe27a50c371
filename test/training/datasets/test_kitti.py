"""KITTI folders: a hand-made one, OpenPCDet's boxes, and real frames against the corpus."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from small_kitti import CALIBRATION, CAR, REGION, write_kitti

from training.config.run import SourceConfig
from training.datasets.source import open_source

CLASSES = ("car", "pedestrian", "cyclist")
# On the car; on its far side; 20 m ahead; behind; 40 m to the left of what the camera sees.
POINTS = np.array(
    [[10, -2, -1, 0.5], [12.2, -1.5, -1, 0.1], [20, 0, 0, 0.2], [-5, 0, 0, 0.3], [9, 40, 0, 0.4]]
)


def opened(path: Path, **keys: object):
    return open_source(SourceConfig(path=str(path), format="kitti", **keys), CLASSES)


def refused(path: Path, **keys: object) -> str:
    with pytest.raises(ValueError) as error:
        opened(path, **keys)[0]
    return str(error.value)


def test_a_frame_by_hand(tmp_path: Path) -> None:
    frames = opened(write_kitti(tmp_path, {"000007": CAR}, POINTS))
    frame = frames[0]
    assert len(frames) == 1
    np.testing.assert_array_equal(frame.points, POINTS[:3].astype(np.float32))
    np.testing.assert_allclose(frame.boxes, [[10.3, -2, -1.05, 4, 1.6, 1.5, 0]], atol=1e-6)
    assert frame.labels.tolist() == frames.labels(0).tolist() == [0]
    assert frame.num_points.tolist() == [2]
    assert frames.name(0) == str(tmp_path / "training/label_2/000007.txt")


def test_a_picture_says_how_wide_the_image_is(tmp_path: Path) -> None:
    """The point on the car is at pixel 600 + 2 / 9.7 * 700 = 744; 700 is left of it."""
    path = write_kitti(tmp_path, {"a": CAR}, POINTS)
    (path / "training/image_2").mkdir()
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 700, 375)
    (path / "training/image_2/a.png").write_bytes(head)
    np.testing.assert_array_equal(opened(path)[0].points, POINTS[1:3].astype(np.float32))
    (path / "training/image_2/a.png").write_bytes(b"JPEG" * 10)
    assert "a.png: expected a PNG picture" in refused(path)


def test_unlabelled_regions_are_ignored_where_their_points_are(tmp_path: Path) -> None:
    frames = opened(write_kitti(tmp_path, {"a": CAR + REGION}, POINTS))
    frame = frames[0]
    assert frame.labels.tolist() == [0, -1]
    assert frame.num_points.tolist() == [2, 1]  # the point 20 m ahead is seen at (600, 175)
    np.testing.assert_allclose(frame.boxes[1], [20, 0, 0, 0.5, 0.5, 0.5, 0], atol=1e-6)
    assert frames.labels(0).tolist() == [0]


def test_what_is_harder_is_ignored(tmp_path: Path) -> None:
    occluded = CAR.replace("Car 0 0", "Car 0 2")
    path = write_kitti(tmp_path, {"a": CAR + occluded}, POINTS)
    assert opened(path)[0].labels.tolist() == [0, 0]
    assert opened(path, hardest="hard")[0].labels.tolist() == [0, 0]
    assert opened(path, hardest="moderate")[0].labels.tolist() == [0, -1]


def test_classes_can_be_mapped(tmp_path: Path) -> None:
    text = CAR + CAR.replace("Car", "Van") + CAR.replace("Car", "Bus")
    path = write_kitti(tmp_path, {"a": text}, POINTS)
    keys = {"class_map": {"Van": "car", "Bus": None}}
    assert opened(path, **keys)[0].labels.tolist() == [0, 0, -1]


def test_splits(tmp_path: Path) -> None:
    path = write_kitti(tmp_path, {"a": "", "b": CAR, "c": CAR}, POINTS)
    (path / "ImageSets").mkdir()
    (path / "ImageSets/train.txt").write_text("c\na\n")
    frames = opened(path, split="train")
    assert [Path(frames.name(i)).stem for i in range(len(frames))] == ["c", "a"]
    assert frames[1].boxes.shape == (0, 7)
    assert len(opened(path)) == 3
    assert "lists there: train" in refused(path, split="val")


@pytest.mark.parametrize(
    ("labels", "calibration", "expected"),
    [
        (CAR + "Car 0 0 0 1 2\n", CALIBRATION, "a.txt:2: expected 15 columns"),
        ("\n" + CAR.replace("1.5 1.6 4", "1.5 0 4"), CALIBRATION, "a.txt:2: expected a box of"),
        (CAR, CALIBRATION.replace("R0_rect", "R0"), "a.txt: expected a line R0_rect"),
        ("\n" + CAR.replace("Car", "Lorry"), CALIBRATION, "a.txt:2: class 'Lorry': expected one"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, labels, calibration, expected: str) -> None:
    text = refused(write_kitti(tmp_path, {"a": labels}, POINTS, calibration))
    assert expected in text
    assert text.startswith(str(tmp_path))


def test_missing_files_are_named_at_the_start(tmp_path: Path) -> None:
    assert "velodyne: expected KITTI's clouds" in refused(tmp_path)
    path = write_kitti(tmp_path, {"a": CAR, "b": CAR}, POINTS)
    (path / "training/calib/b.txt").unlink()
    text = refused(path)
    assert "expected 6 files" in text and "1 are not there" in text and "calib/b.txt" in text


def test_boxes_are_where_openpcdet_puts_them(tmp_path: Path, data_dir: Path) -> None:
    """Real and made-up labels of one recording day, written and read as a label file."""
    reference = json.loads(
        (data_dir / "reference/conventions/kitti_camera_lidar.json").read_text()
    )
    rows = [r for r in reference["boxes"] if r["frame"] not in ("000001", "000002")]
    values = [[repr(value) for value in row["camera_hwl_xyz_ry"]] for row in rows]
    labels = "".join(f"Car 0 0 0 0 0 9 99 {' '.join(numbers)}\n" for numbers in values)
    calibration = (data_dir / "kitti_object/training/calib/000000.txt").read_text()
    boxes = opened(write_kitti(tmp_path, {"a": labels}, POINTS, calibration))[0].boxes
    expected = np.array([row["lidar_openpcdet"] for row in rows])
    np.testing.assert_allclose(boxes[:, :6], expected[:, :6], atol=1e-4)
    np.testing.assert_allclose(np.cos(boxes[:, 6] - expected[:, 6]), 1, atol=1e-6)


def test_real_frames_are_as_the_corpus_has_them(data_dir: Path) -> None:
    """The corpus was cut to the image and converted by other code."""
    frames = opened(data_dir / "kitti_object", limit=8)
    for i in range(len(frames)):
        frame, name = frames[i], Path(frames.name(i)).stem
        with np.load(data_dir / f"corpus/kitti_object_dev/{name}.npz") as corpus:
            points, boxes, cls = corpus["points"], corpus["boxes"], corpus["cls"]
        near = frame.points[(frame.points[:, 0] >= 0) & (frame.points[:, 0] <= 72)]
        order = [np.lexsort(cloud[:, :3].round(3).T) for cloud in (near, points)]
        np.testing.assert_allclose(near[order[0], :3], points[order[1], :3], atol=2e-3)
        labelled = slice(len(frames.labels(i)))
        kept = frame.boxes[labelled, 0] <= 72
        np.testing.assert_allclose(frame.boxes[labelled][kept, :6], boxes[:, :6], atol=0.02)
        assert frame.labels[labelled][kept].tolist() == cls.tolist()
