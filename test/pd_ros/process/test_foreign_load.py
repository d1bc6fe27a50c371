"""What else used the cores during a measurement, by hand, and what commands say of it."""

import json
import os
import re

import pytest
from small_model import save_eager_model
from small_recording import drive, write_bins, write_clouds

from pd_ros.benchmark.__main__ import main as benchmark
from pd_ros.benchmark.busy import busy_processes
from pd_ros.evaluate_recording.__main__ import main as evaluate_recording
from pd_ros.process import foreign_load
from pd_ros.process.foreign_load import Load, LoadWatch, Moment
from pd_ros.replay.__main__ import main as replay

TWO = frozenset({0, 1})
REMARK = r"while this was measured other processes kept \d\.\d of \d+ cores busy"


def moment(at: float, busy: float | None, own: float, held_back: float = 0.0) -> Moment:
    return Moment(at, TWO, busy, own, held_back)


@pytest.mark.parametrize(
    ("end", "foreign"),
    [
        (moment(20, 115, 15), 0),  # all 15 s of CPU time are its own
        (moment(20, 115, 5), 1),  # 10 s are not, in 10 s
        (moment(20, 120, 0), 2),
        (moment(20, 100, 3), 0),  # clocks that do not quite agree
        (moment(20, None, 3), None),
    ],
)
def test_what_is_not_its_own_is_foreign(end, foreign) -> None:
    assert moment(10, 100, 0).load_until(end).foreign_cores == foreign


def test_only_what_changes_a_figure_is_remarked_on() -> None:
    assert Load(2, 0.1, 0).remark() == Load(8, None, 0.05).remark() == ""
    assert "other processes kept 1.0 of 2 cores busy" in Load(2, 0.97, 0).remark()
    text = moment(10, 100, 0, 3).load_until(moment(20, 100, 0, 5)).remark()
    assert "a CPU quota held this one back for 20 % of it" in text


@pytest.mark.parametrize(
    ("groups", "file", "content"),
    [
        ("0::/service", "service/cpu.stat", "usage_usec 9\nthrottled_usec 2500000\n"),
        ("0::/elsewhere/inside", "cpu.stat", "throttled_usec 2500000\n"),  # seen in a container
        ("3:memory:/a\n1:cpu,cpuacct:/b", "cpu/b/cpu.stat", "throttled_time 2500000000\n"),
    ],
)
def test_quotas_of_both_kinds_of_groups(groups, file, content, tmp_path, monkeypatch) -> None:
    place = tmp_path / file
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(content)
    own = tmp_path / "cgroup"
    own.write_text(groups + "\n")
    monkeypatch.setattr(foreign_load, "_GROUP", own)
    monkeypatch.setattr(foreign_load, "_GROUPS", tmp_path)
    assert foreign_load._held_back_s() == 2.5


def test_a_system_that_counts_nothing_is_not_accused(tmp_path, monkeypatch) -> None:
    stat = tmp_path / "stat"
    for content in (None, "cpu 0 0 0 0 0 0 0 0 0 0\ncpu0 0 0 0 0 0 0 0 0 0 0\n"):
        if content is not None:
            stat.write_text(content)
        monkeypatch.setattr(foreign_load, "_STAT", stat)
        assert LoadWatch().load().foreign_cores is None


@pytest.fixture(scope="module")
def crowded():
    """A foreign busy thread for every other core."""
    if LoadWatch().load().foreign_cores is None or not hasattr(os, "sched_getaffinity"):
        pytest.skip("the system does not count who uses its cores")
    cores = sorted(os.sched_getaffinity(0))
    with busy_processes(max(1, len(cores) // 2), cores) as busy:
        busy.go_on()
        yield


def test_replay_says_that_others_used_the_cores(crowded, tmp_path, capsys) -> None:
    clouds = write_bins(tmp_path / "clouds", *(f"{n:03}" for n in range(30)))
    arguments = ["--model", save_eager_model(tmp_path), "--points", clouds, "--out", tmp_path]
    assert replay(list(map(str, arguments))) == 0
    assert re.search(REMARK, capsys.readouterr().out)
    assert json.loads((tmp_path / "report.json").read_text())["load"]["foreign_cores"] > 0


def test_the_evaluation_says_it_in_all_its_reports(crowded, tmp_path, capsys) -> None:
    bag = write_clouds(tmp_path / "drive", drive(3))
    arguments = [bag, "--model", save_eager_model(tmp_path), "--out", tmp_path / "out"]
    assert evaluate_recording(list(map(str, arguments))) == 0
    assert re.search(REMARK, capsys.readouterr().out)
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert report["timing"]["load"]["foreign_cores"] > 0
    assert re.search(REMARK, (tmp_path / "out/report.html").read_text())


def test_the_benchmark_says_it(crowded, tmp_path, capsys) -> None:
    clouds, report = write_bins(tmp_path / "clouds", "000"), tmp_path / "speed.json"
    assert benchmark([
        "--model", str(save_eager_model(tmp_path)), "--points", str(clouds), "--rounds", "1",
        "--clouds", "1", "--threads", "1", "--device", "cpu", "--json", str(report),
    ]) == 0  # fmt: skip
    assert re.search(REMARK, capsys.readouterr().out)
    assert json.loads(report.read_text())["machine"]["load"]["foreign_cores"] > 0
