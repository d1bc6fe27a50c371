"""What came out of one cloud, and of one recording."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from pd_ros.detection.types import Detections
from pd_ros.evaluation.agreement_sums import Agreement
from pd_ros.evaluation.lidar import GroundTruth
from pd_ros.pointcloud import Float32

ClassAgreement = dict[str, tuple[Agreement, ...]]  # by class, one for each range


class Reference(NamedTuple):
    """What the boxes of one cloud are measured by: labels, or a teacher's boxes."""

    truth: GroundTruth
    scores: Tensor  # [M] of the teacher; 1 for labels

    @classmethod
    def labels(cls, truth: GroundTruth) -> "Reference":
        """Return labels as a reference."""
        return cls(truth, torch.ones(len(truth.labels)))


class ModelAnswer(NamedTuple):
    """What one model said to one cloud."""

    found: Detections  # all of them, where the reference can judge them
    latency_s: float
    agreement: ClassAgreement | None  # of the confident ones; None without a reference
    disagreement: float  # 0 without a reference
    not_finite: int = 0  # values of the network that are not finite


class FrameResult(NamedTuple):
    """One cloud, with the answers of all models in their order."""

    frame: str  # the file's stem, or the stamp in nanoseconds
    recorded_s: float  # since the first cloud
    reference: Reference | None
    answers: tuple[ModelAnswer, ...]

    @property
    def disagreement(self) -> float:
        """Of all models together."""
        return sum(answer.disagreement for answer in self.answers)


class PicturedFrame(NamedTuple):
    """A frame to look at, with its points."""

    recording: str
    result: FrameResult
    points: Float32  # [N, 4]


class RecordingResult(NamedTuple):
    """All frames of one recording, and some to look at."""

    name: str
    path: Path
    frames: tuple[FrameResult, ...]
    pictured: tuple[PicturedFrame, ...]
    label_names: Counter[str]  # how many labels have each; of none where a teacher measures
    remarks: tuple[str, ...] = ()  # what is odd about its clouds, and what was left out
