"""Every backend of the dense part against the network itself, and what it refuses."""

import copy
import ctypes
import gc
import sys
import threading
from functools import partial
from pathlib import Path

import pytest
import torch
from small_model import (
    ANCHORS,
    DIRECTED,
    PILLAR_CONFIGS,
    small_config,
    small_directed_config,
    small_point_config,
)

from pd_ros.detection.checkpoint import Checkpoint
from pd_ros.detection.families import build_model
from pd_ros.detection.inference.backends import BACKENDS, TorchDense, check_backend, make_dense
from pd_ros.detection.inference.candidate_heads.center_dense import CenterDense
from pd_ros.detection.inference.onnx_export import join_maps, named_maps
from pd_ros.detection.inference.openvino import convert
from pd_ros.detection.predictor import Predictor
from pd_ros.detection.types import HeadMaps
from pd_ros.runtime.parameters.specs import SPECS

CPU = torch.device("cpu")
by_config = pytest.mark.parametrize("make_config", PILLAR_CONFIGS, ids=lambda make: make.__name__)


@pytest.fixture
def openvino(tmp_path, monkeypatch):
    """OpenVINO, with a cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return pytest.importorskip(
        "openvino", reason="openvino is optional: requirements/openvino.txt"
    )


def network(make_config):
    """The dense part of a network that has seen something, its config and a canvas."""
    torch.manual_seed(0)
    config = make_config()
    dense = build_model(config).dense.eval()
    for module in dense.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2)
    canvas = torch.randn(1, *config.canvas_shape).relu()
    return dense, config, canvas.contiguous(memory_format=torch.channels_last)


def run(dense, config, canvas, precision, backend):
    """Maps as the backend finds them, copied, with the stages that it told of."""
    stages = []
    part = make_dense(copy.deepcopy(dense), config, canvas.device, precision, backend)
    with torch.inference_mode():
        part(torch.ones_like(canvas, dtype=precision), stages.append)
        maps = part(canvas.to(precision), stages.append)
    assert stages == ["backbone_neck", "head"] * 2
    named = named_maps(everywhere(maps))
    return {name: values.float().cpu().clone() for name, values in named.items()}


def everywhere(maps):
    """Maps that tell of the cells that are asked for, asked for all of them."""
    finest, *coarser = (in_all_cells(level) for level in maps.levels)
    return finest._replace(coarser=tuple(coarser))


def in_all_cells(level):
    """A level's maps, all of one sample."""
    if isinstance(level, HeadMaps):
        return level
    rows, columns = level.heatmap.shape[2:]
    told = level.at(0, torch.arange(rows * columns))
    box, direction = (
        None if values is None else values.T.reshape(1, -1, rows, columns) for values in told
    )
    return HeadMaps(level.heatmap, box, direction, level.quality)


def assert_as_the_network(dense, config, canvas, precision, backend) -> None:
    with torch.no_grad():
        expected = {name: v.cpu() for name, v in named_maps(dense(canvas)[2]).items()}
    found = run(dense, config, canvas, precision, backend)
    assert found.keys() == expected.keys()
    tolerance = 1e-4 if precision == torch.float32 else 0.05
    for name, values in expected.items():
        difference = (found[name] - values).abs().max() / values.abs().max()
        assert difference < tolerance, name


@by_config
def test_torch_gives_the_maps_of_the_network(make_config) -> None:
    assert_as_the_network(*network(make_config), torch.float32, "torch")


def test_torch_gives_the_maps_of_an_anchor_head_behind_a_shared_layer() -> None:
    shared = partial(small_config, head={**ANCHORS, "shared": 8})
    assert_as_the_network(*network(shared), torch.float32, "torch")


@pytest.mark.parametrize("head", [{}, DIRECTED, {"width": 8, "velocity": True}])
def test_torch_gives_the_boxes_of_a_centre_head_in_every_cell_asked_for(head) -> None:
    few = partial(small_config, head={"width": 8, **head}, decode={"max_candidates": 28})
    dense, config, _ = network(few)
    assert isinstance(make_dense(dense, config, CPU, torch.float32, "torch"), CenterDense)
    assert_as_the_network(*network(few), torch.float32, "torch")


def test_where_candidates_are_many_all_boxes_are_worked_out() -> None:
    many = partial(
        small_config, decode={"max_candidates": 29}
    )  # 9 times as many as cells, or more
    dense, config, _ = network(many)
    assert isinstance(make_dense(dense, config, CPU, torch.float32, "torch"), TorchDense)


@by_config
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16], ids=str)
def test_openvino_gives_the_maps_of_the_network(openvino, make_config, precision) -> None:
    assert_as_the_network(*network(make_config), precision, "openvino")


@by_config
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("precision", [torch.float32, torch.float16], ids=str)
def test_a_graph_gives_the_maps_of_the_network(make_config, precision) -> None:
    dense, config, canvas = network(make_config)
    assert_as_the_network(dense.cuda(), config, canvas.cuda(), precision, "cuda_graph")


