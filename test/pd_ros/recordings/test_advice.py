"""Recordings as people have them: read, or refused with the advice that helps, by the commands."""

import struct
from pathlib import Path

import numpy as np
import pytest
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from small_bag import write_bag
from small_mcap import write_mcap
from small_recording import STAMP, STEP_NS, STORE, cloud_points, drive, write_clouds

from pd_ros.inspect_cloud.inspection import inspect
from pd_ros.pointcloud.decode import decode_points
from pd_ros.pointcloud.layout import cloud_layout
from pd_ros.recordings.bag import POINT_CLOUD, open_recording
from pd_ros.replay.__main__ import main

DEFINITION, _ = STORE.generate_msgdef(POINT_CLOUD)
CLOUDS = [
    (STAMP + i * STEP_NS, bytes(STORE.serialize_cdr(message, POINT_CLOUD)))
    for i, message in enumerate(drive(3))
]


def refusal(capsys, path: Path, model: Path, out: Path) -> str:
    """What both commands say of a recording that they refuse."""
    assert inspect([str(path)]) == 2
    said = capsys.readouterr().err.removeprefix("pd_ros.inspect_cloud: ")
    assert main(["--model", str(model), "--points", str(path), "--out", str(out)]) == 2
    err = capsys.readouterr().err.strip().splitlines()[-1]
    assert err.removeprefix("pd_ros.replay: ").split("; ")[1:] == said.strip().split("; ")[1:]
    assert "copy it again" not in said
    return said


@pytest.mark.parametrize("profile", ["", "ros2", "some-recorder-7"])
def test_a_profile_that_says_nothing_hides_no_messages(tmp_path: Path, profile: str) -> None:
    path = write_mcap(tmp_path / "a.mcap", CLOUDS, "/top", POINT_CLOUD, DEFINITION, profile)
    with open_recording(path) as recording:
        assert recording.topics == {"/top": POINT_CLOUD}
        assert recording.cloud_topic() == "/top" and recording.count("/top") == 3
        for seed, (_, message) in enumerate(recording.messages("/top")):
            points = decode_points(cloud_layout(message), message.data)
            np.testing.assert_array_equal(points, cloud_points(seed=seed))
        assert [bytes(raw.cdr) for raw in recording.raw_messages()] == [data for _, data in CLOUDS]


def test_a_folder_with_such_a_file_is_read_too(tmp_path: Path) -> None:
    folder = write_clouds(tmp_path / "drive", drive(3))
    write_mcap(folder / "drive.mcap", CLOUDS, "/points", POINT_CLOUD, DEFINITION)
    with open_recording(folder) as recording:
        assert len(list(recording.messages("/points"))) == 3


@pytest.mark.parametrize("profile", ["ros1", ""])
def test_ros1_messages_in_an_mcap(profile, tmp_path, model_path, capsys) -> None:
    path = write_mcap(
        tmp_path / "a.mcap", CLOUDS, "/top", POINT_CLOUD, DEFINITION, profile, "ros1msg", "ros1"
    )
    said = refusal(capsys, path, model_path, tmp_path / "out")
    assert said.startswith(f"{path}: expected messages of ROS 2, got an .mcap of ROS 1; give the")


def test_messages_of_other_encodings_in_an_mcap(tmp_path, model_path, capsys) -> None:
    for schema, encoding in (("protobuf", "protobuf"), ("ros2msg", "json"), ("own", "own")):
        path = tmp_path / f"{encoding}.mcap"
        write_mcap(path, CLOUDS, "/top", POINT_CLOUD, DEFINITION, "", schema, encoding)
        said = refusal(capsys, path, model_path, tmp_path / "out")
        assert f"got some of {encoding}" in said and "mcap filter" in said


def test_a_definition_that_is_not_there(tmp_path, model_path, capsys) -> None:
    path = tmp_path / "a.mcap"
    write_mcap(path, CLOUDS, "/top", POINT_CLOUD, "std_msgs/Header header\n")
    said = refusal(capsys, path, model_path, tmp_path / "out")
    assert "expected the definitions of all messages, got none of 'std_msgs/msg/Header'" in said


@pytest.mark.parametrize("storage", [StoragePlugin.SQLITE3, StoragePlugin.MCAP])
def test_a_file_of_compressed_messages_without_its_folder(
    storage, tmp_path, model_path, capsys
) -> None:
    writer = Writer(tmp_path / "drive", version=9, storage_plugin=storage)
    writer.set_compression(CompressionMode.MESSAGE, CompressionFormat.ZSTD)
    with writer:
        connection = writer.add_connection("/points", POINT_CLOUD, typestore=STORE)
        for time_ns, data in CLOUDS:
            writer.write(connection, time_ns, data)
    (file,) = (path for path in (tmp_path / "drive").iterdir() if path.suffix != ".yaml")
    said = refusal(capsys, file, model_path, tmp_path / "out")
    assert said.startswith(f"{file}: /points: expected plain messages, got ones compressed")
    assert "give the folder" in said
    with open_recording(tmp_path / "drive") as recording:
        assert len(list(recording.messages("/points"))) == 3
    with open_recording(file) as recording, pytest.raises(ValueError, match="give the folder"):
        next(recording.raw_messages())


def test_a_compressed_file_without_its_folder(tmp_path, model_path, capsys) -> None:
    for name in ("drive_0.db3.zstd", "drive_0.mcap.zstd"):
        (tmp_path / name).write_bytes(b"\x28\xb5\x2f\xfd")
        said = refusal(capsys, tmp_path / name, model_path, tmp_path / "out")
        assert "give the folder with metadata.yaml that it belongs to" in said


def test_a_ros1_bag_without_its_index(tmp_path, model_path, capsys) -> None:
    path = write_bag(tmp_path / "drive.bag")
    with open_recording(path) as recording:
        assert recording.count("/points") == 3
    content = path.read_bytes()
    place = content.index(b"index_pos=") + len(b"index_pos=")
    content = content[:place] + struct.pack("<Q", 0) + content[place + 8 :]
    for name in ("drive.bag", "drive.bag.active"):
        (tmp_path / name).write_bytes(content)
        said = refusal(capsys, tmp_path / name, model_path, tmp_path / "out")
        assert "got one that was not closed by its recorder" in said and "rosbag reindex" in said


def test_a_database_whose_last_messages_are_in_its_log(tmp_path, model_path, capsys) -> None:
    folder = write_clouds(tmp_path / "drive", drive(3), storage=StoragePlugin.SQLITE3)
    (file,) = folder.glob("*.db3")
    file.with_name(f"{file.name}-wal").write_bytes(b"x")
    for path in (file, folder):
        said = refusal(capsys, path, model_path, tmp_path / "out")
        assert f"still in {file.name}-wal" in said and "wal_checkpoint" in said


def test_an_empty_topic_is_said_to_be_empty(tmp_path, model_path, capsys) -> None:
    path = write_clouds(tmp_path / "drive", [])
    said = refusal(capsys, path, model_path, tmp_path / "out")
    assert said == (
        f"{path}: /points: expected clouds, the topic is empty; choose another recording\n"
    )
    with Writer(tmp_path / "two", version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        writer.add_connection("/front", POINT_CLOUD, typestore=STORE)
        rear = writer.add_connection("/rear", POINT_CLOUD, typestore=STORE)
        writer.write(rear, *CLOUDS[0])
    assert inspect([str(tmp_path / "two"), "--topic", "/front"]) == 2
    assert "the topic is empty; choose /rear by --topic" in capsys.readouterr().err
