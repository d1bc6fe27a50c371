import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pd_ros.benchmark.proposals import draw_proposals
from pd_ros.detection.boxes import bev_iou, nms

CAR = [10.0, 2.0, -1.0, 4.0, 2.0, 1.5, 0.0]


def random_boxes(seed, count, spread):
    generator = torch.Generator().manual_seed(seed)
    scale = torch.tensor([spread, spread, 1.0, 4.0, 2.0, 1.0, 2 * math.pi])
    return torch.rand(count, 7, generator=generator) * scale + torch.tensor(
        [0, 0, 0, 0.5, 0.5, 0.5, 0]
    )


def greedy(boxes, scores, threshold):
    """One box after the other, with the whole matrix of exact overlaps."""
    over, kept = (bev_iou(boxes, boxes) > threshold).tolist(), []
    for i in torch.argsort(scores, descending=True, stable=True).tolist():
        if not any(over[j][i] for j in kept):
            kept.append(i)
    return kept


def test_reference_nms_sets(data_dir) -> None:
    sets = np.load(data_dir / "reference/iou/nms.npz", allow_pickle=False)
    names = sorted(key.removeprefix("boxes_") for key in sets if key.startswith("boxes_"))
    assert len(names) == 17
    for name in names:
        boxes_k, scores = torch.tensor(sets[f"boxes_{name}"]), torch.tensor(sets[f"scores_{name}"])
        kept = nms(boxes_k, scores, float(sets[f"thresh_{name}"]))
        assert kept.tolist() == sets[f"keep_agnostic_{name}"].tolist(), name


def test_nms_keeps_the_lower_index_of_equal_scores_and_at_most_max_keep() -> None:
    twice = torch.tensor([CAR, CAR, [30.0, *CAR[1:]]])
    scores = torch.tensor([0.5, 0.5, 0.9])
    assert nms(twice, scores, 0.5).tolist() == [2, 0]
    assert nms(twice, scores, 0.5, max_keep=1).tolist() == [2]


def test_no_boxes_give_no_indices() -> None:
    assert nms(torch.zeros(0, 7), torch.zeros(0), 0.5).shape == (0,)


@given(st.integers(0, 10_000), st.integers(1, 60), st.sampled_from([0.0, 0.1, 0.2, 0.5, 0.9]))
def test_equals_plain_greedy_suppression(seed, count, threshold) -> None:
    boxes = random_boxes(seed, count, 12.0)
    scores = torch.rand(count, generator=torch.Generator().manual_seed(seed))
    assert nms(boxes, scores, threshold).tolist() == greedy(boxes, scores, threshold)


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.2, 0.9]), st.sampled_from([None, 1, 9, 30]))
def test_equals_plain_greedy_suppression_in_blocks(seed, threshold, most) -> None:
    boxes = random_boxes(seed, 60, 12.0)
    scores = torch.rand(60, generator=torch.Generator().manual_seed(seed))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pd_ros.detection.geometry.nms._FIRST_BLOCK", 4)
        patch.setattr("pd_ros.detection.geometry.nms._MOST_BLOCK", 9)
        assert (
            nms(boxes, scores, threshold, most).tolist()
            == (greedy(boxes, scores, threshold)[:most])
        )


@pytest.mark.parametrize("threshold", [0.01, 0.2, 0.5, 0.7])
def test_equals_plain_greedy_suppression_of_a_detectors_proposals(threshold) -> None:
    boxes, scores = draw_proposals(1500, 25, 0.25, seed=3)
    kept = nms(boxes, scores, threshold)
    assert kept.tolist() == greedy(boxes, scores, threshold)
    assert 25 < len(kept) < 1000


def test_an_overlap_that_equals_the_threshold_suppresses_nothing() -> None:
    """Of which only the exact overlap can tell."""
    boxes = torch.tensor([CAR, [12.0, *CAR[1:]]])
    third = float(torch.tensor(1 / 3))
    assert nms(boxes, torch.tensor([0.9, 0.5]), third).tolist() == [0, 1]
    assert nms(boxes, torch.tensor([0.9, 0.5]), third - 1e-6).tolist() == [0]


def test_boxes_that_are_nowhere_suppress_nothing() -> None:
    boxes = torch.tensor([[math.nan] * 7, CAR, [math.inf, *CAR[1:]], CAR])
    assert nms(boxes, torch.tensor([0.9, 0.8, 0.7, 0.6]), 0.2).tolist() == [0, 1, 2]