@by_config
def test_maps_are_the_same_after_they_had_names(make_config) -> None:
    dense, _, canvas = network(make_config)
    maps = dense(canvas)[2]
    named = named_maps(maps)
    again = named_maps(join_maps(named))
    assert again.keys() == named.keys() and {"heatmap", "box"} <= named.keys()
    assert all(again[name] is values for name, values in named.items())
    assert len(join_maps(named).levels) == len(maps.levels)


def refuse(*_arguments):
    raise AssertionError("converted")


def test_openvino_converts_once_for_the_same_weights(openvino, monkeypatch) -> None:
    dense, config, canvas = network(small_directed_config)
    first = run(dense, config, canvas, torch.float32, "openvino")
    monkeypatch.setattr(convert, "convert", refuse)
    second = run(dense, config, canvas, torch.float32, "openvino")
    assert all(torch.equal(second[name], values) for name, values in first.items())
    dense.head.heatmap[-1].bias.data.add_(1.0)
    with pytest.raises(AssertionError, match="converted"):
        run(dense, config, canvas, torch.float32, "openvino")


@pytest.mark.parametrize("broken", ["dense.xml", "dense.bin"])
def test_a_broken_cache_is_said_and_written_anew(openvino, tmp_path, broken, caplog) -> None:
    dense, config, canvas = network(small_config)
    first = run(dense, config, canvas, torch.float32, "openvino")
    (file,) = tmp_path.glob(f"pd_ros/openvino/*/{broken}")
    file.write_bytes(file.read_bytes()[:10])
    second = run(dense, config, canvas, torch.float32, "openvino")
    assert "written anew" in caplog.text and len(file.read_bytes()) > 10
    assert all(torch.equal(second[name], values) for name, values in first.items())


def test_a_cache_that_cannot_be_written_is_no_failure(openvino, tmp_path, caplog) -> None:
    (tmp_path / "pd_ros").write_text("a file where the folder should be")
    assert_as_the_network(*network(small_config), torch.float32, "openvino")
    assert "cannot be written" in caplog.text


class SignalStack(ctypes.Structure):
    """``stack_t`` of ``sigaltstack``."""

    _fields_ = (("start", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


def signal_stack_is_mapped() -> bool:
    """Whether the memory that this thread's signals are handled on is there."""
    stack = SignalStack()
    ctypes.CDLL(None).sigaltstack(None, ctypes.byref(stack))
    maps = Path("/proc/self/maps").read_text().splitlines()
    ranges = [line.split()[0].split("-") for line in maps]
    return any(int(low, 16) <= stack.start < int(high, 16) for low, high in ranges)


def test_a_network_dropped_by_another_thread_leaves_the_stack_for_signals(openvino) -> None:
    dense, config, _ = network(small_config)
    parts = [make_dense(dense, config, CPU, torch.float32, "openvino")]
    assert signal_stack_is_mapped()
    thread = threading.Thread(target=parts.clear)
    thread.start()
    thread.join()
    gc.collect()
    assert not parts and signal_stack_is_mapped()


def test_boxes_of_openvino_are_those_of_torch(openvino) -> None:
    config = small_directed_config(decode={"score_threshold": 0.0, "max_detections": 5})
    model = build_model(config).eval()
    cloud = torch.rand(200, 4) * torch.tensor([16, 16, 4, 1]) - torch.tensor([8, 8, 3, 0])
    torch_one, openvino_one = (
        Predictor(Checkpoint(copy.deepcopy(model), config, {}), CPU, torch.float32, backend)
        for backend in ("torch", "openvino")
    )
    for points in (cloud, cloud[:0], cloud[:50]):
        torch.testing.assert_close(openvino_one(points), torch_one(points), rtol=1e-4, atol=1e-4)


def test_what_is_not_installed_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ValueError, match=r"install packaging/requirements/openvino\.txt"):
        make_dense(*network(small_config)[:2], CPU, torch.float32, "openvino")


@pytest.mark.parametrize(
    ("backend", "device", "precision", "message"),
    [
        ("tensorflow", "cpu", torch.float32, "expected one of torch, openvino, cuda_graph"),
        ("cuda_graph", "cpu", torch.float32, "cuda_graph runs on cuda, the device is cpu"),
        ("openvino", "cuda:0", torch.float32, "openvino runs on cpu, the device is cuda:0"),
        ("openvino", "cpu", torch.float16, "fp32 or bf16, got fp16"),
        ("tensorrt", "cpu", torch.float32, "tensorrt runs on cuda, the device is cpu"),
        ("tensorrt", "cuda:0", torch.bfloat16, "fp32 or fp16, got bf16"),
    ],
)
def test_what_does_not_suit_is_refused(backend, device, precision, message) -> None:
    with pytest.raises(ValueError, match=message):
        check_backend(backend, torch.device(device), precision)


def test_a_network_on_points_has_no_dense_part_to_run() -> None:
    config = small_point_config()
    checkpoint = Checkpoint(build_model(config), config, {})
    with pytest.raises(ValueError, match="choose the backend torch"):
        Predictor(checkpoint, CPU, torch.float32, "openvino")


def test_the_parameter_offers_every_backend() -> None:
    (spec,) = (spec for spec in SPECS if spec.name == "model.backend")
    assert spec.choices == BACKENDS and spec.default == "torch"
