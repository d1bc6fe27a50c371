"""Region pairs: disparities and choices worked out by hand."""

import pytest
import torch
from small_distill_batch import narrow_and_wide
from small_model import small_pyramid_config

from pd_ros.detection.config.base import parse_config
from training.config.compared import RegionPairsConfig
from training.config.run import TrainConfig
from training.distillation.feature.region_pairs import (
    RegionPairs,
    most_disparate,
    region_disparity,
)
from training.distillation.method import BevPair, MethodUse


def regions(*cells: list[float]) -> torch.Tensor:
    """One channel of 2 x 2 cells for each list."""
    return torch.tensor(cells, dtype=torch.float32).view(len(cells), 1, 2, 2)


def test_disparity_is_the_squared_difference_over_the_variance() -> None:
    # Student 0, 2, 0, 2: variance 1. Teacher 0, 6, 0, 6: variance 9. Their mean is 5; the squared
    # differences are 0, 16, 0, 16: mean 8.
    found = region_disparity(regions([0, 2, 0, 2]), regions([0, 6, 0, 6]))
    assert found.tolist() == pytest.approx([8 / 5])


def test_equal_regions_have_none_and_constant_ones_are_no_division_by_zero() -> None:
    same = regions([1, 2, 3, 4], [5, 5, 5, 5])
    assert region_disparity(same, same).tolist() == [0, 0]
    # No variance: that of 0.001 is taken. Squared difference 1.
    assert region_disparity(regions([0] * 4), regions([1] * 4)).tolist() == pytest.approx([1000])


def test_channels_of_another_scale_weigh_alike() -> None:
    student, teacher = regions([0, 2, 0, 2]), regions([0, 6, 0, 6])
    both = [torch.cat((each, 100 * each), dim=1) for each in (student, teacher)]
    assert region_disparity(*both).tolist() == pytest.approx([8 / 5])


def test_the_variance_has_no_gradient() -> None:
    student = regions([0, 2, 0, 2]).requires_grad_()
    region_disparity(student, regions([0, 6, 0, 6])).sum().backward()
    assert student.grad is not None
    # Half of 4 cells differ by -4: 2 * -4 / 4 cells / 5.
    assert student.grad.flatten().tolist() == pytest.approx([0, -0.4, 0, -0.4])


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, [2, 0]), (1.0, [2, 0, 3, 1]), (0.25, [2]), (0.01, [2])]
)
def test_the_most_disparate_share_is_chosen(share, expected) -> None:
    assert most_disparate(torch.tensor([3.0, 1.0, 5.0, 2.0]), share).tolist() == expected


def test_without_boxes_the_loss_is_nothing() -> None:
    room = narrow_and_wide()
    term = RegionPairs(RegionPairsConfig(score=1.0), room.pair)
    loss = term(room.outputs().with_constant_teacher())
    assert float(loss.detach()) == 0
    loss.backward()


def test_boxes_of_both_networks_are_regions() -> None:
    room = narrow_and_wide()
    outputs = room.outputs().with_constant_teacher()
    term = RegionPairs(RegionPairsConfig(score=0.05, share=1.0, response=0.0, grid=3), room.pair)
    loss = float(term(outputs).detach())
    mine, theirs = (source(outputs) for source in term._boxes)
    assert sum(map(len, mine)) > 0 and sum(map(len, theirs)) > 0
    term._boxes = term._boxes[:1]
    assert float(term(outputs).detach()) != pytest.approx(loss)


def test_a_pyramid_is_refused() -> None:
    network = small_pyramid_config()
    run = {"model": "x", "data": [{"path": "x"}], "out": "x",
           "schedule": {"epochs": 1, "frames_per_epoch": 2, "batch_size": 2}}  # fmt: skip
    config = parse_config(run, TrainConfig, "run")
    use = MethodUse("region_pairs", RegionPairsConfig(), BevPair(network, network), config)
    problems = [problem for each in RegionPairs.requires for problem in each(use)]
    assert problems == ["region_pairs: compares one map, a pyramid's head has 2; take mimic"]
