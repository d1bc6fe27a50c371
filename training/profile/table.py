"""Costs of detectors side by side: for people, and for machines."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

from training.profile.measure import Profile

Row = dict[str, str | int | float | None]

_HEADINGS = {  # column of a row -> heading, decimals
    "parameters": ("parameters", 0),
    "gmacs": ("GMACs", 2),
    "sparse_gmacs": ("+ sparse", 2),
    "mactivations": ("Mact", 1),
    "latency_ms": ("p50 ms", 1),
    "latency_p95_ms": ("p95 ms", 1),
    "memory_mb": ("MB", 0),
}


def to_rows(profiles: Sequence[Profile]) -> list[Row]:
    """One flat row for each detector, at least one: its figures, and each relative to the first's.

    Columns ``stage_NAME_ms`` are there for the stages that a detector has; ``..._relative`` is
    None where one of the two figures is not known, or the first's is 0.
    """
    figures = [_figures(profile) for profile in profiles]
    rows: list[Row] = []
    for profile, own in zip(profiles, figures, strict=True):
        relative = {f"{key}_relative": _ratio(own[key], figures[0].get(key)) for key in own}
        setting: Row = {
            "name": profile.name,
            "device": profile.device,
            "precision": profile.precision,
            "points": profile.points,
        }
        rows.append({**setting, **own, **relative})
    return rows


def format_table(rows: Sequence[Row]) -> str:
    """Return three blocks of text: figures, figures relative to the first's, times by stage."""
    stages = [key for key in _columns(rows) if key.startswith("stage_") and key.endswith("_ms")]
    blocks = [
        [["detector", *(heading for heading, _ in _HEADINGS.values())]],
        [[f"/ {rows[0]['name']}", *(heading for heading, _ in _HEADINGS.values())]],
        [["median ms of", *(key.removeprefix("stage_").removesuffix("_ms") for key in stages)]],
    ]
    for row in rows:
        name = str(row["name"])
        blocks[0].append([name, *(_text(row[key], n) for key, (_, n) in _HEADINGS.items())])
        blocks[1].append([name, *(_text(row[f"{key}_relative"], 3) for key in _HEADINGS)])
        blocks[2].append([name, *(_text(row.get(key), 1) for key in stages)])
    return "\n\n".join(_align(block) for block in blocks)


def write_json(path: Path, rows: Sequence[Row]) -> None:
    """Write the rows as a list of objects."""
    path.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Write one line for each row; figures that a detector does not have are left empty."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, _columns(rows))
        writer.writeheader()
        writer.writerows(rows)


def _figures(profile: Profile) -> dict[str, float | None]:
    figures: dict[str, float | None] = {
        "parameters": profile.parameters,
        **profile.operations._asdict(),
        "latency_ms": profile.latency.p50_ms,
        "latency_p95_ms": profile.latency.p95_ms,
        "memory_mb": profile.memory_mb,
    }
    return figures | {f"stage_{stage.name}_ms": stage.ms for stage in profile.latency.stages}


def _ratio(figure: float | None, first: float | None) -> float | None:
    return None if figure is None or not first else figure / first


def _columns(rows: Sequence[Row]) -> list[str]:
    """All columns, in the order in which they first come."""
    return list(dict.fromkeys(key for row in rows for key in row))


def _text(figure: str | float | None, decimals: int) -> str:
    return "-" if figure is None else f"{figure:,.{decimals}f}"


def _align(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])])
        for line in lines
    )
