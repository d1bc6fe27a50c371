"""The decoder that belongs to a network's head."""

from collections.abc import Callable
from functools import partial

import torch

from pd_ros.detection.anchor_decode import AnchorDecoder
from pd_ros.detection.config import ModelConfig
from pd_ros.detection.decode import decode
from pd_ros.detection.part_config import AnchorHeadConfig
from pd_ros.detection.types import Detections, ModelOutput


def make_decoder(
    config: ModelConfig, device: torch.device
) -> Callable[[ModelOutput], list[Detections]]:
    """From the maps of a batch to the boxes of each sample."""
    if isinstance(config.head, AnchorHeadConfig):
        return AnchorDecoder(config, device)
    return partial(decode, config=config)
