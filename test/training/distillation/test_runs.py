"""Runs that distil, from the YAML to the checkpoint."""

from pathlib import Path

import pytest
import torch
from small_distill_batch import WIDE, narrow_and_wide_pyramid
from small_model import ANCHORS, DIRECTED, PYRAMID, SMALL, small_point_config
from small_run import read_log, train_until_saved, write_run

from pd_ros.detection.checkpoint import load_checkpoint, save_checkpoint
from pd_ros.detection.config.base import load_config, parse_config
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.families import build_model
from training.config.run import TrainConfig
from training.distributed import World
from training.loop.build_run import build_run
from training.train import main, train

HERE = World(0, 1, torch.device("cpu"))
LOCAL = {"nodes": 20, "neighbours": 4, "width": 6, "temperature": 2.0}


@pytest.fixture
def teacher(tmp_path) -> str:
    """Checkpoint of an untrained wide network."""
    return write_teacher(tmp_path)


def write_teacher(folder: Path, **changes: object) -> str:
    torch.manual_seed(1)
    config = parse_config({**SMALL, **WIDE, **changes}, ModelConfig, "wide")
    save_checkpoint(folder / "teacher.safetensors", build_model(config), config, {})
    return str(folder / "teacher.safetensors")


def test_adapters_learn_and_stay_out_of_the_checkpoint(tmp_path, teacher) -> None:
    run = write_run(tmp_path, distill={"teacher": teacher, "local": LOCAL, "logit": {}})
    assert main(["--config", str(run)]) == 0
    state = torch.load(tmp_path / "out/state.pt", weights_only=True)
    adapters = {name for name in state["adapters"] if "linear" in name}
    assert len(adapters) == 2
    groups = state["optimizer"]["param_groups"]
    alone = list(load_checkpoint(tmp_path / "out/model.safetensors").model.parameters())
    assert len(groups) == 1 and len(groups[0]["params"]) == len(alone) + 6
    assert read_log(tmp_path)[-1]["distill_local"] > 0


def test_a_stopped_run_takes_its_adapters_up_again(tmp_path, teacher) -> None:
    run = write_run(tmp_path, save_every_steps=3, distill={"teacher": teacher, "local": LOCAL})
    straight = load_config(run, TrainConfig)
    train(straight, HERE)
    stopped = straight.model_copy(update={"out": str(tmp_path / "other")})
    train_until_saved(stopped, HERE)
    train(stopped, HERE)
    first, second = (
        torch.load(Path(run.out) / "state.pt", weights_only=True) for run in (straight, stopped)
    )
    for part in ("model", "adapters"):
        for name, value in first[part].items():
            torch.testing.assert_close(value, second[part][name], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("distill", "expected"),
    [
        ({"anchor_logit": {}}, "anchor_logit: expected two heads with anchors"),
        ({"local": {"tap": "stages", "stages": [0, 5]}}, "have no stages [5]"),
        ({"local": {"tap": "neck", "batch_mixing": "released"}}, "mixes pillars only"),
        ({"labels": {"by_overlap": ["van"]}}, "none of the classes"),
        ({"labels": {}, "assignment": {}}, "switch one off"),
        ({"feature": {"adapter": False}}, "an adapter is needed"),
        ({"logit": {"begin": 0.5, "end": 0.5}}, "begin: expected less than end"),
        ({"logit": {"tempo": 1}}, "distill.logit.tempo: unknown key"),
    ],
)
def test_what_cannot_work_is_refused(tmp_path, caplog, teacher, distill, expected) -> None:
    run = write_run(tmp_path, distill={"teacher": teacher, **distill})
    assert main(["--config", str(run)]) == 2
    assert expected in caplog.text


def test_a_single_scene_has_no_similarity(tmp_path, caplog, teacher) -> None:
    schedule = {"epochs": 1, "frames_per_epoch": 4, "batch_size": 1}
    distill = {"teacher": teacher, "similarity": {}}
    assert main(["--config", str(write_run(tmp_path, distill=distill, schedule=schedule))]) == 2
    assert "raise it to 2 or more" in caplog.text


def test_other_classes_and_other_sizes_are_refused_together(tmp_path, caplog) -> None:
    grid = {**SMALL["grid"], "pillar_size_m": [0.5, 0.5]}
    teacher = write_teacher(tmp_path, classes=["car", "cyclist"], grid=grid)
    run = write_run(tmp_path, distill={"teacher": teacher, "regression": {}, "local": LOCAL})
    assert main(["--config", str(run)]) == 2
    for expected in ("classes", "head maps of the same size", "the same grid"):
        assert expected in caplog.text


def test_an_axis_is_not_compared_with_a_yaw(tmp_path, caplog, teacher) -> None:
    distill = {"teacher": teacher, "regression": {}, "logit": {}}
    network = {**SMALL, "head": DIRECTED}
    assert main(["--config", str(write_run(tmp_path, network, distill=distill))]) == 2
    assert "regression: the heads write boxes differently" in caplog.text
    assert "logit" not in caplog.text


GROUPED = {"groups": [["pedestrian"], ["car"]], "head": {"width": 8, "velocity": True}}


