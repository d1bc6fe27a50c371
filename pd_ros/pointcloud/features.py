"""Features that models want of each point beside x, y, z, and the fields that give them."""

from collections.abc import Iterable, Sequence

import numpy as np

from pd_ros.detection.config.names import EXTRA_FIELDS, INTENSITY, TIME_LAG
from pd_ros.pointcloud.decode import Float32
from pd_ros.pointcloud.layout import CloudLayout


def extra_fields(features: Iterable[str]) -> tuple[str, ...]:
    """The fields beside intensity that models of these features read, as the columns' order."""
    wanted = set(features)
    return tuple(name for name in EXTRA_FIELDS if name in wanted)


def model_columns(features: Sequence[str], extras: Sequence[str]) -> list[int]:
    """Columns of what a model wants in points of x, y, z, intensity, ``extras``, age."""
    columns = [INTENSITY, *extras, TIME_LAG]
    return [0, 1, 2, *(3 + columns.index(name) for name in features)]


def model_points(points: Float32, features: Sequence[str], extras: Sequence[str] = ()) -> Float32:
    """Points ``[N, 3 + C]`` as a model wants them, of ``[N, 4 + E]`` with ``extras``.

    Of a cloud that was read without what a model wants, the value is 0. Columns that stand
    beside each other are a view.
    """
    missing = [name for name in extra_fields(features) if name not in extras]
    if missing:
        nothing = np.zeros((len(points), len(missing)), np.float32)
        points, extras = np.concatenate((points, nothing), axis=1), (*extras, *missing)
    columns = model_columns(features, extras)
    if columns == list(range(len(columns))):
        return points[:, : len(columns)]
    return np.ascontiguousarray(points[:, columns])


def missing_fields(layout: CloudLayout, extras: Sequence[str]) -> str:
    """A sentence about the fields that a cloud does not have; empty if it has all."""
    known = {field.name.lower() for field in layout.fields}
    missing = [name for name in extras if name not in known]
    if not missing or not layout.points:
        return ""
    return (
        f"the clouds have no field {', '.join(missing)}, which the model was trained with: 0 is"
        " taken, and it may find less"
    )
