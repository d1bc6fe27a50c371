"""The decoder that belongs to a network's head."""

from collections.abc import Callable
from functools import partial
from typing import overload

import torch

from pd_ros.detection.anchor_decode import AnchorPeaks
from pd_ros.detection.config import ModelConfig
from pd_ros.detection.decode import peaks, suppress, usable
from pd_ros.detection.model_config import AnyModelConfig
from pd_ros.detection.part_config import AnchorHeadConfig
from pd_ros.detection.point_config import PointRcnnConfig
from pd_ros.detection.point_decode import decode_proposals
from pd_ros.detection.types import Detections, HeadMaps, ModelOutput, PointRcnnOutput

BevPeaks = Callable[[HeadMaps], list[Detections]]
BevDecoder = Callable[[ModelOutput], list[Detections]]
PointDecoder = Callable[[PointRcnnOutput], list[Detections]]


def make_peaks(config: ModelConfig, device: torch.device) -> BevPeaks:
    """From the maps of a batch to each sample's best boxes, before threshold and NMS."""
    if isinstance(config.head, AnchorHeadConfig):
        return AnchorPeaks(config, device)
    return partial(peaks, config=config)


@overload
def make_decoder(config: ModelConfig, device: torch.device) -> BevDecoder: ...
@overload
def make_decoder(config: PointRcnnConfig, device: torch.device) -> PointDecoder: ...
@overload
def make_decoder(config: AnyModelConfig, device: torch.device) -> BevDecoder | PointDecoder: ...
def make_decoder(config: AnyModelConfig, device: torch.device) -> BevDecoder | PointDecoder:
    """From the output of a network over a batch to the boxes of each sample.

    A sample without a point in range has none, whatever the maps say about empty space.
    """
    if isinstance(config, PointRcnnConfig):
        return partial(decode_proposals, config=config.decode)
    find, settings = make_peaks(config, device), config.decode

    def decode(output: ModelOutput) -> list[Detections]:
        seen = set(output.pillar_cells[:, 0].tolist())
        return [
            suppress(usable(found, settings), settings, config.class_groups)
            if sample in seen
            else Detections.empty()
            for sample, found in enumerate(find(output.maps))
        ]

    return decode
