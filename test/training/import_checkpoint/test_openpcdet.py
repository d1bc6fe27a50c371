"""Checkpoints in OpenPCDet's names, against a plain evaluation of them."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from openpcdet_weights import make_weights, of_spconv_1
from plain_openpcdet import plain_maps
from small_model import ANCHORS, small_anchor_config, small_config, small_voxel_config

from pd_ros.detection.bev.voxelize import pillarize
from pd_ros.detection.checkpoint import load_checkpoint
from pd_ros.detection.config.base import load_config, parse_config
from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.config.parts import SparseEncoderConfig
from pd_ros.detection.families import build_model
from training.import_checkpoint.__main__ import main
from training.import_checkpoint.openpcdet import convert, scale_intensity


def some_points():
    generator = torch.Generator().manual_seed(1)
    scale = torch.tensor([16.0, 16.0, 4.0, 1.0])
    return torch.rand(200, 4, generator=generator) * scale - torch.tensor([8.0, 8.0, 3.0, 0.0])


def needs_spconv(config):
    if isinstance(config.encoder, SparseEncoderConfig):
        pytest.importorskip("spconv", reason="spconv is not installed: see packaging/")


def assert_same_maps(model, weights, config, points):
    batch = pillarize([points], config.grid, config.capacity)
    with torch.no_grad():
        output = model.eval()(batch)
    expected = plain_maps(weights, config, batch)
    for name in ("heatmap", "box", "direction"):
        ours, plain = getattr(output, name), getattr(expected, name)
        if plain is None:
            assert ours is None
            continue
        assert 0.1 < plain.std() < 100  # neither nothing, nor so much that 1e-4 means nothing
        torch.testing.assert_close(ours, plain.float(), atol=1e-4, rtol=0)


PADDED = {
    "encoder": {"widths": [8, 8], "padded": True},
    "capacity": {"max_points_per_pillar": 2},
}
THREE, MOVING = ["car", "truck", "pedestrian"], {"width": 8, "velocity": True}
CONFIGS = {
    "anchors": small_anchor_config(),
    "centers": small_config(),
    "padded": small_config(**PADDED),
    "padded, one layer": small_config(**{**PADDED, "encoder": {"widths": [8], "padded": True}}),
    "groups": small_config(classes=THREE, groups=[["truck", "car"], ["pedestrian"]], head=MOVING),
    "halved": small_config(
        backbone={"widths": [8, 16], "layers": [1, 0], "strides": [2, 2]},
        neck={"widths": [8, 8], "strides": [0.5, 1]},
    ),
    "parts": small_config(
        classes=THREE,
        groups=[["pedestrian", "car"], ["truck"]],
        head={**ANCHORS, "anchors": [ANCHORS["anchors"][0], *ANCHORS["anchors"]], "shared": 8},
    ),
    "voxels": small_voxel_config(residual=False),
    "residual voxels": small_voxel_config(residual=True),
}


@pytest.mark.parametrize("bias_before_norm", [True, False], ids=["biased", "unbiased"])
@pytest.mark.parametrize("name", CONFIGS)
def test_maps_are_those_of_the_plain_evaluation(name, bias_before_norm) -> None:
    config = CONFIGS[name]
    needs_spconv(config)
    weights = make_weights(config, bias_before_norm)
    model = build_model(config)
    convert(weights, model, config)
    assert_same_maps(model, weights, config, some_points())


# Published networks on a crop, x and y in m, which their strides divide.
CROPS = {
    "point_pillars": (4.8, -6.4, 17.6, 6.4),
    "second": (5.0, -4.8, 14.6, 4.8),
    "cp_pillar": (-12.8, -12.8, 12.8, 12.8),
    "cp_voxel": (-9.6, -9.6, 9.6, 9.6),
}


@pytest.mark.parametrize(
    ("name", "spconv"),
    [("point_pillars", 2), ("second", 1), ("second", 2), ("cp_pillar", 2), ("cp_voxel", 1),
     ("cp_voxel", 2)],
)  # fmt: skip
def test_imported_networks_agree_on_a_real_frame(name, spconv, data_dir, tmp_path) -> None:
    whole = load_config(Path(f"config/model/{name}.yaml"), ModelConfig).model_dump(mode="json")
    x0, y0, x1, y1 = CROPS[name]
    whole["grid"]["range_m"] = [x0, y0, whole["grid"]["range_m"][2], x1, y1,
                                whole["grid"]["range_m"][5]]  # fmt: skip
    config = parse_config(whole, ModelConfig, name)
    needs_spconv(config)
    weights = make_weights(config)
    stored = of_spconv_1(weights) if spconv == 1 else weights
    model = import_network(tmp_path, whole, stored)
    raw = np.fromfile(data_dir / "kitti_object/training/velodyne/000003.bin", np.float32)
    frame = torch.from_numpy(raw.reshape(-1, 4))
    points = torch.cat((frame, frame[:, 3:] * 0.5), dim=1)[:, : 3 + len(config.features)]
    assert_same_maps(model, weights, config, points)


def import_network(folder, config, weights):
    """What the command makes of a checkpoint."""
    (folder / "network.yaml").write_text(yaml.safe_dump(config))
    torch.save({"model_state": weights}, folder / "network.pth")
    out = folder / "network.safetensors"
    arguments = ["--checkpoint", str(folder / "network.pth"), "--out", str(out)]
    assert main([*arguments, "--config", str(folder / "network.yaml")]) == 0
    return load_checkpoint(out).model


def test_everything_that_does_not_fit_is_listed_and_nothing_filled() -> None:
    weights = make_weights(small_anchor_config())
    del weights["vfe.pfn_layers.0.linear.weight"]
    weights["roi_head.weight"] = torch.zeros(1)
    weights["dense_head.conv_box.bias"] = torch.zeros(9)
    model = build_model(small_anchor_config())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ValueError, match="checkpoint of small_anchors, got 3 weights") as error:
        convert(weights, model, small_anchor_config())
    assert str(error.value).splitlines()[1:] == [
        "  missing: vfe.pfn_layers.0.linear.weight",
        "  unknown: roi_head.weight",
        "  of another shape: dense_head.conv_box.bias: expected (28,), got (9,)",
    ]
    after = model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_another_architecture_is_refused_with_all_that_differs() -> None:
    theirs, wanted = small_voxel_config(residual=False), small_config()
    weights = make_weights(theirs)
    with pytest.raises(ValueError, match="checkpoint of small") as error:
        convert(weights, build_model(wanted), wanted)
    lines = [line.strip() for line in str(error.value).splitlines()[1:]]
    sparse = sorted(n for n in weights if "backbone_3d" in n and not n.endswith("_tracked"))
    assert [line for line in lines if line.startswith("unknown")] == [
        f"unknown: {name}" for name in sparse
    ]
    pillars = [n for n in make_weights(wanted) if "vfe" in n and not n.endswith("_tracked")]
    missing = {line for line in lines if line.startswith("missing")}
    assert missing == {f"missing: {name}" for name in pillars}


def test_a_sparse_kernel_that_fits_in_neither_order_is_refused() -> None:
    config = small_voxel_config(residual=False)
    needs_spconv(config)
    weights = make_weights(config)
    weights["backbone_3d.conv_input.0.weight"] = torch.zeros(3, 3, 3, 9, 4)
    with pytest.raises(ValueError, match=r"conv_input.*expected \(4, 3, 3, 3, 4\), got \(3, 3, "):
        convert(weights, build_model(config), config)


def test_a_part_with_layers_that_ours_do_not_have_is_named() -> None:
    config = CONFIGS["parts"]
    weights = make_weights(config)
    weights["dense_head.rpn_heads.1.conv_box.conv_reg.0.weight"] = torch.zeros(1)
    with pytest.raises(ValueError, match="SEPARATE_REG_CONFIG") as error:
        convert(weights, build_model(config), config)
    assert "unknown: dense_head.rpn_heads.1.conv_box.conv_reg.0.weight" in str(error.value)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod."])
def test_prefixes_of_wrapped_networks_are_recognised(prefix) -> None:
    config = small_anchor_config()
    weights, model = make_weights(config), build_model(config)
    convert({prefix + name: value for name, value in weights.items()}, model, config)
    kernel = model.state_dict()["dense.head.box.weight"]
    assert torch.equal(kernel, weights["dense_head.conv_box.weight"])


def test_intensities_up_to_255_give_the_maps_that_they_gave() -> None:
    for config in (small_config(), small_voxel_config(residual=True)):
        needs_spconv(config)
        weights, model = make_weights(config), build_model(config)
        convert(weights, model, config)
        points = some_points()
        raw = points * torch.tensor([1, 1, 1, 255.0])
        with torch.no_grad():
            expected = model.eval()(pillarize([raw], config.grid, config.capacity))
            scale_intensity(model, config, 255.0)
            found = model(pillarize([points], config.grid, config.capacity))
        torch.testing.assert_close(found.heatmap, expected.heatmap, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("size", ["", "_4x", "_16x"])
@pytest.mark.parametrize("name", ["point_pillars", "second"])
def test_networks_of_kitti_take_and_leave_as_many_boxes_as_openpcdet(name, size) -> None:
    decode = load_config(Path(f"config/model/{name}{size}.yaml"), ModelConfig).decode
    assert (decode.max_candidates, decode.max_detections) == (4096, 500)


def test_networks_of_waymo_have_openpcdets_limit_of_centres() -> None:
    limits = {"pillar": (-80, -80, -10, 80, 80, 10), "voxel": (-75.2, -75.2, -2, 75.2, 75.2, 4)}
    for kind, limit in limits.items():
        paths = sorted(Path("config/model").glob(f"cp_{kind}*.yaml"))
        assert len(paths) == 4
        for path in paths:
            assert load_config(path, ModelConfig).decode.centre_range_m == limit
