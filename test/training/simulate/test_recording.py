from pathlib import Path

import numpy as np
import pytest
from rosbags.highlevel import AnyReader

from pd_ros.recordings.detections import read_detection_array
from pd_ros.recordings.typestore import jazzy_typestore
from training.simulate.recording import write_recording

POINTS, TRUTH = "/points", "/ground_truth"
LAYOUT = np.dtype("<f4,<f4,<f4,<f4,<u2,<f4")  # packed: 22 bytes


def read(path: Path):
    """Recorded times and messages by topic."""
    found: dict[str, list] = {POINTS: [], TRUTH: []}
    with AnyReader([path], default_typestore=jazzy_typestore()) as reader:
        for connection, stamp, data in reader.messages():
            message = reader.deserialize(data, connection.msgtype)
            found[connection.topic].append((stamp, message))
    return found


def header_ns(message) -> int:
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec


@pytest.fixture(scope="module")
def recorded(drive, tmp_path_factory):
    path = tmp_path_factory.mktemp("recording") / "drive.mcap"
    write_recording(path, drive[:4])
    return read(path)


def test_clouds_have_all_fields_and_equal_points(drive, recorded) -> None:
    assert len(recorded[POINTS]) == 4
    for frame, (_, cloud) in zip(drive, recorded[POINTS], strict=False):
        fields = [(f.name, f.offset, f.datatype, f.count) for f in cloud.fields]
        floats = [(name, 4 * i, 7, 1) for i, name in enumerate(("x", "y", "z", "intensity"))]
        assert fields == [*floats, ("ring", 16, 4, 1), ("time", 18, 7, 1)]
        assert (cloud.height, cloud.width, cloud.point_step) == (1, len(frame.points), 22)
        assert cloud.row_step == len(cloud.data) == 22 * len(frame.points)
        assert cloud.is_dense and not cloud.is_bigendian
        rows = cloud.data.view(LAYOUT)
        for column, name in enumerate(("f0", "f1", "f2", "f3")):
            np.testing.assert_array_equal(rows[name], frame.points[:, column])
        np.testing.assert_array_equal(rows["f4"], frame.ring)
        np.testing.assert_array_equal(rows["f5"], frame.time_s)


def test_truth_is_equal_and_tracked(drive, recorded) -> None:
    for frame, (_, message) in zip(drive, recorded[TRUTH], strict=False):
        truth = read_detection_array(message)
        np.testing.assert_array_equal(truth.boxes[:, :6], frame.boxes[:, :6])
        np.testing.assert_allclose(truth.boxes[:, 6], frame.boxes[:, 6], atol=1e-6)
        assert truth.names == frame.labels
        assert (truth.scores == 1).all()
        assert [d.id for d in message.detections] == [str(t) for t in frame.track_id]


def test_stamps_and_frames_of_both_topics_are_equal(drive, recorded) -> None:
    expected = [frame.stamp_ns for frame in drive[:4]]
    for topic in (POINTS, TRUTH):
        assert [stamp for stamp, _ in recorded[topic]] == expected
        assert [header_ns(message) for _, message in recorded[topic]] == expected
        assert {message.header.frame_id for _, message in recorded[topic]} == {"lidar"}


def test_a_name_without_mcap_gives_a_folder(tmp_path, drive) -> None:
    path = tmp_path / "new" / "drive"
    write_recording(path, drive[:1])
    assert sorted(p.name for p in path.iterdir()) == ["drive.mcap", "metadata.yaml"]
    assert len(read(path)[POINTS]) == 1
    assert list(path.parent.iterdir()) == [path]


def test_what_is_there_is_refused_and_stays(tmp_path, drive) -> None:
    path = tmp_path / "drive.mcap"
    path.write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"drive\.mcap: expected a new recording"):
        write_recording(path, drive[:1])
    assert path.read_bytes() == b"mine"


def test_a_drive_that_breaks_off_leaves_nothing(tmp_path, drive) -> None:
    def broken():
        yield drive[0]
        raise RuntimeError("ended")

    with pytest.raises(RuntimeError, match="ended"):
        write_recording(tmp_path / "drive.mcap", broken())
    assert list(tmp_path.iterdir()) == []
