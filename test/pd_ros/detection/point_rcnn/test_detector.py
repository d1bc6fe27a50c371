from pathlib import Path

import pytest
import torch
from small_model import SMALL_POINTS, small_point_config

from pd_ros.detection.config.base import load_config, parse_config
from pd_ros.detection.config.point_rcnn import PointRcnnConfig
from pd_ros.detection.point_rcnn.decode import decode_proposals
from pd_ros.detection.point_rcnn.detector import PointRcnn
from pd_ros.detection.types import PointBatch, PointRcnnOutput, Proposals, Refined

CONFIG = small_point_config()


def some_points(batch=2, count=128):
    generator = torch.Generator().manual_seed(0)
    scale = torch.tensor([16.0, 16.0, 4.0, 1.0])
    points = torch.rand(batch, count, 4, generator=generator)
    points = points * scale - torch.tensor([8.0, 8.0, 3.0, 0.0])
    return PointBatch(points, torch.full((batch,), count), (0,) * batch)


def proposals_of(boxes, sample):
    boxes = torch.tensor(boxes)
    return Proposals(boxes, torch.zeros(len(boxes), dtype=torch.int64), torch.tensor(sample))


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


def test_every_point_says_something_whatever_its_place_in_the_batch() -> None:
    """Two clouds of a batch do not see each other, in neither stage."""
    batch = some_points()
    second = batch._replace(points=batch.points[1:], counts=batch.counts[1:], seeds=(0,))
    model = network()
    both, alone = model(batch), model(second)
    assert both.points.classes.shape == (2, 2, 128)
    assert both.points.box.shape == (2, 8, 128)
    torch.testing.assert_close(both.points.features[1:], alone.points.features)
    mine = both.proposals.sample == 1
    torch.testing.assert_close(both.proposals.boxes[mine], alone.proposals.boxes)
    torch.testing.assert_close(both.refined.score[mine], alone.refined.score)


def test_both_stages_are_learnt_each_from_its_own_loss() -> None:
    model = network().train()
    chosen = proposals_of([[0.0, 0, -1, 6, 6, 4, 0.3], [3.0, 3, -1, 6, 6, 4, 2]], [1, 0])
    output = model(some_points(), lambda _: chosen)
    assert output.proposals is chosen
    (output.refined.score.sum() + output.refined.box.sum()).backward(retain_graph=True)
    assert all(p.grad is None for p in model.backbone.parameters())
    assert all(p.grad is not None for p in model.refinement.parameters())
    (output.points.classes.sum() + output.points.box.sum()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_refinement_does_not_depend_on_where_the_scene_stands() -> None:
    """A scene turned with its proposals gives the same: its points are as far away as before."""
    model = network()
    output = model.first_stage(some_points(1))
    proposals = proposals_of([[1.0, 2, -1, 6, 5, 4, 0.4]], [0])
    angle = torch.tensor(0.7)
    turn = torch.tensor([[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]])
    moved = output.points.clone()
    moved[..., :2] = moved[..., :2] @ turn.T
    boxes = proposals.boxes.clone()
    boxes[:, :2] = boxes[:, :2] @ turn.T
    boxes[:, 6] += angle
    first = model.refine(output, proposals)
    second = model.refine(output._replace(points=moved), proposals._replace(boxes=boxes))
    torch.testing.assert_close(first.score, second.score, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(first.box, second.box, atol=1e-4, rtol=1e-4)


def test_proposals_are_few_and_a_cloud_without_points_has_none() -> None:
    batch = some_points()
    output = network()(batch._replace(counts=torch.tensor([0, 128])))
    assert 0 < len(output.proposals.boxes) <= CONFIG.proposals.max_proposals
    assert set(output.proposals.sample.tolist()) == {1}
    empty, found = decode_proposals(
        output, CONFIG.decode.model_copy(update={"score_threshold": 0})
    )
    assert len(empty.boxes) == 0
    assert len(found.boxes) > 0
    assert (found.scores.diff() <= 0).all()


def test_a_batch_of_empty_clouds_is_answered() -> None:
    output = network()(some_points()._replace(counts=torch.tensor([0, 0])))
    assert [len(found.boxes) for found in decode_proposals(output, CONFIG.decode)] == [0, 0]


def test_refined_boxes_by_hand() -> None:
    """Half a diagonal ahead of a proposal that looks along y, twice as long, turned on."""
    proposal = [[10.0, 5, -1, 4, 3, 2, torch.pi / 2]]
    points = network().first_stage(some_points(1))
    change = torch.tensor([[0.5, 0, 0.25, torch.tensor(2.0).log(), 0, 0, 0.1]])
    output = PointRcnnOutput(
        points, proposals_of(proposal, [0]), Refined(torch.tensor([0.0]), change)
    )
    found = decode_proposals(output, CONFIG.decode)[0]
    expected = torch.tensor([[10, 7.5, -0.5, 8, 3, 2, torch.pi / 2 + 0.1]])
    torch.testing.assert_close(found.boxes, expected)
    assert found.scores.tolist() == [0.5]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"sizes_m": [[1, 1, 1]]}, "sizes_m: one for each"),
        ({"propagation": [[16, 16]]}, "as many levels"),
        ({"points": 8}, "abstraction.0.points"),
        ({"range_m": [0, 0, 0, 8, 0, 1]}, "y: range from 0.0 to 0.0"),
        ({"classes": ["car", "car"]}, "classes: names must differ"),
    ],
)
def test_parts_that_do_not_fit_are_refused(change, expected) -> None:
    with pytest.raises(ValueError, match="small") as error:
        parse_config({**SMALL_POINTS, **change}, PointRcnnConfig, "small")
    assert expected in str(error.value)
