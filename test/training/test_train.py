"""The command of training: what it refuses, what its checkpoint tells, several processes."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import cast

import pytest
import torch
from small_model import SMALL
from small_run import read_log, write_frames, write_run

from pd_ros.detection.checkpoint import load_checkpoint, save_checkpoint
from pd_ros.detection.config.base import load_config
from pd_ros.pointcloud.training_statistics import expected_clouds
from training.batches.sampler import DrawSampler
from training.config.run import TrainConfig
from training.distributed import World
from training.loop.build_run import build_run
from training.train import main, train

HERE = World(0, 1, torch.device("cpu"))


@pytest.mark.parametrize("path", sorted(Path("config/train").glob("*.yaml")), ids=lambda p: p.stem)
def test_shipped_runs_are_valid_and_start_with_their_command(path) -> None:
    load_config(path, TrainConfig)
    assert f"python -m training.train --config {path}" in path.read_text()


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


def test_a_config_in_another_encoding_is_named(tmp_path, caplog) -> None:
    run = write_run(tmp_path)
    run.write_bytes(run.read_text().encode("utf-16"))
    assert main(["--config", str(run)]) == 2
    assert f"{run}: expected text in UTF-8" in caplog.text


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
    assert result.returncode == 0, result.stderr
    assert len(read_log(tmp_path)) == 1
    assert load_checkpoint(tmp_path / "out/model.safetensors").training["epoch"] == 1


def test_a_run_without_validation_keeps_the_thresholds_of_its_start(tmp_path, caplog) -> None:
    write_frames(tmp_path / "frames")
    judged = {"validation": [{"path": str(tmp_path / "frames")}], "out": str(tmp_path / "first")}
    assert main(["--config", str(write_run(tmp_path, **judged))]) == 0
    start = tmp_path / "first/model.safetensors"
    taken = {"initialise_from": str(start), "thresholds": "start", "validation": []}
    assert main(["--config", str(write_run(tmp_path, **taken))]) == 0
    before = load_checkpoint(start).training
    after = load_checkpoint(tmp_path / "out/model.safetensors").training
    for key in ("operating_point", "score_calibration", "box_errors"):
        note = {"data": "frames (weights before the last run)"}
        assert after[key] == {**cast("dict[str, object]", before[key]), **note}
    bare_start = {"initialise_from": str(tmp_path / "out/model.safetensors")}
    bare = load_checkpoint(start)
    save_checkpoint(tmp_path / "out/model.safetensors", bare.model, bare.config, {})
    taken |= bare_start | {"out": str(tmp_path / "third")}
    run = write_run(tmp_path, **taken)
    assert main(["--config", str(run)]) == 2
    assert "takes operating_point from" in caplog.text and "--keep-operating-point" in caplog.text
    assert main(["--config", str(write_run(tmp_path, **judged, thresholds="start"))]) == 2
    assert "start takes those of initialise_from, without validation" in caplog.text


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
    finer = {**SMALL, "decode": {"nms_iou_threshold": 0.5}, "capacity": {"max_pillars": 90_000}}
    other = str(tmp_path / "other")
    run = write_run(tmp_path, finer, initialise_from=start, out=other)
    assert main(["--config", str(run)]) == 0
    checkpoint = load_checkpoint(Path(other) / "model.safetensors")
    assert checkpoint.config.decode.nms_iou_threshold == 0.5
    assert checkpoint.config.capacity.max_pillars == 90_000
    first = load_checkpoint(Path(start)).training
    origin = checkpoint.training["started_from"]
    assert origin == {"run": first["run"], "epoch": 2} and "started_from" not in first
    run = write_run(tmp_path, initialise_from=f"{other}/model.safetensors",
                    out=str(tmp_path / "third"))  # fmt: skip
    assert main(["--config", str(run)]) == 0
    third = load_checkpoint(tmp_path / "third/model.safetensors").training
    assert third["started_from"]["started_from"] == origin
    fine = {**SMALL, "name": "fine", "grid": {**SMALL["grid"], "pillar_size_m": [0.5, 0.5]}}
    run = write_run(tmp_path, fine, initialise_from=start, out=str(tmp_path / "fine"))
    built = build_run(load_config(run, TrainConfig), HERE).model.state_dict()
    learnt = load_checkpoint(Path(start)).model.state_dict()
    assert all(torch.equal(built[key], value) for key, value in learnt.items())
    assert main(["--config", str(run)]) == 0
    wider = {**SMALL, "head": {"width": 16}}
    run = write_run(tmp_path, wider, initialise_from=start, out=str(tmp_path / "wide"))
    assert main(["--config", str(run)]) == 2
    assert "with other layers, classes or range than" in caplog.text
