"""Batches that runs share on disk."""

import os
import pickle
from pathlib import Path

import pytest
import torch
from nested_tensors import tensors
from small_model import SMALL
from small_run import write_run

from pd_ros.detection.checkpoint import load_checkpoint
from pd_ros.detection.config.base import parse_config
from pd_ros.detection.config.bev import ModelConfig
from training.batches import cache as stored_batches
from training.batches.cache import StoredBatches, batch_kind
from training.batches.collate import Batch, Collate, Packed, Sample, unpack
from training.batches.sampler import Draw
from training.config.run import TrainConfig
from training.datasets.frame import Labels
from training.train import main

NETWORK = ModelConfig.model_validate(SMALL)
DRAWS = [Draw(0, 3, 7), Draw(0, 1, 8)]
RUN = {
    "model": "network.yaml",
    "data": [{"path": "sweeps"}],
    "schedule": {"epochs": 1, "frames_per_epoch": 2, "batch_size": 2, "learning_rate": 0.1},
    "out": "run",
}


class Frames:
    """Points that follow from their draw; counts how often they are asked for."""

    def __init__(self) -> None:
        self.made = 0

    def __getitem__(self, draw: Draw) -> Sample:
        self.made += 1
        points = torch.rand(5, 4, generator=torch.Generator().manual_seed(draw.seed))
        nothing = torch.zeros(0, 7)
        return Sample(points, Labels(nothing, torch.zeros(0, dtype=torch.int64), nothing), 0)


def stored(folder: Path) -> tuple[StoredBatches, Frames]:
    frames = Frames()
    return StoredBatches(frames, Collate(NETWORK, None), folder), frames


def test_a_second_run_reads_what_the_first_has_made(tmp_path) -> None:
    first, frames = stored(tmp_path / "kind")
    made = unpack(first.__getitems__(DRAWS))
    second, untouched = stored(tmp_path / "kind")
    read = pickle.loads(pickle.dumps(Packed(second.__getitems__(DRAWS))))
    assert (frames.made, untouched.made) == (2, 0)
    assert isinstance(read, Batch)
    expected = tensors(Collate(NETWORK, None)([Frames()[draw] for draw in DRAWS]))
    for one, other, plain in zip(tensors(read), tensors(made), expected, strict=True):
        torch.testing.assert_close(one, plain, rtol=0, atol=0)
        torch.testing.assert_close(other, plain, rtol=0, atol=0)
    second.__getitems__(DRAWS[::-1])
    assert untouched.made == 2


def test_a_full_disk_keeps_nothing_and_stops_nothing(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(stored_batches, "_LEAST_FREE", 1.0)
    batches, frames = stored(tmp_path / "kind")
    for _ in range(2):
        assert len(unpack(batches.__getitems__(DRAWS)).labels) == 2
    assert frames.made == 4
    assert not list((tmp_path / "kind").iterdir())


def test_kinds_that_were_not_used_lately_are_dropped(tmp_path) -> None:
    for age, name in enumerate(["new", "used", "old", "older"]):
        stored(tmp_path / name)
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    stored(tmp_path / "older")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "older", "used"]


def test_runs_learn_from_shared_batches_what_they_learn_from_their_own(tmp_path) -> None:
    """In the process itself, and through a worker."""
    shared = ["--keep-batches", str(tmp_path / "batches")]
    weights = []
    for name, workers, options in (("own", 0, []), ("first", 0, shared), ("second", 1, shared)):
        run = write_run(tmp_path, seed=3, workers=workers, out=str(tmp_path / name))
        assert main(["--config", str(run), *options]) == 0
        weights.append(load_checkpoint(tmp_path / name / "model.safetensors").model.state_dict())
    (kept,) = (tmp_path / "batches").iterdir()
    assert len(list(kept.iterdir())) == 16
    for name, own in weights[0].items():
        assert torch.equal(weights[1][name], own)
        assert torch.equal(weights[2][name], own)


def kind(changes: dict[str, object], teacher: ModelConfig | None = None) -> str:
    return batch_kind(parse_config(RUN | changes, TrainConfig, "test"), NETWORK, teacher)


def test_methods_share_batches() -> None:
    method = {"distill": {"teacher": "teacher.safetensors", "fitnets": {}}, "out": "elsewhere"}
    assert kind({}) == kind(method)


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 1},
        {"data": [{"path": "others"}]},
        {"augment": {"keep_points": 0.5}},
        {"min_points": 1},
        {"loss": {"box_radius": 1}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_other_batches_are_of_another_kind(changes) -> None:
    assert kind(changes) != kind({})


def test_a_teacher_makes_another_kind() -> None:
    assert kind({}, NETWORK) != kind({})
