"""Distil attention.

Attention transfer (Zagoruyko and Komodakis 2017); attention-guided and non-local distillation
(Zhang and Ma 2021).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.config.compared import AttentionConfig, AttentionGuidedConfig
from training.distillation.maps import resize_to, tapped_maps, tapped_widths
from training.distillation.method import BevPair, DistillBatch, DistillLoss
from training.distillation.requirements import same_tapped_stages


class Attention(DistillLoss):
    """Where a network is active, whatever its channels; summed over maps."""

    requires = (same_tapped_stages,)

    def __init__(self, config: AttentionConfig) -> None:
        super().__init__()
        self.config = config
        self.reads = (config.tap,)

    def forward(self, outputs: DistillBatch) -> Tensor:
        """Loss of a batch; of maps of different sizes the larger is averaged down."""
        maps = (tapped_maps(o, self.config.tap) for o in (outputs.student, outputs.teacher))
        losses = []
        for student, teacher in zip(*maps, strict=True):
            rows, columns = (
                min(b) for b in zip(student.shape[2:], teacher.shape[2:], strict=True)
            )
            small = (F.adaptive_avg_pool2d(each, (rows, columns)) for each in (student, teacher))
            mine, theirs = (attention_map(each, self.config.power) for each in small)
            losses.append(F.mse_loss(mine, theirs))
        return torch.stack(losses).sum()


def attention_map(feature_map: Tensor, power: float) -> Tensor:
    """Mean over channels of ``|F|^power``, of length 1 for each sample: ``[B, H * W]``."""
    return F.normalize(feature_map.abs().pow(power).mean(dim=1).flatten(1), dim=1)


class AttentionGuided(DistillLoss):
    """Four terms on the neck's map: features under attention, attention itself, relations.

    Each is the length of one vector over the whole batch, so its scale depends on the map's size.
    """

    reads = ("neck",)

    def __init__(self, config: AttentionGuidedConfig, pair: BevPair) -> None:
        super().__init__()
        self.config = config
        (mine,), (theirs,) = (tapped_widths(network, "neck") for network in pair)
        self.features = nn.Conv2d(mine, theirs, 1)
        self.channels = nn.Linear(mine, theirs)
        self.places = nn.Conv2d(1, 1, 3, padding=1)
        self.relations = nn.Conv2d(mine, theirs, 1)
        self.student_relation = NonLocal(mine, config.subsample)
        self.teacher_relation = NonLocal(theirs, config.subsample)

    def forward(self, outputs: DistillBatch) -> Tensor:
        """Loss of a batch; the student's map is brought to the teacher's size."""
        teacher = outputs.teacher.neck.float()
        student = resize_to(outputs.student.neck.float(), teacher)
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


class NonLocal(nn.Module):
    """Dot products without softmax, of positions with a subsampled set of them; residual."""

    def __init__(self, channels: int, subsample: int) -> None:
        super().__init__()
        inner = max(1, channels // 2)
        self._subsample = subsample
        self.query = nn.Conv2d(channels, inner, 1)
        self.key = nn.Conv2d(channels, inner, 1)
        self.value = nn.Conv2d(channels, inner, 1)
        self.out = nn.Sequential(nn.Conv2d(inner, channels, 1), nn.BatchNorm2d(channels))
        norm = self.out[1]
        assert isinstance(norm, nn.BatchNorm2d)
        nn.init.zeros_(norm.weight)  # the block starts as the identity

    def forward(self, feature_map: Tensor) -> Tensor:
        """Same shape ``[B, C, H, W]``."""
        key, value = self.key(feature_map), self.value(feature_map)
        kernel = [min(self._subsample, size) for size in feature_map.shape[2:]]
        key, value = (F.max_pool2d(each, kernel).flatten(2) for each in (key, value))
        query = self.query(feature_map)
        # Values are gathered over the pooled positions first: the same product, in less memory.
        context = value @ key.transpose(1, 2) / key.shape[2]
        gathered = (context @ query.flatten(2)).view_as(query)
        out: Tensor = self.out(gathered)
        return feature_map + out
