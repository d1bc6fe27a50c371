import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pd_ros.detection.types import Proposals
from training.datasets.frame import Labels
from training.objectives.point_targets import make_point_targets
from training.objectives.roi_sampler import draw_regions, match_proposals

SIZES = ((4.0, 2.0, 1.5), (0.8, 0.6, 1.7))
CAR = [10.0, 0, 0, 4, 2, 2, 0]


def moved(box, by):
    return [box[0] + by, *box[1:]]


def frame(boxes, classes, ignored=()):
    return Labels(
        torch.tensor(boxes).view(-1, 7), torch.tensor(classes, dtype=torch.int64),
        torch.tensor(ignored).view(-1, 7),
    )  # fmt: skip


def proposals(rows):
    """Rows of box, label, sample."""
    boxes, labels, samples = zip(*rows, strict=True)
    return Proposals(torch.tensor(boxes), torch.tensor(labels), torch.tensor(samples))


def test_only_objects_of_the_same_sample_and_class_match() -> None:
    frames = [frame([CAR, moved(CAR, 1)], [0, 0]), frame([CAR], [1])]
    found = match_proposals(
        proposals([(CAR, 0, 0), (CAR, 1, 0), (CAR, 1, 1), (moved(CAR, 2), 0, 0), (CAR, 0, 1)]),
        make_point_targets(frames, SIZES),
    )
    # Moved by 1 of 4 m: 3 m shared of 5 m.
    torch.testing.assert_close(found.iou, torch.tensor([1, 0, 1, 0.6, 0]))
    assert found.owner[[0, 2, 3]].tolist() == [0, 2, 1]
    assert not found.hidden.any()


def test_what_touches_an_ignored_box_of_its_sample_is_hidden() -> None:
    frames = [frame([], [], [moved(CAR, 3)]), frame([CAR], [0])]
    rows = [(CAR, 0, 0), (moved(CAR, -2), 0, 0), (CAR, 0, 1)]
    found = match_proposals(proposals(rows), make_point_targets(frames, SIZES))
    assert found.hidden.tolist() == [True, False, False]


def test_no_objects_at_all() -> None:
    targets = make_point_targets([frame([], [])], SIZES)
    assert match_proposals(proposals([(CAR, 0, 0)]), targets).iou.tolist() == [0]


@pytest.mark.parametrize(
    ("iou", "expected"),  # numbers of foreground, hard and easy background of 20
    [
        ([0.9] * 30 + [0.3] * 30 + [0.0] * 30, (10, 8, 2)),
        ([0.9] * 2 + [0.3] * 30 + [0.0] * 30, (2, 14, 4)),
        ([0.9] * 30 + [0.0] * 3, (10, 0, 10)),
        ([0.9] * 30 + [0.3] * 3, (10, 10, 0)),
        ([0.55] * 3, (20, 0, 0)),
        ([0.1, 0.54], (0, 20, 0)),
        ([0.0] * 50, (0, 0, 20)),
    ],
)
def test_shares_of_what_is_drawn(iou, expected) -> None:
    overlaps = torch.tensor(iou)
    drawn = overlaps[draw_regions(overlaps, 20, torch.Generator())]
    hard = ((drawn >= 0.1) & (drawn < 0.55)).sum()
    assert ((drawn >= 0.55).sum(), hard, (drawn < 0.1).sum()) == expected


@given(st.integers(0, 10_000), st.integers(0, 40))
def test_the_seed_decides_and_none_is_repeated_before_all_are_drawn(seed, count) -> None:
    overlaps = torch.rand(count, generator=torch.Generator().manual_seed(seed))
    first, again = (
        draw_regions(overlaps, 16, torch.Generator().manual_seed(seed)) for _ in range(2)
    )
    assert torch.equal(first, again)
    assert len(first) == (16 if count else 0)
    foreground = (overlaps >= 0.55).nonzero().squeeze(1)
    times = torch.bincount(first, minlength=count)[foreground]
    assert not len(times) or times.max() - times.min() <= 1
