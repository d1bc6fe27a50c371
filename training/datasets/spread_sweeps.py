"""A few sweeps of many, from all parts of recordings."""

from collections.abc import Iterator, Sequence

from pd_ros.recordings.sources import Source, Sweep


def spread_sweeps(sources: Sequence[Source], most: int) -> Iterator[Sweep]:
    """Up to ``most`` sweeps, evenly over all recordings."""
    total = sum(source.count for source in sources)
    step = max(total / max(most, 1), 1.0)
    seen, wanted = 0, 0.0
    for source in sources:
        for sweep in source.sweeps():
            if seen >= wanted:
                wanted += step
                yield sweep
            seen += 1
