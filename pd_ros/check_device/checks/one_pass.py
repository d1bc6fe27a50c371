"""Pillars in tensors of a fixed size, as a CUDA graph needs them: the boxes are the usual ones."""

import torch
from torch import Tensor

from pd_ros.check_device.check import Finding, Setting
from pd_ros.check_device.compare import box_difference, worst
from pd_ros.check_device.networks import cloud_of, device_of, exact_products, load, load_bev
from pd_ros.detection.bev.decode_center import suppress, usable
from pd_ros.detection.inference.cuda_graph import StaticGraph, unpack
from pd_ros.detection.predictor import Predictor

_BEYOND = 1000  # places of the input that hold no point


@torch.inference_mode()
def check(setting: Setting) -> Finding:
    """The work of the graph, not recorded, beside the detector step by step, in fp32."""
    device, checkpoint = device_of(setting), load(setting)
    usual = Predictor(checkpoint, device, torch.float32)
    model, config = load_bev(setting)
    static = StaticGraph(model.to(device), config, device, torch.float32)
    clouds = [cloud_of(points, config) for points in setting.clouds]
    clouds = [clouds[0], clouds[0][:0], clouds[0][:1], clouds[0][::10], *clouds[1:]]
    differences, clipped = [], 0
    with exact_products():
        for cloud in setting.repeat(clouds, 4):
            expected = usual.infer_uncalibrated(cloud)
            best, lost = unpack(static(_padded(cloud, device)).cpu())
            found = suppress(usable(best, config.decode), config.decode, config.class_groups)
            trained = bool(checkpoint.training)
            differences.append(box_difference(expected.detections, found, "fp32", trained))
            clipped += expected.clipped != lost
    all_of_them = worst(differences)
    text = (
        f"{all_of_them.lost} of {all_of_them.boxes} boxes lost, scores {all_of_them.score:.1e},"
        f" over {len(differences)} clouds"
        + f"; {clipped} count clipped points otherwise"
        * bool(clipped)
    )
    return Finding(all_of_them.within("fp32") and not clipped, text, all_of_them._asdict())


def _padded(cloud: Tensor, device: torch.device) -> Tensor:
    beyond = cloud.new_full((_BEYOND, cloud.shape[1]), torch.nan)
    return torch.cat((cloud, beyond)).to(device)
