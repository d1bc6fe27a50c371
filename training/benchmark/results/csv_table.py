"""The files that say what came out: CSVs of all runs, gains and curves, table, pictures."""

import csv
from collections.abc import Iterator, Sequence

from training.benchmark.grid import Grid
from training.benchmark.jobs.job import JobResult
from training.benchmark.jobs.origin import commit, machine
from training.benchmark.mean_std import mean_ap
from training.benchmark.results.curve_picture import draw_curves, draw_teachers
from training.benchmark.results.curves import BudgetPoint, EpochPoint, budget_points, epoch_points
from training.benchmark.results.gains import Gain, read_gains
from training.benchmark.results.headline import (
    format_headline,
    format_selection,
    format_teachers,
)
from training.benchmark.results.markdown import format_report
from training.benchmark.results.picture import draw_accuracy, draw_gains
from training.benchmark.results.selection import Candidate, rank_candidates
from training.benchmark.results.summary import PairStanding, read_standing
from training.benchmark.search import write_search

CsvRow = dict[str, str | int | float]


def write_report(grid: Grid) -> str:
    """Write tables and pictures into the suite's folder; returns the table.

    Raises ``ValueError`` if a result there is of another config than the suite's.
    """
    pairs, suite = read_standing(grid), grid.suite
    gains = read_gains(suite, pairs)
    budgets, epochs = list(budget_points(suite, pairs)), list(epoch_points(pairs))
    candidates = rank_candidates(suite, pairs)
    head = [
        "## The headline", "", *format_headline(suite, pairs, gains),
        "", *format_selection(candidates),
        "", *format_teachers(pairs, epochs), "", "## All rows", "",
    ]  # fmt: skip
    text = _write_tables(grid, pairs, "\n".join(head) + "\n")
    _write_csv(grid, "gains.csv", list(map(_gain_row, gains)))
    _write_csv(grid, "curves.csv", list(map(_budget_row, budgets)))
    _write_csv(grid, "teachers.csv", list(map(_epoch_row, epochs)))
    _write_csv(grid, "selection.csv", list(map(_candidate_row, candidates)))
    draw_accuracy(grid.out / "accuracy.png", suite, pairs)
    draw_gains(grid.out / "gain.png", suite, pairs)
    draw_curves(grid.out / "curves.png", budgets)
    draw_teachers(grid.out / "teachers.png", epochs)
    return text


def write_tables(grid: Grid) -> None:
    """The CSV of runs and the table of all rows alone, which take no time."""
    _write_tables(grid, read_standing(grid), "")


def _write_tables(grid: Grid, pairs: Sequence[PairStanding], head: str) -> str:
    grid.out.mkdir(parents=True, exist_ok=True)
    _write_csv(grid, "results.csv", list(_rows(pairs)))
    if grid.suite.search is not None:
        searches = {f"{pair.config.name}/{method.method}": method.tried
                    for pair in pairs if pair.config.factors_of is None
                    for method in pair.methods}  # fmt: skip
        write_search(grid.out / "search.csv", searches)
    text = head + format_report(grid.suite, pairs)
    (grid.out / "table.md").write_text(text, encoding="utf-8")
    return text


def _rows(pairs: Sequence[PairStanding]) -> Iterator[CsvRow]:
    for pair in pairs:
        name = pair.config.name
        for teacher in pair.teachers:
            if teacher.result is not None:
                about: CsvRow = {"pair": name, "method": teacher.name, "steps": teacher.job.steps}
                yield {**about, **_figures(teacher.result)}
        for method in pair.methods:
            about = {"pair": name, "method": method.name, "steps": method.steps}
            if method.tried and method.factor is not None:
                about["factor"] = method.factor
            for seed, result in method.results.items():
                yield {**about, "seed": seed, **_figures(result)}


def _figures(result: JobResult) -> CsvRow:
    figures: CsvRow = {}
    for source, measures in result.scores.items():
        for measure, classes in measures.items():
            by_class = {"map": round(mean_ap(classes), 3), **classes}
            figures |= {f"{source}/{name}/{measure}": ap for name, ap in by_class.items()}
    cost = result.model_dump(
        include={"parameters", "gmacs", "sparse_gmacs", "mactivations", "train_seconds"}
    )
    return {**cost, **figures, "scored_by": result.commit, "scored_on": result.machine}


def _gain_row(gain: Gain) -> CsvRow:
    row: CsvRow = {
        "pair": gain.pair, "row": gain.row, "than": gain.than, "source": gain.source,
        "measure": gain.measure, "seeds": gain.seeds, "ap": round(gain.mean, 3),
        "gain": round(gain.difference, 3),
    }  # fmt: skip
    if gain.interval is not None and gain.p_holm is not None:
        _, low, high, p_value = gain.interval
        row |= {"low": round(low, 3), "high": round(high, 3)}
        row |= {"p": round(p_value, 5), "p_holm": round(gain.p_holm, 5)}
    return row


def _budget_row(point: BudgetPoint) -> CsvRow:
    row: CsvRow = {**point._asdict(), "ap": round(point.ap.mean, 3), "seeds": len(point.ap.values)}
    if point.ap.deviation is not None:
        row["deviation"] = round(point.ap.deviation, 3)
    return row


def _epoch_row(point: EpochPoint) -> CsvRow:
    return dict(point._asdict())


def _candidate_row(candidate: Candidate) -> CsvRow:
    return {**candidate._asdict(), "ap": round(candidate.ap, 3)}


def _write_csv(grid: Grid, name: str, rows: Sequence[CsvRow]) -> None:
    """Write rows that also say by which commit, where and by which command they were written."""
    columns = dict.fromkeys(("pair", "method", "seed", "factor") if name == "results.csv" else ())
    columns |= dict.fromkeys(key for row in rows for key in row)
    origin = {"commit": commit(), "machine": machine(), "command": grid.command}
    with (grid.out / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*columns, *origin])
        writer.writeheader()
        writer.writerows({**row, **origin} for row in rows)
