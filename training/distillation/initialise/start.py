"""A student's first weights, where they are a teacher's."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from pd_ros.detection.bev.detector import BevDetector
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.families import AnyModel, AnyModelConfig
from pd_ros.detection.types import PillarBatch
from training.batches.collate import Collate, Sample, move_batch
from training.config.area import area_of
from training.config.run import TrainConfig
from training.distillation.initialise.channel_selection import Example, make_example
from training.distillation.initialise.channels import CopiedLayer
from training.distillation.initialise.copy_weights import initialise
from training.distillation.teacher import Teacher, load_teacher


def start_from_teacher(
    student: AnyModel,
    network: AnyModelConfig,
    config: TrainConfig,
    frames: Iterable[Sequence[Sample]],
) -> list[CopiedLayer]:
    """Initialise a student on its device, if its run asks for it; the layers that got weights.

    ``network``: the student's config as it is trained; ``frames``: those of its batches, of which
    as many are taken as the way needs. Raises ``ValueError`` for a checkpoint that cannot be read.
    """
    if config.distill is None or config.distill.initialise is None:
        return []
    assert isinstance(student, BevDetector) and isinstance(network, ModelConfig)
    settings, device = config.distill.initialise, next(student.parameters()).device
    path, fits = Path(settings.checkpoint or config.distill.teacher), settings.way == "reconstruct"
    teacher = load_teacher(path, area_of(network) if fits else None)
    source = teacher.model.to(device)
    assert isinstance(source, BevDetector)
    batches = -(-settings.frames // config.schedule.batch_size) if fits else 0
    examples = list(_examples(teacher, network, islice(frames, batches)))
    learning = student.training
    try:
        return initialise(student.eval(), source, settings, examples)
    finally:
        student.train(learning)


def _examples(
    teacher: Teacher, network: ModelConfig, frames: Iterable[Sequence[Sample]]
) -> Iterator[Example]:
    collate, model = Collate(network, teacher.config), teacher.model
    assert isinstance(model, BevDetector)
    device = next(model.parameters()).device
    for samples in frames:
        # Layers are compared row by row, so both networks see the student's points.
        same = [sample._replace(teacher_points=None) for sample in samples]
        batch = move_batch(collate(same), device)
        assert isinstance(batch.student, PillarBatch) and isinstance(batch.teacher, PillarBatch)
        yield make_example(model, batch.student, batch.teacher)
