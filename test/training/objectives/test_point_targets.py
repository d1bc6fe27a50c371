import torch
from hypothesis import given
from hypothesis import strategies as st

from pd_ros.detection.boxes import points_in_boxes
from training.datasets.frame import Labels
from training.objectives.point_targets import (
    BACKGROUND,
    NOT_COUNTED,
    label_points,
    make_point_targets,
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
