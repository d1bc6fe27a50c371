"""The learning rate over a run, step by step."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import AdamW

from pd_ros.detection.config.base import load_config
from training.config.run import ScheduleConfig, StepsConfig, TrainConfig
from training.loop.schedule import make_scheduler, rate_by_steps

# Epochs, highest learning rate, frames per GPU, norm at which gradients are clipped.
PUBLISHED = {
    "kitti_point_pillars": (80, 0.01, 6, 35),
    "kitti_second": (40, 0.018, 6, 10),
    "waymo_cp_voxel": (30, 0.003, 4, 10),
    "waymo_cp_pillar": (30, 0.003, 2, 10),
    "nuscenes_point_pillars": (24, 0.001, 4, 35),
}


@pytest.mark.parametrize("family", PUBLISHED)
def test_the_papers_runs_say_the_papers_schedules(family) -> None:
    paths = sorted(Path("config/train").glob(f"{family}*.yaml"))
    assert len(paths) >= 3
    for path in paths:
        schedule = load_config(path, TrainConfig).schedule
        found = (schedule.epochs, schedule.learning_rate, schedule.batch_size, schedule.clip_norm)
        assert found == PUBLISHED[family]
        assert schedule.weight_decay == 0.01 and schedule.norm_momentum == 0.01
        if family.startswith("nuscenes"):
            assert schedule.betas == (0.9, 0.999) and schedule.sync_norm
            assert schedule.steps == StepsConfig(at_epochs=(20, 23), warm_up_steps=1000)
        else:
            assert schedule.betas == (0.95, 0.99) and schedule.warm_up == 0.4
            assert schedule.steps is None


def run(config: ScheduleConfig, steps_per_epoch: int) -> list[tuple[float, float]]:
    """Learning rate and first beta of every step."""
    optimizer = AdamW([torch.zeros(1, requires_grad=True)], config.learning_rate, config.betas)
    scheduler = make_scheduler(optimizer, config, steps_per_epoch)
    rates = []
    for _ in range(config.epochs * steps_per_epoch):
        group = optimizer.param_groups[0]
        rates.append((group["lr"], group["betas"][0]))
        optimizer.step()
        scheduler.step()
    return rates


def test_one_cycle_is_the_papers() -> None:
    """SECOND's in mmdet3d: from 0.0018 to ten times that at 0.4, down to its 1e-4."""
    config = ScheduleConfig(epochs=4, frames_per_epoch=1, batch_size=1, learning_rate=0.018)
    rates = run(config, 250)
    assert rates[0] == pytest.approx((0.0018, 0.95))
    assert max(rates) == pytest.approx((0.018, 0.85), rel=1e-4)
    assert rates.index(max(rates)) == pytest.approx(400, abs=2)
    assert rates[-1] == pytest.approx((0.0018e-4, 0.95))


def test_steps_with_a_warm_up_are_the_papers() -> None:
    """nuScenes' 2x schedule with 100 steps in each of 24 epochs."""
    steps = StepsConfig(at_epochs=(20, 23), warm_up_steps=1000, warm_up_ratio=0.001)
    config = ScheduleConfig(
        epochs=24, frames_per_epoch=1, batch_size=1, learning_rate=0.001, betas=(0.9, 0.999),
        steps=steps,
    )  # fmt: skip
    rates = run(config, 100)
    assert {beta for _, beta in rates} == {0.9}
    wanted = {0: 1e-6, 500: 0.0005005, 999: 0.000999001, 1000: 1e-3, 1999: 1e-3, 2000: 1e-4,
              2299: 1e-4, 2300: 1e-5, 2399: 1e-5}  # fmt: skip
    for step, rate in wanted.items():
        assert rates[step][0] == pytest.approx(rate), step


def test_a_schedule_by_steps_goes_on_where_it_stopped(tmp_path) -> None:
    config = ScheduleConfig(
        epochs=3, frames_per_epoch=1, batch_size=1, steps=StepsConfig(at_epochs=(2,))
    )
    optimizer = AdamW([torch.zeros(1, requires_grad=True)], config.learning_rate)
    scheduler = make_scheduler(optimizer, config, 2)
    for _ in range(4):
        optimizer.step()
        scheduler.step()
    torch.save(scheduler.state_dict(), tmp_path / "state.pt")
    again = make_scheduler(AdamW(optimizer.param_groups, config.learning_rate), config, 2)
    again.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert again.get_last_lr() == scheduler.get_last_lr() == [pytest.approx(0.0003)]


def test_steps_without_a_warm_up_start_at_the_full_rate() -> None:
    steps = StepsConfig(at_epochs=(1,), factor=0.5)
    assert [rate_by_steps(step, steps, 2) for step in range(4)] == [1, 1, 0.5, 0.5]


@given(st.integers(1, 12), st.integers(1, 4), st.sampled_from([0.1, 0.2, 0.25, 0.4, 0.5]))
def test_however_short_a_run_is_it_ends_at_the_lowest_rate(steps, epochs, warm_up) -> None:
    """Ten steps with a tenth of them to warm up: the rise has no length."""
    config = ScheduleConfig(
        epochs=epochs, frames_per_epoch=2, batch_size=2, learning_rate=0.01, warm_up=warm_up
    )
    rates = [rate for rate, _ in run(config, steps)]
    assert all(0 < rate <= 0.0101 for rate in rates)
    if len(rates) > 3:
        assert rates[-1] == min(rates)
