"""Compare simulated sweeps of a sensor with real ones: by beam, by range, by what is hidden.

Streets differ, so that the two agree in kind, not in number: what a wrong beam table, range or
mounting does is far larger.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from pd_ros.recordings.sources import open_source
from training.datasets.frame import Float32
from training.datasets.spread_sweeps import spread_sweeps
from training.simulate.bodies.mesh import Float64
from training.simulate.lidar.rig import Rig
from training.simulate.lidar.scan import SpinningScan
from training.simulate.lidar.sweep import Pose

RANGES_M = (2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 72.0)
_REACH_M = RANGES_M[-1]  # of x and y: clouds of the other kind may be cut there
_OWN_M = RANGES_M[0]  # nearer points may be the vehicle's own
_CELL_M, _CELL_DEG = 2.0, 2.0
_LOOKED_AT_M = (10.0, 30.0)  # where cells without a point are counted
_GROUPS = 8  # of beams, in the table


class CloudPlace(NamedTuple):
    """Where the sensor (of a rig: its frame) lies in the frame of real clouds."""

    x_m: float = 0.0
    y_m: float = 0.0
    z_m: float = 0.0
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0

    def to_sensor(self, points: Float32) -> Float64:
        """x, y, z, intensity ``[N, 4]`` of a real cloud in the sensor's frame."""
        xyz = points[:, :3].astype(np.float64) - (self.x_m, self.y_m, self.z_m)
        pose = Pose(np.radians(self.yaw_deg), self.pitch_deg, self.roll_deg)
        return np.column_stack((pose.to_rig(xyz), points[:, 3]))


class Measured(NamedTuple):
    """Means over the sweeps of one kind."""

    sweeps: int
    points: float  # of a sweep, 2.5 to 72 m away
    returned: float  # share of all pulses that gave a point
    by_beam: Float64  # [B] share of the pulses of a beam, or of an interval of elevation
    by_range: Float64  # [9] points of a sweep between RANGES_M
    empty: float  # share of the cells 10 to 30 m away that have no point: hidden, or not met
    sight_m: float  # median over all directions of the farthest point
    intensity: float


class Pulses(NamedTuple):
    """What a rig fires in one sweep, by elevation."""

    edges_deg: Float64  # [B + 1] between beams
    counts: Float64  # [B]
    centre_m: Float64  # [3] in the rig's frame, from which elevations are seen


def fired(rig: Rig) -> Pulses:
    """Pulses of a sweep, of each beam of a single spinning sensor, else by 2 degrees."""
    scan = rig.sensors[0].sensor.scan
    edges = np.arange(-90.0, 91.0, 2.0)
    if rig.is_single and isinstance(scan, SpinningScan):
        beams = np.array(scan.elevations)
        middles = (beams[1:] + beams[:-1]) / 2
        edges = np.concatenate(([beams[0] - 1], middles, [beams[-1] + 1]))
    vectors = [placed.to_rig(placed.sensor.rays().directions) for placed in rig.sensors]
    elevation = np.degrees(np.arcsin(np.clip(np.concatenate(vectors)[:, 2], -1, 1)))
    counts = np.histogram(elevation, edges)[0].astype(np.float64)
    used = np.flatnonzero(counts)
    first, last = used[0], used[-1] + 1
    centre = np.mean([placed.position_m for placed in rig.sensors], axis=0)
    return Pulses(edges[first : last + 1], counts[first:last], centre)


def real_sweeps(path: Path, topic: str | None, place: CloudPlace, most: int) -> list[Float64]:
    """At most so many clouds of a folder or recording, evenly chosen, in the sensor's frame.

    ``topic``: of the clouds in a recording; None takes the only one. Raises ``ValueError`` for
    what holds no clouds, and for clouds that cannot be read.
    """
    source = open_source(path, topic, 1.0, None, with_truth=False)
    return [place.to_sensor(sweep.points[:, :4]) for sweep in spread_sweeps([source], most)]


def measure(sweeps: Iterable[Float32 | Float64], pulses: Pulses) -> Measured:
    """Measure sweeps ``[N, 4]`` (x, y, z, intensity) in the rig's frame; at least one."""
    rows = [_measure_one(np.asarray(points, np.float64), pulses) for points in sweeps]
    means = [np.mean(column, axis=0) for column in zip(*rows, strict=True)]
    points, by_beam, by_range, empty, sight, intensity = means
    returned = float(points / pulses.counts.sum())
    return Measured(
        len(rows), float(points), returned, by_beam, by_range, float(empty), float(sight),
        float(intensity),
    )  # fmt: skip


