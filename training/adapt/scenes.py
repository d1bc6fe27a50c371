"""Scenes as a sensor sees them, and beside that as the teacher's sensor does."""

import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from training.adapt.request import MODEL_HEIGHT_M
from training.datasets.frame import Float32
from training.simulate.frames import (
    numbered_path,
    scene_seed,
    simulate_frame,
    write_frame,
    write_numbered,
)
from training.simulate.lidar.observe import SimulatedFrame
from training.simulate.lidar.rig import Rig
from training.simulate.lidar.sweep import Pose
from training.simulate.mounting import Mounting

_SINKS_M = 0.03  # vehicles are loaded, tyres differ


class Setting(NamedTuple):
    """A sensor as it is mounted, and the denser one through which the teacher looks."""

    rig: Rig
    height_m: float
    pitch_deg: float
    roll_deg: float
    teachers: Rig

    @property
    def mounting(self) -> Mounting:
        """What each scene draws its own mounting from."""
        return Mounting(
            height_m=(self.height_m - _SINKS_M, self.height_m + _SINKS_M),
            pitch_deg=(self.pitch_deg, self.pitch_deg),
            roll_deg=(self.roll_deg, self.roll_deg),
        )


class SeenTwice(NamedTuple):
    """One scene, in the frame of the user's sensor."""

    frame: SimulatedFrame
    teacher_points: Float32  # [K, 4]


def simulate_twice(seed: int, setting: Setting) -> SeenTwice:
    """One scene by both sensors; the teacher's sits where it did when the teacher learnt.

    Its points are moved into the frame of the user's sensor, and tilt with it.
    """
    mounting = setting.mounting
    frame = simulate_frame(seed, setting.rig, mounting)
    height_m = mounting.draw(seed).height_m
    assert height_m is not None
    above_m = MODEL_HEIGHT_M - setting.height_m  # both sink alike
    theirs = Mounting(height_m=(height_m + above_m, height_m + above_m))
    dense = simulate_frame(seed, setting.teachers, theirs).points.astype(np.float64)
    dense[:, 2] += above_m
    dense[:, :3] = Pose(0.0, setting.pitch_deg, setting.roll_deg).to_rig(dense[:, :3])
    return SeenTwice(frame, dense.astype(np.float32))


def write_scenes(
    out: Path, count: int, seed: int, setting: Setting, workers: int, title: str
) -> None:
    """Write scenes ``000000.npz`` ... with a progress bar; those that are there already stay."""
    write_numbered(out, count, partial(_write_one, seed, setting), title, workers)


def seconds_a_scene(out: Path, seed: int, setting: Setting, tries: int = 3) -> float:
    """Time the first scenes; they are kept."""
    out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    for number in range(tries):
        _write_one(seed, setting, numbered_path(out, number), number)
    return (time.monotonic() - began) / tries


def _write_one(seed: int, setting: Setting, path: Path, number: int) -> None:
    frame, theirs = simulate_twice(scene_seed(seed, number), setting)
    write_frame(path, frame, theirs)
