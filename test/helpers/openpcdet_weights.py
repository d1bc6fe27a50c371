"""Made-up checkpoints in OpenPCDet's names and shapes, written down from its layers.

PillarVFE, VoxelBackBone8x and VoxelResBackBone8x, BaseBEVBackbone, AnchorHeadSingle and
AnchorHeadMulti, CenterHead.
"""

import math

import torch

from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.config.parts import AnchorHeadConfig, SparseEncoderConfig

CENTER_BRANCHES = {"center": 2, "center_z": 1, "dim": 3, "rot": 2}


def make_weights(config: ModelConfig, bias_before_norm: bool = True) -> dict[str, torch.Tensor]:
    """``model_state`` of a trained network: batch norm has statistics, no bias is zero."""
    torch.manual_seed(0)
    weights = {"global_step": torch.tensor([9])}
    channels = 3 + len(config.features)
    if isinstance(config.encoder, SparseEncoderConfig):
        _voxel_backbone(weights, channels, config.encoder)
    else:
        _pillar_layers(weights, channels + 6, config.encoder.widths)
    _bev_backbone(weights, config)
    if isinstance(config.head, AnchorHeadConfig):
        (_anchor_parts if config.head.shared else _anchor_head)(weights, config)
    else:
        _center_head(weights, config, bias_before_norm)
    return weights


def of_spconv_1(weights):
    """The same with sparse kernels as (z, y, x, in, out) instead of (out, z, y, x, in)."""
    return {
        name: value.permute(1, 2, 3, 4, 0).contiguous() if value.dim() == 5 else value
        for name, value in weights.items()
    }


def _add_kernel(weights, name, *shape, fan_in, bias=0):
    weights[f"{name}.weight"] = torch.randn(shape) * math.sqrt(2 / fan_in)
    if bias:
        weights[f"{name}.bias"] = torch.randn(bias) * 0.1


def _add_norm(weights, name, width, scale=1.0):
    weights[f"{name}.weight"] = scale * (torch.rand(width) + 0.5)
    weights[f"{name}.bias"] = torch.randn(width) * 0.3
    weights[f"{name}.running_mean"] = torch.randn(width) * 0.1
    weights[f"{name}.running_var"] = torch.rand(width) + 0.5
    weights[f"{name}.num_batches_tracked"] = torch.tensor(7)


def _pillar_layers(weights, channels, widths):
    for number, width in enumerate(widths):
        last = number == len(widths) - 1
        out = width if last else width // 2
        name = f"vfe.pfn_layers.{number}"
        _add_kernel(weights, f"{name}.linear", out, channels, fan_in=channels)
        _add_norm(weights, f"{name}.norm", out)
        channels = width


def _voxel_backbone(weights, channels, encoder):
    def sparse(name, inside, out, height=3, width=3, bias=0):
        fan_in = 18 * inside  # of the 27 neighbours many are empty
        shape = (out, height, width, width, inside)
        _add_kernel(weights, name, *shape, fan_in=fan_in, bias=bias)

    sparse("backbone_3d.conv_input.0", channels, encoder.stem)
    _add_norm(weights, "backbone_3d.conv_input.1", encoder.stem)
    channels = encoder.stem
    for stage, (width, count) in enumerate(zip(encoder.widths, encoder.layers, strict=True), 1):
        for number in range(count + (stage > 1)):
            name = f"backbone_3d.conv{stage}.{number}"
            if encoder.residual and not (stage > 1 and number == 0):
                for part, scale in ((1, 1.0), (2, 0.2)):  # a block adds little to what comes in
                    sparse(f"{name}.conv{part}", width, width, bias=width)
                    _add_norm(weights, f"{name}.bn{part}", width, scale)
            else:
                sparse(f"{name}.0", channels, width)
                _add_norm(weights, f"{name}.1", width)
            channels = width
    sparse("backbone_3d.conv_out.0", channels, encoder.out, width=1)
    _add_norm(weights, "backbone_3d.conv_out.1", encoder.out)


def _bev_backbone(weights, config):
    channels = config.canvas_channels
    for stage, (width, count) in enumerate(
        zip(config.backbone.widths, config.backbone.layers, strict=True)
    ):
        name = f"backbone_2d.blocks.{stage}"
        for number in range(count + 1):
            place = 1 + 3 * number  # a padding is first; each convolution has a norm and a ReLU
            _add_kernel(weights, f"{name}.{place}", width, channels, 3, 3, fan_in=9 * channels)
            _add_norm(weights, f"{name}.{place + 1}", width)
            channels = width
        up, stride = config.neck.widths[stage], config.neck.strides[stage]
        name = f"backbone_2d.deblocks.{stage}"
        if stride < 1:  # a convolution that halves
            _add_kernel(weights, f"{name}.0", up, width, 2, 2, fan_in=4 * width)
        else:
            _add_kernel(weights, f"{name}.0", width, up, stride, stride, fan_in=width)
        _add_norm(weights, f"{name}.1", up)


def _anchor_head(weights, config):
    inside, classes = sum(config.neck.widths), len(config.classes)
    anchors = classes * len(config.head.rotations_rad)
    for name, values in (("conv_cls", classes), ("conv_box", 7), ("conv_dir_cls", 2)):
        out = anchors * values
        _add_kernel(weights, f"dense_head.{name}", out, inside, 1, 1, fan_in=inside, bias=out)


def _anchor_parts(weights, config):
    """AnchorHeadMulti: a shared convolution, and a part for each group of classes."""
    inside, shared = sum(config.neck.widths), config.head.shared
    _add_kernel(weights, "dense_head.shared_conv.0", shared, inside, 3, 3, fan_in=9 * inside)
    _add_norm(weights, "dense_head.shared_conv.1", shared)
    for number, group in enumerate(config.class_groups):
        name, anchors = f"dense_head.rpn_heads.{number}", len(group) * 2
        weights[f"{name}.head_label_indices"] = torch.tensor(group) + 1
        for kind, values in (("conv_cls", len(group)), ("conv_box", 7), ("conv_dir_cls", 2)):
            out = anchors * values
            _add_kernel(weights, f"{name}.{kind}", out, shared, 1, 1, fan_in=shared, bias=out)


def _center_head(weights, config, bias_before_norm):
    def convolution(name, inside, out, bias):
        _add_kernel(weights, name, out, inside, 3, 3, fan_in=9 * inside, bias=bias and out)

    width = config.head.width
    convolution("dense_head.shared_conv.0", sum(config.neck.widths), width, bias_before_norm)
    _add_norm(weights, "dense_head.shared_conv.1", width)
    branches = {**CENTER_BRANCHES, **({"vel": 2} if config.head.velocity else {})}
    for number, group in enumerate(config.class_groups):
        for branch, out in {**branches, "hm": len(group)}.items():
            name = f"dense_head.heads_list.{number}.{branch}"
            convolution(f"{name}.0.0", width, width, bias_before_norm)
            _add_norm(weights, f"{name}.0.1", width)
            convolution(f"{name}.1", width, out, bias=True)
