"""The plain path against the fast one in fp32, where nothing but rounding may differ."""

import copy

import pytest
import torch
from small_model import (
    small_anchor_config,
    small_config,
    small_point_config,
    small_voxel_config,
)

from pd_ros.benchmark.inputs import find_model
from pd_ros.benchmark.reference import PlainPillars, PlainPredictor, make_plain
from pd_ros.detection.bev.pillar_encoder import PillarEncoder
from pd_ros.detection.bev.voxelize import pillarize
from pd_ros.detection.checkpoint import Checkpoint
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.families import build_model, load_model_config
from pd_ros.detection.predictor import Predictor
from pd_ros.recordings.cloud_files import read_cloud

EAGER = {"score_threshold": 0.0, "max_candidates": 40, "nms_iou_threshold": 0.1}
CAPPED = {"max_points_per_pillar": 3}
CPU = torch.device("cpu")


def configs() -> list[ModelConfig]:
    padded = {"widths": [8], "padded": True}
    return [
        small_config(decode=EAGER),
        small_config(decode=EAGER, capacity=CAPPED),
        small_config(decode=EAGER, capacity=CAPPED, encoder={"widths": [8, 8], "padded": True}),
        small_anchor_config(decode=EAGER, capacity=CAPPED, encoder=padded),
    ]


def built(config: ModelConfig) -> Checkpoint:
    torch.manual_seed(0)
    model = build_model(config)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.bias, -0.3, 0.3)
            module.running_mean.uniform_(-0.2, 0.2)
    return Checkpoint(model.eval(), config, {})


def cloud(count):
    generator = torch.Generator().manual_seed(1)
    scale, shift = torch.tensor([18.0, 18.0, 5.0, 1.0]), torch.tensor([-9.0, -9.0, -3.5, 0.0])
    return torch.rand(count, 4, generator=generator) * scale + shift


def same(config: ModelConfig, count: int) -> None:
    expected = PlainPredictor(built(config), CPU)(cloud(count))
    found = Predictor(built(config), CPU, torch.float32)(cloud(count))
    assert (len(expected.scores) > 0) == (count > 0)  # no points, no boxes
    torch.testing.assert_close(found.scores, expected.scores, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found.boxes, expected.boxes, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("config", configs(), ids=["dynamic", "capped", "padded", "anchors"])
@pytest.mark.parametrize("count", [0, 600])
def test_boxes_are_those_of_the_fast_path(config, count) -> None:
    same(config, count)


def test_boxes_of_voxels_too() -> None:
    pytest.importorskip("spconv", reason="spconv is not installed: see packaging/")
    same(small_voxel_config(residual=True).model_copy(update={"decode": configs()[0].decode}), 600)


@torch.no_grad()
def with_statistics_of(sweep, checkpoint):
    """Batch norm as if trained on the sweep, so that fresh weights tell its places apart."""
    model, config, *_ = checkpoint
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None  # the plain mean
    model.train()(pillarize([sweep], config.grid, config.capacity))
    model.eval()
    return checkpoint


@pytest.mark.parametrize("name", ["small_second", "small_cp_voxel"])
def test_boxes_of_voxels_of_a_real_sweep_too(name, data_dir) -> None:
    """spconv's layers, one thread, against our own, several threads; nothing is suppressed.

    Where there are no points all scores are equal, and which of those boxes come is chance.
    """
    pytest.importorskip("spconv", reason="spconv is not installed: see packaging/")
    files = sorted((data_dir / "kitti_raw_0005/velodyne").glob("*.bin"))
    if not files:
        pytest.skip("PD_ROS_DATA holds no kitti_raw_0005")
    config = load_model_config(find_model(name))
    assert isinstance(config, ModelConfig)
    decode = configs()[0].decode.model_copy(update={"nms_iou_threshold": 1.0})
    config = config.model_copy(update={"decode": decode})
    sweep = torch.from_numpy(read_cloud(files[0], 1.0).points)
    checkpoint = with_statistics_of(sweep, built(config))
    expected = PlainPredictor(copy.deepcopy(checkpoint), CPU)(sweep)
    found = Predictor(checkpoint, CPU, torch.float32)(sweep)
    torch.testing.assert_close(found.scores, expected.scores, rtol=1e-4, atol=1e-5)
    gaps = torch.nn.functional.pad(-expected.scores.diff(), (1, 1), value=1.0)
    alone = torch.minimum(gaps[:-1], gaps[1:]) > 1e-4
    assert alone.sum() > 10
    torch.testing.assert_close(found.boxes[alone], expected.boxes[alone], rtol=1e-3, atol=1e-3)


def test_gradients_are_those_of_our_own_form() -> None:
    """With fixed batch norm: else ours leaves the empty places out of its statistics."""
    found = []
    for plain in (False, True):
        model, config, *_ = built(small_config(decode=EAGER, capacity=CAPPED))
        parameters = dict(model.double().named_parameters())
        if plain:
            make_plain(model, config)
            assert isinstance(model.encoder, PlainPillars)
        clouds = [cloud(count).double() for count in (600, 0, 300)]
        output = model(pillarize(clouds, config.grid, config.capacity))
        (output.heatmap.square().sum() + output.box.square().sum()).backward()
        found.append((output, parameters))
    (ours, own), (plain, same_parameters) = found
    torch.testing.assert_close(plain.heatmap, ours.heatmap)
    for name, parameter in own.items():
        torch.testing.assert_close(same_parameters[name].grad, parameter.grad)


def test_pillars_without_an_end_stay_as_they_are() -> None:
    checkpoint = built(small_config(decode=EAGER))
    make_plain(checkpoint.model, checkpoint.config)
    assert isinstance(checkpoint.model.encoder, PillarEncoder)


def test_networks_of_raw_points_have_no_plain_form() -> None:
    config = small_point_config()
    with pytest.raises(ValueError, match="raw points"):
        make_plain(build_model(config), config)
