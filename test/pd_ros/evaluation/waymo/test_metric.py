"""The Waymo rule: by hand, at its edges, and against a plain one that solves each cutoff alone."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from pd_ros.evaluation.waymo.curve import WaymoCurve, area_under
from pd_ros.evaluation.waymo.frames import TYPES, WaymoDetections, WaymoFrame, WaymoTruth
from pd_ros.evaluation.waymo.metric import SCORE_CUTOFFS, evaluate_waymo
from pd_ros.evaluation.waymo.report import WaymoReport

Box = Sequence[float]


def box(x: float, length: float = 4.0, heading: float = 0.0, z: float = 0.5) -> Box:
    return (x, 0.0, z, length, 2.0, 1.5, heading)


def frame(
    truth: Sequence[Box],
    found: Sequence[tuple[Box, float]],
    *,
    kind: str = "VEHICLE",
    difficulties: Sequence[int] | None = None,
    points: Sequence[int] | None = None,
    excused: Sequence[bool] | None = None,
) -> WaymoFrame:
    number = TYPES.index(kind)
    return WaymoFrame(
        WaymoTruth(
            np.array(truth, dtype=np.float64).reshape(-1, 7),
            np.full(len(truth), number),
            np.array(difficulties or [1] * len(truth), dtype=np.int64),
            np.array(points or [100] * len(truth), dtype=np.int64),
        ),
        WaymoDetections(
            np.array([place for place, _ in found], dtype=np.float64).reshape(-1, 7),
            np.full(len(found), number),
            np.array([score for _, score in found], dtype=np.float64),
            np.array(excused or [False] * len(found), dtype=bool),
        ),
    )


def curve(report: WaymoReport, level: int = 1, kind: str = "VEHICLE") -> WaymoCurve:
    key = f"OBJECT_TYPE_TYPE_{kind}_LEVEL_{level}"
    (entry,) = (entry for entry in report.entries if entry.key == key)
    return entry.curve


def ap(*frames: WaymoFrame, level: int = 1, kind: str = "VEHICLE") -> float:
    return curve(evaluate_waymo(frames), level, kind).ap


def test_all_found_and_nothing_else() -> None:
    report = evaluate_waymo([frame([box(0), box(10)], [(box(0), 0.9), (box(10), 0.2)])])
    assert curve(report).ap == curve(report).aph == curve(report, level=2).ap == 1


def test_right_wrong_right_by_hand() -> None:
    found = [(box(0), 0.9), (box(50), 0.8), (box(10), 0.7)]
    # Recall 0.5 at precision 1, recall 1 at 2/3; the last 0.05 of the gap is a slope.
    by_hand = 0.5 * 1 + 0.45 * 2 / 3 + 0.05 * (1 + 2 / 3) / 2
    assert ap(frame([box(0), box(10)], found)) == pytest.approx(by_hand)


def test_wrong_first_by_hand() -> None:
    assert ap(frame([box(0), box(10)], [(box(50), 0.9), (box(0), 0.8)])) == pytest.approx(0.25)


def test_heading_weighs_in_aph_only() -> None:
    turned = evaluate_waymo([frame([box(0)], [(box(0, heading=np.pi), 0.9)])])
    assert (curve(turned).ap, curve(turned).aph) == (1, 0)
    # 3.1 and -3.1 are 0.083 apart, not 6.2.
    wrapped = frame([box(0, heading=3.1)], [(box(0, heading=-3.1), 0.9)])
    accuracy = 1 - (2 * np.pi - 6.2) / np.pi
    assert curve(evaluate_waymo([wrapped])).aph == pytest.approx(accuracy)


def test_the_sum_of_overlaps_decides_not_the_score() -> None:
    # The first one overlaps both by 0.86, the second one (0.85) only the first object.
    truth, found = [box(0), box(0.6)], [(box(0.3), 0.9), (box(-0.32), 0.8)]
    assert ap(frame(truth, found)) == 1


@pytest.mark.parametrize(
    ("kind", "share", "expected"),
    [("VEHICLE", 0.7, 1), ("VEHICLE", 0.6999, 0), ("PEDESTRIAN", 0.5, 1), ("CYCLIST", 0.4999, 0)],
)
def test_overlap_equal_to_the_threshold_matches(kind: str, share: float, expected: int) -> None:
    part = frame([box(0)], [(box(0, length=4 * share), 0.9)], kind=kind)
    assert ap(part, kind=kind) == expected


@pytest.mark.parametrize("hundredths", range(101))
def test_a_score_equal_to_a_cutoff_reaches_it(hundredths: int) -> None:
    right = curve(evaluate_waymo([frame([box(0)], [(box(0), hundredths / 100)])])).true_positives
    assert right.tolist() == [1] * (hundredths + 1) + [0] * (100 - hundredths)


@pytest.mark.parametrize(("score", "expected"), [(1.7, 101), (-0.1, 0), (0.004, 1)])
def test_scores_out_of_range(score: float, expected: int) -> None:
    report = evaluate_waymo([frame([box(0)], [(box(0), score)])])
    assert curve(report).true_positives.sum() == expected


def test_levels_by_points_and_by_annotator() -> None:
    truth = [box(10.0 * i) for i in range(5)]
    part = frame(truth, [], difficulties=[0, 0, 2, 1, 0], points=[5, 6, 100, 1, 0])
    entries = {entry.key: entry.num_truth for entry in evaluate_waymo([part]).entries}
    assert entries["OBJECT_TYPE_TYPE_VEHICLE_LEVEL_1"] == 2
    assert entries["OBJECT_TYPE_TYPE_VEHICLE_LEVEL_2"] == 4


def test_finding_what_level_2_asks_for_is_right_at_level_1() -> None:
    part = frame([box(0), box(10)], [(box(0), 0.9)], difficulties=[2, 1])
    level_1 = curve(evaluate_waymo([part]))
    assert (level_1.true_positives[0], level_1.missed[0]) == (1, 1)
    assert (level_1.precision[0], level_1.recall[0]) == (1, 0.5)


def test_what_finds_an_object_without_points_is_wrong() -> None:
    part = frame([box(0), box(10)], [(box(0), 0.9), (box(10), 0.8)], points=[0, 100])
    assert ap(part) == pytest.approx(0.5)


def test_unlabelled_zone_excuses_what_finds_nothing() -> None:
    found = [(box(0), 0.9), (box(50), 0.95)]
    assert ap(frame([box(0)], found)) == pytest.approx(0.5)
    assert ap(frame([box(0)], found, excused=[True, True])) == 1


def test_thin_and_huge_boxes_overlap_nothing() -> None:
    for length, expected in ((0.01, 0), (0.0101, 1), (1e6, 0), (9e5, 1)):
        thing = box(0, length=length)
        assert ap(frame([thing], [(thing, 0.9)])) == expected, length


def test_ranges_are_in_3d_and_each_sees_its_own() -> None:
    # The object is 30 m away because of its height, what finds it is nearer.
    part = frame([box(29.99, z=1.5)], [(box(29.9, z=1.5), 0.9)])
    scores = evaluate_waymo([part]).to_json()
    assert scores["OBJECT_TYPE_TYPE_VEHICLE_LEVEL_1"]["AP"] == 1
    assert scores["RANGE_TYPE_VEHICLE_[30, 50)_LEVEL_1"]["AP"] == 0
    far = evaluate_waymo([frame([box(50, z=0)], [(box(50, z=0), 0.9)])]).to_json()
    assert far["RANGE_TYPE_VEHICLE_[50, +inf)_LEVEL_1"]["AP"] == 1


def test_types_and_frames_are_not_mixed() -> None:
    alone, other = frame([box(0)], []), frame([], [(box(0), 0.9)])
    assert ap(alone, other) == 0
    mixed = frame([], [(box(0), 0.9)], kind="CYCLIST")
    assert ap(WaymoFrame(alone.truth, mixed.found)) == 0


def test_nothing_at_all() -> None:
    for frames in ([], [frame([], [])]):
        scores = evaluate_waymo(frames).to_json()
        assert len(scores) == 32 and {score["AP"] for score in scores.values()} == {0.0}
    assert area_under(np.zeros(0), np.zeros(0)) == 0


def test_steps_of_recall_follow_the_higher_recall() -> None:
    precision, recall = np.array([0.2, 1.0]), np.array([1.0, 0.12])
    slope = 0.88 - 17 * 0.05
    by_hand = 0.12 + 17 * 0.05 * 0.2 + slope * 0.6
    assert area_under(precision, recall) == pytest.approx(by_hand)


def plain_counts(frames: Sequence[WaymoFrame], cutoff: float) -> tuple[int, int, int]:
    """Right, wrong, missed for boxes that only differ in x, one cutoff at a time."""
    right = wrong = missed = 0
    for truth, found in frames:
        places = found.boxes[found.scores >= cutoff, 0]
        shared = np.maximum(4 - np.abs(places[:, None] - truth.boxes[:, 0]), 0)
        iou = shared / (8 - shared)
        iou[iou < 0.7] = 0
        pairs = linear_sum_assignment(iou, maximize=True)
        hits = int((iou[pairs] > 0).sum())
        right, wrong, missed = right + hits, wrong + len(places) - hits, missed + len(iou.T) - hits
    return right, wrong, missed


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_one_pass_is_as_good_as_each_cutoff_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frames = []
    for _ in range(3):
        truth = [box(x) for x in rng.uniform(0, 4, rng.integers(0, 6))]
        found = [(box(x), score) for x, score in rng.uniform(0, (4, 1), (rng.integers(0, 8), 2))]
        frames.append(frame(truth, found))
    counts = curve(evaluate_waymo(frames), level=2)
    for number in range(0, 101, 9):
        expected = plain_counts(frames, float(SCORE_CUTOFFS[number]))
        assert tuple(int(count[number]) for count in counts[:3]) == expected


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_order_does_not_matter_and_aph_is_at_most_ap(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = [box(x) for x in rng.uniform(0, 20, 6)]
    found = [
        (box(x, heading=turn), score) for x, turn, score in rng.uniform(0, (20, 0.3, 1), (9, 3))
    ]
    first = curve(evaluate_waymo([frame(truth, found), frame(truth[:2], [])]))
    again = curve(evaluate_waymo([frame(truth[:2], []), frame(truth[::-1], found[::-1])]))
    assert first.ap == pytest.approx(again.ap) and first.aph == pytest.approx(again.aph)
    assert 0 <= first.aph <= first.ap <= 1
