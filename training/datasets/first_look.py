"""What is odd about the clouds of a source, said before minutes of work with them."""

from collections.abc import Collection, Iterable, Sequence
from itertools import islice

import numpy as np

from pd_ros.pointcloud.statistics import measure_cloud
from pd_ros.pointcloud.training_statistics import Expected
from pd_ros.runtime.diagnostics.cloud_checks import Preprocessing, judge_cloud
from pd_ros.runtime.diagnostics.status import Level
from training.datasets.frame import Float32, Frame

_LOOKED_AT = 3  # frames


def remarks_on(
    title: str,
    frames: Iterable[Frame],
    features: Sequence[str],
    range_m: tuple[float, float, float, float, float, float],
    expected: Expected,
    only: Collection[str] = (),
    z_offset_m: float = 0.0,
    z_offset_name: str = "z_shift_m",
) -> list[str]:
    """Findings about the first frames, one line each, as the node and ``inspect_cloud`` have them.

    Each is said once, of the first frame that has it. ``features``: what follows x, y, z in the
    points; ``only``: names of the findings that are wanted, all where there are none;
    ``z_offset_m``: what is added to z yet, and what it is called, by default in a run's YAML. None
    where all is well.
    """
    preprocessing = Preprocessing("intensity", "intensity" in features, z_offset_m, z_offset_name)
    lines: dict[str, str] = {}
    for frame in islice(frames, _LOOKED_AT):
        points = xyzi(frame.points, features)
        points[:, 2] += np.float32(z_offset_m)
        content = measure_cloud(points, range_m)
        for finding in judge_cloud(content, expected, preprocessing):
            if finding.advice and (not only or finding.name in only):
                kind = "warning" if finding.level is Level.WARN else "note"
                text = f"{kind}: {title}: {finding.name}: {finding.text}"
                lines.setdefault(finding.name, text)
    return list(lines.values())


def xyzi(points: Float32, features: Sequence[str]) -> Float32:
    """Columns x, y, z, intensity (0 where the model has none) of the newest of several sweeps."""
    if "time_lag" in features:
        points = points[points[:, 3 + list(features).index("time_lag")] == 0]
    columns = np.zeros((len(points), 4), np.float32)
    columns[:, :3] = points[:, :3]
    if "intensity" in features:
        columns[:, 3] = points[:, 3 + list(features).index("intensity")]
    return columns
