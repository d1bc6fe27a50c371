import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from small_model import ANCHORS, DIRECTED, PYRAMID, SECOND, SMALL, VOXELS
from small_nuscenes import write_moving_cars
from small_run import read_log, train_until_saved, write_frames, write_run

from pd_ros.cloud_record import expected_clouds
from pd_ros.detection.boxes import bev_iou
from pd_ros.detection.checkpoint import load_checkpoint
from pd_ros.detection.frozen_config import load_config
from pd_ros.detection.predictor import Predictor
from training.config import TrainConfig
from training.distributed import World
from training.loader import DrawSampler
from training.run import Run
from training.train import main, train

HERE = World(0, 1, torch.device("cpu"))


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


@pytest.mark.parametrize("path", sorted(Path("config/train").glob("*.yaml")), ids=lambda p: p.stem)
def test_shipped_runs_are_valid_and_start_with_their_command(path) -> None:
    load_config(path, TrainConfig)
    assert f"python -m training.train --config {path}" in path.read_text()


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
            "training.data.nuscenes.count_inside", lambda _, boxes: np.full(len(boxes), 5)
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


def test_checkpoint_records_the_run(tmp_path) -> None:
    before = set(threading.enumerate())
    assert (
        main(["--config", str(write_run(tmp_path, seed=5)), "--json", str(tmp_path / "f.json")])
        == 0
    )
    checkpoint = load_checkpoint(tmp_path / "out/model.safetensors")
    assert checkpoint.training["run"]["seed"] == 5
    assert checkpoint.training["epoch"] == 2
    assert json.loads((tmp_path / "f.json").read_text()) == read_log(tmp_path)[-1]
    assert list((tmp_path / "out/tensorboard").iterdir())
    left = set(threading.enumerate()) - before
    assert not any("event_file_writer" in type(thread).__module__ for thread in left)


def test_a_killed_run_goes_on_as_if_nothing_had_happened(tmp_path) -> None:
    """Killed in the middle of an epoch; the weights equal those of a run that never stopped."""
    straight = load_config(write_run(tmp_path, save_every_steps=3), TrainConfig)
    train(straight, HERE)
    other = tmp_path / "other"
    killed = straight.model_copy(update={"out": str(other)})
    train_until_saved(killed, HERE)
    assert torch.load(other / "state.pt", weights_only=True)["step"] == 3
    train(killed, HERE)
    a, b = (
        load_checkpoint(Path(out) / "model.safetensors").model for out in (straight.out, other)
    )
    for first, second in zip(a.parameters(), b.parameters(), strict=True):
        torch.testing.assert_close(first, second, atol=1e-6, rtol=1e-5)


def test_state_of_another_run_is_refused(tmp_path, caplog) -> None:
    assert main(["--config", str(write_run(tmp_path))]) == 0
    assert main(["--config", str(write_run(tmp_path, seed=9))]) == 2
    assert "belongs to a run with another config" in caplog.text


def test_a_run_of_an_older_version_goes_on(tmp_path, caplog) -> None:
    """Its config lacks what did not exist then; what is unknown now is another config."""
    config = load_config(write_run(tmp_path), TrainConfig)
    train_until_saved(config, HERE)
    path = tmp_path / "out/state.pt"
    state = torch.load(path, weights_only=True)
    content = json.loads(state["config"])
    del content["augment"]["object_noise"]
    torch.save(state | {"config": json.dumps(content)}, path)
    assert main(["--config", str(tmp_path / "run.yaml")]) == 0
    torch.save(state | {"config": json.dumps(content | {"gone": 1})}, path)
    assert main(["--config", str(tmp_path / "run.yaml")]) == 2
    assert "belongs to a run with another config" in caplog.text


def test_distils_when_the_config_names_a_teacher(tmp_path) -> None:
    write_frames(tmp_path / "frames")
    assert main(["--config", str(write_run(tmp_path))]) == 0
    teacher = tmp_path / "out/model.safetensors"
    before = teacher.read_bytes()
    distill = {"teacher": str(teacher), "logit": {}, "regression": {}}
    run = write_run(tmp_path, distill=distill, out=str(tmp_path / "student/out"))
    assert main(["--config", str(run)]) == 0
    log = read_log(tmp_path / "student")
    assert log[0]["distill_logit"] > 0
    assert log[0]["distill_regression"] > 0
    assert teacher.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"speed": 1}, "speed: unknown key"),
        ({"data": [{"path": "nowhere"}]}, "nowhere: expected .npz sweeps"),
        ({"data": [{"path": "$NOT_SET_ANYWHERE/x"}]}, "environment variable is not set"),
        ({"model": "none.yaml"}, "none.yaml: cannot be read"),
        ({"distill": {"teacher": "none.safetensors", "logit": {}}}, "no such checkpoint"),
        ({"distill": {"teacher": "none.safetensors"}}, "but no method"),
        ({"schedule": {"epochs": 1, "frames_per_epoch": 1, "batch_size": 2}}, "frames_per_epoch"),
    ],
)
def test_bad_runs_end_with_one_clear_error(tmp_path, caplog, change, expected) -> None:
    assert main(["--config", str(write_run(tmp_path, **change))]) == 2
    assert expected in caplog.text


def test_damaged_frame_is_named(tmp_path, caplog) -> None:
    run = write_run(tmp_path)
    for path in (tmp_path / "frames").iterdir():
        path.write_bytes(path.read_bytes()[:100])
    assert main(["--config", str(run)]) == 2
    assert "expected a labelled sweep" in caplog.text


