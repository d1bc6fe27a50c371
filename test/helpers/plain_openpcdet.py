"""A plain evaluation of weights in OpenPCDet's names, without any of our layers or spconv.

In float64, so that what differs from a network in float32 is that network's rounding.
"""

import itertools
from typing import NamedTuple

import torch
from openpcdet_weights import CENTER_BRANCHES
from torch import Tensor
from torch.nn import functional as F

from pd_ros.detection.config.bev import ModelConfig
from pd_ros.detection.config.parts import AnchorHeadConfig, SparseEncoderConfig
from pd_ros.detection.types import HeadMaps, PillarBatch


def plain_maps(weights: dict[str, Tensor], config: ModelConfig, batch: PillarBatch) -> HeadMaps:
    """The head's maps of one cloud in its pillars or voxels."""
    weights = {name: value.double() for name, value in weights.items()}
    sparse = isinstance(config.encoder, SparseEncoderConfig)
    canvas = (voxel_canvas if sparse else pillar_canvas)(weights, config, batch)
    neck = bev_backbone(weights, config, canvas)
    if isinstance(config.head, AnchorHeadConfig):
        if config.head.shared:
            return anchor_parts(weights, config, neck)
        names = ("conv_cls", "conv_box", "conv_dir_cls")
        return HeadMaps(*(convolution(weights, f"dense_head.{name}", neck, 0) for name in names))
    return center_head(weights, config, neck)


def pillar_canvas(weights, config, batch):
    """PillarVFE: points in a table of [pillars, places], zeros where there is no point.

    DynamicPillarVFE where a pillar has no end: there only points count.
    """
    end = config.capacity.max_points_per_pillar
    places = end or int(batch.counts.max())
    order = batch.point_pillar.argsort(stable=True)
    pillar = batch.point_pillar[order]
    place = torch.arange(len(order)) - (batch.counts.cumsum(0) - batch.counts)[pillar]
    table = torch.zeros(len(batch.counts), places, batch.points.shape[1], dtype=torch.float64)
    table[pillar, place] = batch.points[order].double()
    taken = (torch.arange(places) < batch.counts[:, None])[..., None]
    xyz, size = table[..., :3], (*config.grid.pillar_size_m, 0.0)
    middle = torch.tensor([config.grid.range_m[i] + size[i] / 2 for i in (0, 1)]
                          + [(config.grid.range_m[2] + config.grid.range_m[5]) / 2])  # fmt: skip
    cell = torch.stack([batch.cells[:, 2], batch.cells[:, 1], torch.zeros_like(batch.cells[:, 0])])
    centre = cell.T.double() * torch.tensor(size).double() + middle.double()
    mean = xyz.sum(dim=1) / batch.counts[:, None]
    rows = torch.cat((table, xyz - mean[:, None], xyz - centre[:, None]), dim=2) * taken
    for layer in itertools.count():
        name = f"vfe.pfn_layers.{layer}"
        if f"{name}.linear.weight" not in weights:
            break
        linear = rows @ weights[f"{name}.linear.weight"].T
        rows = norm(weights, f"{name}.norm", linear.flatten(0, 1)).view(linear.shape)
        if end is None:
            rows = rows.masked_fill(~taken, -torch.inf)
        highest = rows.amax(dim=1)
        rows = torch.cat((rows, highest[:, None].expand_as(rows)), dim=2)
        rows = rows.masked_fill(rows.isinf(), 0.0)
    canvas = torch.zeros(highest.shape[1], *config.grid.size, dtype=torch.float64)
    canvas[:, batch.cells[:, 1], batch.cells[:, 2]] = highest.T
    return canvas[None]


class Sites(NamedTuple):
    """Active voxels of one cloud."""

    places: Tensor  # [N, 3] layer, row, column
    values: Tensor  # [N, C]
    shape: Tensor  # [3]


def voxel_canvas(weights, config, batch):
    """MeanVFE, VoxelBackBone8x or VoxelResBackBone8x, HeightCompression."""
    total = torch.zeros(len(batch.counts), batch.points.shape[1], dtype=torch.float64)
    total.index_add_(0, batch.point_pillar, batch.points.double())
    places = torch.stack((batch.layers, batch.cells[:, 1], batch.cells[:, 2]), dim=1)
    shape = torch.tensor([config.grid.layers + 1, *config.grid.size])
    sites = Sites(places, total / batch.counts[:, None], shape)
    sites = submanifold(weights, "backbone_3d.conv_input", sites)
    for stage, count in enumerate(config.encoder.layers, start=1):
        padding = (0, 1, 1) if stage == 4 else (1, 1, 1)
        for number in range(count + (stage > 1)):
            name = f"backbone_3d.conv{stage}.{number}"
            if stage > 1 and number == 0:
                sites = strided(weights, name, sites, (2, 2, 2), padding)
            elif config.encoder.residual:
                sites = residual(weights, name, sites)
            else:
                sites = submanifold(weights, name, sites)
    sites = strided(weights, "backbone_3d.conv_out", sites, (2, 1, 1), (0, 0, 0))
    dense = torch.zeros(sites.values.shape[1], *sites.shape, dtype=torch.float64)
    dense[:, *sites.places.T] = sites.values.T
    return dense.flatten(0, 1)[None]  # all layers of the first channel, then of the next


def submanifold(weights, name, sites):
    values = at_same_sites(weights[f"{name}.0.weight"], sites)
    return sites._replace(values=norm(weights, f"{name}.1", values))


