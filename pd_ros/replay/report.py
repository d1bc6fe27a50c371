"""The files and the text that a replay leaves."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from pd_ros.detection.families import AnyModelConfig
from pd_ros.detection.not_finite import NOT_FINITE, NOT_FINITE_ADVICE
from pd_ros.evaluation.kitti.report import KittiReport
from pd_ros.evaluation.lidar import format_table
from pd_ros.evaluation.operating.report import format_operating_point, operating_point_json
from pd_ros.evaluation.operating.scores import OperatingScores
from pd_ros.evaluation.plots.animation import DriveAnimation
from pd_ros.recordings.label_names import describe_unknown, unknown_names
from pd_ros.replay.run import Replay, Scores, clouds_per_s, latency_ms

# Found and ghosts by class and range, where there are labels in the clouds' frame.
Published = Mapping[str, Mapping[str, OperatingScores]] | None


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
    """Write ``{frame: {"boxes": [[x, y, z, l, w, h, yaw]], "scores": [], "labels": [name]}}``.

    Boxes from the replay's score threshold on.
    """
    frames = {
        frame: {
            "boxes": found.boxes.tolist(),
            "scores": found.scores.tolist(),
            "labels": [classes[label] for label in found.labels.tolist()],
        }
        for frame, found in result.confident.items()
    }
    path.write_text(json.dumps(frames, indent=1) + "\n", encoding="utf-8")


def report_json(
    model: Path,
    points: Path,
    result: Replay,
    scores: Scores,
    classes: Sequence[str],
    published: Published = None,
) -> dict[str, Any]:
    """Return the replay as plain data: counts, latency, and scores where there are labels.

    ``boxes`` counts those from ``score_threshold`` on, by class; the scores are of all, and
    ``operating_point`` says what those are worth that are published.

    ``score_rule`` is ``kitti`` (``scores`` as ``python -m pd_ros.evaluate`` writes them),
    ``lidar`` (per class: the fields of ``ClassScores``) or null.
    """
    rule, table = _scores_json(scores)
    return {
        "model": str(model),
        "points": str(points),
        "frames": len(result.detections),
        "frames_labelled": len(result.truth),
        "labels_of_no_class": unknown_names(result.label_names, classes),
        "score_threshold": dict(zip(classes, result.thresholds, strict=False)),
        "frames_not_finite": len(result.not_finite),
        "boxes": _count_boxes(result, classes),
        "boxes_of_own_vehicle": sum(result.own_boxes),
        "latency_ms": latency_ms(result),
        "clouds_per_s": clouds_per_s(result),
        "score_rule": rule,
        "scores": table,
        "operating_point": None if published is None else operating_point_json(published),
    }


def format_report(
    result: Replay, scores: Scores, classes: Sequence[str], published: Published = None
) -> str:
    """Return the replay as text: latency, boxes, scores of all of them."""
    latency = latency_ms(result)
    counts = ", ".join(f"{count} {name}" for name, count in _count_boxes(result, classes).items())
    lines = [
        f"{'clouds':>8}{'p50 ms':>10}{'p95 ms':>10}{'max ms':>10}{'clouds/s':>10}",
        f"{len(result.detections):8d}{latency['p50']:10.1f}{latency['p95']:10.1f}"
        f"{latency['max']:10.1f}{clouds_per_s(result):10.1f}",
        f"boxes {_from_score(result.thresholds, classes)}: {counts}",
        *remarks(len(result.not_finite), len(result.detections)),
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
    if published:
        lines += ["", "boxes from these scores on; ghosts touch nothing that is there",
                  format_operating_point(published)]  # fmt: skip
    unknown = unknown_names(result.label_names, classes)
    return "\n".join([*lines, *([describe_unknown(unknown, classes)] if unknown else [])])


def picture_title(points: Path, thresholds: Sequence[float], classes: Sequence[str]) -> str:
    """Return what the pictures of a replay say of it: its name, and the score of its boxes."""
    return f"{points}: boxes {_from_score(thresholds, classes)}"


def picture_lines(picture: Path | None, animation: Path | None) -> list[str]:
    """Say where the files lie that were asked for and drawn: no clouds give none."""
    named = (("picture", picture), ("animation", animation))
    return [f"{name}: {path}" for name, path in named if path is not None and path.exists()]


def _from_score(thresholds: Sequence[float], classes: Sequence[str]) -> str:
    if len(set(thresholds)) < 2:
        return f"from score {next(iter(thresholds), 0.0):g} on"
    pairs = zip(classes, thresholds, strict=True)
    return f"from score {', '.join(f'{score:.2f} ({name})' for name, score in pairs)} on"


def remarks(not_finite: int, clouds: int) -> list[str]:
    """Return a line about clouds to which the network had no answer; none where it always had."""
    if not not_finite:
        return []
    return [f"ERROR: {NOT_FINITE}, in {not_finite} of {clouds} clouds; {NOT_FINITE_ADVICE}"]


def _scores_json(scores: Scores) -> tuple[str | None, dict[str, Any] | None]:
    if scores is None:
        return None, None
    if isinstance(scores, KittiReport):
        return "kitti", dict(scores.to_json())
    return "lidar", {name: dataclasses.asdict(row) for name, row in scores.items()}


def _count_boxes(result: Replay, classes: Sequence[str]) -> dict[str, int]:
    labels = [label for found in result.confident.values() for label in found.labels.tolist()]
    return {name: labels.count(number) for number, name in enumerate(classes)}


def open_animation(
    path: Path | None, title: str, config: AnyModelConfig
) -> AbstractContextManager[DriveAnimation | None]:
    """Return the animation as far as a detector looks, from above; None without a path.

    Raises ``ValueError`` for a name that does not end in ``.webp``.
    """
    if path is None:
        return nullcontext()
    x_min, y_min, _, x_max, y_max, _ = config.range_m
    return DriveAnimation(path, max(map(abs, (x_min, y_min, x_max, y_max))), title)
