import math

import torch
from hypothesis import given
from hypothesis import strategies as st

from pd_ros.detection.boxes import points_in_boxes
from pd_ros.detection.point_rcnn.box_coder import (
    decode_from_points,
    encode_from_points,
    into_proposals,
    out_of_proposals,
    own_frame,
)
from pd_ros.detection.point_rcnn.proposals import pool_points, to_canonical

seeds = st.integers(0, 10_000)


def some_boxes(seed, count):
    generator = torch.Generator().manual_seed(seed)
    scale = torch.tensor([20.0, 20, 2, 5, 3, 2, 6])
    return torch.rand(count, 7, generator=generator, dtype=torch.float64) * scale + torch.tensor(
        [-10, -10, -1, 0.5, 0.5, 0.5, -3]
    )


@given(seeds)
def test_boxes_come_back_from_points_and_from_proposals(seed) -> None:
    boxes, proposals = some_boxes(seed, 20), some_boxes(seed + 1, 20)
    points, sizes = some_boxes(seed + 2, 20)[:, :3], proposals[:, 3:6]
    values = encode_from_points(boxes, points, sizes)
    torch.testing.assert_close(decode_from_points(values, points, sizes), boxes)
    inside = into_proposals(boxes, proposals)
    torch.testing.assert_close(out_of_proposals(inside, proposals), boxes)


def test_differences_from_a_point_by_hand() -> None:
    box = torch.tensor([[5.0, -10, 1, 4 * math.e, 3, 2, math.pi / 2]])
    values = encode_from_points(box, torch.zeros(1, 3), torch.tensor([[4.0, 3, 2]]))
    expected = torch.tensor([[1.0, -2, 0.5, 1, 0, 0, 0, 1]])
    torch.testing.assert_close(values, expected)


def test_a_proposal_is_the_origin_of_its_frame() -> None:
    proposals = some_boxes(3, 4)
    torch.testing.assert_close(into_proposals(proposals, proposals), own_frame(proposals))


@given(seeds)
def test_points_in_a_proposals_frame_lie_where_its_box_says(seed) -> None:
    proposals = some_boxes(seed, 5)
    points = some_boxes(seed + 1, 40)[:, :3]
    local = to_canonical(points.expand(5, -1, -1), proposals)
    inside = (local.abs() <= proposals[:, None, 3:6] / 2).all(dim=2)
    assert torch.equal(inside, points_in_boxes(points, proposals))


@given(seeds, st.sampled_from([1, 4, 60]))
def test_pooled_points_are_the_first_inside_and_repeat(seed, count) -> None:
    proposals, points = some_boxes(seed, 6), some_boxes(seed + 1, 40)[:, :3]
    index, holds = pool_points(points, proposals, count)
    for number, inside in enumerate(points_in_boxes(points, proposals)):
        members = inside.nonzero().squeeze(1).tolist()
        assert holds[number] == bool(members)
        if members:
            expected = [members[i % len(members)] for i in range(count)][:count]
            assert index[number].tolist() == expected
