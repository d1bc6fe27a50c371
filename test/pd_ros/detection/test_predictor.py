import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from small_model import (
    PILLAR_CONFIGS,
    enlarge,
    small_anchor_config,
    small_config,
    small_directed_config,
    small_point_config,
    small_pyramid_config,
    small_voxel_config,
)

from pd_ros.detection.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from pd_ros.detection.families import build_model, load_model_config, make_batch, make_decoder
from pd_ros.detection.point_rcnn.decode import decode_proposals
from pd_ros.detection.predictor import Predictor
from pd_ros.detection.shipped import find_checkpoint, shipped_names
from pd_ros.detection.types import Clipped

CPU = torch.device("cpu")


@pytest.fixture
def checkpoint(tmp_path):
    torch.manual_seed(0)
    config = small_config(
        capacity={"max_points": 50}, decode={"score_threshold": 0.0, "max_detections": 5}
    )
    path = tmp_path / "small.safetensors"
    save_checkpoint(path, build_model(config), config, {})
    return path


@pytest.fixture
def point_checkpoint(tmp_path):
    """An untrained PointRCNN, which finds boxes everywhere."""
    torch.manual_seed(0)
    config = small_point_config(decode={"score_threshold": 0.0, "nms_iou_threshold": 0.2})
    path = tmp_path / "points.safetensors"
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


MODELS = Path(__file__).parents[3] / "config/model"
NETWORKS = {name: MODELS / f"{name}.yaml" for name in ("small_point_pillars", "small_cp_pillar")}
EMPTY = (points(0), np.full((9, 4), np.nan, np.float32), points() + 1000)


@pytest.mark.parametrize("make_config", PILLAR_CONFIGS, ids=lambda make: make.__name__)
def test_where_no_point_is_in_range_there_are_no_boxes(make_config) -> None:
    """Though maps of empty space are full of boxes."""
    torch.manual_seed(0)
    config = make_config(decode={"score_threshold": 0.0})
    checkpoint = Checkpoint(build_model(config).eval(), config, {})
    with torch.no_grad():
        mixed = checkpoint.model(
            make_batch([torch.from_numpy(c) for c in (points(), EMPTY[2], points())], config)
        )
    found = make_decoder(config, torch.device("cpu"))(mixed)
    assert [len(each.boxes) > 0 for each in found] == [True, False, True]
    predictor = Predictor(checkpoint, torch.device("cpu"), torch.float32)
    for cloud in EMPTY:
        assert len(predictor(points()).boxes) > 0
        found = predictor(cloud)
        assert (found.boxes.shape, len(found.scores), len(found.labels)) == ((0, 7), 0, 0)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", [*shipped_names(), *NETWORKS])
def test_a_cloud_with_nothing_that_is_sure_enough_has_no_boxes(name, precision) -> None:
    """Nothing at all is a candidate then; in wide maps boxes are worked out one by one."""
    if name in NETWORKS:
        config = load_model_config(NETWORKS[name])
        checkpoint = Checkpoint(build_model(config).eval(), config, {})
    else:
        checkpoint = load_checkpoint(find_checkpoint(name))
    predictor = Predictor(checkpoint, CPU, precision)
    for cloud in (points(1), points(), 5 * points(2000)):
        found = predictor.infer(cloud, least_score=1.0).detections
        assert (found.boxes.shape, len(found.scores), len(found.labels)) == ((0, 7), 0, 0)


def test_voxels_without_points_have_no_boxes_either() -> None:
    pytest.importorskip("spconv", reason="spconv is not installed: see packaging/")
    config = small_voxel_config(residual=False)
    checkpoint = Checkpoint(build_model(config), config, {})
    for precision in (torch.float32, torch.bfloat16):
        predictor = Predictor(copy.deepcopy(checkpoint), torch.device("cpu"), precision)
        assert [len(predictor(cloud).boxes) for cloud in EMPTY] == [0, 0, 0]


def test_a_network_on_points_answers_every_cloud(point_checkpoint) -> None:
    """Empty ones, those of nothing usable, those with fewer points than it wants, and more."""
    predictor = Predictor.for_clouds(point_checkpoint, "cpu")
    predictor.warm_up(1)
    for cloud in EMPTY:
        assert len(predictor(cloud).boxes) == 0
    for count in (1, 2, 40, 128, 500):
        found, clipped, not_finite = predictor.infer(points(count))
        assert found.boxes.shape == (len(found.scores), 7)
        assert len(found.boxes) > 0
        assert found.boxes.isfinite().all()
        assert (found.scores.diff() <= 0).all()
        assert (clipped, not_finite) == (Clipped(), 0)


