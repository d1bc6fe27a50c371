"""Refined proposals to boxes (PointRCNN section 3.4)."""

from collections.abc import Callable
from functools import partial

import torch

from pd_ros.detection.bev.anchors import decode_boxes
from pd_ros.detection.bev.decode_center import suppress, usable
from pd_ros.detection.config.parts import DecodeConfig
from pd_ros.detection.config.point_rcnn import PointRcnnConfig
from pd_ros.detection.point_rcnn.box_coder import out_of_proposals, own_frame
from pd_ros.detection.types import Detections, PointRcnnOutput


def decode_proposals(output: PointRcnnOutput, config: DecodeConfig) -> list[Detections]:
    """Boxes of every cloud of the batch.

    Proposals above the threshold, of the class that the first stage gave them, of which
    :func:`suppress` keeps the best. ``max_candidates`` binds nothing here: proposals are few.
    """
    proposals = output.proposals
    score = output.refined.score.float().sigmoid()
    local = decode_boxes(output.refined.box.float(), own_frame(proposals.boxes))
    boxes = out_of_proposals(local, proposals.boxes)
    found = []
    for sample in range(len(output.points.points)):
        mine = proposals.sample == sample
        candidates = Detections(boxes[mine], score[mine], proposals.labels[mine])
        found.append(suppress(usable(candidates, config), config))
    return found


PointDecoder = Callable[[PointRcnnOutput], list[Detections]]


def make_point_decoder(config: PointRcnnConfig, _device: torch.device) -> PointDecoder:
    """From the output of a network over a batch to the boxes of each sample."""
    return partial(decode_proposals, config=config.decode)
