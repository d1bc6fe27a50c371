"""Learning-rate schedules, and the moving average of the weights."""

import math

from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from training.config.run import ScheduleConfig, StepsConfig


def make_scheduler(optimizer: AdamW, config: ScheduleConfig, steps_per_epoch: int) -> LRScheduler:
    """The schedule of a run, to be stepped after each step of the optimizer.

    Raises ``ValueError`` where an epoch has no steps.
    """
    if steps_per_epoch == 0:
        raise ValueError(
            "schedule.frames_per_epoch: too few for one batch in every process; raise it or lower"
            " schedule.batch_size"
        )
    if config.steps is not None:
        steps = config.steps
        return LambdaLR(optimizer, lambda step: rate_by_steps(step, steps, steps_per_epoch))
    total, rise = config.epochs * steps_per_epoch, config.warm_up
    if rise * total == 1:  # torch would divide by the length of a rise within the first step
        rise = math.nextafter(rise, 0)
    return OneCycleLR(
        optimizer,
        max_lr=config.learning_rate,
        total_steps=total,
        pct_start=rise,
        div_factor=10.0,
        final_div_factor=1e4,
        base_momentum=config.betas[0] - 0.1,
        max_momentum=config.betas[0],
    )


def rate_by_steps(step: int, config: StepsConfig, steps_per_epoch: int) -> float:
    """Share of the learning rate that holds for a step, counted from 0 over all epochs."""
    epoch = step // steps_per_epoch
    rate = config.factor ** sum(epoch >= end for end in config.at_epochs)
    if step < config.warm_up_steps:
        risen = step / config.warm_up_steps
        rate *= config.warm_up_ratio + (1 - config.warm_up_ratio) * risen
    return rate


def make_ema(model: nn.Module, decay: float | None) -> AveragedModel | None:
    """A copy that follows the model by an exponential moving average; none without a decay.

    Statistics of batch norm are averaged, too: it is evaluated as it stands.
    """
    if decay is None:
        return None
    step = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    return AveragedModel(model, multi_avg_fn=step, use_buffers=True)
