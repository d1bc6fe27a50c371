"""An evaluation as plain data for programs."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from pd_ros.evaluate_recording.accuracy import Accuracy
from pd_ros.evaluate_recording.frames import ChosenFrames, PicturedFrame
from pd_ros.evaluate_recording.results import RecordingResult
from pd_ros.evaluate_recording.summary import ModelSummary, RealTime, quantiles, total
from pd_ros.evaluation import distance_bins as distance
from pd_ros.evaluation.agreement_sums import Agreement
from pd_ros.evaluation.lidar import ClassScores
from pd_ros.evaluation.operating.report import operating_point_json


def evaluation_json(
    conditions: Mapping[str, Any],
    results: Sequence[RecordingResult],
    summaries: Sequence[ModelSummary],
    chosen: ChosenFrames,
) -> dict[str, Any]:
    """Return everything in the report but the pictures.

    ``models.NAME``: ``accuracy`` (null without labels and teacher), ``boxes``, and, apart from
    them because no two runs measure the same, ``timing``.
    """
    return {
        **conditions,
        "recordings": {
            result.name: {
                "path": str(result.path),
                "frames": result.clouds,
                "frames_measured": len(result.box_counts),
            }
            for result in results
        },
        "worst_frames": [_frame(frame) for frame in chosen.worst],
        "best_frames": [_frame(frame) for frame in chosen.best],
        "models": {summary.name: _model(summary) for summary in summaries},
    }


def _model(summary: ModelSummary) -> dict[str, Any]:
    return {
        "score_threshold": summary.thresholds,
        "accuracy": None if summary.accuracy is None else _accuracy(summary.accuracy),
        "boxes": summary.boxes,
        "clouds_not_finite": summary.not_finite,
        "timing": {
            "latency_ms": quantiles(summary.latency_ms),
            "real_time": {name: _real_time(run) for name, run in summary.real_time.items()},
        },
    }


def _accuracy(accuracy: Accuracy) -> dict[str, Any]:
    return {
        "strict": _scores(accuracy.strict),
        "loose": _scores(accuracy.loose),
        "precision_recall_bev_loose": {
            name: {"recall": curve.recall.tolist(), "precision": curve.precision.tolist()}
            for name, curve in accuracy.curves.items()
        },
        "operating_point": operating_point_json(accuracy.operating_point),
        "agreement": {
            name: {
                "all": _agreement(total(row)),
                **{part: _agreement(a) for part, a in zip(distance.NAMES, row, strict=True)},
            }
            for name, row in accuracy.agreement.items()
        },
    }


def _scores(table: Mapping[str, Mapping[str, ClassScores]]) -> dict[str, Any]:
    return {
        part: {name: dataclasses.asdict(scores) for name, scores in row.items()}
        for part, row in table.items()
    }


def _agreement(agreement: Agreement) -> dict[str, Any]:
    return {
        "matched": agreement.matched,
        "missed": agreement.missed,
        "extra": agreement.extra,
        "recall": agreement.recall,
        "precision": agreement.precision,
        "mean": agreement.means(),
    }


def _real_time(run: RealTime) -> dict[str, Any]:
    return {
        "rate_hz": run.rate_hz,
        "clouds": run.clouds,
        "dropped": run.dropped,
        "age_ms": quantiles(run.age_ms),
    }


def _frame(frame: PicturedFrame) -> dict[str, Any]:
    return {
        "recording": frame.recording,
        "frame": frame.result.frame,
        "disagreement": frame.result.disagreement,
    }
