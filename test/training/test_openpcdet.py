"""Checkpoints in OpenPCDet's names, against a plain evaluation of them written down here."""

import pytest
import torch
import yaml
from small_model import ANCHORS, SMALL, small_anchor_config, small_config, small_voxel_config
from torch.nn import functional as F

from pd_ros.detection.checkpoint import load_checkpoint
from pd_ros.detection.model import build_model
from pd_ros.detection.pillars import pillarize
from training.import_checkpoint import main, read_weights
from training.openpcdet import convert


def add_norm(weights, name, width):
    weights[f"{name}.weight"] = torch.rand(width) + 0.5
    weights[f"{name}.bias"] = torch.randn(width) * 0.1
    weights[f"{name}.running_mean"] = torch.randn(width) * 0.1
    weights[f"{name}.running_var"] = torch.rand(width) + 0.5
    weights[f"{name}.num_batches_tracked"] = torch.tensor(7)


def pillar_weights():
    """Weights of the small network up to its neck, as OpenPCDet names them."""
    torch.manual_seed(0)
    weights = {"global_step": torch.tensor([9])}
    for layer, (inside, out) in enumerate([(10, 4), (8, 8)]):
        weights[f"vfe.pfn_layers.{layer}.linear.weight"] = torch.randn(out, inside) * 0.3
        add_norm(weights, f"vfe.pfn_layers.{layer}.norm", out)
    for stage, (inside, out) in enumerate([(8, 8), (8, 16)]):
        for place, channels in ((1, inside), (4, out)):
            kernel = torch.randn(out, channels, 3, 3) * 0.1
            weights[f"backbone_2d.blocks.{stage}.{place}.weight"] = kernel
            add_norm(weights, f"backbone_2d.blocks.{stage}.{place + 1}", out)
        stride = stage + 1
        weights[f"backbone_2d.deblocks.{stage}.0.weight"] = torch.randn(out, 8, stride, stride)
        add_norm(weights, f"backbone_2d.deblocks.{stage}.1", 8)
    return weights


def anchor_weights():
    weights = pillar_weights()
    for name, out in (("conv_cls", 8), ("conv_box", 28), ("conv_dir_cls", 8)):
        weights[f"dense_head.{name}.weight"] = torch.randn(out, 16, 1, 1) * 0.1
        weights[f"dense_head.{name}.bias"] = torch.randn(out)
    return weights


def center_weights(with_bias):
    weights = pillar_weights()
    convolutions = [("dense_head.shared_conv.0", 16, 8, with_bias)]
    add_norm(weights, "dense_head.shared_conv.1", 8)
    for branch, out in (("center", 2), ("center_z", 1), ("dim", 3), ("rot", 2), ("hm", 2)):
        name = f"dense_head.heads_list.0.{branch}"
        convolutions += [(f"{name}.0.0", 8, 8, with_bias), (f"{name}.1", 8, out, True)]
        add_norm(weights, f"{name}.0.1", 8)
    for name, inside, out, bias in convolutions:
        weights[f"{name}.weight"] = torch.randn(out, inside, 3, 3) * 0.1
        if bias:
            weights[f"{name}.bias"] = torch.randn(out) * 0.1
    return weights


def norm(weights, name, values):
    parts = (weights[f"{name}.{part}"] for part in ("running_mean", "running_var"))
    scale, shift = weights[f"{name}.weight"], weights[f"{name}.bias"]
    eps = 1e-5 if name.startswith("dense_head") else 1e-3
    return F.batch_norm(values, *parts, scale, shift, eps=eps).relu()


def plain_neck(weights, points):
    """The small network up to its neck, pillar by pillar and layer by layer."""
    cells = ((points[:, :2] + 8).floor()).long()
    canvas = torch.zeros(1, 8, 16, 16)
    for column, row in {tuple(cell) for cell in cells.tolist()}:
        inside = points[(cells == torch.tensor([column, row])).all(dim=1)]
        centre = torch.tensor([column - 7.5, row - 7.5, -1.0])
        xyz = inside[:, :3]
        features = torch.cat((inside, xyz - xyz.mean(dim=0), xyz - centre), dim=1)
        for layer in range(2):
            name = f"vfe.pfn_layers.{layer}"
            linear = features @ weights[f"{name}.linear.weight"].T
            features = norm(weights, f"{name}.norm", linear)
            highest = features.amax(dim=0)
            features = torch.cat((features, highest.expand_as(features)), dim=1)
        canvas[0, :, row, column] = highest
    maps, ups = canvas, []
    for stage in range(2):
        name = f"backbone_2d.blocks.{stage}"
        maps = F.conv2d(F.pad(maps, (1, 1, 1, 1)), weights[f"{name}.1.weight"], stride=stage + 1)
        maps = norm(weights, f"{name}.2", maps)
        maps = norm(weights, f"{name}.5", F.conv2d(maps, weights[f"{name}.4.weight"], padding=1))
        name = f"backbone_2d.deblocks.{stage}"
        up = F.conv_transpose2d(maps, weights[f"{name}.0.weight"], stride=stage + 1)
        ups.append(norm(weights, f"{name}.1", up))
    return torch.cat(ups, dim=1)


def head_convolution(weights, name, maps):
    return F.conv2d(maps, weights[f"{name}.weight"], weights.get(f"{name}.bias"), padding=1)


def some_points():
    generator = torch.Generator().manual_seed(1)
    scale = torch.tensor([16.0, 16.0, 4.0, 1.0])
    return torch.rand(200, 4, generator=generator) * scale - torch.tensor([8.0, 8.0, 3.0, 0.0])


