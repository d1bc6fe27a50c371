"""Table and pictures of figures made up by hand."""

import re

import pytest
from small_suite import InstantCrew, made_up

from training.benchmark.grid import Grid, Row
from training.benchmark.jobs.job import write_result
from training.benchmark.jobs.pool import begin
from training.benchmark.results.csv_table import write_report, write_tables
from training.benchmark.results.picture import draw_gains
from training.benchmark.results.summary import read_standing
from training.benchmark.scheduler import Conductor


def finish(grid: Grid, method: str, scores: dict[int, float]) -> None:
    """Leave results of a method's seeds in their folders."""
    jobs = grid.students(next(row for row in grid.rows if row.method == method), 1.0)
    for seed, score in scores.items():
        begin(jobs[seed])
        write_result(jobs[seed].folder, made_up(jobs[seed], score))


@pytest.fixture
def grid(make_grid) -> Grid:
    """Three seeds without a search; the teacher has 70."""
    grid = make_grid(search=None, seeds=[1, 2, 3])
    teacher = grid.teachers["small"]
    begin(teacher)
    teacher.checkpoint.write_text("weights")
    write_result(teacher.folder, made_up(teacher, 70))
    return grid


def table_of(grid: Grid) -> str:
    write_tables(grid)
    return (grid.out / "table.md").read_text()


def row_of(table: str, method: str) -> list[str]:
    (line,) = re.findall(rf"^\| {method} \|.*$", table, flags=re.MULTILINE)
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_rows_have_mean_deviation_and_paired_gain(grid) -> None:
    finish(grid, "none", {1: 50, 2: 56, 3: 62})
    finish(grid, "logit", {1: 52, 2: 58, 3: 64})
    finish(grid, "tgi", {1: 51, 2: 54, 3: 63})
    table = table_of(grid)
    assert row_of(table, "teacher")[:3] == ["teacher", "", "70.00"]
    assert row_of(table, "none")[1:4] == ["3", "56.00 ± 6.00", ""]
    # always 2 better, although the seeds lie 6 apart
    assert row_of(table, "logit")[2:4] == ["58.00 ± 6.00", "+2.00 ± 0.00 [+2.00, +2.00]"]
    # gains 1, -2, 1: mean 0, deviation sqrt(3), interval 4.303 * sqrt(3) / sqrt(3)
    assert row_of(table, "tgi")[3] == "+0.00 ± 1.73 [-4.30, +4.30]"
    assert row_of(table, "tgi")[6:] == ["90.00", "1,000", "1.50 + 0.25", "3.0"]


def test_one_seed_has_neither_deviation_nor_interval(grid) -> None:
    finish(grid, "none", {2: 50})
    finish(grid, "logit", {2: 53, 3: 99})
    table = table_of(grid)
    assert row_of(table, "none")[2] == "50.00"
    assert row_of(table, "logit")[2:4] == ["76.00 ± 32.53", "+3.00"]
    assert row_of(table, "tgi")[1:4] == ["0", "-", "-"]


def test_pictures_are_drawn_of_anything_from_nothing_to_all(grid, make_grid) -> None:
    empty = make_grid(search=None)
    (grid.teachers["small"].folder / "result.json").unlink()
    write_report(empty)
    sizes = [(grid.out / name).stat().st_size for name in ("accuracy.png", "gain.png")]
    finish(grid, "none", {1: 50, 2: 56})
    finish(grid, "logit", {1: 45, 2: 58})
    write_report(grid)
    now = [(grid.out / name).stat().st_size for name in ("accuracy.png", "gain.png")]
    assert all(before != after for before, after in zip(sizes, now, strict=True))


def test_gains_are_drawn_with_their_deviation(grid, monkeypatch, tmp_path) -> None:
    finish(grid, "none", {1: 50, 2: 56})
    finish(grid, "logit", {1: 53, 2: 61})
    drawn = []
    monkeypatch.setattr("matplotlib.axes.Axes.errorbar", lambda *a, **k: drawn.append((a[1:], k)))
    draw_gains(tmp_path / "gain.png", grid.suite, read_standing(grid))
    (((mean, place), about),) = drawn
    assert (mean, place) == (4.0, 0)  # gains 3 and 5; the first row
    assert about["xerr"] == pytest.approx(2**0.5)


def test_a_result_of_another_config_is_not_shown(grid, make_grid) -> None:
    finish(grid, "none", {1: 50})
    other = make_grid(search=None, run={**grid.suite.run, "min_points": 3})
    with pytest.raises(ValueError, match=r"min_points was 5, is 3"):
        write_tables(other)


def test_what_fails_is_left_out_of_the_table(make_grid) -> None:
    grid = make_grid(search=None)
    crew = InstantCrew(lambda job: None if job.run.distill else 50)
    Conductor(grid, crew, "test").run()
    table = table_of(grid)
    assert row_of(table, "none")[1] == "2"
    assert row_of(table, "logit")[1:4] == ["0", "-", "-"]
    assert Row(grid.pairs[0], "logit").name == "small/logit"
