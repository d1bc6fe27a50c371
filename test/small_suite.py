"""A benchmark of the small network that takes seconds: a wide teacher, two methods, two seeds."""

from pathlib import Path

import yaml
from small_lesson import WIDE
from small_model import SMALL
from small_run import write_frames

from training.benchmark.suite import SuiteConfig, load_suite


def write_suite(folder: Path, **changes: object) -> Path:
    """A suite whose runs are of one epoch of 2 steps; returns its YAML."""
    for name, count in (("train", 4), ("val", 2), ("test", 2)):
        if not (folder / name).exists():
            write_frames(folder / name, count)
    _write(folder / "student.yaml", SMALL)
    _write(folder / "wide.yaml", {**SMALL, **WIDE})
    run = {
        "data": [{"path": str(folder / "train")}],
        "schedule": {"epochs": 1, "frames_per_epoch": 4, "batch_size": 2},
        "augment": {"paste": {}},
        "precision": "fp32",
        "workers": 0,
    }
    _write(folder / "teacher.yaml", {**run, "model": str(folder / "wide.yaml"), "out": "unused"})
    pair = {
        "name": "small",
        "student": str(folder / "student.yaml"),
        "teacher": str(folder / "teacher.yaml"),
        "methods": {
            "logit": {"distill": {"logit": {}}},
            "tgi": {"distill": {"initialise": {"way": "fnav1"}}},
        },
    }
    suite = {
        "seeds": [1, 2],
        "run": run,
        "test": {"tested": {"path": str(folder / "test")}},
        "pairs": [pair],
        **changes,
    }
    return _write(folder / "suite.yaml", suite)


def small_suite(folder: Path, **changes: object) -> SuiteConfig:
    """The same, read."""
    return load_suite(str(write_suite(folder, **changes)))


def search_config(folder: Path) -> dict[str, object]:
    """A search over two factors, for ``write_suite``'s ``search``."""
    validation = [{"path": str(folder / "val")}]
    return {"seed": 9, "factors": [0.5, 2], "frames_per_epoch": 2, "validation": validation}


def _write(path: Path, content: object) -> Path:
    path.write_text(yaml.safe_dump(content))
    return path
