"""The page that shows what the adaptation gave, and the same figures as text."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pd_ros.evaluate_recording.page import Card, Gallery, Table, render_page
from pd_ros.evaluation.operating.scores import ALL_RANGES
from training.adapt.compare import Judged

_TEMPLATES = Path(__file__).parent / "templates"
_NONE = "–"


def range_table(judged: Sequence[Judged]) -> Table:
    """AP, found and ghosts of each class by range, the students below each other."""
    columns = ["class", "distance", "student", "objects", "AP BEV", "score ≥", "found",
               "precision", "ghosts per cloud"]  # fmt: skip
    rows = []
    for name, ranges in judged[0].loose.items():
        for part in ranges:
            for each in judged:
                scores, point = each.loose[name][part], each.operating_point[name][part]
                rows.append([
                    name, part, each.title, str(scores.num_truth),
                    f"{scores.ap_bev_r40:.1f}" if scores.num_truth else _NONE,
                    f"{point.threshold:.2f}", f"{point.found} of {point.objects}",
                    f"{point.precision:.2f}" if point.found + point.wrong else _NONE,
                    f"{point.ghosts_per_frame:.2f}",
                ])  # fmt: skip
    return Table(columns, rows, 3)


def report_page(
    title: str,
    scenes: int,
    judged: Sequence[Judged],
    galleries: Sequence[Gallery],
    conditions: Mapping[str, str],
) -> str:
    """Return the page as HTML that needs nothing beside itself."""
    rows = [[name, value] for name, value in conditions.items()]
    content = {
        "title": title,
        "scenes": scenes,
        "cards": [Card(each.title, _card(each)) for each in judged],
        "by_range": range_table(judged),
        "galleries": [gallery for gallery in galleries if gallery.pictures],
        "conditions": Table(["what", "value"], rows, 2),
    }
    return render_page("adaptation.html", content, _TEMPLATES)


def _card(judged: Judged) -> dict[str, str]:
    card = {}
    for name, ranges in judged.operating_point.items():
        point = ranges[ALL_RANGES]
        card[f"{name}, found"] = f"{point.found} of {point.objects}"
        card[f"{name}, ghosts per cloud"] = f"{point.ghosts_per_frame:.2f}"
    return card


def as_text(judged: Sequence[Judged]) -> str:
    """The table for the terminal, over all distances."""
    table = range_table(judged)
    rows = [table.columns, *(row for row in table.rows if row[1] == ALL_RANGES)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
