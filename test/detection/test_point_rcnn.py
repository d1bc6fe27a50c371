from pathlib import Path

import pytest
import torch

from pd_ros.detection.frozen_config import load_config, parse_config
from pd_ros.detection.point_config import PointRcnnConfig
from pd_ros.detection.point_rcnn import PointRcnn, Proposals

SMALL_POINTS = {
    "kind": "point_rcnn",
    "name": "small_points",
    "classes": ["car", "pedestrian"],
    "range_m": [-8, -8, -3, 8, 8, 1],
    "points": 128,
    "sizes_m": [[3, 2, 1.5], [0.8, 0.6, 1.7]],
    "abstraction": [
        {"points": 32, "radii_m": [0.5, 1], "neighbours": [4, 8], "widths": [[4, 8], [4, 8]]},
        {"points": 8, "radii_m": [2], "neighbours": [8], "widths": [[8, 16]]},
    ],
    "propagation": [[16, 16], [16, 16]],
    "head": [16],
    "refinement": {
        "points": 16,
        "embedding": [8, 16],
        "abstraction": [{"points": 4, "radii_m": [1], "neighbours": [4], "widths": [[16, 16]]}],
        "last": [16],
        "head": [16],
    },
}
CONFIG = parse_config(SMALL_POINTS, PointRcnnConfig, "small")


def some_points(batch=2, count=128):
    generator = torch.Generator().manual_seed(0)
    scale = torch.tensor([16.0, 16.0, 4.0, 1.0])
    points = torch.rand(batch, count, 4, generator=generator)
    return points * scale - torch.tensor([8.0, 8.0, 3.0, 0.0])


def network():
    torch.manual_seed(0)
    return PointRcnn(CONFIG).eval()


@pytest.mark.parametrize(
    ("name", "parameters"),
    [("point_rcnn", 4.05), ("point_rcnn_8x", 0.52), ("point_rcnn_16x", 0.26)],
)
def test_sizes_are_the_published_ones(name, parameters) -> None:
    config = load_config(Path(f"config/model/{name}.yaml"), PointRcnnConfig)
    with torch.device("meta"):
        model = PointRcnn(config)
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, 2) == parameters


def test_every_point_says_something_whatever_its_place_in_the_cloud() -> None:
    """Two clouds of a batch do not see each other."""
    points = some_points()
    model = network()
    both, second = model(points), model(points[1:])
    assert both.classes.shape == (2, 2, 128)
    assert both.box.shape == (2, 8, 128)
    torch.testing.assert_close(both.features[1:], second.features)


def test_both_stages_are_learnt() -> None:
    model = network().train()
    output = model(some_points())
    boxes = torch.tensor([[0.0, 0, -1, 6, 6, 4, 0.3], [3.0, 3, -1, 6, 6, 4, 2.0]])
    refined = model.refine(output, 0, Proposals(boxes, torch.tensor([0, 1])))
    (refined.score.sum() + refined.box.sum() + output.classes.sum() + output.box.sum()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_refinement_does_not_depend_on_where_the_scene_stands() -> None:
    """A scene moved and turned with its proposals gives the same but for the points' depth."""
    model = network()
    points = some_points(1)
    output = model(points)
    proposals = Proposals(torch.tensor([[1.0, 2, -1, 6, 5, 4, 0.4]]), torch.tensor([0]))
    angle = torch.tensor(0.7)
    turn = torch.tensor([[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]])
    moved = output.points.clone()
    moved[..., :2] = moved[..., :2] @ turn.T
    boxes = proposals.boxes.clone()
    boxes[:, :2] = boxes[:, :2] @ turn.T
    boxes[:, 6] += angle
    first = model.refine(output, 0, proposals)
    second = model.refine(output._replace(points=moved), 0, Proposals(boxes, proposals.labels))
    torch.testing.assert_close(first.score, second.score, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(first.box, second.box, atol=1e-4, rtol=1e-4)


def test_proposals_are_few_and_overlap_little_and_become_detections() -> None:
    model = network()
    output = model(some_points(1))
    proposals = model.propose(output, 0)
    assert 0 < len(proposals.boxes) <= CONFIG.proposals.max_proposals
    found = model.detect(some_points(1))[0]
    assert found.scores.isfinite().all()
    assert (found.scores.diff() <= 0).all()
    assert found.boxes.shape == (len(found.scores), 7)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"sizes_m": [[1, 1, 1]]}, "sizes_m: one for each"),
        ({"propagation": [[16, 16]]}, "as many levels"),
        ({"points": 8}, "abstraction.0.points"),
    ],
)
def test_parts_that_do_not_fit_are_refused(change, expected) -> None:
    with pytest.raises(ValueError, match="small") as error:
        parse_config({**SMALL_POINTS, **change}, PointRcnnConfig, "small")
    assert expected in str(error.value)
