"""Labelled sweeps, each of a street of its own, and the files that training reads."""

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pd_ros.process.unfinished import whole_file
from training.simulate.lidar.observe import Mount, SimulatedFrame, observe
from training.simulate.lidar.receive import draw_look
from training.simulate.lidar.rig import Rig
from training.simulate.mixture import Part, pick
from training.simulate.mounting import AS_ON_KITTI, Mounting
from training.simulate.world.street import make_street

ROOF_FROM_M = 1.4  # a sensor that is mounted lower does not sit on a roof


def simulate_frame(seed: int, rig: Rig, mounting: Mounting = AS_ON_KITTI) -> SimulatedFrame:
    """One sweep in a street of its own; equal for equal arguments.

    The streets of a seed are the same for all rigs and mountings. Unless told otherwise the rig
    is mounted between 1.5 and 2.1 m above the ground, most often near 1.68 m: in KITTI, whose
    sensor hangs at 1.73 m, the road ahead lies 1.65 m below it.
    """
    rng = np.random.default_rng(seed)
    heading = rng.normal(0, 0.1) if rng.random() < 0.8 else rng.uniform(-np.pi, np.pi)
    street = make_street(rng, ego_heading=float(heading))
    height = float(np.clip(rng.normal(1.68, 0.1), 1.5, 2.1))
    drawn = mounting.draw(seed)
    if drawn.height_m is not None:
        height = drawn.height_m
    on_roof = bool(rng.random() < 0.8) and rig.is_single and height >= ROOF_FROM_M
    mount = Mount(
        height, on_roof, draw_look(rng), drawn.pitch_deg, drawn.roll_deg, drawn.started_s
    )
    return observe(street, mount, 0.0, rig.brightened(drawn.intensity_scale), rng)


def write_frame(path: Path, frame: SimulatedFrame) -> None:
    """Write a sweep as ``.npz`` in the format of ``datasets.npz``, whole or not at all."""
    with whole_file(path) as place, place.open("wb") as file:
        np.savez_compressed(
            file,
            points=frame.points,
            boxes=frame.boxes,
            labels=np.array(frame.labels, dtype=np.str_),
            cls=frame.cls,
            num_points=frame.num_points,
            track_id=frame.track_id,
            stamp=np.int64(frame.stamp_ns),
        )


def write_frames(
    out: Path, count: int, seed: int, parts: Sequence[Part], workers: int = 1
) -> None:
    """Write sweeps ``000000.npz`` ... with a progress bar; those that are there already stay.

    ``parts``: what they are seen by, each part its share of them. Streets of different seeds do
    not repeat each other. Raises ``ValueError`` for a count or a number of workers below 1.
    """
    if count < 1 or workers < 1:
        raise ValueError(f"frames: expected --count and --workers of at least 1, got {count}"
                         f" and {workers}")  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    missing = [i for i in range(count) if not (out / f"{i:06d}.npz").exists()]
    make = partial(_write_one, out, seed, tuple(parts))
    # An executor, not a Pool: it reports a worker that died instead of waiting for it for ever.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        done = pool.map(make, missing, chunksize=4)
        for _ in tqdm(done, desc=f"frames of {out}", total=len(missing)):
            pass


def _write_one(out: Path, seed: int, parts: tuple[Part, ...], number: int) -> None:
    own_seed = seed * 1_000_000 + number
    part = pick(parts, own_seed)
    write_frame(out / f"{number:06d}.npz", simulate_frame(own_seed, part.rig, part.mounting))
