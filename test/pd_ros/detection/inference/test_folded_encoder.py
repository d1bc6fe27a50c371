import pytest
import torch

from pd_ros.detection.bev.pillar_encoder import PillarEncoder
from pd_ros.detection.bev.voxelize import pillarize
from pd_ros.detection.config.grid import CapacityConfig, GridConfig
from pd_ros.detection.inference.folded_encoder import FoldedPillarEncoder

GRID = GridConfig(range_m=(-51.2, -38.4, -4, 51.2, 38.4, 2), pillar_size_m=(0.32, 0.32))


def trained_encoder(widths, places=None):
    """Batch norm with statistics and scales, negative ones too, as after training."""
    torch.manual_seed(0)
    encoder = PillarEncoder(4, widths, GRID.range_m, GRID.pillar_size_m, GRID.size, places).eval()
    for layer in encoder.pillar_layers:
        torch.nn.init.normal_(layer.norm.weight)
        torch.nn.init.normal_(layer.norm.bias)
        layer.norm.running_mean.normal_()
        layer.norm.running_var.uniform_(0.5, 2)
    return encoder


@pytest.mark.parametrize("places", [None, 2], ids=["dynamic", "padded"])
@pytest.mark.parametrize("widths", [(24,), (32, 32), (8, 16, 12)], ids=str)
@torch.no_grad()
def test_equals_the_encoder_in_evaluation(widths, places) -> None:
    encoder = trained_encoder(widths, places)
    points = torch.randn(5000, 4) * torch.tensor([20.0, 20.0, 1.0, 0.3])
    batch = pillarize([points, points[:700]], GRID, CapacityConfig())
    expected = encoder(batch)
    assert (expected > 0).float().mean() > 0.2
    torch.testing.assert_close(FoldedPillarEncoder(encoder)(batch), expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_the_canvas_is_the_encoders_cloud_after_cloud() -> None:
    encoder = trained_encoder((8, 16))
    folded = FoldedPillarEncoder(encoder)
    for count in (900, 0, 300):
        points = torch.randn(count, 4) * torch.tensor([20.0, 20.0, 1.0, 0.3])
        batch = pillarize([points], GRID, CapacityConfig())
        rows = encoder(batch)
        canvas = folded.canvas(rows, batch)
        assert canvas.is_contiguous(memory_format=torch.channels_last)
        assert torch.equal(canvas, encoder.canvas(rows, batch))


@torch.no_grad()
def test_empty_places_count_in_pillars_that_have_some() -> None:
    """One point in the first pillar, two in the second: at two places only the first has room."""
    cloud = torch.tensor([[0.1, 0.1, 0, 1], [5.0, 5, 0, 1], [5.1, 5, 0, 1]])
    batch = pillarize([cloud], GRID, CapacityConfig())
    rows = trained_encoder((24,))(batch)
    padded = trained_encoder((24,), places=2)
    (layer,) = padded.pillar_layers
    nothing = layer(torch.zeros(1, 10))[0]
    assert (nothing > rows[0]).any()
    torch.testing.assert_close(padded(batch), torch.stack((rows[0].maximum(nothing), rows[1])))


def test_no_pillars_give_no_rows() -> None:
    batch = pillarize([torch.zeros(0, 4)], GRID, CapacityConfig())
    assert FoldedPillarEncoder(trained_encoder((8, 16)))(batch).shape == (0, 16)
