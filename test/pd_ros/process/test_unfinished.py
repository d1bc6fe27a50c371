"""Programs that are told to stop, or killed, while they write: what is left of it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from patience import PATIENCE_S, ending, wait_until
from small_recording import drive, write_clouds

from pd_ros.process.parent_death import ending_with_parent
from pd_ros.process.unfinished import UNFINISHED, remove_unfinished, unfinished_folder, whole_file

HERE = Path(__file__).parents[3]
# What a program writes until it is stopped: the command, and the folder below --out.
EVALUATE = (("-m", "pd_ros.evaluate_recording"), "views")
SIMULATE = (("-m", "training.simulate", "drive", "--seconds", "3600"), ".")


@pytest.fixture(scope="module")
def long_drives(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("drives")
    return [write_clouds(folder / name, drive(1) * 3000) for name in ("a", "b")]


@contextmanager
def running(*arguments: object) -> "Iterator[subprocess.Popen[str]]":
    """A program that hears Ctrl-C, also where these tests are a shell's background job."""
    environment = {**os.environ, "PYTHONPATH": str(HERE), "OMP_NUM_THREADS": "1"}
    words = [str(word) for word in arguments]
    process = subprocess.Popen(
        ending_with_parent([sys.executable, *words]), env=environment,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    with ending(process):
        yield process


def unfinished(folder: Path) -> list[Path]:
    return list(folder.glob(f"{UNFINISHED}*")) if folder.is_dir() else []


def wait_for_writing(process: "subprocess.Popen[str]", folder: Path, count: int = 1) -> None:
    def writes() -> bool:
        return sum(any(left.rglob("*.mcap")) for left in unfinished(folder)) >= count

    wait_until(writes, f"{count} files that are being written", process)


def evaluation(drives: list[Path], model: Path, out: Path, jobs: int):
    return running(*EVALUATE[0], *drives, "--model", model, "--out", out, "--jobs", jobs)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_an_evaluation_told_to_stop_leaves_nothing_unfinished(
    number, code, long_drives, model_path, tmp_path
) -> None:
    with evaluation(long_drives[:1], model_path, tmp_path, 1) as process:
        wait_for_writing(process, tmp_path / "views")
        process.send_signal(number)
        _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code and "Traceback" not in said
    assert list((tmp_path / "views").iterdir()) == []


@pytest.mark.parametrize("whole_group", [False, True], ids=["parent", "group"])
def test_nor_do_its_processes(whole_group, long_drives, model_path, tmp_path) -> None:
    with evaluation(long_drives, model_path, tmp_path, 2) as process:
        wait_for_writing(process, tmp_path / "views", count=2)
        (os.killpg if whole_group else os.kill)(process.pid, signal.SIGTERM)
        _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 143 and "Traceback" not in said
    assert list((tmp_path / "views").iterdir()) == []


def test_a_simulated_drive_told_to_stop_leaves_nothing(tmp_path) -> None:
    with running(*SIMULATE[0], "--out", tmp_path / "drive.mcap") as process:
        wait_for_writing(process, tmp_path)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 143 and "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_evaluation_left_goes_with_the_next(
    long_drives, model_path, tmp_path
) -> None:
    with evaluation(long_drives[:1], model_path, tmp_path, 1) as process:
        wait_for_writing(process, tmp_path / "views")
    assert len(unfinished(tmp_path / "views")) == 1
    short = write_clouds(tmp_path / "short", drive(2))
    with evaluation([short], model_path, tmp_path, 1) as process:
        _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, said
    assert [path.name for path in (tmp_path / "views").iterdir()] == ["short.mcap"]


def test_what_is_being_written_stays(tmp_path) -> None:
    with unfinished_folder(tmp_path) as mine:
        (mine / "file").touch()
        with unfinished_folder(tmp_path) as other:
            assert mine != other and (mine / "file").is_file()
        assert unfinished(tmp_path) == [mine]
        (tmp_path / f"{UNFINISHED}old").mkdir()
        remove_unfinished(tmp_path)
        assert unfinished(tmp_path) == [mine]
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_whole_or_as_it_was(tmp_path) -> None:
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), whole_file(path) as place:
        place.write_text("half")
        raise KeyboardInterrupt
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("a.json", "old")]
    with whole_file(path) as place:
        place.write_text("new")
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("a.json", "new")]


def test_others_may_read_what_was_written(tmp_path) -> None:
    """Whatever a library that wrote it thinks of other users; a service may run as another one."""
    before = os.umask(0o022)
    try:
        with whole_file(tmp_path / "a") as place:
            place.touch(mode=0o600)
        assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644
    finally:
        os.umask(before)
