"""A made-up street of points: level ground between two walls."""

import numpy as np


def street(ground_m: float = -1.7, slope: float = 0.0, seed: int = 0) -> np.ndarray:
    """Ground out to 40 m with walls 8 m to both sides: [N, 4]."""
    rng = np.random.default_rng(seed)
    xy = rng.uniform(-40, 40, (20_000, 2))
    ground = np.column_stack((xy, ground_m + slope * xy[:, 0] + rng.normal(0, 0.03, len(xy))))
    walls = np.column_stack((rng.uniform(-40, 40, 4000), rng.choice((-8, 8), 4000),
                             rng.uniform(ground_m, ground_m + 5, 4000)))  # fmt: skip
    points = np.concatenate((ground, walls))
    return np.column_stack((points, rng.uniform(0, 1, len(points)))).astype(np.float32)