def test_a_network_on_points_gives_the_same_every_time_and_looks_past_bad_points(
    point_checkpoint,
) -> None:
    predictor = Predictor.from_checkpoint(point_checkpoint, "cpu", "fp32")
    bad = np.full((3, 4), np.nan, np.float32)
    first = predictor(points(300))
    for again in (points(300), np.concatenate((bad, points(300))), torch.from_numpy(points(300))):
        found = predictor(again)
        assert all(torch.equal(a, b) for a, b in zip(first[:3], found[:3], strict=True))
        assert found.velocities is None


LAST_LAYERS = {  # of which the answers are made
    "centres": (small_config, "dense.head.heatmap.3.weight"),
    "qualities": (small_directed_config, "dense.head.quality.3.weight"),
    "anchors": (small_anchor_config, "dense.head.classes.weight"),
    "levels": (small_pyramid_config, "dense.head.classes.weight"),
    "sizes": (small_config, "dense.head.size.3.weight"),
    "yaws": (small_config, "dense.head.rotation.3.weight"),
    "anchors' boxes": (small_anchor_config, "dense.head.box.weight"),
    "anchors' directions": (small_anchor_config, "dense.head.direction.weight"),
    "points": (small_point_config, "head.classes.3.weight"),
    "points' boxes": (small_point_config, "head.box.3.weight"),
    "refinement": (small_point_config, "refinement.score"),
}


@pytest.mark.parametrize("case", LAST_LAYERS)
@pytest.mark.parametrize("weight", [3e38, -3e38])
def test_answers_that_are_not_finite_are_counted_and_are_no_boxes(case, weight) -> None:
    make_config, name = LAST_LAYERS[case]
    torch.manual_seed(0)
    config = make_config(decode={"score_threshold": 0.0})
    model = build_model(config)
    sound = Predictor(Checkpoint(copy.deepcopy(model), config, {}), CPU, torch.float32)
    assert len(sound.infer(points(300)).detections.boxes)
    assert sound.infer(points(300)).not_finite == 0
    enlarge(model)
    last = [key for key in model.state_dict() if key.startswith(name) and key.endswith("weight")]
    torch.nn.init.constant_(model.state_dict()[last[-1]], weight)
    predictor = Predictor(Checkpoint(model, config, {}), CPU, torch.float32)
    found, _, not_finite = predictor.infer(points(300))
    assert not_finite > 0
    assert found.boxes.isfinite().all()
    assert found.scores.isfinite().all()


def test_a_folded_network_on_points_says_what_the_plain_one_says(point_checkpoint) -> None:
    checkpoint = load_checkpoint(point_checkpoint)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for module in checkpoint.model.modules():
            if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
                for value in (module.running_mean, module.running_var, module.weight, module.bias):
                    value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
        cloud = torch.from_numpy(points(200))
        plain = checkpoint.model(make_batch([cloud], checkpoint.config))
    expected = decode_proposals(plain, checkpoint.config.decode)[0]
    found = Predictor(checkpoint, torch.device("cpu"), torch.float32)(cloud)
    torch.testing.assert_close(found.boxes, expected.boxes, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(found.scores, expected.scores, atol=1e-4, rtol=1e-4)


def test_clipped_points_are_counted(checkpoint) -> None:
    predictor = Predictor.from_checkpoint(checkpoint, "cpu")
    assert predictor.infer(points(70)).clipped == Clipped(points=20)
    assert predictor.infer(points(10)).clipped == Clipped()


def test_a_call_gives_the_detections_of_the_result(checkpoint) -> None:
    predictor = Predictor.from_checkpoint(checkpoint, "cpu", "fp32")
    found, result = predictor(points(70)), predictor.infer(points(70))
    assert 0 < len(found.boxes) == len(result.detections.boxes)
    assert all(map(torch.equal, found[:3], result.detections[:3]))


def test_bf16_stays_near_fp32(checkpoint, point_checkpoint) -> None:
    half = Predictor.from_checkpoint(point_checkpoint, "cpu", "bf16")(points())
    assert half.boxes.isfinite().all()
    assert half.boxes.dtype == half.scores.dtype == torch.float32
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


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (
            "checkpoint",
            [
                "copy",
                "voxelise",
                "encode",
                "backbone_neck",
                "head",
                "decode_boxes",
                "nms",
                "calibrate",
            ],
        ),
        (
            "point_checkpoint",
            ["copy", "sample", "first_stage", "propose", "refine", "decode_nms", "calibrate"],
        ),
    ],
)
def test_every_stage_is_told_in_order_and_changes_nothing(network, expected, request) -> None:
    predictor = Predictor.from_checkpoint(request.getfixturevalue(network), "cpu", "fp32")
    stages: list[str] = []
    told = predictor(points(), stages.append)
    assert stages == expected
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
    before = predictor(points())
    predictor.warm_up()
    assert all(map(torch.equal, before[:3], predictor(points())[:3]))
