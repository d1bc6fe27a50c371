"""Labelled sweeps, each of a street of its own, and the files that training reads."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from pd_ros.jobs.open_pool import open_pool, share_cores
from pd_ros.jobs.run import Job, Outcome, run_jobs
from pd_ros.jobs.worker import stopping
from pd_ros.process.unfinished import whole_file
from training.simulate.lidar.observe import Mount, SimulatedFrame, observe
from training.simulate.lidar.receive import draw_look
from training.simulate.lidar.rig import Rig
from training.simulate.mixture import Part, pick
from training.simulate.mounting import AS_ON_KITTI, Mounting
from training.simulate.world.street import make_street

ROOF_FROM_M = 1.4  # a sensor that is mounted lower does not sit on a roof
_SWEEPS = 4  # of a job


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


def write_frame(
    path: Path, frame: SimulatedFrame, teacher_points: NDArray[np.float32] | None = None
) -> None:
    """Write a sweep as ``.npz`` in the format of ``datasets.npz``, whole or not at all.

    ``teacher_points``: the same scene through another sensor, ``[K, 4]``, in the sweep's frame.
    """
    theirs: dict[str, Any] = {} if teacher_points is None else {"teacher_points": teacher_points}
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
            **theirs,
        )


def write_frames(
    out: Path,
    count: int,
    seed: int,
    parts: Sequence[Part],
    workers: int = 1,
    scheduler: str | None = None,
    teachers: Rig | None = None,
) -> None:
    """Write sweeps ``000000.npz`` ... with a progress bar; those that are there already stay.

    ``parts``: what they are seen by, each part its share of them; ``teachers``: what sees the same
    scenes from the same place for a teacher (``teacher_points``). By so many processes, or the
    workers of a Dask scheduler. Streets of different seeds do not repeat each other. Raises
    ``ValueError`` for a count or a number of workers below 1, and for sweeps that could not be
    made, when the others are.
    """
    if count < 1 or workers < 1:
        raise ValueError(f"frames: expected --count and --workers of at least 1, got {count}"
                         f" and {workers}")  # fmt: skip
    write = partial(_write_one, seed, tuple(parts), teachers)
    write_numbered(out, count, write, f"frames of {out}", workers, scheduler)


def write_numbered(
    out: Path,
    count: int,
    write: Callable[[Path, int], None],
    title: str,
    workers: int,
    scheduler: str | None = None,
) -> None:
    """Write the sweeps of a folder that are not there yet, as ``write_frames`` does.

    ``write`` writes the sweep of a number to a path, in another process.
    """
    out.mkdir(parents=True, exist_ok=True)
    paths = [numbered_path(out, number) for number in range(count)]
    missing = [number for number, path in enumerate(paths) if not path.exists()]
    if not missing:
        return
    numbers = [missing[i : i + _SWEEPS] for i in range(0, len(missing), _SWEEPS)]
    jobs = (Job(f"sweeps from {n[0]:06d}", _write_some, (out, write, n)) for n in numbers)
    failures: list[Outcome] = []
    workers = min(workers, len(numbers))
    with (
        tqdm(desc=title, total=len(missing)) as bar,
        open_pool(scheduler, share_cores(workers)) as pool,
    ):

        def done(outcome: Outcome) -> None:
            bar.update(len(numbers[outcome.number]))
            if outcome.failure:
                failures.append(outcome)

        run_jobs(pool, jobs, done)
    if failures:
        job, _, _, failure = failures[0]
        assert failure is not None
        raise ValueError(
            f"{title}: {len(failures)} of {len(numbers)} jobs failed; {job.name}:"
            f" {failure.reason}\n{failure.log}"
        )


def numbered_path(out: Path, number: int) -> Path:
    """The file of a sweep."""
    return out / f"{number:06d}.npz"


def scene_seed(seed: int, number: int) -> int:
    """What a sweep of a data set is drawn from; data sets of different seeds share none."""
    return seed * 1_000_000 + number


def _write_some(out: Path, write: Callable[[Path, int], None], numbers: list[int]) -> None:
    for number in numbers:
        if stopping():
            raise InterruptedError("told to stop")
        write(numbered_path(out, number), number)


def _write_one(
    seed: int, parts: tuple[Part, ...], teachers: Rig | None, path: Path, number: int
) -> None:
    own_seed = scene_seed(seed, number)
    part = pick(parts, own_seed)
    theirs = None
    if teachers is not None:
        theirs = simulate_frame(own_seed, teachers, part.mounting).points
    write_frame(path, simulate_frame(own_seed, part.rig, part.mounting), theirs)
