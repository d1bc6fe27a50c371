"""The benchmarks run and count; how fast anything is is not judged."""

import json
from importlib.util import find_spec

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed: see packaging/")
pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed: see packaging/")

from pd_ros.ros.tools import benchmark_delivery, benchmark_overhead


def test_every_case_of_delivery_is_measured(tmp_path, capsys) -> None:
    out = tmp_path / "delivery.json"
    arguments = ["--clouds", "3", "--points", "100", "--json", str(out)]
    assert benchmark_delivery.main(arguments) == 0
    rows = json.loads(out.read_text())
    assert [(row["profile"], row["reliability"]) for row in rows] == [
        (False, "best effort"), (False, "reliable"), (True, "best effort"), (True, "reliable"),
    ]  # fmt: skip
    assert all(row["sent"] == 3 and row["received"] <= 3 for row in rows)
    assert all(row["received"] for row in rows if row["reliability"] == "reliable")
    assert len(capsys.readouterr().out.splitlines()) == 4


def test_both_ways_are_timed_on_the_same_clouds(tmp_path) -> None:
    out = tmp_path / "overhead.json"
    arguments = ["--points", "1000", "2000", "--rounds", "3", "--json", str(out)]
    message = "both" if find_spec("autoware_perception_msgs") else "vision_msgs"
    assert benchmark_overhead.main([*arguments, "--message", message]) == 0
    rows = json.loads(out.read_text())
    assert [(row["points"], row["way"]) for row in rows] == [
        (1000, "pd_ros"), (1000, "read_points"), (2000, "pd_ros"), (2000, "read_points"),
    ]  # fmt: skip
    assert all(0 < row["p50"] <= row["p95"] for row in rows)
