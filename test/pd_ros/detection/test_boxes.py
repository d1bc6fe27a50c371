import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from shapely import Polygon, intersection

from pd_ros.detection.boxes import (
    bev_corners,
    bev_iou,
    iou_3d,
    paired_bev_iou,
    paired_iou_3d,
    points_in_boxes,
    wrap_angle,
)

CAR = [10.0, 2.0, -1.0, 4.0, 2.0, 1.5, 0.0]

numbers = st.floats(-20, 20)
sizes = st.floats(0.05, 8)
boxes = st.tuples(numbers, numbers, numbers, sizes, sizes, sizes, st.floats(-7, 7)).map(
    lambda values: torch.tensor([values], dtype=torch.float64)
)


def test_corners_of_a_box_turned_left() -> None:
    box = torch.tensor([[1.0, 2, 0, 4, 2, 1, math.pi / 2]])
    expected = torch.tensor([[[0.0, 4], [0, 0], [2, 0], [2, 4]]])
    torch.testing.assert_close(bev_corners(box), expected)


def test_points_inside_and_on_the_face() -> None:
    points = torch.tensor([[12.0, 2, -1, 0.5], [12.1, 2, -1, 0.5], [10, 2.9, -0.3, 0.5]])
    assert points_in_boxes(points, torch.tensor([CAR])).tolist() == [[True, False, True]]
    assert points_in_boxes(points, torch.tensor([CAR]), 0.2).all()


def test_iou_of_a_shifted_box_by_hand() -> None:
    a = torch.tensor([CAR])
    b = a + torch.tensor([[2.0, 0, 0.5, 0, 0, 0, 0]])
    # Footprints share 2 x 2 of 4 x 2 m; heights share 1 of 1.5 m.
    assert bev_iou(a, b).item() == pytest.approx(4 / 12)
    assert iou_3d(a, b).item() == pytest.approx(4 / (12 + 12 - 4))


def test_no_boxes_give_empty_matrices() -> None:
    none, one = torch.zeros(0, 7), torch.tensor([CAR])
    assert bev_iou(none, one).shape == (0, 1)
    assert iou_3d(one, none).shape == (1, 0)
    assert paired_bev_iou(none, none).shape == (0,)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 5e-4)], ids=["f64", "f32"]
)
def test_reference_pairs_of_all_categories(data_dir, dtype, tolerance) -> None:
    pairs = np.load(data_dir / "reference/iou/pairs.npz", allow_pickle=False)
    a, b = (torch.tensor(pairs[name], dtype=dtype) for name in ("boxes_a", "boxes_b"))
    assert len(set(pairs["category"].tolist())) == 27
    bev_error = (paired_bev_iou(a, b).double().numpy() - pairs["bev_iou"]).__abs__()
    volume_error = (paired_iou_3d(a, b).double().numpy() - pairs["iou3d"]).__abs__()
    worst = {
        str(c): max(
            bev_error[pairs["category"] == c].max(), volume_error[pairs["category"] == c].max()
        )
        for c in set(pairs["category"].tolist())
    }
    assert {c: e for c, e in worst.items() if e > tolerance} == {}


@given(boxes, boxes)
def test_iou_agrees_with_shapely(a, b) -> None:
    p, q = (Polygon(bev_corners(box)[0].tolist()) for box in (a, b))
    # Without a grid GEOS may find that boxes share nothing whose edges nearly lie on each other.
    shared = intersection(p, q, grid_size=1e-11).area
    assert bev_iou(a, b).item() == pytest.approx(shared / (p.area + q.area - shared), abs=1e-9)


@given(boxes, boxes, st.floats(-4, 4), numbers, numbers)
def test_iou_is_symmetric_and_unmoved_by_rigid_motion(a, b, turn, x, y) -> None:
    value = iou_3d(a, b)
    torch.testing.assert_close(value, iou_3d(b, a), atol=1e-9, rtol=0)
    moved = [_move(box, turn, x, y) for box in (a, b)]
    torch.testing.assert_close(value, iou_3d(*moved), atol=1e-9, rtol=0)


@given(boxes, st.integers(-3, 3))
def test_a_box_overlaps_itself_wholly_whichever_way_it_points(box, half_turns) -> None:
    turned = box.clone()
    turned[:, 6] += half_turns * math.pi
    assert bev_iou(box, turned).item() == pytest.approx(1, abs=1e-9)


@given(st.floats(-100, 100))
def test_wrapped_angles_point_the_same_way(angle) -> None:
    wrapped = wrap_angle(torch.tensor(angle, dtype=torch.float64)).item()
    assert -math.pi <= wrapped < math.pi
    assert math.cos(wrapped - angle) == pytest.approx(1, abs=1e-9)


def _move(box: torch.Tensor, turn: float, x: float, y: float) -> torch.Tensor:
    cos, sin = math.cos(turn), math.sin(turn)
    moved = box.clone()
    moved[:, 0] = box[:, 0] * cos - box[:, 1] * sin + x
    moved[:, 1] = box[:, 0] * sin + box[:, 1] * cos + y
    moved[:, 6] += turn
    return moved
