"""Every number of the development kit on the reference sets, and the files themselves."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pd_ros.evaluation.nuscenes.boxes import read_detections, read_ground_truth
from pd_ros.evaluation.nuscenes.metric import evaluate_nuscenes

SETS = ["edge_distance_equal_threshold", "edge_no_match", "edge_score_tie", "edge_trailing_fp",
        "hand_small"]  # fmt: skip


def check_errors(got: dict[str, Any], expected: dict[str, Any]) -> None:
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        assert got[name] is None if value is None else got[name] == pytest.approx(value), name


@pytest.mark.parametrize("name", SETS)
def test_reference_set(data_dir: Path, name: str) -> None:
    folder = data_dir / "reference" / "nuscenes"
    expected = json.loads((folder / f"{name}_expected.json").read_text())
    report = evaluate_nuscenes(
        read_ground_truth(folder / f"{name}_gt.json"),
        read_detections(folder / f"{name}_pred.json"),
    )
    scores: Any = report.to_json()
    json.dumps(scores, allow_nan=False)
    assert scores["mean_ap"] == pytest.approx(expected["mean_ap"])
    assert scores["nd_score"] == pytest.approx(expected["nd_score"])
    check_errors(scores["tp_errors"], expected["tp_errors"])
    assert scores["label_aps"].keys() == expected["label_aps"].keys()
    for class_name, aps in expected["label_aps"].items():
        assert scores["label_aps"][class_name] == pytest.approx(aps)
        check_errors(
            scores["label_tp_errors"][class_name], expected["label_tp_errors"][class_name]
        )
    assert sum(entry.num_truth for entry in report.entries) == expected["boxes_after_filter"]["gt"]
    for key, curves in expected["curves"].items():
        class_name, metres = key.split(":")
        (entry,) = (entry for entry in report.entries if entry.class_name == class_name)
        np.testing.assert_allclose(entry.precision[float(metres)], curves["precision"], atol=1e-6)


BOX = {
    "translation": [105.0, 3.0, 1.0], "size": [2.0, 4.0, 1.5], "rotation": [0.6, 0, 0, 0.8],
    "velocity": [float("nan"), float("nan")], "ego_translation": [3.0, 4.0, 9.0],
    "detection_name": "car", "attribute_name": "", "sample_token": "a", "anything": "else",
}  # fmt: skip


def test_fields_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps({"b": [], "a": [BOX, {**BOX, "num_pts": 0}]}))
    truth = read_ground_truth(path)
    assert truth.samples == ("b", "a") and truth.sample.tolist() == [1, 1]
    assert truth.centres[0].tolist() == [105, 3] and truth.sizes[0].tolist() == [2, 4, 1.5]
    assert truth.yaws[0] == pytest.approx(2 * np.arctan2(0.8, 0.6))
    assert np.isnan(truth.velocities).all() and truth.ego_distances.tolist() == [5, 5]
    assert truth.num_points.tolist() == [-1, 0] and truth.scores.tolist() == [0, 0]
    path.write_text(json.dumps({"results": {"a": [{**BOX, "detection_score": 0.7}], "b": []}}))
    found = read_detections(path)
    assert (found.samples, found.scores.tolist()) == (("a", "b"), [0.7])


def test_no_boxes(tmp_path: Path) -> None:
    path = tmp_path / "boxes.json"
    path.write_text('{"results": {"a": []}}')
    found = read_detections(path)
    assert found.centres.shape == (0, 2) and found.samples == ("a",)


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in BOX.items() if name != key}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"results": {"a": [BOX]}}, r"results\.a\.0: expected a key detection_score, got transl"),
        ({"a": [BOX]}, "expected a key results, got a; correct the file"),
        ({"results": {"a": [{**without("ego_translation"), "detection_score": 1}]}},
         "a: expected boxes with ego_translation, or the data set's tables"),
        ({"results": {"a": [{**BOX, "size": [2, 0, 1], "detection_score": 1}]}},
         r"a\.0\.size\.1: expected greater than 0, got 0"),
        ({"results": {"a": [{**BOX, "detection_name": "van", "detection_score": 1}]}},
         r"detection_name: expected 'car', .* or 'barrier', got 'van'"),
        ({"results": {"a": [{**BOX, "translation": [0, 0], "detection_score": 1}]}},
         r"a\.0\.translation: expected a value number 3, got \[0, 0\]"),
        ({"results": {"a": [{**BOX, "detection_score": float("nan")}]}},
         "detection_score: expected a finite number, got nan"),
        ({"results": {"a": [{**BOX, "detection_score": "0.5"}]}},
         "detection_score: expected a valid number, got '0.5'"),
        ({"results": {"a": [{**BOX, "detection_score": 0.5}] * 501}},
         r"results\.a: List should have at most 500 items .* not 501"),
        ([1, 2], "expected an object, got"),
    ],
)  # fmt: skip
def test_bad_files(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message) as error:
        read_detections(path)
    assert str(error.value).startswith(f"{path}: ") and len(str(error.value)) < 500


@pytest.mark.parametrize("text", ["", "{", "\0\1", '{"a": [}'])
def test_no_json(tmp_path: Path, text: str) -> None:
    path = tmp_path / "boxes.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="expected JSON, got none: "):
        read_ground_truth(path)


def test_no_sample_and_no_file(tmp_path: Path) -> None:
    path = tmp_path / "boxes.json"
    path.write_text("{}")
    with pytest.raises(ValueError, match="at least 1 item"):
        read_ground_truth(path)
    with pytest.raises(ValueError, match="expected a JSON file, found no such file"):
        read_ground_truth(tmp_path / "none.json")
