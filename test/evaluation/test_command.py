"""``python -m pd_ros.evaluate`` from end to end."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pd_ros.evaluate import main

LINE = "Car 0 0 -1.5 10 20 100 145 1.5 1.6 4.0 2 1.7 {} -1.5708"


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two frames of a car each; the first is found, in the second something else is."""
    labels, detections = tmp_path / "label_2", tmp_path / "results"
    for folder in (labels, detections):
        folder.mkdir()
    for name, place in (("0", 10), ("1", 30)):
        (labels / f"{name}.txt").write_text(LINE.format(10) + "\n")
        (detections / f"{name}.txt").write_text(f"{LINE.format(place)} 0.9\n")
    return labels, detections


def run(labels: Path, detections: Path, *more: object) -> int:
    words = ["--metric", "kitti", "--labels", labels, "--detections", detections, *more]
    return main([str(word) for word in words])


@pytest.mark.parametrize("name", ["synth_small", "mmdet3d_unit"])
def test_reference_sets(data_dir: Path, tmp_path: Path, capsys, name: str) -> None:
    folder, out = data_dir / "reference" / "kitti" / name, tmp_path / "new" / "scores.json"
    picture = tmp_path / "pictures" / "curves.png"
    assert run(folder / "label_2", folder / "det", "--json", out, "--picture", picture) == 0
    expected = json.loads((folder / "expected.json").read_text())["references"]["kitti_cpp_boost"]
    scores = json.loads(out.read_text())
    compared = 0
    for class_name, metrics in expected.items():
        for metric, levels in metrics.items():
            for level, averages in levels.items():
                for average, values in averages.items():
                    if values is None or None in values:
                        continue
                    got = scores[class_name][metric][level][average]
                    np.testing.assert_allclose(got, values, atol=0.01)
                    compared += 1
    assert compared >= 24
    table = capsys.readouterr().out
    moderate = scores["Car"]["3d"]["strict"]["R40"][1]
    (row,) = (line for line in table.splitlines() if line.startswith("Car         3d     strict"))
    assert f"{moderate:.2f}" in row.split()
    assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size > 20_000


def test_two_frames_by_hand(folders: tuple[Path, Path], tmp_path: Path) -> None:
    assert run(*folders, "--json", tmp_path / "scores.json") == 0
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert set(scores) == {"Car", "Pedestrian", "Cyclist"}
    # Both image boxes match: 1 of 40 slots. In 3D one of two does, the other is wrong: slot 0.
    assert scores["Car"]["bbox"]["strict"]["R40"] == pytest.approx([2.5] * 3)
    assert scores["Car"]["3d"]["strict"]["R40"] == [0, 0, 0]
    assert scores["Car"]["3d"]["strict"]["R11"] == pytest.approx([100 * 0.5 / 11] * 3)
    assert scores["Cyclist"]["bev"]["loose"]["R40"] == [0, 0, 0]


def test_nothing_found_is_zero_and_no_error(folders: tuple[Path, Path], tmp_path: Path) -> None:
    for path in folders[1].iterdir():
        path.write_text("")
    assert run(*folders, "--json", tmp_path / "s.json", "--picture", tmp_path / "c.png") == 0
    scores = json.loads((tmp_path / "s.json").read_text())
    assert scores["Car"]["3d"]["strict"] == {"R40": [0, 0, 0], "R11": [0, 0, 0]}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda labels, found: (found / "1.txt").unlink(),
         "expected a result file for each of 2 label files, got none for 1: 1.txt; write"),
        (lambda labels, found: [path.unlink() for path in found.iterdir()],
         "expected result files (*.txt), found none; give the folder"),
        (lambda labels, found: labels.rename(labels.with_name("other")),
         "expected a folder of label files, found no such folder; correct the path"),
        (lambda labels, found: (found / "0.txt").write_text(LINE.format(10)),
         "0.txt:1: expected 16 columns (a label's 15 columns and the score), got 15"),
        (lambda labels, found: (labels / "1.txt").write_bytes(b"\x89PNG\r\n\xff\xfe"),
         "1.txt:1: expected 15 columns"),
    ],
)  # fmt: skip
def test_bad_folders(folders: tuple[Path, Path], tmp_path, capsys, damage, message: str) -> None:
    damage(*folders)
    assert run(*folders, "--json", tmp_path / "scores.json") == 2
    out, err = capsys.readouterr()
    last = err.strip().splitlines()[-1]
    assert out == "" and "Traceback" not in err
    assert last.startswith(f"pd_ros.evaluate: {tmp_path}") and message in last
    assert not (tmp_path / "scores.json").exists()


def test_picture_of_an_unknown_format(folders: tuple[Path, Path], tmp_path: Path, capsys) -> None:
    assert run(*folders, "--picture", tmp_path / "curves.xyz") == 2
    assert "xyz" in capsys.readouterr().err


def test_as_a_command(tmp_path: Path) -> None:
    words = ["--metric", "kitti", "--labels", tmp_path / "none", "--detections", tmp_path]
    command = [sys.executable, "-m", "pd_ros.evaluate", *(str(word) for word in words)]
    bad = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr == (
        f"pd_ros.evaluate: {tmp_path / 'none'}: expected a folder of label files, found no such"
        " folder; correct the path\n"
    )


def test_help_and_unknown_metric(capsys) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    assert "python -m pd_ros.evaluate --metric kitti" in capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        main(["--metric", "guess", "--labels", "a", "--detections", "b"])
    assert end.value.code == 2
