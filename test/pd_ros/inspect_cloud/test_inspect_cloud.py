"""The command that says why there are no boxes."""

import json
import re

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin
from small_recording import STORE, cloud_message, write_clouds
from street import street

from pd_ros.detection.checkpoint import load_checkpoint
from pd_ros.detection.shipped import find_checkpoint
from pd_ros.inspect_cloud.inspection import inspect
from pd_ros.pointcloud.training_statistics import expected_clouds
from pd_ros.recordings.detections import message_header


@pytest.fixture
def street_file(tmp_path):
    path = tmp_path / "street.bin"
    path.write_bytes(np.concatenate([street(seed=i) for i in range(4)]).tobytes())
    return path


def test_a_good_cloud_has_exit_code_0_and_json(street_file, tmp_path, capsys) -> None:
    out = tmp_path / "new" / "findings.json"
    assert inspect([str(street_file), "--intensity-scale", "0.6", "--json", str(out)]) == 0
    content = json.loads(out.read_text())
    assert (content["level"], content["training recorded"]) == ("OK", True)
    assert [row["name"] for row in content["findings"]][:2] == ["layout", "unusable points"]
    text = capsys.readouterr().out
    assert "expectation: recorded in training" in text
    assert "ground height (m): -1.7" in text


def test_a_checkpoint_without_a_record_says_so(street_file, checkpoint, capsys) -> None:
    inspect([str(street_file), "--model", str(checkpoint)])
    assert "not recorded in this checkpoint" in capsys.readouterr().out


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".pcd.bin"])
def test_other_kinds_of_files(tmp_path, suffix, capsys) -> None:
    points = np.concatenate([street(ground_m=-0.5, seed=i) for i in range(4)])
    path = tmp_path / f"a{suffix}"
    if suffix == ".npy":
        np.save(path, points)
    elif suffix == ".npz":
        np.savez(path, points=points)
    else:
        points[:, 3] *= 255
        path.write_bytes(np.column_stack((points, np.zeros(len(points)))).astype("<f4").tobytes())
    assert inspect([str(path)]) == 1
    text = capsys.readouterr().out
    expected, _ = expected_clouds(load_checkpoint(find_checkpoint("sim_student")).training)
    assert expected.ground_m is not None
    offset = re.search(r"set input\.z_offset to (-1\.\d\d)", text)
    assert offset  # to where training's ground was
    assert float(offset[1]) == pytest.approx(expected.ground_m[1] + 0.5, abs=0.05)
    assert ("set input.intensity.scale to 0.00392" in text) == (suffix == ".pcd.bin")


@pytest.mark.parametrize("storage", list(StoragePlugin))
def test_a_recording(tmp_path, storage, capsys) -> None:
    clouds = [cloud_message(i, street()[: 500 * (i + 1)]) for i in range(3)]
    path = write_clouds(tmp_path / "bag", clouds, storage=storage)
    file = next(path.glob("*.mcap" if storage is StoragePlugin.MCAP else "*.db3"))
    for source, number, points in ((path, "1", 1000), (file, "2", 1500)):
        assert inspect([str(source), "--topic", "/points", "--cloud", number]) == 1
        text = capsys.readouterr().out
        assert f"/points #{number}" in text
        assert f" of {points}" in text


@pytest.mark.parametrize("frame", ["camera_optical_frame", "lidar"])
def test_a_recording_in_the_frame_of_a_camera_is_remarked_on(tmp_path, capsys, frame) -> None:
    header = message_header(STORE, 1, frame)
    path = write_clouds(tmp_path / "bag", [cloud_message(1, street(), header=header)])
    assert inspect([str(path)]) in (0, 1)
    text = "WARN  frame: camera_optical_frame"
    assert (text in capsys.readouterr().out) == ("optical" in frame)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no/such"], "expected a cloud, a folder or a recording, found nothing"),
        (["setup.py"], "got a file of .py"),
        (["{file}", "--topic", "/a"], "--topic: expected none for files"),
        (["{file}", "--cloud", "1"], "--cloud: expected 0 to 0, got 1"),
        (["{file}", "--model", "no.safetensors"], "no such checkpoint"),
    ],
)
def test_what_cannot_be_inspected_has_one_line_and_exit_code_2(
    street_file, arguments, message, capsys
) -> None:
    assert inspect([argument.format(file=street_file) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_damaged_array_is_refused(tmp_path, capsys) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(b"nothing")
    assert inspect([str(path)]) == 2
    np.save(path, np.zeros((3, 9)))
    assert inspect([str(path)]) == 2
    assert "expected numbers [N, 3 to 5]" in capsys.readouterr().err


def test_nothing_to_inspect_is_a_mistake_of_usage(capsys) -> None:
    with pytest.raises(SystemExit) as error:
        inspect([])
    assert error.value.code == 2
    assert "expected a file, a folder, a recording or --topic" in capsys.readouterr().err


def test_real_recordings(data_dir, capsys) -> None:
    folder = data_dir / "recordings"
    scan = folder / "sick_rms1xxx_lms1xx_movement_off.bag"
    assert inspect([str(scan), "--topic", "/cloud"]) == 1
    assert capsys.readouterr().out.rstrip().split("\n")[-1].endswith("(-r points:=TOPIC)")
    assert inspect([str(folder / "nebula_vlp16_packets")]) == 2
    assert "packets of a sensor have to be converted" in capsys.readouterr().err
