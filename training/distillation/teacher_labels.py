"""A batch's targets, made anew from its labels and the teacher's boxes."""

from pd_ros.detection.types import AnyOutput, Detections
from training.collate import Batch
from training.distillation.decoding import BoxDecoder
from training.distillation.label_join import join_labels, kept_boxes
from training.distillation.sparse_config import LabelConfig
from training.distillation.term import AnyPair
from training.labels import Labels
from training.target_maker import make_target_maker
from training.transfer import move_targets


class TeacherLabels:
    """Label KD (see ``LabelConfig``): boxes of the teacher are learnt as if they were true."""

    def __init__(self, config: LabelConfig, pair: AnyPair, box_radius: int) -> None:
        self._config = config
        self._classes = pair.student.classes
        self._released = config.variant == "released"
        self._decode = BoxDecoder(pair.teacher, 1.0 if self._released else None)
        self._targets = make_target_maker(pair.student, box_radius, shared_cells=self._released)

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
