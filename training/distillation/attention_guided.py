"""Attention-guided and non-local feature distillation (Zhang and Ma 2021)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.distillation.compared_config import AttentionGuidedConfig
from training.distillation.maps import resize_to, tapped_widths
from training.distillation.non_local import NonLocal
from training.distillation.term import Lesson, Pair, Term


class AttentionGuided(Term):
    """Four terms on the neck's map: features under attention, attention itself, relations.

    Each is the length of one vector over the whole batch, so its scale depends on the map's size.
    """

    reads = ("neck",)

    def __init__(self, config: AttentionGuidedConfig, pair: Pair) -> None:
        super().__init__()
        self.config = config
        (mine,), (theirs,) = (tapped_widths(network, "neck") for network in pair)
        self.features = nn.Conv2d(mine, theirs, 1)
        self.channels = nn.Linear(mine, theirs)
        self.places = nn.Conv2d(1, 1, 3, padding=1)
        self.relations = nn.Conv2d(mine, theirs, 1)
        self.student_relation = NonLocal(mine, config.subsample)
        self.teacher_relation = NonLocal(theirs, config.subsample)

    def forward(self, lesson: Lesson) -> Tensor:
        """Loss of a batch; the student's map is brought to the teacher's size."""
        teacher = lesson.teacher.neck.float()
        student = resize_to(lesson.student.neck.float(), teacher)
        temperature = self.config.temperature
        mask = (place_attention(student, temperature) + place_attention(teacher, temperature)) / 2
        weight = mask.detach().sqrt()[:, None]
        imitation = _length(weight * (teacher - self.features(student)))
        channels = _length(teacher.mean((2, 3)) - self.channels(student.mean((2, 3))))
        mine = self.places(student.mean(dim=1, keepdim=True))
        places = _length(teacher.mean(dim=1, keepdim=True) - mine)
        related = self.relations(self.student_relation(student))
        relation = _length(self.teacher_relation(teacher) - related)
        return (
            self.config.imitation * imitation
            + self.config.channels * channels
            + self.config.places * places
            + self.config.relation * relation
        )


def place_attention(feature_map: Tensor, temperature: float) -> Tensor:
    """Softmax over cells of the mean ``|F|``, times their number: ``[B, H, W]`` of mean 1."""
    activity = feature_map.abs().mean(dim=1)
    shares = F.softmax(activity.flatten(1) / temperature, dim=1)
    return (shares * shares.shape[1]).view_as(activity)


def _length(vector: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(vector)
    return length