def _measure_one(points: Float64, pulses: Pulses) -> tuple[object, ...]:
    points = points - np.append(pulses.centre_m, 0)
    distance = np.linalg.norm(points[:, :3], axis=1)
    kept = (np.abs(points[:, :2]).max(axis=1) < _REACH_M) & (distance > _OWN_M)
    points, distance = points[kept], distance[kept]
    elevation = np.degrees(np.arcsin(points[:, 2] / distance))
    by_beam = np.histogram(elevation, pulses.edges_deg)[0] / np.maximum(pulses.counts, 1)
    empty, sight = _sight(points)
    intensity = points[:, 3].mean() if len(points) else 0.0
    by_range = np.histogram(distance, RANGES_M)[0]
    return len(points), by_beam, by_range, empty, sight, intensity


def _sight(points: Float64) -> tuple[float, float]:
    """Share of cells without a point, and the median sight."""
    flat = np.hypot(points[:, 0], points[:, 1])
    sectors = round(360 / _CELL_DEG)
    azimuth = np.degrees(np.arctan2(points[:, 1], points[:, 0]))
    sector = np.floor((azimuth + 180) / _CELL_DEG).astype(int) % sectors
    farthest = np.zeros(sectors)
    np.maximum.at(farthest, sector, flat)
    low, high = _LOOKED_AT_M
    ring = np.floor((flat - low) / _CELL_M).astype(int)
    rings = round((high - low) / _CELL_M)
    inside = (flat >= low) & (ring < rings)
    filled = np.unique(sector[inside] * rings + ring[inside])
    return 1 - len(filled) / (sectors * rings), float(np.median(farthest))


def format_comparison(real: Measured, simulated: Measured, pulses: Pulses) -> str:
    """Both as a table in Markdown."""
    rows = [
        ("sweeps", f"{real.sweeps}", f"{simulated.sweeps}"),
        ("points", f"{real.points:,.0f}", f"{simulated.points:,.0f}"),
        ("share of pulses that return", f"{real.returned:.2f}", f"{simulated.returned:.2f}"),
    ]
    for low, high, ours, theirs in _by_groups(pulses, simulated.by_beam, real.by_beam):
        rows.append((f"of them {low:.1f} to {high:.1f} degrees", f"{theirs:.2f}", f"{ours:.2f}"))
    for (low, high), theirs, ours in zip(
        pairwise(RANGES_M), real.by_range, simulated.by_range, strict=True
    ):
        rows.append((f"points {low:g} to {high:g} m away", f"{theirs:,.0f}", f"{ours:,.0f}"))
    rows += [
        ("cells without a point, 10 to 30 m", f"{real.empty:.2f}", f"{simulated.empty:.2f}"),
        ("farthest point, median (m)", f"{real.sight_m:.0f}", f"{simulated.sight_m:.0f}"),
        ("mean intensity", f"{real.intensity:.3f}", f"{simulated.intensity:.3f}"),
    ]
    head = ["| | real | simulated |", "|---|---|---|"]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows)])


def _by_groups(pulses: Pulses, *shares: Float64) -> list[tuple[float, float, float, float]]:
    """Lowest and highest angle of each group of beams, and its share of both kinds."""
    groups = np.array_split(np.arange(len(pulses.counts)), min(_GROUPS, len(pulses.counts)))
    result = []
    for group in groups:
        weights = pulses.counts[group] / max(pulses.counts[group].sum(), 1)
        ours, theirs = ((share[group] * weights).sum() for share in shares)
        low, high = pulses.edges_deg[group[0]], pulses.edges_deg[group[-1] + 1]
        result.append((float(low), float(high), float(ours), float(theirs)))
    return result


def to_json(kinds: dict[str, Measured], pulses: Pulses) -> dict[str, object]:
    """Both kinds as ``--json`` writes them."""
    return {
        "ranges_m": RANGES_M,
        "edges_deg": pulses.edges_deg.tolist(),
        **{
            name: each._asdict()
            | {"by_beam": each.by_beam.tolist(), "by_range": each.by_range.tolist()}
            for name, each in kinds.items()
        },
    }


def draw_comparison(
    path: Path, title: str, kinds: Sequence[tuple[str, Measured]], pulses: Pulses
) -> None:
    """Draw what returns by elevation, and points by range, of each kind."""
    figure = Figure(figsize=(13, 5), layout="constrained")
    beams, ranges = figure.subplots(1, 2)
    middles = (pulses.edges_deg[1:] + pulses.edges_deg[:-1]) / 2
    for name, each in kinds:
        beams.plot(middles, each.by_beam, marker=".", label=f"{name}, {each.sweeps} sweeps")
        ranges.stairs(each.by_range, RANGES_M, label=name, linewidth=2)
    beams.set(xlabel="elevation (degrees)", ylabel="share of pulses that return", ylim=(0, None))
    ranges.set(xlabel="range (m)", ylabel="points of a sweep", ylim=(0, None))
    beams.set_title(title)
    beams.legend()
    ranges.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)
