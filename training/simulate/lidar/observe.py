"""One sweep over a street: rays cast, returns received, boxes in the rig's frame.

During one turn of a sensor the scene stands still, as if every sweep had been corrected for the
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
from training.simulate.lidar.cast import Scene
from training.simulate.lidar.receive import PLAIN_LOOK, Look
from training.simulate.lidar.rig import Rig
from training.simulate.lidar.sweep import Pose, Surfaces, Sweep, sweep_scene
from training.simulate.world.actors import Actor, boxes_at
from training.simulate.world.street import Street

_VIEW_M = 85.0
_LOWEST_M, _HIGHEST_M = 0.2, 6.0  # of a sensor above the ground
_NOBODY = -1  # owner of the ground and of fixtures
_VEHICLE = -2  # owner of what belongs to the ego vehicle
_EPOCH_NS = 1_700_000_000_000_000_000


class SimulatedFrame(NamedTuple):
    """One sweep with all objects that it shows; frame and boxes as in ``pd_ros.detection.types``.

    Objects without any point in their box are left out; an empty street gives no boxes.
    """

    points: NDArray[np.float32]  # [N, 4] x, y, z in whole mm, intensity in [0, 1] by 0.01
    ring: NDArray[np.uint16]  # [N] beam, from the lowest; those of a second sensor follow
    time_s: NDArray[np.float32]  # [N] since the start of the sweep
    boxes: NDArray[np.float32]  # [M, 7]
    labels: tuple[str, ...]  # [M]
    cls: NDArray[np.int8]  # [M] number of the class in the files, -1 for other objects
    num_points: NDArray[np.int32]  # [M] points inside the box
    track_id: NDArray[np.int32]  # [M]
    stamp_ns: int


class Mount(NamedTuple):
    """How the rig sits on the ego vehicle and how it sees surfaces."""

    height_m: float  # of the rig's frame, above the ground
    hidden: bool  # whether the vehicle's roof hides the ground close by
    look: Look = PLAIN_LOOK
    pitch_deg: float = 0.0  # of the rig's frame; positive looks down
    roll_deg: float = 0.0  # positive lowers the right side
    started_s: float = 0.0  # how long the sensors ran before time 0 of the street


def observe(
    street: Street, mount: Mount, time_s: float, rig: Rig, rng: Generator
) -> SimulatedFrame:
    """The sweep that starts at a time of the street, in the rig's frame.

    Boxes stay upright in a frame that pitches or rolls. Raises ``ValueError`` for a sensor that
    would lie in the ground or above any vehicle.
    """
    ego = boxes_at([street.ego], street.terrain, time_s)[0]
    origin = np.array([ego[0], ego[1], ego[2] - ego[5] / 2 + mount.height_m])
    pose = Pose(float(ego[6]), mount.pitch_deg, mount.roll_deg)
    _refuse_heights(rig, mount, pose)
    boxes = boxes_at(street.actors, street.terrain, time_s)
    near = np.flatnonzero(np.hypot(*(boxes[:, :2] - origin[:2]).T) < _VIEW_M)
    actors, boxes = [street.actors[i] for i in near], boxes[near]
    fixed = _surroundings(street, time_s, origin)
    x, y, z = origin.tolist()
    roof = [place(_ROOF, x, y, z, pose.yaw_rad)] if mount.hidden else []
    meshes = [*fixed, *roof, *_placed(actors, boxes)]
    counts = [len(mesh.triangles) for mesh in meshes]
    owners = [_NOBODY] * len(fixed) + [_VEHICLE] * len(roof) + list(range(len(actors)))
    colours = [0.5] * (len(fixed) + len(roof)) + [actor.colour for actor in actors]
    whole = join(meshes)
    surfaces = Surfaces(Scene(whole, origin), whole.material, np.repeat(colours, counts))
    sweep = _all_sweeps(surfaces, rig, pose, mount, time_s, rng)
    owner = np.repeat(owners, counts)[sweep.triangle]
    if (own := owner == _VEHICLE).any():
        sweep, owner = Sweep(*(values[~own] for values in sweep)), owner[~own]
    boxes[:, :3] = pose.to_rig(boxes[:, :3] - origin)
    boxes[:, 6] = _yaw_in_rig(boxes[:, 6], pose)
    hit = np.bincount(owner + 1, minlength=len(actors) + 1)[1:]
    seen = np.flatnonzero(hit > 0)
    return _frame(sweep, boxes[seen], [actors[i] for i in seen], time_s)


def _refuse_heights(rig: Rig, mount: Mount, pose: Pose) -> None:
    positions = np.array([placed.position_m for placed in rig.sensors])
    for number, up in enumerate(pose.to_street(positions)[:, 2].tolist()):
        if not _LOWEST_M <= (height := mount.height_m + up) <= _HIGHEST_M:
            raise ValueError(
                f"sensor {number + 1} of {len(rig.sensors)} ({rig.title}): expected a height of"
                f" {_LOWEST_M:g} to {_HIGHEST_M:g} m above the ground, got {height:.2f}; correct"
                " the height (of the rig's frame, where there are several) or position_m"
            )


def _all_sweeps(
    surfaces: Surfaces, rig: Rig, pose: Pose, mount: Mount, time_s: float, rng: Generator
) -> Sweep:
    sweeps: list[Sweep] = []
    first_ring = 0
    for placed in rig.sensors:
        start_s = mount.started_s + time_s
        sweep = sweep_scene(surfaces, placed, pose, start_s, mount.look, rng)
        sweeps.append(sweep._replace(ring=sweep.ring + first_ring))
        first_ring += placed.sensor.scan.rings
    return Sweep(*(np.concatenate(parts) for parts in zip(*sweeps, strict=True)))


def _yaw_in_rig(yaw: Float64, pose: Pose) -> Float64:
    """Yaw ``[M]`` of boxes in the rig's frame, in [-pi, pi)."""
    turn = yaw - pose.yaw_rad
    if pose.pitch_deg or pose.roll_deg:
        x, y, _ = pose.to_rig(np.stack((np.cos(yaw), np.sin(yaw), np.zeros(len(yaw))), axis=1)).T
        turn = np.arctan2(y, x)
    wrapped: Float64 = (turn + np.pi) % (2 * np.pi) - np.pi
    return wrapped


def _surroundings(street: Street, time_s: float, origin: Float64) -> list[Mesh]:
    near = [
        fixture.mesh
        for fixture in street.fixtures
        if np.hypot(*(fixture.footprint[:2] - origin[:2])) < _VIEW_M
    ]
    return [street.terrain.mesh(*street.ego.at(time_s)), *near]


# What hides the ground from a sensor on a roof, from the sensor: the bonnet and roof ahead, down
# to 20 degrees, the boot and roof behind, down to 17 degrees. Its own returns are left out.
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


def _frame(sweep: Sweep, boxes: Float64, actors: list[Actor], time_s: float) -> SimulatedFrame:
    points = np.column_stack((sweep.xyz.round(3), sweep.intensity.round(2))).astype(np.float32)
    boxes32 = boxes.astype(np.float32)
    inside = _count_inside(points, boxes32)
    kept = np.flatnonzero(inside)
    labels = tuple(actors[i].label for i in kept)
    classes = [FILE_CLASSES.index(n) if n in FILE_CLASSES else IGNORED for n in labels]
    return SimulatedFrame(
        points=points,
        ring=sweep.ring.astype(np.uint16),
        time_s=sweep.time_s.astype(np.float32),
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
