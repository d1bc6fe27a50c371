"""Which boxes of a batch features are compared under."""

from typing import Literal

from torch import Tensor

from training.distillation.decoding import BoxDecoder
from training.distillation.term import Lesson, Pair

Boxes = Literal["truth", "teacher", "student"]


class BoxSource:
    """The true boxes, or those that one of the networks finds with enough score."""

    def __init__(self, kind: Boxes, pair: Pair, threshold: float) -> None:
        self._kind = kind
        config = pair.teacher if kind == "teacher" else pair.student
        self._decode = BoxDecoder(config, score=threshold)

    def __call__(self, lesson: Lesson) -> list[Tensor]:
        """Boxes ``[N_i, 7]`` of every sample, as constants."""
        if self._kind == "truth":
            return [labels.boxes for labels in lesson.batch.labels]
        output = lesson.teacher if self._kind == "teacher" else lesson.student
        return [found.boxes.detach() for found in self._decode(output)]
