"""The files and the text that a replay leaves."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pd_ros.evaluation.kitti_report import KittiReport
from pd_ros.evaluation.lidar import format_table
from pd_ros.replay.run import Replay, Scores, clouds_per_s, latency_ms


def make_folders(out: Path, json_file: Path | None) -> None:
    """Make them before the work is done, so that it is not lost if that fails."""
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out: expected a folder, {out} is a file; choose another")
    out.mkdir(parents=True, exist_ok=True)
    if json_file:
        json_file.parent.mkdir(parents=True, exist_ok=True)


def write_report(report: dict[str, Any], out: Path, json_file: Path | None) -> None:
    """Write ``out/report.json``, and the same to another file if one is asked for."""
    for path in filter(None, (out / "report.json", json_file)):
        path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def write_detections_json(path: Path, result: Replay, classes: Sequence[str]) -> None:
    """Write ``{frame: {"boxes": [[x, y, z, l, w, h, yaw]], "scores": [], "labels": [name]}}``."""
    frames = {
        frame: {
            "boxes": found.boxes.tolist(),
            "scores": found.scores.tolist(),
            "labels": [classes[label] for label in found.labels.tolist()],
        }
        for frame, found in result.detections.items()
    }
    path.write_text(json.dumps(frames, indent=1) + "\n", encoding="utf-8")


def report_json(
    model: Path, points: Path, result: Replay, scores: Scores, classes: Sequence[str]
) -> dict[str, Any]:
    """Return the replay as plain data: counts, latency, and scores where there are labels.

    ``score_rule`` is ``kitti`` (``scores`` as ``python -m pd_ros.evaluate`` writes them),
    ``lidar`` (per class: the fields of ``ClassScores``) or null.
    """
    rule, table = _scores_json(scores)
    return {
        "model": str(model),
        "points": str(points),
        "frames": len(result.detections),
        "frames_labelled": len(result.truth),
        "boxes": _count_boxes(result, classes),
        "boxes_of_own_vehicle": sum(result.own_boxes),
        "latency_ms": latency_ms(result),
        "clouds_per_s": clouds_per_s(result),
        "score_rule": rule,
        "scores": table,
    }


def format_report(result: Replay, scores: Scores, classes: Sequence[str]) -> str:
    """Return the replay as text: latency, boxes, scores."""
    latency = latency_ms(result)
    counts = ", ".join(f"{count} {name}" for name, count in _count_boxes(result, classes).items())
    lines = [
        f"{'clouds':>8}{'p50 ms':>10}{'p95 ms':>10}{'max ms':>10}{'clouds/s':>10}",
        f"{len(result.detections):8d}{latency['p50']:10.1f}{latency['p95']:10.1f}"
        f"{latency['max']:10.1f}{clouds_per_s(result):10.1f}",
        f"boxes: {counts}",
        "",
    ]
    if sum(result.own_boxes):
        lines.insert(3, f"on the sensor itself, left out: {sum(result.own_boxes)} boxes (the own"
                        " vehicle)")  # fmt: skip
    if scores is None:
        lines.append("scores: none, no labels were found for these clouds")
    elif isinstance(scores, KittiReport):
        lines.append(scores.format_table())
    else:
        lines += [f"scores on {len(result.truth)} labelled clouds (AP R40 in percent)",
                  format_table(scores)]  # fmt: skip
    return "\n".join(lines)


def _scores_json(scores: Scores) -> tuple[str | None, dict[str, Any] | None]:
    if scores is None:
        return None, None
    if isinstance(scores, KittiReport):
        return "kitti", dict(scores.to_json())
    return "lidar", {name: dataclasses.asdict(row) for name, row in scores.items()}


def _count_boxes(result: Replay, classes: Sequence[str]) -> dict[str, int]:
    labels = [label for found in result.detections.values() for label in found.labels.tolist()]
    return {name: labels.count(number) for number, name in enumerate(classes)}
