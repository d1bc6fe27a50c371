"""Runs of the small network that take seconds."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from small_model import SMALL

from training.config.run import TrainConfig
from training.distributed import World
from training.loop.run import Run
from training.train import train


def write_frames(folder: Path, count: int = 4) -> None:
    """Flat ground with one car-like block of points per frame."""
    folder.mkdir(parents=True)
    for i in range(count):
        rng = np.random.default_rng(i)
        box = np.array([[rng.uniform(-5, 5), rng.uniform(-5, 5), -0.9, 3, 2, 1.5, 0.3]])
        ground = np.column_stack((rng.uniform(-8, 8, (300, 2)), np.full(300, -1.7)))
        block = box[0, :3] + (rng.random((60, 3)) - 0.5) * [2, 1.5, 1.4]
        xyz = np.concatenate((ground, block))
        np.savez(
            folder / f"{i:06d}.npz",
            points=np.column_stack((xyz, np.full(len(xyz), 0.5))).astype(np.float32),
            boxes=box.astype(np.float32),
            cls=np.array([0], np.int8),
            num_points=np.array([60], np.int32),
        )


def write_run(folder: Path, network: dict[str, object] = SMALL, **changes: object) -> Path:
    """A run of 2 epochs of 8 steps on the small network; returns its YAML."""
    if not (folder / "frames").exists():
        write_frames(folder / "frames")
    model = folder / "model.yaml"
    model.write_text(yaml.safe_dump(network))
    run = {
        "model": str(model),
        "data": [{"path": str(folder / "frames")}],
        "schedule": {"epochs": 2, "frames_per_epoch": 16, "batch_size": 2},
        "augment": {"paste": {"car": 3}, "bank_frames": 2},
        "precision": "fp32",
        "store": "fp32",
        "workers": 0,
        "out": str(folder / "out"),
        **changes,
    }
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump(run))
    return path


def read_log(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "out/log.jsonl").read_text().splitlines()]


def train_until_saved(config: TrainConfig, world: World) -> None:
    """A run that is killed when it has saved its state for the first time."""
    original = Run.save

    def save_and_die(self, progress):
        original(self, progress)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.loop.run.Run.save", save_and_die)
        with pytest.raises(KeyboardInterrupt):
            train(config, world)
