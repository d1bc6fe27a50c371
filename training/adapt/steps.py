"""The steps of an adaptation, in order; each goes on from what an earlier call left."""

import json
import logging
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import yaml

from pd_ros.detection.checkpoint import read_config
from pd_ros.detection.config.base import parse_config
from pd_ros.process.unfinished import whole_file
from training.adapt.finish import finish
from training.adapt.own_clouds import write_own
from training.adapt.request import Amounts, Places, frames_within, steps_within
from training.adapt.scenes import seconds_a_scene, write_scenes
from training.adapt.student import (
    distilled_config,
    own_clouds_config,
    run_to_end,
    seconds_a_step,
    step_shares,
)
from training.adapt.work import Work
from training.distributed import World, join_world

_LOG = logging.getLogger("training.adapt")
_SEEDS = {"train": 11, "val": 12, "test": 13}  # streets that no shipped network has seen
_PURPOSE = {"train": "learn from", "val": "choose on", "test": "report on"}
_SCALE = 100  # seeds of one request, so that two requests have other streets


def adapt(work: Work) -> str:
    """Do what is not done yet; returns the text for the terminal."""
    network = _write_network(work)
    if _is_first():
        prepare(work, network)
    else:
        _wait_for(work.places.folder / "amounts.json")
    amounts = _read_amounts(work.places)
    with join_world() as world:
        checkpoint = train_student(work, network, amounts, world)
        if not world.is_first:
            return ""
    return finish(work, checkpoint, amounts)


def _is_first() -> bool:
    return os.environ.get("RANK", "0") == "0"


def _wait_for(path: Path) -> None:
    """Wait until the first process of a torchrun has made the scenes, which takes long."""
    while not path.exists():
        time.sleep(1.0)


def _write_network(work: Work) -> Path:
    """The config of the student's network, as a file that a run can name."""
    path = work.places.folder / "network.yaml"
    content = read_config(Path(work.request.base)).model_dump(mode="json")
    with whole_file(path) as place:
        place.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def prepare(work: Work, network: Path) -> None:
    """Make scenes and sweeps to learn from, and find out how many steps the time has room for."""
    places, request = work.places, work.request
    path = places.folder / "amounts.json"
    if path.exists():
        _make_scenes(work, _read_amounts(places))
        return
    took = seconds_a_scene(places.frames("train"), _seed(work, "train"), work.setting)
    frames, held_back = frames_within(request.minutes, took, work.workers)
    _LOG.info(
        "%d scenes to learn from, %d to choose and %d to report on, %.1f s each",
        frames, held_back, held_back, took,
    )  # fmt: skip
    _make_scenes(work, Amounts(frames=frames, held_back=held_back, steps=0))
    config = distilled_config(places, request, network, steps=100)
    with TemporaryDirectory() as scratch:
        took = seconds_a_step(config, World(0, 1, _device()), Path(scratch))
    steps = steps_within(request.minutes, took)
    _LOG.info("%d training steps, %.2f s each", steps, took)
    amounts = Amounts(frames=frames, held_back=held_back, steps=steps)
    with whole_file(path) as place:
        place.write_text(amounts.model_dump_json(), encoding="utf-8")


def _make_scenes(work: Work, amounts: Amounts) -> None:
    counts = {"train": amounts.frames, "val": amounts.held_back, "test": amounts.held_back}
    for part, count in counts.items():
        write_scenes(
            work.places.frames(part), count, _seed(work, part), work.setting, work.workers,
            f"scenes to {_PURPOSE[part]}",
        )  # fmt: skip
    if work.recordings:
        write_own(work.places.own, work.recordings)


def train_student(work: Work, network: Path, amounts: Amounts, world: World) -> Path:
    """Distil on the scenes, then learn from the user's own clouds; returns the checkpoint."""
    places, request = work.places, work.request
    distilling, own = step_shares(bool(work.recordings))
    steps = max(round(amounts.steps * distilling), 1)
    checkpoint = run_to_end(distilled_config(places, request, network, steps), world)
    if work.recordings:
        steps = max(round(amounts.steps * own), 1)
        checkpoint = run_to_end(own_clouds_config(places, request, network, steps), world)
    return checkpoint


def _read_amounts(places: Places) -> Amounts:
    path = places.folder / "amounts.json"
    return parse_config(json.loads(path.read_text(encoding="utf-8")), Amounts, str(path))


def _seed(work: Work, part: str) -> int:
    return work.request.seed * _SCALE + _SEEDS[part]


def _device() -> torch.device:
    return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
