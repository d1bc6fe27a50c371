"""What holds for every method that has a term in the loss."""

from dataclasses import replace

import pytest
import torch
from small_distill_batch import (
    WIDE,
    Classroom,
    classroom,
    narrow_and_wide,
    narrow_and_wide_pyramid,
)
from small_model import ANCHORS, small_config

from pd_ros.detection.config.base import parse_config
from training.config.distillation import DistillConfig
from training.distillation.methods import Distillation, build_losses

SMALL_GRAPH = {"nodes": 20, "neighbours": 4, "width": 6}
CENTRES = {
    "local pillars": {"local": {**SMALL_GRAPH, "temperature": 2.0}},
    "local mixed": {"local": {**SMALL_GRAPH, "temperature": 2.0, "batch_mixing": "released"}},
    "local stages": {"local": {**SMALL_GRAPH, "tap": "stages", "temperature": 0.5}},
    "local neck": {"local": {**SMALL_GRAPH, "tap": "neck", "reweight": "off"}},
    "logit": {"logit": {}},
    "logit rank": {"logit": {"rank": 5, "gaussian": "none", "loss": "smooth_l1"}},
    "logit focal": {"logit": {"loss": "focal", "gaussian": "hard", "positive_score": 0.12}},
    "rank distribution": {"rank_distribution": {"rank": 20}},
    "regression": {"regression": {}},
    "feature raw": {"feature": {"mode": "raw", "gaussian": "soft", "threshold": 0.1}},
    "feature rois": {"feature": {"relation": 0.5}},
    "feature teacher's rois": {"feature": {"boxes": "teacher", "box_threshold": 0.105}},
    "feature spatial": {"feature": {"mode": "spatial"}},
    "feature affinity": {"feature": {"mode": "affinity"}},
    "hinton": {"hinton": {}},
    "hinton bce": {"hinton": {"loss": "bce"}},
    "fitnets": {"fitnets": {}},
    "fitnets stages": {"fitnets": {"tap": "stages", "kernel": 3}},
    "attention": {"attention": {}},
    "similarity": {"similarity": {}},
    "contrast": {"contrast": {"width": 8, "memory": 16}},
    "overhaul": {"overhaul": {}},
    "attention guided": {"attention_guided": {"subsample": 4}},
    "consistency": {"consistency": {"score": 0.05, "overlap": 0.02}},
    "gid response": {"gid_response": {}},
    "gid response centre": {"gid_response": {"footprint": "centre", "box": 0.1}},
    "gid feature": {"gid_feature": {"grid": 3}},
    "mimic": {"mimic": {"score": 0.05}},
    "fine grained": {"fine_grained": {"kernel": 3}},
    "region pairs": {"region_pairs": {"grid": 3, "score": 0.05}},
}
ANCHOR_HEADS = {
    "anchor logit": {"anchor_logit": {}},
    "anchor logit inside": {"anchor_logit": {"positions": "inside", "gated": True}},
    "anchor regression": {"anchor_regression": {}},
    "anchors hinton": {"hinton": {}},
    "anchors fine grained": {"fine_grained": {}},
    "anchors region pairs": {"region_pairs": {"grid": 3, "score": 0.005}},
    "anchors consistency": {"consistency": {"score": 0.005, "overlap": 0.1}},
    "anchors mimic": {"mimic": {"boxes": "teacher", "score": 0.005}},
    "anchors local": {"local": {**SMALL_GRAPH, "tap": "stages", "reweight": "released"}},
}
PYRAMIDS = {
    "pyramids local": {"local": {**SMALL_GRAPH, "tap": "neck", "temperature": 0.5}},
    "pyramids anchor logit": {"anchor_logit": {"positions": "positive_or_uncounted"}},
    "pyramids anchor regression": {"anchor_regression": {}},
    "pyramids overhaul": {"overhaul": {}},
    "pyramids feature rois": {"feature": {}},
    "pyramids fine grained": {"fine_grained": {}},
    "pyramids consistency": {"consistency": {"score": 0.005, "overlap": 0.1}},
}
# Equal networks lose nothing by these.
ZERO = [
    *("logit", "logit rank", "regression", "feature spatial", "feature affinity"),
    *("hinton", "attention", "similarity", "consistency", "gid response"),
    *("anchor logit", "anchor logit inside", "anchor regression"),
]


def distillation(methods: dict[str, object], room: Classroom) -> Distillation:
    config = parse_config({"teacher": "t", **methods}, DistillConfig, "test")
    for network in (room.student, room.teacher):
        network.keeps_linear = config.overhaul is not None
    return Distillation(build_losses(config, room.pair, room.teacher), config.methods)


def loss_of(terms: Distillation, room: Classroom) -> torch.Tensor:
    return terms.total(terms(room.outputs(), 0.0))


