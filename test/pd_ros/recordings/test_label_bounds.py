"""Labels that no object can have: the same verdict wherever labels are read."""

import math
from pathlib import Path

import numpy as np
import pytest
import yaml
from small_kitti import CAR, write_kitti
from small_model import SMALL
from small_recording import STAMP, a_car, drive, write_clouds

from pd_ros.evaluate_recording.__main__ import main as evaluate_recording
from pd_ros.recordings.cloud_files import read_cloud
from pd_ros.recordings.detections import NamedBoxes
from pd_ros.recordings.sound_boxes import refuse_wrong_labels
from training.config.run import SourceConfig
from training.datasets.source import open_source
from training.inspect_data import main as inspect_data

GOOD = (4.0, 1.0, -1.0, 4.0, 1.8, 1.4, 0.25)
WRONG = {  # column, value, what is said of it
    "long": (3, 400.0, "length: expected 0.01 to 60 m, got 400"),
    "flat": (5, 0.001, "height: expected 0.01 to 30 m, got 0.001"),
    "far": (0, 1e6, "x: expected -1000 to 1000 m, got 1e+06"),
    "degrees": (6, 90.0, "yaw: expected -6.284 to 6.284 rad, got 90"),
    "no yaw": (6, math.nan, "yaw nan"),
}
# Of a line of label_2: its columns, and what differs there from boxes of the lidar.
IN_KITTI = {
    "long": (CAR.replace("1.5 1.6 4 ", "1.5 1.6 400 "), WRONG["long"][2]),
    "flat": (CAR.replace("1.5 1.6 4 ", "0.001 1.6 4 "), WRONG["flat"][2]),
    "far": (CAR.replace("1.7 10 ", "1.7 1e6 "), WRONG["far"][2]),
    "degrees": (CAR.replace("-1.5707963", "-90"), "rotation_y: expected -2 pi to 2 pi rad"),
    "no yaw": (CAR.replace("-1.5707963", "nan"), "expected finite numbers"),
}


def changed(case: str) -> np.ndarray:
    column, value, _ = WRONG[case]
    boxes = np.array([GOOD, GOOD], np.float32)
    boxes[1, column] = value
    return boxes


def labelled(kind: str, case: str, folder: Path) -> tuple[Path, Path, str, str]:
    """Data of which the second label is wrong: as training and as replays take it; where, what."""
    if kind == "kitti":
        line, what = IN_KITTI[case]
        points = np.ones((20, 4), np.float32)
        path = write_kitti(folder / "kitti", {"a": CAR + line}, points)
        clouds = path / "training/velodyne"
        return path, clouds, f"{path}/training/label_2/a.txt:2: ", what
    boxes = changed(case)
    if kind == "npz":
        path = folder / "sweeps"
        path.mkdir()
        arrays = {"points": np.ones((20, 4), np.float32), "boxes": boxes, "cls": [0, 0]}
        np.savez(path / "a.npz", **arrays, num_points=[1, 1])
        return path, path, f"{path}/a.npz: box 1: ", WRONG[case][2]
    named = NamedBoxes(boxes, ("car", "car"), np.ones(2, np.float32))
    path = write_clouds(folder / "drive", drive(2), [(STAMP, named)])
    return path, path, f"{path}: /ground_truth: stamp {STAMP}: box 1: ", WRONG[case][2]


@pytest.mark.parametrize(
    ("kind", "case"),
    [
        (kind, case) for kind in ("kitti", "npz", "recording") for case in WRONG
        if (kind, case) != ("recording", "degrees")  # a quaternion has none
    ],
)  # fmt: skip
def test_wrong_labels_are_refused_alike(kind, case, model_path, tmp_path, capsys) -> None:
    data, clouds, where, what = labelled(kind, case, tmp_path)
    with pytest.raises(ValueError, match="expected") as refused:
        open_source(SourceConfig(path=str(data), format=kind), ["car"], ["intensity"])[0]
    assert where in str(refused.value) and what in str(refused.value)

    (tmp_path / "model.yaml").write_text(yaml.safe_dump(SMALL))
    run = {
        "model": str(tmp_path / "model.yaml"), "data": [{"path": str(data), "format": kind}],
        "schedule": {"epochs": 1, "frames_per_epoch": 2, "batch_size": 2}, "out": str(tmp_path),
    }  # fmt: skip
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(run))
    assert inspect_data([str(tmp_path / "run.yaml"), "--out", str(tmp_path / "seen")]) == 1
    said = capsys.readouterr().out
    assert where in said and what in said

    arguments = [clouds, "--model", model_path, "--out", tmp_path / "out"]
    assert evaluate_recording([str(each) for each in arguments]) == 2
    said = capsys.readouterr().err
    assert where in said and what in said


def test_trams_and_trains_and_what_is_far_away_are_labels() -> None:
    boxes = np.array([GOOD, (950, -950, 40, 60, 3, 5, -3.1), (5, 5, 0, 0.2, 0.2, 0.3, 6.28)])
    refuse_wrong_labels(boxes.astype(np.float32), str)
    refuse_wrong_labels(np.zeros((0, 7), np.float32), str)


def test_boxes_of_sweeps_that_nobody_labelled_are_not_looked_at(tmp_path) -> None:
    arrays = {"points": np.ones((20, 4), np.float32), "boxes": changed("long"), "cls": [0, 0]}
    for labelled in (False, True):
        folder = tmp_path / str(labelled)
        folder.mkdir()
        np.savez(folder / "a.npz", **arrays, num_points=[1, 1], labelled=labelled)
    assert read_cloud(tmp_path / "False/a.npz", 1.0).truth is None
    for labelled in (False, True):
        source = SourceConfig(path=str(tmp_path / str(labelled)), labelled=False)
        assert not open_source(source, ["car"], ["intensity"])[0].labelled


def test_how_many_more_are_wrong_is_said() -> None:
    boxes = np.array([GOOD] * 4, np.float32)
    boxes[1:, 0] = 4e5
    with pytest.raises(ValueError, match=r"1: x: .* got 400000 \(and 2 more boxes beside it\)"):
        refuse_wrong_labels(boxes, str)
    assert a_car().boxes.shape == (1, 7)
