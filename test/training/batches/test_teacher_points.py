"""What a teacher sees of a scene through another sensor moves with what its student sees."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_model import SMALL_POINTS, save_eager_model, small_config, small_point_config
from small_run import read_log, write_frames, write_run

from pd_ros.detection.checkpoint import save_checkpoint
from pd_ros.detection.families import build_model
from training.batches.augment import augment
from training.batches.collate import Collate, Sample
from training.config.run import AugmentConfig, SourceConfig
from training.datasets.frame import Frame, Labels
from training.datasets.source import open_source
from training.train import main

LOCAL = {"tap": "points", "nodes": 20, "neighbours": 4, "width": 6, "temperature": 0.5}
NO_BOXES = Labels(torch.zeros(0, 7), torch.zeros(0, dtype=torch.int64), torch.zeros(0, 7))


def with_teacher_points(folder, extra=40):
    """Small frames whose teacher sees the student's points and some more."""
    write_frames(folder)
    for path in folder.glob("*.npz"):
        arrays = dict(np.load(path))
        more = np.random.default_rng(0).uniform(-7, 7, (extra, 4)).astype(np.float32)
        more[:, 2:] = -1, 0.5
        np.savez(path, teacher_points=np.concatenate((arrays["points"], more)), **arrays)
    return folder


@given(st.integers(0, 1000))
def test_both_clouds_are_moved_alike_and_the_teachers_keeps_its_points(seed) -> None:
    rng = np.random.default_rng(seed)
    points = rng.uniform(-5, 5, (50, 4)).astype(np.float32)
    points[:, 3] = rng.random(50)
    box = np.array([[1, 2, 0, 4, 2, 1.5, 0.3]], np.float32)
    frame = Frame(points, box, np.array([0]), np.array([9]), teacher_points=points.copy())
    config = AugmentConfig(rotation_rad=3, shift_z_m=0.5, intensity_drop=0.5)
    moved = augment(frame, config, np.random.default_rng(seed))
    np.testing.assert_array_equal(moved.points, moved.teacher_points)
    np.testing.assert_array_equal(frame.teacher_points, points)
    few = augment(frame, config.model_copy(update={"keep_points": 0.0}), rng)
    assert len(few.teacher_points) == 50


def test_a_batch_gives_each_its_own_cloud() -> None:
    config = small_config()
    mine, theirs = torch.zeros(1, 4), torch.tensor([[0.0, 0, 0, 0], [3.0, 3, 0, 0]])
    apart = Sample(mine, NO_BOXES, 0, "a", theirs)
    alone = Sample(mine, NO_BOXES, 0, "b")
    batch = Collate(config, config)([apart, alone])
    assert batch.student.cells.shape[0] == 2
    assert batch.teacher.cells[:, 0].tolist() == [0, 0, 1]
    same = Collate(config, config)([alone, alone])
    assert same.teacher is same.student


def test_a_source_reads_and_lifts_both(tmp_path) -> None:
    folder = with_teacher_points(tmp_path / "frames")
    plain = open_source(SourceConfig(path=str(folder)), ["car"])[0]
    assert plain.teacher_points is None
    source = SourceConfig(path=str(folder), teacher_points=True, z_shift_m=0.5)
    frame = open_source(source, ["car"])[0]
    assert len(frame.teacher_points) == len(frame.points) + 40
    np.testing.assert_allclose(frame.points[:, 2], plain.points[:, 2] + 0.5, atol=1e-6)
    np.testing.assert_allclose(frame.teacher_points[: len(frame.points)], frame.points)


def test_files_without_them_are_named(tmp_path) -> None:
    write_frames(tmp_path / "frames")
    frames = open_source(SourceConfig(path=str(tmp_path / "frames"), teacher_points=True), ["car"])
    with pytest.raises(ValueError, match=r"000000\.npz: .*teacher_points"):
        frames[0]


def run_with(tmp_path, **changes):
    """A run whose teacher is a network of the same kind."""
    folder = with_teacher_points(tmp_path / "frames")
    teacher = save_eager_model(tmp_path / "teacher")
    settings = {
        "data": [{"path": str(folder), "teacher_points": True}],
        "distill": {"teacher": str(teacher), "logit": {}, "local": {}},
        "augment": {},
        **changes,
    }
    return write_run(tmp_path, **settings)


def test_a_student_learns_from_a_teacher_that_sees_more(tmp_path) -> None:
    assert main(["--config", str(run_with(tmp_path))]) == 0
    assert read_log(tmp_path)[-1]["distill_logit"] > 0


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"distill": None}, "teacher_points are for a teacher, and distill names none"),
        ({"augment": {"paste": {"car": 1}}}, "leave out augment.paste"),
        ({"augment": {"object_noise": {}}}, "augment.object_noise"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, caplog, changes, expected) -> None:
    assert main(["--config", str(run_with(tmp_path, **changes))]) == 2
    assert expected in caplog.text


def test_networks_on_points_need_the_same_points(tmp_path, caplog) -> None:
    config = small_point_config()
    save_checkpoint(tmp_path / "points.safetensors", build_model(config), config, {})
    folder = with_teacher_points(tmp_path / "frames")
    run = write_run(
        tmp_path,
        SMALL_POINTS,
        data=[{"path": str(folder), "teacher_points": True}],
        augment={},
        distill={"teacher": str(tmp_path / "points.safetensors"), "local": LOCAL},
    )
    assert main(["--config", str(run)]) == 2
    assert "compared with the student point by point" in caplog.text


def test_views_cannot_be_joined() -> None:
    with pytest.raises(ValueError, match="cannot be joined with other views"):
        SourceConfig(path="a", teacher_points=True, views=4)
