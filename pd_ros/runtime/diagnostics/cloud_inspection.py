"""One cloud examined before a model: what ``inspect_cloud`` prints and ``/diagnostics`` says."""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.config.grid import CapacityConfig
from pd_ros.detection.families import AnyModelConfig
from pd_ros.pointcloud.beams import Beams, measure_beams
from pd_ros.pointcloud.byte_layout import true_layout
from pd_ros.pointcloud.decode import DecodeOptions, Float32, decode_all, decode_points
from pd_ros.pointcloud.layout import DATATYPES, CloudBytes, CloudError, CloudLayout, used_fields
from pd_ros.pointcloud.statistics import count_cells, measure_cloud
from pd_ros.pointcloud.training_statistics import Expected, expected_clouds
from pd_ros.pointcloud.z_offset import Z_OFFSET
from pd_ros.runtime.diagnostics.cloud_checks import Finding, Preprocessing, judge_cloud, judge_room
from pd_ros.runtime.diagnostics.mounting import judge_beams
from pd_ros.runtime.diagnostics.status import Level
from pd_ros.runtime.roi import Limits
from pd_ros.runtime.transforms import Matrix, move_points

_SAMPLE = 40_000  # points; the figures of more are the same
# REP 103: frames of cameras with z forward are called optical, whatever stands around the word;
# but there are other devices that are optical.
_OPTICAL = re.compile(
    r"(?<!fibre_)(?<!fiber_)([Oo]ptical|OPTICAL)(?![a-z])(?!_?(flow|gyro|encoder|fibre|fiber))"
)


class Room(NamedTuple):
    """How much of a cloud a model takes, in cells of which size (x, y, z)."""

    capacity: CapacityConfig
    cell_m: tuple[float, float, float]


class ModelInput(NamedTuple):
    """What a model takes of a cloud, and the clouds that it was trained on."""

    range_m: Limits
    features: tuple[str, ...]
    expected: Expected
    room: Room | None = None  # None: for any cloud

    @classmethod
    def of(
        cls, config: AnyModelConfig, training: Mapping[str, object], where: str = "checkpoint"
    ) -> "ModelInput":
        """Of a checkpoint; ``ValueError`` that names ``where`` for a damaged training record."""
        room = None
        if isinstance(config, ModelConfig):
            low, high = config.grid.range_m[2::3]
            height = config.grid.voxel_height_m or high - low
            room = Room(config.capacity, (*config.grid.pillar_size_m, height))
        return cls(config.range_m, config.features, expected_clouds(training, where), room)


def examine_cloud(
    layout: CloudLayout,
    data: CloudBytes,
    model_input: ModelInput,
    decoding: DecodeOptions,
    z_offset_m: float = 0.0,
    model_from_cloud: Matrix | None = None,
    beams: Beams | None = None,
    z_offset_name: str = Z_OFFSET,
) -> list[Finding]:
    """Judge a cloud as it is, before anything is left out; a large one by a part of its points.

    ``beams``: of the sensor, see :func:`beams_of`; None: they are not judged. ``z_offset_name``:
    what the offset is called where it is set. A cloud that cannot be read gives one finding that
    says why. Only reads ``data``.
    """
    wanted = "x, y, z and intensity" if "intensity" in model_input.features else "x, y and z"
    try:
        true = true_layout(layout, memoryview(data), decoding.names)  # type: ignore[arg-type]
        points = _sample(decode_all(true, data, decoding))
        preprocessing = _preprocessing(layout, decoding, model_input)
    except CloudError as error:
        return [Finding("layout", str(error), wanted, Level.ERROR, "such clouds are rejected")]
    preprocessing = preprocessing._replace(z_offset_m=z_offset_m, z_offset_name=z_offset_name)
    points = _placed(points, z_offset_m, model_from_cloud)
    content = measure_cloud(points, model_input.range_m, layout.points)
    as_read = f"{layout.text()}; intensity from {preprocessing.intensity_name or 'no field'}"
    findings = [
        Finding("layout", as_read, wanted, Level.OK, _corrections(layout, true)),
        *judge_cloud(content, model_input.expected, preprocessing),
    ]
    if beams is not None:
        findings += judge_beams(beams, model_input.expected)
    if model_input.room is not None and content.points_in_range:

        def read_all() -> Float32:
            return _placed(decode_all(true, data, decoding), z_offset_m, model_from_cloud)

        cells = _filled_cells(
            points, layout.points, model_input.range_m, model_input.room, read_all
        )
        most = model_input.room.capacity
        findings.append(
            judge_room(content.points_in_range, cells, most.max_points, most.max_pillars)
        )
    return findings


