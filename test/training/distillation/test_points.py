"""Distillation between networks on raw points, and from their boxes to networks from above."""

from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from small_distill_batch import samples
from small_model import SMALL, SMALL_POINTS, small_config, small_point_config
from small_recording import drive, write_clouds
from small_run import read_log, write_frames, write_run

from pd_ros.detection.boxes import iou_3d
from pd_ros.detection.checkpoint import load_checkpoint, save_checkpoint
from pd_ros.detection.families import build_model
from pd_ros.detection.point_rcnn.decode import decode_proposals
from pd_ros.detection.point_rcnn.detector import PointRcnn
from training.batches.collate import Batch, Collate
from training.config.distillation import DistillConfig
from training.config.point import LocalConfig
from training.config.sparse import LabelConfig
from training.distillation.feature.local import PointLocal
from training.distillation.feature.local_graph import build_graph
from training.distillation.labels.teacher_labels import TeacherLabels
from training.distillation.method import ConfigPair, PointDistillBatch, PointPair
from training.distillation.methods import Distillation, build_losses
from training.loop import step_loss
from training.train import main

WIDE = {
    "name": "wide_points",
    "propagation": [[24, 24], [16, 16]],
    "refinement": {**SMALL_POINTS["refinement"], "embedding": [8, 24]},
}
LOCAL = {"tap": "points", "nodes": 20, "neighbours": 4, "width": 6, "temperature": 0.5}


class Room(NamedTuple):
    """A student, a teacher, and what both look at."""

    pair: PointPair
    student: PointRcnn
    teacher: PointRcnn
    batch: Batch

    def outputs(self) -> PointDistillBatch:
        assert self.batch.teacher is not None
        both = self.student(self.batch.student), self.teacher(self.batch.teacher)
        return PointDistillBatch(*both, self.batch)


@pytest.fixture
def room() -> Room:
    torch.manual_seed(0)
    pair = PointPair(small_point_config(), small_point_config(**WIDE))
    student, teacher = (build_model(config) for config in pair)
    return Room(pair, student, teacher.eval(), Collate(*pair)(samples()))


def local_of(room: Room, **changes: object) -> Distillation:
    config = LocalConfig(**{**LOCAL, **changes})
    return Distillation({"local": PointLocal(config, room.pair)}, {"local": config})


@pytest.mark.parametrize("reweight", ["paper", "released", "off"])
def test_the_term_is_its_definition(room, reweight) -> None:
    terms = local_of(room, reweight=reweight).eval()
    outputs = room.outputs()
    comparison = terms.members["local"].comparison
    pooled, scores = [], []
    for mine, theirs in zip(
        outputs.student.points.features, outputs.teacher.points.features, strict=True
    ):
        scene = torch.zeros(128, dtype=torch.int64)
        best, near, _ = build_graph(theirs.T, theirs.amax(dim=0), scene, 20, 4)
        both = []
        for features, layer in ((mine, comparison.student), (theirs, comparison.teacher)):
            centre = features.T[best][:, None].expand(-1, 4, -1)
            edges = torch.cat((features.T[near], centre), dim=2) @ layer.linear.weight.T
            both.append(layer.norm(edges.flatten(0, 1)).relu().view_as(edges).amax(dim=1))
        pooled.append(both)
        scores.append(both[1].amax(dim=1))
    weights = [
        torch.softmax(score / 0.5, 0) * 20 if reweight == "paper" else torch.ones(20)
        for score in scores
    ]
    squares = [
        w[:, None] * (mine - theirs) ** 2
        for (mine, theirs), w in zip(pooled, weights, strict=True)
    ]
    expected = 2 * torch.cat(squares).mean()
    torch.testing.assert_close(terms(outputs, 0.0)["local"], expected, rtol=1e-4, atol=1e-6)


def test_student_and_adapters_get_gradient_and_the_teacher_none(room) -> None:
    terms = local_of(room)
    terms(room.outputs(), 0.0)["local"].backward()
    learnt = [p for p in room.student.backbone.parameters() if p.grad is not None]
    assert sum(float(p.grad.abs().sum()) for p in learnt) > 0
    assert all(p.grad is None for p in room.teacher.parameters())
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in terms.parameters())


