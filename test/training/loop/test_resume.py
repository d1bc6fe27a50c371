"""Runs that stop in the middle: asked to, killed or by a fault; and how they go on."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from small_model import SMALL
from small_run import read_log, train_until_saved, write_frames, write_run

from pd_ros.detection.checkpoint import load_checkpoint
from pd_ros.detection.config.base import load_config
from training.config.run import TrainConfig
from training.distributed import World
from training.loop.run import Run
from training.train import main, train

HERE = World(0, 1, torch.device("cpu"))


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


def test_state_of_another_network_under_the_same_name_is_refused(tmp_path, caplog) -> None:
    assert main(["--config", str(write_run(tmp_path))]) == 0
    wider = {**SMALL, "head": {"width": 16}}
    assert main(["--config", str(write_run(tmp_path, wider))]) == 2
    assert "belongs to another network than the run's `model` says now" in caplog.text


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
        patch.setattr("training.loop.run.Run.step", step)
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
    run = write_run(tmp_path, loss={"box": 1e39})  # more than 32 bits hold
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
        patch.setattr("training.loop.run.Run.step", step)
        assert main(["--config", str(run)]) == 2
    assert "lower schedule.batch_size" in caplog.text
    assert torch.load(tmp_path / "out/state.pt", weights_only=True)["step"] == 3
    assert main(["--config", str(run)]) == 0
    assert [row["epoch"] for row in read_log(tmp_path)] == [1, 2]


def test_another_number_of_processes_is_refused(tmp_path, caplog) -> None:
    """Two processes would take half the steps, and end with a learning rate that is still high."""
    train_until_saved(load_config(write_run(tmp_path), TrainConfig), HERE)
    path = tmp_path / "out/state.pt"
    state = torch.load(path, weights_only=True)
    assert state["processes"] == 1
    torch.save(state | {"processes": 2}, path)
    assert main(["--config", str(tmp_path / "run.yaml")]) == 2
    assert "a run of 2 processes, expected to go on with as many, got 1" in caplog.text
    torch.save({key: value for key, value in state.items() if key != "processes"}, path)
    assert main(["--config", str(tmp_path / "run.yaml")]) == 0


def test_a_batch_that_norm_cannot_take_is_named_and_left_out(tmp_path, caplog) -> None:
    """One point in the cloud is one pillar: there is no spread to normalise by."""
    frames = tmp_path / "frames"
    write_frames(frames, count=1)
    path = frames / "000000.npz"
    whole = dict(np.load(path))
    np.savez(path, **whole | {"points": whole["points"][:1] * [0, 0, 1, 1] + [1, 1, 0, 0]})
    plain = {"flip_x": False, "flip_y": False, "rotation_rad": 0, "shift_z_m": 0, "scale": 0}
    schedule = {"epochs": 1, "frames_per_epoch": 2, "batch_size": 1, "norm_frozen_from": 1}
    schedule["steps"] = {"at_epochs": [2], "warm_up_steps": 10, "warm_up_ratio": 0.1}
    run = write_run(tmp_path, schedule=schedule, augment=plain)
    assert main(["--config", str(run)]) == 0
    assert caplog.text.count("the batch is left out") == 2
    assert str(path) in caplog.text
    assert read_log(tmp_path)[0]["total"] == 0
    # the schedule went on as if nothing had been left out: 2 of 10 steps from 0.1 to 1
    full = load_config(run, TrainConfig).schedule.learning_rate
    assert read_log(tmp_path)[0]["learning_rate"] == pytest.approx(0.28 * full)


@pytest.mark.parametrize("saved_at", [3, 8], ids=["the middle", "the last step"])
def test_losses_of_an_epoch_are_those_of_all_its_steps_wherever_it_was_stopped(
    saved_at, tmp_path
) -> None:
    straight = load_config(write_run(tmp_path), TrainConfig)
    train(straight, HERE)
    other = tmp_path / "other"
    changed = {"out": str(other), "save_every_steps": saved_at}
    killed = straight.model_copy(update=changed)
    train_until_saved(killed, HERE)
    train(killed, HERE)
    expected = read_log(tmp_path)
    log = [json.loads(line) for line in (other / "log.jsonl").read_text().splitlines()]
    for name in ("total", "heatmap", "box"):
        assert log[0][name] == pytest.approx(expected[0][name], rel=1e-4) != 0


@pytest.mark.parametrize("content", [{}, [1], "text", {"config": "{}"}])
def test_what_is_no_state_is_said(content, tmp_path, caplog) -> None:
    run = write_run(tmp_path)
    (tmp_path / "out").mkdir()
    torch.save(content, tmp_path / "out/state.pt")
    assert main(["--config", str(run)]) == 2
    assert "state.pt: expected the state of a run" in caplog.text
    (tmp_path / "out/state.pt").write_text("no zip, no pickle")
    assert main(["--config", str(run)]) == 2
    assert "state.pt: cannot be read" in caplog.text


@pytest.mark.parametrize("name", ["state.pt", "model.safetensors"])
def test_a_full_disk_is_one_clear_error(name, tmp_path, caplog) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / f"{name}.part").symlink_to("/dev/full")
    assert main(["--config", str(write_run(tmp_path))]) == 2
    assert "No space left on device; free space on the disk that is written to" in caplog.text
    assert not (tmp_path / "out" / name).exists()