@pytest.fixture(params=[*CENTRES, *ANCHOR_HEADS, *PYRAMIDS])
def case(request):
    """Name, methods and classroom."""
    if request.param in CENTRES:
        return request.param, CENTRES[request.param], narrow_and_wide()
    if request.param in PYRAMIDS:
        return request.param, PYRAMIDS[request.param], narrow_and_wide_pyramid()
    return request.param, ANCHOR_HEADS[request.param], narrow_and_wide(head=ANCHORS)


def test_student_and_adapters_get_gradient_and_the_teacher_none(case) -> None:
    _, methods, room = case
    terms = distillation(methods, room)
    loss_of(terms, room).backward()
    if list(
        terms.parameters()
    ):  # some adapters start as the identity and learn from the second step
        torch.optim.SGD(terms.parameters(), 0.1).step()
        loss_of(terms, room).backward()
    assert sum(float(p.grad.abs().sum()) for p in room.student.parameters() if p.grad is not None)
    assert all(p.grad is None for p in room.teacher.parameters())
    idle = [n for n, p in terms.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert not idle


def test_a_few_steps_on_one_batch_lower_the_term(case) -> None:
    _, methods, room = case
    terms = distillation(methods, room)
    optimizer = torch.optim.Adam([*room.student.parameters(), *terms.parameters()], lr=0.01)
    losses = []
    for _ in range(12):
        loss = loss_of(terms, room)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert min(losses[-3:]) < losses[0]


@pytest.mark.parametrize("name", ZERO)
def test_equal_networks_lose_nothing(name) -> None:
    head = {"head": ANCHORS} if name in ANCHOR_HEADS else {}
    room = classroom(small_config(**head), small_config(**head))
    outputs = room.outputs()
    terms = distillation({**CENTRES, **ANCHOR_HEADS}[name], room)
    same = terms(replace(outputs, teacher=outputs.student), 0.0)
    assert terms.total(same).item() == pytest.approx(0, abs=1e-6)


def test_terms_combine_with_their_weights_and_count_in_their_part_of_the_run() -> None:
    room = narrow_and_wide()
    terms = distillation({"logit": {"weight": 3, "end": 0.5}, "regression": {"begin": 0.2}}, room)
    early, middle, late = (terms(room.outputs(), progress) for progress in (0.0, 0.3, 0.5))
    assert [list(each) for each in (early, middle, late)] == [
        ["logit"], ["logit", "regression"], ["regression"]
    ]  # fmt: skip
    expected = 3 * middle["logit"] + 0.2 * middle["regression"]
    torch.testing.assert_close(terms.total(middle), expected)
    assert terms.total({}).item() == 0


def test_a_student_of_larger_pillars_compares_heatmaps() -> None:
    """Cross-resolution: 1 m pillars learn from 0.5 m ones (SparseKD 1.4)."""
    fine = {**small_config().grid.model_dump(), "pillar_size_m": [0.5, 0.5]}
    room = classroom(small_config(), small_config(**WIDE, grid=fine))
    for resolution in ("teacher", "student"):
        terms = distillation({"logit": {"resolution": resolution}}, room)
        assert loss_of(terms, room).item() > 0


def test_anchors_of_all_levels_of_a_pyramid_are_compared() -> None:
    room = narrow_and_wide_pyramid()
    outputs = room.outputs()
    coarse = outputs.student.coarser[0]
    other = coarse._replace(heatmap=coarse.heatmap + 1, box=coarse.box + 1)
    taught = outputs.student._replace(coarser=(other,))
    labels = room.batch.teacher_targets
    fine = 16 * 16 * 4
    marked = labels.label.clone().fill_(-1)
    marked[:, fine] = 0  # the first anchor of the coarser level learns an object
    one = torch.tensor([0, 1])
    targets = labels._replace(
        label=marked, sample=one, anchor=torch.full_like(one, fine), box=torch.zeros(2, 9),
        direction=torch.zeros_like(one),
    )  # fmt: skip
    outputs = replace(outputs, teacher=taught, batch=room.batch._replace(teacher_targets=targets))
    terms = distillation({"anchor_logit": {}, "anchor_regression": {}}, room)(outputs, 0.0)
    first = coarse.heatmap[:, :, 0, 0]
    gap = ((first + 1).sigmoid() - first.sigmoid()).square().sum(dim=1).mean()
    torch.testing.assert_close(terms["anchor_logit"], gap, rtol=1e-4, atol=0)
    # Smooth L1 of six differences of 1 and of the yaw's sine.
    expected = 6 * (1 - 1 / 18) + (torch.tensor(1.0).sin() - 1 / 18)
    torch.testing.assert_close(terms["anchor_regression"], expected, rtol=1e-4, atol=0)
