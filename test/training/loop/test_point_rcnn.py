"""A PointRCNN goes the same ways as the other networks."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from small_model import SMALL_POINTS, small_point_config
from small_run import read_log, train_until_saved, write_frames, write_run

from pd_ros.detection.boxes import iou_3d
from pd_ros.detection.checkpoint import load_checkpoint, save_checkpoint
from pd_ros.detection.config.base import load_config
from pd_ros.detection.families import build_model
from pd_ros.detection.predictor import Predictor
from pd_ros.replay.__main__ import main as replay
from training import inspect_data
from training.config.run import TrainConfig
from training.distributed import World
from training.evaluate import __main__ as evaluate
from training.import_checkpoint import __main__ as import_checkpoint
from training.profile import __main__ as profile
from training.train import main, train

LEARNER = {
    **SMALL_POINTS,
    "points": 384,
    "abstraction": [
        {"points": 64, "radii_m": [0.5, 1], "neighbours": [8, 8], "widths": [[16, 16], [16, 16]]},
        {"points": 16, "radii_m": [3], "neighbours": [16], "widths": [[32, 32]]},
    ],
    "propagation": [[32, 32], [32, 32]],
    "head": [32],
    "refinement": {
        "points": 32,
        "embedding": [16, 32],
        "abstraction": [{"points": 8, "radii_m": [1], "neighbours": [8], "widths": [[32, 32]]}],
        "last": [32],
        "head": [32],
    },
}
AS_IT_IS = {"flip_x": False, "flip_y": False, "rotation_rad": 0, "scale": 0, "shift_z_m": 0}


def test_learns_one_frame(tmp_path) -> None:
    """Every loss falls, and the detector then finds the one car of the frame at its place."""
    write_frames(tmp_path / "frames", count=1)
    schedule = {"epochs": 5, "frames_per_epoch": 120, "batch_size": 2}
    run = write_run(
        tmp_path,
        LEARNER,
        augment=AS_IT_IS,
        regions={"per_frame": 32, "proposals": {"max_proposals": 64, "nms_iou_threshold": 0.8}},
        schedule={**schedule, "learning_rate": 0.01, "norm_momentum": 0.1, "norm_frozen_from": 1},
        validation=[{"path": str(tmp_path / "frames")}],
    )
    assert main(["--config", str(run)]) == 0
    log = read_log(tmp_path)
    for name, share in (("total", 0.2), ("points", 0.1), ("point_box", 0.3), ("score", 0.4)):
        assert log[-1][name] < share * log[0][name], name
    assert "frames/car/bev_0.7" in log[-1]
    frame = np.load(tmp_path / "frames/000000.npz")
    predictor = Predictor.from_checkpoint(tmp_path / "out/model.safetensors", "cpu", "fp32")
    found = predictor(frame["points"])
    assert found.scores[0] > 0.7
    np.testing.assert_allclose(found.boxes[0], frame["boxes"][0], atol=0.3)
    assert iou_3d(found.boxes[:1], torch.from_numpy(frame["boxes"])) > 0.7


def test_a_killed_run_goes_on_as_if_nothing_had_happened(tmp_path) -> None:
    """What is drawn of points and proposals follows from the frames' seeds."""
    here = World(0, 1, torch.device("cpu"))
    path = write_run(tmp_path, SMALL_POINTS, save_every_steps=3)
    straight = load_config(path, TrainConfig)
    train(straight, here)
    killed = straight.model_copy(update={"out": str(tmp_path / "other")})
    train_until_saved(killed, here)
    train(killed, here)
    a, b = (
        load_checkpoint(Path(out) / "model.safetensors").model
        for out in (straight.out, killed.out)
    )
    for first, second in zip(a.parameters(), b.parameters(), strict=True):
        torch.testing.assert_close(first, second, atol=1e-6, rtol=1e-5)


@pytest.fixture
def checkpoint(tmp_path):
    torch.manual_seed(0)
    config = small_point_config(decode={"score_threshold": 0.0})
    path = tmp_path / "points.safetensors"
    save_checkpoint(path, build_model(config), config, {})
    return path


def test_all_commands_take_its_checkpoint(tmp_path, checkpoint) -> None:
    write_frames(tmp_path / "frames", count=2)
    table = str(tmp_path / "table.json")
    common = ["--model", str(checkpoint), "--data", str(tmp_path / "frames"), "--device", "cpu"]
    assert evaluate.main([*common, "--json", table]) == 0
    assert set(json.loads(Path(table).read_text())) == {
        "strict",
        "loose",
        "operating_point",
        "reliability",
        "reliability_uncalibrated",
        "reliability_held_out",
        "norm_gap",
    }
    sweep = str(tmp_path / "frames/000000.npz")
    costs = ["--models", str(checkpoint), "--sweep", sweep, "--repeats", "1", "--json", table]
    assert profile.main(costs) == 0
    row = json.loads(Path(table).read_text())[0]
    assert row["parameters"] == sum(
        p.numel() for p in build_model(small_point_config()).parameters()
    )
    assert row["gmacs"] > 0
    assert row["stage_refine_ms"] > 0
    np.load(sweep)["points"].tofile(tmp_path / "000000.bin")
    clouds = ["--points", str(tmp_path), "--out", str(tmp_path / "replay")]
    assert replay(["--model", str(checkpoint), *clouds]) == 0
    assert len(json.loads((tmp_path / "replay/detections.json").read_text())) == 1


def test_its_run_can_be_inspected(tmp_path) -> None:
    run = write_run(tmp_path, SMALL_POINTS)
    assert inspect_data.main([str(run), "--out", str(tmp_path / "seen")]) == 0


def test_weights_of_openpcdet_are_not_taken_for_it(tmp_path, caplog) -> None:
    config = tmp_path / "points.yaml"
    config.write_text(yaml.safe_dump(SMALL_POINTS))
    arguments = ["--checkpoint", "x.pth", "--config", str(config), "--out", "x.safetensors"]
    assert import_checkpoint.main(arguments) == 2
    assert "expected PointPillars, SECOND or CenterPoint, got small_points" in caplog.text
