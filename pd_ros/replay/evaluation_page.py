"""The report of an evaluation for readers: one page of HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pd_ros.replay.evaluation_pictures import Picture, Pictures
from pd_ros.replay.evaluation_tables import (
    agreement_table,
    latency_table,
    percent,
    range_table,
    real_time_table,
    score_table,
)
from pd_ros.replay.frame_result import RecordingResult
from pd_ros.replay.model_summary import ALL_RANGES, ModelSummary, quantiles
from pd_ros.replay.page_parts import (
    cards,
    figure,
    grid,
    heading,
    page,
    paragraph,
    section,
    table,
)
from pd_ros.replay.view_recording import TEACHER


@dataclass(frozen=True)
class Evaluation:
    """All that a report says."""

    conditions: Mapping[str, Any]
    results: Sequence[RecordingResult]
    summaries: Sequence[ModelSummary]
    pictures: Pictures
    classes: Sequence[str]
    reference: str  # what measures the models: labels or teacher


def evaluation_page(evaluation: Evaluation) -> str:
    """Return the page; parts for which there is nothing to say are left out."""
    sections = [
        *_accuracy(evaluation),
        _timing(evaluation),
        *_frames(evaluation),
        _conditions(evaluation),
    ]
    clouds = sum(len(result.frames) for result in evaluation.results)
    names = " and ".join(summary.name for summary in evaluation.summaries)
    recordings = len(evaluation.results)
    title = f"{names} on {recordings} recording{'s' if recordings != 1 else ''}"
    lead = f"{clouds} clouds, measured by {evaluation.reference}."
    overview = cards({summary.name: _card(summary) for summary in evaluation.summaries})
    return page(title, [f"<h1>{title}</h1>", paragraph(lead, "lead"), overview, *sections])


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


def _accuracy(evaluation: Evaluation) -> list[str]:
    pictures, shown = evaluation.pictures, (evaluation.summaries, evaluation.classes)
    if pictures.curves is None or pictures.ranges is None:
        return []
    parts = [
        paragraph(
            "AP R40 in percent, from above (BEV) and in space (3D), at the customary overlap and"
            " at KITTI's loose one. Recall and precision are in space at the loose one, at the"
            " score of the best F1."
        ),
        score_table(*shown),
        figure(pictures.curves, "chart"),
        heading("By distance"),
        paragraph("Seen from above; at the loose overlap.", "note"),
        figure(pictures.ranges, "chart"),
        range_table(*shown),
    ]
    threshold = evaluation.conditions["score_threshold"]
    text = (
        f"Boxes of a score from {threshold:g} on against the {evaluation.reference}, one by one,"
        " at the loose overlap from above. The differences are means over the matched boxes; yaw"
        " is that of the axes, and reversed the share of boxes that look the opposite way."
    )
    agreement = [paragraph(text), agreement_table(*shown, evaluation.reference == TEACHER)]
    return [
        section("accuracy", "Accuracy", parts),
        section("agreement", "Box by box", agreement),
    ]


def _timing(evaluation: Evaluation) -> str:
    parts = [
        paragraph(
            "From points in memory to boxes in memory, in milliseconds. Reading a cloud and"
            " publishing its boxes come on top in the node."
        ),
        latency_table(evaluation.summaries),
        figure(evaluation.pictures.latency, "chart single"),
        heading("In real time, at the recorded rate"),
        paragraph(
            "Worked out from these latencies: while one cloud is in work the newest other one"
            " waits, and what it replaces is dropped, as in the node. The age of an answer is the"
            " time since its cloud came.",
            "note",
        ),
        real_time_table(evaluation.results, evaluation.summaries),
    ]
    return section("timing", "Latency", parts)


def _frames(evaluation: Evaluation) -> list[str]:
    pictures = evaluation.pictures
    kinds: tuple[tuple[str, str, Sequence[Picture]], ...] = (
        ("worst", "Where they differ most", pictures.worst),
        ("best", "Where they agree best", pictures.best),
        ("frames", "Some frames", pictures.others),
    )
    few = len(evaluation.summaries) == 1  # one panel each: two beside each other
    return [
        section(anchor, title, [grid([figure(picture) for picture in found], few)])
        for anchor, title, found in kinds
        if found
    ]


def _conditions(evaluation: Evaluation) -> str:
    rows = [[key.replace("_", " "), _text(value)] for key, value in evaluation.conditions.items()]
    rows += [
        [f"recording {result.name}", f"{result.path}, {len(result.frames)} clouds"]
        for result in evaluation.results
    ]
    return section("conditions", "How it was measured", [table(["what", "value"], rows, 2)])


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {part}" for key, part in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)
