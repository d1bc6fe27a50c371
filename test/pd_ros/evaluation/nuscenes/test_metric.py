"""nuScenes' rule: by hand, at its edges, and against a plain one written box by box."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pd_ros.evaluation.nuscenes.boxes import NuscenesBoxes, yaw_of
from pd_ros.evaluation.nuscenes.metric import RANGES_M, evaluate_nuscenes
from pd_ros.evaluation.nuscenes.report import NuscenesEntry, NuscenesReport

Row = dict[str, Any]


def boxes(rows: Sequence[Row], samples: Sequence[str] = ("a", "b")) -> NuscenesBoxes:
    """Cars at x in sample a, unless a row says otherwise."""

    def column(key: str, default: object) -> list[Any]:
        return [row.get(key, default) for row in rows]

    places = np.array([(row["x"], row.get("y", 0)) for row in rows], dtype=np.float64)
    return NuscenesBoxes(
        samples=tuple(samples),
        sample=np.array([samples.index(row.get("sample", "a")) for row in rows], dtype=np.intp),
        names=np.array(column("name", "car"), dtype=np.str_),
        centres=places.reshape(-1, 2),
        sizes=np.array(column("size", (2, 4, 1.5)), dtype=np.float64).reshape(-1, 3),
        yaws=np.array(column("yaw", 0), dtype=np.float64),
        velocities=np.array(column("velocity", (0, 0)), dtype=np.float64).reshape(-1, 2),
        attributes=np.array(column("attribute", "vehicle.parked"), dtype=np.str_),
        ego_distances=np.array([row.get("away", 5) for row in rows], dtype=np.float64),
        num_points=np.array(column("points", 10), dtype=np.int64),
        scores=np.array(column("score", 0), dtype=np.float64),
    )


def evaluate(truth: Sequence[Row], found: Sequence[Row]) -> NuscenesReport:
    return evaluate_nuscenes(boxes(truth), boxes(found))


def car(truth: Sequence[Row], found: Sequence[Row], name: str = "car") -> NuscenesEntry:
    (entry,) = (e for e in evaluate(truth, found).entries if e.class_name == name)
    return entry


def test_all_found_exactly_is_1_and_no_error() -> None:
    rows = [{"x": 10 * i, "name": name, "score": 0.5} for i, name in enumerate(RANGES_M)]
    report = evaluate(rows, rows)
    assert report.mean_ap == pytest.approx(1) and report.nd_score == pytest.approx(1)
    assert report.tp_errors == (0, 0, 0, 0, 0)


def test_a_class_without_objects_counts_as_0() -> None:
    report = evaluate([{"x": 0}], [{"x": 0, "score": 0.5}])
    assert report.mean_ap == pytest.approx(0.1)
    # Nine of ten classes have the worst errors; of those that have a heading, eight of nine.
    assert report.tp_errors == pytest.approx((0.9, 0.9, 8 / 9, 7 / 8, 7 / 8))
    assert report.nd_score == pytest.approx((0.5 + 0.1 + 0.1 + 1 / 9 + 1 / 8 + 1 / 8) / 10)


def test_wrong_before_right_is_not_smoothed_away() -> None:
    found = [{"x": 30, "score": 0.9}, {"x": 0, "score": 0.8}, {"x": 10, "score": 0.7}]
    # Precision 0, 1/2, 2/3 at recall 0, 1/2, 1: lines between them, above 0.1 of each.
    recall = np.linspace(0, 1, 101)[11:]
    precision = np.where(recall < 0.5, recall, 0.5 + (recall - 0.5) / 3)
    by_hand = (precision - 0.1).mean() / 0.9
    assert car([{"x": 0}, {"x": 10}], found).aps[2.0] == pytest.approx(by_hand)


def test_half_found_ends_at_half_the_recall() -> None:
    entry = car([{"x": 0}, {"x": 10}], [{"x": 0, "score": 0.9}])
    assert entry.mean_ap == pytest.approx(40 / 90)
    assert entry.errors.trans_err == 0


@pytest.mark.parametrize("metres", [0.5, 1.0, 2.0, 4.0])
def test_as_far_as_the_threshold_is_too_far(metres: float) -> None:
    aps = car([{"x": 0}], [{"x": metres, "score": 0.9}]).aps
    assert [threshold for threshold, ap in aps.items() if ap > 0] == [
        threshold for threshold in aps if threshold > metres
    ]


def test_the_nearest_free_object_is_taken() -> None:
    found = [{"x": 0.4, "score": 0.9}, {"x": 0, "score": 0.8}]
    entry = car([{"x": 0}, {"x": 1.5}], found)
    # Both want the first object; the second one is 1.5 m away from the loser.
    assert [ap > 0.9 for ap in entry.aps.values()] == [False, False, True, True]
    assert entry.errors.trans_err == pytest.approx(np.mean(mean_over_recall(0.4, 1.5)))


def mean_over_recall(first: float, second: float) -> list[float]:
    """Running mean of two errors at recalls 0.5 and 1, at the bins 0.11 to 1."""
    later = (first + second) / 2
    return [first] * 40 + [first + (later - first) * step / 50 for step in range(1, 51)]


def test_of_equal_scores_the_later_one_goes_first() -> None:
    right, wrong = {"x": 0, "score": 0.5}, {"x": 30, "score": 0.5}
    assert car([{"x": 0}], [wrong, right]).aps[2.0] > 0.99
    assert car([{"x": 0}], [right, wrong]).aps[2.0] == pytest.approx(0.2)


def test_errors_by_hand() -> None:
    truth = [{"x": 0, "yaw": 3.1, "velocity": (3, 0), "attribute": "vehicle.moving"}]
    found = [{"x": 0.3, "y": 0.4, "yaw": -3.1, "velocity": (0, 4), "size": (2, 2, 1.5),
              "score": 0.5}]  # fmt: skip
    errors = car(truth, found).errors
    assert errors == pytest.approx((0.5, 0.5, 2 * np.pi - 6.2, 5, 1))


def test_a_barrier_has_no_front_and_a_cone_no_heading() -> None:
    rows = {name: {"x": 0, "name": name} for name in ("car", "barrier", "traffic_cone")}
    turned = [{**row, "yaw": np.pi, "score": 0.5} for row in rows.values()]
    errors = {e.class_name: e.errors for e in evaluate(list(rows.values()), turned).entries}
    assert errors["car"].orient_err == pytest.approx(np.pi)
    assert errors["barrier"].orient_err == pytest.approx(0, abs=1e-12)
    assert np.isnan(errors["barrier"][3:]).all() and np.isnan(errors["traffic_cone"][2:]).all()


def test_what_truth_does_not_say_is_left_out() -> None:
    unknown = {"velocity": (np.nan, np.nan), "attribute": ""}
    truth = [{"x": 0, **unknown}, {"x": 10, "velocity": (2, 0), "attribute": "vehicle.moving"}]
    found = [{"x": 0, "score": 0.9}, {"x": 10, "score": 0.8}]
    # Before anything is known the mean is 0.
    by_hand = [0] * 40 + [2 * step / 50 for step in range(1, 51)]
    errors = car(truth, found).errors
    assert (errors.vel_err, errors.attr_err) == pytest.approx(
        (np.mean(by_hand), np.mean(by_hand) / 2)
    )
    nothing_known = car([{"x": 0, **unknown}], [{"x": 0, "score": 0.9}]).errors
    assert (nothing_known.vel_err, nothing_known.attr_err) == (1, 1)


def test_a_recall_up_to_a_tenth_gives_no_errors() -> None:
    truth = [{"x": 10 * i} for i in range(10)]
    assert car(truth, [{"x": 0, "score": 0.9}]).errors == (1, 1, 1, 1, 1)
    assert car(truth[:9], [{"x": 0, "score": 0.9}]).errors == (0, 0, 0, 0, 0)


@pytest.mark.parametrize(("name", "range_m"), [("car", 50), ("bicycle", 40), ("barrier", 30)])
def test_out_of_range_and_without_points(name: str, range_m: float) -> None:
    near = {"x": 0, "name": name, "away": np.nextafter(range_m, 0)}
    others = [{"x": 20, "name": name, "away": range_m}, {"x": 40, "name": name, "points": 0}]
    found = [{**row, "score": 0.5, "points": -1} for row in (near, others[0])]
    entry = car([near, *others], found, name)
    assert entry.num_truth == 1 and entry.aps[0.5] == pytest.approx(1)


def test_samples_and_classes_are_not_mixed() -> None:
    assert evaluate([{"x": 0}], [{"x": 0, "sample": "b", "score": 0.9}]).mean_ap == 0
    assert evaluate([{"x": 0}], [{"x": 0, "name": "truck", "score": 0.9}]).mean_ap == 0


def test_order_of_the_samples_does_not_matter() -> None:
    found = boxes([{"x": 0, "sample": "b", "score": 0.9}], samples=("b", "a"))
    assert evaluate_nuscenes(boxes([{"x": 0, "sample": "b"}]), found).mean_ap == pytest.approx(0.1)


def test_nothing_at_all() -> None:
    report = evaluate([], [])
    assert (report.mean_ap, report.nd_score) == (0, 0)
    assert evaluate([], [{"x": 0, "score": 0.9}]).mean_ap == 0


def test_other_samples_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected the 2 samples .* got none of b \(1 in all\)"):
        evaluate_nuscenes(boxes([]), boxes([], samples=("a",)))
    with pytest.raises(ValueError, match="got also c"):
        evaluate_nuscenes(boxes([]), boxes([], samples=("a", "b", "c")))


def test_yaw_of_quaternions() -> None:
    turn = 2.5
    upright = [np.cos(turn / 2), 0, 0, np.sin(turn / 2)]
    # Rolled by half a turn about its own x axis it points the same way.
    rolled = [0, np.cos(turn / 2), np.sin(turn / 2), 0]
    assert yaw_of(np.array([upright, rolled, [3, 0, 0, 0]])) == pytest.approx([turn, turn, 0])


def plain_class(truth: Sequence[Row], found: Sequence[Row], metres: float) -> tuple[float, float]:
    """AP and ATE of cars by a walk over the boxes, one bin of recall at a time."""
    ranked = sorted(enumerate(found), key=lambda pair: (-pair[1]["score"], -pair[0]))
    taken: set[int] = set()
    points, errors = [], []
    for rank, (_, box) in enumerate(ranked, start=1):
        free = [(abs(thing["x"] - box["x"]), i) for i, thing in enumerate(truth)
                if i not in taken and thing["sample"] == box["sample"]]  # fmt: skip
        distance, nearest = min(free, default=(np.inf, -1))
        if distance < metres:
            taken.add(nearest)
            errors.append((box["score"], distance))
        points.append((len(taken) / len(truth), len(taken) / rank, box["score"]))
    if not errors:
        return 0.0, 1.0
    recalls, precisions, scores = (list(column) for column in zip(*points, strict=True))
    steps = np.arange(101) / 100
    precision = np.interp(steps, recalls, precisions, right=0)
    score = np.interp(steps, recalls, scores, right=0)
    running = [np.mean([error for _, error in errors[: i + 1]]) for i in range(len(errors))]
    marks = [mark for mark, _ in errors]
    over_recall = [float(np.interp(s, marks[::-1], running[::-1])) for s in score[11:] if s > 0]
    ap = float(np.mean([max(value - 0.1, 0) for value in precision[11:]]) / 0.9)
    return ap, float(np.mean(over_recall)) if over_recall else 1.0


_PLACES = st.lists(st.tuples(st.integers(0, 40), st.sampled_from("ab")), min_size=1, max_size=8)
_FOUND = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from("ab"), st.integers(1, 20)), max_size=12
)


@settings(max_examples=60, deadline=None)
@given(_PLACES, _FOUND)
def test_as_the_plain_rule(
    there: list[tuple[int, str]], results: list[tuple[int, str, int]]
) -> None:
    truth = [{"x": x / 4, "sample": sample} for x, sample in there]
    # In the file, samples follow each other.
    ordered = sorted(results, key=lambda row: row[1])
    found = [{"x": x / 4, "sample": name, "score": score / 20} for x, name, score in ordered]
    entry = car(truth, found)
    for metres, ap in entry.aps.items():
        expected, error = plain_class(truth, found, metres)
        assert ap == pytest.approx(expected)
        if metres == 2.0:
            assert entry.errors.trans_err == pytest.approx(error)


@settings(max_examples=30, deadline=None)
@given(_PLACES, _FOUND)
def test_a_last_and_wrong_detection_improves_nothing(
    there: list[tuple[int, str]], results: list[tuple[int, str, int]]
) -> None:
    truth = [{"x": x / 4, "sample": sample} for x, sample in there]
    found = [{"x": x / 4, "sample": name, "score": score / 20} for x, name, score in results]
    before = evaluate(truth, found)
    after = evaluate(truth, [*found, {"x": 1000, "score": 0.01}])
    assert 0 <= after.mean_ap <= before.mean_ap <= 1 and 0 <= after.nd_score <= 1
