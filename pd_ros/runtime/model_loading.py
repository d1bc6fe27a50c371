"""A checkpoint, as the site wants it to run."""

import hashlib
from pathlib import Path
from typing import Annotated

import torch
from pydantic import ConfigDict, Field

from pd_ros.detection.checkpoint import load_checkpoint
from pd_ros.detection.config.base import FrozenConfig, parse_config
from pd_ros.detection.config.names import EXTRA_FIELDS, INTENSITY, TIME_LAG
from pd_ros.detection.device import choose_device, choose_precision
from pd_ros.detection.predictor import Predictor
from pd_ros.detection.shipped import find_checkpoint
from pd_ros.runtime.settings import StartupParameters

_FEATURES = (INTENSITY, *EXTRA_FIELDS, TIME_LAG)
_MOST_SWEEPS = 50  # as of sweeps.count


class _SourceRecord(FrozenConfig):
    """What is asked of a source of training data."""

    model_config = ConfigDict(extra="ignore")
    sweeps: Annotated[int, Field(ge=1, le=_MOST_SWEEPS)] = 1


class _RunRecord(FrozenConfig):
    """What is asked of the record of a training run, of whatever version."""

    model_config = ConfigDict(extra="ignore")
    data: tuple[_SourceRecord, ...] = ()


def load_detector(startup: StartupParameters) -> Predictor:
    """Read a checkpoint and warm it up.

    Raises ``ValueError`` for a bad file, device or backend, and for a model that clouds do not
    suit.
    """
    device = choose_device(startup.device)
    checkpoint = load_checkpoint(Path(startup.checkpoint))
    features = checkpoint.config.features
    if not set(features) <= set(_FEATURES):
        raise ValueError(
            f"{startup.checkpoint}: expected a model of x, y, z and at most"
            f" {', '.join(_FEATURES)},"
            f" got one that wants {', '.join(features)}; choose another"
        )
    if startup.nms_iou_threshold >= 0:
        changes = {"nms_iou_threshold": startup.nms_iou_threshold}
        decode = checkpoint.config.decode.model_copy(update=changes)
        config = checkpoint.config.model_copy(update={"decode": decode})
        checkpoint = checkpoint._replace(config=config)
    torch.backends.cudnn.benchmark = startup.cudnn_benchmark
    precision = choose_precision(startup.precision, device)
    predictor = Predictor(checkpoint, device, precision, startup.backend)
    for _ in range(startup.warmup_iterations):
        predictor.warm_up()
    return predictor


def model_sweeps(predictor: Predictor, asked: int) -> int:
    """Return how many sweeps a model gets; ``asked``: by the site, -1: as many as in its training.

    Raises ``ValueError`` if a model of one sweep is to get more, or if the checkpoint's record of
    its training is damaged.
    """
    if "time_lag" not in predictor.config.features:
        if asked > 1:
            raise ValueError(
                f"sweeps.count: expected -1 or 1, for {predictor.config.name} has no feature"
                f" time_lag; got {asked}"
            )
        return 1
    if asked > 0:
        return asked
    imported = predictor.training.get("sweeps")
    if isinstance(imported, int):
        return imported
    run = predictor.training.get("run")
    if run is None:
        return 1
    record = parse_config(run, _RunRecord, f"{predictor.where} (training.run)")
    return max((source.sweeps for source in record.data), default=1)


class CheckpointFile:
    """The file as it was when it was read, to tell whether it was replaced since."""

    def __init__(self, path: str) -> None:
        self.path = find_checkpoint(path)
        self.sha256 = hashlib.sha256(self.path.read_bytes()).hexdigest()
        self._seen = self._look()

    def state(self) -> str:
        """Return ``unchanged``, ``replaced`` or ``gone``."""
        now = self._look()
        if now is None:
            return "gone"
        return "unchanged" if now == self._seen else "replaced"

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns


def is_lost(device: torch.device) -> bool:
    """Whether a GPU answers every call with an error, as it does after an illegal access.

    Only a new process can use it again.
    """
    if device.type != "cuda":
        return False
    try:
        torch.cuda.synchronize(device)
    except RuntimeError as error:
        return not isinstance(error, torch.OutOfMemoryError)
    return False
