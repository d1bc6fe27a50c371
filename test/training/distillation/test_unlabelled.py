import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_distill_batch import narrow_and_wide
from small_model import save_eager_model
from small_recording import drive, write_clouds
from small_run import read_log, write_run

from pd_ros.detection.types import Detections
from training.batches.paste import ObjectBank, paste_objects
from training.config.point import UnlabelledConfig
from training.config.run import AugmentConfig, SourceConfig
from training.datasets.frame import Labels, split_labels
from training.datasets.source import open_source
from training.distillation.labels.calibration import (
    Judged,
    ScoreCalibration,
    fit_calibration,
    isotonic,
    judge,
)
from training.distillation.labels.pseudo_labels import UnlabelledBoxes
from training.train import main

NONE = torch.zeros(0, 7)


def test_isotonic_by_hand() -> None:
    """3, 1 pool to 2; the weights count."""
    values = torch.tensor([1.0, 3, 1, 4])
    torch.testing.assert_close(isotonic(values, torch.ones(4)), torch.tensor([1.0, 2, 2, 4]))
    weights = torch.tensor([1.0, 3, 1, 1])
    torch.testing.assert_close(isotonic(values, weights), torch.tensor([1.0, 2.5, 2.5, 4]))
    assert isotonic(torch.zeros(0), torch.zeros(0)).shape == (0,)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.1, 5)), min_size=1, max_size=12))
@settings(max_examples=40, deadline=None)
def test_isotonic_rises_keeps_the_mean_and_is_nearest(pairs) -> None:
    values, weights = torch.tensor(pairs, dtype=torch.float64).unbind(1)
    fitted = isotonic(values, weights).double()
    assert (fitted.diff() >= -1e-6).all()
    assert (weights * (fitted - values)).sum().item() == pytest.approx(0, abs=1e-4)
    # Brute force over the min-max formula of isotonic regression.
    n = len(values)
    mean = lambda i, j: (weights[i : j + 1] * values[i : j + 1]).sum() / weights[i : j + 1].sum()  # noqa: E731
    for k in range(n):
        expected = max(min(mean(i, j) for j in range(k, n)) for i in range(k + 1))
        assert fitted[k].item() == pytest.approx(expected.item(), abs=1e-5)


def test_calibration_finds_the_chances_of_a_biased_teacher() -> None:
    """Scores of class 0 are right half as often as they say; class 1 was never seen."""
    generator = torch.Generator().manual_seed(0)
    scores = torch.rand(4000, generator=generator)
    right = torch.rand(4000, generator=generator) < scores / 2
    judged = Judged(scores, torch.zeros(4000, dtype=torch.int64), right)
    calibration = fit_calibration(judged, 2)
    found = Detections(torch.zeros(4, 7), torch.tensor([0.9, 0.5, 0.1, 0.9]),
                       torch.tensor([0, 0, 0, 1]))  # fmt: skip
    chances = calibration(found).scores
    torch.testing.assert_close(chances, torch.tensor([0.45, 0.25, 0.05, 0.0]), atol=0.08, rtol=0)


def test_few_boxes_promise_little() -> None:
    judged = Judged(torch.tensor([0.9]), torch.tensor([0]), torch.tensor([True]))
    ((_, chance),) = fit_calibration(judged, 1).curves
    assert chance.item() == pytest.approx(2 / 3)


def test_each_object_makes_one_box_right() -> None:
    box = [2.0, 2, -1, 4, 2, 1.5, 0]
    walker = [-5.0, 0, -1, 0.8, 0.8, 1.7, 0]
    truth = Labels(
        torch.tensor([box, walker]), torch.tensor([0, 1]), torch.tensor([[9.0, *box[1:]]])
    )
    found = Detections(
        torch.tensor([box, [2.2, *box[1:]], [-5.2, *walker[1:]], [9.5, *box[1:]], [-9, *box[1:]]]),
        torch.tensor([0.5, 0.9, 0.8, 0.7, 0.6]),
        torch.tensor([0, 0, 1, 0, 0]),
    )
    judged = judge(found, truth)
    assert judged.scores.tolist() == pytest.approx([0.9, 0.8, 0.6, 0.5])
    assert judged.right.tolist() == [True, True, False, False]


