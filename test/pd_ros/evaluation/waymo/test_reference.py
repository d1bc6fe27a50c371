"""Every number of the Waymo tool on the reference sets, and the values of its own tests."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pd_ros.evaluation.overlaps import upright_overlaps
from pd_ros.evaluation.waymo.assignment import growing_assignments
from pd_ros.evaluation.waymo.curve import area_under
from pd_ros.evaluation.waymo.frames import read_frames
from pd_ros.evaluation.waymo.metric import evaluate_waymo

SETS = ["empty_and_out_of_range_scores", "hand_small", "hungarian", "iou_equal_threshold",
        "nlz_points_types"]  # fmt: skip
# The tool's test has boxes that differ in length, at an IoU threshold of 0.5 for all types.
TYPE_AT_HALF = {"VEHICLE": "CYCLIST", "PEDESTRIAN": "PEDESTRIAN"}


@pytest.fixture
def values(data_dir: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(
        (data_dir / "reference/waymo/unit_values.json").read_text()
    )
    return content


@pytest.mark.parametrize("name", SETS)
def test_reference_set(data_dir: Path, name: str) -> None:
    folder = data_dir / "reference" / "waymo"
    expected = json.loads((folder / f"{name}_expected.json").read_text())
    report = evaluate_waymo(read_frames(folder / f"{name}.json"))
    scores = report.to_json()
    for tool in ("op", "cpp"):
        assert set(scores) == set(expected[tool])
        for key, both in expected[tool].items():
            assert scores[key] == pytest.approx(both, abs=1e-5), key
    for key, points in expected["operating_points_op"].items():
        (curve,) = (entry.curve for entry in report.entries if entry.key == key)
        for point in points:
            at = round(100 * point["first_cutoff"])
            counts = [float(column[at]) for column in curve[:3]]
            assert counts == [point["tp"], point["fp"], point["fn"]]
            assert curve.recall[at] == pytest.approx(point["recall"])
            assert curve.precision[at] == pytest.approx(point["precision"])
            assert curve.heading_precision[at] == pytest.approx(point["precision_ha"])


def test_area(values: dict[str, Any]) -> None:
    for case in values["mean_average_precision"]["cases"]:
        area = area_under(np.array(case["p"]), np.array(case["r"]), case["delta"])
        assert area == pytest.approx(case["ap"], abs=1e-6)


def test_pairs(values: dict[str, Any]) -> None:
    case = values["hungarian_match"]
    iou = np.array(case["iou_pd_x_gt"])
    weights = np.where(iou >= case["threshold"], np.round(iou * 1e6), 0).astype(np.int64)
    *_, found = growing_assignments(weights)
    assert found.tolist() == case["pd_matches"]


def test_overlaps(values: dict[str, Any]) -> None:
    cases = [case for case in values["iou"]["cases"] if case["type"] == "3D" and "why" not in case]
    a, b = (np.array([case[side] for case in cases]) for side in "ab")
    for pair, case in zip(
        upright_overlaps(list(a[:, None]), list(b[:, None])), cases, strict=True
    ):
        assert pair.volume.item() == pytest.approx(case["iou"], abs=1e-5)


def write_frames(path: Path, gt: list[dict[str, Any]], pd: list[dict[str, Any]]) -> Path:
    path.write_text(json.dumps({"frames": [{"gt": gt, "pd": pd}] * 2}))
    return path


def test_heading(values: dict[str, Any], tmp_path: Path) -> None:
    for case in values["heading_accuracy"]:
        boxes = [[0, 0, 0, 1, 1, 1, case[side]] for side in ("gt", "pd")]
        gt = {"type": "SIGN", "box": boxes[0], "difficulty": 1, "num_points": 9}
        pd = {"type": "SIGN", "box": boxes[1], "score": 0.9, "overlap_nlz": False}
        scores = evaluate_waymo(
            read_frames(write_frames(tmp_path / "f.json", [gt], [pd]))
        ).to_json()
        assert scores["OBJECT_TYPE_TYPE_SIGN_LEVEL_2"]["AP"] == 1
        assert scores["OBJECT_TYPE_TYPE_SIGN_LEVEL_2"]["APH"] == pytest.approx(case["acc"])


def test_counts(values: dict[str, Any], tmp_path: Path) -> None:
    for case in values["detection"]["cases"]:
        gt, pd = (
            [{"type": TYPE_AT_HALF[row["type"]], "box": [0, 0, 0, 100 * row["q"], 1, 1, 0],
              "score": row.get("score"), "difficulty": 2, "num_points": 9, "overlap_nlz": False}
             for row in case[side]]
            for side in ("gt", "pd")
        )  # fmt: skip
        report = evaluate_waymo(read_frames(write_frames(tmp_path / "f.json", gt, pd)))
        curves = [entry.curve for entry in report.entries
                  if entry.key.startswith("OBJECT") and entry.level == 2]  # fmt: skip
        for cutoff, expected in zip((0, 50, 100), case["per_frame_tp_fp_fn"], strict=True):
            totals = [sum(curve[i][cutoff] for curve in curves) for i in range(3)]
            assert totals == [2 * count for count in expected]
