"""What was asked for, how the time for it is spent, and the folder in which it is done."""

import json
from pathlib import Path
from typing import Annotated, NamedTuple

from pydantic import Field

from pd_ros.detection.config.base import FrozenConfig, parse_config
from pd_ros.process.unfinished import whole_file
from training.config.base import Positive

MODEL_HEIGHT_M = 1.73  # of the sensor above the ground, as the networks that ship know it
# Shares of the time; the rest is for scoring and pictures.
_SIMULATING, _LEARNING = 0.3, 0.55
_MOST_FRAMES, _LEAST_FRAMES = 2000, 40
_MOST_HELD_BACK, _LEAST_HELD_BACK = 60, 8  # for choosing, and as many for reporting
_MOST_STEPS, _LEAST_STEPS = 20_000, 100


class Request(FrozenConfig):
    """What one adaptation makes; a command that goes on must ask for the same."""

    sensor: str  # as it was asked for
    sensor_content: str  # all figures of the sensor, so that a changed file is noticed
    height_m: Annotated[float, Field(ge=0.2, le=6)]
    pitch_deg: Annotated[float, Field(ge=-30, le=30)]
    roll_deg: Annotated[float, Field(ge=-30, le=30)]
    base: str  # the student to start from
    teacher: str
    classes: tuple[str, ...]  # that the node publishes
    recordings: tuple[str, ...]
    minutes: Positive
    seed: Annotated[int, Field(ge=0)]

    @property
    def z_shift_m(self) -> float:
        """What is added to z, so that the ground lies where the networks expect it."""
        return self.height_m - MODEL_HEIGHT_M


class Places(NamedTuple):
    """Where things are: everything beside the student lies in a folder of its name."""

    out: Path

    @property
    def folder(self) -> Path:
        """The folder of the adaptation."""
        return self.out.with_suffix("")

    def frames(self, part: str) -> Path:
        """The simulated sweeps of ``train``, ``val`` or ``test``."""
        return self.folder / "sim" / part

    @property
    def own(self) -> Path:
        """The user's own sweeps."""
        return self.folder / "own"

    def run(self, name: str) -> Path:
        """The folder of a training run."""
        return self.folder / name

    @property
    def report(self) -> Path:
        """The page that says what came out."""
        return self.folder / "report.html"

    @property
    def node_file(self) -> Path:
        """Parameters for the node."""
        return self.folder / "node.yaml"


def keep_request(places: Places, request: Request) -> None:
    """Write down what is made in a folder, or check that it is the same as before.

    Raises ``ValueError`` that names what differs.
    """
    path = places.folder / "request.json"
    if path.exists():
        before = parse_config(json.loads(path.read_text(encoding="utf-8")), Request, str(path))
        if before != request:
            changed = [
                f"{key} {getattr(before, key)} there, {getattr(request, key)} now"
                for key in type(request).model_fields
                if key != "sensor_content" and getattr(before, key) != getattr(request, key)
            ]
            what = "; ".join(changed) or "another content of the sensor's file"
            raise ValueError(
                f"{places.folder}: was made with other options ({what}); give another --out, the"
                " same options to go on, or delete the folder"
            )
        return
    places.folder.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as place:
        place.write_text(request.model_dump_json(indent=2), encoding="utf-8")


class Amounts(FrozenConfig):
    """How much fits into the time."""

    frames: int  # to learn from
    held_back: int  # to choose on, and as many to report on
    steps: int


def frames_within(minutes: float, seconds_a_frame: float, workers: int) -> tuple[int, int]:
    """Count the frames to learn from, and those held back for choosing and for reporting each."""
    count = _SIMULATING * minutes * 60 * workers / max(seconds_a_frame, 1e-6)
    frames = int(min(max(count, _LEAST_FRAMES), _MOST_FRAMES))
    held_back = min(max(frames // 8, _LEAST_HELD_BACK), _MOST_HELD_BACK)
    return max(frames - 2 * held_back, _LEAST_FRAMES // 2), held_back


def steps_within(minutes: float, seconds_a_step: float) -> int:
    """Count the training steps."""
    count = _LEARNING * minutes * 60 / max(seconds_a_step, 1e-6)
    return int(min(max(count, _LEAST_STEPS), _MOST_STEPS))
