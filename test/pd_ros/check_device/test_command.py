"""The program: what it prints and writes, and what it says where packages are not there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from programs import ROOT

from pd_ros.check_device.__main__ import main
from pd_ros.check_device.check import Check, Outcome, Verdict
from pd_ros.check_device.report import Report, outcome_line

# Hides packages as if they were not installed, in the checks' processes, too.
WITHOUT = """
import os, sys
from importlib.machinery import PathFinder
HIDDEN = set(os.environ["HIDDEN"].split())
class Finder(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        hidden = name.partition(".")[0] in HIDDEN
        return None if hidden else PathFinder.find_spec(name, path, target)
sys.meta_path[:] = [Finder if each is PathFinder else each for each in sys.meta_path]
"""


def run_without(
    packages: str, tmp_path: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    (tmp_path / "sitecustomize.py").write_text(WITHOUT)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}", "HIDDEN": packages}
    environment.pop("PD_ROS_DATA", None)
    return subprocess.run(
        [sys.executable, "-m", "pd_ros.check_device", "--device", "cpu", *arguments],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


# All that a computer with no more than torch, numpy, pydantic and PyYAML lacks.
OTHERS = (
    "safetensors spconv cumm rosbags tqdm scipy shapely matplotlib tensorboard rclpy embreex"
    " jinja2 onnx onnxruntime openvino pyarrow PIL sensor_msgs vision_msgs"
)


def test_a_bare_computer_checks_all_it_can(tmp_path) -> None:
    out = tmp_path / "out"
    names = ("real_student", "small_second", "point_rcnn_small")
    done = run_without(
        OTHERS, tmp_path, "--minutes", "0.01", "--out", str(out), "--networks", *names
    )
    assert done.returncode == 0, done.stdout + done.stderr
    content = json.loads((out / "check.json").read_text())
    found = {(each["part"], each["network"]): each for each in content["checks"]}
    for (part, network), each in found.items():
        if network == "real_student":
            assert each["verdict"] == "skipped", part
        if network == "small_second" and part not in {"cuda_graph"}:
            assert (each["verdict"], each["text"]) == ("skipped", "spconv not installed")
        if network in {"", "point_rcnn_small"}:
            assert each["verdict"] == "passed", each["text"]
    assert found["encoder", "real_student"]["text"] == "safetensors not installed"
    assert ("training", "point_rcnn_small") in found
    assert "made-up streets" in content["clouds"]
    assert "skipped: spconv not installed" in (out / "issue.md").read_text()
    table = done.stdout.split("\n\n")[1]
    assert table.splitlines()[0].split() == list(names)


def test_what_nothing_goes_without_is_named_with_the_way_to_get_it(tmp_path) -> None:
    done = run_without("pydantic yaml", tmp_path, "--out", str(tmp_path / "out"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "pydantic PyYAML not installed" in done.stderr
    assert "pip download --dest wheels pydantic PyYAML" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--device", "cpu", "--minutes", "0"], "--minutes: expected more than 0, got 0"),
        (["--device", "tpu"], "device: expected auto, cpu or cuda:N, got 'tpu'"),
        (["--device", "cpu", "--points", "no/such"], "no/such: expected a folder of clouds"),
    ],
)
def test_wrong_options_are_refused(options, said, tmp_path, capsys) -> None:
    assert main([*options, "--out", str(tmp_path / "out")]) == 2
    assert said in capsys.readouterr().err


def outcomes() -> tuple[Outcome, ...]:
    def outcome(part, network, verdict, text, **figures) -> Outcome:
        return Outcome(Check(part, "module", network), verdict, text, figures, 1.25)

    return (
        outcome("driver", "", Verdict.PASSED, "a GPU", gpus=["H200"]),
        outcome("dense", "one", Verdict.PASSED, "error 1e-6"),
        outcome("dense", "two", Verdict.FAILED, "RuntimeError: no", traceback="a\n" * 30 + "last"),
        outcome("boxes", "two", Verdict.SKIPPED, "spconv not installed"),
    )


def test_the_table_has_a_line_for_each_part() -> None:
    report = Report("cuda:0", "streets", 8.0, outcomes())
    assert report.table().splitlines() == [
        "        one  two",
        "driver  ok",
        "dense   ok   FAILED",
        "boxes        -",
    ]
    assert report.summary() == "2 passed, 1 failed, 1 skipped"
    assert outcome_line(outcomes()[1]).split() == [
        "ok",
        "dense",
        "one",
        "error",
        "1e-6",
        "[1.2",
        "s]",
    ]


def test_the_text_for_an_issue_leads_with_what_failed() -> None:
    text = Report("cuda:0", "streets", 8.0, outcomes()).issue()
    assert text.startswith("### pd_ros.check_device on cuda:0: 2 passed, 1 failed, 1 skipped\n")
    assert text.index("RuntimeError: no") < text.index("error 1e-6")
    assert text.count("a\n") < 20 and "last" in text  # of a traceback the end
    assert "- 1 skipped: spconv not installed" in text
    assert "H200" in text and text.count("```") % 2 == 0


def test_json_has_everything() -> None:
    content = json.loads(Report("cuda:0", "streets", 8.0, outcomes()).json())
    assert [each["verdict"] for each in content["checks"]] == [
        "passed", "passed", "failed", "skipped",
    ]  # fmt: skip
    assert content["device"] == "cuda:0" and content["checks"][0]["figures"] == {"gpus": ["H200"]}
