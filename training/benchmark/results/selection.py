"""Which of a suite's candidates is best on validation, which no table of results shows."""

from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from training.benchmark.results.gains import HEADLINE
from training.benchmark.results.summary import MethodStanding, PairStanding
from training.benchmark.suite import SuiteConfig


class Candidate(NamedTuple):
    """A row's AP of the first class: mean over pairs, validation sources, headline measures."""

    name: str
    ap: float
    pairs: int  # that have a result of it


def rank_candidates(suite: SuiteConfig, pairs: Sequence[PairStanding]) -> list[Candidate]:
    """The candidates by falling AP at the whole budget; those without a result are left out.

    Only pairs that have a result of every candidate that any pair has count, so that none wins by
    an easier pair.
    """
    scores: dict[str, dict[str, float]] = {}
    for pair in pairs:
        for name in suite.candidates:
            row = pair.find(name, 1)
            if row is not None and row.results:
                scores.setdefault(pair.config.name, {})[name] = _ap(suite, row)
    if not scores:
        return []
    known = set().union(*scores.values())
    whole = [each for each in scores.values() if each.keys() == known]
    found = [Candidate(name, fmean(each[name] for each in whole), len(whole))
             for name in sorted(known) if whole]  # fmt: skip
    return sorted(found, key=lambda candidate: -candidate.ap)


def _ap(suite: SuiteConfig, row: MethodStanding) -> float:
    return fmean(
        ap
        for source in suite.validation
        for measure in HEADLINE
        for ap in row.first_ap(source, measure).values()
    )
