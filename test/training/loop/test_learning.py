"""Small networks of every kind learn a frame, and what a run on a part of the grid gives."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from small_model import ANCHORS, DIRECTED, PYRAMID, SECOND, SMALL, VOXELS
from small_nuscenes import write_moving_cars
from small_run import read_log, write_run

from pd_ros.detection.boxes import bev_iou
from pd_ros.detection.checkpoint import load_checkpoint
from pd_ros.detection.predictor import Predictor
from training.train import main


def write_crowded_frame(folder: Path) -> None:
    """Flat ground with blocks of points: three cars and two pedestrians."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)
    boxes = np.array([
        [-5, 4, -0.95, 3, 2, 1.5, 0.3], [4.5, 5, -0.95, 3.2, 1.8, 1.5, -2.5],
        [2, -5.5, -0.95, 2.8, 1.9, 1.4, 1.5], [-4.4, -2.6, -0.85, 0.8, 0.7, 1.7, 0.8],
        [6.2, -1.4, -0.85, 0.7, 0.6, 1.8, -1.2],
    ])  # fmt: skip
    clouds = [np.column_stack((rng.uniform(-8, 8, (300, 2)), np.full(300, -1.7)))]
    for box in boxes:
        x, y, z = ((rng.random((60, 3)) - 0.5) * box[3:6]).T
        cos, sin = np.cos(box[6]), np.sin(box[6])
        clouds.append(np.column_stack((x * cos - y * sin, x * sin + y * cos, z)) + box[:3])
    xyz = np.concatenate(clouds)
    np.savez(
        folder / "000000.npz",
        points=np.column_stack((xyz, np.full(len(xyz), 0.5))).astype(np.float32),
        boxes=boxes.astype(np.float32),
        cls=np.array([0, 0, 0, 1, 1], np.int8),
        num_points=np.full(5, 60, np.int32),
    )


@pytest.mark.parametrize(
    "network",
    [SMALL, {**SMALL, "head": DIRECTED}, {**SMALL, "head": ANCHORS}, PYRAMID, SECOND, VOXELS],
    ids=["pillars", "directions", "anchors", "pyramid", "second", "cp_voxel"],
)
def test_learns_one_frame(tmp_path, network) -> None:
    """Loss falls far, and the detector then finds all objects of the frame at their places."""
    if "kind" in network["encoder"]:
        pytest.importorskip("spconv", reason="spconv is not installed: see packaging/")
    write_crowded_frame(tmp_path / "frames")
    run = write_run(
        tmp_path,
        network,
        augment={"flip_x": False, "flip_y": False, "rotation_rad": 0, "scale": 0, "shift_z_m": 0},
        schedule={
            "epochs": 6,
            "frames_per_epoch": 160,
            "batch_size": 2,
            "learning_rate": 0.01,
            "norm_momentum": 0.1,
        },
    )
    assert main(["--config", str(run)]) == 0
    log = read_log(tmp_path)
    assert log[-1]["total"] < 0.1 * log[0]["total"]
    frame = np.load(tmp_path / "frames/000000.npz")
    found = Predictor.from_checkpoint(tmp_path / "out/model.safetensors", "cpu", "fp32")(
        frame["points"]
    )
    iou = bev_iou(torch.from_numpy(frame["boxes"]), found.boxes)
    iou *= torch.from_numpy(frame["cls"])[:, None] == found.labels
    overlap, which = iou.max(dim=1)
    assert overlap.min() > 0.7
    assert found.scores[which].min() > 0.5
    if "direction" in network["head"]:  # nobody looks back
        turned = found.boxes[which, 6] - torch.from_numpy(frame["boxes"])[:, 6]
        assert turned.cos().min() > 0.9


def test_velocities_are_learnt_from_nuscenes(tmp_path, caplog) -> None:
    """Those that somebody knows; points have the time lag alone, which is no intensity."""
    path = write_moving_cars(tmp_path / "nuscenes")
    run = write_run(
        tmp_path,
        {**PYRAMID, "features": ["time_lag"]},
        data=[{"path": str(path), "format": "nuscenes"}],
        validation=[{"path": str(path), "format": "nuscenes"}],
        min_points=1,
        augment={"paste": {}},
    )
    assert main(["--config", str(run)]) == 2
    assert "expected intensity, got time_lag; set both to 0" in caplog.text
    still = {"paste": {}, "intensity_scale": 0, "intensity_drop": 0}
    run.write_text(yaml.safe_dump(yaml.safe_load(run.read_text()) | {"augment": still}))
    with pytest.MonkeyPatch.context() as patch:  # the clouds hardly have points
        patch.setattr(
            "training.datasets.nuscenes.reader.count_inside",
            lambda _, boxes: np.full(len(boxes), 5),
        )
        assert main(["--config", str(run)]) == 0
    log = read_log(tmp_path)
    assert log[0]["velocity"] > 0 and np.isfinite(log[-1]["total"])
    predictor = Predictor.from_checkpoint(tmp_path / "out/model.safetensors", "cpu", "fp32")
    found = predictor(np.zeros((5, 4), np.float32))
    assert found.velocities.shape == (len(found.boxes), 2)


def test_a_run_on_an_area_gives_a_network_of_the_whole_grid(tmp_path) -> None:
    """It also distils: the teacher is cut to the same area."""
    teacher = write_run(tmp_path, out=str(tmp_path / "teacher"))
    assert main(["--config", str(teacher)]) == 0
    run = write_run(
        tmp_path,
        area_m=[-8, -4, 8, 4],
        distill={"teacher": str(tmp_path / "teacher/model.safetensors"), "logit": {}},
        validation=[{"path": str(tmp_path / "frames")}],
    )
    assert main(["--config", str(run)]) == 0
    whole = load_checkpoint(tmp_path / "out/model.safetensors").config
    assert list(whole.grid.range_m) == SMALL["grid"]["range_m"]
    assert read_log(tmp_path)[-1]["distill_logit"] > 0
