"""The order of the jobs, and what is run again."""

import csv

import pytest
from small_suite import InstantCrew, search_config

from training.benchmark.grid import Grid
from training.benchmark.jobs.job import Job
from training.benchmark.scheduler import Conductor


def score(job: Job) -> float:
    """Seeds give 51 and 52; the logit's weight is best doubled, then it gains 3 and 5."""
    seed = job.run.seed
    if "search" in job.folder.parts:
        return 60.0 if job.run.distill.logit.weight == 20 else 55.0
    gain = 0 if "logit" not in job.name else {1: 3, 2: 5}[seed]
    return 50.0 + seed + gain


def conduct(grid, score) -> tuple[Conductor, InstantCrew]:
    crew = InstantCrew(score)
    conductor = Conductor(grid, crew, "test")
    conductor.run()
    return conductor, crew


def test_teachers_then_searches_then_students(make_grid) -> None:
    grid = make_grid()
    _, crew = conduct(grid, score)
    assert crew.ran == [
        "teacher teacher", "small/none seed 1", "small/none seed 2",
        "small/logit x 0.5", "small/logit x 2",
        "small/logit seed 1", "small/tgi seed 1", "small/logit seed 2", "small/tgi seed 2",
    ]  # fmt: skip
    students = {row.method: grid.students(row, 2) for row in grid.rows}
    weights = (grid.out / "students/small/logit/seed_1/run.yaml").read_text()
    assert students["logit"][1].run.distill.logit.weight == 20
    assert "weight: 20" in weights


def test_a_search_goes_on_beyond_the_end_at_which_the_best_factor_lies(
    make_grid, tmp_path
) -> None:
    weights = {10 * factor: 50.0 + factor for factor in (0.5, 2, 8, 32, 128)}
    search = search_config(tmp_path) | {"extend": 2}
    grid = make_grid(search=search)
    _, crew = conduct(
        grid, lambda job: weights[job.run.distill.logit.weight] if " x " in job.name else 50
    )
    searched = [name for name in crew.ran if " x " in name]
    assert searched == [f"small/logit x {factor}" for factor in (0.5, 2, 8, 32)]
    assert grid.students(grid.rows[1], 32)[1].folder.joinpath("result.json").exists()
    assert "weight: 320" in (grid.out / "students/small/logit/seed_1/run.yaml").read_text()
    assert "small,logit,32,82.00,1" in (grid.out / "search.csv").read_text()
    assert "further ones" in (grid.out / "table.md").read_text()
    assert conduct(make_grid(search=search), score)[1].ran == []


def two_pairs(make_grid, **changes):
    """The second pair takes its factors from the first one's search."""
    pair = make_grid().suite.pairs[0].model_dump(mode="json")
    return make_grid(pairs=[pair, {**pair, "name": "other", "factors_of": "small"}], **changes)


def test_a_pair_may_take_its_factors_from_another_ones_search(make_grid) -> None:
    grid = two_pairs(make_grid)
    _, crew = conduct(grid, score)
    searched = [name for name in crew.ran if " x " in name]
    assert searched == ["small/logit x 0.5", "small/logit x 2"]
    assert "weight: 20" in (grid.out / "students/other/logit/seed_1/run.yaml").read_text()
    assert "other" not in (grid.out / "search.csv").read_text()
    assert "factors of small" in (grid.out / "table.md").read_text()


def test_a_search_that_is_asked_for_is_run_though_its_own_pair_is_not(make_grid) -> None:
    grid = two_pairs(make_grid)
    _, crew = conduct(Grid(grid.suite, grid.out, ("other",)), score)
    searched = [name for name in crew.ran if name.startswith("small")]
    assert searched == ["small/logit x 0.5", "small/logit x 2"]
    assert "other/logit seed 2" in crew.ran


