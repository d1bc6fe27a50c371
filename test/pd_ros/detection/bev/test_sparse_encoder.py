"""The sparse encoder against dense convolutions over the same voxels."""

import pytest
import torch
from small_model import small_voxel_config
from torch import nn
from torch.nn import functional as F

pytest.importorskip("spconv", reason="spconv is not installed: see packaging/")

from spconv.core import ConvAlgo
from spconv.pytorch import SparseConvTensor
from spconv.pytorch.conv import SparseConvolution

from pd_ros.detection.bev.voxelize import pillarize
from pd_ros.detection.families import build_model


def some_points(seed, count):
    generator = torch.Generator().manual_seed(seed)
    scale = torch.tensor([16.0, 16.0, 4.0, 1.0])
    return torch.rand(count, 4, generator=generator) * scale - torch.tensor([8.0, 8.0, 3.0, 0.0])


def voxels(config, *clouds):
    return pillarize(clouds, config.grid, config.capacity)


def trained(config):
    """Batch norm with statistics, biases that are not zero."""
    torch.manual_seed(0)
    model = build_model(config).eval()
    for module in model.encoder.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2)
    for name, parameter in model.encoder.named_parameters():
        if "biases" in name:
            nn.init.normal_(parameter)
    return model


def dense_convolution(maps, active, convolution, stride, padding, keeps_places):
    """One convolution over the dense grid; where nothing is active its result is zero."""
    weight = convolution.weight.permute(0, 4, 1, 2, 3)
    result = F.conv3d(maps, weight, None, stride, padding)
    if not keeps_places:
        kernel = torch.ones(1, 1, *weight.shape[2:])
        active = (F.conv3d(active, kernel, None, stride, padding) > 0).float()
    return result * active, active


def dense_norm(maps, active, norm, bias=None):
    channels = maps if bias is None else maps + bias.view(1, -1, 1, 1, 1)
    return (
        F.batch_norm(
            channels, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps
        )
        * active
    )


def dense_canvas(encoder, features, batch, size):
    maps = torch.zeros(batch.batch_size, features.shape[1], *size)
    active = torch.zeros(batch.batch_size, 1, *size)
    sample, row, column = batch.cells.T
    maps[sample, :, batch.layers, row, column] = features
    active[sample, :, batch.layers, row, column] = 1
    for stage in encoder.stages:
        if hasattr(stage, "convolutions"):
            identity = maps
            for number in range(2):
                maps, active = dense_convolution(
                    maps, active, stage.convolutions[number], 1, 1, True
                )
                maps = dense_norm(maps, active, stage.norms[number], stage.biases[number])
                maps = maps.relu() if number == 0 else (maps + identity).relu()
            continue
        convolution, norm = stage[0], stage[1]
        maps, active = dense_convolution(
            maps, active, convolution, convolution.stride, convolution.padding, convolution.subm
        )
        maps = dense_norm(maps, active, norm).relu()
    return maps.flatten(1, 2)


@pytest.mark.parametrize("residual", [False, True], ids=["plain", "residual"])
@torch.no_grad()
def test_equals_dense_convolutions(residual) -> None:
    config = small_voxel_config(residual)
    model = trained(config)
    batch = voxels(config, some_points(0, 300), some_points(1, 50))
    features = model.encoder(batch)
    size = (config.grid.layers + 1, *config.grid.size)
    expected = dense_canvas(model.encoder, features, batch, size)
    canvas = model.encoder.canvas(features, batch)
    assert canvas.shape == (2, config.canvas_channels, 4, 4)
    torch.testing.assert_close(canvas, expected, atol=1e-5, rtol=1e-4)


def test_voxel_features_are_the_means_of_their_points() -> None:
    config = small_voxel_config(False)
    points = torch.tensor([[0.1, 0.1, -2.97, 0.2], [0.2, 0.3, -2.95, 0.4], [0.1, 0.1, 0.55, 1.0]])
    batch = voxels(config, points)
    assert batch.cells.tolist() == [[0, 16, 16], [0, 16, 16]]
    assert batch.layers.tolist() == [0, 35]
    means = build_model(config).encoder(batch)
    torch.testing.assert_close(means, torch.stack((points[:2].mean(dim=0), points[2])))


def test_no_points_give_an_empty_canvas_and_maps() -> None:
    config = small_voxel_config(False)
    output = build_model(config).eval()(voxels(config, torch.zeros(0, 4)))
    assert output.heatmap.isfinite().all()
    assert output.pillar_features.shape == (0, 4)


def test_gradients_reach_every_parameter_on_this_device() -> None:
    config = small_voxel_config(True)
    model = build_model(config)
    output = model(voxels(config, some_points(0, 400), some_points(1, 400)))
    (output.heatmap.square().sum() + output.box.square().sum()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert model.encoder.stages[0][0].weight.grad.abs().sum() > 0


def test_several_threads_give_what_one_gives_and_are_given_back() -> None:
    """On a CPU spconv alone loses sums when several threads add to one voxel."""
    config = small_voxel_config(True)
    batch = voxels(config, some_points(0, 900), some_points(1, 900))
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 4, 4, 4):
            torch.set_num_threads(threads)
            model = trained(config)
            canvas = model.encoder.canvas(model.encoder(batch), batch)
            canvas.square().sum().backward()
            assert torch.get_num_threads() == threads
            gradient = model.encoder.stages[0][0].weight.grad
            found.append((canvas.detach(), gradient))
    finally:
        torch.set_num_threads(before)
    for canvas, gradient in found[1:]:
        torch.testing.assert_close(canvas, found[0][0], atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(gradient, found[0][1], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("residual", [False, True], ids=["second", "cp_voxel"])
def test_sparse_layers_stay_exact_where_the_rest_trains_in_bf16(residual) -> None:
    config = small_voxel_config(residual)
    model = build_model(config).train()
    batch = voxels(config, some_points(0, 300))
    plain = model.encoder.canvas(model.encoder(batch), batch)
    with torch.autocast("cpu", torch.bfloat16):
        canvas = model.encoder.canvas(model.encoder(batch), batch)
        output = model(batch)
    assert torch.equal(canvas, plain)
    assert output.heatmap.dtype == torch.bfloat16
    output.heatmap.float().square().sum().backward()
    assert all(p.grad.isfinite().all() for p in model.encoder.parameters())


@pytest.mark.parametrize("residual", [False, True])
def test_a_build_of_spconv_for_gpus_works_on_a_cpu(residual, monkeypatch) -> None:
    """It gives layers an algorithm that only GPUs have, and would fail on the first cloud."""
    config = small_voxel_config(residual)
    model, batch = trained(config), voxels(config, some_points(0, 200))
    encoder = model.encoder
    expected = encoder.canvas(encoder(batch), batch)
    of_gpus = ConvAlgo.MaskImplicitGemm
    layers = [each for each in encoder.modules() if isinstance(each, SparseConvolution)]
    for layer in layers:
        layer.algo = of_gpus
    with pytest.raises(AssertionError, match="cuda"):
        layers[0](SparseConvTensor(encoder(batch), cells(batch), list(encoder.shape), 1))
    monkeypatch.setattr(encoder, "_algorithms", [of_gpus] * len(layers))
    torch.testing.assert_close(encoder.canvas(encoder(batch), batch), expected, rtol=0, atol=0)
    encoder._choose_algorithms(torch.device("cuda:0"))
    assert {layer.algo for layer in layers} == {of_gpus}


def cells(batch):
    place = torch.cat((batch.cells[:, :1], batch.layers[:, None], batch.cells[:, 1:]), dim=1)
    return place.int()
