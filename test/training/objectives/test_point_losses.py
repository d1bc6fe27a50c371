"""Against numbers worked out by hand."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_model import small_point_config

from pd_ros.detection.point_rcnn.box_coder import encode_from_points
from pd_ros.detection.point_rcnn.detector import PointRcnn
from pd_ros.detection.point_rcnn.sampling import make_point_batch
from pd_ros.detection.types import PointOutput, PointRcnnOutput, Proposals, Refined
from training.config.run import PointLossConfig, RegionConfig
from training.datasets.frame import Labels
from training.objectives.point_losses import (
    PointRcnnLoss,
    corner_loss,
    look_ahead,
    point_rcnn_loss,
)
from training.objectives.point_targets import RoiSampler, make_point_targets

SIZES = ((4.0, 3.0, 2.0), (1.0, 1.0, 2.0))
CAR = [10.0, 0, 0, 4, 3, 2, 0]
PAPER = PointLossConfig()


def targets(ignored=()):
    frame = Labels(torch.tensor([CAR]), torch.tensor([0]), torch.tensor(ignored).view(-1, 7))
    return make_point_targets([frame], SIZES)


def output(points, classes, values, rows=()):
    """One cloud; ``rows`` are proposals: box, score, refinement."""
    points = torch.tensor(points)[None]
    first = PointOutput(
        points, torch.tensor([points.shape[1]]), torch.zeros(1, 4, points.shape[1]),
        torch.tensor(classes).T[None], torch.as_tensor(values).T[None],
    )  # fmt: skip
    labels = torch.zeros(len(rows), dtype=torch.int64)
    boxes = torch.tensor([row[0] for row in rows]).view(-1, 7)
    scores = torch.tensor([row[1] for row in rows])
    refined = torch.tensor([row[2] for row in rows]).view(-1, 7)
    return PointRcnnOutput(first, Proposals(boxes, labels, labels), Refined(scores, refined))


def right(point, box=CAR):
    return encode_from_points(torch.tensor([box]), torch.tensor([point]), torch.tensor([SIZES[0]]))


def test_points_by_hand() -> None:
    """One on the car, one on its border, which does not count, one elsewhere."""
    points = [[9.0, 0, 0], [12.1, 0, 0], [30, 0, 0]]
    values = torch.cat((right(points[0]) + torch.tensor([[1.0] + [0] * 7]), torch.ones(2, 8)))
    loss = point_rcnn_loss(output(points, [[0.0, 0], [9, 9], [0, 0]], values), targets(), PAPER)
    # Of each class' logit of 0: balance * 0.5 ** 2 * log 2; one of the four is to be 1.
    assert loss.points.item() == pytest.approx((0.25 + 3 * 0.75) * 0.25 * math.log(2), rel=1e-5)
    assert loss.point_box.item() == pytest.approx(
        1 - 1 / 18, rel=1e-5
    )  # beyond the quadratic part
    assert [loss.score.item(), loss.box.item(), loss.corner.item()] == [0, 0, 0]


@pytest.mark.parametrize(("heading", "expected"), [(1.0, 2 - 1 / 18), (0.2, 0.2 * (2 - 1 / 18))])
def test_a_point_that_says_the_car_looks_back(heading, expected) -> None:
    """Its cosine is -1 instead of 1, which costs nothing where either way is right."""
    point = [9.0, 0, 0]
    said = output([point], [[0.0, 0]], right(point, [*CAR[:6], math.pi]))
    loss = point_rcnn_loss(said, targets(), PointLossConfig(heading=heading))
    assert loss.point_box.item() == pytest.approx(expected, rel=1e-5)


def test_no_object_is_no_division_by_zero() -> None:
    frame = Labels(torch.zeros(0, 7), torch.zeros(0, dtype=torch.int64), torch.zeros(0, 7))
    said = output([[9.0, 0, 0]], [[0.0, 0]], torch.ones(1, 8), [(CAR, 0.0, [0.0] * 7)])
    loss = point_rcnn_loss(said, make_point_targets([frame], SIZES), PAPER)
    assert loss.points.item() == pytest.approx(2 * 0.75 * 0.25 * math.log(2), rel=1e-5)
    assert loss.score.item() == pytest.approx(math.log(2), rel=1e-5)
    assert loss.box.item() == loss.corner.item() == 0


@pytest.mark.parametrize(
    ("shift", "learnt", "wanted"),
    [(0.0, True, 1), (0.9, True, 1), (1.1, True, None), (1.3, False, None), (1.6, False, 0)],
)
def test_proposals_by_their_overlap(shift, learnt, wanted) -> None:
    """Moved by d along 4 m, the overlap is (4 - d) / (4 + d): 1, 0.63, 0.57, 0.51, 0.43."""
    proposal = [CAR[0] + shift, *CAR[1:]]
    said = output([[30.0, 0, 0]], [[0.0, 0]], torch.zeros(1, 8), [(proposal, 1.0, [0.0] * 7)])
    loss = point_rcnn_loss(said, targets(), PAPER)
    entropy = {1: math.log(1 + math.exp(-1)), 0: math.log(1 + math.exp(1)), None: 0}[wanted]
    assert loss.score.item() == pytest.approx(entropy, rel=1e-5)
    off = shift / 5  # of the footprint's diagonal
    error = off**2 * 9 / 2 if off < 1 / 9 else off - 1 / 18
    assert loss.box.item() == pytest.approx(error if learnt else 0, rel=1e-4, abs=1e-6)
    corner = shift**2 / 2 if shift < 1 else shift - 0.5
    assert loss.corner.item() == pytest.approx(corner if learnt else 0, rel=1e-4, abs=1e-6)


def test_background_beside_an_ignored_box_does_not_count() -> None:
    said = output(
        [[30.0, 0, 0]], [[0.0, 0]], torch.zeros(1, 8), [([50.0, *CAR[1:]], 1.0, [0.0] * 7)]
    )
    assert point_rcnn_loss(said, targets(), PAPER).score > 1
    assert point_rcnn_loss(said, targets([[53.0, *CAR[1:]]]), PAPER).score == 0


def test_a_proposal_that_looks_back_is_right_as_it_is() -> None:
    back = [*CAR[:6], math.pi - 0.1]
    said = output([[30.0, 0, 0]], [[0.0, 0]], torch.zeros(1, 8), [(back, 9.0, [0.0] * 6 + [0.1])])
    loss = point_rcnn_loss(said, targets(), PAPER)
    assert loss.box.item() < 1e-9
    assert loss.corner.item() < 1e-9
    yaws = look_ahead(torch.tensor([[0.0] * 6 + [yaw] for yaw in (3.0, -3.0, 1.0, -1.6)]))[:, 6]
    expected = torch.tensor([3 - math.pi, math.pi - 3, 1, math.pi - 1.6])
    torch.testing.assert_close(yaws, expected)


@given(st.floats(-3, 3), st.floats(-3, 3))
def test_corners_of_a_turned_box_by_trigonometry(yaw, turn) -> None:
    """A square's corners at half a diagonal of 0.5 m go along a chord; half a turn is none."""
    side = 0.5 * math.sqrt(2)
    box = torch.tensor([[3.0, 4, 1, side, side, 2, yaw]], dtype=torch.float64)
    turned = box + torch.tensor([0, 0, 0, 0, 0, 0, turn])
    chord = min(2 * 0.5 * abs(math.sin(angle / 2)) for angle in (turn, turn + math.pi))
    assert corner_loss(turned, box).item() == pytest.approx(chord**2 / 2, abs=1e-6)


