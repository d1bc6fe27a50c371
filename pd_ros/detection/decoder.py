"""The decoder that belongs to a network's head."""

from collections.abc import Callable
from functools import partial

import torch

from pd_ros.detection.anchor_decode import AnchorCandidates
from pd_ros.detection.config import ModelConfig
from pd_ros.detection.decode import candidates, suppress
from pd_ros.detection.part_config import AnchorHeadConfig
from pd_ros.detection.types import Detections, ModelOutput

Decoder = Callable[[ModelOutput], list[Detections]]


def make_candidates(config: ModelConfig, device: torch.device) -> Decoder:
    """From the maps of a batch to each sample's boxes before NMS."""
    if isinstance(config.head, AnchorHeadConfig):
        return AnchorCandidates(config, device)
    return partial(candidates, config=config)


def make_decoder(config: ModelConfig, device: torch.device) -> Decoder:
    """From the maps of a batch to the boxes of each sample."""
    find = make_candidates(config, device)
    return lambda output: [suppress(found, config.decode) for found in find(output)]
