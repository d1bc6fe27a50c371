"""Hours that remain, of costs made up by hand; and costs that are measured."""

import csv
from pathlib import Path

import pytest
from small_suite import InstantCrew

from training.benchmark.estimate import Estimate, format_estimate, format_reach, write_reach
from training.benchmark.grid import Row
from training.benchmark.scheduler import Conductor
from training.benchmark.step_cost import JobCost, measure_job
from training.loop.gradients import Reach

REACH = [Reach("distill_logit", "encoder", 10, 5), Reach("distill_logit", "head", 30, 30)]


def made_up(job, teacher) -> JobCost:
    """10 s to begin, 100 s a step, 1 s a sweep."""
    return JobCost(10, 100, 1, REACH if job.run.distill else [])


def test_parts_come_in_their_order_with_what_they_cost(make_grid) -> None:
    grid = make_grid(budgets={1: 2, 3: 1})
    parts = {part.title: part for part in Estimate(grid, made_up).parts()}
    assert [title for title, part in parts.items() if part.jobs] == [
        "teachers of key rows", "plain students", "key rows at 3x",
        "searches of other rows", "other rows at 1x",
    ]  # fmt: skip
    # Two steps each, scored on two sweeps; a search's has one step, and two sweeps to score.
    assert parts["plain students"][1:] == (2, 4, 2 * (10 + 200 + 2))
    assert parts["key rows at 3x"][1:] == (1, 6, 10 + 600 + 2)
    assert parts["searches of other rows"][1:] == (2, 2, 2 * (10 + 100 + 2))
    lines = list(format_estimate(list(parts.values()), lanes=2))
    assert lines[-1].split()[:3] == ["all", "10", "22"]


def test_what_is_finished_costs_nothing(make_grid) -> None:
    grid = make_grid(search=None)
    Conductor(grid, InstantCrew(lambda job: None if "tgi" in job.name else 50), "test").run()
    parts = [part for part in Estimate(make_grid(search=None), made_up).parts() if part.jobs]
    assert [(part.title, part.jobs) for part in parts] == [("other rows at 1x", 2)]


def test_what_cannot_be_measured_is_taken_for_the_dearest(make_grid, caplog) -> None:
    def measure(job, teacher):
        if "logit" in job.name:
            raise ValueError("no data")
        return JobCost(0, 3 if "tgi" in job.name else 1, 0, [])

    estimate = Estimate(make_grid(search=None), measure)
    assert "logit cannot be measured" in caplog.text
    (part,) = [part for part in estimate.parts() if part.title == "other rows at 1x"]
    assert part.seconds == 4 * 2 * 3  # two methods, two seeds, two steps


def test_nothing_measured_is_an_error(make_grid) -> None:
    def fail(job, teacher):
        raise ValueError("no data")

    with pytest.raises(ValueError, match="nothing could be measured"):
        list(Estimate(make_grid(), fail).parts())


def test_reach_is_told_by_part(make_grid, tmp_path) -> None:
    costs = Estimate(make_grid(), made_up).costs
    text = "\n".join(format_reach(costs))
    assert "encoder 50%, head 100%; 35 of 40" in text
    write_reach(tmp_path / "gradients.csv", costs)
    rows = list(csv.DictReader((tmp_path / "gradients.csv").read_text().splitlines()))
    assert rows[0] == {"row": "small/logit", "term": "distill_logit", "part": "encoder",
                       "weights": "10", "reached": "5", "share": "0.5000"}  # fmt: skip


def test_a_job_is_measured_by_a_fresh_teacher_and_leaves_nothing(make_grid) -> None:
    grid = make_grid()
    row = Row(grid.pairs[0], "logit")
    job = grid.students(row, 1.0)[1]
    cost = measure_job(job, grid.teacher(row, 1))
    assert min(cost.begin, cost.step, cost.sweep) > 0
    assert {reach.part for reach in cost.reach} >= {"encoder", "backbone", "neck", "head"}
    assert not Path(job.folder).exists()
