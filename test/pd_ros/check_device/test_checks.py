"""Each check on small networks: it passes where all is well, and fails where something is not."""

import warnings
from collections import Counter

import numpy as np
import pytest
import torch
import yaml
from small_model import save_eager_model, small_anchor_config, small_config, small_point_config

from pd_ros.check_device.check import Setting, Skip
from pd_ros.check_device.checks import (
    boxes,
    cuda_graph,
    decode,
    dense,
    encoder,
    latency,
    no_wait,
    node_path,
    one_pass,
    suppression,
    voxels,
)
from pd_ros.check_device.networks import load
from pd_ros.check_device.scenes import make_scene
from pd_ros.detection.inference.backends import TorchDense
from training.benchmark import check_steps


def cloud(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    low, high = (-8, -8, -3, 0), (8, 8, 1, 1)
    return rng.uniform(low, high, (count, 4)).astype(np.float32)


def setting(tmp_path, config, seconds: float = 0.5) -> Setting:
    path = tmp_path / f"{config.name}.yaml"
    path.write_text(yaml.safe_dump(config.model_dump(mode="json", exclude_none=True)))
    return Setting("cpu", str(path), (cloud(400), cloud(150, 1)), seconds)


OF_GRIDS = [voxels, encoder, dense, decode, boxes, one_pass, latency]


@pytest.mark.parametrize("check", OF_GRIDS, ids=lambda module: module.__name__.rpartition(".")[2])
@pytest.mark.parametrize("make_config", [small_config, small_anchor_config])
def test_pillars(check, make_config, tmp_path) -> None:
    found = check.check(setting(tmp_path, make_config()))
    assert found.passed, found.text
    assert any(letter.isdigit() for letter in found.text)


@pytest.mark.parametrize("check", [boxes, latency])
def test_points(check, tmp_path) -> None:
    assert check.check(setting(tmp_path, small_point_config())).passed


def test_suppression() -> None:
    found = suppression.check(Setting("cpu", "", (), 1.0))
    assert found.passed and found.figures["cases"] == 15


@pytest.mark.parametrize("make_config", [small_config, small_anchor_config, small_point_config])
def test_training(make_config, tmp_path) -> None:
    found = check_steps.check(setting(tmp_path, make_config()))
    assert found.passed, found.text
    assert found.figures["difference"] == 0
    assert len(found.figures["fp32"]["losses"]) >= 3


def test_the_nodes_path(tmp_path) -> None:
    path = str(save_eager_model(tmp_path))
    found = node_path.check(Setting("cpu", path, (cloud(400), cloud(0)), 0.5))
    assert found.passed, found.text
    assert found.figures["answer_bytes"] > 100


def test_a_dense_part_that_computes_something_else_is_found(tmp_path, monkeypatch) -> None:
    original = TorchDense.__call__

    def other(self, canvas, on_stage):
        maps = original(self, canvas, on_stage)
        return maps._replace(box=maps.box * 1.01)

    monkeypatch.setattr(TorchDense, "__call__", other)
    found = dense.check(setting(tmp_path, small_config()))
    assert not found.passed and found.figures["errors"]["fp32"] == pytest.approx(0.01, rel=0.1)


class Recorded(boxes.Predictor):
    """A predictor that takes the backend of a GPU, and may mind the clouds it had before."""

    stale = False
    calls = 0

    def __init__(self, checkpoint, device, precision, backend="torch") -> None:
        super().__init__(checkpoint, device, precision, "torch")
        self._recorded = backend == "cuda_graph"
        self._last = None

    def infer_uncalibrated(self, points, on_stage=lambda _stage: None):
        found = super().infer_uncalibrated(points, on_stage)
        if not self._recorded:
            return found
        Recorded.calls += 1
        shown = self._last if self.stale and self._last is not None else found
        self._last = found
        return shown


def test_replays_are_compared_one_by_one(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(cuda_graph, "Predictor", Recorded)
    monkeypatch.setattr(cuda_graph, "changing_sizes", lambda clouds: [*clouds, clouds[0][:0]])
    monkeypatch.setattr(Recorded, "calls", 0)
    found = cuda_graph.check(setting(tmp_path, small_config(), seconds=0.1))
    assert found.passed, found.text
    assert Recorded.calls == sum(found.figures[name]["replays"] for name in ("fp32", "fp16")) >= 40
    monkeypatch.setattr(Recorded, "stale", True)
    found = cuda_graph.check(setting(tmp_path, small_config(), seconds=0.1))
    assert not found.passed


def test_sizes_change_between_replays_and_one_asks_for_more_room() -> None:
    sizes = [len(each) for each in cuda_graph.changing_sizes([torch.zeros(1000, 4)])]
    assert sizes == [1000, 0, 400, 50, 750, 1, 150_000]
    assert max(sizes) > 1 << 17  # the first room


def fake_memory(monkeypatch, growth: int) -> None:
    asked = iter(range(0, 1000, growth) if growth else [0] * 1000)
    monkeypatch.setattr(
        torch.cuda, "memory_stats",
        lambda _device: dict.fromkeys(("allocation.all.allocated", "segment.all.allocated"),
                                      next(asked)),
    )  # fmt: skip
    monkeypatch.setattr(torch.cuda, "get_sync_debug_mode", lambda: 0)
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", lambda _mode: None)


@pytest.mark.parametrize(
    ("waits", "growth", "passed"), [(1, 0, True), (2, 0, False), (1, 8, False), (0, 0, True)]
)
def test_waits_and_memory_are_counted(waits, growth, passed, tmp_path, monkeypatch) -> None:
    class Waiting(Recorded):
        def infer_uncalibrated(self, points, on_stage=lambda _stage: None):
            for _ in range(waits):
                warnings.warn("called a synchronizing CUDA operation", UserWarning, stacklevel=1)
            return super().infer_uncalibrated(points, on_stage)

    fake_memory(monkeypatch, growth)
    monkeypatch.setattr(no_wait, "Predictor", Waiting)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = no_wait.check(setting(tmp_path, small_config()))
    assert found.passed is passed, found.text
    assert found.text.startswith(f"{waits} waits a cloud")


def test_only_waits_are_counted(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_sync_debug_mode", lambda: 0)
    modes = []
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", modes.append)

    def work() -> None:
        warnings.warn("called a synchronizing CUDA operation", UserWarning, stacklevel=1)
        prototype = "a prototype that does not yet detect all synchronizing operations"
        warnings.warn(prototype, UserWarning, stacklevel=1)  # of the mode itself

    counted = no_wait.count_waits(work)
    assert isinstance(counted, Counter) and counted.total() == 1
    assert next(iter(counted)).startswith("test_checks.py:")
    assert modes == ["warn", 0]


def test_a_network_of_voxels_is_skipped_where_spconv_knows_no_gpu(monkeypatch) -> None:
    pytest.importorskip("spconv", reason="spconv is not installed: see packaging/")
    monkeypatch.setattr("spconv.cppconstants.CPU_ONLY_BUILD", True)
    with pytest.raises(Skip, match=r"without GPUs; install packaging/requirements/spconv\.txt"):
        load(Setting("cuda:0", "small_second", (), 1.0))
    assert load(Setting("cpu", "small_second", (), 1.0)).config.decode.score_threshold == 0


def test_scenes_are_equal_for_equal_seeds_and_hold_cars() -> None:
    one, other = make_scene(3), make_scene(3)
    assert np.array_equal(one.points, other.points)
    assert not np.array_equal(one.points[:50], make_scene(4).points[:50])
    assert one.points.dtype == np.float32 and np.isfinite(one.points).all()
    for box in one.boxes:
        near = np.hypot(*(one.points[:, :2] - box[:2]).T) < 2.5
        assert near.sum() >= 8
