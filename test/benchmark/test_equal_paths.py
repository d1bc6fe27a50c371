"""The fast path finds what the plain path finds: shipped weights, real and simulated sweeps."""

from pathlib import Path

import pytest
import torch

from pd_ros.benchmark.agreement import agreement
from pd_ros.benchmark.plain import PlainPredictor
from pd_ros.detection.boxes import bev_iou
from pd_ros.detection.checkpoint import load_checkpoint
from pd_ros.detection.device import has_bf16
from pd_ros.detection.predictor import Predictor
from pd_ros.replay.files import read_cloud
from training.simulate.frames import simulate_frame
from training.simulate.sensor import HDL_64E

WEIGHTS = sorted((Path(__file__).parents[2] / "pd_ros/weights").glob("*.safetensors"))
CPU = torch.device("cpu")
PRECISIONS = [torch.float32, *([torch.bfloat16] if has_bf16(CPU) else [])]


def check(path, sweeps, backend):
    plain = PlainPredictor(load_checkpoint(path), CPU)
    expected = [plain(sweep) for sweep in sweeps]
    assert any((found.scores > 0.3).any() for found in expected)
    for precision in PRECISIONS:
        fast = Predictor(load_checkpoint(path), CPU, precision, backend)
        for sweep, plain_found in zip(sweeps, expected, strict=True):
            found = fast(sweep)
            boxes, lost = agreement(plain_found, found)
            if precision == torch.bfloat16:  # its rounding moves a few boxes a little further
                assert lost <= 0.03 * boxes
            else:
                assert lost == 0
                # Of two weak boxes of nearly equal scores suppression may keep the other one.
                count = len(plain_found.boxes)
                same = found.boxes[bev_iou(plain_found.boxes, found.boxes).argmax(dim=1)]
                other = (same - plain_found.boxes).abs().amax(dim=1) > 1e-3
                assert other.sum() <= 0.01 * count
                assert abs(len(found.boxes) - count) <= 0.01 * count


@pytest.fixture(params=["torch", "openvino"])
def backend(request, tmp_path, monkeypatch):
    """What runs the dense part."""
    if request.param == "openvino":
        pytest.importorskip("openvino", reason="openvino is optional: requirements/openvino.txt")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return request.param


@pytest.mark.parametrize("path", WEIGHTS, ids=lambda path: path.stem)
def test_on_real_sweeps(path, backend, data_dir) -> None:
    files = sorted((data_dir / "kitti_raw_0005/velodyne").glob("*.bin"))
    if not files:
        pytest.skip("PD_ROS_DATA holds no kitti_raw_0005")
    check(path, [torch.from_numpy(read_cloud(file, 1.0).points) for file in files[::8]], backend)


@pytest.mark.parametrize("path", WEIGHTS, ids=lambda path: path.stem)
def test_on_a_simulated_sweep(path, backend) -> None:
    check(path, [torch.from_numpy(simulate_frame(5, HDL_64E).points)], backend)
