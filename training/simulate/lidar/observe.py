"""One sweep over a street: rays cast, returns received, boxes in the sensor's frame.

During one turn of the sensor the scene stands still, as if every sweep had been corrected for the
motion of the vehicle and of everybody else.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from pd_ros.detection.boxes import points_in_boxes
from training.datasets.frame import IGNORED
from training.datasets.npz import FILE_CLASSES
from training.simulate.bodies.mesh import Float64, Material, Mesh, block, join, place
from training.simulate.lidar.cast import cast
from training.simulate.lidar.receive import PLAIN_LOOK, Look, Returns, receive
from training.simulate.lidar.sensor import Sensor
from training.simulate.world.actors import Actor, boxes_at
from training.simulate.world.street import Street

_VIEW_M = 85.0
_NOBODY = -1  # owner of the ground, of fixtures and of the ego vehicle
_EPOCH_NS = 1_700_000_000_000_000_000


class SimulatedFrame(NamedTuple):
    """One sweep with all objects that it shows; frame and boxes as in ``pd_ros.detection.types``.

    Objects without any point in their box are left out; an empty street gives no boxes.
    """

    points: NDArray[np.float32]  # [N, 4] x, y, z in whole mm, intensity in [0, 1] by 0.01
    ring: NDArray[np.uint16]  # [N] beam, from the lowest
    time_s: NDArray[np.float32]  # [N] since the start of the turn
    boxes: NDArray[np.float32]  # [M, 7]
    labels: tuple[str, ...]  # [M]
    cls: NDArray[np.int8]  # [M] number of the class in the files, -1 for other objects
    num_points: NDArray[np.int32]  # [M] points inside the box
    track_id: NDArray[np.int32]  # [M]
    stamp_ns: int


class Mount(NamedTuple):
    """How the sensor sits on the ego vehicle and how it sees surfaces."""

    height_m: float  # above the ground
    hidden: bool  # whether the vehicle's roof hides the ground close by
    look: Look = PLAIN_LOOK


def observe(
    street: Street, mount: Mount, time_s: float, sensor: Sensor, rng: Generator
) -> SimulatedFrame:
    """The sweep that starts at a time of the street."""
    ego = boxes_at([street.ego], street.terrain, time_s)[0]
    origin = np.array([ego[0], ego[1], ego[2] - ego[5] / 2 + mount.height_m])
    yaw = float(ego[6])
    boxes = boxes_at(street.actors, street.terrain, time_s)
    near = np.flatnonzero(np.hypot(*(boxes[:, :2] - origin[:2]).T) < _VIEW_M)
    actors, boxes = [street.actors[i] for i in near], boxes[near]
    fixed = _surroundings(street, time_s, origin, mount, yaw)
    meshes = [*fixed, *_placed(actors, boxes)]
    counts = [len(mesh.triangles) for mesh in meshes]
    owner = np.repeat([_NOBODY] * len(fixed) + list(range(len(actors))), counts)
    colour = np.repeat([0.5] * len(fixed) + [actor.colour for actor in actors], counts)
    whole = join(meshes)
    hits = cast(whole, origin, _turn(sensor.directions, yaw))
    material = whole.material[hits.triangle]
    returns = receive(hits, material, colour[hits.triangle], sensor, rng, mount.look)
    boxes[:, :3] = _turn(boxes[:, :3] - origin, -yaw)
    boxes[:, 6] = (boxes[:, 6] - yaw + np.pi) % (2 * np.pi) - np.pi
    hit = np.bincount(owner[returns.triangle] + 1, minlength=len(actors) + 1)[1:]
    seen = np.flatnonzero(hit > 0)
    return _frame(returns, boxes[seen], [actors[i] for i in seen], sensor, time_s)


def _surroundings(
    street: Street, time_s: float, origin: Float64, mount: Mount, yaw: float
) -> list[Mesh]:
    near = [
        fixture.mesh
        for fixture in street.fixtures
        if np.hypot(*(fixture.footprint[:2] - origin[:2])) < _VIEW_M
    ]
    ground = street.terrain.mesh(*street.ego.at(time_s))
    x, y, z = origin.tolist()
    roof = [place(_ROOF, x, y, z, yaw)] if mount.hidden else []
    return [ground, *near, *roof]


# What hides the ground from a sensor on a roof, from the sensor: the bonnet and roof ahead, down
# to 20 degrees, the boot and roof behind, down to 17 degrees. Returns from it are below any
# sensor's shortest range.
_ROOF = join(
    [
        block((0.0, 0.68), (-0.21, 0.21), (-0.27, -0.25), Material.METAL),
        block((-0.78, 0.0), (-0.28, 0.28), (-0.27, -0.25), Material.METAL),
    ]
)


def _placed(actors: list[Actor], boxes: Float64) -> list[Mesh]:
    return [
        place(actor.body.mesh, box[0], box[1], box[2] - box[5] / 2, box[6])
        for actor, box in zip(actors, boxes, strict=True)
    ]


def _frame(
    returns: Returns, boxes: Float64, actors: list[Actor], sensor: Sensor, time_s: float
) -> SimulatedFrame:
    xyz = sensor.directions[returns.ray] * returns.distance_m[:, None]
    points = np.column_stack((xyz.round(3), returns.intensity.round(2))).astype(np.float32)
    boxes32 = boxes.astype(np.float32)
    inside = _count_inside(points, boxes32)
    kept = np.flatnonzero(inside)
    labels = tuple(actors[i].label for i in kept)
    classes = [FILE_CLASSES.index(n) if n in FILE_CLASSES else IGNORED for n in labels]
    beams, step_s = len(sensor.elevations_deg), 0.1 / sensor.azimuth_steps
    return SimulatedFrame(
        points=points,
        ring=(returns.ray % beams).astype(np.uint16),
        time_s=(returns.ray // beams * step_s).astype(np.float32),
        boxes=boxes32[kept],
        labels=labels,
        cls=np.array(classes, dtype=np.int8),
        num_points=inside[kept].astype(np.int32),
        track_id=np.array([actors[i].track_id for i in kept], dtype=np.int32),
        stamp_ns=_EPOCH_NS + round(time_s * 1e9),
    )


def _count_inside(points: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.int64]:
    """Points in each box ``[M]``; only those around it are looked at closely."""
    counts = np.zeros(len(boxes), dtype=np.int64)
    for i, box in enumerate(boxes):
        reach = np.hypot(box[3], box[4]) / 2 + 0.01
        near = (np.abs(points[:, 0] - box[0]) < reach) & (np.abs(points[:, 1] - box[1]) < reach)
        around = torch.from_numpy(points[near])
        counts[i] = int(points_in_boxes(around, torch.from_numpy(box[None])).sum())
    return counts


def _turn(vectors: Float64, angle_rad: float) -> Float64:
    cos, sin = np.cos(angle_rad), np.sin(angle_rad)
    turned: Float64 = vectors @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    return turned
