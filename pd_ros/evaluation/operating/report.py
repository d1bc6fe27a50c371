"""Scores at operating points for readers and for programs, the same in every report."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from pd_ros.evaluation.operating.scores import ALL_RANGES, OperatingScores

_SHARES = ("recall", "precision", "ghosts_per_frame")


def format_operating_point(scores: Mapping[str, Mapping[str, OperatingScores]]) -> str:
    """Return the scores as text: one line per class and range, then the errors of each class."""
    lines = [
        f"{'class':12}{'range':>12}{'score >=':>10}{'found':>15}{'precision':>11}"
        f"{'ghosts per frame':>18}"
    ]
    for name, ranges in scores.items():
        for title, row in ranges.items():
            lines.append(
                f"{name:12}{title:>12}{row.threshold:10.2f}{f'{row.found} of {row.objects}':>15}"
                f"{row.precision:11.3f}{row.ghosts_per_frame:18.2f}"
            )
    for name, ranges in scores.items():
        errors = ranges[ALL_RANGES].errors
        if errors is not None:
            lines.append(f"{name:12}found minus true, mean and deviation: {errors}")
    return "\n".join(lines)


def operating_point_json(scores: Mapping[str, Mapping[str, OperatingScores]]) -> dict[str, Any]:
    """Return the scores as plain data: ``{class: {range: {threshold, found, ghosts, ...}}}``."""
    return {
        name: {
            title: dataclasses.asdict(row) | {share: getattr(row, share) for share in _SHARES}
            for title, row in ranges.items()
        }
        for name, ranges in scores.items()
    }
