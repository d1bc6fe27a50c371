"""What makes a result out of date."""

import pytest
import yaml
from small_suite import made_up

from training.benchmark.grid import Row
from training.benchmark.jobs.job import check_unchanged, read_result, write_result
from training.benchmark.jobs.pool import begin
from training.config.run import SourceConfig


@pytest.fixture
def plain(make_grid):
    """Makes the plain student's job of the first seed, with changes of the suite."""

    def make(**changes):
        grid = make_grid(**changes)
        return grid.students(Row(grid.pairs[0], "none"), 1.0)[1]

    return make


def test_a_result_is_read_back(plain) -> None:
    job = plain()
    assert read_result(job) is None
    begin(job)
    assert read_result(job) is None
    write_result(job.folder, made_up(job, 50))
    assert read_result(job) == made_up(job, 50)
    assert not list(job.folder.glob("*.part"))


def test_a_changed_run_is_refused_by_key(plain, make_grid) -> None:
    begin(plain())
    run = make_grid().suite.run
    longer = plain(run={**run, "schedule": {**run["schedule"], "epochs": 7}})
    with pytest.raises(ValueError, match=r"another config \(run.schedule.epochs was 1, is 7\)"):
        check_unchanged(longer)
    with pytest.raises(ValueError, match="delete the folder to run it again"):
        begin(longer)
    check_unchanged(plain())


def test_a_changed_network_is_refused_although_the_run_names_the_same_file(
    plain, tmp_path
) -> None:
    job = plain()
    begin(job)
    path = tmp_path / "student.yaml"
    network = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**network, "name": "other"}))
    with pytest.raises(ValueError, match=r"student\.yaml is another one"):
        check_unchanged(job)


def test_other_test_sources_ask_for_a_new_score_only(plain, tmp_path) -> None:
    job = plain()
    begin(job)
    write_result(job.folder, made_up(job, 50))
    other = plain(test={"others": {"path": str(tmp_path / "train")}})
    check_unchanged(other)
    assert read_result(other) is None
    assert isinstance(other.test["others"], SourceConfig)


def test_a_student_waits_for_its_teacher_and_is_refused_with_another_one(make_grid) -> None:
    grid = make_grid()
    job = grid.students(Row(grid.pairs[0], "logit"), 1.0)[1]
    teacher = grid.teachers["small"].checkpoint
    assert job.task() is None
    with pytest.raises(ValueError, match=f"without {teacher}"):
        begin(job)
    teacher.parent.mkdir(parents=True)
    teacher.write_text("weights")
    begin(job)
    teacher.write_text("others")
    with pytest.raises(ValueError, match=r"model\.safetensors is another one"):
        check_unchanged(job)


def test_steps_are_those_of_the_schedule(plain) -> None:
    job = plain()
    assert (job.steps, job.steps_per_epoch, job.steps_done()) == (2, 2, 0)
    job.folder.mkdir(parents=True)
    (job.folder / "log.jsonl").write_text("{}\n")
    assert job.steps_done() == 2