def test_the_report_has_gains_paired_over_seeds_and_the_chosen_factor(make_grid) -> None:
    grid = make_grid()
    conduct(grid, score)
    table = (grid.out / "table.md").read_text()
    # mean 4 and deviation sqrt(2) of the gains 3 and 5; 12.706 * sqrt(2) / sqrt(2) either side
    assert "| logit | 2 | 2 | 55.50 ± 2.12 | +4.00 ± 1.41 [-8.71, +16.71] | 55.50" in table
    assert "| none |  | 2 | 51.50 ± 0.71 |  | 51.50 ± 0.71 |  | 90.00 | 1,000 |" in table
    assert "| tgi |  | 2 | 51.50 ± 0.71 | +0.00 ± 0.00 [+0.00, +0.00] |" in table
    rows = list(csv.DictReader((grid.out / "results.csv").read_text().splitlines()))
    found = [(row["method"], row["seed"], row["tested/map/bev_strict"]) for row in rows]
    assert ("logit", "2", "57.0") in found
    assert len(rows) == 7  # the teacher, three methods of two seeds
    searched = list(csv.DictReader((grid.out / "search.csv").read_text().splitlines()))
    assert [row["chosen"] for row in searched] == ["0", "1"]


def test_what_is_finished_is_not_run_again(make_grid) -> None:
    grid = make_grid()
    conduct(grid, score)
    (grid.out / "students/small/tgi/seed_2/result.json").unlink()
    _, crew = conduct(make_grid(), score)
    assert crew.ran == ["small/tgi seed 2"]


def test_more_seeds_only_add_to_what_is_there(make_grid) -> None:
    conduct(make_grid(), score)
    _, crew = conduct(make_grid(seeds=[1, 2, 3]), lambda job: 50)
    assert crew.ran == ["small/none seed 3", "small/logit seed 3", "small/tgi seed 3"]


def test_a_changed_suite_is_refused_before_anything_is_run(make_grid) -> None:
    grid = make_grid()
    conduct(grid, score)
    crew = InstantCrew(score)
    with pytest.raises(ValueError, match=r"run.min_points was 5, is 3"):
        Conductor(make_grid(run={**grid.suite.run, "min_points": 3}), crew, "test")
    assert crew.ran == []


def test_a_failing_job_does_not_stop_the_others(make_grid) -> None:
    grid = make_grid()
    conductor, crew = conduct(grid, lambda job: None if "none seed 2" in job.name else score(job))
    assert [failure.job.name for failure in conductor.failures] == ["small/none seed 2"]
    assert len(crew.ran) == 9
    table = (grid.out / "table.md").read_text()
    assert "| none |  | 1 | 51.00 |  |" in table
    assert "| logit | 2 | 2 | 55.50 ± 2.12 | +3.00 |" in table  # of the seed that both have


def test_nothing_is_distilled_without_its_teacher(make_grid) -> None:
    conductor, crew = conduct(make_grid(), lambda job: None if "teacher" in job.name else 50)
    assert crew.ran == ["teacher teacher", "small/none seed 1", "small/none seed 2"]
    assert {skipped.name for skipped in conductor.skipped} == {"small/logit", "small/tgi"}
    assert "teacher teacher failed" in conductor.skipped[0].reason


def test_a_method_whose_search_failed_is_left_out(make_grid) -> None:
    conductor, crew = conduct(make_grid(), lambda job: None if " x " in job.name else 50)
    assert [skipped.name for skipped in conductor.skipped] == ["small/logit"]
    assert "small/tgi seed 2" in crew.ran
    assert "small/logit seed 1" not in crew.ran
    searched = (conductor.grid.out / "search.csv").read_text()
    assert "small,logit,0.5,,0" in searched


def test_a_part_can_be_looked_at(make_grid) -> None:
    grid = make_grid()
    tables = []

    def look(job: Job) -> float:
        path = grid.out / "table.md"
        tables.append(path.read_text() if path.exists() else "")
        return score(job)

    conduct(grid, look)
    assert tables[0] == ""
    assert "| teacher |  |  | 50.00 |" in tables[1]
    assert "| logit | - | 0 | - | - | - | - | - | - | - | - |" in tables[1]


