"""The report of an evaluation for readers: one page of HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pd_ros.evaluate_recording.evaluation_pictures import Picture, Pictures
from pd_ros.evaluate_recording.evaluation_tables import (
    agreement_table,
    latency_table,
    operating_table,
    percent,
    range_table,
    real_time_table,
    score_table,
)
from pd_ros.evaluate_recording.page import Card, Gallery, Table, render_page
from pd_ros.evaluate_recording.results import RecordingResult
from pd_ros.evaluate_recording.summary import ModelSummary, quantiles
from pd_ros.evaluate_recording.view_recording import TEACHER
from pd_ros.evaluation.operating.scores import ALL_RANGES


@dataclass(frozen=True)
class Evaluation:
    """All that a report says."""

    conditions: Mapping[str, Any]
    results: Sequence[RecordingResult]
    summaries: Sequence[ModelSummary]
    pictures: Pictures
    classes: Sequence[str]
    reference: str  # what measures the models: labels or teacher
    remarks: Sequence[str] = ()  # on the latency


def evaluation_page(evaluation: Evaluation) -> str:
    """Return the page; parts for which there is nothing to say are left out."""
    names = " and ".join(summary.name for summary in evaluation.summaries)
    recordings = len(evaluation.results)
    content = {
        "title": f"{names} on {recordings} recording{'s' if recordings != 1 else ''}",
        "clouds": sum(result.clouds for result in evaluation.results),
        "reference": evaluation.reference,
        "cards": [Card(summary.name, _card(summary)) for summary in evaluation.summaries],
        "accuracy": _accuracy(evaluation),
        "remarks": evaluation.remarks,
        "latency": _latency(evaluation),
        "galleries": _galleries(evaluation),
        "conditions": _conditions(evaluation),
    }
    return render_page("evaluation.html", content)


def _card(summary: ModelSummary) -> dict[str, str]:
    card = {}
    if summary.accuracy is not None:
        for name, scores in summary.accuracy.loose[ALL_RANGES].items():
            label = f"{name}, AP BEV at IoU {scores.min_iou:g}"
            card[label] = percent(scores.ap_bev_r40, scores.num_truth)
    latency = quantiles(summary.latency_ms)
    card["latency, median and 95 %"] = f"{latency['p50']:.0f} / {latency['p95']:.0f} ms"
    runs = summary.real_time.values()
    clouds, dropped = sum(run.clouds for run in runs), sum(run.dropped for run in runs)
    card["dropped in real time"] = f"{dropped} of {clouds}"
    return card


def _accuracy(evaluation: Evaluation) -> dict[str, Table | Picture] | None:
    """Tables and pictures of two sections; None where nothing measures the models."""
    pictures, shown = evaluation.pictures, (evaluation.summaries, evaluation.classes)
    if pictures.curves is None or pictures.ranges is None:
        return None
    return {
        "scores": score_table(*shown),
        "operating_point": operating_table(*shown),
        "curves": pictures.curves,
        "ranges": pictures.ranges,
        "by_distance": range_table(*shown),
        "agreement": agreement_table(*shown, evaluation.reference == TEACHER),
    }


def _latency(evaluation: Evaluation) -> dict[str, Table | Picture]:
    return {
        "whole": latency_table(evaluation.summaries),
        "picture": evaluation.pictures.latency,
        "real_time": real_time_table(evaluation.results, evaluation.summaries),
    }


def _galleries(evaluation: Evaluation) -> list[Gallery]:
    pictures = evaluation.pictures
    kinds: tuple[tuple[str, str, Sequence[Picture]], ...] = (
        ("worst", "Where they differ most", pictures.worst),
        ("best", "Where they agree best", pictures.best),
        ("frames", "Some frames", pictures.others),
    )
    few = len(evaluation.summaries) == 1  # one panel each: two beside each other
    return [Gallery(anchor, title, found, few) for anchor, title, found in kinds if found]


def _conditions(evaluation: Evaluation) -> Table:
    rows = [[key.replace("_", " "), _text(value)] for key, value in evaluation.conditions.items()]
    rows += [
        [f"recording {result.name}", f"{result.path}, {result.clouds} clouds"]
        for result in evaluation.results
    ]
    return Table(["what", "value"], rows, 2)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {part}" for key, part in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)
