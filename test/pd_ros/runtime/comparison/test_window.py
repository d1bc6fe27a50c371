"""Sums over the last clouds, and what diagnostics say of them."""

import re
from dataclasses import replace

import pytest

from pd_ros.evaluation.agreement_sums import Agreement
from pd_ros.runtime.comparison.window import (
    AgreementLimits,
    AgreementWindow,
    ComparisonCounter,
    ComparisonCounts,
    agreement_values,
    judge_comparison,
)
from pd_ros.runtime.diagnostics.status import Level

LIMITS = AgreementLimits(recall=0.5, precision=0.6, teacher_time_s=10.0)
BEFORE = ComparisonCounts(clouds=10, answers=10, pairs=10, compared=2)
NOW = ComparisonCounts(clouds=20, answers=20, pairs=20, compared=4)
GOOD = {"car": Agreement(matched=30, missed=5, extra=5, iou=24.0)}


def test_the_window_forgets() -> None:
    window = AgreementWindow(2, ["car"])
    assert window.totals() == {"car": Agreement()}
    for matched in (1, 10, 100):
        window.add({"car": (Agreement(matched=matched), Agreement(extra=1))})
    assert window.totals() == {"car": Agreement(matched=110, extra=2)}


@pytest.mark.parametrize(
    ("now", "busy_s", "totals", "level", "text"),
    [
        (NOW, 0.0, GOOD, Level.OK, "agree"),
        (NOW, 9.0, GOOD, Level.OK, "agree"),
        (NOW, 12.0, GOOD, Level.ERROR, "has been at one cloud for 12 s"),
        (replace(NOW, failed=3), 0.0, GOOD, Level.ERROR, "failed on 3"),
        (replace(NOW, clouds=10, answers=10), 0.0, GOOD, Level.STALE, "no cloud came"),
        (replace(NOW, answers=10), 0.0, GOOD, Level.STALE, "student does not answer"),
        (replace(NOW, pairs=10), 0.0, GOOD, Level.WARN, "same stamp"),
        (NOW, 0.0, {"car": Agreement(9, 11, 0)}, Level.WARN, "misses cars .* 0.45 is below 0.5"),
        (NOW, 0.0, {"car": Agreement(10, 0, 10)}, Level.WARN, "precision 0.50 is below 0.6"),
        (NOW, 0.0, {"car": Agreement(0, 19, 19)}, Level.OK, "agree"),  # too few to judge
    ],
)
def test_the_worst_thing_is_said(now, busy_s, totals, level, text) -> None:
    health = judge_comparison(BEFORE, now, busy_s, totals, LIMITS)
    assert health.level is level
    assert re.search(text, health.text), health.text
    assert health.values["pairs"] == now.pairs


def test_a_silence_is_explained_by_what_is_known() -> None:
    now = replace(NOW, clouds=10)
    health = judge_comparison(BEFORE, now, 0.0, GOOD, LIMITS, "no publisher of the cloud topic")
    assert (health.level, health.text) == (
        Level.STALE, "no cloud came; no publisher of the cloud topic"
    )  # fmt: skip
    assert "fastdds" not in judge_comparison(BEFORE, now, 0.0, GOOD, LIMITS).text


def test_values_have_means_only_over_pairs() -> None:
    assert agreement_values(Agreement()) == {"matched": 0, "missed": 0, "extra": 0}
    values = agreement_values(GOOD["car"])
    assert values["recall"] == f"{30 / 35:.3f}"
    assert values["mean BEV IoU"] == "0.800"
    assert judge_comparison(BEFORE, NOW, 0, GOOD, LIMITS).values["car, matched"] == 30


def test_counts_add_up() -> None:
    counter = ComparisonCounter()
    assert counter.add(clouds=1, pairs=2).pairs == 2
    counter.compared(12.5)
    assert counter.read() == ComparisonCounts(clouds=1, pairs=2, compared=1, last_ms=12.5)
