"""Two small networks that see the same two clouds, with a car and a pedestrian each."""

from typing import NamedTuple

import torch
from small_model import small_config, small_pyramid_config

from pd_ros.detection.bev.detector import BevDetector
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.families import build_model
from training.batches.collate import Batch, Collate, Sample
from training.datasets.frame import Labels
from training.distillation.method import BevPair, DistillBatch

WIDE = {
    "name": "wide",
    "encoder": {"widths": [12, 16]},
    "backbone": {"widths": [12, 24], "layers": [1, 1], "strides": [1, 2]},
    "neck": {"widths": [12, 12], "strides": [1, 2]},
    "head": {"width": 12},
}


class Classroom(NamedTuple):
    """A student, a teacher, and what both look at."""

    pair: BevPair
    student: BevDetector
    teacher: BevDetector
    batch: Batch

    def outputs(self, epoch: int = 0) -> DistillBatch:
        """What both say now; the teacher's maps still have their gradient."""
        assert self.batch.teacher is not None
        return DistillBatch(
            self.student(self.batch.student), self.teacher(self.batch.teacher), self.batch, epoch
        )


def classroom(student: ModelConfig, teacher: ModelConfig, seed: int = 0) -> Classroom:
    torch.manual_seed(seed)
    networks = build_model(student), build_model(teacher).eval()
    return Classroom(BevPair(student, teacher), *networks, Collate(student, teacher)(samples()))


def narrow_and_wide(**changes: object) -> Classroom:
    """A student and a teacher of more channels; ``changes`` of both configs."""
    return classroom(small_config(**changes), small_config(**{**WIDE, **changes}))


def narrow_and_wide_pyramid() -> Classroom:
    """The same with two levels, anchors of no class and velocities."""
    wide = {key: WIDE[key] for key in ("name", "encoder", "backbone")}
    teacher = small_pyramid_config(**wide, neck={"kind": "pyramid", "width": 12})
    return classroom(small_pyramid_config(), teacher)


def samples() -> list[Sample]:
    boxes = torch.tensor([[3.3, 2.2, -1, 4, 2, 1.5, 0.4], [-4.1, 1.7, -1, 0.8, 0.7, 1.7, 1.0]])
    turned = boxes * torch.tensor([-1, -1, 1, 1, 1, 1, 1])
    return [Sample(_cloud(each, i), Labels(each, torch.tensor([0, 1]), boxes[:0]), i)
            for i, each in enumerate((boxes, turned))]  # fmt: skip


def _cloud(boxes: torch.Tensor, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    ground = torch.rand(200, 3, generator=generator) * torch.tensor([16, 16, 0.1])
    ground = ground - torch.tensor([8, 8, 1.8])
    blocks = [box[:3] + (torch.rand(40, 3, generator=generator) - 0.5) * box[3:6] for box in boxes]
    xyz = torch.cat((ground, *blocks))
    return torch.cat((xyz, torch.full((len(xyz), 1), 0.5)), dim=1)
