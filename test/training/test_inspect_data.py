"""``python -m training.inspect_data`` on sound data, and on data with every kind of flaw."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from small_kitti import CAR, write_kitti
from small_model import SMALL

from training.datasets.frame import Frame
from training.datasets.survey import frame_problems
from training.inspect_data import main

CARS = [[5, 0, 0, 4, 2, 2, 0], [0, 30, 0, 4, 2, 2, 1.5]]  # with 3 points and 1
OTHERS = [[-5, 0, 0, 1, 1, 2, 0], [9, 9, 0, 1, 1, 1, 0]]  # a pedestrian and a thing, without any
BOXES = np.array([*CARS, *OTHERS], np.float32)
POINTS = np.array([[5, 0, 0, 0], [6, 0, 0, 1], [5, 0.5, 0, 0], [0, 30, 0, 0], [40, 0, 0, 0]])


def write_sweep(path: Path, **changes: object) -> None:
    path.parent.mkdir(exist_ok=True)
    arrays = {
        "points": POINTS.astype(np.float32),
        "boxes": BOXES,
        "cls": np.array([0, 0, 1, -1]),
        "num_points": np.array([3, 1, 0, 0]),
    }
    np.savez(path, **{**arrays, **changes})


def inspect(folder: Path, *more: str, **keys: object) -> tuple[int, dict]:
    (folder / "model.yaml").write_text(yaml.safe_dump(SMALL))
    run = {
        "model": str(folder / "model.yaml"),
        "data": [{"path": str(folder / "sweeps")}],
        "schedule": {"epochs": 1, "frames_per_epoch": 2, "batch_size": 2},
        "out": str(folder / "run"),
        **keys,
    }
    (folder / "run.yaml").write_text(yaml.safe_dump(run))
    out = folder / "found.json"
    arguments = [str(folder / "run.yaml"), "--out", str(folder / "pictures"), "--json", str(out)]
    code = main([*arguments, *more])
    return code, json.loads(out.read_text()) if out.exists() else {}


def test_what_is_there_is_counted_by_hand(tmp_path: Path, capsys) -> None:
    write_sweep(tmp_path / "sweeps/a.npz")
    write_sweep(tmp_path / "sweeps/b.npz")
    code, found = inspect(tmp_path)
    assert code == 0
    source = found["data.0"]
    assert (source["sweeps"], source["inspected"], source["points"]) == (2, 2, 10)
    cars = source["boxes"]["car"]
    assert cars["0 - 20 m"] == {"boxes": 2, "points": 6, "without_points": 0}
    assert cars["20 - 40 m"] == {"boxes": 2, "points": 2, "without_points": 0}
    assert cars["60 -"] == {"boxes": 0, "points": 0, "without_points": 0}
    walkers = source["boxes"]["pedestrian"]["0 - 20 m"]
    assert walkers == {"boxes": 2, "points": 0, "without_points": 2}
    assert source["boxes"]["ignored"]["0 - 20 m"]["boxes"] == 2
    assert source["notes"] == ["2 of 6 boxes hold no points; training ignores them"]
    text = capsys.readouterr().out
    assert f"data.0: {tmp_path}/sweeps (npz): 2 sweeps, 2 inspected, 5 points each" in text
    assert "  car                          2       3.0       2       1.0" in text
    assert Path(source["picture"]).read_bytes().startswith(b"\x89PNG")


def test_flaws_of_all_sources_are_listed_and_the_rest_goes_on(tmp_path: Path, capsys) -> None:
    broken = POINTS.astype(np.float32)
    broken[0, 2] = np.nan
    write_sweep(tmp_path / "sweeps/a.npz", points=broken)
    write_sweep(tmp_path / "sweeps/b.npz", boxes=BOXES * np.array([1, 1, 1, 1, 0, 1, 1], "f4"))
    (tmp_path / "sweeps/c.npz").write_bytes(b"cut")
    kitti = write_kitti(tmp_path / "kitti", {"a": CAR, "b": CAR + "Car 1 2\n"}, POINTS)
    code, found = inspect(
        tmp_path,
        data=[
            {"path": str(tmp_path / "sweeps")},
            {"path": str(tmp_path / "none")},
            {"path": str(kitti), "format": "kitti"},
        ],
    )
    assert code == 1
    first, second, third = (found[f"data.{i}"]["problems"] for i in range(3))
    assert "a.npz: points: expected finite numbers, 1 of 5" in first[0]
    assert "b.npz: box 0: expected a box of finite numbers whose length" in " ".join(first)
    assert "(and 3 more boxes beside it)" in " ".join(first)
    assert "c.npz: expected a labelled sweep" in " ".join(first)
    assert "expected .npz sweeps, found none" in second[0]
    assert any("label_2/b.txt:2: expected 15 columns" in text for text in third)
    assert "1 of 1 hold none; clouds and labels are not in the same frame" in third[-1]
    assert (found["data.0"]["inspected"], found["data.1"]["sweeps"]) == (1, 0)
    assert found["data.1"]["picture"] is None
    assert "cannot be opened" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("points", "boxes", "expected"),
    [
        ([[0, 0, 0, 0.5]], [[1, 1, 1, 1, 1, 1, 1]], []),
        ([], [], ["points: expected some"]),
        ([[0, 0, 0, 200]], [], ["intensity: expected values in [0, 1], got 0 to 200"]),
        ([[0, np.inf, 0, 0]], [], ["1 of 1 points"]),
    ],
)
def test_problems_of_a_sweep(points, boxes, expected: list[str]) -> None:
    frame = Frame(
        np.array(points, np.float32).reshape(-1, 4),
        np.array(boxes, np.float32).reshape(-1, 7),
        np.zeros(len(boxes), np.int64),
        np.zeros(len(boxes), np.int64),
    )
    found = frame_problems(frame, ("intensity",))
    assert len(found) == len(expected)
    assert all(part in text for part, text in zip(expected, found, strict=True))


def test_some_sweeps_only(tmp_path: Path) -> None:
    for name in "abcd":
        write_sweep(tmp_path / f"sweeps/{name}.npz")
    assert inspect(tmp_path, "--frames", "2")[1]["data.0"]["inspected"] == 2
    assert inspect(tmp_path, "--frames", "9")[1]["data.0"]["inspected"] == 4


def test_bad_arguments(tmp_path: Path, caplog, capsys) -> None:
    write_sweep(tmp_path / "sweeps/a.npz")
    assert inspect(tmp_path, "--frames", "0")[0] == 2
    assert main([str(tmp_path / "none.yaml")]) == 2
    assert "--frames: expected 1 or more" in caplog.text and "none.yaml: cannot be" in caplog.text
    with pytest.raises(SystemExit) as exit_code:
        main(["--help"])
    assert exit_code.value.code == 0
    assert "python -m training.inspect_data config/train/" in capsys.readouterr().out
