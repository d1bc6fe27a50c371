"""Show what a run would do, and the memory it takes: ``training.train --dry-run``."""

import logging
from collections.abc import Iterator
from operator import attrgetter

import torch
from torch import Tensor, nn

from pd_ros.detection.families import AnyModelConfig
from pd_ros.detection.types import AnyOutput
from training.batches.collate import Batch, move_batch
from training.config.area import rebuild
from training.config.run import TrainConfig
from training.distillation.distiller import Distiller
from training.distributed import World
from training.evaluate.scoring import validate
from training.loop.build_run import RunParts, build_run
from training.loop.run import learnt_parameters
from training.loop.step_loss import in_half, shares, step_losses
from training.objectives.families import objective_of

_LOG = logging.getLogger("training.loop.dry_run")


def dry_run(config: TrainConfig, world: World) -> dict[str, object]:
    """Prepare a run, look at its first batch, and log what there is; nothing learns or is written.

    Returns the same as numbers. Raises ``ValueError`` for what a run would not start with.
    """
    parts = build_run(config, world)
    draws = next(iter(parts.sampler), None)
    if draws is None:
        raise ValueError("schedule.frames_per_epoch: too few for one batch; raise it")
    batch = parts.collate([parts.frames[draw] for draw in draws])
    batch = move_batch(batch, world.device)
    parts.model.train()
    losses, memory = estimate_memory(parts, batch, config)
    scores = _worth(parts, config, world) if parts.copied else {}
    values = {name: float(term.detach()) for name, term in losses.items()}
    lines = [
        *_networks(parts),
        *_data(batch, parts.trained_on),
        *(_distillation(parts.distiller, parts.model, batch) if parts.distiller else ()),
        *_initialised(parts),
        *(f"begins at  {name}: {score:.1f}" for name, score in scores.items()),
        *_losses(values, shares(values, config, parts.network)),
        *(f"memory     {name}: {size / 2**20:,.0f} MiB" for name, size in memory.items()),
    ]
    for line in lines:
        _LOG.info("%s", line)
    return {"losses": values, "scores": scores, "memory_bytes": memory, "plan": lines}


def count_parameters(module: nn.Module) -> int:
    """Count the numbers that a module learns or learnt."""
    return sum(parameter.numel() for parameter in module.parameters())


def _networks(parts: RunParts) -> Iterator[str]:
    yield (
        f"student    {parts.network.name}: {count_parameters(parts.model):,} parameters,"
        f" {objective_of(parts.trained_on).describe_view(parts.trained_on)} in training"
    )
    if parts.distiller is None:
        return
    teacher = parts.distiller.teacher
    yield (
        f"teacher    {teacher.config.name}: {count_parameters(teacher.model):,} parameters, frozen"
        " and not in the checkpoint"
    )
    for name, term in parts.distiller.distillation.members.items():
        if count_parameters(term):
            yield (
                f"adapters   {name}: {count_parameters(term):,} parameters, learnt and not in the"
                " checkpoint"
            )


def _data(batch: Batch, network: AnyModelConfig) -> Iterator[str]:
    seen = objective_of(network).describe_input(batch.student)
    objects = sum(len(labels.boxes) for labels in batch.labels)
    yield f"batch      {len(batch.labels)} clouds with {seen}, {objects} objects"


@torch.no_grad()
def _distillation(distiller: Distiller, model: nn.Module, batch: Batch) -> Iterator[str]:
    was_training = model.training
    student: AnyOutput = model.eval()(batch.student)
    model.train(was_training)
    teacher = distiller.ask(batch)
    for name, term in distiller.distillation.members.items():
        settings = distiller.distillation.settings[name]
        for field in term.reads:
            for place, mine, theirs in _fields(field, student, teacher):
                yield (
                    f"compares   {name} x {settings.weight:g}: {place} {list(mine.shape)} with"
                    f" {list(theirs.shape)}"
                )
    relabelled = distiller.relabel(batch, teacher)
    if relabelled is not batch:
        yield (
            f"labels     {_count(batch)} places learn a box by the ground truth,"
            f" {_count(relabelled)} with the teacher's boxes"
        )


def _fields(
    name: str, student: AnyOutput, teacher: AnyOutput
) -> Iterator[tuple[str, Tensor, Tensor]]:
    mine, theirs = map(attrgetter(name), (student, teacher))
    if not isinstance(mine, tuple):
        yield name, mine, theirs
        return
    for number, pair in enumerate(zip(mine, theirs, strict=True)):
        yield f"{name}.{number}", *pair


def _count(batch: Batch) -> int:
    return len(batch.targets.sample)


def _initialised(parts: RunParts) -> Iterator[str]:
    if not parts.copied:
        return
    for layer in parts.copied:
        (outputs, of_outputs), (inputs, of_inputs) = layer.outputs, layer.inputs
        fitted = "" if layer.explained is None else f", explains {layer.explained:.1%} of them"
        yield (
            f"starts     {layer.name}: {outputs} of {of_outputs} outputs, {inputs} of {of_inputs}"
            f" inputs of the teacher's{fitted}"
        )
    copied = {layer.name for layer in parts.copied}
    for name, module in parts.model.named_modules():
        weight = getattr(module, "weight", None)
        norm = isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
        if isinstance(weight, Tensor) and not norm and name not in copied:
            yield f"fresh      {name}: {list(weight.shape)}"


def _worth(parts: RunParts, config: TrainConfig, world: World) -> dict[str, float]:
    """Score the student with what it has of a teacher, before it has learnt anything."""
    whole = rebuild(parts.model, parts.network).to(world.device)
    return validate(whole, parts.network, config, world.device).figures


def _losses(values: dict[str, float], parts: dict[str, float]) -> Iterator[str]:
    yield f"loss       {values['total']:.4g} on this batch, before the first step"
    for name, share in parts.items():
        yield f"           {name}: {values[name]:.4g}, {share:.1%} of it"


def estimate_memory(
    parts: RunParts, batch: Batch, config: TrainConfig
) -> tuple[dict[str, Tensor], dict[str, int]]:
    """Loss of a batch, and the bytes that its step takes, by what for.

    What is kept for the backward pass is counted as torch keeps it; buffers of the libraries
    beneath are not. Statistics of batch norm move by one step.
    """
    kept: dict[int, int] = {}
    learnt = learnt_parameters(parts.model, parts.distiller)
    weights = {parameter.untyped_storage().data_ptr() for parameter in learnt}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        half = in_half(config, batch.student.points.device)
        losses = step_losses(
            parts.model, parts.distiller, batch, config, parts.trained_on, 0, half
        )
    size = sum(parameter.numel() * parameter.element_size() for parameter in learnt)
    memory = {
        "weights": size,
        "gradients and the optimiser's moments": 3 * size,
        "kept for the backward pass": sum(kept.values()),
    }
    if parts.distiller is not None:
        teacher = parts.distiller.teacher.model.parameters()
        memory["teacher"] = sum(each.numel() * each.element_size() for each in teacher)
    return losses, {**memory, "together, at least": sum(memory.values())}
