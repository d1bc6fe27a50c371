"""The runs of an adaptation: distilled on simulated scenes, then on the user's own clouds."""

import time
from itertools import islice
from pathlib import Path
from typing import cast

from pd_ros.detection.checkpoint import read_record
from training.adapt.request import Places, Request
from training.batches.collate import Batch
from training.config.run import SourceConfig, TrainConfig
from training.distributed import World
from training.loop.run import MODEL
from training.train import start, train

DISTILLED, OWN = "distilled", "own_clouds"  # names of the runs
_OWN_STEPS = 0.35  # share of the steps for the user's own clouds, where there are some
_BATCH = 2
_TIMED, _WARM_UP = 6, 2


def distilled_config(places: Places, request: Request, network: Path, steps: int) -> TrainConfig:
    """The run in which the student learns to see through the sensor.

    It starts from the student that ships. The teacher looks at the same scenes through the sensor
    that it knows.
    """
    return _config(
        places,
        request,
        network,
        steps,
        name=DISTILLED,
        start=request.base,
        data=[{"path": str(places.frames("train")), "teacher_points": True}],
        distill={"teacher": request.teacher, "logit": {}, "regression": {}},
    )


def own_clouds_config(places: Places, request: Request, network: Path, steps: int) -> TrainConfig:
    """The run that goes on with the user's own clouds, labelled by the distilled student itself.

    Its boxes count by their chance of being right, as simulated scenes tell it; half of what is
    learnt stays simulated, where the truth is known.
    """
    distilled = str(places.run(DISTILLED) / MODEL)
    return _config(
        places,
        request,
        network,
        steps,
        name=OWN,
        start=distilled,
        data=[
            {"path": str(places.frames("train")), "share": 0.5},
            {"path": str(places.own), "share": 0.5, "labelled": False},
        ],
        distill={"teacher": distilled, "unlabelled": {}},
    )


def _config(
    places: Places,
    request: Request,
    network: Path,
    steps: int,
    name: str,
    start: str,
    data: list[dict[str, object]],
    distill: dict[str, object],
) -> TrainConfig:
    shift = {"z_shift_m": request.z_shift_m}
    epochs = min(max(steps // 500, 2), 8)
    return TrainConfig.model_validate({
        "model": str(network),
        "seed": request.seed,
        "data": [source | shift for source in data],
        "validation": [{"path": str(places.frames("val"))} | shift],
        "augment": {"rotation_rad": 3.1416, "shift_z_m": 0.1, "keep_points": 0.8},
        "loss": {"direction": 2, "code_weights": [1, 1, 2, 2, 1.5, 1.5, 2, 2], "box_radius": 1},
        "schedule": {
            "epochs": epochs,
            "frames_per_epoch": max(steps // epochs, 1) * _BATCH,
            "batch_size": _BATCH,
            "learning_rate": 0.0015,
            "warm_up": 0.1,
            "norm_momentum": 0.05,
            "norm_frozen_from": 0.4,
        },
        "initialise_from": start,
        "distill": distill,
        "keep": "best",
        "out": str(places.run(name)),
        "licence": _licence(request),
    })  # fmt: skip


def _licence(request: Request) -> str:
    """The terms of the weights that it starts from and learns from, where they are not ours."""
    licences = {
        str(read_record(Path(path)).get("licence", "unknown"))
        for path in (request.base, request.teacher)
    }
    return "; ".join(sorted(licences))


def step_shares(with_own: bool) -> tuple[float, float]:
    """Shares of the steps for the two runs."""
    return (1 - _OWN_STEPS, _OWN_STEPS) if with_own else (1.0, 0.0)


def seconds_a_step(config: TrainConfig, world: World, scratch: Path) -> float:
    """Time some steps of a run in a folder of their own."""
    alone = config.model_copy(update={"out": str(scratch), "workers": 0})
    run, loader, _ = start(alone, world)
    run.network.train()
    batches = list(islice(cast("list[Batch]", loader), _TIMED))
    for batch in batches[:_WARM_UP]:
        run.step(batch, 0)
    began = time.monotonic()
    for batch in batches[_WARM_UP:]:
        run.step(batch, 0)
    run.close()
    return (time.monotonic() - began) / max(len(batches) - _WARM_UP, 1)


def run_to_end(config: TrainConfig, world: World) -> Path:
    """Train, or go on; returns the checkpoint. A run that has ended is left as it is."""
    train(config, world)
    return Path(config.out) / MODEL


def sweeps_of(places: Places, part: str, request: Request) -> SourceConfig:
    """The scenes that are chosen on (``val``) or reported on (``test``)."""
    return SourceConfig(path=str(places.frames(part)), z_shift_m=request.z_shift_m)