def many_budgets(make_grid):
    """Two methods, one of the headline at two budgets, and a plain student that is longer."""
    methods = {
        "logit": {"distill": {"logit": {}}, "budgets": {1: 1}},
        "tgi": {"distill": {"initialise": {"way": "fnav1"}}, "key": True},
        "long": {"key": True, "teacher_steps": True, "budgets": {1: 1}},
        "fresh": {"distill": {"logit": {}}, "teacher": "fresh", "budgets": {1: 1}},
    }
    pair = make_grid().suite.pairs[0].model_dump(mode="json")
    teachers = {"fresh": {"schedule": {"learning_rate": 1e-9}}, "short": {"min_points": 7}}
    return make_grid(
        search=None, pairs=[{**pair, "methods": methods, "teachers": teachers}],
        budgets={1: 2, 3: 1}, teacher_seeds=[5, 6],
    )  # fmt: skip


def test_key_rows_come_first_by_budget_and_then_seed_by_seed(make_grid) -> None:
    _, crew = conduct(many_budgets(make_grid), lambda job: 50)
    assert crew.ran == [
        "teacher teacher_seed_5", "teacher teacher_seed_6",
        "small/none seed 1", "small/none seed 2",
        "small/long seed 1", "small/tgi seed 1", "small/tgi seed 2",
        "small/none 3x seed 1", "small/tgi 3x seed 1",
        "teacher teacher_fresh_seed_5", "teacher teacher_short_seed_5",
        "small/fresh seed 1", "small/logit seed 1",
    ]  # fmt: skip


def test_budgets_are_multiples_and_a_long_student_has_its_teachers_steps_too(make_grid) -> None:
    grid = many_budgets(make_grid)
    steps = {row.label: grid.students(row, 1.0)[1].steps for row in grid.rows}
    assert steps == {"none": 2, "none 3x": 6, "tgi": 2, "tgi 3x": 6, "long": 4, "logit": 2,
                     "fresh": 2}  # fmt: skip
    longest = next(row for row in grid.rows if row.label == "tgi 3x")
    assert grid.students(longest, 1.0)[1].folder == grid.out / "students/small/tgi@3x/seed_1"


def test_students_take_the_teachers_in_turn(make_grid) -> None:
    grid = many_budgets(make_grid)
    tgi = next(row for row in grid.rows if row.method == "tgi")
    taught = {seed: job.run.distill.teacher for seed, job in grid.students(tgi, 1.0).items()}
    assert taught[1].endswith("teacher_seed_5/model.safetensors")
    assert taught[2].endswith("teacher_seed_6/model.safetensors")
    seeds = {name: job.run.seed for name, job in grid.all_teachers["small"].items()}
    assert seeds == {"teacher seed 5": 5, "teacher seed 6": 6, "teacher fresh seed 5": 5,
                     "teacher short seed 5": 5}  # fmt: skip


def test_sweeps_are_made_before_the_phase_that_reads_them(make_grid, tmp_path) -> None:
    grid = many_budgets(make_grid)
    made = []
    Conductor(grid, InstantCrew(lambda job: 50), "test", made.append).run()
    assert [str(tmp_path / "train") in folders for folders in made] == [True, True]
    assert all(str(tmp_path / "test") in folders for folders in made)


def test_a_row_without_the_whole_budget_is_searched_all_the_same(make_grid) -> None:
    methods = {"logit": {"distill": {"logit": {}}, "budgets": {2: 1}}}
    pair = make_grid().suite.pairs[0].model_dump(mode="json")
    grid = make_grid(pairs=[{**pair, "methods": methods}])
    conductor, crew = conduct(grid, lambda job: 50)
    assert crew.ran[-3:] == ["small/logit x 0.5", "small/logit x 2", "small/logit 2x seed 1"]
    assert not conductor.skipped
    assert (grid.out / "search.csv").read_text().count("small,logit,") == 2
