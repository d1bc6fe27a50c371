import numpy as np
import pytest
import torch
from small_model import small_config, small_voxel_config

from pd_ros.detection.checkpoint import save_checkpoint
from pd_ros.detection.model import build_model
from pd_ros.detection.predictor import Predictor


@pytest.fixture
def checkpoint(tmp_path):
    torch.manual_seed(0)
    config = small_config(
        capacity={"max_points": 50}, decode={"score_threshold": 0.0, "max_detections": 5}
    )
    path = tmp_path / "small.safetensors"
    save_checkpoint(path, build_model(config), config, {})
    return path


def points(count=40):
    rng = np.random.default_rng(0)
    return (rng.random((count, 4)) * [16, 16, 4, 1] - [8, 8, 3, 0]).astype(np.float32)


def test_numpy_and_tensor_give_the_same_sorted_detections(checkpoint) -> None:
    predictor = Predictor.from_checkpoint(checkpoint, "cpu", "fp32")
    found = predictor(points())
    same = predictor(torch.from_numpy(points()))
    assert torch.equal(found.boxes, same.boxes)
    assert 0 < len(found.boxes) == len(found.scores) == len(found.labels) <= 5
    assert (found.scores.diff() <= 0).all()
    assert predictor.config.classes == ("car", "pedestrian")


def test_empty_and_unusable_clouds_are_answered(checkpoint) -> None:
    predictor = Predictor.from_checkpoint(checkpoint)
    for cloud in (points(0), np.full((9, 4), np.nan, np.float32), points() + 1000):
        found = predictor(cloud)
        assert found.boxes.isfinite().all()


def test_clipped_points_are_counted(checkpoint) -> None:
    predictor = Predictor.from_checkpoint(checkpoint, "cpu")
    predictor(points(70))
    assert predictor.clipped == 20
    predictor(points(10))
    assert predictor.clipped == 0


def test_bf16_stays_near_fp32(checkpoint) -> None:
    exact = Predictor.from_checkpoint(checkpoint, "cpu", "fp32")(points())
    half = Predictor.from_checkpoint(checkpoint, "cpu", "bf16")(points())
    assert exact.scores[0].item() == pytest.approx(half.scores[0].item(), abs=0.02)


def test_a_network_of_voxels_runs_in_half_precision_behind_its_canvas(tmp_path) -> None:
    pytest.importorskip("spconv", reason="spconv is not installed: see packaging/")
    torch.manual_seed(0)
    config = small_voxel_config(residual=False)
    save_checkpoint(tmp_path / "voxels.safetensors", build_model(config), config, {})
    exact, half = (
        Predictor.from_checkpoint(tmp_path / "voxels.safetensors", "cpu", precision)(points())
        for precision in ("fp32", "bf16")
    )
    assert exact.scores[0].item() == pytest.approx(half.scores[0].item(), abs=0.02)


def test_every_stage_is_told_in_order_and_changes_nothing(checkpoint) -> None:
    predictor = Predictor.from_checkpoint(checkpoint, "cpu", "fp32")
    stages: list[str] = []
    told = predictor(points(), stages.append)
    assert stages == [
        "copy", "voxelise", "encode", "backbone_neck", "head", "decode_boxes", "nms",
    ]  # fmt: skip
    assert torch.equal(told.boxes, predictor(points()).boxes)


def test_wrong_shape_device_and_precision_are_refused(checkpoint) -> None:
    predictor = Predictor.from_checkpoint(checkpoint, "cpu")
    with pytest.raises(ValueError, match=r"expected \[N, 4\].*got \(5, 3\)"):
        predictor(np.zeros((5, 3), np.float32))
    with pytest.raises(ValueError, match="device: expected"):
        Predictor.from_checkpoint(checkpoint, "gpu")
    with pytest.raises(ValueError, match="precision: expected"):
        Predictor.from_checkpoint(checkpoint, "cpu", "int3")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="torch sees no GPU"):
            Predictor.from_checkpoint(checkpoint, "cuda:0")


def test_warm_up_leaves_no_trace(checkpoint) -> None:
    predictor = Predictor.from_checkpoint(checkpoint, "cpu")
    predictor.warm_up()
    assert predictor.clipped == 0
