"""One cloud examined before a model: what ``inspect_cloud`` prints and ``/diagnostics`` says."""

from typing import NamedTuple

import numpy as np

from pd_ros.cloud_content import measure_cloud
from pd_ros.cloud_findings import Finding, Handling, judge_cloud
from pd_ros.cloud_layout import DATATYPES, CloudBytes, CloudError, CloudLayout, used_fields
from pd_ros.cloud_record import Expected
from pd_ros.frames import Matrix, move_points
from pd_ros.health import Level
from pd_ros.pointcloud import Reading, decode_all
from pd_ros.region import Limits

_SAMPLE = 40_000  # points; the figures of more are the same


class Eye(NamedTuple):
    """What a model sees and has seen."""

    range_m: Limits
    features: tuple[str, ...]
    expected: Expected


def examine_cloud(
    layout: CloudLayout,
    data: CloudBytes,
    eye: Eye,
    reading: Reading,
    z_offset_m: float = 0.0,
    model_from_cloud: Matrix | None = None,
) -> list[Finding]:
    """Judge a cloud as it is, before anything is left out; a large one by every n-th point.

    A cloud that cannot be read gives one finding that says why. Only reads ``data``.
    """
    wanted = "x, y, z and intensity" if "intensity" in eye.features else "x, y and z"
    few = layout.every(max(1, layout.points // _SAMPLE))
    try:
        points = decode_all(few, data, reading)
        name, whole = _intensity(layout, reading)
    except CloudError as error:
        return [Finding("layout", str(error), wanted, Level.ERROR, "such clouds are rejected")]
    if model_from_cloud is not None:
        points = move_points(points, model_from_cloud)
    points[:, 2] += np.float32(z_offset_m)
    content = measure_cloud(points, eye.range_m, layout.points)
    as_read = f"{layout.text()}; intensity from {name or 'no field'}"
    handling = Handling(
        intensity_name=name,
        intensity_wanted="intensity" in eye.features,
        z_offset_m=z_offset_m,
        intensity_scale=reading.scale,
        integer_intensity=whole and reading.mode == "auto",
    )
    first = Finding("layout", as_read, wanted, Level.OK, "")
    return [first, *judge_cloud(content, eye.expected, handling)]


def _intensity(layout: CloudLayout, reading: Reading) -> tuple[str | None, bool]:
    """Name of the field that is read, and whether it holds whole numbers."""
    field = used_fields(layout, reading.names).intensity if layout.points else None
    if field is None:
        return None, False
    return field.name, DATATYPES[field.datatype][0] in "iu"
