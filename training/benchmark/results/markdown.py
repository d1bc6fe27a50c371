"""A suite's results as Markdown."""

from collections.abc import Iterator, Sequence
from typing import get_args

from training.benchmark.jobs.job import JobResult
from training.benchmark.mean_std import Spread, mean_ap
from training.benchmark.results.summary import MethodStanding, PairStanding
from training.benchmark.suite import PLAIN, Overlap, SuiteConfig

_OVERLAPS: tuple[Overlap, ...] = get_args(Overlap)


def format_report(suite: SuiteConfig, pairs: Sequence[PairStanding]) -> str:
    """One table for each pair and each source; ``-`` where nothing is known yet."""
    lines = [*_legend(suite)]
    for pair in pairs:
        lines += [
            "",
            f"## {pair.config.name}: {pair.config.student}, taught by {pair.config.teacher}"
            f"{f', factors of {pair.config.factors_of}' if pair.config.factors_of else ''}",
        ]
        for source in suite.test:
            lines += ["", f"On {source}:", "", *_table(suite, pair, source)]
    return "\n".join(lines) + "\n"


def _legend(suite: SuiteConfig) -> Iterator[str]:
    yield (
        "BEV AP in percent (40 recalls) at KITTI's strict (0.7; people and cycles 0.5) and loose"
        " overlap (0.5; 0.25); mAP: mean over classes. ± is the standard deviation over seeds"
        f" {', '.join(map(str, suite.seeds))}. Gain: over the same student without distillation,"
        " seed by seed, with the 95 % t-interval of its mean in brackets. GMACs: dense, and sparse"
        " ones on the first sweep."
    )
    if suite.search is not None:
        factors = ", ".join(f"{factor:g}" for factor in suite.search.factors)
        yield (
            f"Factor: what all weights of a method were multiplied by, the best of {factors}"
            f"{' and of further ones where that is at an end' if suite.search.extend else ''}, by"
            f" mAP at {suite.search.overlap} overlap in a short run with seed"
            f" {suite.search.seed} on sweeps that are not tested on."
        )


def _table(suite: SuiteConfig, pair: PairStanding, source: str) -> Iterator[str]:
    large = _first_class(pair, source)
    heading = ["method", *(["factor"] if suite.search else []), "seeds"]
    for overlap in _OVERLAPS:
        heading += [f"mAP, {overlap}", f"gain, {overlap}"]
    heading += [f"{large}, strict", "parameters", "GMACs", "Mact"]
    yield _line(heading)
    yield "|" + "---|" * len(heading)
    yield _line(_teacher(suite, pair.teacher, source, large))
    for method in pair.methods:
        yield _line(_method(suite, pair, method, source, large))


def _teacher(suite: SuiteConfig, result: JobResult | None, source: str, large: str) -> list[str]:
    cells = ["teacher", *([""] if suite.search else []), ""]
    for overlap in _OVERLAPS:
        scores = result.scores[source][f"bev_{overlap}"] if result else {}
        cells += [f"{mean_ap(scores):.2f}" if scores else "-", ""]
    ap = result.scores[source]["bev_strict"].get(large) if result else None
    return [*cells, "-" if ap is None else f"{ap:.2f}", *_cost(result)]


def _method(
    suite: SuiteConfig, pair: PairStanding, method: MethodStanding, source: str, large: str
) -> list[str]:
    factor = method.factor
    searched = "" if not method.tried else "-" if factor is None else f"{factor:g}"
    cells = [method.name, *([searched] if suite.search else []), str(len(method.results))]
    for overlap in _OVERLAPS:
        gain = pair.gain(method, source, overlap)
        plain = method.method == PLAIN
        cells += [_value(method.spread(source, overlap)), "" if plain else _gain(gain)]
    results = list(method.results.values())
    car = [result.scores[source]["bev_strict"].get(large) for result in results]
    known = [ap for ap in car if ap is not None]
    return [
        *cells,
        f"{sum(known) / len(known):.2f}" if known else "-",
        *_cost(next(iter(results), None)),
    ]


def _first_class(pair: PairStanding, source: str) -> str:
    """The class that a network names first, as a rule that of cars."""
    results = [pair.teacher, *(r for method in pair.methods for r in method.results.values())]
    for result in results:
        if result is not None:
            return next(iter(result.scores[source]["bev_strict"]))
    return "car"


def _value(spread: Spread | None) -> str:
    if spread is None:
        return "-"
    return f"{spread.mean:.2f}" + (
        f" ± {spread.deviation:.2f}" if spread.deviation is not None else ""
    )


def _gain(spread: Spread | None) -> str:
    if spread is None or spread.deviation is None or spread.half_width is None:
        return "-" if spread is None else f"{spread.mean:+.2f}"
    low, high = spread.mean - spread.half_width, spread.mean + spread.half_width
    return f"{spread.mean:+.2f} ± {spread.deviation:.2f} [{low:+.2f}, {high:+.2f}]"


def _cost(result: JobResult | None) -> list[str]:
    if result is None:
        return ["-", "-", "-"]
    sparse = f" + {result.sparse_gmacs:.2f}" if result.sparse_gmacs else ""
    return [f"{result.parameters:,}", f"{result.gmacs:.2f}{sparse}", f"{result.mactivations:.1f}"]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
