"""What the simulator records is what a replay reads."""

from pathlib import Path

import numpy as np
import pytest
from small_recording import STAMP, cloud_points

from pd_ros.recordings.bag import TRUTH_TOPIC, open_recording
from pd_ros.recordings.detections import read_detection_array, stamp_ns
from pd_ros.recordings.sources import open_source
from training.simulate.lidar.observe import SimulatedFrame
from training.simulate.recording import write_recording


def frame(stamp: int, count: int) -> SimulatedFrame:
    points = cloud_points(50, seed=count)
    boxes = np.array([[5 + i, -3, 0.5, 4, 2, 1.5, 0.5 * i] for i in range(count)], np.float32)
    return SimulatedFrame(
        points=points,
        ring=np.arange(50, dtype=np.uint16),
        time_s=np.linspace(0, 0.1, 50, dtype=np.float32),
        boxes=boxes.reshape(-1, 7),
        labels=("car", "pedestrian", "van")[:count],
        cls=np.array([0, 1, -1][:count], np.int8),
        num_points=np.full(count, 9, np.int32),
        track_id=np.array([17, 4, 230][:count], np.int32),
        stamp_ns=stamp,
    )


@pytest.mark.parametrize("name", ["drive", "drive.mcap"])
def test_simulated_drive_is_replayed_as_it_was_written(tmp_path: Path, name: str) -> None:
    frames = [frame(STAMP + i, count) for i, count in enumerate((3, 0, 1))]
    path = tmp_path / "new" / name
    write_recording(path, frames)
    sweeps = list(open_source(path, None, 1.0, None, with_truth=True).sweeps())
    for expected, sweep in zip(frames, sweeps, strict=True):
        assert sweep.frame == str(expected.stamp_ns)
        np.testing.assert_array_equal(sweep.points, expected.points)
        assert sweep.truth is not None
        np.testing.assert_allclose(sweep.truth.boxes, expected.boxes, atol=1e-6)
        assert sweep.truth.names == expected.labels
        assert sweep.truth.ids == tuple(str(track) for track in expected.track_id)


def test_every_detection_has_the_header_and_the_score_1(tmp_path: Path) -> None:
    write_recording(tmp_path / "drive", [frame(STAMP, 2)])
    with open_recording(tmp_path / "drive") as recording:
        ((received_ns, message),) = recording.messages(TRUTH_TOPIC)
    assert received_ns == stamp_ns(message.header) == STAMP
    assert {detection.header.frame_id for detection in message.detections} == {"lidar"}
    assert {stamp_ns(detection.header) for detection in message.detections} == {STAMP}
    assert read_detection_array(message).scores.tolist() == [1, 1]


def test_no_recording_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "drive").mkdir()
    with pytest.raises(ValueError, match="expected a new recording, found one"):
        write_recording(tmp_path / "drive", [])