def residual(weights, name, sites):
    first = at_same_sites(weights[f"{name}.conv1.weight"], sites) + weights[f"{name}.conv1.bias"]
    inner = sites._replace(values=norm(weights, f"{name}.bn1", first))
    second = at_same_sites(weights[f"{name}.conv2.weight"], inner) + weights[f"{name}.conv2.bias"]
    normed = norm(weights, f"{name}.bn2", second, activate=False)
    return sites._replace(values=(normed + sites.values).relu())


def at_same_sites(kernel, sites):
    """Neighbour by neighbour; what is not active counts as zero."""
    table = torch.full((sites.shape + 2).tolist(), -1)  # with a border
    table[*(sites.places.T + 1)] = torch.arange(len(sites.places))
    result = torch.zeros(len(sites.places), len(kernel), dtype=torch.float64)
    for offset in itertools.product(range(3), repeat=3):
        neighbour = table[*(sites.places + torch.tensor(offset)).T]
        there = neighbour >= 0
        result[there] += sites.values[neighbour[there]] @ kernel[:, *offset].T
    return result


def strided(weights, name, sites, stride, padding):
    """Every place that the kernel reaches from an active site becomes one."""
    kernel = weights[f"{name}.0.weight"]
    size, step, border = map(torch.tensor, (kernel.shape[1:4], stride, padding))
    shape = (sites.shape + 2 * border - size) // step + 1
    found, parts = [], []
    for offset in itertools.product(*map(range, kernel.shape[1:4])):
        from_zero = sites.places + border - torch.tensor(offset)
        place = from_zero // step
        there = ((from_zero % step == 0) & (place >= 0) & (place < shape)).all(dim=1)
        found.append(place[there])
        parts.append(sites.values[there] @ kernel[:, *offset].T)
    places, number = torch.cat(found).unique(dim=0, return_inverse=True)
    values = torch.zeros(len(places), len(kernel), dtype=torch.float64)
    values.index_add_(0, number, torch.cat(parts))
    return Sites(places, norm(weights, f"{name}.1", values), shape)


def bev_backbone(weights, config, maps):
    ups = []
    for stage, stride in enumerate(config.backbone.strides):
        name = f"backbone_2d.blocks.{stage}"
        for number in range(config.backbone.layers[stage] + 1):
            place = 1 + 3 * number
            kernel = weights[f"{name}.{place}.weight"]
            maps = F.conv2d(maps, kernel, stride=1 if number else stride, padding=1)
            maps = norm(weights, f"{name}.{place + 1}", maps)
        name = f"backbone_2d.deblocks.{stage}"
        kernel, step = weights[f"{name}.0.weight"], config.neck.strides[stage]
        if step < 1:
            up = F.conv2d(maps, kernel, stride=round(1 / step))
        else:
            up = F.conv_transpose2d(maps, kernel, stride=step)
        ups.append(norm(weights, f"{name}.1", up))
    return torch.cat(ups, dim=1)


def anchor_parts(weights, config, neck):
    """Anchors of all parts in the order of the classes; those of a class know no other part's."""
    shared = convolution(weights, "dense_head.shared_conv.0", neck, 1)
    shared = norm(weights, "dense_head.shared_conv.1", shared)
    count = len(config.classes)
    found = {name: [None] * count for name in ("conv_cls", "conv_box", "conv_dir_cls")}
    for number, group in enumerate(config.class_groups):
        for name, places in found.items():
            maps = convolution(weights, f"dense_head.rpn_heads.{number}.{name}", shared, 0)
            maps = maps.unflatten(1, (len(group), 2, -1))  # class, anchor, values
            for place, label in enumerate(group):
                own = maps[:, place]
                if name == "conv_cls":
                    logits = torch.full_like(own[:, :, :1], -100.0).repeat(1, 1, count, 1, 1)
                    logits[:, :, list(group)] = own
                    own = logits
                places[label] = own.flatten(1, 2)
    return HeadMaps(*(torch.cat(places, dim=1) for places in found.values()))


def center_head(weights, config, neck):
    shared = convolution(weights, "dense_head.shared_conv.0", neck, 1)
    shared = norm(weights, "dense_head.shared_conv.1", shared, eps=1e-5)
    heat, boxes = {}, []
    order = (*CENTER_BRANCHES, "vel") if config.head.velocity else tuple(CENTER_BRANCHES)
    for number, group in enumerate(config.class_groups):
        found = {}
        for branch in (*order, "hm"):
            name = f"dense_head.heads_list.{number}.{branch}"
            hidden = convolution(weights, f"{name}.0.0", shared, 1)
            hidden = norm(weights, f"{name}.0.1", hidden, eps=1e-5)
            found[branch] = convolution(weights, f"{name}.1", hidden, 1)
        heat.update(zip(group, found["hm"].unbind(1), strict=True))
        boxes += [found[branch] for branch in order]
    heatmap = torch.stack([heat[number] for number in sorted(heat)], dim=1)
    return HeadMaps(heatmap, torch.cat(boxes, dim=1))


def convolution(weights, name, maps, padding):
    return F.conv2d(maps, weights[f"{name}.weight"], weights.get(f"{name}.bias"), padding=padding)


def norm(weights, name, values, eps=1e-3, activate=True):
    parts = (weights[f"{name}.{part}"] for part in ("running_mean", "running_var"))
    scale, shift = weights[f"{name}.weight"], weights[f"{name}.bias"]
    result = F.batch_norm(values, *parts, scale, shift, eps=eps)
    return result.relu() if activate else result
