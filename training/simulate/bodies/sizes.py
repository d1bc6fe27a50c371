"""Draw sizes of road users as they are labelled in public data sets.

Measured from the training labels of KITTI (Karlsruhe, 2011) and PandaSet (California, 2019) that
hold 5 points or more, one entry for each different size, so that an object that is seen in many
sweeps counts once; without the entries further than four deviations from the median. Sample
counts: cars 199 and 202, pedestrians 10 and 82, cyclists 12 and none. Deviations and correlations
of fewer than 20 objects are taken from the larger set or set to 0.
"""

from typing import NamedTuple

import numpy as np

from training.simulate.bodies.mesh import Float64


class SizeTable(NamedTuple):
    """Distribution of length, width, height in metres."""

    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    correlation: tuple[float, float, float]  # length-width, length-height, width-height
    least: tuple[float, float, float]  # second percentile
    most: tuple[float, float, float]  # 98th percentile


CARS = (
    SizeTable(  # KITTI
        (3.95, 1.62, 1.49), (0.42, 0.107, 0.10), (0.57, 0.23, 0.30),
        (3.15, 1.36, 1.28), (4.74, 1.85, 1.90),
    ),
    SizeTable(  # PandaSet
        (4.55, 1.91, 1.69), (0.37, 0.122, 0.18), (0.54, 0.33, 0.54),
        (3.77, 1.71, 1.40), (5.26, 2.17, 2.08),
    ),
)  # fmt: skip
PEDESTRIANS = (
    SizeTable(  # KITTI
        (0.76, 0.67, 1.72), (0.18, 0.10, 0.09), (0.0, 0.0, 0.0),
        (0.50, 0.50, 1.50), (1.09, 0.85, 1.90),
    ),
    SizeTable(  # PandaSet
        (0.88, 0.80, 1.79), (0.17, 0.11, 0.15), (0.08, 0.02, 0.16),
        (0.57, 0.58, 1.40), (1.32, 0.98, 2.04),
    ),
)  # fmt: skip
CYCLISTS = (
    SizeTable(  # KITTI
        (1.86, 0.60, 1.75), (0.19, 0.12, 0.09), (0.0, 0.0, 0.0),
        (1.54, 0.44, 1.60), (2.17, 0.88, 1.90),
    ),
)  # fmt: skip


def draw_size(rng: np.random.Generator, tables: tuple[SizeTable, ...]) -> Float64:
    """Length, width, height ``[3]`` in metres from an equal mixture, within the percentiles."""
    table = tables[int(rng.integers(len(tables)))]
    lw, lh, wh = table.correlation
    correlation = np.array([[1, lw, lh], [lw, 1, wh], [lh, wh, 1]])
    normal = np.linalg.cholesky(correlation) @ rng.normal(size=3)
    size = np.array(table.mean) + np.array(table.deviation) * normal
    return np.clip(size, table.least, table.most)
