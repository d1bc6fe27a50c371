"""Rotated suppression: the device keeps the boxes that the CPU keeps."""

import torch
from torch import Tensor

from pd_ros.check_device.check import Finding, Setting
from pd_ros.check_device.networks import device_of
from pd_ros.detection.geometry.nms import nms

_COUNTS = (0, 1, 2, 500, 4096)
_THRESHOLDS = (0.01, 0.3, 0.7)


def check(setting: Setting) -> Finding:
    """Crowds of boxes, some equal in place or score, by several thresholds."""
    device, differing, kept = device_of(setting), [], 0
    cases = [(count, threshold) for count in _COUNTS for threshold in _THRESHOLDS]
    for count, threshold in cases:
        boxes, scores = crowd(count)
        expected = nms(boxes, scores, threshold)
        found = nms(boxes.to(device), scores.to(device), threshold).cpu()
        kept += len(expected)
        if expected.tolist() != found.tolist():
            differing.append(
                f"{count} boxes at {threshold}: {len(found)} not {len(expected)} kept"
            )
    text = "; ".join(differing) or f"the same {kept} boxes kept in {len(cases)} cases"
    return Finding(not differing, text, {"kept": kept, "cases": len(cases)})


def crowd(count: int) -> tuple[Tensor, Tensor]:
    """Boxes ``[count, 7]`` about some places, and scores ``[count]`` of which many are equal."""
    generator = torch.Generator().manual_seed(count)
    boxes = torch.rand(count, 7, generator=generator)
    place = torch.randint(0, 1 + count // 20, (count, 1), generator=generator)
    boxes[:, :2] = boxes[:, :2] * 3 + 6 * place
    boxes[:, 3:6] = boxes[:, 3:6] * 3 + 0.5
    boxes[:, 6] = (boxes[:, 6] - 0.5) * 6
    scores = torch.randint(0, 100, (count,), generator=generator) / 100
    boxes[1::7] = boxes[: len(boxes[1::7])]
    return boxes, scores
