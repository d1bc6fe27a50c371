"""The first tables of a report, as Markdown: the AP of the first class at equal budgets."""

from collections.abc import Iterator, Sequence
from statistics import fmean

from training.benchmark.results.bootstrap import DRAWS
from training.benchmark.results.curves import EpochPoint, Flatness, flatness
from training.benchmark.results.gains import HEADLINE, Gain
from training.benchmark.results.selection import Candidate
from training.benchmark.results.summary import PairStanding
from training.benchmark.suite import PLAIN, SuiteConfig

_FLAT = 1.0  # points that the last third of a flat teacher may bring
_SURE = 0.05


def format_headline(
    suite: SuiteConfig, pairs: Sequence[PairStanding], gains: Sequence[Gain]
) -> list[str]:
    """One table for each pair and each source, of what is known so far."""
    lines = [
        "AP in percent of the class that the networks name first, at KITTI's own overlap, from"
        " above (BEV) and in 3D; mean over seeds. Gain: over the row that is named, of the same"
        f" budget and seeds, with the 95 % interval of a bootstrap over seeds and sweeps ({DRAWS}"
        " draws); p: two-sided, after Holm's correction for all comparisons of the pair, source"
        f" and measure, in bold below {_SURE:g}. A name ends in the multiple of the budget where"
        " that is not 1.",
    ]
    for pair in pairs:
        for source in suite.test:
            name = pair.config.name
            lines += ["", f"### {name}, {source}", "", *_table(pair, source, gains)]
    return lines


def _table(pair: PairStanding, source: str, gains: Sequence[Gain]) -> Iterator[str]:
    yield "| row | steps | seeds | than | " + " | ".join(
        f"{name.partition('_')[0].upper()} | gain | p" for name in HEADLINE
    ) + " |"  # fmt: skip
    yield "|---|---|---|---|" + "---|---|---|" * len(HEADLINE)
    for teacher in pair.teachers:
        if teacher.result is not None:
            aps = [next(iter(teacher.result.scores[source][name].values())) for name in HEADLINE]
            cells = " | ".join(f"{ap:.1f} | | " for ap in aps)
            yield f"| {teacher.name} | {teacher.job.steps:,} | | | {cells} |"
    here = [gain for gain in gains if (gain.pair, gain.source) == (pair.config.name, source)]
    for row in pair.methods:
        if row.method == PLAIN and row.results:
            means = [list(row.first_ap(source, name).values()) for name in HEADLINE]
            cells = " | ".join(f"{fmean(each):.1f} | | " for each in means)
            yield f"| {row.name} | {row.steps:,} | {len(row.results)} | | {cells} |"
        others = dict.fromkeys(gain.than for gain in here if gain.row == row.name)
        for than in others:
            both = [gain for gain in here if (gain.row, gain.than) == (row.name, than)]
            cells = " | ".join(_cells(gain) for gain in both)
            yield f"| {row.name} | {row.steps:,} | {both[0].seeds} | {than} | {cells} |"


def _cells(gain: Gain) -> str:
    if gain.interval is None or gain.p_holm is None:
        return f"{gain.mean:.1f} | {gain.difference:+.1f} | "
    _, low, high, _ = gain.interval
    chance = f"{gain.p_holm:.3f}"
    if gain.p_holm < _SURE:
        chance = f"**{chance}**"
    return f"{gain.mean:.1f} | {gain.difference:+.1f} [{low:+.1f}, {high:+.1f}] | {chance}"


def format_teachers(pairs: Sequence[PairStanding], points: Sequence[EpochPoint]) -> Iterator[str]:
    """One line for each teacher that was validated: its curve, and whether it was flat."""
    for pair in pairs:
        for teacher in pair.teachers:
            own = [p for p in points if (p.pair, p.teacher) == (pair.config.name, teacher.name)]
            flat = flatness(own)
            if flat is not None:
                yield f"- {pair.config.name}, {teacher.name}: {_curve(own)}; {_verdict(flat)}"


def _curve(points: Sequence[EpochPoint]) -> str:
    figures = dict.fromkeys(point.figure for point in points)
    shown = next(iter(figures))
    values = " ".join(f"{point.value:.0f}" for point in points if point.figure == shown)
    return f"{shown} by epoch {values}"


def _verdict(flat: Flatness) -> str:
    said = f"the mean of all its validation APs was {flat.before:.1f} at best in the first two"
    said += f" thirds of its epochs and is {flat.last:.1f} in the last"
    if flat.gain < _FLAT:
        return f"{said}: flat"
    return f"{said}: NOT flat, train it longer"


def format_selection(candidates: Sequence[Candidate]) -> Iterator[str]:
    """One line that names the best candidate on validation; none without candidates."""
    if candidates:
        told = ", ".join(f"{name} {ap:.1f}" for name, ap, _ in candidates)
        yield (
            f"By validation AP alone, mean over {candidates[0].pairs} pairs, sources and measures:"
            f" {told}. The best is **{candidates[0].name}**."
        )
