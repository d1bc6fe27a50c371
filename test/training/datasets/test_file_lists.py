"""Sweeps named by lists, and the drives that they are of."""

import json
from pathlib import Path

import numpy as np
import pytest

from training.batches.loader import TrainingFrames
from training.config.run import SourceConfig, TrainConfig
from training.datasets.file_lists import drives_of, listed_files
from training.datasets.source import open_source

FILES = ("a/1.npz", "a/2.npz", "b/1.npz")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, name in enumerate(FILES):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        np.savez(
            path,
            points=np.full((6, 4), number, np.float32),
            boxes=np.array([[number, 0, 0, 4, 2, 1.5, 0]], np.float32),
            cls=np.array([0], np.int8),
            num_points=np.array([6], np.int32),
            **({"labelled": np.array(False)} if name == "b/1.npz" else {}),
        )
    (tmp_path / "splits.json").write_text(
        json.dumps({"train": list(FILES[::-1]), "one": ["a/2.npz"], "none": [], "odd": 3})
    )
    rows = [{"file": name, "drive": name[0], "more": 1} for name in FILES]
    (tmp_path / "drives.json").write_text(json.dumps({"files": rows}))
    return tmp_path


def test_a_list_chooses_and_orders(folder: Path) -> None:
    names = [path.relative_to(folder).as_posix() for path in listed(folder, "train")]
    assert names == ["b/1.npz", "a/2.npz", "a/1.npz"]
    assert [path.name for path in listed(folder, "train", "b/*")] == ["1.npz"]
    assert listed(folder, "one") == [folder / "a/2.npz"]


def listed(folder: Path, key: str, only: str | None = None) -> list[Path]:
    return listed_files(folder, f"splits.json#{key}", only)


@pytest.mark.parametrize(
    ("name", "only", "message"),
    [
        ("splits.json#dev", None, "splits.json#dev: expected a list of this name, got train, one"),
        ("splits.json", None, "splits.json#: expected a list of this name"),
        ("splits.json#odd", None, "expected a list of paths"),
        ("splits.json#train", "c/*", "expected sweeps that fit c/\\*, got none of 3"),
        ("splits.json#none", None, "got none of 0"),
        ("nothing.json#train", None, "nothing.json: expected a JSON file"),
        ("a/1.npz#train", None, "1.npz: expected a JSON file"),
    ],
)
def test_what_is_no_list_is_named(folder: Path, name: str, only: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        listed_files(folder, name, only)


def test_files_that_are_not_there_or_outside(folder: Path) -> None:
    (folder / "more.json").write_text(json.dumps({"a": ["a/9.npz"], "b": ["../x.npz"]}))
    with pytest.raises(ValueError, match=r"1 are not there: .*a/9.npz"):
        listed_files(folder, "more.json#a", None)
    with pytest.raises(ValueError, match=r"expected paths inside the folder, got \.\./x\.npz"):
        listed_files(folder, "more.json#b", None)


def test_drives(folder: Path) -> None:
    names = [str(folder / name) for name in FILES]
    assert drives_of(folder, "drives.json", names) == ["a", "a", "b"]
    with pytest.raises(ValueError, match=r"1 have none, as c\.npz"):
        drives_of(folder, "drives.json", [*names, str(folder / "c.npz")])
    with pytest.raises(ValueError, match=r"splits\.json: expected"):
        drives_of(folder, "splits.json", names)


def test_what_a_file_or_its_source_calls_unlabelled(folder: Path) -> None:
    """The last file says so itself; the source may say it of all."""
    said = open_source(source(folder, files="splits.json#train"), ("car",))
    assert [said[i].labelled for i in range(3)] == [False, True, True]
    assert said[0].labels.tolist() == [-1] and said[0].boxes[0, 3] > 1000
    assert len(said[0].points) == said[0].num_points[0] == 6
    all_of_it = open_source(source(folder, files="splits.json#one", labelled=False), ("car",))
    assert not all_of_it[0].labelled
    assert all_of_it.labels(0).tolist() == all_of_it[0].labels.tolist() == [-1]


def source(folder: Path, **keys: object) -> SourceConfig:
    return SourceConfig.model_validate({"path": str(folder), **keys})


def test_a_run_draws_by_drive(folder: Path) -> None:
    drawn = source(folder, files="splits.json#train", drives="drives.json")
    schedule = {"epochs": 1, "frames_per_epoch": 2, "batch_size": 1, "learning_rate": 1e-3}
    run = {"model": "m", "out": "o", "schedule": schedule, "data": [drawn.model_dump()]}
    frames = TrainingFrames(TrainConfig.model_validate(run), ("car",))
    root = 2**-0.5
    np.testing.assert_allclose(frames.weights[0], np.array([1, root, root]) / (1 + 2 * root))


def test_keys_that_contradict_each_other(folder: Path) -> None:
    with pytest.raises(ValueError, match="only: chooses from a list"):
        source(folder, only="a/*")
    with pytest.raises(ValueError, match="drives: "):
        source(folder, balance=True, drives="drives.json")
    with pytest.raises(ValueError, match="files: belongs to the format npz"):
        source(folder, format="kitti", files="splits.json#train")
    assert source(folder, files="splits.json#one").title == f"{folder.name}#one"
