"""Figures of two detectors side by side, worked out by hand."""

import csv
import json

from training.profile.measure import Latency, Profile, Stage
from training.profile.operations import Operations
from training.profile.picture import draw_costs
from training.profile.table import format_table, to_rows, write_csv, write_json


def profile(name, scale, stages, memory_mb=100.0):
    operations = Operations(8.0 * scale, 0.0, 4.0 * scale)
    latency = Latency(
        10.0 * scale, 20.0 * scale, tuple(Stage(stage, 2 * scale) for stage in stages)
    )
    return Profile(name, "a machine", "float32", 99, round(1000 * scale), memory_mb=memory_mb,
                   latency=latency, operations=operations)  # fmt: skip


def two():
    return [
        profile("teacher", 1.0, ["voxelise", "head"]),
        profile("student", 0.25, ["voxelise", "sample"], memory_mb=None),
    ]


def test_every_figure_is_there_and_relative_to_the_first() -> None:
    teacher, student = to_rows(two())
    assert teacher["name"] == "teacher"
    assert (teacher["parameters"], student["parameters"]) == (1000, 250)
    assert (teacher["gmacs_relative"], student["gmacs_relative"]) == (1.0, 0.25)
    assert student["latency_p95_ms"] == 5.0
    assert student["latency_ms_relative"] == student["stage_voxelise_ms_relative"] == 0.25


def test_what_cannot_be_compared_has_no_ratio() -> None:
    _, student = to_rows(two())
    assert student["sparse_gmacs_relative"] is None  # the first has none
    assert student["memory_mb"] is student["memory_mb_relative"] is None
    assert student["stage_sample_ms_relative"] is None
    assert "stage_head_ms" not in student


def test_text_has_a_block_each_for_figures_ratios_and_stages() -> None:
    figures, ratios, stages = format_table(to_rows(two())).split("\n\n")
    teacher = ["teacher", "1,000", "8.00", "0.00", "4.0", "10.0", "20.0", "100"]
    assert figures.splitlines()[1].split() == teacher
    assert figures.splitlines()[2].split()[-1] == "-"
    assert ratios.splitlines()[0].startswith("/ teacher")
    assert ratios.splitlines()[2].split()[:3] == ["student", "0.250", "0.250"]
    assert stages.splitlines()[0].split()[-3:] == ["voxelise", "head", "sample"]
    assert stages.splitlines()[2].split() == ["student", "0.5", "-", "0.5"]


def test_files_hold_the_rows(tmp_path) -> None:
    rows = to_rows(two())
    write_json(tmp_path / "cost.json", rows)
    write_csv(tmp_path / "cost.csv", rows)
    assert json.loads((tmp_path / "cost.json").read_text()) == rows
    with (tmp_path / "cost.csv").open() as file:
        teacher, student = csv.DictReader(file)
    assert teacher["stage_head_ms"] == "2.0"
    assert student["stage_head_ms"] == student["memory_mb"] == ""


def test_the_picture_is_drawn_also_without_known_memory(tmp_path) -> None:
    draw_costs(tmp_path / "new" / "cost.svg", two())
    text = (tmp_path / "new" / "cost.svg").read_text()
    assert all(word in text for word in ("teacher", "student", "a machine", "sample"))