def test_a_few_steps_on_one_batch_lower_the_term(room) -> None:
    terms = local_of(room)
    optimizer = torch.optim.Adam([*room.student.parameters(), *terms.parameters()], lr=0.01)
    losses = []
    for _ in range(12):
        loss = terms(room.outputs(), 0.0)["local"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert min(losses[-3:]) < losses[0]


def test_clouds_without_points_are_compared_too(room) -> None:
    nothing = [each._replace(points=each.points[:0]) for each in samples()]
    empty = room._replace(batch=Collate(*room.pair)(nothing))
    assert local_of(room)(empty.outputs(), 0.0)["local"].isfinite()


def test_labels_are_the_boxes_of_the_second_stage(room) -> None:
    """A network from above learns what a two-stage teacher finds (distillation across stages)."""
    student = small_config()
    pair = ConfigPair(student, room.pair.teacher)
    batch = Collate(*pair)(samples())
    assert batch.teacher is not None
    with torch.no_grad():
        taught = room.teacher(batch.teacher)
    limit = float(taught.refined.score.sigmoid().median())
    config = LabelConfig(threshold=limit, variant="released")
    relabelled = TeacherLabels(config, pair, 0)(batch, taught)
    rules = room.pair.teacher.decode.model_copy(
        update={"score_threshold": 0.1, "nms_iou_threshold": 1.0, "max_detections": 500}
    )
    found = decode_proposals(taught, rules)
    more = sum(int((each.scores > limit).sum()) for each in found)
    assert more > 0
    assert len(relabelled.targets.sample) > len(batch.targets.sample)
    assert build_losses(DistillConfig(teacher="t", labels={}), pair, room.teacher) == {}


def write_teacher(folder: Path, config) -> str:
    torch.manual_seed(1)
    path = folder / f"{config.name}.safetensors"
    save_checkpoint(path, build_model(config), config, {})
    return str(path)


def test_a_run_on_points_learns_from_points_labels_and_unlabelled_clouds(tmp_path) -> None:
    teacher = write_teacher(tmp_path, small_point_config(**WIDE))
    write_frames(tmp_path / "frames")
    bag = write_clouds(tmp_path / "drive", drive(3))
    frames = str(tmp_path / "frames")
    run = write_run(
        tmp_path, SMALL_POINTS,
        data=[{"path": frames}, {"path": str(bag), "format": "recording", "labelled": False}],
        validation=[{"path": frames}],
        schedule={"epochs": 1, "frames_per_epoch": 8, "batch_size": 2},
        distill={"teacher": teacher, "local": LOCAL, "labels": {"threshold": 0.3},
                 "unlabelled": {"calibration_sweeps": 2}},
    )  # fmt: skip
    assert main(["--config", str(run)]) == 0
    (row,) = read_log(tmp_path)
    assert row["distill_local"] > 0 and 0 < row["shares"]["distill_local"] < 1
    model = load_checkpoint(tmp_path / "out/model.safetensors").model
    assert len(list(model.parameters())) == len(
        list(build_model(small_point_config()).parameters())
    )


def test_proposals_are_chosen_by_the_labels_of_the_teacher(tmp_path, monkeypatch) -> None:
    seen = []
    original = step_loss.network_input

    def note(batch, *run):
        seen.append((batch.targets, batch.labels))
        return original(batch, *run)

    monkeypatch.setattr(step_loss, "network_input", note)
    teacher = write_teacher(tmp_path, small_point_config(**WIDE))
    distill = {"teacher": teacher, "labels": {"threshold": 0.1, "variant": "released"}}
    schedule = {"epochs": 1, "frames_per_epoch": 2, "batch_size": 2}
    run = write_run(tmp_path, SMALL_POINTS, distill=distill, schedule=schedule)
    assert main(["--config", str(run)]) == 0
    (targets, labels), *_ = seen
    true = torch.cat([each.boxes for each in labels])
    assert len(targets.boxes) > len(true)
    assert (iou_3d(true, targets.boxes).amax(dim=1) > 0.999).all()


@pytest.mark.parametrize("points_teach", [True, False])
def test_networks_of_two_kinds_learn_by_boxes(tmp_path, points_teach) -> None:
    teacher = small_point_config() if points_teach else small_config()
    student = SMALL if points_teach else SMALL_POINTS
    distill = {"teacher": write_teacher(tmp_path, teacher), "labels": {"threshold": 0.2}}
    run = write_run(tmp_path, student, distill=distill)
    assert main(["--config", str(run)]) == 0
    assert read_log(tmp_path)[-1]["total"] > 0


def test_the_plan_says_what_is_compared(tmp_path, caplog) -> None:
    caplog.set_level("INFO")
    teacher = write_teacher(tmp_path, small_point_config(**WIDE))
    run = write_run(tmp_path, SMALL_POINTS, distill={"teacher": teacher, "local": LOCAL})
    assert main(["--config", str(run), "--dry-run"]) == 0
    assert "local x 1: points.features [2, 16, 128] with [2, 24, 128]" in caplog.text


@pytest.mark.parametrize(
    ("student", "teacher", "distill", "expected"),
    [
        (SMALL_POINTS, WIDE, {"logit": {}}, "of these local and labels and unlabelled can learn"),
        (SMALL_POINTS, WIDE, {"local": {}}, "local.tap: expected points"),
        (SMALL_POINTS, {"points": 64}, {"local": LOCAL}, "points is 128 of the student and 64"),
        (SMALL, WIDE, {"local": LOCAL}, "local: cannot compare maps from above (student) with"),
        (SMALL, WIDE, {"initialise": {}}, "initialise: cannot compare"),
        (SMALL_POINTS, {"classes": ["car", "van"]}, {"labels": {}}, "they must be equal"),
    ],
)
def test_what_cannot_work_is_refused(
    tmp_path, caplog, student, teacher, distill, expected
) -> None:
    path = write_teacher(tmp_path, small_point_config(**teacher))
    run = write_run(tmp_path, student, distill={"teacher": path, **distill})
    assert main(["--config", str(run)]) == 2
    assert expected in caplog.text


def test_points_are_no_maps(tmp_path, caplog) -> None:
    path = write_teacher(tmp_path, small_config())
    run = write_run(tmp_path, distill={"teacher": path, "local": LOCAL})
    assert main(["--config", str(run)]) == 2
    assert "points is for networks on raw points" in caplog.text
