"""Batches of student and teacher, and their way from a worker process."""

import pickle

import pytest
import torch
from nested_tensors import tensors
from small_model import ANCHORS, SMALL

from pd_ros.detection.config.bev import ModelConfig
from training.batches.collate import Batch, Collate, Packing, Sample
from training.datasets.frame import Labels
from training.objectives.families import same_input, same_targets

POINTS = torch.tensor([[1.0, 2.0, -1.0, 0.5], [1.1, 2.0, -1.0, 0.1], [-3.0, 0.0, -1.5, 0.9]])
BOXES = torch.tensor([[1.0, 2.0, -1.0, 3.0, 2.0, 1.5, 0.3], [-3.0, 0.0, -1.0, 0.7, 0.7, 1.7, 0.0]])


def samples() -> list[Sample]:
    labels = Labels(BOXES, torch.tensor([0, 1]), torch.zeros(0, 7))
    nothing = Labels(torch.zeros(0, 7), torch.zeros(0, dtype=torch.int64), torch.zeros(0, 7))
    return [Sample(POINTS, labels, 1), Sample(torch.zeros(0, 4), nothing, 2)]


def changed(**changes: object) -> ModelConfig:
    return ModelConfig.model_validate(SMALL | changes)


NARROW = {"head": {"width": 4}, "name": "narrow"}
GRID = SMALL["grid"]
COARSE = {"grid": {**GRID, "pillar_size_m": [2 * side for side in GRID["pillar_size_m"]]}}


@pytest.mark.parametrize(
    ("changes", "inputs", "targets"),
    [
        (NARROW, True, True),
        (COARSE, False, False),
        ({"head": ANCHORS}, True, False),
        ({"capacity": {"max_points_per_pillar": 1}}, False, True),
    ],
    ids=["narrower", "coarser", "anchors", "capped"],
)
def test_a_teacher_shares_what_would_be_the_same(changes, inputs, targets) -> None:
    """And what is shared is what it would have been given alone."""
    student, teacher = changed(), changed(**changes)
    assert same_input(student, teacher) == inputs
    assert same_targets(student, teacher) == targets
    batch = Collate(student, teacher, 1)(samples())
    assert (batch.teacher is batch.student) == inputs
    assert (batch.teacher_targets is batch.targets) == targets
    alone = Collate(teacher, None, 1)(samples())
    given = tensors((batch.teacher, batch.teacher_targets))
    for one, other in zip(given, tensors((alone.student, alone.targets)), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_a_batch_is_on_arrival_what_it_was() -> None:
    """Types, values, sharing; and it can be written to."""
    collate = Collate(changed(), changed(**NARROW))
    sent = collate(samples())
    arrived = pickle.loads(pickle.dumps(Packing(collate)(samples())))
    assert isinstance(arrived, Batch) and type(arrived.targets) is type(sent.targets)
    assert arrived.teacher is arrived.student
    for one, other in zip(tensors(arrived), tensors(sent), strict=True):
        assert one.dtype == other.dtype
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    arrived.student.points[0] = 7