def beams_of(layout: CloudLayout, data: CloudBytes, decoding: DecodeOptions) -> Beams | None:
    """Count a cloud's rings, in its own frame; None where it cannot be read or is too small."""
    try:
        return measure_beams(decode_points(layout, data, decoding))
    except CloudError:
        return None


def _preprocessing(
    layout: CloudLayout, decoding: DecodeOptions, model_input: ModelInput
) -> Preprocessing:
    name, whole = _intensity(layout, decoding)
    return Preprocessing(
        intensity_name=name,
        intensity_wanted="intensity" in model_input.features,
        intensity_scale=decoding.scale,
        integer_intensity=whole and decoding.mode == "auto",
        organised=layout.height > 1,
    )


def _filled_cells(
    sample: Float32, points: int, range_m: Limits, room: Room, read_all: Callable[[], Float32]
) -> int:
    """Count the cells that hold points, from a sample while that shows that they have room."""
    cells = count_cells(sample, range_m, room.cell_m)
    if cells * points > room.capacity.max_pillars * len(sample):  # in all maybe
        cells = count_cells(read_all(), range_m, room.cell_m)
    return cells


def _sample(points: Float32) -> Float32:
    """Some points of a large cloud, one of each stretch.

    Not the same one of each: returns and lasers come in turn, and every n-th point may be of one
    laser alone. The same points every time.
    """
    step = len(points) // _SAMPLE
    if step < 2:
        return points
    starts = np.arange(len(points) // step) * step
    few: Float32 = points[starts + np.random.default_rng(0).integers(step, size=len(starts))]
    return few


def _placed(points: Float32, z_offset_m: float, model_from_cloud: Matrix | None) -> Float32:
    """Points where the model gets them."""
    if model_from_cloud is not None:
        points = move_points(points, model_from_cloud)
    points[:, 2] += np.float32(z_offset_m)
    return points


def _corrections(layout: CloudLayout, true: CloudLayout) -> str:
    """Say what is wrong with a header, and how the cloud is read all the same; mostly nothing."""
    wrong = []
    if layout.height > 1 and true.row_step != layout.row_step:
        wrong.append(
            f"row_step is {layout.row_step}, but {layout.height} rows of {true.row_step} bytes"
            " fill the data, which is read so"
        )
    if true.is_bigendian != layout.is_bigendian:
        wrong.append(
            f"is_bigendian is {str(layout.is_bigendian).lower()}, but only in the other byte order"
            " are x, y, z in metres, so that is read"
        )
    return f"{'; '.join(wrong)}; correct the header in the driver" if wrong else ""


def _intensity(layout: CloudLayout, decoding: DecodeOptions) -> tuple[str | None, bool]:
    """Name of the field that is read, and whether it holds whole numbers."""
    field = used_fields(layout, decoding.names).intensity if layout.points else None
    if field is None:
        return None, False
    return field.name, DATATYPES[field.datatype][0] in "iu"


def judge_frame(frame_id: str) -> list[Finding]:
    """One finding about the frame in which the model sees the points, where its name says much."""
    if not _OPTICAL.search(frame_id):
        return []
    return [
        Finding(
            "frame", frame_id, "a frame with x forward, y left, z up", Level.WARN,
            "this is the optical frame of a camera (x right, y down, z forward, REP 103), not one"
            " of a LiDAR: set input.sensor_frame to the frame of the LiDAR or to base_link, or let"
            " the driver name the right one",
        )
    ]  # fmt: skip