def test_heads_of_several_groups_are_teachers_alone(tmp_path, caplog) -> None:
    """Their heatmaps can be learnt from, their boxes are others."""
    teacher = write_teacher(tmp_path, **GROUPED)
    run = write_run(tmp_path, {**SMALL, **GROUPED})
    assert main(["--config", str(run)]) == 2
    assert "expected a head of centres of one group of classes" in caplog.text
    run = write_run(tmp_path, distill={"teacher": teacher, "regression": {}})
    assert main(["--config", str(run)]) == 2
    assert "1 x 8 values of the student and 2 x 10 values of the teacher" in caplog.text
    run = write_run(tmp_path, distill={"teacher": teacher, "logit": {}, "labels": {}})
    assert main(["--config", str(run), "--dry-run"]) == 0


def test_an_axis_has_no_heading(tmp_path, caplog) -> None:
    run = write_run(tmp_path, {**SMALL, "head": DIRECTED}, loss={"heading": 0.5})
    assert main(["--config", str(run)]) == 2
    assert "loss.heading: expected 1" in caplog.text


def test_methods_of_all_families_make_one_run(tmp_path, teacher) -> None:
    """Also what they keep between steps is taken up again: the memory of the contrast."""
    distill = {
        "teacher": teacher,
        "teacher_norm": "batch",
        "logit": {},
        "local": LOCAL,
        "overhaul": {},
        "contrast": {"width": 8, "memory": 16},
        "labels": {"variant": "safe"},
        "initialise": {"way": "norm_scale"},
    }
    run = write_run(tmp_path, distill=distill)
    assert main(["--config", str(run)]) == 0
    row = read_log(tmp_path)[-1]
    assert {f"distill_{name}" for name in ("logit", "local", "overhaul", "contrast")} <= row.keys()
    state = torch.load(tmp_path / "out/state.pt", weights_only=True)
    assert "terms.contrast.student_memory" in state["adapters"]
    load_checkpoint(tmp_path / "out/model.safetensors")


def test_a_run_that_only_starts_from_the_teacher_does_not_ask_it_again(tmp_path, teacher) -> None:
    run = write_run(tmp_path, distill={"teacher": teacher, "initialise": {}})
    assert main(["--config", str(run)]) == 0
    assert not any("distill" in name for name in read_log(tmp_path)[-1])


def test_the_teacher_looks_at_the_students_area(tmp_path, caplog) -> None:
    """As in SparseKD, where grids of other pillars end elsewhere; else maps would not align."""
    grid = {"range_m": [-9.0, -9, -3, 9, 9, 1], "pillar_size_m": [0.5, 0.5]}
    teacher = write_teacher(tmp_path, grid=grid)
    run = load_config(write_run(tmp_path, distill={"teacher": teacher, "logit": {}}), TrainConfig)
    parts = build_run(run, HERE)
    assert parts.distiller is not None and parts.distiller.teacher.config.output_size == (32, 32)
    teacher = write_teacher(tmp_path, grid={**grid, "pillar_size_m": [0.75, 0.75]})
    assert main(["--config", str(tmp_path / "run.yaml")]) == 2
    assert "wide must look at the area of the student" in caplog.text


def write_pyramid(folder: Path) -> str:
    room = narrow_and_wide_pyramid()
    save_checkpoint(folder / "teacher.safetensors", room.teacher, room.pair.teacher, {})
    return str(folder / "teacher.safetensors")


def test_a_pyramid_learns_from_a_wider_one(tmp_path) -> None:
    distill = {
        "teacher": write_pyramid(tmp_path),
        "local": {**LOCAL, "tap": "neck"},
        "anchor_logit": {},
        "labels": {"threshold": 0.0},
        "initialise": {},
    }
    run = write_run(tmp_path, PYRAMID, distill=distill)
    assert main(["--config", str(run)]) == 0
    row = read_log(tmp_path)[-1]
    assert row["distill_local"] > 0 and row["distill_anchor_logit"] > 0 and row["velocity"] >= 0


@pytest.mark.parametrize(
    ("network", "distill", "expected"),
    [
        (PYRAMID, {"hinton": {}}, "hinton: compares one map"),
        (PYRAMID, {"anchor_logit": {"positions": "inside"}}, "a pyramid's has 2; take positive"),
        ({**SMALL, "head": ANCHORS}, {"anchor_regression": {}}, "head maps of the same size"),
    ],
)
def test_what_a_pyramid_cannot_teach_is_refused(
    tmp_path, caplog, network, distill, expected
) -> None:
    distill = {"teacher": write_pyramid(tmp_path), **distill}
    assert main(["--config", str(write_run(tmp_path, network, distill=distill))]) == 2
    assert expected in caplog.text


def test_a_network_on_points_is_no_start(tmp_path, caplog, teacher) -> None:
    config = small_point_config()
    save_checkpoint(tmp_path / "points.safetensors", build_model(config), config, {})
    start = {"checkpoint": str(tmp_path / "points.safetensors")}
    run = write_run(tmp_path, distill={"teacher": teacher, "initialise": start})
    assert main(["--config", str(run)]) == 2
    assert "small_points takes raw points; name one that does not" in caplog.text
