"""The teacher's boxes as labels of clouds of which nobody said what is in them."""

from collections.abc import Iterator

from pd_ros.detection.types import AnyOutput, Detections
from training.batches.collate import Batch, move_targets
from training.config.point import UnlabelledConfig
from training.datasets.frame import Labels
from training.distillation.decoding import LEAST_SCORE, BoxDecoder
from training.distillation.labels.calibration import ScoreCalibration
from training.distillation.method import ConfigPair, MethodUse
from training.objectives.families import make_target_assigner


def unlabelled_sources(use: MethodUse[UnlabelledConfig, ConfigPair]) -> Iterator[str]:
    """There are unlabelled clouds, and labelled ones to calibrate scores on."""
    run = use.run
    if all(source.labelled for source in run.data):
        yield "unlabelled: no source of data says labelled: false; remove it, or name one"
    sources = run.validation or run.data
    if use.config.calibration_sweeps and not any(source.labelled for source in sources):
        yield (
            "unlabelled.calibration_sweeps: there is no labelled source to calibrate scores on;"
            " add one under validation, or set it to 0 to take scores as they are"
        )


class UnlabelledBoxes:
    """Replaces the labels of unlabelled clouds, and makes the targets of their batch anew."""

    def __init__(
        self,
        config: UnlabelledConfig,
        pair: ConfigPair,
        calibration: ScoreCalibration | None,
        box_radius: int,
    ) -> None:
        self._config = config
        self._calibration = calibration
        self._decode = BoxDecoder(pair.teacher, score=LEAST_SCORE)
        self._targets = [make_target_assigner(network, box_radius) for network in pair]

    def __call__(self, batch: Batch, taught: AnyOutput) -> Batch:
        """The batch with labels and targets of its unlabelled clouds; the same one without any."""
        if all(labels.labelled for labels in batch.labels):
            return batch
        found = [each.cpu() for each in self._decode(taught)]
        labels = tuple(
            each if each.labelled else self.labels_of(boxes)
            for each, boxes in zip(batch.labels, found, strict=True)
        )
        device = batch.student.points.device
        student, teacher = (move_targets(make(labels), device) for make in self._targets)
        return batch._replace(targets=student, teacher_targets=teacher, labels=labels)

    def labels_of(self, found: Detections) -> Labels:
        """Likely boxes are learnt, doubtful ones ignored, all else is background."""
        if self._calibration is not None:
            found = self._calibration(found)
        sure = found.scores >= self._config.keep
        doubtful = ~sure & (found.scores >= self._config.ignore)
        learnt, ignored = found.select(sure), found.boxes[doubtful]
        return Labels(learnt.boxes, learnt.labels, ignored, learnt.velocities, labelled=False)
