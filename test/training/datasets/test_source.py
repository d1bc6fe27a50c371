"""Sources of several formats where a run reads them."""

import json
import pickle
from pathlib import Path
from typing import get_args

import numpy as np
from small_kitti import CAR, write_kitti
from small_model import save_eager_model
from small_recording import STAMP, a_car, drive, write_clouds

from pd_ros.detection.config.base import parse_config
from training.batches.loader import TrainingFrames
from training.batches.sampler import Draw
from training.config.base import KEYS, Format
from training.config.run import SourceConfig, TrainConfig
from training.datasets.source import READERS
from training.evaluate.__main__ import main

QUIET = {"flip_x": False, "flip_y": False, "rotation_rad": 0, "scale": 0, "shift_z_m": 0}
CAR_POINTS = np.array([[10.0 + i / 50, -2, -1, 0.5] for i in range(50)])


def test_a_run_draws_from_sources_of_every_format(tmp_path: Path) -> None:
    kitti = write_kitti(tmp_path / "kitti", {"a": CAR, "b": CAR}, CAR_POINTS)
    recording = write_clouds(tmp_path / "drive", drive(2), [(STAMP, a_car())])
    run = {
        "model": "m", "out": "o",
        "data": [
            {"path": str(kitti), "format": "kitti", "z_shift_m": 1.0},
            {"path": str(recording), "format": "recording"},
        ],
        "augment": {**QUIET, "paste": {"car": 2}},
        "schedule": {"epochs": 1, "frames_per_epoch": 2, "batch_size": 1},
    }  # fmt: skip
    frames = TrainingFrames(parse_config(run, TrainConfig, "run"), ("car", "pedestrian"))
    frames = pickle.loads(pickle.dumps(frames))  # as it goes to the workers
    assert frames.sizes == [2, 1]
    labels = frames[Draw(0, 1, 7)].labels
    np.testing.assert_allclose(labels.boxes[0], [10.3, -2, -0.05, 4, 1.6, 1.5, 0], atol=1e-5)
    labels = frames[Draw(1, 0, 7)].labels
    np.testing.assert_allclose(labels.boxes[0], a_car().boxes[0], atol=1e-6)


def test_a_checkpoint_is_scored_on_a_kitti_folder(tmp_path: Path, caplog) -> None:
    kitti = write_kitti(tmp_path / "kitti", {"a": CAR, "b": CAR}, CAR_POINTS)
    common = ["--model", str(save_eager_model(tmp_path)), "--data", str(kitti)]
    out = tmp_path / "scores.json"
    assert main([*common, "--format", "kitti", "--device", "cpu", "--json", str(out)]) == 0
    scores = json.loads(out.read_text())
    assert scores["strict"]["car"]["num_truth"] == 0  # 10.3 m ahead; the model sees 8 m far
    assert main([*common, "--split", "val"]) == 2
    assert "split: belongs to the format kitti" in caplog.text


def test_every_format_has_its_keys_and_its_reader() -> None:
    assert set(get_args(Format)) == set(KEYS) == set(READERS)
    keys = {key for taken in KEYS.values() for key in taken}
    assert keys <= set(SourceConfig.model_fields)
