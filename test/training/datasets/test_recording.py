import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from small_recording import STAMP, STEP_NS, a_car, cloud_message, cloud_points, drive, write_clouds

from pd_ros.detection.boxes import points_in_boxes
from pd_ros.recordings.detections import NamedBoxes
from training.config.run import SourceConfig
from training.datasets.source import open_source

CLASSES = ("pedestrian", "car")


def opened(path: Path, **keys: object):
    return open_source(SourceConfig(path=str(path), format="recording", **keys), CLASSES)


def refused(path: Path, **keys: object) -> str:
    with pytest.raises(ValueError) as error:
        opened(path, **keys)[0]
    return str(error.value)


def labelled(folder: Path, *numbers: int) -> Path:
    """Three clouds, of which some have a box."""
    truth = [(STAMP + i * STEP_NS, a_car()) for i in numbers]
    return write_clouds(folder / "drive", drive(3), truth)


def test_labelled_clouds_in_any_order(tmp_path: Path) -> None:
    """A cloud that has no labels is left out: nobody said that nothing is in it."""
    frames = opened(labelled(tmp_path, 0, 2))
    assert len(frames) == 2
    for index, seed in ((1, 2), (0, 0), (1, 2)):
        frame = frames[index]
        np.testing.assert_array_equal(frame.points, cloud_points(seed=seed))
        np.testing.assert_array_equal(frame.boxes, a_car().boxes)
        assert frame.labels.tolist() == frames.labels(index).tolist() == [1]
        hits = points_in_boxes(torch.from_numpy(frame.points), torch.from_numpy(frame.boxes))
        assert frame.num_points.tolist() == hits.sum(dim=1).tolist() != [0]
    assert frames.name(1) == f"{tmp_path / 'drive'}: stamp {STAMP + 2 * STEP_NS}"


def test_goes_to_another_process(tmp_path: Path) -> None:
    frames = opened(labelled(tmp_path, 1))
    first = frames[0]
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(frames))[0].points, first.points)


def test_clouds_received_at_once_are_told_apart(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("small_recording.STEP_NS", 0)
    clouds = [cloud_message(STAMP + i, cloud_points(seed=i)) for i in range(3)]
    path = write_clouds(tmp_path / "drive", clouds, [(STAMP + i, a_car()) for i in range(3)])
    frames = opened(path)
    for i in (2, 0, 1):
        np.testing.assert_array_equal(frames[i].points, cloud_points(seed=i))


def test_without_labels_all_is_ignored(tmp_path: Path) -> None:
    frames = opened(labelled(tmp_path), labelled=False)
    assert len(frames) == 3
    frame = frames[1]
    np.testing.assert_array_equal(frame.points, cloud_points(seed=1))
    assert frame.labels.tolist() == frames.labels(1).tolist() == [-1]
    assert frame.num_points.tolist() == [len(frame.points)]
    assert (np.abs(frame.boxes[0, :2]) + 200 < frame.boxes[0, 3:5] / 2).all()


def test_topic_and_intensities_are_the_sources(tmp_path: Path) -> None:
    truth = [(STAMP, a_car())]
    path = write_clouds(tmp_path / "drive", drive(1), truth, topics=("/front", "/rear"))
    assert "choose one by" in refused(path)
    frame = opened(path, topic="/rear", intensity_scale=0.5)[0]
    np.testing.assert_allclose(frame.points[:, 3], cloud_points()[:, 3] / 2)


@pytest.mark.parametrize(
    ("box", "name", "expected"),
    [
        ([4, 1, -1, 4, 0, 1.4, 0], "car", "box 0: expected a box of finite numbers whose length"),
        ([4, 1, -1, 4, 2, 1.4, 0], "boat", "class 'boat': expected one of"),
    ],
)
def test_bad_boxes_are_named(tmp_path: Path, box, name: str, expected: str) -> None:
    named = NamedBoxes(np.array([box], np.float32), (name,), np.ones(1, np.float32))
    text = refused(write_clouds(tmp_path / "drive", drive(1), [(STAMP, named)]))
    assert f"/ground_truth: stamp {STAMP}" in text and expected in text


def test_what_cannot_be_used_is_refused(tmp_path: Path, data_dir: Path) -> None:
    assert "labelled: false to use" in refused(labelled(tmp_path))
    assert "found nothing" in refused(tmp_path / "none")
    assert "expected a recording" in refused(tmp_path)
    other = write_clouds(tmp_path / "other", drive(1), [(STAMP + 5, a_car())])
    assert "publish both with the same header" in refused(other)
    packets = data_dir / "recordings" / "nebula_vlp16_packets"
    assert "expected a topic of sensor_msgs/msg/PointCloud2" in refused(packets, labelled=False)


def test_a_real_recording_without_labels(data_dir: Path) -> None:
    path = data_dir / "recordings" / "sick_rms1xxx_lms1xx_movement_off.bag"
    frames = opened(path, labelled=False, topic="/cloud")
    assert len(frames) > 1
    assert frames[len(frames) - 1].points.shape[1] == 4
