"""The encoder of tables against spconv's, on networks whose batch norm has seen values."""

import re
import sys

import pytest
import torch
from small_model import small_voxel_config

from pd_ros.detection.bev.voxelize import pillarize
from pd_ros.detection.checkpoint import Checkpoint
from pd_ros.detection.families import build_model
from pd_ros.detection.predictor import Predictor

pytest.importorskip("spconv", reason="spconv is not installed: see packaging/")
pytest.importorskip("numba", reason="numba is not installed: see packaging/")
from pd_ros.detection.inference.sparse.encoder import FoldedSparseEncoder


def clouds(*sizes):
    """Points in clusters, so that voxels have neighbours, out to the borders of the grid."""
    generator = torch.Generator().manual_seed(0)
    low, high = torch.tensor([-8.0, -8.0, -3.0, 0.0]), torch.tensor([8.0, 8.0, 1.0, 1.0])
    result = []
    for size in sizes:
        near = torch.rand(size, 4, generator=generator) * (high - low) + low
        far = near + 0.4 * torch.randn(size, 4, generator=generator)
        result.append(torch.cat((near, far)))
    return result


@pytest.fixture(params=[False, True], ids=["plain", "residual"])
def network(request):
    torch.manual_seed(0)
    config = small_voxel_config(residual=request.param)
    encoder = build_model(config).encoder
    with torch.no_grad():
        for module in encoder.modules():
            if isinstance(module, torch.nn.BatchNorm1d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.3, 0.3)
        for _ in range(30):  # running statistics of values that come
            batch = pillarize(clouds(300), config.grid, config.capacity)
            encoder.canvas(encoder(batch), batch)
    return encoder.eval(), config


@pytest.mark.parametrize("sizes", [(400,), (1,), (200, 0, 50)])
@torch.no_grad()
def test_the_canvas_is_spconvs(network, sizes) -> None:
    encoder, config = network
    batch = pillarize(clouds(*sizes), config.grid, config.capacity)
    expected = encoder.canvas(encoder(batch), batch)
    folded = FoldedSparseEncoder(encoder, torch.float32)
    found = folded.canvas(folded(batch), batch)
    assert expected.abs().max() > 0
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_one_cloud_leaves_nothing_in_the_next_ones_canvas(network) -> None:
    encoder, config = network
    folded = FoldedSparseEncoder(encoder, torch.float32)
    for sizes in ((400,), (30,)):
        batch = pillarize(clouds(*sizes), config.grid, config.capacity)
        found = folded.canvas(folded(batch), batch)
    expected = encoder.canvas(encoder(batch), batch)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_half_precision_stays_near(network) -> None:
    encoder, config = network
    batch = pillarize(clouds(400), config.grid, config.capacity)
    expected = encoder.canvas(encoder(batch), batch)
    folded = FoldedSparseEncoder(encoder, torch.bfloat16)
    found = folded.canvas(folded(batch), batch).float()
    assert (found - expected).norm() < 0.02 * expected.norm()


@torch.no_grad()
def test_no_points_give_an_empty_canvas(network) -> None:
    encoder, config = network
    batch = pillarize(clouds(0), config.grid, config.capacity)
    folded = FoldedSparseEncoder(encoder, torch.bfloat16)
    canvas = folded.canvas(folded(batch), batch)
    assert canvas.shape == encoder.canvas(encoder(batch), batch).shape
    assert not canvas.any()


@torch.no_grad()
def test_every_run_and_number_of_threads_gives_the_same_bits(network) -> None:
    encoder, config = network
    batch = pillarize(clouds(3000), config.grid, config.capacity)
    before = torch.get_num_threads()
    try:
        for precision in (torch.float32, torch.bfloat16):
            folded = FoldedSparseEncoder(encoder, precision)
            found = []
            for threads in (1, 2, 2):
                torch.set_num_threads(threads)
                found.append(folded.canvas(folded(batch), batch).clone())
            assert found[0].any()
            assert all(torch.equal(each, found[0]) for each in found[1:])
    finally:
        torch.set_num_threads(before)


def test_without_numba_a_network_of_voxels_says_what_to_install(monkeypatch) -> None:
    config = small_voxel_config(residual=False)
    compiled = re.compile(r"inference\.(sparse|compiled\.sparse_)")
    for name in [name for name in sys.modules if compiled.search(name)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(ValueError, match=r"expected the package numba.*spconv_cpu\.txt"):
        Predictor(Checkpoint(build_model(config), config, {}), torch.device("cpu"), torch.float32)
