import math

import pytest
import torch
from small_model import small_config, small_directed_config

from pd_ros.detection.bev.decode_center import front_probability
from pd_ros.detection.families import make_decoder
from pd_ros.detection.types import ModelOutput
from training.datasets.frame import Labels
from training.objectives.center_targets import make_targets

CONFIG = small_config()
DIRECTED = small_directed_config()
DECODE = make_decoder(CONFIG, torch.device("cpu"))


def output_of(heatmap, box, direction=None, quality=None):
    nothing, cells = torch.zeros(0), torch.zeros(len(heatmap), 3, dtype=torch.int64)
    cells[:, 0] = torch.arange(len(heatmap))  # every sample has a pillar
    return ModelOutput(nothing, cells, (), nothing, heatmap, box, direction, quality)


def empty_maps():
    return torch.full((1, 2, 16, 16), -10.0), torch.zeros(1, 8, 16, 16)


def test_a_peak_becomes_the_box_written_at_its_cell() -> None:
    heatmap, box = empty_maps()
    heatmap[0, 1, 10, 3] = 2.0
    yaw = -2.5
    box[0, :, 10, 3] = torch.tensor(
        [0.25, 0.75, -0.5, math.log(4), math.log(2), math.log(1.5), math.cos(yaw), math.sin(yaw)]
    )
    found = DECODE(output_of(heatmap, box))[0]
    torch.testing.assert_close(found.boxes, torch.tensor([[-4.75, 2.75, -0.5, 4, 2, 1.5, yaw]]))
    assert found.labels.tolist() == [1]
    assert found.scores.item() == pytest.approx(1 / (1 + math.exp(-2)))


def test_a_sample_without_points_has_no_boxes_beside_others_that_have_some() -> None:
    heatmap, box = (values.expand(3, -1, -1, -1).clone() for values in empty_maps())
    heatmap[:, 0, 4, 4] = 3.0  # all the same maps
    output = output_of(heatmap, box)
    output = output._replace(pillar_cells=output.pillar_cells[[0, 2, 2]])
    assert [len(found.boxes) for found in DECODE(output)] == [1, 0, 1]


def test_no_peak_gives_no_box() -> None:
    found = DECODE(output_of(*empty_maps()))[0]
    assert found.boxes.shape == (0, 7)
    assert found.scores.shape == found.labels.shape == (0,)


def test_overlapping_boxes_keep_the_best_of_all_classes() -> None:
    heatmap, box = empty_maps()
    box[:, 3:6] = math.log(4)
    box[:, 6] = 1
    heatmap[0, 0, 8, 8], heatmap[0, 1, 8, 9], heatmap[0, 0, 2, 2] = 1.0, 2.0, 0.5
    found = DECODE(output_of(heatmap, box))[0]
    assert found.labels.tolist() == [1, 0]
    assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)
    assert found.boxes[1, :2].tolist() == [-6, -6]


def test_maps_that_are_not_finite_give_no_box() -> None:
    heatmap, box = empty_maps()
    heatmap[0, 0, 4, 4] = 5.0
    box[0, 2, 4, 4] = float("nan")
    assert len(DECODE(output_of(heatmap, box))[0].boxes) == 0


def test_targets_decode_to_the_boxes_they_were_made_of() -> None:
    boxes = torch.tensor(
        [[1.3, -2.2, -0.4, 3.9, 1.6, 1.5, 3.0], [-6.1, 5.5, -0.9, 0.8, 0.6, 1.7, -1.2]]
    )
    labels = Labels(boxes, torch.tensor([0, 1]), torch.zeros(0, 7))
    targets = make_targets([labels], CONFIG)
    heatmap = torch.logit(targets.heatmap, eps=1e-4)
    box = torch.zeros(1, 8, 256)
    box[targets.sample, :, targets.cell] = targets.box
    found = DECODE(output_of(heatmap, box.view(1, 8, 16, 16)))[0]
    best = found.boxes[:2][found.labels[:2].argsort()]
    torch.testing.assert_close(best, boxes, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("yaw", [0.0, 1.5, 1.6, -1.6, 3.1, -3.1])
def test_an_axis_and_a_direction_make_a_yaw(yaw) -> None:
    """Whatever the size of the direction, and however far it points beside the axis."""
    box = torch.tensor([[1.3, -2.2, -0.4, 3.9, 1.6, 1.5, yaw]])
    labels = Labels(box, torch.tensor([0]), torch.zeros(0, 7))
    targets = make_targets([labels], DIRECTED)
    torch.testing.assert_close(targets.facing, torch.tensor([[math.cos(yaw), math.sin(yaw)]]))
    maps, direction = torch.zeros(1, 8, 256), torch.zeros(1, 2, 256)
    maps[0, :, targets.cell] = targets.box.T
    beside = torch.tensor([math.cos(yaw + 1.4), math.sin(yaw + 1.4)])
    direction[0, :, targets.cell] = 0.1 * beside[:, None]
    output = output_of(
        torch.logit(targets.heatmap, eps=1e-4),
        maps.view(1, 8, 16, 16),
        direction.view(1, 2, 16, 16),
        torch.zeros(1, 1, 16, 16),
    )
    found = make_decoder(DIRECTED, torch.device("cpu"))(output)[0]
    torch.testing.assert_close(found.boxes[:1], box, atol=1e-4, rtol=1e-4)
    along = 0.1 * math.cos(1.4)  # of the direction, the part that tells front from back
    assert float(found.facing[0]) == pytest.approx(1 / (1 + math.exp(-along)), abs=1e-4)


def test_a_box_is_as_sure_of_its_front_as_its_direction_is_long() -> None:
    boxes = torch.zeros(4, 7)
    boxes[1, 6] = math.pi / 2
    facing = torch.tensor([[2.0, 9.0], [9.0, 2.0], [0.0, 1.0], [math.nan, 1.0]])
    expected = torch.tensor([2.0, 2.0, 0.0, 0.0]).sigmoid()
    torch.testing.assert_close(front_probability(boxes, facing), expected)


def test_a_score_is_the_mean_of_class_and_quality() -> None:
    """The geometric one; a box of better quality suppresses its neighbour."""
    heatmap, box = empty_maps()
    box[:, 3:6] = math.log(4)
    box[:, 6] = 1
    heatmap[0, 0, 8, 8], heatmap[0, 0, 8, 9] = 1.0, 0.5
    direction, quality = torch.zeros(1, 2, 16, 16), torch.zeros(1, 1, 16, 16)
    direction[:, 0] = 1
    quality[0, 0, 8, 8], quality[0, 0, 8, 9] = -2.0, 3.0
    output = output_of(heatmap, box, direction, quality)
    found = make_decoder(DIRECTED, torch.device("cpu"))(output)[0]
    assert found.boxes[0, 0].item() == pytest.approx(1.0)
    expected = torch.tensor([0.5, 3.0]).sigmoid().prod().sqrt()
    assert found.scores[0].item() == pytest.approx(expected.item())