def test_the_total_is_the_weighted_sum() -> None:
    loss = PointRcnnLoss(*torch.tensor([1.0, 10, 100, 1000, 10000]))
    assert loss.total(PointLossConfig()).item() == 11111
    assert loss.total(PointLossConfig(points=2, corner=0)).item() == 1112


def test_all_of_the_network_is_learnt_from_the_loss() -> None:
    torch.manual_seed(0)
    config = small_point_config()
    model = PointRcnn(config).train()
    cloud = torch.rand(200, 4) * torch.tensor([6.0, 6, 2, 1]) - torch.tensor([3.0, 3, 2, 0])
    batch = make_point_batch([cloud, cloud[:0]], config, (1, 2))
    frame = Labels(
        torch.tensor([[0.0, 0, -1, 3, 2, 1.5, 0.3]]), torch.tensor([0]), torch.zeros(0, 7)
    )
    empty = Labels(torch.zeros(0, 7), torch.zeros(0, dtype=torch.int64), torch.zeros(0, 7))
    wanted = make_point_targets([frame, empty], config.sizes_m)
    sampler = RoiSampler(RegionConfig(per_frame=8), wanted, batch.seeds)
    first, again = model(batch, sampler), model(batch, sampler)
    assert torch.equal(first.proposals.boxes, again.proposals.boxes)
    assert first.proposals.sample.tolist() == [0] * 8
    # An object where a proposal is, so that its box is learnt, too.
    there = wanted._replace(boxes=first.proposals.boxes[:1], classes=first.proposals.labels[:1])
    loss = point_rcnn_loss(first, there, PAPER)
    loss.total(PointLossConfig()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
