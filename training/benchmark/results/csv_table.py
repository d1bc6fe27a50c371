"""The files that say what came out: CSV of all runs, table, pictures."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from training.benchmark.grid import Grid
from training.benchmark.jobs.job import JobResult
from training.benchmark.mean_std import mean_ap
from training.benchmark.results.markdown import format_report
from training.benchmark.results.picture import draw_accuracy, draw_gains
from training.benchmark.results.summary import PairStanding, read_standing
from training.benchmark.search import write_search

CsvRow = dict[str, str | int | float]


def write_report(grid: Grid) -> str:
    """Write tables and pictures into the suite's folder; returns the table.

    Raises ``ValueError`` if a result there is of another config than the suite's.
    """
    pairs = read_standing(grid)
    text = _write_tables(grid, pairs)
    draw_accuracy(grid.out / "accuracy.png", grid.suite, pairs)
    draw_gains(grid.out / "gain.png", grid.suite, pairs)
    return text


def write_tables(grid: Grid) -> None:
    """The same without pictures, which take longer."""
    _write_tables(grid, read_standing(grid))


def _write_tables(grid: Grid, pairs: Sequence[PairStanding]) -> str:
    grid.out.mkdir(parents=True, exist_ok=True)
    _write_csv(grid.out / "results.csv", list(_rows(pairs)))
    if grid.suite.search is not None:
        searches = {f"{pair.config.name}/{method.name}": method.tried
                    for pair in pairs if pair.config.factors_of is None
                    for method in pair.methods}  # fmt: skip
        write_search(grid.out / "search.csv", searches)
    text = format_report(grid.suite, pairs)
    (grid.out / "table.md").write_text(text, encoding="utf-8")
    return text


def _rows(pairs: Sequence[PairStanding]) -> Iterator[CsvRow]:
    for pair in pairs:
        name = pair.config.name
        if pair.teacher is not None:
            yield {"pair": name, "method": "teacher", **_figures(pair.teacher)}
        for method in pair.methods:
            about: CsvRow = {"pair": name, "method": method.name}
            if method.tried and method.factor is not None:
                about["factor"] = method.factor
            for seed, result in method.results.items():
                yield {**about, "seed": seed, **_figures(result)}


def _figures(result: JobResult) -> CsvRow:
    figures: CsvRow = {}
    for source, overlaps in result.scores.items():
        for overlap, classes in overlaps.items():
            by_class = {"map": round(mean_ap(classes), 3), **classes}
            figures |= {f"{source}/{name}/bev_{overlap}": ap for name, ap in by_class.items()}
    cost = result.model_dump(
        include={"parameters", "gmacs", "sparse_gmacs", "mactivations", "train_seconds"}
    )
    return {**cost, **figures}


def _write_csv(path: Path, rows: Sequence[CsvRow]) -> None:
    columns = dict.fromkeys(("pair", "method", "seed", "factor"))
    columns |= dict.fromkeys(key for row in rows for key in row)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(columns))
        writer.writeheader()
        writer.writerows(rows)
