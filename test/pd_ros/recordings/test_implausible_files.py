"""Files whose numbers are no coordinates, whatever kind they are of; and advice that fits them."""

import logging

import numpy as np
import pytest
from small_bag import write_bag
from small_kitti import CAR, write_kitti
from small_recording import cloud_points, drive, write_clouds

from pd_ros.recordings.bag import open_recording
from pd_ros.recordings.cloud_files import read_cloud
from pd_ros.replay.__main__ import main as replay
from training.config.run import SourceConfig
from training.datasets.source import open_source
from training.profile.__main__ import main as profile

PCD = """VERSION .7
FIELDS x y z intensity
SIZE 4 4 4 4
TYPE F F F F
COUNT 1 1 1 1
WIDTH {count}
HEIGHT 1
VIEWPOINT 0 0 0 1 0 0 0
POINTS {count}
DATA binary
"""


def write(path, points) -> None:
    if path.suffix == ".pcd":
        head = PCD.format(count=len(points)).encode()
        path.write_bytes(head + points.astype("<f4").tobytes())
    elif path.suffix == ".npz":
        np.savez(path, points=points)
    elif path.suffix == ".npy":
        np.save(path, points)
    else:
        path.write_bytes(points.astype("<f4").tobytes())


@pytest.mark.parametrize("suffix", [".bin", ".pcd", ".npz", ".npy"])
def test_coordinates_that_cannot_be_are_refused_in_files_of_all_kinds(
    suffix, model_path, tmp_path, capsys
) -> None:
    path = tmp_path / f"cloud{suffix}"
    points = cloud_points()
    write(path, points)
    np.testing.assert_array_equal(read_cloud(path, 1.0).points, points)
    points[:, :3] *= 1e20
    write(path, points)
    arguments = ["--points", path, "--model", model_path, "--out", tmp_path / "out"]
    assert replay([str(each) for each in arguments]) == 2
    said = capsys.readouterr().err
    assert f"{path}: expected coordinates of up to 1e+06 m" in said and "of another kind" in said


def six_columns(count=3000):
    points = np.zeros((count, 6), np.float32)
    along = np.linspace(0, 40, count)
    points[:, 0], points[:, 1] = 20 * np.cos(along), 20 * np.sin(along)
    points[:, 2], points[:, 3] = -1.7, 0.3
    points[:, 4], points[:, 5] = np.arange(count) % 64, 100 + along / 100
    return points


def test_the_advice_for_other_columns_works_in_every_command(tmp_path, caplog) -> None:
    points = six_columns()
    path = write_kitti(tmp_path, {"a": CAR}, points)
    cloud = path / "training/velodyne/a.bin"
    with pytest.raises(ValueError, match=r"columns 6 as it seems: say so \(--columns 6\), or wr"):
        open_source(SourceConfig(path=str(path), format="kitti"), ["car"])[0]
    run = ["--models", "config/model/center_pillar_student.yaml", "--sweep", str(cloud)]
    with caplog.at_level(logging.ERROR):
        assert profile(run) == 2
    assert "--columns 6" in caplog.text
    assert profile([*run, "--columns", "6", "--repeats", "1", "--device", "cpu"]) == 0
    # what the message says to type where there is no such option
    np.fromfile(cloud, "f4").reshape(-1, 6)[:, :4].astype("f4").tofile(cloud)
    frame = open_source(SourceConfig(path=str(path), format="kitti"), ["car"])[0]
    assert len(frame.points)


def test_a_cut_recording_gets_the_advice_of_its_kind(tmp_path) -> None:
    bag = write_bag(tmp_path / "drive.bag")
    bag.write_bytes(bag.read_bytes()[:-200])
    with pytest.raises(ValueError, match="rosbag reindex") as refused, open_recording(bag) as cut:
        list(cut.messages("/points"))
    assert "mcap" not in str(refused.value)
    folder = write_clouds(tmp_path / "drive", drive(2))
    (file,) = folder.glob("*.mcap")
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(ValueError, match=rf"repair it: mcap recover {file}"):
        open_recording(file)


def test_metadata_in_utf_16_is_said(tmp_path) -> None:
    folder = write_clouds(tmp_path / "drive", drive(2))
    place = folder / "metadata.yaml"
    text = place.read_text()
    place.write_bytes(text.encode("utf-16"))
    with pytest.raises(ValueError, match=r"metadata.yaml: expected text in UTF-8, .*save it as"):
        open_recording(folder)
    for good in (text.encode("utf-8-sig"), text.replace("\n", "\r\n").encode()):
        place.write_bytes(good)
        with open_recording(folder) as recording:
            assert recording.count("/points") == 2
