"""The report of an evaluation for readers: one page of HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pd_ros.evaluation import distance
from pd_ros.evaluation.agreement_sums import Agreement
from pd_ros.replay.evaluation_pictures import Picture, Pictures
from pd_ros.replay.frame_result import RecordingResult
from pd_ros.replay.model_summary import ALL_RANGES, ModelSummary, quantiles, total
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

_NONE = "–"


@dataclass(frozen=True)
class Evaluation:
    """All that a report says."""

    conditions: Mapping[str, Any]
    results: Sequence[RecordingResult]
    summaries: Sequence[ModelSummary]
    pictures: Pictures
    classes: Sequence[str]
    reference: str  # what measures the models: labels or teacher

    @property
    def by_teacher(self) -> bool:
        """Whether a teacher measures the models."""
        return self.reference == "teacher"


def evaluation_page(evaluation: Evaluation) -> str:
    """Return the page; parts for which there is nothing to say are left out."""
    sections = [
        *_accuracy(evaluation),
        *_agreement(evaluation),
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
            card[label] = _percent(scores.ap_bev_r40, scores.num_truth)
    latency = quantiles(summary.latency_ms)
    card["latency, median and 95 %"] = f"{latency['p50']:.0f} / {latency['p95']:.0f} ms"
    runs = summary.real_time.values()
    clouds, dropped = sum(run.clouds for run in runs), sum(run.dropped for run in runs)
    card["dropped in real time"] = f"{dropped} of {clouds}"
    return card


def _accuracy(evaluation: Evaluation) -> list[str]:
    measured = [s for s in evaluation.summaries if s.accuracy is not None]
    if not measured:
        return []
    parts = [
        paragraph(
            "AP R40 in percent, from above (BEV) and in space (3D), at the customary overlap and"
            " at KITTI's loose one. Recall and precision are in space at the score of the best F1."
        )
    ]
    parts += [table(_SCORE_COLUMNS, list(_score_rows(evaluation)), 2)]
    parts += [figure(p, "chart") for p in (evaluation.pictures.curves,) if p]
    parts += [heading("By distance"), paragraph("Seen from above; at the loose overlap.", "note")]
    parts += [figure(p, "chart") for p in (evaluation.pictures.ranges,) if p]
    parts += [table(_RANGE_COLUMNS, list(_range_rows(evaluation)), 3)]
    return [section("accuracy", "Accuracy", parts)]


_SCORE_COLUMNS = (
    "class", "model", "objects", "IoU", "AP BEV", "AP 3D", "loose IoU", "AP BEV", "AP 3D",
    "score ≥", "recall", "precision",
)  # fmt: skip
_RANGE_COLUMNS = (
    "class",
    "distance",
    "model",
    "objects",
    "AP BEV",
    "AP 3D",
    "recall",
    "precision",
)


def _score_rows(evaluation: Evaluation) -> list[list[str]]:
    rows = []
    for name in evaluation.classes:
        for summary in evaluation.summaries:
            if summary.accuracy is None:
                continue
            strict = summary.accuracy.strict[ALL_RANGES][name]
            loose = summary.accuracy.loose[ALL_RANGES][name]
            count = strict.num_truth
            rows.append([
                name, summary.name, str(count),
                f"{strict.min_iou:g}", _percent(strict.ap_bev_r40, count),
                _percent(strict.ap_3d_r40, count),
                f"{loose.min_iou:g}", _percent(loose.ap_bev_r40, count),
                _percent(loose.ap_3d_r40, count),
                f"{loose.score_threshold:.2f}", f"{loose.recall:.2f}", f"{loose.precision:.2f}",
            ])  # fmt: skip
    return rows


def _range_rows(evaluation: Evaluation) -> list[list[str]]:
    rows = []
    for name in evaluation.classes:
        for part in distance.NAMES:
            for summary in evaluation.summaries:
                if summary.accuracy is None:
                    continue
                scores = summary.accuracy.loose[part][name]
                count = scores.num_truth
                rows.append([
                    name, part, summary.name, str(count), _percent(scores.ap_bev_r40, count),
                    _percent(scores.ap_3d_r40, count), f"{scores.recall:.2f}",
                    f"{scores.precision:.2f}",
                ])  # fmt: skip
    return rows


def _agreement(evaluation: Evaluation) -> list[str]:
    rows = []
    for name in evaluation.classes:
        for summary in evaluation.summaries:
            if summary.accuracy is None:
                continue
            parts = summary.accuracy.agreement[name]
            named = zip(("all", *distance.NAMES), (total(parts), *parts), strict=True)
            rows += [
                [name, part, summary.name, *_agreement_cells(a, evaluation.by_teacher)]
                for part, a in named
            ]
    if not rows:
        return []
    columns = ["class", "distance", "model", "matched", "missed", "extra", "recall", "precision",
               "BEV IoU", "centre [m]", "size [m]", "yaw [°]", "reversed"]  # fmt: skip
    columns += ["score"] if evaluation.by_teacher else []
    threshold = evaluation.conditions["score_threshold"]
    text = (
        f"Boxes of a score from {threshold:g} on against the {evaluation.reference}'s, one by"
        " one, at the loose overlap from above. The differences are means over the matched boxes;"
        " yaw is that of the axes, and reversed the share of boxes that look the opposite way."
    )
    return [section("agreement", "Box by box", [paragraph(text), table(columns, rows, 3)])]


def _agreement_cells(agreement: Agreement, with_score: bool) -> list[str]:
    means = agreement.means()
    names = ["bev_iou", "centre_m", "size_m", "yaw_deg", "reversed"] + ["score"] * with_score
    formats = {"yaw_deg": "{:.1f}", "score": "{:+.2f}"}
    return [
        *(str(n) for n in (agreement.matched, agreement.missed, agreement.extra)),
        *(_NONE if s is None else f"{s:.2f}" for s in (agreement.recall, agreement.precision)),
        *(formats.get(n, "{:.2f}").format(means[n]) if means else _NONE for n in names),
    ]


def _timing(evaluation: Evaluation) -> str:
    rows = []
    for summary in evaluation.summaries:
        values = quantiles(summary.latency_ms)
        rows.append([summary.name, *(f"{value:.1f}" for value in values.values())])
    drops = [
        [result.name, summary.name, f"{run.rate_hz:.1f}", str(run.clouds), str(run.dropped),
         *(f"{quantiles(run.age_ms)[q]:.0f}" for q in ("p50", "p95", "max"))]
        for result in evaluation.results
        for summary in evaluation.summaries
        for run in (summary.real_time[result.name],)
    ]  # fmt: skip
    return section("timing", "Latency", [
        paragraph("From points in memory to boxes in memory, in milliseconds. Reading a cloud"
                  " and publishing its boxes come on top in the node."),
        table(["model", "median", "95 %", "99 %", "most"], rows),
        figure(evaluation.pictures.latency, "chart"),
        heading("In real time, at the recorded rate"),
        paragraph("Worked out from these latencies: while one cloud is in work the newest other"
                  " one waits, and what it replaces is dropped, as in the node. The age of an"
                  " answer is the time since its cloud came.", "note"),
        table(["recording", "model", "rate [Hz]", "clouds", "dropped", "age, median [ms]",
               "95 %", "most"], drops, 2),
    ])  # fmt: skip


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


def _percent(value: float, objects: int) -> str:
    return f"{value:.1f}" if objects else _NONE
