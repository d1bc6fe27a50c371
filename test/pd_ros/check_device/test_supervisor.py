"""No check hides another: not one that fails, raises, crashes or hangs."""

import time

import numpy as np
import pytest

from pd_ros.check_device.check import Check, Setting, Verdict
from pd_ros.check_device.supervisor import run_checks, share

SETTING = Setting("cpu", "", (np.zeros((1, 4), np.float32),), 0.0)


def check(ending: str, **changes) -> Check:
    return Check("part", "fake_check", ending, **changes)


def test_every_check_has_its_outcome(tmp_path) -> None:
    endings = ("passing", "failing", "passing", "raising", "crashing", "skipping", "passing")
    log = tmp_path / "log.txt"
    outcomes = list(run_checks([check(ending) for ending in endings], SETTING, 60, log))
    assert [outcome.check.network for outcome in outcomes] == list(endings)
    verdicts = [outcome.verdict for outcome in outcomes]
    passed, failed, skipped = Verdict
    assert verdicts == [passed, failed, passed, failed, failed, skipped, passed]
    texts = [outcome.text for outcome in outcomes]
    assert texts[1] == "wrong by 3"
    assert texts[3].startswith("RuntimeError: CUDA error: an illegal memory access")
    assert "and more" not in texts[3] and "Traceback" in str(outcomes[3].figures["traceback"])
    assert "SIGSEGV" in texts[4]
    assert texts[5] == "no reason"
    first, second, last = (outcomes[i].figures["process"] for i in (0, 2, 6))
    assert first == second != last  # a process serves until it is broken
    assert "Segmentation fault" in log.read_text() and "fake_check" in log.read_text()


def test_one_that_hangs_is_ended(tmp_path) -> None:
    began = time.monotonic()
    checks = [check("hanging"), check("passing")]
    hung, passed = run_checks(checks, SETTING, 0.0, tmp_path / "log.txt", patience_s=20.0)
    assert (hung.verdict, passed.verdict) == (Verdict.FAILED, Verdict.PASSED)
    assert "no answer within 21 s" in hung.text
    assert time.monotonic() - began < 300


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"gpu": True}, "needs a GPU"),
     ({"needs": ("json", "no_such_package")}, "no_such_package not installed"),
     ({"needs": ("json",)}, "")],
)  # fmt: skip
def test_what_cannot_be_checked_is_skipped_by_name(changes, reason, tmp_path) -> None:
    (outcome,) = run_checks([check("passing", **changes)], SETTING, 60, tmp_path / "log.txt")
    assert outcome.verdict == (Verdict.SKIPPED if reason else Verdict.PASSED)
    assert outcome.text == (reason or "as it should be")


def test_time_is_shared_by_weight_and_never_runs_out() -> None:
    left = [check("a", weight=3), check("b", weight=1)]
    assert share(left, 80.0) == 60.0
    assert share(left[1:], 20.0) == 20.0
    assert share(left, -5.0) == 1.0


def test_repeats_end_with_the_time_but_some_are_made() -> None:
    late = Setting("cpu", "", SETTING.clouds, -1.0)
    assert list(late.repeat(range(9))) == [0]
    assert list(late.repeat(range(9), 4)) == [0, 1, 2, 3]
    assert list(late.repeat(range(2), 4)) == [0, 1]
    assert list(late.repeat(range(2), 0)) == []
    assert list(Setting("cpu", "", SETTING.clouds, 60.0).repeat(range(9))) == list(range(9))
