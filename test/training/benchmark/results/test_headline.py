"""Gains at equal budgets, curves, teachers that are flat or not, the choice of candidates."""

import csv
import json

import numpy as np
import pytest
from small_suite import made_up

from training.benchmark.jobs.frame_counts import MEASURES, write_counts
from training.benchmark.jobs.job import JobResult, write_result
from training.benchmark.jobs.pool import begin
from training.benchmark.results.csv_table import write_report
from training.benchmark.results.curves import EpochPoint, flatness
from training.benchmark.results.gains import read_gains
from training.benchmark.results.selection import rank_candidates
from training.benchmark.results.summary import read_standing

METHODS = {
    "logit": {"distill": {"logit": {}}, "key": True},
    "long": {"key": True, "teacher_steps": True, "budgets": {1: 3}},
    "tgi": {"distill": {"initialise": {"way": "fnav1"}}},
}


@pytest.fixture
def grid(make_grid, tmp_path):
    """Three seeds and a curve, and all that a report can have; the teacher is there."""
    pair = make_grid().suite.pairs[0].model_dump(mode="json")
    grid = make_grid(
        search=None, seeds=[1, 2, 3], budgets={1: 3, 2: 2}, pairs=[{**pair, "methods": METHODS}],
        validation={"val": {"path": str(tmp_path / "val")}}, candidates=["logit", "tgi"],
        contrasts=[{"row": "logit", "than": "long"}],
    )  # fmt: skip
    teacher = grid.teachers["small"]
    begin(teacher)
    teacher.checkpoint.write_text("weights")
    write_result(teacher.folder, made_up(teacher, 70))
    return grid


def finish(grid, label: str, cars: list[float], validated: float = 50.0) -> None:
    """Leave results of a row: the AP of cars of each seed, as found in all of ten sweeps alike."""
    row = next(row for row in grid.rows if row.label == label)
    for job, ap in zip(grid.students(row, 1.0).values(), cars, strict=False):
        begin(job)
        scores = {"tested": {"car": ap, "pedestrian": 1.0},
                  "val": {"car": validated, "pedestrian": 1.0}}  # fmt: skip
        content = made_up(job, 50).model_dump()
        content["scores"] = {
            source: {each.name: scores[source] for each in MEASURES} for source in job.test
        }
        write_result(job.folder, JobResult.model_validate(content))
        right = round(ap)
        counts = np.zeros((10, 3, 1), np.int32)
        counts[:, 0], counts[:, 2] = right, 100 - right
        named = {each.name: counts for each in MEASURES}
        write_counts(job.folder, dict.fromkeys(job.test, named))


def gains_of(grid, row: str):
    found = read_gains(grid.suite, read_standing(grid))
    return {gain.than: gain for gain in found if gain.row == row and gain.measure == "bev_strict"}


def test_rows_are_compared_at_equal_budgets_alone(grid) -> None:
    finish(grid, "none", [40, 42, 44])
    finish(grid, "none 2x", [50, 52])
    finish(grid, "logit", [45, 47, 49])
    finish(grid, "logit 2x", [51, 53])
    finish(grid, "long", [46, 48, 50])
    one, two = gains_of(grid, "logit"), gains_of(grid, "logit 2x")
    assert {than: gain.difference for than, gain in one.items()} == {"none": 5, "long": -1}
    assert {than: gain.difference for than, gain in two.items()} == {"none 2x": 1}
    assert (one["none"].seeds, two["none 2x"].seeds) == (3, 2)
    assert gains_of(grid, "none") == gains_of(grid, "none 2x") == {}


def test_intervals_and_corrected_chances_are_of_the_sweeps_that_were_counted(grid) -> None:
    finish(grid, "none", [40, 42, 44])
    finish(grid, "logit", [45, 47, 49])
    finish(grid, "tgi", [41, 41, 44])
    gain = gains_of(grid, "logit")["none"]
    assert gain.interval is not None and gain.p_holm is not None
    assert gain.interval.low == pytest.approx(5) == gain.interval.high  # in every seed and sweep
    assert gain.p_holm == pytest.approx(2 * gain.interval.p_value)  # of two comparisons
    assert gain.p_holm < 0.05
    assert gains_of(grid, "tgi")["none"].p_holm > 0.5  # one better, one worse


def test_one_seed_has_no_interval(grid) -> None:
    finish(grid, "none", [40])
    finish(grid, "logit", [45, 47])
    gain = gains_of(grid, "logit")["none"]
    assert (gain.seeds, gain.difference, gain.interval, gain.p_holm) == (1, 5, None, None)


def test_the_best_candidate_is_that_of_validation(grid) -> None:
    finish(grid, "logit", [90, 90, 90], validated=40)
    finish(grid, "tgi", [10, 10, 10], validated=60)
    ranked = rank_candidates(grid.suite, read_standing(grid))
    assert [(each.name, each.ap) for each in ranked] == [("tgi", 60), ("logit", 40)]
    assert rank_candidates(grid.suite.model_copy(update={"candidates": ()}), []) == []


def points(values: list[float]) -> list[EpochPoint]:
    return [
        EpochPoint("p", "teacher", i, i, "val/car/bev_0.7", v) for i, v in enumerate(values, 1)
    ]


def test_a_teacher_is_flat_if_its_last_third_brings_little() -> None:
    rising = flatness(points([10, 20, 30, 40, 50, 60]))
    assert rising is not None and (rising.before, rising.last, rising.gain) == (40, 60, 20)
    flat = flatness(points([10, 30, 40, 39.8, 40.4, 40.2]))
    assert flat is not None and flat.gain == pytest.approx(0.4)
    assert flatness(points([1, 2])) is None
    assert flatness([]) is None


def test_the_report_has_all_of_it_with_commit_machine_and_command(grid) -> None:
    finish(grid, "none", [40, 42, 44])
    finish(grid, "logit", [45, 47, 49], validated=61)
    finish(grid, "logit 2x", [51, 53])
    grid.command = "python -m training.benchmark --suite small"
    lines = [{"total": 1.0, "val/car/bev_0.7": value} for value in (10, 20, 30)]
    log = grid.teachers["small"].folder / "log.jsonl"
    log.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    text = write_report(grid)
    assert "| logit | 2 | 3 | none | 47.0 | +5.0 [+5.0, +5.0] | **0.001** |" in text
    assert "| teacher | 2 | | | 90.0 | |" in text
    assert "val/car/bev_0.7 by epoch 10 20 30" in text
    assert (
        "was 20.0 at best in the first two thirds of its epochs and is 30.0 in the last: NOT"
        in text
    )
    assert "The best is **logit**" in text
    for name in ("results", "gains", "curves", "teachers", "selection"):
        rows = list(csv.DictReader((grid.out / f"{name}.csv").read_text().splitlines()))
        assert rows, name
        assert all(row["command"] == grid.command for row in rows)
        assert all(row["commit"] and row["machine"] for row in rows)
    points = csv.DictReader((grid.out / "curves.csv").read_text().splitlines())
    wanted = ("logit", "2", "bev_strict")
    (curve,) = [p for p in points if (p["method"], p["times"], p["measure"]) == wanted]
    assert (curve["steps"], curve["teacher_steps"], curve["ap"]) == ("4", "2", "52.0")
    assert (grid.out / "curves.png").stat().st_size > 10_000
    assert (grid.out / "teachers.png").stat().st_size > 5_000
