"""The compiled way to the canvas: the same as torch's, whatever the cloud, network and machine."""

import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_model import small_config

from pd_ros.detection.bev.pillar_encoder import PillarEncoder
from pd_ros.detection.bev.voxelize import pillarize
from pd_ros.detection.checkpoint import Checkpoint
from pd_ros.detection.config.grid import CapacityConfig, GridConfig
from pd_ros.detection.families import build_model
from pd_ros.detection.inference.compiled.pillar_canvas import PillarCanvas
from pd_ros.detection.inference.folded_encoder import FoldedPillarEncoder
from pd_ros.detection.predictor import Predictor
from pd_ros.detection.types import noop

GRID = GridConfig(range_m=(-8, -4.8, -2, 8, 4.8, 2), pillar_size_m=(0.32, 0.32))
FREE = CapacityConfig()
CPU = torch.device("cpu")


def trained_encoder(widths, places=None, channels=4, grid=GRID):
    """Batch norm with statistics and scales, negative ones too, as after training."""
    torch.manual_seed(0)
    encoder = PillarEncoder(
        channels, widths, grid.range_m, grid.pillar_size_m, grid.size, places
    ).eval()
    for layer in encoder.pillar_layers:
        torch.nn.init.normal_(layer.norm.weight)
        torch.nn.init.normal_(layer.norm.bias)
        layer.norm.running_mean.normal_()
        layer.norm.running_var.uniform_(0.5, 2)
    return FoldedPillarEncoder(encoder)


def random_cloud(seed, count, channels=4):
    """In range and out of it, dense near the sensor."""
    generator = torch.Generator().manual_seed(seed)
    cloud = torch.randn(count, channels, generator=generator)
    return cloud * torch.tensor([4.0, 3, 1, *[0.3] * (channels - 3)])


@torch.inference_mode()
def both(encoder, cloud, capacity=FREE, grid=GRID, precision=torch.float32, canvas=None):
    """Canvas and what was clipped, of torch and of the compiled loops."""
    batch = pillarize([cloud], grid, capacity)
    expected = encoder.canvas(encoder(batch), batch)
    compiled = canvas or PillarCanvas(encoder, grid, capacity, precision)
    found, clipped = compiled(cloud, noop)
    assert clipped == batch.clipped
    assert (found is None) == (not len(batch.cells))
    return expected, torch.zeros_like(expected) if found is None else found


@pytest.mark.parametrize("places", [None, 2], ids=["dynamic", "padded"])
@pytest.mark.parametrize("channels", [3, 4, 6])
@pytest.mark.parametrize("widths", [(24,), (32, 32), (8, 16, 12), (6, 10)], ids=str)
def test_the_canvas_is_torchs(widths, channels, places) -> None:
    encoder = trained_encoder(widths, places, channels)
    expected, found = both(encoder, random_cloud(0, 3000, channels))
    assert (expected > 0).float().mean() > 0.01
    assert found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


ENCODER = trained_encoder((8, 16))


@settings(deadline=None)
@given(
    st.integers(0, 10_000), st.integers(0, 400), st.integers(1, 300), st.integers(1, 90),
    st.sampled_from([None, 1, 3]),
)  # fmt: skip
def test_capacities_choose_the_same_points(seed, count, points, pillars, per_pillar) -> None:
    capacity = CapacityConfig(
        max_points=points, max_pillars=pillars, max_points_per_pillar=per_pillar
    )
    expected, found = both(ENCODER, random_cloud(seed, count), capacity)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("any_height", [False, True])
