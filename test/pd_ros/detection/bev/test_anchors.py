import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from shapely import box as rectangle
from small_model import small_anchor_config, small_config, small_pyramid_config

from pd_ros.detection.bev.anchors import (
    anchor_head,
    decode_boxes,
    direction_bin,
    encode_boxes,
    level_anchors,
    make_anchors,
    nearest_bev_iou,
    yaw_in_bin,
)

angles = st.floats(-10, 10)


def some_boxes(seed, count):
    generator = torch.Generator().manual_seed(seed)
    scale = torch.tensor([20.0, 20, 2, 5, 3, 2, 6])
    return torch.rand(count, 7, generator=generator, dtype=torch.float64) * scale + torch.tensor(
        [-10, -10, -1, 0.5, 0.5, 0.5, -3]
    )


def test_anchors_stand_from_border_to_border_class_by_class_in_both_directions() -> None:
    anchors = make_anchors(small_anchor_config()).view(16, 16, 4, 7)
    torch.testing.assert_close(anchors[0, 0, 0], torch.tensor([-8.0, -8, -0.95, 3, 2, 1.5, 0]))
    torch.testing.assert_close(anchors[0, 0, 1, 6], torch.tensor(1.57))
    torch.testing.assert_close(anchors[15, 3, 2, :2], torch.tensor([-8 + 3 * 16 / 15, 8.0]))
    assert anchors[0, 0, 2, 3].item() == pytest.approx(0.8)


def test_anchors_of_a_pyramid_grow_with_its_cells_and_stand_at_their_centres() -> None:
    config = small_pyramid_config()
    fine, coarse = level_anchors(config)
    assert fine.shape == (16, 16, 4, 7) and coarse.shape == (8, 8, 4, 7)
    torch.testing.assert_close(fine[0, 1, 0], torch.tensor([-6.5, -7.5, -0.95, 3, 2, 1.5, 0]))
    torch.testing.assert_close(coarse[7, 1, 3], torch.tensor([-5.0, 7, -0.2, 2, 2, 3, 1.57]))
    assert torch.equal(make_anchors(config), torch.cat((fine.view(-1, 7), coarse.view(-1, 7))))


def test_a_head_without_anchors_is_refused() -> None:
    with pytest.raises(ValueError, match="small: expected a head with anchors"):
        anchor_head(small_config())


@given(st.integers(0, 1000))
def test_differences_bring_the_boxes_back(seed) -> None:
    boxes, anchors = some_boxes(seed, 20), some_boxes(seed + 1, 20)
    torch.testing.assert_close(decode_boxes(encode_boxes(boxes, anchors), anchors), boxes)


def test_differences_by_hand() -> None:
    anchor = torch.tensor([[0.0, 0, 0, 4, 3, 2, 0]])
    box = torch.tensor([[5.0, -10, 1, 4 * math.e, 3, 2, 0.5]])
    expected = torch.tensor([[1.0, -2, 0.5, 1, 0, 0, 0.5]])
    torch.testing.assert_close(encode_boxes(box, anchor), expected)
    moving = torch.cat((box, torch.tensor([[3.0, -1.0]])), dim=1)
    difference = encode_boxes(moving, anchor)
    torch.testing.assert_close(difference[:, 7:], torch.tensor([[3.0, -1.0]]))
    torch.testing.assert_close(decode_boxes(difference, anchor), moving)


@given(angles, st.sampled_from([0.0, 0.78539, -1.0]))
def test_a_yaw_comes_back_from_any_half_turn_with_its_direction(yaw, offset) -> None:
    true = torch.tensor([yaw], dtype=torch.float64)
    direction = direction_bin(true, offset)
    for half_turns in (-1, 0, 1):
        back = yaw_in_bin(true + half_turns * math.pi, direction, offset)
        turn = torch.remainder(back - true + math.pi, 2 * math.pi) - math.pi
        # Where two half turns meet, rounding may put the yaw into the other one.
        border = torch.remainder(true - offset + 0.001, math.pi) < 0.002
        assert turn.abs().item() == pytest.approx(0, abs=1e-9) or border


@given(st.integers(0, 1000))
def test_overlap_of_upright_footprints_agrees_with_shapely(seed) -> None:
    """Boxes along the axes, given with yaws up to 40 degrees from them."""
    boxes = some_boxes(seed, 6)
    quarter_turns = torch.tensor([0, 1, 2, 3, -1, -2])
    boxes[:, 6] = quarter_turns * math.pi / 2 + torch.linspace(-0.7, 0.7, 6)
    sizes = [b[3:5].tolist() if q % 2 == 0 else b[[4, 3]].tolist() for b, q in zip(
        boxes, quarter_turns.tolist(), strict=True)]  # fmt: skip
    shapes = [
        rectangle(x - dx / 2, y - dy / 2, x + dx / 2, y + dy / 2)
        for (x, y), (dx, dy) in zip(boxes[:, :2].tolist(), sizes, strict=True)
    ]
    iou = nearest_bev_iou(boxes, boxes)
    for i, p in enumerate(shapes):
        for j, q in enumerate(shapes):
            expected = p.intersection(q).area / p.union(q).area
            assert iou[i, j].item() == pytest.approx(expected, abs=1e-9)
