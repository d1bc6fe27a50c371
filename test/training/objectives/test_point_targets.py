import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pd_ros.detection.boxes import points_in_boxes
from pd_ros.detection.types import Proposals
from training.datasets.frame import Labels
from training.objectives.point_targets import (
    BACKGROUND,
    NOT_COUNTED,
    draw_regions,
    label_points,
    make_point_targets,
    match_proposals,
)

SIZES = ((4.0, 2.0, 1.5), (0.8, 0.6, 1.7))
CAR, BESIDE = [10.0, 0, 0, 4, 2, 2, 0], [12.0, 0, 0, 4, 2, 2, 0]


def labels(boxes, classes, ignored=()):
    return Labels(
        torch.tensor(boxes).view(-1, 7), torch.tensor(classes, dtype=torch.int64),
        torch.tensor(ignored).view(-1, 7),
    )  # fmt: skip


def test_objects_know_their_samples() -> None:
    frames = [labels([], []), labels([CAR, BESIDE], [0, 1]), labels([CAR], [1], [BESIDE])]
    targets = make_point_targets(frames, SIZES)
    assert targets.sample.tolist() == [1, 1, 2]
    assert targets.classes.tolist() == [0, 1, 1]
    assert targets.ignored_sample.tolist() == [2]
    torch.testing.assert_close(targets.sizes, torch.tensor(SIZES))


def test_points_on_beside_and_far_from_an_object() -> None:
    frames = [labels([CAR], [1], [[-5.0, 0, 0, 2, 2, 2, 0]]), labels([], [])]
    points = torch.tensor([[10.0, 0, 0], [12.1, 0, 0], [12.3, 0, 0], [10, 0, 1.19], [-5, 0, 0]])
    found = label_points(points.expand(2, -1, -1), make_point_targets(frames, SIZES))
    assert found.label[0].tolist() == [1, NOT_COUNTED, BACKGROUND, NOT_COUNTED, NOT_COUNTED]
    assert found.label[1].tolist() == [BACKGROUND] * 5


def test_a_point_in_two_boxes_is_the_firsts_and_an_object_beats_a_border() -> None:
    frames = [labels([], []), labels([CAR, BESIDE], [0, 1])]
    points = torch.tensor([[[0.0, 0, 0]] * 3, [[11.0, 0, 0], [12.1, 0, 0], [9.9, 0, 0]]])
    found = label_points(points, make_point_targets(frames, SIZES))
    assert found.label[1].tolist() == [0, 1, 0]
    assert found.owner[1].tolist() == [0, 1, 0]


@given(st.integers(0, 10_000))
def test_every_point_agrees_with_its_own_look_at_all_boxes(seed) -> None:
    generator = torch.Generator().manual_seed(seed)
    boxes = torch.rand(5, 7, generator=generator) * 4 + torch.tensor([0, 0, 0, 1, 1, 1, 0.0])
    points = torch.rand(2, 50, 3, generator=generator) * 8
    frames = [
        Labels(boxes[:2], torch.tensor([0, 1]), boxes[4:]),
        Labels(boxes[2:4], torch.tensor([1, 0]), boxes[:0]),
    ]
    found = label_points(points, make_point_targets(frames, SIZES))
    for number, frame in enumerate(frames):
        for point, label in zip(points[number], found.label[number].tolist(), strict=True):
            inside = points_in_boxes(point[None], frame.boxes)[:, 0].tolist()
            near = points_in_boxes(point[None], frame.boxes, 0.2).any()
            ignored = points_in_boxes(point[None], frame.ignored).any()
            outside = NOT_COUNTED if near or ignored else BACKGROUND
            expected = frame.classes[inside.index(True)] if any(inside) else outside
            assert label == expected


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
