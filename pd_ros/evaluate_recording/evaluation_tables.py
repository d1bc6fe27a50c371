"""The tables of an evaluation's page; models at the same thing stand below each other."""

import itertools
from collections.abc import Sequence

from pd_ros.evaluate_recording.accuracy import Accuracy
from pd_ros.evaluate_recording.page import Table
from pd_ros.evaluate_recording.results import RecordingResult
from pd_ros.evaluate_recording.summary import ModelSummary, quantiles, total
from pd_ros.evaluation import distance_bins as distance
from pd_ros.evaluation.agreement_sums import Agreement
from pd_ros.evaluation.matching import reachable_r40
from pd_ros.evaluation.operating.scores import ALL_RANGES

_NONE = "–"


def score_table(summaries: Sequence[ModelSummary], classes: Sequence[str]) -> Table:
    """Average precision at both overlaps, and what the best score threshold gives."""
    columns = ["class", "model", "objects", "IoU", "AP BEV", "AP 3D", "loose IoU", "AP BEV",
               "AP 3D", "score ≥", "recall", "precision"]  # fmt: skip
    rows = []
    for name, (model, accuracy) in itertools.product(classes, _measured(summaries)):
        strict, loose = accuracy.strict[ALL_RANGES][name], accuracy.loose[ALL_RANGES][name]
        rows.append([
            name, model, _objects(strict.num_truth),
            f"{strict.min_iou:g}", percent(strict.ap_bev_r40, strict.num_truth),
            percent(strict.ap_3d_r40, strict.num_truth),
            f"{loose.min_iou:g}", percent(loose.ap_bev_r40, loose.num_truth),
            percent(loose.ap_3d_r40, loose.num_truth),
            f"{loose.score_threshold:.2f}", f"{loose.recall:.2f}", f"{loose.precision:.2f}",
        ])  # fmt: skip
    return Table(columns, rows, 2)


def range_table(summaries: Sequence[ModelSummary], classes: Sequence[str]) -> Table:
    """Average precision at the loose overlap by distance."""
    columns = ["class", "distance", "model", "objects", "AP BEV", "AP 3D", "recall", "precision"]
    rows = []
    for name, part in itertools.product(classes, distance.NAMES):
        for model, accuracy in _measured(summaries):
            scores = accuracy.loose[part][name]
            shares = (scores.recall, scores.precision)
            rows.append([
                name, part, model, _objects(scores.num_truth),
                percent(scores.ap_bev_r40, scores.num_truth),
                percent(scores.ap_3d_r40, scores.num_truth),
                *(f"{share:.2f}" if scores.num_truth else _NONE for share in shares),
            ])  # fmt: skip
    return Table(columns, rows, 3)


def operating_table(summaries: Sequence[ModelSummary], classes: Sequence[str]) -> Table:
    """Found and ghosts at the models' score thresholds, in all and by distance."""
    columns = ["class", "distance", "model", "score ≥", "found", "of", "precision",
               "ghosts per cloud"]  # fmt: skip
    rows = []
    for name, part in itertools.product(classes, (ALL_RANGES, *distance.NAMES)):
        for model, accuracy in _measured(summaries):
            row = accuracy.operating_point[name][part]
            precision = f"{row.precision:.2f}" if row.found + row.wrong else _NONE
            rows.append([
                name, part, model, f"{row.threshold:.2f}", str(row.found), str(row.objects),
                precision, f"{row.ghosts_per_frame:.2f}",
            ])  # fmt: skip
    return Table(columns, rows, 3)


def agreement_table(
    summaries: Sequence[ModelSummary], classes: Sequence[str], with_score: bool
) -> Table:
    """Box by box: counts and mean differences, in all and by distance."""
    columns = ["class", "distance", "model", "matched", "missed", "extra", "recall", "precision",
               "BEV IoU", "centre [m]", "size [m]", "yaw [°]", "reversed"]  # fmt: skip
    rows = []
    for name, (number, part) in itertools.product(classes, enumerate(("all", *distance.NAMES))):
        for model, accuracy in _measured(summaries):
            parts = accuracy.agreement[name]
            sums = (total(parts), *parts)[number]
            rows.append([name, part, model, *_agreement_cells(sums, with_score)])
    return Table([*columns, "score"] if with_score else columns, rows, 3)


def latency_table(summaries: Sequence[ModelSummary]) -> Table:
    """Percentiles over all clouds."""
    rows = [
        [summary.name, *(f"{value:.1f}" for value in quantiles(summary.latency_ms).values())]
        for summary in summaries
    ]
    return Table(["model", "median", "95 %", "99 %", "most"], rows)


def real_time_table(
    results: Sequence[RecordingResult], summaries: Sequence[ModelSummary]
) -> Table:
    """Show what a real-time run would have dropped, and how old its answers would have been."""
    columns = ["recording", "model", "rate [Hz]", "clouds", "dropped", "age, median [ms]", "95 %",
               "most"]  # fmt: skip
    rows = []
    for result in results:
        for summary in summaries:
            run = summary.real_time[result.name]
            ages = quantiles(run.age_ms)
            rows.append([
                result.name, summary.name, f"{run.rate_hz:.1f}", str(run.clouds),
                str(run.dropped), *(f"{ages[name]:.0f}" for name in ("p50", "p95", "max")),
            ])  # fmt: skip
    return Table(columns, rows, 2)


def percent(value: float, objects: int) -> str:
    """A share of objects as text; a dash where there is none."""
    return f"{value:.1f}" if objects else _NONE


def _objects(count: int) -> str:
    """Say how many objects there are, and the AP that so few of them can reach."""
    limit = reachable_r40(count)
    return f"{count} (AP ≤ {limit:.1f})" if count > 0 and limit < 100 else str(count)


def _measured(summaries: Sequence[ModelSummary]) -> list[tuple[str, Accuracy]]:
    return [(each.name, each.accuracy) for each in summaries if each.accuracy is not None]


def _agreement_cells(agreement: Agreement, with_score: bool) -> list[str]:
    means = agreement.means()
    names = ["bev_iou", "centre_m", "size_m", "yaw_deg", "reversed"] + ["score"] * with_score
    formats = {"yaw_deg": "{:.1f}", "score": "{:+.2f}"}
    return [
        *(str(n) for n in (agreement.matched, agreement.missed, agreement.extra)),
        *(_NONE if s is None else f"{s:.2f}" for s in (agreement.recall, agreement.precision)),
        *(formats.get(n, "{:.2f}").format(means[n]) if means else _NONE for n in names),
    ]
