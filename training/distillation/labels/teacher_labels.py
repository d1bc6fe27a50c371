"""A batch's targets, made anew from its labels and the teacher's boxes."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from pd_ros.detection.boxes import iou_3d
from pd_ros.detection.families import AnyModelConfig
from pd_ros.detection.types import AnyOutput, Detections
from training.batches.collate import Batch, move_targets
from training.config.sparse import LabelConfig
from training.datasets.frame import Labels
from training.distillation.decoding import BoxDecoder
from training.distillation.method import ConfigPair, MethodUse
from training.objectives.families import make_target_assigner, many_boxes_an_object


def known_classes(use: MethodUse[LabelConfig, ConfigPair]) -> Iterator[str]:
    """The classes that it names are the student's."""
    classes = use.pair.student.classes
    if unknown := sorted({*use.config.thresholds, *use.config.by_overlap} - set(classes)):
        yield f"labels: {unknown} are none of the classes {list(classes)}"


def _nms_iou(config: LabelConfig, teacher: AnyModelConfig) -> float | None:
    """Overlap above which boxes are suppressed; 1: none is, None: the teacher's own rule.

    SparseKD's released code takes a center head's boxes as they are decoded, and an anchor head's,
    of which many stand around each object, after suppression.
    """
    return 1.0 if config.variant == "released" and not many_boxes_an_object(teacher) else None


class TeacherLabels:
    """Label KD (see ``LabelConfig``): boxes of the teacher are learnt as if they were true."""

    def __init__(self, config: LabelConfig, pair: ConfigPair, box_radius: int) -> None:
        self._config = config
        self._classes = pair.student.classes
        self._released = config.variant == "released"
        self._decode = BoxDecoder(pair.teacher, _nms_iou(config, pair.teacher))
        self._targets = make_target_assigner(pair.student, box_radius, shared_cells=self._released)

    def __call__(self, batch: Batch, taught: AnyOutput) -> Batch:
        """The batch with new targets for the student; the terms keep the ground truth."""
        found = self._decode(taught)
        labels = [self._join(*each) for each in zip(batch.labels, found, strict=True)]
        device = batch.student.points.device
        return batch._replace(targets=move_targets(self._targets(labels), device))

    def _join(self, labels: Labels, found: Detections) -> Labels:
        if not labels.labelled:  # nothing true to stand beside
            return labels
        kept = kept_boxes(found.cpu(), labels.boxes, self._config, self._classes)
        return join_labels(labels, kept, truth_first=not self._released)


def kept_boxes(
    found: Detections, truth: Tensor, config: LabelConfig, classes: Sequence[str]
) -> Detections:
    """The boxes whose score is above their class' threshold; truth ``[M, 7]``.

    The score is the teacher's, or for the classes ``by_overlap`` the best IoU with a true box.
    """
    limits = found.scores.new_tensor(
        [config.thresholds.get(name, config.threshold) for name in classes]
    )
    overlapping = torch.tensor([name in config.by_overlap for name in classes])
    score = found.scores
    if overlapping.any():
        overlap = iou_3d(found.boxes, truth)
        best = overlap.amax(dim=1) if len(truth) else torch.zeros_like(score)
        score = torch.where(overlapping[found.labels], best, score)
    return found.select(score > limits[found.labels])


def join_labels(labels: Labels, found: Detections, truth_first: bool) -> Labels:
    """Ground truth and found boxes together; what is first wins where only one can."""
    parts = [labels, Labels(found.boxes, found.labels, labels.ignored, found.velocities)]
    if not truth_first:
        parts.reverse()
    return labels._replace(
        boxes=torch.cat([part.boxes for part in parts]),
        classes=torch.cat([part.classes for part in parts]),
        velocities=torch.cat([part.all_velocities() for part in parts]),
    )