def test_borders_and_what_is_not_finite(any_height) -> None:
    """Lower bounds are inside, upper ones and the next number below a cell's border are not."""
    nan, inf = float("nan"), float("inf")
    grid = GRID.model_copy(update={"any_height": any_height})
    border = torch.tensor(1.6)
    below = torch.nextafter(border, torch.tensor(0.0))
    cloud = torch.tensor([
        [-8, -4.8, -2, 0.1], [8, 0, 0, 0.2], [0, 4.8, 0, 0.3], [1, 1, 2, 0.4], [1, 2, 9, 0.5],
        [nan, 0, 0, 0], [0, inf, 0, 0], [0, 0, -inf, 0], [0, 0, 0, nan], [0, 0, 0, inf],
        [border, border, 0, 0.6], [below, below, 0, 0.7], [-1.6, -1.6, 0, 0.8],
    ])  # fmt: skip
    expected, found = both(trained_encoder((8, 16), grid=grid), cloud, grid=grid)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_values_that_overflow_stay_not_finite() -> None:
    encoder, cloud = trained_encoder((8, 16)), random_cloud(0, 50)
    encoder.layers[0].of_point.mul_(100)
    cloud[7:20, 3] = 3e38
    expected, found = both(encoder, cloud)
    assert not expected.isfinite().all()
    assert torch.equal(found.isfinite(), expected.isfinite())


@torch.inference_mode()
def test_nothing_is_left_of_the_cloud_before() -> None:
    capacity = CapacityConfig(max_pillars=40, max_points_per_pillar=3)
    canvas = PillarCanvas(ENCODER, GRID, capacity, torch.float32)
    for seed, count in enumerate((900, 0, 30, 3000)):
        expected, found = both(ENCODER, random_cloud(seed, count), capacity, canvas=canvas)
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_a_half_precision_is_the_nearest(precision) -> None:
    _, exact = both(ENCODER, random_cloud(0, 3000))
    _, found = both(ENCODER, random_cloud(0, 3000), precision=precision)
    assert found.dtype == precision
    assert torch.equal(found, exact.to(precision))


def test_points_that_do_not_follow_each_other_in_memory() -> None:
    cloud = random_cloud(0, 900)
    apart = torch.cat((cloud, cloud), dim=1)[:, :4]
    expected, found = both(ENCODER, apart[::2])
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def kernel_calls(predictor):
    """Whether a predictor's canvas is compiled."""
    return isinstance(predictor._inference._canvas, PillarCanvas)


def small_predictor(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    config = small_config()
    return Predictor(Checkpoint(build_model(config).eval(), config, {}), CPU, torch.float32)


def test_a_folder_that_cannot_be_written_leaves_it_to_torch(tmp_path, monkeypatch) -> None:
    """A file in the folder's place: no right of any user makes a folder of it."""
    (tmp_path / "pd_ros").write_text("")
    predictor = small_predictor(tmp_path, monkeypatch)
    assert not kernel_calls(predictor)
    assert len(predictor(random_cloud(0, 500)).boxes) >= 0


def test_without_numba_torch_does_it(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pd_ros.detection.inference.compiled.pillar_canvas", None)
    assert not kernel_calls(small_predictor(tmp_path, monkeypatch))


def test_damaged_code_is_compiled_anew(tmp_path, monkeypatch) -> None:
    assert kernel_calls(small_predictor(tmp_path, monkeypatch))
    files = sorted((tmp_path / "pd_ros/compiled").iterdir())
    whole = [file.read_bytes() for file in files]
    assert [file.name.split("-")[0] for file in files] == ["encode_pillars", "sort_points"]
    files[0].write_bytes(whole[0][:-100])
    assert kernel_calls(small_predictor(tmp_path, monkeypatch))
    assert [len(file.read_bytes()) for file in files] == [len(content) for content in whole]


def test_what_is_compiled_needs_no_numba(tmp_path, monkeypatch) -> None:
    """numba takes longer to load than the rest of the node's own start."""
    small_predictor(tmp_path, monkeypatch)
    code = (
        "import torch; from small_model import small_config;"
        " from pd_ros.detection.checkpoint import Checkpoint;"
        " from pd_ros.detection.families import build_model;"
        " from pd_ros.detection.predictor import Predictor; config = small_config();"
        " checkpoint = Checkpoint(build_model(config).eval(), config, {});"
        " p = Predictor(checkpoint, torch.device('cpu'), torch.float32);"
        " p(torch.rand(100, 4));"
        " print(type(p._inference._canvas).__name__, 'numba' in sys.modules)"
    )
    paths = f"import sys; sys.path[:0] = {sys.path!r}; "
    done = subprocess.run(
        [sys.executable, "-c", paths + code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["PillarCanvas", "False"]