def test_boxes_are_learnt_ignored_or_left() -> None:
    room = narrow_and_wide()
    boxes = UnlabelledBoxes(UnlabelledConfig(keep=0.6, ignore=0.4), room.pair, None, 0)
    found = Detections(
        torch.rand(3, 7) + 1, torch.tensor([0.7, 0.5, 0.3]), torch.tensor([1, 0, 0])
    )
    labels = boxes.labels_of(found)
    assert torch.equal(labels.boxes, found.boxes[:1]) and labels.classes.tolist() == [1]
    assert torch.equal(labels.ignored, found.boxes[1:2]) and not labels.labelled
    halved = ScoreCalibration([(torch.tensor([0.0, 1.0]), torch.tensor([0.0, 0.5]))] * 2)
    boxes = UnlabelledBoxes(UnlabelledConfig(keep=0.3, ignore=0.2), room.pair, halved, 0)
    assert len(boxes.labels_of(found).boxes) == 1


def test_only_unlabelled_clouds_of_a_batch_get_the_teachers_boxes() -> None:
    room = narrow_and_wide()
    everywhere = torch.tensor([[0.0, 0, 0, 2000, 2000, 200, 0]])
    empty = Labels(NONE, torch.zeros(0, dtype=torch.int64), everywhere, labelled=False)
    batch = room.batch._replace(labels=(room.batch.labels[0], empty))
    heatmap = torch.full((2, 2, 16, 16), -9.0)
    heatmap[:, 1, 3, 2] = 3.0
    box = torch.zeros(2, 8, 16, 16)
    taught = room.outputs().teacher._replace(heatmap=heatmap, box=box)
    changed = UnlabelledBoxes(UnlabelledConfig(), room.pair, None, 0)(batch, taught)
    assert changed.labels[0] is batch.labels[0] and len(changed.labels[1].boxes) == 1
    for targets in (changed.targets, changed.teacher_targets):
        assert targets.counted[1].all()  # what is not found is background
        assert (targets.heatmap[1, 1] == 1).nonzero().tolist() == [[3, 2]]
    torch.testing.assert_close(changed.targets.heatmap[0], batch.targets.heatmap[0])
    labelled = UnlabelledBoxes(UnlabelledConfig(), room.pair, None, 0)
    assert labelled(room.batch, taught) is room.batch


def test_frames_say_whether_they_are_labelled(tmp_path) -> None:
    path = str(write_clouds(tmp_path / "drive", drive(2)))
    source = SourceConfig(path=path, format="recording", labelled=False, z_shift_m=1.0)
    frame = open_source(source, ("car",))[0]
    assert not frame.labelled and not split_labels(frame, 1).labelled
    bank = ObjectBank([frame._replace(labels=np.zeros(1, np.int64))], 1)
    pasted = paste_objects(frame, bank, ("car",), AugmentConfig(paste={"car": 5}),
                           np.random.default_rng(0))  # fmt: skip
    assert not pasted.labelled


def mixed_run(tmp_path, **unlabelled):
    bag = write_clouds(tmp_path / "drive", drive(3))
    run = write_run(tmp_path)  # writes the labelled sweeps
    data = [
        {"path": str(tmp_path / "frames"), "share": 0.5},
        {"path": str(bag), "format": "recording", "labelled": False, "share": 0.5},
    ]
    distill = {"teacher": str(save_eager_model(tmp_path)), "unlabelled": unlabelled}
    return run, data, {**distill, "logit": {}}


def test_a_run_mixes_labelled_and_unlabelled_clouds(tmp_path, caplog) -> None:
    """The teacher finds boxes of score 0.5 everywhere, of which hardly any is right."""
    caplog.set_level("INFO")
    _, data, distill = mixed_run(tmp_path, calibration_sweeps=2)
    assert main(["--config", str(write_run(tmp_path, data=data, distill=distill))]) == 0
    assert "car boxes of the teacher, chance of being right by score: 0." in caplog.text
    said = next(line for line in caplog.messages if line.startswith("car boxes of the teacher"))
    assert 1 < said.count(",") < 9  # a few points, however many boxes there were
    assert read_log(tmp_path)[-1]["distill_logit"] > 0


@pytest.mark.parametrize(
    ("labelled", "expected"),
    [([0], "no source of data says labelled: false"), ([1], "no labelled source to calibrate")],
)
def test_runs_that_cannot_be_are_refused(tmp_path, caplog, labelled, expected) -> None:
    _, data, distill = mixed_run(tmp_path)
    chosen = [data[number] for number in labelled]
    assert main(["--config", str(write_run(tmp_path, data=chosen, distill=distill))]) == 2
    assert expected in caplog.text
