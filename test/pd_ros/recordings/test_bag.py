"""Recordings and the boxes in them: written and read back, foreign and damaged ones."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rosbags.rosbag2 import StoragePlugin
from small_recording import STAMP, STORE, a_car, cloud_points, drive, write_clouds

from pd_ros.pointcloud.decode import NULL_M, decode_points
from pd_ros.pointcloud.layout import cloud_layout
from pd_ros.recordings.bag import DETECTIONS, open_recording
from pd_ros.recordings.detections import (
    NamedBoxes,
    detection_array,
    message_header,
    read_detection_array,
    stamp_ns,
    write_detections,
)

# As rosidl generates it for vision_msgs 4.1; a subscriber with another hash is never connected.
DETECTIONS_HASH = "RIHS01_793f5eab9595ac1c0da07873cc859db42eae51f0ee76056db8562515d830e018"


def boxes(*yaws: float, ids: tuple[str, ...] = ()) -> NamedBoxes:
    rows = np.array([[1 + i, -2, 0.5, 4, 2, 1.5, yaw] for i, yaw in enumerate(yaws)], np.float32)
    names = tuple(f"class{i}" for i in range(len(yaws)))
    scores = np.linspace(0.25, 0.75, len(yaws)).astype(np.float32)
    return NamedBoxes(rows.reshape(-1, 7), names, scores, ids)


def assert_same(got: NamedBoxes, expected: NamedBoxes) -> None:
    np.testing.assert_allclose(got.boxes, expected.boxes, atol=1e-6)
    np.testing.assert_array_equal(got.scores, expected.scores)
    assert (got.names, got.ids) == (expected.names, expected.ids)


def test_type_hash_is_that_of_ros() -> None:
    assert STORE.hash_rihs01(DETECTIONS) == DETECTIONS_HASH


def test_detections_written_and_read(tmp_path: Path) -> None:
    frames = [
        (STAMP, boxes(0.0, -1.0, 3.1, -3.14)),
        (STAMP + 7, NamedBoxes.empty()),
        (STAMP + 2_000_000_000, boxes(0.5, 1.5, ids=("7", "8"))),
    ]
    write_detections(tmp_path / "new" / "boxes", frames, topic="/found", frame_id="top")
    with open_recording(tmp_path / "new" / "boxes") as recording:
        assert recording.topics == {"/found": DETECTIONS}
        read = list(recording.messages("/found"))
        raw = list(recording.raw_messages())
    assert [message.received_ns for message in read] == [stamp for stamp, _ in frames]
    for (stamp, expected), message in zip(frames, read, strict=True):
        assert stamp_ns(message.message.header) == stamp
        assert message.message.header.frame_id == "top"
        assert_same(read_detection_array(message.message), expected)
    again = STORE.deserialize_cdr(raw[2].cdr, raw[2].type_name)
    assert_same(read_detection_array(again), frames[2][1])
    with pytest.raises(ValueError, match="expected a new folder"):
        write_detections(tmp_path / "new" / "boxes", [])


@given(st.floats(-math.pi, math.pi, exclude_max=True), st.floats(-0.3, 0.3))
@example(math.pi - 1e-12, 0.0)
@example(-math.pi, 0.0)
def test_yaw_survives_in_its_range_and_does_not_feel_roll(yaw: float, roll: float) -> None:
    message = detection_array(STORE, STAMP, boxes(yaw), "lidar")
    turn = message.detections[0].bbox.center.orientation
    z, w, s, c = turn.z, turn.w, math.sin(roll / 2), math.cos(roll / 2)
    turn.x, turn.y, turn.z, turn.w = w * s, z * s, z * c, w * c  # about z after about x
    got = float(read_detection_array(message).boxes[0, 6])
    assert -math.pi <= got < np.float32(math.pi)
    assert math.cos(got - yaw) == pytest.approx(1, abs=1e-9)


def test_best_hypothesis_counts_and_none_is_a_box_without_name() -> None:
    message = detection_array(STORE, STAMP, boxes(0.0, 0.0), "lidar")
    first, second = message.detections
    first.results = [*first.results, *detection_array(STORE, 0, boxes(0.0, 0.0), "").detections[
        1].results]  # fmt: skip
    second.results = []
    read = read_detection_array(message)
    assert read.names == ("class1", "")
    assert read.scores.tolist() == [0.75, 1.0]


def test_header_of_a_stamp() -> None:
    for stamp in (0, 999_999_999, STAMP):
        assert stamp_ns(message_header(STORE, stamp, "lidar")) == stamp


@pytest.mark.parametrize("storage", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_clouds_of_a_folder_and_of_its_file(tmp_path: Path, storage: StoragePlugin) -> None:
    folder = write_clouds(tmp_path / "drive", drive(3), storage=storage)
    (file,) = (path for path in folder.iterdir() if path.suffix != ".yaml")
    for path in (folder, file):
        with open_recording(path) as recording:
            assert recording.cloud_topic() == "/points"
            assert (recording.count("/points"), recording.count("/nothing")) == (3, 0)
            assert list(recording.messages("/nothing")) == []
            read = [message for _, message in recording.messages("/points")]
        for seed, message in enumerate(read):
            points = decode_points(cloud_layout(message), message.data)
            np.testing.assert_array_equal(points, cloud_points(seed=seed))


def test_choice_of_the_topic(tmp_path: Path) -> None:
    path = write_clouds(tmp_path / "two", drive(1), [(STAMP, a_car())], topics=("/front", "/rear"))
    with open_recording(path) as recording:
        assert recording.cloud_topic("/rear") == "/rear"
        with pytest.raises(ValueError, match="got /front, /rear; choose one by --topic"):
            recording.cloud_topic()
        with pytest.raises(ValueError, match=r"/top: expected .* choose /front or /rear by"):
            recording.cloud_topic("/top")
        with pytest.raises(ValueError, match=r"/ground_truth: expected a topic of sensor_msgs"):
            recording.cloud_topic("/ground_truth")


def test_real_recording_of_packets_has_no_clouds(data_dir: Path) -> None:
    with open_recording(data_dir / "recordings" / "nebula_vlp16_packets") as recording:
        for asked in (None, "/velodyne_points"):
            with pytest.raises(ValueError, match=r"has /velodyne_packets \(velodyne_msgs.*driver"):
                recording.cloud_topic(asked)
        # A replay of raw messages never looks inside.
        assert len(list(recording.raw_messages())) == recording.count("/velodyne_packets") > 0


def test_real_ros1_recording(data_dir: Path) -> None:
    (path,) = (data_dir / "recordings").glob("*.bag")
    with open_recording(path) as recording:
        with pytest.raises(ValueError, match="/cloud, /cloud_radar_rawtarget, /cloud_radar_track"):
            recording.cloud_topic()
        clouds = [message for _, message in recording.messages("/cloud")]
        assert len(clouds) == recording.count("/cloud") > 0
        for message in clouds:
            points = decode_points(cloud_layout(message), message.data)
            raw = np.frombuffer(message.data, "<f4").reshape(-1, 4)
            assert len(raw) == 541
            null = (np.abs(raw[:, :3]) < NULL_M).all(axis=1)  # echoes that never came back
            np.testing.assert_array_equal(points, raw[np.isfinite(raw[:, :3]).all(axis=1) & ~null])
        with pytest.raises(ValueError, match="got one of ROS 1"):
            next(recording.raw_messages())


@pytest.mark.parametrize("storage", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
@pytest.mark.parametrize("keep", [0.0, 0.02, 0.3, 0.7, 0.999])
def test_cut_recordings(tmp_path: Path, storage: StoragePlugin, keep: float) -> None:
    folder = write_clouds(tmp_path / "drive", drive(3), storage=storage)
    (file,) = (path for path in folder.iterdir() if path.suffix != ".yaml")
    content = file.read_bytes()
    file.write_bytes(content[: int(keep * len(content))])
    for path in (folder, file):
        with pytest.raises(ValueError, match="expected a whole recording") as error:
            read_all(path)
        assert str(error.value).startswith(str(path))


@pytest.mark.parametrize("storage", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_damage_inside_gives_clouds_or_one_clear_error(
    tmp_path: Path, storage: StoragePlugin
) -> None:
    folder = write_clouds(tmp_path / "drive", drive(2), storage=storage)
    (file,) = (path for path in folder.iterdir() if path.suffix != ".yaml")
    content = file.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(60):
        damaged = bytearray(content)
        start = int(rng.integers(len(content)))
        damaged[start : start + 64] = rng.bytes(len(damaged[start : start + 64]))
        file.write_bytes(damaged)
        try:
            read_all(file)
        except ValueError as error:
            assert str(error).startswith(str(file))
            refused += 1
    assert refused > 0


def read_all(path: Path) -> None:
    with open_recording(path) as recording:
        for topic in recording.topics:
            assert list(recording.messages(topic))


@pytest.mark.parametrize("name", ["drive.mcap", "drive.db3", "drive.bag", "drive/metadata.yaml"])
@pytest.mark.parametrize("content", [b"", b"hello", bytes(5000)])
def test_files_of_another_kind(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(content)
    path = tmp_path / Path(name).parts[0]
    with pytest.raises(ValueError, match="expected a whole recording"):
        open_recording(path)


def test_nothing_there_and_no_recording(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="found no such file or folder"):
        open_recording(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"expected a recording: a folder with metadata\.yaml"):
        open_recording(tmp_path)
