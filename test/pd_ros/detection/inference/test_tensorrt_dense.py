"""Backend tensorrt but for TensorRT: its network run by ONNX Runtime on a CPU, and its refusals.

What needs onnx and ONNX Runtime (packaging/requirements/onnx.txt) is skipped without them.
"""

import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from small_model import (
    PILLAR_CONFIGS,
    small_config,
)

from pd_ros.detection.families import build_model
from pd_ros.detection.inference.fold_norm import fold_batch_norm
from pd_ros.detection.inference.onnx_export import named_maps
from pd_ros.detection.inference.tensorrt_dense import (
    OnnxDense,
    make_tensorrt,
    open_session,
    write_network,
)

CPU = torch.device("cpu")
pytestmark = pytest.mark.filterwarnings("ignore")  # of torch's exporter, about itself


@pytest.fixture
def onnxruntime():
    """ONNX Runtime, where a network can be written for it, too."""
    for module in ("onnxscript", "onnxruntime"):
        pytest.importorskip(module, reason="optional: packaging/requirements/onnx.txt")
    return importlib.import_module("onnxruntime")


def network(make_config=small_config):
    """A folded dense part and a canvas as the encoder makes it."""
    torch.manual_seed(0)
    config = make_config()
    dense = fold_batch_norm(build_model(config).dense.eval()).requires_grad_(False)
    canvas = torch.randn(1, *config.canvas_shape).relu()
    return dense, config, canvas.contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("make_config", PILLAR_CONFIGS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("precision", [torch.float32, torch.float16], ids=str)
def test_the_written_network_gives_the_maps_of_torch(
    onnxruntime, tmp_path, make_config, precision
) -> None:
    dense, _, canvas = network(make_config)
    canvas = canvas.to(precision)
    file = write_network(dense, canvas.permute(0, 2, 3, 1), tmp_path)
    part, stages = OnnxDense(open_session(onnxruntime, file, "CPU", {}), CPU), []
    part(torch.ones_like(canvas), stages.append)
    found = named_maps(part(canvas, stages.append))
    expected = named_maps(dense(canvas.float())[2])
    assert found.keys() == expected.keys() and stages == ["backbone_neck", "head"] * 2
    for name, values in expected.items():
        torch.testing.assert_close(found[name], values, rtol=1e-4, atol=1e-4)


def test_a_network_is_written_once(onnxruntime, tmp_path) -> None:
    dense, _, canvas = network()
    rows = canvas.permute(0, 2, 3, 1)
    first = write_network(dense, rows, tmp_path / "new" / "folder")
    first.write_bytes(b"as it was")
    assert write_network(dense, rows, first.parent).read_bytes() == b"as it was"
    assert [file.name for file in first.parent.iterdir()] == ["dense.onnx"]


def test_a_folder_that_cannot_be_written_is_refused(onnxruntime, tmp_path) -> None:
    dense, _, canvas = network()
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ValueError, match="set XDG_CACHE_HOME"):
        write_network(dense, canvas.permute(0, 2, 3, 1), tmp_path / "file" / "folder")


def test_a_broken_file_is_named(onnxruntime, tmp_path) -> None:
    file = tmp_path / "dense.onnx"
    file.write_bytes(b"nothing of this kind")
    with pytest.raises(ValueError, match=r"dense\.onnx: CPUExecutionProvider cannot run it"):
        open_session(onnxruntime, file, "CPU", {})


def test_a_runtime_without_tensorrt_is_refused(onnxruntime) -> None:
    dense, config, _ = network()
    with pytest.raises(ValueError, match="CPUExecutionProvider only; install packaging"):
        make_tensorrt(dense, config.canvas_shape, torch.device("cuda:0"), torch.float16)


def test_a_provider_that_cannot_be_loaded_is_refused() -> None:
    """As ONNX Runtime does where a library is missing: it says so and takes the CPU."""
    session = SimpleNamespace(get_providers=lambda: ["CPUExecutionProvider"])
    runtime = SimpleNamespace(
        __version__="1.0", InferenceSession=lambda *_, **__: session
    )  # fmt: skip
    with pytest.raises(ValueError, match="cannot load TensorrtExecutionProvider"):
        open_session(runtime, Path("dense.onnx"), "Tensorrt", {})


def test_what_is_not_installed_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    dense, config, _ = network()
    with pytest.raises(ValueError, match=r"install packaging/requirements/tensorrt\.txt"):
        make_tensorrt(dense, config.canvas_shape, torch.device("cuda:0"), torch.float16)