def ours(config, weights):
    model = build_model(config)
    convert(weights, model, config)
    points = some_points()
    with torch.no_grad():
        return model.eval()(pillarize([points], config.grid, config.capacity)), points


def test_anchor_maps_are_those_of_the_plain_evaluation() -> None:
    weights = anchor_weights()
    output, points = ours(small_anchor_config(), weights)
    neck = plain_neck(weights, points)
    found = {
        "conv_cls": output.heatmap,
        "conv_box": output.box,
        "conv_dir_cls": output.direction,
    }
    for name, maps in found.items():
        kernel, bias = (weights[f"dense_head.{name}.{part}"] for part in ("weight", "bias"))
        torch.testing.assert_close(maps, F.conv2d(neck, kernel, bias), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("with_bias", [True, False])
def test_center_maps_are_those_of_the_plain_evaluation(with_bias) -> None:
    weights = center_weights(with_bias)
    output, points = ours(small_config(), weights)
    shared = head_convolution(weights, "dense_head.shared_conv.0", plain_neck(weights, points))
    shared = norm(weights, "dense_head.shared_conv.1", shared)
    found = {}
    for branch in ("center", "center_z", "dim", "rot", "hm"):
        name = f"dense_head.heads_list.0.{branch}"
        hidden = norm(weights, f"{name}.0.1", head_convolution(weights, f"{name}.0.0", shared))
        found[branch] = head_convolution(weights, f"{name}.1", hidden)
    box = torch.cat([found[b] for b in ("center", "center_z", "dim", "rot")], dim=1)
    torch.testing.assert_close(output.box, box, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(output.heatmap, found["hm"], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("residual", [False, True], ids=["second", "center_voxel"])
def test_sparse_names_are_openpcdets_and_kernels_of_spconv_1_are_turned(residual) -> None:
    pytest.importorskip("spconv", reason="spconv is not installed: see packaging/")
    from training.openpcdet import openpcdet_name  # noqa: PLC0415

    config = small_voxel_config(residual)
    model = build_model(config)
    state = {k: v for k, v in model.state_dict().items() if "tracked" not in k}
    names = {openpcdet_name(name, config): value for name, value in state.items()}
    assert len(names) == len(state)
    block = (
        {"backbone_3d.conv1.0.conv1.bias", "backbone_3d.conv2.1.bn2.weight"}
        if residual
        else {"backbone_3d.conv1.0.0.weight", "backbone_3d.conv2.1.1.weight"}
    )
    assert block | {
        "backbone_3d.conv_input.0.weight",
        "backbone_3d.conv2.0.0.weight",
        "backbone_3d.conv_out.0.weight",
        "backbone_3d.conv_out.1.running_mean",
    } <= set(names)
    old = {
        name: torch.randn_like(v).permute(1, 2, 3, 4, 0).clone() if v.dim() == 5 else v.clone()
        for name, v in names.items()
    }
    convert(old, model, config)
    stem = model.state_dict()["encoder.stages.0.0.weight"]
    assert torch.equal(stem.permute(1, 2, 3, 4, 0), old["backbone_3d.conv_input.0.weight"])


def test_everything_that_does_not_fit_is_listed_and_nothing_filled() -> None:
    weights = anchor_weights()
    del weights["vfe.pfn_layers.0.linear.weight"]
    weights["roi_head.weight"] = torch.zeros(1)
    weights["dense_head.conv_box.bias"] = torch.zeros(9)
    model = build_model(small_anchor_config())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ValueError, match="not a checkpoint of small_anchors") as error:
        convert(weights, model, small_anchor_config())
    text = str(error.value)
    assert "missing ['vfe.pfn_layers.0.linear.weight']" in text
    assert "unknown ['roi_head.weight']" in text
    assert "dense_head.conv_box.bias (9,) instead of (28,)" in text
    after = model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_the_command_writes_a_checkpoint_that_loads(tmp_path) -> None:
    config = tmp_path / "small.yaml"
    config.write_text(yaml.safe_dump({**SMALL, "name": "small_anchors", "head": ANCHORS}))
    weights = anchor_weights()
    torch.save({"epoch": 80, "model_state": weights, "version": "1"}, tmp_path / "a.pth")
    arguments = ["--checkpoint", str(tmp_path / "a.pth"), "--config", str(config)]
    arguments += ["--out", str(tmp_path / "a.safetensors"), "--licence", "MIT"]
    assert main(arguments) == 0
    loaded = load_checkpoint(tmp_path / "a.safetensors")
    assert loaded.training == {"imported_from": "a.pth", "licence": "MIT"}
    kernel = loaded.model.state_dict()["dense.head.box.weight"]
    assert torch.equal(kernel, weights["dense_head.conv_box.weight"])


class Harmful:
    def __reduce__(self):
        return (print, ("executed",))


def test_files_that_are_no_weights_are_refused(tmp_path, capsys) -> None:
    path = tmp_path / "bad.pth"
    for content, text in ((Harmful(), "tensors alone"), ({"model_state": {}}, "model_state")):
        torch.save(content, path)
        with pytest.raises(ValueError, match=text):
            read_weights(path)
    assert "executed" not in capsys.readouterr().out
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="tensors alone"):
        read_weights(path)
    with pytest.raises(ValueError, match="cannot be read"):
        read_weights(tmp_path / "absent.pth")
