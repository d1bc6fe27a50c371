"""Training steps on a device: the CPU's first loss, losses that stay finite, steps per second.

A check of ``pd_ros.check_device``, which names this module in its plan and cannot import it.
"""

import copy
import time
from dataclasses import replace
from statistics import median

import torch
from torch.nn.utils import clip_grad_norm_
from torch.optim import AdamW

from pd_ros.check_device.check import Finding, Setting
from pd_ros.check_device.networks import (
    cloud_of,
    device_of,
    exact_products,
    load,
    precisions,
)
from pd_ros.check_device.scenes import make_scene
from pd_ros.detection.config.base import parse_config
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.device import training_format
from pd_ros.detection.families import AnyModel, AnyModelConfig
from training.batches.collate import Batch, Collate, Sample, move_batch
from training.config.run import TrainConfig
from training.datasets.frame import Labels
from training.loop.step_loss import step_losses

_BATCH = 2
_STEPS = 20
_FEWEST = 3
_LEARNING_RATE = 1e-4
_SAME = 1e-3  # relative
_SAME_OF_POINTS = 0.05  # which points are furthest may tip on the last digit
_PRECISIONS = ("fp32", "bf16")  # which training knows


def check(setting: Setting) -> Finding:
    """Both precisions from the same weights, on two made-up streets with cars."""
    checkpoint, device = load(setting), device_of(setting)
    config, model = checkpoint.config, checkpoint.model
    run, batch = default_run(config), make_batch(config)
    with exact_products():
        expected = _loss(copy.deepcopy(model), batch, run, config, torch.device("cpu"))
        first = _loss(copy.deepcopy(model), batch, run, config, device)
    difference = abs(first - expected) / max(abs(expected), 1e-9)
    figures: dict[str, object] = {"first_loss": expected, "difference": difference}
    said, finite = [f"first loss {expected:.4g}, differs by {difference:.1e}"], True
    for name in [name for name in _PRECISIONS if name in precisions(device)]:
        fresh = copy.deepcopy(model)
        losses, seconds = _train(fresh, batch, run, config, setting, name == "bf16")
        sound = all(map(torch.isfinite, losses))
        finite &= sound
        figures[name] = {"losses": [float(loss) for loss in losses], "step_s": seconds}
        said.append(
            f"{name} {1 / seconds:.2f} steps/s of {_BATCH}, {len(losses)} losses"
            f" {'finite' if sound else 'NOT finite'}, the last {float(losses[-1]):.4g}"
        )
    same = difference <= (_SAME if isinstance(config, ModelConfig) else _SAME_OF_POINTS)
    return Finding(same and finite, "; ".join(said), figures)


def make_batch(config: AnyModelConfig) -> Batch:
    """Two streets with cars, which are of the network's first class."""
    samples = []
    for seed in range(_BATCH):
        scene = make_scene(seed)
        boxes = torch.from_numpy(scene.boxes)
        classes = torch.zeros(len(boxes), dtype=torch.int64)
        still = torch.zeros(len(boxes), 2)
        labels = Labels(boxes, classes, boxes[:0], still)
        samples.append(Sample(cloud_of(scene.points, config), labels, seed))
    return Collate(config, None)(samples)


def default_run(network: AnyModelConfig) -> TrainConfig:
    """A run of default settings; it reads no data."""
    schedule = {"epochs": 1, "frames_per_epoch": _BATCH * _STEPS, "batch_size": _BATCH}
    content = {"model": network.name, "data": [{"path": "."}], "out": ".", "schedule": schedule}
    return parse_config(content, TrainConfig, "check_steps")


def _loss(
    model: AnyModel, batch: Batch, run: TrainConfig, network: AnyModelConfig, device: torch.device
) -> float:
    """Loss of the first step in fp32."""
    model.train().to(device).arrange(training_format(device))
    there = move_batch(batch, device)
    terms = step_losses(model, None, there, run, network, 0, half=False)
    return float(terms["total"].detach())


def _train(
    model: AnyModel, batch: Batch, run: TrainConfig, network: AnyModelConfig, setting: Setting,
    half: bool,
) -> tuple[list[torch.Tensor], float]:  # fmt: skip
    """Losses of steps on the same batch, as ``training.loop.run`` takes them, and their median s.

    Reading the losses waits for the device, in each step, as in a run.
    """
    device = device_of(setting)
    model.train().to(device).arrange(training_format(device))
    optimizer = AdamW(model.parameters(), lr=_LEARNING_RATE, fused=True)
    losses, times = [], []
    own = replace(setting, seconds=setting.seconds / len(_PRECISIONS))
    for _ in own.repeat(range(_STEPS), _FEWEST):
        began = time.perf_counter()
        terms = step_losses(model, None, move_batch(batch, device), run, network, 0, half)
        losses.append(terms["total"].detach().cpu())
        optimizer.zero_grad(set_to_none=True)
        terms["total"].backward()  # type: ignore[no-untyped-call]
        clip_grad_norm_(model.parameters(), run.schedule.clip_norm)
        optimizer.step()
        times.append(time.perf_counter() - began)
    return losses, median(times[1:])