def test_processes_draw_different_batches_that_together_are_the_epoch(tmp_path) -> None:
    config = load_config(write_run(tmp_path), TrainConfig)
    alone = list(DrawSampler([4], config))
    parts = [list(DrawSampler([4], config, rank, 2)) for rank in range(2)]
    assert [len(part) for part in parts] == [4, 4]
    assert sorted(map(str, parts[0] + parts[1])) == sorted(map(str, alone))
    again = DrawSampler([4], config)
    again.skip = 3
    assert list(again) == alone[3:]
    again.epoch, again.skip = 1, 0
    assert list(again) != alone


def test_two_gloo_processes_train_as_one(tmp_path) -> None:
    run = write_run(tmp_path, schedule={"epochs": 1, "frames_per_epoch": 8, "batch_size": 2})
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command += ["--master-port", "29517", "-m", "training.train", "--config", str(run)]
    result = subprocess.run(
        command,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert len(read_log(tmp_path)) == 1
    assert load_checkpoint(tmp_path / "out/model.safetensors").training["epoch"] == 1


def test_asked_to_stop_it_saves_and_goes_on_as_if_nothing_had_happened(tmp_path, caplog) -> None:
    """A real SIGINT in the middle of an epoch; also of the average of the weights."""
    schedule = {"epochs": 2, "frames_per_epoch": 16, "batch_size": 2, "ema_decay": 0.5}
    straight = load_config(write_run(tmp_path, schedule=schedule), TrainConfig)
    train(straight, HERE)
    other = write_run(tmp_path, schedule=schedule, out=str(tmp_path / "other"))
    original, steps = Run.step, []

    def step(self, batch, epoch):
        steps.append(batch)
        if len(steps) == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return original(self, batch, epoch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.run.Run.step", step)
        assert main(["--config", str(other)]) == 130
    assert len(steps) == 5
    assert torch.load(tmp_path / "other/state.pt", weights_only=True)["step"] == 5
    assert main(["--config", str(other)]) == 0
    a, b = (
        load_checkpoint(tmp_path / out / "model.safetensors").model for out in ("out", "other")
    )
    for first, second in zip(a.parameters(), b.parameters(), strict=True):
        torch.testing.assert_close(first, second, atol=1e-6, rtol=1e-5)


def test_a_loss_that_is_none_stops_the_run_and_leaves_the_batch(tmp_path, caplog) -> None:
    write_frames(tmp_path / "frames")
    for path in (tmp_path / "frames").iterdir():
        content = dict(np.load(path))
        content["boxes"][:, 3] = 0  # its logarithm is no number
        np.savez(path, **content)
    run = write_run(tmp_path, augment={"rotation_rad": 0.0})
    assert main(["--config", str(run)]) == 2
    assert "the loss is not finite" in caplog.text
    assert (tmp_path / "out/bad_batch.pt").is_file()


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("can't allocate memory: 9 TB")],
    ids=["gpu", "cpu"],
)
def test_a_step_that_does_not_fit_says_what_to_do_and_can_go_on(tmp_path, caplog, error) -> None:
    run = write_run(tmp_path)
    original, steps = Run.step, []

    def step(self, batch, epoch):
        steps.append(batch)
        if len(steps) == 4:
            raise error
        return original(self, batch, epoch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.run.Run.step", step)
        assert main(["--config", str(run)]) == 2
    assert "lower schedule.batch_size" in caplog.text
    assert torch.load(tmp_path / "out/state.pt", weights_only=True)["step"] == 3
    assert main(["--config", str(run)]) == 0
    assert [row["epoch"] for row in read_log(tmp_path)] == [1, 2]


def test_the_checkpoint_says_what_the_training_clouds_were_like(tmp_path) -> None:
    config = load_config(write_run(tmp_path), TrainConfig)
    torch.manual_seed(7)
    train(config, HERE)
    record = load_checkpoint(tmp_path / "out/model.safetensors").training
    expected, recorded = expected_clouds(record)
    assert recorded
    assert expected.sweeps == 40
    assert expected.intensity_high == (0.5, 0.5, 0.5)
    assert expected.points_in_range == (360, 360, 360)
    assert expected.ground_m is not None
    assert expected.ground_m[1] == pytest.approx(-1.7, abs=0.01)


def test_a_run_starts_from_the_same_network_however_it_finds_its_boxes(tmp_path, caplog) -> None:
    write_frames(tmp_path / "frames")
    assert main(["--config", str(write_run(tmp_path, {**SMALL, "decode": {}}))]) == 0
    start = str(tmp_path / "out/model.safetensors")
    finer = {**SMALL, "decode": {"nms_iou_threshold": 0.5}}
    other = str(tmp_path / "other")
    run = write_run(tmp_path, finer, initialise_from=start, out=other)
    assert main(["--config", str(run)]) == 0
    checkpoint = load_checkpoint(Path(other) / "model.safetensors")
    assert checkpoint.config.decode.nms_iou_threshold == 0.5
    first = load_checkpoint(Path(start)).training
    origin = checkpoint.training["started_from"]
    assert origin == {"run": first["run"], "epoch": 2} and "started_from" not in first
    run = write_run(tmp_path, initialise_from=f"{other}/model.safetensors",
                    out=str(tmp_path / "third"))  # fmt: skip
    assert main(["--config", str(run)]) == 0
    third = load_checkpoint(tmp_path / "third/model.safetensors").training
    assert third["started_from"]["started_from"] == origin
    wider = {**SMALL, "head": {"width": 16}}
    run = write_run(tmp_path, wider, initialise_from=start, out=str(tmp_path / "wide"))
    assert main(["--config", str(run)]) == 2
    assert "another config" in caplog.text
