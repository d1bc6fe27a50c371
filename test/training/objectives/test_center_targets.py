import pytest
import torch
from small_model import small_config

from pd_ros.detection.boxes import points_in_boxes
from training.datasets.frame import Labels
from training.objectives.center_targets import box_cells, gaussian_radius, make_targets

CONFIG = small_config()
NONE = torch.zeros(0, 7)


def labels(boxes, classes, ignored=NONE):
    return Labels(
        torch.tensor(boxes).view(-1, 7), torch.tensor(classes, dtype=torch.int64), ignored
    )


def test_one_box_by_hand() -> None:
    targets = make_targets([labels([[0.25, -3.5, -1.0, 4.0, 2.0, 1.5, 0.0]], [0])], CONFIG)
    assert (targets.sample.tolist(), targets.cell.tolist()) == ([0], [4 * 16 + 8])
    expected = torch.tensor([[0.25, 0.5, -1.0, 4.0, 2.0, 1.5, 1.0, 0.0]])
    expected[:, 3:6] = expected[:, 3:6].log()
    torch.testing.assert_close(targets.box, expected)
    heatmap = targets.heatmap[0, 0]
    assert heatmap[4, 8] == 1
    sigma = 5 / 6  # radius 2
    assert heatmap[4, 9].item() == pytest.approx(torch.tensor(-1 / (2 * sigma**2)).exp().item())
    assert heatmap[4, 11] == 0
    assert targets.heatmap[0, 1].sum() == 0
    assert targets.counted.all()


def test_gaussians_of_neighbours_merge_by_maximum_and_clip_at_the_border() -> None:
    two = [[-7.5, -7.5, 0.0, 1, 1, 1, 0], [-6.5, -7.5, 0.0, 1, 1, 1, 0]]
    heatmap = make_targets([labels(two, [1, 1])], CONFIG).heatmap[0, 1]
    assert (heatmap[0, 0], heatmap[0, 1]) == (1, 1)
    assert heatmap.max() == 1


def test_centres_out_of_range_are_left_out() -> None:
    targets = make_targets([labels([[8.0, 0, 0, 4, 2, 1, 0]], [0])], CONFIG)
    assert len(targets.cell) == 0
    assert targets.heatmap.sum() == 0


def test_ignored_boxes_do_not_count_but_objects_beside_them_do() -> None:
    ignored = torch.tensor([[4.5, 4.5, 9.0, 3.0, 3.0, 1.0, 0.0]])
    targets = make_targets([labels([[2.5, 4.5, 0.0, 1, 1, 1, 0]], [0], ignored)], CONFIG)
    assert not targets.counted[0, 12, 13]
    assert targets.counted[0, 12, 10]
    assert targets.counted[0, 2, 2]


def test_a_frame_without_boxes_is_background() -> None:
    targets = make_targets([labels([], [])], CONFIG)
    assert targets.heatmap.sum() == 0
    assert targets.box.shape == (0, 8)
    assert targets.counted.all()


@pytest.mark.parametrize(
    ("length", "width", "radius"),
    [(4.7 / 0.32, 2.1 / 0.32, 4), (4.7 / 0.8, 2.1 / 0.8, 2), (1, 1, 2)],
)
def test_radius_of_the_fact_sheet(length, width, radius) -> None:
    assert gaussian_radius(length, width) == radius


def test_a_neighbourhood_learns_the_same_box_from_its_own_cells() -> None:
    """Each cell's offset, added to the cell, gives back the one centre; weights fall with it."""
    box = torch.tensor([[0.25, -3.5, -1.0, 4.0, 2.0, 1.5, 0.3]])
    cells = box_cells(box, CONFIG, 1)
    row, column = cells.cell // 16, cells.cell % 16
    assert sorted(set(row.tolist())) == [3, 4, 5] and sorted(set(column.tolist())) == [7, 8, 9]
    torch.testing.assert_close(cells.box[:, 0] + column, torch.full((9,), 8.25))
    torch.testing.assert_close(cells.box[:, 1] + row, torch.full((9,), 4.5))
    assert (cells.box[:, 2:] == cells.box[0, 2:]).all()
    distance = (row - 4) ** 2 + (column - 8) ** 2
    torch.testing.assert_close(cells.weight, torch.exp(-distance / 2.0))


def test_neighbourhoods_stay_on_the_map_and_share_cells_by_nearness() -> None:
    corner = torch.tensor([[-7.9, -7.9, 0.0, 1, 1, 1, 0]])
    assert box_cells(corner, CONFIG, 1).cell.tolist() == [0, 1, 16, 17]
    two = torch.tensor([[-3.5, 0.5, 0.0, 1, 1, 1, 0], [-1.5, 0.5, 5.0, 1, 1, 1, 0]])
    cells = box_cells(two, CONFIG, 1)
    assert len(set(cells.cell.tolist())) == len(cells.cell) == 15
    lower = box_cells(two, CONFIG, 2)
    height = dict(zip(lower.cell.tolist(), lower.box[:, 2].tolist(), strict=True))
    assert (height[8 * 16 + 3], height[8 * 16 + 7]) == (0.0, 5.0)


def test_no_boxes_teach_no_cells() -> None:
    assert box_cells(NONE, CONFIG, 2).box.shape == (0, 8)


def test_ignored_cells_are_those_whose_centre_lies_in_a_box_or_half_a_cell_beside_it() -> None:
    """Against every cell centre of the map, boxes beyond its border among them."""
    generator = torch.Generator().manual_seed(0)
    spread = torch.tensor([24.0, 24.0, 4.0, 6.0, 3.0, 2.0, 6.3])
    ignored = torch.rand(40, 7, generator=generator) * spread - torch.tensor(
        [12.0, 12, 2, 0, 0, 0, 0]
    )
    place = (torch.arange(16) + 0.5) - 8
    x, y = torch.meshgrid(place, place, indexing="xy")
    centres = torch.stack((x, y, torch.zeros(16, 16)), dim=-1).view(-1, 3)
    for boxes in ignored.split(4):
        level = boxes * torch.tensor([1.0, 1, 0, 1, 1, 1, 1])
        inside = points_in_boxes(centres, level, 0.5).any(dim=0).view(16, 16)
        assert torch.equal(make_targets([labels([], [], boxes)], CONFIG).counted[0], ~inside)
